//! Filter rasters bigger than memory: the library.
//!
//! A [`Job`] says what to do, as plain data; [`plan`] says what will happen and what it takes; [`Plan::run`] does it.
//!
//! ```
//! use std::sync::atomic::AtomicBool;
//! use swathe::{Job, SyntheticOptions, generate, plan};
//!
//! let folder = tempfile::tempdir()?;
//! let (scene, smooth) = (folder.path().join("scene.tif"), folder.path().join("smooth.tif"));
//! let (scene, smooth) = (scene.display().to_string(), smooth.display().to_string());
//! generate(&scene, &SyntheticOptions::default(), &Default::default(), &Default::default())?.run(&(), &AtomicBool::new(false))?;
//!
//! let job = Job::from_toml(&format!(
//!     "version = 1\nread = {{ path = '{scene}' }}\nwrite = {{ path = '{smooth}' }}\n\
//!      step = [{{ operator = 'gaussian', parameters = {{ sigma = '2.2' }} }}]\nrun = {{ memory = '64MiB' }}"
//! ))?;
//! let report = plan(&job)?.run(&(), &AtomicBool::new(false))?;
//! assert!(report.plan.predicted_peak_bytes < 64 << 20);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod batch;
mod catalogue;
mod compare;
mod info;
mod inquiry;
mod job;
mod overviews;
mod preparation;
mod quantity;
mod recovery;
mod region_table;
mod registration;
mod sharded;
mod tie_points;

use swathe_core::{RasterInfo, Result, Source};
use swathe_engine::Graph;

pub use batch::{Batch, BatchObserver, BatchReport, SceneOutcome, Status};
pub use catalogue::{Formats, like, like_operator};
pub use compare::{Comparison, Difference, compare};
pub use info::{Band, BandStatistics, Info, info};
pub use inquiry::{Findings, Inquiry};
pub use job::{Job, RunSettings};
pub use overviews::overviews;
pub use quantity::parse_bytes;
pub use recovery::{Repair, is_complete, repair};
pub use registration::{Registering, Registration, RegistrationFindings, Shift};
pub use sharded::{GatherSettings, Gathered, gather};
pub use swathe_core::{
    Error, ErrorKind, Group, NodataPolicy, OperatorSpec, Parameter, ParameterKind, Parameters, SampleType,
    Scalar, Shard, Size, Spec, Value, Window, number_range,
};
pub use swathe_engine::{
    AccountLine, Fusion, FusionSummary, Input, JOB_VERSION, Limits, Observer, Output, Pipeline, Plan,
    PlanSummary, PreparationSummary, Progress, RasterSummary, Report, RunOptions, ShardSummary, StageSeconds,
    StageSummary, Step, StoredSummary, SweepSeconds, TimeEstimate,
};
pub use swathe_io::{
    Channels, Colours, Damage, Pattern, Picture, PreviewOptions, Receipt, SyntheticOptions, SyntheticSource,
    absorb_bus_error, discard_shards, file_of, refuse_existing, side_by_side, verify, write_png, write_whole,
};
pub use swathe_operators::matching::fit::Motion;
pub use swathe_operators::matching::{Model, Outcome};
pub use swathe_operators::transform::registration::{REGISTER, RegistrationSpec};
pub use swathe_operators::{OPERATORS, find as find_operator, reduce, scan};
pub use tie_points::{ChipRegistration, Tie, TiePoints};

/// Thinks a job out: opens its inputs, binds its operators, chooses tiles and workers within the budget.
///
/// # Errors
/// Whatever is wrong with the job, its inputs or its output; Limit, where the budget cannot hold it.
pub fn plan(job: &Job) -> Result<Plan> {
    let limits = Limits::detect();
    recovery::plan_kept(job, &limits)
}

/// Thinks out the making of a synthetic scene.
///
/// # Errors
/// Usage, for options that make no sense; else as [`plan`].
pub fn generate(
    path: &str,
    scene: &SyntheticOptions,
    output: &std::collections::BTreeMap<String, String>,
    run: &RunSettings,
) -> Result<Plan> {
    let limits = Limits::detect();
    let source = SyntheticSource::new(*scene)?;
    let formats = Formats::writing(Vec::new(), &limits).running(run);
    let output = Output { path: path.to_owned(), options: output.clone() };
    let destination = swathe_engine::Catalogue::destination(&formats, &output, source.info())?;
    Plan::new(Graph::new(Box::new(source), Vec::new(), destination), &run.options()?, &limits)
}

/// A small 8-bit picture of a raster, made from the smallest of its overviews that is large enough, where it has one.
///
/// # Errors
/// Where the raster can't be read, or the options make no sense for it.
pub fn preview(path: &str, options: &PreviewOptions) -> Result<Picture> {
    swathe_io::preview_of(path, &swathe_io::OpenOptions::default(), options)
}

/// Opens a raster to be read.
///
/// # Errors
/// Where it can't be opened or is no raster.
pub fn open(path: &str) -> Result<Box<dyn Source>> {
    swathe_io::open(path, &swathe_io::OpenOptions::default())
}

/// What a raster is, without its pixels.
///
/// # Errors
/// As [`open`].
pub fn describe(path: &str) -> Result<RasterInfo> {
    Ok(open(path)?.info().clone())
}
