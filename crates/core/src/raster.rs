//! What a raster is, apart from its pixels: size, bands, type, nodata, georeferencing and metadata.

use crate::error::{Error, Result};
use crate::geometry::{Size, Window};
use crate::georeferencing::Georeferencing;
use crate::sample::{SampleType, Scalar};
use crate::tile::TileKind;

/// How a band is meant to be shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colour {
    /// Not said.
    #[default]
    Undefined,
    /// Brightness; the first and only band of a grey picture.
    Gray,
    /// Darkness: 0 is shown white. Values are what the file says.
    InvertedGray,
    /// An index into the colour table.
    Palette,
    /// Red.
    Red,
    /// Green.
    Green,
    /// Blue.
    Blue,
    /// Opacity, not multiplied into the colours.
    Alpha,
    /// Opacity, already multiplied into the colours.
    AssociatedAlpha,
    /// Cyan ink.
    Cyan,
    /// Magenta ink.
    Magenta,
    /// Yellow ink.
    Yellow,
    /// Black ink.
    Black,
}

/// One item of metadata: GDAL's name, value, domain, and the band it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataItem {
    /// Its name, such as `STATISTICS_MEAN`.
    pub name: String,
    /// Its value.
    pub value: String,
    /// The band it belongs to, from 0, or the whole raster.
    pub band: Option<usize>,
    /// What the format does with it, such as `scale`, `offset`, `description`; empty for a plain item.
    pub role: String,
    /// GDAL's domain; empty for the default one.
    pub domain: String,
}

/// Pixels to the unit of length on paper, as TIFF keeps it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Resolution {
    /// Pixels to the unit from west to east, as numerator and denominator.
    pub x: [u32; 2],
    /// Pixels to the unit from north to south.
    pub y: [u32; 2],
    /// 0 = not said, 1 = no unit, 2 = inch, 3 = centimetre.
    pub unit: u16,
}

/// A tag that nobody here interprets and that is written back as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignTag {
    /// Its number.
    pub id: u16,
    /// Its TIFF field type.
    pub field_type: u16,
    /// Number of values.
    pub count: u64,
    /// The values, little endian.
    pub bytes: Vec<u8>,
}

/// Everything about a raster that is carried along and not computed with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata {
    /// Named values.
    pub items: Vec<MetadataItem>,
    /// How each band is meant to be shown; one for each band, or empty where nothing is said.
    pub colours: Vec<Colour>,
    /// Red, green and blue of each index, 16 bits each, where the raster is a palette.
    pub palette: Vec<[u16; 3]>,
    /// Size on paper.
    pub resolution: Option<Resolution>,
    /// Tags kept as they are.
    pub foreign_tags: Vec<ForeignTag>,
    /// Whether the bands were stored one after the other (true) or pixel by pixel; nothing where there is one band or
    /// something else. Outputs that can be either follow.
    pub planar: Option<bool>,
    /// Whether a mask stands beside a band of opacity and says something else.
    pub mask_apart: bool,
}

impl Metadata {
    /// What stays true when pixel values change: without statistics, scale, offset and unit, without palette.
    pub fn for_new_values(&self) -> Self {
        let mut kept = self.clone();
        kept.forget_statistics();
        kept.items.retain(|item| !matches!(item.role.as_str(), "scale" | "offset" | "unittype"));
        kept.palette.clear();
        for colour in &mut kept.colours {
            if matches!(colour, Colour::Palette | Colour::InvertedGray) {
                *colour = Colour::Gray;
            }
        }
        kept
    }

    /// Drops the statistics, which no longer hold.
    pub fn forget_statistics(&mut self) {
        self.items.retain(|item| !item.name.starts_with("STATISTICS_"));
    }

    /// What stays true when only `bands` are kept, in that order (from 0).
    pub fn for_bands(&self, bands: &[usize]) -> Self {
        let mut kept = self.clone();
        kept.items = self.items.iter().filter(|item| item.band.is_none()).cloned().collect();
        for (to, from) in bands.iter().enumerate() {
            let of_band = self.items.iter().filter(|item| item.band == Some(*from));
            kept.items.extend(of_band.cloned().map(|item| MetadataItem { band: Some(to), ..item }));
        }
        let colour_of = |band: &usize| self.colours.get(*band).copied().unwrap_or_default();
        kept.colours =
            if self.colours.is_empty() { Vec::new() } else { bands.iter().map(colour_of).collect() };
        if !kept.colours.contains(&Colour::Palette) {
            kept.palette.clear();
        }
        kept
    }
}

/// A raster without its pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct RasterInfo {
    /// Columns and rows.
    pub size: Size,
    /// Number of bands.
    pub bands: usize,
    /// The type of every sample.
    pub sample_type: SampleType,
    /// The value that stands for no data.
    pub nodata: Option<Scalar>,
    /// Whether a mask goes with the pixels.
    pub mask: bool,
    /// Where it lies.
    pub georeferencing: Georeferencing,
    /// What is carried along.
    pub metadata: Metadata,
}

impl RasterInfo {
    /// A raster without nodata, mask, georeferencing or metadata.
    pub fn new(size: Size, bands: usize, sample_type: SampleType) -> Self {
        RasterInfo {
            size,
            bands,
            sample_type,
            nodata: None,
            mask: false,
            georeferencing: Georeferencing::default(),
            metadata: Metadata::default(),
        }
    }

    /// What a tile of it holds.
    pub fn kind(&self) -> TileKind {
        TileKind { bands: self.bands, sample_type: self.sample_type, mask: self.mask }
    }

    /// The window that covers it.
    pub fn window(&self) -> Window {
        Window::whole(self.size)
    }

    /// Bytes of its pixels without any compression.
    ///
    /// # Errors
    /// Limit, where they do not fit 63 bits.
    pub fn pixel_bytes(&self) -> Result<u64> {
        let samples = (self.size.width as u64)
            .checked_mul(self.size.height as u64)
            .and_then(|pixels| pixels.checked_mul(self.bands as u64))
            .and_then(|samples| samples.checked_mul(self.sample_type.size() as u64))
            .filter(|&bytes| bytes < 1 << 63);
        samples.ok_or_else(|| {
            Error::limit(format!(
                "a raster of {} with {} bands is larger than 2^63 bytes",
                self.size, self.bands
            ))
        })
    }

    /// The same raster with values of another meaning: statistics, scale and palette no longer hold.
    ///
    /// A nodata value that the new type cannot hold is dropped.
    pub fn with_new_values(&self, sample_type: SampleType) -> Self {
        let nodata = self.nodata.filter(
            |&value| with_sample!(sample_type, T => <T as crate::Sample>::from_scalar(value).is_some()),
        );
        RasterInfo { sample_type, nodata, metadata: self.metadata.for_new_values(), ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(name: &str, role: &str, band: Option<usize>) -> MetadataItem {
        MetadataItem { name: name.into(), value: "1".into(), band, role: role.into(), domain: String::new() }
    }

    #[test]
    fn metadata_follows_its_bands() {
        let metadata = Metadata {
            items: vec![item("A", "", None), item("B", "", Some(0)), item("C", "", Some(2))],
            colours: vec![Colour::Red, Colour::Green, Colour::Blue],
            ..Metadata::default()
        };
        let kept = metadata.for_bands(&[2, 2]);
        assert_eq!(kept.items, [item("A", "", None), item("C", "", Some(0)), item("C", "", Some(1))]);
        assert_eq!(kept.colours, [Colour::Blue, Colour::Blue]);
    }

    #[test]
    fn what_no_longer_holds_is_dropped() {
        let mut info = RasterInfo::new(Size::new(2, 2), 1, SampleType::I16);
        info.nodata = Some(Scalar::Integer(-9999));
        info.metadata.items =
            vec![item("STATISTICS_MEAN", "", Some(0)), item("SCALE", "scale", Some(0)), item("X", "", None)];
        let changed = info.with_new_values(SampleType::U8);
        assert_eq!(changed.nodata, None);
        assert_eq!(changed.metadata.items, [item("X", "", None)]);
        assert_eq!(info.with_new_values(SampleType::F32).nodata, info.nodata);
    }

    #[test]
    fn absurd_sizes_are_refused() {
        let info = RasterInfo::new(Size::new(usize::MAX, 2), 3, SampleType::U8);
        assert!(info.pixel_bytes().is_err());
    }
}
