//! Operators between constants, with Python's arithmetic, as numexpr has it: integers as long as they need to be,
//! `7 / 2` is 3.5, `-7 // 2` is -4, `2 ** -1` is 0.5. Division by zero gives what it gives between pixels.

use super::kind::{Constant, Kind};
use super::operation::Operation;

/// `-a` or `~a`, or why not.
pub(crate) fn unary(operation: Operation, a: Constant) -> Result<Constant, String> {
    let too_large = || "the result does not fit 128 bits".to_string();
    match (operation, a) {
        (Operation::Negate, Constant::Float(a)) => Ok(Constant::Float(-a)),
        (Operation::Negate, Constant::Double(a)) => Ok(Constant::Double(-a)),
        (Operation::Negate, Constant::Long(a)) => Ok(Constant::Long(a.wrapping_neg())),
        (Operation::Invert, Constant::Long(a)) => Ok(Constant::Long(!a)),
        (Operation::Invert, Constant::Bool(a)) => Ok(Constant::Bool(!a)),
        (Operation::Invert, Constant::Float(_) | Constant::Double(_)) => Err("`~` takes integers".into()),
        (Operation::Invert, a) => Ok(Constant::Int(!a.integer().ok_or_else(too_large)?)),
        (_, a) => a.integer().and_then(i128::checked_neg).map(Constant::Int).ok_or_else(too_large),
    }
}

/// `a operation b`, or why not.
pub(crate) fn binary(operation: Operation, a: Constant, b: Constant) -> Result<Constant, String> {
    if operation.compares() {
        return Ok(Constant::Bool(compare(operation, a, b)));
    }
    match (a.integer(), b.integer()) {
        (Some(_), Some(_)) if operation == Operation::Divide => Ok(Constant::Double(a.double() / b.double())),
        (Some(x), Some(y)) => integers(operation, (a, x), (b, y)),
        _ => {
            let value = doubles(operation, a.double(), b.double())?;
            let single = a.kind().max(b.kind()) == Kind::Float;
            Ok(if single { Constant::Float(value as f32) } else { Constant::Double(value) })
        }
    }
}

fn compare(operation: Operation, a: Constant, b: Constant) -> bool {
    let order = match (a.integer(), b.integer()) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => a.double().partial_cmp(&b.double()),
    };
    match operation {
        Operation::Less => order.is_some_and(|order| order.is_lt()),
        Operation::LessEqual => order.is_some_and(|order| order.is_le()),
        Operation::Greater => order.is_some_and(|order| order.is_gt()),
        Operation::GreaterEqual => order.is_some_and(|order| order.is_ge()),
        Operation::Equal => order.is_some_and(|order| order.is_eq()),
        _ => order.is_none_or(|order| order.is_ne()),
    }
}

fn integers(
    operation: Operation,
    (first, a): (Constant, i128),
    (second, b): (Constant, i128),
) -> Result<Constant, String> {
    let both_bool = first.kind() == Kind::Bool && second.kind() == Kind::Bool;
    let fixed = matches!(first, Constant::Long(_)) || matches!(second, Constant::Long(_));
    let shift = u32::try_from(b).ok().filter(|&shift| shift < 127);
    let value = match operation {
        Operation::Add => a.checked_add(b),
        Operation::Subtract => a.checked_sub(b),
        Operation::Multiply => a.checked_mul(b),
        Operation::FloorDivide if b == 0 => Some(0),
        Operation::FloorDivide => a.checked_sub(floored_rest(a, b)).map(|even| even.wrapping_div(b)),
        Operation::Modulo if b == 0 => Some(0),
        Operation::Modulo => Some(floored_rest(a, b)),
        Operation::Power if b < 0 => return Ok(Constant::Double(libm::pow(a as f64, b as f64))),
        Operation::Power => power(a, b),
        Operation::ShiftLeft => shift.and_then(|shift| a.checked_mul(1_i128 << shift)),
        Operation::ShiftRight => u32::try_from(b).ok().map(|shift| a >> shift.min(127)),
        Operation::And => Some(a & b),
        Operation::Or => Some(a | b),
        Operation::Xor => Some(a ^ b),
        _ => None,
    };
    let value = value.ok_or("the result does not fit 128 bits, or the count of a shift is negative")?;
    Ok(match operation {
        Operation::And | Operation::Or | Operation::Xor if both_bool => Constant::Bool(value != 0),
        // Wraps, as numpy's `int64` does.
        _ if fixed => Constant::Long(value as i64),
        _ => Constant::Int(value),
    })
}

/// What is left of `a` by `b`, with the sign of `b`, which is not 0.
fn floored_rest(a: i128, b: i128) -> i128 {
    let rest = a.wrapping_rem(b);
    if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest }
}

/// `a ** b` in time that does not grow with `b`, or nothing where it does not fit.
fn power(a: i128, b: i128) -> Option<i128> {
    match a {
        0 | 1 => Some(if b == 0 { 1 } else { a }),
        -1 => Some(if b % 2 == 0 { 1 } else { -1 }),
        _ => a.checked_pow(u32::try_from(b).ok()?),
    }
}

fn doubles(operation: Operation, a: f64, b: f64) -> Result<f64, String> {
    Ok(match operation {
        Operation::Add => a + b,
        Operation::Subtract => a - b,
        Operation::Multiply => a * b,
        Operation::Divide => a / b,
        Operation::Modulo => python_rest(a, b),
        Operation::FloorDivide => {
            let quotient = (a - python_rest(a, b)) / b;
            let floor = quotient.floor();
            if quotient - floor > 0.5 { floor + 1.0 } else { floor }
        }
        Operation::Power => libm::pow(a, b),
        _ => return Err("shifts, `&`, `|` and `^` take integers and truth values".into()),
    })
}

/// CPython's `float.__mod__`: exact, with the sign of `b`.
fn python_rest(a: f64, b: f64) -> f64 {
    let rest = a % b;
    if rest == 0.0 {
        rest.copysign(b)
    } else if (b < 0.0) == (rest < 0.0) {
        rest
    } else {
        rest + b
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Constant::{Bool, Double, Int, Long};

    /// Values from CPython 3.11.
    #[test]
    fn constants_compute_as_in_python() {
        let with = |a, operation, b| binary(operation, a, b).unwrap();
        assert_eq!(with(Int(7), Operation::Divide, Int(2)), Double(3.5));
        assert_eq!(with(Int(-7), Operation::FloorDivide, Int(2)), Int(-4));
        assert_eq!(with(Int(-7), Operation::Modulo, Int(3)), Int(2));
        assert_eq!(with(Int(7), Operation::Modulo, Int(-3)), Int(-2));
        assert_eq!(with(Int(100_000), Operation::Multiply, Int(100_000)), Int(10_000_000_000));
        assert_eq!(with(Int(2), Operation::Power, Int(-1)), Double(0.5));
        assert_eq!(with(Int(1), Operation::ShiftLeft, Int(40)), Int(1 << 40));
        assert_eq!(with(Int(-9), Operation::ShiftRight, Int(500)), Int(-1));
        assert_eq!(with(Bool(true), Operation::Add, Bool(true)), Int(2));
        assert_eq!(with(Bool(true), Operation::Xor, Bool(true)), Bool(false));
        assert_eq!(with(Double(-7.5), Operation::Modulo, Int(3)), Double(1.5));
        assert_eq!(with(Double(5.3), Operation::Modulo, Double(0.1)), Double(0.099_999_999_999_999_53));
        assert_eq!(with(Double(-7.5), Operation::FloorDivide, Double(2.0)), Double(-4.0));
        assert_eq!(with(Int(3), Operation::Less, Double(3.5)), Bool(true));
        assert_eq!(with(Double(f64::NAN), Operation::NotEqual, Int(1)), Bool(true));
        assert_eq!(with(Long(i64::MAX), Operation::Add, Int(1)), Long(i64::MIN));
        assert_eq!(with(Int(1), Operation::Divide, Int(0)), Double(f64::INFINITY));
        assert_eq!(unary(Operation::Invert, Int(5)).unwrap(), Int(-6));
        assert_eq!(unary(Operation::Negate, Bool(true)).unwrap(), Int(-1));
    }

    #[test]
    fn what_grows_without_end_is_refused_at_once() {
        assert!(binary(Operation::Power, Int(9), Int(387_420_489)).is_err());
        assert!(binary(Operation::ShiftLeft, Int(1), Int(1 << 40)).is_err());
        assert!(binary(Operation::Multiply, Int(i128::MAX), Int(2)).is_err());
        assert_eq!(binary(Operation::Power, Int(-1), Int(i128::MAX)).unwrap(), Int(-1));
        assert!(binary(Operation::And, Double(1.0), Int(1)).is_err());
        assert!(unary(Operation::Invert, Double(1.0)).is_err());
    }
}
