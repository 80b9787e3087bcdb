//! What the targets share: a folder in memory, a few small rasters, and what an error may be.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

use swathe::{
    Error, ErrorKind, Input, JOB_VERSION, Job, Output, Pattern, Pipeline, RunSettings, SampleType, Size, Step,
    SyntheticOptions,
};

#[path = "../../crates/io/tests/reading/mod.rs"]
pub mod reading;

/// No more pixels, samples counted, are written for one input.
const MOST_SAMPLES: u64 = 1 << 18;
/// No wider margins: work grows with their square, and a slow window is no bug.
const WIDEST_HALO: u64 = 40;

/// A folder in memory where there is such a place, and the working directory.
///
/// # Panics
/// Where none can be made.
pub fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let memory = Path::new("/dev/shm");
        let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let made = tempfile::Builder::new().prefix("swathe-fuzz").tempdir_in(place).expect("a folder").keep();
        std::env::set_current_dir(&made).expect("the folder is there");
        made
    })
}

/// Writes a file in the folder, over what was there, and names it.
///
/// # Panics
/// Where that fails.
pub fn file(name: &str, bytes: &[u8]) -> String {
    let path = folder().join(name);
    std::fs::write(&path, bytes).expect("a file in a temporary folder");
    path.to_str().expect("a path in UTF-8").to_owned()
}

/// Bytes before and behind the first byte that is 0.
pub fn split(data: &[u8]) -> (&[u8], &[u8]) {
    let at = data.iter().position(|&byte| byte == 0).unwrap_or(data.len());
    (&data[..at], data.get(at + 1..).unwrap_or_default())
}

/// Passes on what came out well.
///
/// # Panics
/// If the error is said to be a bug of Swathe's.
pub fn well<T>(result: Result<T, Error>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            assert!(error.kind() != ErrorKind::Bug, "{error}");
            None
        }
    }
}

/// The names of the small rasters: of several types, bands and blocks, with and without nodata.
pub fn rasters() -> &'static [String] {
    static RASTERS: OnceLock<Vec<String>> = OnceLock::new();
    RASTERS.get_or_init(|| {
        let kinds = [
            (1, SampleType::U8, "tif", Pattern::Scene),
            (3, SampleType::U8, "tif", Pattern::Scene),
            (2, SampleType::U16, "tif", Pattern::Noise),
            (1, SampleType::F32, "npy", Pattern::Ramp),
            (1, SampleType::F64, "tif", Pattern::Sar),
            (1, SampleType::I64, "npy", Pattern::Noise),
        ];
        let make = |(number, (bands, sample_type, ending, pattern)): (usize, (usize, SampleType, &str, Pattern))| {
            let path = folder().join(format!("raster-{number}.{ending}")).display().to_string();
            let size = Size::new(23, 19);
            let scene = SyntheticOptions { size, bands, sample_type, pattern, ..SyntheticOptions::default() };
            let run = RunSettings { flush: Some(false), journal: Some(false), ..RunSettings::default() };
            let plan = swathe::generate(&path, &scene, &BTreeMap::new(), &run).expect("a plan");
            plan.run(&(), &AtomicBool::new(false)).expect("a small raster");
            path
        };
        kinds.into_iter().enumerate().map(make).collect()
    })
}

/// The raster of a number, whatever it is.
pub fn input(number: usize) -> Input {
    let rasters = rasters();
    Input { path: rasters[number % rasters.len()].clone(), options: BTreeMap::new() }
}

/// Plans a job and, where that is small, runs it.
///
/// # Panics
/// If an error is a bug, or if a run that was planned asks for what the plan should have refused.
pub fn plan_and_run(steps: Vec<Step>, read: Input, mut write: Output, mut run: RunSettings) {
    write.options.insert("overwrite".into(), "yes".into());
    run.memory.get_or_insert_with(|| "96MiB".into());
    (run.flush, run.journal, run.receipt, run.resume) = (Some(false), Some(false), Some(false), false);
    run.threads = Some(run.threads.unwrap_or(1).clamp(1, 3));
    let job = Job { pipeline: Pipeline { version: JOB_VERSION, read, steps, write }, run };
    let text = well(job.to_toml()).expect("a job can be written");
    assert!(Job::from_toml(&text).ok().as_ref() == Some(&job), "a job is read back as it was written: {text}");
    let Some(plan) = well(swathe::plan(&job)) else { return };
    let summary = plan.summary();
    let samples = [&summary.output].into_iter().chain(&summary.inputs);
    let samples = samples.map(|raster| raster.width.saturating_mul(raster.height).saturating_mul(raster.bands));
    let small = samples.max().unwrap_or(0) <= MOST_SAMPLES && summary.tiles < 2000;
    if small && summary.halo.iter().all(|&side| side <= WIDEST_HALO) {
        well(plan.run(&(), &AtomicBool::new(false)));
    }
}
