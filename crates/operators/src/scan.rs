//! What carries something from row to row: accumulations along an axis, the integral of a raster, and what looks at all rows
//! above and below.

mod accumulation;
mod both_ways;
mod components;
mod distance;
mod envelope;
mod forest;
mod lift;
mod padding;
mod regions;
#[cfg(test)]
mod trial;

use swathe_core::{
    BothWays, Documentation, Error, Group, Operator, Parameter, ParameterKind, Parameters, RasterInfo,
    Result, SampleType, Scan, Spec,
};

use accumulation::{Along, Combine, Wanted};
use padding::Padding;
pub use regions::{Region, Regions};

/// A scan bound to its parameters and input.
pub enum BoundScan {
    /// One sweep, from the top to the bottom.
    Down {
        /// What makes the raster that is scanned out of the input, where that is another one.
        before: Option<Box<dyn Operator>>,
        /// The scan.
        scan: Box<dyn Scan>,
    },
    /// Two sweeps, from the bottom to the top and back.
    BothWays {
        /// The computation.
        both: Box<dyn BothWays>,
        /// Where a table of the labels that it makes is wanted, what gathers that.
        regions: Option<Regions>,
    },
}

/// Binds a scan to its parameters and input.
pub type BindScan = fn(&Parameters, &RasterInfo) -> Result<BoundScan>;

/// The description of a scan.
pub type ScanSpec = Spec<BindScan>;

const NODATA: &str = "ignore (default): pixels without data leave the running value as it is (numpy.nancumsum); before the first\n\
    pixel with data min is the greatest value of the type and max the least (infinite for floats)\n\
    propagate: everything from there on is NaN (float results only)\nvalue: ordinary numbers\nthe output has no nodata value";

const TYPE: Parameter = Parameter::optional(
    "type",
    ParameterKind::Choice(&["f32", "f64"]),
    None,
    "f64: in f64, where integers could be out of range; f32: in f32, rounded at every step, as numpy does with f32 \
     (default: u64 or i64 for integers, exact; f64 for floats)",
);

const OVERFLOW: Parameter = Parameter::optional(
    "overflow",
    ParameterKind::Choice(&["error", "wrap"]),
    Some("error"),
    "integers out of range: error, or wrap (modulo 2^64, so that differences in range are still right)",
);

/// `accumulate`.
static ACCUMULATE: ScanSpec = ScanSpec {
    name: "accumulate",
    group: Group::WholeRaster,
    summary: "running sum, product, minimum or maximum along x or y",
    inputs: (1, 1),
    parameters: &[
        Parameter::optional(
            "op",
            ParameterKind::Choice(&["sum", "prod", "min", "max"]),
            Some("sum"),
            "what is done with the running value and the next pixel",
        ),
        Parameter::optional(
            "axis",
            ParameterKind::Choice(&["x", "y"]),
            Some("y"),
            "x: from west to east, y: from north to south",
        ),
        TYPE,
        OVERFLOW,
        Parameter::NODATA,
    ],
    documentation: Documentation {
        formula: "out[i] = op(out[i - 1], in[i]), out[0] = in[0], strictly in this order",
        halo: "none; one sweep over tiles as wide as the raster, each of which is handed the last row of the one above",
        types: "sum and prod: unsigned integers in u64, signed ones in i64, exact, and an error where the result is out of range\n\
            (--overflow); floats in f64, or f32 (--type). min and max: the input's type",
        nodata: NODATA,
        cost: "one operation a pixel",
        source: "numpy.ufunc.accumulate",
        agrees: "numpy.add.accumulate, multiply, minimum and maximum, exactly (minimum of NaN with --nodata value)",
        example: "swathe accumulate rain.tif total.tif --op sum --axis y",
    },
    trials: &[
        "",
        "axis=x",
        "op=prod type=f64",
        "op=prod type=f32 axis=x",
        "op=prod overflow=wrap",
        "op=min",
        "op=max axis=x nodata=value",
        "nodata=value type=f64",
    ],
    bind: |parameters, info| {
        let combine = match parameters.text("op") {
            Some("prod") => Combine::Product,
            Some("min") => Combine::Minimum,
            Some("max") => Combine::Maximum,
            _ => Combine::Sum,
        };
        let along = if parameters.text("axis") == Some("x") { Along::X } else { Along::Y };
        Ok(BoundScan::Down { before: None, scan: bind(parameters, info, (combine, along), false)? })
    },
};

/// `integral`.
static INTEGRAL: ScanSpec = ScanSpec {
    name: "integral",
    group: Group::WholeRaster,
    summary: "summed-area table: the sum of everything above and to the left, the pixel included",
    inputs: (1, 1),
    parameters: &[
        Parameter::optional(
            "pad1",
            ParameterKind::Flag,
            Some("false"),
            "a row of zeros above and a column of zeros on the left: one pixel wider and higher",
        ),
        TYPE,
        OVERFLOW,
        Parameter::NODATA,
    ],
    documentation: Documentation {
        formula: "out(y, x) = out(y - 1, x) + (in(y, 0) + ... + in(y, x)), the bracket from left to right.\n\
            pad1: out(y + 1, x + 1) is that, so that the sum of columns a to b - 1 in rows c to d - 1 is\n\
            out(d, b) - out(c, b) - out(d, a) + out(c, a)",
        halo: "none; one sweep over tiles as wide as the raster, each of which is handed the last row of the one above",
        types: "unsigned integers in u64, signed ones in i64, exact, and an error where the result is out of range (--overflow);\n\
            floats in f64, or f32 (--type), which cannot tell one pixel more or less from 2^24 times a pixel on",
        nodata: "ignore (default): pixels without data add nothing (numpy.nancumsum)\npropagate: one and everything to the right of and below it is NaN (float results only)\nvalue: ordinary numbers\nthe output has no nodata value",
        cost: "two additions a pixel",
        source: "F. C. Crow, Summed-area tables for texture mapping, 1984",
        agrees: "numpy.cumsum along x and then along y, exactly; cv2.integral with --pad1",
        example: "swathe integral scene.tif table.tif",
    },
    trials: &["", "type=f64", "type=f32", "nodata=value", "overflow=wrap"],
    bind: |parameters, info| {
        if !parameters.flag("pad1") {
            let scan = bind(parameters, info, (Combine::Sum, Along::Both), false)?;
            return Ok(BoundScan::Down { before: None, scan });
        }
        let padding = Padding::new(info);
        let scan = bind(parameters, padding.output(), (Combine::Sum, Along::Both), true)?;
        Ok(BoundScan::Down { before: Some(Box::new(padding)), scan })
    },
};

/// Every scan, sorted by name.
pub static SCANS: &[&ScanSpec] = &[&ACCUMULATE, &both_ways::COMPONENTS, &both_ways::DISTANCE, &INTEGRAL];

/// The scan of that name.
pub fn find(name: &str) -> Option<&'static ScanSpec> {
    SCANS.iter().copied().find(|spec| spec.name == name)
}

fn bind(
    parameters: &Parameters,
    info: &RasterInfo,
    (combine, along): (Combine, Along),
    padded: bool,
) -> Result<Box<dyn Scan>> {
    let own = info.sample_type;
    let kept = matches!(combine, Combine::Minimum | Combine::Maximum);
    let output_type = match parameters.text("type") {
        Some(_) if kept => {
            return Err(Error::usage("`--type` has no place with min and max, which keep the input's"));
        }
        Some("f32") => SampleType::F32,
        Some(_) => SampleType::F64,
        None if kept => own,
        None if own.is_float() => SampleType::F64,
        None if own.is_signed() => SampleType::I64,
        None => SampleType::U64,
    };
    let wanted = Wanted {
        combine,
        along,
        policy: parameters.nodata_policy()?,
        wraps: parameters.text("overflow") == Some("wrap"),
        padded,
    };
    accumulation::bind(info, output_type, wanted)
}
