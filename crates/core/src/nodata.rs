//! Which pixels hold data: nodata value, `NaN` and mask, and the policy towards the rest (OPERATORS.md A0.3).

use crate::error::{Error, Result};
use crate::raster::RasterInfo;
use crate::sample::{Sample, Scalar};
use crate::tile::TileView;

/// What an operator does with pixels that hold no data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NodataPolicy {
    /// They are left out: weights are normalised over the rest, statistics skip them. `NaN` counts as no data.
    #[default]
    Ignore,
    /// One of them in the window makes the result no data.
    Propagate,
    /// They are ordinary numbers.
    Value,
}

impl NodataPolicy {
    /// Reads `ignore`, `propagate` or `value`.
    ///
    /// # Errors
    /// Usage, if it is none of these.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "ignore" => Ok(NodataPolicy::Ignore),
            "propagate" => Ok(NodataPolicy::Propagate),
            "value" => Ok(NodataPolicy::Value),
            _ => Err(Error::usage(format!(
                "`{text}` is not a nodata policy; the policies are ignore, propagate, value"
            ))),
        }
    }
}

/// The rule that tells data from no data in rasters of sample type `T`.
#[derive(Clone, Copy, Debug)]
pub struct Validity<T> {
    nodata: Option<T>,
    nan: bool,
    mask: bool,
}

impl<T: Sample> Validity<T> {
    /// The rule for a raster under a policy: under [`NodataPolicy::Value`] every pixel is data.
    ///
    /// A nodata value that `T` cannot hold matches no pixel. `NaN` is no data in float rasters.
    pub fn new(info: &RasterInfo, policy: NodataPolicy) -> Self {
        if policy == NodataPolicy::Value {
            return Validity { nodata: None, nan: false, mask: false };
        }
        let nodata = info.nodata.and_then(T::from_scalar).filter(|value| !value.is_nan());
        Validity { nodata, nan: T::TYPE.is_float(), mask: info.mask }
    }

    /// False where no pixel can be anything but data, so that kernels need not look.
    pub fn can_fail(&self) -> bool {
        self.nodata.is_some() || self.nan || self.mask
    }

    /// True where a sample under a mask value is data.
    #[inline(always)]
    pub fn holds(&self, sample: T, mask: u8) -> bool {
        !(self.nan && sample.is_nan() || self.nodata == Some(sample) || self.mask && mask == 0)
    }

    /// Writes 1 for data and 0 for none into `valid` for row `y` of `band`; returns true where all are data.
    pub fn fill_row(&self, tile: &TileView<'_>, band: usize, y: usize, valid: &mut [u8]) -> bool {
        let row = tile.row::<T>(band, y);
        assert_eq!(row.len(), valid.len());
        let mut all = 1_u8;
        match self.nodata {
            Some(nodata) => {
                for (flag, &sample) in valid.iter_mut().zip(row) {
                    *flag = u8::from(sample != nodata) & u8::from(!(self.nan && sample.is_nan()));
                    all &= *flag;
                }
            }
            None if self.nan => {
                for (flag, &sample) in valid.iter_mut().zip(row) {
                    *flag = u8::from(!sample.is_nan());
                    all &= *flag;
                }
            }
            None => valid.fill(1),
        }
        if let Some(mask) = tile.mask_row(y).filter(|_| self.mask) {
            for (flag, &mask) in valid.iter_mut().zip(mask) {
                *flag &= u8::from(mask != 0);
                all &= *flag;
            }
        }
        all == 1
    }

    /// True where every sample of the tile is data in every band.
    pub fn all_valid(&self, tile: &TileView<'_>) -> bool {
        if !self.can_fail() {
            return true;
        }
        let height = tile.window().height;
        let masked = self.mask && (0..height).any(|y| tile.mask_row(y).is_some_and(|row| row.contains(&0)));
        !masked
            && (0..tile.bands()).all(|band| {
                (0..height).all(|y| {
                    let row = tile.row::<T>(band, y);
                    // Whole rows without an early exit, so that the compiler can use vectors.
                    let nodata =
                        self.nodata.is_some_and(|value| row.iter().fold(false, |any, &s| any | (s == value)));
                    let nan = self.nan && row.iter().fold(false, |any, s| any | s.is_nan());
                    !(nodata || nan)
                })
            })
    }
}

/// What is stored where the output has no data: its nodata value, or `NaN` for floats, or 0.
pub fn fill_value<T: Sample>(output: &RasterInfo) -> T {
    let nodata = output.nodata.and_then(T::from_scalar);
    nodata.or_else(|| T::from_scalar(Scalar::Float(f64::NAN))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{Size, Window};
    use crate::sample::SampleType;
    use crate::tile::{TileBuffer, TileKind};

    #[test]
    fn nodata_nan_and_mask_are_told_from_data() {
        let mut info = RasterInfo::new(Size::new(4, 1), 1, SampleType::F32);
        info.nodata = Some(Scalar::Integer(-1));
        info.mask = true;
        let mut buffer = TileBuffer::new(
            Window::new(0, 0, 4, 1),
            TileKind { bands: 1, sample_type: SampleType::F32, mask: true },
        );
        buffer.view_mut().row_mut::<f32>(0, 0).copy_from_slice(&[1.0, -1.0, f32::NAN, 2.0]);
        buffer.view_mut().mask_row_mut(0).unwrap().copy_from_slice(&[255, 255, 255, 0]);
        let mut valid = [9; 4];
        assert!(!Validity::<f32>::new(&info, NodataPolicy::Ignore).fill_row(
            &buffer.view(),
            0,
            0,
            &mut valid
        ));
        assert_eq!(valid, [1, 0, 0, 0]);
        assert!(!Validity::<f32>::new(&info, NodataPolicy::Propagate).all_valid(&buffer.view()));
        assert!(Validity::<f32>::new(&info, NodataPolicy::Value).fill_row(&buffer.view(), 0, 0, &mut valid));
        assert_eq!(valid, [1; 4]);
        assert_eq!(fill_value::<f32>(&info), -1.0);
        info.nodata = None;
        assert!(fill_value::<f32>(&info).is_nan());
        assert_eq!(fill_value::<u8>(&info), 0);
    }
}
