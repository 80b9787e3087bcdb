//! What is taken from the values of a window.

/// One value of a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Statistic {
    /// One at some place in their order.
    Place(Place),
    /// The one that occurs most often, the least of those where there are several.
    Mode,
}

/// A place in the order of a window's values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Place {
    /// The middle, of an even number the upper of the two.
    Middle,
    /// That one, counted from 0, of a full window.
    Rank(usize),
    /// From 0 to 100.
    Percent(f64),
}

impl Place {
    /// The place, counted from 0, among `count` values (at least one) of a window that would be full with `full`.
    pub(crate) fn among(self, count: usize, full: usize) -> usize {
        let last = count - 1;
        match self {
            Place::Middle => count / 2,
            // The same share of the window, to the nearest: the first stays first, the middle middle, the last last.
            Place::Rank(rank) => ((rank * count + full / 2) / full).min(last),
            // As scipy computes it, rounding errors included.
            Place::Percent(percent) => ((count as f64 * percent / 100.0) as usize).min(last),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_scipy() {
        assert_eq!(Place::Middle.among(16, 16), 8);
        assert_eq!(Place::Percent(25.0).among(9, 9), 2);
        assert_eq!(Place::Percent(80.0).among(9, 9), 7);
        assert_eq!(Place::Percent(100.0).among(9, 9), 8);
        assert_eq!(
            (0..9).map(|rank| Place::Rank(rank).among(9, 9)).collect::<Vec<_>>(),
            (0..9).collect::<Vec<_>>()
        );
    }

    #[test]
    fn first_middle_and_last_stay_so_where_values_are_missing() {
        for full in [1, 8, 9, 25, 2601] {
            for count in 1..=full {
                assert_eq!(Place::Rank(0).among(count, full), 0);
                assert_eq!(Place::Rank(full - 1).among(count, full), count - 1);
                if full % 2 == 1 {
                    assert_eq!(Place::Rank(full / 2).among(count, full), count / 2);
                }
            }
        }
    }
}
