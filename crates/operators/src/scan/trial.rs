//! Runs what goes both ways over small rasters in memory, in tiles of any height, for tests.

use swathe_core::{BothWays, Parameters, RasterInfo, Result, Size, TileBuffer, Value, Window};

use super::{BoundScan, find};
use crate::trial::TrialRaster;

/// Binds it to parameters as a trial writes them, `"connectivity=8 of=equal"`.
pub(super) fn bind(name: &str, text: &str, info: &RasterInfo) -> Result<Box<dyn BothWays>> {
    let spec = find(name).unwrap();
    let given = text.split_whitespace().map(|pair| {
        let (name, value) = pair.split_once('=').unwrap();
        (name.to_owned(), Value::Text(value.to_owned()))
    });
    match (spec.bind)(&Parameters::check(spec.parameters, given)?, info)? {
        BoundScan::BothWays { both, .. } => Ok(both),
        BoundScan::Down { .. } => panic!("`{name}` only goes down"),
    }
}

/// Both sweeps over tiles of so many rows; the result, and what was found.
pub(super) fn sweep(
    both: &dyn BothWays,
    raster: &TrialRaster,
    rows: usize,
) -> Result<(TrialRaster, Vec<(&'static str, u64)>)> {
    let mut handed = vec![0; both.handed_words()];
    both.start(&mut handed);
    sweep_from(both, raster, rows, handed)
}

/// As [`sweep`], where the second sweep begins with `handed`.
pub(super) fn sweep_from(
    both: &dyn BothWays,
    raster: &TrialRaster,
    rows: usize,
    mut handed: Vec<u64>,
) -> Result<(TrialRaster, Vec<(&'static str, u64)>)> {
    const GARBAGE: u64 = 0xfff9_c0de_7fc0_c0de;
    let info = both.output().clone();
    let Size { width, height } = info.size;
    let windows = (0..height)
        .step_by(rows)
        .map(|y| Window::new(0, y as i64, width, rows.min(height - y)))
        .collect::<Vec<_>>();
    let mut notes = Vec::new();
    let mut below = vec![0; both.handed_words()];
    both.start(&mut below);
    for window in windows.iter().rev() {
        let input = raster.pixels.view().crop(*window);
        let mut work = vec![GARBAGE; both.work_words(window.size())];
        let mut note = vec![u32::MAX - 1; both.note_length()];
        both.look(&input, &mut work)?;
        both.hand_up(&input, &mut work, &mut below, &mut note)?;
        notes.push(note);
    }
    let mut all = TileBuffer::new(info.window(), info.kind());
    for (window, note) in windows.iter().zip(notes.iter().rev()) {
        let input = raster.pixels.view().crop(*window);
        let mut work = vec![GARBAGE; both.work_words(window.size())];
        let mut output = TileBuffer::new(*window, info.kind());
        both.begin(note, &input, &mut output.view_mut(), &mut work)?;
        both.hand_down(&input, &output.view(), &mut work, &mut handed)?;
        both.complete(note, &input, &mut output.view_mut(), &mut work)?;
        all.view_mut().part(*window, *window).copy_from(&output.view());
    }
    Ok((TrialRaster { info, pixels: all }, both.found(&handed)))
}

/// Asserts that the tiles of a sweep do not show, and returns its result.
pub(super) fn sweep_anyhow(
    both: &dyn BothWays,
    raster: &TrialRaster,
) -> (TrialRaster, Vec<(&'static str, u64)>) {
    let height = raster.info.size.height;
    let (whole, found) = sweep(both, raster, height).unwrap();
    for rows in [1, 2, 3, 5, height - 1] {
        let (tiled, found_so) = sweep(both, raster, rows.max(1)).unwrap();
        assert_eq!(found, found_so, "tiles of {rows} rows");
        for band in 0..whole.info.bands {
            for y in 0..height {
                let (one, other) = (whole.pixels.view(), tiled.pixels.view());
                assert_eq!(one.row_bytes(band, y), other.row_bytes(band, y), "row {y}, tiles of {rows} rows");
            }
        }
    }
    (whole, found)
}
