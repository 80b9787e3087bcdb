//! Reads TIFFs that GDAL wrote, types by codecs by predictors by layouts by byte orders, and compares byte for byte.
//!
//! `fixtures/tiff/make_matrix.py` made them; `SWATHE_TIFF_MATRIX` may name a folder with the full product.

#![allow(clippy::unwrap_used)]

mod reading;

use std::path::PathBuf;

use reading::{samples, samples_in_two, scratch_file};
use swathe_core::Size;
use swathe_io::{AccessMethod, OpenOptions, open};

/// The greatest difference of two rows of bytes, sample for sample.
fn greatest_difference(own: &[u8], expected: &[u8]) -> u8 {
    own.iter().zip(expected).map(|(own, expected)| own.abs_diff(*expected)).max().unwrap_or(0)
}

#[test]
fn what_gdal_writes_is_read_byte_for_byte() {
    assert!(read_all("matrix") > 300);
}

/// Types of tags, tables and layouts that GDAL and tifffile read and neither writes.
#[test]
fn what_is_put_together_by_hand_is_read_byte_for_byte() {
    assert!(read_all("by_hand") > 200);
}

/// Reads every file of a fixture in both ways; how many readings that were.
fn read_all(fixture: &str) -> usize {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/tiff");
    let folder = std::env::var_os("SWATHE_TIFF_MATRIX").map_or(beside, PathBuf::from);
    let table = std::fs::read_to_string(folder.join(format!("{fixture}.tsv"))).unwrap();
    let matrix = std::fs::read(folder.join(format!("{fixture}.bin"))).unwrap();
    let place = tempfile::tempdir().unwrap();
    let (mut faults, mut count) = (Vec::new(), 0);
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let fields = line.split('\t').collect::<Vec<_>>();
        let [name, at, length, width, height, bands, sample_type, pixels, tolerance] = fields[..] else {
            panic!("{line}");
        };
        let number = |text: &str| text.parse::<usize>().unwrap();
        let (at, pixels, size) = (number(at), number(pixels), Size::new(number(width), number(height)));
        let path = scratch_file(place.path(), &matrix[at..at + number(length)]);
        for access in [AccessMethod::Mmap, AccessMethod::Pread] {
            count += 1;
            let options = OpenOptions { access: Some(access), ..OpenOptions::default() };
            // Windows that fall on no block's edge, one of the whole raster, blocks, and rows of blocks, which may be read straight.
            let read = open(&path, &options).and_then(|source| {
                let info = source.info();
                assert_eq!((info.size, info.bands), (size, number(bands)), "{name}");
                assert_eq!(info.sample_type.name(), sample_type, "{name}");
                let parts = samples(source.as_ref(), Size::new(9, 7))?;
                let block = source.block();
                for step in [size, block, Size::new(block.width, 5)] {
                    assert_eq!(parts, samples(source.as_ref(), step)?, "{name}: windows of {step} differ");
                }
                // What begins inside a block and ends with it.
                for left in [1, 5] {
                    let step = Size::new(block.width, size.height);
                    let halves = samples_in_two(source.as_ref(), step, left)?;
                    assert!(parts == halves, "{name}: windows behind {left} differ");
                }
                Ok(parts)
            });
            match read {
                Ok(own) => {
                    let difference = greatest_difference(&own, &matrix[pixels..pixels + own.len()]);
                    if usize::from(difference) > number(tolerance) {
                        faults.push(format!("{name}: {access:?}: bytes differ by up to {difference}"));
                    }
                }
                Err(error) => faults.push(format!("{name}: {access:?}: {error}")),
            }
        }
    }
    assert!(faults.is_empty(), "{} of {count} readings:\n{}", faults.len(), faults.join("\n"));
    count
}

/// Reads pixel and validity of a small RGBA file that is written by hand.
#[test]
fn alpha_says_what_holds_data() {
    let place = tempfile::tempdir().unwrap();
    // Two pixels: the first opaque, the second transparent.
    let entries: [(u16, u16, u32, u32); 10] = [
        (256, 3, 1, 2),
        (257, 3, 1, 1),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 2),
        (273, 4, 1, 134),
        (277, 3, 1, 4),
        (278, 3, 1, 1),
        (279, 4, 1, 8),
        (338, 3, 1, 2),
    ];
    let mut bytes = b"II\x2a\0\x08\0\0\0\x0a\0".to_vec();
    for (tag, field_type, count, value) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(field_type.to_le_bytes());
        bytes.extend(count.to_le_bytes());
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend([0; 4]);
    assert_eq!(bytes.len(), 134);
    bytes.extend([10, 20, 30, 255, 40, 50, 60, 0]);
    let path = scratch_file(place.path(), &bytes);
    let source = open(&path, &OpenOptions::default()).unwrap();
    assert!(source.info().mask);
    let mut tile = swathe_core::TileBuffer::new(source.info().window(), source.info().kind());
    let mut scratch = swathe_core::Scratch::with_capacity(source.scratch_bytes(source.info().size));
    source.read(&mut tile.view_mut(), &mut scratch.frame()).unwrap();
    let view = tile.view();
    assert_eq!(view.row::<u8>(0, 0), [10, 40]);
    assert_eq!(view.row::<u8>(3, 0), [255, 0]);
    assert_eq!(view.mask_row(0).unwrap(), [255, 0]);
}

/// Whatever its codec and layout, a file that lacks its last bytes is refused when it is opened.
#[test]
fn a_file_cut_short_at_any_byte_is_refused_at_open() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/tiff");
    let table = std::fs::read_to_string(folder.join("matrix.tsv")).unwrap();
    let matrix = std::fs::read(folder.join("matrix.bin")).unwrap();
    // Memory rather than a disk: thousands of files are written.
    let memory = PathBuf::from("/dev/shm");
    let place = tempfile::tempdir_in(if memory.is_dir() { memory } else { std::env::temp_dir() }).unwrap();
    let mut accepted = Vec::new();
    for (number, line) in table.lines().filter(|line| !line.starts_with('#')).enumerate() {
        let fields = line.split('\t').collect::<Vec<_>>();
        let (at, length): (usize, usize) = (fields[1].parse().unwrap(), fields[2].parse().unwrap());
        let whole = &matrix[at..at + length];
        // Every byte of some files, and the ends of all.
        let lengths = if number % 30 == 0 { 8..length } else { length.saturating_sub(3)..length };
        for length in lengths {
            let path = scratch_file(place.path(), &whole[..length]);
            match open(&path, &OpenOptions::default()) {
                Ok(_) => accepted.push(format!("{} cut to {length} of {}", fields[0], whole.len())),
                Err(error) => assert_eq!(error.kind(), swathe_core::ErrorKind::Damaged, "{error}"),
            }
        }
    }
    assert!(accepted.is_empty(), "{} openings:\n{}", accepted.len(), accepted.join("\n"));
}
