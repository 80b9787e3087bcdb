//! The five products of derivatives that Lucas and Kanade sum up, row by row, all derivatives doubled so that those of
//! integers stay integers.

use fearless_simd::{Simd, dispatch};
use fearless_simd_macros::simd;
use swathe_core::{Frame, ScratchSize, TileView};

use crate::rows::LoadRows;
use crate::simd::level;

/// Places of the sums in a row: `xx, yy, xy, xt, yt`, and how many pixels went into them, which need not be counted where all are data.
pub(super) const PRODUCTS: usize = 6;

/// The readers of two rasters.
pub(super) struct Pair {
    pub(super) previous: Box<dyn LoadRows<f64>>,
    pub(super) next: Box<dyn LoadRows<f64>>,
    pub(super) bands: usize,
}

impl Pair {
    /// True where every sample of both tiles is data.
    pub(super) fn all_valid(&self, inputs: &[TileView<'_>]) -> bool {
        (0..self.bands)
            .all(|band| self.previous.all_valid(&inputs[0], band) && self.next.all_valid(&inputs[1], band))
    }

    /// Sets `flags` to 1 where both rasters have data in all bands in row `y` of the tiles, and to 0 elsewhere.
    pub(super) fn flags(&self, inputs: &[TileView<'_>], y: usize, flags: &mut [u8], work: &mut [u8]) {
        self.previous.flags(&inputs[0], 0, y, flags);
        for band in 0..self.bands {
            self.previous.flags(&inputs[0], band, y, work);
            both(flags, work);
            self.next.flags(&inputs[1], band, y, work);
            both(flags, work);
        }
    }
}

fn both(flags: &mut [u8], others: &[u8]) {
    flags.iter_mut().zip(others).for_each(|(flag, &other)| *flag &= other);
}

/// Three rows of the first raster that move down, and one of the second.
pub(super) struct Rows<'a> {
    width: usize,
    /// Three rows of each band.
    ring: &'a mut [f64],
    /// The same of flags: 1 where all bands have data.
    ring_flags: &'a mut [u8],
    next: &'a mut [f64],
    flags: &'a mut [u8],
    whole: bool,
}

impl<'a> Rows<'a> {
    /// What [`Rows::take`] takes for tiles `width` columns wide.
    pub(super) fn scratch(size: ScratchSize, width: usize, bands: usize) -> ScratchSize {
        size.with::<f64>(3 * bands * width).with::<u8>(3 * width).with::<f64>(width).with::<u8>(width)
    }

    /// Rows of tiles `width` columns wide; `whole` says that all samples are data.
    pub(super) fn take(scratch: &mut Frame<'a>, width: usize, bands: usize, whole: bool) -> Self {
        Rows {
            width,
            ring: scratch.take(3 * bands * width),
            ring_flags: scratch.take(3 * width),
            next: scratch.take(width),
            flags: scratch.take(width),
            whole,
        }
    }

    /// Reads row `y` of the first raster into the ring.
    fn enter(&mut self, pair: &Pair, view: &TileView<'_>, y: usize) {
        let (width, slot) = (self.width, y % 3);
        let flags = &mut self.ring_flags[slot * width..][..width];
        flags.fill(1);
        for band in 0..pair.bands {
            let row = &mut self.ring[(band * 3 + slot) * width..][..width];
            if self.whole {
                pair.previous.load(view, band, y, row);
            } else {
                pair.previous.load_valid(view, band, y, row, self.flags);
                both(flags, self.flags);
            }
        }
    }

    /// The pieces of `stride` numbers that [`Rows::products`] fills.
    pub(super) fn pieces(&self) -> usize {
        if self.whole { PRODUCTS - 1 } else { PRODUCTS }
    }

    /// The products around row `y + 1` of the tiles, in pieces of `stride` numbers; `y` counts up from 0.
    pub(super) fn products(
        &mut self,
        pair: &Pair,
        inputs: &[TileView<'_>],
        y: usize,
        stride: usize,
        products: &mut [f64],
    ) {
        for row in if y == 0 { 0..3 } else { y + 2..y + 3 } {
            self.enter(pair, &inputs[0], row);
        }
        let width = self.width;
        let (sums, count) = products.split_at_mut((PRODUCTS - 1) * stride);
        // No window reaches what lies between two pieces, but it is to be numbers.
        sums.chunks_exact_mut(stride).for_each(|piece| piece[width - 2..].fill(0.0));
        let (count, between) = count.split_at_mut(if self.whole { 0 } else { width - 2 });
        count.fill(1.0);
        between.fill(0.0);
        for band in 0..pair.bands {
            if self.whole {
                pair.next.load(&inputs[1], band, y + 1, self.next);
            } else {
                pair.next.load_valid(&inputs[1], band, y + 1, self.next, self.flags);
                strike_out(count, &self.flags[1..width - 1]);
            }
            let row = |slot: usize| &self.ring[(band * 3 + slot % 3) * width..][..width];
            let around = Around { above: row(y), middle: row(y + 1), below: row(y + 2), next: self.next };
            if band == 0 {
                dispatch!(level(), simd => set_products(simd, around, stride, sums));
            } else {
                dispatch!(level(), simd => add_products(simd, around, stride, sums));
            }
        }
        if !self.whole {
            let flags = |slot: usize| &self.ring_flags[slot % 3 * width..][..width];
            strike_out(count, &flags(y)[1..width - 1]);
            strike_out(count, &flags(y + 1)[..width - 2]);
            strike_out(count, &flags(y + 1)[1..width - 1]);
            strike_out(count, &flags(y + 1)[2..]);
            strike_out(count, &flags(y + 2)[1..width - 1]);
            for sums in sums.chunks_exact_mut(stride) {
                for (sum, &counted) in sums.iter_mut().zip(count.iter()) {
                    *sum = if counted == 0.0 { 0.0 } else { *sum };
                }
            }
        }
    }
}

fn strike_out(count: &mut [f64], flags: &[u8]) {
    assert_eq!(count.len(), flags.len());
    for (count, &flag) in count.iter_mut().zip(flags) {
        *count = if flag == 0 { 0.0 } else { *count };
    }
}

/// Rows of one band, all of the same length.
#[derive(Clone, Copy)]
struct Around<'a> {
    above: &'a [f64],
    middle: &'a [f64],
    below: &'a [f64],
    next: &'a [f64],
}

/// The products of derivatives at one pixel, in the order of their places.
#[inline(always)]
fn products_of([west, east, above, below, middle, next]: [f64; 6]) -> [f64; PRODUCTS - 1] {
    let (x, y, t) = (east - west, below - above, 2.0 * (middle - next));
    [x * x, y * y, x * y, x * t, y * t]
}

/// The products of a row in the place of whatever stood there.
#[simd]
fn set_products<S: Simd>(_: S, rows: Around<'_>, stride: usize, sums: &mut [f64]) {
    let ([west, east, above, below, middle, next], [xx, yy, xy, xt, yt]) = sides(rows, stride, sums);
    let length = west.len();
    for i in 0..length {
        let products = products_of([west[i], east[i], above[i], below[i], middle[i], next[i]]);
        // A sum begins at 0, which makes 0 of -0.
        let [of_xx, of_yy, of_xy, of_xt, of_yt] = products.map(|product| 0.0 + product);
        (xx[i], yy[i], xy[i]) = (of_xx, of_yy, of_xy);
        (xt[i], yt[i]) = (of_xt, of_yt);
    }
}

#[simd]
fn add_products<S: Simd>(_: S, rows: Around<'_>, stride: usize, sums: &mut [f64]) {
    let ([west, east, above, below, middle, next], [xx, yy, xy, xt, yt]) = sides(rows, stride, sums);
    let length = west.len();
    for i in 0..length {
        let products = products_of([west[i], east[i], above[i], below[i], middle[i], next[i]]);
        let [of_xx, of_yy, of_xy, of_xt, of_yt] = products;
        xx[i] += of_xx;
        yy[i] += of_yy;
        xy[i] += of_xy;
        xt[i] += of_xt;
        yt[i] += of_yt;
    }
}

/// What lies west, east, above, below and at each pixel, the next raster there, and the places of its products; all of one length.
#[inline(always)]
fn sides<'r, 's>(
    rows: Around<'r>,
    stride: usize,
    sums: &'s mut [f64],
) -> ([&'r [f64]; 6], [&'s mut [f64]; PRODUCTS - 1]) {
    let length = rows.middle.len() - 2;
    let (xx, rest) = sums.split_at_mut(stride);
    let (yy, rest) = rest.split_at_mut(stride);
    let (xy, rest) = rest.split_at_mut(stride);
    let (xt, yt) = rest.split_at_mut(stride);
    let from = [
        &rows.middle[..length],
        &rows.middle[2..][..length],
        &rows.above[1..][..length],
        &rows.below[1..][..length],
        &rows.middle[1..][..length],
        &rows.next[1..][..length],
    ];
    let [xx, yy, xy, xt, yt] = [xx, yy, xy, xt, yt].map(|row| &mut row[..length]);
    (from, [xx, yy, xy, xt, yt])
}
