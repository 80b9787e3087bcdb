//! NPY, ENVI and raw files: what numpy and GDAL wrote is read, and what is written reads back.

#![allow(clippy::unwrap_used)]

mod command;

use std::path::Path;

use command::Folder;

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/raw").join(name);
    path.to_str().unwrap().to_owned()
}

#[test]
fn what_numpy_and_gdal_wrote_is_read() {
    let folder = Folder::new();
    for (file, expected, kind) in [
        ("big-endian.npy", "one.tif", "i16"),
        ("fortran.npy", "one.tif", "f64"),
        ("version-2.npy", "one.tif", "i64"),
        ("bands.npy", "three.tif", "i32"),
        ("gdal-bsq.img", "three.tif", "i32"),
        ("gdal-bil.img", "three.tif", "i32"),
        ("gdal-bip.hdr", "three.tif", "i32"),
    ] {
        folder.well(&format!(
            "cast {} expected.tif --type {kind} --nodata value --overwrite --quiet",
            fixture(expected)
        ));
        for way in ["--io mmap", "--io pread", "--tile 5x4"] {
            folder.well(&format!("copy {} found.tif {way} --overwrite --quiet", fixture(file)));
            assert!(folder.well("compare found.tif expected.tif").starts_with("equal"), "{file}");
        }
    }
    let info = folder.well(&format!("info {} --json", fixture("gdal-bil.img")));
    let info: serde_json::Value = serde_json::from_str(&info).unwrap();
    assert_eq!(info["nodata"], "-7");
    assert_eq!(info["epsg"], 32733);
    assert_eq!(info["transform"][5], -20.0);
    assert_eq!(info["details"]["interleave"], "line");
    let ended = folder.run(&format!("copy {} o.tif", fixture("complex.npy")));
    assert_eq!(ended.code, 5);
    assert!(ended.stderr.contains("<c8"), "{}", ended.stderr);
}

#[test]
fn every_format_reads_back() {
    let folder = Folder::new();
    folder.well("generate a.tif --size 173x61 --bands 3 --quiet");
    folder.well("mean a.tif smooth.tif --size 5 --quiet");
    let raw = "o.raw:size=173x61,type=u16,bands=3,interleave=";
    for (output, options, input) in [
        ("o.npy", "", "o.npy".to_owned()),
        ("o.img", "", "o.img".to_owned()),
        ("p.bil", "", "p.bil".to_owned()),
        ("q.dat", "--interleave pixel", "q.hdr".to_owned()),
        ("o.raw", "--interleave line", format!("{raw}line")),
        ("o.raw", "--interleave pixel --write-method mmap", format!("{raw}pixel")),
        ("o.raw", "", format!("{raw}band")),
    ] {
        for way in ["", "--tile 50x20 --threads 3"] {
            folder.well(&format!("mean a.tif {output} --size 5 --quiet --overwrite {options} {way}"));
            let compared = folder.well(&format!("compare smooth.tif {input}"));
            assert!(compared.starts_with("equal"), "{output} {options}: {compared}");
        }
        if output != "o.raw" && output != "o.npy" {
            let described = folder.well(&format!("compare smooth.tif {input}"));
            assert!(!described.contains("transform"), "{output}: {described}");
        }
    }
    assert_eq!(folder.run("copy a.tif p.bil").code, 2, "an existing pair is not replaced unasked");
    assert_eq!(folder.run("cast a.tif s.img --type i8").code, 5, "ENVI has no signed bytes");
    assert!(!folder.file("s.img").exists() && !folder.file("s.hdr").exists());
}

#[test]
fn files_cut_short_are_refused() {
    let folder = Folder::new();
    folder.well("generate a.tif --size 40x30 --quiet");
    folder.well("copy a.tif a.npy --quiet");
    folder.well("copy a.tif a.img --quiet");
    for name in ["a.npy", "a.img"] {
        let whole = std::fs::read(folder.file(name)).unwrap();
        for length in [whole.len() - 1, whole.len() / 2, 130, 11, 9] {
            std::fs::write(folder.file(name), &whole[..length]).unwrap();
            let ended = folder.run(&format!("stats {name}"));
            assert_eq!(ended.code, 4, "{name} cut at {length}: {}", ended.stderr);
        }
    }
    for (header, code) in [
        ("ENVI\nsamples = 40\nlines = 30\ndata type = 6\n", 5),
        ("ENVI\nsamples = 99999999999\nlines = 99999999999\nbands = 9\ndata type = 5\n", 4),
        ("ENVI\nsamples = 40\ndata type = 12\n", 4),
    ] {
        std::fs::write(folder.file("a.hdr"), header).unwrap();
        let ended = folder.run("stats a.img");
        assert_eq!(ended.code, code, "{header}: {}", ended.stderr);
    }
    assert_eq!(folder.run("stats a.img:size=3x,type=u8").code, 2);
    assert_eq!(folder.run("stats a.img:size=4000x3000,type=u8").code, 4);
}

#[test]
fn a_pair_is_never_replaced_by_half() {
    let folder = Folder::new();
    folder.well("generate a.tif --size 40x30 --bands 2 --quiet");
    folder.well("copy a.tif q.bil --quiet");
    let read = |name: &str| std::fs::read(folder.file(name)).unwrap();
    let (samples, header) = (read("q.bil"), read("q.hdr"));
    // The output's header would be the input's, and the input's samples would be read by it from then on.
    for line in [
        "copy q.bil q.img --overwrite",
        "copy q.hdr q.img --overwrite",
        "copy q.hdr q.bil --overwrite --format raw",
    ] {
        let ended = folder.run(line);
        assert_eq!(ended.code, 2, "{line}: {}", ended.stderr);
        assert!(ended.stderr.contains("is the input"), "{line}: {}", ended.stderr);
    }
    assert_eq!((read("q.bil"), read("q.hdr")), (samples, header));
    assert_eq!(folder.run("copy a.tif o.hdr --format envi").code, 2, "samples and header of one name");
    assert_eq!(folder.names(), ["a.tif", "q.bil", "q.bil.receipt", "q.hdr"]);
}

#[test]
fn headers_that_say_nonsense_are_damaged() {
    let folder = Folder::new();
    folder.well("generate a.tif --size 40x30 --quiet");
    folder.well("copy a.tif a.img --quiet");
    let good = std::fs::read_to_string(folder.file("a.hdr")).unwrap();
    for (key, value) in
        [("header offset", "x"), ("header offset", "-1"), ("byte order", "7"), ("byte order", "")]
    {
        let lines = good.lines().filter(|line| !line.starts_with(key)).collect::<Vec<_>>().join("\n");
        std::fs::write(folder.file("a.hdr"), format!("{lines}\n{key} = {value}\n")).unwrap();
        let ended = folder.run("stats a.img");
        assert_eq!(ended.code, 4, "{key} = {value}: {}", ended.stderr);
        assert!(ended.stderr.contains(&key.replace("header offset", "`header offset`")), "{}", ended.stderr);
    }
}
