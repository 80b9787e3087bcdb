//! Curves over the samples of a raster.

use swathe_core::{
    Edge, Error, Frame, NodataPolicy, Operator, RasterInfo, Result, SampleType, ScratchSize, Size,
    TileBuffer, TileMut, TileView, Window,
};

use super::curve::Curve;
use crate::rows::{LoadRows, StoreRows, clear_mask, hand_on_mask, loader, mark_valid, storer};

/// The operator that sends the samples of each band through its curve, or all through one; in samples' units. A band of
/// opacity is copied.
///
/// # Errors
/// Unsupported, where there are neither one curve nor as many as bands.
pub(crate) fn bend(
    curves: Vec<Curve>,
    policy: NodataPolicy,
    opacity: Option<usize>,
    input: &RasterInfo,
    output: RasterInfo,
) -> Result<Box<dyn Operator>> {
    let bent = input.bands - usize::from(opacity.is_some());
    if curves.len() != 1 && curves.len() != bent {
        return Err(Error::unsupported(format!(
            "the table has a curve for each of {} bands, the raster has {bent}; choose bands with `copy --bands`",
            curves.len()
        )));
    }
    if opacity.is_some() && input.sample_type != output.sample_type {
        return Err(Error::unsupported(format!(
            "the band of opacity is {}, the output would be {}; leave it out with `copy --bands`",
            input.sample_type, output.sample_type
        )));
    }
    let mut bend = Bend {
        load: loader(input, policy),
        store: storer(&output),
        curves,
        looked_up: Vec::new(),
        policy,
        opacity,
        input_type: input.sample_type,
        output,
    };
    if input.sample_type.size() <= 2 {
        bend.looked_up = (0..bend.curves.len()).map(|curve| bend.every_sample(curve, input)).collect();
    }
    Ok(Box::new(bend))
}

struct Bend {
    load: Box<dyn LoadRows<f64>>,
    store: Box<dyn StoreRows<f64>>,
    curves: Vec<Curve>,
    /// For each curve the bytes that every sample of 8 or 16 bits becomes; empty for wider ones.
    looked_up: Vec<Vec<u8>>,
    policy: NodataPolicy,
    opacity: Option<usize>,
    input_type: SampleType,
    output: RasterInfo,
}

/// Copies to each place the bytes that stand at the number its byte is.
fn pick_by_bytes<const N: usize>(from: &[u8], table: &[u8], to: &mut [u8]) {
    let Some(table) = table.as_chunks::<N>().0.first_chunk::<256>() else { return };
    for (to, &from) in to.as_chunks_mut::<N>().0.iter_mut().zip(from) {
        *to = table[usize::from(from)];
    }
}

/// Copies to each place the bytes that stand at the number its two bytes are.
fn pick_by_words<const N: usize>(from: &[u8], table: &[u8], to: &mut [u8]) {
    let Some(table) = table.as_chunks::<N>().0.first_chunk::<65536>() else { return };
    for (to, from) in to.as_chunks_mut::<N>().0.iter_mut().zip(from.as_chunks::<2>().0) {
        *to = table[usize::from(u16::from_ne_bytes(*from))];
    }
}

impl Bend {
    /// What every sample of 8 or 16 bits becomes, in the order of their bits: by the curve itself.
    fn every_sample(&self, curve: usize, input: &RasterInfo) -> Vec<u8> {
        let bytes = input.sample_type.size();
        let count = 1 << (8 * bytes);
        let mut info = RasterInfo::new(Size::new(count, 1), 1, input.sample_type);
        info.nodata = input.nodata;
        let mut samples = TileBuffer::new(info.window(), info.kind());
        for (bits, sample) in samples.view_mut().row_bytes_mut(0, 0).chunks_exact_mut(bytes).enumerate() {
            match sample {
                [byte] => *byte = bits as u8,
                both => both.copy_from_slice(&(bits as u16).to_ne_bytes()),
            }
        }
        let bent = RasterInfo { size: info.size, bands: 1, mask: false, ..self.output.clone() };
        let mut results = TileBuffer::new(info.window(), bent.kind());
        let (mut values, mut flags) = (vec![0.0; count], vec![0; count]);
        let load = loader(&info, self.policy);
        load.load_valid(&samples.view(), 0, 0, &mut values, &mut flags);
        self.follow(&self.curves[curve], (&mut results.view_mut(), 0, 0), &mut values, &flags);
        results.view().row_bytes(0, 0).to_vec()
    }

    /// Writes row `y` of a band: what the curve makes of `values`, and no data where `flags` says so.
    fn follow(
        &self,
        curve: &Curve,
        (output, band, y): (&mut TileMut<'_>, usize, usize),
        values: &mut [f64],
        flags: &[u8],
    ) {
        for value in values.iter_mut() {
            *value = curve.at(*value);
        }
        self.store.store(output, band, y, 0, values);
        if flags.contains(&0) {
            self.store.fill(output, band, y, 0, flags);
        }
    }

    fn look_up(&self, table: &[u8], from: &[u8], to: &mut [u8]) {
        match (self.input_type.size(), self.output.sample_type.size()) {
            (1, 1) => pick_by_bytes::<1>(from, table, to),
            (1, 2) => pick_by_bytes::<2>(from, table, to),
            (1, 4) => pick_by_bytes::<4>(from, table, to),
            (1, _) => pick_by_bytes::<8>(from, table, to),
            (_, 1) => pick_by_words::<1>(from, table, to),
            (_, 2) => pick_by_words::<2>(from, table, to),
            (_, 4) => pick_by_words::<4>(from, table, to),
            _ => pick_by_words::<8>(from, table, to),
        }
    }
}

impl Operator for Bend {
    fn output(&self) -> &RasterInfo {
        &self.output
    }

    fn need(&self, _input: usize, output: Window) -> Window {
        output
    }

    fn edge(&self, _input: usize) -> Edge {
        Edge::Clip
    }

    fn scratch_bytes(&self, output: Size) -> usize {
        ScratchSize::new().with::<f64>(output.width).with::<u8>(output.width).bytes()
    }

    fn process(
        &self,
        inputs: &[TileView<'_>],
        output: &mut TileMut<'_>,
        scratch: &mut Frame<'_>,
    ) -> Result<()> {
        let (input, width) = (&inputs[0], output.window().width);
        let (values, flags) = (scratch.take::<f64>(width), scratch.take::<u8>(width));
        let masked = output.kind().mask;
        clear_mask(output);
        for band in 0..output.bands() {
            let curve = if self.curves.len() == 1 { 0 } else { band };
            for y in 0..output.window().height {
                if self.opacity == Some(band) {
                    output.row_bytes_mut(band, y).copy_from_slice(input.row_bytes(band, y));
                } else if let Some(table) = self.looked_up.get(curve) {
                    self.look_up(table, input.row_bytes(band, y), output.row_bytes_mut(band, y));
                    if masked {
                        self.load.flags(input, band, y, flags);
                        self.store.fill(output, band, y, 0, flags);
                    }
                } else {
                    self.load.load_valid(input, band, y, values, flags);
                    self.follow(&self.curves[curve], (output, band, y), values, flags);
                }
                if masked && self.opacity != Some(band) {
                    mark_valid(output, y, 0, flags);
                }
            }
        }
        hand_on_mask(self.policy, input, output);
        Ok(())
    }
}
