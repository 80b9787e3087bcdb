//! From text to tokens: numbers, names and signs, each with its place.

use super::complaint::{Complaint, Outcome, Span};
use super::kind::Constant;

/// A piece of an expression.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Token<'s> {
    /// A number.
    Number(Constant),
    /// A name, and what stands behind its dot, as in `A.2`.
    Name(&'s str, Option<&'s str>),
    /// An operator or a bracket.
    Sign(&'static str),
    /// Nothing more.
    End,
}

/// Every sign, the longer before those that they begin with.
const SIGNS: &[&str] = &[
    "**", "//", "<<", ">>", "<=", ">=", "==", "!=", "+", "-", "*", "/", "%", "&", "|", "^", "~", "<", ">",
    "(", ")", "[", "]", ",", ";",
];

/// What people write that is no sign here, and what to write instead.
const FOREIGN: &[(&str, &str)] = &[
    ("&&", "write `&` between comparisons in parentheses, such as `(A > 1) & (B > 2)`"),
    ("||", "write `|` between comparisons in parentheses, such as `(A > 1) | (B > 2)`"),
    ("!", "write `~` for not, `!=` for unequal"),
    ("=", "write `==` to compare; results need no name"),
    ("?", "write `where(condition, a, b)`"),
    (":", "write `where(condition, a, b)`; several results are separated by `;`"),
    ("'", "expressions have no text"),
    ("\"", "expressions have no text"),
];

/// Reads an expression token by token.
#[derive(Clone, Debug)]
pub(crate) struct Lexer<'s> {
    source: &'s str,
    at: usize,
}

impl<'s> Lexer<'s> {
    /// The tokens of `source`.
    pub(crate) fn new(source: &'s str) -> Self {
        Lexer { source, at: 0 }
    }

    /// The next token and its place.
    pub(crate) fn next(&mut self) -> Outcome<(Token<'s>, Span)> {
        let rest = self.source[self.at..].trim_start();
        self.at = self.source.len() - rest.len();
        let start = self.at;
        let Some(first) = rest.chars().next() else { return Ok((Token::End, start..start)) };
        let number = first.is_ascii_digit()
            || first == '.' && rest[1..].starts_with(|next: char| next.is_ascii_digit());
        let token = if number {
            self.number()?
        } else if first.is_ascii_alphabetic() || first == '_' {
            self.name()?
        } else {
            self.sign(first)?
        };
        Ok((token, start..self.at))
    }

    /// Takes what `belongs` says.
    fn take(&mut self, belongs: impl Fn(char) -> bool) -> &'s str {
        let rest = &self.source[self.at..];
        let length = rest.find(|character| !belongs(character)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn follows(&self, what: impl Fn(char) -> bool) -> bool {
        self.source[self.at..].starts_with(what)
    }

    fn name(&mut self) -> Outcome<Token<'s>> {
        let start = self.at;
        let name = self.take(is_word);
        if !self.follows(|next| next == '.') {
            return Ok(Token::Name(name, None));
        }
        self.at += 1;
        let selector = self.take(is_word);
        if !selector.is_empty() && selector.bytes().all(|digit| digit.is_ascii_digit()) {
            return Ok(Token::Name(name, Some(selector)));
        }
        Err(Complaint::usage(
            start..self.at,
            format!("`{name}.` must be followed by the number of a band"),
            format!("write `{name}.1` for the first band; expressions have no attributes"),
        ))
    }

    fn sign(&mut self, first: char) -> Outcome<Token<'s>> {
        let rest = &self.source[self.at..];
        let foreign = FOREIGN.iter().find(|(sign, _)| rest.starts_with(sign));
        let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
        let longer = |sign: &&str| foreign.is_none_or(|(other, _)| other.len() < sign.len());
        if let Some(sign) = sign.copied().filter(longer) {
            self.at += sign.len();
            return Ok(Token::Sign(sign));
        }
        let length = foreign.map_or(first.len_utf8(), |(sign, _)| sign.len());
        let way_out =
            foreign.map_or("the operators are + - * / // % ** << >> & | ^ ~ < <= == != >= >", |f| f.1);
        let text: String = rest[..length].escape_debug().collect();
        Err(Complaint::usage(
            self.at..self.at + length,
            format!("`{text}` means nothing in an expression"),
            way_out,
        ))
    }

    fn number(&mut self) -> Outcome<Token<'s>> {
        let start = self.at;
        let radix = match self.source[start..].get(..2).map(str::to_ascii_lowercase).as_deref() {
            Some("0x") => 16,
            Some("0o") => 8,
            Some("0b") => 2,
            _ => 10,
        };
        let constant = if radix == 10 { self.decimal() } else { self.of_radix(radix) };
        let clean = !self.follows(|next| is_word(next) || next == '.');
        if self.follows(|next| matches!(next, 'j' | 'J')) {
            return Err(Complaint::unsupported(
                start..self.at + 1,
                "imaginary numbers are not supported",
                "rasters hold real numbers; compute real and imaginary bands apart",
            ));
        }
        constant.filter(|_| clean).map(Token::Number).ok_or_else(|| {
            self.take(|next| is_word(next) || next == '.');
            Complaint::usage(
                start..self.at,
                format!("`{}` is not a number", excerpt(&self.source[start..self.at])),
                "numbers look like 3, 0.5, 1e-4, 2f (single precision) or 0xff",
            )
        })
    }

    fn of_radix(&mut self, radix: u32) -> Option<Constant> {
        self.at += 2;
        let digits = self.take(|digit| digit.is_digit(radix) || digit == '_').replace('_', "");
        i128::from_str_radix(&digits, radix).ok().map(Constant::Int)
    }

    fn decimal(&mut self) -> Option<Constant> {
        let digit = |next: char| next.is_ascii_digit() || next == '_';
        let start = self.at;
        self.take(digit);
        let mut whole = true;
        if self.follows(|next| next == '.') {
            whole = false;
            self.at += 1;
            self.take(digit);
        }
        let rest = &self.source[self.at..];
        let exponent =
            rest.strip_prefix(['e', 'E']).map(|rest| rest.strip_prefix(['+', '-']).unwrap_or(rest));
        if let Some(exponent) = exponent.filter(|exponent| exponent.starts_with(|c: char| c.is_ascii_digit()))
        {
            whole = false;
            self.at += rest.len() - exponent.len();
            self.take(digit);
        }
        let text = self.source[start..self.at].replace('_', "");
        if self.follows(|next| matches!(next, 'f' | 'F')) {
            self.at += 1;
            return text.parse().ok().map(Constant::Float);
        }
        if whole { text.parse().ok().map(Constant::Int) } else { text.parse().ok().map(Constant::Double) }
    }
}

/// A letter, a digit or an underscore.
fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// The beginning of a text that may be very long.
pub(crate) fn excerpt(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(source: &str) -> Vec<Token<'_>> {
        let mut lexer = Lexer::new(source);
        std::iter::from_fn(|| Some(lexer.next().unwrap().0).filter(|token| *token != Token::End)).collect()
    }

    #[test]
    fn numbers_have_the_type_they_are_written_with() {
        use Constant::{Double, Float, Int};
        let numbers = tokens("7 1_000 0xFf 0b101 0o17 1. .5 1e3 2.5E-1 2f .5f 1e2F");
        let expected = [
            Int(7),
            Int(1000),
            Int(255),
            Int(5),
            Int(15),
            Double(1.0),
            Double(0.5),
            Double(1000.0),
            Double(0.25),
            Float(2.0),
            Float(0.5),
            Float(100.0),
        ];
        assert_eq!(numbers, expected.map(Token::Number));
    }

    #[test]
    fn names_carry_their_band() {
        assert_eq!(tokens("A.2 b_1"), [Token::Name("A", Some("2")), Token::Name("b_1", None)]);
        let signs = tokens("a**-b<<c");
        assert_eq!(signs[1..3], [Token::Sign("**"), Token::Sign("-")]);
        assert_eq!(signs[4], Token::Sign("<<"));
    }

    #[test]
    fn what_is_no_token_is_refused_with_its_place() {
        let refused = |source: &str| {
            let mut lexer = Lexer::new(source);
            loop {
                match lexer.next() {
                    Ok((Token::End, _)) => panic!("`{source}` was read"),
                    Ok(_) => {}
                    Err(complaint) => return complaint.into_error(source).to_string(),
                }
            }
        };
        assert!(refused("A && B").contains("write `&`"));
        assert!(refused("A = B").contains("write `==`"));
        assert!(refused("!A").contains("write `~`"));
        assert!(refused("A.real").contains("number of a band"));
        assert!(refused("3j").contains("imaginary"));
        assert!(refused("12ab").contains("`12ab` is not a number"));
        assert!(refused("0x").contains("not a number") && refused("1.2.3").contains("not a number"));
        assert!(refused("9".repeat(60_000).as_str()).len() < 400);
        assert!(refused("A × B").contains("`×` means nothing"));
        assert!(refused("A \u{1b}").contains("\\u{1b}"));
    }
}
