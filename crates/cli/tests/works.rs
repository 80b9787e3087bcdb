//! The command from a user's side: what it prints, what it makes, how it stops.

#![allow(clippy::unwrap_used)]

mod command;

use std::io::{BufRead, BufReader};

use command::Folder;

#[test]
fn a_job_does_what_its_command_did() {
    let folder = Folder::new();
    folder.well("generate a.tif --size 400x300 --seed 3 --quiet");
    let line = "pipeline ! read a.tif ! gaussian --sigma 1.5,2 ! cast --type f32 --scale 0.5 --offset -3 ! write b.tif --block 128x128";
    folder.well(line);
    let job = folder
        .well(&line.replace("pipeline", "pipeline --print-job --memory 64MiB").replace("b.tif", "c.tif"));
    std::fs::write(folder.file("job.toml"), &job).unwrap();
    folder.well("run job.toml --quiet");
    assert!(folder.well("compare b.tif c.tif").contains("equal"));
    assert_eq!(std::fs::read(folder.file("b.tif")).unwrap(), std::fs::read(folder.file("c.tif")).unwrap());
    let plan = folder.well(
        "run job.toml --plan --json --quiet --threads 1 --tile 64x64"
            .replace("run job.toml", "mean a.tif d.tif --size 3")
            .as_str(),
    );
    let plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
    assert_eq!(plan["tile_width"], 64);
    assert_eq!(plan["stages"][0]["operator"], "mean");
    assert!(!folder.file("d.tif").exists(), "a plan writes nothing");
}

#[test]
fn fused_chains_equal_their_steps() {
    let folder = Folder::new();
    folder.well("generate a.tif --size 500x400 --quiet");
    folder.well("mean a.tif b.tif --size 5 --quiet");
    folder.well("gaussian b.tif c.tif --sigma 2 --quiet");
    folder.well(
        "pipeline --quiet --tile 100x70 ! read a.tif ! mean --size 5 ! gaussian --sigma 2 ! write d.tif",
    );
    folder.well("compare c.tif d.tif");
}

#[test]
fn compare_tells_differences() {
    let folder = Folder::new();
    folder.well("generate a.tif --size 100x80 --quiet");
    folder.well("generate b.tif --size 100x80 --seed 2 --quiet");
    folder.well("copy a.tif c.tif --window 1,0,99,80 --quiet");
    let ended = folder.run("compare a.tif b.tif --json");
    assert_eq!(ended.code, 1);
    let json: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(json["equal"], false);
    assert_eq!(json["samples"], 8000);
    folder.well("compare a.tif b.tif --tolerance 70000");
    let ended = folder.run("compare a.tif c.tif");
    assert_eq!(ended.code, 1);
    assert!(ended.stdout.contains("size: 100 x 80 and 99 x 80"));
}

#[test]
fn info_and_help_tell_all() {
    let folder = Folder::new();
    folder.well("generate a.tif --size 123x45 --bands 2 --type f32 --quiet");
    let json: serde_json::Value = serde_json::from_str(&folder.well("info a.tif --json --stats")).unwrap();
    assert_eq!(
        (json["width"].as_u64(), json["bands"].as_u64(), json["epsg"].as_u64()),
        (Some(123), Some(2), Some(32633))
    );
    assert_eq!(json["statistics"][1]["count"], 123 * 45);
    let c =
        json["transform"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect::<Vec<_>>();
    assert_eq!(json["corners"][2], serde_json::json!([c[0] + 123.0 * c[1], c[3] + 45.0 * c[5]]));
    assert_eq!(json["pixel_size"], serde_json::json!([c[1], -c[5]]));
    assert_eq!(json["band_list"].as_array().unwrap().len(), 2);
    let readable = folder.well("info a.tif");
    for word in ["corners", "system", "origin", "pixel size", "EPSG:32633"] {
        assert!(readable.contains(word), "no {word} in {readable}");
    }
    for operator in ["gaussian", "mean", "convolve", "copy", "cast"] {
        assert!(folder.well("operators").contains(operator));
        let page = folder.well(&format!("help {operator}"));
        for heading in ["parameters", "computes", "halo", "types", "nodata", "source", "example"] {
            assert!(page.contains(&format!("\n{heading}\n")), "help {operator} has no {heading}");
        }
    }
    let list: serde_json::Value = serde_json::from_str(&folder.well("operators --json")).unwrap();
    assert!(list.as_array().unwrap().iter().any(|operator| operator["name"] == "gaussian"));
    folder.well("completions bash");
    assert_eq!(folder.run("help nonsense").code, 2);
}

#[test]
fn the_report_holds_its_figures() {
    let folder = Folder::new();
    folder.well("generate a.tif --size 1500x1000 --quiet");
    folder.well("gaussian a.tif b.tif --sigma 2 --memory 64MiB --report report.json --quiet");
    let text = std::fs::read_to_string(folder.file("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    let (predicted, measured) =
        (report["plan"]["predicted_peak_bytes"].as_u64(), report["measured_peak_bytes"].as_u64());
    assert!(measured <= predicted && predicted <= Some(64 << 20), "{measured:?} {predicted:?}");
    assert!(report["limited_by"].as_str().unwrap().contains('%'));
    assert_eq!(report["output_bytes"], std::fs::metadata(folder.file("b.tif")).unwrap().len());
}

#[test]
fn an_interrupted_run_leaves_nothing() {
    let folder = Folder::new();
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let before = folder.names();
        let words = ["generate", "a.tif", "--size", "60000x40000", "--progress", "json"];
        let mut child = folder.command(&words).stderr(std::process::Stdio::piped()).spawn().unwrap();
        // The first line of progress: a tile is done.
        let mut line = String::new();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        said.read_line(&mut line).unwrap();
        assert!(line.contains("tiles_done"), "{line}");
        std::process::Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code));
        assert_eq!(folder.names(), before, "{signal}");
    }
}

#[test]
fn messages_are_json_lines_where_that_is_asked() {
    let folder = Folder::new();
    folder.well("generate a.tif --size 300x200 --quiet");
    let ended = folder.run("gaussian a.tif b.tif --sigma 2 --log json --progress json");
    assert!(ended.stderr.lines().count() > 1);
    for line in ended.stderr.lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).unwrap().is_object());
    }
    let ended = folder.run("gaussian a.tif b.tif --sigma 2 --log json");
    let said: serde_json::Value = serde_json::from_str(ended.stderr.trim()).unwrap();
    assert_eq!((ended.code, &said["level"]), (2, &"error".into()));
}

#[test]
fn a_closed_pipe_is_no_error() {
    let folder = Folder::new();
    let command = format!("set -o pipefail; {} operators --json | head -c 1", env!("CARGO_BIN_EXE_swathe"));
    let status = std::process::Command::new("bash")
        .arg("-c")
        .arg(command)
        .current_dir(folder.path())
        .output()
        .unwrap()
        .status;
    assert!(status.success());
}
