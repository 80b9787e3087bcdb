//! Reads bytes as a job and as a batch, in TOML and in JSON. Nothing is run: outputs may be anywhere.

#![no_main]

use libfuzzer_sys::fuzz_target;
use swathe::{Batch, Job};
use swathe_fuzz::{file, well};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for job in [Job::from_toml(text), Job::from_json(text)].into_iter().filter_map(well) {
        let written = well(job.to_toml()).expect("a job can be written");
        assert!(Job::from_toml(&written).ok().as_ref() == Some(&job), "read back as it was written: {written}");
        let _ = well(job.run.options());
    }
    // A batch that names a job would have that file read, whatever it is.
    if text.contains("job") {
        return;
    }
    for name in ["case.toml", "case.json"] {
        let Some(batch) = well(Batch::from_file(&file(name, data))) else { continue };
        // Patterns stay in the folder.
        let inside = |input: &String| !input.starts_with('/') && !input.contains("..") && !input.contains("**");
        if batch.inputs.iter().all(inside) {
            let _ = well(batch.jobs());
        }
    }
});
