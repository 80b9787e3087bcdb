//! How fast one worker reads files: `cargo run --release -p swathe-io --example read_speed -- FILE...`.
//!
//! Reads every pixel in windows of 1024 x 1024 and says megabytes of pixels a second of processor time.

#![allow(clippy::print_stdout)]

use swathe_core::{Result, Scratch, Size, Sweep, TileBuffer, Window};
use swathe_io::{OpenOptions, open};

fn main() -> Result<()> {
    for path in std::env::args().skip(1) {
        let source = open(&path, &OpenOptions::default())?;
        let info = source.info();
        let tile = Size::new(1024.min(info.size.width), 1024.min(info.size.height));
        source.plan_cache(Sweep { tile, need: tile, stripe: None }, 1, 256 << 20);
        let mut buffer = TileBuffer::with_capacity(0);
        let mut scratch = Scratch::with_capacity(source.scratch_bytes(tile));
        let begin = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        for y in (0..info.size.height).step_by(tile.height) {
            for x in (0..info.size.width).step_by(tile.width) {
                let size =
                    Size::new(tile.width.min(info.size.width - x), tile.height.min(info.size.height - y));
                buffer.reset(Window::new(x as i64, y as i64, size.width, size.height), info.kind());
                source.read(&mut buffer.view_mut(), &mut scratch.frame())?;
            }
        }
        let end = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        let seconds = (end.tv_sec - begin.tv_sec) as f64 + (end.tv_nsec - begin.tv_nsec) as f64 * 1e-9;
        let megabytes = info.pixel_bytes()? as f64 / 1e6;
        println!("{path}: {:.0} MB/s, {}", megabytes / seconds, source.method());
    }
    Ok(())
}
