//! What is set aside on the output's disk until its place in the file is known: parts of blocks of smaller copies, blocks that
//! are complete, and the copies from which smaller ones are made at the end. The file has no name, and goes with the run.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::fs::FallocateFlags;
use swathe_core::{Error, MAKE_ROOM, Result, Size, TileKind, TileMut, TileView, Window};

use crate::tiff::encoded::Page;

/// Where in the file what lies.
#[derive(Clone, Debug)]
pub(crate) struct SpillPlan {
    /// Of each smaller copy, where the list of its blocks begins.
    lists: Vec<u64>,
    /// Where copies lie pixel by pixel from which smaller ones are made at the end, by level.
    plain: BTreeMap<usize, u64>,
    /// Where the last rows of a row of blocks lie, for even and odd ones, while copies are made again.
    strips: [u64; 2],
    /// Where complete blocks begin.
    blocks: u64,
    /// Where parts of blocks begin, and how long each place for them is.
    slots: u64,
    slot_bytes: u64,
    kind: TileKind,
}

/// A file of things set aside.
#[derive(Debug)]
pub(crate) struct Spill {
    file: File,
    name: String,
    plan: SpillPlan,
    /// Where the next complete block goes.
    end: AtomicU64,
    slots: Mutex<Slots>,
}

/// Places for blocks of which parts are missing.
#[derive(Debug, Default)]
struct Slots {
    /// By level, column and row: the place, and how many pixels are missing.
    open: BTreeMap<(usize, usize, usize), (u64, usize)>,
    free: Vec<u64>,
    count: u64,
}

impl SpillPlan {
    /// For copies with these pages, from level 1 on, of which those in `plain` are kept pixel by pixel too, of a raster of which
    /// as much as `strip` is kept of rows of blocks; nothing where no file is so large.
    pub(crate) fn new(
        copies: &[Page],
        plain_levels: Range<usize>,
        strip: Size,
        kind: TileKind,
    ) -> Option<Self> {
        let mut at = 0_u64;
        let mut lists = Vec::with_capacity(copies.len());
        for page in copies {
            lists.push(at);
            let places = (page.image.grid.across() as u64).checked_mul(page.image.grid.down() as u64)?;
            at = at.checked_add(places.checked_mul(list_entry_bytes(page) as u64)?)?;
        }
        let mut plain = BTreeMap::new();
        for level in plain_levels {
            plain.insert(level, at);
            let pixels = copies[level - 1].size.pixels() as u64;
            at = at.checked_add(pixels.checked_mul(pixel_bytes(kind) as u64)?)?;
        }
        let strip_bytes = (strip.pixels() as u64).checked_mul(pixel_bytes(kind) as u64)?;
        let strips = [at, at.checked_add(strip_bytes)?];
        let blocks = strips[1].checked_add(strip_bytes)?;
        let mut slots = blocks;
        for page in copies {
            slots = slots.checked_add(page.most_bytes()?)?;
        }
        let block = copies.first().map_or(0, |page| page.image.grid.layout.block.pixels());
        let slot_bytes = (block as u64).checked_mul(pixel_bytes(kind) as u64)?;
        Some(SpillPlan { lists, plain, strips, blocks, slots, slot_bytes, kind })
    }

    /// The most bytes that the file becomes: parts are of at most two rows of blocks of each copy.
    pub(crate) fn most_bytes(&self, copies: &[Page]) -> u64 {
        self.slots.saturating_add(self.slot_bytes.saturating_mul(most_open(copies) as u64))
    }
}

/// The most blocks of which some pixels are there and some are missing: tiles come row by row.
pub(crate) fn most_open(copies: &[Page]) -> usize {
    copies.iter().map(|page| 2 * (page.image.grid.across() + 1)).sum()
}

/// Bytes that are remembered of each block of which parts are missing.
pub(crate) const OPEN_BYTES: usize = 96;

/// Bytes of one place in a list of blocks: where its blocks begin, and the length of each.
pub(crate) fn list_entry_bytes(page: &Page) -> usize {
    8 * (1 + page.blocks_each())
}

/// Bytes of a pixel of all bands and its mask.
fn pixel_bytes(kind: TileKind) -> usize {
    kind.bands * kind.sample_type.size() + usize::from(kind.mask)
}

impl Spill {
    /// Begins the file, with `bytes` reserved.
    ///
    /// # Errors
    /// Limit, where the disk cannot hold it; Io, where the folder cannot be written.
    pub(crate) fn new(file: File, name: &str, plan: SpillPlan, bytes: u64) -> Result<Self> {
        use rustix::io::Errno;
        // Some file systems cannot reserve.
        if let Err(Errno::NOSPC | Errno::DQUOT | Errno::FBIG) =
            rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, bytes.max(1))
        {
            return Err(Error::limit(format!(
                "the overviews of `{name}` need {} MiB more on its disk until they have their places",
                bytes.div_ceil(1 << 20)
            )));
        }
        let end = AtomicU64::new(plan.blocks);
        Ok(Spill { file, name: name.to_owned(), plan, end, slots: Mutex::default() })
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> Result<()> {
        self.file.write_all_at(bytes, at).map_err(|error| {
            Error::io(format_args!("cannot write beside `{}`", self.name), error).where_full(MAKE_ROOM)
        })
    }

    fn read_at(&self, at: u64, bytes: &mut [u8]) -> Result<()> {
        self.file.read_exact_at(bytes, at).map_err(|error| {
            Error::io(format_args!("cannot read what was set aside for `{}`", self.name), error)
        })
    }

    /// Sets a part of a block aside; true where no pixel is missing any more.
    ///
    /// # Errors
    /// Limit or Io, where nothing can be written.
    pub(crate) fn add_part(
        &self,
        place: (usize, usize, usize),
        block: Window,
        part: &TileView<'_>,
    ) -> Result<bool> {
        let slot = {
            let mut slots = self.lock();
            match slots.open.get(&place) {
                Some((slot, _)) => *slot,
                None => {
                    let slot = slots.free.pop().unwrap_or_else(|| {
                        slots.count += 1;
                        slots.count - 1
                    });
                    slots.open.insert(place, (slot, block.size().pixels()));
                    slot
                }
            }
        };
        self.write_pixels(self.plan.slots + slot * self.plan.slot_bytes, block, part)?;
        let mut slots = self.lock();
        let Some((_, missing)) = slots.open.get_mut(&place) else {
            return Err(Error::bug("a part of a block came after the whole"));
        };
        *missing -= part.window().size().pixels();
        Ok(*missing == 0)
    }

    /// Reads a block of which no pixel is missing, band by band and then its mask, and forgets it.
    ///
    /// # Errors
    /// Io, where it cannot be read.
    pub(crate) fn take_whole(&self, place: (usize, usize, usize), mut block: TileMut<'_>) -> Result<()> {
        let slot = self.lock().open.remove(&place).map(|(slot, _)| slot);
        let slot = slot.ok_or_else(|| Error::bug("a block was taken twice"))?;
        let whole = block.window();
        self.read_pixels(self.plan.slots + slot * self.plan.slot_bytes, whole, &mut block)?;
        self.lock().free.push(slot);
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a part of `whole`, whose pixels lie band by band from byte `at` on, with the mask behind.
    fn write_pixels(&self, at: u64, whole: Window, part: &TileView<'_>) -> Result<()> {
        let (size, window) = (self.plan.kind.sample_type.size(), part.window());
        let plane = whole.size().pixels();
        let first =
            |y: usize| ((window.y - whole.y) as usize + y) * whole.width + (window.x - whole.x) as usize;
        for band in 0..self.plan.kind.bands {
            for y in 0..window.height {
                self.write_at(at + ((band * plane + first(y)) * size) as u64, part.row_bytes(band, y))?;
            }
        }
        let mask_at = at + (plane * size * self.plan.kind.bands) as u64;
        if self.plan.kind.mask {
            for y in 0..window.height {
                if let Some(row) = part.mask_row(y) {
                    self.write_at(mask_at + first(y) as u64, row)?;
                }
            }
        }
        Ok(())
    }

    /// Keeps a window of a level from which smaller ones are made, where it is one.
    ///
    /// # Errors
    /// Limit or Io, where nothing can be written.
    pub(crate) fn write_plain(&self, level: usize, whole: Window, part: &TileView<'_>) -> Result<()> {
        match self.plan.plain.get(&level) {
            Some(&at) => self.write_pixels(at, whole, part),
            None => Ok(()),
        }
    }

    /// Reads a window of a level that was kept.
    ///
    /// # Errors
    /// Io, where it cannot be read.
    pub(crate) fn read_plain(&self, level: usize, whole: Window, part: &mut TileMut<'_>) -> Result<()> {
        let Some(&at) = self.plan.plain.get(&level) else {
            return Err(Error::bug("a level was read that was not kept"));
        };
        self.read_pixels(at, whole, part)
    }

    /// Keeps a part of `whole`, the last rows of row `row` of blocks.
    ///
    /// # Errors
    /// Limit or Io, where nothing can be written.
    pub(crate) fn write_strip(&self, row: usize, whole: Window, part: &TileView<'_>) -> Result<()> {
        self.write_pixels(self.plan.strips[row % 2], whole, part)
    }

    /// Reads a part of `whole`, the last rows of row `row` of blocks, which were kept before those of the next row but one.
    ///
    /// # Errors
    /// Io, where it cannot be read.
    pub(crate) fn read_strip(&self, row: usize, whole: Window, part: &mut TileMut<'_>) -> Result<()> {
        self.read_pixels(self.plan.strips[row % 2], whole, part)
    }

    /// Reads a part of `whole`, whose pixels lie band by band from byte `at` on, with the mask behind.
    fn read_pixels(&self, at: u64, whole: Window, part: &mut TileMut<'_>) -> Result<()> {
        let (size, window) = (self.plan.kind.sample_type.size(), part.window());
        let plane = whole.size().pixels();
        let first =
            |y: usize| ((window.y - whole.y) as usize + y) * whole.width + (window.x - whole.x) as usize;
        for band in 0..self.plan.kind.bands {
            for y in 0..window.height {
                self.read_at(at + ((band * plane + first(y)) * size) as u64, part.row_bytes_mut(band, y))?;
            }
        }
        let mask_at = at + (plane * size * self.plan.kind.bands) as u64;
        for y in 0..window.height {
            if let Some(row) = part.mask_row_mut(y) {
                self.read_at(mask_at + first(y) as u64, row)?;
            }
        }
        Ok(())
    }

    /// Sets the encoded blocks of one place aside, with their lengths.
    ///
    /// # Errors
    /// Limit or Io, where nothing can be written.
    pub(crate) fn add_blocks(
        &self,
        (level, number): (usize, u64),
        bytes: &[u8],
        lengths: &[u64],
    ) -> Result<()> {
        let place = self.end.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.write_at(place, bytes)?;
        let entry =
            std::iter::once(&place).chain(lengths).flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>();
        self.write_at(self.plan.lists[level - 1] + number * entry.len() as u64, &entry)
    }

    /// Where the blocks of some places of a level lie, from place `number` on, and their lengths: `each` numbers and one more
    /// for each place.
    ///
    /// # Errors
    /// Io, where it cannot be read.
    pub(crate) fn read_list(
        &self,
        (level, number): (usize, u64),
        each: usize,
        values: &mut [u64],
    ) -> Result<()> {
        let mut bytes = vec![0; 8 * values.len()];
        self.read_at(self.plan.lists[level - 1] + number * 8 * (each as u64 + 1), &mut bytes)?;
        let (words, _) = bytes.as_chunks::<8>();
        values.iter_mut().zip(words).for_each(|(value, word)| *value = u64::from_le_bytes(*word));
        Ok(())
    }

    /// Reads encoded blocks.
    ///
    /// # Errors
    /// Io, where they cannot be read.
    pub(crate) fn read_blocks(&self, place: u64, bytes: &mut [u8]) -> Result<()> {
        self.read_at(place, bytes)
    }
}
