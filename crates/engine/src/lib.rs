//! Swathe's engine: pipeline to plan to run, within a memory budget.
//!
//! A [`Pipeline`] is what a person asked for; a [`Graph`] is the same with its names resolved; a [`Plan`] says what will
//! happen, with a tile grid and a full account of memory; running it streams tiles through a bounded pool of workers.
//!
//! Only this crate spawns threads and allocates tiles. It contains no format's and no operator's name.

mod account;
mod between;
mod both_ways;
mod evaluate;
mod extend;
mod gathering;
mod grid;
mod limits;
mod means;
mod memory;
mod pipeline;
mod plan;
mod prepare;
mod report;
mod run;
mod scanning;
mod several;
mod survey;
mod sweeps;
mod way;
mod windows;

pub use both_ways::{InterimRaster, MakeInterim};
pub use gathering::{Gathering, Segment, ShardedTiles};
pub use limits::Limits;
pub use means::{Attempt, Shortfall, together};
pub use memory::{peak_resident_bytes, resident_bytes};
pub use pipeline::{Catalogue, Graph, Input, JOB_VERSION, Output, Pipeline, Scanner, Stage, Step, resolve};
pub use plan::Plan;
pub use prepare::{Preparation, Sweeps};
pub use report::{
    AccountLine, Fusion, FusionSummary, Observer, PlanSummary, PreparationSummary, Progress, RasterSummary,
    Report, RunOptions, ShardSummary, StageSeconds, StageSummary, StoredSummary, SweepSeconds, TimeEstimate,
};
pub use several::several;
pub use survey::Survey;
pub use way::Store;
