use std::collections::VecDeque;

use swathe_core::{SampleType, Scalar, Size, Window};

use super::super::trial::{bind, sweep_anyhow, sweep_from};
use crate::trial::{Random, TrialRaster, raster, reals};

/// Flood fill, pixel after pixel: `key` is nothing for background.
fn plainly<K: PartialEq>(rows: &[Vec<Option<K>>], eight: bool) -> (Vec<Vec<u32>>, u64) {
    let (height, width) = (rows.len(), rows[0].len());
    let mut labels = vec![vec![0; width]; height];
    let mut count = 0;
    for y in 0..height {
        for x in 0..width {
            if rows[y][x].is_none() || labels[y][x] != 0 {
                continue;
            }
            count += 1;
            labels[y][x] = count;
            let mut queue = VecDeque::from([(x, y)]);
            while let Some((x, y)) = queue.pop_front() {
                for (dx, dy) in (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dx, dy))) {
                    let (Some(nx), Some(ny)) = (x.checked_add_signed(dx), y.checked_add_signed(dy)) else {
                        continue;
                    };
                    let beside = nx < width && ny < height && (eight || dx == 0 || dy == 0);
                    if beside && labels[ny][nx] == 0 && rows[ny][nx] == rows[y][x] {
                        labels[ny][nx] = count;
                        queue.push_back((nx, ny));
                    }
                }
            }
        }
    }
    (labels, u64::from(count))
}

fn labelled(text: &str, input: &TrialRaster) -> (Vec<Vec<u32>>, u64) {
    let both = bind("components", text, &input.info).unwrap();
    let (result, found) = sweep_anyhow(both.as_ref(), input);
    (result.rows::<u32>(0), found[0].1)
}

/// A raster of `u8` from a rule.
fn drawn(size: Size, value: impl Fn(usize, usize) -> u8) -> TrialRaster {
    let rows = (0..size.height).map(|y| (0..size.width).map(|x| value(x, y)).collect::<Vec<_>>());
    let rows = rows.collect::<Vec<_>>();
    raster(&[&rows.iter().map(Vec::as_slice).collect::<Vec<_>>()])
}

#[test]
fn labels_are_scipys() {
    // scipy.ndimage.label(a), and with structure=np.ones((3, 3)).
    let input: &[&[u8]] = &[&[0, 1, 0, 7], &[2, 0, 0, 7], &[2, 2, 0, 0], &[0, 0, 1, 3]];
    let (four, count) = labelled("", &raster(&[input]));
    assert_eq!(four, [[0, 1, 0, 2], [3, 0, 0, 2], [3, 3, 0, 0], [0, 0, 4, 4]]);
    assert_eq!(count, 4);
    let (eight, count) = labelled("connectivity=8", &raster(&[input]));
    assert_eq!(eight, [[0, 1, 0, 2], [1, 0, 0, 2], [1, 1, 0, 0], [0, 0, 1, 1]]);
    assert_eq!(count, 2);
    // skimage.measure.label(a, connectivity=1), and the same with background=-1.
    assert_eq!(labelled("of=equal", &raster(&[input])).0[3], [0, 0, 4, 5]);
    let (all, count) = labelled("of=equal background=none", &raster(&[input]));
    assert_eq!(all, [[1, 2, 3, 4], [5, 3, 3, 4], [5, 5, 3, 3], [6, 6, 7, 8]]);
    assert_eq!(count, 8);
}

#[test]
fn any_raster_is_labelled_as_by_flood_fill() {
    let mut random = Random(3);
    for size in
        [(1, 1), (1, 9), (9, 1), (2, 2), (13, 11), (40, 7)].map(|(width, height)| Size::new(width, height))
    {
        for of in [2, 3, 5] {
            for _ in 0..30 {
                let values = (0..size.pixels()).map(|_| (random.next() % of) as u8).collect::<Vec<_>>();
                let input = drawn(size, |x, y| values[y * size.width + x]);
                let rows = input.rows::<u8>(0);
                let keys = |key: &dyn Fn(u8) -> Option<u8>| {
                    rows.iter()
                        .map(|row| row.iter().map(|&value| key(value)).collect())
                        .collect::<Vec<Vec<_>>>()
                };
                let nonzero = keys(&|value| (value != 0).then_some(1));
                let equal = keys(&|value| (value != 0).then_some(value));
                let all = keys(&Some);
                for (eight, word) in [(false, "4"), (true, "8")] {
                    let found = |rest: &str| labelled(&format!("connectivity={word} {rest}"), &input);
                    assert_eq!(found(""), plainly(&nonzero, eight));
                    assert_eq!(found("of=equal"), plainly(&equal, eight));
                    assert_eq!(found("of=equal background=none"), plainly(&all, eight));
                }
            }
        }
    }
}

#[test]
fn shapes_that_meet_late_are_one() {
    let size = Size::new(31, 33);
    // A comb that is open above: its teeth meet in the last row.
    let (labels, count) = labelled("", &drawn(size, |x, y| u8::from(x % 2 == 0 || y == 32)));
    assert_eq!(count, 1);
    assert_eq!((labels[0][0], labels[0][1], labels[0][30]), (1, 0, 1));
    // Combs whose teeth lie between each other's.
    let (labels, count) = labelled(
        "",
        &drawn(size, |x, y| u8::from(y == 0 || y == 32 || x % 4 == 0 && y < 31 || x % 4 == 2 && y > 1)),
    );
    assert_eq!((count, labels[0][0], labels[32][0]), (2, 1, 2));
    // A spiral, and the other that winds beside it.
    let ring = |x: usize, y: usize| x.min(y).min(30 - x.min(30)).min(32 - y);
    let spiral = drawn(size, |x, y| {
        let ring = ring(x, y);
        u8::from(ring % 2 == 0 && !(x == ring && y == ring + 1) || ring % 2 == 1 && x == ring && y == ring)
    });
    let nonzero = spiral
        .rows::<u8>(0)
        .iter()
        .map(|row| row.iter().map(|&v| (v != 0).then_some(1)).collect())
        .collect::<Vec<_>>();
    assert_eq!(labelled("", &spiral), plainly(&nonzero, false));
    // A checkerboard: as many components as fields, or one.
    let board = drawn(size, |x, y| ((x + y) % 2) as u8);
    assert_eq!(labelled("", &board).1, 31 * 33 / 2);
    assert_eq!(labelled("connectivity=8", &board).1, 1);
    assert_eq!(labelled("of=equal background=none", &board).1, 31 * 33);
    assert_eq!(labelled("", &drawn(size, |_, _| 9)).1, 1);
    assert_eq!(labelled("", &drawn(size, |_, _| 0)), (vec![vec![0; 31]; 33], 0));
}

#[test]
fn special_values() {
    let nan = f32::NAN;
    let rows: &[&[f32]] = &[&[1.0, nan, -0.0, nan], &[nan, nan, 0.0, f32::INFINITY]];
    assert_eq!(labelled("", &raster(&[rows])).0, [[1, 0, 0, 0], [0, 0, 0, 2]]);
    assert_eq!(labelled("nodata=value", &raster(&[rows])).0, [[1, 1, 0, 2], [1, 1, 0, 2]]);
    assert_eq!(
        labelled("of=equal nodata=value background=none", &raster(&[rows])).0,
        [[1, 2, 3, 4], [2, 2, 3, 5]]
    );
    let extremes: &[&[i64]] = &[&[i64::MIN, i64::MAX], &[i64::MIN + 1, i64::MAX - 1]];
    assert_eq!(labelled("of=equal", &raster(&[extremes])).1, 4);
    let mut input = raster::<u8>(&[&[&[1, 5, 1], &[1, 1, 0]]]);
    input.info.nodata = Some(Scalar::Integer(5));
    assert_eq!(labelled("", &input).0, [[1, 0, 2], [1, 1, 0]]);
    let masked = raster::<u8>(&[&[&[1, 1, 1]]]).with_mask(&[&[255, 0, 255]]);
    assert_eq!(labelled("background=none", &masked).0, [[1, 0, 2]]);
    // A background that the type cannot hold is no pixel's.
    assert_eq!(labelled("background=-1", &raster::<u8>(&[&[&[0, 1]]])).0, [[1, 1]]);
    let two = raster::<u8>(&[&[&[1]], &[&[1]]]);
    assert!(bind("components", "", &two.info).err().unwrap().to_string().contains("--bands"));
    assert_eq!(reals(&raster::<u8>(&[&[&[1]]]), 0), [[1.0]]);
}

#[test]
fn more_components_than_numbers_are_an_error() {
    let input = drawn(Size::new(5, 4), |x, y| ((x + y) % 2) as u8);
    let both = bind("components", "", &input.info).unwrap();
    let begun = |count: u64| {
        let mut handed = vec![0; both.handed_words()];
        handed[10] = count;
        sweep_from(both.as_ref(), &input, 2, handed)
    };
    let (labels, _) = begun(u64::from(u32::MAX) - 10).unwrap();
    assert_eq!(labels.rows::<u32>(0)[3][4], u32::MAX);
    let error = begun(u64::from(u32::MAX) - 9).unwrap_err();
    assert!(error.to_string().contains("row 3"), "{error}");
    assert_eq!(labels.info.sample_type, SampleType::U32);
    assert_eq!(labels.pixels.window(), Window::new(0, 0, 5, 4));
}
