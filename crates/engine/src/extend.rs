//! From a window that reaches past the raster's edge to what has to be computed, where it goes, and how the rest is filled.
//!
//! Both axes are worked out apart: a need is split into runs of pixels that exist, each placed where the need wants it;
//! whatever is left is copied from those runs, or is the boundary's constant. The image is extended, never the tile, and
//! each operator's own input is, never the source for the whole chain.

use swathe_core::{Boundary, Edge, Sample, Size, TileMut, Window, with_sample};

/// Consecutive pixels that exist, and the place that they fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    /// First coordinate that is filled.
    at: i64,
    /// First pixel of the raster that fills it.
    from: i64,
    length: i64,
}

/// One axis of a need.
#[derive(Clone, Debug, PartialEq)]
struct AxisNeed {
    /// The coordinates that the operator sees.
    start: i64,
    end: i64,
    /// The coordinates that the buffer holds: the former, and what they are copied from.
    buffer_start: i64,
    buffer_end: i64,
    runs: Vec<Run>,
}

impl AxisNeed {
    /// Works out the axis for `start..end` of a raster of `length` pixels.
    fn new(start: i64, end: i64, length: usize, edge: Edge) -> Self {
        let n = length as i64;
        let inside = |start: i64, end: i64| AxisNeed {
            start,
            end,
            buffer_start: start,
            buffer_end: end,
            runs: vec![Run { at: start, from: start, length: end - start }],
        };
        if start >= 0 && end <= n {
            return inside(start, end);
        }
        match edge {
            Edge::Clip => {
                // Where nothing of the need exists, the nearest pixel stands in, so that no operator sees an empty view.
                let first = start.clamp(0, n - 1);
                inside(first, end.clamp(first + 1, n))
            }
            Edge::Extend(Boundary::Constant(_)) => {
                let (from, to) = (start.max(0), end.min(n));
                let runs =
                    if from < to { vec![Run { at: from, from, length: to - from }] } else { Vec::new() };
                AxisNeed { start, end, buffer_start: start, buffer_end: end, runs }
            }
            Edge::Extend(Boundary::Wrap) if end - start < n => {
                let mut runs = Vec::with_capacity(2);
                let mut at = start;
                while at < end {
                    let from = at.rem_euclid(n);
                    let length = (n - from).min(end - at);
                    runs.push(Run { at, from, length });
                    at += length;
                }
                AxisNeed { start, end, buffer_start: start, buffer_end: end, runs }
            }
            Edge::Extend(boundary) => {
                // Outside coordinates may be copied from pixels that the need itself does not cover.
                let copied = boundary.span(start..end, length).unwrap_or(0..length);
                let (from, to) = (copied.start as i64, copied.end as i64);
                let run = Run { at: from, from, length: to - from };
                AxisNeed {
                    start,
                    end,
                    buffer_start: start.min(from),
                    buffer_end: end.max(to),
                    runs: vec![run],
                }
            }
        }
    }

    /// The coordinates that the operator sees and that no run fills. Runs follow each other without a gap.
    fn unfilled(&self) -> impl Iterator<Item = i64> + '_ {
        let (from, to) = match (self.runs.first(), self.runs.last()) {
            (Some(first), Some(last)) => (first.at, last.at + last.length),
            _ => (self.end, self.end),
        };
        (self.start..from.min(self.end)).chain(to.max(self.start)..self.end)
    }
}

/// How one input of an operator is put together for one tile.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct InputNeed {
    x: AxisNeed,
    y: AxisNeed,
    raster: Size,
    edge: Edge,
}

/// A part of an input: which pixels of the raster, and which place in the buffer's coordinates they fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) place: Window,
    pub(crate) pixels: Window,
}

impl InputNeed {
    /// Works out `need` over a raster of size `raster`.
    pub(crate) fn new(need: Window, raster: Size, edge: Edge) -> Self {
        InputNeed {
            x: AxisNeed::new(need.x, need.x_end(), raster.width, edge),
            y: AxisNeed::new(need.y, need.y_end(), raster.height, edge),
            raster,
            edge,
        }
    }

    /// The window that the buffer has to hold.
    pub(crate) fn buffer(&self) -> Window {
        Window::between(self.x.buffer_start, self.y.buffer_start, self.x.buffer_end, self.y.buffer_end)
    }

    /// The window that the operator sees, inside the buffer.
    pub(crate) fn seen(&self) -> Window {
        Window::between(self.x.start, self.y.start, self.x.end, self.y.end)
    }

    /// What has to be computed or read.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = Piece> + '_ {
        self.y.runs.iter().flat_map(move |y| {
            self.x.runs.iter().map(move |x| Piece {
                place: Window::new(x.at, y.at, x.length as usize, y.length as usize),
                pixels: Window::new(x.from, y.from, x.length as usize, y.length as usize),
            })
        })
    }

    /// Fills what the pieces left open. The margin counts as data unless what it is copied from does not.
    pub(crate) fn fill(&self, buffer: &mut TileMut<'_>) {
        let Edge::Extend(boundary) = self.edge else { return };
        with_sample!(buffer.sample_type(), T => self.fill_columns::<T>(buffer, boundary));
        for at in self.y.unfilled() {
            let to = (at - self.y.buffer_start) as usize;
            match boundary.resolve(at, self.raster.height) {
                Some(row) => buffer.copy_row((row as i64 - self.y.buffer_start) as usize, to),
                None => with_sample!(buffer.sample_type(), T => fill_row::<T>(buffer, boundary, to)),
            }
        }
    }

    fn fill_columns<T: Sample>(&self, buffer: &mut TileMut<'_>, boundary: Boundary) {
        if self.x.unfilled().next().is_none() {
            return;
        }
        let constant = boundary.constant::<T>();
        let origin = self.x.buffer_start;
        let from =
            |at: i64| boundary.resolve(at, self.raster.width).map(|index| (index as i64 - origin) as usize);
        let rows = self.y.runs.iter().flat_map(|run| run.at..run.at + run.length);
        for y in rows.map(|at| (at - self.y.buffer_start) as usize) {
            for band in 0..buffer.bands() {
                let row = buffer.row_mut::<T>(band, y);
                for at in self.x.unfilled() {
                    row[(at - origin) as usize] = from(at).map_or(constant, |index| row[index]);
                }
            }
            if let Some(mask) = buffer.mask_row_mut(y) {
                for at in self.x.unfilled() {
                    mask[(at - origin) as usize] = from(at).map_or(u8::MAX, |index| mask[index]);
                }
            }
        }
    }
}

fn fill_row<T: Sample>(buffer: &mut TileMut<'_>, boundary: Boundary, y: usize) {
    let constant = boundary.constant::<T>();
    for band in 0..buffer.bands() {
        buffer.row_mut::<T>(band, y).fill(constant);
    }
    if let Some(mask) = buffer.mask_row_mut(y) {
        mask.fill(u8::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use swathe_core::{SampleType, Scalar, TileBuffer, TileKind};

    const KIND: TileKind = TileKind { bands: 2, sample_type: SampleType::I32, mask: true };

    fn value(band: usize, x: i64, y: i64) -> i32 {
        (band as i64 * 1_000_000 + y * 1000 + x) as i32
    }

    /// Puts a need together from a raster whose every pixel is its own address.
    fn assemble(need: Window, raster: Size, edge: Edge) -> (InputNeed, TileBuffer) {
        let input = InputNeed::new(need, raster, edge);
        let mut buffer = TileBuffer::new(input.buffer(), KIND);
        let mut tile = buffer.view_mut();
        for piece in input.pieces() {
            assert!(Window::whole(raster).contains(piece.pixels), "{piece:?} outside {raster}");
            let mut part = tile.part(piece.place, piece.pixels);
            for y in 0..piece.pixels.height {
                for band in 0..2 {
                    for (x, sample) in part.row_mut::<i32>(band, y).iter_mut().enumerate() {
                        *sample = value(band, piece.pixels.x + x as i64, piece.pixels.y + y as i64);
                    }
                }
                for (x, mask) in part.mask_row_mut(y).unwrap().iter_mut().enumerate() {
                    *mask = (piece.pixels.x + x as i64) as u8 & 1;
                }
            }
        }
        input.fill(&mut tile);
        (input, buffer)
    }

    fn check(need: Window, raster: Size, boundary: Boundary) {
        let (input, buffer) = assemble(need, raster, Edge::Extend(boundary));
        assert_eq!(input.seen(), need);
        let view = buffer.view().crop(need);
        for y in 0..need.height {
            for x in 0..need.width {
                let at = (
                    boundary.resolve(need.x + x as i64, raster.width),
                    boundary.resolve(need.y + y as i64, raster.height),
                );
                let (expected, mask) = match at {
                    (Some(x), Some(y)) => (value(1, x as i64, y as i64), x as u8 & 1),
                    _ => (-7, 255),
                };
                assert_eq!(view.row::<i32>(1, y)[x], expected, "{need} of {raster}, {boundary}, at {x},{y}");
                assert_eq!(
                    view.mask_row(y).unwrap()[x],
                    mask,
                    "mask of {need} of {raster}, {boundary}, at {x},{y}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn every_need_is_put_together_as_the_index_maps_say(
            width in 1_usize..9, height in 1_usize..9, x in -25_i64..25, y in -25_i64..25,
            need_width in 1_usize..30, need_height in 1_usize..30, mode in 0_usize..5,
        ) {
            let boundary = [Boundary::Reflect, Boundary::Mirror, Boundary::Nearest, Boundary::Wrap,
                Boundary::Constant(Scalar::Integer(-7))][mode];
            check(Window::new(x, y, need_width, need_height), Size::new(width, height), boundary);
        }

        #[test]
        fn a_clipped_need_exists(x in -25_i64..25, width in 1_usize..30, length in 1_usize..9) {
            let input = InputNeed::new(Window::new(x, 0, width, 1), Size::new(length, 1), Edge::Clip);
            prop_assert!(Window::whole(Size::new(length, 1)).contains(input.seen()) && !input.seen().is_empty());
            prop_assert_eq!(input.seen(), input.buffer());
        }
    }

    #[test]
    fn wrapping_takes_the_other_side_and_not_what_lies_between() {
        let input =
            InputNeed::new(Window::new(-5, 0, 105, 1), Size::new(80_000, 1), Edge::Extend(Boundary::Wrap));
        let pieces = input
            .pieces()
            .map(|piece| (piece.place.x, piece.pixels.x, piece.pixels.width))
            .collect::<Vec<_>>();
        assert_eq!(pieces, [(-5, 79_995, 5), (0, 0, 100)]);
        assert_eq!(input.buffer().width, 105);
    }
}
