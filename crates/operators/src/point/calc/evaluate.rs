//! Runs programs over a tile, a piece of a row at a time, so that all that they work on stays in the cache.

use swathe_core::{Frame, NodataPolicy, RasterInfo, ScratchSize, Size, TileMut, TileView, Window};

use super::kernel;
use super::program::{Constants, Instruction, Operand, Program};
use super::store::Store;
use super::syntax::Pixel;
use crate::rows::{LoadRows, clear_mask, loader, mark_all_valid, mark_valid};

/// Bytes that the rows of a program are to fit into: what a core's first or second cache holds.
const CACHE_BYTES: usize = 64 << 10;

/// Pixels of the shortest and of the longest piece.
const SHORTEST: usize = 64;
const LONGEST: usize = 2048;

/// Words between two rows that their lengths do not need: rows a power of two apart would fall on the same lines of
/// the cache.
const PADDING: usize = 24;

/// An expression, ready to run.
pub(super) struct Evaluator {
    /// Computes pieces in which every pixel is data.
    pub(super) plain: Program,
    /// Computes the others; none where every pixel is data.
    pub(super) careful: Option<Program>,
    /// The constants of both.
    pub(super) constants: Constants,
    /// The pixels that the programs name.
    pub(super) pixels: Vec<Pixel>,
    /// What tells data from no data in each input.
    validity: Vec<Box<dyn LoadRows<f32>>>,
    store: Store,
}

/// The rows that programs work in, each with room for a piece of 8-byte values.
struct Rows<'a> {
    constants: &'a mut [u64],
    registers: &'a mut [u64],
    stride: usize,
}

impl Evaluator {
    /// An expression over `inputs`.
    pub(super) fn new(
        (plain, careful): (Program, Option<Program>),
        constants: Constants,
        pixels: Vec<Pixel>,
        (inputs, policy): (&[RasterInfo], NodataPolicy),
        store: Store,
    ) -> Self {
        let validity = inputs.iter().map(|input| loader(input, policy)).collect();
        Evaluator { plain, careful, constants, pixels, validity, store }
    }

    fn registers(&self) -> usize {
        self.careful.as_ref().map_or(0, |program| program.registers).max(self.plain.registers)
    }

    /// Pixels of a piece in a tile of `width` columns.
    fn piece(&self, width: usize) -> usize {
        let rows = (self.registers() + self.constants.values.len()).max(1);
        let fitting = CACHE_BYTES / (rows * size_of::<u64>());
        width.min((fitting / SHORTEST * SHORTEST).clamp(SHORTEST, LONGEST))
    }

    fn words(&self, width: usize) -> [usize; 2] {
        let stride = self.piece(width) + PADDING;
        [stride * self.constants.values.len(), stride * self.registers()]
    }

    /// Bytes of scratch for a tile.
    pub(super) fn scratch_bytes(&self, output: Size) -> usize {
        let [constants, registers] = self.words(output.width);
        ScratchSize::new().with::<u64>(constants).with::<u64>(registers).bytes()
    }

    /// Computes a tile. `inputs` cover every pixel that the programs name.
    pub(super) fn run(&self, inputs: &[TileView<'_>], output: &mut TileMut<'_>, scratch: &mut Frame<'_>) {
        let window = output.window();
        let piece = self.piece(window.width);
        let [constants, registers] = self.words(window.width);
        let mut rows = Rows {
            constants: scratch.take(constants),
            registers: scratch.take(registers),
            stride: piece + PADDING,
        };
        for (row, &(kind, bits)) in rows.constants.chunks_exact_mut(rows.stride).zip(&self.constants.values) {
            let bytes = bytemuck::cast_slice_mut(row);
            kernel::fill(kind, bits, &mut bytes[..piece * kind.size()]);
        }
        clear_mask(output);
        for y in 0..window.height {
            for x in (0..window.width).step_by(piece) {
                let width = piece.min(window.width - x);
                let pixels = Window::new(window.x + x as i64, window.y + y as i64, width, 1);
                let piece = Piece { evaluator: self, inputs, pixels, x, y };
                let program = self.careful.as_ref().filter(|careful| !piece.is_valid(careful));
                for instruction in &program.unwrap_or(&self.plain).instructions {
                    piece.run(instruction, &mut rows, output);
                }
            }
        }
    }
}

/// A piece of a row.
struct Piece<'a> {
    evaluator: &'a Evaluator,
    inputs: &'a [TileView<'a>],
    /// The pixels, in those of the raster.
    pixels: Window,
    /// Where they are in the tile.
    x: usize,
    y: usize,
}

impl<'a> Piece<'a> {
    fn width(&self) -> usize {
        self.pixels.width
    }

    /// The pixels of an input that a name of the expression stands for.
    fn named(&self, place: usize) -> (TileView<'a>, Pixel) {
        let pixel = self.evaluator.pixels[place];
        (self.inputs[pixel.input].crop(self.pixels.shift(pixel.dx, pixel.dy)), pixel)
    }

    /// True where all that `program` asks about is data.
    fn is_valid(&self, program: &Program) -> bool {
        program.asked.iter().all(|&place| {
            let (view, pixel) = self.named(place);
            self.evaluator.validity[pixel.input].all_valid(&view, pixel.band)
        })
    }

    fn run(&self, instruction: &Instruction, rows: &mut Rows<'_>, output: &mut TileMut<'_>) {
        match instruction {
            Instruction::Columns { to } => {
                kernel::count_from(self.pixels.x, rows.register(*to, self.width() * size_of::<i64>()));
            }
            Instruction::Row { to } => {
                let row = rows.register(*to, self.width() * size_of::<i64>());
                bytemuck::cast_slice_mut::<u8, i64>(row).fill(self.pixels.y);
            }
            Instruction::Flags { to, pixel } => {
                let (view, pixel) = self.named(*pixel);
                let flags = rows.register(*to, self.width());
                self.evaluator.validity[pixel.input].flags(&view, pixel.band, 0, flags);
            }
            Instruction::Apply { to, size, kernel, operands } => {
                let (target, others) = rows.apart(*to);
                let operands = operands.map(|operand| self.values(operand, &others));
                kernel(&mut target[..self.width() * size], operands);
            }
            Instruction::Store { band, value, valid } => {
                let (band, x, y) = (*band, self.x, self.y);
                let others = rows.all();
                self.evaluator.store.store(output, band, y, x, self.values(*value, &others));
                if let Operand::None = valid {
                    mark_all_valid(output, y, x, self.width());
                } else {
                    let flags = self.values(*valid, &others);
                    self.evaluator.store.fill(output, band, y, x, flags);
                    mark_valid(output, y, x, flags);
                }
            }
        }
    }

    /// The bytes of an operand's values.
    fn values<'r>(&self, operand: Operand, rows: &Others<'r>) -> &'r [u8]
    where
        'a: 'r,
    {
        match operand {
            Operand::None => &[],
            Operand::Register(register, size) => &rows.register(register)[..self.width() * size],
            Operand::Constant(place, size) => &rows.constant(place)[..self.width() * size],
            Operand::Pixel(place) => {
                let (view, pixel) = self.named(place);
                view.row_bytes(pixel.band, 0)
            }
        }
    }
}

/// The rows that an instruction reads: all but the register that it writes.
struct Others<'a> {
    constants: &'a [u64],
    before: &'a [u64],
    after: &'a [u64],
    /// The register that is written, or one past the last.
    written: usize,
    stride: usize,
}

impl<'a> Rows<'a> {
    /// The first `bytes` bytes of a register.
    fn register(&mut self, register: usize, bytes: usize) -> &mut [u8] {
        let row = &mut self.registers[register * self.stride..][..self.stride];
        &mut bytemuck::cast_slice_mut(row)[..bytes]
    }

    /// A register to write, and all others to read.
    fn apart(&mut self, register: usize) -> (&mut [u8], Others<'_>) {
        let (before, rest) = self.registers.split_at_mut(register * self.stride);
        let (row, after) = rest.split_at_mut(self.stride);
        let others =
            Others { constants: self.constants, before, after, written: register, stride: self.stride };
        (bytemuck::cast_slice_mut(row), others)
    }

    /// All registers to read.
    fn all(&self) -> Others<'_> {
        let written = self.registers.len() / self.stride;
        Others { constants: self.constants, before: self.registers, after: &[], written, stride: self.stride }
    }
}

impl<'a> Others<'a> {
    fn register(&self, register: usize) -> &'a [u8] {
        let (part, index) = if register < self.written {
            (self.before, register)
        } else {
            (self.after, register - self.written - 1)
        };
        bytemuck::cast_slice(&part[index * self.stride..][..self.stride])
    }

    fn constant(&self, place: usize) -> &'a [u8] {
        bytemuck::cast_slice(&self.constants[place * self.stride..][..self.stride])
    }
}
