//! `cmyk`: colours to inks through a table.
//!
//! *Formula*: red, green and blue say where in a table of `N x N x N` nodes a colour lies; cyan, magenta, yellow and black
//! are mixed from the nodes around it. *Units*: 0 = no ink, the greatest of the type (1 in floats) = all. *Halo*: none.
//! *Boundary*: none. *Types*: any, unchanged; computed in `f32` for 8- and 16-bit integers and `f32`, else in `f64`; bytes
//! through bytes on `--grid shift4` exactly. *Nodata*: a colour has none where one of its bands has none, and its inks
//! then neither. *Cost per pixel*: 7 mixtures of four inks, or 3 (tetrahedral). *Source*: Kasson et al. 1995, J. Electron.
//! Imaging 4(3). *Agrees with*: `OpenColorIO`'s `Lut3DTransform` and Pillow's `Color3DLUT`, within rounding.
//!
//! ```
//! use swathe_core::{Parameters, RasterInfo, SampleType, Scratch, Size, TileBuffer, Value, Window};
//!
//! // Black is printed black alone, every other corner of the cube without: 2 x 2 x 2 nodes, blue fastest.
//! let table = "0 0 0 1; 1 1 0 0; 1 0 1 0; 1 0 0 0; 0 1 1 0; 0 1 0 0; 0 0 1 0; 0 0 0 0";
//! let spec = swathe_operators::find("cmyk").unwrap();
//! let given = [("lut".to_string(), Value::Text(table.into()))];
//! let info = RasterInfo::new(Size::new(3, 1), 3, SampleType::U8);
//! let operator = (spec.bind)(&Parameters::check(spec.parameters, given)?, &[info.clone()])?;
//! let window = Window::new(0, 0, 3, 1);
//! # let mut input = TileBuffer::new(operator.need(0, window), info.kind());
//! for (band, row) in [[255_u8, 255, 51], [255, 0, 0], [0, 0, 0]].iter().enumerate() {
//!     input.view_mut().row_mut(band, 0).copy_from_slice(row);
//! }
//! # let mut output = TileBuffer::new(window, operator.output().kind());
//! # let mut scratch = Scratch::with_capacity(operator.scratch_bytes(window.size()));
//! operator.process(&[input.view()], &mut output.view_mut(), &mut scratch.frame())?;
//! // Yellow, red, and a dark red: a fifth of red's inks, four fifths of black.
//! assert_eq!([0, 1, 2, 3].map(|ink| output.view().row::<u8>(ink, 0)[2]), [0, 51, 51, 204]);
//! assert_eq!(output.view().row::<u8>(1, 0), [0, 255, 51]);
//! # Ok::<(), swathe_core::Error>(())
//! ```

use swathe_core::{
    Colour, Documentation, Error, Group, Operator, OperatorSpec, Parameter, ParameterKind, Parameters,
    RasterInfo, Result,
};

use super::lut::{GRID, INTERPOLATION, grid, of_colours, table};
use super::table::{Interpolation, Range, Table, through};

/// The description of `cmyk`.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: "cmyk",
    group: Group::Point,
    summary: "red, green and blue to cyan, magenta, yellow and black through a table",
    inputs: (1, 1),
    parameters: &[
        Parameter::required(
            "lut",
            ParameterKind::Table,
            "a `.npy` file of N x N x N x 4 numbers, red slowest, or N * N * N rows of 4 fractions",
        ),
        INTERPOLATION,
        GRID,
        Parameter::NODATA,
    ],
    documentation: Documentation {
        formula: "t = sample / greatest * (N - 1) for red, green and blue; its whole parts say the cell, its rest d where in it\ntrilinear: the sum over the cell's eight corners of node * product of d or 1 - d\ntetrahedral: from the first corner to the last along the axes by falling d, of equal ones red before green before blue:\nthe sum of d * (next node - node)\n--grid shift4: t = byte / 16, so that 17 nodes lie at 0, 16, ... 256; of 16 nodes the last one is said twice",
        halo: "none",
        types: "any, unchanged; f32 for 8- and 16-bit integers and f32, else f64; tables hold fractions as f4 or f8, or u1 or u2 of\n255 or 65535; bytes through u1 on --grid shift4 are exact: (sum + 2048) >> 12",
        nodata: "a colour has none where one of its bands has none; its inks then neither; a band of opacity is copied",
        cost: "7 mixtures of four inks to a pixel (trilinear), 3 (tetrahedral)",
        source: "Kasson et al. 1995, J. Electron. Imaging 4(3)",
        agrees: "OpenColorIO's Lut3DTransform and Pillow's Color3DLUT, within rounding; the output is marked as CMYK, 0 = no ink",
        example: "swathe cmyk scan.tif print.tif --lut coated.npy --interpolation tetrahedral",
    },
    trials: &[
        "lut=0,0,0,1;1,1,0,0;1,0,1,0;1,0,0,0;0,1,1,0;0,1,0,0;0,0,1,0;0,0,0,0",
        "lut=0,0,0,1;1,1,0,0.1;1,0,1,0;1,0,0,0;0,1,1,0;0,1,0.5,0;0,0,1,0;0,0,0,0 interpolation=tetrahedral",
    ],
    bind,
};

fn bind(parameters: &Parameters, inputs: &[RasterInfo]) -> Result<Box<dyn Operator>> {
    let input = &inputs[0];
    let lattice = match table(parameters, "lut")? {
        Table::Lattice(lattice) if lattice.channels == 4 => lattice,
        Table::Lattice(lattice) => {
            return Err(Error::usage(format!(
                "--lut: the table makes {} bands, and inks are 4; `.cube` files cannot hold them: give a `.npy` of \
                 N x N x N x 4 numbers, or use `lut`",
                lattice.channels
            )));
        }
        Table::Curves { .. } => {
            return Err(Error::usage(
                "--lut: the table holds curves, not inks; give a `.npy` of N x N x N x 4 numbers",
            ));
        }
    };
    let mut output = input.with_new_values(input.sample_type);
    output.metadata = of_colours(input, &[Colour::Cyan, Colour::Magenta, Colour::Yellow, Colour::Black]);
    let grid = grid(parameters);
    let way = (grid, Interpolation::of(parameters.text("interpolation")));
    let range = Range::of_type(input.sample_type);
    through(lattice.on(grid)?, way, parameters.nodata_policy()?, (input, range), (output, range))
}
