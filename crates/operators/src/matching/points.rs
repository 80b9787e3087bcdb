//! What becomes of chips, and how it is gathered.

use swathe_core::{RasterInfo, Reduction, Result, SampleType, Size, TileView, Window};

/// Why a chip gave a tie point, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was found.
    Matched,
    /// The search area does not lie in the moved raster, not even for one place of the chip.
    Outside,
    /// Too few pixels are data in both rasters.
    Missing,
    /// The chip, or all of the search area, has the same value everywhere.
    Flat,
    /// The correlation still rises where the search ends.
    Border,
    /// The greatest correlation is less than what makes a tie point.
    Weak,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Outcome; 6] =
        [Outcome::Matched, Outcome::Outside, Outcome::Missing, Outcome::Flat, Outcome::Border, Outcome::Weak];

    /// The outcome in a word.
    pub const fn name(self) -> &'static str {
        match self {
            Outcome::Matched => "matched",
            Outcome::Outside => "outside",
            Outcome::Missing => "missing",
            Outcome::Flat => "flat",
            Outcome::Border => "border",
            Outcome::Weak => "weak",
        }
    }

    fn number(self) -> f64 {
        self as u8 as f64
    }

    fn of(number: f64) -> Option<Self> {
        Outcome::ALL.into_iter().find(|outcome| outcome.number() == number)
    }
}

/// What a chip found: `moved(x + dx, y + dy) = reference(x, y)`, in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TiePoint {
    /// The chip's place in the grid.
    pub chip: [usize; 2],
    /// Pixels to the east.
    pub dx: f64,
    /// Pixels to the south.
    pub dy: f64,
    /// The normalised correlation at the whole pixel next to it, -1 to 1.
    pub correlation: f64,
    /// The greatest other maximum of the search; `NaN` where there is none.
    pub second: f64,
    /// The standard deviation along an axis that noise explains, in pixels; `NaN` where it cannot be told.
    pub sigma: f64,
    /// Whether it is to be believed.
    pub outcome: Outcome,
}

/// Bands of the raster that chips are written to.
pub(super) const BANDS: usize = 6;

impl TiePoint {
    /// Of a chip that was not looked for, or not found.
    pub(super) fn without(outcome: Outcome) -> Self {
        let [dx, dy, correlation, second, sigma] = [f64::NAN; 5];
        TiePoint { chip: [0; 2], dx, dy, correlation, second, sigma, outcome }
    }

    pub(super) fn bands(&self) -> [f64; BANDS] {
        [self.dx, self.dy, self.correlation, self.second, self.sigma, self.outcome.number()]
    }

    fn of(chip: [usize; 2], [dx, dy, correlation, second, sigma, outcome]: [f64; BANDS]) -> Option<Self> {
        Some(TiePoint { chip, dx, dy, correlation, second, sigma, outcome: Outcome::of(outcome)? })
    }
}

/// The raster that chips are written to: a pixel for each.
pub(super) fn info(count: Size) -> RasterInfo {
    RasterInfo::new(count, BANDS, SampleType::F64)
}

/// Gathers what all chips found, in the order of the grid.
#[derive(Clone, Copy, Debug)]
pub struct Gathering {
    /// Chips across and down.
    pub count: Size,
}

impl Reduction for Gathering {
    type Partial = Vec<(Window, Vec<TiePoint>)>;

    fn partial_bytes(&self) -> usize {
        self.count.pixels() * size_of::<TiePoint>()
    }

    fn begin(&self) -> Self::Partial {
        Vec::new()
    }

    fn add(&self, partial: &mut Self::Partial, tile: &TileView<'_>) -> Result<()> {
        let window = tile.window();
        let places = (0..window.height).flat_map(|y| (0..window.width).map(move |x| (x, y)));
        let points = places.filter_map(|(x, y)| {
            let chip = [window.x as usize + x, window.y as usize + y];
            TiePoint::of(chip, std::array::from_fn(|band| tile.row::<f64>(band, y)[x]))
        });
        partial.push((window, points.collect()));
        Ok(())
    }

    fn merge(&self, partial: &mut Self::Partial, other: Self::Partial) {
        partial.extend(other);
    }
}

impl Gathering {
    /// All chips, row by row.
    pub fn points(&self, gathered: Vec<(Window, Vec<TiePoint>)>) -> Vec<TiePoint> {
        let mut points: Vec<TiePoint> = gathered.into_iter().flat_map(|(_, points)| points).collect();
        points.sort_unstable_by_key(|point| (point.chip[1], point.chip[0]));
        points
    }
}
