//! `slope`: how steep the terrain is.
//!
//! *Formula*: `atan(sqrt(p^2 + q^2))` in degrees, or `100 sqrt(p^2 + q^2)`; Horn: `p = ((z0 + 2 z3 + z6) - (z2 + 2 z5 + z8))
//! / 8 dx`, `q = ((z6 + 2 z7 + z8) - (z0 + 2 z1 + z2)) / 8 dy`; Zevenbergen and Thorne: `p = (z3 - z5) / 2 dx`, `q = (z7 -
//! z1) / 2 dy`. *Units*: degrees or percent; the pixels' size is the georeferencing's. *Halo*: 1. *Boundary*: pixels at the
//! edge have no data, or are extrapolated. *Types*: computed in `f64`, put out as `f32`. *Nodata*: none where a neighbour
//! has none. *Source*: Horn 1981. *Agrees with*: `gdaldem slope` within 1e-4.

use swathe_core::{
    Documentation, Group, Operator, OperatorSpec, Parameter, ParameterKind, Parameters, RasterInfo, Result,
    SampleType,
};

use super::{
    ALGORITHM, COMPUTE_EDGES, Gradient, HALO, Heights, Measure, NO_HEIGHT, NODATA, SCALE, SOURCE_GRADIENT,
    TYPES,
};
use crate::rows::arctangent;

/// The description of `slope`.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: "slope",
    group: Group::Terrain,
    summary: "steepness of a terrain, in degrees or percent",
    inputs: (1, 1),
    parameters: &[
        Parameter::optional(
            "percent",
            ParameterKind::Flag,
            Some("false"),
            "percent, the rise over a run of 100, instead of degrees",
        ),
        ALGORITHM,
        SCALE,
        COMPUTE_EDGES,
        Parameter::NODATA,
    ],
    documentation: Documentation {
        formula: "out = atan(sqrt(p^2 + q^2)) in degrees, or 100 sqrt(p^2 + q^2)\np = ((z0 + 2 z3 + z6) - (z2 + 2 z5 + z8)) / (8 dx scale), q = ((z6 + 2 z7 + z8) - (z0 + 2 z1 + z2)) / (8 dy scale)\n(zevenbergen-thorne: p = (z3 - z5) / (2 dx scale), q = (z7 - z1) / (2 dy scale))",
        halo: HALO,
        types: TYPES,
        nodata: NODATA,
        cost: "14 operations, a root and an inverse tangent",
        source: SOURCE_GRADIENT,
        agrees: "gdaldem slope within 1e-4",
        example: "swathe slope heights.tif slope.tif --scale 111120",
    },
    trials: &["scale=30", "percent=true algorithm=zevenbergen-thorne compute-edges=true nodata=propagate"],
    bind,
};

struct Slope {
    gradient: Gradient,
    percent: bool,
}

fn bind(parameters: &Parameters, inputs: &[RasterInfo]) -> Result<Box<dyn Operator>> {
    let gradient = Gradient::of(parameters, &inputs[0])?;
    let slope = Slope { gradient, percent: parameters.flag("percent") };
    super::bind(slope, parameters, &inputs[0], SampleType::F32, NO_HEIGHT)
}

impl Measure for Slope {
    #[inline(always)]
    fn of(&self, heights: Heights) -> f64 {
        let (x, y) = self.gradient.at(heights);
        let steepness = (x * x + y * y).sqrt();
        if self.percent { 100.0 * steepness } else { arctangent(steepness).to_degrees() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial;
    use swathe_core::GeoTransform;

    #[test]
    fn a_plane_is_as_steep_as_it_is() {
        let row = |y: i16| -> [i16; 4] { std::array::from_fn(|x| 10 * x as i16 + 10 * y) };
        let mut input = trial::raster::<i16>(&[&[&row(0), &row(1), &row(2)]]);
        input.info.georeferencing.transform = Some(GeoTransform([0.0, 10.0, 0.0, 0.0, 0.0, -10.0]));
        let of = |text: &str| trial::run(&SPEC, text, &input).unwrap().rows::<f32>(0);
        let degrees = 2.0_f32.sqrt().atan().to_degrees();
        assert_eq!(of("")[1], [-9999.0, degrees, degrees, -9999.0]);
        assert_eq!(of("")[0], [-9999.0; 4]);
        for text in ["compute-edges=true", "compute-edges=true algorithm=zevenbergen-thorne"] {
            assert_eq!(of(text)[1], [degrees; 4], "{text}");
        }
        assert!((of("percent=true scale=2")[1][1] - 50.0 * 2.0_f32.sqrt()).abs() < 1e-4);
    }

    #[test]
    fn pixels_of_no_size_have_no_slope() {
        let mut input = trial::raster::<i16>(&[&[&[1, 2]]]);
        input.info.georeferencing.transform = Some(GeoTransform([0.0, 0.0, 1.0, 0.0, 1.0, 0.0]));
        let error = trial::run(&SPEC, "", &input).unwrap_err();
        assert!(error.to_string().contains("`0` by `0` on the map"), "{error}");
    }
}
