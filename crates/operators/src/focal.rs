//! Operators that look at a window around each pixel.

pub mod convolve;
mod correlation;
pub mod gaussian;
mod integer_sums;
pub(crate) mod matrix;
pub mod mean;
pub(crate) mod real_sums;
pub(crate) mod surroundings;
pub mod variance;
pub(crate) mod window_statistics;
