//! Small operations in a form that compiles to a few vector instructions on every CPU, without calls or branches.

/// `first` where `condition` holds, else `second`.
#[inline(always)]
pub(super) fn choose(condition: bool, first: f32, second: f32) -> f32 {
    let mask = u32::from(condition).wrapping_neg();
    f32::from_bits(first.to_bits() & mask | second.to_bits() & !mask)
}

/// The greater number. `f32::max` has rules for `NaN`, which does not occur here, that cost three instructions.
#[inline(always)]
pub(super) fn at_least(value: f32, least: f32) -> f32 {
    if value > least { value } else { least }
}

/// The lesser number.
#[inline(always)]
pub(super) fn at_most(value: f32, greatest: f32) -> f32 {
    if value < greatest { value } else { greatest }
}

/// 1.5 x 2^23: a number within two million of 0 that is added to it leaves its nearest whole number in the last bits.
const SHIFT: f32 = 12_582_912.0;

/// The nearest whole number (half to even), for numbers within four million of 0.
///
/// `round` is a library call where the CPU has no instruction for it, and a conversion with `as` checks its range.
#[inline(always)]
pub(super) fn nearest(value: f32) -> i32 {
    (value + SHIFT).to_bits().wrapping_sub(SHIFT.to_bits()) as i32
}

/// The whole number below `value` and the rest, 0 to 1, for `value` within two million of 0.
#[inline(always)]
pub(super) fn split(value: f32) -> (i32, f32) {
    let shifted = (value - 0.5) + SHIFT;
    (shifted.to_bits().wrapping_sub(SHIFT.to_bits()) as i32, value - (shifted - SHIFT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_nearest_or_below() {
        for (value, whole) in
            [(0.0, 0), (0.6, 1), (-0.6, -1), (2.5, 2), (-3.9e6, -3_900_000), (4e6, 4_000_000)]
        {
            assert_eq!(nearest(value), whole);
        }
        for (value, whole, rest) in [(0.25, 0, 0.25), (-0.25, -1, 0.75), (1_000_000.75, 1_000_000, 0.75)] {
            assert_eq!(split(value), (whole, rest));
        }
    }

    #[test]
    fn choices_are_what_they_say() {
        assert_eq!([choose(true, 1.0, -2.0), choose(false, 1.0, -2.0)], [1.0, -2.0]);
        assert_eq!([at_least(-1.0, 0.5), at_least(2.0, 0.5)], [0.5, 2.0]);
        assert_eq!([at_most(-1.0, 0.5), at_most(2.0, 0.5)], [-1.0, 0.5]);
    }
}
