//! `aspect`: which way the terrain falls.
//!
//! *Formula*: the direction of `(p, q)`, clockwise from north, or counter-clockwise from east; `p` and `q` as in `slope`,
//! but as gdaldem has it without the pixels' size, so right for square pixels only. *Units*: degrees, from 0 up to, not
//! including, 360. *Halo*: 1. *Boundary*: pixels at the edge have no data, or are extrapolated. *Types*: computed in `f64`,
//! put out as `f32`. *Nodata*: none where a neighbour has none, and where the terrain is flat. *Source*: Horn 1981. *Agrees
//! with*: `gdaldem aspect` within 1e-4, but where a slope is only rounding errors of `f32`.

use swathe_core::{
    Documentation, Group, Operator, OperatorSpec, Parameter, ParameterKind, Parameters, RasterInfo, Result,
    SampleType,
};

use super::{ALGORITHM, Algorithm, COMPUTE_EDGES, HALO, Heights, Measure, NO_HEIGHT, SOURCE_GRADIENT, TYPES};
use crate::rows::angle_of;

/// The description of `aspect`.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: "aspect",
    group: Group::Terrain,
    summary: "direction in which a terrain falls, in degrees",
    inputs: (1, 1),
    parameters: &[
        Parameter::optional(
            "trigonometric",
            ParameterKind::Flag,
            Some("false"),
            "counter-clockwise from east instead of clockwise from north",
        ),
        Parameter::optional(
            "zero-for-flat",
            ParameterKind::Flag,
            Some("false"),
            "0 instead of no data where the terrain is flat",
        ),
        ALGORITHM,
        COMPUTE_EDGES,
        Parameter::NODATA,
    ],
    documentation: Documentation {
        formula: "out = the direction of descent, clockwise from north: east is 90, south 180, west 270\n(the differences are those of slope, without the pixels' size: right for square pixels, north up)",
        halo: HALO,
        types: TYPES,
        nodata: "a pixel without data, with a neighbour without, or at the raster's edge has none, unless --compute-edges is given;\nnone where the terrain is flat, unless --zero-for-flat is given",
        cost: "14 operations, two divisions and an inverse tangent",
        source: SOURCE_GRADIENT,
        agrees: "gdaldem aspect within 1e-4, but where a slope is only rounding errors of f32",
        example: "swathe aspect heights.tif aspect.tif",
    },
    trials: &[
        "zero-for-flat=true compute-edges=true",
        "trigonometric=true algorithm=zevenbergen-thorne nodata=value",
    ],
    bind,
};

struct Aspect {
    algorithm: Algorithm,
    trigonometric: bool,
    flat: f64,
}

fn bind(parameters: &Parameters, inputs: &[RasterInfo]) -> Result<Box<dyn Operator>> {
    let aspect = Aspect {
        algorithm: Algorithm::of(parameters),
        trigonometric: parameters.flag("trigonometric"),
        flat: if parameters.flag("zero-for-flat") { 0.0 } else { f64::NAN },
    };
    super::bind(aspect, parameters, &inputs[0], SampleType::F32, NO_HEIGHT)
}

impl Measure for Aspect {
    #[inline(always)]
    fn of(&self, heights: Heights) -> f64 {
        // How much higher it is above the pixel than below is how far it falls to the south.
        let (east, north) = self.algorithm.differences(heights);
        let angle = angle_of(north, east).to_degrees();
        let turned = if self.trigonometric { angle } else { 90.0 - angle };
        let positive = if turned < 0.0 { turned + 360.0 } else { turned };
        // Not 360 in the `f32` that is put out either.
        let aspect = if positive as f32 >= 360.0 { 0.0 } else { positive };
        if east == 0.0 && north == 0.0 { self.flat } else { aspect }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial;

    #[test]
    fn the_four_winds_are_where_they_should_be() {
        let of = |dx: i16, dy: i16, text: &str| {
            let row = |y: i16| -> [i16; 3] { std::array::from_fn(|x| 50 - dx * x as i16 - dy * y) };
            let input = trial::raster::<i16>(&[&[&row(0), &row(1), &row(2)]]);
            trial::run(&SPEC, text, &input).unwrap().rows::<f32>(0)[1][1]
        };
        for algorithm in ["algorithm=horn", "algorithm=zevenbergen-thorne"] {
            let falls = |dx, dy| of(dx, dy, algorithm);
            assert_eq!([falls(1, 0), falls(0, 1), falls(-1, 0), falls(0, -1)], [90.0, 180.0, 270.0, 0.0]);
            assert_eq!([falls(1, 1), falls(-1, -1), falls(0, 0)], [135.0, 315.0, -9999.0]);
        }
        assert_eq!([of(1, 0, "trigonometric=true"), of(0, 1, "trigonometric=true")], [0.0, 270.0]);
        assert_eq!(of(0, 0, "zero-for-flat=true"), 0.0);
    }
}
