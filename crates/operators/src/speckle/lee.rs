//! `lee`: the local mean where radar speckle explains the spread, towards the pixel itself where it does not.
//!
//! *Formula*: with `m` and `s^2` mean and variance of the window, `c = s / m`, `u = 1 / sqrt(looks)`: `m` where `c < u`,
//! else `p w + m (1 - w)`, `w = 1 - u^2 / c^2`; 0 where `|m| < 1e-10`. *Units*: linear intensity. *Source*: Lee 1980.
//! *Agrees with*: OTB's `Despeckle -filter lee` with `--boundary nearest`, by the formula; it gives `m` where `s^2 < 1e-10`,
//! whatever the unit.

use swathe_core::{Documentation, Group, Operator, OperatorSpec, Parameter, Parameters, RasterInfo, Result};

use super::pixel::{PixelFilter, of_pixel};
use super::{DDOF, DOMAIN, HALO, LOOKS, NODATA, SIZE, Speckle, TYPES, scale};
use crate::focal::window_statistics;

/// The description of `lee`.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: "lee",
    group: Group::Speckle,
    summary: "speckle filter of Lee 1980",
    inputs: (1, 1),
    parameters: &[SIZE, LOOKS, DOMAIN, DDOF, Parameter::BOUNDARY, Parameter::NODATA, Parameter::REAL_TYPE],
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
    let finish = of_pixel(Linear { variation, divisor: 1.0 });
    window_statistics::bind(parameters, &inputs[0], scale(parameters), finish)
}

/// The pixel and the mean of its window, mixed in a linear way.
#[derive(Clone, Copy)]
pub(super) struct Linear {
    /// Coefficient of variation of speckle alone.
    pub(super) variation: f64,
    /// What the pixel's weight is divided by.
    pub(super) divisor: f64,
}

impl PixelFilter for Linear {
    fn noise(&self) -> f64 {
        self.variation
    }

    #[inline(always)]
    fn mix(&self, centre: f64, mean: f64, variance: f64, _weight: f64) -> f64 {
        let noise = self.variation * self.variation;
        let spread = variance / (mean * mean);
        let weight = (1.0 - noise / spread) / self.divisor;
        let mixed = centre * weight + mean * (1.0 - weight);
        if spread < noise { mean } else { mixed }
    }
}
