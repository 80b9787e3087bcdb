//! Proving a complete output against its receipt, and giving one its name that has all but that.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use swathe_core::{Error, ErrorKind, Extent, FolderMark, Result, Size};

use super::lock::{Lock, lock};
use super::names::{KeptNames, differences};
use super::stored::Stored;
use super::{lines, remove, size_of, tile_of};
use crate::checksum::checksum;
use crate::output::folder::put_in_place;

/// What a receipt says of an output.
#[derive(Clone, Debug, PartialEq)]
pub struct Receipt {
    /// What was computed from what, and on which tiles.
    pub header: Value,
    /// The tile size of the run.
    pub tile: Size,
    /// The number of tiles.
    pub tiles: u64,
    /// The tile size of each shard, where the output was computed in shards.
    pub shards: Vec<Size>,
    path: PathBuf,
}

/// What of an output is not as its receipt says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    /// Whether what stands before the first tile is damaged.
    pub head: bool,
    /// The tiles that are damaged, by number, in order.
    pub tiles: BTreeSet<u64>,
    /// Files that are missing or have another size, and small ones of another content: name, bytes as they should be,
    /// bytes as they are.
    pub files: Vec<(String, u64, Option<u64>)>,
    /// Bytes that were compared.
    pub bytes: u64,
}

impl Damage {
    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        !self.head && self.tiles.is_empty() && self.files.is_empty()
    }
}

impl Receipt {
    /// The receipt of an output.
    ///
    /// # Errors
    /// Io, where there is none; Damaged, where it is not whole.
    pub fn of(output: &str) -> Result<Self> {
        let path = KeptNames::of_named(output).receipt;
        let file = File::open(&path).map_err(|error| {
            Error::io(
                format_args!("`{output}` has no receipt (`{}`) to be proved against", path.display()),
                error,
            )
        })?;
        let damaged = || {
            Error::damaged(format!(
                "the receipt `{}` is damaged: what it was to prove has to be computed anew",
                path.display()
            ))
        };
        let (header, _) = lines::Lines::new(&file).next().ok_or_else(damaged)?;
        let tile = tile_of(&header).filter(|tile| !tile.is_empty()).ok_or_else(damaged)?;
        let tiles = header["tiles"].as_u64().ok_or_else(damaged)?;
        let shards = match header["shards"].as_array() {
            Some(sizes) => sizes.iter().map(size_of).collect::<Option<_>>().ok_or_else(damaged)?,
            None => Vec::new(),
        };
        Ok(Receipt { header, tile, tiles, shards, path })
    }

    /// What it says otherwise than `about`, in words.
    pub fn differences(&self, about: &Map<String, Value>) -> Vec<String> {
        differences(about, &self.header)
    }

    /// What a tile became, and what is carried on behind the one before it, where the receipt tells.
    ///
    /// # Errors
    /// Io, where the receipt can't be read.
    pub fn carry_before(&self, tile: u64) -> Result<Option<Vec<u8>>> {
        let Some(before) = tile.checked_sub(1) else { return Ok(Some(Vec::new())) };
        let file = self.open()?;
        let entry = lines::Lines::new(&file).find(|(entry, _)| entry["tile"].as_u64() == Some(before));
        Ok(entry.and_then(|(entry, _)| match &entry["carry"] {
            Value::Null => Some(Vec::new()),
            Value::String(text) => lines::unhex(text),
            _ => None,
        }))
    }

    /// How many bytes nearer to the file's beginning tiles lie than they were written; see [`swathe_core::Journal::moved`].
    ///
    /// # Errors
    /// Io, where the receipt can't be read.
    pub(super) fn moved_bytes(&self) -> Result<u64> {
        Ok(Moved::of(&self.open()?).less)
    }

    fn open(&self) -> Result<File> {
        File::open(&self.path)
            .map_err(|error| Error::io(format_args!("cannot read `{}`", self.path.display()), error))
    }
}

/// Compares every byte of an output with its receipt.
///
/// # Errors
/// Io, where there is no receipt or the output can't be read; Damaged, where the receipt is not whole.
pub fn verify(output: &str) -> Result<(Receipt, Damage)> {
    let receipt = Receipt::of(output)?;
    let cannot = |error| Error::io(format_args!("cannot read `{}`", receipt.path.display()), error);
    let mut pixels = Stored::open(Path::new(output))
        .map_err(|error| Error::io(format_args!("cannot open `{output}`"), error))?;
    let folder = receipt.path.parent().unwrap_or(Path::new(".")).to_owned();
    let mut damage = Damage::default();
    let (mut seen, mut complete) = (0, false);
    let moved = Moved::of(&File::open(&receipt.path).map_err(cannot)?);
    let entries = File::open(&receipt.path).map_err(cannot)?;
    for (entry, _) in lines::Lines::new(&entries).skip(1) {
        if let Some(files) = entry["complete"].as_array() {
            complete = true;
            damage.files = files.iter().filter_map(|file| wrong_file(&folder, file)).collect();
            continue;
        }
        if entry.get("moved").is_some() {
            continue;
        }
        pixels.learn(&entry);
        let tile = entry["tile"].as_u64();
        let extents = if tile.is_some() { &entry["extents"] } else { &entry["head"] };
        seen += u64::from(tile.is_some());
        let extents = lines::extents_of(extents);
        let extents = if tile.is_some() { extents.map(|extents| moved.apply(extents)) } else { extents };
        damage.bytes += extents.iter().flatten().map(|extent| extent.length * extent.count).sum::<u64>();
        if !extents.is_some_and(|extents| pixels.holds(&extents)) {
            match tile {
                Some(tile) => {
                    damage.tiles.insert(tile);
                }
                None => damage.head = true,
            }
        }
    }
    if !complete || seen != receipt.tiles {
        let message = format!(
            "the receipt `{}` is damaged, it knows {seen} of {} tiles: what it was to prove has to be computed anew",
            receipt.path.display(),
            receipt.tiles
        );
        return Err(Error::damaged(message));
    }
    Ok((receipt, damage))
}

fn wrong_file(folder: &Path, file: &Value) -> Option<(String, u64, Option<u64>)> {
    let (name, bytes) = (file["name"].as_str()?, file["bytes"].as_u64()?);
    let path = folder.join(name);
    let metadata = fs::metadata(&path).ok();
    if mark_of(file).is_some() {
        // Its files are compared one by one.
        return (!metadata.is_some_and(|metadata| metadata.is_dir())).then(|| (name.to_owned(), bytes, None));
    }
    let found = metadata.map(|metadata| metadata.len());
    let holds = || match file["sum"].as_str() {
        Some(sum) => fs::read(&path).is_ok_and(|content| lines::number(checksum(&content)) == sum),
        None => true,
    };
    (found != Some(bytes) || !holds()).then(|| (name.to_owned(), bytes, found))
}

/// What tells a folder from the one that it replaces, where the entry of a file is that of a folder.
fn mark_of(file: &Value) -> Option<FolderMark> {
    let mark = file.get("folder")?;
    Some(FolderMark { inode: mark.get(0)?.as_u64()?, replaces: mark.get(1)?.as_bool()? })
}

/// Whether files of a folder are missing or of other lengths than the journal at `path` says.
fn lacks_files(folder: &Path, file: &Value, path: &Path) -> bool {
    if mark_of(file).is_none() {
        return false;
    }
    let (Some(name), Ok(entries)) = (file["name"].as_str(), File::open(path)) else { return true };
    let Ok(mut stored) = Stored::open(&folder.join(name)) else { return true };
    lines::Lines::new(&entries).any(|(entry, _)| {
        stored.learn(&entry);
        let extents = entry.get("extents").or_else(|| entry.get("head"));
        extents.is_some_and(|extents| {
            !lines::extents_of(extents).is_some_and(|extents| stored.lengths_hold(&extents))
        })
    })
}

/// What lies nearer to the beginning of a complete file than when it was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Moved {
    pub(super) from: u64,
    pub(super) less: u64,
}

impl Moved {
    /// What a receipt says of it.
    pub(super) fn of(receipt: &File) -> Self {
        let found = lines::Lines::new(receipt).find_map(|(entry, _)| {
            let moved = entry.get("moved")?;
            Some(Moved { from: moved.get(0)?.as_u64()?, less: moved.get(1)?.as_u64()? })
        });
        found.unwrap_or_default()
    }

    /// The line of a journal that says so.
    pub(super) fn line(self) -> String {
        lines::line(&json!({ "moved": [self.from, self.less] }))
    }

    /// Where stretches lie that tiles became.
    pub(super) fn apply(self, mut extents: Vec<Extent>) -> Vec<Extent> {
        for extent in extents.iter_mut().filter(|extent| extent.offset >= self.from) {
            extent.offset = extent.offset.saturating_sub(self.less);
        }
        extents
    }
}

/// What there is of an output that a run may have completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It is complete, by its receipt or by a journal that only the names were missing of, which it has now.
    Complete,
    /// It is not yet: another run holds its journal.
    UnderWay,
    /// It is not.
    Not,
}

/// Looks whether an output is complete and of the job that `about` tells; files that only miss their names get them.
///
/// # Errors
/// Io, where a name can't be given.
pub fn settle(output: &str, about: &Map<String, Value>) -> Result<Settled> {
    let names = KeptNames::of_named(output);
    let folder = names.journal.parent().unwrap_or(Path::new(".")).to_owned();
    let is_of_this = |path: &Path| {
        let (header, files) = completed(&File::open(path).ok()?)?;
        differences(about, &header).is_empty().then_some(files)
    };
    let is_there = |files: &[Value], path: &Path| {
        files.iter().all(|file| wrong_file(&folder, file).is_none() && !lacks_files(&folder, file, path))
    };
    // The lock is held until the names are given: two that look at once must not give them both.
    let journal = File::open(&names.journal);
    let held = journal.as_ref().ok().map(|journal| lock(journal, &names.journal));
    if let (Some(Lock::Ours), Some(files)) = (held, is_of_this(&names.journal))
        && name(&folder, &files)?
        && is_there(&files, &names.journal)
    {
        let _ = fs::remove_file(&names.carry);
        fs::rename(&names.journal, &names.receipt)
            .map_err(|error| Error::io(format_args!("cannot rename `{}`", names.journal.display()), error))?;
        return Ok(Settled::Complete);
    }
    if is_of_this(&names.receipt).is_some_and(|files| is_there(&files, &names.receipt)) {
        return Ok(Settled::Complete);
    }
    Ok(if held == Some(Lock::Others) { Settled::UnderWay } else { Settled::Not })
}

/// The header of a journal of a complete output and the files that it names.
pub(super) fn completed(file: &File) -> Option<(Value, Vec<Value>)> {
    let mut entries = lines::Lines::new(file);
    let (header, _) = entries.next()?;
    let (last, _) = entries.last()?;
    Some((header, last["complete"].as_array()?.clone()))
}

/// Gives files that are complete the names that they were to get; false where a folder is not the one that it was.
fn name(folder: &Path, files: &[Value]) -> Result<bool> {
    let mut known = true;
    for file in files {
        let (Some(partial), Some(name)) = (file["partial"].as_str(), file["name"].as_str()) else { continue };
        // Names only: nothing outside the output's folder is touched, whatever a journal says.
        if [partial, name].iter().any(|name| name.contains('/')) {
            return Err(Error::new(ErrorKind::Damaged, "a journal names files of another folder"));
        }
        let (from, to) = (folder.join(partial), folder.join(name));
        if let Some(mark) = mark_of(file) {
            known &= name_folder(&from, &to, mark)
                .map_err(|error| Error::io(format_args!("cannot rename `{partial}` to `{name}`"), error))?;
            continue;
        }
        match fs::rename(from, to) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io(format_args!("cannot rename `{partial}` to `{name}`"), error));
            }
            _ => {}
        }
    }
    Ok(known)
}

/// Gives a complete folder its name, unless it has it already and what it replaced is left. False where none of the two
/// names is its own, or what came to be there in the meantime is nobody's to remove.
fn name_folder(partial: &Path, target: &Path, mark: FolderMark) -> std::io::Result<bool> {
    let is_ours = |path: &Path| fs::metadata(path).is_ok_and(|metadata| metadata.ino() == mark.inode);
    if is_ours(target) {
        if partial.is_dir() {
            remove(partial)?;
        }
        return Ok(true);
    }
    let named = is_ours(partial) && (mark.replaces || !target.exists());
    if named {
        put_in_place(partial, target, target.exists())?;
    }
    Ok(named)
}
