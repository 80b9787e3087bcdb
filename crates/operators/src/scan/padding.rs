//! A row above and a column on the left, for tables of sums whose corners are those of pixels.

use swathe_core::{
    Boundary, Edge, Frame, Operator, RasterInfo, Result, Scalar, Size, TileMut, TileView, Window,
};

/// The raster one pixel further down and to the right. What is put before it is 0, and counts as data.
pub(super) struct Padding {
    output: RasterInfo,
}

impl Padding {
    pub(super) fn new(info: &RasterInfo) -> Self {
        let mut output = info.clone();
        output.size = Size::new(info.size.width + 1, info.size.height + 1);
        output.georeferencing = info.georeferencing.resampled(-1.0, -1.0, 1.0, 1.0);
        Padding { output }
    }
}

impl Operator for Padding {
    fn output(&self) -> &RasterInfo {
        &self.output
    }

    fn need(&self, _input: usize, output: Window) -> Window {
        output.shift(-1, -1)
    }

    fn edge(&self, _input: usize) -> Edge {
        Edge::Extend(Boundary::Constant(Scalar::Integer(0)))
    }

    fn scratch_bytes(&self, _output: Size) -> usize {
        0
    }

    fn process(
        &self,
        inputs: &[TileView<'_>],
        output: &mut TileMut<'_>,
        _scratch: &mut Frame<'_>,
    ) -> Result<()> {
        for y in 0..output.window().height {
            for band in 0..output.bands() {
                output.row_bytes_mut(band, y).copy_from_slice(inputs[0].row_bytes(band, y));
            }
            if let (Some(mask), Some(input)) = (output.mask_row_mut(y), inputs[0].mask_row(y)) {
                mask.copy_from_slice(input);
            }
        }
        Ok(())
    }
}
