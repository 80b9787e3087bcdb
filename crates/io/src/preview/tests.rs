use std::sync::Mutex;

use swathe_core::{
    ErrorKind, Frame, RasterInfo, Result, SampleType, Scalar, Size, Source, TileBuffer, TileMut, Window,
};

use super::*;
use crate::{Pattern, SyntheticOptions, SyntheticSource};

/// A raster in memory that remembers what was read of it.
struct Memory {
    info: RasterInfo,
    pixels: TileBuffer,
    block: Size,
    /// Whether a part of a block costs as much as the whole.
    compressed: bool,
    reads: Mutex<Vec<Window>>,
}

impl Memory {
    fn new<T: swathe_core::Sample>(
        size: Size,
        bands: usize,
        pixels: impl Fn(usize, usize, usize) -> T,
    ) -> Self {
        let info = RasterInfo::new(size, bands, T::TYPE);
        let mut buffer = TileBuffer::new(info.window(), info.kind());
        for band in 0..bands {
            for y in 0..size.height {
                for (x, sample) in buffer.view_mut().row_mut::<T>(band, y).iter_mut().enumerate() {
                    *sample = pixels(band, x, y);
                }
            }
        }
        let block = Size::new(size.width, 1);
        Memory { info, pixels: buffer, block, compressed: false, reads: Mutex::default() }
    }

    fn grey<T: swathe_core::Sample>(width: usize, pixels: &[T]) -> Self {
        Memory::new(Size::new(width, pixels.len() / width), 1, |_, x, y| pixels[y * width + x])
    }
}

impl Source for Memory {
    fn info(&self) -> &RasterInfo {
        &self.info
    }
    fn name(&self) -> &str {
        "memory"
    }
    fn block(&self) -> Size {
        self.block
    }
    fn resident_bytes(&self) -> usize {
        0
    }
    fn scratch_bytes(&self, _window: Size) -> usize {
        0
    }
    fn mapped_bytes(&self, _window: Size) -> usize {
        0
    }
    fn read(&self, output: &mut TileMut<'_>, _scratch: &mut Frame<'_>) -> Result<()> {
        self.reads.lock().unwrap().push(output.window());
        output.copy_from(&self.pixels.view().crop(output.window()));
        Ok(())
    }
    fn check_unchanged(&self) -> Result<()> {
        Ok(())
    }
    fn method(&self) -> String {
        "memory".into()
    }
    fn stored_bytes_read(&self) -> u64 {
        0
    }
    fn stored_bytes(&self, window: Window) -> u64 {
        let rows =
            if self.compressed { window.height.next_multiple_of(self.block.height) } else { window.height };
        (rows * window.width) as u64
    }
}

fn plain(size: Size) -> PreviewOptions {
    PreviewOptions { size: Some(size), stretch: None, ..PreviewOptions::default() }
}

#[test]
fn pixels_are_means_of_boxes() {
    let source = Memory::grey::<u8>(5, &[1, 3, 10, 20, 30, 5, 7, 10, 20, 30, 9, 9, 9, 9, 9]);
    // Columns 0 to 1 and 2 to 4; rows 0, and 1 to 2.
    let picture = preview(&source, &plain(Size::new(2, 2))).unwrap();
    assert_eq!(picture.channels, Channels::Gray);
    assert_eq!(picture.pixels, [2, 20, 8, 15]);
    let whole = preview(&source, &PreviewOptions { stretch: None, ..PreviewOptions::default() }).unwrap();
    assert_eq!((whole.size, &whole.pixels[..5]), (Size::new(5, 3), &[1, 3, 10, 20, 30][..]));
    let window = Some(Window::new(2, 1, 2, 2));
    let part = preview(&source, &PreviewOptions { window, ..plain(Size::new(1, 1)) }).unwrap();
    assert_eq!(part.pixels, [12]);
}

#[test]
fn small_rasters_are_enlarged_by_repeating() {
    let source = Memory::grey::<u8>(2, &[1, 2, 3, 4]);
    let picture = preview(&source, &plain(Size::new(5, 3))).unwrap();
    assert_eq!(picture.pixels, [1, 1, 1, 2, 2, 1, 1, 1, 2, 2, 3, 3, 3, 4, 4]);
}

#[test]
fn no_data_is_left_out_and_transparent() {
    let mut source = Memory::grey::<f32>(4, &[f32::NAN, 8.0, -1.0, f32::INFINITY, 4.0, 6.0, f32::NAN, -1.0]);
    source.info.nodata = Some(Scalar::Integer(-1));
    let picture = preview(&source, &plain(Size::new(2, 1))).unwrap();
    // One mean, 6: nothing to stretch it over.
    assert_eq!((picture.channels, picture.pixels), (Channels::GrayAlpha, vec![128, 255, 0, 0]));
    let rows = preview(&source, &plain(Size::new(2, 2))).unwrap();
    assert_eq!(rows.pixels, [255, 255, 0, 0, 0, 255, 0, 0]);

    let mut source = Memory::grey::<u8>(2, &[40, 50]);
    source.info.mask = true;
    let mut masked = TileBuffer::new(source.info.window(), source.info.kind());
    masked.view_mut().copy_from(&source.pixels.view());
    masked.view_mut().mask_row_mut(0).unwrap().copy_from_slice(&[0, 1]);
    source.pixels = masked;
    assert_eq!(preview(&source, &plain(Size::new(1, 1))).unwrap().pixels, [50]);
    assert_eq!(preview(&source, &plain(Size::new(2, 1))).unwrap().pixels, [0, 0, 50, 255]);
}

#[test]
fn a_raster_without_data_is_a_transparent_picture() {
    let source = Memory::grey::<f64>(2, &[f64::NAN, f64::NAN]);
    let picture = preview(&source, &PreviewOptions::default()).unwrap();
    assert_eq!(picture.pixels, [0; 4]);
}

#[test]
fn levels_are_stretched_between_percentiles() {
    let values: Vec<i32> = (0..=100).map(|value| 1000 * value).collect();
    let source = Memory::grey(101, &values);
    let picture = preview(&source, &PreviewOptions::default()).unwrap();
    let at = |value: usize| picture.pixels[value];
    assert_eq!([at(0), at(2), at(3), at(50), at(97), at(98), at(100)], [0, 0, 3, 128, 252, 255, 255]);
    // Percentiles fall between values: 12.5 % of four steps is half a step.
    let source = Memory::grey::<i16>(5, &[0, 10, 20, 30, 40]);
    let stretch = Some([12.5, 87.5]);
    let picture = preview(&source, &PreviewOptions { stretch, ..PreviewOptions::default() }).unwrap();
    assert_eq!(picture.pixels, [0, 43, 128, 213, 255]);
    // Far from zero, and far from each other.
    let source = Memory::grey::<f64>(3, &[f64::MIN, 0.0, f64::MAX]);
    let picture = preview(&source, &PreviewOptions { stretch: None, ..PreviewOptions::default() }).unwrap();
    assert_eq!(picture.pixels, [0, 128, 255]);
}

#[test]
fn colours_are_chosen() {
    let source = |bands| Memory::new(Size::new(1, 1), bands, |band, _, _| 10 * band as u8);
    let one = PreviewOptions { stretch: None, ..PreviewOptions::default() };
    assert_eq!(preview(&source(2), &one).unwrap().pixels, [0]);
    let picture = preview(&source(4), &one).unwrap();
    assert_eq!((picture.channels, picture.pixels), (Channels::Rgb, vec![0, 10, 20]));
    let asked = PreviewOptions { bands: vec![3, 2, 2], ..one.clone() };
    assert_eq!(preview(&source(4), &asked).unwrap().pixels, [30, 20, 20]);
    let mut named = source(4);
    named.info.metadata.colours = vec![Colour::Undefined, Colour::Blue, Colour::Green, Colour::Red];
    assert_eq!(preview(&named, &one).unwrap().pixels, [30, 20, 10]);

    let mut palette = Memory::grey::<u8>(2, &[0, 1]);
    palette.info.metadata.colours = vec![Colour::Palette];
    palette.info.metadata.palette = vec![[0xFFFF, 0, 0], [0, 0, 0x8080]];
    let picture = preview(&palette, &PreviewOptions::default()).unwrap();
    assert_eq!(picture.pixels, [255, 0, 0, 0, 0, 128]);
}

#[test]
fn nonsense_is_refused() {
    let source = Memory::new(Size::new(4, 4), 4, |_, _, _| 0_u8);
    let good = PreviewOptions::default();
    for (options, said) in [
        (PreviewOptions { size: Some(Size::new(0, 4)), ..good.clone() }, "0 x 4"),
        (PreviewOptions { size: Some(Size::new(1 << 20, 1 << 20)), ..good.clone() }, "1048576"),
        (PreviewOptions { bands: vec![0, 1], ..good.clone() }, "1 or 3"),
        (PreviewOptions { bands: vec![4], ..good.clone() }, "no band 5"),
        (PreviewOptions { stretch: Some([98.0, 2.0]), ..good.clone() }, "98"),
        (PreviewOptions { stretch: Some([f64::NAN, 2.0]), ..good.clone() }, "NaN"),
        (PreviewOptions { window: Some(Window::new(1, 1, 4, 1)), ..good.clone() }, "4 x 4"),
        (PreviewOptions { window: Some(Window::new(1, 1, 0, 1)), ..good.clone() }, "4 x 4"),
    ] {
        let error = preview(&source, &options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
        assert!(error.to_string().contains(said), "{error}");
    }
}

#[test]
fn the_middle_of_large_boxes_is_looked_at_and_nothing_else_read() {
    // White where nobody looks: boxes of 40, of which 12 to 27 are looked at.
    let seen = |position: usize| (12..28).contains(&(position % 40));
    let mut source =
        Memory::new(Size::new(80, 120), 1, |_, x, y| if seen(x) && seen(y) { 7_u8 } else { 255 });
    let picture = preview(&source, &plain(Size::new(2, 3))).unwrap();
    assert_eq!(picture.pixels, [7; 6]);
    let reads = std::mem::take(&mut *source.reads.lock().unwrap());
    let rows: usize = reads.iter().map(|window| window.height).sum();
    assert_eq!(rows, 3 * 16, "{reads:?}");

    // Compressed blocks are read once and whole, also where two rows of boxes look at one block.
    (source.block, source.compressed) = (Size::new(32, 64), true);
    assert_eq!(preview(&source, &plain(Size::new(2, 3))).unwrap(), picture);
    let reads = std::mem::take(&mut *source.reads.lock().unwrap());
    let rows: Vec<(i64, usize)> = reads.iter().map(|window| (window.y, window.height)).collect();
    assert_eq!(rows, [(0, 64), (64, 56)]);
}

#[test]
fn how_blocks_lie_does_not_show() {
    let mut source =
        Memory::new(Size::new(211, 157), 3, |band, x, y| ((x * 31 + y * 17) % 199 + band) as u16);
    for size in
        [Size::new(211, 157), Size::new(100, 50), Size::new(7, 9), Size::new(300, 20), Size::new(1, 1)]
    {
        let options = PreviewOptions { window: Some(Window::new(3, 5, 205, 150)), ..plain(size) };
        let expected = preview(&source, &options).unwrap();
        for (width, height) in [(211, 1), (16, 16), (64, 48), (256, 256), (1, 157)] {
            for compressed in [false, true] {
                (source.block, source.compressed) = (Size::new(width, height), compressed);
                assert_eq!(
                    preview(&source, &options).unwrap(),
                    expected,
                    "{size}, blocks {width} x {height}"
                );
            }
        }
        source.block = Size::new(211, 1);
    }
}

/// A source that passes reads on and keeps the most bytes of any.
struct Watched {
    source: SyntheticSource,
    most_bytes: Mutex<usize>,
}

impl Source for Watched {
    fn info(&self) -> &RasterInfo {
        self.source.info()
    }
    fn name(&self) -> &str {
        self.source.name()
    }
    fn block(&self) -> Size {
        Size::new(512, 512)
    }
    fn resident_bytes(&self) -> usize {
        0
    }
    fn scratch_bytes(&self, window: Size) -> usize {
        self.source.scratch_bytes(window)
    }
    fn mapped_bytes(&self, _window: Size) -> usize {
        0
    }
    fn read(&self, output: &mut TileMut<'_>, scratch: &mut Frame<'_>) -> Result<()> {
        let bytes = output.kind().bytes(output.window());
        let mut most = self.most_bytes.lock().unwrap();
        *most = bytes.max(*most);
        self.source.read(output, scratch)
    }
    fn check_unchanged(&self) -> Result<()> {
        Ok(())
    }
    fn method(&self) -> String {
        "watched".into()
    }
    fn stored_bytes_read(&self) -> u64 {
        0
    }
    fn stored_bytes(&self, window: Window) -> u64 {
        window.height.next_multiple_of(512) as u64
    }
}

#[test]
fn memory_does_not_grow_with_the_raster() {
    let options = SyntheticOptions {
        size: Size::new(300_000, 1024),
        bands: 3,
        sample_type: SampleType::F64,
        pattern: Pattern::Ramp,
        ..Default::default()
    };
    let watched = Watched { source: SyntheticSource::new(options).unwrap(), most_bytes: Mutex::default() };
    let picture = preview(&watched, &PreviewOptions::default()).unwrap();
    assert_eq!(picture.size, Size::new(1024, 3));
    let most = watched.most_bytes.into_inner().unwrap();
    assert!(most <= 8 << 20, "{most} bytes were read at once");
    // Two block rows of 300 000 columns of three bands would be 7 GB.
    assert!(picture.pixels[0] < 10 && picture.pixels[1023 * 3] > 245);
}

#[test]
fn pictures_stand_side_by_side() {
    let grey = Picture { size: Size::new(1, 2), channels: Channels::Gray, pixels: vec![10, 20] };
    let colour = Picture { size: Size::new(1, 1), channels: Channels::RgbAlpha, pixels: vec![1, 2, 3, 4] };
    let both = side_by_side(&grey, &colour);
    assert_eq!((both.size, both.channels), (Size::new(6, 2), Channels::RgbAlpha));
    let line = [255; 16];
    let expected =
        [&[10, 10, 10, 255][..], &line, &[1, 2, 3, 4], &[20, 20, 20, 255], &line, &[0, 0, 0, 0]].concat();
    assert_eq!(both.pixels, expected);
    let twice = side_by_side(&grey, &grey);
    assert_eq!(
        (twice.channels, twice.pixels),
        (Channels::Gray, vec![10, 255, 255, 255, 255, 10, 20, 255, 255, 255, 255, 20])
    );
}

#[test]
fn labels_have_colours_of_their_own() {
    let mut memory = Memory::grey::<u32>(3, &[0, 1, 2, 2, 70_000, 1]);
    let options = |colours| PreviewOptions { colours, ..PreviewOptions::default() };
    let picture = preview(&memory, &options(Colours::Labels)).unwrap();
    assert_eq!(picture.channels, Channels::Rgb);
    let pixels = picture.pixels.chunks_exact(3).map(<[u8]>::to_vec).collect::<Vec<_>>();
    let colour = |label: f64| labels::colour(label).map(|part| part as u8).to_vec();
    assert_eq!(pixels, [0.0, 1.0, 2.0, 2.0, 70_000.0, 1.0].map(colour));
    // By itself only where the band says what it holds.
    assert_eq!(preview(&memory, &options(Colours::Auto)).unwrap().channels, Channels::Gray);
    memory.info.metadata.items.push(swathe_core::MetadataItem {
        name: "DESCRIPTION".into(),
        value: "label".into(),
        band: Some(0),
        role: "description".into(),
        domain: String::new(),
    });
    assert_eq!(preview(&memory, &options(Colours::Auto)).unwrap(), picture);
    assert_eq!(preview(&memory, &options(Colours::Grey)).unwrap().channels, Channels::Gray);
    let real = Memory::grey::<f32>(1, &[1.0]);
    let refused = preview(&real, &options(Colours::Labels)).unwrap_err();
    assert!(
        refused.kind() == ErrorKind::Usage && refused.to_string().contains("cast --type i32"),
        "{refused}"
    );
}
