//! `enhanced-lee`: the mean of even areas, the pixel itself on targets, and a mixture between.
//!
//! *Formula*: with `m` and `s^2` mean and variance of the window, `c = s / m`, `u = 1 / sqrt(looks)`,
//! `t = sqrt(1 + 2 / looks)`: `m` where `c <= u`, `p` where `c >= t`, else `m w + p (1 - w)`,
//! `w = exp(-damping (c - u) / (t - c))`; 0 where `|m| < 1e-10`. *Units*: linear intensity.
//! *Source*: Lopes, Touzi and Nezry 1990. *Agrees with*: PCI's FELEE with `--boundary nearest`, by the formula.

use fearless_simd::{Simd, dispatch};
use fearless_simd_macros::simd;
use swathe_core::{
    Documentation, Group, Operator, OperatorSpec, Parameter, ParameterKind, Parameters, RasterInfo, Result,
};

use super::{DDOF, HALO, LOOKS, NODATA, SIZE, TYPES};
use crate::focal::window_statistics::{self, Finish};
use crate::rows::exponential;
use crate::simd::level;

/// The description of `enhanced-lee`.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: "enhanced-lee",
    group: Group::Speckle,
    summary: "speckle filter of Lopes, Touzi and Nezry 1990",
    inputs: (1, 1),
    parameters: &[
        SIZE,
        LOOKS,
        Parameter::optional(
            "damping",
            ParameterKind::Number { least: 0.0, greatest: 100.0 },
            Some("1"),
            "how fast the mean gives way to the pixel itself",
        ),
        DDOF,
        Parameter::BOUNDARY,
        Parameter::NODATA,
        Parameter::TYPE,
    ],
    documentation: Documentation {
        formula: "m where c <= u, p where c >= t, else m w + p (1 - w), w = exp(-damping (c - u) / (t - c)); m mean, c coefficient\nof variation of the window, u = 1 / sqrt(looks), t = sqrt(1 + 2 / looks); 0 where |m| < 1e-10",
        halo: HALO,
        types: TYPES,
        nodata: NODATA,
        cost: "two sums over a window and an exponential",
        source: "Lopes, Touzi and Nezry 1990",
        agrees: "a plain two-pass program in f64 within 1e-12",
        example: "swathe enhanced-lee scene.tif smooth.tif --looks 4.4",
    },
    trials: &[
        "looks=1",
        "looks=4.4 size=5x4 ddof=0 boundary=nearest",
        "looks=10 size=3 damping=2 nodata=propagate",
    ],
    bind,
};

fn bind(parameters: &Parameters, inputs: &[RasterInfo]) -> Result<Box<dyn Operator>> {
    let looks = parameters.number("looks")?.unwrap_or(1.0);
    let damping = parameters.number("damping")?.unwrap_or(1.0);
    let filter = EnhancedLee { noise: (1.0 / looks).sqrt(), target: (1.0 + 2.0 / looks).sqrt(), damping };
    window_statistics::bind(parameters, &inputs[0], Box::new(filter))
}

#[derive(Clone, Copy)]
struct EnhancedLee {
    /// Coefficient of variation of speckle alone.
    noise: f64,
    /// Coefficient of variation from which on a pixel is a target.
    target: f64,
    damping: f64,
}

impl Finish for EnhancedLee {
    fn row(&self, centres: &[f64], means: &[f64], variances: &mut [f64]) {
        dispatch!(level(), simd => filter(simd, *self, centres, means, variances));
    }
}

#[simd]
fn filter<S: Simd>(_: S, limits: EnhancedLee, centres: &[f64], means: &[f64], variances: &mut [f64]) {
    assert!(centres.len() == variances.len() && means.len() == variances.len());
    let EnhancedLee { noise, target, damping } = limits;
    for ((value, &mean), &centre) in variances.iter_mut().zip(means).zip(centres) {
        let spread = value.sqrt() / mean;
        let weight = exponential(-damping * (spread - noise) / (target - spread));
        let mixed = mean * weight + centre * (1.0 - weight);
        let chosen = if spread <= noise {
            mean
        } else if spread >= target {
            centre
        } else {
            mixed
        };
        *value = if mean.abs() < 1e-10 { 0.0 } else { chosen };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial;

    #[test]
    fn agrees_with_a_plain_program() {
        // Rows 2 to 4 of the 7x7 block that SNAP tests its filters with; expected from a two-pass program in numpy.
        let input = trial::raster::<u8>(&[&[
            &[107, 94, 128, 138, 96, 61, 82],
            &[137, 129, 136, 105, 100, 55, 85],
            &[144, 145, 113, 132, 119, 39, 50],
        ]]);
        let expected = [
            127.11111111111111,
            125.88888888888889,
            124.44444444444444,
            118.55555555555556,
            95.0991181547816,
            72.85739202525684,
            66.73715116104083,
        ];
        let output = trial::run(&SPEC, "size=3 looks=20 type=f64", &input).unwrap().rows::<f64>(0);
        for (found, expected) in output[1].iter().zip(expected) {
            assert!((found / expected - 1.0).abs() < 1e-12, "{found} is not {expected}");
        }
    }

    #[test]
    fn an_even_raster_stays_as_it_is() {
        for level in [0, 9] {
            let row = [level; 5];
            let input = trial::raster::<u16>(&[&[&row, &row, &row]]);
            let output = trial::run(&SPEC, "size=3 looks=4", &input).unwrap().rows::<f32>(0);
            assert_eq!(output, [[f32::from(level); 5]; 3]);
        }
    }
}
