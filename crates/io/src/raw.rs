//! Files of nothing but samples, whose shape is told beside the name:
//! `scene.raw:size=WxH,type=u16,bands=3,interleave=band|line|pixel,order=little|big,offset=BYTES`.

use swathe_core::{Error, RasterInfo, Result, SampleType, Size, Source};

use crate::access::InputFile;
use crate::formats::OutputOptions;
use crate::output::OutputPlace;
use crate::strided::{Interleave, StridedDestination, StridedSource, Strides, masked_sample};
use crate::tiff::directory::ByteOrder;

/// What is told of a raw file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    size: Size,
    bands: usize,
    sample_type: SampleType,
    interleave: Interleave,
    order: ByteOrder,
    offset: u64,
}

impl Shape {
    /// Reads `size=WxH,type=T,...`.
    ///
    /// # Errors
    /// Usage, where something is missing, unknown, or makes no sense.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let wrong = |part: &str| {
            Error::usage(format!(
                "`{part}` does not describe a raw file; it is read as `FILE:size=WxH,type=T[,bands=N][,interleave=band|line|pixel][,order=little|big][,offset=BYTES]`"
            ))
        };
        let (mut size, mut sample_type) = (None, None);
        let (mut bands, mut interleave, mut order, mut offset) = (1, Interleave::Band, ByteOrder::NATIVE, 0);
        for part in text.split(',') {
            let (name, value) = part.split_once('=').ok_or_else(|| wrong(part))?;
            match name {
                "size" => {
                    let sides =
                        value.split_once('x').and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
                    let (width, height) =
                        sides.filter(|&(w, h)| w > 0 && h > 0).ok_or_else(|| wrong(part))?;
                    size = Some(Size::new(width, height));
                }
                "type" => sample_type = Some(SampleType::parse(value)?),
                "bands" => {
                    bands = value.parse().ok().filter(|&bands| bands > 0).ok_or_else(|| wrong(part))?
                }
                "interleave" => interleave = parse_interleave(value).ok_or_else(|| wrong(part))?,
                "order" => {
                    order = match value {
                        "little" => ByteOrder::Little,
                        "big" => ByteOrder::Big,
                        _ => return Err(wrong(part)),
                    };
                }
                "offset" => offset = value.parse().map_err(|_| wrong(part))?,
                _ => return Err(wrong(part)),
            }
        }
        let size = size.ok_or_else(|| wrong(text))?;
        let sample_type = sample_type.ok_or_else(|| wrong(text))?;
        Ok(Shape { size, bands, sample_type, interleave, order, offset })
    }
}

/// Reads `band`, `line`, `pixel`, or ENVI's words for them.
pub(crate) fn parse_interleave(text: &str) -> Option<Interleave> {
    match text.to_ascii_lowercase().as_str() {
        "band" | "bsq" => Some(Interleave::Band),
        "line" | "bil" => Some(Interleave::Line),
        "pixel" | "bip" => Some(Interleave::Pixel),
        _ => None,
    }
}

/// Opens a raw file.
///
/// # Errors
/// Damaged, where the file is too short for what was told of it.
pub(crate) fn open(file: InputFile, shape: Shape) -> Result<Box<dyn Source>> {
    let Shape { size, bands, sample_type, interleave, order, offset } = shape;
    let strides = Strides { size, bands, sample_type, interleave, order, offset };
    let info = RasterInfo::new(size, bands, sample_type);
    Ok(Box::new(StridedSource::new(file, info, strides, "raw")?))
}

/// Thinks out a raw file in this machine's byte order.
///
/// # Errors
/// As [`masked_sample`].
pub(crate) fn plan(
    place: OutputPlace,
    info: &RasterInfo,
    options: &OutputOptions,
) -> Result<StridedDestination> {
    let strides = Strides {
        size: info.size,
        bands: info.bands,
        sample_type: info.sample_type,
        interleave: options.interleave.unwrap_or_default(),
        order: ByteOrder::NATIVE,
        offset: 0,
    };
    let (method, writeback) = (options.method, options.writeback);
    let masked = masked_sample(place.name(), info)?;
    Ok(StridedDestination { place, strides, head: Vec::new(), companion: None, masked, method, writeback })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_read() {
        let shape = Shape::parse("size=30x20,type=i16,bands=2,interleave=bip,order=big,offset=7").unwrap();
        assert_eq!((shape.size, shape.bands, shape.offset), (Size::new(30, 20), 2, 7));
        assert_eq!((shape.interleave, shape.order), (Interleave::Pixel, ByteOrder::Big));
        for wrong in
            ["size=30x20", "type=u8", "size=0x3,type=u8", "size=3x3,type=u9", "size=3x3,type=u8,bands=0", "x"]
        {
            assert_eq!(Shape::parse(wrong).unwrap_err().kind(), swathe_core::ErrorKind::Usage, "{wrong}");
        }
    }
}
