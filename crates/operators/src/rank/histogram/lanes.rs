//! Counters of windows beside each other, and what a pixel adds to them.

use std::ops::BitAnd;

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
}

/// 1 for true.
#[inline(always)]
pub(crate) fn one_if<C: Counter>(condition: bool) -> C {
    if condition { C::ONE } else { C::default() }
}

/// A pixel that enters, or one that leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    In,
    Out,
}

/// Counts a pixel in the lanes of `mask`.
#[inline(always)]
pub(crate) fn count<C: Counter>(bin: &mut Lanes<C>, mask: &Lanes<C>, way: Way) {
    // Copies, so that the compiler need not ask whether the two are the same.
    let (mut counts, mask) = (*bin, *mask);
    for lane in 0..LANES {
        counts[lane] = match way {
            Way::In => counts[lane].plus(mask[lane]),
            Way::Out => counts[lane].minus(mask[lane]),
        };
    }
    *bin = counts;
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
    /// For each length of a run: zeros, ones, zeros.
    masks: Vec<C>,
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
                        edges.masks.resize(start + LANES - 1, C::default());
                        edges.masks.resize(start + LANES - 1 + run.length, C::ONE);
                        edges.masks.resize(start + 2 * LANES - 2 + run.length, C::default());
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

    /// Longest run of pixels that an edge is for, the columns of all windows together.
    pub(crate) fn longest(footprint: &Footprint) -> usize {
        footprint.hull.width + LANES - 1
    }

    /// The masks of an edge: the last [`LANES`] numbers are the mask of its first pixel, and so on backwards.
    #[inline(always)]
    pub(crate) fn masks(&self, edge: Edge) -> &[C] {
        &self.masks[edge.first_mask..][..edge.run.length + 2 * LANES - 2]
    }
}

/// The mask of pixel `index` of an edge.
#[inline(always)]
pub(crate) fn mask_at<C>(masks: &[C], index: usize) -> &Lanes<C> {
    let start = masks.len() - LANES - index;
    let mask: &[C] = &masks[start..][..LANES];
    mask.try_into().expect("as many as lanes")
}

#[cfg(test)]
mod tests {
    use swathe_core::Size;

    use super::*;

    #[test]
    fn a_mask_names_the_windows_that_see_a_pixel() {
        let edges = Edges::<u16>::new(&Footprint::rectangle(Size::new(5, 3)));
        assert_eq!((edges.all.len(), edges.entering.len(), edges.leaving.len()), (3, 1, 1));
        assert_eq!((edges.entering[0].run.y, edges.leaving[0].run.y), (2, 0));
        let masks = edges.masks(edges.entering[0]);
        for pixel in 0..LANES + 4 {
            let seen = mask_at(masks, pixel);
            for (lane, &seen) in seen.iter().enumerate() {
                assert_eq!(seen == 1, (lane..lane + 5).contains(&pixel), "pixel {pixel}, lane {lane}");
            }
        }
    }
}
