//! Reads bytes as a TIFF: whatever they are, they are read or refused, without a panic and in little memory.
//!
//! `cargo fuzz run -s none tiff` works with the stable compiler. `crates/io/tests/mutations.rs` is the same without libFuzzer;
//! seeds for a corpus are cut from `fixtures/tiff/matrix.bin` as `fuzz/README.md` shows.

#![no_main]

use std::cell::OnceCell;

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/io/tests/reading/mod.rs"]
mod reading;

thread_local! {
    /// In memory where there is such a place: every input is written to a file.
    static FOLDER: OnceCell<tempfile::TempDir> = const { OnceCell::new() };
}

fuzz_target!(|data: &[u8]| {
    FOLDER.with(|folder| {
        let memory = std::path::Path::new("/dev/shm");
        let folder = folder.get_or_init(|| {
            let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
            tempfile::tempdir_in(place).expect("a temporary folder")
        });
        let path = reading::scratch_file(folder.path(), data);
        // Which of the two it is does not matter; the function checks the kind of error.
        let _ = reading::read_whatever_it_is(&path);
    });
});
