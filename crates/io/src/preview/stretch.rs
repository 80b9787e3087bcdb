//! From means to grey levels.

use swathe_core::Size;

use super::{Channels, Picture};

/// What becomes black and what white.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Levels {
    /// 0 and 255.
    AsTheyAre,
    /// These percentiles, 0 to 100, of each channel.
    Percentiles([f64; 2]),
}

/// Paints means, channel after channel, `NaN` for no data. A pixel without data in any channel is transparent.
pub(super) fn paint(size: Size, means: &[f64], levels: Levels) -> Picture {
    let planes: Vec<&[f64]> = means.chunks_exact(size.pixels()).collect();
    let ranges: Vec<[f64; 2]> = planes
        .iter()
        .map(|plane| match levels {
            Levels::AsTheyAre => [0.0, 255.0],
            Levels::Percentiles(percentiles) => range_of(plane, percentiles),
        })
        .collect();
    let hole = |pixel: usize| planes.iter().any(|plane| plane[pixel].is_nan());
    let channels = Channels::new(planes.len() == 3, (0..size.pixels()).any(hole));
    let mut pixels = Vec::with_capacity(size.pixels() * channels.count());
    for pixel in 0..size.pixels() {
        let hole = hole(pixel);
        for (plane, &range) in planes.iter().zip(&ranges) {
            pixels.push(if hole { 0 } else { level(plane[pixel], range) });
        }
        if channels.alpha() {
            pixels.push(if hole { 0 } else { u8::MAX });
        }
    }
    Picture { size, channels, pixels }
}

/// The grey level of a value between black and white; the middle one where both are the same.
fn level(value: f64, [low, high]: [f64; 2]) -> u8 {
    // Halves, since the difference of the extremes of `f64` is infinite.
    let span = high * 0.5 - low * 0.5;
    if span > 0.0 { ((value * 0.5 - low * 0.5) / span * 255.0).round() as u8 } else { 128 }
}

/// Two percentiles of the values that are numbers, interpolated linearly as numpy does.
fn range_of(plane: &[f64], percentiles: [f64; 2]) -> [f64; 2] {
    let mut values: Vec<f64> = plane.iter().copied().filter(|value| !value.is_nan()).collect();
    if values.is_empty() {
        return [0.0, 0.0];
    }
    percentiles.map(|percentile| {
        let place = percentile / 100.0 * (values.len() - 1) as f64;
        let below = place.floor() as usize;
        let (_, &mut low, above) = values.select_nth_unstable_by(below, f64::total_cmp);
        let high = above.iter().copied().min_by(f64::total_cmp).unwrap_or(low);
        let share = place - below as f64;
        if share > 0.0 { low * (1.0 - share) + high * share } else { low }
    })
}
