//! Which decoded blocks a sweep of tiles, row after row from the north-west, comes back to.

use swathe_core::{Size, Sweep, Window};

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

/// The most blocks that wait to be read again while `workers` tiles are under way.
pub(crate) fn blocks_kept(sweep: Sweep, all: Blocks, workers: usize) -> usize {
    let (block, tile, need) = (all.block, sweep.tile, sweep.need);
    let touched = |side: usize, block: usize, most: usize| (side.saturating_sub(1) / block + 2).min(most);
    let columns = touched(need.width, block.width, all.across());
    let rows = touched(need.height, block.height, all.down());
    // What a row of tiles reads, from end to end.
    let margin = need.width.saturating_sub(tile.width);
    let across = sweep
        .stripe
        .map_or(all.across(), |stripe| touched(stripe.saturating_add(margin), block.width, all.across()));
    // A row of tiles leaves to the next what its halo reaches over, from end to end; and the tiles under way hold what
    // they need.
    let halo = need.height.saturating_sub(tile.height);
    let whole = tile.height.is_multiple_of(block.height);
    let shared = if halo == 0 && whole { 0 } else { touched(halo.max(1), block.height, all.down()) };
    let lasting = shared.saturating_mul(across);
    // One tile more, since workers do not keep step; around the end of a row of tiles they are in two of them.
    let abreast = across.saturating_mul(workers.min(2));
    let passing = rows.saturating_mul(columns.saturating_mul(workers + 1).min(abreast));
    let blocks = lasting.saturating_add(passing).saturating_mul(all.planes);
    blocks.min(usize::try_from(all.count()).unwrap_or(usize::MAX))
}

/// True where no tile soon after the one that reads `window` reads `block`, if tiles are read in order: what lies across the edge
/// of a stripe is read again with the next one, for which it is not kept. Tiles that read less than they are themselves
/// (enlargements) overlap in ways that are not known here: never, then.
pub(crate) fn is_last(sweep: Sweep, window: Window, block: Window, raster: Size) -> bool {
    let last = |start: i64, end: i64, block_end: i64, tile: usize, need: usize, length: i64| {
        // At the raster's first edge a window is clipped: the next one begins a halo earlier.
        let clipped = if start == 0 { need.saturating_sub(tile) as i64 } else { 0 };
        end >= length || block_end <= start + tile as i64 - clipped
    };
    let (tile, need) = (sweep.tile, sweep.need);
    let middle = usize::try_from((window.x + window.x_end()) / 2).unwrap_or(0);
    let row_end =
        sweep.stripe.map_or(raster.width, |stripe| ((middle / stripe + 1) * stripe).min(raster.width));
    need.width >= tile.width
        && need.height >= tile.height
        && last(window.x, window.x_end(), block.x_end(), tile.width, need.width, row_end as i64)
        && last(window.y, window.y_end(), block.y_end(), tile.height, need.height, raster.height as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_let_go_behind_the_sweep() {
        // Tiles of 512 with a halo of 8 on each side, blocks of 256, a raster of 2000.
        let sweep = Sweep { tile: Size::new(512, 512), need: Size::new(528, 528), stripe: None };
        let raster = Size::new(2000, 2000);
        let middle = Window::new(504, 504, 528, 528);
        let block = |column: i64, row: i64| Window::new(256 * column, 256 * row, 256, 256);
        assert!(is_last(sweep, middle, block(2, 2), raster));
        assert!(!is_last(sweep, middle, block(3, 2), raster), "the tile to the east reads it");
        assert!(!is_last(sweep, middle, block(2, 3), raster), "the tile to the south reads it");
        // The first tile reads from 0 to 520; the next begins at 504.
        let first = Window::new(0, 0, 520, 520);
        assert!(is_last(sweep, first, block(0, 0), raster) && !is_last(sweep, first, block(1, 0), raster));
        let corner = Window::new(1528, 1528, 472, 472);
        assert!(is_last(sweep, corner, block(7, 7), raster));
        let enlarging = Sweep { need: Size::new(260, 260), ..sweep };
        assert!(!is_last(enlarging, corner, block(7, 7), raster));
    }

    #[test]
    fn a_stripe_ends_before_the_raster_and_keeps_no_more_in_a_wider_one() {
        let sweep = Sweep { tile: Size::new(512, 256), need: Size::new(528, 272), stripe: Some(1024) };
        let raster = Size::new(4000, 2000);
        let block = |column: i64, row: i64| Window::new(256 * column, 256 * row, 256, 256);
        // The last tile of the first stripe: its row has no further one, and the next row reads the blocks below.
        let window = Window::new(504, 504, 528, 272);
        assert!(is_last(sweep, window, block(3, 1), raster) && is_last(sweep, window, block(4, 1), raster));
        assert!(!is_last(sweep, window, block(3, 2), raster), "the next row of tiles reads it");
        let first = Window::new(1016, 504, 528, 272);
        assert!(!is_last(sweep, first, block(6, 2), raster), "the tile to the east reads it");
        let kept = |width: usize, stripe: Option<usize>| {
            let all = Blocks { raster: Size::new(width, 9000), block: Size::new(256, 256), planes: 1 };
            blocks_kept(Sweep { stripe, ..sweep }, all, 2)
        };
        assert_eq!(kept(4000, Some(1024)), kept(400_000, Some(1024)));
        assert!(kept(4000, None) > kept(4000, Some(1024)));
    }
}
