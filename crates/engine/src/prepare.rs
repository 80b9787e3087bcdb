//! Sweeps before the one that writes, for operators that must know about all pixels of their input before they can be bound.
//!
//! A plan is made without them: a stand-in takes the place of what is not known yet, and has the same output, halo and
//! scratch. Running the plan sweeps first, puts what was learned into the step's parameters, and plans anew.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use swathe_core::{Keep, RasterInfo, Reduction, Result, Source};

use crate::both_ways::InterimRaster;
use crate::limits::Limits;
use crate::means::{Attempt, together};
use crate::pipeline::{Catalogue, Chain, Graph, Input, Pipeline, Step, resolve};
use crate::plan::Plan;
use crate::report::{FusionSummary, Observer, PlanSummary, PreparationSummary, Report, RunOptions};
use crate::survey::Survey;

/// What a step has to learn about its first input.
pub trait Preparation: Send + Sync {
    /// What is learned, in a few words.
    fn subject(&self) -> String;

    /// How many sweeps that takes.
    fn sweeps(&self) -> u64;

    /// The step to plan with: its parameters are complete, and its output, halo and scratch are those of the step that
    /// [`Preparation::learn`] will return.
    fn stand_in(&self) -> Step;

    /// Sweeps, and returns the step with parameters that say all it needs.
    ///
    /// # Errors
    /// Whatever stops a sweep; where what was learned is of no use.
    fn learn(&self, sweeps: &mut Sweeps<'_>) -> Result<Step>;
}

/// What is swept over.
enum Subject<'a> {
    /// What steps make of a raster, opened for each sweep, or of what was stored of theirs behind so many.
    Resolved {
        chain: (&'a Input, &'a [Step]),
        catalogue: &'a dyn Catalogue,
        stored: Option<(usize, Arc<dyn Source>)>,
    },
    /// The result of a chain.
    Bound(Chain),
}

impl Subject<'_> {
    fn chain(&self) -> Result<Chain> {
        match self {
            Subject::Bound(chain) => Ok(chain.clone()),
            Subject::Resolved { chain: (read, steps), catalogue, stored } => {
                let (source, stages) = resolve(read, steps, *catalogue)?;
                let chain = Chain::new(source, stages);
                Ok(match stored {
                    Some((stages, source)) => chain.behind(*stages, source),
                    None => chain,
                })
            }
        }
    }
}

/// A plan of a sweep, and nanoseconds that it computes once and again.
type Planned = (PlanSummary, (f64, f64));

/// Sweeps over what a chain makes of a raster, as often as is asked.
pub struct Sweeps<'a> {
    subject: Subject<'a>,
    options: &'a RunOptions,
    limits: &'a Limits,
    /// Who is told, and who stops it; nobody where sweeps are only planned.
    watch: Option<(&'a dyn Observer, &'a AtomicBool)>,
    planned: Vec<Attempt<Planned>>,
    /// Which pass comes next, of how many, and what for.
    pass: (u64, u64, String),
    reports: Vec<Report>,
}

impl<'a> Sweeps<'a> {
    /// Over what `steps`, none of which has anything to learn, make of a raster.
    pub fn new(
        chain: (&'a Input, &'a [Step]),
        catalogue: &'a dyn Catalogue,
        options: &'a RunOptions,
        limits: &'a Limits,
    ) -> Self {
        Sweeps::of(Subject::Resolved { chain, catalogue, stored: None }, options, limits)
    }

    /// Over the result of a chain.
    pub(crate) fn over(chain: Chain, options: &'a RunOptions, limits: &'a Limits) -> Self {
        Sweeps::of(Subject::Bound(chain), options, limits)
    }

    fn of(subject: Subject<'a>, options: &'a RunOptions, limits: &'a Limits) -> Self {
        let (pass, reports) = ((1, 1, String::new()), Vec::new());
        Sweeps { subject, options, limits, watch: None, planned: Vec::new(), pass, reports }
    }

    /// The same, run and not only planned.
    #[must_use]
    pub fn watched(self, observer: &'a dyn Observer, cancel: &'a AtomicBool) -> Self {
        Sweeps { watch: Some((observer, cancel)), ..self }
    }

    /// The same, where the first sweep is this pass of so many, and what it is for.
    #[must_use]
    pub fn counted(self, pass: u64, passes: u64, what: &str) -> Self {
        Sweeps { pass: (pass, passes, what.to_owned()), ..self }
    }

    /// What is swept over.
    ///
    /// # Errors
    /// As [`resolve`].
    pub fn info(&self) -> Result<RasterInfo> {
        Ok(self.subject.chain()?.output().clone())
    }

    /// Shows every pixel to a reduction. Where the sweep is only to be planned, the answer is that of a raster without
    /// pixels, so that sweeps that follow are planned too.
    ///
    /// # Errors
    /// As [`Survey::new`] and [`Survey::run`].
    pub fn sweep<R: Reduction>(&mut self, reduction: R) -> Result<R::Partial> {
        let chain = self.subject.chain()?;
        let Some((observer, cancel)) = self.watch else {
            let mut nothing = reduction.begin();
            reduction.complete(&mut nothing);
            let survey = Survey::over(chain, ("answer", reduction), self.options, self.limits)?;
            self.planned.push(survey.map(|survey| (survey.summary().clone(), survey.work())));
            return Ok(nothing);
        };
        let survey = Survey::over(chain, ("answer", reduction), self.options, self.limits)??;
        let (pass, passes, what) = &mut self.pass;
        if *passes > 1 {
            observer.pass_begins(*pass, *passes, what);
        }
        *pass += 1;
        let (partial, report) = survey.run(observer, cancel)?;
        self.reports.push(report);
        Ok(partial)
    }

    /// The plan of the sweep that takes most memory, where they were only planned.
    ///
    /// # Errors
    /// Limit, where the budget does not hold all sweeps.
    pub fn into_planned(self) -> Option<Result<PlanSummary>> {
        self.into_attempt().map(|attempt| Ok(attempt?.0))
    }

    /// The same, with what all sweeps compute.
    pub(crate) fn into_attempt(self) -> Option<Attempt<Planned>> {
        let largest = |all: Vec<Planned>| {
            let work = all.iter().fold((0.0, 0.0), |sum, (_, work)| (sum.0 + work.0, sum.1 + work.1));
            let plans = all.into_iter().map(|(plan, _)| plan);
            plans.rev().max_by_key(|plan| plan.predicted_peak_bytes).map(|plan| (plan, work))
        };
        together(self.planned).map(largest).transpose()
    }

    /// What each sweep took.
    pub fn into_reports(self) -> Vec<Report> {
        self.reports
    }
}

/// Most characters of what was learned that a report shows; histograms have thousands.
const FOUND_CHARACTERS: usize = 200;

/// A pipeline that sweeps before it writes.
pub(crate) struct Preparing {
    pipeline: Pipeline,
    catalogue: Box<dyn Catalogue + Send + Sync>,
    options: RunOptions,
    limits: Limits,
    summaries: Vec<PreparationSummary>,
    /// How many steps come before each place where the chain is cut.
    cuts: Vec<usize>,
    /// Why.
    fusion: Option<FusionSummary>,
}

impl Plan {
    /// Resolves a pipeline and chooses tile shape and workers, for the sweep that writes and for those before it.
    ///
    /// # Errors
    /// As [`Graph::resolve`] and [`Plan::new`]; the least budget that would do is the one that holds every sweep.
    pub fn of(
        pipeline: &Pipeline,
        catalogue: Box<dyn Catalogue + Send + Sync>,
        options: &RunOptions,
        limits: &Limits,
    ) -> Result<Self> {
        let (graph, _, preparations) = Graph::with_stand_ins(pipeline, &*catalogue)?;
        let graph = graph.of_shard_of(options.shard, pipeline)?;
        let store = stored_by(&*catalogue);
        let planned = Plan::in_learning_sweeps(graph, &preparations, &store, options, limits)?;
        drop(store);
        let (mut plan, summaries) = planned?;
        plan.summary.add_preparations(&summaries);
        if !summaries.is_empty() {
            let cuts = plan.summary.stored.iter().map(|stored| stored.stages as usize).collect();
            let (pipeline, options, limits) = (pipeline.clone(), options.clone(), *limits);
            let fusion = plan.summary.fusion.clone();
            let preparing = Preparing { pipeline, catalogue, options, limits, summaries, cuts, fusion };
            plan.preparing = Some(Box::new(preparing));
        }
        Ok(plan)
    }
}

/// Columns of a block of what is stored between two sweeps, which tiles are a whole number of.
const STORED_COLUMNS: usize = 256;

/// Stores what is between sweeps where a catalogue has it.
fn stored_by(catalogue: &dyn Catalogue) -> impl Fn(&str, RasterInfo, Range<usize>) -> Result<InterimRaster> {
    |name, info, rows| catalogue.interim(name, STORED_COLUMNS)(info, rows)
}

/// What was put into a step, in a line.
fn found(asked: &Step, learned: &Step) -> String {
    let new = learned.parameters.iter().filter(|(name, value)| asked.parameters.get(*name) != Some(*value));
    let text = new.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(FOUND_CHARACTERS) {
        Some((end, _)) => format!("{} ...", &text[..end]),
        None => text,
    }
}

impl Preparing {
    /// Sweeps for each step that has something to learn, in order, then for the output, which was planned in so many sweeps.
    pub(crate) fn run(
        mut self,
        keep: Option<Box<dyn Keep>>,
        sweeps: u64,
        observer: &dyn Observer,
        cancel: &AtomicBool,
    ) -> Result<Report> {
        let passes = sweeps + self.summaries.iter().map(|summary| summary.passes).sum::<u64>();
        let whole = RunOptions { shard: None, ..self.options.clone() };
        let (mut pass, mut reports, mut learned_so_far) = (1, Vec::new(), 0);
        let mut cuts = std::mem::take(&mut self.cuts).into_iter().peekable();
        let (mut stored, mut stores) = (None, Vec::new());
        for number in 0..self.pipeline.steps.len() {
            let Some(preparation) = self.preparation(number)? else { continue };
            while let Some(place) = cuts.next_if(|place| *place <= number) {
                let (plan, source) = self.storing(place, stored.as_ref(), &whole)?;
                let report = plan.run_counted((pass, passes), observer, cancel)?;
                pass += 1;
                stores.push(report.plan.clone());
                reports.push(report);
                stored = Some((place, source));
            }
            let step = &self.pipeline.steps[number];
            let what = format!("{} for `{}`", preparation.subject(), step.operator);
            let mut sweeps = Sweeps::of(self.before(number, stored.as_ref()), &whole, &self.limits)
                .watched(observer, cancel)
                .counted(pass, passes, &what);
            let learned = preparation.learn(&mut sweeps).map_err(|error| error.at(&what))?;
            reports.extend(sweeps.into_reports());
            pass += preparation.sweeps();
            if let Some(summary) = self.summaries.get_mut(learned_so_far) {
                summary.found = Some(found(step, &learned));
            }
            learned_so_far += 1;
            self.pipeline.steps[number] = learned;
        }
        let graph = Graph::resolve(&self.pipeline, &*self.catalogue)?;
        let graph = graph.of_shard_of(self.options.shard, &self.pipeline)?;
        let (behind, graph) = match stored {
            Some((place, source)) => (place, graph.behind(place, &source)),
            None => (0, graph),
        };
        let cuts = cuts.map(|place| place - behind).collect::<Vec<_>>();
        let store = stored_by(&*self.catalogue);
        let mut plan = Plan::cut_at(graph, &cuts, &store, &self.options, &self.limits)??;
        plan.keep = keep;
        let passes = passes.max(pass + plan.before.len() as u64);
        let mut report = plan.run_counted((pass, passes), observer, cancel)?.after(reports);
        let free_bytes = report.plan.scratch_free_bytes;
        report.plan.follow(&stores, free_bytes);
        report.plan.add_preparations(&self.summaries);
        report.plan.fusion = self.fusion;
        Ok(report)
    }

    /// What a step reads, starting from what was stored.
    fn before(&self, number: usize, stored: Option<&(usize, Arc<dyn Source>)>) -> Subject<'_> {
        let chain = (&self.pipeline.read, &self.pipeline.steps[..number]);
        Subject::Resolved { chain, catalogue: &*self.catalogue, stored: stored.cloned() }
    }

    /// The sweep that stores what the first steps make, which are bound, with the raster that it will be.
    fn storing(
        &self,
        place: usize,
        stored: Option<&(usize, Arc<dyn Source>)>,
        whole: &RunOptions,
    ) -> Result<(Plan, Arc<dyn Source>)> {
        let chain = self.before(place, stored).chain()?;
        let (info, operator) = (chain.output().clone(), &self.pipeline.steps[place - 1].operator);
        let rows = 0..info.size.height;
        let name = format!("what `{operator}` makes");
        let InterimRaster { destination, source } = stored_by(&*self.catalogue)(&name, info, rows)?;
        let plan = Plan::new(Graph::over(chain, destination), whole, &self.limits)?;
        Ok((Plan { purpose: name, ..plan }, source))
    }

    fn preparation(&self, number: usize) -> Result<Option<Box<dyn Preparation>>> {
        let step = &self.pipeline.steps[number];
        if self.catalogue.is_scan(step) {
            return Ok(None);
        }
        let (source, stages) =
            resolve(&self.pipeline.read, &self.pipeline.steps[..number], &*self.catalogue)?;
        let info = stages.last().map_or_else(|| source.info(), |stage| stage.operator.output());
        let mut inputs = vec![info.clone()];
        for input in &step.with {
            inputs.push(self.catalogue.open(input)?.info().clone());
        }
        let found = self.catalogue.preparation(step, &inputs);
        found.map_err(|error| error.at(format_args!("`{}`", step.operator)))
    }
}
