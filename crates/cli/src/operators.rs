//! `swathe OPERATOR INPUT OUTPUT`: a pipeline of one step; and what all commands that process share.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use clap::ArgMatches;
use serde::Serialize;
use swathe::reduce::QUESTIONS;
use swathe::{Error, JOB_VERSION, Job, Output, Pipeline, Plan, PlanSummary, Report, Spec, Step};

use crate::exit::{Done, print, say};
use crate::progress::Shown;
use crate::{arguments, commands, signals, words};

/// Runs an operator's own command.
pub(crate) fn run(name: &str, matches: &ArgMatches) -> Result<Done, Error> {
    if let Some(spec) = QUESTIONS.iter().find(|spec| spec.name == name) {
        return commands::questions::run(spec, matches);
    }
    if name == swathe::REGISTER.name {
        return commands::register::run(matches);
    }
    if let Some(spec) = swathe::scan::find(name) {
        return process_one(spec, matches);
    }
    if name == "reduce" && matches.get_one::<String>("axis").is_none_or(|axis| axis == "all") {
        return commands::questions::reduce(matches);
    }
    match swathe::find_operator(name) {
        Some(spec) if name == commands::calc::NAME => commands::calc::run(spec, matches),
        Some(spec) => process_one(spec, matches),
        None => Err(Error::usage(format!("there is no command `{name}`"))),
    }
}

/// Runs the pipeline of one step.
fn process_one<B>(spec: &Spec<B>, matches: &ArgMatches) -> Result<Done, Error> {
    let mut inputs = arguments::input_names(spec).into_iter().map(|name| arguments::input_of(matches, name));
    let read = inputs.next().unwrap_or_default();
    let step = Step {
        operator: spec.name.to_owned(),
        parameters: arguments::parameters_of(spec, matches),
        with: inputs.collect(),
    };
    let Some(path) = matches.get_one::<String>("OUTPUT").cloned() else {
        return Err(Error::usage(format!("`swathe {}` needs an output to write", spec.name)));
    };
    let write = Output { path, options: arguments::output_options_of(matches) };
    let pipeline = Pipeline { version: JOB_VERSION, read, steps: vec![step], write };
    process(&Job { pipeline, run: arguments::run_settings_of(matches) }, matches)
}

/// Prints, plans or runs a job, as the run options say.
pub(crate) fn process(job: &Job, matches: &ArgMatches) -> Result<Done, Error> {
    if matches.get_flag("print-job") {
        print(job.to_toml()?.trim_end())?;
        return Ok(Done::Well);
    }
    if job.run.resume && swathe::is_complete(job)? {
        if !matches.get_flag("quiet") {
            let shard = job.run.shard.as_ref().map_or_else(String::new, |shard| format!("shard {shard} of "));
            say(&format!(
                "{shard}`{}` is complete already, of the same job and inputs",
                job.pipeline.write.path
            ));
        }
        return Ok(Done::Well);
    }
    execute(swathe::plan(job)?, matches)
}

/// Prints a plan, or runs it with progress and a report.
pub(crate) fn execute(plan: Plan, matches: &ArgMatches) -> Result<Done, Error> {
    if matches.get_flag("plan") {
        return print_plan(plan.summary(), matches);
    }
    let quiet = matches.get_flag("quiet");
    let progress = matches.get_one::<String>("progress").map_or("auto", String::as_str);
    if matches.get_flag("verbose") {
        say(&words::plan(plan.summary()));
    }
    let report = run_plan(plan, &Shown::new(progress, quiet))?;
    write_report(&report, matches)?;
    if !quiet {
        say(&words::report(&report));
    }
    print_found(&report, matches)
}

/// Prints what was learned on the way, if anything was, for people or machines.
fn print_found(report: &Report, matches: &ArgMatches) -> Result<Done, Error> {
    if report.found.is_empty() {
        return Ok(Done::Well);
    }
    if matches.get_flag("json") {
        print(&json(&report.found)?)?;
    } else {
        let lines = report.found.iter().map(|(name, number)| format!("{name} {number}"));
        print(&lines.collect::<Vec<_>>().join("\n"))?;
    }
    Ok(Done::Well)
}

/// A value as JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string_pretty(value).map_err(|error| Error::bug(format!("cannot write JSON: {error}")))
}

/// Prints a plan, for people or machines.
pub(crate) fn print_plan(summary: &PlanSummary, matches: &ArgMatches) -> Result<Done, Error> {
    print(&if matches.get_flag("json") { json(summary)? } else { words::plan(summary) })?;
    Ok(Done::Well)
}

/// Refuses a report that has no folder, or would take the place of what is none, before work is done for it.
pub(crate) fn refuse_report(path: &str) -> Result<(), Error> {
    let place = Path::new(path);
    let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty());
    if folder.is_some_and(|folder| !folder.is_dir()) {
        let missing = std::io::ErrorKind::NotFound.into();
        return Err(Error::io(format_args!("cannot write the report `{path}`"), missing));
    }
    if !place.is_file() {
        return Ok(());
    }
    let mut first = [0];
    let length = File::open(place).and_then(|mut file| file.read(&mut first));
    // A report is an object, or a list of them.
    if matches!(length, Ok(0)) || matches!(first, [b'{' | b'[']) {
        return Ok(());
    }
    Err(Error::usage(format!("--report: `{path}` exists and is no report; choose another name")))
}

/// Writes what happened to the file that was asked for.
pub(crate) fn write_report(report: &impl Serialize, matches: &ArgMatches) -> Result<(), Error> {
    let Some(path) = matches.get_one::<String>("report") else { return Ok(()) };
    // The output itself was not there before.
    refuse_report(path)?;
    std::fs::write(path, json(report)? + "\n")
        .map_err(|error| Error::io(format_args!("cannot write the report `{path}`"), error))
}

/// Runs a plan under the signal handlers.
pub(crate) fn run_plan(plan: Plan, shown: &Shown) -> Result<Report, Error> {
    let stop = signals::install()?;
    let outcome = plan.run(shown, &stop);
    shown.finish();
    outcome
}
