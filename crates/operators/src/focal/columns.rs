//! Sums of few numbers beside each other, one after the other and in vectors: for narrow windows faster than any sum that runs along.

use fearless_simd::Simd;
use fearless_simd_macros::simd;

/// Sums that are made side by side.
const LANES: usize = 16;

/// What is added up: reals, and integers that wrap.
pub(crate) trait Added: Copy + Default {
    /// The sum; of integers, its low bits.
    fn plus(self, other: Self) -> Self;
}

impl Added for f64 {
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        self + other
    }
}

impl Added for i32 {
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }
}

impl Added for i64 {
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }
}

/// `sums[x] = line[x] + ... + line[x + count - 1]`, in that order.
#[simd]
pub(crate) fn add_columns<S: Simd, N: Added>(_: S, line: &[N], count: usize, sums: &mut [N]) {
    assert!(count > 0 && line.len() + 1 >= sums.len() + count);
    let whole = sums.len() / LANES * LANES;
    for x in (0..whole).step_by(LANES) {
        let mut totals = [N::default(); LANES];
        totals.copy_from_slice(&line[x..x + LANES]);
        for i in 1..count {
            let next = &line[x + i..][..LANES];
            for lane in 0..LANES {
                totals[lane] = totals[lane].plus(next[lane]);
            }
        }
        sums[x..x + LANES].copy_from_slice(&totals);
    }
    for x in whole..sums.len() {
        let mut total = line[x];
        for &next in &line[x + 1..x + count] {
            total = total.plus(next);
        }
        sums[x] = total;
    }
}
