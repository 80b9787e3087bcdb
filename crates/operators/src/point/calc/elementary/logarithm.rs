//! Logarithms: `x = 2^k (1 + f)` with `1 + f` between the roots of 1/2 and 2, and `ln(1 + f) = 2 artanh(f / (2 + f))`.

use super::{LN2_HIGH, LN2_LOW, polynomial};

/// The bits of 1, and of the root of 1/2.
const ONE: u64 = 0x3ff0_0000_0000_0000;
pub(super) const ROOT: u64 = 0x3fe6_a09e_667f_3bcd;

/// 2^52, and that with the bias of exponents.
const SHIFT: f64 = 4_503_599_627_370_496.0;
const SHIFT_AND_BIAS: f64 = SHIFT + 1023.0;

/// `1 / ln 10` and `1 / ln 2` in two parts, of which the high ones have 21 bits, and the decimal logarithm of 2.
const INVERSE_LN10: [f64; 2] = [0.434_294_462_203_979_5, 1.969_927_233_546_362_7e-8];
const INVERSE_LN2: [f64; 2] = [1.442_694_664_001_464_8, 3.768_874_985_636_099e-7];
const LOG10_OF_2: [f64; 2] = [0.301_029_995_662_247_53, 1.733_665_960_375_285_3e-12];

/// `2 / (2n + 3)`: of `z = s^2 < 0.0295` the first term left out is below 2^-58 of the sum.
const ODD: [f64; 11] = {
    let (mut table, mut n) = ([0.0; 11], 0);
    while n < table.len() {
        table[n] = 2.0 / (2 * n + 3) as f64;
        n += 1;
    }
    table
};

/// `k` and `1 + f` of a positive normal number.
#[inline(always)]
pub(super) fn split(x: f64) -> (f64, f64) {
    let bits = x.to_bits().wrapping_add(ONE - ROOT);
    let k = f64::from_bits(bits >> 52 | SHIFT.to_bits()) - SHIFT_AND_BIAS;
    (k, f64::from_bits((bits & 0x000f_ffff_ffff_ffff).wrapping_add(ROOT)))
}

/// `f^2 / 2`, and what is missing to `ln(1 + f) = f - f^2 / 2 + ...`.
#[inline(always)]
fn parts(f: f64) -> (f64, f64) {
    let s = f / (2.0 + f);
    let z = s * s;
    let half = 0.5 * f * f;
    let rest = z * polynomial(z, &ODD);
    (half, s * (half + rest))
}

/// True where logarithms do not hold: for `NaN`, infinity, subnormal numbers, 0 and what lies below.
#[inline(always)]
pub(crate) fn beyond_logarithm(x: f64) -> bool {
    (x < f64::MIN_POSITIVE) | (x == f64::INFINITY) | x.is_nan()
}

/// `ln x`.
#[inline(always)]
pub(crate) fn logarithm(x: f64) -> f64 {
    let (k, m) = split(x);
    let f = m - 1.0;
    let (half, more) = parts(f);
    k * LN2_HIGH - ((half - (more + k * LN2_LOW)) - f)
}

/// True where [`log1p`] does not hold; it loses the sign of -0.
#[inline(always)]
pub(crate) fn beyond_log1p(x: f64) -> bool {
    (x <= -0.999_999_999) | (x >= 1e300) | (x == 0.0) | x.is_nan()
}

/// `ln(1 + x)`.
#[inline(always)]
pub(crate) fn log1p(x: f64) -> f64 {
    let sum = 1.0 + x;
    let (k, m) = split(sum);
    // What the sum lost, of it.
    let lost = if x > 1.0 { 1.0 - (sum - x) } else { x - (sum - 1.0) } / sum;
    let (f, lost) = if k == 0.0 { (x, 0.0) } else { (m - 1.0, lost) };
    let (half, more) = parts(f);
    k * LN2_HIGH - ((half - (more + (k * LN2_LOW + lost))) - f)
}

/// `ln(1 + f)` in two parts, of which the high one has 21 bits.
#[inline(always)]
fn in_two_parts(f: f64) -> (f64, f64) {
    let (half, more) = parts(f);
    let high = f64::from_bits((f - half).to_bits() & 0xffff_ffff_0000_0000);
    (high, (f - high) - half + more)
}

/// `log2 x`, exact for powers of two.
#[inline(always)]
pub(crate) fn logarithm2(x: f64) -> f64 {
    let (k, m) = split(x);
    let (high, low) = in_two_parts(m - 1.0);
    let first = high * INVERSE_LN2[0];
    let rest = (low + high) * INVERSE_LN2[1] + low * INVERSE_LN2[0];
    let sum = k + first;
    sum + (rest + ((k - sum) + first))
}

/// `log10 x`, exact for powers of ten.
#[inline(always)]
pub(crate) fn logarithm10(x: f64) -> f64 {
    let (k, m) = split(x);
    let (high, low) = in_two_parts(m - 1.0);
    let first = high * INVERSE_LN10[0];
    let whole = k * LOG10_OF_2[0];
    let rest = k * LOG10_OF_2[1] + (low + high) * INVERSE_LN10[1] + low * INVERSE_LN10[0];
    let sum = whole + first;
    sum + (rest + ((whole - sum) + first))
}
