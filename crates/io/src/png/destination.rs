//! A raster as a PNG, from the top: 8 or 16 bits, one to four bands, a mask as opacity. Workers encode pieces side by side, and
//! take their places in the file in order.

use std::time::Instant;

use png::ColorType;
use swathe_core::{
    Destination, Disk, Error, Footprint, Frame, Journal, Position, RasterInfo, Result, SampleType,
    ScratchSize, Sink, Size, TileView, Turns,
};

use super::pieces::{Encoder, NO_BYTES, Pieces, head, joined, tail};
use crate::output::{OutputFile, OutputPlace, WriteBackRule, WriteMethod};
use crate::pool::Pool;
use crate::samples;
use crate::tiff::has_opacity;

/// PNG's sides have 31 bits.
const LONGEST_SIDE: usize = (1 << 31) - 1;
/// A chunk's length has 31 bits, and is that of a row at least.
const LONGEST_ROW: u64 = 1 << 30;

/// A PNG that is thought out.
#[derive(Debug)]
pub(crate) struct PngDestination {
    place: OutputPlace,
    info: RasterInfo,
    color: ColorType,
    pieces: Pieces,
    writeback: WriteBackRule,
}

/// Thinks out a PNG.
///
/// # Errors
/// Unsupported, for types and bands that no PNG holds; Limit, for sides that are too long.
pub(crate) fn plan(
    place: OutputPlace,
    info: &RasterInfo,
    writeback: WriteBackRule,
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
    let pixel_bytes = color.samples() * info.sample_type.size();
    if info.size.width.max(info.size.height) > LONGEST_SIDE
        || (info.size.width as u64).saturating_mul(pixel_bytes as u64) > LONGEST_ROW
    {
        return Err(Error::limit(format!("`{name}`: a PNG of {} is too large", info.size)));
    }
    let pieces = Pieces::new(info.size.width * pixel_bytes, pixel_bytes, info.size.height);
    Ok(PngDestination { place, info: info.clone(), color, pieces, writeback })
}

impl PngDestination {
    fn head(&self) -> Vec<u8> {
        let Size { width, height } = self.info.size;
        let depth = 8 * self.info.sample_type.size() as u8;
        head(width as u32, height as u32, depth, self.color as u8)
    }

    /// Begins the file, or goes on with it, and notes what is written of it in `footprint`.
    fn begin(self, position: &Position, footprint: &mut Footprint) -> Result<Box<dyn Sink>> {
        let (bytes, head) = (self.file_bytes(), self.head());
        let PngDestination { place, info, color, pieces, writeback } = self;
        let file = place.create(bytes, WriteMethod::Pwrite, writeback)?;
        file.write_at(0, &head, footprint)?;
        let written = match position.tiles {
            0 => Written { end: head.len() as u64, sum: NO_BYTES },
            _ => Written::of_carry(&position.carry)?,
        };
        let written = Turns::new(position.tiles, written);
        Ok(Box::new(PngSink { file, info, color, pieces, encoders: Pool::default(), written }))
    }
}

/// Where the file ends, and the checksum of all rows up to there.
#[derive(Clone, Copy, Debug)]
struct Written {
    end: u64,
    sum: u32,
}

impl Written {
    fn pack(self, carry: &mut Vec<u8>) {
        carry.extend(self.end.to_le_bytes());
        carry.extend(self.sum.to_le_bytes());
    }

    fn of_carry(carry: &[u8]) -> Result<Self> {
        let parts = carry.split_first_chunk::<8>().and_then(|(end, sum)| Some((*end, sum.try_into().ok()?)));
        let parts = parts.ok_or_else(|| Error::damaged("a journal does not say where a PNG ends"));
        parts.map(|(end, sum)| Written { end: u64::from_le_bytes(end), sum: u32::from_le_bytes(sum) })
    }
}

impl Destination for PngDestination {
    fn name(&self) -> &str {
        self.place.name()
    }

    fn block(&self) -> Size {
        Size::new(self.info.size.width, self.pieces.rows)
    }

    fn whole_blocks(&self) -> bool {
        true
    }

    fn full_width(&self) -> bool {
        true
    }

    fn file_bytes(&self) -> u64 {
        let pieces = self.info.size.height.div_ceil(self.pieces.rows) as u64;
        self.head().len() as u64 + pieces * self.pieces.most_bytes() as u64 + tail(NO_BYTES).len() as u64
    }

    fn may_take_less(&self) -> bool {
        true
    }

    fn disk(&self) -> Option<Disk> {
        self.place.disk()
    }

    fn resident_bytes(&self, workers: usize) -> usize {
        self.pieces.encoder_bytes().saturating_mul(workers)
    }

    fn scratch_bytes(&self, tile: Size) -> usize {
        let pieces = tile.height.div_ceil(self.pieces.rows);
        ScratchSize::new().with::<u8>(pieces.saturating_mul(self.pieces.most_bytes())).bytes()
    }

    fn mapped_bytes(&self, _tile: Size) -> usize {
        0
    }

    fn method(&self) -> String {
        format!("{}, deflate", self.place.way(WriteMethod::Pwrite))
    }

    fn create(self: Box<Self>) -> Result<Box<dyn Sink>> {
        self.begin(&Position::default(), &mut Footprint::default())
    }

    fn is_resumable(&self) -> bool {
        true
    }

    fn create_kept(mut self: Box<Self>, position: &Position, head: &mut Footprint) -> Result<Box<dyn Sink>> {
        self.place.keep(position);
        self.begin(position, head)
    }
}

/// A PNG being written.
struct PngSink {
    file: OutputFile,
    info: RasterInfo,
    color: ColorType,
    pieces: Pieces,
    encoders: Pool<Encoder>,
    written: Turns<Written>,
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
        let (height, rows) = (tile.window().height, self.pieces.rows);
        let out = scratch.take::<u8>(height.div_ceil(rows) * self.pieces.most_bytes());
        let begun = Instant::now();
        let (mut used, mut bytes, mut sum) = (0, 0, NO_BYTES);
        self.encoders.with(|encoder| {
            for first in (0..height).step_by(rows) {
                let fill = |y: usize, row: &mut [u8]| self.fill(tile, first + y, row);
                let piece = encoder.encode(self.pieces, rows.min(height - first), fill, &mut out[used..]);
                used += piece.0;
                sum = joined(sum, piece.1, piece.2);
                bytes += piece.2;
            }
        });
        footprint.add_encoding(begun.elapsed());
        let mut turn = self.written.wait_for(sequence, footprint)?;
        let place = turn.end;
        *turn = Written { end: place + used as u64, sum: joined(turn.sum, sum, bytes) };
        let written = *turn;
        turn.pass_on();
        self.file.write_at(place, &out[..used], footprint)?;
        if tile.window().y_end() == self.info.size.height as i64 {
            self.file.write_at(written.end, &tail(written.sum), footprint)?;
        }
        footprint.set_carry(|carry| written.pack(carry));
        Ok(())
    }

    fn flush(&self) -> Result<()> {
        self.file.flush()
    }

    fn cancel(&self) {
        self.written.cancel();
    }

    fn stored_bytes_written(&self) -> u64 {
        self.file.bytes_written()
    }

    fn finish(self: Box<Self>, flush: bool, journal: Option<&dyn Journal>) -> Result<u64> {
        let PngSink { file, written, .. } = *self;
        let Written { end, sum } = written.carried(|written| *written);
        let end = end + tail(sum).len() as u64;
        file.publish(end, flush, journal)?;
        Ok(end)
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
        let sink = Box::new(plan(place, &info, WriteBackRule::default()).unwrap()).create().unwrap();
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
        assert_eq!((frame.color_type, frame.bit_depth), (ColorType::Rgba, png::BitDepth::Sixteen));
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
            let error = plan(
                place(),
                &RasterInfo::new(Size::new(5, 4), bands, sample_type),
                WriteBackRule::default(),
            )
            .unwrap_err();
            assert_eq!(error.kind(), swathe_core::ErrorKind::Unsupported);
        }
    }
}
