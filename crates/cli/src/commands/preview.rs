//! `swathe preview INPUT OUT.png`.

use std::path::Path;
use std::str::FromStr;

use clap::ArgMatches;
use swathe::{Colours, Error, PreviewOptions, Size, Window};

use super::generate::size_of;
use crate::exit::Done;

/// The side that a picture fits into where nothing is said.
const SIDE: usize = 1024;

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches) -> Result<Done, Error> {
    let text = |name: &str| matches.get_one::<String>(name).map(String::as_str);
    let (input, output) = (text("INPUT").unwrap_or_default(), text("OUTPUT").unwrap_or_default());
    let place = Path::new(output);
    let overwrite = matches.get_flag("overwrite");
    swathe::refuse_existing(place, overwrite, &[input])?;
    let window = match *numbers::<u32>(matches, "window", WHOLE)?.as_slice() {
        [] => None,
        [x, y, width, height] => Some(Window::new(x.into(), y.into(), width as usize, height as usize)),
        _ => return Err(Error::usage("--window takes four numbers: X,Y,W,H")),
    };
    let stretch = match *numbers::<f64>(matches, "stretch", "number")?.as_slice() {
        [low, high] => Some([low, high]),
        _ => return Err(Error::usage("--stretch takes two percentiles: LO,HI")),
    };
    let bands = numbers::<u32>(matches, "bands", WHOLE)?.into_iter().map(|band| match band as usize {
        0 => Err(Error::usage("--bands: bands are numbered from 1")),
        band => Ok(band - 1),
    });
    let raster = swathe::describe(input)?.size;
    let whole = window.map_or(raster, Window::size);
    let fit = text("size").map(size_of).transpose()?.unwrap_or(Size::new(SIDE, SIDE));
    let options = PreviewOptions {
        size: Some(fitted(whole, fit)),
        bands: bands.collect::<Result<_, _>>()?,
        stretch,
        window,
        colours: match text("colours") {
            Some("labels") => Colours::Labels,
            Some("grey") => Colours::Grey,
            _ => Colours::Auto,
        },
    };
    let picture = swathe::preview(input, &options)?;
    swathe::write_png(place, &picture, overwrite)?;
    Ok(Done::Well)
}

/// The largest size of a raster's proportions that fits, never larger than the raster.
fn fitted(raster: Size, fit: Size) -> Size {
    let scale =
        (fit.width as f64 / raster.width as f64).min(fit.height as f64 / raster.height as f64).min(1.0);
    let side = |side: usize| ((side as f64 * scale).round() as usize).max(1);
    Size::new(side(raster.width), side(raster.height))
}

/// What a list of whole numbers holds, in words.
const WHOLE: &str = "whole number from 0 on";

/// The numbers of an option, none where it was not given; `what` says what each is.
fn numbers<T: FromStr>(matches: &ArgMatches, name: &str, what: &str) -> Result<Vec<T>, Error> {
    let number = |part: &str| {
        let number = part.trim().parse();
        number.map_err(|_| Error::usage(format!("--{name}: `{part}` is not a {what}")))
    };
    let text = matches.get_one::<String>(name);
    text.map_or(Ok(Vec::new()), |text| text.split(',').map(number).collect())
}
