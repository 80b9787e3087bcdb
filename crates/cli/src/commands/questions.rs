//! `swathe stats`, `percentiles`, `histogram`: what is learned from a whole raster and printed.

use clap::ArgMatches;
use serde_json::{Value, json};
use swathe::reduce::{About, Answer, BandSummary, BinCounts, Bins, QuestionSpec};
use swathe::{Error, Findings, Inquiry};

use crate::exit::{Done, print, say};
use crate::progress::Shown;
use crate::{arguments, operators, signals, words};

/// Runs the command.
pub(crate) fn run(spec: &QuestionSpec, matches: &ArgMatches) -> Result<Done, Error> {
    let parameters = arguments::parameters_of(spec, matches);
    // The percentiles that are looked for where none are named.
    let names = parameters.get("percentiles").cloned().or_else(|| {
        let parameter = spec.parameters.iter().find(|parameter| parameter.name == "percentiles");
        parameter.and_then(|parameter| parameter.default).map(str::to_owned)
    });
    let names = names.iter().flat_map(|names| names.split(',')).map(str::trim).collect::<Vec<_>>();
    let given = parameters.clone().into_iter().collect::<Vec<_>>();
    let settings = arguments::run_settings_of(matches);
    let inquiry = Inquiry::new(arguments::input_of(matches, "INPUT"), spec, &given, settings)?;
    if matches.get_flag("print-job") {
        return Err(Error::unsupported("jobs write a raster; a question has none to write"));
    }
    if matches.get_flag("plan") {
        return operators::print_plan(&inquiry.plan()?, matches);
    }
    let quiet = matches.get_flag("quiet");
    let shown = Shown::new(matches.get_one::<String>("progress").map_or("auto", String::as_str), quiet);
    let stop = signals::install()?;
    let found = inquiry.find(&shown, &stop);
    shown.finish();
    let Findings { answer, reports } = found?;
    operators::write_report(&reports, matches)?;
    if matches.get_flag("verbose") {
        reports.iter().for_each(|report| say(&words::report(report)));
    }
    let ddof = match inquiry.question.about {
        About::Summary { ddof, .. } => ddof,
        _ => 0.0,
    };
    let bands = bands(&answer, &names, ddof);
    print(&if matches.get_flag("json") { operators::json(&bands)? } else { readable(&bands) })?;
    Ok(Done::Well)
}

/// What was learned of each band, as data.
fn bands(answer: &Answer, names: &[&str], ddof: f64) -> Vec<Value> {
    let mut bands: Vec<Value> = match answer {
        Answer::Summary(bands) => bands.iter().map(|(band, found)| summary(band, names, found, ddof)).collect(),
        Answer::Histogram(bands) => bands.iter().map(|(bins, counts)| histogram(bins, counts)).collect(),
        Answer::Extremes(bands) => bands.iter().map(|extremes| json!({
            "minimum": extremes.minimum.map(|place| json!({"value": place.value.to_f64(), "x": place.x, "y": place.y})),
            "maximum": extremes.maximum.map(|place| json!({"value": place.value.to_f64(), "x": place.x, "y": place.y})),
        })).collect(),
        Answer::Product(bands) => {
            bands.iter().map(|product| json!({"product": product.value(), "log2": product.log2()})).collect()
        }
    };
    for (number, band) in bands.iter_mut().enumerate() {
        band["band"] = json!(number + 1);
    }
    bands
}

fn summary(band: &BandSummary, names: &[&str], found: &[f64], ddof: f64) -> Value {
    let mut value = json!({
        "count": band.count,
        "missing": band.missing,
        "minimum": band.minimum,
        "maximum": band.maximum,
        "sum": band.sum,
        "mean": band.mean(),
        "standard_deviation": band.standard_deviation(ddof),
    });
    if !found.is_empty() {
        let percentiles = names.iter().zip(found).map(|(name, &value)| ((*name).to_owned(), json!(value)));
        value["percentiles"] = Value::Object(percentiles.collect());
    }
    value
}

fn histogram(bins: &Bins, counts: &BinCounts) -> Value {
    json!({
        "edges": [bins.edges()[0], bins.edges()[bins.count()]],
        "bins": counts.bins,
        "below": counts.below,
        "above": counts.above,
        "missing": counts.missing,
    })
}

fn readable(bands: &[Value]) -> String {
    let mut lines = Vec::new();
    for band in bands {
        lines.push(format!("band {}", band["band"]));
        for (name, value) in band.as_object().into_iter().flatten().filter(|(name, _)| *name != "band") {
            match value {
                Value::Object(parts) => {
                    lines.extend(
                        parts.iter().map(|(part, value)| format!("  {name} {part:<8} {}", plain(value))),
                    );
                }
                Value::Array(values) if name == "bins" => lines.extend(bars(values, &band["edges"])),
                value => lines.push(format!("  {:<20} {}", name.replace('_', " "), plain(value))),
            }
        }
    }
    lines.join("\n")
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "none".into(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(" to "),
        value => value.to_string(),
    }
}

/// A line for every bin that holds something: its lower edge, its count, and a bar.
fn bars(counts: &[Value], edges: &Value) -> Vec<String> {
    const LONGEST: f64 = 50.0;
    let count = |value: &Value| value.as_u64().unwrap_or(0);
    let most = counts.iter().map(count).max().unwrap_or(0).max(1);
    let (least, greatest) = (edges[0].as_f64().unwrap_or(0.0), edges[1].as_f64().unwrap_or(0.0));
    let width = (greatest - least) / counts.len() as f64;
    let line = |(bin, value): (usize, &Value)| {
        let bar = "#".repeat((LONGEST * count(value) as f64 / most as f64).ceil() as usize);
        format!("  {:>14} {:>14} {bar}", least + bin as f64 * width, count(value))
    };
    counts.iter().enumerate().filter(|(_, value)| count(value) > 0).map(line).collect()
}
