//! `swathe operators`: what there is, by group.

use clap::ArgMatches;
use serde_json::Value;
use swathe::reduce::QUESTIONS;
use swathe::scan::SCANS;
use swathe::{Error, Spec};

use crate::arguments::value_name;
use crate::exit::{Done, print};
use crate::operators::json;

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches) -> Result<Done, Error> {
    let text = if matches.get_flag("json") {
        let operators = swathe::OPERATORS.iter().map(|spec| as_json(spec));
        let questions = QUESTIONS.iter().map(|spec| as_json(spec));
        let scans = SCANS.iter().map(|spec| as_json(spec));
        let register = std::iter::once(as_json(&swathe::REGISTER));
        json(&operators.chain(scans).chain(questions).chain(register).collect::<Vec<_>>())?
    } else {
        listing()
    };
    print(&text)?;
    Ok(Done::Well)
}

fn listing() -> String {
    let operators = swathe::OPERATORS.iter().map(|spec| (spec.group, spec.name, spec.summary));
    let questions = QUESTIONS.iter().map(|spec| (spec.group, spec.name, spec.summary));
    let scans = SCANS.iter().map(|spec| (spec.group, spec.name, spec.summary));
    let register = std::iter::once(&swathe::REGISTER).map(|spec| (spec.group, spec.name, spec.summary));
    let mut all = operators.chain(scans).chain(questions).chain(register).collect::<Vec<_>>();
    all.sort_unstable();
    let width = all.iter().map(|(_, name, _)| name.len()).max().unwrap_or(0);
    let mut lines = Vec::new();
    let mut heading = None;
    for (group, name, summary) in all {
        if heading != Some(group) {
            heading = Some(group);
            lines.push(format!("{}:", group.name()));
        }
        lines.push(format!("  {name:width$}  {summary}"));
    }
    lines.push("`swathe help NAME` explains one".into());
    lines.join("\n")
}

fn as_json<B>(spec: &Spec<B>) -> Value {
    let parameter = |parameter: &swathe::Parameter| {
        serde_json::json!({
            "name": parameter.name,
            "value": value_name(parameter.kind),
            "default": parameter.default,
            "required": parameter.required,
            "help": parameter.help,
        })
    };
    serde_json::json!({
        "name": spec.name,
        "group": spec.group.name(),
        "summary": spec.summary,
        "inputs": [spec.inputs.0, spec.inputs.1],
        "parameters": spec.parameters.iter().map(parameter).collect::<Vec<_>>(),
        "example": spec.documentation.example,
    })
}
