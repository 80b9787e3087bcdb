//! The inverse tangent from plain arithmetic: the same bits on every machine (see `exponential`).

use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI};

/// The arguments from which on the next centre is used, and the centres' arctangents in two parts (fdlibm, `s_atan.c`).
const LIMITS: [f64; 4] = [0.4375, 0.6875, 1.1875, 2.4375];
const HIGH: [f64; 4] = [0.463_647_609_000_806_1, FRAC_PI_4, 0.982_793_723_247_329, FRAC_PI_2];
const LOW: [f64; 4] = [
    2.269_877_745_296_168_7e-17,
    3.061_616_997_868_383e-17,
    1.390_331_103_123_099_8e-17,
    6.123_233_995_736_766e-17,
];

/// Coefficients of `1 - arctangent(x) / x` in powers of `x^2`, for `|x| < 7 / 16`.
const SERIES: [f64; 11] = [
    0.333_333_333_333_329_3,
    -0.199_999_999_998_764_83,
    0.142_857_142_725_034_66,
    -0.111_111_104_054_623_56,
    0.090_908_871_334_365_07,
    -0.076_918_762_050_448_3,
    0.066_610_731_373_875_31,
    -0.058_335_701_337_905_735,
    0.049_768_779_946_159_324,
    -0.036_531_572_744_216_916,
    0.016_285_820_115_365_782,
];

/// The angle in radians whose tangent is `x`, within 1 unit in the last place; `NaN` for `NaN`.
///
/// No branches, so that it becomes vectors.
#[inline(always)]
pub(crate) fn arctangent(x: f64) -> f64 {
    let size = x.abs();
    // With t the centre's tangent, arctangent(x) = arctangent(t) + arctangent((x - t) / (1 + t x)).
    let (mut above, mut below, mut high, mut low) = (size, 1.0, 0.0, 0.0);
    let centres = [
        (2.0 * size - 1.0, 2.0 + size),
        (size - 1.0, size + 1.0),
        (size - 1.5, 1.0 + 1.5 * size),
        (-1.0, size),
    ];
    for (index, centre) in centres.into_iter().enumerate() {
        let past = size >= LIMITS[index];
        above = if past { centre.0 } else { above };
        below = if past { centre.1 } else { below };
        high = if past { HIGH[index] } else { high };
        low = if past { LOW[index] } else { low };
    }
    let rest = above / below;
    let square = rest * rest;
    let series = SERIES.iter().rev().fold(0.0, |sum, term| sum * square + term) * square;
    let angle = high - ((rest * series - low) - rest);
    angle.copysign(x)
}

/// The angle in radians, from -pi to pi, of the direction `(x, y)`; 0 or pi for no direction.
#[inline(always)]
pub(crate) fn angle_of(y: f64, x: f64) -> f64 {
    let steep = y.abs() > x.abs();
    let (short, long) = if steep { (x.abs(), y.abs()) } else { (y.abs(), x.abs()) };
    let small = arctangent(if long == 0.0 { 0.0 } else { short / long });
    let first = if steep { FRAC_PI_2 - small } else { small };
    let half = if x.is_sign_negative() { PI - first } else { first };
    half.copysign(y)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_system() {
        for i in -20_000..20_000 {
            let x = f64::from(i) * 0.000_731 * (1.0 + f64::from(i).abs() / 100.0);
            let (ours, theirs) = (arctangent(x), x.atan());
            assert!((ours - theirs).abs() <= 3e-16 * theirs.abs(), "{x}: {ours} {theirs}");
        }
        assert_eq!(arctangent(f64::INFINITY), FRAC_PI_2);
        assert_eq!(arctangent(-0.0).to_bits(), (-0.0_f64).to_bits());
        assert!(arctangent(f64::NAN).is_nan());
    }

    #[test]
    fn all_quadrants_are_told_apart() {
        for i in 0..720 {
            let angle = f64::from(i) * 0.5_f64.to_radians() - 3.1;
            let (y, x) = (7.0 * angle.sin(), 7.0 * angle.cos());
            assert!((angle_of(y, x) - y.atan2(x)).abs() < 1e-15, "{angle}");
        }
        for (y, x) in [(0.0, 1.0), (0.0, -1.0), (1.0, 0.0), (-1.0, 0.0), (0.0, 0.0), (-3.0, -3.0)] {
            assert!((angle_of(y, x) - f64::atan2(y, x)).abs() < 1e-15, "{y} {x}");
        }
    }
}
