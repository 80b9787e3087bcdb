//! Compression of blocks: predictor, then codec. What [`crate::tiff::codec`] undoes.

use libdeflater::{CompressionLvl, Compressor};
use swathe_core::{Error, Result, SampleType};
use zstd::zstd_safe::{CParameter, Strategy};

use crate::decompress::Fault;
use crate::tiff::codec::{BlockShape, Codec, Decoders};
use crate::tiff::directory::ByteOrder;
use crate::tiff::encode::TagValue;
use crate::tiff::predictor::{Predictor, Row};
use crate::tiff::tag;
use crate::tiff::unpack::Packing;

/// A codec to write with, and its level where it has levels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Samples as they are.
    #[default]
    None,
    /// Deflate in a zlib stream, from 1 to 12.
    Deflate(i32),
    /// Zstandard, from 1 to 22.
    Zstd(i32),
    /// Lempel, Ziv and Welch.
    Lzw,
    /// Runs of bytes.
    PackBits,
}

/// What is done with samples before they are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WritePredictor {
    /// Differences for integers, planes of bytes for floats; nothing where the codec takes no predictor.
    #[default]
    Auto,
    /// Nothing.
    None,
    /// Differences from the pixel to the left (Predictor 2).
    Horizontal,
    /// Bytes of the same weight side by side, and differences of those (Predictor 3).
    Float,
}

impl Compression {
    /// Reads `none`, `deflate`, `zstd`, `lzw` or `packbits`, with `:LEVEL` where there are levels.
    ///
    /// # Errors
    /// Usage, for other names and levels.
    pub fn parse(text: &str) -> Result<Self> {
        let (name, level) = match text.split_once(':') {
            Some((name, level)) => (name, Some(level)),
            None => (text, None),
        };
        let level_of = |default: i32, most: i32| match level.map(str::parse::<i32>) {
            None => Ok(default),
            Some(Ok(level)) if (1..=most).contains(&level) => Ok(level),
            Some(_) => Err(Error::usage(format!("`{text}`: levels of {name} are from 1 to {most}"))),
        };
        match name {
            "deflate" => Ok(Compression::Deflate(level_of(6, 12)?)),
            "zstd" => Ok(Compression::Zstd(level_of(9, 22)?)),
            "none" | "lzw" | "packbits" if level.is_some() => {
                Err(Error::usage(format!("`{text}`: {name} has no levels")))
            }
            "none" => Ok(Compression::None),
            "lzw" => Ok(Compression::Lzw),
            "packbits" => Ok(Compression::PackBits),
            _ => Err(Error::usage(format!("`{text}` is not one of none, deflate, zstd, lzw, packbits"))),
        }
    }

    /// What it is called.
    pub(crate) fn name(self) -> String {
        tag::compression_name(self.number()).into()
    }

    /// The number that stands for it in a file.
    fn number(self) -> u16 {
        match self {
            Compression::None => 1,
            Compression::Deflate(_) => 8,
            Compression::Zstd(_) => 50000,
            Compression::Lzw => 5,
            Compression::PackBits => 32773,
        }
    }

    /// The most bytes that `bytes` bytes become.
    pub(crate) fn most_bytes(self, bytes: usize) -> usize {
        match self {
            Compression::None => bytes,
            // Stored blocks of Deflate have five bytes each, frames and blocks of ZSTD a few.
            Compression::Deflate(_) | Compression::Zstd(_) => bytes + bytes / 128 + 512,
            // Codes of up to 12 bits for 8, and codes that clear the table.
            Compression::Lzw => bytes + bytes / 2 + bytes / 64 + 64,
            Compression::PackBits => bytes + bytes / 64 + 64,
        }
    }

    /// What an encoder holds.
    pub(crate) fn working_bytes(self) -> usize {
        match self {
            Compression::None | Compression::PackBits => 0,
            Compression::Lzw => 256 << 10,
            Compression::Deflate(level) if level >= 10 => 9 << 20,
            Compression::Deflate(_) => 1 << 20,
            // Window and tables follow from the level, up to what a block's length allows, or from `Search`.
            Compression::Zstd(level) if level >= 13 => 32 << 20,
            Compression::Zstd(_) => 6 << 20,
        }
    }
}

/// How blocks are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scheme {
    pub(crate) compression: Compression,
    /// 1, 2 or 3.
    predictor: u16,
    sample_bytes: usize,
    /// Samples of one pixel inside a block.
    samples: usize,
}

impl Scheme {
    /// A scheme for blocks of `samples` samples of a type.
    ///
    /// # Errors
    /// Usage, where predictor, codec and type do not go together.
    pub(crate) fn new(
        compression: Compression,
        predictor: WritePredictor,
        sample_type: SampleType,
        samples: usize,
    ) -> Result<Self> {
        let takes = !matches!(compression, Compression::None | Compression::PackBits);
        let predictor = match predictor {
            WritePredictor::Auto if !takes => 1,
            WritePredictor::Auto if sample_type.is_float() => 3,
            WritePredictor::Auto => 2,
            WritePredictor::None => 1,
            _ if !takes => {
                return Err(Error::usage("`--predictor` needs `--compress` with deflate, zstd or lzw"));
            }
            WritePredictor::Float if !sample_type.is_float() => {
                return Err(Error::usage(format!(
                    "`--predictor float` is for floats, not {}",
                    sample_type.name()
                )));
            }
            WritePredictor::Float => 3,
            WritePredictor::Horizontal => 2,
        };
        Ok(Scheme { compression, predictor, sample_bytes: sample_type.size(), samples })
    }

    /// The most bytes that `bytes` bytes become.
    pub(crate) fn most_bytes(&self, bytes: usize) -> usize {
        self.compression.most_bytes(bytes)
    }

    /// The tags that say so.
    pub(crate) fn tags(&self) -> Vec<TagValue> {
        let mut tags = vec![TagValue::shorts(tag::COMPRESSION, &[self.compression.number()])];
        if self.predictor != 1 {
            tags.push(TagValue::shorts(tag::PREDICTOR, &[self.predictor]));
        }
        tags
    }

    /// Decodes what [`Scheme::encode`] made of a block.
    ///
    /// # Errors
    /// What is wrong with the stored bytes, where they are not exactly such a block.
    pub(crate) fn decode(
        &self,
        decoders: &mut Decoders,
        stored: &[u8],
        row_bytes: usize,
        block: &mut [u8],
    ) -> Result<(), Fault> {
        let codec = match self.compression {
            Compression::None => Codec::None,
            Compression::Deflate(_) => Codec::Deflate,
            Compression::Zstd(_) => Codec::Zstd,
            Compression::Lzw => Codec::Lzw,
            Compression::PackBits => Codec::PackBits,
        };
        let (size, samples, rows) = (self.sample_bytes, self.samples, block.len() / row_bytes);
        let shape =
            BlockShape { width: row_bytes / (samples * size), rows, whole_rows: rows, samples, row_bytes };
        codec.decode(stored, shape, Packing::Native(8 * size as u8), decoders, block)?;
        let predictor = match self.predictor {
            2 => Predictor::Horizontal,
            3 => Predictor::Float,
            _ => Predictor::None,
        };
        let row = Row { bytes: row_bytes, size, samples, order: ByteOrder::Little };
        predictor.undo(block, row, &mut decoders.row);
        Ok(())
    }

    /// Encodes a block, whose rows are `row_bytes` long and are spoilt, to the beginning of `target`; returns the length.
    ///
    /// # Errors
    /// Bug, where an encoder fails, which none does with enough room.
    pub(crate) fn encode(
        &self,
        encoders: &mut Encoders,
        block: &mut [u8],
        row_bytes: usize,
        target: &mut [u8],
    ) -> Result<usize> {
        for row in block.chunks_exact_mut(row_bytes) {
            match self.predictor {
                2 => subtract_pixels(row, self.samples, self.sample_bytes, &mut encoders.row),
                3 => split_planes(row, self.samples, self.sample_bytes, &mut encoders.row),
                _ => {}
            }
        }
        let failed = |error: String| Error::bug(format!("a block cannot be compressed: {error}"));
        match self.compression {
            Compression::None => {
                target[..block.len()].copy_from_slice(block);
                Ok(block.len())
            }
            Compression::Deflate(level) => encoders
                .deflate(level)
                .zlib_compress(block, target)
                .map_err(|error| failed(error.to_string())),
            Compression::Zstd(level) => {
                let search = Search::new(level, self.predictor, block.len());
                let written = encoders
                    .zstd(level, search)
                    .and_then(|encoder| encoder.compress_to_buffer(block, target));
                written.map_err(|error| failed(error.to_string()))
            }
            Compression::Lzw => {
                let encoder = encoders.lzw.get_or_insert_with(|| {
                    weezl::encode::Encoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8)
                });
                encoder.reset();
                encoder.finish();
                let (mut read, mut written) = (0, 0);
                loop {
                    let done = encoder.encode_bytes(&block[read..], &mut target[written..]);
                    read += done.consumed_in;
                    written += done.consumed_out;
                    match done.status {
                        Ok(weezl::LzwStatus::Done) => return Ok(written),
                        Ok(weezl::LzwStatus::Ok) if done.consumed_in + done.consumed_out > 0 => {}
                        other => return Err(failed(format!("{other:?}"))),
                    }
                }
            }
            Compression::PackBits => {
                let mut length = 0;
                for row in block.chunks_exact(row_bytes) {
                    length += pack_bits(row, &mut target[length..]);
                }
                Ok(length)
            }
        }
    }
}

/// Encoders that are kept from block to block by one writer at a time.
#[derive(Default)]
pub(crate) struct Encoders {
    deflate: Option<Compressor>,
    zstd: Option<(Option<Search>, zstd::bulk::Compressor<'static>)>,
    lzw: Option<weezl::encode::Encoder>,
    row: Vec<u8>,
}

impl Encoders {
    fn deflate(&mut self, level: i32) -> &mut Compressor {
        self.deflate.get_or_insert_with(|| Compressor::new(CompressionLvl::new(level).unwrap_or_default()))
    }

    /// Encodes a block as a gzip stream of a level from 1 to 12 to the beginning of `target`; returns the length.
    ///
    /// # Errors
    /// Bug, where there is not enough room.
    pub(crate) fn gzip(&mut self, level: i32, block: &[u8], target: &mut [u8]) -> Result<usize> {
        self.deflate(level)
            .gzip_compress(block, target)
            .map_err(|error| Error::bug(format!("a block cannot be compressed: {error}")))
    }

    /// An encoder of a level that searches like this. All blocks of a file have one level.
    fn zstd(
        &mut self,
        level: i32,
        search: Option<Search>,
    ) -> std::io::Result<&mut zstd::bulk::Compressor<'static>> {
        let (set, encoder) = match &mut self.zstd {
            Some(made) => made,
            empty => empty.insert((None, zstd::bulk::Compressor::new(level)?)),
        };
        if let Some(search) = search.filter(|_| *set != search) {
            search.parameters().into_iter().try_for_each(|parameter| encoder.set_parameter(parameter))?;
            *set = Some(search);
        }
        Ok(encoder)
    }
}

/// How ZSTD looks for what it has seen before, at its middle levels. Its own choices are made for text: of differences of
/// pixels, matches that are taken at once and have five bytes at least give smaller blocks in less than half the time (ARCHITECTURE.md
/// has figures). The bytes of one weight, which predictor 3 puts side by side, repeat in shorter pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Search {
    shortest: u32,
    /// Places looked at, and places remembered, as powers of two.
    places_log: u32,
    table_log: u32,
}

impl Search {
    /// Levels at which blocks are searched so; ZSTD's own choices are faster below, and find more above.
    const LEVELS: std::ops::RangeInclusive<i32> = 5..=12;

    fn new(level: i32, predictor: u16, block_bytes: usize) -> Option<Self> {
        let places_log = match level {
            ..=5 => 2,
            6 => 3,
            7..=8 => 4,
            9..=10 => 5,
            _ => 6,
        };
        let table_log = block_bytes.max(1).next_power_of_two().ilog2().clamp(10, 19);
        let shortest = if predictor == 3 { 4 } else { 5 };
        Self::LEVELS.contains(&level).then_some(Search { shortest, places_log, table_log })
    }

    fn parameters(self) -> [CParameter; 4] {
        [
            CParameter::Strategy(Strategy::ZSTD_greedy),
            CParameter::MinMatch(self.shortest),
            CParameter::SearchLog(self.places_log),
            CParameter::HashLog(self.table_log),
        ]
    }
}

impl std::fmt::Debug for Encoders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoders").finish_non_exhaustive()
    }
}

/// Each sample less that of the pixel to its left.
fn subtract_pixels(row: &mut [u8], samples: usize, size: usize, spare: &mut Vec<u8>) {
    // From a copy, so that no difference waits for another and many are made at once.
    spare.clear();
    spare.extend_from_slice(row);
    match size {
        1 => subtract(row, spare, samples, |[a]: [u8; 1], [b]| [a.wrapping_sub(b)]),
        2 => subtract(row, spare, samples, |a, b| {
            u16::from_le_bytes(a).wrapping_sub(u16::from_le_bytes(b)).to_le_bytes()
        }),
        4 => subtract(row, spare, samples, |a, b| {
            u32::from_le_bytes(a).wrapping_sub(u32::from_le_bytes(b)).to_le_bytes()
        }),
        _ => subtract(row, spare, samples, |a, b| {
            u64::from_le_bytes(a).wrapping_sub(u64::from_le_bytes(b)).to_le_bytes()
        }),
    }
}

/// Fills `row` with the differences of the samples of `from`, whose first pixel stays.
fn subtract<const N: usize>(
    row: &mut [u8],
    from: &[u8],
    samples: usize,
    difference: impl Fn([u8; N], [u8; N]) -> [u8; N],
) {
    let ((words, _), (from, _)) = (row.as_chunks_mut::<N>(), from.as_chunks::<N>());
    let Some(words) = words.get_mut(samples..) else { return };
    for ((to, &word), &before) in words.iter_mut().zip(&from[samples..]).zip(from) {
        *to = difference(word, before);
    }
}

/// The most significant bytes of all samples first, then the next ones, and the differences of all these bytes.
fn split_planes(row: &mut [u8], samples: usize, size: usize, spare: &mut Vec<u8>) {
    spare.clear();
    spare.extend_from_slice(row);
    match size {
        4 => split::<4>(row, spare),
        _ => split::<8>(row, spare),
    }
    spare.copy_from_slice(row);
    subtract(row, spare, samples, |[a]: [u8; 1], [b]| [a.wrapping_sub(b)]);
}

fn split<const N: usize>(row: &mut [u8], from: &[u8]) {
    let (words, _) = from.as_chunks::<N>();
    for (plane, byte) in row.chunks_exact_mut(words.len().max(1)).zip((0..N).rev()) {
        plane.iter_mut().zip(words).for_each(|(to, word)| *to = word[byte]);
    }
}

/// One row in PackBits; returns its length.
fn pack_bits(row: &[u8], target: &mut [u8]) -> usize {
    const LONGEST: usize = 128;
    let mut length = 0;
    let mut put = |bytes: &[u8]| {
        target[length..length + bytes.len()].copy_from_slice(bytes);
        length += bytes.len();
    };
    let run_at =
        |from: usize| row[from..].iter().take(LONGEST).take_while(|byte| **byte == row[from]).count();
    let mut at = 0;
    while at < row.len() {
        let run = run_at(at);
        if run >= 3 {
            put(&[(257 - run) as u8, row[at]]);
            at += run;
            continue;
        }
        // Bytes as they are, up to the next run that pays.
        let mut end = at + 1;
        while end < row.len() && end - at < LONGEST && run_at(end) < 3 {
            end += 1;
        }
        put(&[(end - at - 1) as u8]);
        put(&row[at..end]);
        at = end;
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_levels_are_read() {
        assert_eq!(Compression::parse("zstd:19").unwrap(), Compression::Zstd(19));
        assert_eq!(Compression::parse("deflate").unwrap(), Compression::Deflate(6));
        for wrong in ["deflate:13", "zstd:0", "lzw:3", "jpeg", "zstd:x"] {
            assert!(Compression::parse(wrong).is_err(), "{wrong}");
        }
        let scheme = |predictor, kind| {
            Scheme::new(Compression::Lzw, predictor, kind, 1).map(|scheme| scheme.predictor)
        };
        assert_eq!(scheme(WritePredictor::Auto, SampleType::F32).unwrap(), 3);
        assert_eq!(scheme(WritePredictor::Auto, SampleType::U16).unwrap(), 2);
        assert!(scheme(WritePredictor::Float, SampleType::U16).is_err());
        assert!(Scheme::new(Compression::PackBits, WritePredictor::Horizontal, SampleType::U8, 1).is_err());
    }

    /// Encoders are handed from block to block, of masks and short strips too, which searches and levels must not show.
    #[test]
    fn what_was_encoded_before_does_not_show() {
        let scheme =
            |level, predictor, kind| Scheme::new(Compression::Zstd(level), predictor, kind, 1).unwrap();
        for level in [1, 5, 9, 12, 19] {
            let schemes = [
                (scheme(level, WritePredictor::Auto, SampleType::F32), 4096),
                (scheme(level, WritePredictor::None, SampleType::U8), 1024),
                (scheme(level, WritePredictor::Auto, SampleType::F32), 64),
            ];
            let mut kept = Encoders::default();
            for (scheme, rows) in schemes.into_iter().cycle().take(7) {
                let block = (0..rows * 64_u32).map(|index| (index * index / 77) as u8).collect::<Vec<_>>();
                let encode = |encoders: &mut Encoders| {
                    let mut out = vec![0; scheme.most_bytes(block.len())];
                    let used = scheme.encode(encoders, &mut block.clone(), 64, &mut out).unwrap();
                    out.truncate(used);
                    out
                };
                let own = encode(&mut kept);
                assert!(own == encode(&mut Encoders::default()), "level {level}, {rows} rows");
                assert_eq!(zstd::bulk::decompress(&own, block.len()).unwrap().len(), block.len());
            }
        }
    }

    #[test]
    fn the_classic_example_is_packed() {
        // Apple's Technical Note TN1023.
        let row = [
            0xaa, 0xaa, 0xaa, 0x80, 0x00, 0x2a, 0xaa, 0xaa, 0xaa, 0xaa, 0x80, 0x00, 0x2a, 0x22, 0xaa, 0xaa,
            0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa,
        ];
        let mut packed = [0; 64];
        let length = pack_bits(&row, &mut packed);
        assert_eq!(
            packed[..length],
            [0xfe, 0xaa, 0x02, 0x80, 0x00, 0x2a, 0xfd, 0xaa, 0x03, 0x80, 0x00, 0x2a, 0x22, 0xf7, 0xaa]
        );
    }

    /// Each difference by itself.
    #[test]
    fn predictors_are_what_they_are_said_to_be() {
        let bytes = (0..240_u32).map(|index| (index * index * 7 % 251) as u8).collect::<Vec<_>>();
        for (size, samples) in [(1, 1), (1, 3), (2, 1), (2, 4), (4, 3), (8, 1), (8, 5), (8, 40)] {
            let number = |index: usize| {
                bytes[index * size..][..size]
                    .iter()
                    .rev()
                    .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte))
            };
            let mut expected = bytes.clone();
            for index in samples..240 / size {
                let difference = number(index).wrapping_sub(number(index - samples)).to_le_bytes();
                expected[index * size..][..size].copy_from_slice(&difference[..size]);
            }
            let mut own = bytes.clone();
            subtract_pixels(&mut own, samples, size, &mut Vec::new());
            assert!(own == expected, "{samples} samples of {size} bytes");
        }
        for (size, samples) in [(4, 1), (4, 3), (8, 2)] {
            let count = 240 / size;
            let mut planes = vec![0; 240];
            for (index, sample) in bytes.chunks_exact(size).enumerate() {
                (0..size).for_each(|byte| planes[byte * count + index] = sample[size - 1 - byte]);
            }
            let expected = (0..240).map(|at| match at < samples {
                true => planes[at],
                false => planes[at].wrapping_sub(planes[at - samples]),
            });
            let mut own = bytes.clone();
            split_planes(&mut own, samples, size, &mut Vec::new());
            assert!(own.iter().copied().eq(expected), "{samples} samples of {size} bytes");
        }
    }

    /// What grows most still fits what was reserved.
    #[test]
    fn noise_fits_its_room() {
        let mut state = 1_u64;
        let noise: Vec<u8> = (0..70_000)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 56) as u8
            })
            .collect();
        for text in ["none", "deflate:1", "deflate:12", "zstd:1", "zstd:22", "lzw", "packbits"] {
            let compression = Compression::parse(text).unwrap();
            let scheme = Scheme::new(compression, WritePredictor::None, SampleType::U8, 1).unwrap();
            let mut target = vec![0; compression.most_bytes(noise.len())];
            let mut block = noise.clone();
            let length = scheme.encode(&mut Encoders::default(), &mut block, 700, &mut target).unwrap();
            assert!(length <= target.len(), "{text}");
        }
    }
}
