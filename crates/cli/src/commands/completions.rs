//! `swathe completions SHELL`.

use clap::ArgMatches;
use clap_complete::Shell;
use swathe::Error;

use crate::arguments;
use crate::exit::{Done, print};

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches) -> Result<Done, Error> {
    let name = matches.get_one::<String>("SHELL").map_or("", String::as_str);
    let shell: Shell = name.parse().map_err(Error::usage)?;
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut arguments::command(), "swathe", &mut text);
    print(String::from_utf8_lossy(&text).trim_end())?;
    Ok(Done::Well)
}
