//! Whose a journal is: the run that has it open under its name, with the lock on it.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::FlockOperation;

/// What came of asking for the lock on a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lock {
    /// It is nobody else's as long as the file is open. Some network file systems know no locks, and say so too.
    Ours,
    /// Another run is at work on it.
    Others,
    /// Its run finished between, and it has another name.
    Renamed,
}

/// Asks for the lock on the journal that was opened as `path`.
pub(super) fn lock(file: &File, path: &Path) -> Lock {
    if let Err(rustix::io::Errno::WOULDBLOCK) =
        rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive)
    {
        return Lock::Others;
    }
    let same = || Ok::<_, std::io::Error>(fs::metadata(path)?.ino() == file.metadata()?.ino());
    if same().unwrap_or(false) { Lock::Ours } else { Lock::Renamed }
}
