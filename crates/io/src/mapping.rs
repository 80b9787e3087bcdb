//! Maps ranges of files for the time of one read or write, and tells the kernel what comes and what is done with.
//!
//! The one module of the crate that may hold `unsafe`: a memory map is only as sound as the file under it, and two system
//! calls have no safe wrapper anywhere.
//!
//! **The invariant.** A mapped range is touched only between a successful `MADV_POPULATE_*` over all of it and its
//! unmapping, a few hundred microseconds later, and never handed out beyond the closure that uses it. A file that was cut
//! short, or a disk that is full, makes the population fail with an error instead of a signal. Pixel values that another
//! process changes in that time are read as some bytes, which are valid for every sample type.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::AsRawFd;

use memmap2::{Advice, MmapOptions};
use swathe_core::{Error, Result};

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
            Error::damaged(format!(
                "`{name}` was cut short while it was read: bytes {} to {} are gone",
                range.start, range.end
            ))
        } else {
            Error::io(format_args!("cannot map bytes {} to {} of `{name}`", range.start, range.end), error)
        }
    };
    // SAFETY: the invariant at the head of this module.
    let map = unsafe { MmapOptions::new().offset(range.start).len(length).map(file) }.map_err(cannot)?;
    map.advise(Advice::PopulateRead).map_err(cannot)?;
    Ok(read(&map))
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
            Error::limit(format!("the disk under `{name}` is full"))
        } else {
            Error::io(format_args!("cannot map bytes {} to {} of `{name}`", range.start, range.end), error)
        }
    };
    // SAFETY: the invariant at the head of this module.
    let mut map =
        unsafe { MmapOptions::new().offset(range.start).len(length).map_mut(file) }.map_err(cannot)?;
    map.advise(Advice::PopulateWrite).map_err(cannot)?;
    Ok(write(&mut map))
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
