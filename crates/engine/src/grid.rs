//! The tiles of an output, row after row from the north-west; in wide rasters, where that saves memory, stripe after stripe.

use std::ops::Range;

use swathe_core::{Halo, Size, Window};

/// A raster cut into tiles of one size; those at the east and south edge may be smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TileGrid {
    raster: Size,
    /// The rows that are cut into tiles, where they are not all.
    top: usize,
    bottom: usize,
    tile: Size,
    /// The width of what is gone through from top to bottom before the next to the east: the raster, or a stripe of it.
    stripe: usize,
    /// What a tile shows around itself.
    margin: Halo,
    /// What is computed at once, where that is less than a tile.
    piece: Option<Size>,
}

impl TileGrid {
    /// Cuts `raster` into tiles of `tile` pixels, at least 1 x 1.
    pub(crate) fn new(raster: Size, tile: Size, margin: Halo) -> Self {
        let tile = Size::new(tile.width.clamp(1, raster.width), tile.height.clamp(1, raster.height));
        TileGrid { raster, top: 0, bottom: raster.height, tile, stripe: raster.width, margin, piece: None }
    }

    /// The same grid over some rows alone, of which there is at least one.
    pub(crate) fn over_rows(self, rows: &Range<usize>) -> Self {
        let bottom = rows.end.min(self.raster.height);
        TileGrid { top: rows.start.min(bottom), bottom, ..self }
    }

    /// Pixels of all tiles.
    pub(crate) fn pixels(&self) -> u64 {
        self.raster.width as u64 * (self.bottom - self.top) as u64
    }

    /// Stripes, at least one, and how many tiles each has.
    pub(crate) fn tiles_of_stripes(&self) -> impl Iterator<Item = u64> + use<> {
        let (grid, stripes) = (*self, self.raster.width.div_ceil(self.stripe));
        let across =
            move |stripe: usize| (grid.across() - stripe * grid.across_stripe()).min(grid.across_stripe());
        (0..stripes).map(move |stripe| across(stripe) as u64 * grid.down() as u64)
    }

    /// The same grid with its tiles in stripes of `width` pixels, at least 1, over whose edges none reaches.
    pub(crate) fn in_stripes(self, width: usize) -> Self {
        let stripe = width.min(self.raster.width);
        TileGrid { tile: Size::new(self.tile.width.min(stripe), self.tile.height), stripe, ..self }
    }

    /// The width of a stripe, where there are several.
    pub(crate) fn stripe(&self) -> Option<usize> {
        (self.stripe < self.raster.width).then_some(self.stripe)
    }

    /// Tiles from west to east in a stripe that is not the last.
    fn across_stripe(&self) -> usize {
        self.stripe.div_ceil(self.tile.width)
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
        let (stripes, rest) = (self.raster.width / self.stripe, self.raster.width % self.stripe);
        stripes * self.across_stripe() + rest.div_ceil(self.tile.width)
    }

    /// Tiles from north to south.
    pub(crate) fn down(&self) -> usize {
        (self.bottom - self.top).div_ceil(self.tile.height)
    }

    /// Number of tiles.
    pub(crate) fn count(&self) -> u64 {
        self.across() as u64 * self.down() as u64
    }

    /// The tile in a column and row of the grid.
    pub(crate) fn tile(&self, column: usize, row: usize) -> Window {
        let (stripe, column) = (column / self.across_stripe(), column % self.across_stripe());
        let end = (stripe + 1).saturating_mul(self.stripe).min(self.raster.width);
        let (x, y) = (stripe * self.stripe + column * self.tile.width, self.top + row * self.tile.height);
        let (width, height) = (self.tile.width.min(end - x), self.tile.height.min(self.bottom - y));
        Window::new(x as i64, y as i64, width, height)
    }

    /// A tile of full size, from the middle of the raster where there are several.
    pub(crate) fn typical(&self) -> Window {
        let (column, row) = ((self.across() - 1) / 2, (self.down() - 1) / 2);
        let tile = self.tile(column, row);
        // The last one of a stripe may be narrower.
        if tile.width < self.tile.width && column > 0 { self.tile(column - 1, row) } else { tile }
    }

    /// The rows of the raster that some tiles show, which are numbered as [`TileGrid::nth`] does; at least one.
    pub(crate) fn rows_of(&self, tiles: &Range<u64>) -> Window {
        if self.stripe().is_some() {
            let rows = Window::new(0, self.top as i64, self.raster.width, self.bottom - self.top);
            return self.shown(rows);
        }
        let first = self.shown(self.nth(tiles.start)).y;
        let last = self.shown(self.nth(tiles.end.saturating_sub(1).max(tiles.start)));
        Window::new(0, first, self.raster.width, (last.y_end() - first) as usize)
    }

    /// The tiles that rows of the raster lie in.
    pub(crate) fn tiles_of(&self, rows: Range<i64>) -> Range<u64> {
        let (across, height) = (self.across() as u64, self.tile.height as u64);
        let inside = |row: i64| (row.clamp(self.top as i64, self.bottom as i64) - self.top as i64) as u64;
        let rows = inside(rows.start)..inside(rows.end);
        if rows.is_empty() {
            return 0..0;
        }
        if self.stripe().is_some() {
            return 0..self.count();
        }
        rows.start / height * across..(rows.end.div_ceil(height) * across).min(self.count())
    }

    /// The tile that is handed out as number `index`.
    pub(crate) fn nth(&self, index: u64) -> Window {
        let (across, down) = (self.across_stripe() as u64, self.down() as u64);
        let (stripe, place) = (index / (across * down), index % (across * down));
        let across_here = across.min(self.across() as u64 - stripe * across);
        self.tile((stripe * across + place % across_here) as usize, (place / across_here) as usize)
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
    fn stripes_are_gone_through_one_after_the_other() {
        let size = Size::new(100, 50);
        for (tile, stripe) in [((16, 31), 32), ((12, 20), 32), ((40, 50), 32), ((7, 9), 99), ((7, 9), 1)] {
            let grid = TileGrid::new(size, Size::new(tile.0, tile.1), Halo::NONE).in_stripes(stripe);
            assert_eq!(grid.stripe(), Some(stripe));
            assert_eq!(grid.typical().width, tile.0.min(stripe), "{tile:?} in {stripe}");
            let mut seen = vec![false; size.pixels()];
            let mut before = (0, 0);
            for window in (0..grid.count()).map(|index| grid.nth(index)) {
                let (first, last) = (window.x as usize / stripe, (window.x_end() as usize - 1) / stripe);
                assert_eq!(first, last, "a tile reaches over the edge of a stripe");
                assert!((first, window.y) >= before, "stripe by stripe, row by row");
                before = (first, window.y);
                for y in window.y..window.y_end() {
                    for x in window.x..window.x_end() {
                        let place = &mut seen[y as usize * size.width + x as usize];
                        assert!(!std::mem::replace(place, true), "twice");
                    }
                }
            }
            assert!(seen.into_iter().all(|seen| seen), "{tile:?} in {stripe}");
        }
        let whole = TileGrid::new(size, Size::new(16, 31), Halo::NONE);
        assert_eq!((whole.in_stripes(100), whole.in_stripes(usize::MAX)), (whole, whole));
        assert_eq!(whole.stripe(), None);
    }

    #[test]
    fn rows_of_a_raster_are_cut_by_themselves() {
        let size = Size::new(100, 50);
        for stripe in [100, 32] {
            for rows in [0..50, 0..16, 16..48, 48..50, 49..50] {
                let grid =
                    TileGrid::new(size, Size::new(12, 20), Halo::NONE).over_rows(&rows).in_stripes(stripe);
                let windows = (0..grid.count()).map(|index| grid.nth(index)).collect::<Vec<_>>();
                let pixels = windows.iter().map(|window| window.size().pixels() as u64).sum::<u64>();
                assert_eq!((pixels, grid.pixels()), (100 * rows.len() as u64, pixels));
                let inside =
                    |window: &Window| window.y >= rows.start as i64 && window.y_end() <= rows.end as i64;
                assert!(windows.iter().all(inside), "{rows:?}: {windows:?}");
                assert_eq!(grid.tiles_of_stripes().sum::<u64>(), grid.count());
                assert_eq!(grid.tiles_of_stripes().count(), 100_usize.div_ceil(stripe));
                let shown = grid.rows_of(&(0..grid.count()));
                assert_eq!((shown.y, shown.y_end()), (rows.start as i64, rows.end as i64));
                assert_eq!(grid.tiles_of(0..50), 0..grid.count());
            }
        }
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
