//! The contract of what a pixel takes from all rows above it and all rows below: regions and distances.
//!
//! Two sweeps over tiles as wide as the raster. The first goes from the bottom to the top and writes nothing but a note for
//! each tile: what it has to know of everything below it. The second goes from the top to the bottom with what lies above
//! in its hands and the note beside it, so that each tile is finished when it is met. Memory is a few rows and a tile,
//! whatever the pixels are; on disk lie four bytes for each column and row of tiles.

use crate::error::Result;
use crate::geometry::Size;
use crate::raster::RasterInfo;
use crate::tile::{TileMut, TileView};

/// A computation over tiles as wide as the raster, each of which knows all that is above and below it.
///
/// A pixel's value must not depend on how many rows a tile has. In both sweeps every tile is first looked at by itself, beside
/// the others, and then in its turn, which should not take long.
pub trait BothWays: Send + Sync {
    /// What it makes: as large as its input.
    fn output(&self) -> &RasterInfo;

    /// Words of what is handed from tile to tile, in either sweep.
    fn handed_words(&self) -> usize;

    /// Numbers of the note about all that is below a tile.
    fn note_length(&self) -> usize;

    /// Words that one worker takes for a tile of this size, in either sweep.
    fn work_words(&self, tile: Size) -> usize;

    /// What the first tile of either sweep is handed.
    fn start(&self, handed: &mut [u64]);

    /// First sweep, by itself: fills `work`.
    ///
    /// # Errors
    /// Where a pixel makes the result undefined.
    fn look(&self, input: &TileView<'_>, work: &mut [u64]) -> Result<()>;

    /// First sweep, in turn: `handed` tells of the rows below the tile and is to tell of the tile with them; `note` is kept
    /// for [`BothWays::begin`].
    ///
    /// # Errors
    /// As [`BothWays::look`].
    fn hand_up(
        &self,
        input: &TileView<'_>,
        work: &mut [u64],
        handed: &mut [u64],
        note: &mut [u32],
    ) -> Result<()>;

    /// Second sweep, by itself.
    ///
    /// # Errors
    /// As [`BothWays::look`].
    fn begin(
        &self,
        note: &[u32],
        input: &TileView<'_>,
        output: &mut TileMut<'_>,
        work: &mut [u64],
    ) -> Result<()>;

    /// Second sweep, in turn: `handed` tells of the rows above the tile and is to tell of the tile with them.
    ///
    /// # Errors
    /// As [`BothWays::look`].
    fn hand_down(
        &self,
        input: &TileView<'_>,
        output: &TileView<'_>,
        work: &mut [u64],
        handed: &mut [u64],
    ) -> Result<()>;

    /// Second sweep, by itself: finishes every pixel.
    ///
    /// # Errors
    /// As [`BothWays::look`].
    fn complete(
        &self,
        note: &[u32],
        input: &TileView<'_>,
        output: &mut TileMut<'_>,
        work: &mut [u64],
    ) -> Result<()>;

    /// What is known of the whole raster when the second sweep ends with `handed`, by name.
    fn found(&self, _handed: &[u64]) -> Vec<(&'static str, u64)> {
        Vec::new()
    }
}
