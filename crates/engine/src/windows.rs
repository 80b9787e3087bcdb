//! What one window of a chain's result depends on: which windows of each stage, each computed once.
//!
//! A margin that wraps around comes from the other side of the raster, so that a window's need is of two pieces along each
//! axis, and what these need again. A piece that lies in another one of the same stage is copied and not computed: there
//! are then no more than two along each axis, however long the chain is.

use swathe_core::{Size, TileMut, TileView, Window};

use crate::extend::{InputNeed, Piece};
use crate::pipeline::{Chain, StageInput};

/// How one input of a stage is put together, in one buffer, for all windows that the stage computes.
#[derive(Clone, Debug)]
pub(crate) struct Assembly {
    /// The buffer's size: windows side by side and below each other.
    pub(crate) size: Size,
    /// What each of the stage's windows needs, and the place of [`InputNeed::buffer`] in the buffer.
    pub(crate) needs: Vec<(InputNeed, Window)>,
    /// What is computed or read, and where it goes: the windows of the stage before, in their order.
    pub(crate) computed: Vec<Piece>,
    /// Places that are filled from others, the first of each pair.
    pub(crate) copied: Vec<(Window, Window)>,
}

/// What a stage computes, out of what.
#[derive(Clone, Debug)]
pub(crate) struct StageWindows {
    /// Windows of the stage's result.
    pub(crate) outputs: Vec<Window>,
    /// Its inputs.
    pub(crate) inputs: Vec<Assembly>,
}

/// All stages of a chain, from the first to the last, for one window of the result.
pub(crate) fn needed(chain: &Chain, window: Window) -> Vec<StageWindows> {
    let mut stages = Vec::with_capacity(chain.stages.len());
    let mut outputs = vec![window];
    for stage in (0..chain.stages.len()).rev() {
        let assembly = |index| Assembly::new(outputs.iter().map(|&window| chain.need(stage, index, window)));
        let inputs = (0..=chain.stages[stage].with.len()).map(assembly).collect::<Vec<_>>();
        let earlier = match chain.input(stage, 0) {
            StageInput::Stage(_) => inputs[0].computed.iter().map(|piece| piece.pixels).collect(),
            StageInput::Source(_) => Vec::new(),
        };
        stages.push(StageWindows { outputs: std::mem::replace(&mut outputs, earlier), inputs });
    }
    stages.reverse();
    stages
}

impl Assembly {
    fn new(needs: impl Iterator<Item = InputNeed>) -> Self {
        let needs = needs.collect::<Vec<_>>();
        let columns = Lane::of(needs.iter().map(|need| (need.buffer().x, need.buffer().width)));
        let rows = Lane::of(needs.iter().map(|need| (need.buffer().y, need.buffer().height)));
        let place = |window: Window| {
            let (x, y) = (columns.place(window.x, window.width), rows.place(window.y, window.height));
            Window::new(x, y, window.width, window.height)
        };
        let placed = |need: InputNeed| {
            let place = place(need.buffer());
            (need, place)
        };
        let needs = needs.into_iter().map(placed).collect::<Vec<_>>();
        let pieces = needs.iter().flat_map(|(need, place)| {
            let (x, y) = (place.x - need.buffer().x, place.y - need.buffer().y);
            need.pieces().map(move |piece| Piece { place: piece.place.shift(x, y), ..piece })
        });
        let pieces = pieces.collect::<Vec<_>>();
        let covers = |(number, piece): (usize, &Piece), other: &Piece, other_number: usize| {
            piece.pixels.contains(other.pixels) && (piece.pixels != other.pixels || number < other_number)
        };
        let is_copied = |number: usize, piece: &Piece| {
            pieces.iter().enumerate().any(|larger| covers(larger, piece, number))
        };
        let mut computed = Vec::with_capacity(pieces.len());
        let mut rest = Vec::new();
        for (number, &piece) in pieces.iter().enumerate() {
            if is_copied(number, &piece) { rest.push(piece) } else { computed.push(piece) }
        }
        let copied = rest.into_iter().filter_map(|piece| {
            let from = computed.iter().find(|from| from.pixels.contains(piece.pixels))?;
            let (x, y) = (from.place.x - from.pixels.x, from.place.y - from.pixels.y);
            Some((piece.pixels.shift(x, y), piece.place))
        });
        let copied = copied.collect();
        Assembly { size: Size::new(columns.length, rows.length), needs, computed, copied }
    }

    /// Fills what was not computed: what others hold already, and what lies past the raster's edge.
    pub(crate) fn fill(&self, buffer: &mut TileMut<'_>) {
        for &(from, to) in &self.copied {
            buffer.copy_part(from, to);
        }
        for (need, place) in &self.needs {
            need.fill(&mut buffer.part(*place, need.buffer()));
        }
    }

    /// What an operator sees of the buffer for the window of that number; the buffer may hold more: what margins were copied from.
    pub(crate) fn seen<'b>(&self, number: usize, buffer: &TileView<'b>) -> TileView<'b> {
        let (need, place) = &self.needs[number];
        let (seen, held) = (need.seen(), need.buffer());
        buffer.part(seen.shift(place.x - held.x, place.y - held.y), seen)
    }
}

/// Intervals along one axis, one behind the other.
struct Lane {
    /// Start, length and place of each.
    intervals: Vec<(i64, usize, i64)>,
    length: usize,
}

impl Lane {
    fn of(intervals: impl Iterator<Item = (i64, usize)>) -> Self {
        let mut lane = Lane { intervals: Vec::new(), length: 0 };
        for (start, length) in intervals {
            if !lane.intervals.iter().any(|&(other, size, _)| (other, size) == (start, length)) {
                lane.intervals.push((start, length, lane.length as i64));
                lane.length += length;
            }
        }
        lane
    }

    fn place(&self, start: i64, length: usize) -> i64 {
        let found = self.intervals.iter().find(|&&(other, size, _)| (other, size) == (start, length));
        found.map_or(0, |&(_, _, place)| place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use swathe_core::{Boundary, Edge};

    /// Windows of every stage of a chain of operators that reach `halo` pixels far and wrap around, from the last on.
    fn stages(window: Window, raster: Size, halo: usize, count: usize) -> Vec<Vec<Window>> {
        let margin = swathe_core::Halo { left: halo, top: halo, right: halo, bottom: halo };
        let mut all = vec![vec![window]];
        for _ in 0..count {
            let need =
                |window: &Window| InputNeed::new(window.grow(margin), raster, Edge::Extend(Boundary::Wrap));
            let assembly = Assembly::new(all[all.len() - 1].iter().map(need));
            for &(from, to) in &assembly.copied {
                assert_eq!(from.size(), to.size());
                assert!(from.intersect(to).is_empty(), "{from} is copied over itself, to {to}");
            }
            let filled = assembly.computed.iter().map(|piece| piece.pixels.size().pixels());
            let filled = filled.chain(assembly.copied.iter().map(|(_, to)| to.size().pixels()));
            let pieces = assembly.needs.iter().flat_map(|(need, _)| need.pieces().collect::<Vec<_>>());
            let pieces = pieces.map(|piece| piece.pixels.size().pixels());
            assert_eq!(filled.sum::<usize>(), pieces.sum::<usize>(), "every piece is computed or copied");
            all.push(assembly.computed.iter().map(|piece| piece.pixels).collect());
        }
        all
    }

    #[test]
    fn a_chain_that_wraps_computes_four_windows_of_each_stage_at_most() {
        let raster = Size::new(4096, 4096);
        let all = stages(Window::new(0, 0, 512, 256), raster, 5, 8);
        let counts = all.iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(counts, [1, 4, 4, 4, 4, 4, 4, 4, 4]);
        let pixels = all[8].iter().map(|window| window.size().pixels()).sum::<usize>();
        assert_eq!(pixels, (512 + 2 * 40) * (256 + 2 * 40));
    }

    #[test]
    fn windows_that_meet_are_never_more_than_the_raster_each() {
        let raster = Size::new(64, 40);
        for (stage, windows) in stages(Window::new(0, 10, 16, 10), raster, 9, 8).into_iter().enumerate() {
            assert!(windows.len() <= 4, "{} windows of stage {stage}", windows.len());
            assert!(windows.iter().all(|window| Window::whole(raster).contains(*window)));
        }
    }
}
