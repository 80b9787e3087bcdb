//! What is done to an output file beside writing it from one end to the other.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use rustix::fs::FallocateFlags;
use swathe_core::{Error, Footprint, Result};

use super::{Begin, OutputFile, OutputPlace};
use crate::checksum::checksum;

/// Bytes that are moved at once.
const PIECE: usize = 1 << 20;

impl OutputPlace {
    /// Whether parts of a complete file are written again in their places.
    pub(crate) fn is_mended(&self) -> bool {
        self.begin == Begin::Mended
    }

    /// A file without a name on the output's disk.
    ///
    /// # Errors
    /// Io, where the folder cannot be written.
    pub(crate) fn nameless(&self) -> Result<File> {
        tempfile::tempfile_in(&self.folder).map_err(|error| {
            Error::io(format_args!("cannot write into folder `{}`", self.folder.display()), error)
        })
    }
}

impl OutputFile {
    /// Writes `bytes` at `offset` of a file of which no journal is kept.
    ///
    /// # Errors
    /// As [`OutputFile::write_at`].
    pub(crate) fn write_plain(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.write_at(offset, bytes, &mut Footprint::default())
    }

    /// Has everything from byte `from` on told of as lying `bytes` bytes farther than it does.
    pub(crate) fn without(self, from: u64, bytes: u64) -> Self {
        OutputFile { removed: from.saturating_sub(bytes)..from, ..self }
    }

    /// Where a byte lies that is told of as byte `offset`.
    pub(super) fn place_of(&self, offset: u64) -> u64 {
        let is_behind = offset >= self.removed.end;
        if is_behind { offset - (self.removed.end - self.removed.start) } else { offset }
    }

    /// Reads what was written.
    ///
    /// # Errors
    /// Io, where it cannot be read.
    pub(crate) fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<()> {
        let read = self.file.as_file().read_exact_at(bytes, self.place_of(offset));
        read.map_err(|error| Error::io(format_args!("cannot read back `{}`", self.place.name), error))
    }

    /// Writes the zeros between two parts of a file, which are few.
    ///
    /// # Errors
    /// As [`OutputFile::write_at`].
    pub(crate) fn write_zeros(&self, range: Range<u64>, footprint: &mut Footprint) -> Result<()> {
        let length = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(0);
        self.write_at(range.start, &vec![0; length], footprint)
    }

    /// Notes what the file holds in `range` by reading it back: for what was not written from one end to the other.
    ///
    /// # Errors
    /// Io, where it cannot be read.
    pub(crate) fn note(&self, range: Range<u64>, footprint: &mut Footprint) -> Result<()> {
        let mut piece = vec![0; PIECE];
        let mut at = range.start;
        while at < range.end {
            let length = PIECE.min(usize::try_from(range.end - at).unwrap_or(PIECE));
            self.read_at(at, &mut piece[..length])?;
            footprint.add(at, length as u64, checksum(&piece[..length]));
            at += length as u64;
        }
        Ok(())
    }

    /// Takes bytes out of the file, whose contents end at `end`. Where the file system can do that by itself nothing is moved.
    ///
    /// # Errors
    /// As [`OutputFile::write_at`].
    pub(crate) fn remove(&self, range: Range<u64>, end: u64) -> Result<()> {
        let length = range.end - range.start;
        let collapse = FallocateFlags::COLLAPSE_RANGE;
        if end > range.end
            && rustix::fs::fallocate(self.file.as_file(), collapse, range.start, length).is_ok()
        {
            return Ok(());
        }
        self.move_down(range, end)
    }

    /// Copies what follows `range` over it, from the front.
    fn move_down(&self, range: Range<u64>, end: u64) -> Result<()> {
        let mut piece = vec![0; PIECE];
        let (mut from, mut to) = (range.end, range.start);
        while from < end {
            let length = PIECE.min(usize::try_from(end - from).unwrap_or(PIECE));
            self.read_at(from, &mut piece[..length])?;
            self.write_plain(to, &piece[..length])?;
            from += length as u64;
            to += length as u64;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{Existing, WriteBackRule, WriteMethod};

    /// Both ways leave the same bytes.
    #[test]
    fn bytes_are_taken_out() {
        let folder = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = (0..3 << 20).map(|index: u32| (index / 4096) as u8).collect();
        let expected = [&bytes[..8192], &bytes[1 << 20..]].concat();
        for by_itself in [false, true] {
            let path = folder.path().join(format!("{by_itself}"));
            let place = OutputPlace::new(path.to_str().unwrap(), Existing::Refused, &[]).unwrap();
            let file =
                place.create(bytes.len() as u64, WriteMethod::Pwrite, WriteBackRule::default()).unwrap();
            file.write_plain(0, &bytes).unwrap();
            let (range, end) = (8192..1 << 20, bytes.len() as u64);
            if by_itself {
                file.remove(range, end).unwrap()
            } else {
                file.move_down(range, end).unwrap()
            }
            file.publish(expected.len() as u64, false, None).unwrap();
            assert!(std::fs::read(path).unwrap() == expected, "{by_itself}");
        }
    }
}
