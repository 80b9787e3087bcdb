//! The contract of what is learned from an output on its way and written beside it.

use crate::error::Result;
use crate::tile::TileView;

/// A file that goes with an output: made of the output's tiles, which are as wide as the raster and come in their order from
/// the top.
///
/// Dropped without [`Beside::publish`], it leaves nothing behind.
pub trait Beside: Send {
    /// Bytes that it holds for the whole run.
    fn resident_bytes(&self) -> usize;

    /// Is told that the first tile comes.
    ///
    /// # Errors
    /// Io, where there is no room for what it keeps on the way.
    fn begin(&mut self) -> Result<()>;

    /// Looks at a tile.
    ///
    /// # Errors
    /// Io and Limit, where something cannot be kept.
    fn add(&mut self, tile: &TileView<'_>) -> Result<()>;

    /// Writes the file, which has no name yet.
    ///
    /// # Errors
    /// Io and Limit, where it cannot be written.
    fn complete(&mut self) -> Result<()>;

    /// Gives the file its name, once the output has its own; flushes it before where `flush` says so.
    ///
    /// # Errors
    /// Io, where that cannot be done.
    fn publish(&mut self, flush: bool) -> Result<()>;
}
