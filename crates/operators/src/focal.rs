//! Operators that look at a window around each pixel.

mod blend;
mod chained_spread;
mod columns;
pub mod convolve;
mod correlation;
pub mod difference_of_gaussians;
mod exact_spread;
mod folding;
pub mod gaussian;
mod integer_sums;
pub(crate) mod matrix;
pub mod mean;
pub(crate) mod neighbours;
mod real_spread;
pub(crate) mod real_sums;
mod shifted_sums;
pub(crate) mod surroundings;
pub mod unsharp;
pub mod variance;
pub(crate) mod window_statistics;
