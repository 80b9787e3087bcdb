//! `swathe stats`, `percentiles`, `histogram` and `reduce --axis all`: what is learned from a whole raster and printed.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::ArgMatches;
use serde::Serialize;
use serde_json::{Value, json};
use swathe::reduce::{
    About, Answer, BandSummary, BinCounts, Bins, Extremes, Place, Product, Question, QuestionSpec,
};
use swathe::{Error, Findings, Inquiry, NodataPolicy};

use crate::exit::{Done, print, print_piece_by_piece, say};
use crate::progress::Shown;
use crate::{arguments, chart, operators, signals, words};

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
    let ddof = match inquiry.question.about {
        About::Summary { ddof, .. } => ddof,
        _ => 0.0,
    };
    let chart = if spec.name == "histogram" { Chart::asked(&inquiry, matches)? } else { None };
    ask(&inquiry, matches, |answer| {
        let mut found = match answer {
            Answer::Histogram(bands) => {
                if let Some(chart) = &chart {
                    chart.draw(bands)?;
                }
                return tell_histograms(bands, matches);
            }
            Answer::Summary(bands) => {
                bands.iter().map(|(band, found)| summary(band, &names, found, ddof)).collect::<Vec<_>>()
            }
            Answer::Extremes(bands) => bands.iter().map(extremes).collect(),
            Answer::Product(bands) => bands.iter().map(product).collect(),
        };
        for (number, band) in found.iter_mut().enumerate() {
            band["band"] = json!(number + 1);
        }
        tell(&found, matches)
    })
}

/// A chart that is to be drawn.
struct Chart {
    path: PathBuf,
    overwrite: bool,
    title: String,
    subtitle: String,
}

impl Chart {
    /// What `--svg` asks for, where the name is free.
    fn asked(inquiry: &Inquiry, matches: &ArgMatches) -> Result<Option<Self>, Error> {
        let Some(path) = matches.get_one::<String>("svg").map(PathBuf::from) else { return Ok(None) };
        let overwrite = matches.get_flag("overwrite");
        swathe::refuse_existing(&path, overwrite, &[&inquiry.read.path])?;
        let info = swathe::describe(&inquiry.read.path)?;
        let subtitle =
            format!("{} x {} pixels of {}", info.size.width, info.size.height, info.sample_type.name());
        let input = Path::new(&inquiry.read.path);
        let title = input.file_name().unwrap_or(input.as_os_str()).to_string_lossy().into_owned();
        Ok(Some(Chart { path, overwrite, title, subtitle }))
    }

    fn draw(&self, bands: &[(Bins, BinCounts)]) -> Result<(), Error> {
        let svg = chart::histograms(&self.title, &self.subtitle, bands);
        swathe::write_whole(&self.path, svg.as_bytes(), self.overwrite)
    }
}

/// Runs `swathe reduce` where it prints: over all of each band.
pub(crate) fn reduce(matches: &ArgMatches) -> Result<Done, Error> {
    if matches.get_one::<String>("OUTPUT").is_some() {
        return Err(Error::usage(
            "`--axis all` prints and writes no raster; leave the output out, or name another axis",
        ));
    }
    let text =
        |name: &str, default: &str| matches.get_one::<String>(name).map_or(default.to_owned(), String::clone);
    let op = text("op", "mean");
    if !OPERATIONS.contains(&op.as_str()) {
        return Err(Error::usage(format!("--op: `{op}` is not one of {}", OPERATIONS.join(", "))));
    }
    let ddof = text("ddof", "0").parse::<f64>().ok().filter(|ddof| ddof.is_finite() && *ddof >= 0.0);
    let ddof = ddof.ok_or_else(|| Error::usage("--ddof: not a number from 0 on"))?;
    let about = match op.as_str() {
        "prod" => About::Product,
        "argmin" | "argmax" => About::Extremes,
        _ => About::Summary { quantiles: None, ddof },
    };
    let question = Question { about, policy: NodataPolicy::parse(&text("nodata", "ignore"))? };
    let read = arguments::input_of(matches, "INPUT");
    let transform = swathe::describe(&read.path)?.georeferencing.transform;
    let inquiry = Inquiry { read, steps: Vec::new(), question, run: arguments::run_settings_of(matches) };
    ask(&inquiry, matches, |answer| {
        let mut values = reduced(answer, &op, ddof, transform.map(|transform| transform.0));
        for (number, value) in values.iter_mut().enumerate() {
            *value = json!({"band": number + 1, op.as_str(): std::mem::take(value)});
        }
        tell(&values, matches)
    })
}

const OPERATIONS: [&str; 12] =
    ["sum", "prod", "min", "max", "mean", "var", "std", "argmin", "argmax", "any", "all", "count"];

/// The one value of each band.
fn reduced(answer: &Answer, op: &str, ddof: f64, transform: Option<[f64; 6]>) -> Vec<Value> {
    let place = |place: Option<Place>| {
        let Some(Place { value, x, y }) = place else { return Value::Null };
        let mut found = json!({"x": x, "y": y, "value": value.to_f64()});
        if let Some([left, dx, rx, top, ry, dy]) = transform {
            // The middle of the pixel.
            let (column, row) = (x as f64 + 0.5, y as f64 + 0.5);
            found["map"] = json!([left + column * dx + row * rx, top + column * ry + row * dy]);
        }
        found
    };
    match answer {
        Answer::Product(bands) => bands.iter().map(|product| json!(product.value())).collect(),
        Answer::Extremes(bands) => bands
            .iter()
            .map(|found| place(if op == "argmin" { found.minimum } else { found.maximum }))
            .collect(),
        Answer::Summary(bands) => {
            let value = |band: &BandSummary| match op {
                "sum" => json!(band.sum),
                "min" => json!(band.minimum),
                "max" => json!(band.maximum),
                "var" => json!(band.variance(ddof)),
                "std" => json!(band.standard_deviation(ddof)),
                "any" => json!(band.nonzero > 0),
                "all" => json!(band.nonzero == band.count),
                "count" => json!(band.count),
                _ => json!(band.mean()),
            };
            bands.iter().map(|(band, _)| value(band)).collect()
        }
        Answer::Histogram(_) => Vec::new(),
    }
}

/// Plans, or finds the answer and has it told.
fn ask(
    inquiry: &Inquiry,
    matches: &ArgMatches,
    tell: impl Fn(&Answer) -> Result<(), Error>,
) -> Result<Done, Error> {
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
    tell(&answer)?;
    Ok(Done::Well)
}

/// Prints what was learned of each band.
fn tell(bands: &[Value], matches: &ArgMatches) -> Result<(), Error> {
    print(&if matches.get_flag("json") { operators::json(&bands)? } else { readable(bands) })
}

/// Where the extremes of a band are, as data.
fn extremes(found: &Extremes) -> Value {
    let place = |place: Option<Place>| place.map(|place| json!([place.x, place.y]));
    json!({"minimum": place(found.minimum), "maximum": place(found.maximum)})
}

/// The product of a band, as data.
fn product(found: &Product) -> Value {
    json!({"product": found.value(), "log2": found.log2()})
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

/// The histogram of a band as it is written, which may be longer than memory holds as a [`Value`].
#[derive(Serialize)]
struct BandHistogram<'a> {
    edges: [f64; 2],
    bins: &'a [u64],
    below: u64,
    above: u64,
    missing: u64,
    band: usize,
}

impl<'a> BandHistogram<'a> {
    fn of((number, (bins, counts)): (usize, &'a (Bins, BinCounts))) -> Self {
        let &BinCounts { bins: ref counted, below, above, missing } = counts;
        BandHistogram { edges: bins.range(), bins: counted, below, above, missing, band: number + 1 }
    }
}

/// Prints histograms, bin by bin.
fn tell_histograms(bands: &[(Bins, BinCounts)], matches: &ArgMatches) -> Result<(), Error> {
    print_piece_by_piece(|output| {
        if matches.get_flag("json") {
            let bands = bands.iter().enumerate().map(BandHistogram::of).collect::<Vec<_>>();
            serde_json::to_writer_pretty(&mut *output, &bands)?;
            return writeln!(output);
        }
        bands.iter().enumerate().try_for_each(|(number, (bins, counts))| {
            let [least, greatest] = bins.range();
            writeln!(output, "band {}", number + 1)?;
            writeln!(output, "  {:<20} {least:?} to {greatest:?}", "edges")?;
            write_bars(bins, counts, output)?;
            for (name, count) in
                [("below", counts.below), ("above", counts.above), ("missing", counts.missing)]
            {
                writeln!(output, "  {name:<20} {count}")?;
            }
            Ok(())
        })
    })
}

/// A line for every bin that holds something: its lower edge, its count, and a bar.
fn write_bars(bins: &Bins, counts: &BinCounts, output: &mut dyn Write) -> std::io::Result<()> {
    const LONGEST: f64 = 50.0;
    let most = counts.bins.iter().copied().max().unwrap_or(0).max(1) as f64;
    for (bin, &count) in counts.bins.iter().enumerate().filter(|(_, count)| **count > 0) {
        let bar = "#".repeat((LONGEST * count as f64 / most).ceil() as usize);
        writeln!(output, "  {:>14} {count:>14} {bar}", bins.edge(bin))?;
    }
    Ok(())
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
                value => lines.push(format!("  {:<20} {}", name.replace('_', " "), plain(value))),
            }
        }
    }
    lines.join("\n")
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "none".into(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(", "),
        value => value.to_string(),
    }
}
