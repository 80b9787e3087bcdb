//! What an operator asks, asked by the engine's sweeps.

use swathe_core::{RasterInfo, Reduction, Result};
use swathe_engine::{Preparation, Step, Sweeps};
use swathe_operators::prepare::{Asked, Change};
use swathe_operators::reduce::Sweep;

/// Asks by sweeping.
pub(crate) struct Asking<'a, 'b>(pub(crate) &'a mut Sweeps<'b>);

impl Sweep for Asking<'_, '_> {
    fn sweep<R: Reduction>(&mut self, reduction: R) -> Result<R::Partial> {
        self.0.sweep(reduction)
    }
}

/// A step with what it asks about its input.
pub(crate) struct Learning {
    step: Step,
    input: RasterInfo,
    asked: Asked,
}

impl Learning {
    pub(crate) fn new(step: &Step, input: &RasterInfo, asked: Asked) -> Self {
        Learning { step: step.clone(), input: input.clone(), asked }
    }

    fn changed(&self, changes: &[Change]) -> Step {
        let mut step = self.step.clone();
        for (name, value) in changes {
            match value {
                Some(value) => step.parameters.insert((*name).to_owned(), value.clone()),
                None => step.parameters.remove(*name),
            };
        }
        step
    }
}

impl Preparation for Learning {
    fn subject(&self) -> String {
        self.asked.subject.clone()
    }

    fn sweeps(&self) -> u64 {
        self.asked.question.sweeps(&self.input)
    }

    fn stand_in(&self) -> Step {
        self.changed(&self.asked.stand_in)
    }

    fn learn(&self, sweeps: &mut Sweeps<'_>) -> Result<Step> {
        let answer = self.asked.question.answer(&self.input, &mut Asking(sweeps))?;
        Ok(self.changed(&(self.asked.settle)(&answer)?))
    }
}
