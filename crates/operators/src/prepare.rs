//! What operators ask about all pixels of their input before they can be bound, and the list of those that do.

use swathe_core::{Parameters, RasterInfo, Result};

use crate::reduce::{Answer, Question};

/// A parameter with its new value; none where it is to be left out.
pub type Change = (&'static str, Option<String>);

/// Turns an answer into parameters.
pub type Settle = Box<dyn Fn(&Answer) -> Result<Vec<Change>> + Send + Sync>;

/// What one use of an operator asks about its input.
pub struct Asked {
    /// The question.
    pub question: Question,
    /// What is learned, in a few words.
    pub subject: String,
    /// Changes that make the parameters complete without an answer, for planning: output, halo and scratch must be what
    /// they will be with one.
    pub stand_in: Vec<Change>,
    /// The changes that an answer makes. Numbers are written so that they read back as the same numbers.
    pub settle: Settle,
}

/// An operator that asks before it can be bound.
#[derive(Clone, Copy)]
pub struct PreparationSpec {
    /// The operator's name.
    pub operator: &'static str,
    /// What it asks about a raster with these parameters; nothing where they say all.
    pub ask: fn(&Parameters, &RasterInfo) -> Result<Option<Asked>>,
}

/// Every operator that asks, sorted by name.
#[rustfmt::skip] // one line an operator
pub static PREPARATIONS: &[&PreparationSpec] = &[
    &PreparationSpec { operator: "enhanced-frost", ask: crate::speckle::ask },
    &PreparationSpec { operator: "enhanced-lee", ask: crate::speckle::ask },
    &crate::point::equalize::PREPARATION,
    &PreparationSpec { operator: "gamma-map", ask: crate::speckle::ask },
    &PreparationSpec { operator: "kuan", ask: crate::speckle::ask },
    &PreparationSpec { operator: "lee", ask: crate::speckle::ask },
    &crate::speckle::lee_sigma::PREPARATION,
    &crate::point::stretch::PREPARATION,
];

/// What the operator of that name asks first.
pub fn find(name: &str) -> Option<&'static PreparationSpec> {
    PREPARATIONS.iter().copied().find(|spec| spec.operator == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_asks_is_an_operator() {
        assert!(PREPARATIONS.is_sorted_by(|a, b| a.operator < b.operator));
        for spec in PREPARATIONS {
            assert!(crate::find(spec.operator).is_some());
            assert_eq!(find(spec.operator).unwrap().operator, spec.operator);
        }
    }
}
