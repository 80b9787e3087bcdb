//! Runs that compute one output together, each a part of it: which rows are whose, and how the parts come together.

use std::fmt;
use std::ops::Range;

use crate::error::{Error, Result};
use crate::journal::Extent;

/// One of several runs that compute an output together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which of them, from 1.
    pub number: u64,
    /// How many there are.
    pub count: u64,
}

impl Shard {
    /// The most shards of an output: each has a file that is open while they are put together.
    pub const MOST: u64 = 999;

    /// Reads `K/N`.
    ///
    /// # Errors
    /// Usage, where it is no such thing.
    pub fn parse(text: &str) -> Result<Self> {
        let numbers = text.split_once('/').and_then(|(number, count)| {
            Some(Shard { number: number.trim().parse().ok()?, count: count.trim().parse().ok()? })
        });
        let shard = numbers.filter(|shard| (1..=shard.count).contains(&shard.number));
        let shard = shard.ok_or_else(|| {
            Error::usage(format!("`{text}` is no shard; the second of four is `2/4`, and the first is 1"))
        })?;
        if shard.count > Shard::MOST {
            return Err(Error::usage(format!("{} shards are more than {}", shard.count, Shard::MOST)));
        }
        Ok(shard)
    }

    /// Every one of `count`.
    pub fn all(count: u64) -> impl Iterator<Item = Shard> {
        (1..=count).map(move |number| Shard { number, count })
    }

    /// The rows of an output of `height` rows that are this shard's, a whole number of `unit` rows but for the last; none where
    /// there are more shards than units. They follow from these numbers alone, so that every machine says the same.
    pub fn rows(self, height: usize, unit: usize) -> Range<usize> {
        let unit = unit.clamp(1, height.max(1));
        let units = height.div_ceil(unit) as u128;
        let place = |number: u64| {
            let before = units * u128::from(number) / u128::from(self.count.max(1));
            (before as usize).saturating_mul(unit).min(height)
        };
        place(self.number - 1)..place(self.number)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.number, self.count)
    }
}

/// Where shards put what they compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// All into one file (or folder), where everything has its place from the beginning.
    OneFile,
    /// Each into a file of its own.
    OwnFiles,
}

/// What the shards of an output left, while they are put together.
pub trait Shards {
    /// The stretches of the next tile of a shard (from 0), in its order, proved as far as that is asked for.
    ///
    /// # Errors
    /// Damaged, where they are not what the shard wrote.
    fn next(&mut self, shard: usize) -> Result<Vec<Extent>>;

    /// Reads what a shard left in a file of its own.
    ///
    /// # Errors
    /// Io, where it cannot be read.
    fn read(&self, shard: usize, offset: u64, bytes: &mut [u8]) -> Result<()>;
}

/// A tile in the file of one shard.
pub struct ShardTile<'a> {
    /// Its stretches there.
    pub extents: &'a [Extent],
    /// Reads from there.
    pub read: &'a dyn Fn(u64, &mut [u8]) -> Result<()>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_cover_all_rows_once() {
        for (height, unit) in [(15_000, 256), (1, 256), (37, 1), (4096, 256), (255, 16), (0, 1)] {
            for count in [1, 2, 3, 7, 300] {
                let mut end = 0;
                for shard in Shard::all(count) {
                    let rows = shard.rows(height, unit);
                    assert_eq!(rows.start, end);
                    assert!(rows.start % unit == 0 || rows.is_empty());
                    let fair = height / count as usize;
                    assert!(rows.len() <= fair + 2 * unit, "{shard} of {height} has {rows:?}");
                    end = rows.end;
                }
                assert_eq!(end, height);
            }
        }
    }

    #[test]
    fn words_are_read() {
        assert_eq!(Shard::parse("2/4").unwrap(), Shard { number: 2, count: 4 });
        assert_eq!(Shard::parse("2/4").unwrap().to_string(), "2/4");
        for wrong in ["", "2", "0/4", "5/4", "a/b", "1/0", "-1/4", "1/1000"] {
            assert!(Shard::parse(wrong).is_err(), "{wrong}");
        }
    }
}
