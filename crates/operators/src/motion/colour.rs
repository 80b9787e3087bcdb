//! `flow-colour`: displacements as colours of a wheel, the hue for the direction, the saturation for the length.
//!
//! *Formula*: Baker et al. 2011, the Middlebury wheel. *Halo*: none. *Types*: any two bands to 8-bit red, green and blue.
//! *Agrees with*: the authors' `colorcode.cpp`, in numpy, within 1.

use std::f64::consts::PI;

use swathe_core::{
    Boundary, Colour, Documentation, Edge, Error, Frame, Group, NodataPolicy, Operator, OperatorSpec,
    Parameter, ParameterKind, Parameters, RasterInfo, Result, SampleType, ScratchSize, Size, TileMut,
    TileView, Window,
};

use crate::rows::{LoadRows, loader};

/// The description of `flow-colour`.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: "flow-colour",
    group: Group::Motion,
    summary: "displacements as colours: hue for direction, saturation for length",
    inputs: (1, 1),
    parameters: &[
        Parameter::optional(
            "longest",
            ParameterKind::Number { least: 1e-9, greatest: 1e9 },
            Some("4"),
            "the displacement in pixels that has the full colour; longer ones are darker",
        ),
        Parameter::optional(
            "legend",
            ParameterKind::Integer { least: 0, greatest: 4096 },
            Some("0"),
            "width and height in pixels of a wheel in the lower right corner that shows each displacement's colour, up to the longest at its rim; 0 for none",
        ),
        Parameter::NODATA,
    ],
    documentation: Documentation {
        formula: "r = |(dx, dy)| / longest, a = atan2(-dy, -dx) / pi; colour of the wheel of 55 hues at (a + 1) / 2, linear between hues\n\
            r <= 1: 1 - r (1 - colour), white where nothing moves; else 0.75 colour; then * 255, rounded down\n\
            to the east red, to the south yellow, to the west blue green, to the north violet",
        halo: "none",
        types: "the first two bands, any type, in f64; output 8-bit red, green and blue",
        nodata: "ignore, propagate: black where either is missing; value: only where it is `NaN`",
        cost: "one arc tangent and one root",
        source: "Baker et al., A database and evaluation methodology for optical flow, 2011",
        agrees: "the authors' colorcode.cpp (in numpy) within 1",
        example: "swathe flow-colour motion.tif colours.png --longest 3 --legend 160\n\
            swathe pipeline ! read monday.tif ! flow --with tuesday.tif --window 15 ! resize --scale 0.1 --method average ! flow-colour ! write motion.png",
    },
    trials: &["", "longest=0.01 legend=12"],
    bind,
};

/// How many hues lie between red, yellow, green, cyan, blue, magenta and red again.
const HUES: [(usize, [f64; 3], [f64; 3]); 6] = [
    (15, [1.0, 0.0, 0.0], [1.0, 1.0, 0.0]),
    (6, [1.0, 1.0, 0.0], [0.0, 1.0, 0.0]),
    (4, [0.0, 1.0, 0.0], [0.0, 1.0, 1.0]),
    (11, [0.0, 1.0, 1.0], [0.0, 0.0, 1.0]),
    (13, [0.0, 0.0, 1.0], [1.0, 0.0, 1.0]),
    (6, [1.0, 0.0, 1.0], [1.0, 0.0, 0.0]),
];

/// The hues around the wheel, from 0 to 1.
fn wheel() -> Vec<[f64; 3]> {
    let mut wheel = Vec::new();
    for (count, from, to) in HUES {
        for step in 0..count {
            // In 255ths, rounded down, as they were published.
            let part = (255.0 * step as f64 / count as f64).floor() / 255.0;
            wheel.push(std::array::from_fn(|i| from[i] + (to[i] - from[i]) * part));
        }
    }
    wheel
}

fn bind(parameters: &Parameters, inputs: &[RasterInfo]) -> Result<Box<dyn Operator>> {
    let input = &inputs[0];
    if input.bands < 2 {
        return Err(Error::unsupported("displacements have two bands, dx and dy; this raster has one"));
    }
    let policy = parameters.nodata_policy()?;
    let mut output = RasterInfo::new(input.size, 3, SampleType::U8);
    output.georeferencing = input.georeferencing.clone();
    output.metadata.colours = vec![Colour::Red, Colour::Green, Colour::Blue];
    Ok(Box::new(FlowColour {
        longest: parameters.number("longest")?.unwrap_or(4.0),
        legend: parameters.integer("legend")?.unwrap_or(0),
        wheel: wheel(),
        load: loader(input, policy),
        policy,
        output,
    }))
}

struct FlowColour {
    longest: f64,
    /// Width and height of the wheel that shows the colours, in pixels.
    legend: i64,
    wheel: Vec<[f64; 3]>,
    load: Box<dyn LoadRows<f64>>,
    policy: NodataPolicy,
    output: RasterInfo,
}

/// The share of the legend's radius that the wheel takes; its rim takes the rest.
const WHEEL: f64 = 0.96;

impl FlowColour {
    /// The legend's colour at a pixel of the raster, where it has one.
    fn legend(&self, x: i64, y: i64) -> Option<[u8; 3]> {
        let Size { width, height } = self.output.size;
        // As far from the corner as a tenth of it.
        let margin = self.legend / 10;
        let (left, top) = (width as i64 - margin - self.legend, height as i64 - margin - self.legend);
        let radius = self.legend as f64 / 2.0;
        let across = |at: i64| (at as f64 + 0.5 - radius) / radius;
        let (east, south) = (across(x - left), across(y - top));
        let distance = libm::sqrt(east * east + south * south);
        if distance > 1.0 {
            return None;
        }
        let longest = self.longest / WHEEL;
        Some(if distance > WHEEL { [0; 3] } else { self.colour(east * longest, south * longest) })
    }

    fn colour(&self, dx: f64, dy: f64) -> [u8; 3] {
        if dx.is_nan() || dy.is_nan() {
            return [0; 3];
        }
        let (x, y) = (dx / self.longest, dy / self.longest);
        let radius = libm::sqrt(x * x + y * y);
        let at = (libm::atan2(-y, -x) / PI + 1.0) / 2.0 * (self.wheel.len() - 1) as f64;
        let hue = (at as usize).min(self.wheel.len() - 1);
        let between = at - hue as f64;
        let (one, other) = (self.wheel[hue], self.wheel[(hue + 1) % self.wheel.len()]);
        std::array::from_fn(|i| {
            let full = (1.0 - between) * one[i] + between * other[i];
            let shade = if radius <= 1.0 { 1.0 - radius * (1.0 - full) } else { 0.75 * full };
            (255.0 * shade) as u8
        })
    }
}

impl Operator for FlowColour {
    fn output(&self) -> &RasterInfo {
        &self.output
    }

    fn need(&self, _input: usize, output: Window) -> Window {
        output
    }

    fn edge(&self, _input: usize) -> Edge {
        Edge::Extend(Boundary::Nearest)
    }

    fn scratch_bytes(&self, output: Size) -> usize {
        let width = output.width;
        ScratchSize::new().with::<f64>(width).with::<f64>(width).with::<u8>(width).with::<u8>(width).bytes()
    }

    fn process(
        &self,
        inputs: &[TileView<'_>],
        output: &mut TileMut<'_>,
        scratch: &mut Frame<'_>,
    ) -> Result<()> {
        let window = output.window();
        let [dx, dy] = [scratch.take::<f64>(window.width), scratch.take::<f64>(window.width)];
        let [east, south] = [scratch.take::<u8>(window.width), scratch.take::<u8>(window.width)];
        for y in 0..window.height {
            self.load.load_valid(&inputs[0], 0, y, dx, east);
            self.load.load_valid(&inputs[0], 1, y, dy, south);
            for x in 0..window.width {
                let missing = self.policy != NodataPolicy::Value && (east[x] == 0 || south[x] == 0);
                let legend = if self.legend > 0 {
                    self.legend(window.x + x as i64, window.y + y as i64)
                } else {
                    None
                };
                let shown = || if missing { [0; 3] } else { self.colour(dx[x], dy[x]) };
                let colour = legend.unwrap_or_else(shown);
                for (band, value) in colour.into_iter().enumerate() {
                    output.row_mut::<u8>(band, y)[x] = value;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::{self, raster};

    #[test]
    fn directions_have_their_colours() {
        // colorcode.cpp of Baker et al., with a longest displacement of 2.
        let dx: &[f64] = &[0.0, 2.0, 0.0, -2.0, 0.0, 1.0, 9.0, f64::NAN];
        let dy: &[f64] = &[0.0, 0.0, 2.0, 0.0, -2.0, 0.0, 0.0, 0.0];
        let flow = raster::<f64>(&[&[dx], &[dy]]);
        let colours = trial::run(&SPEC, "longest=2", &flow).unwrap();
        let found: Vec<[u8; 3]> =
            (0..8).map(|x| std::array::from_fn(|band| colours.rows::<u8>(band)[0][x])).collect();
        let expected: [[u8; 3]; 8] = [
            [255, 255, 255],
            [255, 0, 0],
            [255, 229, 0],
            [0, 209, 255],
            [88, 0, 255],
            [255, 127, 127],
            [191, 0, 0],
            [0, 0, 0],
        ];
        for (found, expected) in found.iter().zip(expected) {
            assert!(
                found.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 1),
                "{found:?}, not {expected:?}"
            );
        }
    }

    #[test]
    fn the_legend_shows_each_direction() {
        let still = vec![0.0; 40];
        let rows = vec![still.as_slice(); 40];
        let flow = raster::<f64>(&[&rows, &rows]);
        let colours = trial::run(&SPEC, "longest=3 legend=20", &flow).unwrap();
        let at =
            |x: usize, y: usize| -> [u8; 3] { std::array::from_fn(|band| colours.rows::<u8>(band)[y][x]) };
        // A margin of 2, so that the wheel's middle is 12 pixels from the corner.
        let expected = trial::run(&SPEC, "longest=9.6", &raster::<f64>(&[&[&[8.5]], &[&[0.5]]])).unwrap();
        let expected: [u8; 3] = std::array::from_fn(|band| expected.rows::<u8>(band)[0][0]);
        assert!(
            at(36, 28).iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 1),
            "{:?} {expected:?}",
            at(36, 28)
        );
        assert_eq!([at(34, 35), at(38, 28), at(0, 0), at(18, 18)], [[0; 3], [255; 3], [255; 3], [255; 3]]);
    }

    #[test]
    fn one_band_is_no_displacement() {
        let error = trial::run(&SPEC, "", &raster::<f32>(&[&[&[1.0]]])).unwrap_err();
        assert!(error.to_string().contains("dx and dy"), "{error}");
    }

    #[test]
    fn neither_tiles_nor_cpu_show() {
        trial::assert_tiling_never_shows(&SPEC);
    }
}
