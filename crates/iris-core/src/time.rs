//! When it happened. Three clocks that must not be mixed, each with its type: the camera's own ([`MediaTime`]), the
//! machine's monotonic one ([`MonoTime`], for durations and ages), and the wall ([`WallTime`], a label only).

use std::cmp::Ordering;
use std::fmt;
use std::time::Duration;

/// The length of one tick, `num / den` seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timebase {
    /// Numerator, in seconds; at least 1.
    pub num: u32,
    /// Denominator; at least 1.
    pub den: u32,
}

impl Timebase {
    /// 90 kHz, the clock of RTP video (RFC 3551 §5) and of MPEG-TS.
    pub const VIDEO: Self = Self { num: 1, den: 90_000 };
    /// Microseconds.
    pub const MICROS: Self = Self { num: 1, den: 1_000_000 };
}

/// A position on a camera's timeline, in ticks of a timebase.
///
/// Ingest makes it monotonic over all the connections of a run, so rules can measure how long something lasted
/// even across a reconnect.
#[derive(Debug, Clone, Copy)]
pub struct MediaTime {
    /// Ticks since the camera's first frame of the run.
    pub ticks: i64,
    /// The length of a tick.
    pub timebase: Timebase,
}

impl MediaTime {
    /// The start of the timeline.
    pub const ZERO: Self = Self { ticks: 0, timebase: Timebase::VIDEO };

    /// A position in 90 kHz ticks.
    pub const fn from_90khz(ticks: i64) -> Self {
        Self { ticks, timebase: Timebase::VIDEO }
    }

    /// A position in milliseconds, kept in 90 kHz ticks.
    pub const fn from_millis(ms: i64) -> Self {
        Self::from_90khz(ms * 90)
    }

    /// The time since the start of the timeline in seconds; for arithmetic on velocities and for people.
    pub fn as_secs_f64(self) -> f64 {
        self.ticks as f64 * f64::from(self.timebase.num) / f64::from(self.timebase.den)
    }

    /// How much later this is than `earlier`; zero if it is not later.
    pub fn since(self, earlier: Self) -> Duration {
        let nanos = self.nanos() - earlier.nanos();
        Duration::from_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
    }

    /// The same position in another timebase, rounded to the nearest tick.
    #[must_use]
    pub fn rescale(self, to: Timebase) -> Self {
        let num = i128::from(self.ticks) * i128::from(self.timebase.num) * i128::from(to.den);
        let den = i128::from(self.timebase.den) * i128::from(to.num);
        let ticks = (num + den.signum() * den / 2).div_euclid(den);
        Self { ticks: ticks.clamp(i64::MIN.into(), i64::MAX.into()) as i64, timebase: to }
    }

    fn nanos(self) -> i128 {
        i128::from(self.ticks) * i128::from(self.timebase.num) * 1_000_000_000 / i128::from(self.timebase.den)
    }

    fn cross(self, other: Self) -> (i128, i128) {
        let weigh = |a: Self, b: Self| i128::from(a.ticks) * i128::from(a.timebase.num) * i128::from(b.timebase.den);
        (weigh(self, other), weigh(other, self))
    }
}

impl PartialEq for MediaTime {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for MediaTime {}

impl Ord for MediaTime {
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b) = self.cross(*other);
        a.cmp(&b)
    }
}

impl PartialOrd for MediaTime {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl std::ops::Add<Duration> for MediaTime {
    type Output = Self;
    fn add(self, d: Duration) -> Self {
        let ticks =
            d.as_nanos() as i128 * i128::from(self.timebase.den) / (i128::from(self.timebase.num) * 1_000_000_000);
        Self { ticks: self.ticks.saturating_add(i64::try_from(ticks).unwrap_or(i64::MAX)), ..self }
    }
}

impl fmt::Display for MediaTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}s", self.as_secs_f64())
    }
}

/// The machine's monotonic clock: the time since the program's clock was made. For ages, deadlines and back-off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MonoTime(pub Duration);

impl MonoTime {
    /// How much later this is than `earlier`; zero if it is not later.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl std::ops::Add<Duration> for MonoTime {
    type Output = Self;
    fn add(self, d: Duration) -> Self {
        Self(self.0.saturating_add(d))
    }
}

/// The wall clock, as microseconds since 1970-01-01 UTC. A label for people, never an input to a decision: it jumps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WallTime {
    /// Microseconds since the Unix epoch.
    pub unix_micros: i64,
}

/// One moment of a camera: where it lies on the camera's timeline, and what the wall clock said. Recorded files have
/// no wall clock, so that replaying one gives the same events on any day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The position on the camera's timeline.
    pub media: MediaTime,
    /// The wall clock when the frame arrived, for live cameras.
    pub wall: Option<WallTime>,
}

/// When a frame passed each stage, by the monotonic clock. Rides on the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stamps {
    /// Its last byte arrived.
    pub received: MonoTime,
    /// The decoder returned it.
    pub decoded: Option<MonoTime>,
    /// The model returned.
    pub inferred: Option<MonoTime>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_different_timebases_compare_by_what_they_mean() {
        let a = MediaTime { ticks: 1, timebase: Timebase { num: 1, den: 25 } };
        let b = MediaTime::from_90khz(3600);
        assert_eq!(a, b);
        assert!(MediaTime::from_90khz(3601) > a);
        assert_eq!(a.rescale(Timebase::VIDEO).ticks, 3600);
        assert_eq!(
            MediaTime { ticks: -1, timebase: Timebase { num: 1, den: 25 } }.rescale(Timebase::VIDEO).ticks,
            -3600
        );
    }

    #[test]
    fn a_difference_is_never_negative() {
        let (a, b) = (MediaTime::from_millis(100), MediaTime::from_millis(350));
        assert_eq!(b.since(a), Duration::from_millis(250));
        assert_eq!(a.since(b), Duration::ZERO);
        assert_eq!(a + Duration::from_millis(250), b);
    }

    #[test]
    fn the_ends_of_the_range_do_not_overflow() {
        let top = MediaTime::from_90khz(i64::MAX);
        assert_eq!((top + Duration::from_secs(1)).ticks, i64::MAX);
        assert!(top.rescale(Timebase::MICROS).ticks > 0);
        assert!(top.since(MediaTime::from_90khz(i64::MIN)) > Duration::ZERO);
    }
}
