//! The tiles of an output, row after row from the north-west.

use swathe_core::{Halo, Size, Window};

/// A raster cut into tiles of one size; those at the east and south edge may be smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TileGrid {
    raster: Size,
    tile: Size,
    /// What a tile shows around itself.
    margin: Halo,
    /// What is computed at once, where that is less than a tile.
    piece: Option<Size>,
}

impl TileGrid {
    /// Cuts `raster` into tiles of `tile` pixels, at least 1 x 1.
    pub(crate) fn new(raster: Size, tile: Size, margin: Halo) -> Self {
        let tile = Size::new(tile.width.clamp(1, raster.width), tile.height.clamp(1, raster.height));
        TileGrid { raster, tile, margin, piece: None }
    }

    /// The same grid, with its tiles computed in pieces: a pixel of a resized raster may need more than fits, times the
    /// pixels of the smallest tile that can be written.
    pub(crate) fn in_pieces(self, piece: Size) -> Self {
        TileGrid { piece: Some(piece), ..self }
    }

    /// The pieces of what is computed for a tile, across and down.
    pub(crate) fn pieces(&self, shown: Window) -> TileGrid {
        TileGrid::new(shown.size(), self.piece.unwrap_or(shown.size()), Halo::NONE)
    }

    /// What is computed for a tile: the tile with its margin, as far as the raster goes.
    pub(crate) fn shown(&self, tile: Window) -> Window {
        tile.grow(self.margin).intersect(Window::whole(self.raster))
    }

    /// Size of a tile that is not at the edge.
    pub(crate) fn tile_size(&self) -> Size {
        self.tile
    }

    /// Tiles from west to east.
    pub(crate) fn across(&self) -> usize {
        self.raster.width.div_ceil(self.tile.width)
    }

    /// Tiles from north to south.
    pub(crate) fn down(&self) -> usize {
        self.raster.height.div_ceil(self.tile.height)
    }

    /// Number of tiles.
    pub(crate) fn count(&self) -> u64 {
        self.across() as u64 * self.down() as u64
    }

    /// The tile in a column and row of the grid.
    pub(crate) fn tile(&self, column: usize, row: usize) -> Window {
        let (x, y) = (column * self.tile.width, row * self.tile.height);
        let (width, height) =
            (self.tile.width.min(self.raster.width - x), self.tile.height.min(self.raster.height - y));
        Window::new(x as i64, y as i64, width, height)
    }

    /// A tile of full size, from the middle of the raster where there are several.
    pub(crate) fn typical(&self) -> Window {
        self.tile((self.across() - 1) / 2, (self.down() - 1) / 2)
    }

    /// The tile that is handed out as number `index`.
    pub(crate) fn nth(&self, index: u64) -> Window {
        let across = self.across() as u64;
        self.tile((index % across) as usize, (index / across) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_the_raster_once() {
        let grid = TileGrid::new(Size::new(100, 50), Size::new(17, 31), Halo::NONE);
        assert_eq!((grid.across(), grid.down(), grid.count()), (6, 2, 12));
        let pixels: usize = (0..grid.count()).map(|index| grid.nth(index).size().pixels()).sum();
        assert_eq!(pixels, 5000);
        assert_eq!(grid.nth(11), Window::new(85, 31, 15, 19));
        let one = TileGrid::new(Size::new(3, 2), Size::new(256, 256), Halo::square(2));
        assert_eq!(one.nth(0), Window::new(0, 0, 3, 2));
        assert_eq!(one.shown(one.nth(0)), Window::new(0, 0, 3, 2));
    }

    #[test]
    fn a_tile_is_computed_in_pieces() {
        let grid = TileGrid::new(Size::new(100, 50), Size::new(16, 16), Halo::square(1));
        let shown = grid.shown(grid.tile(1, 1));
        assert_eq!(grid.pieces(shown).count(), 1);
        let pieces = grid.in_pieces(Size::new(16, 4)).pieces(shown);
        assert_eq!((pieces.across(), pieces.down()), (2, 5));
        let pixels: usize = (0..pieces.count()).map(|index| pieces.nth(index).size().pixels()).sum();
        assert_eq!(pixels, shown.size().pixels());
    }

    #[test]
    fn a_margin_ends_at_the_raster() {
        let margin = Halo { left: 1, top: 1, right: 2, bottom: 2 };
        let grid = TileGrid::new(Size::new(100, 50), Size::new(16, 16), margin);
        assert_eq!(grid.shown(grid.tile(0, 1)), Window::new(0, 15, 18, 19));
        assert_eq!(grid.shown(grid.tile(6, 3)), Window::new(95, 47, 5, 3));
    }
}
