//! How the pixels of one image lie in a TIFF: blocks, samples, planes, compression, and where each block is.

use std::sync::OnceLock;

use swathe_core::{Error, Result, SampleType, Size};

use crate::access::InputFile;
use crate::tiff::codec::{self, Codec};
use crate::tiff::directory::{Directory, Entry, Structure};
use crate::tiff::predictor::Predictor;
use crate::tiff::table::BlockTable;
use crate::tiff::tag;
use crate::tiff::unpack::Packing;

/// Samples of one pixel, all bands together, whose values make sense of a TIFF.
const MOST_SAMPLES: u64 = 65_535;

/// The layout of one image.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) size: Size,
    /// Bands as they are presented: a complex band is two, real and imaginary part.
    pub(crate) bands: usize,
    /// The type that samples are presented in.
    pub(crate) sample_type: SampleType,
    /// Whole width by rows for strips.
    pub(crate) block: Size,
    pub(crate) tiled: bool,
    /// Bands one after the other (`PlanarConfiguration` 2) rather than pixel by pixel.
    pub(crate) planar: bool,
    pub(crate) photometric: u16,
    pub(crate) complex: bool,
    pub(crate) compression: u16,
    pub(crate) predictor: Predictor,
    /// How a sample lies in a decompressed row.
    pub(crate) packing: Packing,
    /// Whether the bits of every stored byte are in reverse order (FillOrder 2).
    pub(crate) reversed_bits: bool,
    pub(crate) codec: Codec,
    offsets: BlockTable,
    counts: Option<BlockTable>,
    stored: OnceLock<Stored>,
}

/// A block in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
}

impl Block {
    /// True where the file holds nothing for the block: it is filled with nodata.
    pub(crate) fn is_sparse(self) -> bool {
        self.offset == 0 || self.bytes == 0
    }
}

/// What the table of lengths says about all blocks together.
#[derive(Clone, Copy, Debug)]
struct Stored {
    sum_bytes: u64,
    largest_bytes: u64,
}

impl Layout {
    /// Reads the layout of a directory.
    ///
    /// # Errors
    /// Damaged, where tags are missing or contradict each other; Unsupported, by name, where they say what is not read.
    pub(crate) fn read(file: &InputFile, structure: &Structure, directory: &Directory) -> Result<Self> {
        let tags = Tags { file, structure, directory };
        let size = Size::new(tags.side(tag::IMAGE_WIDTH)?, tags.side(tag::IMAGE_LENGTH)?);
        let stored_bands = tags.one(tag::SAMPLES_PER_PIXEL, Some(1))?;
        if stored_bands == 0 || stored_bands > MOST_SAMPLES {
            return Err(tags.damaged(format!("{stored_bands} samples to the pixel")));
        }
        let compression = tags.one(tag::COMPRESSION, Some(1))? as u16;
        let photometric = tags.one(tag::PHOTOMETRIC, Some(1))? as u16;
        let sample = tags.sample()?;
        let parts = if sample.complex { 2 } else { 1 };
        let tiled =
            directory.entry(tag::TILE_OFFSETS).is_some() || directory.entry(tag::TILE_WIDTH).is_some();
        let block = if tiled {
            Size::new(tags.side(tag::TILE_WIDTH)?, tags.side(tag::TILE_LENGTH)?)
        } else {
            let rows = tags.one(tag::ROWS_PER_STRIP, Some(u64::from(u32::MAX)))?;
            if rows == 0 {
                return Err(tags.damaged("RowsPerStrip is 0"));
            }
            Size::new(size.width, rows.min(size.height as u64) as usize)
        };
        let planar = match tags.one(tag::PLANAR_CONFIGURATION, Some(1))? {
            1 => false,
            2 => stored_bands > 1,
            other => return Err(tags.damaged(format!("PlanarConfiguration is {other}"))),
        };
        let codec = codec::choose(&tags, compression, photometric, planar)?;
        let predictor = if codec.takes_predictor() {
            Predictor::read(tags.one(tag::PREDICTOR, Some(1))?, sample.packing, file.name())?
        } else {
            Predictor::None
        };
        let (offsets, counts) = tags.tables(tiled)?;
        let layout = Layout {
            size,
            bands: stored_bands as usize * parts,
            sample_type: sample.sample_type,
            block,
            tiled,
            planar,
            photometric,
            complex: sample.complex,
            compression,
            predictor,
            packing: sample.packing,
            reversed_bits: tags.one(tag::FILL_ORDER, Some(1))? == 2 && codec.heeds_fill_order(),
            codec,
            offsets,
            counts,
            stored: OnceLock::new(),
        };
        layout.check(&tags)?;
        layout.check_inside(file)?;
        Ok(layout)
    }

    /// Checks that sizes fit and that the tables are long enough.
    fn check(&self, tags: &Tags<'_>) -> Result<()> {
        let blocks = (self.across() as u64)
            .checked_mul(self.down() as u64)
            .and_then(|blocks| blocks.checked_mul(self.planes() as u64))
            .filter(|&blocks| blocks < 1 << 40);
        let blocks = blocks.ok_or_else(|| tags.damaged("more blocks than can be counted"))?;
        if self.offsets.count() < blocks {
            return Err(tags.damaged(format!(
                "the table of blocks has {} values for {blocks} blocks",
                self.offsets.count()
            )));
        }
        let samples = self.samples() as u64 * self.block.width as u64;
        let row = samples.checked_mul(8).filter(|&bytes| bytes < 1 << 40);
        let fits = row.and_then(|bytes| bytes.checked_mul(self.block.height as u64));
        if fits.is_none_or(|bytes| bytes >= 1 << 50) {
            return Err(tags.damaged(format!("blocks of {} with {} bands", self.block, self.samples())));
        }
        Ok(())
    }

    /// Checks that the file reaches to the end of every block, so that one that was cut short is told before anything
    /// is computed.
    fn check_inside(&self, file: &InputFile) -> Result<()> {
        let mut number = 0;
        let mut beyond = None;
        let mut counts = Vec::new();
        self.offsets.visit(file, self.blocks(), |first, offsets| {
            counts.clear();
            if let Some(table) = &self.counts {
                table.page(file, first, &mut counts)?;
            }
            for (index, &offset) in offsets.iter().enumerate() {
                let needed =
                    self.rows((number / self.across() as u64) as usize % self.down()) * self.row_bytes();
                let bytes = match (counts.get(index), self.is_direct()) {
                    (Some(&bytes), true) => bytes.min(needed as u64),
                    (Some(&bytes), false) => bytes,
                    // Nothing is known of its length but that there must be something.
                    (None, _) => 1,
                };
                let stored = Block { offset, bytes };
                if !stored.is_sparse() && offset.saturating_add(bytes) > file.length() && beyond.is_none() {
                    beyond = Some((number, stored));
                }
                number += 1;
            }
            Ok(())
        })?;
        match beyond {
            None => Ok(()),
            Some((number, Block { offset, bytes })) => Err(Error::damaged(format!(
                "`{}` ends at byte {}, but block {number} has {bytes} bytes at {offset}: it is cut short or damaged",
                file.name(),
                file.length()
            ))),
        }
    }

    /// Blocks from west to east.
    pub(crate) fn across(&self) -> usize {
        self.size.width.div_ceil(self.block.width)
    }

    /// Blocks from north to south.
    pub(crate) fn down(&self) -> usize {
        self.size.height.div_ceil(self.block.height)
    }

    /// Planes that are stored one after the other.
    pub(crate) fn planes(&self) -> usize {
        self.bands / self.samples()
    }

    /// Samples of one pixel inside a block.
    pub(crate) fn samples(&self) -> usize {
        match (self.planar, self.complex) {
            (false, _) => self.bands,
            (true, false) => 1,
            (true, true) => 2,
        }
    }

    /// Blocks of all planes.
    pub(crate) fn blocks(&self) -> u64 {
        self.across() as u64 * self.down() as u64 * self.planes() as u64
    }

    /// Bytes of a row of a block as it is stored, decompressed.
    pub(crate) fn row_bytes(&self) -> usize {
        (self.block.width * self.samples() * self.packing.bits()).div_ceil(8)
    }

    /// Rows that a block in a row of blocks stores: tiles are whole, the last strip may be short.
    pub(crate) fn rows(&self, row: usize) -> usize {
        if self.tiled {
            self.block.height
        } else {
            self.block.height.min(self.size.height - row * self.block.height)
        }
    }

    /// Bytes of a row of a block in the type that it is presented in, native byte order, pixel by pixel.
    pub(crate) fn presented_row_bytes(&self) -> usize {
        self.block.width * self.samples() * self.sample_type.size()
    }

    /// Bytes of a whole block in the type that it is presented in.
    pub(crate) fn presented_block_bytes(&self) -> usize {
        self.presented_row_bytes() * self.block.height
    }

    /// The number of the block in a column and row of blocks of a plane.
    pub(crate) fn number(&self, plane: usize, column: usize, row: usize) -> u64 {
        ((plane * self.down() + row) * self.across() + column) as u64
    }

    /// Where a block is.
    ///
    /// # Errors
    /// Damaged or Io, where the tables cannot be read.
    pub(crate) fn at(&self, file: &InputFile, number: u64) -> Result<Block> {
        let offset = self.offsets.value(file, number)?;
        let bytes = match &self.counts {
            // What a table that is too short leaves out, the file does not hold.
            Some(counts) if number >= counts.count() => 0,
            Some(counts) => counts.value(file, number)?,
            // Without a length, a block is as long as it must be, or as the file allows.
            None if offset == 0 => 0,
            None if self.is_direct() => {
                let row = (number / self.across() as u64) as usize % self.down();
                (self.rows(row) * self.row_bytes()) as u64
            }
            None => file.length().saturating_sub(offset),
        };
        Ok(Block { offset, bytes })
    }

    /// True where pixels are read from the file as they lie there.
    pub(crate) fn is_direct(&self) -> bool {
        matches!(self.codec, Codec::None) && !self.reversed_bits
    }

    /// Bytes that the tables come to hold.
    pub(crate) fn table_bytes(&self) -> usize {
        self.offsets.resident_bytes() + self.counts.as_ref().map_or(0, BlockTable::resident_bytes)
    }

    /// Bytes that all blocks take in the file.
    pub(crate) fn stored_bytes(&self, file: &InputFile) -> u64 {
        self.stored(file).sum_bytes
    }

    /// The most bytes that one compressed block is read as. What says to be longer than this has bytes behind its end
    /// that no decoder looks at: no codec makes twice of anything but tables and headers.
    pub(crate) fn largest_stored_bytes(&self, file: &InputFile) -> usize {
        let bound = 2 * self.presented_block_bytes() as u64 + (1 << 20);
        self.stored(file).largest_bytes.min(bound).min(file.length()) as usize
    }

    /// Looks through the table of lengths, once; a table that cannot be read says as much as the file is long.
    fn stored(&self, file: &InputFile) -> Stored {
        *self.stored.get_or_init(|| {
            let mut stored = Stored { sum_bytes: 0, largest_bytes: 0 };
            let whole = Stored { sum_bytes: file.length(), largest_bytes: file.length() };
            let Some(counts) = self.counts.as_ref().filter(|counts| counts.count() >= self.blocks()) else {
                return whole;
            };
            let looked = counts.visit(file, self.blocks(), |_, counts| {
                for &bytes in counts {
                    stored.sum_bytes = stored.sum_bytes.saturating_add(bytes);
                    stored.largest_bytes = stored.largest_bytes.max(bytes);
                }
                Ok(())
            });
            // No table makes a file longer than it is.
            stored.sum_bytes = stored.sum_bytes.min(file.length());
            if looked.is_ok() { stored } else { whole }
        })
    }
}

/// What BitsPerSample and SampleFormat say.
#[derive(Clone, Copy, Debug)]
struct StoredSample {
    sample_type: SampleType,
    packing: Packing,
    complex: bool,
}

/// The tags of one directory, for those who make sense of them.
pub(crate) struct Tags<'a> {
    pub(crate) file: &'a InputFile,
    pub(crate) structure: &'a Structure,
    pub(crate) directory: &'a Directory,
}

impl Tags<'_> {
    pub(crate) fn damaged(&self, what: impl std::fmt::Display) -> Error {
        Error::damaged(format!("`{}`: {what}", self.file.name()))
    }

    pub(crate) fn unsupported(&self, what: impl std::fmt::Display) -> Error {
        Error::unsupported(format!("`{}`: {what} is not supported", self.file.name()))
    }

    /// The first value of a tag.
    ///
    /// # Errors
    /// Damaged, where it is missing without a default, or no whole number.
    pub(crate) fn one(&self, tag: u16, default: Option<u64>) -> Result<u64> {
        let Some(entry) = self.directory.entry(tag) else {
            return default.ok_or_else(|| self.damaged(format!("tag {tag} ({}) is missing", tag::name(tag))));
        };
        let values = self.structure.integers(self.file, &Entry { count: entry.count.min(1), ..*entry })?;
        let first = values.first().copied();
        first.ok_or_else(|| self.damaged(format!("tag {tag} ({}) is empty", tag::name(tag))))
    }

    /// A length in pixels: at least 1.
    fn side(&self, tag: u16) -> Result<usize> {
        let value = self.one(tag, None)?;
        if value == 0 || value > 1 << 31 {
            return Err(self.damaged(format!("{} is {value}", tag::name(tag))));
        }
        Ok(value as usize)
    }

    /// The value of a tag with one value for each band, all of which must agree.
    fn every_same(&self, tag: u16, default: u64) -> Result<u64> {
        let Some(entry) = self.directory.entry(tag) else { return Ok(default) };
        let values = self.structure.integers(self.file, entry)?;
        match values.first() {
            None => Ok(default),
            Some(first) if values.iter().all(|value| value == first) => Ok(*first),
            Some(_) => Err(self.unsupported(format!("bands of different {}", tag::name(tag)))),
        }
    }

    fn sample(&self) -> Result<StoredSample> {
        let bits = self.every_same(tag::BITS_PER_SAMPLE, 1)?;
        let format = self.every_same(tag::SAMPLE_FORMAT, 1)?;
        let complex = matches!(format, 5 | 6);
        let part_bits = if complex { bits / 2 } else { bits };
        let (sample_type, packing) = match (format, part_bits) {
            (1 | 4, 8) => (SampleType::U8, Packing::Native(8)),
            (1 | 4, 16) => (SampleType::U16, Packing::Native(16)),
            (1 | 4, 32) => (SampleType::U32, Packing::Native(32)),
            (1 | 4, 64) => (SampleType::U64, Packing::Native(64)),
            (1 | 4, 1..=7) => (SampleType::U8, Packing::Bits(bits as u8)),
            (1 | 4, 9..=15) => (SampleType::U16, Packing::Bits(bits as u8)),
            (1 | 4, 17..=31) => (SampleType::U32, Packing::Bits(bits as u8)),
            (2, 8) => (SampleType::I8, Packing::Native(8)),
            (2 | 5, 16) => (SampleType::I16, Packing::Native(16)),
            (2 | 5, 32) => (SampleType::I32, Packing::Native(32)),
            (2, 64) => (SampleType::I64, Packing::Native(64)),
            (3, 16) => (SampleType::F32, Packing::Half),
            (3, 24) => (SampleType::F32, Packing::Float24),
            (3 | 6, 32) => (SampleType::F32, Packing::Native(32)),
            (3 | 6, 64) => (SampleType::F64, Packing::Native(64)),
            _ => {
                let format = tag::sample_format_name(format);
                return Err(self.unsupported(format!("{bits}-bit samples of {format}")));
            }
        };
        Ok(StoredSample { sample_type, packing, complex })
    }

    /// The tables of offsets and lengths; some files tell no lengths.
    fn tables(&self, tiled: bool) -> Result<(BlockTable, Option<BlockTable>)> {
        // A few writers use the tags of strips for tiles.
        let (offsets, counts) = if tiled && self.directory.entry(tag::TILE_OFFSETS).is_some() {
            (tag::TILE_OFFSETS, tag::TILE_BYTE_COUNTS)
        } else {
            (tag::STRIP_OFFSETS, tag::STRIP_BYTE_COUNTS)
        };
        let table = |tag: u16| {
            let entry = self.directory.entry(tag);
            entry.map(|entry| BlockTable::new(self.file, self.structure.order, *entry)).transpose()
        };
        let offsets =
            table(offsets)?.ok_or_else(|| self.damaged(format!("{} is missing", tag::name(offsets))))?;
        Ok((offsets, table(counts)?))
    }
}
