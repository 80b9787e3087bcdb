//! The journals of runs that compute one output together, each a part of it, and what they prove once all are done.
//!
//! Beside `OUT` lie, for the second of four: `OUT.shard-2-of-4.journal` while it is at work, `OUT.shard-2-of-4.receipt` when it is
//! done, and its pixels in `OUT.shards`, which all of them write, or, where places are not known beforehand, in
//! `OUT.shard-2-of-4`. A journal with a lock on it is that of a run at work. Who puts them together holds the locks
//! of all receipts, so that no shard begins anew meanwhile.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use swathe_core::{Error, ErrorKind, Extent, Result, Shard, Shards, Sharing, Size};

use super::lock::{Lock, lock};
use super::names::{KeptNames, differences, shard_file, shared_file};
use super::proof::completed;
use super::stored::Stored;
use super::{Keeping, lines, remove, tile_of};

/// Tiles that may be written down before one that was handed out earlier; many more than workers.
const OUT_OF_ORDER: usize = 1 << 16;

impl Keeping {
    /// The same for a run that computes a part of the output, which the shards put where `sharing` says.
    #[must_use]
    pub fn of_shard(mut self, shard: Shard, sharing: Sharing) -> Self {
        let path = target_of(&self.output);
        self.more.insert("shard".into(), json!([shard.number, shard.count]));
        Keeping { names: KeptNames::of_shard(&path, shard, sharing), shard: Some((shard, sharing)), ..self }
    }

    /// The same for a run that puts shards together, each of which had so many tiles of a size.
    #[must_use]
    pub fn of_shards(mut self, tiles: &[Size]) -> Self {
        let tiles = tiles.iter().map(|tile| json!([tile.width, tile.height]));
        self.more.insert("shards".into(), tiles.collect());
        self
    }

    /// Whether others write into the same partial output.
    pub(super) fn shares(&self) -> bool {
        matches!(self.shard, Some((_, Sharing::OneFile)))
    }

    /// Whether the shard was done once.
    pub(super) fn is_shard_done(&self) -> bool {
        self.shard.is_some() && self.names.receipt.exists()
    }

    /// Checks that what other shards left of this output is of the same job, inputs, version and number of shards. `held` is the
    /// journal of this one, with the lock on it.
    ///
    /// # Errors
    /// Usage, where it is not; UnderWay, where the shards are being put together.
    pub(super) fn check_other_shards(&self, held: &File) -> Result<()> {
        let Some((shard, sharing)) = self.shard else { return Ok(()) };
        let checked = self.checked(shard, sharing);
        // What was made to hold the lock says nothing to the next one.
        if checked.is_err() && held.metadata().is_ok_and(|metadata| metadata.len() == 0) {
            let _ = fs::remove_file(&self.names.journal);
        }
        checked
    }

    fn checked(&self, shard: Shard, sharing: Sharing) -> Result<()> {
        if let Ok(receipt) = File::open(&self.names.receipt)
            && lock(&receipt, &self.names.receipt) == Lock::Others
        {
            let message = format!("the shards of `{}` are being put together", self.output);
            return Err(Error::new(ErrorKind::UnderWay, message));
        }
        let discard = format!("`swathe gather {} --discard` removes what they left", self.output);
        let path = target_of(&self.output);
        let mut known = false;
        for other in shards_beside(&path).map_err(|error| cannot_list(&self.output, error))? {
            if other.count != shard.count {
                return Err(Error::usage(format!(
                    "`{}` was begun in {} shards, and this is one of {}; {discard}",
                    self.output, other.count, shard.count
                )));
            }
            for header in headers(&KeptNames::of_shard(&path, other, sharing)) {
                let differences = differences(&self.about, &header);
                if !differences.is_empty() {
                    return Err(Error::usage(format!(
                        "shard {other} of `{}` is not of this run: {}; {discard}",
                        self.output,
                        differences.join("; ")
                    )));
                }
                known = true;
            }
        }
        if !known && shared_file(&path).is_dir() {
            return Err(Error::usage(format!(
                "`{}` is in the way, and no journal of a shard goes with it; {discard}",
                shared_file(&path).display()
            )));
        }
        Ok(())
    }
}

/// Where an output lies that is named by a path, which may be a link.
fn target_of(output: &str) -> PathBuf {
    fs::canonicalize(output).unwrap_or_else(|_| PathBuf::from(output))
}

fn cannot_list(output: &str, error: io::Error) -> Error {
    Error::io(format_args!("cannot look for shards of `{output}`"), error)
}

/// The first lines of a journal and of a receipt, where there are any.
fn headers(names: &KeptNames) -> Vec<Value> {
    let header = |path: &PathBuf| lines::Lines::new(File::open(path).ok()?).next().map(|(header, _)| header);
    [&names.journal, &names.receipt].into_iter().filter_map(header).collect()
}

/// Every shard of which anything lies beside an output, each once, in order.
fn shards_beside(path: &Path) -> io::Result<Vec<Shard>> {
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let before = format!("{}.shard-", path.file_name().unwrap_or_default().to_string_lossy());
    let shard_of = |name: &str| {
        let rest = name.strip_prefix(&before)?;
        let rest = rest.split_once('.').map_or(rest, |(shard, _)| shard);
        let (number, count) = rest.split_once("-of-")?;
        Shard::parse(&format!("{number}/{count}")).ok()
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        found.extend(shard_of(&entry?.file_name().to_string_lossy()));
    }
    found.sort_unstable_by_key(|shard| (shard.count, shard.number));
    found.dedup();
    Ok(found)
}

/// What there is of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShardState {
    /// All of it.
    Done,
    /// A run is at work on it.
    UnderWay,
    /// A part; no run is at work on it.
    Begun,
    /// Nothing.
    Missing,
}

/// An output that is computed in shards, as far as it is. As long as this is there, no shard that is done begins anew.
#[derive(Debug)]
pub struct ShardedOutput {
    output: String,
    path: PathBuf,
    shards: Vec<OneShard>,
}

/// One shard of an output.
#[derive(Debug)]
struct OneShard {
    shard: Shard,
    state: ShardState,
    /// The receipt, with the lock on it, and its first line.
    receipt: Option<(File, Value)>,
}

impl ShardedOutput {
    /// Looks for the shards of an output; none, where nothing lies there.
    ///
    /// # Errors
    /// Usage, where shards of several divisions lie there; UnderWay, where they are being put together; Io, where the folder
    /// cannot be read.
    pub fn find(output: &str) -> Result<Option<Self>> {
        let path = target_of(output);
        let found = shards_beside(&path).map_err(|error| cannot_list(output, error))?;
        let (Some(first), Some(last)) = (found.first(), found.last()) else { return Ok(None) };
        if first.count != last.count {
            return Err(Error::usage(format!(
                "`{output}` was begun in {} shards and in {}; `swathe gather {output} --discard` removes what they left",
                first.count, last.count
            )));
        }
        let shards = Shard::all(first.count).map(|shard| OneShard::look(&path, shard, output));
        Ok(Some(ShardedOutput { output: output.to_owned(), shards: shards.collect::<Result<_>>()?, path }))
    }

    /// What there is of each shard.
    pub fn states(&self) -> impl Iterator<Item = (Shard, ShardState)> {
        self.shards.iter().map(|one| (one.shard, one.state))
    }

    /// What a shard that is done was computed from: the first line of its receipt.
    pub fn header(&self) -> Option<&Value> {
        self.shards.iter().find_map(|one| one.receipt.as_ref()).map(|(_, header)| header)
    }

    /// Checks that every shard is of the job that `about` tells; returns the tile size and the number of tiles of each, which
    /// are all done.
    ///
    /// # Errors
    /// Usage, where one is of another, or not done; Damaged, where a receipt is not whole.
    pub fn tiles(&self, about: &Map<String, Value>) -> Result<Vec<(Size, u64)>> {
        let one = |one: &OneShard| {
            let (shard, output) = (one.shard, &self.output);
            let header = one.receipt.as_ref().map(|(_, header)| header);
            let header =
                header.ok_or_else(|| Error::usage(format!("shard {shard} of `{output}` is not done")))?;
            let differences = differences(about, header);
            if !differences.is_empty() {
                return Err(Error::usage(format!(
                    "shard {shard} of `{output}` is of another job: {}; run it again with `--shard {shard}`",
                    differences.join("; ")
                )));
            }
            let tile = tile_of(header).filter(|tile| !tile.is_empty()).zip(header["tiles"].as_u64());
            tile.ok_or_else(|| {
                Error::damaged(format!("the receipt of shard {shard} of `{output}` is damaged"))
            })
        };
        self.shards.iter().map(one).collect()
    }

    /// What the shards left, to be put together. `check` has every byte of one file that all wrote compared with what
    /// they say; files of their own always are.
    pub fn parts(&self, sharing: Sharing, check: bool) -> impl Shards + use<'_> {
        let journals =
            self.shards.iter().map(|one| ShardJournal::of(one.receipt.as_ref().map(|(file, _)| file)));
        Parts { of: self, sharing, check, journals: journals.collect(), opened: None }
    }

    /// How many shards have a file of their own, and the bytes of these files.
    pub fn own_files(&self) -> (u64, u64) {
        let lengths =
            self.shards.iter().filter_map(|one| fs::metadata(shard_file(&self.path, one.shard)).ok());
        lengths.fold((0, 0), |(files, bytes), file| (files + 1, bytes + file.len()))
    }

    /// Removes what the shards left.
    pub fn remove(self) {
        for OneShard { shard, .. } in &self.shards {
            remove_shard(&self.path, *shard);
        }
        let _ = remove(&shared_file(&self.path));
    }
}

/// Removes all that shards of an output left, however many of them there were; returns how many had left something.
///
/// # Errors
/// UnderWay, where a run is at work on one; Io, where the folder cannot be read.
pub fn discard_shards(output: &str) -> Result<usize> {
    let path = target_of(output);
    let found = shards_beside(&path).map_err(|error| cannot_list(output, error))?;
    // Held until all is removed, so that none begins meanwhile.
    let mut held = Vec::new();
    for &shard in &found {
        let one = OneShard::look(&path, shard, output)?;
        if one.state == ShardState::UnderWay {
            return Err(Error::new(ErrorKind::UnderWay, format!("shard {shard} of `{output}` is at work")));
        }
        held.push(one);
    }
    for &shard in &found {
        remove_shard(&path, shard);
    }
    let shared = remove(&shared_file(&path)).is_ok();
    Ok(found.len().max(usize::from(shared)))
}

fn remove_shard(path: &Path, shard: Shard) {
    let KeptNames { partial, journal, renewed, carry, receipt } =
        KeptNames::of_shard(path, shard, Sharing::OwnFiles);
    for path in [partial, journal, renewed, carry, receipt] {
        let _ = remove(&path);
    }
}

impl OneShard {
    fn look(path: &Path, shard: Shard, output: &str) -> Result<Self> {
        let names = KeptNames::of_shard(path, shard, Sharing::OwnFiles);
        let receipt = File::open(&names.receipt).ok();
        if let Some(file) = &receipt
            && lock(file, &names.receipt) == Lock::Others
        {
            let message = format!("the shards of `{output}` are being put together by another run");
            return Err(Error::new(ErrorKind::UnderWay, message));
        }
        let state = match File::open(&names.journal) {
            Ok(journal) if lock(&journal, &names.journal) == Lock::Others => ShardState::UnderWay,
            Ok(_) => ShardState::Begun,
            Err(_) => ShardState::Missing,
        };
        // Where a shard is computed again, its receipt is of no use.
        let receipt = receipt.filter(|_| state == ShardState::Missing).and_then(|file| {
            let (header, _) = completed(&file)?;
            io::Seek::rewind(&mut &file).ok()?;
            Some((file, header))
        });
        let state = if receipt.is_some() { ShardState::Done } else { state };
        Ok(OneShard { shard, state, receipt })
    }
}

/// Whether a shard of an output is done, by its receipt, and of the job that `about` tells.
pub fn is_shard_done(output: &str, shard: Shard, about: &Map<String, Value>) -> bool {
    let path = target_of(output);
    let names = KeptNames::of_shard(&path, shard, Sharing::OwnFiles);
    let pixels = names.partial.exists() || shared_file(&path).exists();
    let done = || {
        let (header, _) = completed(&File::open(&names.receipt).ok()?)?;
        let same = header["shard"] == json!([shard.number, shard.count]);
        Some(same && differences(about, &header).is_empty())
    };
    pixels && !names.journal.exists() && done().unwrap_or(false)
}

/// The receipt of a shard while it is read from its beginning to its end.
struct ShardJournal<'a> {
    entries: Option<lines::Lines<&'a File>>,
    /// Tiles that were written down before one that was handed out earlier.
    waiting: BTreeMap<u64, Vec<Extent>>,
    next: u64,
    /// What was written before the first tile.
    head: Option<Value>,
}

impl<'a> ShardJournal<'a> {
    fn of(receipt: Option<&'a File>) -> Self {
        ShardJournal {
            entries: receipt.map(lines::Lines::new),
            waiting: BTreeMap::new(),
            next: 0,
            head: None,
        }
    }

    /// The next tile; none, where the receipt does not tell of it.
    fn next(&mut self) -> Option<Vec<Extent>> {
        loop {
            if let Some(extents) = self.waiting.remove(&self.next) {
                self.next += 1;
                return Some(extents);
            }
            let (entry, _) = self.entries.as_mut()?.next()?;
            if entry.get("head").is_some() {
                self.head = Some(entry);
            } else if let Some(tile) = entry["tile"].as_u64() {
                self.waiting.insert(tile, lines::extents_of(&entry["extents"])?);
            }
            if self.waiting.len() > OUT_OF_ORDER {
                return None;
            }
        }
    }
}

/// What shards left, while it is put together.
struct Parts<'a> {
    of: &'a ShardedOutput,
    sharing: Sharing,
    check: bool,
    journals: Vec<ShardJournal<'a>>,
    /// What was looked at last, with the number of its shard: to be proved, and to be read.
    opened: Option<(usize, Stored, Option<File>)>,
}

impl Parts<'_> {
    /// Whether a part of a shard's is as it wrote it. The bytes are read twice, here and where they are copied, the second
    /// time from the page cache: a tile is small.
    fn holds(&mut self, shard: usize, extents: &[Extent]) -> bool {
        let path = match self.sharing {
            Sharing::OwnFiles => shard_file(&self.of.path, self.of.shards[shard].shard),
            Sharing::OneFile => shared_file(&self.of.path),
        };
        if self.opened.as_ref().is_none_or(|(number, ..)| *number != shard) {
            self.opened = None;
            let Ok(mut stored) = Stored::open(&path) else { return false };
            let head = self.journals[shard].head.as_ref();
            if let Some(head) = head {
                stored.learn(head);
            }
            let head = head.and_then(|head| lines::extents_of(&head["head"]));
            if !head.is_some_and(|extents| stored.holds(&extents)) {
                return false;
            }
            let file = File::open(&path).ok().filter(|_| self.sharing == Sharing::OwnFiles);
            self.opened = Some((shard, stored, file));
        }
        let Some((_, stored, _)) = &mut self.opened else { return false };
        match self.check || self.sharing == Sharing::OwnFiles {
            true => stored.holds(extents),
            false => stored.lengths_hold(extents),
        }
    }
}

impl Shards for Parts<'_> {
    fn next(&mut self, shard: usize) -> Result<Vec<Extent>> {
        let extents = self.journals[shard].next();
        let number = self.journals[shard].next;
        if let Some(extents) = extents
            && self.holds(shard, &extents)
        {
            return Ok(extents);
        }
        let (of, output) = (self.of.shards[shard].shard, &self.of.output);
        // What it says of itself is a journal again, so that `--resume` keeps what holds.
        let names = KeptNames::of_shard(&self.of.path, of, self.sharing);
        let _ = fs::rename(&names.receipt, &names.journal);
        Err(Error::damaged(format!(
            "shard {of} of `{output}` is damaged, its tile {number}: run it again with `--shard {of} --resume`, and then gather"
        )))
    }

    fn read(&self, shard: usize, offset: u64, bytes: &mut [u8]) -> Result<()> {
        let file =
            self.opened.as_ref().filter(|(number, ..)| *number == shard).and_then(|(.., file)| file.as_ref());
        let file = file.ok_or_else(|| Error::bug("a shard was read before it was looked at"))?;
        file.read_exact_at(bytes, offset).map_err(|error| {
            let (of, output) = (self.of.shards[shard].shard, &self.of.output);
            Error::io(format_args!("cannot read shard {of} of `{output}`"), error)
        })
    }
}
