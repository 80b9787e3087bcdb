//! `refined-lee`: Lee's filter over the half of a 7 x 7 window that lies on the pixel's own side of an edge.
//!
//! *Formula*: `M(j, i)` are the means of nine squares of 3 x 3 at rows and columns 0, 2 and 4 of the window. The greatest
//! of `|M10 - M12|`, `|M02 - M20|`, `|M01 - M21|`, `|M00 - M22|`, the first among equals, says across what line the window
//! is halved; of the two halves (28 pixels each) the one whose outer square is nearer to `M11` counts, the second where
//! neither is. With mean `m` and variance `v` of its pixels and `n` the mean of the five smallest `variance / mean^2` of the
//! squares, `out = m + b (p - m)`, `b = max(0, v - m^2 n) / (1 + n) / v`, 0 where `v` is. Variances are divided by the
//! count less 1. *Units*: linear intensity. *Halo*: 3. *Boundary*: any. *Nodata*: in a window that lacks pixels all that
//! there are count, and of the squares those that are complete. *Cost per pixel*: three rows of squares that pixels
//! share, and two sums of 28. *Source*: Lee 1981, "Refined filtering of image noise using local statistics".
//! *Agrees with*: with `--compat snap`, SNAP's RefinedLee within 6e-6 on its own test's block, which it filters as a
//! raster by itself: nodata around it.

use fearless_simd::{Simd, dispatch};
use fearless_simd_macros::simd;
use swathe_core::{
    Documentation, Group, Operator, OperatorSpec, Parameter, ParameterKind, Parameters, RasterInfo, Result,
    Size,
};

use super::{DOMAIN, TYPES, scale};
use crate::focal::surroundings::Surroundings;
use crate::focal::window_statistics::{self, Finish, FinishWindow};
use crate::simd::level;

/// The description of `refined-lee`.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: "refined-lee",
    group: Group::Speckle,
    summary: "speckle filter of Lee 1981 that keeps edges: 7 x 7, of which the pixel's own side counts",
    inputs: (1, 1),
    parameters: &[
        Parameter::optional(
            "compat",
            ParameterKind::Choice(&["none", "snap"]),
            Some("none"),
            "snap: as SNAP computes it, which leaves the ninth variance out of sorting and makes even windows 0",
        ),
        DOMAIN,
        Parameter::BOUNDARY,
        Parameter::NODATA,
        Parameter::REAL_TYPE,
    ],
    documentation: Documentation {
        formula: "out = m + b (p - m), b = max(0, v - m^2 n) / (1 + n) / v, 0 where v is; m and v mean and variance of 28 pixels: of the half of\nthe window whose outer square of 3 x 3 has the mean nearer to that of the middle one, where the window is halved across\nthe greatest difference of opposite squares (west and east, north-east and south-west, north and south, north-west and\nsouth-east); n the mean of the five smallest variance / mean^2 of the nine squares",
        halo: "3",
        types: TYPES,
        nodata: "in a window that lacks pixels all that there are count, and of the squares those that are complete; fewer than two pixels,\nand a pixel without data, give no data",
        cost: "nine squares, shared by pixels, and two sums of 28 pixels",
        source: "Lee 1981",
        agrees: "SNAP's RefinedLee with --compat snap, within 6e-6 on its test's block; a plain two-pass program in f64 within 1e-11\nbut for windows with two differences that are equal to the last bits",
        example: "swathe refined-lee scene.tif smooth.tif",
    },
    trials: &["", "compat=snap boundary=nearest", "domain=db nodata=propagate boundary=wrap"],
    bind,
};

/// Side of the window.
const SIDE: usize = 7;
/// Pixels of half of it, the line across included.
const HALF: usize = 28;
/// Variances of squares that count.
const LEAST: usize = 5;
/// Pixels whose squares are computed together.
const LANES: usize = 16;
/// Columns of the squares of as many pixels: those of a pixel begin at columns 0, 2 and 4.
const SQUARES: usize = LANES + 4;

fn bind(parameters: &Parameters, inputs: &[RasterInfo]) -> Result<Box<dyn Operator>> {
    let filter = RefinedLee { halves: halves(), snap: parameters.text("compat") == Some("snap") };
    let finish = Finish::OfWindow(Box::new(filter));
    let window = Size::new(SIDE, SIDE);
    window_statistics::bind_window(parameters, &inputs[0], (window, 1), scale(parameters), finish)
}

struct RefinedLee {
    /// For each way to halve the window, the half of the first square and that of the second.
    halves: [[[Place; HALF]; 2]; 4],
    snap: bool,
}

/// A pixel of the window, counted from its north-west.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Place {
    x: usize,
    y: usize,
}

/// The pairs of squares, by row and column, whose difference says how the window is halved.
const ENDS: [[(usize, usize); 2]; 4] =
    [[(1, 0), (1, 2)], [(0, 2), (2, 0)], [(0, 1), (2, 1)], [(0, 0), (2, 2)]];

fn halves() -> [[[Place; HALF]; 2]; 4] {
    let of = |inside: fn(usize, usize) -> bool| {
        let mut half = [Place::default(); HALF];
        let all = (0..SIDE * SIDE).map(|number| Place { x: number % SIDE, y: number / SIDE });
        let places = all.filter(|place| inside(place.x, place.y));
        half.iter_mut().zip(places).for_each(|(slot, place)| *slot = place);
        half
    };
    [
        [of(|x, _| x <= 3), of(|x, _| x >= 3)],
        [of(|x, y| x >= y), of(|x, y| x <= y)],
        [of(|_, y| y <= 3), of(|_, y| y >= 3)],
        [of(|x, y| x + y <= 6), of(|x, y| x + y >= 6)],
    ]
}

/// Mean, and variance by the square of the mean, of the squares that begin in so many columns of three rows.
struct Squares {
    means: [[f64; SQUARES]; 3],
    noises: [[f64; SQUARES]; 3],
}

impl FinishWindow for RefinedLee {
    fn row(&self, around: &Surroundings<'_>, means: &[f64], variances: &mut [f64]) {
        let mut squares = Squares { means: [[0.0; SQUARES]; 3], noises: [[0.0; SQUARES]; 3] };
        for first in (0..variances.len()).step_by(LANES) {
            let count = LANES.min(variances.len() - first);
            for j in 0..3 {
                let mut rows = [[0.0; SQUARES + 2]; 3];
                for (row, j) in rows.iter_mut().zip(2 * j..) {
                    row[..count + 6].copy_from_slice(&around.numbers(j)[first..][..count + 6]);
                }
                dispatch!(level(), simd => look(simd, &rows, &mut squares.means[j], &mut squares.noises[j]));
            }
            for x in 0..count {
                let at = first + x;
                variances[at] = self.pixel(around, at, (&squares, x), (means[at], variances[at]));
            }
        }
    }
}

/// Fills `means` and `noises` for squares of three rows.
#[simd]
fn look<S: Simd>(
    _: S,
    rows: &[[f64; SQUARES + 2]; 3],
    means: &mut [f64; SQUARES],
    noises: &mut [f64; SQUARES],
) {
    let mut sums = [0.0; SQUARES];
    for row in rows {
        for i in 0..3 {
            for x in 0..SQUARES {
                sums[x] += row[x + i];
            }
        }
    }
    let mut squares = [0.0; SQUARES];
    for x in 0..SQUARES {
        means[x] = sums[x] / 9.0;
    }
    for row in rows {
        for i in 0..3 {
            for x in 0..SQUARES {
                let difference = row[x + i] - means[x];
                squares[x] += difference * difference;
            }
        }
    }
    for x in 0..SQUARES {
        let noise = squares[x] / 8.0 / (means[x] * means[x]);
        noises[x] = if means[x] > 0.0 { noise } else { 0.0 };
    }
}

impl RefinedLee {
    /// The output at column `at`; its squares are those from column `x` on, `whole` are mean and variance of all pixels of
    /// the window that there are.
    fn pixel(
        &self,
        around: &Surroundings<'_>,
        at: usize,
        (squares, x): (&Squares, usize),
        whole: (f64, f64),
    ) -> f64 {
        let mut noises = [0.0; 9];
        let mut complete = 0;
        for j in 0..3 {
            for i in 0..3 {
                if square_is_complete(around, at + 2 * i, 2 * j) {
                    noises[complete] = squares.noises[j][x + 2 * i];
                    complete += 1;
                }
            }
        }
        // Nine complete squares cover the window.
        let (mean, variance) = if complete == 9 { self.half(around, at, (squares, x)) } else { whole };
        let noise = self.noise(&mut noises[..complete]);
        let signal = ((variance - mean * mean * noise) / (1.0 + noise)).max(0.0);
        let centre = around.numbers(SIDE / 2)[at + SIDE / 2];
        match (variance > 0.0, self.snap) {
            (true, _) => mean + signal / variance * (centre - mean),
            (false, true) => 0.0,
            (false, false) => mean,
        }
    }

    /// Mean and variance of the half of the window around column `at` that counts.
    fn half(&self, around: &Surroundings<'_>, at: usize, (squares, x): (&Squares, usize)) -> (f64, f64) {
        let mean = |(j, i): (usize, usize)| squares.means[j][x + 2 * i];
        let mut across = (0, f64::NEG_INFINITY);
        for (number, [first, second]) in ENDS.into_iter().enumerate() {
            let difference = (mean(first) - mean(second)).abs();
            if difference > across.1 {
                across = (number, difference);
            }
        }
        let ([first, second], middle) = (ENDS[across.0], mean((1, 1)));
        let nearer_first = (mean(first) - middle).abs() < (middle - mean(second)).abs();
        let places = &self.halves[across.0][usize::from(!nearer_first)];
        let mut pixels = [0.0; HALF];
        for (pixel, place) in pixels.iter_mut().zip(places) {
            *pixel = around.numbers(place.y)[at + place.x];
        }
        let mean = pixels.iter().sum::<f64>() / HALF as f64;
        let squares = pixels.iter().fold(0.0, |sum, pixel| sum + (pixel - mean) * (pixel - mean));
        (mean, squares / (HALF - 1) as f64)
    }

    /// What speckle alone makes a square spread, from those of `noises`, which are brought into order.
    fn noise(&self, noises: &mut [f64]) -> f64 {
        let sorted = if self.snap { noises.len().saturating_sub(1) } else { noises.len() };
        noises[..sorted].sort_unstable_by(f64::total_cmp);
        let least = &noises[..LEAST.min(noises.len())];
        if least.is_empty() { 0.0 } else { least.iter().sum::<f64>() / least.len() as f64 }
    }
}

/// Whether all pixels of the square that begins in column `x` of row `y` are data.
fn square_is_complete(around: &Surroundings<'_>, x: usize, y: usize) -> bool {
    around.is_whole() || (y..y + 3).all(|y| around.valid(y)[x..x + 3].iter().all(|&valid| valid > 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial;

    #[test]
    fn halves_share_the_line_between_them() {
        for [first, second] in halves() {
            let shared = first.iter().filter(|place| second.contains(place)).count();
            assert_eq!(
                (first[HALF - 1] != Place::default(), second[HALF - 1] != Place::default()),
                (true, true)
            );
            assert_eq!(shared, SIDE, "{first:?}");
        }
    }

    #[test]
    fn an_edge_stays_where_it_is() {
        let rows = [[10, 10, 10, 10, 10, 80, 80, 80, 80, 80]; 9];
        let rows: Vec<&[u16]> = rows.iter().map(<[u16; 10]>::as_slice).collect();
        let output = trial::run(&SPEC, "type=u16", &trial::raster::<u16>(&[&rows])).unwrap();
        assert_eq!(output.rows::<u16>(0), rows);
    }

    #[test]
    fn an_even_window_is_its_mean_or_as_in_snap_nothing() {
        let rows = [[7, 7, 7]; 3];
        let rows: Vec<&[u8]> = rows.iter().map(<[u8; 3]>::as_slice).collect();
        for (text, expected) in [("", 7.0), ("compat=snap", 0.0)] {
            let output = trial::run(&SPEC, text, &trial::raster::<u8>(&[&rows])).unwrap();
            assert_eq!(output.rows::<f32>(0), [[expected; 3]; 3], "{text}");
        }
    }
}
