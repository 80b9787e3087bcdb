//! Blosc 1: blocks that are shuffled and then compressed in pieces by one of several codecs.
//!
//! Source: c-blosc's `README_CHUNK_FORMAT.rst` and `blosc.c`, version 1.21; bitshuffle's `bshuf_trans_bit_elem`; blosclz,
//! which is FastLZ with another distance.

use crate::decompress::{Decompressors, Fault};

/// Bytes before the places of the blocks.
const HEADER: usize = 16;
/// The version of the format that Blosc 1 writes.
const VERSION: u8 = 2;
/// The largest samples whose bytes are compressed apart, and the fewest of them in a block.
const MOST_PIECES: usize = 16;
const FEWEST_SAMPLES: usize = 128;
/// Where blosclz's short distances end.
const LONG_DISTANCE: usize = 8191;

/// Memory for a block before its bytes are put in order.
pub(crate) type Room = Vec<u8>;

/// What the header says of shuffling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shuffle {
    None,
    Bytes,
    Bits,
}

/// How a chunk's blocks are stored.
#[derive(Clone, Copy, Debug)]
struct Header {
    codec: u8,
    shuffle: Shuffle,
    /// Whether the bytes of samples may be compressed apart.
    splits: bool,
    sample: usize,
    block: usize,
}

/// Fills `target` from a chunk of Blosc's.
///
/// # Errors
/// What is wrong with it, where it does not hold exactly so many bytes.
pub(super) fn decode(
    stored: &[u8],
    room: &mut Room,
    streams: &mut Decompressors,
    target: &mut [u8],
) -> Result<(), Fault> {
    let short = || format!("its {} bytes are too few for a chunk of Blosc", stored.len());
    let head = stored.first_chunk::<HEADER>().ok_or_else(short)?;
    let flags = head[2];
    let bytes = number(stored, 4)?;
    if head[0] != VERSION {
        return Err(format!("it is of version {} of Blosc's format, and {VERSION} is known", head[0]));
    }
    if bytes != target.len() {
        return Err(format!("it decodes to {bytes} bytes, not {}", target.len()));
    }
    if flags & 2 != 0 {
        target.copy_from_slice(stored.get(HEADER..HEADER + bytes).ok_or_else(short)?);
        return Ok(());
    }
    let header = Header {
        codec: flags >> 5,
        shuffle: match flags & 5 {
            4 => Shuffle::Bits,
            1 => Shuffle::Bytes,
            _ => Shuffle::None,
        },
        splits: flags & 16 == 0,
        sample: usize::from(head[3]).max(1),
        block: number(stored, 8)?,
    };
    if header.block == 0 {
        return Err("its blocks hold no bytes".to_owned());
    }
    for (index, block) in target.chunks_mut(header.block).enumerate() {
        let start = number(stored, HEADER + 4 * index)?;
        let from = stored.get(start..).ok_or_else(|| format!("its block {index} begins behind its end"))?;
        let shuffle = if block.len() >= header.sample { header.shuffle } else { Shuffle::None };
        let whole = block.len() == header.block;
        match shuffle {
            Shuffle::None => header.pieces(from, whole, streams, block)?,
            _ => {
                room.resize(block.len(), 0);
                header.pieces(from, whole, streams, room)?;
                unshuffle(shuffle, header.sample, room, block);
            }
        }
    }
    Ok(())
}

/// The 32-bit number at a place.
fn number(bytes: &[u8], at: usize) -> Result<usize, Fault> {
    let found = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>());
    found
        .map(|word| u32::from_le_bytes(*word) as usize)
        .ok_or_else(|| format!("it ends before byte {}", at + 4))
}

impl Header {
    /// Decompresses the pieces of one block.
    fn pieces(
        self,
        mut from: &[u8],
        whole: bool,
        streams: &mut Decompressors,
        target: &mut [u8],
    ) -> Result<(), Fault> {
        let apart = self.splits
            && whole
            && self.sample <= MOST_PIECES
            && target.len() / self.sample >= FEWEST_SAMPLES
            && target.len().is_multiple_of(self.sample);
        let piece = if apart { target.len() / self.sample } else { target.len() };
        for target in target.chunks_exact_mut(piece) {
            let length = number(from, 0)?;
            let stored = from
                .get(4..)
                .and_then(|rest| rest.get(..length))
                .ok_or_else(|| format!("a piece of {length} bytes reaches behind its end"))?;
            from = &from[4 + length..];
            if length == target.len() {
                target.copy_from_slice(stored);
                continue;
            }
            let decoded = match self.codec {
                0 => blosclz(stored, target).ok_or_else(|| "its blosclz stream is damaged".to_owned())?,
                1 => lz4_flex::block::decompress_into(stored, target)
                    .map_err(|error| format!("its LZ4 stream is damaged: {error}"))?,
                3 => streams.inflate(stored, target)?,
                4 => streams.unzstd(stored, target)?,
                other => {
                    return Err(format!("it is compressed by codec {other} of Blosc's, which is not known"));
                }
            };
            if decoded != target.len() {
                return Err(format!("a piece decodes to {decoded} bytes, not {}", target.len()));
            }
        }
        Ok(())
    }
}

/// Puts the bytes or bits of samples side by side again.
fn unshuffle(shuffle: Shuffle, sample: usize, from: &[u8], to: &mut [u8]) {
    let count = from.len() / sample;
    let shuffled = count * sample;
    to[shuffled..].copy_from_slice(&from[shuffled..]);
    if shuffle == Shuffle::Bytes {
        for (byte, plane) in from[..shuffled].chunks_exact(count).enumerate() {
            to[byte..shuffled].iter_mut().step_by(sample).zip(plane).for_each(|(to, from)| *to = *from);
        }
        return;
    }
    if !count.is_multiple_of(8) {
        // Such blocks are left as they are.
        return to.copy_from_slice(from);
    }
    // A row for each bit of a sample, a bit for each sample.
    let row = count / 8;
    for byte in 0..sample {
        let rows = &from[byte * 8 * row..][..8 * row];
        for eight in 0..row {
            let word = std::array::from_fn(|bit| rows[bit * row + eight]);
            let turned = transpose_bits(u64::from_le_bytes(word)).to_le_bytes();
            for (index, value) in turned.into_iter().enumerate() {
                to[(eight * 8 + index) * sample + byte] = value;
            }
        }
    }
}

/// Bit `i` of byte `j` becomes bit `j` of byte `i` (Warren, Hacker's Delight, 7-3).
fn transpose_bits(mut word: u64) -> u64 {
    for (shift, mask) in
        [(7, 0x00AA_00AA_00AA_00AA_u64), (14, 0x0000_CCCC_0000_CCCC), (28, 0x0000_0000_F0F0_F0F0)]
    {
        let turned = (word ^ (word >> shift)) & mask;
        word ^= turned ^ (turned << shift);
    }
    word
}

/// Literals and matches, each with its length in front; returns the bytes written, or nothing where the stream makes no sense.
fn blosclz(stored: &[u8], target: &mut [u8]) -> Option<usize> {
    let mut rest = stored;
    let mut next = |count: usize| {
        let (taken, left) = rest.split_at_checked(count)?;
        rest = left;
        Some(taken)
    };
    let mut written = 0_usize;
    let mut control = usize::from(next(1)?[0]) & 31;
    loop {
        if control < 32 {
            let literals = next(control + 1)?;
            target.get_mut(written..written + literals.len())?.copy_from_slice(literals);
            written += literals.len();
        } else {
            let mut length = (control >> 5) + 2;
            if control >> 5 == 7 {
                loop {
                    let more = next(1)?[0];
                    length += usize::from(more);
                    if more != 255 {
                        break;
                    }
                }
            }
            let low = usize::from(next(1)?[0]);
            let high = (control & 31) << 8;
            let distance = if low == 255 && high == 31 << 8 {
                let far = usize::from(next(1)?[0]) << 8;
                far + usize::from(next(1)?[0]) + LONG_DISTANCE + 1
            } else {
                high + low + 1
            };
            let start = written.checked_sub(distance)?;
            let end = written.checked_add(length).filter(|&end| end <= target.len())?;
            // Matches may reach into what they make.
            for at in written..end {
                target[at] = target[start + at - written];
            }
            written = end;
        }
        match next(1) {
            Some(&[byte]) => control = usize::from(byte),
            _ => return Some(written),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_turned() {
        for (word, turned) in [(1, 1), (2, 1 << 8), (1 << 15, 1 << 57), (0xFF, 0x0101_0101_0101_0101)] {
            assert_eq!(transpose_bits(word), turned, "{word:x}");
            assert_eq!(transpose_bits(turned), word, "{word:x}");
        }
    }

    #[test]
    fn matches_repeat_what_was_written() {
        // Two literals, then seven bytes from two back.
        let mut target = [0; 9];
        assert_eq!(blosclz(&[1, b'a', b'b', 5 << 5, 1], &mut target), Some(9));
        assert_eq!(&target, b"ababababa");
        for wrong in [&[][..], &[1, b'a'], &[0, b'a', 1 << 5], &[0, b'a', 1 << 5, 9], &[0, b'a', 7 << 5, 255]]
        {
            assert_eq!(blosclz(wrong, &mut target), None, "{wrong:?}");
        }
    }
}
