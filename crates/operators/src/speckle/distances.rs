//! Means of a window weighted by `exp(-a d)`, `d` the distance from the pixel, `a` another for each pixel.
//!
//! Pixels at the same distance share an exponential: they are summed first, distance by distance.

use fearless_simd::{Simd, dispatch};
use fearless_simd_macros::simd;
use swathe_core::{Halo, Parameter, ParameterKind, Parameters, Size};

use super::LEAST_MEAN;
use crate::focal::surroundings::Surroundings;
use crate::rows::exponential;
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
    /// The distance, in pixels.
    distance: f64,
    /// Columns and rows, counted from the window's first.
    places: Vec<Place>,
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
        places.sort_by_key(|&(square, place)| (square, place.y, place.x));
        let rings = places.chunk_by(|one, next| one.0 == next.0).map(|ring| Ring {
            distance: (ring[0].0 as f64).sqrt(),
            places: ring.iter().map(|&(_, place)| place).collect(),
        });
        Distances { rings: rings.collect() }
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
    for ring in rings {
        let (ring_sums, ring_counts) = sum_ring::<N>(ring, around, x);
        for i in 0..N {
            let weight = exponential(-rates[i] * ring.distance);
            sums[i] += weight * ring_sums[i];
            weights[i] += weight * ring_counts[i];
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
