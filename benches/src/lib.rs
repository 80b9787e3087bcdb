//! Swathe's benches.
