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
    for (sum, &sample) in sums.iter_mut().zip(row) {
        *sum = *sum + weight * value::<T, A, SQUARED>(sample);
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
    let rows = rows.map(|row| &row[..length]);
    for x in 0..length {
        let mut sum = sums[x];
        for i in 0..4 {
            sum = sum + weights[i] * value::<T, A, SQUARED>(rows[i][x]);
        }
        sums[x] = sum;
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
    let stride = columns.stride;
    for ((pixel, &[first, count]), weights) in
        pixels.iter_mut().zip(columns.spans).zip(columns.weights.chunks_exact(stride))
    {
        let length = if EXACT { count as usize } else { stride };
        let (weights, rest) = weights[..length].as_chunks::<LANES>();
        let (values, others) = sums[first as usize..][..length].as_chunks::<LANES>();
        let mut lanes = [A::ZERO; LANES];
        for (weight, value) in weights.iter().zip(values) {
            for i in 0..LANES {
                lanes[i] = lanes[i] + weight[i] * value[i];
            }
        }
        for (lane, (&weight, &value)) in lanes.iter_mut().zip(rest.iter().zip(others)) {
            *lane = *lane + weight * value;
        }
        let four = [0, 1, 2, 3].map(|i| lanes[i] + lanes[i + 4]);
        *pixel = (four[0] + four[2]) + (four[1] + four[3]);
    }
}
