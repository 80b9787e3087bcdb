//! `flip`, `rotate90` and `transpose`: the same pixels in another order.
//!
//! *Formula*: see each description. *Units*: the input's. *Halo*: none; a tile needs its mirror image. *Boundary*: none.
//! *Types*: any, unchanged. *Nodata*: kept, masks too. *Cost per pixel*: one copy. *Source*: `numpy.flip`, `rot90`,
//! `transpose`, and their agreement is exact.
//!
//! ```
//! use swathe_core::{Parameters, RasterInfo, SampleType, Size, TileBuffer, Scratch, Value, Window};
//!
//! let spec = swathe_operators::find("rotate90").unwrap();
//! let info = RasterInfo::new(Size::new(3, 1), 1, SampleType::U8);
//! let operator = (spec.bind)(&Parameters::check(spec.parameters, [])?, &[info.clone()])?;
//! let window = Window::new(0, 0, 1, 3);
//! # let mut input = TileBuffer::new(operator.need(0, window), info.kind());
//! input.view_mut().row_mut(0, 0).copy_from_slice(&[1_u8, 2, 3]);
//! # let mut output = TileBuffer::new(window, operator.output().kind());
//! operator.process(&[input.view()], &mut output.view_mut(), &mut Scratch::default().frame())?;
//! assert_eq!([0, 1, 2].map(|y| output.view().row::<u8>(0, y)[0]), [3, 2, 1]);
//! # Ok::<(), swathe_core::Error>(())
//! ```

use swathe_core::{
    Documentation, Edge, Frame, GeoTransform, Group, Halo, Operator, OperatorSpec, Parameter, ParameterKind,
    Parameters, RasterInfo, Result, Size, TileMut, TileView, Window,
};

const HALO: &str = "none; a tile needs the part of the input that it shows";
const TYPES: &str = "any, unchanged";
const NODATA: &str = "kept as it is, masks too";
const COST: &str = "one copy; columns become rows in squares that fit the processor's cache";

/// The description of `flip`.
pub static FLIP: OperatorSpec = OperatorSpec {
    name: "flip",
    group: Group::Geometry,
    summary: "mirrored from west to east, from north to south, or both",
    inputs: (1, 1),
    parameters: &[Parameter::optional(
        "axis",
        ParameterKind::Choice(&["x", "y", "both"]),
        Some("x"),
        "x: west becomes east; y: north becomes south",
    )],
    documentation: Documentation {
        formula: "out(y, x) = in(y, W - 1 - x) for axis x, in(H - 1 - y, x) for y; the georeferencing follows the pixels",
        halo: HALO,
        types: TYPES,
        nodata: NODATA,
        cost: COST,
        source: "numpy.flip",
        agrees: "numpy.flip, vips flip, exactly",
        example: "swathe flip scene.tif mirrored.tif --axis y",
    },
    trials: &["", "axis=y", "axis=both"],
    bind: |parameters, inputs| {
        let axis = parameters.text("axis").unwrap_or("x");
        Ok(bind(&inputs[0], Way { transposed: false, mirror_x: axis != "y", mirror_y: axis != "x" }))
    },
};

/// The description of `rotate90`.
pub static ROTATE90: OperatorSpec = OperatorSpec {
    name: "rotate90",
    group: Group::Geometry,
    summary: "turned by quarters of a circle, counterclockwise",
    inputs: (1, 1),
    parameters: &[Parameter::optional(
        "times",
        ParameterKind::Integer { least: 1, greatest: 3 },
        Some("1"),
        "quarters, counterclockwise",
    )],
    documentation: Documentation {
        formula: "once: out(y, x) = in(x, W - 1 - y); the georeferencing follows the pixels",
        halo: HALO,
        types: TYPES,
        nodata: NODATA,
        cost: COST,
        source: "numpy.rot90",
        agrees: "numpy.rot90, exactly; vips rot turns clockwise",
        example: "swathe rotate90 scene.tif turned.tif --times 3",
    },
    trials: &["", "times=2", "times=3"],
    bind: |parameters, inputs| {
        let way = match parameters.integer("times")? {
            Some(2) => Way { transposed: false, mirror_x: true, mirror_y: true },
            Some(3) => Way { transposed: true, mirror_x: false, mirror_y: true },
            _ => Way { transposed: true, mirror_x: true, mirror_y: false },
        };
        Ok(bind(&inputs[0], way))
    },
};

/// The description of `transpose`.
pub static TRANSPOSE: OperatorSpec = OperatorSpec {
    name: "transpose",
    group: Group::Geometry,
    summary: "rows become columns",
    inputs: (1, 1),
    parameters: &[],
    documentation: Documentation {
        formula: "out(y, x) = in(x, y); the georeferencing follows the pixels",
        halo: HALO,
        types: TYPES,
        nodata: NODATA,
        cost: COST,
        source: "numpy.transpose",
        agrees: "numpy.transpose of each band, exactly",
        example: "swathe transpose scene.tif across.tif",
    },
    trials: &[""],
    bind: |_: &Parameters, inputs| {
        Ok(bind(&inputs[0], Way { transposed: true, mirror_x: false, mirror_y: false }))
    },
};

/// From a place in the output to one in the input: columns and rows are exchanged first, then mirrored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Way {
    transposed: bool,
    /// Whether the input's columns run backward.
    mirror_x: bool,
    /// Whether the input's rows run backward.
    mirror_y: bool,
}

struct Reorient {
    input: Size,
    output: RasterInfo,
    way: Way,
}

impl Way {
    /// The corner of the input that a corner of the output is; both count from the outer corner of the first pixel.
    fn corner(self, x: f64, y: f64, input: Size) -> (f64, f64) {
        let (x, y) = if self.transposed { (y, x) } else { (x, y) };
        let mirrored =
            |place: f64, length: usize, mirror: bool| if mirror { length as f64 - place } else { place };
        (mirrored(x, input.width, self.mirror_x), mirrored(y, input.height, self.mirror_y))
    }

    /// The reverse of [`Way::corner`].
    fn corner_back(self, x: f64, y: f64, input: Size) -> (f64, f64) {
        let mirrored =
            |place: f64, length: usize, mirror: bool| if mirror { length as f64 - place } else { place };
        let (x, y) = (mirrored(x, input.width, self.mirror_x), mirrored(y, input.height, self.mirror_y));
        if self.transposed { (y, x) } else { (x, y) }
    }
}

fn bind(input: &RasterInfo, way: Way) -> Box<dyn Operator> {
    let mut output = input.clone();
    let size = input.size;
    output.size = if way.transposed { Size::new(size.height, size.width) } else { size };
    output.georeferencing.transform = input.georeferencing.transform.map(|transform| {
        let map = |x: f64, y: f64| {
            let (x, y) = way.corner(x, y, size);
            transform.apply(x, y)
        };
        let (origin, right, below) = (map(0.0, 0.0), map(1.0, 0.0), map(0.0, 1.0));
        GeoTransform([
            origin.0,
            right.0 - origin.0,
            below.0 - origin.0,
            origin.1,
            right.1 - origin.1,
            below.1 - origin.1,
        ])
    });
    for point in &mut output.georeferencing.control_points {
        (point.raster[0], point.raster[1]) = way.corner_back(point.raster[0], point.raster[1], size);
    }
    Box::new(Reorient { input: size, output, way })
}

impl Reorient {
    /// The pixel of the input that stands at a pixel of the output.
    fn pixel(&self, x: i64, y: i64) -> (i64, i64) {
        let (x, y) = if self.way.transposed { (y, x) } else { (x, y) };
        let mirrored =
            |place: i64, length: usize, mirror: bool| if mirror { length as i64 - 1 - place } else { place };
        (mirrored(x, self.input.width, self.way.mirror_x), mirrored(y, self.input.height, self.way.mirror_y))
    }

    /// Copies bytes of samples, `N` each, row by row.
    fn copy<'a, const N: usize>(
        &self,
        seen: Window,
        window: Window,
        row_of: impl Fn(usize) -> &'a [u8],
        mut row_to: impl FnMut(usize, usize, &[u8]),
    ) {
        /// Sides of the squares in which columns become rows.
        const SIDE: usize = 32;
        let place = |x: usize, y: usize| {
            let (x, y) = self.pixel(window.x + x as i64, window.y + y as i64);
            ((x - seen.x) as usize, (y - seen.y) as usize)
        };
        let mut piece = [[0; N]; SIDE];
        for top in (0..window.height).step_by(SIDE) {
            for left in (0..window.width).step_by(SIDE) {
                let width = SIDE.min(window.width - left);
                for y in top..window.height.min(top + SIDE) {
                    for (x, sample) in piece[..width].iter_mut().enumerate() {
                        let (column, row) = place(left + x, y);
                        let (samples, _) = row_of(row).as_chunks::<N>();
                        *sample = samples[column];
                    }
                    row_to(left, y, piece[..width].as_flattened());
                }
            }
        }
    }

    fn copy_band<const N: usize>(&self, band: usize, input: &TileView<'_>, output: &mut TileMut<'_>) {
        let (seen, window) = (input.window(), output.window());
        self.copy::<N>(
            seen,
            window,
            |row| input.row_bytes(band, row),
            |left, y, bytes| {
                output.row_bytes_mut(band, y)[left * N..][..bytes.len()].copy_from_slice(bytes);
            },
        );
    }
}

impl Operator for Reorient {
    fn output(&self) -> &RasterInfo {
        &self.output
    }

    fn need(&self, _input: usize, output: Window) -> Window {
        let (one, other) =
            (self.pixel(output.x, output.y), self.pixel(output.x_end() - 1, output.y_end() - 1));
        let (width, height) =
            if self.way.transposed { (output.height, output.width) } else { (output.width, output.height) };
        Window::new(one.0.min(other.0), one.1.min(other.1), width, height)
    }

    fn edge(&self, _input: usize) -> Edge {
        Edge::Clip
    }

    fn scratch_bytes(&self, _output: Size) -> usize {
        0
    }

    fn process(&self, inputs: &[TileView<'_>], output: &mut TileMut<'_>, _: &mut Frame<'_>) -> Result<()> {
        let input = &inputs[0];
        for band in 0..output.bands() {
            match output.sample_type().size() {
                1 => self.copy_band::<1>(band, input, output),
                2 => self.copy_band::<2>(band, input, output),
                4 => self.copy_band::<4>(band, input, output),
                _ => self.copy_band::<8>(band, input, output),
            }
        }
        if input.mask_row(0).is_some() {
            let window = output.window();
            self.copy::<1>(
                input.window(),
                window,
                |row| input.mask_row(row).unwrap_or_default(),
                |left, y, bytes| {
                    if let Some(row) = output.mask_row_mut(y) {
                        row[left..][..bytes.len()].copy_from_slice(bytes);
                    }
                },
            );
        }
        Ok(())
    }

    fn halo(&self) -> Halo {
        Halo::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial;

    fn run(spec: &OperatorSpec, parameters: &str) -> Vec<Vec<u16>> {
        let raster = trial::raster::<u16>(&[&[&[1, 2, 3], &[4, 5, 6]]]);
        trial::run(spec, parameters, &raster).unwrap().rows::<u16>(0)
    }

    #[test]
    fn pixels_go_where_numpy_puts_them() {
        assert_eq!(run(&FLIP, ""), [[3, 2, 1], [6, 5, 4]]);
        assert_eq!(run(&FLIP, "axis=y"), [[4, 5, 6], [1, 2, 3]]);
        assert_eq!(run(&FLIP, "axis=both"), [[6, 5, 4], [3, 2, 1]]);
        assert_eq!(run(&TRANSPOSE, ""), [[1, 4], [2, 5], [3, 6]]);
        assert_eq!(run(&ROTATE90, ""), [[3, 6], [2, 5], [1, 4]]);
        assert_eq!(run(&ROTATE90, "times=2"), run(&FLIP, "axis=both"));
        assert_eq!(run(&ROTATE90, "times=3"), [[4, 1], [5, 2], [6, 3]]);
    }

    #[test]
    fn every_pixel_stays_at_its_place_on_the_map() {
        let mut info = RasterInfo::new(Size::new(7, 5), 1, swathe_core::SampleType::U8);
        let transform = GeoTransform([100.0, 10.0, 1.0, 200.0, -2.0, -20.0]);
        info.georeferencing.transform = Some(transform);
        for transposed in [false, true] {
            for (mirror_x, mirror_y) in [(false, false), (true, false), (false, true), (true, true)] {
                let way = Way { transposed, mirror_x, mirror_y };
                let operator = bind(&info, way);
                let output = operator.output().georeferencing.transform.unwrap();
                let reorient = Reorient { input: info.size, output: operator.output().clone(), way };
                for (x, y) in [(0, 0), (3, 2), (4, 4)] {
                    let (column, row) = reorient.pixel(x, y);
                    let middle = |transform: GeoTransform, x: i64, y: i64| {
                        transform.apply(x as f64 + 0.5, y as f64 + 0.5)
                    };
                    assert_eq!(middle(output, x, y), middle(transform, column, row), "{way:?}");
                }
                let (x, y) = way.corner(1.5, 2.0, info.size);
                assert_eq!(way.corner_back(x, y, info.size), (1.5, 2.0));
            }
        }
    }
}
