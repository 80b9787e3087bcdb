//! The shift between two rasters: passes over both, planned within the budget, with their spectra on disk.

mod estimate;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use swathe_core::{
    Destination, Error, Operator, Parameters, RasterInfo, Result, Scratch, Size, Source, TileBuffer, Value,
    Window,
};
use swathe_engine::{
    Attempt, Graph, Input, Limits, Observer, Plan, PlanSummary, Report, RunOptions, Stage, Step, Survey,
    resolve, together,
};
use swathe_io::{Interim, InterimDestination, InterimSource};
use swathe_operators::transform::coefficients;
use swathe_operators::transform::columns::ColumnProduct;
use swathe_operators::transform::expansion::RowExpansions;
use swathe_operators::transform::moments::{Level, TaperedMoments};
use swathe_operators::transform::peak::{PeakSearch, Place, bell, parabola, shift_of};
use swathe_operators::transform::registration::{Method, RegistrationOptions, RegistrationSpec, Subpixel};
use swathe_operators::transform::rows::{Extent, RowSpectra, SurfaceRow};
use swathe_operators::transform::surface::SurfaceRows;

use crate::catalogue::Formats;
use crate::job::RunSettings;
use crate::tie_points::ChipRegistration;

/// Two rasters whose shift is wanted, by the method that was asked for.
#[derive(Clone, Debug)]
pub enum Registering {
    /// By correlation of the whole.
    Whole(Registration),
    /// By chips that are looked for one by one.
    Chips(ChipRegistration),
}

impl Registering {
    /// A registration as a person writes it: the parameters of `spec` by name.
    ///
    /// # Errors
    /// Usage, for parameters that make no sense; whatever is wrong with the rasters.
    pub fn new(
        spec: &RegistrationSpec,
        inputs: [Input; 2],
        parameters: &[(String, String)],
        run: RunSettings,
    ) -> Result<Self> {
        let given = parameters.iter().map(|(name, text)| (name.clone(), Value::Text(text.clone())));
        let parameters = Parameters::check(spec.parameters, given)?;
        let pair = Pair::new(inputs, Vec::new(), run)?;
        Ok(match (spec.bind)(&parameters, &pair.infos)? {
            Method::Whole(options) => Registering::Whole(Registration::new(pair, options)),
            Method::Chips(options) => Registering::Chips(ChipRegistration::new(pair, options)),
        })
    }
}

/// Two rasters, or what steps make of them, and how they are swept over.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    inputs: [Input; 2],
    /// What is done with both first.
    steps: Vec<Step>,
    pub(crate) infos: [RasterInfo; 2],
    pub(crate) run: RunSettings,
}

impl Pair {
    pub(crate) fn new(inputs: [Input; 2], steps: Vec<Step>, run: RunSettings) -> Result<Self> {
        let empty = || RasterInfo::new(Size::new(0, 0), 0, swathe_core::SampleType::U8);
        let mut pair = Pair { inputs, steps, infos: [empty(), empty()], run };
        for number in 0..2 {
            let (source, stages) = pair.open(number)?;
            pair.infos[number] =
                stages.last().map_or_else(|| source.info(), |stage| stage.operator.output()).clone();
        }
        Ok(pair)
    }

    /// The same rasters with other steps.
    pub(crate) fn after(&self, steps: Vec<Step>) -> Result<Self> {
        Pair::new(self.inputs.clone(), steps, self.run.clone())
    }

    pub(crate) fn open(&self, number: usize) -> Result<(Box<dyn Source>, Vec<Stage>)> {
        resolve(&self.inputs[number], &self.steps, &Formats::reading(&self.run))
    }

    pub(crate) fn path(&self, number: usize) -> &str {
        &self.inputs[number].path
    }
}

/// Two rasters whose shift is wanted, by correlation of the whole.
#[derive(Clone, Debug)]
pub struct Registration {
    pair: Pair,
    options: RegistrationOptions,
}

/// Where `moved` lies against `reference`: `moved(x + dx, y + dy) = reference(x, y)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    /// Pixels to the east.
    pub dx: f64,
    /// Pixels to the south.
    pub dy: f64,
    /// The same in whole pixels: the surface's peak.
    pub whole: [i64; 2],
    /// The same in units of the reference's map, where it has one.
    pub map: Option<[f64; 2]>,
    /// The surface at its peak: 1 for rasters that only go round.
    pub peak: f64,
    /// The greatest value away from the peak, with its shift.
    pub second: Option<(f64, [i64; 2])>,
    /// The peak in standard deviations of the rest, above its mean.
    pub psr: Option<f64>,
}

/// What was found, and what each pass took.
#[derive(Clone, Debug)]
pub struct RegistrationFindings {
    /// The shift.
    pub shift: Shift,
    /// One report for each pass.
    pub reports: Vec<Report>,
}

/// The spectra on disk, and how they are laid out.
struct Spectra {
    extent: Extent,
    reference: Arc<Interim>,
    moved: Arc<Interim>,
}

/// The block of columns that a spectrum is stored in, in complex numbers: at most, and at least.
const BLOCK_COLUMNS: [usize; 2] = [64, 4];
/// Copies of a block of columns that a worker holds: two to read, one to write, and some to spare.
const BLOCK_COPIES: u64 = 4;

impl Registration {
    pub(crate) fn new(pair: Pair, options: RegistrationOptions) -> Self {
        // The tile size is the passes' own business.
        let run = RunSettings { tile: None, ..pair.run };
        Registration { pair: Pair { run, ..pair }, options }
    }

    /// What the passes take: the account is that of the largest, the bytes are those of all.
    ///
    /// # Errors
    /// As [`crate::plan`].
    pub fn plan(&self) -> Result<PlanSummary> {
        let (passes, all) = Passes::planned(self)?;
        let spectrum = passes.spectra.reference.bytes();
        let (again, sweeps) = match self.options.subpixel {
            Subpixel::Fourier => (2, 7),
            _ => (1, 6),
        };
        let mut summary = all[2].clone();
        summary.inputs = all[..2].iter().flat_map(|pass| pass.inputs.clone()).collect();
        summary.stages = all.iter().flat_map(|pass| pass.stages.clone()).collect();
        summary.passes = sweeps;
        summary.read_bytes = 2 * (all[0].read_bytes + all[1].read_bytes) + (2 + again) * spectrum;
        summary.write_bytes = 3 * spectrum;
        summary.disk_needed_bytes = 2 * spectrum;
        let traffic = (2 + again) * spectrum + summary.write_bytes;
        summary.estimate = Some(estimate::estimate(passes.spectra.extent, summary.threads, traffic)?);
        if let Some(largest) = all.iter().max_by_key(|pass| pass.predicted_peak_bytes) {
            summary.predicted_peak_bytes = largest.predicted_peak_bytes;
            summary.account.clone_from(&largest.account);
        }
        Ok(summary)
    }

    /// Finds the shift.
    ///
    /// # Errors
    /// As [`swathe_engine::Plan::run`]; Limit, where the scratch folder's disk is too small; Unsupported, where a raster
    /// shows nothing or holds infinite values.
    pub fn find(&self, observer: &dyn Observer, cancel: &AtomicBool) -> Result<RegistrationFindings> {
        // A budget that does not hold a later pass is refused before the first.
        let (passes, _) = Passes::planned(self)?;
        let mut run = Running {
            observer,
            cancel,
            passes: if self.options.subpixel == Subpixel::Fourier { 7 } else { 6 },
            reports: Vec::new(),
        };
        passes.reserve()?;
        let levels = [passes.level(0, &mut run)?, passes.level(1, &mut run)?];
        for (number, level) in levels.into_iter().enumerate() {
            run.plan("rows", passes.rows(number, level)??)?;
        }
        run.plan("columns", passes.columns()??)?;
        let search = passes.search();
        let rows = run.survey("peak", passes.surface()??)?;
        let Some(peak) = search.peak(&rows) else {
            return Err(Error::bug("a correlation surface without a greatest value"));
        };
        let mut around = passes.surface_rows(&search.rows_around(peak))?;
        let beside = search.surroundings(&rows, peak, &around);
        // The last pass has not counted on them.
        drop(rows);
        let height = self.options.padded.height;
        around.retain(|(y, _)| [height - 1, 0, 1].into_iter().any(|offset| (peak.y + offset) % height == *y));
        let [dx, dy] = passes.between(peak, &around, &mut run)?;
        let size = self.options.padded;
        let whole = |place: Place| [shift_of(place.x, size.width), shift_of(place.y, size.height)];
        let [x, y] = whole(peak);
        let (dx, dy) = (x as f64 + dx, y as f64 + dy);
        let transform = self.pair.infos[0].georeferencing.transform;
        Ok(RegistrationFindings {
            shift: Shift {
                dx,
                dy,
                whole: [x, y],
                map: transform.map(|transform| {
                    let ((x0, y0), (x1, y1)) = (transform.apply(0.0, 0.0), transform.apply(dx, dy));
                    [x1 - x0, y1 - y0]
                }),
                peak: f64::from(peak.value),
                second: beside.second.map(|place| (f64::from(place.value), whole(place))),
                psr: beside.psr,
            },
            reports: run.reports,
        })
    }
}

/// Runs passes one after the other.
struct Running<'a> {
    observer: &'a dyn Observer,
    cancel: &'a AtomicBool,
    passes: u64,
    reports: Vec<Report>,
}

impl Running<'_> {
    fn begin(&self, what: &str) {
        self.observer.pass_begins(self.reports.len() as u64 + 1, self.passes, what);
    }

    fn plan(&mut self, what: &str, plan: Plan) -> Result<()> {
        self.begin(what);
        self.reports.push(plan.run(self.observer, self.cancel)?);
        Ok(())
    }

    fn survey<R: swathe_core::Reduction>(&mut self, what: &str, survey: Survey<R>) -> Result<R::Partial> {
        self.begin(what);
        let (partial, report) = survey.run(self.observer, self.cancel)?;
        self.reports.push(report);
        Ok(partial)
    }
}

/// The passes of a registration, each to be planned and run.
struct Passes<'a> {
    registration: &'a Registration,
    options: RunOptions,
    limits: Limits,
    spectra: Spectra,
}

impl<'a> Passes<'a> {
    /// With the widest blocks of the spectra that the budget holds, and the plans of those passes that take most.
    ///
    /// # Errors
    /// As [`crate::plan`]; Limit, where the budget does not hold the narrowest blocks.
    fn planned(registration: &'a Registration) -> Result<(Self, Vec<PlanSummary>)> {
        let (options, limits) = (registration.pair.run.options()?, Limits::detect());
        let budget = options.memory_bytes.unwrap_or_else(|| limits.default_budget_bytes());
        let workers = options.threads.unwrap_or(limits.cpus).max(1) as u64;
        let column_bytes =
            (size_of::<f32>() * 2 * registration.options.padded.height) as u64 * BLOCK_COPIES * workers;
        let most = usize::try_from(budget / 2 / column_bytes.max(1)).unwrap_or(usize::MAX);
        let mut block = (1 << most.max(1).ilog2()).clamp(BLOCK_COLUMNS[1], BLOCK_COLUMNS[0]);
        loop {
            let passes = Passes::new(registration, options.clone(), limits, block)?;
            match passes.largest()? {
                Ok(plans) => return Ok((passes, plans)),
                Err(short) if block == BLOCK_COLUMNS[1] => return Err(short.into()),
                Err(_) => block /= 2,
            }
        }
    }

    fn new(
        registration: &'a Registration,
        options: RunOptions,
        limits: Limits,
        block: usize,
    ) -> Result<Self> {
        let Size { width, .. } = registration.options.padded;
        let stored = coefficients(width).next_multiple_of(block);
        let extent = Extent { padded: registration.options.padded, stored };
        let writeback = Formats::writeback(&limits);
        let interim = |name: &str| {
            let folder = registration.pair.run.scratch_folder();
            Interim::new(name, extent.info(), 2 * block, folder, writeback)
        };
        let spectra =
            Spectra { extent, reference: interim("reference spectrum")?, moved: interim("moved spectrum")? };
        Ok(Passes { registration, options, limits, spectra })
    }

    /// Makes sure of the disk before anything is computed.
    fn reserve(&self) -> Result<()> {
        let Spectra { reference, moved, .. } = &self.spectra;
        let needed = reference.bytes().saturating_add(moved.bytes());
        if let Some(free) = reference.disk().map(|disk| disk.free_bytes).filter(|&free| free < needed) {
            return Err(Error::limit(format!(
                "the spectra of both rasters need {} MiB in the scratch folder `{}`, and {} MiB are free there; \
                 `--scratch DIR` names another",
                needed.div_ceil(1 << 20),
                self.registration.pair.run.scratch_folder().display(),
                free >> 20
            )));
        }
        reference.reserve()?;
        moved.reserve()
    }

    fn interim(&self, number: usize) -> Arc<Interim> {
        let Spectra { reference, moved, .. } = &self.spectra;
        Arc::clone(if number == 0 { reference } else { moved })
    }

    fn level(&self, number: usize, run: &mut Running<'_>) -> Result<Level> {
        let RegistrationOptions { policy, taper, demean, .. } = self.registration.options;
        let pair = &self.registration.pair;
        let moments = || TaperedMoments::new(&pair.infos[number], policy, taper);
        let (source, stages) = pair.open(number)?;
        let survey = Survey::new(source, stages, ("mean", moments()), &self.options, &self.limits)?;
        let level = moments().level(&run.survey("mean", survey)?, demean);
        let path = pair.path(number);
        if !level.energy.is_finite() {
            return Err(Error::unsupported(format!("`{path}` holds infinite values, which match nothing")));
        }
        if level.energy <= 0.0 {
            return Err(Error::unsupported(format!(
                "`{path}` has the same value everywhere, so that nothing can be matched"
            )));
        }
        Ok(level)
    }

    /// The plans of the passes that write spectra and of the one that looks for the peak, which take more than the rest.
    fn largest(&self) -> Result<Attempt<Vec<PlanSummary>>> {
        let level = Level { mean: 0.0, energy: 1.0 };
        let writing = [self.rows(0, level)?, self.rows(1, level)?, self.columns()?];
        let writing = writing.map(|attempt| attempt.map(|plan| plan.summary().clone()));
        let surface = self.surface()?.map(|survey| survey.summary().clone());
        Ok(together(writing.into_iter().chain([surface])))
    }

    fn rows(&self, number: usize, level: Level) -> Result<Attempt<Plan>> {
        let RegistrationOptions { policy, taper, .. } = self.registration.options;
        let pair = &self.registration.pair;
        let operator = RowSpectra::new(&pair.infos[number], policy, taper, level, self.spectra.extent);
        let (source, mut stages) = pair.open(number)?;
        stages.push(stage("rows to spectra", operator, Vec::new()));
        self.writing(source, stages, InterimDestination::by_rows(self.interim(number)))
    }

    fn columns(&self) -> Result<Attempt<Plan>> {
        let operator = ColumnProduct::new(self.registration.options.correlation, self.spectra.extent);
        let with: Vec<Box<dyn Source>> = vec![Box::new(InterimSource(self.interim(1)))];
        let stage = stage("columns to product", operator, with);
        let source = Box::new(InterimSource(self.interim(0)));
        self.writing(source, vec![stage], InterimDestination::by_columns(self.interim(0)))
    }

    fn writing(
        &self,
        source: Box<dyn Source>,
        stages: Vec<Stage>,
        destination: impl Destination + 'static,
    ) -> Result<Attempt<Plan>> {
        Plan::attempt(Graph::new(source, stages, Box::new(destination)), &self.options, &self.limits)
    }

    fn search(&self) -> PeakSearch {
        let RegistrationOptions { padded, greatest_shift, .. } = self.registration.options;
        PeakSearch::new(padded, greatest_shift)
    }

    fn surface(&self) -> Result<Attempt<Survey<PeakSearch>>> {
        let stage = stage("product to surface", SurfaceRows::new(self.spectra.extent), Vec::new());
        let source = Box::new(InterimSource(self.interim(0)));
        Survey::attempt(source, vec![stage], ("peak", self.search()), &self.options, &self.limits)
    }

    /// Some rows of the surface.
    fn surface_rows(&self, rows: &[usize]) -> Result<Vec<(usize, Vec<f32>)>> {
        let source = InterimSource(self.interim(0));
        let transform = SurfaceRow::new(self.spectra.extent);
        let width = source.info().size.width;
        let mut tile = TileBuffer::new(Window::new(0, 0, width, 1), source.info().kind());
        let mut scratch = Scratch::with_capacity(source.scratch_bytes(Size::new(width, 1)));
        let mut found = Vec::with_capacity(rows.len());
        for &y in rows {
            tile.reset(Window::new(0, y as i64, width, 1), source.info().kind());
            source.read(&mut tile.view_mut(), &mut scratch.frame())?;
            found.push((y, transform.of(tile.view().row::<f32>(0, 0))?));
        }
        Ok(found)
    }

    /// Where the summit is, from the peak.
    fn between(&self, peak: Place, around: &[(usize, Vec<f32>)], run: &mut Running<'_>) -> Result<[f64; 2]> {
        let Size { width, height } = self.registration.options.padded;
        let at = |x: usize, y: usize| {
            let row = around.iter().find(|(row, _)| *row == y % height);
            row.map_or(peak.value, |(_, values)| values[x % width])
        };
        let along_x = [peak.x + width - 1, peak.x, peak.x + 1].map(|x| at(x, peak.y));
        let along_y = [peak.y + height - 1, peak.y, peak.y + 1].map(|y| at(peak.x, y));
        let near = [parabola(along_x), parabola(along_y)];
        match self.registration.options.subpixel {
            Subpixel::None => Ok([0.0, 0.0]),
            Subpixel::Parabola => Ok(near),
            Subpixel::Gauss => Ok([bell(along_x), bell(along_y)]),
            Subpixel::Fourier => {
                let expansions = || RowExpansions::new(self.spectra.extent, peak.x as f64 + near[0]);
                let source = Box::new(InterimSource(self.interim(0)));
                let survey =
                    Survey::new(source, Vec::new(), ("summit", expansions()), &self.options, &self.limits)?;
                let summit = expansions().summit(&run.survey("summit", survey)?, peak.y as f64 + near[1]);
                let found = [near[0] + summit.x, near[1] + summit.y];
                // A peak at the greatest shift that counts is none; what lies beyond is not followed.
                Ok(if found.iter().all(|offset| offset.abs() <= 1.0) { found } else { near })
            }
        }
    }
}

pub(crate) fn stage(name: &str, operator: impl Operator + 'static, with: Vec<Box<dyn Source>>) -> Stage {
    Stage { name: name.to_owned(), operator: Box::new(operator), with }
}
