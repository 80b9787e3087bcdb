//! The pyramidal form of Lucas and Kanade: from coarse to fine, each level warps the second raster by what is known and
//! solves again.

use fearless_simd::{Simd, dispatch};
use fearless_simd_macros::simd;
use swathe_core::{
    Boundary, Edge, Frame, Halo, Operator, RasterInfo, Result, ScratchSize, Size, TileMut, TileView, Window,
};

use super::lucas_kanade::Options;
use super::plane::{Plane, double, halve};
use super::reach::{Level, MOST_LEVELS, Span, Steps, greatest_lengths, reach};
use super::solve::smaller_eigenvalue;
use crate::focal::real_sums::RealSums;
use crate::rows::{LoadRows, StoreRows, loader, storer};
use crate::simd::level;

/// Places of the sums in a row: `xx, yy, xy, xt, yt`.
const PRODUCTS: usize = 5;

/// A window whose structure tensor's determinant is below this part of its squared trace shows an edge, and along it no
/// motion; what is known from the coarser level stays then.
const LEAST_ROUNDNESS: f64 = 1e-6;

/// Binds the operator; both rasters are of the same size and have as many bands.
pub(super) fn bind(
    options: Options,
    steps: Steps,
    previous: &RasterInfo,
    next: &RasterInfo,
    output: RasterInfo,
) -> Box<dyn Operator> {
    Box::new(Pyramidal {
        options,
        steps,
        bands: previous.bands,
        load: [loader(previous, options.policy), loader(next, options.policy)],
        store: storer(&output),
        output,
    })
}

struct Pyramidal {
    options: Options,
    steps: Steps,
    bands: usize,
    load: [Box<dyn LoadRows<f32>>; 2],
    store: Box<dyn StoreRows<f64>>,
    output: RasterInfo,
}

/// What is needed of every level along both axes.
struct Reaches {
    x: [Level; MOST_LEVELS],
    y: [Level; MOST_LEVELS],
}

/// Both rasters at one level, band by band.
struct Pair<'a> {
    previous: Vec<Plane<'a>>,
    next: Vec<Plane<'a>>,
}

/// A displacement.
struct Motion<'a> {
    dx: Plane<'a>,
    dy: Plane<'a>,
}

/// Rows of work space as wide as the widest products.
struct Work<'a> {
    warped: &'a mut [f32],
    solved: [&'a mut [f64]; 3],
}

impl Pyramidal {
    fn window(&self) -> Size {
        let side = 2 * self.options.radius + 1;
        Size::new(side, side)
    }

    /// Columns from one sum's piece of a row to the next one's: whole blocks, so that all are anchored alike.
    fn stride(&self, width: usize) -> usize {
        let side = self.window().width;
        (width + side - 1).div_ceil(side) * side
    }

    fn reaches(&self, output: Window) -> Reaches {
        let Size { width, height } = self.output.size;
        Reaches {
            x: reach(&self.steps, width as i64, Span::new(output.x, output.x_end())),
            y: reach(&self.steps, height as i64, Span::new(output.y, output.y_end())),
        }
    }
}

impl Operator for Pyramidal {
    fn output(&self) -> &RasterInfo {
        &self.output
    }

    fn need(&self, input: usize, output: Window) -> Window {
        let Reaches { x, y } = self.reaches(output);
        let of = |level: &Level| if input == 0 { level.previous } else { level.next };
        let (x, y) = (of(&x[0]), of(&y[0]));
        Window::between(x.start, y.start, x.end, y.end)
    }

    fn edge(&self, _input: usize) -> Edge {
        Edge::Extend(Boundary::Nearest)
    }

    fn halo(&self) -> Halo {
        // Far from every edge, where nothing is clipped.
        let far = 1 << 40;
        let next = reach(&self.steps, 2 * far, Span::new(far, far + 1))[0].next;
        let (before, after) = ((far - next.start) as usize, (next.end - far - 1) as usize);
        Halo { left: before, top: before, right: after, bottom: after }
    }

    fn pixel_nanoseconds(&self) -> f64 {
        // Of three levels that are each solved five times.
        130.0
    }

    fn scratch_bytes(&self, output: Size) -> usize {
        let across = greatest_lengths(&self.steps, output.width);
        let down = greatest_lengths(&self.steps, output.height);
        let mut size = ScratchSize::new();
        let (mut motion, mut widest) = (0, 0);
        for (x, y) in across.iter().zip(&down).take(self.steps.levels) {
            for _ in 0..self.bands {
                size = size.with::<f32>(x[1] * y[1]).with::<f32>(x[2] * y[2]);
            }
            motion = motion.max(x[0] * y[0]);
            widest = widest.max(x[0]);
        }
        for _ in 0..4 {
            size = size.with::<f32>(motion);
        }
        let read = across[0][1].max(across[0][2]);
        size = size.with::<u8>(read).with::<f32>(2 * read).with::<f32>(widest);
        size = size.with::<f64>(widest).with::<f64>(widest).with::<f64>(widest);
        let sums = PRODUCTS * self.stride(widest) + 1 - self.window().width;
        RealSums::scratch(size, self.window(), sums).bytes()
    }

    fn process(
        &self,
        inputs: &[TileView<'_>],
        output: &mut TileMut<'_>,
        scratch: &mut Frame<'_>,
    ) -> Result<()> {
        let reaches = self.reaches(output.window());
        let across = greatest_lengths(&self.steps, output.window().width);
        let down = greatest_lengths(&self.steps, output.window().height);
        let levels = self.steps.levels;
        let room = across.iter().zip(&down).take(levels).map(|(x, y)| x[0] * y[0]).max().unwrap_or(0);
        let widest = across.iter().take(levels).map(|x| x[0]).max().unwrap_or(0);
        let read = across[0][1].max(across[0][2]);
        let flags = scratch.take::<u8>(read);
        let rows = scratch.take::<f32>(2 * read);
        let pyramid = self.pyramid(inputs, &reaches, scratch, flags, rows);
        let [mut known, mut found] = [(); 2]
            .map(|()| Motion { dx: Plane::with_room(scratch, room), dy: Plane::with_room(scratch, room) });
        let mut work = Work {
            warped: scratch.take(widest),
            solved: [scratch.take(widest), scratch.take(widest), scratch.take(widest)],
        };
        for number in (0..levels).rev() {
            let (x, y) = (reaches.x[number], reaches.y[number]);
            if number + 1 == levels {
                known.reshape(x.first, y.first);
                known.clear();
            } else {
                let size = [reaches.x[number + 1].length, reaches.y[number + 1].length];
                found.reshape(x.first, y.first);
                let greatest = self.steps.greatest_at(number);
                double(&known.dx, size, greatest, &mut found.dx);
                double(&known.dy, size, greatest, &mut found.dy);
                std::mem::swap(&mut known, &mut found);
            }
            for left in (0..self.steps.iterations).rev() {
                let margin = (left * self.options.radius) as i64;
                found.reshape(x.result.grow(margin).clip(x.length), y.result.grow(margin).clip(y.length));
                let last = number == 0 && left == 0;
                let confidence = if last { Some(&mut *output) } else { None };
                let at = Place { size: [x.length, y.length], greatest: self.steps.greatest_at(number) };
                self.iterate(&pyramid[number], &known, &mut found, at, confidence, &mut work, scratch);
                std::mem::swap(&mut known, &mut found);
            }
        }
        self.store(inputs, &known, output, &mut work, flags);
        Ok(())
    }
}

/// What an iteration has to know of its level.
#[derive(Clone, Copy)]
struct Place {
    size: [i64; 2],
    greatest: f32,
}

impl Motion<'_> {
    fn reshape(&mut self, x: Span, y: Span) {
        self.dx.reshape(x, y);
        self.dy.reshape(x, y);
    }

    fn clear(&mut self) {
        self.dx.clear();
        self.dy.clear();
    }
}

impl Pyramidal {
    /// Both rasters at every level, the finest first.
    fn pyramid<'a>(
        &self,
        inputs: &[TileView<'_>],
        reaches: &Reaches,
        scratch: &mut Frame<'a>,
        flags: &mut [u8],
        rows: &mut [f32],
    ) -> Vec<Pair<'a>> {
        let mut pyramid: Vec<Pair<'a>> = Vec::with_capacity(self.steps.levels);
        for number in 0..self.steps.levels {
            let (x, y) = (reaches.x[number], reaches.y[number]);
            let mut planes =
                |x: Span, y: Span| (0..self.bands).map(|_| Plane::take(scratch, x, y)).collect::<Vec<_>>();
            let mut pair = Pair { previous: planes(x.previous, y.previous), next: planes(x.next, y.next) };
            match pyramid.last() {
                None => {
                    self.load(0, &inputs[0], &mut pair.previous, flags);
                    self.load(1, &inputs[1], &mut pair.next, flags);
                }
                Some(finer) => {
                    let size = [reaches.x[number - 1].length, reaches.y[number - 1].length];
                    let planes = finer.previous.iter().zip(&mut pair.previous);
                    for (fine, coarse) in planes.chain(finer.next.iter().zip(&mut pair.next)) {
                        halve(fine, size, coarse, rows);
                    }
                }
            }
            pyramid.push(pair);
        }
        pyramid
    }

    fn load(&self, which: usize, view: &TileView<'_>, planes: &mut [Plane<'_>], flags: &mut [u8]) {
        for (band, plane) in planes.iter_mut().enumerate() {
            let (start, flags) = (plane.y.start, &mut flags[..plane.x.length()]);
            for y in plane.y.start..plane.y.end {
                let row = plane.row_mut(y);
                if !self.load[which].load_valid(view, band, (y - start) as usize, row, flags) {
                    row.iter_mut().zip(flags.iter()).filter(|(_, flag)| **flag == 0).for_each(
                        |(value, _)| {
                            *value = f32::NAN;
                        },
                    );
                }
            }
        }
    }

    /// Solves once: `found` from what is `known` around it. Confidence goes to the output's third band.
    #[allow(
        clippy::too_many_arguments,
        reason = "planes, work space and output are borrowed from different owners"
    )]
    fn iterate(
        &self,
        pair: &Pair<'_>,
        known: &Motion<'_>,
        found: &mut Motion<'_>,
        place: Place,
        mut output: Option<&mut TileMut<'_>>,
        work: &mut Work<'_>,
        scratch: &mut Frame<'_>,
    ) {
        let (x, y, radius) = (found.dx.x, found.dx.y, self.options.radius as i64);
        let stride = self.stride(x.length());
        let height = y.grow(radius).length();
        let input = Window::new(x.start - radius, y.start - radius, PRODUCTS * stride, height);
        let pixels = self.window().pixels() as f64;
        let Work { warped, solved } = work;
        let [east, south, confidence] = solved.each_mut().map(|row| &mut row[..x.length()]);
        let mut frame = scratch.inner();
        RealSums::take(&mut frame, self.window(), input).run(
            |row, line| products(pair, known, place, input, row, stride, warped, line),
            |row, sums| {
                let at = y.start + row as i64;
                let [xx, yy, xy, xt, yt] = std::array::from_fn(|piece| &sums[piece * stride..][..x.length()]);
                let sums = [xx, yy, xy, xt, yt];
                let (dx, dy) = (known.dx.part(x, at), known.dy.part(x, at));
                let limits = Limits {
                    least: self.options.least_eigenvalue,
                    greatest: f64::from(place.greatest),
                    pixels,
                };
                dispatch!(level(), simd => solve(simd, sums, [dx, dy], limits, [&mut *east, &mut *south, &mut *confidence]));
                for (to, from) in [(&mut found.dx, &*east), (&mut found.dy, &*south)] {
                    to.row_mut(at).iter_mut().zip(from).for_each(|(to, &from)| *to = from as f32);
                }
                if let Some(output) = output.as_mut().filter(|output| output.bands() > 2) {
                    self.store.store(output, 2, row, 0, confidence);
                }
            },
        );
    }

    /// Writes the displacements, and no data where either raster has none.
    fn store(
        &self,
        inputs: &[TileView<'_>],
        motion: &Motion<'_>,
        output: &mut TileMut<'_>,
        work: &mut Work<'_>,
        flags: &mut [u8],
    ) {
        let window = output.window();
        let row = &mut work.solved[0][..window.width];
        for y in 0..window.height {
            for (band, plane) in [&motion.dx, &motion.dy].into_iter().enumerate() {
                let values = plane.row(window.y + y as i64);
                row.iter_mut().zip(values).for_each(|(to, &from)| *to = f64::from(from));
                self.store.store(output, band, y, 0, row);
            }
            for (load, view) in self.load.iter().zip(inputs) {
                let seen = view.window();
                let flags = &mut flags[..seen.width];
                for band in 0..self.bands {
                    load.flags(view, band, (window.y - seen.y) as usize + y, flags);
                    let own = &flags[(window.x - seen.x) as usize..][..window.width];
                    (0..self.output.bands).for_each(|band| self.store.fill(output, band, y, 0, own));
                }
            }
        }
    }
}

/// One row of all products, `row` rows below the window's top; 0 where there is no derivative or no data.
#[allow(
    clippy::too_many_arguments,
    reason = "planes, place and work space are borrowed from different owners"
)]
fn products(
    pair: &Pair<'_>,
    known: &Motion<'_>,
    place: Place,
    window: Window,
    row: usize,
    stride: usize,
    warped: &mut [f32],
    line: &mut [f64],
) {
    line.fill(0.0);
    let y = window.y + row as i64;
    let [width, height] = place.size;
    // The window may reach past what is known only where the raster ends.
    let inner = Span::new(known.dx.x.start.max(1).max(window.x), known.dx.x.end.min(width - 1));
    let inner = Span::new(inner.start, inner.end.min(window.x + stride as i64));
    if y < 1 || y >= height - 1 || inner.end <= inner.start {
        return;
    }
    let (dx, dy) = (known.dx.part(inner, y), known.dy.part(inner, y));
    let warped = &mut warped[..inner.length()];
    let start = (inner.start - window.x) as usize;
    for (previous, next) in pair.previous.iter().zip(&pair.next) {
        warp(next, place.size, inner.start, y, [dx, dy], warped);
        let around = Around {
            above: previous.part(inner, y - 1),
            middle: previous.part(inner.grow(1), y),
            below: previous.part(inner, y + 1),
            warped,
            dx,
            dy,
        };
        dispatch!(level(), simd => add_products(simd, around, stride, &mut line[start..]));
    }
}

/// The second raster where each pixel of a row is thought to have gone, between pixels linear.
fn warp(next: &Plane<'_>, size: [i64; 2], x: i64, y: i64, motion: [&[f32]; 2], warped: &mut [f32]) {
    let [greatest_x, greatest_y] = size.map(|length| (length - 1) as f64);
    let [dx, dy] = motion;
    for (i, value) in warped.iter_mut().enumerate() {
        // In f64, since f32 has no halves of pixels far to the east.
        let column = ((x + i as i64) as f64 + f64::from(dx[i])).clamp(0.0, greatest_x);
        let row = (y as f64 + f64::from(dy[i])).clamp(0.0, greatest_y);
        let (west, north) = (column as i64, row as i64);
        let (east, south) = ((west + 1).min(size[0] - 1), (north + 1).min(size[1] - 1));
        let (across, down) = ((column - west as f64) as f32, (row - north as f64) as f32);
        let [west, east] = [west, east].map(|column| (column - next.x.start) as usize);
        let [above, below] = [next.row(north), next.row(south)];
        let upper = above[west] + across * (above[east] - above[west]);
        let lower = below[west] + across * (below[east] - below[west]);
        *value = upper + down * (lower - upper);
    }
}

/// Rows of one band; the middle one a pixel longer on both sides.
#[derive(Clone, Copy)]
struct Around<'a> {
    above: &'a [f32],
    middle: &'a [f32],
    below: &'a [f32],
    warped: &'a [f32],
    dx: &'a [f32],
    dy: &'a [f32],
}

#[simd]
fn add_products<S: Simd>(_: S, rows: Around<'_>, stride: usize, sums: &mut [f64]) {
    let length = rows.warped.len();
    let (above, below) = (&rows.above[..length], &rows.below[..length]);
    let (west, middle, east) =
        (&rows.middle[..length], &rows.middle[1..=length], &rows.middle[2..length + 2]);
    let (warped, dx, dy) = (&rows.warped[..length], &rows.dx[..length], &rows.dy[..length]);
    let (xx, rest) = sums.split_at_mut(stride);
    let (yy, rest) = rest.split_at_mut(stride);
    let (xy, rest) = rest.split_at_mut(stride);
    let (xt, yt) = rest.split_at_mut(stride);
    let (xx, yy, xy) = (&mut xx[..length], &mut yy[..length], &mut xy[..length]);
    let (xt, yt) = (&mut xt[..length], &mut yt[..length]);
    for i in 0..length {
        let x = 0.5 * (f64::from(east[i]) - f64::from(west[i]));
        let y = 0.5 * (f64::from(below[i]) - f64::from(above[i]));
        // The whole displacement is solved for, not what is still missing: neighbours that know better then pull along.
        let t = f64::from(middle[i]) - f64::from(warped[i]) + x * f64::from(dx[i]) + y * f64::from(dy[i]);
        let counts = (x * t).is_finite() && (y * t).is_finite();
        let (x, y, t) = if counts { (x, y, t) } else { (0.0, 0.0, 0.0) };
        xx[i] += x * x;
        yy[i] += y * y;
        xy[i] += x * y;
        xt[i] += x * t;
        yt[i] += y * t;
    }
}

/// What a solution has to keep to.
#[derive(Clone, Copy)]
struct Limits {
    least: f64,
    greatest: f64,
    pixels: f64,
}

#[simd]
fn solve<S: Simd>(
    _: S,
    sums: [&[f64]; PRODUCTS],
    known: [&[f32]; 2],
    limits: Limits,
    found: [&mut [f64]; 3],
) {
    let [east, south, confidence] = found;
    let length = east.len();
    let [xx, yy, xy, xt, yt] = sums.map(|row| &row[..length]);
    let [dx, dy] = known.map(|row| &row[..length]);
    let (south, confidence) = (&mut south[..length], &mut confidence[..length]);
    for i in 0..length {
        let determinant = xx[i] * yy[i] - xy[i] * xy[i];
        let trace = xx[i] + yy[i];
        // A quarter of what sums of doubled derivatives would give.
        let value = 4.0 * smaller_eigenvalue(xx[i], yy[i], xy[i], determinant) / limits.pixels;
        confidence[i] = if determinant > 0.0 { value } else { 0.0 };
        let clear = determinant > LEAST_ROUNDNESS * (trace * trace) && confidence[i] >= limits.least;
        let x = (yy[i] * xt[i] - xy[i] * yt[i]) / determinant;
        let y = (xx[i] * yt[i] - xy[i] * xt[i]) / determinant;
        let clear = clear && x.is_finite() && y.is_finite();
        let (x, y) = if clear { (x, y) } else { (f64::from(dx[i]), f64::from(dy[i])) };
        east[i] = limited(x, limits.greatest);
        south[i] = limited(y, limits.greatest);
    }
}

#[inline(always)]
fn limited(value: f64, greatest: f64) -> f64 {
    let value = if value > greatest { greatest } else { value };
    if value < -greatest { -greatest } else { value }
}
