//! The plain executor: one operator at a time over whole rasters, every pixel past the edge looked up by itself.
//!
//! Slow, and obviously right: it knows no tiles, no halos and no fusion. It is the oracle of the engine.

use swathe_core::{
    Boundary, Edge, Error, Operator, Result, Sample, Scalar, Scratch, TileBuffer, Window, with_sample,
};

use crate::chain::Step;
use crate::raster::Raster;

/// What outputs and scratch hold before an operator writes them, so that whatever it leaves out shows. As floats these
/// are `NaN`s.
const POISON: [u64; 2] = [0xfff9_c0de_7fc0_c0de, 0x7fff_0bad_ffff_0bad];

/// Computes a chain step by step.
///
/// # Errors
/// Whatever the operators say.
pub fn run(source: &Raster, steps: &[Step]) -> Result<Raster> {
    let mut raster = source.clone();
    for step in steps {
        let operator = step.bind(&raster.info)?;
        let inputs: Vec<&Raster> = std::iter::once(&raster).chain(&step.with).collect();
        raster = apply(operator.as_ref(), &inputs)?;
    }
    Ok(raster)
}

/// Computes one operator over whole rasters, twice, from differently poisoned memory.
///
/// # Errors
/// Whatever the operator says; Bug, if it leaves a sample unwritten or believes that scratch is clean.
///
/// # Panics
/// If the operator takes more scratch than it declared.
pub fn apply(operator: &dyn Operator, inputs: &[&Raster]) -> Result<Raster> {
    let once = apply_poisoned(operator, inputs, POISON[0])?;
    let twice = apply_poisoned(operator, inputs, POISON[1])?;
    match once.difference(&twice) {
        Some(difference) => {
            Err(Error::bug(format!("what memory held before shows in the output: {difference}")))
        }
        None => Ok(once),
    }
}

fn apply_poisoned(operator: &dyn Operator, inputs: &[&Raster], poison: u64) -> Result<Raster> {
    let info = operator.output().clone();
    let window = info.window();
    let needs: Vec<TileBuffer> = inputs
        .iter()
        .enumerate()
        .map(|(index, input)| fill_need(input, operator.need(index, window), operator.edge(index)))
        .collect();
    let views: Vec<_> = needs.iter().map(TileBuffer::view).collect();
    let mut memory = vec![poison; info.kind().bytes(window).div_ceil(size_of::<u64>())];
    let declared = operator.scratch_bytes(info.size);
    let mut scratch = Scratch::with_capacity(declared);
    scratch.frame().take::<u64>(declared / 64 * 8).fill(poison);
    let mut tile = swathe_core::TileMut::over(&mut memory, window, info.kind());
    operator.process(&views, &mut tile, &mut scratch.frame())?;
    let mut pixels = TileBuffer::new(window, info.kind());
    for y in 0..info.size.height {
        for band in 0..info.bands {
            pixels.view_mut().row_bytes_mut(band, y).copy_from_slice(tile.row_bytes_mut(band, y));
        }
        if let (Some(to), Some(from)) = (pixels.view_mut().mask_row_mut(y), tile.mask_row_mut(y)) {
            to.copy_from_slice(from);
        }
    }
    Ok(Raster::new(info, pixels))
}

/// The pixels of a need, looked up one by one.
fn fill_need(input: &Raster, need: Window, edge: Edge) -> TileBuffer {
    let (need, boundary) = match edge {
        Edge::Clip => (clip(need, input.info.window()), Boundary::Nearest),
        Edge::Extend(boundary) => (need, boundary),
    };
    let mut filled = TileBuffer::new(need, input.info.kind());
    with_sample!(input.info.sample_type, T => fill_samples::<T>(input, need, boundary, &mut filled));
    filled
}

/// What of `need` exists; the nearest pixels where nothing does, as no operator is shown an empty view.
fn clip(need: Window, raster: Window) -> Window {
    let (x, y) = (need.x.clamp(0, raster.x_end() - 1), need.y.clamp(0, raster.y_end() - 1));
    let x_end = need.x_end().clamp(x + 1, raster.x_end());
    Window::between(x, y, x_end, need.y_end().clamp(y + 1, raster.y_end()))
}

fn fill_samples<T: Sample>(input: &Raster, need: Window, boundary: Boundary, filled: &mut TileBuffer) {
    let constant = match boundary {
        Boundary::Constant(Scalar::Integer(value)) => T::from_i128(value),
        Boundary::Constant(Scalar::Float(value)) => T::from_f64(value),
        _ => T::default(),
    };
    let (source, size) = (input.pixels.view(), input.info.size);
    let mut tile = filled.view_mut();
    for row in 0..need.height {
        let y = boundary.resolve(need.y + row as i64, size.height);
        for column in 0..need.width {
            let place = boundary.resolve(need.x + column as i64, size.width).zip(y);
            for band in 0..input.info.bands {
                tile.row_mut::<T>(band, row)[column] =
                    place.map_or(constant, |(x, y)| source.row::<T>(band, y)[x]);
            }
            if let Some(mask) = tile.mask_row_mut(row) {
                // Pixels that a constant invents are data.
                mask[column] = place.and_then(|(x, y)| Some(source.mask_row(y)?[x])).unwrap_or(u8::MAX);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use swathe_core::{Frame, Halo, RasterInfo, SampleType, Size, TileMut, TileView};

    /// The sum of a window of 3 x 1 and a margin by hand.
    struct RowSum {
        output: RasterInfo,
        edge: Edge,
        writes: bool,
    }

    impl Operator for RowSum {
        fn output(&self) -> &RasterInfo {
            &self.output
        }

        fn need(&self, _input: usize, output: Window) -> Window {
            output.grow(Halo { left: 1, right: 1, ..Halo::NONE })
        }

        fn edge(&self, _input: usize) -> Edge {
            self.edge
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
            let sum = scratch.take::<i32>(1);
            let (window, seen) = (output.window(), inputs[0].window());
            for y in 0..window.height {
                for x in 0..window.width {
                    sum[0] = 0;
                    for column in window.x + x as i64 - 1..=window.x + x as i64 + 1 {
                        if (seen.x..seen.x_end()).contains(&column) {
                            sum[0] += inputs[0].row::<i32>(0, y)[(column - seen.x) as usize];
                        }
                    }
                    if self.writes || x != 1 {
                        output.row_mut::<i32>(0, y)[x] = sum[0];
                    }
                }
            }
            Ok(())
        }
    }

    fn sums(edge: Edge) -> Vec<Vec<i32>> {
        let input = Raster::literal::<i32>(&[&[&[1, 10, 100, 1000], &[2, 20, 200, 2000]]]);
        let operator = RowSum { output: input.info.clone(), edge, writes: true };
        apply(&operator, &[&input]).unwrap().rows::<i32>(0)
    }

    #[test]
    fn the_edge_is_extended_as_scipy_says() {
        // scipy.ndimage.correlate1d([1, 10, 100, 1000], [1, 1, 1], mode=...), by hand.
        assert_eq!(sums(Edge::Extend(Boundary::Reflect))[0], [12, 111, 1110, 2100]);
        assert_eq!(sums(Edge::Extend(Boundary::Mirror))[0], [21, 111, 1110, 1200]);
        assert_eq!(sums(Edge::Extend(Boundary::Nearest))[1], [24, 222, 2220, 4200]);
        assert_eq!(sums(Edge::Extend(Boundary::Wrap))[0], [1011, 111, 1110, 1101]);
        assert_eq!(sums(Edge::Extend(Boundary::Constant(Scalar::Float(-4.6))))[0], [6, 111, 1110, 1095]);
        assert_eq!(sums(Edge::Clip)[0], [11, 111, 1110, 1100]);
    }

    #[test]
    fn an_unwritten_sample_is_seen() {
        let input = Raster::literal::<i32>(&[&[&[1, 2, 3]]]);
        let edge = Edge::Extend(Boundary::Nearest);
        let operator = RowSum { output: input.info.clone(), edge, writes: false };
        let error = apply(&operator, &[&input]).unwrap_err();
        assert!(error.to_string().contains("at 1,0"), "{error}");
    }

    #[test]
    fn the_mask_is_extended_too() {
        let mut info = RasterInfo::new(Size::new(2, 2), 1, SampleType::U8);
        info.mask = true;
        let mut pixels = TileBuffer::new(info.window(), info.kind());
        pixels.view_mut().mask_row_mut(0).unwrap().copy_from_slice(&[0, 9]);
        let input = Raster::new(info, pixels);
        let mask = |boundary| {
            let filled = fill_need(&input, Window::new(-1, -1, 3, 2), Edge::Extend(boundary));
            [filled.view().mask_row(0).unwrap().to_vec(), filled.view().mask_row(1).unwrap().to_vec()]
        };
        assert_eq!(mask(Boundary::Nearest), [[0, 0, 9], [0, 0, 9]]);
        assert_eq!(mask(Boundary::Wrap), [[0, 0, 0], [9, 0, 9]]);
        assert_eq!(mask(Boundary::Constant(Scalar::Integer(1))), [[255; 3], [255, 0, 9]]);
    }

    #[test]
    fn a_clipped_need_is_never_empty() {
        let raster = Window::new(0, 0, 10, 5);
        assert_eq!(clip(Window::new(-3, -3, 5, 100), raster), Window::new(0, 0, 2, 5));
        assert_eq!(clip(Window::new(20, -9, 5, 3), raster), Window::new(9, 0, 1, 1));
    }
}
