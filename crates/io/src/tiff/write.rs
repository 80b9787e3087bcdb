//! Writes uncompressed TIFF and BigTIFF: every block has its place from the beginning, so tiles may come in any order.

use std::ops::Range;

use swathe_core::{
    Destination, Disk, Error, Footprint, Frame, Journal, Position, RasterInfo, Result, ScratchSize, Sharing,
    Sink, Size, TileMut, TileView, Window,
};

use crate::output::{OutputFile, OutputPlace, WriteBackRule, WriteMethod};
use crate::samples;
use crate::tiff::directory::ByteOrder;
use crate::tiff::encode::{Head, TagValue, describing_tags, directory, head};
use crate::tiff::mask::MaskPage;
use crate::tiff::tag;

/// Where a classic TIFF ends: its offsets have 32 bits.
pub(crate) const CLASSIC_BYTES: u64 = u32::MAX as u64;
/// Field types of 32 and 64 bits.
const LONG: u16 = 4;
const LONG8: u16 = 16;
/// Blocks begin at a multiple of this, so that mapped and direct writes meet whole pages.
const ALIGNMENT: u64 = 4096;
/// Bytes that are put together, summed up and written at once: they stay in the processor's cache from one to the other.
const AT_ONCE: usize = 256 << 10;

/// Whether a table is that of where blocks lie, and not of how long they are.
fn holds_offsets(table: u16) -> bool {
    matches!(table, tag::TILE_OFFSETS | tag::STRIP_OFFSETS)
}

/// How an uncompressed TIFF is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TiffLayout {
    /// Tile size, multiples of 16; or the whole width by some rows for strips.
    pub(crate) block: Size,
    /// Tiles rather than strips.
    pub(crate) tiled: bool,
    /// Bands one after the other rather than pixel by pixel.
    pub(crate) planar: bool,
    /// BigTIFF, or classic; `None` decides from the size.
    pub(crate) big: Option<bool>,
    /// How bytes get into the file.
    pub(crate) method: WriteMethod,
    /// When what is written goes to the disk.
    pub(crate) writeback: WriteBackRule,
}

impl TiffLayout {
    /// Checks that a TIFF can be laid out so.
    ///
    /// # Errors
    /// Usage, where a tile is no multiple of 16; Limit, where no TIFF can hold the raster.
    pub(crate) fn check(&self, info: &RasterInfo) -> Result<()> {
        let layout = self;
        if layout.tiled && (!layout.block.width.is_multiple_of(16) || !layout.block.height.is_multiple_of(16))
        {
            return Err(Error::usage(format!(
                "`--block {}x{}`: the sides of TIFF tiles are multiples of 16",
                layout.block.width, layout.block.height
            )));
        }
        if info.size.width > u32::MAX as usize || info.size.height > u32::MAX as usize || info.bands > 65_535
        {
            return Err(Error::limit(format!("TIFF cannot hold {} with {} bands", info.size, info.bands)));
        }
        Ok(())
    }
}

/// A TIFF that is thought out.
#[derive(Debug)]
pub(crate) struct TiffDestination {
    place: OutputPlace,
    info: RasterInfo,
    layout: TiffLayout,
    big: bool,
    head: Head,
    mask: Option<MaskPage>,
    /// Where the first block begins.
    start: u64,
    file_bytes: u64,
}

impl TiffDestination {
    /// Thinks out a TIFF.
    ///
    /// # Errors
    /// Usage, where a tile is no multiple of 16; Limit, where a classic TIFF or any cannot hold it.
    pub(crate) fn new(place: OutputPlace, info: &RasterInfo, layout: TiffLayout) -> Result<Self> {
        layout.check(info)?;
        let grid = Grid::new(info, layout);
        let pixels = grid
            .data_bytes()
            .ok_or_else(|| Error::limit(format!("a TIFF of {} is larger than 2^63 bytes", info.size)))?;
        let laid_out = |big: bool| {
            let mut head = grid.head(info, big, vec![TagValue::shorts(tag::COMPRESSION, &[1])]);
            let mask = MaskPage::behind(&mut head, info, layout, big)?;
            let start = mask.as_ref().map_or(head.end, MaskPage::end).next_multiple_of(ALIGNMENT);
            Ok::<_, Error>((head, mask, start, start + pixels))
        };
        let mut big = layout.big.unwrap_or(false);
        let (mut head, mut mask, mut start, mut file_bytes) = laid_out(big)?;
        if file_bytes > CLASSIC_BYTES && !big {
            if layout.big == Some(false) {
                return Err(Error::limit(format!(
                    "a classic TIFF holds 4 GiB; this one needs {} MiB: use `--bigtiff auto`",
                    file_bytes >> 20
                )));
            }
            big = true;
            (head, mask, start, file_bytes) = laid_out(big)?;
        }
        Ok(TiffDestination { place, info: info.clone(), layout, big, head, mask, start, file_bytes })
    }

    fn grid(&self) -> Grid {
        Grid::new(&self.info, self.layout)
    }
}

/// How blocks cover a raster, and where each begins in an uncompressed TIFF.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grid {
    size: Size,
    bands: usize,
    sample_bytes: usize,
    pub(crate) layout: TiffLayout,
}

impl Grid {
    /// The blocks of a raster.
    pub(crate) fn new(info: &RasterInfo, layout: TiffLayout) -> Self {
        Grid { size: info.size, bands: info.bands, sample_bytes: info.sample_type.size(), layout }
    }

    /// Bytes of a whole block.
    pub(crate) fn block_bytes(&self) -> usize {
        self.layout.block.height * self.row_bytes()
    }

    /// Blocks of all planes.
    pub(crate) fn blocks(&self) -> u64 {
        (self.planes() * self.down()) as u64 * self.across() as u64
    }

    /// The number of a block in the tables.
    pub(crate) fn number(&self, plane: usize, column: usize, row: usize) -> u64 {
        (plane as u64 * self.down() as u64 + row as u64) * self.across() as u64 + column as u64
    }

    /// Whether a table's values have 64 bits.
    fn wide_value(&self, offsets: bool, big: bool) -> bool {
        big && (offsets || self.block_bytes() > u32::MAX as usize)
    }

    /// Bytes of a value in the table of offsets, or in that of byte counts.
    pub(crate) fn value_bytes(&self, offsets: bool, big: bool) -> usize {
        if self.wide_value(offsets, big) { 8 } else { 4 }
    }

    /// Fills a block from a tile that covers it.
    pub(crate) fn fill_block(
        &self,
        plane: usize,
        column: usize,
        row: usize,
        tile: &TileView<'_>,
        block: &mut [u8],
    ) {
        for (y, target) in block.chunks_exact_mut(self.row_bytes()).enumerate() {
            // Rows and columns past the raster's edge repeat the last ones: they compress well and no reader looks at them.
            let y = (row * self.layout.block.height + y).min(self.size.height - 1);
            self.fill_row(plane, column, y, tile, target);
        }
    }

    /// Fills a block's row from row `y` of the raster, which the tile holds.
    fn fill_row(&self, plane: usize, column: usize, y: usize, tile: &TileView<'_>, target: &mut [u8]) {
        let window = tile.window();
        let left = column * self.layout.block.width;
        let width = self.layout.block.width.min(self.size.width - left);
        let size = self.sample_bytes;
        let from = (left - window.x as usize) * size;
        let pixel = size * self.samples();
        for sample in 0..self.samples() {
            let row = &tile.row_bytes(plane + sample, y - window.y as usize)[from..][..width * size];
            samples::scatter(row, sample, self.samples(), size, &mut target[..width * pixel]);
        }
        for x in width..self.layout.block.width {
            target.copy_within((width - 1) * pixel..width * pixel, x * pixel);
        }
    }

    /// The reverse of [`Grid::fill_block`], for a tile that is what the raster has of the block.
    pub(crate) fn read_block(&self, plane: usize, block: &[u8], tile: &mut TileMut<'_>) {
        let (size, samples, window) = (self.sample_bytes, self.samples(), tile.window());
        for (y, row) in block.chunks_exact(self.row_bytes()).take(window.height).enumerate() {
            let row = &row[..window.width * samples * size];
            for sample in 0..samples {
                let target = tile.row_bytes_mut(plane + sample, y);
                samples::gather(row, sample, samples, size, ByteOrder::NATIVE, target);
            }
        }
    }

    pub(crate) fn across(&self) -> usize {
        self.size.width.div_ceil(self.layout.block.width)
    }

    pub(crate) fn down(&self) -> usize {
        self.size.height.div_ceil(self.layout.block.height)
    }

    pub(crate) fn planes(&self) -> usize {
        if self.layout.planar { self.bands } else { 1 }
    }

    pub(crate) fn samples(&self) -> usize {
        if self.layout.planar { 1 } else { self.bands }
    }

    pub(crate) fn row_bytes(&self) -> usize {
        self.layout.block.width * self.samples() * self.sample_bytes
    }

    /// Rows that a block in a row of blocks stores: tiles are whole, the last strip may be short.
    pub(crate) fn block_rows(&self, row: usize) -> usize {
        let height = self.layout.block.height;
        if self.layout.tiled { height } else { height.min(self.size.height - row * height) }
    }

    /// Bytes of a plane before a row of blocks.
    fn row_start(&self, row: usize) -> u64 {
        let rows = (row as u64) * self.layout.block.height as u64;
        let rows = if self.layout.tiled { rows } else { rows.min(self.size.height as u64) };
        rows * self.row_bytes() as u64 * self.across() as u64
    }

    fn plane_bytes(&self) -> Option<u64> {
        let rows = if self.layout.tiled {
            self.down().checked_mul(self.layout.block.height)?
        } else {
            self.size.height
        };
        (rows as u64).checked_mul(self.row_bytes() as u64)?.checked_mul(self.across() as u64)
    }

    /// Bytes of all blocks, uncompressed, where a file can hold them.
    pub(crate) fn data_bytes(&self) -> Option<u64> {
        self.plane_bytes()?.checked_mul(self.planes() as u64).filter(|&bytes| bytes < 1 << 62)
    }

    /// Where a block begins, from the beginning of the data.
    fn block_start(&self, plane: usize, column: usize, row: usize) -> u64 {
        let block = self.block_rows(row) as u64 * self.row_bytes() as u64;
        plane as u64 * self.plane_bytes().unwrap_or(0) + self.row_start(row) + column as u64 * block
    }

    /// Header and directory; the tables of offsets and byte counts are written apart.
    pub(crate) fn head(&self, info: &RasterInfo, big: bool, scheme: Vec<TagValue>) -> Head {
        let mut tags = describing_tags(info, self.layout.planar && self.bands > 1);
        tags.extend(scheme);
        let tables = self.table_tags(&mut tags, big);
        head(tags, &tables, big)
    }

    /// A directory at byte `at`; the tables of offsets and byte counts are written apart.
    pub(crate) fn directory(&self, at: u64, mut tags: Vec<TagValue>, big: bool) -> Head {
        let tables = self.table_tags(&mut tags, big);
        directory(at, Vec::new(), tags, &tables, big)
    }

    /// Adds the tags that tell how blocks cover the raster; returns those of the tables.
    pub(crate) fn table_tags(&self, tags: &mut Vec<TagValue>, big: bool) -> [TagValue; 2] {
        let (offsets, counts) = if self.layout.tiled {
            tags.push(TagValue::longs(tag::TILE_WIDTH, &[self.layout.block.width as u32]));
            tags.push(TagValue::longs(tag::TILE_LENGTH, &[self.layout.block.height as u32]));
            (tag::TILE_OFFSETS, tag::TILE_BYTE_COUNTS)
        } else {
            tags.push(TagValue::longs(tag::ROWS_PER_STRIP, &[self.layout.block.height as u32]));
            (tag::STRIP_OFFSETS, tag::STRIP_BYTE_COUNTS)
        };
        let blocks = self.blocks();
        // A strip of a very wide raster may be longer than 32 bits tell.
        let field_type = |offsets| if self.wide_value(offsets, big) { LONG8 } else { LONG };
        let (wide, count_type) = (field_type(true), field_type(false));
        [TagValue::table(offsets, wide, blocks), TagValue::table(counts, count_type, blocks)]
    }

    /// Writes the tables of offsets and byte counts, a few thousand values at a time.
    pub(crate) fn write_tables(
        &self,
        (head, big): (&Head, bool),
        start: u64,
        file: &OutputFile,
        footprint: &mut Footprint,
    ) -> Result<()> {
        const VALUES: usize = 8192;
        let down = self.down() as u64;
        let across = self.across() as u64;
        let blocks = self.blocks();
        for &(tag, place) in &head.tables {
            let offsets = holds_offsets(tag);
            let size = self.value_bytes(offsets, big);
            let mut bytes = Vec::with_capacity(VALUES * size);
            for first in (0..blocks).step_by(VALUES) {
                bytes.clear();
                for number in first..(first + VALUES as u64).min(blocks) {
                    let (column, row) = ((number % across) as usize, (number / across % down) as usize);
                    let plane = (number / across / down) as usize;
                    let value = if offsets {
                        start + self.block_start(plane, column, row)
                    } else {
                        (self.block_rows(row) * self.row_bytes()) as u64
                    };
                    bytes.extend(&value.to_le_bytes()[..size]);
                }
                file.write_at(place + first * size as u64, &bytes, footprint)?;
            }
        }
        Ok(())
    }

    /// Writes a directory that stands at `at`, all but the tables that stand in it because they are short: those are
    /// written as the others are, before or behind it; and what stands between tables whose values are few bytes.
    ///
    /// # Errors
    /// As [`OutputFile::write_at`].
    pub(crate) fn write_head(
        &self,
        (head, big): (&Head, bool),
        at: u64,
        file: &OutputFile,
        footprint: &mut Footprint,
    ) -> Result<()> {
        let mut from = 0;
        for &(tag, place) in &head.tables {
            let inside = place.checked_sub(at).and_then(|inside| usize::try_from(inside).ok());
            let Some(inside) = inside.filter(|&inside| inside < head.bytes.len()) else { continue };
            file.write_at(at + from as u64, &head.bytes[from..inside], footprint)?;
            from = inside + self.value_bytes(holds_offsets(tag), big) * self.blocks() as usize;
        }
        file.write_at(at + from as u64, &head.bytes[from..], footprint)?;
        let behind = head.tables.iter().filter(|(_, place)| *place >= at + head.bytes.len() as u64);
        for &(tag, place) in behind {
            let end = place + self.value_bytes(holds_offsets(tag), big) as u64 * self.blocks();
            if !end.is_multiple_of(8) {
                file.write_zeros(end..end.next_multiple_of(8), footprint)?;
            }
        }
        Ok(())
    }

    /// The most bytes that one row of blocks of a tile takes in the file.
    pub(crate) fn stretch_bytes(&self, tile: Size) -> usize {
        let blocks = (tile.width / self.layout.block.width + 2).min(self.across());
        blocks * self.layout.block.height * self.row_bytes()
    }
}

impl Destination for TiffDestination {
    fn name(&self) -> &str {
        self.place.name()
    }

    fn block(&self) -> Size {
        self.layout.block
    }

    fn whole_blocks(&self) -> bool {
        false
    }

    fn takes_stripes(&self) -> bool {
        true
    }

    fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    fn disk(&self) -> Option<Disk> {
        self.place.disk()
    }

    fn sharing(&self) -> Option<Sharing> {
        Some(Sharing::OneFile)
    }

    fn needed_bytes(&self) -> u64 {
        self.place.needed_bytes(self.file_bytes)
    }

    fn resident_bytes(&self, _workers: usize) -> usize {
        self.head.bytes.capacity() + self.mask.as_ref().map_or(0, MaskPage::resident_bytes)
    }

    fn scratch_bytes(&self, tile: Size) -> usize {
        let own = ScratchSize::new().with::<u8>(self.grid().stretch_bytes(tile)).bytes();
        own.saturating_add(self.mask.as_ref().map_or(0, |mask| mask.scratch_bytes(tile)))
    }

    fn mapped_bytes(&self, tile: Size) -> usize {
        match self.layout.method {
            WriteMethod::Pwrite => 0,
            WriteMethod::Mmap => self.grid().stretch_bytes(tile) + (8 << 10),
        }
    }

    fn method(&self) -> String {
        self.place.way(self.layout.method)
    }

    fn create(self: Box<Self>) -> Result<Box<dyn Sink>> {
        self.begin(&mut Footprint::default())
    }

    fn is_resumable(&self) -> bool {
        true
    }

    fn create_kept(mut self: Box<Self>, position: &Position, head: &mut Footprint) -> Result<Box<dyn Sink>> {
        self.place.keep(position);
        self.begin(head)
    }
}

impl TiffDestination {
    /// Begins the file and notes what is written of it in `head`.
    fn begin(self, head: &mut Footprint) -> Result<Box<dyn Sink>> {
        let grid = self.grid();
        let file = self.place.create(self.file_bytes, self.layout.method, self.layout.writeback)?;
        grid.write_head((&self.head, self.big), 0, &file, head)?;
        grid.write_tables((&self.head, self.big), self.start, &file, head)?;
        let mut end = self.head.end;
        if let Some(mask) = &self.mask {
            mask.begin(&file, end, head)?;
            end = mask.end();
        }
        file.write_zeros(end..self.start, head)?;
        let blocks = PlacedBlocks { grid, start: self.start };
        Ok(Box::new(TiffSink { file, blocks, mask: self.mask, file_bytes: self.file_bytes }))
    }
}

/// An uncompressed TIFF being written.
#[derive(Debug)]
struct TiffSink {
    file: OutputFile,
    blocks: PlacedBlocks,
    mask: Option<MaskPage>,
    file_bytes: u64,
}

/// Uncompressed blocks that have their places from the beginning.
#[derive(Debug)]
pub(crate) struct PlacedBlocks {
    pub(crate) grid: Grid,
    /// Where the first begins.
    pub(crate) start: u64,
}

impl PlacedBlocks {
    /// Writes a tile; the buffer holds what [`Grid::stretch_bytes`] tells.
    ///
    /// # Errors
    /// As [`OutputFile::write_at`].
    pub(crate) fn write(
        &self,
        file: &OutputFile,
        tile: &TileView<'_>,
        buffer: &mut [u8],
        footprint: &mut Footprint,
    ) -> Result<()> {
        let window: Window = tile.window();
        let height = self.grid.layout.block.height;
        for plane in 0..self.grid.planes() {
            for row in window.y as usize / height..(window.y_end() as usize).div_ceil(height) {
                self.write_row(file, [plane, row], tile, buffer, footprint)?;
            }
        }
        Ok(())
    }

    /// Writes the part of a tile that lies in one row of blocks of one plane.
    fn write_row(
        &self,
        file: &OutputFile,
        [plane, row]: [usize; 2],
        tile: &TileView<'_>,
        buffer: &mut [u8],
        footprint: &mut Footprint,
    ) -> Result<()> {
        let (grid, window) = (&self.grid, tile.window());
        let block = grid.layout.block;
        let top = row * block.height;
        let rows = (window.y as usize).max(top)..(window.y_end() as usize).min(top + block.height);
        let columns = window.x as usize / block.width..(window.x_end() as usize).div_ceil(block.width);
        let whole_rows =
            rows.start == top && (rows.end == top + block.height || rows.end == grid.size.height);
        let mut column = columns.start;
        while column < columns.end {
            let covers = |column: usize| {
                let left = column * block.width;
                window.x as usize <= left
                    && (window.x_end() as usize >= left + block.width
                        || window.x_end() as usize == grid.size.width)
            };
            if whole_rows && covers(column) {
                // As many whole blocks as follow each other are one write.
                let mut end = column + 1;
                while end < columns.end && covers(end) {
                    end += 1;
                }
                self.write_blocks(file, [plane, row], column..end, tile, (&mut *buffer, &mut *footprint))?;
                column = end;
            } else {
                self.write_pieces(
                    file,
                    [plane, row, column],
                    rows.clone(),
                    tile,
                    (&mut *buffer, &mut *footprint),
                )?;
                column += 1;
            }
        }
        Ok(())
    }

    fn write_blocks(
        &self,
        file: &OutputFile,
        [plane, row]: [usize; 2],
        columns: Range<usize>,
        tile: &TileView<'_>,
        (buffer, footprint): (&mut [u8], &mut Footprint),
    ) -> Result<()> {
        let grid = &self.grid;
        let stored_rows = grid.block_rows(row);
        let block_bytes = stored_rows * grid.row_bytes();
        let at_once = (AT_ONCE / block_bytes.max(1)).max(1);
        for first in columns.clone().step_by(at_once) {
            let columns = first..columns.end.min(first + at_once);
            let buffer = &mut buffer[..columns.len() * block_bytes];
            for (column, block) in columns.zip(buffer.chunks_exact_mut(block_bytes)) {
                grid.fill_block(plane, column, row, tile, block);
            }
            file.write_at(self.start + grid.block_start(plane, first, row), buffer, footprint)?;
        }
        Ok(())
    }

    /// Writes the rows of a tile that cover only a part of a block.
    fn write_pieces(
        &self,
        file: &OutputFile,
        [plane, row, column]: [usize; 3],
        rows: Range<usize>,
        tile: &TileView<'_>,
        (buffer, footprint): (&mut [u8], &mut Footprint),
    ) -> Result<()> {
        let (grid, window) = (&self.grid, tile.window());
        let block = grid.layout.block;
        let left = column * block.width;
        let from = left.max(window.x as usize);
        let to = (left + block.width).min(window.x_end() as usize);
        let size = grid.sample_bytes;
        let pixel = size * grid.samples();
        // Past the raster's edge the last column and row are repeated, as in blocks that are written whole.
        let padded = if to == grid.size.width && grid.layout.tiled { left + block.width } else { to };
        let piece = &mut buffer[..(padded - from) * pixel];
        let start = self.start + grid.block_start(plane, column, row);
        let top = row * block.height;
        let below = if rows.end == grid.size.height { top + grid.block_rows(row) } else { rows.end };
        for y in rows.start..below {
            if y < rows.end {
                for sample in 0..grid.samples() {
                    let row = &tile.row_bytes(plane + sample, y - window.y as usize)
                        [(from - window.x as usize) * size..][..(to - from) * size];
                    samples::scatter(row, sample, grid.samples(), size, &mut piece[..(to - from) * pixel]);
                }
                for x in to - from..padded - from {
                    piece.copy_within((to - from - 1) * pixel..(to - from) * pixel, x * pixel);
                }
            }
            let offset = start + ((y - top) * grid.row_bytes() + (from - left) * pixel) as u64;
            file.write_at(offset, piece, footprint)?;
        }
        Ok(())
    }
}

impl Sink for TiffSink {
    fn write(
        &self,
        _sequence: u64,
        tile: &TileView<'_>,
        scratch: &mut Frame<'_>,
        footprint: &mut Footprint,
    ) -> Result<()> {
        let buffer = scratch.take::<u8>(self.blocks.grid.stretch_bytes(tile.window().size()));
        self.blocks.write(&self.file, tile, buffer, footprint)?;
        self.mask.as_ref().map_or(Ok(()), |mask| mask.write(&self.file, tile, scratch, footprint))
    }

    fn flush(&self) -> Result<()> {
        self.file.flush()
    }

    fn cancel(&self) {}

    fn stored_bytes_written(&self) -> u64 {
        self.file.bytes_written()
    }

    fn finish(self: Box<Self>, flush: bool, journal: Option<&dyn Journal>) -> Result<u64> {
        let TiffSink { file, file_bytes, .. } = *self;
        file.publish(file_bytes, flush, journal)?;
        Ok(file_bytes)
    }
}
