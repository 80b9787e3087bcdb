//! Runs that are cut short, locked or damaged: the next one goes on, and the result is byte for byte that of an undisturbed
//! one. `tests/tests/killed.rs` kills them.

#![allow(clippy::unwrap_used)]

mod command;

use std::process::Stdio;
use std::time::{Duration, Instant};

use command::Folder;

/// A run, and the files that it leaves.
struct Case {
    line: &'static str,
    files: &'static [&'static str],
}

/// Operators with and without halos, that turn, that carry rows on; formats with places known before and as they come.
const CASES: &[Case] = &[
    Case { line: "gaussian a.tif o.tif --sigma 3", files: &["o.tif"] },
    Case { line: "gaussian a.tif o.tif --sigma 3 --compress zstd", files: &["o.tif"] },
    Case { line: "median a.tif o.npy --size 5", files: &["o.npy"] },
    Case { line: "transpose a.tif o.img", files: &["o.img", "o.hdr"] },
    Case { line: "integral a.tif o.tif --compress deflate", files: &["o.tif"] },
    Case { line: "accumulate a.tif o.npy --axis y", files: &["o.npy"] },
    Case { line: "enhanced-lee m.tif o.tif --size 7 --looks 4 --compress lzw --type f32", files: &["o.tif"] },
    Case { line: "mean m.tif o.tif --size 9 --strips 32", files: &["o.tif"] },
    // A mask, whose blocks are compressed with the raster's.
    Case { line: "erode k.tif o.tif --size 5 --compress zstd:1", files: &["o.tif"] },
    Case { line: "gaussian m.tif o.zarr --sigma 3 --block 128x128", files: &["o.zarr"] },
    // Two sweeps: the first is made again.
    Case { line: "components a.tif o.tif --of equal --compress zstd", files: &["o.tif"] },
    Case { line: "stretch a.tif o.tif --percentiles 2,98 --compress zstd", files: &["o.tif"] },
    Case { line: "gaussian m.tif o.png --sigma 2", files: &["o.png"] },
    Case {
        line: "gaussian a.tif o.tif --sigma 2 --format cog --compress zstd --block 128x128",
        files: &["o.tif"],
    },
    Case { line: "components a.tif o.tif --of equal --table o.csv", files: &["o.tif", "o.csv"] },
];

const TILES: &str = "--tile 256x128 --threads 2 --flush no --quiet --overwrite";

fn folder() -> Folder {
    let folder = Folder::new();
    folder.well("generate a.tif --size 1900x1300 --quiet");
    folder.well("copy a.tif m.tif --nodata-value 900 --quiet");
    let masked = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/tiff/masked.tif");
    std::fs::copy(masked, folder.file("small.tif")).unwrap();
    folder.well("resize small.tif k.tif --size 1900x1300 --method nearest --quiet");
    folder
}

fn line(case: &Case) -> String {
    format!("{} {TILES}", case.line)
}

/// The bytes of what a run leaves, which are taken away.
fn taken(folder: &Folder, case: &Case) -> Vec<Vec<u8>> {
    let bytes = case.files.iter().map(|name| folder.content(name)).collect();
    for name in folder.names().iter().filter(|name| name.starts_with("o.")) {
        folder.remove(name);
    }
    bytes
}

/// The names of what a run leaves, and of its receipt.
fn expected_names(case: &Case) -> Vec<String> {
    let receipt = format!("{}.receipt", case.files[0]);
    let mut names = case.files.iter().map(|name| (*name).to_owned()).chain([receipt]).collect::<Vec<_>>();
    names.sort();
    names
}

fn names(folder: &Folder) -> Vec<String> {
    folder.names().into_iter().filter(|name| name.starts_with("o.") || name.starts_with(".o")).collect()
}

/// Runs a line and kills it after a while, unless it is done before.
fn kill_after(folder: &Folder, line: &str, wait: Duration) {
    let words = line.split_whitespace().collect::<Vec<_>>();
    let mut child = folder.command(&words).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(wait);
    let _ = child.kill();
    child.wait().unwrap();
}

/// Renames the results of a complete run back to what they are called before: what a kill between renames leaves.
fn unname(folder: &Folder, case: &Case, files: usize) {
    let rename = |from: &str, to: &str| std::fs::rename(folder.file(from), folder.file(to)).unwrap();
    rename(&format!("{}.receipt", case.files[0]), &format!("{}.journal", case.files[0]));
    for name in &case.files[case.files.len() - files..] {
        rename(name, &format!("{name}.partial"));
    }
}

#[test]
fn killed_between_the_last_renames() {
    let folder = folder();
    for case in &CASES[..4] {
        folder.well(&line(case));
        let reference = taken(&folder, case);
        for files in 0..=case.files.len() {
            folder.well(&line(case));
            unname(&folder, case, files);
            let ended = folder.run(&format!("{} --resume", case.line));
            assert_eq!(ended.code, 0, "{}: {}", case.line, ended.stderr);
            assert!(ended.stderr.contains("complete already"), "{}", ended.stderr);
            assert_eq!(names(&folder), expected_names(case), "{}", case.line);
            assert!(taken(&folder, case) == reference, "{}", case.line);
        }
    }
}

#[test]
fn a_journal_cut_at_every_byte() {
    let folder = Folder::new();
    folder.well("generate a.tif --size 300x150 --quiet");
    for case in [&CASES[1], &CASES[4], &CASES[5]] {
        let line = format!("{} --tile 128x64 --threads 1 --quiet --flush no", case.line);
        folder.well(&line);
        let journal = std::fs::read(folder.file(&format!("{}.receipt", case.files[0]))).unwrap();
        let reference = taken(&folder, case);
        // Every byte of the last lines, and some of those before, which are like them; all where `SWATHE_EVERY_BYTE` is set.
        let every = std::env::var_os("SWATHE_EVERY_BYTE").is_some();
        let lengths =
            (0..journal.len()).filter(|length| every || length % 23 == 0 || length + 400 > journal.len());
        for length in lengths {
            std::fs::write(folder.file(&format!("{}.partial", case.files[0])), &reference[0]).unwrap();
            std::fs::write(folder.file(&format!("{}.journal", case.files[0])), &journal[..length]).unwrap();
            let ended = folder.run(&format!("{line} --resume"));
            if length == 0 {
                // An empty journal says nothing of who wrote the partial file.
                assert!(ended.code == 2 && ended.stderr.contains("o."), "{}", ended.stderr);
            } else {
                assert_eq!(ended.code, 0, "cut at {length}: {}", ended.stderr);
                assert!(taken(&folder, case) == reference, "`{}` cut at {length}", case.line);
            }
            for name in names(&folder) {
                std::fs::remove_file(folder.file(&name)).unwrap();
            }
        }
    }
}

#[test]
fn a_run_killed_while_it_renewed_the_journal_leaves_nothing_behind() {
    let folder = folder();
    let case = &CASES[1];
    folder.well(&line(case));
    let receipt = std::fs::read(folder.file(&format!("{}.receipt", case.files[0]))).unwrap();
    let reference = taken(&folder, case);
    let half = &receipt[..receipt.len() / 2];
    for (has_partial, resume) in [(true, ""), (true, "--resume"), (false, ""), (false, "--resume")] {
        std::fs::write(folder.file("o.tif.journal"), half).unwrap();
        std::fs::write(folder.file("o.tif.journal-new"), &half[..half.len() / 2]).unwrap();
        if has_partial {
            std::fs::write(folder.file("o.tif.partial"), &reference[0]).unwrap();
        }
        folder.well(&format!("{} {resume}", line(case)));
        assert_eq!(names(&folder), expected_names(case), "partial file {has_partial}, {resume}");
        assert!(taken(&folder, case) == reference, "partial file {has_partial}, {resume}");
    }
}

#[test]
fn a_partial_file_that_was_damaged_is_computed_again_from_there() {
    let folder = folder();
    for case in [&CASES[0], &CASES[1], &CASES[2], &CASES[8], &CASES[12], &CASES[13]] {
        folder.well(&line(case));
        let receipt = std::fs::read(folder.file(&format!("{}.receipt", case.files[0]))).unwrap();
        let reference = taken(&folder, case);
        let mut damaged = reference[0].clone();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 0x10;
        let lines = receipt.split_inclusive(|&byte| byte == b'\n').collect::<Vec<_>>();
        std::fs::write(folder.file(&format!("{}.partial", case.files[0])), &damaged).unwrap();
        std::fs::write(folder.file(&format!("{}.journal", case.files[0])), lines[..lines.len() - 1].concat())
            .unwrap();
        let ended = folder.run(&format!("{} --resume --tile 256x128 --report r.json", case.line));
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let report = std::fs::read_to_string(folder.file("r.json")).unwrap();
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        let (resumed, tiles) =
            (report["resumed_tiles"].as_u64().unwrap(), report["plan"]["tiles"].as_u64().unwrap());
        assert!(resumed > 0 && resumed < tiles, "{resumed} of {tiles}");
        assert!(taken(&folder, case) == reference, "{}", case.line);
    }
}

#[test]
fn a_table_is_made_whole_by_the_run_that_goes_on() {
    let folder = folder();
    let case = CASES.iter().find(|case| case.line.contains("--table")).unwrap();
    folder.well(&line(case));
    let reference = taken(&folder, case);
    let begun = |folder: &Folder| {
        let journal = std::fs::read_to_string(folder.file("o.tif.journal")).unwrap_or_default();
        journal.contains("\n{\"tile\":") && folder.file("o.tif.partial").exists()
    };
    // As soon as some tiles are there; a run that ends first leaves no journal.
    for wait in (10..2000).step_by(10) {
        kill_after(&folder, &line(case), Duration::from_millis(wait));
        if begun(&folder) {
            break;
        }
    }
    assert!(begun(&folder), "no run was killed on its way");
    // A table that got its name just before the kill is made again.
    std::fs::write(folder.file("o.csv"), "label\n").unwrap();
    folder.well(&format!("{} --resume --tile 500x300 --report r.json --quiet", case.line));
    let report = std::fs::read_to_string(folder.file("r.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert!(report["resumed_tiles"].as_u64().unwrap() > 0, "{report}");
    assert_eq!(names(&folder), expected_names(case));
    assert!(taken(&folder, case) == reference);
}

#[test]
fn what_is_another_job_is_refused_with_the_reason() {
    let folder = folder();
    let begin = || {
        folder.well(&line(&CASES[1]));
        unname(&folder, &CASES[1], 1);
        let journal = folder.file("o.tif.journal");
        let text = std::fs::read_to_string(&journal).unwrap();
        let lines = text.split_inclusive('\n').collect::<Vec<_>>();
        std::fs::write(journal, lines[..lines.len() - 1].concat()).unwrap();
    };
    let refused = |line: &str, word: &str| {
        let before = folder.names();
        let ended = folder.run(&format!("{line} --resume"));
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        assert!(ended.stderr.contains(word) && ended.stderr.contains("begins anew"), "{}", ended.stderr);
        assert_eq!(folder.names(), before);
    };
    begin();
    refused("gaussian a.tif o.tif --sigma 4 --compress zstd", "its job is another one");
    let mut scene = std::fs::read(folder.file("a.tif")).unwrap();
    *scene.last_mut().unwrap() ^= 1;
    std::fs::write(folder.file("a.tif"), scene).unwrap();
    refused(CASES[1].line, "a.tif` changed");
    // Without `--resume` it begins anew, and a file that is not ours is not touched.
    folder.well(&line(&CASES[1]));
    assert_eq!(names(&folder), ["o.tif", "o.tif.receipt"]);
    taken(&folder, &CASES[1]);
    std::fs::write(folder.file("o.tif.partial"), "mine").unwrap();
    let ended = folder.run(CASES[1].line);
    assert!(ended.code == 2 && ended.stderr.contains("in the way"), "{}", ended.stderr);
    assert_eq!(std::fs::read(folder.file("o.tif.partial")).unwrap(), b"mine");
}

#[test]
fn two_runs_do_not_write_one_output() {
    let folder = folder();
    let slow = "percentile a.tif o.tif --percentile 30 --size 61 --tile 256x128 --threads 1 --quiet";
    let mut first = folder.command(&slow.split_whitespace().collect::<Vec<_>>()).spawn().unwrap();
    let begun = Instant::now();
    while !folder.file("o.tif.partial").exists() && begun.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(5));
    }
    let second = folder.run(slow);
    let running = first.try_wait().unwrap().is_none();
    let _ = first.kill();
    first.wait().unwrap();
    assert!(running, "the first run ended too early for this test");
    assert!(second.code == 1 && second.stderr.contains("another run"), "{} {}", second.code, second.stderr);
}

#[test]
fn an_interrupted_run_says_how_to_go_on() {
    let folder = folder();
    let slow = "percentile a.tif o.tif --percentile 30 --size 61 --tile 256x128 --threads 2";
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let words = slow.split_whitespace().collect::<Vec<_>>();
        let child = folder.command(&words).stderr(Stdio::piped()).spawn().unwrap();
        let begun = Instant::now();
        // The header, the head, and a tile.
        let tiles =
            || std::fs::read_to_string(folder.file("o.tif.journal")).map_or(0, |text| text.lines().count());
        while tiles() < 3 && begun.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::process::Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(code));
        let said = String::from_utf8(ended.stderr).unwrap();
        assert!(said.contains("are kept") && said.contains("--resume"), "{said}");
        assert_eq!(names(&folder), ["o.tif.journal", "o.tif.partial"]);
        for name in names(&folder) {
            std::fs::remove_file(folder.file(&name)).unwrap();
        }
    }
}

#[test]
fn tiles_do_not_show_in_the_file() {
    let folder = folder();
    for case in CASES {
        folder.well(&format!("{} --quiet", case.line));
        let reference = taken(&folder, case);
        for tile in ["256x128", "100x70", "1900x37"] {
            folder.well(&format!("{} --quiet --tile {tile}", case.line));
            assert!(taken(&folder, case) == reference, "`{}` in tiles of {tile}", case.line);
        }
    }
}

#[test]
fn without_a_journal_nothing_lies_beside_the_output() {
    let folder = folder();
    folder.well(&line(&CASES[0]));
    let reference = taken(&folder, &CASES[0]);
    for options in ["--journal no", "--receipt no"] {
        folder.well(&line(&CASES[0]));
        // A receipt of the old output would accuse the new one.
        folder.well(&format!("{} {options}", line(&CASES[0])));
        assert_eq!(names(&folder), ["o.tif"], "{options}");
        assert!(taken(&folder, &CASES[0]) == reference);
    }
}

/// Numbers that look random, below `most`.
fn below(state: &mut u64, most: usize) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 20) as usize % most.max(1)
}

/// What a loss of power may make of a file of which not all was flushed: cut short, with zeros at its end or in some page.
fn after_loss_of_power(bytes: &[u8], flushed: usize, state: &mut u64) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let at = flushed + below(state, bytes.len() - flushed);
    match below(state, 4) {
        0 => bytes.truncate(at),
        1 => bytes[at..].fill(0),
        2 => {
            let (start, end) = (at / 4096 * 4096, (at / 4096 + 1) * 4096);
            let end = end.min(bytes.len());
            bytes[start.max(flushed)..end].fill(0);
        }
        _ => {}
    }
    bytes
}

#[test]
fn what_a_loss_of_power_leaves_holds_or_is_made_again() {
    let folder = folder();
    let rounds = if std::env::var_os("SWATHE_EVERY_BYTE").is_some() { 200 } else { 8 };
    let mut state = 0x9E37_79B9_7F4A_7C15;
    for case in [&CASES[0], &CASES[1], &CASES[4], &CASES[5], &CASES[12], &CASES[13]] {
        let line = format!("{} --tile 256x64 --threads 2 --quiet --overwrite", case.line);
        let begun = Instant::now();
        folder.well(&line);
        let mut wait = begun.elapsed() / 2;
        let reference = taken(&folder, case);
        let left = loop {
            kill_after(&folder, &line, wait);
            let left = names(&folder);
            let read = |name: &String| (name.clone(), std::fs::read(folder.file(name)).unwrap());
            let left = left.iter().map(read).collect::<Vec<_>>();
            left.iter().for_each(|(name, _)| std::fs::remove_file(folder.file(name)).unwrap());
            // What is complete was flushed before the journal said so: no loss of power touches it.
            let journal = left.iter().find(|(name, _)| name.ends_with(".journal"));
            let journal = journal.map(|(_, bytes)| String::from_utf8_lossy(bytes));
            let complete = journal.as_ref().is_some_and(|journal| journal.contains("{\"complete\":"));
            if !complete && journal.is_some_and(|journal| journal.lines().count() > 5) {
                break left;
            }
            // Too early or too late.
            let early = !complete && left.iter().all(|(name, _)| !name.ends_with(".receipt"));
            wait = if early { wait * 5 / 4 } else { wait * 3 / 4 };
        };
        for round in 0..rounds {
            for (name, bytes) in &left {
                // The first line of a journal is flushed before anything else is made.
                let flushed = match name.ends_with(".journal") {
                    true => 1 + bytes.iter().position(|&byte| byte == b'\n').unwrap(),
                    false => 0,
                };
                std::fs::write(folder.file(name), after_loss_of_power(bytes, flushed, &mut state)).unwrap();
            }
            let ended = folder.run(&format!("{line} --resume"));
            assert_eq!(ended.code, 0, "`{}` round {round}: {}", case.line, ended.stderr);
            assert_eq!(names(&folder), expected_names(case), "`{}` round {round}", case.line);
            assert!(taken(&folder, case) == reference, "`{}` round {round}: another result", case.line);
        }
    }
}
