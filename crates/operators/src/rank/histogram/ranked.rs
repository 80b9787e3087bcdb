//! Samples of 16 bits of which a tile holds few different ones, as sensors of 12 or 13 bits give them: a pixel's code is
//! the rank of its value among them.
//!
//! ```text
//! code = (rank / 32) << 8 | rank % 32
//! ```
//! Then all bins are open: there are few enough to stay in the second-level cache, the places that are looked for lie close
//! together, and a walk through the 32 bins of a high byte is short.

use swathe_core::{Frame, ScratchSize, Size, TileMut, Window};

use super::bins::{Code, Found, Pixels, Wanted, advance};
use super::lanes::{Counter, LANES, Lanes, Way, count, with_common};
use super::narrow::put_strips;
use super::open::{Open, OpenBins};
use super::strips::{LowBins, LowKind, Memory, Plane, Strips};
use crate::rank::filter::{Band, Method, Settings};
use crate::rank::key::Keyed;

/// Values that 16 bits can have.
const VALUES: usize = 1 << 16;

/// Codes of one high byte.
const STEP: usize = 32;

/// Most different values in a tile: 8,192 bins of 64 bytes are half of a second-level cache.
const MOST_VALUES: usize = 1 << 13;

/// Counts ranks, or the samples themselves where a tile holds too many different ones.
pub(crate) struct Ranked<C> {
    pub(crate) strips: Strips<C>,
}

impl<T: Keyed + Code, C: Counter> Method<T> for Ranked<C> {
    fn scratch(&self, size: ScratchSize, settings: &Settings<T>, output: Size) -> ScratchSize {
        let pixels = settings.footprint.need_with_centre(Window::whole(output)).size().pixels();
        let tables = size.with::<u8>(VALUES).with::<u16>(VALUES).with::<u16>(MOST_VALUES);
        let (ranks, samples) =
            (self.strips.scratch::<All>(tables.with::<u16>(pixels)), self.strips.scratch::<Open>(tables));
        if ranks.bytes() > samples.bytes() { ranks } else { samples }
    }

    fn run(&self, band: &Band<'_, T>, output: &mut TileMut<'_>, scratch: &mut Frame<'_>) {
        let size = band.input.window().size();
        let occurs = scratch.take_zeroed::<u8>(VALUES);
        for y in 0..size.height {
            for &sample in band.row(y) {
                occurs[value(sample)] = 1;
            }
        }
        let (code_of, value_of) = (scratch.take::<u16>(VALUES), scratch.take::<u16>(MOST_VALUES));
        let mut ranks = 0;
        for value in (0..VALUES).filter(|&value| occurs[value] != 0) {
            if ranks == MOST_VALUES {
                let plane = Plane { view: band.input, band: band.index };
                let memory = Memory::take(&self.strips, OpenBins::<C>::LANES, scratch);
                return put_strips::<T, T, C, Open>(&self.strips, band, plane, output, memory, |sample| {
                    sample
                });
            }
            code_of[value] = (((ranks / STEP) << 8) | (ranks % STEP)) as u16;
            value_of[ranks] = value as u16;
            ranks += 1;
        }
        let codes = scratch.take::<u16>(size.pixels());
        for (y, row) in codes.chunks_exact_mut(size.width).enumerate() {
            for (code, &sample) in row.iter_mut().zip(band.row(y)) {
                *code = code_of[value(sample)];
            }
        }
        let plane = Plane::of_codes(band.input.window(), codes);
        let sample_of = |code: u16| {
            let value = value_of[bin_of(code)];
            T::of(value.high(), value.low())
        };
        let bins = ranks.next_multiple_of(STEP);
        let memory = Memory::take(&self.strips, bins + bins / LANES, scratch);
        put_strips::<T, u16, C, All>(&self.strips, band, plane, output, memory, sample_of);
    }
}

/// A sample as a number of the same order.
#[inline(always)]
fn value<T: Code>(sample: T) -> usize {
    usize::from(<u16 as Code>::of(sample.high(), sample.low()))
}

/// The rank that a code stands for.
#[inline(always)]
fn bin_of<X: Code>(code: X) -> usize {
    (usize::from(code.high()) * STEP + usize::from(code.low())) % MOST_VALUES
}

/// Names [`AllBins`].
struct All;

impl<C: Counter> LowKind<C> for All {
    type Bins<'a> = AllBins<'a, C>;
}

/// A bin for each rank.
pub(crate) struct AllBins<'a, C> {
    bins: &'a mut [Lanes<C>],
    /// What all windows count besides. A pixel that all of them see is one addition of a number here, in the first-level cache, in
    /// place of one of a vector in the second-level cache.
    common: &'a mut [C],
}

impl<'a, C: Counter> LowBins<'a, C> for AllBins<'a, C> {
    // A lane of `common` goes with as many bins as there are lanes.
    const LANES: usize = MOST_VALUES + MOST_VALUES / LANES;
    // There are few high bytes.
    const FROM_MARK: bool = false;

    fn new(memory: &'a mut [Lanes<C>], _: &'a mut [u16]) -> Self {
        memory.fill([C::default(); LANES]);
        let (bins, common) = memory.split_at_mut(memory.len() * LANES / (LANES + 1));
        AllBins { bins, common: bytemuck::cast_slice_mut(common) }
    }

    #[inline(always)]
    fn count<W: Way, X: Code>(&mut self, pixels: Pixels<'_, X, C>) {
        let Pixels { codes, flags, masks } = pixels;
        if let Some(flags) = flags {
            for index in 0..codes.len().min(flags.len()) {
                if flags[index] != 0 {
                    count::<W, C>(&mut self.bins[bin_of(codes[index])], masks.of(index));
                }
            }
            return;
        }
        let (before, shared, after) = masks.parts();
        let (first, rest) = codes.split_at(before.len().min(codes.len()));
        let (middle, last) = rest.split_at(masks.shared().min(rest.len()));
        for (part, table) in [(first, before), (last, after)] {
            for index in 0..part.len().min(table.len()) {
                count::<W, C>(&mut self.bins[bin_of(part[index])], &table[index].0);
            }
        }
        if masks.all_see_the_middle() {
            for &code in middle {
                let common = &mut self.common[bin_of(code)];
                *common = W::change(*common, C::ONE);
            }
        } else {
            for &code in middle {
                count::<W, C>(&mut self.bins[bin_of(code)], shared);
            }
        }
    }

    fn open(&mut self, _: u8, _: usize) -> bool {
        false
    }

    fn count_bin<X: Code>(&mut self, _: u8, _: Pixels<'_, X, C>) {}

    #[inline(always)]
    fn find(&self, high: u8, wanted: &Wanted<C>, found: &mut Found<C>) {
        let mut walk = Found { bin: [C::default(); LANES], before: [C::default(); LANES] };
        let mut sum = [C::default(); LANES];
        let first = usize::from(high) * STEP % MOST_VALUES;
        let (bins, common) = (&self.bins[first..][..STEP], &self.common[first..][..STEP]);
        for (bin, &common) in bins.iter().zip(common) {
            if !advance(&mut walk, &mut sum, &with_common(bin, common), &wanted.ends) {
                break;
            }
        }
        for lane in 0..LANES {
            if wanted.ends[lane] > C::default() {
                found.bin[lane] = walk.bin[lane];
                found.before[lane] = walk.before[lane];
            }
        }
    }
}
