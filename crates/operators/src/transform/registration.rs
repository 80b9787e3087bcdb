//! `register`: the shift between two rasters, from the peak of their correlation.

use swathe_core::{
    Documentation, Error, Group, NodataPolicy, Parameter, ParameterKind, Parameters, RasterInfo, Result,
    Size, Spec,
};

use super::columns::Correlation;
use super::{Taper, check_size};
use crate::matching::grid::ChipGrid;
use crate::matching::options::{ChipOptions, Initial, Model};

/// What decides a registration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RegistrationOptions {
    /// What is correlated.
    pub correlation: Correlation,
    /// How rasters fade out towards their edges.
    pub taper: Taper,
    /// How the peak is looked for between pixels.
    pub subpixel: Subpixel,
    /// Whether the mean is subtracted.
    pub demean: bool,
    /// Columns and rows of the transforms.
    pub padded: Size,
    /// The greatest shift along either axis that counts.
    pub greatest_shift: Option<usize>,
    /// What counts as data.
    pub policy: NodataPolicy,
}

/// How a peak is looked for between pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Subpixel {
    /// Not at all.
    None,
    /// By the parabola through three samples along each axis.
    Parabola,
    /// By the bell through them.
    Gauss,
    /// By the smooth surface through all samples.
    #[default]
    Fourier,
}

/// How a registration goes about it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// By correlation of the whole.
    Whole(RegistrationOptions),
    /// By chips that are looked for one by one.
    Chips(ChipOptions),
}

/// Makes options from parameters, for two rasters.
pub type BindRegistration = fn(&Parameters, &[RasterInfo]) -> Result<Method>;

/// The description of a registration.
pub type RegistrationSpec = Spec<BindRegistration>;

/// `register`.
pub static REGISTER: RegistrationSpec = RegistrationSpec {
    name: "register",
    group: Group::Motion,
    summary: "the shift between two rasters, by correlation of the whole or of chips",
    inputs: (2, 2),
    parameters: &[
        Parameter::optional(
            "method",
            ParameterKind::Choice(&["cross", "phase", "chips"]),
            Some("cross"),
            "cross-correlation of the whole; phase correlation: every frequency counts the same, noise too; chips: many small parts are looked for, each gives a tie point",
        ),
        Parameter::optional(
            "subpixel",
            ParameterKind::Choice(&["fourier", "parabola", "gauss", "none"]),
            Some("fourier"),
            "how the peak is looked for between pixels: on the smooth surface through all of them (chips: 9 x 9), or through three along each axis",
        ),
        Parameter::optional(
            "taper",
            ParameterKind::Choice(&["hamming", "hann", "none"]),
            None,
            "how the rasters fade out towards their edges (default hamming; cross and phase only)",
        ),
        Parameter::optional(
            "demean",
            ParameterKind::Choice(&["on", "off"]),
            None,
            "whether each raster's mean is subtracted first (default on; cross and phase only)",
        ),
        Parameter::optional(
            "pad",
            ParameterKind::Choice(&["none", "fast", "linear"]),
            None,
            "zeros added on the right and below: none (default; shifts go round the edge), fast (up to a length that transforms fast), linear (no shift goes round); cross and phase only",
        ),
        Parameter::optional(
            "max-shift",
            ParameterKind::Integer { least: 0, greatest: 1 << 30 },
            None,
            "greatest shift along either axis, in pixels (default: half the raster; cross and phase only)",
        ),
        Parameter::optional(
            "chip-size",
            ParameterKind::Integer { least: 8, greatest: 512 },
            None,
            "width and height of a chip in pixels (default 64; chips only)",
        ),
        Parameter::optional(
            "spacing",
            ParameterKind::Integer { least: 1, greatest: 1 << 20 },
            None,
            "pixels from one chip to the next (default twice the chip; chips only)",
        ),
        Parameter::optional(
            "search",
            ParameterKind::Integer { least: 1, greatest: 512 },
            None,
            "pixels around the initial shift that are searched, along each axis (default 16; chips only)",
        ),
        Parameter::optional(
            "initial",
            ParameterKind::Text,
            None,
            "the shift around which is searched: DX,DY in pixels, or fft: that between copies of both of about 4 million pixels, by cross-correlation (default 0,0; chips only)",
        ),
        Parameter::optional(
            "min-correlation",
            ParameterKind::Number { least: 0.0, greatest: 1.0 },
            None,
            "least correlation that makes a tie point (default 0.5; chips only)",
        ),
        Parameter::optional(
            "min-valid",
            ParameterKind::Number { least: 0.0, greatest: 1.0 },
            None,
            "least share of a chip's pixels that are data in both rasters (default 0.5; chips only)",
        ),
        Parameter::optional(
            "model",
            ParameterKind::Choice(&["shift", "affine"]),
            None,
            "what tie points are held against: one shift, or an affine map (default affine; chips only)",
        ),
        Parameter::NODATA,
    ],
    documentation: Documentation {
        formula: "cross, phase: a, b = (raster - mean) * taper, scaled to a sum of squares of 1; X = conj(F(a)) F(b), for phase X / |X|\n\
            c = inverse F(X); its greatest value is at the shift: moved(x + dx, y + dy) = reference(x, y)\n\
            indices past the middle are negative shifts; the first of equal peaks is taken\n\
            peak: c there, 1 for rasters that only go round; second: the greatest value outside 11 x 11 pixels around it\n\
            psr: (peak - mean) / standard deviation of c outside these 11 x 11\n\
            chips: for each chip f of a regular grid of the reference and each window g of the moved raster within the search\n\
            c = sum((f - mean f) (g - mean g)) / sqrt(sum((f - mean f)^2) sum((g - mean g)^2)), 0 where either does not vary\n\
            correlation: the greatest c; second: the greatest other maximum; sigma: its position's standard deviation by the noise\n\
            that correlation lacks to 1; no tie point where c is below the least, or rises beyond the search\n\
            fit: least median of squares, then least squares over the points within 3 standard deviations; dx, dy: in the middle",
        halo: "cross, phase: none: passes over rows and columns through a file of 8 bytes a pixel (see --scratch)\n\
            chips: the search and 4 pixels around each chip, in one sweep; tiles are of chips",
        types: "any, the first band (FILE:BAND for another); mean in f64, transforms in f32\n\
            chips: in f64, sums of integers of 8 and 16 bits exact",
        nodata: "ignore (default), propagate: pixels without data become 0 after the mean was subtracted\nvalue: ordinary numbers, but for `NaN`\n\
            chips: left out of all sums; infinite values are no data",
        cost: "three transforms: 7.5 log2(pixels) operations a pixel; 24 bytes a pixel of scratch traffic\n\
            chips: two complex transforms of (chip + 2 search + 8)^2 a chip",
        source: "Kuglin and Hines 1975; Guizar-Sicairos, Thurman and Fienup 2008 between pixels; Cormen and Nicol 1998 out of core\n\
            chips: Lewis 1995; Padfield 2012 for missing pixels; Rousseeuw 1984 for the fit",
        agrees: "numpy.fft in f64: same peak, surface within 1e-5 of the peak; cv2.phaseCorrelate, and skimage's phase_cross_correlation with the sign changed;\n\
            last bits may differ between kinds of CPU, never with tiles, threads or budget\n\
            chips: cv2.matchTemplate (TM_CCOEFF_NORMED) and skimage.feature.match_template within 1e-4, the truth within 0.05 pixels",
        example: "swathe register monday.tif tuesday.tif --max-shift 500 --json\n\
            swathe register monday.tif tuesday.tif --method chips --initial fft --tie-points points.geojson --picture points.png",
    },
    trials: &[
        "",
        "method=phase taper=hann",
        "subpixel=parabola pad=linear",
        "demean=off taper=none subpixel=gauss",
        "method=chips chip-size=8 spacing=5 search=3",
    ],
    bind,
};

/// The parameters that have their place with chips only, and those that have it with the whole only.
const OF_CHIPS: [&str; 7] =
    ["chip-size", "spacing", "search", "initial", "min-correlation", "min-valid", "model"];
const OF_THE_WHOLE: [&str; 4] = ["taper", "demean", "pad", "max-shift"];

fn bind(parameters: &Parameters, inputs: &[RasterInfo]) -> Result<Method> {
    let [reference, moved] = inputs else {
        return Err(Error::usage("register reads two rasters"));
    };
    let chips = parameters.text("method") == Some("chips");
    let others: &[&str] = if chips { &OF_THE_WHOLE } else { &OF_CHIPS };
    if let Some(name) = others.iter().find(|name| parameters.text(name).is_some()) {
        let place =
            if chips { "with `--method cross` and `--method phase`" } else { "with `--method chips`" };
        return Err(Error::usage(format!("`--{name}` has its place {place}")));
    }
    if chips {
        bind_chips(parameters, reference).map(Method::Chips)
    } else {
        bind_whole(parameters, reference, moved).map(Method::Whole)
    }
}

fn bind_chips(parameters: &Parameters, reference: &RasterInfo) -> Result<ChipOptions> {
    let whole = |name, default| {
        let given = parameters.integer(name)?.and_then(|value| usize::try_from(value).ok());
        Ok::<_, Error>(given.unwrap_or(default))
    };
    let chip = whole("chip-size", 64)?;
    Ok(ChipOptions {
        grid: ChipGrid::new(reference.size, chip, whole("spacing", 2 * chip)?)?,
        search: whole("search", 16)?,
        initial: Initial::parse(parameters.text("initial").unwrap_or("0,0"))?,
        least_correlation: parameters.number("min-correlation")?.unwrap_or(0.5),
        least_valid: parameters.number("min-valid")?.unwrap_or(0.5),
        subpixel: subpixel(parameters),
        model: if parameters.text("model") == Some("shift") { Model::Shift } else { Model::Affine },
        policy: parameters.nodata_policy()?,
    })
}

fn subpixel(parameters: &Parameters) -> Subpixel {
    match parameters.text("subpixel") {
        Some("none") => Subpixel::None,
        Some("parabola") => Subpixel::Parabola,
        Some("gauss") => Subpixel::Gauss,
        _ => Subpixel::Fourier,
    }
}

fn bind_whole(
    parameters: &Parameters,
    reference: &RasterInfo,
    moved: &RasterInfo,
) -> Result<RegistrationOptions> {
    let text = |name| parameters.text(name);
    let padded = match text("pad") {
        Some("linear") => {
            let sum = |a: usize, b: usize| fast_length((a + b).saturating_sub(1));
            check_size(reference.size)?;
            check_size(moved.size)?;
            Size::new(
                sum(reference.size.width, moved.size.width),
                sum(reference.size.height, moved.size.height),
            )
        }
        _ if reference.size != moved.size => {
            return Err(Error::usage(format!(
                "the rasters are {} and {}; `--pad linear` takes rasters of different sizes",
                reference.size, moved.size
            )));
        }
        Some("fast") => {
            check_size(reference.size)?;
            Size::new(fast_length(reference.size.width), fast_length(reference.size.height))
        }
        _ => reference.size,
    };
    check_size(padded)?;
    Ok(RegistrationOptions {
        correlation: if text("method") == Some("phase") { Correlation::Phase } else { Correlation::Cross },
        taper: match text("taper") {
            Some("none") => Taper::None,
            Some("hann") => Taper::Hann,
            _ => Taper::Hamming,
        },
        subpixel: subpixel(parameters),
        demean: text("demean") != Some("off"),
        padded,
        greatest_shift: parameters.integer("max-shift")?.and_then(|shift| usize::try_from(shift).ok()),
        policy: parameters.nodata_policy()?,
    })
}

/// The next length with no prime factor above 7.
pub(crate) fn fast_length(length: usize) -> usize {
    let is_fast = |length: &usize| {
        let mut rest = (*length).max(1);
        for factor in [2, 3, 5, 7] {
            while rest.is_multiple_of(factor) {
                rest /= factor;
            }
        }
        rest == 1
    };
    (length..=length.next_power_of_two()).find(is_fast).unwrap_or(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fast_lengths_have_small_factors() {
        assert_eq!([1, 7, 11, 13, 121, 10_007, 20_001].map(fast_length), [1, 7, 12, 14, 125, 10_080, 20_160]);
    }

    #[test]
    fn rasters_of_other_sizes_need_padding() {
        let info = |width| RasterInfo::new(Size::new(width, 5), 1, swathe_core::SampleType::U8);
        let parameters = |pad: &str| {
            let given = [("pad".to_owned(), swathe_core::Value::Text(pad.to_owned()))];
            Parameters::check(REGISTER.parameters, given).unwrap()
        };
        let error = bind(&parameters("none"), &[info(5), info(6)]).unwrap_err();
        assert!(error.to_string().contains("--pad linear"), "{error}");
        let Method::Whole(options) = bind(&parameters("linear"), &[info(5), info(7)]).unwrap() else {
            panic!()
        };
        assert_eq!(options.padded, Size::new(12, 9));
    }
}
