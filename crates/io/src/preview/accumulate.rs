//! Means of boxes of pixels, a few rows of boxes at a time.

use std::ops::Range;

use swathe_core::{NodataPolicy, RasterInfo, Sample, TileView, Validity};

use super::{Channel, Shown, labels};

/// Most columns or rows of a box that are looked at.
pub(super) const LOOKED_AT: usize = 16;

/// The boxes along one axis: `length` pixels from `start` on, reduced to `count` boxes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    pub(super) start: i64,
    pub(super) length: usize,
    pub(super) count: usize,
}

impl Axis {
    /// The pixels of box `index` that are looked at: the middle ones of a large box, at least one of a small one.
    pub(super) fn sampled(self, index: usize) -> Range<i64> {
        let border = |index: usize| (index as u128 * self.length as u128 / self.count as u128) as i64;
        let start = border(index);
        let end = border(index + 1).max(start + 1);
        let spare = (end - start - LOOKED_AT as i64).max(0);
        let first = start + spare / 2;
        self.start + first..self.start + first + (end - start).min(LOOKED_AT as i64)
    }

    /// The boxes among which those that hold pixel `position` are.
    pub(super) fn boxes_at(self, position: i64) -> Range<usize> {
        let offset = (position - self.start) as u128;
        let (length, count) = (self.length as u128, self.count as u128);
        // Box `index` begins at floor(index * length / count), which is solved for the index.
        (offset * count / length) as usize..((offset + 1) * count).div_ceil(length) as usize
    }
}

/// Sums and counts of one row of boxes, channel after channel.
#[derive(Clone, Debug)]
pub(super) struct Sums {
    sums: Vec<f64>,
    counts: Vec<u32>,
}

impl Sums {
    pub(super) fn new(columns: usize, channels: usize) -> Self {
        Sums { sums: vec![0.0; columns * channels], counts: vec![0; columns * channels] }
    }

    /// Adds row `y` (counted from its top) of a tile to the boxes that look at `columns`; those before `first` lie
    /// to the west of the tile.
    pub(super) fn add_row<T: Sample>(
        &mut self,
        info: &RasterInfo,
        channels: &[Channel],
        (tile, y): (&TileView<'_>, usize),
        (columns, first): (&[Range<i64>], usize),
        valid: &mut [u8],
    ) {
        let validity = Validity::<T>::new(info, NodataPolicy::Ignore);
        let window = tile.window();
        for (index, channel) in channels.iter().enumerate() {
            validity.fill_row(tile, channel.band, y, valid);
            let row = tile.row::<T>(channel.band, y);
            for (column, sampled) in columns.iter().enumerate().skip(first) {
                if sampled.start >= window.x_end() {
                    break;
                }
                let start = (sampled.start.max(window.x) - window.x) as usize;
                let end = (sampled.end.min(window.x_end()) - window.x).max(start as i64) as usize;
                let (sum, count) = add_samples(&row[start..end], &valid[start..end], channel);
                let place = index * columns.len() + column;
                self.sums[place] += sum;
                self.counts[place] += count;
            }
        }
    }

    /// The means, channel after channel, `NaN` where there is no data; everything is 0 afterwards.
    pub(super) fn take_means(&mut self) -> impl Iterator<Item = f64> + '_ {
        self.sums.iter_mut().zip(&mut self.counts).map(|(sum, count)| {
            let (sum, count) = (std::mem::take(sum), std::mem::take(count));
            if count == 0 { f64::NAN } else { sum / f64::from(count) }
        })
    }
}

fn add_samples<T: Sample>(row: &[T], valid: &[u8], channel: &Channel) -> (f64, u32) {
    let (mut sum, mut count) = (0.0, 0);
    for (&sample, &valid) in row.iter().zip(valid) {
        let value = sample.to_f64();
        let value = match &channel.shown {
            Shown::Value => value,
            // An index past the table's end is no colour.
            Shown::Index(table) => table.get(value as usize).copied().unwrap_or(f64::NAN),
            Shown::Label(part) => labels::colour(value)[*part],
        };
        if valid != 0 && value.is_finite() {
            sum += value;
            count += 1;
        }
    }
    (sum, count)
}
