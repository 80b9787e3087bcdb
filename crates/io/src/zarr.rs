//! Zarr, version 3: arrays in folders, with a file for each chunk or shard of chunks.
//!
//! Read: groups and arrays of two or more dimensions, both byte orders, chunk keys `default` and `v2`, the codecs `bytes`,
//! `transpose`, `gzip`, `zstd`, `blosc`, `crc32c` and `sharding_indexed`. Written: a group with one array `data`, and beside
//! it what tells where it lies, as xarray, rioxarray and GDAL look for it.
//!
//! Source: Zarr core specification 3.0 and its codecs' specifications.

mod attributes;
mod blosc;
mod codec;
mod describe;
mod layout;
mod metadata;
mod source;
mod store;
mod write;

pub(crate) use source::ZarrSource;
pub(crate) use store::is_store;
pub(crate) use write::plan;
