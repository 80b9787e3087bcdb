//! Kernels of the functions that no CPU has an instruction for.

use bytemuck::{cast_slice, cast_slice_mut};
use fearless_simd::{Simd, dispatch};
use fearless_simd_macros::simd;

use super::elementary as fast;
use super::floating::Floating;
use super::kernel::{Kernel, called, called_with};
use super::operation::Operation;
use crate::simd::level;

/// The kernel of a function of `T`; none where there is no such function.
#[expect(clippy::redundant_closure, reason = "they are what makes long functions part of the loops")]
pub(super) fn of_function<T: Floating>(operation: Operation) -> Option<Kernel> {
    Some(match operation {
        Operation::Arccos => called(T::arccos),
        Operation::Arccosh => called(T::arccosh),
        Operation::Arcsin => called(T::arcsin),
        Operation::Arcsinh => called(T::arcsinh),
        Operation::Arctan => called(T::arctan),
        Operation::Arctanh => called(T::arctanh),
        Operation::Cos => guarded(fast::cosine, fast::beyond_circle, T::cos),
        Operation::Cosh => guarded(fast::hyperbolic_cosine, fast::beyond_exponential, T::cosh),
        Operation::Exp => guarded(fast::exponential, fast::beyond_exponential, T::exp),
        Operation::Expm1 => guarded(fast::expm1, fast::beyond_expm1, T::expm1),
        Operation::Log => guarded(fast::logarithm, fast::beyond_logarithm, T::log),
        Operation::Log10 => guarded(fast::logarithm10, fast::beyond_logarithm, T::log10),
        Operation::Log1p => guarded(fast::log1p, fast::beyond_log1p, T::log1p),
        Operation::Log2 => guarded(fast::logarithm2, fast::beyond_logarithm, T::log2),
        Operation::Sin => guarded(fast::sine, fast::beyond_circle, T::sin),
        Operation::Sinh => guarded(fast::hyperbolic_sine, fast::beyond_expm1, T::sinh),
        Operation::Tan => guarded(fast::tangent, fast::beyond_circle, T::tan),
        Operation::Tanh => guarded(fast::hyperbolic_tangent, |_| false, T::tanh),
        Operation::Arctan2 => called_with(T::arctan2),
        Operation::FloatModulo => called_with(T::float_modulo),
        Operation::Hypot => called_with(T::hypot),
        Operation::NextAfter => called_with(T::next_after),
        // What makes values of functions is a call of its own, which the compiler leaves alone where the function is long.
        Operation::Power if T::SINGLE => guarded_with(
            #[inline(always)]
            |x, y| fast::power_single(x, y),
            T::power,
        ),
        Operation::Power => guarded_with(
            #[inline(always)]
            |x, y| fast::power(x, y),
            T::power,
        ),
        _ => return None,
    })
}

/// A function without branches, and what computes it for the numbers `beyond` it, one by one.
fn guarded<T: Floating>(
    function: impl Fn(f64) -> f64 + Copy + Send + Sync + 'static,
    beyond: impl Fn(f64) -> bool + Copy + Send + Sync + 'static,
    exact: fn(T) -> T,
) -> Kernel {
    Box::new(move |to, [a, ..]| {
        let (to, a) = (cast_slice_mut(to), cast_slice::<u8, T>(a));
        if dispatch!(level(), simd => guarded_row(simd, to, a, function, beyond)) {
            for (to, &a) in to.iter_mut().zip(a).filter(|(_, a)| beyond(a.widen())) {
                *to = exact(a);
            }
        }
    })
}

/// As [`guarded`], with two operands; the function says itself what is beyond it.
fn guarded_with<T: Floating>(
    function: impl Fn(f64, f64) -> (f64, bool) + Copy + Send + Sync + 'static,
    exact: fn(T, T) -> T,
) -> Kernel {
    Box::new(move |to, [a, b, _]| {
        let (to, a, b) = (cast_slice_mut(to), cast_slice::<u8, T>(a), cast_slice::<u8, T>(b));
        if dispatch!(level(), simd => guarded_pairs(simd, to, a, b, function)) {
            for (to, (&a, &b)) in to.iter_mut().zip(a.iter().zip(b)) {
                if function(a.widen(), b.widen()).1 {
                    *to = exact(a, b);
                }
            }
        }
    })
}

/// Returns true where some of the numbers are beyond the function.
#[simd]
fn guarded_row<S: Simd, T: Floating>(
    _: S,
    to: &mut [T],
    a: &[T],
    function: impl Fn(f64) -> f64,
    beyond: impl Fn(f64) -> bool,
) -> bool {
    assert_eq!(to.len(), a.len());
    let mut any = false;
    for (to, &a) in to.iter_mut().zip(a) {
        let a = a.widen();
        *to = T::narrow(function(a));
        any |= beyond(a);
    }
    any
}

#[simd]
fn guarded_pairs<S: Simd, T: Floating>(
    _: S,
    to: &mut [T],
    a: &[T],
    b: &[T],
    function: impl Fn(f64, f64) -> (f64, bool),
) -> bool {
    assert!(to.len() == a.len() && to.len() == b.len());
    let mut any = false;
    for (to, (&a, &b)) in to.iter_mut().zip(a.iter().zip(b)) {
        let (value, beyond) = function(a.widen(), b.widen());
        *to = T::narrow(value);
        any |= beyond;
    }
    any
}
