//! The memory account of a plan, and the work of a tile: what a tile shape costs before anything is allocated.

use std::ops::Range;

use swathe_core::{Halo, Size, Source, Window};

use crate::grid::TileGrid;
use crate::limits::Limits;
use crate::pipeline::{Chain, Part, StageInput};
use crate::report::AccountLine;
use crate::windows;

/// What the program itself holds beside all that is counted: code, libraries, heap of small things, and the main thread.
///
/// Measured as 4 to 6 MiB for the command on Linux, which touches some of its code only once it runs; added to [`Limits::held_bytes`].
const PROGRAM_BYTES: usize = 6 << 20;
/// Stack and allocator arena that a worker touches, and what the tile loop allocates in passing.
const WORKER_BYTES: usize = 512 << 10;

/// The largest of everything that one worker holds, over all tiles of a grid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Largest {
    /// For each stage and input, the size of its buffer.
    buffers: Vec<Vec<Size>>,
    /// For each source, the size of the largest window that is read at once.
    reads: Vec<Size>,
    /// For each stage, the size of the largest window that is computed at once.
    outputs: Vec<Size>,
    tile: Size,
    /// A tile with its margin.
    shown: Size,
}

/// What one tile computes and reads.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Work {
    /// Nanoseconds that the stages compute, added up.
    pub(crate) nanoseconds: f64,
    /// Pixels read from all sources.
    pub(crate) read: f64,
    /// For each stage, bytes of what it looks at and what it makes.
    pub(crate) held: Vec<f64>,
    /// Bytes of the sources' files that are touched and copied on.
    pub(crate) touched: f64,
    /// Bytes that are read straight into a tile.
    pub(crate) straight: f64,
    /// Separate stretches of the sources' files that are read.
    pub(crate) stretches: f64,
}

/// Walks the chain for a window of its result and tells `visit` of all on the way.
fn walk(chain: &Chain, window: Window, visit: &mut dyn FnMut(Visit)) {
    for (stage, needed) in windows::needed(chain, window).into_iter().enumerate() {
        for (index, input) in needed.inputs.into_iter().enumerate() {
            visit(Visit::Buffer { stage, index, size: input.size });
            if let StageInput::Source(_) = chain.input(stage, index) {
                let source = chain.source_number(stage, index);
                input.computed.iter().for_each(|piece| visit(Visit::Read { source, window: piece.pixels }));
            }
        }
        needed.outputs.into_iter().for_each(|window| visit(Visit::Output { stage, window }));
    }
    if chain.stages.is_empty() {
        visit(Visit::Read { source: 0, window });
    }
}

/// The rows of the first source that a window of the result depends on.
pub(crate) fn rows_read(chain: &Chain, window: Window) -> Range<i64> {
    let mut rows: Option<Range<i64>> = None;
    walk(chain, window, &mut |visit| {
        if let Visit::Read { source: 0, window } = visit
            && !window.is_empty()
        {
            let (start, end) = (window.y, window.y_end());
            rows = Some(rows.take().map_or(start..end, |rows| rows.start.min(start)..rows.end.max(end)));
        }
    });
    rows.unwrap_or(0..0)
}

/// Walks the chain for all of a tile in the middle of the raster.
fn walk_tile(chain: &Chain, grid: &TileGrid, visit: &mut dyn FnMut(Visit)) {
    let shown = grid.shown(grid.typical());
    let pieces = grid.pieces(shown);
    for piece in (0..pieces.count()).map(|index| pieces.nth(index)) {
        walk(chain, piece.shift(shown.x, shown.y), visit);
    }
}

/// A step on the way backward.
enum Visit {
    /// A stage computes this window.
    Output { stage: usize, window: Window },
    /// An input of a stage is put together in a buffer of this size.
    Buffer { stage: usize, index: usize, size: Size },
    /// A source reads this window.
    Read { source: usize, window: Window },
}

impl Largest {
    /// Looks at the tiles where sizes can differ: the first and last, and some between, of each row and column.
    ///
    /// The widths of what a tile needs follow from its columns and the heights from its rows (or the other way
    /// round), so that one row and one column of tiles tell all.
    pub(crate) fn over(chain: &Chain, grid: &TileGrid) -> Self {
        let nothing = Size::new(0, 0);
        let mut largest = Largest {
            buffers: chain.stages.iter().map(|stage| vec![nothing; stage.with.len() + 1]).collect(),
            reads: vec![nothing; chain.sources().count()],
            outputs: vec![nothing; chain.stages.len()],
            tile: nothing,
            shown: nothing,
        };
        let middle = (grid.across() / 2, grid.down() / 2);
        for column in sample(grid.across()) {
            largest.look(chain, grid, grid.tile(column, middle.1));
            largest.look(chain, grid, grid.tile(column, 0));
        }
        for row in sample(grid.down()) {
            largest.look(chain, grid, grid.tile(middle.0, row));
            largest.look(chain, grid, grid.tile(0, row));
        }
        largest
    }

    fn look(&mut self, chain: &Chain, grid: &TileGrid, tile: Window) {
        let shown = grid.shown(tile);
        self.tile = larger(self.tile, tile.size());
        self.shown = larger(self.shown, shown.size());
        let pieces = grid.pieces(shown);
        let across = sample(pieces.across()).map(|column| pieces.tile(column, 0));
        let down = sample(pieces.down()).map(|row| pieces.tile(0, row));
        for piece in across.chain(down) {
            self.look_at(chain, piece.shift(shown.x, shown.y));
        }
    }

    fn look_at(&mut self, chain: &Chain, piece: Window) {
        walk(chain, piece, &mut |visit| {
            let (slot, size) = match visit {
                Visit::Output { stage, window } => (&mut self.outputs[stage], window.size()),
                Visit::Buffer { stage, index, size } => (&mut self.buffers[stage][index], size),
                Visit::Read { source, window } => (&mut self.reads[source], window.size()),
            };
            *slot = larger(*slot, size);
        });
    }

    /// The largest window that a source reads at once.
    pub(crate) fn read_size(&self, source: usize) -> Size {
        self.reads[source]
    }

    /// The bytes that the sweep over these tiles takes, or the one before it, whichever takes more.
    pub(crate) fn needed_bytes(&self, sweep: Part<'_>, workers: usize, limits: &Limits) -> u64 {
        let own = total(&self.account(sweep, workers, limits));
        // The sweep before is over the same chain and the same tiles.
        let before = sweep
            .upward
            .map(|destination| total(&self.account(Part { destination, ..sweep }, workers, limits)));
        own.max(before.unwrap_or(0))
    }

    /// Every line of the account; `workers` of them, beside what is held once.
    pub(crate) fn account(&self, sweep: Part<'_>, workers: usize, limits: &Limits) -> Vec<AccountLine> {
        let (chain, tile) = (sweep.chain, self.tile);
        let mut lines = Vec::new();
        let mut line = |what: &str, bytes: usize, count: usize| {
            if bytes > 0 {
                lines.push(AccountLine { what: what.into(), bytes_each: bytes as u64, count: count as u64 });
            }
        };
        line("program", (limits.held_bytes as usize).saturating_add(PROGRAM_BYTES), 1);
        line("worker's stack", WORKER_BYTES, workers);
        line("output tile", chain.output().kind().bytes(Window::whole(self.shown)), workers);
        for (number, (stage, sizes)) in chain.stages.iter().zip(&self.buffers).enumerate() {
            let bytes = |(index, size): (usize, &Size)| {
                chain.input_info(number, index).kind().bytes(Window::whole(*size))
            };
            line(&format!("input of `{}`", stage.name), sizes.iter().enumerate().map(bytes).sum(), workers);
        }
        line("scratch", self.scratch_bytes(sweep), workers);
        let mapped = |bytes: usize| bytes.saturating_add(page_table_bytes(bytes));
        let reading =
            chain.sources().zip(&self.reads).map(|(source, size)| mapped(source.mapped_bytes(*size))).max();
        let writing = mapped(sweep.destination.mapped_bytes(tile));
        line("mapped pages and their tables", reading.unwrap_or(0).max(writing), workers);
        for source in chain.sources() {
            line(&format!("tables of `{}`", source.name()), source.resident_bytes(), 1);
        }
        for stage in &chain.stages {
            line(&format!("tables of `{}`", stage.name), stage.operator.resident_bytes(), 1);
        }
        line(
            &format!("tables of `{}`", sweep.destination.name()),
            sweep.destination.resident_bytes(workers),
            1,
        );
        line("tables of other sweeps", usize::try_from(sweep.beside_bytes).unwrap_or(usize::MAX), 1);
        lines
    }

    /// A worker's scratch serves reading, every stage, and writing, one after the other.
    fn scratch_bytes(&self, sweep: Part<'_>) -> usize {
        let chain = sweep.chain;
        let reading = chain.sources().zip(&self.reads).map(|(source, size)| source.scratch_bytes(*size));
        let computing =
            chain.stages.iter().zip(&self.outputs).map(|(stage, size)| stage.operator.scratch_bytes(*size));
        reading.chain(computing).max().unwrap_or(0).max(sweep.destination.scratch_bytes(self.tile))
    }
}

fn larger(size: Size, other: Size) -> Size {
    Size::new(size.width.max(other.width), size.height.max(other.height))
}

/// The sum of an account in bytes.
pub(crate) fn total(account: &[AccountLine]) -> u64 {
    account.iter().fold(0, |sum, line| sum.saturating_add(line.bytes_each.saturating_mul(line.count)))
}

/// A page of 4 KiB has an entry of 8 bytes in a table; tables are whole pages, and two end ones may be shared with nobody.
fn page_table_bytes(mapped_bytes: usize) -> usize {
    if mapped_bytes == 0 { 0 } else { mapped_bytes / 512 + (8 << 10) }
}

/// The part of an operator's time that goes into what it needs once of each pixel of its window, halo and all: sums along rows,
/// columns that are begun anew. A gaussian of sigma 30 takes 1.24 times as long in tiles of 256 rows as in those of 1024. Of columns
/// beside the tile the half: some operators need them, others, as that one, the rows above and below alone.
const SHARE_OF_HALO: f64 = 1.0 / 3.0;

impl Work {
    /// The work of a tile in the middle of the raster.
    pub(crate) fn of(chain: &Chain, grid: &TileGrid) -> Self {
        let mut work = Work { held: vec![0.0; chain.stages.len()], ..Work::default() };
        let sources = chain.sources().collect::<Vec<_>>();
        walk_tile(chain, grid, &mut |visit| match visit {
            Visit::Output { stage, window } => {
                let operator = chain.stages[stage].operator.as_ref();
                let pixels = window.size().pixels() as f64;
                let halo = operator.halo();
                let halo = Halo { left: halo.left / 2, right: halo.right / 2, ..halo };
                let around = window.grow(halo).size().pixels() as f64 - pixels;
                work.nanoseconds += (pixels + around * SHARE_OF_HALO) * operator.pixel_nanoseconds();
                work.held[stage] += operator.output().kind().bytes(window) as f64;
            }
            Visit::Buffer { stage, index, size } => {
                work.held[stage] += chain.input_info(stage, index).kind().bytes(Window::whole(size)) as f64;
            }
            Visit::Read { source, window } => {
                let source = sources[source];
                work.read += window.size().pixels() as f64;
                // Block after block of a column would be read from all over the file.
                let in_order = window.height <= source.block().height
                    || source.block().width >= source.info().size.width;
                if in_order && source.reads_straight(window.width) {
                    work.straight += source.info().kind().bytes(window) as f64;
                } else {
                    work.touched += source.info().kind().bytes(touched(source, window)) as f64;
                }
                work.stretches += stretches(window, source.block(), source.info().size);
            }
        });
        work
    }
}

/// What is read of a source for a window: of blocks that are not kept, whole rows, so that a narrow halo beside a tile costs as much
/// as a block.
fn touched(source: &dyn Source, window: Window) -> Window {
    let (block, raster) = (source.block().width, source.info().size.width);
    if source.keeps_blocks() || block >= raster {
        return window;
    }
    let start = window.x.max(0) as usize / block * block;
    let end = (window.x_end().max(0) as usize).next_multiple_of(block).min(raster);
    Window { x: start as i64, width: end.saturating_sub(start), ..window }
}

/// Separate stretches of a file that a window of it lies in: a row of blocks is one, but where blocks are as
/// wide as the raster, each of the window's rows is one unless it is as wide too.
pub(crate) fn stretches(window: Window, block: Size, raster: Size) -> f64 {
    if block.width >= raster.width {
        if window.width >= raster.width { 1.0 } else { window.height as f64 }
    } else {
        window.height as f64 / block.height as f64 + 1.0
    }
}

/// Some numbers below `count`: the first and last ones and up to 32 between.
fn sample(count: usize) -> impl Iterator<Item = usize> {
    let step = (count / 32).max(1);
    let ends = [0, 1, 2, count.saturating_sub(1), count.saturating_sub(2), count.saturating_sub(3)];
    ends.into_iter().filter(move |&index| index < count).chain((0..count).step_by(step))
}

/// Pixels that each stage computes for a tile in the middle of the raster.
pub(crate) fn stage_work(chain: &Chain, grid: &TileGrid) -> Vec<f64> {
    let mut pixels = vec![0.0; chain.stages.len()];
    walk_tile(chain, grid, &mut |visit| {
        if let Visit::Output { stage, window } = visit {
            pixels[stage] += window.size().pixels() as f64;
        }
    });
    pixels
}

/// The margins of all stages added up.
pub(crate) fn chain_halo(chain: &Chain) -> Halo {
    chain.stages.iter().map(|stage| stage.operator.halo()).fold(Halo::default(), |sum, halo| Halo {
        left: sum.left + halo.left,
        top: sum.top + halo.top,
        right: sum.right + halo.right,
        bottom: sum.bottom + halo.bottom,
    })
}
