//! Sine, cosine and tangent: `x = k pi / 2 + r`, with `pi / 2` in three parts (Cody and Waite 1980) and `r` in two, and
//! Taylor polynomials in `r`.

use super::{LATCH, polynomial};

/// `pi / 2` in parts of 33, 33 and 53 bits: the first two times any `k` below 2^20 are exact.
const QUARTER: [f64; 3] = [1.570_796_326_734_125_6, 6.077_100_506_303_966e-11, 2.022_266_248_795_950_6e-21];

/// `(-1)^(n + 1) / (2n + 3)!`, the terms of the sine behind the first: up to `x^17`, the next being below 2^-61.
const SINE: [f64; 8] = series(3);

/// `(-1)^n / (2n + 4)!`, the terms of the cosine behind the second: up to `x^18`.
const COSINE: [f64; 8] = {
    let mut table = series(4);
    let mut n = 0;
    while n < table.len() {
        table[n] = -table[n];
        n += 1;
    }
    table
};

const fn series(first: usize) -> [f64; 8] {
    let mut table = [0.0; 8];
    let (mut factorial, mut of, mut n, mut sign) = (1.0, 0, 0, -1.0);
    while n < table.len() {
        while of < first + 2 * n {
            of += 1;
            factorial *= of as f64;
        }
        table[n] = sign / factorial;
        sign = -sign;
        n += 1;
    }
    table
}

/// What is left of `x`, in two parts, and `k` in the low bits.
#[inline(always)]
fn rest(x: f64) -> (f64, f64, u64) {
    let latched = x * std::f64::consts::FRAC_2_PI + LATCH;
    let k = latched - LATCH;
    let first = x - k * QUARTER[0];
    let less = k * QUARTER[1];
    let second = first - less;
    let lost = k * QUARTER[2] - ((first - second) - less);
    let high = second - lost;
    (high, (second - high) - lost, latched.to_bits())
}

/// True where these functions do not hold: for large numbers, those too near to a multiple of a quarter turn, and 0,
/// whose sign is lost.
#[inline(always)]
pub(crate) fn beyond_circle(x: f64) -> bool {
    (x.abs() >= 1e6) | x.is_nan() | (x.abs() > 0.5) & (rest(x).0.abs() < 1e-8) | (x == 0.0)
}

/// Sine and cosine of a rest.
#[inline(always)]
fn of_rest(high: f64, low: f64) -> (f64, f64) {
    let z = high * high;
    let sum = polynomial(z, &SINE);
    let sine = high + (high * z * sum + low * (1.0 - 0.5 * z));
    let sum = polynomial(z, &COSINE);
    let half = 0.5 * z;
    let one = 1.0 - half;
    (sine, one + (((1.0 - one) - half) + (z * z * sum - high * low)))
}

/// The sine, `quarters` of a turn on.
#[inline(always)]
fn turned(x: f64, quarters: u64) -> f64 {
    let (high, low, k) = rest(x);
    let (sine, cosine) = of_rest(high, low);
    let k = k.wrapping_add(quarters);
    let value = if k & 1 == 0 { sine } else { cosine };
    f64::from_bits(value.to_bits() ^ (k & 2) << 62)
}

/// `sin x`.
#[inline(always)]
pub(crate) fn sine(x: f64) -> f64 {
    turned(x, 0)
}

/// `cos x`.
#[inline(always)]
pub(crate) fn cosine(x: f64) -> f64 {
    turned(x, 1)
}

/// `tan x`.
#[inline(always)]
pub(crate) fn tangent(x: f64) -> f64 {
    let (high, low, k) = rest(x);
    let (sine, cosine) = of_rest(high, low);
    if k & 1 == 0 { sine / cosine } else { -cosine / sine }
}
