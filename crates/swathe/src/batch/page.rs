//! The page that tells how a batch went: one HTML file with its figures, pictures and charts inside.

use std::fmt::Write;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use swathe_core::Result;

use super::Batch;
use super::record::{BatchReport, Sample, SceneOutcome, Status};

const STYLE: &str = "body{font:14px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#1a1a1a}\
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse;width:100%}\
th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #ddd;vertical-align:top}\
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}img{image-rendering:pixelated;margin-right:.3rem}\
.done{color:#11703a}.before{color:#666}.failed{color:#b3261e;font-weight:600}.stopped,.under.way{color:#8a5a00}\
td:last-child{white-space:nowrap}figure{margin:1rem 0}figcaption{color:#555}svg{width:100%;height:auto}code{white-space:pre-wrap;word-break:break-word}";

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
    if report.count(Status::Done) > 0 {
        over_time(&mut html, report);
    }
    html += "<h2>Scenes</h2>\n<table><thead><tr><th>scene</th><th>result</th><th></th><th class=\"n\">s</th>\
             <th class=\"n\">Mpx/s</th><th class=\"n\">MiB foreseen</th><th>pictures: input, result</th></tr></thead><tbody>\n";
    for scene in &report.scenes {
        row(&mut html, scene);
    }
    html += "</tbody></table>\n<h2>What was done</h2>\n";
    let text = toml::to_string(batch).unwrap_or_default();
    // Writing to a string does not fail.
    let _ = write!(html, "<pre><code>{}</code></pre>\n</body></html>\n", escaped(&text));
    html
}

/// Memory and throughput of what was computed.
fn over_time(html: &mut String, report: &BatchReport) {
    *html += "<h2>Over time</h2>\n";
    *html += &chart(
        "resident memory of the process, MiB; the dashed line is the budget",
        &report.samples,
        Some(report.budget_bytes as f64 / MIB),
        |pair| pair[1].resident_bytes as f64 / MIB,
    );
    *html += &chart("throughput, million pixels a second", &report.samples, None, |pair| {
        (pair[1].pixels - pair[0].pixels) as f64 / 1e6 / (pair[1].seconds - pair[0].seconds).max(1e-3)
    });
}

const MIB: f64 = 1_048_576.0;

/// The counts in a sentence.
pub(super) fn summary(report: &BatchReport) -> String {
    let peak = report.measured_peak_bytes.unwrap_or(0) as f64 / MIB;
    let (counts, version) = (report.counts(), env!("CARGO_PKG_VERSION"));
    format!("{counts}, in {:.1} s and at most {peak:.0} MiB, with Swathe {version}.", report.seconds)
}

fn row(html: &mut String, scene: &SceneOutcome) {
    let status = scene.status.word();
    let figure = |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.1}"));
    let rate = scene.report.as_ref().map(|report| report.pixels_per_second / 1e6);
    let peak = scene.report.as_ref().map(|report| report.plan.predicted_peak_bytes as f64 / MIB);
    let told = scene.error.as_ref().or(scene.report.as_ref().map(|report| &report.limited_by));
    let pictures = scene
        .pictures
        .iter()
        .map(|png| format!("<img alt=\"\" src=\"data:image/png;base64,{}\">", BASE64_STANDARD.encode(png)))
        .collect::<String>();
    let _ = writeln!(
        html,
        "<tr><td>{}</td><td>{}</td><td><span class=\"{status}\">{status}</span><br>{}</td>\
         <td class=\"n\">{:.1}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{pictures}</td></tr>",
        escaped(&scene.input),
        escaped(&scene.output),
        escaped(told.map_or("", String::as_str)),
        scene.seconds,
        figure(rate),
        figure(peak),
    );
}

/// A line chart of what `value` makes of each sample and the one before.
fn chart(caption: &str, samples: &[Sample], line: Option<f64>, value: impl Fn(&[Sample]) -> f64) -> String {
    const WIDTH: f64 = 960.0;
    const HEIGHT: f64 = 160.0;
    let values = samples.windows(2).map(|pair| (pair[1].seconds, value(pair))).collect::<Vec<_>>();
    let greatest = values.iter().map(|(_, value)| *value).chain(line).fold(0.0, f64::max).max(1e-9);
    let last = values.last().map_or(1.0, |(seconds, _)| seconds.max(1e-3));
    let (x, y) = (
        |seconds: f64| 50.0 + seconds / last * (WIDTH - 60.0),
        |value: f64| HEIGHT - 20.0 - value / greatest * (HEIGHT - 35.0),
    );
    let points = values
        .iter()
        .map(|(seconds, value)| format!("{:.1},{:.1} ", x(*seconds), y(*value)))
        .collect::<String>();
    let dashed = line.map_or(String::new(), |line| {
        format!(
            "<line x1=\"50\" x2=\"{}\" y1=\"{1:.1}\" y2=\"{1:.1}\" stroke=\"#b3261e\" stroke-dasharray=\"6 4\"/>",
            WIDTH - 10.0,
            y(line)
        )
    });
    format!(
        "<figure><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" font-size=\"11\" fill=\"#555\">\
         <line x1=\"50\" x2=\"{right}\" y1=\"{base}\" y2=\"{base}\" stroke=\"#999\"/>{dashed}\
         <polyline points=\"{points}\" fill=\"none\" stroke=\"#1f5fa8\" stroke-width=\"1.5\"/>\
         <text x=\"46\" y=\"19\" text-anchor=\"end\">{greatest:.0}</text><text x=\"46\" y=\"{base}\" text-anchor=\"end\">0</text>\
         <text x=\"{right}\" y=\"{bottom}\" text-anchor=\"end\">{last:.1} s</text></svg><figcaption>{}</figcaption></figure>\n",
        escaped(caption),
        right = WIDTH - 10.0,
        base = HEIGHT - 20.0,
        bottom = HEIGHT - 5.0,
    )
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
    fn charts_hold_their_samples() {
        let sample = |seconds: f64, pixels: u64| Sample { seconds, resident_bytes: 1 << 20, pixels };
        let samples = [sample(0.0, 0), sample(1.0, 4_000_000), sample(2.0, 4_000_000)];
        let svg = chart("rate", &samples, None, |pair| (pair[1].pixels - pair[0].pixels) as f64 / 1e6);
        // The first second at the top, the second at the bottom.
        assert!(svg.contains("points=\"500.0,15.0 950.0,140.0 \""), "{svg}");
        assert!(chart("nothing", &[], Some(1.0), |_| 0.0).contains("<svg"));
    }
}
