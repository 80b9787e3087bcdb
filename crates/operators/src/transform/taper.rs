//! Weights that let a raster fade out towards its edges, so that its opposite edges do not look like an edge.

/// A window function, symmetric as in numpy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Taper {
    /// 1 everywhere.
    None,
    /// `numpy.hamming`: 0.08 at the edges.
    #[default]
    Hamming,
    /// `numpy.hanning`: 0 at the edges.
    Hann,
}

impl Taper {
    /// The weights of `length` pixels; 1 for a single one.
    pub(super) fn weights(self, length: usize) -> Vec<f64> {
        let [constant, cosine] = match self {
            Taper::Hamming if length > 1 => [0.54, 0.46],
            Taper::Hann if length > 1 => [0.5, 0.5],
            _ => return vec![1.0; length],
        };
        let step = 2.0 * std::f64::consts::PI / (length - 1) as f64;
        (0..length).map(|i| constant - cosine * libm::cos(step * i as f64)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_those_of_numpy() {
        let close = |found: Vec<f64>, expected: &[f64]| {
            assert_eq!(found.len(), expected.len());
            found.iter().zip(expected).for_each(|(a, b)| assert!((a - b).abs() < 1e-15, "{a} is not {b}"));
        };
        close(Taper::Hamming.weights(5), &[0.08, 0.54, 1.0, 0.54, 0.08]);
        close(Taper::Hann.weights(5), &[0.0, 0.5, 1.0, 0.5, 0.0]);
        close(Taper::Hamming.weights(1), &[1.0]);
        close(Taper::None.weights(3), &[1.0; 3]);
    }
}
