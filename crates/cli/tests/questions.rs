//! What whole rasters are asked: figures frozen from Python (exact fractions for sums and deviations, numpy 2 for
//! percentiles and histograms), read through `rasterio`.

#![allow(clippy::unwrap_used)]

mod command;

use command::Folder;
use serde_json::{Value, json};

/// A scene of 60,000 pixels and two bands as `u16`, and the same scaled as `f32`.
fn scenes() -> Folder {
    let folder = Folder::new();
    folder.well("generate a.tif --size 300x200 --seed 5 --bands 2 --quiet");
    folder.well("cast a.tif f.tif --type f32 --scale 0.37 --offset -100 --quiet");
    folder
}

fn answer(folder: &Folder, line: &str) -> Value {
    serde_json::from_str(&folder.well(line)).unwrap()
}

fn band(sum: f64, range: [f64; 2], mean: f64, deviation: f64, percentiles: [f64; 4]) -> Value {
    let [p2, p50, p98, p999] = percentiles;
    json!({
        "count": 60_000, "missing": 0, "minimum": range[0], "maximum": range[1], "sum": sum, "mean": mean,
        "standard_deviation": deviation,
        "percentiles": {"2": p2, "50": p50, "98": p98, "99.9": p999},
    })
}

#[test]
fn statistics_are_those_of_exact_arithmetic() {
    let folder = scenes();
    let integers = [
        band(
            50_287_771.0,
            [181.0, 1243.0],
            838.1295166666666,
            217.6126231987314,
            [279.0, 907.0, 1059.0, 1162.0],
        ),
        band(
            53_484_284.0,
            [232.0, 1229.0],
            891.4047333333333,
            194.90633842334518,
            [376.0, 951.0, 1098.0, 1162.0],
        ),
    ];
    let floats = [
        band(
            12_606_475.272044413,
            [-33.029998779296875, 359.9100036621094],
            210.1079212007402,
            80.51667059864418,
            [3.230_000_019_073_486_3, 235.58999633789062, 291.8299865722656, 329.94000244140625],
        ),
        band(
            13_789_185.080527037,
            [-14.15999984741211, 354.7300109863281],
            229.81975134211729,
            72.11534521970731,
            [39.119998931884766, 251.8699951171875, 306.260009765625, 329.94000244140625],
        ),
    ];
    for (file, bands) in [("a.tif", integers), ("f.tif", floats)] {
        for way in ["", "--tile 64x48 --threads 2", "--tile 17x31 --threads 8", "--io pread --threads 1"] {
            let found = answer(&folder, &format!("stats {file} --percentiles 2,50,98,99.9 --json {way}"));
            for (number, band) in bands.iter().enumerate() {
                let mut band = band.clone();
                band["band"] = json!(number + 1);
                assert_eq!(found[number], band, "{file} {way}");
            }
        }
    }
}

#[test]
fn histograms_are_numpys() {
    let folder = scenes();
    let own = [[3861, 4314, 23, 6, 6638, 35340, 9519, 299], [622, 6447, 1106, 4, 2537, 28163, 20194, 927]];
    for file in ["a.tif", "f.tif"] {
        let found = answer(&folder, &format!("histogram {file} --bins 8 --json --tile 50x50"));
        assert_eq!([&found[0]["bins"], &found[1]["bins"]], [&json!(own[0]), &json!(own[1])]);
    }
    let found = answer(&folder, "histogram f.tif --bins 5 --range 0,500 --json");
    assert_eq!(found[0]["bins"], json!([7361, 2331, 48806, 665, 0]));
    assert_eq!(found[1]["bins"], json!([8126, 403, 49324, 2129, 0]));
    assert_eq!([&found[0]["below"], &found[0]["above"]], [837, 0]);
}

#[test]
fn nodata_is_left_out() {
    let folder = scenes();
    let all = answer(&folder, "stats a.tif --json");
    let some = answer(&folder, "stats a.tif --nodata-value 907 --json");
    let as_values = answer(&folder, "stats a.tif --nodata-value 907 --nodata value --json");
    assert_eq!(all, as_values);
    let missing = some[0]["missing"].as_u64().unwrap();
    assert!(missing > 0);
    assert_eq!(some[0]["count"], 60_000 - missing);
    assert_eq!(some[0]["sum"].as_f64().unwrap(), 50_287_771.0 - 907.0 * missing as f64);
}

#[test]
fn reductions_of_all_pixels_are_printed() {
    let folder = scenes();
    let one = |op: &str| {
        answer(&folder, &format!("reduce a.tif --op {op} --json"))[0][op.split(' ').next().unwrap()].clone()
    };
    assert_eq!(one("sum"), 50_287_771.0);
    assert_eq!(one("std --ddof 1"), 217.614_436_659_926_35);
    assert_eq!(one("all"), true);
    // The first of the greatest, and the middle of its pixel.
    assert_eq!(one("argmax"), json!({"x": 61, "y": 186, "value": 1243.0, "map": [400_575.0, 5_298_175.0]}));
    let said = folder.well("reduce a.tif --op argmax");
    assert!(said.contains("argmax map      400575.0, 5298175.0"), "{said}");
    assert_eq!(folder.run("reduce a.tif o.tif --op sum").code, 2);
    assert_eq!(folder.run("reduce a.tif --op sum --axis x").code, 2);
    folder.well("reduce a.tif y.tif --op sum --axis y --quiet");
    assert_eq!(answer(&folder, "stats y.tif --json")[0]["sum"], 50_287_771.0);
}

#[test]
fn plans_tell_the_sweeps() {
    let folder = scenes();
    assert_eq!(answer(&folder, "percentiles a.tif --plan --json")["passes"], 1);
    assert_eq!(answer(&folder, "percentiles f.tif --plan --json")["passes"], 2);
    assert_eq!(answer(&folder, "histogram f.tif --plan --json")["passes"], 2);
    assert_eq!(folder.run("percentiles a.tif --percentiles 101").code, 2);
    assert_eq!(folder.run("histogram a.tif --range 5,1").code, 2);
    assert_eq!(folder.run("stats missing.tif").code, 1);
    assert_eq!(folder.run("stats a.tif --memory 1MiB").code, 3);
}

#[test]
fn histograms_are_drawn() {
    let folder = Folder::new();
    folder.well("generate scene.tif --size 300x200 --bands 3 --type u16");
    folder.well("histogram scene.tif --bins 3000 --svg chart.svg --json");
    let svg = std::fs::read_to_string(folder.file("chart.svg")).unwrap();
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    assert_eq!(svg.matches("60\u{2009}000 pixels").count(), 3, "{svg}");
    let again = folder.run("histogram scene.tif --svg chart.svg");
    assert_eq!((again.code, again.stdout.as_str()), (2, ""), "{}", again.stderr);
    folder.well("histogram scene.tif --svg chart.svg --overwrite");
    assert_eq!(folder.names(), ["chart.svg", "scene.tif"]);
}
