//! The checksum of bytes that were written: XXH3, at the speed of memory. It finds damage; it is no proof against malice.

/// The 64-bit XXH3 of some bytes.
pub(crate) fn checksum(bytes: &[u8]) -> u64 {
    twox_hash::XxHash3_64::oneshot(bytes)
}
