//! Chips of one raster looked for in another: normalised cross-correlation, tie points, and the shift that they agree on.
//!
//! ```text
//! reference            moved                               grid of chips (one pixel a chip)
//! ┌──────────────┐     ┌──────────────┐
//! │ ┌t┐  ┌t┐  ┌t┐│     │┌─t+2s─┐      │     dx, dy, correlation, second peak, sigma, outcome
//! │ └─┘  └─┘  └─┘│     │└──────┘      │     ──gathered──▶ tie points ──fitted──▶ shift, affine map
//! └──────────────┘     └──────────────┘
//! ```
//! The matcher is an operator whose output has a pixel for each chip, so that tiles, workers and budget are the engine's
//! business. What a chip finds depends on its own pixels and those of its search area alone.

pub mod fit;
pub mod grid;
pub mod matcher;
pub mod options;
pub mod points;
mod products;
mod summit;
mod surface;

pub use options::{ChipOptions, Model};
pub use points::{Gathering, Outcome, TiePoint};
