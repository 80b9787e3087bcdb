//! The descriptions of what looks at all rows above and below: components and distances.

use swathe_core::{
    Documentation, Error, Group, Parameter, ParameterKind, Parameters, RasterInfo, Result, SampleType,
};

use super::components::{self, Connectivity, Of};
use super::distance::{self, Targets};
use super::envelope::Metric;
use super::{BoundScan, Regions, ScanSpec};

const SWEEPS: &str = "none; two sweeps over tiles as wide as the raster, the first from the bottom to the top. On disk between them\n\
    (--scratch DIR): 4 bytes for every column and row of tiles. Memory does not depend on what the pixels are";

const COMPONENT_SWEEPS: &str = "none; two sweeps over tiles as wide as the raster, the first from the bottom to the top. On disk between them\n\
    (--scratch DIR): 4 bytes for every column and row of tiles, and with --table 64 bytes for each component. Memory does not\n\
    depend on what the pixels are";

/// `components`.
pub(super) static COMPONENTS: ScanSpec = ScanSpec {
    name: "components",
    group: Group::WholeRaster,
    summary: "connected components, numbered in the order of their first pixels; prints how many there are",
    inputs: (1, 1),
    parameters: &[
        Parameter::optional(
            "connectivity",
            ParameterKind::Choice(&["4", "8"]),
            Some("4"),
            "4: pixels that share a side touch; 8: those that share a corner too",
        ),
        Parameter::optional(
            "of",
            ParameterKind::Choice(&["nonzero", "equal"]),
            Some("nonzero"),
            "nonzero: all pixels but the background; equal: regions of one value",
        ),
        Parameter::optional(
            "background",
            ParameterKind::NumberOr { word: "none", least: f64::MIN, greatest: f64::MAX },
            Some("0"),
            "the value that belongs to no component; with none only pixels without data do not",
        ),
        Parameter::optional(
            "table",
            ParameterKind::Text,
            None,
            "a file of comma-separated values with a line for each component: label, area in pixels, bounding box, centroid, \
             sum and mean of the values",
        ),
        Parameter::NODATA,
    ],
    documentation: Documentation {
        formula: "the least partition in which pixels that touch, and are neither background nor of different values under --of equal, are\n\
            together; 1, 2, ... in the order (row by row, from the west) of each part's first pixel; 0 for background.\n\
            table: x, y, width and height in pixels; the centroid is the mean of pixels' columns and rows, the middle of the first\n\
            pixel being 0,0; map_x and map_y are that on the map, and empty where there is no georeferencing; sums of integers are exact",
        halo: COMPONENT_SWEEPS,
        types: "any; u32, and an error where there are more components than it has numbers",
        nodata: "ignore, propagate: pixels without data are background\n\
            value: ordinary numbers; NaN is not 0, and equal to itself. The output has no nodata value",
        cost: "a comparison or two a pixel and sweep",
        source: "K. Wu, E. Otoo, K. Suzuki, Optimizing two-pass connected-component labeling algorithms, 2009, for the rows of a tile",
        agrees: "scipy.ndimage.label, cv2.connectedComponents and skimage.measure.label, exactly, the numbers too (mind their defaults: 4, 8 and 8);\n\
            equal: skimage.measure.label; with --background none the regions of gdal_polygonize",
        example: "swathe components water.tif lakes.tif --connectivity 8",
    },
    trials: &[
        "",
        "connectivity=8",
        "of=equal",
        "of=equal connectivity=8 background=none",
        "background=2 nodata=value",
    ],
    bind: |parameters, info| {
        let background = match parameters.text("background") {
            Some("none") => None,
            _ => parameters.number("background")?,
        };
        let wanted = components::Wanted {
            connectivity: match parameters.text("connectivity") {
                Some("8") => Connectivity::Eight,
                _ => Connectivity::Four,
            },
            of: if parameters.text("of") == Some("equal") { Of::Equal } else { Of::Nonzero },
            background,
            policy: parameters.nodata_policy()?,
        };
        let regions = parameters.text("table").map(|_| Regions::new(info.size.width));
        Ok(BoundScan::BothWays { both: components::bind(info, wanted)?, regions })
    },
};

/// `distance`.
pub(super) static DISTANCE: ScanSpec = ScanSpec {
    name: "distance",
    group: Group::WholeRaster,
    summary: "exact distance of every pixel to the nearest target",
    inputs: (1, 1),
    parameters: &[
        Parameter::optional(
            "to",
            ParameterKind::Choice(&["zero", "nonzero"]),
            Some("zero"),
            "which pixels are targets, from centre to centre",
        ),
        Parameter::optional(
            "values",
            ParameterKind::Numbers { fewest: 1, most: 64, least: f64::MIN, greatest: f64::MAX },
            None,
            "targets are the pixels of these values instead",
        ),
        Parameter::optional(
            "metric",
            ParameterKind::Choice(&["euclidean", "cityblock", "chessboard"]),
            Some("euclidean"),
            "sqrt(dx^2 + dy^2), dx + dy, or the greater of dx and dy",
        ),
        Parameter::optional(
            "units",
            ParameterKind::Choice(&["pixels", "map"]),
            Some("pixels"),
            "map: in units of the map, by the size of a pixel, which has to be square but for euclidean",
        ),
        Parameter::optional(
            "sampling",
            ParameterKind::Numbers { fewest: 1, most: 2, least: f64::MIN_POSITIVE, greatest: 1e9 },
            None,
            "width and height of a pixel, or both in one, which distances are in instead; must be the same but for euclidean",
        ),
        Parameter::optional(
            "max-distance",
            ParameterKind::Number { least: 0.0, greatest: f64::MAX },
            None,
            "what is further away has no data, in those units",
        ),
        Parameter::optional(
            "type",
            ParameterKind::Choice(&["f32", "f64"]),
            Some("f32"),
            "the output's type; f64 is rounded once, f32 once more",
        ),
        Parameter::NODATA,
    ],
    documentation: Documentation {
        formula: "out(p) = least distance of p to q over all targets q; 0 on targets",
        halo: SWEEPS,
        types: "any; f32 or f64. In square pixels squares are whole numbers and exact; sides of up to 16,777,216 pixels",
        nodata: "ignore, propagate: pixels without data are no targets and get no data\nvalue: ordinary numbers\n\
            NaN stands for no data, also everywhere if there is no target at all",
        cost: "some 10 operations a pixel",
        source: "Meijster, Roerdink, Hesselink, A general algorithm for computing distance transforms in linear time, 2000;\n\
            Felzenszwalb, Huttenlocher, Distance transforms of sampled functions, 2012",
        agrees: "scipy.ndimage.distance_transform_edt, exactly in pixels (type f64), within 1e-14 with sampling; distance_transform_cdt; cv2.distanceTransform with\n\
            DIST_MASK_PRECISE to 1e-6. gdal_proximity finds targets that are not always the nearest",
        example: "swathe distance roads.tif away.tif --to nonzero --units map --max-distance 500",
    },
    trials: &[
        "",
        "to=nonzero type=f64",
        "metric=cityblock max-distance=4",
        "metric=chessboard nodata=value",
        "values=1,2 type=f64",
        "sampling=0.7,2 type=f64 max-distance=9",
    ],
    bind: |parameters, info| {
        let metric = match parameters.text("metric") {
            Some("cityblock") => Metric::Cityblock,
            Some("chessboard") => Metric::Chessboard,
            _ => Metric::Euclidean,
        };
        let targets = match (parameters.numbers("values")?, parameters.text("to")) {
            (Some(values), _) => Targets::Values(values),
            (None, Some("nonzero")) => Targets::Nonzero,
            (None, _) => Targets::Zero,
        };
        let wanted = distance::Wanted {
            metric,
            targets,
            pixel: pixel_size(parameters, info, metric)?,
            greatest: parameters.number("max-distance")?,
            policy: parameters.nodata_policy()?,
        };
        let output_type =
            if parameters.text("type") == Some("f64") { SampleType::F64 } else { SampleType::F32 };
        Ok(BoundScan::BothWays { both: distance::bind(info, output_type, wanted)?, regions: None })
    },
};

/// Width and height of a pixel in the units that distances are wanted in.
fn pixel_size(parameters: &Parameters, info: &RasterInfo, metric: Metric) -> Result<[f64; 2]> {
    let on_the_map = parameters.text("units") == Some("map");
    let ([width, height], what) = match parameters.numbers("sampling")?.as_deref() {
        Some(_) if on_the_map => {
            return Err(Error::usage("`--sampling` and `--units map` both say how large a pixel is"));
        }
        Some(&[width, height]) => ([width, height], "sampling"),
        Some(&[side]) => ([side; 2], "sampling"),
        _ if on_the_map => (map_pixel_size(info)?, "units map"),
        _ => return Ok([1.0, 1.0]),
    };
    match metric {
        _ if width == height => Ok([width, width]),
        Metric::Euclidean => Ok([width, height]),
        _ => Err(Error::unsupported(format!(
            "`--{what}` with this metric is for square pixels, and these are {width} x {height}"
        ))),
    }
}

/// Width and height of a pixel on the map.
fn map_pixel_size(info: &RasterInfo) -> Result<[f64; 2]> {
    let Some(transform) = info.georeferencing.transform else {
        return Err(Error::usage("`--units map` needs the size of a pixel, and the raster does not say it"));
    };
    let (origin, east, south) =
        (transform.apply(0.0, 0.0), transform.apply(1.0, 0.0), transform.apply(0.0, 1.0));
    let (across, down) = ((east.0 - origin.0, east.1 - origin.1), (south.0 - origin.0, south.1 - origin.1));
    let [width, height] = [across, down].map(|(x, y)| x.hypot(y));
    let skew = (across.0 * down.0 + across.1 * down.1).abs();
    if !(width > 0.0 && height > 0.0) || skew > 1e-9 * width * height {
        return Err(Error::unsupported(
            "`--units map` is for pixels that are rectangles on the map, and these are not",
        ));
    }
    // The corners of rotated pixels are rounded.
    Ok([width, if (width - height).abs() <= 1e-9 * width { width } else { height }])
}
