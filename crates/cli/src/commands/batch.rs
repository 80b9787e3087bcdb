//! `swathe batch BATCH.toml`: many scenes through one pipeline.

use clap::ArgMatches;
use swathe::{Batch, BatchObserver, BatchReport, Error, SceneOutcome, Status};

use crate::exit::{Done, complain, print, say};
use crate::{arguments, signals};

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches) -> Result<Done, Error> {
    let mut batch = Batch::from_file(matches.get_one::<String>("BATCH").map_or("", String::as_str))?;
    batch.run = arguments::run_settings_of(matches).or(batch.run);
    if matches.get_flag("list") {
        for job in batch.jobs()? {
            print(&format!("{}\t{}", job.pipeline.read.path, job.pipeline.write.path))?;
        }
        return Ok(Done::Well);
    }
    let quiet = matches.get_flag("quiet");
    let stop = signals::install()?;
    let report = batch.run(&Told { quiet }, &stop)?;
    if !quiet {
        print(table(&report).trim_end())?;
    }
    Ok(match report.count(Status::Done) + report.count(Status::Skipped) {
        _ if report.count(Status::Stopped) > 0 => Done::Stopped,
        done if done == report.scenes.len() => Done::Well,
        0 => Done::None,
        _ => Done::Some,
    })
}

/// Says how each scene ended, when it did.
struct Told {
    quiet: bool,
}

impl BatchObserver for Told {
    fn scene_ended(&self, outcome: &SceneOutcome, ended: usize, scenes: usize) {
        if let (Some(error), Status::Failed) = (&outcome.error, outcome.status) {
            complain(&format!("{ended} of {scenes}: `{}`: {error}", outcome.input));
        } else if !self.quiet {
            say(&format!("{ended} of {scenes}: `{}` {}", outcome.output, outcome.status.word()));
        }
    }
}

/// Scene by scene and in sum.
fn table(report: &BatchReport) -> String {
    let width = |text: fn(&SceneOutcome) -> &str, head: &str| {
        report.scenes.iter().map(|scene| text(scene).chars().count()).max().unwrap_or(0).max(head.len())
    };
    let input = width(|scene| &scene.input, "scene");
    let mut table = format!(
        "{:<input$}  {:<11}  {:>8}  {:>7}  {:>8}  note\n",
        "scene", "result", "seconds", "Mpx/s", "foreseen"
    );
    for scene in &report.scenes {
        let figures = scene
            .report
            .as_ref()
            .map(|report| (report.pixels_per_second / 1e6, report.plan.predicted_peak_bytes as f64 / MIB));
        let (rate, peak) = figures.map_or((String::new(), String::new()), |(rate, peak)| {
            (format!("{rate:.1}"), format!("{peak:.0} MiB"))
        });
        let note = match (&scene.error, &scene.report) {
            (Some(error), _) => error.clone(),
            (None, Some(report)) if report.resumed_tiles > 0 => {
                format!("{} tiles were there", report.resumed_tiles)
            }
            _ => String::new(),
        };
        let line = format!(
            "{:<input$}  {:<11}  {:>8.1}  {rate:>7}  {peak:>8}  {note}",
            scene.input,
            scene.status.word(),
            scene.seconds,
        );
        table += line.trim_end();
        table.push('\n');
    }
    let peak = report.measured_peak_bytes.unwrap_or(0) as f64 / MIB;
    let (counts, scenes) = (report.counts(), report.scenes.len());
    table
        + &format!(
            "{counts} of {scenes} scenes, in {:.1} s and at most {peak:.0} MiB in all\n",
            report.seconds
        )
}

const MIB: f64 = 1_048_576.0;
