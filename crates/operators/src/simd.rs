//! The vector instructions that row functions run with: chosen once for the process, never visible in a result.
//!
//! A row function is plain Rust over slices, marked `#[simd]`, which compiles it once for each CPU level; the compiler
//! turns its loop into vectors. Rust never fuses `a * b + c` nor reorders sums, so all levels give the same bits.
//! A row function is called as `dispatch!(level(), simd => name(simd, ...))`; what it calls is `#[inline(always)]`.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use fearless_simd::Level;

/// A set of vector instructions that this CPU has.
#[derive(Clone, Copy, Debug)]
pub struct CpuLevel {
    level: Level,
    name: &'static str,
}

impl CpuLevel {
    /// The levels of this CPU, from the least to the best; at least one.
    pub fn available() -> &'static [CpuLevel] {
        static LEVELS: OnceLock<Vec<CpuLevel>> = OnceLock::new();
        LEVELS.get_or_init(|| {
            let best = Level::new();
            let levels = lesser(best);
            if levels.is_empty() { vec![CpuLevel { level: best, name: "baseline" }] } else { levels }
        })
    }

    /// Its name, such as `avx2`.
    pub fn name(self) -> &'static str {
        self.name
    }
}

/// All levels that a CPU of level `best` has, `best` included.
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
fn lesser(best: Level) -> Vec<CpuLevel> {
    let levels = [
        ("sse2", best.as_sse2().map(Level::Sse2)),
        ("sse4.2", best.as_sse4_2().map(Level::Sse4_2)),
        ("avx2", best.as_avx2().map(Level::Avx2)),
        ("avx512", best.as_avx512().map(Level::Avx512)),
    ];
    levels.into_iter().filter_map(|(name, level)| Some(CpuLevel { level: level?, name })).collect()
}

#[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
fn lesser(_best: Level) -> Vec<CpuLevel> {
    Vec::new()
}

/// Index into [`CpuLevel::available`] that a test asked for; anything past the end means the best.
static FORCED: AtomicUsize = AtomicUsize::new(usize::MAX);

/// The level in use.
pub fn cpu_level() -> CpuLevel {
    let levels = CpuLevel::available();
    levels[FORCED.load(Ordering::Relaxed).min(levels.len() - 1)]
}

/// The level in use, for `dispatch!`.
#[inline]
pub(crate) fn level() -> Level {
    cpu_level().level
}

/// Holds the whole process at one level until it is dropped.
#[derive(Debug)]
pub struct ForcedLevel {
    _only_one: MutexGuard<'static, ()>,
}

/// Makes the process use `CpuLevel::available()[index]`, so that tests can compare levels. A second caller waits.
pub fn force_level(index: usize) -> ForcedLevel {
    static ONLY_ONE: Mutex<()> = Mutex::new(());
    let guard = ONLY_ONE.lock().unwrap_or_else(PoisonError::into_inner);
    FORCED.store(index, Ordering::Relaxed);
    ForcedLevel { _only_one: guard }
}

impl Drop for ForcedLevel {
    fn drop(&mut self) {
        FORCED.store(usize::MAX, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forced_level_holds_until_it_is_dropped() {
        let best = CpuLevel::available().len() - 1;
        for index in 0..=best {
            let held = force_level(index);
            assert_eq!(cpu_level().name(), CpuLevel::available()[index].name());
            drop(held);
        }
    }
}
