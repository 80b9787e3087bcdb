//! Sums of real numbers over a window, at the same cost for any size (van Herk 1992, with sums in place of maxima).
//!
//! ```text
//! blocks of k      | a b c | d e f | g h i |          k = 3, blocks start where the raster's coordinate is a multiple of k
//! suffix sums S      abc bc c                         sum over b c d = S[b] + P[d], over a b c = S[a]
//! prefix sums P              d de def
//! ```
//! A running sum would drag rounding errors, `NaN` and infinities along the row, and its result would depend on where
//! the tile begins. Here each sum touches its own window only, and blocks lie where the raster's coordinates say, so the
//! result is the same for every tiling. All in `f64`: three additions a pixel along each axis.
//!
//! Along x these additions are single ones, each waiting for that before. Windows of at most 16 columns are summed pixel
//! after pixel instead, in vectors, which is faster.

use std::ops::Range;

use fearless_simd::{Simd, dispatch};
use fearless_simd_macros::simd;
use swathe_core::{Frame, ScratchSize, Size, Window};

use super::columns::add_columns;
use crate::simd::level;

/// Rows that go through the sums along x side by side: additions wait for each other along a row, not across rows.
const ROWS: usize = 4;

/// The widest window whose pixels are added one after the other.
const DIRECT: usize = 16;

/// The work space of window sums over one band of a tile.
pub(crate) struct RealSums<'a> {
    window: Size,
    /// The input that is summed over, in coordinates of the raster.
    input: Window,
    /// `ROWS` input rows, one after the other.
    lines: &'a mut [f64],
    /// Sums of blocks from their start, and from their end; none where windows are summed directly.
    prefix: &'a mut [f64],
    suffix: &'a mut [f64],
    /// `window.height` rows: first the sums along x as they came in, then, once a block is complete, its suffix sums.
    block: &'a mut [f64],
    below: &'a mut [f64],
    sums: &'a mut [f64],
}

impl<'a> RealSums<'a> {
    /// What [`RealSums::take`] takes for an output of `width` columns.
    pub(crate) fn scratch(size: ScratchSize, window: Size, width: usize) -> ScratchSize {
        let line = ROWS * (width + window.width - 1);
        let blocks = if window.width <= DIRECT { 0 } else { line };
        size.with::<f64>(line)
            .with::<f64>(blocks)
            .with::<f64>(blocks)
            .with::<f64>(window.height * width)
            .with::<f64>(width)
            .with::<f64>(width)
    }

    /// The work space for an input of this window.
    pub(crate) fn take(scratch: &mut Frame<'a>, window: Size, input: Window) -> Self {
        let width = input.width + 1 - window.width;
        let line = ROWS * input.width;
        let blocks = if window.width <= DIRECT { 0 } else { line };
        RealSums {
            window,
            input,
            lines: scratch.take(line),
            prefix: scratch.take(blocks),
            suffix: scratch.take(blocks),
            block: scratch.take(window.height * width),
            below: scratch.take(width),
            sums: scratch.take(width),
        }
    }

    /// Calls `load(y, line)` for each row of the input, and `emit(y, sums)` for each row of sums; both count from 0.
    pub(crate) fn run(
        &mut self,
        mut load: impl FnMut(usize, &mut [f64]),
        mut emit: impl FnMut(usize, &mut [f64]),
    ) {
        for first in (0..self.input.height).step_by(ROWS) {
            self.load(first, &mut load);
            for y in first..self.input.height.min(first + ROWS) {
                if let Some(row) = self.sum(y) {
                    emit(row, self.sums);
                }
            }
        }
    }

    /// As [`RealSums::run`] for the numbers here and for their squares in `squares`: `emit(y, sums, squares)`.
    pub(crate) fn run_with_squares(
        &mut self,
        squares: &mut Self,
        mut load: impl FnMut(usize, &mut [f64]),
        mut emit: impl FnMut(usize, &mut [f64], &mut [f64]),
    ) {
        for first in (0..self.input.height).step_by(ROWS) {
            self.load(first, &mut load);
            dispatch!(level(), simd => square(simd, self.lines, squares.lines));
            squares.sum_blocks();
            for y in first..self.input.height.min(first + ROWS) {
                if let (Some(row), Some(_)) = (self.sum(y), squares.sum(y)) {
                    emit(row, self.sums, squares.sums);
                }
            }
        }
    }

    /// Takes in `ROWS` rows from `first` on, or what is left of them.
    fn load(&mut self, first: usize, load: &mut impl FnMut(usize, &mut [f64])) {
        let rows = self.input.height - first;
        for (i, line) in self.lines.chunks_exact_mut(self.input.width).enumerate().take(rows) {
            load(first + i, line);
        }
        self.sum_blocks();
    }

    /// Sums what ends with row `y` of the input, and says which row of sums that is; none before the first window ends.
    fn sum(&mut self, y: usize) -> Option<usize> {
        let height = self.window.height;
        let slot = (self.input.y + y as i64).rem_euclid(height as i64) as usize;
        self.sum_along_x(y % ROWS, slot);
        self.sum_along_y(slot);
        (y + 1).checked_sub(height)
    }

    /// The first block that begins in a row; the one before it may have begun outside.
    fn first_block(&self) -> usize {
        let k = self.window.width as i64;
        (k - self.input.x.rem_euclid(k)) as usize % self.window.width
    }

    /// Makes the sums of the blocks along x, where these are asked for.
    fn sum_blocks(&mut self) {
        let (k, length) = (self.window.width, self.input.width);
        if k <= DIRECT {
            return;
        }
        let first = self.first_block();
        let mut start = 0;
        let mut end = if first == 0 { k } else { first };
        while start < length {
            sum_block(self.lines, self.prefix, self.suffix, length, start..end.min(length));
            (start, end) = (end, end + k);
        }
    }

    /// Sums the windows along x in one of the `ROWS` lines, into the place `slot` of the block.
    fn sum_along_x(&mut self, line: usize, slot: usize) {
        let (k, start, width) = (self.window.width, line * self.input.width, self.sums.len());
        let first = self.first_block();
        let sums = &mut self.block[slot * width..][..width];
        if k <= DIRECT {
            let line = &self.lines[start..][..self.input.width];
            dispatch!(level(), simd => add_columns(simd, line, k, sums));
            return;
        }
        let (suffix, prefix) = (&self.suffix[start..], &self.prefix[start + k - 1..]);
        dispatch!(level(), simd => add_rows(simd, suffix, prefix, sums));
        // A window that is a block has no second part.
        for x in (first..width).step_by(k) {
            sums[x] = suffix[x];
        }
    }

    /// Sums what ends with the row at `slot`, its place in its block.
    fn sum_along_y(&mut self, slot: usize) {
        let (width, height) = (self.sums.len(), self.window.height);
        let row = &self.block[slot * width..][..width];
        if slot + 1 < height {
            let above = &self.block[(slot + 1) * width..][..width];
            let begins = slot == 0;
            dispatch!(level(), simd => join_rows(simd, row, above, self.below, self.sums, begins));
            return;
        }
        for upper in (0..slot).rev() {
            let (above, below) = self.block.split_at_mut((upper + 1) * width);
            let (above, below) = (&mut above[upper * width..], &below[..width]);
            dispatch!(level(), simd => add_row(simd, above, below));
        }
        self.sums.copy_from_slice(&self.block[..width]);
    }
}

/// In each of `ROWS` rows of `length` numbers: prefix sums from the block's start, suffix sums from its end.
///
/// In one sweep, so that twice `ROWS` additions are on their way at any time. Not one of vectors: mixing the rows into
/// them and sorting the sums out again took three times as long.
fn sum_block(lines: &[f64], prefix: &mut [f64], suffix: &mut [f64], length: usize, block: Range<usize>) {
    let rows: [&[f64]; ROWS] = std::array::from_fn(|i| &lines[i * length..][block.clone()]);
    let prefix = parts(prefix, length, &block);
    let suffix = parts(suffix, length, &block);
    let last = block.len() - 1;
    let mut from_start: [f64; ROWS] = std::array::from_fn(|i| rows[i][0]);
    let mut from_end: [f64; ROWS] = std::array::from_fn(|i| rows[i][last]);
    for i in 0..ROWS {
        (prefix[i][0], suffix[i][last]) = (from_start[i], from_end[i]);
    }
    for x in 1..=last {
        for i in 0..ROWS {
            from_start[i] += rows[i][x];
            from_end[i] += rows[i][last - x];
            (prefix[i][x], suffix[i][last - x]) = (from_start[i], from_end[i]);
        }
    }
}

/// The block in each of `ROWS` rows of `length` numbers.
fn parts<'a>(rows: &'a mut [f64], length: usize, block: &Range<usize>) -> [&'a mut [f64]; ROWS] {
    let mut rows = rows.chunks_exact_mut(length);
    std::array::from_fn(|_| match rows.next() {
        Some(row) => &mut row[block.clone()],
        None => Default::default(),
    })
}

#[simd]
fn square<S: Simd>(_: S, numbers: &[f64], squares: &mut [f64]) {
    assert_eq!(numbers.len(), squares.len());
    for (square, &number) in squares.iter_mut().zip(numbers) {
        *square = number * number;
    }
}

#[simd]
fn add_rows<S: Simd>(_: S, one: &[f64], other: &[f64], sums: &mut [f64]) {
    for ((sum, one), other) in sums.iter_mut().zip(one).zip(other) {
        *sum = one + other;
    }
}

/// `below += row`, from nothing where it `begins`; `sums = above + below`.
#[simd]
fn join_rows<S: Simd>(_: S, row: &[f64], above: &[f64], below: &mut [f64], sums: &mut [f64], begins: bool) {
    let width = sums.len();
    assert!(row.len() == width && above.len() == width && below.len() == width);
    if begins {
        below.copy_from_slice(row);
    } else {
        for (below, row) in below.iter_mut().zip(row) {
            *below += row;
        }
    }
    for x in 0..width {
        sums[x] = above[x] + below[x];
    }
}

#[simd]
fn add_row<S: Simd>(_: S, above: &mut [f64], below: &[f64]) {
    for (above, below) in above.iter_mut().zip(below) {
        *above += below;
    }
}

#[cfg(test)]
mod tests {
    use swathe_core::Scratch;

    use super::*;
    use crate::trial::Random;

    fn sums(pixels: &[Vec<f64>], window: Size, input: Window) -> Vec<Vec<f64>> {
        let width = input.width + 1 - window.width;
        let mut scratch =
            Scratch::with_capacity(RealSums::scratch(ScratchSize::new(), window, width).bytes());
        let mut frame = scratch.frame();
        let mut found = Vec::new();
        RealSums::take(&mut frame, window, input).run(
            |y, line| {
                let x = input.x as usize;
                line.copy_from_slice(&pixels[input.y as usize + y][x..x + input.width]);
            },
            |y, sums| {
                assert_eq!(y, found.len());
                found.push(sums.to_vec());
            },
        );
        found
    }

    #[test]
    fn agrees_with_plain_sums_wherever_the_tile_begins() {
        let mut random = Random(3);
        let pixels: Vec<Vec<f64>> =
            (0..40).map(|_| (0..37).map(|_| (random.next() >> 40) as f64 / 7.0).collect()).collect();
        for window in [Size::new(1, 1), Size::new(3, 2), Size::new(4, 9), Size::new(12, 5), Size::new(30, 31)]
        {
            let whole = sums(&pixels, window, Window::new(0, 0, 37, 40));
            for (y, row) in whole.iter().enumerate() {
                for (x, &sum) in row.iter().enumerate() {
                    let rows = &pixels[y..y + window.height];
                    let plain = rows.iter().flat_map(|row| &row[x..x + window.width]).sum::<f64>();
                    assert!(
                        (sum - plain).abs() <= 1e-14 * plain,
                        "{window} at {x},{y}: {sum} is not {plain}"
                    );
                }
            }
            for (x, y) in [(1, 0), (2, 3), (5, 7)] {
                let part = sums(&pixels, window, Window::new(x, y, window.width, window.height + 1));
                assert_eq!(part[1][0].to_bits(), whole[y as usize + 1][x as usize].to_bits());
            }
        }
    }

    #[test]
    fn what_is_not_finite_stays_in_its_windows() {
        let mut pixels = vec![vec![1.0; 20]; 20];
        pixels[9][9] = f64::NAN;
        let found = sums(&pixels, Size::new(4, 3), Window::new(0, 0, 20, 20));
        assert_eq!(found.iter().flatten().filter(|sum| sum.is_nan()).count(), 12);
        assert!(found.iter().flatten().all(|&sum| sum == 12.0 || sum.is_nan()));
    }
}
