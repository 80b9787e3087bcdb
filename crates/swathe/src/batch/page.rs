//! The page that tells how a batch went: one HTML file with its figures, pictures and charts inside.

use std::fmt::Write;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use swathe_core::Result;

use super::Batch;
use super::record::{BatchReport, SceneOutcome, Status};

const STYLE: &str = "body{font:14px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:78rem;padding:0 1rem;color:#1a1a1a}\
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse;width:100%;table-layout:fixed}\
th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #ddd;vertical-align:top;overflow-wrap:anywhere}\
thead th{position:sticky;top:0;background:#fff}.n{text-align:right;font-variant-numeric:tabular-nums;width:4.5rem}\
.name{width:31%}.pictures{width:340px}td.pictures{white-space:nowrap;font-size:0}img{image-rendering:pixelated;margin-right:6px;\
vertical-align:top}.to{color:#666}.done{color:#11703a}.before{color:#666}.failed{color:#b3261e;font-weight:600}\
.stopped,.under.way{color:#8a5a00}figure{margin:1rem 0}figcaption{color:#333}svg{width:100%;height:auto;display:block}\
li{margin:.3rem 0;overflow-wrap:anywhere}code{white-space:pre-wrap;overflow-wrap:anywhere}";

/// Writes the page, whole or not at all.
///
/// # Errors
/// Io, where it can't be written.
pub(super) fn write(path: &str, batch: &Batch, report: &BatchReport) -> Result<()> {
    swathe_io::write_whole(Path::new(path), page(batch, report).as_bytes(), true)
}

fn page(batch: &Batch, report: &BatchReport) -> String {
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>Swathe batch</title><style>{STYLE}</style></head><body>\n\
         <h1>Batch of {} scenes</h1>\n<p>{}</p>\n",
        report.scenes.len(),
        escaped(&summary(report)),
    );
    missing(&mut html, report);
    if report.count(Status::Done) > 0 {
        over_time(&mut html, report);
    }
    html += "<h2>Scenes</h2>\n<table><thead><tr><th class=\"name\">scene and result</th><th>how it went</th>\
             <th class=\"n\">seconds</th><th class=\"n\">million pixels/s</th><th class=\"n\">MiB foreseen</th>\
             <th class=\"pictures\">input and result</th></tr></thead><tbody>\n";
    for (number, scene) in report.scenes.iter().enumerate() {
        row(&mut html, number, scene);
    }
    html += "</tbody></table>\n<h2>What was done</h2>\n";
    let text = toml::to_string(batch).unwrap_or_default();
    // Writing to a string does not fail.
    let _ = write!(html, "<pre><code>{}</code></pre>\n</body></html>\n", escaped(&text));
    html
}

/// The scenes that are not done, with the reason, before all others.
fn missing(html: &mut String, report: &BatchReport) {
    let missing = report.scenes.iter().enumerate().filter(|(_, scene)| scene.error.is_some());
    let items = missing.map(|(number, scene)| {
        let (status, error) = (scene.status.word(), scene.error.as_deref().unwrap_or_default());
        format!(
            "<li><a href=\"#scene{number}\">{}</a> <span class=\"{status}\">{status}</span>: {}</li>\n",
            escaped(&scene.input),
            escaped(error)
        )
    });
    let items = items.collect::<String>();
    if !items.is_empty() {
        *html += &format!("<h2>Not done</h2>\n<ul>\n{items}</ul>\n");
    }
}

/// Memory and throughput of what was computed.
fn over_time(html: &mut String, report: &BatchReport) {
    let budget = report.budget_bytes as f64 / MIB;
    let memory = report.samples.iter().map(|sample| (sample.seconds, sample.resident_bytes as f64 / MIB));
    let rate = report.samples.windows(2).flat_map(|pair| {
        let seconds = (pair[1].seconds - pair[0].seconds).max(1e-3);
        let rate = (pair[1].pixels - pair[0].pixels) as f64 / 1e6 / seconds;
        [(pair[0].seconds, rate), (pair[1].seconds, rate)]
    });
    *html += "<h2>Over time</h2>\n";
    *html +=
        &chart("Memory of the whole process, in MiB", &memory.collect::<Vec<_>>(), Some((budget, "budget")));
    *html += &chart("Throughput, in million pixels of results a second", &rate.collect::<Vec<_>>(), None);
}

const MIB: f64 = 1_048_576.0;

/// The counts in a sentence.
pub(super) fn summary(report: &BatchReport) -> String {
    let peak = report.measured_peak_bytes.unwrap_or(0) as f64 / MIB;
    let (counts, version) = (report.counts(), env!("CARGO_PKG_VERSION"));
    format!("{counts}, in {:.1} s and at most {peak:.0} MiB, with Swathe {version}.", report.seconds)
}

fn row(html: &mut String, number: usize, scene: &SceneOutcome) {
    let status = scene.status.word();
    let figure = |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.1}"));
    let rate = scene.report.as_ref().map(|report| report.pixels_per_second / 1e6);
    let peak = scene.report.as_ref().map(|report| report.plan.predicted_peak_bytes as f64 / MIB);
    let told = scene.error.as_ref().or(scene.report.as_ref().map(|report| &report.limited_by));
    let pictures = scene
        .pictures
        .iter()
        .map(|png| {
            format!("<img alt=\"preview\" src=\"data:image/png;base64,{}\">", BASE64_STANDARD.encode(png))
        })
        .collect::<String>();
    let _ = writeln!(
        html,
        "<tr id=\"scene{number}\"><td class=\"name\">{}<br><span class=\"to\">→&nbsp;{}</span></td>\
         <td><span class=\"{status}\">{status}</span><br>{}</td><td class=\"n\">{:.1}</td><td class=\"n\">{}</td>\
         <td class=\"n\">{}</td><td class=\"pictures\">{pictures}</td></tr>",
        escaped(&scene.input),
        escaped(&scene.output),
        escaped(told.map_or("", String::as_str)),
        scene.seconds,
        figure(rate),
        figure(peak),
    );
}

/// A line chart of values over seconds, with both axes; `line` is drawn across it with what it is called, or told where it lies
/// far above all values.
fn chart(caption: &str, values: &[(f64, f64)], line: Option<(f64, &str)>) -> String {
    const WIDTH: f64 = 960.0;
    const HEIGHT: f64 = 190.0;
    const LEFT: f64 = 60.0;
    const TOP: f64 = 14.0;
    let (right, base) = (WIDTH - 24.0, HEIGHT - 24.0);
    let most = values.iter().map(|(_, value)| *value).fold(0.0, f64::max).max(1e-9);
    let drawn = line.filter(|(value, _)| *value <= 8.0 * most);
    let top = drawn.map_or(most, |(value, _)| value.max(most));
    let end = values.last().map_or(0.0, |(seconds, _)| *seconds).max(1e-3);
    let x = |seconds: f64| LEFT + seconds / end * (right - LEFT);
    let y = |value: f64| base - value / top * (base - TOP);
    let mut inside = String::new();
    let step = step_of(top);
    for value in (0..).map(|index| f64::from(index) * step).take_while(|&value| value <= top) {
        let (at, text) = (y(value), numeral(value, step));
        inside += &format!(
            "<line x1=\"{LEFT}\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
            LEFT - 6.0,
            at + 4.0
        );
    }
    let (unit, name) = match end {
        ..180.0 => (1.0, "s"),
        ..10_800.0 => (60.0, "min"),
        _ => (3600.0, "h"),
    };
    let step = step_of(end / unit);
    for time in (0..).map(|index| f64::from(index) * step).take_while(|&time| time * unit <= end) {
        let (at, text) = (x(time * unit), numeral(time, step));
        inside += &format!(
            "<line x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{base}\" y2=\"{}\" stroke=\"#999\"/>\
             <text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{text} {name}</text>",
            base + 4.0,
            base + 17.0
        );
    }
    let mut caption = escaped(caption);
    if let Some((value, what)) = line {
        let told = format!("{what} {value:.0}");
        if drawn.is_some() {
            let at = y(value);
            inside += &format!(
                "<line x1=\"{LEFT}\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#b3261e\" stroke-dasharray=\"6 4\"/>\
                 <text x=\"{right}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#b3261e\">{told}</text>",
                at + 14.0
            );
        } else {
            caption += &format!(" ({told} lies far above)");
        }
    }
    let points = values.iter().map(|(seconds, value)| format!("{:.1},{:.1} ", x(*seconds), y(*value)));
    format!(
        "<figure><figcaption>{caption}</figcaption><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" font-size=\"11\" \
         fill=\"#555\">{inside}<line x1=\"{LEFT}\" x2=\"{right}\" y1=\"{base}\" y2=\"{base}\" stroke=\"#999\"/>\
         <polyline points=\"{}\" fill=\"none\" stroke=\"#1f5fa8\" stroke-width=\"1.5\"/></svg></figure>\n",
        points.collect::<String>()
    )
}

/// A step between the marks of an axis up to `most`: a power of ten times 1, 2 or 5, so that there are three to eight.
fn step_of(most: f64) -> f64 {
    let power = 10_f64.powf((most / 8.0).log10().floor());
    let mut steps = [1.0, 2.0, 5.0, 10.0].into_iter().map(|part| part * power);
    steps.find(|step| most / step <= 8.0).unwrap_or(10.0 * power)
}

/// A mark of an axis, with as many digits as the step between marks has.
fn numeral(value: f64, step: f64) -> String {
    let digits = (-step.log10().floor()).clamp(0.0, 9.0) as usize;
    format!("{value:.digits$}")
}

/// Text that HTML takes for text.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_no_markup() {
        assert_eq!(escaped("<a href=\"x\">&"), "&lt;a href=&quot;x&quot;&gt;&amp;");
    }

    #[test]
    fn charts_hold_their_values_and_have_axes() {
        let svg = chart("rate, in a & b", &[(0.0, 4.0), (1.0, 4.0), (2.0, 0.0)], None);
        // The first two at the top, the last on the axis, which is twenty-four above the lower edge.
        assert!(svg.contains("points=\"60.0,14.0 498.0,14.0 936.0,166.0 \""), "{svg}");
        assert!(svg.contains(">0.5 s<") && svg.contains(">2.0 s<") && svg.contains(">4.0</text>"), "{svg}");
        assert!(svg.contains("rate, in a &amp; b"));
        let drawn = chart("memory", &[(0.0, 20.0), (600.0, 25.0)], Some((128.0, "budget")));
        assert!(drawn.contains("dasharray") && drawn.contains(">budget 128<") && drawn.contains(">10 min<"));
        let far = chart("memory", &[(0.0, 20.0), (9e4, 25.0)], Some((1024.0, "budget")));
        assert!(
            !far.contains("dasharray")
                && far.contains("(budget 1024 lies far above)")
                && far.contains("5 h<")
        );
        assert!(chart("nothing", &[], Some((1.0, "budget"))).contains("<svg"));
    }

    #[test]
    fn marks_are_round_and_few() {
        for most in [0.003, 0.7, 1.0, 3.9, 4.0, 8.1, 23.2, 128.0, 99_999.0] {
            let step = step_of(most);
            assert!((3.0..=8.0).contains(&(most / step)), "{most}: {step}");
        }
        assert_eq!((numeral(0.25, 0.05), numeral(30.0, 10.0)), ("0.25".into(), "30".into()));
    }
}
