//! A raster on disk between two passes: one writes it by tiles, by rows or by columns, and the next reads any windows.
//!
//! ```text
//! columns | 0 .. B | B .. 2B | ...        one block after the other, each with all of its rows:
//! file    | row 0, row 1, ... | row 0, row 1, ... |
//! ```
//! A tile as wide as the raster is written in stretches of `B x rows` samples, a tile as high as the raster in one:
//! this is the transpose, cut into blocks. Tiles of any height that are whole blocks wide, and windows with a halo, are a
//! stretch in each block. Bands lie one behind the other, and the mask, where there is one, behind them. The file has no
//! name from the beginning, so that nothing is left of it however the process ends.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use rustix::fs::FallocateFlags;
use rustix::io::Errno;
use swathe_core::{
    Destination, Disk, Error, Footprint, Frame, Journal, RasterInfo, Result, ScratchSize, Sink, Size, Source,
    TileMut, TileView, Window,
};

use crate::file_system::{self, SCRATCH_IS_FULL};
use crate::output::{WriteBack, WriteBackRule};

/// Bytes that are read or written at once where a block is put together from rows.
const PIECE_BYTES: usize = 256 << 10;
/// The least height of tiles as wide as the raster, so that even those of very wide rasters fit a budget.
const LEAST_ROWS: usize = 16;

/// The raster's layout, and its file once it is begun.
#[derive(Debug)]
pub struct Interim {
    info: RasterInfo,
    /// The rows of the raster that the file holds.
    rows: Range<usize>,
    block_columns: usize,
    name: String,
    folder: PathBuf,
    file: OnceLock<File>,
    writeback: WriteBack,
    read: AtomicU64,
    written: AtomicU64,
}

impl Interim {
    /// A raster in blocks of so many columns, or as wide as it is where that is less; nothing is made yet.
    ///
    /// # Errors
    /// Bug, for blocks of no columns; Usage, where `folder` is none; Limit, where the file would be larger than 2^63 bytes.
    pub fn new(
        name: &str,
        info: RasterInfo,
        block_columns: usize,
        folder: PathBuf,
        writeback: WriteBackRule,
    ) -> Result<Arc<Self>> {
        let rows = 0..info.size.height;
        Interim::of_rows(name, (info, rows), block_columns, folder, writeback)
    }

    /// The same, of which nobody writes or reads any but these rows.
    ///
    /// # Errors
    /// As [`Interim::new`]; Bug, for rows that there are not.
    pub fn of_rows(
        name: &str,
        (info, rows): (RasterInfo, Range<usize>),
        block_columns: usize,
        folder: PathBuf,
        writeback: WriteBackRule,
    ) -> Result<Arc<Self>> {
        if block_columns == 0 || rows.start > rows.end || rows.end > info.size.height {
            return Err(Error::bug(format!(
                "no interim raster has blocks of {block_columns} columns and rows {rows:?}: {info:?}"
            )));
        }
        if !folder.is_dir() {
            return Err(Error::usage(format!("--scratch: `{}` is not a folder", folder.display())));
        }
        info.pixel_bytes()?;
        Ok(Arc::new(Interim {
            block_columns: block_columns.min(info.size.width),
            info,
            rows,
            name: name.to_owned(),
            folder,
            file: OnceLock::new(),
            writeback: WriteBack::new(writeback),
            read: AtomicU64::new(0),
            written: AtomicU64::new(0),
        }))
    }

    /// Bytes that the file takes.
    pub fn bytes(&self) -> u64 {
        let samples =
            self.info.bands as u64 * self.info.sample_type.size() as u64 + u64::from(self.info.mask);
        // No more than the whole raster, which was looked at when it was thought out, and its mask.
        self.pixels().saturating_mul(samples)
    }

    /// Where the file will lie.
    pub fn disk(&self) -> Option<Disk> {
        file_system::disk(&self.folder)
    }

    /// Makes the file and reserves its bytes, where that has not been done.
    ///
    /// # Errors
    /// Limit, where the disk is too small; Io, where the folder cannot be written.
    pub fn reserve(&self) -> Result<()> {
        if self.file.get().is_some() {
            return Ok(());
        }
        let folder = self.folder.display();
        let file = tempfile::tempfile_in(&self.folder).map_err(|error| {
            Error::io(format_args!("cannot write into the scratch folder `{folder}`"), error)
        })?;
        let bytes = self.bytes();
        match rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, bytes.max(1)) {
            Ok(()) => {}
            Err(Errno::NOSPC | Errno::DQUOT | Errno::FBIG) => {
                return Err(Error::limit(format!(
                    "{} needs {} MiB in the scratch folder `{folder}`, and {} MiB are free there; \
                     `--scratch DIR` names another",
                    self.name,
                    bytes.div_ceil(1 << 20),
                    self.disk().map_or(0, |disk| disk.free_bytes) >> 20
                )));
            }
            // Some file systems cannot reserve.
            Err(_) => file.set_len(bytes).map_err(|error| {
                Error::io(format_args!("cannot make a file of {bytes} bytes in `{folder}`"), error)
            })?,
        }
        // Another caller's file, if there is one, is as good.
        let _ = self.file.set(file);
        Ok(())
    }

    /// Pixels of a plane that the file holds.
    fn pixels(&self) -> u64 {
        self.info.size.width as u64 * self.rows.len() as u64
    }

    /// Checks that the file holds the rows of a window.
    fn check_rows(&self, window: Window) -> Result<()> {
        let (first, end) = (self.rows.start as i64, self.rows.end as i64);
        if window.y < first || window.y_end() > end {
            return Err(Error::bug(format!(
                "{} holds rows {first} to {end}, not all of {window}",
                self.name
            )));
        }
        Ok(())
    }

    fn file(&self) -> Result<&File> {
        self.file.get().ok_or_else(|| Error::bug(format!("{} is used before it is reserved", self.name)))
    }

    /// Bytes of a sample of each band, and of the mask.
    fn planes(&self) -> impl Iterator<Item = (Plane, usize)> + use<> {
        let sample = self.info.sample_type.size();
        let mask = self.info.mask.then_some((Plane::Mask, 1));
        (0..self.info.bands).map(move |band| (Plane::Band(band), sample)).chain(mask)
    }

    /// Where a row of a block of a plane begins.
    fn offset(&self, (plane, sample): (Plane, usize), piece: &Piece) -> u64 {
        let bands = match plane {
            Plane::Band(band) => band,
            Plane::Mask => self.info.bands,
        };
        let before = (piece.block * self.block_columns) as u64 * self.rows.len() as u64
            + ((piece.row - self.rows.start) * piece.block_width) as u64;
        bands as u64 * self.pixels() * self.info.sample_type.size() as u64 + before * sample as u64
    }

    /// Rows that are moved at once.
    fn rows_at_once(&self) -> usize {
        (PIECE_BYTES / (self.block_columns * self.info.sample_type.size())).max(1)
    }

    fn buffer_bytes(&self) -> usize {
        self.rows_at_once() * self.block_columns * self.info.sample_type.size()
    }

    /// The stretches of the file that a window lies in.
    fn pieces(&self, window: Window) -> impl Iterator<Item = Piece> + use<> {
        let (columns, width) = (self.block_columns, self.info.size.width);
        let (x, x_end) = (window.x as usize, window.x_end() as usize);
        let (y, height, at_once) = (window.y as usize, window.height, self.rows_at_once());
        (x / columns..x_end.div_ceil(columns)).flat_map(move |block| {
            let (start, end) = ((block * columns).max(x), ((block + 1) * columns).min(x_end));
            (0..height).step_by(at_once).map(move |first| Piece {
                block,
                block_width: columns.min(width - block * columns),
                row: y + first,
                rows: at_once.min(height - first),
                first,
                in_block: start - block * columns,
                in_window: start - x,
                columns: end - start,
            })
        })
    }

    fn cannot(&self, what: &str, error: std::io::Error) -> Error {
        Error::io(format_args!("cannot {what} the scratch file in `{}`", self.folder.display()), error)
            .where_full(SCRATCH_IS_FULL)
    }
}

/// What lies in the file by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plane {
    Band(usize),
    Mask,
}

/// Rows of a block that are moved at once.
struct Piece {
    block: usize,
    /// Columns of the block; the last one may be narrower.
    block_width: usize,
    /// The first row, in the raster.
    row: usize,
    rows: usize,
    /// The first row, in the window.
    first: usize,
    in_block: usize,
    in_window: usize,
    columns: usize,
}

/// An [`Interim`] raster to be read.
#[derive(Debug)]
pub struct InterimSource(pub Arc<Interim>);

impl Source for InterimSource {
    fn info(&self) -> &RasterInfo {
        &self.0.info
    }

    fn name(&self) -> &str {
        &self.0.name
    }

    fn block(&self) -> Size {
        Size::new(self.0.block_columns, LEAST_ROWS)
    }

    fn resident_bytes(&self) -> usize {
        0
    }

    fn scratch_bytes(&self, _window: Size) -> usize {
        ScratchSize::new().with::<u8>(self.0.buffer_bytes()).bytes()
    }

    fn mapped_bytes(&self, _window: Size) -> usize {
        0
    }

    fn read(&self, output: &mut TileMut<'_>, scratch: &mut Frame<'_>) -> Result<()> {
        let interim = &self.0;
        interim.check_rows(output.window())?;
        let file = interim.file()?;
        let buffer = scratch.take::<u8>(interim.buffer_bytes());
        for (plane, sample) in interim.planes() {
            for piece in interim.pieces(output.window()) {
                let stride = piece.block_width * sample;
                let bytes = &mut buffer[..piece.rows * stride];
                file.read_exact_at(bytes, interim.offset((plane, sample), &piece))
                    .map_err(|error| interim.cannot("read", error))?;
                interim.read.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                for (row, bytes) in bytes.chunks_exact(stride).enumerate() {
                    let part = &bytes[piece.in_block * sample..][..piece.columns * sample];
                    let row = match plane {
                        Plane::Band(band) => output.row_bytes_mut(band, piece.first + row),
                        Plane::Mask => output
                            .mask_row_mut(piece.first + row)
                            .ok_or_else(|| Error::bug("a raster with a mask was read without"))?,
                    };
                    row[piece.in_window * sample..][..part.len()].copy_from_slice(part);
                }
            }
        }
        Ok(())
    }

    fn check_unchanged(&self) -> Result<()> {
        Ok(())
    }

    fn method(&self) -> String {
        "pread of a scratch file".into()
    }

    fn stored_bytes_read(&self) -> u64 {
        self.0.read.load(Ordering::Relaxed)
    }

    fn stored_bytes(&self, window: Window) -> u64 {
        let mask = u64::from(self.0.info.mask);
        let pixel = (self.0.info.bands * self.0.info.sample_type.size()) as u64 + mask;
        window.size().pixels() as u64 * pixel
    }
}

/// Which tiles an [`Interim`] raster is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Rows,
    Columns,
    Blocks,
}

/// An [`Interim`] raster to be written.
#[derive(Debug)]
pub struct InterimDestination {
    interim: Arc<Interim>,
    shape: Shape,
}

impl InterimDestination {
    /// In tiles as wide as the raster.
    pub fn by_rows(interim: Arc<Interim>) -> Self {
        InterimDestination { interim, shape: Shape::Rows }
    }

    /// In tiles of any height that are whole blocks wide.
    pub fn by_blocks(interim: Arc<Interim>) -> Self {
        InterimDestination { interim, shape: Shape::Blocks }
    }

    /// In tiles as high as the raster, of whole blocks.
    pub fn by_columns(interim: Arc<Interim>) -> Self {
        InterimDestination { interim, shape: Shape::Columns }
    }
}

impl Destination for InterimDestination {
    fn name(&self) -> &str {
        &self.interim.name
    }

    fn block(&self) -> Size {
        let rows = match self.shape {
            Shape::Rows | Shape::Blocks => LEAST_ROWS,
            Shape::Columns => self.interim.info.size.height,
        };
        Size::new(self.interim.block_columns, rows)
    }

    fn whole_blocks(&self) -> bool {
        self.shape != Shape::Rows
    }

    fn full_width(&self) -> bool {
        self.shape == Shape::Rows
    }

    fn takes_stripes(&self) -> bool {
        self.shape == Shape::Blocks
    }

    fn file_bytes(&self) -> u64 {
        self.interim.bytes()
    }

    fn disk(&self) -> Option<Disk> {
        self.interim.disk()
    }

    fn resident_bytes(&self, _workers: usize) -> usize {
        0
    }

    fn scratch_bytes(&self, _tile: Size) -> usize {
        ScratchSize::new().with::<u8>(self.interim.buffer_bytes()).bytes()
    }

    fn mapped_bytes(&self, _tile: Size) -> usize {
        0
    }

    fn method(&self) -> String {
        "pwrite of a scratch file".into()
    }

    fn create(self: Box<Self>) -> Result<Box<dyn Sink>> {
        self.interim.reserve()?;
        Ok(self)
    }
}

impl Sink for InterimDestination {
    fn write(
        &self,
        _sequence: u64,
        tile: &TileView<'_>,
        scratch: &mut Frame<'_>,
        _footprint: &mut Footprint,
    ) -> Result<()> {
        let interim = &self.interim;
        interim.check_rows(tile.window())?;
        let file = interim.file()?;
        let buffer = scratch.take::<u8>(interim.buffer_bytes());
        for (plane, sample) in interim.planes() {
            for piece in interim.pieces(tile.window()) {
                if piece.columns != piece.block_width {
                    return Err(Error::bug(format!("a part of a block of {} was written", interim.name)));
                }
                let stride = piece.block_width * sample;
                let bytes = &mut buffer[..piece.rows * stride];
                for (row, bytes) in bytes.chunks_exact_mut(stride).enumerate() {
                    let from = match plane {
                        Plane::Band(band) => tile.row_bytes(band, piece.first + row),
                        Plane::Mask => tile
                            .mask_row(piece.first + row)
                            .ok_or_else(|| Error::bug("a raster with a mask was written without"))?,
                    };
                    bytes.copy_from_slice(&from[piece.in_window * sample..][..stride]);
                }
                let offset = interim.offset((plane, sample), &piece);
                file.write_all_at(bytes, offset).map_err(|error| interim.cannot("write", error))?;
                interim.written.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                interim.writeback.note(file, offset..offset + bytes.len() as u64);
            }
        }
        Ok(())
    }

    fn cancel(&self) {}

    fn stored_bytes_written(&self) -> u64 {
        self.interim.written.load(Ordering::Relaxed)
    }

    fn finish(self: Box<Self>, _flush: bool, _journal: Option<&dyn Journal>) -> Result<u64> {
        Ok(self.interim.bytes())
    }
}

#[cfg(test)]
mod tests {
    use swathe_core::{SampleType, Scratch, TileBuffer};

    use super::*;

    fn tile(info: &RasterInfo, window: Window, value: impl Fn(i64, i64) -> f32) -> TileBuffer {
        let mut tile = TileBuffer::new(window, info.kind());
        for y in 0..window.height {
            for (x, sample) in tile.view_mut().row_mut::<f32>(0, y).iter_mut().enumerate() {
                *sample = value(window.x + x as i64, window.y + y as i64);
            }
        }
        tile
    }

    #[test]
    fn what_is_written_by_rows_is_read_by_columns() {
        let info = RasterInfo::new(Size::new(24, 1000), 1, SampleType::F32);
        let rule = WriteBackRule { limit_bytes: Some(1 << 20), early: false };
        let interim = Interim::new("it", info.clone(), 8, std::env::temp_dir(), rule).unwrap();
        let value = |x: i64, y: i64| (1000 * x + y) as f32;
        let (rows, columns) =
            (InterimDestination::by_rows(interim.clone()), InterimDestination::by_columns(interim.clone()));
        let mut scratch = Scratch::with_capacity(rows.scratch_bytes(info.size));
        let sink = Box::new(rows).create().unwrap();
        for y in [0, 400, 800] {
            let window = Window::new(0, y, 24, 400).intersect(info.window());
            sink.write(
                0,
                &tile(&info, window, value).view(),
                &mut scratch.frame(),
                &mut Footprint::default(),
            )
            .unwrap();
        }
        let sink = Box::new(columns).create().unwrap();
        let middle = Window::new(8, 0, 8, 1000);
        sink.write(
            0,
            &tile(&info, middle, |x, y| -value(x, y)).view(),
            &mut scratch.frame(),
            &mut Footprint::default(),
        )
        .unwrap();
        assert_eq!(sink.stored_bytes_written(), 24 * 4000 + 8 * 4000);
        for window in [Window::new(0, 0, 24, 1000), Window::new(3, 17, 18, 900), Window::new(10, 999, 3, 1)] {
            let mut found = TileBuffer::new(window, info.kind());
            InterimSource(interim.clone()).read(&mut found.view_mut(), &mut scratch.frame()).unwrap();
            let expected =
                tile(&info, window, |x, y| if (8..16).contains(&x) { -value(x, y) } else { value(x, y) });
            for y in 0..window.height {
                assert_eq!(
                    found.view().row::<f32>(0, y),
                    expected.view().row::<f32>(0, y),
                    "{window}, row {y}"
                );
            }
        }
    }

    #[test]
    fn a_band_takes_the_bytes_of_its_rows() {
        let info = RasterInfo { mask: true, ..RasterInfo::new(Size::new(20, 1 << 40), 2, SampleType::U8) };
        let rows = 1_000_000..1_000_050;
        let rule = WriteBackRule::default();
        let interim = Interim::of_rows("it", (info.clone(), rows), 8, std::env::temp_dir(), rule).unwrap();
        assert_eq!(interim.bytes(), 20 * 50 * 3);
        let destination = InterimDestination::by_blocks(interim.clone());
        let mut scratch = Scratch::with_capacity(destination.scratch_bytes(info.size));
        let sink = Box::new(destination).create().unwrap();
        let window = Window::new(0, 1_000_000, 20, 50);
        let mut tile = TileBuffer::new(window, info.kind());
        let value = |plane: usize, x: usize, y: usize| (plane * 91 + x + 20 * y) as u8;
        for y in 0..50 {
            for band in 0..2 {
                let mut view = tile.view_mut();
                for (x, sample) in view.row_mut::<u8>(band, y).iter_mut().enumerate() {
                    *sample = value(band, x, y);
                }
            }
            for (x, sample) in tile.view_mut().mask_row_mut(y).unwrap().iter_mut().enumerate() {
                *sample = value(2, x, y);
            }
        }
        sink.write(0, &tile.view(), &mut scratch.frame(), &mut Footprint::default()).unwrap();
        let mut found = TileBuffer::new(Window::new(5, 1_000_003, 12, 47), info.kind());
        let source = InterimSource(interim);
        source.read(&mut found.view_mut(), &mut scratch.frame()).unwrap();
        for y in 0..47 {
            for x in 0..12 {
                let expected = [0, 1, 2].map(|plane| value(plane, x + 5, y + 3));
                let view = found.view();
                let (of, mask) = (|band| view.row::<u8>(band, y)[x], view.mask_row(y).unwrap()[x]);
                assert_eq!([of(0), of(1), mask], expected, "{x},{y}");
            }
        }
        let mut beyond = TileBuffer::new(Window::new(0, 1_000_040, 4, 11), info.kind());
        let error = source.read(&mut beyond.view_mut(), &mut scratch.frame()).unwrap_err();
        assert_eq!(error.kind(), swathe_core::ErrorKind::Bug, "{error}");
    }

    #[test]
    fn a_disk_that_is_too_small_is_told_of_before() {
        let info = RasterInfo::new(Size::new(1 << 24, 1 << 26), 1, SampleType::F32);
        let rule = WriteBackRule::default();
        let interim = Interim::new("the spectrum", info, 1 << 10, std::env::temp_dir(), rule).unwrap();
        let error = interim.reserve().unwrap_err();
        assert!(error.to_string().contains("--scratch"), "{error}");
    }
}
