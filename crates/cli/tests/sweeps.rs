//! Chains in one sweep and in several, with what is between stored: the same bytes, within the same budget, resumed, and
//! with a scratch folder that is left as it was.

#![allow(clippy::unwrap_used)]

mod command;

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use command::Folder;
use serde_json::Value;

/// Large halos one after the other.
const CHAIN: &str =
    "erode --size 101 ! gaussian --sigma 20 ! mean --size 151 ! median --size 31 ! cast --type f32 --scale 2";

fn folder() -> Folder {
    let folder = Folder::new();
    folder.well("generate a.tif --size 700x450 --bands 2 --quiet --receipt no");
    // Values below 900 become nodata, and of the other a mask.
    folder.well("copy a.tif n.tif --nodata-value 900 --quiet --receipt no");
    folder.well("generate f.tif --size 600x420 --type f32 --seed 3 --quiet --receipt no");
    std::fs::create_dir(folder.file("scratch")).unwrap();
    folder
}

fn line(options: &str, input: &str, chain: &str, output: &str) -> String {
    format!(
        "pipeline --flush no --quiet --receipt no --scratch scratch {options} ! read {input} ! {chain} ! write {output} --overwrite"
    )
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn plan(folder: &Folder, options: &str, input: &str, chain: &str) -> Value {
    json(&folder.well(&line(&format!("{options} --plan --json"), input, chain, "p.tif")))
}

/// The least budget that a plan asks for, in MiB.
fn least(folder: &Folder, options: &str, chain: &str) -> u64 {
    let ended = folder.run(&line(&format!("{options} --memory 1MiB"), "a.tif", chain, "o.tif"));
    assert_eq!(ended.code, 3);
    ended.stderr.split("--memory ").nth(1).unwrap().split("MiB").next().unwrap().parse().unwrap()
}

fn scratch_files(folder: &Folder) -> usize {
    std::fs::read_dir(folder.file("scratch")).unwrap().count()
}

fn same_bytes(folder: &Folder, input: &str, chain: &str) {
    let of = |options: &str| {
        folder.well(&line(options, input, chain, "o.tif"));
        assert_eq!(scratch_files(folder), 0, "{options} {chain}");
        folder.content("o.tif")
    };
    let reference = of("--fuse always");
    for options in ["--fuse never --threads 2", "--fuse never --tile 256x64 --threads 3", "--fuse auto"] {
        assert!(of(options) == reference, "{options}: {input} {chain}");
    }
}

#[test]
fn sweeps_do_not_show_at_any_boundary() {
    let folder = folder();
    for boundary in ["reflect", "mirror", "nearest", "wrap", "constant=7"] {
        let chain = format!(
            "median --size 25 --boundary {boundary} ! gaussian --sigma 6 --boundary {boundary} ! erode --size 31x9 --boundary {boundary}"
        );
        same_bytes(&folder, "a.tif", &chain);
        same_bytes(&folder, "n.tif", &chain);
    }
}

#[test]
fn sweeps_do_not_show_in_any_chain() {
    let folder = folder();
    for chain in [
        CHAIN,
        "median --size 51 ! median --size 51",
        "gaussian --sigma 40 ! sobel ! variance --size 101",
        "enhanced-lee --size 7 --looks 3 ! gaussian --sigma 3 ! cast --type u8 --scale 0.01",
        "cast --type f64 --scale 0.3 ! mean --size 33 --nodata propagate ! stddev --size 15 ! stretch --percentiles 2,98",
        "gaussian --sigma 5 ! resize --scale 0.37 --method lanczos ! rotate90 ! median --size 15 ! flip",
        "median --size 9 ! mean --size 21 ! accumulate --op sum --axis y",
        "median --size 9 ! gaussian --sigma 8 ! distance --to nonzero",
    ] {
        let inputs = ["a.tif", "n.tif", "f.tif"];
        let inputs = if chain.contains("distance") { &["b.tif"][..] } else { &inputs };
        if chain.contains("distance") {
            folder.well("copy a.tif b.tif --bands 1 --quiet --receipt no");
        }
        inputs.iter().for_each(|input| same_bytes(&folder, input, chain));
    }
}

/// Tiles go through wide compressed rasters in stripes, which the order of blocks in compressed outputs follows: nobody may see
/// there whether the last sweep read what was stored.
#[test]
fn sweeps_do_not_show_in_stripes() {
    let folder = folder();
    folder.well("generate w.tif --size 20000x300 --compress deflate:1 --quiet --receipt no");
    let chain = "erode --size 31 ! median --size 5 ! mean --size 21";
    assert!(plan(&folder, "--fuse always", "w.tif", chain)["stripe_width"].is_u64());
    let of = |options: &str| {
        folder.well(&line(options, "w.tif", chain, "o.tif --compress deflate:1"));
        folder.content("o.tif")
    };
    assert!(of("--fuse always") == of("--fuse never --tile 512x256"));
}

#[test]
fn the_plan_says_where_it_stores_and_why() {
    let folder = folder();
    let (fused, cut) = (least(&folder, "--fuse always", CHAIN), least(&folder, "", CHAIN));
    assert!(cut < fused, "{cut} and {fused} MiB");
    let one = plan(&folder, &format!("--fuse always --memory {fused}MiB"), "a.tif", CHAIN);
    assert!(one["passes"] == 1 && one.get("stored").is_none() && one["scratch_bytes"] == 0);
    assert!(one["fusion"]["sweeps"] == 1 && one["fusion"]["asked"] == "always");
    let work = |plan: &Value| {
        let stages = plan["stages"].as_array().unwrap();
        stages.iter().map(|stage| stage["recompute_factor"].as_f64().unwrap()).sum::<f64>()
    };
    let several = plan(&folder, &format!("--memory {fused}MiB"), "a.tif", CHAIN);
    let stored = several["stored"].as_array().unwrap();
    assert_eq!(several["passes"], stored.len() + 1);
    assert_eq!(several["fusion"]["sweeps"], stored.len() + 1);
    assert!(!stored.is_empty() && work(&several) < work(&one), "{several:#}");
    assert_eq!(several["stages"].as_array().unwrap().len(), 5);
    assert_eq!(several["inputs"].as_array().unwrap().len(), 1);
    let fusion = &several["fusion"];
    assert!(fusion["several"]["store"].as_f64().unwrap() > 0.0, "{fusion:#}");
    assert!(fusion["reason"].as_str().unwrap().contains("for storing and"), "{fusion:#}");
    // Rasters of two bands of 16 bits lie in the scratch folder, two at a time where a sweep reads one and writes another.
    let raster = 700 * 450 * 4;
    assert_eq!(several["scratch_bytes"], raster * stored.len().min(2) as u64);
    assert!(several["scratch_free_bytes"].as_u64().unwrap() > raster);
    // The scratch folder is on the output's disk, which has to hold both.
    assert!(several["disk_needed_bytes"].as_u64().unwrap() >= 2 * raster + raster);
    assert!(several["predicted_peak_bytes"].as_u64().unwrap() <= fused << 20);
    let least = plan(&folder, &format!("--memory {cut}MiB"), "a.tif", CHAIN);
    assert!(least["fusion"]["reason"].as_str().unwrap().starts_with("the budget does not hold one"));
    let words = folder.well(&line(&format!("--memory {cut}MiB --plan"), "a.tif", CHAIN, "p.tif"));
    for expected in ["\n  store    what `", "\n  sweeps   ", "\n  scratch  "] {
        assert!(words.contains(expected), "{words}");
    }
    // Small halos are computed again for less, which is said too.
    let short = plan(&folder, "", "a.tif", "gaussian --sigma 2 ! median --size 5 ! sobel");
    assert!(short["passes"] == 1 && short.get("stored").is_none(), "{short:#}");
    assert!(short["fusion"]["reason"].as_str().unwrap().contains("less than storing"), "{short:#}");
    // Nothing is to be chosen for a single operator.
    assert!(plan(&folder, "", "a.tif", "sobel").get("fusion").is_none());
}

/// Chains in which something has to be learned first, twice, behind halos, and before a scan.
const LEARNING: [&str; 5] = [
    "median --size 31 ! stretch --percentiles 2,98",
    "cast --type f64 --scale 0.3 ! mean --size 33 ! cast --type f32 ! stretch --percentiles 2,98 --type u16 ! median --size 9 ! equalize",
    "median --size 21 ! lee --size 7 --looks auto ! gaussian --sigma 8 ! erode --size 41 ! stretch ! median --size 25 ! flip",
    "erode --size 51x3 ! gaussian --sigma 20 ! lee-sigma --size 7 --looks 4 ! resize --scale 0.5",
    "median --size 15 ! stretch --type u16 ! median --size 11 ! accumulate --op sum --axis y",
];

#[test]
fn sweeps_that_learn_do_not_show_where_they_start() {
    let folder = folder();
    for chain in LEARNING {
        for input in ["a.tif", "n.tif", "f.tif"] {
            same_bytes(&folder, input, chain);
        }
    }
    folder.well("copy a.tif b.tif --bands 1 --quiet --receipt no");
    same_bytes(&folder, "b.tif", "median --size 21 ! stretch ! median --size 9 ! distance --to nonzero");
}

#[test]
fn the_plan_weighs_storing_what_several_sweeps_read() {
    let folder = folder();
    // A median of 51 x 51 takes longer than storing what it makes; it would be computed three times.
    let chain = "median --size 51 ! cast --type f32 ! stretch --type f32";
    let stores = plan(&folder, "", "a.tif", chain);
    let fusion = &stores["fusion"];
    let total = |ways: &Value| {
        let part = |name: &str| ways[name].as_f64().unwrap();
        part("once") + part("again") + part("store") + part("learn")
    };
    assert!(total(&fusion["several"]) < total(&fusion["one"]), "{fusion:#}");
    assert!(fusion["one"]["learn"].as_f64().unwrap() > fusion["several"]["learn"].as_f64().unwrap());
    assert!(fusion["reason"].as_str().unwrap().contains("for sweeps that learn"), "{fusion:#}");
    // Two bytes are stored for each sample, not the four of what comes from them at once.
    assert!(stores["stored"][0]["stages"] == 1 && stores["scratch_bytes"] == 700 * 450 * 4, "{stores:#}");
    assert_eq!(stores["preparations"][0]["behind"], 1);
    assert_eq!(stores["passes"], 2 + stores["preparations"][0]["passes"].as_u64().unwrap());
    let words = folder.well(&line("--plan", "a.tif", chain, "p.tif"));
    assert!(
        words.contains("from what `median` makes, which is stored") && words.contains("\n  scratch "),
        "{words}"
    );
    // What is cheap is computed again, and the plan says what storing would take.
    let cheap = plan(&folder, "", "a.tif", "cast --type f32 ! stretch");
    assert!(cheap.get("stored").is_none() && cheap["preparations"][0]["behind"] == 0, "{cheap:#}");
    assert!(total(&cheap["fusion"]["one"]) < total(&cheap["fusion"]["several"]), "{cheap:#}");
    assert!(cheap["fusion"]["reason"].as_str().unwrap().contains("for storing"), "{cheap:#}");
    let always = plan(&folder, "--fuse always", "a.tif", chain);
    assert!(always.get("stored").is_none() && always["scratch_bytes"] == 0, "{always:#}");
    // The run does what the plan says.
    folder.well(&line("--report r.json", "a.tif", chain, "o.tif"));
    let report = json(&std::fs::read_to_string(folder.file("r.json")).unwrap());
    let before = report["passes_before"].as_array().unwrap();
    assert_eq!(before.len() as u64 + 1, stores["passes"].as_u64().unwrap());
    for field in
        ["passes", "scratch_bytes", "tile_width", "threads", "stages", "inputs", "write_bytes", "fusion"]
    {
        assert_eq!(report["plan"][field], stores[field], "{field}");
    }
    for field in ["stages", "name", "bytes", "tile_width", "tile_height", "tiles", "threads"] {
        assert_eq!(report["plan"]["stored"][0][field], stores["stored"][0][field], "{field}");
    }
    let peak = report["measured_peak_bytes"].as_u64().unwrap();
    assert!(peak <= report["plan"]["budget_bytes"].as_u64().unwrap());
}

/// The least budget holds every sweep, those that learn and those that store.
#[test]
fn a_chain_that_learns_holds_its_budget() {
    let folder = folder();
    for options in ["", "--fuse always", "--fuse never"] {
        let cut = least(&folder, options, LEARNING[2]);
        folder.well(&line(
            &format!("{options} --memory {cut}MiB --report r.json"),
            "a.tif",
            LEARNING[2],
            "o.tif",
        ));
        let report = json(&std::fs::read_to_string(folder.file("r.json")).unwrap());
        let peak = report["measured_peak_bytes"].as_u64().unwrap();
        assert!(peak <= cut << 20, "{peak} bytes in {cut} MiB with `{options}`");
    }
}

/// Shards learn of the whole raster, and store a band of what comes behind.
#[test]
fn shards_store_the_rows_that_they_need() {
    let folder = folder();
    let output = "o.tif --block 64x64";
    let of = |chain: &str, options: &str| {
        json(&folder.well(&line(&format!("{options} --plan --json"), "a.tif", chain, output)))
    };
    let chain = "median --size 31 ! gaussian --sigma 3 ! erode --size 21";
    let whole = of(chain, "--fuse never")["scratch_bytes"].as_u64().unwrap();
    assert_eq!(whole, 2 * 700 * 450 * 4);
    let mut of_shards = Vec::new();
    for number in 1..=3 {
        let shard = of(chain, &format!("--fuse never --shard {number}/3"));
        let own = shard["shard"]["rows"].as_u64().unwrap();
        // Of what comes before the erosion ten rows on each side, and twelve more of what comes before the gaussian.
        let sides = if number == 2 { 2 } else { 1 };
        let rows = |halo: u64| own + sides * halo;
        assert_eq!(shard["scratch_bytes"], 700 * 4 * (rows(10) + rows(22)), "{shard:#}");
        of_shards.push(shard["stored"][0]["bytes"].as_u64().unwrap());
    }
    assert!(of_shards.iter().all(|&bytes| 2 * bytes < whole), "{of_shards:?} of {whole}");
    let none = of(chain, "--fuse never --shard 400/900");
    assert!(none["shard"]["rows"] != 0 || none["scratch_bytes"] == 0, "{none:#}");
    for chain in [
        chain,
        LEARNING[1],
        LEARNING[2],
        LEARNING[3],
        "gaussian --sigma 9 --boundary wrap ! median --size 21 --boundary mirror",
    ] {
        folder.well(&line("--fuse always", "a.tif", chain, output));
        let reference = folder.content("o.tif");
        folder.remove("o.tif");
        let line = |options: &str| line(options, "a.tif", chain, output).replace("--receipt no ", "");
        for (number, fuse) in [(1, "never"), (3, "auto"), (2, "never")] {
            folder.well(&line(&format!("--shard {number}/3 --fuse {fuse}")));
            assert_eq!(scratch_files(&folder), 0);
        }
        folder.well("gather o.tif --quiet");
        assert!(folder.content("o.tif") == reference, "{chain}");
        for name in ["o.tif", "o.tif.receipt"] {
            folder.remove(name);
        }
    }
}

#[test]
fn a_chain_whose_budget_holds_no_sweep_of_all_is_cut() {
    let folder = folder();
    let cut = least(&folder, "", CHAIN);
    folder.well(&line(&format!("--memory {cut}MiB --report r.json"), "a.tif", CHAIN, "o.tif"));
    let report = json(&std::fs::read_to_string(folder.file("r.json")).unwrap());
    let peak = report["measured_peak_bytes"].as_u64().unwrap();
    assert!(peak <= cut << 20, "{peak} bytes in {cut} MiB");
    let before = report["passes_before"].as_array().unwrap();
    assert_eq!(before.len(), report["plan"]["stored"].as_array().unwrap().len());
    for sweep in before {
        assert!(sweep["wall_seconds"].as_f64().unwrap() > 0.0, "{sweep:#}");
        assert_eq!(sweep["output_bytes"], 700 * 450 * 4);
    }
    let output = folder.content("o.tif");
    folder.well(&line("--fuse always", "a.tif", CHAIN, "o.tif"));
    assert!(folder.content("o.tif") == output);
}

#[test]
fn a_scratch_folder_that_is_too_small_is_told_of_before() {
    let folder = folder();
    let file = std::fs::File::create(folder.file("huge.raw")).unwrap();
    // A terabyte of nothing.
    if file.set_len(1_000_000 * 1_000_000).is_err() {
        return;
    }
    let (input, chain) = ("huge.raw:size=1000000x1000000,type=u8", "gaussian --sigma 40 ! median --size 101");
    let never = folder.run(&line("--fuse never", input, &format!("{chain} ! resize --scale 0.001"), "o.tif"));
    assert_eq!(never.code, 3, "{}", never.stderr);
    assert!(never.stderr.contains("`--scratch DIR`") && never.stderr.contains("MiB"), "{}", never.stderr);
    assert_eq!(scratch_files(&folder), 0);
    // Tiles of this size would make it store.
    let auto = plan(&folder, "--tile 256x256", input, chain);
    assert!(auto["passes"] == 1 && auto.get("stored").is_none(), "{auto:#}");
    let reason = auto["fusion"]["reason"].as_str().unwrap();
    assert!(reason.contains("MiB are free; `--scratch DIR`"), "{reason}");
    let nowhere = folder.run(&line("--fuse never --scratch nowhere", "a.tif", CHAIN, "o.tif"));
    assert_eq!(nowhere.code, 2, "{}", nowhere.stderr);
}

/// Stops a run in a pass, by a signal.
fn stop(folder: &Folder, line: &str, pass: u64, signal: &str) -> Option<i32> {
    let line = line.replace("--quiet", "--progress json");
    let mut child = folder
        .command(&line.split_whitespace().collect::<Vec<_>>())
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let is_there = |line: std::io::Result<String>| {
        line.is_ok_and(|line| serde_json::from_str::<Value>(&line).is_ok_and(|line| line["pass"] == pass))
    };
    assert!(lines.any(is_there), "there is no pass {pass}");
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
    lines.for_each(drop);
    child.wait().unwrap().code()
}

#[test]
fn a_run_that_is_stopped_leaves_no_scratch_and_goes_on() {
    let folder = folder();
    let chain = "median --size 31 ! gaussian --sigma 9 ! median --size 21";
    let line = line("--fuse never --tile 256x16", "a.tif", chain, "o.tif --compress zstd");
    folder.well(&line);
    let reference = folder.content("o.tif");
    for (signal, code) in [("TERM", Some(143)), ("KILL", None)] {
        for pass in 1..=3 {
            folder.remove("o.tif");
            let ended = stop(&folder, &line, pass, signal);
            assert_eq!(scratch_files(&folder), 0, "{signal} in pass {pass}");
            // It may be done before the signal comes.
            assert!(ended == code || (pass == 3 && ended == Some(0)), "{ended:?}");
            folder.well(&line.replace("--fuse", "--resume --fuse"));
            assert!(folder.content("o.tif") == reference, "{signal} in pass {pass}");
        }
    }
}

/// What is stored on the way is made again as far as it is needed; the output goes on behind what was kept.
#[test]
fn a_killed_run_goes_on() {
    let folder = folder();
    for chain in [
        "mean --size 31 ! gaussian --sigma 9 ! median --size 41",
        "mean --size 31 ! flip ! median --size 41 --boundary wrap",
        "median --size 31 ! stretch --type u16 ! gaussian --sigma 3 ! median --size 21",
    ] {
        let line = line("--fuse never --tile 128x64", "a.tif", chain, "o.tif --compress zstd");
        folder.well(&line);
        let reference = folder.content("o.tif");
        let mut resumed = 0;
        // Where others take the processors, a run may be done before it is killed: then once more.
        for (round, tiles) in [1, 5, 12, 20, 30].into_iter().cycle().take(50).enumerate() {
            if round >= 5 && resumed > 0 {
                break;
            }
            folder.remove("o.tif");
            kill_behind(&folder, &line, tiles);
            let again = line.replace("--fuse", "--resume --report r.json --fuse");
            folder.well(&again);
            assert!(folder.content("o.tif") == reference, "{tiles} tiles");
            let report = json(&std::fs::read_to_string(folder.file("r.json")).unwrap());
            resumed += usize::from(report["resumed_tiles"].as_u64().unwrap() > 0);
        }
        assert!(resumed > 0, "no run was killed in its last sweep: {chain}");
    }
}

/// Kills a run as soon as its journal tells of so many tiles, unless it is done before.
fn kill_behind(folder: &Folder, line: &str, tiles: usize) {
    let words = line.split_whitespace().collect::<Vec<_>>();
    let mut child = folder.command(&words).stderr(Stdio::null()).spawn().unwrap();
    let journal = folder.file("o.tif.journal");
    // Two lines say what it is about.
    let lines =
        || std::fs::read(&journal).map_or(0, |bytes| bytes.iter().filter(|&&byte| byte == b'\n').count());
    while child.try_wait().unwrap().is_none() && lines() < tiles + 2 {
        std::thread::sleep(Duration::from_micros(200));
    }
    let _ = child.kill();
    child.wait().unwrap();
}

#[test]
fn damage_is_mended_in_the_sweeps_that_it_takes() {
    let folder = folder();
    for chain in [CHAIN, LEARNING[1]] {
        let line = line("--fuse never --tile 256x64", "a.tif", chain, "o.tif");
        folder.well(&line.replace("--receipt no", ""));
        let reference = folder.content("o.tif");
        let mut damaged = reference.clone();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 0x55;
        std::fs::write(folder.file("o.tif"), damaged).unwrap();
        folder.well("repair o.tif --fuse never --scratch scratch --quiet");
        assert!(folder.content("o.tif") == reference, "{chain}");
        assert_eq!(scratch_files(&folder), 0);
    }
}

#[test]
fn jobs_and_batches_say_it_too() {
    let folder = folder();
    let job = folder.well(&line("--fuse never --print-job", "a.tif", CHAIN, "o.tif"));
    assert!(job.contains("fuse = \"never\""), "{job}");
    std::fs::write(folder.file("job.toml"), &job).unwrap();
    assert_eq!(json(&folder.well("run job.toml --plan --json"))["passes"], 5);
    assert_eq!(json(&folder.well("run job.toml --plan --json --fuse always"))["passes"], 1);
    let wrong = folder.run("median a.tif o.tif --fuse sometimes");
    assert_eq!(wrong.code, 2, "{}", wrong.stderr);
    for line in ["median --help", "pipeline --help", "run --help"] {
        assert!(folder.well(line).contains("--fuse <auto|always|never>"), "{line} is silent");
    }
}
