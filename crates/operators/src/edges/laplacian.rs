//! `laplacian`: the sum of the second derivatives.
//!
//! ```text
//! four   0  1 0      eight   1  1 1
//!        1 -4 1              1 -8 1
//!        0  1 0              1  1 1
//! ```
//! *Formula*: the correlation with one of these kernels. *Units*: the input's to the square pixel. *Halo*: 1. *Boundary*:
//! `--boundary`. *Types*: 8- and 16-bit integers are computed in `f32`, all others in `f64`. *Nodata*: where a weight that
//! is not 0 falls on it there is none. *Cost per pixel*: 5 or 9 operations. *Source*: Rosenfeld and Kak 1982. *Agrees with*:
//! `scipy.ndimage.laplace` and `cv2.Laplacian` of `ksize=1` (four) exactly for integers of up to 16 bits, within 1e-12
//! (`f64`). `cv2.Laplacian` of `ksize=3` is another operator, `convolve --kernel "2 0 2; 0 -8 0; 2 0 2"`.

use fearless_simd::{Simd, dispatch};
use fearless_simd_macros::simd;
use swathe_core::{
    Documentation, Group, Operator, OperatorSpec, Parameter, ParameterKind, Parameters, RasterInfo, Result,
};

use super::{NODATA, TYPES, derivative, derivative_type};
use crate::focal::gaussian::single_precision;
use crate::focal::neighbours::{self, Formula, Rim, Support};
use crate::rows::Real;
use crate::simd::level;

/// The description of `laplacian`.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: "laplacian",
    group: Group::Edges,
    summary: "sum of the second derivatives",
    inputs: (1, 1),
    parameters: &[
        Parameter::optional(
            "neighbours",
            ParameterKind::Choice(&["4", "8"]),
            Some("4"),
            "how many neighbours the pixel is compared with: 4 or 8",
        ),
        Parameter::BOUNDARY,
        Parameter::NODATA,
        Parameter::REAL_TYPE,
    ],
    documentation: Documentation {
        formula: "out = the sum of the neighbours, less the pixel itself as many times",
        halo: "1",
        types: TYPES,
        nodata: NODATA,
        cost: "5 operations with 4 neighbours, 9 with 8",
        source: "Rosenfeld and Kak 1982",
        agrees: "scipy.ndimage.laplace and cv2.Laplacian of ksize=1 (4): integers of up to 16 bits exactly, f64 within 1e-12\n(cv2.Laplacian of ksize=3 is convolve --kernel \"2 0 2; 0 -8 0; 2 0 2\")",
        example: "swathe laplacian scene.tif edges.tif",
    },
    trials: &[
        "boundary=mirror",
        "neighbours=8 nodata=propagate boundary=wrap",
        "neighbours=8 type=i16 nodata=value boundary=constant=3",
    ],
    bind,
};

fn bind(parameters: &Parameters, inputs: &[RasterInfo]) -> Result<Box<dyn Operator>> {
    let input = &inputs[0];
    let output_type = parameters.sample_type("type")?.unwrap_or(derivative_type(input.sample_type));
    let output = derivative(input, output_type);
    let laplacian = Laplacian { corners: parameters.text("neighbours") == Some("8") };
    let (rim, policy) = (Rim::Extend(parameters.boundary()?), parameters.nodata_policy()?);
    Ok(if single_precision(input.sample_type, output_type) {
        neighbours::bind::<f32>(Box::new(laplacian), rim, policy, input, output)
    } else {
        neighbours::bind::<f64>(Box::new(laplacian), rim, policy, input, output)
    })
}

struct Laplacian {
    corners: bool,
}

impl<A: Real> Formula<A> for Laplacian {
    fn row(&self, rows: [&[A]; 3], made: &mut [A]) {
        if self.corners {
            dispatch!(level(), simd => eight_row(simd, rows, made));
        } else {
            dispatch!(level(), simd => four_row(simd, rows, made));
        }
    }

    fn support(&self) -> Support {
        if self.corners { Support::All } else { Support::Cross }
    }
}

#[simd]
fn four_row<S: Simd, A: Real>(_: S, rows: [&[A]; 3], made: &mut [A]) {
    let [above, own, below] = rows.map(|row| &row[..made.len() + 2]);
    let four = A::of(4.0_f64);
    for (x, made) in made.iter_mut().enumerate() {
        *made = ((above[x + 1] + below[x + 1]) + (own[x] + own[x + 2])) - four * own[x + 1];
    }
}

#[simd]
fn eight_row<S: Simd, A: Real>(_: S, rows: [&[A]; 3], made: &mut [A]) {
    let [above, own, below] = rows.map(|row| &row[..made.len() + 2]);
    let eight = A::of(8.0_f64);
    for (x, made) in made.iter_mut().enumerate() {
        let cross = (above[x + 1] + below[x + 1]) + (own[x] + own[x + 2]);
        let corners = (above[x] + above[x + 2]) + (below[x] + below[x + 2]);
        *made = (cross + corners) - eight * own[x + 1];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial;

    #[test]
    fn a_spot_stands_out() {
        let input = trial::raster::<u8>(&[&[&[1, 1, 1], &[1, 5, 1], &[1, 1, 1]]]);
        let of = |text: &str| trial::run(&SPEC, text, &input).unwrap().rows::<f32>(0);
        assert_eq!(of(""), [[0.0, 4.0, 0.0], [4.0, -16.0, 4.0], [0.0, 4.0, 0.0]]);
        assert_eq!(of("neighbours=8"), [[4.0, 4.0, 4.0], [4.0, -32.0, 4.0], [4.0, 4.0, 4.0]]);
    }
}
