//! The operators of morphology against their definitions, step by step on whole rasters.

use swathe_core::{Boundary, OperatorSpec, RasterInfo, SampleType, Scalar, Size, Window};

use super::{dilation, erosion, opening, residues};
use crate::rank::footprint::Footprint;
use crate::trial::{self, TrialRaster};

/// Pixels with their numbers, or without data.
type Plane = Vec<Vec<Option<i64>>>;

/// The least (`sign` 1) or greatest (-1) of what has data at `p + sign b`; the edge by the boundary and its constant.
fn step(
    plane: &Plane,
    offsets: &[Window],
    sign: i64,
    edge: (Boundary, Option<i64>),
    propagate: bool,
) -> Plane {
    let (height, width) = (plane.len(), plane[0].len());
    let at = |x: i64, y: i64| match (edge.0.resolve(x, width), edge.0.resolve(y, height)) {
        (Some(x), Some(y)) => plane[y][x],
        _ => edge.1,
    };
    let of = |x: i64, y: i64| {
        let seen: Vec<_> = offsets.iter().map(|b| at(x + sign * b.x, y + sign * b.y)).collect();
        let complete = !propagate || seen.iter().all(Option::is_some);
        let kept = seen.iter().flatten().map(|value| sign * value).min().map(|value| sign * value);
        at(x, y).and(kept).filter(|_| complete)
    };
    (0..height as i64).map(|y| (0..width as i64).map(|x| of(x, y)).collect()).collect()
}

fn offsets_of(footprint: &Footprint) -> Vec<Window> {
    let pixels = |run: &crate::rank::footprint::Run| {
        let (x, y) = (footprint.hull.x + run.x as i64, footprint.hull.y + run.y as i64);
        (0..run.length as i64).map(move |i| Window::new(x + i, y, 1, 1))
    };
    footprint.runs.iter().flat_map(pixels).collect()
}

fn plane_of(raster: &TrialRaster) -> Plane {
    let nodata = raster.info.nodata.map(|value| value.to_f64() as i64);
    let pixel = |&value: &i32| Some(i64::from(value)).filter(|value| Some(*value) != nodata);
    raster.rows::<i32>(0).iter().map(|row| row.iter().map(pixel).collect()).collect()
}

/// An operator and what it is by its steps, erosion 1 and dilation -1: the first, and what is taken off it.
type Recipe = (&'static OperatorSpec, &'static [i64], Option<&'static [i64]>);

const RECIPES: [Recipe; 7] = [
    (&erosion::SPEC, &[1], None),
    (&dilation::SPEC, &[-1], None),
    (&opening::OPEN, &[1, -1], None),
    (&opening::CLOSE, &[-1, 1], None),
    (&residues::TOPHAT, &[], Some(&[1, -1])),
    (&residues::BLACKHAT, &[-1, 1], Some(&[])),
    (&residues::GRADIENT, &[-1], Some(&[1])),
];

fn check(input: &TrialRaster, element: &str, boundary: &str, policy: &str, iterations: usize, tile: Size) {
    let edge = Boundary::parse(boundary).unwrap();
    let nodata = input.info.nodata.map(|value| value.to_f64() as i64);
    let constant = Some(edge.constant::<i64>()).filter(|value| Some(*value) != nodata);
    let given = element.split_whitespace().map(|part| {
        let (name, value) = part.split_once('=').unwrap();
        (name.to_string(), swathe_core::Value::Text(value.to_string()))
    });
    let parameters = swathe_core::Parameters::check(super::PARAMETERS, given).unwrap();
    let offsets = offsets_of(&super::element::Element::read(&parameters).unwrap().footprint);
    let text = format!("{element} boundary={boundary} nodata={policy} iterations={iterations}");
    for (spec, first, second) in RECIPES {
        let after = |steps: &[i64]| {
            let repeated = steps.iter().flat_map(|&sign| std::iter::repeat_n(sign, iterations));
            repeated.fold(plane_of(input), |plane, sign| {
                step(&plane, &offsets, sign, (edge, constant), policy == "propagate")
            })
        };
        let (first, second) = (after(first), second.map(after));
        let operator = trial::bind(spec, &text, std::slice::from_ref(&input.info)).unwrap();
        let output = plane_of(&trial::in_tiles(&*operator, &[input], tile).unwrap());
        for (y, row) in output.iter().enumerate() {
            for (x, &value) in row.iter().enumerate() {
                let taken = second.as_ref().map_or(Some(0), |second| second[y][x]);
                let expected = first[y][x].zip(taken).map(|(value, taken)| value - taken);
                let expected = expected.filter(|value| Some(*value) != nodata);
                assert_eq!(value, expected, "{} {text} in tiles of {tile} at {x},{y}", spec.name);
            }
        }
    }
}

fn small(size: Size, nodata: Option<i128>) -> TrialRaster {
    let mut info = RasterInfo::new(size, 1, SampleType::U8);
    info.nodata = nodata.map(Scalar::Integer);
    let bytes = trial::random(info.clone(), 17).rows::<u8>(0);
    let rows: Vec<Vec<i32>> =
        bytes.iter().map(|row| row.iter().map(|&byte| i32::from(byte) - 100).collect()).collect();
    let mut raster = trial::raster::<i32>(&[&rows.iter().map(Vec::as_slice).collect::<Vec<_>>()]);
    raster.info.nodata = info.nodata.map(|value| Scalar::Float(value.to_f64() - 100.0));
    raster
}

const ELEMENTS: [&str; 9] = [
    "size=1",
    "size=3",
    "size=4x2",
    "size=7x9",
    "size=5 shape=cross",
    "size=9x5 shape=disk",
    "footprint=1,0,0,0,0,0,0",
    "footprint=1,1,0;0,0,0;0,0,1",
    "footprint=0,0,1,1;1,1,0,1",
];

#[test]
fn every_recipe_is_what_its_steps_are() {
    let input = small(Size::new(13, 11), None);
    for element in ELEMENTS {
        for boundary in ["reflect", "mirror", "nearest", "wrap", "constant=-40"] {
            check(&input, element, boundary, "ignore", 1, Size::new(5, 4));
        }
    }
}

#[test]
fn pixels_without_data_are_left_out_step_by_step() {
    let input = small(Size::new(12, 9), Some(3));
    for element in ELEMENTS {
        for (boundary, policy) in [
            ("reflect", "ignore"),
            ("nearest", "propagate"),
            ("constant=-97", "ignore"),
            ("wrap", "propagate"),
        ] {
            check(&input, element, boundary, policy, 1, Size::new(7, 3));
            check(&input, element, boundary, policy, 2, Size::new(12, 9));
        }
    }
}

#[test]
fn iterations_are_so_many_steps() {
    let input = small(Size::new(12, 9), None);
    for element in ELEMENTS {
        for boundary in ["reflect", "mirror", "nearest", "wrap", "constant=-97"] {
            check(&input, element, boundary, "ignore", 3, Size::new(4, 5));
        }
    }
}

#[test]
fn rasters_smaller_than_the_element_work() {
    for size in [Size::new(1, 1), Size::new(1, 6), Size::new(6, 1), Size::new(2, 3)] {
        let input = small(size, None);
        for boundary in ["reflect", "mirror", "nearest", "wrap", "constant=5"] {
            for element in ["size=7x9", "size=8", "footprint=1,0,0,0,0,0,0", "size=9 shape=disk"] {
                check(&input, element, boundary, "ignore", 2, Size::new(2, 2));
            }
        }
    }
}

#[test]
fn a_wide_tile_is_cut_into_blocks_that_never_show() {
    let mut info = RasterInfo::new(Size::new(1100, 70), 1, SampleType::U16);
    for nodata in [None, Some(Scalar::Integer(7))] {
        info.nodata = nodata;
        let input = trial::random(info.clone(), 3);
        for text in ["size=61x65", "size=61x65 shape=disk", "size=33x65 shape=cross"] {
            let operator = trial::bind(&erosion::SPEC, text, std::slice::from_ref(&info)).unwrap();
            let whole = trial::in_tiles(&*operator, &[&input], info.size).unwrap();
            let tiled = trial::in_tiles(&*operator, &[&input], Size::new(97, 40)).unwrap();
            trial::assert_same_bits(&whole, &tiled, text);
        }
    }
}

#[test]
fn infinity_is_a_value_and_nan_is_none() {
    let input = trial::raster::<f32>(&[&[&[1.0, f32::INFINITY, f32::NAN, f32::NEG_INFINITY, 2.0]]]);
    let output = trial::run(&dilation::SPEC, "size=3x1", &input).unwrap().rows::<f32>(0).remove(0);
    assert_eq!((output[0], output[1], output[3], output[4]), (f32::INFINITY, f32::INFINITY, 2.0, 2.0));
    assert!(output[2].is_nan());
    let output = trial::run(&residues::GRADIENT, "size=3x1 nodata=value", &input).unwrap().rows::<f32>(0);
    assert_eq!(output[0][0], f32::INFINITY);
    assert!(output[0][1].is_nan() && output[0][4] == f32::INFINITY);
}

#[test]
fn differences_saturate() {
    let input = trial::raster::<i8>(&[&[&[-100, 100, 0]]]);
    let output = trial::run(&residues::GRADIENT, "size=3x1", &input).unwrap();
    assert_eq!(output.rows::<i8>(0), [[127, 127, 100]]);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let info = RasterInfo::new(Size::new(4, 4), 1, SampleType::U8);
    let message =
        |text| trial::bind(&erosion::SPEC, text, std::slice::from_ref(&info)).err().unwrap().to_string();
    assert!(message("size=4 shape=disk").contains("its sides are odd"));
    assert!(message("footprint=1 shape=disk").contains("a shape of its own"));
    assert!(message("boundary=wrap").contains("give `--size` or `--footprint`"));
    assert!(message("size=3 iterations=0").contains("--iterations"));
}
