//! The ten sample types, and the only two macros that enumerate them.

use crate::error::{Error, Result};

mod sealed {
    pub trait Sealed {}
}

/// A number written exactly: a nodata value or a boundary constant before it meets a sample type.
///
/// 64-bit integers do not fit `f64`, so integers are kept apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar {
    /// An integer, exact.
    Integer(i128),
    /// Anything else, `NaN` and infinities included.
    Float(f64),
}

impl Scalar {
    /// Reads a decimal number, `nan`, `inf` or `-inf`, surrounded by blanks or not.
    ///
    /// # Errors
    /// Usage, if `text` is no number.
    pub fn parse(text: &str) -> Result<Self> {
        let trimmed = text.trim().trim_end_matches('\0').trim();
        if let Ok(integer) = trimmed.parse::<i128>() {
            // `-0` is a float, and so stays distinguishable.
            if !(integer == 0 && trimmed.starts_with('-')) {
                return Ok(Scalar::Integer(integer));
            }
        }
        match trimmed.to_ascii_lowercase().as_str() {
            "nan" | "-nan" | "+nan" => Ok(Scalar::Float(f64::NAN)),
            "inf" | "+inf" | "infinity" | "1.#inf" => Ok(Scalar::Float(f64::INFINITY)),
            "-inf" | "-infinity" | "-1.#inf" => Ok(Scalar::Float(f64::NEG_INFINITY)),
            other => other
                .parse::<f64>()
                .map(Scalar::Float)
                .map_err(|_| Error::usage(format!("`{text}` is not a number"))),
        }
    }

    /// The nearest `f64`.
    pub fn to_f64(self) -> f64 {
        match self {
            Scalar::Integer(value) => value as f64,
            Scalar::Float(value) => value,
        }
    }
}

impl std::fmt::Display for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Scalar::Integer(value) => write!(f, "{value}"),
            Scalar::Float(value) if value.is_nan() => write!(f, "nan"),
            Scalar::Float(value) => write!(f, "{value}"),
        }
    }
}

/// A pixel value. Sealed: the list of sample types is closed and lives in this file.
pub trait Sample:
    sealed::Sealed
    + bytemuck::Pod
    + PartialOrd
    + Default
    + Send
    + Sync
    + std::fmt::Debug
    + std::fmt::Display
    + 'static
{
    /// The type's name as data.
    const TYPE: SampleType;
    /// The least finite value.
    const LEAST: Self;
    /// The greatest finite value.
    const GREATEST: Self;

    /// The nearest `f64` (exact but for 64-bit integers).
    fn to_f64(self) -> f64;
    /// The nearest `f32` (exact for 8- and 16-bit integers).
    fn to_f32(self) -> f32;
    /// Rounded half away from zero and saturated for integers (`NaN` becomes 0); the nearest value for floats.
    fn from_f64(value: f64) -> Self;
    /// As [`Sample::from_f64`], from `f32`.
    fn from_f32(value: f32) -> Self;
    /// Saturating for integers, nearest for floats.
    fn from_i128(value: i128) -> Self;
    /// True for `NaN`, never for integers.
    fn is_nan(self) -> bool;
    /// The same number in this type, or `None` where it cannot be represented.
    ///
    /// A float just beyond `f32`'s range is taken for the nearest finite `f32`, as GDAL does with nodata values.
    fn from_scalar(value: Scalar) -> Option<Self>;
    /// The number as a [`Scalar`], exact.
    fn to_scalar(self) -> Scalar;
}

/// Runs `$body` with `$T` standing for the Rust type of a [`SampleType`](crate::SampleType).
///
/// Meant for the one place where an operator is bound to its types; no pixel loop belongs inside.
#[macro_export]
macro_rules! with_sample {
    ($sample_type:expr, $T:ident => $body:expr) => {
        match $sample_type {
            $crate::SampleType::U8 => {
                type $T = u8;
                $body
            }
            $crate::SampleType::I8 => {
                type $T = i8;
                $body
            }
            $crate::SampleType::U16 => {
                type $T = u16;
                $body
            }
            $crate::SampleType::I16 => {
                type $T = i16;
                $body
            }
            $crate::SampleType::U32 => {
                type $T = u32;
                $body
            }
            $crate::SampleType::I32 => {
                type $T = i32;
                $body
            }
            $crate::SampleType::U64 => {
                type $T = u64;
                $body
            }
            $crate::SampleType::I64 => {
                type $T = i64;
                $body
            }
            $crate::SampleType::F32 => {
                type $T = f32;
                $body
            }
            $crate::SampleType::F64 => {
                type $T = f64;
                $body
            }
        }
    };
}

macro_rules! samples {
    ($($variant:ident $type:ident $name:literal $kind:ident $docs:literal),+ $(,)?) => {
        /// The closed set of sample types.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum SampleType { $(#[doc = $docs] $variant),+ }

        impl SampleType {
            /// Every sample type.
            pub const ALL: [SampleType; 10] = [$(SampleType::$variant),+];

            /// The name used on the command line, such as `u16`.
            pub const fn name(self) -> &'static str {
                match self { $(SampleType::$variant => $name),+ }
            }

            /// Bytes of one sample.
            pub const fn size(self) -> usize {
                match self { $(SampleType::$variant => size_of::<$type>()),+ }
            }
        }

        $(impl sealed::Sealed for $type {})+
        $(samples!(@$kind $variant $type);)+
    };
    (@integer $variant:ident $type:ident) => {
        impl Sample for $type {
            const TYPE: SampleType = SampleType::$variant;
            const LEAST: Self = $type::MIN;
            const GREATEST: Self = $type::MAX;
            #[inline(always)]
            fn to_f64(self) -> f64 { self as f64 }
            #[inline(always)]
            fn to_f32(self) -> f32 { self as f32 }
            #[inline(always)]
            fn from_f64(value: f64) -> Self { value.round() as $type }
            #[inline(always)]
            fn from_f32(value: f32) -> Self { value.round() as $type }
            #[inline(always)]
            fn from_i128(value: i128) -> Self { value.clamp($type::MIN as i128, $type::MAX as i128) as $type }
            #[inline(always)]
            fn is_nan(self) -> bool { false }
            fn from_scalar(value: Scalar) -> Option<Self> {
                match value {
                    Scalar::Integer(integer) => integer.try_into().ok(),
                    // 2^127 as a float is beyond every sample type, so the cast below cannot saturate unseen.
                    Scalar::Float(float) if float.fract() == 0.0 && float.abs() < 1e38 => (float as i128).try_into().ok(),
                    Scalar::Float(_) => None,
                }
            }
            fn to_scalar(self) -> Scalar { Scalar::Integer(self as i128) }
        }
    };
    (@float $variant:ident $type:ident) => {
        impl Sample for $type {
            const TYPE: SampleType = SampleType::$variant;
            const LEAST: Self = $type::MIN;
            const GREATEST: Self = $type::MAX;
            #[inline(always)]
            fn to_f64(self) -> f64 { self as f64 }
            #[inline(always)]
            fn to_f32(self) -> f32 { self as f32 }
            #[inline(always)]
            fn from_f64(value: f64) -> Self { value as $type }
            #[inline(always)]
            fn from_f32(value: f32) -> Self { value as $type }
            #[inline(always)]
            fn from_i128(value: i128) -> Self { value as $type }
            #[inline(always)]
            fn is_nan(self) -> bool { self.is_nan() }
            fn from_scalar(value: Scalar) -> Option<Self> {
                let float = value.to_f64();
                let narrow = float as $type;
                if float.is_finite() && narrow.is_infinite() {
                    let limit = if float > 0.0 { $type::MAX } else { $type::MIN };
                    return ((float - limit as f64).abs() < 1e-6 * float.abs()).then_some(limit);
                }
                Some(narrow)
            }
            fn to_scalar(self) -> Scalar { Scalar::Float(self as f64) }
        }
    };
}

samples! {
    U8 u8 "u8" integer "Unsigned, 8 bits.",
    I8 i8 "i8" integer "Signed, 8 bits.",
    U16 u16 "u16" integer "Unsigned, 16 bits.",
    I16 i16 "i16" integer "Signed, 16 bits.",
    U32 u32 "u32" integer "Unsigned, 32 bits.",
    I32 i32 "i32" integer "Signed, 32 bits.",
    U64 u64 "u64" integer "Unsigned, 64 bits.",
    I64 i64 "i64" integer "Signed, 64 bits.",
    F32 f32 "f32" float "IEEE single precision.",
    F64 f64 "f64" float "IEEE double precision.",
}

impl SampleType {
    /// True for `f32` and `f64`.
    #[inline]
    pub const fn is_float(self) -> bool {
        matches!(self, SampleType::F32 | SampleType::F64)
    }

    /// True for signed integers and floats.
    pub const fn is_signed(self) -> bool {
        !matches!(self, SampleType::U8 | SampleType::U16 | SampleType::U32 | SampleType::U64)
    }

    /// True where every value is exact in `f32`: 8- and 16-bit integers, and `f32` itself.
    pub const fn fits_f32(self) -> bool {
        matches!(self, SampleType::U8 | SampleType::I8 | SampleType::U16 | SampleType::I16 | SampleType::F32)
    }

    /// Reads a name such as `u16`; the names that numpy and GDAL use (`uint16`, `Byte`, `Float32`) are understood too.
    ///
    /// # Errors
    /// Usage, if there is no such type.
    pub fn parse(text: &str) -> Result<Self> {
        Ok(match text.to_ascii_lowercase().as_str() {
            "u8" | "uint8" | "byte" => SampleType::U8,
            "i8" | "int8" => SampleType::I8,
            "u16" | "uint16" | "ushort" => SampleType::U16,
            "i16" | "int16" | "short" => SampleType::I16,
            "u32" | "uint32" => SampleType::U32,
            "i32" | "int32" | "int" => SampleType::I32,
            "u64" | "uint64" => SampleType::U64,
            "i64" | "int64" => SampleType::I64,
            "f32" | "float32" | "float" => SampleType::F32,
            "f64" | "float64" | "double" => SampleType::F64,
            _ => {
                let names = SampleType::ALL.map(SampleType::name).join(", ");
                return Err(Error::usage(format!("`{text}` is not a sample type; the types are {names}")));
            }
        })
    }
}

impl std::fmt::Display for SampleType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_round_half_away_and_saturate() {
        assert_eq!(i16::from_f64(-0.5), -1);
        assert_eq!(i16::from_f64(0.5), 1);
        assert_eq!(i16::from_f64(-2.5), -3);
        assert_eq!(u8::from_f32(0.499_999_97), 0);
        assert_eq!(u8::from_f64(300.0), 255);
        assert_eq!(u8::from_f64(f64::NAN), 0);
        assert_eq!(i8::from_f64(f64::NEG_INFINITY), i8::MIN);
    }

    #[test]
    fn nodata_is_converted_exactly_or_not_at_all() {
        assert_eq!(u8::from_scalar(Scalar::parse("256").unwrap()), None);
        assert_eq!(u8::from_scalar(Scalar::parse("1.5").unwrap()), None);
        assert_eq!(u8::from_scalar(Scalar::parse("7.0").unwrap()), Some(7));
        assert_eq!(u64::from_scalar(Scalar::parse("18446744073709551615").unwrap()), Some(u64::MAX));
        assert_eq!(f32::from_scalar(Scalar::parse("3.4028234664e38").unwrap()), Some(f32::MAX));
        assert_eq!(f32::from_scalar(Scalar::parse("-3.4028235e+38").unwrap()), Some(f32::MIN));
        assert!(f32::from_scalar(Scalar::parse("nan").unwrap()).unwrap().is_nan());
        assert_eq!(i32::from_scalar(Scalar::parse("nan").unwrap()), None);
        assert!(Scalar::parse("twelve").is_err());
    }

    #[test]
    fn names_read_back() {
        for sample_type in SampleType::ALL {
            assert_eq!(SampleType::parse(sample_type.name()).unwrap(), sample_type);
            assert_eq!(with_sample!(sample_type, T => T::TYPE), sample_type);
            assert_eq!(with_sample!(sample_type, T => size_of::<T>()), sample_type.size());
        }
    }
}
