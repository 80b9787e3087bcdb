//! Mean and variance of windows of integers of 8 and 16 bits, of exact sums: `n * squares - sum^2` is divided once.
//!
//! Where no sample of a block is so large that a window's squares pass 2^31, they are summed in 32 bits: half as many registers.

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
pub(super) fn of<T: Sample + Whole + Ord>(pixels: usize) -> Box<dyn Spread> {
    if pixels <= FITS_HALF {
        Box::new(Exact::<T, i32> { sample: Default::default(), sum: Default::default() })
    } else {
        Box::new(Exact::<T, i64> { sample: Default::default(), sum: Default::default() })
    }
}

/// Samples `T`, their sums in `C`, those of squares in `i32` or `i64`.
struct Exact<T, C> {
    sample: std::marker::PhantomData<T>,
    sum: std::marker::PhantomData<C>,
}

impl<T: Sample + Whole + Ord, C: Total> Spread for Exact<T, C> {
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
        let greatest =
            (0..band.input.window().height).map(|y| magnitude(band.input.row::<T>(band.index, y))).max();
        let squares = greatest.unwrap_or(0).pow(2).saturating_mul(band.window.pixels() as u64);
        if squares <= i32::MAX as u64 {
            self.run_in::<i32>(band, scratch, emit);
        } else {
            self.run_in::<i64>(band, scratch, emit);
        }
    }
}

impl<T: Sample + Whole, C: Total> Exact<T, C> {
    /// With sums of squares in `Q`.
    fn run_in<Q: Total>(
        &self,
        band: &Band<'_>,
        scratch: &mut Frame<'_>,
        emit: &mut dyn FnMut(usize, Row<'_>),
    ) {
        let input = band.input.window();
        let width = input.width + 1 - band.window.width;
        let mut sums_of_columns = IntegerSums::<C>::take(scratch, input.width);
        let mut squares_of_columns = IntegerSums::<Q>::take(scratch, input.width);
        let mut present = Present::take(scratch, band.window, input.width);
        let (sums, squares) = (scratch.take::<C>(width), scratch.take::<Q>(width));
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
                    variances[x] = wide_variance(count, band.ddof, sums[x].whole(), squares[x].whole());
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
fn spread<S: Simd, C: Total, Q: Total>(
    _: S,
    count: u64,
    ddof: f64,
    sums: &[C],
    squares: &[Q],
    means: &mut [f64],
    variances: &mut [f64],
) {
    let width = sums.len();
    assert!(squares.len() == width && means.len() == width && variances.len() == width);
    let divisor = count as f64 * (count as f64 - ddof);
    let mean = Quotient::by(count);
    for x in 0..width {
        means[x] = mean.of(sums[x]);
        variances[x] = numerator(count, sums[x], squares[x]) / divisor;
    }
}

/// Quotients of integers and one count without dividing, with the bits that a division gives.
///
/// `1 / count = high + low`, where `high` has 22 bits: its product with a sum below 2^31 is exact, and the whole is off by less than 2^-73 of the
/// quotient before its one rounding. A quotient of such a sum and a count up to 2^15 lies further than 2^-69 of itself from what lies
/// halfway between two numbers: its distance from there, times the count, is a multiple of that halfway point's last bit and not 0.
#[derive(Clone, Copy)]
struct Quotient {
    real: f64,
    high: f64,
    low: f64,
}

impl Quotient {
    fn by(count: u64) -> Self {
        let real = count as f64;
        let high = f64::from_bits((1.0 / real).to_bits() & !((1 << 31) - 1));
        Quotient { real, high, low: (1.0 - high * real) / real }
    }

    #[inline(always)]
    fn of<C: Total>(self, sum: C) -> f64 {
        let sum = sum.to_f64();
        if size_of::<C>() == size_of::<i32>() { sum * self.high + sum * self.low } else { sum / self.real }
    }
}

/// The largest magnitude of a row.
fn magnitude<T: Sample + Whole + Ord>(row: &[T]) -> u64 {
    let Some(&first) = row.first() else { return 0 };
    let (least, greatest) = dispatch!(level(), simd => bounds(simd, row, first));
    least.whole().unsigned_abs().max(greatest.whole().unsigned_abs())
}

#[simd]
fn bounds<S: Simd, T: Sample + Ord>(_: S, row: &[T], first: T) -> (T, T) {
    let (mut least, mut greatest) = (first, first);
    for &sample in row {
        least = least.min(sample);
        greatest = greatest.max(sample);
    }
    (least, greatest)
}

/// `count * squares - sum^2`; what wraps in the products comes back in their difference.
#[inline(always)]
fn numerator<C: Total, Q: Total>(count: u64, sum: C, squares: Q) -> f64 {
    let sum = sum.whole();
    count.wrapping_mul(squares.whole() as u64).wrapping_sub(sum.wrapping_mul(sum) as u64) as f64
}

/// As [`spread`] with a count for each window; 0 where there is no more than `ddof`.
fn spread_each<C: Total, Q: Total>(
    counts: &[i32],
    ddof: f64,
    sums: &[C],
    squares: &[Q],
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
            let sum = sums[x].whole();
            (sums[x].to_f64() / real, wide_variance(i128::from(count), ddof, sum, squares[x].whole()))
        };
    }
}

/// The variance of windows that are too large for 64 bits.
fn wide_variance(count: i128, ddof: f64, sum: i64, squares: i64) -> f64 {
    let (real, sum) = (count as f64, i128::from(sum));
    (count * i128::from(squares) - sum * sum) as f64 / (real * (real - ddof))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial;

    #[test]
    fn quotients_have_the_bits_of_a_division() {
        let mut random = trial::Random(11);
        for count in (1..=400).chain([1_009, 4_096, 16_129, 32_761, 32_767, FITS_HALF as u64]) {
            let quotient = Quotient::by(count);
            let near = [0, 1, -1, count as i32, -7 * count as i32, i32::MAX, i32::MIN];
            for sum in near.into_iter().chain((0..2_000).map(|_| (random.next() >> 32) as i32)) {
                let divided = f64::from(sum) / count as f64;
                assert_eq!(quotient.of(sum).to_bits(), divided.to_bits(), "{sum} / {count}");
            }
        }
    }

    /// Samples on both sides of where squares no longer fit 32 bits.
    #[test]
    fn sums_of_32_bits_never_show() {
        for greatest in [6_619_i64, 6_620, 6_621, 32_767, 65_535] {
            let mut random = trial::Random(greatest as u64);
            let rows: Vec<Vec<u16>> = (0..12)
                .map(|_| (0..40).map(|_| (greatest - (random.next() >> 33) as i64 % 9) as u16).collect())
                .collect();
            let slices: Vec<&[u16]> = rows.iter().map(Vec::as_slice).collect();
            let input = trial::raster::<u16>(&[&slices]);
            let spec = crate::find("variance").unwrap();
            let found = trial::run(spec, "size=7 type=f64 boundary=nearest", &input).unwrap().rows::<f64>(0);
            for y in 3..9 {
                for x in 3..37 {
                    let window = || rows[y - 3..=y + 3].iter().flat_map(|row| &row[x - 3..=x + 3]);
                    let sum: i128 = window().map(|&sample| i128::from(sample)).sum();
                    let squares: i128 = window().map(|&sample| i128::from(sample) * i128::from(sample)).sum();
                    let expected = (49 * squares - sum * sum) as f64 / (49.0 * 49.0);
                    assert_eq!(found[y][x].to_bits(), expected.to_bits(), "{greatest} at {x}, {y}");
                }
            }
        }
    }
}
