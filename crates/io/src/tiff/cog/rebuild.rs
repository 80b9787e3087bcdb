//! Makes what smaller copies have of a raster's blocks again where another run wrote them: what was set aside went with that
//! run. Every pixel of a copy belongs to the last tile that it is made of, so that the blocks before a tile are all that is needed
//! for all that is missing.

use swathe_core::{Error, Result, Scratch, Size, TileBuffer, Window};

use crate::tiff::codec::Decoders;
use crate::tiff::cog::sink::PyramidSink;

/// What of a raster is in the file behind a tile of whole blocks: all rows above the tile, and it and what lies west of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Written {
    /// Where the blocks end.
    pub(super) end: u64,
    right: usize,
    top: usize,
    bottom: usize,
}

impl Written {
    /// Behind `tile`, whose blocks end at byte `end`.
    pub(super) fn behind(tile: Window, end: u64) -> Self {
        let (right, bottom) = (tile.x_end() as usize, tile.y_end() as usize);
        Written { end, right, top: tile.y as usize, bottom }
    }

    /// Whether nothing of a raster is missing.
    pub(super) fn is_all(self, raster: Size) -> bool {
        (self.right, self.bottom) == (raster.width, raster.height)
    }

    /// Puts it into bytes.
    pub(super) fn pack(self, carry: &mut Vec<u8>) {
        let numbers = [self.end, self.right as u64, self.top as u64, self.bottom as u64];
        carry.extend(numbers.into_iter().flat_map(u64::to_le_bytes));
    }

    /// Reads what [`Written::pack`] made, for a raster of this size.
    ///
    /// # Errors
    /// Damaged, where that is not so.
    pub(super) fn of_carry(carry: &[u8], raster: Size) -> Result<Self> {
        let damaged = || Error::damaged("a journal does not say how far a raster is written");
        let (words, []) = carry.as_chunks::<8>() else { return Err(damaged()) };
        let &[end, right, top, bottom] = words else { return Err(damaged()) };
        let side = |bytes: [u8; 8], most: usize| {
            usize::try_from(u64::from_le_bytes(bytes)).ok().filter(|&side| side <= most).ok_or_else(damaged)
        };
        Ok(Written {
            end: u64::from_le_bytes(end),
            right: side(right, raster.width)?,
            top: side(top, raster.height)?,
            bottom: side(bottom, raster.height)?,
        })
    }
}

impl PyramidSink {
    /// Makes the pixels of the copies that the tiles before own, block by block.
    ///
    /// # Errors
    /// Damaged, where the blocks are not what was written; else as [`crate::output::OutputFile::write_at`].
    pub(super) fn rebuild(&self, written: Written) -> Result<()> {
        let (Some(page), Some(spill)) = (self.pyramid.main(), &self.spill) else { return Ok(()) };
        let (grid, each, kind) = (&page.image.grid, page.blocks_each(), self.pyramid.kind);
        let (block, margin) = (grid.layout.block, self.pyramid.levels.margin());
        let mut scratch = Scratch::with_capacity(self.pyramid.scratch_bytes(block));
        let mut decoders = Decoders::default();
        let (mut bytes, mut room) = (vec![0; page.most_each()], vec![0; page.block_bytes()]);
        let mut lengths = vec![0; grid.across() * each];
        let (mut tile, mut west) = (TileBuffer::with_capacity(0), TileBuffer::with_capacity(0));
        let last_rows = |row: usize| {
            let end = ((row + 1) * block.height).min(page.size.height);
            Window::between(0, end.saturating_sub(margin.top) as i64, page.size.width as i64, end as i64)
        };
        let mut place = self.main_start;
        for row in 0..written.bottom.div_ceil(block.height) {
            let right = if (row + 1) * block.height <= written.top { page.size.width } else { written.right };
            let lengths = &mut lengths[..right.div_ceil(block.width) * each];
            page.read_lengths(&|at, bytes| self.file.read_at(at, bytes), (0, row), lengths)?;
            for (column, lengths) in lengths.chunks_exact(each).enumerate() {
                let own = page.window(column, row);
                let seen = own.grow(margin).intersect(Window::whole(page.size));
                tile.reset(seen, kind);
                let mut view = tile.view_mut();
                let beside = Window::between(seen.x, seen.y, own.x, seen.y_end());
                if !beside.is_empty() {
                    view.part(beside, beside).copy_from(&west.view().crop(beside));
                }
                let above = Window::between(own.x, seen.y, own.x_end(), own.y);
                if !above.is_empty() {
                    spill.read_strip(row - 1, last_rows(row - 1), &mut view.part(above, above))?;
                }
                let used = usize::try_from(page.framed_bytes(lengths)).unwrap_or(usize::MAX);
                let stored = bytes.get_mut(..used);
                let stored = stored.ok_or_else(|| Error::damaged("blocks are longer than they can be"))?;
                self.file.read_at(place, stored)?;
                place += used as u64;
                let (fill, with) = (self.appender.fill.as_deref(), (&mut decoders, &mut room[..]));
                let mut of_block = view.part(own, own);
                page.decode(row, (stored, lengths), fill, with, &mut of_block)?;
                self.pyramid.mask_by_opacity(&mut of_block);
                self.reduce(spill, own, &tile.view(), &mut scratch.frame())?;
                let kept = last_rows(row).intersect(own);
                if !kept.is_empty() {
                    spill.write_strip(row, last_rows(row), &tile.view().crop(kept))?;
                }
                std::mem::swap(&mut tile, &mut west);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let raster = Size::new(700, 300);
        let written = Written::behind(Window::new(512, 256, 188, 44), 1 << 33);
        let mut carry = Vec::new();
        written.pack(&mut carry);
        assert_eq!(Written::of_carry(&carry, raster).unwrap(), written);
        assert!(written.is_all(raster) && !written.is_all(Size::new(700, 301)));
        assert!(Written::of_carry(&carry, Size::new(699, 300)).is_err());
        assert!(Written::of_carry(&carry[1..], raster).is_err());
    }
}
