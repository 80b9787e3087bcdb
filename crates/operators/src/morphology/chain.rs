//! Erosions and dilations one after the other, each on what the one before made.
//!
//! Past the raster's edge stands, for each of them, what the boundary makes of the raster before it: as if each were
//! run on its own.

use swathe_core::{Boundary, Frame, Halo, ScratchSize, Size, Window};

use super::element::Element;
use super::extreme::{Greatest, Least};
use super::filter::{Area, Filter, Rows, Target};
use crate::rank::key::Key;

/// Which of two keys is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// The lesser.
    Least,
    /// The greater.
    Greatest,
}

impl Kept {
    /// What never is kept beside another: what pixels without data are taken for.
    pub(crate) fn identity<K: Key>(self) -> K {
        match self {
            Kept::Least => K::GREATEST,
            Kept::Greatest => K::LEAST,
        }
    }
}

/// An erosion or dilation, or more of them that are one.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    kept: Kept,
    filter: Filter,
    halo: Halo,
    has_centre: bool,
}

impl Stage {
    /// The stage that keeps the least or the greatest over the element.
    pub(crate) fn new(kept: Kept, element: &Element) -> Self {
        Stage { kept, filter: Filter::new(element), halo: element.halo(), has_centre: element.has_centre() }
    }
}

/// Stages, the first first; of none the result is the raster itself.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    stages: Vec<Stage>,
    /// Around a window of the result, of what goes into each stage; nothing after the last.
    margins: Vec<Halo>,
    boundary: Boundary,
    raster: Window,
}

/// What stands past the raster's edge under [`Boundary::Constant`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outside<K> {
    pub(crate) key: K,
    /// 1 for data and 0 for none.
    pub(crate) flag: u8,
}

/// What is computed from what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reach {
    /// What the source covers, at least what is needed.
    pub(crate) source: Window,
    /// What is put out.
    pub(crate) output: Window,
}

/// What the flags of a window become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flags {
    /// Data, where the pixel itself and one of its window are.
    Any,
    /// Data, where all of the window is.
    All,
}

impl Chain {
    /// The chain for a raster of that size.
    pub(crate) fn new(stages: Vec<Stage>, boundary: Boundary, raster: Size) -> Self {
        let mut margins = vec![Halo::NONE; stages.len() + 1];
        for index in (0..stages.len()).rev() {
            let (after, own) = (margins[index + 1], stages[index].halo);
            // What is reflected is found on the same side of the edge only as far as the other side reaches.
            let reflected = index > 0 && matches!(boundary, Boundary::Reflect | Boundary::Mirror);
            let own = if reflected { both_ways(own) } else { own };
            margins[index] = Halo {
                left: after.left + own.left,
                top: after.top + own.top,
                right: after.right + own.right,
                bottom: after.bottom + own.bottom,
            };
        }
        Chain { stages, margins, boundary, raster: Window::whole(raster) }
    }

    /// The window of the raster that `output` depends on.
    pub(crate) fn need(&self, output: Window) -> Window {
        output.grow(self.margins[0])
    }

    /// Whether the first stage keeps the least: what pixels without data must be put in as.
    pub(crate) fn first_kept(&self) -> Kept {
        self.stages.first().map_or(Kept::Least, |stage| stage.kept)
    }

    /// Pixels of each of the two planes between the stages.
    fn plane_pixels(&self, output: Size) -> usize {
        let between = self.margins.get(1..self.stages.len()).unwrap_or_default();
        let pixels = |margin: &Halo| Window::whole(output).grow(*margin).size().pixels();
        between.iter().map(pixels).max().unwrap_or(0)
    }

    /// Bytes of scratch that the keys take.
    pub(crate) fn key_bytes<K>(&self, output: Size) -> usize {
        let pixels = self.plane_pixels(output);
        let planes = ScratchSize::new().with::<K>(pixels).with::<K>(pixels).bytes();
        let stage = |(index, stage): (usize, &Stage)| {
            stage.filter.scratch_bytes::<K>(Window::whole(output).grow(self.margins[index + 1]).size())
        };
        planes + self.stages.iter().enumerate().map(stage).max().unwrap_or(0)
    }

    /// Bytes of scratch that the flags take, besides [`Chain::flag_pixels`].
    pub(crate) fn flag_bytes(&self, output: Size) -> usize {
        self.key_bytes::<u8>(output)
    }

    /// The flags after each stage, one plane after the other; the source's are not among them.
    pub(crate) fn flag_pixels(&self, output: Size) -> usize {
        self.margins[1..].iter().map(|margin| Window::whole(output).grow(*margin).size().pixels()).sum()
    }

    /// The part of what stage `index` makes that is computed; the rest is the boundary's.
    fn computed(&self, index: usize, output: Window) -> Window {
        let made = output.grow(self.margins[index + 1]);
        if self.boundary == Boundary::Wrap { made } else { made.intersect(self.raster) }
    }

    /// Puts the result into `target`. Where flags are given, of each stage behind the other, pixels without data stay
    /// out.
    pub(crate) fn run<K: Key>(
        &self,
        source: &dyn Rows<K>,
        reach: Reach,
        flags: Option<&[u8]>,
        outside: Outside<K>,
        target: &mut dyn Target<K>,
        scratch: &mut Frame<'_>,
    ) {
        let Reach { source: mut window, output } = reach;
        let Some((last, between)) = self.stages.split_last() else {
            for y in 0..output.height {
                let place = place_in(window, output);
                source.read(place.x, place.y + y, target.row(0, y, output.width));
            }
            return;
        };
        let pixels = self.plane_pixels(output.size());
        let (mut from, mut to) = (scratch.take::<K>(pixels), scratch.take::<K>(pixels));
        let mut flags = flags;
        for (index, stage) in between.iter().enumerate() {
            let made = output.grow(self.margins[index + 1]);
            let next = &self.stages[index + 1];
            let mut plane = Plane { keys: &mut to[..made.size().pixels()], window: made };
            let inside = self.computed(index, output);
            let target = &mut plane.part(inside);
            if index == 0 {
                stage.apply(source, window, inside, target, &mut scratch.inner());
            } else {
                let source = PlaneRows { keys: from, stride: window.width };
                stage.apply(&source, window, inside, target, &mut scratch.inner());
            }
            let beyond = if outside.flag == 1 { outside.key } else { next.kept.identity() };
            plane.fill_outside(inside, self.raster.size(), self.boundary, beyond);
            if let Some(all) = flags {
                let (now, later) = all.split_at(made.size().pixels());
                plane.take_out(now, next.kept.identity());
                flags = Some(later);
            }
            std::mem::swap(&mut from, &mut to);
            window = made;
        }
        if between.is_empty() {
            last.apply(source, window, output, target, &mut scratch.inner());
        } else {
            let source = PlaneRows { keys: from, stride: window.width };
            last.apply(&source, window, output, target, &mut scratch.inner());
        }
    }

    /// Which pixels have data after each stage, from those of the source: puts a plane for each stage into `flags`, one
    /// after the other.
    pub(crate) fn run_flags(
        &self,
        source: &[u8],
        reach: Reach,
        rule: Flags,
        outside: u8,
        flags: &mut [u8],
        scratch: &mut Frame<'_>,
    ) {
        let Reach { source: mut window, output } = reach;
        let (mut before, mut rest) = (PlaneRows { keys: source, stride: window.width }, flags);
        for (index, stage) in self.stages.iter().enumerate() {
            let made = output.grow(self.margins[index + 1]);
            let (plane, later) = std::mem::take(&mut rest).split_at_mut(made.size().pixels());
            let mut target = Plane { keys: plane, window: made };
            let inside = self.computed(index, output);
            stage.apply_flags(&before, window, rule, inside, &mut target.part(inside), &mut scratch.inner());
            target.fill_outside(inside, self.raster.size(), self.boundary, outside);
            (before, window, rest) = (PlaneRows { keys: plane, stride: made.width }, made, later);
        }
    }

    /// Row `y` of the result's flags, of the source's and the planes that [`Chain::run_flags`] made.
    pub(crate) fn flag_row<'f>(
        &self,
        source: &'f [u8],
        reach: Reach,
        planes: &'f [u8],
        y: usize,
    ) -> &'f [u8] {
        let Reach { source: window, output } = reach;
        if self.stages.is_empty() {
            let place = place_in(window, output);
            return &source[(place.y + y) * window.width + place.x..][..output.width];
        }
        &planes[self.flag_pixels(output.size()) - (output.height - y) * output.width..][..output.width]
    }
}

/// The margin on both sides that either side has.
fn both_ways(halo: Halo) -> Halo {
    let (x, y) = (halo.left.max(halo.right), halo.top.max(halo.bottom));
    Halo { left: x, top: y, right: x, bottom: y }
}

/// Where a window that lies in another starts in it.
fn place_in(window: Window, part: Window) -> Area {
    Area { size: part.size(), x: (part.x - window.x) as usize, y: (part.y - window.y) as usize }
}

impl Stage {
    fn apply<K: Key>(
        &self,
        source: &dyn Rows<K>,
        window: Window,
        made: Window,
        target: &mut dyn Target<K>,
        scratch: &mut Frame<'_>,
    ) {
        let area = place_in(window, made);
        match self.kept {
            Kept::Least => self.filter.apply::<K, Least>(source, target, area, scratch),
            Kept::Greatest => self.filter.apply::<K, Greatest>(source, target, area, scratch),
        }
    }

    fn apply_flags(
        &self,
        source: &PlaneRows<'_, u8>,
        window: Window,
        rule: Flags,
        made: Window,
        target: &mut dyn Target<u8>,
        scratch: &mut Frame<'_>,
    ) {
        let area = place_in(window, made);
        // A pixel with data is one of its window that has.
        let own_is_enough = rule == Flags::Any && self.has_centre;
        match rule {
            Flags::Any if own_is_enough => {}
            Flags::Any => self.filter.apply::<u8, Greatest>(source, target, area, scratch),
            Flags::All => self.filter.apply::<u8, Least>(source, target, area, scratch),
        }
        for y in 0..made.height {
            let own = &source.keys[(area.y + y) * source.stride + area.x..][..made.width];
            let row = target.row(0, y, made.width);
            if own_is_enough {
                row.copy_from_slice(own);
            } else {
                row.iter_mut().zip(own).for_each(|(flag, own)| *flag &= own);
            }
        }
    }
}

/// Keys of a window, row after row, to read.
pub(crate) struct PlaneRows<'a, K> {
    pub(crate) keys: &'a [K],
    pub(crate) stride: usize,
}

impl<K: Key> Rows<K> for PlaneRows<'_, K> {
    fn read(&self, x: usize, y: usize, keys: &mut [K]) {
        keys.copy_from_slice(&self.keys[y * self.stride + x..][..keys.len()]);
    }
}

/// Keys of a window, row after row, to write.
pub(crate) struct Plane<'a, K> {
    pub(crate) keys: &'a mut [K],
    pub(crate) window: Window,
}

/// A part of a plane.
pub(crate) struct PlanePart<'a, K> {
    keys: &'a mut [K],
    stride: usize,
    x: usize,
    y: usize,
}

impl<K: Key> Target<K> for PlanePart<'_, K> {
    fn row(&mut self, x: usize, y: usize, count: usize) -> &mut [K] {
        &mut self.keys[(self.y + y) * self.stride + self.x + x..][..count]
    }
}

impl<K: Key> Plane<'_, K> {
    /// The part that `window` covers.
    pub(crate) fn part(&mut self, window: Window) -> PlanePart<'_, K> {
        let Area { x, y, .. } = place_in(self.window, window);
        PlanePart { keys: self.keys, stride: self.window.width, x, y }
    }

    /// Fills what lies outside `inside`, and so outside the raster, as the boundary says.
    fn fill_outside(&mut self, inside: Window, raster: Size, boundary: Boundary, constant: K) {
        let (window, stride) = (self.window, self.window.width);
        if inside == window {
            return;
        }
        let (rows, columns) = (inside.y..inside.y_end(), inside.x..inside.x_end());
        for y in rows.clone() {
            let row = &mut self.keys[(y - window.y) as usize * stride..][..stride];
            for x in (window.x..window.x_end()).filter(|x| !columns.contains(x)) {
                row[(x - window.x) as usize] = match boundary.resolve(x, raster.width) {
                    Some(from) => row[(from as i64 - window.x) as usize],
                    None => constant,
                };
            }
        }
        for y in (window.y..window.y_end()).filter(|y| !rows.contains(y)) {
            let start = (y - window.y) as usize * stride;
            match boundary.resolve(y, raster.height) {
                Some(from) => {
                    let from = (from as i64 - window.y) as usize * stride;
                    self.keys.copy_within(from..from + stride, start);
                }
                None => self.keys[start..start + stride].fill(constant),
            }
        }
    }

    /// Puts `identity` where there is no data.
    fn take_out(&mut self, flags: &[u8], identity: K) {
        for (key, &flag) in self.keys.iter_mut().zip(flags) {
            *key = if flag == 0 { identity } else { *key };
        }
    }
}
