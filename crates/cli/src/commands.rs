//! The commands that are no operators, one file each.

pub(crate) mod batch;
pub(crate) mod calc;
pub(crate) mod compare;
pub(crate) mod completions;
pub(crate) mod demo;
pub(crate) mod gather;
pub(crate) mod generate;
pub(crate) mod help;
pub(crate) mod info;
pub(crate) mod operators;
pub(crate) mod overviews;
pub(crate) mod preview;
pub(crate) mod questions;
pub(crate) mod register;
pub(crate) mod repair;
pub(crate) mod run;
pub(crate) mod verify;
