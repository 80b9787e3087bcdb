//! What is told of a batch: to those who watch, in the run log, and at the end.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use serde::Serialize;
use serde_json::json;
use swathe_core::{Error, ErrorKind, Result};
use swathe_engine::{Report, resident_bytes};

use crate::batch::Batch;

/// How a scene ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It was computed.
    Done,
    /// It had been computed before, of the same job and inputs.
    Skipped,
    /// Another run is computing it.
    UnderWay,
    /// It was not computed.
    Failed,
    /// The batch was stopped before or while it was computed.
    Stopped,
}

impl Status {
    /// What it is called in tables.
    pub fn word(self) -> &'static str {
        match self {
            Status::Done => "done",
            Status::Skipped => "done before",
            Status::UnderWay => "under way",
            Status::Failed => "failed",
            Status::Stopped => "stopped",
        }
    }
}

/// What became of a scene.
#[derive(Clone, Debug, Serialize)]
pub struct SceneOutcome {
    /// The raster that was read.
    pub input: String,
    /// The raster that was to be written.
    pub output: String,
    /// How it ended.
    pub status: Status,
    /// What was wrong.
    pub error: Option<String>,
    /// The kind of what was wrong.
    #[serde(skip)]
    pub error_kind: Option<ErrorKind>,
    /// Seconds that it took.
    pub seconds: f64,
    /// The figures of the run, where there was one.
    pub report: Option<Report>,
    /// Small pictures of input and output, as PNG, where they were asked for and could be made.
    #[serde(skip)]
    pub pictures: Vec<Vec<u8>>,
}

/// The state of the whole at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Seconds since the beginning.
    pub seconds: f64,
    /// Resident memory of the process in bytes.
    pub resident_bytes: u64,
    /// Pixels written so far.
    pub pixels: u64,
}

/// What became of a batch.
#[derive(Clone, Debug)]
pub struct BatchReport {
    /// Scene by scene, in the order of the inputs.
    pub scenes: Vec<SceneOutcome>,
    /// From the first to the last, in seconds.
    pub seconds: f64,
    /// Memory and pixels over time.
    pub samples: Vec<Sample>,
    /// Memory for all scenes that run at once, in bytes.
    pub budget_bytes: u64,
    /// The most resident memory of the process up to the end, in bytes, where the system tells; whose it was cannot be told.
    pub measured_peak_bytes: Option<u64>,
}

impl BatchReport {
    /// How many scenes ended so.
    pub fn count(&self, status: Status) -> usize {
        self.scenes.iter().filter(|scene| scene.status == status).count()
    }

    /// How many scenes ended how, in words.
    pub fn counts(&self) -> String {
        let mut counts = [Status::Done, Status::Skipped, Status::Failed, Status::Stopped].to_vec();
        if self.count(Status::UnderWay) > 0 {
            counts.push(Status::UnderWay);
        }
        let counts = counts.iter().map(|status| format!("{} {}", self.count(*status), status.word()));
        counts.collect::<Vec<_>>().join(", ")
    }
}

/// Is told of each scene when it ended.
pub trait BatchObserver: Sync {
    /// A scene ended, as number `ended` of `scenes`.
    fn scene_ended(&self, outcome: &SceneOutcome, ended: usize, scenes: usize);
}

/// Most samples that are kept.
const MOST_SAMPLES: usize = 2000;

/// Memory and pixels over time, taken when a tile is done, a few times a second.
#[derive(Debug)]
pub(super) struct Timeline {
    begun: Instant,
    state: Mutex<Samples>,
}

#[derive(Debug)]
struct Samples {
    pixels: u64,
    every_seconds: f64,
    taken: Vec<Sample>,
}

impl Timeline {
    pub(super) fn new() -> Self {
        let samples = Samples { pixels: 0, every_seconds: 0.2, taken: Vec::new() };
        let timeline = Timeline { begun: Instant::now(), state: Mutex::new(samples) };
        timeline.add(0);
        timeline
    }

    pub(super) fn seconds(&self) -> f64 {
        self.begun.elapsed().as_secs_f64()
    }

    /// So many more pixels were written.
    pub(super) fn add(&self, pixels: u64) {
        let seconds = self.seconds();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.pixels += pixels;
        if state.taken.last().is_some_and(|last| seconds - last.seconds < state.every_seconds) {
            return;
        }
        let sample = Sample { seconds, resident_bytes: resident_bytes().unwrap_or(0), pixels: state.pixels };
        state.taken.push(sample);
        if state.taken.len() >= MOST_SAMPLES {
            let mut index = 0;
            state.taken.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            state.every_seconds *= 2.0;
        }
    }

    pub(super) fn into_samples(self) -> Vec<Sample> {
        let seconds = self.seconds();
        let mut state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        let resident_bytes = resident_bytes().unwrap_or(0);
        state.taken.push(Sample { seconds, resident_bytes, pixels: state.pixels });
        state.taken
    }
}

/// The run log: JSON lines at the end of a file, each written at once, so that those of two batches do not mix.
#[derive(Debug)]
pub(super) struct Log {
    file: Option<Mutex<File>>,
    path: String,
}

impl Log {
    /// Opens the log that the batch names.
    pub(super) fn open(batch: &Batch) -> Result<Self> {
        let path = batch.log.clone().unwrap_or_default();
        let file = batch.log.as_ref().map(|path| OpenOptions::new().create(true).append(true).open(path));
        let file = file
            .transpose()
            .map_err(|error| Error::io(format_args!("cannot write the log `{path}`"), error))?;
        Ok(Log { file: file.map(Mutex::new), path })
    }

    /// Says that something happened.
    pub(super) fn say(&self, event: &str, fields: serde_json::Value) -> Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let time = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
        let mut entry = json!({ "time": time, "event": event });
        if let (Some(entry), serde_json::Value::Object(fields)) = (entry.as_object_mut(), fields) {
            entry.extend(fields);
        }
        let line = format!("{entry}\n");
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(line.as_bytes())
            .map_err(|error| Error::io(format_args!("cannot write the log `{}`", self.path), error))
    }
}
