//! Where Swathe's pixels come from and go to: memory maps, TIFF, ENVI, NPY, raw, Zarr, PNG.
//!
//! [`open`] reads whatever it knows, [`plan_output`] writes; neither knows operators, tiles or threads.

mod access;
mod bands;
mod beside;
mod cache;
mod changed;
mod checksum;
mod decompress;
mod entries;
mod envi;
mod file_system;
mod fingerprint;
mod formats;
mod interim;
mod journal;
mod mapping;
mod nodata;
mod npy;
mod output;
mod png;
mod pool;
mod preview;
mod raw;
mod samples;
mod strided;
mod sweep;
mod synthetic;
mod systems;
mod tiff;
mod whole_file;
mod zarr;

pub use access::AccessMethod;
pub use entries::EntryFile;
pub use fingerprint::fingerprint;
pub use formats::{
    Format, InShards, OpenOptions, OutputOptions, Strips, file_of, files_of, open, plan_output,
    plan_overviews,
};
pub use interim::{Interim, InterimDestination, InterimSource};
pub use journal::{
    Damage, Keeping, Mending, Receipt, Settled, ShardState, ShardedOutput, discard_shards, is_shard_done,
    settle, verify,
};
pub use mapping::absorb_bus_error;
pub use output::{Existing, WriteBackRule, WriteMethod};
pub use png::{png_bytes, write_png};
pub use preview::{Channels, Colours, Picture, PreviewOptions, preview, preview_of, side_by_side};
pub use strided::Interleave;
pub use synthetic::{Pattern, SyntheticOptions, SyntheticSource};
pub use tiff::{Compression, OverviewMethod, Overviews, WritePredictor};
pub use whole_file::{refuse_existing, write_whole};
