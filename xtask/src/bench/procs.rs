//! What a group of processes uses, as Linux tells it in /proc (proc(5)).

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Serialize;

/// Clock ticks a second in /proc: the same on every Linux, whatever the kernel's own rate.
const TICKS: f64 = 100.0;

/// What a group of processes has used and uses.
#[derive(Debug, Default, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Usage {
    pub(super) processes: usize,
    /// Seconds of processor time so far, those of its ended children too.
    pub(super) cpu_seconds: f64,
    /// Its proportional share of memory in bytes: pages that several processes share are counted once.
    pub(super) memory_bytes: u64,
    pub(super) threads: u64,
    /// Open descriptors.
    pub(super) files: u64,
}

/// The processor time of the process group of this number, which is cheap to ask for.
pub(super) fn cpu_seconds(group: u32) -> Result<f64> {
    Ok(members(group)?.iter().map(|(_, stat)| stat.cpu_seconds).sum())
}

/// The processor time of this process and of the children that it has waited for.
pub(super) fn own_cpu_seconds() -> Result<f64> {
    Ok(Stat::read(Path::new("/proc/self")).context("cannot read /proc/self/stat")?.cpu_seconds)
}

/// All that the group uses.
pub(super) fn usage(group: u32) -> Result<Usage> {
    let mut sum = Usage::default();
    for (folder, stat) in members(group)? {
        sum.processes += 1;
        sum.cpu_seconds += stat.cpu_seconds;
        sum.threads += stat.threads;
        // A process may end between two questions.
        sum.files += fs::read_dir(folder.join("fd")).map_or(0, Iterator::count) as u64;
        sum.memory_bytes += fs::read_to_string(folder.join("smaps_rollup")).map_or(0, |text| share(&text));
    }
    Ok(sum)
}

/// The processes of a group; an error if there is none.
fn members(group: u32) -> Result<Vec<(PathBuf, Stat)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").context("cannot read /proc")?.flatten() {
        let is_process = entry.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit());
        if let Some(stat) = is_process.then(|| Stat::read(&entry.path())).flatten().filter(|stat| stat.group == group) {
            found.push((entry.path(), stat));
        }
    }
    if found.is_empty() {
        bail!("a program that is measured has ended; its log is in target/bench");
    }
    Ok(found)
}

/// Of a process.
#[derive(Debug, PartialEq)]
struct Stat {
    group: u32,
    cpu_seconds: f64,
    threads: u64,
}

impl Stat {
    fn read(process: &Path) -> Option<Self> {
        Self::parse(&fs::read_to_string(process.join("stat")).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        // The name, in brackets, may hold anything.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |i: usize| fields.get(i)?.parse::<u64>().ok();
        let ticks = number(11)? + number(12)? + number(13)? + number(14)?;
        Some(Self { group: number(2)? as u32, cpu_seconds: ticks as f64 / TICKS, threads: number(17)? })
    }
}

fn share(smaps_rollup: &str) -> u64 {
    let line = smaps_rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kilobytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt as _;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_process_is_read_whatever_its_name_is() {
        let text = "12 (a ) b) S 1 34 34 0 -1 4194560 100 0 0 0 250 50 20 5 20 0 7 0 88";
        assert_eq!(Stat::parse(text), Some(Stat { group: 34, cpu_seconds: 3.25, threads: 7 }));
        assert_eq!(Stat::parse("12 (a) S 1"), None);
        assert_eq!(share("00400000-7ff rollup\nRss:  900 kB\nPss:   512 kB\nPss_Anon: 3 kB\n"), 512 * 1024);
    }

    #[test]
    fn a_group_is_its_processes() -> Result<()> {
        let mut shell = Command::new("sh");
        let shell = shell.args(["-c", "cat; true"]).process_group(0).stdin(Stdio::piped()).stdout(Stdio::null());
        let mut shell = shell.spawn()?;
        while members(shell.id())?.len() < 2 {
            std::thread::yield_now();
        }
        let usage = usage(shell.id())?;
        assert!(usage.processes >= 2 && usage.threads >= 2 && usage.files >= 6 && usage.memory_bytes > 0, "{usage:?}");
        drop(shell.stdin.take());
        shell.wait()?;
        Ok(())
    }

    #[test]
    fn a_group_that_is_not_there_is_an_error() {
        assert!(cpu_seconds(u32::MAX).is_err());
    }
}
