//! What a file is, as data for people and machines.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use swathe_core::{Error, Result, Scratch, Source, TileBuffer, Window};
use swathe_engine::Input;
use swathe_operators::reduce::Answer;

use crate::inquiry::summary_of;
use crate::job::RunSettings;

/// What a file is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Info {
    /// The file.
    pub name: String,
    /// Columns.
    pub width: u64,
    /// Rows.
    pub height: u64,
    /// Bands.
    pub bands: u64,
    /// Sample type.
    pub sample_type: String,
    /// Block width.
    pub block_width: u64,
    /// Block height.
    pub block_height: u64,
    /// Bytes of the pixels as stored.
    pub stored_bytes: u64,
    /// Bytes of the pixels without compression.
    pub pixel_bytes: u64,
    /// How many times smaller the pixels are as stored; `None` where the file holds none of them.
    pub compression_ratio: Option<f64>,
    /// The value that stands for no data.
    pub nodata: Option<String>,
    /// Whether a mask goes with the pixels.
    pub mask: bool,
    /// The map from pixels to coordinates, in GDAL's order.
    pub transform: Option<[f64; 6]>,
    /// The EPSG code of the coordinate reference system, where it has one.
    pub epsg: Option<u16>,
    /// Whether pixels are points rather than areas.
    pub pixel_is_point: bool,
    /// Number of ground control points.
    pub control_points: u64,
    /// How each band is meant to be shown.
    pub colours: Vec<String>,
    /// Metadata: name, value, band from 1.
    pub metadata: Vec<(String, String, Option<u64>)>,
    /// Columns and rows of the smaller copies in the file or beside it, the largest first.
    #[serde(default)]
    pub overviews: Vec<[u64; 2]>,
    /// What else there is to say of the file.
    pub details: BTreeMap<String, String>,
    /// Figures of each band, where they were asked for.
    pub statistics: Option<Vec<BandStatistics>>,
}

/// Figures of a band's valid pixels.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BandStatistics {
    /// Pixels that hold data.
    pub count: u64,
    /// The least value.
    pub minimum: Option<f64>,
    /// The greatest value.
    pub maximum: Option<f64>,
    /// The mean: the exact sum by the count.
    pub mean: Option<f64>,
    /// The standard deviation of the pixels as a whole population.
    pub standard_deviation: Option<f64>,
}

/// Looks at a file; with `statistics` at every pixel, in bounded memory.
///
/// # Errors
/// Where it can't be read.
pub fn info(path: &str, statistics: bool) -> Result<Info> {
    let source = crate::open(path)?;
    let raster = source.info();
    let (stored_bytes, pixel_bytes) = (source.stored_bytes(raster.window()), raster.pixel_bytes()?);
    Ok(Info {
        name: source.name().to_owned(),
        width: raster.size.width as u64,
        height: raster.size.height as u64,
        bands: raster.bands as u64,
        sample_type: raster.sample_type.name().into(),
        block_width: source.block().width as u64,
        block_height: source.block().height as u64,
        stored_bytes,
        pixel_bytes,
        compression_ratio: (stored_bytes > 0).then(|| pixel_bytes as f64 / stored_bytes as f64),
        nodata: raster.nodata.map(|nodata| nodata.to_string()),
        mask: raster.mask,
        transform: raster.georeferencing.transform.map(|transform| transform.0),
        epsg: raster.georeferencing.keys.as_ref().and_then(|keys| keys.epsg()),
        pixel_is_point: raster.georeferencing.pixel_is_point,
        control_points: raster.georeferencing.control_points.len() as u64,
        colours: raster.metadata.colours.iter().map(|colour| format!("{colour:?}").to_lowercase()).collect(),
        metadata: raster
            .metadata
            .items
            .iter()
            .map(|item| (item.name.clone(), item.value.clone(), item.band.map(|band| band as u64 + 1)))
            .collect(),
        overviews: source.overviews().iter().map(|size| [size.width as u64, size.height as u64]).collect(),
        details: source.details().into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        statistics: statistics.then(|| measure(path)).transpose()?,
    })
}

/// Windows of whole blocks that cover a raster, of at most a few MiB.
pub(crate) fn windows(source: &dyn Source) -> impl Iterator<Item = Window> + use<> {
    const PIXELS: usize = 1 << 20;
    let (raster, block) = (source.info().size, source.block());
    let width =
        if block.width >= raster.width { raster.width } else { block.width * (1024 / block.width).max(1) };
    let width = width.min(raster.width);
    let height = (PIXELS / width).max(1).next_multiple_of(block.height.min(256)).min(raster.height);
    (0..raster.height).step_by(height).flat_map(move |y| {
        (0..raster.width).step_by(width).map(move |x| {
            Window::new(x as i64, y as i64, width.min(raster.width - x), height.min(raster.height - y))
        })
    })
}

/// Reads windows one after the other into the same memory.
pub(crate) struct Reader {
    pub(crate) tile: TileBuffer,
    scratch: Scratch,
}

impl Reader {
    pub(crate) fn new() -> Self {
        Reader { tile: TileBuffer::with_capacity(0), scratch: Scratch::default() }
    }

    pub(crate) fn read(&mut self, source: &dyn Source, window: Window) -> Result<()> {
        self.tile.reset(window, source.info().kind());
        self.scratch.reserve(source.scratch_bytes(window.size()));
        source.read(&mut self.tile.view_mut(), &mut self.scratch.frame())
    }
}

fn measure(path: &str) -> Result<Vec<BandStatistics>> {
    let read = Input { path: path.to_owned(), ..Input::default() };
    let Answer::Summary(bands) = summary_of(read, RunSettings::default())? else {
        return Err(Error::bug("a summary was asked for and something else was told"));
    };
    let of = |(band, _): &(swathe_operators::reduce::BandSummary, Vec<f64>)| BandStatistics {
        count: band.count,
        minimum: band.minimum,
        maximum: band.maximum,
        mean: band.mean(),
        standard_deviation: band.standard_deviation(0.0),
    };
    Ok(bands.iter().map(of).collect())
}
