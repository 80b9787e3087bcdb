//! The life of an output that is a folder of many small files: checked, written under a temporary name, flushed, and put
//! in place whole.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{CWD, FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use swathe_core::{Disk, Error, Files, FolderMark, Footprint, Journal, MAKE_ROOM, Naming, Position, Result};
use tempfile::TempDir;

use super::{Begin, Existing, WriteBackRule, file_name_of, folder_of, umask};
use crate::checksum::checksum;
use crate::journal::{KeptNames, flush_folder, shared_file};
use crate::{file_system, mapping};

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
    begin: Begin,
    /// Where it lies until it is complete.
    partial: PathBuf,
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
        let begin = if existing == Existing::Mended { Begin::Mended } else { Begin::Unkept };
        let partial = KeptNames::of(&target).partial;
        Ok(FolderPlace { path: target, name: path.to_owned(), folder, mode, begin, partial })
    }

    /// Has the folder begun under a name that stays, or gone on with behind `position`.
    pub(crate) fn keep(&mut self, position: &Position) {
        self.begin = self.begin.kept(position);
    }

    /// Has the folder written together with others.
    #[must_use]
    pub(crate) fn shared(self) -> Self {
        FolderPlace { begin: Begin::Shared, partial: shared_file(&self.path), ..self }
    }

    /// The name as the user gave it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Bytes free on the output's disk for this user.
    pub(crate) fn disk(&self) -> Option<Disk> {
        file_system::disk(&self.folder)
    }

    /// Begins the folder under a temporary name.
    ///
    /// # Errors
    /// Io, where the folder above cannot be written.
    pub(crate) fn create(self, writeback: WriteBackRule) -> Result<OutputFolder> {
        let folder = PartialFolder::begin(&self).map_err(|error| {
            Error::io(format_args!("cannot write into folder `{}`", self.folder.display()), error)
        })?;
        let written = AtomicU64::new(0);
        Ok(OutputFolder { folder, place: self, writeback, waiting: Mutex::default(), written })
    }
}

/// A folder that has not got its name yet.
#[derive(Debug)]
enum PartialFolder {
    /// Removed when it is dropped. A run that is killed leaves it to the next one, which sees that nobody holds the lock.
    Temporary(TempDir, #[allow(dead_code, reason = "held for its lock")] File),
    /// Stays under this path.
    Kept(PathBuf),
}

impl PartialFolder {
    fn begin(place: &FolderPlace) -> io::Result<Self> {
        let partial = place.partial.clone();
        match place.begin {
            Begin::Unkept => PartialFolder::temporary(place),
            Begin::Kept | Begin::KeptOver => {
                fs::create_dir(&partial)?;
                Ok(PartialFolder::Kept(partial))
            }
            Begin::Shared => match fs::create_dir(&partial) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
                _ => Ok(PartialFolder::Kept(partial)),
            },
            Begin::Resumed => Ok(PartialFolder::Kept(partial)),
            Begin::Mended => Ok(PartialFolder::Kept(place.path.clone())),
        }
    }

    fn temporary(place: &FolderPlace) -> io::Result<Self> {
        let (before, behind) = (format!(".{}.", file_name_of(&place.path)), ".partial");
        for entry in fs::read_dir(&place.folder)?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let middle = name.strip_prefix(&before).and_then(|rest| rest.strip_suffix(behind));
            let is_left = middle.is_some_and(|middle| middle.len() == RANDOM && !middle.contains('.'));
            if is_left && locked(&entry.path()).is_ok() {
                fs::remove_dir_all(entry.path())?;
            }
        }
        let folder = tempfile::Builder::new()
            .prefix(&before)
            .suffix(behind)
            .rand_bytes(RANDOM)
            .permissions(Permissions::from_mode(0o777))
            .tempdir_in(&place.folder)?;
        let lock = locked(folder.path())?;
        Ok(PartialFolder::Temporary(folder, lock))
    }

    fn path(&self) -> &Path {
        match self {
            PartialFolder::Temporary(folder, _) => folder.path(),
            PartialFolder::Kept(path) => path,
        }
    }

    /// Leaves it where it is.
    fn keep(self) -> PathBuf {
        match self {
            PartialFolder::Temporary(folder, _) => folder.keep(),
            PartialFolder::Kept(path) => path,
        }
    }
}

/// Characters that make a temporary name one of its own.
const RANDOM: usize = 6;

/// A folder with the lock on it, which goes with the process.
///
/// # Errors
/// Where another run holds it, or it is no folder.
fn locked(path: &Path) -> io::Result<File> {
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let folder = rustix::fs::open(path, flags, Mode::empty())?;
    match rustix::fs::flock(&folder, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => Err(Errno::WOULDBLOCK.into()),
        // Some network file systems know no locks.
        _ => Ok(folder.into()),
    }
}

/// An output folder being written. Dropped before it is published, it is removed unless it was to be kept.
#[derive(Debug)]
pub(crate) struct OutputFolder {
    folder: PartialFolder,
    place: FolderPlace,
    writeback: WriteBackRule,
    /// Files that are on their way to the disk, with their bytes.
    waiting: Mutex<VecDeque<(File, u64)>>,
    written: AtomicU64,
}

impl OutputFolder {
    fn cannot_write(&self, key: &str, error: io::Error) -> Error {
        Error::io(format_args!("cannot write `{key}` of `{}`", self.place.name), error).where_full(MAKE_ROOM)
    }

    /// Bytes written so far.
    pub(crate) fn bytes_written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Writes the file of the folder that begins at `offset` of all that `files` counts, and notes it in `footprint`.
    ///
    /// # Errors
    /// Limit, where the disk is full; Io, where it cannot be written.
    pub(crate) fn write(
        &self,
        files: &Files,
        offset: u64,
        bytes: &[u8],
        footprint: &mut Footprint,
    ) -> Result<()> {
        let key = files.name_at(offset).ok_or_else(|| Error::bug("a file of a folder has no name"))?;
        if footprint.is_recorded() {
            footprint.add(offset, bytes.len() as u64, checksum(bytes));
        }
        self.write_named(&key, bytes)
    }

    fn write_named(&self, key: &str, bytes: &[u8]) -> Result<()> {
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
        if self.writeback.at_once().is_none() {
            return;
        }
        mapping::start_writeback(&file, 0..bytes);
        let Some(limit) = self.writeback.limit_bytes else { return };
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
    pub(crate) fn flush(&self) -> Result<()> {
        let flushed = File::open(self.folder.path())
            .and_then(|folder| rustix::fs::syncfs(&folder).map_err(io::Error::from));
        flushed.map_err(|error| Error::io(format_args!("cannot write `{}`", self.place.name), error))
    }

    /// What a journal has to know to put the folder in its place.
    fn naming(&self) -> Result<Naming> {
        let metadata = fs::metadata(self.folder.path());
        let metadata =
            metadata.map_err(|error| Error::io(format_args!("cannot write `{}`", self.place.name), error))?;
        Ok(Naming {
            partial: file_name_of(self.folder.path()),
            name: file_name_of(&self.place.path),
            bytes: self.bytes_written(),
            checksum: None,
            folder: Some(FolderMark { inode: metadata.ino(), replaces: self.place.mode.is_some() }),
        })
    }

    /// Flushes the folder where `flush` says so, tells the journal, and puts it in its place.
    ///
    /// # Errors
    /// As [`OutputFolder::write`].
    pub(crate) fn publish(self, flush: bool, journal: Option<&dyn Journal>) -> Result<()> {
        if flush {
            self.flush()?;
        }
        let target = self.place.path.clone();
        let cannot = |error| Error::io(format_args!("cannot write `{}`", self.place.name), error);
        let mode = self.place.mode.unwrap_or_else(|| 0o777 & !umask());
        fs::set_permissions(self.folder.path(), Permissions::from_mode(mode)).map_err(cannot)?;
        match journal {
            Some(journal) => journal.complete(&[self.naming()?], flush)?,
            // The receipt of a folder that is replaced would accuse the new one.
            None => drop(fs::remove_file(KeptNames::of(&target).receipt)),
        }
        let is_kept = matches!(self.folder, PartialFolder::Kept(_));
        let partial = self.folder.keep();
        if let Err(error) = put_in_place(&partial, &target, self.place.mode.is_some()) {
            if !is_kept {
                let _ = fs::remove_dir_all(&partial);
            }
            return Err(cannot(error));
        }
        if flush {
            flush_folder(&target);
        }
        Ok(())
    }
}

/// Gives a complete folder its name. A folder that has it is there until the new one is, and then removed, where
/// `replaces` says that it may be; that some of it cannot be removed is no reason to say that the new one failed.
pub(crate) fn put_in_place(partial: &Path, target: &Path, replaces: bool) -> io::Result<()> {
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
        let folder = place.create(WriteBackRule { limit_bytes: Some(1), early: false }).unwrap();
        let files = Files { named: vec!["mark".into(), "a/b/c".into()], ..Files::default() };
        for number in 0..2 {
            let mut footprint = Footprint::default();
            folder.write(&files, number * Files::MOST_BYTES, text.as_bytes(), &mut footprint).unwrap();
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
        write(place(&path, Existing::Refused, &[]).unwrap(), "old").publish(true, None).unwrap();
        assert!(place(&path, Existing::Refused, &[]).is_err());
        fs::write(path.join("more"), "x").unwrap();
        let replacing = || place(&path, Existing::Replaced, &[]).unwrap();
        drop(write(replacing(), "given up"));
        assert_eq!(names(), ["out"]);
        assert_eq!(fs::read_to_string(path.join("a/b/c")).unwrap(), "old");
        let new = write(replacing(), "new");
        assert_eq!(fs::read_to_string(path.join("a/b/c")).unwrap(), "old");
        new.publish(false, None).unwrap();
        assert_eq!(fs::read_to_string(path.join("a/b/c")).unwrap(), "new");
        assert!(!path.join("more").exists());
        assert_eq!(names(), ["out"]);
    }

    #[test]
    fn what_a_killed_run_left_is_removed_and_what_is_being_written_is_not() {
        let above = tempfile::tempdir().unwrap();
        let path = above.path().join("out");
        let at_work = write(place(&path, Existing::Refused, &[]).unwrap(), "at work");
        let left = write(place(&path, Existing::Refused, &[]).unwrap(), "left");
        let left = match left.folder {
            PartialFolder::Temporary(folder, _lock) => folder.keep(),
            PartialFolder::Kept(path) => path,
        };
        fs::create_dir(above.path().join(".out.mine.partial")).unwrap();
        assert!(left.is_dir());
        let next = write(place(&path, Existing::Refused, &[]).unwrap(), "next");
        assert!(
            !left.exists()
                && at_work.folder.path().is_dir()
                && above.path().join(".out.mine.partial").is_dir()
        );
        next.publish(false, None).unwrap();
        assert_eq!(fs::read_to_string(path.join("mark")).unwrap(), "next");
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
