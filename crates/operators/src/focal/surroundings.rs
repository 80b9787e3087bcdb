//! The rows of the window around each pixel of a row, for operators that weigh each pixel of it on its own.

use swathe_core::{Frame, ScratchSize, Size, TileView};

use crate::rows::LoadRows;

/// The last rows that were read: as many as the window is high, turning over.
pub(crate) struct Surroundings<'a> {
    window: Size,
    band: usize,
    width: usize,
    /// `window.height` rows of numbers, 0 where there is no data.
    numbers: &'a mut [f64],
    /// The same of 1 for data and 0 for none; empty where all is data.
    valid: &'a mut [f64],
    flags: &'a mut [u8],
    /// Where in these the rows of the windows begin.
    starts: &'a mut [usize],
    /// Rows read so far.
    read: usize,
}

impl<'a> Surroundings<'a> {
    /// What [`Surroundings::take`] takes for rows of `width` pixels.
    pub(crate) fn scratch(size: ScratchSize, window: Size, width: usize) -> ScratchSize {
        let ring = window.height * width;
        size.with::<f64>(ring).with::<f64>(ring).with::<u8>(width).with::<usize>(window.height)
    }

    /// Rows of `width` pixels of a band, none of them read yet; `whole` says that all are data.
    pub(crate) fn take(
        scratch: &mut Frame<'a>,
        window: Size,
        (band, width): (usize, usize),
        whole: bool,
    ) -> Self {
        let ring = window.height * width;
        Surroundings {
            window,
            band,
            width,
            numbers: scratch.take(ring),
            valid: scratch.take(if whole { 0 } else { ring }),
            flags: scratch.take(width),
            starts: scratch.take(window.height),
            read: 0,
        }
    }

    /// Reads on until the windows that begin with row `y` of the view are complete.
    pub(crate) fn read_to(&mut self, load: &dyn LoadRows<f64>, view: &TileView<'_>, y: usize) {
        let band = self.band;
        while self.read < y + self.window.height {
            let place = self.read % self.window.height * self.width;
            let numbers = &mut self.numbers[place..place + self.width];
            if self.valid.is_empty() {
                load.load(view, band, self.read, numbers);
            } else {
                load.load_valid(view, band, self.read, numbers, self.flags);
                for (valid, &flag) in self.valid[place..place + self.width].iter_mut().zip(self.flags.iter())
                {
                    *valid = f64::from(flag);
                }
            }
            self.read += 1;
        }
        for (j, start) in self.starts.iter_mut().enumerate() {
            *start = (self.read + j) % self.window.height * self.width;
        }
    }

    /// The band that the rows are of.
    pub(crate) fn band(&self) -> usize {
        self.band
    }

    /// Row `j` of the windows: pixel `i` of the window around column `x` is number `x + i`.
    #[inline(always)]
    pub(crate) fn numbers(&self, j: usize) -> &[f64] {
        &self.numbers[self.starts[j]..][..self.width]
    }

    /// Whether all pixels are data.
    #[inline(always)]
    pub(crate) fn is_whole(&self) -> bool {
        self.valid.is_empty()
    }

    /// As [`Surroundings::numbers`], 1 for data and 0 for none, where not all is data.
    #[inline(always)]
    pub(crate) fn valid(&self, j: usize) -> &[f64] {
        &self.valid[self.starts[j]..][..self.width]
    }
}
