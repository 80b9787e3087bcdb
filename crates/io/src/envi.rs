//! ENVI: samples in one file, and a text header beside it.
//!
//! Source: L3Harris, ENVI Header Files; what GDAL's driver reads and writes is kept.

use std::path::{Path, PathBuf};

use swathe_core::{
    Error, GeoKeys, GeoTransform, Georeferencing, MetadataItem, RasterInfo, Result, SampleType, Scalar, Size,
    Source,
};

use crate::access::{AccessMethod, InputFile};
use crate::formats::OutputOptions;
use crate::output::OutputPlace;
use crate::raw::parse_interleave;
use crate::strided::{Companion, Interleave, StridedDestination, StridedSource, Strides, masked_sample};
use crate::tiff::directory::ByteOrder;

/// A header is read whole; none is longer.
const MOST_HEADER_BYTES: u64 = 16 << 20;
/// EPSG's numbers of the UTM zones on WGS 84: north, and south.
const UTM: [u16; 2] = [32600, 32700];

/// The header that belongs to a file of samples, where there is one.
pub(crate) fn header_of(path: &Path) -> Option<PathBuf> {
    let beside = |ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let candidates = [path.with_extension("hdr"), beside(".hdr"), path.with_extension("HDR")];
    candidates.into_iter().find(|header| header != path && is_header(header))
}

/// The file of samples that belongs to a header.
pub(crate) fn data_of(header: &Path) -> Option<PathBuf> {
    let stem = header.with_extension("");
    let endings = ["img", "dat", "bsq", "bil", "bip", "raw", "bin"];
    let candidates =
        std::iter::once(stem.clone()).chain(endings.iter().map(|ending| stem.with_extension(ending)));
    candidates.into_iter().find(|data| data.is_file())
}

/// True of a text file that begins as ENVI headers do.
pub(crate) fn is_header(path: &Path) -> bool {
    use std::io::Read;
    let mut start = [0; 4];
    std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && &start == b"ENVI"
}

/// Opens the samples beside a header.
///
/// # Errors
/// Damaged, where the header makes no sense or the samples are too few; Unsupported, for other types, by name.
pub(crate) fn open(data: &str, header: &Path, access: Option<AccessMethod>) -> Result<Box<dyn Source>> {
    let name = header.display();
    let cannot = |error| Error::io(format_args!("cannot read `{name}`"), error);
    let length = std::fs::metadata(header).map_err(cannot)?.len();
    if length > MOST_HEADER_BYTES {
        return Err(Error::damaged(format!("`{name}`: a header of {length} bytes")));
    }
    let text = std::fs::read(header).map_err(cannot)?;
    let header = Header::parse(&String::from_utf8_lossy(&text));
    let wrong = |key: &str| Error::damaged(format!("`{name}`: `{key}` is missing or no number"));
    let number = |key: &str| header.get(key).and_then(|value| value.parse::<usize>().ok());
    let size = Size::new(
        number("samples").ok_or_else(|| wrong("samples"))?,
        number("lines").ok_or_else(|| wrong("lines"))?,
    );
    let bands =
        if header.get("bands").is_some() { number("bands").ok_or_else(|| wrong("bands"))? } else { 1 };
    let code = number("data type").ok_or_else(|| wrong("data type"))?;
    let sample_type = type_of(code).ok_or_else(|| {
        let what = if matches!(code, 6 | 9) { " (complex)" } else { "" };
        Error::unsupported(format!("`{name}`: data type {code}{what} is not supported"))
    })?;
    let interleave = header.get("interleave").map_or(Some(Interleave::Band), parse_interleave);
    let interleave = interleave
        .ok_or_else(|| Error::damaged(format!("`{name}`: the interleave is none of bsq, bil, bip")))?;
    let order = match header.get("byte order") {
        None | Some("0") => ByteOrder::Little,
        Some("1") => ByteOrder::Big,
        Some(other) => {
            return Err(Error::damaged(format!("`{name}`: the byte order is `{other}`, and not 0 or 1")));
        }
    };
    let offset = match header.get("header offset") {
        None => 0,
        Some(_) => number("header offset").ok_or_else(|| wrong("header offset"))? as u64,
    };
    if header.get("file compression").is_some_and(|value| value != "0") {
        return Err(Error::unsupported(format!("`{name}`: compressed ENVI files are not supported")));
    }
    let mut info = RasterInfo::new(size, bands, sample_type);
    header.describe(&mut info);
    let strides = Strides { size, bands, sample_type, interleave, order, offset };
    Ok(Box::new(StridedSource::new(InputFile::open(data, access)?, info, strides, "ENVI")?))
}

fn type_of(code: usize) -> Option<SampleType> {
    match code {
        1 => Some(SampleType::U8),
        2 => Some(SampleType::I16),
        3 => Some(SampleType::I32),
        4 => Some(SampleType::F32),
        5 => Some(SampleType::F64),
        12 => Some(SampleType::U16),
        13 => Some(SampleType::U32),
        14 => Some(SampleType::I64),
        15 => Some(SampleType::U64),
        _ => None,
    }
}

fn code_of(sample_type: SampleType) -> Option<u16> {
    (1..=15).find(|&code| type_of(usize::from(code)) == Some(sample_type))
}

/// The keys and values of a header, keys in lower case.
struct Header {
    entries: Vec<(String, String)>,
}

impl Header {
    fn parse(text: &str) -> Self {
        let mut entries = Vec::new();
        let mut lines = text.lines().skip(1);
        while let Some(line) = lines.next() {
            let Some((key, value)) = line.split_once('=') else { continue };
            let mut value = value.trim().to_owned();
            // A list goes on until its brace is closed.
            while value.starts_with('{') && !value.contains('}') {
                let Some(more) = lines.next() else { break };
                value.push('\n');
                value.push_str(more.trim());
            }
            entries.push((key.trim().to_lowercase(), value.trim_matches(['{', '}']).trim().to_owned()));
        }
        Header { entries }
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.entries.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    fn list(&self, key: &str) -> Vec<&str> {
        self.get(key).map(|value| value.split(',').map(str::trim).collect()).unwrap_or_default()
    }

    /// Puts what the header says beside the shape into `info`.
    fn describe(&self, info: &mut RasterInfo) {
        info.nodata = self.get("data ignore value").and_then(|value| Scalar::parse(value).ok());
        info.georeferencing = self.georeferencing();
        let item = |name: &str, value: &str, band: Option<usize>, role: &str| MetadataItem {
            name: name.to_owned(),
            value: value.to_owned(),
            band,
            role: role.to_owned(),
            domain: String::new(),
        };
        if let Some(description) = self.get("description") {
            info.metadata.items.push(item("DESCRIPTION", description, None, ""));
        }
        let names = self.list("band names");
        if names.len() == info.bands {
            let names = names.iter().enumerate();
            info.metadata
                .items
                .extend(names.map(|(band, name)| item("DESCRIPTION", name, Some(band), "description")));
        }
        let lengths = self.list("wavelength");
        if lengths.len() == info.bands {
            let lengths = lengths.iter().enumerate();
            info.metadata
                .items
                .extend(lengths.map(|(band, length)| item("wavelength", length, Some(band), "")));
        }
    }

    fn georeferencing(&self) -> Georeferencing {
        let mut georeferencing = Georeferencing {
            wkt: self.get("coordinate system string").map(str::to_owned),
            ..Georeferencing::default()
        };
        let map = self.list("map info");
        let number = |index: usize| map.get(index).and_then(|value| value.parse::<f64>().ok());
        let (Some(x), Some(y), Some(east), Some(north), Some(dx), Some(dy)) =
            (number(1), number(2), number(3), number(4), number(5), number(6))
        else {
            return georeferencing;
        };
        // The reference pixel counts from 1, at its outer corner.
        georeferencing.transform =
            Some(GeoTransform([east - (x - 1.0) * dx, dx, 0.0, north + (y - 1.0) * dy, 0.0, -dy]));
        let wgs84 = map.iter().any(|part| part.eq_ignore_ascii_case("WGS-84"));
        let code = match map[0] {
            "UTM" if wgs84 => number(7).filter(|zone| (1.0..=60.0).contains(zone)).map(|zone| {
                let south = map.get(8).is_some_and(|half| half.eq_ignore_ascii_case("South"));
                UTM[usize::from(south)] + zone as u16
            }),
            "Geographic Lat/Lon" if wgs84 => Some(4326),
            _ => None,
        };
        georeferencing.keys = code.map(|code| GeoKeys::of_code(code, code == 4326));
        georeferencing
    }
}

/// Thinks out an ENVI pair.
///
/// # Errors
/// Unsupported, for signed bytes, which the format does not know, and as [`masked_sample`]; Usage, where the header's name is in the way.
pub(crate) fn plan(
    place: OutputPlace,
    info: &RasterInfo,
    options: &OutputOptions,
) -> Result<StridedDestination> {
    let code = code_of(info.sample_type).ok_or_else(|| {
        Error::unsupported(format!(
            "ENVI files hold no {}; `--type i16` holds its values",
            info.sample_type.name()
        ))
    })?;
    let masked = masked_sample(place.name(), info)?;
    let strides = Strides {
        size: info.size,
        bands: info.bands,
        sample_type: info.sample_type,
        interleave: options.interleave.unwrap_or_else(|| by_ending(place.name())),
        order: ByteOrder::NATIVE,
        offset: 0,
    };
    let header = Path::new(place.name()).with_extension("hdr");
    if header == Path::new(place.name()) {
        return Err(Error::usage(format!(
            "`{}` would be the name of the samples and of their header; name the samples, as in `{}`",
            place.name(),
            header.with_extension("img").display()
        )));
    }
    let companion = Companion {
        place: OutputPlace::new(&header.to_string_lossy(), options.existing, &options.inputs)?,
        text: header_text(info, &strides, code),
    };
    let (method, dirty_limit_bytes) = (options.method, options.dirty_limit_bytes);
    Ok(StridedDestination {
        place,
        strides,
        head: Vec::new(),
        companion: Some(companion),
        masked,
        method,
        dirty_limit_bytes,
    })
}

fn by_ending(name: &str) -> Interleave {
    let ending = Path::new(name).extension().map(|ending| ending.to_string_lossy().into_owned());
    ending.and_then(|ending| parse_interleave(&ending)).unwrap_or_default()
}

fn header_text(info: &RasterInfo, strides: &Strides, code: u16) -> String {
    let interleave = match strides.interleave {
        Interleave::Line => "bil",
        Interleave::Pixel => "bip",
        Interleave::Band | Interleave::Column => "bsq",
    };
    let description =
        info.metadata.items.iter().find(|item| item.band.is_none() && item.name == "DESCRIPTION");
    // A brace would end the list that it stands in, and a comma an entry.
    let plain = |text: &str| text.replace(['{', '}'], " ");
    let mut text = "ENVI\n".to_owned();
    if let Some(description) = description {
        text += &format!("description = {{{}}}\n", plain(&description.value));
    }
    text += &format!(
        "samples = {}\nlines = {}\nbands = {}\nheader offset = 0\nfile type = ENVI Standard\n\
         data type = {code}\ninterleave = {interleave}\nbyte order = {}\n",
        info.size.width,
        info.size.height,
        info.bands,
        u8::from(ByteOrder::NATIVE == ByteOrder::Big),
    );
    if let Some(nodata) = info.nodata {
        text += &format!("data ignore value = {nodata}\n");
    }
    if let Some(map) = map_info(&info.georeferencing) {
        text += &format!("map info = {{{map}}}\n");
    }
    if let Some(wkt) = &info.georeferencing.wkt {
        text += &format!("coordinate system string = {{{}}}\n", plain(wkt));
    }
    let per_band = |wanted: &dyn Fn(&MetadataItem) -> bool| {
        let of = |band| info.metadata.items.iter().find(|item| item.band == Some(band) && wanted(item));
        let values = (0..info.bands).map(|band| of(band).map(|item| plain(&item.value).replace(',', " ")));
        values.collect::<Option<Vec<_>>>().map(|values| values.join(", "))
    };
    if let Some(names) = per_band(&|item| item.role == "description") {
        text += &format!("band names = {{{names}}}\n");
    }
    if let Some(lengths) = per_band(&|item| item.name.eq_ignore_ascii_case("wavelength")) {
        text += &format!("wavelength = {{{lengths}}}\n");
    }
    text
}

/// The map, where it is not rotated.
fn map_info(georeferencing: &Georeferencing) -> Option<String> {
    let [left, dx, turned, top, tilted, dy] = georeferencing.transform?.0;
    if turned != 0.0 || tilted != 0.0 {
        return None;
    }
    let place = format!("1, 1, {left}, {top}, {dx}, {}", -dy);
    let code = georeferencing.keys.as_ref().and_then(GeoKeys::epsg);
    Some(match code {
        Some(code @ 32601..=32660) => format!("UTM, {place}, {}, North, WGS-84, units=Meters", code - UTM[0]),
        Some(code @ 32701..=32760) => format!("UTM, {place}, {}, South, WGS-84, units=Meters", code - UTM[1]),
        Some(4326) => format!("Geographic Lat/Lon, {place}, WGS-84, units=Degrees"),
        _ => format!("Arbitrary, {place}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read() {
        let header = Header::parse(
            "ENVI\ndescription = {\n a scene,\n of land }\nsamples = 3\nBand Names = {red, near infrared}\nmap info = {UTM, 1, 1, 399960, 5300040, 10, 20, 33, South, WGS-84}\nodd",
        );
        assert_eq!(header.get("samples"), Some("3"));
        assert_eq!(header.get("description"), Some("a scene,\nof land"));
        assert_eq!(header.list("band names"), ["red", "near infrared"]);
        let georeferencing = header.georeferencing();
        assert_eq!(georeferencing.transform.unwrap().0, [399960.0, 10.0, 0.0, 5300040.0, 0.0, -20.0]);
        assert_eq!(georeferencing.keys.as_ref().unwrap().epsg(), Some(32733));
        assert_eq!(
            map_info(&georeferencing).unwrap(),
            "UTM, 1, 1, 399960, 5300040, 10, 20, 33, South, WGS-84, units=Meters"
        );
    }

    #[test]
    fn every_type_but_one_has_a_code() {
        for kind in SampleType::ALL {
            assert_eq!(
                code_of(kind).and_then(|code| type_of(usize::from(code))),
                (kind != SampleType::I8).then_some(kind)
            );
        }
    }
}
