//! Order statistics: each pixel a rank of the window around it.

pub mod median;
mod selection;
