//! Where the least and the greatest value of each band are.

use swathe_core::{
    NodataPolicy, RasterInfo, Reduction, Result, Sample, Scalar, TileView, Validity, with_sample,
};

/// Looks for the extremes of each band.
#[derive(Clone, Debug)]
pub struct ExtremesOf {
    info: RasterInfo,
    policy: NodataPolicy,
}

/// A value and the first pixel in raster order that has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// The value, exact.
    pub value: Scalar,
    /// Its column.
    pub x: u64,
    /// Its row.
    pub y: u64,
}

/// The extremes of one band.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Extremes {
    /// The least value; none where no pixel holds a number.
    pub minimum: Option<Place>,
    /// The greatest value.
    pub maximum: Option<Place>,
}

impl ExtremesOf {
    /// For rasters like `info`.
    pub fn new(info: &RasterInfo, policy: NodataPolicy) -> Self {
        ExtremesOf { info: info.clone(), policy }
    }
}

/// True where `one` is to be taken rather than `other`: less (or greater), or equal and earlier.
fn first(one: &Place, other: &Place, greatest: bool) -> bool {
    let order = match (one.value, other.value) {
        (Scalar::Integer(one), Scalar::Integer(other)) => one.cmp(&other),
        (one, other) => one.to_f64().partial_cmp(&other.to_f64()).unwrap_or(std::cmp::Ordering::Equal),
    };
    let order = if greatest { order.reverse() } else { order };
    order.then((one.y, one.x).cmp(&(other.y, other.x))).is_lt()
}

fn take(kept: &mut Option<Place>, found: Option<Place>, greatest: bool) {
    if let Some(found) = found
        && kept.is_none_or(|kept| first(&found, &kept, greatest))
    {
        *kept = Some(found);
    }
}

/// The first least, or greatest, value of a row.
fn of_row<T: Sample>(row: &[T], flags: &[u8], better: fn(T, T) -> bool) -> Option<(usize, T)> {
    let mut best: Option<(usize, T)> = None;
    for (x, (&sample, &flag)) in row.iter().zip(flags).enumerate() {
        if flag != 0 && !sample.is_nan() && best.is_none_or(|(_, kept)| better(sample, kept)) {
            best = Some((x, sample));
        }
    }
    best
}

impl Reduction for ExtremesOf {
    type Partial = Vec<Extremes>;

    fn partial_bytes(&self) -> usize {
        self.info.bands * size_of::<Extremes>() + self.info.size.width
    }

    fn begin(&self) -> Self::Partial {
        vec![Extremes::default(); self.info.bands]
    }

    fn add(&self, partial: &mut Self::Partial, tile: &TileView<'_>) -> Result<()> {
        let window = tile.window();
        with_sample!(self.info.sample_type, T => {
            let validity = Validity::<T>::new(&self.info, self.policy);
            let mut flags = vec![0; window.width];
            for (band, extremes) in partial.iter_mut().enumerate() {
                for y in 0..window.height {
                    validity.fill_row(tile, band, y, &mut flags);
                    let row = tile.row::<T>(band, y);
                    let place = |(x, value): (usize, T)| Place {
                        value: value.to_scalar(),
                        x: window.x as u64 + x as u64,
                        y: window.y as u64 + y as u64,
                    };
                    take(&mut extremes.minimum, of_row(row, &flags, |one, kept| one < kept).map(place), false);
                    take(&mut extremes.maximum, of_row(row, &flags, |one, kept| one > kept).map(place), true);
                }
            }
        });
        Ok(())
    }

    fn merge(&self, partial: &mut Self::Partial, other: Self::Partial) {
        for (extremes, other) in partial.iter_mut().zip(other) {
            take(&mut extremes.minimum, other.minimum, false);
            take(&mut extremes.maximum, other.maximum, true);
        }
    }
}
