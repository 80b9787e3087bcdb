//! The bins of 32 windows, and the walk to a place in each.

use swathe_core::Sample;

use super::lanes::{Counter, LANES, Lanes, Way, count, mask_at, one_if};

/// A sample as an unsigned number of 8 or 16 bits, of the same order.
pub(crate) trait Code: Sample {
    /// Whether there is a low byte.
    const HAS_LOW: bool;

    /// The byte that decides.
    fn high(self) -> u8;

    /// The other one.
    fn low(self) -> u8;

    /// The number of which these are the bytes.
    fn of(high: u8, low: u8) -> Self;
}

impl Code for u8 {
    const HAS_LOW: bool = false;

    #[inline(always)]
    fn high(self) -> u8 {
        self
    }

    #[inline(always)]
    fn low(self) -> u8 {
        0
    }

    #[inline(always)]
    fn of(high: u8, _: u8) -> Self {
        high
    }
}

impl Code for u16 {
    const HAS_LOW: bool = true;

    #[inline(always)]
    fn high(self) -> u8 {
        (self >> 8) as u8
    }

    #[inline(always)]
    fn low(self) -> u8 {
        self as u8
    }

    #[inline(always)]
    fn of(high: u8, low: u8) -> Self {
        u16::from(high) << 8 | u16::from(low)
    }
}

impl Code for i8 {
    const HAS_LOW: bool = false;

    #[inline(always)]
    fn high(self) -> u8 {
        self as u8 ^ 0x80
    }

    #[inline(always)]
    fn low(self) -> u8 {
        0
    }

    #[inline(always)]
    fn of(high: u8, _: u8) -> Self {
        (high ^ 0x80) as i8
    }
}

impl Code for i16 {
    const HAS_LOW: bool = true;

    #[inline(always)]
    fn high(self) -> u8 {
        (self as u16 >> 8) as u8 ^ 0x80
    }

    #[inline(always)]
    fn low(self) -> u8 {
        self as u8
    }

    #[inline(always)]
    fn of(high: u8, low: u8) -> Self {
        (u16::from(high ^ 0x80) << 8 | u16::from(low)) as i16
    }
}

/// Pixels beside each other that enter or leave, and who sees them.
#[derive(Clone, Copy)]
pub(crate) struct Pixels<'a, X, C> {
    pub(crate) codes: &'a [X],
    /// 1 for data; `None` where all are.
    pub(crate) flags: Option<&'a [u8]>,
    pub(crate) masks: &'a [C],
}

/// What is looked for in each window.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<C> {
    /// One more than the place; 0 where there is nothing to look for.
    pub(crate) ends: Lanes<C>,
    /// How many windows have something to look for.
    pub(crate) windows: usize,
}

/// Where it was found.
#[derive(Clone, Copy)]
pub(crate) struct Found<C> {
    /// The bin.
    pub(crate) bin: Lanes<C>,
    /// How many values lie in the bins before.
    pub(crate) before: Lanes<C>,
}

/// 256 bins, with a mark between two of them that no window's place is below.
pub(crate) struct Bins<'a, C> {
    bins: &'a mut [Lanes<C>; 256],
    mark: u8,
    /// Values below the mark.
    below: Lanes<C>,
    /// Values in all.
    pub(crate) total: Lanes<C>,
}

impl<'a, C: Counter> Bins<'a, C> {
    /// Empty ones, in the memory that is given.
    pub(crate) fn new(bins: &'a mut [Lanes<C>; 256]) -> Self {
        bins.fill([C::default(); LANES]);
        Bins { bins, mark: 0, below: [C::default(); LANES], total: [C::default(); LANES] }
    }

    /// Counts pixels by their high bytes.
    #[inline(always)]
    pub(crate) fn count<X: Code>(&mut self, pixels: Pixels<'_, X, C>, way: Way) {
        match pixels.flags {
            None => {
                let mut below = self.below;
                for (index, &code) in pixels.codes.iter().enumerate() {
                    self.count_one(code, mask_at(pixels.masks, index), &mut below, way);
                }
                self.below = below;
            }
            Some(flags) => {
                let (mut below, mut total) = (self.below, self.total);
                for (index, (&code, &flag)) in pixels.codes.iter().zip(flags).enumerate() {
                    if flag != 0 {
                        let mask = mask_at(pixels.masks, index);
                        self.count_one(code, mask, &mut below, way);
                        count(&mut total, mask, way);
                    }
                }
                (self.below, self.total) = (below, total);
            }
        }
    }

    #[inline(always)]
    fn count_one<X: Code>(&mut self, code: X, mask: &Lanes<C>, below: &mut Lanes<C>, way: Way) {
        let high = code.high();
        count(&mut self.bins[usize::from(high)], mask, way);
        let under = if high < self.mark { C::ALL } else { C::default() };
        let mut counted = *mask;
        for lane in 0..LANES {
            counted[lane] = mask[lane] & under;
        }
        count(below, &counted, way);
    }

    /// The bins that hold what is wanted; the mark moves to the first of them.
    #[inline(always)]
    pub(crate) fn find(&mut self, wanted: &Wanted<C>) -> Found<C> {
        while self.mark > 0 && is_past(&self.below, &wanted.ends) {
            self.mark -= 1;
            count(&mut self.below, &self.bins[usize::from(self.mark)], Way::Out);
        }
        let mut found = Found { bin: [C::of(usize::from(self.mark)); LANES], before: self.below };
        let mut sum = self.below;
        for bin in usize::from(self.mark)..256 {
            count(&mut sum, &self.bins[bin], Way::In);
            let further = advance(&mut found, &sum, &wanted.ends);
            if further == 0 {
                break;
            }
            if further == wanted.windows && bin < 255 {
                (self.mark, self.below) = (bin as u8 + 1, sum);
            }
        }
        found
    }
}

/// Whether some window's place is among the values that `below` counts.
#[inline(always)]
fn is_past<C: Counter>(below: &Lanes<C>, ends: &Lanes<C>) -> bool {
    let mut past = C::default();
    for lane in 0..LANES {
        past = past.max(one_if::<C>(below[lane] >= ends[lane]) & one_if(ends[lane] > C::default()));
    }
    past > C::default()
}

/// Moves the windows whose place lies after the `sum` values so far to the next bin, and says how many these are.
#[inline(always)]
pub(crate) fn advance<C: Counter>(found: &mut Found<C>, sum: &Lanes<C>, ends: &Lanes<C>) -> usize {
    let (sum, ends, mut bin, mut before) = (*sum, *ends, found.bin, found.before);
    let mut further = C::default();
    for lane in 0..LANES {
        let passed = sum[lane] < ends[lane];
        bin[lane] = bin[lane].plus(one_if(passed));
        // The sum only grows, so that the greatest one passed is the last.
        before[lane] = before[lane].max(sum[lane] & if passed { C::ALL } else { C::default() });
        further = further.plus(one_if(passed));
    }
    (found.bin, found.before) = (bin, before);
    further.number()
}
