//! Reads windows of one image of a TIFF: straight from the file where pixels lie there, else from decoded blocks.

mod decoded;

use std::ops::Range;

use swathe_core::{Error, Frame, Result, Scalar, ScratchSize, Size, Sweep, TileMut, Window, with_sample};

use self::decoded::{Decoded, Reading};
use crate::access::{AccessMethod, InputFile};
use crate::samples;
use crate::sweep::{Blocks, blocks_kept};
use crate::tiff::directory::ByteOrder;
use crate::tiff::layout::{Block, Layout};
use crate::tiff::unpack::{Packing, Place};

/// The most bytes of a file that one reader maps at once.
const MAPPED_BYTES: usize = 4 << 20;
/// The most bytes that one reader reads at once, where it reads: they are copied on from the processor's cache.
const READ_BYTES: usize = 256 << 10;
/// A decoded block is never larger, whatever the memory: beyond this a file is more likely hostile than large.
const MOST_BLOCK_BYTES: usize = 4 << 30;
/// Decoded blocks that are kept without a plan.
const UNPLANNED_BLOCKS: usize = 4;

/// One image of a file.
#[derive(Debug)]
pub(crate) struct Image {
    pub(crate) layout: Layout,
    order: ByteOrder,
    /// Decoded blocks, where they cannot be read as they lie.
    decoded: Option<Decoded>,
}

/// Rows of pixels as they lie in memory.
#[derive(Clone, Copy, Debug)]
struct Rows<'a> {
    bytes: &'a [u8],
    stride: usize,
    packing: Packing,
    order: ByteOrder,
    /// The pixel of the block that the bytes begin with.
    left: usize,
}

/// A part of one block: of which plane, at which place, and what of it is wanted.
#[derive(Clone, Copy, Debug)]
struct Part {
    plane: usize,
    /// Of the raster.
    wanted: Window,
    /// The raster's column and row where the block begins.
    left: usize,
    top: usize,
}

impl Image {
    /// The image of a layout.
    pub(crate) fn new(layout: Layout, order: ByteOrder) -> Self {
        let decoded = (!layout.is_direct())
            .then(|| Decoded::new(layout.presented_block_bytes(), floor_blocks(&layout)));
        Image { layout, order, decoded }
    }

    /// The byte order of its samples in the file.
    pub(crate) fn order(&self) -> ByteOrder {
        self.order
    }

    /// Bytes that tables and the fewest decoded blocks take.
    pub(crate) fn resident_bytes(&self, file: &InputFile) -> usize {
        let decoded = self.decoded.as_ref().map_or(0, |_| {
            let blocks = floor_blocks(&self.layout).saturating_mul(self.layout.presented_block_bytes());
            blocks.saturating_add(self.decoder_bytes(file))
        });
        self.layout.table_bytes().saturating_add(decoded)
    }

    /// Whether blocks are decoded, rather than read as they lie.
    pub(crate) fn keeps_blocks(&self) -> bool {
        self.decoded.is_some()
    }

    /// Takes room for the blocks that neighbouring tiles share, within a budget; returns what it takes beyond
    /// [`Image::resident_bytes`].
    pub(crate) fn plan_cache(
        &self,
        file: &InputFile,
        sweep: Sweep,
        workers: usize,
        budget_bytes: usize,
    ) -> usize {
        let Some(decoded) = &self.decoded else { return 0 };
        let layout = &self.layout;
        decoded.plan(sweep);
        let all = Blocks { raster: layout.size, block: layout.block, planes: layout.planes() };
        let blocks = blocks_kept(sweep, all, workers);
        let floor = floor_blocks(layout);
        // The floor counts one worker's decoder; the others need their own.
        let others = self.decoder_bytes(file).saturating_mul(workers.saturating_sub(1));
        let room = budget_bytes.saturating_sub(others) / layout.presented_block_bytes().max(1);
        let more = blocks.saturating_sub(floor).min(room);
        decoded.cache.set_limit(floor + more);
        others.saturating_add(more.saturating_mul(decoded.cache.block_bytes()))
    }

    /// Bytes of scratch for a window, beside the tile.
    pub(crate) fn scratch_bytes(&self, file: &InputFile, window: Size) -> usize {
        let stored = match file.method() {
            AccessMethod::Mmap => 0,
            AccessMethod::Pread => self.stretch_bytes(file, window),
        };
        ScratchSize::new().with::<u8>(stored).with::<u8>(self.unpacked_bytes()).bytes()
    }

    /// Bytes of mapped pages for a window.
    pub(crate) fn mapped_bytes(&self, file: &InputFile, window: Size) -> usize {
        match file.method() {
            AccessMethod::Mmap => self.stretch_bytes(file, window).saturating_add(8 << 10),
            AccessMethod::Pread => 0,
        }
    }

    /// Fills `output`, whose window lies inside the image. Blocks that the file leaves out are `nodata`, or 0.
    ///
    /// # Errors
    /// Damaged, with the block's number, where the file does not hold what it promised; Io, where it cannot be read.
    pub(crate) fn read(
        &self,
        file: &InputFile,
        nodata: Option<Scalar>,
        output: &mut TileMut<'_>,
        scratch: &mut Frame<'_>,
    ) -> Result<()> {
        let (window, block) = (output.window(), self.layout.block);
        if window.is_empty() {
            return Ok(());
        }
        let columns = window.x as usize / block.width..(window.x_end() as usize).div_ceil(block.width);
        let rows = window.y as usize / block.height..(window.y_end() as usize).div_ceil(block.height);
        let buffer = match file.method() {
            AccessMethod::Mmap => &mut [],
            AccessMethod::Pread => scratch.take::<u8>(self.stretch_bytes(file, window.size())),
        };
        if let Some(decoded) = &self.decoded {
            let unpacked = scratch.take::<u8>(self.unpacked_bytes());
            let mut reading = Reading { file, decoded, nodata, output, buffer, unpacked };
            return self.read_blocks(&mut reading, columns, rows);
        }
        for plane in 0..self.layout.planes() {
            let mut row = rows.start;
            while row < rows.end {
                let mut column = columns.start;
                let mut next_row = row + 1;
                while column < columns.end {
                    let stored = self.layout.at(file, self.layout.number(plane, column, row))?;
                    let part = self.part(plane, column, row, window);
                    if stored.is_sparse() {
                        self.fill(part, nodata, output);
                        column += 1;
                    } else if self.layout.across() == 1 {
                        next_row = self.strips_end(file, plane, row..rows.end, stored)?;
                        let bottom = (next_row * block.height).min(window.y_end() as usize);
                        let height = bottom - part.wanted.y as usize;
                        let wanted = Window { height, ..part.wanted };
                        self.read_rows(file, stored.offset, Part { wanted, ..part }, output, buffer)?;
                        column += 1;
                    } else {
                        let end = self.tiles_end(file, plane, row, column..columns.end, stored, part)?;
                        if end == column + 1 {
                            self.read_rows(file, stored.offset, part, output, buffer)?;
                        } else {
                            self.read_tiles(file, plane, row, column..end, stored, output, buffer)?;
                        }
                        column = end;
                    }
                }
                row = next_row;
            }
        }
        Ok(())
    }

    fn part(&self, plane: usize, column: usize, row: usize, window: Window) -> Part {
        let block = self.layout.block;
        let (left, top) = (column * block.width, row * block.height);
        let x = (window.x as usize).max(left);
        let y = (window.y as usize).max(top);
        let right = (window.x_end() as usize).min(left + block.width);
        let bottom = (window.y_end() as usize).min(top + block.height);
        Part { plane, wanted: Window::new(x as i64, y as i64, right - x, bottom - y), left, top }
    }

    /// Checks that an uncompressed block holds its rows down to `row`, counted from its top.
    fn check_length(&self, file: &InputFile, stored: Block, last_row: usize) -> Result<()> {
        let needed = (last_row as u64 + 1) * self.layout.row_bytes() as u64;
        if stored.bytes >= needed {
            return Ok(());
        }
        Err(Error::damaged(format!(
            "`{}`: the block at byte {} holds {} bytes, and {needed} are needed",
            file.name(),
            stored.offset,
            stored.bytes
        )))
    }

    /// The row of blocks behind the last strip that follows its neighbour in the file without a gap.
    fn strips_end(&self, file: &InputFile, plane: usize, rows: Range<usize>, first: Block) -> Result<usize> {
        let strip_bytes = (self.layout.block.height * self.layout.row_bytes()) as u64;
        let mut before = first;
        let mut end = rows.start;
        loop {
            self.check_length(file, before, self.layout.rows(end) - 1)?;
            end += 1;
            if end >= rows.end {
                return Ok(end);
            }
            let next = self.layout.at(file, self.layout.number(plane, 0, end))?;
            if next.is_sparse() || next.offset != before.offset.wrapping_add(strip_bytes) {
                return Ok(end);
            }
            before = next;
        }
    }

    /// The column behind the last tile that follows its neighbour in the file, where reading them at once pays.
    fn tiles_end(
        &self,
        file: &InputFile,
        plane: usize,
        row: usize,
        columns: Range<usize>,
        first: Block,
        part: Part,
    ) -> Result<usize> {
        let layout = &self.layout;
        let tile_bytes = layout.block.height * layout.row_bytes();
        self.check_length(file, first, part.wanted.y_end() as usize - 1 - part.top)?;
        let most = self.most_bytes(file) / tile_bytes.max(1);
        let mut end = columns.start + 1;
        // Of a few rows, those between would be read for nothing.
        if 2 * part.wanted.height < layout.block.height || first.bytes < tile_bytes as u64 {
            return Ok(end);
        }
        while end < columns.end && end - columns.start < most {
            let next = layout.at(file, layout.number(plane, end, row))?;
            let place = (end - columns.start) as u64 * tile_bytes as u64;
            if first.offset.checked_add(place) != Some(next.offset) || next.bytes < tile_bytes as u64 {
                break;
            }
            end += 1;
        }
        Ok(end)
    }

    fn most_bytes(&self, file: &InputFile) -> usize {
        match file.method() {
            AccessMethod::Mmap => MAPPED_BYTES,
            AccessMethod::Pread => READ_BYTES,
        }
    }

    /// Reads rows that lie one behind the other from `offset`, the place of the part's block, on.
    fn read_rows(
        &self,
        file: &InputFile,
        offset: u64,
        part: Part,
        output: &mut TileMut<'_>,
        buffer: &mut [u8],
    ) -> Result<()> {
        let layout = &self.layout;
        let stride = layout.row_bytes();
        // Whole bytes that hold the wanted columns.
        let pixel_bits = layout.samples() * layout.packing.bits();
        let first_pixel = (part.wanted.x as usize - part.left) / 8 * 8;
        let start = first_pixel * pixel_bits / 8;
        let end = ((part.wanted.x_end() as usize - part.left) * pixel_bits).div_ceil(8);
        let first_row = part.wanted.y as usize - part.top;
        let most = self.most_bytes(file);
        // Where most of a row is not wanted, every row is read by itself.
        let alone = 4 * (end - start) < stride && end - start + 4096 < stride;
        let at_once = if alone { 1 } else { (most / stride.max(1)).max(1) };
        let mut done = 0;
        while done < part.wanted.height {
            let count = at_once.min(part.wanted.height - done);
            let from = offset
                .checked_add(((first_row + done) * stride + start) as u64)
                .ok_or_else(|| Error::damaged(format!("`{}`: a block at byte {offset}", file.name())))?;
            let length = (count - 1) * stride + end - start;
            let wanted = Window { y: part.wanted.y + done as i64, height: count, ..part.wanted };
            let top = (wanted.y - output.window().y) as usize;
            // Whole bytes of a part may be those of the whole row.
            let fills_rows = wanted.width == output.window().width && wanted.width == layout.block.width;
            if fills_rows
                && self.lies_as_in_memory()
                && file.read_rows_at(from, output, part.plane, top..top + count)?
            {
                done += count;
                continue;
            }
            file.with_bytes(from, length, buffer, |bytes| {
                let rows =
                    Rows { bytes, stride, packing: layout.packing, order: self.order, left: first_pixel };
                self.place(rows, Part { wanted, ..part }, output);
            })?;
            done += count;
        }
        Ok(())
    }

    /// Whether a window of whole blocks of this width is read straight into a tile as wide.
    pub(crate) fn reads_straight(&self, file: &InputFile, width: usize) -> bool {
        let layout = &self.layout;
        let direct = self.decoded.is_none() && file.method() == AccessMethod::Pread;
        direct && width == layout.block.width && self.lies_as_in_memory()
    }

    /// Whether a row of a block holds samples of one band as they are in memory.
    fn lies_as_in_memory(&self) -> bool {
        let layout = &self.layout;
        let native = matches!(layout.packing, Packing::Native(_));
        native && layout.samples() == 1 && samples::is_native(layout.sample_type.size(), self.order)
    }

    /// Reads tiles that lie one behind the other from the first on.
    #[expect(clippy::too_many_arguments, reason = "one place, and no two of them belong together")]
    fn read_tiles(
        &self,
        file: &InputFile,
        plane: usize,
        row: usize,
        columns: Range<usize>,
        first: Block,
        output: &mut TileMut<'_>,
        buffer: &mut [u8],
    ) -> Result<()> {
        let (layout, window) = (&self.layout, output.window());
        let stride = layout.row_bytes();
        let tile_bytes = layout.block.height * stride;
        let wanted = self.part(plane, columns.start, row, window);
        // Of the first and last tile only the rows that are needed, of those between everything.
        let start = (wanted.wanted.y as usize - wanted.top) * stride;
        let end = (columns.len() - 1) * tile_bytes + start + wanted.wanted.height * stride;
        let from = first.offset.checked_add(start as u64);
        let from = from
            .ok_or_else(|| Error::damaged(format!("`{}`: a block at byte {}", file.name(), first.offset)))?;
        file.with_bytes(from, end - start, buffer, |bytes| {
            for (number, column) in columns.enumerate() {
                let bytes = &bytes[number * tile_bytes..];
                let rows = Rows { bytes, stride, packing: layout.packing, order: self.order, left: 0 };
                self.place(rows, self.part(plane, column, row, window), output);
            }
        })
    }

    /// Copies the wanted part out of rows, the first of which is the first wanted.
    fn place(&self, rows: Rows<'_>, part: Part, output: &mut TileMut<'_>) {
        let (window, samples) = (output.window(), self.layout.samples());
        let size = self.layout.sample_type.size();
        let from = (part.wanted.x - window.x) as usize * size;
        let target = from..from + part.wanted.width * size;
        let pixel = part.wanted.x as usize - part.left - rows.left;
        let top = (part.wanted.y - window.y) as usize;
        for row in 0..part.wanted.height {
            let stored = &rows.bytes[row * rows.stride..];
            for sample in 0..samples {
                let band = part.plane * samples + sample;
                let target = &mut output.row_bytes_mut(band, top + row)[target.clone()];
                rows.packing.unpack(stored, Place { pixel, sample, samples }, rows.order, size, target);
            }
        }
    }

    fn fill(&self, part: Part, nodata: Option<Scalar>, output: &mut TileMut<'_>) {
        let (window, samples) = (output.window(), self.layout.samples());
        let from = (part.wanted.x - window.x) as usize;
        let top = (part.wanted.y - window.y) as usize;
        with_sample!(self.layout.sample_type, T => {
            let value = nodata.and_then(<T as swathe_core::Sample>::from_scalar).unwrap_or_default();
            for band in part.plane * samples..(part.plane + 1) * samples {
                for row in top..top + part.wanted.height {
                    output.row_mut::<T>(band, row)[from..from + part.wanted.width].fill(value);
                }
            }
        });
    }

    /// Room for a decompressed block whose samples are not yet in their type.
    fn unpacked_bytes(&self) -> usize {
        let native = matches!(self.layout.packing, Packing::Native(_));
        let bytes = self.layout.row_bytes().saturating_mul(self.layout.block.height);
        if self.decoded.is_none() || native { 0 } else { bytes.min(MOST_BLOCK_BYTES) }
    }

    /// What one reader's decoder takes.
    fn decoder_bytes(&self, file: &InputFile) -> usize {
        let turned = if self.layout.reversed_bits { self.layout.largest_stored_bytes(file) } else { 0 };
        let block = self.layout.presented_block_bytes();
        self.layout.codec.working_bytes(block).saturating_add(self.layout.row_bytes()).saturating_add(turned)
    }

    /// The most bytes of the file that a window of this size has in hand at once.
    fn stretch_bytes(&self, file: &InputFile, window: Size) -> usize {
        let layout = &self.layout;
        if self.decoded.is_some() {
            return layout.largest_stored_bytes(file);
        }
        let row = layout.row_bytes();
        let most = self.most_bytes(file).max(row);
        let blocks = (window.width.saturating_sub(1) / layout.block.width + 2).min(layout.across());
        // Between neighbouring tiles lies whatever the first has below the raster.
        let rows = if layout.across() == 1 { window.height } else { layout.block.height };
        // One tile's rows, rows of strips, or some tiles.
        row.saturating_mul(rows).saturating_mul(blocks).min(most)
    }
}

/// Decoded blocks that there is always room for.
fn floor_blocks(layout: &Layout) -> usize {
    usize::try_from(layout.blocks()).unwrap_or(usize::MAX).min(UNPLANNED_BLOCKS)
}
