//! Mean and variance of windows of real numbers, and of integers of 32 and 64 bits, of sums in `f64`.
//!
//! The difference `squares - sum * mean` cancels where the spread is small beside the mean: there the pixel is computed
//! again, in small windows in two passes over them, in larger ones from sums counted from a pixel of the window (see
//! `shifted_sums`). Which pixels these are follows from sums that no tiling changes.

use fearless_simd::{Simd, dispatch};
use fearless_simd_macros::simd;
use swathe_core::{
    Frame, NodataPolicy, RasterInfo, Sample, ScratchSize, Size, TileView, Validity, with_sample,
};

use super::real_sums::RealSums;
use super::shifted_sums::ShiftedSums;
use super::window_statistics::{Band, Present, Row, Scale, Spread};
use crate::rows::number_of_decibels;
use crate::simd::level;

/// A variance below this part of the squared mean is computed again: `f64` keeps ten digits of the rest.
const CANCELLED: f64 = 1e-6;

/// The pixels of the largest window that is looked at in two passes.
const TWO_PASSES: usize = 25;

/// The way for rasters like `input`.
pub(super) fn of(input: &RasterInfo, policy: NodataPolicy, scale: Scale) -> Box<dyn Spread> {
    let two_passes: Box<dyn TwoPasses> = with_sample!(input.sample_type, T => Box::new(Samples {
        validity: Validity::<T>::new(input, policy),
        scale,
    }));
    Box::new(Real { two_passes })
}

struct Real {
    two_passes: Box<dyn TwoPasses>,
}

impl Spread for Real {
    fn scratch(&self, size: ScratchSize, window: Size, output: Size) -> ScratchSize {
        let input = output.width + window.width - 1;
        let size = RealSums::scratch(RealSums::scratch(size, window, output.width), window, output.width);
        let size = ShiftedSums::scratch(size, window, output.width);
        Present::scratch(size, window, input).with::<f64>(output.width).with::<u8>(input)
    }

    fn run(&self, band: &Band<'_>, scratch: &mut Frame<'_>, emit: &mut dyn FnMut(usize, Row<'_>)) {
        let input = band.input.window();
        let mut sums = RealSums::take(scratch, band.window, input);
        let mut squares = RealSums::take(scratch, band.window, input);
        let mut shifted = ShiftedSums::take(scratch, band.window, input);
        let mut present = Present::take(scratch, band.window, input.width);
        let means = scratch.take::<f64>(input.width + 1 - band.window.width);
        let flags = scratch.take::<u8>(input.width);
        sums.run_with_squares(
            &mut squares,
            |y, row| band.load_row(y, row, flags),
            |y, sums, squares| {
                if band.whole {
                    let count = band.window.pixels() as f64;
                    dispatch!(level(), simd => spread(simd, count, band.ddof, sums, means, squares));
                } else {
                    present.row(band, y);
                    spread_each(present.counts(), band.ddof, sums, means, squares);
                }
                if dispatch!(level(), simd => any_cancelled(simd, means, squares)) {
                    let counts = (!band.whole).then(|| present.counts());
                    self.again_where_cancelled(band, &mut shifted, counts, Moments { y, means, squares });
                }
                emit(y, Row { means, variances: squares, valid: present.valid() });
            },
        );
    }
}

/// The means and variances of row `y`.
struct Moments<'a> {
    y: usize,
    means: &'a mut [f64],
    squares: &'a mut [f64],
}

impl Real {
    fn again_where_cancelled(
        &self,
        band: &Band<'_>,
        shifted: &mut ShiftedSums<'_>,
        counts: Option<&[i32]>,
        row: Moments<'_>,
    ) {
        let large = band.window.pixels() > TWO_PASSES;
        if large {
            shifted.read_to(band, row.y);
        }
        for (x, (mean, variance)) in row.means.iter_mut().zip(row.squares).enumerate() {
            if *variance >= *mean * *mean * CANCELLED || mean.is_nan() || variance.is_nan() {
                continue;
            }
            if large {
                let count = counts.map_or(band.window.pixels() as f64, |counts| f64::from(counts[x]));
                let spread = shifted.spread(x, count, band.ddof);
                // It cancels again where the origin has no data, and nowhere else.
                if spread.variance >= spread.off * spread.off * CANCELLED {
                    (*mean, *variance) = (spread.mean, spread.variance);
                    continue;
                }
            }
            (*mean, *variance) = self.two_passes.spread(band, Corner { x, y: row.y });
        }
    }
}

#[simd]
fn any_cancelled<S: Simd>(_: S, means: &[f64], variances: &[f64]) -> bool {
    assert_eq!(means.len(), variances.len());
    means
        .iter()
        .zip(variances)
        .fold(0, |any, (mean, variance)| any | u64::from(*variance < mean * mean * CANCELLED))
        != 0
}

/// Turns sums into means and sums of squares into variances, where all pixels are data.
#[simd]
fn spread<S: Simd>(_: S, count: f64, ddof: f64, sums: &[f64], means: &mut [f64], squares: &mut [f64]) {
    assert!(sums.len() == means.len() && sums.len() == squares.len());
    for ((mean, square), &sum) in means.iter_mut().zip(squares).zip(sums) {
        *mean = sum / count;
        *square = (*square - sum * *mean) / (count - ddof);
    }
}

/// As [`spread`] with a count for each window; 0 where there is no more than `ddof`.
fn spread_each(counts: &[i32], ddof: f64, sums: &[f64], means: &mut [f64], squares: &mut [f64]) {
    for (x, &count) in counts.iter().enumerate() {
        let count = f64::from(count);
        if count <= ddof {
            (means[x], squares[x]) = (0.0, 0.0);
        } else {
            means[x] = sums[x] / count;
            squares[x] = (squares[x] - sums[x] * means[x]) / (count - ddof);
        }
    }
}

/// The first pixel of a window, counted from the view's.
#[derive(Clone, Copy)]
struct Corner {
    x: usize,
    y: usize,
}

/// Mean and variance of one window, the mean being taken off before squaring.
trait TwoPasses: Send + Sync {
    fn spread(&self, band: &Band<'_>, corner: Corner) -> (f64, f64);
}

struct Samples<T> {
    validity: Validity<T>,
    scale: Scale,
}

impl<T: Sample> Samples<T> {
    /// The numbers with data in the window that begins at `corner`.
    fn numbers(
        &self,
        view: &TileView<'_>,
        band: usize,
        corner: Corner,
        window: Size,
    ) -> impl Iterator<Item = f64> {
        (corner.y..corner.y + window.height).flat_map(move |y| {
            let row = &view.row::<T>(band, y)[corner.x..][..window.width];
            let mask = view.mask_row(y).map(|mask| &mask[corner.x..][..window.width]);
            row.iter()
                .enumerate()
                .filter(move |&(x, &sample)| {
                    self.validity.holds(sample, mask.map_or(u8::MAX, |mask| mask[x]))
                })
                .map(|(_, &sample)| match self.scale {
                    Scale::Linear => sample.to_f64(),
                    Scale::Decibels => number_of_decibels(sample.to_f64()),
                })
        })
    }
}

impl<T: Sample> TwoPasses for Samples<T> {
    fn spread(&self, band: &Band<'_>, corner: Corner) -> (f64, f64) {
        let numbers = || self.numbers(&band.input, band.index, corner, band.window);
        // Counted from one of them, equal numbers are all 0, and so is their variance.
        let origin = numbers().next().unwrap_or_default();
        let (count, sum) =
            numbers().fold((0.0, 0.0), |(count, sum), number| (count + 1.0, sum + (number - origin)));
        let first = sum / count;
        let (rest, squares) = numbers().fold((0.0, 0.0), |(rest, squares), number| {
            let off = (number - origin) - first;
            (rest + off, squares + off * off)
        });
        // The first mean is rounded; what that leaves is taken off again.
        let variance = ((squares - rest * rest / count) / (count - band.ddof)).max(0.0);
        (origin + (first + rest / count), variance)
    }
}

#[cfg(test)]
mod tests {
    use swathe_core::{Scalar, Size};

    use crate::focal::variance::VARIANCE;
    use crate::trial::{self, Random};

    /// A small spread on a large mean, with a step and pixels without data.
    fn rows(holes: bool) -> Vec<Vec<f64>> {
        let mut random = Random(5);
        let mut number = |x: usize| {
            let random = random.next();
            let hole = holes && random.is_multiple_of(7);
            let level = if x < 20 { 1e7 } else { 2e6 };
            if hole { -9.0 } else { level + (random >> 40) as f64 * 1e-6 }
        };
        (0..37).map(|_| (0..41).map(&mut number).collect()).collect()
    }

    #[test]
    fn what_cancels_is_right_and_the_same_for_any_tiling() {
        for (holes, width, height, ddof) in
            [(false, 9, 7, 0), (true, 9, 7, 1), (true, 21, 4, 0), (false, 6, 18, 0)]
        {
            let text = &format!("size={width}x{height} ddof={ddof}");
            let rows = rows(holes);
            let slices: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
            let mut input = trial::raster::<f64>(&[&slices]);
            input.info.nodata = Some(Scalar::Integer(-9));
            let operator = trial::bind(&VARIANCE, text, std::slice::from_ref(&input.info)).unwrap();
            let whole = trial::in_tiles(&*operator, &[&input], Size::new(41, 37)).unwrap();
            for tile in [Size::new(5, 40), Size::new(8, 3), Size::new(23, 11)] {
                let tiled = trial::in_tiles(&*operator, &[&input], tile).unwrap();
                trial::assert_same_bits(&whole, &tiled, text);
            }
            check(&rows, Size::new(width, height), ddof, &whole.rows::<f64>(0));
        }
    }

    /// Two passes over each window that lies inside.
    fn check(rows: &[Vec<f64>], window: Size, ddof: u8, found: &[Vec<f64>]) {
        for y in 0..=rows.len() - window.height {
            for x in 0..=rows[0].len() - window.width {
                let (column, row) = (x + window.width / 2, y + window.height / 2);
                let pixels = rows[y..y + window.height].iter().flat_map(|row| &row[x..x + window.width]);
                let data: Vec<f64> = pixels.copied().filter(|&pixel| pixel != -9.0).collect();
                let first = data[0];
                let count = data.len() as f64;
                let mean = data.iter().map(|pixel| pixel - first).sum::<f64>() / count;
                let squares = data.iter().map(|pixel| (pixel - first - mean).powi(2)).sum::<f64>();
                let expected =
                    if rows[row][column] == -9.0 { -9.0 } else { squares / (count - f64::from(ddof)) };
                let found = found[row][column];
                assert!((found / expected - 1.0).abs() < 1e-10, "{column},{row}: {found} is not {expected}");
            }
        }
    }
}
