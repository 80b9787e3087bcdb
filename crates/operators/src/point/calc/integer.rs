//! What one integer goes through: numexpr's arithmetic, which wraps and never traps.

use bytemuck::Pod;

use super::elementary::LATCH;

/// `i32` or `i64`; everything wraps, nothing traps.
pub(super) trait Integer: Pod + PartialOrd + Send + Sync {
    fn add(self, other: Self) -> Self;
    fn subtract(self, other: Self) -> Self;
    fn multiply(self, other: Self) -> Self;
    fn negate(self) -> Self;
    fn invert(self) -> Self;
    fn and(self, other: Self) -> Self;
    fn or(self, other: Self) -> Self;
    fn xor(self, other: Self) -> Self;
    /// 0 where the count is negative or not less than the number of bits.
    fn shift_left(self, count: Self) -> Self;
    /// Fills with the sign; counts that are negative or too large shift all bits out.
    fn shift_right(self, count: Self) -> Self;
    /// Rounded down; 0 by 0.
    fn floor_divide(self, other: Self) -> Self;
    /// With the sign of `other`; 0 by 0.
    fn modulo(self, other: Self) -> Self;
    /// The least integer where the result does not fit, as on x86; `1 / self` rounded to 0 for negative exponents.
    fn power(self, exponent: Self) -> Self;
    /// -1, 0 or 1.
    fn sign(self) -> Self;
}

impl Integer for i32 {
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.wrapping_add(other)
    }

    #[inline(always)]
    fn subtract(self, other: Self) -> Self {
        self.wrapping_sub(other)
    }

    #[inline(always)]
    fn multiply(self, other: Self) -> Self {
        self.wrapping_mul(other)
    }

    #[inline(always)]
    fn negate(self) -> Self {
        self.wrapping_neg()
    }

    #[inline(always)]
    fn invert(self) -> Self {
        !self
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        self & other
    }

    #[inline(always)]
    fn or(self, other: Self) -> Self {
        self | other
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        self ^ other
    }

    #[inline(always)]
    fn shift_left(self, count: Self) -> Self {
        if count.cast_unsigned() < Self::BITS { self << (count & 31) } else { 0 }
    }

    #[inline(always)]
    fn shift_right(self, count: Self) -> Self {
        self >> count.cast_unsigned().min(Self::BITS - 1)
    }

    /// In `f64`, which becomes vectors: a quotient that is no integer is at least 2^-31 of itself away from the next one.
    #[inline(always)]
    fn floor_divide(self, other: Self) -> Self {
        let quotient = f64::from(self) / f64::from(other);
        let quotient = if other == 0 { 0.0 } else { quotient };
        let nearest = (quotient + LATCH) - LATCH;
        let floor = if nearest > quotient { nearest - 1.0 } else { nearest };
        (floor + LATCH).to_bits() as Self
    }

    #[inline(always)]
    fn modulo(self, other: Self) -> Self {
        let rest = self.wrapping_sub(self.floor_divide(other).wrapping_mul(other));
        if other == 0 { 0 } else { rest }
    }

    fn power(self, exponent: Self) -> Self {
        i64::from(self).power(i64::from(exponent)).try_into().unwrap_or(Self::MIN)
    }

    #[inline(always)]
    fn sign(self) -> Self {
        self.signum()
    }
}

impl Integer for i64 {
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.wrapping_add(other)
    }

    #[inline(always)]
    fn subtract(self, other: Self) -> Self {
        self.wrapping_sub(other)
    }

    #[inline(always)]
    fn multiply(self, other: Self) -> Self {
        self.wrapping_mul(other)
    }

    #[inline(always)]
    fn negate(self) -> Self {
        self.wrapping_neg()
    }

    #[inline(always)]
    fn invert(self) -> Self {
        !self
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        self & other
    }

    #[inline(always)]
    fn or(self, other: Self) -> Self {
        self | other
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        self ^ other
    }

    #[inline(always)]
    fn shift_left(self, count: Self) -> Self {
        if count.cast_unsigned() < u64::from(Self::BITS) { self << (count & 63) } else { 0 }
    }

    #[inline(always)]
    fn shift_right(self, count: Self) -> Self {
        self >> count.cast_unsigned().min(u64::from(Self::BITS - 1))
    }

    #[inline(always)]
    fn floor_divide(self, other: Self) -> Self {
        if other == 0 {
            return 0;
        }
        let quotient = self.wrapping_div(other);
        let down = self.wrapping_rem(other) != 0 && (self < 0) != (other < 0);
        quotient.wrapping_sub(Self::from(down))
    }

    #[inline(always)]
    fn modulo(self, other: Self) -> Self {
        if other == 0 {
            return 0;
        }
        let rest = self.wrapping_rem(other);
        if rest != 0 && (rest < 0) != (other < 0) { rest + other } else { rest }
    }

    fn power(self, exponent: Self) -> Self {
        match (self, exponent) {
            (1, _) | (_, 0) => 1,
            (-1, 1..) => 1 - 2 * (exponent & 1),
            (-1, _) => -1,
            (0, _) | (_, ..0) => 0,
            _ => u32::try_from(exponent).ok().and_then(|n| self.checked_pow(n)).unwrap_or(Self::MIN),
        }
    }

    #[inline(always)]
    fn sign(self) -> Self {
        self.signum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_rounds_down() {
        let numbers = [
            0,
            1,
            -1,
            2,
            -2,
            3,
            7,
            -7,
            65_537,
            1 << 30,
            i32::MAX,
            i32::MAX - 1,
            i32::MIN,
            i32::MIN + 1,
            -46_341,
        ];
        for a in numbers {
            for b in numbers {
                let wide = (i64::from(a).floor_divide(i64::from(b)), i64::from(a).modulo(i64::from(b)));
                assert_eq!((a.floor_divide(b), a.modulo(b)), (wide.0 as i32, wide.1 as i32), "{a} by {b}");
            }
        }
    }
}
