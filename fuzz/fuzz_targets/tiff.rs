//! Reads bytes as a TIFF: whatever they are, they are read or refused, without a panic and in little memory.
//! `crates/io/tests/mutations.rs` is the same without libFuzzer.

#![no_main]

use libfuzzer_sys::fuzz_target;
use swathe_fuzz::{file, reading};

fuzz_target!(|data: &[u8]| {
    // An ENVI header, whose samples are missing: the target `envi` has both.
    if data.starts_with(b"ENVI") {
        return;
    }
    // Which of the two it is does not matter; the function checks the kind of error.
    let _ = reading::read_whatever_it_is(&file("case.tif", data));
});
