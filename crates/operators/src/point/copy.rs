//! `copy`: the same pixels; some of the bands, a part of the raster.
//!
//! *Formula*: `out(x, y, i) = in(x + X, y + Y, bands[i])`, with `(X, Y)` the window's first pixel.
//! *Units*: those of the input. *Halo*: none. *Boundary*: none; a window must lie inside the raster.
//! *Types*: any; samples are copied bit for bit. *Nodata*: nodata value and mask go along.
//! *Cost per pixel*: one copy. *Source*: `gdal_translate -b -srcwin`. *Agrees with*: it, exactly.
//!
//! ```
//! use swathe_core::{Parameters, RasterInfo, SampleType, Scratch, Size, TileBuffer, Value, Window};
//!
//! let spec = swathe_operators::find("copy").unwrap();
//! let parameters = Parameters::check(spec.parameters, [("window".to_string(), Value::Text("1,0,2,2".into()))])?;
//! let info = RasterInfo::new(Size::new(4, 2), 1, SampleType::U8);
//! let operator = (spec.bind)(&parameters, &[info.clone()])?;
//! let window = Window::new(0, 0, 2, 2);
//! # let mut input = TileBuffer::new(operator.need(0, window), info.kind());
//! for (y, row) in [[2_u8, 3], [6, 7]].iter().enumerate() {
//!     input.view_mut().row_mut(0, y).copy_from_slice(row);
//! }
//! # let mut output = TileBuffer::new(window, operator.output().kind());
//! # let mut scratch = Scratch::with_capacity(operator.scratch_bytes(window.size()));
//! operator.process(&[input.view()], &mut output.view_mut(), &mut scratch.frame())?;
//! assert_eq!(output.view().row::<u8>(0, 0), [2, 3]);
//! assert_eq!(output.view().row::<u8>(0, 1), [6, 7]);
//! # Ok::<(), swathe_core::Error>(())
//! ```

use swathe_core::{
    Documentation, Edge, Error, Frame, Group, Operator, OperatorSpec, Parameter, ParameterKind, Parameters,
    RasterInfo, Result, Size, TileMut, TileView, Window,
};

/// The description of `copy`.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: "copy",
    group: Group::Point,
    summary: "the same pixels: some of the bands, a part of the raster, another format",
    inputs: (1, 1),
    parameters: &[
        Parameter::optional(
            "bands",
            ParameterKind::Numbers { fewest: 1, most: 65535, least: 1.0, greatest: 65535.0 },
            None,
            "bands to keep, in this order, counted from 1 (default: all)",
        ),
        Parameter::optional(
            "window",
            ParameterKind::Numbers { fewest: 4, most: 4, least: 0.0, greatest: 9e15 },
            None,
            "part to keep as X,Y,WIDTH,HEIGHT in pixels (default: all)",
        ),
    ],
    documentation: Documentation {
        formula: "out(x, y, i) = in(x + X, y + Y, bands[i]); a band may be named more than once",
        halo: "none",
        types: "any; samples are copied bit for bit",
        nodata: "nodata value and mask go along",
        cost: "one copy",
        source: "gdal_translate -b -srcwin",
        agrees: "gdal_translate, exactly, georeferencing included; a window that leaves the raster is refused",
        example: "swathe copy scene.tif part.tif --bands 3,2,1 --window 1000,2000,512,512",
    },
    trials: &["", "bands=1,1", "window=2,1,5,4", "bands=1 window=0,0,3,2"],
    bind,
};

struct Copy {
    output: RasterInfo,
    bands: Vec<usize>,
    x: i64,
    y: i64,
}

fn bind(parameters: &Parameters, inputs: &[RasterInfo]) -> Result<Box<dyn Operator>> {
    let input = &inputs[0];
    let bands = match parameters.numbers("bands")? {
        Some(bands) => bands.into_iter().map(|band| band_index(band, input.bands)).collect::<Result<_>>()?,
        None => (0..input.bands).collect::<Vec<_>>(),
    };
    let window = match parameters.numbers("window")? {
        Some(window) => inner_window(&window, input.size)?,
        None => input.window(),
    };
    let mut output = input.clone();
    output.size = window.size();
    output.bands = bands.len();
    output.metadata = input.metadata.for_bands(&bands);
    if window != input.window() {
        output.georeferencing = input.georeferencing.resampled(window.x as f64, window.y as f64, 1.0, 1.0);
        output.metadata.forget_statistics();
    }
    Ok(Box::new(Copy { output, bands, x: window.x, y: window.y }))
}

fn band_index(band: f64, bands: usize) -> Result<usize> {
    if band.fract() == 0.0 && band >= 1.0 && band <= bands as f64 {
        return Ok(band as usize - 1);
    }
    Err(Error::usage(format!("--bands: there is no band `{band}`; the input has bands 1 to {bands}")))
}

fn inner_window(window: &[f64], size: Size) -> Result<Window> {
    let whole = window.iter().all(|value| value.fract() == 0.0);
    let inside = |start: f64, length: f64, limit: usize| length >= 1.0 && start + length <= limit as f64;
    if whole && inside(window[0], window[2], size.width) && inside(window[1], window[3], size.height) {
        return Ok(Window::new(window[0] as i64, window[1] as i64, window[2] as usize, window[3] as usize));
    }
    let text = window.iter().map(f64::to_string).collect::<Vec<_>>().join(",");
    Err(Error::usage(format!(
        "--window: `{text}` is not a part of the raster of {size} pixels; give X,Y,WIDTH,HEIGHT in whole pixels inside it"
    )))
}

impl Operator for Copy {
    fn output(&self) -> &RasterInfo {
        &self.output
    }

    fn need(&self, _input: usize, output: Window) -> Window {
        output.shift(self.x, self.y)
    }

    fn edge(&self, _input: usize) -> Edge {
        Edge::Clip
    }

    fn scratch_bytes(&self, _output: Size) -> usize {
        0
    }

    fn pixel_nanoseconds(&self) -> f64 {
        0.4 * self.output.bands as f64
    }

    fn process(&self, inputs: &[TileView<'_>], output: &mut TileMut<'_>, _: &mut Frame<'_>) -> Result<()> {
        let input = &inputs[0];
        for y in 0..output.window().height {
            for (to, &from) in self.bands.iter().enumerate() {
                output.row_bytes_mut(to, y).copy_from_slice(input.row_bytes(from, y));
            }
            if let (Some(to), Some(from)) = (output.mask_row_mut(y), input.mask_row(y)) {
                to.copy_from_slice(from);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use swathe_core::{GeoTransform, SampleType};

    use super::*;
    use crate::trial;

    #[test]
    fn bands_and_window_are_picked() {
        let input = trial::raster::<u8>(&[&[&[1, 2, 3], &[4, 5, 6]], &[&[10, 20, 30], &[40, 50, 60]]]);
        let output = trial::run(&SPEC, "bands=2,1 window=1,0,2,2", &input).unwrap();
        assert_eq!(output.rows::<u8>(0), [[20, 30], [50, 60]]);
        assert_eq!(output.rows::<u8>(1), [[2, 3], [5, 6]]);
    }

    #[test]
    fn georeferencing_follows_the_window() {
        let mut info = RasterInfo::new(Size::new(9, 9), 1, SampleType::U8);
        info.georeferencing.transform = Some(GeoTransform([100.0, 10.0, 0.0, 500.0, 0.0, -10.0]));
        let copy = trial::bind(&SPEC, "window=3,2,4,5", &[info]).unwrap();
        let moved = copy.output().georeferencing.transform.unwrap();
        assert_eq!(moved.0, [130.0, 10.0, 0.0, 480.0, 0.0, -10.0]);
    }

    #[test]
    fn what_is_not_there_is_refused() {
        let info = RasterInfo::new(Size::new(4, 3), 2, SampleType::U8);
        let message = |text| trial::bind(&SPEC, text, std::slice::from_ref(&info)).err().unwrap().to_string();
        assert!(message("bands=3").contains("no band `3`; the input has bands 1 to 2"));
        assert!(message("bands=1.5").contains("no band `1.5`"));
        assert!(message("window=1,0,4,3").contains("raster of 4 x 3"));
        assert!(message("window=0,0,0,3").contains("0,0,0,3"));
        assert!(message("window=0,0,1.5,3").contains("whole pixels"));
    }
}
