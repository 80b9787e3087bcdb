//! Where a raster lies on the earth. Kept as the file had it; only what an operator changes is changed.

use crate::geometry::Size;

/// The affine map from pixel corners to map coordinates, in GDAL's order:
/// `map_x = c[0] + column * c[1] + row * c[2]`, `map_y = c[3] + column * c[4] + row * c[5]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GeoTransform(pub [f64; 6]);

impl GeoTransform {
    /// The map coordinates of a point in pixels; (0, 0) is the outer corner of the first pixel.
    pub fn apply(self, column: f64, row: f64) -> (f64, f64) {
        let c = self.0;
        (c[0] + column * c[1] + row * c[2], c[3] + column * c[4] + row * c[5])
    }

    /// The transform of a raster whose pixel `(i, j)` covers `scale_x` by `scale_y` pixels of this one,
    /// from `(x + i * scale_x, y + j * scale_y)` on.
    pub fn resampled(self, x: f64, y: f64, scale_x: f64, scale_y: f64) -> Self {
        let (origin_x, origin_y) = self.apply(x, y);
        let c = self.0;
        GeoTransform([origin_x, c[1] * scale_x, c[2] * scale_y, origin_y, c[4] * scale_x, c[5] * scale_y])
    }
}

/// A ground control point: a place in the raster (pixels) and on the map.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ControlPoint {
    /// Column, row and layer in the raster.
    pub raster: [f64; 3],
    /// Coordinates on the map.
    pub map: [f64; 3],
}

/// The GeoTIFF keys that name the coordinate reference system, as stored (OGC 19-008r4).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GeoKeys {
    /// The key directory: a header of four values, then four for each key.
    pub directory: Vec<u16>,
    /// Values of floating-point keys.
    pub doubles: Vec<f64>,
    /// Values of text keys.
    pub text: String,
}

impl GeoKeys {
    /// Keys that name EPSG's `code`, of degrees where `geographic` says so, for pixels that are areas.
    pub fn of_code(code: u16, geographic: bool) -> Self {
        // Model type, raster type, and the system's code.
        let (model, key) = if geographic { (2, 2048) } else { (1, 3072) };
        let directory = vec![1, 1, 0, 3, 1024, 0, 1, model, 1025, 0, 1, 1, key, 0, 1, code];
        GeoKeys { directory, ..GeoKeys::default() }
    }

    /// Whether EPSG's codes about `code` are of systems in degrees.
    pub fn is_geographic_code(code: u16) -> bool {
        (4000..5000).contains(&code)
    }

    /// The value of a key stored in the directory itself.
    pub fn short(&self, key: u16) -> Option<u16> {
        self.entries().find(|entry| entry[0] == key && entry[1] == 0).map(|entry| entry[3])
    }

    /// The text of a key, without its closing bar.
    pub fn text_of(&self, key: u16) -> Option<&str> {
        let entry = self.entries().find(|entry| entry[0] == key && entry[1] == 34737)?;
        let (start, length) = (usize::from(entry[3]), usize::from(entry[2]));
        self.text.get(start..start.checked_add(length)?).map(|text| text.trim_end_matches(['|', '\0']))
    }

    fn entries(&self) -> impl Iterator<Item = [u16; 4]> + '_ {
        self.directory.chunks_exact(4).skip(1).filter_map(|entry| entry.try_into().ok())
    }

    /// The EPSG code of the projected, or else the geographic, system, where the keys name one.
    pub fn epsg(&self) -> Option<u16> {
        // 32767 says "user defined".
        let known = |key| self.short(key).filter(|&code| code != 0 && code != 32767);
        known(3072).or_else(|| known(2048))
    }
}

/// Everything that says where a raster lies.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Georeferencing {
    /// The affine map from pixels to the map, where there is one.
    pub transform: Option<GeoTransform>,
    /// The coordinate reference system as GeoTIFF keys.
    pub keys: Option<GeoKeys>,
    /// The coordinate reference system as text, where a format keeps it so (ENVI, Zarr).
    pub wkt: Option<String>,
    /// Ground control points, where they stand instead of a transform.
    pub control_points: Vec<ControlPoint>,
    /// Whether values stand for points at pixel centres rather than for areas (`AREA_OR_POINT=Point`).
    pub pixel_is_point: bool,
}

impl Georeferencing {
    /// What holds for a raster whose pixels cover `scale_x` by `scale_y` pixels of this one, from `(x, y)` on.
    pub fn resampled(&self, x: f64, y: f64, scale_x: f64, scale_y: f64) -> Self {
        let mut changed = self.clone();
        changed.transform = self.transform.map(|transform| transform.resampled(x, y, scale_x, scale_y));
        for point in &mut changed.control_points {
            point.raster[0] = (point.raster[0] - x) / scale_x;
            point.raster[1] = (point.raster[1] - y) / scale_y;
        }
        changed
    }

    /// What holds for a raster of `from` pixels resized to `to` pixels.
    pub fn resized(&self, from: Size, to: Size) -> Self {
        let scale = |from: usize, to: usize| from as f64 / to as f64;
        self.resampled(0.0, 0.0, scale(from.width, to.width), scale(from.height, to.height))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_moves_the_origin() {
        let transform = GeoTransform([400_000.0, 10.0, 0.0, 5_300_000.0, 0.0, -10.0]);
        assert_eq!(
            transform.resampled(3.0, 2.0, 1.0, 1.0).0,
            [400_030.0, 10.0, 0.0, 5_299_980.0, 0.0, -10.0]
        );
        assert_eq!(
            transform.resampled(0.0, 0.0, 2.0, 4.0).0,
            [400_000.0, 20.0, 0.0, 5_300_000.0, 0.0, -40.0]
        );
    }

    #[test]
    fn keys_are_found() {
        let keys = GeoKeys {
            directory: vec![1, 1, 0, 3, 1024, 0, 1, 1, 3072, 0, 1, 32633, 1026, 34737, 5, 0],
            doubles: vec![],
            text: "abcd|".into(),
        };
        assert_eq!(keys.epsg(), Some(32633));
        assert_eq!(keys.text_of(1026), Some("abcd"));
        assert_eq!(keys.short(1026), None);
        assert_eq!(GeoKeys { directory: vec![1, 1], ..keys }.epsg(), None);
    }
}
