//! The tile in strips of 32 columns, each run through from its first row to its last.

use std::ops::Range;

use fearless_simd::Simd;
use fearless_simd_macros::simd;
use swathe_core::{Frame, NodataPolicy, SampleType, ScratchSize, TileView, Window};

use super::bins::{Bins, Code, Found, Pixels, Wanted};
use super::lanes::{Counter, Edge, Edges, In, LANES, Lanes, Out, Way};
use crate::rank::filter::Ground;
use crate::rank::footprint::Footprint;
use crate::rank::statistic::Place;

/// What is known of the windows before any pixel is.
pub(crate) struct Strips<C> {
    pub(crate) footprint: Footprint,
    place: Place,
    edges: Edges<C>,
}

/// The pixels of a tile: one band of a view.
#[derive(Clone, Copy)]
pub(crate) struct Plane<'a> {
    pub(crate) view: TileView<'a>,
    pub(crate) band: usize,
}

impl<'a> Plane<'a> {
    /// A code for each pixel of a window, row after row.
    pub(crate) fn of_codes(window: Window, codes: &'a [u16]) -> Self {
        let row_bytes = size_of::<u16>() * window.width;
        let bytes = bytemuck::cast_slice(codes);
        let view =
            TileView::from_bytes(window, 1, SampleType::U16, bytes, row_bytes, row_bytes * window.height);
        Plane { view: view.expect("a code for each pixel"), band: 0 }
    }
}

/// Which columns of the tile are put out together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Strip {
    /// The first one.
    pub(crate) x: usize,
    /// How many, at most [`LANES`].
    pub(crate) width: usize,
}

/// What was found for a row of a strip.
pub(crate) struct Answer<'a, X, C> {
    pub(crate) y: usize,
    pub(crate) codes: &'a [X; LANES],
    /// The place among the values of that code, and 1 more; 0 where there is nothing to put out.
    pub(crate) ends: &'a Lanes<C>,
}

/// The bins of low bytes, for some or all high bytes.
pub(crate) trait LowBins<'a, X, C>: Sized {
    /// Most lanes of memory that they take.
    const LANES: usize;
    /// Whether the walk through the high bytes begins where no window's place is below, which has to be kept up with for
    /// every pixel, or at the first of them.
    const FROM_MARK: bool = true;

    /// Empty ones.
    fn new(memory: &'a mut [Lanes<C>]) -> Self;

    /// Counts those pixels that have a bin.
    fn count<S: Simd, W: Way>(&mut self, simd: S, pixels: Pixels<'_, X, C>);

    /// Notes that row `row` uses the bins of the high byte. True where there were none: they are there now, and empty.
    fn open(&mut self, high: u8, row: usize) -> bool;

    /// Counts those pixels that have that high byte, for which [`LowBins::open`] was true.
    fn count_bin<S: Simd>(&mut self, simd: S, high: u8, pixels: Pixels<'_, X, C>);

    /// The low bytes of what is wanted in those windows whose place lies at the high byte `high`, counted from the first
    /// value that has it. The others' are left as they are.
    fn find<S: Simd>(&self, simd: S, high: u8, wanted: &Wanted<C>, found: &mut Found<C>);
}

/// Names a kind of [`LowBins`], whatever memory they borrow.
pub(crate) trait LowKind<X, C: Counter> {
    /// The bins.
    type Bins<'a>: LowBins<'a, X, C>;
}

/// For samples that have no low bytes.
pub(crate) struct NoBins;

impl<X: Code, C: Counter> LowKind<X, C> for NoBins {
    type Bins<'a> = NoBins;
}

impl<'a, X: Code, C: Counter> LowBins<'a, X, C> for NoBins {
    const LANES: usize = 0;

    fn new(_: &'a mut [Lanes<C>]) -> Self {
        NoBins
    }

    #[inline(always)]
    fn count<S: Simd, W: Way>(&mut self, _: S, _: Pixels<'_, X, C>) {}

    fn open(&mut self, _: u8, _: usize) -> bool {
        false
    }

    fn count_bin<S: Simd>(&mut self, _: S, _: u8, _: Pixels<'_, X, C>) {}

    #[inline(always)]
    fn find<S: Simd>(&self, _: S, _: u8, _: &Wanted<C>, _: &mut Found<C>) {}
}

impl<C: Counter> Strips<C> {
    pub(crate) fn new(footprint: &Footprint, place: Place) -> Self {
        Strips { footprint: footprint.clone(), place, edges: Edges::new(footprint) }
    }

    /// What [`Memory::take`] takes.
    pub(crate) fn scratch<X, L: LowKind<X, C>>(&self, size: ScratchSize) -> ScratchSize {
        size.with::<Lanes<C>>(Bins::<C>::LANES + L::Bins::LANES)
    }

    /// What windows want that hold `total` values, of which `count` are to be put out, in row `y`.
    fn wanted(&self, ground: &Ground<'_>, strip: Strip, y: usize, total: &Lanes<C>) -> Wanted<C> {
        let full = self.footprint.count;
        let mut wanted = Wanted { ends: [C::default(); LANES], windows: strip.width };
        let Some(centre) = ground.centre_flags(y) else {
            wanted.ends[..strip.width].fill(C::of(self.place.among(full, full) + 1));
            return wanted;
        };
        wanted.windows = 0;
        for (lane, end) in wanted.ends[..strip.width].iter_mut().enumerate() {
            let count = total[lane].number();
            let enough = count == full || count > 0 && ground.policy != NodataPolicy::Propagate;
            if centre[strip.x + lane] != 0 && enough {
                *end = C::of(self.place.among(count, full) + 1);
                wanted.windows += 1;
            }
        }
        wanted
    }
}

/// The strips of some columns of a tile.
pub(crate) fn strips(columns: Range<usize>) -> impl Iterator<Item = Strip> {
    let end = columns.end;
    columns.step_by(LANES).map(move |x| Strip { x, width: LANES.min(end - x) })
}

/// Memory for one strip after the other.
pub(crate) struct Memory<'a, C> {
    lanes: &'a mut [Lanes<C>],
}

impl<'a, C: Counter> Memory<'a, C> {
    /// Takes what [`Strips::scratch`] declares, or less: `low` lanes for low bytes.
    pub(crate) fn take(low: usize, scratch: &mut Frame<'a>) -> Self {
        let lanes = Bins::<C>::LANES + low;
        Memory { lanes: bytemuck::cast_slice_mut(scratch.take::<C>(lanes * LANES)) }
    }
}

/// One strip at work.
struct Slide<'a, S, C> {
    simd: S,
    strips: &'a Strips<C>,
    ground: &'a Ground<'a>,
    plane: Plane<'a>,
    strip: Strip,
}

impl<S: Simd, C: Counter> Slide<'_, S, C> {
    /// The pixels of an edge of the windows whose first one is that of output row `y`.
    #[inline(always)]
    fn pixels<X: Code>(&self, edge: Edge, y: usize) -> Pixels<'_, X, C> {
        let (left, top) = self.ground.corner;
        let (x, y) = (left + self.strip.x + edge.run.x, top + y + edge.run.y);
        let row = self.plane.view.row::<X>(self.plane.band, y);
        let end = row.len().min(x + edge.run.length + LANES - 1);
        Pixels {
            codes: &row[x..end],
            flags: self.ground.flags_row(y).map(|flags| &flags[x..end]),
            masks: self.strips.edges.masks(edge),
        }
    }

    /// Moves the windows down to output row `y`, the first or the next one.
    #[inline(always)]
    fn step<'l, X: Code, L: LowBins<'l, X, C>>(&self, y: usize, bins: &mut Bins<'_, C>, low: &mut L) {
        let edges = &self.strips.edges;
        match y.checked_sub(1) {
            None => self.change::<In, X, L>(&edges.all, y, bins, low),
            Some(above) => {
                self.change::<In, X, L>(&edges.entering, y, bins, low);
                self.change::<Out, X, L>(&edges.leaving, above, bins, low);
            }
        }
    }

    /// Counts the pixels of edges of the windows whose first one is that of output row `y`.
    #[inline(always)]
    fn change<'l, W: Way, X: Code, L: LowBins<'l, X, C>>(
        &self,
        edges: &[Edge],
        y: usize,
        bins: &mut Bins<'_, C>,
        low: &mut L,
    ) {
        for &edge in edges {
            let pixels = self.pixels::<X>(edge, y);
            bins.count::<W, X>(pixels, L::FROM_MARK);
            low.count::<S, W>(self.simd, pixels);
        }
    }

    /// The low bytes of what is wanted, after the high bytes `high` were found.
    #[inline(always)]
    fn find_low<'l, X: Code, L: LowBins<'l, X, C>>(
        &self,
        y: usize,
        wanted: &Wanted<C>,
        high: &Found<C>,
        bins: &mut L,
    ) -> Found<C> {
        let mut low = Found { bin: [C::default(); LANES], before: [C::default(); LANES] };
        let mut left = !C::lanes_with(self.simd, &wanted.ends, C::default());
        while left != 0 {
            let bin = high.bin[left.trailing_zeros() as usize];
            left &= !C::lanes_with(self.simd, &high.bin, bin);
            let mut group = Wanted { ends: [C::default(); LANES], windows: 0 };
            for lane in 0..LANES {
                let member = high.bin[lane] == bin && wanted.ends[lane] > C::default();
                group.ends[lane] =
                    if member { wanted.ends[lane].minus(high.before[lane]) } else { C::default() };
            }
            let bin = bin.number() as u8;
            if bins.open(bin, y) {
                for &edge in &self.strips.edges.all {
                    bins.count_bin(self.simd, bin, self.pixels::<X>(edge, y));
                }
            }
            bins.find(self.simd, bin, &group, &mut low);
        }
        low
    }
}

/// Runs down a strip, and hands on what was found for each row.
#[simd]
pub(crate) fn slide<S: Simd, X: Code, C: Counter, L: LowKind<X, C>>(
    simd: S,
    strips: &Strips<C>,
    ground: &Ground<'_>,
    plane: Plane<'_>,
    strip: Strip,
    memory: &mut Memory<'_, C>,
    put: &mut dyn FnMut(Answer<'_, X, C>),
) {
    let (bins, rest) = memory.lanes.split_at_mut(Bins::<C>::LANES);
    let mut bins = Bins::new(bins);
    let mut low_bins = L::Bins::new(rest);
    let slide = Slide { simd, strips, ground, plane, strip };
    for y in 0..ground.made.height {
        slide.step::<X, _>(y, &mut bins, &mut low_bins);
        let wanted = strips.wanted(ground, strip, y, &bins.total);
        let none = Found { bin: [C::default(); LANES], before: [C::default(); LANES] };
        let (mut high, mut low) = (none, none);
        if wanted.windows > 0 {
            high = bins.find(&wanted, L::Bins::FROM_MARK);
            if X::HAS_LOW {
                low = slide.find_low::<X, _>(y, &wanted, &high, &mut low_bins);
            }
        }
        let mut codes = [X::default(); LANES];
        let mut ends = wanted.ends;
        for lane in 0..LANES {
            codes[lane] = X::of(high.bin[lane].number() as u8, low.bin[lane].number() as u8);
            let before = high.before[lane].plus(low.before[lane]);
            ends[lane] = if ends[lane] > C::default() { ends[lane].minus(before) } else { C::default() };
        }
        put(Answer { y, codes: &codes, ends: &ends });
    }
}
