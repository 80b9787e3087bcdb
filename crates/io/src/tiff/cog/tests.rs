//! Smaller copies as GDAL makes them; `fixtures/overviews/make_overviews.py` made the figures.

use std::path::PathBuf;

use swathe_core::{
    Destination, Metadata, RasterInfo, SampleType, Scalar, Scratch, Size, TileBuffer, TileView, Window,
    with_sample,
};

use super::levels::Levels;
use super::reduce::{OverviewMethod, Reducer};
use super::{CogDestination, CogOptions, Overviews};
use crate::output::{Existing, OutputPlace, WriteBackRule, WriteMethod};
use crate::tiff::compress::{Compression, WritePredictor};
use crate::tiff::write::TiffLayout;

/// The level before as a whole, reduced.
fn whole(
    reducer: &Reducer,
    info: &RasterInfo,
    levels: &Levels,
    level: usize,
    before: &TileBuffer,
) -> TileBuffer {
    let mut target = TileBuffer::new(Window::whole(levels.size(level)), info.kind());
    let mut scratch = Scratch::with_capacity(reducer.scratch_bytes(before.window().width));
    let (from, to) = (levels.size(level - 1), levels.size(level));
    reducer.reduce(&before.view(), from, &mut target.view_mut(), to, &mut scratch.frame());
    target
}

/// The same in pieces of 3 x 5, each from no more than it is made of.
fn pieces(
    reducer: &Reducer,
    info: &RasterInfo,
    levels: &Levels,
    level: usize,
    before: &TileBuffer,
) -> TileBuffer {
    let (from, to) = (levels.size(level - 1), levels.size(level));
    let mut target = TileBuffer::new(Window::whole(to), info.kind());
    let mut scratch = Scratch::with_capacity(reducer.scratch_bytes(before.window().width));
    for y in (0..to.height as i64).step_by(5) {
        for x in (0..to.width as i64).step_by(3) {
            let window = Window::new(x, y, 3, 5).intersect(Window::whole(to));
            let source = before.view().crop(levels.source(level, window));
            let mut tile = target.view_mut();
            let mut part = tile.part(window, window);
            reducer.reduce(&source, from, &mut part, to, &mut scratch.frame());
        }
    }
    target
}

fn raster(info: &RasterInfo, bytes: &[u8]) -> TileBuffer {
    let mut tile = TileBuffer::new(info.window(), info.kind());
    let row_bytes = info.size.width * info.sample_type.size();
    for (y, row) in bytes.chunks_exact(row_bytes).take(info.size.height).enumerate() {
        tile.view_mut().row_bytes_mut(0, y).copy_from_slice(row);
    }
    tile
}

/// The greatest difference, and how many samples differ.
fn difference(own: &TileView<'_>, expected: &TileView<'_>) -> (f64, usize) {
    let (mut greatest, mut count) = (0_f64, 0);
    with_sample!(own.sample_type(), T => {
        for y in 0..own.window().height {
            for (own, expected) in own.row::<T>(0, y).iter().zip(expected.row::<T>(0, y)) {
                let apart = (own.to_string().parse::<f64>().unwrap() - expected.to_string().parse::<f64>().unwrap()).abs();
                greatest = greatest.max(apart);
                count += usize::from(apart > 0.0);
            }
        }
    });
    (greatest, count)
}

#[test]
fn copies_are_those_of_gdal() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/overviews");
    let values = std::fs::read(folder.join("reduced.bin")).unwrap();
    let table = std::fs::read_to_string(folder.join("reduced.tsv")).unwrap();
    let mut faults = Vec::new();
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let fields = line.split('\t').collect::<Vec<_>>();
        let number = |field: usize| fields[field].parse::<usize>().unwrap();
        let size = Size::new(number(3), number(4));
        let mut info = RasterInfo::new(size, 1, SampleType::parse(fields[0]).unwrap());
        info.nodata = Scalar::parse(fields[2]).ok();
        let (_, method) = OverviewMethod::ALL.into_iter().find(|(name, _)| *name == fields[1]).unwrap();
        let levels = Levels::new(size, &[2, 4, 8], Size::new(16, 16)).unwrap();
        let reducer = Reducer::new(&info, method);
        let mut before = raster(&info, &values[number(5)..]);
        for level in 1..=3 {
            let own = whole(&reducer, &info, &levels, level, &before);
            let expected_info = RasterInfo { size: levels.size(level), ..info.clone() };
            let expected = raster(&expected_info, &values[number(5 + level)..]);
            let (greatest, count) = difference(&own.view(), &expected.view());
            let tolerance = if info.sample_type.is_float() { 1e-4 } else { 0.0 };
            if greatest > tolerance {
                faults.push(format!("{line}: level {level}: {count} samples differ by up to {greatest}"));
            }
            let parts = pieces(&reducer, &info, &levels, level, &before);
            assert_eq!(difference(&own.view(), &parts.view()), (0.0, 0), "{line}: level {level} in pieces");
            before = own;
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// A mean over a mask leaves out what it hides, of opacity too, as GDAL has it; and a pixel is data where one of its four is.
#[test]
fn masks_are_heeded() {
    let size = Size::new(4, 2);
    let mut info = RasterInfo::new(size, 2, SampleType::U8);
    info.mask = true;
    let colours = vec![swathe_core::Colour::Gray, swathe_core::Colour::Alpha];
    info.metadata = Metadata { colours, ..Metadata::default() };
    let mut source = TileBuffer::new(info.window(), info.kind());
    let mut tile = source.view_mut();
    for y in 0..2 {
        tile.row_mut::<u8>(0, y).copy_from_slice(&[10, 200, 7, 7]);
        tile.row_mut::<u8>(1, y).copy_from_slice(&[255, 0, 0, 0]);
        tile.mask_row_mut(y).unwrap().copy_from_slice(&[255, 0, 0, 0]);
    }
    let levels = Levels::new(size, &[2], Size::new(16, 16)).unwrap();
    let reducer = Reducer::new(&info, OverviewMethod::Average);
    let own = whole(&reducer, &info, &levels, 1, &source);
    assert_eq!(own.view().row::<u8>(0, 0), [10, 0]);
    assert_eq!(own.view().row::<u8>(1, 0), [255, 0]);
    assert_eq!(own.view().mask_row(0).unwrap(), [255, 0]);
}

/// Copies are made again of the blocks that another run left, which say all that copies are made of.
#[test]
fn whole_files_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tif").to_string_lossy().into_owned();
    let plain = RasterInfo::new(Size::new(300, 200), 2, SampleType::U8);
    let masked = RasterInfo { mask: true, ..plain.clone() };
    let colours = vec![swathe_core::Colour::Gray, swathe_core::Colour::Alpha];
    let opaque = RasterInfo { metadata: Metadata { colours, ..Metadata::default() }, ..masked.clone() };
    for (info, overviews, whole) in [
        (&plain, Overviews::Auto, true),
        (&masked, Overviews::Auto, true),
        (&opaque, Overviews::Auto, true),
        (&opaque, Overviews::None, true),
        (&plain, Overviews::Auto, false),
    ] {
        let place = OutputPlace::new(&path, Existing::Refused, &[]).unwrap();
        let layout = TiffLayout {
            block: Size::new(64, 64),
            tiled: true,
            planar: false,
            big: None,
            method: WriteMethod::Pwrite,
            writeback: WriteBackRule::default(),
        };
        let options = CogOptions {
            overviews,
            method: None,
            compression: Compression::None,
            predictor: WritePredictor::None,
            sparse: false,
            whole,
        };
        let destination = CogDestination::new(place, info, layout, &options).unwrap();
        assert_eq!(destination.is_resumable(), whole);
        assert!(destination.ends_with_head());
    }
}

/// A level as wide as a block and higher would look like strips.
#[test]
fn no_copy_is_as_wide_as_a_block() {
    let side = |width: usize, height: usize| super::Overviews::Auto.block_side(Size::new(width, height));
    assert_eq!(
        [side(20_000, 15_000), side(512, 512), side(512, 600), side(2047, 9000)],
        [512, 512, 384, 384]
    );
    assert_eq!(super::Overviews::None.block_side(Size::new(512, 600)), 256);
}

/// A mean that happens to be the nodata value is not taken for it.
#[test]
fn a_mean_is_never_nodata() {
    let mut info = RasterInfo::new(Size::new(2, 2), 1, SampleType::I16);
    info.nodata = Some(Scalar::Integer(0));
    let mut source = TileBuffer::new(info.window(), info.kind());
    for y in 0..2 {
        source.view_mut().row_mut::<i16>(0, y).copy_from_slice(&[-5, 5]);
    }
    let levels = Levels::new(info.size, &[2], Size::new(16, 16)).unwrap();
    let own = whole(&Reducer::new(&info, OverviewMethod::Average), &info, &levels, 1, &source);
    assert_eq!(own.view().row::<i16>(0, 0), [1]);
}

/// Sums of real numbers depend on their order, and which rows hold a pixel without data on the piece.
#[test]
fn means_beside_missing_pixels_are_the_same_in_pieces() {
    let random = |index: usize| (index as u32).wrapping_mul(2_654_435_761) >> 8;
    for (width, height, factor) in [(90, 66, 2), (91, 65, 2), (90, 66, 3), (89, 67, 3)] {
        let mut info = RasterInfo::new(Size::new(width, height), 1, SampleType::F64);
        info.nodata = Some(Scalar::Float(5.0));
        let mut source = TileBuffer::new(info.window(), info.kind());
        for y in 0..height {
            for (x, sample) in source.view_mut().row_mut::<f64>(0, y).iter_mut().enumerate() {
                let value = random(y * width + x);
                *sample = if value % 37 == 0 { 5.0 } else { (f64::from(value) / 1e5).exp() / 3.0 };
            }
        }
        let levels = Levels::new(info.size, &[factor], Size::new(16, 16)).unwrap();
        let reducer = Reducer::new(&info, OverviewMethod::Average);
        let [whole, pieces] = [whole, pieces].map(|way| way(&reducer, &info, &levels, 1, &source));
        for y in 0..levels.size(1).height {
            assert_eq!(
                whole.view().row::<f64>(0, y),
                pieces.view().row::<f64>(0, y),
                "{width} x {height}, row {y}"
            );
        }
    }
}
