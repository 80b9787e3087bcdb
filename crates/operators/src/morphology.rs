//! Mathematical morphology with flat structuring elements: the least and the greatest over a shape, one after the
//! other, and differences of them.

mod chain;
pub(crate) mod compare;
pub mod dilation;
mod element;
pub mod erosion;
mod extreme;
mod filter;
mod lines;
pub mod opening;
pub mod residues;

use swathe_core::{Documentation, Parameter};

use crate::rank::footprint::{FOOTPRINT, SIZE};
use element::{ITERATIONS, SHAPE};

const PARAMETERS: &[Parameter] =
    &[SIZE, SHAPE, FOOTPRINT, ITERATIONS, Parameter::BOUNDARY, Parameter::NODATA];

/// Of the five, what all operators of this folder share; `halo` is that of one erosion.
const fn documentation(
    formula: &'static str,
    halo: &'static str,
    agrees: &'static str,
    example: &'static str,
) -> Documentation {
    Documentation {
        formula,
        halo,
        types: "any, compared as they are; the output has the input's type; differences are saturated; -0 is below 0, NaN\n(--nodata value) above all",
        nodata: "left out of what is compared; a pixel without data stays without, one whose window has none becomes so",
        cost: "rectangles: 3 comparisons along y, along x 2 to 4 for each factor of 4 in the width; crosses twice that; other\nshapes 2 for each row, and 1 for each doubling of the widest row",
        source: "Serra 1982; van Herk 1992; Gil and Werman 1993; Urbach and Wilkinson 2008",
        agrees,
        example,
    }
}

const HALO_ONE: &str = "the element's reach, times the iterations";
const HALO_TWO: &str = "twice the element's reach, times the iterations";

#[cfg(test)]
mod tests;
