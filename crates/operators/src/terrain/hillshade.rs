//! `hillshade`: how a terrain looks under the sun.
//!
//! *Formula*: `c = (sin e - z (q cos a - p sin a) cos e) / sqrt(1 + z^2 (p^2 + q^2))`, the cosine of the angle between the sun
//! and the terrain's normal; `a` the sun's azimuth, `e` its altitude, `z` the exaggeration, `p` and `q` as in `slope`. Out is
//! `1 + 254 c`, and 1 in the shade. Combined: `1 - acos(c) atan(z sqrt(p^2 + q^2)) / (pi / 2)^2` stands for `c`. *Units*: 1
//! to 255. *Halo*: 1. *Boundary*: pixels at the edge have no data, or are extrapolated. *Types*: computed in `f64`, put out
//! as `u8`. *Nodata*: 0, where a neighbour has none. *Source*: Horn 1981. *Agrees with*: `gdaldem hillshade` within 1.

use swathe_core::{
    Documentation, Group, Operator, OperatorSpec, Parameter, ParameterKind, Parameters, RasterInfo, Result,
    SampleType, Scalar,
};

use super::{ALGORITHM, COMPUTE_EDGES, Gradient, HALO, Heights, Measure, NODATA, SCALE, SOURCE_GRADIENT};
use crate::rows::{angle_of, arctangent, sine_of_pi_times};

/// The description of `hillshade`.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: "hillshade",
    group: Group::Terrain,
    summary: "a terrain under the sun, as grey from 1 to 255",
    inputs: (1, 1),
    parameters: &[
        Parameter::optional(
            "azimuth",
            ParameterKind::Number { least: -360.0, greatest: 720.0 },
            Some("315"),
            "where the sun stands, in degrees clockwise from north",
        ),
        Parameter::optional(
            "altitude",
            ParameterKind::Number { least: 0.0, greatest: 90.0 },
            Some("45"),
            "how high the sun stands, in degrees above the horizon",
        ),
        Parameter::optional(
            "z",
            ParameterKind::Number { least: -1e9, greatest: 1e9 },
            Some("1"),
            "exaggeration of heights",
        ),
        Parameter::optional("combined", ParameterKind::Flag, Some("false"), "shade by steepness too"),
        ALGORITHM,
        SCALE,
        COMPUTE_EDGES,
        Parameter::NODATA,
    ],
    documentation: Documentation {
        formula: "out = 1 + 254 c, 1 in the shade; c = (sin e - z (q cos a - p sin a) cos e) / sqrt(1 + z^2 (p^2 + q^2)),\na azimuth, e altitude, p and q as in slope; combined: 1 - acos(c) atan(z sqrt(p^2 + q^2)) / (pi / 2)^2 for c",
        halo: HALO,
        types: "computed in f64; the output is u8 with nodata 0",
        nodata: NODATA,
        cost: "22 operations, a root and a division; combined two inverse tangents more",
        source: SOURCE_GRADIENT,
        agrees: "gdaldem hillshade within 1 (GDAL's root is an approximation)",
        example: "swathe hillshade heights.tif shade.tif --z 2 --scale 111120",
    },
    trials: &[
        "z=3 scale=20",
        "azimuth=100 altitude=30 combined=true compute-edges=true",
        "algorithm=zevenbergen-thorne nodata=propagate",
    ],
    bind,
};

struct Hillshade {
    gradient: Gradient,
    z: f64,
    /// Sine of the sun's altitude.
    high: f64,
    /// Towards the sun, on the map.
    east: f64,
    north: f64,
    combined: bool,
}

fn bind(parameters: &Parameters, inputs: &[RasterInfo]) -> Result<Box<dyn Operator>> {
    let number = |name| parameters.number(name).map(Option::unwrap_or_default);
    let sine = |degrees: f64| sine_of_pi_times(degrees / 180.0);
    let (azimuth, altitude) = (number("azimuth")?, number("altitude")?);
    let flat = sine(90.0 - altitude);
    let hillshade = Hillshade {
        gradient: Gradient::of(parameters, &inputs[0])?,
        z: number("z")?,
        high: sine(altitude),
        east: sine(azimuth) * flat,
        north: sine(90.0 - azimuth) * flat,
        combined: parameters.flag("combined"),
    };
    super::bind(hillshade, parameters, &inputs[0], SampleType::U8, Scalar::Integer(0))
}

impl Measure for Hillshade {
    #[inline(always)]
    fn of(&self, heights: Heights) -> f64 {
        let (x, y) = self.gradient.at(heights);
        let (x, y) = (x * self.z, y * self.z);
        let steepness = x * x + y * y;
        let cosine = (self.high - (y * self.north - x * self.east)) / (1.0 + steepness).sqrt();
        let light = if self.combined {
            let angle = angle_of((1.0 - cosine * cosine).max(0.0).sqrt(), cosine);
            let half = std::f64::consts::FRAC_PI_2;
            1.0 - angle * arctangent(steepness.sqrt()) / (half * half)
        } else {
            cosine
        };
        // Not `max`, which would make a number of NaN.
        if light <= 0.0 { 1.0 } else { 1.0 + 254.0 * light }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial;
    use swathe_core::GeoTransform;

    #[test]
    fn the_side_towards_the_sun_is_bright() {
        let of = |dx: i16, dy: i16, text: &str| {
            let row = |y: i16| -> [i16; 3] { std::array::from_fn(|x| 50 - dx * x as i16 - dy * y) };
            let mut input = trial::raster::<i16>(&[&[&row(0), &row(1), &row(2)]]);
            input.info.georeferencing.transform = Some(GeoTransform([0.0, 1.0, 0.0, 0.0, 0.0, -1.0]));
            let output = trial::run(&SPEC, text, &input).unwrap().rows::<u8>(0);
            assert_eq!(output[0], [0; 3]);
            output[1][1]
        };
        assert_eq!(of(0, 0, ""), 181);
        assert_eq!(of(1, 0, "azimuth=90"), 255);
        assert_eq!(of(0, -1, "azimuth=0"), 255);
        assert_eq!(of(0, 9, "azimuth=0"), 1);
        assert_eq!(of(0, 0, "combined=true"), 255);
        assert_eq!(of(0, 0, "altitude=90"), 255);
    }
}
