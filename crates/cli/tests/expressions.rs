//! `calc` through the command: inputs by letters, names and bands, steps of pipelines, and how it refuses. Figures are
//! frozen from numexpr 2.14 on the same scenes.

#![allow(clippy::unwrap_used)]

mod command;

use command::{Ended, Folder};
use serde_json::Value;

const RUN: [&str; 2] = ["--quiet", "--overwrite"];

fn scenes() -> Folder {
    let folder = Folder::new();
    folder.well("generate a.tif --size 300x200 --seed 5 --quiet");
    folder.well("generate three.tif --size 300x200 --bands 3 --seed 6 --quiet");
    folder
}

fn calc(folder: &Folder, words: &[&str]) -> Ended {
    folder.run_words(&[&["calc", "out.tif"], words, &RUN].concat())
}

fn stats(folder: &Folder, words: &[&str]) -> Value {
    let ended = calc(folder, words);
    assert_eq!(ended.code, 0, "{words:?}: {}", ended.stderr);
    serde_json::from_str::<Value>(&folder.well("stats out.tif --json")).unwrap()[0].clone()
}

#[test]
fn values_are_numexprs() {
    let folder = scenes();
    let ndvi = stats(&folder, &["(B - A) / (B + A)", "-A", "a.tif", "-B", "three.tif:2", "--type", "f32"]);
    assert_eq!(ndvi["minimum"], -0.600_552_856_922_149_7);
    assert_eq!(ndvi["maximum"], 0.745_504_856_109_619_1);
    assert!((ndvi["sum"].as_f64().unwrap() - (-15_168.461_638_030_77)).abs() < 1e-6);
    let expression = "where(red > 4000, red % 100, more.3 // 3)";
    let chosen = stats(&folder, &[expression, "--input", "red=a.tif", "--input", "more=three.tif"]);
    assert_eq!([&chosen["minimum"], &chosen["maximum"], &chosen["sum"]], [49.0, 306.0, 5_526_214.0]);
}

#[test]
fn ways_to_say_the_same_give_the_same() {
    let folder = scenes();
    let well = |words: &[&str]| assert_eq!(folder.run_words(words).code, 0, "{words:?}");
    well(&["calc", "bands.tif", "A.3 - A", "A_2 * 2", "-A", "three.tif", "--quiet"]);
    well(&[
        "calc",
        "one.tif",
        "A.3 - A; A.2 * 2",
        "-A",
        "three.tif",
        "--tile",
        "64x48",
        "--threads",
        "1",
        "--quiet",
    ]);
    folder.well("compare bands.tif one.tif");
    folder.well("copy bands.tif band.tif --bands 2 --quiet");
    well(&["calc", "two.tif", "B + B", "-B", "three.tif:2", "--quiet"]);
    folder.well("compare band.tif two.tif");
    // A step of a pipeline, fused with those around it, against three commands.
    folder.well("gaussian a.tif smooth.tif --sigma 2 --quiet");
    well(&["calc", "less.tif", "A[1,0] - B", "-A", "smooth.tif", "-B", "a.tif", "--type", "i16", "--quiet"]);
    folder.well("median less.tif apart.tif --size 3 --quiet");
    let fused = "pipeline --quiet ! read a.tif ! gaussian --sigma 2 ! calc A[1,0]-B -B a.tif --type i16 ! \
        median --size 3 ! write fused.tif";
    folder.well(fused);
    folder.well("compare apart.tif fused.tif");
    let job = folder.well("calc job.tif A+nir.2 --input A=a.tif --input nir=three.tif --print-job");
    std::fs::write(folder.file("job.toml"), job).unwrap();
    folder.well("run job.toml --quiet");
    well(&["calc", "same.tif", "A + B.2", "-A", "a.tif", "-B", "three.tif", "--quiet"]);
    folder.well("compare job.tif same.tif");
}

#[test]
fn what_is_wrong_is_shown_under_its_place() {
    let folder = scenes();
    let refused = |words: &[&str]| {
        let ended = calc(&folder, words);
        assert_eq!((ended.code, folder.file("out.tif").exists()), (2, false), "{words:?}: {}", ended.stderr);
        ended.stderr
    };
    let message = refused(&["A + sqr(A)", "-A", "a.tif"]);
    assert!(message.contains("column 5:\n  A + sqr(A)\n      ^^^\nthere is no function `sqr`"), "{message}");
    let message = refused(&["A + B", "-A", "a.tif"]);
    assert!(message.contains("no input `B`") && message.contains("`-B FILE`"), "{message}");
    assert!(refused(&["A"]).contains("-A FILE"));
    assert!(refused(&["A.4", "-A", "three.tif"]).contains("bands 1 to 3"));
    folder.well("copy a.tif small.tif --window 0,0,20,10 --quiet");
    let message = refused(&["A + B", "-A", "a.tif", "-B", "small.tif"]);
    assert!(message.contains("300 x 200") && message.contains("20 x 10"), "{message}");
    assert!(refused(&["A", "--input", "a.tif"]).contains("NAME=FILE"));
    assert!(refused(&["A", "--input", "A=a.tif", "-A", "a.tif"]).contains("twice"));
}
