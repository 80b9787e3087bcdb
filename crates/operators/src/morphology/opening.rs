//! `open` and `close`: an erosion and a dilation, and the other way round.
//!
//! *Formula*: `open = dilate(erode(in))`, `close = erode(dilate(in))`, each of the two `n` times. *Units*: the input's.
//! *Halo*: twice that of the erosions. *Boundary*: `--boundary`, of each erosion and dilation on its own, as if they were
//! run one after the other. *Types*: any. *Nodata*: left out. *Source*: Serra 1982. *Agrees with*:
//! `scipy.ndimage.grey_opening` and `grey_closing` exactly, and with `cv2.morphologyEx` for elements that are the same
//! turned round.

use swathe_core::{Group, OperatorSpec};

use super::compare::{Recipe, Step, bind};
use super::{HALO_TWO, PARAMETERS, documentation};

/// The description of `open`.
pub static OPEN: OperatorSpec = OperatorSpec {
    name: "open",
    group: Group::Morphology,
    summary: "erosion, then dilation: takes away what is bright and smaller than the element",
    inputs: (1, 1),
    parameters: PARAMETERS,
    documentation: documentation(
        "out = dilate(erode(in))",
        HALO_TWO,
        "scipy.ndimage.grey_opening exactly; cv2.morphologyEx where the element is the same turned round",
        "swathe open scene.tif background.tif --size 25 --shape disk",
    ),
    trials: &[
        "size=3x5",
        "size=4 boundary=reflect",
        "footprint=0,1,0,0;1,1,1,1 boundary=nearest nodata=propagate",
        "footprint=1,0,0,0,0;0,0,0,0,1 boundary=mirror",
    ],
    bind: |parameters, inputs| bind(parameters, &inputs[0], Recipe::Steps(&[Step::Erode, Step::Dilate])),
};

/// The description of `close`.
pub static CLOSE: OperatorSpec = OperatorSpec {
    name: "close",
    group: Group::Morphology,
    summary: "dilation, then erosion: takes away what is dark and smaller than the element",
    inputs: (1, 1),
    parameters: PARAMETERS,
    documentation: documentation(
        "out = erode(dilate(in))",
        HALO_TWO,
        "scipy.ndimage.grey_closing exactly; cv2.morphologyEx where the element is the same turned round",
        "swathe close scene.tif filled.tif --size 5",
    ),
    trials: &[
        "size=5 shape=disk boundary=constant=2",
        "size=2x6 boundary=wrap nodata=value",
        "size=3 iterations=2 boundary=constant=3",
    ],
    bind: |parameters, inputs| bind(parameters, &inputs[0], Recipe::Steps(&[Step::Dilate, Step::Erode])),
};
