//! What tells one state of an input file from another, at a glance: size, time of change, and a sample of its bytes.

use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use serde_json::{Value, json};
use swathe_core::{Error, Result};

use crate::checksum::checksum;

/// Pieces that are looked at, and bytes of each.
const PIECES: u64 = 64;
const PIECE: usize = 4096;

/// The fingerprint of a file, or of a folder by its own entry: path, bytes, time of change in nanoseconds since 1970, and the
/// checksum of 64 pieces of 4 KiB at equal distances from the first to the last.
///
/// # Errors
/// Io, where it can't be read.
pub fn fingerprint(path: &Path) -> Result<Value> {
    let cannot = |error| Error::io(format_args!("cannot open `{}`", path.display()), error);
    let file = File::open(path).map_err(cannot)?;
    let metadata = file.metadata().map_err(cannot)?;
    let bytes = metadata.len();
    let mut sample = Vec::new();
    if metadata.is_file() {
        let mut piece = [0; PIECE];
        let last = bytes.saturating_sub(PIECE as u64);
        for index in 0..PIECES {
            let at = (u128::from(last) * u128::from(index) / u128::from(PIECES - 1)) as u64;
            let read = file.read_at(&mut piece, at).map_err(cannot)?;
            sample.extend(checksum(&piece[..read]).to_le_bytes());
        }
    }
    let modified = i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
    Ok(json!({
        "path": path.to_string_lossy(),
        "bytes": if metadata.is_file() { bytes } else { 0 },
        "modified": modified.to_string(),
        "sample": format!("{:016x}", checksum(&sample)),
    }))
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
        assert!(fingerprint(folder.path()).is_ok());
    }
}
