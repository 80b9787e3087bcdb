//! `convolve`: each pixel the weighted sum of its neighbours.
//!
//! ```text
//! kernel     k00 k01 k02      out(x, y) = (k00 in(x-1, y-1) + k01 in(x, y-1) + k02 in(x+1, y-1)
//!            k10 k11 k12                 + k10 in(x-1, y)   + k11 in(x, y)   + k12 in(x+1, y)
//!            k20 k21 k22                 + k20 in(x-1, y+1) + k21 in(x, y+1) + k22 in(x+1, y+1)) / scale + offset
//! ```
//! *Formula*: `out = (sum of kernel[j][i] * in(x + i - width / 2, y + j - height / 2)) / scale + offset`: a correlation, as
//! in image processing; the kernel is not turned round. *Units*: those of the kernel's numbers times the input's.
//! *Halo*: `width / 2` to the left, the rest to the right, likewise above and below. *Boundary*: `--boundary`.
//! *Types*: integers under a kernel of integers are summed exactly, up to 2^53; else 8- and 16-bit integers are computed
//! in `f32`, all others in `f64`. Weights of 0 are skipped: `NaN` under them stays out.
//! *Nodata*: left out, the weights of the rest scaled up; a pixel without data stays so. Where the weights have both signs,
//! at least half of their sum must remain; where their sum is 0, nothing may be missing: else there is no data.
//! *Cost per pixel*: one multiplication for each weight that is not 0, or for each row and column of a kernel that is
//! the product of a row and a column. *Source*: `scipy.ndimage.correlate`.
//! *Agrees with*: it on `f64`, and `cv2.filter2D`: integers exactly, `f64` within 1e-12, `f32` within 1e-6 of the sum of
//! the weights' magnitudes times the range.
//!
//! ```
//! use swathe_core::{Parameters, RasterInfo, SampleType, Scratch, Size, TileBuffer, Value, Window};
//!
//! let spec = swathe_operators::find("convolve").unwrap();
//! let parameters = Parameters::check(spec.parameters, [("kernel".to_string(), Value::Text("1 2 1; 2 4 2; 1 2 1".into())), ("scale".to_string(), Value::Text("16".into()))])?;
//! let info = RasterInfo::new(Size::new(9, 9), 1, SampleType::U8);
//! let operator = (spec.bind)(&parameters, &[info.clone()])?;
//! let window = Window::new(4, 4, 2, 1);
//! # let mut input = TileBuffer::new(operator.need(0, window), info.kind());
//! for (y, row) in [[0_u8, 0, 0, 16], [0, 4, 0, 0], [0, 0, 8, 0]].iter().enumerate() {
//!     input.view_mut().row_mut(0, y).copy_from_slice(row);
//! }
//! # let mut output = TileBuffer::new(window, operator.output().kind());
//! # let mut scratch = Scratch::with_capacity(operator.scratch_bytes(window.size()));
//! operator.process(&[input.view()], &mut output.view_mut(), &mut scratch.frame())?;
//! assert_eq!(output.view().row::<u8>(0, 0), [2, 3]);
//! # Ok::<(), swathe_core::Error>(())
//! ```

use swathe_core::{
    Documentation, Error, Group, Operator, OperatorSpec, Parameter, ParameterKind, Parameters, RasterInfo,
    Result, Sample, SampleType, with_sample,
};

use super::correlation::{Kernel, Missing, Plan};
use super::gaussian::single_precision;
use super::matrix::Matrix;
use crate::rows::{Real, Taps};

/// The description of `convolve`.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: "convolve",
    group: Group::Smoothing,
    summary: "each pixel the weighted sum of its neighbours, weights from a matrix",
    inputs: (1, 1),
    parameters: &[
        Parameter::required(
            "kernel",
            ParameterKind::Table,
            "weights, `1 2 1; 2 4 2; 1 2 1`, or a file that holds them as text or as a .npy array",
        ),
        Parameter::optional(
            "scale",
            ParameterKind::Number { least: f64::MIN, greatest: f64::MAX },
            Some("1"),
            "divisor of the sum, not 0",
        ),
        Parameter::optional(
            "offset",
            ParameterKind::Number { least: f64::MIN, greatest: f64::MAX },
            Some("0"),
            "summand after the division, in units of the output",
        ),
        Parameter::BOUNDARY,
        Parameter::NODATA,
        Parameter::TYPE,
    ],
    documentation: Documentation {
        formula: "out(x, y) = (sum of kernel[j][i] * in(x + i - width / 2, y + j - height / 2)) / scale + offset\n(a correlation: the kernel is not turned round)",
        halo: "width / 2 to the left, width - 1 - width / 2 to the right; likewise above and below",
        types: "integers under a kernel of integers are summed exactly, up to 2^53; else 8- and 16-bit integers are computed\nin f32, all others in f64; the output has the input's type, rounded half away from zero and saturated",
        nodata: "left out, the weights of the rest scaled up; where the weights have both signs at least half of their sum must\nremain; where their sum is 0 nothing may be missing; a pixel without data stays without",
        cost: "a multiplication for each weight that is not 0; a row and a column where the kernel is their product",
        source: "scipy.ndimage.correlate, cv2.filter2D; Knutsson and Westin 1993 for pixels without data",
        agrees: "scipy on f64: integers exactly, f64 within 1e-12, f32 within 1e-6 of the sum of the weights' magnitudes",
        example: "swathe convolve scene.tif sharp.tif --kernel \"0 -1 0; -1 5 -1; 0 -1 0\"",
    },
    trials: &[
        "kernel=1,2,1;2,4,2;1,2,1 scale=16",
        "kernel=1,0,-1;2,0,-2;1,0,-1 type=i32 boundary=nearest",
        "kernel=1,0,3;0,5,-1;2,0,1 scale=11 offset=2.5 boundary=wrap",
        "kernel=0.1,0.2;0.4,0.25 nodata=propagate",
        "kernel=0,-1,0;-1,5,-1;0,-1,0 boundary=mirror",
        "kernel=3 type=f32",
        "kernel=1,2,3,4,5,6,7,8,9,10,11 scale=66 boundary=constant=1",
        "kernel=0.5;1.5;2.5;0.25 scale=4.75 nodata=value type=f64",
    ],
    bind,
};

fn bind(parameters: &Parameters, inputs: &[RasterInfo]) -> Result<Box<dyn Operator>> {
    let input = &inputs[0];
    let given = parameters.get("kernel").ok_or_else(|| Error::usage("`--kernel` is missing"))?;
    let matrix = Matrix::read(given).map_err(|error| error.at("--kernel"))?;
    let line = Line {
        scale: parameters.number("scale")?.unwrap_or(1.0),
        offset: parameters.number("offset")?.unwrap_or(0.0),
    };
    if line.scale == 0.0 {
        return Err(Error::usage("--scale: the sum is divided by it, so it cannot be `0`"));
    }
    let output_type = parameters.sample_type("type")?.unwrap_or(input.sample_type);
    if single_precision(input.sample_type, output_type) && single_is_exact(&matrix, line, input.sample_type) {
        Ok(plan::<f32>(&matrix, line, parameters, input, output_type)?.bind(input))
    } else {
        Ok(plan::<f64>(&matrix, line, parameters, input, output_type)?.bind(input))
    }
}

/// `sum / scale + offset`.
#[derive(Clone, Copy)]
struct Line {
    scale: f64,
    offset: f64,
}

/// Whether `f32` loses nothing that `f64` would keep. A kernel of fractions is never exact, and so no reason for `f64`.
///
/// Below 2^22 sums are exact, and a quotient of integers that is no half can't be rounded to one. The offset could
/// still push it there.
fn single_is_exact(matrix: &Matrix, line: Line, sample_type: SampleType) -> bool {
    let integers = matrix.values.iter().all(|value| value.fract() == 0.0);
    let greatest = with_sample!(sample_type, T => T::GREATEST.to_f64().max(-T::LEAST.to_f64()));
    let sum = matrix.values.iter().map(|value| value.abs()).sum::<f64>() * greatest;
    !integers || sum < f64::from(1 << 22) && line.offset == 0.0 && line.scale.abs() < f64::from(1 << 22)
}

fn plan<A: Real>(
    matrix: &Matrix,
    line: Line,
    parameters: &Parameters,
    input: &RasterInfo,
    output_type: SampleType,
) -> Result<Plan<A>> {
    let taps = |weights: &[f64]| Taps::new(weights.iter().map(|&weight| A::of(weight)).collect());
    let used = matrix.values.iter().filter(|value| **value != 0.0).count();
    let kernel = match factors(matrix) {
        Some(factors) if matrix.size.width + matrix.size.height < used => {
            Kernel::Separable { x: taps(&factors.x), y: taps(&factors.y) }
        }
        _ => Kernel::Direct { size: matrix.size, weights: taps(&matrix.values) },
    };
    Ok(Plan {
        kernel,
        missing: missing(matrix),
        scale: A::of(line.scale),
        offset: A::of(line.offset),
        boundary: parameters.boundary()?,
        policy: parameters.nodata_policy()?,
        output: input.with_new_values(output_type),
    })
}

/// What the signs of the weights allow where pixels are missing (OPERATORS.md A0.3).
fn missing(matrix: &Matrix) -> Missing {
    let sum = matrix.values.iter().sum::<f64>();
    let magnitude = matrix.values.iter().map(|value| value.abs()).sum::<f64>();
    if sum.abs() <= 1e-12 * magnitude {
        Missing::Refuse
    } else if sum.abs() < magnitude * (1.0 - 1e-12) {
        Missing::Normalise { least_share: 0.5 }
    } else {
        Missing::Normalise { least_share: 0.0 }
    }
}

/// A row and a column whose product is a matrix.
#[derive(Debug, PartialEq)]
struct Factors {
    x: Vec<f64>,
    y: Vec<f64>,
}

/// The factors of a matrix of rank 1: integers for integers, exactly; else within 1e-12 of the greatest weight.
fn factors(matrix: &Matrix) -> Option<Factors> {
    let pivot = (0..matrix.values.len()).max_by(|&a, &b| {
        // The first of the greatest, so that the factors don't depend on how ties are broken.
        matrix.values[a].abs().total_cmp(&matrix.values[b].abs()).then(b.cmp(&a))
    })?;
    let (pivot_y, pivot_x) = (pivot / matrix.size.width, pivot % matrix.size.width);
    let greatest = matrix.values[pivot];
    if greatest == 0.0 {
        return None;
    }
    let rows = || (0..matrix.size.height).map(|y| matrix.row(y));
    let integers =
        greatest.abs() <= (1_u64 << 53) as f64 && matrix.values.iter().all(|value| value.fract() == 0.0);
    if integers {
        let whole = |value: f64| value as i128;
        let pivot_row = matrix.row(pivot_y);
        let of_rank_one = rows().all(|row| {
            let product = |a: f64, b: f64| whole(a) * whole(b);
            row.iter().zip(pivot_row).all(|(&a, &b)| product(a, greatest) == product(row[pivot_x], b))
        });
        let divisor =
            pivot_row.iter().fold(0, |divisor, &value| greatest_common_divisor(divisor, whole(value))) as f64;
        let x: Vec<f64> = pivot_row.iter().map(|value| value / divisor).collect();
        let y = rows().map(|row| row[pivot_x] / x[pivot_x]).collect();
        return of_rank_one.then_some(Factors { x, y });
    }
    let x = matrix.row(pivot_y).to_vec();
    let y: Vec<f64> = rows().map(|row| row[pivot_x] / greatest).collect();
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-12 * greatest.abs();
    rows()
        .zip(&y)
        .all(|(row, y)| row.iter().zip(&x).all(|(&value, x)| near(value, x * y)))
        .then_some(Factors { x, y })
}

fn greatest_common_divisor(a: i128, b: i128) -> i128 {
    if b == 0 { a.abs() } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use swathe_core::{Boundary, ErrorKind, Scalar, Size, Value};

    use super::*;
    use crate::trial::{self, TrialRaster};

    fn matrix(text: &str) -> Matrix {
        Matrix::read(&Value::Text(text.into())).unwrap()
    }

    /// The definition; edges reflected.
    fn reference(raster: &TrialRaster, kernel: &Matrix) -> Vec<Vec<f64>> {
        let pixels = trial::reals(raster, 0);
        let Size { width, height } = raster.info.size;
        let at = |x: usize, length: usize, i: usize, count: usize| {
            Boundary::Reflect.resolve((x + i) as i64 - (count / 2) as i64, length).unwrap()
        };
        let sum = |x: usize, y: usize| {
            let mut sum = 0.0;
            for j in 0..kernel.size.height {
                for i in 0..kernel.size.width {
                    let (column, row) =
                        (at(x, width, i, kernel.size.width), at(y, height, j, kernel.size.height));
                    sum += kernel.row(j)[i] * pixels[row][column];
                }
            }
            sum
        };
        (0..height).map(|y| (0..width).map(|x| sum(x, y)).collect()).collect()
    }

    const KERNELS: [&str; 6] = [
        "1,2,1;2,4,2;1,2,1",
        "1,0,3;0,5,-1;2,0,1",
        "-1,-2,-3,-4",
        "1;0;2;5;7",
        "2,4;1,2;3,6",
        "1,1,1,1,1;1,2,3,2,1;1,3,9,3,1;1,2,3,2,1;1,1,1,1,1",
    ];

    #[test]
    fn integers_are_exact() {
        for sample_type in [
            SampleType::U8,
            SampleType::I8,
            SampleType::U16,
            SampleType::I16,
            SampleType::U32,
            SampleType::I32,
        ] {
            let input = trial::random(RasterInfo::new(Size::new(18, 11), 1, sample_type), 4);
            for kernel in KERNELS {
                let output = trial::run(&SPEC, &format!("kernel={kernel} type=f64"), &input).unwrap();
                assert_eq!(
                    output.rows::<f64>(0),
                    reference(&input, &matrix(kernel)),
                    "{kernel} {sample_type}"
                );
            }
        }
    }

    #[test]
    fn quotients_are_rounded_half_away() {
        for (scale, offset) in [(16.0, 0.0), (3.0, 0.0), (7.0, 1000.0), (-6.0, 0.0), (0.5, -0.25)] {
            for sample_type in [SampleType::U8, SampleType::I16] {
                let input = trial::random(RasterInfo::new(Size::new(18, 11), 1, sample_type), 5);
                for kernel in KERNELS {
                    let text = format!("kernel={kernel} scale={scale} offset={offset} type=i16");
                    let output = trial::run(&SPEC, &text, &input).unwrap().rows::<i16>(0);
                    for (row, sums) in output.iter().zip(reference(&input, &matrix(kernel))) {
                        for (&value, sum) in row.iter().zip(sums) {
                            assert_eq!(value, i16::from_f64(sum / scale + offset), "{text}: {sum}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn fractions_are_close() {
        let kernel = "0.1,0.25,0.3;0.5,-0.75,0.2;1.5,0.125,0.7";
        for sample_type in [SampleType::F32, SampleType::F64, SampleType::U16] {
            let input = trial::random(RasterInfo::new(Size::new(18, 11), 1, sample_type), 6);
            let output = trial::run(&SPEC, &format!("kernel={kernel} type=f32"), &input).unwrap();
            for (row, sums) in output.rows::<f32>(0).iter().zip(reference(&input, &matrix(kernel))) {
                assert!(row.iter().zip(sums).all(|(&a, b)| (f64::from(a) - b).abs() < 1e-6 * 5.0 * 65536.0));
            }
        }
    }

    #[test]
    fn products_of_a_row_and_a_column_are_found() {
        assert_eq!(
            factors(&matrix("2,4;1,2;3,6")),
            Some(Factors { x: vec![1.0, 2.0], y: vec![2.0, 1.0, 3.0] })
        );
        assert_eq!(
            factors(&matrix("-1,0,1;-2,0,2;-1,0,1")).map(|factors| factors.y),
            Some(vec![1.0, 2.0, 1.0].into_iter().map(|value: f64| value).collect())
        );
        assert_eq!(factors(&matrix("1,0,3;0,5,-1;2,0,1")), None);
        assert_eq!(
            factors(&matrix("9007199254740991,9007199254740990;9007199254740990,9007199254740988")),
            None
        );
        assert!(factors(&matrix("0.01,0.02;0.03,0.06")).is_some());
        assert_eq!(factors(&matrix("0.01,0.02;0.03,0.0600001")), None);
        assert_eq!(factors(&matrix("0,0;0,0")), None);
    }

    #[test]
    fn what_is_missing_follows_the_signs_of_the_weights() {
        let mut input = trial::raster::<i16>(&[&[&[4, 4, -9, 4, 4, 4]]]);
        input.info.nodata = Some(Scalar::Integer(-9));
        let run = |text: &str| trial::run(&SPEC, text, &input).unwrap().rows::<i16>(0).remove(0);
        assert_eq!(run("kernel=1,2,1 scale=4"), [4, 4, -9, 4, 4, 4]);
        assert_eq!(run("kernel=-1,0,1"), [0, -9, -9, -9, 0, 0]);
        // Without its left neighbour the sum of the weights is 4 of 3, without its right one likewise.
        assert_eq!(run("kernel=-1,5,-1"), [12, 12, -9, 12, 12, 12]);
        // A quarter of the sum is too little to go by.
        assert_eq!(run("kernel=3,2,-1"), [16, 16, -9, -9, 16, 16]);
        assert_eq!(run("kernel=1,2,1 nodata=propagate scale=4"), [4, -9, -9, -9, 4, 4]);
        assert_eq!(run("kernel=0,2,1 nodata=propagate scale=3"), [4, -9, -9, 4, 4, 4]);
        assert_eq!(run("kernel=0,1,0 nodata=value"), [4, 4, -9, 4, 4, 4]);
    }

    #[test]
    fn nan_under_a_weight_of_zero_stays_out() {
        let input = trial::raster::<f32>(&[&[&[1.0, f32::NAN, 3.0, f32::INFINITY, 5.0, 6.0]]]);
        let output =
            trial::run(&SPEC, "kernel=0,2,0,1 nodata=value", &input).unwrap().rows::<f32>(0).remove(0);
        assert_eq!((output[1], output[3], output[5]), (5.0, 11.0, 16.0));
        let output = trial::run(&SPEC, "kernel=0,2,0 nodata=value", &input).unwrap().rows::<f32>(0).remove(0);
        assert_eq!((output[0], output[2], output[4]), (2.0, 6.0, 10.0));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let info = RasterInfo::new(Size::new(4, 4), 1, SampleType::U8);
        let error = |text| trial::bind(&SPEC, text, std::slice::from_ref(&info)).err().unwrap();
        assert!(error("kernel=1,2;3").to_string().contains("--kernel: row 2 of the matrix holds 1 numbers"));
        assert_eq!(error("kernel=1 scale=0").kind(), ErrorKind::Usage);
        assert!(error("").to_string().contains("`--kernel` is missing"));
    }
}
