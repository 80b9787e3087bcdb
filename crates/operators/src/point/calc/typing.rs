//! From the tree to operations of numexpr's types: every promotion becomes a cast, every constant is folded.
//!
//! What numexpr does to an expression before it runs is done here too, since it shows in the result: constant integer
//! and half-integer powers become products, division of a double by a constant becomes a product with its inverse.

use swathe_core::{GeoTransform, SampleType, Size};

use super::complaint::{Complaint, Outcome, Span};
use super::constant;
use super::graph::{Graph, Id};
use super::kind::{Constant, Kind};
use super::operation::{Function, Operation, Rule};
use super::syntax::{Form, Pixel, Syntax};

/// numexpr's limit below which constant powers become products.
const GREATEST_PRODUCT: f64 = 50.0;

/// What an expression is typed with: the inputs' sample types, and the raster that it computes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Surroundings<'a> {
    pub(super) sample_types: &'a [SampleType],
    pub(super) size: Size,
    pub(super) transform: Option<GeoTransform>,
}

/// Operations of an expression, and the nodes that are its results.
#[derive(Clone, Debug)]
pub(super) struct Typed {
    pub(super) graph: Graph,
    pub(super) outputs: Vec<Id>,
}

/// Gives every operation its type.
pub(super) fn type_syntax(syntax: &Syntax, surroundings: Surroundings<'_>) -> Outcome<Typed> {
    let mut typing = Typing { graph: Graph::default(), surroundings };
    let mut terms: Vec<Term> = Vec::with_capacity(syntax.nodes.len());
    for node in &syntax.nodes {
        let term = |index: &usize| (terms[*index], syntax.nodes[*index].span.clone());
        let span = node.span.clone();
        let typed = match &node.form {
            Form::Constant(constant) => Term::Constant(*constant),
            Form::Pixel(pixel) => typing.pixel(*pixel),
            Form::Unary(operation, a) => typing.unary(*operation, term(a).0, span)?,
            Form::Binary(operation, a, b) => typing.binary(*operation, term(a).0, term(b).0, span)?,
            Form::Call(function, arguments) => {
                let arguments = arguments.iter().map(term).collect::<Vec<_>>();
                typing.call(function, &arguments, span)?
            }
        };
        terms.push(typed);
    }
    let mut outputs = Vec::with_capacity(syntax.outputs.len());
    for &index in &syntax.outputs {
        let kind = typing.kind(terms[index]);
        outputs.push(typing.node(terms[index], kind, &syntax.nodes[index].span)?);
    }
    Ok(Typed { graph: typing.graph, outputs })
}

/// `id` as a value of `kind`, which its own kind can be promoted to.
pub(super) fn cast(graph: &mut Graph, id: Id, kind: Kind) -> Id {
    match graph.kind(id) {
        from if from == kind => id,
        Kind::Bool if kind != Kind::Int => {
            let integer = graph.add(Operation::Cast, Kind::Int, &[id]);
            graph.add(Operation::Cast, kind, &[integer])
        }
        _ => graph.add(Operation::Cast, kind, &[id]),
    }
}

/// A constant, or what differs from pixel to pixel.
#[derive(Clone, Copy, Debug)]
enum Term {
    Constant(Constant),
    Node(Id),
}

struct Typing<'a> {
    graph: Graph,
    surroundings: Surroundings<'a>,
}

impl Typing<'_> {
    fn kind(&self, term: Term) -> Kind {
        match term {
            Term::Constant(constant) => constant.kind(),
            Term::Node(id) => self.graph.kind(id),
        }
    }

    /// A node for a term, promoted to `kind`.
    fn node(&mut self, term: Term, kind: Kind, span: &Span) -> Outcome<Id> {
        match term {
            Term::Node(id) => Ok(cast(&mut self.graph, id, kind)),
            Term::Constant(constant) => match constant.bits(kind) {
                Some(bits) => Ok(self.graph.constant(kind, bits)),
                None => Err(Complaint::usage(
                    span.clone(),
                    "the constant does not fit 64 bits",
                    "write it with a decimal point, such as 1e20",
                )),
            },
        }
    }

    /// What a node is: a constant where it came to be one.
    fn term(&self, id: Id) -> Term {
        self.graph.constant_of(id).map_or(Term::Node(id), Term::Constant)
    }

    fn apply(&mut self, operation: Operation, result: Kind, operands: &[Id]) -> Term {
        let id = self.graph.add(operation, result, operands);
        self.term(id)
    }

    fn pixel(&mut self, pixel: Pixel) -> Term {
        let sample_type = self.surroundings.sample_types[pixel.input];
        let kind = Kind::of(sample_type);
        let place = self.graph.pixel(pixel, sample_type);
        Term::Node(self.graph.add(Operation::Pixel(place), kind, &[]))
    }

    fn unary(&mut self, operation: Operation, a: Term, span: Span) -> Outcome<Term> {
        let kind = self.kind(a);
        let id = match a {
            Term::Node(id) => id,
            Term::Constant(a) => {
                let folded = constant::unary(operation, a);
                return folded.map(Term::Constant).map_err(|reason| unfolded(span, reason));
            }
        };
        match (operation, kind) {
            (Operation::Negate, Kind::Bool) => Err(not_of_bool(span, "-", "write `~` for not")),
            (Operation::Invert, Kind::Float | Kind::Double) => Err(not_of_floats(span, "~", kind)),
            _ => Ok(self.apply(operation, kind, &[id])),
        }
    }

    fn binary(&mut self, operation: Operation, a: Term, b: Term, span: Span) -> Outcome<Term> {
        if let (Term::Constant(a), Term::Constant(b)) = (a, b) {
            let folded = constant::binary(operation, a, b);
            return folded.map(Term::Constant).map_err(|reason| unfolded(span, reason));
        }
        let kind = self.kind(a).max(self.kind(b));
        match operation {
            Operation::Divide => self.divide(a, b, &span),
            Operation::Power => self.power(a, b, &span),
            _ if operation.compares() => self.compare(operation, a, b, &span),
            Operation::Add if kind == Kind::Bool => self.same(Operation::Or, a, b, kind, &span),
            Operation::Multiply if kind == Kind::Bool => self.same(Operation::And, a, b, kind, &span),
            Operation::Subtract if kind == Kind::Bool => {
                Err(not_of_bool(span, "-", "write `^` for what differs, `a & ~b` for what is left"))
            }
            Operation::Modulo | Operation::FloorDivide if kind == Kind::Bool => {
                Err(not_of_bool(span, "this operator", "write `where(c, 1, 0)` for a number"))
            }
            Operation::ShiftLeft | Operation::ShiftRight if kind == Kind::Bool => {
                Err(not_of_bool(span, "a shift", "write `where(c, 1, 0)` for a number"))
            }
            Operation::And
            | Operation::Or
            | Operation::Xor
            | Operation::ShiftLeft
            | Operation::ShiftRight
                if kind >= Kind::Float =>
            {
                Err(not_of_floats(span, "this operator", kind))
            }
            _ => self.same(operation, a, b, kind, &span),
        }
    }

    /// An operation whose operands and result are of one kind.
    fn same(&mut self, operation: Operation, a: Term, b: Term, kind: Kind, span: &Span) -> Outcome<Term> {
        let operands = [self.node(a, kind, span)?, self.node(b, kind, span)?];
        Ok(self.apply(operation, kind, &operands))
    }

    fn compare(&mut self, operation: Operation, a: Term, b: Term, span: &Span) -> Outcome<Term> {
        let (operation, a, b) = match operation {
            Operation::Less => (Operation::Greater, b, a),
            Operation::LessEqual => (Operation::GreaterEqual, b, a),
            _ => (operation, a, b),
        };
        let ordered = !matches!(operation, Operation::Equal | Operation::NotEqual);
        let least = if ordered { Kind::Int } else { Kind::Bool };
        let kind = self.kind(a).max(self.kind(b)).max(least);
        let operands = [self.node(a, kind, span)?, self.node(b, kind, span)?];
        Ok(self.apply(operation, Kind::Bool, &operands))
    }

    fn divide(&mut self, a: Term, b: Term, span: &Span) -> Outcome<Term> {
        if let Term::Constant(Constant::Double(b)) = b
            && self.kind(a) == Kind::Double
        {
            let inverse = Term::Constant(Constant::Double(1.0 / b));
            return self.same(Operation::Multiply, a, inverse, Kind::Double, span);
        }
        let common = self.kind(a).max(self.kind(b));
        let kind = if common == Kind::Float { Kind::Float } else { Kind::Double };
        self.same(Operation::Divide, a, b, kind, span)
    }

    fn power(&mut self, a: Term, b: Term, span: &Span) -> Outcome<Term> {
        let kind = self.kind(a).max(self.kind(b));
        if let (Term::Node(base), Term::Constant(exponent)) = (a, b) {
            let whole = exponent.kind().is_integer() && self.kind(a).is_integer();
            if whole && exponent.double() < 0.0 {
                return Err(Complaint::usage(
                    span.clone(),
                    "an integer has no negative integer power",
                    "write the exponent with a decimal point, such as `A ** -1.0`",
                ));
            }
            let exponent = exponent.double();
            if (2.0 * exponent).fract() == 0.0 && exponent.abs() <= GREATEST_PRODUCT {
                return self.product(base, exponent, span);
            }
        }
        if kind == Kind::Bool {
            return Err(not_of_bool(span.clone(), "`**`", "write `where(c, 1, 0)` for a number"));
        }
        self.same(Operation::Power, a, b, kind, span)
    }

    /// `base ** exponent` as numexpr multiplies it out: by squaring, from the lowest bit of the exponent on.
    fn product(&mut self, base: Id, exponent: f64, span: &Span) -> Outcome<Term> {
        let count = exponent.abs() as u32;
        let mut product: Option<Term> = None;
        let (mut square, mut rest) = (Term::Node(base), count);
        loop {
            if rest & 1 == 1 {
                product = Some(self.times(product, square, span)?);
            }
            rest >>= 1;
            if rest == 0 {
                break;
            }
            square = self.binary(Operation::Multiply, square, square, span.clone())?;
        }
        if exponent.fract() != 0.0 {
            let root = self.real(Operation::SquareRoot, &[Term::Node(base)], span)?;
            product = Some(self.times(product, root, span)?);
        }
        let product = match product {
            Some(product) => product,
            None => self.ones_like(Term::Node(base), span)?,
        };
        if exponent < 0.0 {
            self.divide(Term::Constant(Constant::Int(1)), product, span)
        } else {
            Ok(product)
        }
    }

    fn times(&mut self, product: Option<Term>, factor: Term, span: &Span) -> Outcome<Term> {
        match product {
            Some(product) => self.binary(Operation::Multiply, product, factor, span.clone()),
            None => Ok(factor),
        }
    }

    fn call(&mut self, function: &Function, arguments: &[(Term, Span)], span: Span) -> Outcome<Term> {
        let terms = arguments.iter().map(|argument| argument.0).collect::<Vec<_>>();
        match function.rule {
            Rule::Real(operation) => {
                let value = self.real(operation, &terms, &span)?;
                let whole = matches!(operation, Operation::Absolute | Operation::Ceil | Operation::Floor);
                Ok(if whole { kept_integer(value, &terms) } else { value })
            }
            Rule::Double(operation) => {
                let value = self.of_kind(operation, &terms, Kind::Double, &span)?;
                let whole =
                    matches!(operation, Operation::Maximum | Operation::Minimum | Operation::Truncate);
                Ok(if whole { kept_integer(value, &terms) } else { value })
            }
            Rule::Rounded(operation) => self.rounded(operation, terms[0], &span),
            Rule::Test(operation) => {
                let kind = self.kind(terms[0]).max(Kind::Float);
                let operand = self.node(terms[0], kind, &span)?;
                Ok(self.apply(operation, Kind::Bool, &[operand]))
            }
            Rule::Where => self.choose(arguments, &span),
            Rule::Clip => {
                let kind = terms.iter().fold(Kind::Int, |kind, &term| kind.max(self.kind(term)));
                let above = self.same(Operation::Maximum, terms[0], terms[1], kind, &span)?;
                self.same(Operation::Minimum, above, terms[2], kind, &span)
            }
            Rule::Copy => Ok(terms[0]),
            Rule::OnesLike => self.ones_like(terms[0], &span),
            _ => self.of_place(function.rule, &terms, &span),
        }
    }

    fn of_kind(&mut self, operation: Operation, terms: &[Term], kind: Kind, span: &Span) -> Outcome<Term> {
        let operands = terms.iter().map(|&term| self.node(term, kind, span)).collect::<Outcome<Vec<_>>>()?;
        Ok(self.apply(operation, kind, &operands))
    }

    fn real(&mut self, operation: Operation, terms: &[Term], span: &Span) -> Outcome<Term> {
        let common = terms.iter().fold(Kind::Bool, |kind, &term| kind.max(self.kind(term)));
        let kind = match common {
            Kind::Bool | Kind::Float => Kind::Float,
            Kind::Int | Kind::Long | Kind::Double => Kind::Double,
        };
        self.of_kind(operation, terms, kind, span)
    }

    fn rounded(&mut self, operation: Operation, term: Term, span: &Span) -> Outcome<Term> {
        let kind = self.kind(term);
        let value = match (operation, kind.is_integer()) {
            (Operation::Round, true) => term,
            (_, true) => self.of_kind(operation, &[term], kind, span)?,
            _ => self.of_kind(operation, &[term], Kind::Double, span)?,
        };
        Ok(kept_integer(value, &[term]))
    }

    fn choose(&mut self, arguments: &[(Term, Span)], span: &Span) -> Outcome<Term> {
        let [(condition, place), (a, _), (b, _)] = arguments else {
            return Err(unfolded(span.clone(), "`where` takes 3 arguments".into()));
        };
        let condition = match *condition {
            Term::Constant(condition) => return Ok(if condition.double() == 0.0 { *b } else { *a }),
            Term::Node(id) => id,
        };
        if self.graph.kind(condition) != Kind::Bool {
            return Err(Complaint::usage(
                place.clone(),
                format!(
                    "the condition of `where` is {}, not a truth value",
                    self.graph.kind(condition).name()
                ),
                "compare it, such as `where(A != 0, a, b)`",
            ));
        }
        let kind = self.kind(*a).max(self.kind(*b));
        let (a, b) = (self.node(*a, kind, span)?, self.node(*b, kind, span)?);
        Ok(self.apply(Operation::Where, kind, &[condition, a, b]))
    }

    fn ones_like(&mut self, term: Term, span: &Span) -> Outcome<Term> {
        let kind = self.kind(term);
        if kind == Kind::Bool {
            return Err(not_of_bool(span.clone(), "a power of 0", "write `where(c, 1, 0)` for a number"));
        }
        let one = Term::Constant(Constant::Int(1));
        let one = self.node(one, kind, span)?;
        let id = match term {
            Term::Constant(_) => one,
            // Where the pixel is no data, its 1 is none either.
            Term::Node(id) => self.graph.add(Operation::Guard, kind, &[one, id]),
        };
        Ok(self.term(id))
    }

    /// What follows from where the pixel is, or from whether it is data.
    fn of_place(&mut self, rule: Rule, terms: &[Term], span: &Span) -> Outcome<Term> {
        let size = self.surroundings.size;
        let of_length =
            |length: usize| Term::Constant(Constant::Long(i64::try_from(length).unwrap_or(i64::MAX)));
        Ok(match rule {
            Rule::Width => of_length(size.width),
            Rule::Height => of_length(size.height),
            Rule::Column => Term::Node(self.graph.add(Operation::Column, Kind::Long, &[])),
            Rule::Row => Term::Node(self.graph.add(Operation::Row, Kind::Long, &[])),
            Rule::Nodata => Term::Node(self.graph.add(Operation::Nodata, Kind::Bool, &[])),
            Rule::MapX => self.map_coordinate(0, span)?,
            Rule::MapY => self.map_coordinate(3, span)?,
            _ => match terms.first() {
                Some(&Term::Node(id)) => Term::Node(self.graph.add(Operation::IsNodata, Kind::Bool, &[id])),
                _ => Term::Constant(Constant::Bool(false)),
            },
        })
    }

    /// `c[first] + (column + 0.5) * c[first + 1] + (row + 0.5) * c[first + 2]`.
    fn map_coordinate(&mut self, first: usize, span: &Span) -> Outcome<Term> {
        let Some(GeoTransform(c)) = self.surroundings.transform else {
            return Err(Complaint::usage(
                span.clone(),
                "the first input has no geotransform, so its pixels have no map coordinates",
                "use `col()` and `row()`",
            ));
        };
        let double = |value: f64| Term::Constant(Constant::Double(value));
        let mut sum = double(c[first]);
        for (place, step) in [(Operation::Column, c[first + 1]), (Operation::Row, c[first + 2])] {
            if step != 0.0 {
                let index = Term::Node(self.graph.add(place, Kind::Long, &[]));
                let centre = self.same(Operation::Add, index, double(0.5), Kind::Double, span)?;
                let offset = self.same(Operation::Multiply, centre, double(step), Kind::Double, span)?;
                sum = self.same(Operation::Add, sum, offset, Kind::Double, span)?;
            }
        }
        Ok(sum)
    }
}

/// numpy keeps integers where these functions meet integer constants: as `int64`.
fn kept_integer(value: Term, arguments: &[Term]) -> Term {
    let integers = arguments
        .iter()
        .all(|argument| matches!(argument, Term::Constant(Constant::Int(_) | Constant::Long(_))));
    match value {
        Term::Constant(value) if integers => Term::Constant(Constant::Long(match value {
            Constant::Int(value) => value as i64,
            Constant::Long(value) => value,
            other => other.double() as i64,
        })),
        other => other,
    }
}

fn unfolded(span: Span, reason: String) -> Box<Complaint> {
    Complaint::usage(span, reason, "mend the constants")
}

fn not_of_bool(span: Span, what: &str, way_out: &str) -> Box<Complaint> {
    Complaint::usage(span, format!("truth values have no {what}"), way_out)
}

fn not_of_floats(span: Span, what: &str, kind: Kind) -> Box<Complaint> {
    Complaint::usage(
        span,
        format!("{what} takes integers and truth values, not {}", kind.name()),
        "compare floats first, such as `(A > 0.5) & (B < 2)`",
    )
}
