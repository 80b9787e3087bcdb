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
use crate::systems::keys_of_wkt;
use crate::tiff::directory::ByteOrder;

/// A header is read whole; none is longer.
const MOST_HEADER_BYTES: u64 = 16 << 20;
/// Datums of UTM zones: ENVI's name, whether zones are in the south, and EPSG's numbers of the zones, without the zone.
const UTM: [(&str, bool, u16, std::ops::RangeInclusive<u16>); 4] = [
    ("WGS-84", false, 32600, 1..=60),
    ("WGS-84", true, 32700, 1..=60),
    ("North America 1983", false, 26900, 1..=23),
    ("North America 1927", false, 26700, 1..=22),
];
/// Other systems that have names in ENVI: name, datum, and EPSG's number.
const GEOGRAPHIC: [(&str, u16); 3] =
    [("WGS-84", 4326), ("North America 1983", 4269), ("North America 1927", 4267)];
/// Entries of the header that hold a system's GeoTIFF keys, for which ENVI has no names: the directory, numbers and text.
const KEYS: [&str; 3] = ["geotiff key directory", "geotiff double params", "geotiff ascii params"];
/// Angles that differ by less are one rotation.
const SAME_ANGLE: f64 = 1e-9;

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
    // To open a pipe is to wait for whoever writes into it.
    path.is_file()
        && std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok()
        && &start == b"ENVI"
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
        let map = self.list("map info");
        let transform = map_transform(&map);
        let keys = self.keys().or_else(|| transform.and_then(|_| code_of_map(&map)).map(keys_of_code));
        let wkt = self.get("coordinate system string").map(str::to_owned);
        let keys = keys.or_else(|| wkt.as_deref().map(keys_of_wkt));
        Georeferencing { transform, keys, wkt, ..Georeferencing::default() }
    }

    /// The keys that this program wrote.
    fn keys(&self) -> Option<GeoKeys> {
        let numbers = |key: &str| self.list(key).into_iter().filter(|number| !number.is_empty());
        let directory = numbers(KEYS[0]).map(|number| number.parse().ok()).collect::<Option<Vec<u16>>>()?;
        let doubles = numbers(KEYS[1]).map(|number| number.parse().ok()).collect::<Option<Vec<f64>>>()?;
        let text = self.get(KEYS[2]).unwrap_or_default().to_owned();
        (directory.len() >= 4).then_some(GeoKeys { directory, doubles, text })
    }
}

/// The transform of `map info`: a reference pixel that counts from 1, at its outer corner, its place, the size of pixels,
/// and by how many degrees they are turned (as GDAL reads it).
fn map_transform(map: &[&str]) -> Option<GeoTransform> {
    let number = |index: usize| map.get(index).and_then(|value| value.parse::<f64>().ok());
    let [x, y, east, north, dx, dy] =
        [number(1)?, number(2)?, number(3)?, number(4)?, number(5)?, number(6)?];
    let turned = map.iter().find_map(|part| part.strip_prefix("rotation=")).map(str::trim);
    let (sine, cosine) = match turned.and_then(|degrees| degrees.parse::<f64>().ok()) {
        None | Some(0.0) => (0.0, 1.0),
        Some(degrees) => degrees.to_radians().sin_cos(),
    };
    let steps = [dx * cosine, dx * sine, dy * sine, -dy * cosine];
    let (across, down) = (x - 1.0, y - 1.0);
    Some(GeoTransform([
        east - across * steps[0] - down * steps[1],
        steps[0],
        steps[1],
        north - across * steps[2] - down * steps[3],
        steps[2],
        steps[3],
    ]))
}

/// EPSG's number of the system that `map info` names, where it has one.
fn code_of_map(map: &[&str]) -> Option<u16> {
    let on = |datum: &str| map.iter().any(|part| part.eq_ignore_ascii_case(datum));
    match *map.first()? {
        "UTM" => {
            let zone = map.get(7)?.parse::<u16>().ok()?;
            let south = map.get(8).is_some_and(|half| half.eq_ignore_ascii_case("South"));
            let found = UTM
                .iter()
                .find(|(datum, half, _, zones)| on(datum) && *half == south && zones.contains(&zone));
            found.map(|(.., first, _)| first + zone)
        }
        "Geographic Lat/Lon" => GEOGRAPHIC.iter().find(|(datum, _)| on(datum)).map(|(_, code)| *code),
        _ => None,
    }
}

/// The keys of a system that `map info` names.
fn keys_of_code(code: u16) -> GeoKeys {
    GeoKeys::of_code(code, GEOGRAPHIC.iter().any(|(_, known)| *known == code))
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
    let (method, writeback) = (options.method, options.writeback);
    Ok(StridedDestination {
        place,
        strides,
        head: Vec::new(),
        companion: Some(companion),
        masked,
        method,
        writeback,
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
    } else if let Some(keys) = info.georeferencing.keys.as_ref().filter(|keys| !is_named(keys)) {
        let list = |values: Vec<String>| values.join(", ");
        let directory = list(keys.directory.iter().map(u16::to_string).collect());
        let doubles = list(keys.doubles.iter().map(f64::to_string).collect());
        let values = [directory, doubles, plain(&keys.text)];
        for (key, value) in KEYS.iter().zip(values).filter(|(_, value)| !value.is_empty()) {
            text += &format!("{key} = {{{value}}}\n");
        }
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

/// Whether `map info` alone says which system keys mean.
fn is_named(keys: &GeoKeys) -> bool {
    keys.epsg().is_some_and(|code| system_of(code).is_some())
}

/// What `map info` calls a system: before the place and behind it.
fn system_of(code: u16) -> Option<(&'static str, String)> {
    let utm = UTM.iter().find(|(.., first, zones)| code > *first && zones.contains(&(code - first)));
    if let Some((datum, south, first, _)) = utm {
        let half = if *south { "South" } else { "North" };
        return Some(("UTM", format!("{}, {half}, {datum}, units=Meters", code - first)));
    }
    let geographic = GEOGRAPHIC.iter().find(|(_, known)| *known == code);
    geographic.map(|(datum, _)| ("Geographic Lat/Lon", format!("{datum}, units=Degrees")))
}

/// The map, where its pixels are rectangles that are turned at most.
fn map_info(georeferencing: &Georeferencing) -> Option<String> {
    let [left, across_x, down_x, top, across_y, down_y] = georeferencing.transform?.0;
    let straight = down_x == 0.0 && across_y == 0.0;
    let (dx, dy, turned) = if straight {
        (across_x, -down_y, String::new())
    } else {
        let angles = [down_x.atan2(across_x), across_y.atan2(-down_y)];
        if (angles[0] - angles[1]).abs() > SAME_ANGLE {
            return None;
        }
        (across_x.hypot(down_x), across_y.hypot(down_y), format!(", rotation={}", angles[0].to_degrees()))
    };
    let place = format!("1, 1, {left}, {top}, {dx}, {dy}");
    let code = georeferencing.keys.as_ref().and_then(GeoKeys::epsg);
    Some(match code.and_then(system_of) {
        Some((name, system)) => format!("{name}, {place}, {system}{turned}"),
        None => format!("Arbitrary, {place}{turned}"),
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
    fn turned_maps_are_read_as_gdal_reads_them() {
        let text = "ENVI\nmap info = {UTM, 2, 1, 100, 200, 10, 10, 33, North, WGS-84, rotation=12}";
        let transform = Header::parse(text).georeferencing().transform.unwrap().0;
        let (sine, cosine) = 12_f64.to_radians().sin_cos();
        let expected = [
            100.0 - 10.0 * cosine,
            10.0 * cosine,
            10.0 * sine,
            200.0 - 10.0 * sine,
            10.0 * sine,
            -10.0 * cosine,
        ];
        assert!(transform.iter().zip(expected).all(|(own, wanted)| (own - wanted).abs() < 1e-12));
        let georeferencing =
            Georeferencing { transform: Some(GeoTransform(transform)), ..Georeferencing::default() };
        let written = map_info(&georeferencing).unwrap();
        let again = map_transform(&written.split(',').map(str::trim).collect::<Vec<_>>()).unwrap().0;
        assert!(transform.iter().zip(again).all(|(own, wanted)| (own - wanted).abs() < 1e-9), "{written}");
        let sheared = Georeferencing {
            transform: Some(GeoTransform([0.0, 1.0, 0.5, 0.0, 0.0, -1.0])),
            ..georeferencing
        };
        assert_eq!(map_info(&sheared), None);
    }

    #[test]
    fn systems_without_a_name_in_envi_come_back_as_keys() {
        let text = "RGF93 v1 / Lambert-93|".to_owned();
        let directory = vec![1, 1, 0, 3, 1024, 0, 1, 1, 1026, 34737, 22, 0, 3072, 0, 1, 2154];
        let keys = GeoKeys { directory, doubles: vec![46.5, -1e-9], text };
        let mut info = RasterInfo::new(Size::new(3, 2), 1, SampleType::U8);
        info.georeferencing.transform = Some(GeoTransform([7.0, 1.0, 0.0, 9.0, 0.0, -1.0]));
        info.georeferencing.keys = Some(keys.clone());
        let strides = Strides {
            size: info.size,
            bands: 1,
            sample_type: SampleType::U8,
            interleave: Interleave::Band,
            order: ByteOrder::NATIVE,
            offset: 0,
        };
        let read = Header::parse(&header_text(&info, &strides, 1)).georeferencing();
        assert_eq!((read.keys, read.transform), (Some(keys), info.georeferencing.transform));
        // A text alone becomes a citation that GDAL reads.
        let text = "ENVI\ncoordinate system string = {PROJCS[\"a\",GEOGCS[\"b\"]]}";
        let keys = Header::parse(text).georeferencing().keys.unwrap();
        assert_eq!(keys.text_of(3073), Some("ESRI PE String = PROJCS[\"a\",GEOGCS[\"b\"]]"));
        assert_eq!((keys.short(1024), keys.epsg()), (Some(1), None));
        for (code, words) in [
            (26917, "17, North, North America 1983"),
            (32733, "33, South, WGS-84"),
            (4269, "North America 1983"),
        ] {
            info.georeferencing.keys = Some(keys_of_code(code));
            let text = header_text(&info, &strides, 1);
            assert!(text.contains(words), "{text}");
            assert_eq!(Header::parse(&text).georeferencing().keys.unwrap().epsg(), Some(code));
        }
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
