//! Lines, dots and capital letters on a picture, with soft edges.

use swathe_core::Size;

/// Red, green and blue.
pub(super) type Colour = [u8; 3];

/// A picture that is drawn on.
pub(super) struct Canvas {
    size: Size,
    pixels: Vec<u8>,
}

/// Rows of five by three dots, the uppermost first, three bits each: what legends are written in.
const LETTERS: [(char, [u8; 5]); 23] = [
    ('0', [0b111, 0b101, 0b101, 0b101, 0b111]),
    ('1', [0b010, 0b110, 0b010, 0b010, 0b111]),
    ('2', [0b111, 0b001, 0b111, 0b100, 0b111]),
    ('3', [0b111, 0b001, 0b111, 0b001, 0b111]),
    ('4', [0b101, 0b101, 0b111, 0b001, 0b001]),
    ('5', [0b111, 0b100, 0b111, 0b001, 0b111]),
    ('6', [0b111, 0b100, 0b111, 0b101, 0b111]),
    ('7', [0b111, 0b001, 0b001, 0b010, 0b010]),
    ('8', [0b111, 0b101, 0b111, 0b101, 0b111]),
    ('9', [0b111, 0b101, 0b111, 0b001, 0b111]),
    ('.', [0b000, 0b000, 0b000, 0b000, 0b010]),
    ('A', [0b010, 0b101, 0b111, 0b101, 0b101]),
    ('D', [0b110, 0b101, 0b101, 0b101, 0b110]),
    ('E', [0b111, 0b100, 0b110, 0b100, 0b111]),
    ('I', [0b111, 0b010, 0b010, 0b010, 0b111]),
    ('L', [0b100, 0b100, 0b100, 0b100, 0b111]),
    ('O', [0b111, 0b101, 0b101, 0b101, 0b111]),
    ('P', [0b111, 0b101, 0b111, 0b100, 0b100]),
    ('R', [0b110, 0b101, 0b110, 0b101, 0b101]),
    ('S', [0b111, 0b100, 0b111, 0b001, 0b111]),
    ('T', [0b111, 0b010, 0b010, 0b010, 0b010]),
    ('U', [0b101, 0b101, 0b101, 0b101, 0b111]),
    ('X', [0b101, 0b101, 0b010, 0b101, 0b101]),
];
/// Pixels of a letter's dot.
const DOT: usize = 2;

/// Pixels from the beginning of words to their end.
pub(super) fn text_width(words: &str) -> f64 {
    (4 * words.chars().count() * DOT) as f64
}

impl Canvas {
    pub(super) fn new(size: Size, paper: Colour) -> Self {
        Canvas { size, pixels: paper.repeat(size.pixels()) }
    }

    pub(super) fn size(&self) -> Size {
        self.size
    }

    pub(super) fn into_pixels(self) -> Vec<u8> {
        self.pixels
    }

    /// Paints a pixel; nothing outside.
    pub(super) fn set(&mut self, x: usize, y: usize, colour: Colour) {
        self.blend(x, y, colour, 1.0);
    }

    fn blend(&mut self, x: usize, y: usize, colour: Colour, share: f64) {
        if x >= self.size.width || y >= self.size.height {
            return;
        }
        let pixel = &mut self.pixels[3 * (y * self.size.width + x)..][..3];
        for (old, new) in pixel.iter_mut().zip(colour) {
            *old = (f64::from(*old) * (1.0 - share) + f64::from(new) * share).round() as u8;
        }
    }

    /// A line with round ends, or a dot where both ends are the same; (0, 0) is the outer corner of the first pixel.
    pub(super) fn line(&mut self, from: [f64; 2], to: [f64; 2], width: f64, colour: Colour) {
        let reach = width / 2.0 + 1.0;
        let range = |axis: usize, length: usize| {
            let (least, greatest) = (from[axis].min(to[axis]) - reach, from[axis].max(to[axis]) + reach);
            // Casts of what lies outside end at the edge.
            (least.floor().max(0.0) as usize)..(greatest.ceil() as usize).min(length)
        };
        let along = [to[0] - from[0], to[1] - from[1]];
        let square = along[0] * along[0] + along[1] * along[1];
        for y in range(1, self.size.height) {
            for x in range(0, self.size.width) {
                let at = [x as f64 + 0.5 - from[0], y as f64 + 0.5 - from[1]];
                let part = if square > 0.0 {
                    ((at[0] * along[0] + at[1] * along[1]) / square).clamp(0.0, 1.0)
                } else {
                    0.0
                };
                let distance = (at[0] - part * along[0]).hypot(at[1] - part * along[1]);
                let share = (width / 2.0 + 0.5 - distance).clamp(0.0, 1.0);
                if share > 0.0 {
                    self.blend(x, y, colour, share);
                }
            }
        }
    }

    /// Words of the characters there are, from their upper left corner on; the others are left blank.
    pub(super) fn text(&mut self, at: [f64; 2], words: &str, colour: Colour) {
        let [left, top] = at.map(|at| at.max(0.0) as usize);
        for (number, character) in words.chars().enumerate() {
            let Some((_, rows)) = LETTERS.iter().find(|(letter, _)| *letter == character) else { continue };
            for (row, bits) in rows.iter().enumerate() {
                for column in (0..3).filter(|column| bits >> (2 - column) & 1 == 1) {
                    for (dx, dy) in (0..DOT * DOT).map(|dot| (dot % DOT, dot / DOT)) {
                        self.set(left + (4 * number + column) * DOT + dx, top + row * DOT + dy, colour);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_cover_what_they_cross() {
        let mut canvas = Canvas::new(Size::new(6, 4), [0; 3]);
        canvas.line([1.0, 1.5], [4.0, 1.5], 1.0, [200, 100, 50]);
        let red: Vec<u8> = canvas.into_pixels().iter().step_by(3).copied().collect();
        assert_eq!(red[6..12], [100, 200, 200, 200, 100, 0]);
        assert_eq!([red[0], red[14], red[20]], [0, 0, 0]);
        // Far outside, nothing happens.
        let mut canvas = Canvas::new(Size::new(2, 2), [9; 3]);
        canvas.line([-1e9, -50.0], [-10.0, 1e300], 3.0, [0; 3]);
        canvas.text([1e9, 0.0], "8", [0; 3]);
        assert_eq!(canvas.into_pixels(), [9; 12]);
    }

    #[test]
    fn letters_are_drawn_dot_by_dot() {
        let mut canvas = Canvas::new(Size::new(16, 10), [0; 3]);
        canvas.text([0.0, 0.0], "7.", [255; 3]);
        let lit = canvas.into_pixels().iter().step_by(3).filter(|&&red| red == 255).count();
        assert_eq!(lit, 4 * (3 + 1 + 1 + 1 + 1 + 1));
    }
}
