//! From a raster's description to the tags of a directory, and to the bytes of header and directory.

use std::ops::Range;

use swathe_core::{Colour, Georeferencing, MetadataItem, RasterInfo, SampleType};

use crate::tiff::directory::field_size;
use crate::tiff::tag;

/// A tag with its values, little endian.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TagValue {
    pub(crate) id: u16,
    pub(crate) field_type: u16,
    pub(crate) count: u64,
    pub(crate) bytes: Vec<u8>,
}

impl TagValue {
    pub(crate) fn shorts(id: u16, values: &[u16]) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        TagValue { id, field_type: 3, count: values.len() as u64, bytes }
    }

    pub(crate) fn longs(id: u16, values: &[u32]) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        TagValue { id, field_type: 4, count: values.len() as u64, bytes }
    }

    /// A table whose values are written apart.
    pub(crate) fn table(id: u16, field_type: u16, count: u64) -> Self {
        TagValue { id, field_type, count, bytes: Vec::new() }
    }

    fn doubles(id: u16, values: &[f64]) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        TagValue { id, field_type: 12, count: values.len() as u64, bytes }
    }

    fn rational(id: u16, value: [u32; 2]) -> Self {
        let bytes = value.iter().flat_map(|value| value.to_le_bytes()).collect();
        TagValue { id, field_type: 5, count: 1, bytes }
    }

    fn ascii(id: u16, text: &str) -> Self {
        let mut bytes = text.as_bytes().to_vec();
        bytes.push(0);
        TagValue { id, field_type: 2, count: bytes.len() as u64, bytes }
    }
}

/// Every tag of a raster that does not depend on where its blocks lie.
pub(crate) fn describing_tags(info: &RasterInfo, planar: bool) -> Vec<TagValue> {
    let bands = info.bands as u16;
    let bits = vec![8 * info.sample_type.size() as u16; info.bands];
    let format = match info.sample_type {
        SampleType::F32 | SampleType::F64 => 3,
        sample_type if sample_type.is_signed() => 2,
        _ => 1,
    };
    let (photometric, extra) = colours(info);
    let mut tags = vec![
        TagValue::longs(tag::IMAGE_WIDTH, &[info.size.width as u32]),
        TagValue::longs(tag::IMAGE_LENGTH, &[info.size.height as u32]),
        TagValue::shorts(tag::BITS_PER_SAMPLE, &bits),
        TagValue::shorts(tag::PHOTOMETRIC, &[photometric]),
        TagValue::shorts(tag::SAMPLES_PER_PIXEL, &[bands]),
        TagValue::shorts(tag::PLANAR_CONFIGURATION, &[if planar { 2 } else { 1 }]),
        TagValue::shorts(tag::SAMPLE_FORMAT, &vec![format; info.bands]),
    ];
    if !extra.is_empty() {
        tags.push(TagValue::shorts(tag::EXTRA_SAMPLES, &extra));
    }
    if photometric == 3 {
        let length = 1 << (8 * info.sample_type.size());
        let channel = |channel: usize| {
            (0..length).map(move |index| info.metadata.palette.get(index).map_or(0, |colour| colour[channel]))
        };
        tags.push(TagValue::shorts(tag::COLOR_MAP, &(0..3).flat_map(channel).collect::<Vec<_>>()));
    }
    if photometric == 5 {
        // InkSet: CMYK.
        tags.push(TagValue::shorts(332, &[1]));
    }
    if let Some(resolution) = info.metadata.resolution {
        tags.push(TagValue::rational(tag::X_RESOLUTION, resolution.x));
        tags.push(TagValue::rational(tag::Y_RESOLUTION, resolution.y));
        if resolution.unit != 0 {
            tags.push(TagValue::shorts(tag::RESOLUTION_UNIT, &[resolution.unit]));
        }
    }
    tags.extend(georeferencing_tags(&info.georeferencing));
    if !info.metadata.items.is_empty() {
        tags.push(TagValue::ascii(tag::GDAL_METADATA, &metadata_xml(&info.metadata.items)));
    }
    if let Some(nodata) = info.nodata {
        tags.push(TagValue::ascii(tag::GDAL_NODATA, &nodata.to_string()));
    }
    for foreign in &info.metadata.foreign_tags {
        let known = field_size(foreign.field_type) as u64 * foreign.count == foreign.bytes.len() as u64;
        if known && tags.iter().all(|tag| tag.id != foreign.id) {
            let (id, field_type, count) = (foreign.id, foreign.field_type, foreign.count);
            tags.push(TagValue { id, field_type, count, bytes: foreign.bytes.clone() });
        }
    }
    tags
}

/// Whether samples can be indices into a table of colours.
fn is_indexed(info: &RasterInfo) -> bool {
    matches!(info.sample_type, SampleType::U8 | SampleType::U16)
}

/// PhotometricInterpretation, and a value of ExtraSamples for each band that it does not speak of.
fn colours(info: &RasterInfo) -> (u16, Vec<u16>) {
    let colours = &info.metadata.colours;
    let begins = |wanted: &[Colour]| {
        colours.len() >= wanted.len() && colours[..wanted.len()] == *wanted && info.bands >= wanted.len()
    };
    let (photometric, spoken) = if begins(&[Colour::Red, Colour::Green, Colour::Blue]) {
        (2, 3)
    } else if begins(&[Colour::Cyan, Colour::Magenta, Colour::Yellow, Colour::Black]) {
        (5, 4)
    } else if begins(&[Colour::Palette]) && is_indexed(info) && !info.metadata.palette.is_empty() {
        (3, 1)
    } else if begins(&[Colour::InvertedGray]) {
        (0, 1)
    } else {
        (1, 1)
    };
    let extra = |band: usize| match colours.get(band) {
        Some(Colour::AssociatedAlpha) => 1,
        Some(Colour::Alpha) => 2,
        _ => 0,
    };
    (photometric, (spoken..info.bands).map(extra).collect())
}

/// Whether one of the bands is written as the opacity of its pixels.
pub(crate) fn has_opacity(info: &RasterInfo) -> bool {
    opacity_band(info).is_some()
}

/// Whether there is a mask that no band says as opacity.
pub(crate) fn has_own_mask(info: &RasterInfo) -> bool {
    info.mask && (info.metadata.mask_apart || !has_opacity(info))
}

/// The first band that is written as the opacity of its pixels.
pub(crate) fn opacity_band(info: &RasterInfo) -> Option<usize> {
    let (_, extra) = colours(info);
    let first = extra.iter().position(|&extra| extra != 0)?;
    Some(info.bands - extra.len() + first)
}

fn georeferencing_tags(georeferencing: &Georeferencing) -> Vec<TagValue> {
    let mut tags = Vec::new();
    if let Some(transform) = georeferencing.transform {
        // Where pixels are points the tags speak of their centres.
        let transform =
            if georeferencing.pixel_is_point { transform.resampled(0.5, 0.5, 1.0, 1.0) } else { transform };
        let c = transform.0;
        if c[2] == 0.0 && c[4] == 0.0 && c[1] > 0.0 && c[5] < 0.0 {
            tags.push(TagValue::doubles(tag::MODEL_PIXEL_SCALE, &[c[1], -c[5], 0.0]));
            tags.push(TagValue::doubles(tag::MODEL_TIEPOINT, &[0.0, 0.0, 0.0, c[0], c[3], 0.0]));
        } else {
            let matrix =
                [c[1], c[2], 0.0, c[0], c[4], c[5], 0.0, c[3], 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0];
            tags.push(TagValue::doubles(tag::MODEL_TRANSFORMATION, &matrix));
        }
    } else if !georeferencing.control_points.is_empty() {
        let values =
            georeferencing.control_points.iter().flat_map(|point| point.raster.into_iter().chain(point.map));
        tags.push(TagValue::doubles(tag::MODEL_TIEPOINT, &values.collect::<Vec<_>>()));
    }
    if let Some(keys) = &georeferencing.keys {
        tags.push(TagValue::shorts(tag::GEO_KEY_DIRECTORY, &keys.directory));
        if !keys.doubles.is_empty() {
            tags.push(TagValue::doubles(tag::GEO_DOUBLE_PARAMS, &keys.doubles));
        }
        if !keys.text.is_empty() {
            tags.push(TagValue::ascii(tag::GEO_ASCII_PARAMS, &keys.text));
        }
    }
    tags
}

/// GDAL's XML for metadata items.
fn metadata_xml(items: &[MetadataItem]) -> String {
    let mut xml = String::from("<GDALMetadata>\n");
    for item in items {
        let band = item.band.map(|band| band.to_string()).unwrap_or_default();
        xml.push_str("  <Item");
        for (name, value) in
            [("name", &item.name), ("sample", &band), ("role", &item.role), ("domain", &item.domain)]
        {
            if !value.is_empty() {
                xml.push_str(&format!(" {name}=\"{}\"", escape(value)));
            }
        }
        xml.push_str(&format!(">{}</Item>\n", escape(&item.value)));
    }
    xml.push_str("</GDALMetadata>\n");
    xml
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Header and directory as bytes, and where the tables lie that are written apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// The beginning of the file.
    pub(crate) bytes: Vec<u8>,
    /// Tags whose values follow these bytes, each with the place of its first value.
    pub(crate) tables: Vec<(u16, u64)>,
    /// Where the tables end.
    pub(crate) end: u64,
    /// Where among the bytes the next directory's place stands.
    next: Range<usize>,
}

impl Head {
    /// Names the place of the next directory.
    pub(crate) fn link(&mut self, place: u64) {
        let bytes = &mut self.bytes[self.next.clone()];
        bytes.copy_from_slice(&place.to_le_bytes()[..bytes.len()]);
    }
}

/// Lays out header, directory and values. `tables` are tags without bytes: tables of blocks can be too large to be
/// held, so only their place is worked out.
pub(crate) fn head(tags: Vec<TagValue>, tables: &[TagValue], big: bool) -> Head {
    let header = if big {
        [b"II\x2b\0\x08\0\0\0".as_slice(), &16_u64.to_le_bytes()].concat()
    } else {
        [b"II\x2a\0".as_slice(), &8_u32.to_le_bytes()].concat()
    };
    directory(0, header, tags, tables, big)
}

/// Lays out a directory behind `bytes`, which stand at byte `at` of the file, a multiple of 8.
pub(crate) fn directory(
    at: u64,
    mut bytes: Vec<u8>,
    mut tags: Vec<TagValue>,
    tables: &[TagValue],
    big: bool,
) -> Head {
    tags.extend(tables.iter().cloned());
    tags.sort_by_key(|tag| tag.id);
    let (count_bytes, entry_bytes, inline) = if big { (8, 20, 8) } else { (2, 12, 4) };
    let next_start = bytes.len() + count_bytes + tags.len() * entry_bytes;
    bytes.extend(&(tags.len() as u64).to_le_bytes()[..count_bytes]);
    // Places of directories are as long as values that need no place of their own.
    let next = next_start..next_start + inline;
    let values_start = next.end;
    let long = |tag: &&TagValue| tag.bytes.len() > inline;
    let values_bytes: usize = tags.iter().filter(long).map(|tag| tag.bytes.len().next_multiple_of(8)).sum();
    let values_start = values_start.next_multiple_of(8);
    let mut value_at = at + values_start as u64;
    let mut table_at = value_at + values_bytes as u64;
    let mut values = Vec::with_capacity(values_bytes);
    let mut places = Vec::new();
    for tag in &tags {
        bytes.extend(tag.id.to_le_bytes());
        bytes.extend(tag.field_type.to_le_bytes());
        if big {
            bytes.extend(tag.count.to_le_bytes());
        } else {
            bytes.extend((tag.count as u32).to_le_bytes());
        }
        let length = tag.count * field_size(tag.field_type) as u64;
        if tag.bytes.is_empty() && length > 0 {
            if length <= inline as u64 {
                places.push((tag.id, at + bytes.len() as u64));
                bytes.resize(bytes.len() + inline, 0);
            } else {
                places.push((tag.id, table_at));
                bytes.extend(&table_at.to_le_bytes()[..inline]);
                table_at += length.next_multiple_of(8);
            }
        } else if tag.bytes.len() <= inline {
            bytes.extend(&tag.bytes);
            bytes.resize(bytes.len() + inline - tag.bytes.len(), 0);
        } else {
            bytes.extend(&value_at.to_le_bytes()[..inline]);
            values.extend(&tag.bytes);
            values.resize(values.len().next_multiple_of(8), 0);
            value_at += tag.bytes.len().next_multiple_of(8) as u64;
        }
    }
    bytes.resize(values_start, 0);
    bytes.extend(values);
    Head { bytes, tables: places, end: table_at, next }
}

#[cfg(test)]
mod tests {
    use swathe_core::Size;

    use super::*;

    #[test]
    fn what_a_palette_stands_beside_is_told() {
        let mut info = RasterInfo::new(Size::new(3, 2), 2, SampleType::U8);
        info.metadata.colours = vec![Colour::Palette, Colour::Alpha];
        assert_eq!(colours(&info), (1, vec![2]), "without a table they are no indices");
        info.metadata.palette = vec![[1, 2, 3]];
        assert_eq!(colours(&info), (3, vec![2]));
        assert!(has_opacity(&info));
    }
}
