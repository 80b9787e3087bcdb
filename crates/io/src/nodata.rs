//! A source whose nodata value is another than its file says.

use swathe_core::{Frame, RasterInfo, Result, Scalar, Size, Source, TileMut};

use crate::changed::{Change, Changed};

/// `source` with a nodata value of the caller's.
pub(crate) fn with_nodata(source: Box<dyn Source>, nodata: Scalar) -> impl Source {
    let info = RasterInfo { nodata: Some(nodata), ..source.info().clone() };
    Changed::new(source, info, SamePixels)
}

struct SamePixels;

impl Change for SamePixels {
    fn scratch_bytes(&self, source: &dyn Source, window: Size) -> usize {
        source.scratch_bytes(window)
    }

    fn read(&self, source: &dyn Source, output: &mut TileMut<'_>, scratch: &mut Frame<'_>) -> Result<()> {
        source.read(output, scratch)
    }

    fn reads_straight(&self, source: &dyn Source, width: usize) -> bool {
        source.reads_straight(width)
    }
}
