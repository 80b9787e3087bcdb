//! What numexpr and numpy give, frozen in `fixtures/calc` (see its README for the format).

use std::collections::HashMap;

use swathe_core::{Parameters, RasterInfo, Sample, SampleType, Scalar, Size, TileBuffer, Value};

use super::SPEC;
use crate::trial::{TrialRaster, in_tiles};

const LINES: &str = include_str!("../../../../../fixtures/calc/cases.tsv");
const VALUES: &[u8] = include_bytes!("../../../../../fixtures/calc/values.bin");

/// Reads the samples behind the lines, in their order.
struct Values {
    rest: &'static [u8],
}

impl Values {
    fn take(&mut self, bytes: usize) -> &'static [u8] {
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        taken
    }

    fn raster(&mut self, sample_type: &str, size: &str, bands: &str) -> TrialRaster {
        let (width, height) = size.split_once('x').unwrap();
        let size = Size::new(width.parse().unwrap(), height.parse().unwrap());
        let info = RasterInfo::new(size, bands.parse().unwrap(), SampleType::parse(sample_type).unwrap());
        let mut pixels = TileBuffer::new(info.window(), info.kind());
        for band in 0..info.bands {
            for y in 0..size.height {
                let row = self.take(size.width * info.sample_type.size());
                pixels.view_mut().row_bytes_mut(band, y).copy_from_slice(row);
            }
        }
        TrialRaster { info, pixels }
    }
}

fn run(expression: &str, parameters: &str, inputs: &[&TrialRaster]) -> swathe_core::Result<TrialRaster> {
    let others = parameters.split(' ').filter_map(|part| part.split_once('='));
    let given = std::iter::once(("expression", expression)).chain(others);
    let given = given.map(|(name, text)| (name.to_owned(), Value::Text(text.to_owned())));
    let infos = inputs.iter().map(|input| input.info.clone()).collect::<Vec<_>>();
    let operator = (SPEC.bind)(&Parameters::check(SPEC.parameters, given)?, &infos)?;
    in_tiles(&*operator, inputs, Size::new(7, 3))
}

/// Steps from one number to another among those that the type has; 0 where both are `NaN`.
fn ulps<T: Sample>(one: T, other: T) -> u64 {
    let (one, other) = (one.to_f64(), other.to_f64());
    if one.is_nan() && other.is_nan() || one == other && one.is_sign_negative() == other.is_sign_negative() {
        return 0;
    }
    if one.is_nan() || other.is_nan() {
        return u64::MAX;
    }
    // Ordered as the numbers are; 0 and -0 lie one step apart.
    let place = |number: f64| match T::TYPE {
        SampleType::F32 => {
            let bits = i64::from((number as f32).to_bits().cast_signed());
            if bits < 0 { i64::from(i32::MIN) - bits - 1 } else { bits }
        }
        _ => {
            let bits = number.to_bits().cast_signed();
            if bits < 0 { i64::MIN.wrapping_sub(bits).wrapping_sub(1) } else { bits }
        }
    };
    place(one).abs_diff(place(other))
}

/// What is wrong with the first sample that differs by more than `allowed`.
fn difference(got: &TrialRaster, wanted: &TrialRaster, allowed: u64) -> Option<String> {
    if got.info.sample_type != wanted.info.sample_type || got.info.bands != wanted.info.bands {
        let describe = |info: &RasterInfo| format!("{} bands of {}", info.bands, info.sample_type);
        return Some(format!("{}, not {}", describe(&got.info), describe(&wanted.info)));
    }
    swathe_core::with_sample!(got.info.sample_type, T => {
        for band in 0..got.info.bands {
            let rows = got.rows::<T>(band).into_iter().zip(wanted.rows::<T>(band));
            for (y, (got, wanted)) in rows.enumerate() {
                for (x, (got, wanted)) in got.into_iter().zip(wanted).enumerate() {
                    let same = if T::TYPE.is_float() { ulps(got, wanted) <= allowed } else { got == wanted };
                    if !same {
                        return Some(format!("band {band}, column {x}, row {y}: {got:?}, not {wanted:?}"));
                    }
                }
            }
        }
    });
    None
}

#[test]
fn every_frozen_value_is_met() {
    let mut values = Values { rest: VALUES };
    let mut rasters: HashMap<&str, TrialRaster> = HashMap::new();
    let (mut failures, mut count) = (Vec::new(), 0);
    for line in LINES.lines() {
        match *line.split('\t').collect::<Vec<_>>() {
            ["raster", name, sample_type, size, bands] => {
                let mut raster = values.raster(sample_type, size, bands);
                raster.info.nodata = name.starts_with("nodata").then_some(Scalar::Integer(3));
                rasters.insert(name, raster);
            }
            ["case", expression, inputs, parameters, kind, ulp, bands] => {
                let inputs = inputs.split(',').map(|name| &rasters[name]).collect::<Vec<_>>();
                let sample_type = if kind == "bool" { "u8" } else { kind };
                let size = inputs[0].info.size;
                let wanted = values.raster(sample_type, &format!("{}x{}", size.width, size.height), bands);
                let failure = match run(expression, parameters, &inputs) {
                    Ok(got) => difference(&got, &wanted, ulp.parse().unwrap()),
                    Err(error) => Some(error.to_string()),
                };
                failures.extend(failure.map(|failure| format!("{}: {failure}", line.replace('\t', "  "))));
                count += 1;
            }
            _ => panic!("`{line}` is neither a raster nor a case"),
        }
    }
    assert!(values.rest.is_empty() && count > 2000);
    let shown = failures.iter().take(60).map(String::as_str).collect::<Vec<_>>().join("\n");
    assert!(failures.is_empty(), "{} of {count} cases:\n{shown}", failures.len());
}
