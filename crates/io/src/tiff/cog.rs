//! Writes Cloud-Optimized GeoTIFF, and files of overviews that lie beside a raster.
//!
//! In both every directory stands before every block. A Cloud-Optimized GeoTIFF holds the blocks of the smallest copy first and
//! those of the raster last, each with its length before it and its last bytes repeated behind it, and says so in a text
//! before the first directory, as GDAL's COG driver does.

mod levels;
mod rebuild;
mod reduce;
mod sink;
mod spill;
#[cfg(test)]
mod tests;

use swathe_core::{Destination, Disk, Error, Footprint, Halo, Position, RasterInfo, Result, Sink, Size};

pub use reduce::OverviewMethod;

use crate::output::{OutputPlace, WriteMethod};
use crate::tiff::compress::{Compression, WritePredictor};
use crate::tiff::encode::{has_own_mask, opacity_band};
use crate::tiff::encoded::{Coding, Page, Pages, fill_bytes};
use crate::tiff::write::{CLASSIC_BYTES, TiffLayout};
use levels::Levels;
use rebuild::Written;
use reduce::Reducer;
use sink::{GAP_UNIT, Pyramid, PyramidSink};
use spill::{OPEN_BYTES, Spill, SpillPlan, most_open};

/// Which smaller copies are made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Overviews {
    /// Halves, until a copy fits one block.
    #[default]
    Auto,
    /// None.
    None,
    /// One for each factor, such as 2, 4, 8.
    Factors(Vec<usize>),
}

impl Overviews {
    /// The factors for a raster in blocks of `block`.
    fn factors(&self, raster: Size, block: Size) -> Vec<usize> {
        match self {
            Overviews::Auto => Levels::auto(raster, block),
            Overviews::None => Vec::new(),
            Overviews::Factors(factors) => factors.clone(),
        }
    }

    /// The side of blocks where nothing is said: 512 as in GDAL's COG driver; or less where a copy, or the raster, is as wide as
    /// that and higher, which validators take for strips.
    pub(crate) fn block_side(&self, raster: Size) -> usize {
        const SIDES: [usize; 4] = [512, 256, 384, 448];
        let strip_like = |side: usize| {
            let factors = self.factors(raster, Size::new(side, side));
            std::iter::once(1)
                .chain(factors)
                .any(|factor| raster.width.div_ceil(factor) == side && raster.height.div_ceil(factor) > side)
        };
        SIDES.into_iter().find(|&side| !strip_like(side)).unwrap_or(SIDES[0])
    }

    /// Reads `auto`, `none` or factors such as `2,4,8`.
    ///
    /// # Errors
    /// Usage, for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = || Error::usage(format!("`{text}` is not auto, none or factors such as 2,4,8"));
        let factor = |part: &str| part.trim().parse().ok().filter(|factor| (2..=1 << 20).contains(factor));
        match text {
            "auto" => Ok(Overviews::Auto),
            "none" => Ok(Overviews::None),
            _ => text.split(',').map(factor).collect::<Option<_>>().map(Overviews::Factors).ok_or_else(wrong),
        }
    }
}

/// How a file with smaller copies is written.
#[derive(Clone, Debug)]
pub(crate) struct CogOptions {
    pub(crate) overviews: Overviews,
    pub(crate) method: Option<OverviewMethod>,
    pub(crate) compression: Compression,
    pub(crate) predictor: WritePredictor,
    pub(crate) sparse: bool,
    /// Whether the raster itself is in the file, or lies beside it.
    pub(crate) whole: bool,
}

/// A file with smaller copies that is thought out.
#[derive(Debug)]
pub(crate) struct CogDestination {
    place: OutputPlace,
    info: RasterInfo,
    layout: TiffLayout,
    compression: Compression,
    sparse: bool,
    pyramid: Pyramid,
    spill: Option<(SpillPlan, u64)>,
    main_start: u64,
    file_bytes: u64,
}

impl CogDestination {
    /// Thinks out a file of a raster and its smaller copies, or of the copies alone.
    ///
    /// # Errors
    /// Usage, where options make no sense for the raster; Limit, where no file, or no classic TIFF, can hold it.
    pub(crate) fn new(
        place: OutputPlace,
        info: &RasterInfo,
        layout: TiffLayout,
        options: &CogOptions,
    ) -> Result<Self> {
        layout.check(info)?;
        let too_large = || Error::limit(format!("a TIFF of {} is larger than 2^61 bytes", info.size));
        let factors = options.overviews.factors(info.size, layout.block);
        let levels = Levels::new(info.size, &factors, layout.block)?;
        let method = OverviewMethod::suiting(info, options.method)?;
        let sizes = (usize::from(!options.whole)..=levels.count())
            .map(|level| levels.size(level))
            .collect::<Vec<_>>();
        if sizes.is_empty() {
            let more = if info.size.pixels() > 1 { "; `--levels 2,4` makes some all the same" } else { "" };
            return Err(Error::usage(format!(
                "`{}` would hold no overview: the raster of {} fits one block{more}",
                place.name(),
                info.size
            )));
        }
        let laid_out = |big: bool| {
            let coding = Coding {
                compression: options.compression,
                predictor: options.predictor,
                big,
                framed: options.whole,
            };
            let pages = Pages::new(info, &sizes, options.whole, layout, coding)?;
            let most = |number: usize| pages.pages.get(number).map_or(Some(0), Page::most_bytes);
            let copies = (usize::from(options.whole)..pages.pages.len())
                .try_fold(0_u64, |sum, number| sum.checked_add(most(number)?));
            let main = if options.whole { most(0) } else { Some(0) };
            let (copies, main) = copies.zip(main).ok_or_else(too_large)?;
            let main_start = (pages.end + copies).next_multiple_of(GAP_UNIT);
            Ok::<_, Error>((pages, main_start, main_start + main))
        };
        let mut laid = laid_out(layout.big.unwrap_or(false))?;
        if laid.2 > CLASSIC_BYTES && layout.big != Some(true) {
            if layout.big == Some(false) {
                return Err(Error::limit(format!(
                    "a classic TIFF holds 4 GiB; this one may need {} MiB: use `--bigtiff auto`",
                    laid.2 >> 20
                )));
            }
            laid = laid_out(true)?;
        }
        let (pages, main_start, file_bytes) = laid;
        let (whole, reducer, kind) = (options.whole, Reducer::new(info, method), info.kind());
        let opacity = opacity_band(info).filter(|_| info.mask && !has_own_mask(info));
        let pyramid = Pyramid { pages, whole, levels, reducer, kind, opacity };
        let spill = if pyramid.copies().is_empty() {
            None
        } else {
            let kept = pyramid.levels.near()..pyramid.levels.count();
            // A row of blocks is higher than the margin.
            let strip = Size::new(pyramid.levels.size(0).width, pyramid.levels.margin().top);
            let plan = SpillPlan::new(pyramid.copies(), kept, strip, kind).ok_or_else(too_large)?;
            let bytes = plan.most_bytes(pyramid.copies());
            Some((plan, bytes))
        };
        let (compression, sparse, info) = (options.compression, options.sparse, info.clone());
        Ok(CogDestination {
            place,
            info,
            layout,
            compression,
            sparse,
            pyramid,
            spill,
            main_start,
            file_bytes,
        })
    }
}

impl Destination for CogDestination {
    fn name(&self) -> &str {
        self.place.name()
    }

    fn block(&self) -> Size {
        self.layout.block
    }

    fn whole_blocks(&self) -> bool {
        true
    }

    fn rows_of_blocks(&self) -> bool {
        self.pyramid.whole
    }

    fn margin(&self) -> Halo {
        self.pyramid.levels.margin()
    }

    fn file_bytes(&self) -> u64 {
        // What is set aside on the way needs its place on the disk too.
        self.file_bytes.saturating_add(self.spill.as_ref().map_or(0, |(_, bytes)| *bytes))
    }

    fn may_take_less(&self) -> bool {
        true
    }

    fn disk(&self) -> Option<Disk> {
        self.place.disk()
    }

    fn resident_bytes(&self, workers: usize) -> usize {
        let row_bytes = self.pyramid.pages.pages.first().map_or(0, |page| page.image.grid.row_bytes());
        let encoder = self.compression.working_bytes().saturating_add(row_bytes);
        let open = OPEN_BYTES.saturating_mul(most_open(self.pyramid.copies()));
        self.pyramid
            .pages
            .resident_bytes()
            .saturating_add(encoder.saturating_mul(workers))
            .saturating_add(open)
            .saturating_add(self.pyramid.finish_bytes().max(self.pyramid.rebuild_bytes()))
    }

    fn scratch_bytes(&self, tile: Size) -> usize {
        self.pyramid.scratch_bytes(tile)
    }

    fn mapped_bytes(&self, _tile: Size) -> usize {
        0
    }

    fn method(&self) -> String {
        let count = self.pyramid.levels.count();
        let noun = if count == 1 { "overview" } else { "overviews" };
        let way = self.place.way(WriteMethod::Pwrite);
        format!("{way}, {}, {count} {noun}", self.compression.name())
    }

    fn create(self: Box<Self>) -> Result<Box<dyn Sink>> {
        self.begin(&Position::default())
    }

    fn is_resumable(&self) -> bool {
        self.pyramid.whole
    }

    /// Where blocks lie and what the copies are made of is known at the end only.
    fn ends_with_head(&self) -> bool {
        true
    }

    fn create_kept(mut self: Box<Self>, position: &Position, _head: &mut Footprint) -> Result<Box<dyn Sink>> {
        self.place.keep(position);
        self.begin(position)
    }
}

impl CogDestination {
    /// Begins the file, or goes on with it, or writes tiles of a complete one again. There nothing else is touched, unless all
    /// tiles are in their places: then all that stands before them is made of those again.
    fn begin(self, position: &Position) -> Result<Box<dyn Sink>> {
        let CogDestination { place, info, layout, pyramid, spill, main_start, file_bytes, sparse, .. } = self;
        let written = match position.tiles {
            0 => None,
            _ => Some(Written::of_carry(&position.carry, info.size)?),
        };
        let only_tiles = place.is_mended() && !written.is_some_and(|written| written.is_all(info.size));
        let spill = spill
            .filter(|_| !only_tiles)
            .map(|(plan, bytes)| Spill::new(place.nameless()?, place.name(), plan, bytes))
            .transpose()?;
        let file = place.create(file_bytes, WriteMethod::Pwrite, layout.writeback)?;
        let fill = sparse.then(|| fill_bytes(&info));
        let places = (main_start, position, written);
        Ok(Box::new(PyramidSink::new((file, spill), pyramid, fill, places)?))
    }
}
