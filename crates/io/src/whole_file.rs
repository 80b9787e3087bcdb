//! Small files that are written in one piece: pictures and charts.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use swathe_core::{Error, ErrorKind, Result};

use crate::formats::files_of;
use crate::output::refuse_input;

/// Refuses a name that is taken, before work is done for it. `inputs` are rasters, by the names that they are opened by.
///
/// # Errors
/// Usage, where `path` exists and `overwrite` is false, or is an input.
pub fn refuse_existing(path: &Path, overwrite: bool, inputs: &[&str]) -> Result<()> {
    for input in inputs {
        refuse_input(path, &files_of(input))?;
    }
    refuse_taken(path, overwrite)
}

fn refuse_taken(path: &Path, overwrite: bool) -> Result<()> {
    if !overwrite && path.symlink_metadata().is_ok() { Err(exists(path)) } else { Ok(()) }
}

/// Writes `bytes` under `path`, which never holds half of them: the file is written beside it and then named.
///
/// # Errors
/// Usage, where `path` exists and `overwrite` is false, or has no file name; Io and Limit, where it cannot be written.
pub fn write_whole(path: &Path, bytes: &[u8], overwrite: bool) -> Result<()> {
    refuse_taken(path, overwrite)?;
    let partial = partial_name(path)?;
    let named = write_new(&partial, bytes)
        .and_then(|()| if overwrite { fs::rename(&partial, path) } else { name_once(&partial, path) });
    named.map_err(|error| {
        // What is left of the attempt is of no use; that it may not be there is no second error.
        let _ = fs::remove_file(&partial);
        if error.kind() == std::io::ErrorKind::AlreadyExists { exists(path) } else { failed(path, error) }
    })
}

/// A name beside `path` that nobody else uses.
fn partial_name(path: &Path) -> Result<PathBuf> {
    let name = path
        .file_name()
        .ok_or_else(|| Error::usage(format!("`{}` names no file; name one", path.display())))?;
    let mut partial = std::ffi::OsString::from(".");
    partial.push(name);
    partial.push(format!(".{}.partial", std::process::id()));
    Ok(path.with_file_name(partial))
}

fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Gives a file its name unless somebody else has taken it meanwhile.
fn name_once(partial: &Path, path: &Path) -> std::io::Result<()> {
    match fs::hard_link(partial, path) {
        Ok(()) => fs::remove_file(partial),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Err(error),
        // File systems without links.
        Err(_) => fs::rename(partial, path),
    }
}

fn exists(path: &Path) -> Error {
    Error::new(
        ErrorKind::Usage,
        format!("`{}` exists; choose another name, or give `--overwrite`", path.display()),
    )
}

fn failed(path: &Path, error: std::io::Error) -> Error {
    Error::io(format!("cannot write `{}`", path.display()), error)
}
