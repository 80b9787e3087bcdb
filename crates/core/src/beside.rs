//! The contract of what is learned from an output on its way and written beside it.

use crate::error::Result;
use crate::tile::TileView;

/// A file that goes with an output: made of all tiles of input and output, which are as wide as the raster and come in their
/// order from the top. A run that goes on with another's output shows it the tiles that are there again.
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

    /// Looks at a tile of the input and at what was made of it.
    ///
    /// # Errors
    /// Io and Limit, where something cannot be kept.
    fn add(&mut self, input: &TileView<'_>, output: &TileView<'_>) -> Result<()>;

    /// Writes the file, which has no name yet.
    ///
    /// # Errors
    /// Io and Limit, where it cannot be written.
    fn complete(&mut self) -> Result<()>;

    /// Gives the file its name, before the output gets its own, so that a complete output is never without it; flushes it
    /// before where `flush` says so.
    ///
    /// # Errors
    /// Io, where that cannot be done.
    fn publish(&mut self, flush: bool) -> Result<()>;

    /// Removes the file with its name, because the output could not be completed after all.
    fn withdraw(&mut self);
}
