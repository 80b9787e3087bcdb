//! The table of a raster of labels: a line for each label, in their order.

use std::fmt::Write;

use swathe_core::{Beside, Error, GeoTransform, Result, TileView};
use swathe_io::EntryFile;
use swathe_operators::scan::{Region, Regions};

/// Names of the columns.
const HEADING: &str = "label,area,x,y,width,height,centroid_x,centroid_y,map_x,map_y\n";

/// Area, bounding box and centroid of every label, as comma-separated values.
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
}

impl Entry {
    const BYTES: usize = 40;

    fn of(region: Region) -> Self {
        let Region { area, columns, rows, centroid, .. } = region;
        Entry { area, columns, rows, centroid }
    }

    fn bytes(self) -> [u8; Entry::BYTES] {
        let [left, right] = self.columns.map(u64::from);
        let [top, bottom] = self.rows.map(u64::from);
        let [x, y] = self.centroid.map(f64::to_bits);
        let words = [self.area, left | right << 32, top | bottom << 32, x, y].map(u64::to_le_bytes);
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
        }
    }

    fn line(self, label: u64, transform: Option<GeoTransform>, text: &mut String) {
        let Entry { area, columns, rows, centroid: [x, y] } = self;
        let [width, height] = [columns, rows].map(|[first, last]| last - first + 1);
        // Writing to a string cannot fail.
        let _ = write!(text, "{label},{area},{},{},{width},{height},{x},{y},", columns[0], rows[0]);
        let _ = match transform.map(|transform| transform.apply(x + 0.5, y + 0.5)) {
            Some((map_x, map_y)) => writeln!(text, "{map_x},{map_y}"),
            None => writeln!(text, ","),
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

    fn add(&mut self, tile: &TileView<'_>) -> Result<()> {
        let RegionTable { regions, file, .. } = self;
        regions.add(tile, |region| file.put(u64::from(region.label), &Entry::of(region).bytes()))
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_and_are_lines() {
        let entry = Entry { area: 1 << 40, columns: [3, u32::MAX - 1], rows: [7, 7], centroid: [3.25, 7.0] };
        assert_eq!(Entry::from_bytes(&entry.bytes()), entry);
        let mut text = String::new();
        let transform = GeoTransform([100.0, 10.0, 0.0, 500.0, 0.0, -10.0]);
        let entry = Entry { area: 2, columns: [3, 4], rows: [7, 7], centroid: [3.5, 7.0] };
        entry.line(1, Some(transform), &mut text);
        entry.line(2, None, &mut text);
        assert_eq!(text, "1,2,3,7,2,1,3.5,7,140,425\n2,2,3,7,2,1,3.5,7,,\n");
    }
}
