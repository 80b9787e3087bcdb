//! Writes uncompressed TIFF and BigTIFF: every block has its place from the beginning, so tiles may come in any order.

use std::ops::Range;

use swathe_core::{Destination, Error, Frame, RasterInfo, Result, ScratchSize, Sink, Size, TileView, Window};

use crate::output::{OutputFile, OutputPlace, WriteMethod};
use crate::samples;
use crate::tiff::encode::{TagValue, describing_tags, head};
use crate::tiff::tag;

/// Where a classic TIFF ends: its offsets have 32 bits.
const CLASSIC_BYTES: u64 = u32::MAX as u64;
/// Blocks begin at a multiple of this, so that mapped and direct writes meet whole pages.
const ALIGNMENT: u64 = 4096;

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
    /// The most bytes that may wait to be written to the disk; `None` leaves it to the kernel.
    pub(crate) dirty_limit_bytes: Option<u64>,
}

/// A TIFF that is thought out.
#[derive(Debug)]
pub(crate) struct TiffDestination {
    place: OutputPlace,
    info: RasterInfo,
    layout: TiffLayout,
    head: Vec<u8>,
    file_bytes: u64,
}

impl TiffDestination {
    /// Thinks out a TIFF.
    ///
    /// # Errors
    /// Usage, where a tile is no multiple of 16; Limit, where a classic TIFF or any cannot hold it.
    pub(crate) fn new(place: OutputPlace, info: &RasterInfo, layout: TiffLayout) -> Result<Self> {
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
        let grid = Grid { size: info.size, bands: info.bands, sample_bytes: info.sample_type.size(), layout };
        let pixels = grid
            .data_bytes()
            .ok_or_else(|| Error::limit(format!("a TIFF of {} is larger than 2^63 bytes", info.size)))?;
        let head_of = |big: bool| -> Result<(Vec<u8>, u64)> {
            // The table's length does not depend on where the data begins, so a first try tells that.
            let length = head(grid.tags(info, 0, big), big)?.len() as u64;
            let start = length.next_multiple_of(ALIGNMENT);
            Ok((head(grid.tags(info, start, big), big)?, start + pixels))
        };
        let (mut bytes, mut file_bytes) = head_of(layout.big.unwrap_or(false))?;
        if file_bytes > CLASSIC_BYTES {
            match layout.big {
                None => (bytes, file_bytes) = head_of(true)?,
                Some(true) => {}
                Some(false) => {
                    return Err(Error::limit(format!(
                        "a classic TIFF holds 4 GiB; this one needs {} MiB: use `--bigtiff auto`",
                        file_bytes >> 20
                    )));
                }
            }
        }
        Ok(TiffDestination { place, info: info.clone(), layout, head: bytes, file_bytes })
    }

    fn grid(&self) -> Grid {
        Grid {
            size: self.info.size,
            bands: self.info.bands,
            sample_bytes: self.info.sample_type.size(),
            layout: self.layout,
        }
    }
}

/// Where everything lies in an uncompressed TIFF.
#[derive(Clone, Copy, Debug)]
struct Grid {
    size: Size,
    bands: usize,
    sample_bytes: usize,
    layout: TiffLayout,
}

impl Grid {
    fn across(&self) -> usize {
        self.size.width.div_ceil(self.layout.block.width)
    }

    fn down(&self) -> usize {
        self.size.height.div_ceil(self.layout.block.height)
    }

    fn planes(&self) -> usize {
        if self.layout.planar { self.bands } else { 1 }
    }

    fn samples(&self) -> usize {
        if self.layout.planar { 1 } else { self.bands }
    }

    fn row_bytes(&self) -> usize {
        self.layout.block.width * self.samples() * self.sample_bytes
    }

    /// Rows that a block in a row of blocks stores: tiles are whole, the last strip may be short.
    fn block_rows(&self, row: usize) -> usize {
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

    fn data_bytes(&self) -> Option<u64> {
        self.plane_bytes()?.checked_mul(self.planes() as u64).filter(|&bytes| bytes < 1 << 62)
    }

    /// Where a block begins, from the beginning of the data.
    fn block_start(&self, plane: usize, column: usize, row: usize) -> u64 {
        let block = self.block_rows(row) as u64 * self.row_bytes() as u64;
        plane as u64 * self.plane_bytes().unwrap_or(0) + self.row_start(row) + column as u64 * block
    }

    fn tags(&self, info: &RasterInfo, start: u64, big: bool) -> Vec<TagValue> {
        let mut tags = describing_tags(info, self.layout.planar && self.bands > 1);
        tags.push(TagValue::shorts(tag::COMPRESSION, &[1]));
        let blocks = (0..self.planes()).flat_map(|plane| {
            (0..self.down()).flat_map(move |row| (0..self.across()).map(move |column| (plane, column, row)))
        });
        let offsets = blocks
            .clone()
            .map(|(plane, column, row)| start + self.block_start(plane, column, row))
            .collect::<Vec<_>>();
        let counts =
            blocks.map(|(_, _, row)| (self.block_rows(row) * self.row_bytes()) as u32).collect::<Vec<_>>();
        let (offsets_tag, counts_tag) = if self.layout.tiled {
            let side = |side: usize| [side as u32];
            tags.push(TagValue::longs(tag::TILE_WIDTH, &side(self.layout.block.width)));
            tags.push(TagValue::longs(tag::TILE_LENGTH, &side(self.layout.block.height)));
            (tag::TILE_OFFSETS, tag::TILE_BYTE_COUNTS)
        } else {
            tags.push(TagValue::longs(tag::ROWS_PER_STRIP, &[self.layout.block.height as u32]));
            (tag::STRIP_OFFSETS, tag::STRIP_BYTE_COUNTS)
        };
        tags.push(if big {
            TagValue::long8s(offsets_tag, offsets.into_iter())
        } else {
            TagValue::longs(offsets_tag, &offsets.into_iter().map(|offset| offset as u32).collect::<Vec<_>>())
        });
        tags.push(TagValue::longs(counts_tag, &counts));
        tags
    }

    /// The most bytes that one row of blocks of a tile takes in the file.
    fn stretch_bytes(&self, tile: Size) -> usize {
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

    fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    fn free_bytes(&self) -> Option<u64> {
        self.place.free_bytes()
    }

    fn resident_bytes(&self, _workers: usize) -> usize {
        self.head.capacity()
    }

    fn scratch_bytes(&self, tile: Size) -> usize {
        ScratchSize::new().with::<u8>(self.grid().stretch_bytes(tile)).bytes()
    }

    fn mapped_bytes(&self, tile: Size) -> usize {
        match self.layout.method {
            WriteMethod::Pwrite => 0,
            WriteMethod::Mmap => self.grid().stretch_bytes(tile) + (8 << 10),
        }
    }

    fn method(&self) -> String {
        match self.layout.method {
            WriteMethod::Pwrite => "pwrite".into(),
            WriteMethod::Mmap => "mmap".into(),
        }
    }

    fn create(self: Box<Self>) -> Result<Box<dyn Sink>> {
        let grid = self.grid();
        let start = (self.head.len() as u64).next_multiple_of(ALIGNMENT);
        let file = self.place.create(self.file_bytes, self.layout.method, self.layout.dirty_limit_bytes)?;
        file.write_at(0, &self.head)?;
        Ok(Box::new(TiffSink { file, grid, start, file_bytes: self.file_bytes }))
    }
}

/// An uncompressed TIFF being written.
#[derive(Debug)]
struct TiffSink {
    file: OutputFile,
    grid: Grid,
    start: u64,
    file_bytes: u64,
}

impl TiffSink {
    /// Writes the part of a tile that lies in one row of blocks of one plane.
    fn write_row(&self, plane: usize, row: usize, tile: &TileView<'_>, buffer: &mut [u8]) -> Result<()> {
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
                self.write_blocks(plane, row, column..end, tile, buffer)?;
                column = end;
            } else {
                self.write_pieces(plane, row, column, rows.clone(), tile, buffer)?;
                column += 1;
            }
        }
        Ok(())
    }

    fn write_blocks(
        &self,
        plane: usize,
        row: usize,
        columns: Range<usize>,
        tile: &TileView<'_>,
        buffer: &mut [u8],
    ) -> Result<()> {
        let grid = &self.grid;
        let stored_rows = grid.block_rows(row);
        let block_bytes = stored_rows * grid.row_bytes();
        let buffer = &mut buffer[..columns.len() * block_bytes];
        for (column, block) in columns.clone().zip(buffer.chunks_exact_mut(block_bytes)) {
            for (y, target) in block.chunks_exact_mut(grid.row_bytes()).enumerate() {
                // Rows and columns past the raster's edge repeat the last ones: they compress well and no reader looks at them.
                let y = (row * grid.layout.block.height + y).min(grid.size.height - 1);
                self.fill_row(plane, column, y, tile, target);
            }
        }
        let offset = self.start + grid.block_start(plane, columns.start, row);
        self.file.write_at(offset, buffer)
    }

    /// Fills a block's row from row `y` of the raster, which the tile holds.
    fn fill_row(&self, plane: usize, column: usize, y: usize, tile: &TileView<'_>, target: &mut [u8]) {
        let (grid, window) = (&self.grid, tile.window());
        let left = column * grid.layout.block.width;
        let width = grid.layout.block.width.min(grid.size.width - left);
        let size = grid.sample_bytes;
        let from = (left - window.x as usize) * size;
        let pixel = size * grid.samples();
        for sample in 0..grid.samples() {
            let row = &tile.row_bytes(plane + sample, y - window.y as usize)[from..][..width * size];
            samples::scatter(row, sample, grid.samples(), size, &mut target[..width * pixel]);
        }
        for x in width..grid.layout.block.width {
            target.copy_within((width - 1) * pixel..width * pixel, x * pixel);
        }
    }

    /// Writes the rows of a tile that cover only a part of a block.
    fn write_pieces(
        &self,
        plane: usize,
        row: usize,
        column: usize,
        rows: Range<usize>,
        tile: &TileView<'_>,
        buffer: &mut [u8],
    ) -> Result<()> {
        let (grid, window) = (&self.grid, tile.window());
        let block = grid.layout.block;
        let left = column * block.width;
        let from = left.max(window.x as usize);
        let to = (left + block.width).min(window.x_end() as usize);
        let size = grid.sample_bytes;
        let pixel = size * grid.samples();
        let piece = &mut buffer[..(to - from) * pixel];
        let start = self.start + grid.block_start(plane, column, row);
        for y in rows {
            for sample in 0..grid.samples() {
                let row = &tile.row_bytes(plane + sample, y - window.y as usize)
                    [(from - window.x as usize) * size..][..(to - from) * size];
                samples::scatter(row, sample, grid.samples(), size, piece);
            }
            let offset = start + ((y - row * block.height) * grid.row_bytes() + (from - left) * pixel) as u64;
            self.file.write_at(offset, piece)?;
        }
        Ok(())
    }
}

impl Sink for TiffSink {
    fn write(&self, _sequence: u64, tile: &TileView<'_>, scratch: &mut Frame<'_>) -> Result<()> {
        let window: Window = tile.window();
        let height = self.grid.layout.block.height;
        let buffer = scratch.take::<u8>(self.grid.stretch_bytes(window.size()));
        for plane in 0..self.grid.planes() {
            for row in window.y as usize / height..(window.y_end() as usize).div_ceil(height) {
                self.write_row(plane, row, tile, buffer)?;
            }
        }
        Ok(())
    }

    fn cancel(&self) {}

    fn stored_bytes_written(&self) -> u64 {
        self.file.bytes_written()
    }

    fn finish(self: Box<Self>, flush: bool) -> Result<u64> {
        let TiffSink { file, file_bytes, .. } = *self;
        file.publish(file_bytes, flush)?;
        Ok(file_bytes)
    }
}
