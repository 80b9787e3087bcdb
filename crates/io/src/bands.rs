//! A source of one band of another.

use swathe_core::{Error, Frame, RasterInfo, Result, ScratchSize, Size, Source, TileMut, Window};

use crate::changed::{Change, Changed};

/// Band `band` of `source`, from 0.
///
/// # Errors
/// Usage, where there is no such band.
pub(crate) fn one_band(source: Box<dyn Source>, band: usize) -> Result<impl Source> {
    let whole = source.info();
    if band >= whole.bands {
        return Err(Error::usage(format!(
            "there is no band {} in `{}`, which has {}",
            band + 1,
            source.name(),
            if whole.bands == 1 { "1 band".to_owned() } else { format!("{} bands", whole.bands) }
        )));
    }
    let info = RasterInfo { bands: 1, metadata: whole.metadata.for_bands(&[band]), ..whole.clone() };
    Ok(Changed::new(source, info, OneBand(band)))
}

/// The whole tile is read into scratch and the band copied out: formats that keep bands apart could do better, and
/// files of many bands are mostly stored pixel by pixel, where they could not.
struct OneBand(usize);

impl OneBand {
    fn tile_bytes(source: &dyn Source, window: Size) -> usize {
        source.info().kind().bytes(Window::whole(window))
    }
}

impl Change for OneBand {
    fn scratch_bytes(&self, source: &dyn Source, window: Size) -> usize {
        let tile = ScratchSize::new().with::<u8>(OneBand::tile_bytes(source, window)).bytes();
        tile + source.scratch_bytes(window)
    }

    fn read(&self, source: &dyn Source, output: &mut TileMut<'_>, scratch: &mut Frame<'_>) -> Result<()> {
        let window = output.window();
        let words = OneBand::tile_bytes(source, window.size()).div_ceil(size_of::<u64>());
        let mut tile = TileMut::over(scratch.take::<u64>(words), window, source.info().kind());
        source.read(&mut tile, scratch)?;
        for y in 0..window.height {
            output.row_bytes_mut(0, y).copy_from_slice(tile.row_bytes_mut(self.0, y));
            if let (Some(to), Some(from)) = (output.mask_row_mut(y), tile.mask_row_mut(y)) {
                to.copy_from_slice(from);
            }
        }
        Ok(())
    }
}
