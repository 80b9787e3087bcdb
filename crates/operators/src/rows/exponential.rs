//! The exponential function from plain arithmetic: the same bits on every machine.
//!
//! The standard library asks the system's, whose last bit depends on its version and on the CPU.

/// High and low part of ln 2: the high part times any exponent that occurs is exact (Cody and Waite 1980).
const LN2_HIGH: f64 = 0.693_147_180_369_123_8;
const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// `1 / n!`.
const INVERSE_FACTORIALS: [f64; 15] = {
    let (mut table, mut factorial, mut n) = ([1.0; 15], 1.0, 1);
    while n < table.len() {
        factorial *= n as f64;
        table[n] = 1.0 / factorial;
        n += 1;
    }
    table
};

/// `e^x` within 2 units in the last place; 0 below -708, infinite above 709, `NaN` for `NaN`.
#[inline(always)]
pub(crate) fn exponential(x: f64) -> f64 {
    let inside = x.clamp(-709.0, 709.5);
    let power = (inside * std::f64::consts::LOG2_E).round_ties_even();
    let rest = (inside - power * LN2_HIGH) - power * LN2_LOW;
    // Taylor: |rest| <= ln(2) / 2, so the first term left out is below 2^-56.
    let sum = INVERSE_FACTORIALS.iter().rev().fold(0.0, |sum, term| sum * rest + term);
    let scale = f64::from_bits(((power as i64 + 1023).clamp(1, 2046) as u64) << 52);
    let value = if power > 1023.0 { sum * 2.0 * f64::from_bits(2046 << 52) } else { sum * scale };
    match x {
        x if x < -708.0 => 0.0,
        x if x > 709.0 => f64::INFINITY,
        _ => value,
    }
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
