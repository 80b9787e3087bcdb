//! `median`: each pixel the middle value of the window around it.
//!
//! *Formula*: `out = v[floor(n / 2)]`, `v` the `n` values of the window, sorted. *Units*: the input's. *Halo*: the
//! window's. *Boundary*: `--boundary`. *Types*: any; only values of the input are put out. *Nodata*: left out, the
//! middle of the rest taken. *Source*: Tukey 1977. *Agrees with*: `scipy.ndimage.median_filter` exactly; with
//! `cv2.medianBlur` and `vips median` under `--boundary nearest`.

use swathe_core::{Documentation, Group, Operator, OperatorSpec, Parameter, Parameters, RasterInfo, Result};

use super::filter;
use super::footprint::{FOOTPRINT, SIZE};
use super::statistic::{Place, Statistic};
use super::{COST, HALO, NODATA, TYPES};

/// The description of `median`.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: "median",
    group: Group::LocalStatistics,
    summary: "each pixel the middle value of its neighbourhood",
    inputs: (1, 1),
    parameters: &[SIZE, FOOTPRINT, Parameter::BOUNDARY, Parameter::NODATA],
    documentation: Documentation {
        formula: "out = v[floor(n / 2)], v the n values of the window, sorted, counted from 0",
        halo: HALO,
        types: TYPES,
        nodata: NODATA,
        cost: COST,
        source: "Tukey 1977; scipy.ndimage.median_filter",
        agrees: "scipy exactly; with --boundary nearest also cv2.medianBlur and vips median",
        example: "swathe median scene.tif calm.tif --size 5",
    },
    trials: &[
        "size=3",
        "size=5x2 boundary=nearest",
        "size=4 nodata=propagate",
        "size=3x7 nodata=value boundary=wrap",
        "footprint=0,1,0,0;1,1,1,1;0,1,0,0 boundary=constant=2",
        "size=14x13",
    ],
    bind,
};

fn bind(parameters: &Parameters, inputs: &[RasterInfo]) -> Result<Box<dyn Operator>> {
    filter::bind(parameters, &inputs[0], Statistic::Place(Place::Middle))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial;

    #[test]
    fn even_windows_take_the_upper_middle() {
        let input = trial::raster::<u8>(&[&[&[9, 1, 8, 2, 7]]]);
        assert_eq!(trial::run(&SPEC, "size=3x1", &input).unwrap().rows::<u8>(0), [[9, 8, 2, 7, 7]]);
        assert_eq!(trial::run(&SPEC, "size=4x1", &input).unwrap().rows::<u8>(0), [[9, 9, 8, 7, 7]]);
    }

    #[test]
    fn nan_is_left_out() {
        let input = trial::raster::<f32>(&[&[&[1.0, 5.0, f32::NAN, 3.0, 4.0]]]);
        let output = trial::run(&SPEC, "size=3x1", &input).unwrap().rows::<f32>(0).remove(0);
        assert_eq!((output[0], output[1], output[3], output[4]), (1.0, 5.0, 4.0, 4.0));
        assert!(output[2].is_nan());
    }

    #[test]
    fn the_window_is_needed_once() {
        let info = trial::raster::<u8>(&[&[&[1]]]).info;
        let message = |text| trial::bind(&SPEC, text, std::slice::from_ref(&info)).err().unwrap().to_string();
        assert!(message("boundary=wrap").contains("give `--size` or `--footprint`"));
        assert!(message("size=3 footprint=1").contains("give one of them"));
    }
}
