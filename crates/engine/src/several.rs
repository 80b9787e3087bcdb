//! Several runs at once: whoever is free takes the next.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Calls `work` with every number below `count`, on at most `at_once` threads; returns when all are done.
pub fn several(count: usize, at_once: usize, work: &(dyn Fn(usize) + Sync)) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..at_once.clamp(1, count.max(1)) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        break;
                    }
                    work(number);
                }
            });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_done_once() {
        for (count, at_once) in [(0, 3), (1, 8), (100, 3), (5, 0)] {
            let done = (0..count).map(|_| AtomicUsize::new(0)).collect::<Vec<_>>();
            several(count, at_once, &|number| {
                done[number].fetch_add(1, Ordering::Relaxed);
            });
            assert!(done.iter().all(|times| times.load(Ordering::Relaxed) == 1));
        }
    }
}
