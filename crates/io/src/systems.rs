//! Coordinate reference systems as text: EPSG's codes in it, and the GeoTIFF keys that say the same.

use swathe_core::GeoKeys;

/// Whether a text is well-known text of a system (OGC 01-009, OGC 18-010).
pub(crate) fn is_wkt(text: &str) -> bool {
    let word = text.trim_start().split('[').next().unwrap_or_default();
    text.contains('[') && (word.ends_with("CS") || word.ends_with("CRS"))
}

/// EPSG's code in `EPSG:32633`, in a URL or URN of OGC's, or at the end of well-known text; and whether it is of degrees.
pub(crate) fn code_of(text: &str) -> Option<(u16, bool)> {
    let digits = |text: &str| {
        let number = text.trim_matches(['"', ' ', ',', ']', ')']);
        number.parse::<u16>().ok()
    };
    if is_wkt(text) {
        // The last authority is that of the whole.
        let at = text.rfind("AUTHORITY[\"EPSG\"").or_else(|| text.rfind("ID[\"EPSG\""))?;
        let code = digits(text[at..].split(',').nth(1)?)?;
        // One that stands within belongs to a part.
        let is_of_whole = text[at..].find(']').is_some_and(|end| text[at + end + 1..].trim() == "]");
        let geographic = text.trim_start().starts_with("GEOG");
        return is_of_whole.then_some((code, geographic));
    }
    let lower = text.to_ascii_lowercase();
    let code = if let Some(code) = lower.strip_prefix("epsg:") {
        digits(code)?
    } else if lower.contains("/epsg/") || lower.contains(":epsg:") {
        digits(lower.rsplit(['/', ':']).next()?)?
    } else {
        return None;
    };
    Some((code, GeoKeys::is_geographic_code(code)))
}

/// A system as text, as keys: EPSG's code where the text names one of the whole, else user-defined, with the text as its
/// citation, which GDAL and ArcGIS read so.
pub(crate) fn keys_of_wkt(wkt: &str) -> GeoKeys {
    if let Some((code, geographic)) = code_of(wkt) {
        return GeoKeys::of_code(code, geographic);
    }
    let text = format!("ESRI PE String = {wkt}|");
    let length = u16::try_from(text.len()).unwrap_or(0);
    let geographic = wkt.trim_start().to_ascii_uppercase().starts_with("GEOG");
    let (model, code, citation) = if geographic { (2, 2048, 2049) } else { (1, 3072, 3073) };
    let user = 32767;
    let mut directory = vec![1, 1, 0, 4, 1024, 0, 1, model, 1025, 0, 1, 1, code, 0, 1, user];
    directory.extend([citation, 34737, length, 0]);
    GeoKeys { directory, doubles: Vec::new(), text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_found() {
        for (text, code) in [
            ("EPSG:32633", Some((32633, false))),
            ("http://www.opengis.net/def/crs/EPSG/0/4326", Some((4326, true))),
            ("urn:ogc:def:crs:EPSG::3035", Some((3035, false))),
            (
                "GEOGCS[\"WGS 84\",UNIT[\"degree\",0.01,AUTHORITY[\"EPSG\",\"9122\"]],AUTHORITY[\"EPSG\",\"4326\"]]",
                Some((4326, true)),
            ),
            (
                "PROJCRS[\"x\",BASEGEOGCRS[\"WGS 84\",ID[\"EPSG\",4326]],ID[\"EPSG\",32633]]",
                Some((32633, false)),
            ),
            ("PROJCRS[\"x\",BASEGEOGCRS[\"WGS 84\",ID[\"EPSG\",4326]]]", None),
            ("EPSG:99999999", None),
            ("OGC:CRS84", None),
        ] {
            assert_eq!(code_of(text), code, "{text}");
        }
    }
}
