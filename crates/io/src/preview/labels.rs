//! Colours of labels.
//!
//! Hues go round the circle by the golden angle, so that labels that follow one another, as neighbours mostly do, are far
//! apart and no hue comes again soon; brightness and saturation change too, in steps that share no divisor with each other.

/// The part of the circle of hues between a label and the next: what is left of 1 by the golden ratio.
const GOLDEN: f64 = 0.618_033_988_749_894_9;

/// Red, green and blue of a label, 0 to 255; 0 is background and black.
pub(super) fn colour(label: f64) -> [f64; 3] {
    if label == 0.0 {
        return [0.0; 3];
    }
    let hue = (label * GOLDEN).rem_euclid(1.0) * 6.0;
    let brightness = 255.0 * (1.0 - 0.15 * label.rem_euclid(3.0));
    let saturation = 0.9 - 0.15 * label.rem_euclid(4.0);
    // The distance from a hue's own place on the circle, cut to what a channel shows of it.
    let share = |middle: f64| {
        let apart = (hue - middle).abs();
        (2.0 - apart.min(6.0 - apart)).clamp(0.0, 1.0)
    };
    [0.0, 2.0, 4.0].map(|middle| (brightness * (1.0 - saturation * (1.0 - share(middle)))).round())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_follow_one_another_are_told_apart() {
        let apart = |a: [f64; 3], b: [f64; 3]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f64>();
        for label in (-3..5000).chain([u32::MAX as i64 - 40]).map(|label| label as f64) {
            let own = colour(label);
            assert!(own.iter().all(|part| (0.0..=255.0).contains(part) && part.fract() == 0.0), "{own:?}");
            for other in 1..=12 {
                let difference = apart(own, colour(label + f64::from(other)));
                assert!(difference >= 30.0, "labels {label} and {other} more differ by {difference}");
            }
            assert!(
                label == 0.0 || own.iter().sum::<f64>() > 200.0,
                "label {label} is as dark as 0: {own:?}"
            );
        }
        assert_eq!(colour(0.0), [0.0; 3]);
    }
}
