//! A job: a pipeline and how to run it, as a person writes it down.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use swathe_core::{Error, Parameter, ParameterKind, Parameters, Result, Shard, Value};
use swathe_engine::{Fusion, Pipeline, RunOptions};

use crate::quantity::parse_bytes;

/// A pipeline and how to run it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// What is done.
    #[serde(flatten)]
    pub pipeline: Pipeline,
    /// How it is run.
    #[serde(default, skip_serializing_if = "RunSettings::is_default")]
    pub run: RunSettings,
}

/// How a job is run, in the words of the command line.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunSettings {
    /// The budget, such as `256MiB`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<String>,
    /// Workers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,
    /// Tile size, such as `1024x512`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tile: Option<String>,
    /// Whether a chain is run in one sweep: `auto`, `always` or `never`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fuse: Option<String>,
    /// Whether the output is flushed to the disk before it gets its name; yes where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flush: Option<bool>,
    /// Whether the disk keeps room for the output before the first tile, for as much as it may take; yes where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserve: Option<bool>,
    /// The folder for what is kept on disk from one sweep to the next; the system's for temporary files where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scratch: Option<String>,
    /// How files are reached: `mmap` or `pread`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub io: Option<String>,
    /// Whether the run goes on with what another left of the same output.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resume: bool,
    /// Whether a journal is kept, so that another run can go on; yes where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal: Option<bool>,
    /// The part of the output that is computed, such as `2/4`; all of it where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<String>,
    /// Whether the journal of a complete output stays beside it as its receipt; yes where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<bool>,
}

impl RunSettings {
    fn is_default(&self) -> bool {
        *self == RunSettings::default()
    }

    /// These settings, and for what they do not say those of `other`.
    #[must_use]
    pub fn or(self, other: RunSettings) -> Self {
        RunSettings {
            memory: self.memory.or(other.memory),
            threads: self.threads.or(other.threads),
            tile: self.tile.or(other.tile),
            fuse: self.fuse.or(other.fuse),
            flush: self.flush.or(other.flush),
            reserve: self.reserve.or(other.reserve),
            scratch: self.scratch.or(other.scratch),
            io: self.io.or(other.io),
            resume: self.resume || other.resume,
            journal: self.journal.or(other.journal),
            receipt: self.receipt.or(other.receipt),
            shard: self.shard.or(other.shard),
        }
    }

    /// The folder for what is kept on disk from one sweep to the next.
    pub(crate) fn scratch_folder(&self) -> PathBuf {
        self.scratch.as_ref().map_or_else(std::env::temp_dir, PathBuf::from)
    }

    /// The part of the output that is computed, where it is not all.
    ///
    /// # Errors
    /// Usage, for what is no shard.
    pub fn shard(&self) -> Result<Option<Shard>> {
        let shard = self.shard.as_deref().map(Shard::parse).transpose();
        shard.map_err(|error| error.at("--shard"))
    }

    /// The same for the engine.
    ///
    /// # Errors
    /// Usage, for amounts and sizes that make no sense.
    pub fn options(&self) -> Result<RunOptions> {
        let memory =
            self.memory.as_deref().map(parse_bytes).transpose().map_err(|error| error.at("--memory"))?;
        let parameter =
            Parameter::optional("tile", ParameterKind::Size { greatest: 1 << 30 }, None, "tile size");
        let tile = self.tile.iter().map(|tile| ("tile".to_owned(), Value::Text(tile.clone())));
        let tile = Parameters::check(&[parameter], tile)?.size("tile")?;
        let fusion = match self.fuse.as_deref() {
            None | Some("auto") => Fusion::Auto,
            Some("always") => Fusion::Always,
            Some("never") => Fusion::Never,
            Some(word) => {
                return Err(Error::usage(format!("--fuse: `{word}` is not one of auto, always, never")));
            }
        };
        Ok(RunOptions {
            memory_bytes: memory,
            threads: self.threads,
            tile,
            fusion,
            skip_flush: self.flush == Some(false),
            skip_reserve: self.reserve == Some(false),
            shard: self.shard()?,
        })
    }
}

impl Job {
    /// Reads a job from TOML.
    ///
    /// # Errors
    /// Usage, with the line.
    pub fn from_toml(text: &str) -> Result<Self> {
        toml::from_str(text)
            .map_err(|error| Error::usage(format!("the job is not right: {}", error.to_string().trim_end())))
    }

    /// Reads a job from JSON.
    ///
    /// # Errors
    /// Usage, with the line.
    pub fn from_json(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|error| Error::usage(format!("the job is not right: {error}")))
    }

    /// Reads a job from a file: JSON where the name ends so, else TOML.
    ///
    /// # Errors
    /// Io, where the file can't be read; Usage, where it holds no job.
    pub fn from_file(path: &str) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Error::io(format_args!("cannot read the job `{path}`"), error))?;
        let job = if path.to_lowercase().ends_with(".json") {
            Job::from_json(&text)
        } else {
            Job::from_toml(&text)
        };
        job.map_err(|error| error.at(format_args!("`{path}`")))
    }

    /// The job as TOML, which [`Job::from_toml`] reads back.
    ///
    /// # Errors
    /// Bug, where it can't be written; it always can.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self)
            .map_err(|error| Error::bug(format!("the job can't be written as TOML: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: &str = "version = 1\nread = { path = 'a.tif', options = { nodata-value = '0' } }\n\
        write = { path = 'b.tif' }\nrun = { memory = '64MiB', threads = 2 }\n\
        [[step]]\noperator = 'gaussian'\nparameters = { sigma = '2' }\n[[step]]\noperator = 'cast'\n";

    #[test]
    fn jobs_read_back() {
        let job = Job::from_toml(JOB).unwrap();
        assert_eq!(job.pipeline.steps.len(), 2);
        assert_eq!(job.run.options().unwrap().memory_bytes, Some(64 << 20));
        assert_eq!(Job::from_toml(&job.to_toml().unwrap()).unwrap(), job);
        let json = serde_json::to_string(&job).unwrap();
        assert_eq!(Job::from_json(&json).unwrap(), job);
    }

    #[test]
    fn what_is_wrong_is_told() {
        assert!(Job::from_toml("version = 1").unwrap_err().to_string().contains("read"));
        assert!(
            Job::from_toml(&JOB.replace("threads", "thread")).unwrap_err().to_string().contains("thread")
        );
        let job = Job::from_toml(&JOB.replace("threads = 2", "fuse = 'some'")).unwrap();
        assert!(job.run.options().unwrap_err().to_string().starts_with("--fuse"));
        let job = Job::from_toml(&JOB.replace("64MiB", "much")).unwrap();
        assert!(job.run.options().unwrap_err().to_string().starts_with("--memory"));
    }
}
