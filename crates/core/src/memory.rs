//! Working memory that goes back to the system as soon as it is dropped.
//!
//! Allocators keep what was freed for the next who asks: after a sweep with buffers of some megabytes as much again can
//! stay resident, beside what the next sweep takes, which no account knows of. So large memory is taken from the system,
//! page by page, as allocators do at first and not after they have seen such memory freed.

use std::ops::{Deref, DerefMut};

use memmap2::MmapMut;

/// From here on memory is taken from the system.
const LARGE_BYTES: usize = 128 << 10;

/// Words that are zero at first.
#[derive(Debug)]
pub(crate) enum Words {
    Few(Vec<u64>),
    Many(MmapMut),
}

impl Words {
    /// So many words, untouched where they are many.
    pub(crate) fn zeroed(count: usize) -> Self {
        let bytes = count.saturating_mul(size_of::<u64>());
        if bytes >= LARGE_BYTES
            && let Ok(map) = MmapMut::map_anon(bytes)
        {
            return Words::Many(map);
        }
        Words::Few(vec![0; count])
    }

    /// Makes sure of so many words; what is in them afterwards is not defined.
    pub(crate) fn at_least(&mut self, count: usize) {
        if self.len() < count {
            // The old ones go first, so that both are never there at once.
            *self = Words::default();
            *self = Words::zeroed(count);
        }
    }
}

impl Default for Words {
    fn default() -> Self {
        Words::Few(Vec::new())
    }
}

impl Deref for Words {
    type Target = [u64];

    fn deref(&self) -> &[u64] {
        match self {
            Words::Few(words) => words,
            // Pages are aligned for any type.
            Words::Many(map) => bytemuck::cast_slice(map),
        }
    }
}

impl DerefMut for Words {
    fn deref_mut(&mut self) -> &mut [u64] {
        match self {
            Words::Few(words) => words,
            Words::Many(map) => bytemuck::cast_slice_mut(map),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_and_many_words_are_zero_and_can_be_written() {
        let mut words = Words::default();
        for count in [0, 1, 1000, LARGE_BYTES / 8, 1 << 20] {
            words.at_least(count);
            assert_eq!(words.len(), count);
            assert!(words.iter().all(|&word| word == 0));
            words.fill(7);
            assert!(words.iter().all(|&word| word == 7));
        }
        assert!(matches!(words, Words::Many(_)));
        words.at_least(5);
        assert_eq!(words.len(), 1 << 20, "it does not shrink");
    }
}
