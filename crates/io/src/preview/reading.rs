//! Reads what a preview looks at, block row after block row.

use std::collections::VecDeque;
use std::ops::Range;

use swathe_core::{Result, Scratch, Size, Source, TileBuffer, Window, with_sample};

use super::Channel;
use super::accumulate::{Axis, LOOKED_AT, Sums};

/// Most bytes of pixels read at once, unless one row of one block is larger.
const READ_BYTES: usize = 8 << 20;

/// The means of the boxes of `window` reduced to `size`: channel after channel, row after row, `NaN` for no data.
pub(super) fn reduce(
    source: &dyn Source,
    window: Window,
    size: Size,
    channels: &[Channel],
) -> Result<Vec<f64>> {
    let columns = Axis { start: window.x, length: window.width, count: size.width };
    let rows = Axis { start: window.y, length: window.height, count: size.height };
    let mut means = vec![f64::NAN; size.pixels() * channels.len()];
    let mut reader = Reader {
        source,
        columns,
        sampled: (0..columns.count).map(|column| columns.sampled(column)).collect(),
        buffer: TileBuffer::with_capacity(0),
        scratch: Scratch::default(),
        valid: Vec::new(),
    };
    // Rows of boxes that have begun and not ended, the first of which is row `first`.
    let (mut open, mut first) = (VecDeque::new(), 0);
    for run in runs(source, window, rows) {
        let last = rows.boxes_at(run.end - 1).end;
        while first + open.len() < last {
            open.push_back(Sums::new(size.width, channels.len()));
        }
        reader.add_run(run.clone(), rows, channels, first, open.make_contiguous())?;
        while first < size.height && !open.is_empty() && rows.sampled(first).end <= run.end {
            if let Some(mut sums) = open.pop_front() {
                let place = |index: usize| {
                    let (channel, column) = (index / size.width, index % size.width);
                    (channel * size.height + first) * size.width + column
                };
                for (index, mean) in sums.take_means().enumerate() {
                    means[place(index)] = mean;
                }
            }
            first += 1;
        }
    }
    Ok(means)
}

/// The runs of rows to read, from north to south: those looked at, cut at rows of blocks. Where a part of a block costs
/// as much as the whole of it, all of the block's rows within `window`.
fn runs(source: &dyn Source, window: Window, rows: Axis) -> Vec<Range<i64>> {
    let block = source.block().height.max(1);
    // Low strips are read several at once.
    let cut = (block * LOOKED_AT.div_ceil(block)) as i64;
    let block = if rows_are_read_alone(source) { 1 } else { block as i64 };
    let mut runs: Vec<Range<i64>> = Vec::new();
    for index in 0..rows.count {
        let sampled = rows.sampled(index);
        let end = ((sampled.end - 1) / block * block + block).min(window.y_end());
        // What is already there is not read twice.
        let read = runs.last().map_or(window.y, |run| run.end);
        let mut start = (sampled.start / block * block).max(read);
        while start < end {
            let next = end.min((start / cut + 1) * cut);
            match runs.last_mut() {
                Some(run) if run.end == start && start % cut != 0 => run.end = next,
                _ => runs.push(start..next),
            }
            start = next;
        }
    }
    runs
}

/// Whether a row of a block is read without the rest of the block, which is so unless it is compressed.
fn rows_are_read_alone(source: &dyn Source) -> bool {
    let (size, block) = (source.info().size, source.block());
    let width = block.width.min(size.width);
    let whole = source.stored_bytes(Window::new(0, 0, width, block.height.min(size.height)));
    // A computed raster stores nothing.
    whole == 0 || block.height == 1 || source.stored_bytes(Window::new(0, 0, width, 1)) < whole
}

struct Reader<'a> {
    source: &'a dyn Source,
    columns: Axis,
    /// The columns that each box looks at.
    sampled: Vec<Range<i64>>,
    buffer: TileBuffer,
    scratch: Scratch,
    valid: Vec<u8>,
}

impl Reader<'_> {
    /// Adds a run of rows to the open rows of boxes, the first of which is row `first`.
    fn add_run(
        &mut self,
        run: Range<i64>,
        rows: Axis,
        channels: &[Channel],
        first: usize,
        open: &mut [Sums],
    ) -> Result<()> {
        let size = self.read_size((run.end - run.start) as usize);
        let (left, right) = (self.columns.start, self.columns.start + self.columns.length as i64);
        let mut y = run.start;
        while y < run.end {
            let height = size.height.min((run.end - y) as usize);
            let mut x = left;
            while x < right {
                // Reads end where blocks end, whatever column the window begins in.
                let width = size.width as i64;
                let end = ((x / width + 1) * width).min(right);
                let window = Window::new(x, y, (end - x) as usize, height);
                if self.looked_at(window) {
                    self.read(window)?;
                    self.add_rows(rows, channels, first, open);
                }
                x = end;
            }
            y += height as i64;
        }
        Ok(())
    }

    /// How much is read at once of a run of rows: whole blocks, as many as fit [`READ_BYTES`].
    fn read_size(&self, rows: usize) -> Size {
        let info = self.source.info();
        let block = self.source.block().width.clamp(1, info.size.width);
        let pixel = info.bands.saturating_mul(info.sample_type.size()) + usize::from(info.mask);
        let column = pixel.saturating_mul(rows);
        let fitting = READ_BYTES / column.max(1);
        if fitting >= block {
            return Size::new(fitting / block * block, rows);
        }
        Size::new(block, (READ_BYTES / pixel.saturating_mul(block).max(1)).clamp(1, rows))
    }

    fn looked_at(&self, window: Window) -> bool {
        let columns = self.columns.boxes_at(window.x).start..self.columns.boxes_at(window.x_end() - 1).end;
        self.sampled[columns].iter().any(|sampled| sampled.start < window.x_end() && sampled.end > window.x)
    }

    fn read(&mut self, window: Window) -> Result<()> {
        self.buffer.reset(window, self.source.info().kind());
        self.scratch.reserve(self.source.scratch_bytes(window.size()));
        self.source.read(&mut self.buffer.view_mut(), &mut self.scratch.frame())
    }

    fn add_rows(&mut self, rows: Axis, channels: &[Channel], first: usize, open: &mut [Sums]) {
        let tile = self.buffer.view();
        let window = tile.window();
        let info = self.source.info();
        self.valid.resize(window.width, 0);
        let columns = (&self.sampled[..], self.columns.boxes_at(window.x).start);
        for y in 0..window.height {
            let position = window.y + y as i64;
            for row in rows.boxes_at(position) {
                if rows.sampled(row).contains(&position) {
                    let sums = &mut open[row - first];
                    with_sample!(info.sample_type,
                        T => sums.add_row::<T>(info, channels, (&tile, y), columns, &mut self.valid));
                }
            }
        }
    }
}
