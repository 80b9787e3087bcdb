//! Runs that are killed, at random moments and at every step of their end: the next one goes on, whatever tiles, threads and
//! budget it has, the result is byte for byte that of an undisturbed run, and nothing else is left.
//!
//! `SWATHE_KILLS` says how many random moments are tried; from 100 on rasters are larger.

#![allow(clippy::print_stderr)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use swathe_tests::{command_path, folder};

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

/// What is in a place from the beginning.
const INPUTS: [&str; 5] = ["a.tif", "b.tif", "c.tif", "m.tif", "z.tif"];

/// A place to be killed in, with its inputs.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new(size: &str) -> Self {
        let place = Place { folder: folder() };
        place.well(&format!("generate a.tif --size {size}"));
        place.well(&format!("generate b.tif --size {size} --seed 2"));
        place.well(&format!("generate c.tif --size {size} --bands 3 --type u8"));
        place.well("copy a.tif m.tif --nodata-value 900");
        place.well("calc z.tif A%97>0 -A a.tif --type u8");
        for name in place.names() {
            if name.ends_with(".receipt") {
                fs::remove_file(place.folder.path().join(name)).expect("a receipt can be removed");
            }
        }
        place
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(command_path());
        command.args(words(line)).current_dir(self.path()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn run(&self, line: &str) -> Output {
        let mut command = self.command(line);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().expect("the command can be started")
    }

    fn well(&self, line: &str) -> String {
        let ended = self.run(line);
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(ended.status.success(), "`{line}`: {said} {:?}", self.names());
        String::from_utf8_lossy(&ended.stdout).into_owned()
    }

    /// Runs a line and kills it after a while, unless it is done before.
    fn kill_after(&self, line: &str, wait: Duration) {
        let mut child = self.command(line).spawn().expect("the command can be started");
        std::thread::sleep(wait);
        let _ = child.kill();
        child.wait().expect("a child can be waited for");
    }

    /// Runs a line into `output` and kills it once a part of its tiles is written down, and a moment later, unless it is done
    /// before; however slow or busy the machine may be, it is then at work.
    fn kill_at_work(&self, line: &str, output: &str, part: f64, wait: Duration) {
        let mut child = self.command(line).spawn().expect("the command can be started");
        let journal = self.path().join(format!("{output}.journal"));
        let is_reached = || {
            let lines = fs::read_to_string(&journal).unwrap_or_default();
            let header = lines.lines().next().and_then(|line| line.split('\t').next());
            let header = header.and_then(|json| serde_json::from_str::<serde_json::Value>(json).ok());
            let tiles = header.and_then(|header| header["tiles"].as_f64());
            // The header and the head come before the tiles.
            tiles.is_some_and(|tiles| lines.lines().count() as f64 >= 3.0 + part * (tiles - 1.0))
        };
        while !is_reached() && child.try_wait().expect("a child can be waited for").is_none() {
            std::thread::sleep(Duration::from_micros(300));
        }
        std::thread::sleep(wait);
        let _ = child.kill();
        child.wait().expect("a child can be waited for");
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path()).expect("the folder can be read");
        let name = |entry: std::io::Result<fs::DirEntry>| {
            entry.expect("the folder can be read").file_name().to_string_lossy().into_owned()
        };
        let mut names = entries.map(name).collect::<Vec<_>>();
        names.sort();
        names
    }

    /// The bytes of a file, or the names and bytes of all that is in a folder.
    fn read(&self, name: &str) -> Option<Vec<u8>> {
        content(&self.path().join(name)).ok()
    }

    /// Puts an older output of a name there.
    fn put_old(&self, name: &str) {
        let path = self.path().join(name);
        let _ = fs::remove_dir_all(&path);
        let written = if name.ends_with(".zarr") {
            fs::create_dir(&path).and_then(|()| fs::write(path.join("zarr.json"), "an older output"))
        } else {
            fs::write(path, "an older output")
        };
        written.expect("the folder can be written");
    }

    /// Everything that is no input, which is taken away.
    fn taken(&self) -> BTreeMap<String, Vec<u8>> {
        let made = self.names().into_iter().filter(|name| !INPUTS.contains(&name.as_str()));
        made.map(|name| {
            let bytes = self.read(&name).unwrap_or_default();
            let path = self.path().join(&name);
            let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
            removed.expect("what was made can be removed");
            (name, bytes)
        })
        .collect()
    }

    /// The results of a run that went well, which are taken away: those of the case, one receipt, and nothing else.
    fn results(&self, case: &Case) -> BTreeMap<String, Vec<u8>> {
        self.well(&format!("verify {}", case.files[0]));
        let mut results = self.taken();
        let receipt = format!("{}.receipt", case.files[0]);
        assert!(results.remove(&receipt).is_some(), "`{}` has no receipt", case.line);
        assert!(results.keys().eq(sorted(case.files)), "`{}` left {:?}", case.line, results.keys());
        results
    }
}

/// The bytes of a file, or the names and bytes of all that is in a folder.
fn content(path: &Path) -> std::io::Result<Vec<u8>> {
    if !path.is_dir() {
        return fs::read(path);
    }
    let entries = fs::read_dir(path)?.collect::<std::io::Result<Vec<_>>>()?;
    let mut paths = entries.iter().map(fs::DirEntry::path).collect::<Vec<_>>();
    paths.sort();
    let mut all = Vec::new();
    for path in paths {
        let bytes = content(&path)?;
        all.extend(path.file_name().unwrap_or_default().as_encoded_bytes());
        all.extend((bytes.len() as u64).to_le_bytes());
        all.extend(bytes);
    }
    Ok(all)
}

fn sorted(files: &'static [&'static str]) -> Vec<&'static str> {
    let mut files = files.to_vec();
    files.sort_unstable();
    files
}

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

/// A case's line with options of the run.
fn with_options(case: &Case, options: &str) -> String {
    let options = format!("{options} --flush no --quiet");
    match case.line.split_once(" ! ") {
        Some((command, steps)) => format!("{command} {options} ! {steps} --overwrite"),
        None => format!("{} {options} --overwrite", case.line),
    }
}

/// Numbers that look random: xorshift of 64 bits.
struct Random(u64);

impl Random {
    /// From 0 to 1.
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn one_of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[(self.next() * words.len() as f64) as usize % words.len()]
    }

    /// Options of a run that have nothing to do with its result.
    fn options(&mut self) -> String {
        let threads = self.one_of(&["--threads 1", "--threads 2", "--threads 3"]);
        let tile = self.one_of(&["--tile 256x128", "--tile 256x128", "--tile 512x64", "--tile 300x200", ""]);
        let memory = self.one_of(&["", "--memory 64MiB", "--memory 200MiB"]);
        format!("{threads} {tile} {memory}")
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
            (begun.elapsed(), place.results(case))
        });
        let line = with_options(case, &random.options());
        match random.next() {
            // Half of them once some tiles are written down.
            ..0.5 => {
                let wait =
                    if random.next() < 0.5 { Duration::ZERO } else { time.mul_f64(0.02 * random.next()) };
                place.kill_at_work(&line, case.files[0], random.next(), wait);
                let something = place.names().iter().any(|name| name.ends_with(".partial"));
                at_work += 1;
                left += usize::from(something);
            }
            // Some in the last part, where the output is completed and gets its name.
            ..0.75 => place.kill_after(&line, time.mul_f64(0.85 + 0.3 * random.next())),
            _ => place.kill_after(&line, time.mul_f64(random.next())),
        }
        while random.next() < 0.3 {
            let line = with_options(case, &format!("{} --resume", random.options()));
            place.kill_after(&line, time.mul_f64(random.next()));
        }
        // Now and then nobody asks for what is left.
        let resume = if random.next() < 0.1 { "" } else { "--resume" };
        place.well(&with_options(case, &format!("{} {resume}", random.options())));
        let results = place.results(case);
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
        let reference = place.results(case);
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
                    place.results(case);
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
                assert!(place.results(case) == reference, "`{}` killed at {call} {number}", case.line);
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
