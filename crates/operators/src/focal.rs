//! Operators that look at a window around each pixel.

mod chained_spread;
pub mod convolve;
pub(crate) mod correlation;
mod exact_spread;
pub mod gaussian;
mod integer_sums;
pub(crate) mod matrix;
pub mod mean;
pub(crate) mod neighbours;
mod real_spread;
pub(crate) mod real_sums;
pub(crate) mod surroundings;
pub mod variance;
pub(crate) mod window_statistics;
