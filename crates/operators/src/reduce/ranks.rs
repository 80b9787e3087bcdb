//! Exact percentiles in bounded memory: ranks are looked for by the leading bits of an order-preserving key, 16 more in
//! each sweep (radix selection; four sweeps at most, for samples of 64 bits).

use swathe_core::{
    Error, NodataPolicy, RasterInfo, Reduction, Result, Sample, SampleType, Scalar, TileView, Validity,
    with_sample,
};

use super::counts::ValueCounts;

/// How a percentile between two ranks is found; the names are numpy's, the numbers those of Hyndman and Fan, 1996.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interpolation {
    /// On the line between the two ranks (7).
    #[default]
    Linear,
    /// The lower rank.
    Lower,
    /// The higher rank.
    Higher,
    /// The nearer rank, the even one of two equally near.
    Nearest,
    /// Half way.
    Midpoint,
    /// The inverse of the distribution function (1).
    InvertedCdf,
    /// The same, half way where it jumps (2).
    AveragedInvertedCdf,
    /// The nearest observation (3).
    ClosestObservation,
    /// The line through the steps of the distribution function (4).
    InterpolatedInvertedCdf,
    /// Through the middles of the steps (5).
    Hazen,
    /// Through the expected ranks (6).
    Weibull,
    /// Through the medians of ranks (8).
    MedianUnbiased,
    /// What is unbiased for normal distributions (9).
    NormalUnbiased,
}

/// Every method by its name.
const METHODS: [(&str, Interpolation); 13] = [
    ("linear", Interpolation::Linear),
    ("lower", Interpolation::Lower),
    ("higher", Interpolation::Higher),
    ("nearest", Interpolation::Nearest),
    ("midpoint", Interpolation::Midpoint),
    ("inverted_cdf", Interpolation::InvertedCdf),
    ("averaged_inverted_cdf", Interpolation::AveragedInvertedCdf),
    ("closest_observation", Interpolation::ClosestObservation),
    ("interpolated_inverted_cdf", Interpolation::InterpolatedInvertedCdf),
    ("hazen", Interpolation::Hazen),
    ("weibull", Interpolation::Weibull),
    ("median_unbiased", Interpolation::MedianUnbiased),
    ("normal_unbiased", Interpolation::NormalUnbiased),
];

/// A percentile's place: a rank, the next, and how far between them it is.
type RankPlace = (u64, u64, f64);

impl Interpolation {
    /// The names of all methods.
    pub const NAMES: [&'static str; 13] = {
        let mut names = [""; 13];
        let mut number = 0;
        while number < names.len() {
            names[number] = METHODS[number].0;
            number += 1;
        }
        names
    };

    /// Reads a name.
    ///
    /// # Errors
    /// Usage, if there is no such method.
    pub fn parse(text: &str) -> Result<Self> {
        let found = METHODS.iter().find(|(name, _)| *name == text).map(|(_, method)| *method);
        found.ok_or_else(|| {
            Error::usage(format!("`{text}` is not one of {}", Interpolation::NAMES.join(", ")))
        })
    }

    /// The place of a percentile among values of ranks 0 to `last`, in numpy's arithmetic.
    fn place(self, percentile: f64, last: u64) -> RankPlace {
        let (count, part) = ((last + 1) as f64, percentile / 100.0);
        let continuous = |alpha: f64, beta: f64| count * part + (alpha + part * (1.0 - alpha - beta)) - 1.0;
        let index = match self {
            Interpolation::InvertedCdf | Interpolation::AveragedInvertedCdf => count * part - 1.0,
            Interpolation::ClosestObservation => count * part - 1.0 - 0.5,
            Interpolation::InterpolatedInvertedCdf => continuous(0.0, 1.0),
            Interpolation::Hazen => continuous(0.5, 0.5),
            Interpolation::Weibull => continuous(0.0, 0.0),
            Interpolation::MedianUnbiased => continuous(1.0 / 3.0, 1.0 / 3.0),
            Interpolation::NormalUnbiased => continuous(0.375, 0.375),
            _ => part * last as f64,
        };
        let below = index.floor();
        let (between, odd) = (index - below, below.rem_euclid(2.0) == 1.0);
        let to_next = match self {
            Interpolation::Lower => 0.0,
            Interpolation::Higher => f64::from(u8::from(between > 0.0)),
            Interpolation::Midpoint if between > 0.0 => 0.5,
            Interpolation::Midpoint => 0.0,
            Interpolation::Nearest => f64::from(u8::from(between > 0.5 || between == 0.5 && odd)),
            Interpolation::InvertedCdf => f64::from(u8::from(between > 0.0)),
            Interpolation::AveragedInvertedCdf if between > 0.0 => 1.0,
            Interpolation::AveragedInvertedCdf => 0.5,
            Interpolation::ClosestObservation => f64::from(u8::from(!(between == 0.0 && odd))),
            _ => between,
        };
        if below < -1.0 || index < 0.0 && to_next != 1.0 {
            (0, 0, 0.0)
        } else if below >= last as f64 {
            (last, last, 0.0)
        } else {
            // What comes before the first value is the first value.
            (below.max(0.0) as u64, (below + 1.0) as u64, if below < 0.0 { 0.0 } else { to_next })
        }
    }
}

/// Percentiles to be found.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantiles {
    percentiles: Vec<f64>,
    interpolation: Interpolation,
    /// Whether they are those of all bands together.
    joint: bool,
}

/// Most percentiles looked for at once, since each can take two tables of 512 KiB.
const MOST_PERCENTILES: usize = 32;

impl Quantiles {
    /// Percentiles from 0 to 100.
    ///
    /// # Errors
    /// Usage, for too many, or one out of range.
    pub fn new(percentiles: &[f64], interpolation: Interpolation) -> Result<Self> {
        if percentiles.len() > MOST_PERCENTILES {
            return Err(Error::usage(format!(
                "{} percentiles were asked for; there may be {MOST_PERCENTILES} at a time",
                percentiles.len()
            )));
        }
        if let Some(wrong) = percentiles.iter().find(|percentile| !(0.0..=100.0).contains(*percentile)) {
            return Err(Error::usage(format!("the percentile {wrong} is not from 0 to 100")));
        }
        Ok(Quantiles { percentiles: percentiles.to_vec(), interpolation, joint: false })
    }

    /// The same of all bands together; every band then has the same ones.
    #[must_use]
    pub fn joint(self) -> Self {
        Quantiles { joint: true, ..self }
    }

    /// True where the percentiles are those of all bands together.
    pub fn is_joint(&self) -> bool {
        self.joint
    }

    /// The ranks (from 0) that are needed among `count` values, ascending, none twice.
    fn ranks(&self, count: u64) -> Vec<u64> {
        let mut ranks: Vec<u64> = match count.checked_sub(1) {
            Some(last) => {
                let places =
                    self.percentiles.iter().map(|&percentile| self.interpolation.place(percentile, last));
                places.flat_map(|(below, above, _)| [below, above]).collect()
            }
            None => Vec::new(),
        };
        ranks.sort_unstable();
        ranks.dedup();
        ranks
    }

    /// The percentiles of `count` values, where `value` tells which has a rank.
    fn of(&self, count: u64, value: impl Fn(u64) -> f64) -> Vec<f64> {
        let Some(last) = count.checked_sub(1) else { return vec![f64::NAN; self.percentiles.len()] };
        let between = |&percentile: &f64| {
            let (below, above, part) = self.interpolation.place(percentile, last);
            let (low, high) = (value(below), value(above));
            match part {
                0.0 => low,
                _ if low == high => low,
                // From the nearer end, as numpy does, so that the greatest is met exactly.
                _ if part >= 0.5 => high - (high - low) * (1.0 - part),
                _ => low + (high - low) * part,
            }
        };
        self.percentiles.iter().map(between).collect()
    }

    /// The percentiles of a band whose values have been counted.
    pub fn of_counts(&self, counts: &ValueCounts) -> Vec<f64> {
        let value = |rank: u64| {
            let mut seen = 0;
            let reaches = |(_, times): &(i64, u64)| {
                seen += times;
                seen > rank
            };
            counts.ascending().find(reaches).map_or(f64::NAN, |(value, _)| value as f64)
        };
        self.of(counts.count(), value)
    }
}

/// A sample as an unsigned integer of as many bits, in the same order. `NaN` has no place.
trait Key: Sample {
    fn key(self) -> u64;
    fn of_key(key: u64) -> Self;
}

macro_rules! integer_keys {
    ($($type:ty, $unsigned:ty);*) => {
        $(impl Key for $type {
            #[inline(always)]
            fn key(self) -> u64 {
                (self as $unsigned).wrapping_sub(<$type>::MIN as $unsigned) as u64
            }
            fn of_key(key: u64) -> Self {
                (key as $unsigned).wrapping_add(<$type>::MIN as $unsigned) as $type
            }
        })*
    };
}

macro_rules! float_keys {
    ($($type:ty, $unsigned:ty);*) => {
        $(impl Key for $type {
            #[inline(always)]
            fn key(self) -> u64 {
                // -0 and 0 are one value.
                let bits = (self + 0.0).to_bits();
                let sign = 1 << (<$unsigned>::BITS - 1);
                u64::from(if bits & sign == 0 { bits | sign } else { !bits })
            }
            fn of_key(key: u64) -> Self {
                let (key, sign) = (key as $unsigned, 1 << (<$unsigned>::BITS - 1));
                <$type>::from_bits(if key & sign == 0 { !key } else { key & !sign })
            }
        })*
    };
}

integer_keys!(u8, u8; i8, u8; u16, u16; i16, u16; u32, u32; i32, u32; u64, u64; i64, u64);
float_keys!(f32, u32; f64, u64);

/// Bits that one sweep settles.
const DIGIT_BITS: u32 = 16;

/// The search for the ranks of every band, between sweeps. [`RankSearch::is_done`] tells its end.
#[derive(Clone, Debug)]
pub struct RankSearch {
    info: RasterInfo,
    policy: NodataPolicy,
    quantiles: Quantiles,
    /// Bits of the key that are known.
    known_bits: u32,
    /// For each band, or one for all of them.
    bands: Vec<BandSearch>,
}

#[derive(Clone, Debug, Default)]
struct BandSearch {
    /// Values in all, known after the first sweep.
    count: u64,
    /// For each rank: what is known of its key, and its rank among the values that begin so.
    ranks: Vec<(u64, u64, u64)>,
    /// Different beginnings of keys, ascending.
    prefixes: Vec<u64>,
}

impl RankSearch {
    /// A search that has not begun.
    pub fn new(info: &RasterInfo, policy: NodataPolicy, quantiles: Quantiles) -> Self {
        let band = BandSearch { prefixes: vec![0], ..BandSearch::default() };
        let bands = vec![band; if quantiles.joint { 1 } else { info.bands }];
        RankSearch { info: info.clone(), policy, quantiles, known_bits: 0, bands }
    }

    fn key_bits(&self) -> u32 {
        8 * self.info.sample_type.size() as u32
    }

    fn digit_bits(&self) -> u32 {
        DIGIT_BITS.min(self.key_bits())
    }

    /// True when every rank's key is known.
    pub fn is_done(&self) -> bool {
        self.known_bits == self.key_bits()
    }

    /// Sweeps that the search takes from its beginning.
    pub fn sweeps(sample_type: SampleType) -> u64 {
        (8 * sample_type.size() as u64).div_ceil(u64::from(DIGIT_BITS))
    }

    /// The search with one digit more, from what a sweep counted.
    #[must_use]
    pub fn narrowed(mut self, digits: &[Digits]) -> Self {
        for (band, digits) in self.bands.iter_mut().zip(digits) {
            if self.known_bits == 0 {
                band.count = digits.tables.iter().sum();
                band.ranks =
                    self.quantiles.ranks(band.count).into_iter().map(|rank| (rank, 0, rank)).collect();
            }
            let bits = DIGIT_BITS.min(8 * self.info.sample_type.size() as u32);
            for (_, prefix, within) in &mut band.ranks {
                let Ok(slot) = band.prefixes.binary_search(prefix) else { continue };
                let table = &digits.tables[slot << bits..(slot + 1) << bits];
                let mut digit = 0;
                while digit + 1 < table.len() && *within >= table[digit] {
                    *within -= table[digit];
                    digit += 1;
                }
                *prefix = *prefix << bits | digit as u64;
            }
            band.prefixes = band.ranks.iter().map(|(_, prefix, _)| *prefix).collect();
            band.prefixes.dedup();
        }
        self.known_bits += self.digit_bits();
        self
    }

    /// The percentiles of each band, when the search is done.
    pub fn percentiles(&self) -> Vec<Vec<f64>> {
        let of = |band: &BandSearch| {
            let value = |rank: u64| {
                let found = band.ranks.iter().find(|(of, ..)| *of == rank);
                let value =
                    |key: u64| with_sample!(self.info.sample_type, T => <T as Key>::of_key(key).to_scalar());
                found.map_or(f64::NAN, |(_, key, _)| match value(*key) {
                    Scalar::Integer(integer) => integer as f64,
                    Scalar::Float(float) => float,
                })
            };
            self.quantiles.of(band.count, value)
        };
        (0..self.info.bands).map(|band| of(&self.bands[band.min(self.bands.len() - 1)])).collect()
    }

    fn add_band<T: Key>(&self, digits: &mut Digits, band: usize, tile: &TileView<'_>, flags: &mut [u8]) {
        let validity = Validity::<T>::new(&self.info, self.policy);
        let search = band.min(self.bands.len() - 1);
        let (bits, prefixes) = (self.digit_bits(), &self.bands[search].prefixes);
        let shift = self.key_bits() - self.known_bits - bits;
        let mask = (1_u64 << bits) - 1;
        for y in 0..tile.window().height {
            validity.fill_row(tile, band, y, flags);
            for (&sample, &flag) in tile.row::<T>(band, y).iter().zip(&*flags) {
                if flag == 0 || sample.is_nan() {
                    continue;
                }
                let key = sample.key() >> shift;
                let prefix = if self.known_bits == 0 { 0 } else { key >> bits };
                if let Ok(slot) = prefixes.binary_search(&prefix) {
                    digits.tables[slot << bits | (key & mask) as usize] += 1;
                }
            }
        }
    }
}

/// For every beginning of a key that is looked at, how often each next digit follows.
#[derive(Clone, Debug)]
pub struct Digits {
    tables: Vec<u64>,
}

impl Reduction for RankSearch {
    type Partial = Vec<Digits>;

    fn partial_bytes(&self) -> usize {
        // As many beginnings as any sweep of the search may look at, so that a plan that holds the first holds all: of
        // each percentile the ranks below and above.
        let prefixes =
            if self.digit_bits() < self.key_bits() { 2 * self.quantiles.percentiles.len() } else { 1 };
        ((8 * self.bands.len() * prefixes.max(1)) << self.digit_bits()) + self.info.size.width
    }

    fn begin(&self) -> Self::Partial {
        let digits = |band: &BandSearch| Digits { tables: vec![0; band.prefixes.len() << self.digit_bits()] };
        self.bands.iter().map(digits).collect()
    }

    fn add(&self, partial: &mut Self::Partial, tile: &TileView<'_>) -> Result<()> {
        let mut flags = vec![0; tile.window().width];
        for band in 0..self.info.bands {
            let digits = &mut partial[band.min(self.bands.len() - 1)];
            with_sample!(self.info.sample_type, T => self.add_band::<T>(digits, band, tile, &mut flags));
        }
        Ok(())
    }

    fn merge(&self, partial: &mut Self::Partial, other: Self::Partial) {
        for (digits, other) in partial.iter_mut().zip(other) {
            for (count, more) in digits.tables.iter_mut().zip(other.tables) {
                *count += more;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use swathe_core::{Size, TileBuffer, Window};

    use super::*;

    #[test]
    fn keys_keep_the_order() {
        let floats = [f64::NEG_INFINITY, -1e300, -1.0, -5e-324, 0.0, 5e-324, 1.0, 1e300, f64::INFINITY];
        assert!(floats.is_sorted_by(|a, b| a.key() < b.key()));
        assert!(floats.iter().all(|&value| f64::of_key(value.key()) == value));
        assert_eq!((-0.0_f32).key(), 0.0_f32.key());
        assert!([i64::MIN, -1, 0, 1, i64::MAX].is_sorted_by(|a, b| a.key() < b.key()));
        assert_eq!([i32::MIN, -1, i32::MAX].map(|value| i32::of_key(value.key())), [i32::MIN, -1, i32::MAX]);
    }

    fn search(values: &[f64], percentiles: &[f64], interpolation: Interpolation) -> Vec<f64> {
        let info = RasterInfo::new(Size::new(values.len(), 1), 1, SampleType::F64);
        let mut buffer = TileBuffer::new(Window::whole(info.size), info.kind());
        buffer.view_mut().row_mut::<f64>(0, 0).copy_from_slice(values);
        let quantiles = Quantiles::new(percentiles, interpolation).unwrap();
        let mut search = RankSearch::new(&info, NodataPolicy::Ignore, quantiles);
        let mut sweeps = 0;
        while !search.is_done() {
            let mut digits = search.begin();
            search.add(&mut digits, &buffer.view()).unwrap();
            search = search.narrowed(&digits);
            sweeps += 1;
        }
        assert_eq!(sweeps, RankSearch::sweeps(SampleType::F64));
        search.percentiles().remove(0)
    }

    #[test]
    fn percentiles_are_numpys() {
        // numpy.percentile([3.5, -1, 1e-9, 7, 2], [0, 10, 50, 62.5, 100], method=...)
        let values = [3.5, -1.0, f64::NAN, 1e-9, 7.0, 2.0];
        let asked = [0.0, 10.0, 50.0, 62.5, 100.0];
        assert_eq!(search(&values, &asked, Interpolation::Linear), [-1.0, -0.5999999996, 2.0, 2.75, 7.0]);
        assert_eq!(search(&values, &asked, Interpolation::Lower), [-1.0, -1.0, 2.0, 2.0, 7.0]);
        assert_eq!(search(&values, &asked, Interpolation::Higher), [-1.0, 1e-9, 2.0, 3.5, 7.0]);
        assert_eq!(search(&values, &asked, Interpolation::Nearest), [-1.0, -1.0, 2.0, 2.0, 7.0]);
        assert_eq!(search(&values, &[62.5], Interpolation::Midpoint), [2.75]);
        let frozen: [(&str, [f64; 5]); 8] = [
            ("inverted_cdf", [-1.0, -1.0, 2.0, 3.5, 7.0]),
            ("averaged_inverted_cdf", [-1.0, -1.0, 2.0, 3.5, 7.0]),
            ("closest_observation", [-1.0, -1.0, 1e-09, 2.0, 7.0]),
            ("interpolated_inverted_cdf", [-1.0, -1.0, 1.0000000005, 2.1875, 7.0]),
            ("hazen", [-1.0, -1.0, 2.0, 2.9375, 7.0]),
            ("weibull", [-1.0, -1.0, 2.0, 3.125, 7.0]),
            ("median_unbiased", [-1.0, -1.0, 2.0, 3.0000000000000004, 7.0]),
            ("normal_unbiased", [-1.0, -1.0, 2.0, 2.984375, 7.0]),
        ];
        for (name, expected) in frozen {
            let found = search(&values, &asked, Interpolation::parse(name).unwrap());
            assert_eq!(found, expected, "{name}");
        }
        assert!(search(&[f64::NAN], &[50.0], Interpolation::Linear)[0].is_nan());
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(Quantiles::new(&[101.0], Interpolation::Linear).is_err());
        assert!(Quantiles::new(&[f64::NAN], Interpolation::Linear).is_err());
        assert!(Interpolation::parse("cubic").is_err());
    }
}
