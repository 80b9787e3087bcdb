//! From a graph to a plan: the tile grid, the number of workers and the account, within the budget.

use swathe_core::{Keep, RasterInfo, Result, Sharing, Size, Sweep};

use crate::account::{self, Largest, Work};
use crate::grid::TileGrid;
use crate::limits::Limits;
use crate::means::{Attempt, Choice, Means};
use crate::pipeline::{First, Graph, Part};
use crate::prepare::Preparing;
use crate::report::{
    AccountLine, PlanSummary, PreparationSummary, RasterSummary, RunOptions, ShardSummary, StageSummary,
};

/// What will happen: a graph with its tile grid, workers and account. Serialises as a [`PlanSummary`].
pub struct Plan {
    pub(crate) graph: Graph,
    pub(crate) grid: TileGrid,
    pub(crate) skip_flush: bool,
    pub(crate) skip_reserve: bool,
    pub(crate) keep: Option<Box<dyn Keep>>,
    pub(crate) summary: PlanSummary,
    /// What is to be learned first; the graph then only stands in for the one that will be run.
    pub(crate) preparing: Option<Box<Preparing>>,
    /// What the sweep is for.
    pub(crate) purpose: String,
    /// Sweeps that come before, in order: for what is stored on the way, and the one from the bottom to the top.
    pub(crate) before: Vec<Plan>,
}

/// So much of some bytes as a part has of a whole.
fn share(bytes: u64, part: u64, whole: u64) -> u64 {
    (u128::from(bytes) * u128::from(part)).div_ceil(u128::from(whole.max(1))) as u64
}

/// Bytes of the journal that a tile takes, rather more than less.
const JOURNAL_LINE: u64 = 512;

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
    pub fn attempt(graph: Graph, options: &RunOptions, limits: &Limits) -> Result<Attempt<Self>> {
        let means = Means::new(&graph, options, limits)?;
        match means.choose(graph.sweep()) {
            Ok(choice) => means.planned(graph, 0, choice).map(Ok),
            Err(short) => Ok(Err(short)),
        }
    }

    /// Where the shards of this output put what they compute, where this is the plan of one.
    pub fn sharing(&self) -> Option<Sharing> {
        self.graph.shard.and_then(|_| self.graph.destination.sharing())
    }

    /// The tiles that are computed: none for a shard without rows.
    pub(crate) fn tiles(&self) -> u64 {
        if self.summary.shard.is_some_and(|shard| shard.rows == 0) { 0 } else { self.grid.count() }
    }

    /// Whether a run can go on with what another left of this output, and tiles of a complete one be written again in their places.
    pub fn is_resumable(&self) -> bool {
        self.graph.destination.is_resumable()
    }

    /// Whether what stands before the tiles of the output is made when all of them are there.
    pub fn ends_with_head(&self) -> bool {
        self.graph.destination.ends_with_head()
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

impl Means<'_> {
    /// The sweep of a graph with the tile shape and workers that were chosen for it, beside so many bytes of other sweeps.
    pub(crate) fn planned(&self, mut graph: Graph, beside_bytes: u64, choice: Choice) -> Result<Plan> {
        let Choice { grid, workers, mut account, .. } = choice;
        // Whatever the budget leaves goes to sources that keep decoded blocks, which take no more than they can use.
        let mut spare = self.budget_bytes.saturating_sub(account::total(&account));
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
        let first = graph.first.take();
        let mut summary = self.summarise(Part { beside_bytes, ..graph.sweep() }, &grid, workers, account);
        let mut before = Vec::new();
        if let Some(first) = first {
            let First { step, graph, notes } = *first;
            let (tile, threads) = (Some(grid.tile_size()), Some(workers));
            let options = RunOptions { tile, threads, ..self.options.clone() };
            let means = Means {
                options: &options,
                limits: self.limits,
                budget_bytes: self.budget_bytes,
                budget_reason: self.budget_reason.clone(),
            };
            let choice = means.choose(Part { beside_bytes, ..graph.sweep() })?;
            let plan = means.planned(graph, beside_bytes, choice)?;
            summary.scratch_bytes = notes.plan(grid.tile_size().height, grid.down())?;
            let subject = "what lies below each tile";
            let sweep = plan.summary.clone();
            summary.add_preparations(&[PreparationSummary::new(&step, subject.into(), 1, sweep)]);
            before.push(Plan { purpose: subject.into(), ..plan });
        }
        let RunOptions { skip_flush, skip_reserve, .. } = *self.options;
        let purpose = "output".into();
        Ok(Plan {
            graph,
            grid,
            skip_flush,
            skip_reserve,
            keep: None,
            summary,
            preparing: None,
            purpose,
            before,
        })
    }

    fn summarise(
        &self,
        sweep: Part<'_>,
        grid: &TileGrid,
        workers: usize,
        account: Vec<AccountLine>,
    ) -> PlanSummary {
        let work = Work::of(sweep.chain, grid);
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
        let stage_work = account::stage_work(sweep.chain, grid);
        let stages = sweep.chain.stages.iter().zip(stage_work).map(|(stage, pixels)| StageSummary {
            operator: stage.name.clone(),
            halo: halo(stage.operator.halo()),
            recompute_factor: pixels / tile * sweep.chain.output().size.pixels() as f64
                / stage.operator.output().size.pixels() as f64,
        });
        let sources_pixels: f64 =
            sweep.chain.sources().map(|source| source.info().size.pixels() as f64).sum();
        let read_factor = work.read / tile * sweep.chain.output().size.pixels() as f64 / sources_pixels;
        let stored: u64 =
            sweep.chain.sources().map(|source| source.stored_bytes(source.info().window())).sum();
        let destination = sweep.destination;
        let height = sweep.chain.output().size.height;
        let shard = sweep.shard.map(|shard| {
            let rows = sweep.rows_of(shard);
            ShardSummary {
                number: shard.number,
                count: shard.count,
                first_row: rows.start as u64,
                rows: rows.len() as u64,
                one_file: destination.sharing() == Some(Sharing::OneFile),
            }
        });
        let rows = shard.map_or(sweep.rows().len() as u64, |shard| shard.rows);
        let of_rows = |bytes: u64| share(bytes, rows, height as u64);
        // A file of its own is counted by its rows already.
        let whole_file = shard.is_some_and(|shard| shard.one_file);
        let write_bytes =
            if whole_file { of_rows(destination.file_bytes()) } else { destination.file_bytes() };
        PlanSummary {
            inputs: sweep.chain.sources().map(of_source).collect(),
            stages: stages.collect(),
            output: raster(
                sweep.destination.name(),
                sweep.destination.output().unwrap_or(sweep.chain.output()),
                sweep.destination.block(),
                sweep.destination.method(),
            ),
            shard,
            passes: 1,
            preparations: Vec::new(),
            tile_width: grid.tile_size().width as u64,
            tile_height: grid.tile_size().height as u64,
            stripe_width: grid.stripe().map(|width| width as u64),
            tiles: grid.count(),
            halo: halo(account::chain_halo(sweep.chain)),
            read_factor,
            threads: workers as u64,
            budget_bytes: self.budget_bytes,
            budget_reason: self.budget_reason.clone(),
            predicted_peak_bytes: account::total(&account),
            account,
            read_bytes: of_rows((stored as f64 * read_factor) as u64),
            write_bytes,
            may_take_less: destination.may_take_less(),
            disk_needed_bytes: destination.needed_bytes(),
            disk_free_bytes: sweep.destination.disk().map(|disk| disk.free_bytes),
            scratch_bytes: 0,
            scratch_free_bytes: None,
            stored: Vec::new(),
            fusion: None,
            estimate: None,
        }
    }
}
