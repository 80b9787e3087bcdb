//! Operators that look at one pixel at a time.

pub mod calc;
pub mod cast;
pub mod cmyk;
pub mod copy;
pub mod equalize;
pub mod lut;
pub mod stretch;
mod table;
