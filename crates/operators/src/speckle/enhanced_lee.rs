//! `enhanced-lee`: the mean of even areas, the pixel itself on targets, and a mixture between.
//!
//! *Formula*: with `m` and `s^2` mean and variance of the window, `c = s / m`, `u = 1 / sqrt(looks)`,
//! `t = sqrt(1 + 2 / looks)`: `m` where `c <= u`, `p` where `c >= t`, else `m w + p (1 - w)`,
//! `w = exp(-damping (c - u) / (t - c))`; 0 where `|m| < 1e-10`. *Units*: linear intensity.
//! *Source*: Lopes, Touzi and Nezry 1990. *Agrees with*: PCI's FELEE with `--boundary nearest`, by the formula.

use swathe_core::{Documentation, Group, Operator, OperatorSpec, Parameter, Parameters, RasterInfo, Result};

use super::pixel::{PixelFilter, of_pixel};
use super::{CMAX, DAMPING, DDOF, DOMAIN, HALO_OR_TWICE, LOOKS, NODATA, SIZE, Speckle, TYPES, scale};
use crate::focal::window_statistics::{self, STD};

/// The description of `enhanced-lee`.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: "enhanced-lee",
    group: Group::Speckle,
    summary: "speckle filter of Lopes, Touzi and Nezry 1990",
    inputs: (1, 1),
    parameters: &[
        SIZE,
        LOOKS,
        DAMPING,
        DOMAIN,
        CMAX,
        STD,
        DDOF,
        Parameter::BOUNDARY,
        Parameter::NODATA,
        Parameter::REAL_TYPE,
    ],
    documentation: Documentation {
        formula: "m where c <= u, p where c >= t, else m w + p (1 - w), w = exp(-damping (c - u) / (t - c)); m mean, c coefficient\nof variation of the window, u = 1 / sqrt(looks), in amplitude 0.5227 / sqrt(looks), t by --cmax; 0 where |m| < 1e-10",
        halo: HALO_OR_TWICE,
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
        "looks=10 size=3 damping=2 nodata=propagate domain=amplitude cmax=seed",
        "looks=2 size=3 domain=db",
        "looks=3 size=3x4 std=chained boundary=mirror",
    ],
    bind,
};

fn bind(parameters: &Parameters, inputs: &[RasterInfo]) -> Result<Box<dyn Operator>> {
    let speckle = Speckle::of(parameters)?;
    let damping = parameters.number("damping")?.unwrap_or(1.0);
    let filter = EnhancedLee { noise: speckle.variation, target: speckle.target(parameters), damping };
    window_statistics::bind(parameters, &inputs[0], scale(parameters), of_pixel(filter))
}

#[derive(Clone, Copy)]
struct EnhancedLee {
    /// Coefficient of variation of speckle alone.
    noise: f64,
    /// Coefficient of variation from which on a pixel is a target.
    target: f64,
    damping: f64,
}

impl PixelFilter for EnhancedLee {
    fn noise(&self) -> f64 {
        self.noise
    }

    const EXPONENTIAL: bool = true;

    /// Leaves the deviation. Everything times the mean, which saves a division.
    #[inline(always)]
    fn exponent(&self, mean: f64, spread: &mut f64) -> f64 {
        let deviation = spread.sqrt();
        *spread = deviation;
        -self.damping * (deviation - self.noise * mean) / (self.target * mean - deviation)
    }

    #[inline(always)]
    fn mix(&self, centre: f64, mean: f64, deviation: f64, weight: f64) -> f64 {
        let mixed = mean * weight + centre * (1.0 - weight);
        let chosen = if deviation >= self.target * mean { centre } else { mixed };
        if deviation <= self.noise * mean || mean < 0.0 { mean } else { chosen }
    }
}
