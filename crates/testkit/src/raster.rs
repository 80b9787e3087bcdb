//! A raster in memory, cheap to clone, comparable bit for bit.

use std::ops::Range;
use std::sync::Arc;

use swathe_core::{RasterInfo, Sample, Size, TileBuffer, Window, with_sample};

/// A raster with its pixels: what tests read from, write to and compare.
#[derive(Clone, Debug)]
pub struct Raster {
    /// What it is.
    pub info: RasterInfo,
    /// Its pixels, over [`RasterInfo::window`].
    pub pixels: Arc<TileBuffer>,
}

impl Raster {
    /// A raster of these pixels.
    ///
    /// # Panics
    /// If the buffer's window or kind is not the raster's.
    pub fn new(info: RasterInfo, pixels: TileBuffer) -> Self {
        assert_eq!(pixels.window(), info.window(), "pixels of another window");
        assert_eq!(pixels.kind(), info.kind(), "pixels of another kind");
        Raster { info, pixels: Arc::new(pixels) }
    }

    /// The same with some rows of another raster of the same kind.
    ///
    /// # Panics
    /// If it is of another.
    #[must_use]
    pub fn with_rows(&self, from: &Raster, rows: Range<usize>) -> Self {
        assert_eq!(from.info.size, self.info.size, "rows of a raster of another size");
        if rows.is_empty() {
            return self.clone();
        }
        let window = Window::new(0, rows.start as i64, self.info.size.width, rows.len());
        let mut pixels = TileBuffer::new(self.info.window(), self.info.kind());
        pixels.view_mut().copy_from(&self.pixels.view());
        pixels.view_mut().part(window, window).copy_from(&from.pixels.view().crop(window));
        Raster::new(self.info.clone(), pixels)
    }

    /// A raster without nodata and mask; `bands[b][y][x]`.
    ///
    /// # Panics
    /// If rows differ in length, or bands in their number of rows.
    pub fn literal<T: Sample>(bands: &[&[&[T]]]) -> Self {
        let size = Size::new(bands[0][0].len(), bands[0].len());
        let info = RasterInfo::new(size, bands.len(), T::TYPE);
        let mut pixels = TileBuffer::new(info.window(), info.kind());
        for (band, rows) in bands.iter().enumerate() {
            assert_eq!(rows.len(), size.height, "band {band} has another height");
            for (y, row) in rows.iter().enumerate() {
                pixels.view_mut().row_mut::<T>(band, y).copy_from_slice(row);
            }
        }
        Raster::new(info, pixels)
    }

    /// The samples of a band, row by row.
    ///
    /// # Panics
    /// If `T` is not the raster's sample type.
    pub fn rows<T: Sample>(&self, band: usize) -> Vec<Vec<T>> {
        (0..self.info.size.height).map(|y| self.pixels.view().row::<T>(band, y).to_vec()).collect()
    }

    /// Every sample as `f64`, band after band, row after row.
    pub fn reals(&self) -> Vec<f64> {
        let view = self.pixels.view();
        let mut reals = Vec::with_capacity(self.info.size.pixels() * self.info.bands);
        for band in 0..self.info.bands {
            for y in 0..self.info.size.height {
                with_sample!(self.info.sample_type, T => {
                    reals.extend(view.row::<T>(band, y).iter().map(|sample| sample.to_f64()));
                });
            }
        }
        reals
    }

    /// Where two rasters are not the same bit for bit, in words; `None` where they are. `NaN`s are compared by
    /// their bits too.
    pub fn difference(&self, other: &Raster) -> Option<String> {
        // In words, since a nodata value of `NaN` is the same as another.
        let (one, two) = (format!("{:?}", self.info), format!("{:?}", other.info));
        if one != two {
            return Some(format!("one is {one}, the other {two}"));
        }
        let (a, b) = (self.pixels.view(), other.pixels.view());
        let mut differing = 0_usize;
        let mut first = None;
        for y in 0..self.info.size.height {
            for band in 0..self.info.bands {
                with_sample!(self.info.sample_type, T => {
                    for (x, (one, two)) in a.row::<T>(band, y).iter().zip(b.row::<T>(band, y)).enumerate() {
                        if bytes(one) != bytes(two) {
                            differing += 1;
                            first.get_or_insert_with(|| {
                                format!(
                                    "band {band} at {x},{y}: {one:?} and {two:?} (bytes {:x?} and {:x?})",
                                    bytes(one), bytes(two)
                                )
                            });
                        }
                    }
                });
            }
            if a.mask_row(y) != b.mask_row(y) {
                differing += 1;
                first.get_or_insert_with(|| {
                    format!("mask row {y}: {:?} and {:?}", a.mask_row(y), b.mask_row(y))
                });
            }
        }
        first.map(|first| format!("{differing} differ, first {first}"))
    }

    /// Fails where two rasters are not the same bit for bit.
    ///
    /// # Panics
    /// Then, with `what` and the first difference.
    #[track_caller]
    pub fn assert_same(&self, other: &Raster, what: impl std::fmt::Display) {
        if let Some(difference) = self.difference(other) {
            panic!("{what}: {difference}");
        }
    }
}

fn bytes<T: Sample>(sample: &T) -> &[u8] {
    bytemuck::bytes_of(sample)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bit_is_a_difference() {
        let raster = Raster::literal::<f32>(&[&[&[1.0, 0.0], &[2.0, f32::NAN]]]);
        assert_eq!(raster.difference(&raster.clone()), None);
        let signed = Raster::literal::<f32>(&[&[&[1.0, -0.0], &[2.0, f32::NAN]]]);
        assert!(raster.difference(&signed).expect("a zero's sign counts").contains("at 1,0"));
        assert_eq!(raster.reals()[..3], [1.0, 0.0, 2.0]);
        assert_eq!(raster.rows::<f32>(0)[1][0], 2.0);
    }

    #[test]
    #[should_panic(expected = "here: ")]
    fn what_it_is_counts_too() {
        let raster = Raster::literal::<u8>(&[&[&[1]]]);
        let mut other = raster.clone();
        other.info.nodata = Some(swathe_core::Scalar::Integer(1));
        raster.assert_same(&other, "here");
    }
}
