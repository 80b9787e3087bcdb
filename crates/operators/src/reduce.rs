//! What is learned from all pixels: counts of values, moments, extremes, products, ranks and histograms.

pub(crate) mod compensated;
mod counts;
mod exact_sum;
mod extremes;
mod histogram;
pub mod lanes;
mod moments;
mod product;
mod question;
mod ranks;
mod summary;

pub use counts::{ValueCounts, ValueCountsOf};
pub use extremes::{Extremes, ExtremesOf, Place};
pub use histogram::{BinCounts, BinCountsOf, Bins};
pub use moments::{Moments, MomentsOf};
pub use product::{Product, ProductOf};
pub use question::{About, Answer, Ask, QUESTIONS, Question, QuestionSpec, Sweep};
pub use ranks::{Interpolation, Quantiles, RankSearch};
pub use summary::BandSummary;
