//! Promise 2, seamless, by chance: random chains over random rasters, cut at random.
//!
//! `SWATHE_CASES` sets how many, `SWATHE_SEED` the first seed: a failure names the seed that shows it alone.

use swathe_core::Size;
use swathe_operators::OPERATORS;
use swathe_testkit::engine::{Budget, Fusion, Way};
use swathe_testkit::laws::{self, Subject};
use swathe_testkit::random::{self, Random};
use swathe_testkit::{MemoryShape, Raster, Step};
use swathe_tests::assert_all;

fn number(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).unwrap_or_default();
    if text.is_empty() { default } else { text.parse().expect("a number") }
}

fn way(random: &mut Random) -> Way {
    let threads = random.choose(&[1, 2, 3, 8]);
    let shape = random.choose(&[MemoryShape::ANY, MemoryShape::BLOCKS, MemoryShape::ROWS]);
    let tile = Size::new(random.between(1, 48), random.between(1, 48));
    let budget =
        if random.one_in(3) { Budget::LeastAnd(random.below(1 << 20) as u64) } else { Budget::Ample };
    Way {
        tile: (!random.one_in(4)).then_some(tile),
        threads,
        budget,
        shape,
        source_block: Size::new(random.between(1, 64), random.between(1, 64)),
        // What is between operators is stored or computed with halos: neither shows.
        fusion: random.choose(&[Fusion::Auto, Fusion::Always, Fusion::Never]),
    }
}

fn check(seed: u64) -> Result<(), String> {
    let mut random = Random::new(seed);
    let raster = random::any_raster(Size::new(70, 50), &mut random);
    let steps: Vec<Step> = random::chain(OPERATORS, &raster.info, 4, 20_000, &mut random)
        .map_err(|error| format!("SWATHE_SEED={seed} SWATHE_CASES=1: {error}"))?;
    keeps_the_law(seed, raster, steps, &mut random)
}

fn keeps_the_law(seed: u64, raster: Raster, steps: Vec<Step>, random: &mut Random) -> Result<(), String> {
    let subject = Subject { raster, steps, origin: format!("SWATHE_SEED={seed} SWATHE_CASES=1") };
    let ways = [way(random), way(random)];
    laws::tiling_is_invisible(&subject, &ways)
}

/// Every margin comes from the other side, in longer chains.
fn check_wrapping(seed: u64) -> Result<(), String> {
    let mut random = Random::new(seed);
    let raster = random::any_raster(Size::new(70, 50), &mut random);
    let steps: Vec<Step> = random::chain(OPERATORS, &raster.info, 7, 20_000, &mut random)
        .map_err(|error| format!("SWATHE_SEED={seed} SWATHE_CASES=1: {error}"))?;
    let wraps = |step: Step| match step.spec.parameters.iter().any(|parameter| parameter.name == "boundary") {
        true => step.with_parameter("boundary", "wrap"),
        false => step,
    };
    keeps_the_law(seed, raster, steps.into_iter().map(wraps).collect(), &mut random)
}

#[test]
fn random_chains_are_seamless() {
    let first = number("SWATHE_SEED", 1);
    let seeds: Vec<u64> = (first..first + number("SWATHE_CASES", 600)).collect();
    assert_all(&seeds, |&seed| check(seed));
}

#[test]
fn random_chains_that_wrap_around_are_seamless() {
    let first = number("SWATHE_SEED", 1);
    let seeds: Vec<u64> = (first..first + number("SWATHE_CASES", 300)).collect();
    assert_all(&seeds, |&seed| check_wrapping(seed));
}
