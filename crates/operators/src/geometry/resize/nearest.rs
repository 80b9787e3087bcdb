//! Resizing by repeating and leaving out pixels.

use swathe_core::{
    Edge, Frame, Halo, Operator, RasterInfo, Result, ScratchSize, Size, TileMut, TileView, Window,
};

use super::axis::{Anchor, Axis};

/// Each pixel of the output is one of the input's.
pub(super) struct Nearest {
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) anchor: Anchor,
    pub(super) output: RasterInfo,
}

/// Copies samples of `N` bytes from the places in `columns`.
fn pick<const N: usize>(from: &[u8], columns: &[u32], to: &mut [u8]) {
    let ((from, _), (to, _)) = (from.as_chunks::<N>(), to.as_chunks_mut::<N>());
    for (sample, &column) in to.iter_mut().zip(columns) {
        *sample = from[column as usize];
    }
}

impl Operator for Nearest {
    fn output(&self) -> &RasterInfo {
        &self.output
    }

    fn need(&self, _input: usize, output: Window) -> Window {
        let along = |axis: Axis, place: i64| axis.nearest(place as usize, self.anchor);
        let (left, right) = (along(self.x, output.x), along(self.x, output.x_end() - 1));
        let (top, bottom) = (along(self.y, output.y), along(self.y, output.y_end() - 1));
        Window::new(left as i64, top as i64, right + 1 - left, bottom + 1 - top)
    }

    fn edge(&self, _input: usize) -> Edge {
        Edge::Clip
    }

    fn scratch_bytes(&self, output: Size) -> usize {
        ScratchSize::new().with::<u32>(output.width).bytes()
    }

    fn process(
        &self,
        inputs: &[TileView<'_>],
        output: &mut TileMut<'_>,
        scratch: &mut Frame<'_>,
    ) -> Result<()> {
        let (input, window) = (&inputs[0], output.window());
        let (left, top) = (input.window().x as usize, input.window().y as usize);
        let columns = scratch.take::<u32>(window.width);
        for (x, column) in (window.x as usize..).zip(columns.iter_mut()) {
            *column = (self.x.nearest(x, self.anchor) - left) as u32;
        }
        let mut above = None;
        for y in 0..window.height {
            let row = self.y.nearest(window.y as usize + y, self.anchor) - top;
            if above.replace(row) == Some(row) {
                output.copy_row(y - 1, y);
                continue;
            }
            for band in 0..output.bands() {
                let (from, size) = (input.row_bytes(band, row), output.sample_type().size());
                let to = output.row_bytes_mut(band, y);
                match size {
                    1 => pick::<1>(from, columns, to),
                    2 => pick::<2>(from, columns, to),
                    4 => pick::<4>(from, columns, to),
                    _ => pick::<8>(from, columns, to),
                }
            }
            if let (Some(from), Some(to)) = (input.mask_row(row), output.mask_row_mut(y)) {
                pick::<1>(from, columns, to);
            }
        }
        Ok(())
    }

    fn halo(&self) -> Halo {
        Halo::NONE
    }
}
