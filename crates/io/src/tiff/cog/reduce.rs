//! Makes pixels of a smaller copy from those of the level before.
//!
//! Averages weigh each pixel with the area that the larger one covers of it. Weights are whole numbers (of the area that a
//! pixel and its copy have in common), so that sums of samples of up to 16 bits are exact and those of others have an order
//! that follows from absolute places alone.

use swathe_core::{
    Colour, Error, Frame, NodataPolicy, RasterInfo, Result, Sample, ScratchSize, Size, TileMut, TileView,
    Validity, Window, fill_value, with_sample,
};

/// How pixels become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverviewMethod {
    /// The mean of those that hold data, each weighed with the area that is covered.
    Average,
    /// The one at the north-west corner.
    Nearest,
    /// The most frequent of those that hold data, whatever part of them is covered.
    Mode,
}

impl OverviewMethod {
    /// Every method by name.
    pub const ALL: [(&'static str, OverviewMethod); 3] = [
        ("average", OverviewMethod::Average),
        ("nearest", OverviewMethod::Nearest),
        ("mode", OverviewMethod::Mode),
    ];

    /// What suits a raster: numbers are averaged, the numbers of a palette's colours are not.
    pub(crate) fn suiting(info: &RasterInfo, asked: Option<Self>) -> Result<Self> {
        let palette = info.metadata.colours.contains(&Colour::Palette);
        match asked {
            Some(OverviewMethod::Average) if palette => Err(Error::usage(
                "a palette's numbers have no average: use `--overview-method nearest` or `mode`",
            )),
            Some(method) => Ok(method),
            None if palette => Ok(OverviewMethod::Nearest),
            None => Ok(OverviewMethod::Average),
        }
    }
}

/// What turns one level into the next.
#[derive(Clone, Debug)]
pub(crate) struct Reducer {
    info: RasterInfo,
    method: OverviewMethod,
}

impl Reducer {
    /// For rasters like `info`, of whatever size.
    pub(crate) fn new(info: &RasterInfo, method: OverviewMethod) -> Self {
        Reducer { info: info.clone(), method }
    }

    /// Scratch for a target of `width` columns whose source has `source_width`.
    pub(crate) fn scratch_bytes(&self, source_width: usize) -> usize {
        ScratchSize::new().with::<f64>(source_width).with::<u8>(source_width).bytes()
    }

    /// Fills `target`, a window of a level of `to` pixels, from the level before, of `from` pixels.
    pub(crate) fn reduce(
        &self,
        source: &TileView<'_>,
        from: Size,
        target: &mut TileMut<'_>,
        to: Size,
        scratch: &mut Frame<'_>,
    ) {
        let scale = Scale { from, to };
        let columns = scratch.take::<f64>(source.window().width);
        let flags = scratch.take::<u8>(source.window().width);
        with_sample!(self.info.sample_type, T => {
            let validity = Validity::<T>::new(&self.info, NodataPolicy::Ignore);
            let rule = Rule { validity, fill: fill_value(&self.info) };
            for band in 0..self.info.bands {
                match self.method {
                    OverviewMethod::Nearest => nearest::<T>(source, scale, band, target),
                    OverviewMethod::Mode => mode(source, scale, band, target, rule),
                    OverviewMethod::Average => average(source, scale, band, target, rule, (&mut *columns, &mut *flags)),
                }
            }
        });
        self.reduce_mask(source, scale, target);
    }

    /// A pixel is data where one that it is made from is.
    fn reduce_mask(&self, source: &TileView<'_>, scale: Scale, target: &mut TileMut<'_>) {
        let (window, seen) = (target.window(), source.window());
        for y in 0..window.height {
            let Some(to) = target.mask_row_mut(y) else { return };
            let rows = match self.method {
                OverviewMethod::Nearest => {
                    let row = scale.rows().nearest(window.y as usize + y);
                    row..row + 1
                }
                _ => {
                    let span = scale.rows().span(window.y as usize + y);
                    span.start..span.end
                }
            };
            for (x, to) in to.iter_mut().enumerate() {
                let span = scale.columns().span(window.x as usize + x);
                let columns = match self.method {
                    OverviewMethod::Nearest => {
                        let column = scale.columns().nearest(window.x as usize + x);
                        column..column + 1
                    }
                    _ => span.start..span.end,
                };
                let columns = columns.start - seen.x as usize..columns.end - seen.x as usize;
                let holds = rows.clone().any(|row| {
                    let row = source.mask_row(row - seen.y as usize);
                    row.is_none_or(|row| row[columns.clone()].iter().any(|flag| *flag != 0))
                });
                *to = if holds { u8::MAX } else { 0 };
            }
        }
    }
}

/// Sizes of a level and of the one that it is made from.
#[derive(Clone, Copy)]
struct Scale {
    from: Size,
    to: Size,
}

impl Scale {
    fn columns(self) -> Axis {
        Axis { from: self.from.width, to: self.to.width }
    }

    fn rows(self) -> Axis {
        Axis { from: self.from.height, to: self.to.height }
    }
}

/// Lengths of one side.
#[derive(Clone, Copy)]
struct Axis {
    from: usize,
    to: usize,
}

/// The pixels that one of a copy covers, and how much of the first and the last, in parts of the copy's length.
#[derive(Clone, Copy)]
struct Span {
    start: usize,
    end: usize,
    first: f64,
    last: f64,
}

impl Axis {
    fn is_halved(self) -> bool {
        self.from == 2 * self.to
    }

    /// What pixel `index` covers. A whole pixel weighs as many as the copy has; all together as many as there are.
    fn span(self, index: usize) -> Span {
        let (start, into) = self.place(index, 0);
        let (end, past) = self.place(index + 1, 0);
        let whole = self.to as u64;
        let first = if end == start { past - into } else { whole - into };
        let (end, last) = if past == 0 { (end, whole) } else { (end + 1, past) };
        Span { start, end, first: first as f64, last: last as f64 }
    }

    /// The pixel at the beginning of pixel `index`, to the nearest whole pixel, halves up.
    fn nearest(self, index: usize) -> usize {
        self.place(2 * index, self.to as u64).0.min(self.from - 1)
    }

    /// Pixel and remainder of `index * from / to`; or, where `half` is a half of `2 * to`, of `(index * from + half) / (2 * to)`.
    fn place(self, index: usize, half: u64) -> (usize, u64) {
        let parts = if half > 0 { 2 * self.to as u64 } else { self.to as u64 };
        let at = index as u64 * self.from as u64 + half;
        ((at / parts) as usize, at % parts)
    }
}

/// What is data, and what stands where there is none.
#[derive(Clone, Copy)]
struct Rule<T> {
    validity: Validity<T>,
    fill: T,
}

fn nearest<T: Sample>(source: &TileView<'_>, scale: Scale, band: usize, target: &mut TileMut<'_>) {
    let (window, seen) = (target.window(), source.window());
    for y in 0..window.height {
        let from = scale.rows().nearest(window.y as usize + y) - seen.y as usize;
        let from = source.row::<T>(band, from);
        for (x, to) in target.row_mut::<T>(band, y).iter_mut().enumerate() {
            *to = from[scale.columns().nearest(window.x as usize + x) - seen.x as usize];
        }
    }
}

/// The most frequent; of those that are equally so, the one that was it first, row by row.
fn mode<T: Sample>(
    source: &TileView<'_>,
    scale: Scale,
    band: usize,
    target: &mut TileMut<'_>,
    rule: Rule<T>,
) {
    let (window, seen) = (target.window(), source.window());
    for y in 0..window.height {
        let rows = scale.rows().span(window.y as usize + y);
        let rows = rows.start - seen.y as usize..rows.end - seen.y as usize;
        for x in 0..window.width {
            let columns = scale.columns().span(window.x as usize + x);
            let columns = columns.start - seen.x as usize..columns.end - seen.x as usize;
            target.row_mut::<T>(band, y)[x] = most_frequent(source, band, (rows.clone(), columns), rule);
        }
    }
}

fn most_frequent<T: Sample>(
    source: &TileView<'_>,
    band: usize,
    (rows, columns): (std::ops::Range<usize>, std::ops::Range<usize>),
    rule: Rule<T>,
) -> T {
    let held = || {
        rows.clone().flat_map(|row| {
            let (samples, mask) = (source.row::<T>(band, row), source.mask_row(row));
            columns.clone().filter_map(move |column| {
                let mask = mask.map_or(u8::MAX, |mask| mask[column]);
                rule.validity.holds(samples[column], mask).then_some(samples[column])
            })
        })
    };
    let (mut best, mut most) = (rule.fill, 0);
    for (place, sample) in held().enumerate() {
        // How often it was seen up to here: the first to reach a count keeps it.
        let count = held().take(place + 1).filter(|other| *other == sample).count();
        if count > most {
            (best, most) = (sample, count);
        }
    }
    best
}

fn average<T: Averaged>(
    source: &TileView<'_>,
    scale: Scale,
    band: usize,
    target: &mut TileMut<'_>,
    rule: Rule<T>,
    (columns, flags): (&mut [f64], &mut [u8]),
) {
    let (window, seen) = (target.window(), source.window());
    for y in 0..window.height {
        let span = scale.rows().span(window.y as usize + y);
        let rows = span.start - seen.y as usize..span.end - seen.y as usize;
        let all_hold = !rule.validity.can_fail()
            || rows.clone().all(|row| rule.validity.fill_row(source, band, row, flags));
        let to = target.row_mut::<T>(band, y);
        if !all_hold {
            average_some(source, scale, (band, window, span), to, rule);
        } else if scale.columns().is_halved() && scale.rows().is_halved() {
            let from = 2 * window.x as usize - seen.x as usize;
            let [above, below] = [0, 1].map(|row| &source.row::<T>(band, rows.start + row)[from..]);
            for ((to, above), below) in to.iter_mut().zip(above.chunks_exact(2)).zip(below.chunks_exact(2)) {
                *to = T::quarter([above[0], above[1], below[0], below[1]]);
            }
            if rule.validity.can_fail() {
                to.iter_mut().for_each(|mean| *mean = rule.apart(*mean));
            }
        } else {
            // Down each column first, where neighbours are computed side by side; then across.
            for row in rows.clone() {
                let weight = span.weight(row + seen.y as usize, scale.to.height);
                let samples = source.row::<T>(band, row);
                if row == rows.start {
                    columns.iter_mut().zip(samples).for_each(|(sum, sample)| *sum = weight * sample.to_f64());
                } else {
                    columns
                        .iter_mut()
                        .zip(samples)
                        .for_each(|(sum, sample)| *sum += weight * sample.to_f64());
                }
            }
            across(columns, scale, window, seen, to, rule.validity.can_fail().then_some(rule));
        }
    }
}

/// Weighs sums of columns and rounds.
fn across<T: Averaged>(
    columns: &[f64],
    scale: Scale,
    window: Window,
    seen: Window,
    to: &mut [T],
    rule: Option<Rule<T>>,
) {
    let axis = scale.columns();
    let area = scale.from.width as f64 * scale.from.height as f64;
    let whole = axis.to as f64;
    for (x, to) in to.iter_mut().enumerate() {
        let span = axis.span(window.x as usize + x);
        let sums = &columns[span.start - seen.x as usize..span.end - seen.x as usize];
        let mut sum = span.first * sums[0];
        if let [_, between @ .., last] = sums {
            for column in between {
                sum += whole * column;
            }
            sum += span.last * last;
        }
        let mean = T::rounded(sum / area);
        *to = rule.map_or(mean, |rule| rule.apart(mean));
    }
}

impl Span {
    /// What a pixel weighs.
    fn weight(&self, pixel: usize, whole: usize) -> f64 {
        if pixel == self.start {
            self.first
        } else if pixel + 1 == self.end {
            self.last
        } else {
            whole as f64
        }
    }
}

impl<T: Averaged> Rule<T> {
    /// A mean of data is never taken for no data.
    fn apart(&self, mean: T) -> T {
        if self.validity.holds(mean, u8::MAX) || mean.is_nan() { mean } else { mean.neighbour() }
    }
}

/// Averages a row where some pixels hold no data. A mean of pixels that all do is summed in the order of [`average`], since which
/// rows meet a pixel without data depends on the tile.
fn average_some<T: Averaged>(
    source: &TileView<'_>,
    scale: Scale,
    (band, window, rows): (usize, Window, Span),
    to: &mut [T],
    rule: Rule<T>,
) {
    let (seen, halved) = (source.window(), scale.columns().is_halved() && scale.rows().is_halved());
    let sample = |x: usize, y: usize| source.row::<T>(band, y - seen.y as usize)[x - seen.x as usize];
    let holds = |x: usize, y: usize| {
        let mask = source.mask_row(y - seen.y as usize).map_or(u8::MAX, |mask| mask[x - seen.x as usize]);
        rule.validity.holds(sample(x, y), mask)
    };
    for (x, to) in to.iter_mut().enumerate() {
        let span = scale.columns().span(window.x as usize + x);
        let four = [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(x, y)| (span.start + x, rows.start + y));
        if halved && four.iter().all(|&(x, y)| holds(x, y)) {
            *to = rule.apart(T::quarter(four.map(|(x, y)| sample(x, y))));
            continue;
        }
        let (mut sum, mut area) = (None, 0.0);
        for column in span.start..span.end {
            let across = span.weight(column, scale.to.width);
            let mut down = None;
            for y in (rows.start..rows.end).filter(|&y| holds(column, y)) {
                let weight = rows.weight(y, scale.to.height);
                add(&mut down, weight * sample(column, y).to_f64());
                area += weight * across;
            }
            if let Some(down) = down {
                add(&mut sum, across * down);
            }
        }
        *to = sum.map_or(rule.fill, |sum| rule.apart(T::rounded(sum / area)));
    }
}

/// Adds to a sum that begins with its first term, so that zeros keep their sign.
fn add(sum: &mut Option<f64>, term: f64) {
    *sum = Some(sum.map_or(term, |sum| sum + term));
}

/// What averages need of a sample type.
trait Averaged: Sample {
    /// The mean of four, halves away from zero.
    fn quarter(four: [Self; 4]) -> Self;
    /// The nearest value, halves away from zero.
    fn rounded(mean: f64) -> Self;
    /// A value beside this one.
    fn neighbour(self) -> Self;
}

macro_rules! averaged_integers {
    ($($type:ident $wide:ident),+) => {$(
        impl Averaged for $type {
            #[inline(always)]
            fn quarter(four: [Self; 4]) -> Self {
                let sum = four[0] as $wide + four[1] as $wide + four[2] as $wide + four[3] as $wide;
                ((sum + 2 - $wide::from(sum < 0)) >> 2) as $type
            }
            #[inline(always)]
            fn rounded(mean: f64) -> Self {
                (mean + if mean < 0.0 { -0.5 } else { 0.5 }) as $type
            }
            fn neighbour(self) -> Self {
                if self == $type::MAX { self - 1 } else { self + 1 }
            }
        }
    )+};
}

averaged_integers!(u8 i32, i8 i32, u16 i32, i16 i32, u32 i64, i32 i64, u64 i128, i64 i128);

macro_rules! averaged_floats {
    ($($type:ident),+) => {$(
        impl Averaged for $type {
            #[inline(always)]
            fn quarter(four: [Self; 4]) -> Self {
                (((four[0] as f64 + four[1] as f64) + (four[2] as f64 + four[3] as f64)) * 0.25) as $type
            }
            #[inline(always)]
            fn rounded(mean: f64) -> Self {
                mean as $type
            }
            fn neighbour(self) -> Self {
                self.next_up()
            }
        }
    )+};
}

averaged_floats!(f32, f64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_cover_every_pixel_once() {
        for (from, to) in [(10, 5), (11, 6), (7, 4), (5, 3), (3, 2), (1, 1), (9, 3)] {
            let axis = Axis { from, to };
            let mut weights = vec![0.0; from];
            for index in 0..to {
                let span = axis.span(index);
                (span.start..span.end).for_each(|pixel| weights[pixel] += span.weight(pixel, to));
                let sum: f64 = (span.start..span.end).map(|pixel| span.weight(pixel, to)).sum();
                assert_eq!(sum, from as f64, "{from} to {to}, pixel {index}");
            }
            assert_eq!(weights, vec![to as f64; from], "{from} to {to}");
        }
    }

    #[test]
    fn quarters_round_half_away_from_zero() {
        assert_eq!(u8::quarter([255, 255, 255, 254]), 255);
        assert_eq!(i16::quarter([-1, -1, 0, 0]), -1);
        assert_eq!(i16::quarter([-1, 0, 0, 0]), 0);
        assert_eq!(i8::quarter([-128; 4]), -128);
        assert_eq!(u64::quarter([u64::MAX; 4]), u64::MAX);
        assert_eq!(i32::rounded(-2.5), -3);
    }
}
