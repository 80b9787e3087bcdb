//! Zarr stores that were cut short or damaged: a folder of files goes on, is proved and is mended as one file is.

#![allow(clippy::unwrap_used)]

mod command;

use std::path::{Path, PathBuf};

use command::Folder;

const LINE: &str =
    "gaussian m.tif o.zarr --sigma 3 --block 64x32 --tile 64x32 --threads 2 --quiet --flush no";

fn folder() -> Folder {
    let folder = Folder::new();
    folder.well("generate a.tif --size 230x150 --quiet");
    folder.well("copy a.tif m.tif --nodata-value 900 --quiet");
    folder
}

fn names(folder: &Folder) -> Vec<String> {
    folder.names().into_iter().filter(|name| name.starts_with("o.") || name.starts_with(".o")).collect()
}

fn copy(from: &Path, to: &Path) {
    if !from.is_dir() {
        std::fs::copy(from, to).unwrap();
        return;
    }
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        copy(&path, &to.join(path.file_name().unwrap()));
    }
}

/// The files in a folder, with those in the folders in it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

#[test]
fn killed_between_the_last_renames() {
    let folder = folder();
    folder.well(LINE);
    let reference = folder.content("o.zarr");
    let rename = |from: &str, to: &str| std::fs::rename(folder.file(from), folder.file(to)).unwrap();
    // Without an older store: before and behind the rename.
    for renamed in [false, true] {
        rename("o.zarr.receipt", "o.zarr.journal");
        if !renamed {
            rename("o.zarr", "o.zarr.partial");
        }
        let ended = folder.run(&format!("{LINE} --resume"));
        assert!(ended.code == 0, "{}", ended.stderr);
        assert_eq!(names(&folder), ["o.zarr", "o.zarr.receipt"]);
        assert!(folder.content("o.zarr") == reference);
    }
    // With one: before the names are exchanged, and while what was there is removed.
    for exchanged in [false, true] {
        folder.well(&format!("{LINE} --overwrite"));
        rename("o.zarr.receipt", "o.zarr.journal");
        copy(&folder.file("o.zarr"), &folder.file("old"));
        std::fs::write(folder.file("old/data/c/0/0"), "old").unwrap();
        rename("o.zarr", "new");
        rename("old", if exchanged { "o.zarr.partial" } else { "o.zarr" });
        rename("new", if exchanged { "o.zarr" } else { "o.zarr.partial" });
        let ended = folder.run(&format!("{LINE} --resume --overwrite"));
        assert!(ended.code == 0, "{}", ended.stderr);
        assert_eq!(names(&folder), ["o.zarr", "o.zarr.receipt"], "exchanged: {exchanged}");
        assert!(folder.content("o.zarr") == reference, "exchanged: {exchanged}");
    }
    folder.well("verify o.zarr");
}

#[test]
fn a_journal_cut_at_every_byte_and_damaged_blocks() {
    let folder = folder();
    folder.well(LINE);
    let reference = folder.content("o.zarr");
    let receipt = std::fs::read(folder.file("o.zarr.receipt")).unwrap();
    std::fs::rename(folder.file("o.zarr"), folder.file("whole")).unwrap();
    std::fs::remove_file(folder.file("o.zarr.receipt")).unwrap();
    let left = |journal: &[u8]| {
        copy(&folder.file("whole"), &folder.file("o.zarr.partial"));
        std::fs::write(folder.file("o.zarr.journal"), journal).unwrap();
    };
    let goes_on = |what: &str| {
        let ended = folder.run(&format!("{LINE} --resume --report r.json"));
        assert_eq!(ended.code, 0, "{what}: {}", ended.stderr);
        assert_eq!(names(&folder), ["o.zarr", "o.zarr.receipt"], "{what}");
        assert!(folder.content("o.zarr") == reference, "{what}");
        names(&folder).iter().for_each(|name| folder.remove(name));
        let report: Result<serde_json::Value, _> =
            std::fs::read(folder.file("r.json")).map(|text| serde_json::from_slice(&text).unwrap());
        let _ = std::fs::remove_file(folder.file("r.json"));
        report.map_or(0, |report| report["resumed_tiles"].as_u64().unwrap())
    };
    let every = std::env::var_os("SWATHE_EVERY_BYTE").is_some();
    for length in (1..receipt.len()).filter(|length| every || length % 97 == 0 || length + 40 > receipt.len())
    {
        left(&receipt[..length]);
        goes_on(&format!("cut at {length}"));
    }
    // Without the line that says that all is there, with a block damaged, cut short, too long or missing.
    let lines = receipt.split_inclusive(|&byte| byte == b'\n').collect::<Vec<_>>();
    let journal = lines[..lines.len() - 1].concat();
    for (number, damage) in [&b"other bytes"[..], b"", b"longer"].into_iter().enumerate() {
        left(&journal);
        let block = folder.file("o.zarr.partial/data/c/2/1");
        let bytes = std::fs::read(&block).unwrap();
        std::fs::write(&block, if number == 2 { [&bytes[..], damage].concat() } else { damage.to_vec() })
            .unwrap();
        let resumed = goes_on(&format!("damage {number}"));
        assert!((1..=9).contains(&resumed), "{resumed} tiles of 4 a row, and the tenth is damaged");
    }
    left(&journal);
    std::fs::remove_dir_all(folder.file("o.zarr.partial/data/c/1")).unwrap();
    assert_eq!(goes_on("a folder is missing"), 4);
    left(&journal);
    assert_eq!(goes_on("all is there"), 20);
}

#[test]
fn every_damage_is_found_and_mended() {
    let folder = folder();
    folder.well(LINE);
    let reference = folder.content("o.zarr");
    let paths = files(&folder.file("o.zarr"));
    assert!(paths.len() > 20);
    for (number, path) in paths.iter().enumerate() {
        let bytes = std::fs::read(path).unwrap();
        let damaged = match number % 4 {
            0 => [&bytes[..], b"more"].concat(),
            1 => bytes[..bytes.len() - 1].to_vec(),
            _ => {
                let mut bytes = bytes.clone();
                let place = number * 7 % bytes.len();
                bytes[place] ^= 4;
                bytes
            }
        };
        if number % 4 == 3 { std::fs::remove_file(path) } else { std::fs::write(path, damaged) }.unwrap();
        let found = folder.run("verify o.zarr");
        assert!(
            found.code == 4 && found.stderr.contains("swathe repair"),
            "{path:?}: {} {}",
            found.code,
            found.stderr
        );
        folder.well("repair o.zarr --quiet");
        assert!(folder.content("o.zarr") == reference, "{path:?}");
    }
    folder.well("verify o.zarr");
    assert_eq!(names(&folder), ["o.zarr", "o.zarr.receipt"]);
    folder.remove("o.zarr");
    assert_eq!(folder.run("verify o.zarr").code, 1);
}

#[test]
fn what_a_run_without_a_journal_left_is_removed() {
    let folder = folder();
    std::fs::create_dir_all(folder.file(".o.zarr.Ab3dEf.partial/data")).unwrap();
    folder.well(&format!("{LINE} --journal no"));
    assert_eq!(names(&folder), ["o.zarr"]);
}

#[test]
fn a_scene_that_is_done_is_told_by_its_files() {
    let folder = folder();
    let batch = "version = 1\ninputs = ['a.tif']\nwrite = { path = 'o.zarr', options = { block = '64x64' } }\n\
        [[step]]\noperator = 'gaussian'\nparameters = { sigma = '2' }\n";
    std::fs::write(folder.file("b.toml"), batch).unwrap();
    assert!(folder.well("batch b.toml").contains("1 done, 0 done before"));
    assert!(folder.well("batch b.toml").contains("0 done, 1 done before"));
    folder.remove("o.zarr/data/c/1/2");
    let ended = folder.run("batch b.toml");
    assert!(ended.code == 6 && ended.stderr.contains("--overwrite"), "{}", ended.stderr);
}
