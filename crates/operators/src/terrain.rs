//! What elevations say about the terrain: slope, aspect, shading and roughness, as gdaldem computes them.
//!
//! ```text
//! z0 z1 z2      the pixel is z4; dx and dy are the width and the height of a pixel on the map, dy with its sign,
//! z3 z4 z5      below 0 where north is up
//! z6 z7 z8
//! ```

use fearless_simd::{Simd, dispatch};
use fearless_simd_macros::simd;
use swathe_core::{
    Error, Operator, Parameter, ParameterKind, Parameters, RasterInfo, Result, SampleType, Scalar,
};

use crate::focal::neighbours::{self, Formula, Rim, Support, window_at};
use crate::simd::level;

pub mod aspect;
pub mod hillshade;
pub mod relief;
pub mod slope;

const ALGORITHM: Parameter = Parameter::optional(
    "algorithm",
    ParameterKind::Choice(&["horn", "zevenbergen-thorne"]),
    Some("horn"),
    "derivatives from all eight neighbours (horn) or from four (zevenbergen-thorne)",
);
const SCALE: Parameter = Parameter::optional(
    "scale",
    ParameterKind::Number { least: f64::MIN_POSITIVE, greatest: f64::MAX },
    Some("1"),
    "units of height in a horizontal unit: 111120 for metres on degrees, 370400 for feet on degrees",
);
const COMPUTE_EDGES: Parameter = Parameter::optional(
    "compute-edges",
    ParameterKind::Flag,
    Some("false"),
    "extrapolate at the raster's edge, and beside pixels without data, instead of leaving pixels there without",
);

const HALO: &str = "1";
const NODATA: &str = "a pixel without data, with a neighbour without, or at the raster's edge has none, unless --compute-edges is given";
const TYPES: &str = "computed in f64; the output is f32 with nodata -9999";
const SOURCE_GRADIENT: &str = "Horn 1981; Zevenbergen and Thorne 1987; gdaldem";

/// Nodata of an output in `f32`, gdaldem's.
const NO_HEIGHT: Scalar = Scalar::Integer(-9999);

/// Elevations around a pixel, row by row.
type Heights = [[f64; 3]; 3];

/// What is computed from the elevations around a pixel; `NaN` for no data.
trait Measure: Send + Sync + 'static {
    fn of(&self, heights: Heights) -> f64;
}

struct Rows<M>(M);

impl<M: Measure> Formula<f64> for Rows<M> {
    fn row(&self, rows: [&[f64]; 3], made: &mut [f64]) {
        let measure = &self.0;
        dispatch!(level(), simd => measure_row(simd, measure, rows, made));
    }

    fn support(&self) -> Support {
        Support::All
    }
}

#[simd]
fn measure_row<S: Simd, M: Measure>(_: S, measure: &M, rows: [&[f64]; 3], made: &mut [f64]) {
    let rows = rows.map(|row| &row[..made.len() + 2]);
    for (x, made) in made.iter_mut().enumerate() {
        *made = measure.of(window_at(&rows, x));
    }
}

/// The operator that computes `measure`.
fn bind<M: Measure>(
    measure: M,
    parameters: &Parameters,
    input: &RasterInfo,
    sample_type: SampleType,
    nodata: Scalar,
) -> Result<Box<dyn Operator>> {
    let mut output = input.with_new_values(sample_type);
    output.nodata = Some(nodata);
    let rim = if parameters.flag("compute-edges") { Rim::Extrapolate } else { Rim::NoData };
    Ok(neighbours::bind::<f64>(Box::new(Rows(measure)), rim, parameters.nodata_policy()?, input, output))
}

/// How elevations become the two derivatives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    Horn,
    ZevenbergenThorne,
}

impl Algorithm {
    fn of(parameters: &Parameters) -> Self {
        match parameters.text("algorithm") {
            Some("zevenbergen-thorne") => Algorithm::ZevenbergenThorne,
            _ => Algorithm::Horn,
        }
    }

    /// How many pixels' worth of height differences there are in [`Algorithm::differences`].
    fn pixels(self) -> f64 {
        match self {
            Algorithm::Horn => 8.0,
            Algorithm::ZevenbergenThorne => 2.0,
        }
    }

    /// How much lower it is to the right, and how much higher below.
    #[inline(always)]
    fn differences(self, [a, b, c]: Heights) -> (f64, f64) {
        match self {
            Algorithm::Horn => (
                (a[0] + b[0] + b[0] + c[0]) - (a[2] + b[2] + b[2] + c[2]),
                (c[0] + c[1] + c[1] + c[2]) - (a[0] + a[1] + a[1] + a[2]),
            ),
            Algorithm::ZevenbergenThorne => (b[0] - b[2], c[1] - a[1]),
        }
    }
}

/// The factors that make the two slopes of a terrain from [`Algorithm::differences`].
#[derive(Clone, Copy, Debug)]
struct Gradient {
    algorithm: Algorithm,
    x: f64,
    y: f64,
}

impl Gradient {
    fn of(parameters: &Parameters, input: &RasterInfo) -> Result<Self> {
        let transform = input.georeferencing.transform.map_or([0.0, 1.0, 0.0, 0.0, 0.0, 1.0], |it| it.0);
        let (width, height) = (transform[1], transform[5]);
        if !(width.is_normal() && height.is_normal()) {
            return Err(Error::unsupported(format!(
                "the raster's pixels are `{width}` by `{height}` on the map, which says nothing about slopes; warp it so that north is up"
            )));
        }
        let algorithm = Algorithm::of(parameters);
        let divisor = algorithm.pixels() * parameters.number("scale")?.unwrap_or(1.0);
        Ok(Gradient { algorithm, x: 1.0 / (width * divisor), y: 1.0 / (height * divisor) })
    }

    /// The descent to the right, and the ascent downwards where `dy` is above 0.
    #[inline(always)]
    fn at(&self, heights: Heights) -> (f64, f64) {
        let (x, y) = self.algorithm.differences(heights);
        (x * self.x, y * self.y)
    }
}
