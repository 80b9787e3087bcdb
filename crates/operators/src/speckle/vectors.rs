//! Every speckle filter against numbers from outside: those in SNAP's own tests, and a plain program's.

use crate::trial::{self, TrialRaster};

/// The numbers 1 to 16 in four rows, on which SNAP tests its filters.
fn ramp() -> TrialRaster {
    trial::raster::<i32>(&[&[&[1, 2, 3, 4], &[5, 6, 7, 8], &[9, 10, 11, 12], &[13, 14, 15, 16]]])
}

/// The block on which SNAP tests its refined Lee filter.
const BLOCK: [[f64; 7]; 7] = [
    [99.0, 105.0, 124.0, 138.0, 128.0, 34.0, 62.0],
    [105.0, 91.0, 140.0, 98.0, 114.0, 63.0, 31.0],
    [107.0, 94.0, 128.0, 138.0, 96.0, 61.0, 82.0],
    [137.0, 129.0, 136.0, 105.0, 100.0, 55.0, 85.0],
    [144.0, 145.0, 113.0, 132.0, 119.0, 39.0, 50.0],
    [102.0, 97.0, 102.0, 110.0, 103.0, 34.0, 53.0],
    [107.0, 146.0, 115.0, 123.0, 101.0, 76.0, 56.0],
];

fn run(name: &str, text: &str, input: &TrialRaster) -> Vec<Vec<f64>> {
    let text = format!("type=f64 {text}");
    trial::run(crate::find(name).unwrap(), &text, input).unwrap().rows::<f64>(0)
}

#[test]
fn agrees_with_snap() {
    // SpeckleFilterOperatorTest of NEST 4 and SNAP, 3x3, in its order; SNAP stores f32.
    let mean = [
        2.6666667, 3.3333333, 4.3333335, 5.0, 5.3333335, 6.0, 7.0, 7.6666667, 9.333333, 10.0, 11.0,
        11.666667, 12.0, 12.666667, 13.666667, 14.333333,
    ];
    let frost = [
        2.3268945, 3.1592662, 4.2424283, 4.956943, 5.289399, 6.0, 7.0, 7.684779, 9.321723, 10.0, 11.0,
        11.673815, 12.006711, 12.675643, 13.674353, 14.34112,
    ];
    let cases = [
        ("frost", "size=3 damping=2 distance=chebyshev boundary=nearest", frost),
        ("lee", "size=3 looks=1 boundary=nearest", mean),
        ("gamma-map", "size=3 looks=1 boundary=nearest", mean),
    ];
    for (name, text, expected) in cases {
        for (found, expected) in run(name, text, &ramp()).concat().iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{name} {text}: {found} is not {expected}");
        }
    }
}

/// The middle row of the block, 3x3 and past the edge the nearest pixel unless something else is said; expected from
/// a two-pass program in numpy. The samples of the block are tenths of a decibel in `domain=db`.
#[rustfmt::skip] // one line a filter
const PLAIN: &[(&str, &str, [f64; 7])] = &[
    ("lee", "looks=20", [127.11111111111111, 125.88888888888889, 124.44444444444444, 118.55555555555556, 97.80141578939117, 63.79721108227831, 72.20414777930762]),
    ("lee", "looks=6 domain=amplitude", [127.11111111111111, 125.88888888888889, 124.44444444444444, 118.55555555555556, 97.9977105910303, 63.01177525678628, 73.34659174908796]),
    ("lee", "looks=20 domain=db", [13.48557063720258, 12.891093897759834, 13.239309555774879, 11.232189167089029, 10.055497251180563, 6.002386782372921, 8.046130611146053]),
    ("kuan", "looks=20", [127.11111111111111, 125.88888888888889, 124.44444444444444, 118.55555555555556, 97.61510498460535, 64.3941692847095, 71.88225714431414]),
    ("kuan", "looks=20 ddof=0", [127.11111111111111, 125.88888888888889, 124.44444444444444, 118.55555555555556, 97.35336876905669, 65.44145631831407, 70.35894140375552]),
    ("gamma-map", "looks=20", [127.11111111111111, 125.88888888888889, 124.44444444444444, 118.55555555555556, 100.0, 55.0, 70.54491684473807]),
    ("gamma-map", "looks=30", [127.11111111111111, 125.88888888888889, 124.44444444444444, 118.55555555555556, 100.0, 55.0, 85.0]),
    ("frost", "damping=0.1", [127.11562655558959, 125.89060092770566, 124.4458509815526, 118.55435310357772, 93.9019478703541, 76.28117869508301, 65.47158230432042]),
    ("frost", "size=5 damping=2", [118.65681071313472, 118.1467978289107, 115.64173490732531, 103.4331157779552, 92.30710170932875, 77.72965955866998, 67.5610673126642]),
    ("frost", "size=5 damping=2 distance=chebyshev ddof=0", [118.59155450249791, 118.07756875559143, 115.58577249399944, 102.80222767098006, 91.84080891355826, 78.04429658646319, 67.54619021009977]),
    ("frost", "size=5 damping=5 domain=db", [12.762847500115441, 12.56131087252344, 12.388517007347946, 11.524733270464534, 10.126042170923736, 6.428883211881734, 7.8824792348278185]),
    ("enhanced-lee", "looks=20", [127.11111111111111, 125.88888888888889, 124.44444444444444, 118.55555555555556, 95.0991181547816, 72.85739202525684, 66.73715116104083]),
    ("enhanced-lee", "looks=20 damping=2 cmax=seed ddof=0 boundary=reflect", [127.11111111111111, 125.88888888888889, 124.44444444444444, 118.55555555555556, 94.14176202054048, 75.61057386354489, 65.67870943468508]),
    ("enhanced-frost", "looks=20", [127.11111111111111, 125.88888888888889, 124.44444444444444, 118.55555555555556, 94.11304402354787, 75.53520837497169, 65.69178358148288]),
    ("enhanced-frost", "looks=30 size=5 damping=3 distance=chebyshev cmax=seed", [118.4, 117.92, 115.4, 101.98321381050798, 91.57654793842003, 78.5825856286263, 67.48274190073157]),
];

#[test]
fn agrees_with_a_plain_program() {
    for &(name, text, expected) in PLAIN {
        let decibels = text.contains("domain=db");
        let scale = if decibels { 10.0 } else { 1.0 };
        let rows = BLOCK.map(|row| row.map(|number| number / scale));
        let rows: Vec<&[f64]> = rows.iter().map(<[f64; 7]>::as_slice).collect();
        let size = if text.contains("size=") { "" } else { "size=3" };
        let boundary = if text.contains("boundary=") { "" } else { "boundary=nearest" };
        let text = format!("{size} {boundary} {text}");
        let output = run(name, &text, &trial::raster::<f64>(&[&rows]));
        for (x, (found, expected)) in output[3].iter().zip(expected).enumerate() {
            assert!(
                (found / expected - 1.0).abs() < 1e-12,
                "{name} {text} at {x}: {found} is not {expected}"
            );
        }
    }
}

/// The scene and the block in `fixtures/speckle`, whose results are in `expected.tsv` beside them. `in none` puts pixels
/// without data around, as SNAP has it at the edge of a raster.
fn scene(name: &str) -> TrialRaster {
    let bytes: &[u8] = match name {
        "scene" => include_bytes!("../../../../fixtures/speckle/scene.npy"),
        "towns" => include_bytes!("../../../../fixtures/speckle/towns.npy"),
        _ => include_bytes!("../../../../fixtures/speckle/block.npy"),
    };
    let array = crate::npy::Array::parse(bytes.strip_prefix(b"\x93NUMPY").unwrap(), 1 << 10).unwrap();
    let rows = array.values.chunks(*array.shape.last().unwrap());
    if name != "block in none" {
        let rows = rows.map(|row| row.iter().map(|&number| number as f32).collect::<Vec<_>>());
        let rows = rows.collect::<Vec<_>>();
        return trial::raster::<f32>(&[&rows.iter().map(Vec::as_slice).collect::<Vec<_>>()]);
    }
    let margin = [f64::NAN; 3];
    let empty = vec![[f64::NAN; 13].to_vec(); 3];
    let rows = rows.map(|row| [&margin, row, &margin].concat()).collect::<Vec<_>>();
    let rows = [&empty[..], &rows, &empty].concat();
    trial::raster::<f64>(&[&rows.iter().map(Vec::as_slice).collect::<Vec<_>>()])
}

#[test]
fn agrees_with_otb_and_with_plain_programs() {
    let mut cases = 0;
    for line in include_str!("../../../../fixtures/speckle/expected.tsv").lines() {
        let [file, name, text, tolerance, numbers] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let (tolerance, output) = (tolerance.parse::<f64>().unwrap(), run(name, text, &scene(file)));
        let whole = file != "block in none";
        let inside = |row: &Vec<f64>| if whole { row.clone() } else { row[3..10].to_vec() };
        let rows = if whole { &output[..] } else { &output[3..10] };
        let found = rows.iter().flat_map(inside).collect::<Vec<_>>();
        let expected = numbers.split(' ').map(|number| number.parse::<f64>().unwrap()).collect::<Vec<_>>();
        assert_eq!(found.len(), expected.len(), "{line}");
        for (place, (found, expected)) in found.iter().zip(&expected).enumerate() {
            let error = (found - expected).abs() / expected.abs();
            assert!(error < tolerance, "{file} {name} {text}, pixel {place}: {found} is not {expected}");
        }
        cases += 1;
    }
    assert_eq!(cases, 32);
}

#[test]
fn an_even_raster_stays_as_it_is() {
    for name in ["lee", "kuan", "gamma-map", "frost", "enhanced-lee", "enhanced-frost"] {
        let looks = if name == "frost" { "" } else { "looks=4" };
        for level in [0, 9] {
            let row = [level; 5];
            let input = trial::raster::<u16>(&[&[&row, &row, &row]]);
            let output = run(name, &format!("size=3 {looks}"), &input);
            assert_eq!(output, [[f64::from(level); 5]; 3], "{name}");
        }
    }
}
