//! Opened input files: their identity, and their bytes by range.

use std::fs::{File, Metadata};
use std::ops::Range;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
use std::sync::atomic::{AtomicU64, Ordering};

use swathe_core::{Error, ErrorKind, Result, TileMut};

use crate::{file_system, mapping};

/// How the bytes of a file are reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AccessMethod {
    /// A memory map of the range, for the time of the read.
    Mmap,
    /// Positioned reads into the reader's own memory: the faster of the two (ARCHITECTURE.md has the figures), and the
    /// one that a lost server cannot turn into a signal.
    #[default]
    Pread,
}

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        Identity {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

/// A file opened to be read by several workers at once.
#[derive(Debug)]
pub(crate) struct InputFile {
    file: File,
    name: String,
    identity: Identity,
    method: AccessMethod,
    /// The network or FUSE file system that it lies on.
    distant: Option<&'static str>,
    bytes_read: AtomicU64,
}

impl InputFile {
    /// Opens a regular file that holds something.
    ///
    /// # Errors
    /// Io, where it is missing, no regular file, or not readable; Damaged, where it is empty.
    pub(crate) fn open(path: &str, method: Option<AccessMethod>) -> Result<Self> {
        let cannot = |error| Error::io(format_args!("cannot open `{path}`"), error);
        let metadata = std::fs::metadata(path).map_err(cannot)?;
        let kind = metadata.file_type();
        if kind.is_dir() {
            return Err(Error::new(ErrorKind::Io, format!("`{path}` is a directory, not a raster file")));
        }
        if !kind.is_file() {
            let what = if kind.is_fifo() { "a pipe" } else { "no regular file" };
            return Err(Error::new(
                ErrorKind::Io,
                format!("`{path}` is {what}; rasters are read from regular files, in any order"),
            ));
        }
        if metadata.len() == 0 {
            return Err(Error::damaged(format!("`{path}` is empty")));
        }
        let file = File::open(path).map_err(cannot)?;
        let identity = Identity::of(&file.metadata().map_err(cannot)?);
        let distant = file_system::distant(&file);
        let chosen = if distant.is_some() { AccessMethod::Pread } else { AccessMethod::default() };
        let method = method.unwrap_or(chosen);
        Ok(InputFile {
            file,
            name: path.to_owned(),
            identity,
            method,
            distant,
            bytes_read: AtomicU64::new(0),
        })
    }

    /// The file's name as the user gave it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Its length in bytes when it was opened.
    pub(crate) fn length(&self) -> u64 {
        self.identity.length
    }

    /// How its bytes are reached.
    pub(crate) fn method(&self) -> AccessMethod {
        self.method
    }

    /// The same in words, with the file system where it is a network's or FUSE.
    pub(crate) fn way(&self) -> String {
        let method = match self.method {
            AccessMethod::Mmap => "mmap",
            AccessMethod::Pread => "pread",
        };
        file_system::way(method, self.distant)
    }

    /// Bytes that were read so far.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }

    /// Fills `bytes` from `offset` on.
    ///
    /// # Errors
    /// Damaged, where the file ends before.
    pub(crate) fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<()> {
        self.check_range(offset, bytes.len() as u64)?;
        self.file.read_exact_at(bytes, offset).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => {
                let end = offset + bytes.len() as u64;
                let name = &self.name;
                Error::damaged(format!(
                    "`{name}` was cut short while it was read: bytes {offset} to {end} are gone"
                ))
            }
            _ => Error::unreadable(
                format_args!("cannot read {} bytes at {offset} of `{}`", bytes.len(), self.name),
                error,
            ),
        })?;
        self.bytes_read.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Reads some rows of a band of a tile, which lie from `offset` on as they do in memory, straight into it. Does nothing and
    /// returns false where bytes are reached by a map, or rows of the tile do not follow one another without a gap.
    ///
    /// # Errors
    /// As [`InputFile::read_at`].
    pub(crate) fn read_rows_at(
        &self,
        offset: u64,
        tile: &mut TileMut<'_>,
        band: usize,
        rows: Range<usize>,
    ) -> Result<bool> {
        if self.method == AccessMethod::Mmap {
            return Ok(false);
        }
        match tile.rows_bytes_mut(band, rows.start, rows.len()) {
            Some(bytes) => self.read_at(offset, bytes).map(|()| true),
            None => Ok(false),
        }
    }

    /// Runs `read` over `length` bytes from `offset` on: mapped, or read into `buffer`, which has room for them.
    ///
    /// # Errors
    /// Damaged, where the file ends before.
    pub(crate) fn with_bytes<R>(
        &self,
        offset: u64,
        length: usize,
        buffer: &mut [u8],
        read: impl FnOnce(&[u8]) -> R,
    ) -> Result<R> {
        match self.method {
            AccessMethod::Mmap => {
                self.check_range(offset, length as u64)?;
                self.bytes_read.fetch_add(length as u64, Ordering::Relaxed);
                mapping::with_mapped(&self.file, &self.name, offset..offset + length as u64, read)
            }
            AccessMethod::Pread => {
                let buffer = &mut buffer[..length];
                self.read_at(offset, buffer)?;
                Ok(read(buffer))
            }
        }
    }

    /// Checks that a range lies inside the file.
    ///
    /// # Errors
    /// Damaged, with both numbers.
    pub(crate) fn check_range(&self, offset: u64, length: u64) -> Result<()> {
        match offset.checked_add(length) {
            Some(end) if end <= self.identity.length => Ok(()),
            _ => Err(Error::damaged(format!(
                "`{}` ends at byte {}, but {length} bytes at {offset} are asked for: it is cut short or damaged",
                self.name, self.identity.length
            ))),
        }
    }

    /// Checks that the file is as it was when it was opened.
    ///
    /// # Errors
    /// Damaged, where it was changed or replaced.
    pub(crate) fn check_unchanged(&self) -> Result<()> {
        let metadata = self
            .file
            .metadata()
            .map_err(|error| Error::unreadable(format_args!("cannot look at `{}`", self.name), error))?;
        if Identity::of(&metadata) == self.identity {
            return Ok(());
        }
        let (then, now) = (self.identity.length, metadata.len());
        let how = if then == now {
            format!("{then} bytes as before, but written at another time")
        } else {
            format!("{then} bytes then, {now} now")
        };
        Err(Error::damaged(format!("`{}` was changed while it was read ({how})", self.name)))
    }
}
