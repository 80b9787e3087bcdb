//! The correlation of a chip with every window of a search area, from sums.
//!
//! *Formula*: `cov / sqrt(var_chip var_window)` over the pixels that are data in both (Lewis 1995; Padfield 2012 for masks);
//! 0 where either does not vary. *Agrees with*: `cv2.matchTemplate` (`TM_CCOEFF_NORMED`), `skimage.feature.match_template`.

use swathe_core::{Frame, ScratchSize, Size};

use super::products::{Numbers, Patch, Products, Work, places};

/// Pixels of a raster with what is known of them; what is not data is 0.
pub(super) struct Pixels<'a> {
    /// Values, less a number that is near their mean.
    values: &'a mut [f64],
    /// 1 for data, 0 for none.
    valid: &'a mut [f64],
    squares: &'a mut [f64],
    size: Size,
    /// How many are data.
    count: usize,
}

impl<'a> Pixels<'a> {
    pub(super) fn scratch(size: ScratchSize, most: usize) -> ScratchSize {
        size.with::<f64>(most).with::<f64>(most).with::<f64>(most)
    }

    /// Room for so many pixels.
    pub(super) fn take(scratch: &mut Frame<'a>, most: usize) -> Self {
        let [values, valid, squares] = [scratch.take(most), scratch.take(most), scratch.take(most)];
        Pixels { values, valid, squares, size: Size::new(0, 0), count: 0 }
    }

    /// Fills them row by row: `row` is given the row's number, and writes its values and 1 or 0 for data or none. Integers
    /// stay integers.
    pub(super) fn fill(
        &mut self,
        size: Size,
        whole: bool,
        mut row: impl FnMut(usize, &mut [f64], &mut [f64]),
    ) {
        self.size = size;
        let (mut sum, mut count) = (0.0, 0.0);
        for y in 0..size.height {
            let range = y * size.width..(y + 1) * size.width;
            let (values, valid) = (&mut self.values[range.clone()], &mut self.valid[range]);
            row(y, values, valid);
            for (value, valid) in values.iter_mut().zip(valid.iter_mut()) {
                // What is infinite matches nothing.
                if *valid == 0.0 || !value.is_finite() {
                    (*value, *valid) = (0.0, 0.0);
                }
                sum += *value;
                count += *valid;
            }
        }
        self.count = count as usize;
        let mean = if count > 0.0 { sum / count } else { 0.0 };
        let mean = if whole { mean.round() } else { mean };
        let all = size.pixels();
        let values = self.values[..all].iter_mut().zip(&self.valid[..all]).zip(&mut self.squares[..all]);
        for ((value, &valid), square) in values {
            *value = (*value - mean) * valid;
            *square = *value * *value;
        }
    }

    /// How many of them are data.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    fn is_whole(&self) -> bool {
        self.count == self.size.pixels()
    }

    fn patch<'b>(&'b self, numbers: &'b [f64]) -> Patch<'b> {
        Patch { values: &numbers[..self.size.pixels()], size: self.size }
    }

    /// Whether the pixels that are data differ at all.
    pub(super) fn varies(&self, integers: bool) -> bool {
        let all = self.size.pixels();
        let sum: f64 = self.values[..all].iter().sum();
        let squares: f64 = self.squares[..all].iter().sum();
        spread(integers, self.count as f64, sum, squares) > 0.0
    }
}

/// The sums of each place.
struct Sums<'a> {
    count: &'a mut [f64],
    chip: &'a mut [f64],
    chip_squares: &'a mut [f64],
    window: &'a mut [f64],
    window_squares: &'a mut [f64],
    product: &'a mut [f64],
}

/// Finds surfaces; made once for an operator.
pub(super) struct Surface {
    products: Products,
    /// Whether all values are integers whose sums are exact.
    integers: bool,
    /// Least number of pixels that are data in both.
    least_count: f64,
    most_places: usize,
    greatest_side: usize,
}

/// A window that varies less than this, against the energy of all that is transformed with it, is summed up by itself.
const LEAST_STEADY: f64 = 1e-7;

impl Surface {
    /// For chips of that side in areas of up to that side.
    pub(super) fn new(chip: usize, greatest_side: usize, integers: bool, least_count: f64) -> Self {
        let places = greatest_side - chip + 1;
        Surface {
            products: Products::new(greatest_side),
            integers,
            least_count,
            most_places: places * places,
            greatest_side,
        }
    }

    pub(super) fn scratch(&self, size: ScratchSize) -> ScratchSize {
        let sums = (0..6).fold(size, |size, _| size.with::<f64>(self.most_places));
        self.products.scratch(sums.with::<f64>(self.greatest_side).with::<f64>(self.greatest_side))
    }

    /// The correlation at each place, row by row; `NaN` where too few pixels are data. Returns columns and rows.
    pub(super) fn find(
        &self,
        chip: &Pixels<'_>,
        area: &Pixels<'_>,
        surface: &mut [f64],
        scratch: &mut Frame<'_>,
    ) -> (usize, usize) {
        let (columns, rows) = places(chip.size, area.size);
        let count = columns * rows;
        let mut take = || &mut scratch.take::<f64>(self.most_places)[..count];
        let mut sums = Sums {
            count: take(),
            chip: take(),
            chip_squares: take(),
            window: take(),
            window_squares: take(),
            product: take(),
        };
        let box_rows = [scratch.take(self.greatest_side), scratch.take(self.greatest_side)];
        let mut work = self.products.take(scratch);
        let numbers = if self.integers { Numbers::Whole } else { Numbers::Steady };
        if chip.is_whole() && area.is_whole() {
            self.sums_of_all(numbers, chip, area, box_rows, &mut work, &mut sums);
        } else {
            self.sums_of_valid(numbers, chip, area, &mut work, &mut sums);
        }
        if !self.integers && !self.is_steady(chip, area, &sums) {
            self.sums_of_valid(Numbers::Any, chip, area, &mut work, &mut sums);
        }
        for (place, value) in surface[..count].iter_mut().enumerate() {
            *value = self.correlation(&sums, place);
        }
        (columns, rows)
    }

    /// The sums where every pixel is data: those of the chip are the same everywhere.
    fn sums_of_all(
        &self,
        numbers: Numbers,
        chip: &Pixels<'_>,
        area: &Pixels<'_>,
        [values, squares]: [&mut [f64]; 2],
        work: &mut Work<'_>,
        sums: &mut Sums<'_>,
    ) {
        let pixels = chip.size.pixels();
        sums.count.fill(pixels as f64);
        sums.chip.fill(chip.values[..pixels].iter().sum());
        sums.chip_squares.fill(chip.squares[..pixels].iter().sum());
        window_sums(chip.size, area.patch(area.values), values, sums.window);
        window_sums(chip.size, area.patch(area.squares), squares, sums.window_squares);
        let (chip, area) = (chip.patch(chip.values), area.patch(area.values));
        self.products.correlate(numbers, chip, area, work, sums.product);
    }

    /// The sums over the pixels that are data in both.
    fn sums_of_valid(
        &self,
        numbers: Numbers,
        chip: &Pixels<'_>,
        area: &Pixels<'_>,
        work: &mut Work<'_>,
        sums: &mut Sums<'_>,
    ) {
        let (values, valid, squares) =
            (chip.patch(chip.values), chip.patch(chip.valid), chip.patch(chip.squares));
        let (there, there_valid) = (area.patch(area.values), area.patch(area.valid));
        let mut correlate =
            |numbers, one, other, sums: &mut [f64]| self.products.correlate(numbers, one, other, work, sums);
        correlate(Numbers::Whole, valid, there_valid, sums.count);
        correlate(numbers, values, there_valid, sums.chip);
        correlate(numbers, squares, there_valid, sums.chip_squares);
        correlate(numbers, valid, there, sums.window);
        correlate(numbers, valid, area.patch(area.squares), sums.window_squares);
        correlate(numbers, values, there, sums.product);
    }

    /// Whether everything that counts varies enough for sums with the errors of a transform of all.
    fn is_steady(&self, chip: &Pixels<'_>, area: &Pixels<'_>, sums: &Sums<'_>) -> bool {
        let energy = |pixels: &Pixels<'_>| pixels.squares[..pixels.size.pixels()].iter().sum::<f64>();
        let (of_chip, of_area) = (LEAST_STEADY * energy(chip), LEAST_STEADY * energy(area));
        (0..sums.count.len()).filter(|&place| sums.count[place] >= self.least_count).all(|place| {
            let varies = |sum: f64, squares: f64, least: f64| squares - sum * sum / sums.count[place] > least;
            varies(sums.chip[place], sums.chip_squares[place], of_chip)
                && varies(sums.window[place], sums.window_squares[place], of_area)
        })
    }

    fn correlation(&self, sums: &Sums<'_>, place: usize) -> f64 {
        let count = sums.count[place];
        if count < self.least_count || count == 0.0 {
            return f64::NAN;
        }
        let (chip, window) = (sums.chip[place], sums.window[place]);
        let of_chip = spread(self.integers, count, chip, sums.chip_squares[place]);
        let of_window = spread(self.integers, count, window, sums.window_squares[place]);
        if of_chip <= 0.0 || of_window <= 0.0 {
            return 0.0;
        }
        let common = sums.product[place] - chip * (window / count);
        (common / (of_chip * of_window).sqrt()).clamp(-1.0, 1.0)
    }
}

/// The sum of squared differences from the mean; 0 where nothing differs.
fn spread(integers: bool, count: f64, sum: f64, squares: f64) -> f64 {
    let spread = squares - sum * (sum / count);
    if integers {
        if spread > 1e-6 * squares {
            return spread;
        }
        // Where digits cancel, exactly.
        let (count, sum, squares) = (count as i128, sum as i128, squares as i128);
        return (count * squares - sum * sum) as f64 / count as f64;
    }
    // What is left of equal values by rounding.
    if spread > 1e-12 * squares { spread } else { 0.0 }
}

/// The sum over each window, from sums of columns that go down row by row.
fn window_sums(window: Size, area: Patch<'_>, columns: &mut [f64], sums: &mut [f64]) {
    let (across, down) = places(window, area.size);
    let columns = &mut columns[..area.size.width];
    columns.fill(0.0);
    let add = |row: &[f64], sign: f64, columns: &mut [f64]| {
        columns.iter_mut().zip(row).for_each(|(sum, value)| *sum += sign * value);
    };
    (0..window.height).for_each(|y| add(area.row(y), 1.0, columns));
    for y in 0..down {
        if y > 0 {
            add(area.row(y - 1), -1.0, columns);
            add(area.row(y - 1 + window.height), 1.0, columns);
        }
        let mut sum: f64 = columns[..window.width].iter().sum();
        for x in 0..across {
            if x > 0 {
                sum += columns[x + window.width - 1] - columns[x - 1];
            }
            sums[y * across + x] = sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use swathe_core::Scratch;

    use super::*;
    use crate::trial::Random;

    struct Raster {
        size: Size,
        values: Vec<f64>,
        valid: Vec<bool>,
    }

    impl Raster {
        fn new(
            size: Size,
            mut value: impl FnMut(usize, usize) -> f64,
            valid: impl Fn(usize, usize) -> bool,
        ) -> Self {
            let places = || (0..size.height).flat_map(|y| (0..size.width).map(move |x| (x, y)));
            Raster {
                size,
                values: places().map(|(x, y)| value(x, y)).collect(),
                valid: places().map(|(x, y)| valid(x, y)).collect(),
            }
        }

        fn at(&self, x: usize, y: usize) -> Option<f64> {
            let place = y * self.size.width + x;
            self.valid[place].then(|| self.values[place])
        }
    }

    fn found(integers: bool, chip: &Raster, area: &Raster, least_count: f64) -> Vec<f64> {
        let surface =
            Surface::new(chip.size.width, area.size.width.max(area.size.height), integers, least_count);
        let (one, other) = (chip.size.pixels(), area.size.pixels());
        let size = surface.scratch(Pixels::scratch(Pixels::scratch(ScratchSize::new(), one), other));
        let mut scratch = Scratch::with_capacity(size.with::<f64>(surface.most_places).bytes());
        let mut frame = scratch.frame();
        let mut fill = |raster: &Raster| {
            let mut pixels = Pixels::take(&mut frame, raster.size.pixels());
            pixels.fill(raster.size, integers, |y, values, valid| {
                for x in 0..raster.size.width {
                    let place = y * raster.size.width + x;
                    (values[x], valid[x]) = (raster.values[place], f64::from(u8::from(raster.valid[place])));
                }
            });
            pixels
        };
        let (one, other) = (fill(chip), fill(area));
        let values = frame.take(surface.most_places);
        let (columns, rows) = surface.find(&one, &other, values, &mut frame);
        values[..columns * rows].to_vec()
    }

    /// By the definition, place by place.
    fn expected(chip: &Raster, area: &Raster, least_count: f64) -> Vec<f64> {
        let (columns, rows) = places(chip.size, area.size);
        let at = |dx: usize, dy: usize| {
            let all = (0..chip.size.height).flat_map(|y| (0..chip.size.width).map(move |x| (x, y)));
            let pairs: Vec<_> = all.filter_map(|(x, y)| chip.at(x, y).zip(area.at(x + dx, y + dy))).collect();
            let count = pairs.len() as f64;
            if count < least_count {
                return f64::NAN;
            }
            let mean = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / count;
            let (f, g) = (mean(|pair| pair.0), mean(|pair| pair.1));
            let sum = |of: &dyn Fn(f64, f64) -> f64| pairs.iter().map(|(a, b)| of(a - f, b - g)).sum::<f64>();
            let spreads = sum(&|a, _| a * a) * sum(&|_, b| b * b);
            if spreads < 1e-9 { 0.0 } else { sum(&|a, b| a * b) / spreads.sqrt() }
        };
        (0..rows).flat_map(|dy| (0..columns).map(move |dx| (dx, dy))).map(|(dx, dy)| at(dx, dy)).collect()
    }

    fn assert_near(found: &[f64], expected: &[f64], tolerance: f64) {
        assert_eq!(found.len(), expected.len());
        for (place, (found, expected)) in found.iter().zip(expected).enumerate() {
            assert!(
                (found - expected).abs() <= tolerance || found.is_nan() && expected.is_nan(),
                "place {place}: {found} is not {expected}"
            );
        }
    }

    #[test]
    fn correlations_are_those_of_the_definition() {
        let mut random = Random(3);
        let mut noise = |bits: u32| (random.next() >> (64 - bits)) as f64;
        let (small, large) = (Size::new(8, 8), Size::new(20, 17));
        let all = |_: usize, _: usize| true;
        let chip = Raster::new(small, |_, _| noise(12), all);
        let area = Raster::new(large, |_, _| noise(12), all);
        for integers in [true, false] {
            assert_near(&found(integers, &chip, &area, 1.0), &expected(&chip, &area, 1.0), 1e-12);
        }
        let holes = |x: usize, y: usize| !(x + y).is_multiple_of(5);
        let chip = Raster::new(small, |_, _| noise(16), holes);
        let area = Raster::new(large, |_, _| noise(16), |x, y| x > 9 || y < 8);
        for integers in [true, false] {
            assert_near(&found(integers, &chip, &area, 20.0), &expected(&chip, &area, 20.0), 1e-11);
        }
    }

    #[test]
    fn what_does_not_vary_correlates_with_nothing() {
        let mut random = Random(5);
        let all = |_: usize, _: usize| true;
        let chip = Raster::new(Size::new(4, 4), |_, _| (random.next() >> 56) as f64, all);
        // Flat on the left, then a step to what is a billion times brighter.
        let mut noise = Random(6);
        let area = Raster::new(
            Size::new(16, 6),
            |x, y| {
                if x < 8 { 0.1 } else { 1e9 * (1 + x % 3 + y % 2) as f64 + (noise.next() >> 60) as f64 }
            },
            all,
        );
        let values = found(false, &chip, &area, 1.0);
        assert_eq!(values[..5], [0.0; 5]);
        assert_near(&values, &expected(&chip, &area, 1.0), 1e-9);
        let flat = Raster::new(Size::new(4, 4), |_, _| 7.0, all);
        assert!(found(true, &flat, &area, 1.0).iter().all(|&value| value == 0.0));
    }
}
