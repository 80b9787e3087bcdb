//! `percentile`: each pixel the value below which a given share of the window around it lies.
//!
//! *Formula*: `out = v[floor(n P / 100)]`, `v` the `n` values of the window, sorted, and `v[n - 1]` for `P = 100`; a
//! negative `P` stands for `100 + P`. *Units*: the input's. *Halo*: the window's. *Boundary*: `--boundary`. *Types*: any;
//! only values of the input are put out. *Nodata*: left out, the percentile of the rest taken. *Agrees with*:
//! `scipy.ndimage.percentile_filter` exactly.

use swathe_core::{
    Documentation, Error, Group, Operator, OperatorSpec, Parameter, ParameterKind, Parameters, RasterInfo,
    Result,
};

use super::filter;
use super::footprint::{FOOTPRINT, SIZE};
use super::statistic::{Place, Statistic};
use super::{COST, HALO, NODATA, TYPES};

/// The description of `percentile`.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: "percentile",
    group: Group::LocalStatistics,
    summary: "each pixel a percentile of its neighbourhood",
    inputs: (1, 1),
    parameters: &[
        Parameter::required(
            "percentile",
            ParameterKind::Number { least: -100.0, greatest: 100.0 },
            "share of the window that lies below, in percent; negative counts from the top",
        ),
        SIZE,
        FOOTPRINT,
        Parameter::BOUNDARY,
        Parameter::NODATA,
    ],
    documentation: Documentation {
        formula: "out = v[floor(n P / 100)], v the n values of the window, sorted, counted from 0; v[n - 1] for P = 100;\nP below 0 stands for 100 + P",
        halo: HALO,
        types: TYPES,
        nodata: NODATA,
        cost: COST,
        source: "scipy.ndimage.percentile_filter",
        agrees: "scipy exactly",
        example: "swathe percentile scene.tif bright.tif --percentile 90 --size 7",
    },
    trials: &[
        "percentile=25 size=3",
        "percentile=-20 size=6x3 boundary=wrap",
        "percentile=100 size=5 nodata=propagate",
        "percentile=66.7 footprint=1,1,1;1,0,1 nodata=value boundary=nearest",
    ],
    bind,
};

fn bind(parameters: &Parameters, inputs: &[RasterInfo]) -> Result<Box<dyn Operator>> {
    let given = parameters.number("percentile")?.ok_or_else(|| Error::usage("`--percentile` is missing"))?;
    let percent = if given < 0.0 { given + 100.0 } else { given };
    filter::bind(parameters, &inputs[0], Statistic::Place(Place::Percent(percent)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial;

    /// OPERATORS.md A5.
    #[test]
    fn places_are_those_of_scipy() {
        let input = trial::raster::<u8>(&[&[&[1, 2, 3], &[4, 5, 6], &[7, 8, 9]]]);
        let middle =
            |text: &str| trial::run(&SPEC, &format!("{text} size=3"), &input).unwrap().rows::<u8>(0)[1][1];
        assert_eq!(middle("percentile=25"), 3);
        assert_eq!(middle("percentile=-20"), 8);
        assert_eq!(middle("percentile=100"), 9);
        assert_eq!(middle("percentile=0"), 1);
    }
}
