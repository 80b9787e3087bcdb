//! Many scenes through one pipeline: which inputs become which outputs, as a person writes it down.

mod page;
mod record;
mod run;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use swathe_core::{Error, Result};
use swathe_engine::{Input, JOB_VERSION, Limits, Output, Pipeline, Step};
use swathe_io::file_of;

use crate::job::{Job, RunSettings};

pub use record::{BatchObserver, BatchReport, SceneOutcome, Status};

/// Many scenes and what is done with each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// The version of the job format.
    pub version: u32,
    /// Files, and patterns of file names with `*`, `?`, `[...]` and `**`.
    pub inputs: Vec<String>,
    /// How the inputs are read, as in a job's `read`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub read_options: BTreeMap<String, String>,
    /// Where results go and how; the path is a pattern with `{stem}`, `{name}`, `{ending}`, `{folder}` or `{number}`.
    pub write: Output,
    /// A job file whose steps are taken, instead of `step`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// What is done with each scene, in this order.
    #[serde(default, rename = "step", skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// How many scenes run at once; they share memory and threads. One where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_once: Option<usize>,
    /// A file to which the run log is appended, as JSON lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// An HTML page that tells how it went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// Memory and threads for all that run at once, and how each is run.
    #[serde(default)]
    pub run: RunSettings,
}

impl Batch {
    /// Reads a batch from TOML, or from JSON where the name ends so, with the steps of the job that it names.
    ///
    /// # Errors
    /// Io, where a file can't be read; Usage, where it holds no batch.
    pub fn from_file(path: &str) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Error::io(format_args!("cannot read the batch `{path}`"), error))?;
        let batch = if path.to_lowercase().ends_with(".json") {
            serde_json::from_str(&text).map_err(|error| error.to_string())
        } else {
            toml::from_str(&text).map_err(|error| error.to_string())
        };
        let mut batch: Batch = batch.map_err(|error| {
            Error::usage(format!("`{path}`: the batch is not right: {}", error.trim_end()))
        })?;
        if batch.version != JOB_VERSION {
            return Err(Error::usage(format!("`{path}`: version {} is not {JOB_VERSION}", batch.version)));
        }
        if let Some(job) = &batch.job {
            if !batch.steps.is_empty() {
                return Err(Error::usage(format!("`{path}`: `job` and `step` both say what is done")));
            }
            batch.take_job(Job::from_file(job)?);
        }
        Ok(batch)
    }

    /// Takes what is done from a job, and what the batch does not say itself.
    fn take_job(&mut self, job: Job) {
        self.steps = job.pipeline.steps;
        for (options, others) in [
            (&mut self.read_options, job.pipeline.read.options),
            (&mut self.write.options, job.pipeline.write.options),
        ] {
            for (name, value) in others {
                options.entry(name).or_insert(value);
            }
        }
        self.run = std::mem::take(&mut self.run).or(job.run);
    }

    /// The jobs, one for each scene, each with its share of memory and threads.
    ///
    /// # Errors
    /// Usage, where no input is found, a pattern is not right, or two scenes have one output.
    pub fn jobs(&self) -> Result<Vec<Job>> {
        self.jobs_within(&Limits::detect())
    }

    /// As [`Batch::jobs`], by what the process held and the machine left when the batch began.
    fn jobs_within(&self, limits: &Limits) -> Result<Vec<Job>> {
        let at_once = self.at_once();
        let run = self.run.options()?;
        if run.shard.is_some() {
            return Err(Error::unsupported(
                "a batch cannot be computed in shards: run its jobs with `--shard`",
            ));
        }
        let memory = run.memory_bytes.unwrap_or_else(|| limits.default_budget_bytes()) / at_once as u64;
        let threads = (run.threads.unwrap_or(limits.cpus) / at_once).max(1);
        let settings =
            RunSettings { memory: Some(memory.to_string()), threads: Some(threads), ..self.run.clone() };
        let pairs = self.pairs()?;
        let job = |(input, output)| Job {
            pipeline: Pipeline {
                version: self.version,
                read: Input { path: input, options: self.read_options.clone() },
                steps: self.steps.clone(),
                write: Output { path: output, options: self.write.options.clone() },
            },
            run: settings.clone(),
        };
        Ok(pairs.into_iter().map(job).collect())
    }

    /// How many scenes run at once.
    fn at_once(&self) -> usize {
        self.at_once.unwrap_or(1).max(1)
    }

    /// Inputs with their outputs. Inputs that are outputs of this batch are left out: they match the pattern from the
    /// second night on.
    fn pairs(&self) -> Result<Vec<(String, String)>> {
        let mut inputs = Vec::new();
        for pattern in &self.inputs {
            inputs.extend(matching(pattern)?);
        }
        let mut seen = HashSet::new();
        inputs.retain(|input| seen.insert(input.clone()));
        let named =
            inputs.iter().enumerate().map(|(index, input)| output_of(&self.write.path, input, index + 1));
        let named = named.collect::<Result<Vec<_>>>()?;
        let results = named.iter().map(PathBuf::from).collect::<HashSet<_>>();
        let mut taken: HashMap<String, String> = HashMap::new();
        let mut pairs = Vec::new();
        for (input, output) in inputs.into_iter().zip(named) {
            if results.contains(&file_of(&input)) && file_of(&input) != Path::new(&output) {
                continue;
            }
            if let Some(other) = taken.insert(output.clone(), input.clone()) {
                return Err(Error::usage(format!("`{other}` and `{input}` would both become `{output}`")));
            }
            pairs.push((input, output));
        }
        if pairs.is_empty() {
            return Err(Error::usage(format!("no input matches {}", self.inputs.join(", "))));
        }
        Ok(pairs)
    }
}

/// The files that a name or a pattern stands for, in order. A name without a pattern stands for itself, there or not.
fn matching(pattern: &str) -> Result<Vec<String>> {
    if !pattern.contains(['*', '?', '[']) || file_of(pattern).exists() {
        return Ok(vec![pattern.to_owned()]);
    }
    let found = glob::glob(pattern)
        .map_err(|error| Error::usage(format!("the pattern `{pattern}` is not right: {error}")))?;
    // A folder that can't be listed is told by the scenes that are missing from it.
    let files = found.filter_map(|path| path.ok()).filter(|path| path.is_file());
    Ok(files.map(|path| path.to_string_lossy().into_owned()).collect())
}

/// The output of an input, by the pattern.
fn output_of(pattern: &str, input: &str, number: usize) -> Result<String> {
    let file = file_of(input);
    let part = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    let mut output = String::new();
    let mut rest = pattern;
    while let Some((before, behind)) = rest.split_once('{') {
        let (word, after) = behind
            .split_once('}')
            .ok_or_else(|| Error::usage(format!("the output `{pattern}` has a `{{` without `}}`")))?;
        output += before;
        output += &match word {
            "stem" => part(file.file_stem()),
            "name" => part(file.file_name()),
            "ending" => part(file.extension()),
            "folder" => match file.parent().filter(|folder| *folder != Path::new("")) {
                Some(folder) => folder.to_string_lossy().into_owned(),
                None => ".".into(),
            },
            "number" => number.to_string(),
            _ => {
                return Err(Error::usage(format!(
                    "the output `{pattern}`: `{{{word}}}` is none of {{stem}}, {{name}}, {{ending}}, {{folder}}, {{number}}"
                )));
            }
        };
        rest = after;
    }
    Ok(output + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_named_after_inputs() {
        let name = |pattern: &str| output_of(pattern, "in/a.b.tif", 7);
        assert_eq!(name("out/{stem}_s.tif").unwrap(), "out/a.b_s.tif");
        assert_eq!(name("{folder}/{name}.{ending}.{number}").unwrap(), "in/a.b.tif.tif.7");
        assert!(name("{steam}.tif").unwrap_err().to_string().contains("{stem}"));
        assert!(name("{stem").is_err());
        assert_eq!(output_of("{folder}/x", "a.tif", 1).unwrap(), "./x");
    }

    #[test]
    fn results_are_no_inputs_and_no_two_are_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        for name in ["a.tif", "b.tif", "a_s.tif"] {
            std::fs::write(path(name), "").unwrap();
        }
        let batch = |output: &str| Batch {
            version: 1,
            inputs: vec![path("*.tif"), path("a.tif")],
            read_options: BTreeMap::new(),
            write: Output { path: output.into(), ..Output::default() },
            job: None,
            steps: Vec::new(),
            at_once: Some(2),
            log: None,
            page: None,
            run: RunSettings { memory: Some("64MiB".into()), threads: Some(3), ..RunSettings::default() },
        };
        let jobs = batch("{folder}/{stem}_s.tif").jobs().unwrap();
        assert_eq!(
            jobs.iter().map(|job| job.pipeline.read.path.clone()).collect::<Vec<_>>(),
            [path("a.tif"), path("b.tif")]
        );
        assert_eq!(jobs[0].run.options().unwrap().memory_bytes, Some(32 << 20));
        assert_eq!(jobs[0].run.threads, Some(1));
        assert!(batch("one.tif").jobs().unwrap_err().to_string().contains("both become"));
        assert!(Batch { inputs: vec![path("*.png")], ..batch("x{stem}") }.jobs().is_err());
    }
}
