//! Reductions of small rasters of every sample type, extremes of the types among their values, as frozen from Python's exact
//! arithmetic and numpy (`fixtures/reductions`).

#![allow(clippy::unwrap_used)]

mod command;

use std::path::{Path, PathBuf};

use command::Folder;
use serde_json::{Map, Value};

const TYPES: [&str; 10] = ["u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64"];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/reductions").join(name)
}

fn expected() -> Map<String, Value> {
    let text = std::fs::read_to_string(fixture("expected.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn answer(folder: &Folder, line: &str) -> Value {
    serde_json::from_str::<Value>(&folder.well(&format!("{line} --json --quiet"))).unwrap()[0].clone()
}

/// A number that stands as text, so that nothing rounds it on the way.
fn number(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}

fn assert_close(found: &Value, expected: f64, relative: f64, what: &str) {
    let found = found.as_f64().unwrap_or(f64::INFINITY);
    let close = found == expected || (found - expected).abs() <= relative * expected.abs();
    assert!(close, "{what}: {found} and not {expected}");
}

#[test]
fn reductions_are_those_of_exact_arithmetic() {
    let folder = Folder::new();
    let all = expected();
    for name in TYPES {
        let (expected, file) = (&all[name], fixture(&format!("{name}.npy")).display().to_string());
        let one = |op: &str| {
            let word = op.split(' ').next().unwrap();
            answer(&folder, &format!("reduce {file} --op {op} --tile 4x3 --threads 2"))[word].clone()
        };
        for op in ["count", "sum", "min", "max"] {
            assert_close(&one(op), number(&expected[op]), 0.0, &format!("{op} of {name}"));
        }
        // Squares of 64-bit integers are rounded before they are added (`swathe help stats`).
        let rounding = if name.ends_with("64") { 4e-15 } else { 1e-15 };
        for (op, key, relative) in [
            ("mean", "mean", 2.3e-16),
            ("prod", "prod", 1e-13),
            ("var", "var", rounding),
            ("var --ddof 1", "var1", rounding),
            ("std", "std", rounding),
            ("std --ddof 1", "std1", rounding),
        ] {
            assert_close(&one(op), number(&expected[key]), relative, &format!("{op} of {name}"));
        }
        for op in ["any", "all"] {
            assert_eq!(one(op), expected[op], "{op} of {name}");
        }
        for op in ["argmin", "argmax"] {
            let place = one(op);
            assert_eq!([&place["x"], &place["y"]], [&expected[op][0], &expected[op][1]], "{op} of {name}");
        }
    }
}

#[test]
fn percentiles_are_numpys_by_every_method() {
    const ASKED: &str = "0,2,10,33.3,50,75,98,100";
    let folder = Folder::new();
    for (name, expected) in &expected() {
        let file = fixture(&format!("{name}.npy")).display().to_string();
        for (method, values) in expected["percentiles"].as_object().unwrap() {
            let found =
                answer(&folder, &format!("percentiles {file} --percentiles {ASKED} --method {method}"));
            for (percentile, value) in ASKED.split(',').zip(values.as_array().unwrap()) {
                let what = format!("{percentile} of {name} by {method}");
                assert_close(&found["percentiles"][percentile], number(value), 0.0, &what);
            }
        }
    }
}

#[test]
fn histograms_are_numpys_in_every_type() {
    let folder = Folder::new();
    for (name, expected) in &expected() {
        let file = fixture(&format!("{name}.npy")).display().to_string();
        // Bytes have a range of their own, which is GDAL's.
        let range = if name == "u8" { "--range 0,255" } else { "" };
        let found = answer(&folder, &format!("histogram {file} --bins 9 {range}"));
        assert_eq!(found["bins"], expected["histogram"], "{name}");
    }
}

#[test]
fn sums_out_of_range_are_errors() {
    let folder = Folder::new();
    for (name, axis) in [("u64", "x"), ("i64", "y")] {
        let file = fixture(&format!("{name}.npy")).display().to_string();
        for line in ["reduce", "accumulate"] {
            let ended = folder.run(&format!("{line} {file} out.tif --op sum --axis {axis} --quiet"));
            assert_eq!(ended.code, 3, "{line} of {name}: {}", ended.stderr);
            assert!(ended.stderr.contains("range"), "{}", ended.stderr);
        }
    }
    assert!(folder.names().is_empty());
}
