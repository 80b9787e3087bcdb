//! How often each value of an 8 or 16 bit type occurs: from this, every statistic of such a raster follows exactly.

use swathe_core::{
    Error, NodataPolicy, RasterInfo, Reduction, Result, Sample, SampleType, TileView, Validity,
};

/// Counts every value in each band of a raster of 8 or 16 bit integers.
#[derive(Clone, Debug)]
pub struct ValueCountsOf {
    info: RasterInfo,
    policy: NodataPolicy,
    result_bytes: usize,
}

/// How often each value occurs in one band.
#[derive(Clone, Debug)]
pub struct ValueCounts {
    sample_type: SampleType,
    /// For each bit pattern, how often it was seen in data.
    totals: Vec<u64>,
    /// The same of the pixels that came last, in half the bytes: one increment a pixel is all that counting costs, and a table
    /// of 16-bit patterns takes a quarter of a second-level cache. Several tables by turns gained nothing on real scenes.
    recent: Vec<u32>,
    recent_pixels: usize,
    missing: u64,
}

/// True of types so narrow that a table of all values is small.
pub(super) fn is_narrow(sample_type: SampleType) -> bool {
    sample_type.size() <= 2
}

/// A sample of at most 16 bits as an index into a table of its bit patterns.
trait Pattern: Sample {
    fn pattern(self) -> usize;

    /// Counts a row in a table of all patterns. Its length is known while it is compiled, so that no index is checked.
    fn count(row: &[Self], table: &mut [u32]);
}

macro_rules! patterns {
    ($($type:ty as $unsigned:ty: $count:literal),*) => {
        $(impl Pattern for $type {
            #[inline(always)]
            fn pattern(self) -> usize {
                self as $unsigned as usize
            }

            fn count(row: &[Self], table: &mut [u32]) {
                let table: &mut [u32; $count] = table.try_into().expect("a table holds every pattern");
                // One load for several samples: increments keep the processor's loads and stores busy already.
                let (first, words, last) = bytemuck::pod_align_to::<Self, u64>(row);
                for &sample in first.iter().chain(last) {
                    table[sample.pattern()] += 1;
                }
                for &word in words {
                    for place in 0..size_of::<u64>() / size_of::<Self>() {
                        table[(word >> (place as u32 * Self::BITS)) as $unsigned as usize] += 1;
                    }
                }
            }
        })*
    };
}

patterns!(u8 as u8: 0x100, i8 as u8: 0x100, u16 as u16: 0x1_0000, i16 as u16: 0x1_0000);

impl ValueCountsOf {
    /// For rasters like `info`.
    ///
    /// # Errors
    /// Bug, for wider types.
    pub fn new(info: &RasterInfo, policy: NodataPolicy) -> Result<Self> {
        if is_narrow(info.sample_type) {
            Ok(ValueCountsOf { info: info.clone(), policy, result_bytes: 0 })
        } else {
            Err(Error::bug(format!("values of {} are too many to count one by one", info.sample_type.name())))
        }
    }

    /// The same, of which something is made that takes so many bytes.
    #[must_use]
    pub fn made_into(self, result_bytes: usize) -> Self {
        ValueCountsOf { result_bytes, ..self }
    }

    fn add_band<T: Pattern>(&self, counts: &mut ValueCounts, band: usize, tile: &TileView<'_>) {
        let validity = Validity::<T>::new(&self.info, self.policy);
        let nodata = self.info.nodata.and_then(T::from_scalar).filter(|_| self.policy != NodataPolicy::Value);
        for y in 0..tile.window().height {
            let row = tile.row::<T>(band, y);
            counts.make_room(row.len());
            match tile.mask_row(y).filter(|_| self.info.mask && self.policy != NodataPolicy::Value) {
                None => counts.add_row(row),
                Some(mask) => {
                    for (&sample, &mask) in row.iter().zip(mask) {
                        if validity.holds(sample, mask) {
                            counts.recent[sample.pattern()] += 1;
                        } else {
                            counts.missing += 1;
                        }
                    }
                }
            }
            // Under a mask, samples of nodata have been left out already.
            if let Some(nodata) = nodata {
                counts.move_to_missing(nodata.pattern());
            }
        }
    }
}

impl ValueCounts {
    fn new(sample_type: SampleType) -> Self {
        let values = 1 << (8 * sample_type.size());
        ValueCounts {
            sample_type,
            totals: vec![0; values],
            recent: vec![0; values],
            recent_pixels: 0,
            missing: 0,
        }
    }

    /// Makes sure that `pixels` more can be counted in 32 bits.
    fn make_room(&mut self, pixels: usize) {
        self.recent_pixels += pixels;
        if self.recent_pixels > u32::MAX as usize / 2 {
            self.settle();
            self.recent_pixels = pixels;
        }
    }

    fn settle(&mut self) {
        for (total, count) in self.totals.iter_mut().zip(&mut self.recent) {
            *total += u64::from(std::mem::take(count));
        }
    }

    fn add_row<T: Pattern>(&mut self, row: &[T]) {
        T::count(row, &mut self.recent);
    }

    fn move_to_missing(&mut self, pattern: usize) {
        self.missing += u64::from(std::mem::take(&mut self.recent[pattern]));
    }

    fn value(&self, pattern: usize) -> i64 {
        let pattern = pattern as u16;
        match self.sample_type {
            SampleType::I8 => i64::from(pattern as u8 as i8),
            SampleType::I16 => i64::from(pattern as i16),
            _ => i64::from(pattern),
        }
    }

    /// The values that occur in data, ascending, and how often.
    pub fn ascending(&self) -> impl Iterator<Item = (i64, u64)> {
        let half = if self.sample_type.is_signed() { self.totals.len() / 2 } else { 0 };
        (half..self.totals.len())
            .chain(0..half)
            .map(|pattern| (self.value(pattern), self.totals[pattern]))
            .filter(|(_, count)| *count > 0)
    }

    /// The counts of all bands together.
    pub fn sum(bands: &[ValueCounts]) -> Self {
        let mut sum = ValueCounts::new(bands.first().map_or(SampleType::U8, |band| band.sample_type));
        for band in bands {
            sum.totals.iter_mut().zip(&band.totals).for_each(|(total, more)| *total += more);
            sum.missing += band.missing;
        }
        sum
    }

    /// Pixels that hold data.
    pub fn count(&self) -> u64 {
        self.totals.iter().sum()
    }

    /// Pixels that hold none.
    pub fn missing(&self) -> u64 {
        self.missing
    }
}

impl Reduction for ValueCountsOf {
    type Partial = Vec<ValueCounts>;

    fn partial_bytes(&self) -> usize {
        (self.info.bands << (8 * self.info.sample_type.size()))
            .saturating_mul(size_of::<u64>() + size_of::<u32>())
    }

    fn result_bytes(&self) -> usize {
        self.result_bytes
    }

    fn begin(&self) -> Self::Partial {
        (0..self.info.bands).map(|_| ValueCounts::new(self.info.sample_type)).collect()
    }

    fn add(&self, partial: &mut Self::Partial, tile: &TileView<'_>) -> Result<()> {
        for (band, counts) in partial.iter_mut().enumerate() {
            match self.info.sample_type {
                SampleType::U8 => self.add_band::<u8>(counts, band, tile),
                SampleType::I8 => self.add_band::<i8>(counts, band, tile),
                SampleType::U16 => self.add_band::<u16>(counts, band, tile),
                SampleType::I16 => self.add_band::<i16>(counts, band, tile),
                wide => return Err(Error::bug(format!("values of {} were to be counted", wide.name()))),
            }
        }
        Ok(())
    }

    fn merge(&self, partial: &mut Self::Partial, mut other: Self::Partial) {
        for (counts, other) in partial.iter_mut().zip(&mut other) {
            other.settle();
            for (total, more) in counts.totals.iter_mut().zip(&other.totals) {
                *total += more;
            }
            counts.missing += other.missing;
        }
    }

    fn complete(&self, partial: &mut Self::Partial) {
        partial.iter_mut().for_each(ValueCounts::settle);
    }
}
