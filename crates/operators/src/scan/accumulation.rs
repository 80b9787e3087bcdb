//! Running sums, products and extremes along one axis, or sums along both.

use std::marker::PhantomData;

use swathe_core::{
    Error, NodataPolicy, Order, RasterInfo, Result, Sample, SampleType, Scan, TileMut, TileView, Validity,
    with_sample,
};

use super::lift::Running;

/// What is done with the running value and the next pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Combine {
    Sum,
    Product,
    Minimum,
    Maximum,
}

/// Where it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Along {
    X,
    Y,
    /// Along x, and of that along y.
    Both,
}

/// What is accumulated, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) combine: Combine,
    pub(super) along: Along,
    pub(super) policy: NodataPolicy,
    /// Whether integers go on from the other end of their range where they leave it.
    pub(super) wraps: bool,
    /// Whether the first row and column count as zero, whatever they hold.
    pub(super) padded: bool,
}

/// An accumulation of samples of type `T` in running values of type `A`.
struct Accumulation<T, A> {
    input: RasterInfo,
    output: RasterInfo,
    wanted: Wanted,
    order: Order,
    types: PhantomData<fn(T) -> A>,
}

/// Binds an accumulation to a raster.
pub(super) fn bind(info: &RasterInfo, output_type: SampleType, wanted: Wanted) -> Result<Box<dyn Scan>> {
    if wanted.policy == NodataPolicy::Propagate && !output_type.is_float() {
        return Err(Error::unsupported(format!(
            "`--nodata propagate` needs a result that can hold NaN, and {} cannot (`--type f64` can)",
            output_type.name()
        )));
    }
    let mut output = info.clone();
    output.sample_type = output_type;
    output.mask = false;
    output.nodata = None;
    let order = order(info, output_type, wanted);
    Ok(with_sample!(info.sample_type, T => {
        let bound = Bound { input: info.clone(), output, wanted, order };
        match output_type {
            SampleType::U64 => bound.boxed::<T, u64>(),
            SampleType::I64 => bound.boxed::<T, i64>(),
            SampleType::F64 => bound.boxed::<T, f64>(),
            SampleType::F32 => bound.boxed::<T, f32>(),
            // Extremes keep the type.
            _ => bound.boxed::<T, T>(),
        }
    }))
}

/// An accumulation whose types are still to be named.
struct Bound {
    input: RasterInfo,
    output: RasterInfo,
    wanted: Wanted,
    order: Order,
}

impl Bound {
    fn boxed<T: Sample, A: Running>(self) -> Box<dyn Scan> {
        let Bound { input, output, wanted, order } = self;
        Box::new(Accumulation::<T, A> { input, output, wanted, order, types: PhantomData })
    }
}

/// Whether a tile can be accumulated by itself and the row above be put to it afterwards: where grouping does not show.
fn order(info: &RasterInfo, output_type: SampleType, wanted: Wanted) -> Order {
    let grouping_shows = match wanted.combine {
        Combine::Minimum | Combine::Maximum => false,
        _ if output_type.is_float() => true,
        _ if wanted.wraps => false,
        Combine::Product => true,
        // A part of a sum may be out of range where the whole is not.
        Combine::Sum => may_overflow(info, wanted.along),
    };
    match wanted.along {
        Along::X => Order::Independent,
        _ if grouping_shows => Order::Whole,
        _ => Order::LastRow,
    }
}

fn may_overflow(info: &RasterInfo, along: Along) -> bool {
    let count = match along {
        Along::X => info.size.width as u128,
        Along::Y => info.size.height as u128,
        Along::Both => info.size.width as u128 * info.size.height as u128,
    };
    count << (8 * info.sample_type.size()) > 1 << 63
}

impl<T: Sample, A: Running> Accumulation<T, A> {
    /// What leaves a running value as it is.
    fn identity(&self) -> A {
        match self.wanted.combine {
            Combine::Sum => A::lift(0_u8),
            Combine::Product => A::lift(1_u8),
            Combine::Minimum => A::LAST,
            Combine::Maximum => A::FIRST,
        }
    }

    /// The input's samples as running values; those without data as what stands for them.
    fn lift_row(&self, input: &TileView<'_>, band: usize, y: usize, row: &mut [A]) {
        if self.wanted.padded && input.window().y + y as i64 == 0 {
            row.fill(A::lift(0_u8));
            return;
        }
        self.lift_samples(input, band, y, row);
        if self.wanted.padded {
            row[0] = A::lift(0_u8);
        }
    }

    fn lift_samples(&self, input: &TileView<'_>, band: usize, y: usize, row: &mut [A]) {
        let validity = Validity::<T>::new(&self.input, self.wanted.policy);
        let samples = input.row::<T>(band, y);
        if !validity.can_fail() {
            for (value, &sample) in row.iter_mut().zip(samples) {
                *value = A::lift(sample);
            }
            return;
        }
        let missing = if self.wanted.policy == NodataPolicy::Propagate {
            A::from_f64(f64::NAN)
        } else {
            self.identity()
        };
        let mask = input.mask_row(y);
        for (x, (value, &sample)) in row.iter_mut().zip(samples).enumerate() {
            let valid = validity.holds(sample, mask.map_or(1, |mask| mask[x]));
            *value = if valid { A::lift(sample) } else { missing };
        }
    }

    /// Runs a loop with the operation; true where a result was out of range.
    fn run(&self, rows: impl Rows<A>) -> bool {
        match self.wanted.combine {
            Combine::Sum => rows.combine(A::plus),
            Combine::Product => rows.combine(A::times),
            Combine::Minimum => rows.combine(|one, other| (one.lesser(other), false)),
            Combine::Maximum => rows.combine(|one, other| (one.greater(other), false)),
        }
    }

    /// The error of a row whose result is out of range, if it is.
    fn in_range(&self, out: bool, input: &TileView<'_>, y: usize) -> Result<()> {
        if !out || self.wanted.wraps {
            return Ok(());
        }
        Err(Error::limit(format!(
            "a running value of row {} is out of the range of {}; `--type f64` has room for it, `--overflow wrap` goes on modulo 2^64",
            input.window().y + y as i64,
            A::TYPE.name()
        )))
    }

    /// Every row of the output put together with the one above it.
    fn run_down(&self, input: &TileView<'_>, output: &mut TileMut<'_>) -> Result<()> {
        for band in 0..output.bands() {
            for y in 1..output.window().height {
                let (above, row) = output.row_below::<A>(band, y);
                let out = self.run(Below { above, row });
                self.in_range(out, input, y)?;
            }
        }
        Ok(())
    }
}

/// A loop over running values, compiled for every operation.
trait Rows<A> {
    /// Runs it; true where a result was out of range.
    fn combine(self, combine: impl Fn(A, A) -> (A, bool)) -> bool;
}

/// `row` becomes what it is with the row above it put before.
struct Below<'a, A> {
    above: &'a [A],
    row: &'a mut [A],
}

impl<A: Copy> Rows<A> for Below<'_, A> {
    fn combine(self, combine: impl Fn(A, A) -> (A, bool)) -> bool {
        let mut overflow = false;
        for (value, &above) in self.row.iter_mut().zip(self.above) {
            let (sum, out) = combine(above, *value);
            *value = sum;
            overflow |= out;
        }
        overflow
    }
}

/// `above` becomes what it is with the row below put behind it.
struct Above<'a, A> {
    above: &'a mut [A],
    row: &'a [A],
}

impl<A: Copy> Rows<A> for Above<'_, A> {
    fn combine(self, combine: impl Fn(A, A) -> (A, bool)) -> bool {
        let mut overflow = false;
        for (above, &value) in self.above.iter_mut().zip(self.row) {
            let (sum, out) = combine(*above, value);
            *above = sum;
            overflow |= out;
        }
        overflow
    }
}

/// A row accumulated from west to east.
struct Eastward<'a, A> {
    row: &'a mut [A],
}

impl<A: Copy> Rows<A> for Eastward<'_, A> {
    fn combine(self, combine: impl Fn(A, A) -> (A, bool)) -> bool {
        let mut overflow = false;
        let mut values = self.row.iter_mut();
        let Some(mut running) = values.next().map(|first| *first) else { return false };
        for value in values {
            let (sum, out) = combine(running, *value);
            (running, *value) = (sum, sum);
            overflow |= out;
        }
        overflow
    }
}

impl<T: Sample, A: Running> Scan for Accumulation<T, A> {
    fn output(&self) -> &RasterInfo {
        &self.output
    }

    fn order(&self) -> Order {
        self.order
    }

    fn begin(&self, input: &TileView<'_>, output: &mut TileMut<'_>) -> Result<()> {
        for band in 0..output.bands() {
            for y in 0..output.window().height {
                let row = output.row_mut::<A>(band, y);
                self.lift_row(input, band, y, row);
                if self.wanted.along != Along::Y {
                    let out = self.run(Eastward { row });
                    self.in_range(out, input, y)?;
                }
            }
        }
        if self.order == Order::LastRow { self.run_down(input, output) } else { Ok(()) }
    }

    fn carry(&self, output: &TileView<'_>, row: &mut TileMut<'_>) -> Result<()> {
        let last = output.window().height - 1;
        for band in 0..output.bands() {
            let out = self.run(Above { above: row.row_mut(band, 0), row: output.row(band, last) });
            self.in_range(out, output, last)?;
        }
        Ok(())
    }

    fn complete(
        &self,
        above: Option<&TileView<'_>>,
        input: &TileView<'_>,
        output: &mut TileMut<'_>,
    ) -> Result<()> {
        let rows = match self.order {
            Order::Independent => return Ok(()),
            // Each row of the tile is complete but for what lies above the tile.
            Order::LastRow => output.window().height,
            // The first row, from which the others follow.
            Order::Whole => 1,
        };
        for band in 0..output.bands() {
            let Some(above) = above.map(|above| above.row::<A>(band, 0)) else { break };
            for y in 0..rows {
                let out = self.run(Below { above, row: output.row_mut(band, y) });
                self.in_range(out, input, y)?;
            }
        }
        if self.order == Order::Whole { self.run_down(input, output) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use swathe_core::{Parameters, Scalar, Size, TileBuffer, Value, Window};

    use super::*;
    use crate::scan::BoundScan;

    /// Runs a scan over tiles of so many rows, in the way that its order asks for.
    fn scan(scan: &dyn Scan, raster: &TileBuffer, rows: usize) -> Result<TileBuffer> {
        let whole = raster.window();
        let mut all = TileBuffer::new(whole, scan.output().kind());
        let mut above: Option<TileBuffer> = None;
        for y in (0..whole.height).step_by(rows) {
            let window = Window::new(0, y as i64, whole.width, rows.min(whole.height - y));
            let (input, mut tile) =
                (raster.view().crop(window), TileBuffer::new(window, scan.output().kind()));
            scan.begin(&input, &mut tile.view_mut())?;
            let last = Window::new(0, window.y_end() - 1, whole.width, 1);
            let mut carried = above.as_ref().map(|above| {
                let mut copy = TileBuffer::new(above.window(), above.kind());
                copy.view_mut().copy_from(&above.view());
                copy
            });
            if let Some(row) = carried.as_mut().filter(|_| scan.order() == Order::LastRow) {
                scan.carry(&tile.view(), &mut row.view_mut())?;
            }
            let row = above.as_ref().map(TileBuffer::view);
            scan.complete(row.as_ref(), &input, &mut tile.view_mut())?;
            let mut kept = TileBuffer::new(Window::new(0, 0, whole.width, 1), scan.output().kind());
            kept.view_mut().copy_from(&tile.view().crop(last));
            if let Some(carried) = carried.filter(|_| scan.order() == Order::LastRow) {
                assert!(same(&carried, &kept), "what is carried on is not the last row");
            }
            above = Some(kept);
            all.view_mut().part(window, window).copy_from(&tile.view());
        }
        Ok(all)
    }

    fn same(one: &TileBuffer, other: &TileBuffer) -> bool {
        let height = one.window().height;
        (0..one.kind().bands)
            .all(|band| (0..height).all(|y| one.view().row_bytes(band, y) == other.view().row_bytes(band, y)))
    }

    fn raster(sample_type: SampleType) -> (RasterInfo, TileBuffer) {
        let mut info = RasterInfo::new(Size::new(13, 11), 2, sample_type);
        info.nodata = Some(Scalar::Integer(3));
        info.mask = true;
        let mut buffer = TileBuffer::new(Window::whole(info.size), info.kind());
        let mut tile = buffer.view_mut();
        for y in 0..11 {
            for band in 0..2 {
                with_sample!(sample_type, T => {
                    for (x, sample) in tile.row_mut::<T>(band, y).iter_mut().enumerate() {
                        let number = (x * 7 + y * 5 + band * 3) % 17;
                        *sample = T::from_f64(if number == 16 { f64::NAN } else { number as f64 * 1.3 - 8.0 });
                    }
                });
            }
            let mask = tile.mask_row_mut(y).unwrap();
            mask.iter_mut().enumerate().for_each(|(x, flag)| *flag = u8::from((x + y) % 7 != 0));
        }
        (info, buffer)
    }

    fn bound(name: &str, trial: &str, info: &RasterInfo) -> Result<Box<dyn Scan>> {
        let spec = crate::scan::find(name).unwrap();
        let given = trial.split_whitespace().map(|pair| {
            let (name, value) = pair.split_once('=').unwrap();
            (name.to_owned(), Value::Text(value.to_owned()))
        });
        match (spec.bind)(&Parameters::check(spec.parameters, given).unwrap(), info)? {
            BoundScan::Down { scan, .. } => Ok(scan),
            BoundScan::BothWays { .. } => panic!("`{name}` does not only go down"),
        }
    }

    #[test]
    fn rows_of_a_tile_never_show() {
        for spec in ["accumulate", "integral"].map(|name| crate::scan::find(name).unwrap()) {
            for trial in spec.trials {
                for sample_type in SampleType::ALL {
                    let (info, raster) = raster(sample_type);
                    let bound = bound(spec.name, trial, &info).unwrap();
                    let whole = scan(bound.as_ref(), &raster, 11).unwrap();
                    for rows in [1, 2, 5, 10] {
                        let tiled = scan(bound.as_ref(), &raster, rows).unwrap();
                        assert!(same(&tiled, &whole), "{} {trial} of {sample_type:?} by {rows}", spec.name);
                    }
                }
            }
        }
    }

    fn small<T: Sample>(name: &str, trial: &str, rows: &[&[T]]) -> Vec<Vec<f64>> {
        let mut info = RasterInfo::new(Size::new(rows[0].len(), rows.len()), 1, T::TYPE);
        info.nodata = Some(Scalar::Integer(9));
        let mut buffer = TileBuffer::new(Window::whole(info.size), info.kind());
        for (y, row) in rows.iter().enumerate() {
            buffer.view_mut().row_mut::<T>(0, y).copy_from_slice(row);
        }
        let bound = bound(name, trial, &info).unwrap();
        let result = scan(bound.as_ref(), &buffer, 1).unwrap();
        let value = |y, x: usize| with_sample!(bound.output().sample_type, A => Sample::to_f64(result.view().row::<A>(0, y)[x]));
        (0..rows.len()).map(|y| (0..rows[0].len()).map(|x| value(y, x)).collect()).collect()
    }

    #[test]
    fn values_are_numpys() {
        let rows: [&[u8]; 3] = [&[200, 9, 1], &[100, 2, 9], &[255, 4, 5]];
        // numpy.add.accumulate(axis=0) and so on, 9 left out as NaN in nancumsum.
        assert_eq!(small("accumulate", "", &rows), [[200.0, 0.0, 1.0], [300.0, 2.0, 1.0], [555.0, 6.0, 6.0]]);
        assert_eq!(
            small("accumulate", "axis=x nodata=value", &rows),
            [[200.0, 209.0, 210.0], [100.0, 102.0, 111.0], [255.0, 259.0, 264.0]]
        );
        assert_eq!(
            small("accumulate", "op=prod nodata=value", &rows),
            [[200.0, 9.0, 1.0], [20000.0, 18.0, 9.0], [5_100_000.0, 72.0, 45.0]]
        );
        assert_eq!(small("accumulate", "op=min", &rows)[2], [100.0, 2.0, 1.0]);
        assert_eq!(small("accumulate", "op=max axis=x", &rows)[1], [100.0, 100.0, 100.0]);
        assert_eq!(
            small("integral", "nodata=value", &rows),
            [[200.0, 209.0, 210.0], [300.0, 311.0, 321.0], [555.0, 570.0, 585.0]]
        );
        let floats: [&[f32]; 2] = [&[0.1, f32::NAN], &[0.2, 1.0]];
        let sums = small("accumulate", "", &floats);
        assert_eq!(sums[1], [f64::from(0.1_f32) + f64::from(0.2_f32), 1.0]);
        assert!(small("accumulate", "nodata=propagate", &floats)[1][1].is_nan());
        assert!(small("accumulate", "op=min nodata=value", &floats)[1][1].is_nan());
    }

    #[test]
    fn overflow_is_an_error_with_its_row() {
        let info = RasterInfo::new(Size::new(1, 3), 1, SampleType::I64);
        let mut buffer = TileBuffer::new(Window::whole(info.size), info.kind());
        for (y, value) in [i64::MAX, -5, 6].into_iter().enumerate() {
            buffer.view_mut().row_mut::<i64>(0, y)[0] = value;
        }
        let sums = bound("accumulate", "", &info).unwrap();
        for rows in 1..=3 {
            let error = scan(sums.as_ref(), &buffer, rows).unwrap_err();
            assert!(error.to_string().contains("row 2"), "{error}");
        }
        // In range in the end, whatever a part of it would be.
        buffer.view_mut().row_mut::<i64>(0, 2)[0] = 5;
        assert_eq!(scan(sums.as_ref(), &buffer, 2).unwrap().view().row::<i64>(0, 2), [i64::MAX]);
        buffer.view_mut().row_mut::<i64>(0, 2)[0] = 6;
        let wrapping = bound("accumulate", "overflow=wrap", &info).unwrap();
        for rows in 1..=3 {
            let sums = scan(wrapping.as_ref(), &buffer, rows).unwrap();
            assert_eq!(sums.view().row::<i64>(0, 2), [i64::MIN]);
        }
        assert!(bound("accumulate", "op=min type=f64", &info).is_err());
        assert!(bound("accumulate", "nodata=propagate", &info).is_err());
    }
}
