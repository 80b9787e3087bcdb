//! TIFF, BigTIFF and GeoTIFF.
mod describe;
pub(crate) mod directory;
mod encode;
mod layout;
mod source;
mod tag;
mod write;
pub(crate) use directory::is_tiff;
pub(crate) use source::TiffSource;
pub(crate) use write::{TiffDestination, TiffLayout};
