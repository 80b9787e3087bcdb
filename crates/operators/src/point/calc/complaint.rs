//! What is wrong with an expression, shown at its place.

use std::ops::Range;

use swathe_core::{Error, ErrorKind};

/// Bytes of an expression, from the first up to, not including, the last.
pub(crate) type Span = Range<usize>;

/// Characters of a long expression that are shown to either side of the place.
const CONTEXT: usize = 60;

/// Something wrong at a place of an expression.
#[derive(Debug)]
pub(crate) struct Complaint {
    kind: ErrorKind,
    span: Span,
    reason: String,
    way_out: String,
}

/// A result with a [`Complaint`], boxed because the parser recurses and its frames are to stay small.
pub(crate) type Outcome<T> = Result<T, Box<Complaint>>;

impl Complaint {
    /// The caller's fault.
    pub(crate) fn usage(span: Span, reason: impl Into<String>, way_out: impl Into<String>) -> Box<Self> {
        Box::new(Complaint { kind: ErrorKind::Usage, span, reason: reason.into(), way_out: way_out.into() })
    }

    /// Understood, and not supported.
    pub(crate) fn unsupported(
        span: Span,
        reason: impl Into<String>,
        way_out: impl Into<String>,
    ) -> Box<Self> {
        let complaint = Complaint::usage(span, reason, way_out);
        Box::new(Complaint { kind: ErrorKind::Unsupported, ..*complaint })
    }

    /// The error: the line of the expression, a caret under the place, the reason, and the way out.
    pub(crate) fn into_error(self, source: &str) -> Error {
        let start = source.floor_char_boundary(self.span.start.min(source.len()));
        let end = source.ceil_char_boundary(self.span.end.clamp(start, source.len()));
        let line_start = source[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = source[start..].find('\n').map_or(source.len(), |at| start + at);
        let before = shown(source[line_start..start].chars().rev().take(CONTEXT + 1));
        let place = shown(source[start..end.min(line_end)].chars().take(CONTEXT));
        let after = shown(source[end.min(line_end)..line_end].chars().take(CONTEXT + 1));
        let head = if before.len() > CONTEXT { "..." } else { "" };
        let tail = if after.len() > CONTEXT { "..." } else { "" };
        let before: String = before.iter().take(CONTEXT).rev().collect();
        let indent = " ".repeat(head.len() + before.chars().count());
        let carets = "^".repeat(place.len().max(1));
        let place: String = place.into_iter().collect();
        let after: String = after.iter().take(CONTEXT).collect();
        let (reason, way_out) = (self.reason, self.way_out);
        let column = source[line_start..start].chars().count() + 1;
        let line = match source[..line_start].matches('\n').count() {
            0 => String::new(),
            lines => format!("line {}, ", lines + 1),
        };
        Error::new(
            self.kind,
            format!(
                "expression, {line}column {column}:\n  {head}{before}{place}{after}{tail}\n  {indent}{carets}\n{reason}\n{way_out}"
            ),
        )
    }
}

/// Characters that take one column and cannot command a terminal.
fn shown(characters: impl Iterator<Item = char>) -> Vec<char> {
    characters.map(|character| if character.is_control() { ' ' } else { character }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_under_the_place() {
        let error = Complaint::usage(8..9, "there is no input `C`", "the inputs are `A`, `B`")
            .into_error("A + B + C");
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert_eq!(
            error.to_string(),
            "expression, column 9:\n  A + B + C\n          ^\nthere is no input `C`\nthe inputs are `A`, `B`"
        );
    }

    #[test]
    fn long_lines_are_cut_and_control_characters_hidden() {
        let source = format!("1\n{}\u{1b}[31mß + Q{}", "é".repeat(500), " ".repeat(500));
        let at = source.find('Q').unwrap();
        let text = Complaint::usage(at..at + 1, "reason", "way out").into_error(&source).to_string();
        let lines = text.lines().collect::<Vec<_>>();
        assert!(!text.contains('\u{1b}') && lines[1].starts_with("  ...é") && lines[1].ends_with("..."));
        let caret = lines[2].chars().count() - 1;
        assert_eq!(lines[1].chars().nth(caret), Some('Q'));
        assert_eq!(lines[0], "expression, line 2, column 510:");
    }

    #[test]
    fn a_place_past_the_end_or_inside_a_letter_is_no_panic() {
        for span in [0..0, 5..5, 1..2, 9..90] {
            assert!(Complaint::usage(span, "a", "b").into_error("éé").to_string().contains('^'));
        }
    }
}
