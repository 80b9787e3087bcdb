//! `swathe compare A B`.

use clap::ArgMatches;
use swathe::{Comparison, Error};

use crate::exit::{Done, print};

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches) -> Result<Done, Error> {
    let text = |name: &str| matches.get_one::<String>(name).map_or("", String::as_str);
    let tolerance: f64 =
        text("tolerance").parse().ok().filter(|tolerance| *tolerance >= 0.0).ok_or_else(|| {
            Error::usage(format!("--tolerance: `{}` is not a number of at least 0", text("tolerance")))
        })?;
    let comparison = swathe::compare(text("A"), text("B"), tolerance)?;
    let words = if matches.get_flag("json") {
        serde_json::to_string_pretty(&comparison)
            .map_err(|error| Error::bug(format!("cannot write JSON: {error}")))?
    } else {
        readable(&comparison)
    };
    print(&words)?;
    Ok(if comparison.equal { Done::Well } else { Done::Different })
}

fn readable(comparison: &Comparison) -> String {
    let mut lines = Vec::new();
    if !comparison.shape.is_empty() {
        lines.push("not comparable:".to_owned());
        lines.extend(comparison.shape.iter().map(|shape| format!("  {shape}")));
    } else if comparison.equal {
        lines.push(format!(
            "equal: {} samples, greatest difference {}",
            comparison.samples, comparison.greatest_difference
        ));
    } else {
        let Comparison { different, samples, greatest_difference, .. } = comparison;
        lines.push(format!(
            "different: {different} of {samples} samples, greatest difference {greatest_difference}"
        ));
        if let Some(first) = &comparison.first {
            lines.push(format!(
                "  first at {},{} in band {}: {} and {}",
                first.x, first.y, first.band, first.a, first.b
            ));
        }
    }
    lines.extend(comparison.notes.iter().map(|note| format!("  differs in {note}")));
    lines.join("\n")
}
