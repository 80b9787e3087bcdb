//! The tile in strips of 32 columns, each run through from its first row to its last.

use fearless_simd::Simd;
use fearless_simd_macros::simd;
use swathe_core::{Frame, NodataPolicy, ScratchSize, TileView};

use super::bins::{Bins, Code, Found, Pixels, Wanted};
use super::lanes::{Counter, Edge, Edges, In, LANES, Lanes, Out, Way};
use super::open::OpenBins;
use crate::rank::filter::Ground;
use crate::rank::footprint::Footprint;
use crate::rank::statistic::Place;

/// Bytes that vectors are best aligned to.
const ALIGNMENT: usize = 64;

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

impl<C: Counter> Strips<C> {
    pub(crate) fn new(footprint: &Footprint, place: Place) -> Self {
        Strips { footprint: footprint.clone(), place, edges: Edges::new(footprint) }
    }

    /// What [`Memory::take`] takes.
    pub(crate) fn scratch<X: Code>(&self, size: ScratchSize) -> ScratchSize {
        let lanes = 256 + if X::HAS_LOW { OpenBins::<C>::LANES } else { 0 };
        size.with::<C>(lanes * LANES + ALIGNMENT).with::<u16>(Edges::<C>::longest(&self.footprint) + 1)
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

/// The strips of a tile that is `width` pixels wide.
pub(crate) fn strips(width: usize) -> impl Iterator<Item = Strip> {
    (0..width).step_by(LANES).map(move |x| Strip { x, width: LANES.min(width - x) })
}

/// Memory for one strip after the other.
pub(crate) struct Memory<'a, C> {
    lanes: &'a mut [Lanes<C>],
    listed: &'a mut [u16],
}

impl<'a, C: Counter> Memory<'a, C> {
    /// Takes what [`Strips::scratch`] declares.
    pub(crate) fn take<X: Code>(strips: &Strips<C>, scratch: &mut Frame<'a>) -> Self {
        let lanes = (256 + if X::HAS_LOW { OpenBins::<C>::LANES } else { 0 }) * LANES;
        let memory = scratch.take::<C>(lanes + ALIGNMENT);
        let start = memory.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        Memory {
            lanes: bytemuck::cast_slice_mut(&mut memory[start..][..lanes]),
            listed: scratch.take(Edges::<C>::longest(&strips.footprint) + 1),
        }
    }
}

/// One strip at work.
struct Slide<'a, C> {
    strips: &'a Strips<C>,
    ground: &'a Ground<'a>,
    plane: Plane<'a>,
    strip: Strip,
}

impl<C: Counter> Slide<'_, C> {
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
    fn step<X: Code>(&self, y: usize, bins: &mut Bins<'_, C>, mut open: Option<&mut OpenBins<'_, C>>) {
        let edges = &self.strips.edges;
        match y.checked_sub(1) {
            None => self.change::<In, X>(&edges.all, y, bins, open),
            Some(above) => {
                self.change::<In, X>(&edges.entering, y, bins, open.as_deref_mut());
                self.change::<Out, X>(&edges.leaving, above, bins, open);
            }
        }
    }

    /// Counts the pixels of edges of the windows whose first one is that of output row `y`.
    #[inline(always)]
    fn change<W: Way, X: Code>(
        &self,
        edges: &[Edge],
        y: usize,
        bins: &mut Bins<'_, C>,
        mut open: Option<&mut OpenBins<'_, C>>,
    ) {
        for &edge in edges {
            let pixels = self.pixels::<X>(edge, y);
            bins.count::<W, X>(pixels);
            if let Some(open) = open.as_deref_mut() {
                open.count::<W, X>(pixels);
            }
        }
    }

    /// The low bytes of what is wanted, after the high bytes `high` were found.
    #[inline(always)]
    fn find_low<X: Code>(
        &self,
        y: usize,
        wanted: &Wanted<C>,
        high: &Found<C>,
        open: &mut OpenBins<'_, C>,
    ) -> Found<C> {
        let mut low = Found { bin: [C::default(); LANES], before: [C::default(); LANES] };
        let mut left = wanted.ends;
        while let Some(first) = left.iter().position(|&end| end > C::default()) {
            let bin = high.bin[first];
            let mut group = Wanted { ends: [C::default(); LANES], windows: 0 };
            for lane in 0..LANES {
                let member = high.bin[lane] == bin && left[lane] > C::default();
                group.ends[lane] = if member { left[lane].minus(high.before[lane]) } else { C::default() };
                left[lane] = if member { C::default() } else { left[lane] };
            }
            let bin = bin.number() as u8;
            if open.open(bin, y) {
                for &edge in &self.strips.edges.all {
                    open.count_bin(bin, self.pixels::<X>(edge, y));
                }
            }
            open.find(bin, &group, &mut low);
        }
        low
    }
}

/// Runs down a strip, and hands on what was found for each row.
#[simd]
pub(crate) fn slide<S: Simd, X: Code, C: Counter>(
    _: S,
    strips: &Strips<C>,
    ground: &Ground<'_>,
    plane: Plane<'_>,
    strip: Strip,
    memory: &mut Memory<'_, C>,
    put: &mut dyn FnMut(Answer<'_, X, C>),
) {
    let (bins, rest) = memory.lanes.split_at_mut(256);
    let mut bins = Bins::new(bins.try_into().expect("256 bins"));
    let mut open = X::HAS_LOW.then(|| OpenBins::new(rest, memory.listed));
    let slide = Slide { strips, ground, plane, strip };
    for y in 0..ground.made.height {
        slide.step::<X>(y, &mut bins, open.as_mut());
        let wanted = strips.wanted(ground, strip, y, &bins.total);
        let none = Found { bin: [C::default(); LANES], before: [C::default(); LANES] };
        let (mut high, mut low) = (none, none);
        if wanted.windows > 0 {
            high = bins.find(&wanted);
            if let Some(open) = &mut open {
                low = slide.find_low::<X>(y, &wanted, &high, open);
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
