//! What this process holds and has held, as the kernel counts it, and the CPU time it has used.

use std::fs;

fn status_bytes(name: &str) -> Option<u64> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Resident memory in bytes, mapped file pages included.
pub fn resident_bytes() -> Option<u64> {
    status_bytes("VmRSS:")
}

/// The most resident memory so far in bytes, mapped file pages included.
pub fn peak_resident_bytes() -> Option<u64> {
    status_bytes("VmHWM:")
}

/// User and system time of all threads so far, in seconds.
pub(crate) fn cpu_seconds() -> f64 {
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The command's name stands in brackets and may hold blanks; the fields after it are counted from its end.
    let after = text.rsplit_once(')').map_or("", |(_, after)| after);
    let ticks: u64 =
        after.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    ticks as f64 / rustix::param::clock_ticks_per_second() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_answers() {
        // The kernel counts pages per CPU and adds up late: the peak may lag behind by some hundred KiB.
        let (resident, peak) = (resident_bytes().unwrap(), peak_resident_bytes().unwrap());
        assert!(resident > 100 << 10 && resident <= peak + (4 << 20), "{resident} {peak}");
        let before = cpu_seconds();
        let mut sum = 0_u64;
        while cpu_seconds() - before < 0.02 {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(sum > 0);
    }
}
