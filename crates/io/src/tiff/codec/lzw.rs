//! LZW as TIFF has it: most significant bit first and widened one code early, or, in files of before 1992, neither.
//!
//! Every string of the table is a copy of what was decoded before: it is kept as a place in the output and a length, and
//! copied from there.

use weezl::{BitOrder, LzwStatus};

use crate::decompress::Fault;

/// The code that empties the table, the one that ends the stream, and the first that is free.
const CLEAR: usize = 256;
const END: usize = 257;
const FIRST: usize = 258;
/// Codes are 9 to 12 bits wide.
const NARROWEST: u32 = 9;
const WIDEST: u32 = 12;
/// Short strings are copied as so many bytes, what is too much being overwritten by the next.
const SHORT: usize = 16;

/// Strings by code, each a place in the output and a length.
#[derive(Clone)]
pub(super) struct Table {
    strings: Box<[Text; 1 << WIDEST]>,
}

#[derive(Clone, Copy, Default)]
struct Text {
    at: u32,
    length: u32,
}

impl Default for Table {
    fn default() -> Self {
        Table { strings: Box::new([Text::default(); 1 << WIDEST]) }
    }
}

/// Fills `target`; what follows it in the stream is not looked at.
///
/// # Errors
/// What is missing or wrong.
pub(super) fn decode(stored: &[u8], table: &mut Table, target: &mut [u8]) -> Result<(), Fault> {
    // Every stream begins with the code for clearing the table, whose bits tell the two orders apart.
    let length = if let [0, second, ..] = stored
        && second & 1 == 1
    {
        decode_old(stored, target)
    } else {
        decode_new(stored, table, target)
    };
    match length {
        Some(length) if length == target.len() => Ok(()),
        Some(length) => Err(format!("it decodes to {length} bytes, not {}", target.len())),
        None => Err("its LZW stream is damaged".into()),
    }
}

/// Returns the bytes that were made, or `None` where a code stands for nothing.
fn decode_new(stored: &[u8], table: &mut Table, target: &mut [u8]) -> Option<usize> {
    let mut bits = Bits { rest: stored, held: 0, count: 0 };
    let (mut to, mut width, mut next) = (0, NARROWEST, FIRST);
    // The string before, which with the first byte of this one makes a new string.
    let mut before: Option<Text> = None;
    while to < target.len() {
        let Some(code) = bits.take(width) else { break };
        let at = to;
        match (code, before) {
            (CLEAR, _) => {
                (width, next, before) = (NARROWEST, FIRST, None);
                continue;
            }
            (END, _) => break,
            (0..CLEAR, _) => {
                target[to] = code as u8;
                to += 1;
            }
            (_, None) => return None,
            (_, Some(before)) if code == next => {
                // The string that is just being defined: the one before and its first byte again.
                to = copy(target, before, to);
                if to < target.len() {
                    target[to] = target[before.at as usize];
                    to += 1;
                }
            }
            (_, Some(_)) if code < next => to = copy(target, table.strings[code], to),
            _ => return None,
        }
        if let Some(before) = before
            && next < 1 << WIDEST
        {
            table.strings[next] = Text { at: before.at, length: before.length + 1 };
            next += 1;
            // One code early: the width of the next code is that of the code after it.
            if next + 1 >= 1 << width && width < WIDEST {
                width += 1;
            }
        }
        before = Some(Text { at: at as u32, length: (to - at) as u32 });
    }
    Some(to)
}

/// Copies a string of the output to `to`, as much of it as there is room for; returns its end.
fn copy(target: &mut [u8], string: Text, to: usize) -> usize {
    let (from, length) = (string.at as usize, string.length as usize);
    // Behind the string lies what is not decoded yet: it is copied along and overwritten.
    if length <= SHORT
        && let Some(piece) = target[from..].first_chunk::<SHORT>().copied()
        && let Some(place) = target[to..].first_chunk_mut::<SHORT>()
    {
        *place = piece;
        return to + length;
    }
    let length = length.min(target.len() - to);
    target.copy_within(from..from + length, to);
    to + length
}

/// Bits of a stream, the most significant first.
struct Bits<'a> {
    rest: &'a [u8],
    /// The next bits, from the top.
    held: u64,
    count: u32,
}

impl Bits<'_> {
    fn take(&mut self, width: u32) -> Option<usize> {
        if self.count < width {
            self.fill();
            if self.count < width {
                return None;
            }
        }
        let code = self.held >> (u64::BITS - width);
        self.held <<= width;
        self.count -= width;
        Some(code as usize)
    }

    fn fill(&mut self) {
        if let Some(word) = self.rest.first_chunk::<8>() {
            self.held |= u64::from_be_bytes(*word) >> self.count;
            let bytes = (u64::BITS - 1 - self.count) / 8;
            self.rest = &self.rest[bytes as usize..];
            self.count += 8 * bytes;
            return;
        }
        while self.count <= u64::BITS - 8
            && let [byte, rest @ ..] = self.rest
        {
            // What a whole word brought along lies there already, the same.
            self.held |= u64::from(*byte) << (u64::BITS - 8 - self.count);
            self.rest = rest;
            self.count += 8;
        }
    }
}

/// Least significant bit first, as GIF has it.
fn decode_old(stored: &[u8], target: &mut [u8]) -> Option<usize> {
    let mut decoder = weezl::decode::Decoder::new(BitOrder::Lsb, 8);
    let (mut from, mut to) = (0, 0);
    while to < target.len() {
        let step = decoder.decode_bytes(&stored[from..], &mut target[to..]);
        from += step.consumed_in;
        to += step.consumed_out;
        match step.status {
            Ok(LzwStatus::Ok) if step.consumed_in + step.consumed_out > 0 => {}
            Ok(_) => break,
            Err(_) => return None,
        }
    }
    Some(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(plain: &[u8]) -> Vec<u8> {
        weezl::encode::Encoder::with_tiff_size_switch(BitOrder::Msb, 8).encode(plain).unwrap()
    }

    #[test]
    fn both_orders_are_read() {
        let plain = (0..5000_u32).map(|index| (index * index / 97) as u8).collect::<Vec<_>>();
        let old = weezl::encode::Encoder::new(BitOrder::Lsb, 8).encode(&plain).unwrap();
        let (stored, mut table) = (new(&plain), Table::default());
        for stored in [&stored, &old, &stored] {
            let mut target = vec![0; plain.len()];
            decode(stored, &mut table, &mut target).unwrap();
            assert_eq!(target, plain);
        }
        assert!(decode(&stored[..stored.len() / 2], &mut table, &mut vec![0; plain.len()]).is_err());
        assert!(decode(&stored, &mut table, &mut vec![0; plain.len() + 1]).is_err());
        assert!(decode(&[], &mut table, &mut [0]).is_err());
    }

    /// Against weezl: long runs, noise, full tables, strings that define themselves, and targets shorter than the stream.
    #[test]
    fn every_kind_of_text_is_read_back() {
        let mut table = Table::default();
        let mut state = 1_u32;
        for (alphabet, run) in [(256, 1), (2, 1), (3, 40), (256, 300), (1, 1), (17, 2)] {
            for length in [1, 2, 15, 16, 17, 300, 70_000] {
                let mut plain = Vec::new();
                while plain.len() < length {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let count = 1 + (state >> 8) as usize % run;
                    plain.extend(std::iter::repeat_n(((state >> 20) % alphabet) as u8, count));
                }
                let stored = new(&plain);
                for wanted in [plain.len(), plain.len().div_ceil(2)] {
                    let mut target = vec![0xaa; wanted];
                    decode(&stored, &mut table, &mut target).unwrap();
                    assert!(target == plain[..wanted], "{alphabet} letters, runs of {run}, {wanted} bytes");
                }
            }
        }
    }

    #[test]
    fn codes_for_nothing_are_refused() {
        // Clear, then code 258 before any string.
        let stored = [0b1000_0000, 0b0100_0000, 0b1000_0000];
        assert!(decode(&stored, &mut Table::default(), &mut [0; 4]).unwrap_err().contains("damaged"));
    }
}
