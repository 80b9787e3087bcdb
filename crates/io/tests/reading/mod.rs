//! Reads whole rasters window by window, for tests and fuzz targets.

// Every test uses some of it.
#![allow(dead_code, unreachable_pub)]

use std::ops::Range;
use std::path::Path;

use swathe_core::{Error, ErrorKind, Result, Scratch, Size, Source, TileBuffer, Window};
use swathe_io::{OpenOptions, open};

/// Every sample in the order band, row, column, native byte order, read in windows of `step`.
///
/// # Errors
/// What the source returns.
pub fn samples(source: &dyn Source, step: Size) -> Result<Vec<u8>> {
    samples_in_two(source, step, 0)
}

/// The same, where each window is read in two, of which the left one has `left` columns.
///
/// # Errors
/// What the source returns.
pub fn samples_in_two(source: &dyn Source, step: Size, left: usize) -> Result<Vec<u8>> {
    let info = source.info().clone();
    let (size, bytes) = (info.size, info.sample_type.size());
    let plane = size.pixels() * bytes;
    let mut samples = vec![0_u8; plane * info.bands];
    let (mut scratch, mut tile) = (Scratch::default(), TileBuffer::with_capacity(0));
    let step = Size::new(step.width.min(size.width), step.height.min(size.height));
    let windows = (0..size.width).step_by(step.width).flat_map(|x| {
        let (middle, end) = ((x + left).min(size.width), (x + step.width).min(size.width));
        [x..middle, middle..end]
    });
    let columns = windows.filter(|columns| !columns.is_empty()).collect::<Vec<_>>();
    for y in (0..size.height).step_by(step.height) {
        for &Range { start: x, end } in &columns {
            let (width, height) = (end - x, step.height.min(size.height - y));
            let window = Window::new(x as i64, y as i64, width, height);
            tile.reset(window, info.kind());
            scratch.reserve(source.scratch_bytes(window.size()));
            source.read(&mut tile.view_mut(), &mut scratch.frame())?;
            for band in 0..info.bands {
                for line in 0..height {
                    let start = band * plane + ((y + line) * size.width + x) * bytes;
                    samples[start..start + width * bytes].copy_from_slice(tile.view().row_bytes(band, line));
                }
            }
        }
    }
    Ok(samples)
}

/// Writes bytes to a file in a folder, over what was there, and names it.
pub fn scratch_file(folder: &Path, bytes: &[u8]) -> String {
    let path = folder.join("case.tif");
    std::fs::write(&path, bytes).expect("a file in a temporary folder");
    path.to_str().expect("a path in UTF-8").to_owned()
}

/// The most bytes that a plan would give to one file of a few kilobytes.
const MOST_BYTES: usize = 64 << 20;

/// Reads whatever a file holds, or a corner of it where it says to be large, as a run with little memory would.
///
/// # Errors
/// Of a kind that puts the blame on the file.
///
/// # Panics
/// If the error is of another kind: an input alone is never a bug, a usage error or a failure of the system.
pub fn read_whatever_it_is(path: &str) -> Result<usize> {
    blamed_on_the_file(open(path, &OpenOptions::default()).and_then(|source| read_corner(source.as_ref())))
}

/// Reads a corner of a raster, as a run with little memory would.
///
/// # Errors
/// As [`read_whatever_it_is`].
///
/// # Panics
/// As [`read_whatever_it_is`].
pub fn read_corner(source: &dyn Source) -> Result<usize> {
    let info = source.info();
    let side = |length: usize| length.min(300);
    let corner = Size::new(side(info.size.width), side(info.size.height));
    let window = Window::new(0, 0, corner.width, corner.height);
    assert!(source.details().len() < 64);
    assert!(source.stored_bytes(info.window()) < 1 << 40, "more than the file holds");
    let taken = source.scratch_bytes(corner).saturating_add(source.resident_bytes());
    if taken.saturating_add(info.kind().bytes(window)) > MOST_BYTES {
        return Err(Error::limit("needs more memory than a plan would give"));
    }
    let mut tile = TileBuffer::new(window, info.kind());
    let mut scratch = Scratch::with_capacity(source.scratch_bytes(corner));
    let read = source.read(&mut tile.view_mut(), &mut scratch.frame());
    blamed_on_the_file(read.and_then(|()| source.check_unchanged()).map(|()| corner.pixels()))
}

fn blamed_on_the_file<T>(read: Result<T>) -> Result<T> {
    if let Err(error) = &read {
        let blamed = matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Unsupported | ErrorKind::Limit);
        assert!(blamed, "an error of kind {:?}: {error}", error.kind());
    }
    read
}
