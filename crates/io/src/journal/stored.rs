//! The bytes of an output that a journal tells of: those of one file, or those of a folder's files.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Component, Path, PathBuf};

use serde_json::{Value, json};
use swathe_core::{Extent, Files, fold};

use crate::checksum::checksum;

/// Bytes that are read at once.
const AT_ONCE: usize = 1 << 20;

/// An output to be compared with what a journal says of it.
pub(super) struct Stored {
    place: Place,
    buffer: Vec<u8>,
}

enum Place {
    File(File),
    Folder {
        path: PathBuf,
        files: Files,
        /// The file that was read last, and where it begins.
        opened: Option<(u64, File)>,
    },
}

impl Stored {
    /// Opens the output at `path`.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let place = if path.is_dir() {
            Place::Folder { path: path.to_owned(), files: Files::default(), opened: None }
        } else {
            Place::File(File::open(path)?)
        };
        Ok(Stored { place, buffer: Vec::new() })
    }

    /// Takes from the entry of an output's head which files there are, where it tells.
    pub(super) fn learn(&mut self, entry: &Value) {
        if let (Place::Folder { files, .. }, Some(found)) = (&mut self.place, files_of(entry)) {
            *files = found;
        }
    }

    /// Whether it holds what was written of it.
    pub(super) fn holds(&mut self, extents: &[Extent]) -> bool {
        extents.iter().all(|extent| {
            let mut sum = 0;
            let mut offsets = offsets(extent);
            let all = offsets.all(|at| match at.and_then(|at| self.checksum_at(at, extent.length)) {
                Some(checksum) => {
                    sum = fold(sum, checksum);
                    true
                }
                None => false,
            });
            all && sum == extent.checksum
        })
    }

    /// Whether the files of a folder are there and of their lengths; of one file that is told elsewhere.
    pub(super) fn lengths_hold(&self, extents: &[Extent]) -> bool {
        let Place::Folder { path, files, .. } = &self.place else { return true };
        extents.iter().all(|extent| {
            offsets(extent).all(|at| {
                let name = at.and_then(|at| files.name_at(at));
                let found = name.and_then(|name| fs::metadata(path.join(name)).ok());
                found.is_some_and(|metadata| metadata.len() == extent.length)
            })
        })
    }

    /// The checksum of a stretch; none where it can't be read, or the file of a folder is longer.
    fn checksum_at(&mut self, offset: u64, length: u64) -> Option<u64> {
        let Stored { place, buffer } = self;
        let (file, offset) = match place {
            Place::File(file) => (&*file, offset),
            Place::Folder { path, files, opened } => {
                if opened.as_ref().is_none_or(|(begins, _)| *begins != offset) {
                    let file = File::open(path.join(files.name_at(offset)?)).ok()?;
                    *opened = Some((offset, file));
                }
                let file = &opened.as_ref()?.1;
                // A file of a folder is written as a whole.
                let whole = file.metadata().ok()?.len() == length && offset.is_multiple_of(Files::MOST_BYTES);
                (whole.then_some(file)?, 0)
            }
        };
        let length = usize::try_from(length).ok()?;
        if length <= AT_ONCE {
            buffer.resize(length, 0);
            file.read_exact_at(buffer, offset).ok()?;
            return Some(checksum(buffer));
        }
        let mut hasher = twox_hash::XxHash3_64::new();
        buffer.resize(AT_ONCE, 0);
        for first in (0..length).step_by(AT_ONCE) {
            let part = &mut buffer[..AT_ONCE.min(length - first)];
            file.read_exact_at(part, offset + first as u64).ok()?;
            std::hash::Hasher::write(&mut hasher, part);
        }
        Some(std::hash::Hasher::finish(&hasher))
    }
}

/// Where the stretches of an extent begin; none for one that would lie past all that a file can hold.
fn offsets(extent: &Extent) -> impl Iterator<Item = Option<u64>> + use<> {
    let (offset, stride) = (extent.offset, extent.stride);
    (0..extent.count).map(move |index| offset.checked_add(stride.checked_mul(index)?))
}

/// The entry of an output's head gets what its files are called.
pub(super) fn add_files(entry: &mut Value, files: &Files) {
    entry["files"] = json!(files.named);
    entry["grid"] = json!([files.before, files.sides]);
}

/// The files that the entry of an output's head tells of. Nothing outside the folder is looked at, whatever it says.
fn files_of(entry: &Value) -> Option<Files> {
    let is_inside =
        |name: &str| Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    let word = |value: &Value| value.as_str().filter(|name| is_inside(name)).map(str::to_owned);
    let named = entry.get("files")?.as_array()?.iter().map(word).collect::<Option<Vec<_>>>()?;
    let grid = entry.get("grid")?;
    let sides = grid.get(1)?.as_array()?.iter().map(Value::as_u64).collect::<Option<Vec<_>>>()?;
    Some(Files { named, before: word(grid.get(0)?)?, sides })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_one_range_of_bytes() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("c/0")).unwrap();
        for (name, text) in [("head", "abc"), ("c/0/0", "defg"), ("c/0/1", "hijk")] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let files = Files { named: vec!["head".into()], before: "c/".into(), sides: vec![1, 2] };
        let mut entry = json!({ "head": [] });
        add_files(&mut entry, &files);
        let mut stored = Stored::open(folder.path()).unwrap();
        stored.learn(&entry);
        let extent = |offset: u64, stride, texts: &[&str]| Extent {
            offset,
            length: texts[0].len() as u64,
            stride,
            count: texts.len() as u64,
            checksum: texts.iter().fold(0, |sum, text| fold(sum, checksum(text.as_bytes()))),
        };
        let whole = [extent(0, 0, &["abc"]), extent(Files::MOST_BYTES, Files::MOST_BYTES, &["defg", "hijk"])];
        assert!(stored.holds(&whole) && stored.lengths_hold(&whole));
        assert!(!stored.holds(&[extent(1, 0, &["bc"])]), "no file begins there");
        assert!(!stored.holds(&[extent(3 * Files::MOST_BYTES, 0, &["abc"])]), "there is no such file");
        fs::write(folder.path().join("c/0/1"), "hijkl").unwrap();
        let mut stored = Stored::open(folder.path()).unwrap();
        stored.learn(&entry);
        assert!(!stored.holds(&whole) && !stored.lengths_hold(&whole), "a file is longer than it was");
        for name in ["../head", "/head"] {
            let files = Files { named: vec![name.into()], ..files.clone() };
            add_files(&mut entry, &files);
            assert_eq!(files_of(&entry), None);
        }
    }
}
