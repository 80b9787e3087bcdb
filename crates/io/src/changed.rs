//! Sources that hand out another source's pixels changed, and are like it in everything else.

use swathe_core::{Frame, RasterInfo, Result, Size, Source, Sweep, TileMut, Window};

/// What is changed of a source's pixels.
pub(crate) trait Change: Send + Sync {
    /// Bytes of scratch that one worker takes to read a window of this size.
    fn scratch_bytes(&self, source: &dyn Source, window: Size) -> usize;

    /// As [`Source::read`], from the source that is changed.
    fn read(&self, source: &dyn Source, output: &mut TileMut<'_>, scratch: &mut Frame<'_>) -> Result<()>;

    /// As [`Source::reads_straight`].
    fn reads_straight(&self, _source: &dyn Source, _width: usize) -> bool {
        false
    }
}

/// A source with a change.
pub(crate) struct Changed<C> {
    source: Box<dyn Source>,
    info: RasterInfo,
    change: C,
}

impl<C: Change> Changed<C> {
    /// `source` with a change that makes `info` of it.
    pub(crate) fn new(source: Box<dyn Source>, info: RasterInfo, change: C) -> Self {
        Changed { source, info, change }
    }
}

impl<C: Change> Source for Changed<C> {
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
        self.change.scratch_bytes(self.source.as_ref(), window)
    }

    fn mapped_bytes(&self, window: Size) -> usize {
        self.source.mapped_bytes(window)
    }

    fn read(&self, output: &mut TileMut<'_>, scratch: &mut Frame<'_>) -> Result<()> {
        self.change.read(self.source.as_ref(), output, scratch)
    }

    fn reads_straight(&self, width: usize) -> bool {
        self.change.reads_straight(self.source.as_ref(), width)
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
