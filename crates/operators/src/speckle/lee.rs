//! `lee`: the local mean where radar speckle explains the spread, towards the pixel itself where it does not.
//!
//! *Formula*: with `m` and `s^2` mean and variance of the window, `c = s / m`, `u = 1 / sqrt(looks)`: `m` where `c < u`,
//! else `p w + m (1 - w)`, `w = 1 - u^2 / c^2`; 0 where `|m| < 1e-10`. *Units*: linear intensity. *Source*: Lee 1980.
//! *Agrees with*: OTB's `Despeckle -filter lee` with `--boundary nearest`, by the formula; it gives `m` where `s^2 < 1e-10`,
//! whatever the unit.

use fearless_simd::{Simd, dispatch};
use fearless_simd_macros::simd;
use swathe_core::{Documentation, Group, Operator, OperatorSpec, Parameter, Parameters, RasterInfo, Result};

use super::{DDOF, DOMAIN, HALO, LEAST_MEAN, LOOKS, NODATA, SIZE, Speckle, TYPES, scale};
use crate::focal::window_statistics::{self, Finish, FinishPixel};
use crate::simd::level;

/// The description of `lee`.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: "lee",
    group: Group::Speckle,
    summary: "speckle filter of Lee 1980",
    inputs: (1, 1),
    parameters: &[SIZE, LOOKS, DOMAIN, DDOF, Parameter::BOUNDARY, Parameter::NODATA, Parameter::TYPE],
    documentation: Documentation {
        formula: "m where c < u, else p w + m (1 - w), w = 1 - u^2 / c^2; m mean, c coefficient of variation of the window,\nu = 1 / sqrt(looks), in amplitude 0.5227 / sqrt(looks); 0 where |m| < 1e-10",
        halo: HALO,
        types: TYPES,
        nodata: NODATA,
        cost: "two sums over a window and some 10 operations",
        source: "Lee 1980",
        agrees: "a plain two-pass program in f64 within 1e-12",
        example: "swathe lee scene.tif smooth.tif --looks 4.4",
    },
    trials: &[
        "looks=1",
        "looks=4.4 size=5x4 ddof=0 boundary=nearest",
        "looks=10 size=3 nodata=propagate domain=db",
    ],
    bind,
};

fn bind(parameters: &Parameters, inputs: &[RasterInfo]) -> Result<Box<dyn Operator>> {
    let Speckle { variation, .. } = Speckle::of(parameters)?;
    let finish = Finish::OfPixel(Box::new(Lee { noise: variation * variation }));
    window_statistics::bind(parameters, &inputs[0], scale(parameters), finish)
}

struct Lee {
    /// Squared coefficient of variation of speckle alone.
    noise: f64,
}

impl FinishPixel for Lee {
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
        *value = if mean.abs() < LEAST_MEAN { 0.0 } else { chosen };
    }
}
