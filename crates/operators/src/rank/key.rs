//! Samples as integers of the same order, so that comparing them is exact, total and one instruction.
//!
//! Integers stand for themselves, `f32` becomes `i32` and `f64` `i64`: negative floats with all bits but the sign turned
//! round. So -0 comes before 0, and every `NaN` is the greatest key.

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

/// A sample, with what it is compared as.
pub(crate) trait Keyed: Sample {
    /// An integer of the same size.
    type Key: Key;
}

impl Keyed for u8 {
    type Key = u8;
}

impl Keyed for i8 {
    type Key = i8;
}

impl Keyed for u16 {
    type Key = u16;
}

impl Keyed for i16 {
    type Key = i16;
}

impl Keyed for u32 {
    type Key = u32;
}

impl Keyed for i32 {
    type Key = i32;
}

impl Keyed for u64 {
    type Key = u64;
}

impl Keyed for i64 {
    type Key = i64;
}

impl Keyed for f32 {
    type Key = i32;
}

impl Keyed for f64 {
    type Key = i64;
}

/// The key of a sample.
#[inline(always)]
pub(crate) fn key_of<T: Keyed>(sample: T) -> T::Key {
    let bits: T::Key = bytemuck::cast(sample);
    if !T::TYPE.is_float() {
        return bits;
    }
    let key = turned(bits);
    if sample.is_nan() { T::Key::GREATEST } else { key }
}

/// The sample of a key; both ends of the order of floats are the one `NaN` that is stored.
#[inline(always)]
pub(crate) fn sample_of<T: Keyed>(key: T::Key) -> T {
    if !T::TYPE.is_float() {
        return bytemuck::cast(key);
    }
    let nan = T::from_f64(f64::NAN);
    let sample: T = bytemuck::cast(turned(key));
    if sample.is_nan() { nan } else { sample }
}

/// The sample that is nearest to the difference of those of two keys.
#[inline(always)]
pub(crate) fn difference_of<T: Keyed>(one: T::Key, other: T::Key) -> T {
    if !T::TYPE.is_float() {
        return bytemuck::cast(one.minus(other));
    }
    // Rounded twice, to `f64` and then to `f32`, a difference of two `f32` is what it is rounded once.
    let difference = T::from_f64(sample_of::<T>(one).to_f64() - sample_of::<T>(other).to_f64());
    if difference.is_nan() { T::from_f64(f64::NAN) } else { difference }
}

/// The keys of a row, where samples stand for themselves.
pub(crate) fn keys_as_they_are<T: Keyed>(row: &[T]) -> Option<&[T::Key]> {
    (!T::TYPE.is_float()).then(|| bytemuck::cast_slice(row))
}

/// Writes the keys of a row.
pub(crate) fn fill_keys<T: Keyed>(row: &[T], keys: &mut [T::Key]) {
    for (key, &sample) in keys.iter_mut().zip(row) {
        *key = key_of(sample);
    }
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
        let floats = [f32::NEG_INFINITY, f32::MIN, -1.5, -1e-45, -0.0, 0.0, 1e-45, f32::MAX, f32::INFINITY];
        let keys = floats.map(key_of);
        assert!(keys.is_sorted_by(|a, b| a < b) && keys[8] < key_of(-f32::NAN), "{keys:?}");
        for (float, key) in floats.into_iter().zip(keys) {
            assert_eq!(sample_of::<f32>(key).to_bits(), float.to_bits());
        }
        assert_eq!(sample_of::<f64>(key_of(-f64::NAN)).to_bits(), f64::NAN.to_bits());
    }

    #[test]
    fn integers_stand_for_themselves() {
        assert_eq!((key_of(u64::MAX), sample_of::<i8>(-128)), (u64::MAX, -128));
    }

    #[test]
    fn differences_saturate() {
        assert_eq!(difference_of::<u8>(3, 4), 0);
        assert_eq!(difference_of::<i16>(20_000, -20_000), i16::MAX);
        assert_eq!(difference_of::<u64>(u64::MAX, 1), u64::MAX - 1);
        assert_eq!(difference_of::<f32>(key_of(1.5_f32), key_of(-2.0_f32)), 3.5);
        let infinite = difference_of::<f32>(key_of(f32::INFINITY), key_of(f32::INFINITY));
        assert_eq!(infinite.to_bits(), f32::NAN.to_bits());
    }
}
