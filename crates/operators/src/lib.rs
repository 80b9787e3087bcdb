//! What Swathe can compute: one file an operator, and the list of them all.
//!
//! The folders say what an operator needs to see: [`point`] a pixel, [`focal`] a window around it. Adding an operator
//! takes its file and one line in [`OPERATORS`].
//!
//! Knows nothing about files, threads, the clock or the environment.

use swathe_core::OperatorSpec;

pub mod edges;
pub mod focal;
pub mod geometry;
pub mod matching;
pub mod morphology;
pub mod motion;
mod npy;
pub mod point;
pub mod prepare;
pub mod rank;
pub mod reduce;
mod rows;
pub mod scan;
mod simd;
pub mod speckle;
pub mod terrain;
pub mod transform;
#[cfg(test)]
mod trial;

pub use simd::{CpuLevel, ForcedLevel, cpu_level, force_level};

/// Every operator, sorted by name.
#[rustfmt::skip] // one line an operator
pub static OPERATORS: &[&OperatorSpec] = &[
    &terrain::aspect::SPEC,
    &morphology::residues::BLACKHAT,
    &point::calc::SPEC,
    &point::cast::SPEC,
    &morphology::opening::CLOSE,
    &point::cmyk::SPEC,
    &focal::convolve::SPEC,
    &point::copy::SPEC,
    &focal::variance::VARIATION,
    &focal::difference_of_gaussians::SPEC,
    &morphology::dilation::SPEC,
    &speckle::enhanced_frost::SPEC,
    &speckle::enhanced_lee::SPEC,
    &point::equalize::SPEC,
    &morphology::erosion::SPEC,
    &geometry::reorient::FLIP,
    &motion::flow::SPEC,
    &motion::colour::SPEC,
    &speckle::frost::SPEC,
    &speckle::gamma_map::SPEC,
    &focal::gaussian::SPEC,
    &terrain::hillshade::SPEC,
    &speckle::kuan::SPEC,
    &edges::laplacian::SPEC,
    &speckle::lee::SPEC,
    &speckle::lee_sigma::SPEC,
    &point::lut::SPEC,
    &rank::extremes::MAXIMUM,
    &focal::mean::SPEC,
    &rank::median::SPEC,
    &rank::extremes::MINIMUM,
    &rank::mode::SPEC,
    &morphology::residues::GRADIENT,
    &morphology::opening::OPEN,
    &rank::percentile::SPEC,
    &edges::gradient::PREWITT,
    &rank::place::SPEC,
    &reduce::lanes::SPEC,
    &speckle::refined_lee::SPEC,
    &geometry::resize::SPEC,
    &geometry::reorient::ROTATE90,
    &terrain::relief::ROUGHNESS,
    &edges::gradient::SCHARR,
    &terrain::slope::SPEC,
    &edges::gradient::SOBEL,
    &focal::variance::DEVIATION,
    &point::stretch::SPEC,
    &morphology::residues::TOPHAT,
    &terrain::relief::TPI,
    &geometry::reorient::TRANSPOSE,
    &terrain::relief::TRI,
    &focal::unsharp::SPEC,
    &focal::variance::VARIANCE,
];

/// The operator of that name.
pub fn find(name: &str) -> Option<&'static OperatorSpec> {
    OPERATORS.iter().copied().find(|spec| spec.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_each_entry_found() {
        assert!(OPERATORS.is_sorted_by(|a, b| a.name < b.name));
        for spec in OPERATORS {
            assert_eq!(find(spec.name).unwrap().name, spec.name);
            assert!(!spec.trials.is_empty(), "{} has no trial", spec.name);
        }
        assert!(find("no-such-operator").is_none());
    }

    #[test]
    fn every_trial_is_the_same_for_any_tiling() {
        for spec in OPERATORS {
            trial::assert_tiling_never_shows(spec);
        }
    }

    #[test]
    fn every_trial_is_the_same_on_every_cpu_level() {
        for spec in OPERATORS {
            trial::assert_level_never_shows(spec);
        }
    }
}
