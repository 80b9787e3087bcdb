//! The operator behind all order statistics: which pixels a window sees, and the method that takes the statistic of them.
//!
//! All methods give the same samples; which one is used follows from type, footprint and statistic, and is a matter of speed.

use swathe_core::{
    Boundary, Edge, Frame, NodataPolicy, Operator, Parameters, RasterInfo, Result, ScratchSize, Size,
    TileMut, TileView, Validity, Window, fill_value, with_sample,
};

use super::footprint::Footprint;
use super::histogram::Counted;
use super::key::Keyed;
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

fn choose<T: Counted>(footprint: &Footprint, statistic: Statistic) -> Box<dyn Method<T>> {
    let Statistic::Place(place) = statistic else { return Box::new(Selection) };
    match Small::suited::<T>(footprint, place.among(footprint.count, footprint.count)) {
        Some(small) => Box::new(small),
        None => T::counted(footprint, place),
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

    /// About how long a pixel of a band takes. Measured with medians: histograms of 8 bits take 7 to 18 ns for windows of
    /// 11 x 11 to 101 x 101, of 16 bits 21 to 60 ns, and `f32` 160 to 180 ns from 13 x 13 on.
    fn nanoseconds(&self, settings: &Settings<T>) -> f64 {
        match size_of::<T>() {
            1 => 10.0,
            2 => 30.0,
            _ => (settings.footprint.count as f64).min(165.0),
        }
    }

    /// Computes one band.
    fn run(&self, band: &Band<'_, T>, output: &mut TileMut<'_>, scratch: &mut Frame<'_>);
}

/// Where the windows of a tile lie, and which pixels hold data.
#[derive(Clone, Copy)]
pub(crate) struct Ground<'a> {
    pub(crate) policy: NodataPolicy,
    /// 1 for each pixel of the input that is data; `None` where all are.
    pub(crate) flags: Option<&'a [u8]>,
    /// The pixels of the input.
    pub(crate) seen: Window,
    /// The pixels that are put out.
    pub(crate) made: Window,
    /// Where the hull of the first pixel's window begins: column and row of the input.
    pub(crate) corner: (usize, usize),
}

impl<'a> Ground<'a> {
    /// Row `y` of the flags, counted as those of the input, where some pixels are no data.
    #[inline(always)]
    pub(crate) fn flags_row(&self, y: usize) -> Option<&'a [u8]> {
        self.flags.map(|flags| &flags[y * self.seen.width..][..self.seen.width])
    }

    /// Whether the pixels of output row `y` are data themselves; `None` where all are.
    pub(crate) fn centre_flags(&self, y: usize) -> Option<&'a [u8]> {
        let (left, top) = ((self.made.x - self.seen.x) as usize, (self.made.y - self.seen.y) as usize);
        self.flags_row(y + top).map(|row| &row[left..][..self.made.width])
    }
}

/// One band of a tile to compute.
#[derive(Clone, Copy)]
pub(crate) struct Band<'a, T> {
    pub(crate) settings: &'a Settings<T>,
    pub(crate) input: TileView<'a>,
    pub(crate) index: usize,
    pub(crate) ground: Ground<'a>,
}

impl<'a, T: Keyed> Band<'a, T> {
    /// Row `y` of the input.
    pub(crate) fn row(&self, y: usize) -> &'a [T] {
        self.input.row(self.index, y)
    }

    /// Ends output row `y`: what `valid` has 0 for is filled, and the rest marked as data; without it, all is.
    pub(crate) fn finish_row(&self, output: &mut TileMut<'_>, y: usize, valid: Option<&[u8]>) {
        match valid {
            None => mark_all_valid(output, y, 0, self.ground.made.width),
            Some(valid) => self.finish_part(output, y, 0, valid),
        }
    }

    /// The same for the pixels of `valid`, from column `x` on.
    pub(crate) fn finish_part(&self, output: &mut TileMut<'_>, y: usize, x: usize, valid: &[u8]) {
        for (sample, &valid) in output.row_mut::<T>(self.index, y)[x..].iter_mut().zip(valid) {
            *sample = if valid == 0 { self.settings.fill } else { *sample };
        }
        mark_valid(output, y, x, valid);
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

    fn pixel_nanoseconds(&self) -> f64 {
        self.settings.output.bands as f64 * self.method.nanoseconds(&self.settings)
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
            let (seen, need) = (input.window(), settings.footprint.need(made));
            let corner = ((need.x - seen.x) as usize, (need.y - seen.y) as usize);
            let flags = (!all).then_some(&*flags);
            let ground = Ground { policy: settings.policy, flags, seen, made, corner };
            let band = Band { settings, input, index, ground };
            self.method.run(&band, output, &mut scratch.inner());
        }
        hand_on_mask(settings.policy, &input, output);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use swathe_core::{Sample, SampleType, Scalar};

    use super::super::network::Program;
    use super::super::statistic::Place;
    use super::*;
    use crate::trial::{self, TrialRaster, assert_same_bits, in_tiles};

    /// A raster whose rows rise, so that windows see few of its values, with random ones strewn in.
    fn rising(info: &RasterInfo, seed: u8) -> TrialRaster {
        let mut raster = trial::random(info.clone(), seed);
        for y in 0..info.size.height {
            with_sample!(info.sample_type, T => {
                for (x, sample) in raster.pixels.view_mut().row_mut::<T>(0, y).iter_mut().enumerate() {
                    let noise = (sample.to_f64().abs() % 7.0).floor();
                    if (x + 3 * y) % 11 != 0 {
                        *sample = T::from_f64((x + 2 * y) as f64 * if T::TYPE.size() == 1 { 0.7 } else { 30.0 } + noise);
                    }
                }
            });
        }
        raster
    }

    /// The output of one method.
    fn output<T: Keyed>(
        input: &TrialRaster,
        footprint: &Footprint,
        place: Place,
        policy: NodataPolicy,
        method: Box<dyn Method<T>>,
    ) -> TrialRaster {
        let settings = Settings::<T> {
            validity: Validity::new(&input.info, policy),
            fill: fill_value(&input.info),
            output: input.info.clone(),
            footprint: footprint.clone(),
            boundary: Boundary::Reflect,
            policy,
            statistic: Statistic::Place(place),
        };
        let size = input.info.size;
        in_tiles(&RankFilter { settings, method }, &[input], Size::new(size.width - 5, size.height)).unwrap()
    }

    fn methods_agree(footprint: &Footprint, small: bool) {
        for sample_type in SampleType::ALL {
            for (seed, nodata) in [None, Some(Scalar::Integer(40))].into_iter().enumerate() {
                let mut info = RasterInfo::new(Size::new(79, 37), 1, sample_type);
                info.nodata = nodata;
                let places = [Place::Middle, Place::Percent(3.0), Place::Rank(footprint.count - 1)];
                let policies = [NodataPolicy::Ignore, NodataPolicy::Propagate];
                for (place, policy) in
                    places.into_iter().flat_map(|place| policies.map(|policy| (place, policy)))
                {
                    let what =
                        format!("{sample_type}, nodata {nodata:?}, {place:?}, {policy:?}, {footprint:?}");
                    for input in [trial::random(info.clone(), seed as u8), rising(&info, seed as u8)] {
                        with_sample!(sample_type, T => {
                            let of = |method| output::<T>(&input, footprint, place, policy, method);
                            let expected = of(Box::new(Selection));
                            let counted = of(T::counted(footprint, place));
                            assert_same_bits(&expected, &counted, &format!("histogram, {what}"));
                            if small {
                                let place = place.among(footprint.count, footprint.count);
                                let program = Program::for_place(footprint, place).unwrap();
                                let sorted = of(Box::new(Small { program }));
                                assert_same_bits(&expected, &sorted, &format!("network, {what}"));
                            }
                        });
                    }
                }
            }
        }
    }

    #[test]
    fn methods_agree_on_rectangles() {
        methods_agree(&Footprint::rectangle(Size::new(5, 4)), true);
        methods_agree(&Footprint::rectangle(Size::new(13, 11)), false);
    }

    #[test]
    fn methods_agree_on_any_footprint() {
        let odd = Footprint::of_text("1 1 0 0 1; 1 0 1 1 1; 0 0 0 0 0; 0 1 0 1 0").unwrap();
        methods_agree(&odd, true);
        let beside = Footprint::of_text("0 0 0 0 0 1 1").unwrap();
        methods_agree(&beside, true);
    }

    #[test]
    fn tiles_of_few_and_of_many_different_values_are_counted() {
        let footprint = Footprint::rectangle(Size::new(15, 13));
        for (sample_type, seed, nodata) in
            [(SampleType::U16, 1, None), (SampleType::I16, 2, Some(Scalar::Integer(9)))]
        {
            let mut info = RasterInfo::new(Size::new(150, 90), 1, sample_type);
            info.nodata = nodata;
            let many = trial::random(info.clone(), seed);
            let few = rising(&info, seed);
            for (input, most) in [(many, usize::MAX), (few, 8_192)] {
                with_sample!(sample_type, T => {
                    let mut values: Vec<i64> = input.rows::<T>(0).concat().iter().map(|v| v.to_f64() as i64).collect();
                    values.sort_unstable();
                    values.dedup();
                    assert_eq!(values.len() > 8_192, most == usize::MAX, "{} different values", values.len());
                    let of = |method| output::<T>(&input, &footprint, Place::Percent(30.0), NodataPolicy::Ignore, method);
                    let counted = of(T::counted(&footprint, Place::Percent(30.0)));
                    assert_same_bits(&of(Box::new(Selection)), &counted, "ranks and samples");
                });
            }
        }
    }

    #[test]
    fn parts_of_a_tile_have_fewer_values_than_the_whole() {
        // Values that go with the column: some 12,000 in the tile, and half of them in half of it; the last part has noise over all
        // values, so that it is counted by samples.
        let footprint = Footprint::rectangle(Size::new(15, 13));
        for noisy_from in [640, 400] {
            let info = RasterInfo::new(Size::new(640, 40), 1, SampleType::U16);
            let mut input = trial::random(info.clone(), 3);
            for y in 0..info.size.height {
                for (x, sample) in input.pixels.view_mut().row_mut::<u16>(0, y).iter_mut().enumerate() {
                    *sample = if x < noisy_from { (19 * x) as u16 + (*sample & 31) } else { *sample };
                }
            }
            let of = |method| output::<u16>(&input, &footprint, Place::Middle, NodataPolicy::Ignore, method);
            let counted = of(u16::counted(&footprint, Place::Middle));
            assert_same_bits(&of(Box::new(Selection)), &counted, "ranks of parts");
        }
    }

    #[test]
    fn windows_of_more_than_65535_pixels_are_counted() {
        let footprint = Footprint::rectangle(Size::new(261, 255));
        let info = RasterInfo::new(Size::new(40, 9), 1, SampleType::U16);
        let input = rising(&info, 1);
        let of = |method| output::<u16>(&input, &footprint, Place::Middle, NodataPolicy::Ignore, method);
        let counted = of(u16::counted(&footprint, Place::Middle));
        assert_same_bits(&of(Box::new(Selection)), &counted, "u32 counters");
    }
}
