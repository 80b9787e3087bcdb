//! JPEG in TIFF: every block a JPEG whose tables may stand once, in JPEGTables (TIFF Technical Note 2, 1995).
//!
//! Decoded by libjpeg (that of MozJPEG, whose decoder is libjpeg-turbo's) with its accurate inverse transform and its
//! triangle filter for chroma, so that samples are GDAL's to the bit. Pixels are presented as GDAL presents them: YCbCr
//! becomes RGB, everything else stays as it is stored.
//!
//! libjpeg warns where bytes are missing or damaged, and makes pixels up. Here a warning is damage.

use std::io::Read;
use std::os::raw::c_int;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::null;

use mozjpeg::decompress::DecompressBuilder;
use mozjpeg::{ColorSpace, ColorSpaceExt};
use mozjpeg_sys::{jpeg_common_struct, jpeg_error_mgr};
use swathe_core::Result;

use super::BlockShape;
use crate::decompress::Fault;
use crate::tiff::layout::Tags;
use crate::tiff::tag;

/// Marker codes: begin and end of an image, and begin of a scan.
const BEGIN: [u8; 2] = [0xff, 0xd8];
const END: [u8; 2] = [0xff, 0xd9];
const SCAN: [u8; 2] = [0xff, 0xda];
/// A JFIF segment. libjpeg takes three components behind it for YCbCr, whatever else the file says.
const JFIF: [u8; 18] = [0xff, 0xe0, 0, 16, b'J', b'F', b'I', b'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0];
/// More scans than any progressive JPEG has; each may cost as much time as the whole image (libtiff's limit).
const MOST_SCANS: usize = 100;

/// What the tags say about the blocks.
#[derive(Clone, Debug)]
pub(crate) struct Jpeg {
    /// What stands before every block: its beginning, and the shared tables without their own beginning and end.
    head: Vec<u8>,
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
        let tables = tables.strip_prefix(&BEGIN).unwrap_or(&tables);
        let tables = tables.strip_suffix(&END).unwrap_or(tables);
        let to_rgb = photometric == 6 && !planar;
        let colours: &[u8] = if to_rgb { &JFIF } else { &[] };
        Ok(Jpeg { head: [&BEGIN, colours, tables].concat(), to_rgb })
    }

    /// Decodes a block.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn decode(&self, stored: &[u8], shape: BlockShape, target: &mut [u8]) -> Result<(), Fault> {
        let body = stored.strip_prefix(&BEGIN).ok_or("it does not begin like a JPEG")?;
        let scans = body.windows(2).filter(|bytes| **bytes == SCAN).count();
        if scans > MOST_SCANS {
            return Err(format!("its JPEG has {scans} scans"));
        }
        // libjpeg leaves its C by unwinding, where it finds something wrong.
        let decoded = catch_unwind(AssertUnwindSafe(|| self.decompress(body, shape, target)));
        decoded.unwrap_or_else(|thrown| match thrown.downcast::<Warned>() {
            Ok(_) => Err("its JPEG is cut short or damaged".to_owned()),
            Err(thrown) => match thrown.downcast::<Failed>() {
                Ok(_) => Err("its JPEG does not decode".to_owned()),
                // Not libjpeg's, but a bug.
                Err(thrown) => resume_unwind(thrown),
            },
        })
    }

    fn decompress(&self, body: &[u8], shape: BlockShape, target: &mut [u8]) -> Result<(), Fault> {
        // Some writers leave out the end; with one behind it, a warning means that something else is missing.
        let end: &[u8] = if is_one_scan(body, shape.samples) { &END } else { &[] };
        let stream = self.head.chain(body).chain(end);
        let fault = |error| format!("its JPEG does not decode: {error}");
        let opened = DecompressBuilder::new().with_err(strict()).from_reader(stream).map_err(fault)?;
        let (width, height) = opened.size();
        // The last strip may be as high as the others, and blocks of 8 rows may fill it up further.
        let most = shape.whole_rows.next_multiple_of(16);
        if width != shape.width || height < shape.rows || height > most {
            return Err(format!("its JPEG has {width}x{height} pixels, not {}x{}", shape.width, shape.rows));
        }
        let stored_as = opened.color_space();
        let converts = self.to_rgb && stored_as == ColorSpace::JCS_YCbCr;
        let presented_as = if converts { ColorSpace::JCS_RGB } else { stored_as };
        let samples = opened.components().len();
        if samples != shape.samples || presented_as.num_components() != samples {
            return Err(format!("its JPEG has {samples} samples to the pixel, not {}", shape.samples));
        }
        let mut started = opened.to_colorspace(presented_as).map_err(fault)?;
        started.read_scanlines_into(target).map_err(fault)?;
        Ok(())
    }
}

/// Whether a JPEG is one scan of all its components. Of several, only the end tells that none is missing.
fn is_one_scan(body: &[u8], samples: usize) -> bool {
    const PROGRESSIVE: [u8; 2] = [0xff, 0xc2];
    let Some(scan) = body.windows(2).position(|bytes| bytes == SCAN) else { return false };
    let (head, scan) = body.split_at(scan);
    scan.get(4).is_some_and(|&components| usize::from(components) == samples)
        && !head.windows(2).any(|bytes| bytes == PROGRESSIVE)
}

/// Thrown where libjpeg warns.
struct Warned;
/// Thrown where libjpeg gives up.
struct Failed;

/// Handlers that end decoding at the first warning. They touch nothing that libjpeg hands them.
fn strict() -> jpeg_error_mgr {
    extern "C-unwind" fn fail(_: &mut jpeg_common_struct) {
        resume_unwind(Box::new(Failed));
    }
    extern "C-unwind" fn tell(_: &mut jpeg_common_struct, level: c_int) {
        // Levels from 0 on are what a decoder does, told to the curious.
        if level < 0 {
            resume_unwind(Box::new(Warned));
        }
    }
    extern "C-unwind" fn nothing(_: &mut jpeg_common_struct) {}
    jpeg_error_mgr {
        error_exit: Some(fail),
        emit_message: Some(tell),
        output_message: Some(nothing),
        format_message: None,
        reset_error_mgr: Some(nothing),
        msg_code: 0,
        msg_parm: Default::default(),
        trace_level: 0,
        num_warnings: 0,
        jpeg_message_table: null(),
        last_jpeg_message: 0,
        addon_message_table: null(),
        first_addon_message: 0,
        last_addon_message: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: BlockShape = BlockShape { width: 48, rows: 40, whole_rows: 40, samples: 3, row_bytes: 144 };

    /// A JPEG with chroma subsampled, of a slope with some texture.
    fn picture(progressive: bool) -> Vec<u8> {
        let mut made = mozjpeg::Compress::new(ColorSpace::JCS_RGB);
        if !progressive {
            made.set_fastest_defaults();
        }
        made.set_size(SHAPE.width, SHAPE.rows);
        made.set_quality(80.0);
        let mut made = made.start_compress(Vec::new()).unwrap();
        let sample = |index: usize| (index % SHAPE.row_bytes + 7 * (index * index % 11)) as u8;
        made.write_scanlines(&(0..SHAPE.rows * SHAPE.row_bytes).map(sample).collect::<Vec<_>>()).unwrap();
        made.finish().unwrap()
    }

    fn decode(stored: &[u8]) -> Result<Vec<u8>, Fault> {
        let jpeg = Jpeg { head: [&BEGIN, &JFIF[..]].concat(), to_rgb: true };
        let mut target = vec![0; SHAPE.rows * SHAPE.row_bytes];
        jpeg.decode(stored, SHAPE, &mut target).map(|()| target)
    }

    #[test]
    fn a_jpeg_cut_short_anywhere_is_damaged_and_not_made_up() {
        for progressive in [false, true] {
            let whole = picture(progressive);
            let decoded = decode(&whole).unwrap();
            // Of a single scan, the end's marker says nothing that the directory does not.
            let without_end = decode(&whole[..whole.len() - 2]);
            assert!(if progressive { without_end.is_err() } else { without_end.unwrap() == decoded });
            for length in 0..whole.len() - 4 {
                let cut = decode(&whole[..length]);
                assert!(cut.is_err(), "cut to {length} of {} bytes, progressive: {progressive}", whole.len());
            }
        }
    }

    #[test]
    fn a_jpeg_of_more_scans_than_any_needs_is_refused_before_they_are_decoded() {
        let whole = picture(true);
        let scan = whole.windows(2).position(|bytes| bytes == SCAN).unwrap();
        let many = [&whole[..scan], &whole[scan..scan + 14].repeat(200)].concat();
        assert_eq!(decode(&many).unwrap_err(), format!("its JPEG has {} scans", 200));
    }

    #[test]
    fn a_jpeg_of_another_size_or_number_of_samples_is_refused() {
        let mut other = picture(true);
        let frame = other.windows(2).position(|bytes| bytes == [0xff, 0xc2]).unwrap();
        let declared = |other: &[u8], rows: u8, columns: u8| {
            let mut changed = other.to_vec();
            (changed[frame + 6], changed[frame + 8]) = (rows, columns);
            decode(&changed).unwrap_err()
        };
        assert_eq!(declared(&other, 40, 49), "its JPEG has 49x40 pixels, not 48x40");
        assert_eq!(declared(&other, 39, 48), "its JPEG has 48x39 pixels, not 48x40");
        other[frame + 5] = 0xff;
        assert!(decode(&other).is_err());
    }
}
