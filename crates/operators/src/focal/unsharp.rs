//! `unsharp`: a raster with its detail made stronger.
//!
//! *Formula*: `out = in + amount * (in - gaussian(in))`. *Units*: the input's; sigma in pixels. *Halo*: that of `gaussian`.
//! *Boundary*: `--boundary`. *Types*: 8- and 16-bit integers are computed in `f32`, all others in `f64`, nothing is rounded
//! before the end. *Nodata*: left out of the mean, the weights of the rest scaled up; a pixel without data stays so. *Cost
//! per pixel*: that of `gaussian` and 3 operations. *Source*: the darkroom's unsharp mask. *Agrees with*:
//! `in + amount * (in - scipy.ndimage.gaussian_filter(in))` on `f64` within 1e-12, and `skimage.filters.unsharp_mask`.

use swathe_core::{
    Documentation, Group, Operator, OperatorSpec, Parameter, ParameterKind, Parameters, RasterInfo, Result,
    SampleType,
};

use super::blend::{Plan, Recipe};
use super::gaussian::{bells, single_precision, smoothed};
use crate::rows::Real;

/// The description of `unsharp`.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: "unsharp",
    group: Group::Smoothing,
    summary: "detail made stronger: what a gaussian takes away is added",
    inputs: (1, 1),
    parameters: &[
        Parameter::required(
            "sigma",
            ParameterKind::Numbers { fewest: 1, most: 2, least: 0.0, greatest: 10_000.0 },
            "standard deviation of the gaussian in pixels, along x and y if they differ",
        ),
        Parameter::optional(
            "amount",
            ParameterKind::Number { least: -1e6, greatest: 1e6 },
            Some("1"),
            "how much of the detail is added; below 0 it is taken away",
        ),
        Parameter::optional(
            "truncate",
            ParameterKind::Number { least: 0.0, greatest: 100.0 },
            Some("4"),
            "radius of the gaussian in standard deviations",
        ),
        Parameter::BOUNDARY,
        Parameter::NODATA,
        Parameter::TYPE,
    ],
    documentation: Documentation {
        formula: "out = in + amount * (in - gaussian(in))",
        halo: "floor(truncate * sigma + 0.5) on each side, per axis",
        types: "8- and 16-bit integers are computed in f32, all others in f64; nothing is rounded before the end; the output\nhas the input's type, rounded half away from zero and saturated",
        nodata: "left out of the mean, the weights of the rest scaled up; a pixel without data stays without",
        cost: "that of gaussian, and 3 operations",
        source: "the darkroom's unsharp mask; scipy.ndimage.gaussian_filter",
        agrees: "in + amount * (in - scipy's gaussian) on f64: f64 within 1e-12, f32 within 1e-6, integers equal but for results\nbeside a half; skimage.filters.unsharp_mask likewise",
        example: "swathe unsharp scene.tif sharp.tif --sigma 1.5 --amount 0.8",
    },
    trials: &[
        "sigma=1.2",
        "sigma=0.7,2 amount=2.5 boundary=wrap type=f32",
        "sigma=1 truncate=2 nodata=propagate boundary=constant=9",
    ],
    bind,
};

fn bind(parameters: &Parameters, inputs: &[RasterInfo]) -> Result<Box<dyn Operator>> {
    let input = &inputs[0];
    let output_type = parameters.sample_type("type")?.unwrap_or(input.sample_type);
    if single_precision(input.sample_type, output_type) {
        Ok(plan::<f32>(parameters, input, output_type)?.bind(input))
    } else {
        Ok(plan::<f64>(parameters, input, output_type)?.bind(input))
    }
}

fn plan<A: Real>(parameters: &Parameters, input: &RasterInfo, output_type: SampleType) -> Result<Plan<A>> {
    let sigmas = parameters.numbers("sigma")?.unwrap_or_default();
    let truncate = parameters.number("truncate")?.unwrap_or(4.0);
    Ok(Plan {
        kernels: vec![bells(&sigmas, truncate)?],
        recipe: Recipe::Sharpen { amount: A::of(parameters.number("amount")?.unwrap_or(1.0)) },
        refuse: false,
        boundary: parameters.boundary()?,
        policy: parameters.nodata_policy()?,
        output: smoothed(input, output_type),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial;
    use swathe_core::Scalar;

    #[test]
    fn a_step_is_made_steeper_and_a_plain_stays() {
        let input = trial::raster::<u8>(&[&[&[100, 100, 100, 100, 150, 150, 150, 150]]]);
        let of = |text: &str| trial::run(&SPEC, text, &input).unwrap().rows::<u8>(0).remove(0);
        let sharp = of("sigma=0.5 truncate=2");
        assert!(sharp[0] == 100 && sharp[7] == 150 && sharp[3] < 100 && sharp[4] > 150, "{sharp:?}");
        assert_eq!(of("sigma=0.5 amount=0"), input.rows::<u8>(0)[0]);
        assert_eq!(of("sigma=0"), input.rows::<u8>(0)[0]);
        assert_eq!(of("sigma=1 amount=100")[3], 0);
    }

    #[test]
    fn pixels_without_data_are_left_out() {
        let mut input = trial::raster::<f32>(&[&[&[8.0, 8.0, -1.0, 8.0, f32::NAN, 8.0]]]);
        input.info.nodata = Some(Scalar::Integer(-1));
        let output = trial::run(&SPEC, "sigma=1 truncate=1", &input).unwrap().rows::<f32>(0).remove(0);
        let expected = [8.0, 8.0, -1.0, 8.0, -1.0, 8.0];
        assert!(output.iter().zip(expected).all(|(a, b): (&f32, f32)| (a - b).abs() < 1e-6), "{output:?}");
        let output = trial::run(&SPEC, "sigma=1 truncate=1 nodata=propagate", &input).unwrap();
        assert_eq!(output.rows::<f32>(0), [[8.0, -1.0, -1.0, -1.0, -1.0, -1.0]]);
    }
}
