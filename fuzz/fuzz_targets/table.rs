//! Looks pixels up in bytes taken as a table: the first says of what kind.

#![no_main]

use libfuzzer_sys::fuzz_target;
use swathe::{Output, RunSettings, Step};
use swathe_fuzz::{file, folder, input, plan_and_run};

fuzz_target!(|data: &[u8]| {
    let Some((&kind, data)) = data.split_first() else { return };
    let name = ["table.cube", "table.npy", "table.txt"][usize::from(kind % 3)];
    let (operator, key, raster) = if kind & 4 == 0 { ("lut", "table", kind >> 4) } else { ("cmyk", "lut", 1) };
    let mut step = Step { operator: operator.into(), ..Step::default() };
    step.parameters.insert(key.into(), file(name, data));
    if kind & 8 != 0 {
        step.parameters.insert("interpolation".into(), "tetrahedral".into());
    }
    let write = Output { path: folder().join("out.tif").display().to_string(), ..Output::default() };
    plan_and_run(vec![step], input(usize::from(raster)), write, RunSettings::default());
});
