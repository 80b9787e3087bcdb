//! Plans a whole job and runs it over a small raster. The first line says which raster is read, and how it is run and
//! written; every other line is a step. Words are parted by tabs: `name=value`, and the operator first.
//!
//! ```text
//! read=1  ending=tif  tile=7x5  compress=deflate
//! gaussian  sigma=1.2  boundary=wrap
//! calc  expression=A/B  with=2
//! ```

#![no_main]

use libfuzzer_sys::fuzz_target;
use swathe::{Output, RunSettings, Step};
use swathe_fuzz::{folder, input, plan_and_run};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.lines();
    let (mut read, mut ending, mut run, mut write) = (0, "tif", RunSettings::default(), Output::default());
    for word in lines.next().unwrap_or_default().split('\t') {
        let Some((name, value)) = word.split_once('=') else { continue };
        match name {
            "read" => read = value.parse().unwrap_or(0),
            // No folders.
            "ending" => ending = if value.contains('/') { "tif" } else { value },
            "tile" => run.tile = Some(value.to_owned()),
            "memory" => run.memory = Some(value.to_owned()),
            "threads" => run.threads = value.parse().ok(),
            "io" => run.io = Some(value.to_owned()),
            _ => {
                write.options.insert(name.to_owned(), value.to_owned());
            }
        }
    }
    write.path = folder().join(format!("out.{ending}")).display().to_string();
    let step = |line: &str| {
        let mut words = line.split('\t');
        let mut step = Step { operator: words.next().unwrap_or_default().to_owned(), ..Step::default() };
        for (name, value) in words.filter_map(|word| word.split_once('=')) {
            if name == "with" {
                step.with.push(input(value.parse().unwrap_or(0)));
            } else {
                step.parameters.insert(name.to_owned(), value.to_owned());
            }
        }
        step
    };
    plan_and_run(lines.take(4).map(step).collect(), input(read), write, run);
});
