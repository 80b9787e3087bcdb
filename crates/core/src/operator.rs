//! The operator's contract: what it makes, what it needs, what it costs, how it treats the edge, and how it computes.

use crate::boundary::Boundary;
use crate::error::Result;
use crate::geometry::{Halo, Size, Window};
use crate::parameters::{Parameter, Parameters};
use crate::raster::RasterInfo;
use crate::scratch::Frame;
use crate::tile::{TileMut, TileView};

/// What an operator is given where its need reaches past the raster's edge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Edge {
    /// All of the need, with the pixels past the edge invented by this rule.
    Extend(Boundary),
    /// Only the part of the need that exists; the operator looks at the view's window.
    Clip,
}

/// An operator bound to its parameters and inputs: the part that plans ask and workers run.
///
/// Pure: no files, no threads, no global state, no allocation for a tile. A pixel's value must not depend on the
/// window it is computed in, nor on the width of a vector.
pub trait Operator: Send + Sync {
    /// What it makes: size, bands, sample type, nodata, georeferencing and metadata of its output.
    fn output(&self) -> &RasterInfo;

    /// The window of input `input` that `output` depends on; it may reach past the edge.
    ///
    /// Its width must follow from the columns of `output` alone and its height from the rows, or the
    /// other way round, so that a plan can find the largest tile without trying all.
    fn need(&self, input: usize, output: Window) -> Window;

    /// What stands past the edge of input `input`.
    fn edge(&self, input: usize) -> Edge;

    /// Bytes of scratch that [`Operator::process`] takes for an output tile of this size.
    fn scratch_bytes(&self, output: Size) -> usize;

    /// Bytes of tables that it holds all the time, where they are worth counting.
    fn resident_bytes(&self) -> usize {
        0
    }

    /// About how long one core takes for a pixel of the output, all bands of it, in nanoseconds: what plans weigh against
    /// storing a pixel. A factor of two does not matter.
    fn pixel_nanoseconds(&self) -> f64 {
        2.0 * self.output().bands as f64
    }

    /// Computes a tile. `inputs[i]` covers `need(i, output.window())`, clipped to its raster under [`Edge::Clip`].
    ///
    /// # Errors
    /// Where pixel values make the result undefined by the operator's own rules (an integer overflow, say).
    fn process(
        &self,
        inputs: &[TileView<'_>],
        output: &mut TileMut<'_>,
        scratch: &mut Frame<'_>,
    ) -> Result<()>;

    /// The margin around a tile, for the plan's words; exact for filters.
    fn halo(&self) -> Halo {
        let probe = Window::new(0, 0, 1, 1);
        let need = self.need(0, probe);
        let past = |length: i64| usize::try_from(length).unwrap_or(0);
        Halo {
            left: past(-need.x),
            top: past(-need.y),
            right: past(need.x_end() - 1),
            bottom: past(need.y_end() - 1),
        }
    }
}

/// The heading under which an operator is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Each pixel from the same pixel.
    Point,
    /// Weighted means of a neighbourhood.
    Smoothing,
    /// Statistics of a neighbourhood.
    LocalStatistics,
    /// Minima and maxima over a shape.
    Morphology,
    /// Derivatives.
    Edges,
    /// Filters for the multiplicative noise of radar.
    Speckle,
    /// Derivatives of elevation.
    Terrain,
    /// Pixels to other places.
    Geometry,
    /// Displacement between two rasters.
    Motion,
    /// Anything that looks at all pixels.
    WholeRaster,
}

impl Group {
    /// The heading's words.
    pub const fn name(self) -> &'static str {
        match self {
            Group::Point => "point",
            Group::Smoothing => "smoothing",
            Group::LocalStatistics => "local statistics",
            Group::Morphology => "morphology",
            Group::Edges => "edges",
            Group::Speckle => "speckle",
            Group::Terrain => "terrain",
            Group::Geometry => "geometry",
            Group::Motion => "motion",
            Group::WholeRaster => "whole raster",
        }
    }
}

/// The longer description that `swathe help OPERATOR` prints. Plain text, lines as they are.
#[derive(Clone, Copy, Debug)]
pub struct Documentation {
    /// What is computed, symbols defined.
    pub formula: &'static str,
    /// The margin, in terms of the parameters.
    pub halo: &'static str,
    /// Input types, the type computed in, output types and rounding.
    pub types: &'static str,
    /// What happens with nodata, `NaN` and masks.
    pub nodata: &'static str,
    /// Cost of a pixel.
    pub cost: &'static str,
    /// Paper, book or tool that defines it.
    pub source: &'static str,
    /// Tool, command and tolerance that it agrees with, and known differences.
    pub agrees: &'static str,
    /// One command line that works.
    pub example: &'static str,
}

/// The one description of something that can be computed, from which its command, help, pipeline name and tests come.
/// `B` is what binds it to its parameters and inputs.
#[derive(Clone, Copy, Debug)]
pub struct Spec<B> {
    /// Its name on the command line.
    pub name: &'static str,
    /// Where it is listed.
    pub group: Group,
    /// One line, lower case, no full stop.
    pub summary: &'static str,
    /// How many rasters it takes, at least and at most.
    pub inputs: (usize, usize),
    /// What it takes besides.
    pub parameters: &'static [Parameter],
    /// The longer description.
    pub documentation: Documentation,
    /// Parameter sets that tests run it with, as written on the command line (`"sigma=2.2 size=11"`); at least one.
    pub trials: &'static [&'static str],
    /// Binds it to its parameters and inputs.
    pub bind: B,
}

/// The description of an operator.
pub type OperatorSpec = Spec<Bind>;

/// Binds an operator to its parameters and the rasters it reads, or says why that can't be done.
pub type Bind = fn(&Parameters, &[RasterInfo]) -> Result<Box<dyn Operator>>;
