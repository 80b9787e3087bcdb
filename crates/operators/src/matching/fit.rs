//! The motion that most tie points agree on, whatever the others say.
//!
//! *Formula*: least median of squares over 500 samples of as few points as decide a model; points within 3 standard deviations of
//! the best are fitted by least squares, again and again until they stay the same. *Source*: Rousseeuw 1984; Rousseeuw and
//! Leroy 1987. Up to half of the points may be wrong. The samples are the same for the same points.

use super::options::Model;

/// What a tie point says: a place and how far it has moved, in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Displacement {
    /// Column and row, from the outer corner of the first pixel.
    pub at: [f64; 2],
    /// To the east and to the south.
    pub by: [f64; 2],
}

/// A motion of the plane: `dx = c[0] + c[1] x + c[2] y`, `dy = c[3] + c[4] x + c[5] y`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Motion(pub [f64; 6]);

/// A motion with what it is fitted to.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// The motion.
    pub motion: Motion,
    /// For each point whether it agrees.
    pub inliers: Vec<bool>,
    /// How many agree.
    pub inlier_count: usize,
    /// Root of the mean squared length of what the motion leaves of those that agree, in pixels.
    pub rmse: f64,
}

/// How many samples are tried: of half wrong points, triples of right ones are among them but for once in 10^29.
const SAMPLES: u64 = 500;
/// Points over which a sample's median is taken, at most.
const MOST_JUDGES: usize = 4096;
/// A point further away than so many standard deviations does not agree: one in a hundred of the right ones.
const AGREEING: f64 = 3.0;
/// The median of squared distances in a plane, of a standard deviation of 1 along each axis: 2 ln 2.
const MEDIAN_SQUARE: f64 = 2.0 * std::f64::consts::LN_2;
/// Standard deviation below which nothing is held against a point, in pixels: what the search between pixels is good for.
const LEAST_DEVIATION: f64 = 0.02;
/// Times that points are chosen anew.
const MOST_ROUNDS: usize = 20;

impl Motion {
    /// How far a place moves.
    pub fn at(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let c = self.0;
        [c[0] + c[1] * x + c[2] * y, c[3] + c[4] * x + c[5] * y]
    }

    /// How far a point is from where the motion takes its place, along x and y.
    pub fn residual(&self, point: &Displacement) -> [f64; 2] {
        let by = self.at(point.at);
        [point.by[0] - by[0], point.by[1] - by[1]]
    }

    fn squared_residual(&self, point: &Displacement) -> f64 {
        let [x, y] = self.residual(point);
        x * x + y * y
    }
}

/// Fits a model; none where there are too few points, or all lie on a line that decides no affine map.
pub fn fit(points: &[Displacement], model: Model) -> Option<Fit> {
    let needed = match model {
        Model::Shift => 1,
        Model::Affine => 3,
    };
    if points.len() < needed {
        return None;
    }
    let judges: Vec<&Displacement> = points.iter().step_by(points.len().div_ceil(MOST_JUDGES)).collect();
    let mut squares = vec![0.0; judges.len()];
    let mut best: Option<(f64, Motion)> = None;
    for sample in 0..SAMPLES {
        let Some(motion) = through(points, model, sample) else { continue };
        squares.iter_mut().zip(&judges).for_each(|(square, point)| *square = motion.squared_residual(point));
        let middle = squares.len() / 2;
        let median = *squares.select_nth_unstable_by(middle, f64::total_cmp).1;
        if best.is_none_or(|(least, _)| median < least) {
            best = Some((median, motion));
        }
    }
    let (median, mut motion) = best?;
    // Small samples look better than they are.
    let correction = 1.0 + 5.0 / (points.len() - needed).max(1) as f64;
    let deviation = (correction * (median / MEDIAN_SQUARE).sqrt()).max(LEAST_DEVIATION);
    let limit = (AGREEING * deviation) * (AGREEING * deviation);
    let agreeing = |motion: &Motion| -> Vec<bool> {
        points.iter().map(|point| motion.squared_residual(point) <= limit).collect()
    };
    let mut inliers = agreeing(&motion);
    for _ in 0..MOST_ROUNDS {
        let Some(next) = least_squares(points, &inliers, model) else { break };
        motion = next;
        let chosen = agreeing(&motion);
        if chosen == inliers {
            break;
        }
        inliers = chosen;
    }
    let of_inliers = || points.iter().zip(&inliers).filter(|(_, inlier)| **inlier).map(|(point, _)| point);
    let inlier_count = of_inliers().count();
    let sum: f64 = of_inliers().map(|point| motion.squared_residual(point)).sum();
    Some(Fit { motion, inlier_count, rmse: (sum / inlier_count.max(1) as f64).sqrt(), inliers })
}

/// The model that goes through a few points, chosen by the sample's number.
fn through(points: &[Displacement], model: Model, sample: u64) -> Option<Motion> {
    let choose = |number: u64| &points[(spread(3 * sample + number) % points.len() as u64) as usize];
    match model {
        Model::Shift => {
            let [dx, dy] = choose(0).by;
            Some(Motion([dx, 0.0, 0.0, dy, 0.0, 0.0]))
        }
        Model::Affine => {
            let three = [*choose(0), *choose(1), *choose(2)];
            least_squares(&three, &[true; 3], Model::Affine)
        }
    }
}

/// Spreads a number over all bits (the finaliser of splitmix64, Steele et al. 2014).
const fn spread(number: u64) -> u64 {
    let mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Points that are nearer to a line than this share of their extent decide no affine map.
const LEAST_BREADTH: f64 = 1e-3;

fn least_squares(points: &[Displacement], inliers: &[bool], model: Model) -> Option<Motion> {
    let chosen = || points.iter().zip(inliers).filter(|(_, inlier)| **inlier).map(|(point, _)| point);
    let count = chosen().count() as f64;
    if count == 0.0 {
        return None;
    }
    let mean = |of: fn(&Displacement) -> f64| chosen().map(of).sum::<f64>() / count;
    let [x, y] = [mean(|point| point.at[0]), mean(|point| point.at[1])];
    let [dx, dy] = [mean(|point| point.by[0]), mean(|point| point.by[1])];
    if model == Model::Shift {
        return Some(Motion([dx, 0.0, 0.0, dy, 0.0, 0.0]));
    }
    let sum = |of: &dyn Fn(&Displacement) -> f64| chosen().map(of).sum::<f64>();
    let xx = sum(&|point| (point.at[0] - x) * (point.at[0] - x));
    let yy = sum(&|point| (point.at[1] - y) * (point.at[1] - y));
    let xy = sum(&|point| (point.at[0] - x) * (point.at[1] - y));
    let determinant = xx * yy - xy * xy;
    // The product of both extents' squares, the smaller of which is the breadth.
    let trace = xx + yy;
    if determinant <= LEAST_BREADTH * LEAST_BREADTH * trace * trace {
        return None;
    }
    let line = |axis: usize, middle: f64| {
        let xd = sum(&|point| (point.at[0] - x) * (point.by[axis] - middle));
        let yd = sum(&|point| (point.at[1] - y) * (point.by[axis] - middle));
        let (east, south) = ((yy * xd - xy * yd) / determinant, (xx * yd - xy * xd) / determinant);
        [middle - east * x - south * y, east, south]
    };
    let ([a, b, c], [d, e, f]) = (line(0, dx), line(1, dy));
    Some(Motion([a, b, c, d, e, f]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::Random;

    /// Points that a motion moved, of which `wrong` in `of` went anywhere; noise of up to `noise` pixels.
    fn moved(motion: Motion, noise: f64, (wrong, of): (usize, usize)) -> Vec<Displacement> {
        let mut random = Random(11);
        let mut share = move || (random.next() >> 11) as f64 / (1_u64 << 53) as f64 - 0.5;
        let mut point = |number: usize| {
            let at = [(number % 17) as f64 * 100.0, (number / 17) as f64 * 90.0];
            let by = motion.at(at).map(|by| by + 2.0 * noise * share());
            let by = if number % of < wrong { by.map(|by| by + 40.0 * share()) } else { by };
            Displacement { at, by }
        };
        (0..17 * 13).map(&mut point).collect()
    }

    #[test]
    fn what_most_agree_on_is_found() {
        let motion = Motion([3.25, 1e-3, -2e-3, -1.5, 2e-3, 1e-3]);
        for wrong in [(1, 1000), (1, 5), (1, 3), (4, 9)] {
            let points = moved(motion, 0.03, wrong);
            let found = fit(&points, Model::Affine).unwrap();
            for place in [[0.0, 0.0], [1600.0, 1080.0], [800.0, 0.0]] {
                let [x, y] = motion.at(place);
                let [found_x, found_y] = found.motion.at(place);
                assert!(
                    (found_x - x).abs() < 0.02 && (found_y - y).abs() < 0.02,
                    "{wrong:?}: {found_x} {found_y}"
                );
            }
            let right = (0..points.len()).filter(|number| number % wrong.1 >= wrong.0).count();
            assert!(
                found.inlier_count.abs_diff(right) <= right / 20,
                "{wrong:?}: {} of {right}",
                found.inlier_count
            );
            assert!(found.rmse < 0.04, "{}", found.rmse);
        }
    }

    #[test]
    fn a_shift_is_the_mean_of_those_that_agree() {
        let shift = Motion([3.25, 0.0, 0.0, -1.5, 0.0, 0.0]);
        let found = fit(&moved(shift, 0.0, (1, 3)), Model::Shift).unwrap();
        assert_eq!((found.motion, found.rmse), (shift, 0.0));
        assert!(!found.inliers[0] && found.inliers[1]);
        // One point is a shift; an affine map takes three that are not on a line.
        let points = moved(shift, 0.0, (1, 1000));
        assert_eq!(fit(&points[1..2], Model::Shift).unwrap().motion, shift);
        assert_eq!(fit(&points[..2], Model::Affine), None);
        assert_eq!(fit(&points[..17], Model::Affine), None);
        assert_eq!(fit(&[], Model::Shift), None);
    }
}
