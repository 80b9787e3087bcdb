//! From a chunk's stored bytes to its samples, as many as there must be and no more.
//!
//! Source: the Zarr codec specifications `bytes`, `gzip`, `zstd`, `blosc`, `crc32c`.

use crate::decompress::{Decompressors, Fault};
use crate::samples;
use crate::tiff::directory::ByteOrder;
use crate::zarr::blosc;
use crate::zarr::metadata::BytesCodec;

/// Bytes of a checksum behind others.
pub(crate) const CHECKSUM_BYTES: usize = 4;

/// How the bytes of a chunk are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Coding {
    pub(crate) order: ByteOrder,
    pub(crate) sample_bytes: usize,
    /// In the order of writing; at most one of them compresses.
    pub(crate) outer: Vec<BytesCodec>,
}

/// Decoders that are kept from chunk to chunk by one reader at a time.
#[derive(Default)]
pub(crate) struct Decoders {
    streams: Decompressors,
    blosc: blosc::Room,
}

impl std::fmt::Debug for Decoders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoders").finish_non_exhaustive()
    }
}

impl Coding {
    fn compression(&self) -> Option<BytesCodec> {
        self.outer.iter().copied().find(|codec| *codec != BytesCodec::Crc32c)
    }

    /// What it is called.
    pub(crate) fn name(&self) -> String {
        let names = self.outer.iter().map(|codec| codec.name()).collect::<Vec<_>>();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    }

    /// The most bytes that a chunk of `bytes` bytes is stored in. What can't be compressed grows a little.
    pub(crate) fn most_stored_bytes(&self, bytes: usize) -> usize {
        let checksums = CHECKSUM_BYTES * self.outer.len();
        let growth = if self.compression().is_some() { bytes / 8 + (64 << 10) } else { 0 };
        bytes.saturating_add(growth).saturating_add(checksums)
    }

    /// The most bytes that `stored` bytes can hold, where there is such a number.
    pub(crate) fn most_bytes_of(&self, stored: u64) -> Option<u64> {
        match self.compression() {
            None => Some(stored),
            // 258 bytes take at least two bits.
            Some(BytesCodec::Gzip) => Some(stored.saturating_mul(1032)),
            // A block of 128 KiB takes at least four bytes.
            Some(BytesCodec::Zstd) => Some(stored.saturating_mul(1 << 15)),
            Some(BytesCodec::Blosc | BytesCodec::Crc32c) => None,
        }
    }

    /// Bytes that one reader's decoder takes beside the stored and the decoded chunk of `bytes` bytes.
    pub(crate) fn working_bytes(&self, bytes: usize) -> usize {
        match self.compression() {
            None => 0,
            Some(BytesCodec::Gzip | BytesCodec::Crc32c) => 128 << 10,
            Some(BytesCodec::Zstd) => 256 << 10,
            // A block of it once more, whose size the chunk says.
            Some(BytesCodec::Blosc) => bytes.saturating_add(256 << 10),
        }
    }

    /// Decodes a chunk into `target`, in native byte order.
    ///
    /// # Errors
    /// What is wrong with the stored bytes, where they are not exactly such a chunk.
    pub(crate) fn decode(
        &self,
        stored: &[u8],
        decoders: &mut Decoders,
        target: &mut [u8],
    ) -> Result<(), Fault> {
        let mut bytes = stored;
        let mut outer = self.outer.as_slice();
        while let Some((codec, inner)) = outer.split_last() {
            outer = inner;
            match codec {
                BytesCodec::Crc32c => bytes = checked(bytes)?,
                _ => {
                    // What checksum lies below the compression is decompressed with the samples.
                    let below = CHECKSUM_BYTES * outer.len();
                    return self.decompress(*codec, bytes, decoders, target, below, outer);
                }
            }
        }
        if bytes.len() != target.len() {
            return Err(format!("it holds {} bytes, not {}", bytes.len(), target.len()));
        }
        target.copy_from_slice(bytes);
        self.turn(target);
        Ok(())
    }

    fn decompress(
        &self,
        codec: BytesCodec,
        stored: &[u8],
        decoders: &mut Decoders,
        target: &mut [u8],
        below: usize,
        outer: &[BytesCodec],
    ) -> Result<(), Fault> {
        if below == 0 {
            decoders.decompress(codec, stored, target)?;
        } else {
            // Nobody writes checksums under a compression; who does pays for a copy.
            let mut room = vec![0; target.len() + below];
            decoders.decompress(codec, stored, &mut room)?;
            let mut bytes = room.as_slice();
            for _ in outer {
                bytes = checked(bytes)?;
            }
            target.copy_from_slice(bytes);
        }
        self.turn(target);
        Ok(())
    }

    /// Turns samples into native byte order.
    fn turn(&self, target: &mut [u8]) {
        if self.order != ByteOrder::NATIVE {
            samples::swap_bytes(target, self.sample_bytes);
        }
    }
}

/// The bytes before a checksum that holds.
pub(crate) fn checked(bytes: &[u8]) -> Result<&[u8], Fault> {
    let (bytes, sum) = bytes
        .split_last_chunk::<CHECKSUM_BYTES>()
        .ok_or_else(|| format!("its {} bytes hold no checksum", bytes.len()))?;
    let (said, found) = (u32::from_le_bytes(*sum), crc32c::crc32c(bytes));
    if said == found {
        Ok(bytes)
    } else {
        Err(format!("its CRC-32C is {found:08x}, and should be {said:08x}"))
    }
}

impl Decoders {
    /// Fills `target` from `stored`.
    fn decompress(&mut self, codec: BytesCodec, stored: &[u8], target: &mut [u8]) -> Result<(), Fault> {
        let length = match codec {
            BytesCodec::Gzip => self.streams.gunzip(stored, target)?,
            BytesCodec::Zstd => self.streams.unzstd(stored, target)?,
            BytesCodec::Blosc => {
                blosc::decode(stored, &mut self.blosc, &mut self.streams, target)?;
                target.len()
            }
            BytesCodec::Crc32c => 0,
        };
        if length == target.len() {
            return Ok(());
        }
        Err(format!("it decodes to {length} bytes, not {}", target.len()))
    }
}
