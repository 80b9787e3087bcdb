//! What an expression can compute: operators and functions, and the rule that gives each its type.

/// One thing to compute from at most three operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Operation {
    // Without operands.
    /// The same bits for every pixel.
    Constant(u64),
    /// A pixel of an input, by its place in the list of those that the expression names.
    Pixel(usize),
    /// Whether that pixel is data.
    Flags(usize),
    /// The pixel's column in the raster.
    Column,
    /// The pixel's row in the raster.
    Row,
    /// No data.
    Nodata,
    // What stands for a relation of values and validity, gone before anything runs.
    /// The first operand, where the second is data too.
    Guard,
    /// Whether the operand is no data.
    IsNodata,
    // Operators.
    Cast,
    Where,
    Negate,
    Invert,
    Add,
    Subtract,
    Multiply,
    Divide,
    /// `int32` by `int32`, in `float64`.
    DivideIntegers,
    /// `int32` by `int32`, neither beyond 2^24, in `float32`.
    DivideNarrow,
    /// The nearest `float32` of a `float64`.
    Narrow,
    Modulo,
    FloorDivide,
    Power,
    ShiftLeft,
    ShiftRight,
    And,
    Or,
    Xor,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
    Equal,
    NotEqual,
    // Functions of one operand.
    Absolute,
    Arccos,
    Arccosh,
    Arcsin,
    Arcsinh,
    Arctan,
    Arctanh,
    Ceil,
    Cos,
    Cosh,
    Exp,
    Expm1,
    Floor,
    IsFinite,
    IsInf,
    IsNan,
    Log,
    Log10,
    Log1p,
    Log2,
    Round,
    Sign,
    SignBit,
    Sin,
    Sinh,
    SquareRoot,
    Tan,
    Tanh,
    Truncate,
    // Functions of two operands.
    Arctan2,
    CopySign,
    FloatModulo,
    Hypot,
    Maximum,
    Minimum,
    NextAfter,
}

impl Operation {
    /// True for `<`, `==` and their like.
    pub(crate) fn compares(self) -> bool {
        use Operation::{Equal, Greater, GreaterEqual, Less, LessEqual, NotEqual};
        matches!(self, Greater | GreaterEqual | Less | LessEqual | Equal | NotEqual)
    }
}

/// How a function's type follows from its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Integers become `float64`, truth values `float32`, floats stay what they are.
    Real(Operation),
    /// `float64` whatever comes.
    Double(Operation),
    /// Integers stay, the rest becomes `float64`.
    Rounded(Operation),
    /// A truth value.
    Test(Operation),
    /// `where(c, a, b)`.
    Where,
    /// `clip(x, lo, hi)`: the common type.
    Clip,
    /// The argument itself.
    Copy,
    /// 1 in the argument's type.
    OnesLike,
    /// A truth value, data everywhere.
    IsNodata,
    /// No data, of no type of its own.
    Nodata,
    /// The pixel's column, `int64`.
    Column,
    /// The pixel's row, `int64`.
    Row,
    /// The map coordinate of the pixel's centre, `float64`.
    MapX,
    /// The map coordinate of the pixel's centre, `float64`.
    MapY,
    /// The raster's width in pixels.
    Width,
    /// The raster's height in pixels.
    Height,
}

/// A function by its name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) arguments: usize,
    pub(crate) rule: Rule,
}

const fn function(name: &'static str, arguments: usize, rule: Rule) -> Function {
    Function { name, arguments, rule }
}

/// Every function.
static FUNCTIONS: &[Function] = &[
    function("abs", 1, Rule::Real(Operation::Absolute)),
    function("arccos", 1, Rule::Real(Operation::Arccos)),
    function("arccosh", 1, Rule::Real(Operation::Arccosh)),
    function("arcsin", 1, Rule::Real(Operation::Arcsin)),
    function("arcsinh", 1, Rule::Real(Operation::Arcsinh)),
    function("arctan", 1, Rule::Real(Operation::Arctan)),
    function("arctan2", 2, Rule::Real(Operation::Arctan2)),
    function("arctanh", 1, Rule::Real(Operation::Arctanh)),
    function("ceil", 1, Rule::Real(Operation::Ceil)),
    function("clip", 3, Rule::Clip),
    function("col", 0, Rule::Column),
    function("copy", 1, Rule::Copy),
    function("copysign", 2, Rule::Double(Operation::CopySign)),
    function("cos", 1, Rule::Real(Operation::Cos)),
    function("cosh", 1, Rule::Real(Operation::Cosh)),
    function("exp", 1, Rule::Real(Operation::Exp)),
    function("expm1", 1, Rule::Real(Operation::Expm1)),
    function("floor", 1, Rule::Real(Operation::Floor)),
    function("fmod", 2, Rule::Real(Operation::FloatModulo)),
    function("height", 0, Rule::Height),
    function("hypot", 2, Rule::Double(Operation::Hypot)),
    function("isfinite", 1, Rule::Test(Operation::IsFinite)),
    function("isinf", 1, Rule::Test(Operation::IsInf)),
    function("isnan", 1, Rule::Test(Operation::IsNan)),
    function("isnodata", 1, Rule::IsNodata),
    function("log", 1, Rule::Real(Operation::Log)),
    function("log10", 1, Rule::Real(Operation::Log10)),
    function("log1p", 1, Rule::Real(Operation::Log1p)),
    function("log2", 1, Rule::Real(Operation::Log2)),
    function("maximum", 2, Rule::Double(Operation::Maximum)),
    function("minimum", 2, Rule::Double(Operation::Minimum)),
    function("nextafter", 2, Rule::Double(Operation::NextAfter)),
    function("nodata", 0, Rule::Nodata),
    function("ones_like", 1, Rule::OnesLike),
    function("round", 1, Rule::Rounded(Operation::Round)),
    function("row", 0, Rule::Row),
    function("sign", 1, Rule::Rounded(Operation::Sign)),
    function("signbit", 1, Rule::Test(Operation::SignBit)),
    function("sin", 1, Rule::Real(Operation::Sin)),
    function("sinh", 1, Rule::Real(Operation::Sinh)),
    function("sqrt", 1, Rule::Real(Operation::SquareRoot)),
    function("tan", 1, Rule::Real(Operation::Tan)),
    function("tanh", 1, Rule::Real(Operation::Tanh)),
    function("trunc", 1, Rule::Double(Operation::Truncate)),
    function("where", 3, Rule::Where),
    function("width", 0, Rule::Width),
    function("x", 0, Rule::MapX),
    function("y", 0, Rule::MapY),
];

/// Functions that numexpr has and this has not, with the reason and the way out.
static REFUSED: &[(&str, &str, &str)] = &[
    ("complex", COMPLEX, COMPLEX_WAY_OUT),
    ("conj", COMPLEX, COMPLEX_WAY_OUT),
    ("imag", COMPLEX, COMPLEX_WAY_OUT),
    ("real", COMPLEX, COMPLEX_WAY_OUT),
    ("contains", "expressions have no text", "compare numbers"),
    ("sum", REDUCTION, "use the operator `reduce --op sum`"),
    ("prod", REDUCTION, "use the operator `reduce --op prod`"),
    ("min", REDUCTION, "use `minimum(a, b)` for two numbers, the operator `reduce --op min` for all pixels"),
    ("max", REDUCTION, "use `maximum(a, b)` for two numbers, the operator `reduce --op max` for all pixels"),
];

const COMPLEX: &str = "complex numbers are not supported";
const COMPLEX_WAY_OUT: &str = "rasters hold real numbers; compute real and imaginary bands apart";
const REDUCTION: &str = "an expression computes each pixel on its own and cannot look at all of them";

/// The function of that name.
pub(crate) fn find_function(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

/// Why numexpr's function of that name is not here, and the way out.
pub(crate) fn find_refused(name: &str) -> Option<(&'static str, &'static str)> {
    REFUSED.iter().find(|refused| refused.0 == name).map(|refused| (refused.1, refused.2))
}

/// The names of all functions.
pub(crate) fn function_names() -> String {
    FUNCTIONS.iter().map(|function| function.name).collect::<Vec<_>>().join(", ")
}

/// Python's words, which mean something else or nothing.
pub(crate) const KEYWORDS: &[&str] =
    &["True", "False", "None", "and", "or", "not", "if", "else", "for", "in", "is", "lambda", "import"];
