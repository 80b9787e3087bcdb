//! `swathe info FILE`.

use clap::ArgMatches;
use swathe::{Error, Info};

use crate::exit::{Done, print};
use crate::operators::json;
use crate::words;

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches) -> Result<Done, Error> {
    let path = matches.get_one::<String>("FILE").map_or("", String::as_str);
    let info = swathe::info(path, matches.get_flag("stats"))?;
    let text = if matches.get_flag("json") { json(&info)? } else { readable(&info) };
    print(&text)?;
    Ok(Done::Well)
}

fn readable(info: &Info) -> String {
    let mut lines = vec![
        info.name.clone(),
        format!(
            "  size        {} x {} pixels, {} band(s) of {}",
            info.width, info.height, info.bands, info.sample_type
        ),
        format!("  blocks      {} x {}", info.block_width, info.block_height),
        format!(
            "  pixels      {}, stored in {}{}",
            words::bytes(info.pixel_bytes),
            words::bytes(info.stored_bytes),
            info.compression_ratio.map_or_else(String::new, |ratio| format!(" ({ratio:.2} to 1)"))
        ),
    ];
    let mut line = |name: &str, value: String| lines.push(format!("  {name:<11} {value}"));
    for (name, value) in &info.details {
        line(name, value.clone());
    }
    if let Some(nodata) = &info.nodata {
        line("nodata", nodata.clone());
    }
    if info.mask {
        line("mask", "yes".into());
    }
    if let Some([x, dx, turned, y, tilted, dy]) = info.transform {
        line("origin", format!("{x}, {y}"));
        line("pixel size", format!("{dx}, {dy}"));
        if turned != 0.0 || tilted != 0.0 {
            line("rotation", format!("{turned}, {tilted}"));
        }
    }
    if let Some(corners) = &info.corners {
        let [upper_left, upper_right, lower_right, lower_left] = corners.map(|[x, y]| format!("({x}, {y})"));
        line("corners", format!("{upper_left} {upper_right} {lower_right} {lower_left}"));
    }
    let code = info.epsg.map(|code| format!("EPSG:{code}"));
    if code.is_some() || info.system.is_some() {
        let words = [code.as_deref(), info.system.as_deref()];
        line("system", words.into_iter().flatten().collect::<Vec<_>>().join(", "));
    }
    if let Some(vertical) = &info.vertical_system {
        line("heights", vertical.clone());
    }
    if info.pixel_is_point {
        line("pixels are", "points".into());
    }
    if info.control_points > 0 {
        line("ground control points", info.control_points.to_string());
    }
    if info.rational_polynomials {
        line("RPC", "rational polynomial coefficients".into());
    }
    if !info.colours.is_empty() {
        line("colours", info.colours.join(", "));
    }
    if !info.palette.is_empty() {
        line("palette", format!("{} colours", info.palette.len()));
    }
    for (number, band) in info.band_list.iter().enumerate() {
        let words =
            [("", &band.name), ("unit ", &band.unit), ("scale ", &band.scale), ("offset ", &band.offset)];
        let said = words.iter().filter_map(|(what, value)| Some(format!("{what}{}", value.as_ref()?)));
        let said = said.collect::<Vec<_>>();
        if !said.is_empty() {
            line(&format!("band {}", number + 1), said.join(", "));
        }
    }
    let is_told = |name: &str| matches!(name, "DESCRIPTION" | "UNITTYPE" | "SCALE" | "OFFSET");
    for (name, value, band) in info.metadata.iter().filter(|(name, _, band)| band.is_none() || !is_told(name))
    {
        let of = band.map_or_else(String::new, |band| format!(" (band {band})"));
        line("metadata", format!("{name} = {value}{of}"));
    }
    for (number, band) in info.statistics.iter().flatten().enumerate() {
        let value = |value: Option<f64>| value.map_or("none".to_owned(), |value| value.to_string());
        let (least, greatest, mean) = (value(band.minimum), value(band.maximum), value(band.mean));
        let deviation = value(band.standard_deviation);
        line(
            &format!("band {}", number + 1),
            format!(
                "{} valid, minimum {least}, maximum {greatest}, mean {mean}, standard deviation {deviation}",
                band.count
            ),
        );
    }
    lines.join("\n")
}
