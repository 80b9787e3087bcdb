//! Samples as running values, and how running values are put together.

use swathe_core::{Sample, Scalar};

/// A type that a running value can have.
pub(super) trait Running: Sample {
    /// Below or equal to every value, as a start for maxima.
    const FIRST: Self;
    /// Above or equal to every value, as a start for minima.
    const LAST: Self;

    /// The sample in this type, exact where it can hold it.
    fn lift<T: Sample>(sample: T) -> Self;

    /// The sum, and whether it is out of range.
    fn plus(self, other: Self) -> (Self, bool);

    /// The product, and whether it is out of range.
    fn times(self, other: Self) -> (Self, bool);

    /// The lesser; the first `NaN` where there is one.
    fn lesser(self, other: Self) -> Self;

    /// The greater; the first `NaN` where there is one.
    fn greater(self, other: Self) -> Self;
}

macro_rules! integers {
    ($($type:ty),*) => {
        $(impl Running for $type {
            const FIRST: Self = <$type>::MIN;
            const LAST: Self = <$type>::MAX;

            #[inline(always)]
            fn lift<T: Sample>(sample: T) -> Self {
                match sample.to_scalar() {
                    Scalar::Integer(integer) => integer as $type,
                    Scalar::Float(float) => float as $type,
                }
            }
            #[inline(always)]
            fn plus(self, other: Self) -> (Self, bool) {
                self.overflowing_add(other)
            }
            #[inline(always)]
            fn times(self, other: Self) -> (Self, bool) {
                self.overflowing_mul(other)
            }
            #[inline(always)]
            fn lesser(self, other: Self) -> Self {
                self.min(other)
            }
            #[inline(always)]
            fn greater(self, other: Self) -> Self {
                self.max(other)
            }
        })*
    };
}

macro_rules! floats {
    ($($type:ty),*) => {
        $(impl Running for $type {
            const FIRST: Self = <$type>::NEG_INFINITY;
            const LAST: Self = <$type>::INFINITY;

            #[inline(always)]
            fn lift<T: Sample>(sample: T) -> Self {
                // By way of f64, integers of 64 bits would be rounded twice on their way to f32.
                match sample.to_scalar() {
                    Scalar::Integer(integer) if size_of::<T>() > size_of::<$type>() => integer as $type,
                    _ => sample.to_f64() as $type,
                }
            }
            #[inline(always)]
            fn plus(self, other: Self) -> (Self, bool) {
                (self + other, false)
            }
            #[inline(always)]
            fn times(self, other: Self) -> (Self, bool) {
                (self * other, false)
            }
            #[inline(always)]
            fn lesser(self, other: Self) -> Self {
                if self <= other || self.is_nan() { self } else { other }
            }
            #[inline(always)]
            fn greater(self, other: Self) -> Self {
                if self >= other || self.is_nan() { self } else { other }
            }
        })*
    };
}

integers!(u8, i8, u16, i16, u32, i32, u64, i64);
floats!(f32, f64);
