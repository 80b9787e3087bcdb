//! The lines of a journal: JSON, a tab, the checksum of the JSON, and a line feed.

use std::io::{BufRead, BufReader, Read};

use serde_json::{Value, json};
use swathe_core::Extent;

use crate::checksum::checksum;

/// No line is longer; one that is was not written by us.
const LONGEST_LINE: u64 = 64 << 20;

/// An entry as a line.
pub(super) fn line(entry: &Value) -> String {
    let json = entry.to_string();
    format!("{json}\t{}\n", number(checksum(json.as_bytes())))
}

/// A checksum in words.
pub(super) fn number(value: u64) -> String {
    format!("{value:016x}")
}

/// Bytes in words.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes from words.
pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    digits.chunks_exact(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

/// Extents as JSON.
pub(super) fn extents(extents: &[Extent]) -> Value {
    let one = |extent: &Extent| {
        json!([extent.offset, extent.length, extent.stride, extent.count, number(extent.checksum)])
    };
    extents.iter().map(one).collect()
}

/// Extents from JSON.
pub(super) fn extents_of(value: &Value) -> Option<Vec<Extent>> {
    let one = |value: &Value| {
        let field = |index: usize| value.get(index)?.as_u64();
        let checksum = u64::from_str_radix(value.get(4)?.as_str()?, 16).ok()?;
        Some(Extent { offset: field(0)?, length: field(1)?, stride: field(2)?, count: field(3)?, checksum })
    };
    value.as_array()?.iter().map(one).collect()
}

/// The whole lines of a journal from its beginning, each with its bytes; ends at the first that is not whole.
pub(super) struct Lines<R> {
    reader: BufReader<R>,
}

impl<R: Read> Lines<R> {
    /// Reads from where the file stands.
    pub(super) fn new(file: R) -> Self {
        Lines { reader: BufReader::new(file) }
    }
}

impl<R: Read> Iterator for Lines<R> {
    type Item = (Value, Vec<u8>);

    fn next(&mut self) -> Option<Self::Item> {
        let mut bytes = Vec::new();
        self.reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes).ok()?;
        let text = bytes.strip_suffix(b"\n")?;
        let tab = text.iter().rposition(|&byte| byte == b'\t')?;
        let (json, sum) = (&text[..tab], std::str::from_utf8(&text[tab + 1..]).ok()?);
        if u64::from_str_radix(sum, 16).ok()? != checksum(json) {
            return None;
        }
        Some((serde_json::from_slice(json).ok()?, bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Seek, Write};

    #[test]
    fn a_journal_cut_anywhere_is_as_good_as_its_whole_lines() {
        let entries = [
            json!({ "journal": 1 }),
            json!({ "tile": 0, "extents": [[1, 2, 0, 1, "00"]] }),
            json!({ "tile": 1 }),
        ];
        let text = entries.iter().map(line).collect::<String>();
        for length in 0..=text.len() {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&text.as_bytes()[..length]).unwrap();
            file.rewind().unwrap();
            let read = Lines::new(&file).map(|(value, _)| value).collect::<Vec<_>>();
            let whole = text[..length].matches('\n').count();
            assert_eq!(read, entries[..whole], "cut at {length}");
        }
    }

    #[test]
    fn words_read_back() {
        assert_eq!(unhex(&hex(&[0, 255, 16])).unwrap(), [0, 255, 16]);
        assert!(unhex("abc").is_none());
        let list = [Extent { offset: 1, length: 2, stride: 3, count: 4, checksum: u64::MAX }];
        assert_eq!(extents_of(&extents(&list)).unwrap(), list);
    }
}
