//! `stretch`: a range of values spread over the range of the output type, such as the range between two percentiles.
//!
//! *Formula*: `out = (in - a) / (b - a) * (B - A) + A`, held between `A` and `B`; `A` where `a = b`. *Units*: none.
//! *Halo*: none; a range of percentiles takes sweeps over the input first. *Boundary*: none. *Types*: any to any,
//! computed in `f64`; integers are rounded half away from zero. *Nodata*: stays no data. *Cost per pixel*: one division.
//! *Source*: OPERATORS.md A14. *Agrees with*: the formula in numpy with `numpy.percentile`, exactly.
//!
//! ```
//! use swathe_core::{Parameters, RasterInfo, SampleType, Scratch, Size, TileBuffer, Value, Window};
//!
//! let spec = swathe_operators::find("stretch").unwrap();
//! let parameters = Parameters::check(spec.parameters, [("range".to_string(), Value::Text("10,20".into()))])?;
//! let info = RasterInfo::new(Size::new(3, 2), 1, SampleType::I16);
//! let operator = (spec.bind)(&parameters, &[info.clone()])?;
//! let window = Window::new(0, 0, 3, 2);
//! # let mut input = TileBuffer::new(operator.need(0, window), info.kind());
//! for (y, row) in [[-4_i16, 10, 11], [15, 20, 1000]].iter().enumerate() {
//!     input.view_mut().row_mut(0, y).copy_from_slice(row);
//! }
//! # let mut output = TileBuffer::new(window, operator.output().kind());
//! # let mut scratch = Scratch::with_capacity(operator.scratch_bytes(window.size()));
//! operator.process(&[input.view()], &mut output.view_mut(), &mut scratch.frame())?;
//! assert_eq!(output.view().row::<u8>(0, 0), [0, 0, 26]);
//! assert_eq!(output.view().row::<u8>(0, 1), [128, 255, 255]);
//! # Ok::<(), swathe_core::Error>(())
//! ```

use fearless_simd::{Simd, dispatch};
use fearless_simd_macros::simd;
use swathe_core::{
    Documentation, Edge, Error, Frame, Group, NodataPolicy, Operator, OperatorSpec, Parameter, ParameterKind,
    Parameters, RasterInfo, Result, Sample, SampleType, Scalar, ScratchSize, Size, TileMut, TileView, Window,
    with_sample,
};

use crate::prepare::{Asked, PreparationSpec};
use crate::reduce::{About, Answer, Interpolation, Quantiles, Question};
use crate::rows::{LoadRows, StoreRows, loader, storer};
use crate::simd::level;

/// The description of `stretch`.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: "stretch",
    group: Group::Point,
    summary: "a range of values, or what lies between two percentiles, spread over the range of the output type",
    inputs: (1, 1),
    parameters: &[
        Parameter::optional(
            "percentiles",
            ParameterKind::Numbers { fewest: 2, most: 2, least: 0.0, greatest: 100.0 },
            None,
            "percentiles of the input that become the ends, found first (default: 2,98)",
        ),
        Parameter::optional(
            "range",
            ParameterKind::Numbers { fewest: 2, most: 2 * 65535, least: f64::MIN, greatest: f64::MAX },
            None,
            "values that become the ends: LOW,HIGH for all bands, or a pair for each band",
        ),
        Parameter::optional(
            "joint",
            ParameterKind::Flag,
            None,
            "percentiles of all bands together, so that colours keep their hue",
        ),
        Parameter::optional("type", ParameterKind::SampleType, Some("u8"), "sample type of the output"),
        Parameter::optional(
            "output-range",
            ParameterKind::Numbers { fewest: 2, most: 2, least: f64::MIN, greatest: f64::MAX },
            None,
            "ends of the output (default: the type's range, without its least value where that stands for no data; 0,1 for floats)",
        ),
        Parameter::NODATA,
    ],
    documentation: Documentation {
        formula: "out = (in - a) / (b - a) * (B - A) + A, held between A and B; A where a = b.\n\
            a and b: the range, or the percentiles of each band (numpy.percentile, linear); A and B: the output's range",
        halo: "none; percentiles take sweeps first: one for samples of 8 and 16 bits, two for 32, four for 64",
        types: "any to any, computed in f64; integers are rounded half away from zero",
        nodata: "pixels without data are left out of the percentiles and stay so. Where the input has a nodata value, integers\n\
            take their least value for it and the output's range begins above; floats keep it. value: ordinary numbers",
        cost: "one division; one count for each sweep",
        source: "Gonzalez and Woods, Digital Image Processing, 3.2; gdal_translate -scale",
        agrees: "numpy: percentile and the formula, exactly",
        example: "swathe stretch scene.tif picture.tif --percentiles 2,98 --joint",
    },
    trials: &[
        "range=0,100",
        "range=-5,1000.5 type=u16 output-range=1,4000",
        "range=7,7 type=f32 nodata=value",
        "range=900,-3 type=i16",
    ],
    bind,
};

/// What `stretch` asks.
pub static PREPARATION: PreparationSpec = PreparationSpec { operator: "stretch", ask };

fn ask(parameters: &Parameters, input: &RasterInfo) -> Result<Option<Asked>> {
    if parameters.get("range").is_some() {
        return Ok(None);
    }
    let percentiles = parameters.numbers("percentiles")?.unwrap_or_else(|| vec![2.0, 98.0]);
    let names = [percentiles[0], percentiles[1]];
    let quantiles = Quantiles::new(&percentiles, Interpolation::Linear)?;
    let joint = parameters.flag("joint");
    let about =
        About::Summary { quantiles: Some(if joint { quantiles.joint() } else { quantiles }), ddof: 0.0 };
    let bands = if joint && input.bands > 1 { " of all bands together" } else { "" };
    let range = |text: String| vec![("range", Some(text)), ("percentiles", None), ("joint", None)];
    Ok(Some(Asked {
        question: Question { about, policy: parameters.nodata_policy()? },
        subject: format!("percentiles {} and {}{bands}", names[0], names[1]),
        stand_in: range("0,1".into()),
        settle: Box::new(move |answer| {
            let Answer::Summary(bands) = answer else {
                return Err(Error::bug("percentiles were not answered"));
            };
            let pairs = bands
                .iter()
                .enumerate()
                .map(|(band, (summary, found))| ends(band, summary.count, names, found));
            Ok(range(pairs.collect::<Result<Vec<_>>>()?.join(",")))
        }),
    }))
}

/// The percentiles of a band as text.
fn ends(band: usize, count: u64, names: [f64; 2], found: &[f64]) -> Result<String> {
    let [low, high] = [found[0], found[1]];
    if low.is_finite() && high.is_finite() {
        return Ok(format!("{low},{high}"));
    }
    // Where no pixel holds data, none is stretched.
    if count == 0 || low.is_nan() {
        return Ok("0,0".into());
    }
    Err(Error::unsupported(format!(
        "band {}: percentiles {} and {} are {low} and {high}, which spans no range; give one with `--range LOW,HIGH`",
        band + 1,
        names[0],
        names[1]
    )))
}

fn bind(parameters: &Parameters, inputs: &[RasterInfo]) -> Result<Box<dyn Operator>> {
    let input = &inputs[0];
    let policy = parameters.nodata_policy()?;
    let Some(range) = parameters.numbers("range")? else {
        return Err(Error::usage("needs its `--range` here, as nobody looks for percentiles first"));
    };
    if parameters.get("percentiles").is_some() || parameters.flag("joint") {
        return Err(Error::usage(
            "--range: says what `--percentiles` and `--joint` would find; give one or the other",
        ));
    }
    if range.len() != 2 && range.len() != 2 * input.bands {
        return Err(Error::usage(format!(
            "--range: {} numbers for {} bands; give LOW,HIGH, or a pair for each band",
            range.len(),
            input.bands
        )));
    }
    let to = parameters.sample_type("type")?.unwrap_or(SampleType::U8);
    let (ends, nodata) = output_range(parameters.numbers("output-range")?, to, input, policy);
    let mut output = input.with_new_values(to);
    output.nodata = nodata;
    let lines = (0..input.bands).map(|band| {
        let pair = if range.len() == 2 { &range[..] } else { &range[2 * band..2 * band + 2] };
        Line { low: pair[0], high: pair[1], least: ends[0], greatest: ends[1] }
    });
    Ok(Box::new(Stretch {
        lines: lines.collect(),
        load: loader(input, policy),
        store: storer(&output),
        output,
    }))
}

/// The ends of the output, and the value that stands for no data in it.
fn output_range(
    given: Option<Vec<f64>>,
    to: SampleType,
    input: &RasterInfo,
    policy: NodataPolicy,
) -> ([f64; 2], Option<Scalar>) {
    let [least, greatest] = with_sample!(to, T => [T::LEAST.to_f64(), T::GREATEST.to_f64()]);
    let nodata = input.nodata.filter(|_| policy != NodataPolicy::Value);
    let given = given.map(|ends| [ends[0], ends[1]]);
    if to.is_float() {
        let ends = given.unwrap_or([0.0, 1.0]);
        let outside = |value: &Scalar| {
            let value = value.to_f64();
            value < ends[0].min(ends[1]) || value > ends[0].max(ends[1])
        };
        return (ends, nodata.map(|value| Some(value).filter(outside).unwrap_or(Scalar::Float(f64::NAN))));
    }
    let reserved = with_sample!(to, T => T::LEAST.to_scalar());
    let ends = given.unwrap_or(if nodata.is_some() { [least + 1.0, greatest] } else { [least, greatest] });
    let taken = ends.iter().any(|end| *end < least + 0.5);
    (ends, nodata.filter(|_| !taken).map(|_| reserved))
}

/// The line from one range to the other.
#[derive(Clone, Copy, Debug)]
struct Line {
    low: f64,
    high: f64,
    least: f64,
    greatest: f64,
}

struct Stretch {
    lines: Vec<Line>,
    load: Box<dyn LoadRows<f64>>,
    store: Box<dyn StoreRows<f64>>,
    output: RasterInfo,
}

impl Operator for Stretch {
    fn output(&self) -> &RasterInfo {
        &self.output
    }

    fn need(&self, _input: usize, output: Window) -> Window {
        output
    }

    fn edge(&self, _input: usize) -> Edge {
        Edge::Clip
    }

    fn scratch_bytes(&self, output: Size) -> usize {
        ScratchSize::new().with::<f64>(output.width).with::<u8>(output.width).bytes()
    }

    fn resident_bytes(&self) -> usize {
        self.lines.len() * size_of::<Line>()
    }

    fn process(
        &self,
        inputs: &[TileView<'_>],
        output: &mut TileMut<'_>,
        scratch: &mut Frame<'_>,
    ) -> Result<()> {
        let (input, width) = (&inputs[0], output.window().width);
        let mut frame = scratch.inner();
        let (values, flags) = (frame.take::<f64>(width), frame.take::<u8>(width));
        for y in 0..output.window().height {
            for (band, &line) in self.lines.iter().enumerate() {
                let all = self.load.load_valid(input, band, y, values, flags);
                dispatch!(level(), simd => spread(simd, values, line));
                self.store.store(output, band, y, 0, values);
                if !all {
                    self.store.fill(output, band, y, 0, flags);
                }
            }
            if let (Some(to), Some(from)) = (output.mask_row_mut(y), input.mask_row(y)) {
                to.copy_from_slice(from);
            }
        }
        Ok(())
    }
}

#[simd]
fn spread<S: Simd>(_: S, values: &mut [f64], line: Line) {
    let Line { low, high, least, greatest } = line;
    let (width, height) = (high - low, greatest - least);
    if width == 0.0 {
        // `NaN` stays what it is where it is an ordinary number.
        for value in values.iter_mut() {
            *value = if value.is_nan() { *value } else { least };
        }
        return;
    }
    for value in values.iter_mut() {
        let part = (*value - low) / width;
        // Held before it is scaled, so that what lies outside meets the very value of the end.
        let part = if part < 0.0 { 0.0 } else { part };
        let part = if part > 1.0 { 1.0 } else { part };
        *value = part * height + least;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial;

    #[test]
    fn a_range_is_spread_and_held() {
        let input = trial::raster::<f32>(&[&[&[-1.0, 0.0, 0.5, 1.0, 3.0, f32::INFINITY, f32::NAN]]]);
        let bytes = trial::run(&SPEC, "range=0,1", &input).unwrap();
        assert_eq!(bytes.rows::<u8>(0), [[0, 0, 128, 255, 255, 255, 0]]);
        let falling = trial::run(&SPEC, "range=1,0 type=i16 output-range=-10,10", &input).unwrap();
        assert_eq!(falling.rows::<i16>(0), [[10, 10, 0, -10, -10, -10, 0]]);
        let flat = trial::run(&SPEC, "range=1,1 type=f64", &input).unwrap();
        assert_eq!(flat.rows::<f64>(0)[0][..6], [0.0; 6]);
        assert!(flat.rows::<f64>(0)[0][6].is_nan());
    }

    #[test]
    fn bands_have_their_own_range() {
        let input = trial::raster::<u16>(&[&[&[0, 50, 100]], &[&[0, 50, 100]]]);
        let output = trial::run(&SPEC, "range=0,100,50,100 output-range=0,100", &input).unwrap();
        assert_eq!([output.rows::<u8>(0), output.rows::<u8>(1)], [[[0, 50, 100]], [[0, 0, 100]]]);
        assert!(trial::bind(&SPEC, "range=0,1,2", std::slice::from_ref(&input.info)).is_err());
        assert!(trial::bind(&SPEC, "range=0,1 percentiles=2,98", std::slice::from_ref(&input.info)).is_err());
    }

    #[test]
    fn no_data_is_told_from_the_least_value() {
        let mut input = trial::raster::<i16>(&[&[&[-9999, 0, 5, 10]]]);
        input.info.nodata = Some(Scalar::Integer(-9999));
        let bytes = trial::run(&SPEC, "range=0,10", &input).unwrap();
        assert_eq!(bytes.info.nodata, Some(Scalar::Integer(0)));
        assert_eq!(bytes.rows::<u8>(0), [[0, 1, 128, 255]]);
        let floats = trial::run(&SPEC, "range=0,10 type=f32", &input).unwrap();
        assert_eq!(floats.rows::<f32>(0), [[-9999.0, 0.0, 0.5, 1.0]]);
        let all = trial::run(&SPEC, "range=0,10 output-range=0,255", &input).unwrap();
        assert_eq!((all.info.nodata, all.rows::<u8>(0)), (None, vec![vec![0, 0, 128, 255]]));
        let numbers = trial::run(&SPEC, "range=-9999,10 nodata=value", &input).unwrap();
        assert_eq!((numbers.info.nodata, numbers.rows::<u8>(0)), (None, vec![vec![0, 255, 255, 255]]));
    }

    #[test]
    fn percentiles_become_a_range() {
        let info = RasterInfo::new(Size::new(2, 2), 2, SampleType::F32);
        let parameters = |text: &str| {
            let given = text.split_whitespace().map(|part| {
                let (name, value) = part.split_once('=').unwrap();
                (name.to_string(), swathe_core::Value::Text(value.to_string()))
            });
            Parameters::check(SPEC.parameters, given).unwrap()
        };
        assert!(ask(&parameters("range=0,1"), &info).unwrap().is_none());
        let asked = ask(&parameters("percentiles=10,90"), &info).unwrap().unwrap();
        let summary = crate::reduce::BandSummary {
            count: 4,
            missing: 0,
            nonzero: 4,
            minimum: None,
            maximum: None,
            sum: 0.0,
            squared_differences: 0.0,
        };
        let answer =
            |found: [f64; 2]| Answer::Summary(vec![(summary, vec![0.1, 1e-300]), (summary, found.to_vec())]);
        let settled = (asked.settle)(&answer([f64::NAN, f64::NAN])).unwrap();
        let text = settled[0].1.clone().unwrap();
        let numbers: Vec<f64> = text.split(',').map(|number| number.parse().unwrap()).collect();
        assert_eq!(numbers, [0.1, 1e-300, 0.0, 0.0]);
        let error = (asked.settle)(&answer([0.0, f64::INFINITY])).unwrap_err();
        assert!(error.to_string().contains("band 2: percentiles 10 and 90 are 0 and inf"), "{error}");
    }
}
