use swathe_core::{
    ErrorKind, GeoTransform, Sample, SampleType, Scratch, Size, Source, TileBuffer, Window, with_sample,
};

use super::hash::spread;
use super::{Pattern, SyntheticOptions, SyntheticSource};

/// Reads with exactly the scratch that is declared.
fn read(source: &SyntheticSource, window: Window) -> TileBuffer {
    let mut buffer = TileBuffer::new(window, source.info().kind());
    let mut scratch = Scratch::with_capacity(source.scratch_bytes(window.size()));
    source.read(&mut buffer.view_mut(), &mut scratch.frame()).unwrap();
    buffer
}

fn source(options: SyntheticOptions) -> SyntheticSource {
    SyntheticSource::new(options).unwrap()
}

fn values(buffer: &TileBuffer, band: usize) -> Vec<f64> {
    let view = buffer.view();
    let row = |y| -> Vec<f64> {
        with_sample!(view.sample_type(), T => view.row::<T>(band, y).iter().map(|s| s.to_f64()).collect())
    };
    (0..view.window().height).flat_map(row).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn deviation(values: &[f64]) -> f64 {
    let mean = mean(values);
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let (mean_a, mean_b) = (mean(a), mean(b));
    let products = a.iter().zip(b).map(|(a, b)| (a - mean_a) * (b - mean_b)).sum::<f64>();
    products / a.len() as f64 / (deviation(a) * deviation(b))
}

#[test]
fn any_window_is_a_part_of_the_whole() {
    let size = Size::new(3000, 2000);
    for pattern in Pattern::ALL {
        for sample_type in [SampleType::U16, SampleType::F64] {
            let options = SyntheticOptions { size, bands: 2, sample_type, seed: 5, pattern, looks: 3 };
            let source = source(options);
            // Across the borders of strips (512, 1024) and of rows of districts (1024).
            let whole = read(&source, Window::new(490, 1000, 560, 60));
            for draw in 0..40_u64 {
                let random = |salt: u64, limit: usize| (spread(draw * 8 + salt) % limit as u64) as usize;
                let (width, height) = (1 + random(0, 300) * random(1, 2), 1 + random(2, 30));
                let (x, y) = (490 + random(3, 560 - width), 1000 + random(4, 60 - height));
                let window = Window::new(x as i64, y as i64, width, height);
                let (part, crop) = (read(&source, window), whole.view().crop(window));
                for (band, row) in (0..2).flat_map(|band| (0..height).map(move |row| (band, row))) {
                    let (part, crop) = (part.view().row_bytes(band, row), crop.row_bytes(band, row));
                    assert!(part == crop, "{pattern:?} {sample_type} {window} band {band} row {row}");
                }
            }
        }
    }
}

#[test]
fn the_outermost_pixels_are_there() {
    let size = Size::new(i32::MAX as usize, i32::MAX as usize);
    for pattern in Pattern::ALL {
        let source =
            source(SyntheticOptions { size, sample_type: SampleType::U8, pattern, ..Default::default() });
        let last = i64::from(i32::MAX) - 1;
        for window in
            [Window::new(0, 0, 1, 1), Window::new(last, last, 1, 1), Window::new(last - 40, 7, 41, 2)]
        {
            let pixels = values(&read(&source, window), 0);
            assert_eq!(pixels.len(), window.size().pixels());
        }
    }
}

#[test]
fn pixels_are_the_same_on_every_machine() {
    // A change of these numbers changes every scene that was ever made: say so in the change log.
    for (pattern, pinned) in [(Pattern::Scene, SCENE), (Pattern::Sar, SAR)] {
        let size = Size::new(4096, 4096);
        let options =
            SyntheticOptions { size, bands: 3, sample_type: SampleType::F32, pattern, ..Default::default() };
        let buffer = read(&source(options), Window::new(1000, 2000, 600, 200));
        let view = buffer.view();
        let rows = (0..3).flat_map(|band| (0..200).map(move |y| (band, y)));
        let bits = rows.flat_map(|(band, y)| view.row::<f32>(band, y)).map(|value| value.to_bits());
        let checksum = bits.fold(0, |sum, bits| spread(sum ^ u64::from(bits)));
        assert_eq!(checksum, pinned, "{pattern:?}");
    }
}

const SCENE: u64 = 2_552_274_775_323_109_106;
const SAR: u64 = 17_859_755_079_345_944_809;

#[test]
fn seeds_and_bands_differ() {
    let window = Window::new(300, 300, 200, 200);
    for pattern in [Pattern::Scene, Pattern::Noise, Pattern::Sar] {
        let of_seed = |seed| {
            let options = SyntheticOptions {
                bands: 4,
                seed,
                pattern,
                sample_type: SampleType::F32,
                ..Default::default()
            };
            let buffer = read(&source(options), window);
            [0, 1, 3].map(|band| values(&buffer, band))
        };
        let ([red, green, infrared], [other, ..]) = (of_seed(1), of_seed(2));
        assert!(correlation(&red, &other).abs() < 0.3, "{pattern:?}");
        assert!(red != green && green != infrared);
        if pattern == Pattern::Scene {
            let (visible, edge) = (correlation(&red, &green), correlation(&red, &infrared));
            assert!(visible > 0.8 && visible < 0.9999, "red and green: {visible}");
            assert!(edge < 0.5, "red and infrared differ where plants grow: {edge}");
        }
    }
}

#[test]
fn values_suit_their_type() {
    let limits = |sample_type| match sample_type {
        SampleType::U8 => (0.0, 255.0, 10.0),
        SampleType::I8 => (-128.0, 127.0, 10.0),
        SampleType::U16 => (60.0, 4095.0, 100.0),
        SampleType::I16 => (-200.0, 20_000.0, 200.0),
        SampleType::F32 | SampleType::F64 => (-0.02, 2.0, 0.02),
        _ => (0.0, 2e6, 20_000.0),
    };
    for sample_type in SampleType::ALL {
        let source = source(SyntheticOptions { sample_type, ..Default::default() });
        let pixels = values(&read(&source, Window::new(0, 0, 512, 512)), 0);
        let (least, greatest, spread) = limits(sample_type);
        assert!(pixels.iter().all(|&pixel| pixel >= least && pixel <= greatest), "{sample_type}");
        assert!(deviation(&pixels) > spread, "{sample_type}: {}", deviation(&pixels));
        let floor = pixels.iter().filter(|&&pixel| pixel == least).count();
        assert!(floor * 20 < pixels.len(), "{sample_type}: {floor} pixels are black");
    }
}

#[test]
fn the_same_land_in_every_type() {
    let window = Window::new(77, 99, 300, 20);
    let of_type = |sample_type| {
        values(&read(&source(SyntheticOptions { sample_type, ..Default::default() }), window), 0)
    };
    let (reflectance, counts) = (of_type(SampleType::F32), of_type(SampleType::U16));
    for (reflectance, count) in reflectance.iter().zip(counts) {
        assert!((reflectance * 6500.0 + 100.0 - count).abs() <= 0.51);
    }
}

#[test]
fn scenes_have_edges_and_flat_parts() {
    let source = source(SyntheticOptions { sample_type: SampleType::F32, ..Default::default() });
    let pixels = values(&read(&source, Window::new(0, 0, 1024, 256)), 0);
    let steps: Vec<f64> =
        pixels.chunks_exact(1024).flat_map(|row| row.windows(2).map(|p| (p[1] - p[0]).abs())).collect();
    let share = |test: &dyn Fn(f64) -> bool| {
        steps.iter().filter(|&&step| test(step)).count() as f64 / steps.len() as f64
    };
    assert!(share(&|step| step > 0.05) > 0.005, "edges: {}", share(&|step| step > 0.05));
    assert!(share(&|step| step < 0.01) > 0.5, "flat parts: {}", share(&|step| step < 0.01));
}

#[test]
fn looks_change_speckle_and_not_brightness() {
    let of_looks = |looks| {
        let options = SyntheticOptions {
            pattern: Pattern::Sar,
            sample_type: SampleType::F32,
            looks,
            ..Default::default()
        };
        values(&read(&source(options), Window::new(100, 100, 400, 400)), 0)
    };
    let (one, hundred) = (of_looks(1), of_looks(100));
    assert!((mean(&one) / mean(&hundred) - 1.0).abs() < 0.02);
    // The ratio is speckle of one look over speckle of a hundred: its variation is about 1.
    let ratio: Vec<f64> = one.iter().zip(&hundred).map(|(one, hundred)| one / hundred).collect();
    assert!((deviation(&ratio) - 1.0).abs() < 0.05, "{}", deviation(&ratio));
    assert!(one.iter().all(|&value| value >= 0.0));
}

#[test]
fn plain_patterns_are_what_they_say() {
    let of = |pattern, sample_type, window| {
        let size = Size::new(1 << 20, 40);
        let options = SyntheticOptions { size, bands: 2, pattern, sample_type, ..Default::default() };
        let buffer = read(&source(options), window);
        [values(&buffer, 0), values(&buffer, 1)]
    };
    let [first, second] = of(Pattern::Ramp, SampleType::I8, Window::new(124, 2, 3, 2));
    assert_eq!(
        (first, second),
        (vec![126.0, 127.0, 0.0, 127.0, 0.0, 1.0], vec![14.0, 15.0, 16.0, 15.0, 16.0, 17.0])
    );
    let [first, _] = of(Pattern::Ramp, SampleType::F32, Window::new(70_000, 30, 2, 1));
    assert_eq!(first, [70_030.0, 70_031.0]);
    for sample_type in SampleType::ALL {
        let [noise, _] = of(Pattern::Noise, sample_type, Window::new(0, 0, 400, 40));
        let (least, greatest) = match sample_type.is_float() {
            true => (0.0, 1.0),
            false => with_sample!(sample_type, T => (T::LEAST.to_f64(), T::GREATEST.to_f64())),
        };
        let range = greatest - least;
        // A uniform number has a standard deviation of its range over the root of 12.
        assert!((mean(&noise) - (least + greatest) / 2.0).abs() < 0.01 * range, "{sample_type}");
        assert!((deviation(&noise) / range * 12_f64.sqrt() - 1.0).abs() < 0.02, "{sample_type}");
    }
}

#[test]
fn it_lies_somewhere_and_its_bands_have_names() {
    let source = source(SyntheticOptions { bands: 12, ..Default::default() });
    let info = source.info();
    let georeferencing = &info.georeferencing;
    assert_eq!(georeferencing.keys.as_ref().and_then(|keys| keys.epsg()), Some(32633));
    assert_eq!(georeferencing.transform, Some(GeoTransform([399_960.0, 10.0, 0.0, 5_300_040.0, 0.0, -10.0])));
    let names: Vec<&str> = info.metadata.items.iter().map(|item| item.value.as_str()).collect();
    assert_eq!((names[0], names[10]), ("red, 665 nm", "red, 665 nm, variant 1"));
    assert_eq!((source.name(), source.block()), ("synthetic scene, seed 1", Size::new(256, 256)));
}

#[test]
fn nonsense_is_refused() {
    let good = SyntheticOptions::default();
    for options in [
        SyntheticOptions { size: Size::new(0, 5), ..good },
        SyntheticOptions { size: Size::new(5, 1 << 31), ..good },
        SyntheticOptions { bands: 0, ..good },
        SyntheticOptions { looks: 0, ..good },
        SyntheticOptions { looks: 101, ..good },
    ] {
        assert_eq!(SyntheticSource::new(options).unwrap_err().kind(), ErrorKind::Usage);
    }
    let size = Size::new(i32::MAX as usize, i32::MAX as usize);
    let large = SyntheticOptions { size, bands: 9, ..good };
    assert_eq!(SyntheticSource::new(large).unwrap_err().kind(), ErrorKind::Limit);
    assert_eq!(Pattern::parse("sar").unwrap(), Pattern::Sar);
    assert!(Pattern::parse("clouds").unwrap_err().to_string().contains("scene, noise, ramp, sar"));
    let mut wrong = TileBuffer::new(Window::new(4096, 0, 1, 1), source(good).info().kind());
    let error = source(good).read(&mut wrong.view_mut(), &mut Scratch::default().frame()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Bug);
}
