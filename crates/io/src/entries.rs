//! A text file with a line for each of many numbered entries, which come in any order and may be more than memory holds.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use swathe_core::{Error, Footprint, Result};

use crate::file_system::SCRATCH_IS_FULL;
use crate::output::{Existing, OutputFile, OutputPlace, WriteBackRule, WriteMethod};

/// Entries that are held before they go to the scratch file.
const AT_ONCE: usize = 1 << 15;
/// Bytes of text that are written at once, and of entries that are read.
const PIECE_BYTES: usize = 1 << 20;

/// A line of text for each entry, the numbers of which are 1, 2, and so on.
///
/// Until all are there, entries lie in a scratch file without a name, each in its place by its number.
#[derive(Debug)]
pub struct EntryFile {
    place: OutputPlace,
    scratch: PathBuf,
    entry_bytes: usize,
    writeback: WriteBackRule,
    kept: Option<File>,
    /// Numbers of the entries that are not in the scratch file yet, and where in `entries` they are.
    waiting: Vec<(u64, usize)>,
    entries: Vec<u8>,
    /// The greatest number.
    count: u64,
    written: Option<(OutputFile, u64)>,
}

impl EntryFile {
    /// A file `path` of entries of so many bytes, which lie in the folder `scratch` meanwhile. `inputs` must not be the file.
    ///
    /// # Errors
    /// Usage, where `existing` refuses a file that is there, or a folder is none; Io, where its folder is missing.
    pub fn new(
        path: &str,
        entry_bytes: usize,
        existing: Existing,
        inputs: &[PathBuf],
        (scratch, writeback): (PathBuf, WriteBackRule),
    ) -> Result<Self> {
        if !scratch.is_dir() {
            return Err(Error::usage(format!("--scratch: `{}` is not a folder", scratch.display())));
        }
        Ok(EntryFile {
            place: OutputPlace::new(path, existing, inputs)?,
            scratch,
            entry_bytes,
            writeback,
            kept: None,
            waiting: Vec::new(),
            entries: Vec::new(),
            count: 0,
            written: None,
        })
    }

    /// The most bytes that it holds.
    pub fn resident_bytes(&self) -> usize {
        // Entries once as they came and once in the order of their numbers, or text and entries.
        let waiting = AT_ONCE * (2 * self.entry_bytes + size_of::<(u64, usize)>());
        waiting.max(3 * PIECE_BYTES)
    }

    /// Makes the scratch file.
    ///
    /// # Errors
    /// Io, where the folder cannot be written.
    pub fn begin(&mut self) -> Result<()> {
        let cannot = |error| self.cannot_keep(error);
        self.kept = Some(tempfile::tempfile_in(&self.scratch).map_err(cannot)?);
        self.waiting.reserve_exact(AT_ONCE);
        self.entries.reserve_exact(AT_ONCE * self.entry_bytes);
        Ok(())
    }

    fn cannot_keep(&self, error: std::io::Error) -> Error {
        let folder = self.scratch.display();
        Error::io(
            format_args!("cannot keep entries of `{}` in the scratch folder `{folder}`", self.place.name()),
            error,
        )
        .where_full(SCRATCH_IS_FULL)
    }

    fn kept(&self) -> Result<&File> {
        self.kept.as_ref().ok_or_else(|| Error::bug("entries came before their file was begun"))
    }

    /// Keeps an entry. Numbers begin at 1, and each comes once.
    ///
    /// # Errors
    /// Limit, where the scratch folder's disk is full; Io, where it cannot be written.
    pub fn put(&mut self, number: u64, entry: &[u8]) -> Result<()> {
        self.waiting.push((number, self.entries.len()));
        self.entries.extend_from_slice(&entry[..self.entry_bytes]);
        self.count = self.count.max(number);
        if self.waiting.len() == AT_ONCE { self.settle() } else { Ok(()) }
    }

    /// Moves what waits into the scratch file, neighbours together.
    fn settle(&mut self) -> Result<()> {
        let (size, mut together) = (self.entry_bytes, Vec::with_capacity(self.entries.len()));
        self.waiting.sort_unstable();
        for &(_, from) in &self.waiting {
            together.extend_from_slice(&self.entries[from..from + size]);
        }
        let mut from = 0;
        for run in self.waiting.chunk_by(|one, next| one.0 + 1 == next.0) {
            let bytes = &together[from..from + run.len() * size];
            let at = (run[0].0 - 1) * size as u64;
            self.kept()?.write_all_at(bytes, at).map_err(|error| self.cannot_keep(error))?;
            from += bytes.len();
        }
        self.waiting.clear();
        self.entries.clear();
        Ok(())
    }

    /// Writes `heading` and the line of each entry, in the order of their numbers, into the file, which has no name yet.
    ///
    /// # Errors
    /// Limit, where a disk is full; Io, where something cannot be written or read.
    pub fn write(
        &mut self,
        heading: &str,
        mut line: impl FnMut(u64, &[u8], &mut String) -> Result<()>,
    ) -> Result<()> {
        self.settle()?;
        (self.waiting, self.entries) = (Vec::new(), Vec::new());
        let (size, place) = (self.entry_bytes, self.place.clone());
        let file = place.create(0, WriteMethod::Pwrite, self.writeback)?;
        let at_once = (PIECE_BYTES / size).max(1) as u64;
        let mut entries = vec![0; at_once as usize * size];
        let (mut text, mut end) = (heading.to_owned(), 0);
        let mut hand_on = |text: &mut String| {
            file.write_at(end, text.as_bytes(), &mut Footprint::new(false))?;
            end += text.len() as u64;
            text.clear();
            Ok(())
        };
        for first in (0..self.count).step_by(at_once as usize) {
            let count = at_once.min(self.count - first);
            let entries = &mut entries[..count as usize * size];
            let kept = self.kept()?.read_exact_at(entries, first * size as u64);
            kept.map_err(|error| self.cannot_keep(error))?;
            for (number, entry) in (first + 1..).zip(entries.chunks_exact(size)) {
                line(number, entry, &mut text)?;
                if text.len() >= PIECE_BYTES {
                    hand_on(&mut text)?;
                }
            }
        }
        hand_on(&mut text)?;
        self.kept = None;
        self.written = Some((file, end));
        Ok(())
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// Io, where it cannot be flushed or named.
    pub fn publish(&mut self, flush: bool) -> Result<()> {
        match self.written.take() {
            Some((file, bytes)) => {
                // A file without a name gets one at once where nothing has it: a run that is killed here leaves no third.
                self.place.remove_old()?;
                file.publish(bytes, flush, None)
            }
            None => Err(Error::bug(format!("`{}` is to be named before it is written", self.place.name()))),
        }
    }

    /// Removes the file that [`EntryFile::publish`] gave its name.
    pub fn withdraw(&self) {
        let _ = self.place.remove_old();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_follow_numbers_whatever_the_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.csv");
        let path = path.to_str().unwrap();
        let scratch = (folder.path().to_owned(), WriteBackRule::default());
        let mut file = EntryFile::new(path, 8, Existing::Refused, &[], scratch.clone()).unwrap();
        file.begin().unwrap();
        let count = 3 * AT_ONCE as u64 + 17;
        // 7 and the count have no divisor in common.
        for number in (0..count).map(|number| number * 7 % count + 1) {
            file.put(number, &(number * 3).to_le_bytes()).unwrap();
        }
        let line = |number: u64, entry: &[u8], text: &mut String| {
            text.push_str(&format!("{number},{}\n", u64::from_le_bytes(entry.try_into().unwrap())));
            Ok(())
        };
        file.write("number,tripled\n", line).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing has a name before");
        file.publish(false).unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("number,tripled"));
        for number in 1..=count {
            assert_eq!(lines.next().unwrap(), format!("{number},{}", number * 3));
        }
        assert_eq!(lines.next(), None);
        let again = EntryFile::new(path, 8, Existing::Refused, &[], scratch);
        assert!(again.unwrap_err().to_string().contains("--overwrite"));
    }
}
