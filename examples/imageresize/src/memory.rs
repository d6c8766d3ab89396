//! The memory that images may take together: those that do not fit beside others wait for them.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::images::Unusable;

/// The memory of this process that is for images.
pub struct Memory {
    free: Arc<Semaphore>,
    /// In [`UNIT`]s.
    all: u32,
}

/// What is counted, so that a semaphore can count it.
const UNIT: u64 = 1 << 20;

impl Memory {
    /// So many bytes, all free.
    pub fn new(bytes: u64) -> Self {
        let all = u32::try_from(bytes / UNIT).unwrap_or(u32::MAX);
        Self { free: Arc::new(Semaphore::new(all as usize)), all }
    }

    /// Waits until so many bytes are free. They are taken until what is returned is dropped.
    pub async fn take(&self, bytes: u64) -> Result<OwnedSemaphorePermit, Unusable> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
        if units > self.all {
            return Err(Unusable(format!(
                "the image needs {units} MiB of memory to be resized, and the service has {}: send a smaller one, or ask for a smaller result",
                self.all
            )));
        }
        // Whoever waits longest is next, so that a large image is not overtaken for ever.
        let taken = self.free.clone().acquire_many_owned(units).await;
        taken.map_err(|closed| Unusable(closed.to_string()))
    }
}

/// How many bytes images may take where nothing is said.
pub fn budget() -> u64 {
    budget_of(|file| std::fs::read_to_string(file).ok())
}

/// Where a machine tells nothing.
const UNKNOWN: u64 = 1 << 30;

/// Three quarters of what this process is limited to, by the control group it is in or one above
/// it; half of the machine's memory at most, as others use that, too.
fn budget_of(read: impl Fn(&Path) -> Option<String>) -> u64 {
    let groups = read(Path::new("/proc/self/cgroup")).unwrap_or_default();
    let limits = groups.lines().filter_map(|line| {
        // `0::/GROUP` of version 2, `4:memory:/GROUP` of version 1.
        let mut parts = line.splitn(3, ':').skip(1);
        let (root, file) = match parts.next()? {
            "" => ("/sys/fs/cgroup", "memory.max"),
            of_v1 if of_v1.split(',').any(|controller| controller == "memory") => {
                ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => return None,
        };
        let group = Path::new(root).join(parts.next()?.trim_start_matches('/'));
        // A container may see its own group alone, as the root.
        let seen = group.ancestors().take_while(|group| group.starts_with(root));
        // `max` is no limit.
        seen.filter_map(|group| read(&group.join(file))?.trim().parse::<u64>().ok()).min()
    });
    let of_group = limits.min().map(|limit| limit / 4 * 3);
    let of_machine = read(Path::new("/proc/meminfo")).and_then(|memory| {
        let total = memory.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        Some(total.split_whitespace().next()?.parse::<u64>().ok()? * 1024 / 2)
    });
    of_group.into_iter().chain(of_machine).min().unwrap_or(UNKNOWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn the_budget_is_a_share_of_the_least_limit() {
        let (limit, own) = ("1073741824\n", "536870912\n");
        let v2 = ("/proc/self/cgroup", "0::/system.slice/images\n");
        let v1 = ("/proc/self/cgroup", "9:pids:/\n4:cpu,memory:/docker/7f\n1:cpu:/\n0::/\n");
        let machine = ("/proc/meminfo", "MemTotal:        8388608 kB\nMemFree: 7 kB\n");
        let cases: [(&[(&str, &str)], u64); 9] = [
            (&[], 1024),
            (&[machine], 4096),
            // As in a container: the root is the group's own.
            (
                &[("/proc/self/cgroup", "0::/\n"), ("/sys/fs/cgroup/memory.max", limit), machine],
                768,
            ),
            (&[v2, ("/sys/fs/cgroup/system.slice/images/memory.max", own), machine], 384),
            // A group above has the limit.
            (
                &[
                    v2,
                    ("/sys/fs/cgroup/system.slice/images/memory.max", "max\n"),
                    ("/sys/fs/cgroup/system.slice/memory.max", limit),
                    machine,
                ],
                768,
            ),
            (&[v2, ("/sys/fs/cgroup/system.slice/images/memory.max", "max\n"), machine], 4096),
            (&[v1, ("/sys/fs/cgroup/memory/docker/7f/memory.limit_in_bytes", own), machine], 384),
            (&[v1, ("/sys/fs/cgroup/memory/memory.limit_in_bytes", limit), machine], 768),
            // What is no limit in version 1.
            (
                &[
                    v1,
                    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712"),
                    machine,
                ],
                4096,
            ),
        ];
        for (files, expected) in cases {
            let read = |path: &Path| {
                let file = files.iter().find(|(file, _)| path == Path::new(file));
                file.map(|(_, text)| (*text).to_owned())
            };
            assert_eq!(budget_of(read) / MIB, expected, "{files:?}");
        }
    }

    #[tokio::test]
    async fn what_does_not_fit_waits_and_what_never_will_is_refused() {
        let memory = Memory::new(10 * MIB);
        let first = memory.take(6 * MIB).await.unwrap();
        let second = memory.take(5 * MIB);
        tokio::pin!(second);
        assert!(futures_util::poll!(&mut second).is_pending());
        drop(first);
        drop(second.await.unwrap());
        let sentence = memory.take(10 * MIB + 1).await.unwrap_err().0;
        assert!(sentence.contains("needs 11 MiB") && sentence.contains("has 10"), "{sentence}");
    }
}
