//! The plain patterns: white noise and ramps.

use swathe_core::{Sample, SampleType, TileMut};

use super::hash::{HashRow, key};

/// Fills a tile with white noise: integers over their whole range, floats from 0 to 1 with all bits of their mantissa.
pub(super) fn noise(seed: u64, tile: &mut TileMut<'_>) {
    let row = |band: usize, y: i64| {
        let field = 2000 + 2 * band as u64;
        [HashRow::new(key(seed, field), y), HashRow::new(key(seed, field + 1), y)]
    };
    let word =
        |rows: &[HashRow; 2], x: i64| u64::from(rows[0].at(x as u32)) << 32 | u64::from(rows[1].at(x as u32));
    // The types of up to 32 bits look at one hash only; the other is then not computed.
    match tile.sample_type() {
        SampleType::U8 => fill(tile, row, |rows, x| rows[0].at(x as u32) as u8),
        SampleType::I8 => fill(tile, row, |rows, x| rows[0].at(x as u32) as i8),
        SampleType::U16 => fill(tile, row, |rows, x| rows[0].at(x as u32) as u16),
        SampleType::I16 => fill(tile, row, |rows, x| rows[0].at(x as u32) as i16),
        SampleType::U32 => fill(tile, row, |rows, x| rows[0].at(x as u32)),
        SampleType::I32 => fill(tile, row, |rows, x| rows[0].at(x as u32) as i32),
        SampleType::U64 => fill(tile, row, word),
        SampleType::I64 => fill(tile, row, |rows, x| word(rows, x) as i64),
        SampleType::F32 => fill(tile, row, |rows, x| (rows[0].at(x as u32) >> 8) as f32 / 16_777_216.0),
        SampleType::F64 => {
            fill(tile, row, |rows, x| (word(rows, x) >> 11) as f64 / 9_007_199_254_740_992.0);
        }
    }
}

/// Fills a tile with `column + row + 16 * band`, modulo 2^bits of the non-negative numbers that the type counts exactly:
/// 7, 15, 31 and 63 bits signed, 8, 16, 32 and 64 unsigned, 24 and 53 in floats.
pub(super) fn ramp(tile: &mut TileMut<'_>) {
    let row = |band: usize, y: i64| y as u64 + 16 * band as u64;
    match tile.sample_type() {
        SampleType::U8 => fill(tile, row, |start, x| (start + x as u64) as u8),
        SampleType::I8 => fill(tile, row, |start, x| (start + x as u64) as i8 & i8::MAX),
        SampleType::U16 => fill(tile, row, |start, x| (start + x as u64) as u16),
        SampleType::I16 => fill(tile, row, |start, x| (start + x as u64) as i16 & i16::MAX),
        SampleType::U32 => fill(tile, row, |start, x| (start + x as u64) as u32),
        SampleType::I32 => fill(tile, row, |start, x| (start + x as u64) as i32 & i32::MAX),
        SampleType::U64 => fill(tile, row, |start, x| start + x as u64),
        SampleType::I64 => fill(tile, row, |start, x| (start + x as u64) as i64 & i64::MAX),
        SampleType::F32 => fill(tile, row, |start, x| ((start + x as u64) & 0x00FF_FFFF) as f32),
        SampleType::F64 => fill(tile, row, |start, x| (start + x as u64) as f64),
    }
}

/// Fills each row from what `prepare` makes of band and row, and `value` of that and the column.
fn fill<T: Sample, R>(
    tile: &mut TileMut<'_>,
    prepare: impl Fn(usize, i64) -> R,
    value: impl Fn(&R, i64) -> T,
) {
    let window = tile.window();
    for band in 0..tile.bands() {
        for y in 0..window.height {
            let prepared = prepare(band, window.y + y as i64);
            for (sample, x) in tile.row_mut::<T>(band, y).iter_mut().zip(window.x..) {
                *sample = value(&prepared, x);
            }
        }
    }
}
