//! When to connect, when to give up waiting, when to try again. A pure state machine: what happened and what time it
//! is go in, deadlines and decisions come out. No sockets, no clock, no randomness but the seed.

use std::time::Duration;

use iris_core::{Backoff, MonoTime};

use crate::ErrorKind;

/// The first pause after a failure; it doubles with each failure in a row.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The pause after a refused password: cameras lock an account after a few.
const AUTH_PAUSE: Duration = Duration::from_mins(1);
/// A connection that lived this long was no failure, so the pauses start small again.
const STEADY: Duration = Duration::from_mins(1);
/// How long a camera may send without a key frame.
const KEYFRAME_PATIENCE: Duration = Duration::from_secs(30);

/// The life of a live source's connections.
#[derive(Debug)]
pub struct Reconnect {
    phase: Phase,
    backoff: Backoff,
    open_timeout: Duration,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Paused { until: MonoTime },
    Opening { since: MonoTime },
    Live { since: MonoTime, last_packet: MonoTime, seen_key: bool, stall_timeout: Duration },
}

/// What is due when a deadline has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Open a connection.
    Connect,
    /// Drop the connection: it failed for this reason ([`ErrorKind::Timeout`] while opening,
    /// [`ErrorKind::NoKeyframe`]). [`Reconnect::failed`] need not be called.
    Fail(ErrorKind),
    /// Drop the connection: nothing has come for too long.
    Stalled,
}

impl Reconnect {
    /// A source to connect to at once. Sources with different seeds spread their attempts differently.
    pub fn new(seed: u64, now: MonoTime, open_timeout: Duration) -> Self {
        let backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE, seed);
        Self { phase: Phase::Paused { until: now }, backoff, open_timeout }
    }

    /// When to call [`Reconnect::due`] next.
    pub fn deadline(&self) -> MonoTime {
        match self.phase {
            Phase::Paused { until } => until,
            Phase::Opening { since } => since + self.open_timeout,
            Phase::Live { last_packet, seen_key: true, stall_timeout, .. } => last_packet + stall_timeout,
            Phase::Live { since, last_packet, seen_key: false, stall_timeout } => {
                (since + KEYFRAME_PATIENCE).min(last_packet + stall_timeout)
            }
        }
    }

    /// What to do at `now`, if the deadline has passed.
    pub fn due(&mut self, now: MonoTime) -> Option<Due> {
        if now < self.deadline() {
            return None;
        }
        Some(match self.phase {
            Phase::Paused { .. } => {
                self.phase = Phase::Opening { since: now };
                Due::Connect
            }
            Phase::Opening { .. } => self.fail(now, ErrorKind::Timeout),
            Phase::Live { last_packet, stall_timeout, .. } if now >= last_packet + stall_timeout => {
                self.pause(now, ErrorKind::Timeout);
                Due::Stalled
            }
            Phase::Live { .. } => self.fail(now, ErrorKind::NoKeyframe),
        })
    }

    /// The connection is open; its source may be silent for `stall_timeout`.
    pub fn opened(&mut self, now: MonoTime, stall_timeout: Duration) {
        self.phase = Phase::Live { since: now, last_packet: now, seen_key: false, stall_timeout };
    }

    /// An access unit came.
    pub fn packet(&mut self, now: MonoTime, is_key: bool) {
        if let Phase::Live { last_packet, seen_key, .. } = &mut self.phase {
            *last_packet = now;
            *seen_key |= is_key;
        }
    }

    /// The connection could not be made, or broke.
    pub fn failed(&mut self, now: MonoTime, kind: ErrorKind) {
        self.pause(now, kind);
    }

    fn fail(&mut self, now: MonoTime, kind: ErrorKind) -> Due {
        self.pause(now, kind);
        Due::Fail(kind)
    }

    fn pause(&mut self, now: MonoTime, kind: ErrorKind) {
        if matches!(self.phase, Phase::Live { since, seen_key: true, .. } if now.since(since) >= STEADY) {
            self.backoff.reset();
        }
        let pause = self.backoff.pause();
        let pause = if kind == ErrorKind::AuthFailed { AUTH_PAUSE } else { pause };
        self.phase = Phase::Paused { until: now + pause };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OPEN: Duration = Duration::from_secs(10);
    const STALL: Duration = Duration::from_secs(10);

    fn at(secs: f64) -> MonoTime {
        MonoTime(Duration::from_secs_f64(secs))
    }

    fn connecting(seed: u64, now: MonoTime) -> Reconnect {
        let mut r = Reconnect::new(seed, now, OPEN);
        assert_eq!(r.due(now), Some(Due::Connect));
        r
    }

    #[test]
    fn pauses_double_up_to_half_a_minute() {
        let mut r = connecting(1, at(0.0));
        let mut now = at(0.0);
        for longest in [1, 2, 4, 8, 16, 30, 30, 30].map(Duration::from_secs) {
            r.failed(now, ErrorKind::Unreachable);
            let pause = r.deadline().since(now);
            assert!(pause >= longest / 2 && pause <= longest, "{pause:?} of {longest:?}");
            now = r.deadline();
            assert_eq!(r.due(now), Some(Due::Connect));
        }
    }

    #[test]
    fn a_refused_password_is_tried_once_a_minute() {
        let mut r = connecting(1, at(0.0));
        r.failed(at(1.0), ErrorKind::AuthFailed);
        assert_eq!(r.due(at(60.9)), None);
        assert_eq!(r.due(at(61.0)), Some(Due::Connect));
    }

    #[test]
    fn silence_is_noticed_and_reconnected_within_a_second() {
        let mut r = connecting(1, at(0.0));
        r.opened(at(1.0), STALL);
        r.packet(at(2.0), true);
        assert_eq!(r.due(at(11.9)), None);
        assert_eq!(r.due(at(12.0)), Some(Due::Stalled));
        assert!(r.deadline() <= at(13.0));
        assert_eq!(r.due(at(13.0)), Some(Due::Connect));
    }

    #[test]
    fn a_server_that_never_answers_is_left() {
        let mut r = connecting(1, at(0.0));
        assert_eq!(r.due(at(10.0)), Some(Due::Fail(ErrorKind::Timeout)));
        assert!(r.deadline() > at(10.0));
    }

    #[test]
    fn a_camera_without_key_frames_is_left() {
        let mut r = connecting(1, at(0.0));
        r.opened(at(0.0), STALL);
        for tenth in 1..300 {
            r.packet(at(f64::from(tenth) / 10.0), false);
            assert_eq!(r.due(at(f64::from(tenth) / 10.0)), None);
        }
        assert_eq!(r.due(at(30.0)), Some(Due::Fail(ErrorKind::NoKeyframe)));
    }

    #[test]
    fn flapping_does_not_shorten_the_pauses_but_a_steady_minute_does() {
        let mut r = connecting(1, at(0.0));
        let mut now = at(0.0);
        for _ in 0..10 {
            r.opened(now, STALL);
            r.packet(now, true);
            r.failed(now + Duration::from_secs(2), ErrorKind::Closed);
            now = r.deadline();
            assert_eq!(r.due(now), Some(Due::Connect));
        }
        r.opened(now, STALL);
        r.packet(now, true);
        r.failed(now + Duration::from_secs(2), ErrorKind::Closed);
        assert!(r.deadline().since(now) >= LONGEST_PAUSE / 2);

        now = r.deadline();
        assert_eq!(r.due(now), Some(Due::Connect));
        r.opened(now, STALL);
        r.packet(now, true);
        let end = now + STEADY;
        r.failed(end, ErrorKind::Closed);
        assert!(r.deadline().since(end) <= FIRST_PAUSE);
    }

    #[test]
    fn cameras_that_fail_together_return_apart() {
        let mut returns: Vec<Duration> = (0..200)
            .map(|seed| {
                let mut r = connecting(seed, at(0.0));
                r.failed(at(0.0), ErrorKind::Closed);
                r.deadline().0
            })
            .collect();
        returns.sort();
        let busiest = returns.windows(40).map(|w| w[39].saturating_sub(w[0])).min().unwrap();
        assert!(busiest > Duration::from_millis(50), "40 of 200 within {busiest:?}");
    }

    proptest! {
        /// Whatever happens, in whatever order: a deadline always exists, acting on it always moves it into the
        /// future, and attempts are never closer than half a second.
        #[test]
        fn no_order_of_events_hurries_or_hangs_it(seed: u64, events in prop::collection::vec((0_u8..6, 0_u64..20_000), 1..200)) {
            let mut r = Reconnect::new(seed, at(0.0), OPEN);
            let (mut now, mut last_attempt) = (at(0.0), None::<MonoTime>);
            for (event, millis) in events {
                now = now + Duration::from_millis(millis);
                match event {
                    0 => r.opened(now, STALL),
                    1 | 2 => r.packet(now, event == 1),
                    3 => r.failed(now, ErrorKind::AuthFailed),
                    4 => r.failed(now, ErrorKind::Closed),
                    _ => now = now.max(r.deadline()),
                }
                if r.due(now) == Some(Due::Connect) {
                    prop_assert!(last_attempt.is_none_or(|last| now.since(last) >= FIRST_PAUSE / 2));
                    last_attempt = Some(now);
                }
                prop_assert!(r.deadline() > now || r.due(now).is_some());
            }
        }
    }
}
