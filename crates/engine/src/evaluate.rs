//! Computes one tile: the chain is asked backward for windows and run forward into buffers that a worker keeps.

use std::time::{Duration, Instant};

use swathe_core::{Result, Scratch, Source, TileBuffer, TileMut, TileView, Window};

use crate::grid::TileGrid;
use crate::pipeline::{Chain, StageInput};

/// What one worker owns for the whole run.
pub(crate) struct Workspace {
    /// For each stage, a buffer for each of its inputs.
    inputs: Vec<Vec<TileBuffer>>,
    /// The tile that goes to the sink.
    pub(crate) output: TileBuffer,
    /// Shared by everything that runs one after the other.
    pub(crate) scratch: Scratch,
    /// Time spent reading.
    pub(crate) reading: Duration,
}

impl Workspace {
    /// Buffers that hold nothing yet; they grow to what the largest tile needs and stay.
    pub(crate) fn new(chain: &Chain) -> Self {
        let empty = || TileBuffer::with_capacity(0);
        let inputs =
            chain.stages.iter().map(|stage| (0..=stage.with.len()).map(|_| empty()).collect()).collect();
        Workspace { inputs, output: empty(), scratch: Scratch::default(), reading: Duration::ZERO }
    }

    /// Computes the output's `window` into [`Workspace::output`], piece by piece; `pieces` are counted from its corner.
    pub(crate) fn compute(&mut self, chain: &Chain, window: Window, pieces: &TileGrid) -> Result<()> {
        self.output.reset(window, chain.output().kind());
        let mut run = Run { chain, scratch: &mut self.scratch, reading: &mut self.reading };
        let mut output = self.output.view_mut();
        for piece in (0..pieces.count()).map(|index| pieces.nth(index).shift(window.x, window.y)) {
            run.produce(&mut self.inputs, &mut output.part(piece, piece))?;
        }
        Ok(())
    }
}

/// What is shared along the chain while one tile is computed.
struct Run<'a> {
    chain: &'a Chain,
    scratch: &'a mut Scratch,
    reading: &'a mut Duration,
}

impl Run<'_> {
    /// Fills `output` with the result of as many stages as there are `buffers`.
    fn produce(&mut self, buffers: &mut [Vec<TileBuffer>], output: &mut TileMut<'_>) -> Result<()> {
        let Some((inputs, earlier)) = buffers.split_last_mut() else {
            return self.read(self.chain.source.as_ref(), output);
        };
        let stage = earlier.len();
        let window = output.window();
        for (index, buffer) in inputs.iter_mut().enumerate() {
            let need = self.chain.need(stage, index, window);
            buffer.reset(need.buffer(), self.chain.input_info(stage, index).kind());
            let mut tile = buffer.view_mut();
            for piece in need.pieces() {
                let mut part = tile.part(piece.place, piece.pixels);
                match self.chain.input(stage, index) {
                    StageInput::Source(source) => self.read(source, &mut part)?,
                    StageInput::Stage(_) => self.produce(earlier, &mut part)?,
                }
            }
            need.fill(&mut tile);
        }
        let operator = self.chain.stages[stage].operator.as_ref();
        self.scratch.reserve(operator.scratch_bytes(window.size()));
        // A buffer may hold more than the operator asked for: what its margin was copied from.
        match inputs.as_slice() {
            [only] => {
                let view = self.seen(stage, 0, only, window);
                operator.process(&[view], output, &mut self.scratch.frame())
            }
            several => {
                let views =
                    several.iter().enumerate().map(|(index, buffer)| self.seen(stage, index, buffer, window));
                let views = views.collect::<Vec<_>>();
                operator.process(&views, output, &mut self.scratch.frame())
            }
        }
    }

    /// What an operator sees of a buffer, which may hold more: what its margin was copied from.
    fn seen<'b>(&self, stage: usize, index: usize, buffer: &'b TileBuffer, output: Window) -> TileView<'b> {
        buffer.view().crop(self.chain.need(stage, index, output).seen())
    }

    fn read(&mut self, source: &dyn Source, output: &mut TileMut<'_>) -> Result<()> {
        let start = Instant::now();
        self.scratch.reserve(source.scratch_bytes(output.window().size()));
        let result = source.read(output, &mut self.scratch.frame());
        *self.reading += start.elapsed();
        result
    }
}
