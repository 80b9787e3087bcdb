//! The summit of a chip's correlation surface: where it is between its places, how sure that is, and what comes next.

use std::ops::Range;

use crate::transform::peak::{bell, parabola};
use crate::transform::registration::Subpixel;

/// How far around the peak the surface is looked at between its places, on each side.
pub(super) const REACH: usize = 4;
/// Places of that neighbourhood along an axis.
const SIDE: usize = 2 * REACH + 1;

/// A surface, row by row; `NaN` where it is not known.
#[derive(Clone, Copy)]
pub(super) struct Values<'a> {
    pub(super) values: &'a [f64],
    pub(super) columns: usize,
    pub(super) rows: usize,
}

/// What a surface shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Summit {
    /// Where it is, in places from the first.
    pub(super) x: f64,
    pub(super) y: f64,
    /// The surface at the place next to it.
    pub(super) value: f64,
    /// The greatest other maximum, where there is one.
    pub(super) second: Option<f64>,
    /// The standard deviation of its position along an axis that noise explains, in places, where that can be told.
    pub(super) sigma: Option<f64>,
    /// Whether the surface may rise further where nothing was searched.
    pub(super) at_border: bool,
}

impl Values<'_> {
    fn at(&self, x: usize, y: usize) -> f64 {
        if x < self.columns && y < self.rows { self.values[y * self.columns + x] } else { f64::NAN }
    }

    /// The eight places around one; `NaN` for what does not exist.
    fn around(&self, x: usize, y: usize) -> [f64; 8] {
        // A place before the first is beyond the last.
        let (west, north) = (x.wrapping_sub(1), y.wrapping_sub(1));
        [
            (west, north),
            (x, north),
            (x + 1, north),
            (west, y),
            (x + 1, y),
            (west, y + 1),
            (x, y + 1),
            (x + 1, y + 1),
        ]
        .map(|(x, y)| self.at(x, y))
    }
}

/// The summit among the places that were searched; none where nothing is known there. `pixels` is how many the correlation
/// is over.
pub(super) fn summit(
    surface: Values<'_>,
    across: Range<usize>,
    down: Range<usize>,
    subpixel: Subpixel,
    pixels: usize,
) -> Option<Summit> {
    let places = || down.clone().flat_map(|y| across.clone().map(move |x| (x, y)));
    let known = places().filter(|&(x, y)| !surface.at(x, y).is_nan());
    let (x, y) =
        known.reduce(
            |best, place| {
                if surface.at(place.0, place.1) > surface.at(best.0, best.1) { place } else { best }
            },
        )?;
    let value = surface.at(x, y);
    let around = surface.around(x, y);
    let at_border = around.iter().any(|&other| other.is_nan() || other > value);
    let second = places()
        .filter(|&(i, j)| i.abs_diff(x) > 1 || j.abs_diff(y) > 1)
        .filter(|&(i, j)| {
            let value = surface.at(i, j);
            !value.is_nan() && surface.around(i, j).iter().all(|&other| other.is_nan() || other <= value)
        })
        .map(|(i, j)| surface.at(i, j))
        .reduce(f64::max);
    let mut found = Summit { x: x as f64, y: y as f64, value, second, sigma: None, at_border };
    if !at_border {
        let near = Near::around(surface, x, y);
        let ([dx, dy], highest, bend) = near.summit(subpixel);
        (found.x, found.y) = (found.x + dx, found.y + dy);
        found.sigma = sigma(highest, bend, pixels);
    }
    Some(found)
}

/// Second derivatives: along x, along y, mixed.
type Bend = [f64; 3];

/// How far noise moves the summit, on the average of both axes. The noise is what the correlation lacks to 1, taken for
/// independent from pixel to pixel; the slopes of the chip follow from the curvature.
fn sigma(highest: f64, [xx, yy, xy]: Bend, pixels: usize) -> Option<f64> {
    let determinant = xx * yy - xy * xy;
    if !(xx < 0.0 && determinant > 0.0 && highest > 0.0) {
        return None;
    }
    let noise = (1.0 - highest * highest).max(0.0) / (highest * pixels as f64);
    Some((noise * -(xx + yy) / (2.0 * determinant)).sqrt())
}

/// The places around a peak whose eight neighbours are known.
struct Near {
    /// All known ones; `None` where one is missing.
    wide: Option<[[f64; SIDE]; SIDE]>,
    /// The nearest ones.
    close: [[f64; 3]; 3],
}

/// Steps from place to place in which the smooth surface is looked at, each finer than the one before.
const STEPS: [f64; 6] = [0.5, 0.25, 0.125, 0.0625, 0.0625, 0.0625];

impl Near {
    fn around(surface: Values<'_>, x: usize, y: usize) -> Self {
        let at = |dx: usize, dy: usize, reach: usize| match (
            (x + dx).checked_sub(reach),
            (y + dy).checked_sub(reach),
        ) {
            (Some(x), Some(y)) => surface.at(x, y),
            _ => f64::NAN,
        };
        let wide: [[f64; SIDE]; SIDE] = std::array::from_fn(|dy| std::array::from_fn(|dx| at(dx, dy, REACH)));
        let close = std::array::from_fn(|dy| std::array::from_fn(|dx| at(dx, dy, 1)));
        Near { wide: (!wide.iter().flatten().any(|value| value.is_nan())).then_some(wide), close }
    }

    /// The summit's place against the peak's, its height, and how the surface bends there.
    fn summit(&self, subpixel: Subpixel) -> ([f64; 2], f64, Bend) {
        let rows = self.close.map(|row| row.map(|value| value as f32));
        let along_y = [rows[0][1], rows[1][1], rows[2][1]];
        let (bend, middle) = (slopes(&self.close, 1.0).1, self.close[1][1]);
        let near = [parabola(rows[1]), parabola(along_y)];
        match subpixel {
            Subpixel::None => ([0.0; 2], middle, bend),
            Subpixel::Parabola => (near, middle, bend),
            Subpixel::Gauss => ([bell(rows[1]), bell(along_y)], middle, bend),
            Subpixel::Fourier => match &self.wide {
                Some(wide) => climb(wide, near).unwrap_or((near, middle, bend)),
                None => (near, middle, bend),
            },
        }
    }
}

/// Slopes and bends in the middle of three by three values that lie `step` apart.
fn slopes(values: &[[f64; 3]; 3], step: f64) -> ([f64; 2], Bend) {
    let column = |x: usize| values[0][x] + values[1][x] + values[2][x];
    let row = |y: usize| values[y][0] + values[y][1] + values[y][2];
    let slope = [(column(2) - column(0)) / (6.0 * step), (row(2) - row(0)) / (6.0 * step)];
    let square = step * step;
    let xx = (column(2) - 2.0 * column(1) + column(0)) / (3.0 * square);
    let yy = (row(2) - 2.0 * row(1) + row(0)) / (3.0 * square);
    let xy = (values[2][2] - values[2][0] - values[0][2] + values[0][0]) / (4.0 * square);
    (slope, [xx, yy, xy])
}

/// Follows the smooth surface through all places to its summit; none where it does not lie within a place of the peak.
fn climb(wide: &[[f64; SIDE]; SIDE], start: [f64; 2]) -> Option<([f64; 2], f64, Bend)> {
    let [mut x, mut y] = start;
    let mut last = None;
    for step in STEPS {
        let across = [x - step, x, x + step].map(weights);
        let down = [y - step, y, y + step].map(weights);
        let lines = across.map(|across| wide.map(|row| dot(&row, &across)));
        let values: [[f64; 3]; 3] =
            std::array::from_fn(|j| std::array::from_fn(|i| dot(&lines[i], &down[j])));
        let ([slope_x, slope_y], bend) = slopes(&values, step);
        let [xx, yy, xy] = bend;
        let determinant = xx * yy - xy * xy;
        if !(xx < 0.0 && determinant > 0.0) {
            return None;
        }
        let limited = |by: f64| by.clamp(-0.5, 0.5);
        x += limited((xy * slope_y - yy * slope_x) / determinant);
        y += limited((xy * slope_x - xx * slope_y) / determinant);
        if x.abs() > 1.0 || y.abs() > 1.0 {
            return None;
        }
        last = Some((values[1][1], bend));
    }
    last.map(|(highest, bend)| ([x, y], highest, bend))
}

fn dot(one: &[f64; SIDE], other: &[f64; SIDE]) -> f64 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}

/// The weights of the places around the peak at a place between them: the polynomial through all of them (Lagrange). Where the
/// surface is smooth it is nearer than windows of the sine cardinal, whose ripple moves broad summits.
fn weights(at: f64) -> [f64; SIDE] {
    let from = |place: usize| at + REACH as f64 - place as f64;
    std::array::from_fn(|place| {
        let others = (0..SIDE).filter(|&other| other != place);
        others.fold(1.0, |weight, other| weight * from(other) / (place as f64 - other as f64))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bell at a place, with a smaller one beside it.
    fn surface(x: f64, y: f64, width: f64) -> Vec<f64> {
        let bell = |dx: f64, dy: f64| libm::exp(-(dx * dx + dy * dy) / (2.0 * width * width));
        let value = |i: f64, j: f64| 0.9 * bell(i - x, j - y) + 0.4 * bell(i - 3.0, j - 14.0);
        (0..18)
            .flat_map(|j| (0..21).map(move |i| (f64::from(i), f64::from(j))))
            .map(|(i, j)| value(i, j))
            .collect()
    }

    fn found(values: &[f64], subpixel: Subpixel) -> Summit {
        let values = Values { values, columns: 21, rows: 18 };
        summit(values, REACH - 2..21 - REACH, REACH..18 - REACH + 2, subpixel, 1000).unwrap()
    }

    #[test]
    fn summits_lie_between_places() {
        let values = surface(11.3, 8.85, 2.0);
        let smooth = found(&values, Subpixel::Fourier);
        assert!((smooth.x - 11.3).abs() < 2e-3 && (smooth.y - 8.85).abs() < 2e-3, "{smooth:?}");
        let bell = found(&values, Subpixel::Gauss);
        assert!((bell.x - 11.3).abs() < 1e-3 && (bell.y - 8.85).abs() < 1e-3, "{bell:?}");
        let curve = found(&values, Subpixel::Parabola);
        assert!((curve.x - 11.3).abs() < 0.05 && (curve.x - 11.3).abs() > 4e-3, "{curve:?}");
        let whole = found(&values, Subpixel::None);
        assert_eq!((whole.x, whole.y, whole.value), (11.0, 9.0, values[9 * 21 + 11]));
        assert!((whole.second.unwrap() - 0.4).abs() < 1e-3, "{whole:?}");
        assert!(!whole.at_border);
        // By hand: -xx = -yy = 0.9 / 2^2, so sigma^2 = (1 - 0.81) / (0.9 * 1000) * 4 / 0.9.
        assert!(
            (smooth.sigma.unwrap() / (0.19_f64 / 900.0 * 4.0 / 0.9).sqrt() - 1.0).abs() < 0.02,
            "{smooth:?}"
        );
    }

    #[test]
    fn a_slope_is_no_summit() {
        let rising: Vec<f64> = (0..18 * 21).map(|place| f64::from(place % 21)).collect();
        let found = found(&rising, Subpixel::Fourier);
        assert!(found.at_border && found.sigma.is_none());
        let unknown = Values { values: &[f64::NAN; 9], columns: 3, rows: 3 };
        assert_eq!(summit(unknown, 0..3, 0..3, Subpixel::Fourier, 9), None);
    }
}
