//! Results as samples of the output.

use bytemuck::cast_slice;
use fearless_simd::{Simd, dispatch};
use fearless_simd_macros::simd;
use swathe_core::{RasterInfo, Sample, SampleType, TileMut, fill_value, with_sample};

use super::kind::Kind;
use crate::rows::{Narrow, StoreRows, storer};
use crate::simd::level;

/// Writes values of one kind as samples of one type, settled when the operator is bound.
pub(super) enum Store {
    Int(Box<dyn StoreRows<i32>>),
    Long(Box<dyn StoreRows<i64>>),
    Float(Box<dyn StoreRows<f32>>),
    Double(Box<dyn StoreRows<f64>>),
}

impl Store {
    /// For results of `kind`, which are no truth values, in rasters like `output`.
    pub(super) fn new(kind: Kind, output: &RasterInfo) -> Self {
        match kind {
            Kind::Bool | Kind::Int => Store::Int(of_int(output)),
            Kind::Long => Store::Long(with_sample!(output.sample_type, T => wide::<i64, T>(output))),
            Kind::Float => Store::Float(storer(output)),
            Kind::Double => Store::Double(storer(output)),
        }
    }

    /// Writes values, given as their bytes, to row `y` of `band` from column `x` of the tile on.
    pub(super) fn store(&self, tile: &mut TileMut<'_>, band: usize, y: usize, x: usize, values: &[u8]) {
        match self {
            Store::Int(rows) => rows.store(tile, band, y, x, cast_slice(values)),
            Store::Long(rows) => rows.store(tile, band, y, x, cast_slice(values)),
            Store::Float(rows) => rows.store(tile, band, y, x, cast_slice(values)),
            Store::Double(rows) => rows.store(tile, band, y, x, cast_slice(values)),
        }
    }

    /// Writes no data over what was stored where `flags` is 0.
    pub(super) fn fill(&self, tile: &mut TileMut<'_>, band: usize, y: usize, x: usize, flags: &[u8]) {
        match self {
            Store::Int(rows) => rows.fill(tile, band, y, x, flags),
            Store::Long(rows) => rows.fill(tile, band, y, x, flags),
            Store::Float(rows) => rows.fill(tile, band, y, x, flags),
            Store::Double(rows) => rows.fill(tile, band, y, x, flags),
        }
    }
}

fn of_int(output: &RasterInfo) -> Box<dyn StoreRows<i32>> {
    match output.sample_type {
        SampleType::U8 => narrow::<u8>(output),
        SampleType::I8 => narrow::<i8>(output),
        SampleType::U16 => narrow::<u16>(output),
        SampleType::I16 => narrow::<i16>(output),
        SampleType::I32 => narrow::<i32>(output),
        other => with_sample!(other, T => wide::<i32, T>(output)),
    }
}

/// Saturates an `int32` in its own type, which becomes vectors.
fn narrow<T: Narrow>(output: &RasterInfo) -> Box<dyn StoreRows<i32>> {
    Box::new(IntegerStore::<i32, T> {
        fill: fill_value(output),
        convert: |values, samples| dispatch!(level(), simd => saturate_row(simd, values, samples)),
    })
}

fn wide<A: Integral, T: Sample>(output: &RasterInfo) -> Box<dyn StoreRows<A>> {
    Box::new(IntegerStore::<A, T> {
        fill: fill_value(output),
        convert: |values, samples| dispatch!(level(), simd => convert_row(simd, values, samples)),
    })
}

struct IntegerStore<A, T> {
    fill: T,
    convert: fn(&[A], &mut [T]),
}

impl<A: Integral, T: Sample> StoreRows<A> for IntegerStore<A, T> {
    fn store(&self, tile: &mut TileMut<'_>, band: usize, y: usize, x: usize, values: &[A]) {
        (self.convert)(values, &mut tile.row_mut::<T>(band, y)[x..x + values.len()]);
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

/// An integer that becomes any sample.
trait Integral: Sample + Into<i64> {}

impl Integral for i32 {}

impl Integral for i64 {}

#[simd]
fn saturate_row<S: Simd, T: Narrow>(_: S, values: &[i32], samples: &mut [T]) {
    assert_eq!(samples.len(), values.len());
    let (least, greatest) = (T::LEAST.to_f64() as i32, T::GREATEST.to_f64() as i32);
    for (sample, &value) in samples.iter_mut().zip(values) {
        *sample = T::kept(i64::from(value.clamp(least, greatest)));
    }
}

#[simd]
fn convert_row<S: Simd, A: Integral, T: Sample>(_: S, values: &[A], samples: &mut [T]) {
    assert_eq!(samples.len(), values.len());
    for (sample, &value) in samples.iter_mut().zip(values) {
        *sample = match T::TYPE {
            SampleType::F32 => T::from_f32(value.to_f32()),
            SampleType::F64 => T::from_f64(value.to_f64()),
            _ => T::from_i128(i128::from(value.into())),
        };
    }
}
