//! TIFF, BigTIFF and GeoTIFF.

mod codec;
mod cog;
mod compress;
mod compressed;
mod describe;
pub(crate) mod directory;
mod encode;
mod encoded;
mod image;
mod layout;
mod mask;
mod pages;
mod predictor;
mod source;
mod table;
mod tag;
mod unpack;
mod write;

pub(crate) use cog::{CogDestination, CogOptions};
pub use cog::{OverviewMethod, Overviews};
pub use compress::{Compression, WritePredictor};
pub(crate) use compress::{Encoders, Scheme};
pub(crate) use compressed::CompressedDestination;
pub(crate) use directory::is_tiff;
pub(crate) use encode::{has_opacity, has_own_mask};
pub(crate) use source::{Selected, TiffSource};
pub(crate) use write::{TiffDestination, TiffLayout};
