//! Sets of labels that are one: a forest in which every label points to a lesser one.

/// What a root is marked with: the rest of the word is the mark.
const MARK: u32 = 1 << 31;

/// Labels from 1 on, in memory that is somebody else's. A set's root is its least label.
pub(super) struct Forest<'a> {
    parents: &'a mut [u32],
}

impl<'a> Forest<'a> {
    /// Over labels that were made before, or over memory for some that are to be made.
    pub(super) fn over(parents: &'a mut [u32]) -> Self {
        Forest { parents }
    }

    /// Makes a label a set of its own.
    pub(super) fn plant(&mut self, label: u32) {
        self.parents[label as usize] = label;
    }

    /// The root of a label's set.
    pub(super) fn root(&mut self, mut label: u32) -> u32 {
        loop {
            let parent = self.parents[label as usize];
            if parent == label {
                return label;
            }
            let further = self.parents[parent as usize];
            self.parents[label as usize] = further;
            label = further;
        }
    }

    /// Makes two sets one, and returns its root.
    pub(super) fn unite(&mut self, one: u32, other: u32) -> u32 {
        let (one, other) = (self.root(one), self.root(other));
        let (least, most) = (one.min(other), one.max(other));
        self.parents[most as usize] = least;
        least
    }

    /// For every label that is not 0, one more than the place in the row of the first label of its set; 0 for 0.
    ///
    /// Marks the roots on the way, and takes the marks away again.
    pub(super) fn first_places(&mut self, labels: &[u32], mut put: impl FnMut(usize, u32)) {
        for (x, &label) in labels.iter().enumerate() {
            if label == 0 {
                put(x, 0);
                continue;
            }
            let (root, marked) = self.marked(label);
            match marked {
                Some(place) => put(x, place),
                None => {
                    self.parents[root as usize] = MARK | (x as u32 + 1);
                    put(x, x as u32 + 1);
                }
            }
        }
        for &label in labels.iter().filter(|&&label| label != 0) {
            let (root, marked) = self.marked(label);
            if marked.is_some() {
                self.plant(root);
            }
        }
    }

    /// The root of a label's set where roots may be marked, and its mark.
    fn marked(&self, mut label: u32) -> (u32, Option<u32>) {
        loop {
            let parent = self.parents[label as usize];
            if parent & MARK != 0 {
                return (label, Some(parent & !MARK));
            }
            if parent == label {
                return (label, None);
            }
            label = parent;
        }
    }
}

/// The most labels of a tile, which leave a bit for marks.
pub(super) const MOST_LABELS: usize = (MARK - 1) as usize;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_known_by_its_least_label() {
        let mut memory = [0; 8];
        let mut forest = Forest::over(&mut memory);
        (1..8).for_each(|label| forest.plant(label));
        assert_eq!(forest.unite(5, 3), 3);
        assert_eq!(forest.unite(7, 5), 3);
        assert_eq!(forest.unite(2, 7), 2);
        assert_eq!((1..8).map(|label| forest.root(label)).collect::<Vec<_>>(), [1, 2, 2, 4, 2, 6, 2]);
        let mut places = [9; 5];
        for _ in 0..2 {
            forest.first_places(&[0, 7, 4, 3, 7], |x, place| places[x] = place);
            assert_eq!(places, [0, 2, 3, 2, 2]);
        }
        assert_eq!(forest.root(7), 2);
    }
}
