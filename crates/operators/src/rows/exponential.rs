//! The exponential function from plain arithmetic: the same bits on every machine.
//!
//! The standard library asks the system's, whose last bit depends on its version and on the CPU.

#![allow(clippy::needless_range_loop, reason = "lanes are looked at by index: see `speckle/pixel`")]

/// High and low part of ln 2: the high part times any exponent that occurs is exact (Cody and Waite 1980).
const LN2_HIGH: f64 = 0.693_147_180_369_123_8;
const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// Added to a number below 2^51 it leaves no place for a fraction: the nearest integer (halves to even) is in the low bits.
const NO_FRACTION: f64 = 1.5 * 4_503_599_627_370_496.0;

/// Numbers that are worked on side by side: four registers of 64 bytes, eight of 32.
const LANES: usize = 32;

/// `1 / n!` from 13 down to 0: Taylor's series, begun with 14. `|x| <= ln(2) / 2`, so the first term left out is below 2^-56.
const SERIES: [f64; 14] = {
    let mut series = [1.0; 14];
    let mut n = 0;
    while n < 14 {
        series[n] = 1.0 / factorial(13 - n as u64);
        n += 1;
    }
    series
};

const fn factorial(n: u64) -> f64 {
    let (mut product, mut i) = (1, 2);
    while i <= n {
        product *= i;
        i += 1;
    }
    product as f64
}

/// `e^x` within 2 units in the last place; 0 below -708, infinite above 709, `NaN` for `NaN`.
#[inline(always)]
pub(crate) fn exponential(x: f64) -> f64 {
    let [value] = side_by_side([x], &SERIES);
    value
}

/// The [`exponential`] of each number of a line, as [`exponentials_of`].
#[inline(always)]
pub(crate) fn exponentials(line: &mut [f64]) {
    let whole = line.len() / LANES * LANES;
    for x in (0..whole).step_by(LANES) {
        if let Some(numbers) = line[x..].first_chunk_mut::<LANES>() {
            *numbers = exponentials_of(*numbers);
        }
    }
    for x in whole..line.len() {
        line[x] = exponential(line[x]);
    }
}

/// The [`exponential`] of some numbers: the more, the less one waits for the other. Always inlined: it becomes part of a row function.
#[inline(always)]
pub(crate) fn exponentials_of<const N: usize>(numbers: [f64; N]) -> [f64; N] {
    // Not to be seen through: a loop over a known series is unrolled, and then the sums are made one after the other, and in each of them
    // every operation waits for the one before.
    side_by_side(numbers, std::hint::black_box(&SERIES))
}

/// Written so that it becomes vectors everywhere: without conversions between `f64` and integers, and branches.
#[inline(always)]
fn side_by_side<const N: usize>(x: [f64; N], series: &[f64]) -> [f64; N] {
    let (mut shifted, mut rest) = ([0.0; N], [0.0; N]);
    for i in 0..N {
        let inside = if x[i] < -709.0 { -709.0 } else { x[i] };
        let inside = if inside > 709.5 { 709.5 } else { inside };
        shifted[i] = inside * std::f64::consts::LOG2_E + NO_FRACTION;
        let power = shifted[i] - NO_FRACTION;
        rest[i] = (inside - power * LN2_HIGH) - power * LN2_LOW;
    }
    let mut sum = [const { 1.0 / factorial(14) }; N];
    for &factor in series {
        for i in 0..N {
            sum[i] = sum[i] * rest[i] + factor;
        }
    }
    let mut values = x;
    for i in 0..N {
        // Half of 2^power, since 2^1024 is none: the doubling is exact.
        let half_scale = f64::from_bits(shifted[i].to_bits().wrapping_add(1022) << 52);
        let value = sum[i] * 2.0 * half_scale;
        let value = if x[i] < -708.0 { 0.0 } else { value };
        values[i] = if x[i] > 709.0 { f64::INFINITY } else { value };
    }
    values
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

    /// Side by side, beyond the last whole lanes, and by themselves.
    #[test]
    fn lines_have_the_same_bits_as_numbers() {
        let special = [0.0, -0.0, -708.5, 709.2, f64::NEG_INFINITY, f64::INFINITY, f64::NAN];
        let numbers: Vec<f64> =
            special.into_iter().chain((-300..300).map(|i| f64::from(i) * 2.417)).collect();
        for length in [1, LANES, 3 * LANES + 5, numbers.len()] {
            let mut line = numbers[..length].to_vec();
            exponentials(&mut line);
            for (found, &x) in line.iter().zip(&numbers) {
                assert_eq!(found.to_bits(), exponential(x).to_bits(), "{x}");
            }
        }
    }
}
