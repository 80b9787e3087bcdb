//! The `swathe` command: words in, words out. Everything else is in the library.

mod arguments;
mod chart;
mod commands;
mod exit;
mod operators;
mod pipeline;
mod progress;
mod signals;
mod words;

use std::process::ExitCode;

fn main() -> ExitCode {
    exit::install_panic_message();
    signals::install_bus_guard();
    let matches = match arguments::command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return exit::of_arguments(&error),
    };
    let (name, arguments) = match matches.subcommand() {
        Some(found) => found,
        None => {
            return exit::of_arguments(
                &arguments::command().error(clap::error::ErrorKind::MissingSubcommand, "say what to do"),
            );
        }
    };
    if matches!(arguments.try_get_one::<String>("log"), Ok(Some(form)) if form == "json") {
        exit::say_as_json();
    }
    if let Ok(Some(path)) = arguments.try_get_one::<String>("report")
        && let Err(error) = operators::refuse_report(path)
    {
        return exit::of(Err(error));
    }
    let outcome = match name {
        "info" => commands::info::run(arguments),
        "operators" => commands::operators::run(arguments),
        "compare" => commands::compare::run(arguments),
        "gather" => commands::gather::run(arguments),
        "generate" => commands::generate::run(arguments),
        "overviews" => commands::overviews::run(arguments),
        "preview" => commands::preview::run(arguments),
        "demo" => commands::demo::run(arguments),
        "batch" => commands::batch::run(arguments),
        "run" => commands::run::run(arguments),
        "verify" => commands::verify::run(arguments),
        "repair" => commands::repair::run(arguments),
        "pipeline" => pipeline::run(arguments),
        "completions" => commands::completions::run(arguments),
        "help" => commands::help::run(arguments),
        operator => operators::run(operator, arguments),
    };
    exit::of(outcome)
}
