//! From names to things: formats by `swathe_io`, operators by `swathe_operators`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use swathe_core::{
    Beside, Destination, Error, Operator, ParameterKind, Parameters, RasterInfo, Result, Scalar, Source,
    Spec, Value,
};
use swathe_engine::{
    Catalogue, Input, InterimRaster, Limits, MakeInterim, Output, Preparation, Scanner, Step,
};
use swathe_io::{
    AccessMethod, Compression, EntryFile, Existing, Format, InShards, Interim, InterimDestination,
    InterimSource, Interleave, OpenOptions, OutputOptions, OverviewMethod, Overviews, Strips, WriteBackRule,
    WriteMethod, WritePredictor,
};

use swathe_operators::OPERATORS;
use swathe_operators::scan::{BoundScan, Regions, SCANS};

use crate::job::{Job, RunSettings};
use crate::preparation::Learning;
use crate::region_table::RegionTable;

/// The largest table that a parameter may name.
const TABLE_BYTES: u64 = 64 << 20;

/// Every format and every operator there is.
#[derive(Clone, Debug, Default)]
pub struct Formats {
    inputs: Vec<PathBuf>,
    access: Option<AccessMethod>,
    writeback: WriteBackRule,
    flush: bool,
    unreserved: bool,
    scratch: Option<PathBuf>,
    mend: bool,
    resume: bool,
    shards: Option<InShards>,
}

impl Formats {
    /// For one job: its inputs are kept from being its output.
    pub(crate) fn for_job(job: &Job, limits: &Limits) -> Self {
        let with = job.pipeline.steps.iter().flat_map(|step| &step.with);
        let inputs =
            std::iter::once(&job.pipeline.read).chain(with).map(|input| swathe_io::file_of(&input.path));
        let formats = Formats::writing(inputs.collect(), limits).running(&job.run);
        let shards = job.run.shard().ok().flatten().map(InShards::One);
        Formats { scratch: Some(job.run.scratch_folder()), shards, ..formats }
    }

    /// For reading only.
    pub(crate) fn reading(run: &RunSettings) -> Self {
        Formats { access: access_of(run), ..Formats::default() }
    }

    /// The same, reaching inputs, reserving and flushing the output as `run` says.
    pub(crate) fn running(self, run: &RunSettings) -> Self {
        let (flush, unreserved) = (run.flush != Some(false), run.reserve == Some(false));
        Formats { access: access_of(run), flush, unreserved, ..self }
    }

    /// When what is written goes to a disk, for files that nobody flushes.
    pub(crate) fn writeback(limits: &Limits) -> WriteBackRule {
        // A control group is charged for pages that wait to be written, and kills where they do not leave in time;
        // without one the kernel's own limits do.
        let limit_bytes = limits.group_bytes.map(|limit| (limit / 8).clamp(4 << 20, 256 << 20));
        WriteBackRule { limit_bytes, early: false }
    }

    /// For writing an output that must be none of `inputs`.
    pub(crate) fn writing(inputs: Vec<PathBuf>, limits: &Limits) -> Self {
        let writeback = Formats::writeback(limits);
        Formats { inputs, writeback, ..Formats::default() }
    }

    /// The same, with outputs that are there and of which parts are written again.
    pub(crate) fn mending(self) -> Self {
        Formats { mend: true, shards: None, ..self }
    }

    /// The same, with an output that is put together of shards, some of which have files of their own, of so many bytes.
    pub(crate) fn gathering(self, (files, bytes): (u64, u64)) -> Self {
        Formats { shards: Some(InShards::Gathered { files, bytes }), ..self }
    }

    /// The same, for a run that goes on with another's: what that gave a name beside the output is made again.
    pub(crate) fn resuming(self, resume: bool) -> Self {
        Formats { resume, ..self }
    }

    fn existing(&self, overwrite: bool) -> Existing {
        match (self.mend, overwrite) {
            (true, _) => Existing::Mended,
            (false, true) => Existing::Replaced,
            (false, false) => Existing::Refused,
        }
    }
}

fn access_of(run: &RunSettings) -> Option<AccessMethod> {
    match run.io.as_deref() {
        Some("mmap") => Some(AccessMethod::Mmap),
        Some("pread") => Some(AccessMethod::Pread),
        _ => None,
    }
}

/// Options by name, each of which must be taken.
struct Options<'a> {
    left: BTreeMap<&'a str, &'a str>,
}

impl<'a> Options<'a> {
    fn new(options: &'a BTreeMap<String, String>) -> Self {
        Options { left: options.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect() }
    }

    fn take<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T>) -> Result<Option<T>> {
        self.left.remove(name).map(parse).transpose().map_err(|error| error.at(format_args!("--{name}")))
    }

    fn finish(self) -> Result<()> {
        match self.left.keys().next() {
            Some(name) => Err(Error::usage(format!("there is no option `--{name}` here"))),
            None => Ok(()),
        }
    }
}

fn size(text: &str) -> Result<swathe_core::Size> {
    let parameter = swathe_core::Parameter::optional(
        "block",
        ParameterKind::Size { greatest: 1 << 20 },
        None,
        "block size",
    );
    let given = [("block".to_owned(), Value::Text(text.to_owned()))];
    let size = Parameters::check(&[parameter], given)?.size("block")?;
    size.ok_or_else(|| Error::usage("a size is missing"))
}

fn one_of<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T> {
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    found.ok_or_else(|| {
        let words = words.iter().map(|(word, _)| *word).collect::<Vec<_>>();
        Error::usage(format!("`{text}` is not one of {}", words.join(", ")))
    })
}

/// `, but NAME`, with the name that is most like a word, where one is like it.
pub fn like<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> String {
    let likeness = names.map(|name| (strsim::jaro(word, name), name));
    let most = likeness.filter(|(likeness, _)| *likeness > 0.7).max_by(|a, b| a.0.total_cmp(&b.0));
    most.map_or_else(String::new, |(_, name)| format!(", but `{name}`"))
}

/// The same with the names of all operators and scans.
pub fn like_operator(word: &str) -> String {
    like(word, OPERATORS.iter().map(|spec| spec.name).chain(SCANS.iter().map(|spec| spec.name)))
}

impl Catalogue for Formats {
    fn open(&self, input: &Input) -> Result<Box<dyn Source>> {
        let mut options = Options::new(&input.options);
        let nodata = options.take("nodata-value", Scalar::parse)?;
        options.finish()?;
        swathe_io::open(&input.path, &OpenOptions { access: self.access, nodata })
    }

    fn operator(&self, step: &Step, inputs: &[RasterInfo]) -> Result<Box<dyn Operator>> {
        let Some(spec) = swathe_operators::find(&step.operator) else {
            return Err(Error::usage(if self.is_scan(step) {
                "carries something from row to row, so that it must be the last step".to_owned()
            } else {
                let like = like_operator(&step.operator);
                format!("there is no such operator{like}; `swathe operators` lists them")
            }));
        };
        (spec.bind)(&parameters(spec, step, inputs.len())?, inputs)
    }

    fn preparation(&self, step: &Step, inputs: &[RasterInfo]) -> Result<Option<Box<dyn Preparation>>> {
        let (Some(asking), Some(spec)) =
            (swathe_operators::prepare::find(&step.operator), swathe_operators::find(&step.operator))
        else {
            return Ok(None);
        };
        let asked = (asking.ask)(&parameters(spec, step, inputs.len())?, &inputs[0])?;
        Ok(asked.map(|asked| Box::new(Learning::new(step, &inputs[0], asked)) as Box<dyn Preparation>))
    }

    fn is_scan(&self, step: &Step) -> bool {
        swathe_operators::scan::find(&step.operator).is_some()
    }

    fn scan(&self, step: &Step, input: &RasterInfo, output: &Output) -> Result<Scanner> {
        let Some(spec) = swathe_operators::scan::find(&step.operator) else {
            return Err(Error::bug("a step was taken for a scan"));
        };
        let parameters = parameters(spec, step, 1 + step.with.len())?;
        Ok(match (spec.bind)(&parameters, input)? {
            BoundScan::Down { before, scan } => Scanner::Down { before, scan },
            BoundScan::BothWays { both, regions } => {
                let table = regions.zip(parameters.text("table"));
                let table = table.map(|(regions, path)| self.table(path, regions, input, output)).transpose();
                let beside = table.map_err(|error| error.at("--table"))?;
                Scanner::BothWays { both: both.into(), beside }
            }
        })
    }

    fn interim(&self, name: &str, block_columns: usize) -> MakeInterim {
        let (name, folder) = (name.to_owned(), self.scratch_folder());
        let writeback = self.writeback;
        Box::new(move |info, rows| {
            let interim = Interim::of_rows(&name, (info, rows), block_columns, folder.clone(), writeback)?;
            Ok(InterimRaster {
                destination: Box::new(InterimDestination::by_blocks(Arc::clone(&interim))),
                source: Arc::new(InterimSource(interim)),
            })
        })
    }

    fn destination(&self, output: &Output, info: &RasterInfo) -> Result<Box<dyn Destination>> {
        swathe_io::plan_output(&output.path, info, &self.output_options(&output.options)?)
    }
}

impl Formats {
    /// The table `path` of the regions of what goes into `output`.
    fn table(
        &self,
        path: &str,
        regions: Regions,
        input: &RasterInfo,
        output: &Output,
    ) -> Result<Box<dyn Beside>> {
        if Path::new(path) == Path::new(&output.path) {
            return Err(Error::usage(format!("the table `{path}` is the output")));
        }
        let existing = match self.output_options(&output.options)?.existing {
            Existing::Refused if self.resume => Existing::Replaced,
            existing => existing,
        };
        let ways = (self.scratch_folder(), self.writeback);
        let file = EntryFile::new(path, RegionTable::ENTRY_BYTES, existing, &self.inputs, ways)?;
        Ok(Box::new(RegionTable::new(regions, input.georeferencing.transform, file)))
    }

    fn scratch_folder(&self) -> PathBuf {
        self.scratch.clone().unwrap_or_else(std::env::temp_dir)
    }

    /// Output options from their words.
    ///
    /// # Errors
    /// Usage, for options that there are not and words that make no sense.
    pub(crate) fn output_options(&self, words: &BTreeMap<String, String>) -> Result<OutputOptions> {
        let mut options = Options::new(words);
        let yes_no = [("yes", true), ("no", false)];
        let ways = [("band", Interleave::Band), ("line", Interleave::Line), ("pixel", Interleave::Pixel)];
        let set = OutputOptions {
            format: options
                .take("format", |text| one_of(text, &Format::ALL.map(|(format, name, _)| (name, format))))?,
            block: options.take("block", size)?,
            strips: options.take("strips", |text| match text.parse() {
                Ok(rows) if rows > 0 => Ok(Strips::OfRows(rows)),
                _ if text == "auto" => Ok(Strips::Auto),
                _ => Err(Error::usage(format!(
                    "`{text}` is not a number of rows; `--strips` without one, behind the file names, chooses it"
                ))),
            })?,
            interleave: options.take("interleave", |text| one_of(text, &ways))?,
            compression: options.take("compress", Compression::parse)?,
            predictor: options
                .take("predictor", |text| {
                    one_of(
                        text,
                        &[
                            ("auto", WritePredictor::Auto),
                            ("none", WritePredictor::None),
                            ("horizontal", WritePredictor::Horizontal),
                            ("float", WritePredictor::Float),
                        ],
                    )
                })?
                .unwrap_or_default(),
            overviews: options.take("overviews", Overviews::parse)?,
            overview_method: options.take("overview-method", |text| one_of(text, &OverviewMethod::ALL))?,
            sparse: options
                .take("set", |text| one_of(text, &[("SPARSE=yes", true), ("SPARSE=no", false)]))?
                .unwrap_or(false),
            big: options
                .take("bigtiff", |text| {
                    one_of(text, &[("auto", None), ("yes", Some(true)), ("no", Some(false))])
                })?
                .flatten(),
            existing: self
                .existing(options.take("overwrite", |text| one_of(text, &yes_no))?.unwrap_or(false)),
            method: options
                .take("write-method", |text| {
                    one_of(text, &[("pwrite", WriteMethod::Pwrite), ("mmap", WriteMethod::Mmap)])
                })?
                .unwrap_or_default(),
            writeback: WriteBackRule { early: self.flush, ..self.writeback },
            unreserved: self.unreserved,
            shards: self.shards,
            inputs: self.inputs.clone(),
        };
        options.finish()?;
        Ok(set)
    }
}

/// The parameters of a step, checked, with the files that they name.
fn parameters<B>(spec: &Spec<B>, step: &Step, inputs: usize) -> Result<Parameters> {
    let (least, most) = spec.inputs;
    if inputs < least || inputs > most {
        let count = if least == most { least.to_string() } else { format!("{least} to {most}") };
        return Err(Error::usage(format!("takes {count} inputs, not {inputs}")));
    }
    let mut given = Vec::with_capacity(step.parameters.len());
    for (name, text) in &step.parameters {
        let table = spec.parameters.iter().any(|p| p.name == name && p.kind == ParameterKind::Table);
        let is_file = table && (Path::new(text).is_file() || is_path(text));
        let value = if is_file { read_table(text)? } else { Value::Text(text.clone()) };
        given.push((name.clone(), value));
    }
    Parameters::check(spec.parameters, given)
}

/// Whether a text is meant for a file rather than for numbers, if none is there.
fn is_path(text: &str) -> bool {
    let ending = Path::new(text).extension().and_then(|ending| ending.to_str());
    text.contains('/') || ending.is_some_and(|ending| ending.starts_with(|first: char| first.is_alphabetic()))
}

fn read_table(path: &str) -> Result<Value> {
    let cannot = |error| Error::io(format_args!("cannot read `{path}`"), error);
    let length = std::fs::metadata(path).map_err(cannot)?.len();
    if length > TABLE_BYTES {
        return Err(Error::limit(format!(
            "the table `{path}` has {length} bytes; tables have at most {TABLE_BYTES}"
        )));
    }
    Ok(Value::File { name: path.to_owned(), content: std::fs::read(path).map_err(cannot)? })
}
