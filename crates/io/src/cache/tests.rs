//! What the cache promises to readers on several threads.

use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};

use swathe_core::Error;

fn read(cache: &BlockCache, number: u64, made: &AtomicUsize) -> Result<u8> {
    let make = |bytes: &mut [u8]| {
        made.fetch_add(1, Ordering::Relaxed);
        bytes.fill(number as u8);
        Ok(())
    };
    let read = cache.with_block(number, Patience::Wait, Afterwards::InTurn, make, |bytes| bytes[7])?;
    Ok(read.expect("waited for"))
}

#[test]
fn the_oldest_block_goes_first() {
    let (cache, made) = (BlockCache::new(8, 2), AtomicUsize::new(0));
    for (number, count) in [(1, 1), (2, 2), (1, 2), (3, 3), (1, 3), (2, 4)] {
        assert_eq!(read(&cache, number, &made).unwrap(), number as u8);
        assert_eq!(made.load(Ordering::Relaxed), count, "block {number}");
    }
}

#[test]
fn a_block_that_is_done_with_goes_before_older_ones() {
    let (cache, made) = (BlockCache::new(8, 2), AtomicUsize::new(0));
    read(&cache, 1, &made).unwrap();
    cache.with_block(2, Patience::Wait, Afterwards::First, |_| Ok(()), |_| ()).unwrap();
    read(&cache, 3, &made).unwrap();
    read(&cache, 1, &made).unwrap();
    assert_eq!(made.load(Ordering::Relaxed), 2, "block 1 stayed, though it is older than 2");
}

#[test]
fn a_block_in_making_can_be_left() {
    let (cache, made) = (BlockCache::new(8, 2), AtomicUsize::new(0));
    let make = |_: &mut [u8]| {
        let left = cache.with_block(1, Patience::Leave, Afterwards::InTurn, |_| Ok(()), |_| ())?;
        assert_eq!(left, None);
        Ok(())
    };
    cache.with_block(1, Patience::Wait, Afterwards::InTurn, make, |_| ()).unwrap();
    assert_eq!(read(&cache, 1, &made).unwrap(), 0);
}

#[test]
fn a_block_that_fails_is_tried_again() {
    let (cache, made) = (BlockCache::new(8, 1), AtomicUsize::new(0));
    let failed =
        cache.with_block(5, Patience::Wait, Afterwards::InTurn, |_| Err(Error::damaged("no")), |_| ());
    assert!(failed.is_err());
    assert_eq!(read(&cache, 5, &made).unwrap(), 5);
    assert_eq!(cache.lock().blocks.len(), 1);
}

/// More readers than room: all get through, each block is made once, and the limit holds.
#[test]
fn readers_share() {
    let (cache, made) = (BlockCache::new(64 << 10, 16), AtomicUsize::new(0));
    let begin = std::sync::Barrier::new(8);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                begin.wait();
                for number in 0..16 {
                    assert_eq!(read(&cache, number, &made).unwrap(), number as u8);
                }
            });
        }
    });
    assert_eq!(made.load(Ordering::Relaxed), 16);
    cache.set_limit(2);
    std::thread::scope(|scope| {
        for reader in 0..8 {
            let (cache, made) = (&cache, &made);
            scope.spawn(move || {
                for number in 0..200 {
                    let number = (number * 7 + reader) % 31;
                    assert_eq!(read(cache, number, made).unwrap(), number as u8);
                    assert!(cache.lock().blocks.len() <= 16);
                }
            });
        }
    });
    assert!(cache.lock().blocks.len() <= 2);
}
