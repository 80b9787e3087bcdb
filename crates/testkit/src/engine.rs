//! Chains through the real engine, from memory to memory.

use std::ops::Range;
use std::sync::atomic::AtomicBool;

use swathe_core::{ErrorKind, RasterInfo, Result, Shard, Size};
pub use swathe_engine::Fusion;
use swathe_engine::{Graph, Limits, Plan, RunOptions, Stage};

use crate::chain::Step;
use crate::memory::{self, MemoryDestination, MemoryResult, MemoryShape, MemorySource};
use crate::raster::Raster;

/// A way to run a chain; none of it may show.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    /// The tile that is asked for; `None` lets the plan choose.
    pub tile: Option<Size>,
    /// Workers.
    pub threads: usize,
    /// The budget.
    pub budget: Budget,
    /// What the output asks for.
    pub shape: MemoryShape,
    /// The blocks that the input says it has.
    pub source_block: Size,
    /// Whether the chain is run in one sweep.
    pub fusion: Fusion,
}

/// How much memory a run may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// More than anybody needs.
    Ample,
    /// The least that the plan takes, and this many bytes more.
    LeastAnd(u64),
}

impl Way {
    /// With tiles of `tile` pixels and so many workers.
    pub const fn tiles(tile: Size, threads: usize) -> Self {
        Way {
            tile: Some(tile),
            threads,
            budget: Budget::Ample,
            shape: MemoryShape::ANY,
            source_block: Size::new(32, 8),
            fusion: Fusion::Auto,
        }
    }

    /// With tiles that the plan chooses.
    pub const fn chosen(budget: Budget, threads: usize, shape: MemoryShape) -> Self {
        Way { tile: None, threads, budget, shape, source_block: Size::new(32, 8), fusion: Fusion::Auto }
    }
}

/// What the tests say that the machine has: the real one's memory must not decide what a test does.
const MACHINE: Limits = Limits { available_bytes: 64 << 30, group_bytes: None, cpus: 2, held_bytes: 8 << 20 };

/// Runs a chain.
///
/// # Errors
/// Whatever the operators or the engine say.
pub fn run(source: &Raster, steps: &[Step], way: &Way) -> Result<Raster> {
    let (plan, result) = plan(source, steps, way)?;
    let report = plan.run(&(), &AtomicBool::new(false))?;
    assert_eq!(report.plan.threads as usize, report.workers.len(), "workers that were not planned");
    Ok(result.take().expect("a run that succeeds has finished its sink"))
}

/// Runs a chain in so many shards, each with another of these ways, and puts their rows together.
///
/// # Errors
/// Whatever the operators or the engine say.
pub fn run_in_shards(source: &Raster, steps: &[Step], ways: &[Way], count: u64) -> Result<Raster> {
    let mut whole: Option<Raster> = None;
    for (shard, way) in Shard::all(count).zip(ways.iter().cycle()) {
        let (plan, result) = plan_shard(source, steps, way, Some(shard))?;
        let rows = plan.summary().shard.expect("the plan of a shard says so");
        plan.run(&(), &AtomicBool::new(false))?;
        let part = result.take().expect("a run that succeeds has left its part");
        let rows = rows.first_row as usize..(rows.first_row + rows.rows) as usize;
        whole = Some(match whole {
            Some(whole) => whole.with_rows(&part, rows),
            None => part,
        });
    }
    Ok(whole.expect("there is a shard"))
}

/// Plans a chain, and says where its result will be.
///
/// # Errors
/// Whatever the operators or the engine say.
pub fn plan(source: &Raster, steps: &[Step], way: &Way) -> Result<(Plan, MemoryResult)> {
    plan_shard(source, steps, way, None)
}

fn plan_shard(
    source: &Raster,
    steps: &[Step],
    way: &Way,
    shard: Option<Shard>,
) -> Result<(Plan, MemoryResult)> {
    let attempt = |memory_bytes: Option<u64>, tile: Option<Size>, threads: usize| {
        let (graph, result) = graph(source, steps, way)?;
        let fusion = way.fusion;
        let graph = graph.of_shard(shard)?;
        let options = RunOptions {
            memory_bytes,
            threads: Some(threads),
            tile,
            fusion,
            skip_flush: true,
            shard,
            ..RunOptions::default()
        };
        let store = |_: &str, info: RasterInfo, _: Range<usize>| Ok(memory::interim(&info));
        Ok((Plan::in_sweeps(graph, &store, &options, &MACHINE)??, result))
    };
    let Budget::LeastAnd(more) = way.budget else {
        return attempt(Some(1 << 40), way.tile, way.threads);
    };
    let (smallest, _) = attempt(Some(1 << 40), way.tile.or(Some(Size::new(1, 1))), 1)?;
    // Tiles that the plan chooses are not as small as a pixel.
    let mut bytes = smallest.summary().predicted_peak_bytes + more;
    loop {
        match attempt(Some(bytes), way.tile, way.threads) {
            Err(error) if error.kind() == ErrorKind::Limit && bytes < 1 << 40 => bytes += bytes / 16,
            other => return other,
        }
    }
}

fn graph(source: &Raster, steps: &[Step], way: &Way) -> Result<(Graph, MemoryResult)> {
    let memory = |raster: &Raster| Box::new(MemorySource::new(raster.clone(), way.source_block));
    let mut info = source.info.clone();
    let mut stages = Vec::with_capacity(steps.len());
    for step in steps {
        let operator = step.bind(&info)?;
        info = operator.output().clone();
        let with = step.with.iter().map(|raster| memory(raster) as Box<dyn swathe_core::Source>);
        stages.push(Stage { name: step.spec.name.into(), operator, with: with.collect() });
    }
    let (destination, result) = MemoryDestination::new(info, way.shape);
    Ok((Graph::new(memory(source), stages, Box::new(destination)), result))
}
