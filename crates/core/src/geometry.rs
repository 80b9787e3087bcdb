//! Rectangles, sizes and margins in pixels: `x` grows to the east, `y` to the south.

/// A width and a height in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Size {
    /// Pixels from west to east.
    pub width: usize,
    /// Pixels from north to south.
    pub height: usize,
}

impl Size {
    /// A size.
    pub const fn new(width: usize, height: usize) -> Self {
        Size { width, height }
    }

    /// The number of pixels, or `usize::MAX` where it overflows.
    pub const fn pixels(self) -> usize {
        self.width.saturating_mul(self.height)
    }

    /// True where there is no pixel.
    pub const fn is_empty(self) -> bool {
        self.width == 0 || self.height == 0
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} x {}", self.width, self.height)
    }
}

/// A rectangle of pixels; a requested window may reach past the raster's edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// The first column.
    pub x: i64,
    /// The first row.
    pub y: i64,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl Window {
    /// A window.
    pub const fn new(x: i64, y: i64, width: usize, height: usize) -> Self {
        Window { x, y, width, height }
    }

    /// The window that covers a whole raster of the given size.
    pub const fn whole(size: Size) -> Self {
        Window { x: 0, y: 0, width: size.width, height: size.height }
    }

    /// The window from `(x0, y0)` up to, not including, `(x1, y1)`; empty where they are the wrong way round.
    pub const fn between(x0: i64, y0: i64, x1: i64, y1: i64) -> Self {
        let width = if x1 > x0 { (x1 - x0) as usize } else { 0 };
        let height = if y1 > y0 { (y1 - y0) as usize } else { 0 };
        Window { x: x0, y: y0, width, height }
    }

    /// Its size.
    pub const fn size(self) -> Size {
        Size { width: self.width, height: self.height }
    }

    /// One past the last column.
    pub const fn x_end(self) -> i64 {
        self.x + self.width as i64
    }

    /// One past the last row.
    pub const fn y_end(self) -> i64 {
        self.y + self.height as i64
    }

    /// True where there is no pixel.
    pub const fn is_empty(self) -> bool {
        self.size().is_empty()
    }

    /// The window with a margin added on each side.
    pub const fn grow(self, halo: Halo) -> Self {
        Window {
            x: self.x - halo.left as i64,
            y: self.y - halo.top as i64,
            width: self.width + halo.left + halo.right,
            height: self.height + halo.top + halo.bottom,
        }
    }

    /// What both windows cover; empty where they do not meet.
    pub fn intersect(self, other: Window) -> Self {
        Window::between(
            self.x.max(other.x),
            self.y.max(other.y),
            self.x_end().min(other.x_end()),
            self.y_end().min(other.y_end()),
        )
    }

    /// The smallest window that covers both.
    pub fn hull(self, other: Window) -> Self {
        Window::between(
            self.x.min(other.x),
            self.y.min(other.y),
            self.x_end().max(other.x_end()),
            self.y_end().max(other.y_end()),
        )
    }

    /// True where every pixel of `other` lies in this window.
    pub fn contains(self, other: Window) -> bool {
        other.is_empty()
            || (self.x <= other.x
                && self.y <= other.y
                && self.x_end() >= other.x_end()
                && self.y_end() >= other.y_end())
    }

    /// The window moved by `(dx, dy)`.
    pub const fn shift(self, dx: i64, dy: i64) -> Self {
        Window { x: self.x + dx, y: self.y + dy, width: self.width, height: self.height }
    }
}

impl std::fmt::Display for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{},{},{},{}", self.x, self.y, self.width, self.height)
    }
}

/// The margin of input around a tile that an operator needs, in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Halo {
    /// Columns to the west.
    pub left: usize,
    /// Rows to the north.
    pub top: usize,
    /// Columns to the east.
    pub right: usize,
    /// Rows to the south.
    pub bottom: usize,
}

impl Halo {
    /// No margin.
    pub const NONE: Halo = Halo { left: 0, top: 0, right: 0, bottom: 0 };

    /// The same margin on all four sides.
    pub const fn square(radius: usize) -> Self {
        Halo { left: radius, top: radius, right: radius, bottom: radius }
    }

    /// The margin of a window of the given size anchored at `size / 2`, scipy's rule: for an even size
    /// the window holds one pixel more before its anchor than after it.
    pub const fn of_window(size: Size) -> Self {
        let (left, top) = (size.width / 2, size.height / 2);
        Halo { left, top, right: size.width - 1 - left, bottom: size.height - 1 - top }
    }
}

impl std::fmt::Display for Halo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "left {} top {} right {} bottom {}", self.left, self.top, self.right, self.bottom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_grow_and_meet() {
        let window = Window::new(0, 0, 4, 3).grow(Halo { left: 1, top: 2, right: 3, bottom: 4 });
        assert_eq!(window, Window::new(-1, -2, 8, 9));
        let raster = Window::whole(Size::new(5, 5));
        assert_eq!(window.intersect(raster), Window::new(0, 0, 5, 5));
        assert!(window.intersect(Window::new(50, 0, 2, 2)).is_empty());
        assert!(raster.contains(Window::new(4, 4, 1, 1)) && !raster.contains(Window::new(4, 4, 2, 1)));
        assert_eq!(raster.hull(Window::new(-1, 2, 1, 9)), Window::new(-1, 0, 6, 11));
    }

    #[test]
    fn even_windows_hold_one_more_before_the_anchor() {
        assert_eq!(Halo::of_window(Size::new(4, 3)), Halo { left: 2, top: 1, right: 1, bottom: 1 });
        assert_eq!(Halo::of_window(Size::new(1, 1)), Halo::NONE);
    }
}
