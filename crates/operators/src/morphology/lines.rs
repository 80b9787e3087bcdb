//! Row functions: the extremes of rows beside each other and of keys along a row.

use fearless_simd::{Simd, dispatch};
use fearless_simd_macros::simd;

use super::extreme::Extreme;
use crate::rank::key::Key;
use crate::simd::level;

/// Keeps in `kept` what `row` does not beat.
pub(crate) fn fold<K: Key, D: Extreme>(kept: &mut [K], row: &[K]) {
    dispatch!(level(), simd => fold_row::<_, K, D>(simd, kept, row));
}

/// Puts the extreme of two rows into a third.
pub(crate) fn pair<K: Key, D: Extreme>(one: &[K], other: &[K], target: &mut [K]) {
    dispatch!(level(), simd => pair_rows::<_, K, D>(simd, one, other, target));
}

/// Takes `entering` into `running`, and puts the extreme of that and `rest` into `target`.
pub(crate) fn advance<K: Key, D: Extreme>(running: &mut [K], entering: &[K], rest: &[K], target: &mut [K]) {
    dispatch!(level(), simd => advance_row::<_, K, D>(simd, running, entering, rest, target));
}

/// `target[x]` is the extreme of `row[x + shift]` over all shifts, of which there are two to four.
pub(crate) fn gather<K: Key, D: Extreme>(row: &[K], shifts: &[usize], target: &mut [K]) {
    let at = |index: usize| &row[shifts[index]..][..target.len()];
    match shifts.len() {
        2 => {
            let rows = (at(0), at(1));
            dispatch!(level(), simd => pair_rows::<_, K, D>(simd, rows.0, rows.1, target));
        }
        3 => {
            let rows = [at(0), at(1), at(2)];
            dispatch!(level(), simd => three_rows::<_, K, D>(simd, rows, target));
        }
        _ => {
            let rows = [at(0), at(1), at(2), at(3)];
            dispatch!(level(), simd => four_rows::<_, K, D>(simd, rows, target));
        }
    }
}

/// Puts the extreme of four rows into a fifth.
pub(crate) fn four<K: Key, D: Extreme>(rows: [&[K]; 4], target: &mut [K]) {
    dispatch!(level(), simd => four_rows::<_, K, D>(simd, rows, target));
}

/// Keeps in `kept` what none of four rows beats.
pub(crate) fn fold_four<K: Key, D: Extreme>(kept: &mut [K], rows: [&[K]; 4]) {
    dispatch!(level(), simd => fold_four_rows::<_, K, D>(simd, kept, rows));
}

#[simd]
fn fold_row<S: Simd, K: Key, D: Extreme>(_: S, kept: &mut [K], row: &[K]) {
    assert_eq!(kept.len(), row.len());
    for (kept, &key) in kept.iter_mut().zip(row) {
        *kept = D::of(*kept, key);
    }
}

#[simd]
fn pair_rows<S: Simd, K: Key, D: Extreme>(_: S, one: &[K], other: &[K], target: &mut [K]) {
    assert!(one.len() == target.len() && other.len() == target.len());
    for ((target, &one), &other) in target.iter_mut().zip(one).zip(other) {
        *target = D::of(one, other);
    }
}

#[simd]
fn three_rows<S: Simd, K: Key, D: Extreme>(_: S, rows: [&[K]; 3], target: &mut [K]) {
    let [a, b, c] = rows;
    assert!([a, b, c].iter().all(|row| row.len() == target.len()));
    for (((target, &a), &b), &c) in target.iter_mut().zip(a).zip(b).zip(c) {
        *target = D::of(D::of(a, b), c);
    }
}

#[simd]
fn four_rows<S: Simd, K: Key, D: Extreme>(_: S, rows: [&[K]; 4], target: &mut [K]) {
    let [a, b, c, d] = rows;
    assert!([a, b, c, d].iter().all(|row| row.len() == target.len()));
    for ((((target, &a), &b), &c), &d) in target.iter_mut().zip(a).zip(b).zip(c).zip(d) {
        *target = D::of(D::of(a, b), D::of(c, d));
    }
}

#[simd]
fn fold_four_rows<S: Simd, K: Key, D: Extreme>(_: S, kept: &mut [K], rows: [&[K]; 4]) {
    let [a, b, c, d] = rows;
    assert!([a, b, c, d].iter().all(|row| row.len() == kept.len()));
    for ((((kept, &a), &b), &c), &d) in kept.iter_mut().zip(a).zip(b).zip(c).zip(d) {
        *kept = D::of(*kept, D::of(D::of(a, b), D::of(c, d)));
    }
}

#[simd]
fn advance_row<S: Simd, K: Key, D: Extreme>(
    _: S,
    running: &mut [K],
    entering: &[K],
    rest: &[K],
    target: &mut [K],
) {
    let length = target.len();
    assert!(running.len() == length && entering.len() == length && rest.len() == length);
    for (((running, &entering), &rest), target) in running.iter_mut().zip(entering).zip(rest).zip(target) {
        *running = D::of(*running, entering);
        *target = D::of(*running, rest);
    }
}

/// One of the steps from keys to the extremes of ever longer runs of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lengthen {
    /// How long the runs are afterwards.
    pub(crate) length: usize,
    /// Where the runs start that make up a longer one, in those of the step before: two to four.
    pub(crate) shifts: Vec<usize>,
}

/// The steps from single keys to runs of `length`, which is not 0.
///
/// A step joins up to four runs, so that a row is read and written once for each factor of four.
pub(crate) fn steps_to(length: usize) -> Vec<Lengthen> {
    let mut steps = Vec::new();
    let mut have = 1;
    while have < length {
        let next = length.min(4 * have);
        let count = next.div_ceil(have);
        let shifts = (0..count).map(|run| (run * have).min(next - have)).collect();
        steps.push(Lengthen { length: next, shifts });
        have = next;
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::morphology::extreme::{Greatest, Least};

    #[test]
    fn steps_join_runs_without_a_gap() {
        for length in [1, 2, 3, 5, 15, 64, 65, 101, 1023] {
            let mut have = 1;
            for step in steps_to(length) {
                assert!((2..=4).contains(&step.shifts.len()));
                assert_eq!(step.shifts[0], 0);
                assert!(step.shifts.windows(2).all(|pair| pair[1] > pair[0] && pair[1] - pair[0] <= have));
                assert_eq!(step.shifts[step.shifts.len() - 1] + have, step.length);
                have = step.length;
            }
            assert_eq!(have, length);
        }
        assert_eq!(steps_to(15).len(), 2);
        assert_eq!(steps_to(101).len(), 4);
    }

    #[test]
    fn rows_are_compared_key_by_key() {
        let row: Vec<u16> = (0..40).map(|x| (x * 37 % 23) as u16).collect();
        for shifts in [&[0_usize, 3][..], &[0, 2, 5], &[0, 1, 2, 3]] {
            let (mut least, mut greatest) = ([0; 30], [0; 30]);
            gather::<u16, Least>(&row, shifts, &mut least);
            gather::<u16, Greatest>(&row, shifts, &mut greatest);
            for x in 0..30 {
                let over = || shifts.iter().map(|shift| row[x + shift]);
                assert_eq!((Some(least[x]), Some(greatest[x])), (over().min(), over().max()));
            }
        }
        let rows: [&[u16]; 4] = [&row[0..30], &row[3..33], &row[5..35], &row[10..40]];
        let (mut target, mut kept) = ([0; 30], [9; 30]);
        four::<u16, Greatest>(rows, &mut target);
        fold_four::<u16, Greatest>(&mut kept, rows);
        for x in 0..30 {
            assert_eq!(Some(target[x]), rows.iter().map(|row| row[x]).max());
            assert_eq!(kept[x], target[x].max(9));
        }
        let (mut running, mut target) = ([3_i8, 9], [0; 2]);
        advance::<i8, Least>(&mut running, &[5, -9], &[4, 4], &mut target);
        assert_eq!((running, target), ([3, -9], [3, -9]));
    }
}
