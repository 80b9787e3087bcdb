//! Samples of 8 bits: each is its own code.

use std::ops::Range;

use fearless_simd::dispatch;
use swathe_core::{Frame, ScratchSize, Size, TileMut};

use super::bins::Code;
use super::lanes::{Counter, LANES};
use super::strips::{Answer, LowKind, Memory, NoBins, Plane, Strips, slide, strips};
use crate::rank::filter::{Band, Method, Settings};
use crate::rank::key::Keyed;
use crate::rows::mark_all_valid;
use crate::simd::level;

/// Counts the samples themselves.
pub(crate) struct Narrow<C> {
    pub(crate) strips: Strips<C>,
}

impl<T: Keyed + Code, C: Counter> Method<T> for Narrow<C> {
    fn scratch(&self, size: ScratchSize, _: &Settings<T>, _: Size) -> ScratchSize {
        self.strips.scratch::<T, NoBins>(size)
    }

    fn run(&self, band: &Band<'_, T>, output: &mut TileMut<'_>, scratch: &mut Frame<'_>) {
        let plane = Plane { view: band.input, band: band.index };
        let memory = Memory::take(0, scratch);
        let part = (plane, 0..band.ground.made.width);
        put_strips::<T, T, C, NoBins>(&self.strips, band, part, output, memory, |sample| sample);
    }
}

/// Runs down the strips of some columns of a plane of codes, one code for each value, and puts out the samples that were found.
pub(crate) fn put_strips<T: Keyed, X: Code, C: Counter, L: LowKind<X, C>>(
    strips_of: &Strips<C>,
    band: &Band<'_, T>,
    (plane, columns): (Plane<'_>, Range<usize>),
    output: &mut TileMut<'_>,
    mut memory: Memory<'_, C>,
    sample_of: impl Fn(X) -> T,
) {
    for strip in strips(columns) {
        let mut put = |answer: Answer<'_, X, C>| {
            let row = &mut output.row_mut::<T>(band.index, answer.y)[strip.x..][..strip.width];
            for (sample, &code) in row.iter_mut().zip(answer.codes) {
                *sample = sample_of(code);
            }
            if band.ground.flags.is_some() {
                let valid: [u8; LANES] =
                    std::array::from_fn(|lane| u8::from(answer.ends[lane] > C::default()));
                band.finish_part(output, answer.y, strip.x, &valid[..strip.width]);
            } else {
                mark_all_valid(output, answer.y, strip.x, strip.width);
            }
        };
        let ground = &band.ground;
        dispatch!(level(), simd => slide::<_, X, C, L>(simd, strips_of, ground, plane, strip, &mut memory, &mut put));
    }
}
