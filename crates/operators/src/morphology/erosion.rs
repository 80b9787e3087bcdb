//! `erode`: each pixel the least value under a structuring element.
//!
//! *Formula*: `out(p) = min over b in B of in(p + b)`, `n` times. *Units*: the input's. *Halo*: `n` times the element's.
//! *Boundary*: `--boundary`; for the named shapes with odd sides `reflect` is the same as leaving out what lies past the
//! edge. *Types*: any. *Nodata*: left out. *Cost per pixel*: 3 comparisons along y, of any height, and 2 to 4 along x for
//! each factor of 4 in the width. *Source*: van Herk 1992; Gil and Werman 1993. *Agrees with*:
//! `scipy.ndimage.grey_erosion` and `cv2.erode` exactly.

use swathe_core::{Group, OperatorSpec};

use super::compare::{Recipe, Step, bind};
use super::{HALO_ONE, PARAMETERS, documentation};

/// The description of `erode`.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: "erode",
    group: Group::Morphology,
    summary: "each pixel the least value under a structuring element",
    inputs: (1, 1),
    parameters: PARAMETERS,
    documentation: documentation(
        "out(p) = the least of in(p + b) over the pixels b of the element",
        HALO_ONE,
        "scipy.ndimage.grey_erosion and cv2.erode exactly",
        "swathe erode scene.tif small.tif --size 15",
    ),
    trials: &[
        "size=3",
        "size=6x9 boundary=mirror",
        "size=9x5 shape=disk nodata=propagate",
        "footprint=0,1,0,1;1,1,0,0;0,0,0,1 iterations=2 boundary=reflect",
        "size=5 shape=cross nodata=value boundary=constant=9",
    ],
    bind: |parameters, inputs| bind(parameters, &inputs[0], Recipe::Steps(&[Step::Erode])),
};
