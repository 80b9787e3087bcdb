//! `cast`: the same numbers in another sample type, scaled and shifted on the way.
//!
//! *Formula*: `out = in * scale + offset`. *Units*: the input's, times `scale`. *Halo*: none. *Boundary*: none.
//! *Types*: any to any. Integers are rounded half away from zero and saturated. Without `--scale` and `--offset` the
//! number is kept exactly where the new type holds it (64-bit integers too); with them it is computed in `f64`.
//! *Nodata*: pixels without data become the nodata value again; where the new type cannot hold it the output has
//! none, and they become `NaN` in floats and 0 in integers. `NaN` that meets an integer type becomes the nodata value,
//! or 0. *Cost per pixel*: one conversion. *Source*: `gdal_translate -ot -scale`.
//! *Agrees with*: `gdal_translate -ot`, exactly, for finite numbers.
//!
//! ```
//! use swathe_core::{Parameters, RasterInfo, SampleType, Scratch, Size, TileBuffer, Value, Window};
//!
//! let spec = swathe_operators::find("cast").unwrap();
//! let parameters = Parameters::check(spec.parameters, [("type".to_string(), Value::Text("u8".into())), ("scale".to_string(), Value::Text("0.5".into()))])?;
//! let info = RasterInfo::new(Size::new(3, 2), 1, SampleType::I16);
//! let operator = (spec.bind)(&parameters, &[info.clone()])?;
//! let window = Window::new(0, 0, 3, 2);
//! # let mut input = TileBuffer::new(operator.need(0, window), info.kind());
//! for (y, row) in [[-4_i16, 3, 9], [7, 100, 1000]].iter().enumerate() {
//!     input.view_mut().row_mut(0, y).copy_from_slice(row);
//! }
//! # let mut output = TileBuffer::new(window, operator.output().kind());
//! # let mut scratch = Scratch::with_capacity(operator.scratch_bytes(window.size()));
//! operator.process(&[input.view()], &mut output.view_mut(), &mut scratch.frame())?;
//! assert_eq!(output.view().row::<u8>(0, 0), [0, 2, 5]);
//! assert_eq!(output.view().row::<u8>(0, 1), [4, 50, 255]);
//! # Ok::<(), swathe_core::Error>(())
//! ```

use fearless_simd::{Simd, dispatch};
use fearless_simd_macros::simd;
use swathe_core::{
    Documentation, Edge, Frame, Group, NodataPolicy, Operator, OperatorSpec, Parameter, ParameterKind,
    Parameters, RasterInfo, Result, Sample, SampleType, Scalar, ScratchSize, Size, TileMut, TileView,
    Validity, Window, fill_value, with_sample,
};

use crate::rows::{LoadRows, Real, StoreRows, loader, storer};
use crate::simd::level;

/// The description of `cast`.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: "cast",
    group: Group::Point,
    summary: "the same numbers in another sample type, scaled and shifted on the way",
    inputs: (1, 1),
    parameters: &[
        Parameter::required("type", ParameterKind::SampleType, "sample type of the output"),
        Parameter::optional(
            "scale",
            ParameterKind::Number { least: f64::MIN, greatest: f64::MAX },
            None,
            "factor, applied first (default: 1)",
        ),
        Parameter::optional(
            "offset",
            ParameterKind::Number { least: f64::MIN, greatest: f64::MAX },
            None,
            "summand, in units of the output (default: 0)",
        ),
        Parameter::NODATA,
    ],
    documentation: Documentation {
        formula: "out = in * scale + offset",
        halo: "none",
        types: "any to any; integers are rounded half away from zero and saturated; without scale and offset the number is\nkept exactly where the new type holds it, with them it is computed in f64",
        nodata: "pixels without data become the nodata value; where the new type cannot hold it the output has none, and they\nbecome NaN in floats and 0 in integers; NaN becomes the nodata value, or 0, in integers",
        cost: "one conversion",
        source: "gdal_translate -ot -scale",
        agrees: "gdal_translate -ot, exactly, for finite numbers",
        example: "swathe cast scene.tif scaled.tif --type f32 --scale 0.0001 --offset -0.1",
    },
    trials: &[
        "type=u8",
        "type=i16",
        "type=i64",
        "type=u64",
        "type=f32",
        "type=f64",
        "type=u16 scale=2.5 offset=-3",
        "type=f32 scale=0.0001 nodata=propagate",
        "type=i32 nodata=value",
    ],
    bind,
};

fn bind(parameters: &Parameters, inputs: &[RasterInfo]) -> Result<Box<dyn Operator>> {
    let input = &inputs[0];
    let to = parameters.sample_type("type")?.unwrap_or(input.sample_type);
    let policy = parameters.nodata_policy()?;
    let line = Line {
        scale: parameters.number("scale")?.unwrap_or(1.0),
        offset: parameters.number("offset")?.unwrap_or(0.0),
    };
    let mut output = input.with_new_values(to);
    if line == Line::SAME {
        // The same numbers: scale, offset, unit and palette still hold.
        output.metadata = input.metadata.clone();
        output.metadata.forget_statistics();
        if !matches!(to, SampleType::U8 | SampleType::U16) {
            output.metadata.palette.clear();
        }
    }
    Ok(convert(input, output, policy, line))
}

/// The numbers of `input` in the type of `output`, exact where it holds them.
pub(crate) fn same_numbers(
    input: &RasterInfo,
    output: RasterInfo,
    policy: NodataPolicy,
) -> Box<dyn Operator> {
    convert(input, output, policy, Line::SAME)
}

fn convert(input: &RasterInfo, output: RasterInfo, policy: NodataPolicy, line: Line) -> Box<dyn Operator> {
    let (from, to) = (input.sample_type, output.sample_type);
    let wide = matches!(from, SampleType::I64 | SampleType::U64);
    let single = to == SampleType::F32 || from.fits_f32() && to.fits_f32();
    let rows: Box<dyn ConvertRow> = if line == Line::SAME && wide && !to.is_float() {
        with_sample!(from, T => by_integer::<T>(input, &output, policy))
    } else if line == Line::SAME && single {
        Box::new(ByReal::<f32> { load: loader(input, policy), store: storer(&output), line })
    } else {
        Box::new(ByReal::<f64> { load: loader(input, policy), store: storer(&output), line })
    };
    Box::new(Cast { rows, output })
}

/// `number * scale + offset`.
#[derive(Clone, Copy, PartialEq)]
struct Line {
    scale: f64,
    offset: f64,
}

impl Line {
    const SAME: Line = Line { scale: 1.0, offset: 0.0 };
}

struct Cast {
    rows: Box<dyn ConvertRow>,
    output: RasterInfo,
}

/// Converts rows from one sample type to another, both settled when the operator is bound.
trait ConvertRow: Send + Sync {
    /// Bytes of scratch for a row of `width` pixels.
    fn scratch(&self, width: usize) -> ScratchSize;

    /// Converts row `y` of `band`.
    fn convert(
        &self,
        input: &TileView<'_>,
        output: &mut TileMut<'_>,
        band: usize,
        y: usize,
        scratch: Frame<'_>,
    );
}

impl Operator for Cast {
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
        self.rows.scratch(output.width).bytes()
    }

    fn pixel_nanoseconds(&self) -> f64 {
        0.4 * self.output.bands as f64
    }

    fn process(
        &self,
        inputs: &[TileView<'_>],
        output: &mut TileMut<'_>,
        scratch: &mut Frame<'_>,
    ) -> Result<()> {
        let input = &inputs[0];
        for y in 0..output.window().height {
            for band in 0..output.bands() {
                self.rows.convert(input, output, band, y, scratch.inner());
            }
            if let (Some(to), Some(from)) = (output.mask_row_mut(y), input.mask_row(y)) {
                to.copy_from_slice(from);
            }
        }
        Ok(())
    }
}

/// By way of `f32` or `f64`, which holds every number of the input's type.
struct ByReal<A> {
    load: Box<dyn LoadRows<A>>,
    store: Box<dyn StoreRows<A>>,
    line: Line,
}

impl<A: Real> ConvertRow for ByReal<A> {
    fn scratch(&self, width: usize) -> ScratchSize {
        ScratchSize::new().with::<A>(width).with::<u8>(width)
    }

    fn convert(
        &self,
        input: &TileView<'_>,
        output: &mut TileMut<'_>,
        band: usize,
        y: usize,
        mut scratch: Frame<'_>,
    ) {
        let width = output.window().width;
        let (values, flags) = (scratch.take::<A>(width), scratch.take::<u8>(width));
        let all = self.load.load_valid(input, band, y, values, flags);
        if self.line != Line::SAME {
            let (scale, offset) = (A::of(self.line.scale), A::of(self.line.offset));
            dispatch!(level(), simd => along_line(simd, values, scale, offset));
        }
        self.store.store(output, band, y, 0, values);
        if !all {
            self.store.fill(output, band, y, 0, flags);
        }
    }
}

#[simd]
fn along_line<S: Simd, A: Real>(_: S, values: &mut [A], scale: A, offset: A) {
    for value in values {
        *value = *value * scale + offset;
    }
}

/// From 64-bit integers to integers, which neither `f32` nor `f64` holds.
struct ByInteger<T, U> {
    validity: Validity<T>,
    fill: U,
}

impl<T: Sample, U: Sample> ConvertRow for ByInteger<T, U> {
    fn scratch(&self, _width: usize) -> ScratchSize {
        ScratchSize::new()
    }

    fn convert(
        &self,
        input: &TileView<'_>,
        output: &mut TileMut<'_>,
        band: usize,
        y: usize,
        _scratch: Frame<'_>,
    ) {
        let mask = input.mask_row(y);
        for (x, (to, &from)) in
            output.row_mut::<U>(band, y).iter_mut().zip(input.row::<T>(band, y)).enumerate()
        {
            let valid = self.validity.holds(from, mask.map_or(u8::MAX, |mask| mask[x]));
            *to = match from.to_scalar() {
                Scalar::Integer(number) if valid => U::from_i128(number),
                _ => self.fill,
            };
        }
    }
}

fn by_integer<T: Sample>(
    input: &RasterInfo,
    output: &RasterInfo,
    policy: NodataPolicy,
) -> Box<dyn ConvertRow> {
    let validity = Validity::<T>::new(input, policy);
    with_sample!(output.sample_type, U => Box::new(ByInteger { validity, fill: fill_value::<U>(output) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::{self, TrialRaster};

    fn cast<T: Sample, U: Sample>(text: &str, row: &[T]) -> Vec<U> {
        let output = trial::run(&SPEC, text, &trial::raster(&[&[row]])).unwrap();
        output.rows::<U>(0).remove(0)
    }

    #[test]
    fn integers_are_rounded_half_away_and_saturated() {
        assert_eq!(
            cast::<f32, i16>("type=i16", &[-0.5, 0.5, -2.5, 1e9, f32::NEG_INFINITY]),
            [-1, 1, -3, 32767, -32768]
        );
        assert_eq!(cast::<i32, u8>("type=u8", &[-1, 0, 255, 256, i32::MAX]), [0, 0, 255, 255, 255]);
        assert_eq!(cast::<u16, f32>("type=f32 scale=0.5 offset=1", &[0, 3]), [1.0, 2.5]);
        assert_eq!(cast::<f32, u8>("type=u8", &[f32::NAN, 7.0]), [0, 7]);
    }

    #[test]
    fn wide_integers_are_exact() {
        let wide = [i64::MIN, i64::MAX, (1 << 53) + 1];
        assert_eq!(cast::<i64, i64>("type=i64", &wide), wide);
        assert_eq!(cast::<i64, u64>("type=u64", &wide), [0, i64::MAX as u64, (1 << 53) + 1]);
        // To the nearest f32 at once: by way of f64 this number would be rounded twice, and down.
        assert_eq!(
            cast::<u64, f32>("type=f32", &[(1 << 60) + (1 << 36) + 1]),
            [((1_u64 << 60) + (1 << 37)) as f32]
        );
    }

    #[test]
    fn no_data_stays_no_data() {
        let mut input: TrialRaster = trial::raster::<i16>(&[&[&[-9999, 5, 300]]]);
        input.info.nodata = Some(Scalar::Integer(-9999));
        let floats = trial::run(&SPEC, "type=f32 scale=2", &input).unwrap();
        assert_eq!(floats.rows::<f32>(0), [[-9999.0, 10.0, 600.0]]);
        assert_eq!(floats.info.nodata, Some(Scalar::Integer(-9999)));
        let bytes = trial::run(&SPEC, "type=u8", &input).unwrap();
        assert_eq!(bytes.rows::<u8>(0), [[0, 5, 255]]);
        assert_eq!(bytes.info.nodata, None);
        let numbers = trial::run(&SPEC, "type=i32 scale=2 nodata=value", &input).unwrap();
        assert_eq!(numbers.rows::<i32>(0), [[-19998, 10, 600]]);
    }
}
