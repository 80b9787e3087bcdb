//! One axis of a resize: which pixels of the input a pixel of the output is made of, and with what weights.
//!
//! Everything follows from the whole lengths of the axis, in exact integers as far as they go: an output pixel has the
//! same weights in whatever tile it is computed.

use std::ops::Range;

use crate::rows::{Real, sine_of_pi_times};

/// How a weight follows from a distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kernel {
    /// `1 - |x|`, radius 1.
    Bilinear,
    /// Catmull and Rom's cubic (a = -1/2), radius 2.
    Cubic,
    /// The cubic B-spline, radius 2.
    CubicSpline,
    /// `sinc(x) sinc(x / 3)`, radius 3.
    Lanczos,
    /// The share of the input pixel that the output pixel covers.
    Area,
}

impl Kernel {
    /// How far it reaches, in pixels of the coarser of the two grids.
    fn radius(self) -> f64 {
        match self {
            Kernel::Area => 0.5,
            Kernel::Bilinear => 1.0,
            Kernel::Cubic | Kernel::CubicSpline => 2.0,
            Kernel::Lanczos => 3.0,
        }
    }

    fn weight(self, distance: f64) -> f64 {
        let x = distance.abs();
        match self {
            Kernel::Bilinear => (1.0 - x).max(0.0),
            Kernel::Cubic if x <= 1.0 => (1.5 * x - 2.5) * x * x + 1.0,
            Kernel::Cubic if x < 2.0 => ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0,
            Kernel::CubicSpline if x < 1.0 => 2.0 / 3.0 - x * x * (1.0 - 0.5 * x),
            Kernel::CubicSpline if x < 2.0 => (2.0 - x) * (2.0 - x) * (2.0 - x) / 6.0,
            Kernel::Lanczos if x == 0.0 => 1.0,
            Kernel::Lanczos if x < 3.0 => {
                let third = sine_of_pi_times(x / 3.0);
                // sin(3 t) = 3 sin(t) - 4 sin(t)^3, except where it must be exactly 0.
                let sine = if x.fract() == 0.0 { 0.0 } else { (3.0 - 4.0 * third * third) * third };
                3.0 * sine * third / (std::f64::consts::PI * x * std::f64::consts::PI * x)
            }
            _ => 0.0,
        }
    }
}

/// The place of an output pixel that says which input pixel is the nearest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    /// Its middle: the input pixel that it lies in.
    Middle,
    /// Its first corner: the input pixel that begins nearest to it.
    Corner,
}

/// The lengths of an axis before and after, in pixels; neither is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Axis {
    /// Pixels of the input.
    pub(super) from: usize,
    /// Pixels of the output.
    pub(super) to: usize,
}

/// The weights of one output pixel, as many as [`Axis::weigh`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// The input pixel of the first weight.
    pub(super) first: usize,
    /// How many pixels have weights.
    pub(super) count: usize,
}

impl Axis {
    /// Input pixels to an output pixel.
    pub(super) fn ratio(self) -> f64 {
        self.from as f64 / self.to as f64
    }

    /// The input pixel that stands for an output pixel.
    pub(super) fn nearest(self, index: usize, anchor: Anchor) -> usize {
        let (index, from, to) = (index as u128, self.from as u128, self.to as u128);
        let place = match anchor {
            Anchor::Middle => (2 * index + 1) * from / (2 * to),
            Anchor::Corner => (2 * index * from + to) / (2 * to),
        };
        (place as usize).min(self.from - 1)
    }

    /// The input pixels that an output pixel covers, wholly or in part.
    pub(super) fn covered(self, index: usize) -> Range<usize> {
        let (from, to) = (self.from as u128, self.to as u128);
        let (start, end) = (index as u128 * from, (index as u128 + 1) * from);
        (start / to) as usize..end.div_ceil(to) as usize
    }

    /// The most input pixels that an output pixel covers.
    pub(super) fn most_covered(self) -> usize {
        (self.from / self.to + 2).min(self.from)
    }

    /// The middle of an output pixel, in input pixels: the whole part and the rest.
    fn middle(self, index: usize) -> (i64, f64) {
        let (numerator, denominator) = ((2 * index as u128 + 1) * self.from as u128, 2 * self.to as u128);
        let whole = numerator / denominator;
        (whole as i64, (numerator - whole * denominator) as f64 / denominator as f64)
    }

    /// How far a kernel reaches, in input pixels.
    fn reach(self, kernel: Kernel) -> f64 {
        kernel.radius() * self.ratio().max(1.0)
    }

    /// The most weights that an output pixel can have.
    pub(super) fn most_weights(self, kernel: Kernel) -> usize {
        if kernel == Kernel::Area {
            return self.most_covered();
        }
        (2.0 * self.reach(kernel)).ceil() as usize + 1
    }

    /// The input pixels that can have weights, not cropped to the input.
    fn touched(self, index: usize, kernel: Kernel) -> Range<i64> {
        if kernel == Kernel::Area {
            let covered = self.covered(index);
            return covered.start as i64..covered.end as i64;
        }
        let ((whole, part), reach) = (self.middle(index), self.reach(kernel));
        whole + (part - reach + 0.5).floor() as i64..whole + (part + reach + 0.5).floor() as i64
    }

    /// The input pixels that output pixels `first..end` can have weights for.
    pub(super) fn need(self, first: usize, end: usize, kernel: Kernel) -> Range<usize> {
        let (start, end) = (self.touched(first, kernel).start, self.touched(end - 1, kernel).end);
        start.max(0) as usize..(end.max(0) as usize).min(self.from)
    }

    /// The most input pixels that `length` output pixels in a row can have weights for.
    pub(super) fn longest_need(self, length: usize, kernel: Kernel) -> usize {
        let along = (length as u128 * self.from as u128 / self.to as u128) as usize;
        along.saturating_add(self.most_weights(kernel) + 2).min(self.from)
    }

    /// How far a kernel reaches past the input pixels under a tile.
    pub(super) fn margin(self, kernel: Kernel) -> usize {
        if kernel == Kernel::Area { 0 } else { self.reach(kernel).ceil() as usize }
    }

    /// The sum of the weights of an output pixel that lies inside.
    ///
    /// Areas are whole numbers, so that the sums of integers are exact.
    pub(super) fn total(self, kernel: Kernel) -> f64 {
        if kernel == Kernel::Area { (self.from / divisor(self.from, self.to)) as f64 } else { 1.0 }
    }

    /// The weight of an input pixel that an area covers wholly.
    pub(super) fn whole(self) -> f64 {
        (self.to / divisor(self.from, self.to)) as f64
    }

    /// Writes the weights of an output pixel: [`Kernel::Area`] as whole numbers, all others with a sum of 1.
    ///
    /// `weights` has room for [`Axis::most_weights`]; what is left becomes 0. Weights of 0 at the ends count as none.
    pub(super) fn weigh<A: Real>(
        self,
        index: usize,
        kernel: Kernel,
        weights: &mut [A],
        room: &mut [f64],
    ) -> Span {
        let touched = self.touched(index, kernel);
        let (start, end) = (touched.start.max(0), touched.end.min(self.from as i64));
        let room = &mut room[..(end - start).max(0) as usize];
        if kernel == Kernel::Area {
            self.areas(index, start as u128, room);
        } else {
            let (whole, part) = self.middle(index);
            let scale = self.ratio().max(1.0).recip();
            let nearest = (start - whole) as f64 + 0.5 - part;
            for (offset, weight) in room.iter_mut().enumerate() {
                *weight = kernel.weight(scale * (nearest + offset as f64));
            }
            let sum = room.iter().sum::<f64>();
            room.iter_mut().for_each(|weight| *weight /= sum);
        }
        let skipped = room.iter().take_while(|&&weight| weight == 0.0).count();
        let idle = room[skipped..].iter().rev().take_while(|&&weight| weight == 0.0).count();
        let used = &room[skipped..room.len() - idle];
        weights.fill(A::ZERO);
        for (weight, &exact) in weights.iter_mut().zip(used) {
            *weight = A::of(exact);
        }
        Span { first: start as usize + skipped, count: used.len() }
    }

    /// How much of each input pixel from `start` on an output pixel covers, in parts that make both whole.
    fn areas(self, index: usize, start: u128, areas: &mut [f64]) {
        let shared = divisor(self.from, self.to);
        let (wide, part) = ((self.from / shared) as u128, (self.to / shared) as u128);
        let (left, right) = (index as u128 * wide, (index as u128 + 1) * wide);
        for (pixel, area) in (start..).zip(areas) {
            *area = (right.min((pixel + 1) * part) - left.max(pixel * part)) as f64;
        }
    }
}

/// The greatest common divisor.
fn divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KERNELS: [Kernel; 5] =
        [Kernel::Bilinear, Kernel::Cubic, Kernel::CubicSpline, Kernel::Lanczos, Kernel::Area];

    #[test]
    fn weights_add_up_and_lie_inside_the_need() {
        for (from, to) in [(20, 7), (7, 20), (9, 9), (1, 5), (5, 1), (1000, 3), (53, 26), (100, 50)] {
            let axis = Axis { from, to };
            for kernel in KERNELS {
                let most = axis.most_weights(kernel);
                let (mut weights, mut room) = (vec![0.0_f64; most], vec![0.0; most]);
                for index in 0..to {
                    let span = axis.weigh(index, kernel, &mut weights, &mut room);
                    let need = axis.need(index, index + 1, kernel);
                    assert!(
                        need.start <= span.first && span.first + span.count <= need.end,
                        "{axis:?} {kernel:?}"
                    );
                    assert!(need.len() <= axis.longest_need(1, kernel));
                    assert!(span.count > 0 && weights[0] != 0.0 && weights[span.count - 1] != 0.0);
                    let sum: f64 = weights.iter().sum();
                    assert!((sum - axis.total(kernel)).abs() < 1e-12, "{axis:?} {kernel:?} {sum}");
                }
                for length in 1..=to {
                    for first in 0..=to - length {
                        let need = axis.need(first, first + length, kernel);
                        assert!(need.len() <= axis.longest_need(length, kernel));
                    }
                }
            }
        }
    }

    #[test]
    fn middles_are_exact() {
        assert_eq!(
            (0..4).map(|i| Axis { from: 8, to: 4 }.nearest(i, Anchor::Middle)).collect::<Vec<_>>(),
            [1, 3, 5, 7]
        );
        assert_eq!(
            (0..5).map(|i| Axis { from: 3, to: 5 }.nearest(i, Anchor::Middle)).collect::<Vec<_>>(),
            [0, 0, 1, 2, 2]
        );
        assert_eq!(Axis { from: 7, to: 4 }.covered(1), 1..4);
        let (mut areas, mut room) = ([0.0_f64; 4], [0.0; 4]);
        let span = Axis { from: 7, to: 4 }.weigh(1, Kernel::Area, &mut areas, &mut room);
        // From 1.75 to 3.5: a quarter of pixel 1, all of pixel 2, half of pixel 3.
        assert_eq!((span, areas), (Span { first: 1, count: 3 }, [1.0, 4.0, 2.0, 0.0]));
    }
}
