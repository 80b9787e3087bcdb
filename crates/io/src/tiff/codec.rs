//! The compression schemes: from a block's stored bytes to its samples, as many as there must be and no more.

mod fax;
mod jpeg;
mod lerc;
mod lzma;
mod lzw;
mod packbits;
mod webp;

use swathe_core::{Error, ErrorKind, Result};

use self::fax::{Fax, FaxScheme};
use self::jpeg::Jpeg;
use self::lerc::{Lerc, LercWrapping};
use crate::decompress::{Decompressors, Fault};
use crate::tiff::layout::Tags;
use crate::tiff::tag;
use crate::tiff::unpack::Packing;

/// A compression scheme with what its tags say.
#[derive(Clone, Debug)]
pub(crate) enum Codec {
    /// Samples as they are.
    None,
    /// Lempel, Ziv and Welch (TIFF 6.0, section 13).
    Lzw,
    /// Deflate in a zlib stream (Adobe Photoshop TIFF Technical Note 1), under either number.
    Deflate,
    /// Runs of bytes (TIFF 6.0, section 9).
    PackBits,
    /// Zstandard.
    Zstd,
    /// LZMA in xz streams.
    Lzma,
    /// Baseline JPEG with shared tables (TIFF Technical Note 2).
    Jpeg(Jpeg),
    /// Limited Error Raster Compression, bare or in another codec.
    Lerc(Lerc),
    /// WebP, 3 or 4 bytes a pixel.
    WebP,
    /// The fax schemes, 1 bit a pixel.
    Fax(Fax),
}

/// A block as the codec sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockShape {
    /// Pixels of a row.
    pub(crate) width: usize,
    /// Rows that are wanted.
    pub(crate) rows: usize,
    /// Rows of a whole block: some writers fill up the last strip.
    pub(crate) whole_rows: usize,
    /// Samples of a pixel.
    pub(crate) samples: usize,
    /// Bytes of a decompressed row.
    pub(crate) row_bytes: usize,
}

/// Decoders that are kept from block to block by one reader at a time.
#[derive(Default)]
pub(crate) struct Decoders {
    streams: Decompressors,
    lzw: lzw::Table,
    /// Room for one row, for predictors.
    pub(crate) row: Vec<u8>,
    /// Room for a stream that lies in another, or for a strip that was filled up.
    inner: Vec<u8>,
}

impl std::fmt::Debug for Decoders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoders").finish_non_exhaustive()
    }
}

/// The codec of an image, from its compression tag.
///
/// # Errors
/// Unsupported, by name, where it is not read or does not go with the samples.
pub(crate) fn choose(tags: &Tags<'_>, compression: u16, photometric: u16, planar: bool) -> Result<Codec> {
    let name = tag::compression_name(compression);
    let bits = tags.one(tag::BITS_PER_SAMPLE, Some(1))?;
    let samples = if planar { 1 } else { tags.one(tag::SAMPLES_PER_PIXEL, Some(1))? };
    // 8-bit samples of other codecs would have to be upsampled and converted; there are hardly any such files.
    if photometric == 6 && compression != 7 && samples >= 3 {
        return Err(tags.unsupported(format!("YCbCr with compression {name}")));
    }
    let needs = |holds: bool, what: &str| {
        let fault = || tags.unsupported(format!("compression {name} of samples other than {what}"));
        if holds { Ok(()) } else { Err(fault()) }
    };
    Ok(match compression {
        1 => Codec::None,
        2..=4 => {
            needs(bits == 1 && samples == 1, "1 bit")?;
            Codec::Fax(Fax::read(
                tags,
                match compression {
                    2 => FaxScheme::ModifiedHuffman,
                    3 => FaxScheme::Group3,
                    _ => FaxScheme::Group4,
                },
            )?)
        }
        5 => Codec::Lzw,
        7 => {
            needs(bits == 8, "8 bits")?;
            Codec::Jpeg(Jpeg::read(tags, photometric, planar)?)
        }
        8 | 32946 => Codec::Deflate,
        32773 => Codec::PackBits,
        34887 => Codec::Lerc(Lerc::read(tags)?),
        34925 => Codec::Lzma,
        50000 => Codec::Zstd,
        50001 => {
            needs(bits == 8 && matches!(samples, 3 | 4), "3 or 4 of 8 bits")?;
            Codec::WebP
        }
        _ => return Err(tags.unsupported(format!("compression {name} ({compression})"))),
    })
}

impl Codec {
    /// Whether differences may have been taken before compression.
    pub(crate) fn takes_predictor(&self) -> bool {
        matches!(self, Codec::Lzw | Codec::Deflate | Codec::Zstd | Codec::Lzma)
    }

    /// Whether FillOrder speaks of the stored bytes; the other codecs define their own order of bits.
    pub(crate) fn heeds_fill_order(&self) -> bool {
        !matches!(self, Codec::Jpeg(_) | Codec::Lerc(_) | Codec::WebP)
    }

    /// Bytes of memory that decoding takes beside the stored and the decoded block of `block_bytes`.
    pub(crate) fn working_bytes(&self, block_bytes: usize) -> usize {
        match self {
            Codec::None => 0,
            Codec::PackBits => 0,
            Codec::Fax(_) => 64 << 10,
            Codec::Deflate | Codec::Lzw => 128 << 10,
            Codec::Zstd => 256 << 10,
            // As much of the dictionary as there are bytes, and the decoder.
            Codec::Lzma => block_bytes.saturating_add(512 << 10),
            // Decoded once more and, for JPEG and WebP, coefficients or planes of the whole block.
            Codec::Lerc(_) => block_bytes.saturating_mul(2).saturating_add(256 << 10),
            Codec::Jpeg(_) | Codec::WebP => block_bytes.saturating_mul(4).saturating_add(256 << 10),
        }
    }

    /// The most bytes that a stored byte can become, where there is such a number: a block that claims more is
    /// damaged or meant to exhaust memory.
    pub(crate) fn largest_growth(&self) -> Option<u64> {
        match self {
            Codec::None => Some(1),
            // 258 bytes take at least two bits.
            Codec::Deflate => Some(1032),
            // A code of 9 to 12 bits stands for at most 4094 bytes.
            Codec::Lzw => Some(3640),
            Codec::PackBits => Some(64),
            // A block of 64 samples takes at least a bit or two; 4:2:0 quarters two of three components.
            Codec::Jpeg(_) => Some(512 * 3),
            Codec::Zstd | Codec::Lzma | Codec::Lerc(_) | Codec::WebP | Codec::Fax(_) => None,
        }
    }

    /// Decodes a block into `target`, which is `shape.rows` rows long.
    ///
    /// # Errors
    /// What is wrong with the stored bytes, where they are not exactly such a block.
    pub(crate) fn decode(
        &self,
        stored: &[u8],
        shape: BlockShape,
        packing: Packing,
        decoders: &mut Decoders,
        target: &mut [u8],
    ) -> Result<(), Fault> {
        match self {
            Codec::None => {
                let stored = stored
                    .get(..target.len())
                    .ok_or_else(|| format!("it holds {} bytes, not {}", stored.len(), target.len()))?;
                target.copy_from_slice(stored);
                Ok(())
            }
            Codec::PackBits => packbits::decode(stored, target),
            Codec::Lzma => lzma::decode(stored, target),
            Codec::Lzw => lzw::decode(stored, &mut decoders.lzw, target),
            Codec::Deflate | Codec::Zstd => self.inflate(stored, shape, decoders, target),
            Codec::Jpeg(jpeg) => jpeg.decode(stored, shape, target),
            Codec::Lerc(lerc) => {
                let mut inner = std::mem::take(&mut decoders.inner);
                let bare = match lerc.wrapping {
                    LercWrapping::None => Ok(stored),
                    LercWrapping::Deflate | LercWrapping::Zstd => {
                        // Bare LERC is hardly ever larger than its pixels.
                        inner.resize(2 * target.len() + (64 << 10), 0);
                        let length = if lerc.wrapping == LercWrapping::Zstd {
                            decoders.streams.unzstd(stored, &mut inner)
                        } else {
                            decoders.streams.inflate(stored, &mut inner)
                        };
                        length.map(|length| &inner[..length])
                    }
                };
                let decoded = bare.and_then(|bare| lerc::decode(bare, shape, packing, target));
                decoders.inner = inner;
                decoded
            }
            Codec::WebP => webp::decode(stored, shape, target),
            Codec::Fax(fax) => fax.decode(stored, shape, target),
        }
    }

    /// Deflate and Zstandard, which fill a whole buffer at once. A last strip that its writer filled up to the height
    /// of the others is longer than it must be, and is cut.
    fn inflate(
        &self,
        stored: &[u8],
        shape: BlockShape,
        decoders: &mut Decoders,
        target: &mut [u8],
    ) -> Result<(), Fault> {
        let run = |decoders: &mut Decoders, out: &mut [u8]| match self {
            Codec::Zstd => decoders.streams.unzstd(stored, out),
            _ => decoders.streams.inflate(stored, out),
        };
        let first = run(decoders, target);
        let length = match first {
            Err(fault) if shape.rows < shape.whole_rows => {
                let mut inner = std::mem::take(&mut decoders.inner);
                inner.resize(shape.whole_rows * shape.row_bytes, 0);
                let length = run(decoders, &mut inner);
                if length.is_ok() {
                    target.copy_from_slice(&inner[..target.len()]);
                }
                decoders.inner = inner;
                length.map_err(|_| fault)?
            }
            other => other?,
        };
        if length < target.len() {
            return Err(format!("it decodes to {length} bytes, not {}", target.len()));
        }
        Ok(())
    }
}

/// A fault as an error that names file and block.
pub(crate) fn damaged_block(name: &str, number: u64, fault: &Fault) -> Error {
    Error::new(ErrorKind::Damaged, format!("`{name}`: block {number} is damaged: {fault}"))
}
