//! What decides the matching of chips.

use swathe_core::{Error, NodataPolicy, Result};

use super::grid::ChipGrid;
use crate::transform::registration::Subpixel;

/// What decides the matching of chips.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChipOptions {
    /// Where the chips lie in the reference.
    pub grid: ChipGrid,
    /// How far from the expected shift is searched along each axis, in pixels.
    pub search: usize,
    /// The shift that is expected, where it is known.
    pub initial: Initial,
    /// The least correlation that makes a tie point.
    pub least_correlation: f64,
    /// The least share of a chip's pixels that must be data in both rasters.
    pub least_valid: f64,
    /// How the peak is looked for between pixels.
    pub subpixel: Subpixel,
    /// What tie points are held against.
    pub model: Model,
    /// What counts as data.
    pub policy: NodataPolicy,
}

/// Where the search begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Initial {
    /// At this shift in whole pixels.
    Shift([i64; 2]),
    /// At the shift between copies of both rasters that are so many times smaller, by correlation of the whole.
    Fft,
}

/// What tie points are held against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Model {
    /// The same shift everywhere.
    Shift,
    /// An affine map: shift, rotation, scale and shear.
    #[default]
    Affine,
}

/// The greatest shift that a search begins at.
const GREATEST_INITIAL: f64 = (1_u64 << 30) as f64;

impl Initial {
    /// Reads `DX,DY` or `fft`.
    ///
    /// # Errors
    /// Usage, for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        if text == "fft" {
            return Ok(Initial::Fft);
        }
        let numbers = text.split(',').map(|part| part.trim().parse::<f64>());
        match numbers.collect::<Result<Vec<_>, _>>().as_deref() {
            Ok(&[dx, dy]) if dx.abs() <= GREATEST_INITIAL && dy.abs() <= GREATEST_INITIAL => {
                Ok(Initial::Shift([dx.round() as i64, dy.round() as i64]))
            }
            _ => Err(Error::usage(format!(
                "--initial: `{text}` is neither `fft` nor a shift in pixels, such as `37,-12`"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shifts_are_read() {
        assert_eq!(Initial::parse("37.4, -12").unwrap(), Initial::Shift([37, -12]));
        assert_eq!(Initial::parse("fft").unwrap(), Initial::Fft);
        for wrong in ["", "3", "1,2,3", "1,x", "nan,0", "1e99,0"] {
            assert!(Initial::parse(wrong).unwrap_err().to_string().contains("--initial"), "{wrong}");
        }
    }
}
