//! Histograms with equal bins, as `numpy.histogram` cuts them.

use swathe_core::{
    Error, NodataPolicy, RasterInfo, Reduction, Result, Sample, TileView, Validity, with_sample,
};

use super::counts::ValueCounts;

/// Equal bins over a range: half open, the last one closed.
#[derive(Clone, Debug, PartialEq)]
pub struct Bins {
    edges: Vec<f64>,
    per_unit: f64,
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
        let step = (greatest - least) / count as f64;
        let mut edges: Vec<f64> = (0..=count).map(|index| least + index as f64 * step).collect();
        edges[count] = greatest;
        Ok(Bins { edges, per_unit: count as f64 / (greatest - least) })
    }

    /// The edges, one more than bins.
    pub fn edges(&self) -> &[f64] {
        &self.edges
    }

    /// Number of bins.
    pub fn count(&self) -> usize {
        self.edges.len() - 1
    }

    /// The bin that a value falls into.
    #[inline]
    pub fn bin(&self, value: f64) -> Option<usize> {
        let (least, greatest) = (self.edges[0], self.edges[self.count()]);
        if !(value >= least && value <= greatest) {
            return None;
        }
        // The product is rounded, the edges are what counts.
        let mut bin = (((value - least) * self.per_unit) as usize).min(self.count() - 1);
        if value < self.edges[bin] {
            bin -= 1;
        } else if value >= self.edges[bin + 1] && bin + 1 < self.count() {
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
    fn new(bins: usize) -> Self {
        BinCounts { bins: vec![0; bins], below: 0, above: 0, missing: 0 }
    }

    #[inline]
    fn count(&mut self, bins: &Bins, value: f64, times: u64) {
        match bins.bin(value) {
            Some(bin) => self.bins[bin] += times,
            None if value < bins.edges[0] => self.below += times,
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
        self.bins.iter().map(|bins| 8 * bins.count()).sum::<usize>() + self.info.size.width
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
    fn bins_are_numpys() {
        let bins = Bins::new(3, 0.0, 0.3).unwrap();
        // numpy.histogram([0.1, 0.2, 0.3, 0.30001, -1], 3, (0, 0.3)): edges 0.1 and 0.2 open their bins.
        assert_eq!([0.0, 0.1, 0.2, 0.3].map(|value| bins.bin(value)), [Some(0), Some(1), Some(2), Some(2)]);
        assert_eq!([0.30001, -1.0, f64::NAN, f64::INFINITY].map(|value| bins.bin(value)), [None; 4]);
        assert_eq!(Bins::new(1, 7.0, 7.0).unwrap().edges(), [6.5, 7.5]);
        assert!(
            Bins::new(0, 0.0, 1.0).is_err()
                && Bins::new(4, 1.0, 0.0).is_err()
                && Bins::new(4, 0.0, f64::NAN).is_err()
        );
    }
}
