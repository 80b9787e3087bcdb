//! Displacement between two rasters, pixel by pixel.

pub mod flow;
mod lucas_kanade;
mod products;
mod solve;
