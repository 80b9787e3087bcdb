//! `tophat`, `blackhat` and `morphological-gradient`: what erosions and dilations take away and add.
//!
//! *Formula*: `tophat = in - open(in)`, `blackhat = close(in) - in`, `morphological-gradient = dilate(in) - erode(in)`.
//! *Units*: the input's. *Halo*: that of the opening, or of the erosion. *Boundary*: `--boundary`. *Types*: any;
//! differences saturate. *Nodata*: left out. *Source*: Serra 1982; Meyer 1978. *Agrees with*:
//! `scipy.ndimage.white_tophat`, `black_tophat` and `morphological_gradient` exactly, where nothing saturates.

use swathe_core::{Group, OperatorSpec};

use super::compare::{Recipe, Step, bind};
use super::{HALO_ONE, HALO_TWO, PARAMETERS, documentation};

/// The description of `tophat`.
pub static TOPHAT: OperatorSpec = OperatorSpec {
    name: "tophat",
    group: Group::Morphology,
    summary: "what an opening takes away: what is bright and smaller than the element",
    inputs: (1, 1),
    parameters: PARAMETERS,
    documentation: documentation(
        "out = in - open(in)",
        HALO_TWO,
        "scipy.ndimage.white_tophat exactly",
        "swathe tophat scene.tif spots.tif --size 15 --shape disk",
    ),
    trials: &["size=3", "footprint=1,1,0;0,1,1 nodata=propagate boundary=constant=4"],
    bind: |parameters, inputs| {
        bind(parameters, &inputs[0], Recipe::Difference(&[], &[Step::Erode, Step::Dilate]))
    },
};

/// The description of `blackhat`.
pub static BLACKHAT: OperatorSpec = OperatorSpec {
    name: "blackhat",
    group: Group::Morphology,
    summary: "what a closing adds: what is dark and smaller than the element",
    inputs: (1, 1),
    parameters: PARAMETERS,
    documentation: documentation(
        "out = close(in) - in",
        HALO_TWO,
        "scipy.ndimage.black_tophat exactly",
        "swathe blackhat scene.tif pits.tif --size 15 --shape disk",
    ),
    trials: &["size=5x3 shape=cross boundary=nearest", "size=4x2 nodata=value boundary=wrap"],
    bind: |parameters, inputs| {
        bind(parameters, &inputs[0], Recipe::Difference(&[Step::Dilate, Step::Erode], &[]))
    },
};

/// The description of `morphological-gradient`.
pub static GRADIENT: OperatorSpec = OperatorSpec {
    name: "morphological-gradient",
    group: Group::Morphology,
    summary: "dilation less erosion: how far values differ under the element",
    inputs: (1, 1),
    parameters: PARAMETERS,
    documentation: documentation(
        "out = dilate(in) - erode(in)",
        HALO_ONE,
        "scipy.ndimage.morphological_gradient exactly, where nothing saturates",
        "swathe morphological-gradient scene.tif edges.tif --size 3",
    ),
    trials: &["size=3", "size=2x5 nodata=propagate boundary=mirror", "size=7 shape=diamond iterations=2"],
    bind: |parameters, inputs| {
        bind(parameters, &inputs[0], Recipe::Difference(&[Step::Dilate], &[Step::Erode]))
    },
};
