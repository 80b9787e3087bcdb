//! Which of two keys is kept.

use crate::rank::key::Key;

/// One end of an order.
pub(crate) trait Extreme {
    /// The one that is kept.
    fn of<K: Key>(one: K, other: K) -> K;
}

/// The lesser of two.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Least;

/// The greater of two.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Greatest;

impl Extreme for Least {
    #[inline(always)]
    fn of<K: Key>(one: K, other: K) -> K {
        one.min(other)
    }
}

impl Extreme for Greatest {
    #[inline(always)]
    fn of<K: Key>(one: K, other: K) -> K {
        one.max(other)
    }
}
