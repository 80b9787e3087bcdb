//! Small pictures of large rasters, in memory that does not grow with the raster.
//!
//! Each pixel of the picture is the mean of the raster's pixels under it; what holds no data (nodata value, `NaN`,
//! infinity, mask) is left out, and is black and transparent where nothing else is there. Grey levels are then
//! stretched between two percentiles of the reduced picture, for each band on its own.
//!
//! Where a picture's pixel stands for more than 16 columns or rows, only the middle 16 of them are averaged: a mean
//! of 256 pixels is as good to the eye as one of thousands. Rows that nobody looks at are then not read; of blocks that
//! are compressed, which are read whole or not at all, only those that hold a pixel looked at, and each once.

mod accumulate;
mod labels;
mod reading;
mod stretch;
#[cfg(test)]
mod tests;

use swathe_core::{Colour, Error, RasterInfo, Result, Size, Source, Window};

use crate::formats::OpenOptions;

/// What values of one band look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colours {
    /// A colour for each label where the band's description is `label`, as labelling writes it; else grey.
    #[default]
    Auto,
    /// From black to white.
    Grey,
    /// A colour for each integer, the same in every picture, unlike that of its neighbours; 0 is black.
    Labels,
}

/// What a preview shows.
#[derive(Clone, Debug, PartialEq)]
pub struct PreviewOptions {
    /// The picture's size; without one, the window's, reduced in proportion to fit 1024 x 1024.
    pub size: Option<Size>,
    /// One band (grey) or three (red, green, blue), from 0; empty for the raster's own colours, or its first band.
    pub bands: Vec<usize>,
    /// The percentiles, 0 to 100, that become black and white. Without: 8-bit values as they are, others from least to
    /// greatest. Pictures with a colour table are never stretched.
    pub stretch: Option<[f64; 2]>,
    /// The part of the raster to show; all of it without one.
    pub window: Option<Window>,
    /// What values of one band look like, where it has no colour table.
    pub colours: Colours,
}

impl Default for PreviewOptions {
    /// The whole raster, stretched from 2 to 98 %.
    fn default() -> Self {
        PreviewOptions {
            size: None,
            bands: Vec::new(),
            stretch: Some([2.0, 98.0]),
            window: None,
            colours: Colours::Auto,
        }
    }
}

/// What the samples of one pixel of a [`Picture`] are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channels {
    /// Grey.
    Gray,
    /// Grey and opacity.
    GrayAlpha,
    /// Red, green, blue.
    Rgb,
    /// Red, green, blue and opacity.
    RgbAlpha,
}

impl Channels {
    /// Samples, and bytes, to the pixel.
    pub const fn count(self) -> usize {
        match self {
            Channels::Gray => 1,
            Channels::GrayAlpha => 2,
            Channels::Rgb => 3,
            Channels::RgbAlpha => 4,
        }
    }

    /// True where the last sample is opacity.
    pub const fn alpha(self) -> bool {
        matches!(self, Channels::GrayAlpha | Channels::RgbAlpha)
    }

    const fn new(colour: bool, alpha: bool) -> Self {
        match (colour, alpha) {
            (false, false) => Channels::Gray,
            (false, true) => Channels::GrayAlpha,
            (true, false) => Channels::Rgb,
            (true, true) => Channels::RgbAlpha,
        }
    }
}

/// A picture of 8 bits a sample, row after row, the samples of a pixel together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Columns and rows.
    pub size: Size,
    /// What a pixel's samples are.
    pub channels: Channels,
    /// `size.pixels() * channels.count()` samples.
    pub pixels: Vec<u8>,
}

/// Most pixels of a preview: its memory is up to some 40 bytes a pixel.
const MOST_PIXELS: usize = 1 << 24;

/// The side of the square that a preview fits without a size.
const FIT: usize = 1024;

/// Makes a small picture of a raster.
///
/// # Errors
/// Usage, where bands, window, size or percentiles make no sense; what the source says, where it cannot be read.
pub fn preview(source: &dyn Source, options: &PreviewOptions) -> Result<Picture> {
    let info = source.info();
    let window = options.window.unwrap_or(info.window());
    if window.is_empty() || !info.window().contains(window) {
        return Err(Error::usage(format!(
            "`{}`: window {window} does not lie inside the raster of {}",
            source.name(),
            info.size
        )));
    }
    let size = picture_size(source, window, options.size)?;
    check_stretch(options.stretch)?;
    let channels = choose_channels(source, &options.bands, options.colours)?;
    let means = reading::reduce(source, window, size, &channels)?;
    Ok(stretch::paint(size, &means, levels(info, &channels, options.stretch)))
}

/// Makes a small picture of a raster by name: of the smallest of its overviews that has as many pixels as the picture,
/// where there is one.
///
/// # Errors
/// As [`preview`], and as [`crate::open`].
pub fn preview_of(spec: &str, open: &OpenOptions, options: &PreviewOptions) -> Result<Picture> {
    let source = crate::open(spec, open)?;
    let (whole, overviews) = (source.info().size, source.overviews());
    // Of a band or a page selected by name there is no way to say which overview.
    let named = overviews.is_empty() || spec != source.name();
    let window = options.window.unwrap_or(source.info().window());
    if named || window.is_empty() || !source.info().window().contains(window) {
        return preview(source.as_ref(), options);
    }
    let size = options.size.unwrap_or_else(|| fit(window.size()));
    let fitting = overviews.iter().rposition(|overview| {
        let reduced = reduced_window(window, whole, *overview);
        reduced.width >= size.width && reduced.height >= size.height
    });
    let Some(number) = fitting else { return preview(source.as_ref(), options) };
    let reduced = reduced_window(window, whole, overviews[number]);
    // An overview that cannot be read is no reason to show nothing.
    match crate::open(&format!("{spec}:overview={}", number + 1), open) {
        Ok(overview) => {
            let options = PreviewOptions { size: Some(size), window: Some(reduced), ..options.clone() };
            preview(overview.as_ref(), &options)
        }
        Err(_) => preview(source.as_ref(), options),
    }
}

/// The pixels of an overview that show a window of the whole.
fn reduced_window(window: Window, whole: Size, overview: Size) -> Window {
    let place = |at: i64, from: usize, to: usize| (at as f64 * to as f64 / from as f64).round() as i64;
    let (x, y) =
        (place(window.x, whole.width, overview.width), place(window.y, whole.height, overview.height));
    let right = place(window.x_end(), whole.width, overview.width);
    let bottom = place(window.y_end(), whole.height, overview.height);
    Window::between(x, y, right, bottom)
}

fn picture_size(source: &dyn Source, window: Window, asked: Option<Size>) -> Result<Size> {
    let size = asked.unwrap_or_else(|| fit(window.size()));
    if size.is_empty() || size.pixels() > MOST_PIXELS {
        return Err(Error::usage(format!(
            "`{}`: a preview of {size} is asked for; it has 1 to {MOST_PIXELS} pixels",
            source.name()
        )));
    }
    Ok(size)
}

/// The size reduced in proportion, where it must be, to fit the square of side [`FIT`].
fn fit(size: Size) -> Size {
    let longest = size.width.max(size.height);
    if longest <= FIT {
        return size;
    }
    let scaled = |length: usize| {
        let rounded = (length as u128 * FIT as u128 + longest as u128 / 2) / longest as u128;
        (rounded as usize).max(1)
    };
    Size::new(scaled(size.width), scaled(size.height))
}

fn check_stretch(stretch: Option<[f64; 2]>) -> Result<()> {
    match stretch {
        // `NaN` is in no range.
        Some([low, high])
            if !((0.0..=100.0).contains(&low) && (0.0..=100.0).contains(&high) && low < high) =>
        {
            Err(Error::usage(format!(
                "a stretch from {low} to {high} % is asked for; percentiles lie between 0 and 100, the lower first"
            )))
        }
        _ => Ok(()),
    }
}

/// One channel of the picture: a band, and what its values stand for.
struct Channel {
    band: usize,
    shown: Shown,
}

/// What a value stands for in a channel.
enum Shown {
    /// Itself, somewhere between black and white.
    Value,
    /// An index into these levels.
    Index(Vec<f64>),
    /// A label, of whose colour this is red (0), green or blue (2).
    Label(usize),
}

fn choose_channels(source: &dyn Source, asked: &[usize], colours: Colours) -> Result<Vec<Channel>> {
    let info = source.info();
    let bands = if asked.is_empty() { own_bands(info) } else { asked.to_vec() };
    if !matches!(bands.len(), 1 | 3) {
        return Err(Error::usage(format!("{} bands are asked for; a picture has 1 or 3", bands.len())));
    }
    if let Some(band) = bands.iter().find(|&&band| band >= info.bands) {
        return Err(Error::usage(format!(
            "`{}` has no band {}; it has bands 1 to {}",
            source.name(),
            band + 1,
            info.bands
        )));
    }
    let palette = &info.metadata.palette;
    if let [band] = bands[..]
        && info.metadata.colours.get(band) == Some(&Colour::Palette)
        && !palette.is_empty()
    {
        let table = |i: usize| palette.iter().map(|colour| f64::from(colour[i] >> 8)).collect();
        return Ok((0..3).map(|i| Channel { band, shown: Shown::Index(table(i)) }).collect());
    }
    match (colours, &bands[..]) {
        (Colours::Labels, [_]) if info.sample_type.is_float() => Err(Error::usage(format!(
            "`{}` is {}, and labels are integers; `cast --type i32` makes it so",
            source.name(),
            info.sample_type.name()
        ))),
        (Colours::Labels, [_, _, _]) => Err(Error::usage("labels are in one band; name it with `--bands`")),
        (Colours::Labels, &[band]) => Ok(of_labels(band)),
        (Colours::Auto, &[band]) if holds_labels(info, band) => Ok(of_labels(band)),
        _ => Ok(bands.into_iter().map(|band| Channel { band, shown: Shown::Value }).collect()),
    }
}

fn of_labels(band: usize) -> Vec<Channel> {
    (0..3).map(|part| Channel { band, shown: Shown::Label(part) }).collect()
}

/// Whether a band is described as labels.
fn holds_labels(info: &RasterInfo, band: usize) -> bool {
    let mut items = info.metadata.items.iter();
    !info.sample_type.is_float()
        && items.any(|item| {
            let of_band = item.band == Some(band) || (item.band.is_none() && info.bands == 1);
            of_band && item.role == "description" && item.value.eq_ignore_ascii_case("label")
        })
}

/// Red, green and blue where the raster names them; else its first three bands, or its first.
fn own_bands(info: &RasterInfo) -> Vec<usize> {
    let find = |wanted| info.metadata.colours.iter().position(|&colour| colour == wanted);
    match (find(Colour::Red), find(Colour::Green), find(Colour::Blue)) {
        (Some(red), Some(green), Some(blue)) => vec![red, green, blue],
        _ if info.bands >= 3 => vec![0, 1, 2],
        _ => vec![0],
    }
}

fn levels(info: &RasterInfo, channels: &[Channel], stretch: Option<[f64; 2]>) -> stretch::Levels {
    let table = channels.iter().any(|channel| !matches!(channel.shown, Shown::Value));
    match stretch {
        _ if table => stretch::Levels::AsTheyAre,
        Some(percentiles) => stretch::Levels::Percentiles(percentiles),
        None if info.sample_type == swathe_core::SampleType::U8 => stretch::Levels::AsTheyAre,
        None => stretch::Levels::Percentiles([0.0, 100.0]),
    }
}

/// Width in pixels of the line between two pictures.
const SEPARATOR: usize = 4;

/// Both pictures in one, the first on the left, with a thin white line between them. The lower one is filled up
/// with black, or with nothing where there is opacity.
pub fn side_by_side(left: &Picture, right: &Picture) -> Picture {
    let colour = left.channels.count() > 2 || right.channels.count() > 2;
    let channels = Channels::new(colour, left.channels.alpha() || right.channels.alpha());
    let size =
        Size::new(left.size.width + SEPARATOR + right.size.width, left.size.height.max(right.size.height));
    let mut pixels = Vec::with_capacity(size.pixels() * channels.count());
    for y in 0..size.height {
        push_row(left, y, channels, &mut pixels);
        pixels.extend(std::iter::repeat_n(u8::MAX, SEPARATOR * channels.count()));
        push_row(right, y, channels, &mut pixels);
    }
    Picture { size, channels, pixels }
}

/// Appends row `y` of a picture in other channels, zeros where it has no such row.
fn push_row(picture: &Picture, y: usize, channels: Channels, pixels: &mut Vec<u8>) {
    let count = picture.channels.count();
    let row_bytes = picture.size.width * count;
    if y >= picture.size.height {
        pixels.extend(std::iter::repeat_n(0, picture.size.width * channels.count()));
        return;
    }
    for pixel in picture.pixels[y * row_bytes..][..row_bytes].chunks_exact(count) {
        let colours = count - usize::from(picture.channels.alpha());
        let wanted = channels.count() - usize::from(channels.alpha());
        pixels.extend((0..wanted).map(|i| pixel[i.min(colours - 1)]));
        if channels.alpha() {
            pixels.push(if picture.channels.alpha() { pixel[colours] } else { u8::MAX });
        }
    }
}
