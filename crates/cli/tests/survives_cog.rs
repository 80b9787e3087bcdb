//! Cloud-Optimized GeoTIFFs that were cut short, while their tiles were written or while the gap before those was closed: they go
//! on, and their copies are made again of the blocks that are there.

#![allow(clippy::unwrap_used)]

mod command;

use command::Folder;

/// Odd sides, so that pixels of copies lie over the edges of blocks; masks, separate bands, left-out blocks, every codec; bands of
/// opacity that stand for a mask, and that say less of it than was known.
const LINES: [&str; 9] = [
    "copy a.tif o.tif --block 64x64 --compress zstd:1",
    "gaussian a.tif o.tif --sigma 2 --block 64x48 --compress deflate:1 --interleave band --bigtiff yes",
    "copy k.tif o.tif --block 32x32 --compress lzw --overview-method nearest",
    "mean m.tif o.tif --size 5 --block 64x64 --type f32 --compress zstd --set SPARSE=yes",
    "copy a.tif o.tif --block 128x64 --overview-method mode --overviews 3,6,30",
    "copy a.tif o.tif --block 64x64 --compress packbits --overviews none",
    "minimum p.tif o.tif --size 3 --block 64x64 --compress zstd:1",
    "cast p.tif o.tif --scale 0.01 --type u8 --block 64x64 --compress lzw --overview-method mode",
    "gaussian p.tif o.tif --sigma 2 --block 64x64 --interleave band --set SPARSE=yes",
];
const RUN: &str = "--format cog --flush no --quiet --overwrite";

fn folder() -> Folder {
    let folder = Folder::new();
    folder.well("generate a.tif --size 603x451 --bands 2 --quiet");
    folder.well("calc m.tif where(A>700,A,0) -A a.tif --nodata-value 0 --type u16 --quiet");
    let masked = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/tiff/masked.tif");
    std::fs::copy(masked, folder.file("small.tif")).unwrap();
    folder.well("resize small.tif k.tif --size 603x451 --method nearest --quiet");
    folder.well("cast a.tif n.tif --offset -700 --type u16 --quiet --receipt no");
    let band = |number: usize, colour: &str| {
        format!("<PAMRasterBand band='{number}'><ColorInterp>{colour}</ColorInterp></PAMRasterBand>")
    };
    let beside = format!("<PAMDataset>{}{}</PAMDataset>", band(1, "Gray"), band(2, "Alpha"));
    std::fs::write(folder.file("n.tif.aux.xml"), beside).unwrap();
    folder.well("copy n.tif p.tif --quiet --receipt no");
    folder.remove("n.tif");
    folder.remove("n.tif.aux.xml");
    folder
}

fn taken(folder: &Folder, name: &str) -> Vec<u8> {
    let bytes = std::fs::read(folder.file(name)).unwrap();
    folder.remove(name);
    bytes
}

/// What a complete file was, and the lines of its receipt.
struct Whole {
    line: String,
    bytes: Vec<u8>,
    receipt: Vec<String>,
}

impl Whole {
    fn of(folder: &Folder, line: &str, tile: &str) -> Self {
        let line = format!("{line} --tile {tile} {RUN}");
        // One worker writes tiles down in their order.
        folder.well(&format!("{line} --threads 1"));
        let bytes = taken(folder, "o.tif");
        let receipt = String::from_utf8(taken(folder, "o.tif.receipt")).unwrap();
        Whole { line, bytes, receipt: receipt.split_inclusive('\n').map(str::to_owned).collect() }
    }

    /// From which byte on, and by how many, blocks were moved at the end, where they were.
    fn moved(&self) -> Option<(usize, usize)> {
        let line = self.receipt.iter().find(|line| line.contains("\"moved\""))?;
        let entry: serde_json::Value = serde_json::from_str(line.split('\t').next().unwrap()).unwrap();
        let number = |index: usize| entry["moved"][index].as_u64().unwrap() as usize;
        Some((number(0), number(1)))
    }

    /// The file before the gap was closed.
    fn open(&self) -> Vec<u8> {
        let Some((from, less)) = self.moved() else { return self.bytes.clone() };
        [&self.bytes[..from - less], &vec![0; less], &self.bytes[from - less..]].concat()
    }

    fn tiles(&self) -> u64 {
        self.receipt.iter().filter(|line| line.contains("\"tile\":")).count() as u64 - 1
    }

    /// Goes on with `partial` by the first lines of the receipt; returns how many tiles were not computed again.
    #[track_caller]
    fn goes_on(&self, folder: &Folder, partial: &[u8], lines: usize) -> u64 {
        std::fs::write(folder.file("o.tif.partial"), partial).unwrap();
        std::fs::write(folder.file("o.tif.journal"), self.receipt[..lines].concat()).unwrap();
        folder.well(&format!("{} --resume --threads 2 --report r.json", self.line));
        folder.well("verify o.tif");
        assert!(taken(folder, "o.tif") == self.bytes, "`{}`: another result", self.line);
        folder.remove("o.tif.receipt");
        let names = folder.names();
        assert_eq!(
            names,
            ["a.tif", "k.tif", "k.tif.receipt", "m.tif", "m.tif.receipt", "p.tif", "r.json", "small.tif"]
        );
        let report: serde_json::Value = serde_json::from_slice(&taken(folder, "r.json")).unwrap();
        report["resumed_tiles"].as_u64().unwrap()
    }
}

#[test]
fn goes_on_behind_every_tile() {
    let folder = folder();
    for line in LINES {
        for tile in ["128x64", "640x96"] {
            let whole = Whole::of(&folder, line, tile);
            let (open, tiles) = (whole.open(), whole.tiles());
            assert!(tiles > 3, "{tiles}");
            let step = if tiles > 20 { 5 } else { 1 };
            for kept in (1..=tiles).step_by(step) {
                // The header and the head stand before the tiles.
                let resumed = whole.goes_on(&folder, &open, kept as usize + 2);
                assert_eq!(resumed, kept, "{line}");
            }
        }
    }
}

#[test]
fn goes_on_where_the_gap_was_being_closed() {
    let folder = folder();
    for line in LINES {
        let whole = Whole::of(&folder, line, "128x64");
        let Some((from, less)) = whole.moved() else {
            assert!(line.contains("--overviews none"), "{line}");
            continue;
        };
        let (tiles, open) = (whole.tiles(), whole.open());
        let lines = 1 + whole.receipt.iter().position(|line| line.contains("\"moved\"")).unwrap();
        // The whole file at once, or piece by piece, as file systems can do it.
        assert_eq!(whole.goes_on(&folder, &open, lines), tiles, "{line}: before");
        assert_eq!(whole.goes_on(&folder, &whole.bytes, lines), tiles, "{line}: behind");
        assert_eq!(
            whole.goes_on(&folder, &whole.bytes, whole.receipt.len() - 1),
            tiles,
            "{line}: only a name is missing"
        );
        for pieces in [1, 2, 5] {
            let moved = (less / 2 * pieces).min(open.len() - from);
            let mut partial = open.clone();
            partial.copy_within(from..from + moved, from - less);
            let resumed = whole.goes_on(&folder, &partial, lines);
            // Until blocks are written over that were not moved yet, all are there.
            assert!(
                if pieces < 3 { resumed == tiles } else { resumed <= tiles },
                "{line}: {resumed} of {tiles}"
            );
        }
        // And what is damaged is computed again from there.
        let mut partial = whole.bytes.clone();
        let middle = from - less + (partial.len() - from + less) / 2;
        partial[middle] ^= 1;
        let resumed = whole.goes_on(&folder, &partial, lines);
        assert!(resumed > 0 && resumed < tiles, "{line}: {resumed} of {tiles}");
    }
}

/// Damage in the raster is mended by the tiles that it is in, damage before it by what is in the file.
#[test]
fn only_what_is_damaged_is_mended() {
    let folder = folder();
    for line in LINES {
        let line = format!("{line} --tile 128x64 {RUN}");
        folder.well(&line);
        let whole = std::fs::read(folder.file("o.tif")).unwrap();
        let receipt = std::fs::read(folder.file("o.tif.receipt")).unwrap();
        let lines = String::from_utf8(receipt.clone()).unwrap();
        let lines = lines.split_inclusive('\n').map(str::to_owned).collect();
        let moved = Whole { line: line.clone(), bytes: whole.clone(), receipt: lines }.moved();
        let start = moved.map_or(whole.len() / 2, |(from, less)| from - less);
        let middle = start + (whole.len() - start) / 2;
        // A block, three blocks, a block of a copy, the header, and some of each.
        for (places, words) in [
            (vec![middle], "1 tile was computed again"),
            (vec![start + 100, middle, whole.len() - 9], "3 tiles were computed again"),
            (vec![start - 4500], "what stands before the tiles was made again"),
            (vec![3], "what stands before the tiles was made again"),
            (
                vec![3, 40, start - 4500, middle],
                "1 tile was computed again, what stands before the tiles was",
            ),
        ] {
            let mut damaged = whole.clone();
            places.iter().for_each(|&place| damaged[place] ^= 0x11);
            std::fs::write(folder.file("o.tif"), damaged).unwrap();
            let ended = folder.run("repair o.tif --threads 2");
            let said = ended.stderr;
            assert_eq!(ended.code, 0, "{line}: {places:?}: {said}");
            let is_it = said.contains(&format!("`o.tif` is whole again: {words}"));
            assert!(is_it || line.contains("--overviews none"), "{line}: {places:?}: {said}");
            assert!(std::fs::read(folder.file("o.tif")).unwrap() == whole, "{line}: {places:?}");
            assert!(std::fs::read(folder.file("o.tif.receipt")).unwrap() == receipt, "{line}: {places:?}");
            folder.well("verify o.tif");
        }
        // A file that was cut short, and one of another length.
        for bytes in [whole[..middle].to_vec(), [&whole[..], b"more"].concat(), Vec::new()] {
            std::fs::write(folder.file("o.tif"), bytes).unwrap();
            folder.well("repair o.tif --quiet");
            assert!(std::fs::read(folder.file("o.tif")).unwrap() == whole, "{line}");
        }
    }
}
