//! Tie points between two rasters: chips of one looked for in the other, in one sweep within the budget, and what they agree on.

mod canvas;
mod picture;
mod table;

use std::sync::atomic::AtomicBool;

use swathe_core::{Error, GeoTransform, Parameters, Result, Size, Value};
use swathe_engine::{Limits, Observer, PlanSummary, Report, Step, Survey};
use swathe_operators::matching::fit::{Displacement, Fit, Motion, fit};
use swathe_operators::matching::matcher::ChipMatcher;
use swathe_operators::matching::options::Initial;
use swathe_operators::matching::{ChipOptions, Gathering, Model, Outcome, TiePoint};
use swathe_operators::transform::registration::{Method, REGISTER};

use crate::registration::{Pair, Registration, stage};

/// Two rasters whose shift is wanted, by chips.
#[derive(Clone, Debug)]
pub struct ChipRegistration {
    pair: Pair,
    options: ChipOptions,
}

/// A chip of the reference that was found in the moved raster.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tie {
    /// Its middle in the reference, in pixels from the outer corner of the first one.
    pub at: [f64; 2],
    /// How far it has moved, in pixels: `moved(x + dx, y + dy) = reference(x, y)`.
    pub by: [f64; 2],
    /// Its middle on the map, by the reference's georeferencing, where there is one.
    pub map: Option<[f64; 2]>,
    /// Where it was found on the map, by the moved raster's georeferencing, or else the reference's.
    pub moved_map: Option<[f64; 2]>,
    /// The normalised correlation, -1 to 1.
    pub correlation: f64,
    /// The greatest other maximum of the search, where there is one.
    pub second: Option<f64>,
    /// The standard deviation along an axis that noise explains, in pixels, where it can be told.
    pub sigma: Option<f64>,
    /// What the fitted motion leaves, in pixels.
    pub residual: [f64; 2],
    /// Whether it agrees with the fitted motion.
    pub inlier: bool,
}

/// What chips found.
#[derive(Clone, Debug)]
pub struct TiePoints {
    /// Those that were found, row by row.
    pub ties: Vec<Tie>,
    /// How many chips had each outcome.
    pub outcomes: Vec<(Outcome, usize)>,
    /// The shift around which was searched, in pixels.
    pub initial: [i64; 2],
    /// What was fitted: an affine map needs three points that are not on a line.
    pub model: Model,
    /// The motion that most agree on.
    pub motion: Motion,
    /// The same in the middle of the reference, in pixels.
    pub shift: [f64; 2],
    /// The same in units of the reference's map, where it has one.
    pub map: Option<[f64; 2]>,
    /// How many agree.
    pub inliers: usize,
    /// Root of the mean squared residual of those that agree, in pixels.
    pub rmse: f64,
    /// The EPSG code of the reference's coordinates, where its georeferencing names one.
    pub epsg: Option<u16>,
    /// One report for each pass.
    pub reports: Vec<Report>,
}

/// Pixels of the copies whose shift tells where to search.
const COARSE_PIXELS: usize = 1 << 22;
/// Columns and rows of the pixels that a tile of chips is to cover: few enough for the processor's cache.
const TILE_SIDE: usize = 1024;

impl ChipRegistration {
    pub(crate) fn new(pair: Pair, options: ChipOptions) -> Self {
        ChipRegistration { pair, options }
    }

    /// What the sweep takes; where the initial shift is looked for first, with the passes and the disk of that.
    ///
    /// # Errors
    /// As [`crate::plan`].
    pub fn plan(&self) -> Result<PlanSummary> {
        let mut summary = self.sweep(self.given())?.summary().clone();
        if let Some((coarse, _)) = self.coarse()? {
            let first = coarse.plan()?;
            summary.passes += first.passes;
            summary.read_bytes += first.read_bytes;
            summary.write_bytes += first.write_bytes;
            summary.disk_needed_bytes = first.disk_needed_bytes;
            summary.disk_free_bytes = first.disk_free_bytes;
            if first.predicted_peak_bytes > summary.predicted_peak_bytes {
                summary.predicted_peak_bytes = first.predicted_peak_bytes;
                summary.account = first.account;
            }
        }
        Ok(summary)
    }

    /// Finds tie points, and the motion that most of them agree on.
    ///
    /// # Errors
    /// As [`swathe_engine::Plan::run`]; Unsupported, where not one chip was found, with what became of them.
    pub fn find(&self, observer: &dyn Observer, cancel: &AtomicBool) -> Result<TiePoints> {
        let (initial, mut reports) = match self.coarse()? {
            None => (self.given(), Vec::new()),
            Some((coarse, ratio)) => {
                let found = coarse.find(observer, cancel)?;
                let whole = |by: f64, ratio: f64| (by * ratio).round() as i64;
                ([whole(found.shift.dx, ratio[0]), whole(found.shift.dy, ratio[1])], found.reports)
            }
        };
        let survey = self.sweep(initial)?;
        if !reports.is_empty() {
            let pass = reports.len() as u64 + 1;
            observer.pass_begins(pass, pass, "chips");
        }
        let (gathered, report) = survey.run(observer, cancel)?;
        reports.push(report);
        self.agree(&self.gathering().points(gathered), initial, reports)
    }

    /// The initial shift as far as it was given.
    fn given(&self) -> [i64; 2] {
        match self.options.initial {
            Initial::Shift(shift) => shift,
            Initial::Fft => [0, 0],
        }
    }

    /// The registration of smaller copies, and how many pixels one of theirs is, where the initial shift is looked for.
    fn coarse(&self) -> Result<Option<(Registration, [f64; 2])>> {
        if self.options.initial != Initial::Fft {
            return Ok(None);
        }
        let Size { width, height } = self.pair.infos[0].size;
        let pixels = self.pair.infos.iter().map(|info| info.size.pixels()).max().unwrap_or(0);
        let factor = (pixels as f64 / COARSE_PIXELS as f64).sqrt();
        let mut steps = Vec::new();
        if factor > 1.0 {
            let given = [("scale", (1.0 / factor).to_string()), ("method", "average".to_owned())];
            let parameters = given.map(|(name, value)| (name.to_owned(), value)).into();
            steps.push(Step { operator: "resize".into(), parameters, with: Vec::new() });
        }
        let pair = self.pair.after(steps)?;
        let pad = if pair.infos[0].size == pair.infos[1].size { "none" } else { "linear" };
        let given = [("pad".to_owned(), Value::Text(pad.to_owned()))];
        let Method::Whole(options) =
            (REGISTER.bind)(&Parameters::check(REGISTER.parameters, given)?, &pair.infos)?
        else {
            return Err(Error::bug("the whole is not registered as a whole"));
        };
        let small = pair.infos[0].size;
        let ratio = [width as f64 / small.width as f64, height as f64 / small.height as f64];
        Ok(Some((Registration::new(pair, options), ratio)))
    }

    fn gathering(&self) -> Gathering {
        Gathering { count: self.options.grid.count }
    }

    fn sweep(&self, initial: [i64; 2]) -> Result<Survey<Gathering>> {
        let [reference, moved] = &self.pair.infos;
        let (mut options, limits) = (self.pair.run.options()?, Limits::detect());
        // Where chips are far apart, what lies between them is not read.
        let grid = self.options.grid;
        let needed = grid.chip + 2 * self.options.search;
        let side = if grid.spacing > 2 * needed { 1 } else { (TILE_SIDE / grid.spacing).max(1) };
        options.tile.get_or_insert(Size::new(side, side));
        let operator = ChipMatcher::new(self.options, initial, reference, moved);
        let ((source, mut stages), (with, _)) = (self.pair.open(0)?, self.pair.open(1)?);
        stages.push(stage("chips", operator, vec![with]));
        Survey::new(source, stages, ("tie points", self.gathering()), &options, &limits)
    }

    /// What the chips agree on.
    fn agree(&self, points: &[TiePoint], initial: [i64; 2], reports: Vec<Report>) -> Result<TiePoints> {
        let outcomes: Vec<(Outcome, usize)> = Outcome::ALL
            .into_iter()
            .map(|outcome| (outcome, points.iter().filter(|point| point.outcome == outcome).count()))
            .collect();
        let matched: Vec<&TiePoint> =
            points.iter().filter(|point| point.outcome == Outcome::Matched).collect();
        let displacements: Vec<Displacement> = matched
            .iter()
            .map(|point| Displacement {
                at: self.options.grid.middle(point.chip[0] as i64, point.chip[1] as i64),
                by: [point.dx, point.dy],
            })
            .collect();
        let affine = || fit(&displacements, Model::Affine).map(|fit| (Model::Affine, fit));
        let shift = || fit(&displacements, Model::Shift).map(|fit| (Model::Shift, fit));
        let found = if self.options.model == Model::Affine { affine().or_else(shift) } else { shift() };
        let Some((model, Fit { motion, inliers, inlier_count, rmse })) = found else {
            return Err(self.nothing(points.len(), &outcomes));
        };
        let [reference, moved] = &self.pair.infos;
        let transform = reference.georeferencing.transform;
        let place = |transform: GeoTransform, [x, y]: [f64; 2]| {
            let (x, y) = transform.apply(x, y);
            [x, y]
        };
        let known = |value: f64| (!value.is_nan()).then_some(value);
        let ties = matched.iter().zip(&displacements).zip(inliers).map(|((point, displacement), inlier)| {
            let Displacement { at, by } = *displacement;
            Tie {
                at,
                by,
                map: transform.map(|transform| place(transform, at)),
                moved_map: moved
                    .georeferencing
                    .transform
                    .or(transform)
                    .map(|transform| place(transform, [at[0] + by[0], at[1] + by[1]])),
                correlation: point.correlation,
                second: known(point.second),
                sigma: known(point.sigma),
                residual: motion.residual(displacement),
                inlier,
            }
        });
        let middle = [reference.size.width as f64 / 2.0, reference.size.height as f64 / 2.0];
        let shift = motion.at(middle);
        Ok(TiePoints {
            ties: ties.collect(),
            outcomes,
            initial,
            model,
            motion,
            shift,
            map: transform.map(|transform| {
                let ([x0, y0], [x1, y1]) = (place(transform, [0.0; 2]), place(transform, shift));
                [x1 - x0, y1 - y0]
            }),
            inliers: inlier_count,
            rmse,
            epsg: reference.georeferencing.keys.as_ref().and_then(|keys| keys.epsg()),
            reports,
        })
    }

    fn nothing(&self, chips: usize, outcomes: &[(Outcome, usize)]) -> Error {
        let [reference, moved] = [0, 1].map(|number| self.pair.path(number));
        let says = |(outcome, count): &(Outcome, usize)| {
            let words = match outcome {
                Outcome::Matched => return None,
                Outcome::Outside => "lie outside of the moved raster (`--initial` says where to search)",
                Outcome::Missing => "have too few pixels with data in both (`--min-valid`)",
                Outcome::Flat => "have the same value everywhere",
                Outcome::Border => "match best where the search ends (`--search`, `--initial`)",
                Outcome::Weak => "match nothing well enough (`--min-correlation`)",
            };
            (*count > 0).then(|| format!("{count} {words}"))
        };
        let reasons = outcomes.iter().filter_map(says).collect::<Vec<_>>().join(", ");
        Error::unsupported(format!(
            "none of {chips} chips of `{reference}` was found in `{moved}`: {reasons}"
        ))
    }
}
