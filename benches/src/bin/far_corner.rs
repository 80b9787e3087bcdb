//! The last pixel of an accumulation or integral whose raster is larger than the disk: everything is computed within the budget,
//! and all but the far corner forgotten where the output would be written.
//!
//! `far_corner FILE BUDGET OPERATOR [NAME=VALUE ...]`, such as `far_corner scene.tif 256MiB accumulate axis=y`, prints the corner, the
//! predicted and the measured peak, and seconds of wall and CPU time.

#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use swathe::{Formats, parse_bytes};
use swathe_core::{
    Destination, Disk, Error, Footprint, Frame, Journal, Operator, RasterInfo, Result, Sample, Scalar, Sink,
    Size, Source, TileView, with_sample,
};
use swathe_engine::{
    Catalogue, Graph, Input, JOB_VERSION, Limits, MakeInterim, Output, Pipeline, Plan, RunOptions, Scanner,
    Step,
};

/// The last pixel, once it was written.
type Corner = Arc<Mutex<Option<Scalar>>>;

/// Every operator and format there is, and one output.
struct Forgetting {
    formats: Formats,
    corner: Corner,
}

impl Catalogue for Forgetting {
    fn open(&self, input: &Input) -> Result<Box<dyn Source>> {
        self.formats.open(input)
    }

    fn operator(&self, step: &Step, inputs: &[RasterInfo]) -> Result<Box<dyn Operator>> {
        self.formats.operator(step, inputs)
    }

    fn is_scan(&self, step: &Step) -> bool {
        self.formats.is_scan(step)
    }

    fn scan(&self, step: &Step, input: &RasterInfo, output: &Output) -> Result<Scanner> {
        self.formats.scan(step, input, output)
    }

    fn interim(&self, name: &str, block_columns: usize) -> MakeInterim {
        self.formats.interim(name, block_columns)
    }

    fn destination(&self, _output: &Output, info: &RasterInfo) -> Result<Box<dyn Destination>> {
        Ok(Box::new(Forgotten { size: info.size, corner: Arc::clone(&self.corner) }))
    }
}

/// An output of which one pixel is kept.
struct Forgotten {
    size: Size,
    corner: Corner,
}

impl Destination for Forgotten {
    fn name(&self) -> &str {
        "the far corner"
    }

    fn block(&self) -> Size {
        Size::new(256, 256)
    }

    fn whole_blocks(&self) -> bool {
        false
    }

    fn file_bytes(&self) -> u64 {
        0
    }

    fn disk(&self) -> Option<Disk> {
        None
    }

    fn resident_bytes(&self, _workers: usize) -> usize {
        0
    }

    fn scratch_bytes(&self, _tile: Size) -> usize {
        0
    }

    fn mapped_bytes(&self, _tile: Size) -> usize {
        0
    }

    fn method(&self) -> String {
        "forgetting".into()
    }

    fn create(self: Box<Self>) -> Result<Box<dyn Sink>> {
        Ok(self)
    }
}

impl Sink for Forgotten {
    fn write(
        &self,
        _sequence: u64,
        tile: &TileView<'_>,
        _scratch: &mut Frame<'_>,
        _footprint: &mut Footprint,
    ) -> Result<()> {
        let window = tile.window();
        if (window.x_end(), window.y_end()) == (self.size.width as i64, self.size.height as i64) {
            let last = with_sample!(tile.sample_type(), T => {
                tile.row::<T>(0, window.height - 1).last().map(|sample| sample.to_scalar())
            });
            *self.corner.lock().unwrap_or_else(PoisonError::into_inner) = last;
        }
        Ok(())
    }

    fn cancel(&self) {}

    fn stored_bytes_written(&self) -> u64 {
        0
    }

    fn finish(self: Box<Self>, _flush: bool, _journal: Option<&dyn Journal>) -> Result<u64> {
        Ok(0)
    }
}

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [file, budget, operator, parameters @ ..] = words.as_slice() else {
        return Err(Error::usage("far_corner FILE BUDGET OPERATOR [NAME=VALUE ...]"));
    };
    let parameters: Vec<(String, String)> = parameters
        .iter()
        .map(|word| {
            let (name, value) = word.split_once('=').unwrap_or((word, "true"));
            (name.to_owned(), value.to_owned())
        })
        .collect();
    let pipeline = Pipeline {
        version: JOB_VERSION,
        read: Input { path: file.clone(), options: BTreeMap::new() },
        steps: vec![Step {
            operator: operator.clone(),
            parameters: parameters.into_iter().collect(),
            with: Vec::new(),
        }],
        write: Output::default(),
    };
    let corner = Corner::default();
    let catalogue = Forgetting { formats: Formats::default(), corner: Arc::clone(&corner) };
    let options = RunOptions { memory_bytes: Some(parse_bytes(budget)?), ..RunOptions::default() };
    let plan = Plan::new(Graph::resolve(&pipeline, &catalogue)?, &options, &Limits::detect())?;
    let predicted = plan.summary().predicted_peak_bytes;
    let report = plan.run(&(), &AtomicBool::new(false))?;
    let last = *corner.lock().unwrap_or_else(PoisonError::into_inner);
    println!(
        "{}: last pixel {last:?}; peak {} KiB, foreseen {} KiB; {:.1} s, {:.1} CPU s",
        words[2..].join(" "),
        report.measured_peak_bytes.unwrap_or(0) >> 10,
        predicted >> 10,
        report.wall_seconds,
        report.cpu_seconds
    );
    Ok(())
}
