//! Rows of a correlation's spectrum along x to rows of the correlation surface.

use num_complex::Complex;
use swathe_core::{
    Boundary, Edge, Frame, Operator, RasterInfo, Result, SampleType, ScratchSize, Size, TileMut, TileView,
    Window,
};

use super::rows::{Extent, SurfaceRow};

/// The last step of a correlation.
pub struct SurfaceRows {
    stored: usize,
    output: RasterInfo,
    row: SurfaceRow,
}

impl SurfaceRows {
    /// For transforms of that extent.
    pub fn new(extent: Extent) -> Self {
        SurfaceRows {
            stored: 2 * extent.stored,
            output: RasterInfo::new(extent.padded, 1, SampleType::F32),
            row: SurfaceRow::new(extent),
        }
    }
}

impl Operator for SurfaceRows {
    fn output(&self) -> &RasterInfo {
        &self.output
    }

    fn need(&self, _input: usize, output: Window) -> Window {
        Window::new(0, output.y, self.stored, output.height)
    }

    fn edge(&self, _input: usize) -> Edge {
        Edge::Extend(Boundary::Nearest)
    }

    fn resident_bytes(&self) -> usize {
        self.row.resident_bytes()
    }

    fn scratch_bytes(&self, _output: Size) -> usize {
        ScratchSize::new().with::<f32>(self.row.width()).with::<Complex<f32>>(self.row.work_length()).bytes()
    }

    fn process(
        &self,
        inputs: &[TileView<'_>],
        output: &mut TileMut<'_>,
        scratch: &mut Frame<'_>,
    ) -> Result<()> {
        let window = output.window();
        let surface = scratch.take::<f32>(self.row.width());
        let work = scratch.take::<Complex<f32>>(self.row.work_length());
        for y in 0..window.height {
            self.row.transform(inputs[0].row::<f32>(0, y), surface, work)?;
            output.row_mut::<f32>(0, y).copy_from_slice(&surface[window.x as usize..][..window.width]);
        }
        Ok(())
    }
}
