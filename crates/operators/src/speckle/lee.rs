//! `lee`: the local mean where radar speckle explains the spread, towards the pixel itself where it does not.
//!
//! *Formula*: with `m` and `s^2` mean and variance of the window, `c = s / m`, `u = 1 / sqrt(looks)`: `m` where `c < u`,
//! else `p w + m (1 - w)`, `w = 1 - u^2 / c^2`; 0 where `|m| < 1e-10`. *Units*: linear intensity. *Source*: Lee 1980.
//! *Agrees with*: OTB's `Despeckle -filter lee` with `--boundary nearest`, by the formula.

use fearless_simd::{Simd, dispatch};
use fearless_simd_macros::simd;
use swathe_core::{Documentation, Group, Operator, OperatorSpec, Parameter, Parameters, RasterInfo, Result};

use super::{DDOF, HALO, LOOKS, NODATA, SIZE, TYPES};
use crate::focal::window_statistics::{self, Finish};
use crate::simd::level;

/// The description of `lee`.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: "lee",
    group: Group::Speckle,
    summary: "speckle filter of Lee 1980",
    inputs: (1, 1),
    parameters: &[SIZE, LOOKS, DDOF, Parameter::BOUNDARY, Parameter::NODATA, Parameter::TYPE],
    documentation: Documentation {
        formula: "m where c < u, else p w + m (1 - w), w = 1 - u^2 / c^2; m mean, c coefficient of variation of the window,\nu = 1 / sqrt(looks); 0 where |m| < 1e-10",
        halo: HALO,
        types: TYPES,
        nodata: NODATA,
        cost: "two sums over a window and some 10 operations",
        source: "Lee 1980",
        agrees: "a plain two-pass program in f64 within 1e-12",
        example: "swathe lee scene.tif smooth.tif --looks 4.4",
    },
    trials: &["looks=1", "looks=4.4 size=5x4 ddof=0 boundary=nearest", "looks=10 size=3 nodata=propagate"],
    bind,
};

fn bind(parameters: &Parameters, inputs: &[RasterInfo]) -> Result<Box<dyn Operator>> {
    let looks = parameters.number("looks")?.unwrap_or(1.0);
    window_statistics::bind(parameters, &inputs[0], Box::new(Lee { noise: 1.0 / looks }))
}

struct Lee {
    /// Squared coefficient of variation of speckle alone.
    noise: f64,
}

impl Finish for Lee {
    fn row(&self, centres: &[f64], means: &[f64], variances: &mut [f64]) {
        dispatch!(level(), simd => filter(simd, self.noise, centres, means, variances));
    }
}

#[simd]
fn filter<S: Simd>(_: S, noise: f64, centres: &[f64], means: &[f64], variances: &mut [f64]) {
    assert!(centres.len() == variances.len() && means.len() == variances.len());
    for ((value, &mean), &centre) in variances.iter_mut().zip(means).zip(centres) {
        let spread = *value / (mean * mean);
        let weight = 1.0 - noise / spread;
        let mixed = centre * weight + mean * (1.0 - weight);
        let chosen = if spread < noise { mean } else { mixed };
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
            97.80141578939117,
            63.79721108227831,
            72.20414777930762,
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
