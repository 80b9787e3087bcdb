//! `gaussian`: a weighted mean with bell-shaped weights.
//!
//! *Formula*: `out(x, y) = sum over i, j of g(i) h(j) in(x + i, y + j)`, with `g(i) = exp(-i^2 / 2 sx^2)`, `|i| <= R`,
//! divided by their sum; `h` likewise with `sy`; `R = floor(truncate * s + 0.5)`, or `(size - 1) / 2`.
//! *Units*: those of the input; sigma in pixels. *Halo*: `R` on each side, per axis. *Boundary*: `--boundary`.
//! *Types*: 8- and 16-bit integers are computed in `f32`, all others in `f64`; nothing is rounded between the axes.
//! *Nodata*: left out, the weights of the rest scaled up (Knutsson and Westin 1993); a pixel without data stays so.
//! *Cost per pixel*: `2 (R + 1)` multiplications, `4 R` additions. *Source*: `scipy.ndimage.gaussian_filter`.
//! *Agrees with*: it, run on `f64`: `f64` within 1e-12, `f32` within 1e-6 of the range, integers within 1 where the exact
//! result lies beside a half, else equal. scipy on integers rounds down between the axes; this does not.
//!
//! ```
//! use swathe_core::{Parameters, RasterInfo, SampleType, Scratch, Size, TileBuffer, Value, Window};
//!
//! let spec = swathe_operators::find("gaussian").unwrap();
//! let parameters = Parameters::check(spec.parameters, [("sigma".to_string(), Value::Text("1".into())), ("size".to_string(), Value::Text("3".into()))])?;
//! let info = RasterInfo::new(Size::new(9, 9), 1, SampleType::U16);
//! let operator = (spec.bind)(&parameters, &[info.clone()])?;
//! let window = Window::new(4, 4, 2, 2);
//! # let mut input = TileBuffer::new(operator.need(0, window), info.kind());
//! for (y, row) in [[0_u16, 0, 0, 0], [0, 100, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]].iter().enumerate() {
//!     input.view_mut().row_mut(0, y).copy_from_slice(row);
//! }
//! # let mut output = TileBuffer::new(window, operator.output().kind());
//! # let mut scratch = Scratch::with_capacity(operator.scratch_bytes(window.size()));
//! operator.process(&[input.view()], &mut output.view_mut(), &mut scratch.frame())?;
//! assert_eq!(output.view().row::<u16>(0, 0), [20, 12]);
//! assert_eq!(output.view().row::<u16>(0, 1), [12, 8]);
//! # Ok::<(), swathe_core::Error>(())
//! ```

use swathe_core::{
    Documentation, Error, Group, Operator, OperatorSpec, Parameter, ParameterKind, Parameters, RasterInfo,
    Result, SampleType,
};

use super::correlation::{Kernel, Missing, Plan};
use crate::point::cast::same_numbers;
use crate::rows::{Real, Taps, exponential};

/// The description of `gaussian`.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: "gaussian",
    group: Group::Smoothing,
    summary: "weighted mean with bell-shaped weights",
    inputs: (1, 1),
    parameters: &[
        Parameter::required(
            "sigma",
            ParameterKind::Numbers { fewest: 1, most: 2, least: 0.0, greatest: 10_000.0 },
            "standard deviation in pixels, along x and y if they differ; 0 leaves an axis alone",
        ),
        Parameter::optional(
            "truncate",
            ParameterKind::Number { least: 0.0, greatest: 100.0 },
            None,
            "radius of the window in standard deviations (default: 4)",
        ),
        Parameter::optional(
            "size",
            ParameterKind::Size { greatest: GREATEST_SIZE },
            None,
            "size of the window in pixels, odd, instead of truncate",
        ),
        Parameter::BOUNDARY,
        Parameter::NODATA,
        Parameter::TYPE,
    ],
    documentation: Documentation {
        formula: "out(x, y) = sum over i, j of g(i) h(j) in(x + i, y + j)\ng(i) = exp(-i^2 / 2 sx^2) / sum, |i| <= R, R = floor(truncate * sx + 0.5) or (size - 1) / 2; h likewise with sy",
        halo: "R on each side, per axis",
        types: "8- and 16-bit integers are computed in f32, all others in f64; nothing is rounded between the axes; the output\nhas the input's type, rounded half away from zero and saturated",
        nodata: "left out, the weights of the rest scaled up; a pixel without data stays without",
        cost: "2 (R + 1) multiplications and 4 R additions",
        source: "scipy.ndimage.gaussian_filter; Knutsson and Westin 1993 for pixels without data",
        agrees: "scipy on f64: f64 within 1e-12, f32 within 1e-6 of the range, integers equal but for results beside a half",
        example: "swathe gaussian scene.tif smooth.tif --sigma 2.2 --size 11",
    },
    trials: &[
        "sigma=0.8",
        "sigma=2.2 size=11 boundary=mirror",
        "sigma=0.5,1.7 truncate=3 boundary=wrap",
        "sigma=0,1 boundary=nearest type=f32",
        "sigma=1 nodata=propagate boundary=constant=7",
        "sigma=1 nodata=value type=i16",
        "sigma=4.1",
    ],
    bind,
};

/// Most weights of one axis.
const GREATEST_SIZE: usize = 65_535;

fn bind(parameters: &Parameters, inputs: &[RasterInfo]) -> Result<Box<dyn Operator>> {
    let input = &inputs[0];
    let sigmas = parameters.numbers("sigma")?.unwrap_or_default();
    let (sigma_x, sigma_y) = match sigmas.as_slice() {
        [x, y] => (*x, *y),
        both => (both[0], both[0]),
    };
    let size = parameters.size("size")?;
    let truncate = parameters.number("truncate")?;
    if size.is_some() && truncate.is_some() {
        return Err(Error::usage(
            "`--size` and `--truncate` both say how wide the window is; give one of them",
        ));
    }
    let truncate = truncate.unwrap_or(4.0);
    let x = bell(sigma_x, radius(sigma_x, size.map(|size| size.width), truncate)?);
    let y = bell(sigma_y, radius(sigma_y, size.map(|size| size.height), truncate)?);
    let output_type = parameters.sample_type("type")?.unwrap_or(input.sample_type);
    if sigma_x == 0.0 && sigma_y == 0.0 {
        // 64-bit integers would not come through `f64` unchanged.
        return Ok(same_numbers(input, smoothed(input, output_type), parameters.nodata_policy()?));
    }
    if single_precision(input.sample_type, output_type) {
        Ok(plan::<f32>(&x, &y, parameters, input, output_type)?.bind(input))
    } else {
        Ok(plan::<f64>(&x, &y, parameters, input, output_type)?.bind(input))
    }
}

/// Whether `f32` is enough: 8- or 16-bit integers that don't become anything finer.
pub(crate) fn single_precision(input: SampleType, output: SampleType) -> bool {
    !input.is_float() && input.fits_f32() && output.fits_f32()
}

fn plan<A: Real>(
    x: &[f64],
    y: &[f64],
    parameters: &Parameters,
    input: &RasterInfo,
    output_type: SampleType,
) -> Result<Plan<A>> {
    let taps = |weights: &[f64]| Taps::new(weights.iter().map(|&weight| A::of(weight)).collect());
    Ok(Plan {
        kernel: Kernel::Separable { x: taps(x), y: taps(y) },
        missing: Missing::Normalise { least_share: 0.0 },
        scale: A::ONE,
        offset: A::ZERO,
        boundary: parameters.boundary()?,
        policy: parameters.nodata_policy()?,
        output: smoothed(input, output_type),
    })
}

/// What a raster becomes when its values are averaged: the same quantity, so unit, scale and offset still hold.
pub(crate) fn smoothed(input: &RasterInfo, sample_type: SampleType) -> RasterInfo {
    let mut output = input.with_new_values(sample_type);
    output.metadata.items = input.metadata.items.clone();
    output.metadata.forget_statistics();
    output
}

/// The bells of one or two standard deviations, along x and y.
pub(super) fn bells<A: Real>(sigmas: &[f64], truncate: f64) -> Result<Kernel<A>> {
    let taps = |sigma: f64| -> Result<Taps<A>> {
        let weights = bell(sigma, radius(sigma, None, truncate)?);
        Ok(Taps::new(weights.into_iter().map(A::of).collect()))
    };
    Ok(Kernel::Separable { x: taps(sigmas[0])?, y: taps(sigmas[sigmas.len() - 1])? })
}

/// Pixels from the middle to the edge of the window.
fn radius(sigma: f64, size: Option<usize>, truncate: f64) -> Result<usize> {
    if sigma == 0.0 {
        return Ok(0);
    }
    if let Some(size) = size {
        if size % 2 == 0 {
            return Err(Error::usage(format!(
                "--size: a bell has its middle on a pixel, so its size is odd; `{size}` is not, `{}` is",
                size + 1
            )));
        }
        return Ok(size / 2);
    }
    let radius = truncate * sigma + 0.5;
    if 2.0 * radius > GREATEST_SIZE as f64 {
        return Err(Error::usage(format!(
            "the window of sigma `{sigma}` has {} pixels and is wider than {GREATEST_SIZE}; give a smaller sigma, `--truncate` or size",
            2 * radius as usize + 1
        )));
    }
    Ok(radius as usize)
}

/// The weights of one axis; those too small for a number are left away.
fn bell(sigma: f64, radius: usize) -> Vec<f64> {
    let half: Vec<f64> = (0..=radius)
        .map(|i| if i == 0 { 1.0 } else { exponential(-0.5 * (i as f64 / sigma) * (i as f64 / sigma)) })
        .collect();
    let sum = half[0] + 2.0 * half[1..].iter().rev().sum::<f64>();
    half[1..].iter().rev().chain(&half).map(|weight| weight / sum).collect()
}

#[cfg(test)]
mod tests {
    use swathe_core::{Sample, Scalar, Size};

    use super::*;
    use crate::trial::{self, TrialRaster};

    /// The definition, in one sum of f64 over the whole window; edges reflected.
    fn reference(raster: &TrialRaster, band: usize, bell: &[f64]) -> Vec<Vec<f64>> {
        let pixels: Vec<Vec<f64>> = trial::reals(raster, band);
        let radius = (bell.len() / 2) as i64;
        let Size { width, height } = raster.info.size;
        let at = |x: i64, y: i64| {
            let edge = swathe_core::Boundary::Reflect;
            pixels[edge.resolve(y, height).unwrap()][edge.resolve(x, width).unwrap()]
        };
        let sum = |x: i64, y: i64| {
            let offsets = || -radius..=radius;
            offsets()
                .flat_map(|j| offsets().map(move |i| (i, j)))
                .map(|(i, j)| bell[(i + radius) as usize] * bell[(j + radius) as usize] * at(x + i, y + j))
                .sum::<f64>()
        };
        (0..height as i64).map(|y| (0..width as i64).map(|x| sum(x, y)).collect()).collect()
    }

    fn assert_close<T: Sample>(seed: u8, allowed: f64) {
        let input = trial::random(RasterInfo::new(Size::new(19, 14), 2, T::TYPE), seed);
        let output = trial::run(&SPEC, "sigma=1.3 size=7", &input).unwrap();
        let bell = bell(1.3, 3);
        for band in 0..2 {
            let expected = reference(&input, band, &bell);
            for (row, expected) in output.rows::<T>(band).iter().zip(expected) {
                for (value, expected) in row.iter().zip(expected) {
                    let limit = allowed + if T::TYPE.is_float() { 0.0 } else { 0.5 };
                    assert!((value.to_f64() - expected).abs() <= limit, "{value} is not {expected}");
                }
            }
        }
    }

    #[test]
    fn agrees_with_the_definition() {
        assert_close::<u8>(1, 1e-4);
        assert_close::<i8>(2, 1e-4);
        assert_close::<u16>(3, 0.02);
        assert_close::<i16>(4, 0.02);
        assert_close::<u32>(5, 1e-5);
        assert_close::<i32>(6, 1e-5);
        assert_close::<f32>(7, 1e-3);
        assert_close::<f64>(8, 1e-9);
    }

    #[test]
    fn weights_are_those_of_scipy() {
        // scipy.ndimage._filters._gaussian_kernel1d(1.0, 0, 2)
        let expected = [0.05448868454964294, 0.24420134200323332, 0.4026199468942474];
        for (weight, expected) in bell(1.0, 2).iter().zip(expected) {
            assert!((weight - expected).abs() < 1e-15);
        }
    }

    #[test]
    fn a_bell_of_no_width_changes_nothing() {
        let input = trial::random(RasterInfo::new(Size::new(5, 4), 1, SampleType::I64), 1);
        let output = trial::run(&SPEC, "sigma=0", &input).unwrap();
        assert_eq!(output.rows::<i64>(0), input.rows::<i64>(0));
        assert_eq!(bell(0.001, 3), [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn pixels_without_data_are_left_out() {
        let mut input = trial::raster::<f32>(&[&[&[8.0, 8.0, -1.0, 8.0, 8.0, f32::NAN, 8.0]]]);
        input.info.nodata = Some(Scalar::Integer(-1));
        let output = trial::run(&SPEC, "sigma=1 size=3", &input).unwrap().rows::<f32>(0).remove(0);
        let expected = [8.0, 8.0, -1.0, 8.0, 8.0, -1.0, 8.0];
        assert!(output.iter().zip(expected).all(|(a, b): (&f32, f32)| (a - b).abs() < 1e-6), "{output:?}");
        let output = trial::run(&SPEC, "sigma=1 size=3 nodata=propagate", &input).unwrap();
        assert_eq!(output.rows::<f32>(0), [[8.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0]]);
    }

    #[test]
    fn the_mask_says_where_there_is_data() {
        let input = trial::raster::<u8>(&[&[&[50, 50, 9, 50, 50]]]).with_mask(&[&[255, 255, 0, 255, 255]]);
        let output = trial::run(&SPEC, "sigma=1 size=3", &input).unwrap();
        assert_eq!(output.rows::<u8>(0), [[50, 50, 0, 50, 50]]);
        assert_eq!(output.mask(), [[255, 255, 0, 255, 255]]);
        let output = trial::run(&SPEC, "sigma=1 size=3 nodata=propagate", &input).unwrap();
        assert_eq!(output.mask(), [[255, 0, 0, 0, 255]]);
    }

    /// A hole changes nothing where no window reaches it, bit for bit.
    #[test]
    fn far_from_a_hole_the_bits_are_the_same() {
        for sample_type in [SampleType::U16, SampleType::F32] {
            let mut input = trial::random(RasterInfo::new(Size::new(16, 12), 1, sample_type), 3);
            let plain = trial::run(&SPEC, "sigma=1.1 size=5 nodata=value", &input).unwrap();
            input.info.mask = true;
            let mut rows = vec![vec![255_u8; 16]; 12];
            rows[6][8] = 0;
            let holed = input.with_mask(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>());
            let holed = trial::run(&SPEC, "sigma=1.1 size=5", &holed).unwrap();
            let size = sample_type.size();
            for y in 0..12_usize {
                for x in 0..16_usize {
                    if y.abs_diff(6) > 2 || x.abs_diff(8) > 2 {
                        let pixel = |raster: &TrialRaster| {
                            raster.pixels.view().row_bytes(0, y)[x * size..][..size].to_vec()
                        };
                        assert_eq!(pixel(&plain), pixel(&holed), "{x},{y}");
                    }
                }
            }
        }
    }

    #[test]
    fn rasters_smaller_than_the_window_work() {
        for size in [Size::new(1, 1), Size::new(1, 9), Size::new(9, 1), Size::new(2, 3)] {
            let input = trial::random(RasterInfo::new(size, 1, SampleType::F64), 5);
            let output = trial::run(&SPEC, "sigma=3", &input).unwrap();
            let expected = reference(&input, 0, &bell(3.0, 12));
            for (row, expected) in output.rows::<f64>(0).iter().zip(expected) {
                assert!(row.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9));
            }
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let info = RasterInfo::new(Size::new(4, 4), 1, SampleType::U8);
        let message = |text| trial::bind(&SPEC, text, std::slice::from_ref(&info)).err().unwrap().to_string();
        assert!(message("sigma=1 size=4").contains("`4` is not, `5` is"));
        assert!(message("sigma=1 size=5 truncate=2").contains("give one of them"));
        assert!(message("sigma=10000").contains("wider than 65535"));
        assert!(message("sigma=-1").contains("--sigma"));
    }
}
