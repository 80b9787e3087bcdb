//! Samples of 8 and 16 bits: each is its own code.

use fearless_simd::dispatch;
use swathe_core::{Frame, ScratchSize, Size, TileMut};

use super::bins::Code;
use super::lanes::{Counter, LANES};
use super::strips::{Answer, Memory, Plane, Strips, slide, strips};
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
        self.strips.scratch::<T>(size)
    }

    fn run(&self, band: &Band<'_, T>, output: &mut TileMut<'_>, scratch: &mut Frame<'_>) {
        let mut memory = Memory::take::<T>(&self.strips, scratch);
        let plane = Plane { view: band.input, band: band.index };
        for strip in strips(band.ground.made.width) {
            let mut put = |answer: Answer<'_, T, C>| {
                let row = &mut output.row_mut::<T>(band.index, answer.y)[strip.x..][..strip.width];
                row.copy_from_slice(&answer.codes[..strip.width]);
                if band.ground.flags.is_some() {
                    let valid: [u8; LANES] =
                        std::array::from_fn(|lane| u8::from(answer.ends[lane] > C::default()));
                    band.finish_part(output, answer.y, strip.x, &valid[..strip.width]);
                } else {
                    mark_all_valid(output, answer.y, strip.x, strip.width);
                }
            };
            let (strips, ground) = (&self.strips, &band.ground);
            dispatch!(level(), simd => slide(simd, strips, ground, plane, strip, &mut memory, &mut put));
        }
    }
}
