//! `swathe calc OUTPUT "EXPRESSION" -A red.tif -B nir.tif:1`: its inputs are options, which name them for the expression.

use std::collections::BTreeMap;

use clap::{Arg, ArgAction, ArgMatches, Command};
use swathe::{Error, Input, JOB_VERSION, Job, OperatorSpec, Output, Pipeline, Step};

use crate::exit::Done;
use crate::{arguments, operators};

/// The operator's name, which is the command's and the step's.
pub(crate) const NAME: &str = "calc";

/// How the command is written.
pub(crate) const USAGE: &str = "OUTPUT \"EXPRESSION\" -A FILE [-B FILE:BAND ... | --input NAME=FILE] [parameters] [output options] [run options]";

/// The options that name inputs.
const LETTERS: [&str; 26] = [
    "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O", "P", "Q", "R", "S", "T", "U",
    "V", "W", "X", "Y", "Z",
];

/// Its command line, without run and output options.
pub(crate) fn command(spec: &OperatorSpec) -> Command {
    let output = Arg::new("OUTPUT").required(true).help("the raster to write");
    let nodata = arguments::nodata_value();
    with_inputs(Command::new(NAME).arg(output), spec).arg(nodata).about(spec.summary).after_help(
        "`swathe help calc` lists operators and functions, and says what types and nodata become.\n\
         An expression that begins with `-` stands behind `--`: swathe calc out.tif -A a.tif -- \"-A\"",
    )
}

/// Adds the expression and its inputs, and the other parameters as they are everywhere.
fn with_inputs(command: Command, spec: &OperatorSpec) -> Command {
    let expression = Arg::new("EXPRESSION").required(true).num_args(1..);
    let command = command
        .arg(expression.help("what to compute, such as \"(B - A) / (B + A)\"; several make several bands"));
    let command = LETTERS.into_iter().enumerate().fold(command, |command, (number, letter)| {
        let short = letter.chars().next().unwrap_or('A');
        let argument = Arg::new(letter).short(short).value_name("FILE").hide(number > 1);
        command.arg(argument.help("the raster that the expression calls so (FILE or FILE:BAND); -A to -Z"))
    });
    let named = Arg::new("input").long("input").value_name("NAME=FILE").action(ArgAction::Append);
    let command = command.arg(named.help("a raster with a name of its own"));
    let parameters = arguments::with_parameters(Command::new(NAME), spec);
    let others =
        parameters.get_arguments().filter(|argument| !is_named_otherwise(argument.get_id().as_str()));
    others.cloned().fold(command, Command::arg)
}

/// Parameters that this command line has no option for.
fn is_named_otherwise(parameter: &str) -> bool {
    matches!(parameter, "expression" | "names")
}

/// Runs the command.
pub(crate) fn run(spec: &OperatorSpec, matches: &ArgMatches) -> Result<Done, Error> {
    let mut inputs = inputs_of(matches)?;
    if inputs.is_empty() {
        return Err(Error::usage(
            "`swathe calc` needs a raster to compute from: `-A FILE` or `--input NAME=FILE`",
        ));
    }
    let parameters = parameters_of(spec, matches, inputs.iter().map(|(name, _)| name.as_str()));
    let read = inputs.remove(0).1;
    let with = inputs.into_iter().map(|(_, input)| input).collect();
    let step = Step { operator: NAME.to_owned(), parameters, with };
    let path = matches.get_one::<String>("OUTPUT").cloned().unwrap_or_default();
    let write = Output { path, options: arguments::output_options_of(matches) };
    let pipeline = Pipeline { version: JOB_VERSION, read, steps: vec![step], write };
    operators::process(&Job { pipeline, run: arguments::run_settings_of(matches) }, matches)
}

/// Reads the step of a pipeline: `calc "EXPRESSION" -B nir.tif`; `A` is what comes from the step before.
pub(crate) fn step(
    spec: &OperatorSpec,
    words: &[String],
    matches_of: impl FnOnce(Command, &[String]) -> Result<ArgMatches, Error>,
) -> Result<Step, Error> {
    let matches = matches_of(with_inputs(Command::new(NAME), spec).arg(arguments::nodata_value()), words)?;
    let inputs = inputs_of(&matches)?;
    if inputs.iter().any(|(name, _)| name == "A") {
        return Err(Error::usage(
            "step `calc`: `A` is what comes from the step before; further rasters are `-B` to `-Z` or `--input NAME=FILE`",
        ));
    }
    let names = std::iter::once("A").chain(inputs.iter().map(|(name, _)| name.as_str()));
    let parameters = parameters_of(spec, &matches, names);
    let with = inputs.into_iter().map(|(_, input)| input).collect();
    Ok(Step { operator: NAME.to_owned(), parameters, with })
}

/// The inputs and what the expression calls them: letters in their order, then names in the order in which they stand.
fn inputs_of(matches: &ArgMatches) -> Result<Vec<(String, Input)>, Error> {
    let mut inputs: Vec<(String, Input)> = Vec::new();
    for letter in LETTERS {
        if matches.contains_id(letter) {
            inputs.push((letter.to_owned(), arguments::input_of(matches, letter)));
        }
    }
    for text in matches.get_many::<String>("input").unwrap_or_default() {
        let Some((name, path)) =
            text.split_once('=').filter(|(name, path)| !name.is_empty() && !path.is_empty())
        else {
            return Err(Error::usage(format!(
                "--input: `{text}` is not NAME=FILE, such as `dem=heights.tif`"
            )));
        };
        inputs.push((name.to_owned(), arguments::reading(path.to_owned(), matches)));
    }
    Ok(inputs)
}

/// The step's parameters: the expressions as one, and names where they are not the alphabet.
fn parameters_of<'n>(
    spec: &OperatorSpec,
    matches: &ArgMatches,
    names: impl Iterator<Item = &'n str>,
) -> BTreeMap<String, String> {
    let others = spec.parameters.iter().filter(|parameter| !is_named_otherwise(parameter.name));
    let mut parameters = arguments::given(others, matches);
    let expressions = matches.get_many::<String>("EXPRESSION").unwrap_or_default();
    let expressions = expressions.map(String::as_str).collect::<Vec<_>>();
    parameters.insert("expression".into(), expressions.join("; "));
    let names = names.collect::<Vec<_>>();
    if !LETTERS.starts_with(&names) {
        parameters.insert("names".into(), names.join(","));
    }
    parameters
}
