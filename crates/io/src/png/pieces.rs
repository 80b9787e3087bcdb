//! Rows of a PNG (ISO/IEC 15948) in pieces that follow each other in its one zlib stream and need nothing of each other: filters
//! look at no row above a piece's first, and every piece ends in a full flush, behind which deflate looks at nothing before it.

use flate2::{Compress, Compression, FlushCompress, Status};

/// Bytes of rows in a piece, where a row is no longer: a few of deflate's windows, and little memory.
const PIECE_BYTES: usize = 128 << 10;
/// What a compressor holds.
const COMPRESSOR_BYTES: usize = 512 << 10;
/// The longest stored block of deflate, and what stands before one.
const STORED: usize = 65_535;
const STORED_HEAD: usize = 5;
/// Length, name and checksum of a chunk.
const CHUNK: usize = 12;
/// The checksum of no bytes.
pub(super) const NO_BYTES: u32 = 1;

/// How the rows of a PNG are cut into pieces.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pieces {
    /// Bytes of a row of samples.
    pub(super) row_bytes: usize,
    /// Bytes of a pixel.
    pub(super) pixel_bytes: usize,
    /// Rows of a piece; the last may have fewer.
    pub(super) rows: usize,
}

impl Pieces {
    /// For rows of so many bytes.
    pub(super) fn new(row_bytes: usize, pixel_bytes: usize, height: usize) -> Self {
        let rows = (PIECE_BYTES / (row_bytes + 1)).clamp(1, height.max(1));
        Pieces { row_bytes, pixel_bytes, rows }
    }

    /// The most bytes that a piece becomes.
    pub(super) fn most_bytes(&self) -> usize {
        let bytes = self.rows * (self.row_bytes + 1);
        bytes + STORED_HEAD * (bytes / STORED + 1) + CHUNK
    }

    /// What an encoder holds.
    pub(super) fn encoder_bytes(&self) -> usize {
        // The rows of a piece, the row, the one above it, and two ways to filter it.
        (self.rows + 4) * (self.row_bytes + 1) + COMPRESSOR_BYTES
    }
}

/// Encodes one piece after the other.
pub(super) struct Encoder {
    deflate: Compress,
    filtered: Vec<u8>,
    row: Vec<u8>,
    above: Vec<u8>,
    best: Vec<u8>,
    trial: Vec<u8>,
}

impl Default for Encoder {
    fn default() -> Self {
        let deflate = Compress::new(Compression::default(), false);
        let [filtered, row, above, best, trial] = [(); 5].map(|()| Vec::new());
        Encoder { deflate, filtered, row, above, best, trial }
    }
}

impl Encoder {
    /// Encodes a piece of `rows` rows, which `fill` puts into the bytes that it is handed, as a chunk at the beginning of `out`;
    /// returns its length, and the checksum and number of the bytes in it.
    pub(super) fn encode(
        &mut self,
        pieces: Pieces,
        rows: usize,
        mut fill: impl FnMut(usize, &mut [u8]),
        out: &mut [u8],
    ) -> (usize, u32, u64) {
        self.filtered.clear();
        for buffer in [&mut self.row, &mut self.above, &mut self.best, &mut self.trial] {
            buffer.resize(pieces.row_bytes, 0);
        }
        for y in 0..rows {
            std::mem::swap(&mut self.row, &mut self.above);
            fill(y, &mut self.row);
            let kind = self.filter(pieces.pixel_bytes, y > 0);
            self.filtered.push(kind);
            self.filtered.extend_from_slice(&self.best);
        }
        let bytes = &self.filtered;
        let place = &mut out[8..8 + bytes.len() + STORED_HEAD * (bytes.len() / STORED + 1)];
        self.deflate.reset();
        let done = self.deflate.compress(bytes, place, FlushCompress::Full);
        let (read, written) = (self.deflate.total_in(), self.deflate.total_out() as usize);
        let is_done = matches!(done, Ok(Status::Ok)) && read == bytes.len() as u64 && written < place.len();
        let length = if is_done { written } else { store(bytes, place) };
        (chunk(*b"IDAT", length, out), libdeflater::adler32(bytes), bytes.len() as u64)
    }

    /// Filters the row in the way that leaves the least sum of differences, of which small ones are most; returns which that is.
    fn filter(&mut self, pixel_bytes: usize, sees_above: bool) -> u8 {
        let kinds = if sees_above { 5 } else { 2 };
        let mut chosen = (0, u64::MAX);
        for kind in 0..kinds {
            filter_row(kind, pixel_bytes, &self.row, &self.above, &mut self.trial);
            let sum = self.trial.iter().map(|&byte| u64::from((byte as i8).unsigned_abs())).sum();
            if sum < chosen.1 {
                chosen = (kind, sum);
                std::mem::swap(&mut self.best, &mut self.trial);
            }
        }
        chosen.0
    }
}

/// One of the five filters: nothing, or the difference from the left, from above, from their mean, or from Paeth's choice.
fn filter_row(kind: u8, pixel: usize, row: &[u8], above: &[u8], out: &mut [u8]) {
    let first = pixel.min(row.len());
    let difference = |x: u8, left: u8, up: u8, corner: u8| match kind {
        0 => x,
        1 => x.wrapping_sub(left),
        2 => x.wrapping_sub(up),
        3 => x.wrapping_sub(((u16::from(left) + u16::from(up)) / 2) as u8),
        _ => x.wrapping_sub(paeth(left, up, corner)),
    };
    for ((out, &x), &up) in out[..first].iter_mut().zip(row).zip(above) {
        *out = difference(x, 0, up, 0);
    }
    let before = row.len() - first;
    let (rows, aboves) =
        (row[first..].iter().zip(&row[..before]), above[first..].iter().zip(&above[..before]));
    for ((out, (&x, &left)), (&up, &corner)) in out[first..].iter_mut().zip(rows).zip(aboves) {
        *out = difference(x, left, up, corner);
    }
}

/// Of the three the one that is nearest to `left + up - corner`.
fn paeth(left: u8, up: u8, corner: u8) -> u8 {
    let (a, b, c) = (i16::from(left), i16::from(up), i16::from(corner));
    let (from_left, from_up, from_corner) = ((b - c).abs(), (a - c).abs(), (a + b - 2 * c).abs());
    if from_left <= from_up && from_left <= from_corner {
        left
    } else if from_up <= from_corner {
        up
    } else {
        corner
    }
}

/// Puts bytes into stored blocks of deflate, none of which is the last; returns their length.
fn store(bytes: &[u8], out: &mut [u8]) -> usize {
    let mut length = 0;
    for block in bytes.chunks(STORED) {
        let count = block.len() as u16;
        let head = &mut out[length..length + STORED_HEAD];
        head[0] = 0;
        head[1..3].copy_from_slice(&count.to_le_bytes());
        head[3..].copy_from_slice(&(!count).to_le_bytes());
        length += STORED_HEAD;
        out[length..length + block.len()].copy_from_slice(block);
        length += block.len();
    }
    length
}

/// Makes a chunk of the `length` bytes that stand behind the first eight; returns its length.
fn chunk(name: [u8; 4], length: usize, out: &mut [u8]) -> usize {
    out[..4].copy_from_slice(&(length as u32).to_be_bytes());
    out[4..8].copy_from_slice(&name);
    let end = 8 + length;
    let sum = libdeflater::crc32(&out[4..end]);
    out[end..end + 4].copy_from_slice(&sum.to_be_bytes());
    end + 4
}

/// A chunk of a few bytes.
fn small_chunk(name: [u8; 4], content: &[u8]) -> Vec<u8> {
    let mut out = vec![0; content.len() + CHUNK];
    out[8..8 + content.len()].copy_from_slice(content);
    chunk(name, content.len(), &mut out);
    out
}

/// All that stands before the pieces: `color` is the colour type.
pub(super) fn head(width: u32, height: u32, depth: u8, color: u8) -> Vec<u8> {
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    header.extend([depth, color, 0, 0, 0]);
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    bytes.extend(small_chunk(*b"IHDR", &header));
    // A zlib stream of deflate at its usual level, with a window of 32 KiB.
    bytes.extend(small_chunk(*b"IDAT", &[0x78, 0x9C]));
    bytes
}

/// All that stands behind the pieces, whose bytes have the checksum `sum`: an empty last block, the checksum, the end.
pub(super) fn tail(sum: u32) -> Vec<u8> {
    let [a, b, c, d] = sum.to_be_bytes();
    [small_chunk(*b"IDAT", &[3, 0, a, b, c, d]), small_chunk(*b"IEND", &[])].concat()
}

/// The checksum (RFC 1950) of bytes of which the first have the one and the last `bytes` the other.
pub(super) fn joined(first: u32, last: u32, bytes: u64) -> u32 {
    const BASE: u64 = 65_521;
    let parts = |sum: u32| (u64::from(sum & 0xFFFF), u64::from(sum >> 16));
    let ((first_low, first_high), (last_low, last_high)) = (parts(first), parts(last));
    // Without the 1 that each begins with.
    let before = (first_low + BASE - 1) % BASE;
    let low = (before + last_low) % BASE;
    let high = (first_high + last_high + bytes % BASE * before) % BASE;
    (high << 16 | low) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_joined() {
        let bytes = (0..300_000_u32).map(|index| (index.wrapping_mul(index) >> 7) as u8).collect::<Vec<_>>();
        for cut in [0, 1, 65_521, 299_999, 300_000] {
            let (first, last) = bytes.split_at(cut);
            let sum = joined(libdeflater::adler32(first), libdeflater::adler32(last), last.len() as u64);
            assert_eq!(sum, libdeflater::adler32(&bytes), "{cut}");
        }
        assert_eq!(libdeflater::adler32(&[]), NO_BYTES);
    }

    /// Whatever can't be compressed is stored in the room that there is.
    #[test]
    fn noise_and_zeros_are_read_back() {
        let mut state = 1_u32;
        let noise = (0..400 * 1000).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        });
        for samples in [noise.collect::<Vec<u8>>(), vec![0; 400 * 1000]] {
            let pieces = Pieces::new(400, 1, 1000);
            assert!(pieces.rows > 100 && pieces.rows < 1000);
            let (mut encoder, mut file, mut sum) = (Encoder::default(), head(400, 1000, 8, 0), NO_BYTES);
            let mut out = vec![0; pieces.most_bytes()];
            for rows in samples.chunks(400 * pieces.rows) {
                let fill = |y: usize, row: &mut [u8]| row.copy_from_slice(&rows[400 * y..][..400]);
                let (length, part, bytes) = encoder.encode(pieces, rows.len() / 400, fill, &mut out);
                assert_eq!(bytes as usize, rows.len() / 400 * 401);
                file.extend(&out[..length]);
                sum = joined(sum, part, bytes);
            }
            file.extend(tail(sum));
            let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
            let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
            reader.next_frame(&mut pixels).unwrap();
            reader.finish().unwrap();
            assert!(pixels == samples);
        }
    }
}
