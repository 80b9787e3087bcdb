//! Matrices given as parameters: kernels, footprints.
//!
//! Written out, `1 2 1; 2 4 2; 1 2 1` (blanks or commas between numbers, `;` or a new line between rows), or as the
//! content of a file: the same text, in which lines that start with `#` are skipped, or a `.npy` array of two
//! dimensions (numpy's format, versions 1 to 3).

use swathe_core::{Error, Result, Scalar, Size, Value};

use crate::npy::Array;

/// Most numbers that a matrix may hold.
const MOST: usize = 1 << 22;

/// Numbers in rows; at least one, all finite.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Matrix {
    /// Columns and rows.
    pub(crate) size: Size,
    /// Row after row.
    pub(crate) values: Vec<f64>,
}

impl Matrix {
    /// Reads the value of a parameter.
    ///
    /// # Errors
    /// Usage, where it is written out and is no matrix; Damaged, where a file is not what it should be.
    pub(crate) fn read(value: &Value) -> Result<Self> {
        match value {
            Value::Text(text) => parse_text(text),
            Value::File { name, content } => {
                let matrix = match content.strip_prefix(b"\x93NUMPY") {
                    Some(rest) => of_array(rest),
                    None => match std::str::from_utf8(content) {
                        Ok(text) => parse_text(text),
                        Err(_) => Err(Error::damaged("is neither text nor a `.npy` array")),
                    },
                };
                matrix.map_err(|error| Error::damaged(error.at(format!("`{name}`")).to_string()))
            }
        }
    }

    /// A row of the matrix.
    pub(crate) fn row(&self, y: usize) -> &[f64] {
        &self.values[y * self.size.width..][..self.size.width]
    }

    fn checked(size: Size, values: Vec<f64>) -> Result<Self> {
        if size.is_empty() || values.len() != size.pixels() {
            return Err(Error::usage(format!("a matrix of {size} numbers holds {} of them", values.len())));
        }
        match values.iter().position(|value| !value.is_finite()) {
            Some(at) => Err(Error::usage(format!(
                "`{}` in row {} of the matrix is not finite",
                values[at],
                at / size.width + 1
            ))),
            None => Ok(Matrix { size, values }),
        }
    }
}

fn parse_text(text: &str) -> Result<Matrix> {
    let mut width = None;
    let mut values = Vec::new();
    let lines =
        text.split(['\n', ';']).map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    for (y, line) in lines.enumerate() {
        let before = values.len();
        for word in line.split([' ', ',', '\t', '\r']).filter(|word| !word.is_empty()) {
            values.push(Scalar::parse(word)?.to_f64());
        }
        let count = values.len() - before;
        let expected = *width.get_or_insert(count);
        if count != expected || values.len() > MOST {
            return Err(Error::usage(format!(
                "row {} of the matrix holds {count} numbers, the first row {expected}; a matrix holds up to {MOST}",
                y + 1
            )));
        }
    }
    let width = width.unwrap_or(0);
    if width == 0 {
        return Err(Error::usage("the matrix holds no number; write it like `1 2 1; 2 4 2; 1 2 1`"));
    }
    Matrix::checked(Size::new(width, values.len() / width), values)
}

/// The array after its magic bytes.
fn of_array(rest: &[u8]) -> Result<Matrix> {
    let array = Array::parse(rest, MOST)?;
    let size = match array.shape[..] {
        [width] => Size::new(width, 1),
        [height, width] => Size::new(width, height),
        _ => {
            return Err(Error::damaged(format!(
                "the `.npy` array has {} dimensions; a matrix has two",
                array.shape.len()
            )));
        }
    };
    Matrix::checked(size, array.values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Result<Matrix> {
        Matrix::read(&Value::Text(text.into()))
    }

    fn file(content: &[u8]) -> Result<Matrix> {
        Matrix::read(&Value::File { name: "kernel.npy".into(), content: content.to_vec() })
    }

    fn npy(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    #[test]
    fn text_is_read() {
        let expected = Matrix { size: Size::new(3, 2), values: vec![1.0, -2.5, 3.0, 4.0, 5e3, 6.0] };
        assert_eq!(text("1 -2.5 3; 4 5e3 6").unwrap(), expected);
        assert_eq!(text("1,-2.5,3;4,5e3,6").unwrap(), expected);
        assert_eq!(file(b"# a kernel\n1 -2.5 3\r\n4\t5e3, 6\n").unwrap(), expected);
        assert_eq!(text("7").unwrap().size, Size::new(1, 1));
    }

    #[test]
    fn arrays_are_read_in_both_orders() {
        let rows = npy(
            "{'descr': '<i2', 'fortran_order': False, 'shape': (2, 3), }\n",
            &[1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 255, 255],
        );
        let matrix = file(&rows).unwrap();
        assert_eq!((matrix.size, matrix.row(1)), (Size::new(3, 2), &[4.0, 5.0, -1.0][..]));
        let columns = npy(
            "{'descr': '>u2', 'fortran_order': True, 'shape': (2, 3), }",
            &[0, 1, 0, 4, 0, 2, 0, 5, 0, 3, 0, 6],
        );
        assert_eq!(file(&columns).unwrap().values, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    }

    #[test]
    fn what_is_no_matrix_is_refused() {
        for wrong in ["", " ; ", "1 2; 3", "1 x", "1 nan", "inf"] {
            assert_eq!(text(wrong).unwrap_err().kind(), swathe_core::ErrorKind::Usage, "{wrong}");
        }
        let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), }";
        assert!(
            file(&npy(header, &[0; 31]))
                .unwrap_err()
                .to_string()
                .contains("`kernel.npy`: the `.npy` array ends")
        );
        let huge = header.replace("(2, 2)", "(18446744073709551615, 18446744073709551615)");
        assert!(file(&npy(&huge, &[0; 32])).is_err());
        assert!(file(&npy(&header.replace("<f8", "<c8"), &[0; 32])).is_err());
        assert!(file(&npy(&header.replace("(2, 2)", "(2, 2, 1)"), &[0; 32])).is_err());
        assert!(file(b"\x93NUMPY").is_err());
        assert!(file(b"\xff\xfe1").is_err());
    }
}
