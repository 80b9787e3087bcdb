//! The statistics of a band, from its counts of values or its moments.

use super::counts::ValueCounts;
use super::exact_sum::ExactSum;
use super::moments::Moments;

/// The statistics of the pixels of one band that hold data.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BandSummary {
    /// Pixels that hold data.
    pub count: u64,
    /// Pixels that hold none.
    pub missing: u64,
    /// Pixels that hold data other than 0.
    pub nonzero: u64,
    /// The least value; none where no pixel holds data, or all are `NaN`.
    pub minimum: Option<f64>,
    /// The greatest value.
    pub maximum: Option<f64>,
    /// The sum, rounded once; 0 where no pixel holds data.
    pub sum: f64,
    /// The sum of the squared differences from the mean.
    pub squared_differences: f64,
}

impl BandSummary {
    /// The mean: the exact sum by the count.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }

    /// The variance with `count - ddof` in the denominator; none where that is not above 0.
    pub fn variance(&self, ddof: f64) -> Option<f64> {
        let denominator = self.count as f64 - ddof;
        (denominator > 0.0).then(|| self.squared_differences / denominator)
    }

    /// The square root of the variance.
    pub fn standard_deviation(&self, ddof: f64) -> Option<f64> {
        self.variance(ddof).map(f64::sqrt)
    }
}

impl From<&ValueCounts> for BandSummary {
    fn from(counts: &ValueCounts) -> Self {
        // 2^63 pixels of 2^32 fit 128 bits, and so does the product below up to 2^31 pixels times 2^64 of sums.
        let (mut count, mut sum, mut squares) = (0_u64, 0_i128, 0_i128);
        for (value, times) in counts.ascending() {
            count += times;
            sum += i128::from(value) * i128::from(times);
            squares += i128::from(value * value) * i128::from(times);
        }
        let zeros = counts.ascending().find(|(value, _)| *value == 0).map_or(0, |(_, times)| times);
        let pixels = i128::from(count);
        let squared_differences = (pixels * squares - sum * sum) as f64 / (count as f64).max(1.0);
        BandSummary {
            count,
            missing: counts.missing(),
            nonzero: count - zeros,
            minimum: counts.ascending().next().map(|(value, _)| value as f64),
            maximum: counts.ascending().last().map(|(value, _)| value as f64),
            sum: sum as f64,
            squared_differences,
        }
    }
}

impl From<&Moments> for BandSummary {
    fn from(moments: &Moments) -> Self {
        let found = moments.minimum <= moments.maximum;
        BandSummary {
            count: moments.count,
            missing: moments.missing,
            nonzero: moments.nonzero,
            minimum: found.then_some(moments.minimum),
            maximum: found.then_some(moments.maximum),
            sum: moments.sum.round(),
            squared_differences: squared_differences(moments),
        }
    }
}

/// Sum of (x - m)^2 = sum of x^2 - 2 m (sum of x) + n m^2, exact for the `f64` m nearest to the mean, and corrected for
/// what m is off.
fn squared_differences(moments: &Moments) -> f64 {
    if moments.count == 0 {
        return 0.0;
    }
    let count = moments.count as f64;
    let sum = moments.sum.components();
    let mean = sum[0] / count;
    if !mean.is_finite() {
        return f64::NAN;
    }
    let mut differences = moments.squares.clone();
    for part in sum {
        differences.add_product(-2.0 * mean, part);
    }
    let mut square = ExactSum::default();
    square.add_square(mean);
    for part in square.components() {
        differences.add_product(count, part);
    }
    let mut off = moments.sum.clone();
    off.add_product(-mean, count);
    let off = off.round();
    (differences.round() - off * off / count).max(0.0)
}
