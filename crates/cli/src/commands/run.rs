//! `swathe run JOB`: a pipeline from a file. Run options on the command line come before those of the job.

use clap::ArgMatches;
use swathe::{Error, Job};

use crate::exit::Done;
use crate::{arguments, operators};

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches) -> Result<Done, Error> {
    let path = matches.get_one::<String>("JOB").map_or("", String::as_str);
    let mut job = Job::from_file(path)?;
    job.run = arguments::run_settings_of(matches).or(job.run);
    operators::process(&job, matches)
}
