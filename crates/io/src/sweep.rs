//! Which decoded blocks a sweep of tiles, row after row from the north-west, comes back to.

use swathe_core::{Size, Window};

/// How blocks of one size cover a raster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Blocks {
    pub(crate) raster: Size,
    pub(crate) block: Size,
    /// Planes of blocks, one for each band or some bands.
    pub(crate) planes: usize,
}

impl Blocks {
    /// Blocks side by side.
    pub(crate) fn across(self) -> usize {
        self.raster.width.div_ceil(self.block.width)
    }

    /// Blocks from north to south.
    pub(crate) fn down(self) -> usize {
        self.raster.height.div_ceil(self.block.height)
    }

    /// All of them, of all planes.
    pub(crate) fn count(self) -> u64 {
        (self.across() as u64).saturating_mul(self.down() as u64).saturating_mul(self.planes as u64)
    }
}

/// Tiles of a run, and the window that each reads at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sweep {
    pub(crate) tile: Size,
    pub(crate) need: Size,
}

impl Sweep {
    /// The most blocks that wait to be read again while `workers` tiles are under way.
    pub(crate) fn blocks(self, all: Blocks, workers: usize) -> usize {
        let block = all.block;
        let touched = |side: usize, block: usize, most: usize| (side.saturating_sub(1) / block + 2).min(most);
        let columns = touched(self.need.width, block.width, all.across());
        let rows = touched(self.need.height, block.height, all.down());
        // A row of tiles leaves to the next what its halo reaches over, all along the raster; and the tiles under way
        // hold what they need.
        let halo = self.need.height.saturating_sub(self.tile.height);
        let whole = self.tile.height.is_multiple_of(block.height);
        let shared = if halo == 0 && whole { 0 } else { touched(halo.max(1), block.height, all.down()) };
        let lasting = shared.saturating_mul(all.across());
        // One tile more, since workers do not keep step; around the end of a row of tiles they are in two of them.
        let abreast = all.across().saturating_mul(workers.min(2));
        let passing = rows.saturating_mul(columns.saturating_mul(workers + 1).min(abreast));
        let blocks = lasting.saturating_add(passing).saturating_mul(all.planes);
        blocks.min(usize::try_from(all.count()).unwrap_or(usize::MAX))
    }

    /// True where no tile after the one that reads `window` reads `block`, if tiles are read in order. Tiles that read
    /// less than they are themselves (enlargements) overlap in ways that are not known here: never, then.
    pub(crate) fn is_last(self, window: Window, block: Window, raster: Size) -> bool {
        let last = |start: i64, end: i64, block_end: i64, tile: usize, need: usize, length: usize| {
            // At the raster's first edge a window is clipped: the next one begins a halo earlier.
            let clipped = if start == 0 { need.saturating_sub(tile) as i64 } else { 0 };
            end >= length as i64 || block_end <= start + tile as i64 - clipped
        };
        let (tile, need) = (self.tile, self.need);
        need.width >= tile.width
            && need.height >= tile.height
            && last(window.x, window.x_end(), block.x_end(), tile.width, need.width, raster.width)
            && last(window.y, window.y_end(), block.y_end(), tile.height, need.height, raster.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_let_go_behind_the_sweep() {
        // Tiles of 512 with a halo of 8 on each side, blocks of 256, a raster of 2000.
        let sweep = Sweep { tile: Size::new(512, 512), need: Size::new(528, 528) };
        let raster = Size::new(2000, 2000);
        let middle = Window::new(504, 504, 528, 528);
        let block = |column: i64, row: i64| Window::new(256 * column, 256 * row, 256, 256);
        assert!(sweep.is_last(middle, block(2, 2), raster));
        assert!(!sweep.is_last(middle, block(3, 2), raster), "the tile to the east reads it");
        assert!(!sweep.is_last(middle, block(2, 3), raster), "the tile to the south reads it");
        // The first tile reads from 0 to 520; the next begins at 504.
        let first = Window::new(0, 0, 520, 520);
        assert!(sweep.is_last(first, block(0, 0), raster) && !sweep.is_last(first, block(1, 0), raster));
        let corner = Window::new(1528, 1528, 472, 472);
        assert!(sweep.is_last(corner, block(7, 7), raster));
        let enlarging = Sweep { tile: Size::new(512, 512), need: Size::new(260, 260) };
        assert!(!enlarging.is_last(corner, block(7, 7), raster));
    }
}
