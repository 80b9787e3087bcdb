//! `lut`: samples looked up in a table.
//!
//! *Formula*: a curve goes straight between its points and is level past them; a table of three bands mixes the nodes
//! around a colour. *Units*: a curve written out is in samples' units; `.cube` files and tables of three bands hold
//! fractions of `--range`. *Halo*: none. *Boundary*: none. *Types*: any; curves are computed in `f64`, tables of three
//! bands in `f32` for 8- and 16-bit integers and `f32`, else in `f64`. *Nodata*: stays no data; a colour has none where
//! one of its bands has none. *Cost per pixel*: one look-up for 8- and 16-bit samples through a curve; 7 mixtures of
//! nodes, or 3. *Source*: `numpy.interp`; Adobe's Cube LUT specification 1.0; Kasson et al. 1995 (tetrahedra).
//! *Agrees with*: `numpy.interp` and `OpenColorIO`'s 3-D tables, within rounding.
//!
//! ```
//! use swathe_core::{Parameters, RasterInfo, SampleType, Scratch, Size, TileBuffer, Value, Window};
//!
//! let spec = swathe_operators::find("lut").unwrap();
//! let given = [("table".to_string(), Value::Text("0,0; 100,50; 200,250".into()))];
//! let info = RasterInfo::new(Size::new(5, 1), 1, SampleType::U8);
//! let operator = (spec.bind)(&Parameters::check(spec.parameters, given)?, &[info.clone()])?;
//! let window = Window::new(0, 0, 5, 1);
//! # let mut input = TileBuffer::new(operator.need(0, window), info.kind());
//! input.view_mut().row_mut(0, 0).copy_from_slice(&[0_u8, 50, 100, 150, 255]);
//! # let mut output = TileBuffer::new(window, operator.output().kind());
//! # let mut scratch = Scratch::with_capacity(operator.scratch_bytes(window.size()));
//! operator.process(&[input.view()], &mut output.view_mut(), &mut scratch.frame())?;
//! assert_eq!(output.view().row::<u8>(0, 0), [0, 25, 50, 150, 250]);
//! # Ok::<(), swathe_core::Error>(())
//! ```

use swathe_core::{
    Colour, Documentation, Error, Group, Metadata, Operator, OperatorSpec, Parameter, ParameterKind,
    Parameters, RasterInfo, Result, SampleType,
};

use super::table::{Curve, Grid, Interpolation, Range, Table, bend, opacity, through};

/// `--interpolation`.
pub(super) const INTERPOLATION: Parameter = Parameter::optional(
    "interpolation",
    ParameterKind::Choice(&["trilinear", "tetrahedral"]),
    Some("trilinear"),
    "how a colour follows from the nodes around it: all eight, or the four of a tetrahedron",
);

/// `--grid`.
pub(super) const GRID: Parameter = Parameter::optional(
    "grid",
    ParameterKind::Choice(&["uniform", "shift4"]),
    Some("uniform"),
    "where nodes lie: evenly over 0 to 1, or at 0, 16, 32, ... 256 of 255 (17 nodes; 16 where the last is said twice)",
);

/// The description of `lut`.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: "lut",
    group: Group::Point,
    summary: "samples looked up in a table: a curve, or a table of three bands",
    inputs: (1, 1),
    parameters: &[
        Parameter::required(
            "table",
            ParameterKind::Table,
            "a `.cube` or `.npy` file, or rows of numbers: `0,0; 100,50; 255,255` are points of a curve",
        ),
        INTERPOLATION,
        GRID,
        Parameter::optional(
            "range",
            ParameterKind::Numbers { fewest: 2, most: 2, least: f64::MIN, greatest: f64::MAX },
            None,
            "samples that are 0 and 1 in the table (default: 0 and the greatest of an integer type; 0 and 1 in floats)",
        ),
        Parameter::TYPE,
        Parameter::NODATA,
    ],
    documentation: Documentation {
        formula: "curves: straight between points, level before the first and after the last (numpy.interp)\n.cube: LUT_1D_SIZE and LUT_3D_SIZE, DOMAIN_MIN and DOMAIN_MAX, Resolve's input ranges and curves before a 3-D table\n.npy: N numbers = what samples 0, 1, 2, ... become; N x B the same for each of B bands; N x N x N x C = a table of three\nbands, the first slowest, that makes C, fractions in f4 or f8, or u1 or u2 of 255 or 65535\nrows of 1 number = what 0, 1, 2, ... become; of 2 = points of a curve; of 3 to 8 = nodes as in .npy, fractions\nfractions are those of --range, for the output too unless it has another type; outside the domain the edge holds",
        halo: "none",
        types: "any; curves are computed in f64, tables of three bands in f32 for 8- and 16-bit integers and f32, else in f64;\nbytes through a table of bytes on --grid shift4 are exact: (sum + 2048) >> 12",
        nodata: "stays no data; a colour has none where one of its bands has none; a band of opacity is copied",
        cost: "one look-up for 8- and 16-bit samples through curves; 7 mixtures of nodes to a colour (trilinear) or 3 (tetrahedral)",
        source: "numpy.interp; Adobe, Cube LUT specification 1.0; Kasson et al. 1995, J. Electron. Imaging 4(3)",
        agrees: "numpy.interp, and OpenColorIO's Lut3DTransform, within rounding",
        example: "swathe lut film.tif graded.tif --table look.cube --interpolation tetrahedral",
    },
    trials: &[
        "table=0,9;30,5;31,250;200,3",
        "table=7;1;5;250 type=f32 nodata=value",
        "table=0,0,1;0.2,0,0;0,1,1;0,0.3,1;1,0,0.1;1,1,0;0.9,1,0;1,1,1 range=0,250",
        "table=0,0,1,0;0.2,0,0,1;0,1,1,1;0,0.3,1,0;1,0,0.1,0;1,1,0,1;0.9,1,0,0;1,1,1,0 interpolation=tetrahedral type=u16",
    ],
    bind,
};

fn bind(parameters: &Parameters, inputs: &[RasterInfo]) -> Result<Box<dyn Operator>> {
    let input = &inputs[0];
    let output_type = parameters.sample_type("type")?.unwrap_or(input.sample_type);
    let policy = parameters.nodata_policy()?;
    let grid = grid(parameters);
    let (from, to) = ranges(parameters, input.sample_type, output_type)?;
    let mut output = input.with_new_values(output_type);
    match table(parameters, "table")? {
        Table::Curves { .. } if grid != Grid::Uniform => {
            Err(Error::usage("--grid shift4 is for tables of three bands; the table holds curves"))
        }
        Table::Curves { curves, fractions } => {
            let in_samples = |curve: &Curve| curve.in_units(from.to_samples(), to.to_samples());
            let curves =
                if fractions { curves.iter().map(in_samples).collect::<Result<_>>()? } else { curves };
            bend(curves, policy, opacity(input), input, output)
        }
        Table::Lattice(lattice) => {
            if lattice.channels != 3 {
                output.metadata = of_colours(input, &vec![Colour::Undefined; lattice.channels]);
            }
            let way = (grid, Interpolation::of(parameters.text("interpolation")));
            through(lattice.on(grid)?, way, policy, (input, from), (output, to))
        }
    }
}

/// The table that a parameter gives.
pub(super) fn table(parameters: &Parameters, name: &'static str) -> Result<Table> {
    let missing = || Error::usage(format!("`--{name}` is missing"));
    Table::read(parameters.get(name).ok_or_else(missing)?).map_err(|error| error.at(format!("--{name}")))
}

/// The grid that `--grid` names.
pub(super) fn grid(parameters: &Parameters) -> Grid {
    if parameters.text("grid") == Some("shift4") { Grid::Shift4 } else { Grid::Uniform }
}

/// What 0 and 1 stand for before and after.
fn ranges(parameters: &Parameters, from: SampleType, to: SampleType) -> Result<(Range, Range)> {
    let Some(given) = parameters.numbers("range")? else {
        return Ok((Range::of_type(from), Range::of_type(to)));
    };
    let range = Range { zero: given[0], one: given[1] };
    if !(range.zero < range.one && (range.one - range.zero).is_finite()) {
        return Err(Error::usage(format!("--range: {} has to be less than {}", range.zero, range.one)));
    }
    Ok((range, if from == to { range } else { Range::of_type(to) }))
}

/// The metadata of a raster whose colours become other ones; opacity stays.
pub(super) fn of_colours(input: &RasterInfo, colours: &[Colour]) -> Metadata {
    let mut metadata = input.metadata.for_new_values().for_bands(&[]);
    let opacity = opacity(input).map(|band| input.metadata.colours[band]);
    metadata.colours = colours.iter().copied().chain(opacity).collect();
    metadata
}

#[cfg(test)]
mod tests {
    use swathe_core::{ErrorKind, Scalar, Value};

    use super::*;
    use crate::trial;

    /// The identity with 3 nodes to a side, written out.
    fn identity() -> String {
        let place = |i: usize| [0.0, 0.5, 1.0][i];
        let node = |i: usize| format!("{},{},{}", place(i / 9), place(i / 3 % 3), place(i % 3));
        (0..27).map(node).collect::<Vec<_>>().join(";")
    }

    #[test]
    fn the_identity_changes_nothing() {
        let row: Vec<u8> = (0..=255).collect();
        let back: Vec<u8> = row.iter().rev().copied().collect();
        let input = trial::raster::<u8>(&[&[&row], &[&back], &[&row]]);
        for interpolation in ["trilinear", "tetrahedral"] {
            let text = format!("table={} interpolation={interpolation}", identity());
            let output = trial::run(&SPEC, &text, &input).unwrap();
            assert_eq!([output.rows::<u8>(0), output.rows::<u8>(1)], [[row.clone()], [back.clone()]]);
        }
    }

    #[test]
    fn what_has_no_data_keeps_none_and_the_rest_is_clamped() {
        let mut input = trial::raster::<f32>(&[
            &[&[-9.0, 0.25, f32::INFINITY, 0.5]],
            &[&[0.0; 4]],
            &[&[1.0, -5.0, 0.5, f32::NAN]],
        ]);
        input.info.nodata = Some(Scalar::Integer(-9));
        let output = trial::run(&SPEC, &format!("table={}", identity()), &input).unwrap();
        assert_eq!(output.rows::<f32>(0), [[-9.0, 0.25, 1.0, -9.0]]);
        assert_eq!(output.rows::<f32>(2), [[-9.0, 0.0, 0.5, -9.0]]);
        let output = trial::run(&SPEC, &format!("table={} nodata=value", identity()), &input).unwrap();
        assert_eq!(output.rows::<f32>(2)[0][..3], [1.0, 0.0, 0.5]);
        assert!(output.rows::<f32>(0)[0][3].is_nan());
    }

    #[test]
    fn opacity_is_copied() {
        let mut input = trial::raster::<u8>(&[&[&[10]], &[&[20]], &[&[30]], &[&[77]]]);
        assert_eq!(
            trial::run(&SPEC, &format!("table={}", identity()), &input).unwrap_err().kind(),
            ErrorKind::Unsupported
        );
        input.info.metadata.colours = vec![Colour::Red, Colour::Green, Colour::Blue, Colour::Alpha];
        let output = trial::run(&SPEC, &format!("table={}", identity()), &input).unwrap();
        assert_eq!([2, 3].map(|band| output.rows::<u8>(band)), [[[30]], [[77]]]);
        let output = trial::run(&SPEC, "table=0,255;255,0", &input).unwrap();
        assert_eq!([2, 3].map(|band| output.rows::<u8>(band)), [[[225]], [[77]]]);
    }

    #[test]
    fn bytes_of_a_curve_are_those_of_the_wide_types() {
        let values: Vec<i16> = (-300..300).collect();
        let wide: Vec<i32> = values.iter().map(|&value| i32::from(value)).collect();
        let text = "table=-100,0;-7,90;5,3;250,1000 type=i32";
        let narrow = trial::run(&SPEC, text, &trial::raster::<i16>(&[&[&values]])).unwrap();
        let wide = trial::run(&SPEC, text, &trial::raster::<i32>(&[&[&wide]])).unwrap();
        assert_eq!(narrow.rows::<i32>(0), wide.rows::<i32>(0));
    }

    #[test]
    fn files_are_named_where_they_are_wrong() {
        let bind = |name: &str, content: &str| {
            let value = Value::File { name: name.into(), content: content.into() };
            let info = RasterInfo::new(swathe_core::Size::new(2, 2), 3, SampleType::U8);
            let parameters = Parameters::check(SPEC.parameters, [("table".into(), value)])?;
            (SPEC.bind)(&parameters, &[info]).map(drop)
        };
        let message = |name, content| bind(name, content).unwrap_err().to_string();
        assert!(
            message("a.cube", "LUT_3D_SIZE 2\n1 2").starts_with("--table: `a.cube`: line 2: there are 2")
        );
        assert!(message("a.txt", "LUT_3D_SIZE 1\n").starts_with("--table: `a.txt`: line 1: the size is `1`"));
        assert!(message("a.txt", "1 2\nx y").starts_with("--table: `a.txt`: "));
        assert!(message("a.txt", "1 2 3").contains("1 rows of 3 numbers"));
        bind("a.txt", "0 0 # no\n").unwrap_err();
        bind("a.txt", "0 0\n255 255\n").unwrap();
    }
}
