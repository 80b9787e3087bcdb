//! `register --method chips` finds what scikit-image and OpenCV found, and the motion that the rasters were made with, whatever the
//! tiles, the budget and the number of workers.
#![allow(clippy::unwrap_used, reason = "what is missing fails the test")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use serde_json::Value;
use swathe::{ChipRegistration, ErrorKind, Input, Outcome, REGISTER, Registering, RunSettings, TiePoints};

/// Correlations are compared with sums in other orders, and of `f32` pixels.
const CORRELATION_TOLERANCE: f64 = 1e-4;
/// In pixels, against the motion that the rasters were made with.
const TRUTH_TOLERANCE: f64 = 0.05;

fn fixtures() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/chips")
}

fn input(path: &Path, nodata: Option<i64>) -> Input {
    let options = nodata.map(|nodata| ("nodata-value".to_owned(), nodata.to_string()));
    Input { path: path.display().to_string(), options: options.into_iter().collect::<BTreeMap<_, _>>() }
}

fn chips(inputs: [Input; 2], parameters: &[(&str, &str)], run: RunSettings) -> ChipRegistration {
    let mut given: Vec<_> =
        parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    given.push(("method".into(), "chips".into()));
    match Registering::new(&REGISTER, inputs, &given, run).unwrap() {
        Registering::Chips(chips) => chips,
        Registering::Whole(_) => panic!("chips were asked for"),
    }
}

struct Case(Value);

impl Case {
    fn all() -> Vec<Case> {
        let text = std::fs::read(fixtures().join("cases.json")).unwrap();
        let cases: Value = serde_json::from_slice(&text).unwrap();
        cases["cases"].as_array().unwrap().iter().cloned().map(Case).collect()
    }

    fn find(&self, extra: &[(&str, &str)], run: RunSettings) -> TiePoints {
        let inputs = [0, 1].map(|number| {
            input(&fixtures().join(self.0["files"][number].as_str().unwrap()), self.0["nodata"].as_i64())
        });
        let given = self.0["parameters"].as_object().unwrap().iter();
        let mut given: Vec<(&str, &str)> =
            given.map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect();
        given.retain(|(name, _)| extra.iter().all(|(other, _)| name != other));
        given.extend(extra);
        chips(inputs, &given, run).find(&(), &AtomicBool::new(false)).unwrap()
    }

    fn moved(&self, x: f64, y: f64) -> [f64; 2] {
        let c = |number: usize| self.0["motion"][number].as_f64().unwrap();
        [c(0) + c(1) * x + c(2) * y, c(3) + c(4) * x + c(5) * y]
    }
}

#[test]
fn every_frozen_chip_is_found() {
    let cases = Case::all();
    assert!(cases.len() >= 5);
    for case in cases {
        let what = case.0["files"][0].as_str().unwrap().to_owned();
        let whole = case.find(&[("subpixel", "none"), ("min-correlation", "0")], RunSettings::default());
        let between = case.find(&[("min-correlation", "0")], RunSettings::default());
        let (mut compared, mut errors) = (0, Vec::new());
        for chip in case.0["chips"].as_array().unwrap() {
            let at = [0, 1].map(|axis| chip["at"][axis].as_f64().unwrap());
            let Some(tie) = whole.ties.iter().find(|tie| tie.at == at) else { continue };
            let expected = chip["correlation"].as_f64().unwrap();
            assert!(
                (tie.correlation - expected).abs() < CORRELATION_TOLERANCE,
                "{what} {at:?}: {}",
                tie.correlation
            );
            assert_eq!(tie.by, [0, 1].map(|axis| chip["whole"][axis].as_f64().unwrap()), "{what} {at:?}");
            let tie = between.ties.iter().find(|tie| tie.at == at).unwrap();
            let truth = case.moved(at[0], at[1]);
            errors.push((tie.by[0] - truth[0]).hypot(tie.by[1] - truth[1]));
            compared += 1;
        }
        assert!(compared > case.0["chips"].as_array().unwrap().len() / 2, "{what}: {compared}");
        errors.sort_by(f64::total_cmp);
        assert!(errors[errors.len() / 2] < TRUTH_TOLERANCE, "{what}: {errors:?}");
        // The fit is nearer than its points.
        let corners = [[0.0, 0.0], [60.0, 0.0], [0.0, 60.0]];
        for [x, y] in corners {
            let (found, truth) = (between.motion.at([x, y]), case.moved(x, y));
            assert!(
                (found[0] - truth[0]).hypot(found[1] - truth[1]) < TRUTH_TOLERANCE,
                "{what}: {found:?}, not {truth:?}"
            );
        }
        // Chips without a place to be looked for are outside, in both.
        let outside =
            case.0["chips"].as_array().unwrap().iter().filter(|chip| chip["outside"] == true).count();
        assert_eq!(
            whole.outcomes.iter().find(|(outcome, _)| *outcome == Outcome::Outside).unwrap().1,
            outside
        );
    }
}

#[test]
fn neither_tiles_nor_threads_nor_budget_show() {
    let run = |tile: Option<&str>, threads, memory: &str| RunSettings {
        tile: tile.map(str::to_owned),
        threads: Some(threads),
        memory: Some(memory.into()),
        ..RunSettings::default()
    };
    for case in Case::all() {
        let whole = case.find(&[], run(Some("64x64"), 1, "1GiB"));
        for other in [run(Some("1x1"), 8, "64MiB"), run(Some("3x1"), 2, "48MiB"), run(None, 2, "1GiB")] {
            let found = case.find(&[], other);
            assert_eq!(found.ties, whole.ties);
            assert_eq!(
                (found.motion, found.rmse, &found.outcomes),
                (whole.motion, whole.rmse, &whole.outcomes)
            );
            assert_eq!(found.to_csv(), whole.to_csv());
        }
    }
}

#[test]
fn the_first_shift_may_be_looked_for() {
    // `turned` moves by some ten pixels, of which a search of 6 around nothing finds none.
    let case = Case::all().into_iter().find(|case| case.0["files"][0] == "turned_reference.npy").unwrap();
    let found = case.find(&[("initial", "fft")], RunSettings::default());
    let truth = case.moved(60.0, 50.0);
    assert!(
        (found.shift[0] - truth[0]).hypot(found.shift[1] - truth[1]) < TRUTH_TOLERANCE,
        "{:?}",
        found.shift
    );
    assert!(found.initial[0].abs_diff(10) <= 2 && found.initial[1].abs_diff(-8) <= 2, "{:?}", found.initial);
    assert_eq!(found.reports.len(), 8);
}

#[test]
fn what_cannot_be_found_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let flat = folder.path().join("flat.npy");
    let header = "{'descr': '|u1', 'fortran_order': False, 'shape': (88, 96), }";
    let padding = (64 - (10 + header.len() + 1) % 64) % 64;
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(((header.len() + padding + 1) as u16).to_le_bytes());
    bytes.extend(header.bytes().chain(std::iter::repeat_n(b' ', padding)).chain([b'\n']));
    bytes.extend(std::iter::repeat_n(7, 88 * 96));
    std::fs::write(&flat, bytes).unwrap();
    let land = fixtures().join("eight_reference.npy");
    let fails = |inputs: [Input; 2], parameters: &[(&str, &str)]| {
        let error =
            chips(inputs, parameters, RunSettings::default()).find(&(), &AtomicBool::new(false)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        error.to_string()
    };
    let small = [("chip-size", "16")];
    let error = fails([input(&flat, None), input(&land, None)], &small);
    assert!(error.contains("same value everywhere") && error.contains("flat.npy"), "{error}");
    let error = fails([input(&land, None), input(&flat, None)], &small);
    assert!(error.contains("same value everywhere"), "{error}");
    let error = fails([input(&flat, Some(7)), input(&land, None)], &small);
    assert!(error.contains("too few pixels with data"), "{error}");
    let error = fails([input(&land, None), input(&land, None)], &[small[0], ("initial", "500,0")]);
    assert!(error.contains("outside of the moved raster"), "{error}");
    let error =
        fails([input(&land, None), input(&land, None)], &[small[0], ("initial", "3,0"), ("search", "2")]);
    assert!(error.contains("where the search ends") || error.contains("well enough"), "{error}");
}
