//! `median`: each pixel the middle value of the window around it.

use swathe_core::{
    Documentation, Error, Group, Operator, OperatorSpec, Parameter, ParameterKind, Parameters, RasterInfo,
    Result,
};

use super::selection::Plan;

/// The description of `median`.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: "median",
    group: Group::LocalStatistics,
    summary: "each pixel the middle value of its neighbourhood",
    inputs: (1, 1),
    parameters: &[
        Parameter::required("size", ParameterKind::Size { greatest: 1023 }, "window, `N` or `NxM` pixels"),
        Parameter::BOUNDARY,
        Parameter::NODATA,
    ],
    documentation: Documentation {
        formula: "out = value n / 2, counted from 0, of the n values of the window, sorted",
        halo: "width / 2 to the left, width - 1 - width / 2 to the right; likewise above and below",
        types: "any; the output has the input's type and only values of the input",
        nodata: "left out, the middle of the rest taken; a pixel without data stays without",
        cost: "a selection among the pixels of the window",
        source: "scipy.ndimage.median_filter",
        agrees: "scipy exactly, where no pixel is NaN",
        example: "swathe median scene.tif calm.tif --size 5",
    },
    trials: &[
        "size=3",
        "size=5x2 boundary=nearest",
        "size=4 nodata=propagate",
        "size=3x7 nodata=value boundary=wrap",
    ],
    bind,
};

fn bind(parameters: &Parameters, inputs: &[RasterInfo]) -> Result<Box<dyn Operator>> {
    let size = parameters.size("size")?.ok_or_else(|| Error::usage("`--size` is missing"))?;
    let plan = Plan {
        size,
        boundary: parameters.boundary()?,
        policy: parameters.nodata_policy()?,
        place: |count| count / 2,
        output: inputs[0].clone(),
    };
    Ok(plan.bind(&inputs[0]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial;

    #[test]
    fn even_windows_take_the_upper_middle() {
        let input = trial::raster::<u8>(&[&[&[9, 1, 8, 2, 7]]]);
        assert_eq!(trial::run(&SPEC, "size=3x1", &input).unwrap().rows::<u8>(0), [[9, 8, 2, 7, 7]]);
        assert_eq!(trial::run(&SPEC, "size=4x1", &input).unwrap().rows::<u8>(0), [[9, 9, 8, 7, 7]]);
    }

    #[test]
    fn nan_is_left_out() {
        let input = trial::raster::<f32>(&[&[&[1.0, 5.0, f32::NAN, 3.0, 4.0]]]);
        let output = trial::run(&SPEC, "size=3x1", &input).unwrap().rows::<f32>(0).remove(0);
        assert_eq!((output[0], output[1], output[3], output[4]), (1.0, 5.0, 4.0, 4.0));
        assert!(output[2].is_nan());
    }
}
