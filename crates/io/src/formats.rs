//! The formats by name: what a file is, and what an output is to be.

use std::path::{Path, PathBuf};

use swathe_core::{Destination, Error, ErrorKind, RasterInfo, Result, Scalar, Shard, Size, Source};

use crate::access::{AccessMethod, InputFile};
use crate::bands::one_band;
use crate::nodata::with_nodata;
use crate::output::{Existing, OutputPlace, WriteBackRule, WriteMethod};
use crate::raw::Shape;
use crate::strided::Interleave;
use crate::tiff::{
    CompressedDestination, Compression, OverviewMethod, Overviews, Selected, TiffDestination, TiffLayout,
    TiffSource, WritePredictor, is_tiff,
};
use crate::zarr::{self, ZarrSource};
use crate::{beside, envi, npy, png, raw};

mod pyramids;

/// How to read a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OpenOptions {
    /// How its bytes are reached; `None` chooses from the file system.
    pub access: Option<AccessMethod>,
    /// A nodata value that stands in for the file's own.
    pub nodata: Option<Scalar>,
}

/// A file format that can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// TIFF or BigTIFF.
    Tiff,
    /// Cloud-Optimized GeoTIFF: a TIFF with overviews, laid out for reading parts of it from afar.
    Cog,
    /// NumPy's NPY.
    Npy,
    /// ENVI: samples, and a header beside them.
    Envi,
    /// Nothing but samples.
    Raw,
    /// PNG, of 8 or 16 bits.
    Png,
    /// Zarr, version 3: a folder with a file for each block.
    Zarr,
}

impl Format {
    /// Every format with its name and the endings that stand for it.
    pub const ALL: [(Format, &'static str, &'static [&'static str]); 7] = [
        (Format::Tiff, "tiff", &["tif", "tiff", "gtiff"]),
        (Format::Cog, "cog", &[]),
        (Format::Npy, "npy", &["npy"]),
        (Format::Envi, "envi", &["img", "dat", "bsq", "bil", "bip"]),
        (Format::Raw, "raw", &["raw", "bin"]),
        (Format::Png, "png", &["png"]),
        (Format::Zarr, "zarr", &["zarr"]),
    ];

    /// The format of an output, by name or else by the ending of its path.
    pub fn of_output(path: &str, name: Option<&str>) -> Option<Self> {
        let named =
            |name| Format::ALL.into_iter().find(|(_, known, _)| *known == name).map(|(format, ..)| format);
        name.map_or_else(|| Format::of_ending(path), named)
    }

    fn of_ending(path: &str) -> Option<Self> {
        let ending = Path::new(path).extension()?.to_string_lossy().to_lowercase();
        Format::ALL
            .into_iter()
            .find(|(.., endings)| endings.contains(&ending.as_str()))
            .map(|(format, ..)| format)
    }
}

/// How high strips are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strips {
    /// So many rows.
    OfRows(usize),
    /// As many rows as fill 256 KiB.
    Auto,
}

impl Strips {
    /// Rows of a strip whose rows have `row_bytes` bytes, at least one.
    fn rows(self, row_bytes: usize) -> usize {
        const STRIP_BYTES: usize = 256 << 10;
        match self {
            Strips::OfRows(rows) => rows,
            Strips::Auto => (STRIP_BYTES / row_bytes.max(1)).max(1),
        }
    }
}

/// What a run has to do with shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InShards {
    /// It computes one.
    One(Shard),
    /// It puts all of them together.
    Gathered {
        /// How many of them have a file of their own.
        files: u64,
        /// Bytes of all these files.
        bytes: u64,
    },
}

/// How to write a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OutputOptions {
    /// The format; `None` takes it from the name's ending.
    pub format: Option<Format>,
    /// Tile size; `None` takes 256 x 256, or with overviews and for Zarr 512 x 512.
    pub block: Option<Size>,
    /// The height of strips, where strips are wanted instead of tiles.
    pub strips: Option<Strips>,
    /// How bands and rows follow each other; `None` takes the input's way for TIFF, and else the format's own.
    pub interleave: Option<Interleave>,
    /// How blocks are compressed; `None` takes the format's own way.
    pub compression: Option<Compression>,
    /// What is done with samples before.
    pub predictor: WritePredictor,
    /// The overviews that are made while the raster is written; `None` makes them where the format has them.
    pub overviews: Option<Overviews>,
    /// How overviews are made; `None` takes averages, and of a palette the nearest pixel.
    pub overview_method: Option<OverviewMethod>,
    /// Whether blocks of nothing but nodata are left out.
    pub sparse: bool,
    /// BigTIFF or classic; `None` decides from the size.
    pub big: Option<bool>,
    /// What becomes of an existing file.
    pub existing: Existing,
    /// How bytes get into the file.
    pub method: WriteMethod,
    /// When what is written goes to the disk.
    pub writeback: WriteBackRule,
    /// Whether the output is begun without room on the disk that is kept for it.
    pub unreserved: bool,
    /// Whether the output is computed in shards.
    pub shards: Option<InShards>,
    /// Files that must not be the output.
    pub inputs: Vec<PathBuf>,
}

impl OutputOptions {
    /// An option that was given and says nothing of files of `format`, with the formats that it is for.
    fn not_of(&self, format: Format) -> Option<(&'static str, &'static str)> {
        let of_blocks = [
            (!matches!(self.compression, None | Some(Compression::None)), "--compress"),
            (self.sparse, "--set SPARSE=yes"),
            (self.block.is_some(), "--block"),
        ];
        let of_tiff = [
            (!matches!(self.predictor, WritePredictor::Auto | WritePredictor::None), "--predictor"),
            (self.strips.is_some(), "--strips"),
            (self.big.is_some(), "--bigtiff"),
            (!matches!(self.overviews, None | Some(Overviews::None)), "--overviews"),
            (self.overview_method.is_some(), "--overview-method"),
        ];
        let first = |given: &[(bool, &'static str)]| given.iter().find(|given| given.0).map(|given| given.1);
        match format {
            Format::Tiff | Format::Cog => None,
            Format::Zarr => first(&of_tiff).map(|option| (option, "TIFF files")),
            _ => first(&of_blocks)
                .map(|option| (option, "TIFF files and Zarr"))
                .or_else(|| first(&of_tiff).map(|option| (option, "TIFF files"))),
        }
    }
}

/// What follows a file's name after a colon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Selection<'a> {
    /// One band, from 0.
    band: Option<usize>,
    /// The page of a TIFF, and its overview.
    selected: Selected,
    /// The shape of a raw file.
    shape: Option<Shape>,
    /// The array of a Zarr store.
    array: Option<&'a str>,
}

/// Splits `file.tif:2`, `file.tif:page=3`, `file.tif:overview=1`, `file.tif:page=3,overview=1` and `store.zarr:array=a/b` where no file of that whole name exists.
fn split(spec: &str) -> Result<(&str, Selection<'_>)> {
    let whole = (spec, Selection::default());
    if std::path::Path::new(spec).exists() {
        return Ok(whole);
    }
    let Some((path, selected)) = spec.rsplit_once(':') else { return Ok(whole) };
    let number = |text: &str| {
        let number = text.parse::<usize>().ok().filter(|&number| number > 0);
        number.map(|number| number - 1)
    };
    if selected.starts_with("page=") || selected.starts_with("overview=") {
        let mut image = Selected::default();
        for part in selected.split(',') {
            let (what, from_one) = part.split_once('=').unwrap_or((part, ""));
            let value = number(from_one);
            match (what, value) {
                ("page", Some(page)) => image.page = page,
                ("overview", Some(_)) => image.overview = value,
                ("page" | "overview", None) => {
                    return Err(Error::usage(format!("`{spec}`: {what}s are numbered from 1")));
                }
                _ => {
                    return Err(Error::usage(format!(
                        "`{spec}`: `{part}` is neither `page=N` nor `overview=N`"
                    )));
                }
            }
        }
        return Ok((path, Selection { selected: image, ..Selection::default() }));
    }
    if let Some(array) = selected.strip_prefix("array=") {
        return Ok((path, Selection { array: Some(array), ..Selection::default() }));
    }
    if selected.contains("size=") {
        let shape = Shape::parse(selected).map_err(|error| error.at(format_args!("`{spec}`")))?;
        return Ok((path, Selection { shape: Some(shape), ..Selection::default() }));
    }
    match number(selected) {
        Some(band) => Ok((path, Selection { band: Some(band), ..Selection::default() })),
        // Nothing of the whole name is there, and of the part before the colon there is.
        None if std::path::Path::new(path).exists() => Err(Error::usage(format!(
            "`{spec}`: `{selected}` is no band, which are numbered from 1, nor `page=N`, `overview=N` or `array=NAME`"
        ))),
        None => Ok(whole),
    }
}

/// The file behind a name with or without a selection.
pub fn file_of(spec: &str) -> PathBuf {
    PathBuf::from(split(spec).map_or(spec, |(path, _)| path))
}

/// Every file that a raster of that name is read from.
pub fn files_of(spec: &str) -> Vec<PathBuf> {
    let mut files = with_partners(&[file_of(spec)]);
    files.extend(beside::decisive(&file_of(spec)));
    files
}

/// Opens a raster: `file`, `file:BAND`, `file:page=N` or `file:overview=N`, numbered from 1, or `store:array=NAME`.
///
/// # Errors
/// Io, where it can't be read; Damaged, where it contradicts itself; Unsupported, where it is none of the formats.
pub fn open(spec: &str, options: &OpenOptions) -> Result<Box<dyn Source>> {
    let (path, selection) = split(spec)?;
    let mut source = open_file(path, &selection, options)?;
    if let Some(nodata) = options.nodata {
        source = Box::new(with_nodata(source, nodata));
    }
    match selection.band {
        Some(band) => Ok(Box::new(one_band(source, band)?)),
        None => Ok(source),
    }
}

fn open_file(path: &str, selection: &Selection<'_>, options: &OpenOptions) -> Result<Box<dyn Source>> {
    if envi::is_header(Path::new(path)) {
        let data = envi::data_of(Path::new(path)).ok_or_else(|| {
            Error::new(
                ErrorKind::Io,
                format!("`{path}` is an ENVI header, and there is no file of samples beside it"),
            )
        })?;
        return envi::open(&data.to_string_lossy(), Path::new(path), options.access);
    }
    if zarr::is_store(Path::new(path)) {
        return Ok(Box::new(ZarrSource::open(path, selection.array)?));
    }
    let file = InputFile::open(path, options.access)?;
    if selection.array.is_some() {
        return Err(Error::usage(format!("`{path}` is no Zarr store, and has no arrays to choose from")));
    }
    if let Some(shape) = selection.shape {
        return raw::open(file, shape);
    }
    let mut head = [0; 8];
    let length = head.len().min(usize::try_from(file.length()).unwrap_or(usize::MAX));
    file.read_at(0, &mut head[..length])?;
    if is_tiff(&head[..length]) {
        return Ok(Box::new(TiffSource::open(file, selection.selected)?));
    }
    if head[..length].starts_with(npy::MAGIC) {
        return npy::open(file);
    }
    match envi::header_of(Path::new(path)) {
        Some(header) => envi::open(path, &header, options.access),
        None => Err(Error::unsupported(format!(
            "`{path}` is no raster of a known format; known are TIFF, NPY, Zarr, ENVI (with its .hdr beside it), and raw files as `FILE:size=WxH,type=T`"
        ))),
    }
}

/// Thinks out an output.
///
/// # Errors
/// Usage, where the name has no known ending, the output is in the way, or an option makes no sense.
pub fn plan_output(path: &str, info: &RasterInfo, options: &OutputOptions) -> Result<Box<dyn Destination>> {
    let format = options.format.or_else(|| Format::of_ending(path)).ok_or_else(|| {
        let endings =
            Format::ALL.iter().flat_map(|(.., endings)| endings.iter()).map(|ending| format!(".{ending}"));
        Error::usage(format!(
            "`{path}`: the ending names no format that can be written; known are {}",
            endings.collect::<Vec<_>>().join(", ")
        ))
    })?;
    if let Some((option, formats)) = options.not_of(format) {
        return Err(Error::usage(format!("`{path}`: `{option}` is for {formats}")));
    }
    if options.shards.is_some() && (format == Format::Png || options.has_overviews(format)) {
        let what = if format == Format::Png { "PNG files" } else { "smaller copies in a file" };
        return Err(Error::unsupported(format!(
            "`{path}`: {what} cannot be written in shards; compute a tiled TIFF in shards, gather it, and then `swathe copy` it into this"
        )));
    }
    let options = &OutputOptions { inputs: with_partners(&options.inputs), ..options.clone() };
    if format == Format::Zarr {
        return Ok(Box::new(zarr::plan(path, info, options)?));
    }
    let place = OutputPlace::new(path, options.existing, &options.inputs)?.reserved(!options.unreserved);
    // Uncompressed, everything has its place.
    let place = match (format, options.shards) {
        (Format::Npy | Format::Envi | Format::Raw, Some(_)) => place.shared(),
        _ => place,
    };
    match format {
        Format::Tiff | Format::Cog if options.has_overviews(format) => {
            pyramids::plan(place, info, options, true)
        }
        Format::Tiff | Format::Cog => plan_tiff(place, info, options),
        Format::Npy => Ok(Box::new(npy::plan(place, info, options)?)),
        Format::Envi => Ok(Box::new(envi::plan(place, info, options)?)),
        Format::Raw => Ok(Box::new(raw::plan(place, info, options)?)),
        Format::Png if options.interleave.is_some_and(|interleave| interleave != Interleave::Pixel) => {
            Err(Error::usage(format!("`{path}`: PNG files hold bands pixel by pixel")))
        }
        Format::Png => Ok(Box::new(png::destination::plan(place, info, options.writeback)?)),
        Format::Zarr => Err(Error::bug("a Zarr store was planned as one file")),
    }
}

/// Thinks out a file of overviews alone of a raster of which `info` tells, for the file `path`.
///
/// # Errors
/// As [`plan_output`].
pub fn plan_overviews(
    path: &str,
    info: &RasterInfo,
    options: &OutputOptions,
) -> Result<Box<dyn Destination>> {
    let place = OutputPlace::new(path, options.existing, &with_partners(&options.inputs))?
        .reserved(!options.unreserved);
    pyramids::plan(place, info, options, false)
}

/// The inputs, and of each ENVI pair the file that was not named: neither may be replaced by an output.
fn with_partners(inputs: &[PathBuf]) -> Vec<PathBuf> {
    let partner = |input: &PathBuf| match envi::is_header(input) {
        true => envi::data_of(input),
        false => envi::header_of(input),
    };
    inputs.iter().cloned().chain(inputs.iter().filter_map(partner)).collect()
}

/// Whether a TIFF holds its bands one after the other: as asked for, else as the input does, else pixel by pixel.
fn is_planar(place: &OutputPlace, info: &RasterInfo, options: &OutputOptions) -> Result<bool> {
    match options.interleave {
        Some(Interleave::Band) => Ok(true),
        Some(Interleave::Pixel) => Ok(false),
        None => Ok(info.bands > 1 && info.metadata.planar == Some(true)),
        Some(_) => Err(Error::usage(format!(
            "`{}`: TIFF files hold bands by `--interleave band` or `pixel`",
            place.name()
        ))),
    }
}

fn plan_tiff(place: OutputPlace, info: &RasterInfo, options: &OutputOptions) -> Result<Box<dyn Destination>> {
    let planar = is_planar(&place, info, options)?;
    let block = match (options.strips, options.block) {
        (Some(strips), _) => {
            let samples = if planar { 1 } else { info.bands };
            let row_bytes = info.size.width.saturating_mul(info.sample_type.size()).saturating_mul(samples);
            Size::new(info.size.width, strips.rows(row_bytes).min(info.size.height))
        }
        (None, block) => block.unwrap_or(Size::new(256, 256)),
    };
    let layout = TiffLayout {
        block,
        tiled: options.strips.is_none(),
        planar,
        big: options.big,
        method: options.method,
        writeback: options.writeback,
    };
    let compression = options.compression.unwrap_or_default();
    if compression == Compression::None && !options.sparse {
        if !matches!(options.predictor, WritePredictor::Auto | WritePredictor::None) {
            return Err(Error::usage("`--predictor` needs `--compress`"));
        }
        let place = if options.shards.is_some() { place.shared() } else { place };
        return Ok(Box::new(TiffDestination::new(place, info, layout)?));
    }
    layout.check(info)?;
    let coding = (compression, options.predictor);
    let whole = CompressedDestination::new(place, info, layout, coding, options.sparse)?;
    Ok(Box::new(match options.shards {
        Some(InShards::One(shard)) => whole.in_shard(shard),
        Some(InShards::Gathered { files, bytes }) => whole.gathered(files, bytes),
        None => whole,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selections_are_split_off() {
        let none = Selection::default();
        assert_eq!(split("a.tif").unwrap(), ("a.tif", none));
        assert_eq!(split("a.tif:3").unwrap(), ("a.tif", Selection { band: Some(2), ..none }));
        let image = |page, overview| Selection { selected: Selected { page, overview }, ..none };
        assert_eq!(split("a.tif:page=2").unwrap(), ("a.tif", image(1, None)));
        assert_eq!(split("a.tif:overview=1").unwrap(), ("a.tif", image(0, Some(0))));
        assert_eq!(split("a.tif:page=2,overview=3").unwrap(), ("a.tif", image(1, Some(2))));
        let array = Selection { array: Some("b/c"), ..none };
        assert_eq!(split("a.zarr:array=b/c").unwrap(), ("a.zarr", array));
        assert_eq!(split("c:a.tif").unwrap(), ("c:a.tif", none));
        assert_eq!(split("a.tif:0").unwrap(), ("a.tif:0", none));
        for wrong in ["a.tif:page=0", "a.tif:overview=x", "a.tif:page=1,band=2"] {
            assert!(split(wrong).is_err(), "{wrong}");
        }
    }
}
