//! Bytes through a lattice of bytes by their high and low four bits: whole numbers all the way, and one rounding.

use fearless_simd::{Simd, SimdBase, dispatch, i32x4};
use fearless_simd_macros::simd;
use swathe_core::{
    Edge, Frame, NodataPolicy, Operator, RasterInfo, Result, ScratchSize, Size, TileMut, TileView, Window,
};

use super::lattice::{Interpolation, Lattice};
use super::through::{Path, TOGETHER};
use crate::rows::{LoadRows, StoreRows, clear_mask, hand_on_mask, loader, mark_valid, storer};
use crate::simd::level;

/// Nodes along an axis.
const SIDE: usize = 17;
/// Nodes from one to the next along each axis.
const STRIDES: [usize; 3] = [SIDE * SIDE, SIDE, 1];

/// The operator for tables of 17 x 17 x 17 nodes.
pub(super) struct Shift4 {
    load: Box<dyn LoadRows<f32>>,
    store: Box<dyn StoreRows<f32>>,
    /// As those of [`super::through::through`].
    nodes: Vec<Vec<[i32; TOGETHER]>>,
    channels: usize,
    interpolation: Interpolation,
    policy: NodataPolicy,
    output: RasterInfo,
}

impl Shift4 {
    /// The operator; `lattice` holds whole numbers from 0 to 255, as [`Lattice::on`] made it.
    pub(super) fn new(
        lattice: &Lattice,
        interpolation: Interpolation,
        policy: NodataPolicy,
        input: &RasterInfo,
        output: RasterInfo,
    ) -> Self {
        let group = |group: usize| {
            let node = |values: &[f64]| {
                let mut node = [0; TOGETHER];
                for (to, &value) in node.iter_mut().zip(&values[group * TOGETHER..]) {
                    *to = value as i32;
                }
                node
            };
            lattice.values.chunks_exact(lattice.channels).map(node).collect()
        };
        Shift4 {
            load: loader(input, policy),
            store: storer(&output),
            nodes: (0..lattice.channels.div_ceil(TOGETHER)).map(group).collect(),
            channels: lattice.channels,
            interpolation,
            policy,
            output,
        }
    }
}

#[inline(always)]
fn mix<S: Simd>(from: i32x4<S>, to: i32x4<S>, part: i32) -> i32x4<S> {
    from * 16 + (to - from) * part
}

/// Nodes around a colour, and where in their cell it lies, in sixteenths.
#[inline(always)]
fn cell(nodes: &[[i32; TOGETHER]], colour: [u8; 3]) -> (&[[i32; TOGETHER]], [i32; 3]) {
    let [red, green, blue] = colour;
    let first =
        usize::from(red >> 4) * STRIDES[0] + usize::from(green >> 4) * STRIDES[1] + usize::from(blue >> 4);
    let cell = &nodes[first..][..STRIDES[0] + STRIDES[1] + STRIDES[2] + 1];
    (cell, [i32::from(red & 15), i32::from(green & 15), i32::from(blue & 15)])
}

#[simd]
fn trilinear<S: Simd>(
    simd: S,
    nodes: &[[i32; TOGETHER]],
    bands: [&[u8]; 3],
    results: &mut [&mut [u8]; TOGETHER],
) {
    let width = bands[0].len();
    let (red, green, blue) = (&bands[0][..width], &bands[1][..width], &bands[2][..width]);
    let [first, second, third, fourth] = results;
    let (first, second, third, fourth) =
        (&mut first[..width], &mut second[..width], &mut third[..width], &mut fourth[..width]);
    for x in 0..width {
        let (cell, parts) = cell(nodes, [red[x], green[x], blue[x]]);
        let [a, b, c] = STRIDES;
        let node = |at: usize| i32x4::from_slice(simd, &cell[at]);
        let near = mix(mix(node(0), node(c), parts[2]), mix(node(b), node(b + c), parts[2]), parts[1]);
        let far =
            mix(mix(node(a), node(a + c), parts[2]), mix(node(a + b), node(a + b + c), parts[2]), parts[1]);
        let result = (mix(near, far, parts[0]) + 2048) >> 12;
        (first[x], second[x], third[x], fourth[x]) =
            (result[0] as u8, result[1] as u8, result[2] as u8, result[3] as u8);
    }
}

#[simd]
fn tetrahedral<S: Simd>(
    simd: S,
    nodes: &[[i32; TOGETHER]],
    bands: [&[u8]; 3],
    results: &mut [&mut [u8]; TOGETHER],
) {
    let width = bands[0].len();
    let (red, green, blue) = (&bands[0][..width], &bands[1][..width], &bands[2][..width]);
    let [first, second, third, fourth] = results;
    let (first, second, third, fourth) =
        (&mut first[..width], &mut second[..width], &mut third[..width], &mut fourth[..width]);
    for x in 0..width {
        let (cell, parts) = cell(nodes, [red[x], green[x], blue[x]]);
        let path = Path::along([(parts[0], STRIDES[0]), (parts[1], STRIDES[1]), (parts[2], STRIDES[2])]);
        let [large, middle, small] = path.parts;
        let node = |at: usize| i32x4::from_slice(simd, &cell[at]);
        let start = node(0) * (16 - large) + node(path.one) * (large - middle);
        let end = node(path.two) * (middle - small) + node(STRIDES[0] + STRIDES[1] + STRIDES[2]) * small;
        let result = (start + end + 8) >> 4;
        (first[x], second[x], third[x], fourth[x]) =
            (result[0] as u8, result[1] as u8, result[2] as u8, result[3] as u8);
    }
}

impl Operator for Shift4 {
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
        let mut size = ScratchSize::new();
        for _ in 0..2 + TOGETHER {
            size = size.with::<u8>(output.width);
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
        let mut results: [&mut [u8]; TOGETHER] = std::array::from_fn(|_| scratch.take::<u8>(window.width));
        let (valid, flags) = (scratch.take::<u8>(window.width), scratch.take::<u8>(window.width));
        clear_mask(output);
        for y in 0..window.height {
            self.load.flags(input, 0, y, valid);
            for band in 1..3 {
                self.load.flags(input, band, y, flags);
                valid.iter_mut().zip(flags.iter()).for_each(|(valid, &flag)| *valid &= flag);
            }
            let bands = [0, 1, 2].map(|band| input.row::<u8>(band, y));
            for (group, nodes) in self.nodes.iter().enumerate() {
                match self.interpolation {
                    Interpolation::Trilinear => {
                        dispatch!(level(), simd => trilinear(simd, nodes, bands, &mut results));
                    }
                    Interpolation::Tetrahedral => {
                        dispatch!(level(), simd => tetrahedral(simd, nodes, bands, &mut results));
                    }
                }
                for (channel, result) in (group * TOGETHER..self.channels).zip(&results) {
                    output.row_mut::<u8>(channel, y).copy_from_slice(result);
                    self.store.fill(output, channel, y, 0, valid);
                }
            }
            if output.bands() > self.channels {
                output.row_bytes_mut(self.channels, y).copy_from_slice(input.row_bytes(3, y));
            }
            mark_valid(output, y, 0, valid);
        }
        hand_on_mask(self.policy, input, output);
        Ok(())
    }
}
