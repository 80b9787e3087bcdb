//! `frost`: a mean whose weights fall with the distance, the faster the more the window spreads.
//!
//! *Formula*: `sum of w(i, j) in(x + i, y + j) / sum of w`, `w = exp(-damping c^2 d)`, `c = s / m` with `m` and `s^2` mean
//! and variance of the window, `d` the distance; 0 where `|m| < 1e-10`. *Units*: linear intensity. *Source*: Frost,
//! Stiles, Shanmugan and Holtzman 1982. *Agrees with*: OTB's `Despeckle -filter frost` (`--damping` is its `deramp`, 0.1
//! there) with `--boundary nearest`; SNAP's Frost (2 there) with `--distance chebyshev`, where its window is inside.

use fearless_simd::{Simd, dispatch};
use fearless_simd_macros::simd;
use swathe_core::{
    Documentation, Error, Group, Operator, OperatorSpec, Parameter, ParameterKind, Parameters, RasterInfo,
    Result,
};

use super::distances::{DISTANCE, Distances};
use super::{DDOF, DOMAIN, HALO, NODATA, SIZE, TYPES, scale};
use crate::focal::surroundings::Surroundings;
use crate::focal::window_statistics::{self, Finish, FinishWindow};
use crate::simd::level;

/// The description of `frost`.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: "frost",
    group: Group::Speckle,
    summary: "speckle filter of Frost 1982",
    inputs: (1, 1),
    parameters: &[
        SIZE,
        Parameter::optional(
            "damping",
            ParameterKind::Number { least: 0.0, greatest: 1e6 },
            Some("1"),
            "how fast weights fall with the distance (OTB 0.1, PCI 1, SNAP 2)",
        ),
        DISTANCE,
        DOMAIN,
        DDOF,
        Parameter::BOUNDARY,
        Parameter::NODATA,
        Parameter::REAL_TYPE,
    ],
    documentation: Documentation {
        formula: "sum of w(i, j) in(x + i, y + j) / sum of w, w = exp(-damping c^2 d), c coefficient of variation of the window,\nd distance from its middle; 0 where the mean is below 1e-10",
        halo: HALO,
        types: TYPES,
        nodata: NODATA,
        cost: "two sums over a window, an addition for each of its pixels and an exponential for each distance",
        source: "Frost, Stiles, Shanmugan and Holtzman 1982",
        agrees: "a plain two-pass program in f64 within 1e-12; the numbers in SNAP's tests within 1e-6",
        example: "swathe frost scene.tif smooth.tif --size 5",
    },
    trials: &[
        "",
        "size=5x4 damping=0.1 ddof=0 boundary=nearest",
        "size=3 distance=chebyshev damping=2 nodata=propagate domain=db",
    ],
    bind,
};

fn bind(parameters: &Parameters, inputs: &[RasterInfo]) -> Result<Box<dyn Operator>> {
    let window = parameters.size("size")?.ok_or_else(|| Error::usage("`--size` is missing"))?;
    let damping = parameters.number("damping")?.unwrap_or(1.0);
    let finish = Finish::OfWindow(Box::new(Frost { distances: Distances::of(parameters, window), damping }));
    window_statistics::bind(parameters, &inputs[0], scale(parameters), finish)
}

struct Frost {
    distances: Distances,
    damping: f64,
}

impl FinishWindow for Frost {
    fn row(&self, around: &Surroundings<'_>, means: &[f64], variances: &mut [f64]) {
        dispatch!(level(), simd => rates(simd, self.damping, means, variances));
        self.distances.mean(around, means, variances);
    }
}

/// How fast the weights fall.
#[simd]
fn rates<S: Simd>(_: S, damping: f64, means: &[f64], variances: &mut [f64]) {
    assert_eq!(means.len(), variances.len());
    for (value, &mean) in variances.iter_mut().zip(means) {
        *value = damping * *value / (mean * mean);
    }
}
