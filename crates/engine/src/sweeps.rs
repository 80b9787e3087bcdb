//! A chain as one sweep over the disk, or as several with what is between them stored.
//!
//! Fused, a tile computes the halo of every later operator again, and the more so the smaller the tiles are that the
//! budget allows. Cut after an operator, its whole result is computed once and put into a scratch file, of which the next
//! sweep reads pixels with the halo of its own operators alone. Where to cut is the cheapest way through all places that
//! are worth a look; every sweep has its own tiles within the same budget, and the bits are the same. A band of rows in
//! memory for each operator would save the halos above and below, but every tile would have to wait for the one above it,
//! and rasters as wide as ours need bands larger than budgets.

use swathe_core::{Disk, Error, Halo, RasterInfo, Result};

use crate::account;
use crate::both_ways::InterimRaster;
use crate::limits::Limits;
use crate::means::{Attempt, Choice, Means, row_width, together};
use crate::pipeline::{Chain, First, Graph, Part};
use crate::plan::Plan;
use crate::report::{Fusion, FusionSummary, PlanSummary, RunOptions, StoredSummary, SweepSeconds};

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

/// Makes a raster between two sweeps; the name says what it is.
pub type Store<'a> = &'a dyn Fn(&str, RasterInfo) -> Result<InterimRaster>;

/// A place between two operators where the chain can be cut.
struct Cut {
    /// How many operators come before it.
    stages: usize,
    bytes: u64,
    disk: Option<Disk>,
    interim: InterimRaster,
}

/// How long something takes by the plan's figures, in seconds.
#[derive(Clone, Copy, Debug, Default)]
struct Time {
    /// Computing every pixel once.
    once: f64,
    /// Computing and reading pixels again.
    again: f64,
    /// Storing what is between sweeps, and reading it.
    store: f64,
}

impl Time {
    fn total(self) -> f64 {
        self.once + self.again + self.store
    }

    fn and(self, other: Time) -> Time {
        Time {
            once: self.once + other.once,
            again: self.again + other.again,
            store: self.store + other.store,
        }
    }

    fn summary(self) -> SweepSeconds {
        SweepSeconds { once: self.once, again: self.again, store: self.store }
    }
}

/// Where a chain is cut, and how its parts are run: one more of these than of cuts.
struct Way {
    cuts: Vec<usize>,
    choices: Vec<Choice>,
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
        let means = Means::new(&graph, options, limits)?;
        let places = match options.fusion {
            Fusion::Never => (1..graph.chain.stages.len()).chain(before_notes(&graph)).collect(),
            _ => places(&graph),
        };
        if places.is_empty() || options.fusion == Fusion::Always {
            let plan = Plan::attempt(graph, options, limits)?;
            return Ok(plan.map(|plan| match places.is_empty() {
                true => plan,
                false => plan.fused(FusionSummary::as_given(options.fusion)),
            }));
        }
        let cuts = places.iter().map(|&stages| Cut::new(&graph, stages, store)).collect::<Result<Vec<_>>>();
        let cuts = match (cuts, options.fusion) {
            (Ok(cuts), _) => cuts,
            (Err(error), Fusion::Never) => return Err(error),
            (Err(error), _) => {
                let reason = format!("nothing can be stored: {error}");
                let summary = FusionSummary { reason, ..FusionSummary::as_given(options.fusion) };
                return Ok(Plan::attempt(graph, options, limits)?.map(|plan| plan.fused(summary)));
            }
        };
        let parts = Parts { graph: &graph, cuts: &cuts, means: &means };
        let decision = match options.fusion {
            Fusion::Never => parts.apart(),
            _ => parts.decide()?,
        };
        let (way, summary) = match decision {
            Ok(decision) => decision,
            Err(short) => return Ok(Err(short)),
        };
        Ok(Ok(way.planned(graph, cuts, &means)?.fused(summary)))
    }

    fn fused(mut self, summary: FusionSummary) -> Self {
        self.summary.fusion = Some(summary);
        self
    }
}

/// Before a sweep from the bottom to the top, which would compute the whole chain twice.
fn before_notes(graph: &Graph) -> Option<usize> {
    let stages = graph.chain.stages.len();
    (stages > 0 && graph.upward().is_some()).then_some(stages)
}

/// How many operators come before each place that is worth a look: before an operator with a halo, which has all before it
/// computed again. Of several places since the last such operator, the one with the smallest pixels.
fn places(graph: &Graph) -> Vec<usize> {
    let stages = &graph.chain.stages;
    let bytes = |stage: usize| stages[stage - 1].operator.output().pixel_bytes().unwrap_or(u64::MAX);
    let with_halo = (1..stages.len())
        .filter(|&stage| stages[stage].operator.halo() != Halo::NONE)
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

impl Cut {
    fn new(graph: &Graph, stages: usize, store: Store<'_>) -> Result<Self> {
        let last = &graph.chain.stages[stages - 1];
        let interim = store(&format!("what `{}` makes", last.name), last.operator.output().clone())?;
        let (bytes, disk) = (interim.destination.file_bytes(), interim.destination.disk());
        Ok(Cut { stages, bytes, disk, interim })
    }
}

/// A graph with the places where it can be cut. Place 0 is the beginning, place `n` is cut `n - 1`, and the end is behind them.
struct Parts<'a> {
    graph: &'a Graph,
    cuts: &'a [Cut],
    means: &'a Means<'a>,
}

impl Parts<'_> {
    fn end(&self) -> usize {
        self.cuts.len() + 1
    }

    fn cut(&self, place: usize) -> Option<&Cut> {
        self.cuts.get(place.checked_sub(1)?)
    }

    /// Calls `look` with the part between two places.
    fn with<T>(&self, from: usize, to: usize, look: impl FnOnce(Part<'_>) -> T) -> T {
        let chain = part(&self.graph.chain, self.cut(from), self.cut(to));
        let is_last = to == self.end();
        let destination =
            self.cut(to).map_or(self.graph.destination.as_ref(), |cut| cut.interim.destination.as_ref());
        // The order of the output's blocks must not tell whether something was stored.
        let whole = if is_last { &self.graph.chain } else { &chain };
        look(Part {
            chain: &chain,
            destination,
            upward: if is_last { self.graph.upward() } else { None },
            row_width: row_width(whole, destination),
            shard: self.graph.shard.filter(|_| is_last),
            beside_bytes: beside(&self.graph.chain, &chain),
        })
    }

    fn choose(&self, from: usize, to: usize) -> Attempt<(Choice, Time)> {
        self.with(from, to, |sweep| {
            let choice = self.means.choose(sweep)?;
            let time = self.time(from, to, sweep, Some(&choice));
            Ok((choice, time))
        })
    }

    /// What the part between two places takes at least.
    fn least(&self, from: usize, to: usize) -> f64 {
        self.with(from, to, |sweep| self.time(from, to, sweep, None)).total()
    }

    /// What a part takes, with its result stored where it is not the last; without a choice of tiles, what it takes at least.
    fn time(&self, from: usize, to: usize, sweep: Part<'_>, choice: Option<&Choice>) -> Time {
        let (once, again) = work(sweep, choice);
        let times = if sweep.upward.is_some() { 2.0 } else { 1.0 };
        let read = self.cut(from).map_or(0.0, |cut| cut.bytes as f64 * READ_BYTE * times);
        let store = self.cut(to).map_or(0.0, |cut| cut.bytes as f64 * STORED_BYTE);
        let workers = choice.map_or(self.means.workers(), |choice| choice.workers) as f64;
        let seconds = |nanoseconds: f64| nanoseconds * 1e-9 / workers;
        Time {
            once: seconds(once),
            again: seconds(again + once * (times - 1.0) + again * (times - 1.0)),
            store: seconds(read + store),
        }
    }

    /// Cut everywhere.
    fn everywhere(&self) -> Attempt<Way> {
        let parts = together((0..self.end()).map(|from| self.choose(from, from + 1)))?;
        let cuts = (0..self.cuts.len()).collect();
        let time = parts.iter().fold(Time::default(), |sum, (_, time)| sum.and(*time));
        Ok(Way { cuts, choices: parts.into_iter().map(|(choice, _)| choice).collect(), time })
    }

    /// As the user wants it.
    fn apart(&self) -> Attempt<(Way, FusionSummary)> {
        let way = self.everywhere()?;
        let one = self.choose(0, self.end()).ok().map(|(_, time)| time.summary());
        let several = Some(way.time.summary());
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
        let in_one = |choice: Choice, time: Time| Way { cuts: Vec::new(), choices: vec![choice], time };
        let one = self.choose(0, self.end());
        let cheapest = self.cheapest(one.as_ref().map_or(f64::INFINITY, |(_, time)| time.total() * WORTH));
        let (way, one) = match (cheapest, one) {
            (None, Ok((choice, time))) => {
                let reason = format!(
                    "halos computed again take about {} of {}, less than storing would save",
                    seconds(time.again),
                    seconds(time.total())
                );
                return Ok(Ok((in_one(choice, time), summary(1, reason, Some(time), None))));
            }
            // Whichever needs less is what would do.
            (None, Err(short)) => {
                let apart = self.everywhere().err();
                return Ok(Err(apart.map_or(short, |apart| apart.lesser(short))));
            }
            (Some(way), one) => (way, one),
        };
        let sweeps = way.choices.len();
        let costs = |time: Time| {
            format!(
                "{sweeps} take about {}, {} of it for storing and {} for halos",
                seconds(time.total()),
                seconds(time.store),
                seconds(time.again)
            )
        };
        Ok(match (one, self.obstacle(&way.cuts)) {
            (Ok((choice, time)), Some(obstacle)) => {
                let reason = format!(
                    "halos computed again take about {} of {}; {} and {obstacle}",
                    seconds(time.again),
                    seconds(time.total()),
                    costs(way.time)
                );
                Ok((in_one(choice, time), summary(1, reason, Some(time), Some(way.time))))
            }
            (Ok((_, time)), None) => {
                let reason = format!(
                    "one would take about {}, {} of it for halos computed again; {}",
                    seconds(time.total()),
                    seconds(time.again),
                    costs(way.time)
                );
                let fusion = summary(sweeps, reason, Some(time), Some(way.time));
                Ok((way, fusion))
            }
            (Err(short), Some(obstacle)) => {
                return Err(Error::from(short).and(format_args!(
                    " in one sweep; {sweeps} would fit, but what is stored between them {obstacle}"
                )));
            }
            (Err(_), None) => {
                let reason = format!("the budget does not hold one; {}", costs(way.time));
                let fusion = summary(sweeps, reason, None, Some(way.time));
                Ok((way, fusion))
            }
        })
    }

    /// The cheapest way with one cut at least that takes less than `most` seconds and fits the budget.
    fn cheapest(&self, most: f64) -> Option<Way> {
        /// The cheapest way to a place, by its last leg.
        struct Leg {
            from: usize,
            choice: Choice,
            time: Time,
        }
        let mut legs: Vec<Option<Leg>> = Vec::with_capacity(self.end() + 1);
        legs.push(None);
        for to in 1..=self.end() {
            let mut best: Option<Leg> = None;
            // What comes behind takes something too; most ways are given up before anything is planned.
            let most = most - if to < self.end() { self.least(to, self.end()) } else { 0.0 };
            // The whole chain as one leg is no way with a cut.
            for (from, leg) in legs.iter().enumerate().skip(usize::from(to == self.end())) {
                let before = match (from, leg) {
                    (0, _) => Time::default(),
                    (_, Some(leg)) => leg.time,
                    (_, None) => continue,
                };
                let bound = best.as_ref().map_or(most, |best| best.time.total().min(most));
                if before.total() + self.least(from, to) >= bound {
                    continue;
                }
                let Ok((choice, time)) = self.choose(from, to) else { continue };
                let time = before.and(time);
                if time.total() < bound {
                    best = Some(Leg { from, choice, time });
                }
            }
            legs.push(best);
        }
        let mut place = self.end();
        let time = legs[place].as_ref()?.time;
        let mut way = Way { cuts: Vec::new(), choices: Vec::new(), time };
        while place > 0 {
            let leg = legs[place].take()?;
            way.choices.push(leg.choice);
            way.cuts.extend(leg.from.checked_sub(1));
            place = leg.from;
        }
        way.choices.reverse();
        way.cuts.reverse();
        Some(way)
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

/// The most that lies in the scratch folder at once, of rasters that are stored one after the other: what a sweep reads and
/// what it writes.
fn at_once(stored: &[u64]) -> u64 {
    let pairs = stored.windows(2).map(|pair| pair[0].saturating_add(pair[1]));
    pairs.chain(stored.iter().copied()).max().unwrap_or(0)
}

/// The part of a chain between two places, which are ends or cuts.
fn part(chain: &Chain, from: Option<&Cut>, to: Option<&Cut>) -> Chain {
    let (start, end) = (from.map_or(0, |cut| cut.stages), to.map_or(chain.stages.len(), |cut| cut.stages));
    chain.part(from.map_or(&chain.source, |cut| &cut.interim.source), start..end)
}

/// Bytes of tables of a chain that a part of it does not count.
fn beside(chain: &Chain, part: &Chain) -> u64 {
    chain.resident_bytes().saturating_sub(part.resident_bytes())
}

/// Nanoseconds that one worker computes every pixel of a sweep's operators once, and that it computes and reads pixels again.
fn work(sweep: Part<'_>, choice: Option<&Choice>) -> (f64, f64) {
    let stages = &sweep.chain.stages;
    let pixels = |info: &RasterInfo| info.size.pixels() as f64;
    let once =
        stages.iter().map(|stage| pixels(stage.operator.output()) * stage.operator.pixel_nanoseconds());
    let once = once.sum::<f64>();
    let Some(choice) = choice else { return (once, 0.0) };
    let tiles = pixels(sweep.chain.output()) / choice.grid.typical().size().pixels() as f64;
    let computed = account::stage_work(sweep.chain, &choice.grid).into_iter().zip(stages);
    let computed = computed.map(|(pixels, stage)| pixels * tiles * stage.operator.pixel_nanoseconds());
    let read = account::Work::of(sweep.chain, &choice.grid).read * tiles;
    let stored = sweep.chain.sources().map(|source| pixels(source.info())).sum::<f64>();
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

impl Way {
    /// The sweeps, ready to be run one after the other.
    fn planned(self, mut graph: Graph, cuts: Vec<Cut>, means: &Means<'_>) -> Result<Plan> {
        let chosen = cuts.into_iter().enumerate().filter(|(number, _)| self.cuts.contains(number));
        let chosen = chosen.map(|(_, cut)| cut).collect::<Vec<_>>();
        let stored = chosen.iter().map(|cut| cut.bytes).collect::<Vec<_>>();
        let disk = chosen.iter().find_map(|cut| cut.disk);
        let whole = graph.chain.clone();
        let chain = |from: usize| part(&whole, from.checked_sub(1).map(|cut| &chosen[cut]), chosen.get(from));
        let mut chains = (0..=chosen.len()).map(chain).collect::<Vec<_>>();
        let besides = chains.iter().map(|chain| beside(&whole, chain)).collect::<Vec<_>>();
        if let (Some(last), Some(First { graph, .. })) = (chosen.last(), graph.first.as_deref_mut()) {
            graph.chain = part(&graph.chain, Some(last), None);
        }
        drop(std::mem::replace(&mut graph.chain, chains.pop().unwrap_or(whole)));
        let before = chains.into_iter().zip(chosen).map(|(chain, cut)| {
            let purpose = cut.interim.destination.name().to_owned();
            (Graph { chain, destination: cut.interim.destination, first: None, shard: None }, purpose)
        });
        let graphs = before.chain([(graph, "output".to_owned())]);
        let mut plans = Vec::with_capacity(self.choices.len());
        for ((choice, beside), (graph, purpose)) in self.choices.into_iter().zip(besides).zip(graphs) {
            plans.push(Plan { purpose, ..means.planned(graph, beside, choice)? });
        }
        let mut last = plans.pop().ok_or_else(|| Error::bug("a plan of several sweeps has none"))?;
        summarise(&mut last.summary, &plans, &stored, disk);
        let number = |disk: Option<Disk>| disk.map(|disk| disk.number);
        if disk.is_some() && number(disk) == number(last.graph.destination.disk()) {
            let in_last = stored.last().unwrap_or(&0).saturating_add(last.summary.disk_needed_bytes);
            last.summary.disk_needed_bytes = in_last.max(last.summary.scratch_bytes);
        }
        plans.append(&mut last.before);
        Ok(Plan { before: plans, ..last })
    }
}

/// Adds the sweeps that store something to what there is to say of the last: what all read and write together, and the
/// account of the largest.
fn summarise(whole: &mut PlanSummary, before: &[Plan], stored: &[u64], disk: Option<Disk>) {
    // The first input of every sweep but the first is what the one before stored.
    let own_inputs = whole.inputs.split_off(1.min(whole.inputs.len()));
    let own_stages = std::mem::take(&mut whole.stages);
    if let Some(first) = before.first() {
        whole.inputs = first.summary.inputs[..1].to_vec();
        whole.read_factor = first.summary.read_factor;
    }
    for plan in before {
        let sweep = &plan.summary;
        whole.inputs.extend_from_slice(&sweep.inputs[1..]);
        whole.stages.extend_from_slice(&sweep.stages);
        whole.stored.push(StoredSummary::new(sweep, whole.stages.len()));
        if sweep.predicted_peak_bytes > whole.predicted_peak_bytes {
            whole.predicted_peak_bytes = sweep.predicted_peak_bytes;
            whole.account.clone_from(&sweep.account);
        }
        whole.passes += 1;
        whole.read_bytes = whole.read_bytes.saturating_add(sweep.read_bytes);
        whole.write_bytes = whole.write_bytes.saturating_add(sweep.write_bytes);
        for (side, other) in whole.halo.iter_mut().zip(sweep.halo) {
            *side = (*side).max(other);
        }
    }
    whole.inputs.extend(own_inputs);
    whole.stages.extend(own_stages);
    if let Some(last) = stored.last() {
        let notes = std::mem::take(&mut whole.scratch_bytes);
        whole.scratch_bytes = at_once(stored).max(last.saturating_add(notes));
        whole.scratch_free_bytes = disk.map(|disk| disk.free_bytes);
    }
}
