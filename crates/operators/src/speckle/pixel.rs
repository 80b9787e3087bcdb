//! Filters that are a formula of a pixel, the mean and the variance of its window, run over rows.
//!
//! Where speckle alone explains the spread they all put out the mean. Most of a scene is like that, and a piece of a row of
//! which all is like that needs no root, division or exponential. The bound for this lies a little below the filters' own, by more
//! than all that their arithmetic rounds, so that a piece comes out with the same bits either way.

#![allow(
    clippy::needless_range_loop,
    reason = "lanes are looked at by index: iterators over arrays are not always inlined, and then not vectors"
)]

use fearless_simd::{Simd, dispatch};
use fearless_simd_macros::simd;

use super::LEAST_MEAN;
use crate::focal::window_statistics::{Finish, FinishPixel};
use crate::rows::exponentials;
use crate::simd::level;

/// Pixels that are looked at together: two registers of 64 bytes.
const PIECE: usize = 16;

/// Pieces whose exponentials are made together, which leaves none waiting for another's.
const TOGETHER: usize = 16;

/// Far more than a few operations round off, far less than matters.
const DOUBT: f64 = 1e-14;

/// Means beyond have squares beyond `f64`.
const GREATEST_MEAN: f64 = 1e150;

/// What a filter puts out for a pixel.
pub(super) trait PixelFilter: Copy + Send + Sync + 'static {
    /// Coefficient of variation of speckle alone: below it the filter puts out the mean.
    fn noise(&self) -> f64;

    /// Whether the output depends on an exponential.
    const EXPONENTIAL: bool = false;

    /// What the exponential is of. May leave of the variance what [`PixelFilter::mix`] is to have of it. Always inlined, as that is: they
    /// become part of a row function.
    #[inline(always)]
    fn exponent(&self, _mean: f64, _variance: &mut f64) -> f64 {
        0.0
    }

    /// The output where the mean is not all but 0, with what is left of the variance, and the exponential where there is one.
    fn mix(&self, centre: f64, mean: f64, spread: f64, weight: f64) -> f64;
}

/// The filter for rows; 0 where the mean is all but 0.
pub(super) fn of_pixel<F: PixelFilter>(filter: F) -> Finish {
    Finish::OfPixel(Box::new(Rows { filter }))
}

struct Rows<F> {
    filter: F,
}

impl<F: PixelFilter> FinishPixel for Rows<F> {
    fn row(&self, centres: &[f64], means: &[f64], variances: &mut [f64]) {
        dispatch!(level(), simd => filter_row(simd, self.filter, centres, means, variances));
    }
}

#[simd]
fn filter_row<S: Simd, F: PixelFilter>(
    _: S,
    filter: F,
    centres: &[f64],
    means: &[f64],
    variances: &mut [f64],
) {
    let length = variances.len();
    assert!(centres.len() == length && means.len() == length);
    let mut weights = [0.0; PIECE * TOGETHER];
    let whole = length / PIECE * PIECE;
    for x in (0..whole).step_by(PIECE * TOGETHER) {
        let these = x..whole.min(x + PIECE * TOGETHER);
        let rows = (&centres[these.clone()], &means[these.clone()], &mut variances[these]);
        filter_pieces::<F, PIECE>(filter, rows, &mut weights);
    }
    for x in whole..length {
        filter_pieces::<F, 1>(
            filter,
            (&centres[x..=x], &means[x..=x], &mut variances[x..=x]),
            &mut weights[..1],
        );
    }
}

/// At most [`TOGETHER`] pieces of `N` pixels.
#[inline(always)]
fn filter_pieces<F: PixelFilter, const N: usize>(
    filter: F,
    (centres, means, variances): (&[f64], &[f64], &mut [f64]),
    weights: &mut [f64],
) {
    assert!(centres.len() == variances.len() && means.len() == variances.len());
    let bound = filter.noise() * filter.noise() * (1.0 - DOUBT);
    let (mut mixed, mut count) = ([0; TOGETHER], 0);
    for x in (0..variances.len()).step_by(N) {
        // Not copied as slices: that is a call, for each piece.
        let (Some(&mean), Some(spread)) =
            (means[x..].first_chunk::<N>(), variances[x..].first_chunk_mut::<N>())
        else {
            return;
        };
        if is_even(bound, mean, *spread) {
            *spread = mean;
            continue;
        }
        if let (true, Some(weight)) = (F::EXPONENTIAL, weights[count * N..].first_chunk_mut::<N>()) {
            for i in 0..N {
                weight[i] = filter.exponent(mean[i], &mut spread[i]);
            }
        }
        mixed[count] = x;
        count += 1;
    }
    if F::EXPONENTIAL {
        exponentials(&mut weights[..count * N]);
    }
    for (number, &x) in mixed[..count].iter().enumerate() {
        let (Some(&centre), Some(&mean), Some(spread), Some(&weight)) = (
            centres[x..].first_chunk::<N>(),
            means[x..].first_chunk::<N>(),
            variances[x..].first_chunk_mut::<N>(),
            weights[number * N..].first_chunk::<N>(),
        ) else {
            return;
        };
        let mut made = mean;
        for i in 0..N {
            let chosen = filter.mix(centre[i], mean[i], spread[i], weight[i]);
            made[i] = if mean[i].abs() < LEAST_MEAN { 0.0 } else { chosen };
        }
        *spread = made;
    }
}

/// Whether all pixels of a piece are certain to be put out as their means.
#[inline(always)]
fn is_even<const N: usize>(bound: f64, means: [f64; N], variances: [f64; N]) -> bool {
    let mut mixed = 0_u64;
    for i in 0..N {
        let (mean, variance) = (means[i], variances[i]);
        // Not as a range, which looks at the one before the other.
        let (enough, finite) = (mean >= LEAST_MEAN, mean < GREATEST_MEAN);
        mixed |= u64::from(!((variance <= bound * mean * mean) & enough & finite));
    }
    mixed == 0
}

#[cfg(test)]
mod tests {
    use crate::trial;

    /// Spreads on both sides of the bound, in pieces that are even and pieces that are not, beside what a pixel by itself gives.
    #[test]
    fn pieces_never_show() {
        let mut random = trial::Random(3);
        let rows: Vec<Vec<f64>> = (0..9)
            .map(|_| {
                (0..200)
                    .map(|x| {
                        let noise = (random.next() >> 11) as f64 / 9_007_199_254_740_992.0 - 0.5;
                        let spread = [0.0, 0.1, 1.7, 4.0][x / 25 % 4];
                        100.0 * (1.0 + noise * spread) * if x > 180 { 1e-13 } else { 1.0 }
                    })
                    .collect()
            })
            .collect();
        let slices: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
        let input = trial::raster::<f64>(&[&slices]);
        for name in ["lee", "kuan", "gamma-map", "enhanced-lee"] {
            let spec = crate::find(name).unwrap();
            let operator = trial::bind(spec, "size=3 looks=4", std::slice::from_ref(&input.info)).unwrap();
            let whole = trial::in_tiles(&*operator, &[&input], input.info.size).unwrap();
            for width in [1, 7, 33] {
                let tiled = trial::in_tiles(&*operator, &[&input], swathe_core::Size::new(width, 4)).unwrap();
                trial::assert_same_bits(&whole, &tiled, name);
            }
        }
    }
}
