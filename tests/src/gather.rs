//! Many checks of which every failure is to be seen, not only the first.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// How many failures are shown.
const SHOWN: usize = 12;

/// Checks every item, on as many threads as there are CPUs, and fails with the first failures in the items' order.
///
/// # Panics
/// If a check fails or panics, or there is nothing to check.
pub fn assert_all<T: Sync>(items: &[T], check: impl Fn(&T) -> Result<(), String> + Sync) {
    assert!(!items.is_empty(), "nothing to check");
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { break };
                    let outcome = catch_unwind(AssertUnwindSafe(|| check(item)));
                    let outcome = outcome
                        .unwrap_or_else(|panic| Err(format!("item {index} panicked: {}", message(&*panic))));
                    if let Err(failure) = outcome {
                        failures.lock().unwrap_or_else(PoisonError::into_inner).push((index, failure));
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
    failures.sort();
    let shown: Vec<_> = failures.iter().take(SHOWN).map(|(_, failure)| failure.as_str()).collect();
    assert!(
        failures.is_empty(),
        "{} of {} checks failed; the first:\n{}",
        failures.len(),
        items.len(),
        shown.join("\n")
    );
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "2 of 5 checks failed; the first:\nthree\nitem 4 panicked: four")]
    fn every_failure_counts() {
        assert_all(&[0, 1, 2, 3, 4], |item| match item {
            3 => Err("three".into()),
            4 => panic!("four"),
            _ => Ok(()),
        });
    }
}
