//! Tie points over a small picture of the reference.

use swathe_core::{Result, Size};
use swathe_io::{Channels, Picture, PreviewOptions};

use super::canvas::{Canvas, Colour, text_width};
use super::{ChipRegistration, Tie, TiePoints};

/// The square that a picture fits into, in its own pixels, as are all lengths here.
const FIT: f64 = 1600.0;
/// Height of the legend below it.
const LEGEND: usize = 56;
/// What is left of the reference's brightness, so that colours stand out.
const DIMMED: f64 = 0.62;
/// Residuals of 0, of half the greatest that is told apart, and of that.
const RESIDUALS: [Colour; 3] = [[64, 214, 200], [255, 222, 70], [238, 62, 44]];
const OUTLIER: Colour = [232, 90, 255];
const INK: Colour = [235, 235, 235];
const PAPER: Colour = [28, 28, 30];
/// Least residual and displacement that the scales reach to, in pixels of the raster.
const LEAST_SCALE: f64 = 0.05;

impl ChipRegistration {
    /// A picture of the reference with a dot for each tie point, coloured by its residual, and an arrow for how far it has
    /// moved against the middle of the reference, both as the legend below says. Those that do not agree are crossed out.
    ///
    /// # Errors
    /// As [`crate::preview`].
    pub fn picture(&self, found: &TiePoints) -> Result<Picture> {
        let raster = self.pair.infos[0].size;
        let scale = (FIT / raster.width.max(raster.height) as f64).min(8.0);
        let side = |length: usize| ((length as f64 * scale).round() as usize).max(1);
        let size = Size::new(side(raster.width), side(raster.height));
        // A raster smaller than its picture is shown at its own size, each pixel several times.
        let small = Size::new(size.width.min(raster.width), size.height.min(raster.height));
        let options = PreviewOptions { size: Some(small), ..PreviewOptions::default() };
        let preview = crate::preview(self.pair.path(0), &options)?;
        let width = size.width.max(LEAST_WIDTH);
        let mut canvas = Canvas::new(Size::new(width, size.height + LEGEND), PAPER);
        for y in 0..size.height {
            for x in 0..size.width {
                canvas.set(
                    x,
                    y,
                    shade(&preview, x * small.width / size.width, y * small.height / size.height),
                );
            }
        }
        // Where chips are too close to be told apart, only every few of them are drawn.
        let grid = self.options.grid;
        let spacing = grid.spacing as f64 * scale;
        let every = (LEAST_SPACING / spacing).ceil().max(1.0);
        let shown = |tie: &&Tie| {
            let first = grid.middle(0, 0);
            [0, 1]
                .iter()
                .all(|&axis| ((tie.at[axis] - first[axis]) / grid.spacing as f64).round() % every == 0.0)
        };
        let ties: Vec<&Tie> = found.ties.iter().filter(shown).collect();
        draw(&mut canvas, &ties, found, Scales::of(found, every * spacing, scale), size);
        Ok(Picture { size: canvas.size(), channels: Channels::Rgb, pixels: canvas.into_pixels() })
    }
}

/// Least distance of the dots.
const LEAST_SPACING: f64 = 18.0;
/// Least width, so that the legend fits.
const LEAST_WIDTH: usize = 480;

/// A pixel of a preview, dimmed.
fn shade(preview: &Picture, x: usize, y: usize) -> Colour {
    let count = preview.channels.count();
    let pixel = &preview.pixels[(y * preview.size.width + x) * count..][..count];
    let colour = if count > 2 { [pixel[0], pixel[1], pixel[2]] } else { [pixel[0]; 3] };
    colour.map(|value| (f64::from(value) * DIMMED) as u8)
}

/// What lengths and colours stand for.
#[derive(Clone, Copy)]
struct Scales {
    /// Pixels of the picture for one of the raster, where places are meant.
    place: f64,
    /// The same, where displacements are meant.
    arrow: f64,
    /// The displacement that the legend shows.
    shown: f64,
    /// The residual of the last colour.
    residual: f64,
    dot: f64,
}

impl Scales {
    fn of(found: &TiePoints, spacing: f64, place: f64) -> Self {
        let mut lengths: Vec<f64> =
            found.ties.iter().filter(|tie| tie.inlier).map(|tie| length(beside(found, tie.by))).collect();
        lengths.sort_by(f64::total_cmp);
        let usual = lengths.get(lengths.len() * 19 / 20).copied().unwrap_or(0.0).max(LEAST_SCALE);
        let longest = spacing.clamp(8.0, 44.0);
        let shown = round_down(usual);
        Scales {
            place,
            arrow: longest / usual,
            shown,
            residual: round_down((3.0 * found.rmse).max(LEAST_SCALE)),
            dot: (0.16 * spacing).clamp(1.6, 4.0),
        }
    }

    fn colour(&self, residual: f64) -> Colour {
        let at = 2.0 * (residual / self.residual).clamp(0.0, 1.0);
        let (first, part) = if at < 1.0 { (0, at) } else { (1, at - 1.0) };
        std::array::from_fn(|i| {
            let (from, to) = (f64::from(RESIDUALS[first][i]), f64::from(RESIDUALS[first + 1][i]));
            (from + (to - from) * part) as u8
        })
    }
}

/// The displacement less that of the middle.
fn beside(found: &TiePoints, by: [f64; 2]) -> [f64; 2] {
    [by[0] - found.shift[0], by[1] - found.shift[1]]
}

fn length([x, y]: [f64; 2]) -> f64 {
    x.hypot(y)
}

/// The greatest of 1, 2 and 5 times a power of ten that is not above a value.
fn round_down(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    [5.0, 2.0, 1.0].map(|step| step * power).into_iter().find(|step| *step <= value).unwrap_or(value)
}

fn draw(canvas: &mut Canvas, ties: &[&Tie], found: &TiePoints, scales: Scales, raster: Size) {
    let place = |at: [f64; 2]| at.map(|at| at * scales.place);
    for tie in ties.iter().filter(|tie| tie.inlier) {
        let (from, by) = (place(tie.at), beside(found, tie.by).map(|by| by * scales.arrow));
        arrow(canvas, from, by, scales, scales.colour(length(tie.residual)));
    }
    for tie in ties.iter().filter(|tie| !tie.inlier) {
        let ([x, y], arm) = (place(tie.at), 1.6 * scales.dot);
        canvas.line([x - arm, y - arm], [x + arm, y + arm], 1.3, OUTLIER);
        canvas.line([x - arm, y + arm], [x + arm, y - arm], 1.3, OUTLIER);
    }
    legend(canvas, scales, raster.height as f64);
}

fn arrow(canvas: &mut Canvas, from: [f64; 2], by: [f64; 2], scales: Scales, colour: Colour) {
    let (reach, tip) = (length(by), [from[0] + by[0], from[1] + by[1]]);
    canvas.line(from, from, 2.0 * scales.dot, colour);
    if reach < 1.5 * scales.dot {
        return;
    }
    canvas.line(from, tip, 1.3, colour);
    let (head, [east, south]) = ((0.35 * reach).clamp(2.5, 7.0), by.map(|by| by / reach));
    for side in [-0.5, 0.5] {
        let back = [tip[0] - head * (east + side * south), tip[1] - head * (south - side * east)];
        canvas.line(tip, back, 1.3, colour);
    }
}

/// A bar of residuals, an arrow of known length, and the cross of those that do not agree.
fn legend(canvas: &mut Canvas, scales: Scales, top: f64) {
    let (bar, height, left) = (120.0, 12.0, 16.0);
    let (above, below) = (top + 10.0, top + 30.0);
    for x in 0..bar as usize {
        let colour = scales.colour(scales.residual * x as f64 / bar);
        let at = left + x as f64;
        canvas.line([at, above + 2.0], [at, above + height - 2.0], 2.0, colour);
    }
    canvas.text([left, below], "0", INK);
    let most = format!("{} PX", scales.residual);
    canvas.text([left + bar - text_width(&most), below], &most, INK);
    canvas.text([left + bar + 12.0, above], "RESIDUAL", INK);
    let at = left + bar + 140.0;
    let reach = scales.shown * scales.arrow;
    arrow(canvas, [at, above + 6.0], [reach, 0.0], Scales { dot: 3.0, ..scales }, INK);
    canvas.text([at, below], &format!("{} PX", scales.shown), INK);
    let at = at + 90.0;
    canvas.line([at, above + 1.0], [at + 9.0, above + 10.0], 1.6, OUTLIER);
    canvas.line([at, above + 10.0], [at + 9.0, above + 1.0], 1.6, OUTLIER);
    canvas.text([at + 18.0, above], "OUTLIER", INK);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_round() {
        assert_eq!([0.13, 0.05, 7.0, 2.0].map(round_down), [0.1, 0.05, 5.0, 2.0]);
    }
}
