//! Swathe's promises as functions over the list of operators, the plain whole-image executor, random rasters.
//!
//! [`plain`] computes a chain the slow and obvious way, [`engine`] the way that Swathe does; [`laws`] say that nobody
//! can tell them apart. [`Raster`] and its [`MemorySource`] and [`MemoryDestination`] stand in for files; [`mod@reference`]
//! holds what scipy computed.

pub mod chain;
pub mod engine;
pub mod laws;
mod memory;
pub mod plain;
pub mod random;
mod raster;
pub mod reference;

pub use chain::Step;
pub use memory::{MemoryDestination, MemoryResult, MemoryShape, MemorySource};
pub use raster::Raster;
