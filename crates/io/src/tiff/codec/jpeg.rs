//! JPEG in TIFF: every block a JPEG whose tables may stand once, in JPEGTables (TIFF Technical Note 2, 1995).
//!
//! Pixels are presented as GDAL presents them: YCbCr becomes RGB, everything else stays as it is stored. Decoders round
//! differently: values may differ from libjpeg's by 1, and where chroma is subsampled by more.

use swathe_core::Result;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::{BlockShape, Fault};
use crate::tiff::layout::Tags;
use crate::tiff::tag;

/// What the tags say about the blocks.
#[derive(Clone, Debug)]
pub(crate) struct Jpeg {
    /// Tables without their last marker, to be put before each block; empty where every block has its own.
    tables: Vec<u8>,
    /// Whether pixels are converted from YCbCr to RGB.
    to_rgb: bool,
}

impl Jpeg {
    /// Reads the tables.
    ///
    /// # Errors
    /// Damaged, where they lie outside the file.
    pub(super) fn read(tags: &Tags<'_>, photometric: u16, planar: bool) -> Result<Self> {
        let tables = match tags.directory.entry(tag::JPEG_TABLES) {
            Some(entry) => tags.structure.bytes(tags.file, entry)?,
            None => Vec::new(),
        };
        let tables = tables.strip_suffix(&[0xff, 0xd9]).unwrap_or(&tables).to_vec();
        Ok(Jpeg { tables, to_rgb: photometric == 6 && !planar })
    }

    /// Decodes a block.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn decode(&self, stored: &[u8], shape: BlockShape, target: &mut [u8]) -> Result<(), Fault> {
        let body = stored.strip_prefix(&[0xff, 0xd8]).ok_or("it does not begin like a JPEG")?;
        let whole = if self.tables.is_empty() { Vec::new() } else { [&self.tables, body].concat() };
        let stream = if whole.is_empty() { stored } else { &whole };
        let options = DecoderOptions::default().set_max_width(shape.width).set_max_height(1 << 16);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(stream), options);
        let fault = |error| format!("its JPEG does not decode: {error}");
        decoder.decode_headers().map_err(fault)?;
        let (width, height) = decoder.dimensions().ok_or("its JPEG has no size")?;
        // The last strip may be as high as the others, and blocks of 8 rows may fill it up further.
        let most = shape.whole_rows.next_multiple_of(16);
        if width != shape.width || height < shape.rows || height > most {
            return Err(format!("its JPEG has {width}x{height} pixels, not {}x{}", shape.width, shape.rows));
        }
        let stored_as = decoder.input_colorspace().ok_or("its JPEG has no colour space")?;
        let converts = self.to_rgb && stored_as == ColorSpace::YCbCr;
        let presented_as = if converts { ColorSpace::RGB } else { stored_as };
        decoder.set_options(options.jpeg_set_out_colorspace(presented_as));
        let row = shape.width * shape.samples;
        if decoder.output_buffer_size() != Some(row * height) {
            return Err(format!("its JPEG has {presented_as:?} pixels, not {} samples", shape.samples));
        }
        if height == shape.rows {
            return decoder.decode_into(target).map_err(fault);
        }
        let pixels = decoder.decode().map_err(fault)?;
        let wanted = pixels.get(..target.len()).ok_or("its JPEG is cut short")?;
        target.copy_from_slice(wanted);
        Ok(())
    }
}
