//! `tpi`, `tri` and `roughness`: how a pixel's elevation differs from its neighbours'.
//!
//! *Formula*: `tpi = z4 - (sum of the neighbours) / 8`; `tri = sqrt(sum of (zi - z4)^2)` (Riley) or `(sum of |zi - z4|) / 8`
//! (Wilson); `roughness = greatest - least` of all nine. *Units*: those of height. *Halo*: 1. *Boundary*: pixels at the edge
//! have no data, or are extrapolated. *Types*: computed in `f64`, put out as `f32`. *Nodata*: none where a neighbour has
//! none. *Source*: Wilson et al. 2007; Riley et al. 1999. *Agrees with*: `gdaldem TPI`, `TRI` and `roughness` within 1e-6 of
//! the range.

use swathe_core::{Documentation, Group, OperatorSpec, Parameter, ParameterKind, SampleType};

use super::{COMPUTE_EDGES, HALO, Heights, Measure, NO_HEIGHT, NODATA, TYPES, bind};

const fn documentation(
    formula: &'static str,
    cost: &'static str,
    source: &'static str,
    agrees: &'static str,
    example: &'static str,
) -> Documentation {
    Documentation { formula, halo: HALO, types: TYPES, nodata: NODATA, cost, source, agrees, example }
}

/// The description of `tpi`.
pub static TPI: OperatorSpec = OperatorSpec {
    name: "tpi",
    group: Group::Terrain,
    summary: "topographic position: how far a pixel lies above the mean of its neighbours",
    inputs: (1, 1),
    parameters: &[COMPUTE_EDGES, Parameter::NODATA],
    documentation: documentation(
        "out = z4 - (z0 + z1 + z2 + z3 + z5 + z6 + z7 + z8) / 8",
        "9 operations",
        "Wilson et al. 2007",
        "gdaldem TPI within 1e-6 of the range",
        "swathe tpi heights.tif position.tif",
    ),
    trials: &["compute-edges=true", "nodata=propagate"],
    bind: |parameters, inputs| bind(Position, parameters, &inputs[0], SampleType::F32, NO_HEIGHT),
};

/// The description of `tri`.
pub static TRI: OperatorSpec = OperatorSpec {
    name: "tri",
    group: Group::Terrain,
    summary: "terrain ruggedness: how far a pixel's neighbours lie above or below it",
    inputs: (1, 1),
    parameters: &[
        Parameter::optional(
            "algorithm",
            ParameterKind::Choice(&["riley", "wilson"]),
            Some("riley"),
            "riley, the root of the sum of squares, or wilson, the mean magnitude",
        ),
        COMPUTE_EDGES,
        Parameter::NODATA,
    ],
    documentation: documentation(
        "out = sqrt(sum of (zi - z4)^2), or (sum of |zi - z4|) / 8, over the neighbours",
        "24 operations and a root",
        "Riley et al. 1999; Wilson et al. 2007",
        "gdaldem TRI within 1e-6 of the range",
        "swathe tri heights.tif ruggedness.tif --algorithm wilson",
    ),
    trials: &["compute-edges=true", "algorithm=wilson nodata=value"],
    bind: |parameters, inputs| match parameters.text("algorithm") {
        Some("wilson") => bind(Wilson, parameters, &inputs[0], SampleType::F32, NO_HEIGHT),
        _ => bind(Riley, parameters, &inputs[0], SampleType::F32, NO_HEIGHT),
    },
};

/// The description of `roughness`.
pub static ROUGHNESS: OperatorSpec = OperatorSpec {
    name: "roughness",
    group: Group::Terrain,
    summary: "difference of the greatest and the least height of a pixel and its neighbours",
    inputs: (1, 1),
    parameters: &[COMPUTE_EDGES, Parameter::NODATA],
    documentation: documentation(
        "out = max(z0 .. z8) - min(z0 .. z8)",
        "17 operations",
        "Wilson et al. 2007",
        "gdaldem roughness exactly",
        "swathe roughness heights.tif roughness.tif",
    ),
    trials: &["compute-edges=true nodata=propagate", "nodata=ignore"],
    bind: |parameters, inputs| bind(Roughness, parameters, &inputs[0], SampleType::F32, NO_HEIGHT),
};

struct Position;
struct Riley;
struct Wilson;
struct Roughness;

/// The sum over the neighbours of what `of` makes of each, in an order that is symmetric.
#[inline(always)]
fn over_neighbours([a, b, c]: Heights, of: impl Fn(f64) -> f64) -> f64 {
    ((of(a[0]) + of(a[2])) + (of(c[0]) + of(c[2]))) + ((of(a[1]) + of(c[1])) + (of(b[0]) + of(b[2])))
}

impl Measure for Position {
    #[inline(always)]
    fn of(&self, heights: Heights) -> f64 {
        heights[1][1] - over_neighbours(heights, |height| height) / 8.0
    }
}

impl Measure for Riley {
    #[inline(always)]
    fn of(&self, heights: Heights) -> f64 {
        let own = heights[1][1];
        over_neighbours(heights, |height| (height - own) * (height - own)).sqrt()
    }
}

impl Measure for Wilson {
    #[inline(always)]
    fn of(&self, heights: Heights) -> f64 {
        let own = heights[1][1];
        over_neighbours(heights, |height| (height - own).abs()) / 8.0
    }
}

impl Measure for Roughness {
    #[inline(always)]
    fn of(&self, heights: Heights) -> f64 {
        let (mut greatest, mut least, mut number) = (heights[1][1], heights[1][1], true);
        // Comparisons that become one instruction each, unlike `max` and `min`, which leave out NaN.
        for &height in heights.iter().flatten() {
            greatest = if height > greatest { height } else { greatest };
            least = if height < least { height } else { least };
            number &= !height.is_nan();
        }
        if number { greatest - least } else { f64::NAN }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial;

    #[test]
    fn a_peak_stands_out() {
        let input = trial::raster::<i16>(&[&[&[1, 1, 1], &[1, 9, 1], &[1, 1, 5]]]);
        let of = |spec, text: &str| trial::run(spec, text, &input).unwrap().rows::<f32>(0).remove(1);
        assert_eq!(of(&TPI, ""), [-9999.0, 7.5, -9999.0]);
        assert_eq!(of(&TRI, "")[1], (7.0_f32 * 64.0 + 16.0).sqrt());
        assert_eq!(of(&TRI, "algorithm=wilson")[1], 7.5);
        assert_eq!(of(&ROUGHNESS, "")[1], 8.0);
        assert_eq!(of(&ROUGHNESS, "compute-edges=true"), [16.0, 8.0, 16.0]);
    }

    #[test]
    fn neighbours_without_data_are_the_pixel_itself_with_compute_edges() {
        let mut input = trial::raster::<f32>(&[&[&[1.0; 4], &[1.0, 3.0, f32::NAN, 1.0], &[1.0; 4]]]);
        input.info.nodata = None;
        let of = |text: &str| trial::run(&TPI, text, &input).unwrap().rows::<f32>(0).remove(1);
        assert_eq!(of(""), [-9999.0; 4]);
        assert_eq!(of("compute-edges=true")[1..3], [3.0 - 10.0 / 8.0, -9999.0]);
    }
}
