//! The pixels around each pixel whose order counts: a rectangle, or those that a matrix names.

use swathe_core::{Error, Halo, Parameter, ParameterKind, Parameters, Result, Size, Window};

use crate::focal::matrix::Matrix;

/// `--size`.
pub(crate) const SIZE: Parameter = Parameter::optional(
    "size",
    ParameterKind::Size { greatest: GREATEST_SIDE },
    None,
    "window, `N` or `NxM` pixels; this or `--footprint` is needed",
);

/// `--footprint`.
pub(crate) const FOOTPRINT: Parameter = Parameter::optional(
    "footprint",
    ParameterKind::Table,
    None,
    "window of any shape: the pixels whose number is not 0 in `0 1 0; 1 1 1; 0 1 0`, or in a file that holds such a matrix",
);

/// Longest side of a window.
const GREATEST_SIDE: usize = 1023;

/// Pixels beside each other in one row of the hull.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// The first column, counted from the hull's.
    pub(crate) x: usize,
    /// The row, counted from the hull's.
    pub(crate) y: usize,
    /// Columns.
    pub(crate) length: usize,
}

/// A set of pixels around a pixel; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Footprint {
    /// The smallest window that covers it, relative to the pixel.
    pub(crate) hull: Window,
    /// What it is made of, from the first row to the last.
    pub(crate) runs: Vec<Run>,
    /// How many pixels it has.
    pub(crate) count: usize,
}

impl Footprint {
    /// What `--size` or `--footprint` describe.
    ///
    /// # Errors
    /// Usage, where none or both are given, or the footprint is empty or too large.
    pub(crate) fn read(parameters: &Parameters) -> Result<Self> {
        match (parameters.size("size")?, parameters.get("footprint")) {
            (Some(size), None) => Ok(Footprint::rectangle(size)),
            (None, Some(footprint)) => Matrix::read(footprint)
                .and_then(|matrix| Footprint::of_matrix(&matrix))
                .map_err(|error| error.at("--footprint")),
            (None, None) => Err(Error::usage("the window is missing: give `--size` or `--footprint`")),
            (Some(_), Some(_)) => {
                Err(Error::usage("`--size` and `--footprint` both describe the window; give one of them"))
            }
        }
    }

    /// The rectangle of that size around `size / 2`.
    pub(crate) fn rectangle(size: Size) -> Self {
        let runs = (0..size.height).map(|y| Run { x: 0, y, length: size.width }).collect();
        Footprint { hull: around_anchor(size), runs, count: size.pixels() }
    }

    /// What the text of a matrix describes.
    #[cfg(test)]
    pub(crate) fn of_text(text: &str) -> Result<Self> {
        Footprint::of_matrix(&Matrix::read(&swathe_core::Value::Text(text.into()))?)
    }

    fn of_matrix(matrix: &Matrix) -> Result<Self> {
        let size = matrix.size;
        if size.width.max(size.height) > GREATEST_SIDE {
            return Err(Error::usage(format!(
                "a footprint of {size} pixels is too large; its sides have up to {GREATEST_SIDE}"
            )));
        }
        let mut runs = Vec::new();
        for y in 0..size.height {
            let row = matrix.row(y);
            let mut x = 0;
            while x < size.width {
                let length = row[x..].iter().take_while(|&&number| number != 0.0).count();
                if length > 0 {
                    runs.push(Run { x, y, length });
                }
                x += length + 1;
            }
        }
        let covered = |run: &Run| Window::new(run.x as i64, run.y as i64, run.length, 1);
        let Some(hull) = runs.iter().map(covered).reduce(Window::hull) else {
            return Err(Error::usage(format!(
                "all {} numbers of the footprint are 0; those that are not say which pixels belong to it",
                size.pixels()
            )));
        };
        for run in &mut runs {
            (run.x, run.y) = (run.x - hull.x as usize, run.y - hull.y as usize);
        }
        let corner = around_anchor(size);
        let count = runs.iter().map(|run| run.length).sum();
        Ok(Footprint { hull: hull.shift(corner.x, corner.y), runs, count })
    }

    /// Its pixels whose neighbour a row further, above for -1 and below for 1, is not of it.
    pub(crate) fn vertical_ends(&self, direction: i64) -> Vec<Run> {
        let mut ends = Vec::new();
        for run in &self.runs {
            let (mut x, end) = (run.x, run.x + run.length);
            let beside = run.y.wrapping_add_signed(direction as isize);
            let first = self.runs.partition_point(|other| (other.y, other.x + other.length) <= (beside, x));
            let row = self.runs[first..].iter().take_while(|other| other.y == beside && other.x < end);
            for other in row {
                if other.x > x {
                    ends.push(Run { x, y: run.y, length: other.x - x });
                }
                x = other.x + other.length;
            }
            if x < end {
                ends.push(Run { x, y: run.y, length: end - x });
            }
        }
        ends
    }

    /// Whether a pixel, counted from the hull's first, is of it.
    pub(crate) fn contains(&self, x: usize, y: usize) -> bool {
        let after = self.runs.partition_point(|run| (run.y, run.x) <= (y, x));
        after.checked_sub(1).is_some_and(|last| {
            let run = self.runs[last];
            run.y == y && x < run.x + run.length
        })
    }

    /// Its hull's size, where it is all of that.
    pub(crate) fn as_rectangle(&self) -> Option<Size> {
        (self.count == self.hull.size().pixels()).then(|| self.hull.size())
    }

    /// The window that the pixels of `output` see, under any footprint of this hull.
    pub(crate) fn need(&self, output: Window) -> Window {
        Window {
            x: output.x + self.hull.x,
            y: output.y + self.hull.y,
            width: output.width + self.hull.width - 1,
            height: output.height + self.hull.height - 1,
        }
    }

    /// The window that the pixels of `output` see, those pixels among them.
    pub(crate) fn need_with_centre(&self, output: Window) -> Window {
        let past = |length: i64| usize::try_from(length).unwrap_or(0);
        output.grow(Halo {
            left: past(-self.hull.x),
            top: past(-self.hull.y),
            right: past(self.hull.x_end() - 1),
            bottom: past(self.hull.y_end() - 1),
        })
    }
}

fn around_anchor(size: Size) -> Window {
    Window::new(-((size.width / 2) as i64), -((size.height / 2) as i64), size.width, size.height)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn footprint(text: &str) -> Result<Footprint> {
        Footprint::of_text(text)
    }

    #[test]
    fn matrices_are_cut_into_runs() {
        let cross = footprint("0 1 0; 1 1 1; 0 1 0").unwrap();
        assert_eq!((cross.hull, cross.count), (Window::new(-1, -1, 3, 3), 5));
        let run = |x, y, length| Run { x, y, length };
        assert_eq!(cross.runs, [run(1, 0, 1), run(0, 1, 3), run(1, 2, 1)]);
        let broken = footprint("0 0 0 0; 0 1 0 2").unwrap();
        assert_eq!((broken.hull, broken.count), (Window::new(-1, 0, 3, 1), 2));
        assert_eq!(broken.runs, [run(0, 0, 1), run(2, 0, 1)]);
        assert_eq!(broken.as_rectangle(), None);
        assert_eq!(footprint("1 1; 1 1").unwrap(), Footprint::rectangle(Size::new(2, 2)));
    }

    #[test]
    fn ends_and_pixels_are_those_of_the_matrix() {
        let odd = footprint("1 1 1 0 1; 0 1 0 0 1; 1 1 0 1 1").unwrap();
        for direction in [-1, 1] {
            let mut ends = Vec::new();
            for (x, y) in (0..3).flat_map(|y| (0..5).map(move |x| (x, y))) {
                let beside = y as i64 + direction;
                if odd.contains(x, y) && !(beside >= 0 && odd.contains(x, beside as usize)) {
                    ends.push((x, y));
                }
            }
            let runs = odd.vertical_ends(direction);
            let found: Vec<_> =
                runs.iter().flat_map(|run| (run.x..run.x + run.length).map(|x| (x, run.y))).collect();
            assert_eq!(found, ends);
        }
        assert!(odd.contains(3, 2) && !odd.contains(2, 1) && !odd.contains(5, 0));
    }

    #[test]
    fn a_footprint_off_its_pixel_still_needs_the_pixel() {
        let off = footprint("0 0 0 0 1").unwrap();
        let output = Window::new(10, 20, 4, 3);
        assert_eq!(off.need(output), Window::new(12, 20, 4, 3));
        assert_eq!(off.need_with_centre(output), Window::new(10, 20, 6, 3));
    }

    #[test]
    fn an_empty_footprint_is_refused() {
        assert!(footprint("0 0; 0 0").unwrap_err().to_string().contains("all 4 numbers"));
        assert!(footprint(&["1"; 1024].join(" ")).unwrap_err().to_string().contains("up to 1023"));
    }
}
