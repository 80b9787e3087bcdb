//! Runs that are killed, at random moments and at every step of their end: the next one goes on, whatever tiles, threads and
//! budget it has, the result is byte for byte that of an undisturbed run, and nothing else is left.
//!
//! `SWATHE_KILLS` says how many random moments are tried; from 100 on rasters are larger.

#![allow(clippy::print_stderr)]

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use swathe_tests::{Place, Random, command_path, words};

/// A run, and the files that it leaves beside its receipt.
struct Case {
    /// The command; its options are put before ` !` where there is one.
    line: &'static str,
    files: &'static [&'static str],
}

const fn case(line: &'static str, files: &'static [&'static str]) -> Case {
    Case { line, files }
}

/// Every kind of operator and of format: with and without halos, that turn, that need several inputs or sweeps, that carry
/// rows on; places known before and as they come.
const CASES: &[Case] = &[
    case("gaussian a.tif o.tif --sigma 3", &["o.tif"]),
    case("gaussian a.tif o.tif --sigma 3 --compress zstd", &["o.tif"]),
    case("median a.tif o.npy --size 5", &["o.npy"]),
    case("transpose a.tif o.img", &["o.img", "o.hdr"]),
    case("integral a.tif o.tif --compress deflate", &["o.tif"]),
    case("accumulate a.tif o.npy --axis y", &["o.npy"]),
    case("accumulate a.tif o.raw --axis x --format raw", &["o.raw"]),
    case("accumulate a.tif o.tif --axis y --type f64 --strips 8", &["o.tif"]),
    case("enhanced-lee m.tif o.tif --size 7 --looks 4 --compress lzw --type f32", &["o.tif"]),
    case("mean m.tif o.tif --size 9 --strips 32", &["o.tif"]),
    case("stretch a.tif o.tif --percentiles 2,98 --compress zstd", &["o.tif"]),
    case("equalize a.tif o.img", &["o.img", "o.hdr"]),
    case("flow a.tif b.tif o.tif --window 7", &["o.tif"]),
    case("flow a.tif b.tif o.tif --method pyrlk --levels 2 --compress deflate:1", &["o.tif"]),
    case("calc o.tif sqrt(A)*2+B -A a.tif -B b.tif --type f32 --interleave pixel", &["o.tif"]),
    case("resize a.tif o.tif --scale 0.7 --method cubic --compress packbits", &["o.tif"]),
    case("resize a.tif o.npy --scale 1.5 --method bilinear", &["o.npy"]),
    case("copy m.tif o.tif --compress deflate --set SPARSE=yes", &["o.tif"]),
    case("copy c.tif o.tif --interleave band --block 128x128", &["o.tif"]),
    case("copy c.tif o.tif --interleave pixel --compress zstd:1 --strips 16", &["o.tif"]),
    case(
        "pipeline ! read a.tif ! median --size 3 ! gaussian --sigma 2 ! sobel --type i16 ! write o.tif --compress zstd",
        &["o.tif"],
    ),
    case(
        "pipeline ! read a.tif ! gaussian --sigma 1 ! stretch --percentiles 1,99 ! flip ! write o.npy",
        &["o.npy"],
    ),
    case("pipeline ! read a.tif ! mean --size 3 ! integral ! write o.tif --strips", &["o.tif"]),
    case("components b.tif o.tif --of equal --compress zstd", &["o.tif"]),
    case("distance z.tif o.tif --strips 16", &["o.tif"]),
    case("gaussian a.tif o.zarr --sigma 3 --block 128x128", &["o.zarr"]),
    case("copy c.tif o.zarr --block 200x100 --compress none", &["o.zarr"]),
    case("integral m.tif o.zarr --compress deflate --block 256x64 --set SPARSE=yes", &["o.zarr"]),
    case("copy a.tif o.tif --format cog --compress deflate", &["o.tif"]),
    case("gaussian m.tif o.tif --sigma 2 --format cog --compress zstd --block 128x128", &["o.tif"]),
    case("stretch a.tif o.png --percentiles 2,98 --type u8", &["o.png"]),
    case("copy m.tif o.png", &["o.png"]),
    // The tiles that are there are looked at again for the table.
    case("components b.tif o.tif --of equal --connectivity 8 --table o.csv", &["o.tif", "o.csv"]),
];

/// The results of a run of a case that went well, which are taken away: its files, one receipt, and nothing else.
fn results(place: &Place, case: &Case) -> BTreeMap<String, Vec<u8>> {
    place.results(case.line, case.files)
}

/// A case's line with options of the run.
fn with_options(case: &Case, options: &str) -> String {
    let options = format!("{options} --flush no --quiet");
    match case.line.split_once(" ! ") {
        Some((command, steps)) => format!("{command} {options} ! {steps} --overwrite"),
        None => format!("{} {options} --overwrite", case.line),
    }
}

#[test]
fn killed_at_any_moment() {
    let kills = std::env::var("SWATHE_KILLS").ok().and_then(|text| text.parse::<usize>().ok());
    let kills = kills.unwrap_or(2 * CASES.len());
    let sizes: &[&str] = if kills < 100 { &["900x700"] } else { &["620x410", "1900x1300", "3300x2500"] };
    let places = sizes.iter().map(|size| Place::new(size)).collect::<Vec<_>>();
    let seed = std::env::var("SWATHE_SEED").ok().and_then(|text| text.parse::<u64>().ok());
    let seed = seed.unwrap_or_else(|| u64::from(std::process::id())).max(1);
    eprintln!("SWATHE_SEED={seed}");
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let (mut references, mut left, mut at_work) = (BTreeMap::new(), 0, 0);
    for kill in 0..kills {
        let (case_number, place_number) = (kill % CASES.len(), kill / CASES.len() % places.len());
        let (case, place) = (&CASES[case_number], &places[place_number]);
        let (time, reference) = references.entry((case_number, place_number)).or_insert_with(|| {
            let begun = Instant::now();
            place.well(&with_options(case, "--threads 2 --tile 256x128"));
            (begun.elapsed(), results(place, case))
        });
        let line = with_options(case, &random.options());
        match random.part() {
            // Half of them once some tiles are written down.
            ..0.5 => {
                let wait =
                    if random.part() < 0.5 { Duration::ZERO } else { time.mul_f64(0.02 * random.part()) };
                place.kill_at_work(&line, case.files[0], random.part(), wait);
                let something = place.names().iter().any(|name| name.ends_with(".partial"));
                at_work += 1;
                left += usize::from(something);
            }
            // Some in the last part, where the output is completed and gets its name.
            ..0.75 => place.kill_after(&line, time.mul_f64(0.85 + 0.3 * random.part())),
            _ => place.kill_after(&line, time.mul_f64(random.part())),
        }
        while random.part() < 0.3 {
            let line = with_options(case, &format!("{} --resume", random.options()));
            place.kill_after(&line, time.mul_f64(random.part()));
        }
        // Now and then nobody asks for what is left.
        let resume = if random.part() < 0.1 { "" } else { "--resume" };
        place.well(&with_options(case, &format!("{} {resume}", random.options())));
        let results = results(place, case);
        assert!(results == *reference, "kill {kill} of `{}` with seed {seed}: another result", case.line);
    }
    eprintln!("{kills} kills, {left} of {at_work} at work left something");
    // Nine in ten do, on a busy machine as on a quiet one; the others have one tile or two.
    assert!(5 * left >= 3 * at_work, "only {left} of {at_work} kills at work left something to go on with");
}

/// What a run does at its end, and when it begins: each call is one that it is killed before.
const CALLS: [&str; 14] = [
    "rename",
    "renameat2",
    "linkat",
    "unlink",
    "unlinkat",
    "mkdir",
    "ftruncate",
    "fchmod",
    "chmod",
    "fsync",
    "fdatasync",
    "syncfs",
    "fallocate",
    "flock",
];

/// Whether the system has a tool that kills at a call.
fn can_kill_at_calls() -> bool {
    let told = Command::new("strace").args(["-e", "trace=none", "true"]).output();
    told.is_ok_and(|output| output.status.success())
}

#[test]
fn killed_at_every_step_of_the_end() {
    if !can_kill_at_calls() {
        eprintln!("SKIPPED: there is no strace here that may watch a process");
        return;
    }
    let place = Place::new("300x200");
    let every = std::env::var_os("SWATHE_KILLS").is_some();
    let numbers: &[usize] = if every { &[0, 1, 3, 4, 8, 23, 25, 28, 30, 32] } else { &[1, 3, 25, 28, 32] };
    let mut killed = 0;
    for case in numbers.iter().map(|&number| &CASES[number]) {
        // With what is flushed, which the others leave out.
        let line = with_options(case, "--threads 2 --tile 64x64").replace(" --flush no", "");
        place.well(&line);
        let reference = results(&place, case);
        for call in CALLS {
            for number in 1.. {
                // An older output is there, which stays whole until the new one is.
                case.files.iter().for_each(|name| place.put_old(name));
                let old = place.read(case.files[0]);
                let inject = format!("inject={call}:signal=SIGKILL:when={number}");
                let ended = Command::new("strace")
                    .args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &inject])
                    .arg(command_path())
                    .args(words(&line))
                    .current_dir(place.path())
                    .output()
                    .expect("strace can be started");
                if ended.status.success() {
                    results(&place, case);
                    break;
                }
                killed += 1;
                let found = place.read(case.files[0]);
                assert!(
                    found == old || found.as_ref() == reference.get(case.files[0]),
                    "`{}` killed at {call} {number}: neither the old output nor the new one",
                    case.line
                );
                place.well(&line.replacen(" --quiet", " --quiet --resume", 1));
                assert!(results(&place, case) == reference, "`{}` killed at {call} {number}", case.line);
            }
        }
    }
    eprintln!("killed at {killed} steps");
    assert!(killed > 10 * numbers.len(), "{killed}");
}

#[test]
fn scratch_goes_with_the_run() {
    let place = Place::new("700x500");
    let scratch = place.path().join("scratch");
    fs::create_dir(&scratch).expect("a folder can be made");
    let line = "register a.tif b.tif --scratch scratch --threads 2";
    let begun = Instant::now();
    let reference = place.well(line);
    let time = begun.elapsed();
    for part in 1..8 {
        place.kill_after(line, time * part / 8);
        assert_eq!(fs::read_dir(&scratch).expect("the folder can be read").count(), 0, "scratch is left");
    }
    assert_eq!(place.well(line), reference);
}
