//! Workers that take turns: each tile waits until the one before has passed on what it carries, and no longer.

use std::ops::{Deref, DerefMut};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::error::{Error, Result};
use crate::journal::Footprint;

/// What is carried from tile to tile, and whose turn it is.
#[derive(Debug)]
pub struct Turns<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<T> {
    next: u64,
    carried: T,
    cancelled: bool,
}

/// The turn of one tile: what is carried is in its hands.
pub struct Turn<'a, T> {
    turns: &'a Turns<T>,
    state: MutexGuard<'a, State<T>>,
}

impl<T> Turns<T> {
    /// Tile `next` is the first, and is handed `carried`.
    pub fn new(next: u64, carried: T) -> Self {
        let state = Mutex::new(State { next, carried, cancelled: false });
        Turns { state, changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the turn of a tile, and notes in `footprint` how long.
    ///
    /// # Errors
    /// Interrupted, where the run stops.
    pub fn wait_for(&self, sequence: u64, footprint: &mut Footprint) -> Result<Turn<'_, T>> {
        let begun = Instant::now();
        let mut state = self.lock();
        while state.next != sequence && !state.cancelled {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        footprint.add_waiting(begun.elapsed());
        if state.cancelled {
            Err(Error::interrupted("the run stops"))
        } else {
            Ok(Turn { turns: self, state })
        }
    }

    /// Wakes all who wait, for nothing.
    pub fn cancel(&self) {
        self.lock().cancelled = true;
        self.changed.notify_all();
    }

    /// What is carried by now.
    pub fn carried<R>(&self, look: impl FnOnce(&mut T) -> R) -> R {
        look(&mut self.lock().carried)
    }
}

impl<T> Turn<'_, T> {
    /// Lets the next tile go on.
    pub fn pass_on(mut self) {
        self.state.next += 1;
        drop(self.state);
        self.turns.changed.notify_all();
    }
}

impl<T> Deref for Turn<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.state.carried
    }
}

impl<T> DerefMut for Turn<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.state.carried
    }
}
