//! The `.cube` format (Adobe, version 1.0), with Resolve's shaper: a curve for each band before a lattice.
//!
//! Lines of text: `TITLE "..."`, `LUT_1D_SIZE n`, `LUT_3D_SIZE n`, `DOMAIN_MIN r g b`, `DOMAIN_MAX r g b`, comments after
//! `#`, and rows of three numbers, red's nodes fastest. Resolve says a range as `LUT_1D_INPUT_RANGE a b` and
//! `LUT_3D_INPUT_RANGE a b`, and where both sizes are given puts the curves' rows before the lattice's. A file with one table
//! takes whichever range it states: some writers name the wrong one.

use swathe_core::{Error, Result};

use super::curve::Curve;
use super::lattice::{LONGEST, Lattice};
use super::{MOST, Table};

/// Most rows of a curve.
const LONGEST_CURVE: usize = 65536;

/// What the lines have said so far.
#[derive(Default)]
struct Cube {
    curve_size: Option<usize>,
    lattice_size: Option<usize>,
    domain_least: Option<[f64; 3]>,
    domain_greatest: Option<[f64; 3]>,
    curve_range: Option<[f64; 2]>,
    lattice_range: Option<[f64; 2]>,
    rows: Vec<[f64; 3]>,
}

/// Reads a file.
///
/// # Errors
/// Damaged, Unsupported or Limit, with the number of the line.
pub(super) fn parse(content: &[u8]) -> Result<Table> {
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    let mut cube = Cube::default();
    // A line may end as Unix, Windows or the old Macintosh did.
    let lines = content.split(|&byte| byte == b'\n').flat_map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        line.split(|&byte| byte == b'\r')
    });
    for (number, line) in (1_usize..).zip(lines) {
        let line = std::str::from_utf8(line)
            .or_else(|_| if starts_as_text(line) { Ok("") } else { Err(Error::damaged("is no text")) })
            .and_then(|line| cube.line(line));
        line.map_err(|error| error.at(format!("line {number}")))?;
    }
    cube.table()
}

/// Titles and comments may be in any encoding.
fn starts_as_text(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    line.starts_with(b"#") || line.starts_with(b"TITLE")
}

/// A word for a message: not more of it than one wants to read.
fn shown(word: &str) -> String {
    if word.chars().count() <= 40 {
        return word.to_owned();
    }
    word.chars().take(40).chain("...".chars()).collect()
}

fn number(word: &str) -> Result<f64> {
    let number = word.parse::<f64>().ok().filter(|number| number.is_finite());
    number.ok_or_else(|| {
        let comma = word.contains(',');
        let why = if comma { "; numbers have a point, and blanks between them" } else { "" };
        Error::damaged(format!("`{}` is not a finite number{why}", shown(word)))
    })
}

fn numbers<const N: usize>(words: &[&str]) -> Result<[f64; N]> {
    if words.len() != N {
        return Err(Error::damaged(format!("there are {} numbers, not {N}", words.len())));
    }
    let mut all = [0.0; N];
    for (to, word) in all.iter_mut().zip(words) {
        *to = number(word)?;
    }
    Ok(all)
}

fn size(words: &[&str], longest: usize) -> Result<usize> {
    let [word] = words else {
        return Err(Error::damaged(format!("there are {} numbers, not 1", words.len())));
    };
    let size = word.parse::<usize>().ok().filter(|size| (2..=longest).contains(size));
    size.ok_or_else(|| Error::damaged(format!("the size is `{}`; it is 2 to {longest}", shown(word))))
}

fn set<T>(slot: &mut Option<T>, value: T, keyword: &str) -> Result<()> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Error::damaged(format!("`{keyword}` is said a second time"))),
    }
}

impl Cube {
    fn line(&mut self, line: &str) -> Result<()> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let (keyword, rest) = (words[0], &words[1..]);
        if keyword.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && number(keyword).is_err()
        {
            if !self.rows.is_empty() && keyword != "TITLE" {
                return Err(Error::damaged(format!("`{}` stands after rows of the table", shown(keyword))));
            }
            return self.keyword(keyword, rest);
        }
        let expected = self.expected_rows()?;
        if self.rows.len() == expected {
            return Err(Error::damaged(format!("row {} of a table of {expected} rows", expected + 1)));
        }
        self.rows.push(numbers(&words)?);
        Ok(())
    }

    fn keyword(&mut self, keyword: &str, rest: &[&str]) -> Result<()> {
        match keyword {
            "TITLE" => Ok(()),
            "LUT_1D_SIZE" => set(&mut self.curve_size, size(rest, LONGEST_CURVE)?, keyword),
            "LUT_3D_SIZE" => set(&mut self.lattice_size, size(rest, LONGEST)?, keyword),
            "DOMAIN_MIN" => set(&mut self.domain_least, numbers(rest)?, keyword),
            "DOMAIN_MAX" => set(&mut self.domain_greatest, numbers(rest)?, keyword),
            "LUT_1D_INPUT_RANGE" => set(&mut self.curve_range, numbers(rest)?, keyword),
            "LUT_3D_INPUT_RANGE" => set(&mut self.lattice_range, numbers(rest)?, keyword),
            "nan" | "NaN" | "NAN" | "inf" | "Inf" | "INF" => number(keyword).map(drop),
            _ => Err(Error::unsupported(format!("`{}` is not a keyword that is known here", shown(keyword)))),
        }
    }

    /// How many rows the sizes ask for.
    fn expected_rows(&self) -> Result<usize> {
        let lattice = self.lattice_size.map_or(0, |side| side * side * side);
        let expected = self.curve_size.unwrap_or(0) + lattice;
        if expected == 0 {
            return Err(Error::damaged("a row stands before `LUT_1D_SIZE` or `LUT_3D_SIZE`"));
        }
        if 3 * expected > MOST {
            return Err(Error::limit(format!(
                "a table of {expected} rows; up to {} are supported",
                MOST / 3
            )));
        }
        Ok(expected)
    }

    /// The first and last places of both tables.
    fn domain(&self, range: Option<[f64; 2]>) -> Result<[[f64; 3]; 2]> {
        let said = self.domain_least.is_some() || self.domain_greatest.is_some();
        let domain = match range {
            Some(_) if said => {
                return Err(Error::damaged("`DOMAIN_MIN` or `DOMAIN_MAX` stands beside an input range"));
            }
            Some([least, greatest]) => [[least; 3], [greatest; 3]],
            None => [self.domain_least.unwrap_or([0.0; 3]), self.domain_greatest.unwrap_or([1.0; 3])],
        };
        for (least, greatest) in domain[0].into_iter().zip(domain[1]) {
            if !(least < greatest && (greatest - least).is_finite()) {
                return Err(Error::damaged(format!(
                    "the domain goes from {least} to {greatest}; it has to rise"
                )));
            }
        }
        Ok(domain)
    }

    fn table(mut self) -> Result<Table> {
        let expected = self.expected_rows().map_err(|error| match error.kind() {
            swathe_core::ErrorKind::Limit => error,
            _ => Error::damaged("the file holds neither `LUT_1D_SIZE` nor `LUT_3D_SIZE`"),
        })?;
        if self.rows.len() != expected {
            return Err(Error::damaged(format!(
                "the file ends after {} rows of a table of {expected}",
                self.rows.len()
            )));
        }
        let curve_rows = self.curve_size.unwrap_or(0);
        let lattice_rows = self.rows.split_off(curve_rows);
        let Some(side) = self.lattice_size else {
            let curves = self.curves(self.domain(self.curve_range.or(self.lattice_range))?)?;
            return Ok(Table::Curves { curves, fractions: true });
        };
        let both = self.curve_size.is_some();
        let range = if both { self.lattice_range } else { self.lattice_range.or(self.curve_range) };
        let mut lattice = Lattice::new([side; 3], 3, third_fastest(side, &lattice_rows), 1.0)?;
        if both {
            // The domain is the file's, which the curves come first in.
            lattice.shaper = self.curves(self.domain(self.curve_range)?)?;
            (self.domain_least, self.domain_greatest) = (None, None);
        }
        [lattice.least, lattice.greatest] = self.domain(range)?;
        Ok(Table::Lattice(lattice))
    }

    /// One curve where the three are the same.
    fn curves(&self, [least, greatest]: [[f64; 3]; 2]) -> Result<Vec<Curve>> {
        let last = (self.rows.len() - 1) as f64;
        let curve = |band: usize| {
            let place = |i: usize| least[band] + (greatest[band] - least[band]) * (i as f64 / last);
            Curve::new(self.rows.iter().enumerate().map(|(i, row)| [place(i), row[band]]).collect())
        };
        let mut curves = (0..3).map(curve).collect::<Result<Vec<_>>>()?;
        if curves[0] == curves[1] && curves[0] == curves[2] {
            curves.truncate(1);
        }
        Ok(curves)
    }
}

/// The numbers of rows that have red fastest, with blue fastest.
fn third_fastest(side: usize, rows: &[[f64; 3]]) -> Vec<f64> {
    let mut values = Vec::with_capacity(rows.len() * 3);
    for red in 0..side {
        for green in 0..side {
            for blue in 0..side {
                values.extend(rows[(blue * side + green) * side + red]);
            }
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use swathe_core::ErrorKind;

    use super::*;

    const HEAD: &str = "TITLE \"a title\"\nLUT_3D_SIZE 2\n";

    fn rows(count: usize) -> String {
        (0..count).map(|i| format!("{} {} {}\n", i % 2, i / 2 % 2, i / 4)).collect()
    }

    fn message(text: &str) -> String {
        parse(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn red_is_fastest_in_the_file() {
        let text = format!("\u{feff}# made by hand\r\n{}\r\n{}", HEAD.replace('\n', "\r\n"), rows(8));
        let Table::Lattice(lattice) = parse(text.as_bytes()).unwrap() else { panic!("no lattice") };
        // Red 0, green 0, blue 1; then green 1.
        assert_eq!(lattice.values[3..9], [0.0, 0.0, 1.0, 0.0, 1.0, 0.0]);
        assert_eq!(parse(text.replace("\r\n", "\r").as_bytes()).unwrap(), Table::Lattice(lattice));
    }

    #[test]
    fn curves_have_a_domain() {
        let text = "LUT_1D_SIZE 3\nDOMAIN_MIN 0 0 0\nDOMAIN_MAX 1 2 3\n0 0 0\n# anywhere\n0.5 1 1.5\n1 1 1\n";
        let Table::Curves { curves, fractions } = parse(text.as_bytes()).unwrap() else {
            panic!("a lattice")
        };
        assert!(fractions);
        assert_eq!([curves[0].at(0.5), curves[1].at(0.5), curves[2].at(3.0)], [0.5, 0.5, 1.0]);
        let same = "LUT_1D_SIZE 2\nLUT_1D_INPUT_RANGE -1 3\n0 0 0\n1 1 1\n";
        let Table::Curves { curves, .. } = parse(same.as_bytes()).unwrap() else { panic!("a lattice") };
        assert_eq!((curves.len(), curves[0].at(1.0)), (1, 0.5));
    }

    #[test]
    fn a_shaper_stands_before_the_lattice() {
        let ranges = "LUT_1D_SIZE 2\nLUT_1D_INPUT_RANGE 0 4\nLUT_3D_SIZE 2\nLUT_3D_INPUT_RANGE 0 2\n";
        let text = format!("{ranges}0 0 0\n2 2 2\n{}", rows(8));
        let Table::Lattice(lattice) = parse(text.as_bytes()).unwrap() else { panic!("no lattice") };
        assert_eq!((lattice.shaper.len(), lattice.greatest), (1, [2.0; 3]));
        assert_eq!(lattice.shaper[0].at(1.0), 0.5);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        assert!(message(&format!("{HEAD}{}", rows(7))).contains("ends after 7 rows of a table of 8"));
        assert!(message(&format!("{HEAD}{}", rows(9))).contains("line 11: row 9 of a table of 8"));
        assert!(message(&format!("{HEAD}0 0\n")).contains("line 3: there are 2 numbers, not 3"));
        assert!(
            message(&format!("{HEAD}0,0 0,1 0,2\n"))
                .contains("line 3: `0,0` is not a finite number; numbers")
        );
        assert!(message(&format!("{HEAD}0 nan 0\n")).contains("line 3: `nan` is not a finite number"));
        assert!(message(&format!("{HEAD}nan 0 0\n")).contains("line 3: `nan` is not a finite number"));
        assert!(message(&format!("{HEAD}0 1e999 0\n")).contains("line 3: `1e999`"));
        assert!(message("0 0 0\n").contains("line 1: a row stands before"));
        assert!(message("").contains("neither `LUT_1D_SIZE` nor"));
        for side in ["1", "0", "257", "1000000", "-3", "x", "99999999999999999999999"] {
            let text = message(&format!("LUT_3D_SIZE {side}\n"));
            assert!(text.contains(&format!("line 1: the size is `{side}`; it is 2 to 256")), "{text}");
        }
        assert!(message("LUT_1D_SIZE 65537").contains("2 to 65536"));
        assert!(
            message("LUT_3D_SIZE 2\nLUT_3D_SIZE 2").contains("line 2: `LUT_3D_SIZE` is said a second time")
        );
        assert!(
            message(&format!("{HEAD}DOMAIN_MIN 1 0 0\n{}", rows(8))).contains("from 1 to 1; it has to rise")
        );
        assert!(
            message(&format!("{HEAD}0 0 0\nDOMAIN_MIN 1 0 0")).contains("line 4: `DOMAIN_MIN` stands after")
        );
        assert!(message("LUT_3D_SIZE 256\n0 0 0").contains("16777216 rows; up to"));
        assert_eq!(parse(b"LUT_IN_VIDEO_RANGE\n").unwrap_err().kind(), ErrorKind::Unsupported);
        assert!(message(&format!("LUT_3D_SIZE {}", "7".repeat(999))).len() < 150);
        assert!(parse(b"TITLE \"\xe9t\xe9\"\n\xff").unwrap_err().to_string().contains("line 2: is no text"));
    }

    #[test]
    fn nonsense_never_panics() {
        let text = format!("{HEAD}DOMAIN_MAX 1 1 2\n{}", rows(8));
        for cut in 0..text.len() {
            for byte in [0, b'9', b'-', b'e', b'#', 0xff, b'\n'] {
                let mut damaged = text.clone().into_bytes();
                damaged[cut] = byte;
                drop(parse(&damaged));
                drop(parse(&damaged[..cut]));
            }
        }
    }
}
