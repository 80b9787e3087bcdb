//! Trigonometric interpolation: the one smooth function through equally spaced samples that has no frequency above theirs.

use std::f64::consts::PI;

/// The weight of a sample `distance` away (in samples) from where `length` samples are interpolated.
pub(super) fn weight(distance: f64, length: usize) -> f64 {
    let n = length as f64;
    let turn = PI * distance / n;
    let sine = libm::sin(turn);
    if sine.abs() < 1e-12 {
        // Periodic; a whole period away it is the sample itself again.
        return 1.0;
    }
    let slope = libm::sin(PI * distance) / (n * sine);
    if length.is_multiple_of(2) { slope * libm::cos(turn) } else { slope }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waves_are_met_between_their_samples() {
        for (length, waves) in [(7, 3.0), (8, 3.0), (5, 0.0), (2, 0.0)] {
            let wave = |at: f64| libm::cos(2.0 * PI * waves * at / length as f64 + 0.4);
            for at in [0.0, 0.3, 2.71, 6.5] {
                let found: f64 = (0..length).map(|i| wave(i as f64) * weight(at - i as f64, length)).sum();
                assert!((found - wave(at)).abs() < 1e-12, "{length} samples at {at}: {found}");
            }
        }
    }
}
