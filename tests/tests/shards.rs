//! Outputs that several runs compute together: whatever number of shards there is, in whatever order, tiles, threads and budget
//! each runs, some at once, some killed, the result is byte for byte that of one run, and nothing else is left. What is
//! missing, damaged or of another job is named, and nothing is published.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::Duration;

use swathe_tests::{Place, Random, command_path, words};

/// A command, and the files that it leaves beside its receipt: every class of format, operators with and without halos, that
/// turn, that learn from the whole raster, that are cut into sweeps.
const CASES: [(&str, &[&str]); 15] = [
    ("gaussian a.tif o.tif --sigma 3", &["o.tif"]),
    ("gaussian m.tif o.tif --sigma 3 --block 128x64", &["o.tif"]),
    ("copy c.tif o.tif --interleave band --strips 8", &["o.tif"]),
    ("median a.tif o.npy --size 5", &["o.npy"]),
    ("transpose a.tif o.img", &["o.img", "o.hdr"]),
    ("copy c.tif o.raw --interleave line", &["o.raw"]),
    ("gaussian a.tif o.zarr --sigma 3 --block 128x128", &["o.zarr"]),
    ("copy m.tif o.zarr --block 200x100 --compress none --set SPARSE=yes", &["o.zarr"]),
    ("gaussian a.tif o.tif --sigma 3 --compress zstd", &["o.tif"]),
    ("copy m.tif o.tif --compress deflate --set SPARSE=yes --block 64x64", &["o.tif"]),
    ("copy c.tif o.tif --interleave band --compress lzw --bigtiff yes", &["o.tif"]),
    ("copy c.tif o.tif --interleave pixel --compress zstd:1 --strips 16", &["o.tif"]),
    ("stretch a.tif o.tif --percentiles 2,98 --compress zstd", &["o.tif"]),
    ("resize a.tif o.tif --scale 0.7 --method cubic --compress packbits", &["o.tif"]),
    (
        "pipeline --fuse never ! read a.tif ! median --size 3 ! gaussian --sigma 2 ! sobel --type i16 ! write o.tif --compress zstd",
        &["o.tif"],
    ),
];

/// A case's line with options of the run.
fn with_options(line: &str, options: &str) -> String {
    let options = format!("{options} --flush no --quiet");
    match line.split_once(" ! ") {
        Some((command, steps)) => format!("{command} {options} ! {steps} --overwrite"),
        None => format!("{line} {options} --overwrite"),
    }
}

/// The numbers of shards in an order that looks random.
fn in_any_order(count: u64, random: &mut Random) -> Vec<u64> {
    let mut numbers = (1..=count).collect::<Vec<_>>();
    for index in (1..numbers.len()).rev() {
        numbers.swap(index, (random.part() * (index + 1) as f64) as usize % (index + 1));
    }
    numbers
}

/// Runs every shard: two at once, one of them killed and resumed, each with options of its own.
fn compute(place: &Place, line: &str, count: u64, random: &mut Random) {
    let shards = in_any_order(count, random);
    let killed = shards[0];
    for pair in shards.chunks(2) {
        let line_of = |number: u64, random: &mut Random| {
            with_options(line, &format!("--shard {number}/{count} --resume {}", random.options()))
        };
        if pair.contains(&killed) {
            let output = format!("{}.shard-{killed}-of-{count}", output_of(line));
            place.kill_at_work(&line_of(killed, random), &output, 0.5 * random.part(), Duration::ZERO);
        }
        let children = pair.iter().map(|&number| {
            let line = line_of(number, random);
            (place.command(&line).spawn().expect("the command can be started"), line)
        });
        for (mut child, line) in children.collect::<Vec<_>>() {
            let status = child.wait().expect("a child can be waited for");
            if !status.success() {
                // It says why.
                place.well(&line);
                panic!("`{line}` failed once: {status}");
            }
        }
    }
}

fn output_of(line: &str) -> &str {
    words(line).into_iter().find(|word| word.starts_with("o.")).expect("a case has an output")
}

#[test]
fn shards_do_not_show() {
    let place = Place::new("700x1100");
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for (number, (line, files)) in CASES.into_iter().enumerate() {
        place.well(&with_options(line, "--threads 2"));
        let reference = place.results(line, files);
        // Every number with every case would take minutes.
        let counts: &[u64] = [&[1, 3, 23], &[2, 7, 23], &[3, 7, 5]][number % 3];
        for &count in counts {
            compute(&place, line, count, &mut random);
            let trust = if random.part() < 0.3 { "--trust" } else { "" };
            place.well(&format!("gather {} --quiet --flush no {trust}", output_of(line)));
            let results = place.results(line, files);
            assert!(results == reference, "`{line}` in {count} shards: another result");
        }
    }
}

/// Tiles of wide compressed rasters go from top to bottom in stripes, which the output's order of blocks shows.
#[test]
fn stripes_are_put_together() {
    let place = Place::new("16x16");
    place.well("generate w.tif --size 33000x600 --type u8 --compress zstd:1 --receipt no");
    for line in [
        "copy w.tif o.tif --compress zstd:1",
        "mean w.tif o.tif --size 3 --compress deflate:1 --set SPARSE=yes",
    ] {
        let plan = place.well(&format!("{line} --plan"));
        assert!(plan.contains("stripes"), "{plan}");
        place.well(&with_options(line, "--threads 2"));
        let reference = fs::read(place.path().join("o.tif")).expect("there is an output");
        fs::remove_file(place.path().join("o.tif")).expect("it can be removed");
        for shard in ["3/3", "1/3", "2/3"] {
            place.well(&with_options(line, &format!("--shard {shard} --tile 1024x256")));
        }
        place.well("gather o.tif --quiet");
        place.well("verify o.tif");
        assert!(fs::read(place.path().join("o.tif")).expect("there is an output") == reference, "{line}");
        fs::remove_file(place.path().join("o.tif")).expect("it can be removed");
    }
}

/// What lies in a place beside its inputs.
fn made(place: &Place) -> Vec<String> {
    place.names().into_iter().filter(|name| !swathe_tests::INPUTS.contains(&name.as_str())).collect()
}

/// Runs a line that must fail with a code; returns what it says.
fn fails(place: &Place, line: &str, code: i32) -> String {
    let ended = place.run(line);
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(code), "`{line}`: {said}");
    said
}

const PLACED: &str = "gaussian a.tif o.tif --sigma 2";
const APPENDED: &str = "gaussian a.tif o.tif --sigma 2 --compress zstd";

fn shard(line: &str, shard: &str) -> String {
    format!("{line} --shard {shard} --resume --quiet --flush no --tile 256x128")
}

#[test]
fn what_is_missing_is_named() {
    let place = Place::new("500x700");
    for line in [PLACED, APPENDED] {
        assert!(fails(&place, "gather o.tif", 1).contains("no shards"));
        place.well(&shard(line, "1/3"));
        place.kill_at_work(&shard(line, "2/3"), "o.tif.shard-2-of-3", 0.0, Duration::ZERO);
        let is_done = made(&place).contains(&"o.tif.shard-2-of-3.receipt".to_owned());
        let said = fails(&place, "gather o.tif", 1);
        assert!(said.contains("3/3 is missing, run `--shard 3/3`"), "{said}");
        assert!(is_done || said.contains("2/3 was stopped, `--shard 2/3 --resume` goes on"), "{said}");
        // Another division of the same output would write over this one.
        let said = fails(&place, &shard(line, "1/4"), 2);
        assert!(said.contains("begun in 3 shards") && said.contains("--discard"), "{said}");
        assert!(!made(&place).iter().any(|name| name.contains("of-4")), "{:?}", made(&place));
        place.well("gather o.tif --discard --quiet");
        assert_eq!(made(&place), [""; 0]);
        assert!(place.well("gather o.tif --discard").is_empty());
    }
}

#[test]
fn other_jobs_and_inputs_are_told() {
    let place = Place::new("500x700");
    for line in [PLACED, APPENDED] {
        place.well(&shard(line, "1/2"));
        let other = shard(&line.replace("--sigma 2", "--sigma 3"), "2/2");
        let said = fails(&place, &other, 2);
        assert!(said.contains("shard 1/2") && said.contains("its job is another one"), "{said}");
        // Where each saw nothing of the other, the last step sees both.
        let receipt = place.path().join("o.tif.shard-1-of-2.receipt");
        let away = place.path().join("away");
        fs::rename(&receipt, &away).expect("it can be moved");
        place.well(&other);
        fs::rename(&away, &receipt).expect("it can be moved");
        let said = fails(&place, "gather o.tif", 2);
        assert!(said.contains("shard 2/2") && said.contains("its job is another one"), "{said}");
        place.well("gather o.tif --discard --quiet");
        place.well(&shard(line, "1/2"));
        place.well(&shard(line, "2/2"));
        let input = place.path().join("a.tif");
        let bytes = fs::read(&input).expect("the input can be read");
        fs::write(&input, &bytes).expect("the input can be written");
        let said = fails(&place, "gather o.tif", 2);
        assert!(said.contains("a.tif` changed"), "{said}");
        place.well("gather o.tif --discard --quiet");
        assert_eq!(made(&place), [""; 0]);
    }
}

#[test]
fn damage_is_found_and_computed_again() {
    let place = Place::new("500x700");
    let cases = [
        (PLACED, "o.tif.shards", &["o.tif"] as &[&str]),
        (APPENDED, "o.tif.shard-2-of-2", &["o.tif"]),
        ("copy a.tif o.zarr --block 128x128", "o.zarr.shards/data/c/4/1", &["o.zarr"]),
    ];
    for (line, name, files) in cases {
        place.well(&format!("{line} --quiet"));
        let reference = place.results(line, files);
        place.well(&shard(line, "1/2"));
        place.well(&shard(line, "2/2"));
        let path = place.path().join(name);
        let mut bytes = fs::read(&path).expect("what a shard left can be read");
        let last = bytes.len() - 40;
        bytes[last] ^= 4;
        fs::write(&path, bytes).expect("it can be written");
        let said = fails(&place, &format!("gather {}", files[0]), 4);
        assert!(said.contains("shard 2/2") && said.contains("--shard 2/2 --resume"), "{said}");
        assert!(!made(&place).contains(&files[0].to_owned()), "nothing is published");
        place.well(&shard(line, "2/2"));
        place.well(&format!("gather {} --quiet", files[0]));
        assert!(place.results(line, files) == reference, "`{line}`");
    }
}

#[test]
fn a_result_of_shards_is_repaired() {
    let place = Place::new("500x700");
    for line in [PLACED, APPENDED] {
        for (number, tile) in ["256x512", "512x256", "256x256"].iter().enumerate() {
            place.well(&format!("{line} --shard {}/3 --quiet --flush no --tile {tile}", number + 1));
        }
        place.well("gather o.tif --quiet");
        let path = place.path().join("o.tif");
        let bytes = fs::read(&path).expect("there is a result");
        for at in [bytes.len() / 5, bytes.len() / 2, bytes.len() - 50] {
            let mut damaged = bytes.clone();
            damaged[at] ^= 16;
            fs::write(&path, damaged).expect("it can be written");
            fails(&place, "verify o.tif", 4);
            place.well("repair o.tif --quiet");
            assert!(fs::read(&path).expect("there is a result") == bytes, "`{line}` at {at}");
        }
        assert!(place.well("verify o.tif").contains("whole"));
        place.taken();
    }
}

#[test]
fn what_cannot_be_cut_is_refused_by_name() {
    let place = Place::new("300x200");
    let cases = [
        ("integral a.tif o.tif", "integral"),
        ("components b.tif o.tif", "components"),
        ("distance z.tif o.tif", "distance"),
        ("copy a.tif o.tif --format cog", "tiled TIFF"),
        ("copy a.tif o.tif --overviews auto", "tiled TIFF"),
        ("stretch a.tif o.png --type u8", "tiled TIFF"),
        ("stats a.tif", "--shard"),
        ("generate o.tif --size 10x10", "--shard"),
    ];
    for (line, word) in cases {
        let said = fails(&place, &format!("{line} --shard 1/2"), 5);
        assert!(said.contains(word), "`{line}`: {said}");
    }
    for (line, word) in [
        ("copy a.tif o.tif --shard 3/2", "no shard"),
        ("copy a.tif o.tif --shard 1/2 --journal no", "journal"),
    ] {
        let said = fails(&place, line, 2);
        assert!(said.contains(word), "`{line}`: {said}");
    }
    assert_eq!(made(&place), [""; 0]);
}

#[test]
fn existing_outputs_are_replaced_where_that_is_said() {
    let place = Place::new("300x200");
    for line in [PLACED, APPENDED] {
        place.put_old("o.tif");
        fails(&place, &shard(line, "1/1"), 2);
        place.well(&format!("{} --overwrite", shard(line, "1/1")));
        fails(&place, "gather o.tif", 2);
        assert_eq!(place.read("o.tif").as_deref(), Some(&b"an older output"[..]));
        place.well("gather o.tif --overwrite --quiet");
        place.results(line, &["o.tif"]);
    }
}

#[test]
fn one_run_at_a_time() {
    let place = Place::new("3000x2000");
    let line = "median a.tif o.tif --size 31 --threads 1 --tile 256x64 --shard 1/2 --quiet";
    let mut child = place.command(line).spawn().expect("the command can be started");
    let journal = place.path().join("o.tif.shard-1-of-2.journal");
    while fs::read_to_string(&journal).unwrap_or_default().lines().count() < 3 {
        assert!(child.try_wait().expect("a child can be waited for").is_none(), "it ended too early");
        std::thread::sleep(Duration::from_millis(1));
    }
    let said = fails(&place, &format!("{line} --resume"), 1);
    assert!(said.contains("another run is writing"), "{said}");
    assert!(fails(&place, "gather o.tif", 1).contains("1/2 is under way"));
    assert!(fails(&place, "gather o.tif --discard", 1).contains("at work"));
    let _ = child.kill();
    child.wait().expect("a child can be waited for");
}

#[test]
fn plans_and_jobs_tell_of_shards() {
    let place = Place::new("500x700");
    let plan = place.well("stretch a.tif o.tif --percentiles 2,98 --shard 2/3 --plan");
    assert!(plan.contains("2 of 3: rows 256 to 511 of 700") && plan.contains("whole input"), "{plan}");
    let json = place.well("copy a.tif o.tif --shard 3/3 --plan --json");
    let json: serde_json::Value = serde_json::from_str(&json).expect("a plan is JSON");
    assert_eq!((json["shard"]["first_row"].as_u64(), json["shard"]["rows"].as_u64()), (Some(512), Some(188)));
    let whole = place.well("copy a.tif o.tif --plan --json");
    let whole: serde_json::Value = serde_json::from_str(&whole).expect("a plan is JSON");
    for key in ["read_bytes", "write_bytes"] {
        let (part, whole) = (json[key].as_f64().unwrap_or(0.0), whole[key].as_f64().unwrap_or(0.0));
        assert!((part / whole - 188.0 / 700.0).abs() < 0.05, "{key}: {part} of {whole}");
    }
    let none = place.well("copy a.tif o.tif --shard 1/5 --plan");
    assert!(none.contains("no rows are left"), "{none}");
    let job = place.well(&format!("{PLACED} --shard 1/2 --print-job"));
    assert!(job.contains("shard = \"1/2\""), "{job}");
    fs::write(place.path().join("job.toml"), job).expect("a job can be written");
    place.well("run job.toml --quiet");
    place.well("run job.toml --shard 2/2 --quiet");
    place.well("gather o.tif --quiet");
    place.well("verify o.tif");
}

/// What gathering does to files: each call is one that it is killed before.
const CALLS: [&str; 9] =
    ["rename", "renameat2", "unlink", "unlinkat", "ftruncate", "fchmod", "fsync", "fdatasync", "flock"];

#[test]
fn gathering_is_killed_at_every_step() {
    let told = Command::new("strace").args(["-e", "trace=none", "true"]).output();
    if !told.is_ok_and(|output| output.status.success()) {
        return;
    }
    let place = Place::new("300x500");
    let cases: [(&str, &[&str]); 4] = [
        (PLACED, &["o.tif"]),
        (APPENDED, &["o.tif"]),
        ("transpose a.tif o.img", &["o.img", "o.hdr"]),
        ("copy a.tif o.zarr --block 256x256", &["o.zarr"]),
    ];
    let mut killed = 0;
    for (line, files) in cases {
        let line = with_options(line, "");
        let output = files[0];
        place.well(&line);
        let reference: BTreeMap<_, _> = place.results(&line, files);
        for call in CALLS {
            for number in 1.. {
                for shard in ["1/2", "2/2"] {
                    place.well(&format!("{line} --shard {shard} --resume"));
                }
                files.iter().for_each(|name| place.put_old(name));
                let old = place.read(output);
                let inject = format!("inject={call}:signal=SIGKILL:when={number}");
                let gather = format!("gather {output} --overwrite --quiet");
                let ended = Command::new("strace")
                    .args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &inject])
                    .arg(command_path())
                    .args(words(&gather))
                    .current_dir(place.path())
                    .output()
                    .expect("strace can be started");
                let is_last = ended.status.success();
                if !is_last {
                    killed += 1;
                    let found = place.read(output);
                    let is_one = found == old || found.as_ref() == reference.get(output);
                    assert!(
                        is_one,
                        "`{line}` killed at {call} {number}: neither the old output nor the new one"
                    );
                    place.well(&gather);
                }
                assert!(place.results(&line, files) == reference, "`{line}` killed at {call} {number}");
                if is_last {
                    break;
                }
            }
        }
    }
    assert!(killed > 40, "{killed}");
}
