//! A raster as a PNG, row by row from the top: 8 or 16 bits, one to four bands, a mask as opacity.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Instant;

use png::{BitDepth, ColorType, Encoder, EncodingError, StreamWriter};
use swathe_core::{
    Destination, Error, Footprint, Frame, Journal, Part, RasterInfo, Result, SampleType, ScratchSize, Sink,
    Size, TileView, Turns,
};

use crate::output::{OutputFile, OutputPlace, WriteMethod};
use crate::samples;
use crate::tiff::has_opacity;

/// PNG's sides have 31 bits.
const LONGEST_SIDE: usize = (1 << 31) - 1;
/// What the encoder holds: its window, its tables, and a chunk that is being filled.
const ENCODER_BYTES: usize = 1 << 20;
/// Bytes of compressed data in a chunk.
const CHUNK_BYTES: usize = 64 << 10;

/// A PNG that is thought out.
#[derive(Debug)]
pub(crate) struct PngDestination {
    place: OutputPlace,
    info: RasterInfo,
    color: ColorType,
    dirty_limit_bytes: Option<u64>,
}

/// Thinks out a PNG.
///
/// # Errors
/// Unsupported, for types and bands that no PNG holds; Limit, for sides that are too long.
pub(crate) fn plan(
    place: OutputPlace,
    info: &RasterInfo,
    dirty_limit_bytes: Option<u64>,
) -> Result<PngDestination> {
    let name = place.name();
    if !matches!(info.sample_type, SampleType::U8 | SampleType::U16) {
        return Err(Error::unsupported(format!(
            "`{name}`: a PNG holds u8 or u16, not {}: `cast` or `stretch` it first",
            info.sample_type.name()
        )));
    }
    let opacity = has_opacity(info);
    let color = match (info.bands, opacity || info.mask) {
        (1, false) => ColorType::Grayscale,
        (1, true) if !opacity => ColorType::GrayscaleAlpha,
        (2, _) if opacity => ColorType::GrayscaleAlpha,
        (3, false) => ColorType::Rgb,
        (3, true) if !opacity => ColorType::Rgba,
        (4, _) if opacity => ColorType::Rgba,
        (bands, _) => {
            return Err(Error::unsupported(format!(
                "`{name}`: a PNG holds one or three bands and opacity, not {bands} bands: choose some with `copy --bands`"
            )));
        }
    };
    if info.size.width > LONGEST_SIDE || info.size.height > LONGEST_SIDE {
        return Err(Error::limit(format!("`{name}`: a PNG of {} is too large", info.size)));
    }
    Ok(PngDestination { place, info: info.clone(), color, dirty_limit_bytes })
}

impl PngDestination {
    fn row_bytes(&self) -> usize {
        self.info.size.width * self.color.samples() * self.info.sample_type.size()
    }
}

impl Destination for PngDestination {
    fn name(&self) -> &str {
        self.place.name()
    }

    fn block(&self) -> Size {
        Size::new(self.info.size.width, 1)
    }

    fn whole_blocks(&self) -> bool {
        false
    }

    fn full_width(&self) -> bool {
        true
    }

    fn file_bytes(&self) -> u64 {
        // Data that can't be compressed grows by a filter byte a row, five bytes for each block of deflate and twelve a chunk.
        let bytes = (self.row_bytes() as u64 + 1) * self.info.size.height as u64;
        bytes + bytes / 512 + (64 << 10)
    }

    fn free_bytes(&self) -> Option<u64> {
        self.place.free_bytes()
    }

    fn resident_bytes(&self, _workers: usize) -> usize {
        // The encoder keeps the row before and tries its filters on copies.
        self.row_bytes().saturating_mul(8).saturating_add(ENCODER_BYTES)
    }

    fn scratch_bytes(&self, _tile: Size) -> usize {
        ScratchSize::new().with::<u8>(self.row_bytes()).bytes()
    }

    fn mapped_bytes(&self, _tile: Size) -> usize {
        0
    }

    fn method(&self) -> String {
        format!("{}, deflate", self.place.way(WriteMethod::Pwrite))
    }

    fn create(self: Box<Self>) -> Result<Box<dyn Sink>> {
        let bytes = self.file_bytes();
        let PngDestination { place, info, color, dirty_limit_bytes } = *self;
        let name = place.name().to_owned();
        let file = Arc::new(place.create(bytes, WriteMethod::Pwrite, dirty_limit_bytes)?);
        let (width, height) = (info.size.width as u32, info.size.height as u32);
        let mut encoder = Encoder::new(Appended { file: Arc::clone(&file), end: 0 }, width, height);
        encoder.set_color(color);
        encoder.set_depth(if info.sample_type == SampleType::U8 {
            BitDepth::Eight
        } else {
            BitDepth::Sixteen
        });
        let rows = encoder.write_header().and_then(|writer| writer.into_stream_writer_with_size(CHUNK_BYTES));
        let rows = rows.map_err(|error| cannot_encode(&name, error))?;
        let rows = Turns::new(0, Some(rows));
        Ok(Box::new(PngSink { name, file, info, color, rows }))
    }
}

fn cannot_encode(name: &str, error: EncodingError) -> Error {
    match error {
        EncodingError::IoError(error) => match error.downcast::<Error>() {
            Ok(error) => error,
            Err(error) => Error::io(format_args!("cannot write `{name}`"), error),
        },
        error => Error::bug(format!("cannot encode `{name}` as PNG: {error}")),
    }
}

/// Writes to the end of the output.
struct Appended {
    file: Arc<OutputFile>,
    end: u64,
}

impl Write for Appended {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_at(self.end, bytes, &mut Footprint::default()).map_err(io::Error::other)?;
        self.end += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A PNG being written.
struct PngSink {
    name: String,
    file: Arc<OutputFile>,
    info: RasterInfo,
    color: ColorType,
    /// Encoded by one tile after the other.
    rows: Turns<Option<StreamWriter<'static, Appended>>>,
}

impl PngSink {
    /// Puts row `y` of a tile into `row` as the file has it: band beside band, then opacity, the higher byte first.
    fn fill(&self, tile: &TileView<'_>, y: usize, row: &mut [u8]) {
        let (size, count) = (self.info.sample_type.size(), self.color.samples());
        for band in 0..tile.bands() {
            samples::scatter(tile.row_bytes(band, y), band, count, size, row);
        }
        if count > tile.bands() {
            let mask = tile.mask_row(y);
            for (x, pixel) in row.chunks_exact_mut(count * size).enumerate() {
                let valid = mask.is_none_or(|mask| mask[x] != 0);
                pixel[tile.bands() * size..].fill(if valid { 0xFF } else { 0 });
            }
        }
        if size == 2 {
            row.chunks_exact_mut(2).for_each(|sample| {
                let value = u16::from_ne_bytes([sample[0], sample[1]]);
                sample.copy_from_slice(&value.to_be_bytes());
            });
        }
    }
}

impl Sink for PngSink {
    fn write(
        &self,
        sequence: u64,
        tile: &TileView<'_>,
        scratch: &mut Frame<'_>,
        footprint: &mut Footprint,
    ) -> Result<()> {
        let row =
            scratch.take::<u8>(self.info.size.width * self.color.samples() * self.info.sample_type.size());
        let mut turn = self.rows.wait_for(sequence, footprint)?;
        let begun = Instant::now();
        let rows = turn.as_mut().ok_or_else(|| Error::bug("a PNG was finished before its last row"))?;
        for y in 0..tile.window().height {
            self.fill(tile, y, row);
            rows.write_all(row).map_err(|error| cannot_encode(&self.name, EncodingError::IoError(error)))?;
        }
        footprint.add_encoding(begun.elapsed());
        turn.pass_on();
        Ok(())
    }

    fn cancel(&self) {
        self.rows.cancel();
    }

    fn stored_bytes_written(&self) -> u64 {
        self.file.bytes_written()
    }

    fn finish(self: Box<Self>, flush: bool, journal: Option<&dyn Journal>) -> Result<u64> {
        let PngSink { name, file, rows, .. } = *self;
        let rows = rows.carried(Option::take).ok_or_else(|| Error::bug("a PNG was finished twice"))?;
        rows.finish().map_err(|error| cannot_encode(&name, error))?;
        let file = Arc::into_inner(file).ok_or_else(|| Error::bug("a PNG's file is still in use"))?;
        let bytes = file.bytes_written();
        if let Some(journal) = journal {
            let mut whole = Footprint::new(true);
            file.note(0..bytes, &mut whole)?;
            journal.record(Part::Head, &whole)?;
        }
        file.publish(bytes, flush, journal)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Existing;
    use swathe_core::{Scratch, TileBuffer, Window};

    /// Writes a raster of two bands of rows in two tiles, and reads it with the crate's decoder.
    #[test]
    fn rows_and_opacity_are_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png").to_string_lossy().into_owned();
        let mut info = RasterInfo::new(Size::new(5, 4), 3, SampleType::U16);
        info.mask = true;
        let place = OutputPlace::new(&path, Existing::Refused, &[]).unwrap();
        let sink = Box::new(plan(place, &info, None).unwrap()).create().unwrap();
        let value = |band: usize, x: usize, y: usize| (band * 20_000 + y * 300 + x) as u16;
        for (sequence, first) in [(0, 0), (1, 3)] {
            let window = Window::new(0, first, 5, if first == 0 { 3 } else { 1 });
            let mut tile = TileBuffer::new(window, info.kind());
            let mut view = tile.view_mut();
            for y in 0..window.height {
                for band in 0..3 {
                    for (x, sample) in view.row_mut::<u16>(band, y).iter_mut().enumerate() {
                        *sample = value(band, x, y + first as usize);
                    }
                }
                let valid = [1, 1, 0, 1, 1];
                view.mask_row_mut(y).unwrap().copy_from_slice(&valid);
            }
            let mut scratch = Scratch::default();
            scratch.reserve(1 << 12);
            sink.write(sequence, &tile.view(), &mut scratch.frame(), &mut Footprint::default()).unwrap();
        }
        let bytes = sink.finish(false, None).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), bytes);
        let decoder = png::Decoder::new(std::io::BufReader::new(std::fs::File::open(&path).unwrap()));
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((frame.color_type, frame.bit_depth), (ColorType::Rgba, BitDepth::Sixteen));
        let samples = pixels
            .chunks_exact(2)
            .map(|sample| u16::from_be_bytes([sample[0], sample[1]]))
            .collect::<Vec<_>>();
        for (index, pixel) in samples.chunks_exact(4).enumerate() {
            let (x, y) = (index % 5, index / 5);
            let opacity = if x == 2 { 0 } else { u16::MAX };
            assert_eq!(pixel, [value(0, x, y), value(1, x, y), value(2, x, y), opacity]);
        }
    }

    #[test]
    fn what_no_png_holds_is_refused() {
        let place = || OutputPlace::new("a.png", Existing::Refused, &[]).unwrap();
        for (bands, sample_type) in [(1, SampleType::F32), (2, SampleType::U8), (5, SampleType::U8)] {
            let error =
                plan(place(), &RasterInfo::new(Size::new(5, 4), bands, sample_type), None).unwrap_err();
            assert_eq!(error.kind(), swathe_core::ErrorKind::Unsupported);
        }
    }
}
