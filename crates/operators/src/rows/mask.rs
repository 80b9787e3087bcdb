//! The mask of an output: 0 where no band has data.
//!
//! An operator clears it, and each band then marks where it has data. A pixel without data in one band only is told by
//! its value there.

use swathe_core::{NodataPolicy, TileMut, TileView};

/// Nothing has data yet.
pub(crate) fn clear_mask(output: &mut TileMut<'_>) {
    for y in 0..output.window().height {
        if let Some(mask) = output.mask_row_mut(y) {
            mask.fill(0);
        }
    }
}

/// Marks as data where `flags` is 1, from column `x` of row `y` on.
pub(crate) fn mark_valid(output: &mut TileMut<'_>, y: usize, x: usize, flags: &[u8]) {
    if let Some(mask) = output.mask_row_mut(y) {
        for (mask, &flag) in mask[x..].iter_mut().zip(flags) {
            *mask |= flag.wrapping_neg();
        }
    }
}

/// Marks `length` pixels as data, from column `x` of row `y` on.
pub(crate) fn mark_all_valid(output: &mut TileMut<'_>, y: usize, x: usize, length: usize) {
    if let Some(mask) = output.mask_row_mut(y) {
        mask[x..x + length].fill(u8::MAX);
    }
}

/// Under [`NodataPolicy::Value`] every pixel has a value, and the mask is handed on as it was.
pub(crate) fn hand_on_mask(policy: NodataPolicy, input: &TileView<'_>, output: &mut TileMut<'_>) {
    if policy != NodataPolicy::Value || !output.kind().mask {
        return;
    }
    let same = input.crop(output.window());
    for y in 0..output.window().height {
        if let (Some(to), Some(from)) = (output.mask_row_mut(y), same.mask_row(y)) {
            to.copy_from_slice(from);
        }
    }
}
