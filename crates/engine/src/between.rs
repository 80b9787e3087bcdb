//! What stands between a chain and its output: it is handed tiles as wide as the raster, in their order from the top, and
//! hands others on.

use swathe_core::{
    Destination, Disk, Footprint, Frame, Journal, Position, RasterInfo, Result, Sink, Size, TileView,
};

/// Something that is done with tiles on their way to an output.
pub(crate) trait Step: Send + Sync + 'static {
    /// What it makes.
    fn output(&self) -> &RasterInfo;

    /// Bytes that it holds for the whole run.
    fn resident_bytes(&self, workers: usize) -> usize;

    /// Bytes of scratch that one worker takes for a tile, without what the output takes.
    fn scratch_bytes(&self, tile: Size) -> usize;

    /// Whether a run can go on with what another left.
    fn is_resumable(&self) -> bool {
        false
    }

    /// Is told that the tile at `position` comes next, and returns what the output behind it carries on.
    fn begin(&mut self, position: &Position) -> Result<Vec<u8>>;

    /// Takes a tile and writes what becomes of it.
    fn write(
        &self,
        sequence: u64,
        tile: &TileView<'_>,
        scratch: &mut Frame<'_>,
        footprint: &mut Footprint,
        sink: &dyn Sink,
    ) -> Result<()>;

    /// Wakes all who wait for their turn.
    fn cancel(&self);

    /// What was learned on the way, by name.
    fn found(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }

    /// Whether it has to see tiles again that are in the output already; those it does not hand on.
    fn retraces(&self) -> bool {
        false
    }

    /// Is told that every tile was written, before the output is completed; `flush` says whether that will be flushed.
    fn complete(&self, _flush: bool) -> Result<()> {
        Ok(())
    }

    /// Is told that the output could not be completed after all.
    fn withdraw(&self) {}
}

/// A destination behind a step.
pub(crate) struct Between<S> {
    pub(crate) step: S,
    pub(crate) destination: Box<dyn Destination>,
}

impl<S: Step> Destination for Between<S> {
    fn name(&self) -> &str {
        self.destination.name()
    }

    fn block(&self) -> Size {
        self.destination.block()
    }

    fn whole_blocks(&self) -> bool {
        self.destination.whole_blocks()
    }

    fn full_width(&self) -> bool {
        true
    }

    fn rows_of_blocks(&self) -> bool {
        self.destination.rows_of_blocks()
    }

    fn output(&self) -> Option<&RasterInfo> {
        Some(self.step.output())
    }

    fn file_bytes(&self) -> u64 {
        self.destination.file_bytes()
    }

    fn may_take_less(&self) -> bool {
        self.destination.may_take_less()
    }

    fn disk(&self) -> Option<Disk> {
        self.destination.disk()
    }

    fn resident_bytes(&self, workers: usize) -> usize {
        self.destination.resident_bytes(workers).saturating_add(self.step.resident_bytes(workers))
    }

    fn scratch_bytes(&self, tile: Size) -> usize {
        self.destination.scratch_bytes(tile).saturating_add(self.step.scratch_bytes(tile))
    }

    fn mapped_bytes(&self, tile: Size) -> usize {
        self.destination.mapped_bytes(tile)
    }

    fn method(&self) -> String {
        self.destination.method()
    }

    fn create(mut self: Box<Self>) -> Result<Box<dyn Sink>> {
        self.step.begin(&Position::default())?;
        let Between { step, destination } = *self;
        Ok(Box::new(Writing { step, sink: destination.create()? }))
    }

    fn is_resumable(&self) -> bool {
        self.step.is_resumable() && self.destination.is_resumable()
    }

    fn ends_with_head(&self) -> bool {
        self.destination.ends_with_head()
    }

    fn retraces(&self) -> bool {
        self.step.retraces()
    }

    fn create_kept(mut self: Box<Self>, position: &Position, head: &mut Footprint) -> Result<Box<dyn Sink>> {
        let carry = self.step.begin(position)?;
        let Between { step, destination } = *self;
        let sink = destination.create_kept(&Position { carry, ..*position }, head)?;
        Ok(Box::new(Writing { step, sink }))
    }
}

/// The output behind a step while it is written.
struct Writing<S> {
    step: S,
    sink: Box<dyn Sink>,
}

impl<S: Step> Sink for Writing<S> {
    fn write(
        &self,
        sequence: u64,
        tile: &TileView<'_>,
        scratch: &mut Frame<'_>,
        footprint: &mut Footprint,
    ) -> Result<()> {
        self.step.write(sequence, tile, scratch, footprint, self.sink.as_ref())
    }

    fn cancel(&self) {
        self.step.cancel();
        self.sink.cancel();
    }

    fn stored_bytes_written(&self) -> u64 {
        self.sink.stored_bytes_written()
    }

    fn flush(&self) -> Result<()> {
        self.sink.flush()
    }

    fn found(&self) -> Vec<(&'static str, u64)> {
        self.step.found()
    }

    fn finish(self: Box<Self>, flush: bool, journal: Option<&dyn Journal>) -> Result<u64> {
        let Writing { step, sink } = *self;
        step.complete(flush)?;
        sink.finish(flush, journal).inspect_err(|_| step.withdraw())
    }
}
