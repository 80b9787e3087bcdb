//! The contract of what carries something from each row of a raster to the next: accumulations and integrals.

use crate::error::Result;
use crate::raster::RasterInfo;
use crate::tile::{TileMut, TileView};

/// How the tiles of a scan depend on those above them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Not at all.
    Independent,
    /// Only by one row, which can be worked out from the tile's last row before the rest of the tile is.
    LastRow,
    /// In all: a tile cannot be computed before the one above.
    Whole,
}

/// A computation over tiles as wide as the raster, each of which continues the one above.
///
/// A pixel's value must not depend on how many rows a tile has.
pub trait Scan: Send + Sync {
    /// What it makes: as large as its input, with as many bands.
    fn output(&self) -> &RasterInfo;

    /// How tiles depend on each other.
    fn order(&self) -> Order;

    /// Computes what can be computed without the rows above.
    ///
    /// # Errors
    /// Where the result is out of the output type's range.
    fn begin(&self, input: &TileView<'_>, output: &mut TileMut<'_>) -> Result<()>;

    /// Under [`Order::LastRow`], makes the output's last row what it will be: `row` holds that of the tile above
    /// and becomes that of this one, of which `output` is what [`Scan::begin`] made.
    ///
    /// # Errors
    /// As [`Scan::begin`].
    fn carry(&self, _output: &TileView<'_>, _row: &mut TileMut<'_>) -> Result<()> {
        Ok(())
    }

    /// Completes a tile below the row `above`; the first tile has none.
    ///
    /// # Errors
    /// As [`Scan::begin`].
    fn complete(
        &self,
        above: Option<&TileView<'_>>,
        input: &TileView<'_>,
        output: &mut TileMut<'_>,
    ) -> Result<()>;
}
