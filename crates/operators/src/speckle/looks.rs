//! `--looks auto`: how many looks a radar image has, by the mean and variance of all its intensities.
//!
//! *Formula*: `looks = mean^2 / variance` of the intensities of a band (amplitudes squared, decibels as `10^(x / 10)`), as
//! SNAP's `computeEquivalentNumberOfLooks` over the whole image and never a tile; of several bands, 1 by the average of
//! `variance / mean^2`. What varies in the scene counts as speckle, so that a scene of fields and towns has more looks
//! than this says: an area without detail, cut out first, gives the figure of the instrument.

use swathe_core::{Error, NodataPolicy, Parameters, RasterInfo, Reduction, Result, TileView};

use crate::prepare::Asked;
use crate::reduce::{About, Answer, BandSummary, Moments, Question};
use crate::rows::{FromDecibels, LoadRows, loader};

/// The least number of looks.
pub(super) const LEAST: f64 = 0.01;
/// The greatest number of looks; a raster of one value has as many.
pub(super) const GREATEST: f64 = 1e6;

/// What samples stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// Intensity itself.
    Intensity,
    /// Its root.
    Amplitude,
    /// Ten times its decimal logarithm.
    Decibels,
}

impl Domain {
    fn of(parameters: &Parameters) -> Self {
        match parameters.text("domain") {
            Some("amplitude") => Domain::Amplitude,
            Some("db") => Domain::Decibels,
            _ => Domain::Intensity,
        }
    }
}

/// What a speckle filter asks about its input.
pub(crate) fn ask(parameters: &Parameters, input: &RasterInfo) -> Result<Option<Asked>> {
    if parameters.text("looks") != Some("auto") {
        return Ok(None);
    }
    let bands = if input.bands > 1 { " of all bands" } else { "" };
    Ok(Some(Asked {
        question: Question {
            about: About::Intensities(Domain::of(parameters)),
            policy: parameters.nodata_policy()?,
        },
        subject: format!("looks{bands}"),
        stand_in: vec![("looks", Some("1".into()))],
        settle: Box::new(|answer| {
            let Answer::Summary(bands) = answer else {
                return Err(Error::bug("mean and variance were not answered"));
            };
            Ok(vec![("looks", Some(looks(bands.iter().map(|(summary, _)| summary)).to_string()))])
        }),
    }))
}

/// The number of looks of bands; of those alone that hold anything but 0. One where none does.
fn looks<'a>(bands: impl Iterator<Item = &'a BandSummary>) -> f64 {
    let spread = |band: &BandSummary| {
        let (mean, variance) = (band.mean()?, band.variance(0.0)?);
        (mean > 0.0 && variance.is_finite()).then(|| variance / mean / mean)
    };
    let spreads = bands.filter_map(spread).collect::<Vec<_>>();
    if spreads.is_empty() {
        return 1.0;
    }
    let average = spreads.iter().sum::<f64>() / spreads.len() as f64;
    (1.0 / average).clamp(LEAST, GREATEST)
}

/// Gathers the moments of each band's intensities. Infinite ones are left out.
pub struct IntensitiesOf {
    bands: usize,
    width: usize,
    load: Box<dyn LoadRows<f64>>,
    squared: bool,
}

impl IntensitiesOf {
    /// For rasters like `info`.
    pub fn new(info: &RasterInfo, policy: NodataPolicy, domain: Domain) -> Self {
        let mut load = loader(info, policy);
        if domain == Domain::Decibels {
            load = Box::new(FromDecibels(load));
        }
        let squared = domain == Domain::Amplitude;
        IntensitiesOf { bands: info.bands, width: info.size.width, load, squared }
    }
}

impl Reduction for IntensitiesOf {
    type Partial = Vec<Moments>;

    fn partial_bytes(&self) -> usize {
        // And a row of numbers with its flags.
        self.bands * size_of::<Moments>() + self.width * (size_of::<f64>() + 1)
    }

    fn begin(&self) -> Self::Partial {
        vec![Moments::new(); self.bands]
    }

    fn add(&self, partial: &mut Self::Partial, tile: &TileView<'_>) -> Result<()> {
        let width = tile.window().width;
        let (mut values, mut flags) = (vec![0.0; width], vec![0; width]);
        for (band, moments) in partial.iter_mut().enumerate() {
            for y in 0..tile.window().height {
                self.load.load_valid(tile, band, y, &mut values, &mut flags);
                for (value, flag) in values.iter_mut().zip(&mut flags) {
                    *value = if self.squared { *value * *value } else { *value };
                    *flag &= u8::from(value.is_finite());
                }
                moments.add_row(&values, &flags);
            }
        }
        Ok(())
    }

    fn merge(&self, partial: &mut Self::Partial, other: Self::Partial) {
        partial.iter_mut().zip(&other).for_each(|(moments, other)| moments.merge(other));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speckle::lee;
    use crate::trial;
    use swathe_core::Value;

    /// The number of looks that a filter learns of a raster that is shown in one piece.
    fn learned(domain: &str, input: &trial::TrialRaster) -> f64 {
        let given = [("looks", "auto"), ("domain", domain)];
        let given = given.map(|(name, value)| (name.to_owned(), Value::Text(value.to_owned())));
        let parameters = Parameters::check(lee::SPEC.parameters, given).unwrap();
        let asked = ask(&parameters, &input.info).unwrap().unwrap();
        let About::Intensities(domain) = asked.question.about else { panic!("{:?}", asked.question) };
        let reduction = IntensitiesOf::new(&input.info, asked.question.policy, domain);
        let mut partial = reduction.begin();
        reduction.add(&mut partial, &input.pixels.view()).unwrap();
        let bands = partial.iter().map(|moments| (BandSummary::from(moments), Vec::new())).collect();
        let changes = (asked.settle)(&Answer::Summary(bands)).unwrap();
        assert_eq!(changes.len(), 1);
        changes[0].1.as_ref().unwrap().parse().unwrap()
    }

    fn near(value: f64, expected: f64) {
        assert!((value / expected - 1.0).abs() < 1e-14, "{value}, not {expected}");
    }

    #[test]
    fn looks_are_those_of_numpy() {
        // a = numpy.array([3, 5, 9, 10.5]); i = a, a ** 2, 10 ** (a / 10); i.mean() ** 2 / i.var()
        let input = trial::raster::<f32>(&[&[&[3.0, 5.0, 9.0, 10.5, f32::NAN, f32::INFINITY]]]);
        near(learned("intensity", &input), 5.224525043177893);
        near(learned("amplitude", &input), 1.8826073546361295);
        near(learned("db", &input), 2.684222322563866);
    }

    #[test]
    fn bands_are_averaged_by_their_spread() {
        let input = trial::raster::<u8>(&[&[&[1, 3]], &[&[10, 30]], &[&[0, 0]], &[&[4, 4]]]);
        near(learned("intensity", &input), 6.0);
        let flat = trial::raster::<u8>(&[&[&[4, 4]]]);
        near(learned("intensity", &flat), GREATEST);
        let empty = trial::raster::<f32>(&[&[&[f32::NAN, f32::NAN]]]);
        near(learned("intensity", &empty), 1.0);
    }

    #[test]
    fn a_filter_by_itself_wants_a_number() {
        let input = trial::raster::<u8>(&[&[&[1, 3]]]);
        let message = |looks| {
            trial::bind(&lee::SPEC, looks, std::slice::from_ref(&input.info)).err().unwrap().to_string()
        };
        assert!(message("looks=auto").contains("needs a number for `--looks`"));
        assert!(message("looks=lots").contains("`auto`"), "{}", message("looks=lots"));
    }
}
