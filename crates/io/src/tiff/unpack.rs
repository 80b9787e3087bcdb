//! From samples as they lie in a row of a TIFF to samples in the type that they are presented in.
//!
//! TIFF 6.0, section 8: rows begin at whole bytes, samples fill bytes from the most significant bit on, except those of
//! 8, 16, 32 and 64 bits and floats, which are numbers in the file's byte order. Half floats: IEEE 754 binary16; 24-bit floats:
//! 1 sign, 7 exponent and 16 fraction bits (Adobe Photoshop TIFF Technical Note 3).

use crate::samples;
use crate::tiff::directory::ByteOrder;

/// How a sample lies in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    /// As many bits as the type it is presented in.
    Native(u8),
    /// An unsigned number of some other count of bits.
    Bits(u8),
    /// A float of 16 bits, presented as `f32`.
    Half,
    /// A float of 24 bits, presented as `f32`.
    Float24,
}

/// Where samples of one band lie in a row: one of `samples` for each pixel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The first pixel wanted, from the row's beginning.
    pub(crate) pixel: usize,
    /// Which sample of a pixel.
    pub(crate) sample: usize,
    /// Samples of a pixel.
    pub(crate) samples: usize,
}

impl Packing {
    /// Bits of a sample.
    pub(crate) fn bits(self) -> usize {
        match self {
            Packing::Native(bits) | Packing::Bits(bits) => usize::from(bits),
            Packing::Float24 => 24,
            Packing::Half => 16,
        }
    }

    /// Fills `target`, which holds samples of `size` bytes in native order, from a row.
    pub(crate) fn unpack(self, row: &[u8], place: Place, order: ByteOrder, size: usize, target: &mut [u8]) {
        let Place { pixel, sample, samples } = place;
        if let Packing::Native(_) = self {
            let pixels = target.len() / size;
            let row = &row[pixel * samples * size..][..pixels * samples * size];
            return samples::gather(row, sample, samples, size, order, target);
        }
        match size {
            1 => self.unpack_as::<1>(row, place, order, target),
            2 => self.unpack_as::<2>(row, place, order, target),
            _ => self.unpack_as::<4>(row, place, order, target),
        }
    }

    fn unpack_as<const N: usize>(self, row: &[u8], place: Place, order: ByteOrder, target: &mut [u8]) {
        let (target, _) = target.as_chunks_mut::<N>();
        for (index, value) in target.iter_mut().enumerate() {
            let number = (place.pixel + index) * place.samples + place.sample;
            let bits = match self {
                // libtiff swaps triples of a big endian file before anybody unpacks them.
                Packing::Bits(24) if order == ByteOrder::Big => {
                    let bytes = &row[3 * number..][..3];
                    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0])
                }
                Packing::Bits(bits) => packed(row, number * usize::from(bits), bits),
                Packing::Half => {
                    f32::from(half::f16::from_bits(order.u16([row[2 * number], row[2 * number + 1]])))
                        .to_bits()
                }
                Packing::Float24 | Packing::Native(_) => widen_float24(triple(row, number, order)),
            };
            // The value fits: samples were given the narrowest type that holds them.
            let bytes = if ByteOrder::NATIVE == ByteOrder::Little {
                *bits.to_le_bytes().first_chunk::<N>().unwrap_or(&[0; N])
            } else {
                *bits.to_be_bytes().last_chunk::<N>().unwrap_or(&[0; N])
            };
            *value = bytes;
        }
    }
}

/// The number of `bits` bits that begins at bit `start` of a row, most significant bit first.
fn packed(row: &[u8], start: usize, bits: u8) -> u32 {
    let (first, last) = (start / 8, (start + usize::from(bits) - 1) / 8);
    let whole = row[first..=last].iter().fold(0_u64, |whole, byte| whole << 8 | u64::from(*byte));
    let behind = (last + 1) * 8 - start - usize::from(bits);
    ((whole >> behind) & ((1 << bits) - 1)) as u32
}

fn triple(row: &[u8], number: usize, order: ByteOrder) -> u32 {
    let bytes = &row[3 * number..][..3];
    match order {
        ByteOrder::Little => order.u32([bytes[0], bytes[1], bytes[2], 0]),
        ByteOrder::Big => order.u32([0, bytes[0], bytes[1], bytes[2]]),
    }
}

/// A float of 1 + 7 + 16 bits (bias 63) as the bits of an `f32`, exactly.
fn widen_float24(bits: u32) -> u32 {
    let (sign, exponent, fraction) = ((bits >> 23) << 31, (bits >> 16) & 0x7f, bits & 0xffff);
    match exponent {
        0 => {
            // Subnormal: a multiple of 2^-78, which `f32` holds as a normal number.
            let magnitude = fraction as f32 * f32::from_bits((127 - 78) << 23);
            sign | magnitude.to_bits()
        }
        0x7f => sign | 0xff << 23 | fraction << 7,
        _ => sign | (exponent + 127 - 63) << 23 | fraction << 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(pixel: usize, sample: usize, samples: usize) -> Place {
        Place { pixel, sample, samples }
    }

    #[test]
    fn bits_are_read_from_the_most_significant_on() {
        let row = [0b1010_0111, 0b0001_1000];
        let mut target = [9; 4];
        Packing::Bits(1).unpack(&row, place(2, 0, 1), ByteOrder::Little, 1, &mut target);
        assert_eq!(target, [1, 0, 0, 1]);
        let mut pairs = [9; 2];
        Packing::Bits(4).unpack(&row, place(0, 1, 2), ByteOrder::Big, 1, &mut pairs);
        assert_eq!(pairs, [7, 8]);
    }

    #[test]
    fn odd_widths_cross_bytes() {
        // 0xabc, 0xdef.
        let mut target = [0; 4];
        Packing::Bits(12).unpack(&[0xab, 0xcd, 0xef], place(0, 0, 1), ByteOrder::Little, 2, &mut target);
        assert_eq!(bytemuck_u16(&target), [0xabc, 0xdef]);
        let mut wide = [0; 4];
        Packing::Bits(31).unpack(&[0xff, 0xff, 0xff, 0xfe], place(0, 0, 1), ByteOrder::Big, 4, &mut wide);
        assert_eq!(u32::from_ne_bytes(wide), 0x7fff_ffff);
        Packing::Bits(24).unpack(&[1, 2, 3], place(0, 0, 1), ByteOrder::Little, 4, &mut wide);
        assert_eq!(u32::from_ne_bytes(wide), 0x0001_0203);
        Packing::Bits(24).unpack(&[1, 2, 3], place(0, 0, 1), ByteOrder::Big, 4, &mut wide);
        assert_eq!(u32::from_ne_bytes(wide), 0x0003_0201);
    }

    fn bytemuck_u16(bytes: &[u8]) -> Vec<u16> {
        bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_ne_bytes(*pair)).collect()
    }

    #[test]
    fn short_floats_are_widened_exactly() {
        let mut target = [0; 4];
        let mut widened = |packing: Packing, row: &[u8]| {
            packing.unpack(row, place(0, 0, 1), ByteOrder::Big, 4, &mut target);
            f32::from_ne_bytes(target)
        };
        assert_eq!(widened(Packing::Half, &[0xc0, 0x00]), -2.0);
        assert_eq!(widened(Packing::Half, &[0x00, 0x01]), 2.0_f32.powi(-24));
        assert_eq!(widened(Packing::Float24, &[0x3f, 0x80, 0x00]), 1.5);
        assert_eq!(widened(Packing::Float24, &[0xc0, 0x00, 0x00]), -2.0);
        assert_eq!(widened(Packing::Float24, &[0x00, 0x00, 0x01]), 2.0_f32.powi(-78));
        assert_eq!(widened(Packing::Float24, &[0x7f, 0x00, 0x00]), f32::INFINITY);
        assert!(widened(Packing::Float24, &[0x7f, 0x00, 0x01]).is_nan());
    }
}
