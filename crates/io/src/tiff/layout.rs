//! How the pixels of one image lie in a TIFF: blocks, sample type, planes, and where each block is.

use swathe_core::{Error, Result, SampleType, Size};

use crate::access::InputFile;
use crate::tiff::directory::{Directory, Entry, Structure};
use crate::tiff::tag;

/// The layout of one image.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) size: Size,
    pub(crate) bands: usize,
    pub(crate) sample_type: SampleType,
    /// Whole width by rows for strips.
    pub(crate) block: Size,
    pub(crate) tiled: bool,
    /// Bands one after the other (`PlanarConfiguration` 2) rather than pixel by pixel.
    pub(crate) planar: bool,
    pub(crate) photometric: u16,
    offsets: BlockTable,
    counts: BlockTable,
}

/// Where the blocks of a raster are, or how long: kept as 8 bytes each.
#[derive(Clone, Debug, Default)]
struct BlockTable(Vec<u64>);

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

impl Layout {
    /// Reads the layout of a directory.
    ///
    /// # Errors
    /// Damaged, where tags are missing or contradict each other; Unsupported, by name, where they say what is not read.
    pub(crate) fn read(file: &InputFile, structure: &Structure, directory: &Directory) -> Result<Self> {
        let damaged = |what: String| Error::damaged(format!("`{}`: {what}", file.name()));
        let unsupported =
            |what: String| Error::unsupported(format!("`{}`: {what} is not supported", file.name()));
        let one = |tag: u16, default: Option<u64>| -> Result<u64> {
            match directory.entry(tag) {
                None => default.ok_or_else(|| damaged(format!("tag {tag} ({}) is missing", tag::name(tag)))),
                Some(entry) => {
                    let values = structure.integers(file, &Entry { count: entry.count.min(1), ..*entry })?;
                    values
                        .first()
                        .copied()
                        .ok_or_else(|| damaged(format!("tag {tag} ({}) is empty", tag::name(tag))))
                }
            }
        };
        let side = |tag: u16| -> Result<usize> {
            let value = one(tag, None)?;
            if value == 0 || value > 1 << 31 {
                return Err(damaged(format!("{} is {value}", tag::name(tag))));
            }
            Ok(value as usize)
        };
        let size = Size::new(side(tag::IMAGE_WIDTH)?, side(tag::IMAGE_LENGTH)?);
        let bands = one(tag::SAMPLES_PER_PIXEL, Some(1))?;
        if bands == 0 || bands > 65_535 {
            return Err(damaged(format!("{bands} samples to the pixel")));
        }
        let bands = bands as usize;
        let bits = every_same(file, structure, directory, tag::BITS_PER_SAMPLE, 1)?;
        let format = every_same(file, structure, directory, tag::SAMPLE_FORMAT, 1)?;
        let sample_type = match (format, bits) {
            (1 | 4, 8) => SampleType::U8,
            (1 | 4, 16) => SampleType::U16,
            (1 | 4, 32) => SampleType::U32,
            (1 | 4, 64) => SampleType::U64,
            (2, 8) => SampleType::I8,
            (2, 16) => SampleType::I16,
            (2, 32) => SampleType::I32,
            (2, 64) => SampleType::I64,
            (3, 32) => SampleType::F32,
            (3, 64) => SampleType::F64,
            _ => {
                return Err(unsupported(format!(
                    "{bits}-bit samples of {}",
                    tag::sample_format_name(format)
                )));
            }
        };
        let tiled =
            directory.entry(tag::TILE_OFFSETS).is_some() || directory.entry(tag::TILE_WIDTH).is_some();
        let block = if tiled {
            Size::new(side(tag::TILE_WIDTH)?, side(tag::TILE_LENGTH)?)
        } else {
            let rows = one(tag::ROWS_PER_STRIP, Some(u64::from(u32::MAX)))?;
            if rows == 0 {
                return Err(damaged("RowsPerStrip is 0".into()));
            }
            Size::new(size.width, (rows.min(size.height as u64)) as usize)
        };
        let planar = match one(tag::PLANAR_CONFIGURATION, Some(1))? {
            1 => false,
            2 => bands > 1,
            other => return Err(damaged(format!("PlanarConfiguration is {other}"))),
        };
        let compression = one(tag::COMPRESSION, Some(1))? as u16;
        if compression != 1 {
            return Err(unsupported(format!(
                "compression {} ({compression})",
                tag::compression_name(compression)
            )));
        }
        let mut layout = Layout {
            size,
            bands,
            sample_type,
            block,
            tiled,
            planar,
            photometric: one(tag::PHOTOMETRIC, Some(1))? as u16,
            offsets: BlockTable::default(),
            counts: BlockTable::default(),
        };
        layout.read_tables(file, structure, directory)?;
        Ok(layout)
    }

    fn read_tables(&mut self, file: &InputFile, structure: &Structure, directory: &Directory) -> Result<()> {
        let damaged = |what: String| Error::damaged(format!("`{}`: {what}", file.name()));
        let blocks = (self.across() as u64)
            .checked_mul(self.down() as u64)
            .and_then(|blocks| blocks.checked_mul(self.planes() as u64))
            .ok_or_else(|| damaged("more blocks than can be counted".into()))?;
        let (offsets, counts) = if self.tiled {
            (tag::TILE_OFFSETS, tag::TILE_BYTE_COUNTS)
        } else {
            (tag::STRIP_OFFSETS, tag::STRIP_BYTE_COUNTS)
        };
        let table = |tag: u16| -> Result<Option<BlockTable>> {
            let Some(entry) = directory.entry(tag) else { return Ok(None) };
            if entry.count < blocks {
                return Err(damaged(format!(
                    "{} has {} values for {blocks} blocks",
                    tag::name(tag),
                    entry.count
                )));
            }
            Ok(Some(BlockTable(structure.integers(file, &Entry { count: blocks, ..*entry })?)))
        };
        self.offsets =
            table(offsets)?.ok_or_else(|| damaged(format!("{} is missing", tag::name(offsets))))?;
        // Without counts, uncompressed blocks are as long as they must be.
        self.counts = match table(counts)? {
            Some(counts) => counts,
            None => BlockTable((0..blocks).map(|number| self.block_bytes(number) as u64).collect()),
        };
        Ok(())
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
        if self.planar { self.bands } else { 1 }
    }

    /// Samples of one pixel inside a block.
    pub(crate) fn samples(&self) -> usize {
        if self.planar { 1 } else { self.bands }
    }

    /// Bytes of a row of a block.
    pub(crate) fn row_bytes(&self) -> usize {
        self.block.width * self.samples() * self.sample_type.size()
    }

    /// Bytes that block `number` holds when it is not compressed: the last strip may be short, tiles never are.
    pub(crate) fn block_bytes(&self, number: u64) -> usize {
        let row = (number / self.across() as u64) as usize % self.down();
        let rows = if self.tiled {
            self.block.height
        } else {
            self.block.height.min(self.size.height - row * self.block.height)
        };
        rows * self.row_bytes()
    }

    /// The number of the block in a column and row of blocks of a plane.
    pub(crate) fn number(&self, plane: usize, column: usize, row: usize) -> usize {
        (plane * self.down() + row) * self.across() + column
    }

    /// Where a block is.
    pub(crate) fn at(&self, number: usize) -> Block {
        Block { offset: self.offsets.0[number], bytes: self.counts.0[number] }
    }

    /// Bytes that the tables take.
    pub(crate) fn table_bytes(&self) -> usize {
        (self.offsets.0.capacity() + self.counts.0.capacity()) * size_of::<u64>()
    }

    /// Bytes that all blocks take in the file.
    pub(crate) fn stored_bytes(&self) -> u64 {
        self.counts.0.iter().fold(0, |sum, bytes| sum.saturating_add(*bytes))
    }
}

/// The value of a tag with one value for each band, all of which must agree.
fn every_same(
    file: &InputFile,
    structure: &Structure,
    directory: &Directory,
    tag: u16,
    default: u64,
) -> Result<u64> {
    let Some(entry) = directory.entry(tag) else { return Ok(default) };
    let values = structure.integers(file, entry)?;
    match values.first() {
        None => Ok(default),
        Some(first) if values.iter().all(|value| value == first) => Ok(*first),
        Some(_) => Err(Error::unsupported(format!(
            "`{}`: bands of different {} are not supported",
            file.name(),
            tag::name(tag)
        ))),
    }
}
