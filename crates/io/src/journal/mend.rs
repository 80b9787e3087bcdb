//! Writing parts of a complete output again.

use std::ops::Range;

use swathe_core::{Error, Footprint, Journal, Keep, Naming, Part, Position, Result, Size};

use super::Receipt;

/// What stands in for a journal while some tiles of a complete output are computed again, in their places.
#[derive(Debug)]
pub struct Mending {
    tile: Size,
    tiles: u64,
    position: Position,
    /// Behind the last tile that is mended; none where the output is to be completed.
    end: Option<u64>,
}

impl Mending {
    /// Mends the tiles `range` of the output that `receipt` tells of. Where it does not know what is carried on behind the
    /// tile before, the run begins with the first.
    ///
    /// # Errors
    /// Io, where the receipt can't be read.
    pub fn new(receipt: &Receipt, range: Range<u64>) -> Result<Self> {
        let moved_bytes = receipt.moved_bytes()?;
        let position = match receipt.carry_before(range.start)? {
            Some(carry) => Position { tiles: range.start, carry, moved_bytes },
            None => Position { moved_bytes, ..Position::default() },
        };
        Ok(Mending { tile: receipt.tile, tiles: receipt.tiles, position, end: Some(range.end) })
    }

    /// Mends what of an output is made when all tiles are there, which they are; none where the receipt does not know what is
    /// carried on behind the last.
    ///
    /// # Errors
    /// Io, where the receipt can't be read.
    pub fn of_rest(receipt: &Receipt) -> Result<Option<Self>> {
        let Some(carry) = receipt.carry_before(receipt.tiles)? else { return Ok(None) };
        let position = Position { tiles: receipt.tiles, carry, moved_bytes: receipt.moved_bytes()? };
        Ok(Some(Mending { tile: receipt.tile, tiles: receipt.tiles, position, end: None }))
    }

    /// Mends the tiles `range` of one shard (from 0) of the output that `receipt` tells of, which has `tiles` tiles; the first of
    /// the range is tile `first` of the output.
    ///
    /// # Errors
    /// As [`Mending::new`]; Damaged, where the receipt does not say where the tile before ends.
    pub fn of_shard(
        receipt: &Receipt,
        (shard, tiles): (usize, u64),
        first: u64,
        range: Range<u64>,
    ) -> Result<Self> {
        let carry = receipt.carry_before(first)?;
        let (Some(carry), Some(&tile)) = (carry, receipt.shards.get(shard)) else {
            return Err(Error::damaged(
                "a receipt does not tell of the tile before one that is to be mended",
            ));
        };
        let position = Position { tiles: range.start, carry, ..Position::default() };
        Ok(Mending { tile, tiles, position, end: Some(range.end) })
    }
}

impl Keep for Mending {
    fn open(self: Box<Self>, tile: Size, tiles: u64, _threads: usize) -> Result<Box<dyn Journal>> {
        if (tile, tiles) != (self.tile, self.tiles) {
            return Err(Error::usage(format!(
                "the output has {} tiles of {} by its receipt, and would have {tiles} of {tile} now: compute it again",
                self.tiles, self.tile
            )));
        }
        Ok(self)
    }
}

/// Nothing is written down: the receipt that is there proves what was mended.
impl Journal for Mending {
    fn position(&self) -> &Position {
        &self.position
    }

    fn end(&self) -> Option<u64> {
        self.end
    }

    fn record(&self, _part: Part, _footprint: &Footprint) -> Result<()> {
        Ok(())
    }

    fn is_flush_due(&self) -> bool {
        false
    }

    fn flushed(&self) -> Result<()> {
        Ok(())
    }

    fn moved(&self, _from: u64, _less: u64) -> Result<()> {
        Ok(())
    }

    fn complete(&self, _files: &[Naming], _flush: bool) -> Result<()> {
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }

    fn give_up(self: Box<Self>) {}
}
