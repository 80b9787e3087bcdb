//! Smooth noise: random numbers on square lattices, joined by cubic B-splines, several lattices added up.
//!
//! B-splines rather than gradient noise: no visible lattice, no gradients to look up, and a row costs a cubic
//! polynomial a node. Everything hangs on absolute lattice cells, so that a value never depends on the window.

use super::hash::{HashRow, signed};

/// Pixels between the nodes on which the smooth fields of a scene are computed.
pub(super) const NODE: usize = 4;

/// One lattice of a noise.
#[derive(Clone, Copy, Debug)]
pub(super) struct Octave {
    /// Nodes to a lattice cell: its size in pixels is `NODE` times that.
    nodes: i64,
    /// What its values, about -1 to 1, are multiplied with.
    weight: f32,
    /// Whether values are folded at zero, which makes ridges.
    ridged: bool,
}

impl Octave {
    /// Soft hills of the given cell size in pixels, a multiple of [`NODE`].
    pub(super) const fn smooth(cell_px: i64, weight: f32) -> Self {
        Octave { nodes: cell_px / NODE as i64, weight, ridged: false }
    }

    /// Ridges, 0 at the crest and negative beside it.
    pub(super) const fn ridged(cell_px: i64, weight: f32) -> Self {
        Octave { nodes: cell_px / NODE as i64, weight, ridged: true }
    }
}

/// B-splines of random numbers have a standard deviation of 0.28; this brings them to about one half.
const GAIN: f32 = 2.0;

/// The weights of the four knots around a place, `t` from 0 to 1 between the inner two.
fn spline_weights(t: f32) -> [f32; 4] {
    let s = 1.0 - t;
    [
        s * s * s / 6.0,
        (3.0 * t * t * t - 6.0 * t * t + 4.0) / 6.0,
        (3.0 * s * s * s - 6.0 * s * s + 4.0) / 6.0,
        t * t * t / 6.0,
    ]
}

/// The cubic polynomial of a B-spline between the inner two of four knots, constant term first.
fn spline_polynomial(knots: &[f32]) -> [f32; 4] {
    let [a, b, c, d] = [knots[0], knots[1], knots[2], knots[3]];
    [
        (a + 4.0 * b + c) * (1.0 / 6.0),
        (c - a) * 0.5,
        (a - 2.0 * b + c) * 0.5,
        (d - a + 3.0 * (b - c)) * (1.0 / 6.0),
    ]
}

/// Adds octaves to a row of nodes, the first of which is column `first` of node row `y`.
///
/// `lattice` is working memory, at least 4 longer than `row`.
pub(super) fn add_noise(
    key: u64,
    octaves: &[Octave],
    y: i64,
    first: i64,
    lattice: &mut [f32],
    row: &mut [f32],
) {
    for (octave, salt) in octaves.iter().zip(1_u64..) {
        let key = super::hash::key(key, salt);
        let start = fill_lattice(key, octave.nodes, y, first, row.len(), lattice);
        add_octave(*octave, start, first, lattice, row);
    }
}

/// Fills the knots of a lattice row between lattice rows; returns the first cell's index.
fn fill_lattice(key: u64, nodes: i64, y: i64, first: i64, length: usize, lattice: &mut [f32]) -> i64 {
    let cell_y = y.div_euclid(nodes);
    let weights = spline_weights((y - cell_y * nodes) as f32 / nodes as f32);
    let start = first.div_euclid(nodes);
    let end = (first + length as i64 - 1).div_euclid(nodes);
    let knots = &mut lattice[..(end - start) as usize + 4];
    knots.fill(0.0);
    for (weight, lattice_y) in weights.into_iter().zip(cell_y - 1..) {
        let hashes = HashRow::new(key, lattice_y);
        let lattice_x = (start - 1) as u32;
        for (knot, step) in knots.iter_mut().zip(0_u32..) {
            *knot += weight * signed(hashes.at(lattice_x.wrapping_add(step)));
        }
    }
    start
}

fn add_octave(octave: Octave, start: i64, first: i64, lattice: &[f32], row: &mut [f32]) {
    let (nodes, weight) = (octave.nodes, octave.weight * GAIN);
    let scale = 1.0 / nodes as f32;
    let mut done = 0;
    for (knots, cell) in lattice.windows(4).zip(start..) {
        let phase = first + done as i64 - cell * nodes;
        let count = ((nodes - phase) as usize).min(row.len() - done);
        let polynomial = spline_polynomial(knots).map(|term| term * weight);
        let part = &mut row[done..done + count];
        if octave.ridged {
            add_cubic(part, polynomial, phase as i32, scale, |value| -value.abs());
        } else {
            add_cubic(part, polynomial, phase as i32, scale, |value| value);
        }
        done += count;
        if done == row.len() {
            break;
        }
    }
}

#[inline(always)]
fn add_cubic(row: &mut [f32], polynomial: [f32; 4], phase: i32, scale: f32, shape: impl Fn(f32) -> f32) {
    let [c0, c1, c2, c3] = polynomial;
    for (value, step) in row.iter_mut().zip(phase..) {
        let t = step as f32 * scale;
        *value += shape(((c3 * t + c2) * t + c1) * t + c0);
    }
}

/// Adds an independent random number to every node.
pub(super) fn add_grain(key: u64, weight: f32, y: i64, first: i64, row: &mut [f32]) {
    let hashes = HashRow::new(key, y);
    for (value, step) in row.iter_mut().zip(0_u32..) {
        *value += weight * signed(hashes.at((first as u32).wrapping_add(step)));
    }
}

/// Joins four node rows to the row of nodes at pixel row `phase` (0 to `NODE - 1`) past the second of them.
pub(super) fn blend_rows(rows: [&[f32]; 4], phase: usize, blended: &mut [f32]) {
    let [wa, wb, wc, wd] = spline_weights(phase as f32 / NODE as f32);
    let [a, b, c, d] = rows.map(|row| &row[..blended.len()]);
    for (i, value) in blended.iter_mut().enumerate() {
        *value = wa * a[i] + wb * b[i] + wc * c[i] + wd * d[i];
    }
}

/// Spreads a row of nodes over pixels: `pixels` starts at the second node, [`NODE`] pixels to a node.
pub(super) fn spread_nodes(nodes: &[f32], pixels: &mut [f32]) {
    let weights: [[f32; 4]; NODE] = std::array::from_fn(|phase| spline_weights(phase as f32 / NODE as f32));
    for (cell, knots) in pixels.chunks_exact_mut(NODE).zip(nodes.windows(4)) {
        for (pixel, [wa, wb, wc, wd]) in cell.iter_mut().zip(weights) {
            *pixel = wa * knots[0] + wb * knots[1] + wc * knots[2] + wd * knots[3];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splines_hold_constants_and_join() {
        for t in [0.0, 0.25, 0.9] {
            assert!((spline_weights(t).iter().sum::<f32>() - 1.0).abs() < 1e-6);
        }
        let [left, right] =
            [spline_polynomial(&[1.0, 5.0, -2.0, 3.0]), spline_polynomial(&[5.0, -2.0, 3.0, 0.0])];
        assert!((left.iter().sum::<f32>() - right[0]).abs() < 1e-6, "pieces meet");
        let weights = spline_weights(0.5);
        let direct: f32 = weights.iter().zip([1.0, 5.0, -2.0, 3.0]).map(|(w, k)| w * k).sum();
        let horner = ((left[3] * 0.5 + left[2]) * 0.5 + left[1]) * 0.5 + left[0];
        assert!((direct - horner).abs() < 1e-6);
    }

    #[test]
    fn a_node_does_not_know_its_row_s_beginning() {
        let octaves = [Octave::smooth(8, 0.5), Octave::ridged(64, 1.0), Octave::smooth(4096, 2.0)];
        let mut lattice = [0.0; 128];
        let mut whole = [0.0; 100];
        add_noise(9, &octaves, -5, -40, &mut lattice, &mut whole);
        for start in 0..100 {
            let mut part = [0.0; 100];
            let part = &mut part[start..(start + 7).min(100)];
            add_noise(9, &octaves, -5, -40 + start as i64, &mut lattice, part);
            assert_eq!(part, &whole[start..start + part.len()]);
        }
        assert!(whole.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn pixels_between_equal_nodes_are_equal() {
        let nodes = [0.5; 6];
        let mut blended = [0.0; 6];
        blend_rows([&nodes; 4], 3, &mut blended);
        let mut pixels = [0.0; 12];
        spread_nodes(&blended, &mut pixels);
        assert!(pixels.iter().all(|pixel| (pixel - 0.5).abs() < 1e-6));
    }
}
