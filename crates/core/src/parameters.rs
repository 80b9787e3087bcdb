//! Parameters of operators: what an operator takes, as data, and the values a caller gave, checked against it.
//!
//! Commands, help, jobs and tests all come from these descriptions.

use crate::boundary::Boundary;
use crate::error::{Error, Result};
use crate::geometry::Size;
use crate::nodata::NodataPolicy;
use crate::sample::{SampleType, Scalar};

/// What values a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ParameterKind {
    /// A finite number between two limits, both allowed.
    Number {
        /// The least value.
        least: f64,
        /// The greatest value.
        greatest: f64,
    },
    /// A finite number between two limits, both allowed, or one word.
    NumberOr {
        /// The word.
        word: &'static str,
        /// The least value.
        least: f64,
        /// The greatest value.
        greatest: f64,
    },
    /// A whole number between two limits, both allowed.
    Integer {
        /// The least value.
        least: i64,
        /// The greatest value.
        greatest: i64,
    },
    /// Numbers with commas between them, such as `2,98`.
    Numbers {
        /// How many at least.
        fewest: usize,
        /// How many at most.
        most: usize,
        /// The least value of each.
        least: f64,
        /// The greatest value of each.
        greatest: f64,
    },
    /// A window's size in pixels, `N` or `NxM` (width x height).
    Size {
        /// The greatest width and height.
        greatest: usize,
    },
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Any text.
    Text,
    /// Given or not given.
    Flag,
    /// A sample type.
    SampleType,
    /// A boundary mode.
    Boundary,
    /// A nodata policy.
    NodataPolicy,
    /// A table written out, or the name of a file that holds it. The caller reads the file.
    Table,
}

/// One parameter of an operator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameter {
    /// Its name, as in `--name`.
    pub name: &'static str,
    /// What it takes.
    pub kind: ParameterKind,
    /// What holds where it is not given; `None` means that it has no value then.
    pub default: Option<&'static str>,
    /// Whether it has to be given.
    pub required: bool,
    /// One line, with the unit; lower case, no full stop.
    pub help: &'static str,
}

impl Parameter {
    /// `--boundary`: what lies past the raster's edge.
    pub const BOUNDARY: Parameter = Parameter::optional(
        "boundary",
        ParameterKind::Boundary,
        Some("reflect"),
        "what lies past the raster's edge: reflect, mirror, nearest, wrap or constant=V",
    );
    /// `--nodata`: what to do with pixels without data.
    pub const NODATA: Parameter = Parameter::optional(
        "nodata",
        ParameterKind::NodataPolicy,
        Some("ignore"),
        "pixels without data: ignore (left out), propagate (result has no data) or value (ordinary numbers)",
    );
    /// `--type`: the output's sample type.
    pub const TYPE: Parameter = Parameter::optional(
        "type",
        ParameterKind::SampleType,
        None,
        "sample type of the output (default: that of the input); integers are rounded half away from zero and saturated",
    );

    /// `--type` where results are no values of the input.
    pub const REAL_TYPE: Parameter = Parameter::optional(
        "type",
        ParameterKind::SampleType,
        None,
        "sample type of the output (default: f32, and f64 for 32- and 64-bit integers and f64); integers are rounded half away from zero and saturated",
    );

    /// A parameter that may be left out.
    pub const fn optional(
        name: &'static str,
        kind: ParameterKind,
        default: Option<&'static str>,
        help: &'static str,
    ) -> Self {
        Parameter { name, kind, default, required: false, help }
    }

    /// A parameter that has to be given.
    pub const fn required(name: &'static str, kind: ParameterKind, help: &'static str) -> Self {
        Parameter { name, kind, default: None, required: true, help }
    }

    /// Checks one value.
    fn check(&self, value: &Value) -> Result<()> {
        let text = value.text();
        match self.kind {
            ParameterKind::Number { least, greatest } => parse_number(text, least, greatest).map(drop),
            ParameterKind::NumberOr { word, .. } if text == word => Ok(()),
            ParameterKind::NumberOr { word, least, greatest } => parse_number(text, least, greatest)
                .map(drop)
                .map_err(|error| Error::usage(format!("{error}, and not `{word}`"))),
            ParameterKind::Integer { least, greatest } => parse_integer(text, least, greatest).map(drop),
            ParameterKind::Numbers { fewest, most, least, greatest } => {
                parse_numbers(text, fewest, most, least, greatest).map(drop)
            }
            ParameterKind::Size { greatest } => parse_size(text, greatest).map(drop),
            ParameterKind::Choice(words) if words.contains(&text) => Ok(()),
            ParameterKind::Choice(words) => {
                Err(Error::usage(format!("`{text}` is not one of {}", words.join(", "))))
            }
            ParameterKind::Flag if matches!(text, "true" | "false") => Ok(()),
            ParameterKind::Flag => Err(Error::usage(format!("`{text}` is neither true nor false"))),
            ParameterKind::SampleType => SampleType::parse(text).map(drop),
            ParameterKind::Boundary => Boundary::parse(text).map(drop),
            ParameterKind::NodataPolicy => NodataPolicy::parse(text).map(drop),
            ParameterKind::Text | ParameterKind::Table => Ok(()),
        }
        .map_err(|error| error.at(format!("--{}", self.name)))
    }
}

/// What a caller gave for one parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// The text as written.
    Text(String),
    /// A file that was named, with its content.
    File {
        /// The name as written.
        name: String,
        /// What the file holds.
        content: Vec<u8>,
    },
}

impl Value {
    /// The text as written.
    pub fn text(&self) -> &str {
        match self {
            Value::Text(text) => text,
            Value::File { name, .. } => name,
        }
    }
}

/// The values for one use of an operator, checked against its parameters; defaults are filled in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parameters {
    values: Vec<(&'static str, Value)>,
}

impl Parameters {
    /// Checks `given` against the operator's parameters.
    ///
    /// # Errors
    /// Usage, for an unknown, repeated, missing or ill-formed parameter; the message names it.
    pub fn check(parameters: &[Parameter], given: impl IntoIterator<Item = (String, Value)>) -> Result<Self> {
        let mut values: Vec<(&'static str, Value)> = Vec::new();
        for (name, value) in given {
            let Some(parameter) = parameters.iter().find(|parameter| parameter.name == name) else {
                let names =
                    parameters.iter().map(|parameter| format!("--{}", parameter.name)).collect::<Vec<_>>();
                let known = if names.is_empty() {
                    "it takes none".into()
                } else {
                    format!("there are {}", names.join(", "))
                };
                return Err(Error::usage(format!("there is no parameter `--{name}`; {known}")));
            };
            if values.iter().any(|(known, _)| *known == name) {
                return Err(Error::usage(format!("`--{name}` is given twice")));
            }
            parameter.check(&value)?;
            values.push((parameter.name, value));
        }
        for parameter in parameters {
            if values.iter().all(|(name, _)| *name != parameter.name) {
                match parameter.default {
                    Some(default) => values.push((parameter.name, Value::Text(default.into()))),
                    None if parameter.required => {
                        return Err(Error::usage(format!(
                            "`--{}` is missing: {}",
                            parameter.name, parameter.help
                        )));
                    }
                    None => {}
                }
            }
        }
        Ok(Parameters { values })
    }

    /// The value of a parameter, where it was given or has a default.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// The text of a parameter.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).map(Value::text)
    }

    fn parsed<T>(&self, name: &str, parse: impl FnOnce(&str) -> Result<T>) -> Result<Option<T>> {
        self.text(name).map(parse).transpose().map_err(|error| error.at(format!("--{name}")))
    }

    fn demanded<T>(&self, name: &str, parse: impl FnOnce(&str) -> Result<T>) -> Result<T> {
        let value = self.parsed(name, parse)?;
        value.ok_or_else(|| Error::usage(format!("`--{name}` is missing")))
    }

    /// A number, where it was given or has a default.
    ///
    /// # Errors
    /// Usage, if it is not finite.
    pub fn number(&self, name: &str) -> Result<Option<f64>> {
        self.parsed(name, |text| parse_number(text, f64::MIN, f64::MAX))
    }

    /// A whole number, where it was given or has a default.
    ///
    /// # Errors
    /// Usage, if it is none.
    pub fn integer(&self, name: &str) -> Result<Option<i64>> {
        self.parsed(name, |text| parse_integer(text, i64::MIN, i64::MAX))
    }

    /// Numbers with commas between them, where they were given or have a default.
    ///
    /// # Errors
    /// Usage, if one is not finite.
    pub fn numbers(&self, name: &str) -> Result<Option<Vec<f64>>> {
        self.parsed(name, |text| parse_numbers(text, 0, usize::MAX, f64::MIN, f64::MAX))
    }

    /// A window's size, where it was given or has a default.
    ///
    /// # Errors
    /// Usage, if it is not `N` or `NxM`.
    pub fn size(&self, name: &str) -> Result<Option<Size>> {
        self.parsed(name, |text| parse_size(text, usize::MAX))
    }

    /// Whether a flag was given.
    pub fn flag(&self, name: &str) -> bool {
        self.text(name) == Some("true")
    }

    /// A sample type, where it was given or has a default.
    ///
    /// # Errors
    /// Usage, if there is no such type.
    pub fn sample_type(&self, name: &str) -> Result<Option<SampleType>> {
        self.parsed(name, SampleType::parse)
    }

    /// The value of `--boundary`.
    ///
    /// # Errors
    /// Usage, if there is none.
    pub fn boundary(&self) -> Result<Boundary> {
        self.demanded("boundary", Boundary::parse)
    }

    /// The value of `--nodata`.
    ///
    /// # Errors
    /// Usage, if there is none.
    pub fn nodata_policy(&self) -> Result<NodataPolicy> {
        self.demanded("nodata", NodataPolicy::parse)
    }
}

fn parse_number(text: &str, least: f64, greatest: f64) -> Result<f64> {
    let value = Scalar::parse(text)?.to_f64();
    if value.is_finite() && (least..=greatest).contains(&value) {
        return Ok(value);
    }
    let limits = number_range(least, greatest).unwrap_or_else(|| "that is finite".into());
    Err(Error::usage(format!("`{text}` is not a number {limits}")))
}

/// The allowed numbers in words, such as `from 0 to 1` or `above 0`; nothing, where any finite one is.
pub fn number_range(least: f64, greatest: f64) -> Option<String> {
    let number = |limit: f64| match limit.abs() {
        0.0 | 1e-4..1e16 => limit.to_string(),
        _ => format!("{limit:e}"),
    };
    // The least float above 0 stands for "more than 0", the outermost ones for no limit.
    match (least, greatest) {
        (f64::MIN, f64::MAX) => None,
        (f64::MIN, _) => Some(format!("of at most {}", number(greatest))),
        (f64::MIN_POSITIVE, f64::MAX) => Some("above 0".into()),
        (f64::MIN_POSITIVE, _) => Some(format!("above 0, up to {}", number(greatest))),
        (_, f64::MAX) => Some(format!("of at least {}", number(least))),
        _ => Some(format!("from {} to {}", number(least), number(greatest))),
    }
}

fn parse_integer(text: &str, least: i64, greatest: i64) -> Result<i64> {
    match text.trim().parse::<i64>() {
        Ok(value) if (least..=greatest).contains(&value) => Ok(value),
        _ => {
            let from = if least > i64::MIN { format!(" from {least}") } else { String::new() };
            let to = if greatest < i64::MAX { format!(" up to {greatest}") } else { String::new() };
            Err(Error::usage(format!("`{text}` is not a whole number{from}{to}")))
        }
    }
}

fn parse_numbers(text: &str, fewest: usize, most: usize, least: f64, greatest: f64) -> Result<Vec<f64>> {
    let numbers =
        text.split(',').map(|part| parse_number(part, least, greatest)).collect::<Result<Vec<_>>>()?;
    if (fewest..=most).contains(&numbers.len()) {
        return Ok(numbers);
    }
    let count = if fewest == most { format!("{fewest}") } else { format!("{fewest} to {most}") };
    Err(Error::usage(format!("`{text}` holds {} numbers, not {count}", numbers.len())))
}

fn parse_size(text: &str, greatest: usize) -> Result<Size> {
    let (width, height) = text.split_once(['x', 'X']).unwrap_or((text, text));
    let side = |side: &str| side.trim().parse::<usize>().ok().filter(|side| (1..=greatest).contains(side));
    match (side(width), side(height)) {
        (Some(width), Some(height)) => Ok(Size::new(width, height)),
        _ => {
            let up_to =
                if greatest < usize::MAX { format!(", sides from 1 to {greatest}") } else { String::new() };
            Err(Error::usage(format!("`{text}` is not a size in pixels (`N` or `WxH`{up_to})")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: &[Parameter] = &[
        Parameter::required(
            "sigma",
            ParameterKind::Numbers { fewest: 1, most: 2, least: 0.0, greatest: 1e4 },
            "width",
        ),
        Parameter::optional("size", ParameterKind::Size { greatest: 99 }, None, "taps"),
        Parameter::BOUNDARY,
    ];

    fn check(given: &[(&str, &str)]) -> Result<Parameters> {
        Parameters::check(
            SPEC,
            given.iter().map(|(name, value)| (name.to_string(), Value::Text(value.to_string()))),
        )
    }

    #[test]
    fn defaults_are_filled_in() {
        let parameters = check(&[("sigma", "2.2,3")]).unwrap();
        assert_eq!(parameters.numbers("sigma").unwrap().unwrap(), [2.2, 3.0]);
        assert_eq!(parameters.size("size").unwrap(), None);
        assert_eq!(parameters.boundary().unwrap(), Boundary::Reflect);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let message = |given: &[(&str, &str)]| check(given).unwrap_err().to_string();
        assert!(message(&[]).contains("`--sigma` is missing"));
        assert!(message(&[("sigma", "-1")]).contains("--sigma: `-1` is not a number from 0 to 10000"));
        assert!(message(&[("sigma", "nan")]).contains("--sigma"));
        assert!(message(&[("sigma", "1,2,3")]).contains("holds 3 numbers, not 1 to 2"));
        assert!(message(&[("sigma", "1"), ("sigma", "2")]).contains("given twice"));
        assert!(
            message(&[("sigma", "1"), ("radius", "2")])
                .contains("no parameter `--radius`; there are --sigma")
        );
        assert!(message(&[("sigma", "1"), ("size", "0x3")]).contains("sides from 1 to 99"));
        assert!(message(&[("sigma", "1"), ("boundary", "symmetric")]).contains("--boundary"));
    }

    #[test]
    fn ranges_are_short() {
        let cases = [
            ((0.0, 1e4), Some("from 0 to 10000")),
            ((-1e6, 1e300), Some("from -1000000 to 1e300")),
            ((1e-9, f64::MAX), Some("of at least 1e-9")),
            ((f64::MIN_POSITIVE, f64::MAX), Some("above 0")),
            ((f64::MIN_POSITIVE, 2.5), Some("above 0, up to 2.5")),
            ((f64::MIN, 7.0), Some("of at most 7")),
            ((f64::MIN, f64::MAX), None),
        ];
        for ((least, greatest), words) in cases {
            assert_eq!(number_range(least, greatest).as_deref(), words);
        }
    }
}
