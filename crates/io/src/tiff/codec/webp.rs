//! WebP in TIFF (libtiff's number 50001): every block a picture of 3 or 4 bytes a pixel.

use std::io::Cursor;

use image_webp::WebPDecoder;

use super::BlockShape;
use crate::decompress::Fault;

/// Decodes a block. A picture without opacity in an image with it is opaque, which is how libwebp saves space.
///
/// # Errors
/// What is wrong with it.
pub(super) fn decode(stored: &[u8], shape: BlockShape, target: &mut [u8]) -> Result<(), Fault> {
    let fault = |error| format!("its WebP does not decode: {error}");
    let mut decoder = WebPDecoder::new(Cursor::new(stored)).map_err(fault)?;
    let (width, height) = decoder.dimensions();
    if width as usize != shape.width || !(shape.rows..=shape.whole_rows).contains(&(height as usize)) {
        return Err(format!("its WebP has {width}x{height} pixels, not {}x{}", shape.width, shape.rows));
    }
    let stored_samples = if decoder.has_alpha() { 4 } else { 3 };
    let bytes = shape.width * height as usize * stored_samples;
    if stored_samples == shape.samples && bytes == target.len() {
        return decoder.read_image(target).map_err(fault);
    }
    let mut pixels = vec![0; bytes];
    decoder.read_image(&mut pixels).map_err(fault)?;
    let pairs = target.chunks_exact_mut(shape.samples).zip(pixels.chunks_exact(stored_samples));
    for (to, from) in pairs {
        let shared = shape.samples.min(stored_samples);
        to[shared..].fill(u8::MAX);
        to[..shared].copy_from_slice(&from[..shared]);
    }
    Ok(())
}
