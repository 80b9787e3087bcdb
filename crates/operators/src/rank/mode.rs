//! `mode`: each pixel the value that occurs most often in the window around it.
//!
//! *Formula*: `out =` the value `v` with the greatest number of pixels of the window that hold it, the least of several.
//! *Units*: the input's. *Halo*: the window's. *Boundary*: `--boundary`. *Types*: any. *Nodata*: left out. *Agrees with*:
//! `scipy.stats.mode` over `sliding_window_view` exactly.

use swathe_core::{Documentation, Group, Operator, OperatorSpec, Parameter, Parameters, RasterInfo, Result};

use super::filter;
use super::footprint::{FOOTPRINT, SIZE};
use super::statistic::Statistic;
use super::{HALO, NODATA, TYPES};

/// The description of `mode`.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: "mode",
    group: Group::LocalStatistics,
    summary: "each pixel the most frequent value of its neighbourhood",
    inputs: (1, 1),
    parameters: &[SIZE, FOOTPRINT, Parameter::BOUNDARY, Parameter::NODATA],
    documentation: Documentation {
        formula: "out = the value that most pixels of the window hold, the least of them where there are several",
        halo: HALO,
        types: TYPES,
        nodata: NODATA,
        cost: "a sort of the pixels of the window",
        source: "majority filter of class maps",
        agrees: "scipy.stats.mode over sliding_window_view exactly",
        example: "swathe mode classes.tif clean.tif --size 5",
    },
    trials: &[
        "size=3",
        "size=2x5 boundary=nearest nodata=propagate",
        "footprint=0,1,0;1,1,1;0,1,0 nodata=value boundary=mirror",
    ],
    bind,
};

fn bind(parameters: &Parameters, inputs: &[RasterInfo]) -> Result<Box<dyn Operator>> {
    filter::bind(parameters, &inputs[0], Statistic::Mode)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial;

    #[test]
    fn the_least_of_the_most_frequent_is_taken() {
        let input = trial::raster::<i8>(&[&[&[3, -3, 3, -3, 5, 5, 5]]]);
        assert_eq!(trial::run(&SPEC, "size=3x1", &input).unwrap().rows::<i8>(0), [[3, 3, -3, -3, 5, 5, 5]]);
        assert_eq!(trial::run(&SPEC, "size=4x1", &input).unwrap().rows::<i8>(0), [[-3, 3, -3, -3, 5, 5, 5]]);
    }
}
