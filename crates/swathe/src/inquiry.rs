//! Asks a whole raster: as many sweeps as the answer takes, each planned within the budget.

use std::sync::atomic::AtomicBool;

use swathe_core::{Error, NodataPolicy, Parameters, Result, Value};
use swathe_engine::{Input, Limits, Observer, PlanSummary, Report, RunOptions, Step, Sweeps, resolve};
use swathe_operators::reduce::{About, Answer, Question, QuestionSpec};

use crate::catalogue::Formats;
use crate::job::RunSettings;
use crate::preparation::Asking;

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

/// What sweeps are planned with.
type Ways = (Formats, RunOptions, Limits);

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

    /// What the sweep takes that takes most, with the number of sweeps.
    ///
    /// # Errors
    /// As [`crate::plan`].
    pub fn plan(&self) -> Result<PlanSummary> {
        self.plan_within(&self.ways()?)
    }

    fn plan_within(&self, (formats, options, limits): &Ways) -> Result<PlanSummary> {
        let mut sweeps = Sweeps::new((&self.read, &self.steps), formats, options, limits);
        let info = sweeps.info()?;
        let outcome = self.question.answer(&info, &mut Asking(&mut sweeps));
        match (sweeps.into_planned(), outcome) {
            (Some(planned), _) => Ok(PlanSummary { passes: self.question.sweeps(&info), ..planned? }),
            (None, Err(error)) => Err(error),
            (None, Ok(_)) => Err(Error::bug("a question was answered without looking")),
        }
    }

    /// Finds the answer.
    ///
    /// # Errors
    /// As [`swathe_engine::Plan::run`].
    pub fn find(&self, observer: &dyn Observer, cancel: &AtomicBool) -> Result<Findings> {
        let ways = self.ways()?;
        // A budget that does not hold a later sweep is refused before the first.
        self.plan_within(&ways)?;
        let (formats, options, limits) = ways;
        let sweeps = Sweeps::new((&self.read, &self.steps), &formats, &options, &limits);
        let info = sweeps.info()?;
        let mut sweeps =
            sweeps.watched(observer, cancel).counted(1, self.question.sweeps(&info), "looking at all pixels");
        let answer = self.question.answer(&info, &mut Asking(&mut sweeps))?;
        Ok(Findings { answer, reports: sweeps.into_reports() })
    }

    fn ways(&self) -> Result<Ways> {
        Ok((Formats::reading(&self.run), self.run.options()?, Limits::detect()))
    }
}

/// The summary of every band, as `swathe stats` finds it.
pub(crate) fn summary_of(read: Input, run: RunSettings) -> Result<Answer> {
    let about = About::Summary { quantiles: None, ddof: 0.0 };
    let question = Question { about, policy: NodataPolicy::Ignore };
    let inquiry = Inquiry { read, steps: Vec::new(), question, run };
    Ok(inquiry.find(&(), &AtomicBool::new(false))?.answer)
}
