//! What `zarr.json` says of an array: shape, type, chunks, their names and codecs. Nothing is taken on trust, and what
//! is not known is refused by name.
//!
//! Source: Zarr core specification, version 3.0, and the specifications of its codecs.

use serde_json::{Map, Value};
use swathe_core::{Error, Result, Sample, SampleType, Scalar, with_sample};

use crate::tiff::directory::ByteOrder;

/// The name of a node's metadata.
pub(crate) const FILE: &str = "zarr.json";
/// More dimensions have no raster.
const MOST_DIMENSIONS: usize = 8;
/// Sides that are longer come from damaged files: sums of them must not overflow.
const LONGEST_SIDE: u64 = 1 << 48;

/// An array's metadata.
#[derive(Clone, Debug)]
pub(crate) struct ArrayMetadata {
    pub(crate) shape: Vec<u64>,
    /// The chunks' shape; that of shards where there are shards.
    pub(crate) chunk: Vec<u64>,
    pub(crate) sample_type: SampleType,
    pub(crate) keys: ChunkKeys,
    pub(crate) chain: Chain,
    /// One sample of what is missing, in native byte order.
    pub(crate) fill: Vec<u8>,
    /// The dimensions' names, where they have any.
    pub(crate) names: Vec<Option<String>>,
    pub(crate) attributes: Map<String, Value>,
}

/// How chunks are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChunkKeys {
    /// Whether names begin with `c`.
    prefixed: bool,
    separator: char,
}

impl ChunkKeys {
    /// What is written: `c/0/1/2`.
    pub(crate) const DEFAULT: ChunkKeys = ChunkKeys { prefixed: true, separator: '/' };

    /// The name of the chunk at these places of the grid.
    pub(crate) fn key(self, places: impl IntoIterator<Item = u64>) -> String {
        let mut key = if self.prefixed { "c".to_owned() } else { String::new() };
        for place in places {
            if !key.is_empty() {
                key.push(self.separator);
            }
            key += &place.to_string();
        }
        // An array without dimensions has one chunk.
        if key.is_empty() { "0".to_owned() } else { key }
    }
}

/// How a chunk's samples become bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chain {
    /// Which of the array's dimensions each dimension of the stored chunk is.
    pub(crate) order: Vec<usize>,
    pub(crate) bytes: ArrayCodec,
    /// What the bytes go through, in the order of writing.
    pub(crate) outer: Vec<BytesCodec>,
}

/// From samples to bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ArrayCodec {
    /// One after the other.
    Plain(ByteOrder),
    /// Smaller chunks in one file, with an index.
    Shards(Box<Sharding>),
}

/// Smaller chunks in one file (ZEP 2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sharding {
    /// The shape of the chunks within.
    pub(crate) chunk: Vec<u64>,
    pub(crate) chain: Chain,
    pub(crate) index_order: ByteOrder,
    pub(crate) index_has_checksum: bool,
    pub(crate) index_is_first: bool,
}

/// From bytes to bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BytesCodec {
    Gzip,
    Zstd,
    Blosc,
    /// Four bytes of CRC-32C behind the others.
    Crc32c,
}

impl BytesCodec {
    pub(crate) fn name(self) -> &'static str {
        match self {
            BytesCodec::Gzip => "gzip",
            BytesCodec::Zstd => "zstd",
            BytesCodec::Blosc => "blosc",
            BytesCodec::Crc32c => "crc32c",
        }
    }
}

/// What a node of a hierarchy is.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    Group,
    Array(Box<ArrayMetadata>),
}

/// Reads `text`, the metadata of the node `name`.
///
/// # Errors
/// Damaged, where it is no JSON or contradicts itself; Unsupported, by name, for what it asks for and nobody here knows.
pub(crate) fn parse(name: &str, text: &[u8]) -> Result<Node> {
    let reader = Reader { name };
    let value: Value =
        serde_json::from_slice(text).map_err(|error| reader.damaged(format!("no JSON: {error}")))?;
    let Value::Object(fields) = value else { return Err(reader.damaged("no JSON object")) };
    match fields.get("zarr_format") {
        Some(format) if format.as_u64() == Some(3) => {}
        Some(format) => return Err(reader.unsupported(format!("`zarr_format` {format}"))),
        None => return Err(reader.damaged("`zarr_format` is missing")),
    }
    match fields.get("node_type").and_then(Value::as_str) {
        Some("group") => Ok(Node::Group),
        Some("array") => reader.array(&fields).map(|array| Node::Array(Box::new(array))),
        _ => Err(reader.damaged("`node_type` is neither `group` nor `array`")),
    }
}

/// Whether the metadata are of an array with as many dimensions as a raster has, before anything else is asked of it.
pub(crate) fn is_raster_like(text: &[u8]) -> bool {
    let value: Value = serde_json::from_slice(text).unwrap_or_default();
    value["node_type"] == "array" && value["shape"].as_array().is_some_and(|shape| shape.len() >= 2)
}

/// A sample type's name.
pub(crate) fn data_type(sample_type: SampleType) -> String {
    let kind = match sample_type {
        kind if kind.is_float() => "float",
        kind if kind.is_signed() => "int",
        _ => "uint",
    };
    format!("{kind}{}", 8 * sample_type.size())
}

/// A number as fill values are written.
pub(crate) fn fill_json(sample_type: SampleType, fill: Scalar) -> Value {
    with_sample!(sample_type, T => match <T as Sample>::from_scalar(fill).unwrap_or_default().to_scalar() {
        Scalar::Integer(value) => i64::try_from(value).map_or_else(|_| Value::from(value as u64), Value::from),
        Scalar::Float(value) if value.is_nan() => "NaN".into(),
        Scalar::Float(value) if value.is_infinite() => {
            if value > 0.0 { "Infinity".into() } else { "-Infinity".into() }
        }
        Scalar::Float(value) => value.into(),
    })
}

/// A number of JSON, exact.
pub(crate) fn scalar(value: &Value) -> Option<Scalar> {
    match value {
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(integer), ..) => Some(Scalar::Integer(integer.into())),
            (_, Some(integer), _) => Some(Scalar::Integer(integer.into())),
            (.., float) => float.map(Scalar::Float),
        },
        Value::Bool(value) => Some(Scalar::Integer((*value).into())),
        Value::String(text) => Scalar::parse(text).ok(),
        _ => None,
    }
}

/// A codec, grid or encoding: its name, and what is said of it.
struct Extension<'a> {
    name: &'a str,
    configuration: Option<&'a Map<String, Value>>,
}

impl Extension<'_> {
    fn get(&self, key: &str) -> Option<&Value> {
        self.configuration?.get(key)
    }
}

struct Reader<'a> {
    name: &'a str,
}

impl Reader<'_> {
    fn damaged(&self, what: impl std::fmt::Display) -> Error {
        Error::damaged(format!("`{}`: {what}", self.name))
    }

    fn unsupported(&self, what: impl std::fmt::Display) -> Error {
        Error::unsupported(format!("`{}`: {what} is not supported", self.name))
    }

    fn array(&self, fields: &Map<String, Value>) -> Result<ArrayMetadata> {
        const KNOWN: [&str; 11] = [
            "zarr_format",
            "node_type",
            "shape",
            "data_type",
            "chunk_grid",
            "chunk_key_encoding",
            "fill_value",
            "codecs",
            "attributes",
            "dimension_names",
            "storage_transformers",
        ];
        for (key, value) in fields.iter().filter(|(key, _)| !KNOWN.contains(&key.as_str())) {
            if value.get("must_understand") != Some(&Value::Bool(false)) {
                return Err(self.unsupported(format!("the field `{key}` of the array's metadata")));
            }
        }
        let needed = |key: &str| fields.get(key).ok_or_else(|| self.damaged(format!("`{key}` is missing")));
        if fields.get("storage_transformers").and_then(Value::as_array).is_some_and(|list| !list.is_empty()) {
            return Err(self.unsupported("storage that is transformed (`storage_transformers`)"));
        }
        let shape = self.sides("shape", needed("shape")?)?;
        let (sample_type, is_bool) = self.data_type(needed("data_type")?)?;
        let grid = self.extension("chunk_grid", needed("chunk_grid")?)?;
        if grid.name != "regular" {
            return Err(self.unsupported(format!("the chunk grid `{}`", grid.name)));
        }
        let missing = || self.damaged("`chunk_shape` is missing");
        let chunk = self.sides("chunk_shape", grid.get("chunk_shape").ok_or_else(missing)?)?;
        if chunk.len() != shape.len() || chunk.contains(&0) {
            return Err(self.damaged(format!("chunks of {chunk:?} of an array of {shape:?}")));
        }
        let codecs = self.codecs(needed("codecs")?, &chunk, sample_type, true)?;
        let fill = self.fill(fields.get("fill_value").unwrap_or(&Value::Null), sample_type, is_bool)?;
        let names = self.dimension_names(fields.get("dimension_names"), shape.len())?;
        let attributes = match fields.get("attributes") {
            Some(Value::Object(attributes)) => attributes.clone(),
            _ => Map::new(),
        };
        let keys = self.chunk_keys(needed("chunk_key_encoding")?)?;
        Ok(ArrayMetadata { shape, chunk, sample_type, keys, chain: codecs, fill, names, attributes })
    }

    fn sides(&self, key: &str, value: &Value) -> Result<Vec<u64>> {
        let list = value.as_array().ok_or_else(|| self.damaged(format!("`{key}` is no list")))?;
        if list.len() > MOST_DIMENSIONS {
            return Err(self.unsupported(format!("an array of {} dimensions", list.len())));
        }
        list.iter()
            .map(|side| match side.as_u64() {
                Some(side) if side <= LONGEST_SIDE => Ok(side),
                _ => Err(self.damaged(format!("`{key}` has a side of {side}"))),
            })
            .collect()
    }

    fn extension<'v>(&self, key: &str, value: &'v Value) -> Result<Extension<'v>> {
        let fault = || self.damaged(format!("`{key}` has no name"));
        match value {
            Value::String(name) => Ok(Extension { name, configuration: None }),
            Value::Object(fields) => {
                let name = fields.get("name").and_then(Value::as_str).ok_or_else(fault)?;
                Ok(Extension { name, configuration: fields.get("configuration").and_then(Value::as_object) })
            }
            _ => Err(fault()),
        }
    }

    fn data_type(&self, value: &Value) -> Result<(SampleType, bool)> {
        let name = self.extension("data_type", value)?.name;
        if name == "bool" {
            return Ok((SampleType::U8, true));
        }
        let found = SampleType::ALL.into_iter().find(|&sample_type| data_type(sample_type) == name);
        let found = found.ok_or_else(|| self.unsupported(format!("the data type `{name}`")))?;
        Ok((found, false))
    }

    fn fill(&self, value: &Value, sample_type: SampleType, is_bool: bool) -> Result<Vec<u8>> {
        let fault = || self.damaged(format!("the fill value {value} is no {}", data_type(sample_type)));
        if value.is_boolean() != is_bool && !value.is_null() {
            return Err(fault());
        }
        if let Some(bits) = value.as_str().and_then(|text| text.strip_prefix("0x")) {
            let bits = u64::from_str_radix(bits, 16).map_err(|_| fault())?;
            return match (sample_type, u32::try_from(bits)) {
                (SampleType::F32, Ok(bits)) => Ok(bits.to_ne_bytes().to_vec()),
                (SampleType::F64, _) => Ok(bits.to_ne_bytes().to_vec()),
                _ => Err(fault()),
            };
        }
        if value.is_string() && !sample_type.is_float() {
            return Err(fault());
        }
        // Some writers say nothing with `null`.
        let fill = if value.is_null() { Scalar::Integer(0) } else { scalar(value).ok_or_else(fault)? };
        with_sample!(sample_type, T => {
            let fill = <T as Sample>::from_scalar(fill).ok_or_else(fault)?;
            Ok(fill.to_ne_bytes().to_vec())
        })
    }

    fn dimension_names(&self, value: Option<&Value>, dimensions: usize) -> Result<Vec<Option<String>>> {
        let names = match value {
            None | Some(Value::Null) => return Ok(vec![None; dimensions]),
            Some(Value::Array(names)) => names,
            Some(_) => return Err(self.damaged("`dimension_names` is no list")),
        };
        if names.len() != dimensions {
            return Err(self.damaged(format!("{} names of {dimensions} dimensions", names.len())));
        }
        Ok(names.iter().map(|name| name.as_str().map(str::to_owned)).collect())
    }

    fn chunk_keys(&self, value: &Value) -> Result<ChunkKeys> {
        let encoding = self.extension("chunk_key_encoding", value)?;
        let (prefixed, usual) = match encoding.name {
            "default" => (true, '/'),
            "v2" => (false, '.'),
            other => return Err(self.unsupported(format!("the chunk key encoding `{other}`"))),
        };
        let separator = match encoding.get("separator") {
            None => usual,
            Some(separator) if separator == "/" => '/',
            Some(separator) if separator == "." => '.',
            Some(other) => return Err(self.damaged(format!("chunk keys are separated by {other}"))),
        };
        Ok(ChunkKeys { prefixed, separator })
    }

    /// The codecs of chunks of a shape. Chunks within shards hold no shards.
    fn codecs(
        &self,
        value: &Value,
        chunk: &[u64],
        sample_type: SampleType,
        may_shard: bool,
    ) -> Result<Chain> {
        let list = value.as_array().ok_or_else(|| self.damaged("`codecs` is no list"))?;
        let mut order = (0..chunk.len()).collect::<Vec<_>>();
        let mut bytes = None;
        let mut outer = Vec::new();
        for codec in list {
            let codec = self.extension("codecs", codec)?;
            let is_for_samples = matches!(codec.name, "transpose" | "bytes" | "sharding_indexed");
            if is_for_samples == bytes.is_some() && known(codec.name) {
                return Err(self.damaged(format!("the codec `{}` stands in the wrong place", codec.name)));
            }
            match codec.name {
                "transpose" => {
                    let permutation = self.permutation(codec.get("order"), chunk.len())?;
                    order = permutation.into_iter().map(|from| order[from]).collect();
                }
                "bytes" => {
                    bytes = Some(ArrayCodec::Plain(self.byte_order(codec.get("endian"), sample_type)?));
                }
                "sharding_indexed" => {
                    if !may_shard || !order.is_sorted() {
                        return Err(self.unsupported("sharding behind another codec or within shards"));
                    }
                    bytes = Some(ArrayCodec::Shards(Box::new(self.sharding(&codec, chunk, sample_type)?)));
                }
                "gzip" => outer.push(BytesCodec::Gzip),
                "zstd" => outer.push(BytesCodec::Zstd),
                "blosc" => outer.push(BytesCodec::Blosc),
                "crc32c" => outer.push(BytesCodec::Crc32c),
                other => return Err(self.unsupported(format!("the codec `{other}`"))),
            }
        }
        let bytes = bytes.ok_or_else(|| self.damaged("no codec makes bytes of samples"))?;
        if outer.iter().filter(|codec| **codec != BytesCodec::Crc32c).count() > 1 {
            return Err(self.unsupported("one compression over another"));
        }
        if matches!(bytes, ArrayCodec::Shards(_)) && !outer.is_empty() {
            return Err(self.unsupported("a codec over whole shards"));
        }
        Ok(Chain { order, bytes, outer })
    }

    fn permutation(&self, value: Option<&Value>, dimensions: usize) -> Result<Vec<usize>> {
        let fault = || self.damaged("`transpose` has no order of all dimensions");
        let order = value.and_then(Value::as_array).ok_or_else(fault)?;
        let order = order.iter().map(|place| place.as_u64().map(|place| place as usize));
        let order = order.collect::<Option<Vec<_>>>().ok_or_else(fault)?;
        let mut sorted = order.clone();
        sorted.sort_unstable();
        if sorted.into_iter().eq(0..dimensions) { Ok(order) } else { Err(fault()) }
    }

    fn byte_order(&self, value: Option<&Value>, sample_type: SampleType) -> Result<ByteOrder> {
        match value.map(|value| value.as_str()) {
            Some(Some("little")) => Ok(ByteOrder::Little),
            Some(Some("big")) => Ok(ByteOrder::Big),
            None | Some(None) if sample_type.size() == 1 => Ok(ByteOrder::NATIVE),
            _ => Err(self.damaged("the codec `bytes` does not say which byte comes first")),
        }
    }

    fn sharding(&self, codec: &Extension<'_>, shard: &[u64], sample_type: SampleType) -> Result<Sharding> {
        let needed = |key: &str| {
            codec.get(key).ok_or_else(|| self.damaged(format!("`sharding_indexed` has no `{key}`")))
        };
        let chunk = self.sides("chunk_shape", needed("chunk_shape")?)?;
        let fits = chunk.len() == shard.len()
            && chunk.iter().zip(shard).all(|(&inner, &outer)| inner > 0 && outer % inner == 0);
        if !fits {
            return Err(self.damaged(format!("chunks of {chunk:?} do not fill shards of {shard:?}")));
        }
        let chain = self.codecs(needed("codecs")?, &chunk, sample_type, false)?;
        // The index is an array of 64-bit numbers.
        let index = self.codecs(needed("index_codecs")?, &[1, 1], SampleType::U64, false)?;
        let ArrayCodec::Plain(index_order) = index.bytes else {
            return Err(self.damaged("the index of shards lies in shards"));
        };
        let index_has_checksum = match index.outer.as_slice() {
            [] => false,
            [BytesCodec::Crc32c] => true,
            _ => return Err(self.unsupported("a compressed index of shards")),
        };
        if !index.order.is_sorted() {
            return Err(self.unsupported("a transposed index of shards"));
        }
        let index_is_first = match codec.get("index_location").map(|place| place.as_str()) {
            None | Some(Some("end")) => false,
            Some(Some("start")) => true,
            Some(_) => return Err(self.damaged("the index of shards lies neither at `start` nor at `end`")),
        };
        Ok(Sharding { chunk, chain, index_order, index_has_checksum, index_is_first })
    }
}

fn known(codec: &str) -> bool {
    matches!(codec, "transpose" | "bytes" | "sharding_indexed" | "gzip" | "zstd" | "blosc" | "crc32c")
}
