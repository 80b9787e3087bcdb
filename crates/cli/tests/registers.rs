//! `swathe register`: tables and pictures of tie points, what is refused, and a scratch folder that is left as it was.

#![allow(clippy::unwrap_used)]

mod command;

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use command::Folder;
use serde_json::Value;

/// A folder with a scene, the same moved by 5 and -3 pixels, and one of another size.
fn scenes() -> Folder {
    let folder = Folder::new();
    folder.well("generate land.tif --size 700x500 --quiet");
    folder.well("copy land.tif a.tif --window 20,30,600,400 --quiet");
    // a(x, y) is land(x + 20, y + 30) and b(x + 5, y - 3) too.
    folder.well("copy land.tif b.tif --window 15,33,600,400 --quiet");
    folder
}

const CHIPS: &str = "register a.tif b.tif --method chips --chip-size 32 --spacing 50 --search 8";

#[test]
fn tie_points_are_written_as_tables_and_drawn() {
    let folder = scenes();
    let said = folder.well(&format!(
        "{CHIPS} --json --tie-points points.csv --tie-points points.geojson --picture points.png --report report.json"
    ));
    let found: Value = serde_json::from_str(&said).unwrap();
    let near =
        |value: &Value, expected: f64| assert!((value.as_f64().unwrap() - expected).abs() < 0.01, "{said}");
    near(&found["dx"], 5.0);
    near(&found["dy"], -3.0);
    let matched = found["outcomes"]["matched"].as_u64().unwrap() as usize;
    assert!(matched > 70 && found["chips"] == 96, "{said}");
    let csv = std::fs::read_to_string(folder.file("points.csv")).unwrap();
    let mut lines = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let names = lines.next().unwrap();
    let column = |name: &str| names.iter().position(|known| *known == name).unwrap();
    let rows: Vec<_> = lines.collect();
    assert_eq!(rows.len(), matched);
    let geojson: Value =
        serde_json::from_slice(&std::fs::read(folder.file("points.geojson")).unwrap()).unwrap();
    let features = geojson["features"].as_array().unwrap();
    assert_eq!(features.len(), matched);
    let [ground, unit] = [[0.0, 0.0], [1.0, 1.0]].map(|place| map_of(&folder, place));
    for (row, feature) in rows.iter().zip(features) {
        let number = |name: &str| row[column(name)].parse::<f64>().unwrap();
        assert_eq!(feature["properties"]["correlation"].as_f64().unwrap(), number("correlation"));
        assert_eq!(feature["geometry"]["coordinates"][0][0].as_f64().unwrap(), number("map_x"));
        near(&Value::from(number("map_x")), ground[0] + number("x") * (unit[0] - ground[0]));
        // Both rasters are cut from one land, so that what is found lies where it was.
        let apart = (number("moved_map_x") - number("map_x")) / (unit[0] - ground[0]);
        assert!(number("inlier") == 0.0 || apart.abs() < 0.2, "{row:?}");
    }
    assert!(
        geojson["crs"]["properties"]["name"].as_str().unwrap().starts_with("urn:ogc:def:crs:EPSG::"),
        "{}",
        geojson["crs"]
    );
    let picture = std::fs::read(folder.file("points.png")).unwrap();
    assert!(picture.starts_with(b"\x89PNG"));
    assert!(folder.well(CHIPS).contains("tie points"));
}

/// Where a place of `a.tif` lies on the map, by what `info` says.
fn map_of(folder: &Folder, [x, y]: [f64; 2]) -> [f64; 2] {
    let info: Value = serde_json::from_str(&folder.well("info a.tif --json")).unwrap();
    let c: Vec<f64> = info["transform"].as_array().unwrap().iter().map(|c| c.as_f64().unwrap()).collect();
    [c[0] + x * c[1] + y * c[2], c[3] + x * c[4] + y * c[5]]
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_done() {
    let folder = scenes();
    std::fs::write(folder.file("there.csv"), "precious").unwrap();
    let refuses = |line: &str, code: i32, word: &str| {
        let ended = folder.run(line);
        assert_eq!(ended.code, code, "{line}: {}", ended.stderr);
        assert!(ended.stderr.contains(word), "{line}: {}", ended.stderr);
    };
    refuses("register a.tif b.tif --search 3", 2, "--method chips");
    refuses("register a.tif b.tif --tie-points p.csv", 2, "--method chips");
    refuses(&format!("{CHIPS} --pad linear"), 2, "`--pad` has its place");
    refuses(&format!("{CHIPS} --tie-points p.txt"), 2, ".geojson");
    refuses(&format!("{CHIPS} --tie-points there.csv"), 2, "there.csv");
    refuses(&format!("{CHIPS} --initial 1"), 2, "--initial");
    refuses(&format!("{CHIPS} --initial 9000,0"), 5, "outside of the moved raster");
    refuses("register a.tif land.tif", 2, "--pad linear");
    refuses(&format!("{CHIPS} --memory 1MiB"), 3, "the least that would do");
    assert_eq!(std::fs::read(folder.file("there.csv")).unwrap(), b"precious");
    assert_eq!(folder.names(), ["a.tif", "a.tif.receipt", "b.tif", "b.tif.receipt", "land.tif", "there.csv"]);
}

#[test]
fn plans_tell_disk_and_time() {
    let folder = scenes();
    let plan: Value =
        serde_json::from_str(&folder.well("register a.tif b.tif --plan --json --scratch .")).unwrap();
    // 301 complex numbers a row, in blocks of 64, of 8 bytes, twice.
    assert_eq!(plan["disk_needed_bytes"], 2 * 320 * 400 * 8);
    assert!(plan["estimate"]["compute_seconds"].as_f64().unwrap() > 0.0);
    assert!(folder.well("register a.tif b.tif --plan").contains("  time     about "));
    assert!(folder.well(&format!("{CHIPS} --initial fft --plan")).contains("8 passes"));
}

#[test]
fn a_disk_that_is_too_small_is_told_of_before_anything_is_computed() {
    let folder = Folder::new();
    let file = std::fs::File::create(folder.file("huge.raw")).unwrap();
    // A terabyte of nothing, whose spectra would take eight.
    if file.set_len(1_000_000 * 1_000_000).is_err() {
        return;
    }
    let raster = "huge.raw:size=1000000x1000000,type=u8";
    let ended = folder.run(&format!("register {raster} {raster} --scratch . --memory 1GiB"));
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert!(ended.stderr.contains("--scratch DIR"), "{}", ended.stderr);
    assert_eq!(folder.names(), ["huge.raw"]);
}

#[test]
fn a_registration_that_is_stopped_leaves_no_scratch() {
    let folder = Folder::new();
    folder.well("generate a.tif --size 2500x2000 --pattern noise --quiet --receipt no");
    std::fs::create_dir(folder.file("scratch")).unwrap();
    for (signal, code) in [("TERM", Some(143)), ("KILL", None)] {
        let mut child = folder
            .command(&["register", "a.tif", "a.tif", "--scratch", "scratch", "--progress", "json"])
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // The spectra are being written.
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let third = lines.find(|line| {
            line.as_ref()
                .is_ok_and(|line| serde_json::from_str::<Value>(line).is_ok_and(|line| line["pass"] == 3))
        });
        assert!(third.is_some());
        let sent = std::process::Command::new("kill")
            .args(["-s", signal, &child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
        // What it says until it ends is read, so that it does not wait for us.
        lines.for_each(drop);
        assert_eq!(child.wait().unwrap().code(), code, "{signal}");
        assert_eq!(std::fs::read_dir(folder.file("scratch")).unwrap().count(), 0, "{signal}");
    }
    assert_eq!(folder.names(), ["a.tif", "scratch"]);
}
