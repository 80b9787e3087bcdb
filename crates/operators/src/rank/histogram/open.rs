//! Open bins: those of the high byte whose values are counted by the low byte as well.

use super::bins::{Code, Found, Pixels, Wanted, advance};
use super::lanes::{Counter, In, LANES, Lanes, Way, count};
use super::strips::{LowBins, LowKind};

/// Bins that can be open: as many as windows, so that each may have its own.
const OPEN: usize = LANES;

/// Rows after which an open bin that no window's place was in is closed.
const IDLE_ROWS: usize = 96;

/// Stands for a bin that is not open.
const CLOSED: u8 = u8::MAX;

/// The memory of open bins.
pub(crate) struct OpenBins<'a, C> {
    /// Which of the open bins is that of a high byte.
    place: [u8; 256],
    /// The high byte of each, where it is open, and the row that used it last.
    holds: [Option<(u8, usize)>; OPEN],
    /// 16 bins of 16 low bytes for each.
    coarse: &'a mut [Lanes<C>],
    /// 256 bins for each.
    fine: &'a mut [Lanes<C>],
    /// Pixels of an edge that lie in open bins.
    listed: &'a mut [u16],
}

/// Names [`OpenBins`].
pub(crate) struct Open;

impl<C: Counter> LowKind<C> for Open {
    type Bins<'a> = OpenBins<'a, C>;
}

impl<'a, C: Counter> LowBins<'a, C> for OpenBins<'a, C> {
    const LANES: usize = OPEN * (16 + 256);

    fn new(memory: &'a mut [Lanes<C>], listed: &'a mut [u16]) -> Self {
        let (coarse, fine) = memory.split_at_mut(OPEN * 16);
        OpenBins { place: [CLOSED; 256], holds: [None; OPEN], coarse, fine, listed }
    }

    #[inline(always)]
    fn count<W: Way, X: Code>(&mut self, pixels: Pixels<'_, X, C>) {
        let mut length = 0;
        for (index, &code) in pixels.codes.iter().enumerate() {
            let open = self.place[usize::from(code.high())] != CLOSED;
            let data = pixels.flags.is_none_or(|flags| flags[index] != 0);
            self.listed[length] = index as u16;
            length += usize::from(open & data);
        }
        self.count_listed::<W, X>(length, pixels);
    }

    #[inline(always)]
    fn count_bin<X: Code>(&mut self, high: u8, pixels: Pixels<'_, X, C>) {
        let mut length = 0;
        for (index, &code) in pixels.codes.iter().enumerate() {
            let data = pixels.flags.is_none_or(|flags| flags[index] != 0);
            self.listed[length] = index as u16;
            length += usize::from((code.high() == high) & data);
        }
        self.count_listed::<In, X>(length, pixels);
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
        self.coarse[oldest * 16..][..16].fill([C::default(); LANES]);
        self.fine[oldest * 256..][..256].fill([C::default(); LANES]);
        true
    }

    #[inline(always)]
    fn find(&self, high: u8, wanted: &Wanted<C>, found: &mut Found<C>) {
        let place = usize::from(self.place[usize::from(high)]);
        let start = Found { bin: [C::default(); LANES], before: [C::default(); LANES] };
        let mut coarse = start;
        let mut sum = [C::default(); LANES];
        for bin in &self.coarse[place * 16..][..16] {
            advance(&mut coarse, &mut sum, bin, &wanted.ends);
        }
        let mut open = wanted.ends;
        while let Some(lane) = open.iter().position(|&end| end > C::default()) {
            let group = coarse.bin[lane];
            let (mut ends, mut fine) = (open, start);
            for lane in 0..LANES {
                let member = coarse.bin[lane] == group && open[lane] > C::default();
                ends[lane] = if member { open[lane].minus(coarse.before[lane]) } else { C::default() };
                open[lane] = if member { C::default() } else { open[lane] };
            }
            let mut sum = [C::default(); LANES];
            for bin in &self.fine[place * 256 + group.number() * 16..][..16] {
                if !advance(&mut fine, &mut sum, bin, &ends) {
                    break;
                }
            }
            for lane in 0..LANES {
                if ends[lane] > C::default() {
                    found.bin[lane] = C::of(group.number() * 16).plus(fine.bin[lane]);
                    found.before[lane] = coarse.before[lane].plus(fine.before[lane]);
                }
            }
        }
    }
}

impl<C: Counter> OpenBins<'_, C> {
    #[inline(always)]
    fn count_listed<W: Way, X: Code>(&mut self, length: usize, pixels: Pixels<'_, X, C>) {
        for &index in &self.listed[..length] {
            let index = usize::from(index);
            let (code, mask) = (pixels.codes[index], pixels.masks.of(index));
            let place = usize::from(self.place[usize::from(code.high())]);
            let low = usize::from(code.low());
            count::<W, C>(&mut self.coarse[place * 16 + low / 16], mask);
            count::<W, C>(&mut self.fine[place * 256 + low], mask);
        }
    }
}
