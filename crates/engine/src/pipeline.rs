//! What a person asked for, as plain data: read, operators, write. It names formats and operators only as text.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use swathe_core::{
    Beside, BothWays, Destination, Error, Halo, Operator, RasterInfo, Result, Scan, Shard, Source, Window,
};

use crate::between::Between;
use crate::both_ways::{Downward, MakeInterim, Notes, Upward};
use crate::extend::InputNeed;
use crate::means::row_width;
use crate::prepare::Preparation;
use crate::scanning::Scanning;

/// The version of the job format that this engine writes and reads.
pub const JOB_VERSION: u32 = 1;

/// A chain of operators between one output and its inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    /// The job format's version.
    pub version: u32,
    /// The raster that the first operator reads.
    pub read: Input,
    /// What is done with it, in this order. Empty: a plain copy.
    #[serde(default, rename = "step")]
    pub steps: Vec<Step>,
    /// Where the result goes.
    pub write: Output,
}

/// A raster to read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The file, with `:BAND` or `:page=N` where only a part is meant.
    pub path: String,
    /// How to read it, such as `nodata-value`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
}

/// One operator with its parameters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The operator's name.
    pub operator: String,
    /// Its parameters as on the command line, without the dashes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// Rasters that it reads besides the result of the step before, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<Input>,
}

/// A raster to write.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// The file.
    pub path: String,
    /// How to write it, such as `compress`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
}

/// Turns the names in a [`Pipeline`] into things that can be run. The engine knows none of them itself.
pub trait Catalogue {
    /// Opens a raster.
    ///
    /// # Errors
    /// Where it can't be opened or is no raster.
    fn open(&self, input: &Input) -> Result<Box<dyn Source>>;

    /// Binds an operator to its parameters and the rasters it reads.
    ///
    /// # Errors
    /// Where there is no such operator, or it can't do what is asked.
    fn operator(&self, step: &Step, inputs: &[RasterInfo]) -> Result<Box<dyn Operator>>;

    /// What a step has to learn about its first input before it can be bound; nothing, where its parameters say all.
    ///
    /// # Errors
    /// As [`Catalogue::operator`].
    fn preparation(&self, _step: &Step, _inputs: &[RasterInfo]) -> Result<Option<Box<dyn Preparation>>> {
        Ok(None)
    }

    /// Whether a step carries something from row to row, up or down, so that it can only be the last one.
    fn is_scan(&self, step: &Step) -> bool;

    /// Binds a scan to its parameters and the raster it reads; `output` is what it writes.
    ///
    /// # Errors
    /// As [`Catalogue::operator`]; for a file beside the output as [`Catalogue::destination`].
    fn scan(&self, step: &Step, input: &RasterInfo, output: &Output) -> Result<Scanner>;

    /// Where a raster between two sweeps will be, stored in blocks of so many columns and written in tiles of whole ones;
    /// `name` says what it is, for messages.
    fn interim(&self, name: &str, block_columns: usize) -> MakeInterim;

    /// Thinks out an output.
    ///
    /// # Errors
    /// Where the name or the options make no sense, or the output is in the way.
    fn destination(&self, output: &Output, info: &RasterInfo) -> Result<Box<dyn Destination>>;
}

/// What carries something from row to row.
pub enum Scanner {
    /// Down.
    Down {
        /// What makes the raster that is scanned out of the step's input, where that is another one.
        before: Option<Box<dyn Operator>>,
        /// The scan.
        scan: Box<dyn Scan>,
    },
    /// First up and then down.
    BothWays {
        /// The computation.
        both: Arc<dyn BothWays>,
        /// What is written beside the output.
        beside: Option<Box<dyn Beside>>,
    },
}

impl Scanner {
    fn output(&self) -> &RasterInfo {
        match self {
            Scanner::Down { scan, .. } => scan.output(),
            Scanner::BothWays { both, .. } => both.output(),
        }
    }
}

/// A pipeline whose names have been resolved: ready to be planned.
pub struct Graph {
    pub(crate) chain: Chain,
    pub(crate) destination: Box<dyn Destination>,
    /// What is swept for before.
    pub(crate) first: Option<Box<First>>,
    /// The part of the output that is computed, where it is not all.
    pub(crate) shard: Option<Shard>,
    /// The rows of the result that are computed, where they are not all and nobody's shard.
    pub(crate) band: Option<Window>,
    /// How wide a row of tiles is where that does not follow from the chain, which reads what another stored.
    pub(crate) row_width: Option<usize>,
}

/// A sweep from the bottom to the top before the one that writes, over the same tiles.
pub(crate) struct First {
    /// What it is for.
    pub(crate) step: String,
    pub(crate) graph: Graph,
    pub(crate) notes: Arc<Notes>,
}

/// The part of a graph that workers share: everything but the output.
#[derive(Clone)]
pub(crate) struct Chain {
    pub(crate) source: Arc<dyn Source>,
    pub(crate) stages: Vec<Arc<Stage>>,
}

/// What one sweep over the disk does: a chain, and where its result goes.
#[derive(Clone, Copy)]
pub(crate) struct Part<'a> {
    pub(crate) chain: &'a Chain,
    pub(crate) destination: &'a dyn Destination,
    /// The sweep from the bottom to the top over the same chain that comes before, in the place of an output.
    pub(crate) upward: Option<&'a dyn Destination>,
    /// How wide a row of tiles is: as the raster, or as a stripe of it.
    pub(crate) row_width: usize,
    /// The part of the result that is computed, where it is not all.
    pub(crate) shard: Option<Shard>,
    /// The rows of the result that are computed, where they are not all and no shard's.
    pub(crate) band: Option<Window>,
    /// Bytes of tables that other sweeps of the same run hold meanwhile.
    pub(crate) beside_bytes: u64,
}

impl Part<'_> {
    /// The rows of the result that are computed; all of them for a shard that has none, which are planned and not run.
    pub(crate) fn rows(&self) -> Range<usize> {
        let band = self.band.map(|band| band.y as usize..band.y_end() as usize);
        let rows = self.shard.map(|shard| self.rows_of(shard)).or(band);
        rows.filter(|rows| !rows.is_empty()).unwrap_or(0..self.chain.output().size.height)
    }

    /// The rows of the result that are a shard's.
    pub(crate) fn rows_of(&self, shard: Shard) -> Range<usize> {
        shard.rows(self.chain.output().size.height, self.destination.block().height)
    }
}

/// A bound operator with the rasters that it reads besides the result of the stage before.
pub struct Stage {
    /// What the operator is called.
    pub name: String,
    /// The operator.
    pub operator: Box<dyn Operator>,
    /// Its inputs from the second on.
    pub with: Vec<Box<dyn Source>>,
}

/// Opens a raster and binds the steps that are done with it.
///
/// # Errors
/// Whatever the catalogue says.
pub fn resolve(
    read: &Input,
    steps: &[Step],
    catalogue: &dyn Catalogue,
) -> Result<(Box<dyn Source>, Vec<Stage>)> {
    let mut steps = steps.to_vec();
    let (source, stages, preparations) = resolve_with_stand_ins(read, &mut steps, catalogue)?;
    match preparations.first() {
        None => Ok((source, stages)),
        Some((number, preparation)) => Err(Error::unsupported(format!(
            "`{}` has to learn {} first, which cannot be done here",
            steps[*number].operator,
            preparation.subject()
        ))),
    }
}

/// What steps have to learn, with the numbers of the steps, which are those of the chain's stages.
pub(crate) type Preparations = Vec<(usize, Box<dyn Preparation>)>;

/// As [`resolve`], with stand-ins for the steps that have to learn something, which are put into `steps`.
fn resolve_with_stand_ins(
    read: &Input,
    steps: &mut [Step],
    catalogue: &dyn Catalogue,
) -> Result<(Box<dyn Source>, Vec<Stage>, Preparations)> {
    let source = catalogue.open(read)?;
    let mut info = source.info().clone();
    let mut stages = Vec::with_capacity(steps.len());
    let mut preparations = Vec::new();
    for (number, step) in steps.iter_mut().enumerate() {
        let with = step.with.iter().map(|input| catalogue.open(input)).collect::<Result<Vec<_>>>()?;
        let mut inputs = vec![info];
        inputs.extend(with.iter().map(|source| source.info().clone()));
        let place = format!("`{}`", step.operator);
        if let Some(preparation) = catalogue.preparation(step, &inputs).map_err(|error| error.at(&place))? {
            *step = preparation.stand_in();
            preparations.push((number, preparation));
        }
        let operator = catalogue.operator(step, &inputs).map_err(|error| error.at(&place))?;
        info = operator.output().clone();
        stages.push(Stage { name: step.operator.clone(), operator, with });
    }
    Ok((source, stages, preparations))
}

impl Graph {
    /// Resolves every name of a pipeline.
    ///
    /// # Errors
    /// Usage, for a job of another version; and whatever the catalogue says.
    pub fn resolve(pipeline: &Pipeline, catalogue: &dyn Catalogue) -> Result<Self> {
        let (graph, stood_in, preparations) = Graph::with_stand_ins(pipeline, catalogue)?;
        match preparations.first() {
            None => Ok(graph),
            Some((number, preparation)) => Err(Error::unsupported(format!(
                "`{}` has to learn {} first: plan the pipeline, not the graph",
                stood_in.steps[*number].operator,
                preparation.subject()
            ))),
        }
    }

    /// Resolves every name of a pipeline, with stand-ins for the steps that have something to learn: the graph, the
    /// pipeline that it was made of, and what is to be learned.
    pub(crate) fn with_stand_ins(
        pipeline: &Pipeline,
        catalogue: &dyn Catalogue,
    ) -> Result<(Self, Pipeline, Preparations)> {
        if pipeline.version != JOB_VERSION {
            return Err(Error::usage(format!(
                "the job has version {}, this program reads version {JOB_VERSION}",
                pipeline.version
            )));
        }
        let mut stood_in = pipeline.clone();
        let (steps, last) = match stood_in.steps.split_last_mut() {
            Some((last, earlier)) if catalogue.is_scan(last) => (earlier, Some(&*last)),
            _ => (stood_in.steps.as_mut_slice(), None),
        };
        let (source, stages, preparations) = resolve_with_stand_ins(&pipeline.read, steps, catalogue)?;
        let mut chain = Chain::new(source, stages);
        let Some(last) = last else {
            let destination = catalogue.destination(&pipeline.write, chain.output())?;
            return Ok((Graph::over(chain, destination), stood_in, preparations));
        };
        let last_name = last.operator.clone();
        let scan = catalogue
            .scan(last, chain.output(), &pipeline.write)
            .map_err(|error| error.at(format_args!("`{}`", last.operator)))?;
        let destination = catalogue.destination(&pipeline.write, scan.output())?;
        if destination.margin() != Halo::NONE {
            return Err(Error::usage(format!(
                "`{}` hands on one row after the other, and the overviews of {} need more: write a TIFF, and then its overviews",
                last.operator,
                scan.output().size
            )));
        }
        let (both, beside) = match scan {
            Scanner::Down { before, scan } => {
                let before = before.map(|operator| Stage { name: last_name, operator, with: Vec::new() });
                chain.stages.extend(before.map(Arc::new));
                let destination = Box::new(Between { step: Scanning::new(scan), destination });
                return Ok((Graph::over(chain, destination), stood_in, preparations));
            }
            Scanner::BothWays { both, beside } => (both, beside),
        };
        let notes =
            Arc::new(Notes::new(both.as_ref(), catalogue.interim("what lies below each tile", usize::MAX))?);
        let (source, stages) =
            resolve(&stood_in.read, &stood_in.steps[..stood_in.steps.len() - 1], catalogue)?;
        let upward = Upward { both: both.clone(), notes: notes.clone(), block: destination.block() };
        let graph = Graph::new(source, stages, Box::new(upward));
        let first = Some(Box::new(First { step: last_name, graph, notes: notes.clone() }));
        let destination = Box::new(Between { step: Downward::new(both, notes, beside), destination });
        Ok((Graph { first, ..Graph::over(chain, destination) }, stood_in, preparations))
    }

    /// A chain with the place where its result goes.
    pub(crate) fn over(chain: Chain, destination: Box<dyn Destination>) -> Self {
        Graph { chain, destination, first: None, shard: None, band: None, row_width: None }
    }

    /// The same, reading what its first operators make from where that was stored.
    pub(crate) fn behind(mut self, stages: usize, stored: &Arc<dyn Source>) -> Self {
        // The order of the output's blocks must not tell whether something was stored.
        self.row_width = Some(self.sweep().row_width);
        self.chain = self.chain.behind(stages, stored);
        self.first = self.first.map(|first| {
            let First { step, graph, notes } = *first;
            Box::new(First { step, graph: graph.behind(stages, stored), notes })
        });
        self
    }

    /// A graph from parts that are already resolved, for callers that bring their own sources and sinks.
    pub fn new(source: Box<dyn Source>, stages: Vec<Stage>, destination: Box<dyn Destination>) -> Self {
        Graph::over(Chain::new(source, stages), destination)
    }

    /// What the output will be.
    pub fn output(&self) -> &RasterInfo {
        self.chain.output()
    }

    /// All of it as one sweep, with the one before where that has to be.
    pub(crate) fn sweep(&self) -> Part<'_> {
        Part {
            chain: &self.chain,
            destination: self.destination.as_ref(),
            upward: self.upward(),
            row_width: self.row_width.unwrap_or_else(|| row_width(&self.chain, self.destination.as_ref())),
            shard: self.shard,
            band: self.band,
            beside_bytes: 0,
        }
    }

    /// The same, of which only a shard is computed, where one is given.
    ///
    /// # Errors
    /// Unsupported, where the output cannot be computed in shards.
    pub fn of_shard(self, shard: Option<Shard>) -> Result<Self> {
        if shard.is_some() && self.destination.sharing().is_none() {
            return Err(Error::unsupported(
                "hands something on from one row of the whole raster to the next, and cannot be computed in shards: run it \
                 without `--shard`",
            ));
        }
        Ok(Graph { shard, ..self })
    }

    /// The same, with the reason said of the last step.
    pub(crate) fn of_shard_of(self, shard: Option<Shard>, pipeline: &Pipeline) -> Result<Self> {
        let last = pipeline.steps.last().map_or("the chain", |step| step.operator.as_str());
        self.of_shard(shard).map_err(|error| error.at(format_args!("`{last}`")))
    }

    /// What takes notes from the bottom to the top.
    pub(crate) fn upward(&self) -> Option<&dyn Destination> {
        self.first.as_ref().map(|first| first.graph.destination.as_ref())
    }
}

impl Chain {
    pub(crate) fn new(source: Box<dyn Source>, stages: Vec<Stage>) -> Self {
        Chain { source: source.into(), stages: stages.into_iter().map(Arc::new).collect() }
    }

    /// The stages in `range`, reading `source`.
    pub(crate) fn part(&self, source: &Arc<dyn Source>, range: Range<usize>) -> Self {
        Chain { source: Arc::clone(source), stages: self.stages[range].to_vec() }
    }

    /// The stages from a number on, reading what those before it make from where that was stored.
    pub(crate) fn behind(&self, stages: usize, stored: &Arc<dyn Source>) -> Self {
        self.part(stored, stages..self.stages.len())
    }

    /// Bytes of tables that sources and operators hold all the time.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let of_sources = self.sources().map(|source| source.resident_bytes());
        let of_stages = self.stages.iter().map(|stage| stage.operator.resident_bytes());
        of_sources.chain(of_stages).fold(0, |sum, bytes| sum.saturating_add(bytes as u64))
    }

    /// What comes out of the last stage.
    pub(crate) fn output(&self) -> &RasterInfo {
        self.stages.last().map_or_else(|| self.source.info(), |stage| stage.operator.output())
    }

    /// Input `index` of a stage: a source, or else the result of what comes before.
    pub(crate) fn input(&self, stage: usize, index: usize) -> StageInput<'_> {
        match index.checked_sub(1) {
            Some(side) => StageInput::Source(self.stages[stage].with[side].as_ref()),
            None => match stage.checked_sub(1) {
                Some(earlier) => StageInput::Stage(earlier),
                None => StageInput::Source(self.source.as_ref()),
            },
        }
    }

    /// What input `index` of a stage is.
    pub(crate) fn input_info(&self, stage: usize, index: usize) -> &RasterInfo {
        match self.input(stage, index) {
            StageInput::Source(source) => source.info(),
            StageInput::Stage(earlier) => self.stages[earlier].operator.output(),
        }
    }

    /// Every source: the first one, then those of each stage in order.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &dyn Source> {
        let with = self.stages.iter().flat_map(|stage| stage.with.iter().map(AsRef::as_ref));
        std::iter::once(self.source.as_ref()).chain(with)
    }

    /// Where input `index` of a stage, which is a source, stands in [`Chain::sources`].
    pub(crate) fn source_number(&self, stage: usize, index: usize) -> usize {
        self.stages[..stage].iter().map(|stage| stage.with.len()).sum::<usize>() + index
    }

    /// How input `index` of a stage is put together for an output window.
    pub(crate) fn need(&self, stage: usize, index: usize, output: Window) -> InputNeed {
        let operator = &self.stages[stage].operator;
        InputNeed::new(operator.need(index, output), self.input_info(stage, index).size, operator.edge(index))
    }
}

/// What a stage reads.
pub(crate) enum StageInput<'a> {
    /// A raster.
    Source(&'a dyn Source),
    /// The result of this stage.
    Stage(usize),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_read_back() {
        let pipeline = Pipeline {
            version: JOB_VERSION,
            read: Input { path: "a.tif:1".into(), options: BTreeMap::new() },
            steps: vec![Step {
                operator: "gaussian".into(),
                parameters: BTreeMap::from([("sigma".into(), "2.2".into())]),
                with: vec![],
            }],
            write: Output {
                path: "b.tif".into(),
                options: BTreeMap::from([("compress".into(), "zstd:1".into())]),
            },
        };
        let text = toml::to_string(&pipeline).unwrap();
        assert_eq!(toml::from_str::<Pipeline>(&text).unwrap(), pipeline);
        let text = serde_json::to_string(&pipeline).unwrap();
        assert_eq!(serde_json::from_str::<Pipeline>(&text).unwrap(), pipeline);
        assert!(
            toml::from_str::<Pipeline>("version = 1\nread = {path='a'}\nwrite = {path='b'}\nstpes = []")
                .is_err()
        );
    }
}
