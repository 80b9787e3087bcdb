//! Rows through one operation: a loop for each operation and type, compiled for each CPU level.

use bytemuck::{Pod, cast_slice, cast_slice_mut};
use fearless_simd::{Simd, dispatch};
use fearless_simd_macros::simd;
use swathe_core::{Sample, SampleType, with_sample};

use super::floating::Floating;
use super::function::of_function;
use super::integer::Integer;
use super::kind::Kind;
use super::operation::Operation;
use crate::simd::level;

/// Fills a row from the rows of up to three operands, given as the bytes of their values.
pub(super) type Kernel = Box<dyn Fn(&mut [u8], [&[u8]; 3]) + Send + Sync>;

/// The kernel of an operation that takes operands of kind `operand` (those behind the condition of `where`) and gives
/// `result`; none where there is no such operation.
pub(super) fn kernel(operation: Operation, operand: Kind, result: Kind) -> Option<Kernel> {
    match (operation, operand) {
        (Operation::Cast, _) => cast(operand, result),
        (Operation::DivideIntegers, Kind::Int) => Some(binary(|a: i32, b: i32| f64::from(a) / f64::from(b))),
        (Operation::DivideNarrow, Kind::Int) => Some(binary(|a: i32, b: i32| a as f32 / b as f32)),
        (Operation::Narrow, Kind::Double) => Some(unary(|value: f64| value as f32)),
        (_, Kind::Bool) => of_bool(operation),
        (Operation::FloorDivide, Kind::Int) => Some(binary(i32::floor_divide)),
        (Operation::Modulo, Kind::Int) => Some(binary(i32::modulo)),
        (_, Kind::Int) => of_integer::<i32>(operation),
        (_, Kind::Long) => of_integer::<i64>(operation),
        (_, Kind::Float) => of_floating::<f32>(operation),
        (_, Kind::Double) => of_floating::<f64>(operation),
    }
}

/// The kernel that reads samples as values of `kind`.
pub(super) fn load(sample_type: SampleType, kind: Kind) -> Option<Kernel> {
    Some(match (sample_type, kind) {
        (SampleType::U8, Kind::Int) => unary(|sample: u8| i32::from(sample)),
        (SampleType::I8, Kind::Int) => unary(|sample: i8| i32::from(sample)),
        (SampleType::U16, Kind::Int) => unary(|sample: u16| i32::from(sample)),
        (SampleType::I16, Kind::Int) => unary(|sample: i16| i32::from(sample)),
        (SampleType::U8, Kind::Long) => unary(|sample: u8| i64::from(sample)),
        (SampleType::I8, Kind::Long) => unary(|sample: i8| i64::from(sample)),
        (SampleType::U16, Kind::Long) => unary(|sample: u16| i64::from(sample)),
        (SampleType::I16, Kind::Long) => unary(|sample: i16| i64::from(sample)),
        (SampleType::U32, Kind::Long) => unary(|sample: u32| i64::from(sample)),
        (SampleType::I32, Kind::Long) => unary(|sample: i32| i64::from(sample)),
        (SampleType::U64, Kind::Long) => unary(u64::cast_signed),
        (SampleType::U64, Kind::Double) => unary(|sample: u64| sample.cast_signed() as f64),
        (SampleType::U64, Kind::Float) => unary(|sample: u64| sample.cast_signed() as f32),
        (_, Kind::Double) => with_sample!(sample_type, T => unary(T::to_f64)),
        (_, Kind::Float) => with_sample!(sample_type, T => unary(T::to_f32)),
        _ => return None,
    })
}

/// What an operation gives for constants, the kind and the bits of each; none where there is no such operation.
pub(super) fn fold(operation: Operation, result: Kind, operands: &[(Kind, u64)]) -> Option<u64> {
    let run = kernel(operation, operands.last()?.0, result)?;
    let mut words = [[0_u64]; 3];
    for (word, &(kind, bits)) in words.iter_mut().zip(operands) {
        fill(kind, bits, &mut cast_slice_mut(word)[..kind.size()]);
    }
    let size = |i: usize| operands.get(i).map_or(0, |(kind, _)| kind.size());
    let operands: [&[u8]; 3] = std::array::from_fn(|i| &cast_slice(&words[i])[..size(i)]);
    let mut word = [0_u64];
    let target = &mut cast_slice_mut::<u64, u8>(&mut word)[..result.size()];
    run(target, operands);
    Some(match result {
        Kind::Bool => u64::from(target[0]),
        Kind::Int | Kind::Float => u64::from(cast_slice::<u8, u32>(target)[0]),
        Kind::Long | Kind::Double => cast_slice::<u8, u64>(target)[0],
    })
}

/// Fills a row of values of `kind` with one value, given by its bits.
pub(super) fn fill(kind: Kind, bits: u64, row: &mut [u8]) {
    match kind {
        Kind::Bool => row.fill(bits as u8),
        Kind::Int | Kind::Float => cast_slice_mut(row).fill(bits as u32),
        Kind::Long | Kind::Double => cast_slice_mut(row).fill(bits),
    }
}

/// Fills a row of `int64` with `first` and what follows it.
pub(super) fn count_from(first: i64, row: &mut [u8]) {
    for (value, number) in cast_slice_mut::<u8, i64>(row).iter_mut().zip(first..) {
        *value = number;
    }
}

fn unary<T: Pod, R: Pod>(f: impl Fn(T) -> R + Copy + Send + Sync + 'static) -> Kernel {
    Box::new(move |to, [a, ..]| {
        let (to, a) = (cast_slice_mut(to), cast_slice(a));
        dispatch!(level(), simd => unary_row(simd, to, a, f));
    })
}

fn binary<T: Pod, R: Pod>(f: impl Fn(T, T) -> R + Copy + Send + Sync + 'static) -> Kernel {
    Box::new(move |to, [a, b, _]| {
        let (to, a, b) = (cast_slice_mut(to), cast_slice(a), cast_slice(b));
        dispatch!(level(), simd => binary_row(simd, to, a, b, f));
    })
}

fn test<T: Pod>(f: impl Fn(T) -> bool + Copy + Send + Sync + 'static) -> Kernel {
    unary(move |a: T| u8::from(f(a)))
}

fn compare<T: Pod>(f: impl Fn(&T, &T) -> bool + Copy + Send + Sync + 'static) -> Kernel {
    binary(move |a: T, b: T| u8::from(f(&a, &b)))
}

/// A function that is called for each value, of which vectors make nothing.
pub(super) fn called<T: Pod>(f: fn(T) -> T) -> Kernel {
    Box::new(move |to, [a, ..]| {
        for (to, &a) in cast_slice_mut(to).iter_mut().zip(cast_slice(a)) {
            *to = f(a);
        }
    })
}

/// As [`called`], with two operands.
pub(super) fn called_with<T: Pod>(f: fn(T, T) -> T) -> Kernel {
    Box::new(move |to, [a, b, _]| {
        let operands = cast_slice(a).iter().zip(cast_slice(b));
        for (to, (&a, &b)) in cast_slice_mut(to).iter_mut().zip(operands) {
            *to = f(a, b);
        }
    })
}

fn choose<T: Pod>() -> Kernel {
    Box::new(|to, [condition, a, b]| {
        let (to, a, b) = (cast_slice_mut::<u8, T>(to), cast_slice(a), cast_slice(b));
        dispatch!(level(), simd => choose_row(simd, to, condition, a, b));
    })
}

#[simd]
fn unary_row<S: Simd, T: Copy, R>(_: S, to: &mut [R], a: &[T], f: impl Fn(T) -> R) {
    assert_eq!(to.len(), a.len());
    for (to, &a) in to.iter_mut().zip(a) {
        *to = f(a);
    }
}

#[simd]
fn binary_row<S: Simd, T: Copy, R>(_: S, to: &mut [R], a: &[T], b: &[T], f: impl Fn(T, T) -> R) {
    assert!(to.len() == a.len() && to.len() == b.len());
    for (to, (&a, &b)) in to.iter_mut().zip(a.iter().zip(b)) {
        *to = f(a, b);
    }
}

#[simd]
fn choose_row<S: Simd, T: Copy>(_: S, to: &mut [T], condition: &[u8], a: &[T], b: &[T]) {
    assert!(to.len() == condition.len() && to.len() == a.len() && to.len() == b.len());
    for (to, (&condition, (&a, &b))) in to.iter_mut().zip(condition.iter().zip(a.iter().zip(b))) {
        *to = if condition != 0 { a } else { b };
    }
}

fn cast(from: Kind, to: Kind) -> Option<Kernel> {
    Some(match (from, to) {
        (Kind::Bool, Kind::Int) => unary(|value: u8| i32::from(value)),
        (Kind::Int, Kind::Long) => unary(|value: i32| i64::from(value)),
        (Kind::Int, Kind::Float) => unary(|value: i32| value as f32),
        (Kind::Int, Kind::Double) => unary(|value: i32| f64::from(value)),
        (Kind::Long, Kind::Float) => unary(|value: i64| value as f32),
        (Kind::Long, Kind::Double) => unary(|value: i64| value as f64),
        (Kind::Float, Kind::Double) => unary(|value: f32| f64::from(value)),
        _ => return None,
    })
}

fn of_bool(operation: Operation) -> Option<Kernel> {
    Some(match operation {
        Operation::Where => choose::<u8>(),
        Operation::Invert => unary(|a: u8| a ^ 1),
        Operation::And => binary(|a: u8, b: u8| a & b),
        Operation::Or => binary(|a: u8, b: u8| a | b),
        Operation::Xor | Operation::NotEqual => binary(|a: u8, b: u8| a ^ b),
        Operation::Equal => binary(|a: u8, b: u8| a ^ b ^ 1),
        _ => return None,
    })
}

fn of_any<T: Pod + PartialOrd>(operation: Operation) -> Option<Kernel> {
    Some(match operation {
        Operation::Where => choose::<T>(),
        Operation::Greater => compare::<T>(T::gt),
        Operation::GreaterEqual => compare::<T>(T::ge),
        Operation::Equal => compare::<T>(T::eq),
        Operation::NotEqual => compare::<T>(T::ne),
        _ => return None,
    })
}

fn of_integer<T: Integer>(operation: Operation) -> Option<Kernel> {
    Some(match operation {
        Operation::Negate => unary(T::negate),
        Operation::Invert => unary(T::invert),
        Operation::Sign => unary(T::sign),
        Operation::Add => binary(T::add),
        Operation::Subtract => binary(T::subtract),
        Operation::Multiply => binary(T::multiply),
        Operation::FloorDivide => called_with(T::floor_divide),
        Operation::Modulo => called_with(T::modulo),
        Operation::Power => called_with(T::power),
        Operation::ShiftLeft => binary(T::shift_left),
        Operation::ShiftRight => binary(T::shift_right),
        Operation::And => binary(T::and),
        Operation::Or => binary(T::or),
        Operation::Xor => binary(T::xor),
        Operation::Maximum => binary(|a: T, b: T| if a > b { a } else { b }),
        Operation::Minimum => binary(|a: T, b: T| if a < b { a } else { b }),
        _ => return of_any::<T>(operation),
    })
}

fn of_floating<T: Floating>(operation: Operation) -> Option<Kernel> {
    Some(match operation {
        Operation::Negate => unary(T::negate),
        Operation::Absolute => unary(T::absolute),
        Operation::SquareRoot => unary(T::square_root),
        Operation::Floor => unary(T::floor),
        Operation::Ceil => unary(T::ceil),
        Operation::Truncate => unary(T::truncate),
        Operation::Round => unary(T::round),
        Operation::Sign => unary(T::sign),
        Operation::IsNan => test(T::is_nan),
        Operation::IsFinite => test(T::is_finite),
        Operation::IsInf => test(T::is_infinite),
        Operation::SignBit => test(T::is_negative),
        Operation::Add => binary(T::add),
        Operation::Subtract => binary(T::subtract),
        Operation::Multiply => binary(T::multiply),
        Operation::Divide => binary(T::divide),
        Operation::Modulo => binary(T::modulo),
        Operation::FloorDivide => binary(T::floor_divide),
        Operation::CopySign => binary(T::copy_sign),
        Operation::Maximum => binary(greater::<T>),
        Operation::Minimum => binary(lesser::<T>),
        _ => return of_function::<T>(operation).or_else(|| of_any::<T>(operation)),
    })
}

/// The second where they are equal (-0 and 0 are), as the C library has it on x86; `NaN` where one is.
#[inline(always)]
fn greater<T: Floating>(a: T, b: T) -> T {
    let greater = if a > b { a } else { b };
    if a.is_nan() || b.is_nan() { T::NAN } else { greater }
}

/// As [`greater`].
#[inline(always)]
fn lesser<T: Floating>(a: T, b: T) -> T {
    let lesser = if a < b { a } else { b };
    if a.is_nan() || b.is_nan() { T::NAN } else { lesser }
}
