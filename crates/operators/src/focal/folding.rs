//! Weights that reach over the whole raster and further, folded into those that the raster can tell apart.
//!
//! ```text
//! reflect, mirror, wrap   what lies past the edge repeats after P = 2 n, 2 n - 2 or n pixels, so that the weights of offsets
//!                         i, i + P, i - P, ... go with the same pixel: they are one weight, at the offset nearest to 0
//! nearest, constant       from n pixels on, an offset to one side means the same value for every pixel of the raster
//! ```
//! The sums are the same but for their rounding. That weights are folded follows from the raster's size and theirs alone, so that tiles
//! do not count, and only where an axis reaches further than the raster, so that all other results keep their bits. Where two offsets are as
//! near to 0, half the weight goes with each, so that symmetric weights stay so.

use swathe_core::Boundary;

use crate::rows::{Real, Taps};

/// The weights of one axis over a raster of `length` pixels along it; as they are, where they reach no further than that.
///
/// Weights below 0 are left alone: added up they might come to 0, and a pixel without data would not count any longer.
pub(super) fn folded<A: Real>(taps: Taps<A>, boundary: Boundary, length: usize) -> Taps<A> {
    let weights = taps.weights();
    let left = weights.len() / 2;
    if left <= length || !weights.iter().all(|&weight| weight >= A::ZERO) {
        return taps;
    }
    let half = match boundary {
        Boundary::Reflect | Boundary::Nearest | Boundary::Constant(_) => length,
        Boundary::Mirror => length - 1,
        Boundary::Wrap => length / 2,
    };
    // Where a period is even, the offset of half of it stands for one on the other side too.
    let period = match boundary {
        Boundary::Nearest | Boundary::Constant(_) => None,
        Boundary::Wrap => Some(length),
        Boundary::Reflect | Boundary::Mirror => Some((2 * half).max(1)),
    };
    let mut sums = vec![0.0_f64; 2 * half + 1];
    let mut add = |offset: i64, weight: f64| {
        if let Some(sum) = sums.get_mut((offset + half as i64) as usize) {
            *sum += weight;
        }
    };
    // From both ends to the middle, small weights first, in the same order on both sides.
    for distance in (0..=left).rev() {
        for (offset, is_there) in [(-(distance as i64), true), (distance as i64, distance > 0)] {
            let Some(weight) = weights.get((left as i64 + offset) as usize).filter(|_| is_there) else {
                continue;
            };
            let weight = weight.to_f64();
            let Some(period) = period else {
                add(offset.clamp(-(half as i64), half as i64), weight);
                continue;
            };
            let place = offset.rem_euclid(period as i64);
            if 2 * place == period as i64 {
                add(place, weight / 2.0);
                add(-place, weight / 2.0);
            } else {
                add(if 2 * place < period as i64 { place } else { place - period as i64 }, weight);
            }
        }
    }
    Taps::new(sums.into_iter().map(A::of).collect())
}

#[cfg(test)]
mod tests {
    use swathe_core::{RasterInfo, SampleType, Scalar, Size};

    use super::*;
    use crate::focal::{difference_of_gaussians, gaussian, unsharp};
    use crate::trial;

    fn boundaries() -> [Boundary; 5] {
        let constant = Boundary::Constant(Scalar::Integer(9));
        [Boundary::Reflect, Boundary::Mirror, Boundary::Nearest, Boundary::Wrap, constant]
    }

    /// The sum around pixel `at` of a raster whose pixels are given.
    fn sum(weights: &[f64], pixels: &[f64], boundary: Boundary, at: usize) -> f64 {
        let left = (weights.len() / 2) as i64;
        let pixel = |offset: i64| {
            boundary.resolve(at as i64 + offset, pixels.len()).map_or(9.0, |index| pixels[index])
        };
        weights.iter().zip(-left..).map(|(weight, offset)| weight * pixel(offset)).sum()
    }

    #[test]
    fn sums_are_the_same_in_fewer_weights() {
        for boundary in boundaries() {
            for length in 1..9_usize {
                let pixels = (0..length).map(|i| ((7 * i) % 5) as f64 + 0.25 * i as f64).collect::<Vec<_>>();
                for count in 1..80_usize {
                    for symmetric in [true, false] {
                        let place = |i: usize| if symmetric { i.min(count - 1 - i) } else { i };
                        let weights = (0..count).map(|i| (place(i) % 13 + 1) as f64).collect::<Vec<_>>();
                        let few = folded(Taps::new(weights.clone()), boundary, length);
                        if count / 2 <= length {
                            assert_eq!(few.weights(), weights, "{boundary} {length} {count}");
                        } else {
                            assert!(few.len() <= 2 * length + 1, "{boundary} {length} {count}");
                        }
                        for at in 0..length {
                            let (expected, found) = (
                                sum(&weights, &pixels, boundary, at),
                                sum(few.weights(), &pixels, boundary, at),
                            );
                            // Weights are whole numbers and pixels are quarters, so that nothing is rounded.
                            assert_eq!(expected, found, "{boundary} {length} {count} at {at}");
                        }
                        let mirrored = few.weights().iter().rev().eq(few.weights());
                        assert!(mirrored || !symmetric || count % 2 == 0, "{boundary} {length} {count}");
                    }
                }
            }
        }
        let with_negative = Taps::new(vec![-1.0, 1.0, 1.0, 1.0, 1.0, 1.0, -1.0]);
        assert_eq!(folded(with_negative, Boundary::Reflect, 2).len(), 7);
    }

    /// Bells wider than the raster, with and without pixels that lack data, beside the bell that is not folded over a raster that
    /// is extended by hand.
    #[test]
    fn operators_agree_with_the_extended_raster() {
        let size = Size::new(7, 5);
        let far = 60;
        for boundary in boundaries() {
            for (spec, text) in [
                (&gaussian::SPEC, "sigma=9"),
                (&gaussian::SPEC, "sigma=2,14 size=21x57 nodata=propagate"),
                (&unsharp::SPEC, "sigma=11 amount=2"),
                (&difference_of_gaussians::SPEC, "low-sigma=4 high-sigma=13"),
            ] {
                for masked in [false, true] {
                    let info = RasterInfo { mask: masked, ..RasterInfo::new(size, 1, SampleType::F64) };
                    let input = trial::random(info.clone(), 5);
                    let found = trial::run(spec, &format!("{text} boundary={boundary}"), &input).unwrap();
                    let reals =
                        trial::reals(&input, 0).concat().into_iter().filter(|value| value.is_finite());
                    let range = reals.fold(9.0_f64, |range, value| range.max(value.abs()));
                    let wide = RasterInfo { size: Size::new(7 + 2 * far, 5 + 2 * far), ..info };
                    let mut extended = trial::random(wide.clone(), 1);
                    for y in 0..wide.size.height {
                        for x in 0..wide.size.width {
                            let at =
                                |place: usize, length| boundary.resolve(place as i64 - far as i64, length);
                            let from = at(x, size.width).zip(at(y, size.height));
                            let value = from.map_or(9.0, |(x, y)| input.pixels.view().row::<f64>(0, y)[x]);
                            let flag =
                                from.map(|(x, y)| input.pixels.view().mask_row(y).map_or(255, |row| row[x]));
                            let mut tile = extended.pixels.view_mut();
                            tile.row_mut::<f64>(0, y)[x] = value;
                            if let Some(mask) = tile.mask_row_mut(y) {
                                mask[x] = flag.unwrap_or(255);
                            }
                        }
                    }
                    let expected = trial::run(spec, &format!("{text} boundary=wrap"), &extended).unwrap();
                    for y in 0..size.height {
                        for x in 0..size.width {
                            let (found, expected) = (found.pixels.view(), expected.pixels.view());
                            let (a, b) =
                                (found.row::<f64>(0, y)[x], expected.row::<f64>(0, y + far)[x + far]);
                            let near = (a - b).abs() <= 1e-12 * range || a.is_nan() && b.is_nan();
                            assert!(near, "{} {text} {boundary} {masked}: {a} and {b} at {x},{y}", spec.name);
                            let flag =
                                |view: &swathe_core::TileView<'_>, x, y| view.mask_row(y).map(|row| row[x]);
                            assert_eq!(
                                flag(&found, x, y),
                                flag(&expected, x + far, y + far),
                                "{text} at {x},{y}"
                            );
                        }
                    }
                }
            }
        }
    }
}
