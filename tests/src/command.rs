//! The `swathe` command, built from this tree, and what it takes.

use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use wait4::Wait4;

/// The command, built in release from this tree where it is missing or stale. Cargo gives no path to another
/// package's command, so that it is found beside this test; or the one that `SWATHE_COMMAND` names.
///
/// # Panics
/// If it cannot be built.
pub fn command_path() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        if let Some(path) = std::env::var_os("SWATHE_COMMAND") {
            return PathBuf::from(path);
        }
        let test = std::env::current_exe().expect("a running program has a path");
        // target/PROFILE/deps/TEST
        let target = test.ancestors().nth(3).expect("tests lie in target/PROFILE/deps");
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let build = Command::new(env!("CARGO"))
            .args(["build", "--release", "--quiet", "--package", "swathe-cli", "--target-dir"])
            .arg(target)
            .current_dir(workspace)
            .output()
            .expect("cargo, which runs this test, can be run");
        assert!(
            build.status.success(),
            "the command cannot be built: {}",
            String::from_utf8_lossy(&build.stderr)
        );
        let path = target.join("release").join("swathe");
        assert!(path.is_file(), "{} was not built", path.display());
        path
    })
}

/// A folder for files that may be large, on the disk that the build uses; removed when it is dropped.
///
/// # Panics
/// If it cannot be made.
pub fn folder() -> tempfile::TempDir {
    let test = std::env::current_exe().expect("a running program has a path");
    let target = test.ancestors().nth(3).expect("tests lie in target/PROFILE/deps");
    tempfile::Builder::new()
        .prefix("swathe-test-")
        .tempdir_in(target)
        .expect("the build's folder can be written")
}

/// What a command said and took.
#[derive(Clone, Debug)]
pub struct Measured {
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote to its standard output.
    pub stdout: String,
    /// What it wrote to its standard error.
    pub stderr: String,
    /// The most resident memory in bytes, as the kernel tells the process that waits for it.
    pub peak_bytes: u64,
    /// How long it took.
    pub time: Duration,
}

/// What is kept of a command's words. A started process inherits the peak of the one that starts it, which so must stay small.
const MOST_TEXT_BYTES: u64 = 1 << 20;

/// Runs the command to its end; of each stream the first MiB is kept.
///
/// # Panics
/// If it cannot be started.
pub fn run_measured(arguments: &[&str]) -> Measured {
    // Files, so that a command that says much never waits for somebody to read it.
    let stream = || tempfile::tempfile().expect("the folder for temporary files can be written");
    let text = |mut file: std::fs::File| {
        let mut bytes = Vec::new();
        let read = file.rewind().and_then(|()| file.take(MOST_TEXT_BYTES).read_to_end(&mut bytes));
        read.expect("what was written can be read");
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let (stdout, stderr) = (stream(), stream());
    let handle = |file: &std::fs::File| Stdio::from(file.try_clone().expect("a handle can be doubled"));
    let start = Instant::now();
    let child = Command::new(command_path())
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(handle(&stdout))
        .stderr(handle(&stderr))
        .spawn()
        .expect("the command can be started");
    let used = child.wait4().expect("the command can be waited for");
    Measured {
        status: used.status,
        stdout: text(stdout),
        stderr: text(stderr),
        peak_bytes: used.rusage.maxrss,
        time: start.elapsed(),
    }
}
