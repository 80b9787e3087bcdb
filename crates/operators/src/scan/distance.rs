//! Exact distances to the nearest target by two sweeps: the rows above and below a tile tell how far a target is in each
//! column, and each row takes the least over its columns.

use std::marker::PhantomData;

use swathe_core::{
    BothWays, Error, NodataPolicy, RasterInfo, Result, Sample, SampleType, Scalar, Size, TileMut, TileView,
    Validity, fill_value, with_sample,
};

use super::envelope::{Envelope, Metric};

/// What distances are wanted.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) metric: Metric,
    pub(super) targets: Targets,
    /// Width and height of a pixel; 1 where distances are in pixels.
    pub(super) pixel: [f64; 2],
    pub(super) greatest: Option<f64>,
    pub(super) policy: NodataPolicy,
}

/// Which pixels are targets.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Targets {
    Zero,
    Nonzero,
    /// Those of one of these values.
    Values(Vec<f64>),
}

/// The longest side of a raster: squares of distances are whole numbers in `f64`, and quotients of them exact to the floor.
const LONGEST_SIDE: usize = 1 << 24;

/// No target in this column, or not yet.
const NONE: u32 = u32::MAX;

/// Binds a distance transform to a raster.
pub(super) fn bind(info: &RasterInfo, output_type: SampleType, wanted: Wanted) -> Result<Box<dyn BothWays>> {
    if info.size.width.max(info.size.height) > LONGEST_SIDE {
        return Err(Error::unsupported(format!(
            "distances are exact for sides of up to {LONGEST_SIDE} pixels, and the raster has {}",
            info.size
        )));
    }
    let mut output = info.clone();
    output.sample_type = output_type;
    output.mask = false;
    output.nodata = Some(Scalar::Float(f64::NAN));
    Ok(with_sample!(info.sample_type, T => {
        let values = match &wanted.targets {
            Targets::Values(values) => {
                values.iter().filter_map(|&value| T::from_scalar(Scalar::Float(value))).collect()
            }
            Targets::Zero | Targets::Nonzero => vec![T::default()],
        };
        let (input, nonzero) = (info.clone(), wanted.targets == Targets::Nonzero);
        match output_type {
            SampleType::F64 => Box::new(Distance::<T, f64> { input, output, wanted, values, nonzero, made: PhantomData }),
            _ => Box::new(Distance::<T, f32> { input, output, wanted, values, nonzero, made: PhantomData }),
        }
    }))
}

/// Distances of type `A` in a raster of samples of type `T`.
struct Distance<T, A> {
    input: RasterInfo,
    output: RasterInfo,
    wanted: Wanted,
    values: Vec<T>,
    /// Whether targets are all but `values`.
    nonzero: bool,
    made: PhantomData<fn() -> A>,
}

/// The memory of a tile, cut up.
struct Work<'a> {
    /// For every band and column: rows from the tile's first row down to the first target, or from the last row up.
    ends: &'a mut [u32],
    /// For every band and column: rows from the row above the tile up to a target.
    above: &'a mut [u32],
    /// Rows to the nearest target of each column, for every row of a band.
    columns: &'a mut [u32],
    flags: &'a mut [u8],
    targets: &'a mut [u8],
    envelope: &'a mut [u64],
}

fn halves(count: usize) -> usize {
    count.div_ceil(2)
}

impl<T: Sample, A: Sample> Distance<T, A> {
    fn width(&self) -> usize {
        self.input.size.width
    }

    fn columns(&self) -> usize {
        self.input.size.width * self.input.bands
    }

    fn work<'a>(&self, height: usize, work: &'a mut [u64]) -> Work<'a> {
        let width = self.width();
        let (ends, rest) = work.split_at_mut(halves(self.columns()));
        let (above, rest) = rest.split_at_mut(halves(self.columns()));
        let (columns, rest) = rest.split_at_mut(halves(width * height));
        let (flags, rest) = rest.split_at_mut(width.div_ceil(size_of::<u64>()));
        let (targets, envelope) = rest.split_at_mut(width.div_ceil(size_of::<u64>()));
        Work {
            ends: &mut bytemuck::cast_slice_mut(ends)[..self.columns()],
            above: &mut bytemuck::cast_slice_mut(above)[..self.columns()],
            columns: &mut bytemuck::cast_slice_mut(columns)[..width * height],
            flags: &mut bytemuck::cast_slice_mut(flags)[..width],
            targets: &mut bytemuck::cast_slice_mut(targets)[..width],
            envelope,
        }
    }

    fn validity(&self) -> Validity<T> {
        Validity::new(&self.input, self.wanted.policy)
    }

    /// 1 for targets.
    fn fill_targets(
        &self,
        input: &TileView<'_>,
        band: usize,
        y: usize,
        flags: &mut [u8],
        targets: &mut [u8],
    ) {
        let samples = input.row::<T>(band, y);
        match self.values.as_slice() {
            &[value] => {
                for (target, &sample) in targets.iter_mut().zip(samples) {
                    *target = u8::from(sample == value) ^ u8::from(self.nonzero);
                }
            }
            values => {
                for (target, sample) in targets.iter_mut().zip(samples) {
                    *target = u8::from(values.contains(sample));
                }
            }
        }
        if self.validity().can_fail() {
            self.validity().fill_row(input, band, y, flags);
            for (target, &flag) in targets.iter_mut().zip(&*flags) {
                *target &= flag;
            }
        }
    }

    /// For every band and column: how many rows a target is from the last of `rows`, as far as these go.
    fn fill_ends(&self, input: &TileView<'_>, rows: impl Iterator<Item = usize> + Clone, work: Work<'_>) {
        for (band, ends) in work.ends.chunks_exact_mut(self.width()).enumerate() {
            ends.fill(NONE);
            for y in rows.clone() {
                self.fill_targets(input, band, y, work.flags, work.targets);
                for (end, &target) in ends.iter_mut().zip(&*work.targets) {
                    *end = if target != 0 { 0 } else { further(*end, 1) };
                }
            }
        }
    }

    /// Puts the distances of a band's columns into `columns`: from the rows above, and from the note about those below.
    fn fill_columns(&self, note: &[u32], input: &TileView<'_>, band: usize, work: &mut Work<'_>) {
        let (width, height) = (self.width(), input.window().height);
        let of_band = band * width..(band + 1) * width;
        for y in 0..height {
            self.fill_targets(input, band, y, work.flags, work.targets);
            let (before, rows) = work.columns.split_at_mut(y * width);
            let above = if y == 0 { &work.above[of_band.clone()] } else { &before[(y - 1) * width..] };
            for ((row, &above), &target) in rows[..width].iter_mut().zip(above).zip(&*work.targets) {
                *row = if target != 0 { 0 } else { further(above, 1) };
            }
        }
        for (row, &below) in work.columns[(height - 1) * width..].iter_mut().zip(&note[of_band]) {
            *row = (*row).min(below);
        }
        for y in (0..height - 1).rev() {
            let (rows, below) = work.columns.split_at_mut((y + 1) * width);
            for (row, &below) in rows[y * width..].iter_mut().zip(&below[..width]) {
                *row = (*row).min(further(below, 1));
            }
        }
    }

    /// The rows that a target is away in each column, once those of the tile are known: `handed` of them lie behind.
    fn hand_on(&self, ends: &[u32], height: usize, handed: &mut [u64]) {
        for (handed, &end) in handed.iter_mut().zip(ends) {
            let behind = further(*handed as u32, height as u32);
            *handed = u64::from(end.min(behind));
        }
    }
}

/// `rows` further away, where there is a target.
fn further(distance: u32, rows: u32) -> u32 {
    distance.saturating_add(rows)
}

impl<T: Sample, A: Sample> BothWays for Distance<T, A> {
    fn output(&self) -> &RasterInfo {
        &self.output
    }

    fn handed_words(&self) -> usize {
        self.columns()
    }

    fn note_length(&self) -> usize {
        self.columns()
    }

    fn work_words(&self, tile: Size) -> usize {
        let width = self.width();
        2 * halves(self.columns())
            + halves(width.saturating_mul(tile.height))
            + 2 * width.div_ceil(size_of::<u64>())
            + Envelope::words(width)
    }

    fn start(&self, handed: &mut [u64]) {
        handed.fill(u64::from(NONE));
    }

    fn look(&self, input: &TileView<'_>, work: &mut [u64]) -> Result<()> {
        let height = input.window().height;
        self.fill_ends(input, (0..height).rev(), self.work(height, work));
        Ok(())
    }

    fn hand_up(
        &self,
        input: &TileView<'_>,
        work: &mut [u64],
        handed: &mut [u64],
        note: &mut [u32],
    ) -> Result<()> {
        let height = input.window().height;
        let work = self.work(height, work);
        for (note, &below) in note.iter_mut().zip(&*handed) {
            *note = further(below as u32, 1);
        }
        self.hand_on(work.ends, height, handed);
        Ok(())
    }

    fn begin(
        &self,
        _note: &[u32],
        input: &TileView<'_>,
        _output: &mut TileMut<'_>,
        work: &mut [u64],
    ) -> Result<()> {
        let height = input.window().height;
        self.fill_ends(input, 0..height, self.work(height, work));
        Ok(())
    }

    fn hand_down(
        &self,
        input: &TileView<'_>,
        _output: &TileView<'_>,
        work: &mut [u64],
        handed: &mut [u64],
    ) -> Result<()> {
        let height = input.window().height;
        let work = self.work(height, work);
        for (above, &handed) in work.above.iter_mut().zip(&*handed) {
            *above = handed as u32;
        }
        self.hand_on(work.ends, height, handed);
        Ok(())
    }

    fn complete(
        &self,
        note: &[u32],
        input: &TileView<'_>,
        output: &mut TileMut<'_>,
        work: &mut [u64],
    ) -> Result<()> {
        let (width, height) = (self.width(), input.window().height);
        let mut work = self.work(height, work);
        let none = fill_value::<A>(&self.output);
        let checked = self.validity().can_fail();
        for band in 0..output.bands() {
            self.fill_columns(note, input, band, &mut work);
            for y in 0..height {
                let mut envelope = Envelope::over(work.envelope, width);
                let columns = &work.columns[y * width..(y + 1) * width];
                let distances = envelope.distances(self.wanted.metric, columns, self.wanted.pixel);
                let row = output.row_mut::<A>(band, y);
                for (out, &distance) in row.iter_mut().zip(distances) {
                    let near = self.wanted.greatest.is_none_or(|greatest| distance <= greatest);
                    *out = if near && distance < f64::INFINITY { A::from_f64(distance) } else { none };
                }
                if checked {
                    self.validity().fill_row(input, band, y, work.flags);
                    for (out, &flag) in row.iter_mut().zip(&*work.flags) {
                        *out = if flag == 0 { none } else { *out };
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
