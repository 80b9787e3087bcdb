//! `swathe operators`: what there is, by group.

use clap::ArgMatches;
use serde_json::{Value, json};
use swathe::{Error, OperatorSpec};

use crate::arguments::value_name;
use crate::exit::{Done, print};

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches) -> Result<Done, Error> {
    let text = if matches.get_flag("json") {
        let all = swathe::OPERATORS.iter().map(|spec| as_json(spec)).collect::<Vec<_>>();
        serde_json::to_string_pretty(&all)
            .map_err(|error| Error::bug(format!("cannot write JSON: {error}")))?
    } else {
        listing()
    };
    print(&text)?;
    Ok(Done::Well)
}

fn listing() -> String {
    let mut specs = swathe::OPERATORS.to_vec();
    specs.sort_by_key(|spec| (spec.group, spec.name));
    let width = specs.iter().map(|spec| spec.name.len()).max().unwrap_or(0);
    let mut lines = Vec::new();
    let mut group = None;
    for spec in specs {
        if group != Some(spec.group) {
            group = Some(spec.group);
            lines.push(format!("{}:", spec.group.name()));
        }
        lines.push(format!("  {:width$}  {}", spec.name, spec.summary));
    }
    lines.push("`swathe help NAME` explains one".into());
    lines.join("\n")
}

fn as_json(spec: &OperatorSpec) -> Value {
    let parameter = |parameter: &swathe::Parameter| {
        json!({
            "name": parameter.name,
            "value": value_name(parameter.kind),
            "default": parameter.default,
            "required": parameter.required,
            "help": parameter.help,
        })
    };
    json!({
        "name": spec.name,
        "group": spec.group.name(),
        "summary": spec.summary,
        "inputs": [spec.inputs.0, spec.inputs.1],
        "parameters": spec.parameters.iter().map(parameter).collect::<Vec<_>>(),
        "example": spec.documentation.example,
    })
}
