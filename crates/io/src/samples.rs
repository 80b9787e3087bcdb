//! Samples between a file's order of bytes and of bands, and ours.

use crate::tiff::directory::ByteOrder;

/// Whether samples of `size` bytes in this byte order lie as they do in memory.
pub(crate) fn is_native(size: usize, order: ByteOrder) -> bool {
    size == 1 || order == ByteOrder::NATIVE
}

/// Copies sample `sample` of every pixel of `stored`, which holds `samples` of `size` bytes for each, to `target`,
/// which holds one for each, in native byte order.
pub(crate) fn gather(
    stored: &[u8],
    sample: usize,
    samples: usize,
    size: usize,
    order: ByteOrder,
    target: &mut [u8],
) {
    let swap = !is_native(size, order);
    match size {
        1 => gather_words::<1>(stored, sample, samples, swap, target),
        2 => gather_words::<2>(stored, sample, samples, swap, target),
        4 => gather_words::<4>(stored, sample, samples, swap, target),
        _ => gather_words::<8>(stored, sample, samples, swap, target),
    }
}

fn gather_words<const N: usize>(stored: &[u8], sample: usize, samples: usize, swap: bool, target: &mut [u8]) {
    if samples == 1 && !swap {
        return target.copy_from_slice(stored);
    }
    let (stored, _) = stored.as_chunks::<N>();
    let (target, _) = target.as_chunks_mut::<N>();
    for (to, from) in target.iter_mut().zip(stored[sample..].iter().step_by(samples)) {
        *to = *from;
        if swap {
            to.reverse();
        }
    }
}

/// Fills bytes with one sample, over and over.
pub(crate) fn repeat(bytes: &mut [u8], sample: &[u8]) {
    match sample {
        [first, rest @ ..] if rest.iter().all(|byte| byte == first) => bytes.fill(*first),
        _ => bytes.chunks_exact_mut(sample.len()).for_each(|to| to.copy_from_slice(sample)),
    }
}

/// Turns samples of `size` bytes from one byte order into the other.
pub(crate) fn swap_bytes(bytes: &mut [u8], size: usize) {
    match size {
        2 => bytes.as_chunks_mut::<2>().0.iter_mut().for_each(|word| word.reverse()),
        4 => bytes.as_chunks_mut::<4>().0.iter_mut().for_each(|word| word.reverse()),
        8 => bytes.as_chunks_mut::<8>().0.iter_mut().for_each(|word| word.reverse()),
        _ => {}
    }
}

/// The reverse of [`gather`] for files in native order.
pub(crate) fn scatter(row: &[u8], sample: usize, samples: usize, size: usize, target: &mut [u8]) {
    match size {
        1 => scatter_words::<1>(row, sample, samples, target),
        2 => scatter_words::<2>(row, sample, samples, target),
        4 => scatter_words::<4>(row, sample, samples, target),
        _ => scatter_words::<8>(row, sample, samples, target),
    }
}

fn scatter_words<const N: usize>(row: &[u8], sample: usize, samples: usize, target: &mut [u8]) {
    if samples == 1 {
        return target.copy_from_slice(row);
    }
    let (row, _) = row.as_chunks::<N>();
    let (target, _) = target.as_chunks_mut::<N>();
    for (to, from) in target[sample..].iter_mut().step_by(samples).zip(row) {
        *to = *from;
    }
}
