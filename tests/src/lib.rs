//! Swathe's tests.
