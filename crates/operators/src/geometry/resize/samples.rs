//! The inner loops of weighted resizing: rows of samples summed into one, and columns of that into pixels.
//!
//! Sums run from the first weight to the last (down), and in lanes counted from the first weight (across), so that
//! neither tiles nor vectors show.

use std::marker::PhantomData;

use fearless_simd::{Simd, dispatch};
use fearless_simd_macros::simd;
use swathe_core::{NodataPolicy, RasterInfo, Sample, TileView, Validity, with_sample};

use super::axis::Span;
use crate::rows::Real;
use crate::simd::level;

/// Lanes that a weighted sum along a row is split into.
pub(super) const LANES: usize = 8;

/// A sum of weighted values, and the sum of the weights that counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Weighted<A> {
    pub(super) sum: A,
    pub(super) weight: A,
}

/// The weights of one output pixel on both axes; spans count from the view's corner.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stencil<'a, A> {
    pub(super) rows: Span,
    pub(super) row_weights: &'a [A],
    pub(super) columns: Span,
    pub(super) column_weights: &'a [A],
}

/// Sums over samples of one type, settled when the operator is bound.
pub(super) trait SumSamples<A>: Send + Sync {
    /// `sums[x]` = the sum over `i` of `weights[i]` times row `first + i` of `band`.
    fn sum_rows(&self, view: &TileView<'_>, band: usize, first: usize, weights: &[A], sums: &mut [A]);

    /// The sum over the pixels with data under one output pixel.
    fn sum_valid(&self, view: &TileView<'_>, band: usize, stencil: &Stencil<'_, A>) -> Weighted<A>;

    /// As [`SumSamples::sum_valid`], with each row brought to its whole weight first: how GDAL treats kernels without
    /// negative weights.
    fn sum_valid_by_rows(&self, view: &TileView<'_>, band: usize, stencil: &Stencil<'_, A>) -> Weighted<A>;
}

/// The sums for rasters like `info`; of squares where `squared`.
pub(super) fn summer<A: Real>(
    info: &RasterInfo,
    policy: NodataPolicy,
    squared: bool,
) -> Box<dyn SumSamples<A>> {
    with_sample!(info.sample_type, T => {
        let validity = Validity::<T>::new(info, policy);
        if squared {
            Box::new(Summer::<T, A, true> { validity, sums: PhantomData })
        } else {
            Box::new(Summer::<T, A, false> { validity, sums: PhantomData })
        }
    })
}

struct Summer<T, A, const SQUARED: bool> {
    validity: Validity<T>,
    sums: PhantomData<fn() -> A>,
}

#[inline(always)]
fn value<T: Sample, A: Real, const SQUARED: bool>(sample: T) -> A {
    let value = A::of(sample);
    if SQUARED { value * value } else { value }
}

impl<T: Sample, A: Real, const SQUARED: bool> Summer<T, A, SQUARED> {
    /// The sum over one row of a stencil.
    fn sum_of_row(
        &self,
        view: &TileView<'_>,
        band: usize,
        y: usize,
        stencil: &Stencil<'_, A>,
    ) -> Weighted<A> {
        let Span { first, count } = stencil.columns;
        let samples = &view.row::<T>(band, y)[first..][..count];
        let mask = view.mask_row(y).map(|mask| &mask[first..]);
        let mut row = Weighted { sum: A::ZERO, weight: A::ZERO };
        for (x, (&sample, &weight)) in samples.iter().zip(stencil.column_weights).enumerate() {
            if self.validity.holds(sample, mask.map_or(u8::MAX, |mask| mask[x])) {
                row.sum = row.sum + weight * value::<T, A, SQUARED>(sample);
                row.weight = row.weight + weight;
            }
        }
        row
    }
}

impl<T: Sample, A: Real, const SQUARED: bool> SumSamples<A> for Summer<T, A, SQUARED> {
    fn sum_rows(&self, view: &TileView<'_>, band: usize, first: usize, weights: &[A], sums: &mut [A]) {
        sums.fill(A::ZERO);
        let row = |i: usize| view.row::<T>(band, first + i);
        let (fours, rest) = weights.as_chunks::<4>();
        let mut at = 0;
        for four in fours {
            let rows = [row(at), row(at + 1), row(at + 2), row(at + 3)];
            dispatch!(level(), simd => add_four::<_, T, A, SQUARED>(simd, four, rows, sums));
            at += 4;
        }
        for &weight in rest {
            dispatch!(level(), simd => add_one::<_, T, A, SQUARED>(simd, weight, row(at), sums));
            at += 1;
        }
    }

    fn sum_valid(&self, view: &TileView<'_>, band: usize, stencil: &Stencil<'_, A>) -> Weighted<A> {
        let mut all = Weighted { sum: A::ZERO, weight: A::ZERO };
        for (y, &weight) in stencil.row_weights[..stencil.rows.count].iter().enumerate() {
            let row = self.sum_of_row(view, band, stencil.rows.first + y, stencil);
            all.sum = all.sum + weight * row.sum;
            all.weight = all.weight + weight * row.weight;
        }
        all
    }

    fn sum_valid_by_rows(&self, view: &TileView<'_>, band: usize, stencil: &Stencil<'_, A>) -> Weighted<A> {
        let mut all = Weighted { sum: A::ZERO, weight: A::ZERO };
        for (y, &weight) in stencil.row_weights[..stencil.rows.count].iter().enumerate() {
            let row = self.sum_of_row(view, band, stencil.rows.first + y, stencil);
            if row.weight > A::ZERO {
                all.sum = all.sum + weight * (row.sum / row.weight);
                all.weight = all.weight + weight;
            }
        }
        all
    }
}

#[simd]
fn add_one<S: Simd, T: Sample, A: Real, const SQUARED: bool>(_: S, weight: A, row: &[T], sums: &mut [A]) {
    assert_eq!(row.len(), sums.len());
    for x in 0..row.len() {
        sums[x] = sums[x] + weight * value::<T, A, SQUARED>(row[x]);
    }
}

/// Four rows at once, in the same order as one after the other.
#[simd]
fn add_four<S: Simd, T: Sample, A: Real, const SQUARED: bool>(
    _: S,
    weights: &[A; 4],
    rows: [&[T]; 4],
    sums: &mut [A],
) {
    let length = sums.len();
    let (one, two, three, four) =
        (&rows[0][..length], &rows[1][..length], &rows[2][..length], &rows[3][..length]);
    let [first, second, third, fourth] = *weights;
    for x in 0..length {
        let sum = sums[x] + first * value::<T, A, SQUARED>(one[x]);
        let sum = sum + second * value::<T, A, SQUARED>(two[x]);
        let sum = sum + third * value::<T, A, SQUARED>(three[x]);
        sums[x] = sum + fourth * value::<T, A, SQUARED>(four[x]);
    }
}

/// The weights of a row of output pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct ColumnWeights<'a, A> {
    /// Where each pixel's weights begin, from the view's first column on.
    pub(super) spans: &'a [[u32; 2]],
    /// Weights of all pixels, each with 0 up to the same number, a multiple of [`LANES`].
    pub(super) weights: &'a [A],
    /// That number.
    pub(super) stride: usize,
}

impl<A> ColumnWeights<'_, A> {
    /// The span of a pixel.
    pub(super) fn span(&self, x: usize) -> Span {
        let [first, count] = self.spans[x];
        Span { first: first as usize, count: count as usize }
    }

    /// The weights of a pixel.
    pub(super) fn of(&self, x: usize) -> &[A] {
        &self.weights[x * self.stride..][..self.stride]
    }
}

/// Sums along a row into `pixels`. `sums` goes on for `stride` numbers past the last one that counts; where `EXACT` the
/// numbers beside a pixel's own are not touched, not even by a weight of 0: they may be infinite.
pub(super) fn sum_columns<A: Real>(exact: bool, sums: &[A], columns: ColumnWeights<'_, A>, pixels: &mut [A]) {
    if exact {
        dispatch!(level(), simd => sum_row::<_, A, true>(simd, sums, columns, pixels));
    } else {
        dispatch!(level(), simd => sum_row::<_, A, false>(simd, sums, columns, pixels));
    }
}

#[simd]
fn sum_row<S: Simd, A: Real, const EXACT: bool>(
    _: S,
    sums: &[A],
    columns: ColumnWeights<'_, A>,
    pixels: &mut [A],
) {
    // Plain loops: what a closure or an adapter holds is not compiled for the vectors of this function.
    let stride = columns.stride;
    assert_eq!(pixels.len(), columns.spans.len());
    for (x, pixel) in pixels.iter_mut().enumerate() {
        let [first, count] = columns.spans[x];
        let length = if EXACT { count as usize } else { stride };
        let (weights, rest) = columns.weights[x * stride..][..length].as_chunks::<LANES>();
        let (values, others) = sums[first as usize..][..length].as_chunks::<LANES>();
        let mut lanes = [A::ZERO; LANES];
        for chunk in 0..weights.len().min(values.len()) {
            let (weight, value) = (&weights[chunk], &values[chunk]);
            for i in 0..LANES {
                lanes[i] = lanes[i] + weight[i] * value[i];
            }
        }
        for i in 0..rest.len().min(others.len()) {
            lanes[i] = lanes[i] + rest[i] * others[i];
        }
        let mut four = [A::ZERO; 4];
        for i in 0..4 {
            four[i] = lanes[i] + lanes[i + 4];
        }
        *pixel = (four[0] + four[2]) + (four[1] + four[3]);
    }
}
