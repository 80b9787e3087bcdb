//! Where pixels come from.

use crate::error::Result;
use crate::geometry::{Size, Window};
use crate::raster::RasterInfo;
use crate::scratch::Frame;
use crate::tile::TileMut;

/// The tiles of a run, as far as a source needs to know them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// The size of a tile.
    pub tile: Size,
    /// The largest window that one reads.
    pub need: Size,
    /// Tiles go from the top of the raster to its bottom in stripes of so many pixels, one stripe after the other; where
    /// there are none, row after row over the whole raster.
    pub stripe: Option<usize>,
}

/// A raster that can be read window by window, from several workers at once.
pub trait Source: Send + Sync {
    /// What the raster is.
    fn info(&self) -> &RasterInfo;

    /// What to call it in messages: the file's name as the user gave it.
    fn name(&self) -> &str;

    /// Size of the blocks that the file stores; the whole width by a few rows for strips.
    fn block(&self) -> Size;

    /// Bytes that the source holds for the whole run, whatever is read: tables, caches.
    fn resident_bytes(&self) -> usize;

    /// Bytes of scratch that one worker takes to read a window of this size.
    fn scratch_bytes(&self, window: Size) -> usize;

    /// Bytes of mapped pages, page tables included, that one worker holds while it reads a window of this size.
    fn mapped_bytes(&self, window: Size) -> usize;

    /// Fills `output`, whose window lies inside the raster and whose kind is the raster's.
    ///
    /// # Errors
    /// Damaged, where the file does not hold what it promised; Io, where it cannot be read.
    fn read(&self, output: &mut TileMut<'_>, scratch: &mut Frame<'_>) -> Result<()>;

    /// Whether a window of whole blocks of this width is read straight into a tile as wide, without a copy between.
    fn reads_straight(&self, _width: usize) -> bool {
        false
    }

    /// Checks that the file is still the one that was opened.
    ///
    /// # Errors
    /// Damaged, where its size or time of change is another.
    fn check_unchanged(&self) -> Result<()>;

    /// How pixels are read, for the plan's words: `mmap`, `pread`, and the codec where there is one.
    fn method(&self) -> String;

    /// What else there is to say of the file, for people: how pixels are packed, further pages, smaller copies.
    fn details(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Sizes of the smaller copies that the file holds or has beside it, the largest first.
    fn overviews(&self) -> Vec<Size> {
        Vec::new()
    }

    /// Whether blocks are decoded, and kept for the tiles that need them again.
    fn keeps_blocks(&self) -> bool {
        false
    }

    /// Tells a source of compressed blocks how many workers read, and which windows, so that its cache holds what the halos
    /// of neighbouring tiles share; returns the bytes that takes.
    /// Called once, before the first read. Sources without a cache return 0.
    fn plan_cache(&self, _sweep: Sweep, _workers: usize, _budget_bytes: usize) -> usize {
        0
    }

    /// Bytes read from storage so far, as stored.
    fn stored_bytes_read(&self) -> u64;

    /// The window's bytes as stored, for the plan; the whole raster's where `window` is the whole.
    fn stored_bytes(&self, window: Window) -> u64;
}
