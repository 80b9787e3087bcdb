//! From a graph to a plan: the tile grid, the number of workers and the account, within the budget.

use swathe_core::{Error, Keep, RasterInfo, Result, Size, Sweep};

use crate::account::{self, Largest, Work, stretches};
use crate::grid::TileGrid;
use crate::limits::Limits;
use crate::pipeline::{First, Graph};
use crate::prepare::Preparing;
use crate::report::{AccountLine, PlanSummary, PreparationSummary, RasterSummary, RunOptions, StageSummary};

/// What will happen: a graph with its tile grid, workers and account. Serialises as a [`PlanSummary`].
pub struct Plan {
    pub(crate) graph: Graph,
    pub(crate) grid: TileGrid,
    pub(crate) skip_flush: bool,
    pub(crate) keep: Option<Box<dyn Keep>>,
    pub(crate) summary: PlanSummary,
    /// What is to be learned first; the graph then only stands in for the one that will be run.
    pub(crate) preparing: Option<Box<Preparing>>,
    /// The sweep from the bottom to the top that comes before, where there is one.
    pub(crate) first: Option<Box<Plan>>,
}

/// The work that one more tile costs by itself (handing out, maps, wake-ups), in pixels computed.
const TILE_OVERHEAD: f64 = 10_000.0;
/// What one more stretch of a file costs (a map or a call), in pixels computed.
const STRETCH_OVERHEAD: f64 = 1_000.0;
/// What reading a pixel costs, in pixels computed.
const READ_COST: f64 = 0.5;
/// Bytes of one worker's tile, in, out and between, from which on it falls out of the processor's caches, and what every doubling
/// costs from there. Measured with a gaussian of 11 x 11 on `u16`: tiles of 2048 x 512 and 1024 x 1024 took the least
/// time, 16384 x 256 took 1.5 times as long. With what is handed on from stage to stage counted in, `enhanced-lee ! gaussian !
/// cast` runs in tiles of 1024 x 256, which take 0.85 of the CPU time of 1024 x 1024.
const CACHE_BYTES: f64 = 4.5e6;
const CACHE_MISS_COST: f64 = 0.15;

/// The most pixels that a stripe is wide. What is kept for the next row of tiles grows with it; the blocks on both sides of its
/// edges are decoded twice, 3 % of all with blocks of 256.
const STRIPE_WIDTH: usize = 1 << 14;
/// A stripe is at least so many blocks wide.
const STRIPE_BLOCKS: usize = 16;

/// Bytes of the journal that a tile takes, rather more than less.
const JOURNAL_LINE: u64 = 512;

/// A tile shape that fits the budget.
struct Choice {
    grid: TileGrid,
    workers: usize,
    account: Vec<AccountLine>,
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

impl Plan {
    /// Chooses tile shape and workers for a graph.
    ///
    /// # Errors
    /// Limit, where not even the smallest tile and one worker fit the budget: the message names the least that would do.
    /// Usage, for tiles or threads that make no sense.
    pub fn new(graph: Graph, options: &RunOptions, limits: &Limits) -> Result<Self> {
        Ok(Plan::attempt(graph, options, limits)??)
    }

    /// As [`Plan::new`], for callers that have more to plan before they can say what would do.
    ///
    /// # Errors
    /// As [`Plan::new`], but for the budget.
    pub fn attempt(mut graph: Graph, options: &RunOptions, limits: &Limits) -> Result<Attempt<Self>> {
        let output = graph.output().size;
        if output.is_empty() {
            return Err(Error::usage(format!("the output would be {output} pixels")));
        }
        if options.threads == Some(0) {
            return Err(Error::usage("`--threads` must be at least 1"));
        }
        let (budget_bytes, budget_reason) = budget(options, limits);
        let Choice { grid, workers, mut account } = match choose(&graph, options, limits, budget_bytes) {
            Ok(choice) => choice,
            Err(least_bytes) => {
                let tile_is_given = options.tile.is_some();
                return Ok(Err(Shortfall { budget_bytes, least_bytes, tile_is_given }));
            }
        };
        // Whatever the budget leaves goes to sources that keep decoded blocks, which take no more than they can use.
        let mut spare = budget_bytes.saturating_sub(account::total(&account));
        let largest = Largest::over(&graph.chain, &grid);
        for (number, source) in graph.chain.sources().enumerate() {
            let most = usize::try_from(spare).unwrap_or(usize::MAX);
            let sweep =
                Sweep { tile: grid.tile_size(), need: largest.read_size(number), stripe: grid.stripe() };
            let bytes = source.plan_cache(sweep, workers, most) as u64;
            if bytes > 0 {
                let what = format!("decoded blocks of `{}`", source.name());
                account.push(AccountLine { what, bytes_each: bytes, count: 1 });
                spare = spare.saturating_sub(bytes);
            }
        }
        let mut summary = summarise(&graph, &grid, workers, budget_bytes, budget_reason, account);
        let first = match graph.first.take() {
            None => None,
            Some(first) => {
                let First { step, graph, notes } = *first;
                let (tile, threads) = (Some(grid.tile_size()), Some(workers));
                let plan = Plan::new(graph, &RunOptions { tile, threads, ..options.clone() }, limits)?;
                summary.scratch_bytes = notes.plan(grid.tile_size().height, grid.down())?;
                let sweep = plan.summary.clone();
                let subject = "what lies below each tile".into();
                summary.add_preparations(&[PreparationSummary::new(&step, subject, 1, sweep)]);
                Some(Box::new(plan))
            }
        };
        let skip_flush = options.skip_flush;
        Ok(Ok(Plan { graph, grid, skip_flush, keep: None, summary, preparing: None, first }))
    }

    /// Whether a run can go on with what another left of this output.
    pub fn is_resumable(&self) -> bool {
        self.graph.destination.is_resumable()
    }

    /// Whether tiles of a complete output can be written again in their places.
    pub fn is_mendable(&self) -> bool {
        self.graph.destination.is_mendable()
    }

    /// Has a journal kept of the run, from which another can go on.
    #[must_use]
    pub fn keeping(mut self, keep: Box<dyn Keep>) -> Self {
        // A line for each tile, and a row of the output for each that may be under way where rows are carried on.
        let output = self.graph.output();
        let row = (output.size.width * output.bands * output.sample_type.size()) as u64;
        let journal = self.grid.count() * JOURNAL_LINE + 2 * (self.summary.threads + 1) * row;
        self.summary.disk_needed_bytes = self.summary.disk_needed_bytes.saturating_add(journal);
        Plan { keep: Some(keep), ..self }
    }

    /// Everything there is to say about the plan.
    pub fn summary(&self) -> &PlanSummary {
        &self.summary
    }

    /// What the output will be.
    pub fn output(&self) -> &RasterInfo {
        self.graph.output()
    }
}

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

/// Takes the shape that costs least of those that fit, with as many workers as asked for; else with fewer; else says how
/// many bytes would do.
fn choose(graph: &Graph, options: &RunOptions, limits: &Limits, budget_bytes: u64) -> Result<Choice, u64> {
    let workers = options.threads.unwrap_or(limits.cpus);
    let raster = graph.output().size;
    let shapes = match options.tile {
        Some(tile) => vec![whole_blocks(graph, tile)],
        None => candidates(graph),
    };
    let margin = graph.destination.margin();
    let stripe = row_width(graph);
    let grid = |tile| TileGrid::new(raster, tile, margin).in_stripes(stripe);
    let mut grids = shapes.into_iter().map(grid).collect::<Vec<_>>();
    grids.dedup();
    let mut options_seen =
        grids.into_iter().map(|grid| (grid, Largest::over(&graph.chain, &grid))).collect::<Vec<_>>();
    options_seen.sort_by_cached_key(|(grid, _)| cost(graph, grid, workers).to_bits());
    for workers in (1..=workers).rev() {
        for (grid, largest) in &options_seen {
            let workers = workers.min(usize::try_from(grid.count()).unwrap_or(workers));
            if largest.needed_bytes(graph, workers, limits) <= budget_bytes {
                let account = largest.account(graph, workers, limits);
                return Ok(Choice { grid: *grid, workers, account });
            }
        }
    }
    let alone = |(_, largest): &(TileGrid, Largest)| largest.needed_bytes(graph, 1, limits);
    let Some(smallest) = options_seen.iter().min_by_key(|shape| alone(shape)) else { return Err(u64::MAX) };
    choose_pieces(graph, smallest.0, (workers, limits), budget_bytes)
        .map_err(|least| least.min(alone(smallest)))
}

/// A tile that one worker holds in so many bytes is not computed in pieces: what it needs is not much more than itself.
const SMALL_WORK_BYTES: u64 = 8 << 20;

/// The largest pieces of the tiles of `grid` that fit, halved again and again; else the least bytes that would do.
fn choose_pieces(
    graph: &Graph,
    grid: TileGrid,
    (workers, limits): (usize, &Limits),
    budget_bytes: u64,
) -> Result<Choice, u64> {
    let mut piece = grid.shown(grid.typical()).size();
    let workers = workers.min(usize::try_from(grid.count()).unwrap_or(workers));
    let mut least = u64::MAX;
    loop {
        let grid = grid.in_pieces(piece);
        let largest = Largest::over(&graph.chain, &grid);
        for workers in (1..=workers).rev() {
            let total = largest.needed_bytes(graph, workers, limits);
            least = least.min(total);
            if total <= budget_bytes {
                return Ok(Choice { grid, workers, account: largest.account(graph, workers, limits) });
            }
        }
        let alone = largest.needed_bytes(graph, 1, limits);
        let more = largest.needed_bytes(graph, 2, limits) - alone;
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

fn words(bytes: u64) -> String {
    if bytes < 1 << 20 { format!("{} KiB", bytes >> 10) } else { format!("{} MiB", bytes >> 20) }
}

/// Rounds a tile up to whole blocks where the output wants them.
fn whole_blocks(graph: &Graph, tile: Size) -> Size {
    let (block, raster) = (graph.destination.block(), graph.output().size);
    let width = if graph.destination.full_width() { raster.width } else { tile.width };
    if graph.destination.whole_blocks() {
        let tile = Size::new(width.next_multiple_of(block.width), tile.height.next_multiple_of(block.height));
        in_rows_of_blocks(graph, tile)
    } else {
        Size::new(width, tile.height)
    }
}

/// Cuts a tile of whole blocks to one row of them where the output wants rows filled one after the other.
fn in_rows_of_blocks(graph: &Graph, tile: Size) -> Size {
    if graph.destination.rows_of_blocks() && tile.width < row_width(graph) {
        Size::new(tile.width, graph.destination.block().height)
    } else {
        tile
    }
}

/// The least unit that a tile is made of.
fn unit(graph: &Graph) -> Size {
    let block = graph.destination.block();
    if graph.destination.whole_blocks() {
        return block;
    }
    // As wide as the raster and a block high can be more than a budget.
    let rows = if graph.destination.full_width() { 16 } else { 256 };
    Size::new(block.width.min(256), block.height.min(rows))
}

/// How wide a row of tiles is: as the raster, or as a stripe of it. Stripes bound what sources of compressed blocks keep from one row
/// of tiles to the next, which else grows with the width of the raster. They follow from the rasters and their blocks
/// alone, not from tiles, workers or budget, so that outputs that are appended to are the same whatever those are.
fn row_width(graph: &Graph) -> usize {
    let (raster, unit) = (graph.output().size, unit(graph).width);
    let mut width = unit;
    while width <= STRIPE_WIDTH / 2 {
        width *= 2;
    }
    let mut keeping = graph.chain.sources().filter(|source| source.keeps_blocks()).peekable();
    let helps = keeping.peek().is_some()
        && keeping.all(|source| source.block().width.saturating_mul(STRIPE_BLOCKS) <= width)
        && graph.chain.sources().all(|source| source.info().size == raster);
    let most =
        if helps && graph.destination.takes_stripes() && width <= STRIPE_WIDTH { width } else { usize::MAX };
    raster.width.min(most)
}

/// Tile shapes worth a look: the smallest unit that the output can take, doubled in each direction until it covers all.
fn candidates(graph: &Graph) -> Vec<Size> {
    let (raster, unit) = (graph.output().size, unit(graph));
    let steps = |unit: usize, length: usize| {
        std::iter::successors(Some(unit.min(length)), |side| side.checked_mul(2))
            .take_while(move |&side| side < length.saturating_mul(2))
    };
    let widths: Vec<usize> = if graph.destination.full_width() {
        vec![raster.width]
    } else {
        steps(unit.width, row_width(graph)).collect()
    };
    widths
        .iter()
        .flat_map(|&width| steps(unit.height, raster.height).map(move |height| Size::new(width, height)))
        .map(|tile| in_rows_of_blocks(graph, tile))
        .collect()
}

/// What computing the whole output costs with this grid, in pixels computed.
fn cost(graph: &Graph, grid: &TileGrid, workers: usize) -> f64 {
    let work = Work::of(&graph.chain, grid);
    let tile = grid.typical();
    let pixel_bytes = |info: &RasterInfo| (info.bands * info.sample_type.size()) as f64;
    let pixels = tile.size().pixels() as f64;
    let ends = work.read * pixel_bytes(graph.chain.source.info()) + pixels * pixel_bytes(graph.output());
    let bytes = ends + work.handed_on;
    let out_of_cache = 1.0 + CACHE_MISS_COST * (bytes / CACHE_BYTES).log2().max(0.0);
    let written = stretches(tile, graph.destination.block(), graph.output().size);
    let for_pixels = (work.computed + work.read * READ_COST) * out_of_cache;
    let by_itself = (work.stretches + written) * STRETCH_OVERHEAD + TILE_OVERHEAD;
    // Tiles at the edge are smaller, but cost as much by themselves; the last ones of a run leave workers idle, half a
    // tile for each on the average.
    let whole = graph.output().size.pixels() as f64 / pixels;
    for_pixels * (whole + workers as f64 / 2.0) + by_itself * grid.count() as f64
}

fn summarise(
    graph: &Graph,
    grid: &TileGrid,
    workers: usize,
    budget_bytes: u64,
    budget_reason: String,
    account: Vec<AccountLine>,
) -> PlanSummary {
    let work = Work::of(&graph.chain, grid);
    let tile = grid.typical().size().pixels() as f64;
    let raster = |name: &str, info: &RasterInfo, block: Size, method: String| RasterSummary {
        name: name.into(),
        width: info.size.width as u64,
        height: info.size.height as u64,
        bands: info.bands as u64,
        sample_type: info.sample_type.name().into(),
        block_width: block.width as u64,
        block_height: block.height as u64,
        method,
    };
    let of_source = |source: &dyn swathe_core::Source| {
        raster(source.name(), source.info(), source.block(), source.method())
    };
    let halo =
        |halo: swathe_core::Halo| [halo.left, halo.top, halo.right, halo.bottom].map(|side| side as u64);
    let stage_work = account::stage_work(&graph.chain, grid);
    let stages = graph.chain.stages.iter().zip(stage_work).map(|(stage, pixels)| StageSummary {
        operator: stage.name.clone(),
        halo: halo(stage.operator.halo()),
        recompute_factor: pixels / tile * graph.output().size.pixels() as f64
            / stage.operator.output().size.pixels() as f64,
    });
    let sources_pixels: f64 = graph.chain.sources().map(|source| source.info().size.pixels() as f64).sum();
    let read_factor = work.read / tile * graph.output().size.pixels() as f64 / sources_pixels;
    let stored: u64 = graph.chain.sources().map(|source| source.stored_bytes(source.info().window())).sum();
    PlanSummary {
        inputs: graph.chain.sources().map(of_source).collect(),
        stages: stages.collect(),
        output: raster(
            graph.destination.name(),
            graph.destination.output().unwrap_or(graph.output()),
            graph.destination.block(),
            graph.destination.method(),
        ),
        passes: 1,
        preparations: Vec::new(),
        tile_width: grid.tile_size().width as u64,
        tile_height: grid.tile_size().height as u64,
        stripe_width: grid.stripe().map(|width| width as u64),
        tiles: grid.count(),
        halo: halo(account::chain_halo(&graph.chain)),
        read_factor,
        threads: workers as u64,
        budget_bytes,
        budget_reason,
        predicted_peak_bytes: account::total(&account),
        account,
        read_bytes: (stored as f64 * read_factor) as u64,
        write_bytes: graph.destination.file_bytes(),
        disk_needed_bytes: graph.destination.file_bytes(),
        disk_free_bytes: graph.destination.free_bytes(),
        scratch_bytes: 0,
        estimate: None,
    }
}
