//! What the process uses of the machine, and what there is, as Linux tells it.

use std::path::Path;

use rustix::time::{ClockId, clock_gettime};

/// What the process uses.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Usage {
    /// Time on all processors since the start, in seconds.
    pub(crate) cpu_seconds: f64,
    /// Memory that is resident, in bytes.
    pub(crate) memory_bytes: u64,
    /// Threads.
    pub(crate) threads: u64,
}

impl Usage {
    /// Now. What the system does not tell is 0.
    pub(crate) fn now() -> Self {
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self {
            cpu_seconds: cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9,
            memory_bytes: field(&status, "VmRSS:") * 1024,
            threads: field(&status, "Threads:"),
        }
    }
}

/// The memory that can be had without swapping, in bytes; 0 where the system does not tell.
pub(crate) fn available_memory() -> u64 {
    field(&std::fs::read_to_string("/proc/meminfo").unwrap_or_default(), "MemAvailable:") * 1024
}

/// A number from a file such as `/proc/self/status`, after its page in section 5 of the manual.
fn field(status: &str, name: &str) -> u64 {
    let value = status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok());
    value.unwrap_or(0)
}

/// The bytes of the disk on which a folder lies: free for us, and in all.
pub(crate) fn disk(folder: &Path) -> std::io::Result<(u64, u64)> {
    let disk = rustix::fs::statvfs(folder)?;
    Ok((disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_memory_and_threads_and_lies_on_a_disk() {
        let usage = Usage::now();
        assert!(usage.memory_bytes > 1 << 20 && usage.threads >= 1 && usage.cpu_seconds > 0.0, "{usage:?}");
        let (free, total) = disk(Path::new("/")).expect("there is a disk");
        assert!(free <= total && total > 0);
        assert!(available_memory() > 1 << 20);
    }
}
