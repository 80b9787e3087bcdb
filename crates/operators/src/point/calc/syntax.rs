//! From tokens to a tree, by precedence climbing (Pratt 1973) with Python's precedences.
//!
//! ```text
//! comparisons (not chained)   |   ^   &   << >>   + -   * / // %   unary - + ~   **
//! ```
//! The tree is a list in which every node stands behind its operands, so that nobody has to recurse into it.

use super::complaint::{Complaint, Outcome, Span};
use super::kind::Constant;
use super::operation::{Function, KEYWORDS, Operation, find_function, find_refused, function_names};
use super::token::{Lexer, Token, excerpt};

/// The longest expression that is read.
pub(crate) const GREATEST_LENGTH: usize = 64 << 10;

/// The deepest nesting of brackets, signs and `**`.
const GREATEST_DEPTH: usize = 256;

/// The largest offset of a neighbour.
const GREATEST_OFFSET: i128 = 9_999;

/// What names mean: the inputs, in order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope<'a> {
    /// The name of each input.
    pub(crate) names: &'a [String],
    /// The number of bands of each input.
    pub(crate) bands: &'a [usize],
}

/// A pixel of an input, relative to the pixel that is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Pixel {
    /// Which input.
    pub(crate) input: usize,
    /// Which band, from 0.
    pub(crate) band: usize,
    /// Pixels to the east.
    pub(crate) dx: i64,
    /// Pixels to the south.
    pub(crate) dy: i64,
}

/// Index of a node.
pub(crate) type NodeIndex = usize;

/// What stands at a node.
#[derive(Clone, Debug)]
pub(crate) enum Form {
    /// A constant.
    Constant(Constant),
    /// A pixel of an input.
    Pixel(Pixel),
    /// An operator before its operand.
    Unary(Operation, NodeIndex),
    /// An operator between its operands.
    Binary(Operation, NodeIndex, NodeIndex),
    /// A function and its arguments.
    Call(&'static Function, Vec<NodeIndex>),
}

/// A node and its place in the text.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) form: Form,
    pub(crate) span: Span,
}

/// An expression, read.
#[derive(Clone, Debug)]
pub(crate) struct Syntax {
    /// All nodes, operands first.
    pub(crate) nodes: Vec<Node>,
    /// The results, one for each band of the output.
    pub(crate) outputs: Vec<NodeIndex>,
}

/// Reads an expression.
pub(crate) fn parse(source: &str, scope: Scope<'_>) -> Outcome<Syntax> {
    if source.len() > GREATEST_LENGTH {
        return Err(Complaint::usage(
            GREATEST_LENGTH..GREATEST_LENGTH,
            format!("the expression has {} bytes, more than {GREATEST_LENGTH}", source.len()),
            "split it into several operators of a pipeline",
        ));
    }
    let mut parser = Parser {
        lexer: Lexer::new(source),
        token: Token::End,
        span: 0..0,
        scope,
        nodes: Vec::new(),
        depth: 0,
    };
    parser.advance()?;
    let mut outputs = vec![parser.expression(Level::LEAST)?];
    while parser.token == Token::Sign(";") {
        parser.advance()?;
        if parser.token == Token::End {
            break;
        }
        outputs.push(parser.expression(Level::LEAST)?);
    }
    if parser.token != Token::End {
        return Err(parser.unexpected("an operator, `;` or the end"));
    }
    Ok(Syntax { nodes: parser.nodes, outputs })
}

/// How tightly an operator binds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Level(u8);

impl Level {
    const LEAST: Level = Level(1);
    const COMPARISON: Level = Level(1);
    const UNARY: Level = Level(8);
    const POWER: Level = Level(9);

    fn next(self) -> Level {
        Level(self.0 + 1)
    }
}

/// The operator that a sign between two operands stands for.
fn infix(sign: &str) -> Option<(Operation, Level)> {
    Some(match sign {
        "<" => (Operation::Less, Level::COMPARISON),
        "<=" => (Operation::LessEqual, Level::COMPARISON),
        "==" => (Operation::Equal, Level::COMPARISON),
        "!=" => (Operation::NotEqual, Level::COMPARISON),
        ">=" => (Operation::GreaterEqual, Level::COMPARISON),
        ">" => (Operation::Greater, Level::COMPARISON),
        "|" => (Operation::Or, Level(2)),
        "^" => (Operation::Xor, Level(3)),
        "&" => (Operation::And, Level(4)),
        "<<" => (Operation::ShiftLeft, Level(5)),
        ">>" => (Operation::ShiftRight, Level(5)),
        "+" => (Operation::Add, Level(6)),
        "-" => (Operation::Subtract, Level(6)),
        "*" => (Operation::Multiply, Level(7)),
        "/" => (Operation::Divide, Level(7)),
        "//" => (Operation::FloorDivide, Level(7)),
        "%" => (Operation::Modulo, Level(7)),
        "**" => (Operation::Power, Level::POWER),
        _ => return None,
    })
}

struct Parser<'s> {
    lexer: Lexer<'s>,
    token: Token<'s>,
    span: Span,
    scope: Scope<'s>,
    nodes: Vec<Node>,
    depth: usize,
}

impl<'s> Parser<'s> {
    fn advance(&mut self) -> Outcome<()> {
        (self.token, self.span) = self.lexer.next()?;
        Ok(())
    }

    fn push(&mut self, form: Form, span: Span) -> NodeIndex {
        self.nodes.push(Node { form, span });
        self.nodes.len() - 1
    }

    fn unexpected(&self, wanted: &str) -> Box<Complaint> {
        let found = match self.token {
            Token::End => "the end of the expression".into(),
            Token::Number(_) => "a number".into(),
            Token::Name(name, _) => format!("`{}`", excerpt(name)),
            Token::Sign(sign) => format!("`{sign}`"),
        };
        Complaint::usage(self.span.clone(), format!("here stands {found}"), format!("{wanted} is expected"))
    }

    fn expect(&mut self, sign: &'static str) -> Outcome<()> {
        if self.token != Token::Sign(sign) {
            return Err(self.unexpected(&format!("`{sign}`")));
        }
        self.advance()
    }

    /// One level of nesting deeper.
    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Outcome<T>) -> Outcome<T> {
        if self.depth == GREATEST_DEPTH {
            return Err(Complaint::usage(
                self.span.clone(),
                format!("the expression is nested more than {GREATEST_DEPTH} deep"),
                "split it into several operators of a pipeline",
            ));
        }
        self.depth += 1;
        let outcome = read(self);
        self.depth -= 1;
        outcome
    }

    /// An expression of operators that bind at least as tightly as `least`.
    fn expression(&mut self, least: Level) -> Outcome<NodeIndex> {
        let start = self.span.start;
        let mut left = self.operand()?;
        let mut compared = false;
        while let Token::Sign(sign) = self.token {
            let Some((operation, level)) = infix(sign).filter(|(_, level)| *level >= least) else { break };
            if operation.compares() && std::mem::replace(&mut compared, true) {
                return Err(Complaint::usage(
                    self.span.clone(),
                    "comparisons cannot be chained",
                    "write `(a < b) & (b < c)`",
                ));
            }
            self.advance()?;
            let right = if level == Level::POWER {
                self.deeper(|parser| parser.expression(Level::UNARY))?
            } else {
                self.expression(level.next())?
            };
            let end = self.nodes[right].span.end;
            left = self.push(Form::Binary(operation, left, right), start..end);
        }
        Ok(left)
    }

    /// A sign and its operand, or what stands between operators.
    fn operand(&mut self) -> Outcome<NodeIndex> {
        let start = self.span.start;
        let operation = match self.token {
            Token::Sign("-") => Some(Operation::Negate),
            Token::Sign("~") => Some(Operation::Invert),
            Token::Sign("+") => None,
            _ => return self.primary(),
        };
        self.advance()?;
        let operand = self.deeper(|parser| parser.expression(Level::UNARY))?;
        let Some(operation) = operation else { return Ok(operand) };
        let end = self.nodes[operand].span.end;
        Ok(self.push(Form::Unary(operation, operand), start..end))
    }

    fn primary(&mut self) -> Outcome<NodeIndex> {
        let span = self.span.clone();
        match self.token {
            Token::Number(constant) => {
                self.advance()?;
                Ok(self.push(Form::Constant(constant), span))
            }
            Token::Name(name, band) => {
                self.advance()?;
                self.named(name, band, span)
            }
            Token::Sign("(") => {
                self.advance()?;
                let inner = self.deeper(|parser| parser.expression(Level::LEAST))?;
                let end = self.span.end;
                self.expect(")")?;
                // Brackets belong to the place that a complaint shows.
                self.nodes[inner].span = span.start..end;
                Ok(inner)
            }
            _ => Err(self.unexpected("a number, an input, a function or `(`")),
        }
    }

    fn named(&mut self, name: &'s str, band: Option<&'s str>, span: Span) -> Outcome<NodeIndex> {
        if self.token == Token::Sign("(") && band.is_none() {
            return self.call(name, span);
        }
        let truth = match name {
            "True" => Some(true),
            "False" => Some(false),
            _ => None,
        };
        match truth {
            Some(value) if band.is_none() => Ok(self.push(Form::Constant(Constant::Bool(value)), span)),
            _ => self.pixel(name, band, span),
        }
    }

    fn call(&mut self, name: &str, span: Span) -> Outcome<NodeIndex> {
        let Some(function) = find_function(name) else {
            return Err(match find_refused(name) {
                Some((reason, way_out)) => {
                    Complaint::unsupported(span, format!("there is no `{name}`: {reason}"), way_out)
                }
                None if self.scope.names.iter().any(|known| known == name) => Complaint::usage(
                    span,
                    format!("`{name}` is an input, not a function"),
                    format!("write `{name}[dx,dy]` for a neighbour, `{name} * (...)` for a product"),
                ),
                None => Complaint::usage(
                    span,
                    format!("there is no function `{}`", excerpt(name)),
                    format!("the functions are {}", function_names()),
                ),
            });
        };
        self.advance()?;
        let arguments = self.deeper(Self::arguments)?;
        let end = self.span.end;
        self.expect(")")?;
        if arguments.len() != function.arguments {
            return Err(Complaint::usage(
                span.start..end,
                format!("`{name}` takes {} arguments, not {}", function.arguments, arguments.len()),
                "see `swathe help calc`",
            ));
        }
        Ok(self.push(Form::Call(function, arguments), span.start..end))
    }

    fn arguments(&mut self) -> Outcome<Vec<NodeIndex>> {
        let mut arguments = Vec::new();
        while self.token != Token::Sign(")") {
            arguments.push(self.expression(Level::LEAST)?);
            if self.token != Token::Sign(",") {
                break;
            }
            self.advance()?;
        }
        Ok(arguments)
    }

    fn pixel(&mut self, name: &str, band: Option<&str>, span: Span) -> Outcome<NodeIndex> {
        let (input, number) = self.input(name, band, &span)?;
        let bands = self.scope.bands[input];
        let band = number.parse::<usize>().ok().filter(|band| (1..=bands).contains(band));
        let Some(band) = band else {
            let name = &self.scope.names[input];
            return Err(Complaint::usage(
                span,
                format!("`{name}` has no band {}", excerpt(number)),
                format!("it has bands 1 to {bands}"),
            ));
        };
        let (mut dx, mut dy, mut end) = (0, 0, span.end);
        if self.token == Token::Sign("[") {
            self.advance()?;
            dx = self.offset()?;
            self.expect(",")?;
            dy = self.offset()?;
            end = self.span.end;
            self.expect("]")?;
        }
        Ok(self.push(Form::Pixel(Pixel { input, band: band - 1, dx, dy }), span.start..end))
    }

    /// The input that a name stands for, and the number of the band that it picks.
    fn input<'n>(&self, name: &'n str, band: Option<&'n str>, span: &Span) -> Outcome<(usize, &'n str)> {
        let known = |wanted: &str| self.scope.names.iter().position(|name| name == wanted);
        if let Some(input) = known(name) {
            return Ok((input, band.unwrap_or("1")));
        }
        let split =
            name.rsplit_once('_').filter(|(_, number)| number.bytes().all(|digit| digit.is_ascii_digit()));
        let picked = split.and_then(|(name, number)| Some((known(name)?, number)));
        if let Some(picked) = picked.filter(|(_, number)| band.is_none() && !number.is_empty()) {
            return Ok(picked);
        }
        let (reason, way_out) = if find_function(name).is_some() {
            (format!("`{name}` is a function"), format!("write `{name}(...)`"))
        } else if KEYWORDS.contains(&name) {
            let way_out =
                "write `(a > 1) & (b > 2)`, `|` for or, `~` for not, `where(condition, a, b)` for if";
            (format!("`{name}` means nothing in an expression"), way_out.into())
        } else {
            let inputs =
                self.scope.names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            (
                format!("there is no input `{}`", excerpt(name)),
                format!("the inputs are {inputs}; further ones are `-B FILE` or `--input NAME=FILE`"),
            )
        };
        Err(Complaint::usage(span.clone(), reason, way_out))
    }

    /// A whole number with or without a sign.
    fn offset(&mut self) -> Outcome<i64> {
        let start = self.span.start;
        let negative = self.token == Token::Sign("-");
        if negative || self.token == Token::Sign("+") {
            self.advance()?;
        }
        let (token, end) = (self.token, self.span.end);
        self.advance()?;
        match token {
            Token::Number(Constant::Int(offset)) if offset <= GREATEST_OFFSET => {
                Ok(if negative { -(offset as i64) } else { offset as i64 })
            }
            _ => Err(Complaint::usage(
                start..end,
                format!(
                    "the offset of a neighbour is a whole number from -{GREATEST_OFFSET} to {GREATEST_OFFSET}"
                ),
                "write `A[dx,dy]`: `A[1,0]` is the pixel to the east, `A[0,1]` the pixel to the south",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        ["A", "B", "red_1", "red"].map(String::from).to_vec()
    }

    fn read(source: &str) -> Outcome<Syntax> {
        parse(source, Scope { names: &names(), bands: &[3, 1, 1, 2] })
    }

    /// The tree with brackets around everything.
    fn brackets(source: &str) -> String {
        let syntax = read(source).map_err(|complaint| complaint.into_error(source).to_string()).unwrap();
        let mut texts: Vec<String> = Vec::new();
        for node in &syntax.nodes {
            texts.push(match &node.form {
                Form::Constant(Constant::Int(value)) => value.to_string(),
                Form::Constant(value) => format!("{value:?}"),
                Form::Pixel(p) => format!("{}.{}@{},{}", names()[p.input], p.band + 1, p.dx, p.dy),
                Form::Unary(operation, a) => format!("({operation:?} {})", texts[*a]),
                Form::Binary(operation, a, b) => format!("({} {operation:?} {})", texts[*a], texts[*b]),
                Form::Call(function, arguments) => {
                    let arguments = arguments.iter().map(|&index| texts[index].clone()).collect::<Vec<_>>();
                    format!("{}({})", function.name, arguments.join(" "))
                }
            });
        }
        syntax.outputs.iter().map(|&index| texts[index].clone()).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn operators_bind_as_in_python() {
        assert_eq!(brackets("1+2*3-4"), "((1 Add (2 Multiply 3)) Subtract 4)");
        assert_eq!(brackets("-2**2"), "(Negate (2 Power 2))");
        assert_eq!(brackets("2**-3**2"), "(2 Power (Negate (3 Power 2)))");
        assert_eq!(brackets("1 & 2 == 3"), "((1 And 2) Equal 3)");
        assert_eq!(brackets("1|2^3&4<<5+6"), "(1 Or (2 Xor (3 And (4 ShiftLeft (5 Add 6)))))");
        assert_eq!(brackets("~-+1"), "(Invert (Negate 1))");
        assert_eq!(brackets("(1+2)*3//4%5"), "((((1 Add 2) Multiply 3) FloorDivide 4) Modulo 5)");
    }

    #[test]
    fn names_pick_inputs_bands_and_neighbours() {
        assert_eq!(brackets("A"), "A.1@0,0");
        assert_eq!(brackets("A.3 + A_2[-1, +20]"), "(A.3@0,0 Add A.2@-1,20)");
        // An input that is called `red_1` goes before band 1 of `red`.
        assert_eq!(brackets("red_1; red_2; red.1;"), "red_1.1@0,0; red.2@0,0; red.1@0,0");
        assert_eq!(brackets("where(True, sqrt(A), nodata())"), "where(Bool(true) sqrt(A.1@0,0) nodata())");
    }

    #[test]
    fn what_cannot_be_read_is_shown() {
        let refused = |source: &str| read(source).unwrap_err().into_error(source).to_string();
        assert!(refused("C + 1").contains("no input `C`\nthe inputs are `A`, `B`"));
        assert!(refused("A.4").contains("no band 4\nit has bands 1 to 3"));
        assert!(
            refused("A_0").contains("no band 0") && refused("A_99999999999999999999").contains("no band")
        );
        assert!(refused("1 < 2 < 3").contains("cannot be chained"));
        assert!(refused("sqrt(1, 2)").contains("takes 1 arguments, not 2"));
        assert!(refused("real(A)").contains("complex") && refused("max(A)").contains("maximum(a, b)"));
        assert!(refused("foo(A)").contains("no function `foo`\nthe functions are abs"));
        assert!(refused("A(1)").contains("is an input, not a function"));
        assert!(refused("row").contains("write `row(...)`") && refused("A and B").contains("`and`"));
        assert!(refused("not A").contains("`~` for not"));
        assert!(refused("A[1.5,0]").contains("whole number") && refused("A[99999,0]").contains("9999"));
        assert!(refused("A +").contains("the end of the expression"));
        assert!(refused("").contains("a number, an input") && refused("A B").contains("here stands `B`"));
        assert!(refused("(A").contains("`)` is expected") && refused("A;;B").contains("here stands `;`"));
    }

    #[test]
    fn hostile_texts_end_in_an_error_or_a_tree() {
        let deep =
            |open: &str, close: &str, count: usize| format!("{}A{}", open.repeat(count), close.repeat(count));
        assert!(read(&deep("(", ")", 256)).is_ok());
        for source in [
            deep("(", ")", 30_000),
            deep("-", "", 60_000),
            deep("2**", "", 20_000),
            deep("sqrt(", ")", 9_000),
            deep("1|2^3&4<<5+6*(", ")", 4_000),
            "(".repeat(65_536),
        ] {
            assert!(read(&source).unwrap_err().into_error(&source).to_string().contains("256 deep"));
        }
        // Deep to the left is no nesting.
        assert!(read(&format!("A{}", "+A".repeat(30_000))).is_ok());
        let long = " ".repeat(GREATEST_LENGTH + 1);
        assert!(read(&long).unwrap_err().into_error(&long).to_string().contains("65537 bytes"));
    }
}
