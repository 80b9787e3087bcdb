//! `flow`: how far each pixel of one raster has moved in the next.
//!
//! *Formula*: Lucas and Kanade 1981, the least squares of `Ix u + Iy v = It` over a window. *Units*: pixels; `dx` to the
//! east, `dy` to the south; `next(x + dx, y + dy) = previous(x, y)`. *Agrees with*: the seed's numpy program to 1e-9.

use swathe_core::{
    Documentation, Error, Group, MetadataItem, NodataPolicy, Operator, OperatorSpec, Parameter,
    ParameterKind, Parameters, RasterInfo, Result, SampleType, Scalar,
};

use super::reach::{MOST_LEVELS, Steps};
use super::{lucas_kanade, pyramid};

/// The description of `flow`.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: "flow",
    group: Group::Motion,
    summary: "displacement of each pixel from one raster to the next",
    inputs: (2, 2),
    parameters: &[
        Parameter::optional(
            "method",
            ParameterKind::Choice(&["lk", "pyrlk"]),
            Some("lk"),
            "lk: solved once, for motions of up to about a pixel; pyrlk: coarse to fine, for larger ones",
        ),
        Parameter::optional(
            "levels",
            ParameterKind::Integer { least: 1, greatest: MOST_LEVELS as i64 },
            None,
            "levels of the pyramid, each half as large as the one before (default 3; pyrlk only)",
        ),
        Parameter::optional(
            "iterations",
            ParameterKind::Integer { least: 1, greatest: 100 },
            None,
            "times that each level is solved (default 5; pyrlk only)",
        ),
        Parameter::optional(
            "max-displacement",
            ParameterKind::Number { least: 0.0, greatest: 4096.0 },
            None,
            "greatest motion along either axis in pixels, which the margin grows by (default 4 for each pixel of the coarsest level; pyrlk only)",
        ),
        Parameter::optional(
            "window",
            ParameterKind::Integer { least: 1, greatest: GREATEST_WINDOW },
            Some("5"),
            "width and height of the window in pixels, odd",
        ),
        Parameter::optional(
            "min-eig",
            ParameterKind::Number { least: 0.0, greatest: f64::MAX },
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
        formula: "Ix = (p(x + 1, y) - p(x - 1, y)) / 2, Iy likewise, It = p - n; p previous, n next; S sums over the window and the bands\nD = Sxx Syy - Sxy^2, dx = (Syy Sxt - Sxy Syt) / D, dy = (Sxx Syt - Sxy Sxt) / D; 0 where D = 0,\nand where the window or its derivatives reach past the edge\npyrlk: levels by 1 4 6 4 1 / 16 and every second pixel; from the coarsest on K times It = p - n(x + d) + Ix dx + Iy dy, d from it as above (what was\nknown stays where D is below 1e-6 of the squared trace), at most the greatest displacement; then doubled, linear between pixels\nconfidence = smaller eigenvalue of ((Sxx, Sxy), (Sxy, Syy)) / pixels of the window",
        halo: "lk: (window + 1) / 2 on each side\npyrlk: about (2^levels - 1) * iterations * (window / 2) and the greatest displacement",
        types: "any; integers of 8 and 16 bits are computed without rounding up to the quotient, all others in f64\npyrlk: rasters in f32, sums in f64",
        nodata: "a derivative without all of its pixels is left out of the sums; no flow (NaN) where the pixel itself is missing in either\nraster, or nothing is left\npyrlk: pixels without data are left out of levels and sums; no flow where the pixel itself is missing in either raster",
        cost: "five products, five sums over a window at the same cost for any size, two divisions; pyrlk: 1.33 * iterations times that\nand a look between pixels each time",
        source: "Lucas and Kanade 1981; Bouguet 2000; Le Besnerais and Champagnat 2005 (pyrlk)",
        agrees: "a numpy program with direct sums in f64 within 1e-9; pyrlk: within 0.02 pixels of the truth in the median where a\nsmooth land moved by 6 pixels, as cv2.calcOpticalFlowPyrLK",
        example: "swathe flow monday.tif tuesday.tif motion.tif --window 15 --confidence",
    },
    trials: &[
        "",
        "window=1 type=f64",
        "window=7 confidence=true min-eig=0.01",
        "window=3 nodata=propagate",
        "method=pyrlk levels=2 iterations=2 window=3 max-displacement=2.5 confidence=true",
        "method=pyrlk levels=3 iterations=1",
    ],
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
    match steps(parameters, options.radius)? {
        Some(steps) => Ok(pyramid::bind(options, steps, previous, next, output)),
        None => Ok(lucas_kanade::bind(options, previous, next, output)),
    }
}

/// How the pyramidal form goes on; none for the direct form.
fn steps(parameters: &Parameters, radius: usize) -> Result<Option<Steps>> {
    if parameters.text("method") != Some("pyrlk") {
        let given = ["levels", "iterations", "max-displacement"]
            .into_iter()
            .find(|name| parameters.text(name).is_some());
        return match given {
            Some(name) => Err(Error::usage(format!("`--{name}` has its place with `--method pyrlk`"))),
            None => Ok(None),
        };
    }
    let levels = parameters.integer("levels")?.unwrap_or(3) as usize;
    let greatest = parameters.number("max-displacement")?.unwrap_or((4 << (levels - 1)) as f64) as f32;
    let iterations = parameters.integer("iterations")?.unwrap_or(5) as usize;
    Ok(Some(Steps { levels, iterations, radius, greatest }))
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
