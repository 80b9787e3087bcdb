//! The exponential function from plain arithmetic: the same bits on every machine.
//!
//! The standard library asks the system's, whose last bit depends on its version and on the CPU.

/// High and low part of ln 2: the high part times any exponent that occurs is exact (Cody and Waite 1980).
const LN2_HIGH: f64 = 0.693_147_180_369_123_8;
const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// Added to a number below 2^51 it leaves no place for a fraction: the nearest integer (halves to even) is in the low bits.
const NO_FRACTION: f64 = 1.5 * 4_503_599_627_370_496.0;

/// `e^x` within 2 units in the last place; 0 below -708, infinite above 709, `NaN` for `NaN`.
///
/// Written so that it becomes vectors everywhere: without conversions between `f64` and integers, and branches.
#[inline(always)]
pub(crate) fn exponential(x: f64) -> f64 {
    let inside = if x < -709.0 { -709.0 } else { x };
    let inside = if inside > 709.5 { 709.5 } else { inside };
    let shifted = inside * std::f64::consts::LOG2_E + NO_FRACTION;
    let power = shifted - NO_FRACTION;
    let rest = (inside - power * LN2_HIGH) - power * LN2_LOW;
    let sum = taylor(rest);
    // Half of 2^power, since 2^1024 is none: the doubling is exact.
    let half_scale = f64::from_bits(shifted.to_bits().wrapping_add(1022) << 52);
    let value = sum * 2.0 * half_scale;
    let value = if x < -708.0 { 0.0 } else { value };
    if x > 709.0 { f64::INFINITY } else { value }
}

/// `sum of x^n / n!`: |x| <= ln(2) / 2, so the first term left out is below 2^-56.
///
/// One after the other and not a loop over a table: loops are not always unrolled, and then nothing becomes vectors.
#[inline(always)]
fn taylor(x: f64) -> f64 {
    const fn over(n: u64) -> f64 {
        let (mut factorial, mut i) = (1, 2);
        while i <= n {
            factorial *= i;
            i += 1;
        }
        1.0 / factorial as f64
    }
    let sum = const { over(14) };
    let sum = sum * x + const { over(13) };
    let sum = sum * x + const { over(12) };
    let sum = sum * x + const { over(11) };
    let sum = sum * x + const { over(10) };
    let sum = sum * x + const { over(9) };
    let sum = sum * x + const { over(8) };
    let sum = sum * x + const { over(7) };
    let sum = sum * x + const { over(6) };
    let sum = sum * x + const { over(5) };
    let sum = sum * x + const { over(4) };
    let sum = sum * x + const { over(3) };
    let sum = sum * x + const { over(2) };
    let sum = sum * x + 1.0;
    sum * x + 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_system() {
        for i in -7_000..7_000 {
            let x = f64::from(i) * 0.101_3;
            if x.abs() < 708.0 {
                assert!(
                    (exponential(x) / x.exp() - 1.0).abs() < 5e-16,
                    "{x}: {} {}",
                    exponential(x),
                    x.exp()
                );
            }
        }
        assert_eq!(exponential(0.0), 1.0);
        assert_eq!(exponential(-1e9), 0.0);
        assert_eq!(exponential(f64::NEG_INFINITY), 0.0);
        assert_eq!(exponential(1e9), f64::INFINITY);
        assert!(exponential(f64::NAN).is_nan());
    }
}
