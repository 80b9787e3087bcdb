//! The sine from plain arithmetic: the same bits on every machine. See [`super::exponential`].

/// `(-1)^n pi^(2n + 1) / (2n + 1)!`.
const TERMS: [f64; 11] = {
    let (mut table, mut term, mut n) = ([0.0; 11], std::f64::consts::PI, 0);
    while n < table.len() {
        table[n] = term;
        term = -term * std::f64::consts::PI * std::f64::consts::PI / ((2 * n + 2) * (2 * n + 3)) as f64;
        n += 1;
    }
    table
};

/// `sin(pi x)` within 1e-15 for any finite number; exactly 0 for whole ones.
#[inline(always)]
pub(crate) fn sine_of_pi_times(x: f64) -> f64 {
    // The remainder of a division by 1 is exact, and the sign alternates.
    let whole = x.round_ties_even();
    let rest = x - whole;
    let square = rest * rest;
    // Taylor: |rest| <= 1/2, so the first term left out is below 2^-60.
    let value = rest * TERMS.iter().rev().fold(0.0, |sum, term| sum * square + term);
    if (whole * 0.5).fract() == 0.0 { value } else { -value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_system() {
        for i in -4000..4000 {
            let x = f64::from(i) * 0.001_3;
            let system = (std::f64::consts::PI * x).sin();
            assert!((sine_of_pi_times(x) - system).abs() < 4e-15, "{x}: {} {system}", sine_of_pi_times(x));
        }
        for whole in [-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0] {
            assert_eq!(sine_of_pi_times(whole), 0.0);
        }
        assert_eq!(sine_of_pi_times(0.5), 1.0);
        assert_eq!(sine_of_pi_times(-1.5), 1.0);
    }
}
