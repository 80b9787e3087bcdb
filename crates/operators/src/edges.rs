//! Derivatives: how fast values change from pixel to pixel.

use swathe_core::{RasterInfo, SampleType, Scalar};

pub mod gradient;
pub mod laplacian;

const TYPES: &str = "8- and 16-bit integers are computed in f32, exactly but for the root, all others in f64; the output is f32, and f64\nfor 32- and 64-bit integers and f64, or --type, rounded half away from zero and saturated";
const NODATA: &str = "a pixel without data, or with a neighbour without that counts, has none; with float output NaN stands for it";

/// The type of a derivative where none is asked for: signed, and as fine as the input.
pub(crate) fn derivative_type(input: SampleType) -> SampleType {
    if input.fits_f32() { SampleType::F32 } else { SampleType::F64 }
}

/// A raster of derivatives: other numbers than the input's, among which its nodata value may well occur.
pub(crate) fn derivative(input: &RasterInfo, sample_type: SampleType) -> RasterInfo {
    let mut output = input.with_new_values(sample_type);
    if sample_type.is_float() {
        output.nodata = input.nodata.map(|_| Scalar::Float(f64::NAN));
    }
    output
}
