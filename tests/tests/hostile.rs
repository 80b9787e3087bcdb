//! Files that are refused are refused quickly and in little memory, whatever they declare: measured by the kernel over every
//! file of the collection of real files (`SWATHE_REAL_DATA`, or `../shared/data/real`) that the command refuses.

#![allow(clippy::print_stderr)]

use std::path::PathBuf;
use std::time::Duration;

use swathe_tests::{folder, run_measured};

/// Longer than any refusal takes; the machine may be busy.
const LONGEST: Duration = Duration::from_secs(1);
const MOST_BYTES: u64 = 100 << 20;
/// Exit codes of a limit, damage, and what is not supported.
const REFUSALS: [i32; 3] = [3, 4, 5];

#[test]
fn what_is_refused_is_refused_quickly_and_in_little_memory() {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/real");
    let collection = std::env::var_os("SWATHE_REAL_DATA").map_or(beside, PathBuf::from);
    let Ok(table) = std::fs::read(collection.join("MANIFEST.tsv")) else {
        eprintln!("skipped: no collection of real files; set SWATHE_REAL_DATA to its folder");
        return;
    };
    let table = String::from_utf8_lossy(&table).into_owned();
    let place = folder();
    let output = place.path().join("out.tif").display().to_string();
    let (mut refused, mut faults) = (0, Vec::new());
    for line in table.lines().skip(1) {
        let (path, class) =
            (line.split('\t').next().unwrap_or_default(), line.rsplit('\t').next().unwrap_or_default());
        if class.trim() == "GOLDEN" {
            continue;
        }
        let input = collection.join(path).display().to_string();
        // What is only declared to be huge may well be read: that is planned and not done.
        let last = if class.trim() == "HUGE-DECLARED" { "--plan" } else { "--quiet" };
        let ended = run_measured(&["copy", &input, &output, "--memory", "256MiB", "--overwrite", last]);
        let code = ended.status.code().unwrap_or(-1);
        if code == 0 {
            continue;
        }
        refused += 1;
        let cleanly = REFUSALS.contains(&code) && !ended.stderr.contains("panicked");
        if !cleanly || ended.time > LONGEST || ended.peak_bytes > MOST_BYTES {
            faults.push(format!(
                "{path}: exit {code}, {:?}, {} bytes: {}",
                ended.time, ended.peak_bytes, ended.stderr
            ));
        }
    }
    assert!(faults.is_empty(), "{} of {refused} refusals:\n{}", faults.len(), faults.join("\n"));
    assert!(refused > 100, "only {refused} files are refused");
}
