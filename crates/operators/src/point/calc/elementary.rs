//! Elementary functions from plain arithmetic in `f64`, without branches, so that loops over them become vectors: the
//! same bits on every machine and at every CPU level.
//!
//! Each comes with the arguments that it is not for, which `libm` computes one by one. Errors are below 2 units in the
//! last place (of `f32`, for which they are rounded once more, below 0.51). `libm` itself takes three to ten times as long.

mod circular;
mod exponential;
mod logarithm;
mod power;

pub(super) use circular::{beyond_circle, cosine, sine, tangent};
pub(super) use exponential::{
    beyond_expm1, beyond_exponential, expm1, exponential, hyperbolic_cosine, hyperbolic_sine,
    hyperbolic_tangent,
};
pub(super) use logarithm::{beyond_log1p, beyond_logarithm, log1p, logarithm, logarithm2, logarithm10};
pub(super) use power::{power, power_single};

/// High and low part of ln 2: the high part times any exponent of two is exact (Cody and Waite 1980).
const LN2_HIGH: f64 = 0.693_147_180_369_123_8;
const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// Added to a number below 2^51 and taken off again, it leaves the nearest integer, and that in its low bits.
pub(super) const LATCH: f64 = 6_755_399_441_055_744.0;

/// `terms[0] + terms[1] x + terms[2] x^2 + ...`. A plain loop of known length: an iterator's `fold` may stay a call, and
/// the loops around it no vectors.
#[inline(always)]
fn polynomial<const COUNT: usize>(x: f64, terms: &[f64; COUNT]) -> f64 {
    let mut n = COUNT - 1;
    let mut sum = terms[n];
    while n > 0 {
        n -= 1;
        sum = sum * x + terms[n];
    }
    sum
}

/// Checks of the accuracy of every function here against `libm`, whose own error is below one unit.
#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::Random;

    /// Numbers of both signs between powers of two.
    fn numbers(least: i32, greatest: i32, signed: bool) -> impl Iterator<Item = f64> {
        let mut random = Random(11);
        let span = u64::try_from(greatest - least).unwrap();
        std::iter::repeat_with(move || {
            let exponent = (i64::from(least + 1023) as u64 + random.next() % span) << 52;
            let sign = if signed { random.next() << 63 } else { 0 };
            f64::from_bits(random.next() >> 12 | exponent | sign)
        })
        .take(40_000)
    }

    fn worst(
        numbers: impl Iterator<Item = f64>,
        compute: impl Fn(f64) -> f64,
        beyond: impl Fn(f64) -> bool,
        exact: impl Fn(f64) -> f64,
    ) -> i64 {
        let (mut worst, mut count) = (0, 0);
        for x in numbers.filter(|&x| !beyond(x)) {
            count += 1;
            let (got, wanted) = (compute(x), exact(x));
            let steps = (got.to_bits().cast_signed() - wanted.to_bits().cast_signed()).abs();
            assert!(steps <= 3, "of {x:e}: {got:e}, not {wanted:e}");
            worst = steps.max(worst);
        }
        assert!(count > 100);
        worst
    }

    #[test]
    fn exponentials_are_right() {
        assert!(worst(numbers(-40, 10, true), exponential, beyond_exponential, libm::exp) <= 1);
        assert!(worst(numbers(-60, 10, true), expm1, beyond_expm1, libm::expm1) <= 2);
        worst(numbers(-60, 10, true), hyperbolic_sine, beyond_expm1, libm::sinh);
        worst(numbers(-60, 10, true), hyperbolic_cosine, beyond_exponential, libm::cosh);
        worst(numbers(-60, 10, true), hyperbolic_tangent, |x| x == 0.0, libm::tanh);
        assert_eq!([exponential(0.0), exponential(1.0)], [1.0, std::f64::consts::E]);
        assert_eq!([hyperbolic_tangent(40.0), hyperbolic_tangent(-1e9)], [1.0, -1.0]);
    }

    #[test]
    fn logarithms_are_right() {
        assert!(worst(numbers(-1022, 1023, false), logarithm, beyond_logarithm, libm::log) <= 2);
        assert!(worst(numbers(-2, 2, false), logarithm, beyond_logarithm, libm::log) <= 2);
        assert!(worst(numbers(-30, 30, false), logarithm2, beyond_logarithm, libm::log2) <= 2);
        assert!(worst(numbers(-30, 30, false), logarithm10, beyond_logarithm, libm::log10) <= 2);
        assert!(worst(numbers(-60, 60, true), log1p, beyond_log1p, libm::log1p) <= 2);
        for exponent in 0..22 {
            assert_eq!(logarithm10(10_f64.powi(exponent)), f64::from(exponent));
            assert_eq!(logarithm2(2_f64.powi(exponent - 10)), f64::from(exponent - 10));
        }
    }

    #[test]
    fn circular_functions_are_right() {
        assert!(worst(numbers(-30, 19, true), sine, beyond_circle, libm::sin) <= 1);
        assert!(worst(numbers(-30, 19, true), cosine, beyond_circle, libm::cos) <= 1);
        worst(numbers(-30, 19, true), tangent, beyond_circle, libm::tan);
        // Near multiples of a quarter turn, where almost all of the argument goes.
        let quarters = || (1..600_000).step_by(7).map(|k| f64::from(k) * std::f64::consts::FRAC_PI_2 + 1e-6);
        assert!(worst(quarters(), sine, beyond_circle, libm::sin) <= 1);
        assert!(worst(quarters(), cosine, beyond_circle, libm::cos) <= 1);
        assert_eq!([sine(1.0), cosine(1.0)], [libm::sin(1.0), libm::cos(1.0)]);
    }

    #[test]
    fn powers_are_right() {
        let mut random = Random(5);
        for exponent in [0.45, 2.5, -1.7, 17.3, 300.0, -0.001, 1e-9] {
            let compute = |x| power(x, exponent).0;
            let beyond = |x| power(x, exponent).1;
            let exact = |x| libm::pow(x, exponent);
            assert!(worst(numbers(-120, 120, false), compute, beyond, exact) <= 1, "{exponent}");
        }
        // Near one, to powers that bring the result to the edge of what there is.
        for _ in 0..40_000 {
            let x = 0.7 + (random.next() >> 11) as f64 * 0.000_000_000_000_000_1;
            let y = 700.0 * (random.next() >> 11) as f64 / 9_007_199_254_740_992.0 / libm::log(x);
            let (got, beyond) = power(x, y);
            let wanted = libm::pow(x, y);
            let steps = (got.to_bits() as i64 - wanted.to_bits() as i64).abs();
            assert!(beyond || steps <= 1, "{x:e} ** {y:e}");
        }
        for base in 1..60_i32 {
            for exponent in 0..9_i32 {
                let exact = f64::from(base).powi(exponent);
                let (base, exponent) = (f64::from(base), f64::from(exponent));
                assert_eq!(power(base, exponent), (exact, false), "{base} ** {exponent}");
                if f64::from(exact as f32) == exact {
                    assert_eq!(power_single(base, exponent).0 as f32, exact as f32);
                }
            }
        }
    }
}
