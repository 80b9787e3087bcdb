//! Compressed TIFF: what is written reads back, is the same for any number of threads, and stays in its budget.

#![allow(clippy::unwrap_used)]

mod command;

use command::Folder;

#[test]
fn every_codec_reads_back() {
    let folder = Folder::new();
    folder.well("generate a.tif --size 331x207 --bands 3 --quiet");
    for kind in ["u8", "i16", "u32", "f32", "f64", "i64"] {
        folder.well(&format!("cast a.tif k.tif --type {kind} --scale 0.37 --offset -20 --overwrite --quiet"));
        for scheme in [
            "--compress deflate",
            "--compress deflate:12 --predictor none --strips 7",
            "--compress zstd --interleave band",
            "--compress zstd:3 --predictor horizontal --block 64x32 --bigtiff yes",
            "--compress lzw --interleave band --strips 50",
            "--compress lzw --predictor none",
            "--compress packbits --block 128x16",
        ] {
            folder.well(&format!("copy k.tif c.tif {scheme} --overwrite --quiet"));
            let compared = folder.well("compare k.tif c.tif");
            assert!(
                compared.starts_with("equal") && !compared.contains("differs"),
                "{kind} {scheme}: {compared}"
            );
        }
    }
}

#[test]
fn threads_do_not_show_in_the_file() {
    let folder = Folder::new();
    folder.well("generate a.tif --size 1500x1100 --quiet");
    for scheme in [
        "--compress zstd",
        "--compress deflate --interleave band --strips 16",
        "--compress lzw --block 64x64",
    ] {
        let file = |threads: usize| {
            folder.well(&format!(
                "gaussian a.tif o.tif --sigma 2 --tile 256x128 --threads {threads} {scheme} --overwrite --quiet"
            ));
            std::fs::read(folder.file("o.tif")).unwrap()
        };
        let one = file(1);
        assert!(one == file(2) && one == file(8), "{scheme}");
    }
    // Nor do tiles and budgets.
    for scheme in ["--compress zstd:1", "--compress lzw --interleave band --block 64x64"] {
        let file = |cut: &str| {
            folder.well(&format!("gaussian a.tif t.tif --sigma 2 {cut} {scheme} --overwrite --quiet"));
            std::fs::read(folder.file("t.tif")).unwrap()
        };
        let one = file("--threads 1");
        for cut in ["--tile 256x512 --threads 3", "--tile 1500x300", "--tile 700x64", "--threads 7"] {
            assert!(one == file(cut), "{scheme} {cut}");
        }
    }
    // From compressed to compressed, and much smaller.
    folder.well("gaussian a.tif plain.tif --sigma 2 --quiet");
    folder.well("gaussian o.tif twice.tif --sigma 2 --compress zstd --quiet");
    folder.well("gaussian plain.tif plain2.tif --sigma 2 --quiet");
    folder.well("compare twice.tif plain2.tif");
    assert!(std::fs::metadata(folder.file("o.tif")).unwrap().len() < 1_500 * 1_100 * 2 * 3 / 4);
}

/// Wider than a stripe: tiles go through one from top to bottom, then through the next.
#[test]
fn stripes_do_not_show() {
    let folder = Folder::new();
    folder.well("generate a.tif --size 33000x90 --block 64x32 --compress zstd:1 --bands 2 --quiet");
    folder.well("copy a.tif plain.tif --compress none --quiet");
    let plan = folder.well("mean a.tif o.tif --size 9 --compress zstd:1 --plan");
    assert!(plan.contains("in stripes 16384 wide"), "{plan}");
    for other in ["mean plain.tif o.tif --size 9 --compress zstd:1", "mean a.tif o.tif --size 9 --format cog"]
    {
        assert!(!folder.well(&format!("{other} --plan")).contains("stripes"), "{other}");
    }
    folder.well("mean plain.tif rows.tif --size 9 --quiet");
    for output in ["o.tif --compress zstd:1 --block 64x32", "o.tif", "o.npy", "o.zarr --block 64x32"] {
        let name = output.split(' ').next().unwrap();
        let file = |cut: &str| {
            folder.well(&format!("mean a.tif {output} --size 9 {cut} --overwrite --quiet"));
            folder.well(&format!("compare {name} rows.tif"));
            folder.content(name)
        };
        let one = file("--threads 1");
        for cut in ["--tile 448x64 --threads 3", "--tile 40000x90", "--tile 10000x32 --threads 2"] {
            assert!(one == file(cut), "{output} {cut}");
        }
    }
    // What a killed run left of them is gone on with.
    folder
        .well("mean a.tif o.tif --size 9 --compress zstd:1 --block 64x32 --tile 2048x32 --overwrite --quiet");
    let whole = folder.content("o.tif");
    let journal = folder.content("o.tif.receipt");
    let lines = journal.split_inclusive(|&byte| byte == b'\n').collect::<Vec<_>>();
    for kept in [3, lines.len() / 2, lines.len() - 2] {
        std::fs::rename(folder.file("o.tif"), folder.file("o.tif.partial")).unwrap();
        std::fs::write(folder.file("o.tif.journal"), lines[..kept].concat()).unwrap();
        folder.well("mean a.tif o.tif --size 9 --compress zstd:1 --block 64x32 --resume --quiet");
        assert!(folder.content("o.tif") == whole, "{kept} lines");
    }
}

#[test]
fn empty_blocks_stay_away_where_they_may() {
    let folder = Folder::new();
    folder.well("generate a.tif --size 600x400 --quiet");
    folder.well("cast a.tif zero.tif --type u8 --scale 0 --quiet");
    let size = |options: &str| {
        folder.well(&format!("copy zero.tif s.tif --overwrite --quiet {options}"));
        folder.well("compare zero.tif s.tif");
        std::fs::metadata(folder.file("s.tif")).unwrap().len()
    };
    assert!(size("--set SPARSE=yes") < 2000);
    assert!(size("--set SPARSE=yes --compress zstd") < 2000);
    assert!(size("") > 240_000);
}

#[test]
fn strips_have_a_height_of_their_own() {
    let folder = Folder::new();
    folder.well("generate a.tif --size 1000x600 --bands 2 --quiet");
    // 256 KiB hold 65 rows of 2 bands of 1000 samples of 2 bytes, and 131 of one band.
    for (options, rows) in
        [("--strips", 65), ("--interleave band --compress lzw --strips", 131), ("--strips 9", 9)]
    {
        folder.well(&format!("copy a.tif s.tif --overwrite --quiet {options}"));
        let info = folder.well("info s.tif");
        let blocks = format!("blocks      1000 x {rows}");
        assert!(info.lines().any(|line| line.trim() == blocks), "{options}: {info}");
        folder.well("compare a.tif s.tif");
    }
    assert_eq!(folder.run("copy a.tif o.tif --strips 0").code, 2);
}

/// Bands lie in a TIFF as they did in the input, through every step, unless something else is asked for.
#[test]
fn the_inputs_interleave_is_kept() {
    let folder = Folder::new();
    folder.well("generate pixel.tif --size 90x70 --bands 3 --quiet");
    folder.well("copy pixel.tif band.tif --interleave band --quiet");
    folder.well("copy pixel.tif band.npy --quiet");
    for (input, options, kept) in [
        ("pixel.tif", "", "pixel"),
        ("band.tif", "", "band"),
        ("band.npy", "", "band"),
        ("band.tif", "--compress zstd", "band"),
        ("band.tif", "--format cog", "band"),
        ("band.tif", "--interleave pixel", "pixel"),
    ] {
        folder.well(&format!("gaussian {input} o.tif --sigma 1 {options} --overwrite --quiet"));
        let info = folder.well("info o.tif");
        let said = info.lines().any(|line| line.split_whitespace().eq(["interleave", kept]));
        assert!(said, "{input} {options}: {info}");
    }
}

#[test]
fn what_does_not_go_together_is_refused() {
    let folder = Folder::new();
    folder.well("generate a.tif --size 60x40 --quiet");
    for line in [
        "copy a.tif o.tif --compress jpeg",
        "copy a.tif o.tif --compress zstd:99",
        "copy a.tif o.tif --compress zstd --predictor float",
        "copy a.tif o.tif --predictor horizontal",
        "copy a.tif o.npy --compress zstd",
        "copy a.tif o.tif --interleave line",
        "copy a.tif o.tif --compress deflate --block 100x100",
        "copy a.tif o.tif --set SPARSE=perhaps",
    ] {
        assert_eq!(folder.run(line).code, 2, "{line}");
    }
    assert_eq!(folder.names(), ["a.tif"]);
}
