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
            false => format!("`{output}` is whole again: {}", mended(&repair)),
        });
    }
    Ok(Done::Well)
}

/// What was written again, in words.
fn mended(repair: &swathe::Repair) -> String {
    let tiles = match repair.damage.tiles.len() {
        0 => None,
        1 => Some("1 tile was computed again".to_owned()),
        count => Some(format!("{count} tiles were computed again")),
    };
    let head = repair.damage.head.then(|| "what stands before the tiles was made again".to_owned());
    let length = (!repair.damage.files.is_empty()).then(|| "its length was set right".to_owned());
    let parts = [tiles, head, length].into_iter().flatten().collect::<Vec<_>>();
    if parts.is_empty() { "it was made anew".to_owned() } else { parts.join(", ") }
}
