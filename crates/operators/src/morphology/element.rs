//! Structuring elements: the pixels around each pixel that are compared, cut into what is fast to compare.

use swathe_core::{Error, Halo, Parameters, Result, Size, Window};

use crate::focal::matrix::Matrix;

/// Neighbouring pixels of one row, relative to the pixel that they surround.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chord {
    pub(crate) x: i64,
    pub(crate) y: i64,
    pub(crate) length: usize,
}

/// How an element is cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Parts {
    /// Rectangles, relative to the pixel that they surround, that together cover the element.
    Rectangles(Vec<Window>),
    /// Chords that together cover it.
    Chords(Vec<Chord>),
}

/// A flat structuring element; at least one pixel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) parts: Parts,
}

impl Element {
    /// The rectangle of that size around `size / 2`.
    pub(crate) fn rectangle(size: Size) -> Self {
        Element { parts: Parts::Rectangles(vec![around_anchor(size)]) }
    }

    /// A row and a column that meet at `size / 2`.
    fn cross(size: Size) -> Self {
        let Window { x, y, width, height } = around_anchor(size);
        let arms = vec![Window::new(x, 0, width, 1), Window::new(0, y, 1, height)];
        Element { parts: Parts::Rectangles(arms) }
    }

    /// For each row, counted from the middle one, all pixels up to `reach` columns from the middle.
    fn symmetric(size: Size, reach: impl Fn(u128) -> u128) -> Self {
        let rows = (size.height / 2) as i64;
        let chord = |y: i64| {
            let reach = reach(u128::from(y.unsigned_abs())) as i64;
            Chord { x: -reach, y, length: 2 * reach as usize + 1 }
        };
        Element { parts: Parts::Chords((-rows..=rows).map(chord).collect()) }
    }

    /// The pixels whose number in a matrix is not 0, around its `size / 2`.
    fn footprint(matrix: &Matrix) -> Result<Self> {
        let corner = around_anchor(matrix.size);
        let mut chords = Vec::new();
        for y in 0..matrix.size.height {
            let row = matrix.row(y);
            let mut x = 0;
            while x < row.len() {
                let length = row[x..].iter().take_while(|&&number| number != 0.0).count();
                if length > 0 {
                    chords.push(Chord { x: corner.x + x as i64, y: corner.y + y as i64, length });
                }
                x += length + 1;
            }
        }
        if chords.is_empty() {
            return Err(Error::usage(format!(
                "all {} numbers of the footprint are 0; those that are not say which pixels belong to it",
                matrix.size.pixels()
            )));
        }
        let element = Element { parts: Parts::Chords(chords) };
        let hull = element.hull();
        let full = element.chords().iter().map(|chord| chord.length).sum::<usize>() == hull.size().pixels();
        Ok(if full { Element { parts: Parts::Rectangles(vec![hull]) } } else { element })
    }

    /// The element that `--size` and `--shape`, or `--footprint`, describe.
    ///
    /// # Errors
    /// Usage, where none or both of size and footprint are given, the shape needs odd sides, or the footprint is empty.
    pub(crate) fn read(parameters: &Parameters) -> Result<Self> {
        let size = parameters.size("size")?;
        let shape = parameters.text("shape");
        match (size, parameters.get("footprint")) {
            (None, Some(footprint)) => {
                if shape.is_some() {
                    return Err(Error::usage("`--footprint` is a shape of its own; give `--shape` with `--size`"));
                }
                Matrix::read(footprint)
                    .and_then(|matrix| Element::footprint(&matrix))
                    .map_err(|error| error.at("--footprint"))
            }
            (Some(size), None) => Element::shaped(size, shape.unwrap_or("rect")),
            (None, None) => {
                Err(Error::usage("which pixels are compared is missing: give `--size` or `--footprint`"))
            }
            (Some(_), Some(_)) => Err(Error::usage(
                "`--size` and `--footprint` both say which pixels are compared; give one of them",
            )),
        }
    }

    fn shaped(size: Size, shape: &str) -> Result<Self> {
        if matches!(shape, "diamond" | "disk") && (size.width % 2 == 0 || size.height % 2 == 0) {
            return Err(Error::usage(format!(
                "--size: a {shape} has a pixel in its middle, so its sides are odd, which `{size}` are not"
            )));
        }
        let (a, b) = ((size.width / 2) as u128, (size.height / 2) as u128);
        Ok(match shape {
            "cross" => Element::cross(size),
            // |x| / a + |y| / b <= 1
            "diamond" => Element::symmetric(size, |y| if b == 0 { a } else { a * (b - y) / b }),
            // (x / a)^2 + (y / b)^2 <= 1
            "disk" => Element::symmetric(size, |y| {
                if b == 0 { a } else { (a * a * (b * b - y * y) / (b * b)).isqrt() }
            }),
            _ => Element::rectangle(size),
        })
    }

    /// The element turned by half a circle.
    pub(crate) fn reflected(&self) -> Self {
        let parts = match &self.parts {
            Parts::Rectangles(rectangles) => Parts::Rectangles(
                rectangles
                    .iter()
                    .map(|part| Window { x: 1 - part.x_end(), y: 1 - part.y_end(), ..*part })
                    .collect(),
            ),
            Parts::Chords(chords) => Parts::Chords(
                chords
                    .iter()
                    .map(|chord| Chord { x: 1 - chord.x - chord.length as i64, y: -chord.y, ..*chord })
                    .collect(),
            ),
        };
        Element { parts }
    }

    /// What `times` uses of the element, one after the other, compare, where that is a rectangle again.
    pub(crate) fn repeated(&self, times: usize) -> Option<Self> {
        let Parts::Rectangles(parts) = &self.parts else { return None };
        let [part] = parts.as_slice() else { return None };
        let side = |side: usize| times * (side - 1) + 1;
        let corner = |place: i64| times as i64 * place;
        let part = Window::new(corner(part.x), corner(part.y), side(part.width), side(part.height));
        Some(Element { parts: Parts::Rectangles(vec![part]) })
    }

    /// Whether it is the same turned by half a circle, which for a rectangle is what mirroring needs.
    pub(crate) fn is_symmetric(&self) -> bool {
        *self == self.reflected()
    }

    /// Whether the pixel itself is compared.
    pub(crate) fn has_centre(&self) -> bool {
        let centre = Window::new(0, 0, 1, 1);
        match &self.parts {
            Parts::Rectangles(rectangles) => rectangles.iter().any(|part| part.contains(centre)),
            Parts::Chords(chords) => {
                chords.iter().any(|chord| chord.y == 0 && chord.x <= 0 && chord.x + chord.length as i64 > 0)
            }
        }
    }

    fn chords(&self) -> &[Chord] {
        match &self.parts {
            Parts::Chords(chords) => chords,
            Parts::Rectangles(_) => &[],
        }
    }

    /// The smallest window that covers it, relative to the pixel that it surrounds.
    pub(crate) fn hull(&self) -> Window {
        let of_chord = |chord: &Chord| Window::new(chord.x, chord.y, chord.length, 1);
        let hull = match &self.parts {
            Parts::Rectangles(rectangles) => rectangles.iter().copied().reduce(Window::hull),
            Parts::Chords(chords) => chords.iter().map(of_chord).reduce(Window::hull),
        };
        hull.unwrap_or(Window::new(0, 0, 1, 1))
    }

    /// The margin that it needs.
    pub(crate) fn halo(&self) -> Halo {
        let hull = self.hull();
        let past = |length: i64| usize::try_from(length).unwrap_or(0);
        Halo {
            left: past(-hull.x),
            top: past(-hull.y),
            right: past(hull.x_end() - 1),
            bottom: past(hull.y_end() - 1),
        }
    }
}

fn around_anchor(size: Size) -> Window {
    Window::new(-((size.width / 2) as i64), -((size.height / 2) as i64), size.width, size.height)
}

#[cfg(test)]
mod tests {
    use super::*;
    use swathe_core::Value;

    fn pixels(element: &Element) -> Vec<String> {
        let hull = element.hull();
        let mut rows = vec![vec!['.'; hull.width]; hull.height];
        let mut mark = |x: i64, y: i64| rows[(y - hull.y) as usize][(x - hull.x) as usize] = '#';
        match &element.parts {
            Parts::Rectangles(parts) => {
                for part in parts {
                    (part.y..part.y_end()).for_each(|y| (part.x..part.x_end()).for_each(|x| mark(x, y)));
                }
            }
            Parts::Chords(chords) => {
                for chord in chords {
                    (chord.x..chord.x + chord.length as i64).for_each(|x| mark(x, chord.y));
                }
            }
        }
        rows.into_iter().map(|row| row.into_iter().collect()).collect()
    }

    fn shaped(width: usize, height: usize, shape: &str) -> Element {
        Element::shaped(Size::new(width, height), shape).unwrap()
    }

    #[test]
    fn shapes_are_those_of_scikit_image() {
        assert_eq!(pixels(&shaped(5, 5, "diamond")), ["..#..", ".###.", "#####", ".###.", "..#.."]);
        assert_eq!(pixels(&shaped(5, 5, "disk")), ["..#..", ".###.", "#####", ".###.", "..#.."]);
        let disk = pixels(&shaped(7, 7, "disk"));
        assert_eq!(disk, ["...#...", ".#####.", ".#####.", "#######", ".#####.", ".#####.", "...#..."]);
        assert_eq!(pixels(&shaped(3, 5, "cross")), [".#.", ".#.", "###", ".#.", ".#."]);
        assert_eq!(pixels(&shaped(7, 3, "disk")), ["...#...", "#######", "...#..."]);
        assert_eq!(pixels(&shaped(7, 1, "diamond")), ["#######"]);
        assert_eq!(pixels(&shaped(1, 3, "disk")), ["#", "#", "#"]);
        assert!(Element::shaped(Size::new(4, 5), "disk").unwrap_err().to_string().contains("odd"));
    }

    #[test]
    fn even_sides_hold_one_more_before_the_anchor_until_reflected() {
        let element = shaped(4, 3, "rect");
        assert_eq!(element.halo(), Halo { left: 2, top: 1, right: 1, bottom: 1 });
        assert_eq!(element.reflected().halo(), Halo { left: 1, top: 1, right: 2, bottom: 1 });
        assert!(!element.is_symmetric() && shaped(3, 5, "rect").is_symmetric());
        assert_eq!(element.repeated(3).unwrap().hull(), Window::new(-6, -3, 10, 7));
        assert_eq!(shaped(3, 3, "cross").repeated(2), None);
    }

    fn footprint(text: &str) -> Result<Element> {
        Element::footprint(&Matrix::read(&Value::Text(text.into())).unwrap())
    }

    #[test]
    fn footprints_are_cut_into_chords() {
        let element = footprint("1 0 1 1; 0 0 0 0; 0 2 0 0").unwrap();
        assert_eq!(pixels(&element), ["#.##", "....", ".#.."]);
        assert_eq!(element.hull(), Window::new(-2, -1, 4, 3));
        assert!(!element.has_centre());
        assert_eq!(pixels(&element.reflected()), ["..#.", "....", "##.#"]);
        assert_eq!(footprint("0 0 0; 0 1 1; 0 1 1").unwrap().parts, Parts::Rectangles(vec![Window::new(0, 0, 2, 2)]));
        assert!(footprint("0 0; 0 0").unwrap_err().to_string().contains("all 4 numbers"));
    }

    #[test]
    fn an_element_off_its_pixel_needs_no_margin_behind_it() {
        let element = footprint("0 0 0 0 1").unwrap();
        assert_eq!(element.halo(), Halo { left: 0, top: 0, right: 2, bottom: 0 });
    }
}
