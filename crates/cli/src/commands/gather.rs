//! `swathe gather OUTPUT`: puts together what runs with `--shard K/N` computed.

use clap::{Arg, ArgAction, ArgMatches, Command};
use swathe::{Error, GatherSettings, Gathered};

use crate::exit::{Done, say};
use crate::progress::Shown;
use crate::{signals, words};

/// The command.
pub(crate) fn command() -> Command {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    let choice = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .value_name(value)
            .help(help)
            .value_parser(value.split('|').collect::<Vec<_>>())
    };
    Command::new("gather")
        .about("Put together the parts of an output that runs with `--shard K/N` computed")
        .after_help(
            "Exit code 0: the output is complete, proved, and in place with one receipt; 1: shards are missing, which are named with what \
             to run; 2: one is of another job, or an input changed; 4: one is damaged. What the shards left stays until the output has its name.",
        )
        .arg(Arg::new("OUTPUT").required(true).help("the output that the shards were given"))
        .arg(flag("overwrite", "replace an existing output"))
        .arg(flag("trust", "do not read again what shards wrote into one file, but trust what they noted"))
        .arg(flag("discard", "remove all that shards of this output left, and stop"))
        .arg(choice("flush", "yes|no", "flush the output to the disk before it gets its name [default: yes]"))
        .arg(choice("receipt", "yes|no", "keep a receipt beside the output, for `swathe verify` [default: yes]"))
        .arg(choice("progress", "auto|bar|json|none", "how progress is shown").default_value("auto"))
        .arg(choice("log", "text|json", "how messages on stderr are written").default_value("text"))
        .arg(flag("quiet", "say nothing but errors"))
}

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches) -> Result<Done, Error> {
    let output = matches.get_one::<String>("OUTPUT").map_or("", String::as_str);
    let quiet = matches.get_flag("quiet");
    let tell = |text: String| {
        if !quiet {
            say(&text);
        }
    };
    if matches.get_flag("discard") {
        let shards = swathe::discard_shards(output)?;
        tell(match shards {
            0 => format!("no shards of `{output}` have left anything"),
            shards => format!(
                "what {shards} shard{} of `{output}` left is removed",
                if shards == 1 { "" } else { "s" }
            ),
        });
        return Ok(Done::Well);
    }
    let no = |name: &str| matches.get_one::<String>(name).is_some_and(|word| word == "no");
    let settings = GatherSettings {
        overwrite: matches.get_flag("overwrite"),
        trust: matches.get_flag("trust"),
        skip_flush: no("flush"),
        without_receipt: no("receipt"),
    };
    let progress = matches.get_one::<String>("progress").map_or("auto", String::as_str);
    let shown = Shown::new(progress, quiet);
    let outcome = swathe::gather(output, settings, &shown, &*signals::install()?);
    shown.finish();
    tell(match outcome? {
        Gathered::Now { shards, bytes } => {
            format!("`{output}` is complete: {} of {shards} shards", words::bytes(bytes))
        }
        Gathered::Before => format!("`{output}` is complete already"),
    });
    Ok(Done::Well)
}
