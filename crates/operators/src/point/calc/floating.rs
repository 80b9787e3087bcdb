//! What one real number goes through.
//!
//! Functions that no CPU has an instruction for come from `libm` in plain Rust, never from the system, whose last bit
//! depends on its version and on the CPU; `elementary` has faster forms of the most used.

use bytemuck::Pod;

/// `f32` or `f64`.
pub(super) trait Floating: Pod + PartialOrd + Send + Sync {
    const NAN: Self;
    /// `f32`, of which an `f64` has more than enough bits.
    const SINGLE: bool;

    fn widen(self) -> f64;
    /// The nearest.
    fn narrow(wide: f64) -> Self;

    fn add(self, other: Self) -> Self;
    fn subtract(self, other: Self) -> Self;
    fn multiply(self, other: Self) -> Self;
    fn divide(self, other: Self) -> Self;
    fn negate(self) -> Self;
    fn absolute(self) -> Self;
    fn square_root(self) -> Self;
    fn floor(self) -> Self;
    fn ceil(self) -> Self;
    fn truncate(self) -> Self;
    /// Halves go to the even neighbour.
    fn round(self) -> Self;
    /// What C's `fmod` gives: exact, with the sign of `self`.
    fn float_modulo(self, other: Self) -> Self;
    fn copy_sign(self, other: Self) -> Self;
    /// -1, 0 or 1; `NaN` stays.
    fn sign(self) -> Self;
    fn is_nan(self) -> bool;
    fn is_finite(self) -> bool;
    fn is_infinite(self) -> bool;
    /// `NaN` has no sign: which one it carries depends on the CPU.
    fn is_negative(self) -> bool;
    fn next_after(self, other: Self) -> Self;
    fn hypot(self, other: Self) -> Self;
    fn power(self, other: Self) -> Self;
    fn arctan2(self, other: Self) -> Self;
    fn sin(self) -> Self;
    fn cos(self) -> Self;
    fn tan(self) -> Self;
    fn arcsin(self) -> Self;
    fn arccos(self) -> Self;
    fn arctan(self) -> Self;
    fn sinh(self) -> Self;
    fn cosh(self) -> Self;
    fn tanh(self) -> Self;
    fn arcsinh(self) -> Self;
    fn arccosh(self) -> Self;
    fn arctanh(self) -> Self;
    fn exp(self) -> Self;
    fn expm1(self) -> Self;
    fn log(self) -> Self;
    fn log1p(self) -> Self;
    fn log2(self) -> Self;
    fn log10(self) -> Self;

    /// `self - floor(self / other) * other`, numexpr's `%`.
    #[inline(always)]
    fn modulo(self, other: Self) -> Self {
        self.subtract(self.divide(other).floor().multiply(other))
    }

    /// numexpr's `//`.
    #[inline(always)]
    fn floor_divide(self, other: Self) -> Self {
        self.divide(other).floor()
    }
}

impl Floating for f32 {
    const NAN: Self = f32::NAN;
    const SINGLE: bool = true;

    #[inline(always)]
    fn widen(self) -> f64 {
        f64::from(self)
    }

    #[inline(always)]
    fn narrow(wide: f64) -> Self {
        wide as f32
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self + other
    }

    #[inline(always)]
    fn subtract(self, other: Self) -> Self {
        self - other
    }

    #[inline(always)]
    fn multiply(self, other: Self) -> Self {
        self * other
    }

    #[inline(always)]
    fn divide(self, other: Self) -> Self {
        self / other
    }

    #[inline(always)]
    fn negate(self) -> Self {
        -self
    }

    #[inline(always)]
    fn absolute(self) -> Self {
        self.abs()
    }

    #[inline(always)]
    fn square_root(self) -> Self {
        self.sqrt()
    }

    #[inline(always)]
    fn floor(self) -> Self {
        f32::floor(self)
    }

    #[inline(always)]
    fn ceil(self) -> Self {
        f32::ceil(self)
    }

    #[inline(always)]
    fn truncate(self) -> Self {
        self.trunc()
    }

    #[inline(always)]
    fn round(self) -> Self {
        self.round_ties_even()
    }

    fn float_modulo(self, other: Self) -> Self {
        libm::fmodf(self, other)
    }

    #[inline(always)]
    fn copy_sign(self, other: Self) -> Self {
        if other.is_nan() { self.abs() } else { self.copysign(other) }
    }

    #[inline(always)]
    fn sign(self) -> Self {
        let positive = if self > 0.0 { 1.0 } else { 0.0 };
        let sign = if self < 0.0 { -1.0 } else { positive };
        if self.is_nan() { Self::NAN } else { sign }
    }

    #[inline(always)]
    fn is_nan(self) -> bool {
        f32::is_nan(self)
    }

    #[inline(always)]
    fn is_finite(self) -> bool {
        f32::is_finite(self)
    }

    #[inline(always)]
    fn is_infinite(self) -> bool {
        f32::is_infinite(self)
    }

    #[inline(always)]
    fn is_negative(self) -> bool {
        self.is_sign_negative() && !self.is_nan()
    }

    fn next_after(self, other: Self) -> Self {
        libm::nextafterf(self, other)
    }

    fn hypot(self, other: Self) -> Self {
        libm::hypotf(self, other)
    }

    fn power(self, other: Self) -> Self {
        libm::powf(self, other)
    }

    fn arctan2(self, other: Self) -> Self {
        libm::atan2f(self, other)
    }

    fn sin(self) -> Self {
        libm::sinf(self)
    }

    fn cos(self) -> Self {
        libm::cosf(self)
    }

    fn tan(self) -> Self {
        libm::tanf(self)
    }

    fn arcsin(self) -> Self {
        libm::asinf(self)
    }

    fn arccos(self) -> Self {
        libm::acosf(self)
    }

    fn arctan(self) -> Self {
        libm::atanf(self)
    }

    fn sinh(self) -> Self {
        libm::sinhf(self)
    }

    fn cosh(self) -> Self {
        libm::coshf(self)
    }

    fn tanh(self) -> Self {
        libm::tanhf(self)
    }

    fn arcsinh(self) -> Self {
        libm::asinhf(self)
    }

    fn arccosh(self) -> Self {
        // libm makes numbers of what lies below -1.
        if self < 1.0 { Self::NAN } else { libm::acoshf(self) }
    }

    fn arctanh(self) -> Self {
        libm::atanhf(self)
    }

    fn exp(self) -> Self {
        libm::expf(self)
    }

    fn expm1(self) -> Self {
        libm::expm1f(self)
    }

    fn log(self) -> Self {
        libm::logf(self)
    }

    fn log1p(self) -> Self {
        libm::log1pf(self)
    }

    fn log2(self) -> Self {
        libm::log2f(self)
    }

    fn log10(self) -> Self {
        libm::log10f(self)
    }
}

impl Floating for f64 {
    const NAN: Self = f64::NAN;
    const SINGLE: bool = false;

    #[inline(always)]
    fn widen(self) -> f64 {
        self
    }

    #[inline(always)]
    fn narrow(wide: f64) -> Self {
        wide
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self + other
    }

    #[inline(always)]
    fn subtract(self, other: Self) -> Self {
        self - other
    }

    #[inline(always)]
    fn multiply(self, other: Self) -> Self {
        self * other
    }

    #[inline(always)]
    fn divide(self, other: Self) -> Self {
        self / other
    }

    #[inline(always)]
    fn negate(self) -> Self {
        -self
    }

    #[inline(always)]
    fn absolute(self) -> Self {
        self.abs()
    }

    #[inline(always)]
    fn square_root(self) -> Self {
        self.sqrt()
    }

    #[inline(always)]
    fn floor(self) -> Self {
        f64::floor(self)
    }

    #[inline(always)]
    fn ceil(self) -> Self {
        f64::ceil(self)
    }

    #[inline(always)]
    fn truncate(self) -> Self {
        self.trunc()
    }

    #[inline(always)]
    fn round(self) -> Self {
        self.round_ties_even()
    }

    fn float_modulo(self, other: Self) -> Self {
        libm::fmod(self, other)
    }

    #[inline(always)]
    fn copy_sign(self, other: Self) -> Self {
        if other.is_nan() { self.abs() } else { self.copysign(other) }
    }

    #[inline(always)]
    fn sign(self) -> Self {
        let positive = if self > 0.0 { 1.0 } else { 0.0 };
        let sign = if self < 0.0 { -1.0 } else { positive };
        if self.is_nan() { Self::NAN } else { sign }
    }

    #[inline(always)]
    fn is_nan(self) -> bool {
        f64::is_nan(self)
    }

    #[inline(always)]
    fn is_finite(self) -> bool {
        f64::is_finite(self)
    }

    #[inline(always)]
    fn is_infinite(self) -> bool {
        f64::is_infinite(self)
    }

    #[inline(always)]
    fn is_negative(self) -> bool {
        self.is_sign_negative() && !self.is_nan()
    }

    fn next_after(self, other: Self) -> Self {
        libm::nextafter(self, other)
    }

    fn hypot(self, other: Self) -> Self {
        libm::hypot(self, other)
    }

    fn power(self, other: Self) -> Self {
        libm::pow(self, other)
    }

    fn arctan2(self, other: Self) -> Self {
        libm::atan2(self, other)
    }

    fn sin(self) -> Self {
        libm::sin(self)
    }

    fn cos(self) -> Self {
        libm::cos(self)
    }

    fn tan(self) -> Self {
        libm::tan(self)
    }

    fn arcsin(self) -> Self {
        libm::asin(self)
    }

    fn arccos(self) -> Self {
        libm::acos(self)
    }

    fn arctan(self) -> Self {
        libm::atan(self)
    }

    fn sinh(self) -> Self {
        libm::sinh(self)
    }

    fn cosh(self) -> Self {
        libm::cosh(self)
    }

    fn tanh(self) -> Self {
        libm::tanh(self)
    }

    fn arcsinh(self) -> Self {
        libm::asinh(self)
    }

    fn arccosh(self) -> Self {
        // libm makes numbers of what lies below -1.
        if self < 1.0 { Self::NAN } else { libm::acosh(self) }
    }

    fn arctanh(self) -> Self {
        libm::atanh(self)
    }

    fn exp(self) -> Self {
        libm::exp(self)
    }

    fn expm1(self) -> Self {
        libm::expm1(self)
    }

    fn log(self) -> Self {
        libm::log(self)
    }

    fn log1p(self) -> Self {
        libm::log1p(self)
    }

    fn log2(self) -> Self {
        libm::log2(self)
    }

    fn log10(self) -> Self {
        libm::log10(self)
    }
}
