//! Runs operators on small rasters in memory, whole and in tiles, for tests.

use swathe_core::{
    Boundary, Edge, ErrorKind, Operator, OperatorSpec, Parameters, RasterInfo, Result, Sample, SampleType,
    Scalar, Scratch, Size, TileBuffer, TileMut, Value, Window, with_sample,
};

use crate::simd::{CpuLevel, force_level};

/// A raster with its pixels.
#[derive(Debug)]
pub(crate) struct TrialRaster {
    pub(crate) info: RasterInfo,
    pub(crate) pixels: TileBuffer,
}

impl TrialRaster {
    /// The samples of a band, row by row.
    pub(crate) fn rows<T: Sample>(&self, band: usize) -> Vec<Vec<T>> {
        let view = self.pixels.view();
        (0..view.window().height).map(|y| view.row::<T>(band, y).to_vec()).collect()
    }

    /// The mask, row by row.
    pub(crate) fn mask(&self) -> Vec<Vec<u8>> {
        let view = self.pixels.view();
        (0..view.window().height).map(|y| view.mask_row(y).unwrap().to_vec()).collect()
    }

    /// Gives the raster a mask.
    pub(crate) fn with_mask(mut self, mask: &[&[u8]]) -> Self {
        self.info.mask = true;
        let mut masked = TileBuffer::new(self.info.window(), self.info.kind());
        for band in 0..self.info.bands {
            for (y, mask) in mask.iter().enumerate() {
                masked
                    .view_mut()
                    .row_bytes_mut(band, y)
                    .copy_from_slice(self.pixels.view().row_bytes(band, y));
                masked.view_mut().mask_row_mut(y).unwrap().copy_from_slice(mask);
            }
        }
        self.pixels = masked;
        self
    }
}

/// A raster of the given bands, each given as its rows.
pub(crate) fn raster<T: Sample>(bands: &[&[&[T]]]) -> TrialRaster {
    let info = RasterInfo::new(Size::new(bands[0][0].len(), bands[0].len()), bands.len(), T::TYPE);
    let mut pixels = TileBuffer::new(info.window(), info.kind());
    for (band, rows) in bands.iter().enumerate() {
        for (y, row) in rows.iter().enumerate() {
            pixels.view_mut().row_mut::<T>(band, y).copy_from_slice(row);
        }
    }
    TrialRaster { info, pixels }
}

/// The samples of a band as `f64`, row by row.
pub(crate) fn reals(raster: &TrialRaster, band: usize) -> Vec<Vec<f64>> {
    with_sample!(raster.info.sample_type, T => {
        raster.rows::<T>(band).into_iter().map(|row| row.into_iter().map(T::to_f64).collect()).collect()
    })
}

/// Random numbers that are the same on every run (splitmix64).
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// A raster of random pixels: the whole range of integers, small and large floats.
pub(crate) fn random(info: RasterInfo, seed: u8) -> TrialRaster {
    let mut random = Random(u64::from(seed));
    let mut pixels = TileBuffer::new(info.window(), info.kind());
    let nodata = info.nodata;
    for y in 0..info.size.height {
        for band in 0..info.bands {
            with_sample!(info.sample_type, T => {
                for sample in pixels.view_mut().row_mut::<T>(band, y) {
                    let bits = random.next();
                    *sample = match nodata.and_then(T::from_scalar) {
                        Some(nodata) if bits.is_multiple_of(5) => nodata,
                        _ if T::TYPE.is_float() => T::from_f64(((bits >> 11) as f64 / 2e15 - 2.0) * 1e3),
                        _ => T::from_i128(T::LEAST.to_f64() as i128 + i128::from(bits >> (64 - 8 * T::TYPE.size()))),
                    };
                }
            });
        }
        if let Some(mask) = pixels.view_mut().mask_row_mut(y) {
            mask.fill_with(|| if random.next().is_multiple_of(6) { 0 } else { 255 });
        }
    }
    TrialRaster { info, pixels }
}

/// The operator with parameters as a trial writes them, `"sigma=2 size=5"`.
pub(crate) fn bind(spec: &OperatorSpec, text: &str, inputs: &[RasterInfo]) -> Result<Box<dyn Operator>> {
    let given = text.split_whitespace().map(|part| {
        let (name, value) = part.split_once('=').unwrap();
        (name.to_string(), Value::Text(value.to_string()))
    });
    (spec.bind)(&Parameters::check(spec.parameters, given)?, inputs)
}

/// The operator on a whole raster.
pub(crate) fn run(spec: &OperatorSpec, text: &str, input: &TrialRaster) -> Result<TrialRaster> {
    let operator = bind(spec, text, std::slice::from_ref(&input.info))?;
    let size = operator.output().size;
    in_tiles(&*operator, &[input], size)
}

/// The operator on whole rasters, tile by tile.
pub(crate) fn in_tiles(operator: &dyn Operator, inputs: &[&TrialRaster], tile: Size) -> Result<TrialRaster> {
    let info = operator.output().clone();
    let mut pixels = TileBuffer::new(info.window(), info.kind());
    for y in (0..info.size.height).step_by(tile.height) {
        for x in (0..info.size.width).step_by(tile.width) {
            let window = Window::new(x as i64, y as i64, tile.width, tile.height).intersect(info.window());
            let needs: Vec<TileBuffer> = (0..inputs.len())
                .map(|i| need(inputs[i], operator.need(i, window), operator.edge(i)))
                .collect();
            let views: Vec<_> = needs.iter().map(TileBuffer::view).collect();
            let mut part = pixels.view_mut();
            let mut part = part.part(window, window);
            poison(&mut part);
            let bytes = operator.scratch_bytes(window.size());
            let mut scratch = Scratch::with_capacity(bytes);
            scratch.frame().take::<u64>(bytes / 8).fill(0xfff9_c0de_7fc0_c0de);
            operator.process(&views, &mut part, &mut scratch.frame())?;
        }
    }
    Ok(TrialRaster { info, pixels })
}

/// What must not be seen afterwards: an operator writes every sample.
fn poison(tile: &mut TileMut<'_>) {
    for y in 0..tile.window().height {
        for band in 0..tile.bands() {
            tile.row_bytes_mut(band, y).fill(0xa5);
        }
        if let Some(mask) = tile.mask_row_mut(y) {
            mask.fill(0xa5);
        }
    }
}

/// The pixels of a need, those past the edge invented one by one.
fn need(input: &TrialRaster, window: Window, edge: Edge) -> TileBuffer {
    let (window, boundary) = match edge {
        Edge::Clip => (window.intersect(input.info.window()), Boundary::Nearest),
        Edge::Extend(boundary) => (window, boundary),
    };
    let mut filled = TileBuffer::new(window, input.info.kind());
    let (source, size) = (input.pixels.view(), input.info.size);
    for row in 0..window.height {
        for column in 0..window.width {
            let x = boundary.resolve(window.x + column as i64, size.width);
            let y = boundary.resolve(window.y + row as i64, size.height);
            let place = x.zip(y);
            for band in 0..input.info.bands {
                with_sample!(input.info.sample_type, T => {
                    let outside = || match boundary {
                        Boundary::Constant(value) => T::from_scalar(value).unwrap(),
                        _ => T::default(),
                    };
                    filled.view_mut().row_mut::<T>(band, row)[column] =
                        place.map_or_else(outside, |(x, y)| source.row::<T>(band, y)[x]);
                });
            }
            if let Some(mask) = filled.view_mut().mask_row_mut(row) {
                mask[column] = place.map_or(255, |(x, y)| source.mask_row(y).unwrap()[x]);
            }
        }
    }
    filled
}

/// Fails where two rasters are not the same bit for bit.
pub(crate) fn assert_same_bits(one: &TrialRaster, other: &TrialRaster, what: &str) {
    let (a, b) = (one.pixels.view(), other.pixels.view());
    assert_eq!(a.kind(), b.kind(), "{what}");
    for y in 0..a.window().height {
        for band in 0..a.bands() {
            assert!(a.row_bytes(band, y) == b.row_bytes(band, y), "{what}: band {band}, row {y} differs");
        }
        assert_eq!(a.mask_row(y), b.mask_row(y), "{what}: mask row {y} differs");
    }
}

/// Every trial of an operator on rasters of every type, with and without no data, and the rasters it ran on.
fn for_each_trial(spec: &OperatorSpec, mut check: impl FnMut(&dyn Operator, &[&TrialRaster], &str)) {
    for sample_type in SampleType::ALL {
        for (seed, (nodata, mask)) in
            [(None, false), (Some(Scalar::Integer(3)), false), (None, true)].iter().enumerate()
        {
            let mut info = RasterInfo::new(Size::new(23, 17), 2, sample_type);
            (info.nodata, info.mask) = (*nodata, *mask);
            let rasters: Vec<_> =
                (0..spec.inputs.0).map(|i| random(info.clone(), (9 * i + seed) as u8)).collect();
            let inputs: Vec<_> = rasters.iter().collect();
            let infos: Vec<_> = rasters.iter().map(|raster| raster.info.clone()).collect();
            for text in spec.trials {
                let what = format!("{} {text} on {sample_type}, nodata {nodata:?}, mask {mask}", spec.name);
                match bind(spec, text, &infos) {
                    Ok(operator) => check(&*operator, &inputs, &what),
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Unsupported, "{what}: {error}"),
                }
            }
        }
    }
}

/// Fails where one of two runs says no to pixel values and the other does not, or their pixels differ.
fn assert_same_outcome(one: &Result<TrialRaster>, other: &Result<TrialRaster>, what: &str) {
    match (one, other) {
        (Ok(one), Ok(other)) => assert_same_bits(one, other, what),
        (Err(one), Err(other)) => {
            // A result that is out of range: whose pixel is named first depends on the tiles.
            assert_eq!(
                (one.kind(), other.kind()),
                (ErrorKind::Limit, ErrorKind::Limit),
                "{what}: {one}, {other}"
            );
        }
        (Err(error), _) | (_, Err(error)) => panic!("{what}: only one of two runs fails: {error}"),
    }
}

/// Fails where how the raster is cut shows in an operator's output.
pub(crate) fn assert_tiling_never_shows(spec: &OperatorSpec) {
    for_each_trial(spec, |operator, inputs, what| {
        let size = operator.output().size;
        let whole = in_tiles(operator, inputs, size);
        for tile in [Size::new(7, 5), Size::new(size.width, 1), Size::new(1, size.height), Size::new(16, 16)]
        {
            let tiled = in_tiles(operator, inputs, tile);
            assert_same_outcome(&whole, &tiled, &format!("{what}, tiles of {tile}"));
        }
    });
}

/// Fails where the CPU's level shows in an operator's output.
pub(crate) fn assert_level_never_shows(spec: &OperatorSpec) {
    for_each_trial(spec, |operator, inputs, what| {
        let size = operator.output().size;
        let at = |index: usize| {
            let _held = force_level(index);
            in_tiles(operator, inputs, size)
        };
        let least = at(0);
        for (index, level) in CpuLevel::available().iter().enumerate().skip(1) {
            assert_same_outcome(&least, &at(index), &format!("{what}, {}", level.name()));
        }
    });
}
