//! A statistic of a window by selection among its pixels: any type, any shape, any number of pixels without data.

use swathe_core::{
    Boundary, Edge, Frame, NodataPolicy, Operator, Parameters, RasterInfo, Result, Sample, ScratchSize, Size,
    TileMut, TileView, Validity, Window, fill_value, with_sample,
};

use super::footprint::Footprint;
use super::order::{one_nan, order};
use super::statistic::Statistic;
use crate::rows::{clear_mask, hand_on_mask, mark_valid};

/// The operator that puts out `statistic` of the window around each pixel.
pub(crate) fn bind(
    parameters: &Parameters,
    input: &RasterInfo,
    statistic: Statistic,
) -> Result<Box<dyn Operator>> {
    let (boundary, policy) = (parameters.boundary()?, parameters.nodata_policy()?);
    let footprint = Footprint::read(parameters)?;
    Ok(with_sample!(input.sample_type, T => Box::new(Selection::<T> {
        validity: Validity::new(input, policy),
        fill: fill_value(input),
        output: input.clone(),
        footprint,
        boundary,
        policy,
        statistic,
    })))
}

struct Selection<T> {
    footprint: Footprint,
    boundary: Boundary,
    policy: NodataPolicy,
    statistic: Statistic,
    output: RasterInfo,
    validity: Validity<T>,
    fill: T,
}

impl<T: Sample> Operator for Selection<T> {
    fn output(&self) -> &RasterInfo {
        &self.output
    }

    fn need(&self, _: usize, output: Window) -> Window {
        self.footprint.need_with_centre(output)
    }

    fn edge(&self, _: usize) -> Edge {
        Edge::Extend(self.boundary)
    }

    fn scratch_bytes(&self, output: Size) -> usize {
        let need = self.footprint.need_with_centre(Window::whole(output)).size();
        ScratchSize::new()
            .with::<u8>(need.pixels())
            .with::<T>(self.footprint.count)
            .with::<u8>(output.width)
            .bytes()
    }

    fn process(
        &self,
        inputs: &[TileView<'_>],
        output: &mut TileMut<'_>,
        scratch: &mut Frame<'_>,
    ) -> Result<()> {
        let (input, made) = (&inputs[0], output.window());
        let stride = input.window().width;
        let flags = scratch.take::<u8>(input.window().size().pixels());
        let taps = scratch.take::<T>(self.footprint.count);
        let valid = scratch.take::<u8>(made.width);
        let (left, top) = ((made.x - input.window().x) as usize, (made.y - input.window().y) as usize);
        clear_mask(output);
        for band in 0..input.bands() {
            for (y, row) in flags.chunks_exact_mut(stride).enumerate() {
                self.validity.fill_row(input, band, y, row);
            }
            for y in 0..made.height {
                for x in 0..made.width {
                    let count = if flags[(y + top) * stride + x + left] == 1 {
                        self.gather(
                            input,
                            band,
                            flags,
                            Window::new(made.x + x as i64, made.y + y as i64, 1, 1),
                            taps,
                        )
                    } else {
                        0
                    };
                    let complete = self.policy != NodataPolicy::Propagate || count == taps.len();
                    valid[x] = u8::from(complete && count > 0);
                    let value = if valid[x] == 1 { self.take(&mut taps[..count]) } else { self.fill };
                    output.row_mut::<T>(band, y)[x] = value;
                }
                mark_valid(output, y, 0, valid);
            }
        }
        hand_on_mask(self.policy, input, output);
        Ok(())
    }
}

impl<T: Sample> Selection<T> {
    /// Puts the taps of a pixel that have data first into `taps`, and says how many they are.
    fn gather(
        &self,
        input: &TileView<'_>,
        band: usize,
        flags: &[u8],
        pixel: Window,
        taps: &mut [T],
    ) -> usize {
        let corner = self.footprint.need(pixel);
        let (left, top) = ((corner.x - input.window().x) as usize, (corner.y - input.window().y) as usize);
        let mut count = 0;
        for run in &self.footprint.runs {
            let (x, y) = (left + run.x, top + run.y);
            let samples = &input.row::<T>(band, y)[x..][..run.length];
            for (&sample, &flag) in samples.iter().zip(&flags[y * input.window().width + x..]) {
                if flag != 0 {
                    taps[count] = sample;
                    count += 1;
                }
            }
        }
        count
    }

    /// The statistic of at least one value.
    fn take(&self, values: &mut [T]) -> T {
        one_nan(match self.statistic {
            Statistic::Place(place) => {
                let place = place.among(values.len(), self.footprint.count);
                *values.select_nth_unstable_by(place, order).1
            }
            Statistic::Mode => mode(values),
        })
    }
}

/// The value that occurs most often, the least of those where there are several.
fn mode<T: Sample>(values: &mut [T]) -> T {
    values.sort_unstable_by(order);
    let same = |a: &T, b: &T| order(a, b).is_eq();
    let mut best = &values[..1];
    for run in values.chunk_by(same) {
        if run.len() > best.len() {
            best = run;
        }
    }
    best[0]
}
