//! What a plan foresees and what a run measured, as plain data for people and machines.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How a run is to be done, apart from what is computed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunOptions {
    /// The budget in bytes; `None` takes [`crate::Limits::default_budget_bytes`].
    pub memory_bytes: Option<u64>,
    /// Workers; `None` takes the CPUs that may be used.
    pub threads: Option<usize>,
    /// Tile size; `None` lets the plan choose.
    pub tile: Option<swathe_core::Size>,
    /// Whether a chain may be cut into several sweeps with results stored between them.
    pub fusion: Fusion,
    /// Whether the output is left to the kernel to write back in its own time rather than flushed before it gets its name.
    pub skip_flush: bool,
    /// Whether the run begins even where the disk may not hold the output.
    pub skip_reserve: bool,
    /// The part of the output that is computed, where it is not all.
    pub shard: Option<swathe_core::Shard>,
}

/// Whether a chain is run as one sweep over the disk. Its result is the same either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fusion {
    /// In one, or in several where storing what is between takes less time than computing halos again.
    #[default]
    Auto,
    /// In one, whatever it takes.
    Always,
    /// Each operator in its own.
    Never,
}

/// One line of the memory account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccountLine {
    /// What takes the memory.
    pub what: String,
    /// Bytes of one.
    pub bytes_each: u64,
    /// How many of them there are.
    pub count: u64,
}

/// A raster as the plan names it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RasterSummary {
    /// The file.
    pub name: String,
    /// Columns.
    pub width: u64,
    /// Rows.
    pub height: u64,
    /// Bands.
    pub bands: u64,
    /// Sample type.
    pub sample_type: String,
    /// Block width in the file.
    pub block_width: u64,
    /// Block height in the file.
    pub block_height: u64,
    /// How its pixels are read or written.
    pub method: String,
}

/// A stage as the plan names it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageSummary {
    /// The operator.
    pub operator: String,
    /// Its own margin in pixels: left, top, right, bottom.
    pub halo: [u64; 4],
    /// Pixels it computes for each pixel of the raster, 1 where nothing is computed twice.
    pub recompute_factor: f64,
}

/// Sweeps that come before the one that writes, because an operator has to know about all pixels of its input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PreparationSummary {
    /// The operator.
    pub operator: String,
    /// What is learned.
    pub subject: String,
    /// Sweeps that it takes.
    pub passes: u64,
    /// How many operators of the chain come before what the sweeps read, which was stored; 0 where they read the input.
    #[serde(default)]
    pub behind: u64,
    /// Tile width of the one that takes most memory.
    pub tile_width: u64,
    /// Tile height.
    pub tile_height: u64,
    /// Number of tiles.
    pub tiles: u64,
    /// Workers.
    pub threads: u64,
    /// Bytes that each sweep reads, as stored.
    pub read_bytes: u64,
    /// The memory account of a sweep.
    pub account: Vec<AccountLine>,
    /// The most resident memory that a sweep is expected to use, in bytes.
    pub predicted_peak_bytes: u64,
    /// What was found, as parameters; nothing in a plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
}

impl PreparationSummary {
    pub(crate) fn new(operator: &str, subject: String, passes: u64, sweep: PlanSummary) -> Self {
        PreparationSummary {
            operator: operator.into(),
            subject,
            passes,
            behind: 0,
            tile_width: sweep.tile_width,
            tile_height: sweep.tile_height,
            tiles: sweep.tiles,
            threads: sweep.threads,
            read_bytes: sweep.read_bytes,
            account: sweep.account,
            predicted_peak_bytes: sweep.predicted_peak_bytes,
            found: None,
        }
    }
}

/// A sweep whose result is stored for the next one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredSummary {
    /// How many operators of the chain come before.
    pub stages: u64,
    /// What is stored.
    pub name: String,
    /// Bytes that it takes in the scratch folder, while it is written and read.
    pub bytes: u64,
    /// Margins added up along the sweep: left, top, right, bottom.
    pub halo: [u64; 4],
    /// Tile width of the sweep that stores it.
    pub tile_width: u64,
    /// Tile height.
    pub tile_height: u64,
    /// Number of tiles.
    pub tiles: u64,
    /// Workers.
    pub threads: u64,
    /// The most resident memory that the sweep is expected to use, in bytes.
    pub predicted_peak_bytes: u64,
}

impl StoredSummary {
    /// Of the sweep that stores it, which ends behind so many operators.
    pub(crate) fn new(sweep: &PlanSummary, stages: usize) -> Self {
        StoredSummary {
            stages: stages as u64,
            name: sweep.output.name.clone(),
            bytes: sweep.write_bytes,
            halo: sweep.halo,
            tile_width: sweep.tile_width,
            tile_height: sweep.tile_height,
            tiles: sweep.tiles,
            threads: sweep.threads,
            predicted_peak_bytes: sweep.predicted_peak_bytes,
        }
    }
}

/// In how many sweeps a chain is computed, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FusionSummary {
    /// What was asked for.
    pub asked: Fusion,
    /// Sweeps that compute the chain's operators.
    pub sweeps: u64,
    /// Why, in words.
    pub reason: String,
    /// What one sweep takes, where that was looked into and the budget holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub one: Option<SweepSeconds>,
    /// What several take, the cheapest that were found or those that were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub several: Option<SweepSeconds>,
}

impl FusionSummary {
    /// One sweep, because that was asked for.
    pub(crate) fn as_given(asked: Fusion) -> Self {
        FusionSummary { asked, sweeps: 1, reason: "as given".into(), one: None, several: None }
    }
}

/// How long sweeps take by the figures of the operators on one machine: to be compared with each other, not with a clock.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepSeconds {
    /// Computing every pixel of every operator once.
    pub once: f64,
    /// Computing pixels of halos again, and reading those of inputs.
    pub again: f64,
    /// Storing what is between sweeps, and reading it.
    pub store: f64,
    /// Sweeps that learn something, with all that is computed for them.
    #[serde(default)]
    pub learn: f64,
}

/// The part of an output that a run computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardSummary {
    /// Which one it is, from 1.
    pub number: u64,
    /// Of how many.
    pub count: u64,
    /// The first row of the output that is computed, from 0.
    pub first_row: u64,
    /// Rows that are computed; none where there are more shards than rows of blocks.
    pub rows: u64,
    /// Whether all shards write into one file, rather than each into its own.
    pub one_file: bool,
}

/// What will happen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanSummary {
    /// What is read; the first is what the first operator reads.
    pub inputs: Vec<RasterSummary>,
    /// What is done.
    pub stages: Vec<StageSummary>,
    /// What is written.
    pub output: RasterSummary,
    /// The part of the output that is computed, where it is not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<ShardSummary>,
    /// Sweeps over the input.
    pub passes: u64,
    /// Those that come before the one that writes; nothing of them is run to make a plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub preparations: Vec<PreparationSummary>,
    /// What is stored between sweeps, in order; nothing, where one sweep computes all operators.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stored: Vec<StoredSummary>,
    /// In how many sweeps the operators are computed, and why; nothing, where there is no choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fusion: Option<FusionSummary>,
    /// Tile width of the sweep that writes the output, as all that follows where nothing else is said.
    pub tile_width: u64,
    /// Tile height.
    pub tile_height: u64,
    /// Width of the stripes in which tiles go from the top of the raster to its bottom, where not row after row over all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stripe_width: Option<u64>,
    /// Number of tiles.
    pub tiles: u64,
    /// Margins added up along the chain, in pixels of the first input: left, top, right, bottom; of the sweep with the
    /// largest, where there are several.
    pub halo: [u64; 4],
    /// Pixels read for each pixel of the input, 1 where nothing is read twice.
    pub read_factor: f64,
    /// Workers.
    pub threads: u64,
    /// The budget in bytes.
    pub budget_bytes: u64,
    /// Where the budget comes from, in words.
    pub budget_reason: String,
    /// The memory account of the sweep that takes most; it adds up to `predicted_peak_bytes`.
    pub account: Vec<AccountLine>,
    /// The most resident memory that the run is expected to use, in bytes.
    pub predicted_peak_bytes: u64,
    /// Bytes that will be read, as stored, counting what is read twice twice.
    pub read_bytes: u64,
    /// Bytes that will be written at most.
    pub write_bytes: u64,
    /// Whether the output may take less, in traffic and on the disk, because it is compressed.
    #[serde(default)]
    pub may_take_less: bool,
    /// Bytes needed on the output's disk, at most.
    pub disk_needed_bytes: u64,
    /// Bytes free on the output's disk, where it can be told.
    pub disk_free_bytes: Option<u64>,
    /// Bytes that are kept in the scratch folder from one sweep to the next, at most at once.
    #[serde(default)]
    pub scratch_bytes: u64,
    /// Bytes free on the scratch folder's disk, where rasters are stored there and it can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scratch_free_bytes: Option<u64>,
    /// About how long it takes, where that is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<TimeEstimate>,
}

/// About how long a run takes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimeEstimate {
    /// Seconds that the workers compute, side by side.
    pub compute_seconds: f64,
    /// Seconds that a disk takes for what goes to it and comes back, where nothing of it stays in the page cache.
    pub disk_seconds: f64,
    /// The disk that is assumed.
    pub disk_bytes_per_second: f64,
}

impl PlanSummary {
    /// Counts the sweeps that come first.
    pub(crate) fn add_preparations(&mut self, preparations: &[PreparationSummary]) {
        for preparation in preparations {
            self.passes += preparation.passes;
            self.read_bytes =
                self.read_bytes.saturating_add(preparation.read_bytes.saturating_mul(preparation.passes));
            if preparation.predicted_peak_bytes > self.predicted_peak_bytes {
                self.predicted_peak_bytes = preparation.predicted_peak_bytes;
                self.account.clone_from(&preparation.account);
            }
        }
        self.preparations.extend_from_slice(preparations);
    }
}

/// Seconds that workers spent, added up over all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StageSeconds {
    /// Reading and decoding.
    pub read: f64,
    /// Computing.
    pub compute: f64,
    /// Compressing.
    pub encode: f64,
    /// Writing.
    pub write: f64,
    /// Waiting: for its turn where tiles are written in order, before the first tile, and while others finish the last ones.
    pub wait: f64,
}

impl StageSeconds {
    /// The sum of both.
    pub(crate) fn and(self, other: &StageSeconds) -> Self {
        StageSeconds {
            read: self.read + other.read,
            compute: self.compute + other.compute,
            encode: self.encode + other.encode,
            write: self.write + other.write,
            wait: self.wait + other.wait,
        }
    }

    /// The same of a worker that was there for so many seconds.
    pub(crate) fn within(self, seconds: f64) -> Self {
        let StageSeconds { read, compute, encode, write, .. } = self;
        StageSeconds { wait: (seconds - (read + compute + encode + write)).max(0.0), ..self }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What was foreseen.
    pub plan: PlanSummary,
    /// From the first tile to the file in place, in seconds.
    pub wall_seconds: f64,
    /// Of that, completing, flushing and renaming the output.
    pub finish_seconds: f64,
    /// User and system time of the whole process, in seconds.
    pub cpu_seconds: f64,
    /// Where the workers' time went, added up.
    pub seconds: StageSeconds,
    /// The same for each worker.
    pub workers: Vec<StageSeconds>,
    /// Tiles that an earlier run had done.
    pub resumed_tiles: u64,
    /// Bytes read from storage, as stored.
    pub read_bytes: u64,
    /// Bytes written to storage.
    pub written_bytes: u64,
    /// Size of the output in bytes.
    pub output_bytes: u64,
    /// The most resident memory that the process has used, mapped pages included (`VmHWM`), where it can be told.
    pub measured_peak_bytes: Option<u64>,
    /// Output pixels (of all bands together) for each second of wall time.
    pub pixels_per_second: f64,
    /// What held the run up, in a sentence.
    pub limited_by: String,
    /// What was learned on the way, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub found: BTreeMap<String, u64>,
    /// The sweeps that came before; seconds and bytes read of the whole run include theirs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passes_before: Vec<Report>,
}

impl Report {
    /// The same with sweeps that came before.
    pub(crate) fn after(mut self, mut passes: Vec<Report>) -> Self {
        let pixels = self.pixels_per_second * self.wall_seconds;
        for pass in &passes {
            self.wall_seconds += pass.wall_seconds;
            self.cpu_seconds += pass.cpu_seconds;
            self.seconds = self.seconds.and(&pass.seconds);
            self.read_bytes += pass.read_bytes;
            self.written_bytes += pass.written_bytes;
        }
        self.pixels_per_second = pixels / self.wall_seconds;
        passes.append(&mut self.passes_before);
        self.passes_before = passes;
        self
    }

    /// The same of a run beside others in one process, whose peak is not its own.
    #[must_use]
    pub fn without_measured_peak(mut self) -> Self {
        self.measured_peak_bytes = None;
        self.passes_before = self.passes_before.into_iter().map(Report::without_measured_peak).collect();
        self
    }
}

/// How far a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Tiles written.
    pub tiles_done: u64,
    /// Tiles in all.
    pub tiles: u64,
    /// Pixels written.
    pub pixels_done: u64,
    /// Pixels in all.
    pub pixels: u64,
}

/// Is told how far a run is, from any worker, after every tile.
pub trait Observer: Sync {
    /// A tile was written.
    fn tile_done(&self, progress: Progress);

    /// A pass (from 1) of several begins; `what` says what it is for. A run of one pass does not say so.
    fn pass_begins(&self, _pass: u64, _passes: u64, _what: &str) {}
}

/// An observer that does not care.
impl Observer for () {
    fn tile_done(&self, _progress: Progress) {}
}
