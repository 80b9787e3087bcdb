//! What GDAL puts beside a file is read as GDAL reads it: `fixtures/tiff/make_beside.py`, and `gdalinfo` of its files.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use swathe_core::{Colour, GeoTransform, RasterInfo, Scalar, Source};
use swathe_io::{OpenOptions, files_of, open};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/tiff").join(name)
}

fn opened(path: &Path) -> Box<dyn Source> {
    open(path.to_str().unwrap(), &OpenOptions::default()).unwrap()
}

fn item<'a>(info: &'a RasterInfo, name: &str, band: Option<usize>, domain: &str) -> Option<&'a str> {
    let found = info
        .metadata
        .items
        .iter()
        .find(|item| (item.name.as_str(), item.band, item.domain.as_str()) == (name, band, domain));
    found.map(|item| item.value.as_str())
}

/// A folder with a fixture of the name, and beside it a file of the text.
fn with_beside(name: &str, other: &str, text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::copy(fixture(name), &path).unwrap();
    std::fs::write(folder.path().join(other), text).unwrap();
    (folder, path)
}

fn details(source: &dyn Source) -> Option<String> {
    source.details().into_iter().find(|(name, _)| *name == "described in").map(|(_, text)| text)
}

#[test]
fn auxiliary_xml_and_polynomials_say_all() {
    let source = opened(&fixture("beside.tif"));
    let info = source.info();
    let place = &info.georeferencing;
    assert_eq!(place.transform, Some(GeoTransform([399_960.0, 10.0, 0.0, 5_300_040.0, 0.0, -10.0])));
    assert_eq!(place.keys.as_ref().and_then(|keys| keys.epsg()), Some(32633));
    assert!(place.wkt.as_ref().unwrap().starts_with("PROJCS[\"WGS 84 / UTM zone 33N\""));
    assert_eq!(info.nodata, Some(Scalar::Integer(3)));
    for (name, band, domain, value) in [
        ("SENSOR", None, "", "MSI"),
        ("REMARK", None, "", "a < b & c"),
        ("CLOUDCOVER", None, "IMAGERY", "3.5"),
        ("WAVELENGTH", Some(0), "", "664.6"),
        ("STATISTICS_MEAN", Some(0), "", "17.411764705882"),
        ("DESCRIPTION", Some(0), "", "red"),
        ("DESCRIPTION", Some(1), "", "near infrared"),
        ("UNITTYPE", Some(1), "", "W/m2"),
        ("SCALE", Some(0), "", "0.0001"),
        ("OFFSET", Some(1), "", "0.25"),
    ] {
        assert_eq!(item(info, name, band, domain), Some(value), "{name}");
    }
    let polynomials = info.metadata.foreign_tags.iter().find(|tag| tag.id == 50844).unwrap();
    let values = polynomials.bytes.as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes));
    let coefficients = (0..4).flat_map(|i| (0..20).map(move |j| f64::from(j) + f64::from(i) / 16.0));
    let expected =
        [0.5, 0.25, 3.0, 4.0, 47.5, 15.25, 10.0, 5.0, 7.0, 0.1, 0.2, 500.0].into_iter().chain(coefficients);
    assert!(values.eq(expected));
    assert_eq!(details(source.as_ref()).as_deref(), Some("beside.tif.aux.xml, beside.RPB"));
}

#[test]
fn world_files_place_what_nothing_else_does() {
    let source = opened(&fixture("world.tif"));
    let found = source.info().georeferencing.transform.unwrap().0;
    let expected = [399_960.0, 8.6602540378, -5.0, 5_300_040.0, -5.0, -8.6602540378];
    assert!(found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-9), "{found:?}");
    for (name, text, heeded) in [
        ("world.TFW", "2\n0\n0\n-2\n11\n19\n", true),
        ("world.tifw", "2 0 0 -2 11 19", true),
        ("world.wld", "2,0\n0\n0\n-2,0\n11\n19\n", true),
        ("world.wld", "2\n0\n0\n-2\n11\n", false),
        ("world.tfw", "0\n0\n0\n0\n1\n1\n", false),
        ("world.tfw", "nan 0 0 1 1 1", false),
    ] {
        let (_folder, path) = with_beside("world.tif", name, text);
        let source = opened(&path);
        let expected = heeded.then_some(GeoTransform([10.0, 2.0, 0.0, 20.0, 0.0, -2.0]));
        assert_eq!(source.info().georeferencing.transform, expected, "{name}: {text}");
        assert_eq!(details(source.as_ref()).unwrap().contains("not heeded"), !heeded, "{name}: {text}");
    }
    // What the file says itself goes before.
    let (folder, path) = with_beside("world.tif", "world.tfw", "2\n0\n0\n-2\n11\n19\n");
    std::fs::write(
        folder.path().join("world.tif.aux.xml"),
        "<PAMDataset><GeoTransform>1, 3, 0, 2, 0, -3</GeoTransform></PAMDataset>",
    )
    .unwrap();
    let transform = opened(&path).info().georeferencing.transform;
    assert_eq!(transform, Some(GeoTransform([1.0, 3.0, 0.0, 2.0, 0.0, -3.0])));
}

#[test]
fn more_that_auxiliary_xml_says() {
    let text = r#"<PAMDataset><GCPList Projection='GEOGCS["x",AUTHORITY["EPSG","4326"]]'>
        <GCP Id="1" Pixel="0.5" Line="1" X="10" Y="50"/><GCP Id="2" Pixel="5" Line="4" X="11" Y="49" Z="7"/></GCPList>
        <Metadata><MDI key="AREA_OR_POINT">Point</MDI></Metadata>
        <Metadata domain="IMAGE_STRUCTURE"><MDI key="INTERLEAVE">PIXEL</MDI></Metadata>
        <PAMRasterBand band="1"><NoDataValue>12</NoDataValue><ColorInterp>Blue</ColorInterp></PAMRasterBand>
        <PAMRasterBand band="9"><Scale>2</Scale></PAMRasterBand></PAMDataset>"#;
    let (_folder, path) = with_beside("world.tif", "world.tif.aux.xml", text);
    let source = opened(&path);
    let info = source.info();
    assert_eq!(info.georeferencing.control_points.len(), 2);
    assert_eq!(info.georeferencing.control_points[1].map, [11.0, 49.0, 7.0]);
    assert_eq!(info.georeferencing.keys.as_ref().and_then(|keys| keys.epsg()), Some(4326));
    assert!(info.georeferencing.pixel_is_point);
    assert_eq!(info.nodata, Some(Scalar::Integer(12)));
    assert_eq!(info.metadata.colours, [Colour::Blue]);
    assert!(info.metadata.items.is_empty(), "{:?}", info.metadata.items);
    // What no data is decides what is computed: the file belongs to the input.
    assert_eq!(files_of(path.to_str().unwrap()).len(), 2);
    assert_eq!(files_of(fixture("world.tif").to_str().unwrap()).len(), 1);
}

#[test]
fn what_is_damaged_is_told_and_passed_over() {
    let deep = "<a>".repeat(200_000);
    for text in ["", "<PAMDataset><SRS>", "<Other/>", deep.as_str(), "\u{0}\u{1}"] {
        let (_folder, path) = with_beside("world.tif", "world.tif.aux.xml", text);
        assert!(details(opened(&path).as_ref()).unwrap().contains("not heeded"));
    }
    let (_folder, path) =
        with_beside("world.tif", "world_RPC.TXT", "LINE_OFF: 3 pixels\nSAMP_OFF: 4 pixels\n");
    assert!(details(opened(&path).as_ref()).unwrap().contains("not heeded"));
}
