//! Samples as integers of the same order, and which of two is kept.
//!
//! Integers stand for themselves, `f32` becomes `i32` and `f64` `i64`: negative floats with all bits but the sign turned
//! round. So `-0` is below `+0`, a `NaN` above all numbers, and what is the least of many depends neither on the order of
//! comparing nor on a vector instruction's idea of `NaN`.

use std::num::Saturating;
use std::ops::{BitAnd, BitXor, Shr, Sub};

use swathe_core::Sample;

/// An integer that samples of its size are compared as.
pub(crate) trait Key:
    Sample + Ord + Shr<u32, Output = Self> + BitAnd<Output = Self> + BitXor<Output = Self>
{
    /// The difference, saturated.
    fn minus(self, other: Self) -> Self;
}

impl<K> Key for K
where
    K: Sample + Ord + Shr<u32, Output = K> + BitAnd<Output = K> + BitXor<Output = K>,
    Saturating<K>: Sub<Output = Saturating<K>>,
{
    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        (Saturating(self) - Saturating(other)).0
    }
}

/// Which of two keys is kept.
pub(crate) trait Extreme {
    /// The one that is kept.
    fn of<K: Key>(one: K, other: K) -> K;
}

/// The lesser of two.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Least;

/// The greater of two.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Greatest;

impl Extreme for Least {
    #[inline(always)]
    fn of<K: Key>(one: K, other: K) -> K {
        one.min(other)
    }
}

impl Extreme for Greatest {
    #[inline(always)]
    fn of<K: Key>(one: K, other: K) -> K {
        one.max(other)
    }
}

/// The key of a sample of the same size.
#[inline(always)]
pub(crate) fn key_of<T: Sample, K: Key>(sample: T) -> K {
    let bits: K = bytemuck::cast(sample);
    if !T::TYPE.is_float() {
        return bits;
    }
    let key = turned(bits);
    if sample.is_nan() { K::GREATEST } else { key }
}

/// The sample of a key; both ends of the order of floats are the one `NaN` that is stored.
#[inline(always)]
pub(crate) fn sample_of<T: Sample, K: Key>(key: K) -> T {
    if !T::TYPE.is_float() {
        return bytemuck::cast(key);
    }
    let sample: T = bytemuck::cast(turned(key));
    if sample.is_nan() { T::from_f64(f64::NAN) } else { sample }
}

/// The sample that is nearest to the difference of those of two keys.
#[inline(always)]
pub(crate) fn difference_of<T: Sample, K: Key>(one: K, other: K) -> T {
    if !T::TYPE.is_float() {
        return bytemuck::cast(one.minus(other));
    }
    // Rounded twice, to `f64` and then to `f32`, a difference of two `f32` is what it is rounded once.
    let difference = T::from_f64(sample_of::<T, K>(one).to_f64() - sample_of::<T, K>(other).to_f64());
    if difference.is_nan() { T::from_f64(f64::NAN) } else { difference }
}

/// Negative numbers with all bits but the sign turned round. Done twice, nothing changes.
#[inline(always)]
fn turned<K: Key>(bits: K) -> K {
    let sign = bits >> (8 * size_of::<K>() as u32 - 1);
    bits ^ (sign & K::GREATEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_order_of_floats() {
        let floats =
            [f32::NEG_INFINITY, f32::MIN, -1.5, -1e-45, -0.0, 0.0, 1e-45, 1.5, f32::MAX, f32::INFINITY];
        let keys = floats.map(key_of::<f32, i32>);
        assert!(keys.is_sorted_by(|a, b| a < b), "{keys:?}");
        assert!(keys[0] > i32::MIN && keys[9] < i32::MAX);
        for (float, key) in floats.into_iter().zip(keys) {
            assert_eq!(sample_of::<f32, i32>(key).to_bits(), float.to_bits());
        }
    }

    #[test]
    fn nan_is_last_and_both_ends_of_the_order_are_one_nan() {
        assert_eq!(key_of::<f64, i64>(-f64::NAN), i64::MAX);
        for key in [i64::MIN, i64::MAX] {
            assert_eq!(sample_of::<f64, i64>(key).to_bits(), f64::NAN.to_bits());
        }
        for key in [i32::MIN, i32::MAX] {
            assert_eq!(sample_of::<f32, i32>(key).to_bits(), f32::NAN.to_bits());
        }
    }

    #[test]
    fn integers_stand_for_themselves_and_differences_saturate() {
        assert_eq!(key_of::<u64, u64>(u64::MAX), u64::MAX);
        assert_eq!(sample_of::<i8, i8>(-128), -128);
        assert_eq!((Least::of(3_u8, 4), Greatest::of(3_i8, -4)), (3, 3));
        assert_eq!(difference_of::<u8, u8>(3, 4), 0);
        assert_eq!(difference_of::<i16, i16>(20_000, -20_000), i16::MAX);
        assert_eq!(difference_of::<u64, u64>(u64::MAX, 1), u64::MAX - 1);
        let key = key_of::<f32, i32>;
        assert_eq!(difference_of::<f32, i32>(key(1.5), key(-2.0)), 3.5);
        let infinite = difference_of::<f32, i32>(key(f32::INFINITY), key(f32::INFINITY));
        assert_eq!(infinite.to_bits(), f32::NAN.to_bits());
    }
}
