//! Filters for the multiplicative noise of radar intensities.

use swathe_core::{Parameter, ParameterKind};

pub mod enhanced_lee;
pub mod lee;

const SIZE: Parameter = Parameter::optional(
    "size",
    ParameterKind::Size { greatest: 101 },
    Some("7"),
    "size of the window in pixels",
);
const LOOKS: Parameter = Parameter::required(
    "looks",
    ParameterKind::Number { least: 0.01, greatest: 1e6 },
    "equivalent number of looks of the input",
);
const DDOF: Parameter = Parameter::optional(
    "ddof",
    ParameterKind::Integer { least: 0, greatest: 1 },
    Some("1"),
    "what is taken off the count of pixels before the sum of squares is divided",
);

const HALO: &str = "w / 2 to the left, w - 1 - w / 2 to the right; likewise above and below";
const TYPES: &str = "computed in f64; the output is f32, and f64 for 32- and 64-bit integers and f64";
const NODATA: &str =
    "left out; a window with no more than ddof pixels, and a pixel without data, give no data";
