//! Rows of numbers under absolute coordinates, `NaN` where there is no data, and what a pyramid does with them.

use fearless_simd::{Simd, dispatch};
use fearless_simd_macros::simd;
use swathe_core::{Boundary, Frame};

use super::reach::Span;
use crate::simd::level;

/// A rectangle of a level.
#[derive(Debug)]
pub(super) struct Plane<'a> {
    pub(super) x: Span,
    pub(super) y: Span,
    values: &'a mut [f32],
}

impl<'a> Plane<'a> {
    pub(super) fn take(scratch: &mut Frame<'a>, x: Span, y: Span) -> Self {
        Plane { x, y, values: scratch.take(x.length() * y.length()) }
    }

    /// Memory for rectangles of up to `values` numbers.
    pub(super) fn with_room(scratch: &mut Frame<'a>, values: usize) -> Self {
        Plane { x: Span::default(), y: Span::default(), values: scratch.take(values) }
    }

    /// Makes it another rectangle; what it held is lost.
    pub(super) fn reshape(&mut self, x: Span, y: Span) {
        assert!(x.length() * y.length() <= self.values.len(), "a plane is larger than declared");
        (self.x, self.y) = (x, y);
    }

    /// Row `y` of the level.
    pub(super) fn row(&self, y: i64) -> &[f32] {
        let start = (y - self.y.start) as usize * self.x.length();
        &self.values[start..start + self.x.length()]
    }

    pub(super) fn row_mut(&mut self, y: i64) -> &mut [f32] {
        let start = (y - self.y.start) as usize * self.x.length();
        &mut self.values[start..start + self.x.length()]
    }

    /// The part of row `y` over `x`.
    pub(super) fn part(&self, x: Span, y: i64) -> &[f32] {
        &self.row(y)[(x.start - self.x.start) as usize..][..x.length()]
    }

    pub(super) fn clear(&mut self) {
        let length = self.x.length() * self.y.length();
        self.values[..length].fill(0.0);
    }
}

/// Weights of the five pixels that one of the next level is made of, in sixteenths.
const WEIGHTS: [f32; 5] = [1.0, 4.0, 6.0, 4.0, 1.0];

/// Makes a plane of the next level: every second pixel of each axis, weighted 1 4 6 4 1, mirrored at the raster's edges.
///
/// Pixels without data are left out; where less than half of the weights is left there is none.
/// `work` has room for two rows of the finer plane.
pub(super) fn halve(fine: &Plane<'_>, size: [i64; 2], coarse: &mut Plane<'_>, work: &mut [f32]) {
    let width = fine.x.length();
    let (sums, rest) = work.split_at_mut(width);
    let weights = &mut rest[..width];
    let at =
        |index: i64, length: i64| Boundary::Mirror.resolve(index, length as usize).unwrap_or_default() as i64;
    for y in coarse.y.start..coarse.y.end {
        sums.fill(0.0);
        weights.fill(0.0);
        for (tap, weight) in (-2..=2).zip(WEIGHTS) {
            let row = fine.row(at(2 * y + tap, size[1]));
            dispatch!(level(), simd => add_weighted(simd, row, weight, sums, weights));
        }
        let row_start = coarse.x.start;
        for (x, value) in (row_start..).zip(coarse.row_mut(y)) {
            let (mut sum, mut left) = (0.0, 0.0);
            for (tap, weight) in (-2..=2).zip(WEIGHTS) {
                let column = (at(2 * x + tap, size[0]) - fine.x.start) as usize;
                sum += sums[column] * weight;
                left += weights[column] * weight;
            }
            // All of the weights are 256, a power of two: nothing is rounded that would not be without missing pixels.
            *value = if left >= 128.0 { sum / left } else { f32::NAN };
        }
    }
}

#[simd]
fn add_weighted<S: Simd>(_: S, row: &[f32], weight: f32, sums: &mut [f32], weights: &mut [f32]) {
    for ((&value, sum), left) in row.iter().zip(sums).zip(weights) {
        let missing = value.is_nan();
        *sum += if missing { 0.0 } else { value * weight };
        *left += if missing { 0.0 } else { weight };
    }
}

/// Makes a displacement of a finer level from one of the next: twice as long, between its pixels linear, no longer than
/// `greatest`. `size` is the coarse level's.
pub(super) fn double(coarse: &Plane<'_>, size: [i64; 2], greatest: f32, fine: &mut Plane<'_>) {
    let (x_span, y_span) = (fine.x, fine.y);
    for y in y_span.start..y_span.end {
        let above = coarse.row(y.div_euclid(2));
        let below = coarse.row((y.div_euclid(2) + y.rem_euclid(2)).min(size[1] - 1));
        for (x, value) in (x_span.start..).zip(fine.row_mut(y)) {
            let west = (x.div_euclid(2) - coarse.x.start) as usize;
            let east = ((x.div_euclid(2) + x.rem_euclid(2)).min(size[0] - 1) - coarse.x.start) as usize;
            // A mean of two equal numbers is that number: even pixels are taken as they are.
            let mean = 0.25 * ((above[west] + above[east]) + (below[west] + below[east]));
            *value = (2.0 * mean).clamp(-greatest, greatest);
        }
    }
}

#[cfg(test)]
mod tests {
    use swathe_core::Scratch;

    use super::*;

    #[test]
    fn a_slope_is_halved_and_doubled() {
        let mut scratch = Scratch::with_capacity(1 << 16);
        let mut frame = scratch.frame();
        let whole = Span::new(0, 9);
        let mut fine = Plane::take(&mut frame, whole, whole);
        for y in 0..9 {
            fine.row_mut(y)
                .iter_mut()
                .zip(0_u8..)
                .for_each(|(value, x)| *value = f32::from(x) + 10.0 * y as f32);
        }
        let half = Span::new(0, 5);
        let mut coarse = Plane::take(&mut frame, half, half);
        let work = frame.take::<f32>(18);
        halve(&fine, [9, 9], &mut coarse, work);
        assert_eq!(coarse.row(1)[1..4], [22.0, 24.0, 26.0]);
        // Mirrored: 2 1 0 1 2 weighted 1 4 6 4 1.
        assert_eq!(coarse.row(2)[0], 40.75);
        fine.row_mut(4)[4] = f32::NAN;
        halve(&fine, [9, 9], &mut coarse, work);
        assert_eq!(coarse.row(2)[2], 44.0);
        fine.row_mut(4)[4] = 44.0;
        halve(&fine, [9, 9], &mut coarse, work);
        let mut again = Plane::take(&mut frame, Span::new(2, 6), Span::new(3, 4));
        double(&coarse, [5, 5], 60.0, &mut again);
        assert_eq!(again.row(3), [60.0; 4]);
        double(&coarse, [5, 5], 1e9, &mut again);
        assert_eq!(again.row(3), [64.0, 66.0, 68.0, 70.0]);
    }
}
