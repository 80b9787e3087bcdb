//! `kuan`: the local mean where radar speckle explains the spread, towards the pixel itself where it does not, the noise
//! taken for additive with a variance that follows the signal.
//!
//! *Formula*: with `m` and `s^2` mean and variance of the window, `c = s / m`, `u = 1 / sqrt(looks)`: `m` where `c < u`,
//! else `p w + m (1 - w)`, `w = (1 - u^2 / c^2) / (1 + u^2)`; 0 where `|m| < 1e-10`. *Units*: linear intensity.
//! *Source*: Kuan, Sawchuk, Strand and Chavel 1987. *Agrees with*: OTB's `Despeckle -filter kuan` and PCI's FKUAN with
//! `--boundary nearest`, by the formula.

use swathe_core::{Documentation, Group, Operator, OperatorSpec, Parameter, Parameters, RasterInfo, Result};

use super::lee::Linear;
use super::pixel::of_pixel;
use super::{DDOF, DOMAIN, HALO, LOOKS, NODATA, SIZE, Speckle, TYPES, scale};
use crate::focal::window_statistics;

/// The description of `kuan`.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: "kuan",
    group: Group::Speckle,
    summary: "speckle filter of Kuan 1987",
    inputs: (1, 1),
    parameters: &[SIZE, LOOKS, DOMAIN, DDOF, Parameter::BOUNDARY, Parameter::NODATA, Parameter::REAL_TYPE],
    documentation: Documentation {
        formula: "m where c < u, else p w + m (1 - w), w = (1 - u^2 / c^2) / (1 + u^2); m mean, c coefficient of variation of the\nwindow, u = 1 / sqrt(looks), in amplitude 0.5227 / sqrt(looks); 0 where |m| < 1e-10",
        halo: HALO,
        types: TYPES,
        nodata: NODATA,
        cost: "two sums over a window and some 10 operations",
        source: "Kuan, Sawchuk, Strand and Chavel 1987",
        agrees: "a plain two-pass program in f64 within 1e-12",
        example: "swathe kuan scene.tif smooth.tif --looks 4.4",
    },
    trials: &["looks=1", "looks=4.4 size=5x4 ddof=0 boundary=nearest domain=amplitude"],
    bind,
};

fn bind(parameters: &Parameters, inputs: &[RasterInfo]) -> Result<Box<dyn Operator>> {
    let Speckle { variation, .. } = Speckle::of(parameters)?;
    let finish = of_pixel(Linear { variation, divisor: 1.0 + variation * variation });
    window_statistics::bind(parameters, &inputs[0], scale(parameters), finish)
}
