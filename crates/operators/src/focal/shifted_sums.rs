//! Sums over windows of what pixels differ from one of the window, and of its square, at the same cost for any size.
//!
//! Where a window spreads little beside its mean, `squares - sum * mean` cancels; counted from one of the window's own
//! pixels it does not. The raster is cut into blocks as large as the window, so that every window holds the first pixel of
//! exactly one block, its origin: left of it, above it, right and below are parts of four blocks, each summed from that
//! pixel on (van Herk 1992). Origins lie where the raster's coordinates say, whatever the tiling.

use swathe_core::{Frame, ScratchSize, Size, Window};

use super::window_statistics::Band;

/// The work space over one band of a tile; rows are asked for from above to below, and may be left out.
pub(super) struct ShiftedSums<'a> {
    window: Size,
    /// The input that is summed over, in coordinates of the raster.
    input: Window,
    numbers: &'a mut [f64],
    flags: &'a mut [u8],
    /// The origins in the row where the block of rows begins, and in that where the next one does; 0 without data.
    origins: Origins<'a>,
    /// `window.height` rows: what a row sums to from the next block's origins; then, in full blocks, with all rows below.
    block: Sums<'a>,
    /// The rows of a block so far, from its own origins.
    below: Sums<'a>,
    /// The sums that were asked for.
    found: Sums<'a>,
    /// Rows read so far.
    read: usize,
}

struct Origins<'a> {
    here: &'a mut [f64],
    next: &'a mut [f64],
}

/// Sums of differences and of their squares.
struct Sums<'a> {
    off: &'a mut [f64],
    squares: &'a mut [f64],
}

impl<'a> Sums<'a> {
    fn take(scratch: &mut Frame<'a>, length: usize) -> Self {
        Sums { off: scratch.take(length), squares: scratch.take(length) }
    }

    /// Row `y` of rows of this length.
    fn row(&mut self, y: usize, length: usize) -> Sums<'_> {
        let row = y * length..(y + 1) * length;
        Sums { off: &mut self.off[row.clone()], squares: &mut self.squares[row] }
    }

    fn add(&mut self, other: &Sums<'_>) {
        add(self.off, other.off);
        add(self.squares, other.squares);
    }

    fn copy(&mut self, other: &Sums<'_>) {
        self.off.copy_from_slice(other.off);
        self.squares.copy_from_slice(other.squares);
    }
}

fn add(to: &mut [f64], from: &[f64]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += from;
    }
}

impl<'a> ShiftedSums<'a> {
    /// What [`ShiftedSums::take`] takes for an output of `width` columns.
    pub(super) fn scratch(size: ScratchSize, window: Size, width: usize) -> ScratchSize {
        let input = width + window.width - 1;
        let (origins, block) = (input / window.width + 1, window.height * width);
        let size = size.with::<f64>(input).with::<u8>(input).with::<f64>(origins).with::<f64>(origins);
        let size = size.with::<f64>(block).with::<f64>(block).with::<f64>(width).with::<f64>(width);
        size.with::<f64>(width).with::<f64>(width)
    }

    /// The work space for an input of this window.
    pub(super) fn take(scratch: &mut Frame<'a>, window: Size, input: Window) -> Self {
        let (width, origins) = (input.width + 1 - window.width, input.width / window.width + 1);
        ShiftedSums {
            window,
            input,
            numbers: scratch.take(input.width),
            flags: scratch.take(input.width),
            origins: Origins { here: scratch.take(origins), next: scratch.take(origins) },
            block: Sums::take(scratch, window.height * width),
            below: Sums::take(scratch, width),
            found: Sums::take(scratch, width),
            read: 0,
        }
    }

    /// Reads on until row `y` of the output is summed.
    pub(super) fn read_to(&mut self, band: &Band<'_>, y: usize) {
        while self.read < y + self.window.height {
            self.read_row(band);
            self.read += 1;
        }
    }

    /// Mean and variance of `count` pixels around column `x` of the row that was read to.
    pub(super) fn spread(&self, x: usize, count: f64, ddof: f64) -> Spread {
        let off = self.found.off[x] / count;
        Spread {
            mean: self.origins.here[self.origin_of(x)] + off,
            variance: (self.found.squares[x] - self.found.off[x] * off) / (count - ddof),
            off,
        }
    }

    fn width(&self) -> usize {
        self.found.off.len()
    }

    /// The column of the first origin.
    fn first_origin(&self) -> usize {
        (-self.input.x).rem_euclid(self.window.width as i64) as usize
    }

    /// Which origin the window that begins at column `x` holds.
    fn origin_of(&self, x: usize) -> usize {
        x.saturating_sub(self.first_origin()).div_ceil(self.window.width)
    }

    fn read_row(&mut self, band: &Band<'_>) {
        let (y, width, height) = (self.read, self.width(), self.window.height);
        let slot = (self.input.y + y as i64).rem_euclid(height as i64) as usize;
        if slot == 0 || y == 0 {
            if slot == 0 {
                self.read_origins(band, y, true);
            }
            self.read_origins(band, y + height - slot, false);
        }
        self.load(band, y);
        // Before the first origin no window ends: what lies here then is not asked for.
        self.sum_along_x(true);
        if slot == 0 || y == 0 {
            self.below.copy(&self.found);
        } else {
            self.below.add(&self.found);
        }
        self.sum_along_x(false);
        self.block.row(slot, width).copy(&self.found);
        self.found.copy(&self.below);
        if slot + 1 < height {
            self.found.add(&self.block.row(slot + 1, width));
            return;
        }
        for upper in (0..slot).rev() {
            for rows in [&mut *self.block.off, &mut *self.block.squares] {
                let (above, below) = rows.split_at_mut((upper + 1) * width);
                add(&mut above[upper * width..], &below[..width]);
            }
        }
    }

    /// Row `y` of the input into `numbers`, 0 and a flag of 0 where there is no data.
    fn load(&mut self, band: &Band<'_>, y: usize) {
        band.load_row(y, self.numbers, self.flags);
        if band.whole {
            self.flags.fill(1);
        }
    }

    /// Reads the origins in row `y`, if the input has it.
    fn read_origins(&mut self, band: &Band<'_>, y: usize, here: bool) {
        let first = self.first_origin();
        let inside = y < self.input.height;
        if inside {
            self.load(band, y);
        }
        let origins = if here { &mut *self.origins.here } else { &mut *self.origins.next };
        for (k, origin) in origins.iter_mut().enumerate() {
            let number = self.numbers.get(first + k * self.window.width);
            *origin = number.copied().filter(|_| inside).unwrap_or(0.0);
        }
    }

    /// Sums along x into `found`, counted from the origins of this block of rows or of the next.
    fn sum_along_x(&mut self, here: bool) {
        let (k, first, width) = (self.window.width, self.first_origin(), self.width());
        let origins = if here { &*self.origins.here } else { &*self.origins.next };
        let Sums { off, squares } = &mut self.found;
        let difference = |x: usize, origin: f64| {
            if self.flags[x] == 0 { 0.0 } else { self.numbers[x] - origin }
        };
        for (index, &origin) in origins.iter().enumerate() {
            // Windows that hold this origin begin from `start` to `middle`.
            let middle = first + index * k;
            let start = (middle + 1).saturating_sub(k);
            if start >= width {
                break;
            }
            let (mut sum, mut square) = (0.0, 0.0);
            for x in (start..middle).rev() {
                let number = difference(x, origin);
                (sum, square) = (sum + number, square + number * number);
                if x < width {
                    (off[x], squares[x]) = (sum, square);
                }
            }
            let (mut sum, mut square) = (0.0, 0.0);
            for end in middle..self.numbers.len().min(middle + k) {
                let number = difference(end, origin);
                (sum, square) = (sum + number, square + number * number);
                match (end + 1).checked_sub(k) {
                    Some(x) if x == middle => (off[x], squares[x]) = (sum, square),
                    Some(x) => (off[x], squares[x]) = (off[x] + sum, squares[x] + square),
                    None => {}
                }
            }
        }
    }
}

/// What a window's sums come to.
pub(super) struct Spread {
    pub(super) mean: f64,
    pub(super) variance: f64,
    /// The mean, counted from the origin: the variance cancelled if it is far smaller than the square of this.
    pub(super) off: f64,
}
