//! `hillshade`: how a terrain looks under the sun.
//!
//! *Formula*: `c = (sin e - z (q cos a - p sin a) cos e) / sqrt(1 + z^2 (p^2 + q^2))`, the cosine of the angle between the sun
//! and the terrain's normal; `a` the sun's azimuth, `e` its altitude, `z` the exaggeration, `p` and `q` as in `slope`. Out is
//! `1 + 254 c`, and 1 in the shade. Combined: `1 - acos(c) atan(z sqrt(p^2 + q^2)) / (pi / 2)^2` stands for `c`.
//! Multidirectional (Mark 1992): half the sum of `cos^2(s - a) max(c, 0)` over the azimuths 225, 270, 315 and 360 stands for `c`,
//! `s` the azimuth of the descent. Igor (of the Maperitive program): `255 (1 - slope / 90 |s' - a| / 180)`, `s'` the azimuth of
//! the descent if pixels were square. *Units*: 1 to 255 (Igor from 0).
//! *Halo*: 1. *Boundary*: pixels at the edge have no data, or are extrapolated. *Types*: computed in `f64`, put out
//! as `u8`. *Nodata*: 0, where a neighbour has none. *Source*: Horn 1981; Mark 1992, USGS Open-File Report 92-422;
//! gdaldem. *Agrees with*: `gdaldem hillshade` (3.6.2) within 1.

use swathe_core::{
    Documentation, Error, Group, Operator, OperatorSpec, Parameter, ParameterKind, Parameters, RasterInfo,
    Result, SampleType, Scalar,
};

use super::{ALGORITHM, COMPUTE_EDGES, Gradient, HALO, Heights, Measure, NODATA, SCALE};
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
        Parameter::optional(
            "multidirectional",
            ParameterKind::Flag,
            Some("false"),
            "light from 225, 270, 315 and 360 degrees at once, whatever the azimuth",
        ),
        Parameter::optional(
            "igor",
            ParameterKind::Flag,
            Some("false"),
            "only darken, so that what lies below the shade is seen, whatever the altitude",
        ),
        ALGORITHM,
        SCALE,
        COMPUTE_EDGES,
        Parameter::NODATA,
    ],
    documentation: Documentation {
        formula: "out = 1 + 254 c, 1 in the shade; c = (sin e - z (q cos a - p sin a) cos e) / sqrt(1 + z^2 (p^2 + q^2)),\na azimuth, e altitude, p and q as in slope; combined: 1 - acos(c) atan(z sqrt(p^2 + q^2)) / (pi / 2)^2 for c;\nmultidirectional: half the sum of cos^2(s - a) max(c, 0) for c, a 225, 270, 315 and 360, s the azimuth of the descent;\nigor: 255 (1 - slope / 90 |s' - a| / 180), s' the azimuth of the descent if pixels were square",
        halo: HALO,
        types: "computed in f64; the output is u8 with nodata 0",
        nodata: NODATA,
        cost: "22 operations, a root and a division; combined and igor two inverse tangents more",
        source: "Horn 1981; Zevenbergen and Thorne 1987; Mark 1992 (multidirectional); gdaldem",
        agrees: "gdaldem hillshade (3.6.2) within 1 (GDAL's root is an approximation)",
        example: "swathe hillshade heights.tif shade.tif --z 2 --scale 111120",
    },
    trials: &[
        "z=3 scale=20",
        "azimuth=100 altitude=30 combined=true compute-edges=true",
        "algorithm=zevenbergen-thorne nodata=propagate",
        "multidirectional=true z=2 scale=30",
        "igor=true azimuth=40 compute-edges=true",
    ],
    bind,
};

/// What becomes of the slopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Light {
    /// The cosine of the angle between the sun and the normal.
    Sun,
    Combined,
    Multidirectional,
    Igor,
}

impl Light {
    fn of(parameters: &Parameters) -> Result<Self> {
        let forms = [
            ("combined", Light::Combined),
            ("multidirectional", Light::Multidirectional),
            ("igor", Light::Igor),
        ];
        let mut given = forms.into_iter().filter(|(name, _)| parameters.flag(name));
        match (given.next(), given.next()) {
            (None, _) => Ok(Light::Sun),
            (Some((_, light)), None) => Ok(light),
            (Some((one, _)), Some((other, _))) => Err(Error::usage(format!(
                "`--{one}` and `--{other}` are two ways to shade; give one of them"
            ))),
        }
    }
}

struct Hillshade {
    gradient: Gradient,
    z: f64,
    /// Sine and cosine of the sun's altitude.
    high: f64,
    flat: f64,
    /// Towards the sun, on the map.
    east: f64,
    north: f64,
    /// The same as an angle in radians from east, counter-clockwise.
    sun: f64,
    light: Light,
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
        flat,
        east: sine(azimuth) * flat,
        north: sine(90.0 - azimuth) * flat,
        sun: (90.0 - azimuth).to_radians(),
        light: Light::of(parameters)?,
    };
    super::bind(hillshade, parameters, &inputs[0], SampleType::U8, Scalar::Integer(0))
}

impl Hillshade {
    /// The cosine of the angle between the sun and the normal, for slopes that are exaggerated already.
    #[inline(always)]
    fn cosine(&self, x: f64, y: f64) -> f64 {
        (self.high - (y * self.north - x * self.east)) / (1.0 + (x * x + y * y)).sqrt()
    }

    #[inline(always)]
    fn combined(&self, x: f64, y: f64) -> f64 {
        let cosine = self.cosine(x, y);
        let angle = angle_of((1.0 - cosine * cosine).max(0.0).sqrt(), cosine);
        let half = std::f64::consts::FRAC_PI_2;
        1.0 - angle * arctangent((x * x + y * y).sqrt()) / (half * half)
    }

    /// Half the sum over four suns, each weighted by the squared cosine of the angle between it and the descent.
    #[inline(always)]
    fn multidirectional(&self, x: f64, y: f64) -> f64 {
        let (squares, product) = (x * x + y * y, x * y);
        let slant = self.flat * std::f64::consts::FRAC_1_SQRT_2;
        let lit = |light: f64| if light <= 0.0 { 0.0 } else { light };
        let suns = (0.5 * squares - product) * lit(self.high - (x - y) * slant)
            + x * x * lit(self.high - x * self.flat)
            + (0.5 * squares + product) * lit(self.high - (x + y) * slant)
            + y * y * lit(self.high - y * self.flat);
        let light = 0.5 * suns / squares / (1.0 + squares).sqrt();
        if squares == 0.0 { self.high } else { light }
    }

    /// From 0 to 1.
    #[inline(always)]
    fn igor(&self, heights: Heights, x: f64, y: f64) -> f64 {
        use std::f64::consts::{FRAC_PI_2, PI, TAU};
        let steep = arctangent((x * x + y * y).sqrt().copysign(self.z)) / FRAC_PI_2;
        let (east, north) = self.gradient.algorithm.differences(heights);
        let apart = (angle_of(north, east) - self.sun).abs();
        let apart = apart - (apart / TAU).floor() * TAU;
        let apart = if apart > PI { TAU - apart } else { apart };
        1.0 - steep * (apart / PI)
    }
}

impl Measure for Hillshade {
    #[inline(always)]
    fn of(&self, heights: Heights) -> f64 {
        let (x, y) = self.gradient.at(heights);
        let (x, y) = (x * self.z, y * self.z);
        let light = match self.light {
            Light::Sun => self.cosine(x, y),
            Light::Combined => self.combined(x, y),
            Light::Multidirectional => self.multidirectional(x, y),
            Light::Igor => return 255.0 * self.igor(heights, x, y),
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
        assert_eq!(of(0, 0, "multidirectional=true"), 181);
        assert_eq!(of(0, 0, "igor=true"), 255);
        // Half of the slope of 45 degrees is dark on the side away from the sun, and nothing on the side towards it.
        let igor = |dx, dy| of(dx, dy, "igor=true azimuth=90");
        assert_eq!([igor(1, 0), igor(-1, 0)], [255, 128]);
    }

    #[test]
    fn two_ways_to_shade_are_refused() {
        let info = swathe_core::RasterInfo::new(swathe_core::Size::new(4, 4), 1, SampleType::U8);
        let message = |text| trial::bind(&SPEC, text, std::slice::from_ref(&info)).err().unwrap().to_string();
        assert!(message("combined=true igor=true").contains("`--combined` and `--igor`"));
    }
}
