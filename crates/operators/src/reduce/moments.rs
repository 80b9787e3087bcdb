//! Count, extremes, sum and sum of squares of wide samples, without rounding until they are read.

use swathe_core::{NodataPolicy, RasterInfo, Reduction, Result, Sample, TileView, Validity, with_sample};

use super::exact_sum::ExactSum;

/// Gathers the moments of each band.
#[derive(Clone, Debug)]
pub struct MomentsOf {
    info: RasterInfo,
    policy: NodataPolicy,
}

/// The moments of one band.
#[derive(Clone, Debug)]
pub struct Moments {
    /// Pixels that hold data.
    pub count: u64,
    /// Pixels that hold none.
    pub missing: u64,
    /// Pixels that hold data other than 0.
    pub nonzero: u64,
    /// The least value, infinite where there is none; `NaN` is left out.
    pub minimum: f64,
    /// The greatest value.
    pub maximum: f64,
    pub(crate) sum: ExactSum,
    pub(crate) squares: ExactSum,
}

impl MomentsOf {
    /// For rasters like `info`.
    pub fn new(info: &RasterInfo, policy: NodataPolicy) -> Self {
        MomentsOf { info: info.clone(), policy }
    }
}

impl Moments {
    pub(crate) fn new() -> Self {
        Moments {
            count: 0,
            missing: 0,
            nonzero: 0,
            minimum: f64::INFINITY,
            maximum: f64::NEG_INFINITY,
            sum: ExactSum::default(),
            squares: ExactSum::default(),
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.missing += other.missing;
        self.nonzero += other.nonzero;
        self.minimum = self.minimum.min(other.minimum);
        self.maximum = self.maximum.max(other.maximum);
        self.sum.merge(&other.sum);
        self.squares.merge(&other.squares);
    }

    pub(crate) fn add_row<T: Sample>(&mut self, row: &[T], flags: &[u8]) {
        for (&sample, _) in row.iter().zip(flags).filter(|(_, flag)| **flag != 0) {
            let value = sample.to_f64();
            self.count += 1;
            self.nonzero += u64::from(value != 0.0);
            // Neither is true of `NaN`.
            if value < self.minimum {
                self.minimum = value;
            }
            if value > self.maximum {
                self.maximum = value;
            }
            // The nearest `f64` for integers of 64 bits beyond 2^53, and what that leaves out.
            self.sum.add(value);
            self.squares.add_square(value);
            if T::TYPE.size() == 8 && !T::TYPE.is_float() {
                let rest = sample.rest_of_f64();
                self.sum.add(rest);
                self.squares.add_product(2.0 * value, rest);
                self.squares.add_square(rest);
            }
        }
        self.missing += flags.iter().filter(|flag| **flag == 0).count() as u64;
    }
}

/// What the nearest `f64` leaves out of an integer.
trait RestOfF64: Sample {
    fn rest_of_f64(self) -> f64;
}

impl<T: Sample> RestOfF64 for T {
    #[inline(always)]
    fn rest_of_f64(self) -> f64 {
        match self.to_scalar() {
            swathe_core::Scalar::Integer(integer) => (integer - self.to_f64() as i128) as f64,
            swathe_core::Scalar::Float(_) => 0.0,
        }
    }
}

impl Reduction for MomentsOf {
    type Partial = Vec<Moments>;

    fn partial_bytes(&self) -> usize {
        // And a row of flags.
        self.info.bands * size_of::<Moments>() + self.info.size.width
    }

    fn begin(&self) -> Self::Partial {
        vec![Moments::new(); self.info.bands]
    }

    fn add(&self, partial: &mut Self::Partial, tile: &TileView<'_>) -> Result<()> {
        with_sample!(self.info.sample_type, T => {
            let validity = Validity::<T>::new(&self.info, self.policy);
            let mut flags = vec![0; tile.window().width];
            for (band, moments) in partial.iter_mut().enumerate() {
                for y in 0..tile.window().height {
                    validity.fill_row(tile, band, y, &mut flags);
                    moments.add_row::<T>(tile.row(band, y), &flags);
                }
            }
        });
        Ok(())
    }

    fn merge(&self, partial: &mut Self::Partial, other: Self::Partial) {
        partial.iter_mut().zip(&other).for_each(|(moments, other)| moments.merge(other));
    }
}
