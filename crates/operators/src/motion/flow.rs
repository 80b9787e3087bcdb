//! `flow`: how far each pixel of one raster has moved in the next.
//!
//! *Formula*: Lucas and Kanade 1981, the least squares of `Ix u + Iy v = It` over a window. *Units*: pixels; `dx` to the
//! east, `dy` to the south; `next(x + dx, y + dy) = previous(x, y)`. *Agrees with*: the seed's numpy program to 1e-9.

use swathe_core::{
    Documentation, Error, Group, MetadataItem, NodataPolicy, Operator, OperatorSpec, Parameter,
    ParameterKind, Parameters, RasterInfo, Result, SampleType, Scalar,
};

use super::lucas_kanade;

/// The description of `flow`.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: "flow",
    group: Group::Motion,
    summary: "displacement of each pixel from one raster to the next",
    inputs: (2, 2),
    parameters: &[
        Parameter::optional(
            "window",
            ParameterKind::Integer { least: 1, greatest: GREATEST_WINDOW },
            Some("5"),
            "width and height of the window in pixels, odd",
        ),
        Parameter::optional(
            "min-eig",
            ParameterKind::Number { least: 0.0, greatest: 1e300 },
            Some("0"),
            "least confidence (smaller eigenvalue of the structure tensor, per pixel); below it the flow is 0",
        ),
        Parameter::optional("confidence", ParameterKind::Flag, None, "write the confidence as a third band"),
        Parameter::NODATA,
        Parameter::optional(
            "type",
            ParameterKind::Choice(&["f32", "f64"]),
            Some("f32"),
            "sample type of the output",
        ),
    ],
    documentation: Documentation {
        formula: "Ix = (p(x + 1, y) - p(x - 1, y)) / 2, Iy likewise, It = p - n; p previous, n next; S sums over the window and the bands\nD = Sxx Syy - Sxy^2, dx = (Syy Sxt - Sxy Syt) / D, dy = (Sxx Syt - Sxy Sxt) / D; 0 where D = 0,\nand where the window or its derivatives reach past the edge\nconfidence = smaller eigenvalue of ((Sxx, Sxy), (Sxy, Syy)) / pixels of the window",
        halo: "(window + 1) / 2 on each side",
        types: "any; integers of 8 and 16 bits are computed without rounding up to the quotient, all others in f64",
        nodata: "a derivative without all of its pixels is left out of the sums; no flow (NaN) where the pixel itself is missing in either\nraster, or nothing is left",
        cost: "five products, five sums over a window at the same cost for any size, two divisions",
        source: "Lucas and Kanade 1981",
        agrees: "a numpy program with direct sums in f64 within 1e-9",
        example: "swathe flow monday.tif tuesday.tif motion.tif --window 15 --confidence",
    },
    trials: &["", "window=1 type=f64", "window=7 confidence=true min-eig=0.01", "window=3 nodata=propagate"],
    bind,
};

/// Largest window: the sums of eight bands' products then stay below 2^53.
const GREATEST_WINDOW: i64 = 255;

fn bind(parameters: &Parameters, inputs: &[RasterInfo]) -> Result<Box<dyn Operator>> {
    let [previous, next] = inputs else {
        return Err(Error::usage("flow reads two rasters"));
    };
    if previous.size != next.size || previous.bands != next.bands {
        return Err(Error::usage(format!(
            "the rasters differ: one is {} with {} bands, the other {} with {}; cut or choose bands so that they match",
            previous.size, previous.bands, next.size, next.bands
        )));
    }
    let window = parameters.integer("window")?.unwrap_or(5);
    if window % 2 == 0 {
        return Err(Error::usage(format!(
            "--window: the window has its middle on a pixel, so its size is odd; `{window}` is not, `{}` is",
            window + 1
        )));
    }
    let confidence = parameters.flag("confidence");
    let policy = parameters.nodata_policy()?;
    let options = lucas_kanade::Options {
        radius: (window / 2) as usize,
        least_eigenvalue: parameters.number("min-eig")?.unwrap_or(0.0),
        policy,
    };
    let output = output_info(previous, next, parameters.text("type") == Some("f64"), confidence, policy);
    Ok(lucas_kanade::bind(options, previous, next, output))
}

/// Two or three bands on the grid of the first raster.
fn output_info(
    previous: &RasterInfo,
    next: &RasterInfo,
    double: bool,
    confidence: bool,
    policy: NodataPolicy,
) -> RasterInfo {
    let names: &[&str] = if confidence { &["dx", "dy", "confidence"] } else { &["dx", "dy"] };
    let sample_type = if double { SampleType::F64 } else { SampleType::F32 };
    let mut output = RasterInfo::new(previous.size, names.len(), sample_type);
    output.georeferencing = previous.georeferencing.clone();
    let missing = [previous, next].iter().any(|info| info.nodata.is_some() || info.mask);
    if missing && policy != NodataPolicy::Value {
        output.nodata = Some(Scalar::Float(f64::NAN));
    }
    output.metadata.items = names
        .iter()
        .enumerate()
        .map(|(band, name)| MetadataItem {
            name: "DESCRIPTION".into(),
            value: (*name).into(),
            band: Some(band),
            role: "description".into(),
            domain: String::new(),
        })
        .collect();
    output
}

#[cfg(test)]
mod tests {
    use swathe_core::ErrorKind;

    use super::*;
    use crate::trial::{self, TrialRaster, raster, reals};

    fn run(text: &str, previous: &TrialRaster, next: &TrialRaster) -> Result<TrialRaster> {
        let operator = trial::bind(&SPEC, text, &[previous.info.clone(), next.info.clone()])?;
        trial::in_tiles(&*operator, &[previous, next], previous.info.size)
    }

    /// A bowl `x^2 + 2 y^2` whose bottom lies at the place given, in sixteenths.
    fn bowl(x: i32, y: i32) -> TrialRaster {
        let row = |j: i32| (0..7).map(|i| (16 * i - x).pow(2) + 2 * (16 * j - y).pow(2)).collect::<Vec<_>>();
        let rows = (0..7).map(row).collect::<Vec<_>>();
        let rows = rows.iter().map(Vec::as_slice).collect::<Vec<_>>();
        raster::<i32>(&[&rows])
    }

    #[test]
    fn a_bowl_that_moved_is_followed() {
        // Around the bottom, x and y of the window's pixels cancel, and what is left of the squares is even in both:
        // sum(Ix It) / sum(Ix^2) is the shift, exactly.
        let (previous, next) = (bowl(48, 48), bowl(49, 46));
        let flow = run("window=3 type=f64", &previous, &next).unwrap();
        assert_eq!(reals(&flow, 0)[3][3], 1.0 / 16.0);
        assert_eq!(reals(&flow, 1)[3][3], -2.0 / 16.0);
        // One pixel for the derivative, one for the window.
        assert_eq!(reals(&flow, 0)[1], [0.0; 7]);
        assert!(reals(&flow, 0)[2][2..5].iter().all(|&dx| dx != 0.0));
        assert_eq!(flow.info.metadata.items[1].value, "dy");
    }

    #[test]
    fn what_shows_no_motion_has_none() {
        let slope: Vec<Vec<u8>> = (0..9).map(|_| (0..9).map(|x| 9 * x).collect()).collect();
        let slope = slope.iter().map(Vec::as_slice).collect::<Vec<_>>();
        let slope = raster::<u8>(&[&slope]);
        let flow = run("confidence=true", &slope, &slope).unwrap();
        for band in 0..3 {
            assert!(reals(&flow, band).iter().flatten().all(|&value| value == 0.0));
        }
    }

    #[test]
    fn unequal_rasters_and_even_windows_are_refused() {
        let (small, large) = (raster::<u8>(&[&[&[0; 3]]]), raster::<u8>(&[&[&[0; 4]]]));
        let error = run("", &small, &large).unwrap_err();
        assert!(error.kind() == ErrorKind::Usage && error.to_string().contains("differ"), "{error}");
        let error = run("window=4", &small, &small).unwrap_err();
        assert!(error.to_string().contains("`5`"), "{error}");
    }

    #[test]
    fn neither_tiles_nor_cpu_show() {
        trial::assert_tiling_never_shows(&SPEC);
        trial::assert_level_never_shows(&SPEC);
    }
}
