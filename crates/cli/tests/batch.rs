//! Many scenes through one pipeline: the bad ones do not stop the others, and what is done is not done again.

#![allow(clippy::unwrap_used)]

mod command;

use std::process::Stdio;
use std::time::{Duration, Instant};

use command::Folder;

const BATCH: &str = "version = 1\ninputs = ['in/*.tif']\nat_once = 2\nlog = 'log.jsonl'\npage = 'page.html'\n\
    [write]\npath = 'out/{stem}.tif'\noptions = { compress = 'zstd' }\n\
    [[step]]\noperator = 'gaussian'\nparameters = { sigma = '2' }\n[run]\nmemory = '128MiB'\nthreads = 2\n";

fn folder(scenes: usize, size: &str) -> Folder {
    let folder = Folder::new();
    std::fs::create_dir(folder.file("in")).unwrap();
    for number in 10..10 + scenes {
        folder.well(&format!("generate in/s{number}.tif --size {size} --seed {number} --quiet"));
    }
    std::fs::write(folder.file("b.toml"), BATCH).unwrap();
    folder
}

fn log(folder: &Folder) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(folder.file("log.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn fifty_scenes_with_five_bad_ones() {
    let folder = folder(50, "90x70");
    let whole = std::fs::read(folder.file("in/s10.tif")).unwrap();
    let bad: [(&str, &[u8], &str); 5] = [
        ("s13", b"", "is empty"),
        ("s20", b"hello, world", "no raster"),
        ("s31", &whole[..200], "s31.tif"),
        ("s47", &whole[..whole.len() - 9], "cut short"),
        ("s59", &whole[..5], "s59.tif"),
    ];
    for (name, content, _) in bad {
        std::fs::write(folder.file(&format!("in/{name}.tif")), content).unwrap();
    }
    let ended = folder.run("batch b.toml");
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert!(
        ended.stdout.contains("45 done, 0 done before, 5 failed, 0 stopped of 50 scenes"),
        "{}",
        ended.stdout
    );
    for (name, _, word) in bad {
        let told = ended.stderr.lines().find(|line| line.contains(name)).unwrap();
        assert!(told.contains(word), "{told}");
        assert!(!folder.file(&format!("out/{name}.tif")).exists());
    }
    // The others are what they are by themselves.
    folder.well("gaussian in/s10.tif alone.tif --sigma 2 --compress zstd --quiet");
    assert!(
        std::fs::read(folder.file("alone.tif")).unwrap()
            == std::fs::read(folder.file("out/s10.tif")).unwrap()
    );
    // What is missing comes first, with the reason.
    let page = std::fs::read_to_string(folder.file("page.html")).unwrap();
    let missing = page.split("<h2>Not done</h2>").nth(1).unwrap().split("</ul>").next().unwrap();
    assert!(missing.matches("<li>").count() == 5 && bad.iter().all(|(_, _, word)| missing.contains(word)));
    // The next night: the five are good now, and nothing else is done again.
    let modified = |name: &str| std::fs::metadata(folder.file(name)).unwrap().modified().unwrap();
    let before = modified("out/s10.tif");
    for (name, ..) in bad {
        std::fs::write(folder.file(&format!("in/{name}.tif")), &whole).unwrap();
    }
    let ended = folder.run("batch b.toml");
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stdout.contains("5 done, 45 done before, 0 failed"), "{}", ended.stdout);
    assert_eq!(modified("out/s10.tif"), before);
    let log = log(&folder);
    let count = |event: &str| log.iter().filter(|entry| entry["event"] == event).count();
    assert_eq!((count("begin"), count("scene"), count("end")), (2, 100, 2));
    let failed = log.iter().filter(|entry| entry["status"] == "failed").collect::<Vec<_>>();
    assert!(failed.len() == 5 && failed.iter().all(|entry| entry["error"].is_string()));
    let page = std::fs::read_to_string(folder.file("page.html")).unwrap();
    assert!(page.matches("data:image/png;base64,").count() == 100 && page.matches("<svg").count() == 2);
    assert!(!page.contains("http"), "the page needs nothing from elsewhere");
    assert!(page.contains("<h2>Over time</h2>") && !page.contains("<h2>Not done</h2>"));
}

#[test]
fn exit_codes_tell_all_some_and_none() {
    let folder = folder(1, "40x30");
    std::fs::write(folder.file("in/x.tif"), "bad").unwrap();
    assert_eq!(folder.run("batch b.toml --quiet").code, 1);
    std::fs::remove_file(folder.file("in/s10.tif")).unwrap();
    assert_eq!(folder.run("batch b.toml --quiet").code, 6);
    std::fs::remove_file(folder.file("in/x.tif")).unwrap();
    let ended = folder.run("batch b.toml");
    assert!(ended.code == 2 && ended.stderr.contains("no input matches"), "{}", ended.stderr);
    std::fs::write(folder.file("b.toml"), BATCH.replace("at_once", "at_one")).unwrap();
    assert_eq!(folder.run("batch b.toml").code, 2);
    assert_eq!(folder.run("batch missing.toml").code, 1);
}

#[test]
fn a_batch_takes_the_steps_of_a_job() {
    let folder = folder(2, "50x40");
    folder.well("gaussian in/s10.tif out.tif --sigma 2 --compress zstd --print-job").lines().count();
    let job = folder.well("gaussian in/s10.tif x.tif --sigma 2 --compress zstd --print-job");
    std::fs::write(folder.file("job.toml"), job).unwrap();
    let batch = "version = 1\ninputs = ['in/s1?.tif']\nwrite = { path = '{folder}/{stem}_g.tif' }\njob = 'job.toml'\n";
    std::fs::write(folder.file("b.toml"), batch).unwrap();
    assert_eq!(folder.well("batch b.toml --list").lines().count(), 2);
    folder.well("batch b.toml --quiet");
    folder.well("gaussian in/s11.tif alone.tif --sigma 2 --compress zstd --quiet");
    assert!(
        std::fs::read(folder.file("alone.tif")).unwrap()
            == std::fs::read(folder.file("in/s11_g.tif")).unwrap()
    );
}

#[test]
fn a_batch_that_was_stopped_goes_on() {
    let folder = folder(3, "1200x900");
    let batch =
        BATCH.replace("'gaussian'", "'percentile'").replace("sigma = '2'", "percentile = '30', size = '61'");
    std::fs::write(folder.file("b.toml"), batch.replace("at_once = 2\n", "")).unwrap();
    let child =
        folder.command(&["batch", "b.toml"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    let tiles =
        || std::fs::read_to_string(folder.file("out/s11.tif.journal")).map_or(0, |text| text.lines().count());
    while tiles() < 3 && begun.elapsed() < Duration::from_secs(120) {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(143));
    let ended = folder.run("batch b.toml");
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stdout.contains("2 done, 1 done before"), "{}", ended.stdout);
    assert!(ended.stdout.contains("tiles were there"), "{}", ended.stdout);
}

#[test]
fn a_scene_that_another_run_computes_is_told_apart() {
    let folder = folder(2, "90x70");
    std::fs::create_dir(folder.file("out")).unwrap();
    // The lock that a run has on its journal.
    let journal = std::fs::File::create(folder.file("out/s10.tif.journal")).unwrap();
    journal.lock().unwrap();
    let ended = folder.run("batch b.toml");
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert!(
        ended.stdout.contains("1 done, 0 done before, 0 failed, 0 stopped, 1 under way of 2 scenes"),
        "{}",
        ended.stdout
    );
    assert!(!ended.stderr.contains("swathe:"), "nothing failed: {}", ended.stderr);
    let entry = log(&folder).into_iter().find(|entry| entry["status"] == "underway").unwrap();
    assert!(entry["error"].as_str().unwrap().contains("another run"), "{entry}");
    drop(journal);
    let ended = folder.run("batch b.toml");
    assert!(ended.stdout.contains("1 done, 1 done before, 0 failed, 0 stopped of 2"), "{}", ended.stdout);
}

#[test]
fn two_batches_on_the_same_outputs_do_not_collide() {
    let folder = folder(8, "300x200");
    let start =
        || folder.command(&["batch", "b.toml"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let (first, second) = (start(), start());
    for child in [first, second] {
        let code = child.wait_with_output().unwrap().status.code();
        // A scene that the other is at work on is not done when this one ends.
        assert!(matches!(code, Some(0 | 1 | 6)), "{code:?}");
    }
    assert!(log(&folder).iter().all(|entry| entry["status"] != "failed"));
    let ended = folder.run("batch b.toml");
    assert!(ended.stdout.contains("0 done, 8 done before, 0 failed"), "{} {}", ended.stdout, ended.stderr);
    for number in 10..18 {
        folder.well(&format!("verify out/s{number}.tif"));
    }
}

/// A scene's share is its own, however much others hold when it begins; what was measured is told of all of them.
#[test]
fn what_a_scene_may_hold_does_not_depend_on_the_others() {
    let folder = folder(8, "900x700");
    let stretched = BATCH.replace(
        "[[step]]\noperator",
        "[[step]]\noperator = 'stretch'\nparameters = { percentiles = '2,98' }\n[[step]]\noperator",
    );
    std::fs::write(folder.file("b.toml"), stretched.replace("at_once = 2", "at_once = 4")).unwrap();
    let told = folder.well("batch b.toml");
    let log = log(&folder);
    let scenes = log.iter().filter(|line| line["event"] == "scene").collect::<Vec<_>>();
    assert_eq!(scenes.len(), 8);
    let first = scenes[0]["report"]["plan"]["predicted_peak_bytes"].as_u64().unwrap();
    assert!(first > 4 << 20 && first <= 32 << 20, "a quarter of 128 MiB, not {first}");
    for scene in scenes {
        let report = &scene["report"];
        assert_eq!(report["plan"]["predicted_peak_bytes"].as_u64(), Some(first));
        assert!(
            report["measured_peak_bytes"].is_null()
                && report["passes_before"][0]["measured_peak_bytes"].is_null()
        );
    }
    let whole = log.last().unwrap()["measured_peak_bytes"].as_u64().unwrap();
    assert!(whole > 4 << 20 && whole <= 128 << 20, "{whole}");
    let line = format!("at most {:.0} MiB in all", whole as f64 / 1_048_576.0);
    assert!(told.contains(&line) && told.contains("foreseen"), "{told}");
}

/// What a batch, its job or the command says of the run reaches the plans of the scenes, the command's word first.
#[test]
fn the_settings_of_a_run_reach_the_scenes() {
    let folder = folder(2, "700x500");
    let chain = "pipeline ! read in/s10.tif ! median --size 31 ! gaussian --sigma 9 ! write x.tif";
    // What lies between two sweeps is put where it is said, and on no disk in memory unless asked for.
    folder.well(&chain.replace("pipeline", "pipeline --quiet"));
    let job = folder.well(&chain.replace("pipeline", "pipeline --fuse never --scratch . --print-job"));
    assert!(job.contains("fuse"), "{job}");
    std::fs::write(folder.file("job.toml"), job).unwrap();
    let batch = "version = 1\ninputs = ['in/*.tif']\nwrite = { path = 'out/{stem}.tif', options = { overwrite = 'yes' } }\n\
        job = 'job.toml'\nlog = 'log.jsonl'\n";
    let sweeps = |file: &str, options: &str| {
        std::fs::write(folder.file("b.toml"), file).unwrap();
        let _ = std::fs::remove_dir_all(folder.file("out"));
        let _ = std::fs::remove_file(folder.file("log.jsonl"));
        folder.well(&format!("batch b.toml --quiet {options}"));
        assert!(folder.content("out/s10.tif") == folder.content("x.tif"), "{options}: another result");
        let counts = log(&folder).into_iter().filter(|entry| entry["event"] == "scene");
        counts
            .map(|scene| 1 + scene["report"]["passes_before"].as_array().map_or(0, Vec::len))
            .collect::<Vec<_>>()
    };
    assert_eq!(sweeps(batch, ""), [2, 2], "the job's");
    let own = format!("{batch}run = {{ fuse = 'always' }}\n");
    assert_eq!(sweeps(&own, ""), [1, 1], "the batch's before the job's");
    assert_eq!(sweeps(&own, "--fuse never"), [2, 2], "the command's before the batch's");
    assert_eq!(folder.run("batch b.toml --fuse some").code, 2);
    std::fs::write(folder.file("b.toml"), format!("{batch}run = {{ fuse = 'some' }}\n")).unwrap();
    let ended = folder.run("batch b.toml");
    assert!(ended.code == 2 && ended.stderr.contains("auto, always, never"), "{}", ended.stderr);
}
