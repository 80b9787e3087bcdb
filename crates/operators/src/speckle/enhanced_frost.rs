//! `enhanced-frost`: the mean of even areas, the pixel itself on targets, and Frost's weighted mean between.
//!
//! *Formula*: with `m` and `s^2` mean and variance of the window, `c = s / m`, `u = 1 / sqrt(looks)`,
//! `t = sqrt(1 + 2 / looks)`: `m` where `c <= u`, `p` where `c >= t`, else `sum of w(i, j) in(x + i, y + j) / sum of w`,
//! `w = exp(-damping (c - u) / (t - c) d)`, `d` the distance; 0 where `|m| < 1e-10`. *Units*: linear intensity.
//! *Source*: Lopes, Touzi and Nezry 1990. *Agrees with*: PCI's FEFROST with `--boundary nearest`, by the formula.

use fearless_simd::{Simd, dispatch};
use fearless_simd_macros::simd;
use swathe_core::{
    Documentation, Error, Group, Operator, OperatorSpec, Parameter, Parameters, RasterInfo, Result,
};

use super::distances::{DISTANCE, Distances};
use super::{CMAX, DAMPING, DDOF, DOMAIN, HALO_OR_TWICE, LOOKS, NODATA, SIZE, Speckle, TYPES, scale};
use crate::focal::surroundings::Surroundings;
use crate::focal::window_statistics::{self, Finish, FinishWindow, STD};
use crate::simd::level;

/// The description of `enhanced-frost`.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: "enhanced-frost",
    group: Group::Speckle,
    summary: "speckle filter of Frost as Lopes, Touzi and Nezry 1990 enhanced it",
    inputs: (1, 1),
    parameters: &[
        SIZE,
        LOOKS,
        DAMPING,
        DISTANCE,
        DOMAIN,
        CMAX,
        STD,
        DDOF,
        Parameter::BOUNDARY,
        Parameter::NODATA,
        Parameter::REAL_TYPE,
    ],
    documentation: Documentation {
        formula: "m where c <= u, p where c >= t, else sum of w(i, j) in(x + i, y + j) / sum of w, w = exp(-damping (c - u) / (t - c) d);\nm mean, c coefficient of variation of the window, d distance from its middle, u = 1 / sqrt(looks), in amplitude\n0.5227 / sqrt(looks), t by --cmax; 0 where |m| < 1e-10",
        halo: HALO_OR_TWICE,
        types: TYPES,
        nodata: NODATA,
        cost: "two sums over a window, an addition for each of its pixels and an exponential for each distance",
        source: "Lopes, Touzi and Nezry 1990",
        agrees: "a plain two-pass program in f64 within 1e-12",
        example: "swathe enhanced-frost scene.tif smooth.tif --looks 4.4",
    },
    trials: &[
        "looks=1",
        "looks=4.4 size=5x4 ddof=0 boundary=nearest domain=amplitude",
        "looks=10 size=3 damping=2 nodata=propagate distance=chebyshev cmax=seed",
    ],
    bind,
};

fn bind(parameters: &Parameters, inputs: &[RasterInfo]) -> Result<Box<dyn Operator>> {
    let window = parameters.size("size")?.ok_or_else(|| Error::usage("`--size` is missing"))?;
    let speckle = Speckle::of(parameters)?;
    let limits = Limits {
        noise: speckle.variation,
        target: speckle.target(parameters),
        damping: parameters.number("damping")?.unwrap_or(1.0),
    };
    let filter = EnhancedFrost { distances: Distances::of(parameters, window), limits };
    window_statistics::bind(parameters, &inputs[0], scale(parameters), Finish::OfWindow(Box::new(filter)))
}

struct EnhancedFrost {
    distances: Distances,
    limits: Limits,
}

#[derive(Clone, Copy)]
struct Limits {
    /// Coefficient of variation of speckle alone.
    noise: f64,
    /// Coefficient of variation from which on a pixel is a target.
    target: f64,
    damping: f64,
}

/// The rate that stands for the mean: weights that do not fall.
const EVEN: f64 = 0.0;
/// The rate that stands for the pixel itself: no weight but that of the middle.
const TARGET: f64 = f64::MAX;

impl FinishWindow for EnhancedFrost {
    fn row(&self, around: &Surroundings<'_>, means: &[f64], variances: &mut [f64]) {
        dispatch!(level(), simd => rates(simd, self.limits, means, variances));
        self.distances.mean(around, means, variances);
    }
}

/// How fast the weights fall.
#[simd]
fn rates<S: Simd>(_: S, limits: Limits, means: &[f64], variances: &mut [f64]) {
    assert_eq!(means.len(), variances.len());
    let Limits { noise, target, damping } = limits;
    for (value, &mean) in variances.iter_mut().zip(means) {
        let spread = value.sqrt() / mean;
        let rate = damping * (spread - noise) / (target - spread);
        *value = if spread <= noise {
            EVEN
        } else if spread >= target {
            TARGET
        } else {
            rate
        };
    }
}
