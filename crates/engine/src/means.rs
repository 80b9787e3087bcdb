//! What a run may use, and the tiles and workers that are chosen for a sweep within that.

use swathe_core::{Destination, Error, Result, Size};

use crate::account::{Largest, Work, stretches};
use crate::grid::TileGrid;
use crate::limits::Limits;
use crate::pipeline::{Chain, Graph, Part};
use crate::report::{AccountLine, RunOptions};

/// What one more tile takes by itself (handing out, calls, a line of the journal), in nanoseconds.
const TILE: f64 = 10_000.0;
/// The same where nothing is written.
const GATHERED_TILE: f64 = 1_500.0;
/// What one more stretch of a file takes (a map or a call), in nanoseconds.
const STRETCH: f64 = 1_000.0;
/// What it takes to read a byte, in nanoseconds. `mean` of 3 x 3 over blocks of 256 x 256 `u16`, in tiles of 256, 512, 1024, 2048 and
/// 4096 columns by 256 rows, takes 1.37, 1.19, 1.07, 1 and 1.02 times as long: the halo on each side is one block more.
const READ_BYTE: f64 = 0.14;
/// The same where it is read straight into a tile.
const STRAIGHT_BYTE: f64 = 0.11;
/// Bytes that one stage of a worker's tile looks at and makes, from which on it falls out of the processor's caches (1 MiB of a core and 32 MiB of
/// all, on the machine measured on), and what every doubling takes from there, for each of these bytes, in nanoseconds. CPU time of
/// tiles of 1024 x 256, 2048 x 256 and 4096 x 256: NDVI, of 2 to 8 MB, 1, 1.04 and 1.33; `sobel`, 1.5 to 6 MB, 1, 1.02, 1.48;
/// `enhanced-lee`, as many, 1, 1.04, 1.21; `erode` of 15 x 15, 1 to 4 MB, 1.06, 1, 1.02.
const CACHE_BYTES: f64 = 2.5e6;
const CACHE_MISS: f64 = 0.15;

/// The most pixels that a stripe is wide. What is kept for the next row of tiles grows with it; the blocks on both sides of its
/// edges are decoded twice, 3 % of all with blocks of 256.
const STRIPE_WIDTH: usize = 1 << 14;
/// A stripe is at least so many blocks wide.
const STRIPE_BLOCKS: usize = 16;

/// A tile shape that fits the budget.
pub(crate) struct Choice {
    pub(crate) grid: TileGrid,
    pub(crate) workers: usize,
    pub(crate) account: Vec<AccountLine>,
}

/// A budget that cannot hold a plan.
#[derive(Clone, Copy, Debug)]
pub struct Shortfall {
    budget_bytes: u64,
    /// The least that would do.
    least_bytes: u64,
    /// Whether the tile was not the plan's to choose.
    tile_is_given: bool,
}

impl Shortfall {
    /// The one that is mended with less.
    pub(crate) fn lesser(self, other: Self) -> Self {
        if other.least_bytes < self.least_bytes { other } else { self }
    }
}

impl From<Shortfall> for Error {
    fn from(short: Shortfall) -> Self {
        // What the program holds by itself differs by some pages from one start to the next.
        let least = short.least_bytes.saturating_add(512 << 10);
        let more = if short.tile_is_given { " (or a smaller `--tile`)" } else { "" };
        Error::limit(format!(
            "the budget of {} cannot hold this plan; the least that would do is `--memory {}MiB`{more}",
            words(short.budget_bytes),
            least.div_ceil(1 << 20)
        ))
    }
}

/// A plan, or what it lacks.
pub type Attempt<T> = std::result::Result<T, Shortfall>;

/// The plans of sweeps that follow one another, or the least that holds all of them.
///
/// # Errors
/// What is lacking, where the budget does not hold every sweep.
pub fn together<T>(attempts: impl IntoIterator<Item = Attempt<T>>) -> Attempt<Vec<T>> {
    let mut all = Ok(Vec::new());
    for attempt in attempts {
        all = both(all, attempt).map(|(mut all, plan)| {
            all.push(plan);
            all
        });
    }
    all
}

/// Both, or the least that holds them.
pub(crate) fn both<A, B>(one: Attempt<A>, other: Attempt<B>) -> Attempt<(A, B)> {
    match (one, other) {
        (Ok(one), Ok(other)) => Ok((one, other)),
        (Ok(_), Err(short)) | (Err(short), Ok(_)) => Err(short),
        (Err(one), Err(other)) => {
            Err(Shortfall { least_bytes: one.least_bytes.max(other.least_bytes), ..one })
        }
    }
}

fn words(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..0x10_0000 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}

/// What a run may use.
pub(crate) struct Means<'a> {
    pub(crate) options: &'a RunOptions,
    pub(crate) limits: &'a Limits,
    pub(crate) budget_bytes: u64,
    pub(crate) budget_reason: String,
}

impl<'a> Means<'a> {
    /// What options and limits leave for a graph.
    ///
    /// # Errors
    /// Usage, for an output without pixels or threads that make no sense.
    pub(crate) fn new(graph: &Graph, options: &'a RunOptions, limits: &'a Limits) -> Result<Self> {
        let output = graph.output().size;
        if output.is_empty() {
            return Err(Error::usage(format!("the output would be {output} pixels")));
        }
        if options.threads == Some(0) {
            return Err(Error::usage("`--threads` must be at least 1"));
        }
        if options.shard.is_some() && graph.shard.is_none() {
            return Err(Error::unsupported(format!(
                "`{}` cannot be computed in shards: run it without `--shard`",
                graph.destination.name()
            )));
        }
        let (budget_bytes, budget_reason) = budget(options, limits);
        Ok(Means { options, limits, budget_bytes, budget_reason })
    }

    /// The workers that are asked for.
    pub(crate) fn workers(&self) -> usize {
        self.options.threads.unwrap_or(self.limits.cpus)
    }

    /// Takes the shape that costs least of those that fit, with as many workers as asked for; else with fewer; else says how
    /// many bytes would do.
    pub(crate) fn choose(&self, sweep: Part<'_>) -> Attempt<Choice> {
        let (budget_bytes, tile_is_given) = (self.budget_bytes, self.options.tile.is_some());
        self.fitting(sweep).map_err(|least_bytes| Shortfall { budget_bytes, least_bytes, tile_is_given })
    }

    fn fitting(&self, sweep: Part<'_>) -> Result<Choice, u64> {
        let workers = self.workers();
        let raster = sweep.chain.output().size;
        let shapes = match self.options.tile {
            Some(tile) => vec![whole_blocks(sweep, tile)],
            None => candidates(sweep),
        };
        let margin = sweep.destination.margin();
        let rows = sweep.rows();
        let grid = |tile| TileGrid::new(raster, tile, margin).over_rows(&rows).in_stripes(sweep.row_width);
        let mut grids = shapes.into_iter().map(grid).collect::<Vec<_>>();
        grids.dedup();
        let mut options_seen =
            grids.into_iter().map(|grid| (grid, Largest::over(sweep.chain, &grid))).collect::<Vec<_>>();
        options_seen.sort_by_cached_key(|(grid, _)| cost(sweep, grid, workers).to_bits());
        for workers in (1..=workers).rev() {
            for (grid, largest) in &options_seen {
                let workers = workers.min(usize::try_from(grid.count()).unwrap_or(workers));
                if largest.needed_bytes(sweep, workers, self.limits) <= self.budget_bytes {
                    let account = largest.account(sweep, workers, self.limits);
                    return Ok(Choice { grid: *grid, workers, account });
                }
            }
        }
        let alone = |(_, largest): &(TileGrid, Largest)| largest.needed_bytes(sweep, 1, self.limits);
        let Some(smallest) = options_seen.iter().min_by_key(|shape| alone(shape)) else {
            return Err(u64::MAX);
        };
        self.in_pieces(sweep, smallest.0).map_err(|least| least.min(alone(smallest)))
    }

    /// The largest pieces of the tiles of `grid` that fit, halved again and again; else the least bytes that would do.
    fn in_pieces(&self, sweep: Part<'_>, grid: TileGrid) -> Result<Choice, u64> {
        let (limits, budget_bytes) = (self.limits, self.budget_bytes);
        let mut piece = grid.shown(grid.typical()).size();
        let workers = self.workers();
        let workers = workers.min(usize::try_from(grid.count()).unwrap_or(workers));
        let mut least = u64::MAX;
        loop {
            let grid = grid.in_pieces(piece);
            let largest = Largest::over(sweep.chain, &grid);
            for workers in (1..=workers).rev() {
                let total = largest.needed_bytes(sweep, workers, limits);
                least = least.min(total);
                if total <= budget_bytes {
                    return Ok(Choice { grid, workers, account: largest.account(sweep, workers, limits) });
                }
            }
            let alone = largest.needed_bytes(sweep, 1, limits);
            let more = largest.needed_bytes(sweep, 2, limits) - alone;
            if piece.pixels() == 1 || more < SMALL_WORK_BYTES {
                return Err(least);
            }
            if piece.width > piece.height {
                piece.width = piece.width.div_ceil(2);
            } else {
                piece.height = piece.height.div_ceil(2);
            }
        }
    }
}

/// A tile that one worker holds in so many bytes is not computed in pieces: what it needs is not much more than itself.
const SMALL_WORK_BYTES: u64 = 8 << 20;

fn budget(options: &RunOptions, limits: &Limits) -> (u64, String) {
    match options.memory_bytes {
        Some(bytes) => (bytes, "as given".into()),
        None => {
            let of = match limits.group_bytes {
                Some(limit) => format!("the control group's limit of {} MiB", limit >> 20),
                None => "the machine".into(),
            };
            let left = limits.available_bytes >> 20;
            (limits.default_budget_bytes(), format!("half of the {left} MiB that {of} leaves, at most 1 GiB"))
        }
    }
}

/// Rounds a tile up to whole blocks where the output wants them.
fn whole_blocks(sweep: Part<'_>, tile: Size) -> Size {
    let (block, raster) = (sweep.destination.block(), sweep.chain.output().size);
    let width = if sweep.destination.full_width() { raster.width } else { tile.width };
    if sweep.destination.whole_blocks() {
        let tile = Size::new(width.next_multiple_of(block.width), tile.height.next_multiple_of(block.height));
        in_rows_of_blocks(sweep, tile)
    } else {
        Size::new(width, tile.height)
    }
}

/// Cuts a tile of whole blocks to one row of them where the output wants rows filled one after the other.
fn in_rows_of_blocks(sweep: Part<'_>, tile: Size) -> Size {
    if sweep.destination.rows_of_blocks() && tile.width < sweep.row_width {
        Size::new(tile.width, sweep.destination.block().height)
    } else {
        tile
    }
}

/// The least unit that a tile is made of.
fn unit(destination: &dyn Destination) -> Size {
    let block = destination.block();
    if destination.whole_blocks() {
        return block;
    }
    // As wide as the raster and a block high can be more than a budget.
    let rows = if destination.full_width() { 16 } else { 256 };
    Size::new(block.width.min(256), block.height.min(rows))
}

/// How wide a row of tiles is: as the raster, or as a stripe of it. Stripes bound what sources of compressed blocks keep from one row
/// of tiles to the next, which else grows with the width of the raster. They follow from the rasters and their blocks
/// alone, not from tiles, workers or budget, so that outputs that are appended to are the same whatever those are.
pub(crate) fn row_width(chain: &Chain, destination: &dyn Destination) -> usize {
    let (raster, unit) = (chain.output().size, unit(destination).width);
    let mut width = unit;
    while width <= STRIPE_WIDTH / 2 {
        width *= 2;
    }
    let mut keeping = chain.sources().filter(|source| source.keeps_blocks()).peekable();
    let helps = keeping.peek().is_some()
        && keeping.all(|source| source.block().width.saturating_mul(STRIPE_BLOCKS) <= width)
        && chain.sources().all(|source| source.info().size == raster);
    let most = if helps && destination.takes_stripes() && width <= STRIPE_WIDTH { width } else { usize::MAX };
    raster.width.min(most)
}

/// Tile shapes worth a look: the smallest unit that the output can take, doubled in each direction until it covers all.
fn candidates(sweep: Part<'_>) -> Vec<Size> {
    let (raster, unit) = (sweep.chain.output().size, unit(sweep.destination));
    let steps = |unit: usize, length: usize| {
        std::iter::successors(Some(unit.min(length)), |side| side.checked_mul(2))
            .take_while(move |&side| side < length.saturating_mul(2))
    };
    let widths: Vec<usize> = if sweep.destination.full_width() {
        vec![raster.width]
    } else {
        steps(unit.width, sweep.row_width).collect()
    };
    widths
        .iter()
        .flat_map(|&width| steps(unit.height, raster.height).map(move |height| Size::new(width, height)))
        .map(|tile| in_rows_of_blocks(sweep, tile))
        .collect()
}

/// The nanoseconds that computing the whole output costs with this grid.
fn cost(sweep: Part<'_>, grid: &TileGrid, workers: usize) -> f64 {
    let work = Work::of(sweep.chain, grid);
    let tile = grid.typical();
    let pixels = tile.size().pixels() as f64;
    let missed = |bytes: f64| CACHE_MISS * (bytes / CACHE_BYTES).log2().max(0.0) * bytes;
    let missed = if work.held.is_empty() {
        missed(2.0 * sweep.chain.output().kind().bytes(tile) as f64)
    } else {
        work.held.iter().map(|&bytes| missed(bytes)).sum()
    };
    let (written, by_itself) = if sweep.destination.file_bytes() == 0 {
        (0.0, GATHERED_TILE)
    } else {
        (stretches(tile, sweep.destination.block(), sweep.chain.output().size), TILE)
    };
    let reading = work.touched * READ_BYTE + work.straight * STRAIGHT_BYTE;
    let by_itself = (work.stretches + written) * STRETCH + by_itself;
    // Tiles at the edge are smaller, but cost as much by themselves; the last ones of a run leave workers idle, half a
    // tile for each on the average.
    let whole = grid.pixels() as f64 / pixels;
    (work.nanoseconds + reading + missed) * (whole + workers as f64 / 2.0) + by_itself * grid.count() as f64
}
