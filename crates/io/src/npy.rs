//! NumPy's NPY files: arrays of shape (rows, columns) or (bands, rows, columns).
//!
//! Source: the format's specification, NEP 1 and `numpy.lib.format`, versions 1.0 to 3.0.

use swathe_core::{Error, RasterInfo, Result, SampleType, Size, Source};

use crate::access::InputFile;
use crate::formats::OutputOptions;
use crate::output::OutputPlace;
use crate::strided::{Interleave, StridedDestination, StridedSource, Strides, masked_sample};
use crate::tiff::directory::ByteOrder;

/// What an NPY file begins with.
pub(crate) const MAGIC: &[u8] = b"\x93NUMPY";
/// No header that numpy writes for numbers is longer.
const MOST_HEADER_BYTES: usize = 64 << 10;
/// Samples begin at a multiple of this.
const ALIGNMENT: usize = 64;

/// Opens an NPY file.
///
/// # Errors
/// Damaged, where the header makes no sense or the file is too short; Unsupported, for other types and shapes, by name.
pub(crate) fn open(file: InputFile) -> Result<Box<dyn Source>> {
    let damaged = |what: &str| Error::damaged(format!("`{}`: {what}", file.name()));
    let mut start = [0; 12];
    let length = start.len().min(usize::try_from(file.length()).unwrap_or(usize::MAX));
    file.read_at(0, &mut start[..length])?;
    let (header_start, header_bytes) = match start[6] {
        1 => (10, usize::from(u16::from_le_bytes([start[8], start[9]]))),
        2 | 3 => (12, u32::from_le_bytes([start[8], start[9], start[10], start[11]]) as usize),
        version => {
            return Err(Error::unsupported(format!(
                "`{}`: NPY version {version} is not supported",
                file.name()
            )));
        }
    };
    if header_bytes > MOST_HEADER_BYTES {
        return Err(damaged(&format!("a header of {header_bytes} bytes")));
    }
    let mut header = vec![0; header_bytes];
    file.read_at(header_start as u64, &mut header)?;
    let header = String::from_utf8(header).map_err(|_| damaged("its header is no text"))?;
    let value = |name: &str| {
        dictionary_value(&header, name).ok_or_else(|| damaged(&format!("its header has no `{name}`")))
    };
    let descr = value("descr")?;
    let (sample_type, order) = sample_type(descr.trim_matches(['\'', '"'])).ok_or_else(|| {
        Error::unsupported(format!("`{}`: arrays of {descr} are not supported", file.name()))
    })?;
    let fortran = match value("fortran_order")? {
        "True" => true,
        "False" => false,
        other => return Err(damaged(&format!("fortran_order is {other}"))),
    };
    let shape = value("shape")?.trim_matches(['(', ')']);
    let sides = shape
        .split(',')
        .map(str::trim)
        .filter(|side| !side.is_empty())
        .map(|side| side.parse::<usize>().ok());
    let sides =
        sides.collect::<Option<Vec<_>>>().ok_or_else(|| damaged(&format!("its shape is ({shape})")))?;
    let (bands, size) = match *sides.as_slice() {
        [height, width] => (1, Size::new(width, height)),
        // In Fortran's order bands would be next to each other, which nobody writes for rasters.
        [bands, height, width] if !fortran || bands == 1 => (bands, Size::new(width, height)),
        _ => {
            return Err(Error::unsupported(format!(
                "`{}`: an array of shape ({shape}){} is not supported; rasters are (rows, columns) or (bands, rows, columns)",
                file.name(),
                if fortran { " in Fortran's order" } else { "" }
            )));
        }
    };
    let interleave = if fortran { Interleave::Column } else { Interleave::Band };
    let offset = (header_start + header_bytes) as u64;
    let strides = Strides { size, bands, sample_type, interleave, order, offset };
    let info = RasterInfo::new(size, bands, sample_type);
    Ok(Box::new(StridedSource::new(file, info, strides, "NPY")?))
}

/// The value of a key in a Python dictionary of plain values.
fn dictionary_value<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let start = [format!("'{name}'"), format!("\"{name}\"")]
        .iter()
        .find_map(|key| Some(header.find(key)? + key.len()))?;
    let rest = header[start..].trim_start().strip_prefix(':')?.trim_start();
    let end = if rest.starts_with('(') {
        rest.find(')')? + 1
    } else if rest.starts_with('[') {
        rest.find(']')? + 1
    } else {
        rest.find([',', '}'])?
    };
    Some(rest[..end].trim())
}

fn sample_type(descr: &str) -> Option<(SampleType, ByteOrder)> {
    let order = match descr.chars().next()? {
        '<' => ByteOrder::Little,
        '>' => ByteOrder::Big,
        '|' | '=' => ByteOrder::NATIVE,
        _ => return None,
    };
    let sample_type = match &descr[1..] {
        "u1" | "b1" => SampleType::U8,
        "i1" => SampleType::I8,
        "u2" => SampleType::U16,
        "i2" => SampleType::I16,
        "u4" => SampleType::U32,
        "i4" => SampleType::I32,
        "u8" => SampleType::U64,
        "i8" => SampleType::I64,
        "f4" => SampleType::F32,
        "f8" => SampleType::F64,
        _ => return None,
    };
    Some((sample_type, order))
}

fn descr(sample_type: SampleType) -> String {
    let kind = match sample_type {
        kind if kind.is_float() => 'f',
        kind if kind.is_signed() => 'i',
        _ => 'u',
    };
    let order = match (sample_type.size(), ByteOrder::NATIVE) {
        (1, _) => '|',
        (_, ByteOrder::Little) => '<',
        (_, ByteOrder::Big) => '>',
    };
    format!("{order}{kind}{}", sample_type.size())
}

/// Thinks out an NPY file: (rows, columns) for one band, else (bands, rows, columns).
///
/// # Errors
/// As [`masked_sample`].
pub(crate) fn plan(
    place: OutputPlace,
    info: &RasterInfo,
    options: &OutputOptions,
) -> Result<StridedDestination> {
    let Size { width, height } = info.size;
    let shape = if info.bands == 1 {
        format!("({height}, {width})")
    } else {
        format!("({}, {height}, {width})", info.bands)
    };
    let text =
        format!("{{'descr': '{}', 'fortran_order': False, 'shape': {shape}, }}", descr(info.sample_type));
    // A line break ends the header, spaces fill it up.
    let bytes = (10 + text.len() + 1).next_multiple_of(ALIGNMENT) - 10;
    let mut head = MAGIC.to_vec();
    head.extend([1, 0]);
    head.extend((bytes as u16).to_le_bytes());
    head.extend(format!("{text:<width$}\n", width = bytes - 1).bytes());
    let strides = Strides {
        size: info.size,
        bands: info.bands,
        sample_type: info.sample_type,
        interleave: Interleave::Band,
        order: ByteOrder::NATIVE,
        offset: head.len() as u64,
    };
    let (method, writeback) = (options.method, options.writeback);
    let masked = masked_sample(place.name(), info)?;
    Ok(StridedDestination { place, strides, head, companion: None, masked, method, writeback })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dictionaries_are_read() {
        let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }   \n";
        assert_eq!(dictionary_value(header, "descr"), Some("'<f8'"));
        assert_eq!(dictionary_value(header, "shape"), Some("(3, 4)"));
        assert_eq!(dictionary_value(header, "fortran_order"), Some("False"));
        assert_eq!(dictionary_value("{'descr': [('a', '<i4')]}", "descr"), Some("[('a', '<i4')]"));
        assert_eq!(dictionary_value("{'descr'", "descr"), None);
    }

    #[test]
    fn types_have_numpys_names() {
        for kind in SampleType::ALL {
            assert_eq!(sample_type(&descr(kind)), Some((kind, ByteOrder::NATIVE)));
        }
        assert_eq!(sample_type(">i2"), Some((SampleType::I16, ByteOrder::Big)));
        assert_eq!([sample_type("|O"), sample_type("<f2"), sample_type("<c8"), sample_type("")], [None; 4]);
    }
}
