//! `swathe run JOB`: a pipeline from a file. Run options on the command line come before those of the job.

use clap::ArgMatches;
use swathe::{Error, Job, RunSettings};

use crate::exit::Done;
use crate::{arguments, operators};

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches) -> Result<Done, Error> {
    let path = matches.get_one::<String>("JOB").map_or("", String::as_str);
    let mut job = Job::from_file(path)?;
    let given = arguments::run_settings_of(matches);
    job.run = RunSettings {
        memory: given.memory.or(job.run.memory),
        threads: given.threads.or(job.run.threads),
        tile: given.tile.or(job.run.tile),
        flush: given.flush.or(job.run.flush),
        io: given.io.or(job.run.io),
    };
    operators::process(&job, matches)
}
