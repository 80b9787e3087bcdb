//! `swathe repair OUTPUT`: computes again what of a result is not as its receipt says.

use clap::ArgMatches;
use swathe::Error;

use crate::exit::{Done, say};
use crate::progress::Shown;
use crate::{arguments, operators, signals};

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches) -> Result<Done, Error> {
    let output = matches.get_one::<String>("OUTPUT").map_or("", String::as_str);
    let quiet = matches.get_flag("quiet");
    let progress = matches.get_one::<String>("progress").map_or("auto", String::as_str);
    let shown = Shown::new(progress, quiet);
    let outcome = swathe::repair(output, &arguments::run_settings_of(matches), &shown, &*signals::install()?);
    shown.finish();
    let repair = outcome?;
    operators::write_report(&repair.reports, matches)?;
    if !quiet {
        say(&match repair.damage.is_none() {
            true => format!("`{output}` is whole: nothing was to be repaired"),
            false => format!(
                "`{output}` is whole again: {} tiles{} were computed again",
                repair.damage.tiles.len(),
                if repair.damage.head { " and the head" } else { "" }
            ),
        });
    }
    Ok(Done::Well)
}
