//! The rank of a window by selection among its taps: any type, any size, any number of pixels without data.

use std::cmp::Ordering;

use swathe_core::{
    Boundary, Edge, Frame, Halo, NodataPolicy, Operator, RasterInfo, Result, Sample, ScratchSize, Size,
    TileMut, TileView, Validity, Window, fill_value, with_sample,
};

use crate::rows::{clear_mask, hand_on_mask, mark_valid};

/// What a selection is made from.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) size: Size,
    pub(crate) boundary: Boundary,
    pub(crate) policy: NodataPolicy,
    /// Which of so many sorted values, counted from 0, is taken.
    pub(crate) place: fn(usize) -> usize,
    pub(crate) output: RasterInfo,
}

impl Plan {
    /// The operator for rasters like `input`.
    pub(crate) fn bind(self, input: &RasterInfo) -> Box<dyn Operator> {
        with_sample!(input.sample_type, T => Box::new(Selection::<T> {
            validity: Validity::new(input, self.policy),
            fill: fill_value(&self.output),
            plan: self,
        }))
    }
}

struct Selection<T> {
    plan: Plan,
    validity: Validity<T>,
    fill: T,
}

impl<T: Sample> Operator for Selection<T> {
    fn output(&self) -> &RasterInfo {
        &self.plan.output
    }

    fn need(&self, _: usize, output: Window) -> Window {
        output.grow(Halo::of_window(self.plan.size))
    }

    fn edge(&self, _: usize) -> Edge {
        Edge::Extend(self.plan.boundary)
    }

    fn scratch_bytes(&self, output: Size) -> usize {
        let width = output.width.saturating_add(self.plan.size.width - 1);
        let height = output.height.saturating_add(self.plan.size.height - 1);
        ScratchSize::new()
            .with::<u8>(Size::new(width, height).pixels())
            .with::<T>(self.plan.size.pixels())
            .with::<u8>(output.width)
            .bytes()
    }

    fn process(
        &self,
        inputs: &[TileView<'_>],
        output: &mut TileMut<'_>,
        scratch: &mut Frame<'_>,
    ) -> Result<()> {
        let (input, halo) = (&inputs[0], Halo::of_window(self.plan.size));
        let (needed, made) = (input.window().size(), output.window().size());
        let flags = scratch.take::<u8>(needed.pixels());
        let taps = scratch.take::<T>(self.plan.size.pixels());
        let valid = scratch.take::<u8>(made.width);
        clear_mask(output);
        for band in 0..input.bands() {
            for (y, row) in flags.chunks_exact_mut(needed.width).enumerate() {
                self.validity.fill_row(input, band, y, row);
            }
            for y in 0..made.height {
                for x in 0..made.width {
                    let count = self.gather(input, band, flags, (x, y), taps);
                    let centre = flags[(y + halo.top) * needed.width + x + halo.left] != 0;
                    let complete = self.plan.policy != NodataPolicy::Propagate || count == taps.len();
                    valid[x] = u8::from(centre && complete && count > 0);
                    let value = if valid[x] == 1 {
                        *taps[..count].select_nth_unstable_by((self.plan.place)(count), order).1
                    } else {
                        self.fill
                    };
                    output.row_mut::<T>(band, y)[x] = value;
                }
                mark_valid(output, y, 0, valid);
            }
        }
        hand_on_mask(self.plan.policy, input, output);
        Ok(())
    }
}

impl<T: Sample> Selection<T> {
    /// Puts the taps that have data first into `taps`, and says how many they are.
    fn gather(
        &self,
        input: &TileView<'_>,
        band: usize,
        flags: &[u8],
        (x, y): (usize, usize),
        taps: &mut [T],
    ) -> usize {
        let (size, stride) = (self.plan.size, input.window().width);
        let mut count = 0;
        for j in y..y + size.height {
            let samples = &input.row::<T>(band, j)[x..x + size.width];
            for (&sample, &flag) in samples.iter().zip(&flags[j * stride + x..]) {
                if flag != 0 {
                    taps[count] = sample;
                    count += 1;
                }
            }
        }
        count
    }
}

/// By value; `NaN` after all numbers.
fn order<T: Sample>(a: &T, b: &T) -> Ordering {
    a.partial_cmp(b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}
