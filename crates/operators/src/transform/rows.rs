//! Rows of a raster to rows of its spectrum.

use std::sync::Arc;

use num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};
use swathe_core::{
    Boundary, Edge, Frame, NodataPolicy, Operator, RasterInfo, Result, SampleType, ScratchSize, Size,
    TileMut, TileView, Window,
};

use super::moments::Level;
use super::{Taper, coefficients, plan_bytes};
use crate::rows::{LoadRows, loader};

/// How large a transform is, and how its spectrum is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Columns and rows that are transformed; what a raster lacks of them is 0.
    pub padded: Size,
    /// Complex numbers of a stored row: [`coefficients`], and zeros up to a whole number of blocks.
    pub stored: usize,
}

impl Extent {
    /// The stored spectrum as a raster of real and imaginary parts in turn.
    pub fn info(&self) -> RasterInfo {
        RasterInfo::new(Size::new(2 * self.stored, self.padded.height), 1, SampleType::F32)
    }
}

/// Takes the mean from the first band of a raster, tapers it, and transforms each row.
pub struct RowSpectra {
    input: Size,
    extent: Extent,
    output: RasterInfo,
    mean: f64,
    across: Vec<f64>,
    down: Vec<f64>,
    load: Box<dyn LoadRows<f64>>,
    transform: Arc<dyn RealToComplex<f32>>,
}

impl RowSpectra {
    /// For rasters like `info`, so scaled that the sum of the squares of all transformed pixels is 1. Pixels without data
    /// become 0.
    pub fn new(info: &RasterInfo, policy: NodataPolicy, taper: Taper, level: Level, extent: Extent) -> Self {
        let scale = if level.energy > 0.0 { 1.0 / level.energy.sqrt() } else { 0.0 };
        RowSpectra {
            input: info.size,
            extent,
            output: extent.info(),
            mean: level.mean,
            across: taper.weights(info.size.width),
            down: taper.weights(info.size.height).into_iter().map(|weight| weight * scale).collect(),
            load: loader(info, policy),
            transform: RealFftPlanner::new().plan_fft_forward(extent.padded.width),
        }
    }
}

impl Operator for RowSpectra {
    fn output(&self) -> &RasterInfo {
        &self.output
    }

    fn need(&self, _input: usize, output: Window) -> Window {
        Window::new(0, output.y, self.input.width, output.height)
    }

    fn edge(&self, _input: usize) -> Edge {
        // Rows past the raster's edge are not looked at.
        Edge::Extend(Boundary::Nearest)
    }

    fn resident_bytes(&self) -> usize {
        size_of_val(self.across.as_slice())
            + size_of_val(self.down.as_slice())
            + plan_bytes(self.extent.padded.width)
    }

    fn scratch_bytes(&self, _output: Size) -> usize {
        ScratchSize::new()
            .with::<f64>(self.input.width)
            .with::<u8>(self.input.width)
            .with::<f32>(self.extent.padded.width)
            .with::<Complex<f32>>(coefficients(self.extent.padded.width))
            .with::<Complex<f32>>(self.transform.get_scratch_len())
            .bytes()
    }

    fn process(
        &self,
        inputs: &[TileView<'_>],
        output: &mut TileMut<'_>,
        scratch: &mut Frame<'_>,
    ) -> Result<()> {
        let window = output.window();
        let values = scratch.take::<f64>(self.input.width);
        let flags = scratch.take::<u8>(self.input.width);
        let real = scratch.take::<f32>(self.extent.padded.width);
        let spectrum = scratch.take::<Complex<f32>>(coefficients(self.extent.padded.width));
        let work = scratch.take::<Complex<f32>>(self.transform.get_scratch_len());
        for y in 0..window.height {
            let Some(&weight) = self.down.get(window.y as usize + y) else {
                output.row_mut::<f32>(0, y).fill(0.0);
                continue;
            };
            self.load.load_valid(&inputs[0], 0, y, values, flags);
            for (((real, &value), &flag), &across) in
                real.iter_mut().zip(values.iter()).zip(flags.iter()).zip(&self.across)
            {
                let tapered = (value - self.mean) * (weight * across);
                *real = if flag == 0 { 0.0 } else { tapered as f32 };
            }
            real[self.input.width..].fill(0.0);
            self.transform.process_with_scratch(real, spectrum, work).map_err(wrong_length)?;
            // The window is as wide as the spectrum wherever the engine runs this.
            let row = output.row_mut::<f32>(0, y);
            let (start, end) = (window.x as usize, window.x as usize + row.len());
            let floats: &[f32] = bytemuck::cast_slice(spectrum);
            let held = start.min(floats.len())..end.min(floats.len());
            let (kept, rest) = row.split_at_mut(held.len());
            kept.copy_from_slice(&floats[held]);
            rest.fill(0.0);
        }
        Ok(())
    }
}

pub(super) fn wrong_length(error: realfft::FftError) -> swathe_core::Error {
    swathe_core::Error::bug(format!("a transform was given another length: {error}"))
}

/// A row of a surface from its spectrum along x: the inverse of the whole, `1 / pixels` included.
pub struct SurfaceRow {
    extent: Extent,
    transform: Arc<dyn realfft::ComplexToReal<f32>>,
    scale: f32,
}

impl SurfaceRow {
    /// For transforms of that extent.
    pub fn new(extent: Extent) -> Self {
        let Size { width, height } = extent.padded;
        SurfaceRow {
            extent,
            transform: RealFftPlanner::new().plan_fft_inverse(width),
            scale: (1.0 / (width as f64 * height as f64)) as f32,
        }
    }

    /// Complex numbers of work space.
    pub(super) fn work_length(&self) -> usize {
        coefficients(self.extent.padded.width) + self.transform.get_scratch_len()
    }

    /// Bytes that it holds.
    pub(super) fn resident_bytes(&self) -> usize {
        plan_bytes(self.extent.padded.width)
    }

    /// Columns of the surface.
    pub(super) fn width(&self) -> usize {
        self.extent.padded.width
    }

    /// Transforms `row`, as it is stored, into `surface`; `work` has [`SurfaceRow::work_length`] numbers.
    pub(super) fn transform(
        &self,
        row: &[f32],
        surface: &mut [f32],
        work: &mut [Complex<f32>],
    ) -> Result<()> {
        let count = coefficients(self.extent.padded.width);
        let (spectrum, work) = work.split_at_mut(count);
        spectrum.copy_from_slice(&super::complex_of(row)[..count]);
        // A real row has none; rounding leaves some.
        spectrum[0].im = 0.0;
        if self.extent.padded.width.is_multiple_of(2) {
            spectrum[count - 1].im = 0.0;
        }
        self.transform.process_with_scratch(spectrum, surface, work).map_err(wrong_length)?;
        surface.iter_mut().for_each(|value| *value *= self.scale);
        Ok(())
    }

    /// The same with memory of its own, for single rows.
    ///
    /// # Errors
    /// Bug, for a row of another length.
    pub fn of(&self, row: &[f32]) -> Result<Vec<f32>> {
        let mut surface = vec![0.0; self.width()];
        self.transform(row, &mut surface, &mut vec![Complex::default(); self.work_length()])?;
        Ok(surface)
    }
}
