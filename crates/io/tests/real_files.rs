//! Reads some six hundred TIFF files that other programs wrote, and compares with what GDAL 3.10.3 and tifffile read.
//!
//! The files are not part of this repository: the folder is named by `SWATHE_REAL_DATA`, or lies beside the workspace
//! as `../shared/data/real`. Where there is none, the test says so and passes.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod reading;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use reading::samples;
use sha2::{Digest, Sha256};
use swathe_core::{ErrorKind, Scratch, Size, Source, TileBuffer, Window, with_sample};
use swathe_io::{OpenOptions, open};

/// No file of the collection takes longer, hostile ones included.
const LONGEST: Duration = Duration::from_secs(20);

/// A row of the collection's table.
struct Row {
    path: String,
    complex: bool,
    sha256_16: String,
    checksums: Vec<u32>,
    class: String,
}

fn folder() -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/real");
    let folder = std::env::var_os("SWATHE_REAL_DATA").map_or(beside, PathBuf::from);
    folder.join("MANIFEST.tsv").exists().then_some(folder)
}

fn rows(folder: &std::path::Path) -> Vec<Row> {
    let table = std::fs::read_to_string(folder.join("MANIFEST.tsv")).unwrap();
    let mut lines = table.lines().map(|line| line.trim_end_matches('\r').split('\t').collect::<Vec<_>>());
    let head = lines.next().unwrap();
    let column = |name: &str| head.iter().position(|column| *column == name).unwrap();
    let (path, dtype, sha, checksums, class) =
        (column("path"), column("dtype"), column("sha256_16"), column("gdal_checksums"), column("class"));
    let row = |fields: Vec<&str>| Row {
        path: fields[path].to_owned(),
        complex: fields[dtype].starts_with("complex"),
        sha256_16: fields[sha].to_owned(),
        checksums: fields[checksums]
            .trim_matches(['[', ']'])
            .split(',')
            .filter_map(|number| number.trim().parse().ok())
            .collect(),
        class: fields[class].to_owned(),
    };
    lines.map(row).collect()
}

/// What was read of a file: per band GDAL's checksum, and the hash of all samples in the order band, row, column.
#[derive(Debug, PartialEq)]
struct Pixels {
    checksums: Vec<u32>,
    sha256_16: String,
}

impl Pixels {
    /// As the table of decisions has it.
    fn words(&self) -> String {
        let checksums = self.checksums.iter().map(u32::to_string).collect::<Vec<_>>();
        format!("read {}", checksums.join(" ")).trim_end().to_owned()
    }
}

/// What becomes of each file that is neither golden nor must fail: by path, `damaged`, `unsupported`, `limit`, or `read` with
/// the checksums of its bands.
fn decisions() -> BTreeMap<String, String> {
    let lines = include_str!("real_files_decided.tsv").lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let mut fields = line.split('\t');
            let path = fields.next().unwrap().to_owned();
            (path, fields.nth(1).unwrap().to_owned())
        })
        .collect()
}

/// Reads every pixel in windows that fall on no block's edge; two bands make a complex one.
fn pixels(source: &dyn Source, complex: bool) -> swathe_core::Result<Pixels> {
    let info = source.info();
    let mut samples = samples(source, Size::new(701, 397))?;
    let bytes = info.sample_type.size();
    let plane = info.size.pixels() * bytes;
    if complex {
        let pairs = samples.clone();
        for (band, to) in samples.chunks_exact_mut(2 * plane).enumerate() {
            let parts = &pairs[2 * band * plane..][..2 * plane];
            for (index, value) in to.chunks_exact_mut(2 * bytes).enumerate() {
                value[..bytes].copy_from_slice(&parts[index * bytes..][..bytes]);
                value[bytes..].copy_from_slice(&parts[plane + index * bytes..][..bytes]);
            }
        }
    }
    let band_bytes = if complex { 2 * plane } else { plane };
    let checksum = |band: &[u8]| {
        with_sample!(info.sample_type, T => {
            const SIZE: usize = size_of::<T>();
            let value = |sample: &[u8; SIZE]| <T as swathe_core::Sample>::to_f64(T::from_ne_bytes(*sample));
            checksum(band.as_chunks::<SIZE>().0.iter().map(value), info.sample_type.is_float())
        })
    };
    let hash = Sha256::digest(&samples);
    Ok(Pixels {
        checksums: samples.chunks_exact(band_bytes).map(checksum).collect(),
        sha256_16: hash[..8].iter().map(|byte| format!("{byte:02x}")).collect(),
    })
}

/// GDALChecksumImage: floats are rounded, everything is saturated to 32 bits, and summed up modulo small primes.
fn checksum(values: impl Iterator<Item = f64>, float: bool) -> u32 {
    const PRIMES: [i64; 11] = [7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43];
    let sum = values.zip(PRIMES.iter().cycle()).fold(0_i64, |sum, (value, prime)| {
        let whole = if !float {
            value.clamp(-2_147_483_648.0, 2_147_483_647.0) as i64
        } else if value.is_finite() {
            (value + 0.5).floor().clamp(-2_147_483_647.0, 2_147_483_647.0) as i64
        } else {
            -2_147_483_648
        };
        sum + whole % prime
    });
    (sum & 0xffff) as u32
}

#[test]
fn real_files_read_as_gdal_reads_them() {
    let Some(folder) = folder() else {
        eprintln!("skipped: no collection of real files; set SWATHE_REAL_DATA to its folder");
        return;
    };
    let mut decisions = decisions();
    let mut table = String::new();
    let (mut faults, mut counts) = (Vec::new(), BTreeMap::<(String, &str), usize>::new());
    for row in rows(&folder) {
        let begin = Instant::now();
        let path = folder.join(&row.path);
        let source = open(path.to_str().unwrap(), &OpenOptions::default());
        let huge = row.class == "HUGE-DECLARED";
        let read = source.and_then(|source| {
            assert_eq!(source.info().mask, source.info().kind().mask);
            if huge { Ok(corner(source.as_ref())?) } else { pixels(source.as_ref(), row.complex) }
        });
        let took = begin.elapsed();
        if took > LONGEST {
            faults.push(format!("{}: took {took:?}", row.path));
        }
        let agrees = |pixels: &Pixels| {
            // The table has GDAL's checksums of the first four bands at most, and no common hash of complex integers.
            let checksums = pixels.checksums.iter().zip(&row.checksums).all(|(own, gdal)| own == gdal);
            checksums && !pixels.checksums.is_empty() && (row.complex || pixels.sha256_16 == row.sha256_16)
        };
        let outcome = match &read {
            Err(error) if error.kind() == ErrorKind::Unsupported => "unsupported",
            Err(error) if error.kind() == ErrorKind::Limit => "limit",
            Err(error) if error.kind() == ErrorKind::Damaged => "damaged",
            Err(_) => "another error",
            Ok(pixels) if agrees(pixels) => "equal",
            Ok(_) if row.sha256_16.is_empty() => "read",
            Ok(_) => "different",
        };
        *counts.entry((row.class.clone(), outcome)).or_default() += 1;
        let fault = match row.class.as_str() {
            "GOLDEN" => outcome != "equal",
            "MUST-FAIL-CLEANLY" => !matches!(outcome, "unsupported" | "damaged"),
            _ => {
                let decision = decisions.remove(&row.path);
                let found = read.as_ref().map_or(outcome.to_owned(), Pixels::words);
                table.push_str(&format!("{}\t{}\t{found}\t\n", row.path, row.class));
                decision != Some(found)
            }
        };
        if fault {
            let seen = read.map_or_else(|error| error.to_string(), |pixels| format!("{pixels:?}"));
            faults.push(format!(
                "{} {outcome}: {} {seen}, GDAL {:?} {}",
                row.class, row.path, row.checksums, row.sha256_16
            ));
        }
    }
    for ((class, outcome), count) in &counts {
        eprintln!("{class}: {count} {outcome}");
    }
    if let Some(path) = std::env::var_os("SWATHE_DECISIONS") {
        std::fs::write(path, table).unwrap();
    }
    faults.extend(decisions.keys().map(|path| format!("{path} is decided and not there")));
    assert!(faults.is_empty(), "{} files:\n{}", faults.len(), faults.join("\n"));
}

/// The pixels of a corner of a file too large to be read here.
fn corner(source: &dyn Source) -> swathe_core::Result<Pixels> {
    let info = source.info();
    let window = Window::new(0, 0, 64.min(info.size.width), 64.min(info.size.height));
    if source.scratch_bytes(window.size()).saturating_add(source.resident_bytes()) > 1 << 30
        || info.kind().bytes(window) > 1 << 28
    {
        // The plan of a run would say so and refuse.
        return Err(swathe_core::Error::limit("needs more memory than a plan would give"));
    }
    let mut tile = TileBuffer::new(window, info.kind());
    let mut scratch = Scratch::with_capacity(source.scratch_bytes(window.size()));
    source.read(&mut tile.view_mut(), &mut scratch.frame())?;
    Ok(Pixels { checksums: Vec::new(), sha256_16: String::new() })
}
