//! What tells one state of an input file from another, at a glance: size, time of change, and a sample of its bytes.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use serde_json::{Value, json};
use swathe_core::{Error, Result};

use crate::checksum::checksum;

/// Pieces that are looked at, and bytes of each.
const PIECES: u64 = 64;
const PIECE: usize = 4096;

/// The fingerprint of a file: path, bytes, time of change in nanoseconds since 1970, and the checksum of 64 pieces of 4 KiB at
/// equal distances from the first to the last. Of a folder: its entry, and name, bytes and time of change of each file below.
///
/// # Errors
/// Io, where it can't be read.
pub fn fingerprint(path: &Path) -> Result<Value> {
    let cannot = |error| Error::io(format_args!("cannot open `{}`", path.display()), error);
    let mut metadata = fs::metadata(path).map_err(cannot)?;
    let mut sample = Vec::new();
    // To open a pipe is to wait for whoever writes into it.
    if metadata.is_file() {
        let file = File::open(path).map_err(cannot)?;
        metadata = file.metadata().map_err(cannot)?;
        let bytes = metadata.len();
        let mut piece = [0; PIECE];
        let last = bytes.saturating_sub(PIECE as u64);
        for index in 0..PIECES {
            let at = (u128::from(last) * u128::from(index) / u128::from(PIECES - 1)) as u64;
            let read = file.read_at(&mut piece, at).map_err(cannot)?;
            sample.extend(checksum(&piece[..read]).to_le_bytes());
        }
    }
    if metadata.is_dir() {
        sample.extend(entries_below(path).map_err(cannot)?.to_le_bytes());
    }
    let modified = modified(&metadata).to_string();
    Ok(json!({
        "path": path.to_string_lossy(),
        "bytes": if metadata.is_file() { metadata.len() } else { 0 },
        "modified": modified,
        "sample": format!("{:016x}", checksum(&sample)),
    }))
}

/// Nanoseconds since 1970.
fn modified(metadata: &Metadata) -> i128 {
    i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec())
}

/// What tells the files below a folder from others of these names; the order in which the system lists them does not count.
fn entries_below(root: &Path) -> io::Result<u64> {
    let mut sum = 0_u64;
    let mut left = vec![root.to_owned()];
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let (path, metadata) = (entry.path(), entry.metadata()?);
            let mut line = path.strip_prefix(root).unwrap_or(&path).as_os_str().as_bytes().to_vec();
            if metadata.is_dir() {
                left.push(path);
            } else {
                line.extend(metadata.len().to_le_bytes());
                line.extend(modified(&metadata).to_le_bytes());
            }
            sum = sum.wrapping_add(checksum(&line));
        }
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_shows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, vec![1; 10_000]).unwrap();
        let before = fingerprint(&path).unwrap();
        assert_eq!(fingerprint(&path).unwrap(), before);
        let mut bytes = vec![1; 10_000];
        bytes[9_999] = 2;
        std::fs::write(&path, bytes).unwrap();
        assert_ne!(fingerprint(&path).unwrap()["sample"], before["sample"]);
        let inner = folder.path().join("b/c");
        std::fs::create_dir_all(&inner).unwrap();
        std::fs::write(inner.join("d"), "one").unwrap();
        let before = fingerprint(folder.path()).unwrap();
        assert_eq!(fingerprint(folder.path()).unwrap(), before);
        std::fs::write(inner.join("d"), "three").unwrap();
        assert_ne!(fingerprint(folder.path()).unwrap()["sample"], before["sample"]);
    }
}
