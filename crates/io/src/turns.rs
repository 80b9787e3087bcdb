//! Places in a file that grows, given in the order in which tiles were handed out, whoever is ready first.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use swathe_core::{Error, Footprint, Result};

/// Whose turn it is to take a place, and where the file ends.
#[derive(Debug)]
pub(crate) struct Turns {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    next: u64,
    end: u64,
    cancelled: bool,
}

impl Turns {
    /// Tile `next` takes the first place, from byte `end` on.
    pub(crate) fn new(next: u64, end: u64) -> Self {
        Turns { state: Mutex::new(State { next, end, cancelled: false }), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the next `bytes` bytes of the file when it is the tile's turn; returns where they begin. How long it
    /// waited is noted in `footprint`.
    ///
    /// # Errors
    /// Interrupted, where the run stops before.
    pub(crate) fn take(&self, sequence: u64, bytes: u64, footprint: &mut Footprint) -> Result<u64> {
        let begun = Instant::now();
        let mut state = self.lock();
        while state.next != sequence && !state.cancelled {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        footprint.add_waiting(begun.elapsed());
        if state.cancelled {
            return Err(Error::interrupted("the run stops"));
        }
        let place = state.end;
        state.end += bytes;
        state.next += 1;
        drop(state);
        self.changed.notify_all();
        Ok(place)
    }

    /// Lets nobody wait any longer.
    pub(crate) fn cancel(&self) {
        self.lock().cancelled = true;
        self.changed.notify_all();
    }

    /// Where the file ends.
    pub(crate) fn end(&self) -> u64 {
        self.lock().end
    }
}
