//! Histograms as SVG, one panel a band, in light and dark as the viewer likes it.

use std::fmt::Write;

use swathe::reduce::{BinCounts, Bins};

/// Width of the whole picture, in its own units, as are all lengths here.
const WIDTH: f64 = 900.0;
/// Where a panel's plot begins and ends.
const LEFT: f64 = 76.0;
const RIGHT: f64 = WIDTH - 28.0;
/// Height of the heading, of a panel with its labels, of what is above its plot, and of the plot.
const HEADING: f64 = 64.0;
const PANEL: f64 = 290.0;
const ABOVE: f64 = 34.0;
const PLOT: f64 = 210.0;
/// Most columns of a panel: bins beyond these are drawn as the average of several.
const COLUMNS: usize = 796;
/// Colours of the bands, in turns; each can be told from its neighbour by the colour-blind too.
const COLOURS: [&str; 6] = ["#3b78c3", "#d9822b", "#2f9e78", "#b0559e", "#8a8d2f", "#c44e52"];

const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#333}.title{font-size:18px;font-weight:600}\
    .quiet{fill:#6b6b6b}.end{text-anchor:end}.middle{text-anchor:middle}.grid{stroke:#0002}.axis{stroke:#777}\
    .back{fill:#fff}@media(prefers-color-scheme:dark){text{fill:#ddd}.quiet{fill:#9a9a9a}.grid{stroke:#fff2}\
    .back{fill:#1b1b1d}}";

/// The chart of every band's histogram.
pub(crate) fn histograms(title: &str, subtitle: &str, bands: &[(Bins, BinCounts)]) -> String {
    let height = HEADING + PANEL * bands.len() as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         role=\"img\">\n<title>Histogram of {title}</title>\n<style>{STYLE}</style>\n\
         <rect class=\"back\" width=\"{WIDTH}\" height=\"{height}\"/>\n\
         <text class=\"title\" x=\"{LEFT}\" y=\"32\">{title}</text>\n\
         <text class=\"quiet\" x=\"{LEFT}\" y=\"52\">{subtitle}</text>\n",
        title = escaped(title),
        subtitle = escaped(subtitle),
    );
    for (number, (bins, counts)) in bands.iter().enumerate() {
        let _ = writeln!(
            svg,
            "<g transform=\"translate(0 {})\" class=\"band\">",
            HEADING + PANEL * number as f64
        );
        panel(&mut svg, number, bins, counts);
        svg += "</g>\n";
    }
    svg + "</svg>\n"
}

/// A column of the chart: its range and its height in pixels of the raster for each bin.
struct Column {
    from: f64,
    to: f64,
    height: f64,
}

fn columns(bins: &Bins, counts: &BinCounts) -> Vec<Column> {
    let each = bins.count().div_ceil(COLUMNS);
    let column = |(number, group): (usize, &[u64])| Column {
        from: bins.edge(number * each),
        to: bins.edge(number * each + group.len()),
        height: group.iter().map(|&count| count as f64).sum::<f64>() / group.len() as f64,
    };
    counts.bins.chunks(each).enumerate().map(column).collect()
}

/// The value at the top of the plot: a few columns may stand out of it where they would press the others flat.
fn top(columns: &[Column]) -> f64 {
    let mut heights = columns.iter().map(|column| column.height).collect::<Vec<_>>();
    heights.sort_by(|a, b| b.total_cmp(a));
    let (greatest, usual) = (heights[0], heights[heights.len() / 50]);
    if heights.len() >= 50 && usual > 0.0 && greatest > 3.0 * usual { 1.25 * usual } else { greatest }
}

// Writing to a string cannot fail, here and below.
fn panel(svg: &mut String, number: usize, bins: &Bins, counts: &BinCounts) {
    let colour = COLOURS[number % COLOURS.len()];
    let inside: u64 = counts.bins.iter().sum();
    let mut notes = format!("{} pixels", grouped(inside));
    for (count, what) in [(counts.below, "below"), (counts.above, "above"), (counts.missing, "without data")]
    {
        if count > 0 {
            let _ = write!(notes, ", {} {what}", grouped(count));
        }
    }
    let _ = writeln!(
        svg,
        "<text x=\"{LEFT}\" y=\"20\" style=\"font-weight:600;fill:{colour}\">band {}</text>\n\
         <text class=\"quiet end\" x=\"{RIGHT}\" y=\"20\">{notes}</text>",
        number + 1
    );
    let (bottom, columns) = (ABOVE + PLOT, columns(bins, counts));
    let [least, greatest] = bins.range();
    let across = |value: f64| LEFT + (value - least) / (greatest - least) * (RIGHT - LEFT);
    if inside > 0 {
        let top = top(&columns);
        let up = |height: f64| bottom - PLOT * (height / top).min(1.0);
        for tick in ticks(0.0, top, 4.0).into_iter().skip(1) {
            let y = up(tick);
            let _ = writeln!(
                svg,
                "<line class=\"grid\" x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{RIGHT}\" y2=\"{y:.1}\"/>\
                 <text class=\"quiet end\" x=\"{:.0}\" y=\"{:.1}\">{}</text>",
                LEFT - 8.0,
                y + 4.5,
                short(tick)
            );
        }
        area(svg, colour, &columns, (across, up), bottom);
        let clipped = columns.iter().filter(|column| column.height > top).collect::<Vec<_>>();
        for column in clipped {
            let x = across((column.from + column.to) / 2.0);
            let _ = writeln!(
                svg,
                "<path fill=\"{colour}\" d=\"M{:.1} {:.1}l5 -8 5 8z\"><title>{} at {}</title></path>",
                x - 5.0,
                ABOVE - 1.0,
                short(column.height),
                plain(column.from, (column.to - column.from) / 10.0)
            );
        }
    } else {
        let middle = (LEFT + RIGHT) / 2.0;
        let y = ABOVE + PLOT / 2.0;
        let _ = writeln!(
            svg,
            "<text class=\"quiet middle\" x=\"{middle}\" y=\"{y}\">no pixel in this range</text>"
        );
    }
    value_axis(svg, (least, greatest), across, bottom);
}

fn area(
    svg: &mut String,
    colour: &str,
    columns: &[Column],
    (across, up): (impl Fn(f64) -> f64, impl Fn(f64) -> f64),
    bottom: f64,
) {
    let _ = write!(svg, "<path fill=\"{colour}\" fill-opacity=\".82\" d=\"M{LEFT:.2} {bottom}");
    for column in columns {
        let _ = write!(svg, "V{:.2}H{:.2}", up(column.height), across(column.to));
    }
    let _ = writeln!(svg, "V{bottom}Z\"/>");
}

fn value_axis(svg: &mut String, (least, greatest): (f64, f64), across: impl Fn(f64) -> f64, bottom: f64) {
    let _ =
        writeln!(svg, "<line class=\"axis\" x1=\"{LEFT}\" y1=\"{bottom}\" x2=\"{RIGHT}\" y2=\"{bottom}\"/>");
    let ticks = ticks(least, greatest, 8.0);
    let step = if ticks.len() > 1 { ticks[1] - ticks[0] } else { greatest - least };
    for tick in ticks {
        let x = across(tick);
        let _ = writeln!(
            svg,
            "<line class=\"axis\" x1=\"{x:.1}\" y1=\"{bottom}\" x2=\"{x:.1}\" y2=\"{:.0}\"/>\
             <text class=\"quiet middle\" x=\"{x:.1}\" y=\"{:.0}\">{}</text>",
            bottom + 5.0,
            bottom + 20.0,
            plain(tick, step)
        );
    }
}

/// Round values between two others, about so many and one.
fn ticks(least: f64, greatest: f64, count: f64) -> Vec<f64> {
    let rough = (greatest - least) / count;
    let power = 10_f64.powf(rough.log10().floor());
    let step = power * [1.0, 2.0, 5.0, 10.0].into_iter().find(|step| step * power >= rough).unwrap_or(10.0);
    let first = (least / step).ceil();
    // What lies a rounding error beyond the last edge is still on it.
    let last = (greatest / step + 1e-9).floor();
    if !(step > 0.0 && last - first < 100.0) {
        return vec![least, greatest];
    }
    (0..=(last - first) as usize).map(|number| (first + number as f64) * step).collect()
}

/// A value with the decimals that tell it from one a step away.
fn plain(value: f64, step: f64) -> String {
    let value = if value == 0.0 { 0.0 } else { value };
    if value.abs() >= 1e7 || (step < 1e-5 && value != 0.0) {
        return format!("{value:.3e}");
    }
    let decimals = (-step.abs().log10().floor()).clamp(0.0, 7.0) as usize;
    format!("{value:.decimals$}")
}

/// A count with three figures and the letter of its thousands.
fn short(count: f64) -> String {
    let (value, unit) = match count {
        count if count >= 1e9 => (count / 1e9, " G"),
        count if count >= 1e6 => (count / 1e6, " M"),
        count if count >= 1e4 => (count / 1e3, " k"),
        count => (count, ""),
    };
    let text = format!("{value:.2}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{unit}")
}

/// A count with its thousands apart.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{2009}');
        }
        text.push(digit);
    }
    text
}

/// Text as XML holds it; characters that it cannot hold are left out.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            character if character.is_control() || matches!(character, '\u{fffe}' | '\u{ffff}') => {}
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn band(counts: &[u64]) -> (Bins, BinCounts) {
        let bins = Bins::new(counts.len(), 0.0, counts.len() as f64).unwrap();
        (bins, BinCounts { bins: counts.to_vec(), below: 0, above: 3, missing: 12_345 })
    }

    /// The heights of the columns, in parts of the plot.
    fn heights(svg: &str) -> Vec<f64> {
        let path = svg.split("fill-opacity=\".82\" d=\"M").nth(1).unwrap().split('"').next().unwrap();
        let tops = path.split('V').skip(1).filter_map(|part| part.split_once('H'));
        tops.map(|(top, _)| (ABOVE + PLOT - top.parse::<f64>().unwrap()) / PLOT).collect()
    }

    #[test]
    fn columns_are_as_high_as_their_counts() {
        let svg = histograms("a.tif", "", &[band(&[1, 2, 0, 4])]);
        assert_eq!(heights(&svg), [0.25, 0.5, 0.0, 1.0]);
        assert!(svg.contains(">7 pixels, 3 above, 12\u{2009}345 without data<"), "{svg}");
        // Averages of two where there are more bins than columns.
        let many = (0..2 * COLUMNS as u64).map(|number| number % 2 * 2 + 4).collect::<Vec<_>>();
        assert_eq!(heights(&histograms("", "", &[band(&many)])), vec![1.0; COLUMNS]);
    }

    #[test]
    fn a_few_high_columns_do_not_press_the_others_flat() {
        let mut counts = vec![100; 256];
        counts[0] = 1_000_000;
        let svg = histograms("a", "", &[band(&counts)]);
        let heights = heights(&svg);
        assert_eq!((heights[0], heights[1]), (1.0, 0.8));
        assert!(svg.contains("<title>1 M at 0"), "{svg}");
    }

    #[test]
    fn whatever_the_numbers_it_is_a_picture() {
        let empty = (Bins::new(5, -1.0, -1.0).unwrap(), band(&[0; 5]).1);
        let tiny = (Bins::new(3, 1e-300, 3e-300).unwrap(), band(&[1, 2, 3]).1);
        let huge = (Bins::new(3, -1e300, 1e300).unwrap(), band(&[u64::MAX / 4; 3]).1);
        let narrow = (Bins::new(2, 1e15, 1e15 + 1.0).unwrap(), band(&[1, 2]).1);
        let svg = histograms("<&\">\u{7}", "", &[empty, tiny, huge, narrow]);
        assert!(svg.contains("&lt;&amp;&quot;&gt;</text>") && svg.contains("no pixel in this range"));
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        assert_eq!(svg.matches("<g ").count(), svg.matches("</g>").count());
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(ticks(-0.5, 255.5, 8.0), [0.0, 50.0, 100.0, 150.0, 200.0, 250.0]);
        assert_eq!(ticks(0.0, 4.0, 4.0), [0.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!([short(1234.0), short(12_340.0), short(2e9)], ["1234", "12.34 k", "2 G"]);
        assert_eq!([plain(0.25, 0.05), plain(-0.0, 1.0), plain(3e9, 1e9)], ["0.25", "0", "3.000e9"]);
    }
}
