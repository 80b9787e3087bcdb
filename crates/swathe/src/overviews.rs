//! Overviews of a raster that exists already, in a file beside it.

use std::collections::BTreeMap;
use std::path::Path;

use swathe_core::{Error, Result};
use swathe_engine::{Catalogue, Graph, Input, Limits, Plan};

use crate::catalogue::Formats;
use crate::job::RunSettings;

/// Thinks out the making of a raster's overviews in the file `PATH.ovr`, where GDAL and all that build on it look for them.
/// `options` are output options: `overviews`, `overview-method`, `compress`, `predictor`, `block`, `bigtiff`, `interleave`, `set`
/// and `overwrite`.
///
/// # Errors
/// Usage, where the raster has overviews inside, or options make no sense; else as [`crate::plan`].
pub fn overviews(input: &Input, options: &BTreeMap<String, String>, run: &RunSettings) -> Result<Plan> {
    let limits = Limits::detect();
    let path = input.path.as_str();
    let file = swathe_io::file_of(path);
    if file != Path::new(path) {
        return Err(Error::usage(format!(
            "`{path}`: overviews are of the whole file `{}`, not of a part that is chosen by name",
            file.display()
        )));
    }
    let formats = Formats::writing(vec![file], &limits).running(run);
    let source = formats.open(input)?;
    let beside = format!("{path}.ovr");
    if !source.overviews().is_empty() && !Path::new(&beside).exists() {
        return Err(Error::usage(format!(
            "`{path}` has overviews inside, which stand in for any beside it; `swathe copy --format cog` writes it with new ones"
        )));
    }
    let set = formats.output_options(options)?;
    let destination = swathe_io::plan_overviews(&beside, source.info(), &set)?;
    Plan::new(Graph::new(source, Vec::new(), destination), &run.options()?, &limits)
}
