//! Working memory of one worker: taken once, handed out in pieces for one tile at a time.
//!
//! Every piece begins where a cache line does, so that vectors of a piece's elements don't lie across two.

use crate::memory::Words;

/// Memory that a worker keeps for the whole run.
#[derive(Debug, Default)]
pub struct Scratch {
    storage: Words,
}

impl Scratch {
    /// Memory for `bytes` bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Scratch { storage: Words::zeroed(words_with_slack(bytes)) }
    }

    /// Makes sure that `bytes` bytes are there; a run that was planned right never grows here.
    pub fn reserve(&mut self, bytes: usize) {
        self.storage.at_least(words_with_slack(bytes));
    }

    /// All of the memory, to be handed out in pieces.
    pub fn frame(&mut self) -> Frame<'_> {
        let start = cache_line_start(&self.storage);
        Frame { rest: &mut self.storage[start..] }
    }
}

/// Bytes of a cache line, and of the longest vector.
pub(crate) const CACHE_LINE: usize = 64;

/// Words for `bytes` bytes from wherever the first cache line begins.
fn words_with_slack(bytes: usize) -> usize {
    (bytes.div_ceil(size_of::<u64>())).saturating_add(CACHE_LINE / size_of::<u64>() - 1)
}

/// The first word that begins a cache line.
pub(crate) fn cache_line_start(words: &[u64]) -> usize {
    words.as_ptr().align_offset(CACHE_LINE).min(words.len())
}

/// What is left of a [`Scratch`] while its pieces are in use.
#[derive(Debug)]
pub struct Frame<'a> {
    rest: &'a mut [u64],
}

impl<'a> Frame<'a> {
    /// The next `length` elements, from the start of a cache line. Their content is whatever was there before.
    ///
    /// # Panics
    /// If more is taken than was declared: the operator's account is wrong.
    pub fn take<T: bytemuck::Pod>(&mut self, length: usize) -> &'a mut [T] {
        let words = words::<T>(length);
        assert!(words <= self.rest.len(), "scratch: {words} words wanted, {} declared", self.rest.len());
        let (piece, rest) = std::mem::take(&mut self.rest).split_at_mut(words);
        self.rest = rest;
        &mut bytemuck::cast_slice_mut(piece)[..length]
    }

    /// The next `length` elements, all zero.
    ///
    /// # Panics
    /// If more is taken than was declared.
    pub fn take_zeroed<T: bytemuck::Pod>(&mut self, length: usize) -> &'a mut [T] {
        let piece = self.take(length);
        piece.fill(T::zeroed());
        piece
    }

    /// What is left, for a part of the work that ends before the next piece is taken.
    pub fn inner(&mut self) -> Frame<'_> {
        Frame { rest: self.rest }
    }
}

/// Adds up what will be taken from a [`Scratch`], rounded as it rounds.
#[derive(Clone, Copy, Debug, Default)]
pub struct ScratchSize {
    words: usize,
}

impl ScratchSize {
    /// Nothing yet.
    pub fn new() -> Self {
        ScratchSize::default()
    }

    /// With room for `length` elements of `T` more.
    pub fn with<T>(self, length: usize) -> Self {
        ScratchSize { words: self.words.saturating_add(words::<T>(length)) }
    }

    /// The sum in bytes.
    pub fn bytes(self) -> usize {
        self.words.saturating_mul(size_of::<u64>())
    }
}

/// Words for `length` elements, whole cache lines, so that two pieces never share one.
const fn words<T>(length: usize) -> usize {
    length.saturating_mul(size_of::<T>()).div_ceil(CACHE_LINE).saturating_mul(CACHE_LINE / size_of::<u64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_declared_can_be_taken() {
        let size = ScratchSize::new().with::<f32>(3).with::<u8>(65).with::<f64>(8);
        assert_eq!(size.bytes(), 64 + 128 + 64);
        let mut scratch = Scratch::with_capacity(size.bytes());
        let mut frame = scratch.frame();
        let floats = frame.take::<f32>(3);
        frame.inner().take::<u8>(65).fill(9);
        assert_eq!(frame.take_zeroed::<u8>(65), [0; 65]);
        floats.fill(1.0);
        assert_eq!(frame.take::<f64>(8).len(), 8);
    }

    #[test]
    #[should_panic(expected = "scratch")]
    fn more_than_declared_is_a_bug() {
        Scratch::with_capacity(64).frame().take::<u8>(65);
    }
}
