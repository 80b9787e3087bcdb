//! Sums of floating-point numbers without any rounding until they are read, so that order and grouping never show.
//!
//! A superaccumulator (Radford M. Neal, *Fast exact summation using small and large superaccumulators*, arXiv:1505.05571,
//! the small one): the sum is kept as an integer in chunks whose weights are 2^32 apart and whose 64 bits overlap, so
//! that a number is added to five of them without carries, and carries are passed on every 2^30 additions.

/// Weight of chunk 0: the square of the least subnormal is 2^-2148.
const LEAST_EXPONENT: i32 = -2148;
/// Up to the square of the greatest `f64`, 2^2048, and 2^64 of them.
const CHUNKS: usize = (2048 + 64 - LEAST_EXPONENT) as usize / 32 + 2;
/// Every addition changes a chunk by less than 2^32, so that 2^30 of them and what carries leave behind fit 63 bits.
const ADDITIONS: u32 = 1 << 30;

/// An exact sum of `f64` values, or of their squares.
#[derive(Clone, Debug)]
pub(crate) struct ExactSum {
    chunks: [i64; CHUNKS],
    additions_left: u32,
    /// Infinities and `NaN` have no place in the chunks; they are summed as they are.
    special: f64,
}

impl Default for ExactSum {
    fn default() -> Self {
        ExactSum { chunks: [0; CHUNKS], additions_left: ADDITIONS, special: 0.0 }
    }
}

/// A finite value as `mantissa * 2^exponent`.
fn parts(value: f64) -> (u64, i32) {
    let bits = value.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    match (bits >> 52) & 0x7ff {
        0 => (fraction, -1074),
        biased => (fraction | 1 << 52, biased as i32 - 1075),
    }
}

impl ExactSum {
    /// Adds a value.
    #[inline]
    pub(crate) fn add(&mut self, value: f64) {
        if !value.is_finite() {
            self.special += value;
            return;
        }
        let (mantissa, exponent) = parts(value);
        self.add_integer(u128::from(mantissa), exponent, value.is_sign_negative());
    }

    /// Adds the square of a value.
    #[inline]
    pub(crate) fn add_square(&mut self, value: f64) {
        self.add_product(value, value);
    }

    /// Adds the product of two finite values.
    pub(crate) fn add_product(&mut self, one: f64, other: f64) {
        if !(one.is_finite() && other.is_finite()) {
            self.special += one * other;
            return;
        }
        let ((one_mantissa, one_exponent), (other_mantissa, other_exponent)) = (parts(one), parts(other));
        let negative = one.is_sign_negative() != other.is_sign_negative();
        let mantissa = u128::from(one_mantissa) * u128::from(other_mantissa);
        self.add_integer(mantissa, one_exponent + other_exponent, negative);
    }

    /// The sum as three values that add up to it exactly, or very nearly: the nearest `f64`, and the nearest to each rest.
    pub(crate) fn components(&self) -> [f64; 3] {
        let mut rest = self.clone();
        [(); 3].map(|()| {
            let nearest = rest.round();
            rest.add(-nearest);
            nearest
        })
    }

    /// Adds `mantissa * 2^exponent`, where `mantissa` is below 2^106.
    #[inline]
    fn add_integer(&mut self, mantissa: u128, exponent: i32, negative: bool) {
        if self.additions_left == 0 {
            self.carry();
        }
        self.additions_left -= 1;
        let position = (exponent - LEAST_EXPONENT) as usize;
        let (first, shift) = (position / 32, position % 32);
        // The lowest 32 bits are shifted into place first, so that 106 bits and a shift of 31 do not overflow 128.
        let low = ((mantissa & 0xffff_ffff) as u64) << shift;
        let high = ((mantissa >> 32) << shift) + u128::from(low >> 32);
        // 106 bits and a shift of 31 reach into a fifth chunk.
        let limbs = [low as u32, high as u32, (high >> 32) as u32, (high >> 64) as u32, (high >> 96) as u32];
        for (chunk, limb) in self.chunks[first..first + 5].iter_mut().zip(limbs) {
            let limb = i64::from(limb);
            *chunk += if negative { -limb } else { limb };
        }
    }

    /// Adds everything that another sum holds.
    pub(crate) fn merge(&mut self, other: &ExactSum) {
        self.carry();
        let mut other = other.clone();
        other.carry();
        for (chunk, more) in self.chunks.iter_mut().zip(other.chunks) {
            *chunk += more;
        }
        self.special += other.special;
        self.carry();
    }

    /// Brings every chunk but the last into 0..2^32.
    fn carry(&mut self) {
        let mut carried = 0;
        for chunk in &mut self.chunks[..CHUNKS - 1] {
            let sum = *chunk + carried;
            *chunk = sum & 0xffff_ffff;
            carried = sum >> 32;
        }
        self.chunks[CHUNKS - 1] += carried;
        self.additions_left = ADDITIONS;
    }

    /// The `f64` nearest to the sum, ties to even.
    pub(crate) fn round(&self) -> f64 {
        if self.special != 0.0 || self.special.is_nan() {
            return self.special;
        }
        let mut magnitude = self.clone();
        magnitude.carry();
        let negative = magnitude.chunks[CHUNKS - 1] < 0;
        if negative {
            for chunk in &mut magnitude.chunks {
                *chunk = -*chunk;
            }
            magnitude.carry();
        }
        let Some(top) = magnitude.chunks.iter().rposition(|&chunk| chunk != 0) else { return 0.0 };
        let at = |index: usize| magnitude.chunks.get(index).copied().unwrap_or(0) as u128;
        // Three chunks hold at least 65 significant bits; whatever lies below only tells ties apart.
        let base = top.saturating_sub(2);
        let mut integer = (at(base + 2) << 64) | (at(base + 1) << 32) | at(base);
        if magnitude.chunks[..base].iter().any(|&chunk| chunk != 0) {
            integer |= 1;
        }
        let value = scale(integer, LEAST_EXPONENT + 32 * base as i32);
        if negative { -value } else { value }
    }
}

/// The `f64` nearest to `integer * 2^exponent`, ties to even, with one rounding also where the result is subnormal.
fn scale(integer: u128, exponent: i32) -> f64 {
    let length = 128 - integer.leading_zeros() as i32;
    // The weight of the last bit that the result can hold.
    let last = (exponent + length - 53).max(-1074);
    let dropped = last - exponent;
    if dropped <= 0 {
        let mantissa = (integer << -dropped) as u64;
        return compose(mantissa, last);
    }
    if dropped > 127 {
        return 0.0;
    }
    let (kept, rest) = (integer >> dropped, integer & ((1 << dropped) - 1));
    let half = 1_u128 << (dropped - 1);
    let up = rest > half || (rest == half && kept & 1 == 1);
    compose(kept as u64 + u64::from(up), last)
}

/// `mantissa * 2^exponent`, exact or infinite; `mantissa` is at most 2^53, `exponent` at least -1074.
fn compose(mantissa: u64, exponent: i32) -> f64 {
    if mantissa < 1 << 52 {
        // Subnormal, or zero: the exponent is the least one then.
        debug_assert!(exponent == -1074 || mantissa == 0);
        return f64::from_bits(mantissa);
    }
    let (mantissa, exponent) =
        if mantissa == 1 << 53 { (1 << 52, exponent + 1) } else { (mantissa, exponent) };
    let biased = exponent + 1075;
    if biased >= 0x7ff {
        f64::INFINITY
    } else {
        f64::from_bits((biased as u64) << 52 | (mantissa & ((1 << 52) - 1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(values: &[f64]) -> f64 {
        let mut sum = ExactSum::default();
        values.iter().for_each(|&value| sum.add(value));
        sum.round()
    }

    #[test]
    fn what_naive_sums_lose_is_kept() {
        assert_eq!(sum(&[]), 0.0);
        assert_eq!(sum(&[1e308, 1.0, -1e308]), 1.0);
        assert_eq!(sum(&[1e16, 1.0, 1.0]), 1e16 + 2.0);
        assert_eq!(sum(&[0.1; 10]), 1.0);
        assert_eq!(sum(&[-5e-324, -5e-324]), -1e-323);
        assert_eq!(sum(&[f64::MAX, f64::MAX]), f64::INFINITY);
        assert_eq!(sum(&[f64::MAX, f64::MAX, -f64::MAX]), f64::MAX);
        assert_eq!(sum(&[f64::INFINITY, 1.0]), f64::INFINITY);
        assert!(sum(&[f64::INFINITY, f64::NEG_INFINITY]).is_nan());
        // A tie, and a tie broken by something 300 bits below.
        assert_eq!(sum(&[9007199254740992.0, 1.0]), 9007199254740992.0);
        assert_eq!(sum(&[9007199254740992.0, 1.0, 1e-80]), 9007199254740994.0);
    }

    #[test]
    fn one_value_comes_back() {
        for value in [1.0, -0.1, 5e-324, f64::MIN_POSITIVE, f64::MAX, -f64::MAX, 123456.789] {
            assert_eq!(sum(&[value]), value);
        }
    }

    #[test]
    fn squares_are_exact() {
        let mut sum = ExactSum::default();
        for value in [1e8 + 1.0, -1e8] {
            sum.add_square(value);
        }
        assert_eq!(sum.round(), 20000000200000001.0);
        // All 106 bits, in every place within a chunk.
        for shift in 0..64 {
            let mut sum = ExactSum::default();
            let value = (2.0 - f64::EPSILON) * 2_f64.powi(shift);
            sum.add_square(value);
            sum.add_product(-value, value);
            assert_eq!(sum.round(), 0.0);
            sum.add_product(value, value);
            assert_eq!(sum.round(), value * value);
        }
        let mut tiny = ExactSum::default();
        (0..4).for_each(|_| tiny.add_square(1e-162));
        assert_eq!(tiny.round(), 4e-324);
    }

    #[test]
    fn order_and_grouping_never_show() {
        let values = (0..2000_u64)
            .map(|i| {
                let hash =
                    i.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                let value = f64::from_bits(hash);
                if value.is_finite() { value } else { hash as f64 }
            })
            .collect::<Vec<_>>();
        let whole = sum(&values);
        let mut merged = ExactSum::default();
        for part in values.rchunks(37) {
            let mut partial = ExactSum::default();
            part.iter().rev().for_each(|&value| partial.add(value));
            merged.merge(&partial);
        }
        assert_eq!(merged.round().to_bits(), whole.to_bits());
    }
}
