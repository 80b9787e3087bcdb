//! The order of samples: by value, -0 before 0, `NaN` after all numbers.

use std::cmp::Ordering;

use swathe_core::Sample;

/// Which of two samples comes first. Samples that come out equal are the same, bit for bit or both `NaN`.
pub(crate) fn order<T: Sample>(a: &T, b: &T) -> Ordering {
    match a.partial_cmp(b) {
        Some(Ordering::Equal) if T::TYPE.is_float() => {
            b.to_f64().is_sign_negative().cmp(&a.to_f64().is_sign_negative())
        }
        Some(order) => order,
        None => a.is_nan().cmp(&b.is_nan()),
    }
}

/// All `NaN` as one.
pub(crate) fn one_nan<T: Sample>(sample: T) -> T {
    if sample.is_nan() { T::from_f64(f64::NAN) } else { sample }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_have_signs_and_nan_comes_last() {
        let mut samples = [f32::NAN, 0.0, -1.0, f32::INFINITY, -0.0, -f32::NAN, f32::NEG_INFINITY];
        samples.sort_by(order);
        let words = samples.map(|sample| one_nan(sample).to_string());
        assert_eq!(words, ["-inf", "-1", "-0", "0", "inf", "NaN", "NaN"]);
        assert_eq!(one_nan(samples[6]).to_bits(), f32::NAN.to_bits());
        assert_eq!(order(&3_u8, &3), Ordering::Equal);
    }
}
