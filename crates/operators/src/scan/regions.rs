//! What every label of a raster of labels covers: area, bounding box, centroid and the sum of a raster's values, row by row in
//! bounded memory.
//!
//! A region reaches from its first row to its last without a gap, and labels follow the order of first pixels. So only the regions
//! of the row before are held; whatever does not go on in a row is complete.

use std::collections::HashMap;

use swathe_core::{Error, Result, Sample, SampleType, Scalar, TileView, with_sample};

use crate::reduce::compensated::Compensated;

/// What a label covers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Region {
    /// The label.
    pub label: u32,
    /// Its pixels.
    pub area: u64,
    /// First and last column.
    pub columns: [u32; 2],
    /// First and last row.
    pub rows: [u32; 2],
    /// The mean of its pixels' columns and rows, counted from the middle of the first.
    pub centroid: [f64; 2],
    /// The sum of its pixels' values: exact for integers, compensated for real numbers, in the order of rows and columns.
    pub sum: Scalar,
}

/// A sum of values.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sum {
    Whole(i128),
    Real(Compensated),
}

impl Sum {
    fn of_type(sample_type: SampleType) -> Self {
        if sample_type.is_float() { Sum::Real(Compensated::default()) } else { Sum::Whole(0) }
    }

    fn add<T: Sample>(&mut self, samples: &[T]) {
        match self {
            Sum::Whole(sum) => {
                let whole = |sample: &T| match sample.to_scalar() {
                    Scalar::Integer(integer) => integer,
                    Scalar::Float(float) => float as i128,
                };
                *sum += samples.iter().map(whole).sum::<i128>();
            }
            Sum::Real(sum) => samples.iter().for_each(|sample| sum.add(sample.to_f64())),
        }
    }

    fn scalar(self) -> Scalar {
        match self {
            Sum::Whole(sum) => Scalar::Integer(sum),
            Sum::Real(sum) => Scalar::Float(sum.value()),
        }
    }
}

/// Pixels of a row that lie side by side and have a label.
struct Run<'a, T> {
    label: u32,
    row: u32,
    start: usize,
    samples: &'a [T],
}

/// A region that may go on.
#[derive(Clone, Copy, Debug)]
struct Open {
    label: u32,
    area: u64,
    columns: [u32; 2],
    rows: [u32; 2],
    /// Of the pixels' columns and rows.
    sums: [u128; 2],
    sum: Sum,
}

impl Open {
    fn new<T: Sample>(run: &Run<'_, T>) -> Self {
        let Run { label, row, .. } = *run;
        let sum = Sum::of_type(T::TYPE);
        let mut open = Open { label, area: 0, columns: [u32::MAX, 0], rows: [row, row], sums: [0, 0], sum };
        open.add(run);
        open
    }

    fn add<T: Sample>(&mut self, run: &Run<'_, T>) {
        let Run { row, start, samples, .. } = *run;
        let (count, end) = (samples.len() as u64, start + samples.len());
        self.area += count;
        self.columns = [self.columns[0].min(start as u32), self.columns[1].max(end as u32 - 1)];
        self.rows[1] = row;
        self.sums[0] += u128::from(count) * (start + end - 1) as u128 / 2;
        self.sums[1] += u128::from(count) * u128::from(row);
        self.sum.add(samples);
    }

    fn region(&self) -> Region {
        let Open { label, area, columns, rows, sums, sum } = *self;
        let centroid = sums.map(|sum| sum as f64 / area as f64);
        Region { label, area, columns, rows, centroid, sum: sum.scalar() }
    }
}

/// The regions of a raster of labels, as its rows come.
#[derive(Clone, Debug)]
pub struct Regions {
    width: usize,
    open: Vec<Open>,
    /// Places in `open` that are free.
    free: Vec<u32>,
    /// Places in `open` that are taken.
    taken: Vec<u32>,
    /// For each pixel of the row before, one more than its region's place in `open`; 0 where there is none.
    above: Vec<u32>,
    /// Where in `open` a label is.
    places: HashMap<u32, u32>,
}

impl Regions {
    /// Of a raster so wide.
    pub fn new(width: usize) -> Self {
        Regions {
            width,
            open: Vec::new(),
            free: Vec::new(),
            taken: Vec::new(),
            above: vec![0; width],
            places: HashMap::new(),
        }
    }

    /// The most bytes that it holds: a region for each pixel of a row, and one for each of the next.
    pub fn resident_bytes(&self) -> usize {
        // A table of labels is half empty when it has just grown, and is there twice while it grows.
        let label = 4 * (2 * size_of::<u32>() + 1);
        let most = 2 * (size_of::<Open>() + 3 * size_of::<u32>()) + label;
        self.width.saturating_mul(2 * most + size_of::<u32>())
    }

    /// Takes the rows of a tile of values and of their labels, as wide as the raster, below those of the tile before; regions
    /// that end are told to `done`.
    ///
    /// # Errors
    /// Whatever `done` says; Bug, where the raster is wider than it was to be.
    pub fn add(
        &mut self,
        values: &TileView<'_>,
        labels: &TileView<'_>,
        mut done: impl FnMut(Region) -> Result<()>,
    ) -> Result<()> {
        let window = labels.window();
        if window.width != self.width || values.window() != window {
            return Err(Error::bug(format!("regions of {} columns in a tile of {window}", self.width)));
        }
        with_sample!(values.kind().sample_type, T => {
            for y in 0..window.height {
                let row = (window.y + y as i64) as u32;
                self.add_row(row, labels.row(0, y), values.row::<T>(0, y), &mut done)?;
            }
        });
        Ok(())
    }

    /// Tells the regions that reach to the last row.
    ///
    /// # Errors
    /// Whatever `done` says.
    pub fn end(&mut self, mut done: impl FnMut(Region) -> Result<()>) -> Result<()> {
        self.taken.drain(..).try_for_each(|place| done(self.open[place as usize].region()))
    }

    fn add_row<T: Sample>(
        &mut self,
        row: u32,
        labels: &[u32],
        samples: &[T],
        done: &mut impl FnMut(Region) -> Result<()>,
    ) -> Result<()> {
        let mut start = 0;
        while start < labels.len() {
            let label = labels[start];
            let length = labels[start..].iter().position(|&other| other != label);
            let end = length.map_or(labels.len(), |length| start + length);
            let run = Run { label, row, start, samples: &samples[start..end] };
            let place = if label == 0 { 0 } else { self.add_run(&run) + 1 };
            self.above[start..end].fill(place);
            start = end;
        }
        let Regions { open, free, taken, places, .. } = self;
        let mut outcome = Ok(());
        taken.retain(|&place| {
            let region = &open[place as usize];
            let goes_on = region.rows[1] == row;
            if !goes_on {
                places.remove(&region.label);
                free.push(place);
                if outcome.is_ok() {
                    outcome = done(region.region());
                }
            }
            goes_on
        });
        outcome
    }

    /// Adds a run of pixels to its region, and returns where that is.
    fn add_run<T: Sample>(&mut self, run: &Run<'_, T>) -> u32 {
        // Mostly the pixel above belongs to it too; else it may have another arm.
        let label = run.label;
        let above = self.above[run.start].checked_sub(1).filter(|&at| self.open[at as usize].label == label);
        if let Some(place) = above.or_else(|| self.places.get(&label).copied()) {
            self.open[place as usize].add(run);
            return place;
        }
        let region = Open::new(run);
        let place = self.free.pop().unwrap_or(self.open.len() as u32);
        match self.open.get_mut(place as usize) {
            Some(open) => *open = region,
            None => self.open.push(region),
        }
        self.taken.push(place);
        self.places.insert(label, place);
        place
    }
}

#[cfg(test)]
mod tests {
    use swathe_core::{Size, TileBuffer, TileKind, Window};

    use super::*;

    const KIND: TileKind = TileKind { bands: 1, sample_type: SampleType::U32, mask: false };

    fn found(labels: &[&[u32]], rows: usize) -> Vec<Region> {
        let size = Size::new(labels[0].len(), labels.len());
        let (mut regions, mut found) = (Regions::new(size.width), Vec::new());
        for (number, part) in labels.chunks(rows).enumerate() {
            let window = Window::new(0, (number * rows) as i64, size.width, part.len());
            let mut tile = TileBuffer::new(window, KIND);
            for (y, row) in part.iter().enumerate() {
                tile.view_mut().row_mut::<u32>(0, y).copy_from_slice(row);
            }
            regions
                .add(&tile.view(), &tile.view(), |region| {
                    found.push(region);
                    Ok(())
                })
                .unwrap();
        }
        regions
            .end(|region| {
                found.push(region);
                Ok(())
            })
            .unwrap();
        found.sort_by_key(|region| region.label);
        found
    }

    #[test]
    fn arms_that_meet_further_down_are_one_region() {
        let labels: [&[u32]; 4] = [&[1, 0, 2, 0, 1], &[1, 0, 0, 0, 1], &[1, 1, 1, 1, 1], &[0, 0, 3, 0, 1]];
        let expected = [
            Region {
                label: 1,
                area: 10,
                columns: [0, 4],
                rows: [0, 3],
                centroid: [2.2, 1.5],
                sum: Scalar::Integer(10),
            },
            Region {
                label: 2,
                area: 1,
                columns: [2, 2],
                rows: [0, 0],
                centroid: [2.0, 0.0],
                sum: Scalar::Integer(2),
            },
            Region {
                label: 3,
                area: 1,
                columns: [2, 2],
                rows: [3, 3],
                centroid: [2.0, 3.0],
                sum: Scalar::Integer(3),
            },
        ];
        for rows in 1..=4 {
            assert_eq!(found(&labels, rows), expected);
        }
    }

    #[test]
    fn memory_is_that_of_two_rows() {
        // A chessboard: every pixel of every second row is a region of its own.
        let (width, height) = (64, 500);
        let mut next = 0;
        let labels: Vec<Vec<u32>> = (0..height)
            .map(|y| {
                (0..width)
                    .map(|x| {
                        if (x + y) % 2 == 0 {
                            next += 1;
                            next
                        } else {
                            0
                        }
                    })
                    .collect()
            })
            .collect();
        let rows: Vec<&[u32]> = labels.iter().map(Vec::as_slice).collect();
        let mut regions = Regions::new(width);
        let mut tile = TileBuffer::new(Window::new(0, 0, width, height), KIND);
        for (y, row) in rows.iter().enumerate() {
            tile.view_mut().row_mut::<u32>(0, y).copy_from_slice(row);
        }
        let mut count = 0;
        regions
            .add(&tile.view(), &tile.view(), |region| {
                count += region.area;
                Ok(())
            })
            .unwrap();
        regions
            .end(|region| {
                count += region.area;
                Ok(())
            })
            .unwrap();
        assert_eq!(count, u64::from(next));
        assert!(regions.open.len() <= width, "{}", regions.open.len());
    }
}
