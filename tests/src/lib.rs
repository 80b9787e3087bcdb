//! What Swathe's tests share: the command built from this tree, and many checks run side by side.

mod command;
mod gather;
mod place;

pub use command::{Measured, command_path, folder, run_measured};
pub use gather::assert_all;
pub use place::{INPUTS, Place, Random, words};
