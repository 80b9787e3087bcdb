//! What a file is, as data for people and machines.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use swathe_core::{Error, GeoKeys, Georeferencing, Metadata, Result, Scratch, Source, TileBuffer, Window};
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
    /// Width and height of a pixel in units of the map.
    #[serde(default)]
    pub pixel_size: Option<[f64; 2]>,
    /// Coordinates of the outer corners: upper left, upper right, lower right, lower left.
    #[serde(default)]
    pub corners: Option<[[f64; 2]; 4]>,
    /// The EPSG code of the coordinate reference system, where it has one.
    pub epsg: Option<u16>,
    /// The coordinate reference system in words, or as text, as the file has it.
    #[serde(default)]
    pub system: Option<String>,
    /// The system of heights: its EPSG code, or in words.
    #[serde(default)]
    pub vertical_system: Option<String>,
    /// Whether pixels are points rather than areas.
    pub pixel_is_point: bool,
    /// Number of ground control points.
    pub control_points: u64,
    /// Ground control points: column, row, layer, and coordinates on the map.
    #[serde(default)]
    pub control_point_list: Vec<[f64; 6]>,
    /// Whether rational polynomial coefficients say where the raster lies.
    #[serde(default)]
    pub rational_polynomials: bool,
    /// How each band is meant to be shown.
    pub colours: Vec<String>,
    /// What is said of each band.
    #[serde(default)]
    pub band_list: Vec<Band>,
    /// The colour of each index of a palette: red, green and blue, 16 bits each.
    #[serde(default)]
    pub palette: Vec<[u16; 3]>,
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

/// What is said of a band.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Band {
    /// Its name.
    pub name: Option<String>,
    /// The unit of its values, behind scale and offset.
    pub unit: Option<String>,
    /// What stored values are multiplied with.
    pub scale: Option<String>,
    /// What is added then.
    pub offset: Option<String>,
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
    let transform = raster.georeferencing.transform;
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
        transform: transform.map(|transform| transform.0),
        pixel_size: transform.map(|transform| {
            let c = transform.0;
            [c[1].hypot(c[4]), c[2].hypot(c[5])]
        }),
        corners: transform.map(|transform| {
            let (right, bottom) = (raster.size.width as f64, raster.size.height as f64);
            [(0.0, 0.0), (right, 0.0), (right, bottom), (0.0, bottom)]
                .map(|(column, row)| transform.apply(column, row).into())
        }),
        epsg: raster.georeferencing.keys.as_ref().and_then(|keys| keys.epsg()),
        system: system(&raster.georeferencing),
        vertical_system: raster.georeferencing.keys.as_ref().and_then(vertical_system),
        pixel_is_point: raster.georeferencing.pixel_is_point,
        control_points: raster.georeferencing.control_points.len() as u64,
        control_point_list: raster
            .georeferencing
            .control_points
            .iter()
            .map(|point| std::array::from_fn(|i| if i < 3 { point.raster[i] } else { point.map[i - 3] }))
            .collect(),
        rational_polynomials: raster.metadata.foreign_tags.iter().any(|tag| tag.id == RPC_COEFFICIENTS),
        colours: raster.metadata.colours.iter().map(|colour| format!("{colour:?}").to_lowercase()).collect(),
        band_list: (0..raster.bands).map(|band| band_of(&raster.metadata, band)).collect(),
        palette: raster.metadata.palette.clone(),
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

/// The tag of rational polynomial coefficients (RPCs in GeoTIFF, 2007).
const RPC_COEFFICIENTS: u16 = 50844;

/// The words for a coordinate reference system: of the projected one, else of the geographic one, else of both together.
fn system(georeferencing: &Georeferencing) -> Option<String> {
    const CITATIONS: [u16; 3] = [3073, 1026, 2049];
    let keys = georeferencing.keys.as_ref();
    let words = keys.and_then(|keys| CITATIONS.iter().find_map(|&key| keys.text_of(key)));
    words.or(georeferencing.wkt.as_deref()).map(str::to_owned)
}

/// The system of heights: VerticalGeoKey, or its citation.
fn vertical_system(keys: &GeoKeys) -> Option<String> {
    const VERTICAL: u16 = 4096;
    const CITATION: u16 = 4097;
    const USER_DEFINED: u16 = 32767;
    let code = keys.short(VERTICAL).filter(|&code| code != 0 && code != USER_DEFINED);
    code.map(|code| format!("EPSG:{code}")).or_else(|| keys.text_of(CITATION).map(str::to_owned))
}

/// What the items of metadata with a role say of a band.
fn band_of(metadata: &Metadata, band: usize) -> Band {
    let of = |role: &str| {
        let item = metadata.items.iter().find(|item| item.band == Some(band) && item.role == role);
        item.map(|item| item.value.clone())
    };
    Band { name: of("description"), unit: of("unittype"), scale: of("scale"), offset: of("offset") }
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
