//! Large windows: histograms that slide down the columns of a tile, at a cost that grows with the window's width alone,
//! shared by 32 windows beside each other.
//!
//! A bin holds 32 counters, one for each of 32 neighbouring windows. A pixel that enters or leaves is counted in all
//! windows that see it by one addition of vectors: to its bin, a mask with 1 for those windows. So a step down takes
//! `w + 31` additions in and as many out for 32 pixels, whatever the height (Huang 1979, in lanes). The place is found by
//! walking the bins from where all 32 windows were a row before.
//!
//! ```text
//! 8 bits     256 bins
//! 16 bits    256 bins of the high byte; those that hold some window's place are open: they are counted by the low byte as
//!            well, in 16 bins of 16; where a tile has few different values, by their ranks, with all bins open
//! others     the pixels of the tile are sorted, and 16 bits of their place in that order stand for them; the few pixels of the
//!            bin that is found are looked up one by one
//! ```

#![allow(
    clippy::needless_range_loop,
    reason = "lanes are counted by index: zipped iterators over arrays are not always inlined, and then not vectors"
)]

mod bins;
mod lanes;
mod narrow;
mod open;
mod ranked;
mod strips;
mod wide;

use self::lanes::Counter;
use self::narrow::Narrow;
use self::ranked::Ranked;
use self::strips::Strips;
use self::wide::Wide;
use super::filter::Method;
use super::footprint::Footprint;
use super::key::Keyed;
use super::statistic::Place;

/// Samples that windows can be counted by.
pub(crate) trait Counted: Keyed {
    /// The method for samples of this type.
    fn counted(footprint: &Footprint, place: Place) -> Box<dyn Method<Self>> {
        if footprint.count <= usize::from(u16::MAX) {
            Self::counted_in(Strips::<u16>::new(footprint, place))
        } else {
            Self::counted_in(Strips::<u32>::new(footprint, place))
        }
    }

    /// The same, counted in numbers of type `C`.
    fn counted_in<C: Counter>(strips: Strips<C>) -> Box<dyn Method<Self>>;
}

macro_rules! counted {
    ($method:ident: $($type:ident)+) => {
        $(impl Counted for $type {
            fn counted_in<C: Counter>(strips: Strips<C>) -> Box<dyn Method<Self>> {
                Box::new($method { strips })
            }
        })+
    };
}

counted!(Narrow: u8 i8);
counted!(Ranked: u16 i16);
counted!(Wide: u32 i32 u64 i64 f32 f64);
