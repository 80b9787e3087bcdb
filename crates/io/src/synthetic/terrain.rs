//! The lie of the land: height, light, streams, woods, soil and moisture, all smooth, on a lattice of nodes.
//!
//! Lengths are in pixels. Heights too: a slope of 1 rises one pixel's width in one pixel.

use swathe_core::{Frame, ScratchSize};

use super::hash::key;
use super::lanes::{at_least, at_most};
use super::noise::{NODE, Octave, add_grain, add_noise};

/// Smooth fields at a node or pixel, in the order in which they are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// Height above the plain; 1 is about where trees end.
    Height,
    /// Brightness of a slope under a sun in the north-west; 1 is level ground.
    Light,
    /// Signed distance from the nearest stream's bank in pixels, negative in the water; true near the bank only.
    Shore,
    /// Wood where it is above 0.
    Wood,
    /// Fine variation, about -1 to 1, a few pixels across.
    Texture,
    /// Coarse variation, about -1 to 1.
    Moisture,
}

/// How many fields there are.
pub(super) const FIELDS: usize = 6;

const UPLIFT: [Octave; 4] = [
    Octave::smooth(16384, 0.9),
    Octave::smooth(8192, 0.6),
    Octave::smooth(4096, 0.4),
    Octave::smooth(2048, 0.2),
];
/// Ridges about a ninth as high as wide, whatever their size, so that slopes are alike at every scale.
const RELIEF: [Octave; 8] = [
    Octave::ridged(2048, 230.0),
    Octave::ridged(1024, 120.0),
    Octave::ridged(512, 60.0),
    Octave::ridged(256, 30.0),
    Octave::smooth(128, 13.0),
    Octave::smooth(64, 6.0),
    Octave::smooth(32, 2.4),
    Octave::smooth(16, 0.9),
];
const STREAM: [Octave; 7] = [
    Octave::smooth(8192, 1.0),
    Octave::smooth(4096, 0.7),
    Octave::smooth(2048, 0.4),
    Octave::smooth(1024, 0.25),
    Octave::smooth(512, 0.14),
    Octave::smooth(256, 0.07),
    Octave::smooth(128, 0.03),
];
const WOOD: [Octave; 8] = [
    Octave::smooth(8192, 0.3),
    Octave::smooth(2048, 0.5),
    Octave::smooth(512, 0.45),
    Octave::smooth(256, 0.4),
    Octave::smooth(128, 0.35),
    Octave::smooth(64, 0.25),
    Octave::smooth(32, 0.15),
    Octave::smooth(16, 0.08),
];
const TEXTURE: [Octave; 3] = [Octave::smooth(32, 0.35), Octave::smooth(16, 0.4), Octave::smooth(8, 0.5)];
const MOISTURE: [Octave; 5] = [
    Octave::smooth(16384, 0.5),
    Octave::smooth(4096, 0.4),
    Octave::smooth(512, 0.45),
    Octave::smooth(128, 0.3),
    Octave::smooth(64, 0.2),
];

/// Direction to the sun: east, south and up, 45 degrees high in the north-west.
const SUN: [f32; 3] = [-0.5, -0.5, 0.707_106_77];

/// The keys of the random fields of one seed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terrain {
    uplift: u64,
    relief: u64,
    stream: u64,
    wood: u64,
    texture: u64,
    grain: u64,
    moisture: u64,
}

impl Terrain {
    /// The land of a seed.
    pub(super) const fn new(seed: u64) -> Self {
        Terrain {
            uplift: key(seed, 11),
            relief: key(seed, 12),
            stream: key(seed, 13),
            wood: key(seed, 14),
            texture: key(seed, 15),
            grain: key(seed, 16),
            moisture: key(seed, 17),
        }
    }
}

/// Fields from which slopes are taken, so that a row needs its neighbours: uplift, elevation, stream.
const RAW: usize = 3;

/// The node rows that a strip of pixels needs, computed from the top down and kept while they are needed.
pub(super) struct NodeRows<'a> {
    terrain: Terrain,
    /// Column of the first node.
    first: i64,
    /// Nodes in a row.
    nodes: usize,
    /// Three rows of each raw field, one node wider on both sides.
    raw: &'a mut [f32],
    /// Four rows of each field.
    fields: &'a mut [f32],
    lattice: &'a mut [f32],
    /// The last row of `fields` that is there.
    last: Option<i64>,
}

impl<'a> NodeRows<'a> {
    /// What [`NodeRows::new`] takes for rows of `nodes` nodes.
    pub(super) fn scratch(size: ScratchSize, nodes: usize) -> ScratchSize {
        size.with::<f32>(RAW * 3 * (nodes + 2)).with::<f32>(FIELDS * 4 * nodes).with::<f32>(nodes + 6)
    }

    /// Rows of nodes `first..first + nodes`, none of them computed.
    pub(super) fn new(terrain: Terrain, first: i64, nodes: usize, scratch: &mut Frame<'a>) -> Self {
        let raw = scratch.take(RAW * 3 * (nodes + 2));
        let fields = scratch.take(FIELDS * 4 * nodes);
        let lattice = scratch.take(nodes + 6);
        NodeRows { terrain, first, nodes, raw, fields, lattice, last: None }
    }

    /// Makes the four rows there that pixels between node rows `y` and `y + 1` need. Called with `y` growing.
    pub(super) fn advance(&mut self, y: i64) {
        let next = match self.last {
            Some(last) if last >= y - 2 => last + 1,
            _ => {
                for row in y - 2..y {
                    self.fill_raw(row);
                }
                y - 1
            }
        };
        for row in next..=y + 2 {
            self.fill_raw(row + 1);
            self.fill_fields(row);
            self.last = Some(row);
        }
    }

    /// Row `y` of a field, which [`NodeRows::advance`] has made.
    pub(super) fn row(&self, field: Field, y: i64) -> &[f32] {
        &self.fields[(field as usize * 4 + y.rem_euclid(4) as usize) * self.nodes..][..self.nodes]
    }

    fn fill_raw(&mut self, y: i64) {
        let (width, first, place) = (self.nodes + 2, self.first - 1, y.rem_euclid(3) as usize);
        let (uplift, rest) = self.raw.split_at_mut(3 * width);
        let (elevation, stream) = rest.split_at_mut(3 * width);
        let [uplift, elevation, stream] =
            [uplift, elevation, stream].map(|rows| &mut rows[place * width..][..width]);
        let terrain = self.terrain;
        for (row, key, octaves) in [
            (&mut *uplift, terrain.uplift, &UPLIFT[..]),
            (&mut *elevation, terrain.relief, &RELIEF[..]),
            (&mut *stream, terrain.stream, &STREAM[..]),
        ] {
            row.fill(0.0);
            add_noise(key, octaves, y, first, self.lattice, row);
        }
        shape_elevation(uplift, elevation, stream);
    }

    fn fill_fields(&mut self, y: i64) {
        let (nodes, first, terrain) = (self.nodes, self.first, self.terrain);
        for (field, key, octaves) in [
            (Field::Wood, terrain.wood, &WOOD[..]),
            (Field::Texture, terrain.texture, &TEXTURE[..]),
            (Field::Moisture, terrain.moisture, &MOISTURE[..]),
        ] {
            let row = field_row(self.fields, nodes, field, y);
            row.fill(0.0);
            add_noise(key, octaves, y, first, self.lattice, row);
        }
        add_grain(terrain.grain, 1.2, y, first, field_row(self.fields, nodes, Field::Texture, y));
        self.fill_slopes(y);
    }

    /// What follows from the raw rows above, at and below `y`.
    fn fill_slopes(&mut self, y: i64) {
        let nodes = self.nodes;
        let raw = &*self.raw;
        let [uplift, elevation, stream] = [0, 1, 2].map(|field| Surroundings::new(raw, field, nodes, y));
        // The first four fields, in their order.
        let (heights, rest) = self.fields.split_at_mut(4 * nodes);
        let (lights, rest) = rest.split_at_mut(4 * nodes);
        let (shores, woods) = rest.split_at_mut(4 * nodes);
        let place = y.rem_euclid(4) as usize * nodes;
        let [heights, lights, shores, woods] =
            [heights, lights, shores, woods].map(|rows| &mut rows[place..][..nodes]);
        for i in 0..nodes {
            // Relief is negative beside the crests, so that snow lies on these and woods reach into the valleys.
            let mountain = mountain(uplift.middle[i]);
            heights[i] = mountain * 1.3 + elevation.middle[i] * (1.0 / 500.0);
            lights[i] = light(elevation.slope(i));
            shores[i] = shore(stream.middle[i], stream.slope(i), uplift.middle[i]);
            // Woods stand on the hills rather than on the plain.
            woods[i] += 1.2 * at_most(mountain, 0.6) - 0.40;
        }
    }
}

fn raw_row(raw: &[f32], field: usize, width: usize, y: i64) -> &[f32] {
    &raw[(field * 3 + y.rem_euclid(3) as usize) * width..][..width]
}

/// A raw row and its neighbours, each as long as the row of nodes.
#[derive(Clone, Copy)]
struct Surroundings<'a> {
    above: &'a [f32],
    left: &'a [f32],
    middle: &'a [f32],
    right: &'a [f32],
    below: &'a [f32],
}

impl<'a> Surroundings<'a> {
    fn new(raw: &'a [f32], field: usize, nodes: usize, y: i64) -> Self {
        let row = |y| &raw_row(raw, field, nodes + 2, y)[1..];
        Surroundings {
            above: &row(y - 1)[..nodes],
            left: &raw_row(raw, field, nodes + 2, y)[..nodes],
            middle: &row(y)[..nodes],
            right: &row(y)[1..][..nodes],
            below: &row(y + 1)[..nodes],
        }
    }

    /// How steeply the field rises to the east and to the south.
    #[inline(always)]
    fn slope(&self, i: usize) -> [f32; 2] {
        const STEPS: f32 = 1.0 / (2.0 * NODE as f32);
        [(self.right[i] - self.left[i]) * STEPS, (self.below[i] - self.above[i]) * STEPS]
    }
}

fn field_row(fields: &mut [f32], nodes: usize, field: Field, y: i64) -> &mut [f32] {
    &mut fields[(field as usize * 4 + y.rem_euclid(4) as usize) * nodes..][..nodes]
}

/// From plain (0) to high mountains (about 1.5).
#[inline(always)]
fn mountain(uplift: f32) -> f32 {
    let above = at_least(uplift - 0.1, 0.0);
    above * above / (0.35 + above) * 1.6
}

/// Turns relief into elevation: flat on the plain, high in the mountains, cut by valleys where streams run.
fn shape_elevation(uplift: &[f32], elevation: &mut [f32], stream: &[f32]) {
    for ((elevation, &uplift), &stream) in elevation.iter_mut().zip(uplift).zip(stream) {
        let square = stream * stream;
        let valley = 0.2 + 0.8 * square / (square + 0.004);
        *elevation = *elevation * (0.04 + 0.9 * mountain(uplift)) * valley;
    }
}

/// Lambert's law relative to level ground, never quite dark since the sky shines too.
#[inline(always)]
fn light([dx, dy]: [f32; 2]) -> f32 {
    let facing = (SUN[2] - SUN[0] * dx - SUN[1] * dy) / (1.0 + dx * dx + dy * dy).sqrt();
    0.25 + 0.75 * at_least(facing * (1.0 / SUN[2]), 0.0)
}

/// Distance from the bank: the stream runs where its field is 0, wider on the plain.
#[inline(always)]
fn shore(stream: f32, [dx, dy]: [f32; 2], uplift: f32) -> f32 {
    let slope = at_least((dx * dx + dy * dy).sqrt(), 1e-5);
    let half_width = at_most(at_least(6.0 - 12.0 * uplift, 1.5), 14.0);
    at_most(stream.abs() / slope, 60.0) - half_width
}
