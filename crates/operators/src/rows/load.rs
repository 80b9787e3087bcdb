//! Samples of a tile as rows of `f32` or `f64`, with their validity.

use fearless_simd::{Simd, dispatch};
use fearless_simd_macros::simd;
use swathe_core::{NodataPolicy, RasterInfo, Sample, TileView, Validity, with_sample};

use super::Real;
use crate::simd::level;

/// Reads rows of one sample type, settled when the operator is bound.
pub(crate) trait LoadRows<A>: Send + Sync {
    /// Row `y` of `band` as numbers; `values` is as long as the view is wide.
    fn load(&self, view: &TileView<'_>, band: usize, y: usize, values: &mut [A]);

    /// As [`LoadRows::load`], with 0 where there is no data; `flags` holds 1 for data and 0 for none.
    /// Returns true where all are data.
    fn load_valid(
        &self,
        view: &TileView<'_>,
        band: usize,
        y: usize,
        values: &mut [A],
        flags: &mut [u8],
    ) -> bool;

    /// 1 for data and 0 for none.
    fn flags(&self, view: &TileView<'_>, band: usize, y: usize, flags: &mut [u8]);

    /// True where every sample of `band` is data.
    fn all_valid(&self, view: &TileView<'_>, band: usize) -> bool;
}

/// The reader for rasters like `info`.
pub(crate) fn loader<A: Real>(info: &RasterInfo, policy: NodataPolicy) -> Box<dyn LoadRows<A>> {
    with_sample!(info.sample_type, T => Box::new(Loader { validity: Validity::<T>::new(info, policy) }))
}

struct Loader<T> {
    validity: Validity<T>,
}

impl<T: Sample, A: Real> LoadRows<A> for Loader<T> {
    fn load(&self, view: &TileView<'_>, band: usize, y: usize, values: &mut [A]) {
        let samples = view.row::<T>(band, y);
        dispatch!(level(), simd => convert(simd, samples, values));
    }

    fn load_valid(
        &self,
        view: &TileView<'_>,
        band: usize,
        y: usize,
        values: &mut [A],
        flags: &mut [u8],
    ) -> bool {
        self.load(view, band, y, values);
        let all = self.row_is_valid(view, band, y);
        if all {
            flags.fill(1);
        } else {
            self.validity.fill_row(view, band, y, flags);
            for (value, &flag) in values.iter_mut().zip(flags.iter()) {
                if flag == 0 {
                    *value = A::ZERO;
                }
            }
        }
        all
    }

    fn flags(&self, view: &TileView<'_>, band: usize, y: usize, flags: &mut [u8]) {
        self.validity.fill_row(view, band, y, flags);
    }

    fn all_valid(&self, view: &TileView<'_>, band: usize) -> bool {
        !self.validity.can_fail() || (0..view.window().height).all(|y| self.row_is_valid(view, band, y))
    }
}

impl<T: Sample> Loader<T> {
    fn row_is_valid(&self, view: &TileView<'_>, band: usize, y: usize) -> bool {
        let (validity, samples, mask) = (self.validity, view.row::<T>(band, y), view.mask_row(y));
        !validity.can_fail() || dispatch!(level(), simd => row_is_valid(simd, validity, samples, mask))
    }
}

#[simd]
fn convert<S: Simd, T: Sample, A: Real>(_: S, samples: &[T], values: &mut [A]) {
    assert_eq!(samples.len(), values.len());
    for (value, &sample) in values.iter_mut().zip(samples) {
        *value = A::of(sample);
    }
}

/// True where all of a row is data. Without an early exit, so that the loop becomes vectors.
#[simd]
fn row_is_valid<S: Simd, T: Sample>(_: S, validity: Validity<T>, samples: &[T], mask: Option<&[u8]>) -> bool {
    match mask {
        Some(mask) => {
            samples.iter().zip(mask).fold(true, |all, (&sample, &mask)| all & validity.holds(sample, mask))
        }
        None => samples.iter().fold(true, |all, &sample| all & validity.holds(sample, u8::MAX)),
    }
}
