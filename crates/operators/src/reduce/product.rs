//! The product of all pixels: row by row from west to east, and the rows from north to south, with an exponent of its own
//! so that it neither overflows nor vanishes on the way.

use std::collections::BTreeMap;

use swathe_core::{NodataPolicy, RasterInfo, Reduction, Result, Sample, TileView, Validity, with_sample};

/// Multiplies each band.
#[derive(Clone, Debug)]
pub struct ProductOf {
    info: RasterInfo,
    policy: NodataPolicy,
}

/// `mantissa * 2^exponent`; the mantissa is 0, infinite, `NaN`, or between 1/2 and 1 (of either sign).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Product {
    mantissa: f64,
    exponent: i64,
}

impl Product {
    pub(crate) const ONE: Product = Product { mantissa: 0.5, exponent: 1 };

    pub(crate) fn times(self, value: f64) -> Self {
        let Product { mantissa, exponent } = Product::of(value);
        Product::normal(self.mantissa * mantissa, self.exponent + exponent)
    }

    fn of(value: f64) -> Self {
        // Subnormals are brought up first, so that the exponent's bits tell their size.
        if value != 0.0 && value.abs() < f64::MIN_POSITIVE {
            Product::normal(value * 2_f64.powi(64), -64)
        } else {
            Product::normal(value, 0)
        }
    }

    fn normal(value: f64, exponent: i64) -> Self {
        let biased = (value.to_bits() >> 52) & 0x7ff;
        if value == 0.0 || biased == 0x7ff {
            return Product { mantissa: value, exponent: 0 };
        }
        let mantissa = f64::from_bits(value.to_bits() & !(0x7ff << 52) | 1022 << 52);
        Product { mantissa, exponent: exponent + biased as i64 - 1022 }
    }

    /// As an `f64`; infinite or 0 where that cannot hold it.
    pub fn value(self) -> f64 {
        let half = |exponent: i64| 2_f64.powi(exponent.clamp(-2000, 2000) as i32);
        // In two steps, since 2^exponent alone may be out of reach where the product is not.
        self.mantissa * half(self.exponent / 2) * half(self.exponent - self.exponent / 2)
    }

    /// The logarithm to base 2 of its magnitude.
    pub fn log2(self) -> f64 {
        self.mantissa.abs().log2() + self.exponent as f64
    }
}

impl ProductOf {
    /// For rasters like `info`.
    pub fn new(info: &RasterInfo, policy: NodataPolicy) -> Self {
        ProductOf { info: info.clone(), policy }
    }

    /// The products of each band.
    pub fn products(rows: &BTreeMap<(usize, i64), Product>, bands: usize) -> Vec<Product> {
        let mut products = vec![Product::ONE; bands];
        for ((band, _), row) in rows {
            let all = products[*band];
            products[*band] = Product::normal(all.mantissa * row.mantissa, all.exponent + row.exponent);
        }
        products
    }
}

impl Reduction for ProductOf {
    /// The product of each row of each band.
    type Partial = BTreeMap<(usize, i64), Product>;

    fn partial_bytes(&self) -> usize {
        // Nodes of a tree are at least half full.
        let entry = size_of::<(usize, i64)>() + size_of::<Product>();
        self.info.bands.saturating_mul(self.info.size.height).saturating_mul(2 * entry)
    }

    fn full_width(&self) -> bool {
        true
    }

    fn begin(&self) -> Self::Partial {
        BTreeMap::new()
    }

    fn add(&self, partial: &mut Self::Partial, tile: &TileView<'_>) -> Result<()> {
        with_sample!(self.info.sample_type, T => {
            let validity = Validity::<T>::new(&self.info, self.policy);
            let mut flags = vec![0; tile.window().width];
            for band in 0..self.info.bands {
                for y in 0..tile.window().height {
                    validity.fill_row(tile, band, y, &mut flags);
                    let data = tile.row::<T>(band, y).iter().zip(&flags).filter(|(_, flag)| **flag != 0);
                    let product = data.fold(Product::ONE, |product, (sample, _)| product.times(sample.to_f64()));
                    partial.insert((band, tile.window().y + y as i64), product);
                }
            }
        });
        Ok(())
    }

    fn merge(&self, partial: &mut Self::Partial, mut other: Self::Partial) {
        partial.append(&mut other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_go_beyond_what_a_float_holds_and_back() {
        let product = [1e300, 1e300, -2.0, 1e-300, 1e-300].iter().fold(Product::ONE, |p, &v| p.times(v));
        assert!((product.value() + 2.0).abs() < 1e-14, "{product:?}");
        assert_eq!(Product::ONE.times(5e-324).value(), 5e-324);
        assert_eq!(Product::ONE.times(1e300).times(1e300).value(), f64::INFINITY);
        assert_eq!(Product::ONE.times(0.0).times(1e300).value(), 0.0);
        assert!(Product::ONE.times(0.0).times(f64::INFINITY).value().is_nan());
        assert_eq!(Product::ONE.times(-3.0).times(7.0).value(), -21.0);
    }
}
