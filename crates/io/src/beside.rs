//! What files beside a raster's file say of it: GDAL's auxiliary XML, rational polynomials, world files.
//!
//! Source: GDAL's `GDALPamDataset` and `GDALPamRasterBand` (`NAME.aux.xml`), its readers of `.RPB` and `_RPC.TXT`, and
//! `GDALLoadWorldFile`. As in GDAL, what the auxiliary XML says goes before what the file itself says, and a world file is
//! heeded only where neither says where the raster lies.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use roxmltree::{Document, Node};
use swathe_core::{
    Colour, ControlPoint, ForeignTag, GeoTransform, Georeferencing, MetadataItem, RasterInfo, Scalar,
};

use crate::systems::keys_of_wkt;

/// A file beside a raster is read whole; none is longer.
const MOST_BYTES: u64 = 8 << 20;
/// The tag of rational polynomial coefficients (RPCs in GeoTIFF, 2007), its field type, and its values: GDAL's name in the domain
/// `RPC`, Maxar's in an `.RPB`, and how many.
const RPC: u16 = 50844;
const DOUBLE: u16 = 12;
const RPC_VALUES: [(&str, &str, usize); 16] = [
    ("ERR_BIAS", "errBias", 1),
    ("ERR_RAND", "errRand", 1),
    ("LINE_OFF", "lineOffset", 1),
    ("SAMP_OFF", "sampOffset", 1),
    ("LAT_OFF", "latOffset", 1),
    ("LONG_OFF", "longOffset", 1),
    ("HEIGHT_OFF", "heightOffset", 1),
    ("LINE_SCALE", "lineScale", 1),
    ("SAMP_SCALE", "sampScale", 1),
    ("LAT_SCALE", "latScale", 1),
    ("LONG_SCALE", "longScale", 1),
    ("HEIGHT_SCALE", "heightScale", 1),
    ("LINE_NUM_COEFF", "lineNumCoef", 20),
    ("LINE_DEN_COEFF", "lineDenCoef", 20),
    ("SAMP_NUM_COEFF", "sampNumCoef", 20),
    ("SAMP_DEN_COEFF", "sampDenCoef", 20),
];

/// Adds to `info` what the files beside `path` say; returns their names, and of those that cannot be understood the reason.
/// Pixels can be read without them, so that none of them is an error.
pub(crate) fn add(path: &Path, info: &mut RasterInfo) -> Vec<String> {
    let mut said = Vec::new();
    let mut heed = |file: PathBuf, read: &mut dyn FnMut(&str) -> Option<()>| {
        let Some(text) = text_of(&file) else { return };
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let understood = text.and_then(|text| read(&text).ok_or("it is not understood"));
        said.push(match understood {
            Ok(()) => name,
            Err(reason) => format!("{name}, which is not heeded: {reason}"),
        });
    };
    heed(auxiliary(path), &mut |text| add_auxiliary(text, info));
    let has_polynomials = info.metadata.foreign_tags.iter().any(|tag| tag.id == RPC);
    if let Some(file) = polynomials(path).filter(|_| !has_polynomials) {
        heed(file, &mut |text| add_polynomials(|name, count| numbers_in(text, name, count), info));
    }
    let place = &info.georeferencing;
    let has_place = place.transform.is_some() || !place.control_points.is_empty();
    if let Some(file) = world(path).filter(|_| !has_place) {
        heed(file, &mut |text| {
            info.georeferencing.transform = Some(world_transform(text)?);
            Some(())
        });
    }
    said
}

/// The files beside `path` on which the result of a computation depends: those that say what no data is.
pub(crate) fn decisive(path: &Path) -> Option<PathBuf> {
    let file = auxiliary(path);
    let text = text_of(&file)?.ok()?;
    ["<NoDataValue", "<ColorInterp>Alpha"].iter().any(|part| text.contains(part)).then_some(file)
}

fn auxiliary(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".aux.xml");
    name.into()
}

/// The first of these endings, in small letters or capitals, that there is a file of.
fn first_of(path: &Path, endings: &[String]) -> Option<PathBuf> {
    let stem = path.with_extension("").into_os_string();
    let named = |ending: &str| {
        let mut name = stem.clone();
        name.push(ending);
        PathBuf::from(name)
    };
    endings
        .iter()
        .flat_map(|ending| {
            [named(ending), named(&ending.to_ascii_lowercase()), named(&ending.to_ascii_uppercase())]
        })
        .find(|file| file.is_file())
}

fn polynomials(path: &Path) -> Option<PathBuf> {
    first_of(path, &[".RPB".to_owned(), "_RPC.TXT".to_owned()])
}

/// `.tfw` and `.tifw` for `.tif`, `.wld` for any.
fn world(path: &Path) -> Option<PathBuf> {
    let ending = path.extension().unwrap_or_default().to_string_lossy().into_owned();
    let mut endings = Vec::new();
    if let (Some(first), Some(last)) = (ending.chars().next(), ending.chars().last()) {
        endings.extend([format!(".{first}{last}w"), format!(".{ending}w")]);
    }
    endings.push(".wld".to_owned());
    first_of(path, &endings)
}

/// The text of a file, where there is one.
fn text_of(file: &Path) -> Option<Result<String, &'static str>> {
    let opened = file.is_file().then(|| fs::File::open(file).ok()).flatten()?;
    let mut bytes = Vec::new();
    Some(match opened.take(MOST_BYTES + 1).read_to_end(&mut bytes) {
        Err(_) => Err("it cannot be read"),
        Ok(_) if bytes.len() as u64 > MOST_BYTES => Err("it is longer than 8 MiB"),
        Ok(_) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
    })
}

/// A = width and D of a pixel's side, B and E of the other, and the centre of the first pixel.
fn world_transform(text: &str) -> Option<GeoTransform> {
    let mut numbers = text.split_whitespace().map(|word| word.replace(',', ".").parse::<f64>().ok());
    let mut next = || numbers.next().flatten().filter(|number| number.is_finite());
    let [a, d, b, e, x, y] = [next()?, next()?, next()?, next()?, next()?, next()?];
    let sides = (a != 0.0 || b != 0.0) && (d != 0.0 || e != 0.0);
    sides.then_some(GeoTransform([x - 0.5 * (a + b), a, b, y - 0.5 * (d + e), d, e]))
}

/// Adds what GDAL's auxiliary XML says.
fn add_auxiliary(text: &str, info: &mut RasterInfo) -> Option<()> {
    let document = Document::parse(text).ok()?;
    let root = document.root_element();
    if !root.has_tag_name("PAMDataset") {
        return None;
    }
    add_place(root, &mut info.georeferencing);
    for metadata in root.children().filter(|node| node.has_tag_name("Metadata")) {
        match metadata.attribute("domain") {
            Some("RPC") => {
                let value = |name: &str, count| floats(item_of(metadata, name)?, count);
                add_polynomials(value, info);
            }
            _ => add_items(metadata, None, info),
        }
    }
    let bands = root.children().filter(|node| node.has_tag_name("PAMRasterBand"));
    for band in bands {
        let number = band.attribute("band").and_then(|number| number.parse::<usize>().ok());
        if let Some(number) =
            number.and_then(|number| number.checked_sub(1)).filter(|&band| band < info.bands)
        {
            add_band(band, number, info);
        }
    }
    Some(())
}

fn add_place(root: Node<'_, '_>, place: &mut Georeferencing) {
    let points = child(root, "GCPList");
    let system = child_text(root, "SRS").or_else(|| points.and_then(|points| points.attribute("Projection")));
    if let Some(wkt) = system.filter(|wkt| !wkt.trim().is_empty()) {
        (place.keys, place.wkt) = (Some(keys_of_wkt(wkt)), Some(wkt.to_owned()));
    }
    if let Some(transform) = child_text(root, "GeoTransform").and_then(|text| floats(text, 6)) {
        place.transform = transform.try_into().ok().map(GeoTransform);
        place.control_points.clear();
    }
    let point = |node: Node<'_, '_>| {
        let number = |name: &str| node.attribute(name)?.trim().parse::<f64>().ok();
        Some(ControlPoint {
            raster: [number("Pixel")?, number("Line")?, 0.0],
            map: [number("X")?, number("Y")?, number("Z").unwrap_or(0.0)],
        })
    };
    let found = points.into_iter().flat_map(|points| points.children()).filter_map(point).collect::<Vec<_>>();
    if !found.is_empty() {
        place.control_points = found;
    }
}

fn add_band(node: Node<'_, '_>, band: usize, info: &mut RasterInfo) {
    if let Some(nodata) = child_text(node, "NoDataValue").and_then(|text| Scalar::parse(text.trim()).ok()) {
        // One for all bands, as TIFF has it.
        info.nodata = Some(nodata);
    }
    for (tag, name, role) in [
        ("Description", "DESCRIPTION", "description"),
        ("UnitType", "UNITTYPE", "unittype"),
        ("Offset", "OFFSET", "offset"),
        ("Scale", "SCALE", "scale"),
    ] {
        if let Some(value) = child_text(node, tag) {
            let (name, role, value) = (name.to_owned(), role.to_owned(), value.to_owned());
            put(MetadataItem { name, value, band: Some(band), role, domain: String::new() }, info);
        }
    }
    for metadata in node.children().filter(|node| node.has_tag_name("Metadata")) {
        add_items(metadata, Some(band), info);
    }
    let colour = match child_text(node, "ColorInterp") {
        Some("Gray") => Some(Colour::Gray),
        Some("Red") => Some(Colour::Red),
        Some("Green") => Some(Colour::Green),
        Some("Blue") => Some(Colour::Blue),
        Some("Alpha") => Some(Colour::Alpha),
        Some("Undefined") => Some(Colour::Undefined),
        _ => None,
    };
    if let (Some(colour), Some(kept)) = (colour, info.metadata.colours.get_mut(band)) {
        *kept = colour;
    }
    if let Some(table) = child(node, "ColorTable").filter(|_| info.bands == 1 && info.sample_type.size() == 1)
    {
        let entry = |node: Node<'_, '_>| {
            let part = |name: &str| Some(u16::from(node.attribute(name)?.parse::<u8>().ok()?) * 257);
            Some([part("c1")?, part("c2")?, part("c3")?])
        };
        let entries = table.children().filter(|node| node.has_tag_name("Entry"));
        let mut palette = entries.map_while(entry).take(256).collect::<Vec<_>>();
        palette.resize(256, [0; 3]);
        (info.metadata.palette, info.metadata.colours) = (palette, vec![Colour::Palette]);
    }
}

/// Adds the items of one domain. What the layout and the encoding are is the file's own to say.
fn add_items(metadata: Node<'_, '_>, band: Option<usize>, info: &mut RasterInfo) {
    const OWN: [&str; 3] = ["IMAGE_STRUCTURE", "SUBDATASETS", "DERIVED_SUBDATASETS"];
    let domain = metadata.attribute("domain").unwrap_or_default();
    if OWN.contains(&domain) || metadata.attribute("format").is_some() {
        return;
    }
    for node in metadata.children().filter(|node| node.has_tag_name("MDI")) {
        let (Some(name), value) = (node.attribute("key"), node.text().unwrap_or_default()) else { continue };
        if (name, domain, band) == ("AREA_OR_POINT", "", None) {
            info.georeferencing.pixel_is_point = value == "Point";
            continue;
        }
        let (name, value, domain) = (name.to_owned(), value.to_owned(), domain.to_owned());
        put(MetadataItem { name, value, band, role: String::new(), domain }, info);
    }
}

/// Puts an item in the place of one of the same name, or behind the others.
fn put(item: MetadataItem, info: &mut RasterInfo) {
    let same = |other: &&mut MetadataItem| {
        other.band == item.band
            && other.domain == item.domain
            && if item.role.is_empty() { other.name == item.name } else { other.role == item.role }
    };
    match info.metadata.items.iter_mut().find(same) {
        Some(kept) => *kept = item,
        None => info.metadata.items.push(item),
    }
}

/// Adds rational polynomials of which `value` tells the numbers by either name.
fn add_polynomials(value: impl Fn(&str, usize) -> Option<Vec<f64>>, info: &mut RasterInfo) -> Option<()> {
    let mut values = Vec::with_capacity(92);
    for (name, other, count) in RPC_VALUES {
        // Errors need not be known, which -1 says.
        let unknown = || name.starts_with("ERR").then(|| vec![-1.0]);
        values.extend(value(name, count).or_else(|| value(other, count)).or_else(unknown)?);
    }
    let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    info.metadata.foreign_tags.retain(|tag| tag.id != RPC);
    info.metadata.foreign_tags.push(ForeignTag {
        id: RPC,
        field_type: DOUBLE,
        count: values.len() as u64,
        bytes,
    });
    Some(())
}

/// The numbers behind a name: `name = 1;`, `name = ( 1, 2 );`, `NAME: 1 pixels`, or `NAME_1: 1`, `NAME_2: 2`.
fn numbers_in(text: &str, name: &str, count: usize) -> Option<Vec<f64>> {
    let behind = |name: &str| {
        let starts = |at: &usize| {
            let before = text[..*at].chars().next_back();
            before.is_none_or(|c| c.is_whitespace())
                && text[at + name.len()..].trim_start().starts_with(['=', ':'])
        };
        let at = text.match_indices(name).map(|(at, _)| at).find(starts)?;
        text[at + name.len()..].trim_start().get(1..)
    };
    if let Some(rest) = behind(name) {
        return floats(rest, count);
    }
    (1..=count).map(|number| floats(behind(&format!("{name}_{number}"))?, 1)?.pop()).collect()
}

/// The first numbers of a text, between which are spaces, commas and brackets.
fn floats(text: &str, count: usize) -> Option<Vec<f64>> {
    let words = text.split(|c: char| c.is_whitespace() || matches!(c, ',' | '(' | ')' | ';'));
    words
        .filter(|word| !word.is_empty())
        .take(count)
        .map(|word| word.parse().ok())
        .collect::<Option<Vec<f64>>>()
        .filter(|numbers| numbers.len() == count)
}

fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    node.children().find(|child| child.has_tag_name(name))
}

fn child_text<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    child(node, name).and_then(|child| child.text())
}

fn item_of<'a>(metadata: Node<'a, '_>, name: &str) -> Option<&'a str> {
    metadata.children().find(|item| item.attribute("key") == Some(name)).and_then(|item| item.text())
}
