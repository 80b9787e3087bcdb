//! The peak of a correlation surface: where it is, how far it stands out, and what lies between its pixels.

use std::ops::Range;

use swathe_core::{Reduction, Result, Size, TileView};

/// How far around a peak nothing counts as another: the window of 11 x 11 that is left out of PSR.
pub const PEAK_RADIUS: usize = 5;

/// A place of a surface.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Column.
    pub x: usize,
    /// Row.
    pub y: usize,
    /// What the surface is there.
    pub value: f32,
}

/// The shift that an index into a surface of that length stands for: those past the middle are negative.
pub const fn shift_of(index: usize, length: usize) -> i64 {
    if index > length / 2 { index as i64 - length as i64 } else { index as i64 }
}

/// Finds the greatest value of each row, among shifts up to a limit.
#[derive(Clone, Copy, Debug)]
pub struct PeakSearch {
    size: Size,
    greatest_shift: usize,
}

/// What a row of a surface holds among the shifts that are allowed.
#[derive(Clone, Copy, Debug, Default)]
struct RowPeak {
    /// The first of the greatest values; none in rows that are not looked at.
    greatest: Option<(u32, f32)>,
    sums: Sums,
}

/// Count, sum and sum of squares.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    count: f64,
    sum: f64,
    squares: f64,
}

/// What is known of each row.
#[derive(Clone, Debug)]
pub struct RowPeaks(Vec<RowPeak>);

/// What stands beside a peak.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Surroundings {
    /// The greatest value further than [`PEAK_RADIUS`] away, if there is any.
    pub second: Option<Place>,
    /// The peak less the mean of all values that far away, in their standard deviations.
    pub psr: Option<f64>,
}

impl PeakSearch {
    /// Over a surface of that size; shifts larger than `greatest_shift` along either axis do not count.
    pub fn new(size: Size, greatest_shift: Option<usize>) -> Self {
        PeakSearch { size, greatest_shift: greatest_shift.unwrap_or(usize::MAX) }
    }

    /// The first of the greatest values, row by row.
    pub fn peak(&self, rows: &RowPeaks) -> Option<Place> {
        greatest(rows.0.iter().enumerate().filter_map(|(y, row)| {
            let (x, value) = row.greatest?;
            Some(Place { x: x as usize, y, value })
        }))
    }

    /// The rows around a peak, for [`PeakSearch::surroundings`].
    pub fn rows_around(&self, peak: Place) -> Vec<usize> {
        (0..self.size.height).filter(|&y| distance(y, peak.y, self.size.height) <= PEAK_RADIUS).collect()
    }

    /// What stands beside the peak; `around` are the rows of [`PeakSearch::rows_around`].
    pub fn surroundings(&self, rows: &RowPeaks, peak: Place, around: &[(usize, Vec<f32>)]) -> Surroundings {
        let near = |y: usize| around.iter().find(|(row, _)| *row == y);
        let outside = rows.0.iter().enumerate().map(|(y, row)| match near(y) {
            None => *row,
            Some((_, values)) => self.look(y, values, |x| distance(x, peak.x, self.size.width) > PEAK_RADIUS),
        });
        let mut sums = Sums::default();
        let mut places = Vec::new();
        for (y, row) in outside.enumerate() {
            sums.add(row.sums);
            places.extend(row.greatest.map(|(x, value)| Place { x: x as usize, y, value }));
        }
        Surroundings { second: greatest(places.into_iter()), psr: sums.sharpness(f64::from(peak.value)) }
    }

    /// The columns whose shifts are allowed, west to east.
    fn columns(&self) -> [Range<usize>; 2] {
        ranges(self.size.width, self.greatest_shift)
    }

    /// The row among the allowed columns that `counts` says yes to.
    fn look(&self, y: usize, row: &[f32], counts: impl Fn(usize) -> bool) -> RowPeak {
        let mut found = RowPeak::default();
        if !ranges(self.size.height, self.greatest_shift).iter().any(|rows| rows.contains(&y)) {
            return found;
        }
        for x in self.columns().into_iter().flatten().filter(|&x| counts(x)) {
            let value = row[x];
            if found.greatest.is_none_or(|(_, greatest)| value > greatest) {
                found.greatest = Some((x as u32, value));
            }
            let wide = f64::from(value);
            found.sums.add(Sums { count: 1.0, sum: wide, squares: wide * wide });
        }
        found
    }

    /// The same for all columns, several at a time.
    fn look_at_all(&self, y: usize, row: &[f32]) -> RowPeak {
        if self.greatest_shift < row.len().max(self.size.height) {
            return self.look(y, row, |_| true);
        }
        let mut greatest = [f32::NEG_INFINITY; LANES];
        let (mut sum, mut squares) = ([0.0; LANES], [0.0; LANES]);
        for chunk in row.chunks(LANES) {
            for (lane, &value) in chunk.iter().enumerate() {
                greatest[lane] = if value > greatest[lane] { value } else { greatest[lane] };
                let wide = f64::from(value);
                sum[lane] += wide;
                squares[lane] += wide * wide;
            }
        }
        let most = greatest.into_iter().fold(f32::NEG_INFINITY, f32::max);
        let x = row.iter().position(|&value| value == most);
        let (sum, squares) = (sum.iter().sum(), squares.iter().sum());
        RowPeak {
            greatest: x.map(|x| (x as u32, most)),
            sums: Sums { count: row.len() as f64, sum, squares },
        }
    }
}

/// Sums that do not wait for each other.
const LANES: usize = 16;

/// The first of the greatest.
fn greatest(places: impl Iterator<Item = Place>) -> Option<Place> {
    places.reduce(|best, place| if place.value > best.value { place } else { best })
}

/// How far two indices are apart on a circle.
const fn distance(one: usize, other: usize, length: usize) -> usize {
    let apart = one.abs_diff(other);
    if apart > length - apart { length - apart } else { apart }
}

/// The indices whose shifts are at most `most`, from 0 on.
fn ranges(length: usize, most: usize) -> [Range<usize>; 2] {
    let positive = (length / 2).min(most) + 1;
    let negative = (length - positive.min(length)).min(most);
    [0..positive.min(length), length - negative..length]
}

impl Sums {
    fn add(&mut self, other: Sums) {
        self.count += other.count;
        self.sum += other.sum;
        self.squares += other.squares;
    }

    /// How many standard deviations a value lies above the mean.
    fn sharpness(&self, value: f64) -> Option<f64> {
        let mean = self.sum / self.count;
        let variance = self.squares / self.count - mean * mean;
        (variance > 0.0).then(|| (value - mean) / variance.sqrt())
    }
}

impl Reduction for PeakSearch {
    type Partial = RowPeaks;

    fn partial_bytes(&self) -> usize {
        self.size.height * size_of::<RowPeak>()
    }

    fn full_width(&self) -> bool {
        true
    }

    fn begin(&self) -> RowPeaks {
        RowPeaks(vec![RowPeak::default(); self.size.height])
    }

    fn add(&self, partial: &mut RowPeaks, tile: &TileView<'_>) -> Result<()> {
        let window = tile.window();
        for y in 0..window.height {
            let row = window.y as usize + y;
            partial.0[row] = self.look_at_all(row, tile.row::<f32>(0, y));
        }
        Ok(())
    }

    fn merge(&self, partial: &mut RowPeaks, other: RowPeaks) {
        for (row, other) in partial.0.iter_mut().zip(other.0) {
            if other.greatest.is_some() {
                *row = other;
            }
        }
    }
}

/// The place of a maximum between three samples, from the middle one, by the parabola through them.
pub fn parabola([before, middle, after]: [f32; 3]) -> f64 {
    let [before, middle, after] = [before, middle, after].map(f64::from);
    let bend = before - 2.0 * middle + after;
    if bend < 0.0 { (0.5 * (before - after) / bend).clamp(-0.5, 0.5) } else { 0.0 }
}

/// The same by a bell: the parabola through the logarithms; the parabola itself where there are none.
pub fn bell(samples: [f32; 3]) -> f64 {
    if samples.iter().any(|&sample| sample <= 0.0) {
        return parabola(samples);
    }
    let [before, middle, after] = samples.map(|sample| libm::log(f64::from(sample)));
    let bend = before - 2.0 * middle + after;
    if bend < 0.0 { (0.5 * (before - after) / bend).clamp(-0.5, 0.5) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use swathe_core::Window;

    use super::*;
    use crate::trial::raster;

    fn found(search: PeakSearch, rows: &[&[f32]]) -> RowPeaks {
        let surface = raster::<f32>(&[rows]);
        let mut whole = search.begin();
        for y in 0..rows.len() {
            let row = Window::new(0, y as i64, rows[0].len(), 1);
            let mut partial = search.begin();
            search.add(&mut partial, &surface.pixels.view().crop(row)).unwrap();
            search.merge(&mut whole, partial);
        }
        whole
    }

    #[test]
    fn the_first_of_equal_peaks_wins() {
        let rows: [&[f32]; 3] = [&[0.0, 1.0, 2.0, 7.0], &[7.0, 0.0, 7.0, 0.0], &[1.0; 4]];
        let search = PeakSearch::new(Size::new(4, 3), None);
        let peak = search.peak(&found(search, &rows)).unwrap();
        assert_eq!(peak, Place { x: 3, y: 0, value: 7.0 });
        assert_eq!((shift_of(3, 4), shift_of(2, 4), shift_of(2, 5), shift_of(3, 5)), (-1, 2, 2, -2));
    }

    #[test]
    fn shifts_beyond_the_limit_do_not_count() {
        let rows: [&[f32]; 5] = [
            &[1.0, 2.0, 99.0, 99.0, 3.0],
            &[0.0, 0.0, 99.0, 99.0, 4.0],
            &[99.0; 5],
            &[99.0; 5],
            &[0.0, 0.0, 99.0, 99.0, 0.0],
        ];
        let search = PeakSearch::new(Size::new(5, 5), Some(1));
        let rows_found = found(search, &rows);
        assert_eq!(search.peak(&rows_found), Some(Place { x: 4, y: 1, value: 4.0 }));
        assert_eq!(ranges(5, 1), [0..2, 4..5]);
        assert_eq!(ranges(6, usize::MAX), [0..4, 4..6]);
        assert_eq!(ranges(1, 9), [0..1, 1..1]);
    }

    #[test]
    fn what_is_near_the_peak_is_no_second_one() {
        let mut rows = vec![vec![0.0_f32; 24]; 20];
        (rows[1][2], rows[19][20], rows[18][23], rows[8][2]) = (9.0, 5.0, 8.0, 7.0);
        let slices = rows.iter().map(Vec::as_slice).collect::<Vec<_>>();
        let search = PeakSearch::new(Size::new(24, 20), None);
        let all = found(search, &slices);
        let peak = search.peak(&all).unwrap();
        let around: Vec<_> = search.rows_around(peak).into_iter().map(|y| (y, rows[y].clone())).collect();
        assert_eq!(around.len(), 11);
        // Around the corner 23,18 is three columns and three rows away; 20,19 is six columns away.
        let beside = search.surroundings(&all, peak, &around);
        assert_eq!(beside.second, Some(Place { x: 2, y: 8, value: 7.0 }));
        let count = 24.0 * 20.0 - 121.0;
        let (mean, square) = ((5.0 + 7.0) / count, (25.0 + 49.0) / count);
        let expected = (9.0 - mean) / f64::sqrt(square - mean * mean);
        assert!((beside.psr.unwrap() - expected).abs() < 1e-12 * expected);
    }

    #[test]
    fn three_samples_of_a_curve_give_its_vertex() {
        let curve = |x: f32| 5.0 - (x - 0.25) * (x - 0.25);
        assert!((parabola([curve(-1.0), curve(0.0), curve(1.0)]) - 0.25).abs() < 1e-6);
        let bump = |x: f32| (-(x + 0.125) * (x + 0.125)).exp();
        assert!((bell([bump(-1.0), bump(0.0), bump(1.0)]) + 0.125).abs() < 1e-6);
        assert_eq!(parabola([1.0; 3]), 0.0);
    }
}
