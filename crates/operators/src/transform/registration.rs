//! `register`: the shift between two rasters, from the peak of their correlation.

use swathe_core::{
    Documentation, Error, Group, NodataPolicy, Parameter, ParameterKind, Parameters, RasterInfo, Result,
    Size, Spec,
};

use super::columns::Correlation;
use super::{Taper, check_size};

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

/// Makes options from parameters, for two rasters.
pub type BindRegistration = fn(&Parameters, &[RasterInfo]) -> Result<RegistrationOptions>;

/// The description of a registration.
pub type RegistrationSpec = Spec<BindRegistration>;

/// `register`.
pub static REGISTER: RegistrationSpec = RegistrationSpec {
    name: "register",
    group: Group::Motion,
    summary: "the shift between two rasters, by correlation of the whole",
    inputs: (2, 2),
    parameters: &[
        Parameter::optional(
            "method",
            ParameterKind::Choice(&["cross", "phase"]),
            Some("cross"),
            "cross-correlation, or phase correlation: every frequency counts the same, noise too",
        ),
        Parameter::optional(
            "taper",
            ParameterKind::Choice(&["hamming", "hann", "none"]),
            Some("hamming"),
            "how the rasters fade out towards their edges",
        ),
        Parameter::optional(
            "subpixel",
            ParameterKind::Choice(&["fourier", "parabola", "gauss", "none"]),
            Some("fourier"),
            "how the peak is looked for between pixels: on the smooth surface through all of them, or through three along each axis",
        ),
        Parameter::optional(
            "demean",
            ParameterKind::Choice(&["on", "off"]),
            Some("on"),
            "whether each raster's mean is subtracted first",
        ),
        Parameter::optional(
            "pad",
            ParameterKind::Choice(&["none", "fast", "linear"]),
            Some("none"),
            "zeros added on the right and below: none (shifts go round the edge), fast (up to a length that transforms fast), linear (no shift goes round)",
        ),
        Parameter::optional(
            "max-shift",
            ParameterKind::Integer { least: 0, greatest: 1 << 30 },
            None,
            "greatest shift along either axis, in pixels (default: half the raster)",
        ),
        Parameter::NODATA,
    ],
    documentation: Documentation {
        formula: "a, b = (raster - mean) * taper, scaled to a sum of squares of 1; X = conj(F(a)) F(b), for phase X / |X|\n\
            c = inverse F(X); its greatest value is at the shift: moved(x + dx, y + dy) = reference(x, y)\n\
            indices past the middle are negative shifts; the first of equal peaks is taken\n\
            peak: c there, 1 for rasters that only go round; second: the greatest value outside 11 x 11 pixels around it\n\
            psr: (peak - mean) / standard deviation of c outside these 11 x 11",
        halo: "none: passes over rows and columns through a file of 8 bytes a pixel (see --scratch)",
        types: "any, the first band (FILE:BAND for another); mean in f64, transforms in f32",
        nodata: "ignore (default), propagate: pixels without data become 0 after the mean was subtracted\nvalue: ordinary numbers, but for `NaN`",
        cost: "three transforms: 7.5 log2(pixels) operations a pixel; 24 bytes a pixel of scratch traffic",
        source: "Kuglin and Hines 1975; Guizar-Sicairos, Thurman and Fienup 2008 between pixels; Cormen and Nicol 1998 out of core",
        agrees: "numpy.fft in f64: same peak, surface within 1e-5 of the peak; cv2.phaseCorrelate, and skimage's phase_cross_correlation with the sign changed;\n\
            last bits may differ between kinds of CPU, never with tiles, threads or budget",
        example: "swathe register monday.tif tuesday.tif --max-shift 500 --json",
    },
    trials: &[
        "",
        "method=phase taper=hann",
        "subpixel=parabola pad=linear",
        "demean=off taper=none subpixel=gauss",
    ],
    bind,
};

fn bind(parameters: &Parameters, inputs: &[RasterInfo]) -> Result<RegistrationOptions> {
    let [reference, moved] = inputs else {
        return Err(Error::usage("register reads two rasters"));
    };
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
        subpixel: match text("subpixel") {
            Some("none") => Subpixel::None,
            Some("parabola") => Subpixel::Parabola,
            Some("gauss") => Subpixel::Gauss,
            _ => Subpixel::Fourier,
        },
        demean: text("demean") != Some("off"),
        padded,
        greatest_shift: parameters.integer("max-shift")?.and_then(|shift| usize::try_from(shift).ok()),
        policy: parameters.nodata_policy()?,
    })
}

/// The next length with no prime factor above 7.
fn fast_length(length: usize) -> usize {
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
        let options = bind(&parameters("linear"), &[info(5), info(7)]).unwrap();
        assert_eq!(options.padded, Size::new(12, 9));
    }
}
