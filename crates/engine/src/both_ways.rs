//! Two sweeps between a chain and its output: from the bottom to the top, which leaves a note for each tile about all that is
//! below it, and from the top to the bottom, which writes.

use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use swathe_core::{
    Beside, BothWays, Destination, Disk, Error, Footprint, Frame, Journal, Position, RasterInfo, Result,
    SampleType, ScratchSize, Sink, Size, Source, TileMut, TileView, Turns, Window,
};

use crate::between::Step;

/// A raster on disk that one sweep writes and the next reads.
pub struct InterimRaster {
    /// To write it.
    pub destination: Box<dyn Destination>,
    /// To read it, once it is written.
    pub source: Arc<dyn Source>,
}

/// Thinks out an interim raster of which these rows are written and read; nothing is made before its destination is created.
pub type MakeInterim = Box<dyn Fn(RasterInfo, Range<usize>) -> Result<InterimRaster> + Send + Sync>;

/// What every tile has to know of everything below it, on disk.
pub(crate) struct Notes {
    make: MakeInterim,
    length: usize,
    scratch_bytes: usize,
    /// Once the tiles are chosen.
    kept: OnceLock<Kept>,
}

struct Kept {
    tile_height: usize,
    bytes: u64,
    destination: Mutex<Option<Box<dyn Destination>>>,
    source: Arc<dyn Source>,
}

impl Notes {
    fn info(length: usize, tiles: usize) -> RasterInfo {
        RasterInfo::new(Size::new(length, tiles), 1, SampleType::U32)
    }

    pub(crate) fn new(both: &dyn BothWays, make: MakeInterim) -> Result<Self> {
        let length = both.note_length();
        // What moving a note takes does not depend on how many there are.
        let InterimRaster { destination, source } = make(Notes::info(length, 1), 0..1)?;
        let note = Size::new(length, 1);
        let scratch_bytes = destination.scratch_bytes(note).max(source.scratch_bytes(note));
        Ok(Notes { make, length, scratch_bytes, kept: OnceLock::new() })
    }

    /// Says how high tiles are, and how many.
    pub(crate) fn plan(&self, tile_height: usize, tiles: usize) -> Result<u64> {
        let info = Notes::info(self.length, tiles);
        let bytes = info.pixel_bytes()?;
        let InterimRaster { destination, source } = (self.make)(info, 0..tiles)?;
        let destination = Mutex::new(Some(destination));
        if self.kept.set(Kept { tile_height, bytes, destination, source }).is_err() {
            return Err(Error::bug("the notes of a sweep were planned twice"));
        }
        Ok(bytes)
    }

    fn kept(&self) -> Result<&Kept> {
        self.kept.get().ok_or_else(|| Error::bug("the notes of a sweep were not planned"))
    }

    /// Makes the file and reserves its bytes.
    fn create(&self) -> Result<Box<dyn Sink>> {
        let kept = self.kept()?;
        let destination = kept.destination.lock().unwrap_or_else(PoisonError::into_inner).take();
        let destination = destination.ok_or_else(|| Error::bug("the notes of a sweep were begun twice"))?;
        match destination.disk().map(|disk| disk.free_bytes) {
            Some(free) if free < kept.bytes => Err(Error::limit(format!(
                "{} needs {} MiB in the scratch folder, and {} MiB are free there; `--scratch DIR` names another",
                destination.name(),
                kept.bytes.div_ceil(1 << 20),
                free >> 20
            ))),
            _ => destination.create(),
        }
    }

    /// The note of a tile, as a row of the raster on disk.
    fn row(&self, tile: Window) -> Result<Window> {
        Ok(Window::new(0, tile.y / self.kept()?.tile_height as i64, self.length, 1))
    }

    fn row_words(&self) -> usize {
        let row = Window::new(0, 0, self.length, 1);
        Notes::info(self.length, 1).kind().bytes(row).div_ceil(size_of::<u64>())
    }

    fn row_over<'a>(&self, memory: &'a mut [u64], window: Window) -> TileMut<'a> {
        TileMut::over(memory, window, Notes::info(self.length, 1).kind())
    }
}

/// Scratch of one worker, in either sweep, apart from what the second writes.
fn scratch(both: &dyn BothWays, notes: &Notes, tile: Size) -> ScratchSize {
    ScratchSize::new()
        .with::<u64>(both.work_words(tile))
        .with::<u64>(notes.row_words())
        .with::<u8>(notes.scratch_bytes)
}

fn start(both: &dyn BothWays) -> Vec<u64> {
    let mut handed = vec![0; both.handed_words()];
    both.start(&mut handed);
    handed
}

/// The first sweep, in the place of an output.
pub(crate) struct Upward {
    pub(crate) both: Arc<dyn BothWays>,
    pub(crate) notes: Arc<Notes>,
    /// Blocks of the output, which the tiles follow.
    pub(crate) block: Size,
}

impl Destination for Upward {
    fn name(&self) -> &str {
        "notes"
    }

    fn block(&self) -> Size {
        self.block
    }

    fn whole_blocks(&self) -> bool {
        false
    }

    fn full_width(&self) -> bool {
        true
    }

    fn upward(&self) -> bool {
        true
    }

    fn file_bytes(&self) -> u64 {
        0
    }

    fn disk(&self) -> Option<Disk> {
        None
    }

    fn resident_bytes(&self, _workers: usize) -> usize {
        self.both.handed_words().saturating_mul(size_of::<u64>())
    }

    fn scratch_bytes(&self, tile: Size) -> usize {
        scratch(self.both.as_ref(), &self.notes, tile).bytes()
    }

    fn mapped_bytes(&self, _tile: Size) -> usize {
        0
    }

    fn method(&self) -> String {
        "pwrite of a scratch file".into()
    }

    fn create(self: Box<Self>) -> Result<Box<dyn Sink>> {
        let (sink, handed) = (self.notes.create()?, start(self.both.as_ref()));
        Ok(Box::new(Looking { both: self.both, notes: self.notes, sink, handed: Turns::new(0, handed) }))
    }
}

struct Looking {
    both: Arc<dyn BothWays>,
    notes: Arc<Notes>,
    sink: Box<dyn Sink>,
    handed: Turns<Vec<u64>>,
}

impl Sink for Looking {
    fn write(
        &self,
        sequence: u64,
        tile: &TileView<'_>,
        scratch: &mut Frame<'_>,
        footprint: &mut Footprint,
    ) -> Result<()> {
        let begun = Instant::now();
        let work = scratch.take(self.both.work_words(tile.window().size()));
        let memory = scratch.take(self.notes.row_words());
        let mut note = self.notes.row_over(memory, self.notes.row(tile.window())?);
        self.both.look(tile, work)?;
        let mut turn = self.handed.wait_for(sequence, footprint)?;
        self.both.hand_up(tile, work, &mut turn, note.row_mut(0, 0))?;
        turn.pass_on();
        footprint.add_computing(begun.elapsed().saturating_sub(footprint.waiting()));
        self.sink.write(sequence, &note.view(), scratch, footprint)
    }

    fn cancel(&self) {
        self.handed.cancel();
        self.sink.cancel();
    }

    fn stored_bytes_written(&self) -> u64 {
        self.sink.stored_bytes_written()
    }

    fn finish(self: Box<Self>, _flush: bool, journal: Option<&dyn Journal>) -> Result<u64> {
        self.sink.finish(false, journal)
    }
}

/// The second sweep, on the way to an output.
pub(crate) struct Downward {
    both: Arc<dyn BothWays>,
    notes: Arc<Notes>,
    handed: Turns<Vec<u64>>,
    /// What is written beside the output, and the bytes that it holds.
    beside: Option<(Turns<Box<dyn Beside>>, usize)>,
    /// Tiles that are in the output already.
    stored: u64,
}

impl Downward {
    pub(crate) fn new(both: Arc<dyn BothWays>, notes: Arc<Notes>, beside: Option<Box<dyn Beside>>) -> Self {
        let beside = beside.map(|beside| {
            let bytes = beside.resident_bytes();
            (Turns::new(0, beside), bytes)
        });
        Downward { both, notes, handed: Turns::new(0, Vec::new()), beside, stored: 0 }
    }

    fn output_words(&self, tile: Size) -> usize {
        self.both.output().kind().bytes(Window::whole(tile)).div_ceil(size_of::<u64>())
    }

    fn with_beside<R>(&self, what: impl FnOnce(&mut dyn Beside) -> R) -> Option<R> {
        self.beside.as_ref().map(|(beside, _)| beside.carried(|beside| what(beside.as_mut())))
    }
}

/// Puts what is handed on into bytes, before what the sink inside carries on.
fn pack(handed: &[u64], carry: &mut Vec<u8>) {
    carry.extend(handed.iter().flat_map(|word| word.to_le_bytes()));
}

/// Fills what is handed on from what [`pack`] made; returns what the sink inside carries on.
fn unpack<'a>(carry: &'a [u8], handed: &mut [u64]) -> Result<&'a [u8]> {
    let split = carry.split_at_checked(size_of_val(handed));
    let (words, inner) =
        split.ok_or_else(|| Error::damaged("a journal does not say what is handed from tile to tile"))?;
    for (word, bytes) in handed.iter_mut().zip(words.as_chunks().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    Ok(inner)
}

impl Step for Downward {
    fn output(&self) -> &RasterInfo {
        self.both.output()
    }

    fn resident_bytes(&self, workers: usize) -> usize {
        let handed = self.both.handed_words().saturating_mul(size_of::<u64>());
        // What is handed on, and in each worker's hands as bytes on its way into the journal.
        let beside = self.beside.as_ref().map_or(0, |(_, bytes)| *bytes);
        handed.saturating_mul(1 + 2 * workers).saturating_add(beside)
    }

    fn scratch_bytes(&self, tile: Size) -> usize {
        scratch(self.both.as_ref(), &self.notes, tile).with::<u64>(self.output_words(tile)).bytes()
    }

    fn is_resumable(&self) -> bool {
        true
    }

    fn begin(&mut self, position: &Position) -> Result<Vec<u8>> {
        let mut handed = start(self.both.as_ref());
        let inner = if position.tiles == 0 { &[] } else { unpack(&position.carry, &mut handed)? };
        let inner = inner.to_vec();
        self.stored = position.tiles;
        self.handed = match self.with_beside(|beside| beside.begin()).transpose()? {
            None => Turns::new(position.tiles, handed),
            // What is beside the output has to see all of it.
            Some(()) => Turns::new(0, start(self.both.as_ref())),
        };
        Ok(inner)
    }

    fn retraces(&self) -> bool {
        self.beside.is_some()
    }

    fn write(
        &self,
        sequence: u64,
        tile: &TileView<'_>,
        scratch: &mut Frame<'_>,
        footprint: &mut Footprint,
        sink: &dyn Sink,
    ) -> Result<()> {
        let begun = Instant::now();
        let (window, kind) = (tile.window(), self.both.output().kind());
        let work = scratch.take(self.both.work_words(window.size()));
        let memory = scratch.take(self.notes.row_words());
        let mut note = self.notes.row_over(memory, self.notes.row(window)?);
        let mut output = TileMut::over(scratch.take(self.output_words(window.size())), window, kind);
        self.notes.kept()?.source.read(&mut note, &mut scratch.inner())?;
        let note = note.view();
        let note = note.row::<u32>(0, 0);
        self.both.begin(note, tile, &mut output, work)?;
        let mut turn = self.handed.wait_for(sequence, footprint)?;
        self.both.hand_down(tile, &output.view(), work, &mut turn)?;
        footprint.set_carry(|carry| pack(&turn, carry));
        turn.pass_on();
        self.both.complete(note, tile, &mut output, work)?;
        if let Some((beside, _)) = &self.beside {
            let mut turn = beside.wait_for(sequence, footprint)?;
            turn.add(tile, &output.view())?;
            turn.pass_on();
        }
        footprint.add_computing(begun.elapsed().saturating_sub(footprint.waiting()));
        if sequence < self.stored { Ok(()) } else { sink.write(sequence, &output.view(), scratch, footprint) }
    }

    fn cancel(&self) {
        self.handed.cancel();
        if let Some((beside, _)) = &self.beside {
            beside.cancel();
        }
    }

    fn complete(&self, flush: bool) -> Result<()> {
        self.with_beside(|beside| beside.complete().and_then(|()| beside.publish(flush))).unwrap_or(Ok(()))
    }

    fn withdraw(&self) {
        self.with_beside(|beside| beside.withdraw());
    }

    fn found(&self) -> Vec<(&'static str, u64)> {
        self.handed.carried(|handed| self.both.found(handed))
    }
}
