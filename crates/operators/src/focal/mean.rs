//! `mean`: the mean of a window.
//!
//! *Formula*: `out(x, y) = sum of in(x + i, y + j) / (w h)`, `i` from `-floor(w / 2)` on, `w` of them; `j` likewise.
//! *Units*: those of the input. *Halo*: `w / 2` to the left, `w - 1 - w / 2` to the right; likewise above and below.
//! *Boundary*: `--boundary`. *Types*: integers are summed exactly and divided once; floats are summed in `f64`.
//! *Nodata*: left out, the mean is that of the rest; a pixel without data stays so.
//! *Cost per pixel*: four additions for integers, eight for floats, whatever the size. *Source*: McDonnell 1981 for
//! integers; van Herk 1992 with sums for floats. *Agrees with*: `scipy.ndimage.correlate` with equal weights on `f64`:
//! integers exactly, `f64` within 1e-14, `f32` within one unit in the last place. `scipy.ndimage.uniform_filter` rounds
//! integers down between the axes, and drags what is not finite along the line; this does neither.
//!
//! ```
//! use swathe_core::{Parameters, RasterInfo, SampleType, Scratch, Size, TileBuffer, Value, Window};
//!
//! let spec = swathe_operators::find("mean").unwrap();
//! let parameters = Parameters::check(spec.parameters, [("size".to_string(), Value::Text("3".into()))])?;
//! let info = RasterInfo::new(Size::new(9, 9), 1, SampleType::I16);
//! let operator = (spec.bind)(&parameters, &[info.clone()])?;
//! let window = Window::new(4, 4, 2, 1);
//! # let mut input = TileBuffer::new(operator.need(0, window), info.kind());
//! for (y, row) in [[0_i16, 0, 0, 3], [0, 9, 0, 3], [0, 0, 0, 3]].iter().enumerate() {
//!     input.view_mut().row_mut(0, y).copy_from_slice(row);
//! }
//! # let mut output = TileBuffer::new(window, operator.output().kind());
//! # let mut scratch = Scratch::with_capacity(operator.scratch_bytes(window.size()));
//! operator.process(&[input.view()], &mut output.view_mut(), &mut scratch.frame())?;
//! assert_eq!(output.view().row::<i16>(0, 0), [1, 2]);
//! # Ok::<(), swathe_core::Error>(())
//! ```

use fearless_simd::{Simd, dispatch};
use fearless_simd_macros::simd;
use swathe_core::{
    Boundary, Documentation, Edge, Error, Frame, Group, Halo, NodataPolicy, Operator, OperatorSpec,
    Parameter, ParameterKind, Parameters, RasterInfo, Result, Sample, SampleType, Scalar, ScratchSize, Size,
    TileMut, TileView, Window, with_sample,
};

use super::gaussian::smoothed;
use super::integer_sums::{IntegerSums, Total, Whole, WindowCounts};
use super::real_sums::RealSums;
use crate::rows::{
    LoadRows, Narrow, StoreRows, clear_mask, hand_on_mask, loader, low_bits_of_nearest, mark_all_valid,
    mark_valid, storer,
};
use crate::simd::level;

/// The description of `mean`.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: "mean",
    group: Group::Smoothing,
    summary: "mean of a window, at the same cost for any size",
    inputs: (1, 1),
    parameters: &[
        Parameter::required(
            "size",
            ParameterKind::Size { greatest: GREATEST_SIZE },
            "size of the window in pixels",
        ),
        Parameter::BOUNDARY,
        Parameter::NODATA,
        Parameter::TYPE,
    ],
    documentation: Documentation {
        formula: "out(x, y) = sum of in(x + i, y + j) / (w h), i from -floor(w / 2) on, w of them; j likewise",
        halo: "w / 2 to the left, w - 1 - w / 2 to the right; likewise above and below",
        types: "integers are summed exactly and divided once; floats are summed in f64; the output has the input's type,\nrounded half away from zero",
        nodata: "left out, the mean is that of the rest; a pixel without data stays without",
        cost: "four additions for integers, eight for floats, whatever the size",
        source: "McDonnell 1981 for integers; van Herk 1992 with sums for floats",
        agrees: "scipy.ndimage.correlate with equal weights on f64: integers exactly, f64 within 1e-14, f32 within one unit in\nthe last place",
        example: "swathe mean scene.tif smooth.tif --size 101",
    },
    trials: &[
        "size=3",
        "size=4x5 boundary=wrap",
        "size=1",
        "size=7x2 boundary=mirror type=f32",
        "size=5 nodata=propagate boundary=constant=2",
        "size=2x3 nodata=value type=i16 boundary=nearest",
        "size=40x31",
    ],
    bind,
};

/// Largest side of a window: a window then holds less than 2^27 pixels, and sums of 32-bit numbers fit 63 bits.
const GREATEST_SIZE: usize = 9_999;

fn bind(parameters: &Parameters, inputs: &[RasterInfo]) -> Result<Box<dyn Operator>> {
    let input = &inputs[0];
    let window = parameters.size("size")?.ok_or_else(|| Error::usage("`--size` is missing"))?;
    let policy = parameters.nodata_policy()?;
    let output_type = parameters.sample_type("type")?.unwrap_or(input.sample_type);
    let output = smoothed(input, output_type);
    let load = loader::<f64>(input, policy);
    let bands: Box<dyn BandMean> = match input.sample_type {
        SampleType::U8 => narrow::<u8>(window, output_type),
        SampleType::I8 => narrow::<i8>(window, output_type),
        SampleType::U16 => narrow::<u16>(window, output_type),
        SampleType::I16 => narrow::<i16>(window, output_type),
        SampleType::F32 | SampleType::F64 => Box::new(OfReals),
        wide => with_sample!(wide, T => with_sample!(output_type, U => Box::new(OfWide {
            split: split_row::<T>,
            store: store_quotients::<U>,
        }))),
    };
    let store = storer(&output);
    let common = Common { window, policy, boundary: parameters.boundary()?, load, store, output };
    Ok(Box::new(Mean { common, bands }))
}

fn narrow<T: Narrow + Whole>(window: Size, output_type: SampleType) -> Box<dyn BandMean> {
    let same = output_type == T::TYPE;
    let greatest = T::GREATEST.to_f64().max(-T::LEAST.to_f64()) * window.pixels() as f64;
    if greatest < f64::from(i32::MAX) {
        Box::new(OfNarrow::<T, i32> {
            same,
            round: |row, out, inverse| {
                dispatch!(level(), simd => round_quotients(simd, row, out, inverse));
            },
        })
    } else {
        Box::new(OfNarrow::<T, i64> {
            same,
            round: |row, out, inverse| {
                dispatch!(level(), simd => round_quotients(simd, row, out, inverse));
            },
        })
    }
}

/// What the mean knows whatever the sample type.
struct Common {
    window: Size,
    policy: NodataPolicy,
    boundary: Boundary,
    load: Box<dyn LoadRows<f64>>,
    store: Box<dyn StoreRows<f64>>,
    output: RasterInfo,
}

struct Mean {
    common: Common,
    bands: Box<dyn BandMean>,
}

/// The mean of one band, for one way of summing.
trait BandMean: Send + Sync {
    /// What one band takes besides what all ways take.
    fn scratch(&self, size: ScratchSize, window: Size, width: usize) -> ScratchSize;

    /// Computes a band; `counts` are there where pixels without data occur.
    fn run(&self, job: Job<'_, '_>, output: &mut TileMut<'_>, scratch: &mut Frame<'_>);
}

/// One band to compute.
struct Job<'a, 'b> {
    common: &'a Common,
    input: TileView<'b>,
    band: usize,
    /// Whether all pixels are data.
    whole: bool,
}

impl Operator for Mean {
    fn output(&self) -> &RasterInfo {
        &self.common.output
    }

    fn need(&self, _input: usize, output: Window) -> Window {
        output.grow(Halo::of_window(self.common.window))
    }

    fn edge(&self, _input: usize) -> Edge {
        Edge::Extend(self.common.boundary)
    }

    fn scratch_bytes(&self, output: Size) -> usize {
        let window = self.common.window;
        let divider = Divider::scratch(ScratchSize::new(), window, output.width);
        self.bands.scratch(divider, window, output.width).bytes()
    }

    fn process(
        &self,
        inputs: &[TileView<'_>],
        output: &mut TileMut<'_>,
        scratch: &mut Frame<'_>,
    ) -> Result<()> {
        clear_mask(output);
        for band in 0..output.bands() {
            let whole = self.common.load.all_valid(&inputs[0], band);
            let job = Job { common: &self.common, input: inputs[0], band, whole };
            self.bands.run(job, output, &mut scratch.inner());
        }
        hand_on_mask(self.common.policy, &inputs[0], output);
        Ok(())
    }
}

/// Turns rows of sums into rows of means.
struct Divider<'a> {
    counts: WindowCounts<'a>,
    valid: &'a mut [u8],
    flags: &'a mut [u8],
    means: &'a mut [f64],
}

impl<'a> Divider<'a> {
    fn scratch(size: ScratchSize, window: Size, width: usize) -> ScratchSize {
        let input = width + window.width - 1;
        WindowCounts::scratch(size, window, input).with::<u8>(width).with::<u8>(input).with::<f64>(width)
    }

    fn take(job: &Job<'_, '_>, scratch: &mut Frame<'a>) -> Self {
        let (window, input) = (job.common.window, job.input.window().width);
        let width = input + 1 - window.width;
        Divider {
            counts: WindowCounts::take(scratch, window, input),
            valid: scratch.take(width),
            flags: scratch.take(input),
            means: scratch.take(width),
        }
    }

    /// Row `y` of the input with 0 where there is no data, in `zeroed` where that takes a change.
    fn row_of_data<'r, T: Sample>(&mut self, job: &Job<'_, 'r>, y: usize, zeroed: &'r mut [T]) -> &'r [T] {
        let row = job.input.row::<T>(job.band, y);
        if job.whole {
            return row;
        }
        job.common.load.flags(&job.input, job.band, y, self.flags);
        for ((zeroed, &sample), &flag) in zeroed.iter_mut().zip(row).zip(self.flags.iter()) {
            *zeroed = if flag == 0 { T::default() } else { sample };
        }
        zeroed
    }

    /// Makes the counts of output row `y`, and its flags in `valid`.
    fn count(&mut self, job: &Job<'_, '_>, y: usize) {
        let (load, window) = (&*job.common.load, job.common.window);
        let halo = Halo::of_window(window);
        load.flags(&job.input, job.band, y + halo.top, self.flags);
        self.valid.copy_from_slice(&self.flags[halo.left..][..self.valid.len()]);
        let counts = self.counts.row(load, &job.input, job.band, y);
        if job.common.policy == NodataPolicy::Propagate {
            for (flag, &count) in self.valid.iter_mut().zip(counts) {
                *flag &= u8::from(count as usize == window.pixels());
            }
        }
    }

    /// Divides and stores output row `y`.
    fn finish<C: Sample>(&mut self, job: &Job<'_, '_>, output: &mut TileMut<'_>, y: usize, sums: &[C]) {
        let all = job.common.window.pixels() as f64;
        if job.whole {
            dispatch!(level(), simd => divide_by(simd, sums, all, self.means));
            job.common.store.store(output, job.band, y, 0, self.means);
            mark_all_valid(output, y, 0, self.means.len());
            return;
        }
        self.count(job, y);
        for ((mean, &sum), &count) in self.means.iter_mut().zip(sums).zip(self.counts.counts()) {
            *mean = sum.to_f64() / f64::from(count.max(1));
        }
        job.common.store.store(output, job.band, y, 0, self.means);
        job.common.store.fill(output, job.band, y, 0, self.valid);
        mark_valid(output, y, 0, self.valid);
    }
}

#[simd]
fn divide_by<S: Simd, C: Sample>(_: S, sums: &[C], count: f64, means: &mut [f64]) {
    assert_eq!(sums.len(), means.len());
    for (mean, &sum) in means.iter_mut().zip(sums) {
        *mean = sum.to_f64() / count;
    }
}

/// Integers of 8 and 16 bits, summed in `C`.
struct OfNarrow<T, C> {
    /// Whether the output has the input's type.
    same: bool,
    round: fn(&[C], &mut [T], f64),
}

impl<T: Narrow + Whole, C: Total> BandMean for OfNarrow<T, C> {
    fn scratch(&self, size: ScratchSize, window: Size, width: usize) -> ScratchSize {
        let input = width + window.width - 1;
        IntegerSums::<C>::scratch(size, input)
            .with::<C>(width)
            .with::<T>(input)
            .with::<T>(input)
            .with::<f64>(input)
    }

    fn run(&self, job: Job<'_, '_>, output: &mut TileMut<'_>, scratch: &mut Frame<'_>) {
        let (window, width) = (job.common.window, job.input.window().width);
        let mut divider = Divider::take(&job, scratch);
        let mut columns = IntegerSums::<C>::take(scratch, width);
        let sums = scratch.take::<C>(width + 1 - window.width);
        let (entering, leaving) = (scratch.take::<T>(width), scratch.take::<T>(width));
        let inverse = 1.0 / window.pixels() as f64;
        for y in 0..job.input.window().height {
            let entering = divider.row_of_data(&job, y, entering);
            match y.checked_sub(window.height) {
                None => columns.enter(entering),
                Some(last) => columns.replace(entering, divider.row_of_data(&job, last, leaving)),
            }
            let Some(target) = (y + 1).checked_sub(window.height) else { continue };
            columns.sum(window.width, sums);
            if job.whole && self.same {
                (self.round)(sums, output.row_mut::<T>(job.band, target), inverse);
                mark_all_valid(output, target, 0, sums.len());
            } else {
                divider.finish(&job, output, target, sums);
            }
        }
    }
}

/// The quotients, which lie between the least and the greatest sample, rounded half away from zero.
///
/// A sum is an integer, so that its quotient is a half or at least `inverse / 2` away from one: a quarter of `inverse`
/// takes each half past it and nothing else, and is far more than the rounding errors of sums below 2^48.
#[simd]
fn round_quotients<S: Simd, T: Narrow, C: Total>(_: S, sums: &[C], means: &mut [T], inverse: f64) {
    assert_eq!(sums.len(), means.len());
    for (mean, &sum) in means.iter_mut().zip(sums) {
        let sum = sum.to_f64();
        let moved = if sum < 0.0 { sum - 0.25 } else { sum + 0.25 };
        *mean = T::kept(low_bits_of_nearest(moved * inverse));
    }
}

/// Floats, summed in `f64`.
struct OfReals;

impl BandMean for OfReals {
    fn scratch(&self, size: ScratchSize, window: Size, width: usize) -> ScratchSize {
        RealSums::scratch(size, window, width).with::<u8>(width + window.width - 1)
    }

    fn run(&self, job: Job<'_, '_>, output: &mut TileMut<'_>, scratch: &mut Frame<'_>) {
        let mut divider = Divider::take(&job, scratch);
        let mut sums = RealSums::take(scratch, job.common.window, job.input.window());
        let flags = scratch.take::<u8>(job.input.window().width);
        let load = &*job.common.load;
        sums.run(
            |y, line| {
                if job.whole {
                    load.load(&job.input, job.band, y, line);
                } else {
                    load.load_valid(&job.input, job.band, y, line, flags);
                }
            },
            |y, sums| divider.finish(&job, output, y, sums),
        );
    }
}

/// Integers of 32 and 64 bits: the high and the low 32 bits are summed apart, so that no sum leaves 64 bits.
struct OfWide {
    split: fn(&TileView<'_>, usize, usize, &mut Halves<'_>),
    store: fn(&mut TileMut<'_>, usize, usize, &Halves<'_>, Counts<'_>),
}

/// Numbers as `high * 2^32 + low`.
struct Halves<'a> {
    high: &'a mut [i64],
    low: &'a mut [i64],
}

impl<'a> Halves<'a> {
    fn scratch(size: ScratchSize, width: usize) -> ScratchSize {
        size.with::<i64>(width).with::<i64>(width)
    }

    fn take(scratch: &mut Frame<'a>, width: usize) -> Self {
        Halves { high: scratch.take(width), low: scratch.take(width) }
    }
}

/// How many pixels went into each sum.
enum Counts<'a> {
    Same(usize),
    Each(&'a [i32]),
}

impl OfWide {
    /// Row `y` of the input in halves, 0 where there is no data.
    fn load(&self, job: &Job<'_, '_>, y: usize, halves: &mut Halves<'_>, flags: &mut [u8]) {
        (self.split)(&job.input, job.band, y, halves);
        if !job.whole {
            job.common.load.flags(&job.input, job.band, y, flags);
            for ((high, low), &flag) in halves.high.iter_mut().zip(halves.low.iter_mut()).zip(flags.iter()) {
                (*high, *low) = (*high * i64::from(flag), *low * i64::from(flag));
            }
        }
    }
}

impl BandMean for OfWide {
    fn scratch(&self, size: ScratchSize, window: Size, width: usize) -> ScratchSize {
        let input = width + window.width - 1;
        let size = IntegerSums::<i64>::scratch(IntegerSums::<i64>::scratch(size, input), input);
        let size = Halves::scratch(Halves::scratch(size, input), input);
        Halves::scratch(size, width).with::<u8>(input)
    }

    fn run(&self, job: Job<'_, '_>, output: &mut TileMut<'_>, scratch: &mut Frame<'_>) {
        let (window, width) = (job.common.window, job.input.window().width);
        let mut divider = Divider::take(&job, scratch);
        let mut high = IntegerSums::<i64>::take(scratch, width);
        let mut low = IntegerSums::<i64>::take(scratch, width);
        let (mut entering, mut leaving) = (Halves::take(scratch, width), Halves::take(scratch, width));
        let sums = Halves::take(scratch, width + 1 - window.width);
        let flags = scratch.take::<u8>(width);
        for y in 0..job.input.window().height {
            self.load(&job, y, &mut entering, flags);
            match y.checked_sub(window.height) {
                None => {
                    high.enter(entering.high);
                    low.enter(entering.low);
                }
                Some(last) => {
                    self.load(&job, last, &mut leaving, flags);
                    high.replace(entering.high, leaving.high);
                    low.replace(entering.low, leaving.low);
                }
            }
            let Some(target) = (y + 1).checked_sub(window.height) else { continue };
            high.sum(window.width, sums.high);
            low.sum(window.width, sums.low);
            if job.whole {
                (self.store)(output, job.band, target, &sums, Counts::Same(window.pixels()));
                mark_all_valid(output, target, 0, sums.high.len());
            } else {
                divider.count(&job, target);
                let counts = Counts::Each(divider.counts.counts());
                (self.store)(output, job.band, target, &sums, counts);
                job.common.store.fill(output, job.band, target, 0, divider.valid);
                mark_valid(output, target, 0, divider.valid);
            }
        }
    }
}

fn split_row<T: Sample>(view: &TileView<'_>, band: usize, y: usize, halves: &mut Halves<'_>) {
    let places = halves.high.iter_mut().zip(halves.low.iter_mut());
    for ((high, low), sample) in places.zip(view.row::<T>(band, y)) {
        let number = match sample.to_scalar() {
            Scalar::Integer(number) => number,
            Scalar::Float(number) => number as i128,
        };
        (*high, *low) = ((number >> 32) as i64, (number & 0xffff_ffff) as i64);
    }
}

fn store_quotients<U: Sample>(
    output: &mut TileMut<'_>,
    band: usize,
    y: usize,
    sums: &Halves<'_>,
    counts: Counts<'_>,
) {
    for (x, mean) in output.row_mut::<U>(band, y).iter_mut().enumerate() {
        let sum = (i128::from(sums.high[x]) << 32) + i128::from(sums.low[x]);
        let count = match counts {
            Counts::Same(count) => count as i128,
            Counts::Each(counts) => i128::from(counts[x].max(1)),
        };
        *mean = if U::TYPE.is_float() {
            U::from_f64(sum as f64 / count as f64)
        } else {
            let magnitude = (2 * sum.abs() + count) / (2 * count);
            U::from_i128(magnitude * sum.signum())
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::{self, TrialRaster};

    /// The samples of the window around each pixel; edges reflected.
    fn windows<T: Sample>(raster: &TrialRaster, band: usize, window: Size) -> Vec<Vec<Vec<T>>> {
        let (rows, size) = (raster.rows::<T>(band), raster.info.size);
        let covered = |at: usize, length: usize, side: usize| {
            (0..side)
                .map(move |i| Boundary::Reflect.resolve((at + i) as i64 - (side / 2) as i64, length).unwrap())
        };
        let around = |x: usize, y: usize| {
            covered(y, size.height, window.height)
                .flat_map(|row| covered(x, size.width, window.width).map(move |column| (row, column)))
                .map(|(row, column)| rows[row][column])
                .collect::<Vec<T>>()
        };
        (0..size.height).map(|y| (0..size.width).map(|x| around(x, y)).collect()).collect()
    }

    fn exact<T: Sample>(samples: &[T]) -> T {
        let sum = samples.iter().map(|sample| match sample.to_scalar() {
            Scalar::Integer(number) => number,
            Scalar::Float(number) => panic!("{number} is no integer"),
        });
        let (sum, count) = (sum.sum::<i128>(), samples.len() as i128);
        let (whole, rest) = (sum / count, (sum % count).abs());
        T::from_i128(whole + if 2 * rest >= count { sum.signum() } else { 0 })
    }

    fn assert_exact<T: Sample>(size: Size, window: Size) {
        let input = trial::random(RasterInfo::new(size, 1, T::TYPE), 11);
        let text = format!("size={}x{}", window.width, window.height);
        let output = trial::run(&SPEC, &text, &input).unwrap().rows::<T>(0);
        for (row, windows) in output.iter().zip(windows::<T>(&input, 0, window)) {
            for (value, samples) in row.iter().zip(windows) {
                assert_eq!(*value, exact(&samples), "{} {window}", T::TYPE);
            }
        }
    }

    #[test]
    fn a_small_raster_by_hand() {
        let input = trial::raster::<u8>(&[&[&[0, 3, 6], &[9, 0, 0]]]);
        assert_eq!(trial::run(&SPEC, "size=3x1", &input).unwrap().rows::<u8>(0), [[1, 3, 5], [6, 3, 0]]);
        // The pixel before and the pixel itself; halves go away from zero.
        assert_eq!(trial::run(&SPEC, "size=2x1", &input).unwrap().rows::<u8>(0), [[0, 2, 5], [9, 5, 0]]);
        let negative = trial::raster::<i16>(&[&[&[-1, 0, 0, -3]]]);
        assert_eq!(trial::run(&SPEC, "size=2x1", &negative).unwrap().rows::<i16>(0), [[-1, -1, 0, -2]]);
    }

    #[test]
    fn integers_are_exact() {
        for window in [Size::new(1, 1), Size::new(2, 2), Size::new(3, 3), Size::new(6, 1), Size::new(5, 30)] {
            assert_exact::<u8>(Size::new(13, 9), window);
            assert_exact::<i8>(Size::new(13, 9), window);
            assert_exact::<u16>(Size::new(13, 9), window);
            assert_exact::<i16>(Size::new(13, 9), window);
            assert_exact::<u32>(Size::new(13, 9), window);
            assert_exact::<i32>(Size::new(13, 9), window);
            assert_exact::<u64>(Size::new(13, 9), window);
            assert_exact::<i64>(Size::new(13, 9), window);
        }
        // More than 2^31 in a window.
        assert_exact::<u16>(Size::new(5, 4), Size::new(183, 181));
        assert_exact::<i16>(Size::new(5, 4), Size::new(262, 256));
    }

    #[test]
    fn floats_are_close() {
        for window in [Size::new(3, 3), Size::new(4, 7), Size::new(25, 2)] {
            let input = trial::random(RasterInfo::new(Size::new(19, 12), 2, SampleType::F64), 12);
            let text = format!("size={}x{}", window.width, window.height);
            let output = trial::run(&SPEC, &text, &input).unwrap();
            for band in 0..2 {
                for (row, windows) in
                    output.rows::<f64>(band).iter().zip(windows::<f64>(&input, band, window))
                {
                    for (value, samples) in row.iter().zip(windows) {
                        let mean = samples.iter().sum::<f64>() / samples.len() as f64;
                        let size =
                            samples.iter().map(|sample| sample.abs()).sum::<f64>() / samples.len() as f64;
                        assert!((value - mean).abs() <= 1e-14 * size, "{value} is not {mean}");
                    }
                }
            }
        }
    }

    #[test]
    fn pixels_without_data_are_left_out() {
        for sample_type in
            [SampleType::I16, SampleType::I32, SampleType::I64, SampleType::F32, SampleType::F64]
        {
            with_sample!(sample_type, T => {
                let of = |row: [i32; 6]| row.map(|number| T::from_f64(f64::from(number)));
                let mut input = trial::raster::<T>(&[&[&of([4, 8, -9, 6, 4, 8])]]);
                input.info.nodata = Some(Scalar::Integer(-9));
                let run = |text: &str| trial::run(&SPEC, text, &input).unwrap().rows::<T>(0);
                assert_eq!(run("size=2x1"), [of([4, 6, -9, 6, 5, 6])]);
                assert_eq!(run("size=3x1")[0][1..5], of([4, 6, -9, 5, 6, 8])[1..5]);
                assert_eq!(run("size=3x1 nodata=propagate")[0][1..5], of([0, -9, -9, -9, 6, 0])[1..5]);
                assert_eq!(run("size=1 nodata=value"), [of([4, 8, -9, 6, 4, 8])]);
            });
        }
    }

    #[test]
    fn the_mask_says_where_there_is_data() {
        let input = trial::raster::<u16>(&[&[&[50, 50, 9, 50]]]).with_mask(&[&[255, 255, 0, 255]]);
        let output = trial::run(&SPEC, "size=3x1", &input).unwrap();
        assert_eq!(
            (output.rows::<u16>(0), output.mask()),
            (vec![vec![50, 50, 0, 50]], vec![vec![255, 255, 0, 255]])
        );
        let output = trial::run(&SPEC, "size=3x1 nodata=value", &input).unwrap();
        assert_eq!(
            (output.rows::<u16>(0), output.mask()),
            (vec![vec![50, 36, 36, 36]], vec![vec![255, 255, 0, 255]])
        );
    }

    #[test]
    fn infinities_stay_in_their_windows() {
        let input = trial::raster::<f32>(&[&[&[1.0, 1.0, f32::INFINITY, 1.0, 1.0, 1.0, 1.0]]]);
        let output = trial::run(&SPEC, "size=3x1", &input).unwrap().rows::<f32>(0);
        let infinity = f32::INFINITY;
        assert_eq!(output, [[1.0, infinity, infinity, infinity, 1.0, 1.0, 1.0]]);
    }
}
