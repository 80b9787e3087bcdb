//! The instructions that compute an expression, and the registers that they work in.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use swathe_core::{Error, Result, SampleType};

use super::graph::{Graph, Id};
use super::kernel::{self, Kernel};
use super::kind::Kind;
use super::operation::Operation;
use super::validity::Checked;

/// Where an instruction finds the values of an operand.
#[derive(Clone, Copy, Debug)]
pub(super) enum Operand {
    /// There is none.
    None,
    /// In a register, values of so many bytes.
    Register(usize, usize),
    /// In the row of a constant, values of so many bytes.
    Constant(usize, usize),
    /// In the input itself, by the place of the pixel: samples that are values as they are, or are to become some.
    Pixel(usize),
}

/// One step, over all pixels of a block.
pub(super) enum Instruction {
    /// Fills a register with the columns of the pixels.
    Columns { to: usize },
    /// Fills a register with the row of the pixels.
    Row { to: usize },
    /// Fills a register with the flags of a pixel of an input: 1 for data.
    Flags { to: usize, pixel: usize },
    /// Fills a register from the operands; it is none of them.
    Apply { to: usize, size: usize, kernel: Kernel, operands: [Operand; 3] },
    /// Stores a band of the output, and no data where `valid` is 0.
    Store { band: usize, value: Operand, valid: Operand },
}

/// Constants, each with a row that is filled before anything runs.
#[derive(Default)]
pub(super) struct Constants {
    pub(super) values: Vec<(Kind, u64)>,
    known: HashMap<(Kind, u64), usize>,
}

impl Constants {
    fn place(&mut self, kind: Kind, bits: u64) -> usize {
        *self.known.entry((kind, bits)).or_insert_with(|| {
            self.values.push((kind, bits));
            self.values.len() - 1
        })
    }
}

/// A program.
pub(super) struct Program {
    pub(super) instructions: Vec<Instruction>,
    /// How many registers it works in.
    pub(super) registers: usize,
    /// The pixels whose flags it reads.
    pub(super) asked: Vec<usize>,
}

/// Makes the program that computes `outputs` from inputs of the given sample types.
///
/// # Errors
/// Bug, where typing let through what there is no kernel for.
pub(super) fn compile(
    graph: &Graph,
    outputs: &[Checked],
    sample_types: &[SampleType],
    constants: &mut Constants,
) -> Result<Program> {
    let last_use = last_uses(graph, outputs);
    let mut stores: Vec<Vec<usize>> = vec![Vec::new(); graph.nodes().len()];
    for (band, output) in outputs.iter().enumerate() {
        stores[store_point(output)].push(band);
    }
    let mut compiler = Compiler {
        graph,
        sample_types,
        constants,
        operands: vec![Operand::None; graph.nodes().len()],
        free: BinaryHeap::new(),
        ends: vec![Vec::new(); graph.nodes().len()],
        program: Program { instructions: Vec::new(), registers: 0, asked: Vec::new() },
    };
    for (index, last_use) in last_use.iter().enumerate() {
        if let Some(last_use) = *last_use {
            compiler.emit(index, last_use)?;
        }
        for &band in &stores[index] {
            let operand = |id: Id| compiler.operands[id as usize];
            let value = operand(outputs[band].value);
            let valid = outputs[band].valid.map_or(Operand::None, operand);
            compiler.program.instructions.push(Instruction::Store { band, value, valid });
        }
        let ended = std::mem::take(&mut compiler.ends[index]);
        compiler.free.extend(ended.into_iter().map(Reverse));
    }
    Ok(compiler.program)
}

/// The node after which an output is complete.
fn store_point(output: &Checked) -> usize {
    output.valid.map_or(output.value, |valid| valid.max(output.value)) as usize
}

/// The last node that uses each node; nothing for nodes that nobody needs.
fn last_uses(graph: &Graph, outputs: &[Checked]) -> Vec<Option<usize>> {
    let mut last_use: Vec<Option<usize>> = vec![None; graph.nodes().len()];
    for output in outputs {
        for id in [Some(output.value), output.valid].into_iter().flatten() {
            let last = &mut last_use[id as usize];
            *last = (*last).max(Some(store_point(output)));
        }
    }
    for index in (0..graph.nodes().len()).rev() {
        if last_use[index].is_some() {
            for &operand in graph.nodes()[index].operands() {
                let last = &mut last_use[operand as usize];
                *last = (*last).max(Some(index));
            }
        }
    }
    last_use
}

struct Compiler<'a> {
    graph: &'a Graph,
    sample_types: &'a [SampleType],
    constants: &'a mut Constants,
    /// Where the values of each node are.
    operands: Vec<Operand>,
    /// Registers that hold nothing any more, the least first.
    free: BinaryHeap<Reverse<usize>>,
    /// Registers that hold nothing any more after a node.
    ends: Vec<Vec<usize>>,
    program: Program,
}

impl Compiler<'_> {
    fn emit(&mut self, index: usize, last_use: usize) -> Result<()> {
        let node = self.graph.nodes()[index];
        let pixel = match node.operation {
            Operation::Pixel(place) => Some((place, self.sample_types[self.graph.pixels[place].input])),
            _ => None,
        };
        if let Some((place, _)) = pixel.filter(|(_, sample_type)| *sample_type == node.kind.sample_type()) {
            self.operands[index] = Operand::Pixel(place);
            return Ok(());
        }
        if let Operation::Constant(bits) = node.operation {
            let place = self.constants.place(node.kind, bits);
            self.operands[index] = Operand::Constant(place, node.kind.size());
            return Ok(());
        }
        let to = self.free.pop().map_or(self.program.registers, |Reverse(register)| register);
        self.program.registers = self.program.registers.max(to + 1);
        self.operands[index] = Operand::Register(to, node.kind.size());
        self.ends[last_use].push(to);
        let instruction = match node.operation {
            Operation::Column => Instruction::Columns { to },
            Operation::Row => Instruction::Row { to },
            Operation::Flags(pixel) => {
                self.program.asked.push(pixel);
                Instruction::Flags { to, pixel }
            }
            operation => {
                let mut operands = [Operand::None; 3];
                for (operand, &id) in operands.iter_mut().zip(node.operands()) {
                    *operand = self.operands[id as usize];
                }
                let kind = node.operands().last().map_or(node.kind, |&id| self.graph.kind(id));
                let kernel = match pixel {
                    Some((place, sample_type)) => {
                        operands[0] = Operand::Pixel(place);
                        kernel::load(sample_type, node.kind)
                    }
                    None => kernel::kernel(operation, kind, node.kind),
                };
                let kernel = kernel.ok_or_else(|| {
                    Error::bug(format!("there is no kernel for {operation:?} of {}", kind.name()))
                })?;
                Instruction::Apply { to, size: node.kind.size(), kernel, operands }
            }
        };
        self.program.instructions.push(instruction);
        Ok(())
    }
}
