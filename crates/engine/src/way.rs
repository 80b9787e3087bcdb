//! A chain cut in places that were chosen: its sweeps one after the other, with what is between them stored.

use std::ops::Range;
use std::sync::Arc;

use swathe_core::{Disk, Error, RasterInfo, Result, Source, Window};

use crate::both_ways::InterimRaster;
use crate::means::{Choice, Means};
use crate::pipeline::{Chain, First, Graph};
use crate::plan::Plan;
use crate::report::{PlanSummary, PreparationSummary, StoredSummary};
use crate::windows;

/// Makes a raster between two sweeps, of which these rows are written and read; the name says what it is.
pub type Store<'a> = &'a dyn Fn(&str, RasterInfo, Range<usize>) -> Result<InterimRaster>;

/// A place between two operators where the chain can be cut.
pub(crate) struct Cut {
    /// How many operators come before it.
    pub(crate) stages: usize,
    /// The rows that are stored, where they are not all.
    pub(crate) band: Option<Window>,
    pub(crate) bytes: u64,
    pub(crate) disk: Option<Disk>,
    pub(crate) interim: InterimRaster,
}

impl Cut {
    /// The chain of a graph cut behind so many operators each; behind the first `whole` ones, all rows are stored even for a shard.
    pub(crate) fn all(graph: &Graph, places: &[usize], whole: usize, store: Store<'_>) -> Result<Vec<Self>> {
        let bands = bands(graph);
        let cut = |&stages: &usize| {
            let last = &graph.chain.stages[stages - 1];
            let info = last.operator.output().clone();
            let band = bands.get(stages - 1).copied().flatten().filter(|_| stages > whole);
            let rows = band.map_or(0..info.size.height, |band| band.y as usize..band.y_end() as usize);
            let interim = store(&format!("what `{}` makes", last.name), info, rows)?;
            let (bytes, disk) = (interim.destination.file_bytes(), interim.destination.disk());
            Ok(Cut { stages, band, bytes, disk, interim })
        };
        places.iter().map(cut).collect()
    }
}

/// The rows of each operator's result that a shard of the output depends on; nothing where the output is computed as a whole.
fn bands(graph: &Graph) -> Vec<Option<Window>> {
    if graph.shard.is_none() {
        return Vec::new();
    }
    let (rows, raster) = (graph.sweep().rows(), graph.output().window());
    let own = Window::new(0, rows.start as i64, raster.width, rows.len());
    let shown = own.grow(graph.destination.margin()).intersect(raster);
    let stages = windows::needed(&graph.chain, shown).into_iter().zip(&graph.chain.stages);
    let band = stages.map(|(needed, stage)| {
        let windows = needed.outputs.iter().filter(|window| !window.is_empty());
        let rows = windows.map(|window| (window.y, window.y_end()));
        let (first, end) = rows.reduce(|rows, other| (rows.0.min(other.0), rows.1.max(other.1)))?;
        let raster = stage.operator.output().window();
        let band = Window::between(0, first, raster.x_end(), end).intersect(raster);
        (band != raster && !band.is_empty()).then_some(band)
    });
    band.collect()
}

/// The part of a chain between two places, which are ends or cuts.
pub(crate) fn part(chain: &Chain, from: Option<&Cut>, to: Option<&Cut>) -> Chain {
    let (start, end) = (from.map_or(0, |cut| cut.stages), to.map_or(chain.stages.len(), |cut| cut.stages));
    let source: &Arc<dyn Source> = from.map_or(&chain.source, |cut| &cut.interim.source);
    chain.part(source, start..end)
}

/// Bytes of tables of a chain that a part of it does not count.
pub(crate) fn beside(chain: &Chain, part: &Chain) -> u64 {
    chain.resident_bytes().saturating_sub(part.resident_bytes())
}

/// The most that lies in the scratch folder at once, of rasters that are stored one after the other: what a sweep reads and
/// what it writes.
pub(crate) fn at_once(stored: &[u64]) -> u64 {
    let pairs = stored.windows(2).map(|pair| pair[0].saturating_add(pair[1]));
    pairs.chain(stored.iter().copied()).max().unwrap_or(0)
}

/// Where a chain is cut, and how its parts are run: one more of these than of cuts.
pub(crate) struct Way {
    pub(crate) cuts: Vec<usize>,
    pub(crate) choices: Vec<Choice>,
    /// The sweeps that learn something.
    pub(crate) learned: Vec<PreparationSummary>,
}

impl Way {
    /// The sweeps, ready to be run one after the other where nothing has to be learned first.
    pub(crate) fn planned(self, mut graph: Graph, cuts: Vec<Cut>, means: &Means<'_>) -> Result<Plan> {
        let chosen = cuts.into_iter().enumerate().filter(|(number, _)| self.cuts.contains(number));
        let chosen = chosen.map(|(_, cut)| cut).collect::<Vec<_>>();
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
            (Graph { band: cut.band, ..Graph::over(chain, cut.interim.destination) }, purpose)
        });
        let graphs = before.chain([(graph, "output".to_owned())]);
        let mut plans = Vec::with_capacity(self.choices.len());
        for ((choice, beside), (graph, purpose)) in self.choices.into_iter().zip(besides).zip(graphs) {
            plans.push(Plan { purpose, ..means.planned(graph, beside, choice)? });
        }
        let mut last = plans.pop().ok_or_else(|| Error::bug("a plan of several sweeps has none"))?;
        let stores = plans.iter().map(|plan| plan.summary.clone()).collect::<Vec<_>>();
        last.summary.follow(&stores, disk.map(|disk| disk.free_bytes));
        let number = |disk: Option<Disk>| disk.map(|disk| disk.number);
        if disk.is_some() && number(disk) == number(last.graph.destination.disk()) {
            let stored = stores.last().map_or(0, |store| store.write_bytes);
            let in_last = stored.saturating_add(last.summary.disk_needed_bytes);
            last.summary.disk_needed_bytes = in_last.max(last.summary.scratch_bytes);
        }
        plans.append(&mut last.before);
        Ok(Plan { before: plans, ..last })
    }
}

impl PlanSummary {
    /// Adds sweeps that store something before: what all read and write together, and the account of the largest.
    pub(crate) fn follow(&mut self, stores: &[PlanSummary], free_bytes: Option<u64>) {
        let Some(first) = stores.first() else { return };
        // The first input of every sweep but the first is what the one before stored.
        let own_inputs = self.inputs.split_off(1.min(self.inputs.len()));
        let (own_stages, own_stored) = (std::mem::take(&mut self.stages), std::mem::take(&mut self.stored));
        self.inputs = first.inputs[..1].to_vec();
        self.read_factor = first.read_factor;
        for sweep in stores {
            self.inputs.extend_from_slice(&sweep.inputs[1..]);
            self.stages.extend_from_slice(&sweep.stages);
            self.stored.push(StoredSummary::new(sweep, self.stages.len()));
            if sweep.predicted_peak_bytes > self.predicted_peak_bytes {
                self.predicted_peak_bytes = sweep.predicted_peak_bytes;
                self.account.clone_from(&sweep.account);
            }
            self.passes += 1;
            self.read_bytes = self.read_bytes.saturating_add(sweep.read_bytes);
            self.write_bytes = self.write_bytes.saturating_add(sweep.write_bytes);
            for (side, other) in self.halo.iter_mut().zip(sweep.halo) {
                *side = (*side).max(other);
            }
        }
        // Beside what is stored last lie the notes of a sweep from the bottom to the top.
        let last = if own_stored.is_empty() { stores.last().map_or(0, |sweep| sweep.write_bytes) } else { 0 };
        let before = self.stages.len() as u64;
        self.stored.extend(
            own_stored.into_iter().map(|stored| StoredSummary { stages: stored.stages + before, ..stored }),
        );
        self.inputs.extend(own_inputs);
        self.stages.extend(own_stages);
        let stored = self.stored.iter().map(|stored| stored.bytes).collect::<Vec<_>>();
        self.scratch_bytes = at_once(&stored).max(last.saturating_add(self.scratch_bytes));
        self.scratch_free_bytes = free_bytes;
    }
}
