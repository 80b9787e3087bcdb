//! What numexpr does not say: no data, the type of the output, names, and what is refused.

use swathe_core::{
    ErrorKind, GeoTransform, Operator, Parameters, RasterInfo, Result, SampleType, Scalar, Size, Value,
};

use super::SPEC;
use crate::trial::{
    TrialRaster, assert_level_never_shows, assert_tiling_never_shows, in_tiles, random, raster, reals,
};

fn bind(expression: &str, parameters: &str, inputs: &[RasterInfo]) -> Result<Box<dyn Operator>> {
    let others = parameters.split_whitespace().filter_map(|part| part.split_once('='));
    let given = std::iter::once(("expression", expression)).chain(others);
    let given = given.map(|(name, text)| (name.to_owned(), Value::Text(text.to_owned())));
    (SPEC.bind)(&Parameters::check(SPEC.parameters, given)?, inputs)
}

fn run(expression: &str, parameters: &str, inputs: &[&TrialRaster]) -> TrialRaster {
    let infos = inputs.iter().map(|input| input.info.clone()).collect::<Vec<_>>();
    let operator = bind(expression, parameters, &infos).unwrap();
    in_tiles(&*operator, inputs, Size::new(2, 1)).unwrap()
}

fn info(sample_type: SampleType) -> RasterInfo {
    RasterInfo::new(Size::new(4, 3), 2, sample_type)
}

fn refused(expression: &str) -> String {
    let outcome = bind(expression, "", &[info(SampleType::I16), info(SampleType::F32)]);
    outcome.err().unwrap().to_string()
}

#[test]
fn neither_tiles_nor_the_cpu_show() {
    assert_tiling_never_shows(&SPEC);
    assert_level_never_shows(&SPEC);
}

#[test]
fn what_depends_on_a_pixel_without_data_has_none() {
    let a = raster(&[&[&[1_u8, 2, 3, 4]]]).with_mask(&[&[255, 0, 255, 0]]);
    let b = raster(&[&[&[10_u8, 20, 30, 40]]]).with_mask(&[&[0, 255, 255, 0]]);
    let mask = |expression: &str| run(expression, "", &[&a, &b]).mask().concat();
    assert_eq!(mask("A + B"), [0, 0, 255, 0]);
    assert_eq!(mask("A * 0"), [255, 0, 255, 0]);
    assert_eq!(mask("where(A > 1, 5, 5)"), [255, 0, 255, 0]);
    assert_eq!(mask("where(A > 1, B, B)"), [0, 0, 255, 0]);
    assert_eq!(mask("where(A > 1, B, 1)"), [255, 0, 255, 0]);
    assert_eq!(mask("where(isnodata(A), B, A)"), [255, 255, 255, 0]);
    assert_eq!(mask("A ** 0"), [255, 0, 255, 0]);
    assert_eq!(mask("where(A == A, 1, 2)"), [255, 0, 255, 0]);
    assert_eq!(mask("isnodata(A)"), [255; 4]);
    assert_eq!(mask("7"), [255; 4]);
    // A pixel is data where one of its bands is; the others tell by their values.
    assert_eq!(mask("A; B"), [255, 255, 255, 0]);
    assert_eq!(mask("where(A > 2, nodata(), A)"), [255, 0, 0, 0]);
    assert_eq!(mask("nodata()"), [0; 4]);
}

#[test]
fn no_data_is_written_as_the_type_can() {
    let mut a = raster(&[&[&[1_i16, -7, 3]]]);
    a.info.nodata = Some(Scalar::Integer(-7));
    let in_type = |parameters: &str| run("A * 2", parameters, &[&a]);
    assert_eq!(in_type("").rows::<i32>(0)[0], [2, -7, 6]);
    assert_eq!(in_type("").info.nodata, Some(Scalar::Integer(-7)));
    let float = in_type("type=f32");
    assert!(float.rows::<f32>(0)[0][1].is_nan() && float.info.nodata.is_some());
    // `u8` has no -7.
    assert_eq!(in_type("type=u8").rows::<u8>(0)[0], [2, 0, 6]);
    assert_eq!(in_type("type=u8 output-nodata=255").rows::<u8>(0)[0], [2, 255, 6]);
    assert_eq!(in_type("output-nodata=-1").info.nodata, Some(Scalar::Integer(-1)));
    // As values, -7 is a number like others.
    assert_eq!(in_type("nodata=value").rows::<i32>(0)[0], [2, -14, 6]);
    assert!(bind("A", "type=u8 output-nodata=300", &[info(SampleType::U8)]).is_err());
}

#[test]
fn the_output_is_rounded_and_saturated() {
    let a = raster(&[&[&[-1000_i32, 2, 3, 100_000]]]);
    assert_eq!(run("A / 2.0", "type=u8", &[&a]).rows::<u8>(0)[0], [0, 1, 2, 255]);
    assert_eq!(run("A / -2", "type=i8", &[&a]).rows::<i8>(0)[0], [127, -1, -2, -128]);
    assert_eq!(run("A * 2", "type=i16", &[&a]).rows::<i16>(0)[0], [-2000, 4, 6, 32767]);
    assert_eq!(run("A * 5000000000", "type=u32", &[&a]).rows::<u32>(0)[0], [0, u32::MAX, u32::MAX, u32::MAX]);
    assert_eq!(run("A > 2", "", &[&a]).rows::<u8>(0)[0], [0, 0, 1, 1]);
    let type_of = |expression: &str| run(expression, "", &[&a]).info.sample_type;
    assert_eq!(type_of("A > 1; A; A + 0.5"), SampleType::F64);
    assert_eq!(type_of("A + 3000000000"), SampleType::I64);
    assert_eq!(type_of("A * 2f"), SampleType::F32);
}

/// `float32` results of integers are computed in `float32` where that gives what `float64` rounds to.
#[test]
fn single_precision_is_double_precision_rounded_once() {
    for sample_type in [SampleType::U8, SampleType::I16, SampleType::U16, SampleType::I32] {
        let info = RasterInfo::new(Size::new(97, 41), 1, sample_type);
        let (a, b) = (random(info.clone(), 3), random(info, 4));
        for expression in
            ["A / B", "(B - A) / (B + A)", "A / 255", "A / -3", "(A % 7 - 3) / B", "A / B * A / 7"]
        {
            let (exact, got) = (run(expression, "", &[&a, &b]), run(expression, "type=f32", &[&a, &b]));
            for (exact, got) in exact.rows::<f64>(0).concat().into_iter().zip(got.rows::<f32>(0).concat()) {
                let same = exact.is_nan() && got.is_nan() || (exact as f32).to_bits() == got.to_bits();
                assert!(same, "{expression} of {sample_type}: {got}, not {exact}");
            }
        }
    }
}

#[test]
fn places_are_those_of_the_raster() {
    let mut a = raster(&[&[&[1_u8, 1, 1], &[1, 1, 1]]]);
    a.info.georeferencing.transform = Some(GeoTransform([500.0, 10.0, 1.0, 900.0, 0.0, -20.0]));
    let places = run("x(); y(); col(); row(); width() - height()", "", &[&a]);
    assert_eq!(reals(&places, 0), [[505.5, 515.5, 525.5], [506.5, 516.5, 526.5]]);
    assert_eq!(reals(&places, 1), [[890.0; 3], [870.0; 3]]);
    assert_eq!(
        [reals(&places, 2), reals(&places, 3)].concat(),
        [[0.0, 1.0, 2.0], [0.0, 1.0, 2.0], [0.0; 3], [1.0; 3]]
    );
    assert_eq!(reals(&places, 4)[1], [1.0; 3]);
}

#[test]
fn every_integer_type_meets_a_wider_one() {
    for sample_type in SampleType::ALL {
        let narrow = raster(&[&[&[5_u8, 6]]]);
        let wide = raster(&[&[&[7_i64, i64::MIN]]]);
        let sum = run("A + B * 1 + col()", "", &[&narrow, &wide]);
        assert_eq!(sum.rows::<i64>(0)[0], [12, i64::MIN + 7]);
        let inputs = [info(sample_type), info(SampleType::I64)];
        for expression in ["A + B", "A - 3000000000", "A & B", "A ** 2 + row()", "where(A > B, A, B)"] {
            let outcome = bind(expression, "", &inputs);
            assert_eq!(outcome.is_err(), sample_type.is_float() && expression.contains('&'), "{expression}");
        }
    }
}

#[test]
fn inputs_have_names_bands_and_sizes() {
    let a = raster(&[&[&[1_u8, 2]], &[&[3, 4]]]);
    let named = run("red + 10 * nir.2 + 100 * nir_1", "names=red,nir", &[&a, &a]);
    assert_eq!(reals(&named, 0), [[131.0, 242.0]]);
    for names in ["red", "red,red", "red,2", "red,a b", "red,not", "red,"] {
        let inputs = [a.info.clone(), a.info.clone()];
        let given = [("expression", "1"), ("names", names)];
        let given = given.map(|(name, text)| (name.to_owned(), Value::Text(text.to_owned())));
        let parameters = Parameters::check(SPEC.parameters, given).unwrap();
        assert!((SPEC.bind)(&parameters, &inputs).err().unwrap().to_string().contains("--names"), "{names}");
    }
    let other = RasterInfo::new(Size::new(5, 3), 1, SampleType::U8);
    let message = bind("A + B", "", &[info(SampleType::U8), other]).err().unwrap().to_string();
    assert!(message.contains("4 x 3") && message.contains("5 x 3"), "{message}");
}

/// The third line stands under the second, with the carets under the place.
fn place(message: &str) -> String {
    let lines = message.lines().collect::<Vec<_>>();
    let pairs = lines[1].chars().zip(lines[2].chars());
    pairs.filter(|&(_, caret)| caret == '^').map(|(character, _)| character).collect()
}

#[test]
fn what_has_no_type_is_refused_with_its_place() {
    for (expression, at, why) in [
        ("1 + ~B", "~B", "float32"),
        ("A + (A > 1) - (B > 1) * -(A < 2)", "-(A < 2)", "truth values"),
        ("2 * ((A > 1) - (A > 2))", "((A > 1) - (A > 2))", "`a & ~b`"),
        ("A & B", "A & B", "float32"),
        ("where(A, 1, 2) + 1", "A", "compare it"),
        ("A ** -2 + 1", "A ** -2", "`A ** -1.0`"),
        ("A + 99999999999999999999", "A + 99999999999999999999", "64 bits"),
        ("A + x()", "x()", "no geotransform"),
        ("A + ones_like(A > 1)", "ones_like(A > 1)", "where(c, 1, 0)"),
        ("A + 9 ** 9 ** 9", "9 ** 9 ** 9", "fit"),
        ("(A > 1) << (A > 2)", "(A > 1) << (A > 2)", "shift"),
    ] {
        let message = refused(expression);
        assert_eq!(place(&message), at, "{message}");
        assert!(message.contains(why), "{message}");
    }
    let unsupported = bind("sum(A)", "", &[info(SampleType::U8)]).err().unwrap();
    assert_eq!(unsupported.kind(), ErrorKind::Unsupported);
}

/// Random texts of the language's own words: an error or an operator, never a panic, and never slow.
#[test]
fn random_texts_end_in_an_error_or_an_operator() {
    const WORDS: [&str; 40] = [
        "A",
        "B",
        "A.2",
        "A[1,-2]",
        "1",
        "0",
        "2.5",
        "3f",
        "True",
        "9999999999",
        "1e400",
        "+",
        "-",
        "*",
        "/",
        "//",
        "%",
        "**",
        "<<",
        ">>",
        "&",
        "|",
        "^",
        "~",
        "<",
        "==",
        "(",
        ")",
        ",",
        ";",
        "where(",
        "sqrt(",
        "isnodata(",
        "nodata()",
        "clip(",
        "round(",
        "sign(",
        "col()",
        "maximum(",
        "A > 1",
    ];
    let mut random = crate::trial::Random(7);
    let (a, b) = (raster(&[&[&[0_i16, 1, -9]], &[&[2, 3, 4]]]), raster(&[&[&[0.5_f32, f32::NAN, -1e30]]]));
    let (mut bound, infos) = (0, [a.info.clone(), b.info.clone()]);
    for _ in 0..60_000 {
        let length = 1 + random.next() % 7;
        let pick = |_| WORDS[(random.next() % WORDS.len() as u64) as usize];
        let text = (0..length).map(pick).collect::<Vec<_>>().join(" ");
        if let Ok(operator) = bind(&text, "", &infos) {
            in_tiles(&*operator, &[&a, &b], Size::new(3, 1)).unwrap();
            bound += 1;
        }
    }
    assert!(bound > 500, "{bound}");
}
