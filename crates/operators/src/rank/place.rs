//! `rank`: each pixel the value at a given place in the order of the window around it.
//!
//! *Formula*: `out = v[K]`, `v` the `n` values of the window, sorted; a negative `K` counts from the greatest, -1.
//! *Units*: the input's. *Halo*: the window's. *Boundary*: `--boundary`. *Types*: any; only values of the input are put
//! out. *Nodata*: left out; of `m` that remain the place nearest to `K m / n` is taken. *Source*: Justusson 1981.
//! *Agrees with*: `scipy.ndimage.rank_filter` exactly; with `vips rank` under `--boundary nearest`.

use swathe_core::{
    Documentation, Error, Group, Operator, OperatorSpec, Parameter, ParameterKind, Parameters, RasterInfo,
    Result,
};

use super::filter;
use super::footprint::{FOOTPRINT, Footprint, SIZE};
use super::statistic::{Place, Statistic};
use super::{COST, HALO, TYPES};

/// The description of `rank`.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: "rank",
    group: Group::LocalStatistics,
    summary: "each pixel the value at a given place in the order of its neighbourhood",
    inputs: (1, 1),
    parameters: &[
        Parameter::required(
            "rank",
            ParameterKind::Integer { least: -(1 << 20), greatest: 1 << 20 },
            "place of the value, from 0 for the least; negative counts from the greatest, -1",
        ),
        SIZE,
        FOOTPRINT,
        Parameter::BOUNDARY,
        Parameter::NODATA,
    ],
    documentation: Documentation {
        formula: "out = v[K], v the n values of the window, sorted, counted from 0; v[n + K] for K below 0",
        halo: HALO,
        types: TYPES,
        nodata: "left out; of the m that remain the place nearest to K m / n is taken; a pixel without data stays without",
        cost: COST,
        source: "Justusson 1981; scipy.ndimage.rank_filter",
        agrees: "scipy exactly; with --boundary nearest also vips rank",
        example: "swathe rank scene.tif low.tif --rank 2 --size 5",
    },
    trials: &[
        "rank=0 size=4x3",
        "rank=-2 size=5 boundary=mirror nodata=propagate",
        "rank=3 size=3 boundary=nearest",
        "rank=2 footprint=1,0,1;0,1,0;1,0,1 nodata=value",
    ],
    bind,
};

fn bind(parameters: &Parameters, inputs: &[RasterInfo]) -> Result<Box<dyn Operator>> {
    let count = Footprint::read(parameters)?.count as i64;
    let rank = parameters.integer("rank")?.ok_or_else(|| Error::usage("`--rank` is missing"))?;
    let place = if rank < 0 { count + rank } else { rank };
    if !(0..count).contains(&place) {
        return Err(Error::usage(format!(
            "--rank: `{rank}` is no place among the {count} values of the window: 0 to {} from the least, -1 to -{count} from the greatest",
            count - 1
        )));
    }
    filter::bind(parameters, &inputs[0], Statistic::Place(Place::Rank(place as usize)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial;

    #[test]
    fn ranks_count_from_either_end() {
        let input = trial::raster::<u16>(&[&[&[4, 1, 3, 2, 5]]]);
        let of = |text| trial::run(&SPEC, text, &input).unwrap().rows::<u16>(0);
        assert_eq!(of("rank=1 size=3x1"), [[4, 3, 2, 3, 5]]);
        assert_eq!(of("rank=-1 size=3x1"), [[4, 4, 3, 5, 5]]);
        assert_eq!(of("rank=-3 size=3x1"), of("rank=0 size=3x1"));
    }

    #[test]
    fn a_place_outside_the_window_is_refused() {
        let info = trial::raster::<u8>(&[&[&[1]]]).info;
        for rank in ["9", "-10"] {
            let error = trial::bind(&SPEC, &format!("rank={rank} size=3"), std::slice::from_ref(&info))
                .err()
                .unwrap();
            assert!(error.to_string().contains("the 9 values of the window: 0 to 8"), "{error}");
        }
    }
}
