//! `gamma-map`: the most likely intensity where both the scene and its speckle follow gamma distributions.
//!
//! *Formula*: with `m` and `s^2` mean and variance of the window, `c = s / m`, `u = 1 / sqrt(L)`, `L` the looks: `m` where
//! `c <= u`, `p` where `c >= sqrt(2) u`, else `(b m + sqrt(d)) / 2 a`, `a = (1 + u^2) / (c^2 - u^2)`, `b = a - L - 1`,
//! `d = m^2 b^2 + 4 a L m p`; 0 where `|m| < 1e-10`. *Units*: linear intensity. *Source*: Lopes, Nezry, Touzi and Laur
//! 1990. *Agrees with*: OTB's `Despeckle -filter gammamap` and PCI's FGAMMA with `--boundary nearest`, by the formula.

use swathe_core::{Documentation, Group, Operator, OperatorSpec, Parameter, Parameters, RasterInfo, Result};

use super::pixel::{PixelFilter, of_pixel};
use super::{DDOF, DOMAIN, HALO, LOOKS, NODATA, SIZE, Speckle, TYPES, scale};
use crate::focal::window_statistics;

/// The description of `gamma-map`.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: "gamma-map",
    group: Group::Speckle,
    summary: "speckle filter of Lopes and others 1990, maximum a posteriori",
    inputs: (1, 1),
    parameters: &[SIZE, LOOKS, DOMAIN, DDOF, Parameter::BOUNDARY, Parameter::NODATA, Parameter::REAL_TYPE],
    documentation: Documentation {
        formula: "m where c <= u, p where c >= sqrt(2) u, else (b m + sqrt(d)) / 2 a, a = (1 + u^2) / (c^2 - u^2), b = a - L - 1,\nd = m^2 b^2 + 4 a L m p; m mean, c coefficient of variation of the window, L looks, u = 1 / sqrt(L), in amplitude\n0.5227 / sqrt(L); 0 where |m| < 1e-10",
        halo: HALO,
        types: TYPES,
        nodata: NODATA,
        cost: "two sums over a window, two roots and some 20 operations",
        source: "Lopes, Nezry, Touzi and Laur 1990",
        agrees: "a plain two-pass program in f64 within 1e-12 but for windows whose c is within that of u or of sqrt(2) u",
        example: "swathe gamma-map scene.tif smooth.tif --looks 4.4",
    },
    trials: &["looks=1", "looks=4.4 size=5x4 ddof=0 boundary=nearest domain=amplitude"],
    bind,
};

fn bind(parameters: &Parameters, inputs: &[RasterInfo]) -> Result<Box<dyn Operator>> {
    let Speckle { looks, variation } = Speckle::of(parameters)?;
    let finish = of_pixel(GammaMap { looks, variation });
    window_statistics::bind(parameters, &inputs[0], scale(parameters), finish)
}

#[derive(Clone, Copy)]
struct GammaMap {
    looks: f64,
    /// Coefficient of variation of speckle alone.
    variation: f64,
}

impl PixelFilter for GammaMap {
    fn noise(&self) -> f64 {
        self.variation
    }

    #[inline(always)]
    fn mix(&self, centre: f64, mean: f64, variance: f64, _weight: f64) -> f64 {
        let GammaMap { looks, variation } = *self;
        let (noise, target) = (variation * variation, std::f64::consts::SQRT_2 * variation);
        let spread = variance.sqrt() / mean;
        let a = (1.0 + noise) / (spread * spread - noise);
        let b = a - looks - 1.0;
        let d = mean * mean * b * b + 4.0 * a * looks * mean * centre;
        let likely = (b * mean + d.sqrt()) / (2.0 * a);
        if spread <= variation {
            mean
        } else if spread >= target {
            centre
        } else {
            likely
        }
    }
}
