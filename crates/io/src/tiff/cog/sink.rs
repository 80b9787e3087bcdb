//! Writes tiles of a raster and, on the way, makes its smaller copies of them.
//!
//! A tile's blocks are encoded and appended in the order of the tiles, as in any compressed TIFF, but behind a gap that can hold
//! the smaller copies. The tile is reduced level by level; a copy's block is encoded by the worker that brings its last
//! pixels, and set aside. At the end the copies' blocks are put into the gap, the smallest copy first, and what is left of the
//! gap is taken out of the file.

use swathe_core::{
    Error, Footprint, Frame, Journal, Part, Position, Result, ScratchSize, Sink, Size, TileBuffer, TileKind,
    TileMut, TileView, Window,
};

use crate::output::OutputFile;
use crate::tiff::cog::levels::Levels;
use crate::tiff::cog::rebuild::Written;
use crate::tiff::cog::reduce::Reducer;
use crate::tiff::cog::spill::Spill;
use crate::tiff::encoded::{Appender, Page, Pages};
use crate::tiff::source::mask_from_alpha;

/// What remains of the gap is a multiple of this, which file systems can take out of a file without moving what follows.
pub(crate) const GAP_UNIT: u64 = 4096;
/// Rows of a copy that are made at once at the end.
const ROWS_AT_ONCE: usize = 64;

/// What is made of tiles: pages, levels and how they follow from each other.
#[derive(Debug)]
pub(crate) struct Pyramid {
    pub(crate) pages: Pages,
    /// Whether the first page is the raster itself.
    pub(crate) whole: bool,
    pub(crate) levels: Levels,
    pub(crate) reducer: Reducer,
    pub(crate) kind: TileKind,
    /// The band that stands for the mask, where one does: a pixel holds data for the smaller copies where it does for whoever
    /// reads the file.
    pub(crate) opacity: Option<usize>,
}

impl Pyramid {
    /// The page of a level.
    fn page(&self, level: usize) -> &Page {
        &self.pages.pages[level - usize::from(!self.whole)]
    }

    /// The pages of the smaller copies.
    pub(crate) fn copies(&self) -> &[Page] {
        &self.pages.pages[usize::from(self.whole)..]
    }

    /// The page of the raster itself, where it is written.
    pub(crate) fn main(&self) -> Option<&Page> {
        self.pages.pages.first().filter(|_| self.whole)
    }

    /// The size of a tile with all that it sees around it.
    fn seen(&self, tile: Size) -> Size {
        let margin = self.levels.margin();
        Size::new(tile.width + margin.left + margin.right, tile.height + margin.top + margin.bottom)
    }

    /// Scratch that a worker takes for a tile.
    pub(crate) fn scratch_bytes(&self, tile: Size) -> usize {
        let main = self.main().map_or(0, |page| page.append_bytes(tile));
        let mut size = self.seen(tile);
        let mut bytes = match self.opacity {
            Some(_) => ScratchSize::new().with::<u64>(words(self.kind.bytes(Window::whole(size)))).bytes(),
            None => 0,
        };
        for level in 1..=self.levels.near() {
            let width = size.width;
            size = self.levels.most(level, size);
            let level_bytes =
                ScratchSize::new().with::<u64>(words(self.kind.bytes(Window::whole(size)))).bytes();
            bytes = bytes.saturating_add(level_bytes).saturating_add(self.reducer.scratch_bytes(width));
        }
        let blocks = self.copies().first().map_or(0, |page| self.block_scratch_bytes(page));
        main.max(bytes.saturating_add(blocks))
    }

    /// Scratch to encode the blocks of one place of a copy.
    fn block_scratch_bytes(&self, page: &Page) -> usize {
        let block = Window::whole(page.image.grid.layout.block);
        page.room_size()
            .with::<u64>(words(self.kind.bytes(block)))
            .with::<u8>(page.most_each())
            .with::<u64>(page.blocks_each())
            .bytes()
    }

    /// What is held while the file is completed.
    pub(crate) fn finish_bytes(&self) -> usize {
        let Some(page) = self.copies().first() else { return 0 };
        let across = page.image.grid.across().saturating_mul(8 * (page.blocks_each() + 2));
        let far = if self.levels.near() < self.levels.count() {
            let block = page.image.grid.layout.block;
            let (target, source) = self.far_sizes(block);
            let tiles = self.kind.bytes(Window::whole(target)) + self.kind.bytes(Window::whole(source));
            tiles + self.reducer.scratch_bytes(source.width) + self.block_scratch_bytes(page)
        } else {
            0
        };
        far.saturating_add(across).saturating_add(page.most_each()).saturating_add(2 << 20)
    }

    /// What is held while the smaller copies are made again of blocks that are there, before workers begin.
    pub(crate) fn rebuild_bytes(&self) -> usize {
        let Some(page) = self.main().filter(|_| !self.copies().is_empty()) else { return 0 };
        let block = page.image.grid.layout.block;
        let seen = self.kind.bytes(Window::whole(self.seen(block)));
        let lengths = page.image.grid.across().saturating_mul(8 * (page.blocks_each() + 1));
        (2 * seen)
            .saturating_add(self.scratch_bytes(block))
            .saturating_add(page.most_each())
            .saturating_add(page.block_bytes())
            .saturating_add(lengths)
    }

    /// Makes the mask of a tile what its opacity says.
    pub(super) fn mask_by_opacity(&self, tile: &mut TileMut<'_>) {
        if let Some(band) = self.opacity {
            let size = self.kind.sample_type.size();
            (0..tile.window().height).for_each(|y| mask_from_alpha(tile.row_and_mask(band, y), size));
        }
    }

    /// Whether the mask of a tile is what its opacity says.
    fn is_masked_by_opacity(&self, tile: &TileView<'_>) -> bool {
        let Some(band) = self.opacity else { return true };
        let size = self.kind.sample_type.size();
        (0..tile.window().height).all(|y| {
            let mask = tile.mask_row(y).unwrap_or_default();
            let opacity = tile.row_bytes(band, y).chunks_exact(size);
            mask.iter()
                .zip(opacity)
                .all(|(&flag, sample)| (flag != 0) == sample.iter().any(|&byte| byte != 0))
        })
    }

    /// The most pixels of a far level that are made at once, and of those that they are made from.
    fn far_sizes(&self, block: Size) -> (Size, Size) {
        let target = Size::new(block.width, block.height.min(ROWS_AT_ONCE));
        let source = (self.levels.near() + 1..=self.levels.count()).fold(target, |most, level| {
            let (from, to) = (self.levels.size(level - 1), self.levels.size(level));
            let side = |length: usize, from: usize, to: usize| (length * from.div_ceil(to) + 2).min(from);
            let source = Size::new(
                side(target.width, from.width, to.width),
                side(target.height, from.height, to.height),
            );
            Size::new(most.width.max(source.width), most.height.max(source.height))
        });
        (target, source)
    }
}

/// Bytes as the words that a tile is laid over.
fn words(bytes: usize) -> usize {
    bytes.div_ceil(size_of::<u64>())
}

/// A file with smaller copies being written.
#[derive(Debug)]
pub(crate) struct PyramidSink {
    pub(super) file: OutputFile,
    pub(super) pyramid: Pyramid,
    pub(super) spill: Option<Spill>,
    /// Where the raster's own blocks begin until the gap before them is closed.
    pub(super) main_start: u64,
    /// By how much the run before has closed the gap, as everybody but the file still thinks it open.
    closed: u64,
    pub(super) appender: Appender,
}

impl PyramidSink {
    /// Begins the file: its directories are written, which the journal is told at the end, when they have changed for the last
    /// time. Or goes on with it behind `position`, up to which `written` tells what is there: what the smaller copies have of that is
    /// made of it again.
    ///
    /// # Errors
    /// As [`OutputFile::write_at`]; Damaged, where the file is not what was said of it.
    pub(crate) fn new(
        (file, spill): (OutputFile, Option<Spill>),
        pyramid: Pyramid,
        fill: Option<Vec<u8>>,
        (main_start, position, written): (u64, &Position, Option<Written>),
    ) -> Result<Self> {
        let closed = position.moved_bytes;
        let file = file.without(main_start, closed);
        pyramid.pages.write(&file, &mut Footprint::default())?;
        let end = written.map_or(main_start, |written| written.end);
        // Where blocks lie is said when the gap is closed.
        let appender = Appender::new(position.tiles, end, fill, false);
        let sink = PyramidSink { file, pyramid, spill, main_start, closed, appender };
        if let Some(written) = written {
            sink.rebuild(written)?;
        }
        Ok(sink)
    }

    /// Makes the pixels of the smaller copies that a tile owns of the tile and what it sees around it.
    pub(super) fn reduce(
        &self,
        spill: &Spill,
        own: Window,
        tile: &TileView<'_>,
        scratch: &mut Frame<'_>,
    ) -> Result<()> {
        let (levels, kind) = (&self.pyramid.levels, self.pyramid.kind);
        let mut tile = *tile;
        if !self.pyramid.is_masked_by_opacity(&tile) {
            let memory = scratch.take::<u64>(words(kind.bytes(tile.window())));
            let mut copy = TileMut::over(memory, tile.window(), kind);
            copy.copy_from(&tile);
            self.pyramid.mask_by_opacity(&mut copy);
            tile = TileView::of(memory, tile.window(), kind);
        }
        let owned = |level: usize| levels.owned(level, own);
        // What each level must hold for itself and for the ones made from it.
        let mut needed = vec![owned(levels.near())];
        for level in (1..levels.near()).rev() {
            let below = needed.last().copied().unwrap_or(Window::whole(Size::new(0, 0)));
            let (own, below) = (owned(level), levels.source(level + 1, below));
            needed.push(if below.is_empty() {
                own
            } else if own.is_empty() {
                below
            } else {
                own.hull(below)
            });
        }
        let mut source = tile;
        for (level, window) in (1..).zip(needed.into_iter().rev()) {
            if window.is_empty() {
                break;
            }
            let memory = scratch.take::<u64>(words(kind.bytes(window)));
            let mut target = TileMut::over(memory, window, kind);
            let sizes = (levels.size(level - 1), levels.size(level));
            let mut inner = scratch.inner();
            self.pyramid.reducer.reduce(&source, sizes.0, &mut target, sizes.1, &mut inner);
            source = TileView::of(memory, window, kind);
            let own = owned(level);
            if !own.is_empty() {
                self.store(spill, level, &source.crop(own), &mut scratch.inner())?;
            }
        }
        Ok(())
    }

    /// Puts pixels of a copy where they belong; encodes the blocks that they complete.
    fn store(
        &self,
        spill: &Spill,
        level: usize,
        pixels: &TileView<'_>,
        scratch: &mut Frame<'_>,
    ) -> Result<()> {
        let (page, window) = (self.pyramid.page(level), pixels.window());
        spill.write_plain(level, Window::whole(page.size), pixels)?;
        let block = page.image.grid.layout.block;
        for row in window.y as usize / block.height..(window.y_end() as usize).div_ceil(block.height) {
            for column in window.x as usize / block.width..(window.x_end() as usize).div_ceil(block.width) {
                let whole = page.window(column, row);
                let part = pixels.crop(whole.intersect(window));
                let mut scratch = scratch.inner();
                if part.window() == whole {
                    self.encode_copy(spill, level, (column, row), &part, &mut scratch)?;
                } else if spill.add_part((level, column, row), whole, &part)? {
                    let kind = self.pyramid.kind;
                    let memory = scratch.take::<u64>(words(kind.bytes(whole)));
                    spill.take_whole((level, column, row), TileMut::over(memory, whole, kind))?;
                    let tile = TileView::of(memory, whole, kind);
                    self.encode_copy(spill, level, (column, row), &tile, &mut scratch)?;
                }
            }
        }
        Ok(())
    }

    /// Encodes the blocks of one place of a copy and sets them aside.
    fn encode_copy(
        &self,
        spill: &Spill,
        level: usize,
        (column, row): (usize, usize),
        tile: &TileView<'_>,
        scratch: &mut Frame<'_>,
    ) -> Result<()> {
        let page = self.pyramid.page(level);
        let mut room = page.room(scratch);
        let out = scratch.take::<u8>(page.most_each());
        let lengths = scratch.take::<u64>(page.blocks_each());
        let fill = self.appender.fill.as_deref();
        let used = self
            .appender
            .encoders
            .with(|encoders| page.encode((column, row), tile, fill, (encoders, &mut room), out, lengths))?;
        let number = row as u64 * page.image.grid.across() as u64 + column as u64;
        spill.add_blocks((level, number), &out[..used], lengths)
    }

    /// Makes the copies that are made of kept ones.
    fn make_far(&self, spill: &Spill) -> Result<()> {
        let levels = &self.pyramid.levels;
        if levels.near() == levels.count() {
            return Ok(());
        }
        let page = self.pyramid.page(levels.count());
        let block = page.image.grid.layout.block;
        let source_width = self.pyramid.far_sizes(block).1.width;
        let bytes = self.pyramid.reducer.scratch_bytes(source_width) + self.pyramid.block_scratch_bytes(page);
        let mut scratch = swathe_core::Scratch::with_capacity(bytes);
        let (mut source, mut target) = (TileBuffer::with_capacity(0), TileBuffer::with_capacity(0));
        for level in levels.near() + 1..=levels.count() {
            let (from, to) = (levels.size(level - 1), levels.size(level));
            for y in (0..to.height).step_by(ROWS_AT_ONCE.min(block.height)) {
                for x in (0..to.width).step_by(block.width) {
                    let window = Window::new(x as i64, y as i64, block.width, block.height.min(ROWS_AT_ONCE))
                        .intersect(Window::whole(to));
                    source.reset(levels.source(level, window), self.pyramid.kind);
                    spill.read_plain(level - 1, Window::whole(from), &mut source.view_mut())?;
                    target.reset(window, self.pyramid.kind);
                    let (source, mut made) = (source.view(), target.view_mut());
                    self.pyramid.reducer.reduce(&source, from, &mut made, to, &mut scratch.frame());
                    self.store(spill, level, &target.view(), &mut scratch.frame())?;
                }
            }
        }
        Ok(())
    }

    /// Puts the copies' blocks into the gap, the smallest copy first, from byte `place` on; returns where they end.
    fn place_copies(&self, spill: &Spill, mut place: u64) -> Result<u64> {
        let mut bytes = Vec::new();
        for level in (1..=self.pyramid.levels.count()).rev() {
            let page = self.pyramid.page(level);
            let (across, each) = (page.image.grid.across(), page.blocks_each());
            let mut list = vec![0; across * (each + 1)];
            let mut lengths = Vec::with_capacity(across * each);
            let (mut buffer, mut unnoted) = (vec![0; across * 8], Footprint::default());
            for row in 0..page.image.grid.down() {
                spill.read_list((level, (row * across) as u64), each, &mut list)?;
                lengths.clear();
                let mut end = place;
                for entry in list.chunks_exact(each + 1) {
                    let length = page.framed_bytes(&entry[1..]) as usize;
                    bytes.resize(length, 0);
                    spill.read_blocks(entry[0], &mut bytes)?;
                    self.file.write_plain(end, &bytes)?;
                    end += length as u64;
                    lengths.extend_from_slice(&entry[1..]);
                }
                place =
                    page.write_entries(&self.file, (0, row), place, &lengths, (&mut buffer, &mut unnoted))?;
            }
        }
        Ok(place)
    }

    /// Writes where the raster's blocks lie, which are as long as the tables say, from byte `place` on.
    fn place_main(&self, page: &Page, mut place: u64) -> Result<()> {
        let across = page.image.grid.across();
        let mut lengths = vec![0; across * page.blocks_each()];
        let (mut buffer, mut unnoted) = (vec![0; across * 8], Footprint::default());
        for row in 0..page.image.grid.down() {
            page.read_lengths(&|at, bytes| self.file.read_at(at, bytes), (0, row), &mut lengths)?;
            place = page.write_entries(&self.file, (0, row), place, &lengths, (&mut buffer, &mut unnoted))?;
        }
        Ok(())
    }

    /// Completes the file up to its name; returns where the raster's own blocks begin and where it ends.
    fn complete(&self, flush: bool, journal: Option<&dyn Journal>) -> Result<(u64, u64)> {
        let mut end = self.pyramid.pages.end;
        if let Some(spill) = &self.spill {
            self.make_far(spill)?;
            end = self.place_copies(spill, end)?;
        }
        let Some(main) = self.pyramid.main() else { return Ok((end, end)) };
        let (start, file_end) = (end.next_multiple_of(GAP_UNIT), self.appender.end());
        self.file.write_zeros(end..start, &mut Footprint::default())?;
        let less = self.main_start - start;
        if self.closed != 0 && self.closed != less {
            return Err(Error::damaged(
                "a journal says that blocks were moved to where they can't have been",
            ));
        }
        if self.closed == 0 && less > 0 {
            if let Some(journal) = journal {
                journal.moved(self.main_start, less)?;
                if flush {
                    self.file.flush()?;
                    journal.flushed()?;
                }
            }
            self.file.remove(start..self.main_start, file_end)?;
        }
        self.place_main(main, start)?;
        Ok((start, file_end - less))
    }
}

impl Sink for PyramidSink {
    fn write(
        &self,
        sequence: u64,
        tile: &TileView<'_>,
        scratch: &mut Frame<'_>,
        footprint: &mut Footprint,
    ) -> Result<()> {
        self.write_seeing(sequence, tile.window(), tile, scratch, footprint)
    }

    fn write_seeing(
        &self,
        sequence: u64,
        own: Window,
        tile: &TileView<'_>,
        scratch: &mut Frame<'_>,
        footprint: &mut Footprint,
    ) -> Result<()> {
        if let Some(page) = self.pyramid.main() {
            let tile = (sequence, &tile.crop(own));
            let end = self.appender.write(page, &self.file, tile, &mut scratch.inner(), footprint)?;
            footprint.set_carry(|carry| Written::behind(own, end).pack(carry));
        }
        match &self.spill {
            Some(spill) => self.reduce(spill, own, tile, scratch),
            None => Ok(()),
        }
    }

    fn flush(&self) -> Result<()> {
        self.file.flush()
    }

    fn cancel(&self) {
        self.appender.cancel();
    }

    fn stored_bytes_written(&self) -> u64 {
        self.file.bytes_written()
    }

    fn finish(self: Box<Self>, flush: bool, journal: Option<&dyn Journal>) -> Result<u64> {
        let (start, end) = self.complete(flush, journal)?;
        let PyramidSink { file, .. } = *self;
        if let Some(journal) = journal {
            let mut before = Footprint::new(true);
            file.note(0..start.min(end), &mut before)?;
            journal.record(Part::Rest, &before)?;
        }
        file.publish(end, flush, journal)?;
        Ok(end)
    }
}
