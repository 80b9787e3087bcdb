//! Distances along a row, from the distances along its columns.
//!
//! *Source.* A. Meijster, J. B. T. M. Roerdink, W. H. Hesselink, A general algorithm for computing distance transforms in
//! linear time, 2000; P. F. Felzenszwalb, D. P. Huttenlocher, Distance transforms of sampled functions, 2012.

/// How far a pixel is from another, `dx` columns and `dy` rows away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Metric {
    /// The root of `dx^2 + dy^2`.
    Euclidean,
    /// `dx + dy`.
    Cityblock,
    /// The greater of the two.
    Chessboard,
}

/// No target in this column.
const NONE: u32 = u32::MAX;

/// The lower envelope of what each column offers to its row: which column is nearest, and from where on.
pub(super) struct Envelope<'a> {
    distances: &'a mut [f64],
    heights: &'a mut [f64],
    columns: &'a mut [f64],
    starts: &'a mut [f64],
}

impl<'a> Envelope<'a> {
    /// Words that it takes for rows of so many pixels.
    pub(super) fn words(width: usize) -> usize {
        width.saturating_mul(4)
    }

    /// Over memory of as many words.
    pub(super) fn over(memory: &'a mut [u64], width: usize) -> Self {
        let memory: &mut [f64] = &mut bytemuck::cast_slice_mut(memory)[..4 * width];
        let (distances, rest) = memory.split_at_mut(width);
        let (heights, rest) = rest.split_at_mut(width);
        let (columns, starts) = rest.split_at_mut(width);
        Envelope { distances, heights, columns, starts }
    }

    /// Distances of a row's pixels, infinite where there is no target at all: `rows` says how many rows away the nearest
    /// target of each column is, `pixel` how wide and high pixels are.
    ///
    /// In pixels the result is the root of a whole number, or a whole number. Only euclidean distances look at both sides
    /// of `pixel`; the others are for square ones.
    pub(super) fn distances(&mut self, metric: Metric, rows: &[u32], pixel: [f64; 2]) -> &[f64] {
        let [width, height] = pixel;
        match metric {
            Metric::Euclidean if width == height => {
                self.fill_euclidean::<true>(rows, 1.0);
                self.distances.iter_mut().for_each(|distance| *distance = distance.sqrt() * width);
            }
            Metric::Euclidean => {
                self.fill_euclidean::<false>(rows, height / width);
                self.distances.iter_mut().for_each(|distance| *distance = distance.sqrt() * width);
            }
            Metric::Cityblock => {
                self.fill_cityblock(rows);
                self.distances.iter_mut().for_each(|distance| *distance *= width);
            }
            Metric::Chessboard => {
                self.fill_chessboard(rows);
                self.distances.iter_mut().for_each(|distance| *distance *= width);
            }
        }
        self.distances
    }

    /// Puts the columns that are nearest somewhere into `columns`, `heights` and `starts`, and returns how many they are.
    ///
    /// `height` is what a column's target offers in the column itself; `nearer_from` tells from where on the second of two
    /// columns with their heights is nearer than the first.
    #[inline(always)]
    fn build(
        &mut self,
        rows: &[u32],
        height: impl Fn(u32) -> f64,
        nearer_from: impl Fn([f64; 2], [f64; 2]) -> f64,
    ) -> usize {
        let mut count = 0;
        for (x, &rows) in rows.iter().enumerate() {
            if rows == NONE {
                continue;
            }
            let (x, height) = (x as f64, height(rows));
            let mut start = 0.0;
            while count > 0 {
                start = nearer_from([self.columns[count - 1], self.heights[count - 1]], [x, height]);
                if start > self.starts[count - 1] {
                    break;
                }
                count -= 1;
                start = 0.0;
            }
            if count == 0 || start < self.distances.len() as f64 {
                (self.columns[count], self.heights[count], self.starts[count]) = (x, height, start);
                count += 1;
            }
        }
        count
    }

    /// Squares of distances, in widths of a pixel, whose height is `aspect`. Where that is 1 (`WHOLE`) all numbers are whole,
    /// and the quotients are taken down to the next whole number, which is exact for sides of up to 2^24.
    fn fill_euclidean<const WHOLE: bool>(&mut self, rows: &[u32], aspect: f64) {
        let square = |rows| {
            let height = f64::from(rows) * aspect;
            height * height
        };
        // Where the parabola of the second falls below that of the first.
        let nearer_from = |[other, other_height]: [f64; 2], [x, height]: [f64; 2]| {
            let meet = ((x * x - other * other) + (height - other_height)) / (2.0 * (x - other));
            if WHOLE { meet.floor() + 1.0 } else { meet }
        };
        let count = self.build(rows, square, nearer_from);
        if count == 0 {
            self.distances.fill(f64::INFINITY);
            return;
        }
        let mut from = 0;
        for piece in 0..count {
            let end = if piece + 1 < count { self.starts[piece + 1].ceil() } else { f64::INFINITY };
            let end = (end.max(0.0) as usize).min(self.distances.len());
            let (column, height) = (self.columns[piece], self.heights[piece]);
            if from < end {
                for (x, distance) in (from..end).zip(&mut self.distances[from..end]) {
                    let across = x as f64 - column;
                    *distance = across * across + height;
                }
                from = end;
            }
        }
    }

    fn fill_cityblock(&mut self, rows: &[u32]) {
        let mut nearest = f64::INFINITY;
        for (distance, &rows) in self.distances.iter_mut().zip(rows) {
            let own = if rows == NONE { f64::INFINITY } else { f64::from(rows) };
            nearest = own.min(nearest + 1.0);
            *distance = nearest;
        }
        for distance in self.distances.iter_mut().rev() {
            nearest = distance.min(nearest + 1.0);
            *distance = nearest;
        }
    }

    /// Meijster's envelope of `max(|x - column|, rows)`.
    fn fill_chessboard(&mut self, rows: &[u32]) {
        let count = self.build(rows, f64::from, |[other, other_height], [x, height]| {
            let between = ((x + other) / 2.0).floor();
            let last = if other_height <= height {
                between.max(other + height)
            } else {
                between.min(x - other_height)
            };
            last + 1.0
        });
        if count == 0 {
            self.distances.fill(f64::INFINITY);
            return;
        }
        let mut piece = 0;
        for (x, distance) in self.distances.iter_mut().enumerate() {
            let x = x as f64;
            while piece + 1 < count && self.starts[piece + 1] <= x {
                piece += 1;
            }
            *distance = (x - self.columns[piece]).abs().max(self.heights[piece]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const METRICS: [Metric; 3] = [Metric::Euclidean, Metric::Cityblock, Metric::Chessboard];

    fn plainly(metric: Metric, rows: &[u32], [width, height]: [f64; 2]) -> Vec<f64> {
        let between = |x: usize, column: usize, rows: u32| {
            let (across, down) = (x.abs_diff(column) as f64, f64::from(rows));
            match metric {
                Metric::Euclidean => (across * width).hypot(down * height),
                Metric::Cityblock => (across + down) * width,
                Metric::Chessboard => across.max(down) * width,
            }
        };
        let offers = || rows.iter().enumerate().filter(|(_, rows)| **rows != NONE);
        let nearest =
            |x| offers().map(|(column, &rows)| between(x, column, rows)).fold(f64::INFINITY, f64::min);
        (0..rows.len()).map(nearest).collect()
    }

    #[test]
    fn distances_are_the_least_over_all_columns() {
        let mut random = crate::trial::Random(7);
        for length in [1, 2, 3, 17, 64] {
            for _ in 0..200 {
                let most = 1 + random.next() % 40;
                let rows = (0..length)
                    .map(|_| match random.next() % 3 {
                        0 => NONE,
                        _ => (random.next() % most) as u32,
                    })
                    .collect::<Vec<_>>();
                for (metric, pixel) in METRICS.map(|metric| (metric, [1.0, 1.0])).into_iter().chain([
                    (Metric::Euclidean, [30.0, 10.0]),
                    (Metric::Euclidean, [0.1, 0.7]),
                    (Metric::Cityblock, [2.5, 2.5]),
                ]) {
                    let mut memory = vec![0; Envelope::words(length)];
                    let mut envelope = Envelope::over(&mut memory, length);
                    let found = envelope.distances(metric, &rows, pixel);
                    for (&found, expected) in found.iter().zip(plainly(metric, &rows, pixel)) {
                        let close = found == expected || (found - expected).abs() <= 1e-14 * expected;
                        assert!(close, "{metric:?} of {rows:?}: {found} and not {expected}");
                    }
                }
            }
        }
    }
}
