//! Samples as integers of the same order, and which of two is kept.
//!
//! Integers stand for themselves, `f32` becomes `i32` and `f64` `i64`: negative floats with all bits but the sign turned
//! round. So `-0` is below `+0`, a `NaN` is whatever end of the order the caller wants, and what is the least of many
//! depends neither on the order of comparing nor on a vector instruction's idea of `NaN`.

use std::ops::{BitAnd, BitXor, Shr};

use swathe_core::Sample;

/// An integer that samples of its size are compared as.
pub(crate) trait Key:
    Sample + Ord + Shr<u32, Output = Self> + BitAnd<Output = Self> + BitXor<Output = Self>
{
}

impl<K> Key for K where
    K: Sample + Ord + Shr<u32, Output = K> + BitAnd<Output = K> + BitXor<Output = K>
{
}

/// Which of two keys is kept.
pub(crate) trait Extreme {
    /// The one that is kept.
    fn of<K: Key>(one: K, other: K) -> K;

    /// What never is kept beside another: what pixels without data are taken for.
    fn identity<K: Key>() -> K;

    /// What is always kept: what `NaN` is taken for where it is an ordinary number.
    fn nan<K: Key>() -> K;
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

    fn identity<K: Key>() -> K {
        K::GREATEST
    }

    fn nan<K: Key>() -> K {
        K::LEAST
    }
}

impl Extreme for Greatest {
    #[inline(always)]
    fn of<K: Key>(one: K, other: K) -> K {
        one.max(other)
    }

    fn identity<K: Key>() -> K {
        K::LEAST
    }

    fn nan<K: Key>() -> K {
        K::GREATEST
    }
}

/// The key of a sample of the same size; `nan` for `NaN`.
#[inline(always)]
pub(crate) fn key_of<T: Sample, K: Key>(sample: T, nan: K) -> K {
    let bits: K = bytemuck::cast(sample);
    if !T::TYPE.is_float() {
        return bits;
    }
    let key = turned(bits);
    if sample.is_nan() { nan } else { key }
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
        let floats = [f32::NEG_INFINITY, f32::MIN, -1.5, -1e-45, -0.0, 0.0, 1e-45, 1.5, f32::MAX, f32::INFINITY];
        let keys = floats.map(|float| key_of::<f32, i32>(float, 7));
        assert!(keys.is_sorted_by(|a, b| a < b), "{keys:?}");
        assert!(keys[0] > i32::MIN && keys[9] < i32::MAX);
        for (float, key) in floats.into_iter().zip(keys) {
            assert_eq!(sample_of::<f32, i32>(key).to_bits(), float.to_bits());
        }
    }

    #[test]
    fn both_ends_of_the_order_are_one_nan() {
        assert_eq!(key_of::<f64, i64>(-f64::NAN, i64::MIN), i64::MIN);
        for key in [i64::MIN, i64::MAX] {
            assert_eq!(sample_of::<f64, i64>(key).to_bits(), f64::NAN.to_bits());
        }
        for key in [i32::MIN, i32::MAX] {
            assert_eq!(sample_of::<f32, i32>(key).to_bits(), f32::NAN.to_bits());
        }
    }

    #[test]
    fn integers_stand_for_themselves() {
        assert_eq!(key_of::<u64, u64>(u64::MAX, 0), u64::MAX);
        assert_eq!(sample_of::<i8, i8>(-128), -128);
        assert_eq!((Least::identity::<u8>(), Greatest::identity::<i8>()), (255, -128));
    }
}
