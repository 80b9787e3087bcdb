//! Pixels to other places.

pub mod reorient;
