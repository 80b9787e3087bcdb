//! Arrays in numpy's format, versions 1 to 3, that are given as parameters: matrices, tables.

use swathe_core::{Error, Result};

/// Numbers in any number of dimensions.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Array {
    /// The length of each dimension; the last one varies fastest in `values`.
    pub(crate) shape: Vec<usize>,
    /// As many as the shape says.
    pub(crate) values: Vec<f64>,
    /// How a number is stored: numpy's letter and bytes, such as `u1` or `f4`.
    pub(crate) stored: String,
}

impl Array {
    /// Reads what follows the magic bytes `\x93NUMPY`, of at most so many numbers.
    ///
    /// # Errors
    /// Damaged, where it is no such array or too short; Unsupported, for other than real numbers; Limit, if it is too
    /// large.
    pub(crate) fn parse(rest: &[u8], most: usize) -> Result<Self> {
        let short = || Error::damaged("the `.npy` array ends too early");
        let (&[major, _minor], rest) = rest.split_first_chunk::<2>().ok_or_else(short)?;
        let (length, rest) = if major == 1 {
            let (length, rest) = rest.split_first_chunk::<2>().ok_or_else(short)?;
            (usize::from(u16::from_le_bytes(*length)), rest)
        } else {
            let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(short)?;
            (u32::from_le_bytes(*length) as usize, rest)
        };
        let (header, data) = rest.split_at_checked(length).ok_or_else(short)?;
        let header =
            std::str::from_utf8(header).map_err(|_| Error::damaged("the `.npy` header is no text"))?;
        let first_fastest = match field(header, "fortran_order") {
            Some(word) => word.starts_with("True"),
            None => return Err(Error::damaged("the `.npy` header names no order")),
        };
        let shape = shape(header)?;
        let count = shape.iter().try_fold(1_usize, |count, &length| count.checked_mul(length));
        let count = count.filter(|&count| count <= most).ok_or_else(|| {
            Error::limit(format!("a `.npy` array of shape {shape:?} holds more than {most} numbers"))
        })?;
        let descriptor = field(header, "descr").unwrap_or_default().trim_matches(['\'', '"']);
        let mut values = numbers(descriptor, data, count)?;
        if values.len() < count {
            return Err(short());
        }
        if first_fastest {
            values = with_last_fastest(&shape, &values);
        }
        let stored = descriptor.trim_start_matches(['<', '>', '|', '=']).to_owned();
        Ok(Array { shape, values, stored })
    }
}

/// Values in which the first dimension varies fastest, in numpy's usual order.
fn with_last_fastest(shape: &[usize], values: &[f64]) -> Vec<f64> {
    let place = |mut index: usize| {
        let mut indices = vec![0; shape.len()];
        for (at, length) in indices.iter_mut().zip(shape).rev() {
            (*at, index) = (index % length, index / length);
        }
        indices.iter().zip(shape).rev().fold(0, |place, (at, length)| place * length + at)
    };
    (0..values.len()).map(|index| values[place(index)]).collect()
}

/// The value of a key in a header like `{'descr': '<f8', 'fortran_order': False, 'shape': (3, 3), }`.
fn field<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let after = header.split_once(&format!("'{key}'"))?.1.trim_start().strip_prefix(':')?.trim_start();
    let end = if after.starts_with('(') { after.find(')')? + 1 } else { after.find([',', '}'])? };
    Some(after[..end].trim())
}

fn shape(header: &str) -> Result<Vec<usize>> {
    let text = field(header, "shape").unwrap_or_default();
    let sides = text.trim_matches(['(', ')']).split(',').map(str::trim).filter(|side| !side.is_empty());
    sides
        .map(str::parse)
        .collect::<Result<Vec<usize>, _>>()
        .map_err(|_| Error::damaged(format!("the `.npy` array has the shape `{text}`")))
}

/// At most `count` numbers of `data` as the descriptor says they are stored.
fn numbers(descriptor: &str, data: &[u8], count: usize) -> Result<Vec<f64>> {
    fn each<const N: usize>(data: &[u8], count: usize, big: bool, number: fn([u8; N]) -> f64) -> Vec<f64> {
        let (chunks, _) = data.as_chunks::<N>();
        let ordered = |mut bytes: [u8; N]| {
            if big {
                bytes.reverse();
            }
            number(bytes)
        };
        chunks.iter().take(count).copied().map(ordered).collect()
    }
    let big = descriptor.starts_with('>');
    Ok(match descriptor.trim_start_matches(['<', '>', '|', '=']) {
        "b1" | "u1" => each::<1>(data, count, big, |bytes| f64::from(bytes[0])),
        "i1" => each::<1>(data, count, big, |bytes| f64::from(i8::from_le_bytes(bytes))),
        "u2" => each::<2>(data, count, big, |bytes| f64::from(u16::from_le_bytes(bytes))),
        "i2" => each::<2>(data, count, big, |bytes| f64::from(i16::from_le_bytes(bytes))),
        "u4" => each::<4>(data, count, big, |bytes| f64::from(u32::from_le_bytes(bytes))),
        "i4" => each::<4>(data, count, big, |bytes| f64::from(i32::from_le_bytes(bytes))),
        "u8" => each::<8>(data, count, big, |bytes| u64::from_le_bytes(bytes) as f64),
        "i8" => each::<8>(data, count, big, |bytes| i64::from_le_bytes(bytes) as f64),
        "f4" => each::<4>(data, count, big, |bytes| f64::from(f32::from_le_bytes(bytes))),
        "f8" => each::<8>(data, count, big, f64::from_le_bytes),
        _ => {
            return Err(Error::unsupported(format!(
                "the `.npy` array is stored as `{descriptor}`; real numbers of 1, 2, 4 or 8 bytes are read"
            )));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_told_apart() {
        let array = |order: &str| {
            let header = format!("{{'descr': '|u1', 'fortran_order': {order}, 'shape': (2, 3, 2), }}");
            let mut bytes = vec![1, 0];
            bytes.extend((header.len() as u16).to_le_bytes());
            bytes.extend(header.as_bytes());
            bytes.extend(0..12_u8);
            bytes
        };
        let rows = Array::parse(&array("False"), 12).unwrap();
        assert_eq!((&rows.shape[..], rows.values[1], &rows.stored[..]), (&[2, 3, 2][..], 1.0, "u1"));
        // The second number lies in the next place of the last dimension, 2 * 3 further on.
        let columns = Array::parse(&array("True"), 12).unwrap();
        assert_eq!(columns.values[..5], [0.0, 6.0, 2.0, 8.0, 4.0]);
        assert!(Array::parse(&array("False"), 11).unwrap_err().to_string().contains("more than 11 numbers"));
        assert!(Array::parse(&array("False")[..60], 12).is_err());
    }
}
