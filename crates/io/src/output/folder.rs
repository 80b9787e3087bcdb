//! The life of an output that is a folder of many small files: checked, written under a temporary name, flushed, and put
//! in place whole.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;
use swathe_core::{Error, Result};
use tempfile::TempDir;

use super::{Existing, folder_of, umask};
use crate::journal::KeptNames;
use crate::mapping;

/// A file takes whole blocks of the disk, and an entry of its folder.
const FILE_OVERHEAD: u64 = 128;
const DISK_BLOCK: u64 = 4096;
/// The most files that wait to be written to the disk with their handles open.
const MOST_WAITING: usize = 64;

/// Bytes of the disk that a file of `bytes` bytes takes.
pub(crate) fn disk_bytes(bytes: u64) -> u64 {
    bytes.next_multiple_of(DISK_BLOCK) + FILE_OVERHEAD
}

/// Where an output folder goes and what is in its way, looked at before anything is made.
#[derive(Clone, Debug)]
pub(crate) struct FolderPlace {
    path: PathBuf,
    name: String,
    folder: PathBuf,
    mode: Option<u32>,
}

impl FolderPlace {
    /// Looks at `path`. `inputs` are files that the output must neither be nor hold nor lie in; `is_ours` tells of a
    /// folder in the way whether it is an output of this kind, which may be replaced.
    ///
    /// # Errors
    /// Usage, where the output and an input overlap, or something is in the way that `existing` does not let go or that is
    /// of another kind; Io, where its folder is missing.
    pub(crate) fn new(
        path: &str,
        existing: Existing,
        inputs: &[PathBuf],
        is_ours: impl Fn(&Path) -> bool,
    ) -> Result<Self> {
        let usage = |what: String| Err(Error::usage(format!("the output `{path}` {what}")));
        let mut mode = None;
        if let Ok(metadata) = fs::metadata(path) {
            if existing == Existing::Refused {
                return usage("exists; `--overwrite` replaces it".to_owned());
            }
            if !metadata.is_dir() || !is_ours(Path::new(path)) {
                return usage(
                    "exists and holds something else; remove it, or choose another name".to_owned(),
                );
            }
            mode = Some(metadata.mode() & 0o7777);
        }
        // A link to an old folder is followed, so that the result lies where the link points.
        let target = fs::canonicalize(path).unwrap_or_else(|_| PathBuf::from(path));
        let folder = folder_of(&target, path)?;
        let whole = folder.canonicalize().unwrap_or_else(|_| folder.clone());
        let whole = whole.join(target.file_name().unwrap_or_default());
        for input in inputs {
            let Ok(found) = fs::canonicalize(input) else { continue };
            if found == whole {
                return usage(format!("is the input `{}`", input.display()));
            }
            if found.starts_with(&whole) || found.is_dir() && whole.starts_with(&found) {
                return usage(format!("and the input `{}` lie in each other", input.display()));
            }
        }
        Ok(FolderPlace { path: target, name: path.to_owned(), folder, mode })
    }

    /// The name as the user gave it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Bytes free on the output's disk for this user.
    pub(crate) fn free_bytes(&self) -> Option<u64> {
        super::free_bytes(&self.folder)
    }

    /// Begins the folder under a temporary name.
    ///
    /// # Errors
    /// Io, where the folder above cannot be written.
    pub(crate) fn create(self, dirty_limit_bytes: Option<u64>) -> Result<OutputFolder> {
        let cannot =
            |error| Error::io(format_args!("cannot write into folder `{}`", self.folder.display()), error);
        let file_name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let folder = tempfile::Builder::new()
            .prefix(&format!(".{file_name}."))
            .suffix(".partial")
            .permissions(Permissions::from_mode(0o777))
            .tempdir_in(&self.folder)
            .map_err(cannot)?;
        let written = AtomicU64::new(0);
        Ok(OutputFolder { folder, place: self, dirty_limit_bytes, waiting: Mutex::default(), written })
    }
}

/// An output folder being written. Dropped before it is published, it is removed.
#[derive(Debug)]
pub(crate) struct OutputFolder {
    folder: TempDir,
    place: FolderPlace,
    dirty_limit_bytes: Option<u64>,
    /// Files that are on their way to the disk, with their bytes.
    waiting: Mutex<VecDeque<(File, u64)>>,
    written: AtomicU64,
}

impl OutputFolder {
    fn cannot_write(&self, key: &str, error: io::Error) -> Error {
        Error::io(format_args!("cannot write `{key}` of `{}`", self.place.name), error)
    }

    /// Bytes written so far.
    pub(crate) fn bytes_written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Writes the file `key` of the folder.
    ///
    /// # Errors
    /// Limit, where the disk is full; Io, where it cannot be written.
    pub(crate) fn write(&self, key: &str, bytes: &[u8]) -> Result<()> {
        let path = self.folder.path().join(key);
        let open = || OpenOptions::new().write(true).create(true).truncate(true).open(&path);
        let opened = match (open(), path.parent()) {
            (Err(error), Some(folder)) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(folder).and_then(|()| open())
            }
            (opened, _) => opened,
        };
        let written = opened.and_then(|mut file| file.write_all(bytes).map(|()| file));
        let file = written.map_err(|error| self.cannot_write(key, error))?;
        self.written.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.start_writeback(file, bytes.len() as u64);
        Ok(())
    }

    /// Keeps the bytes that wait to be written to the disk under the limit.
    fn start_writeback(&self, file: File, bytes: u64) {
        let Some(limit) = self.dirty_limit_bytes else { return };
        mapping::start_writeback(&file, 0..bytes);
        let mut oldest = Vec::new();
        {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.push_back((file, bytes));
            let mut dirty = waiting.iter().map(|(_, bytes)| bytes).sum::<u64>();
            while dirty > limit || waiting.len() > MOST_WAITING {
                let Some((file, bytes)) = waiting.pop_front() else { break };
                dirty -= bytes;
                oldest.push((file, bytes));
            }
        }
        for (file, bytes) in oldest {
            mapping::wait_writeback(&file, 0..bytes);
        }
    }

    /// Flushes what was written. One call for all files of the disk: thousands of small files one by one take minutes.
    ///
    /// # Errors
    /// Io, where it cannot be written.
    fn flush(&self) -> Result<()> {
        let flushed = File::open(self.folder.path())
            .and_then(|folder| rustix::fs::syncfs(&folder).map_err(io::Error::from));
        flushed.map_err(|error| Error::io(format_args!("cannot write `{}`", self.place.name), error))
    }

    /// Flushes the folder where `flush` says so, and puts it in its place.
    ///
    /// # Errors
    /// As [`OutputFolder::write`].
    pub(crate) fn publish(self, flush: bool) -> Result<()> {
        if flush {
            self.flush()?;
        }
        let target = self.place.path.clone();
        let cannot = |error| Error::io(format_args!("cannot write `{}`", self.place.name), error);
        let mode = self.place.mode.unwrap_or_else(|| 0o777 & !umask());
        fs::set_permissions(self.folder.path(), Permissions::from_mode(mode)).map_err(cannot)?;
        // The receipt of a folder that is replaced would accuse the new one.
        let _ = fs::remove_file(KeptNames::of(&target).receipt);
        let partial = self.folder.keep();
        if let Err(error) = put_in_place(&partial, &target, self.place.mode.is_some()) {
            let _ = fs::remove_dir_all(&partial);
            return Err(cannot(error));
        }
        if flush {
            let _ = File::open(&self.place.folder).and_then(|folder| folder.sync_all());
        }
        Ok(())
    }
}

/// Gives a complete folder its name. A folder that has it is there until the new one is, and then removed, where
/// `replaces` says that it may be; that some of it cannot be removed is no reason to say that the new one failed.
fn put_in_place(partial: &Path, target: &Path, replaces: bool) -> io::Result<()> {
    let flags = if replaces { RenameFlags::EXCHANGE } else { RenameFlags::NOREPLACE };
    match rustix::fs::renameat_with(CWD, partial, CWD, target, flags) {
        // What was there has the temporary name now.
        Ok(()) if replaces => {
            let _ = fs::remove_dir_all(partial);
            return Ok(());
        }
        Ok(()) => return Ok(()),
        Err(Errno::NOENT) => return fs::rename(partial, target),
        Err(Errno::INVAL | Errno::NOSYS) if replaces => {}
        // A folder that holds something is not replaced by this either.
        Err(Errno::INVAL | Errno::NOSYS) => return fs::rename(partial, target),
        Err(error) => return Err(error.into()),
    }
    // File systems that can't exchange names: for a moment only the old folder's other name is there.
    let old = partial.with_extension("replaced");
    fs::rename(target, &old)?;
    match fs::rename(partial, target) {
        Ok(()) => {
            let _ = fs::remove_dir_all(&old);
            Ok(())
        }
        Err(error) => {
            fs::rename(&old, target)?;
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(path: &Path, existing: Existing, inputs: &[PathBuf]) -> Result<FolderPlace> {
        FolderPlace::new(&path.to_string_lossy(), existing, inputs, |path| path.join("mark").is_file())
    }

    fn write(place: FolderPlace, text: &str) -> OutputFolder {
        let folder = place.create(Some(1)).unwrap();
        for key in ["mark", "a/b/c"] {
            folder.write(key, text.as_bytes()).unwrap();
        }
        folder
    }

    #[test]
    fn old_folders_stay_until_the_new_one_is_complete() {
        let above = tempfile::tempdir().unwrap();
        let path = above.path().join("out");
        let names = || {
            let mut names = fs::read_dir(above.path())
                .unwrap()
                .map(|entry| entry.unwrap().file_name())
                .collect::<Vec<_>>();
            names.sort();
            names
        };
        write(place(&path, Existing::Refused, &[]).unwrap(), "old").publish(true).unwrap();
        assert!(place(&path, Existing::Refused, &[]).is_err());
        fs::write(path.join("more"), "x").unwrap();
        let replacing = || place(&path, Existing::Replaced, &[]).unwrap();
        drop(write(replacing(), "given up"));
        assert_eq!(names(), ["out"]);
        assert_eq!(fs::read_to_string(path.join("a/b/c")).unwrap(), "old");
        let new = write(replacing(), "new");
        assert_eq!(fs::read_to_string(path.join("a/b/c")).unwrap(), "old");
        new.publish(false).unwrap();
        assert_eq!(fs::read_to_string(path.join("a/b/c")).unwrap(), "new");
        assert!(!path.join("more").exists());
        assert_eq!(names(), ["out"]);
    }

    #[test]
    fn nothing_else_is_replaced() {
        let above = tempfile::tempdir().unwrap();
        let path = above.path().join("out");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("thesis"), "x").unwrap();
        assert!(place(&path, Existing::Replaced, &[]).unwrap_err().to_string().contains("something else"));
        fs::write(path.join("mark"), "x").unwrap();
        assert!(place(&path, Existing::Replaced, &[]).is_ok());
        for input in [path.clone(), path.join("thesis"), above.path().to_owned()] {
            assert!(place(&path, Existing::Replaced, std::slice::from_ref(&input)).is_err(), "{input:?}");
        }
        assert!(place(&path, Existing::Replaced, &[above.path().join("other")]).is_ok());
    }
}
