//! The contract of what is learned from all pixels of a raster: each worker gathers, and what they gathered is merged.

use crate::error::Result;
use crate::tile::TileView;

/// Something that is learned from all pixels of a raster in one sweep.
///
/// Neither the tiling nor the order in which tiles are added or partial results merged may show in the result, to the bit.
pub trait Reduction: Send + Sync + 'static {
    /// What has been gathered from some of the tiles.
    type Partial: Send + 'static;

    /// Bytes that a partial result takes; each worker has one.
    fn partial_bytes(&self) -> usize;

    /// Bytes that what is made of the whole result takes beside it.
    fn result_bytes(&self) -> usize {
        0
    }

    /// Whether every tile must be as wide as the raster, because rows are gathered from west to east.
    fn full_width(&self) -> bool {
        false
    }

    /// The result for no tile at all.
    fn begin(&self) -> Self::Partial;

    /// Adds a tile.
    ///
    /// # Errors
    /// Where a pixel makes the result undefined.
    fn add(&self, partial: &mut Self::Partial, tile: &TileView<'_>) -> Result<()>;

    /// Adds everything that another partial result holds.
    fn merge(&self, partial: &mut Self::Partial, other: Self::Partial);

    /// Is told that the partial result is now the whole one.
    fn complete(&self, _partial: &mut Self::Partial) {}
}

/// Two things learned in the same sweep.
impl<A: Reduction, B: Reduction> Reduction for (A, B) {
    type Partial = (A::Partial, B::Partial);

    fn partial_bytes(&self) -> usize {
        self.0.partial_bytes().saturating_add(self.1.partial_bytes())
    }

    fn result_bytes(&self) -> usize {
        self.0.result_bytes().saturating_add(self.1.result_bytes())
    }

    fn full_width(&self) -> bool {
        self.0.full_width() || self.1.full_width()
    }

    fn begin(&self) -> Self::Partial {
        (self.0.begin(), self.1.begin())
    }

    fn add(&self, partial: &mut Self::Partial, tile: &TileView<'_>) -> Result<()> {
        self.0.add(&mut partial.0, tile)?;
        self.1.add(&mut partial.1, tile)
    }

    fn merge(&self, partial: &mut Self::Partial, other: Self::Partial) {
        self.0.merge(&mut partial.0, other.0);
        self.1.merge(&mut partial.1, other.1);
    }

    fn complete(&self, partial: &mut Self::Partial) {
        self.0.complete(&mut partial.0);
        self.1.complete(&mut partial.1);
    }
}
