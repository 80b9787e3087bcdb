//! Filters for the multiplicative noise of radar images.
//!
//! All of them compare how far the window spreads, `c = s / m`, with how far speckle alone makes it spread, `u`.

use swathe_core::{Error, Parameter, ParameterKind, Parameters, Result};

use crate::focal::window_statistics::Scale;

mod distances;
pub mod enhanced_frost;
pub mod enhanced_lee;
pub mod frost;
pub mod gamma_map;
pub mod kuan;
pub mod lee;
pub mod lee_sigma;
mod looks;
mod pixel;
pub mod refined_lee;
#[cfg(test)]
mod vectors;

pub(crate) use looks::ask;
pub use looks::{Domain, IntensitiesOf};

const SIZE: Parameter = Parameter::optional(
    "size",
    ParameterKind::Size { greatest: 101 },
    Some("7"),
    "size of the window in pixels",
);
const LOOKS: Parameter = Parameter::required(
    "looks",
    ParameterKind::NumberOr { word: "auto", least: looks::LEAST, greatest: looks::GREATEST },
    "equivalent number of looks of the input; auto: squared mean by variance of all intensities, found first",
);
const DOMAIN: Parameter = Parameter::optional(
    "domain",
    ParameterKind::Choice(&["intensity", "amplitude", "db"]),
    Some("intensity"),
    "what the samples are: intensity, amplitude (its root) or db (10 log10 of intensity, as is the output)",
);
const DAMPING: Parameter = Parameter::optional(
    "damping",
    ParameterKind::Number { least: 0.0, greatest: 100.0 },
    Some("1"),
    "how fast the mean gives way to the pixel itself",
);
const CMAX: Parameter = Parameter::optional(
    "cmax",
    ParameterKind::Choice(&["lopes", "seed"]),
    Some("lopes"),
    "coefficient of variation of a target: lopes, sqrt(1 + 2 / looks), or seed, sqrt(1 + 2 looks)",
);
const DDOF: Parameter = Parameter::optional(
    "ddof",
    ParameterKind::Integer { least: 0, greatest: 1 },
    Some("1"),
    "what is taken off the count of pixels before the sum of squares is divided",
);

const HALO: &str = "w / 2 to the left, w - 1 - w / 2 to the right; likewise above and below";
/// As [`HALO`], where `--std` is a parameter.
const HALO_OR_TWICE: &str =
    "w / 2 to the left, w - 1 - w / 2 to the right; likewise above and below; twice that with --std chained";
const TYPES: &str = "computed in f64; the output is f32, and f64 for 32- and 64-bit integers and f64";
const NODATA: &str =
    "left out; a window with no more than ddof pixels, and a pixel without data, give no data";

/// Coefficient of variation of speckle of one look in amplitude, `sqrt(4 / pi - 1)`, as SNAP rounds it.
const AMPLITUDE_VARIATION: f64 = 0.5227;

/// Below this a mean is taken for 0, and so is the output.
const LEAST_MEAN: f64 = 1e-10;

/// How speckle alone makes a window spread.
#[derive(Clone, Copy, Debug)]
struct Speckle {
    /// Equivalent number of looks.
    looks: f64,
    /// Coefficient of variation of speckle alone.
    variation: f64,
}

impl Speckle {
    /// From `--looks` and `--domain`.
    fn of(parameters: &Parameters) -> Result<Self> {
        if parameters.text("looks") == Some("auto") {
            return Err(Error::usage(
                "needs a number for `--looks` here, as nobody looks at all pixels first",
            ));
        }
        let looks = parameters.number("looks")?.ok_or_else(|| Error::usage("`--looks` is missing"))?;
        let one_look = if parameters.text("domain") == Some("amplitude") { AMPLITUDE_VARIATION } else { 1.0 };
        Ok(Speckle { looks, variation: one_look / looks.sqrt() })
    }

    /// Coefficient of variation from which on a pixel is a target, by `--cmax`.
    fn target(self, parameters: &Parameters) -> f64 {
        match parameters.text("cmax") {
            Some("seed") => (1.0 + 2.0 * self.looks).sqrt(),
            _ => (1.0 + 2.0 / self.looks).sqrt(),
        }
    }
}

/// What `--domain` says that samples stand for. Amplitudes are filtered as they are.
fn scale(parameters: &Parameters) -> Scale {
    if parameters.text("domain") == Some("db") { Scale::Decibels } else { Scale::Linear }
}
