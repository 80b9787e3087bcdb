//! `e^x` and what is made of it: `x = k ln 2 + r`, a Taylor polynomial in `r`, and `k` as the exponent of the result.

use super::{LATCH, LN2_HIGH, LN2_LOW, polynomial};

/// `1 / (n + 2)!`.
const INVERSE_FACTORIALS: [f64; 12] = {
    let (mut table, mut factorial, mut n) = ([0.0; 12], 1.0, 0);
    while n < table.len() {
        factorial *= (n + 2) as f64;
        table[n] = 1.0 / factorial;
        n += 1;
    }
    table
};

/// `2^k`, where the low bits of `latched` are `k`, from -1022 to 1023.
#[inline(always)]
fn scale(latched: f64) -> f64 {
    f64::from_bits(latched.to_bits().wrapping_add(1023) << 52)
}

/// `(e^r - 1 - r) / r^2`: |r| <= ln(2) / 2, so the first term left out is below 2^-57 of `e^r - 1`.
#[inline(always)]
fn behind_linear(r: f64) -> f64 {
    polynomial(r, &INVERSE_FACTORIALS)
}

/// True where [`exponential`] and what needs it do not hold.
#[inline(always)]
pub(crate) fn beyond_exponential(x: f64) -> bool {
    // Below, the result is a subnormal number; also so for `NaN`.
    (x.abs() >= 708.0) | x.is_nan()
}

/// `e^x`.
#[inline(always)]
pub(crate) fn exponential(x: f64) -> f64 {
    exponential_of_sum(x, 0.0)
}

/// `e^(high + low)`, where `low` is a rounding error of `high`.
#[inline(always)]
pub(super) fn exponential_of_sum(high: f64, low: f64) -> f64 {
    let latched = high * std::f64::consts::LOG2_E + LATCH;
    let k = latched - LATCH;
    let near = high - k * LN2_HIGH;
    let less = k * LN2_LOW - low;
    let r = near - less;
    let lost = (near - r) - less;
    // 1 + r, and what that loses: all rounding but the last is far below half a unit.
    let one = 1.0 + r;
    let rest = (r - (one - 1.0)) + (r * r * behind_linear(r) + lost);
    scale(latched) * (one + rest)
}

/// True where [`expm1`] and [`hyperbolic_sine`] do not hold: they lose the sign of -0.
#[inline(always)]
pub(crate) fn beyond_expm1(x: f64) -> bool {
    beyond_exponential(x) | (x == 0.0)
}

/// `e^x - 1`.
#[inline(always)]
pub(crate) fn expm1(x: f64) -> f64 {
    // From here on down it is -1.
    let x = if x < -50.0 { -50.0 } else { x };
    let latched = x * std::f64::consts::LOG2_E + LATCH;
    let k = latched - LATCH;
    let high = x - k * LN2_HIGH;
    let low = k * LN2_LOW;
    let r = high - low;
    let lost = (high - r) - low;
    let power = scale(latched);
    (power - 1.0) + power * (r + (r * r * behind_linear(r) + lost))
}

/// `sinh x`.
#[inline(always)]
pub(crate) fn hyperbolic_sine(x: f64) -> f64 {
    let t = expm1(x.abs());
    (0.5 * (t + t / (t + 1.0))).copysign(x)
}

/// `cosh x`.
#[inline(always)]
pub(crate) fn hyperbolic_cosine(x: f64) -> f64 {
    let e = exponential(x.abs());
    0.5 * e + 0.5 / e
}

/// `tanh x`; `NaN` where it is, -0 for 0.
#[inline(always)]
pub(crate) fn hyperbolic_tangent(x: f64) -> f64 {
    let size = x.abs();
    // From here on it is 1.
    let t = expm1(2.0 * if size > 22.0 { 22.0 } else { size });
    (t / (t + 2.0)).copysign(x)
}
