//! Outputs with overviews: what the options say of them.

use swathe_core::{Destination, Error, RasterInfo, Result, Size};

use super::{Format, OutputOptions};
use crate::output::OutputPlace;
use crate::tiff::{CogDestination, CogOptions, Compression, Overviews, TiffLayout};

impl OutputOptions {
    /// Whether overviews are made while the raster is written.
    pub(super) fn has_overviews(&self, format: Format) -> bool {
        format == Format::Cog || !matches!(self.overviews, None | Some(Overviews::None))
    }
}

/// Thinks out a TIFF with overviews; or, where `whole` is not set, one of the overviews alone.
///
/// # Errors
/// Usage, where options make no sense for it; Limit, where no TIFF can hold it.
pub(super) fn plan(
    place: OutputPlace,
    info: &RasterInfo,
    options: &OutputOptions,
    whole: bool,
) -> Result<Box<dyn Destination>> {
    if options.strips.is_some() {
        return Err(Error::usage(format!(
            "`{}`: overviews and `--strips` do not go together: blocks are tiles",
            place.name()
        )));
    }
    let planar = super::is_planar(&place, info, options)?;
    let overviews = options.overviews.clone().unwrap_or_default();
    let side = overviews.block_side(info.size);
    let layout = TiffLayout {
        block: options.block.unwrap_or(Size::new(side, side)),
        tiled: true,
        planar,
        big: options.big,
        method: options.method,
        writeback: options.writeback,
    };
    let set = CogOptions {
        overviews,
        method: options.overview_method,
        compression: options.compression.unwrap_or(Compression::Deflate(6)),
        predictor: options.predictor,
        sparse: options.sparse,
        whole,
    };
    Ok(Box::new(CogDestination::new(place, info, layout, &set)?))
}
