//! Promise 1, constant memory, at its hardest: everything that there is, with the largest window and the most repetitions
//! it allows, completes within the least budget that its refusal names, as the command and the kernel count it.

use std::path::Path;

use swathe_tests::{assert_all, folder, run_measured};

/// 700 x 500, one band of `u16`.
const GRAY: &[&str] = &["gray.tif"];
/// The same in 120 x 90, for what computes much for each pixel.
const SMALL: &[&str] = &["small.tif"];
/// The same in 40 x 30, for what computes more still.
const TINY: &[&str] = &["tiny.tif"];
/// As gray in `f64`, which is searched in four sweeps.
const REAL: &[&str] = &["real.tif"];
/// Three bands of `u8`.
const THREE: &[&str] = &["three.tif"];
/// Two bands of `f32`.
const TWO: &[&str] = &["two.tif"];
const PAIR: &[&str] = &["gray.tif", "gray.tif"];

/// A name, the rasters it reads, and its parameters.
type Run = (&'static str, &'static [&'static str], &'static [&'static str]);

/// The largest that each operator, scan and question allows, as on its command line; for sizes that no memory holds, the
/// largest that the test's machine can bear ([`TOO_LARGE`] has what is refused).
#[rustfmt::skip] // one line a run
const LARGEST: &[Run] = &[
    ("accumulate", GRAY, &["--axis", "y"]),
    ("aspect", GRAY, &["--compute-edges"]),
    ("blackhat", GRAY, &["--size", "255", "--iterations", "2"]),
    ("calc", TINY, &["A[4096,-4096] + A[-4096,4096]"]),
    ("cast", GRAY, &["--type", "f64"]),
    ("close", SMALL, &["--size", "1023"]),
    ("cmyk", THREE, &["--lut", "LUT"]),
    ("components", GRAY, &["--of", "equal", "--connectivity", "8"]),
    ("convolve", SMALL, &["--kernel", "KERNEL"]),
    ("copy", GRAY, &["--window", "0,0,640,448"]),
    ("cv", SMALL, &["--size", "1447"]),
    ("cv", SMALL, &["--size", "723", "--std", "chained"]),
    ("difference-of-gaussians", TINY, &["--low-sigma", "100", "--high-sigma", "400"]),
    ("dilate", SMALL, &["--size", "1023", "--shape", "disk"]),
    ("distance", GRAY, &["--values", "40000", "--type", "f64"]),
    ("enhanced-frost", SMALL, &["--size", "101", "--looks", "auto"]),
    ("enhanced-lee", GRAY, &["--size", "101", "--looks", "auto", "--std", "chained"]),
    ("equalize", GRAY, &[]),
    ("equalize", THREE, &[]),
    ("erode", GRAY, &["--size", "1023"]),
    ("erode", SMALL, &["--size", "3", "--iterations", "1000"]),
    ("flip", GRAY, &["--axis", "both"]),
    ("flow", PAIR, &["--window", "255"]),
    ("flow", &["small.tif", "small.tif"], &["--method", "pyrlk", "--levels", "4", "--iterations", "2", "--window", "31"]),
    ("flow-colour", TWO, &[]),
    ("frost", SMALL, &["--size", "101"]),
    ("gamma-map", GRAY, &["--size", "101", "--looks", "auto"]),
    ("gaussian", TINY, &["--sigma", "500"]),
    ("gaussian", GRAY, &["--sigma", "10000", "--size", "65535"]),
    ("gaussian", SMALL, &["--sigma", "3", "--size", "65535"]),
    ("gaussian", TINY, &["--sigma", "900", "--size", "2001x4001"]),
    ("hillshade", GRAY, &["--combined"]),
    ("histogram", REAL, &["--bins", "10000"]),
    ("integral", GRAY, &["--type", "f64"]),
    ("kuan", GRAY, &["--size", "101", "--looks", "auto"]),
    ("laplacian", GRAY, &[]),
    ("lee", GRAY, &["--size", "101", "--looks", "auto"]),
    ("lee-sigma", GRAY, &["--size", "101", "--looks", "4", "--target-size", "5"]),
    ("lut", GRAY, &["--table", "0,0; 100,50; 65535,255"]),
    ("maximum", GRAY, &["--size", "1023"]),
    ("mean", TINY, &["--size", "9999"]),
    ("median", SMALL, &["--size", "1023"]),
    ("median", SMALL, &["--footprint", "FOOTPRINT"]),
    ("minimum", GRAY, &["--size", "1023"]),
    ("mode", SMALL, &["--size", "63"]),
    ("morphological-gradient", GRAY, &["--size", "1023"]),
    ("open", TINY, &["--size", "1023", "--shape", "diamond"]),
    ("percentile", SMALL, &["--percentile", "90", "--size", "1023"]),
    ("percentiles", REAL, &["--percentiles", "0,1,2,5,10,20,30,40,50,60,70,80,90,95,98,99"]),
    ("prewitt", GRAY, &[]),
    ("rank", SMALL, &["--rank", "7", "--size", "1023"]),
    ("reduce", THREE, &["--op", "mean", "--axis", "band"]),
    ("reduce", GRAY, &["--op", "std", "--axis", "y"]),
    ("refined-lee", GRAY, &[]),
    ("register", PAIR, &["--method", "phase", "--pad", "linear"]),
    ("register", PAIR, &["--method", "chips", "--chip-size", "128", "--search", "64"]),
    ("resize", GRAY, &["--size", "7x5", "--method", "lanczos"]),
    ("resize", GRAY, &["--size", "7x5", "--method", "median"]),
    ("resize", SMALL, &["--scale", "3", "--method", "cubic"]),
    ("rotate90", GRAY, &[]),
    ("roughness", GRAY, &[]),
    ("scharr", GRAY, &[]),
    ("slope", GRAY, &["--percent"]),
    ("sobel", GRAY, &["--norm", "l1"]),
    ("stats", REAL, &["--percentiles", "2,50,98"]),
    ("stddev", SMALL, &["--size", "1447"]),
    ("stretch", GRAY, &[]),
    ("stretch", REAL, &["--type", "u8"]),
    ("tophat", GRAY, &["--size", "511", "--shape", "cross"]),
    ("tpi", GRAY, &[]),
    ("transpose", GRAY, &[]),
    ("tri", GRAY, &[]),
    ("unsharp", TINY, &["--sigma", "300"]),
    ("variance", SMALL, &["--size", "1447"]),
];

/// What is refused on any machine of today, for want of memory.
const TOO_LARGE: &[Run] = &[
    ("open", GRAY, &["--size", "1023", "--iterations", "1000"]),
    ("flow", PAIR, &["--method", "pyrlk", "--levels", "8", "--iterations", "100", "--window", "255"]),
];

/// Windows that are wider than any may be.
const NO_WINDOW: &[Run] = &[
    ("gaussian", GRAY, &["--sigma", "10000", "--truncate", "100"]),
    ("unsharp", GRAY, &["--sigma", "10000", "--truncate", "100"]),
];

/// What prints what it finds and writes no raster.
const PRINTING: [&str; 4] = ["histogram", "percentiles", "register", "stats"];

/// Budgets above this are not tried.
const MOST_MIB: u64 = 2048;

fn text(path: &Path) -> &str {
    path.to_str().expect("the build's folder has a name in UTF-8")
}

fn words(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

/// What the command says would be the least budget, in MiB.
fn least_budget(arguments: &[&str]) -> Result<u64, String> {
    let run = run_measured(&[arguments, &["--memory", "1MiB"]].concat());
    if run.status.code() != Some(3) {
        return Err(format!("{arguments:?} in 1 MiB: {}\n{}", run.status, run.stderr));
    }
    let words = run.stderr.split("--memory ").nth(1).and_then(|rest| rest.split("MiB").next());
    words
        .and_then(|number| number.parse().ok())
        .ok_or_else(|| format!("{arguments:?} in 1 MiB names no budget: {}", run.stderr))
}

struct Scenes {
    folder: tempfile::TempDir,
}

impl Scenes {
    fn new() -> Self {
        let scenes = Scenes { folder: folder() };
        for (name, size, bands, sample_type) in [
            ("gray.tif", "700x500", "1", "u16"),
            ("small.tif", "120x90", "1", "u16"),
            ("tiny.tif", "40x30", "1", "u16"),
            ("real.tif", "700x500", "1", "f64"),
            ("three.tif", "700x500", "3", "u8"),
            ("two.tif", "700x500", "2", "f32"),
        ] {
            let scene = scenes.path(name);
            let options = ["--size", size, "--bands", bands, "--type", sample_type, "--quiet"];
            let run = run_measured(&[&["generate", &scene][..], &options].concat());
            assert!(run.status.success(), "{}", run.stderr);
        }
        // A kernel that is no product of a row and a column, a footprint with holes, and a table of two nodes.
        let kernel =
            (0..151).map(|y| (0..151).map(|x| format!("{} ", x * y % 7 + 1)).collect::<String>() + "\n");
        let footprint = (0..255)
            .map(|y| (0..255).map(|x| if x * y % 3 == 0 { "1 " } else { "0 " }).collect::<String>() + "\n");
        let table = (0..8).map(|node| format!("{} 0.25 0.5 {}\n", node % 2, node / 4));
        let write = |name: &str, lines: String| std::fs::write(scenes.path(name), lines);
        write("KERNEL", kernel.collect()).expect("the folder can be written");
        write("FOOTPRINT", footprint.collect()).expect("the folder can be written");
        write("LUT", table.collect()).expect("the folder can be written");
        scenes
    }

    fn path(&self, name: &str) -> String {
        text(&self.folder.path().join(name)).to_owned()
    }

    /// The command line of one run, which writes a file of its own.
    fn arguments(&self, number: usize, (name, inputs, parameters): Run) -> Vec<String> {
        let output = self.path(&format!("{name}-{number}.tif"));
        let inputs = inputs.iter().map(|input| self.path(input)).collect::<Vec<_>>();
        let parameter = |word: &&str| match *word {
            "KERNEL" | "FOOTPRINT" | "LUT" => self.path(word),
            word => word.to_owned(),
        };
        let parameters = parameters.iter().map(parameter).collect::<Vec<_>>();
        let files = match name {
            // Its one parameter stands behind the output.
            "calc" => {
                let variable = vec!["-A".to_owned(), inputs[0].clone()];
                return [vec!["calc".to_owned(), output], parameters, variable, self.ways()].concat();
            }
            _ if PRINTING.contains(&name) => inputs,
            _ => [inputs, vec![output, "--flush".into(), "no".into()]].concat(),
        };
        [vec![name.to_owned()], files, parameters, self.ways()].concat()
    }

    fn ways(&self) -> Vec<String> {
        let scratch = text(self.folder.path());
        ["--quiet", "--threads", "2", "--scratch", scratch].map(str::to_owned).to_vec()
    }
}

/// The name of everything that the command can compute.
fn listed() -> Vec<String> {
    let run = run_measured(&["operators", "--json"]);
    assert!(run.status.success(), "{}", run.stderr);
    let list: serde_json::Value = serde_json::from_str(&run.stdout).expect("the list is JSON");
    let names = list.as_array().into_iter().flatten().filter_map(|item| item["name"].as_str());
    names.map(str::to_owned).collect()
}

#[test]
fn everything_at_its_largest_completes_within_the_budget_that_its_refusal_names() {
    let listed = listed();
    assert!(listed.len() > 50, "{listed:?}");
    for name in &listed {
        assert!(LARGEST.iter().any(|(tried, ..)| tried == name), "`{name}` is not tried: give it a row");
    }
    let scenes = Scenes::new();
    let runs = LARGEST.iter().enumerate().collect::<Vec<_>>();
    assert_all(&runs, |&(number, run)| {
        let arguments = scenes.arguments(number, *run);
        let arguments = words(&arguments);
        let least = least_budget(&arguments)?;
        if least > MOST_MIB {
            return Err(format!("{arguments:?} would need {least} MiB"));
        }
        let (budget, report) = (format!("{least}MiB"), scenes.path(&format!("report-{number}.json")));
        let run = run_measured(&[&arguments[..], &["--memory", &budget, "--report", &report]].concat());
        if !run.status.success() {
            return Err(format!(
                "{arguments:?} in {budget}, which it asked for: {}\n{}",
                run.status, run.stderr
            ));
        }
        let report = std::fs::read_to_string(&report).map_err(|error| error.to_string())?;
        let report: serde_json::Value = serde_json::from_str(&report).map_err(|error| error.to_string())?;
        // What sweeps more than once without a raster to write reports every sweep.
        let report = report.as_array().and_then(|reports| reports.last()).unwrap_or(&report);
        let own = report["measured_peak_bytes"].as_u64().ok_or("no peak is reported")?;
        let (peak, predicted) = (own.max(run.peak_bytes), &report["plan"]["predicted_peak_bytes"]);
        if peak > least << 20 {
            return Err(format!("{arguments:?}: {peak} bytes in {budget}, {predicted} predicted"));
        }
        Ok(())
    });
}

#[test]
fn what_no_memory_holds_is_refused_at_once_with_the_budget_that_would_do() {
    let scenes = Scenes::new();
    for (number, run) in TOO_LARGE.iter().enumerate() {
        let arguments = scenes.arguments(number, *run);
        let least = least_budget(&words(&arguments)).expect("a budget is named");
        assert!(least > MOST_MIB, "{arguments:?} fits into {least} MiB");
    }
    for (number, run) in NO_WINDOW.iter().enumerate() {
        let arguments = scenes.arguments(number, *run);
        let run = run_measured(&words(&arguments));
        assert_eq!(run.status.code(), Some(2), "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.contains("wider than"), "{arguments:?}: {}", run.stderr);
    }
}
