//! Random rasters and random chains, the same for the same seed.

use swathe_core::{
    ErrorKind, OperatorSpec, RasterInfo, Result, Sample, SampleType, Scalar, Size, TileBuffer, with_sample,
};

use crate::chain::Step;
use crate::raster::Raster;

/// Random numbers (splitmix64, Steele et al. 2014): the same on every machine.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence of a seed.
    pub const fn new(seed: u64) -> Self {
        Random(seed)
    }

    /// The sequence that belongs to some words.
    pub fn of_words(words: &str) -> Self {
        // FNV-1a.
        let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Random(words.bytes().fold(0xcbf2_9ce4_8422_2325, hash))
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is at least 1.
    pub fn below(&mut self, end: usize) -> usize {
        (self.bits() % end as u64) as usize
    }

    /// A number from `start` up to and with `last`.
    pub fn between(&mut self, start: usize, last: usize) -> usize {
        start + self.below(last - start + 1)
    }

    /// True one time in `times`.
    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of these.
    pub fn choose<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// A number from 0 up to, not including, 1.
    pub fn fraction(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// What numbers a random raster holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbers {
    /// Integers of the whole range of their type; floats from -1000 to 1000.
    Wide,
    /// Whole numbers from 0 to 9: many ties, and sums that are exact in any order.
    Few,
    /// A ramp with a step and some noise, as land looks.
    Smooth,
    /// Magnitudes from the least to the greatest: what a sum forgets depends on its order.
    Rough,
}

/// What a random raster holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    /// Its numbers.
    pub numbers: Numbers,
    /// Whether `NaN`s are sprinkled, where the type has any.
    pub nan: bool,
    /// Whether infinities are sprinkled, where the type has any.
    pub infinite: bool,
    /// Whether whole areas hold no data, not only single pixels; where the raster knows any.
    pub holes: bool,
}

impl Content {
    /// Numbers and nothing else.
    pub const fn of(numbers: Numbers) -> Self {
        Content { numbers, nan: false, infinite: false, holes: false }
    }
}

/// A random raster. One sample in seven is the raster's nodata value, where it has one; one mask value in six is 0.
pub fn raster(info: &RasterInfo, content: Content, random: &mut Random) -> Raster {
    let mut pixels = TileBuffer::new(info.window(), info.kind());
    let hole = |x: usize, y: usize| content.holes && (x / 8 + y / 6).is_multiple_of(3);
    for y in 0..info.size.height {
        for band in 0..info.bands {
            with_sample!(info.sample_type, T => {
                let nodata = info.nodata.and_then(T::from_scalar);
                for (x, sample) in pixels.view_mut().row_mut::<T>(band, y).iter_mut().enumerate() {
                    let plain = number::<T>(content.numbers, x, y, random);
                    *sample = match nodata {
                        Some(nodata) if hole(x, y) || random.one_in(7) => nodata,
                        _ if T::TYPE.is_float() => special::<T>(content, random).unwrap_or(plain),
                        _ => plain,
                    };
                }
            });
        }
        if let Some(mask) = pixels.view_mut().mask_row_mut(y) {
            for (x, mask) in mask.iter_mut().enumerate() {
                *mask =
                    if hole(x + 3, y) || random.one_in(6) { 0 } else { random.choose(&[255, 255, 255, 1]) };
            }
        }
    }
    Raster::new(info.clone(), pixels)
}

fn number<T: Sample>(numbers: Numbers, x: usize, y: usize, random: &mut Random) -> T {
    let bits = random.bits();
    match numbers {
        Numbers::Wide if T::TYPE.is_float() => T::from_f64(2000.0 * random.fraction() - 1000.0),
        Numbers::Wide => T::from_i128(least::<T>() + i128::from(bits >> (64 - 8 * size_of::<T>()))),
        Numbers::Few => T::from_i128(i128::from(bits % 10)),
        Numbers::Smooth => {
            let step = if x + 2 * y > 40 { 30.0 } else { 0.0 };
            T::from_f64(20.0 + 0.7 * x as f64 + 0.4 * y as f64 + step + 4.0 * random.fraction())
        }
        Numbers::Rough if T::TYPE.is_float() => {
            let magnitude = 10_f64.powi(random.between(0, 30) as i32 - 15);
            T::from_f64((random.fraction() - 0.5) * magnitude)
        }
        Numbers::Rough => match bits % 4 {
            0 => T::LEAST,
            1 => T::GREATEST,
            _ => T::from_i128(i128::from(bits >> 2) >> (bits % 60)),
        },
    }
}

fn least<T: Sample>() -> i128 {
    match T::LEAST.to_scalar() {
        Scalar::Integer(value) => value,
        Scalar::Float(_) => 0,
    }
}

fn special<T: Sample>(content: Content, random: &mut Random) -> Option<T> {
    let scalar = match random.below(24) {
        0 if content.nan => f64::NAN,
        1 if content.infinite => f64::INFINITY,
        2 if content.infinite => f64::NEG_INFINITY,
        3 if content.infinite => -0.0,
        _ => return None,
    };
    T::from_scalar(Scalar::Float(scalar))
}

/// Any raster of at most `most` pixels a side: type, bands, nodata, mask and content by chance.
pub fn any_raster(most: Size, random: &mut Random) -> Raster {
    let size = Size::new(random.between(1, most.width), random.between(1, most.height));
    let mut info = RasterInfo::new(size, random.between(1, 3), random.choose(&SampleType::ALL));
    if random.one_in(2) {
        info.nodata = Some(random.choose(&[
            Scalar::Integer(0),
            Scalar::Integer(3),
            Scalar::Integer(255),
            Scalar::Integer(-9999),
            Scalar::Float(f64::NAN),
            Scalar::Float(0.1),
        ]));
    }
    info.mask = random.one_in(3);
    let content = Content {
        numbers: random.choose(&[Numbers::Wide, Numbers::Few, Numbers::Smooth, Numbers::Rough]),
        nan: random.one_in(2),
        infinite: random.one_in(4),
        holes: random.one_in(3),
    };
    raster(&info, content, random)
}

/// The boundaries that tests run with.
pub const BOUNDARIES: [&str; 6] = ["reflect", "mirror", "nearest", "wrap", "constant=3", "constant=-0.5"];
/// The nodata policies.
pub const POLICIES: [&str; 3] = ["ignore", "propagate", "value"];

/// A step that `input` can go through, with a trial of `spec` and boundary and nodata policy by chance; `None` where
/// the operator refuses it.
///
/// # Errors
/// Where the operator fails otherwise than by refusing.
pub fn step(spec: &'static OperatorSpec, input: &RasterInfo, random: &mut Random) -> Result<Option<Step>> {
    let mut step = Step::new(spec, random.choose(spec.trials));
    if random.one_in(2) {
        step = step.with_parameter("boundary", random.choose(&BOUNDARIES));
    }
    if random.one_in(2) {
        step = step.with_parameter("nodata", random.choose(&POLICIES));
    }
    step.with = (1..random.between(spec.inputs.0, spec.inputs.1.min(spec.inputs.0 + 1)))
        .map(|_| raster(input, Content::of(Numbers::Wide), random))
        .collect();
    match step.bind(input) {
        Ok(_) => Ok(Some(step)),
        Err(error) if is_refusal(error.kind()) => Ok(None),
        Err(error) => Err(error.at(&step)),
    }
}

/// True where an operator says that it does not do what is asked.
pub fn is_refusal(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Unsupported | ErrorKind::Usage)
}

/// A chain of 1 to `most` steps that `input` can go through, with no raster on the way of more than `pixels` pixels.
///
/// # Errors
/// Where an operator fails otherwise than by refusing.
pub fn chain(
    operators: &[&'static OperatorSpec],
    input: &RasterInfo,
    most: usize,
    pixels: usize,
    random: &mut Random,
) -> Result<Vec<Step>> {
    let length = random.between(1, most);
    let mut steps: Vec<Step> = Vec::with_capacity(length);
    let mut info = input.clone();
    // Some rasters suit few operators: so many attempts, and then the chain is shorter.
    for _ in 0..20 * length {
        if steps.len() == length {
            break;
        }
        if let Some(step) = step(random.choose(operators), &info, random)? {
            let output = step.bind(&info)?.output().clone();
            if output.size.pixels() <= pixels && !output.size.is_empty() {
                info = output;
                steps.push(step);
            }
        }
    }
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_raster_again() {
        let make = |seed| any_raster(Size::new(20, 20), &mut Random::new(seed));
        for seed in 0..50 {
            make(seed).assert_same(&make(seed), seed);
        }
        assert!((0..50).any(|seed| make(seed).info.mask));
    }

    #[test]
    fn what_is_asked_for_is_sprinkled() {
        let mut info = RasterInfo::new(Size::new(30, 30), 1, SampleType::F32);
        info.nodata = Some(Scalar::Integer(3));
        info.mask = true;
        let content = Content { numbers: Numbers::Wide, nan: true, infinite: true, holes: false };
        let raster = raster(&info, content, &mut Random::new(1));
        let reals = raster.reals();
        assert!(reals.contains(&3.0) && reals.contains(&f64::INFINITY) && reals.iter().any(|v| v.is_nan()));
        assert!((0..30).any(|y| raster.pixels.view().mask_row(y).unwrap().contains(&0)));
    }

    #[test]
    fn integers_take_their_whole_range() {
        let info = RasterInfo::new(Size::new(64, 64), 1, SampleType::I8);
        let values = raster(&info, Content::of(Numbers::Wide), &mut Random::new(7)).reals();
        assert!(values.iter().any(|&v| v < -120.0) && values.iter().any(|&v| v > 120.0));
    }
}
