//! The frozen values of `fixtures/reference`, made by numpy and scipy (see its README).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use swathe_core::{
    GeoTransform, RasterInfo, Result, Sample, SampleType, Scalar, Size, TileBuffer, with_sample,
};

use crate::chain::Step;
use crate::raster::Raster;

/// What one operator should compute from one raster.
#[derive(Clone, Debug)]
pub struct Case {
    /// Unique; operator, sample type, what is special.
    pub name: String,
    /// What is done, with its parameters.
    pub step: Step,
    /// What is read, with the nodata value that the caller gave where it gave one.
    pub input: Raster,
    /// The right values, f64 but for `copy`, saturated and not yet rounded where the output is of an integer type.
    pub expected: Raster,
    /// Whether the output is of an integer type.
    pub rounded: bool,
    /// Whether the arithmetic has one right answer.
    pub exact: bool,
    /// The difference that is allowed, beside rounding.
    pub absolute: f64,
    /// The same for each unit of the value.
    pub relative: f64,
    /// What the case is there to catch.
    pub note: String,
}

/// The greatest difference of one output from its case.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Worst {
    /// The difference, without the half that rounding takes.
    pub difference: f64,
    /// The same as a part of what is allowed; 1 is just allowed, where anything is.
    pub part: f64,
}

#[derive(Deserialize)]
struct File {
    cases: Vec<CaseText>,
}

#[derive(Deserialize)]
struct CaseText {
    name: String,
    operator: String,
    parameters: BTreeMap<String, String>,
    input: Array,
    /// Rasters that the operator reads besides.
    #[serde(default)]
    with: Vec<Array>,
    expected: Array,
    tolerance: Tolerance,
    /// Width and height of a pixel on the map.
    #[serde(default)]
    pixel_size: Option<[f64; 2]>,
    #[serde(default)]
    note: String,
}

#[derive(Deserialize)]
struct Array {
    #[serde(rename = "type")]
    sample_type: String,
    shape: [usize; 3],
    offset: usize,
    nodata: Option<String>,
    #[serde(default)]
    rounded: bool,
    #[serde(default)]
    exact: bool,
}

#[derive(Deserialize)]
struct Tolerance {
    absolute: f64,
    relative: f64,
}

impl Array {
    fn raster(&self, values: &[u8]) -> Result<Raster> {
        let [bands, height, width] = self.shape;
        let mut info =
            RasterInfo::new(Size::new(width, height), bands, SampleType::parse(&self.sample_type)?);
        info.nodata = self.nodata.as_deref().map(Scalar::parse).transpose()?;
        let mut pixels = TileBuffer::new(info.window(), info.kind());
        let row_bytes = width * info.sample_type.size();
        for band in 0..bands {
            for y in 0..height {
                let start = self.offset + (band * height + y) * row_bytes;
                let bytes = &values[start..start + row_bytes];
                let mut tile = pixels.view_mut();
                let row = tile.row_bytes_mut(band, y);
                row.copy_from_slice(bytes);
                if cfg!(target_endian = "big") {
                    row.chunks_exact_mut(info.sample_type.size()).for_each(<[u8]>::reverse);
                }
            }
        }
        Ok(Raster::new(info, pixels))
    }
}

/// The folders of frozen values.
#[rustfmt::skip] // one folder a line
const FOLDERS: &[&str] = &[
    "detail",
    "edges",
    "morphology",
    "motion",
    "rank",
    "reference",
    "resize",
    "spread",
    "table",
    "terrain",
];

/// A folder of frozen values.
fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name)
}

/// Every case. Those of operators that are not in the list are named in the second part.
///
/// # Panics
/// If the files are missing or not what their README says.
pub fn cases() -> (Vec<Case>, Vec<String>) {
    let (mut cases, mut without) = (Vec::new(), Vec::new());
    for folder_name in FOLDERS {
        let read = |name: &str| {
            let path = folder(folder_name).join(name);
            std::fs::read(&path).unwrap_or_else(|error| panic!("cannot read `{}`: {error}", path.display()))
        };
        let values = read("values.bin");
        let file: File =
            serde_json::from_slice(&read("cases.json")).expect("cases.json is as its README says");
        for text in file.cases {
            match swathe_operators::find(&text.operator) {
                Some(spec) => {
                    let case = case(spec, &text, &values, &folder(folder_name));
                    cases.push(case.unwrap_or_else(|error| panic!("case `{}`: {error}", text.name)));
                }
                None => without.push(text.operator),
            }
        }
    }
    without.sort();
    without.dedup();
    (cases, without)
}

fn case(
    spec: &'static swathe_core::OperatorSpec,
    text: &CaseText,
    values: &[u8],
    folder: &Path,
) -> Result<Case> {
    let nodata = text.parameters.get("nodata-value").map(|text| Scalar::parse(text)).transpose()?;
    let raster = |array: &Array| -> Result<Raster> {
        let mut raster = array.raster(values)?;
        raster.info.nodata = nodata.or(raster.info.nodata);
        raster.info.georeferencing.transform =
            text.pixel_size.map(|[width, height]| GeoTransform([0.0, width, 0.0, 0.0, 0.0, height]));
        Ok(raster)
    };
    let parameters = text.parameters.iter().filter(|(name, _)| *name != "nodata-value");
    let mut step = Step::new(spec, "");
    step.parameters = parameters.map(|(name, value)| (name.clone(), value.clone())).collect();
    step.with = text.with.iter().map(raster).collect::<Result<_>>()?;
    // A table's name stands for the file beside the cases.
    let named = |value: &String| Some((value.clone(), std::fs::read(folder.join(value)).ok()?));
    step.files = text.parameters.values().filter_map(named).collect();
    Ok(Case {
        name: text.name.clone(),
        step,
        input: raster(&text.input)?,
        expected: text.expected.raster(values)?,
        rounded: text.expected.rounded,
        exact: text.expected.exact,
        absolute: text.tolerance.absolute,
        relative: text.tolerance.relative,
        note: text.note.clone(),
    })
}

impl Case {
    /// Compares an output with the case, by the rule of the README.
    ///
    /// # Errors
    /// Says where it is wrong, and by how much.
    pub fn compare(&self, output: &Raster) -> Result<Worst, String> {
        if output.info.size != self.expected.info.size || output.info.bands != self.expected.info.bands {
            return Err(format!(
                "{}: the output has {} and {} bands, not {} and {}",
                self.name,
                output.info.size,
                output.info.bands,
                self.expected.info.size,
                self.expected.info.bands
            ));
        }
        let (expected_type, output_type) = (self.expected.info.sample_type, output.info.sample_type);
        let integer = !output_type.is_float();
        if integer != (self.rounded || !expected_type.is_float())
            || integer && !self.rounded && expected_type != output_type
        {
            return Err(format!("{}: the output is of type {output_type}", self.name));
        }
        if integer && !self.rounded {
            // f64 cannot hold every 64-bit integer.
            let expected = Raster { info: output.info.clone(), pixels: self.expected.pixels.clone() };
            return expected
                .difference(output)
                .map_or(Ok(Worst::default()), |difference| Err(format!("{}: {difference}", self.name)));
        }
        self.compare_reals(output)
    }

    fn compare_reals(&self, output: &Raster) -> Result<Worst, String> {
        let nodata = self.expected.info.nodata;
        let expected_nodata = nodata.map(Scalar::to_f64);
        let output_nodata = nodata.and_then(
            |value| with_sample!(output.info.sample_type, T => T::from_scalar(value).map(T::to_f64)),
        );
        let mut worst = Worst::default();
        let size = self.expected.info.size;
        for (index, (expected, out)) in self.expected.reals().into_iter().zip(output.reals()).enumerate() {
            let (x, y) = (index % size.width, index / size.width % size.height);
            let wrong = |why: &str| {
                let note = if self.note.is_empty() { String::new() } else { format!("; {}", self.note) };
                Err(format!(
                    "{}: band {} at {x},{y}: {out:?}, expected {expected:?} ({why}; {}{note})",
                    self.name,
                    index / size.pixels(),
                    self.step
                ))
            };
            let is_nodata = |value: f64, nodata: Option<f64>| {
                nodata.is_some_and(|nodata| value == nodata || value.is_nan() && nodata.is_nan())
            };
            let missing = is_nodata(expected, expected_nodata);
            if missing != is_nodata(out, output_nodata) {
                return wrong(if missing { "not nodata" } else { "nodata" });
            }
            if missing || expected.is_nan() && out.is_nan() || expected == out {
                continue;
            }
            let difference = self.difference(out, expected);
            let allowed = self.absolute + self.relative * expected.abs();
            if difference.is_nan() || difference > allowed {
                return wrong(&format!("{difference:e} off, {allowed:e} allowed"));
            }
            worst.difference = worst.difference.max(difference);
            worst.part = worst.part.max(if allowed > 0.0 { difference / allowed } else { 0.0 });
        }
        Ok(worst)
    }

    /// How far a sample is off, beyond what rounding explains.
    fn difference(&self, out: f64, expected: f64) -> f64 {
        let rounding = match (self.rounded, self.exact) {
            (true, true) => return (out - expected.round()).abs(),
            (true, false) => 0.5,
            (false, _) => 0.0,
        };
        let difference = (out - expected).abs() - rounding;
        if difference < 0.0 { 0.0 } else { difference }
    }
}
