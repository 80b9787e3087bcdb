//! Rows of `f32` or `f64` as samples of a tile: rounded half away from zero, saturated.

use fearless_simd::{Simd, dispatch};
use fearless_simd_macros::simd;
use swathe_core::{RasterInfo, Sample, SampleType, TileMut, fill_value, with_sample};

use super::Real;
use super::real::{Narrow, nearest_sample};
use crate::simd::level;

/// Writes rows of one sample type, settled when the operator is bound.
pub(crate) trait StoreRows<A>: Send + Sync {
    /// Writes `values` to row `y` of `band`, from column `x` of the tile on. `NaN` becomes no data in integers, and
    /// one and the same `NaN` in floats.
    fn store(&self, tile: &mut TileMut<'_>, band: usize, y: usize, x: usize, values: &[A]);

    /// Writes no data over what was stored where `flags` is 0.
    fn fill(&self, tile: &mut TileMut<'_>, band: usize, y: usize, x: usize, flags: &[u8]);
}

/// The writer for rasters like `output`.
pub(crate) fn storer<A: Real>(output: &RasterInfo) -> Box<dyn StoreRows<A>> {
    match output.sample_type {
        SampleType::U8 => narrow::<u8, A>(output),
        SampleType::I8 => narrow::<i8, A>(output),
        SampleType::U16 => narrow::<u16, A>(output),
        SampleType::I16 => narrow::<i16, A>(output),
        // Beyond what `f32` holds.
        SampleType::I32 if A::TYPE == SampleType::F64 => narrow::<i32, A>(output),
        SampleType::U32 if A::TYPE == SampleType::F64 => narrow::<u32, A>(output),
        wide => with_sample!(wide, T => Box::new(Storer::<T, A> {
            fill: fill_value(output),
            convert: |values, samples, fill| dispatch!(level(), simd => convert(simd, values, samples, fill)),
        })),
    }
}

fn narrow<T: Narrow, A: Real>(output: &RasterInfo) -> Box<dyn StoreRows<A>> {
    Box::new(Storer::<T, A> {
        fill: fill_value(output),
        convert: |values, samples, fill| dispatch!(level(), simd => convert_narrow(simd, values, samples, fill)),
    })
}

struct Storer<T, A> {
    fill: T,
    convert: fn(&[A], &mut [T], T),
}

impl<T: Sample, A: Real> StoreRows<A> for Storer<T, A> {
    fn store(&self, tile: &mut TileMut<'_>, band: usize, y: usize, x: usize, values: &[A]) {
        (self.convert)(values, &mut tile.row_mut::<T>(band, y)[x..x + values.len()], self.fill);
    }

    fn fill(&self, tile: &mut TileMut<'_>, band: usize, y: usize, x: usize, flags: &[u8]) {
        let samples = &mut tile.row_mut::<T>(band, y)[x..x + flags.len()];
        for (sample, &flag) in samples.iter_mut().zip(flags) {
            if flag == 0 {
                *sample = self.fill;
            }
        }
    }
}

#[simd]
fn convert<S: Simd, T: Sample, A: Real>(_: S, values: &[A], samples: &mut [T], fill: T) {
    assert_eq!(samples.len(), values.len());
    // Of the sum of two, an instruction takes the sign and the bits of either, so that every `NaN` is made the same.
    let nothing = if T::TYPE.is_float() { T::from_f64(f64::NAN) } else { fill };
    for (sample, &value) in samples.iter_mut().zip(values) {
        let number = value.to::<T>();
        *sample = if value.is_nan() { nothing } else { number };
    }
}

#[simd]
fn convert_narrow<S: Simd, T: Narrow, A: Real>(_: S, values: &[A], samples: &mut [T], fill: T) {
    assert_eq!(samples.len(), values.len());
    for (sample, &value) in samples.iter_mut().zip(values) {
        let number = nearest_sample::<T, A>(value);
        *sample = if value.is_nan() { fill } else { number };
    }
}
