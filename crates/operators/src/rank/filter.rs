//! The operator behind all order statistics: which pixels a window sees, and the method that takes the statistic of them.
//!
//! All methods give the same samples; which one is used follows from type, footprint and statistic, and is a matter of speed.

use swathe_core::{
    Boundary, Edge, Frame, NodataPolicy, Operator, Parameters, RasterInfo, Result, ScratchSize, Size,
    TileMut, TileView, Validity, Window, fill_value, with_sample,
};

use super::footprint::Footprint;
use super::key::Keyed;
use super::network::Program;
use super::selection::Selection;
use super::small::Small;
use super::statistic::Statistic;
use crate::rows::{clear_mask, hand_on_mask, mark_all_valid, mark_valid};

/// The operator that puts out `statistic` of the window around each pixel.
///
/// # Errors
/// Usage, where the parameters describe no window.
pub(crate) fn bind(
    parameters: &Parameters,
    input: &RasterInfo,
    statistic: Statistic,
) -> Result<Box<dyn Operator>> {
    let (boundary, policy) = (parameters.boundary()?, parameters.nodata_policy()?);
    let footprint = Footprint::read(parameters)?;
    Ok(with_sample!(input.sample_type, T => {
        let method = choose::<T>(&footprint, statistic);
        let settings = Settings::<T> {
            validity: Validity::new(input, policy),
            fill: fill_value(input),
            output: input.clone(),
            footprint,
            boundary,
            policy,
            statistic,
        };
        Box::new(RankFilter { settings, method })
    }))
}

fn choose<T: Keyed>(footprint: &Footprint, statistic: Statistic) -> Box<dyn Method<T>> {
    let Statistic::Place(place) = statistic else { return Box::new(Selection) };
    let program = Small::suits(footprint)
        .then(|| Program::for_place(footprint, place.among(footprint.count, footprint.count)))
        .flatten();
    match program {
        Some(program) => Box::new(Small { program }),
        None => Box::new(Selection),
    }
}

/// What a filter was asked for.
pub(crate) struct Settings<T> {
    pub(crate) footprint: Footprint,
    pub(crate) policy: NodataPolicy,
    pub(crate) statistic: Statistic,
    boundary: Boundary,
    output: RasterInfo,
    validity: Validity<T>,
    fill: T,
}

/// A way to take the statistic of all windows of a band.
pub(crate) trait Method<T>: Send + Sync {
    /// What it takes for a tile of `output` pixels.
    fn scratch(&self, size: ScratchSize, settings: &Settings<T>, output: Size) -> ScratchSize;

    /// Computes one band.
    fn run(&self, band: &Band<'_, T>, output: &mut TileMut<'_>, scratch: &mut Frame<'_>);
}

/// One band of a tile to compute.
#[derive(Clone, Copy)]
pub(crate) struct Band<'a, T> {
    pub(crate) settings: &'a Settings<T>,
    pub(crate) input: TileView<'a>,
    pub(crate) index: usize,
    /// 1 for each pixel of the input that is data; `None` where all are.
    pub(crate) flags: Option<&'a [u8]>,
    /// The pixels that are put out.
    pub(crate) made: Window,
}

impl<'a, T: Keyed> Band<'a, T> {
    /// Row `y` of the input.
    pub(crate) fn row(&self, y: usize) -> &'a [T] {
        self.input.row(self.index, y)
    }

    /// Row `y` of the flags, counted as those of the input, where some pixels are no data.
    pub(crate) fn flags_row(&self, y: usize) -> Option<&'a [u8]> {
        let width = self.input.window().width;
        self.flags.map(|flags| &flags[y * width..][..width])
    }

    /// Where the hull of the first pixel's window begins: column and row of the input.
    pub(crate) fn corner(&self) -> (usize, usize) {
        let (need, input) = (self.settings.footprint.need(self.made), self.input.window());
        ((need.x - input.x) as usize, (need.y - input.y) as usize)
    }

    /// Whether the pixels of output row `y` are data themselves; `None` where all are.
    pub(crate) fn centre_flags(&self, y: usize) -> Option<&'a [u8]> {
        let input = self.input.window();
        let (left, top) = ((self.made.x - input.x) as usize, (self.made.y - input.y) as usize);
        self.flags_row(y + top).map(|row| &row[left..][..self.made.width])
    }

    /// Ends output row `y`: what `valid` has 0 for is filled, and the rest marked as data; without it, all is.
    pub(crate) fn finish_row(&self, output: &mut TileMut<'_>, y: usize, valid: Option<&[u8]>) {
        let Some(valid) = valid else {
            mark_all_valid(output, y, 0, self.made.width);
            return;
        };
        for (sample, &valid) in output.row_mut::<T>(self.index, y).iter_mut().zip(valid) {
            *sample = if valid == 0 { self.settings.fill } else { *sample };
        }
        mark_valid(output, y, 0, valid);
    }
}

struct RankFilter<T> {
    settings: Settings<T>,
    method: Box<dyn Method<T>>,
}

impl<T: Keyed> Operator for RankFilter<T> {
    fn output(&self) -> &RasterInfo {
        &self.settings.output
    }

    fn need(&self, _: usize, output: Window) -> Window {
        self.settings.footprint.need_with_centre(output)
    }

    fn edge(&self, _: usize) -> Edge {
        Edge::Extend(self.settings.boundary)
    }

    fn scratch_bytes(&self, output: Size) -> usize {
        let need = self.settings.footprint.need_with_centre(Window::whole(output)).size();
        let flags = if self.settings.validity.can_fail() { need.pixels() } else { 0 };
        self.method.scratch(ScratchSize::new().with::<u8>(flags), &self.settings, output).bytes()
    }

    fn process(
        &self,
        inputs: &[TileView<'_>],
        output: &mut TileMut<'_>,
        scratch: &mut Frame<'_>,
    ) -> Result<()> {
        let (settings, input, made) = (&self.settings, inputs[0], output.window());
        let can_fail = settings.validity.can_fail();
        let flags = scratch.take::<u8>(if can_fail { input.window().size().pixels() } else { 0 });
        clear_mask(output);
        for index in 0..input.bands() {
            let mut all = true;
            if can_fail {
                for (y, row) in flags.chunks_exact_mut(input.window().width).enumerate() {
                    all &= settings.validity.fill_row(&input, index, y, row);
                }
            }
            let band = Band { settings, input, index, flags: (!all).then_some(&*flags), made };
            self.method.run(&band, output, &mut scratch.inner());
        }
        hand_on_mask(settings.policy, &input, output);
        Ok(())
    }
}
