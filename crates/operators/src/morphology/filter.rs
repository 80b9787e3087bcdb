//! One erosion or dilation of a plane of keys.
//!
//! A rectangle is done along x, by joining runs of keys to ever longer ones, and along y by van Herk's and Gil and
//! Werman's method: rows in blocks as high as the rectangle, the extremes from each row of a block to its end beside
//! those from the next block's start. A cross is two rectangles. Any other shape is done row by row (Urbach and
//! Wilkinson): of each row of the plane the extremes of runs of 1, 2, 4, ... keys, of each row of the element two such
//! runs, which may overlap.

use swathe_core::{Frame, ScratchSize, Size, Window};

use super::element::Element;
use super::extreme::Extreme;
use super::lines::{self, Lengthen};
use crate::rank::key::Key;

/// Where rows of keys come from.
pub(crate) trait Rows<K> {
    /// Fills `keys` with row `y` from column `x` on.
    fn read(&self, x: usize, y: usize, keys: &mut [K]);
}

/// Where rows of keys go.
pub(crate) trait Target<K> {
    /// `count` keys of row `y` from column `x` on.
    fn row(&mut self, x: usize, y: usize, count: usize) -> &mut [K];
}

/// What is to be made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Area {
    /// Pixels of the target.
    pub(crate) size: Size,
    /// The column of the source that the target's first pixel is in.
    pub(crate) x: usize,
    /// The row of the source that the target's first pixel is in.
    pub(crate) y: usize,
}

/// An element made ready for use.
#[derive(Clone, Debug)]
pub(crate) enum Filter {
    /// Rectangles that make it up.
    Rectangles(Vec<Rectangle>),
    /// Runs that make it up.
    Runs(Runs),
}

/// Bytes of rows that wait for others in one block of columns: what fits a second-level cache beside the rest. The wider
/// the block, the less is done twice at its sides.
const WAITING_BYTES: usize = 448 << 10;

impl Filter {
    /// For an element.
    pub(crate) fn new(element: &Element) -> Self {
        if element.rectangles.is_empty() {
            Filter::Runs(Runs::new(element))
        } else {
            Filter::Rectangles(element.rectangles.iter().map(|&window| Rectangle::new(window)).collect())
        }
    }

    /// Takes the extremes over the element around each pixel of the area.
    pub(crate) fn apply<K: Key, D: Extreme>(
        &self,
        source: &dyn Rows<K>,
        target: &mut dyn Target<K>,
        area: Area,
        scratch: &mut Frame<'_>,
    ) {
        let block = self.block::<K>(area.size);
        for start in (0..area.size.width).step_by(block) {
            let columns = Columns { start, count: block.min(area.size.width - start) };
            match self {
                Filter::Rectangles(rectangles) => {
                    for (index, rectangle) in rectangles.iter().enumerate() {
                        let joining = if index == 0 { Joining::First } else { Joining::Further };
                        rectangle.apply::<K, D>(source, target, area, columns, joining, &mut scratch.inner());
                    }
                }
                Filter::Runs(runs) => runs.apply::<K, D>(source, target, area, columns, &mut scratch.inner()),
            }
        }
    }

    /// Columns of a block.
    fn block<K>(&self, size: Size) -> usize {
        let rows = match self {
            Filter::Rectangles(rectangles) => {
                rectangles.iter().map(|part| 2 * part.waiting(size.height)).max().unwrap_or(1)
            }
            Filter::Runs(runs) => runs.levels * runs.hull.height,
        };
        (WAITING_BYTES / (rows.max(1) * size_of::<K>()) / 64 * 64).clamp(256, 4096).min(size.width)
    }

    /// Bytes of scratch for a target of this size.
    pub(crate) fn scratch_bytes<K>(&self, size: Size) -> usize {
        let block = self.block::<K>(size);
        match self {
            Filter::Rectangles(rectangles) => {
                rectangles.iter().map(|part| part.scratch::<K>(block, size.height).bytes()).max().unwrap_or(0)
            }
            Filter::Runs(runs) => runs.scratch::<K>(block).bytes(),
        }
    }
}

/// A block of the target's columns.
#[derive(Clone, Copy, Debug)]
struct Columns {
    start: usize,
    count: usize,
}

/// Whether a part's extremes are put into the target or joined with what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Joining {
    First,
    Further,
}

/// A full rectangle, relative to the pixel that it surrounds.
#[derive(Clone, Debug)]
pub(crate) struct Rectangle {
    window: Window,
    steps: Vec<Lengthen>,
}

impl Rectangle {
    fn new(window: Window) -> Self {
        Rectangle { window, steps: lines::steps_to(window.width) }
    }

    /// Rows that wait for the end of their block, of a target that is `height` high.
    fn waiting(&self, height: usize) -> usize {
        self.window.height.min(height)
    }

    fn scratch<K>(&self, block: usize, height: usize) -> ScratchSize {
        let line = block + self.window.width - 1;
        let waiting = block * self.waiting(height);
        ScratchSize::new()
            .with::<K>(line)
            .with::<K>(line)
            .with::<K>(block)
            .with::<K>(block)
            .with::<K>(waiting)
            .with::<K>(waiting)
    }

    fn apply<K: Key, D: Extreme>(
        &self,
        source: &dyn Rows<K>,
        target: &mut dyn Target<K>,
        area: Area,
        columns: Columns,
        joining: Joining,
        scratch: &mut Frame<'_>,
    ) {
        let Columns { start, count } = columns;
        let mut along = Along {
            rectangle: self,
            source,
            x: (area.x + start) as i64 + self.window.x,
            y: area.y as i64 + self.window.y,
            line: scratch.take(count + self.window.width - 1),
            spare: scratch.take(count + self.window.width - 1),
        };
        let (running, made) = (scratch.take::<K>(count), scratch.take::<K>(count));
        let (height, waiting) = (self.window.height, self.waiting(area.size.height));
        let mut block = scratch.take::<K>(count * waiting);
        let mut next = scratch.take::<K>(count * waiting);
        let mut put = |y: usize, row: &mut dyn FnMut(&mut [K])| match joining {
            Joining::First => row(target.row(start, y, count)),
            Joining::Further => {
                row(made);
                lines::fold::<K, D>(target.row(start, y, count), made);
            }
        };
        if height == 1 {
            for y in 0..area.size.height {
                put(y, &mut |row| along.read::<D>(y, row));
            }
            return;
        }
        for first in (0..area.size.height).step_by(height) {
            let rows = height.min(area.size.height - first);
            // All but the last of a later block's rows were read as those that followed the block before.
            let read = if first == 0 { 0 } else { height - 1 };
            for y in read..waiting {
                along.read::<D>(first + y, &mut block[y * count..][..count]);
            }
            for y in waiting..height {
                along.read::<D>(first + y, running);
                lines::fold::<K, D>(&mut block[(waiting - 1) * count..], running);
            }
            for y in (0..waiting - 1).rev() {
                let (row, below) = block[y * count..].split_at_mut(count);
                lines::fold::<K, D>(row, &below[..count]);
            }
            put(first, &mut |row| row.copy_from_slice(&block[..count]));
            for y in 1..rows {
                let entering = &mut next[(y - 1) * count..][..count];
                along.read::<D>(first + height + y - 1, entering);
                if y == 1 {
                    running.copy_from_slice(entering);
                }
                let rest = &block[y * count..][..count];
                put(first + y, &mut |row| lines::advance::<K, D>(running, entering, rest, row));
            }
            std::mem::swap(&mut block, &mut next);
        }
    }
}

/// The extremes along x of the rows of a source.
struct Along<'a, K> {
    rectangle: &'a Rectangle,
    source: &'a dyn Rows<K>,
    /// The column of the source where the first run starts.
    x: i64,
    /// The row of the source that the first row of the rectangle is in.
    y: i64,
    line: &'a mut [K],
    spare: &'a mut [K],
}

impl<K: Key> Along<'_, K> {
    fn read<D: Extreme>(&mut self, y: usize, row: &mut [K]) {
        let (x, y) = (self.x as usize, (self.y + y as i64) as usize);
        let Some((last, steps)) = self.rectangle.steps.split_last() else {
            self.source.read(x, y, row);
            return;
        };
        self.source.read(x, y, self.line);
        for step in steps {
            let length = self.line.len() + 1 - step.length;
            lines::gather::<K, D>(self.line, &step.shifts, &mut self.spare[..length]);
            std::mem::swap(&mut self.line, &mut self.spare);
        }
        lines::gather::<K, D>(self.line, &last.shifts, row);
    }
}

/// A run of `1 << level` keys of one row of an element.
#[derive(Clone, Copy, Debug)]
struct Probe {
    x: usize,
    y: usize,
    level: usize,
}

/// Any shape, cut into runs.
#[derive(Clone, Debug)]
pub(crate) struct Runs {
    hull: Window,
    probes: Vec<Probe>,
    /// How many lengths of runs there are: 1, 2, 4, ...
    levels: usize,
}

impl Runs {
    fn new(element: &Element) -> Self {
        let mut probes = Vec::new();
        for run in &element.footprint.runs {
            let level = run.length.ilog2() as usize;
            let length = 1 << level;
            probes.push(Probe { x: run.x, y: run.y, level });
            if run.length > length {
                probes.push(Probe { x: run.x + run.length - length, y: run.y, level });
            }
        }
        let levels = probes.iter().map(|probe| probe.level + 1).max().unwrap_or(1);
        Runs { hull: element.footprint.hull, probes, levels }
    }

    fn scratch<K>(&self, block: usize) -> ScratchSize {
        ScratchSize::new().with::<K>((block + self.hull.width - 1) * self.levels * self.hull.height)
    }

    fn apply<K: Key, D: Extreme>(
        &self,
        source: &dyn Rows<K>,
        target: &mut dyn Target<K>,
        area: Area,
        columns: Columns,
        scratch: &mut Frame<'_>,
    ) {
        let Columns { start, count } = columns;
        let width = count + self.hull.width - 1;
        let ring = scratch.take::<K>(width * self.levels * self.hull.height);
        let x = ((area.x + start) as i64 + self.hull.x) as usize;
        for y in 0..area.size.height + self.hull.height - 1 {
            let tables = &mut ring[y % self.hull.height * self.levels * width..][..self.levels * width];
            source.read(x, (area.y as i64 + self.hull.y) as usize + y, &mut tables[..width]);
            for level in 1..self.levels {
                let (shorter, longer) = tables[(level - 1) * width..].split_at_mut(width);
                let length = width + 1 - (1 << level);
                let half = 1 << (level - 1);
                lines::pair::<K, D>(&shorter[..length], &shorter[half..][..length], &mut longer[..length]);
            }
            if let Some(y) = (y + 1).checked_sub(self.hull.height) {
                let row = |probe: &Probe| {
                    let place = (y + probe.y) % self.hull.height * self.levels + probe.level;
                    &ring[place * width + probe.x..][..count]
                };
                gather_probes::<K, D>(&self.probes, row, target.row(start, y, count));
            }
        }
    }
}

/// Puts the extreme of the rows of all probes into `target`.
fn gather_probes<'a, K: Key, D: Extreme>(
    probes: &[Probe],
    row: impl Fn(&Probe) -> &'a [K],
    target: &mut [K],
) {
    for (index, four) in probes.chunks(4).enumerate() {
        // Of fewer than four the last one counts more than once, which changes nothing.
        let at = |place: usize| row(&four[place.min(four.len() - 1)]);
        let rows = [at(0), at(1), at(2), at(3)];
        if index == 0 {
            lines::four::<K, D>(rows, target);
        } else {
            lines::fold_four::<K, D>(target, rows);
        }
    }
}
