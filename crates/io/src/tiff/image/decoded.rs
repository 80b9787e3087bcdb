//! Reads windows from decoded blocks, which the readers share.

use std::ops::Range;
use std::sync::{PoisonError, RwLock};

use swathe_core::{Error, Result, Scalar, Sweep, TileMut, Window};

use super::{Image, MOST_BLOCK_BYTES, Part, Rows};
use crate::access::InputFile;
use crate::cache::{Afterwards, BlockCache, Patience};
use crate::pool::Pool;
use crate::samples::swap_bytes;
use crate::sweep::is_last;
use crate::tiff::codec::{BlockShape, Decoders, damaged_block};
use crate::tiff::directory::ByteOrder;
use crate::tiff::layout::Block;
use crate::tiff::predictor::Row;
use crate::tiff::unpack::{Packing, Place};

/// What an image that cannot be read as it lies keeps for all its readers.
#[derive(Debug)]
pub(super) struct Decoded {
    pub(super) cache: BlockCache,
    decoders: Pool<Decoders>,
    /// The run that was planned, if one was.
    sweep: RwLock<Option<Sweep>>,
}

impl Decoded {
    /// Room for `limit` blocks of `block_bytes`.
    pub(super) fn new(block_bytes: usize, limit: usize) -> Self {
        let cache = BlockCache::new(block_bytes, limit);
        Decoded { cache, decoders: Pool::default(), sweep: RwLock::default() }
    }

    /// Says what the windows will be.
    pub(super) fn plan(&self, sweep: Sweep) {
        *self.sweep.write().unwrap_or_else(PoisonError::into_inner) = Some(sweep);
    }
}

/// One reading of a window.
pub(super) struct Reading<'a, 'tile> {
    pub(super) file: &'a InputFile,
    pub(super) decoded: &'a Decoded,
    pub(super) nodata: Option<Scalar>,
    pub(super) output: &'a mut TileMut<'tile>,
    /// Room for a stored block, where it is not mapped.
    pub(super) buffer: &'a mut [u8],
    /// Room for a decompressed block whose samples are not yet in their type.
    pub(super) unpacked: &'a mut [u8],
}

impl Image {
    /// Reads a window from the blocks in some columns and rows. A block that another reader is just decoding is left
    /// for later, so that readers of neighbouring windows decode different blocks rather than wait for each other.
    pub(super) fn read_blocks(
        &self,
        reading: &mut Reading<'_, '_>,
        columns: Range<usize>,
        rows: Range<usize>,
    ) -> Result<()> {
        let window = reading.output.window();
        let mut later = Vec::new();
        for plane in 0..self.layout.planes() {
            for row in rows.clone() {
                for column in columns.clone() {
                    let number = self.layout.number(plane, column, row);
                    let part = self.part(plane, column, row, window);
                    if !self.read_block(reading, number, part, Patience::Leave)? {
                        later.push((number, part));
                    }
                }
            }
        }
        for (number, part) in later {
            self.read_block(reading, number, part, Patience::Wait)?;
        }
        Ok(())
    }

    /// Copies a part out of a block; false where it was left.
    fn read_block(
        &self,
        reading: &mut Reading<'_, '_>,
        number: u64,
        part: Part,
        patience: Patience,
    ) -> Result<bool> {
        let Reading { file, decoded, nodata, output, buffer, unpacked } = reading;
        let layout = &self.layout;
        let stored = layout.at(file, number)?;
        if stored.is_sparse() {
            self.fill(part, *nodata, output);
            return Ok(true);
        }
        self.check_growth(file, number, stored)?;
        let rows = layout.rows(part.top / layout.block.height);
        let make = |block: &mut [u8]| {
            decoded
                .decoders
                .with(|decoders| self.decode(file, number, stored, rows, decoders, block, buffer, unpacked))
        };
        let stride = layout.presented_row_bytes();
        let first = (part.wanted.y as usize - part.top) * stride;
        let packing = Packing::Native((8 * layout.sample_type.size()) as u8);
        let whole = Window::new(part.left as i64, part.top as i64, layout.block.width, layout.block.height);
        let sweep = *decoded.sweep.read().unwrap_or_else(PoisonError::into_inner);
        let last = sweep.is_some_and(|sweep| is_last(sweep, output.window(), whole, layout.size));
        let afterwards = if last { Afterwards::First } else { Afterwards::InTurn };
        let read = decoded.cache.with_block(number, patience, afterwards, make, |block| {
            let rows = Rows { bytes: &block[first..], stride, packing, order: ByteOrder::NATIVE, left: 0 };
            self.place(rows, part, output);
        })?;
        Ok(read.is_some())
    }

    /// Refuses a block before memory is taken for what it cannot hold.
    fn check_growth(&self, file: &InputFile, number: u64, stored: Block) -> Result<()> {
        let bytes = self.layout.presented_block_bytes();
        if bytes > MOST_BLOCK_BYTES {
            return Err(Error::limit(format!(
                "`{}` is compressed in blocks of {} MiB; at most {} MiB are decoded at once",
                file.name(),
                bytes >> 20,
                MOST_BLOCK_BYTES >> 20
            )));
        }
        let decoded = (self.layout.row_bytes() * self.layout.block.height) as u64;
        let most = self.layout.codec.largest_growth().map(|growth| stored.bytes.saturating_mul(growth));
        // The last strip may be short, which only makes the bound safer to keep for blocks of some size.
        match most {
            Some(most) if most < decoded && decoded > 64 << 20 => Err(Error::damaged(format!(
                "`{}`: block {number} is to decode to {decoded} bytes, and {} bytes cannot hold that much",
                file.name(),
                stored.bytes
            ))),
            _ => Ok(()),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one place, and no two of them belong together")]
    fn decode(
        &self,
        file: &InputFile,
        number: u64,
        stored: Block,
        rows: usize,
        decoders: &mut Decoders,
        block: &mut [u8],
        buffer: &mut [u8],
        unpacked: &mut [u8],
    ) -> Result<()> {
        let length = stored.bytes.min(self.layout.largest_stored_bytes(file) as u64) as usize;
        file.check_range(stored.offset, stored.bytes)
            .map_err(|error| error.at(format_args!("block {number}")))?;
        file.with_bytes(stored.offset, length, buffer, |bytes| {
            let mut turned = Vec::new();
            let bytes = if self.layout.reversed_bits {
                turned.extend(bytes.iter().map(|byte| byte.reverse_bits()));
                &turned
            } else {
                bytes
            };
            self.decode_bytes(bytes, rows, decoders, block, unpacked)
        })?
        .map_err(|fault| damaged_block(file.name(), number, &fault))
    }

    fn decode_bytes(
        &self,
        stored: &[u8],
        rows: usize,
        decoders: &mut Decoders,
        block: &mut [u8],
        unpacked: &mut [u8],
    ) -> Result<(), String> {
        let layout = &self.layout;
        let shape = BlockShape {
            width: layout.block.width,
            rows,
            whole_rows: layout.block.height,
            samples: layout.samples(),
            row_bytes: layout.row_bytes(),
        };
        let order = self.order;
        let packed = matches!(layout.packing, Packing::Native(_));
        let target = if packed {
            &mut block[..rows * shape.row_bytes]
        } else {
            &mut unpacked[..rows * shape.row_bytes]
        };
        layout.codec.decode(stored, shape, layout.packing, decoders, target)?;
        let size = layout.packing.bits() / 8;
        let row = Row { bytes: shape.row_bytes, size, samples: shape.samples, order };
        layout.predictor.undo(target, row, &mut decoders.row);
        let order = layout.predictor.order_after(order);
        let size = layout.sample_type.size();
        let values = shape.width * shape.samples;
        if !packed {
            let from = unpacked.chunks_exact(shape.row_bytes);
            for (from, to) in from.zip(block.chunks_exact_mut(values * size)).take(rows) {
                // A row of values, whatever pixels they belong to.
                layout.packing.unpack(from, Place { pixel: 0, sample: 0, samples: 1 }, order, size, to);
            }
        } else if order != ByteOrder::NATIVE {
            swap_bytes(target, size);
        }
        Ok(())
    }
}
