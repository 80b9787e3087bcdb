//! Operators that look at all pixels before they write: what numpy and OpenCV gave (`fixtures/passes`), whatever the tiles,
//! workers and budget; what the plan says of the passes; and the job, which stays as it was asked.

#![allow(clippy::unwrap_used)]

mod command;

use std::path::{Path, PathBuf};

use command::Folder;
use serde_json::Value;

fn frozen(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/passes").join(name).with_extension("npy")
}

/// A folder with some of the frozen inputs.
fn with(names: &[&str]) -> Folder {
    let folder = Folder::new();
    for name in names {
        std::fs::copy(frozen(name), folder.file(&format!("{name}.npy"))).unwrap();
    }
    folder
}

/// The pixels of an NPY file as bytes.
fn pixels(path: &Path) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap();
    let header = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    bytes[10 + header..].to_vec()
}

const WAYS: [&str; 4] =
    ["", "--tile 7x5 --threads 2", "--tile 61x1 --threads 8", "--memory 24MiB --threads 1"];

fn assert_frozen(folder: &Folder, line: &str, expected: &str) {
    for way in WAYS {
        folder.well(&format!("{line} out.npy --overwrite --quiet {way}"));
        let same = pixels(&folder.file("out.npy")) == pixels(&frozen(expected));
        assert!(same, "`{line} {way}` is not `{expected}`");
    }
}

#[test]
fn histograms_are_equalised_as_opencv_does() {
    let folder = with(&["gray", "words"]);
    assert_frozen(&folder, "equalize gray.npy", "gray_equalized");
    assert_frozen(&folder, "equalize words.npy --nodata-value 0", "words_equalized");
}

#[test]
fn ranges_of_percentiles_are_stretched() {
    let folder = with(&["words", "reals", "singles"]);
    assert_frozen(&folder, "stretch words.npy --nodata-value 0", "words_stretched");
    assert_frozen(
        &folder,
        "stretch words.npy --nodata-value 0 --percentiles 1,99.5 --joint",
        "words_stretched_jointly",
    );
    assert_frozen(&folder, "stretch reals.npy --percentiles 5,97.5 --type f64", "reals_stretched");
    assert_frozen(&folder, "stretch singles.npy --type i16 --output-range -1000,1000", "singles_stretched");
}

#[test]
fn what_is_learned_is_learned_about_the_chain_so_far() {
    let folder = with(&["singles"]);
    folder.well("gaussian singles.npy smooth.npy --sigma 1.5 --quiet");
    folder.well("stretch smooth.npy wide.npy --percentiles 1,99 --quiet");
    folder.well("equalize wide.npy apart.npy --quiet");
    for way in WAYS {
        folder.well(&format!(
            "pipeline {way} --quiet ! read singles.npy ! gaussian --sigma 1.5 ! stretch --percentiles 1,99 ! equalize \
             ! write fused.npy --overwrite"
        ));
        assert!(pixels(&folder.file("fused.npy")) == pixels(&folder.file("apart.npy")), "{way}");
    }
}

#[test]
fn plans_show_every_pass_and_run_none() {
    let folder = with(&["words", "reals"]);
    let plan: Value =
        serde_json::from_str(&folder.well("stretch reals.npy out.tif --plan --json --threads 1")).unwrap();
    assert_eq!(plan["passes"], 5);
    assert_eq!(plan["preparations"][0]["operator"], "stretch");
    assert_eq!(plan["preparations"][0]["subject"], "percentiles 2 and 98");
    assert_eq!(plan["preparations"][0]["passes"], 4);
    assert!(plan["read_bytes"].as_u64().unwrap() >= 5 * 8 * 47 * 61);
    let words = folder.well("equalize words.npy out.tif --plan");
    assert!(words.contains("the histogram for `equalize`: 1 sweep over"), "{words}");
    assert!(words.contains("2 passes"), "{words}");
    // Nothing is learned where everything was said.
    let plan: Value =
        serde_json::from_str(&folder.well("stretch reals.npy out.tif --range 0,1 --plan --json")).unwrap();
    assert_eq!((plan["passes"].as_u64(), plan.get("preparations")), (Some(1), None));
    // The first sweep has a table of 512 KiB for each band and worker, which no plan may leave out.
    assert_eq!(folder.run("equalize words.npy out.tif --memory 12MiB").code, 3);
    assert_eq!(folder.names(), ["reals.npy", "words.npy"]);
}

#[test]
fn progress_and_report_tell_the_passes() {
    let folder = with(&["reals"]);
    let ended = folder.run("stretch reals.npy out.tif --progress json --report report.json");
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let lines: Vec<Value> = ended.stderr.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let begun: Vec<_> = lines.iter().filter_map(|line| line.get("pass")).collect();
    assert_eq!(begun, [1, 2, 3, 4, 5], "{}", ended.stderr);
    let report: Value = serde_json::from_slice(&std::fs::read(folder.file("report.json")).unwrap()).unwrap();
    assert_eq!(report["passes_before"].as_array().unwrap().len(), 4);
    assert_eq!(report["plan"]["passes"], 5);
    assert!(report["read_bytes"].as_u64().unwrap() >= 5 * 8 * 47 * 61);
}

#[test]
fn the_job_is_printed_as_asked() {
    let folder = with(&["words"]);
    let job = folder.well("stretch words.npy out.npy --joint --print-job");
    assert!(job.contains("joint") && !job.contains("range"), "{job}");
    std::fs::write(folder.file("job.toml"), job).unwrap();
    folder.well("run job.toml --quiet");
    folder.well("stretch words.npy direct.npy --joint --quiet");
    assert!(pixels(&folder.file("out.npy")) == pixels(&folder.file("direct.npy")));
}

#[test]
fn speckle_filters_find_the_looks() {
    let folder = with(&["reals", "words"]);
    for way in WAYS {
        folder.well(&format!("enhanced-lee words.npy auto.npy --looks auto --domain amplitude --overwrite --report report.json {way}"));
        let report: Value =
            serde_json::from_slice(&std::fs::read(folder.file("report.json")).unwrap()).unwrap();
        let found = report["plan"]["preparations"][0]["found"].as_str().unwrap();
        let looks: f64 = found.strip_prefix("looks=").unwrap().parse().unwrap();
        // a = words.astype("f8") ** 2; 1 / ((a.var((1, 2)) / a.mean((1, 2)) ** 2).mean())
        assert!((looks / 5.114890162017009 - 1.0).abs() < 1e-14, "{found}");
        folder.well(&format!(
            "enhanced-lee words.npy given.npy --looks {looks} --domain amplitude --overwrite --quiet"
        ));
        assert!(pixels(&folder.file("auto.npy")) == pixels(&folder.file("given.npy")), "{way}");
    }
    let plan = folder.well("lee reals.npy out.tif --looks auto --plan");
    assert!(plan.contains("looks for `lee`: 1 sweep"), "{plan}");
}

#[test]
fn what_cannot_be_stretched_is_told() {
    let folder = with(&["reals", "words"]);
    let ended = folder.run("equalize reals.npy out.tif");
    assert_eq!(ended.code, 5, "{}", ended.stderr);
    assert!(ended.stderr.contains("takes rasters of u8 and u16, not f64"), "{}", ended.stderr);
    let both = folder.run("stretch words.npy out.tif --range 0,1 --percentiles 2,98");
    assert_eq!(both.code, 2, "{}", both.stderr);
    assert_eq!(folder.names(), ["reals.npy", "words.npy"]);
}
