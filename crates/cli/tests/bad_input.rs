//! Everything that can be wrong with what a user asks for: the right exit code, one clear message, nothing left behind,
//! and the input untouched.

#![allow(clippy::unwrap_used)]

mod command;

use command::Folder;

/// A folder with a small scene `a.tif`.
fn folder() -> Folder {
    let folder = Folder::new();
    folder.well("generate a.tif --size 300x200 --quiet");
    folder
}

/// Runs a line that must fail with `code`, say all of `words` in one line, and leave everything as it was.
#[track_caller]
fn fails(folder: &Folder, line: &str, code: i32, words: &[&str]) {
    let (before, input) = (folder.names(), std::fs::read(folder.file("a.tif")).unwrap());
    let ended = folder.run(line);
    assert_eq!(ended.code, code, "{line}: {}", ended.stderr);
    for word in words {
        assert!(ended.stderr.contains(word), "{line}: `{word}` is not in: {}", ended.stderr);
    }
    assert_eq!(ended.stdout, "", "{line}: errors go to stderr");
    assert_eq!(folder.names(), before, "{line}: something was left behind, or taken away");
    assert_eq!(std::fs::read(folder.file("a.tif")).unwrap(), input, "{line}: the input was touched");
}

#[test]
fn inputs_that_are_none() {
    let folder = folder();
    fails(&folder, "gaussian missing.tif o.tif --sigma 1", 1, &["`missing.tif`", "No such file"]);
    std::fs::create_dir(folder.file("dir.tif")).unwrap();
    fails(&folder, "gaussian dir.tif o.tif --sigma 1", 1, &["`dir.tif` is a directory"]);
    std::fs::write(folder.file("empty.tif"), b"").unwrap();
    fails(&folder, "gaussian empty.tif o.tif --sigma 1", 4, &["`empty.tif` is empty"]);
    std::fs::write(folder.file("text.tif"), b"hello, world").unwrap();
    fails(&folder, "gaussian text.tif o.tif --sigma 1", 5, &["`text.tif`"]);
    fails(&folder, "gaussian a.tif:2 o.tif --sigma 1", 2, &["there is no band 2"]);
    fails(&folder, "gaussian a.tif:0 o.tif --sigma 1", 2, &["numbered from 1"]);
    fails(&folder, "gaussian a.tif:pages=2 o.tif --sigma 1", 2, &["`pages=2`", "`page=N`"]);
    fails(&folder, "gaussian a.tif:page=2 o.tif --sigma 1", 2, &["there is no page 2"]);
    fails(
        &folder,
        "lut a.tif o.tif --table missing.cube",
        1,
        &["cannot read `missing.cube`", "No such file"],
    );
}

#[test]
fn a_tiff_cut_short() {
    let folder = folder();
    let whole = std::fs::read(folder.file("a.tif")).unwrap();
    // Of a tile at the edge the raster ends before the file does, and the file is cut short all the same.
    let ends = (1..=5).map(|bytes| whole.len() - bytes);
    let steps = (0..40).map(|step| 1000 + step * whole.len() / 41);
    for length in [1, 4, 7, 8, 50, 100, 200, 300].into_iter().chain(steps).chain(ends) {
        std::fs::write(folder.file("cut.tif"), &whole[..length]).unwrap();
        let before = folder.names();
        let ended = folder.run("gaussian cut.tif o.tif --sigma 1");
        // Under four bytes nothing says that it was a TIFF.
        let codes: &[i32] = if length < 4 { &[4, 5] } else { &[4] };
        assert!(codes.contains(&ended.code), "cut at {length}: {} {}", ended.code, ended.stderr);
        assert!(ended.stderr.contains("`cut.tif`"), "cut at {length}: {}", ended.stderr);
        assert_eq!(folder.names(), before, "cut at {length}");
    }
}

#[test]
fn parameters_that_make_no_sense() {
    let folder = folder();
    fails(&folder, "gaussian a.tif o.tif", 2, &["--sigma"]);
    fails(&folder, "gaussian a.tif o.tif --sigma -1", 2, &["--sigma", "`-1`"]);
    fails(&folder, "gaussian a.tif o.tif --sigma nan", 2, &["--sigma", "`nan`"]);
    fails(&folder, "gaussian a.tif o.tif --sigma 1 --boundary symmetric", 2, &["--boundary", "mirror"]);
    fails(&folder, "gausian a.tif o.tif --sigma 1", 2, &["gaussian"]);
    fails(&folder, "mean a.tif o.tif --size 0", 2, &["--size"]);
    fails(&folder, "convolve a.tif o.tif --kernel 1,2;3", 2, &["--kernel"]);
    fails(&folder, "copy a.tif o.tif --window 0,0,301,1", 2, &["--window"]);
    fails(&folder, "cast a.tif o.tif --type u12", 2, &["`u12`"]);
    fails(&folder, "mean a.tif o.tif --size 3 --memory lots", 2, &["--memory", "`lots`"]);
    fails(&folder, "mean a.tif o.tif --size 3 --threads 0", 2, &["--threads"]);
    fails(&folder, "mean a.tif o.tif --size 3 --block 100x100", 2, &["multiples of 16"]);
    fails(&folder, "pipeline ! read a.tif ! mean --size 3", 2, &["write"]);
    fails(&folder, "run missing.toml", 1, &["`missing.toml`"]);
}

#[test]
fn outputs_in_the_way() {
    let folder = folder();
    fails(&folder, "mean a.tif a.tif --size 3 --overwrite", 2, &["is the input"]);
    std::os::unix::fs::symlink("a.tif", folder.file("link.tif")).unwrap();
    fails(&folder, "mean a.tif link.tif --size 3 --overwrite", 2, &["is the input"]);
    std::fs::hard_link(folder.file("a.tif"), folder.file("hard.tif")).unwrap();
    fails(&folder, "mean hard.tif a.tif --size 3 --overwrite", 2, &["is the input"]);
    std::fs::copy(folder.file("a.tif"), folder.file("old.tif")).unwrap();
    fails(&folder, "mean a.tif old.tif --size 3", 2, &["`old.tif` exists", "--overwrite"]);
    fails(&folder, "mean a.tif nowhere/o.tif --size 3", 1, &["`nowhere`"]);
    fails(&folder, "mean a.tif old.tif/o.tif --size 3", 1, &["old.tif"]);
    fails(&folder, "mean a.tif o.nonsense --size 3", 2, &["`o.nonsense`", ".tif"]);
    fails(&folder, "mean a.tif /dev/null --size 3 --format tiff --overwrite", 2, &["no regular file"]);
    folder.well("mean a.tif old.tif --size 3 --overwrite --quiet");
}

/// What is written beside an output, or without one, takes the place of no input, whatever may be replaced.
#[test]
fn inputs_that_small_files_would_replace() {
    let folder = folder();
    folder.well("copy a.tif b.tif --quiet --receipt no");
    fails(&folder, "preview a.tif a.tif --overwrite", 2, &["`a.tif` is the input"]);
    fails(&folder, "preview a.tif:1 ./a.tif --overwrite", 2, &["`./a.tif` is the input"]);
    fails(&folder, "histogram a.tif --svg a.tif --overwrite", 2, &["`a.tif` is the input"]);
    let register = "register b.tif a.tif --method chips --chip-size 32 --overwrite";
    fails(&folder, &format!("{register} --picture a.tif"), 2, &["`a.tif` is the input"]);
    std::fs::hard_link(folder.file("a.tif"), folder.file("t.csv")).unwrap();
    fails(&folder, &format!("{register} --tie-points t.csv"), 2, &["`t.csv` is the input"]);
    folder.remove("t.csv");
    for line in ["copy a.tif o.tif", "stats a.tif", "register b.tif a.tif"] {
        fails(&folder, &format!("{line} --report a.tif"), 2, &["--report: `a.tif` exists and is no report"]);
        fails(&folder, &format!("{line} --report none/r.json"), 1, &["`none/r.json`"]);
    }
    // An older report gives way.
    folder.well("stats a.tif --report r.json");
    folder.well("copy a.tif o.tif --quiet --report r.json");
    // The output of the same run is there by then, and stays.
    let ended = folder.run("copy a.tif p.tif --quiet --report p.tif");
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert_eq!(folder.content("p.tif"), folder.content("o.tif"));
}

#[test]
fn pipes_and_names_that_are_almost_right() {
    let folder = folder();
    let made = std::process::Command::new("mkfifo").arg(folder.file("pipe.tif")).status().unwrap();
    assert!(made.success());
    fails(&folder, "copy pipe.tif o.tif", 1, &["`pipe.tif` is a pipe"]);
    fails(&folder, "help gausian", 2, &["but `gaussian`"]);
    fails(&folder, "help verfy", 2, &["but `verify`"]);
    fails(&folder, "pipeline ! read a.tif ! gausian ! write o.tif", 2, &["but `gaussian`"]);
    fails(&folder, "pipeline ! read a.tif ! acumulate ! write o.tif", 2, &["but `accumulate`"]);
    let job =
        "version = 1\n[read]\npath = 'a.tif'\n[[step]]\noperator = 'gausian'\n[write]\npath = 'o.tif'\n";
    std::fs::write(folder.file("job.toml"), job).unwrap();
    fails(&folder, "run job.toml", 2, &["but `gaussian`"]);
    fails(&folder, "preview a.tif p.png --window 0,0,1e30,5", 2, &["--window: `1e30`"]);
    fails(&folder, "preview a.tif p.png --bands 1.5", 2, &["--bands: `1.5`"]);
}

#[test]
fn a_folder_that_cannot_be_written() {
    let folder = folder();
    // Root writes into read-only folders; nobody makes files in /proc.
    let ended = folder.run("mean a.tif /proc/swathe.tif --size 3");
    assert!(ended.code == 1 || ended.code == 3, "{} {}", ended.code, ended.stderr);
    assert!(ended.stderr.contains("/proc"));
    let closed = folder.file("closed");
    std::fs::create_dir(&closed).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode;
    std::fs::set_permissions(&closed, mode(0o555)).unwrap();
    if std::fs::write(closed.join("probe"), b"").is_err() {
        fails(&folder, "mean a.tif closed/o.tif --size 3", 1, &["`closed`"]);
    }
    std::fs::set_permissions(&closed, mode(0o755)).unwrap();
}

#[test]
fn limits() {
    let folder = folder();
    fails(
        &folder,
        "mean a.tif o.tif --size 3 --memory 3MiB",
        3,
        &["budget of 3 MiB", "the least that would do is `--memory"],
    );
    let ended = folder.run("mean a.tif o.tif --size 3 --memory 3MiB");
    let least = ended.stderr.split("--memory ").nth(1).unwrap().split('`').next().unwrap();
    folder.well(&format!("mean a.tif o.tif --size 3 --quiet --memory {least}"));
    fails(&folder, "generate big.tif --size 2000000x2000000", 3, &["`big.tif` needs", "are free"]);
    fails(&folder, "generate big.tif --size 50000x50000 --bigtiff no", 3, &["4 GiB"]);
}

#[test]
fn a_disk_that_is_full() {
    let folder = folder();
    // A file size limit answers like a full disk, and needs no rights to set.
    let command = format!(
        "ulimit -f 100; trap '' XFSZ; exec {} mean a.tif o.tif --size 3",
        env!("CARGO_BIN_EXE_swathe")
    );
    let before = folder.names();
    let ended = std::process::Command::new("bash")
        .arg("-c")
        .arg(command)
        .current_dir(folder.path())
        .output()
        .unwrap();
    let stderr = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(3), "{stderr}");
    assert_eq!(folder.names(), before);
}
