//! `variance`, `stddev` and `cv`: how far the pixels of a window spread.
//!
//! *Formula*: `variance = sum of (in(x + i, y + j) - m)^2 / (n - ddof)`, `m` the mean of the `n` pixels of the window,
//! `i` from `-floor(w / 2)` on, `w` of them, `j` likewise; `stddev` is its root, `cv` is `stddev / m` (0 where `m` is 0).
//! *Units*: the input's squared, the input's, none. *Halo*: `w / 2` to the left, `w - 1 - w / 2` to the right; likewise
//! above and below; twice that with `--std chained`, which takes from each pixel the mean around itself. *Boundary*: `--boundary`. *Types*: integers of 8 and 16 bits are summed exactly and divided once;
//! all others in `f64`. *Nodata*: left out; `ddof` pixels or fewer give none. *Cost per pixel*: two sums of a window,
//! whatever the size; more of them where the spread of floats is below a thousandth of the mean.
//! *Source*: Chan, Golub and LeVeque 1983. *Agrees with*: `numpy.var` over `sliding_window_view` within 1e-10.

use fearless_simd::{Simd, dispatch};
use fearless_simd_macros::simd;
use swathe_core::{
    Documentation, Group, Operator, OperatorSpec, Parameter, ParameterKind, Parameters, RasterInfo, Result,
};

use super::window_statistics::{self, Finish, FinishPixel, GREATEST_SIZE, STD, Scale};
use crate::simd::level;

const PARAMETERS: &[Parameter] = &[
    Parameter::required(
        "size",
        ParameterKind::Size { greatest: GREATEST_SIZE },
        "size of the window in pixels",
    ),
    Parameter::optional(
        "ddof",
        ParameterKind::Integer { least: 0, greatest: 1 },
        Some("0"),
        "what is taken off the count of pixels before dividing",
    ),
    STD,
    Parameter::BOUNDARY,
    Parameter::NODATA,
    Parameter::REAL_TYPE,
];

const TRIALS: &[&str] = &[
    "size=3",
    "size=4x5 boundary=wrap ddof=1",
    "size=1",
    "size=7x2 boundary=mirror type=f64",
    "size=5 nodata=propagate boundary=constant=2",
    "size=2x3 nodata=value type=i16 boundary=nearest ddof=1",
    "size=40x37",
    "size=4x3 std=chained boundary=nearest",
    "size=5 std=chained nodata=propagate boundary=constant=3",
];

/// Of what differs from `variance` in its last step alone.
const FEW_TRIALS: &[&str] = &["size=5x3", "size=4x3 std=chained nodata=propagate boundary=nearest"];

const fn documentation(formula: &'static str, example: &'static str) -> Documentation {
    Documentation {
        formula,
        halo: "w / 2 to the left, w - 1 - w / 2 to the right; likewise above and below; twice that with --std chained",
        types: "integers of 8 and 16 bits are summed exactly and divided once, all others in f64; the output is f32, and f64\nfor 32- and 64-bit integers and f64",
        nodata: "left out; a window with no more than ddof pixels, and a pixel without data, give no data",
        cost: "two sums over a window, whatever the size; where the spread of floats is below a thousandth of the mean\nthe sums are made again, from a pixel of the window on, which costs more, whatever the size",
        source: "Chan, Golub and LeVeque 1983",
        agrees: "numpy.var over sliding_window_view within 1e-10 for f64",
        example,
    }
}

/// The description of `variance`.
pub static VARIANCE: OperatorSpec = OperatorSpec {
    name: "variance",
    group: Group::LocalStatistics,
    summary: "variance of a window",
    inputs: (1, 1),
    parameters: PARAMETERS,
    documentation: documentation(
        "out(x, y) = sum of (in(x + i, y + j) - m)^2 / (n - ddof), m the mean of the window's n pixels",
        "swathe variance scene.tif spread.tif --size 7",
    ),
    trials: TRIALS,
    bind: |parameters, inputs| bind(parameters, inputs, Measure::Variance),
};

/// The description of `stddev`.
pub static DEVIATION: OperatorSpec = OperatorSpec {
    name: "stddev",
    group: Group::LocalStatistics,
    summary: "standard deviation of a window",
    inputs: (1, 1),
    parameters: PARAMETERS,
    documentation: documentation(
        "out(x, y) = sqrt(sum of (in(x + i, y + j) - m)^2 / (n - ddof)), m the mean of the window's n pixels",
        "swathe stddev scene.tif spread.tif --size 7",
    ),
    trials: FEW_TRIALS,
    bind: |parameters, inputs| bind(parameters, inputs, Measure::Deviation),
};

/// The description of `cv`.
pub static VARIATION: OperatorSpec = OperatorSpec {
    name: "cv",
    group: Group::LocalStatistics,
    summary: "coefficient of variation of a window: standard deviation by mean",
    inputs: (1, 1),
    parameters: PARAMETERS,
    documentation: documentation(
        "out(x, y) = sqrt(sum of (in(x + i, y + j) - m)^2 / (n - ddof)) / m, m the mean of the window's n pixels; 0 where m\nis 0",
        "swathe cv scene.tif spread.tif --size 7",
    ),
    trials: FEW_TRIALS,
    bind: |parameters, inputs| bind(parameters, inputs, Measure::Variation),
};

fn bind(parameters: &Parameters, inputs: &[RasterInfo], measure: Measure) -> Result<Box<dyn Operator>> {
    window_statistics::bind(parameters, &inputs[0], Scale::Linear, Finish::OfPixel(Box::new(measure)))
}

/// What is told of the spread.
enum Measure {
    Variance,
    Deviation,
    Variation,
}

impl FinishPixel for Measure {
    fn asks_for_centres(&self) -> bool {
        false
    }

    fn row(&self, _centres: &[f64], means: &[f64], variances: &mut [f64]) {
        match self {
            Measure::Variance => {}
            Measure::Deviation => dispatch!(level(), simd => roots(simd, variances)),
            Measure::Variation => dispatch!(level(), simd => variations(simd, means, variances)),
        }
    }
}

#[simd]
fn roots<S: Simd>(_: S, variances: &mut [f64]) {
    for variance in variances {
        *variance = variance.sqrt();
    }
}

#[simd]
fn variations<S: Simd>(_: S, means: &[f64], variances: &mut [f64]) {
    assert_eq!(means.len(), variances.len());
    for (variance, &mean) in variances.iter_mut().zip(means) {
        *variance = if mean == 0.0 { 0.0 } else { variance.sqrt() / mean };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial;

    #[test]
    fn a_small_raster_by_hand() {
        let input = trial::raster::<u8>(&[&[&[0, 3, 6, 6]]]);
        let run = |spec: &OperatorSpec, text: &str| trial::run(spec, text, &input).unwrap().rows::<f32>(0);
        assert_eq!(run(&VARIANCE, "size=3x1"), [[2.0, 6.0, 2.0, 0.0]]);
        assert_eq!(run(&VARIANCE, "size=3x1 ddof=1"), [[3.0, 9.0, 3.0, 0.0]]);
        assert_eq!(run(&DEVIATION, "size=3x1 ddof=1")[0][1], 3.0);
        assert_eq!(run(&VARIATION, "size=3x1 ddof=1")[0][1], 1.0);
        assert!(trial::run(&VARIANCE, "size=1 ddof=1", &input).is_err());
    }

    #[test]
    fn a_small_spread_on_a_large_mean_is_kept() {
        // numpy.var([1e9, 1e9 + 1, 1e9 + 2]) is 2 / 3.
        let input = trial::raster::<f64>(&[&[&[1e9, 1e9 + 1.0, 1e9 + 2.0]]]);
        let found = trial::run(&VARIANCE, "size=3x1", &input).unwrap().rows::<f64>(0)[0][1];
        assert!((found - 2.0 / 3.0).abs() < 1e-15, "{found}");
        let input = trial::raster::<u16>(&[&[&[65_533, 65_534, 65_535]]]);
        let found = trial::run(&VARIANCE, "size=3x1 type=f64", &input).unwrap().rows::<f64>(0)[0][1];
        assert_eq!(found, 2.0 / 3.0);
    }

    #[test]
    fn a_large_window_of_integers_is_exact() {
        // 41 x 41 pixels, past what products in f64 hold: half of them 65534, the others 65535.
        let row: Vec<u16> = (0..60).map(|x| 65_534 + x % 2).collect();
        let rows = vec![row.as_slice(); 3];
        let input = trial::raster::<u16>(&[&rows]);
        let found = trial::run(&VARIANCE, "size=41 type=f64", &input).unwrap().rows::<f64>(0)[1][30];
        assert_eq!(found, 20.0 * 21.0 / (41.0 * 41.0));
    }

    #[test]
    fn pixels_without_data_are_left_out() {
        let mut input = trial::raster::<f32>(&[&[&[4.0, 8.0, -9.0, 6.0, -9.0, 5.0, -9.0]]]);
        input.info.nodata = Some(swathe_core::Scalar::Integer(-9));
        let run = |text: &str| trial::run(&VARIANCE, text, &input).unwrap().rows::<f32>(0);
        assert_eq!(run("size=3x1")[0][1..4], [4.0, -9.0, 0.0]);
        assert_eq!(run("size=3x1 ddof=1")[0][1..4], [8.0, -9.0, -9.0]);
    }
}
