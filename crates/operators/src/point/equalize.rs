//! `equalize`: grey values spread so that each occurs about as often, by the histogram of the raster.
//!
//! *Formula*: `out = round((C(in) - h0) * G / (n - h0))` with `C` the number of pixels up to that value, `h0` that of the
//! least value that occurs, `n` all pixels with data and `G` the type's greatest value; 0 for the least value and below; a
//! raster of one value stays. *Units*: none. *Halo*: none; one sweep first. *Boundary*: none. *Types*: `u8` and `u16`.
//! *Nodata*: neither counted nor changed. *Cost per pixel*: one look-up. *Source*: `cv2.equalizeHist`. *Agrees with*: it, exactly.
//!
//! ```
//! use swathe_core::{Parameters, RasterInfo, SampleType, Scratch, Size, TileBuffer, Value, Window};
//!
//! let spec = swathe_operators::find("equalize").unwrap();
//! let counts = ("counts".to_string(), Value::Text("10:2,20:1,200:1".into()));
//! let parameters = Parameters::check(spec.parameters, [counts])?;
//! let info = RasterInfo::new(Size::new(2, 2), 1, SampleType::U8);
//! let operator = (spec.bind)(&parameters, &[info.clone()])?;
//! let window = Window::new(0, 0, 2, 2);
//! # let mut input = TileBuffer::new(operator.need(0, window), info.kind());
//! for (y, row) in [[10_u8, 20], [10, 200]].iter().enumerate() {
//!     input.view_mut().row_mut(0, y).copy_from_slice(row);
//! }
//! # let mut output = TileBuffer::new(window, operator.output().kind());
//! # let mut scratch = Scratch::with_capacity(operator.scratch_bytes(window.size()));
//! operator.process(&[input.view()], &mut output.view_mut(), &mut scratch.frame())?;
//! assert_eq!(output.view().row::<u8>(0, 0), [0, 128]);
//! assert_eq!(output.view().row::<u8>(0, 1), [0, 255]);
//! # Ok::<(), swathe_core::Error>(())
//! ```

use std::fmt::Write;

use swathe_core::{
    Documentation, Edge, Error, Frame, Group, NodataPolicy, Operator, OperatorSpec, Parameter, ParameterKind,
    Parameters, RasterInfo, Result, Sample, SampleType, Scalar, Size, TileMut, TileView, Validity, Window,
};

use crate::prepare::{Asked, PreparationSpec};
use crate::reduce::{About, Answer, Question};

/// The description of `equalize`.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: "equalize",
    group: Group::Point,
    summary: "grey values spread so that each occurs about as often",
    inputs: (1, 1),
    parameters: &[
        Parameter::optional(
            "counts",
            ParameterKind::Text,
            None,
            "histogram to go by, as VALUE:COUNT,... with values ascending and `;` between bands (default: the input's own, found first)",
        ),
        Parameter::NODATA,
    ],
    documentation: Documentation {
        formula: "out = round((C(in) - h0) * G / (n - h0)); C: pixels of the band up to that value, h0: those of its least value,\n\
            n: all with data, G: 255 or 65535. Computed in f32 and rounded half to even, as OpenCV does. A band of one value stays",
        halo: "none; one sweep over the input first",
        types: "u8 and u16; the output has the same type",
        nodata: "pixels without data are neither counted nor changed; data that would become the nodata value becomes the next\n\
            value above it (below it at the top)",
        cost: "one count in the first sweep, one look-up in the second",
        source: "OpenCV, cv::equalizeHist",
        agrees: "cv2.equalizeHist, exactly, for u8 without nodata",
        example: "swathe equalize grey.tif even.tif",
    },
    trials: &["counts=0:5,3:20,100:7,251:1", "counts=7:100", "counts=3:1,4:1,250:9 nodata=value"],
    bind,
};

/// What `equalize` asks.
pub static PREPARATION: PreparationSpec = PreparationSpec { operator: "equalize", ask };

/// The number of values of a type that can be equalised.
fn values_of(input: &RasterInfo) -> Result<usize> {
    match input.sample_type {
        SampleType::U8 => Ok(1 << 8),
        SampleType::U16 => Ok(1 << 16),
        other => Err(Error::unsupported(format!(
            "takes rasters of u8 and u16, not {}; put `stretch --type u16` before it",
            other.name()
        ))),
    }
}

fn ask(parameters: &Parameters, input: &RasterInfo) -> Result<Option<Asked>> {
    if parameters.get("counts").is_some() {
        return Ok(None);
    }
    let bins = values_of(input)?;
    // One bin a value.
    let about = About::Histogram { bins, range: Some([-0.5, bins as f64 - 0.5]) };
    Ok(Some(Asked {
        question: Question { about, policy: parameters.nodata_policy()? },
        subject: "the histogram".into(),
        // As many tables as there will be.
        stand_in: vec![("counts", Some(";".repeat(input.bands.saturating_sub(1))))],
        settle: Box::new(|answer| {
            let Answer::Histogram(bands) = answer else {
                return Err(Error::bug("a histogram was not answered"));
            };
            let lists = bands.iter().map(|(_, counts)| listed(&counts.bins)).collect::<Vec<_>>();
            Ok(vec![("counts", Some(lists.join(";")))])
        }),
    }))
}

/// The values that occur and how often, as text.
fn listed(counts: &[u64]) -> String {
    let mut text = String::new();
    for (value, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let comma = if text.is_empty() { "" } else { "," };
        // Writing to a string cannot fail.
        let _ = write!(text, "{comma}{value}:{count}");
    }
    text
}

/// Reads what [`listed`] writes, for one band.
fn counts_of(text: &str, values: usize) -> Result<Vec<u64>> {
    let mut counts = vec![0; values];
    let (mut next, mut total) = (0, 0_u64);
    for pair in text.split(',').filter(|pair| !pair.is_empty()) {
        let parts = pair
            .split_once(':')
            .map(|(value, count)| (value.trim().parse::<usize>(), count.trim().parse::<u64>()));
        let Some((Ok(value), Ok(count))) = parts else {
            return Err(Error::usage(format!("`{pair}` is not VALUE:COUNT in whole numbers")));
        };
        if value >= values {
            return Err(Error::usage(format!("the value {value} is not from 0 to {}", values - 1)));
        }
        if value < next {
            return Err(Error::usage(format!("the value {value} comes after {}; values ascend", next - 1)));
        }
        (counts[value], next) = (count, value + 1);
        total =
            total.checked_add(count).ok_or_else(|| Error::usage("the counts add up to more than 2^64"))?;
    }
    Ok(counts)
}

fn bind(parameters: &Parameters, inputs: &[RasterInfo]) -> Result<Box<dyn Operator>> {
    let input = &inputs[0];
    let values = values_of(input)?;
    let policy = parameters.nodata_policy()?;
    let Some(text) = parameters.text("counts") else {
        return Err(Error::usage("needs its `--counts` here, as nobody looks for the histogram first"));
    };
    let lists = text.split(';').map(|list| counts_of(list, values)).collect::<Result<Vec<_>>>();
    let lists = lists.map_err(|error| error.at("--counts"))?;
    if lists.len() != 1 && lists.len() != input.bands {
        return Err(Error::usage(format!(
            "--counts: {} histograms for {} bands; give one, or one for each band with `;` between",
            lists.len(),
            input.bands
        )));
    }
    let mut output = input.with_new_values(input.sample_type);
    output.nodata = input.nodata;
    let nodata = match input.nodata.filter(|_| policy != NodataPolicy::Value) {
        Some(Scalar::Integer(value)) => usize::try_from(value).ok().filter(|value| *value < values),
        _ => None,
    };
    let tables = lists.iter().map(|counts| table(counts, nodata)).collect::<Vec<_>>();
    Ok(match input.sample_type {
        SampleType::U8 => Box::new(Equalize::<u8>::new(&tables, output, Validity::new(input, policy))),
        _ => Box::new(Equalize::<u16>::new(&tables, output, Validity::new(input, policy))),
    })
}

/// The new value of each value: OpenCV's arithmetic, in its order.
fn table(counts: &[u64], nodata: Option<usize>) -> Vec<u16> {
    let greatest = counts.len() - 1;
    let total: u64 = counts.iter().sum();
    let first = counts.iter().position(|&count| count > 0).unwrap_or(0);
    let others = total - counts[first];
    if others == 0 {
        return (0..=greatest).map(|value| value as u16).collect();
    }
    let scale = greatest as f32 / others as f32;
    let mut sum = 0_u64;
    let mut table = vec![0_u16; counts.len()];
    for (value, &count) in counts.iter().enumerate().skip(first + 1) {
        sum += count;
        table[value] = (sum as f32 * scale).round_ties_even().min(greatest as f32) as u16;
    }
    if let Some(nodata) = nodata {
        let instead = if nodata < greatest { nodata + 1 } else { nodata - 1 };
        for value in &mut table {
            if usize::from(*value) == nodata {
                *value = instead as u16;
            }
        }
    }
    table
}

struct Equalize<T> {
    /// For each band, or for all of them.
    tables: Vec<Vec<T>>,
    output: RasterInfo,
    validity: Validity<T>,
}

impl<T: Sample> Equalize<T> {
    fn new(tables: &[Vec<u16>], output: RasterInfo, validity: Validity<T>) -> Self {
        let narrow = |table: &Vec<u16>| table.iter().map(|&value| T::from_i128(i128::from(value))).collect();
        Equalize { tables: tables.iter().map(narrow).collect(), output, validity }
    }
}

impl<T: Sample + Into<usize>> Operator for Equalize<T> {
    fn output(&self) -> &RasterInfo {
        &self.output
    }

    fn need(&self, _input: usize, output: Window) -> Window {
        output
    }

    fn edge(&self, _input: usize) -> Edge {
        Edge::Clip
    }

    fn scratch_bytes(&self, _output: Size) -> usize {
        0
    }

    fn resident_bytes(&self) -> usize {
        self.tables.iter().map(|table| size_of_val(table.as_slice())).sum()
    }

    fn process(&self, inputs: &[TileView<'_>], output: &mut TileMut<'_>, _: &mut Frame<'_>) -> Result<()> {
        let input = &inputs[0];
        for y in 0..output.window().height {
            let mask = input.mask_row(y);
            for band in 0..output.bands() {
                let table = self.tables[band.min(self.tables.len() - 1)].as_slice();
                let samples = output.row_mut::<T>(band, y).iter_mut().zip(input.row::<T>(band, y));
                for (x, (to, &from)) in samples.enumerate() {
                    let valid = self.validity.holds(from, mask.map_or(u8::MAX, |mask| mask[x]));
                    *to = if valid { table[from.into()] } else { from };
                }
            }
            if let (Some(to), Some(from)) = (output.mask_row_mut(y), mask) {
                to.copy_from_slice(from);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial;

    #[test]
    fn values_are_spread_by_their_counts() {
        let input = trial::raster::<u8>(&[&[&[1, 1, 5, 9, 9, 200]]]);
        let output = trial::run(&SPEC, "counts=1:2,5:1,9:2,200:1", &input).unwrap();
        // cv2.equalizeHist(numpy.array([[1, 1, 5, 9, 9, 200]], "u1"))
        assert_eq!(output.rows::<u8>(0), [[0, 0, 64, 191, 191, 255]]);
        let same = trial::run(&SPEC, "counts=9:6", &input).unwrap();
        assert_eq!(same.rows::<u8>(0), [[1, 1, 5, 9, 9, 200]]);
    }

    #[test]
    fn data_never_becomes_no_data() {
        let mut input = trial::raster::<u16>(&[&[&[0, 3, 3, 7]]]);
        input.info.nodata = Some(Scalar::Integer(0));
        let output = trial::run(&SPEC, "counts=3:2,7:1", &input).unwrap();
        assert_eq!(output.rows::<u16>(0), [[0, 1, 1, 65535]]);
        input.info.nodata = Some(Scalar::Integer(65535));
        let output = trial::run(&SPEC, "counts=0:1,3:2,7:1", &input).unwrap();
        assert_eq!(output.rows::<u16>(0), [[0, 43690, 43690, 65534]]);
    }

    #[test]
    fn nonsense_is_refused() {
        let info = RasterInfo::new(Size::new(4, 3), 2, SampleType::U8);
        let message = |text| trial::bind(&SPEC, text, std::slice::from_ref(&info)).err().unwrap().to_string();
        assert!(message("counts=256:1").contains("the value 256 is not from 0 to 255"));
        assert!(message("counts=3:1,2:1").contains("the value 2 comes after 3"));
        assert!(message("counts=3-1").contains("`3-1` is not VALUE:COUNT"));
        assert!(message("counts=3:1;4:1;5:1").contains("3 histograms for 2 bands"));
        let floats = RasterInfo::new(Size::new(4, 3), 1, SampleType::F32);
        assert!(trial::bind(&SPEC, "counts=3:1", &[floats]).err().unwrap().to_string().contains("not f32"));
    }

    #[test]
    fn what_is_listed_reads_back() {
        let mut counts = vec![0; 256];
        (counts[0], counts[7], counts[255]) = (u64::MAX / 4, 1, 12);
        assert_eq!(counts_of(&listed(&counts), 256).unwrap(), counts);
        assert_eq!(listed(&[0; 256]), "");
    }
}
