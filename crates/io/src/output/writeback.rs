//! When what is written goes to the disk.

use std::fs::File;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use crate::mapping;

/// As many bytes are given to the disk at once: enough for its full speed, and few beside what a run has in hand.
const AT_ONCE: u64 = 8 << 20;

/// When what is written goes to the disk; by default the kernel decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteBackRule {
    /// The most bytes that may wait; any number where nothing is said.
    pub limit_bytes: Option<u64>,
    /// Whether the disk begins while the run is at work, because all of it is flushed at the end.
    pub early: bool,
}

impl WriteBackRule {
    /// How many bytes are given to the disk at once; none where that is the kernel's business.
    pub(crate) fn at_once(self) -> Option<u64> {
        match self.limit_bytes {
            Some(limit) => Some((limit / 4).min(AT_ONCE)),
            None => self.early.then_some(AT_ONCE),
        }
    }
}

/// Has the disk begin early with what is written to a file, and waits for the oldest where too much of it waits.
#[derive(Debug, Default)]
pub(crate) struct WriteBack {
    rule: WriteBackRule,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What was written and not given to the disk.
    fresh: Vec<Range<u64>>,
    /// What the disk was given and was not waited for, where there is a limit.
    given: Vec<Range<u64>>,
}

/// What is to be done about a file's bytes.
#[derive(Debug, Default, PartialEq, Eq)]
struct Orders {
    start: Vec<Range<u64>>,
    wait: Vec<Range<u64>>,
}

impl WriteBack {
    pub(crate) fn new(rule: WriteBackRule) -> Self {
        WriteBack { rule, state: Mutex::default() }
    }

    /// Is told that a range of the file was written.
    pub(crate) fn note(&self, file: &File, range: Range<u64>) {
        let orders = self.orders(range);
        orders.start.into_iter().for_each(|range| mapping::start_writeback(file, range));
        orders.wait.into_iter().for_each(|range| mapping::wait_writeback(file, range));
    }

    fn orders(&self, range: Range<u64>) -> Orders {
        let Some(at_once) = self.rule.at_once() else { return Orders::default() };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.fresh.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => state.fresh.push(range),
        }
        if bytes_of(&state.fresh) < at_once {
            return Orders::default();
        }
        let start = std::mem::take(&mut state.fresh);
        let Some(limit) = self.rule.limit_bytes else { return Orders { start, wait: Vec::new() } };
        state.given.extend(start.iter().cloned());
        // The next ones wait too until they are given.
        let mut waiting = bytes_of(&state.given) + at_once;
        let mut old = 0;
        while waiting > limit && old < state.given.len() {
            waiting -= state.given[old].end - state.given[old].start;
            old += 1;
        }
        Orders { start, wait: state.given.drain(..old).collect() }
    }
}

fn bytes_of(ranges: &[Range<u64>]) -> u64 {
    ranges.iter().map(|range| range.end - range.start).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// All orders for `pieces` of a MiB each, every other one in another place of the file.
    fn orders(rule: WriteBackRule, pieces: u64) -> Vec<Orders> {
        let writeback = WriteBack::new(rule);
        let place = |piece: u64| (piece % 2 * 100 + piece / 2) * MIB;
        (0..pieces).map(|piece| writeback.orders(place(piece)..place(piece) + MIB)).collect()
    }

    #[test]
    fn the_kernel_decides_by_default() {
        assert!(orders(WriteBackRule::default(), 40).iter().all(|orders| *orders == Orders::default()));
    }

    #[test]
    fn what_will_be_flushed_begins_early_and_nobody_waits() {
        let orders = orders(WriteBackRule { early: true, ..WriteBackRule::default() }, 17);
        assert!(orders.iter().all(|orders| orders.wait.is_empty()));
        let started = orders.iter().map(|orders| bytes_of(&orders.start)).collect::<Vec<_>>();
        assert_eq!((started[7], started[15]), (8 * MIB, 8 * MIB));
        assert_eq!(started.iter().sum::<u64>(), 16 * MIB);
    }

    #[test]
    fn no_more_waits_than_the_limit() {
        let limit = 12 * MIB;
        let orders = orders(WriteBackRule { limit_bytes: Some(limit), early: false }, 100);
        let (mut written, mut waited) = (0, 0);
        for order in &orders {
            written += MIB;
            waited += bytes_of(&order.wait);
            assert!(written - waited <= limit, "{} MiB wait", (written - waited) / MIB);
        }
        assert!(waited > 80 * MIB);
    }

    #[test]
    fn pieces_that_follow_each_other_are_given_as_one() {
        let writeback = WriteBack::new(WriteBackRule { early: true, ..WriteBackRule::default() });
        let last = (0..8).map(|piece| writeback.orders(piece * MIB..(piece + 1) * MIB)).last();
        let whole = 0..8 * MIB;
        assert!(last.is_some_and(|orders| orders.start == std::slice::from_ref(&whole)));
    }
}
