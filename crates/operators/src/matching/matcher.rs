//! Looks for each chip of a reference in another raster: the operator.

use std::ops::Range;

use swathe_core::{
    Edge, Frame, Halo, Operator, RasterInfo, Result, SampleType, ScratchSize, Size, TileMut, TileView, Window,
};

use super::options::ChipOptions;
use super::points::{Outcome, TiePoint, info};
use super::summit::{REACH, Summit, Values, summit};
use super::surface::{Pixels, Surface};
use crate::rows::{LoadRows, loader};

/// Looks for chips; its output has a pixel for each.
pub struct ChipMatcher {
    options: ChipOptions,
    /// Where the search begins, in whole pixels.
    initial: [i64; 2],
    moved: Size,
    output: RasterInfo,
    surface: Surface,
    integers: bool,
    least_count: usize,
    reference_rows: Box<dyn LoadRows<f64>>,
    moved_rows: Box<dyn LoadRows<f64>>,
}

impl ChipMatcher {
    /// For chips of `reference` in `moved`, of which the first band is looked at.
    pub fn new(options: ChipOptions, initial: [i64; 2], reference: &RasterInfo, moved: &RasterInfo) -> Self {
        let exact = |info: &RasterInfo| {
            matches!(info.sample_type, SampleType::U8 | SampleType::I8 | SampleType::U16 | SampleType::I16)
        };
        let integers = exact(reference) && exact(moved);
        let pixels = options.grid.chip * options.grid.chip;
        let least_count = ((options.least_valid * pixels as f64).ceil() as usize).max(2);
        ChipMatcher {
            options,
            initial,
            moved: moved.size,
            output: info(options.grid.count),
            surface: Surface::new(options.grid.chip, side(&options), integers, least_count as f64),
            integers,
            least_count,
            reference_rows: loader(reference, options.policy),
            moved_rows: loader(moved, options.policy),
        }
    }

    fn load(&self, rows: &dyn LoadRows<f64>, view: &TileView<'_>, pixels: &mut Pixels<'_>, flags: &mut [u8]) {
        let size = view.window().size();
        pixels.fill(size, self.integers, |y, values, valid| {
            let flags = &mut flags[..size.width];
            rows.load_valid(view, 0, y, values, flags);
            valid.iter_mut().zip(flags.iter()).for_each(|(valid, &flag)| *valid = f64::from(flag));
        });
    }

    /// The search area of a chip, as far as the moved raster goes.
    fn area(&self, chip: Window) -> Window {
        let reach = Halo::square(self.options.search + REACH);
        chip.shift(self.initial[0], self.initial[1]).grow(reach).intersect(Window::whole(self.moved))
    }

    fn look(
        &self,
        chip: &TileView<'_>,
        moved: &TileView<'_>,
        memory: &mut Memory<'_>,
        scratch: &mut Frame<'_>,
    ) -> TiePoint {
        let place = chip.window();
        let area = self.area(place);
        let origin = [area.x - place.x, area.y - place.y];
        let across = self.searched(0, origin[0], area.width);
        let down = self.searched(1, origin[1], area.height);
        if across.is_empty() || down.is_empty() {
            return TiePoint::without(Outcome::Outside);
        }
        self.load(&*self.reference_rows, chip, &mut memory.chip, memory.flags);
        if memory.chip.count() < self.least_count {
            return TiePoint::without(Outcome::Missing);
        }
        if !memory.chip.varies(self.integers) {
            return TiePoint::without(Outcome::Flat);
        }
        self.load(&*self.moved_rows, &moved.crop(area), &mut memory.area, memory.flags);
        if memory.area.count() < self.least_count {
            return TiePoint::without(Outcome::Missing);
        }
        let (columns, rows) = self.surface.find(&memory.chip, &memory.area, memory.surface, scratch);
        let values = Values { values: &memory.surface[..columns * rows], columns, rows };
        match summit(values, across, down, self.options.subpixel, memory.chip.count()) {
            None => TiePoint::without(Outcome::Missing),
            Some(found) => self.judge(&found, origin),
        }
    }

    fn judge(&self, found: &Summit, origin: [i64; 2]) -> TiePoint {
        let outcome = if found.value == 0.0 {
            Outcome::Flat
        } else if found.value < self.options.least_correlation {
            Outcome::Weak
        } else if found.at_border {
            Outcome::Border
        } else {
            Outcome::Matched
        };
        TiePoint {
            chip: [0; 2],
            dx: origin[0] as f64 + found.x,
            dy: origin[1] as f64 + found.y,
            correlation: found.value,
            second: found.second.unwrap_or(f64::NAN),
            sigma: found.sigma.unwrap_or(f64::NAN),
            outcome,
        }
    }

    /// The places along an axis that are searched, of an area that begins at shift `origin`.
    fn searched(&self, axis: usize, origin: i64, length: usize) -> Range<usize> {
        let places = (length + 1).saturating_sub(self.options.grid.chip) as i64;
        let search = self.options.search as i64;
        let first = (self.initial[axis] - search - origin).clamp(0, places);
        let end = (self.initial[axis] + search + 1 - origin).clamp(0, places);
        first as usize..end as usize
    }
}

/// Columns and rows of a whole search area.
fn side(options: &ChipOptions) -> usize {
    options.grid.chip + 2 * (options.search + REACH)
}

/// What a chip is worked on in.
struct Memory<'a> {
    chip: Pixels<'a>,
    area: Pixels<'a>,
    flags: &'a mut [u8],
    surface: &'a mut [f64],
}

impl Operator for ChipMatcher {
    fn output(&self) -> &RasterInfo {
        &self.output
    }

    fn need(&self, input: usize, output: Window) -> Window {
        let chips = self.options.grid.hull(output);
        if input == 0 {
            return chips;
        }
        chips.shift(self.initial[0], self.initial[1]).grow(Halo::square(self.options.search + REACH))
    }

    fn edge(&self, _input: usize) -> Edge {
        Edge::Clip
    }

    fn scratch_bytes(&self, _output: Size) -> usize {
        let (chip, side) = (self.options.grid.chip, side(&self.options));
        let places = side - chip + 1;
        let size = Pixels::scratch(Pixels::scratch(ScratchSize::new(), chip * chip), side * side);
        self.surface.scratch(size.with::<u8>(side).with::<f64>(places * places)).bytes()
    }

    fn process(
        &self,
        inputs: &[TileView<'_>],
        output: &mut TileMut<'_>,
        scratch: &mut Frame<'_>,
    ) -> Result<()> {
        let (chip, side) = (self.options.grid.chip, side(&self.options));
        let places = side - chip + 1;
        let mut memory = Memory {
            chip: Pixels::take(scratch, chip * chip),
            area: Pixels::take(scratch, side * side),
            flags: scratch.take(side),
            surface: scratch.take(places * places),
        };
        let window = output.window();
        for y in 0..window.height {
            for x in 0..window.width {
                let place = self.options.grid.window(window.x + x as i64, window.y + y as i64);
                let found = self.look(&inputs[0].crop(place), &inputs[1], &mut memory, &mut scratch.inner());
                for (band, value) in found.bands().into_iter().enumerate() {
                    output.row_mut::<f64>(band, y)[x] = value;
                }
            }
        }
        Ok(())
    }
}
