//! Sweeps before the one that writes, for operators that must know about all pixels of their input before they can be bound.
//!
//! A plan is made without them: a stand-in takes the place of what is not known yet, and has the same output, halo and
//! scratch. Running the plan sweeps first, puts what was learned into the step's parameters, and plans anew.

use std::sync::atomic::AtomicBool;

use swathe_core::{Error, Keep, RasterInfo, Reduction, Result};

use crate::both_ways::InterimRaster;
use crate::limits::Limits;
use crate::means::{Attempt, both, together};
use crate::pipeline::{Catalogue, Graph, Input, Pipeline, Step, resolve};
use crate::plan::Plan;
use crate::report::{Observer, PlanSummary, PreparationSummary, Report, RunOptions};
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

/// Sweeps over what a chain makes of a raster, as often as is asked.
pub struct Sweeps<'a> {
    chain: (&'a Input, &'a [Step]),
    catalogue: &'a dyn Catalogue,
    options: &'a RunOptions,
    limits: &'a Limits,
    /// Who is told, and who stops it; nobody where sweeps are only planned.
    watch: Option<(&'a dyn Observer, &'a AtomicBool)>,
    planned: Vec<Attempt<PlanSummary>>,
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
        let (pass, reports) = ((1, 1, String::new()), Vec::new());
        Sweeps { chain, catalogue, options, limits, watch: None, planned: Vec::new(), pass, reports }
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
        let (source, stages) = resolve(self.chain.0, self.chain.1, self.catalogue)?;
        Ok(stages.last().map_or_else(|| source.info(), |stage| stage.operator.output()).clone())
    }

    /// Shows every pixel to a reduction. Where the sweep is only to be planned, the answer is that of a raster without
    /// pixels, so that sweeps that follow are planned too.
    ///
    /// # Errors
    /// As [`Survey::new`] and [`Survey::run`].
    pub fn sweep<R: Reduction>(&mut self, reduction: R) -> Result<R::Partial> {
        let (source, stages) = resolve(self.chain.0, self.chain.1, self.catalogue)?;
        let Some((observer, cancel)) = self.watch else {
            let mut nothing = reduction.begin();
            reduction.complete(&mut nothing);
            let survey = Survey::attempt(source, stages, ("answer", reduction), self.options, self.limits)?;
            self.planned.push(survey.map(|survey| survey.summary().clone()));
            return Ok(nothing);
        };
        let survey = Survey::new(source, stages, ("answer", reduction), self.options, self.limits)?;
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
        self.into_attempt().map(|attempt| Ok(attempt?))
    }

    fn into_attempt(self) -> Option<Attempt<PlanSummary>> {
        let largest =
            |all: Vec<PlanSummary>| all.into_iter().rev().max_by_key(|plan| plan.predicted_peak_bytes);
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
        let (graph, stood_in, preparations) = Graph::with_stand_ins(pipeline, &*catalogue)?;
        let graph = graph.of_shard_of(options.shard, pipeline)?;
        let writing = Plan::in_sweeps(graph, &stored_by(&*catalogue), options, limits)?;
        let mut attempts = Vec::new();
        // What is learned is learned of the whole raster, by every shard.
        let whole = RunOptions { shard: None, ..options.clone() };
        for (number, preparation) in preparations {
            let chain = (&stood_in.read, &stood_in.steps[..number]);
            let mut sweeps = Sweeps::new(chain, &*catalogue, &whole, limits);
            let outcome = preparation.learn(&mut sweeps);
            // That a raster without pixels has no answer is no error.
            let planned = match (sweeps.into_attempt(), outcome) {
                (Some(attempt), _) => attempt,
                (None, Err(error)) => return Err(error),
                (None, Ok(_)) => return Err(Error::bug("a step was prepared without looking")),
            };
            let (subject, passes) = (preparation.subject(), preparation.sweeps());
            let operator = &stood_in.steps[number].operator;
            attempts.push(planned.map(|sweep| PreparationSummary::new(operator, subject, passes, sweep)));
        }
        // The least that holds one of them may not hold another, so that all are looked at first.
        let (mut plan, summaries) = both(writing, together(attempts))?;
        plan.summary.add_preparations(&summaries);
        if !summaries.is_empty() {
            let (pipeline, options, limits) = (pipeline.clone(), options.clone(), *limits);
            plan.preparing = Some(Box::new(Preparing { pipeline, catalogue, options, limits, summaries }));
        }
        Ok(plan)
    }
}

/// Columns of a block of what is stored between two sweeps, which tiles are a whole number of.
const STORED_COLUMNS: usize = 256;

/// Stores what is between sweeps where a catalogue has it.
fn stored_by(catalogue: &dyn Catalogue) -> impl Fn(&str, RasterInfo) -> Result<InterimRaster> {
    |name, info| catalogue.interim(name, STORED_COLUMNS)(info)
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
        for number in 0..self.pipeline.steps.len() {
            let Some(preparation) = self.preparation(number)? else { continue };
            let step = &self.pipeline.steps[number];
            let what = format!("{} for `{}`", preparation.subject(), step.operator);
            let chain = (&self.pipeline.read, &self.pipeline.steps[..number]);
            let mut sweeps = Sweeps::new(chain, &*self.catalogue, &whole, &self.limits)
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
        let mut plan = Plan::in_sweeps(graph, &stored_by(&*self.catalogue), &self.options, &self.limits)??;
        plan.keep = keep;
        plan.summary.add_preparations(&self.summaries);
        let passes = passes.max(pass + plan.before.len() as u64);
        Ok(plan.run_counted((pass, passes), observer, cancel)?.after(reports))
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
