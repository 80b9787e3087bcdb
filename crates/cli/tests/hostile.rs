//! Disks that fill, folders that can't be written, inputs that change under a run: the promised exit code and message, and
//! what was done is kept where the next run can use it.
//!
//! Small disks are mounted in a name space of the test's own, which needs no rights; where the system forbids that, the
//! tests say so and look at nothing.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod command;

use std::os::unix::fs::FileExt;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use command::Folder;

/// Slow enough to be caught at work, in many small tiles.
const SLOW: &str = "mode a.tif out/o.tif --size 15 --tile 64x64 --threads 2";

fn folder() -> Folder {
    let folder = Folder::new();
    folder.well("generate a.tif --size 1000x800 --quiet");
    std::fs::create_dir(folder.file("out")).unwrap();
    folder
}

/// Runs a script with a disk of its own mounted on `out`; none where that is forbidden here.
fn with_disk(folder: &Folder, options: &str, script: &str) -> Option<Output> {
    let script = format!("mount -t tmpfs -o {options} disk out || exit 99\nswathe=$1\n{script}");
    let mut command = Command::new("unshare");
    command.args([
        "--user",
        "--map-root-user",
        "--mount",
        "bash",
        "-c",
        &script,
        "-",
        env!("CARGO_BIN_EXE_swathe"),
    ]);
    let output = command.current_dir(folder.path()).output();
    let output = output.ok().filter(|output| !matches!(output.status.code(), Some(99) | None));
    let forbidden =
        output.as_ref().is_none_or(|output| String::from_utf8_lossy(&output.stderr).starts_with("unshare:"));
    if forbidden {
        eprintln!("SKIPPED: this system lets nobody mount a disk of his own");
        return None;
    }
    output
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_disk_that_is_too_small_is_told_before_the_start() {
    let folder = folder();
    let script = "\"$swathe\" gaussian a.tif out/o.tif --sigma 1; echo $?; ls out | wc -l";
    let Some(ended) = with_disk(&folder, "size=1m", script) else { return };
    assert_eq!(
        text(&ended.stdout).split_whitespace().collect::<Vec<_>>(),
        ["3", "0"],
        "{}",
        text(&ended.stderr)
    );
    assert!(text(&ended.stderr).contains("MiB are free on its disk; make room"), "{}", text(&ended.stderr));
}

/// Runs a line into `out/NAME` on a small disk, fills the disk once the journal has as many lines, while the run is held, and goes
/// on when there is room again; the result is that of the line undisturbed.
fn fill_the_disk_under(line: &str, name: &str, journal_lines: usize, size: &str) {
    let folder = folder();
    folder.well(&format!("{} --quiet", line.replace("out/o.", "reference.")));
    let reference = name.replace("o.", "reference.");
    let script = format!(
        "\"$swathe\" {line} 2> said & run=$!\n\
         until [ $(wc -l < out/{name}.journal || echo 0) -ge {journal_lines} ]; do sleep 0.01; done 2> /dev/null\n\
         kill -STOP $run; head -c 100m /dev/zero > out/filler 2> /dev/null; kill -CONT $run\n\
         wait $run; echo $?; rm out/filler\n\
         \"$swathe\" {line} --resume --quiet; echo $?; diff -r out/{name} {reference} && echo same; ls out"
    );
    let Some(ended) = with_disk(&folder, &format!("size={size}"), &script) else { return };
    let said = std::fs::read_to_string(folder.file("said")).unwrap();
    let words = text(&ended.stdout);
    let words = words.split_whitespace().collect::<Vec<_>>();
    let receipt = format!("{name}.receipt");
    assert_eq!(words, ["3", "0", "same", name, receipt.as_str()], "{said} {}", text(&ended.stderr));
    assert!(said.contains("No space left") && said.contains("make room on its disk"), "{said}");
    assert!(said.contains("tiles are kept") && said.contains("--resume"), "{said}");
}

/// The output has its space from the beginning; the journal runs out of it.
#[test]
fn a_disk_that_another_fills_stops_a_run_that_can_go_on() {
    fill_the_disk_under(SLOW, "o.tif", 4, "6m");
}

/// Room for the worst case is not there, and not taken where the user says so: what is compressed fits.
#[test]
fn what_may_take_less_than_the_worst_case_is_begun_when_asked_for() {
    let folder = folder();
    let line = "\"$swathe\" calc out/o.tif A*0 -A a.tif --type u16 --compress zstd";
    let script = format!(
        "{line}; echo $?; {line} --reserve no --quiet; echo $?; \"$swathe\" verify out/o.tif > said; echo $?"
    );
    let Some(ended) = with_disk(&folder, "size=1m", &script) else { return };
    let said = text(&ended.stderr);
    assert_eq!(text(&ended.stdout).split_whitespace().collect::<Vec<_>>(), ["3", "0", "0"], "{said}");
    assert!(said.contains("or `--reserve no`: compressed, it may fit"), "{said}");
}

/// Nothing is reserved: the output itself runs out of space.
#[test]
fn an_output_without_room_of_its_own_can_go_on() {
    for (options, size) in [("--compress zstd --block 64x64", "8m"), ("--block 64x64", "6m")] {
        fill_the_disk_under(&format!("{SLOW} {options} --reserve no"), "o.tif", 4, size);
    }
    fill_the_disk_under(
        &format!("{SLOW} --format cog --compress zstd --block 64x64 --reserve no"),
        "o.tif",
        4,
        "8m",
    );
}

#[test]
fn a_folder_that_cannot_be_written() {
    let folder = folder();
    let script =
        "mount -o remount,ro disk out || exit 99\n\"$swathe\" gaussian a.tif out/o.tif --sigma 1; echo $?";
    let Some(ended) = with_disk(&folder, "size=9m", script) else { return };
    assert_eq!(text(&ended.stdout).trim(), "1");
    assert!(text(&ended.stderr).contains("Read-only file system"), "{}", text(&ended.stderr));
    assert!(text(&ended.stderr).contains("out/o.tif"), "{}", text(&ended.stderr));
}

#[test]
fn an_input_that_is_cut_short_or_changed_under_a_run() {
    for io in ["pread", "mmap"] {
        for cut in [true, false] {
            let folder = folder();
            let line = format!("{SLOW} --io {io}");
            let words = line.split_whitespace().collect::<Vec<_>>();
            let child = folder.command(&words).stderr(Stdio::piped()).spawn().unwrap();
            let begun = Instant::now();
            let journal = folder.file("out/o.tif.journal");
            while std::fs::read_to_string(&journal).map_or(0, |text| text.lines().count()) < 4
                && begun.elapsed() < Duration::from_secs(60)
            {
                std::thread::sleep(Duration::from_millis(2));
            }
            let input = std::fs::OpenOptions::new().write(true).open(folder.file("a.tif")).unwrap();
            if cut {
                input.set_len(9000).unwrap();
            } else {
                input.write_all_at(&[7; 100], 100_000).unwrap();
            }
            let ended = child.wait_with_output().unwrap();
            let said = text(&ended.stderr);
            assert_eq!(ended.status.code(), Some(4), "{io}: {said}");
            assert!(said.contains("`a.tif` was c") && said.contains("tile "), "{io}: {said}");
            assert!(folder.names().iter().all(|name| !name.contains("o.tif")), "{io}");
            assert_eq!(std::fs::read_dir(folder.file("out")).unwrap().count(), 0, "nothing of use is left");
        }
    }
}

/// What is open stays what it was: its name may go to another file, and the result is that of the old one.
#[test]
fn an_input_that_another_file_takes_the_place_of() {
    let folder = folder();
    folder.well(&format!("{} --quiet", SLOW.replace("out/o.tif", "reference.tif")));
    folder.well("generate b.tif --size 1000x800 --seed 9 --quiet");
    let words = SLOW.split_whitespace().collect::<Vec<_>>();
    let child = folder.command(&words).stderr(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    let journal = folder.file("out/o.tif.journal");
    while std::fs::read_to_string(&journal).map_or(0, |text| text.lines().count()) < 4
        && begun.elapsed() < Duration::from_secs(60)
    {
        std::thread::sleep(Duration::from_millis(2));
    }
    std::fs::rename(folder.file("b.tif"), folder.file("a.tif")).unwrap();
    let ended = child.wait_with_output().unwrap();
    let said = text(&ended.stderr);
    assert_eq!(ended.status.code(), Some(0), "{said}");
    assert!(folder.content("out/o.tif") == folder.content("reference.tif"), "not the old one's");
    // And the receipt knows that the input is another one by now.
    let mut damaged = folder.content("out/o.tif");
    *damaged.last_mut().unwrap() ^= 1;
    std::fs::write(folder.file("out/o.tif"), damaged).unwrap();
    let ended = folder.run("repair out/o.tif");
    assert!(ended.code == 2 && ended.stderr.contains("a.tif` changed"), "{}", ended.stderr);
}

/// Each file of a store takes its space when it is written.
#[test]
fn a_store_on_a_disk_that_another_fills_can_go_on() {
    let line = SLOW.replace("out/o.tif", "out/o.zarr") + " --block 64x64 --compress none";
    fill_the_disk_under(&line, "o.zarr", 4, "6m");
}

/// The copies' space is reserved as the raster's is, and the journal runs out of it.
#[test]
fn a_cog_on_a_disk_that_another_fills_can_go_on() {
    fill_the_disk_under(&format!("{SLOW} --format cog --compress zstd --block 64x64"), "o.tif", 4, "8m");
}

#[test]
fn a_scratch_disk_that_is_too_small_is_told_and_left_empty() {
    let folder = folder();
    folder.well("generate b.tif --size 1000x800 --seed 2 --quiet");
    for (size, filler) in [("1m", ""), ("40m", "head -c 100m /dev/zero > out/filler 2>/dev/null")] {
        let script = format!(
            "{filler}\n\"$swathe\" register a.tif b.tif --scratch out --quiet; echo $?; rm -f out/filler; ls -A out | wc -l"
        );
        let Some(ended) = with_disk(&folder, &format!("size={size}"), &script) else { return };
        let (said, words) = (text(&ended.stderr), text(&ended.stdout));
        assert_eq!(words.split_whitespace().collect::<Vec<_>>(), ["3", "0"], "{size}: {said}");
        assert!(said.contains("MiB"), "{said}");
    }
}

/// Runs a line whose scratch folder `out` is a disk that cannot reserve space (an ext2 in a file), and fills that, while the run is
/// held, once the run has so many KiB there; then runs it again with what `again` adds. None where the run was over before; what
/// the system says where nobody may mount such a disk.
fn fill_the_scratch_disk_under(
    folder: &Folder,
    line: &str,
    kib: usize,
    again: &str,
) -> Result<Option<Output>, String> {
    let script = format!(
        "truncate -s 180M disk && mkfs.ext2 -q -F disk && mount -o loop disk out || exit 99\n\
         $1 {line} > first 2> said & run=$!\n\
         until [ $(df --output=used -k out | tail -n 1) -ge {kib} ]; do kill -0 $run || exit 98; sleep 0.002; done\n\
         kill -STOP $run || exit 98; head -c 300m /dev/zero > out/filler 2> /dev/null; kill -CONT $run\n\
         wait $run; echo $?; rm out/filler; rm -d out/lost+found; ls -A . out | tr '\\n' ' '; echo\n\
         $1 {line} {again}; echo $?"
    );
    let mut command = Command::new("unshare");
    command.args(["--mount", "bash", "-c", &script, "-", env!("CARGO_BIN_EXE_swathe")]);
    let ended = command.current_dir(folder.path()).output().map_err(|error| error.to_string())?;
    match ended.status.code() {
        Some(98) => Ok(None),
        Some(0) => Ok(Some(ended)),
        _ => Err(text(&ended.stderr)),
    }
}

#[test]
fn a_scratch_disk_that_another_fills_stops_a_run_that_leaves_nothing_or_goes_on() {
    let rows = "--tile 1500x1 --threads 1 --scratch out --quiet";
    let kept: &[&str] = &["o.tif.carry", "o.tif.journal", "o.tif.partial"];
    for (line, kib, left) in [
        ("register a.tif b.tif --scratch out --threads 1 --quiet".to_owned(), 2000, &[][..]),
        (format!("components a.tif o.tif --of equal {rows}"), 300, &[]),
        (format!("distance a.tif o.tif {rows}"), 300, &[]),
        // The raster is written meanwhile, as far as it goes on from there.
        (format!("components a.tif o.tif --of equal --table o.csv {rows}"), 12_000, kept),
    ] {
        let again = if left.is_empty() { "" } else { "--resume" };
        let folder = Folder::new();
        folder.well("generate a.tif --size 1500x1200 --quiet");
        folder.well("generate b.tif --size 1500x1200 --seed 2 --quiet");
        std::fs::create_dir(folder.file("out")).unwrap();
        let reference = folder.well(&line);
        let results = ["o.tif", "o.csv"].into_iter().filter(|name| folder.file(name).exists());
        let results = results.map(|name| (name, folder.content(name))).collect::<Vec<_>>();
        let remove = || {
            folder.names().iter().filter(|name| name.starts_with("o.")).for_each(|name| folder.remove(name))
        };
        // A run that was over before the disk was full says nothing: it is tried again.
        let ended = (0..10).find_map(|_| {
            remove();
            fill_the_scratch_disk_under(&folder, &line, kib, again).transpose()
        });
        let ended = match ended.expect("the run is held in one of ten trials") {
            Ok(ended) => ended,
            Err(said) => {
                eprintln!("SKIPPED: nobody may mount a disk from a file here: {said}");
                return;
            }
        };
        let (words, said) = (text(&ended.stdout), std::fs::read_to_string(folder.file("said")).unwrap());
        let mut words = words.lines();
        assert_eq!(words.next(), Some("3"), "`{line}`: {said}");
        assert!(
            said.contains("scratch") && said.contains("`out`") && said.contains("No space left"),
            "{said}"
        );
        assert!(said.contains("`--scratch DIR` names another folder"), "{said}");
        let names = words.next().unwrap().split_whitespace().collect::<Vec<_>>();
        let expected = [&[".:", "a.tif", "b.tif", "disk", "first"], left, &["out", "said", "out:"]].concat();
        assert_eq!(names, expected, "`{line}`");
        let printed = words.collect::<Vec<_>>().join("\n");
        assert_eq!(printed.trim_end(), format!("{reference}0"), "`{line}`: {}", text(&ended.stderr));
        for (name, bytes) in results {
            assert!(folder.content(name) == bytes, "`{line}`: another {name}");
        }
    }
}
