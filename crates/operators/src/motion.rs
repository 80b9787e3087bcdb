//! Displacement between two rasters, pixel by pixel.

pub mod colour;
pub mod flow;
mod lucas_kanade;
mod plane;
mod products;
mod pyramid;
mod reach;
mod solve;
