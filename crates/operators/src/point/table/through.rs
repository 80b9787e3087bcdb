//! Three bands of a raster through a lattice.

use fearless_simd::{Simd, SimdBase, dispatch, f32x4, f64x4};
use fearless_simd_macros::simd;
use swathe_core::{
    Edge, Error, Frame, NodataPolicy, Operator, RasterInfo, Result, SampleType, ScratchSize, Size, TileMut,
    TileView, Window,
};

use super::curve::Curve;
use super::lattice::{Grid, Interpolation, Lattice};
use super::shift4::Shift4;
use super::{Range, opacity};
use crate::rows::{LoadRows, Real, StoreRows, clear_mask, hand_on_mask, loader, mark_valid, storer};
use crate::simd::level;

/// Channels that are computed together.
pub(super) const TOGETHER: usize = 4;

/// The operator that sends the first three bands through a lattice; a fourth one has to be opacity and is copied.
/// `output` is the raster that comes out, but for the number of its bands.
///
/// # Errors
/// Unsupported, for other bands.
pub(crate) fn through(
    lattice: Lattice,
    (grid, interpolation): (Grid, Interpolation),
    policy: NodataPolicy,
    (input, input_range): (&RasterInfo, Range),
    (output, output_range): (RasterInfo, Range),
) -> Result<Box<dyn Operator>> {
    let opacity = opacity(input);
    if input.bands - usize::from(opacity.is_some()) != 3 {
        return Err(Error::unsupported(format!(
            "the table is for 3 bands (and one of opacity, if it is marked as such), the raster has {}; choose them with \
             `copy --bands`",
            input.bands
        )));
    }
    if opacity.is_some() && input.sample_type != output.sample_type {
        return Err(Error::unsupported(format!(
            "the band of opacity is {}, the output would be {}; leave it out with `copy --bands`",
            input.sample_type, output.sample_type
        )));
    }
    let output = RasterInfo { bands: lattice.channels + usize::from(opacity.is_some()), ..output };
    let bytes = input.sample_type == SampleType::U8 && output.sample_type == SampleType::U8;
    let integers = lattice.values.iter().all(|value| value.fract() == 0.0 && (0.0..=255.0).contains(value));
    if grid == Grid::Shift4 && bytes && lattice.one == 255.0 && integers {
        return Ok(Box::new(Shift4::new(&lattice, interpolation, policy, input, output)));
    }
    let narrow = |sample_type: SampleType| sample_type == SampleType::F32 || sample_type.fits_f32();
    let set = Set { interpolation, policy, input_range, output_range };
    Ok(if narrow(input.sample_type) && narrow(output.sample_type) {
        Box::new(Through::<f32>::new(&lattice, set, input, output)?)
    } else {
        Box::new(Through::<f64>::new(&lattice, set, input, output)?)
    })
}

struct Set {
    interpolation: Interpolation,
    policy: NodataPolicy,
    input_range: Range,
    output_range: Range,
}

/// Arithmetic in `f32` or `f64`, with whole parts.
pub(super) trait Fraction: Real {
    /// A node's channels in a vector: the compiler makes none of an array.
    type Four<S: Simd>: SimdBase<S, Element = Self, Array = [Self; TOGETHER]>;

    /// The whole part of a number from 0 to 255.
    fn whole(self) -> i32;

    /// The same number.
    fn of_whole(whole: i32) -> Self;
}

impl Fraction for f32 {
    type Four<S: Simd> = f32x4<S>;

    #[inline(always)]
    fn whole(self) -> i32 {
        self as i32
    }

    #[inline(always)]
    fn of_whole(whole: i32) -> Self {
        whole as f32
    }
}

impl Fraction for f64 {
    type Four<S: Simd> = f64x4<S>;

    #[inline(always)]
    fn whole(self) -> i32 {
        self as i32
    }

    #[inline(always)]
    fn of_whole(whole: i32) -> Self {
        f64::from(whole)
    }
}

/// From a sample to a place between nodes: `(x * times - less) / by`, from 0 to `last`.
#[derive(Clone, Copy, Debug)]
struct Places<A> {
    times: A,
    less: A,
    by: A,
    last: A,
    /// The last cell.
    last_cell: i32,
    /// Nodes from one to the next along this axis.
    stride: i32,
}

impl<A: Fraction> Places<A> {
    /// Multiplied first and divided last, so that samples at nodes come to lie on them exactly.
    fn new(lattice: &Lattice, axis: usize, range: Range) -> Self {
        let cells = lattice.nodes[axis] - 1;
        let (least, greatest) = (lattice.least[axis], lattice.greatest[axis]);
        // 255 * (256 / 255) is not exactly 256, and has to be.
        let width = (range.one - range.zero) * (greatest - least);
        let rounded = width.round();
        Places {
            times: A::of(cells as f64),
            less: A::of((range.zero + least * (range.one - range.zero)) * cells as f64),
            by: A::of(if (width - rounded).abs() < 1e-12 * width { rounded } else { width }),
            last: A::of(cells as f64),
            last_cell: cells as i32 - 1,
            stride: lattice.nodes[axis + 1..].iter().product::<usize>() as i32,
        }
    }
}

struct Through<A> {
    load: Box<dyn LoadRows<A>>,
    store: Box<dyn StoreRows<A>>,
    places: [Places<A>; 3],
    /// The curves that fractions go through first, from samples to samples; none, one or three.
    shaper: Vec<Curve>,
    /// What comes out at each node, in samples' units, padded to whole groups of channels; the groups one after the
    /// other.
    nodes: Vec<Vec<[A; TOGETHER]>>,
    channels: usize,
    interpolation: Interpolation,
    policy: NodataPolicy,
    output: RasterInfo,
}

/// Rows of scratch.
struct Room<'a, A> {
    /// Samples of three bands, which become places within a cell.
    parts: [&'a mut [A]; 3],
    /// The first node of each pixel's cell.
    cells: &'a mut [i32],
    /// A group of channels.
    results: [&'a mut [A]; TOGETHER],
    valid: &'a mut [u8],
    flags: &'a mut [u8],
}

impl<A: Fraction> Through<A> {
    fn new(lattice: &Lattice, set: Set, input: &RasterInfo, output: RasterInfo) -> Result<Self> {
        let Range { zero, one } = set.output_range;
        let groups = lattice.channels.div_ceil(TOGETHER);
        let group = |group: usize| {
            let node = |values: &[f64]| {
                let mut node = [A::ZERO; TOGETHER];
                for (to, value) in node.iter_mut().zip(&values[group * TOGETHER..]) {
                    *to = A::of(zero + value / lattice.one * (one - zero));
                }
                node
            };
            lattice.values.chunks_exact(lattice.channels).map(node).collect()
        };
        let range = set.input_range;
        let in_samples = |curve: &Curve| curve.in_units(range.to_samples(), range.to_samples());
        Ok(Through {
            load: loader(input, set.policy),
            store: storer(&output),
            places: [0, 1, 2].map(|axis| Places::new(lattice, axis, range)),
            shaper: lattice.shaper.iter().map(in_samples).collect::<Result<_>>()?,
            nodes: (0..groups).map(group).collect(),
            channels: lattice.channels,
            interpolation: set.interpolation,
            policy: set.policy,
            output,
        })
    }

    fn room<'a>(&self, width: usize, frame: &mut Frame<'a>) -> Room<'a, A> {
        Room {
            parts: std::array::from_fn(|_| frame.take::<A>(width)),
            cells: frame.take::<i32>(width),
            results: std::array::from_fn(|_| frame.take::<A>(width)),
            valid: frame.take::<u8>(width),
            flags: frame.take::<u8>(width),
        }
    }

    /// Finds the cells of row `y`; returns whether all its pixels have data.
    fn find(&self, input: &TileView<'_>, y: usize, room: &mut Room<'_, A>) -> bool {
        let mut all = true;
        room.cells.fill(0);
        for (band, part) in room.parts.iter_mut().enumerate() {
            let flags = if band == 0 { &mut *room.valid } else { &mut *room.flags };
            let whole = self.load.load_valid(input, band, y, part, flags);
            if band > 0 && !whole {
                for (valid, &flag) in room.valid.iter_mut().zip(room.flags.iter()) {
                    *valid &= flag;
                }
            }
            all &= whole;
            if let Some(curve) = self.shaper.get(band).or(self.shaper.first()) {
                part.iter_mut().for_each(|value| *value = A::of(curve.at(value.to_f64())));
            }
            let places = self.places[band];
            dispatch!(level(), simd => locate(simd, places, part, room.cells));
        }
        all
    }

    fn interpolate(&self, group: usize, room: &mut Room<'_, A>) {
        let nodes = &self.nodes[group];
        let strides = self.places.map(|places| places.stride as usize);
        let [a, b, c] = &room.parts;
        let (cells, parts) = (&*room.cells, [&**a, &**b, &**c]);
        match self.interpolation {
            Interpolation::Trilinear => {
                dispatch!(level(), simd => trilinear(simd, nodes, strides, cells, parts, &mut room.results));
            }
            Interpolation::Tetrahedral => {
                dispatch!(level(), simd => tetrahedral(simd, nodes, strides, cells, parts, &mut room.results));
            }
        }
    }
}

/// Samples become the part of a cell that they lie at, and the cell's first node is added to `cells`.
#[simd]
fn locate<S: Simd, A: Fraction>(_: S, places: Places<A>, parts: &mut [A], cells: &mut [i32]) {
    assert_eq!(parts.len(), cells.len());
    for x in 0..parts.len() {
        let sample = parts[x];
        let place = (sample * places.times - places.less) / places.by;
        let above = if place > A::ZERO { place } else { A::ZERO };
        let inside = if above < places.last { above } else { places.last };
        let whole = inside.whole().min(places.last_cell);
        cells[x] += whole * places.stride;
        // What is no number stays none.
        parts[x] = if place.is_nan() { place } else { inside - A::of_whole(whole) };
    }
}

/// From one to the other; `+`, `-` and `*` are never fused.
#[inline(always)]
fn mix<S: Simd, V: SimdBase<S>>(from: V, to: V, part: V::Element) -> V {
    from + (to - from) * part
}

#[simd]
fn trilinear<S: Simd, A: Fraction>(
    simd: S,
    nodes: &[[A; TOGETHER]],
    [a, b, c]: [usize; 3],
    cells: &[i32],
    parts: [&[A]; 3],
    results: &mut [&mut [A]; TOGETHER],
) {
    let width = cells.len();
    let parts = [&parts[0][..width], &parts[1][..width], &parts[2][..width]];
    let [first, second, third, fourth] = results;
    let (first, second, third, fourth) =
        (&mut first[..width], &mut second[..width], &mut third[..width], &mut fourth[..width]);
    for x in 0..width {
        let cell = &nodes[cells[x] as usize..][..a + b + c + 1];
        let [red, green, blue] = [parts[0][x], parts[1][x], parts[2][x]];
        let node = |at: usize| A::Four::<S>::from_slice(simd, &cell[at]);
        let near = mix(mix(node(0), node(c), blue), mix(node(b), node(b + c), blue), green);
        let far = mix(mix(node(a), node(a + c), blue), mix(node(a + b), node(a + b + c), blue), green);
        let result = mix(near, far, red);
        (first[x], second[x], third[x], fourth[x]) = (result[0], result[1], result[2], result[3]);
    }
}

#[simd]
fn tetrahedral<S: Simd, A: Fraction>(
    simd: S,
    nodes: &[[A; TOGETHER]],
    [a, b, c]: [usize; 3],
    cells: &[i32],
    parts: [&[A]; 3],
    results: &mut [&mut [A]; TOGETHER],
) {
    let width = cells.len();
    let parts = [&parts[0][..width], &parts[1][..width], &parts[2][..width]];
    let [first, second, third, fourth] = results;
    let (first, second, third, fourth) =
        (&mut first[..width], &mut second[..width], &mut third[..width], &mut fourth[..width]);
    for x in 0..width {
        let cell = &nodes[cells[x] as usize..][..a + b + c + 1];
        let path = Path::along([(parts[0][x], a), (parts[1][x], b), (parts[2][x], c)]);
        let node = |at: usize| A::Four::<S>::from_slice(simd, &cell[at]);
        let (start, one, two, end) = (node(0), node(path.one), node(path.two), node(a + b + c));
        let [large, middle, small] = path.parts;
        let result = start + (one - start) * large + (two - one) * middle + (end - two) * small;
        (first[x], second[x], third[x], fourth[x]) = (result[0], result[1], result[2], result[3]);
    }
}

/// The way from the first corner of a cell to the last, along the axes by falling part.
pub(super) struct Path<P> {
    /// The parts, the largest first.
    pub(super) parts: [P; 3],
    /// The first corner on the way, from the cell's first.
    pub(super) one: usize,
    /// The second one.
    pub(super) two: usize,
}

impl<P: Copy + PartialOrd> Path<P> {
    /// The way along three axes, each a part and the nodes from one to the next; of equal parts the first goes first.
    #[inline(always)]
    pub(super) fn along([one, two, three]: [(P, usize); 3]) -> Self {
        let (one, two) = if two.0 > one.0 { (two, one) } else { (one, two) };
        let (two, three) = if three.0 > two.0 { (three, two) } else { (two, three) };
        let (one, two) = if two.0 > one.0 { (two, one) } else { (one, two) };
        Path { parts: [one.0, two.0, three.0], one: one.1, two: one.1 + two.1 }
    }
}

impl<A: Fraction> Operator for Through<A> {
    fn output(&self) -> &RasterInfo {
        &self.output
    }

    fn need(&self, _input: usize, output: Window) -> Window {
        output
    }

    fn edge(&self, _input: usize) -> Edge {
        Edge::Clip
    }

    fn scratch_bytes(&self, output: Size) -> usize {
        let mut size =
            ScratchSize::new().with::<i32>(output.width).with::<u8>(output.width).with::<u8>(output.width);
        for _ in 0..3 + TOGETHER {
            size = size.with::<A>(output.width);
        }
        size.bytes()
    }

    fn process(
        &self,
        inputs: &[TileView<'_>],
        output: &mut TileMut<'_>,
        scratch: &mut Frame<'_>,
    ) -> Result<()> {
        let (input, window) = (&inputs[0], output.window());
        let mut room = self.room(window.width, scratch);
        clear_mask(output);
        for y in 0..window.height {
            let all = self.find(input, y, &mut room);
            for group in 0..self.nodes.len() {
                self.interpolate(group, &mut room);
                for (channel, result) in (group * TOGETHER..self.channels).zip(&room.results) {
                    self.store.store(output, channel, y, 0, result);
                    if !all {
                        self.store.fill(output, channel, y, 0, room.valid);
                    }
                }
            }
            if output.bands() > self.channels {
                output.row_bytes_mut(self.channels, y).copy_from_slice(input.row_bytes(3, y));
            }
            mark_valid(output, y, 0, room.valid);
        }
        hand_on_mask(self.policy, input, output);
        Ok(())
    }
}
