//! Columns of two spectra along x to columns of their correlation's spectrum along x.

use std::sync::Arc;

use num_complex::Complex;
use rustfft::{Fft, FftPlanner};
use swathe_core::{
    Boundary, Edge, Frame, Operator, RasterInfo, Result, ScratchSize, Size, TileMut, TileView, Window,
};

use super::rows::Extent;
use super::{complex_of, complex_of_mut, plan_bytes};

/// What becomes of a product of two spectra.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Correlation {
    /// Nothing: cross-correlation.
    #[default]
    Cross,
    /// Its absolute value becomes 1: phase correlation.
    Phase,
}

/// Columns that are transformed side by side: a line of the cache holds eight complex numbers.
const TOGETHER: usize = 8;
/// What a product must be to have a phase: 100 times the rounding error of `f32`, as in scikit-image, of products that are
/// about 1.
const LEAST_PRODUCT: f32 = 100.0 * f32::EPSILON;

/// Transforms the columns of two spectra, multiplies one with the other's conjugate, and transforms back.
pub struct ColumnProduct {
    correlation: Correlation,
    height: usize,
    output: RasterInfo,
    forward: Arc<dyn Fft<f32>>,
    inverse: Arc<dyn Fft<f32>>,
}

impl ColumnProduct {
    /// For spectra of that extent.
    pub fn new(correlation: Correlation, extent: Extent) -> Self {
        let height = extent.padded.height;
        let mut planner = FftPlanner::new();
        ColumnProduct {
            correlation,
            height,
            output: extent.info(),
            forward: planner.plan_fft_forward(height),
            inverse: planner.plan_fft_inverse(height),
        }
    }

    fn work_length(&self) -> usize {
        self.forward.get_inplace_scratch_len().max(self.inverse.get_inplace_scratch_len())
    }

    /// Multiplies; the transforms are not scaled, so that neither is the product.
    fn multiply(&self, reference: &mut [Complex<f32>], moved: &[Complex<f32>]) {
        for (one, other) in reference.iter_mut().zip(moved) {
            let product = one.conj() * other;
            *one = match self.correlation {
                Correlation::Cross => product,
                Correlation::Phase => product / product.norm().max(LEAST_PRODUCT),
            };
        }
    }
}

impl Operator for ColumnProduct {
    fn output(&self) -> &RasterInfo {
        &self.output
    }

    fn need(&self, _input: usize, output: Window) -> Window {
        // Whole complex numbers, whole columns.
        let start = output.x - output.x.rem_euclid(2);
        let end = output.x_end() + output.x_end().rem_euclid(2);
        Window::between(start, 0, end, self.height as i64)
    }

    fn edge(&self, _input: usize) -> Edge {
        Edge::Extend(Boundary::Nearest)
    }

    fn resident_bytes(&self) -> usize {
        2 * plan_bytes(self.height)
    }

    fn scratch_bytes(&self, _output: Size) -> usize {
        let columns = TOGETHER * self.height;
        ScratchSize::new()
            .with::<Complex<f32>>(columns)
            .with::<Complex<f32>>(columns)
            .with::<Complex<f32>>(self.work_length())
            .bytes()
    }

    fn process(
        &self,
        inputs: &[TileView<'_>],
        output: &mut TileMut<'_>,
        scratch: &mut Frame<'_>,
    ) -> Result<()> {
        let height = self.height;
        let reference = scratch.take::<Complex<f32>>(TOGETHER * height);
        let moved = scratch.take::<Complex<f32>>(TOGETHER * height);
        let work = scratch.take::<Complex<f32>>(self.work_length());
        let (window, need) = (output.window(), inputs[0].window());
        for first in (0..need.width / 2).step_by(TOGETHER) {
            let count = TOGETHER.min(need.width / 2 - first);
            for (columns, view) in [(&mut *reference, &inputs[0]), (&mut *moved, &inputs[1])] {
                gather(view, first, &mut columns[..count * height]);
                self.forward.process_with_scratch(&mut columns[..count * height], work);
            }
            let columns = &mut reference[..count * height];
            self.multiply(columns, moved);
            self.inverse.process_with_scratch(columns, work);
            for y in 0..window.height {
                let row = output.row_mut::<f32>(0, y);
                let from = columns[window.y as usize + y..].iter().step_by(height);
                for (target, value) in complex_of_mut(row)[first..first + count].iter_mut().zip(from) {
                    *target = *value;
                }
            }
        }
        Ok(())
    }
}

/// Copies columns from `first` on, one after the other.
fn gather(view: &TileView<'_>, first: usize, columns: &mut [Complex<f32>]) {
    let height = view.window().height;
    let count = columns.len() / height;
    for y in 0..height {
        let row = &complex_of(view.row::<f32>(0, y))[first..first + count];
        for (column, value) in columns[y..].iter_mut().step_by(height).zip(row) {
            *column = *value;
        }
    }
}
