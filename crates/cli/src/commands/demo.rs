//! `swathe demo`: the main job on a scene several times larger than the budget.

use std::collections::BTreeMap;
use std::path::Path;

use clap::ArgMatches;
use swathe::{
    Error, Input, JOB_VERSION, Job, Output, Pipeline, PreviewOptions, RunSettings, Size, Step,
    SyntheticOptions, Window,
};

use super::generate::size_of;
use crate::exit::{Done, print};
use crate::operators::run_plan;
use crate::progress::Shown;
use crate::words;

/// Pixels of the scene that the picture shows one to one.
const CROP: usize = 640;

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches) -> Result<Done, Error> {
    let text = |name: &str| matches.get_one::<String>(name).map_or("", String::as_str);
    let folder = Path::new(text("dir"));
    std::fs::create_dir_all(folder)
        .map_err(|error| Error::io(format_args!("cannot make the folder `{}`", folder.display()), error))?;
    let path = |name: &str| folder.join(name).display().to_string();
    let (scene, smooth, picture) = (path("scene.tif"), path("smooth.tif"), path("before-and-after.png"));
    let size = size_of(text("size"))?;
    let run = RunSettings { memory: Some(text("memory").into()), ..RunSettings::default() };
    let overwrite = BTreeMap::from([("overwrite".to_owned(), "yes".to_owned())]);

    let bytes = size.pixels() as u64 * 2;
    print(&format!(
        "A scene of {size} pixels, {} of u16, {:.1} times the budget of {}.",
        words::bytes(bytes),
        bytes as f64 / run.options()?.memory_bytes.unwrap_or(1) as f64,
        text("memory")
    ))?;
    let options = SyntheticOptions { size, seed: 7, ..SyntheticOptions::default() };
    let made = run_plan(swathe::generate(&scene, &options, &overwrite, &run)?, &Shown::new("auto", false))?;
    print(&format!("Made in {:.1} s: {scene}\n", made.wall_seconds))?;

    let parameters =
        [("sigma", "2.2"), ("size", "11")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let step = Step { operator: "gaussian".into(), parameters: parameters.into(), with: Vec::new() };
    let read = Input { path: scene.clone(), ..Input::default() };
    let write = Output { path: smooth.clone(), options: overwrite };
    let job = Job { pipeline: Pipeline { version: JOB_VERSION, read, steps: vec![step], write }, run };
    print(&format!("$ swathe gaussian {scene} {smooth} --sigma 2.2 --size 11 --memory {}", text("memory")))?;
    let plan = swathe::plan(&job)?;
    print(&words::plan(plan.summary()))?;
    let report = run_plan(plan, &Shown::new("auto", false))?;
    print(&format!("\n{}", words::report(&report)))?;

    before_and_after(&scene, &smooth, size, Path::new(&picture))?;
    print(&format!("Before and after, one to one: {picture}\n"))?;
    if matches.get_flag("keep") {
        print(&format!(
            "Try next:\n  swathe info {smooth}\n  swathe pipeline ! read {scene} ! mean --size 101 ! cast --type f32 ! write {}",
            path("mean.tif")
        ))?;
    } else {
        for file in [&scene, &smooth] {
            std::fs::remove_file(file)
                .map_err(|error| Error::io(format_args!("cannot remove `{file}`"), error))?;
        }
        print(
            "Try next (`--keep` keeps the scene):\n  swathe generate scene.tif --size 20000x15000\n  swathe gaussian scene.tif smooth.tif --sigma 2.2 --memory 128MiB --plan",
        )?;
    }
    print("  swathe operators\n  swathe help gaussian")?;
    Ok(Done::Well)
}

/// A crop of both, beside each other, with the same stretch for each its own.
fn before_and_after(scene: &str, smooth: &str, size: Size, picture: &Path) -> Result<(), Error> {
    let (width, height) = (CROP.min(size.width), CROP.min(size.height));
    let window =
        Window::new(((size.width - width) / 2) as i64, ((size.height - height) / 2) as i64, width, height);
    let options =
        PreviewOptions { size: Some(window.size()), window: Some(window), ..PreviewOptions::default() };
    let (before, after) = (swathe::preview(scene, &options)?, swathe::preview(smooth, &options)?);
    swathe::write_png(picture, &swathe::side_by_side(&before, &after), true)
}
