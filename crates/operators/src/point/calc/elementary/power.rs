//! `x^y = e^(y ln x)`, with the logarithm and the product in two `f64` each: an error of the exponent is multiplied by up
//! to 709 in the result.

use super::exponential::{beyond_exponential, exponential_of_sum};
use super::logarithm::{beyond_logarithm, logarithm, split};
use super::{LN2_HIGH, LN2_LOW, polynomial};

/// A third, and what its `f64` lacks.
const THIRD: [f64; 2] = [0.333_333_333_333_333_3, 1.850_371_707_708_594e-17];

/// `1 / (2n + 5)`, the terms of `artanh(s) / s` behind `s^2 / 3`.
const ODD: [f64; 10] = {
    let (mut table, mut n) = ([0.0; 10], 0);
    while n < table.len() {
        table[n] = 1.0 / (2 * n + 5) as f64;
        n += 1;
    }
    table
};

/// The upper 26 bits.
#[inline(always)]
fn upper_half(x: f64) -> f64 {
    f64::from_bits(x.to_bits() & 0xffff_ffff_f800_0000)
}

/// The product and its rounding error (Dekker 1971): halves of 26 bits have exact products.
#[inline(always)]
fn product(a: f64, b: f64) -> (f64, f64) {
    let (a_high, b_high) = (upper_half(a), upper_half(b));
    let (a_low, b_low) = (a - a_high, b - b_high);
    let product = a * b;
    (product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low)
}

/// The sum and its rounding error, where |a| >= |b| or `a` is 0.
#[inline(always)]
fn sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    (sum, b - (sum - a))
}

/// `ln x` in two parts, for positive normal numbers.
#[inline(always)]
fn logarithm_in_two_parts(x: f64) -> (f64, f64) {
    let (k, m) = split(x);
    // s = f / (2 + f), in two parts; f is exact, 2 + f is not.
    let f = m - 1.0;
    let (divisor, divisor_low) = sum(2.0, f);
    let s = f / divisor;
    let (back, back_low) = product(s, divisor);
    let s_low = (((f - back) - back_low) - s * divisor_low) / divisor;
    // p = s^2 (1/3 + s^2/5 + ...), in two parts.
    let (z, z_low) = product(s, s);
    let z_low = z_low + 2.0 * s * s_low;
    let (t, t_low) = sum(THIRD[0], z * polynomial(z, &ODD));
    let t_low = t_low + THIRD[1];
    let (p, p_low) = product(z, t);
    let p_low = p_low + (z * t_low + z_low * t);
    // ln(1 + f) = 2 (s + s p).
    let (q, q_low) = product(s, p);
    let (high, low) = sum(s, q);
    let low = low + (q_low + s * p_low + s_low * p + s_low);
    let (whole, rest) = sum(k * LN2_HIGH, 2.0 * high);
    sum(whole, rest + (2.0 * low + k * LN2_LOW))
}

/// `y ln x` in two parts.
#[inline(always)]
fn exponent(x: f64, y: f64) -> (f64, f64) {
    let (high, low) = logarithm_in_two_parts(x);
    let (value, error) = product(y, high);
    (value, error + y * low)
}

/// `x^y`, and true where that does not hold: for `x` without a logarithm, and results that are no normal numbers.
#[inline(always)]
pub(crate) fn power(x: f64, y: f64) -> (f64, bool) {
    let (high, low) = exponent(x, y);
    (exponential_of_sum(high, low), beyond_logarithm(x) | beyond_exponential(high))
}

/// As [`power`], to the last bit of an `f32`.
#[inline(always)]
pub(crate) fn power_single(x: f64, y: f64) -> (f64, bool) {
    let exponent = y * logarithm(x);
    (exponential_of_sum(exponent, 0.0), beyond_logarithm(x) | beyond_exponential(exponent))
}
