//! How the pipeline fares now, for people who watch it: how old frames are at the end of each stage, how busy each device
//! is, and what waits in each queue. The books, which count since the start, are in [`crate::meter`].

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use iris_core::MonoTime;

/// How many of the newest ages are kept.
const KEPT: usize = 256;
/// Over how long a device's share of busy time is taken.
const WINDOW: Duration = Duration::from_secs(10);

/// The ages of the newest frames that left a stage. Any thread may note one; a reader may see a mixture of old and new.
pub(crate) struct Ages {
    micros: [AtomicU32; KEPT],
    noted: AtomicUsize,
}

impl Default for Ages {
    fn default() -> Self {
        Self { micros: [const { AtomicU32::new(0) }; KEPT], noted: AtomicUsize::new(0) }
    }
}

impl Ages {
    pub(crate) fn note(&self, age: Duration) {
        let at = self.noted.fetch_add(1, Relaxed) % KEPT;
        self.micros[at].store(u32::try_from(age.as_micros()).unwrap_or(u32::MAX), Relaxed);
    }

    /// The median and the 95th percentile, by the nearest rank.
    pub(crate) fn quantiles(&self) -> Option<(Duration, Duration)> {
        let count = self.noted.load(Relaxed).min(KEPT);
        let mut micros: Vec<u32> = self.micros[..count].iter().map(|age| age.load(Relaxed)).collect();
        micros.sort_unstable();
        let rank = |percent: usize| micros.get((count * percent).div_ceil(100).saturating_sub(1));
        let age = |micros: &u32| Duration::from_micros(u64::from(*micros));
        Some((rank(50).map(age)?, rank(95).map(age)?))
    }
}

/// What a device has done.
#[derive(Default)]
pub(crate) struct Work {
    inferences: AtomicU64,
    busy: Mutex<Busy>,
}

#[derive(Default)]
struct Busy {
    since: MonoTime,
    spent: Duration,
    /// The share of the window before.
    last: Option<f64>,
}

impl Busy {
    fn share(&self, now: MonoTime) -> f64 {
        let elapsed = now.since(self.since).as_secs_f64();
        if elapsed > 0.0 { (self.spent.as_secs_f64() / elapsed).min(1.0) } else { 0.0 }
    }
}

impl Work {
    /// Notes that it was busy with so many frames.
    pub(crate) fn note(&self, frames: usize, began: MonoTime, ended: MonoTime) {
        self.inferences.fetch_add(frames as u64, Relaxed);
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        if began.since(busy.since) >= WINDOW {
            *busy = Busy { since: began, spent: Duration::ZERO, last: Some(busy.share(began)) };
        }
        busy.spent += ended.since(began);
    }

    /// How many frames it has looked at.
    pub(crate) fn inferences(&self) -> u64 {
        self.inferences.load(Relaxed)
    }

    /// How much of the last seconds it was busy, 0 to 1.
    pub(crate) fn busy_share(&self, now: MonoTime) -> f64 {
        let busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let current = now.since(busy.since) < WINDOW;
        busy.last.filter(|_| current).unwrap_or_else(|| busy.share(now))
    }
}

/// A device, at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceStatus {
    /// Its name.
    pub name: String,
    /// `cpu`, `cuda` or `tensorrt`.
    pub kind: &'static str,
    /// How it is.
    pub state: DeviceState,
    /// Whether it works only while a GPU or server is lost.
    pub stand_in: bool,
    /// How long it has been lost; else, since it was added or came back.
    pub since: Duration,
    /// Why it is lost.
    pub error: Option<String>,
    /// How often it was lost.
    pub losses: u64,
    /// How many frames it has looked at.
    pub inferences: u64,
    /// How much of the last seconds it was busy, 0 to 1.
    pub busy_share: f64,
}

/// How a device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceState {
    /// It takes frames.
    Running,
    /// It cannot be used, and is tried again from time to time.
    Lost,
    /// It stands in for others, and none needs it now.
    Standby,
}

impl DeviceState {
    /// The state as it stands in metrics and API.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Lost => "lost",
            Self::Standby => "standby",
        }
    }
}

/// How old frames are at the end of a stage: the time from the last byte's arrival, of the newest 256 frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StageAge {
    /// The median.
    pub p50: Duration,
    /// The 95th percentile.
    pub p95: Duration,
}

/// A stage and its threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StageThreads {
    /// Its name.
    pub name: &'static str,
    /// How many threads it has; 0 where it is made of tasks on the threads of the network.
    pub threads: usize,
}

/// A queue between two stages, at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueStatus {
    /// Its name.
    pub name: &'static str,
    /// How many items it holds at most, over all cameras or threads.
    pub capacity: usize,
    /// How many items wait.
    pub depth: usize,
    /// What happens when it is full.
    pub when_full: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> MonoTime {
        MonoTime(Duration::from_millis(millis))
    }

    #[test]
    fn quantiles_are_of_the_newest_ages() {
        let ages = Ages::default();
        assert_eq!(ages.quantiles(), None);
        ages.note(Duration::from_millis(7));
        assert_eq!(ages.quantiles(), Some((Duration::from_millis(7), Duration::from_millis(7))));
        (1..=1000).for_each(|n| ages.note(Duration::from_millis(n)));
        // Of 745 to 1000, the 128th and the 244th.
        assert_eq!(ages.quantiles(), Some((Duration::from_millis(872), Duration::from_millis(988))));
    }

    #[test]
    fn a_device_is_busy_for_the_share_of_time_in_which_it_works() {
        let work = Work::default();
        let share = |now| work.busy_share(at(now));
        assert_eq!(share(0), 0.0);
        (0..200).for_each(|n| work.note(1, at(n * 100), at(n * 100 + 25)));
        assert!((share(20_000) - 0.25).abs() < 1e-9, "{}", share(20_000));
        assert!((share(40_000) - 0.083).abs() < 0.01, "it has done nothing since: {}", share(40_000));
        assert_eq!(work.inferences(), 200);
    }
}
