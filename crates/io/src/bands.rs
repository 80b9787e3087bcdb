//! A source of one band of another.

use swathe_core::{Error, Frame, RasterInfo, Result, ScratchSize, Size, Source, Sweep, TileMut, Window};

/// One band of a raster.
///
/// The whole tile is read into scratch and the band copied out: formats that keep bands apart could do better, and
/// files of many bands are mostly stored pixel by pixel, where they could not.
pub(crate) struct BandSelection {
    source: Box<dyn Source>,
    info: RasterInfo,
    band: usize,
}

impl BandSelection {
    /// Band `band`, from 0.
    ///
    /// # Errors
    /// Usage, where there is no such band.
    pub(crate) fn new(source: Box<dyn Source>, band: usize) -> Result<Self> {
        let whole = source.info();
        if band >= whole.bands {
            return Err(Error::usage(format!(
                "`{}` has {} bands; there is no band {}",
                source.name(),
                whole.bands,
                band + 1
            )));
        }
        let info = RasterInfo { bands: 1, metadata: whole.metadata.for_bands(&[band]), ..whole.clone() };
        Ok(BandSelection { source, info, band })
    }

    fn tile_bytes(&self, window: Size) -> usize {
        self.source.info().kind().bytes(Window::whole(window))
    }
}

impl Source for BandSelection {
    fn info(&self) -> &RasterInfo {
        &self.info
    }

    fn name(&self) -> &str {
        self.source.name()
    }

    fn block(&self) -> Size {
        self.source.block()
    }

    fn resident_bytes(&self) -> usize {
        self.source.resident_bytes()
    }

    fn scratch_bytes(&self, window: Size) -> usize {
        ScratchSize::new().with::<u8>(self.tile_bytes(window)).bytes() + self.source.scratch_bytes(window)
    }

    fn mapped_bytes(&self, window: Size) -> usize {
        self.source.mapped_bytes(window)
    }

    fn read(&self, output: &mut TileMut<'_>, scratch: &mut Frame<'_>) -> Result<()> {
        let window = output.window();
        let memory = scratch.take::<u64>(self.tile_bytes(window.size()).div_ceil(size_of::<u64>()));
        let mut tile = TileMut::over(memory, window, self.source.info().kind());
        self.source.read(&mut tile, scratch)?;
        for y in 0..window.height {
            output.row_bytes_mut(0, y).copy_from_slice(tile.row_bytes_mut(self.band, y));
            if let (Some(to), Some(from)) = (output.mask_row_mut(y), tile.mask_row_mut(y)) {
                to.copy_from_slice(from);
            }
        }
        Ok(())
    }

    fn check_unchanged(&self) -> Result<()> {
        self.source.check_unchanged()
    }

    fn method(&self) -> String {
        self.source.method()
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        self.source.details()
    }

    fn overviews(&self) -> Vec<Size> {
        self.source.overviews()
    }

    fn keeps_blocks(&self) -> bool {
        self.source.keeps_blocks()
    }

    fn plan_cache(&self, sweep: Sweep, workers: usize, budget_bytes: usize) -> usize {
        self.source.plan_cache(sweep, workers, budget_bytes)
    }

    fn stored_bytes_read(&self) -> u64 {
        self.source.stored_bytes_read()
    }

    fn stored_bytes(&self, window: Window) -> u64 {
        self.source.stored_bytes(window)
    }
}
