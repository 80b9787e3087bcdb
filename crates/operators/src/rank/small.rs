//! Small windows: a network of comparisons runs over whole rows of keys, a piece of a row at a time.

use std::ops::Range;

use fearless_simd::{Simd, dispatch};
use fearless_simd_macros::simd;
use swathe_core::{Frame, NodataPolicy, ScratchSize, Size, TileMut};

use super::filter::{Band, Method, Settings};
use super::footprint::Footprint;
use super::key::{Key, Keyed, fill_keys, keys_as_they_are, sample_of};
use super::network::{Operand, Program, Step};
use super::selection::select_at;
use crate::simd::level;

/// Most rows of a window.
const GREATEST_HEIGHT: usize = 32;

/// Most pixels of a window.
const GREATEST_COUNT: usize = 169;

/// Bytes that vectors are best aligned to: a vector across two cache lines is stored at a quarter of the speed.
const ALIGNMENT: usize = 64;

/// Bytes that the rows of a network's memory share, so that they stay in the processor's nearest cache.
const MEMORY_BYTES: usize = 24 << 10;

/// Runs a network. Where pixels of the window hold no data, the pixel is computed by selection.
pub(crate) struct Small {
    pub(crate) program: Program,
}

impl Small {
    /// The network for the value at `place` of full windows, where it is faster than histograms: these cost least for
    /// samples of 8 bits, a few times that for 16, and need the tile sorted for others.
    pub(crate) fn suited<T: Keyed>(footprint: &Footprint, place: usize) -> Option<Self> {
        let dearest = match T::TYPE.size() {
            1 => 280,
            2 => 700,
            _ => 1400,
        };
        (footprint.hull.height <= GREATEST_HEIGHT && footprint.count <= GREATEST_COUNT)
            .then(|| Program::for_place(footprint, place))
            .flatten()
            .filter(|program| program.cost <= dearest)
            .map(|program| Small { program })
    }

    /// Columns computed at a time.
    fn piece<K>(&self) -> usize {
        let slots = self.program.slots.max(1);
        (MEMORY_BYTES / size_of::<K>() / slots / 64 * 64).clamp(64, 1024)
    }

    /// From one row of the network's memory to the next: all begin where vectors do.
    fn stride<K>(&self, hull: Size) -> usize {
        (self.piece::<K>() + hull.width).next_multiple_of(ALIGNMENT)
    }

    /// Keys of the network's memory.
    fn memory<K>(&self, hull: Size) -> usize {
        (self.program.slots - hull.height) * self.stride::<K>(hull)
    }
}

impl<T: Keyed> Method<T> for Small {
    fn scratch(&self, size: ScratchSize, settings: &Settings<T>, output: Size) -> ScratchSize {
        let hull = settings.footprint.hull.size();
        let width = output.width + hull.width - 1;
        let converted = if T::TYPE.is_float() { width * hull.height } else { 0 };
        size.with::<T::Key>(converted)
            .with::<T::Key>(self.memory::<T::Key>(hull))
            .with::<T::Key>(settings.footprint.count)
            .with::<u8>(width)
            .with::<u8>(output.width)
    }

    fn nanoseconds(&self, settings: &Settings<T>) -> f64 {
        // Medians of 3 x 3 to 7 x 7: 0.5 to 10 ns in `u8`, 0.9 to 15 ns in `u16`, 2 to 34 ns in `f32`.
        0.1 * (settings.footprint.count * size_of::<T>()) as f64
    }

    fn run(&self, band: &Band<'_, T>, output: &mut TileMut<'_>, scratch: &mut Frame<'_>) {
        let (footprint, made) = (&band.settings.footprint, band.ground.made);
        let hull = footprint.hull.size();
        let (width, (left, top)) = (made.width + hull.width - 1, band.ground.corner);
        let converted = scratch.take::<T::Key>(if T::TYPE.is_float() { width * hull.height } else { 0 });
        let (stride, length) = (self.stride::<T::Key>(hull), self.memory::<T::Key>(hull));
        let memory = scratch.take::<T::Key>(length);
        let taps = scratch.take::<T::Key>(footprint.count);
        let (complete, valid) = (scratch.take::<u8>(width), scratch.take::<u8>(made.width));
        let samples = |y: usize| &band.row(top + y)[left..][..width];
        for y in 0..made.height {
            let mut rows = [&[] as &[T::Key]; GREATEST_HEIGHT];
            if T::TYPE.is_float() {
                let first = if y == 0 { 0 } else { hull.height - 1 };
                for row in y + first..y + hull.height {
                    fill_keys(samples(row), &mut converted[row % hull.height * width..][..width]);
                }
            }
            for (row, keys) in rows[..hull.height].iter_mut().enumerate() {
                let line = || &converted[(y + row) % hull.height * width..][..width];
                *keys = keys_as_they_are(samples(y + row)).unwrap_or_else(line);
            }
            let piece = self.piece::<T::Key>();
            let mut run = Run { program: &self.program, rows: &rows[..hull.height], memory, stride, piece };
            dispatch!(level(), simd => run_row(simd, &mut run, output.row_mut::<T>(band.index, y)));
            if band.ground.flags.is_some() {
                mark_complete(band, y, complete);
                repair(band, y, complete, valid, output.row_mut::<T>(band.index, y), taps);
            }
            band.finish_row(output, y, band.ground.flags.map(|_| &*valid));
        }
    }
}

/// Sets to 1 the columns whose window holds data alone, as far as its hull tells.
fn mark_complete<T: Keyed>(band: &Band<'_, T>, y: usize, complete: &mut [u8]) {
    let (left, top) = band.ground.corner;
    let hull = band.settings.footprint.hull.size();
    complete.fill(1);
    for row in (0..hull.height).filter_map(|row| band.ground.flags_row(y + top + row)) {
        for (complete, &flag) in complete.iter_mut().zip(&row[left..]) {
            *complete &= flag;
        }
    }
    // The shortest of the columns so far, in ever longer runs of them; the last two runs may overlap.
    let mut length = 1;
    while length < hull.width {
        let shift = length.min(hull.width - length);
        for x in 0..complete.len() - shift {
            complete[x] &= complete[x + shift];
        }
        length += shift;
    }
}

/// Computes the pixels whose window is not complete once more, and says which have data.
fn repair<T: Keyed>(
    band: &Band<'_, T>,
    y: usize,
    complete: &[u8],
    valid: &mut [u8],
    row: &mut [T],
    taps: &mut [T::Key],
) {
    let Some(centre) = band.ground.centre_flags(y) else { return };
    for (x, sample) in row.iter_mut().enumerate() {
        valid[x] = centre[x] & (complete[x] | u8::from(band.ground.policy != NodataPolicy::Propagate));
        // The hull may hold pixels that are not of the footprint.
        let rectangle = band.settings.footprint.as_rectangle().is_some();
        if centre[x] == 1 && complete[x] == 0 && (valid[x] == 1 || !rectangle) {
            let value = select_at(band, x, y, true, taps);
            valid[x] = u8::from(value.is_some());
            *sample = value.unwrap_or_default();
        }
    }
}

/// A network at work on one row of windows.
struct Run<'a, K> {
    program: &'a Program,
    rows: &'a [&'a [K]],
    memory: &'a mut [K],
    stride: usize,
    piece: usize,
}

#[simd]
fn run_row<S: Simd, T: Keyed>(_: S, run: &mut Run<'_, T::Key>, output: &mut [T]) {
    let piece = run.piece;
    for (index, output) in output.chunks_mut(piece).enumerate() {
        let x = index * piece;
        for step in &run.program.steps {
            compare_rows(run, step, x, output.len() + step.reach);
        }
        let result = source(run.rows, run.memory, run.stride, run.program.result, x, output.len());
        if T::TYPE.is_float() {
            for (output, &key) in output.iter_mut().zip(result) {
                *output = sample_of(key);
            }
        } else {
            bytemuck::cast_slice_mut::<T, T::Key>(output).copy_from_slice(result);
        }
    }
}

#[inline(always)]
fn source<'a, K: Key>(
    rows: &[&'a [K]],
    memory: &'a [K],
    stride: usize,
    operand: Operand,
    x: usize,
    length: usize,
) -> &'a [K] {
    match operand.slot.checked_sub(rows.len()) {
        None => &rows[operand.slot][x + operand.shift..][..length],
        Some(slot) => &memory[slot * stride + operand.shift..][..length],
    }
}

/// One step of the network on `length` columns from `x` on.
#[inline(always)]
fn compare_rows<K: Key>(run: &mut Run<'_, K>, step: &Step, x: usize, length: usize) {
    let (rows, stride) = (run.rows, run.stride);
    let range = |slot: Option<usize>| -> Range<usize> {
        match slot.and_then(|slot| slot.checked_sub(rows.len())) {
            Some(slot) => slot * stride..(slot + 1) * stride,
            None => 0..0,
        }
    };
    let (one, other) = (step.one, step.other);
    let same = one.slot == other.slot;
    let ranges = [
        range(Some(one.slot)),
        range((!same).then_some(other.slot)),
        range(step.least),
        range(step.greatest),
    ];
    // The compiler of networks gives a row free only after the step that reads it last, so that these are apart.
    let [one_slot, other_slot, least, greatest] =
        run.memory.get_disjoint_mut(ranges).expect("a step writes rows that it does not read");
    let (one_slot, other_slot) = (&*one_slot, if same { &*one_slot } else { &*other_slot });
    let pick = |operand: Operand, slot| -> &[K] {
        if operand.slot < rows.len() {
            &rows[operand.slot][x + operand.shift..][..length]
        } else {
            let slot: &[K] = slot;
            &slot[operand.shift..][..length]
        }
    };
    let (one, other) = (pick(one, one_slot), pick(other, other_slot));
    let (least, greatest) = (least.get_mut(..length), greatest.get_mut(..length));
    // Blocks of 64 bytes: one vector where vectors are widest.
    match size_of::<K>() {
        _ if length < 64 / size_of::<K>() => compare_blocks::<K, 1>(one, other, least, greatest),
        1 => compare_blocks::<K, 64>(one, other, least, greatest),
        2 => compare_blocks::<K, 32>(one, other, least, greatest),
        4 => compare_blocks::<K, 16>(one, other, least, greatest),
        _ => compare_blocks::<K, 8>(one, other, least, greatest),
    }
}

/// Compares two rows, a block of `N` at a time; the lesser and the greater of each pair go where they are wanted. All rows
/// are of the same length.
#[inline(always)]
fn compare_blocks<K: Key, const N: usize>(
    one: &[K],
    other: &[K],
    least: Option<&mut [K]>,
    greatest: Option<&mut [K]>,
) {
    match (least, greatest) {
        (Some(least), Some(greatest)) => {
            for at in starts::<N>(one.len()) {
                let (one, other) = (block::<K, N>(one, at), block::<K, N>(other, at));
                *block_mut::<K, N>(least, at) = lesser(one, other);
                *block_mut::<K, N>(greatest, at) = greater(one, other);
            }
        }
        (Some(least), None) => {
            for at in starts::<N>(one.len()) {
                *block_mut::<K, N>(least, at) = lesser(block::<K, N>(one, at), block(other, at));
            }
        }
        (None, Some(greatest)) => {
            for at in starts::<N>(one.len()) {
                *block_mut::<K, N>(greatest, at) = greater(block::<K, N>(one, at), block(other, at));
            }
        }
        (None, None) => {}
    }
}

/// Where the blocks of a row begin. The last may overlap the one before, where the same pairs give the same.
#[inline(always)]
fn starts<const N: usize>(length: usize) -> impl Iterator<Item = usize> {
    let last = length - N;
    (0..length.div_ceil(N)).map(move |index| (index * N).min(last))
}

/// The lesser of each pair.
#[inline(always)]
fn lesser<K: Key, const N: usize>(one: [K; N], other: [K; N]) -> [K; N] {
    let mut least = one;
    for lane in 0..N {
        least[lane] = one[lane].min(other[lane]);
    }
    least
}

/// The greater of each pair.
#[inline(always)]
fn greater<K: Key, const N: usize>(one: [K; N], other: [K; N]) -> [K; N] {
    let mut greatest = one;
    for lane in 0..N {
        greatest[lane] = one[lane].max(other[lane]);
    }
    greatest
}

/// A copy of `N` keys, so that the compiler need not ask whether rows overlap.
#[inline(always)]
fn block<K: Key, const N: usize>(row: &[K], at: usize) -> [K; N] {
    let keys: &[K; N] = row[at..at + N].try_into().expect("as many as asked for");
    *keys
}

#[inline(always)]
fn block_mut<K: Key, const N: usize>(row: &mut [K], at: usize) -> &mut [K; N] {
    (&mut row[at..at + N]).try_into().expect("as many as asked for")
}
