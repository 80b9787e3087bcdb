//! Pixels to other places.

pub mod reorient;
pub mod resize;
