//! From the sums over a window to its displacement.
//!
//! Sums of integers are exact in `f64`. Where their products are too, all is; where they might not be, they are
//! multiplied as integers of 128 bits, which gives the same numbers, so that it does not matter who decides.

use std::ops::Range;

use fearless_simd::{Simd, dispatch};
use fearless_simd_macros::simd;

use crate::simd::level;

/// The sums of doubled derivatives' products over each window of a row.
#[derive(Clone, Copy)]
pub(super) struct Sums<'a> {
    pub(super) xx: &'a [f64],
    pub(super) yy: &'a [f64],
    pub(super) xy: &'a [f64],
    pub(super) xt: &'a [f64],
    pub(super) yt: &'a [f64],
}

/// What becomes of them; all rows are of the same length.
pub(super) struct Solved<'a> {
    pub(super) dx: &'a mut [f64],
    pub(super) dy: &'a mut [f64],
    pub(super) confidence: &'a mut [f64],
}

impl Solved<'_> {
    /// Puts 0 where there is no whole window to look at.
    pub(super) fn clear_outside(&mut self, inner: &Range<usize>) {
        for values in [&mut *self.dx, &mut *self.dy, &mut *self.confidence] {
            values[..inner.start].fill(0.0);
            values[inner.end..].fill(0.0);
        }
    }
}

/// Sums below this have products whose differences are exact in `f64`.
const EXACT_BELOW: f64 = (1 << 26) as f64;

/// Solves a row. `exact` says that all sums are integers; `pixels` is the window's size.
pub(super) fn solve(
    exact: bool,
    pixels: f64,
    least_eigenvalue: f64,
    sums: Sums<'_>,
    solved: &mut Solved<'_>,
) {
    if exact && dispatch!(level(), simd => greatest(simd, sums)) >= EXACT_BELOW {
        solve_integers(pixels, least_eigenvalue, sums, solved);
    } else {
        dispatch!(level(), simd => solve_reals(simd, pixels, least_eigenvalue, sums, solved));
    }
}

#[simd]
fn greatest<S: Simd>(_: S, sums: Sums<'_>) -> f64 {
    let rows = [sums.xx, sums.yy, sums.xy, sums.xt, sums.yt];
    rows.into_iter().fold(0.0, |greatest, row| {
        // Lanes that do not wait for each other; the greatest is the same in any order.
        let mut lanes = [greatest; 16];
        for chunk in row.chunks(16) {
            for (lane, value) in lanes.iter_mut().zip(chunk) {
                *lane = if value.abs() > *lane { value.abs() } else { *lane };
            }
        }
        lanes.into_iter().fold(0.0, f64::max)
    })
}

#[simd]
fn solve_reals<S: Simd>(_: S, pixels: f64, least: f64, sums: Sums<'_>, solved: &mut Solved<'_>) {
    let length = solved.dx.len();
    let (xx, yy, xy) = (&sums.xx[..length], &sums.yy[..length], &sums.xy[..length]);
    let (xt, yt) = (&sums.xt[..length], &sums.yt[..length]);
    let (dx, dy) = (&mut solved.dx[..length], &mut solved.dy[..length]);
    let confidence = &mut solved.confidence[..length];
    for i in 0..length {
        let determinant = xx[i] * yy[i] - xy[i] * xy[i];
        let east = yy[i] * xt[i] - xy[i] * yt[i];
        let south = xx[i] * yt[i] - xy[i] * xt[i];
        confidence[i] = smaller_eigenvalue(xx[i], yy[i], xy[i], determinant) / pixels;
        let nothing = determinant == 0.0 || confidence[i] < least;
        (dx[i], dy[i]) = (east / determinant, south / determinant);
        dx[i] = if nothing { 0.0 } else { dx[i] };
        dy[i] = if nothing { 0.0 } else { dy[i] };
    }
}

fn solve_integers(pixels: f64, least: f64, sums: Sums<'_>, solved: &mut Solved<'_>) {
    for i in 0..solved.dx.len() {
        let whole = |row: &[f64]| i128::from(row[i] as i64);
        let (xx, yy, xy) = (whole(sums.xx), whole(sums.yy), whole(sums.xy));
        let (xt, yt) = (whole(sums.xt), whole(sums.yt));
        let determinant = (xx * yy - xy * xy) as f64;
        let east = (yy * xt - xy * yt) as f64;
        let south = (xx * yt - xy * xt) as f64;
        solved.confidence[i] = smaller_eigenvalue(sums.xx[i], sums.yy[i], sums.xy[i], determinant) / pixels;
        let nothing = determinant == 0.0 || solved.confidence[i] < least;
        solved.dx[i] = if nothing { 0.0 } else { east / determinant };
        solved.dy[i] = if nothing { 0.0 } else { south / determinant };
    }
}

/// The smaller eigenvalue of the matrix whose doubled derivatives these are sums of, from its determinant, since the
/// difference of trace and root would cancel.
#[inline(always)]
pub(super) fn smaller_eigenvalue(xx: f64, yy: f64, xy: f64, determinant: f64) -> f64 {
    let difference = xx - yy;
    let twice_larger = xx + yy + (difference * difference + 4.0 * (xy * xy)).sqrt();
    let smaller = 0.5 * determinant / twice_larger;
    if determinant <= 0.0 { 0.0 } else { smaller }
}
