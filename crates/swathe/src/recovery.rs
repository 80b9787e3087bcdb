//! Runs that survive: what must be the same for a run to go on with another's work, and mending a result by its receipt.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use serde_json::{Map, Value, json};
use swathe_core::{Error, ParameterKind, Result, Sharing, Size};
use swathe_engine::{Limits, Observer, Pipeline, Plan, Report, RunOptions, Step};
use swathe_io::{
    Damage, Format, Keeping, Mending, Receipt, Settled, files_of, fingerprint, is_shard_done, settle, verify,
};

use crate::catalogue::Formats;
use crate::job::{Job, RunSettings};
use crate::sharded::{PartOfShard, parts_of_shards};

/// Output options that say how the file gets there, and not what is in it.
const OF_THE_RUN: [&str; 2] = ["overwrite", "write-method"];

/// What must be the same for a run to go on with what another left: version, job, and inputs.
///
/// # Errors
/// Io, where an input can't be read.
pub(crate) fn about(pipeline: &Pipeline) -> Result<Map<String, Value>> {
    let pipeline = with_whole_paths(pipeline);
    let mut files = Vec::new();
    for path in inputs_of(&pipeline) {
        if !files.contains(&path) {
            files.push(path);
        }
    }
    let inputs = files.iter().map(|path| fingerprint(path)).collect::<Result<Vec<_>>>()?;
    let job = serde_json::to_value(&pipeline)
        .map_err(|error| Error::bug(format!("the job can't be written as JSON: {error}")))?;
    let entries =
        [("version", json!(env!("CARGO_PKG_VERSION"))), ("job", job), ("inputs", Value::Array(inputs))];
    Ok(entries.map(|(name, value)| (name.to_owned(), value)).into_iter().collect())
}

/// Every file that a pipeline reads, tables included.
fn inputs_of(pipeline: &Pipeline) -> Vec<PathBuf> {
    let with = pipeline.steps.iter().flat_map(|step| &step.with);
    let rasters = std::iter::once(&pipeline.read).chain(with).flat_map(|input| files_of(&input.path));
    let tables = pipeline.steps.iter().flat_map(|step| tables_of(step).map(|(_, path)| PathBuf::from(path)));
    rasters.chain(tables).collect()
}

/// The parameters of a step that name files: name and path.
fn tables_of(step: &Step) -> impl Iterator<Item = (&String, &String)> {
    let parameters = swathe_operators::find(&step.operator)
        .map(|spec| spec.parameters)
        .or_else(|| swathe_operators::scan::find(&step.operator).map(|spec| spec.parameters))
        .unwrap_or_default();
    step.parameters.iter().filter(move |(name, text)| {
        let kind =
            parameters.iter().find(|parameter| parameter.name == **name).map(|parameter| parameter.kind);
        kind == Some(ParameterKind::Table) && Path::new(text).is_file()
    })
}

/// The same wherever it is started from, and without what does not count for the result.
fn with_whole_paths(pipeline: &Pipeline) -> Pipeline {
    let mut pipeline = pipeline.clone();
    let whole = |path: &mut String| {
        if let Ok(absolute) = std::path::absolute(&*path) {
            *path = absolute.to_string_lossy().into_owned();
        }
    };
    whole(&mut pipeline.read.path);
    whole(&mut pipeline.write.path);
    pipeline.write.options.retain(|name, _| !OF_THE_RUN.contains(&name.as_str()));
    for step in &mut pipeline.steps {
        step.with.iter_mut().for_each(|input| whole(&mut input.path));
        let tables = tables_of(step).map(|(name, _)| name.clone()).collect::<Vec<_>>();
        step.parameters
            .iter_mut()
            .filter(|(name, _)| tables.contains(name))
            .for_each(|(_, path)| whole(path));
    }
    pipeline
}

/// Thinks a job out, with a journal kept of its run where the output and the settings allow it.
///
/// # Errors
/// As [`Plan::of`]; Io, where an input can't be read.
pub(crate) fn plan_kept(job: &Job, limits: &Limits) -> Result<Plan> {
    let formats = Formats::for_job(job, limits);
    let mut options = job.run.options()?;
    let write = &job.pipeline.write;
    let format = Format::of_output(&write.path, write.options.get("format").map(String::as_str));
    let is_kept = job.run.journal != Some(false) && format.is_some();
    if options.shard.is_some() && job.run.journal == Some(false) {
        return Err(Error::usage("a shard without its journal cannot be gathered: leave out `--journal no`"));
    }
    // Fingerprints are taken before inputs are opened: what takes an input's place in between is another's, and a receipt
    // that does not fit its result would be worse than one that has the result made again. A plan says better what is wrong.
    let kept = (is_kept || job.run.resume).then(|| keeping(job));
    let left = kept.as_ref().filter(|_| job.run.resume).and_then(|kept| kept.as_ref().ok()?.tile_to_resume());
    // Whatever tiles this run would choose, it goes on with those of the other.
    options.tile = left.or(options.tile);
    let formats = Box::new(formats.resuming(left.is_some()));
    let plan = Plan::of(&job.pipeline, formats, &options, limits)?;
    match kept.filter(|_| is_kept) {
        Some(kept) => {
            let kept = kept?;
            let kept = match options.shard.zip(plan.sharing()) {
                Some((shard, sharing)) => kept.of_shard(shard, sharing),
                None => kept,
            };
            Ok(plan.keeping(Box::new(kept)))
        }
        None => Ok(plan),
    }
}

/// The journal of a job.
fn keeping(job: &Job) -> Result<Keeping> {
    let path = &job.pipeline.write.path;
    let keeping = Keeping::new(path, about(&job.pipeline)?, job.run.resume, job.run.flush != Some(false));
    if let Some(shard) = job.run.shard()? {
        // Its receipt says that it is done. Where its pixels go is told by the plan.
        return Ok(keeping.of_shard(shard, Sharing::OneFile));
    }
    Ok(if job.run.receipt == Some(false) { keeping.without_receipt() } else { keeping })
}

/// Whether a job's output, or the shard that it computes of it, is complete, by its receipt, and of the same inputs; an output that only its names are
/// missing of gets them.
///
/// # Errors
/// Io, where an input can't be read or a name can't be given.
pub fn is_complete(job: &Job) -> Result<bool> {
    let about = about(&job.pipeline)?;
    let output = &job.pipeline.write.path;
    let is_done = |shard| is_shard_done(output, shard, &about);
    Ok(job.run.shard()?.is_some_and(is_done) || settle(output, &about)? == Settled::Complete)
}

/// As [`is_complete`], with whether another run is at work on it.
///
/// # Errors
/// As [`is_complete`].
pub(crate) fn settled(job: &Job) -> Result<Settled> {
    settle(&job.pipeline.write.path, &about(&job.pipeline)?)
}

/// Whether another run left something of a job's output that this one can go on with.
///
/// # Errors
/// Io, where an input can't be read.
pub(crate) fn can_resume(job: &Job) -> Result<bool> {
    Ok(keeping(job)?.tile_to_resume().is_some())
}

/// What was mended.
#[derive(Clone, Debug, Default)]
pub struct Repair {
    /// What was damaged.
    pub damage: Damage,
    /// One report for each range of tiles that was computed again.
    pub reports: Vec<Report>,
}

/// Computes again what of a result is not as its receipt says, in its place.
///
/// # Errors
/// Io, where there is no receipt or an input is missing; Usage, where the version, the inputs or a file beside the result
/// are not those of the receipt, so that it has to be computed anew; Damaged, where it is damaged still.
pub fn repair(
    output: &str,
    run: &RunSettings,
    observer: &dyn Observer,
    cancel: &AtomicBool,
) -> Result<Repair> {
    if run.shard.is_some() {
        return Err(Error::unsupported("a result is repaired as a whole, without `--shard`"));
    }
    let (receipt, damage) = verify(output)?;
    if damage.is_none() {
        return Ok(Repair::default());
    }
    let anew = |reason: String| {
        Error::usage(format!("`{output}` cannot be repaired: {reason}; compute it anew with `--overwrite`"))
    };
    let pipeline: Pipeline = serde_json::from_value(receipt.header["job"].clone())
        .map_err(|error| Error::damaged(format!("the receipt of `{output}` holds no job: {error}")))?;
    let differences = receipt.differences(&about(&pipeline)?);
    if !differences.is_empty() {
        return Err(anew(differences.join("; ")));
    }
    let name = Path::new(output).file_name().unwrap_or_default().to_string_lossy();
    let mut job = Job { pipeline, run: run.clone() };
    job.pipeline.write.path = output.to_owned();
    let plan = plan_mending(&job, receipt.tile)?;
    // What is made at the end is made again of all tiles, where the receipt knows enough of the last.
    let rest = if damage.head && plan.ends_with_head() { Some(Mending::of_rest(&receipt)?) } else { None };
    if !plan.is_resumable() || rest.as_ref().is_some_and(Option::is_none) {
        // Its parts do not stand by themselves.
        job.pipeline.write.options.insert("overwrite".into(), "yes".into());
        let report = plan_kept(&job, &Limits::detect())?.run(observer, cancel)?;
        return Ok(Repair { damage, reports: vec![report] });
    }
    drop(plan);
    for (file, bytes, _) in &damage.files {
        if **file != *name {
            return Err(anew(format!("`{file}` beside it is damaged")));
        }
        let sized =
            std::fs::OpenOptions::new().write(true).open(output).and_then(|file| file.set_len(*bytes));
        sized.map_err(|error| Error::io(format_args!("cannot write `{output}`"), error))?;
    }
    let mut ranges = ranges(damage.tiles.iter().copied());
    if ranges.is_empty() && damage.head && rest.is_none() {
        // Whatever is mended, the head is written again.
        ranges.push(0..1);
    }
    let mut reports = Vec::new();
    for range in ranges {
        reports.extend(mend(&job, &receipt, &range, observer, cancel)?);
    }
    if let Some(rest) = rest.flatten() {
        let plan = plan_mending(&job, receipt.tile)?;
        reports.push(plan.keeping(Box::new(rest)).run(observer, cancel)?);
    }
    let (_, left) = verify(output)?;
    if !left.is_none() {
        return Err(Error::damaged(format!(
            "`{output}` is still damaged, {} of its tiles: compute it anew with `--overwrite`",
            left.tiles.len()
        )));
    }
    Ok(Repair { damage, reports })
}

/// Computes some tiles again: at once, or shard by shard where the output was computed so.
fn mend(
    job: &Job,
    receipt: &Receipt,
    range: &Range<u64>,
    observer: &dyn Observer,
    cancel: &AtomicBool,
) -> Result<Vec<Report>> {
    if receipt.shards.is_empty() {
        let mending = Mending::new(receipt, range.clone())?;
        return Ok(vec![plan_mending(job, receipt.tile)?.keeping(Box::new(mending)).run(observer, cancel)?]);
    }
    let formats = Formats::for_job(job, &Limits::detect()).mending();
    let parts = parts_of_shards(&job.pipeline, &formats, receipt, range)?;
    let one = |part: PartOfShard| {
        let mending = Mending::of_shard(receipt, (part.shard, part.count), part.first, part.tiles.clone())?;
        let shard = format!("{}/{}", part.shard + 1, receipt.shards.len());
        let run = RunSettings { shard: Some(shard), ..job.run.clone() };
        let job = Job { pipeline: job.pipeline.clone(), run };
        let tile = receipt.shards.get(part.shard).copied().unwrap_or(receipt.tile);
        plan_mending(&job, tile)?.keeping(Box::new(mending)).run(observer, cancel)
    };
    parts.into_iter().map(one).collect()
}

/// Thinks out how an output is written again in its place, in the tiles that it was written in.
fn plan_mending(job: &Job, tile: Size) -> Result<Plan> {
    let limits = Limits::detect();
    let formats = Box::new(Formats::for_job(job, &limits).mending());
    let options = RunOptions { tile: Some(tile), ..job.run.options()? };
    Plan::of(&job.pipeline, formats, &options, &limits)
}

/// Numbers in order as ranges of neighbours.
fn ranges(numbers: impl Iterator<Item = u64>) -> Vec<Range<u64>> {
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some(last) if last.end == number => last.end += 1,
            _ => ranges.push(number..number + 1),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_one_range() {
        assert_eq!(ranges([1, 2, 3, 7, 9, 10].into_iter()), [1..4, 7..8, 9..11]);
        assert!(ranges([].into_iter()).is_empty());
    }

    #[test]
    fn what_does_not_count_is_left_out() {
        let text = "version = 1\nread = { path = 'a.tif' }\nwrite = { path = 'b.tif', options = { overwrite = 'yes', compress = 'zstd' } }";
        let pipeline = with_whole_paths(&Job::from_toml(text).unwrap().pipeline);
        assert!(Path::new(&pipeline.read.path).is_absolute());
        assert_eq!(pipeline.write.options.keys().collect::<Vec<_>>(), ["compress"]);
        assert_eq!(with_whole_paths(&pipeline), pipeline);
    }
}
