//! The command line as clap sees it; operators' commands come from their descriptions.

use std::collections::BTreeMap;

use clap::{Arg, ArgAction, ArgMatches, Command};
use swathe::reduce::{QUESTIONS, QuestionSpec};
use swathe::scan::SCANS;
use swathe::{Input, Parameter, ParameterKind, RegistrationSpec, RunSettings, Spec};

use crate::commands::calc;

/// The whole command.
pub(crate) fn command() -> Command {
    let mut command = Command::new("swathe")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Filter rasters bigger than memory")
        .after_help("`swathe operators` lists the operators, `swathe help OPERATOR` explains one, `swathe demo` shows it all.")
        .disable_help_subcommand(true)
        .subcommand_required(false)
        .arg_required_else_help(true);
    for spec in swathe::OPERATORS {
        command = command.subcommand(match spec.name {
            calc::NAME => with_run_options(with_output_options(calc::command(spec))),
            _ => operator(spec),
        });
    }
    command = SCANS.iter().fold(command, |command, spec| command.subcommand(operator(spec)));
    command = QUESTIONS.iter().fold(command, |command, spec| command.subcommand(question(spec)));
    command.subcommand(registration(&swathe::REGISTER)).subcommands(others())
}

fn others() -> Vec<Command> {
    let file = |name: &'static str, help: &'static str| Arg::new(name).required(true).help(help);
    let json = || Arg::new("json").long("json").action(ArgAction::SetTrue).help("print JSON");
    let text = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    vec![
        Command::new("info").about("Say what a raster is").arg(file("FILE", "the raster")).arg(json()).arg(
            Arg::new("stats").long("stats").action(ArgAction::SetTrue).help("count, extremes, mean and standard deviation of each band"),
        ),
        Command::new("operators").about("List the operators").arg(json()),
        Command::new("compare")
            .about("Compare two rasters; exit code 0 where they are equal, 1 where not")
            .arg(file("A", "one raster"))
            .arg(file("B", "the other"))
            .arg(text("tolerance", "T", "the greatest difference that counts as equal").default_value("0"))
            .arg(json()),
        with_run_options(with_output_options(
            Command::new("generate")
                .about("Make a synthetic scene")
                .arg(file("OUTPUT", "the raster to make"))
                .arg(text("size", "WxH", "columns and rows").required(true))
                .arg(text("bands", "N", "number of bands").default_value("1"))
                .arg(text("type", "T", "sample type").default_value("u16"))
                .arg(text("seed", "N", "another seed, another land").default_value("1"))
                .arg(text("looks", "N", "looks of a radar: more looks, less speckle").default_value("4"))
                .arg(text("pattern", "P", "what it shows").default_value("scene").value_parser(["scene", "noise", "ramp", "sar"])),
        )),
        Command::new("preview")
            .about("Write a small picture of a raster as PNG")
            .arg(file("INPUT", "the raster"))
            .arg(file("OUTPUT", "the PNG"))
            .arg(text("size", "WxH", "fit into this many pixels (default 1024x1024)"))
            .arg(text("bands", "r,g,b", "bands for red, green and blue, or one for grey, from 1"))
            .arg(text("stretch", "LO,HI", "percentiles that become black and white").default_value("2,98"))
            .arg(text("colours", "C", "of one band without a colour table: `grey`; `labels` gives each integer a colour of its own, the same in every picture, and 0 black; `auto` does so where the band's description is `label`, as `components` writes it").default_value("auto").value_parser(["auto", "grey", "labels"]))
            .arg(text("window", "X,Y,W,H", "only this part").allow_hyphen_values(true))
            .arg(Arg::new("overwrite").long("overwrite").action(ArgAction::SetTrue).help("replace an existing picture")),
        crate::commands::overviews::command(),
        Command::new("demo")
            .about("Make a scene larger than the budget, filter it, and show what happened")
            .arg(text("memory", "SIZE", "the budget").default_value("48MiB"))
            .arg(text("size", "WxH", "the scene").default_value("16000x12000"))
            .arg(text("dir", "DIR", "where to work").default_value("swathe-demo"))
            .arg(Arg::new("keep").long("keep").action(ArgAction::SetTrue).help("keep the scene and the result")),
        with_run_options(Command::new("run").about("Run a job from a TOML or JSON file").arg(file("JOB", "the job"))),
        with_run_options(
            Command::new("pipeline")
                .about("Run a chain in one sweep: pipeline ! read INPUT ! OPERATOR ... ! write OUTPUT")
                .arg(Arg::new("STEPS").required(true).num_args(1..).allow_hyphen_values(true).trailing_var_arg(true).help(
                    "steps with `!` between them: `read INPUT`, operators with their parameters, `write OUTPUT` with output options; run options come before the first `!`",
                )),
        ),
        Command::new("verify")
            .about("Prove a result against its receipt; exit code 0 where every byte is right, 4 where not")
            .arg(file("OUTPUT", "the raster that swathe wrote"))
            .arg(json()),
        with_run_settings(Command::new("batch"))
            .about("Run many scenes through one pipeline; what is done already is skipped. Run options go before what the batch says")
            .after_help("Exit code 0: every scene is done; 1: some are not; 6: none is; 130 or 143: stopped, and the next run goes on.")
            .arg(file("BATCH", "the batch, TOML or JSON"))
            .arg(Arg::new("list").long("list").action(ArgAction::SetTrue).help("print inputs and outputs and stop"))
            .arg(text("log", "text|json", "how messages on stderr are written").value_parser(["text", "json"]))
            .arg(Arg::new("quiet").long("quiet").action(ArgAction::SetTrue).help("say nothing but errors")),
        with_run_options(
            Command::new("repair")
                .about("Compute again what of a result is not as its receipt says")
                .arg(file("OUTPUT", "the raster that swathe wrote")),
        ),
        crate::commands::gather::command(),
        Command::new("completions")
            .about("Print completions for a shell")
            .arg(Arg::new("SHELL").required(true).value_parser(["bash", "elvish", "fish", "powershell", "zsh"])),
        Command::new("help").about("Explain an operator or a command").arg(Arg::new("NAME").help("the operator or command")),
    ]
}

/// The command of an operator.
fn operator<B>(spec: &Spec<B>) -> Command {
    let mut command = with_parameters(Command::new(spec.name), spec).about(spec.summary).after_help(format!(
        "`swathe help {}` says what it computes, and how it treats edges and nodata.",
        spec.name
    ));
    for (number, name) in input_names(spec).into_iter().enumerate() {
        command = command.arg(
            Arg::new(name)
                .required(number < spec.inputs.0)
                .help("a raster to read (FILE, FILE:BAND, FILE:page=N or FILE:overview=N)"),
        );
    }
    // `reduce --axis all` prints and writes none.
    let output = Arg::new("OUTPUT").required(spec.name != "reduce");
    command = command.arg(output.help("the raster to write"));
    with_run_options(with_output_options(command.arg(nodata_value())))
}

/// The option that says what is no data in the inputs.
pub(crate) fn nodata_value() -> Arg {
    let argument = Arg::new("nodata-value").long("nodata-value").value_name("V").allow_hyphen_values(true);
    argument.help("take this for no data, whatever the file says")
}

/// The command of a question, whose answer is printed.
fn question(spec: &QuestionSpec) -> Command {
    let command = with_parameters(Command::new(spec.name), spec)
        .about(spec.summary)
        .after_help(format!("`swathe help {}` says what is computed, and what counts as data.", spec.name));
    let input = Arg::new("INPUT")
        .required(true)
        .help("a raster to read (FILE, FILE:BAND, FILE:page=N or FILE:overview=N)");
    let mut command = command.arg(input).arg(nodata_value());
    if spec.name == "histogram" {
        let svg = Arg::new("svg").long("svg").value_name("FILE");
        let overwrite = Arg::new("overwrite").long("overwrite").action(ArgAction::SetTrue);
        command = command
            .arg(svg.help("draw the histograms, too, as SVG"))
            .arg(overwrite.help("replace an existing chart"));
    }
    with_run_options(command)
}

/// The command of a registration, whose shift is printed.
fn registration(spec: &RegistrationSpec) -> Command {
    let command = with_parameters(Command::new(spec.name), spec)
        .about(spec.summary)
        .after_help(format!("`swathe help {}` says what is computed, and what the numbers mean.", spec.name));
    let input = |name: &'static str, help: &'static str| Arg::new(name).required(true).help(help);
    with_run_options(crate::commands::register::with_outputs(
        command
            .arg(input("REFERENCE", "the raster that stays (FILE, FILE:BAND or FILE:page=N)"))
            .arg(input("MOVED", "the raster whose shift is wanted"))
            .arg(nodata_value()),
    ))
}

/// The raster of that name, read as the command's options say.
pub(crate) fn input_of(matches: &ArgMatches, name: &str) -> Input {
    reading(matches.get_one::<String>(name).cloned().unwrap_or_default(), matches)
}

/// The raster at `path`, read as the command's options say.
pub(crate) fn reading(path: String, matches: &ArgMatches) -> Input {
    let mut input = Input { path, ..Input::default() };
    if let Some(nodata) = matches.get_one::<String>("nodata-value") {
        input.options.insert("nodata-value".into(), nodata.clone());
    }
    input
}

/// The names of an operator's inputs on its own command line.
pub(crate) fn input_names<B>(spec: &Spec<B>) -> Vec<&'static str> {
    const NAMES: [&str; 4] = ["INPUT", "SECOND", "THIRD", "FOURTH"];
    if spec.inputs.0 == 2 { vec!["FIRST", "SECOND"] } else { NAMES[..spec.inputs.0.clamp(1, 4)].to_vec() }
}

/// What stands for a value is no longer: what all options do stands to the right of the longest.
const LONGEST_VALUE: usize = 24;

/// Adds an operator's parameters to a command.
pub(crate) fn with_parameters<B>(command: Command, spec: &Spec<B>) -> Command {
    spec.parameters.iter().fold(command, |command, parameter| command.arg(argument(parameter)))
}

fn argument(parameter: &Parameter) -> Arg {
    let argument = Arg::new(parameter.name).long(parameter.name).required(parameter.required);
    let help = match (parameter.default, parameter.kind) {
        (Some(default), kind) if kind != ParameterKind::Flag => {
            format!("{} [default: {default}]", parameter.help)
        }
        _ => parameter.help.to_owned(),
    };
    match parameter.kind {
        ParameterKind::Flag => argument.action(ArgAction::SetTrue).help(help),
        ParameterKind::Choice(words) if value_name(parameter.kind).len() > LONGEST_VALUE => argument
            .value_name(parameter.name.to_uppercase())
            .allow_hyphen_values(true)
            .help(format!("{help} [possible values: {}]", words.join(", "))),
        kind => argument.value_name(value_name(kind)).allow_hyphen_values(true).help(help),
    }
}

/// What stands for a value in help.
pub(crate) fn value_name(kind: ParameterKind) -> String {
    match kind {
        ParameterKind::Number { .. } => "X".into(),
        ParameterKind::NumberOr { word, .. } => format!("X|{word}"),
        ParameterKind::Integer { .. } => "N".into(),
        ParameterKind::Numbers { fewest, most, .. } if fewest == most => vec!["X"; most.min(4)].join(","),
        ParameterKind::Numbers { .. } => "X[,X]".into(),
        ParameterKind::Size { .. } => "N[xM]".into(),
        ParameterKind::Choice(words) => words.join("|"),
        ParameterKind::Text => "TEXT".into(),
        ParameterKind::Flag => String::new(),
        ParameterKind::SampleType => "T".into(),
        ParameterKind::Boundary => "MODE".into(),
        ParameterKind::NodataPolicy => "POLICY".into(),
        ParameterKind::Table => "TABLE|FILE".into(),
    }
}

/// The parameters that were given, as text.
pub(crate) fn parameters_of<B>(spec: &Spec<B>, matches: &ArgMatches) -> BTreeMap<String, String> {
    given(spec.parameters.iter(), matches)
}

/// Those of `parameters` that were given, as text.
pub(crate) fn given<'p>(
    parameters: impl Iterator<Item = &'p Parameter>,
    matches: &ArgMatches,
) -> BTreeMap<String, String> {
    let given = parameters.filter_map(|parameter| {
        let text = match parameter.kind {
            ParameterKind::Flag => matches.get_flag(parameter.name).then(|| "true".to_owned()),
            _ => matches.get_one::<String>(parameter.name).cloned(),
        };
        text.map(|text| (parameter.name.to_owned(), text))
    });
    given.collect()
}

const OUTPUT_OPTIONS: [(&str, &str, &str); 11] = [
    ("format", "FORMAT", "tiff, cog, npy, envi, raw, zarr or png (else by the name's ending)"),
    (
        "compress",
        "CODEC[:LEVEL]",
        "none, deflate (1 to 12), zstd (1 to 22), lzw or packbits, for TIFF; none, deflate or zstd for Zarr [default: none; for cog deflate:6, for Zarr zstd:3]",
    ),
    ("predictor", "P", "auto, none, horizontal or float, before deflate, zstd and lzw [default: auto]"),
    ("set", "KEY=VALUE", "SPARSE=yes leaves out blocks of nothing but nodata (TIFF, Zarr)"),
    (
        "block",
        "WxH",
        "tile size of the file, for TIFF multiples of 16 [default: 256x256; with overviews and for Zarr 512x512]",
    ),
    (
        "overviews",
        "auto|none|2,4,8",
        "smaller copies in a TIFF, made on the way [default: none; for cog auto: halves down to one block]",
    ),
    ("overview-method", "average|nearest|mode", "how they are made [default: average; of a palette nearest]"),
    ("strips", "ROWS", "strips instead of tiles, of so many rows [default: as many as fill 256 KiB]"),
    (
        "interleave",
        "band|line|pixel",
        "bands one after the other, row by row (ENVI and raw), or pixel by pixel [default: for TIFF as the input has it, else pixel; for other formats band]",
    ),
    ("bigtiff", "auto|yes|no", "BigTIFF or classic; auto decides from the size"),
    ("write-method", "pwrite|mmap", "how pixels get into the file [default: pwrite]"),
];

/// Adds the output options to a command.
pub(crate) fn with_output_options(command: Command) -> Command {
    let command = OUTPUT_OPTIONS.iter().fold(command, |command, (name, value, help)| {
        let argument = Arg::new(*name).long(*name).value_name(*value).help(*help);
        // Strips may be asked for without a number.
        let argument = match *name {
            "strips" => argument.num_args(0..=1).default_missing_value("auto"),
            _ => argument,
        };
        command.arg(argument.help_heading("Output options"))
    });
    command.arg(
        Arg::new("overwrite")
            .long("overwrite")
            .action(ArgAction::SetTrue)
            .help("replace an existing output")
            .help_heading("Output options"),
    )
}

/// The output options that were given, as text.
pub(crate) fn output_options_of(matches: &ArgMatches) -> BTreeMap<String, String> {
    let given = OUTPUT_OPTIONS
        .iter()
        .filter_map(|(name, ..)| Some(((*name).to_owned(), matches.get_one::<String>(name)?.clone())));
    let overwrite = matches.get_flag("overwrite").then(|| ("overwrite".to_owned(), "yes".to_owned()));
    given.chain(overwrite).collect()
}

/// An option of the run with a value.
fn run_option(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help).help_heading("Run options")
}

/// Adds to a command what a job's or a batch's `run` says too.
fn with_run_settings(command: Command) -> Command {
    let text = run_option;
    command
        .arg(text("memory", "SIZE", "the most resident memory the process may use [default: half of what is left, at most 1 GiB]"))
        .arg(text("threads", "N", "workers [default: the CPUs this process may use]").value_parser(clap::value_parser!(usize)))
        .arg(text("tile", "WxH", "tile size [default: chosen from budget, halo and blocks]"))
        .arg(text("fuse", "auto|always|never", "a chain in one sweep over the disk; auto stores what is between operators in the scratch folder where that takes less time than computing halos again, never always does [default: auto]").value_parser(["auto", "always", "never"]))
        .arg(text("flush", "yes|no", "flush the output to the disk before it gets its name; no leaves that to the kernel [default: yes]").value_parser(["yes", "no"]))
        .arg(text("reserve", "yes|no", "have the disk keep room for the output before the first tile, for as much as it takes where nothing can be compressed; no begins all the same, and a run that fills the disk stops and can go on [default: yes]").value_parser(["yes", "no"]))
        .arg(text("scratch", "DIR", "the folder for what is kept on disk from one sweep to the next [default: the system's for temporary files]"))
        .arg(text("io", "mmap|pread", "how inputs are read [default: pread]").value_parser(["mmap", "pread"]))
        .arg(text("journal", "yes|no", "write down what is done, so that another run can go on [default: yes]").value_parser(["yes", "no"]))
        .arg(text("receipt", "yes|no", "keep the journal beside the output as its receipt, for `swathe verify` [default: yes]").value_parser(["yes", "no"]))
}

/// Adds the run options to a command.
pub(crate) fn with_run_options(command: Command) -> Command {
    let text = run_option;
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help).help_heading("Run options")
    };
    with_run_settings(command)
        .arg(flag("resume", "go on with what another run left of the same output"))
        .arg(text("shard", "K/N", "compute only the K-th of N parts of the output, so that N runs on as many machines compute it together; `swathe gather OUTPUT` puts them together"))
        .arg(flag("plan", "print the plan and stop"))
        .arg(flag("json", "print the plan, or the answer, as JSON"))
        .arg(flag("print-job", "print the same as a job file and stop"))
        .arg(
            text("progress", "auto|bar|json|none", "how progress is shown")
                .default_value("auto")
                .value_parser(["auto", "bar", "json", "none"]),
        )
        .arg(text("report", "FILE.json", "write what happened, as JSON"))
        .arg(
            text("log", "text|json", "how messages on stderr are written")
                .default_value("text")
                .value_parser(["text", "json"]),
        )
        .arg(flag("quiet", "say nothing but errors"))
        .arg(flag("verbose", "say more"))
}

/// The run options that were given.
pub(crate) fn run_settings_of(matches: &ArgMatches) -> RunSettings {
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    RunSettings {
        memory: text("memory"),
        threads: matches.get_one::<usize>("threads").copied(),
        tile: text("tile"),
        fuse: text("fuse"),
        flush: text("flush").map(|word| word == "yes"),
        reserve: text("reserve").map(|word| word == "yes"),
        scratch: text("scratch"),
        io: text("io"),
        // A batch goes on by itself.
        resume: matches.try_get_one::<bool>("resume").is_ok_and(|resume| resume == Some(&true)),
        journal: text("journal").map(|word| word == "yes"),
        receipt: text("receipt").map(|word| word == "yes"),
        shard: matches.try_get_one::<String>("shard").ok().flatten().cloned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn help_leaves_room_for_words() {
        for command in command().get_subcommands_mut() {
            let help = command.render_help().to_string();
            let indent = |line: &str| line.len() - line.trim_start().len();
            let widest = help.lines().max_by_key(|line| indent(line)).unwrap_or_default();
            assert!(indent(widest) <= 50, "{}: `{widest}`", command.get_name());
        }
    }

    #[test]
    fn negative_values_are_values() {
        let words =
            ["swathe", "cast", "a.tif", "b.tif", "--type", "u8", "--offset", "-3", "--nodata-value", "-9999"];
        let matches = command().try_get_matches_from(words).unwrap();
        let (name, matches) = matches.subcommand().unwrap();
        let parameters = parameters_of(swathe::find_operator(name).unwrap(), matches);
        assert_eq!(parameters["offset"], "-3");
    }
}
