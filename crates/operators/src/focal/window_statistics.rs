//! Mean and variance of the window around each pixel, and the operators that are a formula of the two.
//!
//! Samples and their squares are summed in `f64`. Of integers of 8 and 16 bits these sums are exact, and so is
//! `n * squares - sum^2`. Of others the difference cancels where the spread is small beside the mean: there the pixel is
//! computed again in two passes over its window. Which pixels these are follows from sums that no tiling changes.

use fearless_simd::{Simd, dispatch};
use fearless_simd_macros::simd;
use swathe_core::{
    Boundary, Edge, Error, Frame, Halo, NodataPolicy, Operator, Parameters, RasterInfo, Result, Sample,
    SampleType, ScratchSize, Size, TileMut, TileView, Validity, Window, with_sample,
};

use super::gaussian::smoothed;
use super::integer_sums::WindowCounts;
use super::real_sums::RealSums;
use super::surroundings::Surroundings;
use crate::rows::{
    FromDecibels, LoadRows, StoreRows, clear_mask, hand_on_mask, into_decibels, loader, mark_all_valid,
    mark_valid, number_of_decibels, storer,
};
use crate::simd::level;

/// Largest side of a window: the squares of 16-bit numbers then sum to less than 2^53.
pub(crate) const GREATEST_SIZE: usize = 1_447;

/// Most pixels for which `n^2 * 65535^2` stays below 2^53.
const EXACT_IN_F64: usize = 1_448;

/// A variance below this part of the squared mean is computed in two passes: `f64` keeps ten digits of the rest.
const CANCELLED: f64 = 1e-6;

/// What an operator makes of the statistics of a row.
pub(crate) enum Finish {
    /// A formula of the pixel, the mean and the variance.
    OfPixel(Box<dyn FinishPixel>),
    /// A formula of all pixels of the window, the mean and the variance.
    OfWindow(Box<dyn FinishWindow>),
}

/// A formula of a pixel and the statistics of its window.
pub(crate) trait FinishPixel: Send + Sync {
    /// Turns `variances` into the output; `centres` are the pixels themselves. All are of the same length.
    fn row(&self, centres: &[f64], means: &[f64], variances: &mut [f64]);
}

/// A formula of the pixels of a window and their statistics.
pub(crate) trait FinishWindow: Send + Sync {
    /// Turns `variances` into the output. All are of the same length.
    fn row(&self, around: &Surroundings<'_>, means: &[f64], variances: &mut [f64]);
}

/// What the samples of a raster stand for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scale {
    /// The numbers that statistics are of.
    Linear,
    /// Their decibels; the output is in decibels too.
    Decibels,
}

/// The operator that puts out `finish` of each pixel, its window's mean and its window's variance.
pub(crate) fn bind(
    parameters: &Parameters,
    input: &RasterInfo,
    scale: Scale,
    finish: Finish,
) -> Result<Box<dyn Operator>> {
    let window = parameters.size("size")?.ok_or_else(|| Error::usage("`--size` is missing"))?;
    let policy = parameters.nodata_policy()?;
    let ddof = parameters.integer("ddof")?.unwrap_or(0);
    if ddof as usize >= window.pixels() {
        return Err(Error::usage(format!(
            "a window of {window} pixels is too small for `--ddof {ddof}`: give a larger `--size` or `--ddof 0`"
        )));
    }
    let natural = match input.sample_type {
        SampleType::U8 | SampleType::I8 | SampleType::U16 | SampleType::I16 | SampleType::F32 => {
            SampleType::F32
        }
        _ => SampleType::F64,
    };
    let exact = scale == Scale::Linear && natural == SampleType::F32 && input.sample_type != SampleType::F32;
    let load = loader::<f64>(input, policy);
    let output = smoothed(input, parameters.sample_type("type")?.unwrap_or(natural));
    Ok(Box::new(OfWindow {
        window,
        policy,
        boundary: parameters.boundary()?,
        ddof: ddof as f64,
        exact,
        scale,
        load: if scale == Scale::Linear { load } else { Box::new(FromDecibels(load)) },
        two_passes: with_sample!(input.sample_type, T => Box::new(Samples {
            validity: Validity::<T>::new(input, policy),
            scale,
        })),
        store: storer(&output),
        output,
        finish,
    }))
}

struct OfWindow {
    window: Size,
    policy: NodataPolicy,
    boundary: Boundary,
    ddof: f64,
    scale: Scale,
    /// Whether sums and sums of squares are exact integers.
    exact: bool,
    load: Box<dyn LoadRows<f64>>,
    two_passes: Box<dyn TwoPasses>,
    store: Box<dyn StoreRows<f64>>,
    output: RasterInfo,
    finish: Finish,
}

impl Operator for OfWindow {
    fn output(&self) -> &RasterInfo {
        &self.output
    }

    fn need(&self, _input: usize, output: Window) -> Window {
        output.grow(Halo::of_window(self.window))
    }

    fn edge(&self, _input: usize) -> Edge {
        Edge::Extend(self.boundary)
    }

    fn scratch_bytes(&self, output: Size) -> usize {
        let input = output.width + self.window.width - 1;
        let mut size = RealSums::scratch(ScratchSize::new(), self.window, output.width);
        if let Finish::OfWindow(_) = self.finish {
            size = Surroundings::scratch(size, self.window, input);
        }
        WindowCounts::scratch(size, self.window, input)
            .with::<f64>(output.width * output.height)
            .with::<f64>(output.width)
            .with::<f64>(input)
            .with::<u8>(input)
            .with::<u8>(input)
            .with::<u8>(output.width)
            .bytes()
    }

    fn process(
        &self,
        inputs: &[TileView<'_>],
        output: &mut TileMut<'_>,
        scratch: &mut Frame<'_>,
    ) -> Result<()> {
        clear_mask(output);
        for band in 0..output.bands() {
            let whole = self.load.all_valid(&inputs[0], band);
            self.run(&inputs[0], output, band, whole, &mut scratch.inner());
        }
        hand_on_mask(self.policy, &inputs[0], output);
        Ok(())
    }
}

impl OfWindow {
    fn run(
        &self,
        input: &TileView<'_>,
        output: &mut TileMut<'_>,
        band: usize,
        whole: bool,
        scratch: &mut Frame<'_>,
    ) {
        let (width, height, halo) =
            (output.window().width, output.window().height, Halo::of_window(self.window));
        let input_width = input.window().width;
        let mut sums = RealSums::take(scratch, self.window, input.window());
        let mut counts = WindowCounts::take(scratch, self.window, input_width);
        let plane = scratch.take::<f64>(width * height);
        let means = scratch.take::<f64>(width);
        let line = scratch.take::<f64>(input_width);
        let flags = scratch.take::<u8>(input_width);
        let middle = scratch.take::<u8>(input_width);
        let valid = scratch.take::<u8>(width);
        let mut around = match self.finish {
            Finish::OfPixel(_) => None,
            Finish::OfWindow(_) => Some(Surroundings::take(scratch, self.window, input_width, whole)),
        };
        let load = &*self.load;
        sums.run(
            |y, row| self.load_row(input, band, y, whole, row, flags),
            |y, sums| plane[y * width..][..width].copy_from_slice(sums),
        );
        sums.run(
            |y, row| {
                self.load_row(input, band, y, whole, row, flags);
                dispatch!(level(), simd => square(simd, row));
            },
            |y, squares| {
                let sums = &plane[y * width..][..width];
                if whole {
                    self.spread_all(sums, means, squares);
                } else {
                    load.flags(input, band, y + halo.top, middle);
                    valid.copy_from_slice(&middle[halo.left..][..width]);
                    self.spread_each(counts.row(load, input, band, y), sums, means, squares, valid);
                }
                self.again_where_cancelled(input, band, y, means, squares);
                if let (Finish::OfWindow(finish), Some(around)) = (&self.finish, &mut around) {
                    around.read_to(load, input, band, y);
                    finish.row(around, means, squares);
                } else if let Finish::OfPixel(finish) = &self.finish {
                    load.load(input, band, y + halo.top, line);
                    finish.row(&line[halo.left..][..width], means, squares);
                }
                if self.scale == Scale::Decibels {
                    into_decibels(squares);
                }
                self.store.store(output, band, y, 0, squares);
                if whole {
                    mark_all_valid(output, y, 0, width);
                } else {
                    self.store.fill(output, band, y, 0, valid);
                    mark_valid(output, y, 0, valid);
                }
            },
        );
    }

    /// Row `y` of the input with 0 where there is no data.
    fn load_row(
        &self,
        input: &TileView<'_>,
        band: usize,
        y: usize,
        whole: bool,
        row: &mut [f64],
        flags: &mut [u8],
    ) {
        if whole {
            self.load.load(input, band, y, row);
        } else {
            self.load.load_valid(input, band, y, row, flags);
        }
    }

    /// Turns sums into means and sums of squares into variances, where all pixels are data.
    fn spread_all(&self, sums: &[f64], means: &mut [f64], squares: &mut [f64]) {
        let (count, ddof) = (self.window.pixels() as f64, self.ddof);
        if !self.exact {
            dispatch!(level(), simd => spread_reals(simd, count, ddof, sums, means, squares));
        } else if self.window.pixels() <= EXACT_IN_F64 {
            dispatch!(level(), simd => spread_small_integers(simd, count, ddof, sums, means, squares));
        } else {
            for ((mean, square), &sum) in means.iter_mut().zip(squares).zip(sums) {
                *mean = sum / count;
                *square = exact_variance(count, ddof, sum, *square);
            }
        }
    }

    /// As [`OfWindow::spread_all`], with a count for each window; what is not to be told is taken out of `valid`.
    fn spread_each(
        &self,
        counts: &[i32],
        sums: &[f64],
        means: &mut [f64],
        squares: &mut [f64],
        valid: &mut [u8],
    ) {
        let all = self.window.pixels() as f64;
        for (x, (&count, &sum)) in counts.iter().zip(sums).enumerate() {
            let count = f64::from(count);
            let complete = count == all || self.policy != NodataPolicy::Propagate;
            if count <= self.ddof || !complete {
                (means[x], squares[x], valid[x]) = (0.0, 0.0, 0);
                continue;
            }
            means[x] = sum / count;
            squares[x] = if self.exact {
                exact_variance(count, self.ddof, sum, squares[x])
            } else {
                (squares[x] - sum * means[x]) / (count - self.ddof)
            };
        }
    }

    fn again_where_cancelled(
        &self,
        input: &TileView<'_>,
        band: usize,
        y: usize,
        means: &mut [f64],
        variances: &mut [f64],
    ) {
        if self.exact {
            return;
        }
        for (x, (mean, variance)) in means.iter_mut().zip(variances).enumerate() {
            if *variance < *mean * *mean * CANCELLED {
                let corner = Corner { x, y };
                (*mean, *variance) = self.two_passes.spread(input, band, corner, self.window, self.ddof);
            }
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
    fn spread(&self, view: &TileView<'_>, band: usize, corner: Corner, window: Size, ddof: f64)
    -> (f64, f64);
}

struct Samples<T> {
    validity: Validity<T>,
    scale: Scale,
}

impl<T: Sample> TwoPasses for Samples<T> {
    fn spread(
        &self,
        view: &TileView<'_>,
        band: usize,
        corner: Corner,
        window: Size,
        ddof: f64,
    ) -> (f64, f64) {
        let numbers = || {
            (corner.y..corner.y + window.height).flat_map(|y| {
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
        };
        let (count, sum) = numbers().fold((0.0, 0.0), |(count, sum), number| (count + 1.0, sum + number));
        let first = sum / count;
        let (rest, squares) = numbers().fold((0.0, 0.0), |(rest, squares), number| {
            let off = number - first;
            (rest + off, squares + off * off)
        });
        // The first mean is rounded; what that leaves is taken off again.
        (first + rest / count, ((squares - rest * rest / count) / (count - ddof)).max(0.0))
    }
}

/// The variance from exact sums: nothing is rounded before the division.
fn exact_variance(count: f64, ddof: f64, sum: f64, squares: f64) -> f64 {
    let spread = count as i128 * squares as i64 as i128 - (sum as i64 as i128) * (sum as i64 as i128);
    spread as f64 / (count * (count - ddof))
}

#[simd]
fn square<S: Simd>(_: S, row: &mut [f64]) {
    for value in row {
        *value *= *value;
    }
}

#[simd]
fn spread_small_integers<S: Simd>(
    _: S,
    count: f64,
    ddof: f64,
    sums: &[f64],
    means: &mut [f64],
    squares: &mut [f64],
) {
    assert!(sums.len() == means.len() && sums.len() == squares.len());
    let divisor = count * (count - ddof);
    for ((mean, square), &sum) in means.iter_mut().zip(squares).zip(sums) {
        *mean = sum / count;
        *square = (count * *square - sum * sum) / divisor;
    }
}

#[simd]
fn spread_reals<S: Simd>(_: S, count: f64, ddof: f64, sums: &[f64], means: &mut [f64], squares: &mut [f64]) {
    assert!(sums.len() == means.len() && sums.len() == squares.len());
    for ((mean, square), &sum) in means.iter_mut().zip(squares).zip(sums) {
        *mean = sum / count;
        *square = (*square - sum * *mean) / (count - ddof);
    }
}
