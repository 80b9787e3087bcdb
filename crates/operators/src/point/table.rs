//! Tables that samples are looked up in: curves for one band, and lattices of three bands.
//!
//! Where a table comes from: a `.cube` file, a `.npy` array, or numbers written out in rows (`;` or a new line between
//! them), in a file or in the parameter itself.

mod bend;
mod cube;
mod curve;
mod lattice;
mod shift4;
mod through;

use swathe_core::{Colour, Error, RasterInfo, Result, Sample, SampleType, Value, with_sample};

pub(crate) use self::bend::bend;
pub(crate) use self::curve::{Curve, Line};
pub(crate) use self::lattice::{Grid, Interpolation, Lattice};
pub(crate) use self::through::through;
use crate::focal::matrix::Matrix;
use crate::npy::Array;

/// Most numbers that a table may hold.
const MOST: usize = 1 << 23;
/// Most bands that a lattice makes.
const MOST_CHANNELS: usize = 8;

/// What a table says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Table {
    /// One curve for all bands, or one for each. Where `fractions`, from 0 and 1 to 0 and 1; else in samples' units.
    Curves { curves: Vec<Curve>, fractions: bool },
    /// Three bands at once, fractions on both sides.
    Lattice(Lattice),
}

impl Table {
    /// Reads the value of a parameter.
    ///
    /// # Errors
    /// Usage, where it is written out and is no table; Damaged, Unsupported or Limit, where a file is not what it
    /// should be, with the file's name and line.
    pub(crate) fn read(value: &Value) -> Result<Self> {
        match value {
            Value::Text(_) => Table::of_rows(&Matrix::read(value)?),
            Value::File { name, content } => Table::of_file(name, content, value).map_err(|error| {
                let named = error.to_string().starts_with(&format!("`{name}`"));
                if named { error } else { error.at(format!("`{name}`")) }
            }),
        }
    }

    fn of_file(name: &str, content: &[u8], value: &Value) -> Result<Self> {
        if let Some(rest) = content.strip_prefix(b"\x93NUMPY") {
            return Table::of_array(Array::parse(rest, MOST)?);
        }
        let says_size = |content: &[u8]| {
            content.windows(12).take(1 << 16).any(|word| matches!(word, b"LUT_1D_SIZE " | b"LUT_3D_SIZE "))
        };
        if name.to_ascii_lowercase().ends_with(".cube") || says_size(content) {
            return cube::parse(content);
        }
        Table::of_rows(&Matrix::read(value)?)
    }

    fn of_array(array: Array) -> Result<Self> {
        match array.shape[..] {
            [count] => Table::of_columns(&array.values, count, 1),
            [count, bands] => Table::of_columns(&array.values, count, bands),
            [a, b, c, channels] => {
                let one = match &array.stored[..] {
                    "u1" => 255.0,
                    "u2" => 65535.0,
                    "f4" | "f8" => 1.0,
                    stored => {
                        return Err(Error::unsupported(format!(
                            "a table of three bands holds fractions as `f4` or `f8`, or `u1` or `u2` whose greatest \
                             value is 1, not `{stored}`"
                        )));
                    }
                };
                Lattice::new([a, b, c], channels, array.values, one).map(Table::Lattice)
            }
            _ => Err(Error::damaged(format!(
                "the `.npy` array has the shape {:?}; a table has N, N x bands or N x N x N x channels numbers",
                array.shape
            ))),
        }
    }

    /// What samples 0, 1, 2 and so on become, a column for each band.
    fn of_columns(values: &[f64], count: usize, bands: usize) -> Result<Self> {
        if count < 2 || bands == 0 {
            return Err(Error::damaged(format!(
                "a table of {count} rows and {bands} columns is none; it takes at least 2 rows"
            )));
        }
        let column = |band: usize| {
            let points = (0..count).map(|row| [row as f64, values[row * bands + band]]);
            Curve::new(points.collect())
        };
        Ok(Table::Curves { curves: (0..bands).map(column).collect::<Result<_>>()?, fractions: false })
    }

    /// Numbers in rows: 1 = what samples 0, 1, 2 become, 2 = points of a curve, 3 to 8 = the nodes of a lattice.
    fn of_rows(matrix: &Matrix) -> Result<Self> {
        let (count, columns) = (matrix.size.height, matrix.size.width);
        match columns {
            1 => Table::of_columns(&matrix.values, count, 1),
            2 => {
                let points = (0..count).map(|y| [matrix.row(y)[0], matrix.row(y)[1]]).collect();
                Ok(Table::Curves { curves: vec![Curve::new(points)?], fractions: false })
            }
            3..=MOST_CHANNELS => {
                let side = (2..=256_usize).find(|side| side * side * side >= count).unwrap_or(256);
                if side * side * side != count {
                    return Err(Error::usage(format!(
                        "{count} rows of {columns} numbers are no table of three bands; that takes 8, 27, 64, ..., \
                         as many as the third power of its side"
                    )));
                }
                Lattice::new([side; 3], columns, matrix.values.clone(), 1.0).map(Table::Lattice)
            }
            _ => Err(Error::usage(format!(
                "rows of {columns} numbers are no table; a row holds 1 number (what 0, 1, 2, ... become), 2 (a point of \
                 a curve) or 3 to {MOST_CHANNELS} (a node of a table of three bands)"
            ))),
        }
    }
}

/// The samples that stand for 0 and 1 in a table of fractions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Range {
    /// What 0 stands for.
    pub(crate) zero: f64,
    /// What 1 stands for.
    pub(crate) one: f64,
}

impl Range {
    /// 0 and the greatest number of an integer type, 0 and 1 for floats.
    pub(crate) fn of_type(sample_type: SampleType) -> Self {
        let greatest = with_sample!(sample_type, T => T::GREATEST.to_f64());
        Range { zero: 0.0, one: if sample_type.is_float() { 1.0 } else { greatest } }
    }

    /// From fractions to samples.
    pub(crate) fn to_samples(self) -> Line {
        Line { times: self.one - self.zero, plus: self.zero }
    }
}

/// The last band, where it is opacity: no table changes it.
pub(crate) fn opacity(info: &RasterInfo) -> Option<usize> {
    let last = info.bands.checked_sub(1)?;
    let colour = info.metadata.colours.get(last)?;
    matches!(colour, Colour::Alpha | Colour::AssociatedAlpha).then_some(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Result<Table> {
        Table::read(&Value::Text(text.into()))
    }

    #[test]
    fn the_columns_say_what_a_table_is() {
        let curve = |points: &[[f64; 2]]| Table::Curves {
            curves: vec![Curve::new(points.to_vec()).unwrap()],
            fractions: false,
        };
        assert_eq!(text("5;7").unwrap(), curve(&[[0.0, 5.0], [1.0, 7.0]]));
        assert_eq!(text("0,5;10,7;20,0").unwrap(), curve(&[[0.0, 5.0], [10.0, 7.0], [20.0, 0.0]]));
        let nodes = ["0.5 0.25 0.125 1"; 8].join(";");
        let Table::Lattice(lattice) = text(&nodes).unwrap() else { panic!("no lattice") };
        assert_eq!((lattice.nodes, lattice.channels), ([2; 3], 4));
    }

    #[test]
    fn what_is_no_table_is_refused() {
        let message = |given: &str| text(given).unwrap_err().to_string();
        assert!(message("5").contains("at least 2 rows"), "{}", message("5"));
        assert!(message("0,5;0,6").contains("has to be greater"));
        assert!(message("1 2 3; 4 5 6").contains("2 rows of 3 numbers"));
        assert!(message(&["0"; 9].join(",")).contains("rows of 9 numbers"));
    }
}
