//! The fax schemes for 1-bit pictures: modified Huffman, Group 3 in one and two dimensions, Group 4.
//!
//! TIFF 6.0, sections 10 and 11; ITU-T T.4 and T.6. A row is a list of the columns where the colour changes, white first;
//! white is 0 and black is 1, whatever the photometric interpretation makes of it. Code tables are those of the `fax` crate.

use std::convert::Infallible;
use std::iter::{Chain, Copied, Map, RepeatN};
use std::slice::Iter;

use fax::maps::{Mode, black, mode, white};
use fax::{BitReader, ByteReader};
use swathe_core::Result;

use super::BlockShape;
use crate::decompress::Fault;
use crate::tiff::layout::Tags;
use crate::tiff::tag;

/// Which of the schemes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FaxScheme {
    ModifiedHuffman,
    Group3,
    Group4,
}

/// A scheme with what T4Options or T6Options says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fax {
    scheme: FaxScheme,
    /// Group 3 rows that are told from the row before.
    two_dimensions: bool,
}

type Bytes<'a> = Map<Chain<Copied<Iter<'a, u8>>, RepeatN<u8>>, fn(u8) -> std::result::Result<u8, Infallible>>;
type Bits<'a> = ByteReader<Bytes<'a>>;

impl Fax {
    /// Reads the options.
    ///
    /// # Errors
    /// Unsupported, where rows may be stored uncompressed in the middle of a fax.
    pub(super) fn read(tags: &Tags<'_>, scheme: FaxScheme) -> Result<Self> {
        /// The bit for two dimensions, and that for uncompressed rows.
        const TWO_DIMENSIONS: u64 = 1;
        const UNCOMPRESSED: u64 = 2;
        let options = match scheme {
            FaxScheme::ModifiedHuffman => 0,
            FaxScheme::Group3 => tags.one(tag::T4_OPTIONS, Some(0))?,
            FaxScheme::Group4 => tags.one(tag::T6_OPTIONS, Some(0))?,
        };
        if options & UNCOMPRESSED != 0 {
            return Err(tags.unsupported("a fax with uncompressed rows"));
        }
        Ok(Fax { scheme, two_dimensions: options & TWO_DIMENSIONS != 0 })
    }

    /// Decodes a block.
    ///
    /// # Errors
    /// Which row is wrong.
    pub(super) fn decode(&self, stored: &[u8], shape: BlockShape, target: &mut [u8]) -> Result<(), Fault> {
        let width = shape.width as u32;
        // Codes are looked for in whole words: zeros behind the end, which no code consists of, make them whole.
        let padded = stored.iter().copied().chain(std::iter::repeat_n(0, 4));
        let mut bits: Bits<'_> =
            ByteReader::new(padded.map(Ok as fn(u8) -> _)).map_err(|_| "it cannot be read")?;
        let (mut before, mut row) = (Vec::new(), Vec::new());
        for (number, line) in target.chunks_exact_mut(shape.row_bytes).enumerate() {
            let fault = || format!("row {number} of its fax is damaged or missing");
            row.clear();
            let whole = match self.scheme {
                FaxScheme::Group4 => two_dimensions(&mut bits, width, &before, &mut row),
                FaxScheme::ModifiedHuffman => {
                    let whole = one_dimension(&mut bits, width, &mut row);
                    let rest = bits.bits_to_byte_boundary();
                    skip(&mut bits, rest);
                    whole
                }
                FaxScheme::Group3 => {
                    let ended = skip_end_of_line(&mut bits);
                    let alone = !self.two_dimensions || !ended || take_bit(&mut bits) == Some(1);
                    if alone {
                        one_dimension(&mut bits, width, &mut row)
                    } else {
                        two_dimensions(&mut bits, width, &before, &mut row)
                    }
                }
            };
            whole.ok_or_else(fault)?;
            paint(&row, width, line);
            std::mem::swap(&mut before, &mut row);
        }
        Ok(())
    }
}

fn skip(bits: &mut Bits<'_>, count: u8) {
    // Reading from memory cannot fail.
    let Ok(()) = bits.consume(count);
}

fn take_bit(bits: &mut Bits<'_>) -> Option<u16> {
    let bit = bits.peek(1)?;
    skip(bits, 1);
    Some(bit)
}

/// Passes over fill and an end of line, which is a one behind at least eleven zeros, if there is one.
fn skip_end_of_line(bits: &mut Bits<'_>) -> bool {
    if bits.peek(11) != Some(0) {
        return false;
    }
    while let Some(bit) = take_bit(bits) {
        if bit == 1 {
            return true;
        }
    }
    false
}

/// The length of a run: codes for multiples of 64, then one for the rest.
fn run(bits: &mut Bits<'_>, is_black: bool) -> Option<u32> {
    let mut length = 0_u32;
    loop {
        let part = if is_black { black::decode(bits)? } else { white::decode(bits)? };
        length = length.checked_add(u32::from(part))?;
        if part < 64 {
            return Some(length);
        }
    }
}

fn one_dimension(bits: &mut Bits<'_>, width: u32, row: &mut Vec<u32>) -> Option<()> {
    let (mut at, mut is_black) = (0_u32, false);
    while at < width {
        at = at.checked_add(run(bits, is_black)?)?.min(width);
        row.push(at);
        is_black = !is_black;
    }
    Some(())
}

fn two_dimensions(bits: &mut Bits<'_>, width: u32, before: &[u32], row: &mut Vec<u32>) -> Option<()> {
    // The column reached (a0 in T.4), which is before the first at the beginning, and where to look in the row before.
    let (mut at, mut is_black, mut look) = (-1_i64, false, 0_usize);
    while at < i64::from(width) {
        // The next change in the row before to the other colour (b1): changes to black have even numbers.
        while look > 0 && i64::from(before[look - 1]) > at {
            look -= 1;
        }
        while before.get(look).is_some_and(|change| i64::from(*change) <= at)
            || look < before.len() && (look % 2 == 1) != is_black
        {
            look += 1;
        }
        let change = |index: usize| before.get(index).map_or(i64::from(width), |change| i64::from(*change));
        match mode::decode(bits)? {
            Mode::Pass => at = change(look + 1),
            Mode::Horizontal => {
                for colour in [is_black, !is_black] {
                    at = (at.max(0) + i64::from(run(bits, colour)?)).min(i64::from(width));
                    row.push(at as u32);
                }
            }
            Mode::Vertical(shift) => {
                let next = change(look) + i64::from(shift);
                if next < at.max(0) || next > i64::from(width) {
                    return None;
                }
                at = next;
                row.push(at as u32);
                is_black = !is_black;
            }
            Mode::Extension | Mode::EOF => return None,
        }
    }
    Some(())
}

/// Writes a row as bits, most significant first.
fn paint(row: &[u32], width: u32, line: &mut [u8]) {
    line.fill(0);
    for pair in row.chunks(2) {
        let end = pair.get(1).copied().unwrap_or(width);
        for column in pair[0]..end {
            line[column as usize / 8] |= 0x80 >> (column % 8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fax::encoder::Encoder;
    use fax::{Color, VecWriter};

    #[test]
    fn group_4_is_read_back() {
        let (width, rows) = (37, 20);
        let is_black = |x: u32, y: u32| (x * 7 + y * y * 3) % 11 < 4 || (y.is_multiple_of(5) && x > 20);
        let mut encoder = Encoder::new(VecWriter::new());
        for y in 0..rows {
            let pels = (0..width).map(|x| if is_black(x, y) { Color::Black } else { Color::White });
            encoder.encode_line(pels, width).unwrap();
        }
        let stored = encoder.finish().unwrap().finish();
        let shape = BlockShape {
            width: width as usize,
            rows: rows as usize,
            whole_rows: rows as usize,
            samples: 1,
            row_bytes: 5,
        };
        let fax = Fax { scheme: FaxScheme::Group4, two_dimensions: true };
        let mut target = vec![0xaa; 100];
        fax.decode(&stored, shape, &mut target).unwrap();
        for y in 0..rows {
            for x in 0..width {
                let bit = target[(y * 5 + x / 8) as usize] >> (7 - x % 8) & 1;
                assert_eq!(bit == 1, is_black(x, y), "{x},{y}");
            }
        }
        assert!(fax.decode(&stored[..10], shape, &mut target).is_err());
    }

    #[test]
    fn one_dimension_with_and_without_ends_of_lines() {
        // White 8 is 10011; an end of line is 000000000001.
        let shape = BlockShape { width: 8, rows: 2, whole_rows: 2, samples: 1, row_bytes: 1 };
        let mut target = [0xff; 2];
        let huffman = Fax { scheme: FaxScheme::ModifiedHuffman, two_dimensions: false };
        huffman.decode(&[0b1001_1000, 0b1001_1000], shape, &mut target).unwrap();
        assert_eq!(target, [0, 0]);
        // White 2 (0111), black 6 (0010).
        let group_3 = Fax { scheme: FaxScheme::Group3, two_dimensions: false };
        let stored = [0x00, 0x17, 0x20, 0x01, 0x98];
        group_3.decode(&stored, shape, &mut target).unwrap();
        assert_eq!(target, [0b0011_1111, 0]);
    }
}
