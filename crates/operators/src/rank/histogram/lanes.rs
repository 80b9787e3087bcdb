//! Counters of windows beside each other, and what a pixel adds to them.

use std::ops::BitAnd;

use fearless_simd::prelude::*;
use fearless_simd::{Simd, u16x32, u32x16};

use crate::rank::footprint::{Footprint, Run};

/// Windows beside each other that are counted together.
pub(crate) const LANES: usize = 32;

/// One number for each of them.
pub(crate) type Lanes<C> = [C; LANES];

/// What the pixels of a window are counted with.
pub(crate) trait Counter:
    bytemuck::Pod + Default + Ord + BitAnd<Output = Self> + Send + Sync + 'static
{
    /// All bits set.
    const ALL: Self;
    /// One.
    const ONE: Self;

    /// The number, which fits.
    fn of(number: usize) -> Self;

    /// The same number.
    fn number(self) -> usize;

    /// The sum, which fits.
    fn plus(self, other: Self) -> Self;

    /// The difference, which is not negative.
    fn minus(self, other: Self) -> Self;

    /// A bit for each lane that holds `number`, the first lane's the lowest.
    fn lanes_with<S: Simd>(simd: S, lanes: &Lanes<Self>, number: Self) -> u32;
}

impl Counter for u16 {
    const ALL: Self = u16::MAX;
    const ONE: Self = 1;

    #[inline(always)]
    fn of(number: usize) -> Self {
        number as u16
    }

    #[inline(always)]
    fn number(self) -> usize {
        usize::from(self)
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }

    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        self.wrapping_sub(other)
    }

    #[inline(always)]
    fn lanes_with<S: Simd>(simd: S, lanes: &Lanes<Self>, number: Self) -> u32 {
        u16x32::from_slice(simd, lanes).simd_eq(u16x32::splat(simd, number)).to_bitmask() as u32
    }
}

impl Counter for u32 {
    const ALL: Self = u32::MAX;
    const ONE: Self = 1;

    #[inline(always)]
    fn of(number: usize) -> Self {
        number as u32
    }

    #[inline(always)]
    fn number(self) -> usize {
        self as usize
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }

    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        self.wrapping_sub(other)
    }

    #[inline(always)]
    fn lanes_with<S: Simd>(simd: S, lanes: &Lanes<Self>, number: Self) -> u32 {
        let (first, second) = lanes.split_at(LANES / 2);
        let number = u32x16::splat(simd, number);
        let bits = |half| u32x16::from_slice(simd, half).simd_eq(number).to_bitmask() as u32;
        bits(first) | bits(second) << (LANES / 2)
    }
}

/// 1 for true.
#[inline(always)]
pub(crate) fn one_if<C: Counter>(condition: bool) -> C {
    if condition { C::ONE } else { C::default() }
}

/// What happens to a pixel: a type, so that no loop asks.
pub(crate) trait Way {
    /// The count with `number` more or less.
    fn change<C: Counter>(count: C, number: C) -> C;
}

/// It enters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct In;

impl Way for In {
    #[inline(always)]
    fn change<C: Counter>(count: C, number: C) -> C {
        count.plus(number)
    }
}

/// It leaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Out;

impl Way for Out {
    #[inline(always)]
    fn change<C: Counter>(count: C, number: C) -> C {
        count.minus(number)
    }
}

/// Counts a pixel in the lanes of `mask`.
#[inline(always)]
pub(crate) fn count<W: Way, C: Counter>(bin: &mut Lanes<C>, mask: &Lanes<C>) {
    // Copies, so that the compiler need not ask whether the two are the same.
    let (mut counts, mask) = (*bin, *mask);
    for lane in 0..LANES {
        counts[lane] = W::change(counts[lane], mask[lane]);
    }
    *bin = counts;
}

/// A bin with what all windows count in common.
#[inline(always)]
pub(crate) fn with_common<C: Counter>(bin: &Lanes<C>, common: C) -> Lanes<C> {
    let mut counts = *bin;
    for lane in 0..LANES {
        counts[lane] = counts[lane].plus(common);
    }
    counts
}

/// 1 for the windows that see a pixel, aligned for vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(align(64))]
pub(crate) struct Mask<C>(pub(crate) Lanes<C>);

/// The masks of the pixels of a run and of the `LANES - 1` after it, from the first window's first pixel on, and one that
/// names no window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Masks<'a, C> {
    table: &'a [Mask<C>],
    /// How many pixels more than are in the table all windows see.
    repeated: usize,
}

impl<'a, C> Masks<'a, C> {
    /// The mask of a pixel. Each has a place of its own: in a row of numbers seen from ever further on the compiler
    /// would find each mask's numbers in the one before, and shift them one by one.
    #[inline(always)]
    pub(crate) fn of(&self, pixel: usize) -> &'a Lanes<C> {
        &self.table[self.index(pixel)].0
    }

    /// That mask where `counts` is true, and one that names no window where it is not: chosen by its place, since a
    /// branch here would be one that nobody can foresee.
    #[inline(always)]
    pub(crate) fn of_if(&self, pixel: usize, counts: bool) -> &'a Lanes<C> {
        let none = self.table.len() - 1;
        &self.table[std::hint::select_unpredictable(counts, self.index(pixel), none)].0
    }

    /// The masks of the pixels before those that share one, that one, and those of the pixels after.
    #[inline(always)]
    pub(crate) fn parts(&self) -> (&'a [Mask<C>], &'a Lanes<C>, &'a [Mask<C>]) {
        let (before, rest) = self.table.split_at(LANES - 1);
        (before, &rest[0].0, &rest[1..])
    }

    /// Whether the mask in the middle names all windows.
    #[inline(always)]
    pub(crate) fn all_see_the_middle(&self) -> bool {
        self.table.len() == 2 * LANES
    }

    /// How many pixels share the mask in the middle.
    pub(crate) fn shared(&self) -> usize {
        self.repeated + 1
    }

    #[inline(always)]
    fn index(&self, pixel: usize) -> usize {
        pixel.min(LANES - 1).max(pixel.saturating_sub(self.repeated))
    }
}

/// Pixels beside each other that all windows see at the same place, and which of the windows see each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Edge {
    pub(crate) run: Run,
    /// Where its masks begin.
    first_mask: usize,
}

/// What enters and what leaves when all windows move down by a row.
pub(crate) struct Edges<C> {
    /// All pixels of the windows.
    pub(crate) all: Vec<Edge>,
    /// Those that the windows see and a row above did not.
    pub(crate) entering: Vec<Edge>,
    /// Those that the windows saw a row above, by their place in those, and see no longer.
    pub(crate) leaving: Vec<Edge>,
    /// For each length of a run its masks, one of those that name all windows.
    masks: Vec<Mask<C>>,
}

impl<C: Counter> Edges<C> {
    pub(crate) fn new(footprint: &Footprint) -> Self {
        let (above, below) = (footprint.vertical_ends(-1), footprint.vertical_ends(1));
        let mut edges =
            Edges { all: Vec::new(), entering: Vec::new(), leaving: Vec::new(), masks: Vec::new() };
        let mut starts = vec![None; footprint.hull.width + 1];
        let mut listed = |runs: &[Run]| -> Vec<Edge> {
            runs.iter()
                .map(|&run| {
                    let first_mask = *starts[run.length].get_or_insert_with(|| {
                        let start = edges.masks.len();
                        let length = run.length.min(LANES);
                        edges.masks.extend((0..length + LANES).map(|pixel| {
                            let seen = |lane: usize| (lane..lane + length).contains(&pixel);
                            Mask(std::array::from_fn(|lane| one_if(seen(lane))))
                        }));
                        start
                    });
                    Edge { run, first_mask }
                })
                .collect()
        };
        let (all, entering, leaving) = (listed(&footprint.runs), listed(&below), listed(&above));
        (edges.all, edges.entering, edges.leaving) = (all, entering, leaving);
        edges
    }

    /// The masks of an edge.
    #[inline(always)]
    pub(crate) fn masks(&self, edge: Edge) -> Masks<'_, C> {
        let (length, repeated) = (edge.run.length.min(LANES), edge.run.length.saturating_sub(LANES));
        Masks { table: &self.masks[edge.first_mask..][..length + LANES], repeated }
    }
}

#[cfg(test)]
mod tests {
    use swathe_core::Size;

    use super::*;

    #[test]
    fn a_mask_names_the_windows_that_see_a_pixel() {
        for width in [1, 5, 31, 32, 33, 50] {
            let edges = Edges::<u16>::new(&Footprint::rectangle(Size::new(width, 3)));
            assert_eq!((edges.all.len(), edges.entering.len(), edges.leaving.len()), (3, 1, 1));
            assert_eq!((edges.entering[0].run.y, edges.leaving[0].run.y), (2, 0));
            let masks = edges.masks(edges.entering[0]);
            for pixel in 0..LANES + width - 1 {
                for (lane, &seen) in masks.of(pixel).iter().enumerate() {
                    let sees = (lane..lane + width).contains(&pixel);
                    assert_eq!(seen == 1, sees, "pixel {pixel}, lane {lane}, {width} wide");
                }
            }
        }
    }
}
