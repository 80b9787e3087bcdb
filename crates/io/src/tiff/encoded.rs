//! The directories of a file that stand before all of its blocks, and the blocks of each, encoded: the raster, its smaller
//! copies, and their masks. Blocks take their places as they come, in the order in which tiles were handed out.

use std::time::Instant;

use swathe_core::{
    Error, Footprint, Frame, Metadata, RasterInfo, Result, SampleType, ScratchSize, Size, TileMut, TileView,
    Turns, Window, with_sample,
};

use crate::output::OutputFile;
use crate::pool::Pool;
use crate::samples;
use crate::tiff::codec::Decoders;
use crate::tiff::compress::{Compression, Encoders, Scheme, WritePredictor};
use crate::tiff::encode::{Head, TagValue, describing_tags, directory, has_own_mask};
use crate::tiff::tag;
use crate::tiff::write::{Grid, TiffLayout};

/// NewSubfileType of a smaller copy, and of a mask; PhotometricInterpretation of a mask.
const COPY: u32 = 1;
const MASK: u16 = 4;
/// Bytes before and behind a block that repeat its length and its end.
const FRAME: usize = 4;

/// How blocks become bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Coding {
    pub(crate) compression: Compression,
    pub(crate) predictor: WritePredictor,
    pub(crate) big: bool,
    /// Whether blocks have their length before them and their last bytes behind them.
    pub(crate) framed: bool,
}

/// The directories of a file, the largest image first.
#[derive(Debug)]
pub(crate) struct Pages {
    pub(crate) pages: Vec<Page>,
    /// Where the directories and their tables end.
    pub(crate) end: u64,
}

/// An image with its mask.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) size: Size,
    pub(crate) image: Part,
    pub(crate) mask: Option<Part>,
    framed: bool,
}

/// A directory and the blocks that it tells of.
#[derive(Debug)]
pub(crate) struct Part {
    at: u64,
    head: Head,
    pub(crate) grid: Grid,
    scheme: Scheme,
    big: bool,
}

/// Memory to encode a block in.
pub(crate) struct Room<'a> {
    /// As long as the longest block.
    pub(crate) block: &'a mut [u8],
    /// A byte for each pixel of a block.
    pub(crate) flags: &'a mut [u8],
}

impl Pages {
    /// Lays out a directory for each of `sizes`, the first of which is the raster itself where `whole` says so.
    ///
    /// # Errors
    /// Usage, where codec and type do not go together.
    pub(crate) fn new(
        info: &RasterInfo,
        sizes: &[Size],
        whole: bool,
        layout: TiffLayout,
        coding: Coding,
    ) -> Result<Self> {
        let masked = has_own_mask(info);
        let mut header = header(coding, layout.planar && info.bands > 1, masked);
        let mut parts: Vec<Part> = Vec::new();
        for (number, &size) in sizes.iter().enumerate() {
            let copy = number > 0 || !whole;
            let image = if copy { reduced(info, size) } else { info.clone() };
            for mask in [false, true].into_iter().take(1 + usize::from(masked)) {
                let at = parts.last().map_or(0, |part| part.head.end.next_multiple_of(8));
                let part =
                    Part::new((at, std::mem::take(&mut header)), &image, (copy, mask), layout, coding)?;
                if let Some(before) = parts.last_mut() {
                    before.head.link(at);
                }
                parts.push(part);
            }
        }
        let end = parts.last().map_or(0, |part| part.head.end);
        let mut parts = parts.into_iter();
        let pages = sizes.iter().filter_map(|&size| {
            let image = parts.next()?;
            let mask = if masked { parts.next() } else { None };
            Some(Page { size, image, mask, framed: coding.framed })
        });
        Ok(Pages { pages: pages.collect(), end })
    }

    /// The largest image.
    pub(crate) fn first(&self) -> &Page {
        &self.pages[0]
    }

    /// Writes the directories; their tables follow with the blocks.
    ///
    /// # Errors
    /// As [`OutputFile::write_at`].
    pub(crate) fn write(&self, file: &OutputFile, footprint: &mut Footprint) -> Result<()> {
        let mut end = 0;
        for part in self.pages.iter().flat_map(Page::parts) {
            file.write_zeros(end..part.at, footprint)?;
            part.grid.write_head((&part.head, part.big), part.at, file, footprint)?;
            end = part.head.end;
        }
        Ok(())
    }

    /// Bytes that the directories hold.
    pub(crate) fn resident_bytes(&self) -> usize {
        self.pages.iter().flat_map(Page::parts).map(|part| part.head.bytes.capacity()).sum()
    }
}

/// A smaller copy as a raster: where it lies and what it is called is said of the whole.
fn reduced(info: &RasterInfo, size: Size) -> RasterInfo {
    let metadata = Metadata {
        colours: info.metadata.colours.clone(),
        palette: info.metadata.palette.clone(),
        ..Metadata::default()
    };
    RasterInfo {
        nodata: info.nodata,
        mask: info.mask,
        metadata,
        ..RasterInfo::new(size, info.bands, info.sample_type)
    }
}

/// The file's first bytes, and what tells GDAL and others that the blocks are where they expect them. Bands of their own
/// follow each other block by block, which GDAL (since 3.11) calls interleaved by tile.
fn header(coding: Coding, planar: bool, masked: bool) -> Vec<u8> {
    let mut text = String::new();
    if coding.framed {
        let interleave = if planar { "INTERLEAVE=TILE\n" } else { "" };
        let mut said = format!(
            "LAYOUT=IFDS_BEFORE_DATA\nBLOCK_ORDER=ROW_MAJOR\nBLOCK_LEADER=SIZE_AS_UINT4\n\
             BLOCK_TRAILER=LAST_4_BYTES_REPEATED\n{interleave}KNOWN_INCOMPATIBLE_EDITION=NO\n ",
        );
        if masked && !planar {
            said.push_str("MASK_INTERLEAVED_WITH_IMAGERY=YES\n");
        }
        text = format!("GDAL_STRUCTURAL_METADATA_SIZE={:06} bytes\n{said}", said.len());
        // Directories begin at even places.
        text.extend((text.len() % 2 == 1).then_some('\0'));
    }
    let mut header = if coding.big {
        [b"II\x2b\0\x08\0\0\0".as_slice(), &(16 + text.len() as u64).to_le_bytes()].concat()
    } else {
        [b"II\x2a\0".as_slice(), &(8 + text.len() as u32).to_le_bytes()].concat()
    };
    header.extend(text.as_bytes());
    header
}

impl Page {
    /// The image and its mask.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &Part> {
        std::iter::once(&self.image).chain(&self.mask)
    }

    /// Blocks that stand beside each other at one place of the grid: a band's or all bands', and the mask's.
    pub(crate) fn blocks_each(&self) -> usize {
        self.image.grid.planes() + usize::from(self.mask.is_some())
    }

    /// The most bytes that the blocks of one place become.
    pub(crate) fn most_each(&self) -> usize {
        let frame = if self.framed { 2 * FRAME } else { 0 };
        self.parts().fold(0_usize, |sum, part| {
            let block = part.scheme.most_bytes(part.grid.block_bytes()).saturating_add(frame);
            sum.saturating_add(block.saturating_mul(part.grid.planes()))
        })
    }

    /// The most bytes that all blocks become.
    pub(crate) fn most_bytes(&self) -> Option<u64> {
        let grid = &self.image.grid;
        let places = (grid.across() as u64).checked_mul(grid.down() as u64)?;
        places.checked_mul(self.most_each() as u64).filter(|&bytes| bytes < 1 << 61)
    }

    /// The longest block.
    pub(crate) fn block_bytes(&self) -> usize {
        self.parts().map(|part| part.grid.block_bytes()).max().unwrap_or(0)
    }

    /// The pixels of the blocks of one place.
    pub(crate) fn window(&self, column: usize, row: usize) -> Window {
        let block = self.image.grid.layout.block;
        Window::new((column * block.width) as i64, (row * block.height) as i64, block.width, block.height)
            .intersect(Window::whole(self.size))
    }

    /// Encodes the blocks of one place, each with what frames it, one behind the other; returns how many bytes they are and
    /// notes the length of each, 0 where it is left out because it holds nothing but `fill`.
    ///
    /// # Errors
    /// Bug, where an encoder fails, which none does with enough room.
    pub(crate) fn encode(
        &self,
        (column, row): (usize, usize),
        tile: &TileView<'_>,
        fill: Option<&[u8]>,
        (encoders, room): (&mut Encoders, &mut Room<'_>),
        out: &mut [u8],
        lengths: &mut [u64],
    ) -> Result<usize> {
        let mut used = 0;
        let planes = self.image.grid.planes();
        for (plane, length) in lengths.iter_mut().enumerate() {
            let part = if plane < planes { Some(&self.image) } else { self.mask.as_ref() };
            let Some(part) = part else { break };
            let block = &mut room.block[..part.grid.block_rows(row) * part.grid.row_bytes()];
            if plane < planes {
                part.grid.fill_block(plane, column, row, tile, block);
                if fill.is_some_and(|fill| block.chunks_exact(fill.len()).all(|sample| sample == fill)) {
                    *length = 0;
                    continue;
                }
            } else {
                let window = self.window(column, row);
                fill_flags(&tile.crop(window), room.flags);
                let flags = &room.flags[..window.size().pixels()];
                let mask = TileView::from_bytes(window, 1, SampleType::U8, flags, window.width, flags.len())
                    .ok_or_else(|| Error::bug("a block's mask has another size than the block"))?;
                part.grid.fill_block(0, column, row, &mask, block);
            }
            let frame = if self.framed { FRAME } else { 0 };
            let start = used + frame;
            let bytes = part.scheme.encode(encoders, block, part.grid.row_bytes(), &mut out[start..])?;
            if self.framed {
                out[used..start].copy_from_slice(&(bytes as u32).to_le_bytes());
                let end = start + bytes;
                if bytes >= FRAME {
                    out.copy_within(end - FRAME..end, end);
                } else {
                    out[end..end + FRAME].fill(0);
                }
            }
            *length = bytes as u64;
            used += bytes + 2 * frame;
        }
        Ok(used)
    }

    /// Decodes the blocks of one place from what [`Page::encode`] made of them and the length of each, into a tile that is what
    /// the raster has of them. `block` is room for the longest block.
    ///
    /// # Errors
    /// Damaged, where they are not such blocks.
    pub(crate) fn decode(
        &self,
        row: usize,
        (bytes, lengths): (&[u8], &[u64]),
        fill: Option<&[u8]>,
        (decoders, block): (&mut Decoders, &mut [u8]),
        tile: &mut TileMut<'_>,
    ) -> Result<()> {
        let damaged =
            |fault: &str| Error::damaged(format!("a block that was written cannot be read back: {fault}"));
        let planes = self.image.grid.planes();
        let mut rest = bytes;
        for (number, ((part, plane), &length)) in self.blocks().zip(lengths).enumerate() {
            let block = &mut block[..part.grid.block_rows(row) * part.grid.row_bytes()];
            if length == 0 {
                samples::repeat(block, fill.ok_or_else(|| damaged("it has no bytes"))?);
            } else {
                let frame = if self.framed { FRAME } else { 0 };
                let split = rest.split_at_checked(length as usize + 2 * frame);
                let (framed, behind) = split.ok_or_else(|| damaged("it is longer than all of its place"))?;
                let stored = &framed[frame..framed.len() - frame];
                let decoded = part.scheme.decode(decoders, stored, part.grid.row_bytes(), block);
                decoded.map_err(|fault| damaged(&fault))?;
                rest = behind;
            }
            if number < planes {
                part.grid.read_block(plane, block, tile);
            } else {
                for (y, flags) in
                    block.chunks_exact(part.grid.row_bytes()).take(tile.window().height).enumerate()
                {
                    if let Some(to) = tile.mask_row_mut(y) {
                        to.copy_from_slice(&flags[..to.len()]);
                    }
                }
            }
        }
        Ok(())
    }

    /// Writes where the blocks of some places beside each other are, the first of which begins at `start` with its frame.
    /// `lengths` holds those of all blocks of a place together.
    ///
    /// # Errors
    /// As [`OutputFile::write_at`].
    pub(crate) fn write_entries(
        &self,
        file: &OutputFile,
        (column, row): (usize, usize),
        mut start: u64,
        lengths: &[u64],
        (buffer, footprint): (&mut [u8], &mut Footprint),
    ) -> Result<u64> {
        self.write_lengths(file, (column, row), lengths, (&mut *buffer, &mut *footprint))?;
        let each = self.blocks_each();
        let frame = if self.framed { FRAME as u64 } else { 0 };
        let framed = |length: u64| if length > 0 { length + 2 * frame } else { 0 };
        for (number, (part, plane)) in self.blocks().enumerate() {
            let first = part.grid.number(plane, column, row);
            let (table, size) = part.table(true)?;
            let bytes = &mut buffer[..lengths.len() / each * size];
            let mut place = start;
            for (entry, lengths) in bytes.chunks_exact_mut(size).zip(lengths.chunks_exact(each)) {
                let before: u64 = lengths[..number].iter().map(|&length| framed(length)).sum();
                let value = if lengths[number] == 0 { 0 } else { place + before + frame };
                entry.copy_from_slice(&value.to_le_bytes()[..size]);
                place += lengths.iter().map(|&length| framed(length)).sum::<u64>();
            }
            file.write_at(table + first * size as u64, bytes, footprint)?;
        }
        start += lengths.iter().map(|&length| framed(length)).sum::<u64>();
        Ok(start)
    }

    /// Writes how long the blocks of some places beside each other are.
    ///
    /// # Errors
    /// As [`OutputFile::write_at`].
    fn write_lengths(
        &self,
        file: &OutputFile,
        (column, row): (usize, usize),
        lengths: &[u64],
        (buffer, footprint): (&mut [u8], &mut Footprint),
    ) -> Result<()> {
        let each = self.blocks_each();
        for (number, (part, plane)) in self.blocks().enumerate() {
            let (table, size) = part.table(false)?;
            let bytes = &mut buffer[..lengths.len() / each * size];
            for (entry, lengths) in bytes.chunks_exact_mut(size).zip(lengths.chunks_exact(each)) {
                entry.copy_from_slice(&lengths[number].to_le_bytes()[..size]);
            }
            let first = part.grid.number(plane, column, row);
            file.write_at(table + first * size as u64, bytes, footprint)?;
        }
        Ok(())
    }

    /// Reads how long the blocks of some places beside each other are, as [`Page::write_entries`] takes them.
    ///
    /// # Errors
    /// Io, where the file can't be read.
    pub(crate) fn read_lengths(
        &self,
        read: &dyn Fn(u64, &mut [u8]) -> Result<()>,
        (column, row): (usize, usize),
        lengths: &mut [u64],
    ) -> Result<()> {
        let each = self.blocks_each();
        let mut bytes = vec![0; 8 * (lengths.len() / each)];
        for (number, (part, plane)) in self.blocks().enumerate() {
            let (table, size) = part.table(false)?;
            let bytes = &mut bytes[..lengths.len() / each * size];
            read(table + part.grid.number(plane, column, row) * size as u64, bytes)?;
            for (entry, lengths) in bytes.chunks_exact(size).zip(lengths.chunks_exact_mut(each)) {
                let mut wide = [0; 8];
                wide[..size].copy_from_slice(entry);
                lengths[number] = u64::from_le_bytes(wide);
            }
        }
        Ok(())
    }

    /// The bytes that the blocks of some places become with what frames them.
    pub(crate) fn framed_bytes(&self, lengths: &[u64]) -> u64 {
        let frame = if self.framed { 2 * FRAME as u64 } else { 0 };
        lengths.iter().map(|&length| if length > 0 { length + frame } else { 0 }).sum()
    }

    /// Memory to encode blocks in.
    pub(crate) fn room_size(&self) -> ScratchSize {
        let pixels = self.image.grid.layout.block.pixels();
        ScratchSize::new().with::<u8>(self.block_bytes()).with::<u8>(pixels)
    }

    /// Takes what [`Page::room_size`] tells.
    pub(crate) fn room<'a>(&self, scratch: &mut Frame<'a>) -> Room<'a> {
        let pixels = self.image.grid.layout.block.pixels();
        Room { block: scratch.take::<u8>(self.block_bytes()), flags: scratch.take::<u8>(pixels) }
    }

    /// Scratch that [`Appender::write`] takes for a tile.
    pub(crate) fn append_bytes(&self, tile: Size) -> usize {
        let block = self.image.grid.layout.block;
        let across = tile.width.div_ceil(block.width);
        let places = across.saturating_mul(tile.height.div_ceil(block.height));
        self.room_size()
            .with::<u8>(places.saturating_mul(self.most_each()))
            .with::<u64>(places.saturating_mul(self.blocks_each()))
            .with::<u8>(8 * across)
            .bytes()
    }

    /// Every block of a place: its part and its plane.
    fn blocks(&self) -> impl Iterator<Item = (&Part, usize)> {
        self.parts().flat_map(|part| (0..part.grid.planes()).map(move |plane| (part, plane)))
    }
}

/// Appends the blocks of tiles to a file, encoded by many workers, in the order in which tiles were handed out.
#[derive(Debug)]
pub(crate) struct Appender {
    /// Where the file ends.
    turns: Turns<u64>,
    pub(crate) encoders: Pool<Encoders>,
    /// One sample of a block that is left out.
    pub(crate) fill: Option<Vec<u8>>,
    /// Whether blocks stay where they are put, so that tables can say where that is; else they say how long each is.
    stays: bool,
}

impl Appender {
    /// Tile `next` comes first, and its blocks from byte `end` on.
    pub(crate) fn new(next: u64, end: u64, fill: Option<Vec<u8>>, stays: bool) -> Self {
        Appender { turns: Turns::new(next, end), encoders: Pool::default(), fill, stays }
    }

    /// Encodes and writes the blocks that a tile of whole blocks covers, and their places; returns where they end. Blocks follow
    /// each other row by row, then from west to east, then band by band, a mask's last.
    ///
    /// # Errors
    /// As [`OutputFile::write_at`]; Interrupted, where the run stops before it is the tile's turn.
    pub(crate) fn write(
        &self,
        page: &Page,
        file: &OutputFile,
        (sequence, tile): (u64, &TileView<'_>),
        scratch: &mut Frame<'_>,
        footprint: &mut Footprint,
    ) -> Result<u64> {
        let (window, block) = (tile.window(), page.image.grid.layout.block);
        let columns = window.x as usize / block.width..(window.x_end() as usize).div_ceil(block.width);
        let rows = window.y as usize / block.height..(window.y_end() as usize).div_ceil(block.height);
        let each = page.blocks_each();
        let places = columns.len() * rows.len();
        let mut room = page.room(scratch);
        let out = scratch.take::<u8>(places * page.most_each());
        let lengths = scratch.take::<u64>(places * each);
        let begun = Instant::now();
        let used = self.encoders.with(|encoders| {
            let mut used = 0;
            let places = rows.clone().flat_map(|row| columns.clone().map(move |column| (column, row)));
            for (place, lengths) in places.zip(lengths.chunks_exact_mut(each)) {
                let (fill, with) = (self.fill.as_deref(), (&mut *encoders, &mut room));
                used += page.encode(place, tile, fill, with, &mut out[used..], lengths)?;
            }
            Ok::<_, Error>(used)
        })?;
        footprint.add_encoding(begun.elapsed());
        let mut end = self.turns.wait_for(sequence, footprint)?;
        let mut place = *end;
        *end += used as u64;
        end.pass_on();
        if used > 0 {
            file.write_at(place, &out[..used], footprint)?;
        }
        let buffer = scratch.take::<u8>(8 * columns.len());
        for (row, lengths) in rows.zip(lengths.chunks_exact(columns.len() * each)) {
            let (first, with) = ((columns.start, row), (&mut *buffer, &mut *footprint));
            if self.stays {
                place = page.write_entries(file, first, place, lengths, with)?;
            } else {
                page.write_lengths(file, first, lengths, with)?;
                place += page.framed_bytes(lengths);
            }
        }
        Ok(place)
    }

    /// Lets nobody wait for a turn any longer.
    pub(crate) fn cancel(&self) {
        self.turns.cancel();
    }

    /// Takes the next `bytes` bytes of the file for blocks that are encoded already; returns where they begin.
    pub(crate) fn take_place(&self, bytes: u64) -> u64 {
        self.turns.carried(|end| std::mem::replace(end, *end + bytes))
    }

    /// Where the blocks end that have their places.
    pub(crate) fn end(&self) -> u64 {
        self.turns.carried(|end| *end)
    }
}

/// What readers put where a block is left out: nodata, or 0.
pub(crate) fn fill_bytes(info: &RasterInfo) -> Vec<u8> {
    with_sample!(info.sample_type, T => {
        let nodata = info.nodata.and_then(<T as swathe_core::Sample>::from_scalar).unwrap_or_default();
        nodata.to_ne_bytes().to_vec()
    })
}

/// 255 where there is data.
pub(super) fn fill_flags(tile: &TileView<'_>, flags: &mut [u8]) {
    for (y, to) in flags.chunks_exact_mut(tile.window().width).take(tile.window().height).enumerate() {
        match tile.mask_row(y) {
            Some(row) => {
                to.iter_mut().zip(row).for_each(|(to, &from)| *to = if from == 0 { 0 } else { u8::MAX })
            }
            None => to.fill(u8::MAX),
        }
    }
}

impl Part {
    fn new(
        (at, header): (u64, Vec<u8>),
        image: &RasterInfo,
        (copy, mask): (bool, bool),
        layout: TiffLayout,
        coding: Coding,
    ) -> Result<Self> {
        let of_mask = RasterInfo::new(image.size, 1, SampleType::U8);
        let info = if mask { &of_mask } else { image };
        let grid = Grid::new(info, layout);
        let predictor = if mask { WritePredictor::None } else { coding.predictor };
        let scheme = Scheme::new(coding.compression, predictor, info.sample_type, grid.samples())?;
        let mut tags = describing_tags(info, layout.planar && info.bands > 1);
        let kind = if copy { COPY } else { 0 } | if mask { u32::from(MASK) } else { 0 };
        if kind != 0 {
            tags.push(TagValue::longs(tag::NEW_SUBFILE_TYPE, &[kind]));
        }
        if mask {
            tags.retain(|tag| tag.id != tag::PHOTOMETRIC);
            tags.push(TagValue::shorts(tag::PHOTOMETRIC, &[MASK]));
        }
        tags.extend(scheme.tags());
        let tables = grid.table_tags(&mut tags, coding.big);
        let head = directory(at, header, tags, &tables, coding.big);
        Ok(Part { at, head, grid, scheme, big: coding.big })
    }

    /// Where the table of offsets or of byte counts begins, and how long its values are.
    fn table(&self, offsets: bool) -> Result<(u64, usize)> {
        let is_it = |(id, _): &&(u16, u64)| offsets == matches!(*id, tag::TILE_OFFSETS | tag::STRIP_OFFSETS);
        let table = self.head.tables.iter().find(is_it);
        let &(_, table) = table.ok_or_else(|| Error::bug("a directory has no table of its blocks"))?;
        Ok((table, self.grid.value_bytes(offsets, self.big)))
    }
}
