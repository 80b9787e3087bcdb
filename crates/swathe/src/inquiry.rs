//! Asks a whole raster: as many sweeps as the answer takes, each planned within the budget.

use std::sync::atomic::AtomicBool;

use swathe_core::{Error, NodataPolicy, Parameters, RasterInfo, Reduction, Result, Value};
use swathe_engine::{Input, Limits, Observer, PlanSummary, Report, RunOptions, Step, Survey, resolve};
use swathe_operators::reduce::{About, Answer, Question, QuestionSpec, Sweep};

use crate::catalogue::Formats;
use crate::job::RunSettings;

/// A question to a raster, or to what steps make of it.
#[derive(Clone, Debug)]
pub struct Inquiry {
    /// The raster.
    pub read: Input,
    /// What is done with it first.
    pub steps: Vec<Step>,
    /// What is asked.
    pub question: Question,
    /// How the sweeps are run.
    pub run: RunSettings,
}

/// What was learned, and what each sweep took.
#[derive(Clone, Debug)]
pub struct Findings {
    /// What was learned.
    pub answer: Answer,
    /// One report for each sweep.
    pub reports: Vec<Report>,
}

impl Inquiry {
    /// A question as a person writes it: the parameters of a [`QuestionSpec`] by name.
    ///
    /// # Errors
    /// Usage, for parameters that make no sense; whatever is wrong with the raster.
    pub fn new(
        read: Input,
        spec: &QuestionSpec,
        parameters: &[(String, String)],
        run: RunSettings,
    ) -> Result<Self> {
        let given = parameters.iter().map(|(name, text)| (name.clone(), Value::Text(text.clone())));
        let parameters = Parameters::check(spec.parameters, given)?;
        let (source, _) = resolve(&read, &[], &Formats::reading(&run))?;
        let question = (spec.bind)(&parameters, source.info())?;
        Ok(Inquiry { read, steps: Vec::new(), question, run })
    }

    /// What the first sweep takes, with the number of sweeps.
    ///
    /// # Errors
    /// As [`crate::plan`].
    pub fn plan(&self) -> Result<PlanSummary> {
        let mut sweeps = self.sweeps()?;
        let planned = sweeps.info.clone();
        let outcome = self.question.answer(&planned, &mut Planning(&mut sweeps));
        match (sweeps.planned, outcome) {
            (Some(summary), _) => Ok(PlanSummary { passes: self.question.sweeps(&planned), ..summary }),
            (None, Err(error)) => Err(error),
            (None, Ok(_)) => Err(Error::bug("a question was answered without looking")),
        }
    }

    /// Finds the answer.
    ///
    /// # Errors
    /// As [`swathe_engine::Plan::run`].
    pub fn find(&self, observer: &dyn Observer, cancel: &AtomicBool) -> Result<Findings> {
        let mut sweeps = self.sweeps()?;
        let info = sweeps.info.clone();
        let answer = self.question.answer(&info, &mut Running { sweeps: &mut sweeps, observer, cancel })?;
        Ok(Findings { answer, reports: sweeps.reports })
    }

    fn sweeps(&self) -> Result<Sweeps<'_>> {
        let (source, stages) = resolve(&self.read, &self.steps, &Formats::reading(&self.run))?;
        let info = stages.last().map_or_else(|| source.info(), |stage| stage.operator.output()).clone();
        Ok(Sweeps {
            inquiry: self,
            info,
            options: self.run.options()?,
            limits: Limits::detect(),
            planned: None,
            reports: Vec::new(),
        })
    }
}

/// The summary of every band, as `swathe stats` finds it.
pub(crate) fn summary_of(read: Input, run: RunSettings) -> Result<Answer> {
    let about = About::Summary { quantiles: None, ddof: 0.0 };
    let question = Question { about, policy: NodataPolicy::Ignore };
    let inquiry = Inquiry { read, steps: Vec::new(), question, run };
    Ok(inquiry.find(&(), &AtomicBool::new(false))?.answer)
}

/// What all sweeps of an inquiry share.
struct Sweeps<'a> {
    inquiry: &'a Inquiry,
    info: RasterInfo,
    options: RunOptions,
    limits: Limits,
    planned: Option<PlanSummary>,
    reports: Vec<Report>,
}

impl Sweeps<'_> {
    fn survey<R: Reduction>(&self, reduction: R) -> Result<Survey<R>> {
        let Inquiry { read, steps, run, .. } = self.inquiry;
        let (source, stages) = resolve(read, steps, &Formats::reading(run))?;
        Survey::new(source, stages, ("answer", reduction), &self.options, &self.limits)
    }
}

/// Plans the first sweep and goes no further.
struct Planning<'a, 'b>(&'a mut Sweeps<'b>);

impl Sweep for Planning<'_, '_> {
    fn sweep<R: Reduction>(&mut self, reduction: R) -> Result<R::Partial> {
        self.0.planned = Some(self.0.survey(reduction)?.summary().clone());
        Err(Error::interrupted("only planned"))
    }
}

/// Runs every sweep.
struct Running<'a, 'b> {
    sweeps: &'a mut Sweeps<'b>,
    observer: &'a dyn Observer,
    cancel: &'a AtomicBool,
}

impl Sweep for Running<'_, '_> {
    fn sweep<R: Reduction>(&mut self, reduction: R) -> Result<R::Partial> {
        let (partial, report) = self.sweeps.survey(reduction)?.run(self.observer, self.cancel)?;
        self.sweeps.reports.push(report);
        Ok(partial)
    }
}
