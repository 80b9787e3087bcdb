//! Decibels to numbers on loading, and numbers to decibels before storing: `dB = 10 log10 x`.

use fearless_simd::{Simd, dispatch};
use fearless_simd_macros::simd;
use swathe_core::TileView;

use super::{LoadRows, exponential, exponentials, logarithm};
use crate::simd::level;

/// Reads rows of decibels as the numbers that they stand for.
pub(crate) struct FromDecibels(pub(crate) Box<dyn LoadRows<f64>>);

impl LoadRows<f64> for FromDecibels {
    fn load(&self, view: &TileView<'_>, band: usize, y: usize, values: &mut [f64]) {
        self.0.load(view, band, y, values);
        dispatch!(level(), simd => from_decibels(simd, values));
    }

    fn load_valid(
        &self,
        view: &TileView<'_>,
        band: usize,
        y: usize,
        values: &mut [f64],
        flags: &mut [u8],
    ) -> bool {
        let all = self.0.load_valid(view, band, y, values, flags);
        dispatch!(level(), simd => from_decibels(simd, values));
        for (value, &flag) in values.iter_mut().zip(flags.iter()) {
            *value = if flag == 0 { 0.0 } else { *value };
        }
        all
    }

    fn flags(&self, view: &TileView<'_>, band: usize, y: usize, flags: &mut [u8]) {
        self.0.flags(view, band, y, flags);
    }

    fn all_valid(&self, view: &TileView<'_>, band: usize) -> bool {
        self.0.all_valid(view, band)
    }
}

/// A row of numbers as decibels.
pub(crate) fn into_decibels(values: &mut [f64]) {
    dispatch!(level(), simd => to_decibels(simd, values));
}

#[simd]
fn from_decibels<S: Simd>(_: S, values: &mut [f64]) {
    for value in values.iter_mut() {
        *value *= NEPERS;
    }
    exponentials(values);
}

/// What a tenth of a decimal logarithm is as a natural one.
const NEPERS: f64 = std::f64::consts::LN_10 / 10.0;

/// `10^(x / 10)`.
#[inline(always)]
pub(crate) fn number_of_decibels(decibels: f64) -> f64 {
    exponential(decibels * NEPERS)
}

#[simd]
fn to_decibels<S: Simd>(_: S, values: &mut [f64]) {
    for value in values {
        *value = logarithm(*value) * (10.0 / std::f64::consts::LN_10);
    }
}
