//! Order statistics: each pixel a rank of the window around it, or the value that the window holds most often.

pub mod extremes;
mod filter;
pub(crate) mod footprint;
mod histogram;
pub(crate) mod key;
pub mod median;
pub mod mode;
mod network;
pub mod percentile;
pub mod place;
mod selection;
mod small;
mod statistic;

const HALO: &str =
    "w / 2 to the left, w - 1 - w / 2 to the right; likewise above and below; of a footprint what it covers";
const TYPES: &str = "any; the output has the input's type and only values of the input; -0 comes before 0, NaN (--nodata value) last";
const NODATA: &str = "left out, the same taken from the rest; a pixel without data stays without";
const COST: &str =
    "up to some 9 x 9 pixels a network of comparisons; beyond, histograms: it grows with the width alone";
