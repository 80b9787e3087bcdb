//! Means of a window weighted by `exp(-a d)`, `d` the distance from the pixel, `a` another for each pixel.
//!
//! Pixels at the same distance share an exponential: they are summed first, distance by distance. Twice, three times that
//! distance are its square and cube: of the ten distances in a window of 7 x 7 five take an exponential.

use fearless_simd::{Simd, dispatch};
use fearless_simd_macros::simd;
use swathe_core::{Halo, Parameter, ParameterKind, Parameters, Size};

use super::LEAST_MEAN;
use crate::focal::surroundings::Surroundings;
use crate::rows::exponentials_of;
use crate::simd::level;

/// `--distance`, the length of the way from a pixel of the window to its middle.
pub(super) const DISTANCE: Parameter = Parameter::optional(
    "distance",
    ParameterKind::Choice(&["euclidean", "chebyshev"]),
    Some("euclidean"),
    "distance of a pixel from the middle: euclidean (as OTB and PCI) or chebyshev, the larger of both axes (as SNAP)",
);

/// Pixels whose sums run side by side.
const LANES: usize = 16;

/// A window's pixels, sorted by their distance from the middle.
pub(super) struct Distances {
    rings: Vec<Ring>,
}

/// The pixels at one distance.
struct Ring {
    weight: Weight,
    /// Columns and rows, counted from the window's first.
    places: Vec<Place>,
}

/// How `exp(-a d)` is found.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Weight {
    /// `d` is 0.
    One,
    /// As an exponential of this many pixels.
    Exponential(f64),
    /// As that of the ring before times the last exponential: `d` is a multiple of that one's.
    Times,
}

#[derive(Clone, Copy)]
struct Place {
    x: usize,
    y: usize,
}

impl Distances {
    /// The distances in a window, by `--distance`.
    pub(super) fn of(parameters: &Parameters, window: Size) -> Self {
        let Halo { left, top, .. } = Halo::of_window(window);
        let chebyshev = parameters.text("distance") == Some("chebyshev");
        // Squares of distances are integers, so that equal ones are found equal.
        let mut places: Vec<(usize, Place)> = Vec::with_capacity(window.pixels());
        for y in 0..window.height {
            for x in 0..window.width {
                let (dx, dy) = (x.abs_diff(left), y.abs_diff(top));
                let longer = dx.max(dy);
                let square = if chebyshev { longer * longer } else { dx * dx + dy * dy };
                places.push((square, Place { x, y }));
            }
        }
        // Distances that are 1, 2, 3 times the same root stand together, and share its exponential.
        places.sort_by_key(|&(square, place)| (root(square), square, place.y, place.x));
        let mut rings: Vec<Ring> = Vec::new();
        // The root and how many times it was taken, where the next multiple may go on from there.
        let mut before = None;
        for ring in places.chunk_by(|one, next| one.0 == next.0) {
            let square = ring[0].0;
            let (root, times) = (root(square), (square / root(square).max(1)).isqrt());
            let weight = match times {
                0 => Weight::One,
                1 => Weight::Exponential((square as f64).sqrt()),
                _ if before == Some((root, times - 1)) => Weight::Times,
                _ => Weight::Exponential((square as f64).sqrt()),
            };
            before = (times == 1 || weight == Weight::Times).then_some((root, times));
            rings.push(Ring { weight, places: ring.iter().map(|&(_, place)| place).collect() });
        }
        Distances { rings }
    }

    /// Puts the weighted mean of the window around each pixel in place of its `rates`, the `a` of the weights; 0 where
    /// `means`, without weights, say that there is nothing.
    pub(super) fn mean(&self, around: &Surroundings<'_>, means: &[f64], rates: &mut [f64]) {
        let length = rates.len();
        let whole = length / LANES * LANES;
        for x in (0..whole).step_by(LANES) {
            let piece = &mut rates[x..x + LANES];
            dispatch!(level(), simd => weigh::<_, LANES>(simd, &self.rings, around, x, piece));
        }
        for x in whole..length {
            let piece = &mut rates[x..=x];
            dispatch!(level(), simd => weigh::<_, 1>(simd, &self.rings, around, x, piece));
        }
        for (value, &mean) in rates.iter_mut().zip(means) {
            *value = if mean.abs() < LEAST_MEAN { 0.0 } else { *value };
        }
    }
}

/// The least number that makes a square when it multiplies a square into `number`; 0 for 0.
fn root(number: usize) -> usize {
    let squares = (1..=number.isqrt()).rev().map(|side| side * side);
    squares.into_iter().find(|&square| number.is_multiple_of(square)).map_or(0, |square| number / square)
}

/// The weighted means of the windows that begin with columns `x..x + N`.
#[simd]
fn weigh<S: Simd, const N: usize>(
    _: S,
    rings: &[Ring],
    around: &Surroundings<'_>,
    x: usize,
    rates: &mut [f64],
) {
    assert_eq!(rates.len(), N);
    let (mut sums, mut weights) = ([0.0; N], [0.0; N]);
    let (mut weight, mut first) = ([1.0; N], [1.0; N]);
    // Where no weight falls all are 1, which takes no exponential.
    let falling = rates.iter().fold(0, |falling, &rate| falling | u64::from(rate != 0.0));
    for ring in rings {
        match ring.weight {
            Weight::One => {}
            Weight::Exponential(_) if falling == 0 => {}
            Weight::Exponential(distance) => {
                for i in 0..N {
                    first[i] = -rates[i] * distance;
                }
                first = exponentials_of(first);
                weight = first;
            }
            Weight::Times => {
                for i in 0..N {
                    weight[i] *= first[i];
                }
            }
        }
        let (ring_sums, ring_counts) = sum_ring::<N>(ring, around, x);
        for i in 0..N {
            sums[i] += weight[i] * ring_sums[i];
            weights[i] += weight[i] * ring_counts[i];
        }
    }
    for i in 0..N {
        rates[i] = sums[i] / weights[i];
    }
}

/// Sum and number of the pixels with data at one distance.
#[inline(always)]
fn sum_ring<const N: usize>(ring: &Ring, around: &Surroundings<'_>, x: usize) -> ([f64; N], [f64; N]) {
    let (mut sums, mut counts) = ([0.0; N], [ring.places.len() as f64; N]);
    for place in &ring.places {
        let numbers = &around.numbers(place.y)[x + place.x..][..N];
        for i in 0..N {
            sums[i] += numbers[i];
        }
    }
    if !around.is_whole() {
        counts = [0.0; N];
        for place in &ring.places {
            let valid = &around.valid(place.y)[x + place.x..][..N];
            for i in 0..N {
                counts[i] += valid[i];
            }
        }
    }
    (sums, counts)
}

#[cfg(test)]
mod tests {
    use swathe_core::Value;

    use super::*;

    #[test]
    fn multiples_of_a_distance_share_its_exponential() {
        let weights = |window, text: &str| {
            let given = [("distance".to_string(), Value::Text(text.into()))];
            let parameters = Parameters::check(&[DISTANCE], given).unwrap();
            let rings = Distances::of(&parameters, window).rings;
            assert_eq!(rings.iter().map(|ring| ring.places.len()).sum::<usize>(), window.pixels());
            rings.iter().map(|ring| ring.weight).collect::<Vec<_>>()
        };
        let root = |square: f64| Weight::Exponential(square.sqrt());
        use Weight::{One, Times};
        assert_eq!(
            weights(Size::new(7, 7), "euclidean"),
            [One, root(1.0), Times, Times, root(2.0), Times, Times, root(5.0), root(10.0), root(13.0)]
        );
        assert_eq!(weights(Size::new(4, 6), "chebyshev"), [One, root(1.0), Times, Times]);
        // In three rows there is a distance of 5 times the root of 13 and none of once or four times that.
        let narrow = weights(Size::new(37, 3), "euclidean");
        assert!(narrow.contains(&root(325.0)) && !narrow.contains(&root(13.0)));
        assert!(narrow.contains(&root(50.0)), "5 times the root of 2, without the four before");
    }

    #[test]
    fn roots_leave_squares_over() {
        let expected = [0, 1, 2, 3, 1, 5, 6, 7, 2, 1, 10, 11, 3];
        assert_eq!((0..13).map(root).collect::<Vec<_>>(), expected);
    }
}
