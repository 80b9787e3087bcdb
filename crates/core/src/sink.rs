//! Where pixels go.

use crate::error::{Error, Result};
use crate::geometry::{Halo, Size, Window};
use crate::journal::{Footprint, Journal, Position};
use crate::raster::RasterInfo;
use crate::scratch::Frame;
use crate::shard::{ShardTile, Sharing};
use crate::tile::TileView;

/// The disk that a file lies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disk {
    /// Tells it from others.
    pub number: u64,
    /// Bytes that are free for this user.
    pub free_bytes: u64,
    /// Whether it is memory, and files on it take what programs could use.
    pub in_memory: bool,
}

/// An output that is thought out and not begun: what plans ask.
pub trait Destination: Send {
    /// What to call it in messages: the file's name as the user gave it.
    fn name(&self) -> &str;

    /// Size of the blocks that the file will store.
    fn block(&self) -> Size;

    /// Whether tiles must be whole blocks (compressed outputs) or may have any shape.
    fn whole_blocks(&self) -> bool;

    /// Whether every tile must be as wide as the raster (formats that are written from top to bottom).
    fn full_width(&self) -> bool {
        false
    }

    /// Whether tiles must not leave a row of blocks before it is full: they are one block high, or as wide as the
    /// raster. Sinks that append ask for it, so that the order of blocks in the file does not follow from the tiles.
    fn rows_of_blocks(&self) -> bool {
        false
    }

    /// Whether the rows of the raster may be left before they are full: tiles then come in stripes, each from the top of the
    /// raster to its bottom, where that lets a source keep less.
    fn takes_stripes(&self) -> bool {
        false
    }

    /// Whether tiles are handed out from the bottom of the raster to its top.
    fn upward(&self) -> bool {
        false
    }

    /// What a tile is to show around itself, as far as the raster goes, beside the pixels that are written; see
    /// [`Sink::write_seeing`].
    fn margin(&self) -> Halo {
        Halo::NONE
    }

    /// What is written, where that is not what it is handed.
    fn output(&self) -> Option<&RasterInfo> {
        None
    }

    /// The largest the file can become, in bytes; exact where it is not compressed.
    fn file_bytes(&self) -> u64;

    /// Where the file, and anything it needs on the way, will lie; `None` where it cannot be told.
    fn disk(&self) -> Option<Disk>;

    /// Bytes that the sink holds for the whole run: tables of blocks, pages being written.
    fn resident_bytes(&self, workers: usize) -> usize;

    /// Bytes of scratch that one worker takes to write a tile of this size.
    fn scratch_bytes(&self, tile: Size) -> usize;

    /// Bytes of mapped pages, page tables included, that one worker holds while it writes a tile of this size.
    fn mapped_bytes(&self, tile: Size) -> usize;

    /// How pixels are written, for the plan's words: `pwrite`, `mmap`, and the codec where there is one.
    fn method(&self) -> String;

    /// Reserves the space and begins the file under a temporary name.
    ///
    /// # Errors
    /// Limit, where the disk is too small; Io, where the folder cannot be written.
    fn create(self: Box<Self>) -> Result<Box<dyn Sink>>;

    /// Whether a run can go on with what another left of this output.
    fn is_resumable(&self) -> bool {
        false
    }

    /// Whether what stands before the tiles is made when all of them are there. A run that goes on behind the last makes it again.
    fn ends_with_head(&self) -> bool {
        false
    }

    /// Whether a run that goes on has to show the sink tiles again that are in the output already, because something beside it
    /// is made of all of them.
    fn retraces(&self) -> bool {
        false
    }

    /// Where the shards of this output put what they compute; none, where it cannot be computed in shards.
    fn sharing(&self) -> Option<Sharing> {
        None
    }

    /// Bytes that have to be free on the disk for the file; less than [`Destination::file_bytes`] where some are reserved already.
    fn needed_bytes(&self) -> u64 {
        self.file_bytes()
    }

    /// Whether the file may turn out smaller than [`Destination::file_bytes`] says.
    fn may_take_less(&self) -> bool {
        false
    }

    /// Begins the file under a name that another run finds again, or goes on with it behind `position`; notes in `head`
    /// what is written before the first tile. The file stays when the sink is dropped.
    ///
    /// # Errors
    /// As [`Destination::create`]; Bug, where the output is not resumable.
    fn create_kept(self: Box<Self>, _position: &Position, _head: &mut Footprint) -> Result<Box<dyn Sink>> {
        Err(Error::bug("an output that cannot be resumed was to be kept"))
    }
}

/// An output being written, by several workers at once.
///
/// Dropped without [`Sink::finish`], it leaves nothing behind, unless it was begun by [`Destination::create_kept`].
pub trait Sink: Send + Sync {
    /// Writes a tile. `sequence` counts tiles in the order in which they were handed out, from 0; sinks that
    /// append wait until their turn comes, which it does because every earlier tile is held by a worker. What
    /// became of it is noted in `footprint`.
    ///
    /// # Errors
    /// Limit, where the disk filled up in spite of the reservation; Io, where it cannot be written.
    fn write(
        &self,
        sequence: u64,
        tile: &TileView<'_>,
        scratch: &mut Frame<'_>,
        footprint: &mut Footprint,
    ) -> Result<()>;

    /// Flushes to the disk what was written so far.
    ///
    /// # Errors
    /// As [`Sink::write`].
    fn flush(&self) -> Result<()> {
        Ok(())
    }

    /// Writes the pixels `own` of a tile that shows the destination's margin around them too, as [`Sink::write`] does.
    ///
    /// # Errors
    /// As [`Sink::write`].
    fn write_seeing(
        &self,
        sequence: u64,
        own: Window,
        tile: &TileView<'_>,
        scratch: &mut Frame<'_>,
        footprint: &mut Footprint,
    ) -> Result<()> {
        self.write(sequence, &tile.crop(own), scratch, footprint)
    }

    /// Wakes every worker that waits for its turn; later writes fail. Called when a run stops early.
    fn cancel(&self);

    /// Bytes written to storage so far.
    fn stored_bytes_written(&self) -> u64;

    /// What was learned on the way, by name, once every tile is written.
    fn found(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }

    /// Takes over the tile of the output that lies in `window` from the file in which a shard left it, as if it were handed out next.
    ///
    /// # Errors
    /// As [`Sink::write`]; Damaged, where it is not such a tile; Bug, where shards have no files of their own.
    fn take_over(&self, _window: Window, _tile: &ShardTile<'_>, _footprint: &mut Footprint) -> Result<()> {
        Err(Error::bug("a tile was to be taken over by an output whose shards write into one file"))
    }

    /// Leaves the part of the output that a shard computed where it will be found, flushed where `flush` says so; returns the
    /// bytes that were written.
    ///
    /// # Errors
    /// As [`Sink::write`].
    fn leave(self: Box<Self>, flush: bool) -> Result<u64> {
        if flush {
            self.flush()?;
        }
        Ok(self.stored_bytes_written())
    }

    /// Completes the file, flushes it where `flush` says so, tells the journal, and gives it its name; returns its size in bytes.
    /// What was not told of the file before is told to the journal here.
    ///
    /// # Errors
    /// As [`Sink::write`].
    fn finish(self: Box<Self>, flush: bool, journal: Option<&dyn Journal>) -> Result<u64>;
}
