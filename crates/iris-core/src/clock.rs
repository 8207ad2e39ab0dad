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
