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

/// What is asked of a solution.
#[derive(Clone, Copy, Debug)]
pub(super) struct Demand {
    /// Whether all sums are integers, so that their products are to be exact.
    pub(super) exact: bool,
    /// The window's size.
    pub(super) pixels: f64,
    /// Pixels of less confidence have no flow.
    pub(super) least_eigenvalue: f64,
    /// Whether the confidence itself is wanted; else it may be left out.
    pub(super) confidence: bool,
}

/// Sums below this have products whose differences are exact in `f64`.
const EXACT_BELOW: f64 = (1 << 26) as f64;
/// Pixels that are looked at together for whether their products are exact. In a scene of 12 bits and a window of 5 x 5, sums of one
/// pixel in 2000 are too large, which is one piece in 130, but one row in 3.
const PIECE: usize = 64;
/// Numbers whose greatest is found side by side.
const LANES: usize = 16;

impl<'a> Sums<'a> {
    fn part(&self, range: Range<usize>) -> Sums<'a> {
        let [xx, yy, xy, xt, yt] =
            [self.xx, self.yy, self.xy, self.xt, self.yt].map(|row| &row[range.clone()]);
        Sums { xx, yy, xy, xt, yt }
    }
}

/// Solves a row.
pub(super) fn solve(demand: Demand, sums: Sums<'_>, solved: &mut Solved<'_>) {
    dispatch!(level(), simd => solve_row(simd, demand, sums, solved));
}

#[simd]
fn solve_row<S: Simd>(_: S, demand: Demand, sums: Sums<'_>, solved: &mut Solved<'_>) {
    let length = solved.dx.len();
    for start in (0..length).step_by(PIECE) {
        let piece = start..length.min(start + PIECE);
        let sums = sums.part(piece.clone());
        let mut solved = Solved {
            dx: &mut solved.dx[piece.clone()],
            dy: &mut solved.dy[piece.clone()],
            confidence: &mut solved.confidence[piece],
        };
        if demand.exact && greatest(sums) >= EXACT_BELOW {
            solve_integers(demand, sums, &mut solved);
        } else if demand.confidence || demand.least_eigenvalue > 0.0 {
            solve_reals(demand, sums, &mut solved);
        } else {
            solve_plainly(sums, &mut solved);
        }
    }
}

/// The greatest of the sums. That of `xy` is none: its square is at most the product of `xx` and `yy`.
#[inline(always)]
fn greatest(sums: Sums<'_>) -> f64 {
    let mut lanes = [0.0; LANES];
    for row in [sums.xx, sums.yy, sums.xt, sums.yt] {
        let (whole, rest) = row.as_chunks::<LANES>();
        for values in whole {
            for (lane, value) in lanes.iter_mut().zip(values) {
                *lane = if value.abs() > *lane { value.abs() } else { *lane };
            }
        }
        for (lane, value) in lanes.iter_mut().zip(rest) {
            *lane = if value.abs() > *lane { value.abs() } else { *lane };
        }
    }
    lanes.into_iter().fold(0.0, f64::max)
}

#[inline(always)]
fn solve_reals(demand: Demand, sums: Sums<'_>, solved: &mut Solved<'_>) {
    let length = solved.dx.len();
    let (xx, yy, xy) = (&sums.xx[..length], &sums.yy[..length], &sums.xy[..length]);
    let (xt, yt) = (&sums.xt[..length], &sums.yt[..length]);
    let (dx, dy) = (&mut solved.dx[..length], &mut solved.dy[..length]);
    let confidence = &mut solved.confidence[..length];
    for i in 0..length {
        let determinant = xx[i] * yy[i] - xy[i] * xy[i];
        let east = yy[i] * xt[i] - xy[i] * yt[i];
        let south = xx[i] * yt[i] - xy[i] * xt[i];
        confidence[i] = smaller_eigenvalue(xx[i], yy[i], xy[i], determinant) / demand.pixels;
        let nothing = determinant == 0.0 || confidence[i] < demand.least_eigenvalue;
        (dx[i], dy[i]) = (east / determinant, south / determinant);
        dx[i] = if nothing { 0.0 } else { dx[i] };
        dy[i] = if nothing { 0.0 } else { dy[i] };
    }
}

/// As [`solve_reals`] where nobody asks for the confidence: a root and two quotients less.
#[inline(always)]
fn solve_plainly(sums: Sums<'_>, solved: &mut Solved<'_>) {
    let length = solved.dx.len();
    let (xx, yy, xy) = (&sums.xx[..length], &sums.yy[..length], &sums.xy[..length]);
    let (xt, yt) = (&sums.xt[..length], &sums.yt[..length]);
    let (dx, dy) = (&mut solved.dx[..length], &mut solved.dy[..length]);
    for i in 0..length {
        let determinant = xx[i] * yy[i] - xy[i] * xy[i];
        let east = yy[i] * xt[i] - xy[i] * yt[i];
        let south = xx[i] * yt[i] - xy[i] * xt[i];
        (dx[i], dy[i]) = (east / determinant, south / determinant);
        dx[i] = if determinant == 0.0 { 0.0 } else { dx[i] };
        dy[i] = if determinant == 0.0 { 0.0 } else { dy[i] };
    }
}

fn solve_integers(demand: Demand, sums: Sums<'_>, solved: &mut Solved<'_>) {
    for i in 0..solved.dx.len() {
        let whole = |row: &[f64]| i128::from(row[i] as i64);
        let (xx, yy, xy) = (whole(sums.xx), whole(sums.yy), whole(sums.xy));
        let (xt, yt) = (whole(sums.xt), whole(sums.yt));
        let determinant = (xx * yy - xy * xy) as f64;
        let east = (yy * xt - xy * yt) as f64;
        let south = (xx * yt - xy * xt) as f64;
        let smaller = smaller_eigenvalue(sums.xx[i], sums.yy[i], sums.xy[i], determinant);
        solved.confidence[i] = smaller / demand.pixels;
        let nothing = determinant == 0.0 || solved.confidence[i] < demand.least_eigenvalue;
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
