//! Zarr stores that zarr-python, xarray and GDAL wrote (`fixtures/zarr/make.py`): read byte for byte, damaged in every way.

#![allow(clippy::unwrap_used)]

mod reading;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use reading::{read_whatever_it_is, samples};
use serde_json::Value;
use swathe_core::{ErrorKind, RasterInfo, Sample, SampleType, Scalar, Size, with_sample};
use swathe_io::{OpenOptions, open};

/// The stores by the names of their files.
fn contents() -> BTreeMap<String, Vec<u8>> {
    let packed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/zarr/stores.zst");
    let bytes = zstd::decode_all(std::fs::File::open(packed).unwrap()).unwrap();
    let mut files = BTreeMap::new();
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        let length = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap()) as usize;
        let (name, content) = (length(0), length(4));
        let text = String::from_utf8(rest[8..8 + name].to_vec()).unwrap();
        files.insert(text, rest[8 + name..8 + name + content].to_vec());
        rest = &rest[8 + name + content..];
    }
    files
}

/// All of them in a folder, and the list of arrays whose samples are known.
fn unpacked() -> (tempfile::TempDir, Vec<Value>) {
    unpacked_below("")
}

/// Those whose names begin so.
fn unpacked_below(prefix: &str) -> (tempfile::TempDir, Vec<Value>) {
    let folder = tempfile::tempdir().unwrap();
    let contents = contents();
    for (name, content) in contents.iter().filter(|(name, _)| name.starts_with(prefix)) {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    let manifest: Value = serde_json::from_slice(&contents["manifest.json"]).unwrap();
    (folder, manifest["arrays"].as_array().unwrap().clone())
}

fn path_of(folder: &tempfile::TempDir, name: &str) -> String {
    folder.path().join(name).to_str().unwrap().to_owned()
}

/// The sample at a place, as `make.py` makes it.
fn value(sample_type: SampleType, band: usize, x: usize, y: usize) -> Scalar {
    let value = ((band * 1009 + y * y * 3 + x * 37) % 199) as i128;
    let signed = if sample_type.is_signed() { value - 100 } else { value };
    match sample_type {
        SampleType::F32 => Scalar::Float(signed as f64 / 8.0),
        SampleType::F64 => Scalar::Float(signed as f64 / 7.0),
        _ => {
            // Multiplied in the type itself, which wraps.
            let ones = [0, 1, 257, 0, 16_843_009, 0, 0, 0, 72_340_172_838_076_673][sample_type.size()];
            let bits = 8 * sample_type.size();
            let product = (signed * ones) & ((1_i128 << bits) - 1);
            let negative = sample_type.is_signed() && product >> (bits - 1) != 0;
            Scalar::Integer(if negative { product - (1 << bits) } else { product })
        }
    }
}

fn expected(info: &RasterInfo, there: Size, fill: Scalar) -> Vec<u8> {
    let mut bytes = Vec::new();
    for band in 0..info.bands {
        for y in 0..info.size.height {
            for x in 0..info.size.width {
                let is_there = x < there.width && y < there.height;
                let scalar = if is_there { value(info.sample_type, band, x, y) } else { fill };
                with_sample!(info.sample_type, T => {
                    bytes.extend(<T as Sample>::from_scalar(scalar).unwrap().to_ne_bytes());
                });
            }
        }
    }
    bytes
}

#[test]
fn what_others_wrote_is_read() {
    let (folder, arrays) = unpacked();
    assert!(arrays.len() > 60);
    for array in &arrays {
        let name = array["name"].as_str().unwrap();
        let source = open(&path_of(&folder, name), &OpenOptions::default())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let info = source.info();
        let side = |index: usize| array["raster"][index].as_u64().unwrap() as usize;
        assert_eq!((info.bands, info.size), (side(0), Size::new(side(2), side(1))), "{name}");
        assert_eq!(info.sample_type, SampleType::parse(array["type"].as_str().unwrap()).unwrap(), "{name}");
        let there = match array["there"].as_array() {
            Some(sides) => {
                Size::new(sides[1].as_u64().unwrap() as usize, sides[0].as_u64().unwrap() as usize)
            }
            None => info.size,
        };
        let fill = array["fill"].as_str().map_or(Scalar::Integer(0), |fill| Scalar::parse(fill).unwrap());
        let expected = expected(info, there, fill);
        for step in [info.size, Size::new(7, 5), Size::new(16, 40)] {
            let found = samples(source.as_ref(), step).unwrap_or_else(|error| panic!("{name}: {error}"));
            // NaN is stored with other bits by some.
            let same =
                if fill.to_f64().is_nan() { same_floats(&found, &expected) } else { found == expected };
            assert!(same, "{name} by {step}");
        }
        assert_eq!(source.stored_bytes(info.window()) > 0, there.width > 0, "{name}");
    }
}

fn same_floats(found: &[u8], expected: &[u8]) -> bool {
    let float = |bytes: &[u8; 4]| f32::from_ne_bytes(*bytes);
    let (found, expected) = (found.as_chunks::<4>().0, expected.as_chunks::<4>().0);
    found.len() == expected.len()
        && found.iter().zip(expected).all(|(a, b)| a == b || float(a).is_nan() && float(b).is_nan())
}

#[test]
fn where_rasters_lie_is_read() {
    let (folder, _) = unpacked();
    let info = |name: &str| open(&path_of(&folder, name), &OpenOptions::default()).unwrap().info().clone();
    let cube = info("place/rioxarray");
    assert_eq!(cube.georeferencing.transform.unwrap().0, [400_000.0, 10.0, 0.0, 5_300_000.0, 0.0, -20.0]);
    assert_eq!(cube.georeferencing.keys.as_ref().unwrap().epsg(), Some(32633));
    assert!(cube.georeferencing.wkt.unwrap().starts_with("PROJC"));
    assert_eq!(cube.nodata, Some(Scalar::Float(-9999.0)));
    assert_eq!((cube.bands, cube.metadata.items[0].name.as_str()), (2, "UNITTYPE"));
    let plain = info("place/coordinates");
    assert_eq!(plain.georeferencing.transform.unwrap().0, [9.75, 0.5, 0.0, 50.125, 0.0, -0.25]);
    let conventions = info("place/conventions");
    assert_eq!(conventions.georeferencing.transform.unwrap().0, [4e6, 30.0, 0.0, 3e6, 0.0, -30.0]);
    assert_eq!(conventions.georeferencing.keys.unwrap().epsg(), Some(3035));
    assert_eq!(conventions.nodata, Some(Scalar::Integer(9)));
    assert_eq!(conventions.metadata.items[0].value, "MSI");
    let gdal = info("place/gdal.zarr");
    assert_eq!(gdal.georeferencing.transform.unwrap().0, [400_000.0, 10.0, 0.0, 5_300_000.0, 0.0, -20.0]);
    let source = open(&path_of(&folder, "place/gdal.zarr"), &OpenOptions::default()).unwrap();
    let found = samples(source.as_ref(), gdal.size).unwrap();
    assert!(found == expected(&gdal, gdal.size, Scalar::Integer(0)));
}

#[test]
fn arrays_are_chosen() {
    let (folder, _) = unpacked();
    let several = path_of(&folder, "several");
    let message = |spec: &str, kind: ErrorKind| {
        let error = open(spec, &OpenOptions::default()).err().unwrap();
        assert_eq!(error.kind(), kind, "{error}");
        error.to_string()
    };
    let text = message(&several, ErrorKind::Usage);
    assert!(text.contains("`:array=deep/blue`, `:array=red`"), "{text}");
    assert!(message(&format!("{several}:array=green"), ErrorKind::Usage).contains("`green`"));
    assert!(message(&format!("{several}:array=../several/red"), ErrorKind::Usage).contains("no array"));
    for name in ["red", "deep/blue"] {
        let source = open(&format!("{several}:array={name}"), &OpenOptions::default()).unwrap();
        assert_eq!(
            samples(source.as_ref(), source.info().size).unwrap(),
            expected(source.info(), source.info().size, Scalar::Integer(0))
        );
    }
    let text = message(&path_of(&folder, "version-2"), ErrorKind::Unsupported);
    assert!(text.contains("version 2"), "{text}");
    let flags = open(&path_of(&folder, "bool"), &OpenOptions::default()).unwrap();
    assert_eq!(flags.info().sample_type, SampleType::U8);
    assert!(samples(flags.as_ref(), flags.info().size).unwrap().iter().all(|&flag| flag < 2));
}

/// The kind of the error that reading the array ends with after `change`, and what it says.
fn spoilt(name: &str, change: impl Fn(&Path)) -> (ErrorKind, String) {
    let (folder, _) = unpacked_below(name);
    change(&folder.path().join(name));
    let read = open(&path_of(&folder, name), &OpenOptions::default())
        .and_then(|source| samples(source.as_ref(), source.info().size));
    let error = read.expect_err(name);
    (error.kind(), error.to_string())
}

fn edit(array: &Path, change: impl Fn(&mut Value)) {
    let path = array.join("zarr.json");
    let mut metadata: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut metadata);
    std::fs::write(path, metadata.to_string()).unwrap();
}

#[test]
fn metadata_that_make_no_sense_are_refused() {
    use ErrorKind::{Damaged, Limit, Unsupported};
    type Edit = fn(&mut Value);
    let huge = Value::from(1_u64 << 60);
    assert!(huge.is_u64());
    let cases: [(&str, Edit, ErrorKind, &str); 24] = [
        ("types/uint16", |m| m["zarr_format"] = 4.into(), Unsupported, "zarr_format"),
        ("types/uint16", |m| m["node_type"] = "tree".into(), Damaged, "node_type"),
        ("types/uint16", |m| m["shape"] = "x".into(), Damaged, "shape"),
        ("types/uint16", |m| m["shape"] = serde_json::json!([-1, 37]), Damaged, "-1"),
        ("types/uint16", |m| m["shape"] = serde_json::json!([1_u64 << 60, 37]), Damaged, "shape"),
        ("types/uint16", |m| m["shape"] = serde_json::json!([1_u64 << 47, 1_u64 << 47]), Limit, "2^63"),
        ("types/uint16", |m| m["shape"] = serde_json::json!([0, 37]), Damaged, "nothing"),
        ("types/uint16", |m| m["shape"] = serde_json::json!([2, 3, 21, 37]), Damaged, "chunks"),
        ("types/uint16", |m| m["shape"] = serde_json::json!(vec![1; 1000]), Unsupported, "1000 dimensions"),
        ("types/uint16", |m| m["data_type"] = "complex64".into(), Unsupported, "complex64"),
        ("types/uint16", |m| m["fill_value"] = 65_536.into(), Damaged, "fill value"),
        ("types/uint16", |m| m["fill_value"] = "x".into(), Damaged, "fill value"),
        ("types/uint16", |m| m["chunk_grid"]["name"] = "rectangular".into(), Unsupported, "rectangular"),
        (
            "types/uint16",
            |m| m["chunk_grid"]["configuration"]["chunk_shape"][0] = 0.into(),
            Damaged,
            "chunks",
        ),
        (
            "types/uint16",
            |m| {
                m["chunk_grid"]["configuration"]["chunk_shape"] =
                    serde_json::json!([1_u64 << 40, 1_u64 << 40])
            },
            Limit,
            "at most",
        ),
        (
            "types/uint16",
            |m| m["chunk_grid"]["configuration"]["chunk_shape"] = serde_json::json!([1 << 14, 1 << 14]),
            Damaged,
            "cannot hold",
        ),
        ("types/uint16", |m| m["chunk_key_encoding"]["name"] = "hash".into(), Unsupported, "hash"),
        ("types/uint16", |m| m["codecs"][1]["name"] = "zfp".into(), Unsupported, "zfp"),
        (
            "types/uint16",
            |m| m["codecs"] = serde_json::json!(["zstd", {"name": "bytes"}]),
            Damaged,
            "wrong place",
        ),
        ("types/uint16", |m| m["codecs"] = serde_json::json!(["bytes"]), Damaged, "comes first"),
        (
            "types/uint16",
            |m| m["storage_transformers"] = serde_json::json!([{"name": "x"}]),
            Unsupported,
            "storage_transformers",
        ),
        (
            "types/uint16",
            |m| m["novelty"] = serde_json::json!({"must_understand": true}),
            Unsupported,
            "novelty",
        ),
        (
            "turned/columns",
            |m| m["codecs"][0]["configuration"]["order"] = serde_json::json!([0, 0]),
            Damaged,
            "transpose",
        ),
        (
            "shards/end",
            |m| m["codecs"][0]["configuration"]["chunk_shape"][1] = 7.into(),
            Damaged,
            "do not fill",
        ),
    ];
    for (name, change, kind, words) in cases {
        let (found, message) = spoilt(name, |array| edit(array, change));
        assert_eq!(found, kind, "{words}: {message}");
        assert!(message.contains(words) && message.contains(name), "{words}: {message}");
    }
    let (kind, message) =
        spoilt("types/uint16", |array| std::fs::write(array.join("zarr.json"), "{").unwrap());
    assert_eq!(kind, Damaged, "{message}");
    let deep = "[".repeat(100_000);
    let (kind, _) = spoilt("types/uint16", |array| std::fs::write(array.join("zarr.json"), &deep).unwrap());
    assert_eq!(kind, Damaged);
}

#[test]
fn damaged_chunks_are_named() {
    let key = "c/0/1";
    let truncate = |array: &Path, key: &str, bytes: usize| {
        let content = std::fs::read(array.join(key)).unwrap();
        std::fs::write(array.join(key), &content[..content.len().min(bytes)]).unwrap();
    };
    let append = |array: &Path, key: &str, bytes: usize| {
        let mut content = std::fs::read(array.join(key)).unwrap();
        content.extend(vec![0; bytes]);
        std::fs::write(array.join(key), content).unwrap();
    };
    for name in [
        "codecs/none",
        "codecs/gzip",
        "codecs/zstd",
        "codecs/crc32c",
        "blosc/lz4-shuffle",
        "blosc/zstd-bitshuffle",
        "blosc/blosclz-shuffle",
    ] {
        for bytes in [0, 3, 20, 200] {
            let (kind, message) = spoilt(name, |array| truncate(array, key, bytes));
            assert_eq!(kind, ErrorKind::Damaged, "{name} {bytes}: {message}");
            assert!(message.contains(key) && message.contains(name), "{message}");
        }
    }
    let (kind, message) = spoilt("codecs/none", |array| append(array, key, 1));
    assert_eq!((kind, message.contains("most that a chunk takes")), (ErrorKind::Damaged, true), "{message}");
    let (kind, _) = spoilt("codecs/gzip", |array| append(array, key, 1 << 20));
    assert_eq!(kind, ErrorKind::Damaged);
    let (kind, message) = spoilt("codecs/crc32c", |array| {
        let mut content = std::fs::read(array.join(key)).unwrap();
        content[100] ^= 1;
        std::fs::write(array.join(key), content).unwrap();
    });
    assert_eq!((kind, message.contains("CRC-32C")), (ErrorKind::Damaged, true), "{message}");
    // A bomb: 64 MiB of zeros in a chunk of 12 KiB.
    let bomb = zstd::encode_all(std::io::repeat(0).take(1 << 26), 1).unwrap();
    let (kind, message) = spoilt("codecs/zstd", |array| std::fs::write(array.join(key), &bomb).unwrap());
    assert_eq!(kind, ErrorKind::Damaged, "{message}");
    let (kind, message) = spoilt("codecs/none", |array| {
        std::fs::remove_file(array.join(key)).unwrap();
        std::fs::create_dir(array.join(key)).unwrap();
    });
    assert_eq!((kind, message.contains("no regular file")), (ErrorKind::Damaged, true), "{message}");
    let (kind, message) = spoilt("shards/end", |array| truncate(array, "c/0/0/0", 40));
    assert_eq!((kind, message.contains("index")), (ErrorKind::Damaged, true), "{message}");
    let (kind, message) = spoilt("shards/end", |array| {
        let path = array.join("c/0/0/0");
        let mut content = std::fs::read(&path).unwrap();
        let at = content.len() - 10;
        content[at] ^= 1;
        std::fs::write(path, content).unwrap();
    });
    assert_eq!((kind, message.contains("index")), (ErrorKind::Damaged, true), "{message}");
    let (kind, message) = spoilt("shards/bare", |array| {
        let path = array.join("c/0/0/0");
        let mut content = std::fs::read(&path).unwrap();
        let at = content.len() - 16 * 8;
        content[at] ^= 1;
        std::fs::write(path, content).unwrap();
    });
    assert_eq!((kind, message.contains("ends at byte")), (ErrorKind::Damaged, true), "{message}");
}

/// Bytes changed anywhere, in metadata and chunks: pixels or a clean error, never more.
#[test]
fn whatever_is_changed_ends_cleanly() {
    let (folder, arrays) = unpacked();
    let mut state = 7_u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let mut read = 0;
    for array in &arrays {
        let name = array["name"].as_str().unwrap();
        let root = folder.path().join(name);
        let chunk =
            ["c/0/0", "c/0/0/0", "c.0.0", "0.0", "0/0"].into_iter().find(|key| root.join(key).is_file());
        for file in std::iter::once("zarr.json").chain(chunk) {
            let path = root.join(file);
            let content = std::fs::read(&path).unwrap();
            for _ in 0..25 {
                let mut changed = content.clone();
                for _ in 0..1 + random(3) {
                    let at = random(changed.len());
                    changed[at] = match random(3) {
                        0 => changed[at] ^ (1 << random(8)),
                        1 => b"0123456789,\"{}[]"[random(16)],
                        _ => random(256) as u8,
                    };
                }
                std::fs::write(&path, &changed).unwrap();
                read += usize::from(read_whatever_it_is(root.to_str().unwrap()).is_ok());
            }
            std::fs::write(&path, &content).unwrap();
        }
    }
    assert!(read > 500, "{read} were read");
}
