//! `lee-sigma`: Lee's improved sigma filter: the mean of those pixels of the window that speckle makes of the pixel's own value.
//!
//! *Formula*: `e(P, v) = m + b (p - m)` of pixels `P` with mean `m` and variance `s` (divided by the count less 1), `p` the pixel itself,
//! `b = max(0, s - m^2 v) / (1 + v) / s`, 0 where `s` is. `a = e(the small window, u^2)` says what the pixel is like; those pixels of
//! the window that lie from `a low` to `a high` are `Q`; out is `e(Q, w^2)`, and `p` where `Q` is empty. `low`, `high` and `w` come
//! from a table for each number of looks and share `sigma` of speckle that the range holds; `u = 1 / sqrt(looks)`, in amplitude
//! `0.5227 / sqrt(looks)`. Before that, targets stay as they are: bright pixels in the small window of a bright pixel in whose own
//! small window more than five are bright; bright is above the 98th percentile of the whole band. *Units*: linear intensity or
//! amplitude. *Halo*: that of the window, at least twice that of the small window. *Boundary*: any. *Nodata*: left out.
//! *Cost per pixel*: two looks at each pixel of both windows. *Source*: Lee, Wen, Ainsworth, Chen and Chen 2009, "Improved sigma filter
//! for speckle filtering of SAR imagery"; the tables as SNAP has them, but for one number (see `AMPLITUDE`). *Agrees with*: a plain
//! program in numpy within 1e-11. SNAP finds the percentile tile by tile, looks for targets in the order of its tiles' pixels,
//! and takes another formula at the edge.

#![allow(
    clippy::needless_range_loop,
    reason = "lanes are looked at by index: iterators over arrays are not always inlined, and then not vectors"
)]

use fearless_simd::{Simd, dispatch};
use fearless_simd_macros::simd;
use swathe_core::{
    Documentation, Error, Group, Halo, Operator, OperatorSpec, Parameter, ParameterKind, Parameters,
    RasterInfo, Result, Size,
};

use super::{AMPLITUDE_VARIATION, DOMAIN, SIZE, TYPES, scale};
use crate::focal::surroundings::Surroundings;
use crate::focal::window_statistics::{self, Finish, FinishWindow, Scale};
use crate::prepare::{Asked, PreparationSpec};
use crate::reduce::{About, Answer, Interpolation, Quantiles, Question};
use crate::rows::number_of_decibels;
use crate::simd::level;

/// The description of `lee-sigma`.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: "lee-sigma",
    group: Group::Speckle,
    summary: "improved sigma filter of Lee 2009: the mean of what speckle makes of the pixel's own value; bright targets stay",
    inputs: (1, 1),
    parameters: &[
        SIZE,
        Parameter::required(
            "looks",
            ParameterKind::Choice(&["1", "2", "3", "4"]),
            "number of looks of the input, as far as there are tables",
        ),
        Parameter::optional(
            "sigma",
            ParameterKind::Choice(&["0.5", "0.6", "0.7", "0.8", "0.9"]),
            Some("0.9"),
            "share of speckle that the range of values holds",
        ),
        Parameter::optional(
            "target-size",
            ParameterKind::Choice(&["3", "5"]),
            Some("3"),
            "side of the small window, in which targets are looked for and the pixel's own value is estimated",
        ),
        Parameter::optional(
            "bright",
            ParameterKind::Numbers { fewest: 1, most: 65535, least: f64::MIN, greatest: f64::MAX },
            None,
            "what pixels of targets are above: one for all bands, or one for each (default: their 98th percentiles, found first)",
        ),
        DOMAIN,
        Parameter::BOUNDARY,
        Parameter::NODATA,
        Parameter::REAL_TYPE,
    ],
    documentation: Documentation {
        formula: "out = e(pixels of the window from a low to a high, w^2), a = e(the small window, u^2), e(P, v) = m + b (p - m),\nb = max(0, s - m^2 v) / (1 + v) / s, m and s mean and variance of P; u = 1 / sqrt(looks), in amplitude 0.5227 / sqrt(looks);\nlow, high and w by looks and sigma. The pixel itself where none is in the range, and on targets: bright pixels beside a\nbright pixel in whose small window more than five are bright",
        halo: "w / 2 to the left, w - 1 - w / 2 to the right; likewise above and below; at least 2, and 4 with --target-size 5",
        types: TYPES,
        nodata: "left out; a pixel without data stays without",
        cost: "two looks at each pixel of both windows; one sweep for 8- and 16-bit samples, two for 32 bits, four for 64 where --bright\nis not given",
        source: "Lee, Wen, Ainsworth, Chen and Chen 2009; tables as in SNAP",
        agrees: "a plain program in f64 within 1e-11; not with SNAP at the edge, nor where its tiles show",
        example: "swathe lee-sigma scene.tif smooth.tif --looks 1",
    },
    trials: &[
        "looks=1 bright=90",
        "looks=4 sigma=0.5 target-size=5 size=5 bright=20 boundary=nearest",
        "looks=2 sigma=0.7 size=9x4 domain=amplitude bright=1e9 nodata=propagate",
        "looks=3 sigma=0.8 size=2 domain=db bright=15 boundary=wrap",
    ],
    bind,
};

/// What `lee-sigma` asks.
pub static PREPARATION: PreparationSpec = PreparationSpec { operator: "lee-sigma", ask };

/// The range that holds a share of the speckle around its mean, and how far that share spreads.
#[derive(Clone, Copy, Debug)]
struct Share {
    low: f64,
    high: f64,
    /// Coefficient of variation of what lies in the range.
    variation: f64,
}

const fn share(low: f64, high: f64, variation: f64) -> Share {
    Share { low, high, variation }
}

/// For intensities, by looks from 1 to 4 and shares from 0.5 to 0.9 (Lee 2009, table I).
#[rustfmt::skip]
const INTENSITY: [[Share; 5]; 4] = [
    [share(0.436, 1.920, 0.4057), share(0.343, 2.210, 0.4954), share(0.254, 2.582, 0.5911), share(0.168, 3.094, 0.6966), share(0.084, 3.941, 0.8191)],
    [share(0.582, 1.584, 0.2763), share(0.501, 1.755, 0.3388), share(0.418, 1.972, 0.4062), share(0.327, 2.260, 0.4810), share(0.221, 2.744, 0.5699)],
    [share(0.652, 1.458, 0.2222), share(0.580, 1.586, 0.2736), share(0.505, 1.751, 0.3280), share(0.419, 1.965, 0.3892), share(0.313, 2.320, 0.4624)],
    [share(0.694, 1.385, 0.1921), share(0.630, 1.495, 0.2348), share(0.560, 1.627, 0.2825), share(0.480, 1.804, 0.3354), share(0.378, 2.094, 0.3991)],
];

/// The same for amplitudes. SNAP has 0.839 for the last variation, which is more than all speckle of four looks spreads; this one is
/// that of the root of four looks of intensity, of which all the ranges here hold their share.
#[rustfmt::skip]
const AMPLITUDE: [[Share; 5]; 4] = [
    [share(0.653997, 1.40002, 0.208349), share(0.578998, 1.50601, 0.255358), share(0.496999, 1.63201, 0.305303), share(0.403999, 1.79501, 0.361078), share(0.286, 2.04301, 0.426375)],
    [share(0.76, 1.263, 0.139021), share(0.705, 1.332, 0.169777), share(0.643, 1.412, 0.206675), share(0.568, 1.515, 0.244576), share(0.467, 1.673, 0.29107)],
    [share(0.806, 1.21, 0.109732), share(0.76, 1.263, 0.138001), share(0.708, 1.327, 0.163686), share(0.645, 1.408, 0.19597), share(0.557, 1.531, 0.234219)],
    [share(0.832, 1.179, 0.0894192), share(0.793, 1.226, 0.112018), share(0.747, 1.279, 0.139243), share(0.691, 1.347, 0.167771), share(0.613, 1.452, 0.2019)],
];

/// The percentile above which pixels are bright.
const BRIGHT: f64 = 98.0;

/// A target is more bright pixels than this in a small window.
const FEW: usize = 5;

/// Pixels that are computed side by side.
const LANES: usize = 16;

fn ask(parameters: &Parameters, input: &RasterInfo) -> Result<Option<Asked>> {
    if parameters.get("bright").is_some() {
        return Ok(None);
    }
    let quantiles = Quantiles::new(&[BRIGHT], Interpolation::InvertedCdf)?;
    let bands = if input.bands > 1 { " of each band" } else { "" };
    Ok(Some(Asked {
        question: Question {
            about: About::Summary { quantiles: Some(quantiles), ddof: 0.0 },
            policy: parameters.nodata_policy()?,
        },
        subject: format!("percentile {BRIGHT}{bands}"),
        stand_in: vec![("bright", Some("0".into()))],
        settle: Box::new(|answer| {
            let Answer::Summary(bands) = answer else {
                return Err(Error::bug("the percentile was not answered"));
            };
            // Where no pixel holds data none is bright; nor is one where the percentile is infinite.
            let bright = |found: f64| if found.is_finite() { found } else { f64::MAX };
            let values = bands.iter().map(|(_, found)| bright(found[0]).to_string());
            Ok(vec![("bright", Some(values.collect::<Vec<_>>().join(",")))])
        }),
    }))
}

fn bind(parameters: &Parameters, inputs: &[RasterInfo]) -> Result<Box<dyn Operator>> {
    let window = parameters.size("size")?.ok_or_else(|| Error::usage("`--size` is missing"))?;
    let Some(mut bright) = parameters.numbers("bright")? else {
        return Err(Error::usage("needs its `--bright` here, as nobody looks for the percentile first"));
    };
    if bright.len() != 1 && bright.len() != inputs[0].bands {
        return Err(Error::usage(format!(
            "--bright: {} values for {} bands; give one for all, or one for each",
            bright.len(),
            inputs[0].bands
        )));
    }
    let place = |name, words: &[&str]| {
        let word = parameters.text(name).unwrap_or_default();
        words
            .iter()
            .position(|&one| one == word)
            .ok_or_else(|| Error::usage(format!("`--{name}` is missing")))
    };
    let looks = place("looks", &["1", "2", "3", "4"])?;
    let sigma = place("sigma", &["0.5", "0.6", "0.7", "0.8", "0.9"])?;
    let small = if parameters.text("target-size") == Some("5") { 5 } else { 3 };
    let amplitude = parameters.text("domain") == Some("amplitude");
    let scale = scale(parameters);
    if scale == Scale::Decibels {
        bright.iter_mut().for_each(|value| *value = number_of_decibels(*value));
    }
    // As far as the small windows of the pixels in a pixel's small window reach.
    let seen = Size::new(window.width.max(2 * small - 1), window.height.max(2 * small - 1));
    let one_look = if amplitude { AMPLITUDE_VARIATION } else { 1.0 };
    let filter = LeeSigma {
        share: if amplitude { AMPLITUDE } else { INTENSITY }[looks][sigma],
        noise: one_look * one_look / (looks + 1) as f64,
        bright,
        small: Part::of(seen, Size::new(small, small)),
        window: Part::of(seen, window),
        centre: Part::of(seen, Size::new(1, 1)),
    };
    let finish = Finish::OfWindow(Box::new(filter));
    window_statistics::bind_window(parameters, &inputs[0], (seen, 0), scale, finish)
}

/// A window in the middle of a larger one, by its first column and row there.
#[derive(Clone, Copy, Debug)]
struct Part {
    x: usize,
    y: usize,
    size: Size,
}

impl Part {
    fn of(all: Size, size: Size) -> Self {
        let (outer, inner) = (Halo::of_window(all), Halo::of_window(size));
        Part { x: outer.left - inner.left, y: outer.top - inner.top, size }
    }
}

struct LeeSigma {
    share: Share,
    /// Squared coefficient of variation of all speckle.
    noise: f64,
    /// For each band, or one for all.
    bright: Vec<f64>,
    small: Part,
    window: Part,
    centre: Part,
}

impl FinishWindow for LeeSigma {
    fn row(&self, around: &Surroundings<'_>, _means: &[f64], variances: &mut [f64]) {
        let length = variances.len();
        let whole = length / LANES * LANES;
        for x in (0..whole).step_by(LANES) {
            let piece = &mut variances[x..x + LANES];
            dispatch!(level(), simd => filter::<_, LANES>(simd, self, around, x, piece));
        }
        for x in whole..length {
            dispatch!(level(), simd => filter::<_, 1>(simd, self, around, x, &mut variances[x..=x]));
        }
        let bright = self.bright[around.band().min(self.bright.len() - 1)];
        let (row, column) = (self.centre.y, self.centre.x);
        for (x, value) in variances.iter_mut().enumerate() {
            let pixel = around.numbers(row)[x + column];
            if pixel > bright && self.is_target(around, x, bright) {
                *value = pixel;
            }
        }
    }
}

impl LeeSigma {
    /// Whether the bright pixel in the middle of the window that begins in column `x` belongs to a target.
    fn is_target(&self, around: &Surroundings<'_>, x: usize, bright: f64) -> bool {
        let (small, reach) = (self.small, self.small.size.width / 2);
        let is_bright = |x: usize, y: usize| {
            around.numbers(y)[x] > bright && (around.is_whole() || around.valid(y)[x] > 0.0)
        };
        let middles = small.size.width;
        (small.y..small.y + middles).any(|j| {
            (x + small.x..x + small.x + middles).any(|i| {
                is_bright(i, j)
                    && (j - reach..=j + reach)
                        .map(|j| (i - reach..=i + reach).filter(|&i| is_bright(i, j)).count())
                        .sum::<usize>()
                        > FEW
            })
        })
    }
}

/// The outputs of the pixels whose windows begin with columns `x..x + N`, targets or not.
#[simd]
fn filter<S: Simd, const N: usize>(
    _: S,
    filter: &LeeSigma,
    around: &Surroundings<'_>,
    x: usize,
    made: &mut [f64],
) {
    assert_eq!(made.len(), N);
    let (pixels, _) = numbers_at::<N>(around, x + filter.centre.x, filter.centre.y);
    let all = ([f64::NEG_INFINITY; N], [f64::INFINITY; N]);
    let (own, _) = estimate::<N>(around, x, filter.small, all, filter.noise, &pixels);
    let (mut low, mut high) = ([0.0; N], [0.0; N]);
    for i in 0..N {
        (low[i], high[i]) = (own[i] * filter.share.low, own[i] * filter.share.high);
    }
    let noise = filter.share.variation * filter.share.variation;
    let (estimates, counts) = estimate::<N>(around, x, filter.window, (low, high), noise, &pixels);
    for i in 0..N {
        made[i] = if counts[i] > 0.0 { estimates[i] } else { pixels[i] };
    }
}

/// The linear estimates of pixels from those pixels of their windows that lie in a range, and how many these are.
#[inline(always)]
fn estimate<const N: usize>(
    around: &Surroundings<'_>,
    x: usize,
    part: Part,
    (low, high): ([f64; N], [f64; N]),
    noise: f64,
    pixels: &[f64; N],
) -> ([f64; N], [f64; N]) {
    let (mut counts, mut sums, mut squares) = ([0.0; N], [0.0; N], [0.0; N]);
    for y in part.y..part.y + part.size.height {
        for column in x + part.x..x + part.x + part.size.width {
            let (numbers, valid) = numbers_at::<N>(around, column, y);
            for i in 0..N {
                let counts_it = (numbers[i] >= low[i]) & (numbers[i] <= high[i]) & (valid[i] > 0.0);
                counts[i] += if counts_it { 1.0 } else { 0.0 };
                sums[i] += if counts_it { numbers[i] } else { 0.0 };
            }
        }
    }
    let mut means = [0.0; N];
    for i in 0..N {
        means[i] = sums[i] / counts[i];
    }
    for y in part.y..part.y + part.size.height {
        for column in x + part.x..x + part.x + part.size.width {
            let (numbers, valid) = numbers_at::<N>(around, column, y);
            for i in 0..N {
                let counts_it = (numbers[i] >= low[i]) & (numbers[i] <= high[i]) & (valid[i] > 0.0);
                let off = numbers[i] - means[i];
                squares[i] += if counts_it { off * off } else { 0.0 };
            }
        }
    }
    let mut estimates = [0.0; N];
    for i in 0..N {
        let variance = squares[i] / (counts[i] - 1.0);
        let signal = (variance - means[i] * means[i] * noise) / (1.0 + noise);
        // No spread, and a pixel by itself, have no signal.
        let weight = if signal > 0.0 && squares[i] > 0.0 { signal / variance } else { 0.0 };
        estimates[i] = means[i] + weight * (pixels[i] - means[i]);
    }
    (estimates, counts)
}

/// `N` numbers of a row, and 1 for those that are data.
#[inline(always)]
fn numbers_at<const N: usize>(around: &Surroundings<'_>, x: usize, y: usize) -> ([f64; N], [f64; N]) {
    let valid = if around.is_whole() { [1.0; N] } else { piece(around.valid(y), x) };
    (piece(around.numbers(y), x), valid)
}

/// `N` numbers from column `x` on. Not copied as slices: that is a call, for each pixel of a window.
#[inline(always)]
fn piece<const N: usize>(row: &[f64], x: usize) -> [f64; N] {
    row[x..].first_chunk::<N>().copied().unwrap_or([0.0; N])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial;

    #[test]
    fn ranges_hold_more_for_a_larger_share_and_spread_less_for_more_looks() {
        for (table, all) in [(INTENSITY, 1.0), (AMPLITUDE, AMPLITUDE_VARIATION)] {
            for (looks, shares) in (1..).zip(table) {
                let all = all / f64::from(looks).sqrt();
                for pair in shares.windows(2) {
                    assert!(pair[0].low > pair[1].low && pair[0].high < pair[1].high);
                    assert!(pair[0].variation < pair[1].variation && pair[1].variation < all, "{pair:?}");
                }
            }
        }
    }

    #[test]
    fn targets_stay_and_what_is_alone_in_its_range_too() {
        let mut rows = [[10.0_f32; 11]; 9];
        rows[2][2..5].copy_from_slice(&[800.0, 900.0, 1000.0]);
        rows[3][2..5].copy_from_slice(&[850.0, 950.0, 1050.0]);
        // Bright, but only five.
        rows[7][4..9].copy_from_slice(&[850.0, 950.0, 900.0, 1000.0, 800.0]);
        let slices: Vec<&[f32]> = rows.iter().map(<[f32; 11]>::as_slice).collect();
        let input = trial::raster::<f32>(&[&slices]);
        let output = trial::run(&SPEC, "looks=1 sigma=0.5 size=5 bright=500", &input).unwrap().rows::<f32>(0);
        assert_eq!(output[2][2..5], rows[2][2..5]);
        assert_eq!(output[3][2..5], rows[3][2..5]);
        assert_eq!(output[0][10], 10.0);
        let none = trial::run(&SPEC, "looks=1 sigma=0.5 size=5 bright=2000", &input).unwrap().rows::<f32>(0);
        assert_ne!(none[2][2..5], rows[2][2..5]);
        assert_eq!(none[7], output[7]);
    }

    #[test]
    fn thresholds_are_one_for_all_bands_or_one_for_each() {
        let input = trial::random(RasterInfo::new(Size::new(9, 8), 2, swathe_core::SampleType::U8), 3);
        let of = |text: &str| trial::run(&SPEC, text, &input).unwrap();
        let (both, each) = (of("looks=1 bright=100"), of("looks=1 bright=100,255"));
        assert_eq!(both.rows::<f32>(0), each.rows::<f32>(0));
        assert_eq!(each.rows::<f32>(1), of("looks=1 bright=255").rows::<f32>(1));
        let message =
            |text| trial::bind(&SPEC, text, std::slice::from_ref(&input.info)).err().unwrap().to_string();
        assert!(message("looks=1 bright=1,2,3").contains("3 values for 2 bands"));
        assert!(message("looks=1").contains("`--bright`"));
        assert!(message("looks=5").contains("`5`"));
    }
}
