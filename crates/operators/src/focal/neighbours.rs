//! The operator behind all that follows a formula of a pixel and its eight neighbours: derivatives, terrain.
//!
//! Each row of the input is turned into numbers once, with a column more on either side, into a ring of three rows; a
//! formula makes a row of the output from them. A neighbour without data that counts in the formula leaves the pixel
//! without data.

use swathe_core::{
    Boundary, Edge, Frame, Halo, NodataPolicy, Operator, RasterInfo, Result, ScratchSize, Size, TileMut,
    TileView, Window,
};

use crate::rows::{
    LoadRows, Real, StoreRows, clear_mask, hand_on_mask, loader, mark_all_valid, mark_valid, storer,
};

/// A row of the output from three rows of the input.
pub(crate) trait Formula<A>: Send + Sync {
    /// Writes `made[x]` from `rows[j][x + i]`, `i` and `j` from 0 to 2: `rows[1][x + 1]` is the pixel itself. `NaN` is put
    /// out as no data.
    fn row(&self, rows: [&[A]; 3], made: &mut [A]);

    /// Which of the neighbours count.
    fn support(&self) -> Support;
}

/// What the formula's pixel `x` sees of three rows.
///
/// Written out: a closure in the innermost loop keeps it from becoming vectors.
#[inline(always)]
pub(crate) fn window_at<A: Copy>([a, b, c]: &[&[A]; 3], x: usize) -> [[A; 3]; 3] {
    [[a[x], a[x + 1], a[x + 2]], [b[x], b[x + 1], b[x + 2]], [c[x], c[x + 1], c[x + 2]]]
}

/// The pixels that a formula looks at, besides the pixel itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Support {
    /// All neighbours.
    All,
    /// Those to the left and to the right.
    Columns,
    /// Those above and below.
    Rows,
    /// Those above, below, to the left and to the right.
    Cross,
}

/// What becomes of pixels at the raster's edge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Rim {
    /// Their missing neighbours are invented.
    Extend(Boundary),
    /// They have no data.
    NoData,
    /// `gdaldem -compute_edges`: missing neighbours are extrapolated from two, those without data stand in with the
    /// pixel's own value.
    Extrapolate,
}

/// The operator that follows `formula`.
pub(crate) fn bind<A: Real>(
    formula: Box<dyn Formula<A>>,
    rim: Rim,
    policy: NodataPolicy,
    input: &RasterInfo,
    output: RasterInfo,
) -> Box<dyn Operator> {
    Box::new(Neighbours {
        load: loader(input, policy),
        store: storer(&output),
        raster: input.size,
        formula,
        rim,
        policy,
        output,
    })
}

struct Neighbours<A> {
    formula: Box<dyn Formula<A>>,
    rim: Rim,
    policy: NodataPolicy,
    load: Box<dyn LoadRows<A>>,
    store: Box<dyn StoreRows<A>>,
    raster: Size,
    output: RasterInfo,
}

/// Three rows of numbers and their flags, a column more on either side.
struct Ring<'a, A> {
    values: [&'a mut [A]; 3],
    /// 1 for data and 0 for none.
    flags: [&'a mut [u8]; 3],
    /// Whether a row of flags is all 1.
    whole: [bool; 3],
}

impl<'a, A: Real> Ring<'a, A> {
    fn take(width: usize, scratch: &mut Frame<'a>) -> Self {
        Ring {
            values: [scratch.take(width), scratch.take(width), scratch.take(width)],
            flags: [scratch.take(width), scratch.take(width), scratch.take(width)],
            whole: [false; 3],
        }
    }

    /// The three rows around output row `y`, the first first.
    fn rows(&self, y: usize) -> [&[A]; 3] {
        [0, 1, 2].map(|j| &*self.values[(y + j) % 3])
    }

    fn flag_rows(&self, y: usize) -> [&[u8]; 3] {
        [0, 1, 2].map(|j| &*self.flags[(y + j) % 3])
    }

    /// Makes row `missing` from the next one and the one after that.
    fn extrapolate(&mut self, missing: usize, near: usize, far: usize) {
        for x in 0..self.values[0].len() {
            let [a, b] = [near, far].map(|row| self.values[row][x]);
            self.values[missing][x] = a + a - b;
            self.flags[missing][x] = self.flags[near][x] & self.flags[far][x];
        }
        self.whole[missing] = self.whole[near] && self.whole[far];
    }

    fn forget(&mut self, row: usize) {
        self.values[row].fill(A::ZERO);
        self.flags[row].fill(0);
        self.whole[row] = false;
    }
}

impl<A: Real> Neighbours<A> {
    /// Reads row `y` of the output's window, from -1 on, counted with one more, into the ring.
    fn read(&self, input: &TileView<'_>, band: usize, made: Window, y: usize, ring: &mut Ring<'_, A>) {
        let (view, slot) = (input.window(), y % 3);
        let row = made.y - 1 + y as i64 - view.y;
        if !(0..view.height as i64).contains(&row) {
            ring.forget(slot);
            return;
        }
        let left = (view.x - (made.x - 1)) as usize;
        let there = left..left + view.width;
        let (values, flags) = (&mut ring.values[slot][there.clone()], &mut ring.flags[slot][there.clone()]);
        ring.whole[slot] = self.load.load_valid(input, band, row as usize, values, flags);
        for missing in (0..left).chain(there.end..made.width + 2) {
            ring.values[slot][missing] = A::ZERO;
            ring.flags[slot][missing] = 0;
            ring.whole[slot] = false;
        }
    }

    /// Invents what lies past the raster's edge around output row `y`.
    fn extrapolate(&self, made: Window, y: usize, ring: &mut Ring<'_, A>) {
        let Size { width, height } = self.raster;
        if width < 2 || height < 2 {
            return;
        }
        let slots = [0, 1, 2].map(|j| (y + j) % 3);
        let (first, last) = (made.y + y as i64 == 0, made.y + y as i64 == height as i64 - 1);
        if first {
            ring.extrapolate(slots[0], slots[1], slots[2]);
        } else if last {
            ring.extrapolate(slots[2], slots[1], slots[0]);
        }
        for slot in slots {
            let (values, flags) = (&mut *ring.values[slot], &mut *ring.flags[slot]);
            let mut invent = |missing: usize, near: usize, far: usize| {
                // In the first and the last row gdaldem repeats the column instead.
                let far = if first || last { near } else { far };
                values[missing] = values[near] + values[near] - values[far];
                flags[missing] = flags[near] & flags[far];
            };
            if made.x == 0 {
                invent(0, 1, 2);
            }
            if made.x_end() == width as i64 {
                invent(made.width + 1, made.width, made.width - 1);
            }
            ring.whole[slot] = ring.whole[slot] || flags.iter().all(|&flag| flag == 1);
        }
    }

    /// Which pixels of output row `y` have data, and all of the neighbours that count.
    fn judge(&self, ring: &Ring<'_, A>, y: usize, valid: &mut [u8]) {
        let [above, own, below] = ring.flag_rows(y);
        let support = if self.rim == Rim::Extrapolate { None } else { Some(self.formula.support()) };
        for (x, flag) in valid.iter_mut().enumerate() {
            let column = |x: usize| above[x] & own[x] & below[x];
            *flag = own[x + 1]
                & match support {
                    None => 1,
                    Some(Support::All) => column(x) & column(x + 1) & column(x + 2),
                    Some(Support::Columns) => column(x) & column(x + 2),
                    Some(Support::Rows) => {
                        above[x] & above[x + 1] & above[x + 2] & below[x] & below[x + 1] & below[x + 2]
                    }
                    Some(Support::Cross) => above[x + 1] & own[x] & own[x + 2] & below[x + 1],
                };
        }
    }

    /// Follows the formula again where neighbours have no data, with the pixel's own value in their place.
    fn stand_in(&self, ring: &Ring<'_, A>, y: usize, made: &mut [A]) {
        let (rows, flags) = (ring.rows(y), ring.flag_rows(y));
        for (x, made) in made.iter_mut().enumerate() {
            if flags.iter().any(|row| row[x..x + 3].contains(&0)) {
                let own = rows[1][x + 1];
                let window = [0, 1, 2]
                    .map(|j| [0, 1, 2].map(|i| if flags[j][x + i] == 1 { rows[j][x + i] } else { own }));
                self.formula.row([&window[0], &window[1], &window[2]], std::slice::from_mut(made));
            }
        }
    }

    fn band(&self, input: &TileView<'_>, output: &mut TileMut<'_>, band: usize, scratch: &mut Frame<'_>) {
        let window = output.window();
        let mut ring = Ring::take(window.width + 2, scratch);
        let made = scratch.take::<A>(window.width);
        let valid = scratch.take::<u8>(window.width);
        for y in 0..2 {
            self.read(input, band, window, y, &mut ring);
        }
        for y in 0..window.height {
            self.read(input, band, window, y + 2, &mut ring);
            if self.rim == Rim::Extrapolate {
                self.extrapolate(window, y, &mut ring);
            }
            self.formula.row(ring.rows(y), made);
            let whole = ring.whole == [true; 3];
            if !whole && self.rim == Rim::Extrapolate {
                self.stand_in(&ring, y, made);
            }
            let defined = made.iter().fold(true, |all, value| all & !value.is_nan());
            self.store.store(output, band, y, 0, made);
            if whole && defined {
                mark_all_valid(output, y, 0, window.width);
                continue;
            }
            self.judge(&ring, y, valid);
            for (flag, value) in valid.iter_mut().zip(&*made) {
                *flag &= u8::from(!value.is_nan());
            }
            self.store.fill(output, band, y, 0, valid);
            mark_valid(output, y, 0, valid);
        }
    }
}

impl<A: Real> Operator for Neighbours<A> {
    fn output(&self) -> &RasterInfo {
        &self.output
    }

    fn need(&self, _: usize, output: Window) -> Window {
        output.grow(Halo::square(1))
    }

    fn edge(&self, _: usize) -> Edge {
        match self.rim {
            Rim::Extend(boundary) => Edge::Extend(boundary),
            Rim::NoData | Rim::Extrapolate => Edge::Clip,
        }
    }

    fn scratch_bytes(&self, output: Size) -> usize {
        let width = output.width + 2;
        let ring = (0..3).fold(ScratchSize::new(), |size, _| size.with::<A>(width).with::<u8>(width));
        ring.with::<A>(output.width).with::<u8>(output.width).bytes()
    }

    fn pixel_nanoseconds(&self) -> f64 {
        // From `tpi`, 4 ns, to `aspect`, 11 ns.
        8.0 * self.output.bands as f64
    }

    fn process(
        &self,
        inputs: &[TileView<'_>],
        output: &mut TileMut<'_>,
        scratch: &mut Frame<'_>,
    ) -> Result<()> {
        clear_mask(output);
        for band in 0..output.bands() {
            self.band(&inputs[0], output, band, &mut scratch.inner());
        }
        hand_on_mask(self.policy, &inputs[0], output);
        Ok(())
    }
}
