//! Operators that look at one pixel at a time.

pub mod cast;
pub mod copy;
