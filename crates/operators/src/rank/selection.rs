//! A statistic of a window by selection among its pixels: any type, any shape, any number of pixels without data.

use swathe_core::{Frame, NodataPolicy, ScratchSize, Size, TileMut};

use super::filter::{Band, Method, Settings};
use super::key::{Key, Keyed, key_of, sample_of};
use super::statistic::Statistic;

/// Gathers the values of each window, and selects.
pub(crate) struct Selection;

impl<T: Keyed> Method<T> for Selection {
    fn scratch(&self, size: ScratchSize, settings: &Settings<T>, output: Size) -> ScratchSize {
        size.with::<T::Key>(settings.footprint.count).with::<u8>(output.width)
    }

    fn nanoseconds(&self, settings: &Settings<T>) -> f64 {
        // `mode` of 5 x 5 takes 165 ns, and of 25 x 25 6100 ns.
        8.0 * settings.footprint.count as f64
    }

    fn run(&self, band: &Band<'_, T>, output: &mut TileMut<'_>, scratch: &mut Frame<'_>) {
        let taps = scratch.take::<T::Key>(band.settings.footprint.count);
        let valid = scratch.take::<u8>(band.ground.made.width);
        for y in 0..band.ground.made.height {
            let centre = band.ground.centre_flags(y);
            let row = output.row_mut::<T>(band.index, y);
            for (x, (sample, valid)) in row.iter_mut().zip(valid.iter_mut()).enumerate() {
                let value = select_at(band, x, y, centre.is_none_or(|flags| flags[x] != 0), taps);
                *valid = u8::from(value.is_some());
                *sample = value.unwrap_or_default();
            }
            band.finish_row(output, y, band.ground.flags.map(|_| &*valid));
        }
    }
}

/// The statistic of the window around one pixel, where it has one; `taps` has room for the whole window.
pub(crate) fn select_at<T: Keyed>(
    band: &Band<'_, T>,
    x: usize,
    y: usize,
    centre: bool,
    taps: &mut [T::Key],
) -> Option<T> {
    let count = if centre { gather(band, x, y, taps) } else { 0 };
    let enough = band.ground.policy != NodataPolicy::Propagate || count == taps.len();
    (enough && count > 0)
        .then(|| take(band.settings.statistic, &mut taps[..count], band.settings.footprint.count))
        .map(sample_of::<T>)
}

/// Puts the taps of a pixel that have data first into `taps`, and says how many they are.
fn gather<T: Keyed>(band: &Band<'_, T>, x: usize, y: usize, taps: &mut [T::Key]) -> usize {
    let (left, top) = band.ground.corner;
    let mut count = 0;
    for run in &band.settings.footprint.runs {
        let (x, y) = (x + left + run.x, y + top + run.y);
        let samples = &band.row(y)[x..][..run.length];
        if let Some(flags) = band.ground.flags_row(y) {
            for (&sample, &flag) in samples.iter().zip(&flags[x..]) {
                if flag != 0 {
                    taps[count] = key_of(sample);
                    count += 1;
                }
            }
        } else {
            for (tap, &sample) in taps[count..].iter_mut().zip(samples) {
                *tap = key_of(sample);
            }
            count += run.length;
        }
    }
    count
}

/// The statistic of at least one value.
fn take<K: Key>(statistic: Statistic, values: &mut [K], full: usize) -> K {
    match statistic {
        Statistic::Place(place) => {
            let place = place.among(values.len(), full);
            *values.select_nth_unstable(place).1
        }
        Statistic::Mode => mode(values),
    }
}

/// The value that occurs most often, the least of those where there are several.
fn mode<K: Key>(values: &mut [K]) -> K {
    values.sort_unstable();
    let mut best = &values[..1];
    for run in values.chunk_by(|a, b| a == b) {
        if run.len() > best.len() {
            best = run;
        }
    }
    best[0]
}
