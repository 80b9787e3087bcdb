//! `difference-of-gaussians`: detail between two sizes.
//!
//! *Formula*: `out = gaussian(in, low) - gaussian(in, high)`. *Units*: the input's; sigmas in pixels. *Halo*: that of the
//! wider `gaussian`. *Boundary*: `--boundary`. *Types*: 8- and 16-bit integers are computed in `f32`, all others in `f64`; the
//! output is signed. *Nodata*: the weights add up to 0, so a pixel with one without data in its window has none. *Cost per
//! pixel*: two `gaussian`s. *Source*: Marr and Hildreth 1980. *Agrees with*:
//! `skimage.filters.difference_of_gaussians(mode="reflect")` on `f64` within 1e-12.

use swathe_core::{
    Documentation, Error, Group, Operator, OperatorSpec, Parameter, ParameterKind, Parameters, RasterInfo,
    Result, SampleType,
};

use super::blend::{Plan, Recipe};
use super::gaussian::{bells, single_precision};
use crate::edges::{derivative, derivative_type};
use crate::rows::Real;

/// The description of `difference-of-gaussians`.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: "difference-of-gaussians",
    group: Group::Smoothing,
    summary: "detail between two sizes: a narrow gaussian less a wide one",
    inputs: (1, 1),
    parameters: &[
        Parameter::required(
            "low-sigma",
            ParameterKind::Number { least: 0.0, greatest: 10_000.0 },
            "standard deviation of the narrow gaussian in pixels",
        ),
        Parameter::optional(
            "high-sigma",
            ParameterKind::Number { least: 0.0, greatest: 10_000.0 },
            None,
            "standard deviation of the wide gaussian in pixels (default: 1.6 times the narrow one's)",
        ),
        Parameter::optional(
            "truncate",
            ParameterKind::Number { least: 0.0, greatest: 100.0 },
            Some("4"),
            "radius of the gaussians in standard deviations",
        ),
        Parameter::BOUNDARY,
        Parameter::NODATA,
        Parameter::REAL_TYPE,
    ],
    documentation: Documentation {
        formula: "out = gaussian(in, low-sigma) - gaussian(in, high-sigma)",
        halo: "floor(truncate * high-sigma + 0.5) on each side",
        types: "8- and 16-bit integers are computed in f32, all others in f64; the output is f32, and f64 for 32- and 64-bit\nintegers and f64, or --type, rounded half away from zero and saturated",
        nodata: "a pixel without data, or with one without in its window, has none; with float output NaN stands for it",
        cost: "that of both gaussians",
        source: "Marr and Hildreth 1980; skimage.filters.difference_of_gaussians",
        agrees: "skimage.filters.difference_of_gaussians with mode=\"reflect\" on f64: f64 within 1e-12, f32 within 1e-6 of the range",
        example: "swathe difference-of-gaussians scene.tif spots.tif --low-sigma 1.5",
    },
    trials: &[
        "low-sigma=0.6",
        "low-sigma=0.5 high-sigma=1.5 truncate=2 boundary=mirror nodata=value",
        "low-sigma=0.4 high-sigma=0.4 type=i16 boundary=wrap nodata=propagate",
    ],
    bind,
};

fn bind(parameters: &Parameters, inputs: &[RasterInfo]) -> Result<Box<dyn Operator>> {
    let input = &inputs[0];
    let output_type = parameters.sample_type("type")?.unwrap_or(derivative_type(input.sample_type));
    if single_precision(input.sample_type, output_type) {
        Ok(plan::<f32>(parameters, input, output_type)?.bind(input))
    } else {
        Ok(plan::<f64>(parameters, input, output_type)?.bind(input))
    }
}

fn plan<A: Real>(parameters: &Parameters, input: &RasterInfo, output_type: SampleType) -> Result<Plan<A>> {
    let low = parameters.number("low-sigma")?.ok_or_else(|| Error::usage("`--low-sigma` is missing"))?;
    let high = parameters.number("high-sigma")?.unwrap_or(1.6 * low);
    if high < low {
        return Err(Error::usage(format!(
            "--high-sigma: `{high}` is below the `{low}` of `--low-sigma`; the second gaussian is the wide one"
        )));
    }
    let truncate = parameters.number("truncate")?.unwrap_or(4.0);
    Ok(Plan {
        kernels: vec![bells(&[low], truncate)?, bells(&[high], truncate)?],
        recipe: Recipe::Difference,
        refuse: true,
        boundary: parameters.boundary()?,
        policy: parameters.nodata_policy()?,
        output: derivative(input, output_type),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial;
    use swathe_core::{Scalar, Size};

    #[test]
    fn it_is_the_difference_of_two_gaussians() {
        let input = trial::random(RasterInfo::new(Size::new(21, 13), 1, SampleType::F64), 3);
        let other =
            |text: &str| trial::run(&crate::focal::gaussian::SPEC, text, &input).unwrap().rows::<f64>(0);
        let output = trial::run(&SPEC, "low-sigma=0.8 high-sigma=2", &input).unwrap().rows::<f64>(0);
        let (low, high) = (other("sigma=0.8"), other("sigma=2"));
        for y in 0..13 {
            for x in 0..21 {
                assert_eq!(output[y][x], low[y][x] - high[y][x]);
            }
        }
    }

    #[test]
    fn a_window_must_be_full() {
        let mut input = trial::raster::<u8>(&[&[&[5, 5, 5, 5, 0, 5]]]);
        input.info.nodata = Some(Scalar::Integer(0));
        let output = trial::run(&SPEC, "low-sigma=0.5 truncate=2", &input).unwrap().rows::<f32>(0);
        let seen: Vec<bool> = output[0].iter().map(|value| value.is_nan()).collect();
        assert_eq!(seen, [false, false, true, true, true, true]);
    }

    #[test]
    fn the_second_is_the_wide_one() {
        let info = RasterInfo::new(Size::new(4, 4), 1, SampleType::U8);
        let error = trial::bind(&SPEC, "low-sigma=2 high-sigma=1", &[info]).err().unwrap();
        assert!(error.to_string().contains("the second gaussian is the wide one"), "{error}");
    }
}
