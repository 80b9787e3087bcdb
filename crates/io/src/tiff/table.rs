//! The tables that say where blocks are and how long: read page by page, since they grow with the raster.

use std::sync::{Mutex, PoisonError};

use swathe_core::{Error, Result};

use crate::access::InputFile;
use crate::tiff::directory::{ByteOrder, Entry, field_size, integer};
use crate::tiff::tag;

/// Values of one page of a table.
const PAGE_VALUES: u64 = 512;
/// Pages that are kept at once. A window meets one page in a row of blocks, so this is a window 256 rows of blocks high.
const PAGES: u64 = 256;

/// One whole number for each block, in the file.
#[derive(Debug)]
pub(crate) struct BlockTable {
    entry: Entry,
    order: ByteOrder,
    pages: Mutex<Vec<Option<Page>>>,
}

#[derive(Clone, Debug)]
struct Page {
    number: u64,
    values: Box<[u64]>,
}

impl BlockTable {
    /// The table of an entry, whose values lie inside the file.
    ///
    /// # Errors
    /// Damaged, where they do not, or are no whole numbers.
    pub(crate) fn new(file: &InputFile, order: ByteOrder, entry: Entry) -> Result<Self> {
        let length = entry.bytes().unwrap_or(u64::MAX);
        file.check_range(entry.offset, length)
            .map_err(|error| error.at(format_args!("{}", tag::name(entry.tag))))?;
        if !matches!(entry.field_type, 1 | 3 | 4 | 6 | 8 | 9 | 13 | 16 | 17 | 18) {
            return Err(Error::damaged(format!(
                "`{}`: {} has field type {}, not whole numbers",
                file.name(),
                tag::name(entry.tag),
                entry.field_type
            )));
        }
        let slots = entry.count.div_ceil(PAGE_VALUES).min(PAGES) as usize;
        Ok(BlockTable { entry, order, pages: Mutex::new(vec![None; slots]) })
    }

    /// Number of values.
    pub(crate) fn count(&self) -> u64 {
        self.entry.count
    }

    /// The most bytes that the table comes to hold.
    pub(crate) fn resident_bytes(&self) -> usize {
        (self.entry.count.div_ceil(PAGE_VALUES).min(PAGES) * PAGE_VALUES) as usize * size_of::<u64>()
    }

    /// Value `number`.
    ///
    /// # Errors
    /// Damaged, where the table has no such value, or it is negative; Io, where it cannot be read.
    pub(crate) fn value(&self, file: &InputFile, number: u64) -> Result<u64> {
        if number >= self.entry.count {
            return Err(Error::damaged(format!(
                "`{}`: {} has {} values; block {number} has none",
                file.name(),
                tag::name(self.entry.tag),
                self.entry.count
            )));
        }
        let (page, index) = (number / PAGE_VALUES, (number % PAGE_VALUES) as usize);
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = (page % pages.len() as u64) as usize;
        if let Some(held) = pages[slot].as_ref().filter(|held| held.number == page) {
            return Ok(held.values[index]);
        }
        let values = self.read(file, page * PAGE_VALUES)?;
        let value = values[index];
        pages[slot] = Some(Page { number: page, values });
        Ok(value)
    }

    /// Runs `visit` over the first `count` values, in order, some at a time behind the number of their first, without
    /// keeping any.
    ///
    /// # Errors
    /// As [`BlockTable::value`], and what `visit` returns.
    pub(crate) fn visit(
        &self,
        file: &InputFile,
        count: u64,
        mut visit: impl FnMut(u64, &[u64]) -> Result<()>,
    ) -> Result<()> {
        let count = count.min(self.entry.count);
        for first in (0..count).step_by(PAGE_VALUES as usize) {
            let values = self.read(file, first)?;
            let wanted = (count - first).min(values.len() as u64) as usize;
            visit(first, &values[..wanted])?;
        }
        Ok(())
    }

    /// Appends the values from `first`, a number that [`BlockTable::visit`] told, on; none where there are none.
    ///
    /// # Errors
    /// As [`BlockTable::value`].
    pub(crate) fn page(&self, file: &InputFile, first: u64, values: &mut Vec<u64>) -> Result<()> {
        if first < self.entry.count {
            values.extend_from_slice(&self.read(file, first)?);
        }
        Ok(())
    }

    /// The page that begins with value `first`.
    fn read(&self, file: &InputFile, first: u64) -> Result<Box<[u64]>> {
        let size = field_size(self.entry.field_type);
        let count = PAGE_VALUES.min(self.entry.count - first) as usize;
        let mut bytes = [0; PAGE_VALUES as usize * 8];
        let bytes = &mut bytes[..count * size];
        file.read_at(self.entry.offset + first * size as u64, bytes)?;
        let values = bytes.chunks_exact(size).map(|value| integer(self.order, self.entry.field_type, value));
        values.collect::<Option<_>>().ok_or_else(|| {
            Error::damaged(format!("`{}`: {} holds a negative value", file.name(), tag::name(self.entry.tag)))
        })
    }
}
