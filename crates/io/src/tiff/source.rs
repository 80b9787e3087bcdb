//! A TIFF as a source of pixels: one of its pages, with its mask where it has one.

use std::path::Path;

use swathe_core::{
    Colour, Error, Frame, RasterInfo, Result, SampleType, ScratchSize, Size, Source, Sweep, TileKind,
    TileMut, Window,
};

use crate::access::InputFile;
use crate::beside;
use crate::tiff::describe::describe;
use crate::tiff::directory::{ByteOrder, Directory, Structure};
use crate::tiff::image::Image;
use crate::tiff::layout::Layout;
use crate::tiff::pages::{Overview, Pages, copies_beside};
use crate::tiff::predictor::Predictor;
use crate::tiff::tag;

/// One page of a TIFF file.
#[derive(Debug)]
pub(crate) struct TiffSource {
    file: InputFile,
    image: Image,
    mask: Option<Image>,
    /// The band that says how opaque a pixel is, where it stands in for a mask.
    alpha: Option<usize>,
    info: RasterInfo,
    big: bool,
    pages: Pages,
    /// Sizes of the smaller copies, in this file or beside it.
    overviews: Vec<Size>,
    /// Whether the file says that its blocks lie as in a Cloud-Optimized GeoTIFF.
    optimized: bool,
    /// Files beside it that say more of it.
    said_beside: Vec<String>,
}

/// Which image of a file, each number from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selected {
    pub(crate) page: usize,
    /// A smaller copy of the page instead of the page itself.
    pub(crate) overview: Option<usize>,
}

/// What a mask is read as.
const MASK: TileKind = TileKind { bands: 1, sample_type: SampleType::U8, mask: false };

impl TiffSource {
    /// Opens a page of a file, or a smaller copy of it: of those in the file, or where it has none, of those in the file
    /// of the same name with `.ovr` behind it.
    ///
    /// # Errors
    /// Damaged or Unsupported, where it is no TIFF that can be read; Usage, where there is no such page or copy.
    pub(crate) fn open(file: InputFile, selected: Selected) -> Result<Self> {
        let structure = Structure::read(&file)?;
        let pages = Pages::read(&file, &structure, selected.page)?;
        let directory = &structure.directories[pages.chosen];
        let layout = Layout::read(&file, &structure, directory)?;
        let mut info = describe(&file, &structure, directory, &layout)?;
        // What lies beside a file speaks of its first page.
        let said_beside = match selected.page {
            0 => beside::add(Path::new(file.name()), &mut info),
            _ => Vec::new(),
        };
        let beside =
            if pages.overviews.is_empty() && selected.page == 0 { copies_of(&file, selected)? } else { None };
        let copies = beside.as_ref().map_or(&pages.overviews, |(.., copies)| copies);
        let overviews = copies.iter().map(|copy| copy.size).collect::<Vec<_>>();
        if let Some(number) = selected.overview {
            let copy = copies.get(number).cloned().ok_or_else(|| no_such(&file, number, copies.len()))?;
            let (file, structure) = match beside {
                Some((file, structure, _)) => (file, structure),
                None => (file, structure),
            };
            return TiffSource::open_copy(file, &structure, pages, &info, copy);
        }
        let mask = match pages.mask {
            Some(number) => fitting_mask(&file, &structure, &structure.directories[number], &layout)?,
            None => None,
        };
        let mut source = TiffSource::new(file, &structure, pages, (layout, mask), (info, overviews));
        source.said_beside = said_beside;
        Ok(source)
    }

    /// Opens a smaller copy of a raster, which is described as the raster is.
    fn open_copy(
        file: InputFile,
        structure: &Structure,
        pages: Pages,
        whole: &RasterInfo,
        copy: Overview,
    ) -> Result<Self> {
        let layout = Layout::read(&file, structure, &copy.directory)?;
        let own = describe(&file, structure, &copy.directory, &layout)?;
        let mut info = RasterInfo {
            nodata: own.nodata.or(whole.nodata),
            georeferencing: whole.georeferencing.resized(whole.size, own.size),
            ..own
        };
        if info.bands == whole.bands && info.sample_type == whole.sample_type {
            info.metadata = whole.metadata.clone();
            info.metadata.forget_statistics();
        }
        let mask = match &copy.mask {
            Some(directory) => fitting_mask(&file, structure, directory, &layout)?,
            None => None,
        };
        Ok(TiffSource::new(file, structure, pages, (layout, mask), (info, Vec::new())))
    }

    fn new(
        file: InputFile,
        structure: &Structure,
        pages: Pages,
        (layout, mask): (Layout, Option<Image>),
        (mut info, overviews): (RasterInfo, Vec<Size>),
    ) -> Self {
        let opacity = |colour: &Colour| matches!(colour, Colour::Alpha | Colour::AssociatedAlpha);
        let alpha = info.metadata.colours.iter().position(opacity);
        info.metadata.mask_apart = mask.is_some() && alpha.is_some();
        let alpha = alpha.filter(|_| mask.is_none());
        info.mask = mask.is_some() || alpha.is_some();
        let image = Image::new(layout, structure.order);
        let (big, optimized) = (structure.big, is_optimized(&file, structure.big));
        let said_beside = Vec::new();
        TiffSource { image, mask, alpha, info, big, pages, overviews, optimized, said_beside, file }
    }

    /// Reads the mask's part of a tile: 255 where there is data.
    fn read_mask(&self, mask: &Image, output: &mut TileMut<'_>, scratch: &mut Frame<'_>) -> Result<()> {
        let window = output.window();
        let memory = scratch.take::<u64>(MASK.bytes(window).div_ceil(size_of::<u64>()));
        let mut tile = TileMut::over(memory, window, MASK);
        mask.read(&self.file, None, &mut tile, scratch)?;
        for y in 0..window.height {
            if let Some(row) = output.mask_row_mut(y) {
                for (to, from) in row.iter_mut().zip(tile.row_bytes_mut(0, y)) {
                    *to = if *from == 0 { 0 } else { u8::MAX };
                }
            }
        }
        Ok(())
    }
}

/// Whether the text that GDAL puts before the first directory says that the directories come first, and still holds.
fn is_optimized(file: &InputFile, big: bool) -> bool {
    let mut text = [0; 200];
    let start = if big { 16 } else { 8 };
    if file.read_at(start, &mut text).is_err() || !text.starts_with(b"GDAL_STRUCTURAL_METADATA_SIZE=") {
        return false;
    }
    let said = |words: &[u8]| text.windows(words.len()).any(|part| part == words);
    said(b"LAYOUT=IFDS_BEFORE_DATA") && !said(b"KNOWN_INCOMPATIBLE_EDITION=YES")
}

/// The mask of an image, where a directory holds one that fits.
fn fitting_mask(
    file: &InputFile,
    structure: &Structure,
    directory: &Directory,
    image: &Layout,
) -> Result<Option<Image>> {
    let mask = Layout::read(file, structure, directory)?;
    let fits = mask.size == image.size && mask.bands == 1 && mask.sample_type == SampleType::U8;
    Ok(fits.then(|| Image::new(mask, structure.order)))
}

/// The file of smaller copies beside a file, where there is one. One that cannot be read is no reason to refuse the file
/// unless a copy was asked for.
fn copies_of(file: &InputFile, selected: Selected) -> Result<Option<(InputFile, Structure, Vec<Overview>)>> {
    let name = format!("{}.ovr", file.name());
    if !Path::new(&name).is_file() {
        return Ok(None);
    }
    let opened = InputFile::open(&name, Some(file.method())).and_then(|file| {
        let structure = Structure::read(&file)?;
        let copies = copies_beside(&file, &structure);
        Ok((file, structure, copies))
    });
    match opened {
        Err(error) if selected.overview.is_some() => Err(error),
        opened => Ok(opened.ok()),
    }
}

fn no_such(file: &InputFile, number: usize, count: usize) -> Error {
    let noun = if count == 1 { "overview" } else { "overviews" };
    Error::usage(format!("`{}` has {count} {noun}; there is no overview {}", file.name(), number + 1))
}

/// No data where a pixel is fully transparent, which it is where every byte of its opacity is 0.
pub(crate) fn mask_from_alpha((alpha, mask): (&[u8], Option<&mut [u8]>), size: usize) {
    let Some(mask) = mask else { return };
    for (flag, sample) in mask.iter_mut().zip(alpha.chunks_exact(size)) {
        *flag = if sample.iter().all(|&byte| byte == 0) { 0 } else { u8::MAX };
    }
}

impl Source for TiffSource {
    fn info(&self) -> &RasterInfo {
        &self.info
    }

    fn name(&self) -> &str {
        self.file.name()
    }

    fn block(&self) -> Size {
        self.image.layout.block
    }

    fn resident_bytes(&self) -> usize {
        let mask = self.mask.as_ref().map_or(0, |mask| mask.resident_bytes(&self.file));
        self.image.resident_bytes(&self.file).saturating_add(mask)
    }

    fn scratch_bytes(&self, window: Size) -> usize {
        let mask = self.mask.as_ref().map_or(0, |mask| {
            let tile = ScratchSize::new().with::<u8>(MASK.bytes(Window::whole(window)) + size_of::<u64>());
            tile.bytes().saturating_add(mask.scratch_bytes(&self.file, window))
        });
        self.image.scratch_bytes(&self.file, window).max(mask)
    }

    fn mapped_bytes(&self, window: Size) -> usize {
        let mask = self.mask.as_ref().map_or(0, |mask| mask.mapped_bytes(&self.file, window));
        self.image.mapped_bytes(&self.file, window).max(mask)
    }

    fn read(&self, output: &mut TileMut<'_>, scratch: &mut Frame<'_>) -> Result<()> {
        self.image.read(&self.file, self.info.nodata, output, &mut scratch.inner())?;
        if let Some(mask) = &self.mask {
            return self.read_mask(mask, output, &mut scratch.inner());
        }
        for y in 0..output.window().height {
            match self.alpha {
                Some(band) => mask_from_alpha(output.row_and_mask(band, y), self.info.sample_type.size()),
                None => {
                    if let Some(row) = output.mask_row_mut(y) {
                        row.fill(u8::MAX);
                    }
                }
            }
        }
        Ok(())
    }

    fn reads_straight(&self, width: usize) -> bool {
        self.image.reads_straight(&self.file, width)
    }

    fn check_unchanged(&self) -> Result<()> {
        self.file.check_unchanged()
    }

    fn method(&self) -> String {
        let access = self.file.way();
        if self.image.layout.compression == 1 {
            access
        } else {
            format!("{access}, {}", tag::compression_name(self.image.layout.compression))
        }
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        let layout = &self.image.layout;
        let order = if self.image.order() == ByteOrder::Little { "little endian" } else { "big endian" };
        let stored_as = match (self.optimized, layout.tiled) {
            (true, _) => "tiles, cloud-optimized",
            (false, true) => "tiles",
            (false, false) => "strips",
        };
        let mut details = vec![
            ("format", format!("{}, {order}", if self.big { "BigTIFF" } else { "TIFF" })),
            ("layout", stored_as.to_owned()),
            ("interleave", if layout.planar { "band".to_owned() } else { "pixel".to_owned() }),
            ("photometric", tag::photometric_name(layout.photometric).to_owned()),
            ("compression", tag::compression_name(layout.compression).to_owned()),
        ];
        if layout.predictor != Predictor::None {
            details.push(("predictor", layout.predictor.name().to_owned()));
        }
        if layout.packing.bits() != 8 * layout.sample_type.size() {
            details.push(("bits a sample", layout.packing.bits().to_string()));
        }
        if layout.complex {
            details.push(("complex", "two bands each, real and imaginary part".to_owned()));
        }
        if self.pages.pages.len() > 1 {
            let page = self.pages.pages.iter().position(|&page| page == self.pages.chosen).unwrap_or(0) + 1;
            details.push(("pages", format!("{}, this is page {page}", self.pages.pages.len())));
        }
        if !self.overviews.is_empty() {
            let sizes = self.overviews.iter().map(Size::to_string).collect::<Vec<_>>();
            details.push(("overviews", sizes.join(", ")));
        }
        if !self.said_beside.is_empty() {
            details.push(("described in", self.said_beside.join(", ")));
        }
        if self.pages.masks > 0 {
            details.push(("masks", self.pages.masks.to_string()));
        }
        if self.pages.hanging > 0 {
            details.push(("sub-images not read", self.pages.hanging.to_string()));
        }
        details
    }

    fn overviews(&self) -> Vec<Size> {
        self.overviews.clone()
    }

    fn keeps_blocks(&self) -> bool {
        self.image.keeps_blocks()
    }

    fn plan_cache(&self, sweep: Sweep, workers: usize, budget_bytes: usize) -> usize {
        let taken = self.image.plan_cache(&self.file, sweep, workers, budget_bytes);
        let mask = self.mask.as_ref().map_or(0, |mask| {
            mask.plan_cache(&self.file, sweep, workers, budget_bytes.saturating_sub(taken))
        });
        taken.saturating_add(mask)
    }

    fn stored_bytes_read(&self) -> u64 {
        self.file.bytes_read()
    }

    fn stored_bytes(&self, window: Window) -> u64 {
        let layout = &self.image.layout;
        let whole = layout.stored_bytes(&self.file);
        if window == self.info.window() {
            return whole;
        }
        // A compressed block is read whole, whatever is wanted of it.
        let covered = if layout.is_direct() {
            window.size().pixels() as f64
        } else {
            let side = |start: i64, length: usize, block: usize, all: usize| {
                let first = start.max(0) as usize / block * block;
                ((start.max(0) as usize + length).next_multiple_of(block)).min(all).saturating_sub(first)
            };
            let block = layout.block;
            let width = side(window.x, window.width, block.width, layout.size.width);
            let height = side(window.y, window.height, block.height, layout.size.height);
            width as f64 * height as f64
        };
        (whole as f64 * (covered / self.info.size.pixels() as f64)) as u64
    }
}
