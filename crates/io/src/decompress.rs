//! The compression schemes that formats share: Deflate, in zlib and gzip streams, and Zstandard.
//!
//! Source: RFC 1950, RFC 1951, RFC 1952, RFC 8878.

/// What is wrong with stored bytes, for a message that begins with where they are.
pub(crate) type Fault = String;

/// Decompressors that are kept from block to block by one reader at a time.
#[derive(Default)]
pub(crate) struct Decompressors {
    deflate: Option<libdeflater::Decompressor>,
    zstd: Option<zstd::bulk::Decompressor<'static>>,
}

impl Decompressors {
    fn deflate(&mut self) -> &mut libdeflater::Decompressor {
        self.deflate.get_or_insert_with(libdeflater::Decompressor::new)
    }

    /// Decodes a gzip stream to the beginning of `target`; returns the length.
    ///
    /// # Errors
    /// What is wrong with the stream, or that it holds more than `target` has room for.
    pub(crate) fn gunzip(&mut self, stored: &[u8], target: &mut [u8]) -> Result<usize, Fault> {
        let length = self.deflate().gzip_decompress(stored, target);
        length.map_err(|error| inflate_fault(error, target.len()))
    }

    /// As [`Decompressors::gunzip`], for a zlib stream.
    pub(crate) fn inflate(&mut self, stored: &[u8], target: &mut [u8]) -> Result<usize, Fault> {
        let length = self.deflate().zlib_decompress(stored, target);
        length.map_err(|error| inflate_fault(error, target.len()))
    }

    /// As [`Decompressors::gunzip`], for ZSTD frames.
    pub(crate) fn unzstd(&mut self, stored: &[u8], target: &mut [u8]) -> Result<usize, Fault> {
        let decoder = match &mut self.zstd {
            Some(decoder) => decoder,
            None => {
                let fresh = zstd::bulk::Decompressor::new();
                self.zstd.insert(fresh.map_err(|error| format!("no ZSTD decoder can be made: {error}"))?)
            }
        };
        decoder
            .decompress_to_buffer(stored, target)
            .map_err(|error| format!("its ZSTD stream does not decode to {} bytes: {error}", target.len()))
    }
}

fn inflate_fault(error: libdeflater::DecompressionError, bytes: usize) -> Fault {
    match error {
        libdeflater::DecompressionError::BadData => "its Deflate stream is damaged".to_owned(),
        libdeflater::DecompressionError::InsufficientSpace => {
            format!("it decodes to more than {bytes} bytes")
        }
    }
}
