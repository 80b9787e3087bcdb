//! Zarr stores out and in again: every type, the same bytes whatever the tiles, nothing lost when one is replaced.

#![allow(clippy::unwrap_used)]

mod command;

use std::collections::BTreeMap;
use std::path::Path;

use command::Folder;

/// Every file of a folder by its name within.
fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut left = vec![root.to_owned()];
    while let Some(folder) = left.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.insert(name, std::fs::read(path).unwrap());
            }
        }
    }
    found
}

fn info(folder: &Folder, spec: &str) -> serde_json::Value {
    serde_json::from_str(&folder.well(&format!("info {spec} --json"))).unwrap()
}

#[test]
fn every_type_reads_back() {
    let folder = Folder::new();
    folder.well("generate a.tif --size 173x61 --bands 3 --quiet");
    for kind in ["u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64"] {
        folder.well(&format!("cast a.tif t.tif --type {kind} --scale 0.37 --offset -40 --quiet --overwrite"));
        for options in
            ["", "--compress none --block 64x48", "--compress deflate:9", "--compress zstd:1 --block 200x7"]
        {
            folder.well(&format!("copy t.tif o.zarr --quiet --overwrite {options}"));
            let compared = folder.well("compare t.tif o.zarr");
            assert!(
                compared.starts_with("equal") && !compared.contains("transform"),
                "{kind} {options}: {compared}"
            );
        }
        folder.well("copy o.zarr back.tif --tile 33x17 --quiet --overwrite");
        let (before, after) = (info(&folder, "t.tif"), info(&folder, "back.tif"));
        for key in ["nodata", "transform", "epsg", "colours", "metadata", "pixel_is_point"] {
            assert_eq!(before[key], after[key], "{kind}: {key}");
        }
    }
    folder.well("copy a.tif one.zarr --bands 2 --quiet");
    assert!(folder.well("compare a.tif:2 one.zarr").starts_with("equal"));
    folder.well("copy a.tif all.zarr --quiet");
    assert!(folder.well("compare a.tif:3 all.zarr:3").starts_with("equal"));
    assert!(folder.well("compare a.tif all.zarr:array=data").starts_with("equal"));
    assert!(folder.well("compare a.tif all.zarr/data").starts_with("equal"));
    let described = info(&folder, "all.zarr");
    assert_eq!(described["details"]["format"], "Zarr 3, little endian");
    assert_eq!((&described["block_width"], &described["bands"]), (&173.into(), &3.into()));
    assert_eq!(
        described["stored_bytes"],
        files(&folder.file("all.zarr/data/c")).values().map(Vec::len).sum::<usize>()
    );
    folder.well("preview all.zarr p.png --size 60x30");
    assert!(folder.well("gaussian all.zarr x.zarr --sigma 2 --plan").contains("zstd"));
}

#[test]
fn tiles_and_threads_do_not_show() {
    let folder = Folder::new();
    folder.well("generate a.tif --size 300x210 --bands 2 --quiet");
    folder.well("gaussian a.tif a.zarr --sigma 1.5 --block 64x48 --quiet");
    let expected = files(&folder.file("a.zarr"));
    assert_eq!(expected.len(), 2 * 5 * 5 + 7, "{:?}", expected.keys());
    folder.well("copy a.tif in.zarr --block 50x70 --quiet");
    for way in ["--tile 64x48 --threads 3", "--tile 192x96", "--threads 1", "--memory 24MiB --threads 2"] {
        for input in ["a.tif", "in.zarr"] {
            folder.well(&format!(
                "gaussian {input} b.zarr --sigma 1.5 --block 64x48 --quiet --overwrite {way}"
            ));
            assert!(files(&folder.file("b.zarr")) == expected, "{input} {way}");
        }
    }
}

#[test]
fn blocks_of_nothing_are_left_out() {
    let folder = Folder::new();
    folder.well("generate a.tif --size 200x100 --quiet");
    folder.well("calc z.tif A*0+7 -A a.tif --type u16 --quiet");
    folder.well("copy z.tif full.zarr --block 64x64 --nodata-value 7 --quiet");
    folder.well("copy z.tif empty.zarr --block 64x64 --nodata-value 7 --set SPARSE=yes --quiet");
    let chunks =
        |name: &str| files(&folder.file(name)).keys().filter(|name| name.starts_with("data/c/")).count();
    assert_eq!((chunks("full.zarr"), chunks("empty.zarr")), (8, 0));
    assert!(folder.well("compare full.zarr empty.zarr").starts_with("equal"));
    assert!(folder.well("compare z.tif empty.zarr").contains("equal"));
    assert_eq!(info(&folder, "empty.zarr")["nodata"], "7");
}

#[test]
fn a_store_is_replaced_whole_or_not_at_all() {
    let folder = Folder::new();
    folder.well("generate a.tif --size 90x70 --quiet");
    folder.well("copy a.tif a.zarr --quiet");
    let before = files(&folder.file("a.zarr"));
    assert_eq!(folder.run("mean a.tif a.zarr --size 3").code, 2, "an existing store is not replaced unasked");
    for line in
        ["copy a.zarr a.zarr --overwrite", "copy a.zarr/data a.zarr --overwrite", "copy a.zarr a.zarr/b.zarr"]
    {
        let ended = folder.run(line);
        assert_eq!(ended.code, 2, "{line}: {}", ended.stderr);
    }
    // Fails while it writes.
    std::fs::write(folder.file("short.tif"), &std::fs::read(folder.file("a.tif")).unwrap()[..9000]).unwrap();
    assert_eq!(folder.run("copy short.tif a.zarr --overwrite --quiet").code, 4);
    folder.well("copy a.tif in.zarr --block 16x16 --quiet");
    let chunk = folder.file("in.zarr/data/c/4/5");
    std::fs::write(&chunk, &std::fs::read(&chunk).unwrap()[..20]).unwrap();
    let ended = folder.run("copy in.zarr a.zarr --overwrite --quiet");
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    assert!(ended.stderr.contains("c/4/5") && ended.stderr.contains("in.zarr"), "{}", ended.stderr);
    assert!(files(&folder.file("a.zarr")) == before);
    folder.well("mean a.tif a.zarr --size 3 --overwrite --quiet");
    assert!(folder.well("compare a.zarr a.tif --tolerance 65535").contains("difference"));
    assert!(files(&folder.file("a.zarr")) != before);
    assert!(!folder.names().iter().any(|name| name.starts_with('.')), "{:?}", folder.names());
    std::fs::create_dir(folder.file("thesis.zarr")).unwrap();
    std::fs::write(folder.file("thesis.zarr/chapter"), "1").unwrap();
    assert_eq!(folder.run("copy a.tif thesis.zarr --overwrite").code, 2);
    assert!(folder.file("thesis.zarr/chapter").exists());
}

#[test]
fn what_zarr_has_not_is_refused() {
    let folder = Folder::new();
    folder.well("generate a.tif --size 40x30 --bands 2 --quiet");
    for options in [
        "--compress lzw",
        "--compress packbits",
        "--predictor horizontal",
        "--interleave pixel",
        "--overviews auto",
        "--bigtiff yes",
    ] {
        let ended = folder.run(&format!("copy a.tif o.zarr {options}"));
        assert_eq!(ended.code, 2, "{options}: {}", ended.stderr);
        assert!(!folder.file("o.zarr").exists());
    }
    let ended = folder.run("copy a.tif missing/o.zarr");
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    std::fs::create_dir(folder.file("plain")).unwrap();
    assert_eq!(folder.run("info plain").code, 1);
    assert_eq!(folder.run("info a.tif:array=x").code, 2);
    folder.well("copy a.tif o.zarr --quiet");
    assert_eq!(folder.run("info o.zarr:array=z").code, 2);
    assert_eq!(folder.run("info o.zarr:array=x").code, 5, "one dimension is no raster");
    // Sides of 2^40, and nothing stored: told at once, and computed by nobody.
    let path = folder.file("o.zarr/data/zarr.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut metadata: serde_json::Value = serde_json::from_str(&text).unwrap();
    metadata["shape"] = serde_json::json!([2, 1_u64 << 40, 1_u64 << 40]);
    std::fs::write(&path, metadata.to_string()).unwrap();
    assert_eq!(folder.run("info o.zarr").code, 3);
    metadata["shape"] = serde_json::json!([2, 1_u64 << 30, 1_u64 << 20]);
    std::fs::write(&path, metadata.to_string()).unwrap();
    assert_eq!(info(&folder, "o.zarr")["height"], 1_u64 << 30);
    assert_eq!(folder.run("copy o.zarr x.tif").code, 3);
    metadata["chunk_grid"]["configuration"]["chunk_shape"] = serde_json::json!([1, 1 << 15, 1 << 15]);
    std::fs::write(&path, metadata.to_string()).unwrap();
    let ended = folder.run("stats o.zarr --memory 64MiB");
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    std::fs::write(&path, &text[..200]).unwrap();
    let ended = folder.run("info o.zarr:array=data");
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    assert!(ended.stderr.contains("JSON"), "{}", ended.stderr);
}
