//! Lattices: what every node of a grid over three bands becomes.

use swathe_core::{Error, Result};

use super::curve::Curve;
use super::{MOST, MOST_CHANNELS};

/// Most nodes along an axis.
pub(super) const LONGEST: usize = 256;

/// How a value between nodes follows from those around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interpolation {
    /// From the eight corners of the cell, along one axis after the other.
    Trilinear,
    /// From the four corners of one of six tetrahedra.
    Tetrahedral,
}

impl Interpolation {
    /// The interpolation that a parameter names.
    pub(crate) fn of(word: Option<&str>) -> Self {
        if word == Some("tetrahedral") { Interpolation::Tetrahedral } else { Interpolation::Trilinear }
    }
}

/// Where the nodes lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grid {
    /// Evenly, the first and last at the ends of the domain.
    Uniform,
    /// At 0, 16, 32, ... 256 of 255: 4 bits say the cell, and 4 bits where in it.
    Shift4,
}

/// A table of three bands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Lattice {
    /// Nodes along each of the three bands, 2 to 256.
    pub(crate) nodes: [usize; 3],
    /// Numbers at a node, which become as many bands.
    pub(crate) channels: usize,
    /// The numbers, all finite: the channels of a node together, nodes with the third band's fastest.
    pub(crate) values: Vec<f64>,
    /// The number that stands for 1.
    pub(crate) one: f64,
    /// The fraction at the first node of each band.
    pub(crate) least: [f64; 3],
    /// The fraction at the last node of each band.
    pub(crate) greatest: [f64; 3],
    /// What fractions become before they are looked up, one for all bands or one for each.
    pub(crate) shaper: Vec<Curve>,
}

impl Lattice {
    /// A lattice over fractions from 0 to 1.
    ///
    /// # Errors
    /// Damaged or Limit, where the sizes are no lattice's or a number is not finite.
    pub(crate) fn new(nodes: [usize; 3], channels: usize, values: Vec<f64>, one: f64) -> Result<Self> {
        let [a, b, c] = nodes;
        if nodes.iter().any(|side| !(2..=LONGEST).contains(side)) || !(1..=MOST_CHANNELS).contains(&channels)
        {
            return Err(Error::damaged(format!(
                "a table of {a} x {b} x {c} nodes with {channels} numbers each is none; a side has 2 to {LONGEST} nodes, \
                 a node 1 to {MOST_CHANNELS} numbers"
            )));
        }
        let count = a * b * c * channels;
        if count > MOST {
            return Err(Error::limit(format!(
                "a table of {a} x {b} x {c} nodes with {channels} numbers each holds {count} numbers; up to {MOST} are \
                 supported"
            )));
        }
        if values.len() != count {
            return Err(Error::damaged(format!(
                "a table of {a} x {b} x {c} nodes with {channels} numbers each holds {count} numbers, not {}",
                values.len()
            )));
        }
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            return Err(Error::damaged(format!(
                "number {} of node {} of the table is not finite",
                at % channels + 1,
                at / channels + 1
            )));
        }
        let shaper = Vec::new();
        Ok(Lattice { nodes, channels, values, one, least: [0.0; 3], greatest: [1.0; 3], shaper })
    }

    /// The same table with its nodes at 0, 16, ... 256 of 255; of 16 nodes the last one stands for the missing one.
    ///
    /// # Errors
    /// Usage, for other than 16 or 17 nodes to a side, or a table with a domain or shaper of its own.
    pub(crate) fn on(mut self, grid: Grid) -> Result<Self> {
        if grid == Grid::Uniform {
            return Ok(self);
        }
        let own_domain = self.least != [0.0; 3] || self.greatest != [1.0; 3] || !self.shaper.is_empty();
        if own_domain || self.nodes != [16; 3] && self.nodes != [17; 3] {
            let [a, b, c] = self.nodes;
            return Err(Error::usage(format!(
                "--grid shift4 takes a table of 17 x 17 x 17 nodes, or 16, over 0 to 1; this one has {a} x {b} x {c}{}",
                if own_domain { " and a domain of its own" } else { "" }
            )));
        }
        if self.nodes == [16; 3] {
            let mut values = Vec::with_capacity(17 * 17 * 17 * self.channels);
            for node in 0..17 * 17 * 17 {
                let [a, b, c] = [node / 289, node / 17 % 17, node % 17].map(|place: usize| place.min(15));
                let at = ((a * 16 + b) * 16 + c) * self.channels;
                values.extend_from_slice(&self.values[at..at + self.channels]);
            }
            (self.nodes, self.values) = ([17; 3], values);
        }
        self.greatest = [256.0 / 255.0; 3];
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_nodes_become_seventeen() {
        let values: Vec<f64> = (0..16 * 16 * 16).map(f64::from).collect();
        let lattice = Lattice::new([16; 3], 1, values, 255.0).unwrap().on(Grid::Shift4).unwrap();
        let at = |a: usize, b: usize, c: usize| lattice.values[(a * 17 + b) * 17 + c];
        assert_eq!(
            [at(0, 0, 3), at(15, 15, 15), at(16, 2, 16)],
            [3.0, 4095.0, 15.0 * 256.0 + 2.0 * 16.0 + 15.0]
        );
        let small = Lattice::new([2; 3], 1, vec![0.0; 8], 1.0).unwrap();
        assert!(small.on(Grid::Shift4).unwrap_err().to_string().contains("this one has 2 x 2 x 2"));
    }

    #[test]
    fn sizes_are_checked() {
        let message = |nodes, channels, count| {
            Lattice::new(nodes, channels, vec![0.0; count], 1.0).unwrap_err().to_string()
        };
        assert!(message([1, 2, 2], 3, 12).contains("a side has 2 to 256 nodes"));
        assert!(message([2; 3], 9, 72).contains("a node 1 to 8 numbers"));
        assert!(message([2; 3], 3, 25).contains("holds 24 numbers, not 25"));
        assert!(message([256; 3], 4, 0).contains("67108864 numbers; up to 8388608"));
        let wrong = Lattice::new([2; 3], 1, [[0.0; 7].to_vec(), vec![f64::NAN]].concat(), 1.0);
        assert!(wrong.unwrap_err().to_string().contains("number 1 of node 8"));
    }
}
