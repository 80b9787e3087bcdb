//! Exact sums of integers over a window, at the same cost for any size: sums of columns that take a row in and let one
//! go, and running sums along each row of them (McDonnell 1981). Integers wrap and come back, so nothing is lost. Few columns are
//! added one after the other, in vectors: a running sum is one addition after the other.

use fearless_simd::{Simd, dispatch};
use fearless_simd_macros::simd;
use swathe_core::{Frame, Sample, ScratchSize, Size, TileView};

use super::columns::{Added, add_columns};
use crate::rows::{LoadRows, Real};
use crate::simd::level;

/// The widest window whose columns are added one after the other.
const DIRECT: usize = 8;

/// An integer of at most 64 bits.
pub(crate) trait Whole: Copy {
    /// The same number.
    fn whole(self) -> i64;
}

impl Whole for u8 {
    #[inline(always)]
    fn whole(self) -> i64 {
        i64::from(self)
    }
}

impl Whole for i8 {
    #[inline(always)]
    fn whole(self) -> i64 {
        i64::from(self)
    }
}

impl Whole for u16 {
    #[inline(always)]
    fn whole(self) -> i64 {
        i64::from(self)
    }
}

impl Whole for i16 {
    #[inline(always)]
    fn whole(self) -> i64 {
        i64::from(self)
    }
}

impl Whole for i32 {
    #[inline(always)]
    fn whole(self) -> i64 {
        i64::from(self)
    }
}

impl Whole for i64 {
    #[inline(always)]
    fn whole(self) -> i64 {
        self
    }
}

/// What integers are summed in. Only the sums over whole windows need to fit.
pub(crate) trait Total: Sample + Whole + Added {
    /// The low bits of a number.
    fn of(number: i64) -> Self;

    /// The difference, wrapped.
    fn minus(self, other: Self) -> Self;
}

impl Total for i32 {
    #[inline(always)]
    fn of(number: i64) -> Self {
        number as i32
    }

    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        self.wrapping_sub(other)
    }
}

impl Total for i64 {
    #[inline(always)]
    fn of(number: i64) -> Self {
        number
    }

    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        self.wrapping_sub(other)
    }
}

/// The sums of one window's height of rows, and of any window's width of columns in them.
pub(crate) struct IntegerSums<'a, C> {
    /// Sum of each column.
    columns: &'a mut [C],
    /// Sum of all columns before each one; one more than there are columns.
    before: &'a mut [C],
}

impl<'a, C: Total> IntegerSums<'a, C> {
    /// What [`IntegerSums::take`] takes for rows of `width` numbers.
    pub(crate) fn scratch(size: ScratchSize, width: usize) -> ScratchSize {
        size.with::<C>(width).with::<C>(width + 1)
    }

    /// Sums of no rows yet.
    pub(crate) fn take(scratch: &mut Frame<'a>, width: usize) -> Self {
        IntegerSums { columns: scratch.take_zeroed(width), before: scratch.take_zeroed(width + 1) }
    }

    /// Takes a row in.
    pub(crate) fn enter<E: Whole>(&mut self, row: &[E]) {
        dispatch!(level(), simd => enter(simd, self.columns, row));
    }

    /// Takes a row in and lets another go.
    pub(crate) fn replace<E: Whole>(&mut self, entering: &[E], leaving: &[E]) {
        dispatch!(level(), simd => replace(simd, self.columns, entering, leaving));
    }

    /// Takes the squares of a row in.
    pub(crate) fn enter_squares<E: Whole>(&mut self, row: &[E]) {
        dispatch!(level(), simd => enter_squares(simd, self.columns, row));
    }

    /// Takes the squares of a row in and lets those of another go.
    pub(crate) fn replace_squares<E: Whole>(&mut self, entering: &[E], leaving: &[E]) {
        dispatch!(level(), simd => replace_squares(simd, self.columns, entering, leaving));
    }

    /// Sums over each window that is `width` columns wide: `sums[x]` covers columns `x..x + width`.
    pub(crate) fn sum(&mut self, width: usize, sums: &mut [C]) {
        if width <= DIRECT {
            dispatch!(level(), simd => add_columns(simd, self.columns, width, sums));
            return;
        }
        run_along(self.columns, self.before);
        dispatch!(level(), simd => differences(simd, self.before, width, sums));
    }
}

#[simd]
fn enter<S: Simd, C: Total, E: Whole>(_: S, columns: &mut [C], row: &[E]) {
    assert_eq!(columns.len(), row.len());
    for (column, &entering) in columns.iter_mut().zip(row) {
        *column = column.plus(C::of(entering.whole()));
    }
}

#[simd]
fn replace<S: Simd, C: Total, E: Whole>(_: S, columns: &mut [C], entering: &[E], leaving: &[E]) {
    assert!(columns.len() == entering.len() && columns.len() == leaving.len());
    for ((column, &entering), &leaving) in columns.iter_mut().zip(entering).zip(leaving) {
        *column = column.plus(C::of(entering.whole() - leaving.whole()));
    }
}

#[simd]
fn enter_squares<S: Simd, C: Total, E: Whole>(_: S, columns: &mut [C], row: &[E]) {
    assert_eq!(columns.len(), row.len());
    for (column, &entering) in columns.iter_mut().zip(row) {
        let entering = entering.whole();
        *column = column.plus(C::of(entering.wrapping_mul(entering)));
    }
}

/// `a^2 - b^2 = (a - b) (a + b)`: one product of numbers that, from 16 bits, fit 32.
#[simd]
fn replace_squares<S: Simd, C: Total, E: Whole>(_: S, columns: &mut [C], entering: &[E], leaving: &[E]) {
    assert!(columns.len() == entering.len() && columns.len() == leaving.len());
    for ((column, &entering), &leaving) in columns.iter_mut().zip(entering).zip(leaving) {
        let (entering, leaving) = (entering.whole(), leaving.whole());
        *column = column.plus(C::of((entering - leaving).wrapping_mul(entering + leaving)));
    }
}

/// `before[x + 1] = columns[0] + ... + columns[x]`: one addition after the other, which for integers is one a cycle.
fn run_along<C: Total>(columns: &[C], before: &mut [C]) {
    let mut sum = C::of(0);
    for (before, &column) in before[1..].iter_mut().zip(columns) {
        sum = sum.plus(column);
        *before = sum;
    }
}

#[simd]
fn differences<S: Simd, C: Total>(_: S, before: &[C], width: usize, sums: &mut [C]) {
    let (first, last) = (&before[..sums.len()], &before[width..][..sums.len()]);
    for ((sum, &first), &last) in sums.iter_mut().zip(first).zip(last) {
        *sum = last.minus(first);
    }
}

/// How many pixels with data each window holds, row after row.
pub(crate) struct WindowCounts<'a> {
    window: Size,
    sums: IntegerSums<'a, i32>,
    entering: &'a mut [u8],
    leaving: &'a mut [u8],
    counts: &'a mut [i32],
}

impl<'a> WindowCounts<'a> {
    /// What [`WindowCounts::take`] takes for rows of `width` pixels.
    pub(crate) fn scratch(size: ScratchSize, window: Size, width: usize) -> ScratchSize {
        let counts = width + 1 - window.width;
        IntegerSums::<i32>::scratch(size, width).with::<u8>(width).with::<u8>(width).with::<i32>(counts)
    }

    /// Counts for rows of `width` pixels.
    pub(crate) fn take(scratch: &mut Frame<'a>, window: Size, width: usize) -> Self {
        WindowCounts {
            window,
            sums: IntegerSums::take(scratch, width),
            entering: scratch.take(width),
            leaving: scratch.take(width),
            counts: scratch.take(width + 1 - window.width),
        }
    }

    /// The counts of the windows whose first row is `y` of the view; `y` is 0, and then one more each time.
    pub(crate) fn row<A: Real>(
        &mut self,
        load: &dyn LoadRows<A>,
        view: &TileView<'_>,
        band: usize,
        y: usize,
    ) -> &[i32] {
        if y == 0 {
            for row in 0..self.window.height {
                load.flags(view, band, row, self.entering);
                self.sums.enter(self.entering);
            }
        } else {
            load.flags(view, band, y - 1 + self.window.height, self.entering);
            load.flags(view, band, y - 1, self.leaving);
            self.sums.replace(self.entering, self.leaving);
        }
        self.sums.sum(self.window.width, self.counts);
        self.counts
    }

    /// The counts of the last row.
    pub(crate) fn counts(&self) -> &[i32] {
        self.counts
    }
}

#[cfg(test)]
mod tests {
    use swathe_core::Scratch;

    use super::*;

    #[test]
    fn sums_are_those_of_the_window_even_where_running_sums_wrap() {
        let rows: Vec<Vec<i64>> = (0..9)
            .map(|y| (0..12).map(|x| (x * 7 + y * 5) % 13 * 100_000_000 - 600_000_000).collect())
            .collect();
        for width in [1, 3, DIRECT, DIRECT + 1] {
            assert_sums_of(&rows, width);
        }
    }

    fn assert_sums_of(rows: &[Vec<i64>], width: usize) {
        let height = 2;
        let bytes = IntegerSums::<i32>::scratch(ScratchSize::new(), 12).bytes();
        let mut scratch = Scratch::with_capacity(bytes);
        let mut frame = scratch.frame();
        let mut sums = IntegerSums::<i32>::take(&mut frame, 12);
        for y in 0..9 {
            if y < height {
                sums.enter(&rows[y]);
            } else {
                sums.replace(&rows[y], &rows[y - height]);
            }
            if y + 1 >= height {
                let mut found = vec![0; 13 - width];
                sums.sum(width, &mut found);
                for (x, &found) in found.iter().enumerate() {
                    let window = || rows[y + 1 - height..=y].iter().flat_map(|row| &row[x..x + width]);
                    assert_eq!(found, window().sum::<i64>() as i32);
                }
            }
        }
    }
}
