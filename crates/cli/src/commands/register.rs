//! `swathe register REFERENCE MOVED`: the shift between two rasters.

use std::path::Path;

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Value, json};
use swathe::{
    Error, Model, Motion, Outcome, REGISTER, Registering, RegistrationFindings, Shift, TiePoints,
    refuse_existing, write_png, write_whole,
};

use crate::exit::{Done, print, say};
use crate::progress::Shown;
use crate::{arguments, operators, signals, words};

/// Adds what is written of tie points to the command.
pub(crate) fn with_outputs(command: Command) -> Command {
    let file = |name: &'static str, value: &'static str| Arg::new(name).long(name).value_name(value);
    command
        .arg(
            file("tie-points", "FILE")
                .action(ArgAction::Append)
                .help("write the tie points as a table: FILE.csv, or FILE.geojson in map coordinates; may be given twice (chips only)"),
        )
        .arg(file("picture", "FILE.png").help(
            "draw the tie points over the reference: colours for residuals, arrows for displacements against the middle (chips only)",
        ))
        .arg(
            Arg::new("overwrite")
                .long("overwrite")
                .action(ArgAction::SetTrue)
                .help("replace existing tables and pictures"),
        )
}

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches) -> Result<Done, Error> {
    if matches.get_flag("print-job") {
        return Err(Error::unsupported("jobs write a raster; a registration has none to write"));
    }
    let inputs = ["REFERENCE", "MOVED"].map(|name| arguments::input_of(matches, name));
    let given = arguments::parameters_of(&REGISTER, matches).into_iter().collect::<Vec<_>>();
    let settings = arguments::run_settings_of(matches);
    let registering = Registering::new(&REGISTER, inputs, &given, settings)?;
    let outputs = Outputs::of(matches)?;
    if matches.get_flag("plan") {
        let summary = match &registering {
            Registering::Whole(registration) => registration.plan()?,
            Registering::Chips(chips) => chips.plan()?,
        };
        return operators::print_plan(&summary, matches);
    }
    match &registering {
        Registering::Whole(_) if !outputs.is_empty() => {
            Err(Error::usage("`--tie-points` and `--picture` have their place with `--method chips`"))
        }
        Registering::Whole(registration) => {
            let shown = shown(matches);
            let stop = signals::install()?;
            let found = registration.find(&shown, &stop);
            shown.finish();
            let RegistrationFindings { shift, reports } = found?;
            tell(matches, &reports, &as_json(&shift), &readable(&shift))
        }
        Registering::Chips(chips) => {
            let shown = shown(matches);
            let stop = signals::install()?;
            let found = chips.find(&shown, &stop);
            shown.finish();
            let found = found?;
            outputs.write(chips, &found)?;
            tell(matches, &found.reports, &points_as_json(&found), &readable_points(&found))
        }
    }
}

fn shown(matches: &ArgMatches) -> Shown {
    let progress = matches.get_one::<String>("progress").map_or("auto", String::as_str);
    Shown::new(progress, matches.get_flag("quiet"))
}

/// Prints what was found, after whatever else is to be said.
fn tell(matches: &ArgMatches, reports: &[swathe::Report], json: &Value, text: &str) -> Result<Done, Error> {
    operators::write_report(&reports, matches)?;
    if matches.get_flag("verbose") {
        reports.iter().for_each(|report| say(&words::report(report)));
    }
    print(&if matches.get_flag("json") { operators::json(json)? } else { text.to_owned() })?;
    Ok(Done::Well)
}

/// The files that tie points are written to.
struct Outputs<'a> {
    tables: Vec<&'a Path>,
    picture: Option<&'a Path>,
    overwrite: bool,
}

impl<'a> Outputs<'a> {
    /// Those that were asked for; refused before anything is computed where they could not be written afterwards.
    fn of(matches: &'a ArgMatches) -> Result<Self, Error> {
        let tables = matches.get_many::<String>("tie-points").unwrap_or_default().map(Path::new);
        let picture = matches.get_one::<String>("picture").map(Path::new);
        let outputs = Outputs { tables: tables.collect(), picture, overwrite: matches.get_flag("overwrite") };
        let input = |name| matches.get_one::<String>(name).map_or("", String::as_str);
        let inputs = ["REFERENCE", "MOVED"].map(input);
        for table in &outputs.tables {
            if !ends(table, "csv") && !ends(table, "geojson") && !ends(table, "json") {
                return Err(Error::usage(format!(
                    "--tie-points: `{}` ends neither in `.csv` nor in `.geojson`",
                    table.display()
                )));
            }
            refuse_existing(table, outputs.overwrite, &inputs)?;
        }
        if let Some(picture) = outputs.picture {
            refuse_existing(picture, outputs.overwrite, &inputs)?;
        }
        Ok(outputs)
    }

    fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.picture.is_none()
    }

    fn write(&self, chips: &swathe::ChipRegistration, found: &TiePoints) -> Result<(), Error> {
        for table in &self.tables {
            let text = if ends(table, "csv") { found.to_csv() } else { found.to_geojson() };
            write_whole(table, text.as_bytes(), self.overwrite)?;
        }
        match self.picture {
            Some(picture) => write_png(picture, &chips.picture(found)?, self.overwrite),
            None => Ok(()),
        }
    }
}

fn ends(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending))
}

fn count(found: &TiePoints, outcome: Outcome) -> usize {
    found.outcomes.iter().find(|(known, _)| *known == outcome).map_or(0, |(_, count)| *count)
}

fn points_as_json(found: &TiePoints) -> Value {
    let outcomes = found.outcomes.iter().map(|(outcome, count)| (outcome.name().to_owned(), json!(count)));
    let [dx, dy] = found.shift;
    json!({
        "dx": dx,
        "dy": dy,
        "map": found.map.map(|[dx, dy]| json!({ "dx": dx, "dy": dy })),
        "initial": { "dx": found.initial[0], "dy": found.initial[1] },
        "model": model(found),
        "dx_of_x_y": found.motion.0[..3],
        "dy_of_x_y": found.motion.0[3..],
        "inliers": found.inliers,
        "rmse": found.rmse,
        "chips": found.outcomes.iter().map(|(_, count)| count).sum::<usize>(),
        "outcomes": Value::Object(outcomes.collect()),
    })
}

fn model(found: &TiePoints) -> &'static str {
    match found.model {
        Model::Shift => "shift",
        Model::Affine => "affine",
    }
}

fn readable_points(found: &TiePoints) -> String {
    let [dx, dy] = found.shift;
    let mut lines = vec![format!("shift       {dx:.3} east, {dy:.3} south, in pixels, in the middle")];
    if let Some([dx, dy]) = found.map {
        lines.push(format!("on the map  {dx:.3}, {dy:.3}"));
    }
    if found.model == Model::Affine {
        let Motion([_, a, b, _, c, d]) = found.motion;
        let (rotation, scale) =
            ((c - b).atan2(2.0 + a + d).to_degrees(), ((1.0 + a) * (1.0 + d) - b * c).abs().sqrt());
        lines.push(format!("affine      rotation {rotation:.5} degrees, scale {scale:.7}"));
    }
    lines.push(format!("fit         {:.3} pixels left (rmse) of {} inliers", found.rmse, found.inliers));
    let all = found.outcomes.iter().map(|(_, count)| count).sum::<usize>();
    lines.push(format!("tie points  {} of {all} chips", count(found, Outcome::Matched)));
    let others = found.outcomes.iter().filter(|(outcome, count)| *outcome != Outcome::Matched && *count > 0);
    let others = others.map(|(outcome, count)| format!("{count} {}", outcome.name())).collect::<Vec<_>>();
    if !others.is_empty() {
        lines.push(format!("the others  {}", others.join(", ")));
    }
    lines.join("\n")
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
