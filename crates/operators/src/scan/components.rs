//! Connected components by two sweeps: the rows below a tile tell which of its regions meet down there, the row above tells
//! the labels that go on, and what neither knows is new and takes the next number.

use std::marker::PhantomData;

use swathe_core::{
    BothWays, Error, MetadataItem, NodataPolicy, RasterInfo, Result, Sample, SampleType, Size, TileMut,
    TileView, Validity, with_sample,
};

use super::forest::{Forest, MOST_LABELS};

/// Which pixels touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Connectivity {
    /// Those that share a side.
    Four,
    /// Those that share a side or a corner.
    Eight,
}

/// Which pixels that touch belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    /// All that are not background.
    Nonzero,
    /// Those of the same value.
    Equal,
}

/// What the labels are to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) connectivity: Connectivity,
    pub(super) of: Of,
    /// The value that belongs to no component.
    pub(super) background: Option<f64>,
    pub(super) policy: NodataPolicy,
}

/// Binds a labelling to a raster.
pub(super) fn bind(info: &RasterInfo, wanted: Wanted) -> Result<Box<dyn BothWays>> {
    if info.bands != 1 {
        return Err(Error::usage(format!(
            "labels one band, and there are {}: name one as `FILE:1`, or put `copy --bands 1` before",
            info.bands
        )));
    }
    let mut output = info.with_new_values(SampleType::U32);
    output.mask = false;
    output.nodata = None;
    // What tells other programs, and a preview, that these are no amounts.
    output.metadata.items.retain(|item| item.role != "description");
    output.metadata.items.push(MetadataItem {
        name: "DESCRIPTION".into(),
        value: "label".into(),
        band: Some(0),
        role: "description".into(),
        domain: String::new(),
    });
    Ok(with_sample!(info.sample_type, T => {
        let background = wanted.background.map(swathe_core::Scalar::Float).and_then(T::from_scalar);
        Box::new(Components::<T> { input: info.clone(), output, wanted, background, sample: PhantomData })
    }))
}

struct Components<T> {
    input: RasterInfo,
    output: RasterInfo,
    wanted: Wanted,
    background: Option<T>,
    sample: PhantomData<fn(T)>,
}

/// A row with its labels, 0 for background.
#[derive(Clone, Copy)]
struct Labelled<'a, T> {
    samples: &'a [T],
    labels: &'a [u32],
}

/// The memory of a tile, cut up.
struct Work<'a> {
    /// How many labels there are.
    count: &'a mut u64,
    /// Labels of the tile's first and last row, in the first sweep.
    top: &'a mut [u32],
    bottom: &'a mut [u32],
    /// And of the two rows that are looked at.
    rows: [&'a mut [u32]; 2],
    /// 1 for pixels that belong to components.
    flags: &'a mut [u8],
    /// The forest, and in the first sweep the sets below behind it.
    parents: &'a mut [u32],
    /// What each label becomes, in the second sweep.
    finals: &'a mut [u32],
}

const WORD: usize = size_of::<u64>();

impl<T: Sample> Components<T> {
    fn width(&self) -> usize {
        self.input.size.width
    }

    /// The most labels that so many rows can have before they are united.
    fn most_labels(&self, rows: usize) -> usize {
        match self.wanted.of {
            Of::Nonzero => self.width().div_ceil(2).saturating_mul(rows),
            Of::Equal => self.width().saturating_mul(rows),
        }
    }

    /// Words of a row of labels, of flags, of the forest, and of what labels become.
    fn parts(&self, rows: usize) -> [usize; 4] {
        let (width, labels) = (self.width(), self.most_labels(rows).saturating_add(1));
        let halves = |count: usize| count.div_ceil(2);
        [halves(width), width.div_ceil(WORD), halves(labels.saturating_add(width)), halves(labels)]
    }

    fn work<'a>(&self, rows: usize, work: &'a mut [u64]) -> Work<'a> {
        let [row, flags, parents, finals] = self.parts(rows);
        let width = self.width();
        let (count, rest) = work.split_at_mut(1);
        let (top, rest) = rest.split_at_mut(row);
        let (bottom, rest) = rest.split_at_mut(row);
        let (above, rest) = rest.split_at_mut(row);
        let (below, rest) = rest.split_at_mut(row);
        let (flag_words, rest) = rest.split_at_mut(flags);
        let (parents, rest) = rest.split_at_mut(parents);
        let row = |words| &mut bytemuck::cast_slice_mut::<u64, u32>(words)[..width];
        Work {
            count: &mut count[0],
            top: row(top),
            bottom: row(bottom),
            rows: [row(above), row(below)],
            flags: &mut bytemuck::cast_slice_mut(flag_words)[..width],
            parents: bytemuck::cast_slice_mut(parents),
            finals: bytemuck::cast_slice_mut(&mut rest[..finals]),
        }
    }

    /// 1 for pixels that belong to components.
    fn fill_flags(&self, input: &TileView<'_>, y: usize, flags: &mut [u8]) {
        let validity = Validity::<T>::new(&self.input, self.wanted.policy);
        if validity.can_fail() {
            validity.fill_row(input, 0, y, flags);
        } else {
            flags.fill(1);
        }
        if let Some(background) = self.background {
            for (flag, &sample) in flags.iter_mut().zip(input.row::<T>(0, y)) {
                *flag &= u8::from(sample != background);
            }
        }
    }

    /// Whether two pixels of components belong together where they touch.
    fn same(&self, one: T, other: T) -> bool {
        self.wanted.of == Of::Nonzero || one == other || one.is_nan() && other.is_nan()
    }

    /// The pixels of another row that those from `start` to `end` touch.
    fn touching(&self, start: usize, end: usize) -> std::ops::Range<usize> {
        match self.wanted.connectivity {
            Connectivity::Four => start..end,
            Connectivity::Eight => start.saturating_sub(1)..(end + 1).min(self.width()),
        }
    }

    /// Labels a row: each run of pixels that belong together takes the label that it touches above, or a new one.
    fn label_row(
        &self,
        above: Option<Labelled<'_, T>>,
        (samples, flags): (&[T], &[u8]),
        labels: &mut [u32],
        forest: &mut Forest<'_>,
        count: &mut u64,
    ) {
        let width = samples.len();
        let mut start = 0;
        while start < width {
            if flags[start] == 0 {
                let length = flags[start..].iter().position(|&flag| flag != 0).unwrap_or(width - start);
                labels[start..start + length].fill(0);
                start += length;
                continue;
            }
            let sample = samples[start];
            let rest = &flags[start..];
            let length = match self.wanted.of {
                Of::Nonzero => rest.iter().position(|&flag| flag == 0),
                Of::Equal => rest
                    .iter()
                    .zip(&samples[start..])
                    .position(|(&flag, &other)| flag == 0 || !self.same(sample, other)),
            };
            let end = start + length.unwrap_or(width - start);
            let mut label = 0;
            if let Some(above) = above {
                let mut last = 0;
                for x in self.touching(start, end) {
                    let other = above.labels[x];
                    if other != last && other != 0 && self.same(sample, above.samples[x]) {
                        label = if label == 0 { other } else { forest.unite(label, other) };
                        last = other;
                    }
                }
            }
            if label == 0 {
                *count += 1;
                label = *count as u32;
                forest.plant(label);
            }
            labels[start..end].fill(label);
            start = end;
        }
    }

    /// Every pair of labels of a row and of another one beside it that belong together.
    fn touches(
        &self,
        row: Labelled<'_, T>,
        other: (&[u64], &[u64]),
        mut touch: impl FnMut(u32, u64) -> Result<()>,
    ) -> Result<()> {
        let (other_labels, other_samples) = other;
        let mut last = (0, 0);
        for (x, (&label, &sample)) in row.labels.iter().zip(row.samples).enumerate() {
            if label == 0 {
                continue;
            }
            for beside in self.touching(x, x + 1) {
                let pair = (label, other_labels[beside]);
                if pair.1 != 0 && pair != last && self.same(sample, sample_of(other_samples[beside])) {
                    touch(pair.0, pair.1)?;
                    last = pair;
                }
            }
        }
        Ok(())
    }

    /// Hands a row on: its samples, where they count.
    fn hand_samples(&self, row: &[T], samples: &mut [u64]) {
        if self.wanted.of == Of::Equal {
            for (word, &sample) in samples.iter_mut().zip(row) {
                *word = word_of(sample);
            }
        }
    }

    /// Labels, samples and the number of components, as they are handed from tile to tile.
    fn handed<'a>(&self, handed: &'a mut [u64]) -> (&'a mut [u64], &'a mut [u64], &'a mut u64) {
        let (labels, rest) = handed.split_at_mut(self.width());
        let (samples, count) = rest.split_at_mut(self.width());
        (labels, samples, &mut count[0])
    }
}

/// A sample's bytes in a word.
fn word_of<T: Sample>(sample: T) -> u64 {
    let mut word = 0_u64;
    let bytes = bytemuck::bytes_of_mut(&mut word);
    bytes[..size_of::<T>()].copy_from_slice(bytemuck::bytes_of(&sample));
    word
}

/// The sample that [`word_of`] put into a word.
fn sample_of<T: Sample>(word: u64) -> T {
    bytemuck::pod_read_unaligned(&bytemuck::bytes_of(&word)[..size_of::<T>()])
}

impl<T: Sample> BothWays for Components<T> {
    fn output(&self) -> &RasterInfo {
        &self.output
    }

    fn handed_words(&self) -> usize {
        2 * self.width() + 1
    }

    fn note_length(&self) -> usize {
        self.width()
    }

    fn work_words(&self, tile: Size) -> usize {
        let [row, flags, parents, finals] = self.parts(tile.height);
        1 + 4 * row + flags + parents.saturating_add(finals)
    }

    fn start(&self, handed: &mut [u64]) {
        handed.fill(0);
    }

    fn look(&self, input: &TileView<'_>, work: &mut [u64]) -> Result<()> {
        let height = input.window().height;
        let work = self.work(height, work);
        check_labels(self.most_labels(height) + self.width())?;
        let [mut above, mut row] = work.rows;
        *work.count = 0;
        let mut forest = Forest::over(work.parents);
        for y in 0..height {
            self.fill_flags(input, y, work.flags);
            let samples = input.row::<T>(0, y);
            let before = (y > 0).then(|| Labelled { samples: input.row(0, y - 1), labels: above });
            self.label_row(before, (samples, work.flags), row, &mut forest, work.count);
            if y == 0 {
                work.top.copy_from_slice(row);
            }
            std::mem::swap(&mut above, &mut row);
        }
        work.bottom.copy_from_slice(above);
        Ok(())
    }

    fn hand_up(
        &self,
        input: &TileView<'_>,
        work: &mut [u64],
        handed: &mut [u64],
        note: &mut [u32],
    ) -> Result<()> {
        let height = input.window().height;
        let work = self.work(height, work);
        let mut forest = Forest::over(work.parents);
        let (labels, samples, _) = self.handed(handed);
        // The sets below come behind the tile's own labels: the one that begins in column `x` is `count + x + 1`.
        let count = *work.count as u32;
        for (x, &label) in labels.iter().enumerate() {
            if label == x as u64 + 1 {
                forest.plant(count + label as u32);
            }
        }
        let row = Labelled { samples: input.row(0, height - 1), labels: work.bottom };
        self.touches(row, (labels, samples), |label, below| {
            forest.unite(label, count + below as u32);
            Ok(())
        })?;
        forest.first_places(work.bottom, |x, place| note[x] = place);
        forest.first_places(work.top, |x, place| labels[x] = u64::from(place));
        self.hand_samples(input.row(0, 0), samples);
        Ok(())
    }

    fn begin(
        &self,
        note: &[u32],
        input: &TileView<'_>,
        output: &mut TileMut<'_>,
        work: &mut [u64],
    ) -> Result<()> {
        let height = input.window().height;
        let work = self.work(height, work);
        check_labels(self.most_labels(height))?;
        *work.count = 0;
        let mut forest = Forest::over(work.parents);
        for y in 0..height {
            self.fill_flags(input, y, work.flags);
            let row = (input.row(0, y), &*work.flags);
            if y == 0 {
                self.label_row(None, row, output.row_mut(0, 0), &mut forest, work.count);
            } else {
                let (labels, below) = output.row_below(0, y);
                let above = Some(Labelled { samples: input.row(0, y - 1), labels });
                self.label_row(above, row, below, &mut forest, work.count);
            }
        }
        let bottom = output.row_mut::<u32>(0, height - 1);
        for (&label, &place) in bottom.iter().zip(note) {
            if label != 0 {
                let first = (place as usize).checked_sub(1).and_then(|first| bottom.get(first));
                let first = first.copied().filter(|&first| first != 0).ok_or_else(changed)?;
                forest.unite(label, first);
            }
        }
        Ok(())
    }

    fn hand_down(
        &self,
        input: &TileView<'_>,
        output: &TileView<'_>,
        work: &mut [u64],
        handed: &mut [u64],
    ) -> Result<()> {
        let height = input.window().height;
        let work = self.work(height, work);
        let (labels, samples, numbers) = self.handed(handed);
        let count = *work.count as usize;
        let mut forest = Forest::over(work.parents);
        let finals = &mut work.finals[..=count];
        finals.fill(0);
        let top = Labelled { samples: input.row(0, 0), labels: output.row(0, 0) };
        self.touches(top, (labels, samples), |label, above| {
            let known = &mut finals[forest.root(label) as usize];
            if *known != 0 && u64::from(*known) != above {
                return Err(changed());
            }
            *known = above as u32;
            Ok(())
        })?;
        // A root is its set's least label, so that it comes first, in the order of first pixels.
        for label in 1..=count {
            let root = forest.root(label as u32) as usize;
            if root == label && finals[label] == 0 {
                *numbers += 1;
                finals[label] = u32::try_from(*numbers).map_err(|_| too_many(input))?;
            } else {
                finals[label] = finals[root];
            }
        }
        for (handed, &label) in labels.iter_mut().zip(output.row::<u32>(0, height - 1)) {
            *handed = u64::from(finals[label as usize]);
        }
        self.hand_samples(input.row(0, height - 1), samples);
        Ok(())
    }

    fn complete(
        &self,
        _note: &[u32],
        input: &TileView<'_>,
        output: &mut TileMut<'_>,
        work: &mut [u64],
    ) -> Result<()> {
        let height = input.window().height;
        let work = self.work(height, work);
        for y in 0..height {
            for label in output.row_mut::<u32>(0, y) {
                *label = work.finals[*label as usize];
            }
        }
        Ok(())
    }

    fn found(&self, handed: &[u64]) -> Vec<(&'static str, u64)> {
        vec![("components", handed[2 * self.width()])]
    }
}

fn check_labels(most: usize) -> Result<()> {
    if most > MOST_LABELS {
        return Err(Error::limit(format!(
            "a tile could have {most} regions, and {MOST_LABELS} can be told apart: a smaller `--tile` can be labelled"
        )));
    }
    Ok(())
}

fn changed() -> Error {
    Error::damaged("the raster is not what it was in the sweep before")
}

fn too_many(input: &TileView<'_>) -> Error {
    Error::limit(format!(
        "there are more components than u32 has numbers ({}) down to row {}",
        u32::MAX,
        input.window().y_end() - 1
    ))
}

#[cfg(test)]
mod tests;
