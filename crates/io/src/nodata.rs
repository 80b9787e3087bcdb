//! A source whose nodata value is another than its file says.

use swathe_core::{Frame, RasterInfo, Result, Scalar, Size, Source, Sweep, TileMut, Window};

/// A raster with a nodata value of the caller's.
pub(crate) struct WithNodata {
    source: Box<dyn Source>,
    info: RasterInfo,
}

impl WithNodata {
    /// Gives `source` another nodata value.
    pub(crate) fn new(source: Box<dyn Source>, nodata: Scalar) -> Self {
        let info = RasterInfo { nodata: Some(nodata), ..source.info().clone() };
        WithNodata { source, info }
    }
}

impl Source for WithNodata {
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
        self.source.scratch_bytes(window)
    }

    fn mapped_bytes(&self, window: Size) -> usize {
        self.source.mapped_bytes(window)
    }

    fn read(&self, output: &mut TileMut<'_>, scratch: &mut Frame<'_>) -> Result<()> {
        self.source.read(output, scratch)
    }

    fn reads_straight(&self, width: usize) -> bool {
        self.source.reads_straight(width)
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
