//! The spread that chains of filters compute: how far each pixel is from the mean around itself, squared and averaged.
//!
//! `variance(x, y) = mean over the window of (in - m)^2`, `m(x, y)` the mean of the window around each of those pixels. Both
//! means are steps of their own: the squared differences past the edge are not made of pixels past the edge, but are the
//! squared differences inside, extended by `--boundary`.

use fearless_simd::{Simd, dispatch};
use fearless_simd_macros::simd;
use swathe_core::{Boundary, Frame, Halo, NodataPolicy, ScratchSize, Size, Window};

use super::integer_sums::IntegerSums;
use super::real_sums::RealSums;
use super::window_statistics::{Band, Present, Row, Spread};
use crate::simd::level;

/// The way for rasters of size `raster`.
pub(super) struct Chained {
    pub(super) raster: Size,
    pub(super) boundary: Boundary,
}

/// The squared differences of the output's pixels and of those around it.
struct Squares<'a> {
    /// Where they lie in the raster, and past its edge.
    place: Window,
    /// 0 where there is no data.
    numbers: &'a mut [f64],
    /// 1 for data and 0 for none, where not all is data.
    valid: &'a mut [u8],
}

impl Spread for Chained {
    fn scratch(&self, size: ScratchSize, window: Size, output: Size) -> ScratchSize {
        let (width, height) =
            (output.width + 2 * (window.width / 2), output.height + 2 * (window.height / 2));
        let input = width + window.width - 1;
        let size = RealSums::scratch(RealSums::scratch(size, window, width), window, output.width);
        let size = IntegerSums::<i32>::scratch(Present::scratch(size, window, input), width);
        size.with::<f64>(width * height)
            .with::<u8>(width * height)
            .with::<f64>(output.width * output.height)
            .with::<f64>(input)
            .with::<u8>(input)
            .with::<i32>(output.width)
            .with::<u8>(output.width)
    }

    fn run(&self, band: &Band<'_>, scratch: &mut Frame<'_>, emit: &mut dyn FnMut(usize, Row<'_>)) {
        let (window, input) = (band.window, band.input.window());
        let place = inner(input, Halo::of_window(window));
        let output = inner(place, second_halo(window));
        let (numbers, valid) = (scratch.take(place.size().pixels()), scratch.take(place.size().pixels()));
        let mut squares = Squares { place, numbers, valid };
        let means = scratch.take::<f64>(output.size().pixels());
        self.differ(band, &mut squares, means, output.width, &mut scratch.inner());
        self.extend(&mut squares, band.whole);
        average(band, &squares, output, means, scratch, emit);
    }
}

/// How far squared differences are needed around the output: as far to the right as to the left, since the edge mirrors
/// the one into the other, and a window of an even size does not reach as far to the right.
pub(super) fn second_halo(window: Size) -> Halo {
    let Halo { left, top, .. } = Halo::of_window(window);
    Halo { left, top, right: left, bottom: top }
}

/// What a halo was added to.
fn inner(outer: Window, halo: Halo) -> Window {
    let (width, height) = (outer.width - halo.left - halo.right, outer.height - halo.top - halo.bottom);
    Window::new(outer.x + halo.left as i64, outer.y + halo.top as i64, width, height)
}

impl Chained {
    /// Makes the squared differences, and keeps the means of the output's pixels.
    fn differ(
        &self,
        band: &Band<'_>,
        squares: &mut Squares<'_>,
        means: &mut [f64],
        output_width: usize,
        scratch: &mut Frame<'_>,
    ) {
        let (input, width, halo) = (band.input.window(), squares.place.width, Halo::of_window(band.window));
        let mut sums = RealSums::take(scratch, band.window, input);
        let mut present = Present::take(scratch, band.window, input.width);
        let (line, flags) = (scratch.take::<f64>(input.width), scratch.take::<u8>(input.width));
        let mut middle = means.chunks_exact_mut(output_width);
        let mut row_flags = |y: usize, row: &mut [f64]| band.load_row(y, row, flags);
        sums.run(&mut row_flags, |y, sums| {
            let to = &mut squares.numbers[y * width..][..width];
            band.load.load(&band.input, band.index, y + halo.top, line);
            let centres = &line[halo.left..][..width];
            if band.whole {
                let count = band.window.pixels() as f64;
                dispatch!(level(), simd => divide(simd, count, sums));
            } else {
                present.row(band, y);
                for (sum, &count) in sums.iter_mut().zip(present.counts()) {
                    *sum /= f64::from(count.max(1));
                }
            }
            dispatch!(level(), simd => square_differences(simd, centres, sums, to));
            if !band.whole {
                let valid = present.valid();
                squares.valid[y * width..][..width].copy_from_slice(valid);
                for (number, &flag) in to.iter_mut().zip(valid.iter()) {
                    *number = if flag == 0 { 0.0 } else { *number };
                }
            }
            if y >= halo.top
                && let Some(middle) = middle.next()
            {
                middle.copy_from_slice(&sums[halo.left..][..output_width]);
            }
        });
    }

    /// Puts what `--boundary` says where the squared differences lie past the edge of the raster.
    fn extend(&self, squares: &mut Squares<'_>, whole: bool) {
        let Squares { place, numbers, valid } = squares;
        self.extend_plane(*place, numbers, |constant| constant);
        if !whole {
            self.extend_plane(*place, valid, |_| 1);
        }
    }

    fn extend_plane<T: Copy>(&self, place: Window, plane: &mut [T], constant: impl Fn(f64) -> T) {
        let outside = match self.boundary {
            // Pixels past the edge repeat those inside, and so does all that is made of them.
            Boundary::Wrap => return,
            Boundary::Constant(value) => Some(constant(value.to_f64())),
            _ => None,
        };
        let (rows, columns) = (self.raster.height, self.raster.width);
        let index = |at: i64, length: usize, first: i64| {
            self.boundary.resolve(at, length).map(|inside| (inside as i64 - first) as usize)
        };
        for (y, row) in plane.chunks_exact_mut(place.width).enumerate() {
            if !(0..rows as i64).contains(&(place.y + y as i64)) {
                continue;
            }
            for x in outside_of(place.x, place.width, columns) {
                let inside = index(place.x + x as i64, columns, place.x).map(|inside| row[inside]);
                row[x] = inside.or(outside).unwrap_or(row[x]);
            }
        }
        for y in outside_of(place.y, place.height, rows) {
            let start = y * place.width;
            match (index(place.y + y as i64, rows, place.y), outside) {
                (Some(inside), _) => {
                    plane.copy_within(inside * place.width..(inside + 1) * place.width, start);
                }
                (None, Some(constant)) => plane[start..start + place.width].fill(constant),
                (None, None) => {}
            }
        }
    }
}

/// Which of `count` indices from `first` on lie outside `0..length`, counted from `first`.
fn outside_of(first: i64, count: usize, length: usize) -> impl Iterator<Item = usize> {
    let before = (-first).clamp(0, count as i64) as usize;
    let after = (length as i64 - first).clamp(before as i64, count as i64) as usize;
    (0..before).chain(after..count)
}

/// The mean of the squared differences around each pixel of the output.
fn average(
    band: &Band<'_>,
    squares: &Squares<'_>,
    output: Window,
    means: &mut [f64],
    scratch: &mut Frame<'_>,
    emit: &mut dyn FnMut(usize, Row<'_>),
) {
    let (window, halo, width) = (band.window, Halo::of_window(band.window), output.width);
    let (near, row_length) = (output.grow(halo), squares.place.width);
    let all = window.pixels() as i32;
    let mut sums = RealSums::take(scratch, window, near);
    let mut columns = IntegerSums::<i32>::take(scratch, near.width);
    let (counts, valid) = (scratch.take::<i32>(width), scratch.take::<u8>(width));
    let flags = |y: usize| &squares.valid[y * row_length..][..near.width];
    let load = |y: usize, row: &mut [f64]| {
        row.copy_from_slice(&squares.numbers[y * row_length..][..near.width]);
    };
    sums.run(load, |y, sums| {
        if band.whole {
            dispatch!(level(), simd => divide(simd, f64::from(all), sums));
        } else {
            if y == 0 {
                (0..window.height).for_each(|row| columns.enter(flags(row)));
            } else {
                columns.replace(flags(y - 1 + window.height), flags(y - 1));
            }
            columns.sum(window.width, counts);
            let middle = &flags(y + halo.top)[halo.left..];
            for x in 0..width {
                sums[x] /= f64::from(counts[x].max(1));
                let complete = counts[x] == all || band.policy != NodataPolicy::Propagate;
                valid[x] = middle[x] & u8::from(complete);
            }
        }
        emit(y, Row { means: &mut means[y * width..][..width], variances: sums, valid });
    });
}

#[simd]
fn divide<S: Simd>(_: S, count: f64, sums: &mut [f64]) {
    for sum in sums {
        *sum /= count;
    }
}

#[simd]
fn square_differences<S: Simd>(_: S, centres: &[f64], means: &[f64], squares: &mut [f64]) {
    assert!(centres.len() == squares.len() && means.len() == squares.len());
    for ((square, &mean), &centre) in squares.iter_mut().zip(means).zip(centres) {
        let off = centre - mean;
        *square = off * off;
    }
}
