//! Masks: what is written to TIFF keeps them, other formats store nodata in their place or refuse.

#![allow(clippy::unwrap_used)]

mod command;

use command::Folder;

/// Pixels that `fixtures/tiff/masked.tif`, 61 x 47 of two bands, masks.
const MASKED: usize = 1918;

fn folder() -> Folder {
    let folder = Folder::new();
    let masked = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/tiff/masked.tif");
    std::fs::copy(masked, folder.file("m.tif")).unwrap();
    folder
}

/// The samples of a raster as little endian numbers, 7 where its mask says no data.
fn samples(folder: &Folder, name: &str) -> Vec<u8> {
    folder.well(&format!("copy {name} samples.raw --nodata-value 7 --overwrite --quiet"));
    std::fs::read(folder.file("samples.raw")).unwrap()
}

#[test]
fn tiff_keeps_them() {
    let folder = folder();
    let expected = samples(&folder, "m.tif");
    let empty = expected.chunks_exact(2).filter(|sample| *sample == 7_u16.to_ne_bytes()).count();
    assert_eq!(empty, 2 * MASKED);
    for scheme in [
        "",
        "--interleave band --block 16x32 --bigtiff yes",
        "--strips 5 --tile 17x9 --threads 3",
        "--write-method mmap --tile 30x20",
        "--compress zstd",
        "--compress lzw --interleave band --block 32x16 --threads 3",
        "--compress deflate --strips 5 --bigtiff yes",
        "--set SPARSE=yes",
    ] {
        folder.well(&format!("copy m.tif o.tif {scheme} --overwrite --quiet"));
        let info = folder.well("info o.tif");
        assert!(info.lines().any(|line| line.split_whitespace().eq(["mask", "yes"])), "{scheme}: {info}");
        folder.well("compare m.tif o.tif");
        assert!(samples(&folder, "o.tif") == expected, "{scheme}");
    }
    // A raster without a mask gets none.
    folder.well("generate plain.tif --size 40x30 --quiet");
    folder.well("copy plain.tif copied.tif --compress zstd --quiet");
    assert!(!folder.well("info copied.tif").contains("mask"));
}

/// As GDAL has it, the mask tells where there is data, and opacity is a band like others.
#[test]
fn a_mask_beside_opacity_is_kept() {
    let folder = folder();
    let both = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/tiff/masked_opacity.tif");
    std::fs::copy(both, folder.file("b.tif")).unwrap();
    let expected = samples(&folder, "b.tif");
    let empty = expected.chunks_exact(2).filter(|sample| *sample == 7_u16.to_ne_bytes()).count();
    assert_eq!(empty, 2 * MASKED);
    for scheme in ["", "--compress zstd --interleave band", "--format cog --overviews 2 --block 16x16"] {
        folder.well(&format!("copy b.tif o.tif {scheme} --overwrite --quiet"));
        let info = folder.well("info o.tif");
        assert!(info.contains("gray, alpha"), "{scheme}: {info}");
        assert!(samples(&folder, "o.tif") == expected, "{scheme}");
        folder.well("compare b.tif o.tif");
    }
    // Where a run goes on, copies are made of the mask.
    folder
        .well("gaussian b.tif o.tif --sigma 1 --format cog --overviews 2 --block 16x16 --overwrite --quiet");
    let mut damaged = folder.content("o.tif");
    let whole = damaged.clone();
    let place = damaged.len() - 9;
    damaged[place] ^= 1;
    std::fs::write(folder.file("o.tif"), damaged).unwrap();
    folder.well("repair o.tif --quiet");
    assert!(folder.content("o.tif") == whole);
}

#[test]
fn other_formats_take_nodata_or_refuse() {
    let folder = folder();
    for name in ["o.npy", "o.raw", "o.img"] {
        let format = if name == "o.img" { " --format envi" } else { "" };
        let refused = folder.run(&format!("copy m.tif {name}{format} --quiet"));
        assert_ne!(refused.code, 0, "{name}");
        assert!(
            refused.stderr.contains(name) && refused.stderr.contains("--nodata-value"),
            "{}",
            refused.stderr
        );
    }
    assert_eq!(folder.names(), ["m.tif"]);
    // The header of an ENVI pair says what stands for no data.
    folder.well("copy m.tif o.img --format envi --interleave pixel --nodata-value 7 --quiet");
    assert!(folder.well("info o.img").lines().any(|line| line.split_whitespace().eq(["nodata", "7"])));
    assert!(samples(&folder, "o.img") == samples(&folder, "m.tif"));
    // Floats have `NaN`.
    folder.well("cast m.tif f.npy --type f32 --quiet");
    let stored = std::fs::read(folder.file("f.npy")).unwrap();
    let stored = &stored[stored.len() - 4 * 2 * 61 * 47..];
    let empty =
        stored.chunks_exact(4).filter(|sample| f32::from_ne_bytes((*sample).try_into().unwrap()).is_nan());
    assert_eq!(empty.count(), 2 * MASKED);
}
