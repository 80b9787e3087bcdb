//! Reads bytes as an NPY file.

#![no_main]

use libfuzzer_sys::fuzz_target;
use swathe_fuzz::{file, reading};

fuzz_target!(|data: &[u8]| {
    // An ENVI header, whose samples are missing: the target `envi` has both.
    if data.starts_with(b"ENVI") {
        return;
    }
    let _ = reading::read_whatever_it_is(&file("case.npy", data));
});
