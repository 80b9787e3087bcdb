//! Runs a plan: tiles are handed out in the sink's order to whoever asks; each worker takes a tile from reading to writing
//! in buffers of its own.

use std::any::Any;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use swathe_core::{Error, ErrorKind, Footprint, Journal, MAKE_ROOM, Part, Position, Result, Sink, Window};

use crate::account;
use crate::evaluate::Workspace;
use crate::grid::TileGrid;
use crate::memory;
use crate::pipeline::{Chain, Graph};
use crate::plan::Plan;
use crate::report::{Observer, Progress, Report, StageSeconds};

/// A tile that a worker has taken.
struct Ticket {
    sequence: u64,
    window: Window,
    /// The window with the margin that the sink is to see.
    shown: Window,
    /// What of that is computed at once.
    pieces: TileGrid,
}

impl Ticket {
    fn of(grid: &TileGrid, sequence: u64, upward: bool) -> Self {
        let window = grid.nth(if upward { grid.count() - 1 - sequence } else { sequence });
        let shown = grid.shown(window);
        Ticket { sequence, window, shown, pieces: grid.pieces(shown) }
    }
}

/// What the workers of a run share.
struct Shared<'a> {
    chain: &'a Chain,
    sink_scratch_bytes: usize,
    sink: &'a dyn Sink,
    upward: bool,
    journal: Option<&'a dyn Journal>,
    /// Tiles from the first on that the journal knows.
    stored: u64,
    observer: &'a dyn Observer,
    cancel: &'a AtomicBool,
    tiles: u64,
    pixels: u64,
    tiles_done: &'a AtomicU64,
    pixels_done: AtomicU64,
    /// Set by the first failure; everybody stops.
    failed: AtomicBool,
    failure: Mutex<Option<Error>>,
}

impl Plan {
    /// Computes the output. `cancel` is looked at between tiles.
    ///
    /// # Errors
    /// Whatever went wrong first, with its tile. Interrupted, where `cancel` was set. Where a journal is kept, what was done
    /// stays if it may be of use another time; else nothing stays behind.
    pub fn run(self, observer: &dyn Observer, cancel: &AtomicBool) -> Result<Report> {
        let sweeps = self.before.len() as u64 + 1;
        self.run_counted((1, sweeps), observer, cancel)
    }

    /// The same, where the first sweep is this pass of so many.
    pub(crate) fn run_counted(
        mut self,
        passes: (u64, u64),
        observer: &dyn Observer,
        cancel: &AtomicBool,
    ) -> Result<Report> {
        if let Some(preparing) = self.preparing.take() {
            self.check_scratch()?;
            let sweeps = self.before.len() as u64 + 1;
            drop((self.graph, self.before));
            return preparing.run(self.keep, sweeps, observer, cancel);
        }
        let threads = self.summary.threads as usize;
        let keep = self.keep.take();
        let journal = keep.map(|keep| keep.open(self.grid.tile_size(), self.tiles(), threads)).transpose()?;
        let done = AtomicU64::new(0);
        let resumable = self.is_resumable();
        match (self.sweeps(journal.as_deref(), &done, passes, observer, cancel), journal) {
            (Ok(report), Some(journal)) => journal.close().map(|()| report),
            (Err(error), Some(journal)) => {
                let tiles = done.into_inner().max(journal.position().tiles);
                if tiles == 0 || !resumable || !is_worth_another_run(&error) {
                    journal.give_up();
                    return Err(error);
                }
                Err(error.and(format_args!("; {tiles} tiles are kept, `--resume` goes on behind them")))
            }
            (outcome, None) => outcome,
        }
    }

    /// Sweeps for what is stored on the way, as far as the output's tiles need it, then for the output.
    fn sweeps(
        mut self,
        journal: Option<&dyn Journal>,
        tiles_done: &AtomicU64,
        (mut pass, passes): (u64, u64),
        observer: &dyn Observer,
        cancel: &AtomicBool,
    ) -> Result<Report> {
        let stored = journal.map_or(0, |journal| journal.position().tiles);
        let start = if self.graph.destination.retraces() { 0 } else { stored };
        let tiles = start..journal.and_then(Journal::end).unwrap_or(self.tiles());
        tiles_done.store(start, Ordering::Relaxed);
        if !tiles.is_empty() {
            self.check_scratch()?;
        }
        if stored == 0 {
            self.check_disk()?;
        }
        let ranges = self.tiles_before(tiles.clone());
        let mut reports = Vec::new();
        for (plan, range) in std::mem::take(&mut self.before).into_iter().zip(ranges) {
            if !range.is_empty() {
                observer.pass_begins(pass, passes, &plan.purpose);
                let done = AtomicU64::new(range.start);
                reports.push(plan.compute(None, range, &done, observer, cancel)?);
            }
            pass += 1;
        }
        if passes > 1 {
            observer.pass_begins(pass, passes, &self.purpose);
        }
        Ok(self.compute(journal, tiles, tiles_done, observer, cancel)?.after(reports))
    }

    /// Which tiles of each sweep before are needed for these of the output.
    fn tiles_before(&self, tiles: Range<u64>) -> Vec<Range<u64>> {
        let is_upward = |plan: &Plan| plan.graph.destination.upward();
        if tiles.is_empty() {
            return vec![0..0; self.before.len()];
        }
        if self.before.iter().any(is_upward) {
            return self.before.iter().map(|plan| 0..plan.grid.count()).collect();
        }
        let (mut later, mut needed) = (self, tiles);
        let ranges = self.before.iter().rev().map(|plan| {
            let rows = account::rows_read(&later.graph.chain, later.grid.rows_of(&needed));
            (later, needed) = (plan, plan.grid.tiles_of(rows));
            needed.clone()
        });
        let mut ranges = ranges.collect::<Vec<_>>();
        ranges.reverse();
        ranges
    }

    /// Checks that the disk can hold the output with all that goes along.
    fn check_disk(&self) -> Result<()> {
        let (destination, needed) = (&self.graph.destination, self.summary.disk_needed_bytes);
        let along = if self.summary.stored.is_empty() { "" } else { " with what is stored between sweeps" };
        let may_fit =
            if destination.may_take_less() { ", or `--reserve no`: compressed, it may fit" } else { "" };
        match destination.disk() {
            Some(disk) if disk.free_bytes < needed && !self.skip_reserve => Err(Error::limit(format!(
                "`{}`{along} needs {} MiB, and {} MiB are free on its disk; {MAKE_ROOM}{may_fit}",
                destination.name(),
                needed.div_ceil(1 << 20),
                disk.free_bytes >> 20
            ))),
            _ => Ok(()),
        }
    }

    /// Checks that the scratch folder can hold what is stored.
    fn check_scratch(&self) -> Result<()> {
        let disk = self.before.iter().find_map(|plan| plan.graph.destination.disk());
        match disk {
            Some(disk) if disk.free_bytes < self.summary.scratch_bytes => Err(Error::limit(format!(
                "what is stored between sweeps needs {} MiB in the scratch folder, and {} MiB are free there; \
                 `--scratch DIR` names another, `--fuse always` stores nothing",
                self.summary.scratch_bytes.div_ceil(1 << 20),
                disk.free_bytes >> 20
            ))),
            _ => Ok(()),
        }
    }

    fn compute(
        self,
        journal: Option<&dyn Journal>,
        tiles: Range<u64>,
        tiles_done: &AtomicU64,
        observer: &dyn Observer,
        cancel: &AtomicBool,
    ) -> Result<Report> {
        let (start, cpu_start) = (Instant::now(), memory::cpu_seconds());
        let count = self.tiles();
        let Plan { graph: Graph { chain, destination, shard, .. }, grid, skip_flush, summary, .. } = self;
        let read_before = chain.sources().map(|source| source.stored_bytes_read()).sum::<u64>();
        let sink_scratch_bytes = destination.scratch_bytes(grid.tile_size());
        let upward = destination.upward();
        let position = journal.map_or_else(Position::default, |journal| journal.position().clone());
        let resumable = destination.is_resumable();
        let sink = match journal.filter(|_| resumable) {
            None => destination.create()?,
            Some(journal) => {
                let mut head = Footprint::new(true);
                let sink = destination.create_kept(&position, &mut head)?;
                journal.record(Part::Head, &head)?;
                sink
            }
        };
        let output = chain.output();
        let pixels = if count == 0 { 0 } else { grid.pixels() };
        let pixels_before = (0..tiles.start).map(|tile| grid.nth(tile).size().pixels() as u64).sum();
        let shared = Shared {
            chain: &chain,
            sink_scratch_bytes,
            sink: sink.as_ref(),
            upward,
            journal,
            stored: position.tiles,
            observer,
            cancel,
            tiles: count,
            pixels,
            tiles_done,
            pixels_done: AtomicU64::new(pixels_before),
            failed: AtomicBool::new(false),
            failure: Mutex::new(None),
        };
        let end = tiles.end;
        let seconds = shared.sweep(summary.threads as usize, tiles, &grid);
        let failure = shared.failure.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(error) = failure {
            return Err(error);
        }
        let done = tiles_done.load(Ordering::Relaxed);
        if done < end {
            let kept = if journal.is_some() && resumable { "" } else { "; nothing was kept" };
            return Err(Error::interrupted(format!("stopped after {done} of {count} tiles{kept}")));
        }
        for source in chain.sources() {
            source.check_unchanged()?;
        }
        let finishing = Instant::now();
        let written_bytes = sink.stored_bytes_written();
        let found = sink.found().into_iter().map(|(name, number)| (name.to_owned(), number)).collect();
        let to_the_end = journal.is_none_or(|journal| journal.end().is_none());
        let output_bytes = if shard.is_some() && to_the_end {
            let bytes = sink.leave(!skip_flush)?;
            journal.map_or(Ok(()), |journal| journal.complete(&[], !skip_flush))?;
            bytes
        } else if to_the_end {
            sink.finish(!skip_flush, journal)?
        } else {
            sink.flush()?;
            written_bytes
        };
        let wall_seconds = start.elapsed().as_secs_f64();
        let finish_seconds = finishing.elapsed().as_secs_f64();
        Ok(Report {
            wall_seconds,
            finish_seconds,
            cpu_seconds: memory::cpu_seconds() - cpu_start,
            seconds: sum(&seconds),
            limited_by: limiting(&seconds, wall_seconds, finish_seconds),
            workers: seconds,
            resumed_tiles: position.tiles,
            read_bytes: chain.sources().map(|source| source.stored_bytes_read()).sum::<u64>() - read_before,
            written_bytes: written_bytes.max(output_bytes),
            output_bytes,
            measured_peak_bytes: memory::peak_resident_bytes(),
            pixels_per_second: (pixels * output.bands as u64) as f64 / wall_seconds,
            plan: summary,
            found,
            passes_before: Vec::new(),
        })
    }
}

/// Whether the same may go well another time, so that what was done is worth keeping.
fn is_worth_another_run(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Interrupted | ErrorKind::Limit | ErrorKind::Io => true,
        // A server or a disk that did not answer may do so tomorrow; a damaged file stays damaged.
        ErrorKind::Damaged => error.is_of_the_system(),
        _ => false,
    }
}

impl Shared<'_> {
    /// Lets workers take tiles, and returns where the time of each went.
    fn sweep(&self, workers: usize, tiles: Range<u64>, grid: &TileGrid) -> Vec<StageSeconds> {
        let (start, next) = (Instant::now(), AtomicU64::new(tiles.start));
        // One step for all: whoever has a tile knows that every earlier one was taken before.
        let take = || {
            let sequence = next.fetch_add(1, Ordering::Relaxed);
            (sequence < tiles.end).then(|| Ticket::of(grid, sequence, self.upward))
        };
        std::thread::scope(|scope| {
            let handles: Vec<_> = (0..workers).map(|_| scope.spawn(|| work(self, &take))).collect();
            let busy: Vec<_> = handles.into_iter().map(|handle| handle.join().unwrap_or_default()).collect();
            let seconds = start.elapsed().as_secs_f64();
            busy.into_iter().map(|worker| worker.within(seconds)).collect()
        })
    }

    fn stopped(&self) -> bool {
        self.failed.load(Ordering::Relaxed) || self.cancel.load(Ordering::Relaxed)
    }

    fn fail(&self, error: Error) {
        let mut failure = self.failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // A write that was woken because the run stops says no more than that it stops.
        if failure.is_none() && error.kind() != ErrorKind::Interrupted {
            *failure = Some(error);
        }
        self.failed.store(true, Ordering::Relaxed);
        drop(failure);
        self.sink.cancel();
    }
}

/// The life of a worker. Returns where its time went.
fn work(shared: &Shared<'_>, take: &impl Fn() -> Option<Ticket>) -> StageSeconds {
    let mut workspace = Workspace::new(shared.chain);
    let mut seconds = StageSeconds::default();
    while let Some(ticket) = take() {
        if shared.stopped() {
            // Tickets of this run are left undone, and nobody may wait for them.
            shared.sink.cancel();
            break;
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| tile(shared, &mut workspace, &ticket, &mut seconds)));
        let outcome = outcome
            .unwrap_or_else(|panic| Err(Error::bug(format!("a worker panicked: {}", message_of(&*panic)))));
        if let Err(error) = outcome {
            let place =
                format_args!("tile {} of {} (window {})", ticket.sequence + 1, shared.tiles, ticket.window);
            shared.fail(error.at(place));
            break;
        }
    }
    seconds
}

fn tile(
    shared: &Shared<'_>,
    workspace: &mut Workspace,
    ticket: &Ticket,
    seconds: &mut StageSeconds,
) -> Result<()> {
    let start = Instant::now();
    workspace.reading = Duration::ZERO;
    workspace.compute(shared.chain, ticket.shown, &ticket.pieces)?;
    for source in shared.chain.sources() {
        source.check_unchanged()?;
    }
    let computed = start.elapsed();
    workspace.scratch.reserve(shared.sink_scratch_bytes);
    let mut footprint = Footprint::new(shared.journal.is_some());
    let output = workspace.output.view();
    let (sequence, own) = (ticket.sequence, ticket.window);
    shared.sink.write_seeing(sequence, own, &output, &mut workspace.scratch.frame(), &mut footprint)?;
    if let Some(journal) = shared.journal.filter(|_| ticket.sequence >= shared.stored) {
        journal.record(Part::Tile(ticket.sequence), &footprint)?;
        if journal.is_flush_due() {
            shared.sink.flush()?;
            journal.flushed()?;
        }
    }
    let told = [footprint.computing(), footprint.encoding(), footprint.waiting()];
    seconds.read += workspace.reading.as_secs_f64();
    seconds.compute += (computed - workspace.reading + told[0]).as_secs_f64();
    seconds.encode += told[1].as_secs_f64();
    seconds.wait += told[2].as_secs_f64();
    seconds.write += (start.elapsed() - computed).saturating_sub(told.iter().sum()).as_secs_f64();
    let pixels = ticket.window.size().pixels() as u64;
    let progress = Progress {
        tiles_done: shared.tiles_done.fetch_add(1, Ordering::Relaxed) + 1,
        tiles: shared.tiles,
        pixels_done: shared.pixels_done.fetch_add(pixels, Ordering::Relaxed) + pixels,
        pixels: shared.pixels,
    };
    shared.observer.tile_done(progress);
    Ok(())
}

fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

fn sum(workers: &[StageSeconds]) -> StageSeconds {
    workers.iter().fold(StageSeconds::default(), |sum, worker| sum.and(worker))
}

/// A sentence that names what a faster run would need.
fn limiting(workers: &[StageSeconds], wall_seconds: f64, finish_seconds: f64) -> String {
    let seconds = sum(workers);
    let total = wall_seconds * workers.len().max(1) as f64;
    let parts = [
        ("reading the input", seconds.read),
        ("computing", seconds.compute),
        ("compressing the output", seconds.encode),
        ("writing the output", seconds.write),
        ("completing and flushing the output", finish_seconds * workers.len().max(1) as f64),
    ];
    let (what, most) = parts.into_iter().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or(("computing", 0.0));
    format!("{what} took {:.0} % of the workers' time", 100.0 * most / total.max(f64::MIN_POSITIVE))
}
