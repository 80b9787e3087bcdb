//! Curves: one number from another, straight between points.

use swathe_core::{Error, Result};

/// `x * times + plus`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) times: f64,
    pub(crate) plus: f64,
}

impl Line {
    /// The value at a place.
    pub(crate) fn of(self, x: f64) -> f64 {
        x * self.times + self.plus
    }
}

/// Points joined by straight lines; before the first and after the last it is level.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Curve {
    /// Strictly ascending; at least two.
    x: Vec<f64>,
    /// As many, finite.
    y: Vec<f64>,
    /// Points to a unit of x, for a first guess.
    density: f64,
}

impl Curve {
    /// The curve through some points, each a place and its value.
    ///
    /// # Errors
    /// Usage, for fewer than two points or places that do not ascend.
    pub(crate) fn new(points: Vec<[f64; 2]>) -> Result<Self> {
        if points.len() < 2 {
            return Err(Error::usage(format!("a curve of {} points is none; give at least 2", points.len())));
        }
        if let Some(at) = points.iter().position(|point| !point.iter().all(|number| number.is_finite())) {
            return Err(Error::usage(format!("point {} of the curve is not finite", at + 1)));
        }
        if let Some(at) = points.windows(2).position(|pair| pair[0][0] >= pair[1][0]) {
            return Err(Error::usage(format!(
                "point {} of the curve lies at {}; it has to be greater than {}, where the point before lies",
                at + 2,
                points[at + 1][0],
                points[at][0]
            )));
        }
        let (x, y): (Vec<f64>, Vec<f64>) = points.into_iter().map(|[x, y]| (x, y)).unzip();
        Ok(Curve::of(x, y))
    }

    fn of(x: Vec<f64>, y: Vec<f64>) -> Self {
        let density = (x.len() - 1) as f64 / (x[x.len() - 1] - x[0]);
        Curve { x, y, density }
    }

    /// The same curve of other units: places and values each along a rising line.
    ///
    /// # Errors
    /// Usage, where the places fall together in the new units.
    pub(crate) fn in_units(&self, places: Line, values: Line) -> Result<Self> {
        let point = |(&x, &y): (&f64, &f64)| [places.of(x), values.of(y)];
        Curve::new(self.x.iter().zip(&self.y).map(point).collect())
    }

    /// The value at a place, as `numpy.interp` has it; `NaN` at `NaN`.
    #[inline]
    pub(crate) fn at(&self, place: f64) -> f64 {
        let last = self.x.len() - 1;
        if place.is_nan() {
            return place;
        }
        if place <= self.x[0] {
            return self.y[0];
        }
        if place >= self.x[last] {
            return self.y[last];
        }
        // A guess that is right at once where points stand evenly, and a search where it is far off.
        let mut i = (((place - self.x[0]) * self.density) as usize).min(last - 1);
        if !(self.x[i.saturating_sub(1)] <= place && place < self.x[(i + 2).min(last)]) {
            i = self.x.partition_point(|&x| x <= place) - 1;
        } else if place < self.x[i] {
            i -= 1;
        } else if place >= self.x[i + 1] {
            i += 1;
        }
        let (x, y) = (self.x[i], self.y[i]);
        if place == x {
            return y;
        }
        (self.y[i + 1] - y) / (self.x[i + 1] - x) * (place - x) + y
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn straight_between_points_and_level_outside() {
        let curve = Curve::new(vec![[0.0, 10.0], [1.0, 20.0], [100.0, 30.0], [101.0, -5.0]]).unwrap();
        let values: Vec<_> =
            [-1.0, 0.0, 0.5, 1.0, 50.5, 100.0, 100.25, 101.0, 1e9].iter().map(|&x| curve.at(x)).collect();
        assert_eq!(values, [10.0, 10.0, 15.0, 20.0, 25.0, 30.0, 21.25, -5.0, -5.0]);
        assert!(curve.at(f64::NAN).is_nan());
        assert_eq!((curve.at(f64::INFINITY), curve.at(f64::NEG_INFINITY)), (-5.0, 10.0));
    }

    #[test]
    fn a_guess_never_shows() {
        let points: Vec<_> = (0..200).map(|i| [f64::from(i * i) * 0.01, f64::from(i % 7)]).collect();
        let curve = Curve::new(points.clone()).unwrap();
        for step in 0..40_000 {
            let place = f64::from(step) * 0.01;
            let i = points.iter().rposition(|point| point[0] <= place).unwrap();
            let expected = points.get(i + 1).map_or(points[i][1], |next| {
                (next[1] - points[i][1]) / (next[0] - points[i][0]) * (place - points[i][0]) + points[i][1]
            });
            assert_eq!(curve.at(place), expected, "{place}");
        }
    }
}
