//! `reduce`: one value from each row, each column, or each pixel's bands.
//!
//! *Formula*: `op` over the lane, from its first pixel to its last. *Halo*: the whole row or column. *Boundary*: none.
//! *Types*: see the documentation of [`SPEC`]. *Cost per pixel*: one operation; variance two.
//!
//! ```
//! use swathe_core::{Parameters, RasterInfo, SampleType, Scratch, Size, TileBuffer, Value, Window};
//!
//! let spec = swathe_operators::find("reduce").unwrap();
//! let given = [("op", "sum"), ("axis", "x")].map(|(name, value)| (name.to_string(), Value::Text(value.into())));
//! let info = RasterInfo::new(Size::new(3, 2), 1, SampleType::U8);
//! let operator = (spec.bind)(&Parameters::check(spec.parameters, given)?, &[info.clone()])?;
//! let window = Window::new(0, 0, 1, 2);
//! # let mut input = TileBuffer::new(operator.need(0, window), info.kind());
//! for (y, row) in [[200_u8, 100, 9], [1, 2, 3]].iter().enumerate() {
//!     input.view_mut().row_mut(0, y).copy_from_slice(row);
//! }
//! # let mut output = TileBuffer::new(window, operator.output().kind());
//! # let mut scratch = Scratch::with_capacity(operator.scratch_bytes(window.size()));
//! operator.process(&[input.view()], &mut output.view_mut(), &mut scratch.frame())?;
//! assert_eq!([output.view().row::<u64>(0, 0)[0], output.view().row::<u64>(0, 1)[0]], [309, 6]);
//! # Ok::<(), swathe_core::Error>(())
//! ```

use swathe_core::{
    Documentation, Edge, Error, Frame, Group, NodataPolicy, Operator, OperatorSpec, Parameter, ParameterKind,
    Parameters, RasterInfo, Result, Sample, SampleType, Scalar, Size, TileMut, TileView, Validity, Window,
    fill_value, with_sample,
};

use super::compensated::Compensated;
use super::product::Product;

/// The description of `reduce`.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: "reduce",
    group: Group::WholeRaster,
    summary: "one value from the whole raster, each row, each column, or each pixel's bands",
    inputs: (1, 1),
    parameters: &[
        Parameter::optional(
            "op",
            ParameterKind::Choice(&[
                "sum", "prod", "min", "max", "mean", "var", "std", "argmin", "argmax", "any", "all", "count",
            ]),
            Some("mean"),
            "what is made of the values",
        ),
        Parameter::optional(
            "axis",
            ParameterKind::Choice(&["all", "x", "y", "band"]),
            Some("all"),
            "all: the value of each band is printed, and no raster written; x: of each row; y: of each column; band: of each pixel",
        ),
        Parameter::optional(
            "ddof",
            ParameterKind::Number { least: 0.0, greatest: 1e9 },
            Some("0"),
            "subtracted from the count in the denominator of var and std",
        ),
        Parameter::NODATA,
    ],
    documentation: Documentation {
        formula: "sum, product, extreme, mean, variance or standard deviation over the lane; argmin and argmax: index of the first\n\
            extreme from 0, -1 where there is none; any, all: 1 or 0, whether values are other than 0; count: values with data",
        halo: "the whole row (axis x) or column (axis y); none for axis band; axis all is a sweep",
        types: "sum: unsigned integers in u64, signed in i64, exact, and an error where it is out of range; min, max: the input's;\n\
            argmin, argmax: i64; any, all: u8; count: u64; everything else f64",
        nodata: "ignore (default): left out; a lane without data gives 0 for sum, 1 for prod, nodata or NaN elsewhere\n\
            propagate: a pixel without data makes the result nodata, or NaN\nvalue: ordinary numbers",
        cost: "one operation a pixel; var and std two",
        source: "numpy.ufunc.reduce; sums of floats compensated (T. J. Dekker, 1971), products with an exponent of their own",
        agrees: "numpy, exactly for integers; floats to the rounding of numpy's own sums",
        example: "swathe reduce scene.tif rows.tif --op mean --axis x",
    },
    trials: &[
        "op=sum axis=x",
        "op=mean axis=y",
        "op=var axis=x ddof=1",
        "op=std axis=band",
        "op=max axis=y",
        "op=min axis=band nodata=propagate",
        "op=argmin axis=x",
        "op=argmax axis=y nodata=value",
        "op=prod axis=band",
        "op=any axis=y",
        "op=all axis=x",
        "op=count axis=band",
    ],
    bind,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Make {
    Sum,
    Product,
    Minimum,
    Maximum,
    Mean,
    Variance,
    Deviation,
    FirstMinimum,
    FirstMaximum,
    Any,
    All,
    Count,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Along {
    X,
    Y,
    Bands,
}

struct Reduce {
    input: RasterInfo,
    output: RasterInfo,
    make: Make,
    along: Along,
    ddof: f64,
    policy: NodataPolicy,
}

fn bind(parameters: &Parameters, inputs: &[RasterInfo]) -> Result<Box<dyn Operator>> {
    let input = inputs[0].clone();
    let along = match parameters.text("axis") {
        Some("x") => Along::X,
        Some("y") => Along::Y,
        Some("band") => Along::Bands,
        _ => {
            return Err(Error::usage(
                "`--axis all` prints values and makes no raster; a raster comes from x, y or band",
            ));
        }
    };
    let make = match parameters.text("op") {
        Some("sum") => Make::Sum,
        Some("prod") => Make::Product,
        Some("min") => Make::Minimum,
        Some("max") => Make::Maximum,
        Some("var") => Make::Variance,
        Some("std") => Make::Deviation,
        Some("argmin") => Make::FirstMinimum,
        Some("argmax") => Make::FirstMaximum,
        Some("any") => Make::Any,
        Some("all") => Make::All,
        Some("count") => Make::Count,
        _ => Make::Mean,
    };
    let output = output(&input, make, along);
    let ddof = parameters.number("ddof")?.unwrap_or(0.0);
    Ok(Box::new(Reduce { output, make, along, ddof, policy: parameters.nodata_policy()?, input }))
}

fn output(input: &RasterInfo, make: Make, along: Along) -> RasterInfo {
    let own = input.sample_type;
    let mut output = input.clone();
    output.sample_type = match make {
        Make::Minimum | Make::Maximum => own,
        Make::Sum if own.is_float() => SampleType::F64,
        Make::Sum if own.is_signed() => SampleType::I64,
        Make::Sum | Make::Count => SampleType::U64,
        Make::FirstMinimum | Make::FirstMaximum => SampleType::I64,
        Make::Any | Make::All => SampleType::U8,
        Make::Product | Make::Mean | Make::Variance | Make::Deviation => SampleType::F64,
    };
    output.mask = false;
    if !matches!(make, Make::Minimum | Make::Maximum) {
        output.nodata = None;
    }
    let Size { width, height } = input.size;
    let transform = output.georeferencing.transform.as_mut();
    match along {
        Along::X => {
            output.size = Size::new(1, height);
            if let Some(transform) = transform {
                transform.0[1] *= width as f64;
                transform.0[4] *= width as f64;
            }
        }
        Along::Y => {
            output.size = Size::new(width, 1);
            if let Some(transform) = transform {
                transform.0[2] *= height as f64;
                transform.0[5] *= height as f64;
            }
        }
        Along::Bands => {
            output.bands = 1;
            output.metadata.colours.clear();
            output.metadata.items.retain(|item| item.band.is_none());
        }
    }
    output.metadata.palette.clear();
    output.metadata.forget_statistics();
    output
}

/// What came out, before it is stored.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Made<T> {
    Whole(i128),
    Real(f64),
    Sample(T),
    Nothing,
}

impl Reduce {
    /// Makes one value of a lane, which `values` goes through as often as it is asked; none for pixels without data.
    fn lane<T: Sample, I: Iterator<Item = Option<T>>>(&self, values: impl Fn() -> I) -> Made<T> {
        if self.policy == NodataPolicy::Propagate && values().any(|value| value.is_none()) {
            return Made::Nothing;
        }
        let data = || values().flatten();
        match self.make {
            Make::Count => Made::Whole(data().count() as i128),
            Make::Any => Made::Whole(i128::from(data().any(|value| value.to_f64() != 0.0))),
            Make::All => Made::Whole(i128::from(data().all(|value| value.to_f64() != 0.0))),
            Make::Sum => sum(data()),
            Make::Product => {
                Made::Real(data().fold(Product::ONE, |all, value| all.times(value.to_f64())).value())
            }
            Make::Minimum => first(values(), |one, kept| one < kept)
                .map_or(Made::Nothing, |(_, value)| Made::Sample(value)),
            Make::Maximum => first(values(), |one, kept| one > kept)
                .map_or(Made::Nothing, |(_, value)| Made::Sample(value)),
            Make::FirstMinimum => {
                Made::Whole(first(values(), |one, kept| one < kept).map_or(-1, |(index, _)| index as i128))
            }
            Make::FirstMaximum => {
                Made::Whole(first(values(), |one, kept| one > kept).map_or(-1, |(index, _)| index as i128))
            }
            Make::Mean => mean(data()).map_or(Made::Nothing, |(mean, _)| Made::Real(mean)),
            Make::Variance => self.variance(data).map_or(Made::Nothing, Made::Real),
            Make::Deviation => {
                self.variance(data).map_or(Made::Nothing, |variance| Made::Real(variance.sqrt()))
            }
        }
    }

    fn variance<T: Sample, I: Iterator<Item = T>>(&self, data: impl Fn() -> I) -> Option<f64> {
        let (mean, count) = mean(data())?;
        let denominator = count as f64 - self.ddof;
        let (mut squares, mut off) = (Compensated::default(), Compensated::default());
        for value in data() {
            let difference = value.to_f64() - mean;
            squares.add(difference * difference);
            off.add(difference);
        }
        // The mean is rounded, and the differences from it do not quite add up to 0.
        let squares = squares.value() - off.value() * off.value() / count as f64;
        (denominator > 0.0).then(|| squares.max(0.0) / denominator)
    }

    fn store<T: Sample>(
        &self,
        made: Made<T>,
        tile: &mut TileMut<'_>,
        place: (usize, usize, usize),
    ) -> Result<()> {
        let (band, y, x) = place;
        let window = tile.window();
        with_sample!(self.output.sample_type, O => {
            let target = &mut tile.row_mut::<O>(band, y)[x];
            *target = match made {
                Made::Whole(whole) => {
                    let stored = <O as Sample>::from_i128(whole);
                    if stored.to_scalar() != Scalar::Integer(whole) && !O::TYPE.is_float() {
                        return Err(Error::limit(format!(
                            "the sum {whole} at {},{} is out of the range of {}",
                            window.x + x as i64,
                            window.y + y as i64,
                            O::TYPE.name()
                        )));
                    }
                    stored
                }
                Made::Real(real) => <O as Sample>::from_f64(real),
                // The output has the input's type.
                Made::Sample(sample) => <O as Sample>::from_scalar(sample.to_scalar()).unwrap_or_default(),
                Made::Nothing => fill_value::<O>(&self.output),
            };
        });
        Ok(())
    }

    fn run<T: Sample>(&self, input: &TileView<'_>, output: &mut TileMut<'_>) -> Result<()> {
        let validity = Validity::<T>::new(&self.input, self.policy);
        let window = output.window();
        let seen = input.window();
        let at = |band: usize, y: usize, x: usize| {
            let sample = input.row::<T>(band, y)[x];
            let mask = input.mask_row(y).map_or(1, |mask| mask[x]);
            validity.holds(sample, mask).then_some(sample)
        };
        for band in 0..output.bands() {
            for y in 0..window.height {
                for x in 0..window.width {
                    let made = match self.along {
                        Along::X => self.lane::<T, _>(|| (0..seen.width).map(|x| at(band, y, x))),
                        Along::Y => self.lane::<T, _>(|| (0..seen.height).map(|y| at(band, y, x))),
                        Along::Bands => {
                            self.lane::<T, _>(|| (0..self.input.bands).map(|band| at(band, y, x)))
                        }
                    };
                    self.store(made, output, (band, y, x))?;
                }
            }
        }
        Ok(())
    }
}

/// The sum: exact for integers.
fn sum<T: Sample>(data: impl Iterator<Item = T>) -> Made<T> {
    if T::TYPE.is_float() {
        let mut sum = Compensated::default();
        data.for_each(|value| sum.add(value.to_f64()));
        return Made::Real(sum.value());
    }
    let whole = data.map(|value| match value.to_scalar() {
        Scalar::Integer(integer) => integer,
        Scalar::Float(float) => float as i128,
    });
    Made::Whole(whole.sum())
}

/// The mean, and of how many.
fn mean<T: Sample>(data: impl Iterator<Item = T>) -> Option<(f64, u64)> {
    let mut count = 0;
    let made = sum(data.inspect(|_| count += 1));
    let sum = match made {
        Made::Whole(whole) => whole as f64,
        Made::Real(real) => real,
        Made::Sample(_) | Made::Nothing => return None,
    };
    (count > 0).then(|| (sum / count as f64, count))
}

/// The first of the best values, and its index; `NaN` is never one.
fn first<T: Sample>(values: impl Iterator<Item = Option<T>>, better: fn(T, T) -> bool) -> Option<(usize, T)> {
    let mut best: Option<(usize, T)> = None;
    for (index, value) in values.enumerate() {
        if let Some(value) = value
            && !value.is_nan()
            && best.is_none_or(|(_, kept)| better(value, kept))
        {
            best = Some((index, value));
        }
    }
    best
}

impl Operator for Reduce {
    fn output(&self) -> &RasterInfo {
        &self.output
    }

    fn need(&self, _input: usize, output: Window) -> Window {
        let Size { width, height } = self.input.size;
        match self.along {
            Along::X => Window { x: 0, width, ..output },
            Along::Y => Window { y: 0, height, ..output },
            Along::Bands => output,
        }
    }

    fn edge(&self, _input: usize) -> Edge {
        Edge::Clip
    }

    fn scratch_bytes(&self, _output: Size) -> usize {
        0
    }

    fn process(
        &self,
        inputs: &[TileView<'_>],
        output: &mut TileMut<'_>,
        _scratch: &mut Frame<'_>,
    ) -> Result<()> {
        with_sample!(self.input.sample_type, T => self.run::<T>(&inputs[0], output))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial;

    fn reduce<T: Sample, O: Sample>(parameters: &str, rows: &[&[T]]) -> Vec<Vec<O>> {
        let raster = trial::raster::<T>(&[rows]);
        trial::run(&SPEC, parameters, &raster).unwrap().rows::<O>(0)
    }

    #[test]
    fn lanes_are_numpys() {
        let rows: [&[i16]; 2] = [&[5, -3, 7, -3], &[0, 2, 2, 1]];
        assert_eq!(reduce::<i16, i64>("op=sum axis=x", &rows), [[6], [5]]);
        assert_eq!(reduce::<i16, i64>("op=sum axis=y", &rows), [[5, -1, 9, -2]]);
        assert_eq!(reduce::<i16, i64>("op=argmin axis=x", &rows), [[1], [0]]);
        assert_eq!(reduce::<i16, i64>("op=argmax axis=x", &rows), [[2], [1]]);
        assert_eq!(reduce::<i16, i16>("op=max axis=y", &rows), [[5, 2, 7, 1]]);
        assert_eq!(reduce::<i16, f64>("op=mean axis=x", &rows), [[1.5], [1.25]]);
        assert_eq!(reduce::<i16, f64>("op=var axis=x", &rows), [[20.75], [0.6875]]);
        assert_eq!(reduce::<i16, f64>("op=prod axis=y", &rows), [[0.0, -6.0, 14.0, -3.0]]);
        assert_eq!(reduce::<i16, u8>("op=all axis=x", &rows), [[1], [0]]);
    }
}
