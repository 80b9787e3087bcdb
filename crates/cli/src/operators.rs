//! `swathe OPERATOR INPUT OUTPUT`: a pipeline of one step; and what all commands that process share.

use clap::ArgMatches;
use swathe::{Error, Input, JOB_VERSION, Job, Output, Pipeline, Plan, Report, Step};

use crate::exit::{Done, print, say};
use crate::progress::Shown;
use crate::{arguments, signals, words};

/// Runs an operator's own command.
pub(crate) fn run(name: &str, matches: &ArgMatches) -> Result<Done, Error> {
    let Some(spec) = swathe::find_operator(name) else {
        return Err(Error::usage(format!("there is no command `{name}`")));
    };
    let input = |name: &str| {
        let mut input =
            Input { path: matches.get_one::<String>(name).cloned().unwrap_or_default(), ..Input::default() };
        if let Some(nodata) = matches.get_one::<String>("nodata-value") {
            input.options.insert("nodata-value".into(), nodata.clone());
        }
        input
    };
    let mut inputs = arguments::input_names(spec).into_iter().map(input);
    let read = inputs.next().unwrap_or_default();
    let step = Step {
        operator: name.to_owned(),
        parameters: arguments::parameters_of(spec, matches),
        with: inputs.collect(),
    };
    let path = matches.get_one::<String>("OUTPUT").cloned().unwrap_or_default();
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
    execute(swathe::plan(job)?, matches)
}

/// Prints a plan, or runs it with progress and a report.
pub(crate) fn execute(plan: Plan, matches: &ArgMatches) -> Result<Done, Error> {
    let json = |value: serde_json::Result<String>| {
        value.map_err(|error| Error::bug(format!("cannot write JSON: {error}")))
    };
    if matches.get_flag("plan") {
        let summary = plan.summary();
        let text = if matches.get_flag("json") {
            json(serde_json::to_string_pretty(summary))?
        } else {
            words::plan(summary)
        };
        print(&text)?;
        return Ok(Done::Well);
    }
    let quiet = matches.get_flag("quiet");
    let progress = matches.get_one::<String>("progress").map_or("auto", String::as_str);
    if matches.get_flag("verbose") {
        say(&words::plan(plan.summary()));
    }
    let report = run_plan(plan, &Shown::new(progress, quiet))?;
    if let Some(path) = matches.get_one::<String>("report") {
        let text = json(serde_json::to_string_pretty(&report))?;
        std::fs::write(path, text + "\n")
            .map_err(|error| Error::io(format_args!("cannot write the report `{path}`"), error))?;
    }
    if !quiet {
        say(&words::report(&report));
    }
    Ok(Done::Well)
}

/// Runs a plan under the signal handlers.
pub(crate) fn run_plan(plan: Plan, shown: &Shown) -> Result<Report, Error> {
    let stop = signals::install()?;
    let outcome = plan.run(shown, &stop);
    shown.finish();
    outcome
}
