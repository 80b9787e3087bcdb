//! Samples of 32 and 64 bits: the pixels of the tile are sorted, and their place in that order, in 16 bits, is their code.
//!
//! Where a tile has more than 65,536 pixels several of them share a code; which one is meant is found among those few.

use fearless_simd::dispatch;
use swathe_core::{Frame, Sample, ScratchSize, Size, TileMut, Window};

use super::lanes::{Counter, LANES};
use super::open::{Open, OpenBins};
use super::strips::{Answer, LowBins, Memory, Plane, Strips, slide, strips};
use crate::rank::filter::{Band, Method, Settings};
use crate::rank::key::{Keyed, key_of, sample_of};
use crate::rows::mark_all_valid;
use crate::simd::level;

/// Different codes.
const CODES: usize = 1 << 16;

/// Samples of any type.
pub(crate) struct Wide<C> {
    pub(crate) strips: Strips<C>,
}

impl<T: Keyed, C: Counter> Method<T> for Wide<C> {
    fn scratch(&self, size: ScratchSize, settings: &Settings<T>, output: Size) -> ScratchSize {
        let pixels = settings.footprint.need_with_centre(Window::whole(output)).size().pixels();
        self.strips.scratch::<Open>(size.with::<[T::Key; 2]>(pixels).with::<u16>(pixels))
    }

    fn run(&self, band: &Band<'_, T>, output: &mut TileMut<'_>, scratch: &mut Frame<'_>) {
        let size = band.input.window().size();
        let sorted = sort(band, scratch.take::<[T::Key; 2]>(size.pixels()));
        let codes = scratch.take::<u16>(size.pixels());
        let share = sorted.len().div_ceil(CODES).max(1);
        for (code, pixels) in sorted.chunks(share).enumerate() {
            for pixel in pixels {
                codes[place_of(*pixel)] = code as u16;
            }
        }
        let plane = Plane::of_codes(band.input.window(), codes);
        let mut memory = Memory::take(&self.strips, OpenBins::<C>::LANES, scratch);
        for strip in strips(0..band.ground.made.width) {
            let mut put = |answer: Answer<'_, u16, C>| {
                let mut valid = [0; LANES];
                for lane in 0..strip.width {
                    let Some(place) = answer.ends[lane].number().checked_sub(1) else { continue };
                    let code = usize::from(answer.codes[lane]);
                    let pixels =
                        &sorted[(code * share).min(sorted.len())..((code + 1) * share).min(sorted.len())];
                    let found = self.look_up(band, pixels, strip.x + lane, answer.y, place);
                    output.row_mut::<T>(band.index, answer.y)[strip.x + lane] = found;
                    valid[lane] = 1;
                }
                if band.ground.flags.is_some() {
                    band.finish_part(output, answer.y, strip.x, &valid[..strip.width]);
                } else {
                    mark_all_valid(output, answer.y, strip.x, strip.width);
                }
            };
            let (strips, ground) = (&self.strips, &band.ground);
            dispatch!(level(), simd => slide::<_, u16, C, Open>(simd, strips, ground, plane, strip, &mut memory, &mut put));
        }
    }
}

impl<C: Counter> Wide<C> {
    /// The value at `place` among those of `pixels` that the window of an output pixel sees.
    fn look_up<T: Keyed>(
        &self,
        band: &Band<'_, T>,
        pixels: &[[T::Key; 2]],
        x: usize,
        y: usize,
        place: usize,
    ) -> T {
        let (width, (left, top)) = (band.input.window().width, band.ground.corner);
        let seen = pixels.iter().filter(|&&pixel| {
            let at = place_of(pixel);
            let column = (at % width).checked_sub(left + x);
            let row = (at / width).checked_sub(top + y);
            column.zip(row).is_some_and(|(column, row)| self.strips.footprint.contains(column, row))
        });
        let found = seen.into_iter().nth(place);
        sample_of(found.expect("the bins count what the window sees")[0])
    }
}

/// The pixels that are data as their key and their place in the tile, in order.
fn sort<'a, T: Keyed>(band: &Band<'_, T>, memory: &'a mut [[T::Key; 2]]) -> &'a [[T::Key; 2]] {
    let size = band.input.window().size();
    let mut length = 0;
    for y in 0..size.height {
        let flags = band.ground.flags_row(y);
        for (x, &sample) in band.row(y).iter().enumerate() {
            let place = T::Key::from_i128((y * size.width + x) as i128);
            memory[length] = [key_of(sample), place];
            length += usize::from(flags.is_none_or(|flags| flags[x] != 0));
        }
    }
    let sorted = &mut memory[..length];
    sorted.sort_unstable();
    sorted
}

/// The place of a pixel in the tile.
fn place_of<K: Sample>(pixel: [K; 2]) -> usize {
    pixel[1].to_f64() as usize
}
