//! The natural logarithm from plain arithmetic: the same bits on every machine.

/// High and low part of ln 2: the high part times any exponent is exact.
const LN2_HIGH: f64 = 0.693_147_180_369_123_8;
const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// `ln x` within 1 unit in the last place; minus infinity for 0, `NaN` for less and for `NaN`.
///
/// `x = 2^k (1 + f)` with `1 + f` between the roots of 1/2 and 2, and `s = f / (2 + f)`, so that
/// `ln(1 + f) = 2 s + 2 s^3 / 3 + 2 s^5 / 5 + ...` (the form and the fitted coefficients of fdlibm's `e_log.c`).
#[inline(always)]
pub(crate) fn logarithm(x: f64) -> f64 {
    const TWO_TO_54: f64 = 18_014_398_509_481_984.0;
    let subnormal = x < f64::MIN_POSITIVE;
    let scaled = if subnormal { x * TWO_TO_54 } else { x };
    // Adding what lies between 1 and the root of 1/2 makes the exponent step where the fraction should begin anew.
    let bits = scaled.to_bits().wrapping_add(0x3ff0_0000_0000_0000 - 0x3fe6_a09e_667f_3bcd);
    let power = (bits >> 52) as i64 - 1023 - if subnormal { 54 } else { 0 };
    let fraction = f64::from_bits((bits & 0x000f_ffff_ffff_ffff).wrapping_add(0x3fe6_a09e_667f_3bcd)) - 1.0;
    let power = power as i32 as f64;
    let s = fraction / (2.0 + fraction);
    let z = s * s;
    let w = z * z;
    let odd = z
        * (0.666_666_666_666_673_5
            + w * (0.285_714_287_436_623_9 + w * (0.181_835_721_616_180_5 + w * 0.147_981_986_051_165_86)));
    let even = w * (0.399_999_999_994_094_2 + w * (0.222_221_984_321_497_84 + w * 0.153_138_376_992_093_73));
    let half = 0.5 * fraction * fraction;
    let value = power * LN2_HIGH - ((half - (s * (half + (odd + even)) + power * LN2_LOW)) - fraction);
    if x == 0.0 {
        f64::NEG_INFINITY
    } else if x < 0.0 {
        f64::NAN
    } else if x < f64::INFINITY {
        value
    } else {
        x
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_system() {
        for i in 1..60_000 {
            for x in [f64::from(i) * 0.000_173, f64::from(i) * 1e37, f64::from(i) * 4e-313] {
                let (found, expected) = (logarithm(x), x.ln());
                assert!((found - expected).abs() <= 3e-16 * expected.abs(), "{x}: {found} {expected}");
            }
        }
        assert_eq!(logarithm(1.0), 0.0);
        assert_eq!(logarithm(0.0), f64::NEG_INFINITY);
        assert_eq!(logarithm(-0.0), f64::NEG_INFINITY);
        assert_eq!(logarithm(f64::INFINITY), f64::INFINITY);
        assert!(logarithm(-1.0).is_nan() && logarithm(f64::NAN).is_nan());
    }
}
