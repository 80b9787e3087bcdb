//! What Swathe can compute: one file an operator, and the list of them all.
