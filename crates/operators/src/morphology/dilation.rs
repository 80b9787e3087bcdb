//! `dilate`: each pixel the greatest value under a structuring element turned by half a circle.
//!
//! *Formula*: `out(p) = max over b in B of in(p - b)`, `n` times. *Units*: the input's. *Halo*: `n` times the element's,
//! turned round. *Boundary*: `--boundary`. *Types*: any. *Nodata*: left out. *Cost per pixel*: as `erode`. *Source*: van
//! Herk 1992; Gil and Werman 1993. *Agrees with*: `scipy.ndimage.grey_dilation` exactly, and with `cv2.dilate` for
//! elements that are the same turned round; OpenCV and `maximum` do not turn them.

use swathe_core::{Group, OperatorSpec};

use super::compare::{Recipe, Step, bind};
use super::{HALO_ONE, PARAMETERS, documentation};

/// The description of `dilate`.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: "dilate",
    group: Group::Morphology,
    summary: "each pixel the greatest value under a structuring element turned round",
    inputs: (1, 1),
    parameters: PARAMETERS,
    documentation: documentation(
        "out(p) = the greatest of in(p - b) over the pixels b of the element",
        HALO_ONE,
        "scipy.ndimage.grey_dilation exactly; cv2.dilate where the element is the same turned round",
        "swathe dilate scene.tif large.tif --size 9 --shape disk",
    ),
    trials: &[
        "size=4x3 boundary=wrap",
        "size=11x7 shape=diamond boundary=nearest",
        "footprint=1,1,0;1,0,0 nodata=propagate iterations=3 boundary=mirror",
    ],
    bind: |parameters, inputs| bind(parameters, &inputs[0], Recipe::Steps(&[Step::Dilate])),
};
