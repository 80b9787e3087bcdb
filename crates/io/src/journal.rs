//! The journal beside an output that is being written, which becomes the receipt of a complete one: lines of JSON, each
//! with its checksum, so that a journal that ends anywhere is as good as its whole lines.
//!
//! The first line says what is computed from what; then come the head, and tile by tile the stretches of the file with
//! their checksums. Nothing is taken on trust when a run goes on: every stretch is read and compared.

mod lines;
mod lock;
mod mend;
mod names;
mod proof;
mod resume;
mod shards;
mod stored;

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use swathe_core::{
    Error, ErrorKind, Footprint, Journal, Keep, Naming, Part, Position, Result, Shard, Sharing, Size,
};

use self::lock::{Lock, lock};
use crate::checksum::checksum;

pub use mend::Mending;
pub(crate) use names::{KeptNames, shard_file, shared_file};
pub use proof::{Damage, Receipt, Settled, settle, verify};
pub use shards::{ShardState, ShardedOutput, discard_shards, is_shard_done};

/// The version of the journal's own form.
const FORM: u64 = 1;
/// How often the output is flushed, so that what the journal says holds after a loss of power.
const FLUSH_EVERY: Duration = Duration::from_secs(10);
/// What a sink carries on is kept in the line itself up to this many bytes, and else in a file beside it.
const INLINE_CARRY: usize = 64;

/// A journal that will be kept beside an output.
#[derive(Debug)]
pub struct Keeping {
    names: KeptNames,
    /// The output as the user named it.
    output: String,
    /// What is computed from what: `version`, `job`, `inputs`.
    about: Map<String, Value>,
    resume: bool,
    flush: bool,
    receipt: bool,
    /// The part of the output that is computed, where it is not all.
    shard: Option<(Shard, Sharing)>,
    /// What else the first line says: of shards.
    more: Map<String, Value>,
}

impl Keeping {
    /// The journal of the output `path`, whose job `about` tells: a map of what must be the same for a run to go on.
    /// `resume` goes on with what is there; `flush` makes it hold after a loss of power.
    pub fn new(path: &str, about: Map<String, Value>, resume: bool, flush: bool) -> Self {
        let names = KeptNames::of_named(path);
        let (shard, more) = (None, Map::new());
        Keeping { names, output: path.to_owned(), about, resume, flush, receipt: true, shard, more }
    }

    /// Leaves no receipt beside the complete output.
    #[must_use]
    pub fn without_receipt(self) -> Self {
        Keeping { receipt: false, ..self }
    }

    /// The tile size of the run that a journal was kept of, where it is of the same job, so that another can go on with it.
    pub fn tile_to_resume(&self) -> Option<Size> {
        let file = File::open(&self.names.journal).ok()?;
        let header = lines::Lines::new(&file).next()?.0;
        self.differences(&header).is_empty().then(|| tile_of(&header)).flatten()
    }

    /// What the job of a journal or receipt has that this one has not, in words.
    fn differences(&self, header: &Value) -> Vec<String> {
        names::differences(&self.about, header)
    }

    fn header(&self, tile: Size, tiles: u64) -> Value {
        let mut header = Map::new();
        header.insert("journal".into(), json!(FORM));
        header.extend(self.about.clone());
        header.extend(self.more.clone());
        header.insert("tile".into(), json!([tile.width, tile.height]));
        header.insert("tiles".into(), json!(tiles));
        Value::Object(header)
    }

    /// The journal's file with the lock on it, new or as it was left.
    fn locked(&self) -> Result<File> {
        let path = &self.names.journal;
        let cannot = |error| Error::io(format_args!("cannot write the journal `{}`", path.display()), error);
        loop {
            let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
            let file = file.map_err(cannot)?;
            match lock(&file, path) {
                Lock::Ours => return Ok(file),
                Lock::Others => {
                    let message = format!("another run is writing `{}`: its journal is locked", self.output);
                    return Err(Error::new(ErrorKind::UnderWay, message));
                }
                Lock::Renamed => {}
            }
        }
    }
}

/// Removes a file, or a folder with all that is in it.
pub(crate) fn remove(path: &Path) -> std::io::Result<()> {
    match fs::symlink_metadata(path)?.is_dir() {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    }
}

/// Flushes the folder of a file, so that its name holds; file systems without folders to flush say so.
pub(crate) fn flush_folder(path: &Path) {
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
}

fn tile_of(header: &Value) -> Option<Size> {
    size_of(&header["tile"])
}

fn size_of(sides: &Value) -> Option<Size> {
    let side = |index: usize| sides.get(index)?.as_u64().map(|side| side as usize);
    Some(Size::new(side(0)?, side(1)?))
}

impl Keep for Keeping {
    fn open(self: Box<Self>, tile: Size, tiles: u64, threads: usize) -> Result<Box<dyn Journal>> {
        let held = self.locked()?;
        self.check_other_shards(&held)?;
        let header = self.header(tile, tiles);
        let found = if self.resume { self.left_over(&held, &header)? } else { None };
        let (file, position, head) = match found {
            Some(found) => (found.file, found.position, true),
            None => (self.begin(held, &header)?, Position::default(), false),
        };
        let shares = self.shares();
        let complete = match self.shard {
            Some((shard, _)) => format!("shard {shard} of `{}` is complete", self.output),
            None => format!("the output `{}` is complete and in place", self.output),
        };
        Ok(Box::new(FileJournal {
            complete,
            names: self.names,
            receipt: self.receipt,
            shares,
            position,
            has_head: head,
            file: Mutex::new(file),
            carried: Mutex::new(None),
            slots: 2 * threads as u64 + 2,
            flush: self.flush,
            begun: Instant::now(),
            flushed_at: AtomicU64::new(0),
        }))
    }
}

impl Keeping {
    /// Begins anew: whatever another run left is removed.
    fn begin(&self, mut file: File, header: &Value) -> Result<File> {
        let cannot = |error| self.names.cannot_write_journal(error);
        let known = file.metadata().map_err(cannot)?.len() > 0;
        if !self.shares() && self.names.partial.exists() {
            if !known && !self.is_shard_done() {
                let _ = fs::remove_file(&self.names.journal);
                return Err(Error::usage(format!(
                    "`{}` is in the way, and no journal of Swathe's goes with it: remove it, or choose another output",
                    self.names.partial.display()
                )));
            }
            remove(&self.names.partial).map_err(cannot)?;
        }
        for path in [&self.names.carry, &self.names.renewed] {
            let _ = fs::remove_file(path);
        }
        if self.shard.is_some() {
            // It is not done any longer.
            let _ = fs::remove_file(&self.names.receipt);
        }
        file.set_len(0).map_err(cannot)?;
        std::io::Seek::rewind(&mut file).map_err(cannot)?;
        let written = file.write_all(lines::line(header).as_bytes());
        if written.is_err() {
            let _ = fs::remove_file(&self.names.journal);
        }
        written.map_err(cannot)?;
        // Those who compute other shards on other machines look at it, too.
        if self.flush || self.shard.is_some() {
            // Or a loss of power could leave a partial file of which nobody says whose it is.
            file.sync_data().map_err(cannot)?;
        }
        Ok(file)
    }
}

/// A journal that is being written.
#[derive(Debug)]
struct FileJournal {
    names: KeptNames,
    /// What is there when it is closed, in words.
    complete: String,
    receipt: bool,
    /// Whether others write into the same partial output.
    shares: bool,
    position: Position,
    /// Whether the head was written down by the run before.
    has_head: bool,
    file: Mutex<File>,
    /// The file of what is carried on, and the bytes between its slots.
    carried: Mutex<Option<(File, u64)>>,
    slots: u64,
    flush: bool,
    begun: Instant,
    /// Milliseconds from the beginning to the last flush.
    flushed_at: AtomicU64,
}

impl FileJournal {
    fn cannot(&self, error: std::io::Error) -> Error {
        self.names.cannot_write_journal(error)
    }

    fn append(&self, entry: &Value) -> Result<()> {
        let line = lines::line(entry);
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(line.as_bytes()).map_err(|error| self.cannot(error))
    }

    /// Keeps what a sink carries on behind tile `sequence` in one of as many slots as can be under way; returns its place.
    fn keep_carry(&self, sequence: u64, carry: &[u8]) -> Result<Value> {
        if carry.len() <= INLINE_CARRY {
            return Ok(Value::String(lines::hex(carry)));
        }
        let mut carried = self.carried.lock().unwrap_or_else(PoisonError::into_inner);
        if carried.is_none() {
            let file = OpenOptions::new().write(true).create(true).truncate(false).open(&self.names.carry);
            let distance = (carry.len() as u64).next_multiple_of(4096) + 4096;
            *carried = Some((file.map_err(|error| self.cannot(error))?, distance));
        }
        let Some((file, distance)) = carried.as_ref() else {
            return Err(Error::bug("a file was made and is not there"));
        };
        if carry.len() as u64 > *distance {
            return Err(Error::bug("what is carried from tile to tile grew"));
        }
        let at = sequence % self.slots * distance;
        file.write_all_at(carry, at).map_err(|error| self.cannot(error))?;
        Ok(json!([at, carry.len(), lines::number(checksum(carry))]))
    }
}

impl Journal for FileJournal {
    fn position(&self) -> &Position {
        &self.position
    }

    fn record(&self, part: Part, footprint: &Footprint) -> Result<()> {
        let extents = lines::extents(footprint.extents());
        match part {
            Part::Head if self.has_head => Ok(()),
            Part::Head => {
                let mut entry = json!({ "head": extents });
                if let Some(files) = footprint.files() {
                    stored::add_files(&mut entry, files);
                }
                self.append(&entry)
            }
            // To those who prove the output it is one with the head.
            Part::Rest => self.append(&json!({ "head": extents })),
            Part::Tile(sequence) if footprint.carry().is_empty() => {
                self.append(&json!({ "tile": sequence, "extents": extents }))
            }
            Part::Tile(sequence) => {
                let carry = self.keep_carry(sequence, footprint.carry())?;
                self.append(&json!({ "tile": sequence, "extents": extents, "carry": carry }))
            }
        }
    }

    fn is_flush_due(&self) -> bool {
        let now = self.begun.elapsed().as_millis() as u64;
        let last = self.flushed_at.load(Ordering::Relaxed);
        let due = now - last.min(now) >= FLUSH_EVERY.as_millis() as u64;
        self.flush
            && due
            && self.flushed_at.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    fn flushed(&self) -> Result<()> {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner).try_clone();
        file.and_then(|file| file.sync_data()).map_err(|error| self.cannot(error))
    }

    fn moved(&self, from: u64, less: u64) -> Result<()> {
        self.append(&json!({ "moved": [from, less] }))
    }

    fn complete(&self, files: &[Naming], flush: bool) -> Result<()> {
        let files = files
            .iter()
            .map(|file| {
                let sum = file.checksum.map(lines::number);
                let mut entry =
                    json!({ "partial": file.partial, "name": file.name, "bytes": file.bytes, "sum": sum });
                if let Some(mark) = file.folder {
                    entry["folder"] = json!([mark.inode, mark.replaces]);
                }
                entry
            })
            .collect::<Vec<_>>();
        self.append(&json!({ "complete": files }))?;
        if flush { self.flushed() } else { Ok(()) }
    }

    fn close(self: Box<Self>) -> Result<()> {
        let _ = fs::remove_file(&self.names.carry);
        if self.receipt {
            fs::rename(&self.names.journal, &self.names.receipt).map_err(|error| {
                Error::io(
                    format_args!(
                        "{}, but its journal `{}` cannot become its receipt",
                        self.complete,
                        self.names.journal.display()
                    ),
                    error,
                )
            })?;
            if self.flush {
                flush_folder(&self.names.receipt);
            }
            return Ok(());
        }
        // A receipt of a file that was replaced would accuse the new one.
        let _ = fs::remove_file(&self.names.receipt);
        fs::remove_file(&self.names.journal).map_err(|error| self.cannot(error))
    }

    fn give_up(self: Box<Self>) {
        if !self.shares {
            let _ = remove(&self.names.partial);
        }
        for path in [&self.names.carry, &self.names.journal] {
            let _ = remove(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_without_its_name_says_what_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("o.tif");
        let output = path.display().to_string();
        let shard = Shard { number: 2, count: 4 };
        let whole = || Keeping::new(&output, Map::new(), false, false);
        for (keeping, says) in [
            (whole(), format!("the output `{output}` is complete and in place, but")),
            (whole().of_shard(shard, Sharing::OneFile), format!("shard 2/4 of `{output}` is complete, but")),
            (whole().of_shard(shard, Sharing::OwnFiles), format!("shard 2/4 of `{output}` is complete, but")),
        ] {
            let receipt = keeping.names.receipt.clone();
            let journal = Box::new(keeping).open(Size::new(1, 1), 1, 1).unwrap();
            // No file takes the name of a folder.
            fs::create_dir(&receipt).unwrap();
            let error = journal.close().unwrap_err().to_string();
            assert!(error.contains(&says) && error.contains("cannot become its receipt"), "{error}");
            fs::remove_dir(&receipt).unwrap();
            for left in fs::read_dir(folder.path()).unwrap() {
                fs::remove_file(left.unwrap().path()).unwrap();
            }
        }
    }
}
