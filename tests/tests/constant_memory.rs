//! Promise 1, constant memory: the command's peak stays under its budget and does not grow with the raster. Measured
//! twice: by the command itself (`VmHWM`), and by the kernel for whoever waits for it.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use swathe_tests::{Measured, folder, run_measured};

/// The budget in MiB.
const BUDGET: u64 = 48;
/// A scene and one nine times as large.
const SCENES: [&str; 2] = ["4000x3000", "12000x9000"];
/// The same for samples of 12 bytes a pixel.
const WIDE_SCENES: [&str; 2] = ["2700x2100", "6300x5100"];
/// Wider than a stripe, and three times as wide.
const BROAD_SCENES: [&str; 2] = ["17000x1200", "51000x1200"];
/// Holds all the decoded blocks of a row of the first, and not of the second.
const BROAD_BUDGET: u64 = 96;
/// Scenes are large: one test at a time holds any on the disk.
static DISK: Mutex<()> = Mutex::new(());

/// What one run took, by every account.
#[derive(Debug)]
struct Peak {
    /// What the plan foresaw.
    predicted: u64,
    /// What the command found.
    own: u64,
    /// What the kernel told this test.
    kernel: u64,
}

impl Peak {
    fn most(&self) -> u64 {
        self.own.max(self.kernel)
    }
}

fn succeeded(arguments: &[&str]) -> Measured {
    let run = run_measured(arguments);
    assert!(run.status.success(), "{arguments:?}: {}\n{}", run.status, run.stderr);
    run
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the build's folder has a name in UTF-8")
}

fn generate(scene: &Path, size: &str, layout: &[&str]) {
    let options = ["generate", text(scene), "--pattern", "noise", "--flush", "no", "--quiet", "--size", size];
    succeeded(&[&options, layout].concat());
}

/// Runs the command on a scene, and checks its peak against the budget and the plan.
fn measure(folder: &Path, scene: &Path, budget: u64, before: &[&str], after: &[&str]) -> Peak {
    let (output, report) = (folder.join("output.tif"), folder.join("report.json"));
    let (memory, budget) = (format!("{budget}MiB"), budget << 20);
    let options = [
        "--memory",
        memory.as_str(),
        "--threads",
        "2",
        "--flush",
        "no",
        "--quiet",
        "--overwrite",
        "--report",
        text(&report),
    ];
    let run = succeeded(&[before, &[text(scene), text(&output)], after, &options].concat());
    let report = std::fs::read_to_string(&report).expect("the report was written");
    let report: serde_json::Value = serde_json::from_str(&report).expect("the report is JSON");
    let number = |value: &serde_json::Value| value.as_u64().expect("the report has it as a number");
    let peak = Peak {
        predicted: number(&report["plan"]["predicted_peak_bytes"]),
        own: number(&report["measured_peak_bytes"]),
        kernel: run.peak_bytes,
    };
    assert!(peak.most() <= budget, "{before:?} {after:?}: {peak:?} is over {budget}");
    assert!(peak.most() <= peak.predicted, "{before:?} {after:?}: {peak:?} is over the plan");
    // The kernel's own count comes after the report was written, and lags behind by what each CPU has not added up.
    assert!(peak.own.abs_diff(peak.kernel) < 2 << 20, "{peak:?}");
    peak
}

/// The command on a small scene and on a large one.
fn compare(sizes: [&str; 2], layout: &[&str], before: &[&str], after: &[&str]) {
    compare_within(BUDGET, sizes, layout, before, after);
}

fn compare_within(budget: u64, sizes: [&str; 2], layout: &[&str], before: &[&str], after: &[&str]) {
    let _alone = DISK.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = folder();
    let (small, large) = (folder.path().join("small.tif"), folder.path().join("large.tif"));
    generate(&small, sizes[0], layout);
    generate(&large, sizes[1], layout);
    // By its own choice the plan may take larger tiles for a larger raster, within the budget.
    let measure = |scene: &Path, after: &[&str]| measure(folder.path(), scene, budget, before, after);
    measure(&small, after);
    measure(&large, after);
    // Small enough that every worker of either has a whole tile, and the next.
    let tile = [after, &["--tile", "512x512"]].concat();
    let (small, large) = (measure(&small, &tile), measure(&large, &tile));
    assert!(
        large.most() as f64 <= 1.05 * small.most() as f64,
        "{before:?} {after:?} on {layout:?}: {small:?}, and {large:?} for {}",
        sizes[1]
    );
}

#[test]
fn tiles_to_tiles() {
    compare(SCENES, &[], &["gaussian"], &["--sigma", "2.2"]);
}

#[test]
fn tiles_to_strips_by_positioned_reads() {
    compare(SCENES, &[], &["gaussian"], &["--sigma", "2.2", "--io", "pread", "--strips", "16"]);
}

#[test]
fn strips_to_tiles_through_memory_maps() {
    let mapped = ["--sigma", "2.2", "--write-method", "mmap", "--io", "mmap"];
    compare(SCENES, &["--strips", "16"], &["gaussian"], &mapped);
}

#[test]
fn overviews_on_the_way() {
    compare(SCENES, &[], &["copy"], &["--format", "cog", "--compress", "zstd:1"]);
}

#[test]
fn bands_apart_and_wide_samples() {
    compare(
        WIDE_SCENES,
        &["--bands", "3", "--type", "f32", "--interleave", "band", "--block", "512x128"],
        &["mean"],
        &["--size", "9", "--type", "u8", "--interleave", "pixel"],
    );
}

/// What is kept of decoded blocks for the next row of tiles is as wide as a stripe, not as the raster.
#[test]
fn compressed_tiles_to_compressed_tiles() {
    let zstd = ["--compress", "zstd:1"];
    let (before, after) = (&["gaussian"], [&["--sigma", "2.2"], &zstd[..]].concat());
    compare_within(BROAD_BUDGET, BROAD_SCENES, &zstd, before, &after);
}

#[test]
fn chunks_to_chunks() {
    let zarr = ["--format", "zarr", "--compress", "zstd:1"];
    compare(SCENES, &zarr, &["gaussian"], &[&["--sigma", "2.2"], &zarr[..]].concat());
}

/// The smallest tile of this output needs 8000 x 8000 pixels; its pixels are computed some at a time.
#[test]
fn few_pixels_from_many() {
    let _alone = DISK.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = folder();
    let scene = folder.path().join("scene.tif");
    generate(&scene, "12000x9000", &[]);
    for method in ["average", "lanczos"] {
        let parameters = ["--size", "24x18", "--method", method];
        measure(folder.path(), &scene, BUDGET, &["resize"], &parameters);
        let ample = folder.path().join("ample.tif");
        let arguments = ["resize", text(&scene), text(&ample), "--memory", "2GiB", "--quiet", "--overwrite"];
        succeeded(&[&arguments[..], &parameters].concat());
        let read = |name: &str| std::fs::read(folder.path().join(name)).expect("the output was written");
        assert!(read("output.tif") == read("ample.tif"), "{method}: pieces show");
    }
}

/// Bins, their counts and the text that tells them.
#[test]
fn as_many_bins_as_the_budget_holds() {
    let _alone = DISK.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = folder();
    let (scene, reals) = (folder.path().join("scene.tif"), folder.path().join("reals.tif"));
    generate(&scene, "2000x1500", &[]);
    generate(&reals, "2000x1500", &["--type", "f32"]);
    let histogram = |file: &std::path::Path, options: &[&str]| {
        run_measured(&[&["histogram", text(file), "--bins", "1000000"], options].concat())
    };
    for file in [&scene, &reals] {
        for way in [&["--json"][..], &[]] {
            let run = histogram(file, &[way, &["--memory", "32MiB"]].concat());
            assert!(run.status.success(), "{}", run.stderr);
            assert!(run.peak_bytes <= 32 << 20, "{} bytes", run.peak_bytes);
        }
        let refused = histogram(file, &["--memory", "16MiB"]);
        assert_eq!(refused.status.code(), Some(3), "{}", refused.stderr);
        assert!(refused.stderr.contains("--memory"), "{}", refused.stderr);
    }
}

/// What the promise says where the budget cannot hold the plan.
#[test]
fn a_plan_that_cannot_fit_says_so_before_it_starts() {
    let folder = folder();
    let (scene, output) = (folder.path().join("scene.tif"), folder.path().join("output.tif"));
    generate(&scene, "3000x2000", &[]);
    let run = run_measured(&["gaussian", text(&scene), text(&output), "--sigma", "2.2", "--memory", "1MiB"]);
    assert_eq!(run.status.code(), Some(3), "{}", run.stderr);
    assert!(run.stderr.contains("1024 KiB") || run.stderr.contains("1 MiB"), "{}", run.stderr);
    assert!(!output.exists());
    let words = run.stderr.split("--memory ").nth(1).unwrap_or_default();
    let least: String = words.chars().take_while(char::is_ascii_alphanumeric).collect();
    assert!(least.ends_with("MiB"), "{}", run.stderr);
    // What it says would do does.
    succeeded(&["gaussian", text(&scene), text(&output), "--sigma", "2.2", "--memory", &least, "--quiet"]);
}
