//! Mean and variance of windows of real numbers, and of integers of 32 and 64 bits, of sums in `f64`.
//!
//! The difference `squares - sum * mean` cancels where the spread is small beside the mean: there the pixel is computed
//! again in two passes over its window. Which pixels these are follows from sums that no tiling changes.

use fearless_simd::{Simd, dispatch};
use fearless_simd_macros::simd;
use swathe_core::{
    Frame, NodataPolicy, RasterInfo, Sample, ScratchSize, Size, TileView, Validity, with_sample,
};

use super::real_sums::RealSums;
use super::window_statistics::{Band, Present, Row, Scale, Spread};
use crate::rows::number_of_decibels;
use crate::simd::level;

/// A variance below this part of the squared mean is computed in two passes: `f64` keeps ten digits of the rest.
const CANCELLED: f64 = 1e-6;

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
        Present::scratch(size, window, input).with::<f64>(output.width).with::<u8>(input)
    }

    fn run(&self, band: &Band<'_>, scratch: &mut Frame<'_>, emit: &mut dyn FnMut(usize, Row<'_>)) {
        let input = band.input.window();
        let mut sums = RealSums::take(scratch, band.window, input);
        let mut squares = RealSums::take(scratch, band.window, input);
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
                self.again_where_cancelled(band, y, means, squares);
                emit(y, Row { means, variances: squares, valid: present.valid() });
            },
        );
    }
}

impl Real {
    fn again_where_cancelled(&self, band: &Band<'_>, y: usize, means: &mut [f64], variances: &mut [f64]) {
        if !dispatch!(level(), simd => any_cancelled(simd, means, variances)) {
            return;
        }
        for (x, (mean, variance)) in means.iter_mut().zip(variances).enumerate() {
            if *variance < *mean * *mean * CANCELLED {
                (*mean, *variance) = self.two_passes.spread(band, Corner { x, y });
            }
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
