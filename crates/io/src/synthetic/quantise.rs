//! From reflectance and backscatter to numbers of each sample type.

use swathe_core::{Sample, SampleType, TileMut};

use super::lanes::{at_least, at_most, nearest};

/// How a sensor numbers what it sees: `value * gain + offset`, clipped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    gain: f32,
    offset: f32,
    least: f32,
    greatest: f32,
}

impl Scale {
    /// Reflectance. 16 bits unsigned as a sensor of 12 bits; signed as surface reflectance times 10 000; 8 bits
    /// stretched as a picture; 32 and 64 bits in millionths; floats as they are.
    pub(super) const fn reflectance(sample_type: SampleType) -> Self {
        let (gain, offset, least, greatest) = match sample_type {
            SampleType::U8 => (480.0, 4.0, 0.0, 255.0),
            SampleType::I8 => (480.0, -124.0, -128.0, 127.0),
            SampleType::U16 => (6500.0, 100.0, 0.0, 4095.0),
            SampleType::I16 => (10_000.0, 0.0, -32_768.0, 32_767.0),
            SampleType::U32 | SampleType::U64 => (1e6, 0.0, 0.0, 4e6),
            SampleType::I32 | SampleType::I64 => (1e6, 0.0, -4e6, 4e6),
            SampleType::F32 | SampleType::F64 => (1.0, 0.0, f32::MIN, f32::MAX),
        };
        Scale { gain, offset, least, greatest }
    }

    /// Backscatter: 8 bits times 500 (signed 250), 16 bits times 10 000, 32 and 64 bits times 100 000, clipped;
    /// floats as they are. Without an offset, so that speckle stays multiplicative.
    pub(super) const fn backscatter(sample_type: SampleType) -> Self {
        let (gain, greatest) = match sample_type {
            SampleType::U8 => (500.0, 255.0),
            SampleType::I8 => (250.0, 127.0),
            SampleType::U16 => (1e4, 65_535.0),
            SampleType::I16 => (1e4, 32_767.0),
            SampleType::U32 | SampleType::U64 | SampleType::I32 | SampleType::I64 => (1e5, 4e6),
            SampleType::F32 | SampleType::F64 => (1.0, f32::MAX),
        };
        Scale { gain, offset: 0.0, least: 0.0, greatest }
    }

    /// Writes `values` into row `y` of `band`, from column `x` of the tile on.
    pub(super) fn store(self, values: &[f32], tile: &mut TileMut<'_>, band: usize, y: usize, x: usize) {
        match tile.sample_type() {
            SampleType::U8 => self.counts(values, part::<u8>(tile, band, y, x), |count| count as u8),
            SampleType::I8 => self.counts(values, part::<i8>(tile, band, y, x), |count| count as i8),
            SampleType::U16 => self.counts(values, part::<u16>(tile, band, y, x), |count| count as u16),
            SampleType::I16 => self.counts(values, part::<i16>(tile, band, y, x), |count| count as i16),
            SampleType::U32 => self.counts(values, part::<u32>(tile, band, y, x), |count| count as u32),
            SampleType::I32 => self.counts(values, part::<i32>(tile, band, y, x), |count| count),
            SampleType::U64 => self.counts(values, part::<u64>(tile, band, y, x), |count| count as u64),
            SampleType::I64 => self.counts(values, part::<i64>(tile, band, y, x), i64::from),
            SampleType::F32 => part::<f32>(tile, band, y, x)[..values.len()].copy_from_slice(values),
            SampleType::F64 => {
                for (sample, &value) in part::<f64>(tile, band, y, x).iter_mut().zip(values) {
                    *sample = f64::from(value);
                }
            }
        }
    }

    #[inline(always)]
    fn counts<T: Sample>(self, values: &[f32], row: &mut [T], convert: impl Fn(i32) -> T) {
        for (sample, &value) in row.iter_mut().zip(values) {
            let count = value * self.gain + self.offset;
            *sample = convert(nearest(at_most(at_least(count, self.least), self.greatest)));
        }
    }
}

fn part<'a, T: Sample>(tile: &'a mut TileMut<'_>, band: usize, y: usize, x: usize) -> &'a mut [T] {
    &mut tile.row_mut::<T>(band, y)[x..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use swathe_core::{TileBuffer, TileKind, Window};

    #[test]
    fn values_are_scaled_and_clipped() {
        let kind = TileKind { bands: 1, sample_type: SampleType::U16, mask: false };
        let mut buffer = TileBuffer::new(Window::new(0, 0, 5, 1), kind);
        let scale = Scale::reflectance(SampleType::U16);
        scale.store(&[0.0, 0.1, 9.0, -1.0], &mut buffer.view_mut(), 0, 0, 1);
        assert_eq!(buffer.view().row::<u16>(0, 0), [0, 100, 750, 4095, 0]);
    }
}
