//! The promises: how an output is cut, by how many it is computed, with how much memory and on what processor never
//! shows in it. Each law says how it was broken.

use swathe_core::{OperatorSpec, RasterInfo, Result, SampleType, Scalar, Size};
use swathe_operators::{CpuLevel, force_level};

use crate::chain::{Step, words};
use crate::engine::{self, Budget, Way};
use crate::memory::MemoryShape;
use crate::plain;
use crate::random::{self, BOUNDARIES, Content, Numbers, POLICIES, Random};
use crate::raster::Raster;

/// How a law was broken; `Ok` where it was kept.
pub type Kept = Result<(), String>;

/// A chain, the raster it runs on, and what to call both.
#[derive(Clone, Debug)]
pub struct Subject {
    /// What is read.
    pub raster: Raster,
    /// What is done.
    pub steps: Vec<Step>,
    /// Where it comes from: a seed, or a number in a list.
    pub origin: String,
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let RasterInfo { size, bands, sample_type, nodata, mask, .. } = &self.raster.info;
        let nodata = nodata.map_or("none".into(), |value| value.to_string());
        write!(
            f,
            "[{}] on {sample_type}, {size}, {bands} bands, nodata {nodata}, mask {mask} ({})",
            words(&self.steps),
            self.origin
        )
    }
}

/// Every way to cut a raster of `size` that the promise names, with 1, 2 and 8 workers, and outputs that want whole
/// blocks or whole rows. One pixel at a time only where `size` is small.
pub fn ways(size: Size) -> Vec<Way> {
    let mut ways = vec![
        Way::tiles(size, 1),
        Way::tiles(Size::new(17, 31), 2),
        Way::tiles(Size::new(size.width, 1), 8),
        Way::chosen(Budget::Ample, 2, MemoryShape::BLOCKS),
        Way { tile: Some(Size::new(1, 16)), ..Way::chosen(Budget::Ample, 8, MemoryShape::BLOCKS) },
        Way { tile: Some(Size::new(9, 5)), ..Way::chosen(Budget::Ample, 2, MemoryShape::ROWS) },
    ];
    for tile in [Size::new(256, 256), Size::new(64, 48)] {
        if size.width > tile.width || size.height > tile.height {
            ways.push(Way::tiles(tile, 2));
        }
    }
    if size.pixels() <= 64 {
        ways.push(Way::tiles(Size::new(1, 1), 2));
    }
    ways
}

/// The engine's output is the plain executor's, whatever the way.
///
/// # Errors
/// Says which way gave another output, or another kind of failure.
pub fn tiling_is_invisible(subject: &Subject, ways: &[Way]) -> Kept {
    let expected = plain::run(&subject.raster, &subject.steps);
    let expected = not_a_bug(expected, subject, "the plain executor")?;
    for way in ways {
        let found = engine::run(&subject.raster, &subject.steps, way);
        let found = not_a_bug(found, subject, way)?;
        agree(subject, ("the plain executor", &expected), (&format!("{way:?}"), &found))?;
    }
    Ok(())
}

/// However many shards compute the output, each in a way of its own, together they give the plain executor's.
///
/// # Errors
/// As [`tiling_is_invisible`].
pub fn shards_are_invisible(subject: &Subject, ways: &[Way], counts: &[u64]) -> Kept {
    let expected = plain::run(&subject.raster, &subject.steps);
    let expected = not_a_bug(expected, subject, "the plain executor")?;
    for &count in counts {
        let found = engine::run_in_shards(&subject.raster, &subject.steps, ways, count);
        let shards = format!("{count} shards");
        let found = not_a_bug(found, subject, &shards)?;
        agree(subject, ("the plain executor", &expected), (&shards, &found))?;
    }
    Ok(())
}

/// A fused chain gives what its steps give when each is run and kept by itself, both by the engine.
///
/// # Errors
/// Says where they differ.
pub fn fusion_is_invisible(subject: &Subject, way: &Way) -> Kept {
    let fused = not_a_bug(engine::run(&subject.raster, &subject.steps, way), subject, "the fused chain")?;
    let one_by_one = subject.steps.iter().try_fold(subject.raster.clone(), |raster, step| {
        engine::run(&raster, std::slice::from_ref(step), way)
    });
    let one_by_one = not_a_bug(one_by_one, subject, "one by one")?;
    agree(subject, ("one by one", &one_by_one), (&format!("fused, {way:?}"), &fused))
}

/// Every level of vector instructions that this CPU has gives the same output.
///
/// # Errors
/// Says which levels differ.
pub fn cpu_levels_agree(subject: &Subject) -> Kept {
    let at = |index: usize| {
        let _held = force_level(index);
        plain::run(&subject.raster, &subject.steps)
    };
    let least = not_a_bug(at(0), subject, "the least level")?;
    for (index, level) in CpuLevel::available().iter().enumerate().skip(1) {
        let name = level.name();
        let other = not_a_bug(at(index), subject, name)?;
        agree(subject, ("the least level", &least), (name, &other))?;
    }
    Ok(())
}

/// Two runs gave the same output, or failed for reasons of one kind; each with what it is called.
fn agree(subject: &Subject, one: (&str, &Result<Raster>), other: (&str, &Result<Raster>)) -> Kept {
    match (one.1, other.1) {
        (Ok(first), Ok(second)) => match first.difference(second) {
            Some(difference) => Err(format!("{subject}: {} and {}: {difference}", one.0, other.0)),
            None => Ok(()),
        },
        (Err(first), Err(second)) if first.kind() == second.kind() => Ok(()),
        (first, second) => {
            let word = |result: &Result<Raster>| match result {
                Ok(_) => "succeeds".to_owned(),
                Err(error) => format!("fails ({error})"),
            };
            Err(format!("{subject}: {} {}, {} {}", one.0, word(first), other.0, word(second)))
        }
    }
}

/// An operator may say no to pixel values; a bug, or memory that shows, breaks every law.
fn not_a_bug(
    result: Result<Raster>,
    subject: &Subject,
    by: impl std::fmt::Debug,
) -> Result<Result<Raster>, String> {
    match result {
        Err(error) if error.kind() == swathe_core::ErrorKind::Bug => {
            Err(format!("{subject}: {by:?}: {error}"))
        }
        other => Ok(other),
    }
}

/// Every sample type, every trial and every boundary of an operator, on rasters of `size` whose content, nodata value,
/// mask and nodata policy take turns.
///
/// # Panics
/// If a trial suits none of the rasters.
pub fn subjects(spec: &'static OperatorSpec, size: Size) -> Vec<Subject> {
    let mut subjects = Vec::new();
    let bounded = spec.parameters.iter().any(|parameter| parameter.name == "boundary");
    let boundaries: &[&str] = if bounded { &BOUNDARIES } else { &[""] };
    for (trial_number, trial) in spec.trials.iter().enumerate() {
        let before = subjects.len();
        for (type_number, sample_type) in SampleType::ALL.into_iter().enumerate() {
            for (boundary_number, boundary) in boundaries.iter().enumerate() {
                let turn = trial_number + type_number + boundary_number;
                let mut step = Step::new(spec, trial).with_default("nodata", POLICIES[turn % 3]);
                if bounded {
                    step = step.with_parameter("boundary", boundary);
                }
                // Four contents over six boundaries, ten types: two of them meet each pair.
                for number in [turn, turn + 1 + boundary_number / 3] {
                    subjects.extend(subject(&step, size, sample_type, number % 4));
                }
            }
        }
        assert!(
            subjects.len() > before || size.pixels() < 1000,
            "no raster of {size} suits `{} {trial}`",
            spec.name
        );
    }
    subjects
}

/// A step on a raster of that type, with the first number of bands that suits it.
fn subject(step: &Step, size: Size, sample_type: SampleType, number: usize) -> Option<Subject> {
    [2, 1, 3, 4].into_iter().find_map(|bands| {
        let info = RasterInfo::new(size, bands, sample_type);
        let (info, content) = content(info, number);
        let origin = format!("{step} {sample_type} content {number}");
        let mut random = Random::of_words(&origin);
        let mut step = step.clone();
        step.with = (1..step.spec.inputs.0).map(|_| random::raster(&info, content, &mut random)).collect();
        match step.bind(&info) {
            Ok(_) => {
                let raster = random::raster(&info, content, &mut random);
                Some(Subject { raster, steps: vec![step], origin })
            }
            Err(error) if random::is_refusal(error.kind()) => None,
            Err(error) => panic!("{step} on {info:?}: {error}"),
        }
    })
}

/// The kinds of rasters that take turns.
fn content(mut info: RasterInfo, number: usize) -> (RasterInfo, Content) {
    match number {
        0 => (info, Content::of(Numbers::Wide)),
        1 => {
            info.nodata = Some(Scalar::Integer(3));
            (info, Content { holes: true, nan: true, ..Content::of(Numbers::Few) })
        }
        2 => {
            info.mask = true;
            (info, Content { holes: true, ..Content::of(Numbers::Smooth) })
        }
        _ => {
            info.nodata = Some(Scalar::Integer(0));
            info.mask = true;
            (info, Content { numbers: Numbers::Rough, nan: true, infinite: true, holes: false })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use swathe_core::{
        Bind, Boundary, Documentation, Edge, Error, Frame, Group, Halo, Operator, Parameter, TileMut,
        TileView, Window,
    };

    /// The ways in which an operator can break a promise.
    #[derive(Clone, Copy, PartialEq)]
    enum Fault {
        None,
        /// A value depends on where the tile begins.
        SeesTile,
        /// The halo is one too small, and the missing pixel is taken for the last one there.
        ShortHalo,
        /// Scratch is taken for clean.
        DirtyScratch,
        /// The last column is not written.
        Unwritten,
    }

    /// The sum of each pixel and its western neighbour.
    struct PairSum {
        output: RasterInfo,
        boundary: Boundary,
        fault: Fault,
    }

    impl Operator for PairSum {
        fn output(&self) -> &RasterInfo {
            &self.output
        }

        fn need(&self, _input: usize, output: Window) -> Window {
            let left = usize::from(self.fault != Fault::ShortHalo);
            output.grow(Halo { left, ..Halo::NONE })
        }

        fn edge(&self, _input: usize) -> Edge {
            Edge::Extend(self.boundary)
        }

        fn scratch_bytes(&self, _output: Size) -> usize {
            64
        }

        fn process(
            &self,
            inputs: &[TileView<'_>],
            output: &mut TileMut<'_>,
            scratch: &mut Frame<'_>,
        ) -> Result<()> {
            let window = output.window();
            let past = (inputs[0].window().width - window.width) as i64;
            for band in 0..output.bands() {
                for y in 0..window.height {
                    let row = inputs[0].row::<u8>(band, y);
                    for x in 0..window.width {
                        if self.fault == Fault::Unwritten && window.x_end() - 1 == window.x + x as i64 {
                            continue;
                        }
                        let own = row[x + past as usize];
                        let west = row[(x as i64 + past - 1).max(0) as usize];
                        let extra = match self.fault {
                            Fault::SeesTile => u8::from(x == 0 && window.x == 17),
                            Fault::DirtyScratch => scratch.inner().take::<u8>(1)[0] & 1,
                            _ => 0,
                        };
                        output.row_mut::<u8>(band, y)[x] = own.wrapping_add(west).wrapping_add(extra);
                    }
                }
            }
            Ok(())
        }
    }

    fn bind(
        parameters: &swathe_core::Parameters,
        inputs: &[RasterInfo],
        fault: Fault,
    ) -> Result<Box<dyn Operator>> {
        if inputs[0].sample_type != SampleType::U8 || inputs[0].mask {
            return Err(Error::unsupported("only u8 without a mask"));
        }
        Ok(Box::new(PairSum { output: inputs[0].clone(), boundary: parameters.boundary()?, fault }))
    }

    fn spec(bind: Bind) -> &'static OperatorSpec {
        let documentation = Documentation {
            formula: "",
            halo: "",
            types: "",
            nodata: "",
            cost: "",
            source: "",
            agrees: "",
            example: "",
        };
        Box::leak(Box::new(OperatorSpec {
            name: "pair-sum",
            group: Group::Smoothing,
            summary: "",
            inputs: (1, 1),
            parameters: &[Parameter::BOUNDARY],
            documentation,
            trials: &["boundary=wrap"],
            bind,
        }))
    }

    fn broken(bind: Bind) -> Vec<String> {
        let subjects = subjects(spec(bind), Size::new(53, 37));
        assert!(subjects.len() >= 6);
        let check = |subject: &Subject| tiling_is_invisible(subject, &ways(subject.raster.info.size));
        subjects.iter().filter_map(|subject| check(subject).err()).collect()
    }

    #[test]
    fn a_good_operator_keeps_every_law() {
        let good: Bind = |parameters, inputs| bind(parameters, inputs, Fault::None);
        assert_eq!(broken(good), Vec::<String>::new());
        for subject in subjects(spec(good), Size::new(20, 9)) {
            assert_eq!(cpu_levels_agree(&subject), Ok(()));
            let steps = [subject.steps.clone(), subject.steps.clone()].concat();
            let twice = Subject { steps, ..subject };
            assert_eq!(fusion_is_invisible(&twice, &Way::tiles(Size::new(6, 4), 2)), Ok(()));
        }
    }

    #[test]
    fn every_fault_is_found() {
        let faults: [(Bind, &str); 4] = [
            (|parameters, inputs| bind(parameters, inputs, Fault::SeesTile), "at 17,0"),
            (|parameters, inputs| bind(parameters, inputs, Fault::ShortHalo), "differ, first"),
            (|parameters, inputs| bind(parameters, inputs, Fault::DirtyScratch), "memory held before"),
            (|parameters, inputs| bind(parameters, inputs, Fault::Unwritten), "memory held before"),
        ];
        for (fault, words) in faults {
            let found = broken(fault);
            assert!(!found.is_empty() && found.iter().all(|message| message.contains(words)), "{found:?}");
        }
    }

    #[test]
    fn a_chain_that_extends_only_its_source_is_told_apart() {
        // What a fused chain must not do: reflect the source once for both steps.
        let good: Bind = |parameters, inputs| bind(parameters, inputs, Fault::None);
        let raster = Raster::literal::<u8>(&[&[&[1, 2, 4, 8]]]);
        let steps = ["boundary=wrap", "boundary=constant=3"].map(|trial| Step::new(spec(good), trial));
        let found = engine::run(&raster, &steps, &Way::tiles(Size::new(2, 1), 2)).unwrap();
        // wrap: 1+8, 3, 6, 12; then 3 past the edge of that.
        assert_eq!(found.rows::<u8>(0), [[12, 12, 9, 18]]);
    }
}
