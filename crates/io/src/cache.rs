//! Decoded blocks that readers share: each is decoded once and kept while there is room.
//!
//! **The account.** The cache never holds more than its limit, blocks in use and in making included: a reader that finds
//! it full of blocks in use waits. That cannot stop everybody, because a reader holds one block at a time and waits
//! for another only after it has let go of it.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use swathe_core::Result;

/// Blocks of one size, by number.
#[derive(Debug)]
pub(crate) struct BlockCache {
    block_bytes: usize,
    state: Mutex<State>,
    /// Told whenever a block is made, let go of, or given up.
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// The most blocks held at once, at least 1.
    limit: usize,
    blocks: HashMap<u64, Slot>,
    /// Memory of blocks that are gone, to be used again.
    free: Vec<Vec<u8>>,
    clock: u64,
}

#[derive(Debug)]
enum Slot {
    InMaking,
    Made { bytes: Arc<Vec<u8>>, used: u64 },
}

/// When a block that was read makes room for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Afterwards {
    /// Before all that are waited for: nobody is expected to read it again.
    First,
    /// When all others were used after it.
    InTurn,
}

/// What to do about a block that another reader is making, or for which there is no room just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Wait for it.
    Wait,
    /// Do without.
    Leave,
}

/// A block that is being made; given up, it leaves its place to others.
struct Making<'a> {
    cache: &'a BlockCache,
    number: u64,
    memory: Option<Vec<u8>>,
}

/// What a reader meets.
enum Found<'a> {
    Made(Arc<Vec<u8>>),
    Missing(Making<'a>),
    Busy,
}

impl BlockCache {
    /// A cache of `limit` blocks of `block_bytes`, no memory taken yet.
    pub(crate) fn new(block_bytes: usize, limit: usize) -> Self {
        let state = State { limit: limit.max(1), blocks: HashMap::new(), free: Vec::new(), clock: 0 };
        BlockCache { block_bytes, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Sets how many blocks are held at most.
    pub(crate) fn set_limit(&self, limit: usize) {
        self.lock().limit = limit.max(1);
        self.changed.notify_all();
    }

    /// Bytes of one block.
    pub(crate) fn block_bytes(&self) -> usize {
        self.block_bytes
    }

    /// Runs `read` over block `number`, which `make` fills if it is not there, and keeps it as `afterwards` says.
    /// Nothing, where the block is not to be had and `patience` says so.
    ///
    /// # Errors
    /// What `make` returns. Others that wait for the block then try themselves.
    pub(crate) fn with_block<R>(
        &self,
        number: u64,
        patience: Patience,
        afterwards: Afterwards,
        make: impl FnOnce(&mut [u8]) -> Result<()>,
        read: impl FnOnce(&[u8]) -> R,
    ) -> Result<Option<R>> {
        let bytes = match self.find(number, patience) {
            Found::Busy => return Ok(None),
            Found::Made(bytes) => bytes,
            Found::Missing(mut making) => {
                let mut memory = making.memory.take().unwrap_or_default();
                memory.resize(self.block_bytes, 0);
                let made = make(&mut memory);
                match made {
                    Ok(()) => making.finish(memory),
                    Err(error) => {
                        making.memory = Some(memory);
                        return Err(error);
                    }
                }
            }
        };
        let result = read(&bytes);
        let mut state = self.lock();
        if let (Afterwards::First, Some(Slot::Made { used, .. })) =
            (afterwards, state.blocks.get_mut(&number))
        {
            *used = 0;
        }
        // Let go of under the lock, or a reader that just saw it in use would miss being told.
        drop(bytes);
        drop(state);
        self.changed.notify_all();
        Ok(Some(result))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The block, or the task of making it.
    fn find(&self, number: u64, patience: Patience) -> Found<'_> {
        let mut state = self.lock();
        loop {
            state.clock += 1;
            let now = state.clock;
            match state.blocks.get_mut(&number) {
                Some(Slot::Made { bytes, used }) => {
                    *used = now;
                    return Found::Made(Arc::clone(bytes));
                }
                Some(Slot::InMaking) => {}
                None => {
                    if let Some(memory) = state.room() {
                        state.blocks.insert(number, Slot::InMaking);
                        return Found::Missing(Making { cache: self, number, memory: Some(memory) });
                    }
                }
            }
            if patience == Patience::Leave {
                return Found::Busy;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl State {
    /// Memory for one more block, taken from the one that was used longest ago if need be.
    fn room(&mut self) -> Option<Vec<u8>> {
        while self.blocks.len() >= self.limit {
            let idle = self.blocks.iter().filter_map(|(number, slot)| match slot {
                Slot::Made { bytes, used } if Arc::strong_count(bytes) == 1 => Some((*used, *number)),
                _ => None,
            });
            let (_, oldest) = idle.min()?;
            if let Some(Slot::Made { bytes, .. }) = self.blocks.remove(&oldest)
                && let Ok(memory) = Arc::try_unwrap(bytes)
            {
                self.free.push(memory);
            }
        }
        // What a lower limit has set free is given back.
        let memory = self.free.pop();
        self.free.truncate(self.limit - self.blocks.len() - 1);
        Some(memory.unwrap_or_default())
    }
}

impl Making<'_> {
    fn finish(self, memory: Vec<u8>) -> Arc<Vec<u8>> {
        let bytes = Arc::new(memory);
        let mut state = self.cache.lock();
        let used = state.clock;
        state.blocks.insert(self.number, Slot::Made { bytes: Arc::clone(&bytes), used });
        bytes
    }
}

impl Drop for Making<'_> {
    fn drop(&mut self) {
        let mut state = self.cache.lock();
        if matches!(state.blocks.get(&self.number), Some(Slot::InMaking)) {
            state.blocks.remove(&self.number);
            state.free.extend(self.memory.take());
        }
        drop(state);
        self.cache.changed.notify_all();
    }
}

#[cfg(test)]
mod tests;
