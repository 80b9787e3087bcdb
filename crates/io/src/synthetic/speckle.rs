//! Speckle of multi-looked radar intensity: multiplication with gamma-distributed numbers of mean 1 and variance
//! 1 / looks.
//!
//! *Source*: Goodman 1976, "Some fundamental properties of speckle": the sum of `looks` independent exponentials is
//! gamma-distributed; an exponential is the negated logarithm of a uniform number.

use super::hash::{HashRow, key};

/// Uniform numbers multiplied before their logarithm is taken: four of at least 2^-25 stay in `f32`'s range.
const FACTORS: u32 = 4;

/// Multiplies a row that begins at `(x, y)` with speckle of its own for each band.
///
/// `gamma` and `product` are working memory, as long as `values`.
pub(super) fn multiply(
    seed: u64,
    band: usize,
    looks: u32,
    [x, y]: [i64; 2],
    [gamma, product]: [&mut [f32]; 2],
    values: &mut [f32],
) {
    gamma.fill(0.0);
    for group in (0..looks).step_by(FACTORS as usize) {
        product.fill(1.0);
        for look in group..looks.min(group + FACTORS) {
            let field = 1_000_000 + (band as u64) * 1000 + u64::from(look);
            let hashes = HashRow::new(key(seed, field), y);
            for (product, step) in product.iter_mut().zip(0_u32..) {
                let hash = hashes.at((x as u32).wrapping_add(step));
                *product *= ((hash >> 8) as i32 as f32 + 0.5) * (1.0 / 16_777_216.0);
            }
        }
        for (gamma, &product) in gamma.iter_mut().zip(&*product) {
            *gamma -= logarithm(product);
        }
    }
    let scale = 1.0 / looks as f32;
    for (value, &gamma) in values.iter_mut().zip(&*gamma) {
        *value *= gamma * scale;
    }
}

/// The natural logarithm of a positive normal number, to 2e-7 of its size or 1e-7 near 1.
///
/// Its own, since the library's may differ between machines and does not vectorise. The number is split into a power
/// of two and a mantissa `m` between sqrt(1/2) and sqrt(2); `ln m` is the series of `2 artanh((m - 1) / (m + 1))`.
#[inline(always)]
fn logarithm(value: f32) -> f32 {
    const ROOT_HALF: u32 = 0x3F35_04F3;
    let offset = value.to_bits().wrapping_sub(ROOT_HALF);
    let exponent = ((offset as i32) >> 23) as f32;
    let mantissa = f32::from_bits((offset & 0x007F_FFFF) + ROOT_HALF);
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let square = s * s;
    let series = ((square * (1.0 / 7.0) + 0.2) * square + (1.0 / 3.0)) * square + 1.0;
    2.0 * s * series + exponent * std::f32::consts::LN_2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_are_right() {
        for value in [1e-30_f32, 0.003, 0.5, 0.707, 0.7072, 0.999, 1.0, 1.4, 1.5, 7.0, 1e20] {
            let exact = f64::from(value).ln();
            assert!((f64::from(logarithm(value)) - exact).abs() < 2e-7 * exact.abs().max(0.5), "ln {value}");
        }
    }

    #[test]
    fn speckle_has_the_moments_of_its_looks() {
        for looks in [1, 3, 9] {
            let (mut sum, mut squares, mut cubes) = (0.0, 0.0, 0.0);
            for y in 0..64 {
                let (mut values, mut a, mut b) = ([1.0; 1024], [0.0; 1024], [0.0; 1024]);
                multiply(3, 0, looks, [-5, y], [&mut a, &mut b], &mut values);
                for value in values.map(f64::from) {
                    assert!(value > 0.0);
                    sum += value;
                    squares += (value - 1.0).powi(2);
                    cubes += (value - 1.0).powi(3);
                }
            }
            let (count, looks) = (65536.0, f64::from(looks));
            assert!((sum / count - 1.0).abs() < 0.015, "mean {}", sum / count);
            assert!((squares / count * looks - 1.0).abs() < 0.06, "variance {}", squares / count);
            // The third central moment of a gamma of mean 1 is 2 / looks^2.
            assert!((cubes / count * looks * looks / 2.0 - 1.0).abs() < 0.25, "skew {}", cubes / count);
        }
    }
}
