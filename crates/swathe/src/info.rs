//! What a file is, as data for people and machines.

use serde::{Deserialize, Serialize};
use swathe_core::{RasterInfo, Result, Sample, Scratch, Source, TileBuffer, Validity, Window, with_sample};

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
    /// The mean, from sums over rows.
    pub mean: Option<f64>,
}

/// Looks at a file; with `statistics` at every pixel, in bounded memory.
///
/// # Errors
/// Where it can't be read.
pub fn info(path: &str, statistics: bool) -> Result<Info> {
    let source = crate::open(path)?;
    let raster = source.info();
    Ok(Info {
        name: source.name().to_owned(),
        width: raster.size.width as u64,
        height: raster.size.height as u64,
        bands: raster.bands as u64,
        sample_type: raster.sample_type.name().into(),
        block_width: source.block().width as u64,
        block_height: source.block().height as u64,
        stored_bytes: source.stored_bytes(raster.window()),
        pixel_bytes: raster.pixel_bytes()?,
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
        statistics: statistics.then(|| measure(source.as_ref())).transpose()?,
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

fn measure(source: &dyn Source) -> Result<Vec<BandStatistics>> {
    let raster = source.info();
    let mut statistics = vec![BandStatistics::default(); raster.bands];
    let mut sums = vec![0.0; raster.bands];
    let mut reader = Reader::new();
    for window in windows(source) {
        reader.read(source, window)?;
        with_sample!(raster.sample_type, T => {
            for (band, (statistics, sum)) in statistics.iter_mut().zip(&mut sums).enumerate() {
                add::<T>(raster, &reader.tile, band, statistics, sum);
            }
        });
    }
    for (statistics, sum) in statistics.iter_mut().zip(sums) {
        statistics.mean = (statistics.count > 0).then(|| sum / statistics.count as f64);
    }
    Ok(statistics)
}

fn add<T: Sample>(
    raster: &RasterInfo,
    tile: &TileBuffer,
    band: usize,
    statistics: &mut BandStatistics,
    sum: &mut f64,
) {
    let validity = Validity::<T>::new(raster, swathe_core::NodataPolicy::Ignore);
    let view = tile.view();
    let mut flags = vec![0; view.window().width];
    for y in 0..view.window().height {
        validity.fill_row(&view, band, y, &mut flags);
        let mut row_sum = 0.0;
        for (&sample, _) in view.row::<T>(band, y).iter().zip(&flags).filter(|(_, flag)| **flag != 0) {
            let value = sample.to_f64();
            statistics.count += 1;
            statistics.minimum = Some(statistics.minimum.map_or(value, |least| least.min(value)));
            statistics.maximum = Some(statistics.maximum.map_or(value, |greatest| greatest.max(value)));
            row_sum += value;
        }
        *sum += row_sum;
    }
}
