//! The table of a raster of labels: a line for each label, in their order.

use std::fmt::Write;

use swathe_core::{Beside, Error, GeoTransform, Result, Scalar, TileView};
use swathe_io::EntryFile;
use swathe_operators::scan::{Region, Regions};

/// Names of the columns.
const HEADING: &str = "label,area,x,y,width,height,centroid_x,centroid_y,map_x,map_y,sum,mean\n";

/// Area, bounding box, centroid and the sum of values of every label, as comma-separated values.
pub(crate) struct RegionTable {
    regions: Regions,
    transform: Option<GeoTransform>,
    file: EntryFile,
}

/// A region without its label, as it is kept.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Entry {
    area: u64,
    columns: [u32; 2],
    rows: [u32; 2],
    centroid: [f64; 2],
    sum: Scalar,
}

impl Entry {
    const BYTES: usize = 64;

    fn of(region: Region) -> Self {
        let Region { area, columns, rows, centroid, sum, .. } = region;
        Entry { area, columns, rows, centroid, sum }
    }

    fn bytes(self) -> [u8; Entry::BYTES] {
        let [left, right] = self.columns.map(u64::from);
        let [top, bottom] = self.rows.map(u64::from);
        let [x, y] = self.centroid.map(f64::to_bits);
        let (kind, low, high) = match self.sum {
            Scalar::Integer(sum) => (0, sum as u64, (sum >> 64) as u64),
            Scalar::Float(sum) => (1, sum.to_bits(), 0),
        };
        let places = [left | right << 32, top | bottom << 32];
        let words = [self.area, places[0], places[1], x, y, kind, low, high].map(u64::to_le_bytes);
        std::array::from_fn(|place| words[place / 8][place % 8])
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        let word = |place: usize| {
            let bytes = &bytes[8 * place..8 * (place + 1)];
            bytes.iter().rev().fold(0_u64, |word, &byte| word << 8 | u64::from(byte))
        };
        let halves = |word: u64| [word as u32, (word >> 32) as u32];
        Entry {
            area: word(0),
            columns: halves(word(1)),
            rows: halves(word(2)),
            centroid: [word(3), word(4)].map(f64::from_bits),
            sum: match word(5) {
                0 => Scalar::Integer(i128::from(word(7) as i64) << 64 | i128::from(word(6))),
                _ => Scalar::Float(f64::from_bits(word(6))),
            },
        }
    }

    fn line(self, label: u64, transform: Option<GeoTransform>, text: &mut String) {
        let Entry { area, columns, rows, centroid: [x, y], sum } = self;
        let [width, height] = [columns, rows].map(|[first, last]| last - first + 1);
        // Writing to a string cannot fail.
        let _ = write!(text, "{label},{area},{},{},{width},{height},{x},{y},", columns[0], rows[0]);
        let _ = match transform.map(|transform| transform.apply(x + 0.5, y + 0.5)) {
            Some((map_x, map_y)) => write!(text, "{map_x},{map_y},"),
            None => write!(text, ",,"),
        };
        let _ = match sum {
            Scalar::Integer(sum) => writeln!(text, "{sum},{}", sum as f64 / area as f64),
            Scalar::Float(sum) => writeln!(text, "{sum},{}", sum / area as f64),
        };
    }
}

impl RegionTable {
    /// Bytes that a region takes in `file`.
    pub(crate) const ENTRY_BYTES: usize = Entry::BYTES;

    pub(crate) fn new(regions: Regions, transform: Option<GeoTransform>, file: EntryFile) -> Self {
        RegionTable { regions, transform, file }
    }
}

impl Beside for RegionTable {
    fn resident_bytes(&self) -> usize {
        self.regions.resident_bytes().saturating_add(self.file.resident_bytes())
    }

    fn begin(&mut self) -> Result<()> {
        self.file.begin()
    }

    fn add(&mut self, input: &TileView<'_>, output: &TileView<'_>) -> Result<()> {
        let RegionTable { regions, file, .. } = self;
        regions.add(input, output, |region| file.put(u64::from(region.label), &Entry::of(region).bytes()))
    }

    fn complete(&mut self) -> Result<()> {
        let RegionTable { regions, transform, file } = self;
        regions.end(|region| file.put(u64::from(region.label), &Entry::of(region).bytes()))?;
        file.write(HEADING, |label, bytes, text| {
            let entry = Entry::from_bytes(bytes);
            if entry.area == 0 {
                return Err(Error::bug(format!("no pixel has the label {label}")));
            }
            entry.line(label, *transform, text);
            Ok(())
        })
    }

    fn publish(&mut self, flush: bool) -> Result<()> {
        self.file.publish(flush)
    }

    fn withdraw(&mut self) {
        self.file.withdraw();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_and_are_lines() {
        let entry = |sum| Entry {
            area: 1 << 40,
            columns: [3, u32::MAX - 1],
            rows: [7, 7],
            centroid: [3.25, 7.0],
            sum,
        };
        let sums = [0, -1, 1 << 70, -(1 << 100) - 5].map(Scalar::Integer);
        for sum in sums.into_iter().chain([-0.1, f64::INFINITY].map(Scalar::Float)) {
            assert_eq!(Entry::from_bytes(&entry(sum).bytes()), entry(sum));
        }
        let mut text = String::new();
        let transform = GeoTransform([100.0, 10.0, 0.0, 500.0, 0.0, -10.0]);
        let entry = |sum| Entry { area: 2, columns: [3, 4], rows: [7, 7], centroid: [3.5, 7.0], sum };
        entry(Scalar::Integer(-5)).line(1, Some(transform), &mut text);
        entry(Scalar::Float(0.25)).line(2, None, &mut text);
        assert_eq!(text, "1,2,3,7,2,1,3.5,7,140,425,-5,-2.5\n2,2,3,7,2,1,3.5,7,,,0.25,0.125\n");
    }
}
