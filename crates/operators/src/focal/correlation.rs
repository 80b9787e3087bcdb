//! Correlation with fixed weights: what `gaussian`, `convolve` and their like are made of.
//!
//! ```text
//! sum(x, y) = sum over i, j of weight[j][i] * in(x + i - left, y + j - top)        out = sum / scale + offset
//! ```
//! A separable kernel runs along x first, into a ring of as many rows as the kernel is high, and along y from there,
//! in blocks of columns that keep the ring in the first-level cache. Nothing is rounded on the way.
//!
//! Where pixels without data occur, the same sums run over pixels with 0 in their place, and a second time over the
//! weights alone; a pixel whose window is all data comes out with the very bits it has without that.

use fearless_simd::{Simd, dispatch};
use fearless_simd_macros::simd;
use swathe_core::{
    Boundary, Edge, Frame, Halo, NodataPolicy, Operator, RasterInfo, Result, ScratchSize, Size, TileMut,
    TileView, Window,
};

use super::folding::folded;
use crate::rows::{
    LoadRows, Real, StoreRows, Taps, clear_mask, hand_on_mask, loader, mark_all_valid, mark_valid, storer,
    weigh,
};
use crate::simd::level;

/// Weights of a window.
#[derive(Clone, Debug)]
pub(crate) enum Kernel<A> {
    /// The product of a row and a column.
    Separable {
        /// The row.
        x: Taps<A>,
        /// The column.
        y: Taps<A>,
    },
    /// Any weights, row by row.
    Direct {
        /// Size of the window.
        size: Size,
        /// `size.width * size.height` weights.
        weights: Taps<A>,
    },
}

impl<A: Real> Kernel<A> {
    /// About how long a pixel takes. Measured with `gaussian`: 642 weights 32 ns in `f32` and 68 ns in `f64`.
    pub(crate) fn nanoseconds(&self) -> f64 {
        let weights = match self {
            Kernel::Separable { x, y } => x.len() + y.len(),
            Kernel::Direct { size, .. } => size.pixels(),
        };
        0.5 + 0.013 * (weights * size_of::<A>()) as f64
    }

    pub(crate) fn size(&self) -> Size {
        match self {
            Kernel::Separable { x, y } => Size::new(x.len(), y.len()),
            Kernel::Direct { size, .. } => *size,
        }
    }

    /// The same sums over rasters of that size in fewer weights, where a row or a column of weights reaches further than the raster
    /// is wide or high; see `folding`.
    pub(crate) fn folded(self, boundary: Boundary, raster: Size) -> Self {
        match self {
            Kernel::Separable { x, y } => Kernel::Separable {
                x: folded(x, boundary, raster.width),
                y: folded(y, boundary, raster.height),
            },
            direct @ Kernel::Direct { .. } => direct,
        }
    }

    /// 1 where a weight counts.
    pub(crate) fn support(&self) -> Self {
        match self {
            Kernel::Separable { x, y } => Kernel::Separable { x: x.support(), y: y.support() },
            Kernel::Direct { size, weights } => Kernel::Direct { size: *size, weights: weights.support() },
        }
    }

    /// The sum over a window full of 1, by the arithmetic that rows go through.
    pub(crate) fn total(&self) -> A {
        let (one, mut sum) = ([A::ONE], [A::ZERO]);
        match self {
            Kernel::Separable { x, y } => {
                weigh(&mut sum, x, |_| &one);
                let along_x = sum;
                weigh(&mut sum, y, |_| &along_x);
            }
            Kernel::Direct { weights, .. } => weigh(&mut sum, weights, |_| &one),
        }
        sum[0]
    }

    /// Samples of a ring's row that makes `block` sums.
    fn ring_width(&self, block: usize) -> usize {
        match self {
            Kernel::Separable { .. } => block,
            Kernel::Direct { size, .. } => block + size.width - 1,
        }
    }
}

/// What becomes of a window that holds pixels without data.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Missing {
    /// The sum over the rest is divided by the share of the weights that it had, where that is more than `least_share`.
    Normalise {
        /// From 0, where any share will do.
        least_share: f64,
    },
    /// No data.
    Refuse,
}

/// What a correlation is made from.
pub(crate) struct Plan<A> {
    pub(crate) kernel: Kernel<A>,
    pub(crate) missing: Missing,
    pub(crate) scale: A,
    pub(crate) offset: A,
    pub(crate) boundary: Boundary,
    pub(crate) policy: NodataPolicy,
    pub(crate) output: RasterInfo,
}

impl<A: Real> Plan<A> {
    /// The operator for rasters like `input`.
    pub(crate) fn bind(self, input: &RasterInfo) -> Box<dyn Operator> {
        let kernel = self.kernel.folded(self.boundary, input.size);
        let plan = Plan { kernel, ..self };
        plan.bind_folded(input)
    }

    fn bind_folded(self, input: &RasterInfo) -> Box<dyn Operator> {
        let missing = if self.policy == NodataPolicy::Propagate { Missing::Refuse } else { self.missing };
        let gathering = match missing {
            Missing::Normalise { .. } => self.kernel.clone(),
            Missing::Refuse => self.kernel.support(),
        };
        Box::new(Correlation {
            load: loader(input, self.policy),
            store: storer(&self.output),
            total: self.kernel.total(),
            gathering,
            plan: Plan { missing, ..self },
        })
    }
}

struct Correlation<A> {
    plan: Plan<A>,
    load: Box<dyn LoadRows<A>>,
    store: Box<dyn StoreRows<A>>,
    /// Sum of all weights.
    total: A,
    /// Runs over the weights of pixels with data, or counts those without.
    gathering: Kernel<A>,
}

/// Bytes of ring that a block of columns may take: half of a first-level cache of 32 KiB, or more where the rest of
/// the work is small beside it.
const RING_BYTES: usize = 24 << 10;

impl<A: Real> Correlation<A> {
    fn size(&self) -> Size {
        self.plan.kernel.size()
    }

    fn window_halo(&self) -> Halo {
        Halo::of_window(self.size())
    }

    /// Columns of a block.
    fn block(&self, width: usize) -> usize {
        block_columns::<A>(self.size().height, width)
    }

    /// The sums of one block of columns, all of it data.
    fn whole_block(
        &self,
        input: &TileView<'_>,
        output: &mut TileMut<'_>,
        at: Place,
        scratch: &mut Frame<'_>,
    ) {
        let kernel = &self.plan.kernel;
        let mut plane = Plane::take(kernel, at.columns, scratch);
        for y in 0..input.window().height {
            self.load.load(input, at.band, y, plane.line(kernel, y));
            plane.push(kernel, y);
            if let Some(row) = (y + 1).checked_sub(self.size().height) {
                let sums = plane.sum(kernel, y);
                self.finish(sums);
                self.store.store(output, at.band, row, at.x, sums);
                mark_all_valid(output, row, at.x, at.columns);
            }
        }
    }

    /// The sums of one block of columns that holds pixels without data.
    fn broken_block(
        &self,
        input: &TileView<'_>,
        output: &mut TileMut<'_>,
        at: Place,
        scratch: &mut Frame<'_>,
    ) {
        let (kernel, halo) = (&self.plan.kernel, self.window_halo());
        let mut values = Plane::take(kernel, at.columns, scratch);
        let mut weights = Plane::take(&self.gathering, at.columns, scratch);
        let flags = scratch.take::<u8>(input.window().width);
        let valid = scratch.take::<u8>(at.columns);
        let gathered = match self.plan.missing {
            Missing::Normalise { .. } => 1,
            Missing::Refuse => 0,
        };
        for y in 0..input.window().height {
            self.load.load_valid(input, at.band, y, values.line(kernel, y), flags);
            for (weight, &flag) in weights.line(&self.gathering, y).iter_mut().zip(flags.iter()) {
                *weight = if flag == gathered { A::ONE } else { A::ZERO };
            }
            values.push(kernel, y);
            weights.push(&self.gathering, y);
            if let Some(row) = (y + 1).checked_sub(self.size().height) {
                let (sums, weights) = (values.sum(kernel, y), weights.sum(&self.gathering, y));
                self.load.flags(input, at.band, row + halo.top, flags);
                valid.copy_from_slice(&flags[halo.left..halo.left + at.columns]);
                self.settle(sums, weights, valid);
                self.finish(sums);
                self.store.store(output, at.band, row, at.x, sums);
                self.store.fill(output, at.band, row, at.x, valid);
                mark_valid(output, row, at.x, valid);
            }
        }
    }

    /// Makes up for the weights of pixels without data, or takes the flag of what can't be saved.
    fn settle(&self, sums: &mut [A], weights: &[A], valid: &mut [u8]) {
        match self.plan.missing {
            Missing::Normalise { least_share } => {
                normalise_sums(sums, weights, valid, self.total, A::of(least_share));
            }
            Missing::Refuse => {
                for (flag, &missing) in valid.iter_mut().zip(weights) {
                    *flag &= u8::from(missing == A::ZERO);
                }
            }
        }
    }

    fn finish(&self, sums: &mut [A]) {
        let (scale, offset) = (self.plan.scale, self.plan.offset);
        if scale == A::ONE && offset == A::ZERO {
            return;
        }
        match exact_inverse(scale) {
            Some(factor) => dispatch!(level(), simd => multiply_and_shift(simd, sums, factor, offset)),
            None => dispatch!(level(), simd => divide_and_shift(simd, sums, scale, offset)),
        }
    }
}

/// Columns of a block, under a kernel of that height.
pub(super) fn block_columns<A>(kernel_height: usize, width: usize) -> usize {
    let columns = RING_BYTES / (kernel_height * size_of::<A>());
    (columns / 64 * 64).clamp(128, 2048).min(width)
}

/// Makes up in `sums` for the weights of pixels without data, and takes the flag of those with too little left.
pub(super) fn normalise_sums<A: Real>(
    sums: &mut [A],
    weights: &[A],
    valid: &mut [u8],
    total: A,
    least_share: A,
) {
    dispatch!(level(), simd => normalise(simd, sums, weights, valid, total, least_share));
}

/// `sum * total / weight`, where that is a number and enough of the weights are there.
#[simd]
fn normalise<S: Simd, A: Real>(
    _: S,
    sums: &mut [A],
    weights: &[A],
    valid: &mut [u8],
    total: A,
    least_share: A,
) {
    assert!(sums.len() == weights.len() && sums.len() == valid.len());
    for ((sum, &weight), flag) in sums.iter_mut().zip(weights).zip(valid) {
        let share = weight / total;
        *flag &= u8::from(share > least_share);
        *sum = if weight == total { *sum } else { *sum / share };
    }
}

#[simd]
fn divide_and_shift<S: Simd, A: Real>(_: S, sums: &mut [A], scale: A, offset: A) {
    for sum in sums {
        *sum = *sum / scale + offset;
    }
}

#[simd]
fn multiply_and_shift<S: Simd, A: Real>(_: S, sums: &mut [A], factor: A, offset: A) {
    for sum in sums {
        *sum = *sum * factor + offset;
    }
}

/// What to multiply by instead of dividing, where that gives the same bits: for powers of two.
fn exact_inverse<A: Real>(scale: A) -> Option<A> {
    let exponent = scale.to_f64().abs().log2();
    (exponent.fract() == 0.0
        && exponent.abs() < 100.0
        && 2.0_f64.powi(exponent as i32) == scale.to_f64().abs())
    .then(|| A::ONE / scale)
}

/// A block of columns: where it starts in the output tile, how wide it is, and the band.
#[derive(Clone, Copy)]
struct Place {
    band: usize,
    x: usize,
    columns: usize,
}

/// Room for a row of a ring: a little more than the row, so that the rows of a ring don't all meet in the same few
/// sets of the cache.
fn stride<A>(width: usize) -> usize {
    width + 64 / size_of::<A>()
}

/// The rows that the sums of one block run over.
pub(super) struct Plane<'a, A> {
    columns: usize,
    stride: usize,
    height: usize,
    line: &'a mut [A],
    ring: &'a mut [A],
    sums: &'a mut [A],
}

impl<'a, A: Real> Plane<'a, A> {
    /// What [`Plane::take`] takes, in addition to `size`.
    pub(super) fn scratch(kernel: &Kernel<A>, size: ScratchSize, columns: usize) -> ScratchSize {
        let line = columns + kernel.size().width - 1;
        let ring = stride::<A>(kernel.ring_width(columns)) * kernel.size().height;
        size.with::<A>(line).with::<A>(ring).with::<A>(columns)
    }

    pub(super) fn take(kernel: &Kernel<A>, columns: usize, scratch: &mut Frame<'a>) -> Self {
        let (size, stride) = (kernel.size(), stride::<A>(kernel.ring_width(columns)));
        Plane {
            columns,
            stride,
            height: size.height,
            line: scratch.take(columns + size.width - 1),
            ring: scratch.take(stride * size.height),
            sums: scratch.take(columns),
        }
    }

    /// Where row `y` of the input is to be put.
    pub(super) fn line(&mut self, kernel: &Kernel<A>, y: usize) -> &mut [A] {
        match kernel {
            Kernel::Separable { .. } => self.line,
            Kernel::Direct { .. } => &mut self.ring[y % self.height * self.stride..][..self.line.len()],
        }
    }

    /// Takes row `y` in.
    pub(super) fn push(&mut self, kernel: &Kernel<A>, y: usize) {
        if let Kernel::Separable { x, .. } = kernel {
            let filtered = &mut self.ring[y % self.height * self.stride..][..self.columns];
            let line = &*self.line;
            weigh(filtered, x, |i| &line[i..]);
        }
    }

    /// The sums over the window whose last row is `y`.
    pub(super) fn sum(&mut self, kernel: &Kernel<A>, y: usize) -> &mut [A] {
        let (ring, stride, height) = (&*self.ring, self.stride, self.height);
        // Row j of the window is row y + 1 + j - height of the input.
        let first = (y + 1) % height;
        let row = |j: usize| {
            let place = if first + j < height { first + j } else { first + j - height };
            &ring[place * stride..][..stride]
        };
        match kernel {
            Kernel::Separable { y, .. } => weigh(self.sums, y, row),
            Kernel::Direct { size, weights } => {
                weigh(self.sums, weights, |i| &row(i / size.width)[i % size.width..]);
            }
        }
        self.sums
    }
}

impl<A: Real> Operator for Correlation<A> {
    fn output(&self) -> &RasterInfo {
        &self.plan.output
    }

    fn need(&self, _input: usize, output: Window) -> Window {
        output.grow(self.window_halo())
    }

    fn edge(&self, _input: usize) -> Edge {
        Edge::Extend(self.plan.boundary)
    }

    fn scratch_bytes(&self, output: Size) -> usize {
        let block = self.block(output.width);
        let plane = |size| Plane::scratch(&self.plan.kernel, size, block);
        let planes = plane(plane(ScratchSize::new()));
        planes.with::<u8>(block + self.size().width - 1).with::<u8>(block).bytes()
    }

    fn pixel_nanoseconds(&self) -> f64 {
        self.plan.output.bands as f64 * self.plan.kernel.nanoseconds()
    }

    fn process(
        &self,
        inputs: &[TileView<'_>],
        output: &mut TileMut<'_>,
        scratch: &mut Frame<'_>,
    ) -> Result<()> {
        let (input, window) = (&inputs[0], output.window());
        clear_mask(output);
        for band in 0..output.bands() {
            // Looked through in long rows; where something is missing, block by block.
            let whole = self.load.all_valid(input, band);
            for x in (0..window.width).step_by(self.block(window.width)) {
                let columns = self.block(window.width).min(window.width - x);
                let covered = Window::new(window.x + x as i64, window.y, columns, window.height);
                let part = input.crop(covered.grow(self.window_halo()));
                let at = Place { band, x, columns };
                if whole || self.load.all_valid(&part, band) {
                    self.whole_block(&part, output, at, &mut scratch.inner());
                } else {
                    self.broken_block(&part, output, at, &mut scratch.inner());
                }
            }
        }
        hand_on_mask(self.plan.policy, input, output);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use swathe_core::SampleType;

    use crate::focal::{convolve, gaussian};
    use crate::trial;

    use super::*;

    /// Wide enough for several blocks of columns, the last of them narrow.
    #[test]
    fn blocks_of_columns_never_show() {
        let cases = [(&gaussian::SPEC, "sigma=9"), (&convolve::SPEC, "kernel=1,2;3.5,4;0,6")];
        for (sample_type, mask) in [(SampleType::U16, false), (SampleType::F64, true)] {
            let mut info = RasterInfo::new(Size::new(2100, 9), 1, sample_type);
            info.mask = mask;
            let input = trial::random(info.clone(), 8);
            for (spec, text) in cases {
                let operator = trial::bind(spec, text, std::slice::from_ref(&info)).unwrap();
                let whole = trial::in_tiles(&*operator, &[&input], info.size).unwrap();
                let tiled = trial::in_tiles(&*operator, &[&input], Size::new(97, 5)).unwrap();
                trial::assert_same_bits(&whole, &tiled, text);
            }
        }
    }

    #[test]
    fn powers_of_two_are_told_from_the_rest() {
        assert_eq!(exact_inverse(16.0_f32), Some(0.0625));
        assert_eq!(exact_inverse(-0.5_f64), Some(-2.0));
        assert_eq!(exact_inverse(12.0_f64), None);
        assert_eq!(exact_inverse(f32::MIN_POSITIVE), None);
    }
}
