//! Samples of 16 bits of which a tile holds few different ones, as sensors of 12 or 13 bits give them: a pixel's code is
//! the rank of its value among them.
//!
//! ```text
//! code = (rank / 32) << 8 | rank % 32
//! ```
//! Then all bins are open: there are few enough to stay in the second-level cache, the places that are looked for lie close
//! together, and a walk through the 32 bins of a high byte is short.
//!
//! Columns beside each other have fewer values than a tile: one that has too many is halved, as long as its parts may have few enough.

use std::ops::Range;

use fearless_simd::Simd;
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

/// Most different values in what is counted by ranks: 8,192 bins of 64 bytes are half of a second-level cache.
const MOST_VALUES: usize = 1 << 13;

/// How many times that is too much for a half to be worth a look.
const HOPELESS: usize = 4;

/// The narrowest part of a tile that is ranked by itself: with the columns that its windows reach beyond it, several times the
/// width of a strip.
const LEAST_WIDTH: usize = 4 * LANES;

/// Counts ranks, or the samples themselves where there are too many different ones.
pub(crate) struct Ranked<C> {
    pub(crate) strips: Strips<C>,
}

impl<T: Keyed + Code, C: Counter> Method<T> for Ranked<C> {
    fn scratch(&self, size: ScratchSize, settings: &Settings<T>, output: Size) -> ScratchSize {
        let pixels = settings.footprint.need_with_centre(Window::whole(output)).size().pixels();
        let tables = size.with::<u8>(VALUES).with::<u16>(VALUES).with::<u16>(MOST_VALUES);
        let tables = tables.with::<u16>(pixels);
        let (ranks, samples) =
            (self.strips.scratch::<u16, All>(tables), self.strips.scratch::<u16, Open>(tables));
        if ranks.bytes() > samples.bytes() { ranks } else { samples }
    }

    fn run(&self, band: &Band<'_, T>, output: &mut TileMut<'_>, scratch: &mut Frame<'_>) {
        let made = band.ground.made.width;
        let mut ranks = Ranks {
            occurs: scratch.take(VALUES),
            code_of: scratch.take(VALUES),
            value_of: scratch.take(MOST_VALUES),
        };
        let codes = scratch.take::<u16>(band.input.window().size().pixels());
        // None where samples are counted themselves from here on.
        let mut width = Some(made);
        let mut x = 0;
        while x < made {
            let columns = x..made.min(width.map_or(made, |width| x + width));
            let found = width.map(|_| ranks.find(band, self.seen_by(band, &columns)));
            match (found, width) {
                (Some(found), Some(part)) if found > MOST_VALUES => {
                    let worth = part >= 2 * LEAST_WIDTH && found <= HOPELESS * MOST_VALUES;
                    width = worth.then(|| (part / 2).next_multiple_of(LANES));
                    continue;
                }
                (Some(found), Some(_)) => {
                    let seen = self.seen_by(band, &columns);
                    encode(band, seen, codes, |value| ranks.code_of[value]);
                    let plane = Plane::of_codes(band.input.window(), codes);
                    let sample_of = |code: u16| {
                        let value = ranks.value_of[bin_of(code)];
                        T::of(value.high(), value.low())
                    };
                    let bins = found.next_multiple_of(STEP);
                    let memory = Memory::take(bins + bins / LANES, &mut scratch.inner());
                    let part = (plane, columns.clone());
                    put_strips::<T, u16, C, All>(&self.strips, band, part, output, memory, sample_of);
                }
                _ => {
                    encode(band, self.seen_by(band, &columns), codes, |value| value as u16);
                    let plane = Plane::of_codes(band.input.window(), codes);
                    let memory = Memory::take(OpenBins::<C>::LANES, &mut scratch.inner());
                    let part = (plane, columns.clone());
                    let sample_of = |code: u16| T::of(code.high(), code.low());
                    put_strips::<T, u16, C, Open>(&self.strips, band, part, output, memory, sample_of);
                }
            }
            x = columns.end;
        }
    }
}

impl<C: Counter> Ranked<C> {
    /// The columns of the input that windows of some columns of the output see.
    fn seen_by<T>(&self, band: &Band<'_, T>, columns: &Range<usize>) -> Range<usize> {
        let (left, _) = band.ground.corner;
        let all = band.ground.seen.width;
        // A last strip that is narrower than the others looks on to the tile's end.
        let last = columns.end == band.ground.made.width;
        let end = left + columns.end + self.strips.footprint.hull.width - 1;
        left + columns.start..if last { all } else { end.min(all) }
    }
}

/// The ranks of the values in some columns of a tile.
struct Ranks<'a> {
    /// 1 for values that are there.
    occurs: &'a mut [u8],
    code_of: &'a mut [u16],
    value_of: &'a mut [u16],
}

impl Ranks<'_> {
    /// Ranks the values in some columns of the input, and returns how many there are. Ranks hold where there are at most
    /// [`MOST_VALUES`].
    fn find<T: Keyed + Code>(&mut self, band: &Band<'_, T>, columns: Range<usize>) -> usize {
        self.occurs.fill(0);
        for y in 0..band.input.window().height {
            for &sample in &band.row(y)[columns.clone()] {
                self.occurs[value(sample)] = 1;
            }
        }
        let mut ranks = 0;
        for value in (0..VALUES).filter(|&value| self.occurs[value] != 0) {
            if let Some(of_rank) = self.value_of.get_mut(ranks) {
                self.code_of[value] = (((ranks / STEP) << 8) | (ranks % STEP)) as u16;
                *of_rank = value as u16;
            }
            ranks += 1;
        }
        ranks
    }
}

/// Writes the codes of some columns of the input, that of a value being `code_of` it.
fn encode<T: Keyed + Code>(
    band: &Band<'_, T>,
    columns: Range<usize>,
    codes: &mut [u16],
    code_of: impl Fn(usize) -> u16,
) {
    let width = band.input.window().width;
    for (y, row) in codes.chunks_exact_mut(width).enumerate() {
        for (code, &sample) in row[columns.clone()].iter_mut().zip(&band.row(y)[columns.clone()]) {
            *code = code_of(value(sample));
        }
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

impl<C: Counter> LowKind<u16, C> for All {
    type Bins<'a> = AllBins<'a, C>;
}

/// A bin for each rank.
pub(crate) struct AllBins<'a, C> {
    bins: &'a mut [Lanes<C>],
    /// What all windows count besides. A pixel that all of them see is one addition of a number here, in the first-level cache, in
    /// place of one of a vector in the second-level cache.
    common: &'a mut [C],
}

impl<'a, C: Counter> LowBins<'a, u16, C> for AllBins<'a, C> {
    // A lane of `common` goes with as many bins as there are lanes.
    const LANES: usize = MOST_VALUES + MOST_VALUES / LANES;
    // There are few high bytes.
    const FROM_MARK: bool = false;

    fn new(memory: &'a mut [Lanes<C>]) -> Self {
        memory.fill([C::default(); LANES]);
        let (bins, common) = memory.split_at_mut(memory.len() * LANES / (LANES + 1));
        AllBins { bins, common: bytemuck::cast_slice_mut(common) }
    }

    #[inline(always)]
    fn count<S: Simd, W: Way>(&mut self, _: S, pixels: Pixels<'_, u16, C>) {
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

    fn count_bin<S: Simd>(&mut self, _: S, _: u8, _: Pixels<'_, u16, C>) {}

    #[inline(always)]
    fn find<S: Simd>(&self, _: S, high: u8, wanted: &Wanted<C>, found: &mut Found<C>) {
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
