//! About how long a registration of the whole takes: transforms by a row that is timed here, the disk by a rate that is said.

use std::time::Instant;

use swathe_core::Result;
use swathe_engine::TimeEstimate;
use swathe_operators::transform::rows::{Extent, SurfaceRow};

/// Bytes of scratch that a disk takes or gives in a second, where they do not stay in the page cache: a usual SSD's.
const DISK_BYTES_PER_SECOND: f64 = 500e6;
/// CPU time of all passes against that of their transforms: what is loaded, tapered, transposed and looked at besides (measured at
/// 8192 x 8192 and 20,000 x 15,000).
const BESIDES: f64 = 4.5;
/// Times that a row is transformed; the least counts, since others may be at work on this machine.
const ROWS_TIMED: usize = 5;

/// The time that transforms of that extent take, with `traffic_bytes` from and to the scratch disk.
pub(super) fn estimate(extent: Extent, workers: u64, traffic_bytes: u64) -> Result<TimeEstimate> {
    let transform = SurfaceRow::new(extent);
    let row = vec![0.5; extent.info().size.width];
    let mut row_seconds = f64::INFINITY;
    for _ in 0..ROWS_TIMED {
        let start = Instant::now();
        transform.of(&row)?;
        row_seconds = row_seconds.min(start.elapsed().as_secs_f64());
    }
    let (width, height) = (extent.padded.width as f64, extent.padded.height as f64);
    // Rows of both rasters and of the surface, and as many columns, which are longer or shorter.
    let transforms = 3.0 * height * row_seconds * (1.0 + height.max(2.0).log2() / width.max(2.0).log2());
    Ok(TimeEstimate {
        compute_seconds: BESIDES * transforms / workers.max(1) as f64,
        disk_seconds: traffic_bytes as f64 / DISK_BYTES_PER_SECOND,
        disk_bytes_per_second: DISK_BYTES_PER_SECOND,
    })
}

#[cfg(test)]
mod tests {
    use swathe_core::Size;

    use super::*;

    #[test]
    fn twice_the_rows_take_about_twice_as_long() {
        let of = |height| {
            let extent = Extent { padded: Size::new(4096, height), stored: 2112 };
            estimate(extent, 1, 1 << 30).unwrap()
        };
        let (one, other) = (of(1024), of(8192));
        assert!(other.compute_seconds > 2.0 * one.compute_seconds, "{one:?} {other:?}");
        assert_eq!(one.disk_seconds, (1_u64 << 30) as f64 / 500e6);
    }
}
