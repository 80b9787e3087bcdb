//! Sources and sinks that are not files, and that hold the engine to its side of the contract.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use swathe_core::{
    Destination, Disk, Error, Footprint, Frame, Journal, RasterInfo, Result, Sharing, Sink, Size, Source,
    TileBuffer, TileMut, TileView, Window,
};

use swathe_engine::InterimRaster;

use crate::raster::Raster;

/// A raster in memory, read as if it were a file.
#[derive(Debug)]
pub struct MemorySource {
    raster: Raster,
    block: Size,
    read: AtomicU64,
}

impl MemorySource {
    /// A source that says it is stored in blocks of `block` pixels.
    pub fn new(raster: Raster, block: Size) -> Self {
        MemorySource { raster, block, read: AtomicU64::new(0) }
    }
}

impl Source for MemorySource {
    fn info(&self) -> &RasterInfo {
        &self.raster.info
    }

    fn name(&self) -> &str {
        "memory"
    }

    fn block(&self) -> Size {
        self.block
    }

    fn resident_bytes(&self) -> usize {
        0
    }

    fn scratch_bytes(&self, _window: Size) -> usize {
        0
    }

    fn mapped_bytes(&self, _window: Size) -> usize {
        0
    }

    fn read(&self, output: &mut TileMut<'_>, _scratch: &mut Frame<'_>) -> Result<()> {
        let window = output.window();
        if window.is_empty() || !self.raster.info.window().contains(window) {
            return Err(Error::bug(format!(
                "window {window} of a raster of {} was read",
                self.raster.info.size
            )));
        }
        if output.kind() != self.raster.info.kind() {
            return Err(Error::bug(format!("{:?} was read as {:?}", self.raster.info.kind(), output.kind())));
        }
        output.copy_from(&self.raster.pixels.view().crop(window));
        self.read.fetch_add(self.stored_bytes(window), Ordering::Relaxed);
        Ok(())
    }

    fn check_unchanged(&self) -> Result<()> {
        Ok(())
    }

    fn method(&self) -> String {
        "memory".into()
    }

    fn stored_bytes_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    fn stored_bytes(&self, window: Window) -> u64 {
        let kind = self.raster.info.kind();
        (window.size().pixels() * kind.bands * kind.sample_type.size()) as u64
    }
}

/// What tiles a destination in memory takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryShape {
    /// The blocks it says it stores.
    pub block: Size,
    /// Whether tiles must be whole blocks.
    pub whole_blocks: bool,
    /// Whether tiles must be as wide as the raster.
    pub full_width: bool,
    /// Whether tiles are written in the order in which they were handed out, as files of compressed blocks are.
    pub in_order: bool,
}

impl MemoryShape {
    /// Any tile in any order.
    pub const ANY: MemoryShape =
        MemoryShape { block: Size::new(256, 256), whole_blocks: false, full_width: false, in_order: false };
    /// Blocks of 16 x 16, whole, in order.
    pub const BLOCKS: MemoryShape =
        MemoryShape { block: Size::new(16, 16), whole_blocks: true, full_width: false, in_order: true };
    /// Whole rows, in order.
    pub const ROWS: MemoryShape = MemoryShape {
        block: Size::new(usize::MAX, 1),
        whole_blocks: false,
        full_width: true,
        in_order: true,
    };
}

/// Holds what was written once the sink is finished.
#[derive(Clone, Debug, Default)]
pub struct MemoryResult(Arc<Mutex<Option<Raster>>>);

impl MemoryResult {
    /// Takes the raster; `None` where no sink was finished.
    pub fn take(&self) -> Option<Raster> {
        lock(&self.0).take()
    }
}

/// What is between two sweeps: whole blocks, in any order.
const STORED: MemoryShape =
    MemoryShape { block: Size::new(32, 1), whole_blocks: true, full_width: false, in_order: false };

/// A raster in memory between two sweeps.
pub(crate) fn interim(info: &RasterInfo) -> InterimRaster {
    let (destination, written) = MemoryDestination::new(info.clone(), STORED);
    let destination = MemoryDestination { in_part: true, ..destination };
    let source = BetweenSource { info: info.clone(), written, raster: OnceLock::new() };
    InterimRaster { destination: Box::new(destination), source: Arc::new(source) }
}

/// What the sweep before has written.
#[derive(Debug)]
struct BetweenSource {
    info: RasterInfo,
    written: MemoryResult,
    raster: OnceLock<MemorySource>,
}

impl Source for BetweenSource {
    fn info(&self) -> &RasterInfo {
        &self.info
    }

    fn name(&self) -> &str {
        "memory between"
    }

    fn block(&self) -> Size {
        STORED.block
    }

    fn resident_bytes(&self) -> usize {
        0
    }

    fn scratch_bytes(&self, _window: Size) -> usize {
        0
    }

    fn mapped_bytes(&self, _window: Size) -> usize {
        0
    }

    fn read(&self, output: &mut TileMut<'_>, scratch: &mut Frame<'_>) -> Result<()> {
        let raster = || self.written.take().expect("the sweep before is finished");
        self.raster.get_or_init(|| MemorySource::new(raster(), self.block())).read(output, scratch)
    }

    fn check_unchanged(&self) -> Result<()> {
        Ok(())
    }

    fn method(&self) -> String {
        "memory".into()
    }

    fn stored_bytes_read(&self) -> u64 {
        self.raster.get().map_or(0, MemorySource::stored_bytes_read)
    }

    fn stored_bytes(&self, window: Window) -> u64 {
        let kind = self.info.kind();
        (window.size().pixels() * kind.bands * kind.sample_type.size()) as u64
    }
}

/// A raster in memory that is to be written.
#[derive(Debug)]
pub struct MemoryDestination {
    info: RasterInfo,
    shape: MemoryShape,
    /// Whether tiles that nobody reads may be left out; they hold what no test expects.
    in_part: bool,
    result: MemoryResult,
}

impl MemoryDestination {
    /// A destination, and where its raster will be found.
    pub fn new(info: RasterInfo, shape: MemoryShape) -> (Self, MemoryResult) {
        let result = MemoryResult::default();
        let block = Size::new(shape.block.width.min(info.size.width), shape.block.height);
        let shape = MemoryShape { block, ..shape };
        (MemoryDestination { info, shape, in_part: false, result: result.clone() }, result)
    }
}

impl Destination for MemoryDestination {
    fn name(&self) -> &str {
        "memory"
    }

    fn block(&self) -> Size {
        self.shape.block
    }

    fn whole_blocks(&self) -> bool {
        self.shape.whole_blocks
    }

    fn full_width(&self) -> bool {
        self.shape.full_width
    }

    fn file_bytes(&self) -> u64 {
        self.info.pixel_bytes().unwrap_or(u64::MAX)
    }

    fn disk(&self) -> Option<Disk> {
        None
    }

    fn sharing(&self) -> Option<Sharing> {
        Some(Sharing::OneFile)
    }

    fn resident_bytes(&self, _workers: usize) -> usize {
        0
    }

    fn scratch_bytes(&self, _tile: Size) -> usize {
        0
    }

    fn mapped_bytes(&self, _tile: Size) -> usize {
        0
    }

    fn method(&self) -> String {
        "memory".into()
    }

    fn create(self: Box<Self>) -> Result<Box<dyn Sink>> {
        let mut pixels = TileBuffer::new(self.info.window(), self.info.kind());
        let mut tile = pixels.view_mut();
        let rows = (0..self.info.bands).flat_map(|band| (0..self.info.size.height).map(move |y| (band, y)));
        rows.for_each(|(band, y)| tile.row_bytes_mut(band, y).fill(0xA5));
        let written = Written {
            pixels,
            times: vec![0; self.info.size.pixels()],
            next: 0,
            sequences: Vec::new(),
            cancelled: false,
        };
        Ok(Box::new(MemorySink { plan: *self, written: Mutex::new(written), turn: Condvar::new() }))
    }
}

/// A raster in memory being written. Every tile is checked against what the destination asked for.
#[derive(Debug)]
struct MemorySink {
    plan: MemoryDestination,
    written: Mutex<Written>,
    turn: Condvar,
}

#[derive(Debug)]
struct Written {
    pixels: TileBuffer,
    /// How often each pixel was written.
    times: Vec<u8>,
    /// The sequence number whose turn it is.
    next: u64,
    sequences: Vec<u64>,
    cancelled: bool,
}

impl MemorySink {
    fn check(&self, window: Window) -> Result<()> {
        let (size, shape) = (self.plan.info.size, self.plan.shape);
        let wrong = |why: &str| Err(Error::bug(format!("tile {window} of a raster of {size} {why}")));
        if window.is_empty() || !Window::whole(size).contains(window) {
            return wrong("is not inside it");
        }
        if shape.full_width && window.width != size.width {
            return wrong("is not as wide as the raster");
        }
        let on = |start: i64, end: i64, block: usize, length: usize| {
            (start as usize).is_multiple_of(block)
                && ((end as usize).is_multiple_of(block) || end as usize == length)
        };
        let block = shape.block;
        if shape.whole_blocks
            && !(on(window.x, window.x_end(), block.width, size.width)
                && on(window.y, window.y_end(), block.height, size.height))
        {
            return wrong("is not made of whole blocks");
        }
        Ok(())
    }
}

impl Sink for MemorySink {
    fn write(
        &self,
        sequence: u64,
        tile: &TileView<'_>,
        _scratch: &mut Frame<'_>,
        _footprint: &mut Footprint,
    ) -> Result<()> {
        let window = tile.window();
        self.check(window)?;
        if tile.kind() != self.plan.info.kind() {
            return Err(Error::bug(format!("{:?} was written as {:?}", self.plan.info.kind(), tile.kind())));
        }
        let mut written = lock(&self.written);
        while self.plan.shape.in_order && written.next != sequence && !written.cancelled {
            written = self.turn.wait(written).unwrap_or_else(PoisonError::into_inner);
        }
        if written.cancelled {
            return Err(Error::interrupted("the run was stopped"));
        }
        written.next += 1;
        written.sequences.push(sequence);
        written.pixels.view_mut().part(window, window).copy_from(tile);
        let width = self.plan.info.size.width;
        for y in window.y as usize..window.y_end() as usize {
            for times in &mut written.times[y * width..][window.x as usize..window.x_end() as usize] {
                *times = times.saturating_add(1);
            }
        }
        self.turn.notify_all();
        Ok(())
    }

    fn cancel(&self) {
        lock(&self.written).cancelled = true;
        self.turn.notify_all();
    }

    fn stored_bytes_written(&self) -> u64 {
        let pixels = lock(&self.written).times.iter().filter(|&&times| times > 0).count();
        let kind = self.plan.info.kind();
        (pixels * kind.bands * kind.sample_type.size()) as u64
    }

    fn leave(mut self: Box<Self>, flush: bool) -> Result<u64> {
        self.plan.in_part = true;
        self.finish(flush, None)
    }

    fn finish(self: Box<Self>, _flush: bool, _journal: Option<&dyn Journal>) -> Result<u64> {
        let mut written = self.written.into_inner().unwrap_or_else(PoisonError::into_inner);
        let in_part = self.plan.in_part;
        if let Some(at) = written.times.iter().position(|&times| times > 1 || times == 0 && !in_part) {
            let width = self.plan.info.size.width;
            return Err(Error::bug(format!(
                "pixel {},{} was written {} times",
                at % width,
                at / width,
                written.times[at]
            )));
        }
        written.sequences.sort_unstable();
        let first = if in_part { written.sequences.first().copied().unwrap_or(0) } else { 0 };
        if !written.sequences.iter().copied().eq(first..first + written.sequences.len() as u64) {
            return Err(Error::bug(format!("tiles are numbered {:?}", written.sequences)));
        }
        let bytes = self.plan.file_bytes();
        *lock(&self.plan.result.0) = Some(Raster::new(self.plan.info, written.pixels));
        Ok(bytes)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use swathe_core::Scratch;

    fn tile(window: Window) -> TileBuffer {
        let info = RasterInfo::new(Size::new(40, 20), 1, swathe_core::SampleType::U8);
        let mut buffer = TileBuffer::new(window, info.kind());
        for y in 0..window.height {
            buffer.view_mut().row_mut::<u8>(0, y).fill(window.x as u8 + 1);
        }
        buffer
    }

    fn sink(shape: MemoryShape) -> (Box<dyn Sink>, MemoryResult) {
        let info = RasterInfo::new(Size::new(40, 20), 1, swathe_core::SampleType::U8);
        let (destination, result) = MemoryDestination::new(info, shape);
        (Box::new(destination).create().unwrap(), result)
    }

    fn write(sink: &dyn Sink, sequence: u64, window: Window) -> Result<()> {
        sink.write(sequence, &tile(window).view(), &mut Scratch::default().frame(), &mut Footprint::default())
    }

    #[test]
    fn what_was_written_can_be_taken() {
        let (sink, result) = sink(MemoryShape::BLOCKS);
        write(sink.as_ref(), 0, Window::new(0, 0, 32, 20)).unwrap();
        write(sink.as_ref(), 1, Window::new(32, 0, 8, 20)).unwrap();
        assert!(result.take().is_none());
        assert_eq!(sink.finish(true, None).unwrap(), 800);
        let raster = result.take().unwrap();
        assert_eq!(raster.rows::<u8>(0)[19][31..33], [1, 33]);
    }

    #[test]
    fn tiles_that_break_the_contract_are_told() {
        let refused = |shape, window| write(sink(shape).0.as_ref(), 0, window).is_err();
        assert!(refused(MemoryShape::BLOCKS, Window::new(0, 0, 30, 20)));
        assert!(refused(MemoryShape::ROWS, Window::new(0, 0, 39, 20)));
        assert!(refused(MemoryShape::ANY, Window::new(30, 0, 11, 20)));
        let (twice, _) = sink(MemoryShape::ANY);
        write(twice.as_ref(), 0, Window::new(0, 0, 40, 20)).unwrap();
        write(twice.as_ref(), 1, Window::new(3, 4, 1, 1)).unwrap();
        assert!(twice.finish(true, None).unwrap_err().to_string().contains("3,4 was written 2 times"));
        let (short, _) = sink(MemoryShape::ANY);
        write(short.as_ref(), 0, Window::new(0, 0, 40, 19)).unwrap();
        assert!(short.finish(true, None).unwrap_err().to_string().contains("0,19 was written 0 times"));
    }
}
