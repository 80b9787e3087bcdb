//! `swathe help NAME`: an operator's whole page, or a command's help.

use clap::ArgMatches;
use swathe::reduce::QUESTIONS;
use swathe::{Error, ParameterKind, Spec, number_range};

use crate::arguments;
use crate::commands::calc;
use crate::exit::{Done, print};

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches) -> Result<Done, Error> {
    let mut command = arguments::command();
    let text = match matches.get_one::<String>("NAME").map(String::as_str) {
        None => command.render_long_help().to_string(),
        Some(name) => {
            let operator = swathe::find_operator(name).map(processing);
            let scan = || swathe::scan::find(name).map(processing);
            let question = || {
                QUESTIONS
                    .iter()
                    .find(|spec| spec.name == name)
                    .map(|spec| page(spec, "INPUT [parameters] [run options]"))
            };
            let registration = || {
                let usage = "REFERENCE MOVED [parameters] [run options]";
                (name == swathe::REGISTER.name).then(|| page(&swathe::REGISTER, usage))
            };
            let command =
                command.find_subcommand_mut(name).map(|command| command.render_long_help().to_string());
            operator.or_else(scan).or_else(question).or_else(registration).or(command).ok_or_else(|| {
                let commands = arguments::command();
                let like = swathe::like(name, commands.get_subcommands().map(clap::Command::get_name));
                Error::usage(format!(
                    "there is no operator or command `{name}`{like}; `swathe operators` lists the operators"
                ))
            })?
        }
    };
    print(text.trim_end())?;
    Ok(Done::Well)
}

/// The page of what reads rasters and writes one.
fn processing<B>(spec: &Spec<B>) -> String {
    if spec.name == calc::NAME {
        return page(spec, calc::USAGE);
    }
    let inputs = arguments::input_names(spec).join(" ");
    page(spec, &format!("{inputs} OUTPUT [parameters] [output options] [run options]"))
}

/// Everything that an operator's description says.
fn page<B>(spec: &Spec<B>, usage: &str) -> String {
    let documentation = &spec.documentation;
    let mut text = format!("{}: {}\n\n", spec.name, spec.summary);
    text += &format!("  swathe {} {usage}\n\nparameters\n", spec.name);
    for parameter in spec.parameters {
        let value = arguments::value_name(parameter.kind);
        let state = match (parameter.default, parameter.required) {
            (_, true) => " (required)".to_owned(),
            (Some(default), _) => format!(" (default {default})"),
            _ => String::new(),
        };
        text += &format!(
            "  --{} {value}{state}\n      {}{}\n",
            parameter.name,
            parameter.help,
            limits(parameter.kind)
        );
    }
    let sections = [
        ("computes", documentation.formula),
        ("halo", documentation.halo),
        ("types", documentation.types),
        ("nodata", documentation.nodata),
        ("cost", documentation.cost),
        ("source", documentation.source),
        ("agrees with", documentation.agrees),
        ("example", documentation.example),
    ];
    for (heading, body) in sections {
        let body = body.trim().lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n");
        text += &format!("\n{heading}\n{body}\n");
    }
    text
}

fn limits(kind: ParameterKind) -> String {
    match kind {
        ParameterKind::Number { least, greatest }
        | ParameterKind::NumberOr { least, greatest, .. }
        | ParameterKind::Numbers { least, greatest, .. } => {
            number_range(least, greatest).map_or_else(String::new, |range| format!("; {range}"))
        }
        ParameterKind::Integer { least, greatest } if least > i64::MIN && greatest < i64::MAX => {
            format!("; from {least} to {greatest}")
        }
        ParameterKind::Size { greatest } if greatest < usize::MAX => format!("; sides up to {greatest}"),
        _ => String::new(),
    }
}
