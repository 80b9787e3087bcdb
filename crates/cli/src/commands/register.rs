//! `swathe register REFERENCE MOVED`: the shift between two rasters.

use clap::ArgMatches;
use serde_json::{Value, json};
use swathe::{Error, REGISTER, Registration, RegistrationFindings, Shift};

use crate::exit::{Done, print, say};
use crate::progress::Shown;
use crate::{arguments, operators, signals, words};

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches) -> Result<Done, Error> {
    if matches.get_flag("print-job") {
        return Err(Error::unsupported("jobs write a raster; a registration has none to write"));
    }
    let inputs = ["REFERENCE", "MOVED"].map(|name| arguments::input_of(matches, name));
    let given = arguments::parameters_of(&REGISTER, matches).into_iter().collect::<Vec<_>>();
    let settings = arguments::run_settings_of(matches);
    let scratch = matches.get_one::<String>("scratch").map(String::as_str);
    let registration = Registration::new(&REGISTER, inputs, &given, settings, scratch)?;
    if matches.get_flag("plan") {
        return operators::print_plan(&registration.plan()?, matches);
    }
    let quiet = matches.get_flag("quiet");
    let shown = Shown::new(matches.get_one::<String>("progress").map_or("auto", String::as_str), quiet);
    let stop = signals::install()?;
    let found = registration.find(&shown, &stop);
    shown.finish();
    let RegistrationFindings { shift, reports } = found?;
    operators::write_report(&reports, matches)?;
    if matches.get_flag("verbose") {
        reports.iter().for_each(|report| say(&words::report(report)));
    }
    print(&if matches.get_flag("json") { operators::json(&as_json(&shift))? } else { readable(&shift) })?;
    Ok(Done::Well)
}

fn as_json(shift: &Shift) -> Value {
    let second = shift.second.map(|(value, [dx, dy])| json!({ "value": value, "dx": dx, "dy": dy }));
    json!({
        "dx": shift.dx,
        "dy": shift.dy,
        "whole": { "dx": shift.whole[0], "dy": shift.whole[1] },
        "map": shift.map.map(|[dx, dy]| json!({ "dx": dx, "dy": dy })),
        "peak": shift.peak,
        "second": second,
        "ratio": ratio(shift),
        "psr": shift.psr,
    })
}

/// The peak against the second one, where that is above 0.
fn ratio(shift: &Shift) -> Option<f64> {
    shift.second.filter(|(value, _)| *value > 0.0).map(|(value, _)| shift.peak / value)
}

fn readable(shift: &Shift) -> String {
    let mut lines = vec![format!("shift       {:.3} east, {:.3} south, in pixels", shift.dx, shift.dy)];
    if let Some([dx, dy]) = shift.map {
        lines.push(format!("on the map  {dx:.3}, {dy:.3}"));
    }
    lines.push(format!("peak        {:.4} at {}, {}", shift.peak, shift.whole[0], shift.whole[1]));
    if let Some((value, [dx, dy])) = shift.second {
        let times = ratio(shift).map_or(String::new(), |ratio| format!(", {ratio:.2} times lower"));
        lines.push(format!("next        {value:.4} at {dx}, {dy}{times}"));
    }
    if let Some(psr) = shift.psr {
        lines.push(format!("sharpness   {psr:.1} standard deviations above the rest"));
    }
    lines.join("\n")
}
