//! A store in a folder: its nodes, and the files of an array's chunks.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::OFlags;
use swathe_core::{Error, ErrorKind, Result};

use crate::access::InputFile;
use crate::zarr::metadata::{self, ArrayMetadata, Node};

/// Metadata are read whole; none are longer.
const MOST_METADATA_BYTES: u64 = 16 << 20;
/// How deep arrays are looked for, and the most nodes that are looked at.
const DEEPEST: usize = 4;
const MOST_NODES: usize = 4096;
/// What a node of version 2 has.
const VERSION_2: [&str; 3] = [".zarray", ".zgroup", ".zmetadata"];

/// Whether a folder is a node of a store of this or of the version before.
pub(crate) fn is_store(folder: &Path) -> bool {
    folder.join(metadata::FILE).is_file() || is_version_2(folder)
}

fn is_version_2(folder: &Path) -> bool {
    VERSION_2.iter().any(|name| folder.join(name).is_file())
}

/// The text of a node's metadata.
fn read_metadata(folder: &Path) -> Result<(InputFile, Vec<u8>)> {
    let path = folder.join(metadata::FILE);
    let file = InputFile::open(&path.to_string_lossy(), None)?;
    if file.length() > MOST_METADATA_BYTES {
        return Err(Error::damaged(format!("`{}`: metadata of {} bytes", path.display(), file.length())));
    }
    let mut text = vec![0; file.length() as usize];
    file.read_at(0, &mut text)?;
    Ok((file, text))
}

/// An array in a store.
#[derive(Debug)]
pub(crate) struct ArrayFiles {
    folder: PathBuf,
    /// As messages call it.
    name: String,
    file: InputFile,
    bytes_read: AtomicU64,
}

impl ArrayFiles {
    /// The array in the folder `path`: the folder itself, or the one of the name `selected`, or the only one that may be a raster.
    ///
    /// # Errors
    /// Io, where it can't be read; Usage, where there are several, or none of that name; Damaged and Unsupported, where
    /// its metadata are.
    pub(crate) fn find(path: &str, selected: Option<&str>) -> Result<(Self, ArrayMetadata)> {
        let root = Path::new(path);
        if !root.join(metadata::FILE).is_file() && is_version_2(root) {
            return Err(Error::unsupported(format!(
                "`{path}` is a Zarr store of version 2, which is not supported; zarr-python's `zarr migrate v3` rewrites its metadata"
            )));
        }
        let folder = match selected {
            Some(name) => {
                let is_inside =
                    Path::new(name).components().all(|part| matches!(part, std::path::Component::Normal(_)));
                if !is_inside || !root.join(name).join(metadata::FILE).is_file() {
                    return Err(Error::usage(format!("`{path}` has no array `{name}`{}", listed(root)?)));
                }
                root.join(name)
            }
            None => root.to_owned(),
        };
        let name = folder.to_string_lossy().into_owned();
        let (file, text) = read_metadata(&folder)?;
        match metadata::parse(&name, &text)? {
            Node::Array(array) => {
                let bytes_read = AtomicU64::new(0);
                Ok((ArrayFiles { folder, name: name.clone(), file, bytes_read }, *array))
            }
            Node::Group => match rasters(&folder)?.as_slice() {
                [] => Err(Error::unsupported(format!("`{name}` holds no array of two or more dimensions"))),
                [only] => {
                    let inner = folder.join(only).to_string_lossy().into_owned();
                    ArrayFiles::find(&inner, None)
                }
                _ => Err(Error::usage(format!(
                    "`{name}` holds several arrays: choose one{}",
                    listed(&folder)?
                ))),
            },
        }
    }

    /// An array beside this one; none where there is none that can be read.
    pub(crate) fn beside(&self, name: &str) -> Option<(Self, ArrayMetadata)> {
        let above = self.folder.parent()?;
        if name.is_empty() || name.contains('/') || name.starts_with('.') {
            return None;
        }
        let folder = above.join(name);
        let (file, text) = read_metadata(&folder).ok()?;
        let inner = folder.to_string_lossy().into_owned();
        match metadata::parse(&inner, &text).ok()? {
            Node::Array(array) => {
                Some((ArrayFiles { folder, name: inner, file, bytes_read: AtomicU64::new(0) }, *array))
            }
            Node::Group => None,
        }
    }

    /// As messages call it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Bytes of chunks that were read so far.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }

    /// Checks that the metadata are as they were.
    ///
    /// # Errors
    /// Damaged, where they were changed.
    pub(crate) fn check_unchanged(&self) -> Result<()> {
        self.file.check_unchanged()
    }

    /// An error that names array and chunk.
    pub(crate) fn damaged(&self, key: &str, fault: impl std::fmt::Display) -> Error {
        Error::new(ErrorKind::Damaged, format!("`{}`: chunk `{key}` is damaged: {fault}", self.name))
    }

    /// The bytes of a chunk's file; none where it is missing.
    ///
    /// # Errors
    /// Damaged, where it can't be looked at.
    pub(crate) fn length(&self, key: &str) -> Result<Option<u64>> {
        match fs::metadata(self.folder.join(key)) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(self.unreadable(key, error)),
        }
    }

    /// Bytes of the files below the array's folder, its metadata left out, and how many they are; no more than `most`
    /// are looked at.
    pub(crate) fn stored_bytes(&self, most: usize) -> (u64, u64) {
        let (mut bytes, mut files) = (0_u64, 0);
        let mut left = vec![self.folder.clone()];
        while let Some(folder) = left.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let Ok(kind) = entry.file_type() else { continue };
                if kind.is_dir() {
                    left.push(entry.path());
                } else if entry.file_name() != metadata::FILE {
                    bytes = bytes.saturating_add(entry.metadata().map_or(0, |metadata| metadata.len()));
                    files += 1;
                }
                if files >= most {
                    return (bytes, files as u64);
                }
            }
        }
        (bytes, files as u64)
    }

    /// Opens a chunk's file; none where it is missing.
    ///
    /// # Errors
    /// Damaged, where it is no file or can't be opened.
    pub(crate) fn open(&self, key: &str) -> Result<Option<ChunkFile<'_>>> {
        // Anything may lie there: a pipe must not be waited for.
        let flags = (OFlags::NONBLOCK | OFlags::CLOEXEC).bits() as i32;
        let opened = fs::OpenOptions::new().read(true).custom_flags(flags).open(self.folder.join(key));
        let opened = opened.and_then(|file| file.metadata().map(|metadata| (file, metadata)));
        match opened {
            Ok((_, metadata)) if !metadata.is_file() => Err(self.damaged(key, "it is no regular file")),
            Ok((file, metadata)) => {
                Ok(Some(ChunkFile { array: self, key: key.to_owned(), file, length: metadata.len() }))
            }
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(self.unreadable(key, error)),
        }
    }

    fn unreadable(&self, key: &str, error: io::Error) -> Error {
        Error::unreadable(format_args!("cannot read chunk `{key}` of `{}`", self.name), error)
    }
}

fn is_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

/// An opened chunk or shard.
#[derive(Debug)]
pub(crate) struct ChunkFile<'a> {
    array: &'a ArrayFiles,
    key: String,
    file: File,
    pub(crate) length: u64,
}

impl ChunkFile<'_> {
    /// Fills `bytes` from `offset` on.
    ///
    /// # Errors
    /// Damaged, where it ends before or can't be read.
    pub(crate) fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<()> {
        self.check_range(offset, bytes.len())?;
        self.file.read_exact_at(bytes, offset).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => self.damaged("it was cut short while it was read"),
            _ => self.array.unreadable(&self.key, error),
        })?;
        self.array.bytes_read.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Checks that it holds `length` bytes from `offset` on.
    ///
    /// # Errors
    /// Damaged, where it does not.
    pub(crate) fn check_range(&self, offset: u64, length: usize) -> Result<()> {
        match offset.checked_add(length as u64) {
            Some(end) if end <= self.length => Ok(()),
            _ => Err(self.damaged(format_args!(
                "it ends at byte {}, and {length} bytes at {offset} are asked for",
                self.length
            ))),
        }
    }

    /// An error that names array and chunk.
    pub(crate) fn damaged(&self, fault: impl std::fmt::Display) -> Error {
        self.array.damaged(&self.key, fault)
    }
}

/// The arrays of a group that may be rasters, by their names within it, in order.
fn rasters(group: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut looked_at = 0;
    let mut left = vec![(PathBuf::new(), 0)];
    while let Some((inner, depth)) = left.pop() {
        let folder = group.join(&inner);
        let cannot = |error| Error::io(format_args!("cannot read `{}`", folder.display()), error);
        for entry in fs::read_dir(&folder).map_err(cannot)? {
            let name = entry.map_err(cannot)?.file_name();
            let node = inner.join(&name);
            if !group.join(&node).join(metadata::FILE).is_file() {
                continue;
            }
            looked_at += 1;
            if looked_at > MOST_NODES {
                let message = format!(
                    "`{}` holds more than {MOST_NODES} nodes: choose one with `:array=NAME`",
                    group.display()
                );
                return Err(Error::usage(message));
            }
            let (_, text) = read_metadata(&group.join(&node))?;
            if metadata::is_raster_like(&text) {
                found.push(node.to_string_lossy().into_owned());
            } else if depth + 1 < DEEPEST {
                left.push((node, depth + 1));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The arrays of a group, for a message.
fn listed(group: &Path) -> Result<String> {
    const MOST: usize = 20;
    let found = rasters(group)?;
    let names = found.iter().take(MOST).map(|name| format!("`:array={name}`")).collect::<Vec<_>>();
    let more = if found.len() > MOST { ", and more" } else { "" };
    Ok(if names.is_empty() { String::new() } else { format!("; there are {}{more}", names.join(", ")) })
}
