//! A raster as a Zarr store: a file for each block of each band, in any order, so that workers wait for nobody.

use std::time::Instant;

use serde_json::{Map, Value, json};
use swathe_core::{
    Destination, Disk, Error, Files, Footprint, Frame, GeoTransform, Journal, Position, RasterInfo, Result,
    SampleType, Scalar, ScratchSize, Sharing, Sink, Size, TileView,
};

use crate::formats::{InShards, OutputOptions};
use crate::output::WriteBackRule;
use crate::output::folder::{FolderPlace, OutputFolder, disk_bytes};
use crate::pool::Pool;
use crate::samples;
use crate::strided::{Interleave, masked_sample};
use crate::tiff::directory::ByteOrder;
use crate::tiff::{Compression, Encoders, Scheme, WritePredictor};
use crate::zarr::attributes::{MAPPING, is_georeferenced, of_mapping, of_raster};
use crate::zarr::layout::{Layout, Place};
use crate::zarr::metadata::{self, ChunkKeys, Node, data_type, fill_json};
use crate::zarr::store::is_store;

/// The array's name in the store.
pub(crate) const ARRAY: &str = "data";
/// Coordinates in one chunk.
const COORDINATES: usize = 1 << 16;
/// Columns and rows of a block that nothing is said of.
const BLOCK: usize = 512;
/// A stored block is smaller: codecs and readers count in 32 bits.
const MOST_BLOCK_BYTES: u64 = 1 << 32;
/// Level of ZSTD that nothing is said of.
const LEVEL: i32 = 3;

/// A store that is thought out.
#[derive(Debug)]
pub(crate) struct ZarrDestination {
    place: FolderPlace,
    info: RasterInfo,
    layout: Layout,
    compression: Compression,
    sparse: bool,
    /// What is written of a sample that a mask says is no data.
    masked: Option<Vec<u8>>,
    writeback: WriteBackRule,
    /// How many runs write the store together.
    shards: u64,
    /// The text of the array's metadata.
    text: String,
}

/// Thinks out a store: dimensions (y, x) for one band, else (band, y, x).
///
/// # Errors
/// As [`FolderPlace::new`] and [`masked_sample`]; Usage, for ways of storing that Zarr has not; Limit, for blocks that are too large.
pub(crate) fn plan(path: &str, info: &RasterInfo, options: &OutputOptions) -> Result<ZarrDestination> {
    let place = FolderPlace::new(path, options.existing, &options.inputs, is_store)?;
    let place = if options.shards.is_some() { place.shared() } else { place };
    let shards = match options.shards {
        Some(InShards::One(shard)) => shard.count,
        _ => 1,
    };
    if options.interleave.is_some_and(|interleave| interleave != Interleave::Band) {
        return Err(Error::usage(format!("`{path}`: Zarr stores hold bands one after the other")));
    }
    let compression = options.compression.unwrap_or(Compression::Zstd(LEVEL));
    let masked = masked_sample(path, info)?;
    let text = array_text(path, info, options.block, compression)?;
    let Node::Array(array) = metadata::parse(path, text.as_bytes())? else {
        return Err(Error::bug("an array's metadata are a group's"));
    };
    let layout = Layout::of(path, &array)?;
    let bytes = layout.block_bytes();
    if compression.most_bytes(bytes) as u64 >= MOST_BLOCK_BYTES || bytes == usize::MAX {
        return Err(Error::limit(format!("`{path}`: blocks of {} are larger than 4 GiB", layout.block)));
    }
    let (sparse, writeback) = (options.sparse, options.writeback);
    let info = info.clone();
    Ok(ZarrDestination { place, info, layout, compression, sparse, masked, writeback, shards, text })
}

fn array_text(
    path: &str,
    info: &RasterInfo,
    block: Option<Size>,
    compression: Compression,
) -> Result<String> {
    let outer = match compression {
        Compression::None => None,
        Compression::Zstd(level) => {
            Some(json!({ "name": "zstd", "configuration": { "level": level, "checksum": false } }))
        }
        Compression::Deflate(level) => {
            Some(json!({ "name": "gzip", "configuration": { "level": level.min(9) } }))
        }
        Compression::Lzw | Compression::PackBits => {
            return Err(Error::usage(format!(
                "`{path}`: Zarr stores are compressed by `--compress none`, `zstd` or `deflate`"
            )));
        }
    };
    // What lies past the raster's edge is stored too.
    let block = block.unwrap_or(Size::new(BLOCK, BLOCK));
    let block = Size::new(block.width.min(info.size.width), block.height.min(info.size.height));
    let (mut shape, mut chunk) = (vec![info.size.height, info.size.width], vec![block.height, block.width]);
    let mut names = vec!["y", "x"];
    if info.bands > 1 {
        shape.insert(0, info.bands);
        chunk.insert(0, 1);
        names.insert(0, "band");
    }
    // GDAL takes the fill value for nodata.
    let nothing = if info.sample_type.is_float() { Scalar::Float(f64::NAN) } else { Scalar::Integer(0) };
    let fill = info.nodata.unwrap_or(nothing);
    let codecs = [bytes_codec(info.sample_type)].into_iter().chain(outer).collect::<Vec<_>>();
    Ok(text(&array_metadata(
        (&json!(shape), &json!(chunk), &json!(names)),
        info.sample_type,
        fill,
        codecs,
        of_raster(info),
    )))
}

fn bytes_codec(sample_type: SampleType) -> Value {
    match (sample_type.size(), ByteOrder::NATIVE) {
        (1, _) => json!({ "name": "bytes" }),
        (_, ByteOrder::Little) => json!({ "name": "bytes", "configuration": { "endian": "little" } }),
        (_, ByteOrder::Big) => json!({ "name": "bytes", "configuration": { "endian": "big" } }),
    }
}

fn array_metadata(
    (shape, chunk, names): (&Value, &Value, &Value),
    sample_type: SampleType,
    fill: Scalar,
    codecs: Vec<Value>,
    attributes: Map<String, Value>,
) -> Value {
    json!({
        "zarr_format": 3,
        "node_type": "array",
        "shape": shape,
        "data_type": data_type(sample_type),
        "chunk_grid": { "name": "regular", "configuration": { "chunk_shape": chunk } },
        "chunk_key_encoding": { "name": "default", "configuration": { "separator": "/" } },
        "fill_value": fill_json(sample_type, fill),
        "codecs": codecs,
        "attributes": attributes,
        "dimension_names": names,
    })
}

fn text(value: &Value) -> String {
    let mut text = format!("{value:#}");
    text.push('\n');
    text
}

impl ZarrDestination {
    /// The axes' coordinates that go with the array, where the map is not rotated: name, length, first outer edge, step.
    fn coordinates(&self) -> Vec<(&'static str, usize, f64, f64)> {
        match self.info.georeferencing.transform {
            Some(GeoTransform([left, dx, 0.0, top, 0.0, dy])) => {
                vec![("x", self.info.size.width, left, dx), ("y", self.info.size.height, top, dy)]
            }
            _ => Vec::new(),
        }
    }

    /// Writes all that is not pixels, and notes it in `head`; returns which files there are, with those of the blocks.
    fn write_head(&self, folder: &OutputFolder, head: &mut Footprint) -> Result<Files> {
        let mut files = self.chunk_files();
        let mut write = |key: &str, bytes: &[u8]| {
            let offset = files.grid_offset(0);
            files.named.push(key.to_owned());
            folder.write(&files, offset, bytes, head)
        };
        let group = json!({ "zarr_format": 3, "node_type": "group", "attributes": {} });
        write(metadata::FILE, text(&group).as_bytes())?;
        write(&format!("{ARRAY}/{}", metadata::FILE), self.text.as_bytes())?;
        if is_georeferenced(&self.info.georeferencing) {
            let nothing = json!([]);
            let attributes = of_mapping(&self.info.georeferencing);
            let codecs = vec![bytes_codec(SampleType::I64)];
            let mapping = array_metadata(
                (&nothing, &nothing, &nothing),
                SampleType::I64,
                Scalar::Integer(0),
                codecs,
                attributes,
            );
            write(&format!("{MAPPING}/{}", metadata::FILE), text(&mapping).as_bytes())?;
        }
        for (name, length, edge, step) in self.coordinates() {
            let chunk = length.min(COORDINATES);
            let sides = (&json!([length]), &json!([chunk]), &json!([name]));
            let codecs = vec![bytes_codec(SampleType::F64)];
            let axis = array_metadata(sides, SampleType::F64, Scalar::Float(f64::NAN), codecs, Map::new());
            write(&format!("{name}/{}", metadata::FILE), text(&axis).as_bytes())?;
            for (place, first) in (0..length).step_by(chunk).enumerate() {
                let centre =
                    |index: usize| if index < length { edge + (index as f64 + 0.5) * step } else { f64::NAN };
                let bytes =
                    (first..first + chunk).flat_map(|index| centre(index).to_ne_bytes()).collect::<Vec<_>>();
                write(&format!("{name}/{}", ChunkKeys::DEFAULT.key([place as u64])), &bytes)?;
            }
        }
        if files.grid_offset(self.layout.blocks().count()) == u64::MAX {
            return Err(Error::limit(format!("`{}` would have more than 2^32 blocks", self.place.name())));
        }
        head.set_files(&files);
        Ok(files)
    }

    /// The files of blocks; as yet without those that are named.
    fn chunk_files(&self) -> Files {
        let blocks = self.layout.blocks();
        let mut sides = vec![blocks.down() as u64, blocks.across() as u64];
        if self.info.bands > 1 {
            sides.insert(0, blocks.planes as u64);
        }
        Files { named: Vec::new(), before: format!("{ARRAY}/{}/", ChunkKeys::DEFAULT.key([])), sides }
    }

    /// Begins the store, or goes on with it, and notes in `head` what is written of it.
    fn begin(self, head: &mut Footprint) -> Result<Box<dyn Sink>> {
        let folder = self.place.clone().create(self.writeback)?;
        let files = self.write_head(&folder, head)?;
        let ZarrDestination { info, layout, compression, sparse, masked, .. } = self;
        let scheme = Scheme::new(compression, WritePredictor::None, info.sample_type, 1)?;
        let encoders = Pool::default();
        Ok(Box::new(ZarrSink { folder, files, info, layout, compression, scheme, sparse, masked, encoders }))
    }
}

impl Destination for ZarrDestination {
    fn name(&self) -> &str {
        self.place.name()
    }

    fn block(&self) -> Size {
        self.layout.block
    }

    fn whole_blocks(&self) -> bool {
        true
    }

    fn takes_stripes(&self) -> bool {
        true
    }

    fn file_bytes(&self) -> u64 {
        let chunk = disk_bytes(self.compression.most_bytes(self.layout.block_bytes()) as u64);
        let coordinates = self.coordinates().iter().map(|(_, length, ..)| 8 * *length as u64).sum::<u64>();
        let head = 8 * disk_bytes(self.text.len() as u64) + disk_bytes(coordinates);
        self.layout.blocks().count().saturating_mul(chunk).saturating_add(head)
    }

    fn may_take_less(&self) -> bool {
        self.compression != Compression::None
    }

    fn disk(&self) -> Option<Disk> {
        self.place.disk()
    }

    fn sharing(&self) -> Option<Sharing> {
        Some(Sharing::OneFile)
    }

    fn needed_bytes(&self) -> u64 {
        self.file_bytes().div_ceil(self.shards)
    }

    fn resident_bytes(&self, workers: usize) -> usize {
        self.text.len().saturating_add(self.compression.working_bytes().saturating_mul(workers))
    }

    fn scratch_bytes(&self, _tile: Size) -> usize {
        let bytes = self.layout.block_bytes();
        ScratchSize::new().with::<u8>(bytes).with::<u8>(self.compression.most_bytes(bytes)).bytes()
    }

    fn mapped_bytes(&self, _tile: Size) -> usize {
        0
    }

    fn method(&self) -> String {
        match self.compression {
            Compression::None => "files".into(),
            Compression::Deflate(_) => "files, gzip".into(),
            other => format!("files, {}", other.name()),
        }
    }

    fn create(self: Box<Self>) -> Result<Box<dyn Sink>> {
        self.begin(&mut Footprint::default())
    }

    fn is_resumable(&self) -> bool {
        true
    }

    fn create_kept(mut self: Box<Self>, position: &Position, head: &mut Footprint) -> Result<Box<dyn Sink>> {
        self.place.keep(position);
        self.begin(head)
    }
}

/// A store being written.
#[derive(Debug)]
struct ZarrSink {
    folder: OutputFolder,
    files: Files,
    info: RasterInfo,
    layout: Layout,
    compression: Compression,
    scheme: Scheme,
    sparse: bool,
    masked: Option<Vec<u8>>,
    encoders: Pool<Encoders>,
}

impl ZarrSink {
    /// Fills a chunk from a tile that covers it. What lies past the raster's edge is the fill value.
    fn fill(&self, place: Place, tile: &TileView<'_>, chunk: &mut [u8]) {
        let (window, size, block) = (tile.window(), self.info.sample_type.size(), self.layout.block);
        let (left, top) = (place.column * block.width, place.row * block.height);
        let width = block.width.min(self.info.size.width - left);
        let from = (left - window.x as usize) * size;
        for (y, target) in chunk.chunks_exact_mut(block.width * size).enumerate() {
            if top + y >= self.info.size.height {
                samples::repeat(target, &self.layout.fill);
                continue;
            }
            let row = top + y - window.y as usize;
            let (pixels, beyond) = target.split_at_mut(width * size);
            pixels.copy_from_slice(&tile.row_bytes(place.plane, row)[from..][..width * size]);
            samples::repeat(beyond, &self.layout.fill);
            if let (Some(masked), Some(mask)) = (&self.masked, tile.mask_row(row)) {
                let mask = &mask[left - window.x as usize..][..width];
                let empty = pixels.chunks_exact_mut(size).zip(mask).filter(|(_, flag)| **flag == 0);
                empty.for_each(|(sample, _)| sample.copy_from_slice(masked));
            }
        }
    }

    fn encode(&self, encoders: &mut Encoders, chunk: &mut [u8], target: &mut [u8]) -> Result<usize> {
        match self.compression {
            Compression::Deflate(level) => encoders.gzip(level.min(9), chunk, target),
            _ => {
                let row_bytes = chunk.len();
                self.scheme.encode(encoders, chunk, row_bytes, target)
            }
        }
    }
}

impl Sink for ZarrSink {
    fn write(
        &self,
        _sequence: u64,
        tile: &TileView<'_>,
        scratch: &mut Frame<'_>,
        footprint: &mut Footprint,
    ) -> Result<()> {
        let bytes = self.layout.block_bytes();
        let chunk = scratch.take::<u8>(bytes);
        let target = scratch.take::<u8>(self.compression.most_bytes(bytes));
        self.encoders.with(|encoders| {
            for place in self.layout.places(tile.window()) {
                let begun = Instant::now();
                self.fill(place, tile, chunk);
                if self.sparse
                    && chunk.chunks_exact(self.layout.fill.len()).all(|sample| sample == self.layout.fill)
                {
                    continue;
                }
                let length = self.encode(encoders, chunk, target)?;
                footprint.add_encoding(begun.elapsed());
                let offset = self.files.grid_offset(self.layout.number(place));
                self.folder.write(&self.files, offset, &target[..length], footprint)?;
            }
            Ok(())
        })
    }

    fn flush(&self) -> Result<()> {
        self.folder.flush()
    }

    fn cancel(&self) {}

    fn stored_bytes_written(&self) -> u64 {
        self.folder.bytes_written()
    }

    fn finish(self: Box<Self>, flush: bool, journal: Option<&dyn Journal>) -> Result<u64> {
        let bytes = self.folder.bytes_written();
        self.folder.publish(flush, journal)?;
        Ok(bytes)
    }
}
