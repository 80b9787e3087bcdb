//! The vocabulary of Swathe: sample types, windows, tiles, boundaries, nodata, georeferencing, errors, and the
//! traits [`Source`], [`Operator`], [`Reduction`] and [`Sink`].
//!
//! Knows nothing about files, threads, the clock or the environment.

#[macro_use]
mod sample;

mod beside;
mod both_ways;
mod boundary;
mod error;
mod geometry;
mod georeferencing;
mod journal;
mod memory;
mod nodata;
mod operator;
mod parameters;
mod raster;
mod reduction;
mod scan;
mod scratch;
mod shard;
mod sink;
mod source;
mod tile;
mod turns;

pub use beside::Beside;
pub use both_ways::BothWays;
pub use boundary::Boundary;
pub use error::{Error, ErrorKind, MAKE_ROOM, Result};
pub use geometry::{Halo, Size, Window};
pub use georeferencing::{ControlPoint, GeoKeys, GeoTransform, Georeferencing};
pub use journal::{Extent, Files, FolderMark, Footprint, Journal, Keep, Naming, Part, Position, fold};
pub use nodata::{NodataPolicy, Validity, fill_value};
pub use operator::{Bind, Documentation, Edge, Group, Operator, OperatorSpec, Spec};
pub use parameters::{Parameter, ParameterKind, Parameters, Value, number_range};
pub use raster::{Colour, ForeignTag, Metadata, MetadataItem, RasterInfo, Resolution};
pub use reduction::Reduction;
pub use sample::{Sample, SampleType, Scalar};
pub use scan::{Order, Scan};
pub use scratch::{Frame, Scratch, ScratchSize};
pub use shard::{Shard, ShardTile, Shards, Sharing};
pub use sink::{Destination, Disk, Sink};
pub use source::{Source, Sweep};
pub use tile::{TileBuffer, TileKind, TileMut, TileView};
pub use turns::{Turn, Turns};
