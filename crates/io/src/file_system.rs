//! Disks, and which file systems lie on another machine or are another program's, by the numbers that the kernel gives them: there files
//! are reached by positioned reads and writes, since a server that goes away turns a map into a signal.

use std::os::fd::AsFd;
use std::path::Path;

use swathe_core::Disk;

/// The way out where the scratch folder's disk is full.
pub(crate) const SCRATCH_IS_FULL: &str = "`--scratch DIR` names another folder";

/// Numbers of `statfs` (`linux/magic.h`, and the projects' own sources for those that are not in it) with names.
const DISTANT: [(u64, &str); 16] = [
    (0x6969, "NFS"),
    (0x517B, "SMB"),
    (0xFF53_4D42, "SMB"),
    (0xFE53_4D42, "SMB"),
    (0x6573_5546, "FUSE"),
    (0x0102_1997, "9P"),
    (0x00C3_6400, "Ceph"),
    (0x5346_414F, "AFS"),
    (0x6B41_4653, "AFS"),
    (0x7375_7245, "Coda"),
    (0x0BD0_0BD0, "Lustre"),
    (0x4750_4653, "GPFS"),
    (0x7461_636F, "OCFS2"),
    (0x0116_1970, "GFS2"),
    (0x1983_0326, "BeeGFS"),
    (0xAAD7_AAEA, "PanFS"),
];

/// Numbers of file systems that are memory (`linux/magic.h`).
const MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58F6];

/// The disk that a folder lies on.
pub(crate) fn disk(folder: &Path) -> Option<Disk> {
    let (system, entry) = (rustix::fs::statfs(folder).ok()?, rustix::fs::stat(folder).ok()?);
    // Free blocks are counted in fragments, which Linux calls blocks where it has no others.
    let unit = if system.f_frsize > 0 { system.f_frsize } else { system.f_bsize };
    let free_bytes = system.f_bavail.saturating_mul(unit as u64);
    let in_memory = MEMORY.contains(&low_bits(system.f_type as u64));
    Some(Disk { number: entry.st_dev, free_bytes, in_memory })
}

/// The name of a network or FUSE file system that an open file lies on; none for local ones.
pub(crate) fn distant(file: impl AsFd) -> Option<&'static str> {
    rustix::fs::fstatfs(file).ok().and_then(|statistics| named(statistics.f_type as u64))
}

/// The same of a folder.
pub(crate) fn distant_folder(folder: &Path) -> Option<&'static str> {
    rustix::fs::statfs(folder).ok().and_then(|statistics| named(statistics.f_type as u64))
}

/// The number itself of what the kernel tells, whose field is signed on some machines.
fn low_bits(number: u64) -> u64 {
    number & 0xFFFF_FFFF
}

fn named(number: u64) -> Option<&'static str> {
    let number = low_bits(number);
    DISTANT.iter().find(|(known, _)| *known == number).map(|(_, name)| *name)
}

/// A way of reaching a file, with the file system where that matters.
pub(crate) fn way(method: &str, distant: Option<&str>) -> String {
    match distant {
        Some(name) => format!("{method} on {name}"),
        None => method.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_names() {
        assert_eq!(named(0x6969), Some("NFS"));
        assert_eq!(named(0xFFFF_FFFF_FF53_4D42), Some("SMB"));
        assert_eq!(named(0xEF53), None, "ext4");
        assert_eq!(distant_folder(Path::new("/proc")), None);
        assert_eq!(way("pread", named(0x6573_5546)), "pread on FUSE");
        assert_eq!(way("mmap", None), "mmap");
    }
}
