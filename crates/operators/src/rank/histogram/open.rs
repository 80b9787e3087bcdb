//! Open bins: those of the high byte whose values are counted by the low byte as well.

use std::ops::RangeInclusive;

use fearless_simd::prelude::*;
use fearless_simd::{Simd, u8x32, u16x32};

use super::bins::{Code, Found, Pixels, Wanted, advance};
use super::lanes::{Counter, In, LANES, Lanes, Way, count};
use super::strips::{LowBins, LowKind};

/// Bins that can be open: more than windows, so that each may have its own and some may stay that were left.
const OPEN: usize = 2 * LANES;

/// Rows after which an open bin that no window's place was in is closed.
const IDLE_ROWS: usize = 96;

/// Stands for a bin that is not open.
const CLOSED: u8 = u8::MAX;

/// Most windows that look through bins each by itself: a walk of vectors takes as long as those of so many.
const FEW: u32 = 4;

/// The memory of open bins.
pub(crate) struct OpenBins<'a, C> {
    /// Which of the open bins is that of a high byte.
    place: [u8; 256],
    /// The high byte of each, where it is open, and the row that used it last.
    holds: [Option<(u8, usize)>; OPEN],
    /// From the first to the last high byte that is open, and maybe some more.
    span: RangeInclusive<u8>,
    /// 16 bins of 16 low bytes for each.
    coarse: &'a mut [[Lanes<C>; 16]],
    /// 256 bins for each.
    fine: &'a mut [[Lanes<C>; 16]],
}

/// Names [`OpenBins`].
pub(crate) struct Open;

impl<C: Counter> LowKind<u16, C> for Open {
    type Bins<'a> = OpenBins<'a, C>;
}

impl<'a, C: Counter> LowBins<'a, u16, C> for OpenBins<'a, C> {
    const LANES: usize = OPEN * (16 + 256);

    fn new(memory: &'a mut [Lanes<C>]) -> Self {
        let (bins, _) = memory.as_chunks_mut();
        let (coarse, fine) = bins.split_at_mut(OPEN);
        OpenBins { place: [CLOSED; 256], holds: [None; OPEN], span: 0..=0, coarse, fine }
    }

    #[inline(always)]
    fn count<S: Simd, W: Way>(&mut self, simd: S, pixels: Pixels<'_, u16, C>) {
        for_each_within(simd, &pixels, self.span.clone(), |index| {
            let code = pixels.codes[index];
            let place = self.place[usize::from(code.high())];
            if place != CLOSED {
                self.count_one::<W>(usize::from(place), code, pixels.masks.of(index));
            }
        });
    }

    #[inline(always)]
    fn count_bin<S: Simd>(&mut self, simd: S, high: u8, pixels: Pixels<'_, u16, C>) {
        let place = usize::from(self.place[usize::from(high)]);
        for_each_within(simd, &pixels, high..=high, |index| {
            self.count_one::<In>(place, pixels.codes[index], pixels.masks.of(index));
        });
    }

    fn open(&mut self, high: u8, row: usize) -> bool {
        let place = usize::from(self.place[usize::from(high)]);
        if let Some(Some(held)) = self.holds.get_mut(place) {
            held.1 = row;
            return false;
        }
        for held in &mut self.holds {
            if let Some((idle, _)) = held.filter(|(_, used)| used + IDLE_ROWS < row) {
                self.place[usize::from(idle)] = CLOSED;
                *held = None;
            }
        }
        // A free one, or the one that was used longest ago; no row uses all.
        let oldest = (0..OPEN).min_by_key(|&place| self.holds[place].map(|(_, used)| used)).unwrap_or(0);
        if let Some((closed, _)) = self.holds[oldest] {
            self.place[usize::from(closed)] = CLOSED;
        }
        self.holds[oldest] = Some((high, row));
        self.place[usize::from(high)] = oldest as u8;
        let open = || self.holds.iter().flatten().map(|&(high, _)| high);
        self.span = open().min().unwrap_or(0)..=open().max().unwrap_or(0);
        self.coarse[oldest].fill([C::default(); LANES]);
        self.fine[oldest * 16..][..16].as_flattened_mut().fill([C::default(); LANES]);
        true
    }

    #[inline(always)]
    fn find<S: Simd>(&self, simd: S, high: u8, wanted: &Wanted<C>, found: &mut Found<C>) {
        let place = usize::from(self.place[usize::from(high)]);
        let (coarse, fine) = (&self.coarse[place], &self.fine[place * 16..][..16]);
        let mut left = !C::lanes_with(simd, &wanted.ends, C::default());
        if left.count_ones() <= FEW {
            while left != 0 {
                let lane = left.trailing_zeros() as usize;
                left &= left - 1;
                let (group, before) = find_one(coarse, lane, wanted.ends[lane]);
                find_rest(fine, group, before, lane, wanted, found);
            }
            return;
        }
        let start = Found { bin: [C::default(); LANES], before: [C::default(); LANES] };
        let mut groups = start;
        let mut sum = [C::default(); LANES];
        for bin in coarse {
            advance(&mut groups, &mut sum, bin, &wanted.ends);
        }
        while left != 0 {
            let group = groups.bin[left.trailing_zeros() as usize];
            let mut members = C::lanes_with(simd, &groups.bin, group) & left;
            left &= !members;
            if members.count_ones() <= FEW {
                while members != 0 {
                    let lane = members.trailing_zeros() as usize;
                    members &= members - 1;
                    find_rest(fine, group.number(), groups.before[lane], lane, wanted, found);
                }
                continue;
            }
            let (mut ends, mut low, mut sum) = (wanted.ends, start, [C::default(); LANES]);
            for lane in 0..LANES {
                let member = groups.bin[lane] == group;
                ends[lane] = if member { ends[lane].minus(groups.before[lane]) } else { C::default() };
            }
            for bin in &fine[group.number()] {
                if !advance(&mut low, &mut sum, bin, &ends) {
                    break;
                }
            }
            for lane in 0..LANES {
                if members >> lane & 1 != 0 {
                    found.bin[lane] = C::of(group.number() * 16).plus(low.bin[lane]);
                    found.before[lane] = groups.before[lane].plus(low.before[lane]);
                }
            }
        }
    }
}

impl<C: Counter> OpenBins<'_, C> {
    #[inline(always)]
    fn count_one<W: Way>(&mut self, place: usize, code: u16, mask: &Lanes<C>) {
        let (group, low) = (usize::from(code.low() / 16), usize::from(code.low() % 16));
        count::<W, C>(&mut self.coarse[place][group], mask);
        count::<W, C>(&mut self.fine[place * 16 + group][low], mask);
    }
}

/// The bin of one window's place, and how many values lie in those before it; no branch depends on what the bins hold.
#[inline(always)]
fn find_one<C: Counter>(bins: &[Lanes<C>; 16], lane: usize, end: C) -> (usize, C) {
    let (mut bin, mut before, mut sum) = (0, C::default(), C::default());
    for counts in bins {
        sum = sum.plus(counts[lane]);
        bin += usize::from(sum < end);
        before = std::hint::select_unpredictable(sum < end, sum, before);
    }
    (bin, before)
}

/// What is left to find of one window, when its group of 16 low bytes is known, and how many values lie in those before.
#[inline(always)]
fn find_rest<C: Counter>(
    fine: &[[Lanes<C>; 16]],
    group: usize,
    before: C,
    lane: usize,
    wanted: &Wanted<C>,
    found: &mut Found<C>,
) {
    let (low, below) = find_one(&fine[group], lane, wanted.ends[lane].minus(before));
    found.bin[lane] = C::of(group * 16 + low);
    found.before[lane] = before.plus(below);
}

/// Calls `act` with the index of every pixel that is data and whose high byte lies in `range`.
#[inline(always)]
fn for_each_within<S: Simd, C>(
    simd: S,
    pixels: &Pixels<'_, u16, C>,
    range: RangeInclusive<u8>,
    mut act: impl FnMut(usize),
) {
    let first = u16::from(*range.start()) << 8;
    let length = u16::from(range.end() - range.start()) << 8 | 0xff;
    let mut start = 0;
    while start < pixels.codes.len() {
        // The last ones, where there are not enough for a vector, lie in a copy.
        let (rest, mut copy) = (&pixels.codes[start..], [0; LANES]);
        let whole = rest.first_chunk::<LANES>().unwrap_or_else(|| {
            copy[..rest.len()].copy_from_slice(rest);
            &copy
        });
        let offsets = u16x32::from_slice(simd, whole) - u16x32::splat(simd, first);
        let mut bits = offsets.simd_le(u16x32::splat(simd, length)).to_bitmask() as u32;
        if let Some(flags) = pixels.flags {
            let (rest, mut copy) = (&flags[start..], [0; LANES]);
            let whole = rest.first_chunk::<LANES>().unwrap_or_else(|| {
                copy[..rest.len()].copy_from_slice(rest);
                &copy
            });
            bits &= u8x32::from_slice(simd, whole).simd_gt(u8x32::splat(simd, 0)).to_bitmask() as u32;
        }
        if rest.len() < LANES {
            bits &= (1 << rest.len()) - 1;
        }
        while bits != 0 {
            act(start + bits.trailing_zeros() as usize);
            bits &= bits - 1;
        }
        start += LANES;
    }
}
