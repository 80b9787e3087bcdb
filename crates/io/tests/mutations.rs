//! Thousands of damaged TIFFs, made from good ones of every kind by a seeded generator: each is read or refused, quickly,
//! without a panic, whatever it says of itself. `SWATHE_MUTATIONS` sets how many; `fuzz/` has the same as a fuzz target.

#![allow(clippy::unwrap_used)]

mod reading;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use reading::{read_whatever_it_is, scratch_file};

/// Mutations that are tried without being asked for more.
const FEW: u64 = 20_000;
/// No file of a few kilobytes takes longer.
const LONGEST: Duration = Duration::from_secs(1);

/// SplitMix64 (Steele, Lea and Flood, 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

/// Values at which sums, products and casts go wrong.
const EDGES: [u64; 14] = [
    0,
    1,
    2,
    3,
    7,
    0x7f,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0xffff_ffff_ffff_ffff,
    1 << 40,
];

/// Changes a few places of a file.
fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    // Directories stand at the head of the matrix' files, mostly: half of the changes fall there.
    for _ in 0..=random.below(4) {
        let most = if random.below(2) == 0 { bytes.len().min(400) } else { bytes.len() };
        let at = random.below(most);
        match random.below(6) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.next() as u8,
            2 | 3 => {
                // A number of 1, 2, 4 or 8 bytes, in either order.
                let width = 1 << random.below(4);
                let edge = EDGES[random.below(EDGES.len())];
                let number = edge.to_le_bytes();
                let big = random.below(2) == 0;
                for place in 0..width.min(bytes.len() - at) {
                    bytes[at + place] = number[if big { width - 1 - place } else { place }];
                }
            }
            4 => {
                let (from, length) = (random.below(bytes.len()), random.below(40));
                let piece = bytes[from..(from + length).min(bytes.len())].to_vec();
                let end = (at + piece.len()).min(bytes.len());
                bytes[at..end].copy_from_slice(&piece[..end - at]);
            }
            _ => {
                if random.below(4) == 0 {
                    bytes.truncate(at.max(1));
                } else {
                    bytes[at] = bytes[at].wrapping_add(random.below(9) as u8).wrapping_sub(4);
                }
            }
        }
    }
}

#[test]
fn damaged_files_are_read_or_refused() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/tiff");
    let table = std::fs::read_to_string(folder.join("matrix.tsv")).unwrap();
    let matrix = std::fs::read(folder.join("matrix.bin")).unwrap();
    let lines = table.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let fields = line.split('\t').collect::<Vec<_>>();
        let (at, length): (usize, usize) = (fields[1].parse().unwrap(), fields[2].parse().unwrap());
        (fields[0].to_owned(), &matrix[at..at + length])
    });
    let seeds = lines.collect::<Vec<_>>();
    let runs = std::env::var("SWATHE_MUTATIONS").map_or(FEW, |runs| runs.parse().unwrap());
    let first = std::env::var("SWATHE_MUTATIONS_FROM").map_or(0, |first| first.parse().unwrap());
    // Memory rather than a disk: a million files are written.
    let memory = PathBuf::from("/dev/shm");
    let place = tempfile::tempdir_in(if memory.is_dir() { memory } else { std::env::temp_dir() }).unwrap();
    let (mut read, mut refused) = (0, 0);
    for number in first..first + runs {
        let mut random = Random(number);
        let (name, seed) = &seeds[random.below(seeds.len())];
        let mut bytes = seed.to_vec();
        mutate(&mut bytes, &mut random);
        let path = scratch_file(place.path(), &bytes);
        let begin = Instant::now();
        let outcome = std::panic::catch_unwind(|| read_whatever_it_is(&path));
        let took = begin.elapsed();
        match outcome {
            Ok(Ok(_)) => read += 1,
            Ok(Err(_)) => refused += 1,
            Err(_) => {
                panic!("mutation {number} of `{name}`: SWATHE_MUTATIONS_FROM={number} SWATHE_MUTATIONS=1")
            }
        }
        assert!(took < LONGEST, "mutation {number} of `{name}` took {took:?}");
    }
    if runs >= FEW {
        // The generator neither breaks everything nor nothing.
        assert!(read > runs / 20 && refused > runs / 20, "{read} read, {refused} refused");
    }
}
