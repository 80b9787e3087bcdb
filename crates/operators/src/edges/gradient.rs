//! `sobel`, `scharr` and `prewitt`: the first derivatives, smoothed across.
//!
//! ```text
//! dx   -a 0 a      dy   -a -b -a      sobel    a = 1, b = 2
//!      -b 0 b            0  0  0      scharr   a = 3, b = 10
//!      -a 0 a            a  b  a      prewitt  a = 1, b = 1
//! ```
//! *Formula*: `x` and `y` are the correlations with these kernels, `magnitude` is `sqrt(dx^2 + dy^2)`, or `|dx| + |dy|`.
//! *Units*: the input's, times `2 (2 a + b)` to the pixel. *Halo*: 1. *Boundary*: `--boundary`. *Types*: 8- and 16-bit
//! integers are computed in `f32`, all others in `f64`. *Nodata*: where a weight that is not 0 falls on it there is none.
//! *Cost per pixel*: some 16 operations and a root. *Source*: Sobel and Feldman 1968; Scharr 2000; Prewitt 1970. *Agrees
//! with*: `scipy.ndimage.sobel`, `prewitt`, `cv2.Sobel` and `cv2.Scharr` exactly for integers of up to 16 bits,
//! within 1e-12 (`f64`) of the sum of the weights' magnitudes for floats; magnitudes within 1e-6.

use fearless_simd::{Simd, dispatch};
use fearless_simd_macros::simd;
use swathe_core::{
    Documentation, Group, Operator, OperatorSpec, Parameter, ParameterKind, Parameters, RasterInfo, Result,
};

use super::{NODATA, TYPES, derivative, derivative_type};
use crate::focal::gaussian::single_precision;
use crate::focal::neighbours::{self, Formula, Rim, Support, window_at};
use crate::rows::Real;
use crate::simd::level;

/// The weights beside and on the axis of a derivative.
#[derive(Clone, Copy, Debug)]
struct Weights {
    corner: f64,
    middle: f64,
}

const PARAMETERS: &[Parameter] = &[
    Parameter::optional(
        "direction",
        ParameterKind::Choice(&["x", "y", "magnitude"]),
        Some("magnitude"),
        "x (growing to the right), y (growing downwards) or the magnitude of both",
    ),
    Parameter::optional(
        "norm",
        ParameterKind::Choice(&["l2", "l1"]),
        Some("l2"),
        "magnitude: l2, sqrt(dx^2 + dy^2), or l1, |dx| + |dy|",
    ),
    Parameter::BOUNDARY,
    Parameter::NODATA,
    Parameter::REAL_TYPE,
];

const fn documentation(
    formula: &'static str,
    source: &'static str,
    agrees: &'static str,
    example: &'static str,
) -> Documentation {
    Documentation {
        formula,
        halo: "1",
        types: TYPES,
        nodata: NODATA,
        cost: "16 operations and a root",
        source,
        agrees,
        example,
    }
}

/// The description of `sobel`.
pub static SOBEL: OperatorSpec = OperatorSpec {
    name: "sobel",
    group: Group::Edges,
    summary: "first derivatives, smoothed across with 1 2 1",
    inputs: (1, 1),
    parameters: PARAMETERS,
    documentation: documentation(
        "dx = correlation with -1 0 1; -2 0 2; -1 0 1, dy with its transpose\nout = dx, dy, sqrt(dx^2 + dy^2) or |dx| + |dy|",
        "Sobel and Feldman 1968",
        "scipy.ndimage.sobel and cv2.Sobel: integers of up to 16 bits exactly, f64 within 1e-12, magnitudes within 1e-6\n(skimage.filters.sobel is that magnitude divided by 4 sqrt 2)",
        "swathe sobel scene.tif edges.tif",
    ),
    trials: &[
        "boundary=mirror",
        "direction=x nodata=propagate boundary=constant=5",
        "direction=y type=i32 nodata=value",
        "norm=l1 type=u8 boundary=wrap",
    ],
    bind: |parameters, inputs| bind(parameters, &inputs[0], Weights { corner: 1.0, middle: 2.0 }),
};

/// The description of `scharr`.
pub static SCHARR: OperatorSpec = OperatorSpec {
    name: "scharr",
    group: Group::Edges,
    summary: "first derivatives, smoothed across with 3 10 3: the direction is right for all angles",
    inputs: (1, 1),
    parameters: PARAMETERS,
    documentation: documentation(
        "dx = correlation with -3 0 3; -10 0 10; -3 0 3, dy with its transpose\nout = dx, dy, sqrt(dx^2 + dy^2) or |dx| + |dy|",
        "Scharr 2000",
        "cv2.Scharr: integers of up to 16 bits exactly, f64 within 1e-12, magnitudes within 1e-6\n(skimage.filters.scharr is that magnitude divided by 16 sqrt 2)",
        "swathe scharr scene.tif edges.tif --direction x",
    ),
    trials: &["direction=x", "boundary=nearest type=u16"],
    bind: |parameters, inputs| bind(parameters, &inputs[0], Weights { corner: 3.0, middle: 10.0 }),
};

/// The description of `prewitt`.
pub static PREWITT: OperatorSpec = OperatorSpec {
    name: "prewitt",
    group: Group::Edges,
    summary: "first derivatives, smoothed across with 1 1 1",
    inputs: (1, 1),
    parameters: PARAMETERS,
    documentation: documentation(
        "dx = correlation with -1 0 1; -1 0 1; -1 0 1, dy with its transpose\nout = dx, dy, sqrt(dx^2 + dy^2) or |dx| + |dy|",
        "Prewitt 1970",
        "scipy.ndimage.prewitt: integers of up to 16 bits exactly, f64 within 1e-12, magnitudes within 1e-6\n(skimage.filters.prewitt is that magnitude divided by 3 sqrt 2)",
        "swathe prewitt scene.tif edges.tif --direction y",
    ),
    trials: &["direction=y boundary=mirror", "norm=l1"],
    bind: |parameters, inputs| bind(parameters, &inputs[0], Weights { corner: 1.0, middle: 1.0 }),
};

/// What is put out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Measure {
    X,
    Y,
    Root,
    Sum,
}

fn bind(parameters: &Parameters, input: &RasterInfo, weights: Weights) -> Result<Box<dyn Operator>> {
    let measure = match (parameters.text("direction"), parameters.text("norm")) {
        (Some("x"), _) => Measure::X,
        (Some("y"), _) => Measure::Y,
        (_, Some("l1")) => Measure::Sum,
        _ => Measure::Root,
    };
    let output_type = parameters.sample_type("type")?.unwrap_or(derivative_type(input.sample_type));
    let output = derivative(input, output_type);
    let (rim, policy) = (Rim::Extend(parameters.boundary()?), parameters.nodata_policy()?);
    Ok(if single_precision(input.sample_type, output_type) {
        neighbours::bind::<f32>(Box::new(Gradient::new(weights, measure)), rim, policy, input, output)
    } else {
        neighbours::bind::<f64>(Box::new(Gradient::new(weights, measure)), rim, policy, input, output)
    })
}

struct Gradient<A> {
    corner: A,
    middle: A,
    measure: Measure,
}

impl<A: Real> Gradient<A> {
    fn new(weights: Weights, measure: Measure) -> Self {
        Gradient { corner: A::of(weights.corner), middle: A::of(weights.middle), measure }
    }
}

impl<A: Real> Formula<A> for Gradient<A> {
    fn row(&self, rows: [&[A]; 3], made: &mut [A]) {
        let (corner, middle) = (self.corner, self.middle);
        match self.measure {
            Measure::X => dispatch!(level(), simd => x_row(simd, rows, corner, middle, made)),
            Measure::Y => dispatch!(level(), simd => y_row(simd, rows, corner, middle, made)),
            Measure::Root => dispatch!(level(), simd => root_row(simd, rows, corner, middle, made)),
            Measure::Sum => dispatch!(level(), simd => sum_row(simd, rows, corner, middle, made)),
        }
    }

    fn support(&self) -> Support {
        match self.measure {
            Measure::X => Support::Columns,
            Measure::Y => Support::Rows,
            Measure::Root | Measure::Sum => Support::All,
        }
    }
}

#[inline(always)]
fn along_x<A: Real>([a, b, c]: [[A; 3]; 3], corner: A, middle: A) -> A {
    corner * ((a[2] - a[0]) + (c[2] - c[0])) + middle * (b[2] - b[0])
}

#[inline(always)]
fn along_y<A: Real>([a, _, c]: [[A; 3]; 3], corner: A, middle: A) -> A {
    corner * ((c[0] - a[0]) + (c[2] - a[2])) + middle * (c[1] - a[1])
}

/// The rows, cut to what `count` windows see, so that no access can fail.
#[inline(always)]
fn cut<A>(rows: [&[A]; 3], count: usize) -> [&[A]; 3] {
    rows.map(|row| &row[..count + 2])
}

#[simd]
fn x_row<S: Simd, A: Real>(_: S, rows: [&[A]; 3], corner: A, middle: A, made: &mut [A]) {
    let rows = cut(rows, made.len());
    for (x, made) in made.iter_mut().enumerate() {
        *made = along_x(window_at(&rows, x), corner, middle);
    }
}

#[simd]
fn y_row<S: Simd, A: Real>(_: S, rows: [&[A]; 3], corner: A, middle: A, made: &mut [A]) {
    let rows = cut(rows, made.len());
    for (x, made) in made.iter_mut().enumerate() {
        *made = along_y(window_at(&rows, x), corner, middle);
    }
}

#[simd]
fn root_row<S: Simd, A: Real>(_: S, rows: [&[A]; 3], corner: A, middle: A, made: &mut [A]) {
    let rows = cut(rows, made.len());
    for (x, made) in made.iter_mut().enumerate() {
        let window = window_at(&rows, x);
        let (dx, dy) = (along_x(window, corner, middle), along_y(window, corner, middle));
        *made = (dx * dx + dy * dy).square_root();
    }
}

#[simd]
fn sum_row<S: Simd, A: Real>(_: S, rows: [&[A]; 3], corner: A, middle: A, made: &mut [A]) {
    let rows = cut(rows, made.len());
    for (x, made) in made.iter_mut().enumerate() {
        let window = window_at(&rows, x);
        *made = along_x(window, corner, middle).magnitude() + along_y(window, corner, middle).magnitude();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial;
    use swathe_core::{SampleType, Scalar, Size};

    #[test]
    fn a_ramp_has_the_slope_of_its_kernel() {
        let rows: [[u8; 4]; 3] = [[0, 1, 2, 3], [10, 11, 12, 13], [20, 21, 22, 23]];
        let input = trial::raster::<u8>(&[&[&rows[0], &rows[1], &rows[2]]]);
        for (spec, gain) in [(&SOBEL, 8.0_f32), (&SCHARR, 32.0), (&PREWITT, 6.0)] {
            let at = |text: &str| trial::run(spec, text, &input).unwrap().rows::<f32>(0)[1][1];
            assert_eq!((at("direction=x"), at("direction=y")), (gain, 10.0 * gain));
            assert_eq!(at("norm=l1"), 11.0 * gain);
            assert!((at("") / gain - 101.0_f32.sqrt()).abs() < 1e-5);
        }
    }

    #[test]
    fn types_are_signed_and_wide_enough() {
        let of = |input, text: &str| {
            let info = RasterInfo::new(Size::new(3, 3), 1, input);
            trial::bind(&SOBEL, text, &[info]).unwrap().output().sample_type
        };
        assert_eq!(of(SampleType::U16, ""), SampleType::F32);
        assert_eq!(of(SampleType::F32, ""), SampleType::F32);
        assert_eq!(of(SampleType::U32, ""), SampleType::F64);
        assert_eq!(of(SampleType::U8, "type=i16"), SampleType::I16);
        let input = trial::raster::<u16>(&[&[&[65_535, 0, 0], &[65_535, 0, 0], &[65_535, 0, 0]]]);
        let output = trial::run(&SCHARR, "direction=x type=i32", &input).unwrap();
        assert_eq!(output.rows::<i32>(0)[1], [-1_048_560, -1_048_560, 0]);
    }

    #[test]
    fn only_pixels_with_a_weight_must_have_data() {
        let mut input = trial::raster::<u8>(&[&[&[5; 5], &[5, 5, 0, 5, 5], &[5; 5], &[5; 5]]]);
        input.info.nodata = Some(Scalar::Integer(0));
        let missing = |text: &str| {
            let output = trial::run(&SOBEL, text, &input).unwrap();
            assert!(output.info.nodata.unwrap().to_f64().is_nan());
            let row =
                |row: Vec<f32>| row.iter().map(|value| if value.is_nan() { '.' } else { '0' }).collect();
            output.rows::<f32>(0).into_iter().map(row).collect::<Vec<String>>()
        };
        assert_eq!(missing("direction=x"), ["0.0.0", "0...0", "0.0.0", "00000"]);
        assert_eq!(missing("direction=y"), ["0...0", "00.00", "0...0", "00000"]);
        assert_eq!(missing(""), ["0...0", "0...0", "0...0", "00000"]);
    }
}
