//! Writes compressed TIFF and BigTIFF: workers compress their blocks side by side, and take their places in the file in
//! the order in which tiles were handed out; tiles fill one row of blocks before the next, so that the file is the same for
//! any tiles, workers and budget.

use swathe_core::{
    Destination, Disk, Error, Footprint, Frame, Journal, Position, RasterInfo, Result, Sink, Size, TileView,
};

use crate::output::{OutputFile, OutputPlace, WriteMethod};
use crate::tiff::compress::{Compression, WritePredictor};
use crate::tiff::encoded::{Appender, Coding, Pages, fill_bytes};
use crate::tiff::write::{CLASSIC_BYTES, TiffLayout};

/// A compressed TIFF that is thought out.
#[derive(Debug)]
pub(crate) struct CompressedDestination {
    place: OutputPlace,
    layout: TiffLayout,
    compression: Compression,
    /// One sample of a block that is left out.
    fill: Option<Vec<u8>>,
    pages: Pages,
    file_bytes: u64,
}

impl CompressedDestination {
    /// Thinks out a TIFF; blocks of nothing but nodata (or 0) are left out where `sparse` says so.
    ///
    /// # Errors
    /// Usage, where codec, predictor and type do not go together; Limit, where a classic TIFF was asked for and may be too
    /// small, or no file is so large.
    pub(crate) fn new(
        place: OutputPlace,
        info: &RasterInfo,
        layout: TiffLayout,
        (compression, predictor): (Compression, WritePredictor),
        sparse: bool,
    ) -> Result<Self> {
        let too_large = || Error::limit(format!("a TIFF of {} is larger than 2^61 bytes", info.size));
        let laid_out = |big: bool| {
            let coding = Coding { compression, predictor, big, framed: false };
            let pages = Pages::new(info, &[info.size], true, layout, coding)?;
            let bytes = pages.end + pages.first().most_bytes().ok_or_else(too_large)?;
            Ok::<_, Error>((pages, bytes))
        };
        let (mut pages, mut file_bytes) = laid_out(layout.big.unwrap_or(false))?;
        if file_bytes > CLASSIC_BYTES && layout.big != Some(true) {
            if layout.big == Some(false) {
                return Err(Error::limit(format!(
                    "a classic TIFF holds 4 GiB; this one may need {} MiB: use `--bigtiff auto`",
                    file_bytes >> 20
                )));
            }
            (pages, file_bytes) = laid_out(true)?;
        }
        let fill = sparse.then(|| fill_bytes(info));
        Ok(CompressedDestination { place, layout, compression, fill, pages, file_bytes })
    }
}

impl Destination for CompressedDestination {
    fn name(&self) -> &str {
        self.place.name()
    }

    fn block(&self) -> Size {
        self.layout.block
    }

    fn whole_blocks(&self) -> bool {
        true
    }

    fn rows_of_blocks(&self) -> bool {
        true
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

    fn resident_bytes(&self, workers: usize) -> usize {
        let row_bytes = self.pages.first().image.grid.row_bytes();
        let encoder = self.compression.working_bytes().saturating_add(row_bytes);
        self.pages.resident_bytes().saturating_add(encoder.saturating_mul(workers))
    }

    fn scratch_bytes(&self, tile: Size) -> usize {
        self.pages.first().append_bytes(tile)
    }

    fn mapped_bytes(&self, _tile: Size) -> usize {
        0
    }

    fn method(&self) -> String {
        format!("{}, {}", self.place.way(WriteMethod::Pwrite), self.compression.name())
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

impl CompressedDestination {
    /// Begins the file, or goes on with it, and notes what is written of it in `footprint`.
    fn begin(self, position: &Position, footprint: &mut Footprint) -> Result<Box<dyn Sink>> {
        let CompressedDestination { place, layout, fill, pages, file_bytes, .. } = self;
        let file = place.create(file_bytes, WriteMethod::Pwrite, layout.writeback)?;
        pages.write(&file, footprint)?;
        let end = match position.tiles {
            0 => pages.end,
            _ => end_of(&position.carry)?,
        };
        let appender = Appender::new(position.tiles, end, fill, true);
        Ok(Box::new(CompressedSink { file, pages, appender }))
    }
}

/// Where the file ends behind a tile, as its footprint carries it on.
fn end_of(carry: &[u8]) -> Result<u64> {
    let bytes = carry.try_into().map_err(|_| Error::damaged("a journal does not say where the file ends"))?;
    Ok(u64::from_le_bytes(bytes))
}

/// A compressed TIFF being written.
#[derive(Debug)]
struct CompressedSink {
    file: OutputFile,
    pages: Pages,
    appender: Appender,
}

impl Sink for CompressedSink {
    fn write(
        &self,
        sequence: u64,
        tile: &TileView<'_>,
        scratch: &mut Frame<'_>,
        footprint: &mut Footprint,
    ) -> Result<()> {
        let end =
            self.appender.write(self.pages.first(), &self.file, (sequence, tile), scratch, footprint)?;
        footprint.set_carry(|carry| carry.extend(end.to_le_bytes()));
        Ok(())
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
        let end = self.appender.end();
        let CompressedSink { file, .. } = *self;
        file.publish(end, flush, journal)?;
        Ok(end)
    }
}
