//! Reads windows of a TIFF.

use swathe_core::{Error, Frame, RasterInfo, Result, ScratchSize, Size, Source, TileMut, Window};

use crate::access::{AccessMethod, InputFile};
use crate::samples;
use crate::tiff::describe::describe;
use crate::tiff::directory::{ByteOrder, Structure};
use crate::tiff::layout::Layout;

/// The most bytes of a file that one reader maps or reads at once.
const STRETCH_BYTES: usize = 4 << 20;

/// One image of a TIFF file.
#[derive(Debug)]
pub(crate) struct TiffSource {
    file: InputFile,
    order: ByteOrder,
    layout: Layout,
    info: RasterInfo,
}

/// Consecutive blocks of one row of blocks, as they lie in the file.
struct Stretch {
    plane: usize,
    row: usize,
    columns: std::ops::Range<usize>,
}

impl TiffSource {
    /// Opens image `page` (from 0) of a file.
    ///
    /// # Errors
    /// Damaged or Unsupported, where it is no TIFF that can be read; Usage, where there is no such page.
    pub(crate) fn open(file: InputFile, page: usize) -> Result<Self> {
        let structure = Structure::read(&file)?;
        let directory = structure.page(&file, page)?;
        let layout = Layout::read(&file, &structure, directory)?;
        let info = describe(&file, &structure, directory, &layout)?;
        Ok(TiffSource { order: structure.order, layout, info, file })
    }

    /// Rows of a block that a window meets, in a row of blocks: first row inside the block, and how many.
    fn rows_of(&self, window: Window, row: usize) -> (usize, usize) {
        let top = row * self.layout.block.height;
        let first = (window.y as usize).max(top);
        let last = (window.y_end() as usize).min(top + self.layout.block.height);
        (first - top, last - first)
    }

    fn read_stretch(&self, stretch: &Stretch, output: &mut TileMut<'_>, buffer: &mut [u8]) -> Result<()> {
        let window = output.window();
        let layout = &self.layout;
        let (first_row, rows) = self.rows_of(window, stretch.row);
        let first = layout.at(layout.number(stretch.plane, stretch.columns.start, stretch.row));
        if first.is_sparse() {
            return self.fill_sparse(stretch, output);
        }
        // Of the first and last block only the rows that are needed, of those between everything.
        let row_bytes = layout.row_bytes();
        let blocks = stretch.columns.len();
        let block_bytes =
            layout.block_bytes(layout.number(stretch.plane, stretch.columns.start, stretch.row) as u64);
        let start = first_row * row_bytes;
        let end = (blocks - 1) * block_bytes + (first_row + rows) * row_bytes;
        if first.bytes < block_bytes as u64 && first.bytes < (first_row + rows) as u64 * row_bytes as u64 {
            return Err(Error::damaged(format!(
                "`{}`: the block at {} holds {} bytes, not {block_bytes}",
                self.file.name(),
                first.offset,
                first.bytes
            )));
        }
        self.file.with_bytes(first.offset + start as u64, end - start, buffer, |bytes| {
            for (number, column) in stretch.columns.clone().enumerate() {
                let block = &bytes[number * block_bytes..];
                self.copy_block(stretch, column, block, output);
            }
        })
    }

    /// Copies what the window needs of a block, whose rows begin with the first needed one.
    fn copy_block(&self, stretch: &Stretch, column: usize, block: &[u8], output: &mut TileMut<'_>) {
        let (layout, window) = (&self.layout, output.window());
        let left = column * layout.block.width;
        let from = (window.x as usize).max(left);
        let to = (window.x_end() as usize).min(left + layout.block.width);
        let (first_row, rows) = self.rows_of(window, stretch.row);
        let top = stretch.row * layout.block.height + first_row - window.y as usize;
        let (size, samples) = (layout.sample_type.size(), layout.samples());
        for row in 0..rows {
            let stored = &block[row * layout.row_bytes() + (from - left) * samples * size..]
                [..(to - from) * samples * size];
            let place = (from - window.x as usize) * size..(to - window.x as usize) * size;
            for sample in 0..samples {
                let target = &mut output.row_bytes_mut(stretch.plane + sample, top + row)[place.clone()];
                samples::gather(stored, sample, samples, size, self.order, target);
            }
        }
    }

    fn fill_sparse(&self, stretch: &Stretch, output: &mut TileMut<'_>) -> Result<()> {
        let (layout, window) = (&self.layout, output.window());
        let from = (stretch.columns.start * layout.block.width).max(window.x as usize) - window.x as usize;
        let to = (stretch.columns.end * layout.block.width).min(window.x_end() as usize) - window.x as usize;
        let (first_row, rows) = self.rows_of(window, stretch.row);
        let top = stretch.row * layout.block.height + first_row - window.y as usize;
        swathe_core::with_sample!(layout.sample_type, T => {
            let value = self.info.nodata.and_then(<T as swathe_core::Sample>::from_scalar).unwrap_or_default();
            for band in stretch.plane..stretch.plane + layout.samples() {
                for row in top..top + rows {
                    output.row_mut::<T>(band, row)[from..to].fill(value);
                }
            }
        });
        Ok(())
    }

    /// Blocks that follow each other in the file from `column` on, up to `end` and the limit of one stretch.
    fn stretch_end(&self, plane: usize, row: usize, column: usize, end: usize) -> usize {
        let layout = &self.layout;
        let first = layout.at(layout.number(plane, column, row));
        let block_bytes = layout.block_bytes(layout.number(plane, column, row) as u64);
        let most = (STRETCH_BYTES / block_bytes.max(1)).max(1);
        let mut last = column + 1;
        while last < end && last - column < most {
            let next = layout.at(layout.number(plane, last, row));
            let follows = if first.is_sparse() {
                next.is_sparse()
            } else {
                next.offset == first.offset.wrapping_add((last - column) as u64 * block_bytes as u64)
                    && next.bytes as usize == block_bytes
            };
            if !follows {
                break;
            }
            last += 1;
        }
        last
    }
}

impl Source for TiffSource {
    fn info(&self) -> &RasterInfo {
        &self.info
    }

    fn name(&self) -> &str {
        self.file.name()
    }

    fn block(&self) -> Size {
        self.layout.block
    }

    fn resident_bytes(&self) -> usize {
        self.layout.table_bytes()
    }

    fn scratch_bytes(&self, window: Size) -> usize {
        match self.file.method() {
            AccessMethod::Mmap => 0,
            AccessMethod::Pread => ScratchSize::new().with::<u8>(self.stretch_bytes(window)).bytes(),
        }
    }

    fn mapped_bytes(&self, window: Size) -> usize {
        match self.file.method() {
            AccessMethod::Mmap => self.stretch_bytes(window) + (8 << 10),
            AccessMethod::Pread => 0,
        }
    }

    fn read(&self, output: &mut TileMut<'_>, scratch: &mut Frame<'_>) -> Result<()> {
        let (window, block) = (output.window(), self.layout.block);
        if window.is_empty() {
            return Ok(());
        }
        let buffer = match self.file.method() {
            AccessMethod::Mmap => &mut [],
            AccessMethod::Pread => scratch.take::<u8>(self.stretch_bytes(window.size())),
        };
        let columns = window.x as usize / block.width..(window.x_end() as usize).div_ceil(block.width);
        let rows = window.y as usize / block.height..(window.y_end() as usize).div_ceil(block.height);
        for plane in 0..self.layout.planes() {
            for row in rows.clone() {
                let mut column = columns.start;
                while column < columns.end {
                    let end = self.stretch_end(plane, row, column, columns.end);
                    self.read_stretch(&Stretch { plane, row, columns: column..end }, output, buffer)?;
                    column = end;
                }
            }
        }
        for y in 0..window.height {
            if let Some(mask) = output.mask_row_mut(y) {
                mask.fill(u8::MAX);
            }
        }
        Ok(())
    }

    fn check_unchanged(&self) -> Result<()> {
        self.file.check_unchanged()
    }

    fn method(&self) -> String {
        match self.file.method() {
            AccessMethod::Mmap => "mmap".into(),
            AccessMethod::Pread => "pread".into(),
        }
    }

    fn stored_bytes_read(&self) -> u64 {
        self.file.bytes_read()
    }

    fn stored_bytes(&self, window: Window) -> u64 {
        let whole = self.info.size.pixels() as f64;
        (self.layout.stored_bytes() as f64 * (window.size().pixels() as f64 / whole)) as u64
    }
}

impl TiffSource {
    /// The longest stretch that a window of this size can need.
    fn stretch_bytes(&self, window: Size) -> usize {
        let layout = &self.layout;
        let blocks = (window.width / layout.block.width + 2).min(layout.across());
        let block_bytes = layout.block.height * layout.row_bytes();
        // Of a single block only the rows in the window are read.
        let rows = window.height.min(layout.block.height) * layout.row_bytes();
        ((blocks - 1) * block_bytes).min(STRETCH_BYTES.saturating_sub(block_bytes))
            + if blocks > 1 { block_bytes } else { rows }
    }
}
