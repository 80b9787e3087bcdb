//! How much memory and how many CPUs this process may use: cgroup v1 and v2 over the whole hierarchy, affinity, and
//! what the machine has left.

use std::fs;
use std::path::{Path, PathBuf};

/// What the machine and its control groups leave to this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory that are left, the process's own resident memory included.
    pub available_bytes: u64,
    /// The tightest limit that a control group sets on memory, whatever is used of it.
    pub group_bytes: Option<u64>,
    /// CPUs that may be used: affinity and quota.
    pub cpus: usize,
    /// Resident memory of the process before anything is planned, which counts against every budget. All sweeps of a run
    /// count with this one figure, so that what an earlier one leaves behind in the allocator refuses no later one.
    pub held_bytes: u64,
}

impl Limits {
    /// Asks the system.
    pub fn detect() -> Self {
        let root = Path::new("/");
        let machine = machine_available(root).unwrap_or(1 << 30);
        let groups = memory_groups(root);
        let group_bytes = groups.iter().map(|group| group.limit_bytes).min();
        let left =
            groups.iter().map(|group| group.limit_bytes.saturating_sub(group.unreclaimable_bytes)).min();
        let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        Limits {
            available_bytes: left.map_or(machine, |left| left.min(machine)),
            group_bytes,
            cpus: cpus.min(cpu_quota(root)),
            held_bytes: crate::memory::resident_bytes().unwrap_or(8 << 20),
        }
    }

    /// The budget where none is given: half of what is left, at most 1 GiB.
    ///
    /// A control group also charges the page cache that reading and writing goes through and the kernel's own memory,
    /// neither of which the budget counts; half leaves room for both.
    pub fn default_budget_bytes(&self) -> u64 {
        (self.available_bytes / 2).min(1 << 30)
    }
}

/// A control group that limits memory.
struct MemoryGroup {
    limit_bytes: u64,
    /// What it holds that the kernel cannot drop to make room.
    unreclaimable_bytes: u64,
}

fn read_number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn machine_available(root: &Path) -> Option<u64> {
    let text = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let line = text.lines().find(|line| line.starts_with("MemAvailable:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// The value of `name` in a group's `memory.stat`.
fn statistic(folder: &Path, name: &str) -> u64 {
    let text = fs::read_to_string(folder.join("memory.stat")).unwrap_or_default();
    let line = text.lines().find(|line| line.split_whitespace().next() == Some(name));
    line.and_then(|line| line.split_whitespace().nth(1)).and_then(|value| value.parse().ok()).unwrap_or(0)
}

fn memory_groups(root: &Path) -> Vec<MemoryGroup> {
    let mut groups = Vec::new();
    for (version, folder) in group_folders(root, "memory") {
        let limit = match version {
            1 => read_number(&folder.join("memory.limit_in_bytes")),
            _ => {
                let limits = ["memory.max", "memory.high"].map(|name| read_number(&folder.join(name)));
                limits.into_iter().flatten().min()
            }
        };
        // Version 1 writes "no limit" as the largest number of pages, just under 2^63.
        let Some(limit_bytes) = limit.filter(|&limit| limit < 1 << 60) else { continue };
        let (total, cache) = match version {
            1 => (
                read_number(&folder.join("memory.usage_in_bytes")),
                statistic(&folder, "total_inactive_file") + statistic(&folder, "total_active_file"),
            ),
            _ => (
                read_number(&folder.join("memory.current")),
                statistic(&folder, "inactive_file") + statistic(&folder, "active_file"),
            ),
        };
        groups
            .push(MemoryGroup { limit_bytes, unreclaimable_bytes: total.unwrap_or(0).saturating_sub(cache) });
    }
    groups
}

/// CPUs that the quotas of the hierarchy leave, rounded up; `usize::MAX` where there is none.
///
/// `available_parallelism` honours version 2 quotas and only the innermost group's of version 1 where it is mounted in
/// the usual place; walking up costs nothing.
fn cpu_quota(root: &Path) -> usize {
    let quota = |(version, folder): (u8, PathBuf)| -> Option<usize> {
        let (quota, period) = if version == 1 {
            (read_number(&folder.join("cpu.cfs_quota_us"))?, read_number(&folder.join("cpu.cfs_period_us"))?)
        } else {
            let text = fs::read_to_string(folder.join("cpu.max")).ok()?;
            let (quota, period) = text.trim().split_once(' ')?;
            (quota.parse().ok()?, period.parse().ok()?)
        };
        (period > 0).then(|| usize::try_from(quota.div_ceil(period)).unwrap_or(usize::MAX).max(1))
    };
    group_folders(root, "cpu").into_iter().filter_map(quota).min().unwrap_or(usize::MAX)
}

/// The folders of this process's control group for a controller and of every group above it, with the version of
/// the hierarchy they belong to.
fn group_folders(root: &Path, controller: &str) -> Vec<(u8, PathBuf)> {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let mounts = fs::read_to_string(root.join("proc/self/mountinfo")).unwrap_or_default();
    let mut folders = Vec::new();
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        let version = if controllers.is_empty() { 2 } else { 1 };
        if version == 1 && !controllers.split(',').any(|name| name == controller) {
            continue;
        }
        let mount = mounts.lines().find_map(|mount| mount_of(mount, version, controller));
        let Some((mount_root, mount_point)) = mount else { continue };
        // Inside a container the group's path may lie outside of what is mounted; then the mount itself is the group.
        let below = path.strip_prefix(mount_root.trim_end_matches('/')).unwrap_or("").trim_start_matches('/');
        let top = root.join(mount_point.trim_start_matches('/'));
        let mut folder = if top.join(below).is_dir() { top.join(below) } else { top.clone() };
        loop {
            folders.push((version, folder.clone()));
            if folder == top || !folder.pop() {
                break;
            }
        }
    }
    folders
}

/// The root and mount point of a line of `mountinfo`, where it mounts the controller's hierarchy.
fn mount_of<'a>(line: &'a str, version: u8, controller: &str) -> Option<(&'a str, &'a str)> {
    let (before, after) = line.split_once(" - ")?;
    let mut after = after.split(' ');
    let (kind, _, options) = (after.next()?, after.next()?, after.next()?);
    let matches = match version {
        1 => kind == "cgroup" && options.split(',').any(|option| option == controller),
        _ => kind == "cgroup2",
    };
    let mut before = before.split(' ').skip(3);
    matches.then_some((before.next()?, before.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A process's view of /proc and /sys as a folder of files.
    struct System(PathBuf);

    impl System {
        fn new(name: &str, files: &[(&str, &str)]) -> Self {
            let root = std::env::temp_dir().join(format!("swathe-limits-{}-{name}", std::process::id()));
            for (path, content) in files {
                let path = root.join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, content).unwrap();
            }
            System(root)
        }
    }

    impl Drop for System {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[test]
    fn the_tightest_of_the_hierarchy_counts_in_version_2() {
        let system = System::new(
            "v2",
            &[
                ("proc/self/cgroup", "0::/user/job\n"),
                ("proc/self/mountinfo", "30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"),
                ("sys/fs/cgroup/user/job/memory.max", "max\n"),
                ("sys/fs/cgroup/user/job/cpu.max", "150000 100000\n"),
                ("sys/fs/cgroup/user/memory.max", "1000000\n"),
                ("sys/fs/cgroup/user/memory.high", "900000\n"),
                ("sys/fs/cgroup/user/memory.current", "500000\n"),
                ("sys/fs/cgroup/user/memory.stat", "anon 1\nactive_file 100000\ninactive_file 200000\n"),
                ("sys/fs/cgroup/user/cpu.max", "max 100000\n"),
            ],
        );
        let groups = memory_groups(&system.0);
        assert_eq!(groups.len(), 1);
        assert_eq!((groups[0].limit_bytes, groups[0].unreclaimable_bytes), (900_000, 200_000));
        assert_eq!(cpu_quota(&system.0), 2);
    }

    #[test]
    fn version_1_and_2_side_by_side() {
        let system = System::new(
            "v1",
            &[
                ("proc/self/cgroup", "4:memory:/docker/abc\n1:cpu,cpuacct:/docker/abc\n0::/\n"),
                (
                    "proc/self/mountinfo",
                    "1 1 0:1 /docker/abc /cg/memory rw - cgroup cgroup rw,memory\n\
                     2 1 0:2 / /cg/cpu rw - cgroup cgroup rw,cpu,cpuacct\n3 1 0:3 / /cg/unified rw - cgroup2 c rw\n",
                ),
                ("cg/memory/memory.limit_in_bytes", "268435456\n"),
                ("cg/memory/memory.usage_in_bytes", "1000\n"),
                ("cg/cpu/docker/abc/cpu.cfs_quota_us", "-1\n"),
                ("cg/cpu/docker/cpu.cfs_quota_us", "50000\n"),
                ("cg/cpu/docker/cpu.cfs_period_us", "100000\n"),
                ("cg/unified/none", ""),
            ],
        );
        assert_eq!(memory_groups(&system.0)[0].limit_bytes, 1 << 28);
        assert_eq!(cpu_quota(&system.0), 1);
    }

    #[test]
    fn no_groups_no_limits() {
        let system =
            System::new("none", &[("proc/meminfo", "MemTotal: 10 kB\nMemAvailable:       2048 kB\n")]);
        assert_eq!(machine_available(&system.0), Some(2 << 20));
        assert!(memory_groups(&system.0).is_empty());
        assert_eq!(cpu_quota(&system.0), usize::MAX);
        let limits = Limits::detect();
        assert!(limits.cpus >= 1 && limits.available_bytes > 1 << 20);
    }
}
