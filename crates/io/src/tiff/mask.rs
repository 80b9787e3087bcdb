//! The mask of an uncompressed TIFF that is written: a page behind the raster's, a byte per pixel, 255 where there is data.
//!
//! Its blocks cover the raster as the raster's do. Bytes rather than bits, because tiles may meet inside a byte of bits.

use swathe_core::{Error, Footprint, Frame, RasterInfo, Result, SampleType, ScratchSize, Size, TileView};

use crate::output::OutputFile;
use crate::tiff::encode::{Head, TagValue, describing_tags, has_own_mask};
use crate::tiff::encoded::fill_flags;
use crate::tiff::tag;
use crate::tiff::write::{Grid, PlacedBlocks, TiffLayout};

/// NewSubfileType and PhotometricInterpretation of a mask.
const MASK: u16 = 4;

/// A mask's page that is thought out.
#[derive(Debug)]
pub(crate) struct MaskPage {
    /// Where its directory begins.
    at: u64,
    head: Head,
    blocks: PlacedBlocks,
    big: bool,
    end: u64,
}

impl MaskPage {
    /// Thinks out the mask's page behind a raster's head and links it there, where the raster has a mask that none of
    /// its bands carries as opacity.
    ///
    /// # Errors
    /// Limit, where no file is so large.
    pub(crate) fn behind(
        head: &mut Head,
        info: &RasterInfo,
        layout: TiffLayout,
        big: bool,
    ) -> Result<Option<Self>> {
        if !has_own_mask(info) {
            return Ok(None);
        }
        let own = RasterInfo::new(info.size, 1, SampleType::U8);
        let grid = Grid::new(&own, layout);
        let bytes = grid
            .data_bytes()
            .ok_or_else(|| Error::limit(format!("a mask of {} is larger than 2^62 bytes", info.size)))?;
        let mut tags = describing_tags(&own, false);
        tags.retain(|tag| tag.id != tag::PHOTOMETRIC);
        tags.push(TagValue::longs(tag::NEW_SUBFILE_TYPE, &[u32::from(MASK)]));
        tags.push(TagValue::shorts(tag::PHOTOMETRIC, &[MASK]));
        tags.push(TagValue::shorts(tag::COMPRESSION, &[1]));
        let at = head.end.next_multiple_of(8);
        head.link(at);
        let head = grid.directory(at, tags, big);
        let start = head.end;
        Ok(Some(MaskPage { at, head, blocks: PlacedBlocks { grid, start }, big, end: start + bytes }))
    }

    /// Where it ends in the file.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Bytes that it holds.
    pub(crate) fn resident_bytes(&self) -> usize {
        self.head.bytes.capacity()
    }

    /// Scratch for a tile's mask.
    pub(crate) fn scratch_bytes(&self, tile: Size) -> usize {
        let stretch = self.blocks.grid.stretch_bytes(tile);
        ScratchSize::new().with::<u8>(tile.pixels()).with::<u8>(stretch).bytes()
    }

    /// Writes its directory and tables behind what ends at `end`.
    ///
    /// # Errors
    /// As [`OutputFile::write_at`].
    pub(crate) fn begin(&self, file: &OutputFile, end: u64, footprint: &mut Footprint) -> Result<()> {
        file.write_zeros(end..self.at, footprint)?;
        self.blocks.grid.write_head((&self.head, self.big), self.at, file, footprint)?;
        self.blocks.grid.write_tables((&self.head, self.big), self.blocks.start, file, footprint)
    }

    /// Writes the mask of a tile; a tile without one is data throughout.
    ///
    /// # Errors
    /// As [`OutputFile::write_at`].
    pub(crate) fn write(
        &self,
        file: &OutputFile,
        tile: &TileView<'_>,
        scratch: &mut Frame<'_>,
        footprint: &mut Footprint,
    ) -> Result<()> {
        let window = tile.window();
        let flags = scratch.take::<u8>(window.size().pixels());
        let buffer = scratch.take::<u8>(self.blocks.grid.stretch_bytes(window.size()));
        fill_flags(tile, flags);
        let plane = flags.len();
        let mask = TileView::from_bytes(window, 1, SampleType::U8, flags, window.width, plane)
            .ok_or_else(|| Error::bug("a tile's mask has another size than the tile"))?;
        self.blocks.write(file, &mask, buffer, footprint)
    }
}
