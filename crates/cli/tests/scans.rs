//! Accumulations and integrals through the command: the same bytes for any tiles, threads and budget, and figures frozen
//! from numpy 2 (`numpy.cumsum` and its like of the scene as `uint64`).

#![allow(clippy::unwrap_used)]

mod command;

use command::Folder;
use serde_json::Value;

fn stats(folder: &Folder, file: &str) -> Value {
    serde_json::from_str::<Value>(&folder.well(&format!("stats {file} --json"))).unwrap()[0].clone()
}

#[test]
fn tiles_and_threads_do_not_show() {
    let folder = Folder::new();
    folder.well("generate a.tif --size 300x200 --seed 5 --quiet");
    folder.well("cast a.tif f.tif --type f32 --scale 0.37 --offset -100 --quiet");
    let scans =
        ["accumulate --op sum --axis y", "accumulate --op sum --axis x", "accumulate --op min", "integral"];
    for file in ["a.tif", "f.tif"] {
        for scan in scans {
            let (name, parameters) = scan.split_once(' ').unwrap_or((scan, ""));
            let run = |output: &str, way: &str| {
                folder.well(&format!("{name} {file} {output} {parameters} {way} --quiet --overwrite"));
            };
            run("whole.tif", "--threads 1 --tile 300x200");
            for way in
                ["--threads 8 --tile 300x1", "--threads 2 --tile 64x48", "--threads 2 --strips 7 --io pread"]
            {
                run("tiled.tif", way);
                folder.well("compare whole.tif tiled.tif");
            }
        }
    }
}

#[test]
fn sums_are_numpys() {
    let folder = Folder::new();
    folder.well("generate a.tif --size 300x200 --seed 5 --quiet");
    folder.well("integral a.tif i.tif --quiet");
    let found = stats(&folder, "i.tif");
    assert_eq!(found["maximum"], 50_287_771.0);
    assert_eq!(found["sum"], 791583656769.0);
    folder.well("accumulate a.tif y.tif --quiet");
    assert_eq!(stats(&folder, "y.tif")["sum"], 5169004613.0);
    folder.well("accumulate a.tif x.tif --axis x --quiet");
    assert_eq!(stats(&folder, "x.tif")["sum"], 7837058364.0);
    folder.well("accumulate a.tif m.tif --op max --axis y --quiet");
    assert_eq!(stats(&folder, "m.tif")["sum"], 61733818.0);
}

#[test]
fn a_scan_ends_a_pipeline() {
    let folder = Folder::new();
    folder.well("generate a.tif --size 120x90 --quiet");
    folder.well("gaussian a.tif b.tif --sigma 2 --quiet");
    folder.well("integral b.tif c.tif --quiet");
    folder.well("pipeline --quiet --tile 40x30 ! read a.tif ! gaussian --sigma 2 ! integral ! write d.tif");
    folder.well("compare c.tif d.tif");
    let ended = folder.run("pipeline ! read a.tif ! integral ! gaussian --sigma 2 ! write e.tif");
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("must be the last step"), "{}", ended.stderr);
    assert_eq!(folder.run("accumulate a.tif e.tif --op product").code, 2);
    assert_eq!(folder.run("accumulate a.tif e.tif --nodata propagate").code, 5);
}
