//! From a raster's description to the attributes of its array. What [`crate::zarr::describe`] reads.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};
use swathe_core::{Colour, GeoKeys, Georeferencing, Metadata, MetadataItem, RasterInfo, Scalar};

use crate::zarr::metadata::fill_json;

/// The attribute that holds what no convention has a name for.
pub(crate) const KEPT: &str = "swathe";
/// The array that tells where the raster lies.
pub(crate) const MAPPING: &str = "spatial_ref";
/// Colours by name.
pub(crate) const COLOURS: [(Colour, &str); 12] = [
    (Colour::Undefined, "undefined"),
    (Colour::Gray, "gray"),
    (Colour::Palette, "palette"),
    (Colour::Red, "red"),
    (Colour::Green, "green"),
    (Colour::Blue, "blue"),
    (Colour::Alpha, "alpha"),
    (Colour::AssociatedAlpha, "associated-alpha"),
    (Colour::Cyan, "cyan"),
    (Colour::Magenta, "magenta"),
    (Colour::Yellow, "yellow"),
    (Colour::Black, "black"),
];

/// Attributes that say something of pixels or of place, and are no metadata to carry along.
pub(crate) const SPOKEN_FOR: [&str; 19] = [
    "_FillValue",
    "missing_value",
    "nodata",
    "_CRS",
    "grid_mapping",
    "coordinates",
    "scale_factor",
    "add_offset",
    "units",
    "long_name",
    "AREA_OR_POINT",
    "proj:code",
    "proj:epsg",
    "proj:wkt2",
    "proj:projjson",
    "spatial:transform",
    "spatial:dimensions",
    "spatial:shape",
    KEPT,
];

/// What is said of every band alike: the attribute, and the item's name and role.
pub(crate) const OF_ALL_BANDS: [(&str, &str, &str); 4] = [
    ("long_name", "DESCRIPTION", "description"),
    ("scale_factor", "SCALE", "scale"),
    ("add_offset", "OFFSET", "offset"),
    ("units", "UNITTYPE", "unittype"),
];

/// Whether something says where the raster lies.
pub(crate) fn is_georeferenced(georeferencing: &Georeferencing) -> bool {
    georeferencing.transform.is_some() || crs(georeferencing).is_some()
}

/// The attributes of the raster's array.
pub(crate) fn of_raster(info: &RasterInfo) -> Map<String, Value> {
    let mut attributes = Map::new();
    let mut put = |key: &str, value: Value| attributes.insert(key.to_owned(), value);
    if let Some(nodata) = info.nodata {
        put("_FillValue", fill_attribute(info, nodata));
    }
    if is_georeferenced(&info.georeferencing) {
        // xarray takes for coordinates what this attribute names.
        put("coordinates", MAPPING.into());
        put("grid_mapping", MAPPING.into());
    }
    if let Some(crs) = gdal_crs(&info.georeferencing) {
        put("_CRS", crs);
    }
    if info.georeferencing.pixel_is_point {
        put("AREA_OR_POINT", "Point".into());
    }
    let items = &info.metadata.items;
    for (key, _, role) in OF_ALL_BANDS {
        if let Some(value) = of_all_bands(items, info.bands, role) {
            let number = value.parse::<f64>().ok().filter(|number| number.is_finite());
            match number {
                Some(number) if matches!(role, "scale" | "offset") => put(key, number.into()),
                _ if matches!(role, "scale" | "offset") => None,
                _ => put(key, value.into()),
            };
        }
    }
    for item in items {
        let is_plain = item.band.is_none() && item.role.is_empty() && item.domain.is_empty();
        if is_plain && !SPOKEN_FOR.contains(&item.name.as_str()) {
            put(&item.name, item.value.as_str().into());
        }
    }
    let kept = kept(info);
    if !kept.is_empty() {
        attributes.insert(KEPT.to_owned(), Value::Object(kept));
    }
    attributes
}

/// The nodata value as xarray reads it: floats as base64 of a little-endian `f64`.
fn fill_attribute(info: &RasterInfo, nodata: Scalar) -> Value {
    if info.sample_type.is_float() {
        return BASE64_STANDARD.encode(nodata.to_f64().to_le_bytes()).into();
    }
    match nodata {
        // Beyond the type, but said all the same.
        Scalar::Float(value) => value.to_string().into(),
        Scalar::Integer(_) => {
            let own = fill_json(info.sample_type, nodata);
            if crate::zarr::metadata::scalar(&own) == Some(nodata) { own } else { nodata.to_string().into() }
        }
    }
}

/// The value that every band has in a role.
fn of_all_bands<'a>(items: &'a [MetadataItem], bands: usize, role: &str) -> Option<&'a str> {
    let of = |band| {
        let item = items.iter().find(|item| item.band == Some(band) && item.role == role);
        item.map(|item| item.value.as_str())
    };
    let first = of(0)?;
    (1..bands).all(|band| of(band) == Some(first)).then_some(first)
}

/// The attributes of the array that tells where the raster lies.
pub(crate) fn of_mapping(georeferencing: &Georeferencing) -> Map<String, Value> {
    let mut attributes = Map::new();
    if let Some(crs) = crs(georeferencing) {
        attributes.insert("spatial_ref".to_owned(), crs.into());
    }
    if let Some(wkt) = &georeferencing.wkt {
        attributes.insert("crs_wkt".to_owned(), wkt.as_str().into());
    }
    if let Some(transform) = georeferencing.transform {
        let numbers = transform.0.map(|number| number.to_string()).join(" ");
        attributes.insert("GeoTransform".to_owned(), numbers.into());
    }
    attributes
}

/// The reference system in words: well-known text, or the code.
fn crs(georeferencing: &Georeferencing) -> Option<String> {
    let code = || georeferencing.keys.as_ref().and_then(GeoKeys::epsg).map(|code| format!("EPSG:{code}"));
    georeferencing.wkt.clone().or_else(code)
}

/// The reference system as GDAL's driver reads it.
fn gdal_crs(georeferencing: &Georeferencing) -> Option<Value> {
    match georeferencing.keys.as_ref().and_then(GeoKeys::epsg) {
        Some(code) => Some(json!({ "url": format!("http://www.opengis.net/def/crs/EPSG/0/{code}") })),
        None => georeferencing.wkt.as_ref().map(|wkt| json!({ "wkt": wkt })),
    }
}

/// What other readers do not look for.
fn kept(info: &RasterInfo) -> Map<String, Value> {
    let Georeferencing { keys, control_points, .. } = &info.georeferencing;
    let Metadata { items, colours, palette, resolution, foreign_tags, .. } = &info.metadata;
    let mut kept = Map::new();
    let mut put = |key: &str, value: Value| kept.insert(key.to_owned(), value);
    if let Some(GeoKeys { directory, doubles, text }) = keys {
        put("geo_keys", json!({ "directory": directory, "doubles": doubles, "text": text }));
    }
    if !control_points.is_empty() {
        let points = control_points.iter().map(|point| [point.raster, point.map].concat());
        put("control_points", points.collect::<Vec<_>>().into());
    }
    if !items.is_empty() {
        let item = |item: &MetadataItem| {
            let MetadataItem { name, value, band, role, domain } = item;
            json!({ "name": name, "value": value, "band": band, "role": role, "domain": domain })
        };
        put("items", items.iter().map(item).collect::<Vec<_>>().into());
    }
    if !colours.is_empty() {
        let name = |colour: &Colour| {
            COLOURS.iter().find(|(known, _)| known == colour).map_or("undefined", |(_, name)| name)
        };
        put("colours", colours.iter().map(name).collect::<Vec<_>>().into());
    }
    if !palette.is_empty() {
        put("palette", json!(palette));
    }
    if let Some(resolution) = resolution {
        put("resolution", json!({ "x": resolution.x, "y": resolution.y, "unit": resolution.unit }));
    }
    if !foreign_tags.is_empty() {
        let tags = foreign_tags.iter().map(|tag| {
            json!({ "id": tag.id, "type": tag.field_type, "count": tag.count, "base64": BASE64_STANDARD.encode(&tag.bytes) })
        });
        put("tiff_tags", tags.collect::<Vec<_>>().into());
    }
    kept
}
