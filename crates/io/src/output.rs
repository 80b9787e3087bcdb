//! The life of an output file: checked, reserved, written under a temporary name, flushed, renamed.
//!
//! The temporary name is one that nobody guesses, and is removed whatever happens; or, where a journal goes with it, one that
//! the next run finds again.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{AtFlags, CWD, FallocateFlags, Mode, OFlags};
use rustix::io::Errno;
use swathe_core::{Disk, Error, ErrorKind, Footprint, Journal, MAKE_ROOM, Naming, Position, Result, Shard};
use tempfile::NamedTempFile;

use crate::checksum::checksum;
use crate::journal::{KeptNames, flush_folder, shard_file, shared_file};
use crate::{file_system, mapping};

pub(crate) mod folder;
mod rearranging;
mod writeback;

pub(crate) use writeback::WriteBack;
pub use writeback::WriteBackRule;

/// How pixels get into an output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WriteMethod {
    /// Positioned writes of whole runs of blocks.
    #[default]
    Pwrite,
    /// Stores through a memory map of the run.
    Mmap,
}

/// Where an output goes and what is in its way, looked at before anything is made.
#[derive(Clone, Debug)]
pub(crate) struct OutputPlace {
    path: PathBuf,
    name: String,
    folder: PathBuf,
    /// Mode bits of a file that is replaced.
    mode: Option<u32>,
    begin: Begin,
    reserved: bool,
    /// Where it lies until it is complete.
    partial: PathBuf,
}

/// How an output file is begun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Begin {
    /// Under a name of its own, which goes with the run.
    #[default]
    Unkept,
    /// Under a name that another run finds again.
    Kept,
    /// Under a name that another run finds again, over what another may have left there.
    KeptOver,
    /// Where another run left it.
    Resumed,
    /// Where it is, with its name, to write parts of it again.
    Mended,
    /// Under a name that all find who write it together.
    Shared,
}

impl Begin {
    /// The same where a journal goes with the output, whose run goes on behind `position`.
    fn kept(self, position: &Position) -> Self {
        match self {
            Begin::Mended | Begin::Shared => self,
            _ if position.tiles > 0 => Begin::Resumed,
            _ => Begin::Kept,
        }
    }
}

/// Refuses a path that leads to an input, by whatever name or link.
///
/// # Errors
/// Usage, with both names.
pub(crate) fn refuse_input(path: &Path, inputs: &[PathBuf]) -> Result<()> {
    let identity = |path: &Path| fs::metadata(path).map(|metadata| (metadata.dev(), metadata.ino())).ok();
    let Some(taken) = identity(path) else { return Ok(()) };
    match inputs.iter().find(|input| identity(input) == Some(taken)) {
        Some(input) => {
            let (path, input) = (path.display(), input.display());
            Err(Error::usage(format!("the output `{path}` is the input `{input}`")))
        }
        None => Ok(()),
    }
}

impl OutputPlace {
    /// Looks at `path`. `inputs` are files that must not be the output, by whatever name or link.
    ///
    /// # Errors
    /// Usage, where the output is an input, or exists and `existing` refuses it; Io, where its folder is missing.
    pub(crate) fn new(path: &str, existing: Existing, inputs: &[PathBuf]) -> Result<Self> {
        let target = PathBuf::from(path);
        let mut mode = None;
        if let Ok(metadata) = fs::metadata(&target) {
            refuse_input(&target, inputs)?;
            if metadata.is_dir() {
                return Err(Error::usage(format!("the output `{path}` is a directory")));
            }
            if !metadata.is_file() {
                return Err(Error::usage(format!("the output `{path}` is no regular file")));
            }
            if existing == Existing::Refused {
                return Err(Error::usage(format!("the output `{path}` exists; `--overwrite` replaces it")));
            }
            mode = Some(metadata.mode() & 0o7777);
        }
        // A link to a missing or an old file is followed, so that the result lies where the link points.
        let target = fs::canonicalize(&target).unwrap_or(target);
        let folder = folder_of(&target, path)?;
        let begin = if existing == Existing::Mended { Begin::Mended } else { Begin::Unkept };
        let partial = KeptNames::of(&target).partial;
        Ok(OutputPlace { path: target, name: path.to_owned(), folder, mode, begin, reserved: true, partial })
    }

    /// Has the file written together with others.
    #[must_use]
    pub(crate) fn shared(self) -> Self {
        OutputPlace { begin: Begin::Shared, partial: shared_file(&self.path), ..self }
    }

    /// Whether the disk keeps room for the file from the beginning.
    #[must_use]
    pub(crate) fn reserved(self, reserved: bool) -> Self {
        OutputPlace { reserved, ..self }
    }

    /// Has a part of the file written into another, which is that of a shard.
    #[must_use]
    pub(crate) fn of_shard(self, shard: Shard) -> Self {
        OutputPlace { partial: shard_file(&self.path, shard), ..self }
    }

    /// Bytes that have to be free on the disk for a file of so many.
    pub(crate) fn needed_bytes(&self, bytes: u64) -> u64 {
        let reserved = match self.begin {
            Begin::Shared => fs::metadata(&self.partial).map_or(0, |metadata| metadata.blocks() * 512),
            _ => 0,
        };
        bytes.saturating_sub(reserved)
    }

    /// Has the file begun under a name that stays, or gone on with behind `position`.
    pub(crate) fn keep(&mut self, position: &Position) {
        self.begin = self.begin.kept(position);
    }

    /// Has a small file that goes with `other` begun as that one is.
    pub(crate) fn go_with(&mut self, other: &OutputPlace) {
        self.begin = if other.begin == Begin::Unkept { Begin::Unkept } else { Begin::KeptOver };
    }

    /// The name as the user gave it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// How its bytes are written, in words, with the file system where it is a network's or FUSE.
    pub(crate) fn way(&self, method: WriteMethod) -> String {
        let method = match method {
            WriteMethod::Pwrite => "pwrite",
            WriteMethod::Mmap => "mmap",
        };
        file_system::way(method, file_system::distant_folder(&self.folder))
    }

    /// The disk that the output will lie on.
    pub(crate) fn disk(&self) -> Option<Disk> {
        file_system::disk(&self.folder)
    }

    fn free_bytes(&self) -> Option<u64> {
        self.disk().map(|disk| disk.free_bytes)
    }

    /// Removes a file that is about to be replaced, or not to be there.
    pub(crate) fn remove_old(&self) -> Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::io(format_args!("cannot replace `{}`", self.name), error))
            }
            _ => Ok(()),
        }
    }

    /// Begins the file under a temporary name, with `bytes` reserved where they are to be.
    ///
    /// # Errors
    /// Limit, where the disk cannot hold it; Io, where the folder cannot be written.
    pub(crate) fn create(
        self,
        bytes: u64,
        method: WriteMethod,
        writeback: WriteBackRule,
    ) -> Result<OutputFile> {
        let too_small = |free: u64| {
            Error::limit(format!(
                "`{}` needs {} MiB, and {} MiB are free on its disk; {MAKE_ROOM}",
                self.name,
                bytes.div_ceil(1 << 20),
                free >> 20
            ))
        };
        // What another run began has its space already.
        let is_new = matches!(self.begin, Begin::Unkept | Begin::Kept);
        let is_asked = self.reserved && (is_new || self.begin == Begin::Shared);
        let needed = if is_asked { self.needed_bytes(bytes) } else { 0 };
        if let Some(free) = self.free_bytes().filter(|&free| free < needed) {
            return Err(too_small(free));
        }
        let cannot = |error: io::Error| {
            Error::io(format_args!("cannot write into folder `{}`", self.folder.display()), error)
        };
        let file = PartialFile::begin(&self).map_err(cannot)?;
        let reserved = match (self.begin, self.reserved) {
            (Begin::Mended, _) => Ok(()),
            (_, true) => rustix::fs::fallocate(file.as_file(), FallocateFlags::empty(), 0, bytes.max(1)),
            (_, false) => Err(Errno::OPNOTSUPP),
        };
        match reserved {
            Ok(()) => {}
            Err(Errno::NOSPC | Errno::DQUOT | Errno::FBIG) => {
                if is_new {
                    file.discard();
                }
                return Err(too_small(self.free_bytes().unwrap_or(0)));
            }
            // Some network file systems cannot reserve; or it is not wanted.
            Err(_) => file.as_file().set_len(bytes).map_err(|error| {
                Error::io(format_args!("cannot make `{}` {bytes} bytes long", self.name), error)
            })?,
        }
        Ok(OutputFile {
            file,
            place: self,
            method,
            turn: Mutex::default(),
            writeback: WriteBack::new(writeback),
            written: AtomicU64::new(0),
            removed: 0..0,
        })
    }
}

/// The folder of an output that is named `path` and lies at `target`.
fn folder_of(target: &Path, path: &str) -> Result<PathBuf> {
    if target.file_name().is_none() {
        return Err(Error::usage(format!("`{path}` names no file")));
    }
    let folder = match target.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    match fs::metadata(&folder) {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => {
            return Err(Error::new(ErrorKind::Io, format!("`{}` is not a folder", folder.display())));
        }
        Err(error) => {
            return Err(Error::io(format_args!("cannot write into folder `{}`", folder.display()), error));
        }
    }
    Ok(folder)
}

/// The last part of a path.
fn file_name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// What may be in an output's way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Existing {
    /// A file of that name is not touched.
    #[default]
    Refused,
    /// A file of that name is replaced when the new one is complete.
    Replaced,
    /// Parts of the file of that name are written again.
    Mended,
}

/// A file that has not got its name yet.
#[derive(Debug)]
enum PartialFile {
    /// Without a name, in the folder of the name that it will get: a process that is killed leaves nothing.
    Nameless(File, PathBuf),
    /// Removed when it is dropped.
    Temporary(NamedTempFile),
    /// Stays under this path.
    Kept(File, PathBuf),
}

impl PartialFile {
    fn begin(place: &OutputPlace) -> io::Result<Self> {
        let file_name = file_name_of(&place.path);
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        let partial = place.partial.clone();
        match place.begin {
            Begin::Unkept => match nameless_in(&place.folder) {
                Some(file) => Ok(PartialFile::Nameless(file, place.folder.clone())),
                None => tempfile::Builder::new()
                    .prefix(&format!(".{file_name}."))
                    .suffix(".partial")
                    .tempfile_in(&place.folder)
                    .map(PartialFile::Temporary),
            },
            Begin::Kept => Ok(PartialFile::Kept(options.create_new(true).open(&partial)?, partial)),
            Begin::KeptOver => {
                Ok(PartialFile::Kept(options.create(true).truncate(true).open(&partial)?, partial))
            }
            Begin::Shared => {
                Ok(PartialFile::Kept(options.create(true).truncate(false).open(&partial)?, partial))
            }
            Begin::Resumed => Ok(PartialFile::Kept(options.open(&partial)?, partial)),
            Begin::Mended => Ok(PartialFile::Kept(options.open(&place.path)?, place.path.clone())),
        }
    }

    fn as_file(&self) -> &File {
        match self {
            PartialFile::Temporary(file) => file.as_file(),
            PartialFile::Nameless(file, _) | PartialFile::Kept(file, _) => file,
        }
    }

    fn path(&self) -> &Path {
        match self {
            PartialFile::Temporary(file) => file.path(),
            PartialFile::Nameless(_, path) | PartialFile::Kept(_, path) => path,
        }
    }

    fn rename(self, target: &Path) -> io::Result<()> {
        match self {
            PartialFile::Nameless(file, folder) => {
                if link(&file, target).is_ok() {
                    return Ok(());
                }
                // A link replaces nothing, a rename does.
                let named = tempfile::Builder::new()
                    .prefix(".")
                    .suffix(".partial")
                    .make_in(folder, |path| link(&file, path))?;
                named.persist(target).map_err(|error| error.error)
            }
            PartialFile::Temporary(file) => file.persist(target).map(drop).map_err(|error| error.error),
            PartialFile::Kept(_, path) => fs::rename(path, target),
        }
    }

    /// Gives a complete file the name under which the next run finds it, where it has another or none.
    fn keep(self, partial: &Path) -> io::Result<Self> {
        match self {
            PartialFile::Nameless(file, _) => {
                link(&file, partial)?;
                Ok(PartialFile::Kept(file, partial.to_owned()))
            }
            PartialFile::Temporary(file) => {
                let file = file.persist(partial).map_err(|error| error.error)?;
                Ok(PartialFile::Kept(file, partial.to_owned()))
            }
            kept => Ok(kept),
        }
    }

    /// Removes it, where that is still to be done.
    fn discard(self) {
        if let PartialFile::Kept(_, path) = self {
            let _ = fs::remove_file(path);
        }
    }
}

/// Gives a file without a name one that nothing has.
fn link(file: &File, path: &Path) -> io::Result<()> {
    let source = format!("/proc/self/fd/{}", file.as_raw_fd());
    rustix::fs::linkat(CWD, &source, CWD, path, AtFlags::SYMLINK_FOLLOW).map_err(io::Error::from)
}

/// A new file without a name that can get one; none where the file system has no such files.
fn nameless_in(folder: &Path) -> Option<File> {
    // Its name will be made through this folder of the system.
    if !Path::new("/proc/self/fd").is_dir() {
        return None;
    }
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    rustix::fs::open(folder, flags, Mode::RUSR | Mode::WUSR).ok().map(File::from)
}

/// An output being written. Dropped before it is published, it is removed unless it was to be kept.
#[derive(Debug)]
pub(crate) struct OutputFile {
    file: PartialFile,
    place: OutputPlace,
    method: WriteMethod,
    /// Held by the one worker that writes: the kernel takes one writer of a file at a time, and lets the others burn their
    /// processors' time until they may. Here they sleep.
    turn: Mutex<()>,
    writeback: WriteBack,
    written: AtomicU64,
    /// What was taken out of the file before this run: everything behind is told of as if it were still there.
    removed: Range<u64>,
}

impl OutputFile {
    /// Bytes written so far.
    pub(crate) fn bytes_written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Writes `bytes` at `offset`, and notes it in `footprint`.
    ///
    /// # Errors
    /// Limit, where the disk is full all the same; Io, where it cannot be written.
    pub(crate) fn write_at(&self, offset: u64, bytes: &[u8], footprint: &mut Footprint) -> Result<()> {
        let at = self.place_of(offset);
        let range = at..at + bytes.len() as u64;
        // Before the kernel's copy drives them out of the processor's cache.
        let sum = footprint.is_recorded().then(|| checksum(bytes));
        match self.method {
            WriteMethod::Pwrite => {
                let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
                self.file.as_file().write_all_at(bytes, at).map_err(|error| self.cannot_write(error))?
            }
            WriteMethod::Mmap => {
                mapping::with_mapped_mut(self.file.as_file(), &self.place.name, range.clone(), |target| {
                    target.copy_from_slice(bytes)
                })?;
            }
        }
        if let Some(sum) = sum {
            footprint.add(offset, bytes.len() as u64, sum);
        }
        self.written.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.writeback.note(self.file.as_file(), range);
        Ok(())
    }

    fn cannot_write(&self, error: io::Error) -> Error {
        Error::io(format_args!("cannot write `{}`", self.place.name), error).where_full(MAKE_ROOM)
    }

    /// Flushes what was written.
    ///
    /// # Errors
    /// As [`OutputFile::write_at`].
    pub(crate) fn flush(&self) -> Result<()> {
        self.file.as_file().sync_data().map_err(|error| self.cannot_write(error))
    }

    /// Cuts the file to `bytes`, flushes it where `flush` says so, tells the journal, and gives it its name.
    ///
    /// # Errors
    /// As [`OutputFile::write_at`].
    pub(crate) fn publish(self, bytes: u64, flush: bool, journal: Option<&dyn Journal>) -> Result<()> {
        publish(vec![(self, bytes)], flush, journal)
    }

    /// Cuts the file to `bytes` and flushes it where `flush` says so: nothing is missing but its name.
    pub(crate) fn complete(&self, bytes: u64, flush: bool) -> Result<()> {
        let (file, place) = (self.file.as_file(), &self.place);
        file.set_len(bytes).map_err(|error| self.cannot_write(error))?;
        let mode = place.mode.unwrap_or_else(|| 0o666 & !umask());
        file.set_permissions(Permissions::from_mode(mode)).map_err(|error| self.cannot_write(error))?;
        if flush {
            file.sync_all().map_err(|error| self.cannot_write(error))?;
        }
        Ok(())
    }

    /// The same under the name that a journal tells the next run.
    fn kept(self) -> Result<Self> {
        let name = &self.place.name;
        let file = self.file.keep(&self.place.partial);
        let file = file.map_err(|error| Error::io(format_args!("cannot write `{name}`"), error))?;
        Ok(OutputFile { file, ..self })
    }

    fn naming(&self, bytes: u64) -> Naming {
        let (partial, name) = (file_name_of(self.file.path()), file_name_of(&self.place.path));
        Naming { partial, name, bytes, checksum: None, folder: None }
    }

    /// The checksum of a small file as a whole.
    fn whole_checksum(&self) -> Result<u64> {
        let bytes = fs::read(self.file.path()).map_err(|error| self.cannot_write(error))?;
        Ok(checksum(&bytes))
    }
}

/// Completes some files of one folder with their sizes in bytes, and then gives them their names in this order.
///
/// # Errors
/// As [`OutputFile::write_at`].
pub(crate) fn publish(
    mut files: Vec<(OutputFile, u64)>,
    flush: bool,
    journal: Option<&dyn Journal>,
) -> Result<()> {
    files.iter().try_for_each(|(file, bytes)| file.complete(*bytes, flush))?;
    if let Some(journal) = journal {
        files = files.into_iter().map(|(file, bytes)| Ok((file.kept()?, bytes))).collect::<Result<_>>()?;
        let mut namings = files.iter().map(|(file, bytes)| file.naming(*bytes)).collect::<Vec<_>>();
        for (naming, (file, _)) in namings.iter_mut().zip(&files).skip(1) {
            naming.checksum = Some(file.whole_checksum()?);
        }
        journal.complete(&namings, flush)?;
    } else if let Some((file, _)) = files.first() {
        // The receipt of a file that is replaced would accuse the new one.
        let _ = fs::remove_file(KeptNames::of(&file.place.path).receipt);
    }
    // With all their bytes in place, files that the new ones belong to must not be found beside old ones.
    files.iter().skip(1).try_for_each(|(file, _)| file.place.remove_old())?;
    for (OutputFile { file, place, .. }, _) in files {
        let cannot = |error| Error::io(format_args!("cannot write `{}`", place.name), error);
        file.rename(&place.path).map_err(cannot)?;
        if flush {
            // The name is only safe once the folder is on the disk too.
            flush_folder(&place.path);
        }
    }
    Ok(())
}

/// The mode bits that this process takes from new files, without changing them.
fn umask() -> u32 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("Umask:"));
    line.and_then(|mask| u32::from_str_radix(mask.trim(), 8).ok()).unwrap_or(0o022)
}
