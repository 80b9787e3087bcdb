//! Row functions that operators share: pixels in, weighted sums, pixels out.
//!
//! Arithmetic runs in rows of [`Real`]: `f32` where the samples have 8 or 16 bits, `f64` for all others, `f32` samples
//! included. Which one is settled when an operator is bound; the loops know one type each.

mod arctangent;
mod decibels;
mod exponential;
mod load;
mod logarithm;
mod mask;
mod real;
mod sine;
mod store;
mod weigh;

pub(crate) use arctangent::{angle_of, arctangent};
pub(crate) use decibels::{FromDecibels, into_decibels, number_of_decibels};
pub(crate) use exponential::{exponential, exponentials, exponentials_of};
pub(crate) use load::{LoadRows, loader};
pub(crate) use logarithm::logarithm;
pub(crate) use mask::{clear_mask, hand_on_mask, mark_all_valid, mark_valid};
pub(crate) use real::{Narrow, Real, low_bits_of_nearest};
pub(crate) use sine::sine_of_pi_times;
pub(crate) use store::{StoreRows, storer};
pub(crate) use weigh::{Taps, weigh};
