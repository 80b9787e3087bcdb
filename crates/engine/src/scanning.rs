//! A scan between a chain and its output: tiles as wide as the raster, each of which waits for what the one above carries
//! on, and no longer.

use std::time::Instant;

use swathe_core::{
    Error, Footprint, Frame, Order, Position, RasterInfo, Result, Scan, ScratchSize, Sink, Size, TileBuffer,
    TileKind, TileMut, TileView, Turns, Window,
};

use crate::between::Step;

/// A scan on the way to an output.
pub(crate) struct Scanning {
    scan: Box<dyn Scan>,
    /// The last row of the tile before, finished.
    rows: Turns<Option<TileBuffer>>,
}

/// Bytes as the words that a tile is laid over.
fn words(bytes: usize) -> usize {
    bytes.div_ceil(size_of::<u64>())
}

/// Puts a row that is carried on into bytes, before what the sink inside carries on: its length, samples, and mask.
fn pack(row: &TileView<'_>, carry: &mut Vec<u8>) {
    let rows = || (0..row.bands()).map(|band| row.row_bytes(band, 0)).chain(row.mask_row(0));
    carry.extend(rows().map(|bytes| bytes.len() as u64).sum::<u64>().to_le_bytes());
    rows().for_each(|bytes| carry.extend_from_slice(bytes));
}

/// What the sink inside carries on, and the row that [`pack`] put before it; there is none where nothing is done yet or
/// carried on.
fn unpack(scan: &dyn Scan, carry: &[u8]) -> Result<(Vec<u8>, Option<TileBuffer>)> {
    if carry.is_empty() || scan.order() == Order::Independent {
        return Ok((carry.to_vec(), None));
    }
    let wrong = || Error::damaged("a journal does not say what is carried from row to row");
    let (length, rest) = carry.split_first_chunk().ok_or_else(wrong)?;
    let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| wrong())?;
    let (mut bytes, inner) = rest.split_at_checked(length).ok_or_else(wrong)?;
    let info = scan.output();
    let mut row = TileBuffer::new(Window::new(0, 0, info.size.width, 1), info.kind());
    let mut tile = row.view_mut();
    for band in 0..tile.bands() {
        let samples = tile.row_bytes_mut(band, 0);
        let (these, left) = bytes.split_at_checked(samples.len()).ok_or_else(wrong)?;
        samples.copy_from_slice(these);
        bytes = left;
    }
    if let Some(mask) = tile.mask_row_mut(0) {
        mask.copy_from_slice(bytes.get(..mask.len()).ok_or_else(wrong)?);
    }
    Ok((inner.to_vec(), Some(row)))
}

impl Scanning {
    pub(crate) fn new(scan: Box<dyn Scan>) -> Self {
        Scanning { scan, rows: Turns::new(0, None) }
    }

    fn kind(&self) -> TileKind {
        self.scan.output().kind()
    }

    /// Computes the tile whole while it is its turn.
    fn in_turn(
        &self,
        sequence: u64,
        input: &TileView<'_>,
        output: &mut TileMut<'_>,
        footprint: &mut Footprint,
    ) -> Result<()> {
        let mut turn = self.rows.wait_for(sequence, footprint)?;
        let above = turn.take();
        let row = above.as_ref().map(TileBuffer::view);
        self.scan.complete(row.as_ref(), input, output)?;
        let row = self.last_row(above, &output.view());
        footprint.set_carry(|carry| pack(&row.view(), carry));
        *turn = Some(row);
        turn.pass_on();
        Ok(())
    }

    /// Computes only what is carried on while it is the tile's turn, and the rest beside the others.
    fn beside(
        &self,
        sequence: u64,
        input: &TileView<'_>,
        output: &mut TileMut<'_>,
        memory: &mut [u64],
        footprint: &mut Footprint,
    ) -> Result<()> {
        let mut turn = self.rows.wait_for(sequence, footprint)?;
        let row = match turn.take() {
            None => {
                *turn = Some(self.last_row(None, &output.view()));
                None
            }
            Some(mut row) => {
                let mut above = TileMut::over(memory, row.window(), row.kind());
                above.copy_from(&row.view());
                self.scan.carry(&output.view(), &mut row.view_mut())?;
                *turn = Some(row);
                Some(above)
            }
        };
        if let Some(row) = &*turn {
            footprint.set_carry(|carry| pack(&row.view(), carry));
        }
        turn.pass_on();
        let row = row.as_ref().map(TileMut::view);
        self.scan.complete(row.as_ref(), input, output)
    }

    /// The last row of a tile, in the memory of another where there is one.
    fn last_row(&self, memory: Option<TileBuffer>, output: &TileView<'_>) -> TileBuffer {
        let Window { x, y, width, height } = output.window();
        let row = Window::new(0, 0, width, 1);
        let mut kept = memory.unwrap_or_else(|| TileBuffer::new(row, output.kind()));
        let last = output.crop(Window::new(x, y + height as i64 - 1, width, 1));
        kept.view_mut().copy_from(&last);
        kept
    }
}

impl Step for Scanning {
    fn output(&self) -> &RasterInfo {
        self.scan.output()
    }

    fn resident_bytes(&self, workers: usize) -> usize {
        let row = Window::new(0, 0, self.scan.output().size.width, 1);
        // The row that is carried on, and in each worker's hands as bytes on its way into the journal.
        self.kind().bytes(row).saturating_mul(1 + 2 * workers)
    }

    fn scratch_bytes(&self, tile: Size) -> usize {
        let row = self.kind().bytes(Window::new(0, 0, tile.width, 1));
        ScratchSize::new()
            .with::<u64>(words(self.kind().bytes(Window::whole(tile))))
            .with::<u64>(words(row))
            .bytes()
    }

    fn is_resumable(&self) -> bool {
        true
    }

    fn begin(&mut self, position: &Position) -> Result<Vec<u8>> {
        let (inner, row) = unpack(self.scan.as_ref(), &position.carry)?;
        self.rows = Turns::new(position.tiles, row);
        Ok(inner)
    }

    fn write(
        &self,
        sequence: u64,
        tile: &TileView<'_>,
        scratch: &mut Frame<'_>,
        footprint: &mut Footprint,
        sink: &dyn Sink,
    ) -> Result<()> {
        let (window, kind) = (tile.window(), self.kind());
        let mut output = TileMut::over(scratch.take(words(kind.bytes(window))), window, kind);
        let row = scratch.take(words(kind.bytes(Window::new(0, 0, window.width, 1))));
        let begun = Instant::now();
        self.scan.begin(tile, &mut output)?;
        match self.scan.order() {
            Order::Independent => self.scan.complete(None, tile, &mut output)?,
            Order::LastRow => self.beside(sequence, tile, &mut output, row, footprint)?,
            Order::Whole => self.in_turn(sequence, tile, &mut output, footprint)?,
        }
        footprint.add_computing(begun.elapsed().saturating_sub(footprint.waiting()));
        sink.write(sequence, &output.view(), scratch, footprint)
    }

    fn cancel(&self) {
        self.rows.cancel();
    }
}
