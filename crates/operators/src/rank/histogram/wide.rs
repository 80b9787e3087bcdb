//! Samples of 32 and 64 bits: the pixels of the tile are sorted, and their place in that order, in 16 bits, is their code.
//!
//! Where a tile has more than 65,536 pixels several of them share a code; which one is meant is found among those few.

use fearless_simd::dispatch;
use swathe_core::{Frame, ScratchSize, Size, TileMut, Window};

use super::lanes::{Counter, LANES};
use super::open::{Open, OpenBins};
use super::strips::{Answer, LowBins as _, Memory, Plane, Strips, slide, strips};
use crate::rank::filter::{Band, Method, Settings};
use crate::rank::key::{Key, Keyed, key_of, sample_of};
use crate::rows::mark_all_valid;
use crate::simd::level;

/// Different codes.
const CODES: usize = 1 << 16;

/// Samples of any type.
pub(crate) struct Wide<C> {
    pub(crate) strips: Strips<C>,
}

impl<T: Keyed, C: Counter> Method<T> for Wide<C>
where
    T::Key: Located,
{
    fn scratch(&self, size: ScratchSize, settings: &Settings<T>, output: Size) -> ScratchSize {
        let pixels = settings.footprint.need_with_centre(Window::whole(output)).size().pixels();
        self.strips.scratch::<u16, Open>(size.with::<<T::Key as Located>::Pixel>(pixels).with::<u16>(pixels))
    }

    fn run(&self, band: &Band<'_, T>, output: &mut TileMut<'_>, scratch: &mut Frame<'_>) {
        let size = band.input.window().size();
        let sorted = sort(band, scratch.take(size.pixels()));
        let codes = scratch.take::<u16>(size.pixels());
        let share = sorted.len().div_ceil(CODES).max(1);
        let places = Places::of(band);
        for (code, pixels) in sorted.chunks(share).enumerate() {
            for &pixel in pixels {
                let (x, y) = places.column_and_row(T::Key::place(pixel));
                codes[y * size.width + x] = code as u16;
            }
        }
        let plane = Plane::of_codes(band.input.window(), codes);
        let mut memory = Memory::take(OpenBins::<C>::LANES, scratch);
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
        pixels: &[<T::Key as Located>::Pixel],
        x: usize,
        y: usize,
        place: usize,
    ) -> T
    where
        T::Key: Located,
    {
        let (left, top) = band.ground.corner;
        let (footprint, places) = (&self.strips.footprint, Places::of(band));
        let hull = footprint.hull.size();
        let whole = footprint.as_rectangle().is_some();
        let seen = pixels.iter().filter(|&&pixel| {
            let (column, row) = places.column_and_row(T::Key::place(pixel));
            let (column, row) = (column.wrapping_sub(left + x), row.wrapping_sub(top + y));
            column < hull.width && row < hull.height && (whole || footprint.contains(column, row))
        });
        let found = seen.into_iter().nth(place);
        sample_of(T::Key::key(*found.expect("the bins count what the window sees")))
    }
}

/// The pixels that are data, in order.
fn sort<'a, T: Keyed>(
    band: &Band<'_, T>,
    memory: &'a mut [<T::Key as Located>::Pixel],
) -> &'a [<T::Key as Located>::Pixel]
where
    T::Key: Located,
{
    let places = Places::of(band);
    let mut length = 0;
    for y in 0..band.input.window().height {
        let flags = band.ground.flags_row(y);
        for (x, &sample) in band.row(y).iter().enumerate() {
            memory[length] = key_of(sample).located(places.place(x, y));
            length += usize::from(flags.is_none_or(|flags| flags[x] != 0));
        }
    }
    let sorted = &mut memory[..length];
    sorted.sort_unstable();
    sorted
}

/// Places of a tile's pixels as one number: the row in its upper bits, the column in so many lower ones.
#[derive(Clone, Copy)]
struct Places {
    column_bits: u32,
}

impl Places {
    fn of<T>(band: &Band<'_, T>) -> Self {
        Places { column_bits: usize::BITS - band.input.window().width.leading_zeros() }
    }

    #[inline(always)]
    fn place(self, x: usize, y: usize) -> u32 {
        (y << self.column_bits | x) as u32
    }

    /// Column and row.
    #[inline(always)]
    fn column_and_row(self, place: u32) -> (usize, usize) {
        let place = place as usize;
        (place & ((1 << self.column_bits) - 1), place >> self.column_bits)
    }
}

/// Keys that can be sorted with their pixels' places.
pub(crate) trait Located: Key {
    /// Key and place in one number, of the same order.
    type Pixel: bytemuck::Pod + Ord;

    /// A pixel.
    fn located(self, place: u32) -> Self::Pixel;

    /// Its key.
    fn key(pixel: Self::Pixel) -> Self;

    /// Its place.
    fn place(pixel: Self::Pixel) -> u32;
}

macro_rules! located {
    ($($key:ident as $unsigned:ident with $least:expr => $pixel:ident)+) => {
        $(impl Located for $key {
            type Pixel = $pixel;

            #[inline(always)]
            fn located(self, place: u32) -> $pixel {
                let key = self as $unsigned ^ $least as $unsigned;
                $pixel::from(key) << $unsigned::BITS | $pixel::from(place)
            }

            #[inline(always)]
            fn key(pixel: $pixel) -> Self {
                ((pixel >> $unsigned::BITS) as $unsigned ^ $least as $unsigned) as $key
            }

            #[inline(always)]
            fn place(pixel: $pixel) -> u32 {
                pixel as u32
            }
        })+
    };
}

located!(u32 as u32 with u32::MIN => u64  i32 as u32 with i32::MIN => u64);
located!(u64 as u64 with u64::MIN => u128  i64 as u64 with i64::MIN => u128);
