//! Computes one tile: the chain is asked backward for windows and run forward into buffers that a worker keeps.
//!
//! A stage writes straight into the buffer that the next one reads, each window into its place.

use std::time::{Duration, Instant};

use swathe_core::{Result, Scratch, Source, TileBuffer, TileMut, Window};

use crate::grid::TileGrid;
use crate::pipeline::{Chain, StageInput};
use crate::windows::{self, StageWindows};

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
    /// Fills `output` with the chain's result, stage after stage; `buffers` are those of each stage.
    fn produce(&mut self, buffers: &mut [Vec<TileBuffer>], output: &mut TileMut<'_>) -> Result<()> {
        if buffers.is_empty() {
            return self.read(self.chain.source.as_ref(), output);
        }
        let stages = windows::needed(self.chain, output.window());
        for (stage, needed) in stages.iter().enumerate() {
            let Some((inputs, later)) = buffers[stage..].split_first_mut() else { break };
            for (index, (buffer, assembly)) in inputs.iter_mut().zip(&needed.inputs).enumerate() {
                if let StageInput::Source(source) = self.chain.input(stage, index) {
                    buffer.reset(Window::whole(assembly.size), source.info().kind());
                    let mut tile = buffer.view_mut();
                    for piece in &assembly.computed {
                        self.read(source, &mut tile.part(piece.place, piece.pixels))?;
                    }
                }
                assembly.fill(&mut buffer.view_mut());
            }
            match (later.first_mut().and_then(|inputs| inputs.first_mut()), stages.get(stage + 1)) {
                (Some(buffer), Some(next)) => {
                    let assembly = &next.inputs[0];
                    let kind = self.chain.stages[stage].operator.output().kind();
                    buffer.reset(Window::whole(assembly.size), kind);
                    let mut tile = buffer.view_mut();
                    for (number, piece) in assembly.computed.iter().enumerate() {
                        let mut part = tile.part(piece.place, piece.pixels);
                        self.process(stage, (needed, number), inputs, &mut part)?;
                    }
                }
                _ => self.process(stage, (needed, 0), inputs, output)?,
            }
        }
        Ok(())
    }

    /// Computes the window of that number of a stage, out of inputs that are put together.
    fn process(
        &mut self,
        stage: usize,
        (needed, number): (&StageWindows, usize),
        inputs: &[TileBuffer],
        output: &mut TileMut<'_>,
    ) -> Result<()> {
        let operator = self.chain.stages[stage].operator.as_ref();
        self.scratch.reserve(operator.scratch_bytes(output.window().size()));
        let views = inputs.iter().zip(&needed.inputs);
        let views = views.map(|(buffer, input)| input.seen(number, &buffer.view())).collect::<Vec<_>>();
        operator.process(&views, output, &mut self.scratch.frame())
    }

    fn read(&mut self, source: &dyn Source, output: &mut TileMut<'_>) -> Result<()> {
        let start = Instant::now();
        self.scratch.reserve(source.scratch_bytes(output.window().size()));
        let result = source.read(output, &mut self.scratch.frame());
        *self.reading += start.elapsed();
        result
    }
}
