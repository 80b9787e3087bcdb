//! Resizing by choosing one of the pixels that an output pixel covers: the most frequent, the least, the middle one.

use std::cmp::Ordering;
use std::ops::Range;

use fearless_simd::{Simd, dispatch};
use fearless_simd_macros::simd;
use swathe_core::{
    Edge, Frame, Halo, NodataPolicy, Operator, RasterInfo, Result, Sample, ScratchSize, Size, TileMut,
    TileView, Validity, Window, fill_value, with_sample,
};

use super::axis::{Axis, Kernel};
use crate::rows::{clear_mask, mark_valid};
use crate::simd::level;

/// Which of the values under an output pixel is chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Choice {
    /// The most frequent one; of several the one that reached that count first, row after row.
    Mode,
    /// The least one, or the one that this share of all is not above: 0 = the least, 1 = the greatest.
    Quantile(f64),
}

/// What is resized, to what, and how.
pub(super) struct Plan {
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) choice: Choice,
    pub(super) policy: NodataPolicy,
    pub(super) output: RasterInfo,
}

impl Plan {
    /// The operator.
    pub(super) fn bind(self, input: &RasterInfo) -> Box<dyn Operator> {
        with_sample!(input.sample_type, T => {
            let (validity, fill) = (Validity::<T>::new(input, self.policy), fill_value::<T>(&self.output));
            Box::new(Choose { validity, fill, plan: self })
        })
    }
}

struct Choose<T> {
    plan: Plan,
    validity: Validity<T>,
    fill: T,
}

/// A value's bits, and where among the values it stands.
type Place = [u64; 2];

/// Up to so many values the frequencies are counted pair by pair: each value against all at once.
const FEW: usize = 32;

impl<T: Sample> Choose<T> {
    /// Gathers the valid values of a band under an output pixel; returns how many there are, of all.
    fn gather(
        &self,
        (view, band): (&TileView<'_>, usize),
        columns: Range<usize>,
        rows: Range<usize>,
        values: &mut [T],
    ) -> (usize, usize) {
        let mut count = 0;
        for y in rows.clone() {
            let row = &view.row::<T>(band, y)[columns.clone()];
            let mask = view.mask_row(y).map(|mask| &mask[columns.clone()]);
            for (x, &sample) in row.iter().enumerate() {
                // Written always and kept if valid, so that nothing branches.
                values[count] = sample;
                count += usize::from(self.validity.holds(sample, mask.map_or(u8::MAX, |mask| mask[x])));
            }
        }
        (count, columns.len() * rows.len())
    }

    fn choose(&self, values: &mut [T], places: &mut [Place]) -> T {
        match self.plan.choice {
            Choice::Mode if values.len() <= FEW => most_frequent_of_few(values),
            Choice::Mode => most_frequent(values, places),
            Choice::Quantile(share) => {
                let rank = ((values.len() as f64 * share).ceil() as usize).saturating_sub(1);
                *values.select_nth_unstable_by(rank, order).1
            }
        }
    }

    fn most_values(&self) -> usize {
        self.plan.x.most_covered().saturating_mul(self.plan.y.most_covered())
    }

    fn most_places(&self) -> usize {
        if self.plan.choice == Choice::Mode { self.most_values() } else { 0 }
    }
}

/// The order of numbers, with `NaN` above all.
fn order<T: Sample>(one: &T, other: &T) -> Ordering {
    one.partial_cmp(other).unwrap_or_else(|| one.is_nan().cmp(&other.is_nan()))
}

/// What equal values have in common: their bits, but for the sign of 0.
fn bits<T: Sample>(value: T) -> u64 {
    if value == T::default() {
        return 0;
    }
    let mut bits = [0; 8];
    let bytes = bytemuck::bytes_of(&value);
    bits[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(bits)
}

fn most_frequent_of_few<T: Sample>(values: &[T]) -> T {
    let at = match size_of::<T>() {
        1 | 2 => place_of_mode::<T, u16>(values, |bits| bits as u16),
        4 => place_of_mode::<T, u32>(values, |bits| bits as u32),
        _ => place_of_mode::<T, u64>(values, |bits| bits),
    };
    values[at]
}

/// A number that values are told apart by, and that counts them.
trait Key: Copy + Default + PartialEq + PartialOrd + std::ops::Add<Output = Self> + From<bool> {}

impl<K: Copy + Default + PartialEq + PartialOrd + std::ops::Add<Output = Self> + From<bool>> Key for K {}

fn place_of_mode<T: Sample, K: Key>(values: &[T], key: fn(u64) -> K) -> usize {
    let mut keys = [K::default(); FEW];
    for (to, &value) in keys.iter_mut().zip(values) {
        *to = key(bits(value));
    }
    dispatch!(level(), simd => count(simd, &keys, values.len()))
}

/// The place among the first `length` keys where the greatest count is reached first.
#[simd]
fn count<S: Simd, K: Key>(_: S, keys: &[K; FEW], length: usize) -> usize {
    let (mut seen, mut most, mut place) = ([K::default(); FEW], K::default(), 0);
    for i in 0..length.min(FEW) {
        let key = keys[i];
        for j in 0..FEW {
            seen[j] = seen[j] + K::from(keys[j] == key);
        }
        if seen[i] > most {
            (most, place) = (seen[i], i);
        }
    }
    place
}

/// As [`most_frequent_of_few`], by sorting: of two values that occur equally often, the one whose last occurrence comes
/// first reached its count first.
fn most_frequent<T: Sample>(values: &[T], places: &mut [Place]) -> T {
    let places = &mut places[..values.len()];
    for (at, (place, &value)) in places.iter_mut().zip(values).enumerate() {
        *place = [bits(value), at as u64];
    }
    places.sort_unstable();
    let (mut most, mut last) = (0, 0);
    for run in places.chunk_by(|one, next| one[0] == next[0]) {
        let end = run[run.len() - 1][1];
        if run.len() > most || run.len() == most && end < last {
            (most, last) = (run.len(), end);
        }
    }
    values[last as usize]
}

impl<T: Sample> Operator for Choose<T> {
    fn output(&self) -> &RasterInfo {
        &self.plan.output
    }

    fn need(&self, _input: usize, output: Window) -> Window {
        let Plan { x, y, .. } = &self.plan;
        let columns = x.need(output.x as usize, output.x_end() as usize, Kernel::Area);
        let rows = y.need(output.y as usize, output.y_end() as usize, Kernel::Area);
        Window::new(columns.start as i64, rows.start as i64, columns.len(), rows.len())
    }

    fn edge(&self, _input: usize) -> Edge {
        Edge::Clip
    }

    fn scratch_bytes(&self, output: Size) -> usize {
        ScratchSize::new()
            .with::<T>(self.most_values() + 1)
            .with::<Place>(self.most_places())
            .with::<u8>(output.width)
            .bytes()
    }

    fn process(
        &self,
        inputs: &[TileView<'_>],
        output: &mut TileMut<'_>,
        scratch: &mut Frame<'_>,
    ) -> Result<()> {
        let (view, window) = (&inputs[0], output.window());
        let values = scratch.take::<T>(self.most_values() + 1);
        let places = scratch.take::<Place>(self.most_places());
        let flags = scratch.take::<u8>(window.width);
        let seen = |range: Range<usize>, start: i64| range.start - start as usize..range.end - start as usize;
        clear_mask(output);
        for band in 0..output.bands() {
            for y in 0..window.height {
                let rows = seen(self.plan.y.covered(window.y as usize + y), view.window().y);
                let line = output.row_mut::<T>(band, y);
                for (x, (sample, flag)) in line.iter_mut().zip(flags.iter_mut()).enumerate() {
                    let columns = seen(self.plan.x.covered(window.x as usize + x), view.window().x);
                    let (count, all) = self.gather((view, band), columns, rows.clone(), values);
                    let enough = count == all || self.plan.policy != NodataPolicy::Propagate && count > 0;
                    *flag = u8::from(enough);
                    *sample = if enough { self.choose(&mut values[..count], places) } else { self.fill };
                }
                mark_valid(output, y, 0, flags);
            }
        }
        Ok(())
    }

    fn halo(&self) -> Halo {
        Halo::NONE
    }
}
