//! Where chips lie: a regular grid in the middle of the reference.

use swathe_core::{Error, Result, Size, Window};

/// A grid of square chips, `spacing` pixels from one to the next, with equal margins on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChipGrid {
    /// The first chip's first column and row.
    pub first: [i64; 2],
    /// Pixels from one chip to the next.
    pub spacing: usize,
    /// Width and height of a chip.
    pub chip: usize,
    /// How many chips there are across and down.
    pub count: Size,
}

/// Most chips of a grid: what is found takes some 100 bytes each.
const MOST_CHIPS: usize = 1 << 22;

impl ChipGrid {
    /// Over a raster of that size.
    ///
    /// # Errors
    /// Usage, where not one chip fits; Limit, where there would be too many.
    pub fn new(raster: Size, chip: usize, spacing: usize) -> Result<Self> {
        if raster.width < chip || raster.height < chip {
            return Err(Error::usage(format!(
                "--chip-size: a chip of {chip} x {chip} pixels does not fit the reference of {raster}"
            )));
        }
        let along = |length: usize| {
            let count = (length - chip) / spacing + 1;
            (((length - chip) - (count - 1) * spacing) / 2, count)
        };
        let ((x, columns), (y, rows)) = (along(raster.width), along(raster.height));
        let count = Size::new(columns, rows);
        if count.pixels() > MOST_CHIPS {
            return Err(Error::limit(format!(
                "--spacing: {spacing} pixels from chip to chip make {count} chips; at most {MOST_CHIPS} are looked for, \
                 a larger spacing makes fewer"
            )));
        }
        Ok(ChipGrid { first: [x as i64, y as i64], spacing, chip, count })
    }

    /// The pixels of a chip.
    pub fn window(&self, column: i64, row: i64) -> Window {
        self.hull(Window::new(column, row, 1, 1))
    }

    /// The pixels of the chips in a window of the grid, and those between them.
    pub fn hull(&self, chips: Window) -> Window {
        let length = |count: usize| if count == 0 { 0 } else { (count - 1) * self.spacing + self.chip };
        Window::new(
            self.first[0] + chips.x * self.spacing as i64,
            self.first[1] + chips.y * self.spacing as i64,
            length(chips.width),
            length(chips.height),
        )
    }

    /// The middle of a chip in pixels from the raster's outer corner.
    pub fn middle(&self, column: i64, row: i64) -> [f64; 2] {
        let window = self.window(column, row);
        let half = self.chip as f64 / 2.0;
        [window.x as f64 + half, window.y as f64 + half]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chips_lie_in_the_middle() {
        let grid = ChipGrid::new(Size::new(105, 64), 32, 30).unwrap();
        assert_eq!((grid.first, grid.count), ([6, 1], Size::new(3, 2)));
        assert_eq!(grid.window(2, 1), Window::new(66, 31, 32, 32));
        assert_eq!(grid.hull(Window::new(1, 0, 2, 2)), Window::new(36, 1, 62, 62));
        assert_eq!(grid.middle(0, 0), [22.0, 17.0]);
        assert_eq!(ChipGrid::new(Size::new(32, 32), 32, 8).unwrap().count, Size::new(1, 1));
    }

    #[test]
    fn too_few_and_too_many_are_told() {
        let error = ChipGrid::new(Size::new(31, 40), 32, 8).unwrap_err();
        assert!(error.to_string().contains("31 x 40"), "{error}");
        assert!(ChipGrid::new(Size::new(80_000, 60_000), 16, 8).is_err());
    }
}
