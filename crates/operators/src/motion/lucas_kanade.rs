//! The direct form of Lucas and Kanade: one solution from the sums around each pixel.

use std::ops::Range;

use swathe_core::{
    Boundary, Edge, Frame, Halo, NodataPolicy, Operator, RasterInfo, Result, SampleType, ScratchSize, Size,
    TileMut, TileView, Window,
};

use super::products::{PRODUCTS, Pair, Rows};
use super::solve::{Demand, Solved, Sums, solve};
use crate::focal::real_sums::RealSums;
use crate::rows::{StoreRows, loader, storer};

/// What the caller decides.
#[derive(Clone, Copy)]
pub(super) struct Options {
    /// Pixels from the middle to the edge of the window.
    pub(super) radius: usize,
    /// Pixels of less confidence have no flow.
    pub(super) least_eigenvalue: f64,
    pub(super) policy: NodataPolicy,
}

/// Most bands for which sums over the largest window are exact.
const EXACT_BANDS: usize = 8;

/// Binds the operator; both rasters are of the same size and have as many bands.
pub(super) fn bind(
    options: Options,
    previous: &RasterInfo,
    next: &RasterInfo,
    output: RasterInfo,
) -> Box<dyn Operator> {
    let narrow = |info: &RasterInfo| {
        matches!(info.sample_type, SampleType::U8 | SampleType::I8 | SampleType::U16 | SampleType::I16)
    };
    Box::new(LucasKanade {
        options,
        exact: narrow(previous) && narrow(next) && previous.bands <= EXACT_BANDS,
        pair: Pair {
            previous: loader(previous, options.policy),
            next: loader(next, options.policy),
            bands: previous.bands,
        },
        store: storer(&output),
        output,
    })
}

struct LucasKanade {
    options: Options,
    /// Whether the sums are exact integers.
    exact: bool,
    pair: Pair,
    store: Box<dyn StoreRows<f64>>,
    output: RasterInfo,
}

impl LucasKanade {
    fn window(&self) -> Size {
        let side = 2 * self.options.radius + 1;
        Size::new(side, side)
    }

    /// Columns from one sum's piece of a row to the next one's: whole blocks, so that all are anchored alike.
    fn stride(&self, output_width: usize) -> usize {
        let side = self.window().width;
        (output_width + side - 1).div_ceil(side) * side
    }

    /// Columns of all sums side by side.
    fn all_sums(&self, output_width: usize) -> usize {
        PRODUCTS * self.stride(output_width) + 1 - self.window().width
    }
}

impl Operator for LucasKanade {
    fn output(&self) -> &RasterInfo {
        &self.output
    }

    fn need(&self, _input: usize, output: Window) -> Window {
        output.grow(Halo::square(self.options.radius + 1))
    }

    fn edge(&self, _input: usize) -> Edge {
        // What is invented never reaches a pixel of the output: there the flow is 0.
        Edge::Extend(Boundary::Nearest)
    }

    fn pixel_nanoseconds(&self) -> f64 {
        11.0
    }

    fn scratch_bytes(&self, output: Size) -> usize {
        let width = output.width + 2 * (self.options.radius + 1);
        let size = RealSums::scratch(ScratchSize::new(), self.window(), self.all_sums(output.width));
        Rows::scratch(size, width, self.pair.bands)
            .with::<f64>(output.width)
            .with::<f64>(output.width)
            .with::<f64>(output.width)
            .with::<u8>(width)
            .with::<u8>(width)
            .bytes()
    }

    fn process(
        &self,
        inputs: &[TileView<'_>],
        output: &mut TileMut<'_>,
        scratch: &mut Frame<'_>,
    ) -> Result<()> {
        let window = output.window();
        let whole = self.pair.all_valid(inputs);
        let stride = self.stride(window.width);
        let summed = window.grow(Halo::square(self.options.radius));
        let width = inputs[0].window().width;
        let mut rows = Rows::take(scratch, width, self.pair.bands, whole);
        let side_by_side = Window::new(summed.x, summed.y, rows.pieces() * stride, summed.height);
        let mut sums = RealSums::take(scratch, self.window(), side_by_side);
        let mut solved = Solved {
            dx: scratch.take(window.width),
            dy: scratch.take(window.width),
            confidence: scratch.take(window.width),
        };
        let flags = (scratch.take::<u8>(width), scratch.take::<u8>(width));
        let pixels = self.window().pixels() as f64;
        let demand = Demand {
            exact: self.exact,
            pixels,
            least_eigenvalue: self.options.least_eigenvalue,
            confidence: self.output.bands > 2,
        };
        sums.run(
            |y, line| rows.products(&self.pair, inputs, y, stride, line),
            |y, sums| {
                let piece = |number: usize| &sums[number * stride..][..window.width];
                let [xx, yy, xy, xt, yt] = [0, 1, 2, 3, 4].map(piece);
                solve(demand, Sums { xx, yy, xy, xt, yt }, &mut solved);
                let inner = self.inner(window, y);
                solved.clear_outside(&inner);
                self.store_row(output, y, &solved);
                if !whole {
                    self.pair.flags(inputs, y + self.options.radius + 1, flags.0, flags.1);
                    let valid = &mut flags.0[self.options.radius + 1..][..window.width];
                    let enough = if self.options.policy == NodataPolicy::Propagate { pixels } else { 1.0 };
                    for (valid, &count) in valid[inner.clone()].iter_mut().zip(&piece(PRODUCTS - 1)[inner]) {
                        *valid &= u8::from(count >= enough);
                    }
                    (0..self.output.bands).for_each(|band| self.store.fill(output, band, y, 0, valid));
                }
            },
        );
        Ok(())
    }
}

impl LucasKanade {
    /// The columns of a tile's row whose window and derivatives lie in the raster.
    fn inner(&self, window: Window, y: usize) -> Range<usize> {
        let frame = self.options.radius as i64 + 1;
        let size = self.output.size;
        let row = window.y + y as i64;
        if row < frame || row >= size.height as i64 - frame {
            return 0..0;
        }
        let column = |x: i64| (x - window.x).clamp(0, window.width as i64) as usize;
        let (start, end) = (column(frame), column(size.width as i64 - frame));
        start..end.max(start)
    }

    fn store_row(&self, output: &mut TileMut<'_>, y: usize, solved: &Solved<'_>) {
        self.store.store(output, 0, y, 0, solved.dx);
        self.store.store(output, 1, y, 0, solved.dy);
        if self.output.bands > 2 {
            self.store.store(output, 2, y, 0, solved.confidence);
        }
    }
}
