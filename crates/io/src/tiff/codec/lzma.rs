//! LZMA in TIFF (libtiff's number 34925): every block an xz stream.

use std::io::Read;

use lzma_rust2::XzReader;

use crate::decompress::Fault;

/// The largest dictionary that is taken, in KiB: xz's strongest preset has 64 MiB. Of it, only as much is touched as the
/// block has bytes.
const MOST_DICTIONARY_KIB: u32 = 80 << 10;

/// Fills `target`; what follows it in the stream is not looked at.
///
/// # Errors
/// What is missing or wrong.
pub(super) fn decode(stored: &[u8], target: &mut [u8]) -> Result<(), Fault> {
    let mut reader = XzReader::new_mem_limit(stored, false, MOST_DICTIONARY_KIB);
    let whole = reader.read_exact(target);
    whole.map_err(|error| format!("its LZMA stream does not decode to {} bytes: {error}", target.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three words and an end of line, by liblzma with CRC32.
    #[test]
    fn what_xz_writes_is_read() {
        let stored = [
            0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00, 0x01, 0x69, 0x22, 0xde, 0x36, 0x02, 0x00, 0x21, 0x01,
            0x16, 0x00, 0x00, 0x00, 0x74, 0x2f, 0xe5, 0xa3, 0xe0, 0x00, 0x14, 0x00, 0x0e, 0x5d, 0x00, 0x39,
            0x9d, 0xc8, 0x47, 0x0d, 0x58, 0xb3, 0x1b, 0xdf, 0x2f, 0x93, 0x0c, 0x80, 0x00, 0x00, 0x00, 0x00,
            0x43, 0x92, 0xd3, 0xa8, 0x00, 0x01, 0x26, 0x15, 0xe4, 0xd2, 0x85, 0x8e, 0x90, 0x42, 0x99, 0x0d,
            0x01, 0x00, 0x00, 0x00, 0x00, 0x01, 0x59, 0x5a,
        ];
        let mut target = [0; 21];
        decode(&stored, &mut target).unwrap();
        assert_eq!(&target, b"swathe swathe swathe\n");
        assert!(decode(&stored, &mut [0; 22]).is_err());
        assert!(decode(&stored[..stored.len() / 2], &mut target).is_err());
        assert!(decode(&[], &mut target).is_err());
    }
}
