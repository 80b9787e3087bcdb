//! An array as a source of pixels: chunks are decoded into a cache that readers share, each once in a sweep.

use std::sync::{OnceLock, PoisonError, RwLock};

use swathe_core::{Error, Frame, RasterInfo, Result, Size, Source, Sweep, TileMut, Window};

use crate::cache::{Afterwards, BlockCache, Patience};
use crate::pool::Pool;
use crate::samples;
use crate::sweep::{blocks_kept, is_last};
use crate::tiff::directory::ByteOrder;
use crate::zarr::codec::{Decoders, checked};
use crate::zarr::describe::describe;
use crate::zarr::layout::{Layout, Place, Shards};
use crate::zarr::store::{ArrayFiles, ChunkFile};

/// A chunk is never larger, whatever the memory: beyond this an array is more likely hostile than large.
const MOST_BLOCK_BYTES: usize = 4 << 30;
/// From this size on it is looked whether a chunk is there and can hold so much before memory is taken.
const LARGE_BLOCK_BYTES: usize = 16 << 20;
/// Decoded chunks that are kept without a plan.
const UNPLANNED_BLOCKS: usize = 4;
/// Bytes for the indexes of shards, where each is small.
const INDEXES_BYTES: usize = 4 << 20;
/// Files that are looked at to tell how large all are.
const LOOKED_AT: usize = 1 << 18;
/// What the index of a shard says of a chunk that is missing.
const MISSING: u64 = u64::MAX;

/// An array of a store.
#[derive(Debug)]
pub(crate) struct ZarrSource {
    /// As the user called it.
    name: String,
    files: ArrayFiles,
    layout: Layout,
    info: RasterInfo,
    cache: BlockCache,
    indexes: Option<BlockCache>,
    /// Each with room for a stored chunk.
    decoders: Pool<(Vec<u8>, Decoders)>,
    /// The run that was planned, if one was.
    sweep: RwLock<Option<Sweep>>,
    stored_bytes: OnceLock<u64>,
}

/// A part of one chunk.
#[derive(Clone, Copy, Debug)]
struct Part {
    place: Place,
    /// Of the raster, from the chunk's first band on.
    wanted: Window,
    whole: Window,
}

impl ZarrSource {
    /// Opens the array in the folder `path`, or the one of the name `array` within.
    ///
    /// # Errors
    /// As [`ArrayFiles::find`] and [`Layout::of`].
    pub(crate) fn open(path: &str, array: Option<&str>) -> Result<Self> {
        let (files, metadata) = ArrayFiles::find(path, array)?;
        let layout = Layout::of(files.name(), &metadata)?;
        let info = describe(&files, &metadata, &layout);
        info.pixel_bytes().map_err(|error| error.at(format_args!("`{}`", files.name())))?;
        let cache = BlockCache::new(layout.block_bytes(), floor_blocks(&layout));
        let indexes =
            layout.shards.as_ref().map(|shards| BlockCache::new(shards.index_bytes, index_count(shards)));
        Ok(ZarrSource {
            name: array.map_or_else(|| path.to_owned(), |array| format!("{path}:array={array}")),
            files,
            layout,
            info,
            cache,
            indexes,
            decoders: Pool::default(),
            sweep: RwLock::default(),
            stored_bytes: OnceLock::new(),
        })
    }

    /// The parts of chunks that a window touches.
    fn parts(&self, window: Window) -> impl Iterator<Item = Part> + use<> {
        let block = self.layout.block;
        self.layout.places(window).map(move |place| {
            let (left, top) = ((place.column * block.width) as i64, (place.row * block.height) as i64);
            let whole = Window::new(left, top, block.width, block.height);
            Part { place, wanted: whole.intersect(window), whole }
        })
    }

    /// Copies a part out of a chunk; false where it was left.
    fn read_part(&self, part: Part, output: &mut TileMut<'_>, patience: Patience) -> Result<bool> {
        let bytes = self.layout.block_bytes();
        if bytes > LARGE_BLOCK_BYTES && !self.is_worth_memory(part.place)? {
            self.fill(part, output);
            return Ok(true);
        }
        let sweep = *self.sweep.read().unwrap_or_else(PoisonError::into_inner);
        let last = sweep.is_some_and(|sweep| is_last(sweep, output.window(), part.whole, self.layout.size));
        let afterwards = if last { Afterwards::First } else { Afterwards::InTurn };
        let make = |block: &mut [u8]| self.decode(part.place, block);
        let read =
            self.cache.with_block(self.layout.number(part.place), patience, afterwards, make, |block| {
                self.copy(block, part, output);
            })?;
        Ok(read.is_some())
    }

    /// Whether a large chunk is there.
    ///
    /// # Errors
    /// Limit, where chunks are larger than any; Damaged, where the file cannot hold as much as the chunk has.
    fn is_worth_memory(&self, place: Place) -> Result<bool> {
        let bytes = self.layout.block_bytes();
        if bytes > MOST_BLOCK_BYTES {
            return Err(Error::limit(format!(
                "`{}` is stored in chunks of {} MiB; at most {} MiB are decoded at once",
                self.files.name(),
                bytes >> 20,
                MOST_BLOCK_BYTES >> 20
            )));
        }
        let (key, _) = self.layout.file(place);
        let Some(length) = self.files.length(&key)? else { return Ok(false) };
        match self.layout.coding.most_bytes_of(length) {
            Some(most) if most < bytes as u64 => Err(self.files.damaged(
                &key,
                format_args!("it is to decode to {bytes} bytes, and {length} bytes cannot hold that much"),
            )),
            _ => Ok(true),
        }
    }

    /// Decodes a chunk; one that is missing holds the fill value.
    fn decode(&self, place: Place, block: &mut [u8]) -> Result<()> {
        let (key, number) = self.layout.file(place);
        let missing = |block: &mut [u8]| {
            samples::repeat(block, &self.layout.fill);
            Ok(())
        };
        let Some(file) = self.files.open(&key)? else { return missing(block) };
        let (offset, length) = match &self.layout.shards {
            None => (0, file.length),
            Some(shards) => match self.stretch(shards, place, &file, number)? {
                Some(stretch) => stretch,
                None => return missing(block),
            },
        };
        let room = self.layout.coding.most_stored_bytes(block.len());
        let length = usize::try_from(length).ok().filter(|&length| length <= room).ok_or_else(|| {
            file.damaged(format_args!("it holds {length} bytes, and {room} are the most that a chunk takes"))
        })?;
        file.check_range(offset, length)?;
        let decoded = self.decoders.with(|(stored, decoders)| {
            if stored.len() < length {
                stored.resize(length, 0);
            }
            file.read_at(offset, &mut stored[..length])?;
            Ok::<_, Error>(self.layout.coding.decode(&stored[..length], decoders, block))
        })?;
        decoded.map_err(|fault| match self.layout.shards {
            None => file.damaged(fault),
            Some(_) => file.damaged(format_args!("in its part {number}, {fault}")),
        })
    }

    /// Where a shard holds chunk `number` of it; none where that is missing.
    fn stretch(
        &self,
        shards: &Shards,
        place: Place,
        file: &ChunkFile<'_>,
        number: u64,
    ) -> Result<Option<(u64, u64)>> {
        let Some(indexes) = &self.indexes else { return Err(Error::bug("shards without indexes")) };
        let at =
            if shards.index_is_first { Some(0) } else { file.length.checked_sub(shards.index_bytes as u64) };
        let at = at.ok_or_else(|| file.damaged("it is shorter than its index"))?;
        let make = |index: &mut [u8]| {
            file.read_at(at, index)?;
            match shards.index_has_checksum {
                true => {
                    checked(index).map(drop).map_err(|fault| file.damaged(format_args!("its index: {fault}")))
                }
                false => Ok(()),
            }
        };
        let word = |index: &[u8], at: usize| {
            let bytes = index[at..].first_chunk().copied().unwrap_or_default();
            match shards.index_order {
                ByteOrder::Little => u64::from_le_bytes(bytes),
                ByteOrder::Big => u64::from_be_bytes(bytes),
            }
        };
        let entry = 16 * number as usize;
        let shard = self.layout.file_number(place);
        let found = indexes.with_block(shard, Patience::Wait, Afterwards::InTurn, make, |index| {
            (word(index, entry), word(index, entry + 8))
        })?;
        match found {
            None | Some((MISSING, MISSING)) => Ok(None),
            Some(stretch) => Ok(Some(stretch)),
        }
    }

    /// Copies the wanted part out of a decoded chunk.
    fn copy(&self, block: &[u8], part: Part, output: &mut TileMut<'_>) {
        let (layout, window) = (&self.layout, output.window());
        let (size, strides) = (layout.sample_type.size(), layout.strides);
        let from = (part.wanted.x - window.x) as usize * size;
        let target = from..from + part.wanted.width * size;
        let first_band = part.place.plane * layout.block_bands;
        for band in first_band..layout.bands.min(first_band + layout.block_bands) {
            for row in 0..part.wanted.height {
                let y = (part.wanted.y - part.whole.y) as usize + row;
                let x = (part.wanted.x - part.whole.x) as usize;
                let start = ((band - first_band) * strides.band + y * strides.y + x * strides.x) * size;
                let length = if strides.x == 1 { target.len() } else { block.len() - start };
                let to = &mut output.row_bytes_mut(band, (part.wanted.y - window.y) as usize + row)
                    [target.clone()];
                samples::gather(&block[start..start + length], 0, strides.x, size, ByteOrder::NATIVE, to);
            }
        }
    }

    /// Fills the wanted part of a chunk that is missing.
    fn fill(&self, part: Part, output: &mut TileMut<'_>) {
        let (layout, window) = (&self.layout, output.window());
        let size = layout.sample_type.size();
        let from = (part.wanted.x - window.x) as usize * size;
        let first_band = part.place.plane * layout.block_bands;
        for band in first_band..layout.bands.min(first_band + layout.block_bands) {
            for row in 0..part.wanted.height {
                let row = output.row_bytes_mut(band, (part.wanted.y - window.y) as usize + row);
                samples::repeat(&mut row[from..from + part.wanted.width * size], &layout.fill);
            }
        }
    }

    /// What one reader's decoder takes.
    fn decoder_bytes(&self) -> usize {
        let bytes = self.layout.block_bytes();
        self.layout.coding.working_bytes(bytes).saturating_add(self.layout.coding.most_stored_bytes(bytes))
    }

    /// Bytes of all files; where there are very many, as many as those looked at have on the average.
    fn count_stored_bytes(&self) -> u64 {
        let (bytes, files) = self.files.stored_bytes(LOOKED_AT);
        let count = self.layout.files().count();
        if files < LOOKED_AT as u64 || count <= files {
            return bytes;
        }
        (bytes as f64 * (count as f64 / files as f64)) as u64
    }
}

/// Decoded chunks that there is always room for.
fn floor_blocks(layout: &Layout) -> usize {
    usize::try_from(layout.blocks().count()).unwrap_or(usize::MAX).min(UNPLANNED_BLOCKS)
}

/// Indexes of shards that are kept.
fn index_count(shards: &Shards) -> usize {
    (INDEXES_BYTES / shards.index_bytes.max(1)).clamp(UNPLANNED_BLOCKS, 4096)
}

impl Source for ZarrSource {
    fn info(&self) -> &RasterInfo {
        &self.info
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn block(&self) -> Size {
        self.layout.block
    }

    fn resident_bytes(&self) -> usize {
        let blocks = floor_blocks(&self.layout).saturating_mul(self.layout.block_bytes());
        let indexes = self.layout.shards.as_ref();
        let indexes = indexes.map_or(0, |shards| index_count(shards).saturating_mul(shards.index_bytes));
        blocks.saturating_add(indexes).saturating_add(self.decoder_bytes())
    }

    fn scratch_bytes(&self, _window: Size) -> usize {
        0
    }

    fn mapped_bytes(&self, _window: Size) -> usize {
        0
    }

    /// A chunk that another reader is just decoding is left for later, so that readers of neighbouring windows decode
    /// different chunks rather than wait for each other.
    fn read(&self, output: &mut TileMut<'_>, _scratch: &mut Frame<'_>) -> Result<()> {
        let window = output.window();
        if window.is_empty() {
            return Ok(());
        }
        let mut later = Vec::new();
        for part in self.parts(window) {
            if !self.read_part(part, output, Patience::Leave)? {
                later.push(part);
            }
        }
        later.into_iter().try_for_each(|part| self.read_part(part, output, Patience::Wait).map(drop))
    }

    fn check_unchanged(&self) -> Result<()> {
        self.files.check_unchanged()
    }

    fn method(&self) -> String {
        match self.layout.coding.name().as_str() {
            "none" => "pread".into(),
            codec => format!("pread, {codec}"),
        }
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        let layout = &self.layout;
        let order = if layout.coding.order == ByteOrder::Little { "little endian" } else { "big endian" };
        let mut details = vec![
            ("format", format!("Zarr 3, {order}")),
            ("array", self.files.name().to_owned()),
            ("compression", layout.coding.name()),
        ];
        if layout.block_bands > 1 {
            details.push(("bands a chunk", layout.block_bands.to_string()));
        }
        if layout.shards.is_some() {
            details.push(("shards", layout.files().block.to_string()));
        }
        details
    }

    fn keeps_blocks(&self) -> bool {
        true
    }

    fn plan_cache(&self, sweep: Sweep, workers: usize, budget_bytes: usize) -> usize {
        *self.sweep.write().unwrap_or_else(PoisonError::into_inner) = Some(sweep);
        let floor = floor_blocks(&self.layout);
        // The floor counts one worker's decoder; the others need their own.
        let others = self.decoder_bytes().saturating_mul(workers.saturating_sub(1));
        let room = budget_bytes.saturating_sub(others) / self.layout.block_bytes().max(1);
        let more = blocks_kept(sweep, self.layout.blocks(), workers).saturating_sub(floor).min(room);
        self.cache.set_limit(floor + more);
        others.saturating_add(more.saturating_mul(self.cache.block_bytes()))
    }

    fn stored_bytes_read(&self) -> u64 {
        self.files.bytes_read()
    }

    fn stored_bytes(&self, window: Window) -> u64 {
        let whole = *self.stored_bytes.get_or_init(|| self.count_stored_bytes());
        if window == self.info.window() {
            return whole;
        }
        let touched = |start: i64, end: i64, block: usize| {
            ((end.max(1) as usize).div_ceil(block) - start.max(0) as usize / block) as f64
        };
        let (blocks, block) = (self.layout.blocks(), self.layout.block);
        let rows = touched(window.y, window.y_end(), block.height) / blocks.down() as f64;
        let share = rows * touched(window.x, window.x_end(), block.width) / blocks.across() as f64;
        (whole as f64 * share.min(1.0)) as u64
    }
}
