//! TIFF and BigTIFF directories: header, entries, values. Nothing is taken on trust.
//!
//! TIFF 6.0 (Adobe, 1992), section 2; BigTIFF (AWare Systems). Values stay in the file until they are asked for.

use swathe_core::{Error, Result};

use crate::access::InputFile;

/// More directories than any real file has; a chain longer than this is hostile.
const MOST_DIRECTORIES: usize = 4096;
/// More entries than any real directory has.
const MOST_ENTRIES: u64 = 65_536;
/// The largest value that is read whole into memory, tables of blocks excepted.
const MOST_VALUE_BYTES: u64 = 64 << 20;

/// The order of bytes in a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ByteOrder {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

impl ByteOrder {
    /// The order of this machine.
    pub(crate) const NATIVE: ByteOrder =
        if cfg!(target_endian = "big") { ByteOrder::Big } else { ByteOrder::Little };

    pub(crate) fn u16(self, bytes: [u8; 2]) -> u16 {
        if self == ByteOrder::Little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) }
    }

    pub(crate) fn u32(self, bytes: [u8; 4]) -> u32 {
        if self == ByteOrder::Little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) }
    }

    pub(crate) fn u64(self, bytes: [u8; 8]) -> u64 {
        if self == ByteOrder::Little { u64::from_le_bytes(bytes) } else { u64::from_be_bytes(bytes) }
    }
}

/// Bytes of one value of a field type; 0 where there is no such type.
pub(crate) const fn field_size(field_type: u16) -> usize {
    match field_type {
        1 | 2 | 6 | 7 => 1,
        3 | 8 => 2,
        4 | 9 | 11 | 13 => 4,
        5 | 10 | 12 | 16 | 17 | 18 => 8,
        _ => 0,
    }
}

/// One entry of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) tag: u16,
    pub(crate) field_type: u16,
    pub(crate) count: u64,
    /// Where the values lie in the file.
    pub(crate) offset: u64,
}

impl Entry {
    /// Bytes of all values.
    pub(crate) fn bytes(&self) -> Option<u64> {
        self.count.checked_mul(field_size(self.field_type) as u64)
    }
}

/// A directory: one image of the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Directory {
    pub(crate) entries: Vec<Entry>,
}

/// A TIFF file's structure.
#[derive(Debug)]
pub(crate) struct Structure {
    pub(crate) order: ByteOrder,
    pub(crate) big: bool,
    /// The chain of directories.
    pub(crate) directories: Vec<Directory>,
}

/// True where a file begins like a TIFF.
pub(crate) fn is_tiff(head: &[u8]) -> bool {
    matches!(head.get(..4), Some(b"II\x2a\0" | b"MM\0\x2a" | b"II\x2b\0" | b"MM\0\x2b"))
}

impl Structure {
    /// Reads the header and every directory of the chain.
    ///
    /// # Errors
    /// Damaged, where the file contradicts itself; the message names the directory or entry.
    pub(crate) fn read(file: &InputFile) -> Result<Self> {
        let damaged = |what: String| Error::damaged(format!("`{}`: {what}", file.name()));
        let mut head = [0; 8];
        file.read_at(0, &mut head)?;
        let order = if &head[..2] == b"MM" { ByteOrder::Big } else { ByteOrder::Little };
        let big = order.u16([head[2], head[3]]) == 43;
        let mut next = u64::from(order.u32([head[4], head[5], head[6], head[7]]));
        if big {
            if next != if order == ByteOrder::Little { 8 } else { 8 << 16 } {
                return Err(damaged("the BigTIFF header does not say that offsets have 8 bytes".into()));
            }
            let mut first = [0; 8];
            file.read_at(8, &mut first)?;
            next = order.u64(first);
        }
        let mut structure = Structure { order, big, directories: Vec::new() };
        let mut seen = Vec::new();
        while next != 0 {
            if seen.contains(&next) {
                // A chain that bites its tail is read up to there, as libtiff does.
                break;
            }
            if seen.len() >= MOST_DIRECTORIES {
                return Err(damaged(format!("more than {MOST_DIRECTORIES} directories")));
            }
            seen.push(next);
            match structure.directory(file, next) {
                Ok((directory, following)) => {
                    structure.directories.push(directory);
                    next = following;
                }
                Err(error) if structure.directories.is_empty() => {
                    return Err(error.at(format_args!("directory at byte {next}")));
                }
                // Pages behind the first that cannot be read are no reason to refuse the first.
                Err(_) => break,
            }
        }
        if structure.directories.is_empty() {
            return Err(damaged("there is no directory".into()));
        }
        Ok(structure)
    }

    /// The directory at byte `at`, and where the next one is.
    ///
    /// # Errors
    /// Damaged, where there is none.
    pub(crate) fn directory(&self, file: &InputFile, at: u64) -> Result<(Directory, u64)> {
        let damaged = |what: String| Error::damaged(format!("`{}`: {what}", file.name()));
        let order = self.order;
        let (count_bytes, entry_bytes, next_bytes) = if self.big { (8, 20, 8) } else { (2, 12, 4) };
        let mut count = [0; 8];
        file.read_at(at, &mut count[..count_bytes])?;
        let entries = if self.big { order.u64(count) } else { u64::from(order.u16([count[0], count[1]])) };
        if entries == 0 || entries > MOST_ENTRIES {
            return Err(damaged(format!("a directory of {entries} entries")));
        }
        let first = at + count_bytes as u64;
        let mut bytes = vec![0; entries as usize * entry_bytes];
        file.read_at(first, &mut bytes)?;
        let mut directory = Directory { entries: Vec::with_capacity(entries as usize) };
        for (number, entry) in bytes.chunks_exact(entry_bytes).enumerate() {
            let tag = order.u16([entry[0], entry[1]]);
            let field_type = order.u16([entry[2], entry[3]]);
            let value_at = first + (number * entry_bytes) as u64 + if self.big { 12 } else { 8 };
            let (count, pointer, inline) = if self.big {
                (order.u64(array(&entry[4..12])), order.u64(array(&entry[12..20])), 8)
            } else {
                (u64::from(order.u32(array(&entry[4..8]))), u64::from(order.u32(array(&entry[8..12]))), 4)
            };
            let entry = Entry { tag, field_type, count, offset: 0 };
            // Entries of unknown types are passed over, as the specification asks.
            if let Some(length) = entry.bytes().filter(|_| field_size(field_type) > 0) {
                directory
                    .entries
                    .push(Entry { offset: if length <= inline { value_at } else { pointer }, ..entry });
            }
        }
        let mut next = [0; 8];
        // A file that ends right behind its last directory has no next one.
        let after = first + bytes.len() as u64;
        let following = match file.read_at(after, &mut next[..next_bytes]) {
            Ok(()) if self.big => order.u64(next),
            Ok(()) => u64::from(order.u32([next[0], next[1], next[2], next[3]])),
            Err(_) => 0,
        };
        Ok((directory, following))
    }

    /// The bytes of an entry's values, as they lie in the file.
    ///
    /// # Errors
    /// Damaged, where they lie outside the file; Limit, where they are absurdly many.
    pub(crate) fn bytes(&self, file: &InputFile, entry: &Entry) -> Result<Vec<u8>> {
        let length = entry.bytes().unwrap_or(u64::MAX);
        file.check_range(entry.offset, length)
            .map_err(|error| error.at(format_args!("tag {}", entry.tag)))?;
        if length > MOST_VALUE_BYTES {
            return Err(Error::limit(format!("`{}`: tag {} holds {length} bytes", file.name(), entry.tag)));
        }
        let mut bytes = vec![0; length as usize];
        file.read_at(entry.offset, &mut bytes)?;
        Ok(bytes)
    }

    /// An entry's values as whole numbers: BYTE, SHORT, LONG, IFD, LONG8, IFD8, and signed ones that are not negative.
    ///
    /// # Errors
    /// Damaged, where they are not of such a type or lie outside the file.
    pub(crate) fn integers(&self, file: &InputFile, entry: &Entry) -> Result<Vec<u64>> {
        let bytes = self.bytes(file, entry)?;
        self.integers_of(entry.field_type, &bytes).ok_or_else(|| {
            Error::damaged(format!(
                "`{}`: tag {} has field type {}, not whole numbers",
                file.name(),
                entry.tag,
                entry.field_type
            ))
        })
    }

    /// Values of a field type as whole numbers, or `None` where they are none.
    pub(crate) fn integers_of(&self, field_type: u16, bytes: &[u8]) -> Option<Vec<u64>> {
        let size = field_size(field_type).max(1);
        bytes.chunks_exact(size).map(|value| integer(self.order, field_type, value)).collect()
    }

    /// An entry's values as floats: FLOAT, DOUBLE, rationals, or whole numbers.
    ///
    /// # Errors
    /// Damaged, where they lie outside the file or are of another type.
    pub(crate) fn floats(&self, file: &InputFile, entry: &Entry) -> Result<Vec<f64>> {
        let order = self.order;
        let bytes = self.bytes(file, entry)?;
        Ok(match entry.field_type {
            12 => bytes.chunks_exact(8).map(|value| f64::from_bits(order.u64(array(value)))).collect(),
            11 => bytes
                .chunks_exact(4)
                .map(|value| f64::from(f32::from_bits(order.u32(array(value)))))
                .collect(),
            _ => self.integers(file, entry)?.into_iter().map(|value| value as f64).collect(),
        })
    }
}

impl Directory {
    /// The first entry of a tag.
    pub(crate) fn entry(&self, tag: u16) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.tag == tag)
    }
}

/// One value of a field type as a whole number, or `None` where it is none or negative.
pub(crate) fn integer(order: ByteOrder, field_type: u16, bytes: &[u8]) -> Option<u64> {
    match field_type {
        1 | 7 => Some(u64::from(bytes[0])),
        6 => u64::try_from(bytes[0] as i8).ok(),
        3 => Some(u64::from(order.u16(array(bytes)))),
        8 => u64::try_from(order.u16(array(bytes)) as i16).ok(),
        4 | 13 => Some(u64::from(order.u32(array(bytes)))),
        9 => u64::try_from(order.u32(array(bytes)) as i32).ok(),
        16 | 18 => Some(order.u64(array(bytes))),
        17 => u64::try_from(order.u64(array(bytes)) as i64).ok(),
        _ => None,
    }
}

/// The first `N` bytes, which are there.
fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    std::array::from_fn(|index| bytes[index])
}
