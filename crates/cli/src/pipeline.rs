//! `swathe pipeline ! read INPUT ! OPERATOR ... ! write OUTPUT`: steps with `!` between them.

use clap::{Arg, ArgMatches, Command};
use swathe::{Error, Input, JOB_VERSION, Job, Output, Pipeline, Spec, Step};

use crate::commands::calc;
use crate::exit::Done;
use crate::{arguments, operators};

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches) -> Result<Done, Error> {
    let words = matches.get_many::<String>("STEPS").unwrap_or_default().cloned().collect::<Vec<_>>();
    let job = Job { pipeline: parse(&words)?, run: arguments::run_settings_of(matches) };
    operators::process(&job, matches)
}

/// Reads the steps.
fn parse(words: &[String]) -> Result<Pipeline, Error> {
    let mut steps = words.split(|word| word == "!").filter(|step| !step.is_empty());
    let read = match steps.next() {
        Some(step) if step[0] == "read" => read(step)?,
        _ => return Err(Error::usage("a pipeline begins with `! read INPUT`")),
    };
    let mut parsed = Vec::new();
    let mut write = None;
    for step in steps {
        if write.is_some() {
            return Err(Error::usage(format!("`{}` stands behind `write`, which ends a pipeline", step[0])));
        }
        match step[0].as_str() {
            "write" => write = Some(output(step)?),
            "read" => {
                return Err(Error::usage(
                    "a pipeline reads once; further rasters of an operator are given with `--with FILE`",
                ));
            }
            _ => parsed.push(operator(step)?),
        }
    }
    let write = write.ok_or_else(|| Error::usage("a pipeline ends with `! write OUTPUT`"))?;
    Ok(Pipeline { version: JOB_VERSION, read, steps: parsed, write })
}

/// Lets clap read one step, so that its errors are those of the command of the same name.
fn matches_of(command: Command, step: &[String]) -> Result<ArgMatches, Error> {
    let command = command.no_binary_name(false).disable_version_flag(true);
    command
        .try_get_matches_from(step)
        .map_err(|error| Error::usage(format!("step `{}`: {}", step.join(" "), error.to_string().trim_end())))
}

fn read(step: &[String]) -> Result<Input, Error> {
    let nodata = Arg::new("nodata-value").long("nodata-value").allow_hyphen_values(true);
    let matches = matches_of(Command::new("read").arg(Arg::new("INPUT").required(true)).arg(nodata), step)?;
    let mut input = Input { path: text(&matches, "INPUT"), ..Input::default() };
    if let Some(nodata) = matches.get_one::<String>("nodata-value") {
        input.options.insert("nodata-value".into(), nodata.clone());
    }
    Ok(input)
}

fn operator(step: &[String]) -> Result<Step, Error> {
    let name = &step[0];
    if let Some(spec) = swathe::scan::find(name) {
        return parameters(spec, step);
    }
    match swathe::find_operator(name) {
        Some(spec) if name == calc::NAME => calc::step(spec, step, matches_of),
        Some(spec) => parameters(spec, step),
        None => {
            let like = swathe::like_operator(name);
            Err(Error::usage(format!("there is no operator `{name}`{like}; `swathe operators` lists them")))
        }
    }
}

fn parameters<B>(spec: &Spec<B>, step: &[String]) -> Result<Step, Error> {
    let with = Arg::new("with").long("with").action(clap::ArgAction::Append);
    let matches = matches_of(arguments::with_parameters(Command::new(spec.name), spec).arg(with), step)?;
    let with = matches.get_many::<String>("with").unwrap_or_default();
    let with = with.map(|path| Input { path: path.clone(), ..Input::default() }).collect();
    Ok(Step { operator: spec.name.to_owned(), parameters: arguments::parameters_of(spec, &matches), with })
}

fn output(step: &[String]) -> Result<Output, Error> {
    let command =
        arguments::with_output_options(Command::new("write").arg(Arg::new("OUTPUT").required(true)));
    let matches = matches_of(command, step)?;
    Ok(Output { path: text(&matches, "OUTPUT"), options: arguments::output_options_of(&matches) })
}

fn text(matches: &ArgMatches, name: &str) -> String {
    matches.get_one::<String>(name).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Pipeline, Error> {
        parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn steps_are_read() {
        let pipeline = parsed(
            "! read a.tif ! gaussian --sigma 2 ! cast --type u8 --offset -3 ! write b.tif --block 512x512",
        )
        .unwrap();
        assert_eq!(pipeline.read.path, "a.tif");
        assert_eq!(pipeline.steps[1].parameters["offset"], "-3");
        assert_eq!(pipeline.write.options["block"], "512x512");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let message = |line| parsed(line).unwrap_err().to_string();
        assert!(message("gaussian --sigma 2").contains("begins with"));
        assert!(message("! read a.tif ! gaussian --sigma 2").contains("ends with"));
        assert!(message("! read a.tif ! write b.tif ! copy").contains("`copy` stands behind"));
        assert!(message("! read a.tif ! gausian ! write b.tif").contains("no operator `gausian`"));
        assert!(message("! read a.tif ! gaussian --sgima 2 ! write b.tif").contains("--sgima"));
    }
}
