//! Connected components and distances through the command: the same bytes for any tiles, threads and budget, and rasters
//! frozen from scipy and scikit-image (`fixtures/regions`).

#![allow(clippy::unwrap_used)]

mod command;

use std::path::Path;

use command::Folder;
use serde_json::Value;

fn frozen(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/regions").join(name);
    path.with_extension("npy").display().to_string()
}

const CASES: [(&str, &str); 10] = [
    ("components", "nonzero_four"),
    ("components --connectivity 8", "nonzero_eight"),
    ("components --of equal", "equal_four"),
    ("components --of equal --connectivity 8", "equal_eight"),
    ("components --of equal --background none", "all_four"),
    ("components --of equal --background none --connectivity 8", "all_eight"),
    ("distance --type f64", "euclidean"),
    ("distance --type f64 --to nonzero", "euclidean_to_nonzero"),
    ("distance --metric cityblock", "cityblock"),
    ("distance --metric chessboard", "chessboard"),
];

#[test]
fn results_are_scipys_in_any_tiles() {
    let folder = Folder::new();
    for (line, expected) in CASES {
        let (name, parameters) = line.split_once(' ').unwrap_or((line, ""));
        for way in
            ["", "--tile 67x1 --threads 8", "--tile 9x16 --threads 2", "--strips 7 --threads 2 --io mmap"]
        {
            folder
                .well(&format!("{name} {} out.tif {parameters} {way} --quiet --overwrite", frozen("shapes")));
            folder.well(&format!("compare out.tif {}", frozen(expected)));
        }
    }
}

#[test]
fn pixels_may_be_of_any_width_and_height() {
    let folder = Folder::new();
    let shapes = frozen("shapes");
    for (parameters, expected) in [
        ("--sampling 30,10", "euclidean_sampling"),
        ("--sampling 0.1,0.7 --to nonzero", "euclidean_sampling_narrow"),
    ] {
        let line = format!("{shapes} OUT {parameters} --type f64 --quiet --overwrite");
        for way in ["", "--tile 67x1 --threads 8", "--tile 9x16 --threads 2"] {
            folder.well(&format!("distance {} {way}", line.replace("OUT", "out.tif")));
            folder.well(&format!("compare out.tif {} --tolerance 1e-11", frozen(expected)));
            folder.well(&format!("distance {}", line.replace("OUT", "whole.tif")));
            folder.well("compare out.tif whole.tif");
        }
    }
    // Square ones are whole numbers of sides.
    folder.well(&format!("distance {shapes} twos.tif --sampling 2 --metric cityblock --quiet"));
    folder.well(&format!("cast {} twice.tif --scale 2 --type f32 --quiet", frozen("cityblock")));
    folder.well("compare twos.tif twice.tif");
    for (line, code, word) in [
        ("--sampling 1,2 --metric chessboard", 5, "square"),
        ("--sampling 1,2 --units map", 2, "both"),
        ("--sampling 0", 2, "--sampling"),
        ("--sampling 1,2,3", 2, "--sampling"),
    ] {
        let refused = folder.run(&format!("distance {shapes} no.tif {line}"));
        assert_eq!(refused.code, code, "{line}: {}", refused.stderr);
        assert!(refused.stderr.contains(word), "{}", refused.stderr);
    }
}

#[test]
fn the_number_of_components_is_a_result() {
    let folder = Folder::new();
    let shapes = frozen("shapes");
    assert_eq!(folder.well(&format!("components {shapes} a.tif --quiet")).trim(), "components 86");
    let found = folder.well(&format!("components {shapes} b.tif --of equal --connectivity 8 --json --quiet"));
    assert_eq!(serde_json::from_str::<Value>(&found).unwrap()["components"], 106);
}

#[test]
fn large_rasters_take_little_memory_in_any_pattern() {
    let folder = Folder::new();
    folder.well("generate a.tif --size 3000x2000 --type u8 --pattern noise --seed 3 --quiet");
    for line in ["components a.tif --of equal", "distance a.tif --values 7"] {
        let (name, rest) = line.split_once(' ').unwrap();
        let (input, rest) = rest.split_once(' ').unwrap();
        folder.well(&format!("{name} {input} whole.tif {rest} --memory 1GiB --quiet --overwrite"));
        folder.well(&format!(
            "{name} {input} small.tif {rest} --memory 24MiB --report report.json --quiet --overwrite"
        ));
        folder.well("compare whole.tif small.tif");
        let report = std::fs::read_to_string(folder.file("report.json")).unwrap();
        let report: Value = serde_json::from_str(&report).unwrap();
        assert!(report["measured_peak_bytes"].as_u64().unwrap() < 24 << 20, "{report}");
        assert_eq!(report["plan"]["passes"], 2);
        assert!(report["plan"]["scratch_bytes"].as_u64().unwrap() >= 3000 * 4);
    }
    let refused = folder.run("components a.tif b.tif --memory 3MiB");
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    assert!(refused.stderr.contains("--memory"), "{}", refused.stderr);
}

#[test]
fn both_end_a_pipeline_and_stand_in_jobs() {
    let folder = Folder::new();
    folder.well("generate a.tif --size 120x90 --quiet");
    folder.well("stretch a.tif s.tif --type u8 --quiet");
    folder.well("calc t.tif A>128 -A s.tif --quiet");
    folder.well("components t.tif labels.tif --connectivity 8 --quiet");
    let line = "pipeline --quiet --tile 40x30 ! read a.tif ! stretch --type u8 ! calc A>128 ! components --connectivity 8 ! write piped.tif";
    folder.well(line);
    folder.well("compare labels.tif piped.tif");
    folder.well("distance t.tif d.tif --to nonzero --quiet");
    let job = folder.well("distance t.tif e.tif --to nonzero --scratch . --print-job");
    std::fs::write(folder.file("job.toml"), job).unwrap();
    folder.well("run job.toml --quiet");
    folder.well("compare d.tif e.tif");
    let early = folder.run("pipeline ! read a.tif ! distance ! gaussian --sigma 2 ! write f.tif");
    assert_eq!(early.code, 2);
    assert!(early.stderr.contains("must be the last step"), "{}", early.stderr);
}

#[test]
fn what_is_wrong_is_told_before() {
    let folder = Folder::new();
    folder.well("generate a.tif --size 120x90 --bands 2 --quiet");
    let bands = folder.run("components a.tif b.tif");
    assert_eq!(bands.code, 2, "{}", bands.stderr);
    assert!(bands.stderr.contains("--bands"), "{}", bands.stderr);
    assert_eq!(folder.run("components a.tif:1 b.tif --connectivity 6").code, 2);
    let nowhere = folder.run("distance a.tif b.tif --scratch nowhere");
    assert_eq!(nowhere.code, 2, "{}", nowhere.stderr);
    assert!(nowhere.stderr.contains("nowhere"), "{}", nowhere.stderr);
    assert_eq!(folder.names(), ["a.tif"]);
}

#[test]
fn tables_are_scikit_images() {
    let folder = Folder::new();
    for (raster, connectivity, expected) in [("shapes", 4, "table_four"), ("reals", 8, "table_reals_eight")] {
        let expected = std::fs::read_to_string(Path::new(&frozen(expected)).with_extension("csv")).unwrap();
        for way in ["", "--tile 67x1 --threads 8", "--tile 9x16 --threads 2"] {
            folder.well(&format!(
                "components {} l.tif --connectivity {connectivity} --table t.csv {way} --quiet --overwrite",
                frozen(raster)
            ));
            let table = std::fs::read_to_string(folder.file("t.csv")).unwrap();
            assert_eq!(table.lines().count(), expected.lines().count());
            for (line, expected) in table.lines().zip(expected.lines()).skip(1) {
                let [found, expected] = [line, expected].map(|line| line.split(',').collect::<Vec<_>>());
                assert_eq!(found[..6], expected[..6]);
                let numbers =
                    [found[6], found[7], found[10], found[11]].map(|text| text.parse::<f64>().unwrap());
                let [x, y, sum] = [6, 7, 8].map(|column| expected[column].parse::<f64>().unwrap());
                let area = expected[1].parse::<f64>().unwrap();
                for (found, expected) in numbers.into_iter().zip([x, y, sum, sum / area]) {
                    assert!((found - expected).abs() <= 4e-16 * expected.abs(), "{line}: {expected}");
                }
            }
        }
    }
}

#[test]
fn a_table_tells_what_each_label_covers() {
    let folder = Folder::new();
    folder.well("generate a.tif --size 230x170 --pattern noise --type u8 --quiet");
    folder.well("calc t.tif A>150 -A a.tif --quiet");
    folder.well("components t.tif labels.npy --table whole.csv --threads 1 --tile 230x170 --quiet");
    for way in ["--threads 3 --tile 230x1", "--threads 2 --tile 230x16 --scratch . --memory 48MiB"] {
        folder.well(&format!("components t.tif tiled.tif --table tiled.csv --overwrite --quiet {way}"));
        let [whole, tiled] = ["whole.csv", "tiled.csv"].map(|name| std::fs::read(folder.file(name)).unwrap());
        assert_eq!(whole, tiled, "{way}");
    }
    // The plainest way: everything that has the label.
    let file = std::fs::read(folder.file("labels.npy")).unwrap();
    let labels: Vec<u32> = file[file.len() - 230 * 170 * 4..]
        .chunks_exact(4)
        .map(|bytes| u32::from_le_bytes(bytes.try_into().unwrap()))
        .collect();
    let text = std::fs::read_to_string(folder.file("whole.csv")).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("label,area,x,y,width,height,centroid_x,centroid_y,map_x,map_y,sum,mean"));
    let most = labels.iter().copied().max().unwrap();
    assert!(most > 100);
    for label in 1..=most {
        let pixels: Vec<(usize, usize)> =
            (0..labels.len()).filter(|&at| labels[at] == label).map(|at| (at % 230, at / 230)).collect();
        let of = |axis: fn(&(usize, usize)) -> usize| {
            let (least, greatest) =
                (pixels.iter().map(axis).min().unwrap(), pixels.iter().map(axis).max().unwrap());
            let mean = pixels.iter().map(axis).sum::<usize>() as f64 / pixels.len() as f64;
            (least, greatest - least + 1, mean)
        };
        let ((x, width, mean_x), (y, height, mean_y)) = (of(|at| at.0), of(|at| at.1));
        let line = lines.next().unwrap();
        let expected = format!("{label},{},{x},{y},{width},{height},{mean_x},{mean_y},", pixels.len());
        assert!(line.starts_with(&expected), "{line} and not {expected}");
    }
    assert_eq!(lines.next(), None);
    // Nothing is replaced unasked, and nothing stays of a run that fails.
    let before = folder.names();
    for line in
        ["components t.tif b.tif --table whole.csv", "components t.tif b.csv --table b.csv --format tiff"]
    {
        assert_eq!(folder.run(line).code, 2, "{line}");
    }
    assert_eq!(folder.names(), before);
}

#[test]
fn a_preview_of_labels_is_in_colours() {
    let folder = Folder::new();
    folder.well(&format!("components {} labels.tif --quiet", frozen("shapes")));
    folder.well("copy labels.tif unnamed.npy --quiet");
    // The kind of pixels stands in the header: 0 is grey, 2 red, green and blue.
    let kind = |line: &str| {
        folder.well(&format!("preview {line} --overwrite"));
        folder.content("out.png")[25]
    };
    assert_eq!(kind("labels.tif out.png"), 2);
    assert_eq!(kind("labels.tif out.png --colours grey"), 0);
    assert_eq!(kind("unnamed.npy out.png"), 0);
    assert_eq!(kind("unnamed.npy out.png --colours labels"), 2);
}
