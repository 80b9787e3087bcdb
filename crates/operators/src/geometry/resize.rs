//! `resize`: more or fewer pixels for the same area.
//!
//! *Formula*: pixel `i` of the output covers `[i r, (i + 1) r)` of the input, with `r` the ratio of the lengths of that
//! axis, any number; its middle is `c = (i + 1/2) r`. Kernels weigh pixel `j` by `K(s (j + 1/2 - c))` with
//! `s = min(1, 1 / r)`, over the pixels inside, divided by the sum of these weights, along both axes. *Units*: the input's.
//! *Halo*: the radius times `max(1, r)`. *Boundary*: none; weights past the edge are left out. *Types*: any; 8- and 16-bit
//! integers in `f32`, averages where sums are not exact in it and all others in `f64`. *Nodata*: left out, the rest
//! weighed as if it were all. *Cost per pixel*: `2 R max(1, r)` multiplications for each axis, the first one `r` times.
//! *Source*: GDAL's RasterIO and overviews. *Agrees with*: `gdal_translate -r`, within rounding.
//!
//! ```
//! use swathe_core::{Parameters, RasterInfo, SampleType, Scratch, Size, TileBuffer, Value, Window};
//!
//! let spec = swathe_operators::find("resize").unwrap();
//! let given = [("size", "2x1"), ("method", "average")].map(|(name, text)| (name.to_string(), Value::Text(text.into())));
//! let info = RasterInfo::new(Size::new(3, 2), 1, SampleType::U8);
//! let operator = (spec.bind)(&Parameters::check(spec.parameters, given)?, &[info.clone()])?;
//! let window = Window::new(0, 0, 2, 1);
//! # let mut input = TileBuffer::new(operator.need(0, window), info.kind());
//! for (y, row) in [[1_u8, 4, 9], [3, 4, 1]].iter().enumerate() {
//!     input.view_mut().row_mut(0, y).copy_from_slice(row);
//! }
//! # let mut output = TileBuffer::new(window, operator.output().kind());
//! # let mut scratch = Scratch::with_capacity(operator.scratch_bytes(window.size()));
//! operator.process(&[input.view()], &mut output.view_mut(), &mut scratch.frame())?;
//! // A pixel and a half each: (2 + 4 / 2) / 1.5 and (4 / 2 + 5) / 1.5.
//! assert_eq!(output.view().row::<u8>(0, 0), [3, 5]);
//! # Ok::<(), swathe_core::Error>(())
//! ```

mod axis;
mod nearest;
mod rank;
mod samples;
mod weighted;

use swathe_core::{
    Colour, Documentation, Error, Group, Metadata, Operator, OperatorSpec, Parameter, ParameterKind,
    Parameters, RasterInfo, Result, Sample, SampleType, Size, with_sample,
};

use self::axis::{Anchor, Axis, Kernel};
use self::nearest::Nearest;
use self::rank::Choice;
use self::weighted::Outcome;
use crate::focal::gaussian::single_precision;

/// The greatest side of an output.
const LONGEST: usize = (1 << 31) - 1;

/// The description of `resize`.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: "resize",
    group: Group::Geometry,
    summary: "more or fewer pixels for the same area",
    inputs: (1, 1),
    parameters: &[
        Parameter::optional(
            "size",
            ParameterKind::Size { greatest: LONGEST },
            None,
            "pixels of the output, `WxH`; this or --scale",
        ),
        Parameter::optional(
            "scale",
            ParameterKind::Numbers { fewest: 1, most: 2, least: 1e-9, greatest: 1e9 },
            None,
            "output pixels to an input pixel, one number or `X,Y`; this or --size",
        ),
        Parameter::optional(
            "method",
            ParameterKind::Choice(&[
                "nearest",
                "nearest-overview",
                "bilinear",
                "cubic",
                "cubicspline",
                "lanczos",
                "average",
                "rms",
                "sum",
                "mode",
                "min",
                "max",
                "median",
                "q1",
                "q3",
            ]),
            Some("nearest"),
            "how a pixel follows from those under it; nearest and mode keep classes, the others mix",
        ),
        Parameter::NODATA,
    ],
    documentation: Documentation {
        formula: "pixel i of the output covers [i r, (i + 1) r) of the input, r = length of the input / length of the output, any ratio\nnearest: the pixel under the middle c = (i + 1/2) r; nearest-overview: pixel floor(i r + 1/2), as overviews have it\nbilinear, cubic (a = -1/2), cubicspline, lanczos (3 lobes): the sum of K(s (j + 1/2 - c)) in(j) along both axes,\ndivided by the sum of the weights inside the raster, s = min(1, 1 / r), so that fewer pixels are not aliased\naverage, rms, sum: over the area, parts of pixels by their share\nmode: the most frequent value; of several the first to reach that count, row after row\nmin, q1, median, q3, max: of all pixels touched, the one of rank ceil(share * count), the lower of two middle ones\na raster that keeps its size is copied; the georeferencing is scaled",
        halo: "the kernel's radius (bilinear 1, cubic 2, lanczos 3) times max(1, r)",
        types: "any, unchanged; 8- and 16-bit integers are computed in f32, all others and averages in f64, averages\nof integers exactly as long as their sums stay below 2^53;\nintegers are rounded half away from zero and saturated",
        nodata: "left out, the weights of the rest scaled up (sum: not); cubic and lanczos need half of the weight; without any pixel there is\nno data",
        cost: "2 radius max(1, r) multiplications down and across; the ranks gather the pixels covered and select among them",
        source: "GDAL's RasterIO (nearest to mode) and warper (min to q3)",
        agrees: "gdal_translate -outsize -r: nearest, mode, average exactly, the others within rounding; cubic and lanczos beside\nmissing pixels differ, as they do from one version of GDAL to the next",
        example: "swathe resize scene.tif small.tif --scale 0.37 --method lanczos",
    },
    trials: &[
        "scale=0.37 method=lanczos",
        "scale=0.4,0.7 method=average",
        "scale=1.7 method=bilinear nodata=propagate",
        "size=5x4 method=mode",
        "scale=0.3 method=median",
        "size=9x21",
    ],
    bind,
};

fn bind(parameters: &Parameters, inputs: &[RasterInfo]) -> Result<Box<dyn Operator>> {
    let input = &inputs[0];
    let size = wanted_size(parameters, input.size)?;
    let method = Method::of(parameters.text("method").unwrap_or("nearest"));
    let policy = parameters.nodata_policy()?;
    let x = Axis { from: input.size.width, to: size.width };
    let y = Axis { from: input.size.height, to: size.height };
    let mut output = RasterInfo { size, ..input.clone() };
    output.georeferencing = input.georeferencing.resized(input.size, size);
    output.metadata = resized_metadata(&input.metadata, method);
    Ok(match method {
        Method::Nearest(anchor) => Box::new(Nearest { x, y, anchor, output }),
        _ if size == input.size => Box::new(Nearest { x, y, anchor: Anchor::Middle, output }),
        Method::Choice(choice) => rank::Plan { x, y, choice, policy, output }.bind(input),
        Method::Weighted { kernel, outcome } => {
            let single = single_precision(input.sample_type, input.sample_type)
                && outcome == Outcome::Mean
                && sums_are_exact_in_f32(x, y, kernel, input.sample_type);
            let plan = weighted::Plan { x, y, kernel, outcome, policy, output };
            if single { plan.bind::<f32>(input) } else { plan.bind::<f64>(input) }
        }
    })
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Method {
    Nearest(Anchor),
    Choice(Choice),
    Weighted { kernel: Kernel, outcome: Outcome },
}

impl Method {
    fn of(word: &str) -> Self {
        let weighted = |kernel| Method::Weighted { kernel, outcome: Outcome::Mean };
        match word {
            "bilinear" => weighted(Kernel::Bilinear),
            "cubic" => weighted(Kernel::Cubic),
            "cubicspline" => weighted(Kernel::CubicSpline),
            "lanczos" => weighted(Kernel::Lanczos),
            "average" => weighted(Kernel::Area),
            "rms" => Method::Weighted { kernel: Kernel::Area, outcome: Outcome::Root },
            "sum" => Method::Weighted { kernel: Kernel::Area, outcome: Outcome::Sum },
            "mode" => Method::Choice(Choice::Mode),
            "min" => Method::Choice(Choice::Quantile(0.0)),
            "q1" => Method::Choice(Choice::Quantile(0.25)),
            "median" => Method::Choice(Choice::Quantile(0.5)),
            "q3" => Method::Choice(Choice::Quantile(0.75)),
            "max" => Method::Choice(Choice::Quantile(1.0)),
            "nearest-overview" => Method::Nearest(Anchor::Corner),
            _ => Method::Nearest(Anchor::Middle),
        }
    }
}

/// The size that is asked for, from one of two parameters.
fn wanted_size(parameters: &Parameters, input: Size) -> Result<Size> {
    let scale = parameters.numbers("scale")?;
    match (parameters.size("size")?, scale.as_deref()) {
        (Some(size), None) => Ok(size),
        (None, Some([first, rest @ ..])) => {
            let side = |length: usize, scale: f64| {
                let wanted = (length as f64 * scale + 0.5).floor();
                if wanted > LONGEST as f64 {
                    return Err(Error::limit(format!(
                        "--scale: {scale} times {length} pixels are more than {LONGEST}"
                    )));
                }
                Ok((wanted as usize).max(1))
            };
            let down = *rest.first().unwrap_or(first);
            Ok(Size::new(side(input.width, *first)?, side(input.height, down)?))
        }
        (Some(_), Some(_)) => {
            Err(Error::usage("`--size` and `--scale` both say how large; give one of them"))
        }
        (None, _) => Err(Error::usage("give `--size WxH` or `--scale F`")),
    }
}

/// A mixture of indices into a palette is none.
fn resized_metadata(metadata: &Metadata, method: Method) -> Metadata {
    let chosen = !matches!(method, Method::Weighted { .. });
    if !chosen && metadata.colours.contains(&Colour::Palette) {
        return metadata.for_new_values();
    }
    let mut kept = metadata.clone();
    kept.forget_statistics();
    kept
}

/// Whether the sums of an average fit 24 bits: a mean that ends in a half must not miss it. Kernels have no such sums.
fn sums_are_exact_in_f32(x: Axis, y: Axis, kernel: Kernel, sample_type: SampleType) -> bool {
    let greatest = with_sample!(sample_type, T => T::GREATEST.to_f64().max(-T::LEAST.to_f64()));
    kernel != Kernel::Area || greatest * x.total(kernel) * y.total(kernel) <= f64::from(1 << 24)
}

#[cfg(test)]
mod tests {
    use swathe_core::GeoTransform;

    use super::*;
    use crate::trial;

    #[test]
    fn a_third_is_the_mean_of_three() {
        let input = trial::raster::<u8>(&[&[&[0, 3, 9, 200, 201, 202], &[0, 3, 9, 200, 201, 202]]]);
        let rows = |text| trial::run(&SPEC, text, &input).unwrap().rows::<u8>(0);
        assert_eq!(rows("size=2x2 method=average"), [[4, 201], [4, 201]]);
        assert_eq!(rows("size=2x1"), [[3, 201]]);
        assert_eq!(rows("size=2x1 method=sum"), [[24, 255]]);
        assert_eq!(rows("size=2x1 method=median"), [[3, 201]]);
        assert_eq!(rows("size=2x1 method=nearest-overview"), [[0, 200]]);
        assert_eq!(rows("scale=1 method=cubic"), input.rows::<u8>(0));
    }

    #[test]
    fn constants_stay_and_overshoot_saturates() {
        let input = trial::raster::<u8>(&[&[&[255, 255, 255, 255, 0, 0, 0, 0]]]);
        for method in ["bilinear", "cubic", "cubicspline", "lanczos", "average", "rms"] {
            let output = trial::run(&SPEC, &format!("size=64x3 method={method}"), &input).unwrap();
            let row = &output.rows::<u8>(0)[1];
            assert_eq!((row[0], row[63]), (255, 0), "{method}");
        }
    }

    #[test]
    fn infinities_stay_where_they_are() {
        let mut row = [1.0_f32; 32];
        row[3] = f32::INFINITY;
        let output =
            trial::run(&SPEC, "size=16x1 method=average", &trial::raster::<f32>(&[&[&row]])).unwrap();
        let row = &output.rows::<f32>(0)[0];
        assert!(row[1] == f32::INFINITY && row.iter().filter(|value| **value == 1.0).count() == 15);
    }

    #[test]
    fn georeferencing_is_scaled() {
        let mut info = RasterInfo::new(Size::new(30, 20), 1, SampleType::U8);
        info.georeferencing.transform = Some(GeoTransform([100.0, 10.0, 0.0, 500.0, 0.0, -10.0]));
        let resize = trial::bind(&SPEC, "scale=0.5,2", &[info]).unwrap();
        assert_eq!(resize.output().size, Size::new(15, 40));
        let scaled = resize.output().georeferencing.transform.unwrap();
        assert_eq!(scaled.0, [100.0, 20.0, 0.0, 500.0, 0.0, -5.0]);
    }

    #[test]
    fn a_size_has_to_be_given_once() {
        let info = RasterInfo::new(Size::new(4, 3), 1, SampleType::U8);
        let message = |text| trial::bind(&SPEC, text, std::slice::from_ref(&info)).err().unwrap().to_string();
        assert!(message("").contains("give `--size WxH` or `--scale F`"));
        assert!(message("size=2x2 scale=2").contains("give one of them"));
        assert!(message("scale=1e9").contains("1000000000 times 4 pixels are more than 2147483647"));
        assert_eq!(trial::bind(&SPEC, "scale=0.001", &[info]).unwrap().output().size, Size::new(1, 1));
    }
}
