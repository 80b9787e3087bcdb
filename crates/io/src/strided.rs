//! Rasters whose samples lie at regular distances in one file: what NPY, ENVI and raw files have in common.

use swathe_core::{
    Destination, Disk, Error, Footprint, Frame, Journal, Position, RasterInfo, Result, Sample, SampleType,
    ScratchSize, Sharing, Sink, Size, Source, TileMut, TileView, Window, with_sample,
};

use crate::access::{AccessMethod, InputFile};
use crate::output::{OutputFile, OutputPlace, WriteBackRule, WriteMethod, publish};
use crate::samples;
use crate::tiff::directory::ByteOrder;
use crate::tiff::has_own_mask;

/// The most bytes that one reader or writer takes from the file, or gives to it, at once.
const AT_ONCE: usize = 256 << 10;

/// How bands, rows and columns follow each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interleave {
    /// Band after band, each row by row.
    #[default]
    Band,
    /// Row after row, each band by band.
    Line,
    /// Row after row, each pixel by pixel.
    Pixel,
    /// Band after band, each column by column (Fortran's order). Read only.
    Column,
}

/// Where samples lie in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Strides {
    pub(crate) size: Size,
    pub(crate) bands: usize,
    pub(crate) sample_type: SampleType,
    pub(crate) interleave: Interleave,
    pub(crate) order: ByteOrder,
    /// The first sample.
    pub(crate) offset: u64,
}

impl Strides {
    /// Bytes from the first sample to behind the last, or none where no file is so long.
    pub(crate) fn data_bytes(&self) -> Option<u64> {
        let pixels = (self.size.width as u64).checked_mul(self.size.height as u64)?;
        let samples = pixels.checked_mul(self.bands as u64)?;
        samples.checked_mul(self.sample_type.size() as u64).filter(|&bytes| bytes < 1 << 62)
    }

    /// Samples of one pixel side by side.
    fn samples(&self) -> usize {
        if self.interleave == Interleave::Pixel { self.bands } else { 1 }
    }

    /// Bytes of one pixel's samples that lie side by side.
    fn pixel_bytes(&self) -> usize {
        self.samples() * self.sample_type.size()
    }

    /// Bytes between rows of the same band (between columns, where columns follow each other).
    fn line_bytes(&self) -> u64 {
        let size = self.sample_type.size() as u64;
        let (width, height, bands) = (self.size.width as u64, self.size.height as u64, self.bands as u64);
        match self.interleave {
            Interleave::Band => width * size,
            Interleave::Line | Interleave::Pixel => width * bands * size,
            Interleave::Column => height * size,
        }
    }

    /// Where a band begins.
    fn band_start(&self, band: usize) -> u64 {
        let size = self.sample_type.size() as u64;
        self.offset
            + band as u64
                * match self.interleave {
                    Interleave::Band | Interleave::Column => {
                        self.size.width as u64 * self.size.height as u64 * size
                    }
                    Interleave::Line => self.size.width as u64 * size,
                    Interleave::Pixel => size,
                }
    }

    /// Where the pixels of a band, or of all, begin in a row.
    fn place(&self, band: usize, y: usize, x: usize) -> u64 {
        self.band_start(band) + y as u64 * self.line_bytes() + x as u64 * self.pixel_bytes() as u64
    }

    /// Planes that are read or written one after the other.
    fn planes(&self) -> usize {
        self.bands / self.samples()
    }
}

/// A file of regular samples to read.
#[derive(Debug)]
pub(crate) struct StridedSource {
    file: InputFile,
    info: RasterInfo,
    strides: Strides,
    format: &'static str,
}

impl StridedSource {
    /// The raster `info` in `file`, whose format's name is `format`.
    ///
    /// # Errors
    /// Damaged, where the file does not hold all of it, or its size makes no sense.
    pub(crate) fn new(
        file: InputFile,
        mut info: RasterInfo,
        strides: Strides,
        format: &'static str,
    ) -> Result<Self> {
        let bytes = strides.data_bytes().filter(|&bytes| bytes > 0).ok_or_else(|| {
            Error::damaged(format!(
                "`{}`: {} with {} bands of {}",
                file.name(),
                info.size,
                info.bands,
                info.sample_type
            ))
        })?;
        file.check_range(strides.offset, bytes)?;
        info.metadata.planar = match strides.interleave {
            Interleave::Band if info.bands > 1 => Some(true),
            Interleave::Pixel if info.bands > 1 => Some(false),
            _ => None,
        };
        Ok(StridedSource { file, info, strides, format })
    }

    /// Whether rows of the file hold samples of one band as they are in memory.
    fn lies_as_in_memory(&self) -> bool {
        let strides = &self.strides;
        let native = samples::is_native(strides.sample_type.size(), strides.order);
        native && strides.samples() == 1 && strides.interleave != Interleave::Column
    }

    /// Reads the part of some rows that a plane has in a window.
    fn read_rows(&self, plane: usize, output: &mut TileMut<'_>, buffer: &mut [u8]) -> Result<()> {
        let (strides, window) = (&self.strides, output.window());
        let (pixel, size) = (strides.pixel_bytes(), strides.sample_type.size());
        let (x, y) = (window.x as usize, window.y as usize);
        let line = strides.line_bytes();
        let wanted = window.width * pixel;
        // Rows that follow each other without a gap are read together.
        let together = if line == wanted as u64 { (AT_ONCE / wanted.max(1)).max(1) } else { 1 };
        let as_they_are = self.lies_as_in_memory();
        for first in (0..window.height).step_by(together) {
            let rows = together.min(window.height - first);
            if as_they_are
                && self.file.read_rows_at(
                    strides.place(plane, y + first, x),
                    output,
                    plane,
                    first..first + rows,
                )?
            {
                continue;
            }
            self.file.with_bytes(strides.place(plane, y + first, x), rows * wanted, buffer, |bytes| {
                for (row, bytes) in bytes.chunks_exact(wanted).enumerate() {
                    for sample in 0..strides.samples() {
                        let target = output.row_bytes_mut(plane + sample, first + row);
                        samples::gather(bytes, sample, strides.samples(), size, strides.order, target);
                    }
                }
            })?;
        }
        Ok(())
    }

    /// The same where columns follow each other.
    fn read_columns(&self, plane: usize, output: &mut TileMut<'_>, buffer: &mut [u8]) -> Result<()> {
        let (strides, window) = (&self.strides, output.window());
        let size = strides.sample_type.size();
        for column in 0..window.width {
            let from = strides.band_start(plane)
                + (window.x as u64 + column as u64) * strides.line_bytes()
                + window.y as u64 * size as u64;
            self.file.with_bytes(from, window.height * size, buffer, |bytes| {
                for (row, sample) in bytes.chunks_exact(size).enumerate() {
                    let target = &mut output.row_bytes_mut(plane, row)[column * size..][..size];
                    samples::gather(sample, 0, 1, size, strides.order, target);
                }
            })?;
        }
        Ok(())
    }

    /// Bytes that one reader takes at once.
    fn stretch_bytes(&self, window: Size) -> usize {
        let row = match self.strides.interleave {
            Interleave::Column => window.height,
            _ => window.width,
        };
        row.saturating_mul(self.strides.pixel_bytes()).max(AT_ONCE)
    }
}

impl Source for StridedSource {
    fn info(&self) -> &RasterInfo {
        &self.info
    }

    fn name(&self) -> &str {
        self.file.name()
    }

    fn block(&self) -> Size {
        match self.strides.interleave {
            Interleave::Column => Size::new(1, self.info.size.height),
            _ => Size::new(self.info.size.width, 1),
        }
    }

    fn resident_bytes(&self) -> usize {
        0
    }

    fn scratch_bytes(&self, window: Size) -> usize {
        match self.file.method() {
            AccessMethod::Mmap => 0,
            AccessMethod::Pread => ScratchSize::new().with::<u8>(self.stretch_bytes(window)).bytes(),
        }
    }

    fn mapped_bytes(&self, window: Size) -> usize {
        match self.file.method() {
            AccessMethod::Mmap => self.stretch_bytes(window).saturating_add(8 << 10),
            AccessMethod::Pread => 0,
        }
    }

    fn read(&self, output: &mut TileMut<'_>, scratch: &mut Frame<'_>) -> Result<()> {
        let window = output.window();
        if window.is_empty() {
            return Ok(());
        }
        let buffer = match self.file.method() {
            AccessMethod::Mmap => &mut [],
            AccessMethod::Pread => scratch.take::<u8>(self.stretch_bytes(window.size())),
        };
        for plane in 0..self.strides.planes() {
            match self.strides.interleave {
                Interleave::Column => self.read_columns(plane, output, buffer)?,
                _ => self.read_rows(plane, output, buffer)?,
            }
        }
        Ok(())
    }

    fn reads_straight(&self, _width: usize) -> bool {
        self.file.method() == AccessMethod::Pread && self.lies_as_in_memory()
    }

    fn check_unchanged(&self) -> Result<()> {
        self.file.check_unchanged()
    }

    fn method(&self) -> String {
        self.file.way()
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        let interleave = match self.strides.interleave {
            Interleave::Band => "band",
            Interleave::Line => "line",
            Interleave::Pixel => "pixel",
            Interleave::Column => "band, by columns",
        };
        vec![("format", self.format.to_owned()), ("interleave", interleave.to_owned())]
    }

    fn stored_bytes_read(&self) -> u64 {
        self.file.bytes_read()
    }

    fn stored_bytes(&self, window: Window) -> u64 {
        window.size().pixels() as u64 * (self.info.bands * self.info.sample_type.size()) as u64
    }
}

/// A small file that goes with an output and is put in place after it.
#[derive(Debug)]
pub(crate) struct Companion {
    pub(crate) place: OutputPlace,
    pub(crate) text: String,
}

/// A file of regular samples to write.
#[derive(Debug)]
pub(crate) struct StridedDestination {
    pub(crate) place: OutputPlace,
    pub(crate) strides: Strides,
    /// What stands before the samples.
    pub(crate) head: Vec<u8>,
    pub(crate) companion: Option<Companion>,
    /// What is written of a sample that a mask says is no data.
    pub(crate) masked: Option<Vec<u8>>,
    pub(crate) method: WriteMethod,
    pub(crate) writeback: WriteBackRule,
}

/// What samples under a mask become in a format without masks: the nodata value, or `NaN`; `None` where there is no mask
/// or a band carries it as opacity.
///
/// # Errors
/// Unsupported, where nothing in the raster's type stands for no data.
pub(crate) fn masked_sample(name: &str, info: &RasterInfo) -> Result<Option<Vec<u8>>> {
    if !has_own_mask(info) {
        return Ok(None);
    }
    with_sample!(info.sample_type, T => {
        let nodata = info.nodata.and_then(<T as Sample>::from_scalar);
        if nodata.is_none() && !info.sample_type.is_float() {
            return Err(Error::unsupported(format!(
                "`{name}`: this format holds no mask, and the raster has no nodata value of {} to stand for it; \
                 give the input one with `--nodata-value`, or write TIFF",
                info.sample_type.name()
            )));
        }
        Ok(Some(swathe_core::fill_value::<T>(info).to_ne_bytes().to_vec()))
    })
}

impl StridedDestination {
    fn stretch_bytes(&self, tile: Size) -> usize {
        tile.width.saturating_mul(self.strides.pixel_bytes()).max(AT_ONCE)
    }
}

impl Destination for StridedDestination {
    fn name(&self) -> &str {
        self.place.name()
    }

    fn block(&self) -> Size {
        Size::new(self.strides.size.width, 1)
    }

    fn whole_blocks(&self) -> bool {
        false
    }

    fn takes_stripes(&self) -> bool {
        true
    }

    fn file_bytes(&self) -> u64 {
        let companion = self.companion.as_ref().map_or(0, |companion| companion.text.len() as u64);
        self.strides.offset + self.strides.data_bytes().unwrap_or(u64::MAX / 2) + companion
    }

    fn disk(&self) -> Option<Disk> {
        self.place.disk()
    }

    fn sharing(&self) -> Option<Sharing> {
        Some(Sharing::OneFile)
    }

    fn needed_bytes(&self) -> u64 {
        self.place.needed_bytes(self.file_bytes())
    }

    fn resident_bytes(&self, _workers: usize) -> usize {
        0
    }

    fn scratch_bytes(&self, tile: Size) -> usize {
        ScratchSize::new().with::<u8>(self.stretch_bytes(tile)).bytes()
    }

    fn mapped_bytes(&self, tile: Size) -> usize {
        match self.method {
            WriteMethod::Pwrite => 0,
            WriteMethod::Mmap => self.stretch_bytes(tile).saturating_add(8 << 10),
        }
    }

    fn method(&self) -> String {
        self.place.way(self.method)
    }

    fn create(self: Box<Self>) -> Result<Box<dyn Sink>> {
        self.begin(&mut Footprint::default())
    }

    fn is_resumable(&self) -> bool {
        true
    }

    fn create_kept(mut self: Box<Self>, position: &Position, head: &mut Footprint) -> Result<Box<dyn Sink>> {
        self.place.keep(position);
        if let Some(companion) = &mut self.companion {
            companion.place.go_with(&self.place);
        }
        self.begin(head)
    }
}

impl StridedDestination {
    /// Begins the file and notes what is written of it in `footprint`.
    fn begin(self, footprint: &mut Footprint) -> Result<Box<dyn Sink>> {
        let StridedDestination { place, strides, head, companion, masked, method, writeback } = self;
        let bytes = strides.data_bytes().and_then(|bytes| bytes.checked_add(strides.offset));
        let bytes = bytes
            .ok_or_else(|| Error::limit(format!("`{}` would be larger than 2^62 bytes", place.name())))?;
        let file = place.create(bytes, method, writeback)?;
        if !head.is_empty() {
            file.write_at(0, &head, footprint)?;
        }
        Ok(Box::new(StridedSink { file, strides, bytes, masked, companion }))
    }
}

/// A file of regular samples while it is written.
#[derive(Debug)]
struct StridedSink {
    file: OutputFile,
    strides: Strides,
    bytes: u64,
    masked: Option<Vec<u8>>,
    companion: Option<Companion>,
}

impl StridedSink {
    fn write_plane(
        &self,
        plane: usize,
        tile: &TileView<'_>,
        buffer: &mut [u8],
        footprint: &mut Footprint,
    ) -> Result<()> {
        let (strides, window) = (&self.strides, tile.window());
        let (pixel, size) = (strides.pixel_bytes(), strides.sample_type.size());
        let (x, y) = (window.x as usize, window.y as usize);
        let row_bytes = window.width * pixel;
        let together =
            if strides.line_bytes() == row_bytes as u64 { (AT_ONCE / row_bytes.max(1)).max(1) } else { 1 };
        let as_they_are = strides.samples() == 1 && self.masked.is_none();
        for first in (0..window.height).step_by(together) {
            let rows = together.min(window.height - first);
            let place = strides.place(plane, y + first, x);
            if let Some(bytes) = tile.rows_bytes(plane, first, rows).filter(|_| as_they_are) {
                self.file.write_at(place, bytes, footprint)?;
                continue;
            }
            let bytes = &mut buffer[..rows * row_bytes];
            for (row, bytes) in bytes.chunks_exact_mut(row_bytes).enumerate() {
                for sample in 0..strides.samples() {
                    let from = tile.row_bytes(plane + sample, first + row);
                    samples::scatter(from, sample, strides.samples(), size, bytes);
                }
                if let (Some(fill), Some(mask)) = (&self.masked, tile.mask_row(first + row)) {
                    let empty = bytes.chunks_exact_mut(pixel).zip(mask).filter(|(_, flag)| **flag == 0);
                    empty.for_each(|(pixel, _)| {
                        pixel.chunks_exact_mut(size).for_each(|sample| sample.copy_from_slice(fill));
                    });
                }
            }
            self.file.write_at(place, bytes, footprint)?;
        }
        Ok(())
    }
}

impl Sink for StridedSink {
    fn write(
        &self,
        _sequence: u64,
        tile: &TileView<'_>,
        scratch: &mut Frame<'_>,
        footprint: &mut Footprint,
    ) -> Result<()> {
        let row = tile.window().width * self.strides.pixel_bytes();
        let buffer = scratch.take::<u8>(row.max(AT_ONCE));
        (0..self.strides.planes()).try_for_each(|plane| self.write_plane(plane, tile, buffer, footprint))
    }

    fn flush(&self) -> Result<()> {
        self.file.flush()
    }

    fn cancel(&self) {}

    fn stored_bytes_written(&self) -> u64 {
        self.file.bytes_written()
    }

    fn finish(self: Box<Self>, flush: bool, journal: Option<&dyn Journal>) -> Result<u64> {
        let StridedSink { file, bytes, companion, .. } = *self;
        let mut files = vec![(file, bytes)];
        if let Some(Companion { place, text }) = companion {
            let length = text.len() as u64;
            let file = place.create(length, WriteMethod::Pwrite, WriteBackRule::default())?;
            file.write_at(0, text.as_bytes(), &mut Footprint::default())?;
            files.push((file, length));
        }
        let bytes = files.iter().map(|(_, bytes)| bytes).sum();
        publish(files, flush, journal)?;
        Ok(bytes)
    }
}
