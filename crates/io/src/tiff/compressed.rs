//! Writes compressed TIFF and BigTIFF: workers compress their blocks side by side, and take their places in the file in
//! the order in which tiles were handed out. Blocks follow each other row by row, then from west to east, then band by
//! band; tiles fill one row of blocks before the next, so that the file is the same for any tiles, workers and budget.

use std::time::Instant;

use swathe_core::{
    Destination, Error, Footprint, Frame, Journal, Position, RasterInfo, Result, ScratchSize, Sink, Size,
    TileView, with_sample,
};

use crate::output::{OutputFile, OutputPlace, WriteMethod};
use crate::pool::Pool;
use crate::tiff::compress::{Encoders, Scheme};
use crate::tiff::encode::Head;
use crate::tiff::mask::MaskPage;
use crate::tiff::tag;
use crate::tiff::write::{CLASSIC_BYTES, Grid};
use crate::turns::Turns;

/// A compressed TIFF that is thought out.
#[derive(Debug)]
pub(crate) struct CompressedDestination {
    place: OutputPlace,
    info: RasterInfo,
    grid: Grid,
    scheme: Scheme,
    sparse: bool,
    big: bool,
    head: Head,
    mask: Option<MaskPage>,
    file_bytes: u64,
}

impl CompressedDestination {
    /// Thinks out a TIFF; blocks of nothing but nodata (or 0) are left out where `sparse` says so.
    ///
    /// # Errors
    /// Limit, where a classic TIFF was asked for and may be too small, or no file is so large.
    pub(crate) fn new(
        place: OutputPlace,
        info: &RasterInfo,
        grid: Grid,
        scheme: Scheme,
        sparse: bool,
    ) -> Result<Self> {
        let too_large = || Error::limit(format!("a TIFF of {} is larger than 2^62 bytes", info.size));
        let block = scheme.compression.most_bytes(grid.block_bytes()) as u64;
        let blocks =
            block.checked_mul(grid.blocks()).filter(|&bytes| bytes < 1 << 62).ok_or_else(too_large)?;
        let laid_out = |big: bool| {
            let mut head = grid.head(info, big, scheme.tags());
            let mask = MaskPage::behind(&mut head, info, grid.layout, big)?;
            let bytes = mask.as_ref().map_or(head.end, MaskPage::end) + blocks;
            Ok::<_, Error>((head, mask, bytes))
        };
        let mut big = grid.layout.big.unwrap_or(false);
        let (mut head, mut mask, mut file_bytes) = laid_out(big)?;
        if file_bytes > CLASSIC_BYTES && !big {
            if grid.layout.big == Some(false) {
                return Err(Error::limit(format!(
                    "a classic TIFF holds 4 GiB; this one may need {} MiB: use `--bigtiff auto`",
                    file_bytes >> 20
                )));
            }
            big = true;
            (head, mask, file_bytes) = laid_out(big)?;
        }
        let info = info.clone();
        Ok(CompressedDestination { place, info, grid, scheme, sparse, big, head, mask, file_bytes })
    }

    /// Blocks that a tile of whole blocks has at most.
    fn blocks_of(&self, tile: Size) -> usize {
        let block = self.grid.layout.block;
        tile.width.div_ceil(block.width) * tile.height.div_ceil(block.height) * self.grid.planes()
    }
}

impl Destination for CompressedDestination {
    fn name(&self) -> &str {
        self.place.name()
    }

    fn block(&self) -> Size {
        self.grid.layout.block
    }

    fn whole_blocks(&self) -> bool {
        true
    }

    fn rows_of_blocks(&self) -> bool {
        true
    }

    fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    fn free_bytes(&self) -> Option<u64> {
        self.place.free_bytes()
    }

    fn resident_bytes(&self, workers: usize) -> usize {
        let encoder = self.scheme.compression.working_bytes().saturating_add(self.grid.row_bytes());
        let mask = self.mask.as_ref().map_or(0, MaskPage::resident_bytes);
        self.head.bytes.capacity().saturating_add(mask).saturating_add(encoder.saturating_mul(workers))
    }

    fn scratch_bytes(&self, tile: Size) -> usize {
        let blocks = self.blocks_of(tile);
        let most = self.scheme.compression.most_bytes(self.grid.block_bytes());
        let own = ScratchSize::new()
            .with::<u8>(self.grid.block_bytes())
            .with::<u8>(blocks.saturating_mul(most))
            .with::<u64>(blocks)
            .with::<u8>(8 * self.grid.blocks_of_row(tile))
            .bytes();
        own.saturating_add(self.mask.as_ref().map_or(0, |mask| mask.scratch_bytes(tile)))
    }

    fn mapped_bytes(&self, _tile: Size) -> usize {
        0
    }

    fn method(&self) -> String {
        let way = self.place.way(WriteMethod::Pwrite);
        format!("{way}, {}", tag::compression_name(self.scheme.number()))
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
        let CompressedDestination { place, info, grid, scheme, sparse, big, head, mask, file_bytes } = self;
        let file = place.create(file_bytes, WriteMethod::Pwrite, grid.layout.dirty_limit_bytes)?;
        grid.write_head((&head, big), 0, &file, footprint)?;
        if let Some(mask) = &mask {
            mask.begin(&file, head.end, footprint)?;
        }
        let end = match position.tiles {
            0 => mask.as_ref().map_or(head.end, MaskPage::end),
            _ => end_of(&position.carry)?,
        };
        let turns = Turns::new(position.tiles, end);
        let fill = sparse.then(|| fill_bytes(&info));
        let encoders = Pool::default();
        Ok(Box::new(CompressedSink { file, grid, scheme, fill, big, head, mask, turns, encoders }))
    }
}

/// Where the file ends behind a tile, as its footprint carries it on.
fn end_of(carry: &[u8]) -> Result<u64> {
    let bytes = carry.try_into().map_err(|_| Error::damaged("a journal does not say where the file ends"))?;
    Ok(u64::from_le_bytes(bytes))
}

/// What readers put where a block is left out: nodata, or 0.
fn fill_bytes(info: &RasterInfo) -> Vec<u8> {
    with_sample!(info.sample_type, T => {
        let nodata = info.nodata.and_then(<T as swathe_core::Sample>::from_scalar).unwrap_or_default();
        nodata.to_ne_bytes().to_vec()
    })
}

/// A compressed TIFF being written.
#[derive(Debug)]
struct CompressedSink {
    file: OutputFile,
    grid: Grid,
    scheme: Scheme,
    /// One sample of a block that is left out.
    fill: Option<Vec<u8>>,
    big: bool,
    head: Head,
    mask: Option<MaskPage>,
    turns: Turns,
    encoders: Pool<Encoders>,
}

impl CompressedSink {
    /// Encodes every block of a tile, one behind the other; `lengths` becomes theirs. Returns the sum.
    fn encode(
        &self,
        tile: &TileView<'_>,
        encoders: &mut Encoders,
        block: &mut [u8],
        out: &mut [u8],
        lengths: &mut [u64],
    ) -> Result<usize> {
        let mut used = 0;
        for ((plane, column, row), stored_length) in self.grid.blocks_of(tile.window()).zip(lengths) {
            let stored = self.grid.block_rows(row) * self.grid.row_bytes();
            let block = &mut block[..stored];
            self.grid.fill_block(plane, column, row, tile, block);
            let left_out = self
                .fill
                .as_ref()
                .is_some_and(|fill| block.chunks_exact(fill.len()).all(|sample| sample == fill));
            let length = if left_out {
                0
            } else {
                self.scheme.encode(encoders, block, self.grid.row_bytes(), &mut out[used..])?
            };
            *stored_length = length as u64;
            used += length;
        }
        Ok(used)
    }

    /// Writes the places and lengths of a tile's blocks to the tables.
    fn write_tables(
        &self,
        tile: &TileView<'_>,
        place: u64,
        lengths: &[u64],
        (buffer, footprint): (&mut [u8], &mut Footprint),
    ) -> Result<()> {
        let planes = self.grid.planes();
        let mut row_starts = place;
        let mut left = lengths;
        let rows = self.grid.block_rows_of(tile.window());
        for (plane, row, columns) in rows {
            let first = self.grid.number(plane, columns.start, row);
            let (lengths, below) = left.split_at(columns.len() * planes);
            for &(id, table) in &self.head.tables {
                let offsets = matches!(id, tag::TILE_OFFSETS | tag::STRIP_OFFSETS);
                let size = if self.grid.wide_value(offsets, self.big) { 8 } else { 4 };
                let bytes = &mut buffer[..columns.len() * size];
                let mut column_starts = row_starts;
                // The blocks of all bands of one column follow each other.
                for (entry, column) in bytes.chunks_exact_mut(size).zip(lengths.chunks_exact(planes)) {
                    let value = match (offsets, column[plane]) {
                        (true, 0) => 0,
                        (true, _) => column_starts + column[..plane].iter().sum::<u64>(),
                        (false, length) => length,
                    };
                    entry.copy_from_slice(&value.to_le_bytes()[..size]);
                    column_starts += column.iter().sum::<u64>();
                }
                self.file.write_at(table + first * size as u64, bytes, footprint)?;
            }
            if plane + 1 == planes {
                row_starts += lengths.iter().sum::<u64>();
                left = below;
            }
        }
        Ok(())
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
        let blocks = self.grid.blocks_of(tile.window()).count();
        let block = scratch.take::<u8>(self.grid.block_bytes());
        let most = self.scheme.compression.most_bytes(self.grid.block_bytes());
        let out = scratch.take::<u8>(blocks * most);
        let lengths = scratch.take::<u64>(blocks);
        let begun = Instant::now();
        let used = self.encoders.with(|encoders| self.encode(tile, encoders, block, out, lengths))?;
        footprint.add_encoding(begun.elapsed());
        let place = self.turns.take(sequence, used as u64)?;
        footprint.set_carry(|carry| carry.extend((place + used as u64).to_le_bytes()));
        if used > 0 {
            self.file.write_at(place, &out[..used], footprint)?;
        }
        let buffer = scratch.take::<u8>(8 * self.grid.blocks_of_row(tile.window().size()));
        self.write_tables(tile, place, lengths, (buffer, &mut *footprint))?;
        self.mask.as_ref().map_or(Ok(()), |mask| mask.write(&self.file, tile, scratch, footprint))
    }

    fn flush(&self) -> Result<()> {
        self.file.flush()
    }

    fn cancel(&self) {
        self.turns.cancel();
    }

    fn stored_bytes_written(&self) -> u64 {
        self.file.bytes_written()
    }

    fn finish(self: Box<Self>, flush: bool, journal: Option<&dyn Journal>) -> Result<u64> {
        let end = self.turns.end();
        let CompressedSink { file, .. } = *self;
        file.publish(end, flush, journal)?;
        Ok(end)
    }
}
