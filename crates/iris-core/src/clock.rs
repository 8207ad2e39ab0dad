//! The one place where the program asks what time it is. Everything else is told.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::time::{MonoTime, WallTime};

/// Tells the time. The pipeline owns one; stages get times as arguments.
pub trait Clock: Send + Sync {
    /// The monotonic clock.
    fn mono(&self) -> MonoTime;
    /// The wall clock.
    fn wall(&self) -> WallTime;
}

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts now.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn new() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn mono(&self) -> MonoTime {
        MonoTime(self.origin.elapsed())
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn wall(&self) -> WallTime {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        WallTime { unix_micros: i64::try_from(since.as_micros()).unwrap_or(i64::MAX) }
    }
}

/// A clock that moves only when told to, for tests and replays. Its wall starts at the Unix epoch.
#[derive(Debug, Default)]
pub struct ManualClock {
    nanos: AtomicU64,
}

impl ManualClock {
    /// Moves time forward.
    pub fn advance(&self, by: Duration) {
        self.nanos.fetch_add(by.as_nanos() as u64, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn mono(&self) -> MonoTime {
        MonoTime(Duration::from_nanos(self.nanos.load(Ordering::SeqCst)))
    }

    fn wall(&self) -> WallTime {
        WallTime { unix_micros: (self.nanos.load(Ordering::SeqCst) / 1_000) as i64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told_to() {
        let clock = ManualClock::default();
        assert_eq!((clock.mono(), clock.wall().unix_micros), (MonoTime::default(), 0));
        clock.advance(Duration::from_millis(1500));
        assert_eq!(clock.mono().since(MonoTime::default()), Duration::from_millis(1500));
        assert_eq!(clock.wall().unix_micros, 1_500_000);
    }

    #[test]
    fn the_system_clock_starts_at_zero_and_never_goes_back() {
        let clock = SystemClock::new();
        let (first, second) = (clock.mono(), clock.mono());
        assert!(first <= second && first < MonoTime(Duration::from_hours(1)));
        assert!(clock.wall().unix_micros > 1_700_000_000_000_000, "the machine's clock is set");
    }
}
