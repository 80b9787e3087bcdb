//! What has to be known of a raster before its transform: its mean, and how much is left of its variance under a taper.

use swathe_core::{NodataPolicy, RasterInfo, Reduction, Result, TileView};

use super::Taper;
use crate::rows::{LoadRows, loader};

/// Gathers the sums of the first band, row by row, so that they are added in the same order whatever the tiles.
pub struct TaperedMoments {
    across: Vec<f64>,
    down: Vec<f64>,
    load: Box<dyn LoadRows<f64>>,
}

/// The sums of one row over the pixels that hold data: how many, their sum, and `w^2`, `w^2 v` and `w^2 v^2`, where `w`
/// is the taper along x and `v` the value less the row's first one.
#[derive(Clone, Copy, Debug, Default)]
struct RowSums {
    count: f64,
    origin: f64,
    sum: f64,
    weight: f64,
    weighted: f64,
    squares: f64,
}

/// The sums of some of the rows, and room for a row.
#[derive(Clone, Debug)]
pub struct RowMoments {
    rows: Vec<RowSums>,
    values: Vec<f64>,
    flags: Vec<u8>,
}

/// What to subtract from a raster's pixels and what is left then.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    /// The mean of the pixels that hold data, 0 where it is not to be subtracted.
    pub mean: f64,
    /// The sum of the squares of what is transformed: the tapered differences from the mean.
    pub energy: f64,
}

impl TaperedMoments {
    /// For the first band of rasters like `info`.
    pub fn new(info: &RasterInfo, policy: NodataPolicy, taper: Taper) -> Self {
        TaperedMoments {
            across: taper.weights(info.size.width),
            down: taper.weights(info.size.height),
            load: loader(info, policy),
        }
    }

    /// The level of the whole raster; `demean` says whether its mean is to be subtracted.
    pub fn level(&self, rows: &RowMoments, demean: bool) -> Level {
        let count: f64 = rows.rows.iter().map(|row| row.count).sum();
        let sum: f64 = rows.rows.iter().map(|row| row.sum + row.origin * row.count).sum();
        let mean = if demean && count > 0.0 { sum / count } else { 0.0 };
        let of_row = |row: &RowSums| {
            let origin = row.origin - mean;
            row.squares + 2.0 * origin * row.weighted + origin * origin * row.weight
        };
        let energy = rows.rows.iter().zip(&self.down).map(|(row, w)| w * w * of_row(row)).sum();
        Level { mean, energy }
    }
}

impl Reduction for TaperedMoments {
    type Partial = RowMoments;

    fn partial_bytes(&self) -> usize {
        self.down.len() * size_of::<RowSums>() + self.across.len() * (size_of::<f64>() + 1)
    }

    fn full_width(&self) -> bool {
        true
    }

    fn begin(&self) -> RowMoments {
        RowMoments {
            rows: vec![RowSums::default(); self.down.len()],
            values: vec![0.0; self.across.len()],
            flags: vec![0; self.across.len()],
        }
    }

    fn add(&self, partial: &mut RowMoments, tile: &TileView<'_>) -> Result<()> {
        let window = tile.window();
        let RowMoments { rows, values, flags } = partial;
        for y in 0..window.height {
            self.load.load_valid(tile, 0, y, values, flags);
            rows[window.y as usize + y] = row_sums(values, flags, &self.across);
        }
        Ok(())
    }

    fn merge(&self, partial: &mut RowMoments, other: RowMoments) {
        // Each row was gathered by one of them; the others hold zeros.
        for (row, other) in partial.rows.iter_mut().zip(other.rows) {
            if other.count > 0.0 {
                *row = other;
            }
        }
    }
}

/// Sums that do not wait for each other.
const LANES: usize = 8;

fn row_sums(values: &[f64], flags: &[u8], weights: &[f64]) -> RowSums {
    let Some(first) = flags.iter().position(|&flag| flag != 0) else { return RowSums::default() };
    let origin = values[first];
    let mut lanes = [[0.0; LANES]; 5];
    let chunks = values.chunks(LANES).zip(flags.chunks(LANES)).zip(weights.chunks(LANES));
    for ((values, flags), weights) in chunks {
        for (lane, ((&value, &flag), &weight)) in values.iter().zip(flags).zip(weights).enumerate() {
            let here = if flag == 0 { 0.0 } else { 1.0 };
            let value = if flag == 0 { 0.0 } else { value - origin };
            let square = weight * weight * here;
            lanes[0][lane] += here;
            lanes[1][lane] += value;
            lanes[2][lane] += square;
            lanes[3][lane] += square * value;
            lanes[4][lane] += square * value * value;
        }
    }
    let [count, sum, weight, weighted, squares] = lanes.map(|lanes| lanes.iter().sum());
    RowSums { count, origin, sum, weight, weighted, squares }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::raster;

    #[test]
    fn mean_and_energy_leave_out_what_is_no_data() {
        let mut pixels = raster::<u16>(&[&[&[7, 1000, 1004], &[1002, 7, 1006]]]);
        pixels.info.nodata = Some(swathe_core::Scalar::Integer(7));
        let sums = TaperedMoments::new(&pixels.info, NodataPolicy::Ignore, Taper::Hann);
        let mut partial = sums.begin();
        sums.add(&mut partial, &pixels.pixels.view()).unwrap();
        // Along x the weights are 0, 1, 0; along y both are 0.
        assert_eq!(sums.level(&partial, true), Level { mean: 1003.0, energy: 0.0 });
        let plain = TaperedMoments::new(&pixels.info, NodataPolicy::Ignore, Taper::None);
        let mut partial = plain.begin();
        plain.add(&mut partial, &pixels.pixels.view()).unwrap();
        assert_eq!(plain.level(&partial, true), Level { mean: 1003.0, energy: 9.0 + 1.0 + 1.0 + 9.0 });
        let squares = [1000.0_f64, 1004.0, 1002.0, 1006.0].map(|value| value * value).iter().sum();
        assert_eq!(plain.level(&partial, false), Level { mean: 0.0, energy: squares });
    }
}
