//! Reads bytes as samples whose shape stands behind the name of the file: the shape, a byte that is 0, and the samples.

#![no_main]

use libfuzzer_sys::fuzz_target;
use swathe_fuzz::{file, split};

fuzz_target!(|data: &[u8]| {
    let (shape, samples) = split(data);
    let path = file("case.raw", samples);
    let Ok(shape) = std::str::from_utf8(shape) else { return };
    // What is said wrongly is a usage error here.
    if let Some(source) = swathe_fuzz::well(swathe::open(&format!("{path}:{shape}"))) {
        let _ = swathe_fuzz::reading::read_corner(source.as_ref());
    }
});
