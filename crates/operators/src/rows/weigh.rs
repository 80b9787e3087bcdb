//! Weighted sums of rows: the inner loop of every correlation, along x as along y.
//!
//! ```text
//! sums[x] = weight[0] * row(0)[x] + weight[1] * row(1)[x] + ...
//! ```
//! Along y, `row(i)` is a row of the window; along x it is one row from its sample `i` on. Symmetric weights are folded:
//! the middle first, then `weight * (before + after)` from the outside in. The order is the same for every pixel,
//! whatever the length of the rows.

use fearless_simd::{Simd, dispatch};
use fearless_simd_macros::simd;

use super::Real;
use crate::simd::level;

/// One weight and the row it goes with.
#[derive(Clone, Copy, Debug)]
struct Term<A> {
    weight: A,
    row: usize,
}

/// One weight and the two rows, mirror images of each other, that it goes with.
#[derive(Clone, Copy, Debug)]
struct Pair<A> {
    weight: A,
    before: usize,
    after: usize,
}

/// The weights of one sum, without those of 0, so that `NaN` under a weight of 0 stays out.
#[derive(Clone, Debug)]
pub(crate) struct Taps<A> {
    weights: Vec<A>,
    terms: Vec<Term<A>>,
    pairs: Vec<Pair<A>>,
}

impl<A: Real> Taps<A> {
    /// The sum of `weights[i] * row(i)`, folded where the weights are symmetric.
    pub(crate) fn new(weights: Vec<A>) -> Self {
        let last = weights.len().saturating_sub(1);
        let folded = weights.len() > 2 && (0..=last).all(|i| weights[i] == weights[last - i]);
        let half = weights.len() / 2;
        let single = if folded { half..half + weights.len() % 2 } else { 0..weights.len() };
        let paired = if folded { 0..half } else { 0..0 };
        let counts = |i: &usize| weights[*i] != A::ZERO;
        let terms = single.filter(counts).map(|row| Term { weight: weights[row], row }).collect();
        let pair = |before| Pair { weight: weights[before], before, after: last - before };
        let pairs = paired.filter(counts).map(pair).collect();
        Taps { weights, terms, pairs }
    }

    /// 1 where the weight counts, 0 where it is 0.
    pub(crate) fn support(&self) -> Self {
        let one = |&weight: &A| if weight == A::ZERO { A::ZERO } else { A::ONE };
        Taps::new(self.weights.iter().map(one).collect())
    }

    /// Every weight, those of 0 included.
    pub(crate) fn weights(&self) -> &[A] {
        &self.weights
    }

    /// How many weights there are, those of 0 included.
    pub(crate) fn len(&self) -> usize {
        self.weights.len()
    }
}

/// Sets `sums[x]` to the sum of `weights[i] * row(i)[x]`. Each `row(i)` is at least as long as `sums`.
pub(crate) fn weigh<'a, A: Real>(sums: &mut [A], taps: &Taps<A>, row: impl Fn(usize) -> &'a [A]) {
    dispatch!(level(), simd => weigh_row(simd, sums, taps, &row));
}

/// Piece by piece: the sums of a piece stay in registers while all weights pass.
#[simd]
fn weigh_row<'a, S: Simd, A: Real>(_: S, sums: &mut [A], taps: &Taps<A>, row: &impl Fn(usize) -> &'a [A]) {
    // Eight registers of 32 bytes, four of 64: enough of them to hide the time that an addition takes.
    if size_of::<A>() == size_of::<f32>() {
        weigh_pieces::<A, 64>(sums, taps, row);
    } else {
        weigh_pieces::<A, 32>(sums, taps, row);
    }
}

#[inline(always)]
fn weigh_pieces<'a, A: Real, const N: usize>(
    sums: &mut [A],
    taps: &Taps<A>,
    row: &impl Fn(usize) -> &'a [A],
) {
    let length = sums.len();
    if length < N {
        for (x, sum) in sums.iter_mut().enumerate() {
            *sum = weigh_piece::<A, 1>(taps, x, row)[0];
        }
        return;
    }
    let mut x = 0;
    while x < length {
        // The last piece overlaps the one before it, and computes the same sums again.
        x = x.min(length - N);
        sums[x..x + N].copy_from_slice(&weigh_piece::<A, N>(taps, x, row));
        x += N;
    }
}

#[inline(always)]
fn weigh_piece<'a, A: Real, const N: usize>(
    taps: &Taps<A>,
    x: usize,
    row: &impl Fn(usize) -> &'a [A],
) -> [A; N] {
    let mut sums = [A::ZERO; N];
    for term in &taps.terms {
        let samples = &row(term.row)[x..x + N];
        for i in 0..N {
            sums[i] = sums[i] + term.weight * samples[i];
        }
    }
    for pair in &taps.pairs {
        let (before, after) = (&row(pair.before)[x..x + N], &row(pair.after)[x..x + N]);
        for i in 0..N {
            sums[i] = sums[i] + pair.weight * (before[i] + after[i]);
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sum as its definition says it, for any number of weights, odd or even, symmetric or not.
    #[test]
    fn agrees_with_the_plain_sum() {
        let cell = |i: usize, x: usize| ((i * 7 + x * 3) % 11) as f64 - 5.0;
        for count in 1..30_usize {
            for symmetric in [false, true] {
                let weight =
                    |i: usize| if symmetric { i.min(count - 1 - i) as f64 - 1.0 } else { i as f64 - 3.0 };
                let taps = Taps::new((0..count).map(weight).collect());
                let rows =
                    (0..count).map(|i| (0..37).map(|x| cell(i, x)).collect()).collect::<Vec<Vec<f64>>>();
                let mut sums = vec![f64::NAN; 37];
                weigh(&mut sums, &taps, |i| &rows[i]);
                for (x, &sum) in sums.iter().enumerate() {
                    assert_eq!(
                        sum,
                        (0..count).map(|i| weight(i) * cell(i, x)).sum::<f64>(),
                        "{count} {symmetric}"
                    );
                }
            }
        }
    }

    #[test]
    fn weights_of_zero_let_nothing_through() {
        let mut sums = [9.0_f32; 2];
        let rows = [[f32::NAN; 2], [3.0, 4.0], [f32::INFINITY; 2]];
        weigh(&mut sums, &Taps::new(vec![0.0, 2.0, 0.0]), |i| &rows[i]);
        assert_eq!(sums, [6.0, 8.0]);
        weigh(&mut sums, &Taps::new(vec![0.0, 0.0]), |i| &rows[i]);
        assert_eq!(sums, [0.0, 0.0]);
    }
}
