//! A chain as one sweep over the disk, or as several with what is between them stored.
//!
//! Fused, a tile computes the halo of every later operator again, and the more so the smaller the tiles are that the
//! budget allows. Cut after an operator, its whole result is computed once and put into a scratch file, of which the next
//! sweep reads pixels with the halo of its own operators alone. Where to cut is the cheapest way through all places that
//! are worth a look; every sweep has its own tiles within the same budget, and the bits are the same. A band of rows in
//! memory for each operator would save the halos above and below, but every tile would have to wait for the one above it,
//! and rasters as wide as ours need bands larger than budgets.
//!
//! What an operator has to learn first is learned by sweeps over what those before it make. They start from what was stored
//! last, so that storing saves computing it once for each of them and once more for the output: they are weighed with all else.

use std::sync::Arc;

use swathe_core::{Error, Halo, RasterInfo, Result, Source};

use crate::account;
use crate::grid::TileGrid;
use crate::limits::Limits;
use crate::means::{Attempt, Choice, Means, both, row_width, together};
use crate::pipeline::{Graph, Part, Preparations};
use crate::plan::Plan;
use crate::prepare::{Preparation, Sweeps};
use crate::report::{Fusion, FusionSummary, PreparationSummary, RunOptions, SweepSeconds};
use crate::way::{Cut, Store, Way, at_once, beside, part};

/// What one worker takes to store a byte, in nanoseconds: at about 1 GB/s. What the page cache holds goes several times as
/// fast, but takes the cache from others.
const STORED_BYTE: f64 = 1.0;
/// What it takes to read a byte that was stored, and a pixel of an input that is read again.
const READ_BYTE: f64 = 0.25;
const READ_PIXEL: f64 = 0.5;
/// What several sweeps may take of one, so that a disk is not filled for little.
const WORTH: f64 = 0.95;
/// Places that are looked at; all pairs of them are planned.
const MOST_PLACES: usize = 12;

/// How long something takes by the plan's figures, in seconds.
#[derive(Clone, Copy, Debug, Default)]
struct Time {
    /// Computing every pixel once.
    once: f64,
    /// Computing and reading pixels again.
    again: f64,
    /// Storing what is between sweeps, and reading it.
    store: f64,
    /// Sweeps that learn something.
    learn: f64,
}

impl Time {
    fn total(self) -> f64 {
        self.once + self.again + self.store + self.learn
    }

    fn and(self, other: Time) -> Time {
        Time {
            once: self.once + other.once,
            again: self.again + other.again,
            store: self.store + other.store,
            learn: self.learn + other.learn,
        }
    }

    fn summary(self) -> SweepSeconds {
        SweepSeconds { once: self.once, again: self.again, store: self.store, learn: self.learn }
    }

    /// What is computed more than once, in words.
    fn repeated(self) -> String {
        let halos = format!("{} of it for halos computed again", seconds(self.again));
        if self.learn > 0.0 {
            format!("{halos} and {} for sweeps that learn", seconds(self.learn))
        } else {
            halos
        }
    }
}

/// What a step learns of what those before it make, from one of the places.
struct Learned {
    summary: PreparationSummary,
    time: Time,
}

/// A sweep from one place to another, with those that learn on the way.
struct Leg {
    choice: Choice,
    learned: Vec<PreparationSummary>,
    time: Time,
}

impl Plan {
    /// Plans a graph as one sweep, or as several with results between them that `store` keeps, as [`RunOptions::fusion`]
    /// has it.
    ///
    /// # Errors
    /// As [`Plan::new`]; Limit, too, where the disk is too small for the only way that fits the budget; and whatever
    /// `store` says, where results have to be stored.
    pub fn in_sweeps(
        graph: Graph,
        store: Store<'_>,
        options: &RunOptions,
        limits: &Limits,
    ) -> Result<Attempt<Self>> {
        let attempt = Plan::in_learning_sweeps(graph, &Preparations::new(), store, options, limits)?;
        Ok(attempt.map(|(plan, _)| plan))
    }

    /// The same for a graph of stand-ins, with what is to be learned first; that counts as part of what the sweeps take.
    ///
    /// # Errors
    /// As [`Plan::in_sweeps`], and whatever the preparations say.
    pub(crate) fn in_learning_sweeps(
        graph: Graph,
        preparations: &Preparations,
        store: Store<'_>,
        options: &RunOptions,
        limits: &Limits,
    ) -> Result<Attempt<(Self, Vec<PreparationSummary>)>> {
        let means = Means::new(&graph, options, limits)?;
        let learns = preparations.iter().map(|(stage, _)| *stage).collect::<Vec<_>>();
        let is_empty = graph.shard.is_some_and(|shard| graph.sweep().rows_of(shard).is_empty());
        let places = match options.fusion {
            _ if is_empty => Vec::new(),
            Fusion::Never => (1..graph.chain.stages.len()).chain(before_notes(&graph)).collect(),
            _ => places(&graph, &learns),
        };
        let mut given = (!places.is_empty()).then(|| FusionSummary::as_given(options.fusion));
        // What is learned is learned of the whole raster, by every shard.
        let whole = learns.last().copied().unwrap_or(0);
        let cuts = match options.fusion {
            Fusion::Always => Vec::new(),
            fusion => match (Cut::all(&graph, &places, whole, store), &mut given) {
                (Ok(cuts), _) => cuts,
                (Err(error), Some(given)) if fusion == Fusion::Auto => {
                    given.reason = format!("nothing can be stored: {error}");
                    Vec::new()
                }
                (Err(error), _) => return Err(error),
            },
        };
        let parts = Parts::new(&graph, &cuts, &means, preparations)?;
        let decision = match options.fusion {
            _ if cuts.is_empty() => parts.everywhere().map(|(way, _)| (way, given)),
            Fusion::Auto => parts.decide()?.map(|(way, fusion)| (way, Some(fusion))),
            Fusion::Always | Fusion::Never => parts.apart().map(|(way, fusion)| (way, Some(fusion))),
        };
        let (way, fusion) = match decision {
            Ok(decision) => decision,
            Err(short) => return Ok(Err(short)),
        };
        let learned = way.learned.clone();
        let mut plan = way.planned(graph, cuts, &means)?;
        plan.summary.fusion = fusion;
        Ok(Ok((plan, learned)))
    }

    /// Plans a graph in the sweeps that were decided on, cut behind so many operators each.
    ///
    /// # Errors
    /// As [`Plan::in_sweeps`].
    pub(crate) fn cut_at(
        graph: Graph,
        places: &[usize],
        store: Store<'_>,
        options: &RunOptions,
        limits: &Limits,
    ) -> Result<Attempt<Self>> {
        let means = Means::new(&graph, options, limits)?;
        let cuts = Cut::all(&graph, places, 0, store)?;
        let way = match Parts::new(&graph, &cuts, &means, &Preparations::new())?.everywhere() {
            Ok((way, _)) => way,
            Err(short) => return Ok(Err(short)),
        };
        way.planned(graph, cuts, &means).map(Ok)
    }
}

/// Before a sweep from the bottom to the top, which would compute the whole chain twice.
fn before_notes(graph: &Graph) -> Option<usize> {
    let stages = graph.chain.stages.len();
    (stages > 0 && graph.upward().is_some()).then_some(stages)
}

/// How many operators come before each place that is worth a look: before an operator with a halo, which has all before it
/// computed again, and before one that learns something. Of several places since the last such operator, the one with the
/// smallest pixels.
fn places(graph: &Graph, learns: &[usize]) -> Vec<usize> {
    let stages = &graph.chain.stages;
    let bytes = |stage: usize| stages[stage - 1].operator.output().pixel_bytes().unwrap_or(u64::MAX);
    let with_halo = (1..stages.len())
        .filter(|stage| stages[*stage].operator.halo() != Halo::NONE || learns.contains(stage))
        .chain(before_notes(graph));
    let mut after = 0;
    let all = with_halo.map(|place| {
        let since = std::mem::replace(&mut after, place) + 1..=place;
        since.rev().min_by_key(|&stage| bytes(stage)).unwrap_or(place)
    });
    let all = all.collect::<Vec<_>>();
    let step = all.len().div_ceil(MOST_PLACES).max(1);
    all.into_iter().step_by(step).collect()
}

/// A graph with the places where it can be cut. Place 0 is the beginning, place `n` is cut `n - 1`, and the end is behind them.
struct Parts<'a> {
    graph: &'a Graph,
    cuts: &'a [Cut],
    means: &'a Means<'a>,
    /// For each step that learns something, the number of its stage, and what that takes from each place before it.
    learned: Vec<(usize, Vec<Attempt<Learned>>)>,
}

impl<'a> Parts<'a> {
    fn new(
        graph: &'a Graph,
        cuts: &'a [Cut],
        means: &'a Means<'a>,
        preparations: &Preparations,
    ) -> Result<Self> {
        let mut parts = Parts { graph, cuts, means, learned: Vec::new() };
        for (stage, preparation) in preparations {
            let places = 0..=cuts.iter().filter(|cut| cut.stages <= *stage).count();
            let from = places.map(|place| parts.learn(place, *stage, preparation.as_ref()));
            let from = from.collect::<Result<Vec<_>>>()?;
            parts.learned.push((*stage, from));
        }
        Ok(parts)
    }

    /// What it takes from a place on to learn what is to be known of the result before a stage.
    fn learn(&self, place: usize, stage: usize, preparation: &dyn Preparation) -> Result<Attempt<Learned>> {
        let chain = self.graph.chain.part(self.source(place), self.start(place)..stage);
        let whole = RunOptions { shard: None, ..self.means.options.clone() };
        let mut sweeps = Sweeps::over(chain, &whole, self.means.limits);
        let outcome = preparation.learn(&mut sweeps);
        // That a raster without pixels has no answer is no error.
        let planned = match (sweeps.into_attempt(), outcome) {
            (Some(attempt), _) => attempt,
            (None, Err(error)) => return Err(error),
            (None, Ok(_)) => return Err(Error::bug("a step was prepared without looking")),
        };
        Ok(planned.map(|(sweep, (once, again))| {
            let passes = preparation.sweeps();
            let learn = (once + again) * 1e-9 + self.read(place) * passes as f64;
            let time = Time { learn: learn / sweep.threads as f64, ..Time::default() };
            let operator = &self.graph.chain.stages[stage].name;
            let summary = PreparationSummary::new(operator, preparation.subject(), passes, sweep);
            Learned { summary: PreparationSummary { behind: self.start(place) as u64, ..summary }, time }
        }))
    }

    fn end(&self) -> usize {
        self.cuts.len() + 1
    }

    fn cut(&self, place: usize) -> Option<&'a Cut> {
        self.cuts.get(place.checked_sub(1)?)
    }

    /// How many operators come before a place.
    fn start(&self, place: usize) -> usize {
        self.cut(place).map_or(0, |cut| cut.stages)
    }

    /// What is read from a place on.
    fn source(&self, place: usize) -> &'a Arc<dyn Source> {
        self.cut(place).map_or(&self.graph.chain.source, |cut| &cut.interim.source)
    }

    /// Seconds that one worker takes to read what is stored at a place, if anything is.
    fn read(&self, place: usize) -> f64 {
        self.cut(place).map_or(0.0, |cut| cut.bytes as f64 * READ_BYTE * 1e-9)
    }

    /// Whether what is stored at a place is stored before the last step is bound, by a sweep that nothing else is held beside.
    fn is_alone(&self, place: usize) -> bool {
        self.cut(place).is_some_and(|cut| self.learned.last().is_some_and(|(stage, _)| cut.stages <= *stage))
    }

    /// Calls `look` with the part between two places.
    fn with<T>(&self, from: usize, to: usize, look: impl FnOnce(Part<'_>) -> T) -> T {
        let chain = part(&self.graph.chain, self.cut(from), self.cut(to));
        let is_last = to == self.end();
        let destination =
            self.cut(to).map_or(self.graph.destination.as_ref(), |cut| cut.interim.destination.as_ref());
        // The order of the output's blocks must not tell whether something was stored.
        let width = if is_last { self.graph.sweep().row_width } else { row_width(&chain, destination) };
        look(Part {
            chain: &chain,
            destination,
            upward: if is_last { self.graph.upward() } else { None },
            row_width: width,
            shard: self.graph.shard.filter(|_| is_last),
            band: self.cut(to).and_then(|cut| cut.band),
            beside_bytes: if self.is_alone(to) { 0 } else { beside(&self.graph.chain, &chain) },
        })
    }

    fn choose(&self, from: usize, to: usize) -> Attempt<(Choice, Time)> {
        self.with(from, to, |sweep| {
            let choice = self.means.choose(sweep)?;
            let time = self.time(from, to, sweep, Some(&choice));
            Ok((choice, time))
        })
    }

    /// The sweep between two places, with those that learn from the first of them.
    fn leg(&self, from: usize, to: usize) -> Attempt<Leg> {
        let (start, end) = (self.start(from), self.cut(to).map_or(usize::MAX, |cut| cut.stages));
        let here = self.learned.iter().filter(|(stage, _)| (start..end).contains(stage));
        let learned = here.filter_map(|(_, places)| places.get(from));
        let learned = together(learned.map(|learned| learned.as_ref().map_err(|short| *short)));
        let ((choice, time), learned) = both(self.choose(from, to), learned)?;
        let time = learned.iter().fold(time, |sum, learned| sum.and(learned.time));
        Ok(Leg {
            choice,
            learned: learned.into_iter().map(|learned| learned.summary.clone()).collect(),
            time,
        })
    }

    /// What the part between two places takes at least.
    fn least(&self, from: usize, to: usize) -> f64 {
        self.with(from, to, |sweep| self.time(from, to, sweep, None)).total()
    }

    /// What a part takes, with its result stored where it is not the last; without a choice of tiles, what it takes at least.
    fn time(&self, from: usize, to: usize, sweep: Part<'_>, choice: Option<&Choice>) -> Time {
        let (once, again) = work(sweep, choice.map(|choice| &choice.grid));
        let times = if sweep.upward.is_some() { 2.0 } else { 1.0 };
        let store = self.cut(to).map_or(0.0, |cut| cut.bytes as f64 * STORED_BYTE * 1e-9);
        let workers = choice.map_or(self.means.workers(), |choice| choice.workers) as f64;
        let seconds = |nanoseconds: f64| nanoseconds * 1e-9 / workers;
        Time {
            once: seconds(once),
            again: seconds(again + once * (times - 1.0) + again * (times - 1.0)),
            store: (self.read(from) * times + store) / workers,
            learn: 0.0,
        }
    }

    /// Cut everywhere.
    fn everywhere(&self) -> Attempt<(Way, Time)> {
        let legs = together((0..self.end()).map(|from| self.leg(from, from + 1)))?;
        Ok(way((0..self.cuts.len()).collect(), legs))
    }

    /// As the user wants it.
    fn apart(&self) -> Attempt<(Way, FusionSummary)> {
        let (way, time) = self.everywhere()?;
        let one = self.leg(0, self.end()).ok().map(|leg| leg.time.summary());
        let several = Some(time.summary());
        let given = FusionSummary::as_given(Fusion::Never);
        let summary = FusionSummary { sweeps: way.choices.len() as u64, one, several, ..given };
        Ok((way, summary))
    }

    /// The cheapest way to run the chain, with the reason.
    fn decide(&self) -> Result<Attempt<(Way, FusionSummary)>> {
        let summary =
            |sweeps: usize, reason: String, one: Option<Time>, several: Option<Time>| FusionSummary {
                sweeps: sweeps as u64,
                reason,
                one: one.map(Time::summary),
                several: several.map(Time::summary),
                ..FusionSummary::as_given(Fusion::Auto)
            };
        let one = self.leg(0, self.end());
        let cheapest = self.cheapest(one.as_ref().map_or(f64::INFINITY, |one| one.time.total() * WORTH));
        let ((several, time), one) = match (cheapest, one) {
            (None, Ok(one)) => {
                // Where sweeps that learn compute again, what storing would take is worth a word.
                let several = (one.time.learn > 0.0).then(|| self.cheapest(f64::INFINITY)).flatten();
                let several = several.map(|(_, time)| time);
                let reason = match several {
                    Some(several) => format!(
                        "it takes about {}, {}; with what is between stored it would take {}, {} of it for storing",
                        seconds(one.time.total()),
                        one.time.repeated(),
                        seconds(several.total()),
                        seconds(several.store)
                    ),
                    None => format!(
                        "halos computed again take about {} of {}, less than storing would save",
                        seconds(one.time.again),
                        seconds(one.time.total())
                    ),
                };
                let (one, time) = way(Vec::new(), vec![one]);
                return Ok(Ok((one, summary(1, reason, Some(time), several))));
            }
            // Whichever needs less is what would do.
            (None, Err(short)) => {
                let apart = self.everywhere().err();
                return Ok(Err(apart.map_or(short, |apart| apart.lesser(short))));
            }
            (Some(several), one) => (several, one),
        };
        let sweeps = several.choices.len();
        let storing = format!("{} of it for storing", seconds(time.store));
        let costs =
            format!("{sweeps} take about {}, {storing} and {}", seconds(time.total()), time.repeated());
        Ok(match (one, self.obstacle(&several.cuts)) {
            (Ok(one), Some(obstacle)) => {
                let takes = format!("it takes about {}, {}", seconds(one.time.total()), one.time.repeated());
                let reason = format!("{takes}; {costs}; what is stored {obstacle}");
                let (one, one_time) = way(Vec::new(), vec![one]);
                Ok((one, summary(1, reason, Some(one_time), Some(time))))
            }
            (Ok(one), None) => {
                let takes =
                    format!("one would take about {}, {}", seconds(one.time.total()), one.time.repeated());
                let reason = format!("{takes}; {costs}");
                Ok((several, summary(sweeps, reason, Some(one.time), Some(time))))
            }
            (Err(short), Some(obstacle)) => {
                return Err(Error::from(short).and(format_args!(
                    " in one sweep; {sweeps} would fit, but what is stored between them {obstacle}"
                )));
            }
            (Err(_), None) => {
                let reason = format!("the budget does not hold one; {costs}");
                Ok((several, summary(sweeps, reason, None, Some(time))))
            }
        })
    }

    /// The cheapest way with one cut at least that takes less than `most` seconds and fits the budget.
    fn cheapest(&self, most: f64) -> Option<(Way, Time)> {
        /// The cheapest way to a place, by its last leg.
        struct Last {
            from: usize,
            leg: Leg,
            /// From the beginning.
            time: Time,
        }
        let mut lasts: Vec<Option<Last>> = Vec::with_capacity(self.end() + 1);
        lasts.push(None);
        for to in 1..=self.end() {
            let mut best: Option<Last> = None;
            // What comes behind takes something too; most ways are given up before anything is planned.
            let most = most - if to < self.end() { self.least(to, self.end()) } else { 0.0 };
            // The whole chain as one leg is no way with a cut.
            for (from, last) in lasts.iter().enumerate().skip(usize::from(to == self.end())) {
                let before = match (from, last) {
                    (0, _) => Time::default(),
                    (_, Some(last)) => last.time,
                    (_, None) => continue,
                };
                let bound = best.as_ref().map_or(most, |best| best.time.total().min(most));
                if before.total() + self.least(from, to) >= bound {
                    continue;
                }
                let Ok(leg) = self.leg(from, to) else { continue };
                let time = before.and(leg.time);
                if time.total() < bound {
                    best = Some(Last { from, leg, time });
                }
            }
            lasts.push(best);
        }
        let (mut place, mut cuts, mut legs) = (self.end(), Vec::new(), Vec::new());
        while place > 0 {
            let Last { from, leg, .. } = lasts[place].take()?;
            legs.push(leg);
            cuts.extend(from.checked_sub(1));
            place = from;
        }
        legs.reverse();
        cuts.reverse();
        Some(way(cuts, legs))
    }

    /// Why results should not be stored in these places, in words that go on from what is stored.
    fn obstacle(&self, chosen: &[usize]) -> Option<String> {
        let disk = chosen.iter().find_map(|&cut| self.cuts[cut].disk)?;
        if disk.in_memory {
            return Some(
                "would lie in memory, where the scratch folder is; `--scratch DIR` names another".into(),
            );
        }
        let stored = chosen.iter().map(|&cut| self.cuts[cut].bytes).collect::<Vec<_>>();
        let output = self.graph.destination.as_ref();
        let shared = output.disk().is_some_and(|output| output.number == disk.number);
        let needed = at_once(&stored).max(if shared {
            stored.last().unwrap_or(&0).saturating_add(output.file_bytes())
        } else {
            0
        });
        (disk.free_bytes < needed).then(|| {
            let (needed, free) = (needed.div_ceil(1 << 20), disk.free_bytes >> 20);
            format!("needs {needed} MiB in the scratch folder, where {free} MiB are free; `--scratch DIR` names another")
        })
    }
}

/// A way by its legs, and what it takes.
fn way(cuts: Vec<usize>, legs: Vec<Leg>) -> (Way, Time) {
    let time = legs.iter().fold(Time::default(), |sum, leg| sum.and(leg.time));
    let (mut choices, mut learned) = (Vec::new(), Vec::new());
    for leg in legs {
        choices.push(leg.choice);
        learned.extend(leg.learned);
    }
    (Way { cuts, choices, learned }, time)
}

/// Nanoseconds that one worker computes every pixel of a sweep's operators once, and that it computes and reads pixels again;
/// without tiles, as if there were no halos.
pub(crate) fn work(sweep: Part<'_>, grid: Option<&TileGrid>) -> (f64, f64) {
    let stages = &sweep.chain.stages;
    let pixels = |info: &RasterInfo| info.size.pixels() as f64;
    let share = sweep.rows().len() as f64 / sweep.chain.output().size.height as f64;
    let once =
        stages.iter().map(|stage| pixels(stage.operator.output()) * stage.operator.pixel_nanoseconds());
    let once = once.sum::<f64>() * share;
    let Some(grid) = grid else { return (once, 0.0) };
    let tiles = grid.pixels() as f64 / grid.typical().size().pixels() as f64;
    let computed = account::stage_work(sweep.chain, grid).into_iter().zip(stages);
    let computed = computed.map(|(pixels, stage)| pixels * tiles * stage.operator.pixel_nanoseconds());
    let read = account::Work::of(sweep.chain, grid).read * tiles;
    let stored = sweep.chain.sources().map(|source| pixels(source.info())).sum::<f64>() * share;
    let again = computed.sum::<f64>() - once + (read - stored) * READ_PIXEL;
    (once, again.max(0.0))
}

/// Seconds in words.
fn seconds(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 0.0995 => format!("{:.1} ms", seconds * 1e3),
        seconds if seconds < 9.95 => format!("{seconds:.2} s"),
        seconds => format!("{seconds:.0} s"),
    }
}
