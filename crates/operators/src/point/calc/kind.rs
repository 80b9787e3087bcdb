//! The types that expressions compute in, those of numexpr, and constants of them.

use swathe_core::SampleType;

/// numexpr's kinds, in the order in which they are promoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// Truth values, a byte of 0 or 1.
    Bool,
    /// `i32`, which wraps.
    Int,
    /// `i64`, which wraps.
    Long,
    /// `f32`.
    Float,
    /// `f64`.
    Double,
}

impl Kind {
    /// What samples of a raster are read as: narrow integers widen to `int32`, `u32` to `int64`.
    pub(crate) fn of(sample_type: SampleType) -> Self {
        match sample_type {
            SampleType::U8 | SampleType::I8 | SampleType::U16 | SampleType::I16 | SampleType::I32 => {
                Kind::Int
            }
            SampleType::U32 | SampleType::I64 | SampleType::U64 => Kind::Long,
            SampleType::F32 => Kind::Float,
            SampleType::F64 => Kind::Double,
        }
    }

    /// The sample type that holds results as they are.
    pub(crate) fn sample_type(self) -> SampleType {
        match self {
            Kind::Bool => SampleType::U8,
            Kind::Int => SampleType::I32,
            Kind::Long => SampleType::I64,
            Kind::Float => SampleType::F32,
            Kind::Double => SampleType::F64,
        }
    }

    /// Bytes of one value.
    pub(crate) fn size(self) -> usize {
        self.sample_type().size()
    }

    /// The name that numpy gives it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Bool => "bool",
            Kind::Int => "int32",
            Kind::Long => "int64",
            Kind::Float => "float32",
            Kind::Double => "float64",
        }
    }

    /// True for `int32` and `int64`.
    pub(crate) fn is_integer(self) -> bool {
        matches!(self, Kind::Int | Kind::Long)
    }
}

/// A constant. Integers that were written are as long as they need to be, like Python's, until they meet a pixel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Constant {
    /// `True` or `False`.
    Bool(bool),
    /// An integer as written: `int32` where it fits, else `int64`.
    Int(i128),
    /// An integer that is `int64` whatever its size: what functions of integer constants give.
    Long(i64),
    /// `2f`.
    Float(f32),
    /// `2.0`.
    Double(f64),
}

impl Constant {
    /// The kind that it takes into an operation.
    pub(crate) fn kind(self) -> Kind {
        match self {
            Constant::Bool(_) => Kind::Bool,
            Constant::Int(value) if i32::try_from(value).is_ok() => Kind::Int,
            Constant::Int(_) | Constant::Long(_) => Kind::Long,
            Constant::Float(_) => Kind::Float,
            Constant::Double(_) => Kind::Double,
        }
    }

    /// The integer, where it is one; truth values count.
    pub(crate) fn integer(self) -> Option<i128> {
        match self {
            Constant::Bool(value) => Some(i128::from(value)),
            Constant::Int(value) => Some(value),
            Constant::Long(value) => Some(i128::from(value)),
            Constant::Float(_) | Constant::Double(_) => None,
        }
    }

    /// The nearest `f64`.
    pub(crate) fn double(self) -> f64 {
        match self {
            Constant::Float(value) => f64::from(value),
            Constant::Double(value) => value,
            whole => whole.integer().unwrap_or_default() as f64,
        }
    }

    /// Its bits in a register of `kind`, which its own kind can be promoted to; `None` where 64 bits do not hold it.
    pub(crate) fn bits(self, kind: Kind) -> Option<u64> {
        let integer = self.integer().unwrap_or_default();
        Some(match kind {
            Kind::Bool => u64::from(integer != 0),
            Kind::Int => u64::from(i32::try_from(integer).ok()?.cast_unsigned()),
            Kind::Long => i64::try_from(integer).ok()?.cast_unsigned(),
            Kind::Float => u64::from((self.double() as f32).to_bits()),
            Kind::Double => self.double().to_bits(),
        })
    }

    /// The constant that a register of `kind` holds as `bits`.
    pub(crate) fn of_bits(kind: Kind, bits: u64) -> Self {
        match kind {
            Kind::Bool => Constant::Bool(bits != 0),
            Kind::Int => Constant::Int(i128::from((bits as u32).cast_signed())),
            Kind::Long => Constant::Long(bits.cast_signed()),
            Kind::Float => Constant::Float(f32::from_bits(bits as u32)),
            Kind::Double => Constant::Double(f64::from_bits(bits)),
        }
    }
}
