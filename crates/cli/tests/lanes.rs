//! Reductions along an axis, accumulations and integrals of rasters of every sample type, as frozen from numpy and exact
//! arithmetic (`fixtures/lanes`): the same for any tiles, threads and budget.

#![allow(clippy::unwrap_used)]

mod command;

use std::path::Path;

use command::Folder;
use serde_json::Value;

/// Ways to run the same line. None of them may show.
const WAYS: [&str; 3] =
    ["--threads 1 --tile 64x64", "--threads 2 --tile 4x3 --memory 48MiB", "--threads 3 --tile 1x1 --io mmap"];

/// An array of `values.bin`.
struct Array<'a> {
    kind: &'a str,
    shape: Vec<usize>,
    bytes: &'a [u8],
}

fn descriptor(sample_type: &str) -> &'static str {
    match sample_type {
        "u8" => "|u1",
        "i8" => "|i1",
        "u16" => "<u2",
        "i16" => "<i2",
        "u32" => "<u4",
        "i32" => "<i4",
        "u64" => "<u8",
        "i64" => "<i8",
        "f32" => "<f4",
        "f64" => "<f8",
        other => panic!("`{other}` is no sample type"),
    }
}

impl<'a> Array<'a> {
    fn of(value: &'a Value, values: &'a [u8]) -> Self {
        let kind = value["type"].as_str().unwrap();
        let shape: Vec<usize> =
            value["shape"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect();
        let size = descriptor(kind)[2..].parse::<usize>().unwrap();
        let offset = value["offset"].as_u64().unwrap() as usize;
        let bytes = &values[offset..offset + shape.iter().product::<usize>() * size];
        Array { kind, shape, bytes }
    }

    /// The array as an NPY file.
    fn npy(&self) -> Vec<u8> {
        let shape = self.shape.iter().map(|n| format!("{n}, ")).collect::<String>();
        let mut header =
            format!("{{'descr': '{}', 'fortran_order': False, 'shape': ({shape}), }}", descriptor(self.kind));
        header.push_str(&" ".repeat(63 - (10 + header.len()) % 64));
        header.push('\n');
        let mut file = b"\x93NUMPY\x01\x00".to_vec();
        file.extend((header.len() as u16).to_le_bytes());
        file.extend(header.as_bytes());
        file.extend(self.bytes);
        file
    }

    fn numbers(&self) -> impl Iterator<Item = f64> {
        let wide = self.kind == "f64";
        self.bytes.chunks_exact(if wide { 8 } else { 4 }).map(move |bytes| {
            if wide {
                f64::from_le_bytes(bytes.try_into().unwrap())
            } else {
                f64::from(f32::from_le_bytes(bytes.try_into().unwrap()))
            }
        })
    }
}

/// The header and the samples of an NPY file.
fn parted(file: &[u8]) -> (&str, &[u8]) {
    let length = usize::from(u16::from_le_bytes(file[8..10].try_into().unwrap()));
    let (header, samples) = file[10..].split_at(length);
    (std::str::from_utf8(header).unwrap(), samples)
}

fn check(line: &str, file: &[u8], expected: &Array<'_>, relative: f64) {
    let (header, bytes) = parted(file);
    assert!(header.contains(descriptor(expected.kind)), "{line}: {header} and not {}", expected.kind);
    let numbers: Vec<usize> = header[header.find('(').unwrap() + 1..header.find(')').unwrap()]
        .split(',')
        .filter_map(|word| word.trim().parse().ok())
        .collect();
    // One band is written without the axis of bands.
    let shape = if expected.shape[0] == 1 { &expected.shape[1..] } else { &expected.shape };
    assert_eq!(numbers, shape, "{line}");
    if !expected.kind.starts_with('f') {
        assert_eq!(bytes, expected.bytes, "{line}");
        return;
    }
    let found = Array { kind: expected.kind, shape: Vec::new(), bytes };
    for (place, (found, expected)) in found.numbers().zip(expected.numbers()).enumerate() {
        let same = found == expected || found.is_nan() && expected.is_nan();
        let close = (found - expected).abs() <= relative * expected.abs();
        assert!(same || close, "{line}, sample {place}: {found} and not {expected}");
    }
}

#[test]
fn lanes_and_accumulations_are_numpys() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/lanes");
    let values = std::fs::read(fixture.join("values.bin")).unwrap();
    let cases: Value =
        serde_json::from_str(&std::fs::read_to_string(fixture.join("cases.json")).unwrap()).unwrap();
    let folder = Folder::new();
    for case in cases["cases"].as_array().unwrap() {
        let (input, expected) = (Array::of(&case["input"], &values), Array::of(&case["expected"], &values));
        std::fs::write(folder.file("in.npy"), input.npy()).unwrap();
        let line = case["line"].as_str().unwrap();
        let (name, parameters) = line.split_once(' ').unwrap_or((line, ""));
        let made = WAYS.map(|way| {
            folder.well(&format!(
                "{name} in.npy out.npy {parameters} {way} --overwrite --quiet --receipt no --flush no"
            ));
            std::fs::read(folder.file("out.npy")).unwrap()
        });
        let what = format!("{line} of {}", input.kind);
        check(&what, &made[0], &expected, case["relative"].as_f64().unwrap());
        for (way, other) in WAYS.iter().zip(&made).skip(1) {
            assert_eq!(&made[0], other, "{what}: {way} shows");
        }
    }
}
