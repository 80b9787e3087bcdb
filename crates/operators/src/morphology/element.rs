//! Structuring elements: the pixels around each pixel that are compared.

use swathe_core::{Error, Halo, Parameter, ParameterKind, Parameters, Result, Size, Window};

use crate::rank::footprint::{Footprint, Run};

/// `--shape`.
pub(crate) const SHAPE: Parameter = Parameter::optional(
    "shape",
    ParameterKind::Choice(&["rect", "cross", "diamond", "disk"]),
    None,
    "shape that fills --size: rect, cross, diamond or disk (default: rect)",
);

/// `--iterations`.
pub(crate) const ITERATIONS: Parameter = Parameter::optional(
    "iterations",
    ParameterKind::Integer { least: 1, greatest: 1000 },
    Some("1"),
    "how many times each erosion and dilation is done",
);

/// A flat structuring element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Element {
    /// Its pixels.
    pub(crate) footprint: Footprint,
    /// Rectangles, relative to the pixel that they surround, that make it up, where a few do; else none.
    pub(crate) rectangles: Vec<Window>,
}

impl Element {
    /// The element that `--size` and `--shape`, or `--footprint`, describe.
    ///
    /// # Errors
    /// Usage, where none or both of size and footprint are given, the shape needs odd sides, or the footprint is empty.
    pub(crate) fn read(parameters: &Parameters) -> Result<Self> {
        let footprint = Footprint::read(parameters)?;
        let shape = parameters.text("shape");
        match (parameters.size("size")?, shape) {
            (None, Some(_)) => {
                Err(Error::usage("`--footprint` is a shape of its own; give `--shape` with `--size`"))
            }
            (Some(size), Some(shape)) => Element::shaped(size, shape),
            _ => Ok(Element::of(footprint)),
        }
    }

    /// The element of these pixels.
    pub(crate) fn of(footprint: Footprint) -> Self {
        let full = footprint.count == footprint.hull.size().pixels();
        let rectangles = if full { vec![footprint.hull] } else { Vec::new() };
        Element { footprint, rectangles }
    }

    fn shaped(size: Size, shape: &str) -> Result<Self> {
        if matches!(shape, "diamond" | "disk")
            && (size.width.is_multiple_of(2) || size.height.is_multiple_of(2))
        {
            return Err(Error::usage(format!(
                "--size: a {shape} has a pixel in its middle, so its sides are odd, which those of `{}x{}` are not",
                size.width, size.height
            )));
        }
        let (a, b) = ((size.width / 2) as u64, (size.height / 2) as u64);
        Ok(match shape {
            "cross" => Element::cross(size),
            // |x| / a + |y| / b <= 1
            "diamond" => Element::symmetric(size, |y| (a * (b - y)).checked_div(b).unwrap_or(a)),
            // (x / a)^2 + (y / b)^2 <= 1
            "disk" => Element::symmetric(size, |y| {
                (a * a * (b * b - y * y)).checked_div(b * b).map_or(a, u64::isqrt)
            }),
            _ => Element::of(Footprint::rectangle(size)),
        })
    }

    /// A row and a column that meet at `size / 2`.
    fn cross(size: Size) -> Self {
        let hull = Footprint::rectangle(size).hull;
        let (column, middle) = (size.width / 2, size.height / 2);
        let run = |y| {
            if y == middle { Run { x: 0, y, length: size.width } } else { Run { x: column, y, length: 1 } }
        };
        let runs = (0..size.height).map(run).collect();
        let arms = vec![Window::new(hull.x, 0, size.width, 1), Window::new(0, hull.y, 1, size.height)];
        Element { footprint: Footprint { hull, runs, count: size.width + size.height - 1 }, rectangles: arms }
    }

    /// In each row all pixels up to `reach` columns from the middle, `reach` a function of the distance from the middle row.
    fn symmetric(size: Size, reach: impl Fn(u64) -> u64) -> Self {
        let (column, middle) = (size.width / 2, size.height / 2);
        let run = |y: usize| {
            let reach = reach(y.abs_diff(middle) as u64) as usize;
            Run { x: column - reach, y, length: 2 * reach + 1 }
        };
        let runs: Vec<Run> = (0..size.height).map(run).collect();
        let count = runs.iter().map(|run| run.length).sum();
        Element::of(Footprint { hull: Footprint::rectangle(size).hull, runs, count })
    }

    /// The element turned by half a circle.
    pub(crate) fn reflected(&self) -> Self {
        let turn = |part: &Window| Window { x: 1 - part.x_end(), y: 1 - part.y_end(), ..*part };
        let Footprint { hull, runs, count } = &self.footprint;
        let turn_run = |run: &Run| Run {
            x: hull.width - run.x - run.length,
            y: hull.height - 1 - run.y,
            length: run.length,
        };
        Element {
            footprint: Footprint {
                hull: turn(hull),
                runs: runs.iter().rev().map(turn_run).collect(),
                count: *count,
            },
            rectangles: self.rectangles.iter().map(turn).collect(),
        }
    }

    /// What `times` uses of the element, one after the other, compare, where that is known to be one rectangle
    /// whatever stands past the raster's edge: for a rectangle that is the same turned round.
    pub(crate) fn repeated(&self, times: usize) -> Option<Self> {
        let [part] = self.rectangles.as_slice() else { return None };
        let side = |side: usize| times * (side - 1) + 1;
        let size = Size::new(side(part.width), side(part.height));
        (*self == self.reflected()).then(|| Element::of(Footprint::rectangle(size)))
    }

    /// Whether the pixel itself is compared.
    pub(crate) fn has_centre(&self) -> bool {
        let Footprint { hull, runs, .. } = &self.footprint;
        runs.iter().any(|run| {
            let first = hull.x + run.x as i64;
            hull.y + run.y as i64 == 0 && (first..first + run.length as i64).contains(&0)
        })
    }

    /// The margin that it needs, the pixel itself included.
    pub(crate) fn halo(&self) -> Halo {
        let hull = self.footprint.hull;
        let past = |length: i64| usize::try_from(length).unwrap_or(0);
        Halo {
            left: past(-hull.x),
            top: past(-hull.y),
            right: past(hull.x_end() - 1),
            bottom: past(hull.y_end() - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use swathe_core::Value;

    fn pixels(element: &Element) -> Vec<String> {
        let hull = element.footprint.hull;
        let mut rows = vec![vec!['.'; hull.width]; hull.height];
        for run in &element.footprint.runs {
            rows[run.y][run.x..run.x + run.length].fill('#');
        }
        rows.into_iter().map(|row| row.into_iter().collect()).collect()
    }

    fn shaped(width: usize, height: usize, shape: &str) -> Element {
        Element::shaped(Size::new(width, height), shape).unwrap()
    }

    fn footprint(text: &str) -> Element {
        let given = [("footprint".to_string(), Value::Text(text.into()))];
        Element::read(
            &Parameters::check(
                &[crate::rank::footprint::SIZE, crate::rank::footprint::FOOTPRINT, SHAPE],
                given,
            )
            .unwrap(),
        )
        .unwrap()
    }

    #[test]
    fn shapes_are_those_of_scikit_image() {
        assert_eq!(pixels(&shaped(5, 5, "diamond")), ["..#..", ".###.", "#####", ".###.", "..#.."]);
        assert_eq!(pixels(&shaped(5, 5, "disk")), ["..#..", ".###.", "#####", ".###.", "..#.."]);
        let disk = pixels(&shaped(7, 7, "disk"));
        assert_eq!(disk, ["...#...", ".#####.", ".#####.", "#######", ".#####.", ".#####.", "...#..."]);
        assert_eq!(shaped(7, 7, "disk").footprint.count, 29);
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
        assert_eq!(element.repeated(3), None);
        assert_eq!(shaped(3, 5, "rect").repeated(3), Some(shaped(7, 13, "rect")));
        assert_eq!(shaped(3, 5, "disk").repeated(3), None);
    }

    #[test]
    fn footprints_are_turned_by_half_a_circle() {
        let corner = footprint("1 1 0 1; 1 0 0 0");
        assert_eq!(pixels(&corner.reflected()), ["...#", "#.##"]);
        assert_eq!(corner.reflected().reflected(), corner);
        assert_eq!(footprint("0 0 0; 0 1 1; 0 1 1").rectangles, [Window::new(0, 0, 2, 2)]);
        assert!(!corner.has_centre() && footprint("1 1 0 1; 1 0 1 0").has_centre());
    }

    #[test]
    fn an_element_off_its_pixel_needs_no_margin_behind_it() {
        let element = footprint("0 0 0 0 1");
        assert_eq!(element.halo(), Halo { left: 0, top: 0, right: 2, bottom: 0 });
        assert!(!element.has_centre());
    }
}
