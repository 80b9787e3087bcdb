//! Histograms with equal bins, as `numpy.histogram` cuts them.

use swathe_core::{
    Error, NodataPolicy, RasterInfo, Reduction, Result, Sample, TileView, Validity, with_sample,
};

use super::counts::ValueCounts;

/// Equal bins over a range: half open, the last one closed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bins {
    count: usize,
    least: f64,
    greatest: f64,
    step: f64,
    per_unit: f64,
    /// How far from the middle of a bin, in bins, a place is certain in spite of all rounding.
    certain: f64,
}

/// Most bins that a histogram may have.
const MOST_BINS: usize = 1 << 24;

impl Bins {
    /// `count` bins from `least` to `greatest`; a range of one value is widened by half on each side, as numpy does.
    ///
    /// # Errors
    /// Usage, for no bins, too many, or a range that is none.
    pub fn new(count: usize, least: f64, greatest: f64) -> Result<Self> {
        if count == 0 || count > MOST_BINS {
            return Err(Error::usage(format!("`--bins {count}` is not from 1 to {MOST_BINS}")));
        }
        if !(least.is_finite() && greatest.is_finite() && least <= greatest) {
            return Err(Error::usage(format!("`{least},{greatest}` is not a range from low to high")));
        }
        let (least, greatest) =
            if least == greatest { (least - 0.5, greatest + 0.5) } else { (least, greatest) };
        let range = greatest - least;
        let per_unit = count as f64 / range;
        // Rounded are the place (difference, factor, product) and the edges, whose own size may be far beyond the range.
        let rounding = 8.0 * f64::EPSILON * (count as f64 + (least.abs() + greatest.abs()) * per_unit);
        let step = range / count as f64;
        Ok(Bins { count, least, greatest, step, per_unit, certain: 0.5 - rounding })
    }

    /// Where a bin begins, and the one before it ends; there is one more of these than of bins.
    #[inline]
    pub fn edge(&self, index: usize) -> f64 {
        if index == self.count { self.greatest } else { self.least + index as f64 * self.step }
    }

    /// The lowest edge and the highest.
    pub fn range(&self) -> [f64; 2] {
        [self.least, self.greatest]
    }

    /// Number of bins.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The bin that a value falls into.
    #[inline]
    pub fn bin(&self, value: f64) -> Option<usize> {
        if !(value >= self.least && value <= self.greatest) {
            return None;
        }
        let place = (value - self.least) * self.per_unit;
        let mut bin = (place as usize).min(self.count - 1);
        if (place - bin as f64 - 0.5).abs() < self.certain {
            return Some(bin);
        }
        // The place is rounded, the edges are what counts.
        if value < self.edge(bin) {
            bin -= 1;
        } else if bin + 1 < self.count && value >= self.edge(bin + 1) {
            bin += 1;
        }
        Some(bin)
    }

    /// The histogram of a band whose values have been counted.
    pub fn of_counts(&self, counts: &ValueCounts) -> BinCounts {
        let mut binned = BinCounts::new(self.count());
        binned.missing = counts.missing();
        for (value, times) in counts.ascending() {
            binned.count(self, value as f64, times);
        }
        binned
    }
}

/// The histogram of one band.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BinCounts {
    /// Pixels in each bin.
    pub bins: Vec<u64>,
    /// Pixels that hold data below the range.
    pub below: u64,
    /// Pixels that hold data above it.
    pub above: u64,
    /// Pixels that hold none.
    pub missing: u64,
}

impl BinCounts {
    /// Bytes of the histograms of so many bands.
    pub(super) fn bytes(bins: usize, bands: usize) -> usize {
        bins.saturating_mul(bands).saturating_mul(size_of::<u64>())
    }

    fn new(bins: usize) -> Self {
        BinCounts { bins: vec![0; bins], below: 0, above: 0, missing: 0 }
    }

    #[inline]
    fn count(&mut self, bins: &Bins, value: f64, times: u64) {
        match bins.bin(value) {
            Some(bin) => self.bins[bin] += times,
            None if value < bins.least => self.below += times,
            None if value.is_nan() => self.missing += times,
            None => self.above += times,
        }
    }
}

/// Counts the pixels of each band in bins.
#[derive(Clone, Debug)]
pub struct BinCountsOf {
    info: RasterInfo,
    policy: NodataPolicy,
    /// Bins of each band.
    bins: Vec<Bins>,
}

impl BinCountsOf {
    /// For rasters like `info`, with bins for each band.
    pub fn new(info: &RasterInfo, policy: NodataPolicy, bins: Vec<Bins>) -> Self {
        BinCountsOf { info: info.clone(), policy, bins }
    }
}

impl Reduction for BinCountsOf {
    type Partial = Vec<BinCounts>;

    fn partial_bytes(&self) -> usize {
        let counts = self.bins.iter().map(|bins| BinCounts::bytes(bins.count(), 1));
        counts.fold(self.info.size.width, usize::saturating_add)
    }

    fn begin(&self) -> Self::Partial {
        self.bins.iter().map(|bins| BinCounts::new(bins.count())).collect()
    }

    fn add(&self, partial: &mut Self::Partial, tile: &TileView<'_>) -> Result<()> {
        with_sample!(self.info.sample_type, T => {
            let validity = Validity::<T>::new(&self.info, self.policy);
            let mut flags = vec![0; tile.window().width];
            for (band, (binned, bins)) in partial.iter_mut().zip(&self.bins).enumerate() {
                for y in 0..tile.window().height {
                    validity.fill_row(tile, band, y, &mut flags);
                    for (sample, &flag) in tile.row::<T>(band, y).iter().zip(&flags) {
                        if flag != 0 {
                            binned.count(bins, sample.to_f64(), 1);
                        } else {
                            binned.missing += 1;
                        }
                    }
                }
            }
        });
        Ok(())
    }

    fn merge(&self, partial: &mut Self::Partial, other: Self::Partial) {
        for (binned, other) in partial.iter_mut().zip(other) {
            for (bin, more) in binned.bins.iter_mut().zip(other.bins) {
                *bin += more;
            }
            binned.below += other.below;
            binned.above += other.above;
            binned.missing += other.missing;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_lies_between_its_bins_edges() {
        let mut random = crate::trial::Random(5);
        for (count, least, greatest) in [
            (7, 0.0, 0.3),
            (1000, 1e9, 1e9 + 1e-3),
            (3, -1e-300, 1e-300),
            (100, -1e300, 1e300),
            (17, 2.0, 5.0),
        ] {
            let bins = Bins::new(count, least, greatest).unwrap();
            let on_edges = (0..=count).map(|edge| bins.edge(edge));
            let share = |random: &mut crate::trial::Random| (random.next() % 1_000_001) as f64 / 1e6;
            let anywhere = (0..1000).map(|_| least + (greatest - least) * share(&mut random));
            for value in on_edges.chain(anywhere) {
                for value in [value.next_down(), value, value.next_up()] {
                    let Some(bin) = bins.bin(value) else {
                        assert!(value < least || value > greatest);
                        continue;
                    };
                    let last = bin + 1 == count;
                    assert!(
                        bins.edge(bin) <= value && (value < bins.edge(bin + 1) || last),
                        "{bins:?}: {value}"
                    );
                }
            }
        }
    }

    #[test]
    fn bins_are_numpys() {
        let bins = Bins::new(3, 0.0, 0.3).unwrap();
        // numpy.histogram([0.1, 0.2, 0.3, 0.30001, -1], 3, (0, 0.3)): edges 0.1 and 0.2 open their bins.
        assert_eq!([0.0, 0.1, 0.2, 0.3].map(|value| bins.bin(value)), [Some(0), Some(1), Some(2), Some(2)]);
        assert_eq!([0.30001, -1.0, f64::NAN, f64::INFINITY].map(|value| bins.bin(value)), [None; 4]);
        assert_eq!(Bins::new(1, 7.0, 7.0).unwrap().range(), [6.5, 7.5]);
        assert!(
            Bins::new(0, 0.0, 1.0).is_err()
                && Bins::new(4, 1.0, 0.0).is_err()
                && Bins::new(4, 0.0, f64::NAN).is_err()
        );
    }
}
