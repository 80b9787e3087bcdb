//! How the command ends: exit codes by whose fault it is (INTERFACE), and the last words on stderr.

use std::io::{BufWriter, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use swathe::{Error, ErrorKind};

/// What a command that found no fault returns: 0, or another code where the answer is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    /// All is well.
    Well,
    /// `compare` found differences.
    Different,
    /// Some scenes of a batch were not done.
    Some,
    /// No scene of a batch was done.
    None,
    /// A signal stopped a batch.
    Stopped,
}

/// Whether messages are JSON lines.
static AS_JSON: AtomicBool = AtomicBool::new(false);

/// From now on messages are JSON lines.
pub(crate) fn say_as_json() {
    AS_JSON.store(true, Ordering::Relaxed);
}

/// Writes to stderr, where nobody may be listening.
pub(crate) fn say(text: &str) {
    said("information", text);
}

/// Writes an error to stderr.
pub(crate) fn complain(text: &str) {
    if AS_JSON.load(Ordering::Relaxed) {
        said("error", text);
    } else {
        said("error", &format!("swathe: {text}"));
    }
}

fn said(level: &str, text: &str) {
    let line = if AS_JSON.load(Ordering::Relaxed) {
        serde_json::json!({ "level": level, "message": text }).to_string()
    } else {
        text.to_owned()
    };
    say_line(&line);
}

/// Writes a line to stderr as it is.
pub(crate) fn say_line(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Writes a result to stdout. A reader that went away is no error.
pub(crate) fn print(text: &str) -> Result<(), Error> {
    print_piece_by_piece(|output| writeln!(output, "{text}"))
}

/// Prints what may be too long to be put together first; a closed pipe is no error.
pub(crate) fn print_piece_by_piece(
    write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<(), Error> {
    let mut output = BufWriter::new(std::io::stdout().lock());
    match write(&mut output).and_then(|()| output.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::io("cannot write to the standard output", error))
        }
        _ => Ok(()),
    }
}

/// The exit code of an outcome; errors are said.
pub(crate) fn of(outcome: Result<Done, Error>) -> ExitCode {
    match outcome {
        Ok(Done::Well) => ExitCode::SUCCESS,
        Ok(Done::Different | Done::Some) => ExitCode::from(1),
        Ok(Done::None) => ExitCode::from(6),
        Ok(Done::Stopped) => ExitCode::from(crate::signals::exit_code()),
        Err(error) => {
            complain(&error.to_string());
            if error.kind() == ErrorKind::Bug {
                say(REPORT);
            }
            ExitCode::from(code(error.kind()))
        }
    }
}

fn code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Io | ErrorKind::UnderWay => 1,
        ErrorKind::Usage => 2,
        ErrorKind::Limit => 3,
        ErrorKind::Damaged => 4,
        ErrorKind::Unsupported => 5,
        ErrorKind::Bug => 70,
        ErrorKind::Interrupted => crate::signals::exit_code(),
    }
}

/// The exit code of a command line that clap does not understand, or of help that was asked for.
pub(crate) fn of_arguments(error: &clap::Error) -> ExitCode {
    // Nobody may be reading the help.
    let _ = error.print();
    if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS }
}

const REPORT: &str = "this is a bug in swathe: please report it with the command line, `swathe --version` and the message above";

/// A panic is a bug: it is said so, and how to report it, without a backtrace that only frightens.
pub(crate) fn install_panic_message() {
    let inherited = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0") {
            inherited(panic);
        } else {
            complain(&panic.to_string());
        }
    }));
}
