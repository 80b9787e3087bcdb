//! What takes a Fourier transform of a whole raster, in passes over rows and columns.
//!
//! ```text
//! raster ──rows──▶ spectrum along x ──columns──▶ correlation's spectrum along x ──rows──▶ correlation surface
//!                  (on disk, in blocks of columns, one for each raster)                   (looked at, never stored)
//! ```
//! A row of a spectrum along x is a row of `f32`, real and imaginary parts in turn. Transforms are those of `rustfft`, which
//! chooses its instructions by the CPU and fuses multiplications with additions where it can: surfaces may differ in their
//! last bits from one kind of CPU to another. Neither tiles nor threads nor budget show.

pub mod columns;
mod dirichlet;
pub mod expansion;
pub mod moments;
pub mod peak;
pub mod registration;
pub mod rows;
pub mod surface;
mod taper;

pub use taper::Taper;

use num_complex::Complex;
use swathe_core::{Error, Result, Size};

/// Complex numbers that a row of `columns` real ones becomes.
pub const fn coefficients(columns: usize) -> usize {
    columns / 2 + 1
}

/// Bytes that a planned transform of so many complex numbers holds: factors for every step that it is cut into, and behind prime
/// factors transforms of the next length that is cut well. Rather more than `rustfft` takes, which does not tell.
fn plan_bytes(length: usize) -> usize {
    const CUT_WELL: [usize; 6] = [2, 3, 5, 7, 11, 13];
    let mut left = length.max(1);
    for factor in CUT_WELL {
        while left.is_multiple_of(factor) {
            left /= factor;
        }
    }
    let copies = if left == 1 { 2 } else { 10 };
    length.saturating_mul(copies * size_of::<Complex<f32>>())
}

/// The greatest side of a raster that is transformed.
const GREATEST_SIDE: usize = 1 << 26;

/// Checks that rasters of this size can be transformed.
///
/// # Errors
/// Limit, with the greatest side.
pub fn check_size(size: Size) -> Result<()> {
    if size.width.max(size.height) > GREATEST_SIDE {
        return Err(Error::limit(format!(
            "rasters of up to {GREATEST_SIDE} pixels a side are transformed; this one would be {size}"
        )));
    }
    Ok(())
}

/// A row of a spectrum as the numbers it stands for.
fn complex_of(row: &[f32]) -> &[Complex<f32>] {
    bytemuck::cast_slice(row)
}

fn complex_of_mut(row: &mut [f32]) -> &mut [Complex<f32>] {
    bytemuck::cast_slice_mut(row)
}
