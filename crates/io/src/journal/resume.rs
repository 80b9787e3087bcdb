//! What another run left: as many tiles from the first on as the partial output proves.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Seek, Write};
use std::os::unix::fs::FileExt;

use rustix::fs::FlockOperation;
use serde_json::Value;
use swathe_core::{Error, Position, Result};

use super::proof::Moved;
use super::stored::Stored;
use super::{Keeping, lines};
use crate::checksum::checksum;

/// Tiles that may be written down before one that was handed out earlier; many more than workers.
const OUT_OF_ORDER: usize = 1 << 16;

/// What another run left that this one can go on with.
pub(super) struct LeftOver {
    /// The journal, cut to what holds.
    pub(super) file: File,
    pub(super) position: Position,
}

impl Keeping {
    /// Looks at the journal and the partial output of another run; none where there is nothing to go on with.
    ///
    /// # Errors
    /// Usage, with the reason, where they are of another job.
    pub(super) fn left_over(&self, mut journal: &File, header: &Value) -> Result<Option<LeftOver>> {
        let cannot = |error| {
            Error::io(format_args!("cannot read the journal `{}`", self.names.journal.display()), error)
        };
        let Some((first, first_line)) = lines::Lines::new(journal).next() else { return Ok(None) };
        let differences = self.differences(&first);
        if !differences.is_empty() {
            return Err(Error::usage(format!(
                "`{}` cannot be resumed: {}; without `--resume` it begins anew",
                self.output,
                differences.join("; ")
            )));
        }
        if first != *header {
            return Err(Error::usage(format!(
                "`{}` cannot be resumed with other tiles than it was begun with; without `--resume` it begins anew",
                self.output
            )));
        }
        let Ok(mut partial) = Stored::open(&self.names.partial) else { return Ok(None) };
        let moved = moved(journal, &mut partial).map_err(cannot)?;
        journal.rewind().map_err(cannot)?;
        let entries = lines::Lines::new(journal).skip(1);
        let mut kept = Kept::begin(self, &first_line).map_err(cannot)?;
        kept.position.moved_bytes = moved.less;
        let mut waiting = BTreeMap::new();
        let mut has_head = false;
        for (entry, line) in entries {
            if entry.get("head").is_some() {
                partial.learn(&entry);
                if !has_head {
                    kept.add(&line).map_err(cannot)?;
                    has_head = true;
                    if moved != Moved::default() {
                        kept.add(moved.line().as_bytes()).map_err(cannot)?;
                    }
                }
                continue;
            }
            if entry.get("moved").is_some() {
                continue;
            }
            let Some(tile) = entry["tile"].as_u64().filter(|_| has_head) else { break };
            let extents = lines::extents_of(&entry["extents"]);
            let holds = |extents: Vec<_>| partial.holds(&moved.apply(extents));
            if tile < kept.position.tiles || !extents.is_some_and(holds) {
                continue;
            }
            waiting.insert(tile, (entry, line));
            while let Some((entry, line)) = waiting.remove(&kept.position.tiles) {
                kept.add(&line).map_err(cannot)?;
                kept.tile(&entry["carry"]);
            }
            if waiting.len() > OUT_OF_ORDER {
                break;
            }
        }
        if kept.position.tiles == 0 {
            return Ok(None);
        }
        kept.settle(self).map_err(cannot)
    }
}

/// How tiles were moved when the run was stopped: whether the first that was written down lies where it was then tells, since
/// its place is not written over before it has another. Where nothing was moved the journal is read once for that.
fn moved(mut journal: &File, partial: &mut Stored) -> std::io::Result<Moved> {
    journal.rewind()?;
    let moved = Moved::of(journal);
    if moved == Moved::default() {
        return Ok(moved);
    }
    journal.rewind()?;
    let first = lines::Lines::new(journal).find_map(|(entry, _)| {
        entry.get("tile")?;
        let extents = lines::extents_of(&entry["extents"])?;
        extents.iter().any(|extent| extent.offset >= moved.from).then_some(extents)
    });
    let is_there = first.is_some_and(|extents| partial.holds(&extents));
    Ok(if is_there { Moved::default() } else { moved })
}

/// The journal that replaces the one that was found, with what holds of it.
struct Kept {
    file: File,
    path: std::path::PathBuf,
    bytes: u64,
    position: Position,
    /// For the last tiles: how many there are with this one, what is carried, and where its line ends.
    behind: Vec<(u64, Value, u64)>,
}

impl Kept {
    fn begin(keeping: &Keeping, header: &[u8]) -> std::io::Result<Self> {
        let path = keeping.names.renewed.clone();
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path)?;
        let _ = rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive);
        let mut kept = Kept { file, path, bytes: 0, position: Position::default(), behind: Vec::new() };
        kept.add(header)?;
        Ok(kept)
    }

    fn add(&mut self, line: &[u8]) -> std::io::Result<()> {
        self.bytes += line.len() as u64;
        self.file.write_all(line)
    }

    fn tile(&mut self, carry: &Value) {
        self.position.tiles += 1;
        // Slots are used again after some tiles: earlier ones are of no use.
        if self.behind.len() >= 1024 {
            self.behind.drain(..512);
        }
        self.behind.push((self.position.tiles, carry.clone(), self.bytes));
    }

    /// Goes back to the last tile behind which all is known that is carried on, and takes the place of the old journal.
    fn settle(mut self, keeping: &Keeping) -> std::io::Result<Option<LeftOver>> {
        let carried = File::open(&keeping.names.carry).ok();
        let found = self
            .behind
            .iter()
            .rev()
            .find_map(|(tiles, carry, bytes)| Some((*tiles, carry_of(carry, carried.as_ref())?, *bytes)));
        let Some((tiles, carry, bytes)) = found else { return Ok(None) };
        self.file.set_len(bytes)?;
        self.file.seek(std::io::SeekFrom::End(0))?;
        self.file.sync_data()?;
        fs::rename(&self.path, &keeping.names.journal)?;
        Ok(Some(LeftOver { file: self.file, position: Position { tiles, carry, ..self.position } }))
    }
}

/// What is carried on behind a tile: nothing, a few bytes in the line, or a slot of the file beside it.
fn carry_of(carry: &Value, file: Option<&File>) -> Option<Vec<u8>> {
    match carry {
        Value::Null => Some(Vec::new()),
        Value::String(text) => lines::unhex(text),
        place => {
            let length = usize::try_from(place.get(1)?.as_u64()?).ok().filter(|&bytes| bytes <= 1 << 30)?;
            let mut bytes = vec![0; length];
            file?.read_exact_at(&mut bytes, place.get(0)?.as_u64()?).ok()?;
            (lines::number(checksum(&bytes)) == place.get(2)?.as_str()?).then_some(bytes)
        }
    }
}
