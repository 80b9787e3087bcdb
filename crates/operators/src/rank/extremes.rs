//! `minimum` and `maximum`: each pixel the least or the greatest value of the window around it.
//!
//! *Formula*: `out = v[0]` or `out = v[n - 1]`, `v` the `n` values of the window, sorted. *Units*: the input's. *Halo*:
//! the window's. *Boundary*: `--boundary`. *Types*: any. *Nodata*: left out, the extreme of the rest taken. *Source*: van
//! Herk 1992. *Agrees with*: `scipy.ndimage.minimum_filter` and `maximum_filter` exactly.

use swathe_core::{Documentation, Group, OperatorSpec, Parameter};

use super::footprint::{FOOTPRINT, SIZE};
use super::{HALO, NODATA, TYPES};
use crate::morphology::compare::{Recipe, Step, bind};

const TRIALS: &[&str] = &[
    "size=3",
    "size=4x7 boundary=wrap nodata=propagate",
    "size=16x2 nodata=value boundary=mirror",
    "footprint=0,1,1;1,0,0 boundary=constant=9",
];

const fn documentation(formula: &'static str, agrees: &'static str, example: &'static str) -> Documentation {
    Documentation {
        formula,
        halo: HALO,
        types: TYPES,
        nodata: NODATA,
        cost: "3 comparisons along y, of any height, and 2 to 4 along x for each factor of 4 in the width; other shapes more",
        source: "van Herk 1992",
        agrees,
        example,
    }
}

/// The description of `minimum`.
pub static MINIMUM: OperatorSpec = OperatorSpec {
    name: "minimum",
    group: Group::LocalStatistics,
    summary: "each pixel the least value of its neighbourhood",
    inputs: (1, 1),
    parameters: &[SIZE, FOOTPRINT, Parameter::BOUNDARY, Parameter::NODATA],
    documentation: documentation(
        "out = the least of the values of the window",
        "scipy.ndimage.minimum_filter exactly",
        "swathe minimum scene.tif floor.tif --size 15",
    ),
    trials: TRIALS,
    bind: |parameters, inputs| bind(parameters, &inputs[0], Recipe::Steps(&[Step::Erode])),
};

/// The description of `maximum`.
pub static MAXIMUM: OperatorSpec = OperatorSpec {
    name: "maximum",
    group: Group::LocalStatistics,
    summary: "each pixel the greatest value of its neighbourhood",
    inputs: (1, 1),
    parameters: &[SIZE, FOOTPRINT, Parameter::BOUNDARY, Parameter::NODATA],
    documentation: documentation(
        "out = the greatest of the values of the window",
        "scipy.ndimage.maximum_filter exactly",
        "swathe maximum scene.tif ceiling.tif --size 15",
    ),
    trials: TRIALS,
    bind: |parameters, inputs| bind(parameters, &inputs[0], Recipe::Steps(&[Step::Maximum])),
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial;

    #[test]
    fn a_footprint_is_not_turned_round() {
        let input = trial::raster::<i16>(&[&[&[0, 0, -5, 0, 0, 7, 0]]]);
        let least = trial::run(&MINIMUM, "footprint=1,0,0", &input).unwrap();
        assert_eq!(least.rows::<i16>(0), [[0, 0, 0, -5, 0, 0, 7]]);
        let greatest = trial::run(&MAXIMUM, "footprint=1,1,0", &input).unwrap();
        assert_eq!(greatest.rows::<i16>(0), [[0, 0, 0, 0, 0, 7, 7]]);
    }

    #[test]
    fn infinity_is_a_value_and_nan_is_none() {
        let input = trial::raster::<f64>(&[&[&[1.0, f64::INFINITY, f64::NAN, f64::NEG_INFINITY, 2.0]]]);
        let least = trial::run(&MINIMUM, "size=3x1", &input).unwrap().rows::<f64>(0).remove(0);
        assert_eq!((least[0], least[1], least[4]), (1.0, 1.0, f64::NEG_INFINITY));
        let as_value =
            trial::run(&MAXIMUM, "size=3x1 nodata=value", &input).unwrap().rows::<f64>(0).remove(0);
        assert!(
            as_value[0].is_infinite() && as_value[1].is_nan() && as_value[2].is_nan() && as_value[4] == 2.0
        );
    }
}
