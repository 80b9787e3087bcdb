//! What is kept of a run so that another can go on with it, and what proves that an output is whole.

use std::time::Duration;

use crate::error::Result;
use crate::geometry::Size;

/// Bytes of an output file, or of a folder's files as [`Files`] lays them one behind the other: `count` stretches of `length` bytes, each `stride` behind the one before.
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

/// The files of an output that is a folder, numbered: some that are named, and behind them those of a grid. Each has 2^32
/// bytes of one range of offsets, so that stretches are told of as if all were one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// Names within the folder, parts joined by `/`.
    pub named: Vec<String>,
    /// What the names of the grid's files begin with.
    pub before: String,
    /// How many there are along each side of the grid. A file's name ends in its place along each, joined by `/`; the
    /// last side counts fastest.
    pub sides: Vec<u64>,
}

impl Files {
    /// The most bytes of one file.
    pub const MOST_BYTES: u64 = 1 << 32;

    /// Where a file of the grid begins.
    pub fn grid_offset(&self, number: u64) -> u64 {
        (self.named.len() as u64).saturating_add(number).saturating_mul(Files::MOST_BYTES)
    }

    /// The name of the file that holds the byte at an offset; none where there is no such file.
    pub fn name_at(&self, offset: u64) -> Option<String> {
        let number = offset / Files::MOST_BYTES;
        let Some(mut left) = number.checked_sub(self.named.len() as u64) else {
            return self.named.get(number as usize).cloned();
        };
        let mut places = Vec::with_capacity(self.sides.len());
        for side in self.sides.iter().rev() {
            places.push((left.checked_rem(*side)?).to_string());
            left /= side;
        }
        places.reverse();
        (left == 0 && !places.is_empty()).then(|| format!("{}{}", self.before, places.join("/")))
    }
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
    files: Option<Files>,
    encoding: Duration,
    computing: Duration,
    waiting: Duration,
}

impl Footprint {
    /// One that takes notes where `recorded` says so, and else forgets what it is told.
    pub fn new(recorded: bool) -> Self {
        Footprint { recorded, ..Footprint::default() }
    }

    /// What is known already.
    pub fn of(extents: Vec<Extent>) -> Self {
        Footprint { recorded: true, extents, ..Footprint::default() }
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

    /// Adds time in which a sink computed what it writes.
    pub fn add_computing(&mut self, time: Duration) {
        self.computing += time;
    }

    /// Time in which a sink computed what it writes.
    pub fn computing(&self) -> Duration {
        self.computing
    }

    /// Adds time in which a tile waited for its turn.
    pub fn add_waiting(&mut self, time: Duration) {
        self.waiting += time;
    }

    /// Time in which a tile waited for its turn.
    pub fn waiting(&self) -> Duration {
        self.waiting
    }

    /// Says of an output's head that it is a folder of these files.
    pub fn set_files(&mut self, files: &Files) {
        if self.recorded {
            self.files = Some(files.clone());
        }
    }

    /// The files, where the output is a folder.
    pub fn files(&self) -> Option<&Files> {
        self.files.as_ref()
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
    /// How many bytes nearer to the file's beginning they lie than was written down; see [`Journal::moved`].
    pub moved_bytes: u64,
}

/// A part of an output that a journal knows by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All that is written before the first tile.
    Head,
    /// A tile, by its place in the order in which tiles are handed out.
    Tile(u64),
    /// What only comes to be when every tile is there.
    Rest,
}

/// A file that gets its name when an output is complete: bytes under a temporary name, and the one that they are to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Naming {
    /// The temporary name, in the output's folder.
    pub partial: String,
    /// The name it is to have, in the same folder.
    pub name: String,
    /// Its size in bytes; that of all its files, where it is a folder.
    pub bytes: u64,
    /// The checksum of a small file that is not written tile by tile.
    pub checksum: Option<u64>,
    /// What a folder is known by.
    pub folder: Option<FolderMark>,
}

/// What tells a new folder from the one that it replaces, whichever of the two names it has by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FolderMark {
    /// The number that the file system knows it by, whatever its name.
    pub inode: u64,
    /// Whether another of the name was there, and is to go.
    pub replaces: bool,
}

/// A journal that can be opened when a run begins.
pub trait Keep: Send {
    /// Opens the journal for a run over `tiles` tiles of size `tile` by `threads` workers.
    ///
    /// # Errors
    /// Usage, where an earlier run's journal is of another job, of other inputs or of another version; UnderWay, where another
    /// run is at work on the same output; Io, where nothing can be written.
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

    /// Writes down that what tiles became is about to be moved `less` bytes nearer to the file's beginning, from the byte `from`
    /// on, by the places that were written down before.
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
    fn files_of_a_folder_have_offsets() {
        let files =
            Files { named: vec!["a".into(), "b/a".into()], before: "b/c/".into(), sides: vec![2, 3, 5] };
        assert_eq!(files.name_at(7), Some("a".into()));
        assert_eq!(files.name_at(Files::MOST_BYTES * 2 - 1), Some("b/a".into()));
        assert_eq!(files.name_at(files.grid_offset(0)), Some("b/c/0/0/0".into()));
        assert_eq!(files.name_at(files.grid_offset(23) + 9), Some("b/c/1/1/3".into()));
        assert_eq!(files.name_at(files.grid_offset(30)), None);
        assert_eq!(Files::default().name_at(0), None);
        assert_eq!(Files { sides: vec![0], ..Files::default() }.name_at(0), None);
    }

    #[test]
    fn order_counts() {
        assert_ne!(fold(fold(0, 1), 2), fold(fold(0, 2), 1));
    }
}
