//! Cloud-Optimized GeoTIFF, and overviews beside a raster: the layout byte by byte, and the same pixels for every way to cut
//! the work. What the pixels are is held against GDAL in `crates/io`.

#![allow(clippy::unwrap_used)]

mod command;

use command::Folder;

/// A directory: its tags' values, where they are whole numbers.
struct Directory {
    at: usize,
    tags: Vec<(u16, Vec<u64>)>,
}

impl Directory {
    fn values(&self, id: u16) -> &[u64] {
        self.tags.iter().find(|(tag, _)| *tag == id).map_or(&[], |(_, values)| values)
    }

    /// Places and lengths of the blocks that there are.
    fn blocks(&self) -> Vec<(usize, usize)> {
        let pairs = self.values(324).iter().zip(self.values(325));
        pairs.map(|(&at, &length)| (at as usize, length as usize)).filter(|block| block.0 > 0).collect()
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The directories of a little-endian TIFF or BigTIFF, in the order of the chain.
fn directories(file: &[u8]) -> Vec<Directory> {
    let big = file[2] == 43;
    let (place, count_bytes, entry, header) = if big { (8, 8, 20, 8) } else { (4, 2, 12, 4) };
    let mut at = number(&file[header..header + place]) as usize;
    let mut found = Vec::new();
    while at != 0 {
        let count = number(&file[at..at + count_bytes]) as usize;
        let entries = file[at + count_bytes..].chunks_exact(entry).take(count);
        let tags = entries.map(|bytes| {
            let size = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 0, 0, 0, 8][bytes[2] as usize];
            let values = number(&bytes[4..4 + place]) as usize;
            let inside = &bytes[4 + place..];
            let far = number(inside) as usize;
            let stored = if values * size <= place { inside } else { &file[far..] };
            (number(&bytes[..2]) as u16, stored.chunks_exact(size).take(values).map(number).collect())
        });
        found.push(Directory { at, tags: tags.collect() });
        let next = at + count_bytes + count * entry;
        at = number(&file[next..next + place]) as usize;
    }
    found
}

/// Checks what makes a TIFF a Cloud-Optimized GeoTIFF of `levels` images.
#[track_caller]
fn assert_optimized(folder: &Folder, name: &str, levels: usize) {
    let file = std::fs::read(folder.file(name)).unwrap();
    let start = if file[2] == 43 { 16 } else { 8 };
    let words = String::from_utf8_lossy(&file[start..start + 220]).into_owned();
    let length = words.strip_prefix("GDAL_STRUCTURAL_METADATA_SIZE=").unwrap()[..6].parse::<usize>().unwrap();
    let directories = directories(&file);
    let text_end = start + "GDAL_STRUCTURAL_METADATA_SIZE=000000 bytes\n".len() + length;
    assert_eq!(directories[0].at, text_end.next_multiple_of(2), "{name}");
    assert!(directories.windows(2).all(|pair| pair[0].at < pair[1].at), "{name}: directories in order");
    let images = directories.iter().filter(|directory| directory.values(254).first().unwrap_or(&0) & 4 == 0);
    let images = images.collect::<Vec<_>>();
    assert_eq!(images.len(), levels, "{name}");
    let last_directory = directories.last().unwrap().at;
    // Every image's blocks in order, and the smallest image's before all others.
    let mut end = last_directory;
    for image in images.iter().rev() {
        let bands = if image.values(284) == [2] { image.values(277)[0] as usize } else { 1 };
        let blocks = image.blocks();
        for plane in blocks.chunks(blocks.len() / bands) {
            assert!(plane.windows(2).all(|pair| pair[0].0 < pair[1].0), "{name}: blocks row by row");
        }
        assert!(blocks.iter().all(|block| block.0 > end), "{name}: the smallest first");
        end = blocks.iter().map(|block| block.0 + block.1).max().unwrap();
    }
    for (at, length) in directories.iter().flat_map(Directory::blocks) {
        assert_eq!(number(&file[at - 4..at]), length as u64, "{name}: length before the block");
        let tail = &file[at + length - 4..at + length + 4];
        assert_eq!(tail[..4], tail[4..], "{name}: last bytes behind the block");
    }
    // A mask's block stands right behind the image's.
    if words.contains("MASK_INTERLEAVED") {
        let masks =
            directories.iter().filter(|directory| directory.values(254).first().unwrap_or(&0) & 4 != 0);
        for (image, mask) in images.iter().zip(masks) {
            for (image, mask) in image.blocks().iter().zip(mask.blocks()) {
                assert_eq!(image.0 + image.1 + 8, mask.0, "{name}: mask beside the image");
            }
        }
    }
}

#[test]
fn tiles_threads_and_budget_do_not_show() {
    let folder = Folder::new();
    // Odd sides: pixels of the copies cover parts of pixels, and tiles see their neighbours'.
    folder.well("generate a.tif --size 1003x701 --bands 3 --quiet");
    for options in ["--block 64x64", "--block 128x64 --interleave band --compress zstd:3 --bigtiff yes"] {
        folder.well(&format!("copy a.tif first.tif --format cog {options} --quiet --overwrite --threads 1"));
        assert_optimized(&folder, "first.tif", 5);
        folder.well("compare a.tif first.tif");
        assert!(folder.well("info first.tif").contains("tiles, cloud-optimized"));
        let first = std::fs::read(folder.file("first.tif")).unwrap();
        for run in ["--threads 4 --tile 128x64", "--threads 2 --tile 1024x128", "--threads 3 --memory 24MiB"]
        {
            folder.well(&format!("copy a.tif o.tif --format cog {options} --quiet --overwrite {run}"));
            assert!(std::fs::read(folder.file("o.tif")).unwrap() == first, "{options} {run}");
        }
    }
}

#[test]
fn copies_inside_and_beside_are_the_same() {
    let folder = Folder::new();
    folder.well("generate a.tif --size 517x389 --bands 2 --type f32 --quiet");
    for method in ["average", "nearest", "mode"] {
        folder.well(&format!(
            "copy a.tif c.tif --format cog --overviews 2,4,8,16 --overview-method {method} --block 32x32 --overwrite --quiet"
        ));
        assert_optimized(&folder, "c.tif", 5);
        let line =
            format!("overviews a.tif --levels 2,4,8,16 --method {method} --overwrite --quiet --threads 3");
        folder.well(&line);
        for (number, size) in [(1, "259 x 195"), (2, "130 x 98"), (4, "33 x 25")] {
            folder.well(&format!("compare a.tif:overview={number} c.tif:overview={number}"));
            assert!(folder.well(&format!("info a.tif:overview={number}")).contains(size));
        }
    }
    assert_eq!(folder.names(), ["a.tif", "a.tif.ovr", "c.tif", "c.tif.receipt"]);
}

/// A filter's own margin and that of the copies add up: the copies are those of the filter's result.
#[test]
fn copies_of_a_filters_result() {
    let folder = Folder::new();
    folder.well("generate a.tif --size 333x271 --quiet");
    folder.well("gaussian a.tif g.tif --sigma 2 --quiet");
    folder.well("overviews g.tif --levels 2,4 --quiet");
    folder.well("gaussian a.tif c.tif --sigma 2 --format cog --overviews 2,4 --block 48x32 --tile 96x32 --threads 3 --quiet");
    assert_optimized(&folder, "c.tif", 3);
    for which in ["", ":overview=1", ":overview=2"] {
        folder.well(&format!("compare g.tif{which} c.tif{which}"));
    }
}

#[test]
fn masks_and_palettes_are_kept() {
    let folder = Folder::new();
    let masked = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/tiff/masked.tif");
    std::fs::copy(masked, folder.file("m.tif")).unwrap();
    for options in ["", "--compress none", "--interleave band", "--set SPARSE=yes"] {
        folder.well(&format!(
            "copy m.tif c.tif --format cog --overviews 2,4 --block 16x16 {options} --overwrite --quiet"
        ));
        assert_optimized(&folder, "c.tif", 3);
        folder.well("compare m.tif c.tif");
        let info = folder.well("info c.tif:overview=1");
        assert!(info.lines().any(|line| line.split_whitespace().eq(["mask", "yes"])), "{info}");
    }
    let refused = folder.run("copy m.tif c.tif --format cog --overviews 3,7 --overwrite");
    assert_eq!(refused.code, 2, "{}", refused.stderr);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let folder = Folder::new();
    folder.well("generate a.tif --size 300x200 --quiet");
    for (line, word) in [
        ("copy a.tif o.tif --format cog --strips", "--strips"),
        ("copy a.tif o.tif --format cog --overviews two", "`two`"),
        ("copy a.tif o.tif --format cog --overviews 4,6", "multiple"),
        ("copy a.tif o.tif --format cog --block 100x100", "multiples of 16"),
        ("copy a.tif o.npy --block 64x64", "--block"),
        ("copy a.tif o.npy --bigtiff yes", "--bigtiff"),
        ("copy a.tif o.img --strips 8", "--strips"),
        ("copy a.tif o.raw --overviews 2", "--overviews"),
        ("copy a.tif o.npy --predictor horizontal", "--predictor"),
        ("accumulate a.tif o.tif --axis y --format cog --overviews 7", "overviews"),
        ("overviews a.tif", "fits one block"),
        ("overviews a.tif:1 --levels 2", "whole file"),
    ] {
        let ended = folder.run(line);
        assert_eq!(ended.code, 2, "{line}: {}", ended.stderr);
        assert!(ended.stderr.contains(word), "{line}: {}", ended.stderr);
    }
    folder.well("overviews a.tif --levels 2 --quiet");
    assert_eq!(folder.run("overviews a.tif --levels 2").code, 2);
    folder.well("copy a.tif c.tif --format cog --overviews 2 --quiet");
    assert_eq!(folder.run("overviews c.tif --levels 2").code, 2);
    assert_eq!(folder.names(), ["a.tif", "a.tif.ovr", "c.tif", "c.tif.receipt"]);
}
