//! Writes compressed TIFF and BigTIFF: workers compress their blocks side by side, and take their places in the file in
//! the order in which tiles were handed out; tiles fill one row of blocks before the next, so that the file is the same for
//! any tiles, workers and budget.

use swathe_core::{
    Destination, Disk, Error, Footprint, Frame, Journal, Position, RasterInfo, Result, Shard, ShardTile,
    Sharing, Sink, Size, TileView, Window,
};

use crate::output::{OutputFile, OutputPlace, WriteMethod};
use crate::tiff::compress::{Compression, WritePredictor};
use crate::tiff::encoded::{Appender, Coding, Pages, fill_bytes};
use crate::tiff::write::{CLASSIC_BYTES, TiffLayout};

/// Bytes that are copied at once.
const AT_ONCE: usize = 1 << 20;

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

    /// The same, as the file of a shard: a whole TIFF of the raster that lacks the blocks of all other shards.
    pub(crate) fn in_shard(mut self, shard: Shard) -> Self {
        let page = self.pages.first();
        let height = page.size.height;
        let rows = shard.rows(height, self.layout.block.height).len() as u128;
        let blocks = u128::from(self.file_bytes - self.pages.end) * rows;
        self.file_bytes = self.pages.end + blocks.div_ceil(height.max(1) as u128) as u64;
        CompressedDestination { place: self.place.of_shard(shard), ..self }
    }

    /// The same, put together of the files of shards, which have so many bytes: each has tables of the whole raster before its blocks.
    pub(crate) fn gathered(self, files: u64, bytes: u64) -> Self {
        let tables = self.pages.end.saturating_mul(files);
        let file_bytes = self.pages.end.saturating_add(bytes.saturating_sub(tables));
        CompressedDestination { file_bytes: file_bytes.min(self.file_bytes), ..self }
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

    fn may_take_less(&self) -> bool {
        true
    }

    fn disk(&self) -> Option<Disk> {
        self.place.disk()
    }

    fn sharing(&self) -> Option<Sharing> {
        Some(Sharing::OwnFiles)
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
        let begins = position.tiles == 0 && position.carry.is_empty();
        let end = if begins { pages.end } else { end_of(&position.carry)? };
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

impl CompressedSink {
    /// Appends the blocks of a tile from the file of a shard, which is laid out as this one, and writes where they are now.
    fn copy_blocks(&self, window: Window, tile: &ShardTile<'_>, footprint: &mut Footprint) -> Result<u64> {
        let page = self.pages.first();
        let block = page.image.grid.layout.block;
        let encoded = tile.extents.iter().filter(|extent| extent.offset >= self.pages.end);
        let bytes = encoded.clone().map(|extent| extent.length.saturating_mul(extent.count)).sum::<u64>();
        let start = self.appender.take_place(bytes);
        let (mut at, mut piece) = (start, vec![0; AT_ONCE]);
        for extent in encoded {
            let stretches = (0..extent.count).map(|index| extent.offset + index * extent.stride);
            for offset in stretches {
                for first in (0..extent.length).step_by(AT_ONCE) {
                    let piece = &mut piece[..(extent.length - first).min(AT_ONCE as u64) as usize];
                    (tile.read)(offset + first, piece)?;
                    self.file.write_at(at, piece, footprint)?;
                    at += piece.len() as u64;
                }
            }
        }
        let columns = window.x as usize / block.width..(window.x_end() as usize).div_ceil(block.width);
        let rows = window.y as usize / block.height..(window.y_end() as usize).div_ceil(block.height);
        let mut lengths = vec![0; columns.len() * page.blocks_each()];
        let (mut place, mut buffer) = (start, vec![0; 8 * columns.len()]);
        for row in rows {
            page.read_lengths(tile.read, (columns.start, row), &mut lengths)?;
            let with = (&mut *buffer, &mut *footprint);
            place = page.write_entries(&self.file, (columns.start, row), place, &lengths, with)?;
        }
        if place != at {
            return Err(Error::damaged(format!(
                "the blocks of a shard's tile (window {window}) have {} bytes by its tables, and {bytes} were written",
                place - start
            )));
        }
        Ok(place)
    }
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

    fn take_over(&self, window: Window, tile: &ShardTile<'_>, footprint: &mut Footprint) -> Result<()> {
        let end = self.copy_blocks(window, tile, footprint)?;
        footprint.set_carry(|carry| carry.extend(end.to_le_bytes()));
        Ok(())
    }

    fn leave(self: Box<Self>, flush: bool) -> Result<u64> {
        let end = self.appender.end();
        self.file.complete(end, flush)?;
        Ok(end)
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

#[cfg(test)]
mod tests {
    use swathe_core::SampleType;

    use crate::formats::{Format, InShards, OutputOptions, plan_output};

    use super::*;

    /// What is put together takes the room of the blocks that are there and of one set of tables, not that of blocks that could
    /// not be made smaller.
    #[test]
    fn shards_are_put_together_in_the_room_that_they_take() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("o.tif").display().to_string();
        let info = RasterInfo::new(Size::new(4000, 3000), 1, SampleType::U16);
        let needed = |shards| {
            let options = OutputOptions {
                format: Some(Format::Tiff),
                compression: Some(Compression::Deflate(1)),
                shards,
                ..OutputOptions::default()
            };
            plan_output(&path, &info, &options).unwrap().needed_bytes()
        };
        let gathered = |files, bytes| needed(Some(InShards::Gathered { files, bytes }));
        let (whole, tables) = (needed(None), gathered(1, 0));
        assert!(whole > 24_000_000 && tables < 100_000, "{whole} and {tables} bytes");
        assert_eq!(gathered(3, 3 * tables + 1_234_567), tables + 1_234_567);
        assert_eq!(gathered(3, 3 * tables + 2 * whole), whole, "no more than in the worst case");
        let shard = |number| needed(Some(InShards::One(Shard { number, count: 3 })));
        assert!((1..=3).map(shard).sum::<u64>() <= whole + 3 * tables);
    }
}
