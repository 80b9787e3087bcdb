//! Outputs that several runs compute together, each a part of it, on as many machines as there are.

use std::ops::Range;
use std::sync::atomic::AtomicBool;

use serde_json::{Map, Value};
use swathe_core::{Error, ErrorKind, Result};
use swathe_engine::{Catalogue, Gathering, Limits, Observer, Pipeline, ShardedTiles};
use swathe_io::{Keeping, Receipt, Settled, ShardState, ShardedOutput, settle};

use crate::catalogue::Formats;
use crate::job::{Job, RunSettings};
use crate::recovery::about;

/// How shards are put together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GatherSettings {
    /// Whether an existing output is replaced.
    pub overwrite: bool,
    /// Whether what shards wrote into one file is taken on trust, rather than read and compared with what they noted.
    pub trust: bool,
    /// Whether the output is left to the kernel to write back in its own time rather than flushed before it gets its name.
    pub skip_flush: bool,
    /// Whether no receipt stays beside the output.
    pub without_receipt: bool,
}

/// An output that was put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gathered {
    /// Of so many shards.
    Now {
        /// How many.
        shards: usize,
        /// Its size in bytes.
        bytes: u64,
    },
    /// By an earlier run.
    Before,
}

/// Puts an output together of the shards that were computed of it, proves it, and gives it its name with one receipt. What
/// the shards left is removed then, and not before.
///
/// # Errors
/// Io, where there are no shards or some are not done, which are named; UnderWay, where runs are at work on all that are missing;
/// Usage, where one is of another job or an input changed; Damaged, where one is not what was written; Limit, where the disk is
/// too small; Interrupted, where `cancel` was set.
pub fn gather(
    output: &str,
    settings: GatherSettings,
    observer: &dyn Observer,
    cancel: &AtomicBool,
) -> Result<Gathered> {
    let Some(sharded) = ShardedOutput::find(output)? else { return without_shards(output) };
    if let Some(error) = undone(output, &sharded) {
        // Where an earlier run was stopped while it removed them, the output is there.
        if error.kind() == ErrorKind::Io
            && sharded.header().is_some_and(|header| is_gathered(output, Some(header)))
        {
            sharded.remove();
            return Ok(Gathered::Before);
        }
        return Err(error);
    }
    let header = sharded.header().ok_or_else(|| Error::bug("shards that are done have no receipt"))?;
    let (pipeline, about) = of_header(output, header)?;
    let tiles = sharded.tiles(&about)?;
    // Where an earlier one was stopped at its end, names may be all that is missing.
    if settle(output, &about)? == Settled::Complete {
        sharded.remove();
        return Ok(Gathered::Before);
    }
    let run = RunSettings { flush: Some(!settings.skip_flush), ..RunSettings::default() };
    let mut job = Job { pipeline, run };
    job.pipeline.write.path = output.to_owned();
    if settings.overwrite {
        job.pipeline.write.options.insert("overwrite".into(), "yes".into());
    }
    let formats = Formats::for_job(&job, &Limits::detect()).gathering(sharded.own_files());
    let sizes = tiles.iter().map(|(size, _)| *size).collect::<Vec<_>>();
    let gathering = Gathering::of(&job.pipeline, &formats, &sizes)?;
    for (shard, (_, count)) in tiles.iter().enumerate() {
        if gathering.count(shard) != *count {
            return Err(Error::damaged(format!(
                "shard {} of `{output}` has {count} tiles by its receipt and would have {} now",
                shard + 1,
                gathering.count(shard)
            )));
        }
    }
    let keep = Keeping::new(output, about, false, !settings.skip_flush).of_shards(&sizes);
    let keep = if settings.without_receipt { keep.without_receipt() } else { keep };
    let bytes = {
        let mut parts = sharded.parts(gathering.sharing(), !settings.trust);
        gathering.run(&mut parts, Box::new(keep), !settings.skip_flush, observer, cancel)?
    };
    sharded.remove();
    Ok(Gathered::Now { shards: sizes.len(), bytes })
}

/// The job that shards were computed of, and what must be the same now.
fn of_header(output: &str, header: &Value) -> Result<(Pipeline, Map<String, Value>)> {
    let pipeline: Pipeline = serde_json::from_value(header["job"].clone())
        .map_err(|error| Error::damaged(format!("a shard of `{output}` holds no job: {error}")))?;
    let about = about(&pipeline)?;
    Ok((pipeline, about))
}

/// An output that nothing of a shard lies beside.
fn without_shards(output: &str) -> Result<Gathered> {
    if is_gathered(output, None) {
        return Ok(Gathered::Before);
    }
    let message = format!("there are no shards of `{output}`: `--shard 1/4` computes the first of four");
    Err(Error::new(ErrorKind::Io, message))
}

/// Whether an output is complete, by its receipt, and was put together of shards; of the job of one, where its first line is given.
fn is_gathered(output: &str, of: Option<&Value>) -> bool {
    let complete = || {
        let receipt = Receipt::of(output).ok().filter(|receipt| !receipt.shards.is_empty())?;
        let (_, about) = of_header(output, of.unwrap_or(&receipt.header)).ok()?;
        Some(receipt.differences(&about).is_empty() && settle(output, &about).ok()? == Settled::Complete)
    };
    complete().unwrap_or(false)
}

/// What is not done, in words.
fn undone(output: &str, sharded: &ShardedOutput) -> Option<Error> {
    let left = sharded.states().filter(|(_, state)| *state != ShardState::Done).collect::<Vec<_>>();
    let waiting = left.iter().all(|(_, state)| *state == ShardState::UnderWay);
    let words = left.iter().map(|(shard, state)| match state {
        ShardState::UnderWay => format!("{shard} is under way"),
        ShardState::Begun => format!("{shard} was stopped, `--shard {shard} --resume` goes on"),
        ShardState::Missing | ShardState::Done => format!("{shard} is missing, run `--shard {shard}`"),
    });
    let words = words.collect::<Vec<_>>().join("; ");
    let kind = if waiting { ErrorKind::UnderWay } else { ErrorKind::Io };
    (!left.is_empty()).then(|| Error::new(kind, format!("`{output}` lacks shards: {words}")))
}

/// A part of a shard's tiles, which are some of an output's.
pub(crate) struct PartOfShard {
    /// The shard, from 0.
    pub(crate) shard: usize,
    /// The first tile's number in the output.
    pub(crate) first: u64,
    /// Numbers of the tiles in the shard.
    pub(crate) tiles: Range<u64>,
    /// How many the shard has.
    pub(crate) count: u64,
}

/// Some tiles of an output that was computed in shards, shard by shard.
///
/// # Errors
/// Whatever is wrong with the job or its inputs.
pub(crate) fn parts_of_shards(
    pipeline: &Pipeline,
    catalogue: &dyn Catalogue,
    receipt: &Receipt,
    tiles: &Range<u64>,
) -> Result<Vec<PartOfShard>> {
    let all = ShardedTiles::of(pipeline, catalogue, &receipt.shards)?;
    let parts = all.segments().iter().filter_map(|segment| {
        let (start, end) = (tiles.start.max(segment.tiles.start), tiles.end.min(segment.tiles.end));
        let first = segment.first + start.checked_sub(segment.tiles.start)?;
        let count = all.count(segment.shard);
        (start < end).then(|| PartOfShard {
            shard: segment.shard,
            first: start,
            tiles: first..first + (end - start),
            count,
        })
    });
    Ok(parts.collect())
}
