//! Operators with their parameters, as tests name them.

use swathe_core::{Operator, OperatorSpec, Parameters, RasterInfo, Result, Value};

use crate::raster::Raster;

/// One operator of a chain with its parameters and its further inputs. Bound anew for each use.
#[derive(Clone, Debug)]
pub struct Step {
    /// The operator.
    pub spec: &'static OperatorSpec,
    /// Its parameters: names and values as text.
    pub parameters: Vec<(String, String)>,
    /// Files that a parameter names: names and contents. What is none of them is text.
    pub files: Vec<(String, Vec<u8>)>,
    /// Rasters that it reads besides the result of the step before.
    pub with: Vec<Raster>,
}

impl Step {
    /// A step with parameters as a trial writes them: `"sigma=2.2 size=11"`.
    ///
    /// # Panics
    /// If a word has no `=`.
    pub fn new(spec: &'static OperatorSpec, trial: &str) -> Self {
        let parameters = trial.split_whitespace().map(|word| {
            let Some((name, value)) = word.split_once('=') else {
                panic!("`{}` has a trial with the word `{word}`, which is not `name=value`", spec.name)
            };
            (name.to_owned(), value.to_owned())
        });
        Step { spec, parameters: parameters.collect(), files: Vec::new(), with: Vec::new() }
    }

    /// The same with a parameter set, where the operator has one of that name and it was not given.
    pub fn with_default(mut self, name: &str, value: &str) -> Self {
        let known = self.spec.parameters.iter().any(|parameter| parameter.name == name);
        if known && self.parameters.iter().all(|(given, _)| given != name) {
            self.parameters.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// The same with a parameter set to another value, where the operator has one of that name.
    pub fn with_parameter(mut self, name: &str, value: &str) -> Self {
        self.parameters.retain(|(given, _)| given != name);
        self.with_default(name, value)
    }

    /// Binds the operator to `input`, the result of the step before.
    ///
    /// # Errors
    /// As the operator.
    pub fn bind(&self, input: &RasterInfo) -> Result<Box<dyn Operator>> {
        let mut inputs = vec![input.clone()];
        inputs.extend(self.with.iter().map(|raster| raster.info.clone()));
        let given = self.parameters.iter().map(|(name, value)| (name.clone(), self.value(value)));
        (self.spec.bind)(&Parameters::check(self.spec.parameters, given)?, &inputs)
    }

    fn value(&self, text: &str) -> Value {
        match self.files.iter().find(|(name, _)| name == text) {
            Some((name, content)) => Value::File { name: name.clone(), content: content.clone() },
            None => Value::Text(text.to_owned()),
        }
    }
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.spec.name)?;
        self.parameters.iter().try_for_each(|(name, value)| write!(f, " {name}={value}"))
    }
}

/// A chain in words.
pub fn words(steps: &[Step]) -> String {
    steps.iter().map(Step::to_string).collect::<Vec<_>>().join(" ! ")
}
