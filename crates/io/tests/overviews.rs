//! Overviews that GDAL wrote, in the file and beside it; `fixtures/overviews/make_overviews.py` made them.

#![allow(clippy::unwrap_used)]

mod reading;

use std::path::PathBuf;

use reading::samples;
use swathe_core::{ErrorKind, Size, Window};
use swathe_io::{OpenOptions, PreviewOptions, open, preview, preview_of};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/overviews")
}

fn path_of(name: &str) -> String {
    folder().join(name).to_str().unwrap().to_owned()
}

#[test]
fn overviews_are_read_byte_for_byte() {
    let values = std::fs::read(folder().join("reduced.bin")).unwrap();
    let table = std::fs::read_to_string(folder().join("reading.tsv")).unwrap();
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let fields = line.split('\t').collect::<Vec<_>>();
        let number = |field: usize| fields[field].parse::<usize>().unwrap();
        let path = path_of(fields[0]);
        let whole = open(&path, &OpenOptions::default()).unwrap();
        let size = Size::new(number(2), number(3));
        assert_eq!(whole.overviews()[number(1) - 1], size, "{line}");
        let level = open(&format!("{path}:overview={}", number(1)), &OpenOptions::default()).unwrap();
        assert_eq!(level.info().size, size, "{line}");
        let own = samples(level.as_ref(), Size::new(9, 7)).unwrap();
        assert_eq!(own, values[number(4)..number(4) + own.len()], "{line}");
        // The level covers the same land with larger pixels.
        let place = |info: &swathe_core::RasterInfo| {
            let c = info.georeferencing.transform.unwrap().0;
            (c[0], c[3], (c[1] * info.size.width as f64).round(), (c[5] * info.size.height as f64).round())
        };
        assert_eq!(place(level.info()), place(whole.info()), "{line}");
        assert_eq!(valid(level.as_ref()), number(5), "{line}");
    }
}

fn valid(source: &dyn swathe_core::Source) -> usize {
    let info = source.info();
    let mut tile = swathe_core::TileBuffer::new(Window::whole(info.size), info.kind());
    let mut scratch = swathe_core::Scratch::with_capacity(source.scratch_bytes(info.size));
    source.read(&mut tile.view_mut(), &mut scratch.frame()).unwrap();
    let row = |y: usize| match tile.view().mask_row(y) {
        Some(row) => row.iter().filter(|flag| **flag != 0).count(),
        None => info.size.width,
    };
    (0..info.size.height).map(row).sum()
}

#[test]
fn an_overview_that_is_not_there_is_a_usage_error() {
    for (name, count) in
        [("internal.tif:overview=3", "2 overviews"), ("beside.tif:overview=4", "3 overviews")]
    {
        let Err(error) = open(&path_of(name), &OpenOptions::default()) else { panic!("{name}") };
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.to_string().contains(count), "{error}");
    }
}

/// A picture of half the size is one of the overview, of more than half one of the raster.
#[test]
fn pictures_are_made_from_overviews() {
    let (path, read) = (path_of("beside.tif"), OpenOptions::default());
    let picture = |width: usize, height: usize| {
        let options = PreviewOptions { size: Some(Size::new(width, height)), ..PreviewOptions::default() };
        let from = |spec: &str| preview(open(spec, &read).unwrap().as_ref(), &options).unwrap();
        let own = preview_of(&path, &read, &options).unwrap();
        (own == from(&path), own == from(&format!("{path}:overview=1")))
    };
    assert_eq!(picture(31, 24), (false, true));
    assert_eq!(picture(40, 30), (true, false));
}
