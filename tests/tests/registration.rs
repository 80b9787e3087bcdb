//! `register` finds what numpy, scipy and scikit-image found, whatever the budget and the number of workers.
#![allow(clippy::unwrap_used, reason = "what is missing fails the test")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use serde_json::Value;
use swathe::{ErrorKind, Input, REGISTER, Registering, RunSettings, Shift};

/// Transforms are in `f32`.
const SURFACE_TOLERANCE: f64 = 1e-5;
/// In pixels.
const SHIFT_TOLERANCE: f64 = 1e-3;

fn input(path: &str, nodata: Option<i64>) -> Input {
    let options = nodata.map(|nodata| ("nodata-value".to_owned(), nodata.to_string()));
    Input { path: path.to_owned(), options: options.into_iter().collect::<BTreeMap<_, _>>() }
}

fn register(
    files: [&str; 2],
    nodata: Option<i64>,
    parameters: &[(String, String)],
    run: RunSettings,
) -> swathe::RegistrationFindings {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/registration");
    let inputs = files.map(|file| input(&folder.join(file).display().to_string(), nodata));
    let Registering::Whole(registration) = Registering::new(&REGISTER, inputs, parameters, run).unwrap()
    else {
        panic!("not by chips")
    };
    let planned = registration.plan().unwrap();
    let found = registration.find(&(), &AtomicBool::new(false)).unwrap();
    assert_eq!(planned.passes, found.reports.len() as u64);
    found
}

fn near(found: f64, expected: f64, tolerance: f64, what: &str) {
    assert!((found - expected).abs() <= tolerance, "{what}: {found} is not {expected}");
}

fn compare(shift: &Shift, expected: &Value, what: &str) {
    let number = |name: &str| expected[name].as_f64().unwrap();
    let pair = |name: &str| [0, 1].map(|axis| expected[name][axis].as_i64().unwrap());
    assert_eq!(shift.whole, pair("whole"), "{what}");
    near(shift.dx, number("dx"), SHIFT_TOLERANCE, what);
    near(shift.dy, number("dy"), SHIFT_TOLERANCE, what);
    near(shift.peak, number("peak"), SURFACE_TOLERANCE, what);
    let (second, place) = shift.second.unwrap();
    near(second, number("second"), SURFACE_TOLERANCE, what);
    assert_eq!(place, pair("second_shift"), "{what}");
    near(shift.psr.unwrap() / number("psr"), 1.0, 1e-3, what);
}

#[test]
fn every_frozen_shift_is_found() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/registration/cases.json");
    let text = std::fs::read(path).unwrap();
    let cases: Value = serde_json::from_slice(&text).unwrap();
    let cases = cases["cases"].as_array().unwrap();
    assert!(cases.len() >= 15);
    for case in cases {
        let files = [0, 1].map(|number| case["files"][number].as_str().unwrap());
        let given = case["parameters"].as_object().unwrap();
        let parameters: Vec<(String, String)> =
            given.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect();
        let what = format!("{} {parameters:?}", files[0]);
        let run = |threads, memory: &str| {
            let run =
                RunSettings { threads: Some(threads), memory: Some(memory.into()), ..RunSettings::default() };
            register(files, case["nodata"].as_i64(), &parameters, run).shift
        };
        let shift = run(1, "1GiB");
        compare(&shift, &case["expected"], &what);
        // Neither workers nor tiles show, to the bit.
        assert_eq!(shift, run(3, "192MiB"), "{what}");
    }
}

#[test]
fn what_cannot_be_registered_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flat.npy").display().to_string();
    let header = "{'descr': '|u1', 'fortran_order': False, 'shape': (4, 8), }";
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    let padding = (64 - (10 + header.len() + 1) % 64) % 64;
    bytes.extend(((header.len() + padding + 1) as u16).to_le_bytes());
    bytes.extend(header.bytes().chain(std::iter::repeat_n(b' ', padding)).chain([b'\n']));
    bytes.extend([7; 32]);
    std::fs::write(&path, bytes).unwrap();
    let flat = || input(&path, None);
    let registration = Registering::new(&REGISTER, [flat(), flat()], &[], RunSettings::default()).unwrap();
    let Registering::Whole(registration) = registration else { panic!("not by chips") };
    let error = registration.find(&(), &AtomicBool::new(false)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("flat.npy"), "{error}");
    let nowhere = RunSettings { scratch: Some("nowhere".into()), ..RunSettings::default() };
    let missing = Registering::new(&REGISTER, [flat(), flat()], &[], nowhere).unwrap();
    let Registering::Whole(missing) = missing else { panic!("not by chips") };
    let error = missing.plan().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("--scratch"), "{error}");
}
