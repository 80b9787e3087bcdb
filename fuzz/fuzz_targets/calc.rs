//! Computes bytes taken as an expression over three rasters: the first says which, the rest is the expression.

#![no_main]

use libfuzzer_sys::fuzz_target;
use swathe::{Output, RunSettings, Step};
use swathe_fuzz::{folder, input, plan_and_run};

fuzz_target!(|data: &[u8]| {
    let Some((&which, data)) = data.split_first() else { return };
    let Ok(expression) = std::str::from_utf8(data) else { return };
    let which = usize::from(which);
    let mut step = Step { operator: "calc".into(), ..Step::default() };
    step.parameters.insert("expression".into(), expression.into());
    step.parameters.insert("names".into(), "A,B,C".into());
    // Rasters of one size; where one has several bands, which of them is not said, which is an error of its own.
    step.with = vec![input(which / 6 % 6), input(which / 36 % 6)];
    let write = Output { path: folder().join("out.tif").display().to_string(), ..Output::default() };
    plan_and_run(vec![step], input(which % 6), write, RunSettings::default());
});
