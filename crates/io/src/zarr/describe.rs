//! From an array's attributes, and the arrays beside it, to a raster's description.
//!
//! Sources: CF conventions 1.11 (`grid_mapping`, `scale_factor`, `_FillValue`); GDAL's Zarr driver (`_CRS`); rioxarray
//! (`spatial_ref`, `GeoTransform`); the Zarr conventions `proj:` and `spatial:`; xarray's form of `_FillValue`.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value};
use swathe_core::{
    Colour, ControlPoint, ForeignTag, GeoKeys, GeoTransform, Georeferencing, MetadataItem, RasterInfo,
    Resolution, Scalar,
};

use crate::systems::{code_of, is_wkt};
use crate::zarr::attributes::{COLOURS, KEPT, OF_ALL_BANDS, SPOKEN_FOR};
use crate::zarr::layout::Layout;
use crate::zarr::metadata::{ArrayCodec, ArrayMetadata, scalar};
use crate::zarr::store::ArrayFiles;

/// Coordinates are read by the chunk; of larger chunks none are.
const MOST_COORDINATE_BYTES: u64 = 16 << 20;
/// What an array says of its raster. What makes no sense is left out: pixels can be read all the same.
pub(crate) fn describe(files: &ArrayFiles, array: &ArrayMetadata, layout: &Layout) -> RasterInfo {
    let attributes = &array.attributes;
    let kept = attributes.get(KEPT).and_then(Value::as_object);
    let mut info = RasterInfo::new(layout.size, layout.bands, layout.sample_type);
    info.nodata = nodata(attributes);
    info.georeferencing = georeferencing(files, array, layout);
    let kept_items = kept.and_then(|kept| kept.get("items")).and_then(Value::as_array);
    info.metadata.items = match kept_items {
        Some(items) => items
            .iter()
            .filter_map(item)
            .filter(|item| item.band.is_none_or(|band| band < layout.bands))
            .collect(),
        None => items(attributes, layout.bands),
    };
    info.metadata.planar = (layout.bands > 1).then_some(layout.block_bands == 1);
    if let Some(kept) = kept {
        restore(kept, &mut info);
    }
    info
}

/// What only this format's writer knows how to say.
fn restore(kept: &Map<String, Value>, info: &mut RasterInfo) {
    let list = |key: &str| kept.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let georeferencing = &mut info.georeferencing;
    if let Some(keys) = kept.get("geo_keys") {
        georeferencing.keys = geo_keys(keys).or(georeferencing.keys.take());
    }
    georeferencing.control_points = list("control_points").iter().filter_map(control_point).collect();
    let metadata = &mut info.metadata;
    let colour = |value: &Value| COLOURS.iter().find(|(_, name)| value == name).map(|(colour, _)| *colour);
    let colours = list("colours").iter().map(|value| colour(value).unwrap_or(Colour::Undefined));
    metadata.colours = colours.take(info.bands).collect();
    let rgb = |value: &Value| Some([short(&value[0])?, short(&value[1])?, short(&value[2])?]);
    metadata.palette = list("palette").iter().take(1 << 16).filter_map(rgb).collect();
    metadata.resolution = kept.get("resolution").and_then(|value| {
        let ratio = |value: &Value| Some([long(&value[0])?, long(&value[1])?]);
        Some(Resolution { x: ratio(&value["x"])?, y: ratio(&value["y"])?, unit: short(&value["unit"])? })
    });
    let tag = |value: &Value| {
        Some(ForeignTag {
            id: short(&value["id"])?,
            field_type: short(&value["type"])?,
            count: value["count"].as_u64()?,
            bytes: BASE64_STANDARD.decode(value["base64"].as_str()?).ok()?,
        })
    };
    metadata.foreign_tags = list("tiff_tags").iter().filter_map(tag).collect();
}

fn short(value: &Value) -> Option<u16> {
    value.as_u64().and_then(|value| value.try_into().ok())
}

fn long(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|value| value.try_into().ok())
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn geo_keys(value: &Value) -> Option<GeoKeys> {
    Some(GeoKeys {
        directory: value["directory"].as_array()?.iter().map(short).collect::<Option<_>>()?,
        doubles: value["doubles"].as_array()?.iter().map(Value::as_f64).collect::<Option<_>>()?,
        text: value["text"].as_str()?.to_owned(),
    })
}

fn control_point(value: &Value) -> Option<ControlPoint> {
    let [x, y, layer, map_x, map_y, height] = floats(value)?;
    Some(ControlPoint { raster: [x, y, layer], map: [map_x, map_y, height] })
}

/// So many numbers, in a list or in a text with blanks between them.
fn floats<const N: usize>(value: &Value) -> Option<[f64; N]> {
    let numbers: Vec<f64> = match value {
        Value::Array(list) => list.iter().map(Value::as_f64).collect::<Option<_>>()?,
        Value::String(text) => text.split_whitespace().map(str::parse).collect::<Result<_, _>>().ok()?,
        _ => return None,
    };
    numbers.iter().all(|number| number.is_finite()).then_some(())?;
    numbers.try_into().ok()
}

fn item(value: &Value) -> Option<MetadataItem> {
    let word = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
    Some(MetadataItem {
        name: value["name"].as_str()?.to_owned(),
        value: word("value"),
        band: value["band"].as_u64().map(|band| band as usize),
        role: word("role"),
        domain: word("domain"),
    })
}

/// The attributes of a store that others wrote, as items.
fn items(attributes: &Map<String, Value>, bands: usize) -> Vec<MetadataItem> {
    let item = |name: &str, value: &Value, band: Option<usize>, role: &str| MetadataItem {
        name: name.to_owned(),
        value: text(value),
        band,
        role: role.to_owned(),
        domain: String::new(),
    };
    let mut items = Vec::new();
    for (key, name, role) in OF_ALL_BANDS {
        if let Some(value) = attributes.get(key).filter(|value| value.is_string() || value.is_number()) {
            items.extend((0..bands).map(|band| item(name, value, Some(band), role)));
        }
    }
    let plain = attributes.iter().filter(|(key, value)| {
        !SPOKEN_FOR.contains(&key.as_str()) && (value.is_string() || value.is_number() || value.is_boolean())
    });
    items.extend(plain.map(|(key, value)| item(key, value, None, "")));
    items
}

/// The nodata value: a number, or as xarray writes floats, base64 of a little-endian `f64`.
fn nodata(attributes: &Map<String, Value>) -> Option<Scalar> {
    let value = ["_FillValue", "missing_value", "nodata"].iter().find_map(|key| attributes.get(*key))?;
    let coded = || {
        let bytes = BASE64_STANDARD.decode(value.as_str()?).ok()?;
        Some(Scalar::Float(f64::from_le_bytes(bytes.try_into().ok()?)))
    };
    scalar(value).or_else(coded)
}

fn georeferencing(files: &ArrayFiles, array: &ArrayMetadata, layout: &Layout) -> Georeferencing {
    let attributes = &array.attributes;
    let mapping = attributes.get("grid_mapping").and_then(Value::as_str);
    // Some name the coordinates that it belongs to behind the mapping's name.
    let mapping = mapping.and_then(|name| name.split([':', ' ']).next());
    let mapping = mapping.and_then(|name| files.beside(name)).map(|(_, array)| array.attributes);
    let mapped = |key: &str| mapping.as_ref().and_then(|mapping| mapping.get(key));
    let transform = mapped("GeoTransform")
        .and_then(floats::<6>)
        .map(GeoTransform)
        .or_else(|| attributes.get("spatial:transform").and_then(spatial_transform))
        .or_else(|| transform_of_coordinates(files, array, layout));
    let crs = attributes.get("_CRS");
    let named = [
        crs.and_then(|crs| crs.get("url")),
        crs.and_then(|crs| crs.get("wkt")),
        mapped("spatial_ref"),
        mapped("crs_wkt"),
        attributes.get("proj:code"),
        attributes.get("proj:wkt2"),
    ];
    let texts = named.into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>();
    let code = texts.iter().find_map(|text| code_of(text)).or_else(|| {
        let number = attributes.get("proj:epsg").and_then(short)?;
        Some((number, GeoKeys::is_geographic_code(number)))
    });
    Georeferencing {
        transform,
        keys: code.map(|(code, geographic)| GeoKeys::of_code(code, geographic)),
        wkt: texts.iter().find(|text| is_wkt(text)).map(|text| (*text).to_owned()),
        control_points: Vec::new(),
        pixel_is_point: attributes.get("AREA_OR_POINT").is_some_and(|value| value == "Point"),
    }
}

/// An affine map in the order of the `spatial:` convention, which is that of Python's `affine`.
fn spatial_transform(value: &Value) -> Option<GeoTransform> {
    let [a, b, c, d, e, f] = floats::<6>(value)?;
    Some(GeoTransform([c, a, b, f, d, e]))
}

/// The map that regular coordinates of pixel centres beside the array say.
fn transform_of_coordinates(
    files: &ArrayFiles,
    array: &ArrayMetadata,
    layout: &Layout,
) -> Option<GeoTransform> {
    let along = |axis: usize, length: usize| {
        let (files, coordinates) = files.beside(array.names[axis].as_deref()?)?;
        let count = length as u64;
        if coordinates.shape != [count] || count < 2 {
            return None;
        }
        let first = coordinate(&files, &coordinates, 0)?;
        let (second, last) =
            (coordinate(&files, &coordinates, 1)?, coordinate(&files, &coordinates, count - 1)?);
        let step = (last - first) / (count - 1) as f64;
        // Single precision, and rounding.
        let regular = step != 0.0 && (second - first - step).abs() <= 1e-2 * step.abs();
        regular.then_some((first - step / 2.0, step))
    };
    let (left, dx) = along(layout.axes.x, layout.size.width)?;
    let (top, dy) = along(layout.axes.y, layout.size.height)?;
    Some(GeoTransform([left, dx, 0.0, top, 0.0, dy]))
}

/// One element of an array of one dimension.
fn coordinate(files: &ArrayFiles, array: &ArrayMetadata, index: u64) -> Option<f64> {
    let [chunk] = array.chunk[..] else { return None };
    let ArrayCodec::Plain(order) = array.chain.bytes else { return None };
    let size = array.sample_type.size();
    let bytes = chunk.checked_mul(size as u64).filter(|&bytes| bytes <= MOST_COORDINATE_BYTES)? as usize;
    let coding = super::codec::Coding { order, sample_bytes: size, outer: array.chain.outer.clone() };
    let file = files.open(&array.keys.key([index / chunk])).ok()??;
    let length =
        usize::try_from(file.length).ok().filter(|&length| length <= coding.most_stored_bytes(bytes))?;
    let mut stored = vec![0; length];
    file.read_at(0, &mut stored).ok()?;
    let mut samples = vec![0; bytes];
    coding.decode(&stored, &mut Default::default(), &mut samples).ok()?;
    let at = (index % chunk) as usize * size;
    let sample = &samples[at..at + size];
    swathe_core::with_sample!(array.sample_type, T => {
        let bytes = sample.try_into().ok()?;
        let value = swathe_core::Sample::to_f64(<T>::from_ne_bytes(bytes));
        value.is_finite().then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodata_is_a_number_or_coded() {
        let of = |value: Value| nodata(&Map::from_iter([("_FillValue".to_owned(), value)]));
        assert_eq!(of(Value::from(-9999)), Some(Scalar::Integer(-9999)));
        assert_eq!(of(Value::from(u64::MAX)), Some(Scalar::Integer(u64::MAX.into())));
        assert_eq!(of(Value::from("AAAAAACAT8A=")), Some(Scalar::Float(-63.0)));
        assert!(of(Value::from("NaN")).is_some_and(|value| value.to_f64().is_nan()));
        assert_eq!(of(Value::Null), None);
    }
}
