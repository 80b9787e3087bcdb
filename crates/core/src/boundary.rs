//! What lies past the raster's edge, in scipy.ndimage's words.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::sample::{Sample, Scalar};

/// The rule that invents pixels past the raster's edge. Resolved by the engine, never by a kernel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Boundary {
    /// `d c b a | a b c d | d c b a`: the edge pixel is repeated. The default.
    Reflect,
    /// `d c b | a b c d | c b a`: the edge pixel is not repeated.
    Mirror,
    /// `a a a | a b c d | d d d`.
    Nearest,
    /// `b c d | a b c d | a b c`.
    Wrap,
    /// `v v v | a b c d | v v v`.
    Constant(Scalar),
}

impl Boundary {
    /// The index inside `0..length` that stands for any index, or `None` where the constant does.
    ///
    /// `length` is at least 1; an index may lie any number of lengths outside.
    pub fn resolve(self, index: i64, length: usize) -> Option<usize> {
        let n = length as i64;
        if (0..n).contains(&index) {
            return Some(index as usize);
        }
        let inside = match self {
            Boundary::Reflect => {
                let m = index.rem_euclid(2 * n);
                if m < n { m } else { 2 * n - 1 - m }
            }
            Boundary::Mirror if n == 1 => 0,
            Boundary::Mirror => {
                let period = 2 * n - 2;
                let m = index.rem_euclid(period);
                if m < n { m } else { period - m }
            }
            Boundary::Nearest => index.clamp(0, n - 1),
            Boundary::Wrap => index.rem_euclid(n),
            Boundary::Constant(_) => return None,
        };
        Some(inside as usize)
    }

    /// The least run of pixels that holds all those that stand for `indices`, or `None` where the constant does for every
    /// one of them; takes the same time for any number of indices.
    ///
    /// `length` is at least 1, and there is at least one index.
    pub fn span(self, indices: Range<i64>, length: usize) -> Option<Range<usize>> {
        let (n, last) = (length as i64, indices.end - 1);
        // Between two multiples of `turn` the pixels follow one another.
        let turn = match self {
            Boundary::Nearest => {
                return Some(self.resolve(indices.start, length)?..self.resolve(last, length)? + 1);
            }
            Boundary::Constant(_) => {
                let (from, to) = (indices.start.max(0), indices.end.min(n));
                return (from < to).then_some(from as usize..to as usize);
            }
            Boundary::Mirror => (n - 1).max(1),
            Boundary::Reflect | Boundary::Wrap => n,
        };
        if indices.end - indices.start >= 2 * turn {
            return Some(0..length);
        }
        let first_turn = indices.start.div_euclid(turn);
        let turns = (first_turn..=last.div_euclid(turn) + 1).map(|number| number * turn);
        let around = turns.flat_map(|at| [at - 1, at]).filter(|at| indices.contains(at));
        let pixels = around.chain([indices.start, last]).filter_map(|at| self.resolve(at, length));
        let (least, greatest) =
            pixels.fold((length, 0), |(least, greatest), at| (least.min(at), greatest.max(at)));
        Some(least..greatest + 1)
    }

    /// The constant in a raster's own type, rounded and saturated; 0 where the rule has none.
    pub fn constant<T: Sample>(self) -> T {
        match self {
            Boundary::Constant(Scalar::Integer(value)) => T::from_i128(value),
            Boundary::Constant(Scalar::Float(value)) => T::from_f64(value),
            _ => T::default(),
        }
    }

    /// Reads `reflect`, `mirror`, `nearest`, `wrap`, `constant` (0) or `constant=V`.
    ///
    /// # Errors
    /// Usage, if it is none of these.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "reflect" => Ok(Boundary::Reflect),
            "mirror" => Ok(Boundary::Mirror),
            "nearest" => Ok(Boundary::Nearest),
            "wrap" => Ok(Boundary::Wrap),
            "constant" => Ok(Boundary::Constant(Scalar::Integer(0))),
            _ => match text.strip_prefix("constant=") {
                Some(value) => Ok(Boundary::Constant(Scalar::parse(value)?)),
                None => Err(Error::usage(format!(
                    "`{text}` is not a boundary; the boundaries are reflect, mirror, nearest, wrap, constant=V"
                ))),
            },
        }
    }
}

impl std::fmt::Display for Boundary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Boundary::Reflect => f.write_str("reflect"),
            Boundary::Mirror => f.write_str("mirror"),
            Boundary::Nearest => f.write_str("nearest"),
            Boundary::Wrap => f.write_str("wrap"),
            Boundary::Constant(value) => write!(f, "constant={value}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values from numpy.pad and cv2.copyMakeBorder, OPERATORS.md A0.2.
    #[test]
    fn index_maps_agree_with_scipy() {
        let at = |boundary: Boundary, length| {
            (-10..-7).map(|i| boundary.resolve(i, length).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(at(Boundary::Reflect, 3), [2, 2, 1]);
        assert_eq!(at(Boundary::Mirror, 3), [2, 1, 0]);
        assert_eq!(at(Boundary::Wrap, 3), [2, 0, 1]);
        assert_eq!(at(Boundary::Nearest, 3), [0, 0, 0]);
        for boundary in [Boundary::Reflect, Boundary::Mirror, Boundary::Wrap, Boundary::Nearest] {
            assert_eq!(at(boundary, 1), [0, 0, 0]);
        }
        assert_eq!(Boundary::Constant(Scalar::Integer(7)).resolve(-1, 3), None);
        assert_eq!(Boundary::Reflect.resolve(2, 3), Some(2));
    }

    #[test]
    fn the_span_is_that_of_every_index_by_itself() {
        let constant = Boundary::Constant(Scalar::Integer(0));
        for boundary in [Boundary::Reflect, Boundary::Mirror, Boundary::Wrap, Boundary::Nearest, constant] {
            for length in 1..6_usize {
                for (start, end) in (-20..20).flat_map(|start| (start + 1..22).map(move |end| (start, end))) {
                    let pixels = || (start..end).filter_map(|at| boundary.resolve(at, length));
                    let expected = pixels().min().zip(pixels().max()).map(|(least, most)| least..most + 1);
                    let span = boundary.span(start..end, length);
                    assert_eq!(span, expected, "{boundary} of {length}: {start}..{end}");
                }
            }
        }
    }

    #[test]
    fn a_constant_is_rounded_and_saturated() {
        assert_eq!(Boundary::Constant(Scalar::Integer(300)).constant::<u8>(), 255);
        assert_eq!(Boundary::Constant(Scalar::Float(-0.5)).constant::<i16>(), -1);
        assert_eq!(Boundary::Wrap.constant::<i16>(), 0);
    }

    #[test]
    fn words_read_back() {
        for text in ["reflect", "mirror", "nearest", "wrap", "constant=-3", "constant=nan"] {
            assert_eq!(Boundary::parse(text).unwrap().to_string(), text);
        }
        assert!(Boundary::parse("symmetric").is_err());
    }
}
