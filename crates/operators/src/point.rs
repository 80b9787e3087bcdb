//! Operators that look at one pixel at a time.

pub mod calc;
pub mod cast;
pub mod copy;
pub mod equalize;
pub mod stretch;
