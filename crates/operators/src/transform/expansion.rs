//! What lies between the pixels of a correlation surface.

use num_complex::Complex;
use swathe_core::{Reduction, Result, Size, TileView};

use super::rows::Extent;
use super::{coefficients, complex_of, dirichlet};

/// Gathers, of every row of a surface, value and derivatives along x at one place between columns.
///
/// Reads the surface's spectrum along x, so that values between pixels are exactly those of the smooth surface through
/// all of them: what an inverse transform sampled more densely around the peak would give (Guizar-Sicairos, Thurman and
/// Fienup 2008), for any density.
pub struct RowExpansions {
    height: usize,
    width: usize,
    /// `exp(2 pi i k x / width)`, twice where the row holds its conjugate's coefficient only once.
    waves: Vec<Complex<f64>>,
}

/// Derivatives that are kept: within half a pixel what the rest adds is below a millionth of the peak.
const ORDER: usize = 7;

/// The derivatives of each row.
#[derive(Clone, Debug)]
pub struct Expansions(Vec<[f64; ORDER]>);

impl RowExpansions {
    /// At column `x` of the surface.
    pub fn new(extent: Extent, x: f64) -> Self {
        let Size { width, height } = extent.padded;
        let step = 2.0 * std::f64::consts::PI * x / width as f64;
        let wave = |k: usize| {
            let twice = k > 0 && (2 * k < width);
            let weight = if twice { 2.0 } else { 1.0 };
            Complex::new(libm::cos(step * k as f64) * weight, libm::sin(step * k as f64) * weight)
        };
        RowExpansions { height, width, waves: (0..coefficients(width)).map(wave).collect() }
    }

    fn expand(&self, row: &[Complex<f32>]) -> [f64; ORDER] {
        let step = 2.0 * std::f64::consts::PI / self.width as f64;
        let mut derivatives = [0.0; ORDER];
        for (k, (number, wave)) in row.iter().zip(&self.waves).enumerate() {
            let product = Complex::new(f64::from(number.re), f64::from(number.im)) * wave;
            let frequency = step * k as f64;
            let mut power = 1.0;
            // Each derivative multiplies by i times the frequency.
            for (order, derivative) in derivatives.iter_mut().enumerate() {
                *derivative += power
                    * match order % 4 {
                        0 => product.re,
                        1 => -product.im,
                        2 => -product.re,
                        _ => product.im,
                    };
                power *= frequency;
            }
        }
        derivatives
    }

    /// The summit within a pixel of column `x`, at which the rows were expanded, and row `y`.
    pub fn summit(&self, rows: &Expansions, y: f64) -> Summit {
        let scale = 1.0 / (self.width as f64 * self.height as f64);
        let mut summit = Summit { x: 0.0, y: 0.0, value: 0.0 };
        let mut step = FIRST_STEP;
        for _ in 0..STEPS {
            let grid = [-step, 0.0, step].map(|north_south| {
                let column = column_of(rows, y + summit.y + north_south);
                [-step, 0.0, step].map(|west_east| taylor(&column, summit.x + west_east) * scale)
            });
            let [dx, dy] = vertex(&grid);
            summit.x = (summit.x + dx * step).clamp(-1.0, 1.0);
            summit.y = (summit.y + dy * step).clamp(-1.0, 1.0);
            step = (step * 0.5).max(LAST_STEP);
        }
        summit.value = taylor(&column_of(rows, y + summit.y), summit.x) * scale;
        summit
    }
}

/// A summit, from the place that was asked about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summit {
    /// Columns to the east.
    pub x: f64,
    /// Rows to the south.
    pub y: f64,
    /// The height.
    pub value: f64,
}

/// Times that a paraboloid is laid through nine places, in pixels apart: coarse, then fine.
const STEPS: usize = 8;
const FIRST_STEP: f64 = 0.25;
const LAST_STEP: f64 = 0.01;

/// Value and derivatives along x at a place between rows.
fn column_of(rows: &Expansions, y: f64) -> [f64; ORDER] {
    let mut column = [0.0; ORDER];
    for (number, row) in rows.0.iter().enumerate() {
        let weight = dirichlet::weight(y - number as f64, rows.0.len());
        for (sum, derivative) in column.iter_mut().zip(row) {
            *sum += weight * derivative;
        }
    }
    column
}

/// The value `x` away from where these derivatives are.
fn taylor(derivatives: &[f64; ORDER], x: f64) -> f64 {
    let mut power = 1.0;
    let mut value = 0.0;
    for (order, derivative) in derivatives.iter().enumerate() {
        value += derivative * power;
        power *= x / (order + 1) as f64;
    }
    value
}

/// Where the paraboloid through nine values has its vertex, in steps from the middle; the greatest of them where it is no
/// summit. At most one step away.
fn vertex(grid: &[[f64; 3]; 3]) -> [f64; 2] {
    let middle = 2.0 * grid[1][1];
    let slope = [(grid[1][2] - grid[1][0]) / 2.0, (grid[2][1] - grid[0][1]) / 2.0];
    let bend = [grid[1][2] + grid[1][0] - middle, grid[2][1] + grid[0][1] - middle];
    let twist = (grid[2][2] - grid[2][0] - grid[0][2] + grid[0][0]) / 4.0;
    let determinant = bend[0] * bend[1] - twist * twist;
    if bend[0] < 0.0 && determinant > 0.0 {
        let x = (twist * slope[1] - bend[1] * slope[0]) / determinant;
        let y = (twist * slope[0] - bend[0] * slope[1]) / determinant;
        return [x.clamp(-1.0, 1.0), y.clamp(-1.0, 1.0)];
    }
    let mut best = [0.0, 0.0];
    let mut most = grid[1][1];
    for (y, row) in grid.iter().enumerate() {
        for (x, &value) in row.iter().enumerate() {
            if value > most {
                (most, best) = (value, [x as f64 - 1.0, y as f64 - 1.0]);
            }
        }
    }
    best
}

impl Reduction for RowExpansions {
    type Partial = Expansions;

    fn partial_bytes(&self) -> usize {
        self.height * size_of::<[f64; ORDER]>() + self.waves.len() * size_of::<Complex<f64>>()
    }

    fn full_width(&self) -> bool {
        true
    }

    fn begin(&self) -> Expansions {
        Expansions(vec![[0.0; ORDER]; self.height])
    }

    fn add(&self, partial: &mut Expansions, tile: &TileView<'_>) -> Result<()> {
        let window = tile.window();
        for y in 0..window.height {
            partial.0[window.y as usize + y] = self.expand(complex_of(tile.row::<f32>(0, y)));
        }
        Ok(())
    }

    fn merge(&self, partial: &mut Expansions, other: Expansions) {
        // Each row was expanded by one of them; the others hold zeros.
        for (row, other) in partial.0.iter_mut().zip(other.0) {
            row.iter_mut().zip(other).for_each(|(sum, derivative)| *sum += derivative);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bump_between_pixels_is_found() {
        // cos(x - 2.3) + cos(y - 4.6), in turns of the surface's sides.
        let size = Size::new(12, 9);
        let extent = Extent { padded: size, stored: 7 };
        let turn = 2.0 * std::f64::consts::PI;
        let expansions = RowExpansions::new(extent, 2.0);
        let rows = (0..9).map(|y| {
            let mut row = [Complex::new(0.0_f32, 0.0); 7];
            let phase = -turn * 2.3 / 12.0;
            // Unscaled spectrum of width 12, and the height's 9 as the inverse along y leaves it.
            row[1] = Complex::new(libm::cos(phase) as f32, libm::sin(phase) as f32) * (0.5 * 12.0 * 9.0);
            row[0] = Complex::new((libm::cos(turn * (f64::from(y) - 4.6) / 9.0) * 12.0 * 9.0) as f32, 0.0);
            expansions.expand(&row)
        });
        let summit = expansions.summit(&Expansions(rows.collect()), 5.0);
        assert!((summit.x - 0.3).abs() < 1e-4 && (summit.y + 0.4).abs() < 1e-4, "{summit:?}");
        assert!((summit.value - 2.0).abs() < 1e-6, "{summit:?}");
    }
}
