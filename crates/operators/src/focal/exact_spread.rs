//! Mean and variance of windows of integers of 8 and 16 bits, of exact sums: `n * squares - sum^2` is divided once.

use fearless_simd::{Simd, dispatch};
use fearless_simd_macros::simd;
use swathe_core::{Frame, Sample, ScratchSize, Size};

use super::integer_sums::{IntegerSums, Total, Whole};
use super::window_statistics::{Band, Present, Row, Spread};
use crate::simd::level;

/// Most pixels whose `n * squares - sum^2`, at most `(65535 n / 2)^2`, stays below 2^64.
const FITS: usize = 131_070;

/// Most pixels whose sum of 16-bit numbers stays below 2^31.
const FITS_HALF: usize = 32_768;

/// The way for samples of type `T` and windows of `pixels`.
pub(super) fn of<T: Sample + Whole>(pixels: usize) -> Box<dyn Spread> {
    if pixels <= FITS_HALF {
        Box::new(Exact::<T, i32> { sample: Default::default(), sum: Default::default() })
    } else {
        Box::new(Exact::<T, i64> { sample: Default::default(), sum: Default::default() })
    }
}

/// Samples `T`, their sums in `C`, those of squares in `i64`.
struct Exact<T, C> {
    sample: std::marker::PhantomData<T>,
    sum: std::marker::PhantomData<C>,
}

impl<T: Sample + Whole, C: Total> Spread for Exact<T, C> {
    fn scratch(&self, size: ScratchSize, window: Size, output: Size) -> ScratchSize {
        let (width, input) = (output.width, output.width + window.width - 1);
        let size = IntegerSums::<i64>::scratch(IntegerSums::<C>::scratch(size, input), input);
        Present::scratch(size, window, input)
            .with::<C>(width)
            .with::<i64>(width)
            .with::<f64>(width)
            .with::<f64>(width)
            .with::<T>(input)
            .with::<T>(input)
            .with::<u8>(input)
    }

    fn run(&self, band: &Band<'_>, scratch: &mut Frame<'_>, emit: &mut dyn FnMut(usize, Row<'_>)) {
        let input = band.input.window();
        let width = input.width + 1 - band.window.width;
        let mut sums_of_columns = IntegerSums::<C>::take(scratch, input.width);
        let mut squares_of_columns = IntegerSums::<i64>::take(scratch, input.width);
        let mut present = Present::take(scratch, band.window, input.width);
        let (sums, squares) = (scratch.take::<C>(width), scratch.take::<i64>(width));
        let (means, variances) = (scratch.take::<f64>(width), scratch.take::<f64>(width));
        let (entering, leaving) = (scratch.take::<T>(input.width), scratch.take::<T>(input.width));
        let flags = scratch.take::<u8>(input.width);
        for y in 0..input.height {
            let entering = row_of_data(band, y, entering, flags);
            match y.checked_sub(band.window.height) {
                None => {
                    sums_of_columns.enter(entering);
                    squares_of_columns.enter_squares(entering);
                }
                Some(last) => {
                    let leaving = row_of_data(band, last, leaving, flags);
                    sums_of_columns.replace(entering, leaving);
                    squares_of_columns.replace_squares(entering, leaving);
                }
            }
            let Some(row) = (y + 1).checked_sub(band.window.height) else { continue };
            sums_of_columns.sum(band.window.width, sums);
            squares_of_columns.sum(band.window.width, squares);
            if !band.whole {
                present.row(band, row);
                spread_each(present.counts(), band.ddof, sums, squares, means, variances);
            } else if band.window.pixels() <= FITS {
                let count = band.window.pixels() as u64;
                dispatch!(level(), simd => spread(simd, count, band.ddof, sums, squares, means, variances));
            } else {
                let count = band.window.pixels() as i128;
                for x in 0..width {
                    means[x] = sums[x].to_f64() / count as f64;
                    variances[x] = wide_variance(count, band.ddof, i128::from(sums[x].whole()), squares[x]);
                }
            }
            emit(row, Row { means, variances, valid: present.valid() });
        }
    }
}

/// Row `y` of the input with 0 where there is no data, in `zeroed` where that takes a change.
fn row_of_data<'r, T: Sample>(
    band: &'r Band<'_>,
    y: usize,
    zeroed: &'r mut [T],
    flags: &mut [u8],
) -> &'r [T] {
    let row = band.input.row::<T>(band.index, y);
    if band.whole {
        return row;
    }
    band.load.flags(&band.input, band.index, y, flags);
    for ((zeroed, &sample), &flag) in zeroed.iter_mut().zip(row).zip(flags.iter()) {
        *zeroed = if flag == 0 { T::default() } else { sample };
    }
    zeroed
}

/// Means and variances of windows of `count` pixels, at most [`FITS`].
#[simd]
fn spread<S: Simd, C: Total>(
    _: S,
    count: u64,
    ddof: f64,
    sums: &[C],
    squares: &[i64],
    means: &mut [f64],
    variances: &mut [f64],
) {
    let width = sums.len();
    assert!(squares.len() == width && means.len() == width && variances.len() == width);
    let (divisor, real) = (count as f64 * (count as f64 - ddof), count as f64);
    for x in 0..width {
        means[x] = sums[x].to_f64() / real;
        variances[x] = numerator(count, sums[x], squares[x]) / divisor;
    }
}

/// `count * squares - sum^2`; what wraps in the products comes back in their difference.
#[inline(always)]
fn numerator<C: Total>(count: u64, sum: C, squares: i64) -> f64 {
    let sum = sum.whole();
    count.wrapping_mul(squares as u64).wrapping_sub(sum.wrapping_mul(sum) as u64) as f64
}

/// As [`spread`] with a count for each window; 0 where there is no more than `ddof`.
fn spread_each<C: Total>(
    counts: &[i32],
    ddof: f64,
    sums: &[C],
    squares: &[i64],
    means: &mut [f64],
    variances: &mut [f64],
) {
    for (x, &count) in counts.iter().enumerate() {
        let real = f64::from(count);
        (means[x], variances[x]) = if real <= ddof {
            (0.0, 0.0)
        } else if count as usize <= FITS {
            let variance = numerator(count as u64, sums[x], squares[x]) / (real * (real - ddof));
            (sums[x].to_f64() / real, variance)
        } else {
            let sum = i128::from(sums[x].whole());
            (sums[x].to_f64() / real, wide_variance(i128::from(count), ddof, sum, squares[x]))
        };
    }
}

/// The variance of windows that are too large for 64 bits.
fn wide_variance(count: i128, ddof: f64, sum: i128, squares: i64) -> f64 {
    let real = count as f64;
    (count * i128::from(squares) - sum * sum) as f64 / (real * (real - ddof))
}
