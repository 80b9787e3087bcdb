//! What can be asked of a whole raster, and what comes back.

use swathe_core::{
    Documentation, Group, NodataPolicy, Parameter, ParameterKind, Parameters, RasterInfo, Reduction, Result,
    SampleType, Spec,
};

use super::counts::is_narrow;
use super::{
    BandSummary, BinCounts, BinCountsOf, Bins, Extremes, ExtremesOf, Interpolation, MomentsOf, Product,
    ProductOf, Quantiles, RankSearch, ValueCounts, ValueCountsOf,
};
use crate::speckle::{Domain, IntensitiesOf};

/// What is asked of every band of a raster.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// What is to be learned.
    pub about: About,
    /// What counts as data.
    pub policy: NodataPolicy,
}

/// What can be learned of a band.
#[derive(Clone, Debug, PartialEq)]
pub enum About {
    /// Count, extremes, sum, mean and variance, and perhaps percentiles.
    Summary {
        /// Percentiles to be found in the same sweep where that can be done.
        quantiles: Option<Quantiles>,
        /// Subtracted from the count in the variance's denominator.
        ddof: f64,
    },
    /// Counts in equal bins.
    Histogram {
        /// Number of bins.
        bins: usize,
        /// The range; that of the data where none is given, and -0.5 to 255.5 for bytes.
        range: Option<[f64; 2]>,
    },
    /// Extremes and where they are.
    Extremes,
    /// The product.
    Product,
    /// Count, sum, mean and variance of the intensities that radar samples stand for; answered by a summary.
    Intensities(Domain),
}

/// What was learned, band by band.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// To [`About::Summary`]: the summary, and the percentiles in the order asked for.
    Summary(Vec<(BandSummary, Vec<f64>)>),
    /// To [`About::Histogram`].
    Histogram(Vec<(Bins, BinCounts)>),
    /// To [`About::Extremes`].
    Extremes(Vec<Extremes>),
    /// To [`About::Product`].
    Product(Vec<Product>),
}

/// Sweeps over a raster, as often as an answer takes.
pub trait Sweep {
    /// Shows every pixel to a reduction.
    ///
    /// # Errors
    /// Whatever stops a sweep.
    fn sweep<R: Reduction>(&mut self, reduction: R) -> Result<R::Partial>;
}

impl Question {
    /// Finds the answer for a raster like `info`.
    ///
    /// # Errors
    /// Whatever stops a sweep; Usage, for a range that the data does not allow.
    pub fn answer(&self, info: &RasterInfo, sweep: &mut impl Sweep) -> Result<Answer> {
        match &self.about {
            About::Summary { quantiles, .. } => {
                Ok(Answer::Summary(self.summary(info, quantiles.as_ref(), sweep)?))
            }
            About::Histogram { bins, range } => {
                Ok(Answer::Histogram(self.histogram(info, *bins, *range, sweep)?))
            }
            About::Extremes => Ok(Answer::Extremes(sweep.sweep(ExtremesOf::new(info, self.policy))?)),
            About::Intensities(domain) => {
                let moments = sweep.sweep(IntensitiesOf::new(info, self.policy, *domain))?;
                Ok(Answer::Summary(moments.iter().map(|moments| (moments.into(), Vec::new())).collect()))
            }
            About::Product => {
                let rows = sweep.sweep(ProductOf::new(info, self.policy))?;
                Ok(Answer::Product(ProductOf::products(&rows, info.bands)))
            }
        }
    }

    /// Sweeps that the answer takes.
    pub fn sweeps(&self, info: &RasterInfo) -> u64 {
        match self.about {
            About::Intensities(_) => 1,
            _ if is_narrow(info.sample_type) => 1,
            About::Summary { quantiles: Some(_), .. } => RankSearch::sweeps(info.sample_type),
            About::Histogram { range: None, .. } => 2,
            _ => 1,
        }
    }

    fn summary(
        &self,
        info: &RasterInfo,
        quantiles: Option<&Quantiles>,
        sweep: &mut impl Sweep,
    ) -> Result<Vec<(BandSummary, Vec<f64>)>> {
        if is_narrow(info.sample_type) {
            let counts = sweep.sweep(ValueCountsOf::new(info, self.policy)?)?;
            let all = quantiles.filter(|quantiles| quantiles.is_joint()).map(|_| ValueCounts::sum(&counts));
            let percentiles = |counts| {
                let of = |quantiles: &Quantiles| quantiles.of_counts(all.as_ref().unwrap_or(counts));
                quantiles.map(of).unwrap_or_default()
            };
            return Ok(counts
                .iter()
                .map(|counts| (BandSummary::from(counts), percentiles(counts)))
                .collect());
        }
        let moments = MomentsOf::new(info, self.policy);
        let Some(quantiles) = quantiles else {
            let moments = sweep.sweep(moments)?;
            return Ok(moments.iter().map(|moments| (BandSummary::from(moments), Vec::new())).collect());
        };
        let mut search = RankSearch::new(info, self.policy, quantiles.clone());
        let (moments, digits) = sweep.sweep((moments, search.clone()))?;
        search = search.narrowed(&digits);
        while !search.is_done() {
            let digits = sweep.sweep(search.clone())?;
            search = search.narrowed(&digits);
        }
        Ok(moments.iter().map(BandSummary::from).zip(search.percentiles()).collect())
    }

    fn histogram(
        &self,
        info: &RasterInfo,
        bins: usize,
        range: Option<[f64; 2]>,
        sweep: &mut impl Sweep,
    ) -> Result<Vec<(Bins, BinCounts)>> {
        // A byte's bins are its values, unless something else is said.
        let range = range.or((info.sample_type == SampleType::U8).then_some([-0.5, 255.5]));
        // Where nothing holds data, any range will do.
        let bins_of = |summary: &BandSummary| {
            let [least, greatest] =
                range.unwrap_or([summary.minimum.unwrap_or(0.0), summary.maximum.unwrap_or(1.0)]);
            Bins::new(bins, least, greatest)
        };
        if is_narrow(info.sample_type) {
            let counts = ValueCountsOf::new(info, self.policy)?;
            let counts = sweep.sweep(counts.made_into(BinCounts::bytes(bins, info.bands)))?;
            let binned =
                |counts| bins_of(&BandSummary::from(counts)).map(|bins| (bins.of_counts(counts), bins));
            return counts.iter().map(|counts| binned(counts).map(|(counts, bins)| (bins, counts))).collect();
        }
        let bins = match range {
            Some([least, greatest]) => vec![Bins::new(bins, least, greatest)?; info.bands],
            None => {
                let moments = sweep.sweep(MomentsOf::new(info, self.policy))?;
                moments.iter().map(|moments| bins_of(&BandSummary::from(moments))).collect::<Result<_>>()?
            }
        };
        let counts = sweep.sweep(BinCountsOf::new(info, self.policy, bins.clone()))?;
        Ok(bins.into_iter().zip(counts).collect())
    }
}

/// Makes a question from parameters, for a raster.
pub type Ask = fn(&Parameters, &RasterInfo) -> Result<Question>;

/// The description of something that is learned from a whole raster and printed.
pub type QuestionSpec = Spec<Ask>;

const PERCENTILES: ParameterKind =
    ParameterKind::Numbers { fewest: 1, most: 32, least: 0.0, greatest: 100.0 };

const METHOD: Parameter = Parameter::optional(
    "method",
    ParameterKind::Choice(&Interpolation::NAMES),
    Some("linear"),
    "what lies between two ranks, by numpy's names",
);

const DDOF: Parameter = Parameter::optional(
    "ddof",
    ParameterKind::Number { least: 0.0, greatest: 1e9 },
    Some("0"),
    "subtracted from the count in the denominator of variance and standard deviation",
);

const NODATA_RULE: &str = "ignore (default): pixels without data are counted apart and left out, `NaN` among them\n\
    propagate: as ignore\nvalue: nodata values are ordinary numbers, and so is `NaN` (sums become `NaN`; ranks leave it out)";

/// `stats`.
static STATS: QuestionSpec = QuestionSpec {
    name: "stats",
    group: Group::WholeRaster,
    summary: "count, extremes, sum, mean and standard deviation of each band",
    inputs: (1, 1),
    parameters: &[
        Parameter::optional("percentiles", PERCENTILES, None, "percentiles to find as well, such as 2,50,98"),
        METHOD,
        DDOF,
        Parameter::NODATA,
    ],
    documentation: Documentation {
        formula: "mean = S / n, variance = (sum of (x - mean)^2) / (n - ddof) over the pixels with data.\n\
            S and the sum of squares are kept exactly (integers, or a superaccumulator) and rounded once.",
        halo: "none; every pixel is looked at once, samples wider than 16 bits once more for percentiles (64 bits: four times in all)",
        types: "all ten; results in f64. Integers of 64 bits enter both sums exactly",
        nodata: NODATA_RULE,
        cost: "8 and 16 bits: one count a pixel; wider: two exact additions a pixel",
        source: "R. M. Neal, Fast exact summation using small and large superaccumulators, arXiv:1505.05571",
        agrees: "math.fsum, numpy.percentile; gdalinfo -stats for the mean to its rounding",
        example: "swathe stats scene.tif --percentiles 2,50,98",
    },
    trials: &["percentiles=2,50,98", "ddof=1", "percentiles=0,37.5,100 method=nearest nodata=value"],
    bind: |parameters, _| {
        Ok(Question {
            about: About::Summary { quantiles: quantiles(parameters)?, ddof: ddof(parameters)? },
            policy: policy(parameters)?,
        })
    },
};

/// `percentiles`.
static PERCENTILES_OF: QuestionSpec = QuestionSpec {
    name: "percentiles",
    group: Group::WholeRaster,
    summary: "exact percentiles of each band",
    inputs: (1, 1),
    parameters: &[
        Parameter::optional("percentiles", PERCENTILES, Some("0,2,25,50,75,98,100"), "percentiles to find"),
        METHOD,
        Parameter::NODATA,
    ],
    documentation: Documentation {
        formula: "the value of rank p/100 (n - 1) among the n pixels with data, sorted; between ranks as --method says",
        halo: "none; one sweep for samples of 8 and 16 bits, two for 32, four for 64",
        types: "all ten; results in f64",
        nodata: NODATA_RULE,
        cost: "one count a pixel and sweep",
        source: "radix selection; R. J. Hyndman and Y. Fan, Sample Quantiles in Statistical Packages, 1996, for the methods",
        agrees: "numpy.percentile, exactly",
        example: "swathe percentiles scene.tif --percentiles 2,98",
    },
    trials: &[
        "percentiles=0,2,50,99.9,100",
        "percentiles=33 method=midpoint",
        "percentiles=0,20,61 method=median_unbiased",
    ],
    bind: |parameters, _| {
        Ok(Question {
            about: About::Summary { quantiles: quantiles(parameters)?, ddof: 0.0 },
            policy: policy(parameters)?,
        })
    },
};

/// `histogram`.
static HISTOGRAM: QuestionSpec = QuestionSpec {
    name: "histogram",
    group: Group::WholeRaster,
    summary: "how many pixels of each band fall into equal bins",
    inputs: (1, 1),
    parameters: &[
        Parameter::optional(
            "bins",
            ParameterKind::Integer { least: 1, greatest: 1 << 24 },
            Some("256"),
            "number of bins",
        ),
        Parameter::optional(
            "range",
            ParameterKind::Numbers { fewest: 2, most: 2, least: f64::MIN, greatest: f64::MAX },
            None,
            "lowest and highest edge (default: the data's extremes; -0.5,255.5 for bytes)",
        ),
        Parameter::NODATA,
    ],
    documentation: Documentation {
        formula: "bins are half open, the last one closed; what lies outside is counted as below and above",
        halo: "none; one sweep, a second one where the range of wide samples is to be found first. Memory grows with the bins:\n\
            8 bytes for each, and for each thread where samples are wider than 16 bits",
        types: "all ten",
        nodata: NODATA_RULE,
        cost: "one count a pixel",
        source: "numpy.histogram",
        agrees: "numpy.histogram, exactly; GDAL's with the same range",
        example: "swathe histogram scene.tif --bins 64",
    },
    trials: &["bins=10", "bins=7 range=-3,40", "bins=256"],
    bind: |parameters, _| {
        let bins = usize::try_from(parameters.integer("bins")?.unwrap_or(256)).unwrap_or(256);
        let range = parameters.numbers("range")?.and_then(|range| <[f64; 2]>::try_from(range).ok());
        if let Some([least, greatest]) = range {
            Bins::new(bins, least, greatest)?;
        }
        Ok(Question { about: About::Histogram { bins, range }, policy: policy(parameters)? })
    },
};

/// Everything that is learned from a whole raster and printed, sorted by name.
pub static QUESTIONS: &[&QuestionSpec] = &[&HISTOGRAM, &PERCENTILES_OF, &STATS];

fn quantiles(parameters: &Parameters) -> Result<Option<Quantiles>> {
    let method = Interpolation::parse(parameters.text("method").unwrap_or("linear"))?;
    parameters.numbers("percentiles")?.map(|percentiles| Quantiles::new(&percentiles, method)).transpose()
}

fn ddof(parameters: &Parameters) -> Result<f64> {
    Ok(parameters.number("ddof")?.unwrap_or(0.0))
}

fn policy(parameters: &Parameters) -> Result<NodataPolicy> {
    parameters.nodata_policy()
}

#[cfg(test)]
mod tests {
    use swathe_core::{Sample, Size, TileBuffer, Value, Window, with_sample};

    use super::*;

    /// Shows a raster tile by tile, to several partial results in turns.
    struct Tiles<'a> {
        raster: &'a TileBuffer,
        tile: Size,
        partials: usize,
    }

    impl Sweep for Tiles<'_> {
        fn sweep<R: Reduction>(&mut self, reduction: R) -> Result<R::Partial> {
            let whole = self.raster.window();
            let width = if reduction.full_width() { whole.width } else { self.tile.width };
            let mut partials: Vec<_> = (0..self.partials).map(|_| reduction.begin()).collect();
            let mut number = 0;
            for y in (0..whole.height).step_by(self.tile.height) {
                for x in (0..whole.width).step_by(width) {
                    let window = Window::new(
                        x as i64,
                        y as i64,
                        width.min(whole.width - x),
                        self.tile.height.min(whole.height - y),
                    );
                    let count = partials.len();
                    reduction.add(&mut partials[number % count], &self.raster.view().crop(window))?;
                    number += 1;
                }
            }
            let mut all = reduction.begin();
            partials.into_iter().rev().for_each(|partial| reduction.merge(&mut all, partial));
            reduction.complete(&mut all);
            Ok(all)
        }
    }

    fn raster(sample_type: SampleType, mask: bool) -> (RasterInfo, TileBuffer) {
        let mut info = RasterInfo::new(Size::new(23, 11), 2, sample_type);
        info.nodata = Some(swathe_core::Scalar::Integer(7));
        info.mask = mask;
        let mut buffer = TileBuffer::new(Window::whole(info.size), info.kind());
        let mut tile = buffer.view_mut();
        for y in 0..11 {
            for band in 0..2 {
                with_sample!(sample_type, T => {
                    for (x, sample) in tile.row_mut::<T>(band, y).iter_mut().enumerate() {
                        let number = (x * 37 + y * 101 + band * 13) % 61;
                        *sample = T::from_f64(if number == 60 { f64::NAN } else { number as f64 * 1.7 - 12.0 });
                    }
                });
            }
            if let Some(row) = tile.mask_row_mut(y) {
                row.iter_mut().enumerate().for_each(|(x, flag)| *flag = u8::from((x + y) % 5 != 0));
            }
        }
        (info, buffer)
    }

    fn about_all() -> Vec<Question> {
        let info = RasterInfo::new(Size::new(1, 1), 1, SampleType::U8);
        let mut all = Vec::new();
        for spec in QUESTIONS {
            for trial in spec.trials {
                let given = trial.split(' ').map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap();
                    (name.to_owned(), Value::Text(value.to_owned()))
                });
                all.push((spec.bind)(&Parameters::check(spec.parameters, given).unwrap(), &info).unwrap());
            }
        }
        for domain in [Domain::Intensity, Domain::Amplitude, Domain::Decibels] {
            all.push(Question { about: About::Intensities(domain), policy: NodataPolicy::Ignore });
        }
        all.push(Question { about: About::Extremes, policy: NodataPolicy::Ignore });
        all.push(Question { about: About::Product, policy: NodataPolicy::Ignore });
        all
    }

    #[test]
    fn answers_do_not_depend_on_tiles_nor_on_who_gathered_what() {
        for sample_type in SampleType::ALL {
            for mask in [false, true] {
                let (info, raster) = raster(sample_type, mask);
                for question in about_all() {
                    let answer = |tile, partials| {
                        let mut tiles = Tiles { raster: &raster, tile, partials };
                        format!("{:?}", question.answer(&info, &mut tiles).unwrap())
                    };
                    let whole = answer(info.size, 1);
                    for (tile, partials) in
                        [(Size::new(1, 1), 3), (Size::new(7, 4), 2), (Size::new(23, 1), 5)]
                    {
                        assert_eq!(answer(tile, partials), whole, "{question:?} of {sample_type:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn both_ways_to_a_summary_agree() {
        let question = Question {
            about: About::Summary {
                quantiles: Some(Quantiles::new(&[0.0, 31.0, 100.0], Interpolation::Linear).unwrap()),
                ddof: 0.0,
            },
            policy: NodataPolicy::Ignore,
        };
        let answers =
            [SampleType::U8, SampleType::U16, SampleType::U32, SampleType::U64].map(|sample_type| {
                let (info, raster) = raster(sample_type, true);
                question
                    .answer(&info, &mut Tiles { raster: &raster, tile: Size::new(5, 5), partials: 2 })
                    .unwrap()
            });
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    }

    /// Beyond 2^53 no `f64` tells a number from the next.
    #[test]
    fn the_spread_of_wide_integers_is_exact() {
        let about = About::Summary { quantiles: None, ddof: 0.0 };
        let question = Question { about, policy: NodataPolicy::Ignore };
        let deviation = |values: [i64; 4]| {
            let info = RasterInfo::new(Size::new(4, 1), 1, SampleType::I64);
            let mut buffer = TileBuffer::new(Window::whole(info.size), info.kind());
            buffer.view_mut().row_mut::<i64>(0, 0).copy_from_slice(&values);
            let mut tiles = Tiles { raster: &buffer, tile: Size::new(3, 1), partials: 2 };
            let Answer::Summary(bands) = question.answer(&info, &mut tiles).unwrap() else {
                panic!("another answer")
            };
            bands[0].0.standard_deviation(0.0).unwrap()
        };
        assert_eq!(deviation([i64::MAX; 4]), 0.0);
        assert_eq!(deviation([i64::MIN, i64::MIN, i64::MIN + 2, i64::MIN + 2]), 1.0);
        assert_eq!(deviation([1 << 60, (1 << 60) + 6, 1 << 60, (1 << 60) + 6]), 3.0);
    }
}
