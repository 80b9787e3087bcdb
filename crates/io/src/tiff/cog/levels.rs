//! The sizes of a raster's smaller copies, and which pixels of one follow from which of the one before.
//!
//! A copy covers the same land as the raster, whatever their sizes: pixel `i` of a side of `to` pixels covers
//! `i * from / to` to `(i + 1) * from / to` of the side of `from` pixels that it is made from, as GDAL has it.

use swathe_core::{Error, Halo, Result, Size, Window};

/// The largest factor whose copy is made while tiles pass by; smaller copies are made from this one at the end.
const NEAR: usize = 8;

/// A raster (level 0) and its smaller copies (from level 1), each made from the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Levels {
    sizes: Vec<Size>,
    factors: Vec<usize>,
    near: usize,
}

impl Levels {
    /// The levels of a raster stored in blocks of `block`: a copy for each of `factors` that makes it smaller.
    ///
    /// # Errors
    /// Usage, where a factor is no multiple of the one before, or a tile of one block cannot see enough for the first.
    pub(crate) fn new(raster: Size, factors: &[usize], block: Size) -> Result<Self> {
        let mut before = 1;
        for &factor in factors {
            if factor <= before || !factor.is_multiple_of(before) {
                return Err(Error::usage(format!(
                    "overviews of 1/{factor} after 1/{before}: each factor is a multiple of the one before, such as 2,4,8"
                )));
            }
            before = factor;
        }
        let reduced =
            |factor: usize| Size::new(raster.width.div_ceil(factor), raster.height.div_ceil(factor));
        let (mut sizes, mut smaller) = (vec![raster], Vec::new());
        for &factor in factors {
            if sizes.last() != Some(&reduced(factor)) {
                sizes.push(reduced(factor));
                smaller.push(factor);
            }
        }
        let factors = smaller;
        let near = factors.iter().take_while(|&&factor| factor <= NEAR).count();
        let mut levels = Levels { sizes, near: near.max(1).min(factors.len()), factors };
        let fits = |margin: Halo| margin.left < block.width && margin.top < block.height;
        while levels.near > 1 && !fits(levels.margin()) {
            levels.near -= 1;
        }
        if !fits(levels.margin()) {
            return Err(Error::usage(format!(
                "overviews of 1/{before} at once need larger blocks than {block}: use `--block`, or smaller factors first"
            )));
        }
        Ok(levels)
    }

    /// Halves until a copy fits one block.
    pub(crate) fn auto(raster: Size, block: Size) -> Vec<usize> {
        let fits = |factor: usize| {
            raster.width.div_ceil(factor) <= block.width && raster.height.div_ceil(factor) <= block.height
        };
        let mut factors = Vec::new();
        let mut factor = 1;
        while !fits(factor) {
            factor *= 2;
            factors.push(factor);
        }
        factors
    }

    /// How many copies there are.
    pub(crate) fn count(&self) -> usize {
        self.factors.len()
    }

    /// How many copies are made while tiles pass by.
    pub(crate) fn near(&self) -> usize {
        self.near
    }

    /// Pixels of a level.
    pub(crate) fn size(&self, level: usize) -> Size {
        self.sizes[level]
    }

    /// The pixels of a level that a tile of the raster owns: those that are made of nothing behind it, by columns and by rows, and
    /// of something in it. Every pixel belongs to one tile, and is made of that one and of earlier ones.
    pub(crate) fn owned(&self, level: usize, tile: Window) -> Window {
        let x = |at: i64| self.ended(level, at, |size| size.width);
        let y = |at: i64| self.ended(level, at, |size| size.height);
        Window::between(x(tile.x), y(tile.y), x(tile.x_end()), y(tile.y_end()))
    }

    /// How many pixels of a side of a level are made of the first `at` of the raster alone.
    fn ended(&self, level: usize, at: i64, side: impl Fn(Size) -> usize) -> i64 {
        self.sizes[..=level].windows(2).fold(at, |at, sizes| down(at, side(sizes[1]), side(sizes[0])))
    }

    /// The pixels of the level before that a window of a level is made from.
    pub(crate) fn source(&self, level: usize, window: Window) -> Window {
        let (from, to) = (self.sizes[level - 1], self.sizes[level]);
        Window::between(
            down(window.x, from.width, to.width),
            down(window.y, from.height, to.height),
            up(window.x_end(), from.width, to.width),
            up(window.y_end(), from.height, to.height),
        )
    }

    /// The most pixels of a level that are made of a window of the level before of this size.
    pub(crate) fn most(&self, level: usize, window: Size) -> Size {
        let (from, to) = (self.sizes[level - 1], self.sizes[level]);
        let side = |length: usize, from: usize, to: usize| (up(length as i64, to, from) as usize + 2).min(to);
        Size::new(side(window.width, from.width, to.width), side(window.height, from.height, to.height))
    }

    /// What a tile must see around it to make all of the near levels that it owns.
    pub(crate) fn margin(&self) -> Halo {
        let raster = self.sizes[0];
        let (left, top) = (self.margin_before(raster.width), self.margin_before(raster.height));
        Halo { left, top, right: 0, bottom: 0 }
    }

    fn margin_before(&self, length: usize) -> usize {
        let near = &self.factors[..self.near];
        // Then every pixel of a copy covers whole pixels, and no tile's edge goes through one, because tiles are whole
        // blocks and the sides of blocks are multiples of 16.
        let last = near.last().copied().unwrap_or(1);
        if length.is_multiple_of(last) && 16_usize.is_multiple_of(last) {
            return 0;
        }
        // The first pixel of a level that a tile owns begins less than a pixel of the level before those that it owns of the one before.
        (0..self.near).rev().fold(0, |before, level| {
            let step = near[level] / if level > 0 { near[level - 1] } else { 1 };
            step * (before + 1)
        })
    }
}

/// `at * to / from`, rounded up.
fn up(at: i64, to: usize, from: usize) -> i64 {
    (at.max(0) as u128 * to as u128).div_ceil(from.max(1) as u128) as i64
}

/// `at * to / from`, rounded down.
fn down(at: i64, to: usize, from: usize) -> i64 {
    (at.max(0) as u128 * to as u128 / from.max(1) as u128) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_follow_from_the_block() {
        let block = Size::new(512, 512);
        assert_eq!(Levels::auto(Size::new(2000, 300), block), [2, 4]);
        assert!(Levels::auto(Size::new(512, 512), block).is_empty());
        assert!(Levels::new(Size::new(99, 99), &[2, 3], block).is_err());
        // A pixel cannot be made smaller.
        assert_eq!(Levels::new(Size::new(2, 1), &[2, 4], block).unwrap().count(), 1);
        assert!(Levels::new(Size::new(9999, 99), &[64], Size::new(16, 16)).is_err());
    }

    /// Whatever the size, tiles share out every pixel, and see all that theirs are made from.
    #[test]
    fn a_margin_is_enough() {
        let block = Size::new(16, 16);
        for (width, height) in [(160, 96), (161, 97), (167, 95), (33, 250), (17, 1), (1, 1), (80, 81)] {
            let raster = Size::new(width, height);
            for factors in [[2, 4, 8].as_slice(), &[2, 4, 8, 16, 32], &[3, 6], &[2], &[5]] {
                let levels = Levels::new(raster, factors, block).unwrap();
                let mut owned = vec![0; levels.count() + 1];
                for y in (0..height).step_by(16) {
                    for x in (0..width).step_by(16) {
                        let tile = Window::between(x as i64, y as i64, (x + 16) as i64, (y + 16) as i64)
                            .intersect(Window::whole(raster));
                        let seen = tile.grow(levels.margin()).intersect(Window::whole(raster));
                        for (level, owned) in owned.iter_mut().enumerate().skip(1) {
                            let window = levels.owned(level, tile);
                            *owned += window.size().pixels();
                            assert!(Window::whole(levels.size(level)).contains(window));
                            if level > levels.near() || window.is_empty() {
                                continue;
                            }
                            let source =
                                (1..=level).rev().fold(window, |window, level| levels.source(level, window));
                            assert!(source.x_end() <= tile.x_end() && source.y_end() <= tile.y_end());
                            assert!(
                                seen.contains(source),
                                "{raster}, {factors:?}: {tile} sees {seen}, not {source}"
                            );
                        }
                    }
                }
                for (level, owned) in owned.iter().enumerate().skip(1) {
                    assert_eq!(*owned, levels.size(level).pixels(), "level {level} of {raster}");
                }
            }
        }
    }
}
