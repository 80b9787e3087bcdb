//! From TIFF tags to a raster's description, and the other way round in `write`: georeferencing, nodata, metadata, colours.

use swathe_core::{
    Colour, ControlPoint, ForeignTag, GeoKeys, GeoTransform, Georeferencing, Metadata, MetadataItem,
    RasterInfo, Resolution, Result, Scalar,
};

use crate::access::InputFile;
use crate::tiff::directory::{ByteOrder, Directory, Structure, field_size};
use crate::tiff::layout::Layout;
use crate::tiff::tag;

/// GTRasterTypeGeoKey, and its value for pixels that are points.
const RASTER_TYPE: u16 = 1025;
const RASTER_PIXEL_IS_POINT: u16 = 2;

/// Everything that a directory says about its raster.
///
/// # Errors
/// Damaged, where a tag's values lie outside the file.
pub(crate) fn describe(
    file: &InputFile,
    structure: &Structure,
    directory: &Directory,
    layout: &Layout,
) -> Result<RasterInfo> {
    let reader = Reader { file, structure, directory };
    let mut info = RasterInfo::new(layout.size, layout.bands, layout.sample_type);
    info.nodata = reader.text(tag::GDAL_NODATA)?.and_then(|text| Scalar::parse(&text).ok());
    info.georeferencing = reader.georeferencing()?;
    info.metadata = Metadata {
        items: reader.text(tag::GDAL_METADATA)?.map(|xml| parse_items(&xml)).unwrap_or_default(),
        colours: reader.colours(layout)?,
        palette: reader.palette()?,
        resolution: reader.resolution()?,
        foreign_tags: reader.foreign_tags()?,
        planar: (layout.bands > 1).then_some(layout.planar),
        // Known with the mask.
        mask_apart: false,
    };
    Ok(info)
}

struct Reader<'a> {
    file: &'a InputFile,
    structure: &'a Structure,
    directory: &'a Directory,
}

impl Reader<'_> {
    fn text(&self, tag: u16) -> Result<Option<String>> {
        let Some(entry) = self.directory.entry(tag) else { return Ok(None) };
        let bytes = self.structure.bytes(self.file, entry)?;
        let text = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
        Ok(Some(String::from_utf8_lossy(text).into_owned()))
    }

    /// The text that keys point into, by bytes: what is no UTF-8 becomes question marks, so that nothing moves.
    fn key_text(&self) -> Result<String> {
        let Some(entry) = self.directory.entry(tag::GEO_ASCII_PARAMS) else { return Ok(String::new()) };
        let bytes = self.structure.bytes(self.file, entry)?;
        let mut text = String::with_capacity(bytes.len());
        for chunk in bytes.utf8_chunks() {
            text.push_str(chunk.valid());
            text.extend(chunk.invalid().iter().map(|_| '?'));
        }
        text.truncate(text.trim_end_matches('\0').len());
        Ok(text)
    }

    fn floats(&self, tag: u16) -> Result<Vec<f64>> {
        self.directory.entry(tag).map_or(Ok(Vec::new()), |entry| self.structure.floats(self.file, entry))
    }

    fn integers(&self, tag: u16) -> Result<Vec<u64>> {
        self.directory.entry(tag).map_or(Ok(Vec::new()), |entry| self.structure.integers(self.file, entry))
    }

    fn georeferencing(&self) -> Result<Georeferencing> {
        let directory =
            self.integers(tag::GEO_KEY_DIRECTORY)?.into_iter().map(|value| value as u16).collect::<Vec<_>>();
        let keys = (directory.len() >= 4).then_some(GeoKeys {
            directory,
            doubles: self.floats(tag::GEO_DOUBLE_PARAMS)?,
            text: self.key_text()?,
        });
        let pixel_is_point =
            keys.as_ref().and_then(|keys| keys.short(RASTER_TYPE)) == Some(RASTER_PIXEL_IS_POINT);
        let (scale, tie) = (self.floats(tag::MODEL_PIXEL_SCALE)?, self.floats(tag::MODEL_TIEPOINT)?);
        let matrix = self.floats(tag::MODEL_TRANSFORMATION)?;
        let mut control_points = Vec::new();
        let mut transform = None;
        if matrix.len() == 16 {
            transform =
                Some(GeoTransform([matrix[3], matrix[0], matrix[1], matrix[7], matrix[4], matrix[5]]));
        } else if scale.len() >= 2 && scale[0] != 0.0 && scale[1] != 0.0 && tie.len() >= 6 {
            // A negative height would mean south-up by the specification; GDAL takes it for a writer's mistake.
            let (dx, dy) = (scale[0], scale[1].abs());
            transform = Some(GeoTransform([tie[3] - tie[0] * dx, dx, 0.0, tie[4] + tie[1] * dy, 0.0, -dy]));
        } else {
            let point = |p: &[f64]| ControlPoint { raster: [p[0], p[1], p[2]], map: [p[3], p[4], p[5]] };
            control_points = tie.chunks_exact(6).map(point).collect();
        }
        if pixel_is_point {
            // The tags then speak of pixel centres; ours and GDAL's transforms speak of corners.
            transform = transform.map(|transform| transform.resampled(-0.5, -0.5, 1.0, 1.0));
        }
        Ok(Georeferencing { transform, keys, wkt: None, control_points, pixel_is_point })
    }

    fn colours(&self, layout: &Layout) -> Result<Vec<Colour>> {
        let extra = self.integers(tag::EXTRA_SAMPLES)?;
        let mut colours = match layout.photometric {
            0 => vec![Colour::InvertedGray],
            2 | 6 if layout.bands >= 3 => vec![Colour::Red, Colour::Green, Colour::Blue],
            // GDAL heeds a table of colours whatever the photometric interpretation.
            _ if layout.bands == 1 && self.directory.entry(tag::COLOR_MAP).is_some() => vec![Colour::Palette],
            3 => vec![Colour::Palette],
            5 if layout.bands >= 4 => vec![Colour::Cyan, Colour::Magenta, Colour::Yellow, Colour::Black],
            _ => vec![Colour::Gray],
        };
        let of_extra = |kind: Option<&u64>| match kind {
            Some(1) => Colour::AssociatedAlpha,
            Some(2) => Colour::Alpha,
            _ => Colour::Undefined,
        };
        colours.truncate(layout.bands);
        // ExtraSamples speaks of the last bands, also where there are more or fewer values than bands that nothing else
        // speaks of: GDAL takes those between for nothing in particular.
        let value = |band: usize| (band + extra.len()).checked_sub(layout.bands).and_then(|at| extra.get(at));
        colours.extend((colours.len()..layout.bands).map(|band| of_extra(value(band))));
        Ok(colours)
    }

    fn palette(&self) -> Result<Vec<[u16; 3]>> {
        let values = self.integers(tag::COLOR_MAP)?;
        let length = values.len() / 3;
        let colour = |index: usize| [0, 1, 2].map(|channel| values[channel * length + index] as u16);
        Ok((0..length).map(colour).collect())
    }

    fn resolution(&self) -> Result<Option<Resolution>> {
        let rational = |tag: u16| -> Result<Option<[u32; 2]>> {
            let Some(entry) =
                self.directory.entry(tag).filter(|entry| entry.field_type == 5 && entry.count >= 1)
            else {
                return Ok(None);
            };
            let bytes = self.structure.bytes(self.file, entry)?;
            let half = |at: usize| {
                self.structure.order.u32([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
            };
            Ok(Some([half(0), half(4)]))
        };
        let unit = self.integers(tag::RESOLUTION_UNIT)?.first().copied().unwrap_or(0) as u16;
        let (x, y) = (rational(tag::X_RESOLUTION)?, rational(tag::Y_RESOLUTION)?);
        Ok(x.zip(y).map(|(x, y)| Resolution { x, y, unit }))
    }

    /// Tags that nobody here reads, with their values in little-endian order. Those that point into the file are left out.
    fn foreign_tags(&self) -> Result<Vec<ForeignTag>> {
        /// SubIFDs, Exif, GPS and interoperability directories, JPEG tables, YCbCr: they hold offsets or belong to the encoding.
        const POINTING: [u16; 17] =
            [255, 266, 330, 332, 347, 512, 513, 514, 519, 520, 521, 529, 530, 531, 532, 34665, 34853];
        let foreign = |tag: u16| !tag::is_interpreted(tag) && !POINTING.contains(&tag) && tag != 40965;
        let mut tags = Vec::new();
        for entry in self.directory.entries.iter().filter(|entry| foreign(entry.tag)) {
            // What nobody here interprets does no harm where it is damaged, as long as it is left out.
            let Ok(mut bytes) = self.structure.bytes(self.file, entry) else { continue };
            if self.structure.order == ByteOrder::Big {
                // Rationals are two numbers of four bytes.
                let word = if matches!(entry.field_type, 5 | 10) { 4 } else { field_size(entry.field_type) };
                bytes.chunks_exact_mut(word).for_each(<[u8]>::reverse);
            }
            tags.push(ForeignTag { id: entry.tag, field_type: entry.field_type, count: entry.count, bytes });
        }
        Ok(tags)
    }
}

/// The items of GDAL's XML. What is no XML, or none of GDAL's, holds none.
fn parse_items(xml: &str) -> Vec<MetadataItem> {
    let Ok(document) = roxmltree::Document::parse(xml) else { return Vec::new() };
    let items = document.root_element().children().filter(|node| node.has_tag_name("Item"));
    let item = |node: roxmltree::Node<'_, '_>| {
        let attribute = |name: &str| node.attribute(name).unwrap_or_default().to_owned();
        MetadataItem {
            name: attribute("name"),
            value: node.text().unwrap_or_default().to_owned(),
            band: node.attribute("sample").and_then(|band| band.parse().ok()),
            role: attribute("role"),
            domain: attribute("domain"),
        }
    };
    items.map(item).collect()
}
