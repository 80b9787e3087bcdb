use swathe_core::{GeoTransform, SampleType, Scalar, Size};

use super::super::trial::{bind, sweep_anyhow};
use crate::trial::{Random, TrialRaster, random, raster, reals};

fn distances(text: &str, input: &TrialRaster) -> Vec<Vec<f64>> {
    let both = bind("distance", text, &input.info).unwrap();
    reals(&sweep_anyhow(both.as_ref(), input).0, 0)
}

/// Every pixel to every target.
fn plainly(targets: &[Vec<bool>], between: impl Fn(f64, f64) -> f64) -> Vec<Vec<f64>> {
    let (height, width) = (targets.len(), targets[0].len());
    let nearest = |x: usize, y: usize| {
        let mut least = f64::INFINITY;
        for (ty, row) in targets.iter().enumerate() {
            for tx in (0..width).filter(|&tx| row[tx]) {
                least = least.min(between(x.abs_diff(tx) as f64, y.abs_diff(ty) as f64));
            }
        }
        if least == f64::INFINITY { f64::NAN } else { least }
    };
    (0..height).map(|y| (0..width).map(|x| nearest(x, y)).collect()).collect()
}

fn assert_same(found: &[Vec<f64>], expected: &[Vec<f64>], what: &str) {
    for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
        assert!(found == expected || found.is_nan() && expected.is_nan(), "{what}: {found}, {expected}");
    }
}

#[test]
fn distances_are_the_least_over_all_targets() {
    let mut numbers = Random(11);
    for size in [(1, 1), (1, 8), (8, 1), (13, 11), (30, 6)].map(|(width, height)| Size::new(width, height)) {
        for one_of in [2, 9, 60] {
            let rows = (0..size.height)
                .map(|_| {
                    (0..size.width)
                        .map(|_| u8::from(!numbers.next().is_multiple_of(one_of)))
                        .collect::<Vec<_>>()
                })
                .collect::<Vec<_>>();
            let input = raster(&[&rows.iter().map(Vec::as_slice).collect::<Vec<_>>()]);
            let zero = rows.iter().map(|row| row.iter().map(|&v| v == 0).collect()).collect::<Vec<Vec<_>>>();
            let nonzero =
                rows.iter().map(|row| row.iter().map(|&v| v != 0).collect()).collect::<Vec<Vec<_>>>();
            let euclidean = |dx: f64, dy: f64| (dx * dx + dy * dy).sqrt();
            assert_same(&distances("type=f64", &input), &plainly(&zero, euclidean), "zero");
            assert_same(&distances("to=nonzero type=f64", &input), &plainly(&nonzero, euclidean), "nonzero");
            assert_same(
                &distances("metric=cityblock", &input),
                &plainly(&zero, |dx, dy| dx + dy),
                "cityblock",
            );
            assert_same(&distances("metric=chessboard", &input), &plainly(&zero, f64::max), "chessboard");
            assert_same(
                &distances("type=f64 max-distance=2.5 values=0,7", &input),
                &plainly(
                    &zero,
                    |dx, dy| if dx * dx + dy * dy > 6.25 { f64::INFINITY } else { euclidean(dx, dy) },
                ),
                "near",
            );
        }
    }
}

#[test]
fn tiles_never_show_in_any_type() {
    for sample_type in SampleType::ALL {
        let mut info = swathe_core::RasterInfo::new(Size::new(13, 11), 2, sample_type);
        info.nodata = Some(Scalar::Integer(3));
        info.mask = true;
        let input = random(info, 5);
        for trial in super::super::both_ways::DISTANCE.trials {
            let both = bind("distance", trial, &input.info).unwrap();
            sweep_anyhow(both.as_ref(), &input);
        }
    }
}

#[test]
fn special_values() {
    let nan = f64::NAN;
    // No target at all.
    assert_same(&distances("", &raster::<u8>(&[&[&[1, 2], &[3, 4]]])), &[vec![nan; 2], vec![nan; 2]], "none");
    // Pixels without data are no targets, and get no data.
    let mut input = raster::<u8>(&[&[&[0, 5, 1], &[1, 1, 1]]]);
    input.info.nodata = Some(Scalar::Integer(0));
    assert_same(
        &distances("values=5,0", &input),
        &[vec![nan, 0.0, 1.0], vec![2_f32.sqrt().into(), 1.0, 2_f32.sqrt().into()]],
        "nodata",
    );
    assert_same(&distances("nodata=value", &input)[..1], &[vec![0.0, 1.0, 2.0]], "value");
    let floats = raster::<f32>(&[&[&[f32::NAN, -0.0, 1.0, f32::INFINITY]]]);
    assert_same(&distances("", &floats), &[vec![nan, 0.0, 1.0, 2.0]], "floats");
    assert_same(&distances("to=nonzero nodata=value", &floats), &[vec![0.0, 1.0, 0.0, 0.0]], "NaN is not 0");
}

#[test]
fn maps_have_pixels_of_a_size() {
    let mut input = raster::<u8>(&[&[&[0, 1, 1], &[1, 1, 1]]]);
    let bound = |input: &TrialRaster, text: &str| bind("distance", text, &input.info);
    assert!(bound(&input, "units=map").err().unwrap().to_string().contains("size of a pixel"));
    input.info.georeferencing.transform = Some(GeoTransform([500.0, 30.0, 0.0, 900.0, 0.0, -10.0]));
    // scipy.ndimage.distance_transform_edt(a, sampling=(10, 30)).
    let expected = [vec![0.0, 30.0, 60.0], vec![10.0, 31.622_776_601_683_793, 60.827_625_302_982_19]];
    for (found, expected) in
        distances("units=map type=f64", &input).iter().flatten().zip(expected.iter().flatten())
    {
        assert!((found - expected).abs() <= 1e-13 * expected, "{found} {expected}");
    }
    assert!(bound(&input, "units=map metric=cityblock").is_err());
    input.info.georeferencing.transform = Some(GeoTransform([0.0, 20.0, 0.0, 0.0, 0.0, -20.0]));
    assert_same(
        &distances("units=map metric=cityblock", &input),
        &[vec![0.0, 20.0, 40.0], vec![20.0, 40.0, 60.0]],
        "square",
    );
    input.info.georeferencing.transform = Some(GeoTransform([0.0, 20.0, 5.0, 0.0, 0.0, -20.0]));
    assert!(bound(&input, "units=map").is_err());
}
