//! LERC (Esri, Limited Error Raster Compression), bare or inside Deflate or ZSTD, as libtiff writes it.

use lerc_core::PixelData;
use lerc_reader::Decoded;
use swathe_core::Result;

use super::BlockShape;
use crate::decompress::Fault;
use crate::tiff::layout::Tags;
use crate::tiff::tag;
use crate::tiff::unpack::Packing;

/// What LERC blocks are wrapped in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LercWrapping {
    None,
    Deflate,
    Zstd,
}

/// What LercParameters says: a version, and the wrapping.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lerc {
    pub(super) wrapping: LercWrapping,
}

impl Lerc {
    /// Reads the parameters; without any, blocks are bare.
    ///
    /// # Errors
    /// Unsupported, where they name another wrapping.
    pub(super) fn read(tags: &Tags<'_>) -> Result<Self> {
        let values = match tags.directory.entry(tag::LERC_PARAMETERS) {
            Some(entry) => tags.structure.integers(tags.file, entry)?,
            None => Vec::new(),
        };
        let wrapping = match values.get(1) {
            None | Some(0) => LercWrapping::None,
            Some(1) => LercWrapping::Deflate,
            Some(2) => LercWrapping::Zstd,
            Some(other) => return Err(tags.unsupported(format!("LERC in compression {other}"))),
        };
        Ok(Lerc { wrapping })
    }
}

/// Decodes a bare block, little endian: LERC has no byte order, and libtiff, on the machines it was ever used on for this,
/// turns the samples of a big endian file around before it encodes them, so that what comes out is in the file's. Pixels that a float block marks as no data become `NaN`, as in libtiff.
///
/// # Errors
/// What is wrong with it.
pub(super) fn decode(
    stored: &[u8],
    shape: BlockShape,
    packing: Packing,
    target: &mut [u8],
) -> Result<(), Fault> {
    let fault = |error| format!("its LERC does not decode: {error}");
    let info = lerc_reader::inspect_first(stored).map_err(fault)?;
    let size = (info.width as usize, info.height as usize);
    if size.0 != shape.width || !(shape.rows..=shape.whole_rows).contains(&size.1) {
        return Err(format!("its LERC has {}x{} pixels, not {}x{}", size.0, size.1, shape.width, shape.rows));
    }
    if info.depth as usize != shape.samples || 8 * info.data_type.byte_len() != packing.bits() {
        return Err(format!(
            "its LERC has {} samples of {} bits, not {} of {}",
            info.depth,
            8 * info.data_type.byte_len(),
            shape.samples,
            packing.bits()
        ));
    }
    let Decoded { mut pixels, mask, .. } = lerc_reader::decode_first(stored).map_err(fault)?;
    if let Some(mask) = mask {
        let holes = mask.iter().enumerate().filter(|(_, flag)| **flag == 0).map(|(pixel, _)| pixel);
        let samples = |pixel: usize| pixel * shape.samples..(pixel + 1) * shape.samples;
        match &mut pixels {
            PixelData::F32(values) => holes.for_each(|pixel| values[samples(pixel)].fill(f32::NAN)),
            PixelData::F64(values) => holes.for_each(|pixel| values[samples(pixel)].fill(f64::NAN)),
            _ => {}
        }
    }
    match &pixels {
        PixelData::U8(values) => copy(values, target, |value| [value]),
        PixelData::I8(values) => copy(values, target, i8::to_le_bytes),
        PixelData::U16(values) => copy(values, target, u16::to_le_bytes),
        PixelData::I16(values) => copy(values, target, i16::to_le_bytes),
        PixelData::U32(values) => copy(values, target, u32::to_le_bytes),
        PixelData::I32(values) => copy(values, target, i32::to_le_bytes),
        PixelData::F32(values) => copy(values, target, f32::to_le_bytes),
        PixelData::F64(values) => copy(values, target, f64::to_le_bytes),
    }
}

fn copy<T: Copy, const N: usize>(
    values: &[T],
    target: &mut [u8],
    bytes: impl Fn(T) -> [u8; N],
) -> Result<(), Fault> {
    let (target, _) = target.as_chunks_mut::<N>();
    if values.len() < target.len() {
        return Err(format!("its LERC has {} samples, not {}", values.len(), target.len()));
    }
    for (to, from) in target.iter_mut().zip(values) {
        *to = bytes(*from);
    }
    Ok(())
}
