//! Maps ranges of files for the time of one read or write, and tells the kernel what comes and what is done with.
//!
//! The one module of the crate that may hold `unsafe`: a memory map is only as sound as the file under it, and two system
//! calls have no safe wrapper anywhere.
//!
//! **The invariant.** A mapped range is touched only between a successful `MADV_POPULATE_*` over all of it and its
//! unmapping, a few hundred microseconds later, and never handed out beyond the closure that uses it. A file that was cut
//! short, or a disk that is full, makes the population fail with an error instead of a signal. Pixel values that another
//! process changes in that time are read as some bytes, which are valid for every sample type.
//!
//! What happens to a file in those microseconds, or on a server whose pages the kernel could not keep, is a bus error. A
//! program that hands its bus errors to [`absorb_bus_error`] gets an error for them too.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use memmap2::{Advice, MmapOptions};
use swathe_core::{Error, MAKE_ROOM, Result};

/// Runs `read` over the bytes of `range`, which lies inside the file.
///
/// # Errors
/// Damaged, where the file does not hold the range any more; Io, where it cannot be mapped.
pub(crate) fn with_mapped<R>(
    file: &File,
    name: &str,
    range: Range<u64>,
    read: impl FnOnce(&[u8]) -> R,
) -> Result<R> {
    let length = (range.end - range.start) as usize;
    let cannot = |error: io::Error| {
        if error.raw_os_error() == Some(libc::EFAULT) {
            if file.metadata().is_ok_and(|metadata| metadata.len() < range.end) {
                return Error::damaged(format!(
                    "`{name}` was cut short while it was read: bytes {} to {} are gone",
                    range.start, range.end
                ));
            }
            // All is there, and the disk or the server does not give it.
            let lost = io::Error::from_raw_os_error(libc::EIO);
            Error::unreadable(
                format_args!("cannot read bytes {} to {} of `{name}`", range.start, range.end),
                lost,
            )
        } else {
            Error::io(format_args!("cannot map bytes {} to {} of `{name}`", range.start, range.end), error)
        }
    };
    // SAFETY: the invariant at the head of this module.
    let map = unsafe { MmapOptions::new().offset(range.start).len(length).map(file) }.map_err(cannot)?;
    map.advise(Advice::PopulateRead).map_err(cannot)?;
    let guard = Guard::over(map.as_ptr() as usize, length);
    let outcome = read(&map);
    if guard.was_hit() {
        return Err(cannot(io::Error::from_raw_os_error(libc::EFAULT)));
    }
    Ok(outcome)
}

/// Runs `write` over the bytes of `range`, which is reserved in the file.
///
/// # Errors
/// Limit, where the disk is full; Io, where it cannot be mapped.
pub(crate) fn with_mapped_mut<R>(
    file: &File,
    name: &str,
    range: Range<u64>,
    write: impl FnOnce(&mut [u8]) -> R,
) -> Result<R> {
    let length = (range.end - range.start) as usize;
    let cannot = |error: io::Error| {
        if error.raw_os_error() == Some(libc::EFAULT) {
            Error::limit(format!("the disk under `{name}` is full; {MAKE_ROOM}"))
        } else {
            Error::io(format_args!("cannot map bytes {} to {} of `{name}`", range.start, range.end), error)
        }
    };
    // SAFETY: the invariant at the head of this module.
    let mut map =
        unsafe { MmapOptions::new().offset(range.start).len(length).map_mut(file) }.map_err(cannot)?;
    map.advise(Advice::PopulateWrite).map_err(cannot)?;
    let guard = Guard::over(map.as_ptr() as usize, length);
    let outcome = write(&mut map);
    if guard.was_hit() {
        return Err(cannot(io::Error::from_raw_os_error(libc::EFAULT)));
    }
    Ok(outcome)
}

/// Ranges of memory that are guarded at once; maps beyond that many go without.
const GUARDS: usize = 256;

static GUARDED: [Guarded; GUARDS] = [const { Guarded::new() }; GUARDS];

/// A range of mapped memory in use, as a signal handler can look at it.
struct Guarded {
    taken: AtomicBool,
    /// 0 where there is none.
    start: AtomicUsize,
    end: AtomicUsize,
    hit: AtomicBool,
}

impl Guarded {
    const fn new() -> Self {
        let (taken, hit) = (AtomicBool::new(false), AtomicBool::new(false));
        Guarded { taken, start: AtomicUsize::new(0), end: AtomicUsize::new(0), hit }
    }
}

/// Holds a place in the table of guarded ranges.
struct Guard(Option<&'static Guarded>);

impl Guard {
    fn over(start: usize, length: usize) -> Self {
        let free = |place: &&Guarded| {
            place.taken.compare_exchange(false, true, Ordering::AcqRel, Ordering::Relaxed).is_ok()
        };
        let place = GUARDED.iter().find(free);
        if let Some(place) = place {
            place.hit.store(false, Ordering::Relaxed);
            place.end.store(start + length, Ordering::Release);
            place.start.store(start, Ordering::Release);
        }
        Guard(place)
    }

    fn was_hit(&self) -> bool {
        self.0.is_some_and(|place| place.hit.load(Ordering::Acquire))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(place) = self.0 {
            place.start.store(0, Ordering::Release);
            place.taken.store(false, Ordering::Release);
        }
    }
}

/// Puts a page of zeros where a bus error happened, if that is in a map of ours, and has the read or write under way fail;
/// tells whether it did. For a handler of `SIGBUS`, from which it may be called: it takes no lock and no memory.
pub fn absorb_bus_error(address: usize) -> bool {
    let holds = |place: &&Guarded| {
        let start = place.start.load(Ordering::Acquire);
        start != 0 && (start..place.end.load(Ordering::Acquire)).contains(&address)
    };
    let Some(place) = GUARDED.iter().find(holds) else { return false };
    let page = rustix::param::page_size();
    // SAFETY: replaces one page of a map that this module made and will unmap; whoever reads it sees zeros, and learns of
    // it before the outcome is used.
    let replaced = unsafe {
        libc::mmap(
            (address / page * page) as *mut libc::c_void,
            page,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED,
            -1,
            0,
        )
    };
    place.hit.store(true, Ordering::Release);
    replaced != libc::MAP_FAILED
}

/// Starts to write a range back to the disk, and does not wait.
pub(crate) fn start_writeback(file: &File, range: Range<u64>) {
    sync_range(file, range, libc::SYNC_FILE_RANGE_WRITE);
}

/// Waits until a range is on the disk (its data; not the file's size or place).
pub(crate) fn wait_writeback(file: &File, range: Range<u64>) {
    sync_range(
        file,
        range,
        libc::SYNC_FILE_RANGE_WAIT_BEFORE | libc::SYNC_FILE_RANGE_WRITE | libc::SYNC_FILE_RANGE_WAIT_AFTER,
    );
}

/// A file system without the call writes back in its own time: nothing depends on it but how early the disk is busy.
fn sync_range(file: &File, range: Range<u64>, flags: libc::c_uint) {
    // SAFETY: takes a descriptor and numbers, touches no memory of ours.
    unsafe {
        libc::sync_file_range(file.as_raw_fd(), range.start as i64, (range.end - range.start) as i64, flags)
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    extern "C" fn absorb(_: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
        // SAFETY: the kernel hands a valid record over.
        if !absorb_bus_error(unsafe { (*info).si_addr() } as usize) {
            std::process::abort();
        }
    }

    #[test]
    fn a_file_cut_short_between_mapping_and_reading_is_an_error() {
        // SAFETY: a zeroed record is valid, and the handler is a function that stays.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = absorb as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO;
            libc::sigaction(libc::SIGBUS, &action, std::ptr::null_mut());
        }
        let file = tempfile::tempfile().unwrap();
        file.set_len(1 << 20).unwrap();
        let sum = |bytes: &[u8]| bytes.iter().map(|&byte| u64::from(byte)).sum::<u64>();
        assert_eq!(with_mapped(&file, "a", 0..1 << 20, sum).unwrap(), 0);
        let outcome = with_mapped(&file, "a", 4096..1 << 20, |bytes| {
            file.set_len(100).unwrap();
            sum(bytes)
        });
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), swathe_core::ErrorKind::Damaged);
        assert!(error.to_string().contains("bytes 4096 to 1048576 are gone"), "{error}");
        assert!(!absorb_bus_error(4096), "no map of ours lies there");
    }
}
