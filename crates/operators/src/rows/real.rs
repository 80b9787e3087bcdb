//! The two types that arithmetic runs in, and the integers that a register's lane holds.

use std::ops::{Add, Div, Mul, Sub};

use swathe_core::Sample;

/// `f32` or `f64`.
pub(crate) trait Real:
    Sample + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;

    /// The nearest value of this type.
    fn of<T: Sample>(sample: T) -> Self;

    /// The sample: rounded half away from zero and saturated for integers, the nearest for floats.
    fn to<T: Sample>(self) -> T;

    /// The square root, correctly rounded.
    fn square_root(self) -> Self;

    /// The magnitude.
    fn magnitude(self) -> Self;

    /// Between two limits, rounded half away from zero; `NaN` becomes the lower limit.
    ///
    /// Unlike `as`, which no vector instruction does, this becomes vectors. The limits are integers within 2^21 in
    /// `f32` and 2^50 in `f64`.
    fn nearest(self, least: Self, greatest: Self) -> i64;
}

impl Real for f32 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;

    #[inline(always)]
    fn of<T: Sample>(sample: T) -> Self {
        sample.to_f32()
    }

    #[inline(always)]
    fn to<T: Sample>(self) -> T {
        T::from_f32(self)
    }

    #[inline(always)]
    fn square_root(self) -> Self {
        self.sqrt()
    }

    #[inline(always)]
    fn magnitude(self) -> Self {
        self.abs()
    }

    #[inline(always)]
    fn nearest(self, least: Self, greatest: Self) -> i64 {
        // Added to this, a small number leaves its integer part in the low bits, rounded half to even.
        const LATCH: f32 = 12_582_912.0;
        let above = if self > least { self } else { least };
        let limited = if above < greatest { above } else { greatest };
        let latched = limited.abs() + LATCH;
        let was_half = limited.abs() - (latched - LATCH) == 0.5;
        let magnitude = (latched.to_bits() as i32).wrapping_sub(LATCH.to_bits() as i32) + i32::from(was_half);
        i64::from(if limited < 0.0 { -magnitude } else { magnitude })
    }
}

impl Real for f64 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;

    #[inline(always)]
    fn of<T: Sample>(sample: T) -> Self {
        sample.to_f64()
    }

    #[inline(always)]
    fn to<T: Sample>(self) -> T {
        T::from_f64(self)
    }

    #[inline(always)]
    fn square_root(self) -> Self {
        self.sqrt()
    }

    #[inline(always)]
    fn magnitude(self) -> Self {
        self.abs()
    }

    #[inline(always)]
    fn nearest(self, least: Self, greatest: Self) -> i64 {
        let above = if self > least { self } else { least };
        let limited = if above < greatest { above } else { greatest };
        let latched = limited.abs() + LATCH;
        let was_half = limited.abs() - (latched - LATCH) == 0.5;
        let magnitude = (latched.to_bits() as i64).wrapping_sub(LATCH.to_bits() as i64) + i64::from(was_half);
        if limited < 0.0 { -magnitude } else { magnitude }
    }
}

/// Added to this, a small number leaves its integer part in the low bits, rounded half to even: 1.5 * 2^52.
const LATCH: f64 = 6_755_399_441_055_744.0;

/// The integer nearest to a number below 2^51 that is no half, in the low bits; the high ones mean nothing.
#[inline(always)]
pub(crate) fn low_bits_of_nearest(number: f64) -> i64 {
    (number + LATCH).to_bits() as i64
}

/// An integer sample of at most 32 bits.
pub(crate) trait Narrow: Sample {
    /// The low bits of a number, which are all that it has where it fits.
    fn kept(number: i64) -> Self;
}

impl Narrow for u8 {
    #[inline(always)]
    fn kept(number: i64) -> Self {
        number as u8
    }
}

impl Narrow for i8 {
    #[inline(always)]
    fn kept(number: i64) -> Self {
        number as i8
    }
}

impl Narrow for u16 {
    #[inline(always)]
    fn kept(number: i64) -> Self {
        number as u16
    }
}

impl Narrow for i16 {
    #[inline(always)]
    fn kept(number: i64) -> Self {
        number as i16
    }
}

impl Narrow for u32 {
    #[inline(always)]
    fn kept(number: i64) -> Self {
        number as u32
    }
}

impl Narrow for i32 {
    #[inline(always)]
    fn kept(number: i64) -> Self {
        number as i32
    }
}

/// The sample nearest to a number, rounded half away from zero and saturated; the least sample for `NaN`.
#[inline(always)]
pub(crate) fn nearest_sample<T: Narrow, A: Real>(number: A) -> T {
    T::kept(number.nearest(A::of(T::LEAST), A::of(T::GREATEST)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The slow rounding of the standard library is the reference.
    #[test]
    fn integers_are_rounded_as_samples_are() {
        let mut singles = vec![f32::INFINITY, f32::NEG_INFINITY, -0.0, 2.2e9, -2.2e9, 4.3e9];
        for whole in
            [0.0_f32, 1.0, 2.0, 127.0, 128.0, 254.0, 255.0, 32_767.0, 65_535.0, 4_194_304.0, 8_388_607.0]
        {
            for number in [whole, whole + 0.5] {
                singles.extend([number, number.next_up(), number.next_down()]);
                singles.extend([-number, -number.next_up(), -number.next_down()]);
            }
        }
        for single in singles {
            assert_eq!(nearest_sample::<u8, _>(single), u8::from_f32(single), "{single}");
            assert_eq!(nearest_sample::<i8, _>(single), i8::from_f32(single), "{single}");
            assert_eq!(nearest_sample::<u16, _>(single), u16::from_f32(single), "{single}");
            assert_eq!(nearest_sample::<i16, _>(single), i16::from_f32(single), "{single}");
            let double = f64::from(single);
            for double in [double, double.next_up(), double.next_down()] {
                assert_eq!(nearest_sample::<u32, _>(double), u32::from_f64(double), "{double}");
                assert_eq!(nearest_sample::<i32, _>(double), i32::from_f64(double), "{double}");
                assert_eq!(nearest_sample::<u16, _>(double), u16::from_f64(double), "{double}");
                assert_eq!(nearest_sample::<i8, _>(double), i8::from_f64(double), "{double}");
            }
        }
        assert_eq!(nearest_sample::<i16, _>(f32::NAN), i16::MIN);
    }
}
