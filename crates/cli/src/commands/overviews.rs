//! `swathe overviews FILE`.

use std::collections::BTreeMap;

use clap::{Arg, ArgAction, ArgMatches, Command};
use swathe::Error;

use crate::arguments::{input_of, run_settings_of, with_run_options};
use crate::exit::Done;
use crate::operators::execute;

/// Options with the output options that they stand for.
const OPTIONS: [(&str, &str, &str, &str); 7] = [
    (
        "levels",
        "overviews",
        "auto|2,4,8",
        "factors, each a multiple of the one before [default: auto: halves down to one block]",
    ),
    (
        "method",
        "overview-method",
        "average|nearest|mode",
        "how they are made [default: average; of a palette nearest]",
    ),
    ("compress", "compress", "CODEC[:LEVEL]", "none, deflate, zstd, lzw or packbits [default: deflate:6]"),
    ("predictor", "predictor", "P", "auto, none, horizontal or float [default: auto]"),
    ("block", "block", "WxH", "tile size of the file, multiples of 16 [default: 512x512]"),
    ("interleave", "interleave", "band|pixel", "how bands follow each other [default: as in the raster]"),
    ("bigtiff", "bigtiff", "auto|yes|no", "BigTIFF or classic; auto decides from the size"),
];

/// The command.
pub(crate) fn command() -> Command {
    let command = Command::new("overviews")
        .about("Make smaller copies of a raster in FILE.ovr beside it")
        .after_help("The raster itself is not touched. `--format cog` with any operator makes overviews inside a new file.")
        .arg(Arg::new("FILE").required(true).help("the raster"))
        .arg(
            Arg::new("nodata-value")
                .long("nodata-value")
                .value_name("V")
                .allow_hyphen_values(true)
                .help("take this for no data, whatever the file says"),
        )
        .arg(
            Arg::new("overwrite").long("overwrite").action(ArgAction::SetTrue).help("replace overviews that lie beside it"),
        );
    let command = OPTIONS.iter().fold(command, |command, (name, _, value, help)| {
        command.arg(Arg::new(*name).long(*name).value_name(*value).help(*help))
    });
    with_run_options(command)
}

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches) -> Result<Done, Error> {
    if matches.get_flag("print-job") {
        return Err(Error::usage("overviews are no pipeline, and have no job to print"));
    }
    let mut options = OPTIONS
        .iter()
        .filter_map(|(name, option, ..)| {
            Some(((*option).to_owned(), matches.get_one::<String>(name)?.clone()))
        })
        .collect::<BTreeMap<_, _>>();
    if matches.get_flag("overwrite") {
        options.insert("overwrite".to_owned(), "yes".to_owned());
    }
    let input = input_of(matches, "FILE");
    execute(swathe::overviews(&input, &options, &run_settings_of(matches))?, matches)
}
