//! How bright each end-member of the scene is in each band.

use super::hash::{key, signed, spread};

/// End-members: plants, soil, dry plants, water, snow, roofs and paving.
pub(super) const MEMBERS: usize = 6;

/// The weight of each end-member in one band.
pub(super) type Spectrum = [f32; MEMBERS];

/// Reflectance in ten bands, in the order of usefulness; wavelengths and values after Sentinel-2.
const OPTICAL: [(&str, Spectrum); 10] = [
    ("red, 665 nm", [0.055, 0.20, 0.31, 0.020, 0.85, 0.36]),
    ("green, 560 nm", [0.098, 0.155, 0.25, 0.038, 0.86, 0.32]),
    ("blue, 490 nm", [0.042, 0.088, 0.145, 0.050, 0.87, 0.26]),
    ("near infrared, 842 nm", [0.46, 0.29, 0.42, 0.012, 0.80, 0.46]),
    ("red edge, 705 nm", [0.12, 0.24, 0.37, 0.017, 0.84, 0.44]),
    ("red edge, 740 nm", [0.34, 0.27, 0.39, 0.014, 0.82, 0.45]),
    ("short-wave infrared, 1610 nm", [0.20, 0.38, 0.40, 0.006, 0.12, 0.42]),
    ("short-wave infrared, 2190 nm", [0.09, 0.34, 0.30, 0.004, 0.08, 0.38]),
    ("coastal aerosol, 443 nm", [0.030, 0.08, 0.12, 0.055, 0.88, 0.34]),
    ("near infrared, 865 nm", [0.48, 0.31, 0.43, 0.010, 0.79, 0.46]),
];

/// Backscatter (intensity) of a C-band radar in two polarisations.
const RADAR: [(&str, Spectrum); 2] =
    [("VV", [0.12, 0.075, 0.10, 0.007, 0.035, 0.75]), ("VH", [0.036, 0.011, 0.022, 0.0015, 0.008, 0.13])];

/// The spectrum of an optical band and what to call it.
pub(super) fn optical(seed: u64, band: usize) -> (String, Spectrum) {
    nth(&OPTICAL, seed, band)
}

/// The same for a radar band.
pub(super) fn radar(seed: u64, band: usize) -> (String, Spectrum) {
    nth(&RADAR, seed, band)
}

/// Past the end of the list it begins again, every weight changed by up to 15 %.
fn nth(list: &[(&str, Spectrum)], seed: u64, band: usize) -> (String, Spectrum) {
    let (name, spectrum) = list[band % list.len()];
    let round = band / list.len();
    if round == 0 {
        return (name.to_owned(), spectrum);
    }
    let key = key(seed, 500 + band as u64);
    let vary = |member: usize| 1.0 + 0.15 * signed(spread(key ^ member as u64) as u32);
    (format!("{name}, variant {round}"), std::array::from_fn(|member| spectrum[member] * vary(member)))
}
