//! Which pixels of each level of a pyramid a pixel's displacement depends on, along one axis.
//!
//! ```text
//! level 0   result ── K windows ──▶ first ── half ──▶ level 1   result ── K windows ──▶ first ── half ──▶ ...
//!                                     │ derivatives: previous                             │
//!                                     │ the greatest displacement: next                   │
//! ```

/// The most levels of a pyramid.
pub(super) const MOST_LEVELS: usize = 8;

/// Pixels from `start` up to `end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: i64,
    pub(super) end: i64,
}

impl Span {
    pub(super) fn new(start: i64, end: i64) -> Self {
        Span { start, end }
    }

    pub(super) fn length(self) -> usize {
        (self.end - self.start).max(0) as usize
    }

    pub(super) fn grow(self, margin: i64) -> Self {
        Span::new(self.start - margin, self.end + margin)
    }

    /// What of it lies in a raster of that length; never empty.
    pub(super) fn clip(self, length: i64) -> Self {
        let start = self.start.clamp(0, length - 1);
        Span::new(start, self.end.clamp(start + 1, length))
    }

    fn hull(self, other: Span) -> Self {
        Span::new(self.start.min(other.start), self.end.max(other.end))
    }

    /// The pixels of the next level between which this one's lie.
    fn halved(self) -> Self {
        Span::new(self.start.div_euclid(2), (self.end - 1).div_euclid(2) + 2)
    }

    /// The pixels that the next level's are made of: five each.
    fn doubled(self) -> Self {
        Span::new(2 * self.start - 2, 2 * (self.end - 1) + 3)
    }
}

/// How far an iteration looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Steps {
    pub(super) levels: usize,
    pub(super) iterations: usize,
    pub(super) radius: usize,
    /// In pixels of level 0.
    pub(super) greatest: f32,
}

impl Steps {
    /// The greatest displacement at a level, in its own pixels.
    pub(super) fn greatest_at(&self, level: usize) -> f32 {
        self.greatest / (1_u32 << level) as f32
    }
}

/// What is needed of one level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Level {
    /// The raster's length at this level.
    pub(super) length: i64,
    /// Where the displacement is wanted.
    pub(super) result: Span,
    /// Where it must be known before the first iteration.
    pub(super) first: Span,
    /// Of the first raster.
    pub(super) previous: Span,
    /// Of the second.
    pub(super) next: Span,
}

/// What is needed of every level for the displacements of `output`, in a raster of that length.
pub(super) fn reach(steps: &Steps, length: i64, output: Span) -> [Level; MOST_LEVELS] {
    let mut levels = [Level::default(); MOST_LEVELS];
    let (mut length, mut result) = (length, output);
    for (number, level) in levels.iter_mut().enumerate().take(steps.levels) {
        let first = result.grow((steps.iterations * steps.radius) as i64).clip(length);
        let past = steps.greatest_at(number).ceil() as i64 + 1;
        *level = Level {
            length,
            result,
            first,
            previous: first.grow(1).clip(length),
            next: first.grow(past).clip(length),
        };
        length = (length + 1) / 2;
        result = first.halved().clip(length);
    }
    for number in (1..steps.levels).rev() {
        let Level { previous, next, .. } = levels[number];
        let below = &mut levels[number - 1];
        below.previous = below.previous.hull(previous.doubled()).clip(below.length);
        below.next = below.next.hull(next.doubled()).clip(below.length);
    }
    levels
}

/// The greatest lengths over all places of an output of `length` pixels: where it begins matters for how it is halved.
pub(super) fn greatest_lengths(steps: &Steps, length: usize) -> [[usize; 3]; MOST_LEVELS] {
    let mut greatest = [[0; 3]; MOST_LEVELS];
    let period = 1_i64 << steps.levels;
    for offset in 0..period {
        // Far from every edge.
        let start = (1 << 40) + offset;
        let levels = reach(steps, 1 << 42, Span::new(start, start + length as i64));
        for (greatest, level) in greatest.iter_mut().zip(levels) {
            let spans = [level.first, level.previous, level.next];
            for (greatest, span) in greatest.iter_mut().zip(spans) {
                *greatest = (*greatest).max(span.length());
            }
        }
    }
    greatest
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: Steps = Steps { levels: 2, iterations: 3, radius: 2, greatest: 5.0 };

    #[test]
    fn halos_follow_from_windows_and_levels() {
        let [fine, coarse, ..] = reach(&STEPS, 1000, Span::new(100, 110));
        assert_eq!(fine.first, Span::new(94, 116));
        assert_eq!(coarse.result, Span::new(47, 59));
        assert_eq!(coarse.first, Span::new(41, 65));
        assert_eq!(coarse.next, Span::new(37, 69));
        assert_eq!(fine.next, Span::new(72, 139));
        assert_eq!(fine.previous, Span::new(78, 133));
    }

    #[test]
    fn nothing_past_the_edge_is_asked_for() {
        for level in &reach(&STEPS, 3, Span::new(2, 3))[..2] {
            for span in [level.result, level.first, level.previous, level.next] {
                assert!(span.start >= 0 && span.end <= level.length && span.length() > 0, "{level:?}");
            }
        }
    }

    #[test]
    fn every_place_fits_the_greatest_lengths() {
        let greatest = greatest_lengths(&STEPS, 7);
        for start in 0..90 {
            for (level, greatest) in reach(&STEPS, 97, Span::new(start, start + 7)).iter().zip(greatest) {
                let lengths = [level.first, level.previous, level.next].map(Span::length);
                assert!(lengths.iter().zip(greatest).all(|(length, greatest)| *length <= greatest));
            }
        }
    }
}
