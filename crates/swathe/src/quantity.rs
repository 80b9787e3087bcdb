//! Amounts of memory as people write them.

use swathe_core::{Error, Result};

/// Reads `256MiB`, `1.5 GiB`, `64M`, `500MB`, `1048576`: `K`, `M`, `G`, `T` alone count in 1024s, as with `i`;
/// with `B` but no `i` in 1000s.
///
/// # Errors
/// Usage, if it is no amount.
pub fn parse_bytes(text: &str) -> Result<u64> {
    let wrong = || Error::usage(format!("`{text}` is not an amount of memory; write it like 256MiB or 2GiB"));
    let trimmed = text.trim();
    let digits = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
    let number: f64 = trimmed[..digits].parse().map_err(|_| wrong())?;
    let unit = trimmed[digits..].trim().to_ascii_lowercase();
    let base: f64 = if unit.ends_with('b') && !unit.ends_with("ib") && unit != "b" { 1000.0 } else { 1024.0 };
    let power = match unit.trim_end_matches('b').trim_end_matches('i') {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        _ => return Err(wrong()),
    };
    let bytes = number * base.powi(power);
    if bytes.is_finite() && (0.0..9e18).contains(&bytes) { Ok(bytes as u64) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read() {
        for (text, bytes) in [
            ("256MiB", 256 << 20),
            ("1.5 GiB", 3 << 29),
            ("64M", 64 << 20),
            ("500MB", 500_000_000),
            ("77", 77),
            ("2kb", 2000),
            ("9B", 9),
        ] {
            assert_eq!(parse_bytes(text).unwrap(), bytes, "{text}");
        }
        for text in ["", "MiB", "-1", "1.2.3", "5 bananas", "1e3", "99999999T"] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
    }
}
