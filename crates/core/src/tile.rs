//! Tiles: pixels of a window in memory, as owned buffers and as borrowed views with strides.
//!
//! Layout: band after band, row after row, samples in native byte order; optionally one mask of a byte per pixel
//! (0 = no data, anything else = data) that holds for all bands.

use ndarray::{ArrayView3, ShapeBuilder};

use crate::geometry::Window;
use crate::memory::Words;
use crate::sample::{Sample, SampleType};
use crate::scratch::{CACHE_LINE, cache_line_start};

/// What a tile holds besides its window: how many bands, of which type, with a mask or without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TileKind {
    /// Number of bands.
    pub bands: usize,
    /// Type of every sample.
    pub sample_type: SampleType,
    /// Whether a mask goes with the pixels.
    pub mask: bool,
}

impl TileKind {
    /// Bytes that a buffer for `window` takes.
    pub const fn bytes(self, window: Window) -> usize {
        let pixels = window.size().pixels();
        let mask = if self.mask { pixels } else { 0 };
        pixels
            .saturating_mul(self.bands)
            .saturating_mul(self.sample_type.size())
            .saturating_add(mask)
            .saturating_add(CACHE_LINE + size_of::<u64>())
    }
}

/// An owned, reusable tile. Its memory grows to the largest window it has held and stays.
#[derive(Debug)]
pub struct TileBuffer {
    storage: Words,
    window: Window,
    kind: TileKind,
}

impl TileBuffer {
    /// A buffer that holds nothing yet, with memory for `bytes` bytes taken.
    pub fn with_capacity(bytes: usize) -> Self {
        TileBuffer {
            storage: Words::zeroed(bytes.div_ceil(size_of::<u64>())),
            window: Window::new(0, 0, 0, 0),
            kind: TileKind { bands: 1, sample_type: SampleType::U8, mask: false },
        }
    }

    /// A buffer of zeros for `window`.
    pub fn new(window: Window, kind: TileKind) -> Self {
        let mut buffer = TileBuffer::with_capacity(kind.bytes(window));
        buffer.reset(window, kind);
        buffer
    }

    /// Gives the buffer another window and kind. What the pixels are afterwards is not defined.
    pub fn reset(&mut self, window: Window, kind: TileKind) {
        let words = kind.bytes(window).div_ceil(size_of::<u64>());
        self.storage.at_least(words);
        self.window = window;
        self.kind = kind;
    }

    /// The window that the buffer stands for.
    pub fn window(&self) -> Window {
        self.window
    }

    /// What the buffer holds.
    pub fn kind(&self) -> TileKind {
        self.kind
    }

    /// The pixels to read.
    pub fn view(&self) -> TileView<'_> {
        TileView::of(&self.storage[cache_line_start(&self.storage)..], self.window, self.kind)
    }

    /// The pixels to write.
    pub fn view_mut(&mut self) -> TileMut<'_> {
        let start = cache_line_start(&self.storage);
        TileMut::over(&mut self.storage[start..], self.window, self.kind)
    }
}

/// A borrowed tile to read: `bands` planes of `window.height` rows, with strides in bytes.
#[derive(Clone, Copy, Debug)]
pub struct TileView<'a> {
    window: Window,
    kind: TileKind,
    row_stride: usize,
    band_stride: usize,
    data: &'a [u8],
    mask: Option<&'a [u8]>,
    mask_stride: usize,
}

impl<'a> TileView<'a> {
    /// A view of the memory that [`TileMut::over`] filled for the same window and kind.
    ///
    /// # Panics
    /// If the memory is too short.
    pub fn of(memory: &'a [u64], window: Window, kind: TileKind) -> Self {
        let pixels = window.size().pixels();
        let row_stride = window.width * kind.sample_type.size();
        let band_stride = pixels * kind.sample_type.size();
        let bytes: &[u8] = bytemuck::cast_slice(memory);
        let (data, rest) = bytes.split_at(band_stride * kind.bands);
        let mask = kind.mask.then(|| &rest[..pixels]);
        TileView { window, kind, row_stride, band_stride, data, mask, mask_stride: window.width }
    }

    /// A view of one or more bands that lie in `data` with the given strides in bytes, no mask.
    ///
    /// Returns `None` where `data` is not aligned for the type or too short for the shape, so that a mapped
    /// file can be offered as it is and copied where it cannot.
    pub fn from_bytes(
        window: Window,
        bands: usize,
        sample_type: SampleType,
        data: &'a [u8],
        row_stride: usize,
        band_stride: usize,
    ) -> Option<Self> {
        let size = sample_type.size();
        let row_bytes = window.width.checked_mul(size)?;
        let last = (bands.checked_sub(1)?)
            .checked_mul(band_stride)?
            .checked_add(window.height.checked_sub(1)?.checked_mul(row_stride)?)?
            .checked_add(row_bytes)?;
        let aligned = (data.as_ptr() as usize).is_multiple_of(size)
            && row_stride.is_multiple_of(size)
            && band_stride.is_multiple_of(size);
        let kind = TileKind { bands, sample_type, mask: false };
        (aligned && last <= data.len() && row_stride >= row_bytes).then_some(TileView {
            window,
            kind,
            row_stride,
            band_stride,
            data,
            mask: None,
            mask_stride: 0,
        })
    }

    /// The window that the view stands for, in pixels of its raster.
    pub fn window(&self) -> Window {
        self.window
    }

    /// What the view holds.
    pub fn kind(&self) -> TileKind {
        self.kind
    }

    /// Number of bands.
    pub fn bands(&self) -> usize {
        self.kind.bands
    }

    /// The type of its samples.
    pub fn sample_type(&self) -> SampleType {
        self.kind.sample_type
    }

    /// Row `y`, counted from the view's top, of `band`; `window.width` samples long.
    ///
    /// # Panics
    /// If `T` is not the view's sample type, or `band` or `y` is out of range: the binding went wrong.
    #[inline]
    pub fn row<T: Sample>(&self, band: usize, y: usize) -> &'a [T] {
        assert_eq!(T::TYPE, self.kind.sample_type, "tile bound to the wrong type");
        bytemuck::cast_slice(self.row_bytes(band, y))
    }

    /// The bytes of row `y` of `band`, native order.
    #[inline]
    pub fn row_bytes(&self, band: usize, y: usize) -> &'a [u8] {
        assert!(
            band < self.kind.bands && y < self.window.height,
            "row {y} of band {band} is outside the tile"
        );
        &self.data[band * self.band_stride + y * self.row_stride..]
            [..self.window.width * self.kind.sample_type.size()]
    }

    /// The bytes of `count` rows of `band` from row `y` on, where nothing lies between them: of whole rows of a buffer, and of one row.
    ///
    /// # Panics
    /// As [`TileView::row_bytes`].
    pub fn rows_bytes(&self, band: usize, y: usize, count: usize) -> Option<&'a [u8]> {
        let rows = rows_together(self.window, self.kind, self.row_stride, y, count)?;
        assert!(band < self.kind.bands, "band {band} is outside the tile");
        Some(&self.data[band * self.band_stride..][rows])
    }

    /// Row `y` of the mask, where there is one: 0 = no data.
    #[inline]
    pub fn mask_row(&self, y: usize) -> Option<&'a [u8]> {
        self.mask.map(|mask| &mask[y * self.mask_stride..][..self.window.width])
    }

    /// The part of the view that `window` covers, in the same pixel coordinates.
    ///
    /// # Panics
    /// If `window` is empty or reaches outside the view.
    pub fn crop(&self, window: Window) -> TileView<'a> {
        assert!(self.window.contains(window) && !window.is_empty(), "{window} is outside {}", self.window);
        let (dx, dy) = ((window.x - self.window.x) as usize, (window.y - self.window.y) as usize);
        TileView {
            window,
            data: &self.data[dy * self.row_stride + dx * self.kind.sample_type.size()..],
            mask: self.mask.map(|mask| &mask[dy * self.mask_stride + dx..]),
            ..*self
        }
    }

    /// The part of the view that `part` covers, renamed to the window `name` of the same size.
    ///
    /// # Panics
    /// If `part` is empty or outside the view, or the sizes differ.
    pub fn part(&self, part: Window, name: Window) -> TileView<'a> {
        assert_eq!(part.size(), name.size(), "a window is renamed, not resized");
        TileView { window: name, ..self.crop(part) }
    }

    /// The pixels as an ndarray of shape (bands, height, width).
    pub fn array<T: Sample>(&self) -> ArrayView3<'a, T> {
        assert_eq!(T::TYPE, self.kind.sample_type, "tile bound to the wrong type");
        let size = size_of::<T>();
        let samples: &[T] = bytemuck::cast_slice(&self.data[..self.data.len() / size * size]);
        let shape = (self.kind.bands, self.window.height, self.window.width);
        let strides = (self.band_stride / size, self.row_stride / size, 1);
        // The constructors guarantee that the last sample of this shape lies inside `data`.
        ArrayView3::from_shape(shape.strides(strides), samples).expect("strides checked at construction")
    }
}

/// Where `count` rows of a band lie from row `y` on, where nothing lies between them.
fn rows_together(
    window: Window,
    kind: TileKind,
    row_stride: usize,
    y: usize,
    count: usize,
) -> Option<std::ops::Range<usize>> {
    assert!(
        count <= window.height && y <= window.height - count,
        "{count} rows from {y} on are not in the tile"
    );
    let row = window.width * kind.sample_type.size();
    let start = y * row_stride;
    (count == 1 || row == row_stride).then(|| start..start + count * row)
}

/// A borrowed tile to fill, with strides in bytes.
#[derive(Debug)]
pub struct TileMut<'a> {
    window: Window,
    kind: TileKind,
    row_stride: usize,
    band_stride: usize,
    data: &'a mut [u8],
    mask: Option<&'a mut [u8]>,
    mask_stride: usize,
}

impl<'a> TileMut<'a> {
    /// A tile laid over memory of at least [`TileKind::bytes`] bytes.
    ///
    /// # Panics
    /// If the memory is too small.
    pub fn over(memory: &'a mut [u64], window: Window, kind: TileKind) -> Self {
        let pixels = window.size().pixels();
        let (row_stride, band_stride) =
            (window.width * kind.sample_type.size(), pixels * kind.sample_type.size());
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(memory);
        let (data, rest) = bytes.split_at_mut(band_stride * kind.bands);
        let mask = if kind.mask { Some(&mut rest[..pixels]) } else { None };
        TileMut { window, kind, row_stride, band_stride, data, mask, mask_stride: window.width }
    }
}

impl TileMut<'_> {
    /// The window that the tile stands for.
    pub fn window(&self) -> Window {
        self.window
    }

    /// What the tile holds.
    pub fn kind(&self) -> TileKind {
        self.kind
    }

    /// Number of bands.
    pub fn bands(&self) -> usize {
        self.kind.bands
    }

    /// The type of its samples.
    pub fn sample_type(&self) -> SampleType {
        self.kind.sample_type
    }

    /// Row `y`, counted from the tile's top, of `band`.
    ///
    /// # Panics
    /// If `T` is not the tile's sample type, or `band` or `y` is out of range: the binding went wrong.
    #[inline]
    pub fn row_mut<T: Sample>(&mut self, band: usize, y: usize) -> &mut [T] {
        assert_eq!(T::TYPE, self.kind.sample_type, "tile bound to the wrong type");
        bytemuck::cast_slice_mut(self.row_bytes_mut(band, y))
    }

    /// The bytes of row `y` of `band`, native order.
    #[inline]
    pub fn row_bytes_mut(&mut self, band: usize, y: usize) -> &mut [u8] {
        assert!(
            band < self.kind.bands && y < self.window.height,
            "row {y} of band {band} is outside the tile"
        );
        let length = self.window.width * self.kind.sample_type.size();
        &mut self.data[band * self.band_stride + y * self.row_stride..][..length]
    }

    /// As [`TileView::rows_bytes`], to fill.
    ///
    /// # Panics
    /// As [`TileMut::row_bytes_mut`].
    pub fn rows_bytes_mut(&mut self, band: usize, y: usize, count: usize) -> Option<&mut [u8]> {
        let rows = rows_together(self.window, self.kind, self.row_stride, y, count)?;
        assert!(band < self.kind.bands, "band {band} is outside the tile");
        Some(&mut self.data[band * self.band_stride..][rows])
    }

    /// Row `y` of `band`, which must not be the first, behind the row above it.
    ///
    /// # Panics
    /// As [`TileMut::row_mut`], and if `y` is 0.
    pub fn row_below<T: Sample>(&mut self, band: usize, y: usize) -> (&[T], &mut [T]) {
        assert_eq!(T::TYPE, self.kind.sample_type, "tile bound to the wrong type");
        assert!(
            band < self.kind.bands && y > 0 && y < self.window.height,
            "row {y} of band {band} has none above it in the tile"
        );
        let length = self.window.width * self.kind.sample_type.size();
        let (above, below) = self.data.split_at_mut(band * self.band_stride + y * self.row_stride);
        let start = above.len() - self.row_stride;
        (bytemuck::cast_slice(&above[start..][..length]), bytemuck::cast_slice_mut(&mut below[..length]))
    }

    /// The pixels to read.
    pub fn view(&self) -> TileView<'_> {
        TileView {
            window: self.window,
            kind: self.kind,
            row_stride: self.row_stride,
            band_stride: self.band_stride,
            data: self.data,
            mask: self.mask.as_deref(),
            mask_stride: self.mask_stride,
        }
    }

    /// Row `y` of the mask, where there is one: 0 = no data.
    #[inline]
    pub fn mask_row_mut(&mut self, y: usize) -> Option<&mut [u8]> {
        let width = self.window.width;
        self.mask.as_deref_mut().map(|mask| &mut mask[y * self.mask_stride..][..width])
    }

    /// The bytes of row `y` of `band`, to read, and the mask's row `y`, to write.
    ///
    /// # Panics
    /// If the tile has no such band or row.
    pub fn row_and_mask(&mut self, band: usize, y: usize) -> (&[u8], Option<&mut [u8]>) {
        assert!(
            band < self.kind.bands && y < self.window.height,
            "row {y} of band {band} is outside the tile"
        );
        let width = self.window.width;
        let start = band * self.band_stride + y * self.row_stride;
        let row = &self.data[start..][..width * self.kind.sample_type.size()];
        (row, self.mask.as_deref_mut().map(|mask| &mut mask[y * self.mask_stride..][..width]))
    }

    /// The same tile, borrowed for less time.
    pub fn reborrow(&mut self) -> TileMut<'_> {
        TileMut {
            window: self.window,
            kind: self.kind,
            row_stride: self.row_stride,
            band_stride: self.band_stride,
            data: self.data,
            mask: self.mask.as_deref_mut(),
            mask_stride: self.mask_stride,
        }
    }

    /// The part of the tile that `part` covers, in the tile's own pixel coordinates, renamed to the window `name`
    /// of the same size (a wrapped margin is filled from the other side of the raster).
    ///
    /// # Panics
    /// If `part` is empty or outside the tile, or the sizes differ.
    pub fn part(&mut self, part: Window, name: Window) -> TileMut<'_> {
        assert!(self.window.contains(part) && !part.is_empty(), "{part} is outside {}", self.window);
        assert_eq!(part.size(), name.size(), "a window is renamed, not resized");
        let (dx, dy) = ((part.x - self.window.x) as usize, (part.y - self.window.y) as usize);
        let mask_stride = self.mask_stride;
        TileMut {
            window: name,
            kind: self.kind,
            row_stride: self.row_stride,
            band_stride: self.band_stride,
            data: &mut self.data[dy * self.row_stride + dx * self.kind.sample_type.size()..],
            mask: self.mask.as_deref_mut().map(|mask| &mut mask[dy * mask_stride + dx..]),
            mask_stride,
        }
    }

    /// Copies row `from` of every band, and of the mask, to row `to`, both counted from the tile's top.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn copy_row(&mut self, from: usize, to: usize) {
        let row = |y: usize| Window::new(self.window.x, self.window.y + y as i64, self.window.width, 1);
        self.copy_part(row(from), row(to));
    }

    /// Copies one part of the tile, with its mask, to another of the same size that has no pixel in common with it.
    ///
    /// # Panics
    /// If the sizes differ or a part is outside the tile.
    pub fn copy_part(&mut self, from: Window, to: Window) {
        assert_eq!(from.size(), to.size(), "parts of different sizes");
        assert!(
            self.window.contains(from) && self.window.contains(to),
            "{from} or {to} is outside {}",
            self.window
        );
        let place = |part: Window| ((part.x - self.window.x) as usize, (part.y - self.window.y) as usize);
        let ((from_x, from_y), (to_x, to_y)) = (place(from), place(to));
        let size = self.kind.sample_type.size();
        for y in 0..from.height {
            for band in 0..self.kind.bands {
                let start = |x: usize, y: usize| band * self.band_stride + y * self.row_stride + x * size;
                let source = start(from_x, from_y + y);
                self.data.copy_within(source..source + from.width * size, start(to_x, to_y + y));
            }
            let stride = self.mask_stride;
            if let Some(mask) = self.mask.as_deref_mut() {
                let source = (from_y + y) * stride + from_x;
                mask.copy_within(source..source + from.width, (to_y + y) * stride + to_x);
            }
        }
    }

    /// Copies every pixel, and the mask, from `source`, which has the same size and kind. A mask that only the
    /// target has becomes all data.
    ///
    /// # Panics
    /// If sizes, bands or types differ.
    pub fn copy_from(&mut self, source: &TileView<'_>) {
        assert_eq!(self.window.size(), source.window.size(), "tiles of different sizes");
        assert_eq!(self.kind.bands, source.kind.bands, "tiles of different band counts");
        assert_eq!(self.kind.sample_type, source.kind.sample_type, "tiles of different types");
        for band in 0..self.kind.bands {
            for y in 0..self.window.height {
                self.row_bytes_mut(band, y).copy_from_slice(source.row_bytes(band, y));
            }
        }
        for y in 0..self.window.height {
            if let Some(row) = self.mask_row_mut(y) {
                match source.mask_row(y) {
                    Some(from) => row.copy_from_slice(from),
                    None => row.fill(u8::MAX),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Size;

    const KIND: TileKind = TileKind { bands: 2, sample_type: SampleType::I16, mask: true };

    fn ramp() -> TileBuffer {
        let mut buffer = TileBuffer::new(Window::new(10, 20, 4, 3), KIND);
        let mut tile = buffer.view_mut();
        for band in 0..2 {
            for y in 0..3 {
                for (x, value) in tile.row_mut::<i16>(band, y).iter_mut().enumerate() {
                    *value = (100 * band + 10 * y + x) as i16;
                }
                tile.mask_row_mut(y).unwrap().fill(y as u8);
            }
        }
        buffer
    }

    #[test]
    fn parts_keep_their_coordinates() {
        let buffer = ramp();
        let crop = buffer.view().crop(Window::new(11, 21, 2, 2));
        assert_eq!(crop.row::<i16>(1, 0), [111, 112]);
        assert_eq!(crop.mask_row(1).unwrap(), [2, 2]);
        let array = crop.array::<i16>();
        assert_eq!(array.dim(), (2, 2, 2));
        assert_eq!(array[[0, 1, 1]], 22);
    }

    #[test]
    fn rows_lie_together_where_nothing_is_between_them() {
        let mut buffer = ramp();
        let whole = buffer.view();
        let rows = whole.rows_bytes(1, 1, 2).unwrap();
        assert_eq!(bytemuck::cast_slice::<u8, i16>(rows), [110, 111, 112, 113, 120, 121, 122, 123]);
        let crop = whole.crop(Window::new(11, 21, 2, 2));
        assert!(crop.rows_bytes(0, 0, 2).is_none());
        assert_eq!(crop.rows_bytes(0, 1, 1), Some(crop.row_bytes(0, 1)));
        buffer.view_mut().rows_bytes_mut(0, 0, 3).unwrap().fill(0);
        assert_eq!(buffer.view().row::<i16>(0, 2), [0; 4]);
        assert_eq!(buffer.view().row::<i16>(1, 0), [100, 101, 102, 103]);
    }

    #[test]
    fn parts_are_filled_in_place() {
        let mut buffer = ramp();
        let mut tile = buffer.view_mut();
        let mut part = tile.part(Window::new(12, 20, 2, 1), Window::new(0, 0, 2, 1));
        assert_eq!(part.window(), Window::whole(Size::new(2, 1)));
        part.row_mut::<i16>(1, 0).fill(-1);
        tile.copy_row(0, 2);
        tile.copy_part(Window::new(12, 20, 2, 2), Window::new(10, 20, 2, 2));
        assert_eq!(buffer.view().row::<i16>(1, 2), [100, 101, -1, -1]);
        assert_eq!(buffer.view().mask_row(2).unwrap(), [0; 4]);
    }

    #[test]
    fn short_or_crooked_bytes_are_refused() {
        let words = [0_u32; 8];
        let bytes: &[u8] = bytemuck::cast_slice(&words);
        let window = Window::new(0, 0, 4, 2);
        assert!(TileView::from_bytes(window, 1, SampleType::F32, bytes, 16, 0).is_some());
        assert!(TileView::from_bytes(window, 1, SampleType::F32, &bytes[1..], 16, 0).is_none());
        assert!(TileView::from_bytes(window, 1, SampleType::F32, &bytes[4..], 16, 0).is_none());
        assert!(TileView::from_bytes(window, 2, SampleType::F32, bytes, 16, 32).is_none());
    }
}
