//! Promise 2, seamless: neither tile nor thread count nor budget nor fusion shows in any operator's output.

use swathe_core::{OperatorSpec, Size};
use swathe_operators::OPERATORS;
use swathe_testkit::engine::{Budget, Way};
use swathe_testkit::laws::{self, Subject};
use swathe_testkit::random::{self, Content, Numbers, Random};
use swathe_testkit::{MemoryShape, Step};
use swathe_tests::assert_all;

fn subjects(size: Size) -> Vec<Subject> {
    OPERATORS.iter().flat_map(|spec| laws::subjects(spec, size)).collect()
}

/// One subject in `every`, starting somewhere else for each operator.
fn some(size: Size, every: usize) -> Vec<Subject> {
    let of = |(number, spec): (usize, &&'static OperatorSpec)| {
        laws::subjects(spec, size).into_iter().skip(number % every).step_by(every).collect::<Vec<_>>()
    };
    OPERATORS.iter().enumerate().flat_map(of).collect()
}

#[test]
fn tiling_is_invisible() {
    assert_all(&subjects(Size::new(53, 37)), |subject| {
        laws::tiling_is_invisible(subject, &laws::ways(subject.raster.info.size))
    });
}

#[test]
fn tiling_is_invisible_on_rasters_smaller_than_the_halo() {
    for size in [Size::new(7, 5), Size::new(1, 1), Size::new(1, 11), Size::new(9, 1)] {
        assert_all(&subjects(size), |subject| laws::tiling_is_invisible(subject, &laws::ways(size)));
    }
}

#[test]
fn tiling_is_invisible_on_rasters_of_many_tiles() {
    assert_all(&some(Size::new(301, 83), 23), |subject| {
        laws::tiling_is_invisible(subject, &laws::ways(subject.raster.info.size))
    });
}

#[test]
fn shards_are_invisible() {
    let size = Size::new(53, 37);
    let rows = Way { tile: Some(Size::new(9, 5)), ..Way::chosen(Budget::Ample, 2, MemoryShape::ROWS) };
    let ways = [Way::tiles(Size::new(17, 31), 2), Way::tiles(size, 1), Way::tiles(Size::new(64, 4), 3)];
    let blocks = Way::chosen(Budget::Ample, 2, MemoryShape::BLOCKS);
    let blocks = [blocks, Way { tile: Some(Size::new(1, 16)), ..blocks }];
    assert_all(&some(size, 29), |subject| {
        laws::shards_are_invisible(subject, &ways, &[1, 2, 3, 7])?;
        laws::shards_are_invisible(subject, &blocks, &[2, 3])?;
        laws::shards_are_invisible(subject, &[rows], &[40])
    });
}

#[test]
fn the_budget_is_invisible() {
    assert_all(&some(Size::new(640, 480), 311), |subject| {
        let budget = |more: u64, threads| Way::chosen(Budget::LeastAnd(more), threads, MemoryShape::ANY);
        let rows = Way { shape: MemoryShape::ROWS, ..budget(1 << 20, 2) };
        laws::tiling_is_invisible(
            subject,
            &[budget(64 << 10, 1), budget(1 << 20, 2), budget(4 << 20, 8), rows],
        )
    });
}

/// How many operators are run after each.
const FOLLOWERS: usize = 8;

/// Every operator followed by itself and by some others, which are others for each.
#[test]
fn fusion_is_invisible() {
    let count = OPERATORS.len();
    let step = (count / FOLLOWERS).max(1);
    let followers =
        move |first: usize| (0..count).step_by(step).map(move |turn| (first, (first + turn) % count));
    let pairs: Vec<(usize, usize)> = (0..count).flat_map(followers).collect();
    assert_all(&pairs, |&(first, second)| {
        let mut random = Random::new((first * OPERATORS.len() + second) as u64);
        let mut ran = 0;
        for attempt in 0..60 {
            if ran == 6 {
                break;
            }
            let raster = random::any_raster(Size::new(40, 30), &mut random);
            let refused = |error: swathe_core::Error| error.to_string();
            let Some(one) = random::step(OPERATORS[first], &raster.info, &mut random).map_err(refused)?
            else {
                continue;
            };
            let info = one.bind(&raster.info).map_err(refused)?.output().clone();
            let Some(two) = random::step(OPERATORS[second], &info, &mut random).map_err(refused)? else {
                continue;
            };
            ran += 1;
            let origin = format!("operators {first} and {second}, attempt {attempt}");
            let subject = Subject { raster, steps: vec![one, two], origin };
            laws::fusion_is_invisible(&subject, &Way::tiles(Size::new(17, 13), 2))?;
            laws::tiling_is_invisible(&subject, &[Way::tiles(Size::new(11, 6), 1)])?;
        }
        Ok(())
    });
}

/// The mistake that every tiling test misses: to grow one rectangle through a chain and extend only the source.
#[test]
fn each_step_is_extended_by_its_own_boundary() {
    let names = ["gaussian", "mean", "convolve"];
    let specs: Vec<_> = OPERATORS.iter().copied().filter(|spec| names.contains(&spec.name)).collect();
    assert_eq!(specs.len(), names.len());
    let info = swathe_core::RasterInfo::new(Size::new(31, 29), 1, swathe_core::SampleType::F32);
    let raster = random::raster(&info, Content::of(Numbers::Smooth), &mut Random::new(5));
    let mut subjects = Vec::new();
    for first in random::BOUNDARIES {
        for second in random::BOUNDARIES {
            for spec in &specs {
                let step = |boundary| Step::new(spec, spec.trials[0]).with_parameter("boundary", boundary);
                let steps = vec![step(first), step(second), step(first)];
                subjects.push(Subject { raster: raster.clone(), steps, origin: "smooth".into() });
            }
        }
    }
    assert_all(&subjects, |subject| {
        laws::tiling_is_invisible(subject, &laws::ways(subject.raster.info.size))?;
        laws::fusion_is_invisible(subject, &Way::tiles(Size::new(8, 8), 2))
    });
}
