//! Sums of products of a chip with every window of a search area.
//!
//! By Fourier transforms, both rasters in one complex transform, which costs the same for any chip of a search area; sums of
//! integers are rounded to what they must be, so that neither the transform's length nor the CPU's instructions show. Where
//! rounding might not find the right integer, each sum is added up by itself.

use std::sync::Arc;

use fearless_simd::{Simd, dispatch};
use fearless_simd_macros::simd;
use num_complex::Complex;
use rustfft::{Fft, FftPlanner};
use swathe_core::{Frame, ScratchSize, Size};

use crate::simd::level;
use crate::transform::registration::fast_length;

/// Values row by row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patch<'a> {
    pub(super) values: &'a [f64],
    pub(super) size: Size,
}

impl<'a> Patch<'a> {
    pub(super) fn row(&self, y: usize) -> &'a [f64] {
        &self.values[y * self.size.width..][..self.size.width]
    }

    fn norm(&self) -> f64 {
        dispatch!(level(), simd => energy(simd, self.values)).sqrt()
    }
}

/// What is known of the values, which decides how their products are added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numbers {
    /// All are integers.
    Whole,
    /// No window is so dark that the errors of a transform of its surroundings would show.
    Steady,
    /// Nothing.
    Any,
}

/// Errors of transforms in units of `log2(length^2)` roundings: rather more than less (measured: a hundredth).
const ROUNDINGS: f64 = 16.0;
/// The error from which on rounding to integers might find the wrong one.
const LEAST_SURE: f64 = 0.25;

/// Adds up products; plans and lengths are settled when it is made.
pub(super) struct Products {
    length: usize,
    forward: Arc<dyn Fft<f64>>,
    inverse: Arc<dyn Fft<f64>>,
}

/// Work space of [`Products`].
pub(super) struct Work<'a> {
    plane: &'a mut [Complex<f64>],
    turned: &'a mut [Complex<f64>],
    fft: &'a mut [Complex<f64>],
}

impl Products {
    /// For search areas of up to so many columns and rows.
    pub(super) fn new(side: usize) -> Self {
        let length = fast_length(side);
        let mut planner = FftPlanner::new();
        Products {
            length,
            forward: planner.plan_fft_forward(length),
            inverse: planner.plan_fft_inverse(length),
        }
    }

    fn work_length(&self) -> usize {
        self.forward.get_inplace_scratch_len().max(self.inverse.get_inplace_scratch_len())
    }

    pub(super) fn scratch(&self, size: ScratchSize) -> ScratchSize {
        let plane = self.length * self.length;
        size.with::<Complex<f64>>(plane).with::<Complex<f64>>(plane).with::<Complex<f64>>(self.work_length())
    }

    pub(super) fn take<'a>(&self, scratch: &mut Frame<'a>) -> Work<'a> {
        let plane = self.length * self.length;
        Work {
            plane: scratch.take(plane),
            turned: scratch.take(plane),
            fft: scratch.take(self.work_length()),
        }
    }

    /// The sum of products of the chip with the window of the area that begins at each place, row by row. `sums` has a
    /// number for each place where the whole chip lies in the area.
    pub(super) fn correlate(
        &self,
        numbers: Numbers,
        chip: Patch<'_>,
        area: Patch<'_>,
        work: &mut Work<'_>,
        sums: &mut [f64],
    ) {
        let (one, other) = (chip.norm(), area.norm());
        if one == 0.0 || other == 0.0 {
            sums.fill(0.0);
            return;
        }
        let roundings = ROUNDINGS * 2.0 * libm::log2(self.length as f64);
        let error = f64::EPSILON / 2.0 * roundings * one * other;
        match numbers {
            Numbers::Whole if error < LEAST_SURE => {
                self.transform(chip, area, other / one, work, sums);
                sums.iter_mut().for_each(|sum| *sum = sum.round());
            }
            Numbers::Steady => self.transform(chip, area, other / one, work, sums),
            _ => dispatch!(level(), simd => add(simd, chip, area, sums)),
        }
    }

    /// By transforms: of `chip * scale + i area`, which are told apart afterwards.
    fn transform(&self, chip: Patch<'_>, area: Patch<'_>, ratio: f64, work: &mut Work<'_>, sums: &mut [f64]) {
        let n = self.length;
        let Work { plane, turned, fft } = work;
        // A power of two changes no digit; with it both parts are about as large, so that neither is lost in the other.
        let scale = libm::exp2(libm::log2(ratio).round());
        for (y, row) in plane.chunks_exact_mut(n).enumerate() {
            row.fill(Complex::default());
            if y < chip.size.height {
                row.iter_mut().zip(chip.row(y)).for_each(|(number, &value)| number.re = value * scale);
            }
            if y < area.size.height {
                row.iter_mut().zip(area.row(y)).for_each(|(number, &value)| number.im = value);
            }
        }
        let rows = area.size.height;
        self.forward.process_with_scratch(&mut plane[..rows * n], fft);
        turn(plane, turned, n, n);
        self.forward.process_with_scratch(turned, fft);
        // conj(F) G of real f and g from Z = F + i G: F = (Z(k) + conj Z(-k)) / 2, G = (Z(k) - conj Z(-k)) / 2i.
        let factor = 0.25 / (scale * (n * n) as f64);
        for x in 0..n {
            let opposite_x = (n - x) % n;
            for y in 0..n {
                let (here, there) = (turned[x * n + y], turned[opposite_x * n + (n - y) % n].conj());
                let (chip, area) = (here + there, here - there);
                // Divided by i.
                plane[x * n + y] = chip.conj() * Complex::new(area.im, -area.re) * factor;
            }
        }
        self.inverse.process_with_scratch(plane, fft);
        let (columns, rows) = places(chip.size, area.size);
        turn(plane, turned, n, rows);
        self.inverse.process_with_scratch(&mut turned[..rows * n], fft);
        for (y, sums) in sums.chunks_exact_mut(columns).enumerate() {
            let row = &turned[y * n..][..columns];
            sums.iter_mut().zip(row).for_each(|(sum, number)| *sum = number.re);
        }
    }
}

/// How many places there are across and down for a chip in an area.
pub(super) const fn places(chip: Size, area: Size) -> (usize, usize) {
    ((area.width + 1).saturating_sub(chip.width), (area.height + 1).saturating_sub(chip.height))
}

/// Writes the first columns of a square as rows.
fn turn(from: &[Complex<f64>], to: &mut [Complex<f64>], n: usize, columns: usize) {
    const BLOCK: usize = 8;
    for first in (0..columns).step_by(BLOCK) {
        for y in 0..n {
            for x in first..(first + BLOCK).min(columns) {
                to[x * n + y] = from[y * n + x];
            }
        }
    }
}

#[simd]
fn energy<S: Simd>(_: S, values: &[f64]) -> f64 {
    // Lanes that do not wait for each other, the same on every CPU.
    let mut lanes = [0.0; 16];
    let (whole, rest) = values.as_chunks::<16>();
    for chunk in whole {
        let chunk = *chunk;
        for lane in 0..16 {
            lanes[lane] += chunk[lane] * chunk[lane];
        }
    }
    lanes.iter().sum::<f64>() + rest.iter().map(|value| value * value).sum::<f64>()
}

/// Places whose sums are added side by side.
const TOGETHER: usize = 16;

/// Each sum by itself, in the order of the chip's pixels.
#[simd]
fn add<S: Simd>(_: S, chip: Patch<'_>, area: Patch<'_>, sums: &mut [f64]) {
    let (columns, rows) = places(chip.size, area.size);
    for y in 0..rows {
        let sums = &mut sums[y * columns..][..columns];
        let mut first = 0;
        while first < columns {
            let count = TOGETHER.min(columns - first);
            let mut lanes = [0.0; TOGETHER];
            for row in 0..chip.size.height {
                let (weights, values) = (chip.row(row), &area.row(y + row)[first..]);
                if count == TOGETHER {
                    for (x, &weight) in weights.iter().enumerate() {
                        let Some(values) = values[x..].first_chunk::<TOGETHER>() else { break };
                        let values = *values;
                        for lane in 0..TOGETHER {
                            lanes[lane] += weight * values[lane];
                        }
                    }
                } else {
                    for (x, &weight) in weights.iter().enumerate() {
                        for lane in 0..count {
                            lanes[lane] += weight * values[x + lane];
                        }
                    }
                }
            }
            sums[first..first + count].copy_from_slice(&lanes[..count]);
            first += count;
        }
    }
}

#[cfg(test)]
mod tests {
    use swathe_core::Scratch;

    use super::*;
    use crate::trial::Random;

    fn values(random: &mut Random, count: usize, bits: u32) -> Vec<f64> {
        (0..count).map(|_| (random.next() >> (64 - bits)) as f64 - f64::from(1_u32 << (bits - 1))).collect()
    }

    fn sums(numbers: Numbers, chip: (&[f64], Size), area: (&[f64], Size)) -> Vec<f64> {
        let products = Products::new(area.1.width.max(area.1.height));
        let mut scratch = Scratch::with_capacity(products.scratch(ScratchSize::new()).bytes());
        let mut work = products.take(&mut scratch.frame());
        let (columns, rows) = places(chip.1, area.1);
        let mut sums = vec![f64::NAN; columns * rows];
        let patch = |(values, size)| Patch { values, size };
        products.correlate(numbers, patch(chip), patch(area), &mut work, &mut sums);
        sums
    }

    fn plainly(chip: (&[f64], Size), area: (&[f64], Size)) -> Vec<f64> {
        let (columns, rows) = places(chip.1, area.1);
        let at = |dx: usize, dy: usize| {
            let products = (0..chip.1.height).flat_map(|y| (0..chip.1.width).map(move |x| (x, y)));
            products
                .map(|(x, y)| chip.0[y * chip.1.width + x] * area.0[(y + dy) * area.1.width + x + dx])
                .sum()
        };
        (0..rows).flat_map(|dy| (0..columns).map(move |dx| (dx, dy))).map(|(dx, dy)| at(dx, dy)).collect()
    }

    #[test]
    fn integers_are_exact_by_either_way() {
        let mut random = Random(7);
        for (chip, area, bits) in [
            (Size::new(5, 5), Size::new(5, 5), 16),
            (Size::new(16, 16), Size::new(40, 33), 16),
            (Size::new(64, 64), Size::new(104, 104), 17),
        ] {
            let one = values(&mut random, chip.pixels(), bits);
            let other = values(&mut random, area.pixels(), bits);
            let expected = plainly((&one, chip), (&other, area));
            for numbers in [Numbers::Whole, Numbers::Any] {
                assert_eq!(
                    sums(numbers, (&one, chip), (&other, area)),
                    expected,
                    "{chip} in {area}, {numbers:?}"
                );
            }
            let scale = one.iter().map(|v| v * v).sum::<f64>().sqrt()
                * other.iter().map(|v| v * v).sum::<f64>().sqrt();
            for (found, expected) in sums(Numbers::Steady, (&one, chip), (&other, area)).iter().zip(&expected)
            {
                assert!((found - expected).abs() < 1e-14 * scale, "{found} is not {expected}");
            }
        }
    }

    #[test]
    fn nothing_times_anything_is_nothing() {
        let size = Size::new(4, 4);
        assert_eq!(sums(Numbers::Whole, (&[0.0; 16], size), (&[3.0; 64], Size::new(8, 8))), [0.0; 25]);
    }
}
