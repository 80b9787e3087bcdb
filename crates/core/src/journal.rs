//! What is kept of a run so that another can go on with it, and what proves that an output is whole.

use std::time::Duration;

use crate::error::Result;
use crate::geometry::Size;

/// Bytes of an output file: `count` stretches of `length` bytes, each `stride` behind the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Where the first stretch begins.
    pub offset: u64,
    /// Bytes of a stretch.
    pub length: u64,
    /// From the beginning of a stretch to that of the next.
    pub stride: u64,
    /// How many there are.
    pub count: u64,
    /// The stretches' checksums, folded by [`fold`].
    pub checksum: u64,
}

/// The checksum of several stretches from that of the earlier ones and the next one's; their order counts.
pub const fn fold(earlier: u64, next: u64) -> u64 {
    (earlier.rotate_left(23) ^ next).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// What a tile, or an output's head, became in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    recorded: bool,
    extents: Vec<Extent>,
    carry: Vec<u8>,
    encoding: Duration,
}

impl Footprint {
    /// One that takes notes where `recorded` says so, and else forgets what it is told.
    pub fn new(recorded: bool) -> Self {
        Footprint { recorded, ..Footprint::default() }
    }

    /// Whether notes are taken, so that checksums are worth computing.
    pub fn is_recorded(&self) -> bool {
        self.recorded
    }

    /// Notes that a stretch of the file was written.
    pub fn add(&mut self, offset: u64, length: u64, checksum: u64) {
        if !self.recorded || length == 0 {
            return;
        }
        if let Some(last) = self.extents.last_mut() {
            let next = offset.checked_sub(last.offset + last.stride * (last.count - 1));
            let continues = match next {
                Some(stride) if last.length == length => last.count == 1 || stride == last.stride,
                _ => false,
            };
            if let (true, Some(stride)) = (continues, next) {
                last.stride = stride;
                last.count += 1;
                last.checksum = fold(last.checksum, checksum);
                return;
            }
        }
        self.extents.push(Extent { offset, length, stride: 0, count: 1, checksum: fold(0, checksum) });
    }

    /// Adds time that went into encoding.
    pub fn add_encoding(&mut self, time: Duration) {
        self.encoding += time;
    }

    /// Time that went into encoding.
    pub fn encoding(&self) -> Duration {
        self.encoding
    }

    /// What was written.
    pub fn extents(&self) -> &[Extent] {
        &self.extents
    }

    /// What a sink needs to go on behind this tile.
    pub fn carry(&self) -> &[u8] {
        &self.carry
    }

    /// Puts what a sink needs to go on behind this tile before what a sink around it said.
    pub fn set_carry(&mut self, carry: impl FnOnce(&mut Vec<u8>)) {
        if self.recorded {
            carry(&mut self.carry);
        }
    }
}

/// Where a run goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Tiles from the first on that are in the output already.
    pub tiles: u64,
    /// What the sink said behind the last of them.
    pub carry: Vec<u8>,
}

/// A part of an output that a journal knows by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All that is written before the first tile.
    Head,
    /// A tile, by its place in the order in which tiles are handed out.
    Tile(u64),
}

/// A file that gets its name when an output is complete: bytes under a temporary name, and the one that they are to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Naming {
    /// The temporary name, in the output's folder.
    pub partial: String,
    /// The name it is to have, in the same folder.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// The checksum of a small file that is not written tile by tile.
    pub checksum: Option<u64>,
}

/// A journal that can be opened when a run begins.
pub trait Keep: Send {
    /// Opens the journal for a run over `tiles` tiles of size `tile` by `threads` workers.
    ///
    /// # Errors
    /// Usage, where an earlier run's journal is of another job, of other inputs or of another version; Io, where another
    /// run is at work on the same output, or nothing can be written.
    fn open(self: Box<Self>, tile: Size, tiles: u64, threads: usize) -> Result<Box<dyn Journal>>;
}

/// What is written down during a run.
pub trait Journal: Send + Sync {
    /// Where the run goes on; nothing is done yet where it begins.
    fn position(&self) -> &Position;

    /// The tile that the run stops before, without completing the output; none where it goes on to the end.
    fn end(&self) -> Option<u64> {
        None
    }

    /// Writes down what a part of the output became.
    ///
    /// # Errors
    /// Limit, where the disk is full; Io, where nothing can be written.
    fn record(&self, part: Part, footprint: &Footprint) -> Result<()>;

    /// Whether it is time to flush the output, so that what is written down holds after a loss of power. Tells one worker only.
    fn is_flush_due(&self) -> bool;

    /// The output was flushed: the journal follows.
    ///
    /// # Errors
    /// As [`Journal::record`].
    fn flushed(&self) -> Result<()>;

    /// Writes down that what tiles became lies `less` bytes nearer to the file's beginning now, from the byte `from` on, by
    /// the places that were written down before.
    ///
    /// # Errors
    /// As [`Journal::record`].
    fn moved(&self, from: u64, less: u64) -> Result<()>;

    /// Writes down that the output is complete, before its files get their names in this order.
    ///
    /// # Errors
    /// As [`Journal::record`].
    fn complete(&self, files: &[Naming], flush: bool) -> Result<()>;

    /// The output has its name: the journal becomes its receipt.
    ///
    /// # Errors
    /// Io, where it can't be renamed.
    fn close(self: Box<Self>) -> Result<()>;

    /// Nothing of this run is of use: removes the partial output and the journal.
    fn give_up(self: Box<Self>);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_distances_are_one_extent() {
        let mut footprint = Footprint::new(true);
        for row in 0..5 {
            footprint.add(100 + row * 30, 10, row);
        }
        footprint.add(220 + 31, 10, 5);
        footprint.add(500, 0, 9);
        let [rows, last] = footprint.extents() else { panic!("{:?}", footprint.extents()) };
        assert_eq!((rows.offset, rows.length, rows.stride, rows.count), (100, 10, 30, 5));
        assert_eq!(rows.checksum, (0..5).fold(0, fold));
        assert_eq!((last.offset, last.count), (251, 1));
        let mut forgotten = Footprint::new(false);
        forgotten.add(1, 1, 1);
        assert!(forgotten.extents().is_empty());
    }

    #[test]
    fn order_counts() {
        assert_ne!(fold(fold(0, 1), 2), fold(fold(0, 2), 1));
    }
}
