//! Undoes the differences that were taken before compression.
//!
//! TIFF 6.0, section 14 (horizontal differencing); Adobe Photoshop TIFF Technical Note 3 (floating point).

use swathe_core::{Error, Result};

use crate::tiff::directory::ByteOrder;
use crate::tiff::unpack::Packing;

/// The Predictor tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Predictor {
    /// Samples as they are.
    None,
    /// Differences to the pixel before, sample by sample.
    Horizontal,
    /// Bytes of equal significance together, and differences of bytes.
    Float,
}

impl Predictor {
    /// From the tag's value, for samples of a packing.
    ///
    /// # Errors
    /// Unsupported, where the two do not go together in any known writer; Damaged, where there is no such predictor.
    pub(crate) fn read(value: u64, packing: Packing, name: &str) -> Result<Self> {
        let predictor = match value {
            1 => return Ok(Predictor::None),
            2 => Predictor::Horizontal,
            3 => Predictor::Float,
            _ => return Err(Error::damaged(format!("`{name}`: Predictor is {value}"))),
        };
        let fits = match packing {
            Packing::Native(8) => predictor == Predictor::Horizontal,
            Packing::Native(_) | Packing::Half => true,
            Packing::Float24 => predictor == Predictor::Float,
            Packing::Bits(_) => false,
        };
        if !fits {
            return Err(Error::unsupported(format!(
                "`{name}`: Predictor {value} with {}-bit samples is not supported",
                packing.bits()
            )));
        }
        Ok(predictor)
    }

    /// The word for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Predictor::None => "none",
            Predictor::Horizontal => "horizontal",
            Predictor::Float => "floating point",
        }
    }

    /// The byte order of a block's samples after [`Predictor::undo`], which was `order` before.
    pub(crate) fn order_after(self, order: ByteOrder) -> ByteOrder {
        if self == Predictor::None { order } else { ByteOrder::NATIVE }
    }

    /// Undoes the differences of every row of a block. `spare` is room for one row.
    pub(crate) fn undo(self, block: &mut [u8], row: Row, spare: &mut Vec<u8>) {
        match self {
            Predictor::None => {}
            Predictor::Horizontal => block.chunks_exact_mut(row.bytes).for_each(|bytes| match row.size {
                1 => add_up::<1>(bytes, row),
                2 => add_up::<2>(bytes, row),
                4 => add_up::<4>(bytes, row),
                _ => add_up::<8>(bytes, row),
            }),
            Predictor::Float => {
                spare.resize(row.bytes, 0);
                for bytes in block.chunks_exact_mut(row.bytes) {
                    add_up::<1>(bytes, row);
                    spare.copy_from_slice(bytes);
                    join_planes(spare, bytes, row.size);
                }
            }
        }
    }
}

/// What a row of a block is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// Bytes of the row.
    pub(crate) bytes: usize,
    /// Bytes of a sample.
    pub(crate) size: usize,
    /// Samples of a pixel.
    pub(crate) samples: usize,
    /// The samples' byte order in the file.
    pub(crate) order: ByteOrder,
}

/// Adds up the samples of a row, of `N` bytes each.
fn add_up<const N: usize>(bytes: &mut [u8], row: Row) {
    let (words, _) = bytes.as_chunks_mut::<N>();
    match row.samples {
        1 => add_pixels::<N, 1>(words, row.order),
        2 => add_pixels::<N, 2>(words, row.order),
        3 => add_pixels::<N, 3>(words, row.order),
        4 => add_pixels::<N, 4>(words, row.order),
        samples => {
            for sample in 0..samples {
                let mut sum = [0];
                let words = words.iter_mut().skip(sample).step_by(samples);
                words.for_each(|word| add_pixel(std::slice::from_mut(word), &mut sum, row.order));
            }
        }
    }
}

/// As [`add_up`] for a number of samples known to the compiler, which keeps the sums in registers.
fn add_pixels<const N: usize, const S: usize>(words: &mut [[u8; N]], order: ByteOrder) {
    let mut sums = [0; S];
    let (pixels, _) = words.as_chunks_mut::<S>();
    // Told apart here, so that neither loop asks.
    match order {
        ByteOrder::Little => {
            pixels.iter_mut().for_each(|pixel| add_pixel(pixel, &mut sums, ByteOrder::Little))
        }
        ByteOrder::Big => pixels.iter_mut().for_each(|pixel| add_pixel(pixel, &mut sums, ByteOrder::Big)),
    }
}

/// Adds a pixel's samples, in the file's byte order, to the sums before them, which take their place in this machine's.
#[inline(always)]
fn add_pixel<const N: usize>(pixel: &mut [[u8; N]], sums: &mut [u64], order: ByteOrder) {
    let native_from = if ByteOrder::NATIVE == ByteOrder::Little { 0 } else { 8 - N };
    for (word, sum) in pixel.iter_mut().zip(sums) {
        let mut wide = [0; 8];
        let number = match order {
            ByteOrder::Little => {
                wide[..N].copy_from_slice(word);
                u64::from_le_bytes(wide)
            }
            ByteOrder::Big => {
                wide[8 - N..].copy_from_slice(word);
                u64::from_be_bytes(wide)
            }
        };
        *sum = sum.wrapping_add(number);
        let wide = sum.to_ne_bytes();
        *word = std::array::from_fn(|index| wide[native_from + index]);
    }
}

/// Puts together samples whose bytes lie apart, the most significant of all samples first.
fn join_planes(planes: &[u8], row: &mut [u8], size: usize) {
    let count = row.len() / size;
    for (place, plane) in planes.chunks_exact(count).enumerate() {
        let byte = if ByteOrder::NATIVE == ByteOrder::Little { size - 1 - place } else { place };
        for (sample, value) in row.chunks_exact_mut(size).zip(plane) {
            sample[byte] = *value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_added_up_in_the_files_order() {
        let mut spare = Vec::new();
        let row = Row { bytes: 8, size: 2, samples: 2, order: ByteOrder::Big };
        let mut block = [0x00, 0xff, 0x01, 0x00, 0x00, 0x01, 0xff, 0xff];
        Predictor::Horizontal.undo(&mut block, row, &mut spare);
        let words = block.as_chunks::<2>().0.iter().map(|word| u16::from_ne_bytes(*word));
        assert_eq!(words.collect::<Vec<_>>(), [0x00ff, 0x0100, 0x0100, 0x00ff]);
        let mut bytes = [1, 2, 3, 10, 20, 30, 255, 254, 253];
        let row = Row { bytes: 9, size: 1, samples: 3, order: ByteOrder::Little };
        Predictor::Horizontal.undo(&mut bytes, row, &mut spare);
        assert_eq!(bytes, [1, 2, 3, 11, 22, 33, 10, 20, 30]);
    }

    /// Any number of samples, against the definition.
    #[test]
    fn samples_are_added_up_apart() {
        for samples in 1..=7 {
            for order in [ByteOrder::Little, ByteOrder::Big] {
                let row = Row { bytes: 4 * samples * 9, size: 4, samples, order };
                let stored =
                    (0..9 * samples as u32).map(|index| index.wrapping_mul(0x9E37_79B9)).collect::<Vec<_>>();
                let mut sums = stored.clone();
                for index in samples..sums.len() {
                    sums[index] = sums[index].wrapping_add(sums[index - samples]);
                }
                let bytes = |value: &u32| match order {
                    ByteOrder::Little => value.to_le_bytes(),
                    ByteOrder::Big => value.to_be_bytes(),
                };
                let mut block = stored.iter().flat_map(bytes).collect::<Vec<_>>();
                Predictor::Horizontal.undo(&mut block, row, &mut Vec::new());
                let found = block.as_chunks::<4>().0.iter().map(|word| u32::from_ne_bytes(*word));
                assert!(found.eq(sums), "{samples} samples, {order:?}");
            }
        }
    }

    /// Encodes as the technical note says, and decodes.
    #[test]
    fn floats_are_put_together_again() {
        let values = [1.5_f32, -2.25, f32::MAX, 1e-30, 0.0, 7.0];
        let mut planes = Vec::new();
        for place in 0..4 {
            planes.extend(values.iter().map(|value| value.to_be_bytes()[place]));
        }
        for index in (1..planes.len()).rev() {
            planes[index] = planes[index].wrapping_sub(planes[index - 1]);
        }
        let row = Row { bytes: 24, size: 4, samples: 1, order: ByteOrder::Little };
        Predictor::Float.undo(&mut planes, row, &mut Vec::new());
        let decoded = planes.as_chunks::<4>().0.iter().map(|bytes| f32::from_ne_bytes(*bytes));
        assert_eq!(decoded.collect::<Vec<_>>(), values);
    }

    #[test]
    fn odd_pairs_are_refused() {
        assert!(Predictor::read(255, Packing::Native(8), "a.tif").is_err());
        assert!(Predictor::read(2, Packing::Bits(12), "a.tif").is_err());
        assert!(Predictor::read(3, Packing::Native(8), "a.tif").is_err());
    }
}
