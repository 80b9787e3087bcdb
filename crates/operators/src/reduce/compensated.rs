//! Sums of real numbers, one after the other, that lose next to nothing (T. J. Dekker, 1971).

/// A sum with the rounding errors kept apart.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Compensated {
    sum: f64,
    rest: f64,
}

impl Compensated {
    /// Adds a value.
    pub(crate) fn add(&mut self, value: f64) {
        let sum = self.sum + value;
        // What the addition lost, whichever of the two is larger.
        let shadow = sum - self.sum;
        self.rest += (self.sum - (sum - shadow)) + (value - shadow);
        self.sum = sum;
    }

    /// The sum, rounded once more.
    pub(crate) fn value(self) -> f64 {
        // An infinite sum has no rest.
        if self.sum.is_finite() { self.sum + self.rest } else { self.sum }
    }
}
