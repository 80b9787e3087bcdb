//! Nanoseconds per pixel of the focal operators on one thread, without any input or output:
//! `cargo run --release -p swathe-operators --example speed [WORD] [LEVEL]` runs those whose line holds the word,
//! with the instructions of a CPU level (`sse2`, `sse4.2`, `avx2`, `avx512`), by default the best.
#![expect(clippy::disallowed_methods, reason = "a clock is what this program is for")]
#![expect(clippy::print_stdout, reason = "a table is what this program is for")]

use std::time::Instant;

use swathe_core::{
    Parameters, RasterInfo, Result, Sample, SampleType, Scratch, Size, TileBuffer, Value, Window, with_sample,
};
use swathe_operators::{CpuLevel, cpu_level, find, force_level};

const TILE: Size = Size::new(1024, 1024);

const CASES: &[(&str, &[(&str, &str)])] = &[
    ("copy", &[]),
    ("cast", &[("type", "f32")]),
    ("gaussian", &[("sigma", "2.2"), ("size", "11")]),
    ("gaussian", &[("sigma", "10")]),
    ("mean", &[("size", "3")]),
    ("mean", &[("size", "101")]),
    ("median", &[("size", "5")]),
    ("median", &[("size", "51")]),
    ("enhanced-lee", &[("looks", "4")]),
    ("convolve", &[("kernel", "1 2 1;2 4 2;1 2 1"), ("scale", "16")]),
    ("convolve", &[("kernel", "1 0 3;0 5 -1;2 0 1")]),
    ("convolve", &[("kernel", "1 2 3;4 5.5 6;7 8 9.25")]),
    (
        "convolve",
        &[
            ("kernel", "1 2 3 4 5;6 7 8 9 10;11 12.5 13 14 15;16 17 18 19 20;21 22 23 24 25.5"),
            ("scale", "300"),
        ],
    ),
];

fn main() -> Result<()> {
    let word = std::env::args().nth(1).unwrap_or_default();
    let level = std::env::args().nth(2);
    let named = |wanted: &String| CpuLevel::available().iter().position(|level| level.name() == wanted);
    let _held = level.as_ref().and_then(named).map(force_level);
    println!("{}, tiles of {TILE}, ns/px", cpu_level().name());
    for (name, given) in CASES {
        for sample_type in [SampleType::U8, SampleType::U16, SampleType::F32] {
            let text = given.iter().map(|(name, value)| format!(" --{name} \"{value}\"")).collect::<String>();
            let line = format!("{name}{text} {sample_type}");
            let Some(spec) = find(name).filter(|_| line.contains(&word)) else { continue };
            let values = given.iter().map(|(name, value)| (name.to_string(), Value::Text(value.to_string())));
            let parameters = Parameters::check(spec.parameters, values)?;
            println!(
                "{line:70} {:7.3}",
                seconds(spec.bind, &parameters, sample_type)? * 1e9 / TILE.pixels() as f64
            );
        }
    }
    Ok(())
}

/// The fastest of several runs over one tile in the middle of a raster.
fn seconds(bind: swathe_core::Bind, parameters: &Parameters, sample_type: SampleType) -> Result<f64> {
    let input = RasterInfo::new(Size::new(8192, 8192), 1, sample_type);
    let operator = bind(parameters, std::slice::from_ref(&input))?;
    let window = Window::new(2048, 3072, TILE.width, TILE.height);
    let mut need = TileBuffer::new(operator.need(0, window), input.kind());
    for y in 0..need.window().height {
        with_sample!(sample_type, T => {
            for (x, sample) in need.view_mut().row_mut::<T>(0, y).iter_mut().enumerate() {
                *sample = T::from_f64(((x * 2_654_435_761 + y * 40_503) % 65_521) as f64 / 3.0);
            }
        });
    }
    let mut output = TileBuffer::new(window, operator.output().kind());
    let mut scratch = Scratch::with_capacity(operator.scratch_bytes(TILE));
    let mut best = f64::INFINITY;
    for _ in 0..60 {
        let start = Instant::now();
        operator.process(&[need.view()], &mut output.view_mut(), &mut scratch.frame())?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(best)
}
