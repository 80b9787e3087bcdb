//! Reads bytes as an ENVI pair: the header, a byte that is 0, and the samples.

#![no_main]

use libfuzzer_sys::fuzz_target;
use swathe_fuzz::{file, reading, split};

fuzz_target!(|data: &[u8]| {
    let (header, samples) = split(data);
    file("case.hdr", header);
    let _ = reading::read_whatever_it_is(&file("case.img", samples));
});
