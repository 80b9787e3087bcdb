//! A raster beside smooth copies of itself: what `unsharp` and `difference-of-gaussians` are made of.
//!
//! The sums of each kernel run as in `correlation`, row by row beside each other, and are put together before anything is
//! rounded.

use swathe_core::{
    Boundary, Edge, Frame, Halo, NodataPolicy, Operator, RasterInfo, Result, ScratchSize, Size, TileMut,
    TileView, Window,
};

use super::correlation::{Kernel, Plane, block_columns, normalise_sums};
use crate::rows::{
    LoadRows, Real, StoreRows, clear_mask, hand_on_mask, loader, mark_all_valid, mark_valid, storer,
};

/// What is put out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Recipe<A> {
    /// `in + amount * (in - first)`.
    Sharpen {
        /// How much.
        amount: A,
    },
    /// `first - second`.
    Difference,
}

/// What a blend is made from.
pub(crate) struct Plan<A> {
    /// The kernels of the smooth copies, as many as the recipe names; their weights add up to 1.
    pub(crate) kernels: Vec<Kernel<A>>,
    pub(crate) recipe: Recipe<A>,
    /// Whether a pixel with one without data in its window has none itself; else the weights of the rest are scaled up.
    pub(crate) refuse: bool,
    pub(crate) boundary: Boundary,
    pub(crate) policy: NodataPolicy,
    pub(crate) output: RasterInfo,
}

impl<A: Real> Plan<A> {
    /// The operator for rasters like `input`.
    pub(crate) fn bind(mut self, input: &RasterInfo) -> Box<dyn Operator> {
        self.refuse |= self.policy == NodataPolicy::Propagate;
        let fold = |kernel: Kernel<A>| kernel.folded(self.boundary, input.size);
        self.kernels = std::mem::take(&mut self.kernels).into_iter().map(fold).collect();
        let part = |kernel: &Kernel<A>| Part {
            total: kernel.total(),
            gathering: if self.refuse { kernel.support() } else { kernel.clone() },
            kernel: kernel.clone(),
        };
        Box::new(Blend {
            parts: self.kernels.iter().map(part).collect(),
            load: loader(input, self.policy),
            store: storer(&self.output),
            plan: self,
        })
    }
}

/// A smooth copy.
struct Part<A> {
    kernel: Kernel<A>,
    /// Sum of all weights.
    total: A,
    /// Runs over the weights of pixels with data, or counts those without.
    gathering: Kernel<A>,
}

struct Blend<A> {
    plan: Plan<A>,
    parts: Vec<Part<A>>,
    load: Box<dyn LoadRows<A>>,
    store: Box<dyn StoreRows<A>>,
}

/// A block of columns: where it starts in the output tile, how wide it is, and the band.
#[derive(Clone, Copy)]
struct Place {
    band: usize,
    x: usize,
    columns: usize,
}

/// The rows that the sums of one copy run over.
struct Lanes<'a, A> {
    values: Plane<'a, A>,
    /// Where pixels without data occur.
    weights: Option<Plane<'a, A>>,
    flags: &'a mut [u8],
}

impl<A: Real> Part<A> {
    fn halo(&self) -> Halo {
        Halo::of_window(self.kernel.size())
    }

    fn scratch(&self, size: ScratchSize, block: usize) -> ScratchSize {
        let planes = Plane::scratch(&self.kernel, Plane::scratch(&self.gathering, size, block), block);
        planes.with::<u8>(block + self.kernel.size().width - 1)
    }

    fn take<'a>(&self, columns: usize, whole: bool, scratch: &mut Frame<'a>) -> Lanes<'a, A> {
        Lanes {
            values: Plane::take(&self.kernel, columns, scratch),
            weights: (!whole).then(|| Plane::take(&self.gathering, columns, scratch)),
            flags: scratch.take(columns + self.kernel.size().width - 1),
        }
    }
}

impl<A: Real> Blend<A> {
    fn halo(&self) -> Halo {
        self.parts.iter().map(Part::halo).fold(Halo::NONE, |all, halo| Halo {
            left: all.left.max(halo.left),
            top: all.top.max(halo.top),
            right: all.right.max(halo.right),
            bottom: all.bottom.max(halo.bottom),
        })
    }

    fn block(&self, width: usize) -> usize {
        let columns = |part: &Part<A>| block_columns::<A>(part.kernel.size().height, width);
        self.parts.iter().map(columns).min().unwrap_or(width)
    }

    /// Row `y` of one smooth copy of a block; takes the flags of what cannot be computed.
    fn smooth<'l>(
        &self,
        part: &Part<A>,
        lanes: &'l mut Lanes<'_, A>,
        view: &TileView<'_>,
        band: usize,
        y: usize,
        valid: &mut [u8],
    ) -> &'l [A] {
        let height = part.kernel.size().height;
        for row in if y == 0 { 0 } else { y + height - 1 }..y + height {
            let line = lanes.values.line(&part.kernel, row);
            match &mut lanes.weights {
                None => self.load.load(view, band, row, line),
                Some(weights) => {
                    self.load.load_valid(view, band, row, line, lanes.flags);
                    let gathered = u8::from(!self.plan.refuse);
                    for (weight, &flag) in weights.line(&part.gathering, row).iter_mut().zip(&*lanes.flags) {
                        *weight = if flag == gathered { A::ONE } else { A::ZERO };
                    }
                    weights.push(&part.gathering, row);
                }
            }
            lanes.values.push(&part.kernel, row);
        }
        let sums = lanes.values.sum(&part.kernel, y + height - 1);
        if let Some(weights) = &mut lanes.weights {
            let weights = weights.sum(&part.gathering, y + height - 1);
            if self.plan.refuse {
                for (flag, &missing) in valid.iter_mut().zip(&*weights) {
                    *flag &= u8::from(missing == A::ZERO);
                }
            } else {
                normalise_sums(sums, weights, valid, part.total, A::ZERO);
            }
        }
        sums
    }

    /// One block of columns, `own` the pixels of the output and `whole` where all that is needed is data.
    fn block_of_columns(
        &self,
        input: &TileView<'_>,
        output: &mut TileMut<'_>,
        at: Place,
        whole: bool,
        scratch: &mut Frame<'_>,
    ) {
        let covered = Window::new(
            output.window().x + at.x as i64,
            output.window().y,
            at.columns,
            output.window().height,
        );
        let own = input.crop(covered);
        let views = |part: &Part<A>| input.crop(covered.grow(part.halo()));
        let made = scratch.take::<A>(at.columns);
        let valid = scratch.take::<u8>(at.columns);
        let mut first = self.parts[0].take(at.columns, whole, scratch);
        let mut second = self.parts.get(1).map(|part| part.take(at.columns, whole, scratch));
        for y in 0..covered.height {
            valid.fill(1);
            match self.plan.recipe {
                Recipe::Sharpen { amount } => {
                    let part = &self.parts[0];
                    let smooth = self.smooth(part, &mut first, &views(part), at.band, y, valid);
                    self.load.load(&own, at.band, y, made);
                    sharpen(made, smooth, amount);
                }
                Recipe::Difference => {
                    let part = &self.parts[0];
                    made.copy_from_slice(self.smooth(part, &mut first, &views(part), at.band, y, valid));
                    if let (Some(part), Some(lanes)) = (self.parts.get(1), &mut second) {
                        let other = self.smooth(part, lanes, &views(part), at.band, y, valid);
                        subtract(made, other);
                    }
                }
            }
            self.store.store(output, at.band, y, at.x, made);
            if whole {
                mark_all_valid(output, y, at.x, at.columns);
                continue;
            }
            let flags = &mut first.flags[..at.columns];
            self.load.flags(&own, at.band, y, flags);
            valid.iter_mut().zip(&*flags).for_each(|(flag, own)| *flag &= own);
            self.store.fill(output, at.band, y, at.x, valid);
            mark_valid(output, y, at.x, valid);
        }
    }
}

impl<A: Real> Operator for Blend<A> {
    fn output(&self) -> &RasterInfo {
        &self.plan.output
    }

    fn need(&self, _: usize, output: Window) -> Window {
        output.grow(self.halo())
    }

    fn edge(&self, _: usize) -> Edge {
        Edge::Extend(self.plan.boundary)
    }

    fn scratch_bytes(&self, output: Size) -> usize {
        let block = self.block(output.width);
        let size = ScratchSize::new().with::<A>(block).with::<u8>(block);
        self.parts.iter().fold(size, |size, part| part.scratch(size, block)).bytes()
    }

    fn pixel_nanoseconds(&self) -> f64 {
        self.plan.output.bands as f64 * self.parts.iter().map(|part| part.kernel.nanoseconds()).sum::<f64>()
    }

    fn process(
        &self,
        inputs: &[TileView<'_>],
        output: &mut TileMut<'_>,
        scratch: &mut Frame<'_>,
    ) -> Result<()> {
        let (input, width) = (&inputs[0], output.window().width);
        clear_mask(output);
        for band in 0..output.bands() {
            let whole = self.load.all_valid(input, band);
            for x in (0..width).step_by(self.block(width)) {
                let at = Place { band, x, columns: self.block(width).min(width - x) };
                self.block_of_columns(input, output, at, whole, &mut scratch.inner());
            }
        }
        hand_on_mask(self.plan.policy, input, output);
        Ok(())
    }
}

/// `made + amount * (made - smooth)`.
fn sharpen<A: Real>(made: &mut [A], smooth: &[A], amount: A) {
    for (made, &smooth) in made.iter_mut().zip(smooth) {
        *made = *made + amount * (*made - smooth);
    }
}

fn subtract<A: Real>(made: &mut [A], other: &[A]) {
    for (made, &other) in made.iter_mut().zip(other) {
        *made = *made - other;
    }
}
