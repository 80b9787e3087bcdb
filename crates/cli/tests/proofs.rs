//! Results that are damaged: `verify` finds it wherever it is, in every format, and `repair` mends it; damaged and missing
//! receipts are told.

#![allow(clippy::unwrap_used)]

mod command;

use std::fs::File;
use std::os::unix::fs::FileExt;

use command::Folder;

/// Every format, with places known before and as they come, masks, and overviews.
const LINES: [(&str, &str); 9] = [
    ("gaussian a.tif o.tif --sigma 2 --tile 64x64", "o.tif"),
    ("mean m.tif o.tif --size 3 --strips 16", "o.tif"),
    ("integral a.tif o.tif --compress deflate --tile 64x64", "o.tif"),
    ("gaussian m.tif o.tif --sigma 2 --compress zstd --block 64x64", "o.tif"),
    ("gaussian m.tif o.tif --sigma 2 --format cog --compress lzw --block 64x64", "o.tif"),
    ("median a.tif o.npy --size 3", "o.npy"),
    ("transpose a.tif o.img", "o.img"),
    ("accumulate a.tif o.raw --format raw --axis y", "o.raw"),
    ("stretch a.tif o.png --percentiles 2,98 --type u8", "o.png"),
];

fn folder() -> Folder {
    let folder = Folder::new();
    folder.well("generate a.tif --size 190x130 --quiet");
    folder.well("copy a.tif m.tif --nodata-value 900 --quiet");
    folder
}

fn write(folder: &Folder, name: &str, bytes: &[u8]) {
    std::fs::write(folder.file(name), bytes).unwrap();
}

/// The bytes of an output that no checksum of its receipt is of.
fn unproved(receipt: &str, length: usize) -> Vec<usize> {
    let entries = receipt.lines().map(|line| line.split('\t').next().unwrap());
    let entries =
        entries.map(|json| serde_json::from_str::<serde_json::Value>(json).unwrap()).collect::<Vec<_>>();
    let number = |value: &serde_json::Value| value.as_u64().unwrap() as usize;
    let moved =
        entries.iter().find_map(|entry| Some((number(&entry.get("moved")?[0]), number(&entry["moved"][1]))));
    let mut proved = vec![false; length];
    for entry in &entries {
        let Some(extents) = entry.get("extents").or_else(|| entry.get("head")) else { continue };
        for extent in extents.as_array().unwrap() {
            let [offset, length, stride, count] = [0, 1, 2, 3].map(|index| number(&extent[index]));
            for start in (0..count).map(|index| offset + index * stride) {
                let is_moved = moved.filter(|(from, _)| entry.get("head").is_none() && start >= *from);
                let start = start - is_moved.map_or(0, |(_, less)| less);
                proved[start..start + length].fill(true);
            }
        }
    }
    (0..length).filter(|&place| !proved[place]).collect()
}

/// Odd numbers of blocks too, whose tables end between multiples of eight.
#[test]
fn every_byte_is_in_the_receipt() {
    let folder = folder();
    let more = ["copy a.tif o.tif --strips 7", "copy m.tif o.tif --strips 11 --bigtiff yes --compress lzw"];
    for (line, output) in LINES.into_iter().chain(more.map(|line| (line, "o.tif"))) {
        folder.well(&format!("{line} --quiet --overwrite --flush no"));
        let receipt = String::from_utf8(folder.content(&format!("{output}.receipt"))).unwrap();
        assert_eq!(unproved(&receipt, folder.content(output).len()), [0_usize; 0], "`{line}`");
    }
}

/// Damages an output in one way after the other; each is found and mended.
#[test]
fn damage_is_found_and_mended_wherever_it_is() {
    let folder = folder();
    for (line, output) in LINES {
        folder.well(&format!("{line} --quiet --overwrite --flush no"));
        let whole = std::fs::read(folder.file(output)).unwrap();
        let flipped = |place: usize| {
            let mut bytes = whole.clone();
            bytes[place] ^= 0x40;
            bytes
        };
        let last = whole.len() - 1;
        let mut damaged = vec![whole[..last - 76].to_vec(), [&whole[..], b"more"].concat(), Vec::new()];
        damaged.extend([0, 2, 9, last / 3, last / 2, last - 40, last].map(flipped));
        for (number, bytes) in damaged.iter().enumerate() {
            write(&folder, output, bytes);
            let found = folder.run(&format!("verify {output}"));
            assert_eq!(found.code, 4, "`{line}` {number}: {}", found.stderr);
            assert!(found.stderr.contains("swathe repair"), "{}", found.stderr);
            folder.well(&format!("repair {output} --quiet"));
            assert!(std::fs::read(folder.file(output)).unwrap() == whole, "`{line}` {number}");
            folder.well(&format!("verify {output}"));
        }
        // No byte is left out; all of them where `SWATHE_EVERY_BYTE` is set. In this process, which takes a hundredth of the time.
        let step = if std::env::var_os("SWATHE_EVERY_BYTE").is_some() { 1 } else { whole.len() / 2500 };
        let (path, file) =
            (folder.file(output), File::options().write(true).open(folder.file(output)).unwrap());
        for place in (0..whole.len()).step_by(step.max(1)) {
            file.write_all_at(&[whole[place] ^ 0x40], place as u64).unwrap();
            let (_, damage) = swathe::verify(path.to_str().unwrap()).unwrap();
            assert!(!damage.is_none(), "`{line}`: byte {place}");
            file.write_all_at(&whole[place..=place], place as u64).unwrap();
        }
        write(&folder, output, &whole);
        folder.well(&format!("verify {output}"));
        // Nothing else came to be on the way.
        let made = folder.names().into_iter().filter(|name| name.starts_with("o.") || name.starts_with('.'));
        let made = made.collect::<Vec<_>>();
        assert_eq!(made.len(), if output == "o.img" { 3 } else { 2 }, "{made:?}");
        made.iter().for_each(|name| std::fs::remove_file(folder.file(name)).unwrap());
    }
}

#[test]
fn a_receipt_that_is_damaged_or_missing_is_told() {
    let folder = folder();
    for (line, output) in [LINES[0], LINES[3], LINES[4], LINES[8]] {
        folder.well(&format!("{line} --quiet --overwrite --flush no"));
        let name = format!("{output}.receipt");
        let receipt = std::fs::read(folder.file(&name)).unwrap();
        let both = |code: i32, word: &str| {
            for command in ["verify", "repair"] {
                let ended = folder.run(&format!("{command} {output}"));
                assert_eq!(ended.code, code, "{command}: {}", ended.stderr);
                assert!(ended.stderr.contains(word), "{command}: {}", ended.stderr);
            }
        };
        for place in (0..receipt.len()).step_by(receipt.len() / 12) {
            let mut damaged = receipt.clone();
            damaged[place] ^= 1;
            write(&folder, &name, &damaged);
            both(4, "has to be computed anew");
        }
        for length in [0, 1, receipt.len() / 2, receipt.len() - 1] {
            write(&folder, &name, &receipt[..length]);
            both(4, "has to be computed anew");
        }
        std::fs::remove_file(folder.file(&name)).unwrap();
        both(1, "has no receipt");
        // The way out that is named.
        folder.well(&format!("{line} --quiet --overwrite --flush no"));
        folder.well(&format!("verify {output}"));
        std::fs::remove_file(folder.file(output)).unwrap();
        both(1, "cannot open");
    }
}

#[test]
fn what_cannot_be_mended_is_said() {
    let folder = folder();
    assert_eq!(folder.run("verify a.tif").code, 1, "there is no receipt");
    let line = format!("{} --quiet --overwrite --flush no", LINES[6].0);
    folder.well(&line);
    let mut header = std::fs::read(folder.file("o.hdr")).unwrap();
    header[10] ^= 1;
    write(&folder, "o.hdr", &header);
    let ended = folder.run("verify o.img");
    assert!(ended.code == 4 && ended.stderr.contains("`o.hdr` has another content"), "{}", ended.stderr);
    let ended = folder.run("repair o.img");
    assert!(ended.code == 2 && ended.stderr.contains("--overwrite"), "{}", ended.stderr);
    folder.well(&line);
    folder.well("verify o.img");
    std::fs::remove_file(folder.file("a.tif")).unwrap();
    write(&folder, "o.img", &[0; 190 * 130 * 2]);
    assert_eq!(folder.run("repair o.img").code, 1, "the input is gone");
    folder.well("generate a.tif --size 190x130 --seed 9 --quiet");
    let ended = folder.run("repair o.img");
    assert!(ended.code == 2 && ended.stderr.contains("a.tif` changed"), "{}", ended.stderr);
}
