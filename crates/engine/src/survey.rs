//! Sweeps that learn something from all pixels and write none: a reduction stands where the output does.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use swathe_core::{
    Destination, Disk, Error, Footprint, Frame, Journal, Reduction, Result, Sink, Size, Source, TileView,
};

use crate::limits::Limits;
use crate::means::Attempt;
use crate::pipeline::{Chain, Graph, Stage};
use crate::plan::Plan;
use crate::report::{Observer, PlanSummary, Report, RunOptions};
use crate::sweeps;

/// A planned sweep over a raster, or over what a chain makes of it, that a reduction looks at.
pub struct Survey<R: Reduction> {
    plan: Plan,
    outcome: Arc<Mutex<Option<R::Partial>>>,
}

impl<R: Reduction> Survey<R> {
    /// Plans the sweep. `name` says what is learned, for the plan's words.
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub fn new(
        source: Box<dyn Source>,
        stages: Vec<Stage>,
        named: (&str, R),
        options: &RunOptions,
        limits: &Limits,
    ) -> Result<Self> {
        Ok(Survey::attempt(source, stages, named, options, limits)??)
    }

    /// As [`Survey::new`], for callers that have more to plan before they can say what would do.
    ///
    /// # Errors
    /// As [`Plan::attempt`].
    pub fn attempt(
        source: Box<dyn Source>,
        stages: Vec<Stage>,
        named: (&str, R),
        options: &RunOptions,
        limits: &Limits,
    ) -> Result<Attempt<Self>> {
        Survey::over(Chain::new(source, stages), named, options, limits)
    }

    /// The same of a chain that is put together already.
    pub(crate) fn over(
        chain: Chain,
        (name, reduction): (&str, R),
        options: &RunOptions,
        limits: &Limits,
    ) -> Result<Attempt<Self>> {
        let outcome = Arc::new(Mutex::new(None));
        let gathering = Gathering {
            name: name.to_owned(),
            block: chain.source.block(),
            reduction,
            partials: Mutex::new(Vec::new()),
            outcome: Arc::clone(&outcome),
        };
        let plan = Plan::attempt(Graph::over(chain, Box::new(gathering)), options, limits)?;
        Ok(plan.map(|plan| Survey { plan, outcome }))
    }

    /// Everything there is to say about the plan.
    pub fn summary(&self) -> &PlanSummary {
        self.plan.summary()
    }

    /// Nanoseconds that one worker computes every pixel once, and that it computes and reads pixels again.
    pub(crate) fn work(&self) -> (f64, f64) {
        sweeps::work(self.plan.graph.sweep(), Some(&self.plan.grid))
    }

    /// Sweeps over the raster and returns what was learned.
    ///
    /// # Errors
    /// As [`Plan::run`].
    pub fn run(self, observer: &dyn Observer, cancel: &AtomicBool) -> Result<(R::Partial, Report)> {
        let report = self.plan.run(observer, cancel)?;
        let outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner).take();
        outcome.map(|outcome| (outcome, report)).ok_or_else(|| Error::bug("a sweep ended without a result"))
    }
}

/// A reduction in the place of an output. Each worker takes a partial result for the time of a tile, so that there are
/// never more of them than workers.
struct Gathering<R: Reduction> {
    name: String,
    block: Size,
    reduction: R,
    partials: Mutex<Vec<R::Partial>>,
    outcome: Arc<Mutex<Option<R::Partial>>>,
}

impl<R: Reduction> Gathering<R> {
    fn free(&self) -> std::sync::MutexGuard<'_, Vec<R::Partial>> {
        self.partials.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R: Reduction> Destination for Gathering<R> {
    fn name(&self) -> &str {
        &self.name
    }

    fn block(&self) -> Size {
        self.block
    }

    fn whole_blocks(&self) -> bool {
        false
    }

    fn full_width(&self) -> bool {
        self.reduction.full_width()
    }

    fn file_bytes(&self) -> u64 {
        0
    }

    fn disk(&self) -> Option<Disk> {
        None
    }

    fn resident_bytes(&self, workers: usize) -> usize {
        let partials = self.reduction.partial_bytes().saturating_mul(workers);
        partials.saturating_add(self.reduction.result_bytes())
    }

    fn scratch_bytes(&self, _tile: Size) -> usize {
        0
    }

    fn mapped_bytes(&self, _tile: Size) -> usize {
        0
    }

    fn method(&self) -> String {
        "gathering".into()
    }

    fn create(self: Box<Self>) -> Result<Box<dyn Sink>> {
        Ok(self)
    }
}

impl<R: Reduction> Sink for Gathering<R> {
    fn write(
        &self,
        _sequence: u64,
        tile: &TileView<'_>,
        _scratch: &mut Frame<'_>,
        _footprint: &mut Footprint,
    ) -> Result<()> {
        let free = self.free().pop();
        let mut partial = free.unwrap_or_else(|| self.reduction.begin());
        self.reduction.add(&mut partial, tile)?;
        self.free().push(partial);
        Ok(())
    }

    fn cancel(&self) {}

    fn stored_bytes_written(&self) -> u64 {
        0
    }

    fn finish(self: Box<Self>, _flush: bool, _journal: Option<&dyn Journal>) -> Result<u64> {
        let mut partials = std::mem::take(&mut *self.free()).into_iter();
        let mut whole = partials.next().unwrap_or_else(|| self.reduction.begin());
        partials.for_each(|partial| self.reduction.merge(&mut whole, partial));
        self.reduction.complete(&mut whole);
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(whole);
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use swathe_core::{RasterInfo, SampleType, TileMut, Window};

    use super::*;

    struct Ramp(RasterInfo);

    impl Source for Ramp {
        fn info(&self) -> &RasterInfo {
            &self.0
        }
        fn name(&self) -> &str {
            "ramp"
        }
        fn block(&self) -> Size {
            Size::new(16, 16)
        }
        fn resident_bytes(&self) -> usize {
            0
        }
        fn scratch_bytes(&self, _window: Size) -> usize {
            0
        }
        fn mapped_bytes(&self, _window: Size) -> usize {
            0
        }
        fn read(&self, output: &mut TileMut<'_>, _scratch: &mut Frame<'_>) -> Result<()> {
            let Window { x, y, height, .. } = output.window();
            for row in 0..height {
                for (column, sample) in output.row_mut::<u16>(0, row).iter_mut().enumerate() {
                    *sample = (x as usize + column + 1000 * (y as usize + row)) as u16;
                }
            }
            Ok(())
        }
        fn check_unchanged(&self) -> Result<()> {
            Ok(())
        }
        fn method(&self) -> String {
            "counting".into()
        }
        fn stored_bytes_read(&self) -> u64 {
            0
        }
        fn stored_bytes(&self, _window: Window) -> u64 {
            0
        }
    }

    struct Sum;

    impl Reduction for Sum {
        type Partial = u64;

        fn partial_bytes(&self) -> usize {
            8
        }
        fn begin(&self) -> u64 {
            0
        }
        fn add(&self, partial: &mut u64, tile: &TileView<'_>) -> Result<()> {
            let rows = (0..tile.window().height).flat_map(|y| tile.row::<u16>(0, y));
            *partial += rows.map(|&sample| u64::from(sample)).sum::<u64>();
            Ok(())
        }
        fn merge(&self, partial: &mut u64, other: u64) {
            *partial += other;
        }
    }

    #[test]
    fn every_pixel_counts_once_for_any_tiles_and_threads() {
        for (tile, threads) in [(Size::new(7, 3), 1), (Size::new(64, 64), 2), (Size::new(1, 50), 8)] {
            let source = Ramp(RasterInfo::new(Size::new(53, 37), 1, SampleType::U16));
            let options = RunOptions { tile: Some(tile), threads: Some(threads), ..RunOptions::default() };
            let survey =
                Survey::new(Box::new(source), Vec::new(), ("sum", Sum), &options, &Limits::detect()).unwrap();
            let (sum, report) = survey.run(&(), &AtomicBool::new(false)).unwrap();
            assert_eq!(sum, (0..37).map(|y| (0..53).map(|x| x + 1000 * y).sum::<u64>()).sum::<u64>());
            assert_eq!(report.output_bytes, 0);
        }
    }
}
