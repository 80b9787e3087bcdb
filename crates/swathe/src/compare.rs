//! Compares two rasters window by window.

use serde::{Deserialize, Serialize};
use swathe_core::{GeoKeys, Georeferencing, RasterInfo, Result, Sample, Sweep, TileView, with_sample};

use crate::info::{Reader, windows};

/// Two samples that differ.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Column.
    pub x: u64,
    /// Row.
    pub y: u64,
    /// Band, from 1.
    pub band: u64,
    /// The first raster's value.
    pub a: f64,
    /// The second raster's value.
    pub b: f64,
}

/// How two rasters compare.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// True where every sample is equal within the tolerance, `NaN` being equal to `NaN`.
    pub equal: bool,
    /// Samples that differ by more than the tolerance.
    pub different: u64,
    /// Samples compared.
    pub samples: u64,
    /// The largest difference; infinite where only one of two is `NaN`.
    pub greatest_difference: f64,
    /// The first that differs, in the order of reading.
    pub first: Option<Difference>,
    /// Differences in size, bands or type, which keep the pixels from being compared.
    pub shape: Vec<String>,
    /// Differences in georeferencing, nodata and metadata, which do not make the rasters different.
    pub notes: Vec<String>,
}

/// Room for decoded blocks of each raster.
const CACHE_BYTES: usize = 128 << 20;

/// Compares two rasters in bounded memory.
///
/// # Errors
/// Where one of them can't be read.
pub fn compare(a: &str, b: &str, tolerance: f64) -> Result<Comparison> {
    let (first, second) = (crate::open(a)?, crate::open(b)?);
    let mut comparison = Comparison::default();
    describe(first.info(), second.info(), &mut comparison);
    if !comparison.shape.is_empty() {
        return Ok(comparison);
    }
    let (mut left, mut right) = (Reader::new(), Reader::new());
    // Blocks of the one that lie across the windows of the other are decoded once.
    if let Some(window) = windows(first.as_ref()).next() {
        for source in [&first, &second] {
            let sweep = Sweep { tile: window.size(), need: window.size(), stripe: None };
            source.plan_cache(sweep, 1, CACHE_BYTES);
        }
    }
    for window in windows(first.as_ref()) {
        left.read(first.as_ref(), window)?;
        right.read(second.as_ref(), window)?;
        let (left, right) = (left.tile.view(), right.tile.view());
        with_sample!(first.info().sample_type, T => compare_tile::<T>(&left, &right, tolerance, &mut comparison));
    }
    comparison.equal = comparison.different == 0;
    Ok(comparison)
}

fn describe(a: &RasterInfo, b: &RasterInfo, comparison: &mut Comparison) {
    let mut differ = |what: &str, a: String, b: String, notes: bool| {
        if a != b {
            let list = if notes { &mut comparison.notes } else { &mut comparison.shape };
            list.push(format!("{what}: {a} and {b}"));
        }
    };
    differ("size", a.size.to_string(), b.size.to_string(), false);
    differ("bands", a.bands.to_string(), b.bands.to_string(), false);
    differ("sample type", a.sample_type.to_string(), b.sample_type.to_string(), false);
    let nodata = |info: &RasterInfo| info.nodata.map_or("none".to_owned(), |value| value.to_string());
    differ("nodata", nodata(a), nodata(b), true);
    let (left, right) = (&a.georeferencing, &b.georeferencing);
    let transform = |of: &Georeferencing| of.transform.map_or("none".to_owned(), |of| format!("{:?}", of.0));
    differ("transform", transform(left), transform(right), true);
    if left.keys != right.keys {
        let code = |of: &Georeferencing| match of.keys.as_ref().map(GeoKeys::epsg) {
            None => "none".to_owned(),
            Some(None) => "one without an EPSG code".to_owned(),
            Some(Some(code)) => format!("EPSG:{code}"),
        };
        let (one, other) = (code(left), code(right));
        let same = if one == other { ", with other keys" } else { "" };
        comparison.notes.push(format!("reference system: {one} and {other}{same}"));
    }
    comparison.notes.extend(only_in(a, b).map(|item| format!("metadata: {item} is only in the first")));
    comparison.notes.extend(only_in(b, a).map(|item| format!("metadata: {item} is only in the second")));
}

/// What metadata one raster has and the other has not.
fn only_in<'a>(one: &'a RasterInfo, other: &'a RasterInfo) -> impl Iterator<Item = String> + 'a {
    one.metadata.items.iter().filter(|item| !other.metadata.items.contains(item)).map(|item| {
        let band = item.band.map_or_else(String::new, |band| format!(" of band {}", band + 1));
        format!("{}{band} `{}`", item.name, item.value)
    })
}

fn compare_tile<T: Sample>(a: &TileView<'_>, b: &TileView<'_>, tolerance: f64, comparison: &mut Comparison) {
    let window = a.window();
    for band in 0..a.bands() {
        for y in 0..window.height {
            let (left, right) = (a.row::<T>(band, y), b.row::<T>(band, y));
            comparison.samples += left.len() as u64;
            if left == right {
                continue;
            }
            for (x, (&left, &right)) in left.iter().zip(right).enumerate() {
                let difference = match (left.is_nan(), right.is_nan()) {
                    (true, true) => 0.0,
                    (false, false) if left == right => 0.0,
                    // Of 64-bit integers that `f64` cannot tell apart, at least that they differ.
                    (false, false) => (left.to_f64() - right.to_f64()).abs().max(f64::MIN_POSITIVE),
                    _ => f64::INFINITY,
                };
                comparison.greatest_difference = comparison.greatest_difference.max(difference);
                if difference > tolerance {
                    comparison.different += 1;
                    comparison.first.get_or_insert(Difference {
                        x: window.x as u64 + x as u64,
                        y: window.y as u64 + y as u64,
                        band: band as u64 + 1,
                        a: left.to_f64(),
                        b: right.to_f64(),
                    });
                }
            }
        }
    }
}
