//! The operators that are a formula of mean and variance of the window around each pixel.
//!
//! The two are computed in one of three ways, each a file: `exact_spread` for integers of 8 and 16 bits, `real_spread` for
//! all others, `chained_spread` for what `--std chained` asks for.

use swathe_core::{
    Boundary, Edge, Error, Frame, Halo, NodataPolicy, Operator, Parameter, ParameterKind, Parameters,
    RasterInfo, Result, SampleType, ScratchSize, Size, TileMut, TileView, Window,
};

use super::chained_spread::{Chained, second_halo};
use super::exact_spread;
use super::gaussian::smoothed;
use super::integer_sums::WindowCounts;
use super::real_spread;
use super::surroundings::Surroundings;
use crate::rows::{
    FromDecibels, LoadRows, StoreRows, clear_mask, hand_on_mask, into_decibels, loader, mark_all_valid,
    mark_valid, storer,
};

/// Largest side of a window: the squares of 16-bit numbers then sum to less than 2^53.
pub(crate) const GREATEST_SIZE: usize = 1_447;

/// `--std`, what the spread is measured from.
pub(crate) const STD: Parameter = Parameter::optional(
    "std",
    ParameterKind::Choice(&["local", "chained"]),
    Some("local"),
    "from what pixels differ: local, the mean of the window; chained, each from the mean around itself, then averaged,\nwhatever --ddof (twice the halo; not a variance, but what chains of filters often compute)",
);

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

    /// Whether `centres` matter; if not they hold anything.
    fn asks_for_centres(&self) -> bool {
        true
    }
}

/// A formula of the pixels of a window and their statistics.
pub(crate) trait FinishWindow: Send + Sync {
    /// About how long a pixel takes: by all of its window, as `frost` does in 15 ns for 7 x 7 and 47 ns for 15 x 15.
    fn nanoseconds(&self, window: Size) -> f64 {
        0.25 * window.pixels() as f64
    }

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

/// Mean and variance of the window around each pixel of a row, all of the same length.
pub(super) struct Row<'a> {
    pub(super) means: &'a mut [f64],
    pub(super) variances: &'a mut [f64],
    /// 1 where they are to be told; of no meaning where all pixels are data.
    pub(super) valid: &'a mut [u8],
}

/// A way to compute means and variances.
pub(super) trait Spread: Send + Sync {
    /// What [`Spread::run`] takes for an output of this size.
    fn scratch(&self, size: ScratchSize, window: Size, output: Size) -> ScratchSize;

    /// Calls `emit(y, row)` for each row of the output, from 0 on.
    fn run(&self, band: &Band<'_>, scratch: &mut Frame<'_>, emit: &mut dyn FnMut(usize, Row<'_>));
}

/// One band of a tile, and what is to be known of its windows.
pub(super) struct Band<'a> {
    pub(super) input: TileView<'a>,
    pub(super) index: usize,
    pub(super) load: &'a dyn LoadRows<f64>,
    /// Whether all pixels are data.
    pub(super) whole: bool,
    pub(super) window: Size,
    pub(super) policy: NodataPolicy,
    pub(super) ddof: f64,
}

impl Band<'_> {
    /// Row `y` of the input with 0 where there is no data.
    pub(super) fn load_row(&self, y: usize, row: &mut [f64], flags: &mut [u8]) {
        if self.whole {
            self.load.load(&self.input, self.index, y, row);
        } else {
            self.load.load_valid(&self.input, self.index, y, row, flags);
        }
    }
}

/// How many pixels with data the windows of a row have, and for which pixels that is enough.
pub(super) struct Present<'a> {
    counts: WindowCounts<'a>,
    flags: &'a mut [u8],
    valid: &'a mut [u8],
}

impl<'a> Present<'a> {
    /// What [`Present::take`] takes for rows of `width` pixels of input.
    pub(super) fn scratch(size: ScratchSize, window: Size, width: usize) -> ScratchSize {
        WindowCounts::scratch(size, window, width).with::<u8>(width).with::<u8>(width + 1 - window.width)
    }

    pub(super) fn take(scratch: &mut Frame<'a>, window: Size, width: usize) -> Self {
        Present {
            counts: WindowCounts::take(scratch, window, width),
            flags: scratch.take(width),
            valid: scratch.take(width + 1 - window.width),
        }
    }

    /// Counts row `y` of the output; `y` is 0, and then one more each time.
    pub(super) fn row(&mut self, band: &Band<'_>, y: usize) {
        let halo = Halo::of_window(band.window);
        let all = band.window.pixels() as f64;
        let least = if band.policy == NodataPolicy::Propagate { all } else { 0.0 };
        band.load.flags(&band.input, band.index, y + halo.top, self.flags);
        let counts = self.counts.row(band.load, &band.input, band.index, y);
        for ((valid, &flag), &count) in self.valid.iter_mut().zip(&self.flags[halo.left..]).zip(counts) {
            let count = f64::from(count);
            *valid = flag & u8::from(count > band.ddof && count >= least);
        }
    }

    /// The counts of the last row.
    pub(super) fn counts(&self) -> &[i32] {
        self.counts.counts()
    }

    /// 1 where the last row has a pixel with data in a window of enough of them.
    pub(super) fn valid(&mut self) -> &mut [u8] {
        self.valid
    }
}

/// The operator that puts out `finish` of each pixel, its window's mean and its window's variance.
pub(crate) fn bind(
    parameters: &Parameters,
    input: &RasterInfo,
    scale: Scale,
    finish: Finish,
) -> Result<Box<dyn Operator>> {
    let window = parameters.size("size")?.ok_or_else(|| Error::usage("`--size` is missing"))?;
    let chained = parameters.text("std") == Some("chained");
    let ddof = if chained { 0 } else { parameters.integer("ddof")?.unwrap_or(0) as usize };
    bind_window(parameters, input, (window, ddof), scale, finish)
}

/// The same for a window and a `ddof` that are no parameters.
pub(crate) fn bind_window(
    parameters: &Parameters,
    input: &RasterInfo,
    (window, ddof): (Size, usize),
    scale: Scale,
    finish: Finish,
) -> Result<Box<dyn Operator>> {
    let policy = parameters.nodata_policy()?;
    let boundary = parameters.boundary()?;
    let chained = parameters.text("std") == Some("chained");
    if ddof >= window.pixels() {
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
    let spread = match (input.sample_type, scale) {
        _ if chained => Box::new(Chained { raster: input.size, boundary }),
        (SampleType::U8, Scale::Linear) => exact_spread::of::<u8>(window.pixels()),
        (SampleType::I8, Scale::Linear) => exact_spread::of::<i8>(window.pixels()),
        (SampleType::U16, Scale::Linear) => exact_spread::of::<u16>(window.pixels()),
        (SampleType::I16, Scale::Linear) => exact_spread::of::<i16>(window.pixels()),
        _ => real_spread::of(input, policy, scale),
    };
    let load = loader::<f64>(input, policy);
    let output = smoothed(input, parameters.sample_type("type")?.unwrap_or(natural));
    let halo = Halo::of_window(window);
    Ok(Box::new(OfWindow {
        window,
        halo,
        chained,
        policy,
        boundary,
        ddof: ddof as f64,
        scale,
        load: if scale == Scale::Linear { load } else { Box::new(FromDecibels(load)) },
        spread,
        store: storer(&output),
        output,
        finish,
    }))
}

struct OfWindow {
    window: Size,
    halo: Halo,
    /// Whether means of means take a second halo.
    chained: bool,
    policy: NodataPolicy,
    boundary: Boundary,
    ddof: f64,
    scale: Scale,
    load: Box<dyn LoadRows<f64>>,
    spread: Box<dyn Spread>,
    store: Box<dyn StoreRows<f64>>,
    output: RasterInfo,
    finish: Finish,
}

impl Operator for OfWindow {
    fn output(&self) -> &RasterInfo {
        &self.output
    }

    fn need(&self, _input: usize, output: Window) -> Window {
        let near = if self.chained { output.grow(second_halo(self.window)) } else { output };
        near.grow(self.halo)
    }

    fn edge(&self, _input: usize) -> Edge {
        Edge::Extend(self.boundary)
    }

    fn scratch_bytes(&self, output: Size) -> usize {
        let output = Size::new(self.block(output.width), output.height);
        let near = output.width + self.window.width - 1;
        let size = self.spread.scratch(ScratchSize::new(), self.window, output);
        match self.finish {
            Finish::OfPixel(_) => size.with::<f64>(near),
            Finish::OfWindow(_) => Surroundings::scratch(size, self.window, near),
        }
        .bytes()
    }

    fn pixel_nanoseconds(&self) -> f64 {
        let finish = match &self.finish {
            Finish::OfPixel(_) => 0.5,
            Finish::OfWindow(filter) => filter.nanoseconds(self.window),
        };
        self.output.bands as f64 * (2.5 + finish)
    }

    fn process(
        &self,
        inputs: &[TileView<'_>],
        output: &mut TileMut<'_>,
        scratch: &mut Frame<'_>,
    ) -> Result<()> {
        clear_mask(output);
        let window = output.window();
        for index in 0..output.bands() {
            // Looked through in long rows; where something is missing, block by block.
            let whole = self.load.all_valid(&inputs[0], index);
            for x in (0..window.width).step_by(self.block(window.width)) {
                let columns = self.block(window.width).min(window.width - x);
                let block = Window::new(window.x + x as i64, window.y, columns, window.height);
                let input = inputs[0].crop(self.need(0, block));
                let band = Band {
                    input,
                    index,
                    load: &*self.load,
                    whole: whole || self.load.all_valid(&input, index),
                    window: self.window,
                    policy: self.policy,
                    ddof: self.ddof,
                };
                self.run(&band, &mut output.part(block, block), &mut scratch.inner());
            }
        }
        hand_on_mask(self.policy, &inputs[0], output);
        Ok(())
    }
}

/// Columns that are computed together: what a row takes, some 60 bytes a column, then stays in the first-level cache.
const BLOCK: usize = 256;

impl OfWindow {
    /// Columns of a block. Wide windows take more of them, since blocks beside each other sum over the same columns.
    fn block(&self, width: usize) -> usize {
        BLOCK.max((8 * self.window.width).next_multiple_of(BLOCK)).min(width)
    }

    fn run(&self, band: &Band<'_>, output: &mut TileMut<'_>, scratch: &mut Frame<'_>) {
        let near = band.input.crop(output.window().grow(self.halo));
        match &self.finish {
            Finish::OfPixel(finish) => {
                let (width, line) = (output.window().width, scratch.take::<f64>(near.window().width));
                self.spread.run(band, scratch, &mut |y, row| {
                    if finish.asks_for_centres() {
                        band.load.load(&near, band.index, y + self.halo.top, line);
                    }
                    finish.row(&line[self.halo.left..][..width], row.means, row.variances);
                    self.store_row(band, output, y, row);
                });
            }
            Finish::OfWindow(finish) => {
                let mut around =
                    Surroundings::take(scratch, self.window, (band.index, near.window().width), band.whole);
                self.spread.run(band, scratch, &mut |y, row| {
                    around.read_to(band.load, &near, y);
                    finish.row(&around, row.means, row.variances);
                    self.store_row(band, output, y, row);
                });
            }
        }
    }

    fn store_row(&self, band: &Band<'_>, output: &mut TileMut<'_>, y: usize, row: Row<'_>) {
        if self.scale == Scale::Decibels {
            into_decibels(row.variances);
        }
        self.store.store(output, band.index, y, 0, row.variances);
        if band.whole {
            mark_all_valid(output, y, 0, row.variances.len());
        } else {
            self.store.fill(output, band.index, y, 0, row.valid);
            mark_valid(output, y, 0, row.valid);
        }
    }
}
