//! `calc`: an expression over the pixels of one or more rasters, in numexpr's language and with its types.
//!
//! *Formula*: the expression; `;` separates the bands of the output. *Units*: as computed. *Halo*: the largest offsets of
//! the neighbours `A[dx,dy]` that the expression names, for each input. *Boundary*: extends each input.
//! *Types*: `u8 i8 u16 i16 i32` are read as `int32`, `u32 i64 u64` as `int64` (`u64` from 2^63 on wraps), floats as they
//! are; what an operator makes of them is what numexpr makes of them. `int32` and `int64` wrap, `/` gives `float64` and
//! division by zero an infinity or `NaN`, `//` and `%` of integers by zero 0. The output has the type of the result (`u8` for truth
//! values) or that of `--type`, to which integers saturate and floats are rounded half away from zero.
//! *Nodata*: a result is data where every pixel that it depends on is; of `where` that is the condition and the branch
//! taken. `isnodata(A)` asks, `nodata()` is none. Pixels without data become NaN in float outputs, and in integer outputs
//! the first nodata value of an input that the type holds, else 0; `--output-nodata` sets another value.
//! *Cost per pixel*: one pass over cached rows for each different operation. *Source*: numexpr 2.14.
//! *Agrees with*: `numexpr.evaluate`, types and `+ - * / // %`, comparisons, bits and `sqrt` exactly, other functions to 4
//! ulp. Not in it: complex numbers, text, and reductions (see `reduce`). Functions are the same on every CPU.
//!
//! ```
//! use swathe_core::{Parameters, RasterInfo, SampleType, Scratch, Size, TileBuffer, Value, Window};
//!
//! let spec = swathe_operators::find("calc").unwrap();
//! let expression = ("expression".to_string(), Value::Text("(B - A) / (B + A)".into()));
//! let parameters = Parameters::check(spec.parameters, [expression])?;
//! let info = RasterInfo::new(Size::new(3, 1), 1, SampleType::U16);
//! let operator = (spec.bind)(&parameters, &[info.clone(), info.clone()])?;
//! let window = Window::new(0, 0, 3, 1);
//! # let mut red = TileBuffer::new(operator.need(0, window), info.kind());
//! # let mut infrared = TileBuffer::new(operator.need(1, window), info.kind());
//! red.view_mut().row_mut(0, 0).copy_from_slice(&[100_u16, 200, 0]);
//! infrared.view_mut().row_mut(0, 0).copy_from_slice(&[300_u16, 100, 7]);
//! # let mut output = TileBuffer::new(window, operator.output().kind());
//! # let mut scratch = Scratch::with_capacity(operator.scratch_bytes(window.size()));
//! operator.process(&[red.view(), infrared.view()], &mut output.view_mut(), &mut scratch.frame())?;
//! assert_eq!(output.view().row::<f64>(0, 0), [0.5, -1.0 / 3.0, 1.0]);
//! # Ok::<(), swathe_core::Error>(())
//! ```

mod complaint;
mod constant;
mod elementary;
mod evaluate;
mod floating;
mod function;
mod graph;
mod integer;
mod kernel;
mod kind;
#[cfg(test)]
mod numexpr;
mod operation;
mod program;
mod store;
mod syntax;
#[cfg(test)]
mod tests;
mod token;
mod typing;
mod validity;

use swathe_core::{
    Boundary, Documentation, Edge, Error, Frame, Group, NodataPolicy, Operator, OperatorSpec, Parameter,
    ParameterKind, Parameters, RasterInfo, Result, Sample, SampleType, Scalar, Size, TileMut, TileView,
    Window, with_sample,
};

use evaluate::Evaluator;
use kind::Kind;
use operation::Operation;
use program::{Constants, compile};
use store::Store;
use syntax::{Pixel, Scope};
use typing::{Surroundings, Typed};
use validity::check_validity;

/// How many inputs there can be: as many as there are letters.
const GREATEST_INPUTS: usize = 26;

/// The description of `calc`.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: "calc",
    group: Group::Point,
    summary: "an expression over the pixels of one or more rasters",
    inputs: (1, GREATEST_INPUTS),
    parameters: &[
        Parameter::required(
            "expression",
            ParameterKind::Text,
            "what to compute, such as \"(B - A) / (B + A)\"; bands of the output are separated by `;`",
        ),
        Parameter::optional(
            "names",
            ParameterKind::Text,
            None,
            "what the expression calls the inputs, with commas between (default: A,B,C...)",
        ),
        Parameter::optional(
            "type",
            ParameterKind::SampleType,
            None,
            "sample type of the output (default: that of the result); integers are rounded half away from zero and saturated",
        ),
        Parameter::optional(
            "output-nodata",
            ParameterKind::Number { least: f64::MIN, greatest: f64::MAX },
            None,
            "value of pixels without data (default: NaN in floats, in integers that of an input, or 0)",
        ),
        Parameter::BOUNDARY,
        Parameter::optional(
            "nodata",
            ParameterKind::NodataPolicy,
            Some("ignore"),
            "pixels without data: ignore or propagate (what depends on them has none), value (ordinary numbers)",
        ),
    ],
    documentation: Documentation {
        formula: "the expression, in numexpr's language:\n\
            operators  + - * / // % ** << >> & | ^ ~ < <= == != >= > and brackets, which bind as in Python\n\
            functions  abs arccos arccosh arcsin arcsinh arctan arctan2 arctanh ceil copy copysign cos cosh exp expm1 floor\n\
            \x20          fmod hypot isfinite isinf isnan log log10 log1p log2 maximum minimum nextafter ones_like round sign\n\
            \x20          signbit sin sinh sqrt tan tanh trunc where(condition, a, b)\n\
            besides    clip(x, least, greatest) isnodata(A) nodata() col() row() x() y() width() height()\n\
            numbers    3, 0.5, 1e-4, 0xff, True; 2f is a float32, 2.0 a float64\n\
            pixels     A is band 1 of the first input, A.2 or A_2 its band 2, A[dx,dy] the pixel dx to the east and dy to the south\n\
            Conditions are joined with & and |, each in brackets: (A > 1) & (B < 2). x() and y() are map coordinates of the\n\
            pixel's centre. Several bands: \"A + B; A - B\".",
        halo: "the largest offsets of the neighbours that are named, for each input",
        types: "u8 i8 u16 i16 i32 are read as int32, u32 i64 u64 as int64, floats as they are; an operator's result has the type\n\
            that it has in numexpr: int32 and int64 stay and wrap, / gives float64 (float32 by float32 gives float32), a\n\
            constant 2.0 makes float32 float64. x/0 is an infinity or NaN, // and % of integers by zero give 0. The output has\n\
            the result's type (u8 for truth values) or --type, to which integers saturate and floats are rounded half away from zero",
        nodata: "a result is data where every pixel that it depends on is; of where(c, a, b) that is c and the branch taken;\n\
            isnodata(A) asks, nodata() is no data; NaN in the inputs is no data unless --nodata value says otherwise: such\n\
            pixels are replaced by where(isnodata(A), 0, A), while isnan(A) finds those that are computed.\n\
            No data becomes NaN in float outputs, in integers the nodata value of the first input whose value the type holds,\n\
            else 0; --output-nodata sets another",
        cost: "one pass over cached rows for each different operation; what stands twice is computed once",
        source: "numexpr 2.14, its operators, functions and types",
        agrees: "numexpr.evaluate, types and all but functions exactly, functions to 4 ulp; complex numbers, text and reductions\n\
            (sum, prod, min, max: see `reduce`) are refused; integer ** negative integer is refused, as there; a ** b of\n\
            integers that does not fit gives the least integer",
        example: "swathe calc ndvi.tif \"(B - A) / (B + A)\" -A red.tif -B nir.tif --type f32",
    },
    trials: &[
        "expression=(A-A[1,0])/(A+A[1,0]) type=f32",
        "expression=where(A>3,A*2,A[0,1]);A%7;A[1,0]-A[-1,-2]+A.2[0,3] type=i16 boundary=mirror",
        "expression=sqrt(abs(v))+col()*row()+v type=f64 names=v nodata=propagate",
        "expression=where(isnodata(A),-1,where(A>5,nodata(),A))",
        "expression=sin(A/100.0)+exp(2f*A/1e6);(A>3)&(A[2,2]<9)|isnan(A);abs(A)**0.3+log(A) type=u8 output-nodata=7",
        "expression=A//3+A**2;-A;abs(A) nodata=value boundary=constant=3",
    ],
    bind,
};

fn bind(parameters: &Parameters, inputs: &[RasterInfo]) -> Result<Box<dyn Operator>> {
    let policy = parameters.nodata_policy()?;
    let names = names(parameters.text("names"), inputs.len())?;
    check_sizes(&names, inputs)?;
    let source = parameters.text("expression").unwrap_or_default();
    let typed = typed(source, &names, inputs)?;
    let (typed, kind, output) = with_output(typed, parameters, inputs, policy)?;
    let sample_types = inputs.iter().map(|input| input.sample_type).collect::<Vec<_>>();
    let mut constants = Constants::default();
    let mut program = |all_valid: bool| {
        let (graph, outputs) = check_validity(&typed, all_valid);
        compile(&graph, &outputs, &sample_types, &mut constants)
    };
    let plain = program(true)?;
    let careful = if policy == NodataPolicy::Value { None } else { Some(program(false)?) };
    // A program that asks about no pixel is the plain one.
    let careful = careful.filter(|careful| !careful.asked.is_empty());
    let pixels = typed.graph.pixels;
    let reaches = (0..inputs.len()).map(|input| Reach::of(input, &pixels)).collect();
    let store = Store::new(kind, &output);
    let evaluator = Evaluator::new((plain, careful), constants, pixels, (inputs, policy), store);
    Ok(Box::new(Calc { evaluator, reaches, boundary: parameters.boundary()?, output }))
}

/// What the expression calls the inputs.
fn names(given: Option<&str>, count: usize) -> Result<Vec<String>> {
    let Some(given) = given else {
        return Ok((b'A'..=b'Z').take(count).map(|letter| char::from(letter).to_string()).collect());
    };
    let names = given.split(',').map(|name| name.trim().to_owned()).collect::<Vec<_>>();
    let wrong = |why: String| Error::usage(format!("--names: {why}; names look like `red,nir`"));
    if names.len() != count {
        return Err(wrong(format!("there are {} names for {count} inputs", names.len())));
    }
    for (index, name) in names.iter().enumerate() {
        let word = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let begins = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        if !begins || !name.chars().all(word) || operation::KEYWORDS.contains(&name.as_str()) {
            return Err(wrong(format!("`{}` is no name", token::excerpt(name).escape_debug())));
        }
        if names[..index].contains(name) {
            return Err(wrong(format!("`{}` stands twice", token::excerpt(name))));
        }
    }
    Ok(names)
}

fn check_sizes(names: &[String], inputs: &[RasterInfo]) -> Result<()> {
    let (first, size) = (&names[0], inputs[0].size);
    match names.iter().zip(inputs).find(|(_, input)| input.size != size) {
        Some((name, input)) => Err(Error::usage(format!(
            "`{first}` has {size} pixels, `{name}` has {}; cut them to the same window with `copy --window`",
            input.size
        ))),
        None => Ok(()),
    }
}

/// The operations of the expression.
fn typed(source: &str, names: &[String], inputs: &[RasterInfo]) -> Result<Typed> {
    let bands = inputs.iter().map(|input| input.bands).collect::<Vec<_>>();
    let sample_types = inputs.iter().map(|input| input.sample_type).collect::<Vec<_>>();
    let surroundings = Surroundings {
        sample_types: &sample_types,
        size: inputs[0].size,
        transform: inputs[0].georeferencing.transform,
    };
    syntax::parse(source, Scope { names, bands: &bands })
        .and_then(|syntax| typing::type_syntax(&syntax, surroundings))
        .map_err(|complaint| complaint.into_error(source))
}

/// Makes the results one kind, from which the output's type follows or is stored.
fn with_output(
    mut typed: Typed,
    parameters: &Parameters,
    inputs: &[RasterInfo],
    policy: NodataPolicy,
) -> Result<(Typed, Kind, RasterInfo)> {
    let common = typed.outputs.iter().map(|&id| typed.graph.kind(id)).max().unwrap_or(Kind::Bool);
    let sample_type = parameters.sample_type("type")?.unwrap_or(common.sample_type());
    let mut kind = common.max(Kind::Int);
    for output in &mut typed.outputs {
        *output = typing::cast(&mut typed.graph, *output, kind);
        if kind == Kind::Double && sample_type == SampleType::F32 {
            *output = typed.graph.add(Operation::Narrow, Kind::Float, &[*output]);
        }
    }
    if kind == Kind::Double && sample_type == SampleType::F32 {
        kind = Kind::Float;
    }
    let makes_none = typed.graph.nodes().iter().any(|node| node.operation == Operation::Nodata);
    let has_none =
        policy != NodataPolicy::Value && inputs.iter().any(|input| input.nodata.is_some() || input.mask);
    let nodata = match parameters.number("output-nodata")? {
        Some(_) => parameters.text("output-nodata").map(Scalar::parse).transpose()?,
        None if !has_none && !makes_none => None,
        None if sample_type.is_float() => Some(Scalar::Float(f64::NAN)),
        None => inputs.iter().filter_map(|input| input.nodata).find(|&value| holds(sample_type, value)),
    };
    if let Some(value) = nodata.filter(|&value| !holds(sample_type, value)) {
        return Err(Error::usage(format!("--output-nodata: {sample_type} cannot hold {value}")));
    }
    let output = RasterInfo {
        bands: typed.outputs.len(),
        sample_type,
        nodata,
        mask: policy != NodataPolicy::Value && inputs.iter().any(|input| input.mask),
        metadata: inputs[0].metadata.for_bands(&[]).for_new_values(),
        ..inputs[0].clone()
    };
    Ok((typed, kind, output))
}

fn holds(sample_type: SampleType, value: Scalar) -> bool {
    with_sample!(sample_type, T => T::from_scalar(value).is_some())
}

/// How far an expression looks from a pixel in one input, in pixels of it.
#[derive(Clone, Copy)]
struct Reach {
    left: i64,
    top: i64,
    right: i64,
    bottom: i64,
}

impl Reach {
    /// Over the pixels of an input that are named; nothing where none is.
    fn of(input: usize, pixels: &[Pixel]) -> Self {
        let named = pixels.iter().filter(|pixel| pixel.input == input);
        named
            .map(|pixel| Reach { left: pixel.dx, top: pixel.dy, right: pixel.dx, bottom: pixel.dy })
            .reduce(|a, b| Reach {
                left: a.left.min(b.left),
                top: a.top.min(b.top),
                right: a.right.max(b.right),
                bottom: a.bottom.max(b.bottom),
            })
            .unwrap_or(Reach { left: 0, top: 0, right: 0, bottom: 0 })
    }
}

struct Calc {
    evaluator: Evaluator,
    reaches: Vec<Reach>,
    boundary: Boundary,
    output: RasterInfo,
}

impl Operator for Calc {
    fn output(&self) -> &RasterInfo {
        &self.output
    }

    fn need(&self, input: usize, output: Window) -> Window {
        let reach = self.reaches[input];
        Window::between(
            output.x + reach.left,
            output.y + reach.top,
            output.x_end() + reach.right,
            output.y_end() + reach.bottom,
        )
    }

    fn edge(&self, _input: usize) -> Edge {
        Edge::Extend(self.boundary)
    }

    fn scratch_bytes(&self, output: Size) -> usize {
        self.evaluator.scratch_bytes(output)
    }

    fn process(
        &self,
        inputs: &[TileView<'_>],
        output: &mut TileMut<'_>,
        scratch: &mut Frame<'_>,
    ) -> Result<()> {
        self.evaluator.run(inputs, output, scratch);
        Ok(())
    }
}
