//! What one sweep stores in blocks is what the next one reads: bands, masks, and a last block that is narrower.

use swathe_core::{
    Destination, Footprint, RasterInfo, Sample, SampleType, Scratch, Size, Source, TileBuffer, Window,
    with_sample,
};
use swathe_io::{Interim, InterimDestination, InterimSource};

fn tile(info: &RasterInfo, window: Window) -> TileBuffer {
    let mut tile = TileBuffer::new(window, info.kind());
    for y in 0..window.height {
        let place = |x: usize| window.x as usize + x + 100 * (window.y as usize + y);
        for band in 0..info.bands {
            with_sample!(info.sample_type, T => {
                for (x, sample) in tile.view_mut().row_mut::<T>(band, y).iter_mut().enumerate() {
                    *sample = T::from_f64((place(x) * (band + 1) % 251) as f64);
                }
            });
        }
        if let Some(row) = tile.view_mut().mask_row_mut(y) {
            row.iter_mut().enumerate().for_each(|(x, sample)| *sample = (place(x) % 3) as u8);
        }
    }
    tile
}

#[test]
fn tiles_of_blocks_are_read_as_any_window() {
    for (bands, sample_type, mask) in
        [(1, SampleType::U8, true), (3, SampleType::U16, false), (2, SampleType::F64, true)]
    {
        let info = RasterInfo { mask, ..RasterInfo::new(Size::new(70, 45), bands, sample_type) };
        let interim =
            Interim::new("it", info.clone(), 32, std::env::temp_dir(), swathe_io::WriteBackRule::default())
                .expect("blocks of 32 columns");
        assert_eq!(interim.bytes(), (70 * 45 * (bands * sample_type.size() + usize::from(mask))) as u64);
        let destination = InterimDestination::by_blocks(interim.clone());
        assert!(destination.whole_blocks() && destination.block() == Size::new(32, 16));
        let mut scratch = Scratch::with_capacity(destination.scratch_bytes(info.size));
        let sink = Box::new(destination).create().expect("there is room for some kilobytes");
        for window in [(0, 0, 32, 45), (32, 0, 38, 16), (32, 16, 32, 29), (64, 16, 6, 29)] {
            let window = Window::new(window.0, window.1, window.2, window.3);
            let footprint = &mut Footprint::default();
            sink.write(0, &tile(&info, window).view(), &mut scratch.frame(), footprint)
                .expect("a tile of whole blocks");
        }
        let part = tile(&info, Window::new(0, 0, 31, 16));
        let refused = sink.write(0, &part.view(), &mut scratch.frame(), &mut Footprint::default());
        assert!(refused.expect_err("a part of a block").to_string().contains("part of a block"));
        for window in
            [info.window(), Window::new(31, 15, 2, 2), Window::new(5, 44, 65, 1), Window::new(69, 0, 1, 45)]
        {
            let mut found = TileBuffer::new(window, info.kind());
            let source = InterimSource(interim.clone());
            source.read(&mut found.view_mut(), &mut scratch.frame()).expect("what was written");
            let expected = tile(&info, window);
            for y in 0..window.height {
                for band in 0..bands {
                    assert_eq!(
                        found.view().row_bytes(band, y),
                        expected.view().row_bytes(band, y),
                        "{window}, {y}"
                    );
                }
                assert_eq!(found.view().mask_row(y), expected.view().mask_row(y), "{window}, {y}");
            }
        }
    }
}
