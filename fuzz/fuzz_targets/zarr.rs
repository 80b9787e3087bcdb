//! Reads bytes as a Zarr store of one array: its `zarr.json`, a byte that is 0, and the bytes of every chunk that is there.

#![no_main]

use libfuzzer_sys::fuzz_target;
use swathe_fuzz::{file, folder, reading, split};

/// The chunks that are there, by the metadata's length: one choice serves one number of dimensions.
const CHUNKS: [&[&str]; 3] =
    [&["c/0", "0/0", "c.0.0", "0.0"], &["c/0/0", "c/0/1", "c/1/0"], &["c/0/0/0", "c/0/0/1"]];

fuzz_target!(|data: &[u8]| {
    let (metadata, chunk) = split(data);
    let store = folder().join("case.zarr");
    for key in CHUNKS.into_iter().flatten() {
        let _ = std::fs::remove_dir_all(store.join(key.split('/').next().unwrap_or(key)));
        let _ = std::fs::remove_file(store.join(key));
    }
    std::fs::create_dir_all(&store).expect("a folder in a temporary folder");
    file("case.zarr/zarr.json", metadata);
    for key in CHUNKS[metadata.len() % CHUNKS.len()] {
        let path = store.join(key);
        std::fs::create_dir_all(path.parent().expect("a file in the store")).expect("a folder in the store");
        std::fs::write(path, chunk).expect("a file in the store");
    }
    let _ = reading::read_whatever_it_is(store.to_str().expect("a path in UTF-8"));
});
