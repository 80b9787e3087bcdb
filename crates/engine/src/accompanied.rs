//! A file that is made beside an output, of the same tiles.

use swathe_core::{
    Beside, Error, Footprint, Frame, Position, RasterInfo, Result, Sink, Size, TileView, Turns,
};

use crate::between::Step;

/// Shows tiles to what is written beside an output, one after the other, and hands them on as they are.
pub(crate) struct Accompanied {
    output: RasterInfo,
    resident_bytes: usize,
    beside: Turns<Box<dyn Beside>>,
}

impl Accompanied {
    pub(crate) fn new(output: RasterInfo, beside: Box<dyn Beside>) -> Self {
        let resident_bytes = beside.resident_bytes();
        Accompanied { output, resident_bytes, beside: Turns::new(0, beside) }
    }
}

impl Step for Accompanied {
    fn output(&self) -> &RasterInfo {
        &self.output
    }

    fn resident_bytes(&self, _workers: usize) -> usize {
        self.resident_bytes
    }

    fn scratch_bytes(&self, _tile: Size) -> usize {
        0
    }

    fn begin(&mut self, position: &Position) -> Result<Vec<u8>> {
        if position.tiles > 0 {
            return Err(Error::bug("what is written beside an output cannot be resumed"));
        }
        self.beside.carried(|beside| beside.begin())?;
        Ok(Vec::new())
    }

    fn write(
        &self,
        sequence: u64,
        tile: &TileView<'_>,
        scratch: &mut Frame<'_>,
        footprint: &mut Footprint,
        sink: &dyn Sink,
    ) -> Result<()> {
        let mut turn = self.beside.wait_for(sequence, footprint)?;
        turn.add(tile)?;
        turn.pass_on();
        sink.write(sequence, tile, scratch, footprint)
    }

    fn cancel(&self) {
        self.beside.cancel();
    }

    fn complete(&self) -> Result<()> {
        self.beside.carried(|beside| beside.complete())
    }

    fn publish(&self, flush: bool) -> Result<()> {
        self.beside.carried(|beside| beside.publish(flush))
    }
}
