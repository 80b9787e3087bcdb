//! `swathe generate OUTPUT --size WxH`.

use clap::ArgMatches;
use swathe::{
    Error, Parameter, ParameterKind, Parameters, Pattern, SampleType, Size, SyntheticOptions, Value,
};

use crate::exit::Done;
use crate::{arguments, operators};

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches) -> Result<Done, Error> {
    let text = |name: &str| matches.get_one::<String>(name).map_or("", String::as_str);
    let whole = |name: &str| {
        let number = text(name).parse::<u64>();
        number.map_err(|_| Error::usage(format!("--{name}: `{}` is not a whole number", text(name))))
    };
    let narrow = |name: &str| whole(name).map(|number| u32::try_from(number).unwrap_or(u32::MAX));
    let scene = SyntheticOptions {
        size: size_of(text("size"))?,
        bands: narrow("bands")? as usize,
        sample_type: SampleType::parse(text("type")).map_err(|error| error.at("--type"))?,
        seed: whole("seed")?,
        pattern: Pattern::parse(text("pattern"))?,
        looks: narrow("looks")?,
    };
    let output = arguments::output_options_of(matches);
    let plan = swathe::generate(text("OUTPUT"), &scene, &output, &arguments::run_settings_of(matches))?;
    operators::execute(plan, matches)
}

/// Reads `--size WxH`.
pub(crate) fn size_of(text: &str) -> Result<Size, Error> {
    let parameter =
        Parameter::required("size", ParameterKind::Size { greatest: i32::MAX as usize }, "columns and rows");
    let given = [("size".to_owned(), Value::Text(text.to_owned()))];
    Parameters::check(&[parameter], given)?.size("size")?.ok_or_else(|| Error::usage("`--size` is missing"))
}
