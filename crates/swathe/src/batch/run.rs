//! Runs a batch: some scenes at once, none of which stops the others.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde_json::json;
use swathe_core::{Error, ErrorKind, Result, Size};
use swathe_engine::{Limits, Observer, Progress, Report, peak_resident_bytes, several};
use swathe_io::{PreviewOptions, Settled};

use super::record::{BatchObserver, BatchReport, Log, SceneOutcome, Status, Timeline};
use super::{Batch, page};
use crate::job::Job;
use crate::recovery;

/// Pictures in the page fit into a square of this side.
const PICTURE: usize = 160;

/// What all scenes of a batch share.
struct Shared<'a> {
    batch: &'a Batch,
    jobs: &'a [Job],
    /// Of the beginning: what other scenes hold meanwhile is no part of what a scene may take.
    limits: &'a Limits,
    log: &'a Log,
    timeline: &'a Timeline,
    observer: &'a dyn BatchObserver,
    cancel: &'a AtomicBool,
    ended: AtomicUsize,
    outcomes: Mutex<Vec<Option<SceneOutcome>>>,
    /// What went wrong with the log.
    failure: Mutex<Option<Error>>,
}

impl Batch {
    /// Runs every scene that is not done yet. `cancel` stops after the tiles in flight.
    ///
    /// # Errors
    /// Usage and Io, for the batch itself, its log and its page; what is wrong with a scene is told with the scene.
    pub fn run(&self, observer: &dyn BatchObserver, cancel: &AtomicBool) -> Result<BatchReport> {
        let limits = Limits::detect();
        let jobs = self.jobs_within(&limits)?;
        let log = Log::open(self)?;
        log.say(
            "begin",
            json!({ "version": env!("CARGO_PKG_VERSION"), "scenes": jobs.len(), "batch": self }),
        )?;
        let timeline = Timeline::new();
        let shared = Shared {
            batch: self,
            jobs: &jobs,
            limits: &limits,
            log: &log,
            timeline: &timeline,
            observer,
            cancel,
            ended: AtomicUsize::new(0),
            outcomes: Mutex::new(vec![None; jobs.len()]),
            failure: Mutex::new(None),
        };
        several(jobs.len(), self.at_once(), &|number| shared.scene(number));
        let Shared { outcomes, failure, .. } = shared;
        if let Some(error) = failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        let scenes = outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
        let options = self.run.options()?;
        let report = BatchReport {
            scenes: scenes.into_iter().flatten().collect(),
            seconds: timeline.seconds(),
            samples: timeline.into_samples(),
            budget_bytes: options.memory_bytes.unwrap_or_else(|| limits.default_budget_bytes()),
            measured_peak_bytes: peak_resident_bytes(),
        };
        let counts = [Status::Done, Status::Skipped, Status::UnderWay, Status::Failed, Status::Stopped];
        let [done, skipped, under_way, failed, stopped] = counts.map(|status| report.count(status));
        log.say(
            "end",
            json!({
                "seconds": report.seconds, "done": done, "skipped": skipped, "underway": under_way, "failed": failed,
                "stopped": stopped, "measured_peak_bytes": report.measured_peak_bytes
            }),
        )?;
        if let Some(path) = &self.page {
            page::write(path, self, &report)?;
        }
        Ok(report)
    }
}

impl Shared<'_> {
    /// Does one scene, whatever may happen, and tells how it ended.
    fn scene(&self, number: usize) {
        let begun = Instant::now();
        let job = &self.jobs[number];
        let (input, output) = (job.pipeline.read.path.clone(), job.pipeline.write.path.clone());
        let watched = Watched { timeline: self.timeline, pixels: AtomicU64::new(0) };
        let ended = catch_unwind(AssertUnwindSafe(|| self.compute(job, &watched)))
            .unwrap_or_else(|_| Err(Error::bug("a scene ended in a panic")));
        let (status, report, error) = match ended {
            Ok(Some(report)) => (Status::Done, Some(report), None),
            Ok(None) => (Status::Skipped, None, None),
            Err(error) => {
                let status = match error.kind() {
                    ErrorKind::Interrupted => Status::Stopped,
                    ErrorKind::UnderWay => Status::UnderWay,
                    _ => Status::Failed,
                };
                (status, None, Some(error))
            }
        };
        let outcome = SceneOutcome {
            pictures: self.pictures(status, &input, &output),
            input,
            output,
            status,
            error_kind: error.as_ref().map(Error::kind),
            error: error.map(|error| error.to_string()),
            seconds: begun.elapsed().as_secs_f64(),
            report,
        };
        if let Err(error) = self.log.say("scene", json!(outcome)) {
            self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
        let ended = self.ended.fetch_add(1, Ordering::Relaxed) + 1;
        self.observer.scene_ended(&outcome, ended, self.jobs.len());
        self.outcomes.lock().unwrap_or_else(PoisonError::into_inner)[number] = Some(outcome);
    }

    /// Computes a scene; none where it was done before.
    fn compute(&self, job: &Job, observer: &dyn Observer) -> Result<Option<Report>> {
        if self.cancel.load(Ordering::Relaxed) {
            return Err(Error::interrupted("the batch was stopped before"));
        }
        if let Some(folder) = Path::new(&job.pipeline.write.path).parent().filter(|folder| !folder.exists()) {
            std::fs::create_dir_all(folder).map_err(|error| {
                Error::io(format_args!("cannot make the folder `{}`", folder.display()), error)
            })?;
        }
        if recovery::is_complete(job)? {
            return Ok(None);
        }
        let mut job = job.clone();
        job.run.resume = recovery::can_resume(&job)?;
        match recovery::plan_kept(&job, self.limits).and_then(|plan| plan.run(observer, self.cancel)) {
            // The process's peak is the batch's.
            Ok(report) => Ok(Some(report.without_measured_peak())),
            Err(error) => match recovery::settled(&job)? {
                // Another batch was faster.
                Settled::Complete => Ok(None),
                // It has named the output, and not yet the receipt.
                Settled::UnderWay if error.kind() == ErrorKind::Usage => {
                    let output = &job.pipeline.write.path;
                    Err(Error::new(ErrorKind::UnderWay, format!("another run is writing `{output}`")))
                }
                _ => Err(error),
            },
        }
    }

    /// Small pictures for the page: input and output, or those of them that can be read.
    fn pictures(&self, status: Status, input: &str, output: &str) -> Vec<Vec<u8>> {
        if self.batch.page.is_none() || !matches!(status, Status::Done | Status::Skipped) {
            return Vec::new();
        }
        let options = PreviewOptions { size: None, ..PreviewOptions::default() };
        let picture = |path: &str| {
            let size = crate::describe(path).ok()?.size;
            let scale = (PICTURE as f64 / size.width.max(size.height) as f64).min(1.0);
            let side = |length: usize| ((length as f64 * scale) as usize).max(1);
            let size = Some(Size::new(side(size.width), side(size.height)));
            let picture = crate::preview(path, &PreviewOptions { size, ..options.clone() }).ok()?;
            swathe_io::png_bytes(&picture).ok()
        };
        [input, output].into_iter().filter_map(picture).collect()
    }
}

/// Tells the timeline how many pixels a scene has gained.
struct Watched<'a> {
    timeline: &'a Timeline,
    pixels: AtomicU64,
}

impl Observer for Watched<'_> {
    fn tile_done(&self, progress: Progress) {
        let before = self.pixels.fetch_max(progress.pixels_done, Ordering::Relaxed);
        self.timeline.add(progress.pixels_done.saturating_sub(before));
    }
}
